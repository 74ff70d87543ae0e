// Simplifies graph ops by identities that hold for every value.
//
// Problem. Exporters write work that does nothing (x * 1, transposes that cancel, a Slice of everything,
// casts there and back), and upstream's folders can't help: no constant may have a dynamic shape, so on
// `tensor<?x768xf32>` none of them applies, and some make text that does not parse.
//
// Before
//   %one = graph.fill 1.0 : f32 -> tensor<?x64xf32, #graph.dims<B, 64>>
//   %a = arith.mulf %x, %one
//   %t = graph.transpose %a perm [1, 0]
//   %u = graph.transpose %t perm [1, 0]
// After
//   %x
//
// The rules stand as equations in rewrite/pointwise_rules.cpp and rewrite/movement_rules.cpp. Each makes
// something smaller: an op, a level of nesting, or an op kind towards `fill`, `reshape` and cheaper
// arithmetic; so they come to an end.
//
// Legal: meaning is total here, so each equation is checked against NaN, infinities, the sign of zero, and
// the ends of integer ranges. That is why x + 0.0, x - x and 0.0 * x stay, and why `where(isnan(softmax), 0,
// softmax)` does.
//
// Runs first, and after each pass that leaves such work behind.
#include "passes/graph/passes.h"
#include "passes/graph/rewrite/rule.h"

namespace dlc::graph {
#define GEN_PASS_DEF_CANONICALIZEGRAPH
#include "passes/graph/passes.h.inc"

namespace {

struct CanonicalizeGraph : impl::CanonicalizeGraphBase<CanonicalizeGraph> {
  void runOnOperation() override {
    mlir::RewritePatternSet patterns(&getContext());
    addPointwiseRules(patterns);
    addMovementRules(patterns);
    if (mlir::failed(applyRules(getOperation(), std::move(patterns)))) signalPassFailure();
  }
};

} // namespace

std::unique_ptr<mlir::Pass> createCanonicalizeGraphPass(PassContext &) {
  return std::make_unique<CanonicalizeGraph>();
}

} // namespace dlc::graph
