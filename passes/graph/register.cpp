#include "passes/graph/passes.h"
#include "passes/graph/pipeline.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace dlc::graph {

void registerGraphPasses(PassContext &context) {
  for (auto create : {createCanonicalizeGraphPass, createSetPrecisionPass, createSimplifyMovementPass,
                      createFoldBatchNormPass, createSinkScalesPass, createFoldConstantsPass,
                      createFuseRegionsPass, createNarrowStoragePass, createAssignStoragePass})
    mlir::registerPass([&context, create] { return create(context); });
  // The whole level, as dlc runs it.
  mlir::registerPassPipeline(
      "graph-pipeline", "every pass from an imported module to regions",
      [&context](mlir::OpPassManager &manager, llvm::StringRef,
                 llvm::function_ref<mlir::LogicalResult(const llvm::Twine &)>) {
        buildGraphPipeline(manager, context);
        return mlir::success();
      },
      [](llvm::function_ref<void(const mlir::detail::PassOptions &)>) {});
}

} // namespace dlc::graph
