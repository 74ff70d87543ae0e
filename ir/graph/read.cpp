// Questions about graph ops, and their folds.
#include "ir/graph/graph.h"

using namespace mlir;

namespace dlc::graph {

bool isPointwise(Operation *op) {
  if (!op->getNumResults() || !isa<RankedTensorType>(op->getResult(0).getType())) return false;
  return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) && !isa<arith::ConstantOp>(op);
}

TypedAttr splatValue(Value value) {
  if (auto fill = value.getDefiningOp<FillOp>()) return fill.getValue();
  if (auto constant = value.getDefiningOp<ConstantOp>())
    if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()); dense && dense.isSplat())
      return cast<TypedAttr>(dense.getSplatValue<Attribute>());
  if (auto broadcast = value.getDefiningOp<BroadcastOp>()) return splatValue(broadcast.getOperand());
  if (auto reshape = value.getDefiningOp<ReshapeOp>()) return splatValue(reshape.getOperand());
  return {};
}

static std::optional<Combiner> matchSingle(Operation *op) {
  return TypeSwitch<Operation *, std::optional<Combiner>>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return Combiner::Sum; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return Combiner::Prod; })
      .Case<arith::MaximumFOp, arith::MaxSIOp>([](auto) { return Combiner::Max; })
      .Case<arith::MinimumFOp, arith::MinSIOp>([](auto) { return Combiner::Min; })
      .Case<arith::MaxUIOp>([](auto) { return Combiner::UMax; })
      .Case<arith::MinUIOp>([](auto) { return Combiner::UMin; })
      .Case<arith::AndIOp>([](auto) { return Combiner::And; })
      .Case<arith::OrIOp>([](auto) { return Combiner::Or; })
      .Default([](auto) { return std::nullopt; });
}

std::optional<Combiner> matchCombiner(Region &region) {
  Block &block = region.front();
  auto yield = cast<YieldOp>(block.getTerminator());
  if (yield.getNumOperands() == 1) {
    Operation *op = yield.getOperand(0).getDefiningOp();
    if (!op || op->getBlock() != &block || op->getNumOperands() != 2) return std::nullopt;
    bool inOrder = op->getOperand(0) == block.getArgument(0) && op->getOperand(1) == block.getArgument(1);
    bool swapped = op->getOperand(1) == block.getArgument(0) && op->getOperand(0) == block.getArgument(1);
    return inOrder || swapped ? matchSingle(op) : std::nullopt;
  }
  // The pair form that reduceArg builds: both selects share `better or (equal and earlier)`.
  if (yield.getNumOperands() != 2) return std::nullopt;
  auto value = yield.getOperand(0).getDefiningOp<arith::SelectOp>();
  if (!value) return std::nullopt;
  auto take = value.getCondition().getDefiningOp<arith::OrIOp>();
  if (!take) return std::nullopt;
  if (auto cmp = take.getLhs().getDefiningOp<arith::CmpFOp>())
    return cmp.getPredicate() == arith::CmpFPredicate::OGT ? Combiner::ArgMax : Combiner::ArgMin;
  if (auto cmp = take.getLhs().getDefiningOp<arith::CmpIOp>())
    return cmp.getPredicate() == arith::CmpIPredicate::sgt ? Combiner::ArgMax : Combiner::ArgMin;
  return std::nullopt;
}

//===- Folds: an op that changes nothing is its operand -----------------------------===//

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  return getType() == getOperand().getType() ? OpFoldResult(getOperand()) : OpFoldResult();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getType() == getOperand().getType()) return getOperand();
  // reshape(reshape(x)) -> reshape(x)
  if (auto inner = getOperand().getDefiningOp<ReshapeOp>()) {
    getOperandMutable().assign(inner.getOperand());
    return getResult();
  }
  return {};
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [i, p] : llvm::enumerate(getPerm()))
    if (int64_t(i) != p) {
      // transpose(transpose(x)) -> x where the permutations cancel
      auto inner = getOperand().getDefiningOp<TransposeOp>();
      if (!inner) return {};
      for (auto [k, q] : llvm::enumerate(getPerm()))
        if (inner.getPerm()[q] != int64_t(k)) return {};
      return inner.getOperand();
    }
  return getOperand();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool whole = getType() == getOperand().getType() &&
               llvm::all_of(getSteps(), [](int64_t s) { return s == 1; }) &&
               llvm::all_of(getOffsets().getDims(), [](const Dim &d) { return d == Dim::constant(0); });
  return whole ? OpFoldResult(getOperand()) : OpFoldResult();
}

OpFoldResult PadOp::fold(FoldAdaptor) {
  auto isZero = [](const Dim &d) { return d == Dim::constant(0); };
  bool whole = llvm::all_of(getLow().getDims(), isZero) && llvm::all_of(getHigh().getDims(), isZero);
  return whole ? OpFoldResult(getOperand()) : OpFoldResult();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getOperands().size() == 1 ? OpFoldResult(getOperands()[0]) : OpFoldResult();
}

} // namespace dlc::graph
