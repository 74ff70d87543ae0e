//===- split_fragment.h - fp32 fragments as sums of tf32 ones ------------------===//
//
// A product of fp32 factors is three of tf32: low * high + high * low + high * high, in this order. The
// product of two rests, below 2^-22 of the whole, is left out.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_PASSES_SCHEDULE_SPLIT_FRAGMENT_H
#define DLC_PASSES_SCHEDULE_SPLIT_FRAGMENT_H

#include "mlir/IR/Builders.h"

namespace dlc::schedule {

struct SplitFragment {
  mlir::Value high; ///< rounded to tf32, nearest
  mlir::Value low;  ///< what that leaves; zero for infinities
};

/// `x`: a tile of f32. `high` + `low` is `x` exactly where it is finite; the product cuts `low` to tf32.
SplitFragment splitFragment(mlir::OpBuilder &b, mlir::Location location, mlir::Value x);

/// `x` with infinities replaced by zero: for the products with a rest, which may be zero (inf * 0 is NaN).
mlir::Value finiteFragment(mlir::OpBuilder &b, mlir::Location location, mlir::Value x);

} // namespace dlc::schedule

#endif
