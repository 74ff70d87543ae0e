// Integer arithmetic, total: see the table of cases at the top of graph.td. Each op is one row: the formula
// on one element, as signed or unsigned numbers. Types below 8 bits and i1 are computed in 64 bits and
// wrapped.
#include "ir/interp/pointwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <bit>
#include <type_traits>

namespace dlc::interp {
namespace {

namespace arith = mlir::arith;
namespace math = mlir::math;

/// How an element becomes a number of type V and back. Elem is the stored type; narrow ones have fewer bits
/// than that.
template <typename V, typename Elem> V loadNumber(Elem x, int bits) {
  if constexpr (sizeof(V) == sizeof(Elem)) return static_cast<V>(x);
  uint64_t low = static_cast<uint64_t>(x) << (64 - bits);
  if constexpr (std::is_signed_v<V>)
    return static_cast<int64_t>(low) >> (64 - bits);
  else
    return low >> (64 - bits);
}
template <typename V, typename Elem> Elem storeNumber(V x, int bits) {
  if constexpr (sizeof(V) == sizeof(Elem)) return static_cast<Elem>(x);
  if (bits == 1) return static_cast<Elem>(x & 1);
  return static_cast<Elem>(static_cast<int64_t>(static_cast<uint64_t>(x) << (64 - bits)) >> (64 - bits));
}

template <typename V, typename Elem, auto f> void unary(const Chunk &c, int bits) {
  auto *x = static_cast<const Elem *>(c.in[0]);
  for (int64_t i = 0; i < c.n; ++i)
    static_cast<Elem *>(c.out)[i] = storeNumber<V, Elem>(f(loadNumber<V>(x[i], bits), bits), bits);
}
template <typename V, typename Elem, auto f> void binary(const Chunk &c, int bits) {
  auto *x = static_cast<const Elem *>(c.in[0]), *y = static_cast<const Elem *>(c.in[1]);
  for (int64_t i = 0; i < c.n; ++i)
    static_cast<Elem *>(c.out)[i] =
        storeNumber<V, Elem>(f(loadNumber<V>(x[i], bits), loadNumber<V>(y[i], bits), bits), bits);
}
/// `parameter`: the relations (less 1, greater 2, equal 4) that make it true, above them the bits.
template <typename V, typename Elem> void compare(const Chunk &c, int parameter) {
  auto *x = static_cast<const Elem *>(c.in[0]), *y = static_cast<const Elem *>(c.in[1]);
  int relations = parameter & 7, bits = parameter >> 3;
  for (int64_t i = 0; i < c.n; ++i) {
    V a = loadNumber<V>(x[i], bits), b = loadNumber<V>(y[i], bits);
    int relation = (a < b) | (a > b) << 1 | (a == b) << 2;
    static_cast<uint8_t *>(c.out)[i] = (relation & relations) != 0;
  }
}

// -x that wraps.
template <typename S> S negate(S x) { return static_cast<S>(uint64_t(0) - static_cast<uint64_t>(x)); }
template <typename S> S floorDivide(S x, S y) {
  if (y == 0) return 0;
  if (y == -1) return negate(x);
  return x / y - (x % y != 0 && (x % y < 0) != (y < 0));
}
template <typename S> S ceilDivide(S x, S y) {
  if (y == 0) return 0;
  if (y == -1) return negate(x);
  return x / y + (x % y != 0 && (x % y < 0) == (y < 0));
}
/// x to the power y, wrapping; negative powers are 0 but for bases 1 and -1 (1 / x, rounded to zero; 0 for x
/// = 0).
template <typename S> S power(S x, S y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  uint64_t result = 1, base = static_cast<uint64_t>(x);
  for (uint64_t e = static_cast<uint64_t>(y); e; e >>= 1, base *= base)
    if (e & 1) result *= base;
  return static_cast<S>(result);
}
inline uint64_t lowBits(uint64_t x, int bits) { return bits == 64 ? x : x & ((uint64_t(1) << bits) - 1); }

std::pair<int, bool> relationsOf(arith::CmpIPredicate p) {
  using P = arith::CmpIPredicate;
  switch (p) {
  case P::eq:
    return {4, true};
  case P::ne:
    return {3, true};
  case P::slt:
    return {1, true};
  case P::sle:
    return {5, true};
  case P::sgt:
    return {2, true};
  case P::sge:
    return {6, true};
  case P::ult:
    return {1, false};
  case P::ule:
    return {5, false};
  case P::ugt:
    return {2, false};
  case P::uge:
    return {6, false};
  }
  return {0, true};
}

/// Elem: the stored type; S and U: the numbers to compute with, of Elem's size or 64 bits for narrow types.
template <typename Elem, typename S, typename U> Kernel kernelOf(mlir::Operation *op, int bits) {
#define SIGNED(Op, formula)                                                                                  \
  if (llvm::isa<Op>(op))                                                                                     \
    return {binary<S, Elem, [](S x, S y, int bits) -> S { return static_cast<S>(formula); }>, bits};
#define UNSIGNED(Op, formula)                                                                                \
  if (llvm::isa<Op>(op))                                                                                     \
    return {binary<U, Elem, [](U x, U y, int bits) -> U { return static_cast<U>(formula); }>, bits};
#define UNARY(Op, formula)                                                                                   \
  if (llvm::isa<Op>(op))                                                                                     \
    return {unary<S, Elem, [](S x, int bits) -> S { return static_cast<S>(formula); }>, bits};
  UNSIGNED(arith::AddIOp, uint64_t(x) + y)
  UNSIGNED(arith::SubIOp, uint64_t(x) - y)
  UNSIGNED(arith::MulIOp, uint64_t(x) * y)
  UNSIGNED(arith::AndIOp, x & y)
  UNSIGNED(arith::OrIOp, x | y)
  UNSIGNED(arith::XOrIOp, x ^ y)
  UNSIGNED(arith::DivUIOp, y == 0 ? 0 : x / y)
  UNSIGNED(arith::RemUIOp, y == 0 ? 0 : x % y)
  UNSIGNED(arith::CeilDivUIOp, y == 0 ? 0 : x / y + (x % y != 0))
  UNSIGNED(arith::MaxUIOp, x > y ? x : y)
  UNSIGNED(arith::MinUIOp, x < y ? x : y)
  UNSIGNED(arith::ShLIOp, y >= static_cast<U>(bits) ? 0 : uint64_t(x) << y)
  UNSIGNED(arith::ShRUIOp, y >= static_cast<U>(bits) ? 0 : x >> y)
  SIGNED(arith::ShRSIOp, static_cast<U>(y) >= static_cast<U>(bits) ? (x < 0 ? -1 : 0) : x >> y)
  SIGNED(arith::DivSIOp, y == 0 ? 0 : y == -1 ? negate(x) : x / y)
  SIGNED(arith::RemSIOp, y == 0 || y == -1 ? 0 : x % y)
  SIGNED(arith::FloorDivSIOp, floorDivide(x, y))
  SIGNED(arith::CeilDivSIOp, ceilDivide(x, y))
  SIGNED(arith::MaxSIOp, x > y ? x : y)
  SIGNED(arith::MinSIOp, x < y ? x : y)
  SIGNED(math::IPowIOp, power(x, y))
  UNARY(math::AbsIOp, x < 0 ? negate(x) : x)
  UNARY(math::CountLeadingZerosOp, std::countl_zero(lowBits(x, bits)) - (64 - bits))
  UNARY(math::CountTrailingZerosOp, lowBits(x, bits) ? std::countr_zero(lowBits(x, bits)) : bits)
  UNARY(math::CtPopOp, std::popcount(lowBits(x, bits)))
#undef SIGNED
#undef UNSIGNED
#undef UNARY
  if (auto cmp = llvm::dyn_cast<arith::CmpIOp>(op)) {
    auto [relations, isSigned] = relationsOf(cmp.getPredicate());
    int parameter = relations | bits << 3;
    return isSigned ? Kernel{compare<S, Elem>, parameter} : Kernel{compare<U, Elem>, parameter};
  }
  return {};
}

} // namespace

Kernel integerKernel(mlir::Operation *op, const PointwiseTypes &types) {
  int bits = bitWidth(types.irOperand);
  switch (types.irOperand) {
  case DType::I8:
    return kernelOf<int8_t, int8_t, uint8_t>(op, bits);
  case DType::I16:
    return kernelOf<int16_t, int16_t, uint16_t>(op, bits);
  case DType::I32:
    return kernelOf<int32_t, int32_t, uint32_t>(op, bits);
  case DType::I64:
    return kernelOf<int64_t, int64_t, uint64_t>(op, bits);
  default:
    return kernelOf<int8_t, int64_t, uint64_t>(op, bits);
  }
}

} // namespace dlc::interp
