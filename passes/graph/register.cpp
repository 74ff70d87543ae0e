#include "passes/graph/passes.h"

namespace dlc::graph {

void registerGraphPasses(PassContext &context) {
  mlir::registerPass([&] { return createFuseRegionsPass(context); });
}

} // namespace dlc::graph
