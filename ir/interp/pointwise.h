// The pointwise ops: `arith` and `math` on tensors, and on scalars inside combiners.
#pragma once

#include "ir/interp/tensor.h"

#include "mlir/IR/Operation.h"

namespace dlc::interp {

/// A run of elements: inputs and output as contiguous arrays.
struct Chunk {
  const void *in[3];
  void *out;
  int64_t n;
};

/// One op for one choice of storage types; `parameter` is what the kernel needs to know of the op (bits of an
/// integer, relations of a comparison).
struct Kernel {
  void (*run)(const Chunk &, int parameter) = nullptr;
  int parameter = 0;
  explicit operator bool() const { return run; }
};

/// The types of an op's operands and result: in the IR, and of the bytes.
struct PointwiseTypes {
  DType irOperand, irResult;
  DType operand, result;
};

Kernel floatKernel(mlir::Operation *op, const PointwiseTypes &types);
Kernel integerKernel(mlir::Operation *op, const PointwiseTypes &types);
Kernel castKernel(mlir::Operation *op, const PointwiseTypes &types);

/// The kernel of any pointwise op; empty when the op is not known.
Kernel findKernel(mlir::Operation *op, const PointwiseTypes &types);

/// Runs a kernel over tensors of equal dims (rank 0 stands for any dims). `finish`, if given, is applied to
/// each run of results while it is in cache.
Tensor runPointwise(const Kernel &kernel, llvm::ArrayRef<Tensor> operands, DType result,
                    llvm::function_ref<void(void *values, int64_t n)> finish = nullptr);

} // namespace dlc::interp
