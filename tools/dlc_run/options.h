// What the command line says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dlc::run {

struct Options {
  std::string artifact;
  std::string device = "cuda"; ///< cuda, vcuda or auto
  int ordinal = 0;
  std::string weights; ///< path; empty: beside the artifact

  std::string inputs; ///< .npz; empty: random
  uint64_t seed = 0;
  std::vector<std::pair<std::string, int64_t>> dims; ///< of random inputs

  std::string save, compare, json, counters;
  double rtol = 1e-5, atol = 1e-8;
  std::string compareKernels, baseline; ///< folders
  bool bench = false;
  int iterations = 0; ///< 0: enough for a second, at least 3

  bool inspect = false, edited = false, verify = false, sync = false, graph = false;
};

/// Parses the command line. Returns the exit status when the program is to end at once (help, or an error,
/// both already printed).
std::optional<int> parseOptions(int argc, char **argv, Options &options);

} // namespace dlc::run
