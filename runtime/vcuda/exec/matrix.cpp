// Matrix instructions element by element: wmma, and the shapes of mma.sync that models seldom use.
#include "runtime/vcuda/exec/arithmetic/modes.h"
#include "runtime/vcuda/exec/guest.h"
#include "runtime/vcuda/exec/mma_shapes.h"
#include "runtime/vcuda/exec/run.h"

#include <cfenv>
#include <cmath>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

double smallFloat(uint32_t bits, unsigned exponentBits, unsigned fractionBits, bool hasInfinity) {
  uint32_t fraction = bits & ((1u << fractionBits) - 1), top = (1u << exponentBits) - 1;
  uint32_t exponent = bits >> fractionBits & top;
  int bias = int(top >> 1);
  double value;
  if (hasInfinity && exponent == top)
    value = fraction ? std::nan("") : INFINITY;
  else if (!hasInfinity && exponent == top && fraction == (1u << fractionBits) - 1)
    value = std::nan("");
  else if (exponent == 0)
    value = std::ldexp(double(fraction), 1 - bias - int(fractionBits));
  else
    value = std::ldexp(double(fraction | 1u << fractionBits), int(exponent) - bias - int(fractionBits));
  return bits >> (exponentBits + fractionBits) & 1 ? -value : value;
}

float asFloat(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
uint32_t asBits(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}

/// An element's bits as a number; integers are exact in a double.
double numberOf(Type type, uint64_t bits) {
  switch (type) {
  case Type::F16:
    return smallFloat(uint32_t(bits), 5, 10, true);
  case Type::BF16:
    return asFloat(uint32_t(bits) << 16);
  case Type::TF32: // the low 13 bits do not count
    return asFloat(uint32_t(bits) & 0xffffe000u);
  case Type::F32:
    return asFloat(uint32_t(bits));
  case Type::E4M3:
    return smallFloat(uint32_t(bits), 4, 3, false);
  case Type::E5M2:
    return smallFloat(uint32_t(bits), 5, 2, true);
  case Type::S8:
    return int8_t(bits);
  case Type::S4:
    return int(bits) - (bits & 8 ? 16 : 0);
  case Type::S32:
    return int32_t(bits);
  case Type::F64: {
    double d;
    std::memcpy(&d, &bits, 8);
    return d;
  }
  default:
    return double(bits);
  }
}

/// Nearest even; NaN becomes 0x7fff.
uint16_t halfOf(float f) {
  uint32_t bits = asBits(f), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7fff;
  if (magnitude >= 0x477ff000) return uint16_t(sign | 0x7c00);
  if (magnitude < 0x38800000)
    return uint16_t(sign | uint32_t(std::nearbyint(std::ldexp(asFloat(magnitude), 24))));
  uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return uint16_t(sign | ((rounded - 0x38000000) >> 13));
}

uint64_t bitsOf(Type type, double value) {
  if (type == Type::F64) {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    return bits;
  }
  if (type == Type::F16) return halfOf(float(value));
  return asBits(float(value));
}

/// Reads and writes elements of the fragments in a warp's registers.
struct Fragment {
  WarpRun &w;
  const uint32_t *pool;
  Type type;
  uint64_t get(unsigned lane, unsigned element) const {
    unsigned bits = elementBits(type);
    if (bits == 64) return reinterpret_cast<const uint64_t *>(w.r + pool[element])[lane];
    unsigned per = 32 / bits;
    uint32_t word = reinterpret_cast<const uint32_t *>(w.r + pool[element / per])[lane];
    return bits == 32 ? word : word >> (element % per * bits) & ((1u << bits) - 1);
  }
  void set(unsigned lane, unsigned element, uint64_t value) const {
    unsigned bits = elementBits(type);
    if (bits == 64) {
      reinterpret_cast<uint64_t *>(w.r + pool[element])[lane] = value;
      return;
    }
    unsigned per = 32 / bits, shift = element % per * bits;
    uint32_t &word = reinterpret_cast<uint32_t *>(w.r + pool[element / per])[lane];
    uint32_t mask = bits == 32 ? ~0u : ((1u << bits) - 1) << shift;
    word = (word & ~mask) | (uint32_t(value) << shift & mask);
  }
};

int hostRounding(uint32_t mods) {
  static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  return modes[(mods & ModRoundMask) / ModRz];
}
/// Operands pass through volatile variables, so that no compiler moves the operation out of its rounding.
double roundedFma(double a, double b, double c, int rounding) {
  if (rounding == FE_TONEAREST) return std::fma(a, b, c);
  volatile double x = a, y = b, z = c;
  std::fesetround(rounding);
  volatile double sum = std::fma(x, y, z);
  std::fesetround(FE_TONEAREST);
  return sum;
}

/// One instruction's matrices, row by row, and what becomes of them.
struct Product {
  unsigned m, n, k;
  Type ta, tb, d;
  const Arithmetic &arithmetic;
  unsigned smVersion;
  bool saturate, popAnd;
  int rounding;                ///< of the host, for doubles
  std::vector<double> a, b, c; ///< sub-byte and byte elements as whole numbers

  Product(const WarpRun &w, unsigned m, unsigned n, unsigned k, Type ta, Type tb, Type d, uint32_t mods)
      : m(m), n(n), k(k), ta(ta), tb(tb), d(d), arithmetic(w.run->launch->options.arithmetic),
        smVersion(w.run->launch->limits.smVersion), saturate(mods & ModSat), popAnd(mods >> ModKindShift & 1),
        rounding(hostRounding(mods)), a(size_t(m) * k), b(size_t(k) * n), c(size_t(m) * n) {}

  double number(Type type, uint64_t bits) const {
    bool payload = arithmetic.payload &&
                   (type == Type::F16 || type == Type::BF16 || type == Type::TF32 || type == Type::F32);
    return payload ? double(payloadOf(type, bits)) : numberOf(type, bits);
  }
  /// Element (i, j) of A * B + C as bits of D's type. Floats in order of k, each product by one fused
  /// operation, unless another arithmetic is asked for.
  uint64_t element(unsigned i, unsigned j) const {
    const double *row = &a[size_t(i) * k], *column = &b[j];
    double start = c[size_t(i) * n + j];
    if (d == Type::S32) {
      int64_t sum = int64_t(start);
      for (unsigned x = 0; x < k; ++x) {
        int64_t p = int64_t(row[x]), q = int64_t(column[size_t(x) * n]);
        sum += ta != Type::B1 ? p * q : popAnd ? p & q : p ^ q;
      }
      if (saturate) sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
      return uint32_t(uint64_t(sum));
    }
    if (d == Type::F64) {
      for (unsigned x = 0; x < k; ++x) start = roundedFma(row[x], column[size_t(x) * n], start, rounding);
      return bitsOf(d, start);
    }
    if (arithmetic.payload) {
      uint32_t sum = uint32_t(int64_t(start));
      for (unsigned x = 0; x < k; ++x)
        sum += uint32_t(int64_t(row[x])) * uint32_t(int64_t(column[size_t(x) * n]));
      return bitsOfPayload(d, sum);
    }
    if (arithmetic.mma == Arithmetic::Exact)
      return tensorCoreElement(TensorCore::of(ta, smVersion), ta, tb, d, k, row, column, n, start);
    float sum = float(start);
    for (unsigned x = 0; x < k; ++x) sum = std::fma(float(row[x]), float(column[size_t(x) * n]), sum);
    return bitsOf(d, sum);
  }
};

} // namespace

/// Lanes 4p to 4p + 3 and 16 + 4p to 16 + 4p + 3 multiply their own 8x4 by 4x8. With half h and lane u of its
/// quad, element e of A by rows is at row u + 4h, k = e, by columns at row e + 4h, k = u; of B with columns
/// for rows; of a float accumulator at row (u & 1) + (e & 2) + 4h, column (e & 4) + (u & 2) + (e & 1), of a
/// half one at row u + 4h, column e.
static void multiplyQuadPairs(WarpRun &w, const Inst &inst, Mask mask) {
  const MmaShape &s = mmaShapes[inst.imm];
  const uint32_t *pool = w.cta->operands + inst.aux;
  Type cType = inst.mods >> 17 & 1 ? Type::F16 : s.d;
  bool aColumns = inst.mods >> 18 & 1, bRows = inst.mods >> 19 & 1;
  Fragment d = {w, pool, s.d}, a = {w, pool + s.dRegisters, s.a}, b = {w, a.pool + s.aRegisters, s.b};
  Fragment c = {w, b.pool + s.bRegisters, cType};
  auto place = [](Type type, unsigned u, unsigned half, unsigned e) {
    unsigned row = type == Type::F16 ? u : (u & 1) + (e & 2);
    return (row + 4 * half) * 8 + (type == Type::F16 ? e : (e & 4) + (u & 2) + (e & 1));
  };
  for (unsigned pair = 0; pair < 4; ++pair) {
    Product p(w, s.m, s.n, s.k, s.a, s.b, s.d, 0);
    for (unsigned t = 0; t < 8; ++t) {
      unsigned half = t / 4, u = t % 4, lane = 16 * half + 4 * pair + u;
      for (unsigned e = 0; e < 4; ++e) {
        unsigned row = (aColumns ? e : u) + 4 * half, column = (bRows ? e : u) + 4 * half;
        p.a[row * s.k + (aColumns ? u : e)] = p.number(s.a, a.get(lane, e));
        p.b[(bRows ? u : e) * s.n + column] = p.number(s.b, b.get(lane, e));
      }
      for (unsigned e = 0; e < 8; ++e) p.c[place(cType, u, half, e)] = p.number(cType, c.get(lane, e));
    }
    for (unsigned t = 0; t < 8; ++t) {
      unsigned half = t / 4, u = t % 4, lane = 16 * half + 4 * pair + u;
      for (unsigned e = 0; e < 8 && (mask >> lane & 1); ++e) {
        unsigned at = place(s.d, u, half, e);
        d.set(lane, e, p.element(at / 8, at % 8));
      }
    }
  }
}

/// Fragments as mma_shapes.h describes them.
void exec::multiplyFragments(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = static_cast<WarpRun &>(warp);
  const MmaShape &s = mmaShapes[inst.imm];
  if (s.quadPairs) return multiplyQuadPairs(w, inst, mask);
  Product p(w, s.m, s.n, s.k, s.a, s.b, s.d, inst.mods);
  const uint32_t *pool = w.cta->operands + inst.aux;
  Fragment d = {w, pool, s.d}, a = {w, pool + s.dRegisters, s.a}, b = {w, a.pool + s.aRegisters, s.b};
  Fragment c = {w, b.pool + s.bRegisters, s.d};
  unsigned per = s.a == Type::F64 ? 1 : 32 / elementBits(s.a);
  auto accumulators = [&](auto visit) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      for (unsigned e = 0; e < unsigned(s.m) * s.n / 32; ++e)
        visit(lane, e, lane / 4 + 8 * (e / 2), 2 * (lane % 4) + e % 2);
    }
  };
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4, q = lane % 4;
    for (unsigned e = 0; e < s.aRegisters * per; ++e) {
      unsigned r = e / per, group = s.m == 8 ? r : r / 2, row = s.m == 8 ? g : g + 8 * (r % 2);
      p.a[size_t(row) * s.k + q * per + 4 * per * group + e % per] = p.number(s.a, a.get(lane, e));
    }
    for (unsigned e = 0; e < s.bRegisters * per; ++e)
      p.b[size_t(q * per + 4 * per * (e / per) + e % per) * s.n + g] = p.number(s.b, b.get(lane, e));
  }
  accumulators([&](unsigned lane, unsigned e, unsigned row, unsigned column) {
    p.c[size_t(row) * s.n + column] = p.number(s.d, c.get(lane, e));
  });
  accumulators([&](unsigned lane, unsigned e, unsigned row, unsigned column) {
    if (mask >> lane & 1) d.set(lane, e, p.element(row, column));
  });
}

//===----------------------------------------------------------------------===//
// wmma
//===----------------------------------------------------------------------===//

namespace {

/// Elements below a byte lie along K in memory: those of B are counted column by column.
bool isTurned(WmmaPart part, Type type) { return part == WmmaPart::B && elementBits(type) < 8; }

/// What a load or store of a fragment says, beside address and shape: part in bits 16-17, column-major in
/// bit 18.
struct FragmentAccess {
  WarpRun &w;
  const Inst &inst;
  const WmmaShape &shape;
  WmmaPart part;
  bool columns;
  unsigned rows, width, bits;
  Fragment fragment;

  FragmentAccess(WarpRun &w, const Inst &inst)
      : w(w), inst(inst), shape(wmmaShapes[inst.width]), part(WmmaPart(inst.mods >> ModKindShift & 3)),
        columns(inst.mods >> 18 & 1), rows(part == WmmaPart::B ? shape.k : shape.m),
        width(part == WmmaPart::A ? shape.k : shape.n), bits(elementBits(inst.type)),
        fragment{w, w.cta->operands + inst.aux, inst.type} {}

  unsigned bytes() const { return bits < 8 ? 4 : bits / 8; }      ///< of one access
  unsigned perAccess() const { return bits < 8 ? 32 / bits : 1; } ///< elements that it moves
  unsigned perLane() const { return bits == 64 ? inst.count : inst.count * 32u / bits; }
  /// Byte offset from the matrix's address.
  uint64_t offset(unsigned element, uint32_t stride) const {
    unsigned row = element / width, column = element % width;
    if (isTurned(part, inst.type)) row = element % rows, column = element / rows;
    uint64_t at = columns ? uint64_t(column) * stride + row : uint64_t(row) * stride + column;
    return at * bits / 8;
  }
  uint64_t address(unsigned lane) const {
    const uint8_t *slot = w.r + inst.a;
    uint64_t base = inst.width2 == 8 ? reinterpret_cast<const uint64_t *>(slot)[lane]
                                     : reinterpret_cast<const uint32_t *>(slot)[lane];
    return base + uint64_t(inst.imm);
  }
  uint32_t stride(unsigned lane) const {
    if (inst.b == NoOperand) return columns ? rows : width;
    return reinterpret_cast<const uint32_t *>(w.r + inst.b)[lane];
  }
  /// Calls move(lane, element, host bytes) for each access of a lane that may go on.
  template <class F> void visit(Access access, F move) const;
};

void markGlobal(CtaRun &cta, uint64_t offset, uint32_t bytes) {
  guest::fill(cta.globalState + offset, ByteReady, bytes);
  for (uint32_t k = 0; k < bytes; ++k) {
    uint64_t *record = &cta.globalWriters[(offset + k) >> 2];
    uint64_t old = __atomic_load_n(record, __ATOMIC_RELAXED);
    uint64_t keep = (old ^ cta.writerTag) >> 8 == 0 ? old & 0xf0 : 0;
    __atomic_store_n(record, cta.writerTag | uint64_t(1) << (4 + ((offset + k) & 3)) | keep,
                     __ATOMIC_RELAXED);
  }
}

template <class F> void FragmentAccess::visit(Access access, F move) const {
  CtaRun &cta = *w.run;
  unsigned total = rows * width;
  for (unsigned e = 0; e < perLane(); e += perAccess()) {
    uint64_t addresses[32];
    uint32_t offsets[32];
    uint8_t data[32 * 16] = {};
    Mask shared = 0, global = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned element = lane * perLane() + e;
      if (element >= total && access == Access::Write) continue; // a second copy
      uint64_t at = address(lane) + offset(element % total, stride(lane));
      bool isShared =
          inst.space == Space::Shared || (inst.space == Space::Generic && at >> 56 == SharedWindow >> 56);
      if (isShared && inst.space == Space::Generic) at -= SharedWindow;
      addresses[lane] = at;
      offsets[lane] = at > UINT32_MAX ? UINT32_MAX : uint32_t(at);
      (isShared ? shared : global) |= 1u << lane;
    }
    if (access == Access::Write) {
      for (Mask m = global; m; m &= m - 1) {
        unsigned lane = unsigned(__builtin_ctz(m));
        move(lane, e, data + lane * 16);
      }
    }
    Mask goodShared = shared ? checkShared(w, inst, shared, offsets, bytes(), access) : 0;
    Mask good = global ? checkGlobal(w, inst, global, addresses, bytes(), access, data) : 0;
    uint64_t moved = uint64_t(__builtin_popcount(global)) * bytes();
    (access == Access::Read ? w.counters.globalBytesRead : w.counters.globalBytesWritten) += moved;
    if (cta.counting && global) countAccess(w, inst, good, addresses, bytes(), Space::Global, access);
    for (Mask m = goodShared; m; m &= m - 1) {
      unsigned lane = unsigned(__builtin_ctz(m));
      move(lane, e, cta.shared + offsets[lane]);
    }
    for (Mask m = good; m; m &= m - 1) {
      unsigned lane = unsigned(__builtin_ctz(m));
      uint64_t at = addresses[lane] - cta.globalBase;
      if (access == Access::Write) {
        guest::write(cta.globalBytes + at, data + lane * 16, bytes());
        if (cta.checks) markGlobal(cta, at, bytes());
        continue;
      }
      guest::read(data + lane * 16, cta.globalBytes + at, bytes());
      move(lane, e, data + lane * 16);
    }
  }
}

} // namespace

void exec::wmmaLoad(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = static_cast<WarpRun &>(warp);
  FragmentAccess f(w, inst);
  f.visit(Access::Read, [&](unsigned lane, unsigned e, const uint8_t *from) {
    if (!(mask >> lane & 1)) return;
    uint64_t value = 0;
    std::memcpy(&value, from, f.bytes());
    for (unsigned k = 0; k < f.perAccess(); ++k) f.fragment.set(lane, e + k, value >> (k * f.bits));
  });
}

void exec::wmmaStore(Warp &warp, const Inst &inst, Mask) {
  WarpRun &w = static_cast<WarpRun &>(warp);
  FragmentAccess f(w, inst);
  f.visit(Access::Write, [&](unsigned lane, unsigned e, uint8_t *to) {
    uint64_t value = f.fragment.get(lane, e);
    std::memcpy(to, &value, f.bytes());
  });
}

/// Pool: D, A, B, C; types of D and C in type and type2.
void exec::wmmaMultiply(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = static_cast<WarpRun &>(warp);
  const WmmaShape &s = wmmaShapes[inst.imm];
  const uint32_t *pool = w.cta->operands + inst.aux;
  auto take = [&](WmmaPart part, Type type) {
    Fragment f = {w, pool, type};
    pool += wmmaRegisters(s, part, type);
    return f;
  };
  Fragment d = take(WmmaPart::Accumulator, inst.type), a = take(WmmaPart::A, s.type),
           b = take(WmmaPart::B, s.type);
  Fragment c = take(WmmaPart::Accumulator, inst.type2);
  Product p(w, s.m, s.n, s.k, s.type, s.type, inst.type, inst.mods);
  auto read = [&](const Fragment &f, WmmaPart part, std::vector<double> &to) {
    unsigned registers = wmmaRegisters(s, part, f.type), bits = elementBits(f.type);
    unsigned perLane = bits == 64 ? registers : registers * 32 / bits;
    for (unsigned e = 0; e < to.size(); ++e) {
      unsigned place = isTurned(part, f.type) ? e % s.k * s.n + e / s.k : e;
      to[place] = p.number(f.type, f.get(e / perLane, e % perLane));
    }
  };
  read(a, WmmaPart::A, p.a);
  read(b, WmmaPart::B, p.b);
  read(c, WmmaPart::Accumulator, p.c);
  unsigned perLane = s.m * s.n / 32;
  for (unsigned e = 0; e < unsigned(s.m) * s.n; ++e) {
    if (mask >> (e / perLane) & 1) d.set(e / perLane, e % perLane, p.element(e / s.n, e % s.n));
  }
}
