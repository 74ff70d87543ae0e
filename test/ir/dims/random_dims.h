// Seeded random expressions and bindings for the property tests of dims.
#pragma once

#include "ir/dims/dim.h"

#include <random>

namespace dlc::test {

class RandomDims {
public:
  explicit RandomDims(uint64_t seed) : engine(seed) {}

  int64_t integer(int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(engine); }

  Dim leaf() {
    static const char *names[] = {"a", "b", "c", "d"};
    return integer(0, 2) ? Dim::symbol(names[integer(0, 3)]) : Dim(integer(-12, 12));
  }

  /// Any operation, at most `depth` deep.
  Dim expression(int depth) {
    if (depth == 0) return leaf();
    Dim a = expression(depth - 1), b = expression(integer(0, depth - 1));
    switch (integer(0, 9)) {
    case 0:
    case 1:
      return a + b;
    case 2:
      return a - b;
    case 3:
    case 4:
      return a * b;
    case 5:
      return floorDiv(a, integer(0, 1) ? b : Dim(integer(1, 9)));
    case 6:
      return ceilDiv(a, integer(0, 1) ? b : Dim(integer(1, 9)));
    case 7:
      return mod(a, integer(0, 1) ? b : Dim(integer(1, 9)));
    case 8:
      return min(a, b);
    default:
      return max(a, b);
    }
  }

  std::map<std::string, int64_t> binding(int64_t lo = -20, int64_t hi = 20) {
    std::map<std::string, int64_t> values;
    for (const char *name : {"a", "b", "c", "d"}) values[name] = integer(lo, hi);
    return values;
  }

  std::mt19937_64 engine;
};

} // namespace dlc::test
