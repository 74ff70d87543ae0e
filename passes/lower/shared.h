// Shared memory of a kernel: stages, copies into them, fragments out of them.
#pragma once

#include "ir/tile/dot_kinds.h"
#include "passes/lower/thread_builder.h"

namespace dlc::lower {

/// Bytes of one stage.
int64_t stageBytes(tile::SharedType type);

/// The address of a buffer at `offset` bytes of the kernel's dynamic shared memory.
mlir::Value sharedBuffer(ThreadBuilder &t, mlir::func::FuncOp kernel, int64_t offset);
/// The address of a stage.
mlir::Value stageAddress(ThreadBuilder &t, tile::SharedType type, mlir::Value buffer, mlir::Value stage);

/// Copies a stage from global memory; all threads of the CTA take part (tile.copy).
void copyStage(ThreadBuilder &t, Access access, tile::SharedType type, mlir::Value stage, bool byRows);
/// Stores registers of `layout` into a stage, its dims exchanged if `transposed`.
void fillStage(ThreadBuilder &t, const Layout &layout, llvm::ArrayRef<mlir::Value> values,
               tile::SharedType type, mlir::Value stage, bool transposed = false);
/// Reads a tile of `layout` whose first row is row `row` (any integer type) of a stage.
Registers readStage(ThreadBuilder &t, const Layout &layout, tile::SharedType type, mlir::Value stage,
                    mlir::Value row);
void waitForCopies(ThreadBuilder &t, int64_t groups);

Registers loadFragment(ThreadBuilder &t, const Layout &layout, tile::SharedType type, mlir::Value stage,
                       int64_t row, int64_t column, bool transposed);
Registers multiply(ThreadBuilder &t, tile::DotOp op, llvm::ArrayRef<mlir::Value> a,
                   llvm::ArrayRef<mlir::Value> b, llvm::ArrayRef<mlir::Value> c);

} // namespace dlc::lower
