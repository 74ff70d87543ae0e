#include "passes/lower/maths/maths.h"

#include "passes/lower/maths/scalars.h"

using namespace mlir;

namespace dlc::lower {

namespace {

using Unary = Value (*)(maths::Scalars &, Value);

Unary unaryFor(StringRef name) {
  static const std::pair<StringRef, Unary> table[] = {
      {math::ExpOp::getOperationName(), maths::exp},     {math::Exp2Op::getOperationName(), maths::exp2},
      {math::ExpM1Op::getOperationName(), maths::expm1}, {math::LogOp::getOperationName(), maths::log},
      {math::Log2Op::getOperationName(), maths::log2},   {math::Log10Op::getOperationName(), maths::log10},
      {math::Log1pOp::getOperationName(), maths::log1p}, {math::SinOp::getOperationName(), maths::sin},
      {math::CosOp::getOperationName(), maths::cos},     {math::TanOp::getOperationName(), maths::tan},
      {math::AsinOp::getOperationName(), maths::asin},   {math::AcosOp::getOperationName(), maths::acos},
      {math::AtanOp::getOperationName(), maths::atan},   {math::SinhOp::getOperationName(), maths::sinh},
      {math::CoshOp::getOperationName(), maths::cosh},   {math::TanhOp::getOperationName(), maths::tanh},
      {math::AsinhOp::getOperationName(), maths::asinh}, {math::AcoshOp::getOperationName(), maths::acosh},
      {math::AtanhOp::getOperationName(), maths::atanh}, {math::ErfOp::getOperationName(), maths::erf},
      {math::ErfcOp::getOperationName(), maths::erfc},   {math::CbrtOp::getOperationName(), maths::cbrt},
  };
  for (auto [op, function] : table)
    if (op == name) return function;
  return nullptr;
}

Value expand(Operation *op) {
  maths::Scalars s(op);
  if (isa<math::Exp2Op>(op) && s.isSingle) return nullptr;
  if (isa<math::PowFOp>(op)) return maths::pow(s, op->getOperand(0), op->getOperand(1));
  if (isa<math::FPowIOp>(op)) return maths::powInteger(s, op->getOperand(0), op->getOperand(1));
  if (isa<math::Atan2Op>(op)) return maths::atan2(s, op->getOperand(0), op->getOperand(1));
  Unary function = unaryFor(op->getName().getStringRef());
  return function ? function(s, op->getOperand(0)) : nullptr;
}

// Half types in f32; upstream's expansion has this for all ops but this one.
Operation *widen(math::FPowIOp op) {
  Type type = op.getType();
  if (!type.isF16() && !type.isBF16()) return op;
  OpBuilder b(op);
  Value base = arith::ExtFOp::create(b, op.getLoc(), b.getF32Type(), op.getLhs());
  auto wide = math::FPowIOp::create(b, op.getLoc(), base, op.getRhs());
  op.replaceAllUsesWith(Value(arith::TruncFOp::create(b, op.getLoc(), type, wide)));
  op.erase();
  return wide;
}

} // namespace

void expandMaths(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<math::MathDialect>(op->getDialect())) ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (auto power = dyn_cast<math::IPowIOp>(op)) {
      expandIntegerPower(power);
      continue;
    }
    if (auto power = dyn_cast<math::FPowIOp>(op)) op = widen(power);
    Type type = op->getResult(0).getType();
    if (!type.isF32() && !type.isF64()) continue;
    Value result = expand(op);
    if (!result) continue;
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
}

} // namespace dlc::lower
