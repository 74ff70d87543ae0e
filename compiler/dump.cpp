#include "compiler/dump.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

namespace dlc {
namespace {

struct LevelRow {
  std::string_view name, extension;
};
/// In the order of the enum.
constexpr LevelRow levels[] = {{"graph", ".mlir"},  {"regions", ".mlir"}, {"tile", ".mlir"},
                               {"thread", ".mlir"}, {"llvm", ".ll"},      {"ptx", ".ptx"},
                               {"plan", ".json"}};

} // namespace

std::optional<Level> parseLevel(std::string_view name) {
  for (size_t i = 0; i < std::size(levels); ++i)
    if (levels[i].name == name) return Level(i);
  return std::nullopt;
}

std::string_view name(Level level) { return levels[size_t(level)].name; }

std::string DumpFolder::create() const {
  if (auto code =
          llvm::sys::fs::create_directories(path, /*IgnoreExisting=*/true, llvm::sys::fs::perms::all_all))
    return "cannot make the folder '" + path + "': " + code.message();
  return "";
}

void DumpFolder::write(Level level, size_t index, llvm::StringRef kernel, llvm::StringRef text) {
  writeFile(level, llvm::formatv("-{0,0+3}-{1}", index, kernel).str(), text);
}

void DumpFolder::writeFile(Level level, const std::string &suffix, llvm::StringRef text) {
  if (!isWanted()) return;
  const LevelRow &row = levels[size_t(level)];
  std::string file =
      llvm::formatv("{0}/{1}-{2}{3}{4}", path, size_t(level) + 1, row.name, suffix, row.extension).str();
  std::error_code code;
  llvm::raw_fd_ostream stream(file, code);
  if (!code) {
    stream << text;
    stream.flush();
    code = stream.error();
    stream.clear_error();
  }
  if (!code) return;
  std::lock_guard lock(mutex);
  if (firstError.empty()) firstError = "cannot write '" + file + "': " + code.message();
}

} // namespace dlc
