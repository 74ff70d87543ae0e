// Turns clusters into graph.region ops.
#pragma once

#include "passes/graph/fusion/cluster_graph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dlc::graph::fusion {

/// Replaces the function's ops by one region per cluster, in an order of execution, with unique names.
/// Results that no op computes (an argument, a constant, a fill) get a region that copies them. Fails,
/// changing nothing, when the clusters can't be ordered.
mlir::LogicalResult emitRegions(const ClusterGraph &graph, mlir::func::FuncOp function);

} // namespace dlc::graph::fusion
