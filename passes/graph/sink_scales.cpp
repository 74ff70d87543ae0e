// Moves a scale of a contraction's operand behind the contraction.
//
// Problem. Attention scales queries or keys before their matmul. Where the operand is a slice of a joint
// projection or the key cache, nothing can take the product along: it becomes a kernel of its own that reads
// and writes the whole operand.
//
// Before                                             After
//   %q = graph.slice %qkv ...                          %q = graph.slice %qkv ...
//   %s = arith.mulf %q, (graph.fill 0.125)             %d = graph.dot %q, %k : ... -> f32
//   %d = graph.dot %s, %k                              %y = arith.mulf %d, (graph.fill 0.125)
//
// Legal: sum(c x y) = c sum(x y) but for roundings, of which there are fewer: one per result instead of one
// per operand element. The sum stays in fp32: where the result is 16 bits wide, the product is rounded to
// them after the scale, so nothing overflows that did not before. Not where the producer's epilogue takes the
// scale along for free.
//
// Runs after movement, which brings the scale next to the contraction.
#include "passes/graph/passes.h"
#include "passes/graph/rewrite/rule.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dlc::graph {
#define GEN_PASS_DEF_SINKSCALES
#include "passes/graph/passes.h.inc"

namespace {

/// Whether a region that computes the value would take a following multiplication along.
bool hasEpilogue(Value value) {
  Operation *op = value.getDefiningOp();
  while (op && isa<TransposeOp, ReshapeOp>(op)) op = op->getOperand(0).getDefiningOp();
  return op && (isPointwise(op) || isa<DotOp, ConvOp, ReduceOp, WindowOp>(op));
}

struct Scaled {
  Value value; ///< what is scaled
  double scale;
  SmallVector<Operation *>
      movement; ///< between the product and the contraction, nearest to the contraction first
};

/// The parts of an operand move(x * c) whose product no region takes along.
std::optional<Scaled> scaleOf(Value operand) {
  Scaled found;
  while (Operation *op = operand.getDefiningOp()) {
    if (!isa<TransposeOp, ReshapeOp, BroadcastOp, SliceOp>(op) || !op->hasOneUse()) break;
    found.movement.push_back(op);
    operand = op->getOperand(0);
  }
  auto product = operand.getDefiningOp<arith::MulFOp>();
  if (!product || !product->hasOneUse()) return std::nullopt;
  for (auto [x, factor] :
       {std::pair(product.getLhs(), product.getRhs()), std::pair(product.getRhs(), product.getLhs())}) {
    auto number = dyn_cast_or_null<FloatAttr>(splatValue(factor));
    if (!number || !number.getValue().isFinite() || number.getValue().isZero() || splatValue(x) ||
        hasEpilogue(x))
      continue;
    found.value = x;
    found.scale = number.getValueAsDouble();
    return found;
  }
  return std::nullopt;
}

/// The operand without its scale.
Value unscaled(PatternRewriter &b, const Scaled &scaled) {
  Value value = scaled.value;
  for (Operation *op : llvm::reverse(scaled.movement)) {
    IRMapping mapping;
    mapping.map(op->getOperand(0), value);
    value = b.clone(*op, mapping)->getResult(0);
  }
  return value;
}

/// dot(x * c, y) -> dot(x, y) * c
Value sinkScale(DotOp op, PatternRewriter &b) {
  Type element = elementTypeOf(op.getResult());
  if (!isa<FloatType>(element)) return {};
  auto left = scaleOf(op.getLhs()), right = scaleOf(op.getRhs());
  if (!left && !right) return {};
  double scale = (left ? left->scale : 1) * (right ? right->scale : 1);
  if (!std::isfinite(scale) || std::fabs(scale) < 0x1p-100) return {};
  Type wide = element.isF64() ? element : Type(b.getF32Type());
  SmallVector<Dim> dims = dimsOf(op.getResult());
  Value product =
      DotOp::create(b, op.getLoc(), tensorType(dims, wide), left ? unscaled(b, *left) : op.getLhs(),
                    right ? unscaled(b, *right) : op.getRhs(), op.getLhsBatch(), op.getRhsBatch(),
                    op.getLhsContract(), op.getRhsContract(), op.getPrecision());
  Value scaled = arith::MulFOp::create(b, op.getLoc(), product, fill(b, op.getLoc(), dims, wide, scale));
  return element == wide ? scaled : arith::TruncFOp::create(b, op.getLoc(), op.getType(), scaled).getResult();
}

struct SinkScales : impl::SinkScalesBase<SinkScales> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    add<DotOp>(patterns, sinkScale);
    if (failed(applyRules(getOperation(), std::move(patterns)))) signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createSinkScalesPass(PassContext &) { return std::make_unique<SinkScales>(); }

} // namespace dlc::graph
