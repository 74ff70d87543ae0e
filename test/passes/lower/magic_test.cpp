// Division by constants as a multiplication, at the edges of many divisors.
#include "passes/lower/magic.h"

#include <gtest/gtest.h>

namespace {

using dlc::lower::Magic;
using dlc::lower::magicOf;

uint32_t divide(uint32_t n, Magic magic) {
  return uint32_t(uint64_t(n) * magic.multiplier >> 32) >> magic.shift;
}

void check(uint32_t d) {
  Magic magic = magicOf(d);
  ASSERT_LT(magic.shift, 32u) << d;
  auto at = [&](uint32_t n) { ASSERT_EQ(divide(n, magic), n / d) << n << " / " << d; };
  // A quotient changes at multiples of d: the largest ones leave the least room.
  uint32_t last = uint32_t(INT32_MAX) / d * d;
  for (uint32_t n : {0u, 1u, d - 1, d, last - 1, last, uint32_t(INT32_MAX) - 1, uint32_t(INT32_MAX)}) at(n);
  uint64_t random = d;
  for (int i = 0; i < 64; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    uint32_t n = uint32_t(random >> 33);
    at(n);
    if (uint32_t edge = n / d * d) at(edge - 1), at(edge);
  }
}

TEST(Magic, SmallDivisors) {
  for (uint32_t d = 2; d < 5000; ++d) check(d);
}

TEST(Magic, AroundPowersOfTwo) {
  for (int bit = 1; bit < 31; ++bit)
    for (uint32_t d : {(1u << bit) - 1, 1u << bit, (1u << bit) + 1})
      if (d >= 2) check(d);
}

TEST(Magic, LargeDivisors) {
  for (uint32_t below = 0; below < 2000; ++below) check(uint32_t(INT32_MAX) - below);
  uint64_t random = 1;
  for (int i = 0; i < 20000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    check(2 + uint32_t(random >> 33) % (uint32_t(INT32_MAX) - 2));
  }
}

} // namespace
