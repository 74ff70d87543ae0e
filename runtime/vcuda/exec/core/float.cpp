// Floating point in 32 and 64 bits (PTX ISA 9.7.3). NaN results are canonical: 0x7fffffff, as the hardware
// gives them.
#include "runtime/vcuda/exec/core/half.h"
#include "runtime/vcuda/exec/core/rounding.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

DLC_INLINE f32 canonical(f32 f) { return f == f ? f : bitCast<f32>(0x7fffffffu); }
DLC_INLINE f64 canonical(f64 f) { return f == f ? f : bitCast<f64>(u64(0x7ff8000000000000)); }

struct AddOp {
  template <class T> DLC_INLINE T operator()(T a, T b, T) const { return a + b; }
};
struct SubOp {
  template <class T> DLC_INLINE T operator()(T a, T b, T) const { return a - b; }
};
struct MulOp {
  template <class T> DLC_INLINE T operator()(T a, T b, T) const { return a * b; }
};
struct DivOp {
  template <class T> DLC_INLINE T operator()(T a, T b, T) const { return a / b; }
};
struct RcpOp {
  template <class T> DLC_INLINE T operator()(T a, T, T) const { return T(1) / a; }
};
struct FmaOp {
  DLC_INLINE f32 operator()(f32 a, f32 b, f32 c) const { return __builtin_fmaf(a, b, c); }
  DLC_INLINE f64 operator()(f64 a, f64 b, f64 c) const { return __builtin_fma(a, b, c); }
};
struct SqrtOp {
  DLC_INLINE f32 operator()(f32 a, f32, f32) const { return __builtin_sqrtf(a); }
  DLC_INLINE f64 operator()(f64 a, f64, f64) const { return __builtin_sqrt(a); }
};

/// Sources that the instruction has; missing ones read the first.
template <class T, class Op, unsigned Sources> void exact(Warp &w, const Inst &i) {
  Op op;
  if constexpr (Sources == 1) map<T, T>(w, i, [&](T a) { return canonical(op(a, a, a)); });
  if constexpr (Sources == 2) map2<T, T, T>(w, i, [&](T a, T b) { return canonical(op(a, b, a)); });
  if constexpr (Sources == 3) map3<T, T, T, T>(w, i, [&](T a, T b, T c) { return canonical(op(a, b, c)); });
}

/// .ftz and .sat of f32, rounding to nearest.
template <class Op, unsigned Sources, bool Sat> void flushed(Warp &w, const Inst &i) {
  Op op;
  auto finish = [](f32 v) { return Sat ? saturate(flush(v)) : canonical(flush(v)); };
  if constexpr (Sources == 1) map<f32, f32>(w, i, [&](f32 a) { return finish(op(flush(a), a, a)); });
  if constexpr (Sources == 2)
    map2<f32, f32, f32>(w, i, [&](f32 a, f32 b) { return finish(op(flush(a), flush(b), a)); });
  if constexpr (Sources == 3)
    map3<f32, f32, f32, f32>(w, i,
                             [&](f32 a, f32 b, f32 c) { return finish(op(flush(a), flush(b), flush(c))); });
}

/// Any modifiers, lane by lane.
template <class T, class Op, unsigned Sources> void general(Warp &w, const Inst &i) {
  T *d = slot<T>(w, i.dst);
  const T *a = slot<T>(w, i.a), *b = Sources > 1 ? slot<T>(w, i.b) : a,
          *c = Sources > 2 ? slot<T>(w, i.c) : a;
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    T x = a[l], y = b[l], z = c[l];
    if constexpr (sizeof(T) == 4) {
      if (i.mods & ModFtz) x = flush(x), y = flush(y), z = flush(z);
    }
    T r = canonical(rounded(i.mods, x, y, z, [](T p, T q, T s) { return Op()(p, q, s); }));
    if constexpr (sizeof(T) == 4) {
      if (i.mods & ModFtz) r = flush(r);
      if (i.mods & ModSat) r = saturate(r);
    }
    d[l] = r;
  }
}

template <class Op, unsigned Sources> Handler exactHandler(const Inst &i) {
  if (i.mods & ModRoundMask)
    return i.type == Type::F32 ? general<f32, Op, Sources> : general<f64, Op, Sources>;
  if (i.type == Type::F64) return exact<f64, Op, Sources>;
  if (i.type != Type::F32) return nullptr;
  if ((i.mods & ModFtz) && (i.mods & ModSat)) return flushed<Op, Sources, true>;
  if (i.mods & ModFtz) return flushed<Op, Sources, false>;
  return i.mods & ModSat ? general<f32, Op, Sources> : exact<f32, Op, Sources>;
}

//===----------------------------------------------------------------------===//
// Approximations: the correctly rounded value, through double
//===----------------------------------------------------------------------===//

template <class F> DLC_INLINE void viaDouble(Warp &w, const Inst &i, F f) {
  bool ftz = i.mods & ModFtz;
  mapSlow<f32, f32>(w, i, [&](f32 a) {
    if (ftz) a = flush(a);
    f32 r = canonical(f32(f(f64(a))));
    return ftz ? flush(r) : r;
  });
}
void rsqrtApprox(Warp &w, const Inst &i) {
  viaDouble(w, i, [](f64 a) { return 1.0 / __builtin_sqrt(a); });
}
void sinApprox(Warp &w, const Inst &i) {
  viaDouble(w, i, [](f64 a) { return ::sin(a); });
}
void cosApprox(Warp &w, const Inst &i) {
  viaDouble(w, i, [](f64 a) { return ::cos(a); });
}
void lg2Approx(Warp &w, const Inst &i) {
  viaDouble(w, i, [](f64 a) { return ::log2(a); });
}
void ex2Approx(Warp &w, const Inst &i) {
  viaDouble(w, i, [](f64 a) { return ::exp2(a); });
}
void tanhApprox(Warp &w, const Inst &i) {
  viaDouble(w, i, [](f64 a) { return ::tanh(a); });
}
void rsqrt64(Warp &w, const Inst &i) {
  map<f64, f64>(w, i, [](f64 a) { return canonical(1.0 / __builtin_sqrt(a)); });
}
/// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64 give the upper half of the result only.
DLC_INLINE f64 upperHalf(f64 v) {
  u64 bits = bitCast<u64>(v) & ~u64(0xffffffff);
  return bitCast<f64>((bits >> 52 & 0x7ff) == 0 ? bits & (u64(1) << 63) : bits);
}
DLC_INLINE f64 flushUpper(f64 v) {
  u64 bits = bitCast<u64>(v);
  return (bits >> 52 & 0x7ff) == 0 ? bitCast<f64>(bits & (u64(1) << 63)) : upperHalf(v);
}
void rcp64Approx(Warp &w, const Inst &i) {
  map<f64, f64>(w, i, [](f64 a) { return upperHalf(canonical(1.0 / flushUpper(a))); });
}
void rsqrt64Approx(Warp &w, const Inst &i) {
  map<f64, f64>(w, i, [](f64 a) { return upperHalf(canonical(1.0 / __builtin_sqrt(flushUpper(a)))); });
}

//===----------------------------------------------------------------------===//
// Signs, minimum and maximum
//===----------------------------------------------------------------------===//

void abs32(Warp &w, const Inst &i) {
  bool ftz = i.mods & ModFtz;
  map<f32, f32>(w, i, [&](f32 a) {
    f32 r = bitCast<f32>(bitCast<u32>(a) & 0x7fffffff);
    return ftz ? flush(r) : r;
  });
}
void neg32(Warp &w, const Inst &i) {
  bool ftz = i.mods & ModFtz;
  map<f32, f32>(w, i, [&](f32 a) {
    f32 r = bitCast<f32>(bitCast<u32>(a) ^ 0x80000000);
    return ftz ? flush(r) : r;
  });
}
void abs64(Warp &w, const Inst &i) {
  map<u64, u64>(w, i, [](u64 a) { return a & ~(u64(1) << 63); });
}
void neg64(Warp &w, const Inst &i) {
  map<u64, u64>(w, i, [](u64 a) { return a ^ u64(1) << 63; });
}

/// One NaN: the other operand, or NaN with .NaN. -0 is smaller than +0.
template <class T, class B, bool Max, bool Nan> DLC_INLINE T select(T a, T b) {
  bool aNan = a != a, bNan = b != b;
  bool less =
      a < b || (a == b && (bitCast<B>(a) >> (sizeof(B) * 8 - 1)) > (bitCast<B>(b) >> (sizeof(B) * 8 - 1)));
  T r = Max ? (less ? b : a) : (less ? a : b);
  r = bNan ? a : aNan ? b : r;
  if (Nan) r = aNan ? a : bNan ? b : r;
  return canonical(r);
}
template <class T, class B, bool Max, bool Nan> void extremum(Warp &w, const Inst &i) {
  if constexpr (sizeof(T) == 4) {
    if (i.mods & ModFtz)
      return map2<T, T, T>(w, i, [](T a, T b) { return select<T, B, Max, Nan>(flush(a), flush(b)); });
  }
  map2<T, T, T>(w, i, [](T a, T b) { return select<T, B, Max, Nan>(a, b); });
}
/// .xorsign.abs: of the absolute values; the signs' exclusive or is the sign.
template <bool Max> void extremumOfSizes(Warp &w, const Inst &i) {
  bool ftz = i.mods & ModFtz, nan = i.mods & ModNan;
  map2<f32, f32, f32>(w, i, [=](f32 a, f32 b) {
    if (ftz) a = flush(a), b = flush(b);
    u32 sign = (bitCast<u32>(a) ^ bitCast<u32>(b)) & 0x80000000;
    a = __builtin_fabsf(a), b = __builtin_fabsf(b);
    f32 r = nan ? select<f32, u32, Max, true>(a, b) : select<f32, u32, Max, false>(a, b);
    return r == r ? bitCast<f32>(bitCast<u32>(r) | sign) : r;
  });
}
template <bool Max> Handler extremumHandler(const Inst &i) {
  if (i.type == Type::F64) return extremum<f64, u64, Max, false>;
  if (i.mods & ModXorSign) return extremumOfSizes<Max>;
  return i.mods & ModNan ? extremum<f32, u32, Max, true> : extremum<f32, u32, Max, false>;
}

void copysign32(Warp &w, const Inst &i) {
  map2<u32, u32, u32>(w, i, [](u32 a, u32 b) { return (a & 0x80000000) | (b & 0x7fffffff); });
}
void copysign64(Warp &w, const Inst &i) {
  map2<u64, u64, u64>(w, i, [](u64 a, u64 b) { return (a & u64(1) << 63) | (b & ~(u64(1) << 63)); });
}

/// testp: finite, infinite, number, notanumber, normal, subnormal.
template <class B> DLC_INLINE bool testBits(B bits, u32 which) {
  constexpr unsigned fraction = sizeof(B) == 4 ? 23 : 52;
  B top = (B(~B(0)) >> 1) >> fraction, exponent = (bits >> fraction) & top,
    rest = bits & ((B(1) << fraction) - 1);
  switch (which) {
  case 0:
    return exponent != top;
  case 1:
    return exponent == top && rest == 0;
  case 2:
    return exponent != top || rest == 0;
  case 3:
    return exponent == top && rest != 0;
  case 4:
    return exponent != top && exponent != 0;
  default:
    return exponent == 0 && rest != 0;
  }
}
template <class B> void testp(Warp &w, const Inst &i) {
  const B *a = slot<B>(w, i.a);
  u32 which = i.mods >> ModKindShift;
  Mask bits = 0;
  for (unsigned l = 0; l < 32; ++l) bits |= Mask(testBits(a[l], which)) << l;
  setPredicate(w, i.dst, lanesOf(w, i), bits);
}

} // namespace

Handler floatHandler(const Inst &i) {
  bool is64 = i.type == Type::F64;
  if (!is64 && i.type != Type::F32) return nullptr;
  switch (i.kind) {
  case Kind::Add:
    return exactHandler<AddOp, 2>(i);
  case Kind::Sub:
    return exactHandler<SubOp, 2>(i);
  case Kind::Mul:
    return exactHandler<MulOp, 2>(i);
  case Kind::Fma:
    return exactHandler<FmaOp, 3>(i);
  case Kind::Div:
    return exactHandler<DivOp, 2>(i);
  case Kind::Rcp:
    return is64 && (i.mods & ModApprox) ? rcp64Approx : exactHandler<RcpOp, 1>(i);
  case Kind::Sqrt:
    return exactHandler<SqrtOp, 1>(i);
  case Kind::Rsqrt:
    return !is64 ? rsqrtApprox : i.mods & ModFtz ? rsqrt64Approx : rsqrt64;
  case Kind::Sin:
    return sinApprox;
  case Kind::Cos:
    return cosApprox;
  case Kind::Lg2:
    return lg2Approx;
  case Kind::Ex2:
    return ex2Approx;
  case Kind::Tanh:
    return tanhApprox;
  case Kind::Abs:
    return is64 ? abs64 : abs32;
  case Kind::Neg:
    return is64 ? neg64 : neg32;
  case Kind::Min:
    return extremumHandler<false>(i);
  case Kind::Max:
    return extremumHandler<true>(i);
  case Kind::Copysign:
    return is64 ? copysign64 : copysign32;
  case Kind::Testp:
    return is64 ? testp<u64> : testp<u32>;
  default:
    return nullptr;
  }
}

} // namespace dlc::vcuda::exec::DLC_CORE
