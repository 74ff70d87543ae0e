// Rules about pointwise ops. Each holds for every value of its tensors: NaN, infinities, the sign of zero,
// and integers at the ends of their range. So x + 0.0 is not x (-0.0 + 0.0 is 0.0), x - x is not 0.0, 0.0 * x
// is not 0.0.
#include "passes/graph/rewrite/rule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace dlc::graph {

//===- Reading ---------------------------------------------------------------===//

static std::optional<APFloat> floatSplat(Value value) {
  auto number = dyn_cast_or_null<FloatAttr>(splatValue(value));
  return number ? std::optional(number.getValue()) : std::nullopt;
}
static std::optional<APInt> intSplat(Value value) {
  auto number = dyn_cast_or_null<IntegerAttr>(splatValue(value));
  return number ? std::optional(number.getValue()) : std::nullopt;
}
static bool isFloat(Value value, double expected) {
  auto number = floatSplat(value);
  return number && number->isExactlyValue(expected);
}
static bool isPositiveZero(Value value) {
  auto number = floatSplat(value);
  return number && number->isPosZero();
}
static bool isNegativeZero(Value value) {
  auto number = floatSplat(value);
  return number && number->isNegZero();
}
static bool isInt(Value value, int64_t expected) {
  auto number = intSplat(value);
  return number && *number == APInt(number->getBitWidth(), expected, true, true);
}

/// Values that are never -0.0, so that + 0.0 leaves them as they are.
static bool isNeverNegativeZero(Value value) {
  Operation *op = value.getDefiningOp();
  return op && isa<math::ExpOp, math::Exp2Op, math::AbsFOp, arith::SIToFPOp, arith::UIToFPOp>(op);
}

static Value splatLike(PatternRewriter &b, Operation *op, double value) {
  return fill(b, op->getLoc(), dimsOf(op->getResult(0)), elementTypeOf(op->getResult(0)), value);
}
static Value splatIntLike(PatternRewriter &b, Operation *op, int64_t value) {
  return fillInt(b, op->getLoc(), dimsOf(op->getResult(0)), elementTypeOf(op->getResult(0)), value);
}

//===- Floats ------------------------------------------------------------------===//

static Value addFloat(arith::AddFOp op, PatternRewriter &b) {
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    // x + -0.0 -> x;  x + 0.0 -> x where x is never -0.0
    if (isNegativeZero(y) || (isPositiveZero(y) && isNeverNegativeZero(x))) return x;
    // x + -y -> x - y
    if (auto negated = y.getDefiningOp<arith::NegFOp>())
      return arith::SubFOp::create(b, op.getLoc(), x, negated.getOperand());
  }
  return {};
}

static Value subtractFloat(arith::SubFOp op, PatternRewriter &b) {
  // x - 0.0 -> x
  if (isPositiveZero(op.getRhs())) return op.getLhs();
  // -0.0 - x -> -x
  if (isNegativeZero(op.getLhs())) return arith::NegFOp::create(b, op.getLoc(), op.getRhs());
  // x - -y -> x + y
  if (auto negated = op.getRhs().getDefiningOp<arith::NegFOp>())
    return arith::AddFOp::create(b, op.getLoc(), op.getLhs(), negated.getOperand());
  return {};
}

static Value multiplyFloat(arith::MulFOp op, PatternRewriter &b) {
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    // x * 1 -> x;  x * -1 -> -x
    if (isFloat(y, 1)) return x;
    if (isFloat(y, -1)) return arith::NegFOp::create(b, op.getLoc(), x);
  }
  return {};
}

static Value divideFloat(arith::DivFOp op, PatternRewriter &b) {
  // x / 1 -> x
  if (isFloat(op.getRhs(), 1)) return op.getLhs();
  // x / c -> x * (1 / c) where 1 / c is exact: a power of two
  if (auto divisor = floatSplat(op.getRhs())) {
    APFloat inverse(divisor->getSemantics());
    if (divisor->getExactInverse(&inverse)) {
      auto attribute = FloatAttr::get(elementTypeOf(op.getRhs()), inverse);
      return arith::MulFOp::create(b, op.getLoc(), op.getLhs(),
                                   FillOp::create(b, op.getLoc(), op.getRhs().getType(), attribute));
    }
  }
  return {};
}

static Value negate(arith::NegFOp op, PatternRewriter &) {
  // -(-x) -> x
  auto inner = op.getOperand().getDefiningOp<arith::NegFOp>();
  return inner ? inner.getOperand() : Value();
}

static Value absolute(math::AbsFOp op, PatternRewriter &b) {
  // | |x| | -> |x|;  | -x | -> |x|
  if (auto inner = op.getOperand().getDefiningOp<math::AbsFOp>()) return inner.getResult();
  if (auto inner = op.getOperand().getDefiningOp<arith::NegFOp>())
    return math::AbsFOp::create(b, op.getLoc(), inner.getOperand());
  return {};
}

static Value power(math::PowFOp op, PatternRewriter &b) {
  Value x = op.getLhs();
  // x ^ 1 -> x;  x ^ 2 -> x * x (rounded once, as the power is);  x ^ -1 -> 1 / x
  if (isFloat(op.getRhs(), 1)) return x;
  if (isFloat(op.getRhs(), 2)) return arith::MulFOp::create(b, op.getLoc(), x, x);
  if (isFloat(op.getRhs(), -1)) return arith::DivFOp::create(b, op.getLoc(), splatLike(b, op, 1), x);
  // x ^ 3 -> x * x * x: within one and a half units in the last place, where a power's own bound is larger
  if (isFloat(op.getRhs(), 3) && elementTypeOf(x).getIntOrFloatBitWidth() >= 32) {
    Value square = arith::MulFOp::create(b, op.getLoc(), x, x);
    return arith::MulFOp::create(b, op.getLoc(), square, x);
  }
  return {};
}

/// max(x, -inf) -> x;  min(x, inf) -> x;  max(x, x) -> x. NaN stays NaN on both sides.
template <typename OpTy, bool isMax> static Value extremum(OpTy op, PatternRewriter &) {
  if (op.getLhs() == op.getRhs()) return op.getLhs();
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
    if (auto bound = floatSplat(y); bound && bound->isInfinity() && bound->isNegative() == isMax) return x;
  return {};
}

//===- Integers ------------------------------------------------------------------===//

static Value addInteger(arith::AddIOp op, PatternRewriter &) {
  // x + 0 -> x
  return isInt(op.getRhs(), 0) ? op.getLhs() : isInt(op.getLhs(), 0) ? op.getRhs() : Value();
}
static Value subtractInteger(arith::SubIOp op, PatternRewriter &b) {
  // x - 0 -> x;  x - x -> 0
  if (isInt(op.getRhs(), 0)) return op.getLhs();
  return op.getLhs() == op.getRhs() ? splatIntLike(b, op, 0) : Value();
}
static Value multiplyInteger(arith::MulIOp op, PatternRewriter &b) {
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    // x * 1 -> x;  x * 0 -> 0
    if (isInt(y, 1)) return x;
    if (isInt(y, 0)) return splatIntLike(b, op, 0);
  }
  return {};
}
/// x / 1 -> x (in i1 a 1 is -1 when signed, and that division is no identity)
template <typename OpTy> static Value divideInteger(OpTy op, PatternRewriter &) {
  return elementTypeOf(op.getLhs()).getIntOrFloatBitWidth() > 1 && isInt(op.getRhs(), 1) ? op.getLhs()
                                                                                         : Value();
}
/// x << 0 -> x
template <typename OpTy> static Value shift(OpTy op, PatternRewriter &) {
  return isInt(op.getRhs(), 0) ? op.getLhs() : Value();
}
static Value bitAnd(arith::AndIOp op, PatternRewriter &b) {
  if (op.getLhs() == op.getRhs()) return op.getLhs();
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    // x & 111 -> x;  x & 0 -> 0
    if (isInt(y, -1)) return x;
    if (isInt(y, 0)) return splatIntLike(b, op, 0);
  }
  return {};
}
static Value bitOr(arith::OrIOp op, PatternRewriter &b) {
  if (op.getLhs() == op.getRhs()) return op.getLhs();
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    // x | 0 -> x;  x | 111 -> 111
    if (isInt(y, 0)) return x;
    if (isInt(y, -1)) return splatIntLike(b, op, -1);
  }
  return {};
}
static Value bitXor(arith::XOrIOp op, PatternRewriter &b) {
  // x ^ x -> 0
  if (op.getLhs() == op.getRhs()) return splatIntLike(b, op, 0);
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    // x ^ 0 -> x;  (x ^ c) ^ c -> x
    if (isInt(y, 0)) return x;
    auto inner = x.getDefiningOp<arith::XOrIOp>();
    auto mask = intSplat(y);
    if (inner && mask && intSplat(inner.getRhs()) == mask) return inner.getLhs();
  }
  return {};
}
/// max(x, x) -> x
template <typename OpTy> static Value idempotent(OpTy op, PatternRewriter &) {
  return op.getLhs() == op.getRhs() ? op.getLhs() : Value();
}

//===- Choices and casts --------------------------------------------------------------===//

static Value select(arith::SelectOp op, PatternRewriter &b) {
  // c ? x : x -> x;  true ? x : y -> x;  false ? x : y -> y
  if (op.getTrueValue() == op.getFalseValue()) return op.getTrueValue();
  if (auto condition = intSplat(op.getCondition()))
    return condition->isZero() ? op.getFalseValue() : op.getTrueValue();
  // !c ? x : y -> c ? y : x
  auto negated = op.getCondition().getDefiningOp<arith::XOrIOp>();
  if (negated && isInt(negated.getRhs(), -1))
    return arith::SelectOp::create(b, op.getLoc(), negated.getLhs(), op.getFalseValue(), op.getTrueValue());
  return {};
}

/// ext(ext(x)) -> ext(x)
template <typename OpTy> static Value extend(OpTy op, PatternRewriter &b) {
  auto inner = op.getIn().template getDefiningOp<OpTy>();
  return inner ? OpTy::create(b, op.getLoc(), op.getType(), inner.getIn()).getResult() : Value();
}

/// Every value of the narrow format is one of the wide format.
static bool isExactlyIn(FloatType narrow, FloatType wide) {
  return APFloat::isRepresentableBy(narrow.getFloatSemantics(), wide.getFloatSemantics());
}

static Value narrowFloat(arith::TruncFOp op, PatternRewriter &b) {
  auto inner = op.getIn().getDefiningOp<arith::ExtFOp>();
  if (!inner) return {};
  auto from = cast<FloatType>(elementTypeOf(inner.getIn())),
       to = cast<FloatType>(elementTypeOf(op.getResult()));
  // trunc(ext(x)) -> x, ext(x) or trunc(x): the wide format holds x exactly
  if (from == to) return inner.getIn();
  if (from.getWidth() < to.getWidth() && isExactlyIn(from, to))
    return arith::ExtFOp::create(b, op.getLoc(), op.getType(), inner.getIn());
  if (from.getWidth() > to.getWidth())
    return arith::TruncFOp::create(b, op.getLoc(), op.getType(), inner.getIn());
  return {};
}

static Value narrowInteger(arith::TruncIOp op, PatternRewriter &b) {
  Operation *inner = op.getIn().getDefiningOp();
  // trunc(trunc(x)) -> trunc(x)
  if (auto twice = dyn_cast_or_null<arith::TruncIOp>(inner))
    return arith::TruncIOp::create(b, op.getLoc(), op.getType(), twice.getIn());
  // trunc(ext(x)) -> x, trunc(x) or ext(x)
  if (!inner || !isa<arith::ExtSIOp, arith::ExtUIOp>(inner)) return {};
  Value x = inner->getOperand(0);
  unsigned from = elementTypeOf(x).getIntOrFloatBitWidth(),
           to = elementTypeOf(op.getResult()).getIntOrFloatBitWidth();
  if (from == to) return x;
  if (from > to) return arith::TruncIOp::create(b, op.getLoc(), op.getType(), x);
  if (isa<arith::ExtSIOp>(inner)) return arith::ExtSIOp::create(b, op.getLoc(), op.getType(), x);
  return arith::ExtUIOp::create(b, op.getLoc(), op.getType(), x);
}

static Value signedToFloat(arith::SIToFPOp op, PatternRewriter &b) {
  // float(extend(x)) -> float(x)
  if (auto inner = op.getIn().getDefiningOp<arith::ExtSIOp>())
    return arith::SIToFPOp::create(b, op.getLoc(), op.getType(), inner.getIn());
  if (auto inner = op.getIn().getDefiningOp<arith::ExtUIOp>())
    return arith::UIToFPOp::create(b, op.getLoc(), op.getType(), inner.getIn());
  return {};
}

/// int(float(x)) -> x where the float format holds every integer of x's type
static Value floatToSigned(arith::FPToSIOp op, PatternRewriter &) {
  auto inner = op.getIn().getDefiningOp<arith::SIToFPOp>();
  if (!inner || inner.getIn().getType() != op.getType()) return {};
  auto format = cast<FloatType>(elementTypeOf(inner.getResult()));
  unsigned bits = elementTypeOf(op.getResult()).getIntOrFloatBitWidth();
  // A signed integer needs bits - 1 digits, and an exponent of bits - 1 (the smallest is a power of two).
  bool isExact = format.getFPMantissaWidth() >= bits - 1 &&
                 APFloat::semanticsMaxExponent(format.getFloatSemantics()) >= int(bits) - 1;
  return isExact ? inner.getIn() : Value();
}

/// x != 0 of a bool -> x;  x == 0 of a bool -> !x;  x ? x -> known
static Value compareInteger(arith::CmpIOp op, PatternRewriter &b) {
  using P = arith::CmpIPredicate;
  if (op.getLhs() == op.getRhs()) {
    bool holds = llvm::is_contained({P::eq, P::sle, P::sge, P::ule, P::uge}, op.getPredicate());
    return splatIntLike(b, op, holds ? -1 : 0);
  }
  // An index or a size is never negative: x < 0 -> false, x >= 0 -> true.
  Operation *source = op.getLhs().getDefiningOp();
  while (source && isa<BroadcastOp, ReshapeOp>(source)) source = source->getOperand(0).getDefiningOp();
  if (source && isa<IotaOp, DimValueOp>(source) && isInt(op.getRhs(), 0)) {
    if (op.getPredicate() == P::slt) return splatIntLike(b, op, 0);
    if (op.getPredicate() == P::sge) return splatIntLike(b, op, -1);
  }
  // ext(x) != 0 -> x for a bool x, which is how exporters write masks as integers
  if (op.getPredicate() != P::ne || !isInt(op.getRhs(), 0)) return {};
  Operation *def = op.getLhs().getDefiningOp();
  Value x = def && isa<arith::ExtUIOp, arith::ExtSIOp>(def) ? def->getOperand(0) : op.getLhs();
  return elementTypeOf(x).isInteger(1) ? x : Value();
}

void addPointwiseRules(RewritePatternSet &patterns) {
  add<arith::AddFOp>(patterns, addFloat);
  add<arith::SubFOp>(patterns, subtractFloat);
  add<arith::MulFOp>(patterns, multiplyFloat);
  add<arith::DivFOp>(patterns, divideFloat);
  add<arith::NegFOp>(patterns, negate);
  add<math::AbsFOp>(patterns, absolute);
  add<math::PowFOp>(patterns, power);
  add<arith::MaximumFOp>(patterns, extremum<arith::MaximumFOp, true>);
  add<arith::MinimumFOp>(patterns, extremum<arith::MinimumFOp, false>);
  add<arith::AddIOp>(patterns, addInteger);
  add<arith::SubIOp>(patterns, subtractInteger);
  add<arith::MulIOp>(patterns, multiplyInteger);
  add<arith::DivSIOp>(patterns, divideInteger<arith::DivSIOp>);
  add<arith::DivUIOp>(patterns, divideInteger<arith::DivUIOp>);
  add<arith::ShLIOp>(patterns, shift<arith::ShLIOp>);
  add<arith::ShRSIOp>(patterns, shift<arith::ShRSIOp>);
  add<arith::ShRUIOp>(patterns, shift<arith::ShRUIOp>);
  add<arith::AndIOp>(patterns, bitAnd);
  add<arith::OrIOp>(patterns, bitOr);
  add<arith::XOrIOp>(patterns, bitXor);
  add<arith::MaxSIOp>(patterns, idempotent<arith::MaxSIOp>);
  add<arith::MinSIOp>(patterns, idempotent<arith::MinSIOp>);
  add<arith::MaxUIOp>(patterns, idempotent<arith::MaxUIOp>);
  add<arith::MinUIOp>(patterns, idempotent<arith::MinUIOp>);
  add<arith::SelectOp>(patterns, select);
  add<arith::ExtFOp>(patterns, extend<arith::ExtFOp>);
  add<arith::ExtSIOp>(patterns, extend<arith::ExtSIOp>);
  add<arith::ExtUIOp>(patterns, extend<arith::ExtUIOp>);
  add<arith::TruncFOp>(patterns, narrowFloat);
  add<arith::TruncIOp>(patterns, narrowInteger);
  add<arith::SIToFPOp>(patterns, signedToFloat);
  add<arith::FPToSIOp>(patterns, floatToSigned);
  add<arith::CmpIOp>(patterns, compareInteger);
}

} // namespace dlc::graph
