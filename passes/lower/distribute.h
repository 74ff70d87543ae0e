// From tiles to threads.
#pragma once

#include "ir/tile/tile.h"

namespace dlc::lower {

/// Rewrites every function that holds tile ops into what one thread does: scalars, llvm memory ops, nvvm,
/// scf.
///
///   %t = tile.load %p at #graph.dims<"i0 + x0 * 256"> ... -> tensor<256xf32, #tile.layout<...>>
///   %u = arith.addf %t, %t : tensor<256xf32, ...>
/// becomes
///   %v = llvm.load %address : vector<4xi32> ...
///   %a = arith.addf %0, %0 : f32        (one per register of the layout)
///
/// Function attributes read: `tile.warps` (warps per CTA), `tile.index` (the type of coordinates, i32 or
/// i64); argument attributes `tile.range` = [lo, hi, multiple] give facts about integer arguments.
mlir::LogicalResult distribute(mlir::ModuleOp module);

} // namespace dlc::lower
