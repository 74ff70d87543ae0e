// The graph level's passes in their order.
#pragma once

#include "passes/options.h"

#include "mlir/Pass/PassManager.h"

namespace dlc::graph {

/// Adds every pass from an imported module to regions, less those that the options switch off (a remark says
/// so). `context` outlives the pass manager.
void buildGraphPipeline(mlir::OpPassManager &manager, PassContext &context);

} // namespace dlc::graph
