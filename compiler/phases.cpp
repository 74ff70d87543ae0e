#include "compiler/phases.h"

#include "llvm/Support/FormatVariadic.h"

namespace dlc {

void Phases::add(std::string_view name, bool isStep, std::chrono::duration<double> passed) {
  std::lock_guard lock(mutex);
  for (Row &row : rows)
    if (row.name == name) {
      row.seconds += passed.count();
      return;
    }
  rows.push_back({std::string(name), isStep, passed.count()});
}

std::string Phases::text() const {
  std::string text;
  double total = 0;
  auto line = [&](const std::string &name, double seconds, const char *note) {
    text += llvm::formatv("{0,-24}{1,8:f3} s{2}\n", name, seconds, note).str();
  };
  // Steps end before the phase that they belong to.
  std::vector<const Row *> steps;
  for (const Row &row : rows) {
    if (row.isStep) {
      steps.push_back(&row);
      continue;
    }
    line(row.name, row.seconds, "");
    total += row.seconds;
    for (const Row *step : steps) line("  " + step->name, step->seconds, " over all threads");
    steps.clear();
  }
  line("total", total, "");
  return text;
}

} // namespace dlc
