// Float arithmetic and maths. Each op is one row: the formula on one element.
//
// Transcendental functions of float tensors are computed in double and rounded: correct to half an ulp but
// for rare ties, and the same on CPUs whose maths libraries differ in a double's last bit.
#include "ir/interp/pointwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

namespace dlc::interp {
namespace {

namespace arith = mlir::arith;
namespace math = mlir::math;

template <typename T, auto f> void unary(const Chunk &c, int) {
  auto *x = static_cast<const T *>(c.in[0]);
  for (int64_t i = 0; i < c.n; ++i) static_cast<T *>(c.out)[i] = f(x[i]);
}
template <typename T, auto f> void viaDouble(const Chunk &c, int) {
  auto *x = static_cast<const T *>(c.in[0]);
  for (int64_t i = 0; i < c.n; ++i) static_cast<T *>(c.out)[i] = static_cast<T>(f(static_cast<double>(x[i])));
}
template <typename T, auto f> void binary(const Chunk &c, int) {
  auto *x = static_cast<const T *>(c.in[0]), *y = static_cast<const T *>(c.in[1]);
  for (int64_t i = 0; i < c.n; ++i) static_cast<T *>(c.out)[i] = f(x[i], y[i]);
}
template <typename T, auto f> void ternary(const Chunk &c, int) {
  auto *x = static_cast<const T *>(c.in[0]), *y = static_cast<const T *>(c.in[1]);
  auto *z = static_cast<const T *>(c.in[2]);
  for (int64_t i = 0; i < c.n; ++i) static_cast<T *>(c.out)[i] = f(x[i], y[i], z[i]);
}
template <typename T, auto f> void predicate(const Chunk &c, int) {
  auto *x = static_cast<const T *>(c.in[0]);
  for (int64_t i = 0; i < c.n; ++i) static_cast<uint8_t *>(c.out)[i] = f(x[i]);
}

/// NaN when one is NaN; +0 is above -0.
template <typename T> T maximum(T a, T b) {
  if (a == b) return a == 0 ? a + b : a;
  return a > b ? a : b > a ? b : a + b;
}
template <typename T> T minimum(T a, T b) {
  if (a == b) return a == 0 ? -(-a - b) : a;
  return a < b ? a : b < a ? b : a + b;
}
template <typename T> T maxNumber(T a, T b) { return a != a ? b : b != b ? a : maximum(a, b); }
template <typename T> T minNumber(T a, T b) { return a != a ? b : b != b ? a : minimum(a, b); }

/// A comparison as the set of relations that make it true: less 1, greater 2, equal 4, unordered 8.
int relationsOf(arith::CmpFPredicate p) {
  using P = arith::CmpFPredicate;
  switch (p) {
  case P::AlwaysFalse:
    return 0;
  case P::OEQ:
    return 4;
  case P::OGT:
    return 2;
  case P::OGE:
    return 6;
  case P::OLT:
    return 1;
  case P::OLE:
    return 5;
  case P::ONE:
    return 3;
  case P::ORD:
    return 7;
  case P::UEQ:
    return 12;
  case P::UGT:
    return 10;
  case P::UGE:
    return 14;
  case P::ULT:
    return 9;
  case P::ULE:
    return 13;
  case P::UNE:
    return 11;
  case P::UNO:
    return 8;
  case P::AlwaysTrue:
    return 15;
  }
  return 0;
}
template <typename T> void compare(const Chunk &c, int relations) {
  auto *x = static_cast<const T *>(c.in[0]), *y = static_cast<const T *>(c.in[1]);
  for (int64_t i = 0; i < c.n; ++i) {
    int relation = (x[i] < y[i]) | (x[i] > y[i]) << 1 | (x[i] == y[i]) << 2;
    relation |= (relation == 0) << 3;
    static_cast<uint8_t *>(c.out)[i] = (relation & relations) != 0;
  }
}

template <typename T> void integerPower(const Chunk &c, int bits) {
  auto *x = static_cast<const T *>(c.in[0]);
  for (int64_t i = 0; i < c.n; ++i) {
    int64_t e = bits == 64   ? static_cast<const int64_t *>(c.in[1])[i]
                : bits == 32 ? static_cast<const int32_t *>(c.in[1])[i]
                : bits == 16 ? static_cast<const int16_t *>(c.in[1])[i]
                             : static_cast<const int8_t *>(c.in[1])[i];
    static_cast<T *>(c.out)[i] = static_cast<T>(std::pow(static_cast<double>(x[i]), static_cast<double>(e)));
  }
}

template <typename T> Kernel kernelOf(mlir::Operation *op) {
#define EXACT(Op, formula)                                                                                   \
  if (llvm::isa<Op>(op)) return {unary<T, [](T x) -> T { return formula; }>};
#define DOUBLE(Op, formula)                                                                                  \
  if (llvm::isa<Op>(op)) return {viaDouble<T, [](double x) -> double { return formula; }>};
#define BINARY(Op, formula)                                                                                  \
  if (llvm::isa<Op>(op)) return {binary<T, [](T x, T y) -> T { return formula; }>};
#define TEST(Op, formula)                                                                                    \
  if (llvm::isa<Op>(op)) return {predicate<T, [](T x) -> bool { return formula; }>};
  BINARY(arith::AddFOp, x + y)
  BINARY(arith::SubFOp, x - y)
  BINARY(arith::MulFOp, x * y)
  BINARY(arith::DivFOp, x / y)
  BINARY(arith::RemFOp, std::fmod(x, y))
  BINARY(arith::MaximumFOp, maximum(x, y))
  BINARY(arith::MinimumFOp, minimum(x, y))
  BINARY(arith::MaxNumFOp, maxNumber(x, y))
  BINARY(arith::MinNumFOp, minNumber(x, y))
  BINARY(math::CopySignOp, std::copysign(x, y))
  BINARY(math::PowFOp, static_cast<T>(std::pow(static_cast<double>(x), static_cast<double>(y))))
  BINARY(math::Atan2Op, static_cast<T>(std::atan2(static_cast<double>(x), static_cast<double>(y))))
  EXACT(arith::NegFOp, -x)
  EXACT(math::AbsFOp, std::fabs(x))
  EXACT(math::CeilOp, std::ceil(x))
  EXACT(math::FloorOp, std::floor(x))
  EXACT(math::TruncOp, std::trunc(x))
  EXACT(math::RoundOp, std::round(x))
  EXACT(math::RoundEvenOp, std::nearbyint(x))
  EXACT(math::SqrtOp, std::sqrt(x))
  DOUBLE(math::RsqrtOp, 1 / std::sqrt(x))
  DOUBLE(math::CbrtOp, std::cbrt(x))
  DOUBLE(math::ExpOp, std::exp(x))
  DOUBLE(math::Exp2Op, std::exp2(x))
  DOUBLE(math::ExpM1Op, std::expm1(x))
  DOUBLE(math::LogOp, std::log(x))
  DOUBLE(math::Log2Op, std::log2(x))
  DOUBLE(math::Log10Op, std::log10(x))
  DOUBLE(math::Log1pOp, std::log1p(x))
  DOUBLE(math::ErfOp, std::erf(x))
  DOUBLE(math::ErfcOp, std::erfc(x))
  DOUBLE(math::SinOp, std::sin(x))
  DOUBLE(math::CosOp, std::cos(x))
  DOUBLE(math::TanOp, std::tan(x))
  DOUBLE(math::AsinOp, std::asin(x))
  DOUBLE(math::AcosOp, std::acos(x))
  DOUBLE(math::AtanOp, std::atan(x))
  DOUBLE(math::SinhOp, std::sinh(x))
  DOUBLE(math::CoshOp, std::cosh(x))
  DOUBLE(math::TanhOp, std::tanh(x))
  DOUBLE(math::AsinhOp, std::asinh(x))
  DOUBLE(math::AcoshOp, std::acosh(x))
  DOUBLE(math::AtanhOp, std::atanh(x))
  TEST(math::IsNaNOp, std::isnan(x))
  TEST(math::IsInfOp, std::isinf(x))
  TEST(math::IsFiniteOp, std::isfinite(x))
#undef EXACT
#undef DOUBLE
#undef BINARY
#undef TEST
  if (llvm::isa<math::FmaOp>(op)) return {ternary<T, [](T x, T y, T z) -> T { return std::fma(x, y, z); }>};
  if (llvm::isa<math::ClampFOp>(op))
    return {ternary<T, [](T x, T low, T high) -> T { return minimum(maximum(x, low), high); }>};
  if (auto cmp = llvm::dyn_cast<arith::CmpFOp>(op)) return {compare<T>, relationsOf(cmp.getPredicate())};
  if (auto power = llvm::dyn_cast<math::FPowIOp>(op)) {
    unsigned bits = mlir::getElementTypeOrSelf(power.getRhs().getType()).getIntOrFloatBitWidth();
    if (bits >= 8) return {integerPower<T>, static_cast<int>(bits)};
  }
  return {};
}

} // namespace

Kernel floatKernel(mlir::Operation *op, const PointwiseTypes &types) {
  return types.operand == DType::F64 ? kernelOf<double>(op) : kernelOf<float>(op);
}

} // namespace dlc::interp
