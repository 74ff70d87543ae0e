#include "passes/graph/pipeline.h"
#include "passes/graph/passes.h"

#include "mlir/Transforms/Passes.h"

namespace dlc::graph {
namespace {

/// Adds passes unless they are switched off.
class Pipeline {
public:
  Pipeline(mlir::OpPassManager &manager, PassContext &context) : manager(manager), context(context) {}

  void add(std::unique_ptr<mlir::Pass> pass) {
    std::string name = pass->getArgument().str();
    if (context.options.isEnabled(name)) return manager.addPass(std::move(pass));
    if (reported.insert(name).second)
      context.remarks.add({Remark::Kind::Disabled, name, name, "", name, "switched off by --disable", {}});
  }

private:
  mlir::OpPassManager &manager;
  PassContext &context;
  std::set<std::string> reported;
};

} // namespace

void buildGraphPipeline(mlir::OpPassManager &manager, PassContext &context) {
  Pipeline pipeline(manager, context);

  // First what does nothing, so that every later pass matches fewer forms.
  pipeline.add(createCanonicalizeGraphPass(context));
  // Equal masks, shapes and casts are written once per layer; one of each is left for fusion to repeat where
  // that is cheaper.
  manager.addPass(mlir::createCSEPass());

  // fp32 and tf32 change what ops compute in, so they come before anything looks at types. (fp16 and bf16 are
  // a matter of what is stored: narrow-storage below.)
  pipeline.add(createSetPrecisionPass(context));

  // Movement before batch norms: scales become vectors along channels, and transposes leave the weights.
  pipeline.add(createSimplifyMovementPass(context));
  pipeline.add(createFoldBatchNormPass(context));
  pipeline.add(createSinkScalesPass(context));
  pipeline.add(createCanonicalizeGraphPass(context));

  // After everything that leaves work on weights behind.
  pipeline.add(createFoldConstantsPass(context));
  pipeline.add(createCanonicalizeGraphPass(context));
  manager.addPass(mlir::createCSEPass());

  // Last to see single ops.
  manager.addPass(createFuseRegionsPass(context));

  // Only now is it known which tensors are stored at all; casts that it puts on weights become recipes.
  pipeline.add(createNarrowStoragePass(context));
  // Needs the elements that are stored; transposes that it puts on weights become recipes, too.
  pipeline.add(createAssignStoragePass(context));
  pipeline.add(createFoldConstantsPass(context));
}

} // namespace dlc::graph
