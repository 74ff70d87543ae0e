// mma.sync (PTX ISA 9.7.15). Fragments are gathered into row-major tiles A[M][K], B[K][N], C[M][N],
// multiplied, and spread again. In fast arithmetic each product is accumulated by one float fma in order of
// k.
#include "runtime/vcuda/exec/core/half.h"
#include "runtime/vcuda/exec/mma_shapes.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

DLC_INLINE void requireAligned(Warp &w, const Inst &i, Mask m) {
  if (m != w.live || w.live != AllLanes)
    reportLanes(w, i, "divergent-aligned", AllLanes & ~m,
                "lanes are missing at an instruction that all lanes must execute together");
}

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

/// A register slot is an 8 x (4 E) tile, row-major, E elements per 32-bit register: rows g, columns q E + e.
template <class Element, class T, unsigned Columns>
DLC_INLINE void readTile(const u8 *slotBytes, T (*out)[Columns], unsigned row, unsigned column) {
  using Raw = typename Element::Raw;
  constexpr unsigned width = 16 / sizeof(Raw);
  const Raw *raw = reinterpret_cast<const Raw *>(slotBytes);
  for (unsigned g = 0; g < 8; ++g) {
    for (unsigned k = 0; k < width; ++k) out[row + g][column + k] = Element::value(raw[g * width + k]);
  }
}

/// A: register r holds rows 8 (r % 2) ..., columns 4 E (r / 2) ...
template <class Element, class T, unsigned K, unsigned Registers>
DLC_INLINE void readA(Warp &w, const u32 *pool, T (*a)[K]) {
  constexpr unsigned width = 16 / sizeof(typename Element::Raw);
  for (unsigned r = 0; r < Registers; ++r)
    readTile<Element, T, K>(slot<u8>(w, pool[r]), a, 8 * (r % 2), width * (r / 2));
}

/// B is stored by column: register r holds k = 4 E r ... of columns g; the result is B[K][8].
template <class Element, class T, unsigned K, unsigned Registers>
DLC_INLINE void readB(Warp &w, const u32 *pool, T (*b)[8]) {
  using Raw = typename Element::Raw;
  constexpr unsigned width = 16 / sizeof(Raw);
  for (unsigned r = 0; r < Registers; ++r) {
    const Raw *raw = slot<Raw>(w, pool[r]);
    alignas(64) T flat[8 * width];
    for (unsigned e = 0; e < 8 * width; ++e) flat[e] = Element::value(raw[e]);
    for (unsigned k = 0; k < width; ++k) {
      for (unsigned n = 0; n < 8; ++n) b[r * width + k][n] = flat[n * width + k];
    }
  }
}

template <class T, unsigned Rows> DLC_INLINE void readC(Warp &w, const u32 *pool, T (*c)[8]) {
  for (unsigned r = 0; r < Rows / 8; ++r) {
    const T *even = slot<T>(w, pool[2 * r]), *odd = slot<T>(w, pool[2 * r + 1]);
    T *out = c[8 * r];
    for (unsigned l = 0; l < 32; ++l) {
      out[2 * l] = even[l];
      out[2 * l + 1] = odd[l];
    }
  }
}
template <class T, unsigned Rows> DLC_INLINE void writeD(Warp &w, const u32 *pool, T (*c)[8], Mask m) {
  for (unsigned r = 0; r < Rows / 8; ++r) {
    T *even = slot<T>(w, pool[2 * r]), *odd = slot<T>(w, pool[2 * r + 1]);
    const T *from = c[8 * r];
    if (m == AllLanes) {
      DLC_LANES {
        even[l] = from[2 * l];
        odd[l] = from[2 * l + 1];
      }
      continue;
    }
    for (unsigned l = 0; l < 32; ++l) {
      if (!(m >> l & 1)) continue;
      even[l] = from[2 * l];
      odd[l] = from[2 * l + 1];
    }
  }
}

template <unsigned K> DLC_INLINE void multiply(const f32 (*a)[K], const f32 (*b)[8], f32 (*c)[8]) {
  for (unsigned m = 0; m < 16; ++m) {
    alignas(32) f32 sum[8];
    for (unsigned n = 0; n < 8; ++n) sum[n] = c[m][n];
    for (unsigned k = 0; k < K; ++k) {
      for (unsigned n = 0; n < 8; ++n) sum[n] = __builtin_fmaf(a[m][k], b[k][n], sum[n]);
    }
    for (unsigned n = 0; n < 8; ++n) c[m][n] = sum[n];
  }
}

/// f32 accumulator. Pool: 4 D, A, B, 4 C.
template <class Element, unsigned K> void mmaFloat(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  requireAligned(w, i, m);
  constexpr unsigned width = 16 / sizeof(typename Element::Raw), aRegs = 2 * K / width, bRegs = K / width;
  const u32 *pool = w.cta->operands + i.aux;
  alignas(64) f32 a[16][K], b[K][8], c[16][8];
  readA<Element, f32, K, aRegs>(w, pool + 4, a);
  readB<Element, f32, K, bRegs>(w, pool + 4 + aRegs, b);
  readC<f32, 16>(w, pool + 4 + aRegs + bRegs, c);
  multiply<K>(a, b, c);
  writeD<f32, 16>(w, pool, c, m);
}

/// f16 accumulator: two registers of pairs, each an 8 x 8 tile.
template <unsigned K> void mmaHalf(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  requireAligned(w, i, m);
  constexpr unsigned aRegs = K / 4, bRegs = K / 8;
  const u32 *pool = w.cta->operands + i.aux;
  alignas(64) f32 a[16][K], b[K][8], c[16][8];
  readA<HalfElement, f32, K, aRegs>(w, pool + 2, a);
  readB<HalfElement, f32, K, bRegs>(w, pool + 2 + aRegs, b);
  for (unsigned r = 0; r < 2; ++r)
    readTile<HalfElement, f32, 8>(slot<u8>(w, pool[2 + aRegs + bRegs + r]), c, 8 * r, 0);
  multiply<K>(a, b, c);
  for (unsigned r = 0; r < 2; ++r) {
    f16 *d = slot<f16>(w, pool[r]);
    const f32 *from = c[8 * r];
    for (unsigned e = 0; e < 64; ++e) {
      if (m >> (e / 2) & 1) d[e] = toHalf(from[e]);
    }
  }
}

/// Integers wrap around, or saturate once at the end with .satfinite.
template <class A, class B, unsigned K> void mmaInteger(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  requireAligned(w, i, m);
  constexpr unsigned aRegs = K / 8, bRegs = K / 16;
  const u32 *pool = w.cta->operands + i.aux;
  alignas(64) s32 a[16][K], b[K][8], c[16][8];
  readA<A, s32, K, aRegs>(w, pool + 4, a);
  readB<B, s32, K, bRegs>(w, pool + 4 + aRegs, b);
  readC<s32, 16>(w, pool + 4 + aRegs + bRegs, c);
  bool saturating = i.mods & ModSat;
  for (unsigned r = 0; r < 16; ++r) {
    for (unsigned n = 0; n < 8; ++n) {
      s64 sum = c[r][n];
      for (unsigned k = 0; k < K; ++k) sum += a[r][k] * b[k][n];
      if (saturating) sum = sum > 2147483647 ? 2147483647 : sum < -2147483648LL ? -2147483648LL : sum;
      c[r][n] = s32(u32(u64(sum)));
    }
  }
  writeD<s32, 16>(w, pool, c, m);
}

/// m8n8k4 f64: A (g, q), B (q, g), C (g, 2q) and (g, 2q + 1).
void mmaDouble(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  requireAligned(w, i, m);
  const u32 *pool = w.cta->operands + i.aux;
  const f64 *a = slot<f64>(w, pool[2]), *b = slot<f64>(w, pool[3]);
  f64 c[8][8];
  readC<f64, 8>(w, pool + 4, c);
  for (unsigned r = 0; r < 8; ++r) {
    for (unsigned n = 0; n < 8; ++n) {
      for (unsigned k = 0; k < 4; ++k) c[r][n] = __builtin_fma(a[r * 4 + k], b[n * 4 + k], c[r][n]);
    }
  }
  writeD<f64, 8>(w, pool, c, m);
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
  if (s.d == Type::F64) return mmaDouble;
  if (s.d == Type::S32) return s.k == 32 ? integerMma<32>(s) : integerMma<16>(s);
  if (s.d == Type::F16) return s.k == 16 ? mmaHalf<16> : mmaHalf<8>;
  if (s.a == Type::F16) return s.k == 16 ? mmaFloat<HalfElement, 16> : mmaFloat<HalfElement, 8>;
  if (s.a == Type::BF16) return s.k == 16 ? mmaFloat<BfloatElement, 16> : mmaFloat<BfloatElement, 8>;
  return s.k == 8 ? mmaFloat<Tf32Element, 8> : mmaFloat<Tf32Element, 4>;
}

} // namespace dlc::vcuda::exec::DLC_CORE
