// cvt and its like (PTX ISA 9.7.9.20). The common conversions are vector loops; the others go lane by lane
// through a 64-bit integer or a double, both of which hold every source value exactly.
#include "runtime/vcuda/exec/core/half.h"
#include "runtime/vcuda/exec/core/rounding.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

constexpr bool isFloatType(Type t) {
  return t == Type::F16 || t == Type::BF16 || t == Type::F32 || t == Type::F64 || t == Type::TF32;
}
constexpr bool isSignedType(Type t) {
  return t == Type::S8 || t == Type::S16 || t == Type::S32 || t == Type::S64;
}

/// A value on its way: integers keep 64 bits, unsigned or signed; floats are doubles.
struct Value {
  bool isFloat, isSigned;
  u64 bits;
  f64 real;
};

DLC_INLINE Value readValue(Type t, const u8 *p) {
  Value v = {isFloatType(t), isSignedType(t), 0, 0};
  switch (typeBytesOf(t)) {
  case 1:
    v.bits = *p;
    break;
  case 2: {
    u16 x;
    memcpy(&x, p, 2);
    v.bits = x;
    break;
  }
  case 4: {
    u32 x;
    memcpy(&x, p, 4);
    v.bits = x;
    break;
  }
  default:
    memcpy(&v.bits, p, 8);
  }
  switch (t) {
  case Type::S8:
    v.bits = u64(s64(s8(v.bits)));
    break;
  case Type::S16:
    v.bits = u64(s64(s16(v.bits)));
    break;
  case Type::S32:
    v.bits = u64(s64(s32(v.bits)));
    break;
  case Type::F16:
    v.real = toFloat(f16{u16(v.bits)});
    break;
  case Type::BF16:
    v.real = toFloat(bf16{u16(v.bits)});
    break;
  case Type::F32:
  case Type::TF32:
    v.real = bitCast<f32>(u32(v.bits));
    break;
  case Type::F64:
    v.real = bitCast<f64>(v.bits);
    break;
  default:
    break;
  }
  return v;
}

DLC_INLINE f64 roundIntegral(f64 v, u32 mods) {
  switch (mods & ModRoundMask) {
  case ModRz:
    return __builtin_trunc(v);
  case ModRm:
    return __builtin_floor(v);
  case ModRp:
    return __builtin_ceil(v);
  default:
    return __builtin_rint(v);
  }
}

/// Float to integer clamps to the range; NaN becomes 0.
DLC_INLINE u64 toInteger(f64 v, Type to, u32 mods) {
  if (v != v) return 0;
  v = roundIntegral(v, mods);
  unsigned bits = typeBytesOf(to) * 8;
  if (isSignedType(to)) {
    f64 limit = __builtin_ldexp(1.0, int(bits) - 1);
    if (v >= limit) return (u64(1) << (bits - 1)) - 1;
    if (v < -limit) return u64(0) - (u64(1) << (bits - 1));
    return u64(s64(v));
  }
  if (v <= 0) return 0;
  if (v >= __builtin_ldexp(1.0, int(bits))) return bits == 64 ? ~u64(0) : (u64(1) << bits) - 1;
  return u64(v);
}

/// Integer to integer: truncation, or clamping with .sat.
DLC_INLINE u64 clampInteger(Value v, Type to) {
  unsigned bits = typeBytesOf(to) * 8;
  bool negative = v.isSigned && s64(v.bits) < 0;
  if (isSignedType(to)) {
    u64 top = (u64(1) << (bits - 1)) - 1;
    if (negative) return s64(v.bits) < s64(~top) ? ~top : v.bits;
    return v.bits > top ? top : v.bits;
  }
  if (negative) return 0;
  u64 top = bits == 64 ? ~u64(0) : (u64(1) << bits) - 1;
  return v.bits > top ? top : v.bits;
}

/// To f32 or f64 with the rounding of the instruction.
template <class T> DLC_INLINE T toReal(Value v, u32 mods) {
  volatile f64 real = v.real;
  volatile u64 bits = v.bits;
  fesetround(hostRounding(mods));
  // Hosts without an instruction for unsigned numbers round twice. Half of a large one, with what is cut off
  // in its last bit, rounds as all of it does.
  volatile T r = v.isFloat                           ? T(real)
                 : v.isSigned || s64(u64(bits)) >= 0 ? T(s64(bits))
                                                     : T(s64(bits >> 1 | (bits & 1))) * 2;
  fesetround(FE_TONEAREST);
  return r == r ? T(r) : sizeof(T) == 4 ? T(bitCast<f32>(0x7fffffffu)) : T(r);
}

/// Directed rounding to 16 bits: the float next to the exact value, then one step if it lies on the wrong
/// side.
template <class T> DLC_INLINE u16 toSixteen(Value v, u32 mods) {
  f64 exact = v.isFloat ? v.real : v.isSigned ? f64(s64(v.bits)) : f64(v.bits);
  if ((mods & ModRoundMask) == ModRn) return narrow<T>(exact).bits;
  u16 r = narrow<T>(exact).bits;
  f64 back = toFloat(T{r});
  if (exact != exact || back == exact) return r;
  bool up = (mods & ModRoundMask) == ModRp || ((mods & ModRoundMask) == ModRz && exact < 0);
  bool negative = r >> 15;
  if (up && back < exact) return negative ? u16(r == 0x8000 ? 1 : r - 1) : u16(r + 1);
  if (!up && back > exact) return negative ? u16(r + 1) : u16(r == 0 ? 0x8001 : r - 1);
  return r;
}

/// 8-bit floats, nearest even, saturating to the largest finite value: e4m3 (max 448) and e5m2 (max 57344).
DLC_INLINE u8 toEight(f32 f, bool e5m2, bool relu) {
  unsigned fraction = e5m2 ? 2 : 3;
  int bias = e5m2 ? 15 : 7, lowest = 1 - bias;
  f32 largest = e5m2 ? 57344.0f : 448.0f;
  if (f != f) return 0x7f;
  u8 sign = u8(bitCast<u32>(f) >> 24 & 0x80);
  if (relu && sign) return 0;
  f32 a = __builtin_fabsf(f);
  if (a >= largest) a = largest;
  int exponent = 0;
  __builtin_frexpf(a, &exponent);
  exponent = a == 0 ? lowest : exponent - 1;
  if (exponent < lowest) exponent = lowest;
  f32 unit = __builtin_ldexpf(1.0f, exponent - int(fraction));
  u32 steps = u32(__builtin_rintf(a / unit));
  if (steps >= (2u << fraction)) {
    steps >>= 1;
    ++exponent;
  }
  u32 r = steps < (1u << fraction) ? steps : (u32(exponent + bias) << fraction) + (steps - (1u << fraction));
  u32 top = e5m2 ? 0x7b : 0x7e;
  return u8(sign | (r > top ? top : r));
}
DLC_INLINE f32 fromEight(u8 b, bool e5m2) {
  unsigned fraction = e5m2 ? 2 : 3;
  int bias = e5m2 ? 15 : 7;
  u32 exponent = (b & 0x7f) >> fraction, rest = b & ((1u << fraction) - 1);
  f32 r;
  if (e5m2 ? (b & 0x7f) > 0x7c : (b & 0x7f) == 0x7f)
    r = bitCast<f32>(0x7fffffffu);
  else if (e5m2 && (b & 0x7f) == 0x7c)
    r = __builtin_inff();
  else if (exponent == 0)
    r = __builtin_ldexpf(f32(rest), 1 - bias - int(fraction));
  else
    r = __builtin_ldexpf(f32(rest + (1u << fraction)), int(exponent) - bias - int(fraction));
  return (b & 0x80) && r == r ? -r : r;
}

DLC_INLINE u32 toTf32(f32 f, u32 mods) {
  u32 bits = bitCast<u32>(f);
  if (f != f) return 0x7fffffff;
  bool infinite = (bits & 0x7f800000) == 0x7f800000;
  if (mods & ModAway)
    bits += infinite ? 0 : 0x1000;
  else if ((mods & ModRoundMask) == ModRn)
    bits += infinite ? 0 : 0xfff + (bits >> 13 & 1);
  bits &= ~0x1fffu;
  if ((mods & ModSatFinite) && (bits & 0x7f800000) == 0x7f800000) bits -= 0x2000;
  if ((mods & ModRelu) && bits >> 31) bits = 0;
  return bits;
}

DLC_INLINE u64 convertReal(Value v, Type to, u32 mods) {
  if (v.isFloat && (mods & ModInteger)) v.real = roundIntegral(v.real, mods);
  if (mods & ModSat) {
    f64 real = v.isFloat ? v.real : v.isSigned ? f64(s64(v.bits)) : f64(v.bits);
    v = {true, false, 0, real > 0 ? (real < 1 ? real : 1) : 0};
  }
  u32 rounding = mods & ModInteger ? mods & ~u32(ModRoundMask) : mods;
  switch (to) {
  case Type::F16:
  case Type::BF16: {
    u16 r = to == Type::F16 ? toSixteen<f16>(v, rounding) : toSixteen<bf16>(v, rounding);
    if ((mods & ModRelu) && (r >> 15) && v.real == v.real) r = 0;
    bool infinite = (r & 0x7fff) == (to == Type::F16 ? 0x7c00 : 0x7f80);
    return (mods & ModSatFinite) && infinite ? u16(r - 1) : r;
  }
  case Type::F32: {
    f32 r = toReal<f32>(v, rounding);
    return bitCast<u32>((mods & ModFtz) ? flush(r) : r);
  }
  case Type::TF32:
    return toTf32(f32(v.real), mods);
  default:
    return bitCast<u64>(toReal<f64>(v, rounding));
  }
}

void general(Warp &w, const Inst &i) {
  u8 *d = slot<u8>(w, i.dst);
  const u8 *a = slot<u8>(w, i.a);
  Type to = i.type, from = i.type2;
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    Value v = readValue(from, a + size_t(l) * i.width2);
    if ((i.mods & ModFtz) && from == Type::F32) v.real = flush(f32(v.real));
    u64 r;
    if (isFloatType(to))
      r = convertReal(v, to, i.mods);
    else if (v.isFloat)
      r = toInteger(v.real, to, i.mods);
    else
      r = (i.mods & ModSat) ? clampInteger(v, to) : v.bits;
    // The register may be wider than the type: sign or zero fills it.
    unsigned bits = typeBytesOf(to) * 8;
    if (!isFloatType(to) && bits < 64) {
      r &= (u64(1) << bits) - 1;
      if (isSignedType(to) && (r >> (bits - 1) & 1)) r |= ~u64(0) << bits;
    }
    memcpy(d + size_t(l) * i.width, &r, i.width);
  }
}

/// Two floats into one register, the first operand above; the 8-bit types go both ways.
void packedFloat(Warp &w, const Inst &i) {
  u32 mods = i.mods;
  auto one = [&](f32 f) -> u32 {
    Value v = {true, true, 0, f};
    return u32(convertReal(v, i.type == Type::F16x2 ? Type::F16 : Type::BF16, mods));
  };
  map2<u32, f32, f32>(w, i, [&](f32 a, f32 b) { return one(a) << 16 | one(b); });
}
template <class T> void packedNearest(Warp &w, const Inst &i) {
  map2<u32, f32, f32>(w, i, [](f32 a, f32 b) { return u32(narrow<T>(a).bits) << 16 | narrow<T>(b).bits; });
}
void packedEight(Warp &w, const Inst &i) {
  bool e5m2 = i.type == Type::E5M2x2, relu = i.mods & ModRelu;
  if (i.type2 == Type::F32) {
    map2<u16, f32, f32>(
        w, i, [&](f32 a, f32 b) { return u16(toEight(a, e5m2, relu) << 8 | toEight(b, e5m2, relu)); });
  } else {
    map<u16, u32>(w, i, [&](u32 a) {
      f32 hi = toFloat(f16{u16(a >> 16)}), lo = toFloat(f16{u16(a)});
      return u16(toEight(hi, e5m2, relu) << 8 | toEight(lo, e5m2, relu));
    });
  }
}
void unpackEight(Warp &w, const Inst &i) {
  bool e5m2 = i.type2 == Type::E5M2x2;
  auto one = [&](u8 b) {
    f16 h = toHalf(fromEight(b, e5m2));
    return u32((i.mods & ModRelu) && (h.bits & 0x8000) ? 0 : h.bits);
  };
  map<u32, u16>(w, i, [&](u16 a) { return one(u8(a >> 8)) << 16 | one(u8(a)); });
}

// The common ones.
template <class T> void widenHalf(Warp &w, const Inst &i) {
  map<f32, T>(w, i, [](T a) {
    f32 r = toFloat(a);
    return r == r ? r : bitCast<f32>(0x7fffffffu);
  });
}
template <class T> void narrowHalf(Warp &w, const Inst &i) {
  map<T, f32>(w, i, [](f32 a) { return narrow<T>(a); });
}
template <class D, class S> void plain(Warp &w, const Inst &i) {
  map<D, S>(w, i, [](S a) { return D(a); });
}

Handler fastHandler(const Inst &i) {
  Type to = i.type, from = i.type2;
  if (i.mods != 0) return nullptr; // nearest even, no flushing, no saturation
  if (to == Type::F32 && from == Type::F16) return widenHalf<f16>;
  if (to == Type::F32 && from == Type::BF16) return widenHalf<bf16>;
  if (to == Type::F16 && from == Type::F32) return narrowHalf<f16>;
  if (to == Type::BF16 && from == Type::F32) return narrowHalf<bf16>;
  if (to == Type::F32 && from == Type::S32) return plain<f32, s32>;
  if (to == Type::F32 && from == Type::U32) return plain<f32, u32>;
  auto isAny = [](Type t, Type a, Type b, Type c) { return t == a || t == b || t == c; };
  bool to64 = isAny(to, Type::U64, Type::S64, Type::B64), to32 = isAny(to, Type::U32, Type::S32, Type::B32);
  if (to64 && from == Type::U32) return plain<u64, u32>;
  if (to64 && from == Type::S32) return plain<s64, s32>;
  if (to32 && isAny(from, Type::U64, Type::S64, Type::B64)) return plain<u32, u64>;
  if (to32 && from == Type::U16) return plain<u32, u16>;
  if (to32 && from == Type::S16) return plain<s32, s16>;
  if (isAny(to, Type::U16, Type::S16, Type::B16) && isAny(from, Type::U32, Type::S32, Type::B32))
    return plain<u16, u32>;
  return nullptr;
}

/// cvt.pack: b in the low part, a above it; c, where there is one, is pushed up by both.
void cvtPack(Warp &w, const Inst &i) {
  unsigned bits = i.width;
  u32 keep = (1u << bits) - 1;
  bool isSigned = isSignedType(i.type);
  s32 least = isSigned ? -s32(1u << (bits - 1)) : 0, most = least + s32(keep);
  auto clamp = [&](s32 v) { return u32(v < least ? least : v > most ? most : v) & keep; };
  const u32 *c = i.c == NoOperand ? nullptr : slot<u32>(w, i.c);
  u32 *d = slot<u32>(w, i.dst);
  const s32 *a = slot<s32>(w, i.a), *b = slot<s32>(w, i.b);
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    d[l] = clamp(b[l]) | clamp(a[l]) << bits | (c ? c[l] << 2 * bits : 0);
  }
}

Handler cvtHandler(const Inst &i) {
  Type to = i.type, from = i.type2;
  if (to == Type::E4M3x2 || to == Type::E5M2x2)
    return from == Type::F32 || from == Type::F16x2 ? packedEight : Handler(nullptr);
  if (from == Type::E4M3x2 || from == Type::E5M2x2) return to == Type::F16x2 ? unpackEight : Handler(nullptr);
  if (to == Type::F16x2 || to == Type::BF16x2) {
    if (from != Type::F32) return nullptr;
    if (i.mods) return packedFloat;
    return to == Type::F16x2 ? packedNearest<f16> : packedNearest<bf16>;
  }
  if (to == Type::TF32 && from != Type::F32) return nullptr;
  if (typeBytesOf(to) == 0 || typeBytesOf(from) == 0 || from == Type::TF32 || from == Type::F16x2 ||
      from == Type::BF16x2)
    return nullptr;
  bool exactWidths = i.width == typeBytesOf(to) && i.width2 == typeBytesOf(from);
  Handler fast = exactWidths ? fastHandler(i) : nullptr;
  return fast ? fast : general;
}

//===----------------------------------------------------------------------===//
// mov with a vector on one side
//===----------------------------------------------------------------------===//

/// A register of 8 bits takes 16.
DLC_INLINE size_t partStride(const Inst &i) { return i.width2 == 1 ? 2 : i.width2; }

void pack(Warp &w, const Inst &i) {
  u8 *d = slot<u8>(w, i.dst);
  Mask lanes = lanesOf(w, i);
  for (unsigned k = 0; k < i.count; ++k) {
    const u8 *s = slot<u8>(w, w.cta->operands[i.aux + k]);
    for (Mask m = lanes; m; m &= m - 1) {
      unsigned l = unsigned(__builtin_ctz(m));
      memcpy(d + size_t(l) * i.width + size_t(k) * i.width2, s + l * partStride(i), i.width2);
    }
  }
}
void unpack(Warp &w, const Inst &i) {
  u64 a[32];
  Mask lanes = lanesOf(w, i);
  memcpy(a, slot<u8>(w, i.a), size_t(i.width) * 32); // a destination may be the source
  const u8 *bytes = reinterpret_cast<const u8 *>(a);
  for (unsigned k = 0; k < i.count; ++k) {
    u8 *d = slot<u8>(w, w.cta->operands[i.aux + k]);
    for (Mask m = lanes; m; m &= m - 1) {
      unsigned l = unsigned(__builtin_ctz(m));
      memcpy(d + l * partStride(i), bytes + size_t(l) * i.width + size_t(k) * i.width2, i.width2);
    }
  }
}

} // namespace

Handler convertHandler(const Inst &i) {
  switch (i.kind) {
  case Kind::Cvt:
    return cvtHandler(i);
  case Kind::CvtPack:
    return cvtPack;
  case Kind::Pack:
    return pack;
  case Kind::Unpack:
    return unpack;
  default:
    return nullptr;
  }
}

} // namespace dlc::vcuda::exec::DLC_CORE
