// Puts per-channel scales that follow a convolution or matmul into its weights.
//
// Problem. Batch normalisation at inference is y = x * s + t with constants per channel; a scale after each
// convolution costs registers and multiplications in its epilogue, and keeps its addend from being a plain
// bias.
//
// Before
//   %y = graph.conv %x, %w
//   %m = arith.mulf %y, (graph.broadcast %s dims [1])
//   %z = arith.addf %m, (graph.broadcast %t dims [1])
// After
//   %ws = arith.mulf %w, (graph.broadcast %s dims [0])       only constants: becomes a recipe of the weights
//   table %y = graph.conv %x, %ws %z = arith.addf %y, (graph.broadcast %t dims [1])
//
// An addend in between is scaled too: (y + t) * s -> y * s + t * s, and (y - m) * s -> y * s - m * s.
//
// Legal: sum(x w) s = sum(x (w s)) but for the rounding of w s, as in every framework's folding of batch
// norms. Only where the contraction has no other reader, s depends on constants alone and runs along the
// filters.
//
// Runs before constants are folded, which turns the new weights into recipes.
#include "passes/graph/passes.h"
#include "passes/graph/rewrite/rule.h"

using namespace mlir;

namespace dlc::graph {
#define GEN_PASS_DEF_FOLDBATCHNORM
#include "passes/graph/passes.h.inc"

namespace {

/// Whether a value depends on constants only, through few enough ops to be a parameter's arithmetic.
bool isConstant(Value value, int depth = 12) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<DimValueOp, RegionOp>(op)) return false;
  if (isa<ConstantOp, FillOp, IotaOp>(op)) return true;
  return depth > 0 &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return isConstant(operand, depth - 1); });
}

/// The vector c of a value broadcast(c, [dim]), looking through dims of size 1; null for anything else.
Value channelVector(PatternRewriter &b, Value value, int64_t dim) {
  auto op = value.getDefiningOp<BroadcastOp>();
  if (!op || !isConstant(op.getOperand())) return {};
  SmallVector<Dim> from = dimsOf(op.getOperand());
  for (auto [size, place] : llvm::zip(from, op.getDims()))
    if (!size.isConstant(1) && place != dim) return {};
  // A single value stays: it would cost a rounding of every weight and save nothing.
  SmallVector<Dim> dims = withoutUnits(from);
  if (dims.size() != 1) return {};
  return from.size() == 1 ? op.getOperand() : reshape(b, op.getLoc(), op.getOperand(), dims);
}

/// The contraction with its weights scaled along the result dim; null when they can't be.
Value scaled(PatternRewriter &b, Operation *op, Value scale) {
  auto multiply = [&](Value weights, int64_t dim) -> Value {
    Value wide = broadcast(b, op->getLoc(), scale, dimsOf(weights), {dim});
    return arith::MulFOp::create(b, op->getLoc(), weights, wide);
  };
  IRMapping mapping;
  if (auto conv = dyn_cast<ConvOp>(op)) {
    mapping.map(conv.getFilter(), multiply(conv.getFilter(), 0));
  } else {
    auto dot = cast<DotOp>(op);
    int64_t last = -1;
    for (int64_t i = 0; i < rankOf(dot.getRhs()); ++i)
      if (!llvm::is_contained(dot.getRhsContract(), i) && !llvm::is_contained(dot.getRhsBatch(), i)) last = i;
    mapping.map(dot.getRhs(), multiply(dot.getRhs(), last));
  }
  return b.clone(*op, mapping)->getResult(0);
}

/// The result dim along which the weights' filters run, when the weights are constant and the op has one
/// reader.
std::optional<int64_t> filterDim(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !op->hasOneUse()) return std::nullopt;
  if (auto conv = dyn_cast<ConvOp>(op))
    return isConstant(conv.getFilter()) && elementTypeOf(conv.getFilter()) == elementTypeOf(value)
               ? std::optional(1)
               : std::nullopt;
  auto dot = dyn_cast<DotOp>(op);
  if (!dot || !isConstant(dot.getRhs()) || elementTypeOf(dot.getRhs()) != elementTypeOf(value))
    return std::nullopt;
  bool hasFree = rankOf(dot.getRhs()) > int64_t(dot.getRhsContract().size() + dot.getRhsBatch().size());
  return hasFree ? std::optional(rankOf(value) - 1) : std::nullopt;
}

/// contraction(x, w) * s -> contraction(x, w * s)
/// (contraction(x, w) + t) * s -> contraction(x, w * s) + t * s, and the same with -
Value foldScale(arith::MulFOp op, PatternRewriter &b) {
  for (auto [value, factor] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    if (auto dim = filterDim(value)) {
      if (Value scale = channelVector(b, factor, *dim)) return scaled(b, value.getDefiningOp(), scale);
      continue;
    }
    Operation *sum = value.getDefiningOp();
    if (!sum || !isa<arith::AddFOp, arith::SubFOp>(sum) || !sum->hasOneUse()) continue;
    int place = 0;
    auto dim = filterDim(sum->getOperand(0));
    if (!dim && isa<arith::AddFOp>(sum)) dim = filterDim(sum->getOperand(place = 1));
    if (!dim || !isConstant(sum->getOperand(1 - place))) continue;
    Value scale = channelVector(b, factor, *dim);
    if (!scale) continue;
    Value product = scaled(b, sum->getOperand(place).getDefiningOp(), scale);
    Value addend = arith::MulFOp::create(b, op.getLoc(), sum->getOperand(1 - place), factor);
    if (isa<arith::SubFOp>(sum)) return arith::SubFOp::create(b, op.getLoc(), product, addend);
    return arith::AddFOp::create(b, op.getLoc(), product, addend);
  }
  return {};
}

struct FoldBatchNorm : impl::FoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    add<arith::MulFOp>(patterns, foldScale);
    if (failed(applyRules(getOperation(), std::move(patterns)))) signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createFoldBatchNormPass(PassContext &) { return std::make_unique<FoldBatchNorm>(); }

} // namespace dlc::graph
