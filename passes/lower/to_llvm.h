// From thread-level code to the llvm dialect.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace dlc::lower {

/// Gives scalar arithmetic its total meaning (graph.td) and expands maths to what NVPTX can select.
mlir::LogicalResult expandScalars(mlir::ModuleOp module);

/// scf, arith, math, func -> llvm; functions with `tile.warps` become kernels.
mlir::LogicalResult lowerToLLVM(mlir::ModuleOp module);

} // namespace dlc::lower
