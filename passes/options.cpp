#include "passes/options.h"

#include <optional>

namespace dlc {

static const std::pair<std::string_view, Precision> precisions[] = {{"as-is", Precision::AsIs},
                                                                    {"fp32", Precision::Fp32},
                                                                    {"tf32", Precision::Tf32},
                                                                    {"fp16", Precision::Fp16},
                                                                    {"bf16", Precision::Bf16}};

std::optional<Precision> parsePrecision(std::string_view name) {
  for (auto [text, precision] : precisions)
    if (text == name) return precision;
  return std::nullopt;
}

std::string precisionNames() {
  std::string names;
  for (auto [text, value] : precisions) names += (names.empty() ? "" : ", ") + std::string(text);
  return names;
}

std::string_view name(Precision precision) {
  for (auto [text, value] : precisions)
    if (value == precision) return text;
  return "";
}

const std::vector<Switch> &allSwitches() {
  static const std::vector<Switch> switches = {
      {"canonicalize-graph", "algebraic simplification of graph ops", true},
      {"set-precision", "fp32 and tf32", true},
      {"fold-batch-norm", "scales after conv and dot go into their weights", true},
      {"simplify-movement", "transposes, reshapes and broadcasts cancel or move to where they are cheaper",
       true},
      {"sink-scales", "scales of a contraction's operands go behind it", true},
      {"fold-constants", "what depends on weights only is computed when the artifact is written", true},
      {"narrow-storage", "fp16 and bf16", true},
      {"assign-storage", "tensors around convolutions lie in memory with their channels last", true},
      {"pointwise", "pointwise ops share a region", false},
      {"epilogue", "pointwise ops after a conv, dot or window join its region", false},
      {"prologue", "work on the operands of a hero joins its region", false},
      {"reduction", "reductions over the same rows, and the pointwise ops around them, share a region",
       false},
      {"movement", "transpose, reshape, slice, pad, concat and gather join other regions", false},
      {"multi-output", "a region gives several results to save reading its inputs again", false},
      {"duplicate", "cheap work is repeated in each region that reads it", false},
  };
  return switches;
}

bool CompileOptions::disable(std::string_view list, std::string &error) {
  while (!list.empty()) {
    size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (name.empty()) continue;
    const auto &all = allSwitches();
    if (std::none_of(all.begin(), all.end(), [&](const Switch &s) { return s.name == name; })) {
      error = "no pass or fusion kind is called '" + std::string(name) + "'; there are";
      for (const Switch &s : all) error += (&s == &all[0] ? " " : ", ") + std::string(s.name);
      return false;
    }
    disabled.emplace(name);
  }
  return true;
}

} // namespace dlc
