// mma.sync (PTX ISA 9.7.15). Fragments are gathered into row-major tiles A[M][K], B[K][N], C[M][N],
// multiplied, and spread again. In fast arithmetic each product is accumulated by one float fma in order of
// k.
#include "runtime/vcuda/exec/core/half.h"
#include "runtime/vcuda/exec/core/rounding.h"
#include "runtime/vcuda/exec/mma_shapes.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

/// One element as the accumulator's type.
struct HalfElement {
  using Raw = u16;
  static DLC_INLINE f32 value(u16 v) { return toFloat(f16{v}); }
};
struct BfloatElement {
  using Raw = u16;
  static DLC_INLINE f32 value(u16 v) { return toFloat(bf16{v}); }
};
/// The tensor core ignores the low 13 bits.
struct Tf32Element {
  using Raw = u32;
  static DLC_INLINE f32 value(u32 v) { return bitCast<f32>(v & 0xffffe000u); }
};
struct S8Element {
  using Raw = s8;
  static DLC_INLINE s32 value(s8 v) { return v; }
};
struct U8Element {
  using Raw = u8;
  static DLC_INLINE s32 value(u8 v) { return v; }
};

/// A register slot is a tile of 8 rows and W columns, row-major: W = 16 bytes / element size. Of A the rows
/// are m, of B (which is stored by column) they are n.
template <class Element> inline constexpr unsigned tileWidth = 16 / sizeof(typename Element::Raw);

template <class Element, class T> DLC_INLINE void convertTile(const typename Element::Raw *raw, T *out) {
  for (unsigned e = 0; e < 8 * tileWidth<Element>; ++e) out[e] = Element::value(raw[e]);
}

#if defined(__clang__) && defined(__F16C__)
/// The host's own conversion, which is exact.
template <> DLC_INLINE void convertTile<HalfElement, f32>(const u16 *raw, f32 *out) {
  typedef _Float16 Halves __attribute__((vector_size(32)));
  typedef f32 Floats __attribute__((vector_size(64)));
  for (unsigned part = 0; part < 4; ++part) {
    Halves h;
    memcpy(&h, raw + 16 * part, 32);
    Floats f = __builtin_convertvector(h, Floats);
    memcpy(out + 16 * part, &f, 64);
  }
}
#endif

/// B's tile as [k][n].
template <class Element, class T>
DLC_INLINE void convertTransposed(const typename Element::Raw *raw, T *out) {
  constexpr unsigned width = tileWidth<Element>;
  typename Element::Raw turned[8 * width];
#ifdef __clang__
  if constexpr (width == 8) {
    typedef u16 Tile __attribute__((vector_size(128)));
    Tile t;
    memcpy(&t, raw, 128);
#define DLC_COLUMN(k) k, k + 8, k + 16, k + 24, k + 32, k + 40, k + 48, k + 56
    t = __builtin_shufflevector(t, t, DLC_COLUMN(0), DLC_COLUMN(1), DLC_COLUMN(2), DLC_COLUMN(3),
                                DLC_COLUMN(4), DLC_COLUMN(5), DLC_COLUMN(6), DLC_COLUMN(7));
#undef DLC_COLUMN
    memcpy(turned, &t, 128);
    convertTile<Element, T>(turned, out);
    return;
  }
#endif
  for (unsigned k = 0; k < width; ++k) {
    for (unsigned n = 0; n < 8; ++n) turned[k * 8 + n] = raw[n * width + k];
  }
  convertTile<Element, T>(turned, out);
}

/// C and D: registers 2 r and 2 r + 1 hold the even and odd columns of rows 8 r ... 8 r + 7.
template <class T> DLC_INLINE void readSums(Warp &w, const u32 *pool, T *out) {
  const T *even = slot<T>(w, pool[0]), *odd = slot<T>(w, pool[1]);
  DLC_LANES {
    out[2 * l] = even[l];
    out[2 * l + 1] = odd[l];
  }
}
template <class T> DLC_INLINE void writeSums(Warp &w, const u32 *pool, const T *from, Mask m) {
  T *even = slot<T>(w, pool[0]), *odd = slot<T>(w, pool[1]);
  if (m == AllLanes) {
    DLC_LANES {
      even[l] = from[2 * l];
      odd[l] = from[2 * l + 1];
    }
    return;
  }
  for (; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    even[l] = from[2 * l];
    odd[l] = from[2 * l + 1];
  }
}

/// sums[8][8] += a[8][W] * b[W][8], one fma per product, in order of k.
template <unsigned W> DLC_INLINE void multiplyTile(const f32 *a, const f32 *b, f32 *sums) {
#ifdef __clang__
  typedef f32 Row __attribute__((vector_size(32)));
  Row s[8];
  memcpy(s, sums, sizeof s);
  for (unsigned k = 0; k < W; ++k) {
    Row bk;
    memcpy(&bk, b + 8 * k, 32);
    for (unsigned r = 0; r < 8; ++r) {
      f32 v = a[r * W + k];
      s[r] = __builtin_elementwise_fma(Row{v, v, v, v, v, v, v, v}, bk, s[r]);
    }
  }
  memcpy(sums, s, sizeof s);
#else
  for (unsigned k = 0; k < W; ++k) {
    for (unsigned r = 0; r < 8; ++r) {
      for (unsigned n = 0; n < 8; ++n)
        sums[8 * r + n] = __builtin_fmaf(a[r * W + k], b[8 * k + n], sums[8 * r + n]);
    }
  }
#endif
}

/// The product of one instruction: A register r covers rows 8 (r % 2), columns W (r / 2); B register r the
/// rows W r.
template <class Element, unsigned K>
DLC_INLINE void multiply(Warp &w, const u32 *aPool, const u32 *bPool, f32 (*sums)[64]) {
  constexpr unsigned width = tileWidth<Element>;
  using Raw = typename Element::Raw;
  for (unsigned step = 0; step < K / width; ++step) {
    alignas(64) f32 a[8 * width], b[8 * width];
    convertTransposed<Element, f32>(slot<Raw>(w, bPool[step]), b);
    for (unsigned half = 0; half < 2; ++half) {
      convertTile<Element, f32>(slot<Raw>(w, aPool[2 * step + half]), a);
      multiplyTile<width>(a, b, sums[half]);
    }
  }
}

/// f32 accumulator. Pool: 4 D, A, B, 4 C.
template <class Element, unsigned K> void mmaFloat(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  if (!requireAligned(w, i, m)) return;
  constexpr unsigned aRegs = 2 * K / tileWidth<Element>, bRegs = K / tileWidth<Element>;
  const u32 *pool = w.cta->operands + i.aux, *c = pool + 4 + aRegs + bRegs;
  alignas(64) f32 sums[2][64];
  for (unsigned half = 0; half < 2; ++half) readSums<f32>(w, c + 2 * half, sums[half]);
  multiply<Element, K>(w, pool + 4, pool + 4 + aRegs, sums);
  for (unsigned half = 0; half < 2; ++half) writeSums<f32>(w, pool + 2 * half, sums[half], m);
}

/// f16 accumulator: two registers of pairs, each an 8 x 8 tile.
template <unsigned K> void mmaHalf(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  if (!requireAligned(w, i, m)) return;
  constexpr unsigned aRegs = K / 4, bRegs = K / 8;
  const u32 *pool = w.cta->operands + i.aux;
  alignas(64) f32 sums[2][64];
  for (unsigned half = 0; half < 2; ++half)
    convertTile<HalfElement, f32>(slot<u16>(w, pool[2 + aRegs + bRegs + half]), sums[half]);
  multiply<HalfElement, K>(w, pool + 2, pool + 2 + aRegs, sums);
  for (unsigned half = 0; half < 2; ++half) {
    f16 *d = slot<f16>(w, pool[half]);
    for (unsigned e = 0; e < 64; ++e) {
      if (m >> (e / 2) & 1) d[e] = toHalf(sums[half][e]);
    }
  }
}

/// Integers wrap around, or saturate once at the end with .satfinite.
template <class A, class B, unsigned K> void mmaInteger(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  if (!requireAligned(w, i, m)) return;
  constexpr unsigned aRegs = K / 8, bRegs = K / 16;
  const u32 *pool = w.cta->operands + i.aux;
  bool saturating = i.mods & ModSat;
  alignas(64) s32 a[K / 16][128], b[K / 16][128], sums[64];
  for (unsigned step = 0; step < bRegs; ++step)
    convertTransposed<B, s32>(slot<typename B::Raw>(w, pool[4 + aRegs + step]), b[step]);
  for (unsigned half = 0; half < 2; ++half) {
    for (unsigned step = 0; step < bRegs; ++step)
      convertTile<A, s32>(slot<typename A::Raw>(w, pool[4 + 2 * step + half]), a[step]);
    readSums<s32>(w, pool + 4 + aRegs + bRegs + 2 * half, sums);
    for (unsigned e = 0; e < 64; ++e) {
      s64 sum = sums[e];
      for (unsigned k = 0; k < K; ++k) sum += a[k / 16][e / 8 * 16 + k % 16] * b[k / 16][k % 16 * 8 + e % 8];
      if (saturating) sum = sum > 2147483647 ? 2147483647 : sum < -2147483648LL ? -2147483648LL : sum;
      sums[e] = s32(u32(u64(sum)));
    }
    writeSums<s32>(w, pool + 2 * half, sums, m);
  }
}

/// m8n8k4 f64: A (g, q), B (q, g), C (g, 2q) and (g, 2q + 1).
void mmaDouble(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  if (!requireAligned(w, i, m)) return;
  const u32 *pool = w.cta->operands + i.aux;
  const f64 *a = slot<f64>(w, pool[2]), *b = slot<f64>(w, pool[3]);
  f64 sums[64];
  readSums<f64>(w, pool + 4, sums);
  for (unsigned e = 0; e < 64; ++e) {
    for (unsigned k = 0; k < 4; ++k) {
      f64 p = a[e / 8 * 4 + k], q = b[e % 8 * 4 + k];
      sums[e] = i.mods & ModRoundMask ? rounded(i.mods, p, q, sums[e],
                                                [](f64 x, f64 y, f64 z) { return __builtin_fma(x, y, z); })
                                      : __builtin_fma(p, q, sums[e]);
    }
  }
  writeSums<f64>(w, pool, sums, m);
}

template <unsigned K> Handler integerMma(const MmaShape &s) {
  if (s.a == Type::S8)
    return s.b == Type::S8 ? mmaInteger<S8Element, S8Element, K> : mmaInteger<S8Element, U8Element, K>;
  return s.b == Type::S8 ? mmaInteger<U8Element, S8Element, K> : mmaInteger<U8Element, U8Element, K>;
}

} // namespace

Handler mmaHandler(const Inst &i) {
  if (i.kind != Kind::Mma) return nullptr;
  const MmaShape &s = mmaShapes[i.imm];
  if (s.general) return nullptr;
  if (s.d == Type::F64) return mmaDouble;
  if (s.d == Type::S32) return s.k == 32 ? integerMma<32>(s) : integerMma<16>(s);
  if (s.d == Type::F16) return s.k == 16 ? mmaHalf<16> : mmaHalf<8>;
  if (s.a == Type::F16) return s.k == 16 ? mmaFloat<HalfElement, 16> : mmaFloat<HalfElement, 8>;
  if (s.a == Type::BF16) return s.k == 16 ? mmaFloat<BfloatElement, 16> : mmaFloat<BfloatElement, 8>;
  return s.k == 8 ? mmaFloat<Tf32Element, 8> : mmaFloat<Tf32Element, 4>;
}

} // namespace dlc::vcuda::exec::DLC_CORE
