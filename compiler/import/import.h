// ONNX to graph level: the one entrance.
#pragma once

#include "ir/graph/graph_module.h"
#include "ir/support/diagnostic.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class MLIRContext;
}

namespace dlc {

/// What a symbolic dim may be at run time.
struct SymbolRange {
  int64_t min = 1, max = (int64_t(1) << 31) - 1, multiple = 1;
};

struct ImportOptions {
  std::map<std::string, SymbolRange> dims; ///< by symbol name; min == max makes the dim static
  std::map<std::string, std::string> sets; ///< input name -> value to bake in: `3`, `0.5`, `true`, `[1, 2]`
  bool readWeights = true;                 ///< false: external data files are not opened (`dlc check`)
};

/// A node that cannot be imported, and why.
struct NodeIssue {
  std::string path, op; ///< node path; operator with its domain
  Code code;
  std::string reason;
};

/// What was found in a model, also when it is refused.
struct ImportReport {
  size_t nodes = 0; ///< nodes of the top graph
  std::vector<NodeIssue> issues;
};

/// Reads `NAME=lo..hi[:multiple]` or `NAME=value` into `options.dims`, and `INPUT=VALUE` into `options.sets`.
/// False with a diagnostic when the text has another form.
bool parseDimOption(const std::string &text, ImportOptions &options, Diagnostics &diagnostics);
bool parseSetOption(const std::string &text, ImportOptions &options, Diagnostics &diagnostics);

/// Imports the model at `path`. The module holds `graph.symbol` ops and `func.func @main`; see ir/README.md.
/// Attributes of the module: `graph.guards` (array of {lhs, rhs, message}: dims that a run must find equal)
/// and `graph.sets`; of arguments and results: `graph.name`, and `graph.unsigned` on unsigned integers.
/// Nothing and at least one error in `diagnostics` when the model is refused; everything unsupported is
/// reported at once. `context` needs no dialects loaded; the caller keeps it alive.
std::optional<GraphModule> importOnnx(const std::string &path, const ImportOptions &options,
                                      mlir::MLIRContext &context, Diagnostics &diagnostics,
                                      ImportReport *report = nullptr);

/// As importOnnx for a model that is in memory; `folder` is where external data is looked for.
std::optional<GraphModule> importOnnxBuffer(std::shared_ptr<const llvm::MemoryBuffer> buffer,
                                            const std::string &folder, const ImportOptions &options,
                                            mlir::MLIRContext &context, Diagnostics &diagnostics,
                                            ImportReport *report = nullptr);

} // namespace dlc
