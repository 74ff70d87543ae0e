// Division by a constant as a multiplication.
#pragma once

#include <bit>
#include <cstdint>

namespace dlc::lower {

/// n / d == mulhi(n, multiplier) >> shift for 0 <= n < 2^31.
struct Magic {
  uint32_t multiplier, shift;
};

/// Precondition: 2 <= d < 2^31.
///
/// With s = ceil(log2 d) - 1 and m = floor(2^(32 + s) / d) + 1, m * d is past 2^(32 + s) by e, 1 <= e <= d <=
/// 2^(s + 1). So n * m / 2^(32 + s) is past n / d by n * e / (d * 2^(32 + s)) < 1 / d, which changes no
/// floor, and m fits in 32 bits as 2^s < d. (Granlund and Montgomery, Division by Invariant Integers using
/// Multiplication, PLDI 1994, section 4.)
constexpr Magic magicOf(uint32_t d) {
  uint32_t shift = 31 - uint32_t(std::countl_zero(d - 1));
  return {uint32_t((uint64_t(1) << (32 + shift)) / d + 1), shift};
}

} // namespace dlc::lower
