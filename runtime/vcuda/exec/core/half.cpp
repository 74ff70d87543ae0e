// f16, bf16 and their packed pairs (PTX ISA 9.7.4). A pair is two elements that follow each other in the
// slot, so that packed instructions are loops over 64 elements.
#include "runtime/vcuda/exec/core/half.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

/// Lane masks reach both halves of a pair.
template <unsigned Sources, class T, class F> DLC_INLINE void mapHalves(Warp &w, const Inst &i, F f) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  bool packed = i.type == Type::F16x2 || i.type == Type::BF16x2;
  T *d = slot<T>(w, i.dst);
  const T *a = slot<T>(w, i.a), *b = Sources > 1 ? slot<T>(w, i.b) : a,
          *c = Sources > 2 ? slot<T>(w, i.c) : a;
  unsigned shift = packed ? 1 : 0;
  for (unsigned part = 0; part < (packed ? 2u : 1u); ++part) {
    unsigned first = part * 32;
    DLC_LANES {
      unsigned e = first + l;
      T v = f(a[e], b[e], c[e]);
      d[e].bits = (m >> (e >> shift) & 1) ? v.bits : d[e].bits;
    }
  }
}

template <class T> DLC_INLINE T finish(f32 r, u32 mods) {
  if (mods & ModSat) r = saturate(r);
  T h = narrow<T>(r);
  return mods & ModFtz ? flush(h) : h;
}

template <class T> DLC_INLINE T input(T h, u32 mods) { return mods & ModFtz ? flush(h) : h; }

/// +, - and * of two 11- or 8-bit significands are right in float: 24 bits are more than twice as many plus
/// two.
template <class T, class F> void arithmetic2(Warp &w, const Inst &i, F f) {
  u32 mods = i.mods;
  mapHalves<2, T>(w, i, [&](T a, T b, T) {
    return finish<T>(f(toFloat(input(a, mods)), toFloat(input(b, mods))), mods);
  });
}
template <class T> void add(Warp &w, const Inst &i) {
  arithmetic2<T>(w, i, [](f32 a, f32 b) { return a + b; });
}
template <class T> void sub(Warp &w, const Inst &i) {
  arithmetic2<T>(w, i, [](f32 a, f32 b) { return a - b; });
}
template <class T> void mul(Warp &w, const Inst &i) {
  arithmetic2<T>(w, i, [](f32 a, f32 b) { return a * b; });
}

/// p + c in double, rounded to odd where it is inexact: what was lost still decides a later rounding.
DLC_INLINE f64 addToOdd(f64 p, f64 c) {
  f64 sum = p + c, part = sum - p, lost = (p - (sum - part)) + (c - part);
  u64 bits = bitCast<u64>(sum);
  bool outwards = (lost > 0) == !(bits >> 63);
  u64 odd = (bits & 1) ? bits : outwards ? bits + 1 : bits - 1;
  return lost != 0 && lost == lost ? bitCast<f64>(odd) : sum;
}

/// The product is exact in double.
template <class T> void fma(Warp &w, const Inst &i) {
  u32 mods = i.mods;
  mapHalves<3, T>(w, i, [&](T a, T b, T c) {
    f64 r =
        addToOdd(f64(toFloat(input(a, mods))) * f64(toFloat(input(b, mods))), f64(toFloat(input(c, mods))));
    if (mods & ModSat) r = r > 0 ? (r < 1 ? r : 1) : 0;
    T h = narrow<T>(r);
    h = mods & ModFtz ? flush(h) : h;
    // relu: negative results become +0, NaN stays.
    if (mods & ModRelu) h.bits = (h.bits & 0x8000) && toFloat(h) == toFloat(h) ? 0 : h.bits;
    return h;
  });
}

template <class T> void neg(Warp &w, const Inst &i) {
  mapHalves<1, T>(w, i, [&](T a, T, T) { return T{u16(input(a, i.mods).bits ^ 0x8000)}; });
}
template <class T> void abs(Warp &w, const Inst &i) {
  mapHalves<1, T>(w, i, [&](T a, T, T) { return T{u16(input(a, i.mods).bits & 0x7fff)}; });
}

template <class T, bool Max> void extremum(Warp &w, const Inst &i) {
  u32 mods = i.mods;
  bool nan = mods & ModNan;
  mapHalves<2, T>(w, i, [&](T x, T y, T) {
    T hx = input(x, mods), hy = input(y, mods);
    u16 sign = 0;
    if (mods & ModXorSign) {
      sign = (hx.bits ^ hy.bits) & 0x8000;
      hx.bits &= 0x7fff;
      hy.bits &= 0x7fff;
    }
    f32 a = toFloat(hx), b = toFloat(hy);
    bool less = a < b || (a == b && (hx.bits >> 15) > (hy.bits >> 15));
    bool takeA = Max ? !less : less;
    bool aNan = a != a, bNan = b != b;
    takeA = bNan ? true : aNan ? false : takeA;
    u16 r = (takeA ? hx.bits : hy.bits) | sign;
    bool anyNan = aNan || bNan, bothNan = aNan && bNan;
    return T{(nan ? anyNan : bothNan) ? u16(0x7fff) : r};
  });
}

template <class T, class F> DLC_INLINE void viaDouble(Warp &w, const Inst &i, F f) {
  bool packed = i.type == Type::F16x2 || i.type == Type::BF16x2;
  T *d = slot<T>(w, i.dst);
  const T *a = slot<T>(w, i.a);
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    for (unsigned e = packed ? 2 * l : l, end = packed ? 2 * l + 2 : l + 1; e < end; ++e) {
      T r = narrow<T>(f(f64(toFloat(input(a[e], i.mods)))));
      d[e] = i.mods & ModFtz ? flush(r) : r;
    }
  }
}
template <class T> void ex2(Warp &w, const Inst &i) {
  viaDouble<T>(w, i, [](f64 a) { return ::exp2(a); });
}
template <class T> void tanh(Warp &w, const Inst &i) {
  viaDouble<T>(w, i, [](f64 a) { return ::tanh(a); });
}

template <class T> Handler handlerFor(const Inst &i) {
  switch (i.kind) {
  case Kind::Add:
    return add<T>;
  case Kind::Sub:
    return sub<T>;
  case Kind::Mul:
    return mul<T>;
  case Kind::Fma:
    return fma<T>;
  case Kind::Neg:
    return neg<T>;
  case Kind::Abs:
    return abs<T>;
  case Kind::Min:
    return extremum<T, false>;
  case Kind::Max:
    return extremum<T, true>;
  case Kind::Ex2:
    return ex2<T>;
  case Kind::Tanh:
    return tanh<T>;
  default:
    return nullptr;
  }
}

} // namespace

Handler halfHandler(const Inst &i) {
  if (i.type == Type::F16 || i.type == Type::F16x2) return handlerFor<f16>(i);
  if (i.type == Type::BF16 || i.type == Type::BF16x2) return handlerFor<bf16>(i);
  return nullptr;
}

} // namespace dlc::vcuda::exec::DLC_CORE
