// Arithmetic and elementary functions, elementwise with numpy broadcasting.
#include "compiler/import/host.h"
#include "compiler/import/table.h"

#include <cmath>

namespace dlc::import {
namespace {

using namespace mlir;

void requireSameTypes(const Node &n) {
  for (size_t i = 1; i < n.inputCount(); ++i)
    if (n.type(i) != n.type(0))
      n.fail(Code::E0303, "operands have types " + typeName(n.type(0)) + " and " + typeName(n.type(i)));
}

/// Left to right over any number of operands; known elements are computed at once.
template <HostOp op> void arithmetic(Node &n) {
  requireSameTypes(n);
  bool isU = isUnsigned(n.type(0));
  Tensor total = n.in(0);
  for (size_t i = 1; i < n.inputCount(); ++i) {
    if (auto known = hostBinary(n, op, total, n.in(i))) {
      total = *known;
      continue;
    }
    Value x = n.value(total), y = n.value(i);
    switch (op) {
    case HostOp::Add:
      x = n.e.add(x, y);
      break;
    case HostOp::Sub:
      x = n.e.sub(x, y);
      break;
    case HostOp::Mul:
      x = n.e.mul(x, y);
      break;
    case HostOp::Div:
      x = n.e.div(x, y, isU);
      break;
    case HostOp::Min:
      x = n.e.min(x, y, isU);
      break;
    default:
      x = n.e.max(x, y, isU);
      break;
    }
    total = Tensor(x, n.type(0));
  }
  n.result(total);
}

void mean(Node &n) {
  requireSameTypes(n);
  Value sum = n.value(0);
  for (size_t i = 1; i < n.inputCount(); ++i) sum = n.e.add(sum, n.value(i));
  n.result(n.e.div(sum, double(n.inputCount())), n.type(0));
}

// Remainder with the divisor's sign (fmod = 0) or the dividend's (fmod = 1).
void modulo(Node &n) {
  requireSameTypes(n);
  bool truncates = n.intAttr("fmod", 0) != 0;
  DataType type = n.type(0);
  if (isFloat(type) && !truncates && n.opset < 28)
    n.fail(Code::E0304, "floats need fmod = 1 before opset 28");
  if (!truncates)
    if (auto known = hostBinary(n, HostOp::Mod, n.in(0), n.in(1))) return n.result(*known);
  Value operands[] = {n.value(0), n.value(1)};
  n.e.together(operands);
  auto [x, y] = std::pair(operands[0], operands[1]);
  Value r = n.e.rem(x, y, isUnsigned(type));
  if (truncates || isUnsigned(type)) return n.result(r, type);
  Value zero = n.e.like(r, 0);
  Value differs = n.e.bitXor(n.e.compare(Compare::Lt, r, zero), n.e.compare(Compare::Lt, y, zero));
  Value isZero = n.e.compare(Compare::Eq, r, zero);
  Value moved = n.e.select(differs, n.e.add(r, y), r);
  Value exact = isFloat(type) ? n.e.binary<math::CopySignOp>(r, y) : r;
  n.result(n.e.select(isZero, exact, moved), type);
}

// The result has the base's type; mixed types are computed in floats.
void power(Node &n) {
  DataType base = n.type(0), exponent = n.type(1);
  if (base == exponent)
    if (auto known = hostBinary(n, HostOp::Pow, n.in(0), n.in(1))) return n.result(*known);
  Value x = n.value(0);
  // x^2 -> x * x, x^3 -> x * x * x: what norms and GELU write
  const Host *known = n.host(1);
  if (known && n.in(1).elementCount() == 1 && n.rank(1) <= n.rank(0)) {
    double value = isFloat(exponent) ? known->floats[0] : double(known->ints[0].constantValue().value_or(0));
    if (value == 2) return n.result(n.e.mul(x, x), base);
    if (value == 3) return n.result(n.e.mul(n.e.mul(x, x), x), base);
  }
  Value y = n.value(1);
  if (!isFloat(base) && !isFloat(exponent)) return n.result(n.e.pow(x, n.e.cast(y, exponent, base)), base);
  if (isFloat(base)) return n.result(n.e.pow(x, n.e.cast(y, exponent, base)), base);
  Value wide = n.e.pow(n.e.cast(x, base, DataType::F64), n.e.cast(y, exponent, DataType::F64));
  n.result(n.e.cast(wide, DataType::F64, base), base);
}

//===- One operand ------------------------------------------------------------------===//

template <typename Op> void unary(Node &n) { n.result(n.e.unary<Op>(n.value(0)), n.type(0)); }

template <typename Op, double (*fold)(double)> void foldedUnary(Node &n) {
  if (auto known = hostUnary(n, n.in(0), fold)) return n.result(*known);
  unary<Op>(n);
}

void negate(Node &n) {
  auto flip = [](double x) { return -x; };
  auto flipInt = [](const Dim &x) { return Dim(0) - x; };
  if (auto known = hostUnary(n, n.in(0), flip, flipInt)) return n.result(*known);
  n.result(n.e.neg(n.value(0)), n.type(0));
}

void absolute(Node &n) {
  if (isUnsigned(n.type(0))) return n.result(n.in(0));
  auto fold = [](const Dim &x) { return max(x, Dim(0) - x); };
  if (auto known = hostUnary(n, n.in(0), static_cast<double (*)(double)>(std::fabs), fold))
    return n.result(*known);
  n.result(n.e.abs(n.value(0)), n.type(0));
}

void reciprocal(Node &n) {
  auto fold = [](double x) { return 1 / x; };
  if (auto known = hostUnary(n, n.in(0), fold)) return n.result(*known);
  Value x = n.value(0);
  n.result(n.e.div(n.e.like(x, 1), x), n.type(0));
}

void sign(Node &n) {
  Value x = n.value(0), zero = n.e.like(x, 0), one = n.e.like(x, 1);
  Value positive = n.e.compare(Compare::Gt, x, zero, isUnsigned(n.type(0)));
  if (isUnsigned(n.type(0))) return n.result(n.e.select(positive, one, zero), n.type(0));
  // what is neither above nor below zero is zero or NaN, and stays
  Value negative = n.e.compare(Compare::Lt, x, zero);
  n.result(n.e.select(positive, one, n.e.select(negative, n.e.like(x, -1), x)), n.type(0));
}

//===- Bits -----------------------------------------------------------------------===//

void bitShift(Node &n) {
  requireSameTypes(n);
  std::string direction = n.stringAttr("direction", "");
  Value x = n.value(0), y = n.value(1);
  if (direction == "LEFT") return n.result(n.e.binary<arith::ShLIOp>(x, y), n.type(0));
  if (direction != "RIGHT") n.fail(Code::E0304, "`direction` must be LEFT or RIGHT");
  if (isUnsigned(n.type(0))) return n.result(n.e.binary<arith::ShRUIOp>(x, y), n.type(0));
  n.result(n.e.binary<arith::ShRSIOp>(x, y), n.type(0));
}

template <Value (Emit::*op)(Value, Value)> void bits(Node &n) {
  requireSameTypes(n);
  n.result((n.e.*op)(n.value(0), n.value(1)), n.type(0));
}
void bitNot(Node &n) { n.result(n.e.bitNot(n.value(0)), n.type(0)); }

//===- Clip -----------------------------------------------------------------------===//

/// A bound: a tensor of one element, as rank 0.
Value bound(Node &n, size_t i) {
  if (n.type(i) != n.type(0)) n.fail(Code::E0303, "a bound has another type than the operand");
  if (!n.in(i).hasStaticDims() || n.in(i).elementCount() != 1)
    n.fail(Code::E0305, "a bound must have one element");
  return n.e.reshape(n.value(i), {});
}

// min(max(x, low), high): where low > high the result is high, NaN stays.
void clip(Node &n) {
  Value x = n.value(0);
  bool isU = isUnsigned(n.type(0));
  if (n.opset < 11) {
    if (n.hasAttr("min")) x = n.e.max(x, n.floatAttr("min"));
    if (n.hasAttr("max")) x = n.e.min(x, n.floatAttr("max"));
    return n.result(x, n.type(0));
  }
  if (n.has(1)) x = n.e.max(x, bound(n, 1), isU);
  if (n.has(2)) x = n.e.min(x, bound(n, 2), isU);
  n.result(x, n.type(0));
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Add", 7, newest, 2, 2, numericTypes, arithmetic<HostOp::Add>},
    {"", "Sub", 7, newest, 2, 2, numericTypes, arithmetic<HostOp::Sub>},
    {"", "Mul", 7, newest, 2, 2, numericTypes, arithmetic<HostOp::Mul>},
    {"", "Div", 7, newest, 2, 2, numericTypes, arithmetic<HostOp::Div>},
    {"", "Sum", 6, newest, 1, -1, floatTypes, arithmetic<HostOp::Add>},
    {"", "Max", 6, newest, 1, -1, numericTypes, arithmetic<HostOp::Max>},
    {"", "Min", 6, newest, 1, -1, numericTypes, arithmetic<HostOp::Min>},
    {"", "Mean", 6, newest, 1, -1, floatTypes, mean},
    {"", "Mod", 10, newest, 2, 2, numericTypes, modulo},
    {"", "Pow", 7, newest, 2, 2, numericTypes, power},
    {"", "Neg", 6, newest, 1, 1, numericTypes, negate},
    {"", "Abs", 6, newest, 1, 1, numericTypes, absolute},
    {"", "Reciprocal", 6, newest, 1, 1, floatTypes, reciprocal},
    {"", "Sign", 9, newest, 1, 1, numericTypes, sign},
    {"", "Sqrt", 6, newest, 1, 1, floatTypes, foldedUnary<math::SqrtOp, std::sqrt>},
    {"", "Ceil", 6, newest, 1, 1, floatTypes, foldedUnary<math::CeilOp, std::ceil>},
    {"", "Floor", 6, newest, 1, 1, floatTypes, foldedUnary<math::FloorOp, std::floor>},
    {"", "Round", 11, newest, 1, 1, floatTypes, foldedUnary<math::RoundEvenOp, std::nearbyint>},
    {"", "Exp", 6, newest, 1, 1, floatTypes, unary<math::ExpOp>},
    {"", "Log", 6, newest, 1, 1, floatTypes, unary<math::LogOp>},
    {"", "Erf", 9, newest, 1, 1, floatTypes, unary<math::ErfOp>},
    {"", "Sin", 7, newest, 1, 1, floatTypes, unary<math::SinOp>},
    {"", "Cos", 7, newest, 1, 1, floatTypes, unary<math::CosOp>},
    {"", "Tan", 7, newest, 1, 1, floatTypes, unary<math::TanOp>},
    {"", "Asin", 7, newest, 1, 1, floatTypes, unary<math::AsinOp>},
    {"", "Acos", 7, newest, 1, 1, floatTypes, unary<math::AcosOp>},
    {"", "Atan", 7, newest, 1, 1, floatTypes, unary<math::AtanOp>},
    {"", "Sinh", 9, newest, 1, 1, floatTypes, unary<math::SinhOp>},
    {"", "Cosh", 9, newest, 1, 1, floatTypes, unary<math::CoshOp>},
    {"", "Asinh", 9, newest, 1, 1, floatTypes, unary<math::AsinhOp>},
    {"", "Acosh", 9, newest, 1, 1, floatTypes, unary<math::AcoshOp>},
    {"", "Atanh", 9, newest, 1, 1, floatTypes, unary<math::AtanhOp>},
    {"", "BitShift", 11, newest, 2, 2, integerTypes, bitShift},
    {"", "BitwiseAnd", 18, newest, 2, 2, integerTypes, bits<&Emit::bitAnd>},
    {"", "BitwiseOr", 18, newest, 2, 2, integerTypes, bits<&Emit::bitOr>},
    {"", "BitwiseXor", 18, newest, 2, 2, integerTypes, bits<&Emit::bitXor>},
    {"", "BitwiseNot", 18, newest, 1, 1, integerTypes, bitNot},
    {"", "Clip", 6, newest, 1, 3, numericTypes, clip},
};

} // namespace

llvm::ArrayRef<OpRow> pointwiseOps() { return rows; }

} // namespace dlc::import
