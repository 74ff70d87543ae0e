// Maths on scalars in terms of what NVPTX selects. No library is linked: expansions are made of arith, fma,
// sqrt and the approximate ex2 and rcp.
#pragma once

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"

namespace dlc::lower {

/// Expands the math ops on f32 and f64 that the backend cannot select; others stay.
/// Their errors and special values: test/passes/lower/maths_test.py.
void expandMaths(mlir::ModuleOp module);

/// integer ^ integer by squaring.
void expandIntegerPower(mlir::math::IPowIOp op);

} // namespace dlc::lower
