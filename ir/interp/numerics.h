// Conversions between element types, and rounding to narrow floats.
#pragma once

#include "ir/graph/dtype.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace dlc::interp {

/// To IEEE fp16 and back, nearest even; past the range infinity. Exact for every float (no double rounding).
inline float roundF16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x), sign = bits & 0x80000000u, magnitude = bits ^ sign;
  uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1)) & ~0x1fffu;
  // 65520 and above round to infinity; NaN keeps its bits.
  normal = magnitude > 0x7f800000u ? magnitude : normal >= 0x47800000u ? 0x7f800000u : normal;
  // Below 2^-14 the spacing is 2^-24, which is the spacing of floats in [0.5, 1).
  float small = (std::bit_cast<float>(magnitude) + 0.5f) - 0.5f;
  uint32_t result = magnitude < 0x38800000u ? std::bit_cast<uint32_t>(small) : normal;
  return std::bit_cast<float>(result | sign);
}

/// To bfloat16 and back, nearest even.
inline float roundBF16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x), magnitude = bits & 0x7fffffffu;
  uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) & 0xffff0000u;
  return std::bit_cast<float>(magnitude > 0x7f800000u ? bits : rounded);
}

/// To tf32 (10 explicit mantissa bits), nearest, ties away from zero: PTX cvt.rna.tf32.f32.
inline float roundTF32(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;
  return std::bit_cast<float>((bits + 0x1000u) & 0xffffe000u);
}

/// The bit pattern of a float type for a value, rounded once to nearest even. Overflow as LLVM's APFloat has
/// it: infinity where there is one, else NaN (F4E2M1FN: the largest value).
uint64_t encodeFloat(double value, DType type);
/// The value of a bit pattern.
double decodeFloat(uint64_t bits, DType type);

/// encode, then decode.
double roundTo(double value, DType type);
/// Rounds in place to the values of a narrower float type.
void roundAll(float *values, int64_t n, DType type);
void roundAll(double *values, int64_t n, DType type);
/// roundAll to fp16, but finite values past the range become the largest finite one.
void saturateF16(float *values, int64_t n);

/// n elements from one type to another. Float to float rounds to nearest even; integers wrap or sign-extend
/// (I1: 0 or 1); integer to float as signed; float to integer saturates, NaN gives 0.
void convert(const void *from, DType fromType, void *to, DType toType, int64_t n);

} // namespace dlc::interp
