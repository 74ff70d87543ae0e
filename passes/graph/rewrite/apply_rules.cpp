#include "passes/graph/rewrite/rule.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace dlc::graph {
namespace {

/// The folds of the graph dialect's own ops, which are safe on every shape.
struct FoldGraphOp : RewritePattern {
  explicit FoldGraphOp(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa<BroadcastOp, ReshapeOp, TransposeOp, SliceOp, PadOp, ConcatOp>(op)) return failure();
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(results))) return failure();
    if (results.empty()) { // changed in place
      rewriter.modifyOpInPlace(op, [] {});
      return success();
    }
    auto value = dyn_cast<Value>(results.front());
    if (!value) return failure();
    rewriter.replaceOp(op, value);
    return success();
  }
};

} // namespace

LogicalResult applyRules(Operation *root, RewritePatternSet &&patterns) {
  patterns.add<FoldGraphOp>(patterns.getContext());
  GreedyRewriteConfig config;
  config.enableFolding(false).enableConstantCSE(false).setUseTopDownTraversal(true);
  config.setMaxIterations(50);
  if (failed(applyPatternsGreedily(root, std::move(patterns), config)))
    return root->emitError("internal error: rewrites did not come to an end");
  return success();
}

SmallVector<Dim> withoutUnits(ArrayRef<Dim> dims) {
  SmallVector<Dim> result(dims);
  llvm::erase_if(result, [](const Dim &dim) { return dim.isConstant(1); });
  return result;
}

} // namespace dlc::graph
