#include "passes/graph/passes.h"

namespace dlc::graph {

void registerGraphPasses(PassContext &context) {
  mlir::registerPass([&] { return createCanonicalizeGraphPass(context); });
  mlir::registerPass([&] { return createSimplifyMovementPass(context); });
  mlir::registerPass([&] { return createFoldBatchNormPass(context); });
  mlir::registerPass([&] { return createFuseRegionsPass(context); });
}

} // namespace dlc::graph
