// setp, set, selp, slct (PTX ISA 9.7.6).
#include "runtime/vcuda/exec/core/half.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

template <class T> DLC_INLINE Mask compareInt(const T *a, const T *b, Compare c) {
  switch (c) {
  case Compare::Eq:
    return compareLanes(a, b, [](T x, T y) { return x == y; });
  case Compare::Ne:
    return compareLanes(a, b, [](T x, T y) { return x != y; });
  case Compare::Lt:
  case Compare::Lo:
    return compareLanes(a, b, [](T x, T y) { return x < y; });
  case Compare::Le:
  case Compare::Ls:
    return compareLanes(a, b, [](T x, T y) { return x <= y; });
  case Compare::Gt:
  case Compare::Hi:
    return compareLanes(a, b, [](T x, T y) { return x > y; });
  default:
    return compareLanes(a, b, [](T x, T y) { return x >= y; });
  }
}

template <class T> DLC_INLINE Mask compareFloat(const T *a, const T *b, Compare c) {
  switch (c) {
  case Compare::Eq:
    return compareLanes(a, b, [](T x, T y) { return x == y; });
  case Compare::Ne:
    return compareLanes(a, b, [](T x, T y) { return x < y || x > y; });
  case Compare::Lt:
    return compareLanes(a, b, [](T x, T y) { return x < y; });
  case Compare::Le:
    return compareLanes(a, b, [](T x, T y) { return x <= y; });
  case Compare::Gt:
    return compareLanes(a, b, [](T x, T y) { return x > y; });
  case Compare::Ge:
    return compareLanes(a, b, [](T x, T y) { return x >= y; });
  case Compare::Equ:
    return compareLanes(a, b, [](T x, T y) { return !(x < y || x > y); });
  case Compare::Neu:
    return compareLanes(a, b, [](T x, T y) { return x != y; });
  case Compare::Ltu:
    return compareLanes(a, b, [](T x, T y) { return !(x >= y); });
  case Compare::Leu:
    return compareLanes(a, b, [](T x, T y) { return !(x > y); });
  case Compare::Gtu:
    return compareLanes(a, b, [](T x, T y) { return !(x <= y); });
  case Compare::Geu:
    return compareLanes(a, b, [](T x, T y) { return !(x < y); });
  case Compare::Num:
    return compareLanes(a, b, [](T x, T y) { return x == x && y == y; });
  default:
    return compareLanes(a, b, [](T x, T y) { return x != x || y != y; });
  }
}

DLC_INLINE Compare comparisonOf(const Inst &i) { return Compare(i.mods >> ModKindShift & 31); }

Mask compareFloats(Warp &w, const Inst &i) {
  const f32 *a = slot<f32>(w, i.a), *b = slot<f32>(w, i.b);
  if (!(i.mods & ModFtz)) return compareFloat(a, b, comparisonOf(i));
  alignas(64) f32 x[32], y[32];
  DLC_LANES x[l] = flush(a[l]);
  DLC_LANES y[l] = flush(b[l]);
  return compareFloat(x, y, comparisonOf(i));
}

/// Elements `first`, `first + step`, ... of slots of 16-bit floats.
template <class T> Mask compareHalves(Warp &w, const Inst &i, unsigned first, unsigned step) {
  const T *a = slot<T>(w, i.a), *b = slot<T>(w, i.b);
  alignas(64) f32 x[32], y[32];
  for (unsigned l = 0; l < 32; ++l) {
    T p = a[first + step * l], q = b[first + step * l];
    if (i.mods & ModFtz) p = flush(p), q = flush(q);
    x[l] = toFloat(p);
    y[l] = toFloat(q);
  }
  return compareFloat(x, y, comparisonOf(i));
}

/// The result for all lanes; of packed types the lower elements'.
Mask compareValues(Warp &w, const Inst &i, bool upper) {
  switch (i.type) {
  case Type::U16:
  case Type::B16:
    return compareInt(slot<u16>(w, i.a), slot<u16>(w, i.b), comparisonOf(i));
  case Type::S16:
    return compareInt(slot<s16>(w, i.a), slot<s16>(w, i.b), comparisonOf(i));
  case Type::U32:
  case Type::B32:
    return compareInt(slot<u32>(w, i.a), slot<u32>(w, i.b), comparisonOf(i));
  case Type::S32:
    return compareInt(slot<s32>(w, i.a), slot<s32>(w, i.b), comparisonOf(i));
  case Type::U64:
  case Type::B64:
    return compareInt(slot<u64>(w, i.a), slot<u64>(w, i.b), comparisonOf(i));
  case Type::S64:
    return compareInt(slot<s64>(w, i.a), slot<s64>(w, i.b), comparisonOf(i));
  case Type::F32:
    return compareFloats(w, i);
  case Type::F64:
    return compareFloat(slot<f64>(w, i.a), slot<f64>(w, i.b), comparisonOf(i));
  case Type::F16:
    return compareHalves<f16>(w, i, 0, 1);
  case Type::BF16:
    return compareHalves<bf16>(w, i, 0, 1);
  case Type::F16x2:
    return compareHalves<f16>(w, i, upper, 2);
  default:
    return compareHalves<bf16>(w, i, upper, 2);
  }
}

DLC_INLINE Mask combine(u32 mods, Mask value, Mask c) {
  switch (BoolOp(mods >> 21 & 3)) {
  case BoolOp::And:
    return value & c;
  case BoolOp::Or:
    return value | c;
  case BoolOp::Xor:
    return value ^ c;
  default:
    return value;
  }
}
DLC_INLINE Mask thirdPredicate(Warp &w, const Inst &i) {
  Mask c = i.c == NoOperand ? 0 : predicate(w, i.c);
  return (i.mods >> 23 & 1) ? ~c : c;
}

/// With a second destination: of packed types it takes the upper elements' result, else the negated one.
void setp(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i), c = thirdPredicate(w, i), value = compareValues(w, i, false);
  if (i.count == 0) return setPredicate(w, i.dst, m, combine(i.mods, value, c));
  bool packed = i.type == Type::F16x2 || i.type == Type::BF16x2;
  Mask second = packed ? compareValues(w, i, true) : ~value;
  setPredicate(w, i.dst, m, combine(i.mods, value, c));
  setPredicate(w, w.cta->operands[i.aux], m, combine(i.mods, second, c));
}

/// True is all ones in an integer and 1 in a float; of packed types each half is compared by itself.
void setValue(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i), c = thirdPredicate(w, i);
  Mask value = combine(i.mods, compareValues(w, i, false), c), upper = value;
  bool packed = i.type == Type::F16x2 || i.type == Type::BF16x2;
  if (packed) upper = combine(i.mods, compareValues(w, i, true), c);
  u32 one = ~0u, mask = ~0u;
  if (i.type2 == Type::F32) one = 0x3f800000u;
  if (i.type2 == Type::F16 || i.type2 == Type::F16x2) one = 0x3c003c00u;
  if (i.type2 == Type::BF16 || i.type2 == Type::BF16x2) one = 0x3f803f80u;
  if (packed) mask = 0xffffu;
  if (i.width == 2) {
    u16 *d = slot<u16>(w, i.dst);
    DLC_LANES {
      u16 v = (value >> l & 1) ? u16(one) : u16(0);
      d[l] = (m >> l & 1) ? v : d[l];
    }
    return;
  }
  u32 *d = slot<u32>(w, i.dst);
  DLC_LANES {
    u32 v = ((value >> l & 1) ? one & mask : 0) | ((upper >> l & 1) ? one & ~mask : 0);
    d[l] = (m >> l & 1) ? v : d[l];
  }
}

template <class T> void selp(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i), c = predicate(w, i.c);
  T *d = slot<T>(w, i.dst);
  const T *a = slot<T>(w, i.a), *b = slot<T>(w, i.b);
  DLC_LANES {
    T v = (c >> l & 1) ? a[l] : b[l];
    d[l] = (m >> l & 1) ? v : d[l];
  }
}

template <class T> void slct(Warp &w, const Inst &i) {
  if (i.type2 == Type::S32) return map3<T, T, T, s32>(w, i, [](T a, T b, s32 c) { return c >= 0 ? a : b; });
  bool ftz = i.mods & ModFtz;
  map3<T, T, T, f32>(w, i, [&](T a, T b, f32 c) { return (ftz ? flush(c) : c) >= 0.0f ? a : b; });
}

} // namespace

Handler compareHandler(const Inst &i) {
  unsigned bytes = typeBytesOf(i.type);
  switch (i.kind) {
  case Kind::Setp:
    return setp;
  case Kind::Set:
    return setValue;
  case Kind::Selp:
    return bytes == 2 ? selp<u16> : bytes == 4 ? selp<u32> : bytes == 8 ? selp<u64> : Handler(nullptr);
  case Kind::Slct:
    return bytes == 2 ? slct<u16> : bytes == 4 ? slct<u32> : bytes == 8 ? slct<u64> : Handler(nullptr);
  default:
    return nullptr;
  }
}

} // namespace dlc::vcuda::exec::DLC_CORE
