// Bytes for the weights that IR text only names.
#pragma once

#include "ir/graph/weights.h"

#include "mlir/IR/BuiltinOps.h"

namespace dlc {

/// Adds an entry for each `graph.constant #graph.weight<"name">` of the module that the table lacks: values
/// from the name, so that the same text gives the same results everywhere. Floats are in [-1, 1), integers in
/// [0, 4). Makes the module the one whose functions the table's folds call.
void seedWeights(mlir::ModuleOp module, WeightsTable &weights);

} // namespace dlc
