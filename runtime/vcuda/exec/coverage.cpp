#include "runtime/vcuda/exec/coverage.h"

#include <cstdlib>

using namespace dlc::vcuda::exec;

Coverage *Coverage::get() {
  static Coverage *coverage = []() -> Coverage * {
    const char *path = std::getenv("VCUDA_COVERAGE");
    std::FILE *file = path && *path ? std::fopen(path, "ae") : nullptr;
    return file ? new Coverage(file) : nullptr;
  }();
  return coverage;
}

void Coverage::write(std::string key, std::string_view more) {
  std::lock_guard lock(mutex);
  auto [it, isNew] = written.insert(std::move(key));
  if (!isNew) return;
  std::fprintf(file, "%s%.*s\n", it->c_str(), int(more.size()), more.data());
  std::fflush(file);
}

void Coverage::addOpcode(std::string_view opcode) { write("opcode\t" + std::string(opcode), {}); }
void Coverage::addKnown(std::string_view opcode, std::string_view modifier) {
  write("known\t" + std::string(opcode) + "\t" + std::string(modifier), {});
}
void Coverage::addRan(std::string_view form, std::string_view kernel) {
  write("ran\t" + std::string(form) + "\t", kernel);
}
