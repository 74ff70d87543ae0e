// What each graph op computes, on tensors. The names and meanings are those of graph.td; arguments with wrong
// dims or ranges throw Failure.
#pragma once

#include "ir/graph/graph.h"
#include "ir/interp/tensor.h"

#include <optional>

namespace dlc::interp {

//===- Movement (movement.cpp) -------------------------------------------------===//

Tensor fill(const Tensor &scalar, DimsRef dims);
Tensor iota(DType dtype, DimsRef dims, int64_t dim);
Tensor broadcast(const Tensor &operand, DimsRef dims, DimsRef map);
Tensor transpose(const Tensor &operand, DimsRef perm);
Tensor slice(const Tensor &operand, DimsRef offsets, DimsRef steps, DimsRef sizes);
Tensor pad(const Tensor &operand, const Tensor &value, DimsRef low, DimsRef high);
Tensor concat(llvm::ArrayRef<Tensor> operands, int64_t axis);
Tensor gather(const Tensor &operand, const Tensor &indices, int64_t axis, int64_t batchDims);

//===- Reductions (reduce.cpp, window.cpp) ----------------------------------------===//

/// Combines accumulators with elements, both one tensor per operand and of equal dims; returns the new
/// accumulators.
using Combine =
    llvm::function_ref<std::vector<Tensor>(llvm::ArrayRef<Tensor> sums, llvm::ArrayRef<Tensor> elements)>;

/// Reduction by any combiner; `inits` have rank 0.
std::vector<Tensor> reduce(llvm::ArrayRef<Tensor> operands, llvm::ArrayRef<Tensor> inits, DimsRef dims,
                           Combine combine);
/// Reduction by a named combiner of one operand (not ArgMax, ArgMin), element after element in row-major
/// order.
Tensor reduceNamed(const Tensor &operand, const Tensor &init, DimsRef dims, graph::Combiner combiner);

struct WindowShape {
  DimsRef size, strides, dilations, low, high;
};
Tensor window(const Tensor &operand, const Tensor &init, const WindowShape &shape, DimsRef resultDims,
              Combine combine);
Tensor windowNamed(const Tensor &operand, const Tensor &init, const WindowShape &shape, DimsRef resultDims,
                   graph::Combiner combiner);

//===- Contractions (contract.cpp) ---------------------------------------------------===//

struct DotShape {
  DimsRef lhsBatch, rhsBatch, lhsContract, rhsContract;
};
/// Sums have the operands' type, integers of at most 32 bits I32. `tf32` rounds float operands first.
Tensor dot(const Tensor &lhs, const Tensor &rhs, const DotShape &shape, bool tf32);

struct ConvShape {
  DimsRef strides, dilations, low, high;
  int64_t groups;
};
Tensor conv(const Tensor &input, const Tensor &filter, const ConvShape &shape, bool tf32);

} // namespace dlc::interp
