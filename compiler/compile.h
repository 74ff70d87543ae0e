// The story of a compile: graph -> regions -> kernels -> PTX and plan -> artifact.
#pragma once

#include "compiler/artifact/artifact.h"
#include "compiler/dump.h"
#include "compiler/phases.h"
#include "ir/graph/graph_module.h"
#include "ir/support/diagnostic.h"
#include "passes/options.h"

#include <functional>
#include <set>

namespace dlc {

struct CompileRequest {
  std::string output;        ///< path of the artifact
  std::optional<Level> emit; ///< stop there and give the text instead of an artifact
  ArtifactInfo info;
  unsigned threads = 1; ///< on which kernels are compiled side by side
  bool lines = false;   ///< the PTX has lines of a graph text that is written beside it
  /// Sees the plan before the artifact is written; false (it has reported why) leaves nothing written.
  std::function<bool(const plan::Plan &)> beforeWriting;
};

struct CompileResult {
  explicit CompileResult(std::string dumpFolder = "") : dump(std::move(dumpFolder)) {}

  std::string text; ///< of the level asked for
  std::string hash; ///< of the artifact
  size_t regions = 0, kernels = 0;
  plan::Plan plan;
  Phases phases;
  DumpFolder dump; ///< receives the levels that are reached
};

/// Dialects and translations that a compile needs; all are loaded before it starts.
void registerDialects(mlir::DialectRegistry &registry);
/// The same, loaded into the context.
void prepareContext(mlir::MLIRContext &context);

/// Runs the graph passes: afterwards the model consists of regions. False with a diagnostic on failure.
bool runGraphPasses(GraphModule &model, PassContext &context, CompileResult &result,
                    Diagnostics &diagnostics);

/// Compiles a model whose main function consists of regions (see passes/graph). False with a diagnostic on
/// failure.
bool compileRegions(GraphModule &model, const CompileRequest &request, PassContext &context,
                    CompileResult &result, Diagnostics &diagnostics);

} // namespace dlc
