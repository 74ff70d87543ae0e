// What the tests of layouts share: enumeration, and random layouts that are right by construction.
#pragma once

#include "ir/layout/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <tuple>

namespace dlc {

inline std::ostream &operator<<(std::ostream &out, const Layout &layout) { return out << layout.str(); }

namespace test {

/// Places of each element, by walking the map forwards.
inline std::map<Layout::Coordinates, std::vector<Holder>> holdersOf(const Layout &layout) {
  std::map<Layout::Coordinates, std::vector<Holder>> holders;
  for (int64_t w = 0; w < layout.numWarps(); ++w)
    for (int64_t l = 0; l < layout.numLanes(); ++l)
      for (int64_t r = 0; r < layout.numRegisters(); ++r)
        holders[layout.coordinates(r, l, w)].push_back({r, l, w});
  return holders;
}

inline int64_t elements(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

class RandomLayouts {
public:
  explicit RandomLayouts(uint64_t seed) : engine(seed) {}
  int64_t integer(int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(engine); }

  /// Digits of radices 2, 3 and 5, each to a random dim and to registers, lanes or warps; some replicate.
  Layout layout(size_t rank) {
    std::vector<int64_t> shape(rank, 1);
    std::vector<LayoutDigit> digits[3];
    for (int64_t n = integer(1, 7); n > 0; --n) {
      LayoutDigit digit{std::array<int64_t, 4>{2, 2, 3, 5}[size_t(integer(0, 3))],
                        std::vector<int64_t>(rank, 0)};
      if (integer(0, 6)) {
        size_t d = size_t(integer(0, int64_t(rank) - 1));
        digit.offset[d] = shape[d];
        shape[d] *= digit.count;
      }
      digits[integer(0, 2)].push_back(digit);
    }
    for (auto &list : digits) std::shuffle(list.begin(), list.end(), engine);
    return Layout(shape, digits[0], digits[1], digits[2]);
  }

  std::mt19937_64 engine;
};

} // namespace test
} // namespace dlc
