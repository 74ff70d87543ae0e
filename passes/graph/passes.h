// The passes of the graph level (Passes.td) and how a tool registers them.
#pragma once

#include "ir/graph/graph.h"
#include "passes/options.h"

#include "mlir/Pass/Pass.h"

namespace dlc::graph {

#define GEN_PASS_DECL
#include "passes/graph/passes.h.inc"

/// Each takes the context of the compile, which outlives the pass.
std::unique_ptr<mlir::Pass> createCanonicalizeGraphPass(PassContext &context);
std::unique_ptr<mlir::Pass> createSimplifyMovementPass(PassContext &context);
std::unique_ptr<mlir::Pass> createFoldBatchNormPass(PassContext &context);
std::unique_ptr<mlir::Pass> createSinkScalesPass(PassContext &context);
std::unique_ptr<mlir::Pass> createFoldConstantsPass(PassContext &context);
std::unique_ptr<mlir::Pass> createSetPrecisionPass(PassContext &context);
std::unique_ptr<mlir::Pass> createFuseRegionsPass(PassContext &context);
std::unique_ptr<mlir::Pass> createNarrowStoragePass(PassContext &context);
std::unique_ptr<mlir::Pass> createAssignStoragePass(PassContext &context);

/// Makes every pass known to the pass registry (for dlc-opt), all with this context.
void registerGraphPasses(PassContext &context);

} // namespace dlc::graph
