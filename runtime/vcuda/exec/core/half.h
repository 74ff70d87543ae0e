//===- half.h - 16-bit floats in vector loops ------------------*- C++ -*-===//
//
// Branch-free conversions on bits, so that loops over lanes become vector code on every host. Narrowing from
// float rounds to nearest even and gives the same bits as the hardware's cvt.rn; NaN becomes the canonical
// 0x7fff as the PTX ISA says.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_CORE_HALF_H
#define DLC_RUNTIME_VCUDA_EXEC_CORE_HALF_H

#include "runtime/vcuda/exec/core/core.h"

namespace dlc::vcuda::exec::DLC_CORE {

DLC_INLINE f32 toFloat(f16 h) {
  // Scaling by 2^112 moves the exponent from bias 15 to 127 and makes denormals normal, exactly.
  u32 sign = u32(h.bits & 0x8000) << 16, rest = u32(h.bits & 0x7fff) << 13;
  f32 scaled = bitCast<f32>(rest) * 0x1p112f;
  u32 special = rest >= (0x7c00u << 13) ? 0x7f800000u : 0;
  return bitCast<f32>(bitCast<u32>(scaled) | special | sign);
}

DLC_INLINE f16 toHalf(f32 f) {
  u32 bits = bitCast<u32>(f), sign = bits >> 16 & 0x8000, a = bits & 0x7fffffff;
  // Normal results: rebias and round to even in integers. Denormal ones: the addition of 0.5 aligns and
  // rounds.
  u32 normal = (a + 0xc8000fffu + (a >> 13 & 1)) >> 13;
  u32 denormal = bitCast<u32>(bitCast<f32>(a) + 0.5f) - 0x3f000000u;
  u32 r = a < 0x38800000u ? denormal : normal;
  r = a >= 0x477ff000u ? 0x7c00 : r;
  r = a > 0x7f800000u ? 0x7fff : (r | sign);
  return {u16(r)};
}

DLC_INLINE f32 toFloat(bf16 h) { return bitCast<f32>(u32(h.bits) << 16); }

DLC_INLINE bf16 toBfloat(f32 f) {
  u32 a = bitCast<u32>(f);
  u32 r = (a + 0x7fff + (a >> 16 & 1)) >> 16;
  return {u16((a & 0x7fffffff) > 0x7f800000u ? 0x7fff : r)};
}

/// Rounding of a double to 16 bits in one step: first to odd in float, which keeps what the second rounding
/// must know.
DLC_INLINE f32 roundToOdd(f64 d) {
  f32 f = f32(d);
  u32 bits = bitCast<u32>(f);
  f64 back = f;
  if (back == d || d != d) return f;
  // Inexact: of the two floats around d take the one whose last bit is set.
  if (bits & 1) return f;
  bool away = (back < d) == !(bits >> 31);
  return bitCast<f32>(away ? bits + 1 : bits - 1);
}
DLC_INLINE f16 toHalf(f64 d) { return toHalf(roundToOdd(d)); }
DLC_INLINE bf16 toBfloat(f64 d) { return toBfloat(roundToOdd(d)); }

template <class T, class V> DLC_INLINE T narrow(V v);
template <> DLC_INLINE f16 narrow<f16, f32>(f32 v) { return toHalf(v); }
template <> DLC_INLINE bf16 narrow<bf16, f32>(f32 v) { return toBfloat(v); }
template <> DLC_INLINE f16 narrow<f16, f64>(f64 v) { return toHalf(v); }
template <> DLC_INLINE bf16 narrow<bf16, f64>(f64 v) { return toBfloat(v); }

DLC_INLINE f32 flush(f32 f) {
  u32 bits = bitCast<u32>(f);
  return bitCast<f32>((bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits);
}
DLC_INLINE f16 flush(f16 h) { return {u16((h.bits & 0x7c00) == 0 ? h.bits & 0x8000 : h.bits)}; }
DLC_INLINE bf16 flush(bf16 h) { return {u16((h.bits & 0x7f80) == 0 ? h.bits & 0x8000 : h.bits)}; }

/// [0, 1], NaN becomes 0.
DLC_INLINE f32 saturate(f32 f) { return f > 0.0f ? (f < 1.0f ? f : 1.0f) : 0.0f; }

} // namespace dlc::vcuda::exec::DLC_CORE

#endif
