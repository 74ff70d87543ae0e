// Payload mode: every float of 32 or 16 bits stands for an integer modulo 2^32 or 2^16, and arithmetic is
// that of the ring. Sums and products there are exactly associative, commutative and distributive, so that
// two programs which differ in order, tiling, splitting or fusion only give the same bits, and a wrong index
// or a missing term does not.
//
// The integer of a float: its magnitude bits rotated until those of 1.0 end in a one, times the number that
// makes 1.0 a 1; negative numbers are the negatives. So 0, 1 and -x are what they are, every other constant
// is a symbol. 2^x is 5^x: 2^(x + y) = 2^x 2^y holds (the order of 5 divides 2^32), and 1 / x is the inverse
// of odd x, so that the rescaled sums of a flash softmax cancel. -infinity stays itself: it absorbs what is
// added to it, and 2^ of it is 0. Functions without such laws give a value that depends on their operand
// alone. Narrower floats are the low bits, wider ones the same number; integers are themselves.
#include "runtime/vcuda/exec/arithmetic/modes.h"
#include "runtime/vcuda/exec/run.h"

#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

constexpr uint32_t inverse(uint32_t odd) {
  uint32_t x = odd;
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}

/// Magnitude bits of a format and where the lowest one of 1.0 stands.
struct Ring {
  unsigned bits, low;
  uint32_t one; ///< of 1.0, rotated
  constexpr uint32_t mask() const { return bits == 31 ? 0x7fffffff : (1u << bits) - 1; }
};
constexpr Ring ring32 = {31, 23, 0x7f}, ring16 = {15, 10, 0xf}, ringB16 = {15, 7, 0x7f};

constexpr uint32_t encode(const Ring &r, uint32_t bits) {
  uint32_t magnitude = bits & r.mask(), sign = bits >> r.bits & 1;
  uint32_t rotated = (magnitude >> r.low | magnitude << (r.bits - r.low)) & r.mask();
  uint32_t v = rotated * inverse(r.one) & r.mask();
  return sign ? 0u - v : v;
}
constexpr uint32_t decode(const Ring &r, uint32_t payload) {
  uint32_t wide = r.bits == 31 ? payload : uint32_t(int32_t(int16_t(payload)));
  bool negative = wide >> 31;
  uint32_t v = (negative ? 0u - wide : wide);
  if (v > r.mask()) return 1u << r.bits;
  uint32_t rotated = v * r.one & r.mask();
  uint32_t magnitude = (rotated << r.low | rotated >> (r.bits - r.low)) & r.mask();
  return magnitude | uint32_t(negative) << r.bits;
}
static_assert(encode(ring32, 0x3f800000) == 1 && encode(ring32, 0xbf800000) == 0xffffffff);
static_assert(decode(ring32, encode(ring32, 0x40490fdb)) == 0x40490fdb);
static_assert(encode(ring16, 0x3c00) == 1 && encode(ringB16, 0x3f80) == 1);
static_assert(decode(ring16, encode(ring16, 0xb123)) == 0xb123);

const Ring &ringOf(Type type) {
  return type == Type::F16 || type == Type::F16x2     ? ring16
         : type == Type::BF16 || type == Type::BF16x2 ? ringB16
                                                      : ring32;
}
bool is16(Type type) { return &ringOf(type) != &ring32; }

constexpr uint32_t minusInfinity = 0xff800000;

uint32_t powerOfFive(uint32_t exponent) {
  uint32_t result = 1;
  for (uint32_t base = 5; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}
/// A function of its operand, and of nothing else.
uint32_t symbol(Kind kind, uint32_t x) {
  uint64_t state = uint64_t(kind) << 32 | x;
  return uint32_t(nextRandom(state));
}
/// Of the odd part: x * reciprocal(x) is a power of two.
uint32_t reciprocal(uint32_t x) {
  return x ? inverse(x >> __builtin_ctz(x)) << __builtin_ctz(x) : symbol(Kind::Rcp, 0);
}

uint32_t magnitude(uint32_t a) { return int32_t(a) < 0 ? 0u - a : a; }

uint32_t compute(const Inst &i, uint32_t a, uint32_t b, uint32_t c) {
  if (i.mods & ModXorSign) {
    bool less = magnitude(a) < magnitude(b);
    uint32_t one = less == (i.kind == Kind::Min) ? magnitude(a) : magnitude(b);
    return int32_t(a ^ b) < 0 ? 0u - one : one;
  }
  switch (i.kind) {
  case Kind::Add:
    return a + b;
  case Kind::Sub:
    return a - b;
  case Kind::Mul:
    return a * b;
  case Kind::Fma:
    return a * b + c;
  case Kind::Div:
    return a * reciprocal(b);
  case Kind::Rcp:
    return reciprocal(a);
  case Kind::Neg:
    return 0u - a;
  case Kind::Abs:
    return magnitude(a);
  case Kind::Min:
    return int32_t(a) < int32_t(b) ? a : b;
  case Kind::Max:
    return int32_t(a) < int32_t(b) ? b : a;
  case Kind::Ex2:
    return powerOfFive(a);
  default:
    return symbol(i.kind, a);
  }
}

/// Raw bits of the elements of one operation; -infinity first.
uint32_t elementOf(const Inst &i, const Ring &r, uint32_t a, uint32_t b, uint32_t c) {
  bool isWide = r.bits == 31;
  uint32_t infinite = isWide ? minusInfinity : r.low == 10 ? 0xfc00u : 0xff80u;
  bool any = a == infinite || b == infinite || c == infinite;
  auto signedPayload = [&](uint32_t bits) {
    uint32_t p = encode(r, bits);
    return isWide ? p : uint32_t(int32_t(int16_t(p)));
  };
  if (any) {
    uint32_t other = a == infinite ? b : a;
    if (i.kind == Kind::Ex2) return 0;
    // With .xorsign.abs it is the largest, and turns the sign of the other one.
    if (i.mods & ModXorSign)
      return i.kind == Kind::Min && other != infinite ? decode(r, 0u - signedPayload(other)) : infinite;
    if (i.kind == Kind::Max) return other;
    return infinite;
  }
  return decode(r, compute(i, signedPayload(a), signedPayload(b), signedPayload(c)));
}

unsigned sourcesOf(Kind kind) {
  switch (kind) {
  case Kind::Fma:
    return 3;
  case Kind::Add:
  case Kind::Sub:
  case Kind::Mul:
  case Kind::Div:
  case Kind::Min:
  case Kind::Max:
    return 2;
  default:
    return 1;
  }
}

template <class T> void arithmetic(Warp &w, const Inst &i) {
  const Ring &r = ringOf(i.type);
  unsigned sources = sourcesOf(i.kind), each = i.type == Type::F16x2 || i.type == Type::BF16x2 ? 2 : 1;
  const T *a = reinterpret_cast<const T *>(w.r + i.a);
  const T *b = sources > 1 ? reinterpret_cast<const T *>(w.r + i.b) : a;
  const T *c = sources > 2 ? reinterpret_cast<const T *>(w.r + i.c) : b;
  T *d = reinterpret_cast<T *>(w.r + i.dst);
  for (Mask m = executing(w, i); m; m &= m - 1)
    for (unsigned e = unsigned(__builtin_ctz(m)) * each, end = e + each; e < end; ++e)
      d[e] = T(elementOf(i, r, a[e], b[e], c[e]));
}

bool isFloat(Type type) {
  return type == Type::F32 || type == Type::F16 || type == Type::BF16 || type == Type::F16x2 ||
         type == Type::BF16x2 || type == Type::TF32;
}

uint64_t readSlot(const uint8_t *slot, unsigned lane, unsigned width) {
  uint64_t v = 0;
  std::memcpy(&v, slot + size_t(lane) * width, width);
  return v;
}

/// The number of one operand of a conversion: integers are themselves.
uint32_t numberIn(Type type, uint64_t bits) {
  switch (type) {
  case Type::S8:
    return uint32_t(int32_t(int8_t(bits)));
  case Type::S16:
    return uint32_t(int32_t(int16_t(bits)));
  case Type::U8:
    return uint8_t(bits);
  case Type::U16:
    return uint16_t(bits);
  default:
    return isFloat(type) ? payloadOf(type, bits) : uint32_t(bits);
  }
}

/// One value, or two into a pair (the first operand to the upper half).
void convert(Warp &w, const Inst &i) {
  bool pair = i.b != NoOperand;
  for (Mask m = executing(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    uint64_t a = readSlot(w.r + i.a, l, i.width2);
    bool infinite = i.type2 == Type::F32 && uint32_t(a) == minusInfinity;
    auto one = [&](uint64_t bits) -> uint64_t {
      if (i.type2 == Type::F32 && uint32_t(bits) == minusInfinity && is16(i.type))
        return ringOf(i.type).low == 10 ? 0xfc00 : 0xff80;
      uint32_t number = numberIn(i.type2, bits);
      return isFloat(i.type) ? bitsOfPayload(i.type, number) : uint64_t(int64_t(int32_t(number)));
    };
    uint64_t v = pair ? one(a) << 16 | one(readSlot(w.r + i.b, l, i.width2)) : one(a);
    if (infinite && i.type == Type::F32) v = minusInfinity;
    std::memcpy(w.r + i.dst + size_t(l) * i.width, &v, i.width);
  }
}

void refuseConversion(Warp &w, const Inst &i) {
  stopLaunch(w, i, LaunchResult::IllegalInstruction,
             "payloads have no conversions to and from doubles and 8-bit floats");
}
void refuseAtomic(Warp &w, const Inst &i) {
  stopLaunch(w, i, LaunchResult::IllegalInstruction, "payloads have no atomics on floats");
}

} // namespace

uint32_t exec::payloadOf(Type type, uint64_t bits) {
  uint32_t p = encode(ringOf(type), uint32_t(bits));
  return is16(type) ? uint32_t(int32_t(int16_t(p))) : p;
}
uint64_t exec::bitsOfPayload(Type type, uint32_t payload) { return decode(ringOf(type), payload); }

Handler exec::payloadHandler(const Inst &i) {
  switch (i.kind) {
  case Kind::Add:
  case Kind::Sub:
  case Kind::Mul:
  case Kind::Fma:
  case Kind::Div:
  case Kind::Rcp:
  case Kind::Neg:
  case Kind::Abs:
  case Kind::Min:
  case Kind::Max:
  case Kind::Ex2:
  case Kind::Sqrt:
  case Kind::Rsqrt:
  case Kind::Sin:
  case Kind::Cos:
  case Kind::Lg2:
  case Kind::Tanh:
    if (!isFloat(i.type)) return nullptr;
    return is16(i.type) ? arithmetic<uint16_t> : arithmetic<uint32_t>;
  case Kind::Cvt: {
    if (!isFloat(i.type) && !isFloat(i.type2)) return nullptr;
    bool other = i.type == Type::F64 || i.type2 == Type::F64 || i.type == Type::E4M3x2 ||
                 i.type == Type::E5M2x2 || i.type2 == Type::E4M3x2 || i.type2 == Type::E5M2x2;
    return other ? refuseConversion : convert;
  }
  case Kind::Atom:
  case Kind::Red:
    return isFloat(i.type) ? refuseAtomic : nullptr;
  default:
    return nullptr;
  }
}
