// Weights that are computed: recipes of kind "fold".
//
// A fold is a private function of the module, arguments = the recipe's inputs, one result = the entry:
//
//   func.func private @fold_3(%w: tensor<64x32xf32>) -> tensor<32x64xf32> { ... }
//   recipe: kind "fold", params "fold_3", inputs ["fc.weight"]
//
// so a module that is printed and read back keeps its recipes, and new weights only need them run again.
#pragma once

#include "ir/graph/graph_module.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dlc::interp {

/// Lets the table run the fold recipes that name functions of its module. The module outlives the table's
/// use.
void installFoldRunner(WeightsTable &weights, mlir::ModuleOp module);

/// A hash of what the function computes: its types and body, without its name and locations.
uint64_t foldMeaning(mlir::func::FuncOp function);

/// Adds the entry that `function` (of the module that installFoldRunner got) computes from `inputs`.
llvm::Error addFold(WeightsTable &weights, llvm::StringRef name, mlir::func::FuncOp function,
                    std::vector<std::string> inputs);

} // namespace dlc::interp
