// Integer arithmetic and logic (PTX ISA 9.7.1, 9.7.2, 9.7.8).
#include "runtime/vcuda/exec/core/core.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

template <class T> struct Unsigned;
template <> struct Unsigned<u16> {
  using type = u16;
};
template <> struct Unsigned<s16> {
  using type = u16;
};
template <> struct Unsigned<u32> {
  using type = u32;
};
template <> struct Unsigned<s32> {
  using type = u32;
};
template <> struct Unsigned<u64> {
  using type = u64;
};
template <> struct Unsigned<s64> {
  using type = u64;
};
template <class T> using U = typename Unsigned<T>::type;
template <class T> inline constexpr bool isSigned = T(-1) < T(0);
template <class T> inline constexpr unsigned bitsOf = sizeof(T) * 8;

// Twice as wide.
template <class T> struct Wide;
template <> struct Wide<u16> {
  using type = u32;
};
template <> struct Wide<s16> {
  using type = s32;
};
template <> struct Wide<u32> {
  using type = u64;
};
template <> struct Wide<s32> {
  using type = s64;
};
template <> struct Wide<u64> {
  using type = unsigned __int128;
};
template <> struct Wide<s64> {
  using type = __int128;
};
template <class T> using W = typename Wide<T>::type;

template <class T> DLC_INLINE T highPart(T a, T b) { return T((W<T>(a) * W<T>(b)) >> bitsOf<T>); }

/// Division by zero gives all ones, the remainder then is the dividend; both are left open by the ISA.
template <class T> DLC_INLINE T divide(T a, T b) {
  if (b == 0) return T(~T(0));
  if (isSigned<T> && b == T(-1)) return T(U<T>(0) - U<T>(a));
  return T(a / b);
}
template <class T> DLC_INLINE T remainder(T a, T b) {
  if (b == 0) return a;
  if (isSigned<T> && b == T(-1)) return 0;
  return T(a % b);
}

DLC_INLINE s32 saturate32(s64 v) {
  return v > 2147483647 ? 2147483647 : v < -2147483648LL ? s32(-2147483647 - 1) : s32(v);
}

template <class T> void add(Warp &w, const Inst &i) {
  map2<U<T>, U<T>, U<T>>(w, i, [](U<T> a, U<T> b) { return U<T>(a + b); });
}
template <class T> void sub(Warp &w, const Inst &i) {
  map2<U<T>, U<T>, U<T>>(w, i, [](U<T> a, U<T> b) { return U<T>(a - b); });
}
void addSat(Warp &w, const Inst &i) {
  map2<s32, s32, s32>(w, i, [](s32 a, s32 b) { return saturate32(s64(a) + b); });
}
void subSat(Warp &w, const Inst &i) {
  map2<s32, s32, s32>(w, i, [](s32 a, s32 b) { return saturate32(s64(a) - b); });
}
template <class T> void mul(Warp &w, const Inst &i) {
  map2<U<T>, U<T>, U<T>>(w, i, [](U<T> a, U<T> b) { return U<T>(u64(a) * b); });
}
template <class T> void mulHi(Warp &w, const Inst &i) {
  map2<T, T, T>(w, i, [](T a, T b) { return highPart(a, b); });
}
template <class T> void mulWide(Warp &w, const Inst &i) {
  map2<W<T>, T, T>(w, i, [](T a, T b) { return W<T>(W<T>(a) * W<T>(b)); });
}
template <class T> void mad(Warp &w, const Inst &i) {
  map3<U<T>, U<T>, U<T>, U<T>>(w, i, [](U<T> a, U<T> b, U<T> c) { return U<T>(u64(a) * b + c); });
}
template <class T> void madHi(Warp &w, const Inst &i) {
  map3<T, T, T, T>(w, i, [](T a, T b, T c) { return T(U<T>(highPart(a, b)) + U<T>(c)); });
}
void madHiSat(Warp &w, const Inst &i) {
  map3<s32, s32, s32, s32>(w, i, [](s32 a, s32 b, s32 c) { return saturate32(s64(highPart(a, b)) + c); });
}
template <class T> void madWide(Warp &w, const Inst &i) {
  using V = U<W<T>>;
  map3<V, T, T, V>(w, i, [](T a, T b, V c) { return V(V(W<T>(a) * W<T>(b)) + c); });
}
template <class T> void div(Warp &w, const Inst &i) {
  map2Slow<T, T, T>(w, i, [](T a, T b) { return divide(a, b); });
}
template <class T> void rem(Warp &w, const Inst &i) {
  map2Slow<T, T, T>(w, i, [](T a, T b) { return remainder(a, b); });
}
template <class T> void abs(Warp &w, const Inst &i) {
  map<T, T>(w, i, [](T a) { return a < 0 ? T(U<T>(0) - U<T>(a)) : a; });
}
template <class T> void neg(Warp &w, const Inst &i) {
  map<U<T>, U<T>>(w, i, [](U<T> a) { return U<T>(U<T>(0) - a); });
}
template <class T> void min(Warp &w, const Inst &i) {
  map2<T, T, T>(w, i, [](T a, T b) { return a < b ? a : b; });
}
template <class T> void max(Warp &w, const Inst &i) {
  map2<T, T, T>(w, i, [](T a, T b) { return a > b ? a : b; });
}
/// min.relu and max.relu: not below zero.
void minRelu(Warp &w, const Inst &i) {
  map2<s32, s32, s32>(w, i, [](s32 a, s32 b) { return (a < b ? a : b) < 0 ? 0 : a < b ? a : b; });
}
void maxRelu(Warp &w, const Inst &i) {
  map2<s32, s32, s32>(w, i, [](s32 a, s32 b) { return (a > b ? a : b) < 0 ? 0 : a > b ? a : b; });
}

/// Two half words in a word, each by itself.
template <class T, class F> DLC_INLINE void mapPairs(Warp &w, const Inst &i, F f) {
  bool relu = i.mods & ModRelu;
  map2<u32, u32, u32>(w, i, [=](u32 a, u32 b) {
    auto part = [&](unsigned shift) {
      T r = f(T(a >> shift), T(b >> shift));
      return u32(u16(relu && r < T(0) ? T(0) : r)) << shift;
    };
    return part(0) | part(16);
  });
}
template <class T> void addPairs(Warp &w, const Inst &i) {
  mapPairs<T>(w, i, [](T a, T b) { return T(a + b); });
}
template <class T> void minPairs(Warp &w, const Inst &i) {
  mapPairs<T>(w, i, [](T a, T b) { return a < b ? a : b; });
}
template <class T> void maxPairs(Warp &w, const Inst &i) {
  mapPairs<T>(w, i, [](T a, T b) { return a > b ? a : b; });
}
template <class T> Handler pairHandler(const Inst &i) {
  return i.kind == Kind::Add ? addPairs<T> : i.kind == Kind::Min ? minPairs<T> : maxPairs<T>;
}
template <class T> void sad(Warp &w, const Inst &i) {
  map3<U<T>, T, T, U<T>>(
      w, i, [](T a, T b, U<T> c) { return U<T>(c + (a < b ? U<T>(b) - U<T>(a) : U<T>(a) - U<T>(b))); });
}

template <class T> void bitAnd(Warp &w, const Inst &i) {
  map2<T, T, T>(w, i, [](T a, T b) { return T(a & b); });
}
template <class T> void bitOr(Warp &w, const Inst &i) {
  map2<T, T, T>(w, i, [](T a, T b) { return T(a | b); });
}
template <class T> void bitXor(Warp &w, const Inst &i) {
  map2<T, T, T>(w, i, [](T a, T b) { return T(a ^ b); });
}
template <class T> void bitNot(Warp &w, const Inst &i) {
  map<T, T>(w, i, [](T a) { return T(~a); });
}
template <class T> void cnot(Warp &w, const Inst &i) {
  map<T, T>(w, i, [](T a) { return T(a == 0); });
}
template <class T> void mov(Warp &w, const Inst &i) {
  map<T, T>(w, i, [](T a) { return a; });
}

void predicateOp(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i), a = predicate(w, i.a), b = i.b == NoOperand ? 0 : predicate(w, i.b);
  Mask v = i.kind == Kind::And   ? a & b
           : i.kind == Kind::Or  ? a | b
           : i.kind == Kind::Xor ? a ^ b
           : i.kind == Kind::Not ? ~a
                                 : a;
  setPredicate(w, i.dst, m, v);
}

template <class T> void shl(Warp &w, const Inst &i) {
  map2<T, T, u32>(w, i, [](T a, u32 n) { return n >= bitsOf<T> ? T(0) : T(a << n); });
}
template <class T> void shr(Warp &w, const Inst &i) {
  map2<T, T, u32>(w, i, [](T a, u32 n) {
    if (isSigned<T>) return T(a >> (n >= bitsOf<T> ? bitsOf<T> - 1 : n));
    return n >= bitsOf<T> ? T(0) : T(a >> n);
  });
}

/// shf: a is the low word, b the high one.
template <bool Right, bool Wrap> void funnel(Warp &w, const Inst &i) {
  map3<u32, u32, u32, u32>(w, i, [](u32 a, u32 b, u32 c) {
    u32 n = Wrap ? c & 31 : c > 32 ? 32 : c;
    u64 v = u64(b) << 32 | a;
    return Right ? u32(v >> n) : u32((v << n) >> 32);
  });
}

/// The truth table's eight bits choose among the eight combinations of a, b, c.
void lop3(Warp &w, const Inst &i) {
  u32 t[8];
  for (unsigned k = 0; k < 8; ++k) t[k] = (i.imm >> k & 1) ? ~0u : 0u;
  map3<u32, u32, u32, u32>(w, i, [&](u32 a, u32 b, u32 c) {
    u32 na = ~a, nb = ~b, nc = ~c;
    return (t[0] & na & nb & nc) | (t[1] & na & nb & c) | (t[2] & na & b & nc) | (t[3] & na & b & c) |
           (t[4] & a & nb & nc) | (t[5] & a & nb & c) | (t[6] & a & b & nc) | (t[7] & a & b & c);
  });
}

/// With a predicate: whether the result is not zero, combined with another one.
void lop3Predicate(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i), nonzero = 0;
  u32 result[32];
  for (unsigned l = 0; l < 32; ++l) {
    u32 a = slot<u32>(w, i.a)[l], b = slot<u32>(w, i.b)[l], c = slot<u32>(w, i.c)[l], r = 0;
    for (unsigned k = 0; k < 8; ++k)
      if (i.imm >> k & 1) r |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
    result[l] = r;
    nonzero |= Mask(r != 0) << l;
  }
  const u32 *pool = w.cta->operands + i.aux;
  Mask q = predicate(w, pool[1]) ^ ((i.mods >> 23 & 1) ? AllLanes : 0);
  setPredicate(w, pool[0], m, BoolOp(i.mods >> 21 & 3) == BoolOp::And ? nonzero & q : nonzero | q);
  for (; m; m &= m - 1) slot<u32>(w, i.dst)[__builtin_ctz(m)] = result[__builtin_ctz(m)];
}

/// prmt: bytes 0-3 of a, 4-7 of b; bit 3 of a selector replicates the sign of the byte.
DLC_INLINE u32 permute(u32 a, u32 b, u32 selectors) {
  u64 v = u64(b) << 32 | a;
  u32 r = 0;
  for (unsigned k = 0; k < 4; ++k) {
    u32 s = selectors >> (4 * k) & 15;
    u32 byte = u32(v >> (8 * (s & 7))) & 255;
    if (s & 8) byte = (byte & 128) ? 255 : 0;
    r |= byte << (8 * k);
  }
  return r;
}

void prmt(Warp &w, const Inst &i) {
  map3<u32, u32, u32, u32>(w, i, [](u32 a, u32 b, u32 c) { return permute(a, b, c); });
}

/// The selectors of the named modes by c & 3 (PTX ISA, prmt).
void prmtMode(Warp &w, const Inst &i) {
  static const u32 selectors[7][4] = {{0, 0, 0, 0},
                                      {0x3210, 0x4321, 0x5432, 0x6543},
                                      {0x5670, 0x6701, 0x7012, 0x0123},
                                      {0x0000, 0x1111, 0x2222, 0x3333},
                                      {0x3210, 0x3211, 0x3222, 0x3333},
                                      {0x0000, 0x1110, 0x2210, 0x3210},
                                      {0x1010, 0x3232, 0x1010, 0x3232}};
  u32 mode = i.mods >> ModKindShift;
  map3<u32, u32, u32, u32>(w, i, [&](u32 a, u32 b, u32 c) { return permute(a, b, selectors[mode][c & 3]); });
}

template <class T> void bfe(Warp &w, const Inst &i) {
  map3<T, T, u32, u32>(w, i, [](T a, u32 b, u32 c) {
    u32 pos = b & 255, len = c & 255, msb = bitsOf<T> - 1;
    U<T> v = pos > msb ? U<T>(0) : U<T>(U<T>(a) >> pos);
    u32 top = pos + len - 1 > msb || pos + len == 0 ? msb : pos + len - 1;
    bool sign = isSigned<T> && len != 0 && (U<T>(a) >> (top > msb ? msb : top) & 1);
    if (len >= bitsOf<T>) len = bitsOf<T>;
    U<T> keep = len == bitsOf<T> ? U<T>(~U<T>(0)) : U<T>((U<T>(1) << len) - 1);
    // Bits past the top of a are the sign as well.
    if (pos > msb) return T(sign && len != 0 ? ~U<T>(0) : U<T>(0));
    U<T> have = U<T>(~U<T>(0)) >> pos;
    U<T> field = v & keep & have;
    return T(sign ? U<T>(field | ~(keep & have)) : field);
  });
}

template <class T> void bfi(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  T *d = slot<T>(w, i.dst);
  const T *a = slot<T>(w, i.a), *b = slot<T>(w, i.b);
  const u32 *c = slot<u32>(w, i.c), *n = slot<u32>(w, w.cta->operands[i.aux]);
  DLC_LANES {
    u32 pos = c[l] & 255, len = n[l] & 255;
    T keep = len >= bitsOf<T> ? T(~T(0)) : T((T(1) << len) - 1);
    T field = pos >= bitsOf<T> ? T(0) : T(keep << pos);
    T moved = pos >= bitsOf<T> ? T(0) : T(a[l] << pos);
    T v = T((b[l] & ~field) | (moved & field));
    d[l] = (m >> l & 1) ? v : d[l];
  }
}

void brev32(Warp &w, const Inst &i) {
  mapSlow<u32, u32>(w, i, [](u32 a) { return __builtin_bitreverse32(a); });
}
void brev64(Warp &w, const Inst &i) {
  mapSlow<u64, u64>(w, i, [](u64 a) { return __builtin_bitreverse64(a); });
}
void popc32(Warp &w, const Inst &i) {
  map<u32, u32>(w, i, [](u32 a) { return u32(__builtin_popcount(a)); });
}
void popc64(Warp &w, const Inst &i) {
  mapSlow<u32, u64>(w, i, [](u64 a) { return u32(__builtin_popcountll(a)); });
}
void clz32(Warp &w, const Inst &i) {
  mapSlow<u32, u32>(w, i, [](u32 a) { return a ? u32(__builtin_clz(a)) : 32u; });
}
void clz64(Warp &w, const Inst &i) {
  mapSlow<u32, u64>(w, i, [](u64 a) { return a ? u32(__builtin_clzll(a)) : 64u; });
}

/// Position of the highest bit that is not a sign bit; with shiftamt the shift that brings it to the top.
template <class T> void bfind(Warp &w, const Inst &i) {
  bool amount = i.mods >> ModKindShift & 1;
  mapSlow<u32, T>(w, i, [&](T a) {
    u64 v = isSigned<T> && a < 0 ? u64(U<T>(~a)) : u64(U<T>(a));
    if (v == 0) return ~u32(0);
    u32 at = 63 - u32(__builtin_clzll(v));
    return amount ? bitsOf<T> - 1 - at : at;
  });
}

void bmsk(Warp &w, const Inst &i) {
  bool wrap = i.mods >> ModKindShift & 1;
  map2<u32, u32, u32>(w, i, [&](u32 a, u32 b) {
    u32 pos = wrap ? a & 31 : a > 32 ? 32 : a, len = wrap ? b & 31 : b > 32 ? 32 : b;
    u64 field = ((u64(1) << len) - 1) << pos;
    return u32(field);
  });
}

void szext(Warp &w, const Inst &i) {
  bool wrap = i.mods >> ModKindShift & 1, isSignedType = i.type == Type::S32;
  map2<u32, u32, u32>(w, i, [&](u32 a, u32 b) {
    u32 n = wrap ? b & 31 : b > 32 ? 32 : b;
    if (n == 0) return 0u;
    if (n >= 32) return a;
    u32 keep = (1u << n) - 1;
    return isSignedType && (a >> (n - 1) & 1) ? a | ~keep : a & keep;
  });
}

/// fns: position of the n-th set bit of a from `base`: upwards for n > 0, downwards for n < 0, base itself
/// for 0.
DLC_INLINE u32 findNth(u32 mask, u32 base, s32 offset) {
  if (base > 31) return ~0u;
  if (offset == 0) return (mask >> base & 1) ? base : ~0u;
  s32 step = offset > 0 ? 1 : -1;
  u32 left = offset > 0 ? u32(offset) : u32(0) - u32(offset);
  for (s32 at = s32(base); at >= 0 && at < 32; at += step) {
    if ((mask >> at & 1) && --left == 0) return u32(at);
  }
  return ~0u;
}
void fns(Warp &w, const Inst &i) {
  u32 *d = slot<u32>(w, i.dst);
  const u32 *a = slot<u32>(w, i.a), *b = slot<u32>(w, i.b);
  const s32 *c = slot<s32>(w, i.c);
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    d[l] = findNth(a[l], b[l], c[l]);
  }
}

DLC_INLINE s32 byteOf(u32 v, unsigned k, bool isSignedByte) {
  u32 byte = v >> (8 * k) & 255;
  return isSignedByte ? s32(s8(byte)) : s32(byte);
}
void dp4a(Warp &w, const Inst &i) {
  bool sa = i.mods >> 16 & 1, sb = i.mods >> 17 & 1;
  map3<u32, u32, u32, u32>(w, i, [&](u32 a, u32 b, u32 c) {
    for (unsigned k = 0; k < 4; ++k) c += u32(byteOf(a, k, sa) * byteOf(b, k, sb));
    return c;
  });
}
void dp2a(Warp &w, const Inst &i) {
  bool sa = i.mods >> 16 & 1, sb = i.mods >> 17 & 1;
  unsigned first = (i.mods >> 18 & 1) ? 2 : 0;
  map3<u32, u32, u32, u32>(w, i, [&](u32 a, u32 b, u32 c) {
    for (unsigned k = 0; k < 2; ++k) {
      u32 half = a >> (16 * k) & 65535;
      s32 x = sa ? s32(s16(half)) : s32(half);
      c += u32(x) * u32(byteOf(b, first + k, sb));
    }
    return c;
  });
}

template <class T> void mul24(Warp &w, const Inst &i) {
  bool hi = i.mods >> ModKindShift & 1;
  auto product = [&](T a, T b) {
    W<T> x = isSigned<T> ? W<T>(T(U<T>(a) << 8) >> 8) : W<T>(a & T(0xffffff));
    W<T> y = isSigned<T> ? W<T>(T(U<T>(b) << 8) >> 8) : W<T>(b & T(0xffffff));
    return T((x * y) >> (hi ? 16 : 0));
  };
  if (i.kind == Kind::Mul24)
    map2<T, T, T>(w, i, product);
  else if (i.mods & ModSat)
    map3<T, T, T, T>(w, i, [&](T a, T b, T c) {
      s64 sum = s64(product(a, b)) + s64(c);
      return T(sum > 2147483647 ? 2147483647 : sum < -2147483648LL ? -2147483648LL : sum);
    });
  else
    map3<T, T, T, T>(w, i, [&](T a, T b, T c) { return T(U<T>(product(a, b)) + U<T>(c)); });
}

/// The carry is per thread. After a subtraction it means "no borrow": a - b is a + ~b + 1.
template <class T> void carryAdd(Warp &w, const Inst &i) {
  using V = U<T>;
  Mask lanes = lanesOf(w, i), carry = w.carry;
  V *d = slot<V>(w, i.dst);
  const V *a = slot<V>(w, i.a), *b = slot<V>(w, i.b), *c = i.c == NoOperand ? nullptr : slot<V>(w, i.c);
  bool in = i.mods & ModCarryIn, out = i.mods & ModCarryOut, hi = i.mods >> ModKindShift & 1;
  for (Mask m = lanes; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    V x = a[l], y = b[l];
    if (i.kind == Kind::MadCarry) {
      x = hi ? V(highPart(T(a[l]), T(b[l]))) : V(u64(a[l]) * b[l]);
      y = c[l];
    }
    if (i.kind == Kind::SubCarry) y = V(~y);
    V bit = in ? V(carry >> l & 1) : V(i.kind == Kind::SubCarry ? 1 : 0);
    V sum = V(x + y), total = V(sum + bit);
    bool overflow = sum < x || total < sum;
    if (out) carry = (carry & ~(1u << l)) | (overflow ? 1u << l : 0);
    d[l] = total;
  }
  w.carry = carry;
}

#define DLC_BY_INT(FUNCTION)                                                                                 \
  switch (i.type) {                                                                                          \
  case Type::U16:                                                                                            \
    return FUNCTION<u16>;                                                                                    \
  case Type::S16:                                                                                            \
    return FUNCTION<s16>;                                                                                    \
  case Type::U32:                                                                                            \
    return FUNCTION<u32>;                                                                                    \
  case Type::S32:                                                                                            \
    return FUNCTION<s32>;                                                                                    \
  case Type::U64:                                                                                            \
    return FUNCTION<u64>;                                                                                    \
  case Type::S64:                                                                                            \
    return FUNCTION<s64>;                                                                                    \
  default:                                                                                                   \
    return nullptr;                                                                                          \
  }
#define DLC_BY_SIGNED(FUNCTION)                                                                              \
  switch (i.type) {                                                                                          \
  case Type::S16:                                                                                            \
    return FUNCTION<s16>;                                                                                    \
  case Type::S32:                                                                                            \
    return FUNCTION<s32>;                                                                                    \
  case Type::S64:                                                                                            \
    return FUNCTION<s64>;                                                                                    \
  default:                                                                                                   \
    return nullptr;                                                                                          \
  }
#define DLC_BY_WIDTH(FUNCTION)                                                                               \
  switch (i.type) {                                                                                          \
  case Type::Pred:                                                                                           \
    return predicateOp;                                                                                      \
  case Type::B16:                                                                                            \
    return FUNCTION<u16>;                                                                                    \
  case Type::B32:                                                                                            \
    return FUNCTION<u32>;                                                                                    \
  case Type::B64:                                                                                            \
    return FUNCTION<u64>;                                                                                    \
  default:                                                                                                   \
    return nullptr;                                                                                          \
  }
#define DLC_BY_SMALL(FUNCTION)                                                                               \
  switch (i.type) {                                                                                          \
  case Type::U16:                                                                                            \
    return FUNCTION<u16>;                                                                                    \
  case Type::S16:                                                                                            \
    return FUNCTION<s16>;                                                                                    \
  case Type::U32:                                                                                            \
    return FUNCTION<u32>;                                                                                    \
  case Type::S32:                                                                                            \
    return FUNCTION<s32>;                                                                                    \
  default:                                                                                                   \
    return nullptr;                                                                                          \
  }
#define DLC_BY_LARGE(FUNCTION)                                                                               \
  switch (i.type) {                                                                                          \
  case Type::U32:                                                                                            \
    return FUNCTION<u32>;                                                                                    \
  case Type::S32:                                                                                            \
    return FUNCTION<s32>;                                                                                    \
  case Type::U64:                                                                                            \
    return FUNCTION<u64>;                                                                                    \
  case Type::S64:                                                                                            \
    return FUNCTION<s64>;                                                                                    \
  default:                                                                                                   \
    return nullptr;                                                                                          \
  }

Handler movHandler(const Inst &i) {
  switch (typeBytesOf(i.type)) {
  case 2:
    return mov<u16>;
  case 4:
    return mov<u32>;
  case 8:
    return mov<u64>;
  default:
    return i.type == Type::Pred ? predicateOp : nullptr;
  }
}

Handler shiftRight(const Inst &i) {
  switch (i.type) {
  case Type::B16:
    return shr<u16>;
  case Type::B32:
    return shr<u32>;
  case Type::B64:
    return shr<u64>;
  default:
    DLC_BY_INT(shr)
  }
}

Handler funnelHandler(const Inst &i) {
  u32 form = i.mods >> ModKindShift;
  return form == 0   ? funnel<false, false>
         : form == 1 ? funnel<true, false>
         : form == 2 ? funnel<false, true>
                     : funnel<true, true>;
}

} // namespace

Handler integerHandler(const Inst &i) {
  bool is64 = typeBytesOf(i.type) == 8;
  if (i.type == Type::U16x2) return pairHandler<u16>(i);
  if (i.type == Type::S16x2) return pairHandler<s16>(i);
  switch (i.kind) {
  case Kind::Mov:
    return movHandler(i);
  case Kind::Add:
    if (i.type == Type::S32 && (i.mods & ModSat)) return addSat;
    DLC_BY_INT(add)
  case Kind::Sub:
    if (i.type == Type::S32 && (i.mods & ModSat)) return subSat;
    DLC_BY_INT(sub)
  case Kind::Mul:
    DLC_BY_INT(mul)
  case Kind::MulHi:
    DLC_BY_INT(mulHi)
  case Kind::MulWide:
    DLC_BY_SMALL(mulWide)
  case Kind::Mad:
    DLC_BY_INT(mad)
  case Kind::MadHi:
    if (i.mods & ModSat) return madHiSat;
    DLC_BY_INT(madHi)
  case Kind::MadWide:
    DLC_BY_SMALL(madWide)
  case Kind::Mul24:
  case Kind::Mad24:
    return i.type == Type::S32 ? mul24<s32> : mul24<u32>;
  case Kind::AddCarry:
  case Kind::SubCarry:
  case Kind::MadCarry:
    DLC_BY_LARGE(carryAdd)
  case Kind::Sad:
    DLC_BY_INT(sad)
  case Kind::Div:
    DLC_BY_INT(div)
  case Kind::Rem:
    DLC_BY_INT(rem)
  case Kind::Abs:
    DLC_BY_SIGNED(abs)
  case Kind::Neg:
    DLC_BY_SIGNED(neg)
  case Kind::Min:
    if (i.mods & ModRelu) return minRelu;
    DLC_BY_INT(min)
  case Kind::Max:
    if (i.mods & ModRelu) return maxRelu;
    DLC_BY_INT(max)
  case Kind::And:
    DLC_BY_WIDTH(bitAnd)
  case Kind::Or:
    DLC_BY_WIDTH(bitOr)
  case Kind::Xor:
    DLC_BY_WIDTH(bitXor)
  case Kind::Not:
    DLC_BY_WIDTH(bitNot)
  case Kind::Cnot:
    DLC_BY_WIDTH(cnot)
  case Kind::Lop3:
    return i.count ? lop3Predicate : lop3;
  case Kind::Shl:
    DLC_BY_WIDTH(shl)
  case Kind::Shr:
    return shiftRight(i);
  case Kind::Funnel:
    return funnelHandler(i);
  case Kind::Prmt:
    return (i.mods >> ModKindShift) ? prmtMode : prmt;
  case Kind::Bfe:
    DLC_BY_LARGE(bfe)
  case Kind::Bfi:
    return is64 ? bfi<u64> : bfi<u32>;
  case Kind::Brev:
    return is64 ? brev64 : brev32;
  case Kind::Popc:
    return is64 ? popc64 : popc32;
  case Kind::Clz:
    return is64 ? clz64 : clz32;
  case Kind::Bfind:
    DLC_BY_LARGE(bfind)
  case Kind::Bmsk:
    return bmsk;
  case Kind::Fns:
    return fns;
  case Kind::Szext:
    return szext;
  case Kind::Dp4a:
    return dp4a;
  case Kind::Dp2a:
    return dp2a;
  default:
    return nullptr;
  }
}

} // namespace dlc::vcuda::exec::DLC_CORE
