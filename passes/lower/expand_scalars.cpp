// Scalar arithmetic with a result for every input, and maths in terms of what the backend selects.
//
//   arith.divui %a, %b {tile.positive_divisor}  ->  arith.divui %a, %b
//   arith.divsi %a, %b  ->  %b == 0 ? 0 : %b == -1 ? -%a : %a / %b
//   arith.shli %a, %n   ->  %n < width ? %a << %n : 0
//   arith.fptosi %x     ->  llvm.fptosi.sat (NaN is 0)
//
// graph.td states the meaning: division by zero is 0, INT_MIN / -1 is INT_MIN.
//
// Runs on scalars, after distribution: MLIR's expansions create invalid constants on tensors.
#include "passes/lower/maths/maths.h"
#include "passes/lower/to_llvm.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"

using namespace mlir;

namespace dlc::lower {

namespace {

Value constant(OpBuilder &b, Location loc, Type type, int64_t value) {
  return arith::ConstantOp::create(
      b, loc, IntegerAttr::get(type, APInt(type.getIntOrFloatBitWidth(), value, true, true)));
}
Value isEqual(OpBuilder &b, Location loc, Value x, int64_t value) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, constant(b, loc, x.getType(), value));
}

// A divisor needs no guard that is a constant, or that the distribution knew to be positive.
bool isSafeDivisor(Operation *op, Value divisor, bool isSigned) {
  APInt value;
  if (op->removeDiscardableAttr("tile.positive_divisor")) return true;
  return matchPattern(divisor, m_ConstantInt(&value)) && !value.isZero() && !(isSigned && value.isAllOnes());
}

template <typename Op> void totalDivision(Op op, bool isSigned, bool remainder) {
  if (isSafeDivisor(op, op.getRhs(), isSigned)) return;
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value a = op.getLhs(), d = op.getRhs();
  Type type = d.getType();
  Value zero = constant(b, loc, type, 0), one = constant(b, loc, type, 1);
  Value isZero = isEqual(b, loc, d, 0), unsafe = isZero;
  Value isMinusOne;
  if (isSigned) {
    isMinusOne = isEqual(b, loc, d, -1);
    unsafe = arith::OrIOp::create(b, loc, isZero, isMinusOne);
  }
  Value safe = arith::SelectOp::create(b, loc, unsafe, one, d);
  Value result = Op::create(b, loc, a, safe);
  if (isSigned && !remainder)
    result = arith::SelectOp::create(b, loc, isMinusOne, arith::SubIOp::create(b, loc, zero, a), result);
  if (isSigned && remainder) result = arith::SelectOp::create(b, loc, isMinusOne, zero, result);
  result = arith::SelectOp::create(b, loc, isZero, zero, result);
  op.replaceAllUsesWith(result);
  op.erase();
}

template <typename Op> void totalShift(Op op, bool keepsSign) {
  APInt amount;
  unsigned width = op.getType().getIntOrFloatBitWidth();
  if (matchPattern(op.getRhs(), m_ConstantInt(&amount)) && amount.ult(width)) return;
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value last = constant(b, loc, op.getType(), width - 1);
  Value tooFar = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, op.getRhs(), last);
  Value by = arith::SelectOp::create(b, loc, tooFar, keepsSign ? last : constant(b, loc, op.getType(), 0),
                                     op.getRhs());
  Value result = Op::create(b, loc, op.getLhs(), by);
  if (!keepsSign) result = arith::SelectOp::create(b, loc, tooFar, constant(b, loc, op.getType(), 0), result);
  op.replaceAllUsesWith(result);
  op.erase();
}

void saturate(Operation *op) {
  OpBuilder b(op);
  Type type = op->getResult(0).getType();
  StringRef name = isa<arith::FPToSIOp>(op) ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
  auto call = LLVM::CallIntrinsicOp::create(b, op->getLoc(), type, b.getStringAttr(name),
                                            ValueRange{op->getOperand(0)});
  Value result = call.getResult(0);
  op->replaceAllUsesWith(ValueRange{result});
  op->erase();
}

void totalArithmetic(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<arith::ArithDialect>(op->getDialect())) ops.push_back(op);
  });
  for (Operation *op : ops)
    TypeSwitch<Operation *>(op)
        .Case([](arith::DivSIOp op) { totalDivision(op, true, false); })
        .Case([](arith::DivUIOp op) { totalDivision(op, false, false); })
        .Case([](arith::RemSIOp op) { totalDivision(op, true, true); })
        .Case([](arith::RemUIOp op) { totalDivision(op, false, true); })
        .Case([](arith::ShLIOp op) { totalShift(op, false); })
        .Case([](arith::ShRUIOp op) { totalShift(op, false); })
        .Case([](arith::ShRSIOp op) { totalShift(op, true); })
        .Case<arith::FPToSIOp, arith::FPToUIOp>([](auto op) { saturate(op); });
}

// What the backend cannot select would end the process: it is refused here.
LogicalResult rejectUnknown(ModuleOp module) {
  auto result = module.walk([](Operation *op) {
    if (!isa<math::MathDialect>(op->getDialect()) ||
        isa<math::FmaOp, math::AbsFOp, math::AbsIOp, math::CeilOp, math::FloorOp, math::RoundEvenOp,
            math::TruncOp, math::SqrtOp, math::RsqrtOp, math::CopySignOp, math::IsNaNOp, math::IsInfOp,
            math::IsFiniteOp, math::CountLeadingZerosOp, math::CountTrailingZerosOp, math::CtPopOp>(op))
      return WalkResult::advance();
    if (isa<math::Exp2Op>(op) && op->getResult(0).getType().isF32()) return WalkResult::advance();
    op->emitError() << "has no code for " << op->getResult(0).getType() << " in kernels";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

} // namespace

LogicalResult expandScalars(ModuleOp module) {
  // Half types compute maths in f32.
  {
    RewritePatternSet patterns(module.getContext());
    populateMathF32ExpansionPatterns(patterns, [](StringRef name) {
      return name != math::AbsFOp::getOperationName() && name != math::FmaOp::getOperationName();
    });
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    if (failed(applyPatternsGreedily(module, std::move(patterns)))) return failure();
  }
  RewritePatternSet patterns(module.getContext());
  math::populateExpansionPatterns(patterns, {"round", "ctlz"});
  if (failed(applyPatternsGreedily(module, std::move(patterns)))) return failure();
  // Expansions are made of further conversions and shifts.
  expandMaths(module);
  totalArithmetic(module);
  return rejectUnknown(module);
}

} // namespace dlc::lower
