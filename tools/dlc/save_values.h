// dlc model.onnx --save-values DIR --inputs F.npz: what every region reads and writes, by plan buffer name.
#pragma once

#include "compiler/compile.h"
#include "ir/graph/graph.h"
#include "ir/interp/interpreter.h"

namespace dlc::tool {

/// Interprets a model that consists of regions and writes DIR/<op>.npz for each op of its plan: one array per
/// operand that is no weight, and one per result. False with a diagnostic on failure.
bool saveValues(GraphModule &model, const plan::Plan &plan, const std::string &inputs,
                const std::string &folder, interp::FloatMode mode, Diagnostics &diagnostics);

} // namespace dlc::tool
