// Groups the ops of a function into regions, each of which becomes one kernel.
//
// Problem. An op per kernel reads and writes every intermediate tensor and pays a launch boundary each time;
// at batch 1 the boundaries alone are most of the time.
//
// Before
//   %d = graph.dot %x, %w ...
//   %b = graph.broadcast %bias dims [2] ...
//   %s = arith.addf %d, %b
//   %y = arith.maximumf %s, %zero
//   return %y
// After
//   %y = graph.region "k0_matmul_bias_relu" hero "dot" (%x, %w, %bias) { the same ops; graph.yield }
//   return %y
//
// Steps. Each op is decided once, by the first step that wants it:
//   1. growEpilogues    contractions and windows take what follows them on the same elements: it saves the
//   write and the
//                       read of their result, and nothing else can (a contraction never repeats)
//   2. growReductions   reductions over the same rows meet, with the pointwise work before, between and after
//   them
//   3. sweepProducers   from the results backwards, the rest joins its readers as loads, or forms pointwise
//   regions
//   4. mergeSiblings    pointwise regions that read the same tensor become one with several results
//
// Legal because a region is pure, ops keep their operands, clusters stay orderable (no path leaves a region
// and returns), and no op is repeated whose result a hero computes. A region has one hero; a reduction never
// follows a contraction in one region, since its rows would span tiles. Profit is modelled time on the target
// (cost.h), printed in the remarks.
//
// Runs last of the graph passes that change ops: after it, ops are seen through regions only.
#include "passes/graph/fusion/emit_regions.h"
#include "passes/graph/fusion/fuser.h"
#include "passes/graph/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dlc::graph {
#define GEN_PASS_DEF_FUSEREGIONS
#include "passes/graph/passes.h.inc"

namespace {

struct FuseRegions : impl::FuseRegionsBase<FuseRegions> {
  explicit FuseRegions(PassContext &context) : context(context) {}

  void runOnOperation() override {
    fusion::CostModel cost(*context.options.target, getOperation());
    for (auto function : getOperation().getOps<mlir::func::FuncOp>()) {
      // Private functions are recipes of the weights table, evaluated by the interpreter.
      if (function.isPrivate() || function.isExternal() || !function.front().getOps<RegionOp>().empty())
        continue;
      fusion::ClusterGraph graph(function.front());
      fusion::Fuser fuser(graph, cost, context);
      fuser.growEpilogues();
      fuser.growReductions();
      fuser.sweepProducers();
      fuser.mergeSiblings();
      if (mlir::failed(fusion::emitRegions(graph, function))) return signalPassFailure();
    }
  }

  PassContext &context;
};

} // namespace

std::unique_ptr<mlir::Pass> createFuseRegionsPass(PassContext &context) {
  return std::make_unique<FuseRegions>(context);
}

} // namespace dlc::graph
