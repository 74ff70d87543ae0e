// Rewrites as equations: a function from an op to the value that replaces it.
//
//   // -(-x) -> x
//   static Value negNeg(arith::NegFOp op, PatternRewriter &) {
//     auto inner = op.getOperand().getDefiningOp<arith::NegFOp>();
//     return inner ? inner.getOperand() : Value();
//   }
//   add<arith::NegFOp>(patterns, negNeg);
#pragma once

#include "ir/graph/graph.h"

#include "mlir/IR/PatternMatch.h"

namespace dlc::graph {

template <typename OpTy> struct Rule : mlir::OpRewritePattern<OpTy> {
  /// The value of the op, computed from smaller parts; null when the rule does not apply (and then nothing
  /// was built).
  using Function = mlir::Value (*)(OpTy, mlir::PatternRewriter &);

  Rule(mlir::MLIRContext *context, Function function)
      : mlir::OpRewritePattern<OpTy>(context), function(function) {}

  mlir::LogicalResult matchAndRewrite(OpTy op, mlir::PatternRewriter &rewriter) const override {
    mlir::Value value = function(op, rewriter);
    if (!value) return mlir::failure();
    rewriter.replaceOp(op, value);
    return mlir::success();
  }
  Function function;
};

template <typename OpTy> void add(mlir::RewritePatternSet &patterns, typename Rule<OpTy>::Function function) {
  patterns.add(std::make_unique<Rule<OpTy>>(patterns.getContext(), function));
}

/// Runs the rules on everything inside of a module, or of a region, until nothing changes. Upstream folds
/// stay off: on tensors of dynamic shape some of them make constants that can't be parsed back. Fails when
/// the rules do not come to an end.
mlir::LogicalResult applyRules(mlir::Operation *root, mlir::RewritePatternSet &&patterns);

/// What pointwise ops on known or repeated values are.
void addPointwiseRules(mlir::RewritePatternSet &patterns);
/// Movement that cancels, composes or moves a single value around.
void addMovementRules(mlir::RewritePatternSet &patterns);
/// Transposes go behind the ops that read them: pointwise ops, reductions, windows, pads, concats, slices.
void addTransposeRules(mlir::RewritePatternSet &patterns);

/// Dims without those of size 1.
llvm::SmallVector<Dim> withoutUnits(llvm::ArrayRef<Dim> dims);

} // namespace dlc::graph
