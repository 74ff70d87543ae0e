// Approximate instructions in jitter mode: any value inside the error that the PTX ISA documents
// (9.7.3, 9.7.4) may come out, always the same for the same operand and seed. Where the ISA lists a result
// for a special operand (zeros, infinities, NaN), that one comes out.
#include "runtime/vcuda/exec/arithmetic/modes.h"
#include "runtime/vcuda/exec/run.h"

#include <bit>
#include <cmath>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

/// Largest error: relative to the exact result, or absolute.
struct Bound {
  double relative = 0, absolute = 0;
};

double power(double exponent) { return std::exp2(exponent); }

Bound boundOf(const Inst &i, double a) {
  bool half = i.type == Type::F16 || i.type == Type::F16x2,
       bfloat = i.type == Type::BF16 || i.type == Type::BF16x2;
  switch (i.kind) {
  case Kind::Rcp:
    return {power(-23), 0};
  case Kind::Sqrt:
    return {power(-23), 0};
  case Kind::Rsqrt:
    return {power(-22.9), 0};
  case Kind::Div: // 2 ulp
    return {power(-22), 0};
  case Kind::Sin:
  case Kind::Cos: // documented in [-2 pi, 2 pi] only: further out nothing is known, and nothing changed
    return {0, std::fabs(a) <= 6.283185307179586 ? power(-20.5) : 0};
  case Kind::Lg2:
    return a > 0.5 && a < 2 ? Bound{0, power(-22)} : Bound{power(-22), 0};
  case Kind::Ex2:
    return {half ? power(-9.9) : bfloat ? power(-7) : power(-22), 0};
  case Kind::Tanh:
    return half ? Bound{0, power(-10.987)} : bfloat ? Bound{0, power(-8)} : Bound{power(-11), 0};
  default:
    return {};
  }
}

double exactOf(Kind kind, double a, double b) {
  switch (kind) {
  case Kind::Rcp:
    return 1 / a;
  case Kind::Sqrt:
    return std::sqrt(a);
  case Kind::Rsqrt:
    return 1 / std::sqrt(a);
  case Kind::Div:
    return a / b;
  case Kind::Sin:
    return std::sin(a);
  case Kind::Cos:
    return std::cos(a);
  case Kind::Lg2:
    return std::log2(a);
  case Kind::Ex2:
    return std::exp2(a);
  default:
    return std::tanh(a);
  }
}

/// In [-1, 1), from a seed and an operand.
double noise(uint64_t seed, const Inst &i, double a, double b) {
  uint64_t x, y;
  std::memcpy(&x, &a, 8);
  std::memcpy(&y, &b, 8);
  uint64_t state = seed ^ (x * 0x9e3779b97f4a7c15) ^ (y + uint64_t(i.kind) * 0xbf58476d1ce4e5b9);
  nextRandom(state);
  return double(int64_t(nextRandom(state))) / 9223372036854775808.0;
}

/// Widths of the formats, for rounding: significant bits and the exponent of the least normal number.
struct Format {
  int bits, least;
  double largest;
};
constexpr Format formatF32 = {24, -126, 3.4028234663852886e38}, formatF16 = {11, -14, 65504},
                 formatBF16 = {8, -126, 3.3895313892515355e38};

/// To nearest, ties away from zero: which one does not matter inside an error.
double roundTo(const Format &f, double v) {
  if (v == 0 || !std::isfinite(v)) return v;
  int exponent = std::max(std::ilogb(v), f.least);
  double unit = std::ldexp(1, exponent - f.bits + 1), r = std::round(v / unit) * unit;
  return std::fabs(r) > f.largest ? std::copysign(INFINITY, v) : r;
}

/// A value of the format inside the bound, or the nearest one when rounding leads out of it.
double jittered(const Inst &i, const Format &format, uint64_t seed, double a, double b) {
  double exact = exactOf(i.kind, a, b);
  double nearest = roundTo(format, exact);
  bool special =
      a == 0 || !std::isfinite(a) || !std::isfinite(exact) || exact == 0 || !std::isfinite(nearest);
  if (special) return nearest;
  Bound bound = boundOf(i, a);
  double error = bound.relative * std::fabs(exact) + bound.absolute;
  double value = roundTo(format, exact + noise(seed, i, a, b) * error);
  return std::isfinite(value) && std::fabs(value - exact) <= error ? value : nearest;
}

double flushed(double v, const Inst &i) {
  return (i.mods & ModFtz) && std::fabs(v) < std::ldexp(1, -126) ? std::copysign(0, v) : v;
}

void jitterFloat(Warp &w, const Inst &i) {
  uint64_t seed = static_cast<WarpRun &>(w).run->launch->options.arithmetic.seed;
  const float *a = reinterpret_cast<const float *>(w.r + i.a);
  const float *b = i.kind == Kind::Div ? reinterpret_cast<const float *>(w.r + i.b) : a;
  float *d = reinterpret_cast<float *>(w.r + i.dst);
  for (Mask m = executing(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    double v = flushed(jittered(i, formatF32, seed, flushed(a[l], i), flushed(b[l], i)), i);
    float r = float(v);
    if (i.mods & ModSat) r = r > 0 ? std::fmin(r, 1.0f) : 0;
    if (r != r) {
      uint32_t nan = 0x7fffffff;
      std::memcpy(&r, &nan, 4);
    }
    d[l] = r;
  }
}

double halfValue(uint16_t bits) { return double(std::bit_cast<_Float16>(bits)); }

void jitterHalves(Warp &w, const Inst &i) {
  uint64_t seed = static_cast<WarpRun &>(w).run->launch->options.arithmetic.seed;
  bool bfloat = i.type == Type::BF16 || i.type == Type::BF16x2;
  unsigned each = i.type == Type::F16x2 || i.type == Type::BF16x2 ? 2 : 1;
  const uint16_t *a = reinterpret_cast<const uint16_t *>(w.r + i.a);
  uint16_t *d = reinterpret_cast<uint16_t *>(w.r + i.dst);
  for (Mask m = executing(w, i); m; m &= m - 1) {
    for (unsigned e = unsigned(__builtin_ctz(m)) * each, end = e + each; e < end; ++e) {
      double in = bfloat ? double(std::bit_cast<float>(uint32_t(a[e]) << 16)) : halfValue(a[e]);
      double v = jittered(i, bfloat ? formatBF16 : formatF16, seed, flushed(in, i), 0);
      if (v != v)
        d[e] = 0x7fff;
      else if (bfloat)
        d[e] = uint16_t(std::bit_cast<uint32_t>(float(flushed(v, i))) >> 16);
      else
        d[e] = std::bit_cast<uint16_t>(_Float16(v));
    }
  }
}

} // namespace

Handler exec::jitterHandler(const Inst &i) {
  bool approximate = i.mods & ModApprox;
  switch (i.kind) {
  case Kind::Rcp:
  case Kind::Sqrt:
  case Kind::Rsqrt:
  case Kind::Div:
  case Kind::Sin:
  case Kind::Cos:
  case Kind::Lg2:
  case Kind::Ex2:
  case Kind::Tanh:
    if (!approximate || i.type == Type::F64) return nullptr;
    return i.type == Type::F32 ? jitterFloat : jitterHalves;
  default:
    return nullptr;
  }
}
