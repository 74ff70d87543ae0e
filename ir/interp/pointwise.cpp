#include "ir/interp/pointwise.h"

#include "ir/interp/numerics.h"
#include "ir/interp/parallel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

namespace dlc::interp {
namespace {

/// Elements of one run (its operands and result stay in the first-level cache), and runs per task.
constexpr int64_t runLength = 1024, runsPerTask = 16;

/// result = condition ? a : b, for elements of any type of this size.
template <typename T> void select(const Chunk &c, int) {
  auto *condition = static_cast<const uint8_t *>(c.in[0]);
  auto *a = static_cast<const T *>(c.in[1]), *b = static_cast<const T *>(c.in[2]);
  for (int64_t i = 0; i < c.n; ++i) static_cast<T *>(c.out)[i] = condition[i] ? a[i] : b[i];
}

Kernel selectKernel(DType type) {
  switch (byteSize(type)) {
  case 1:
    return {select<uint8_t>};
  case 2:
    return {select<uint16_t>};
  case 4:
    return {select<uint32_t>};
  default:
    return {select<uint64_t>};
  }
}

Dims commonDims(llvm::ArrayRef<Tensor> operands) {
  const Tensor *widest = &operands[0];
  for (const Tensor &operand : operands)
    if (operand.rank() > widest->rank()) widest = &operand;
  for (const Tensor &operand : operands)
    if (operand.rank() && operand.dims() != widest->dims())
      throw Failure("operand dims differ: " + str(operand.dims()) + " and " + str(widest->dims()));
  return Dims(widest->dims());
}

} // namespace

Kernel findKernel(mlir::Operation *op, const PointwiseTypes &types) {
  if (llvm::isa<mlir::arith::SelectOp>(op)) return selectKernel(types.result);
  if (Kernel kernel = castKernel(op, types)) return kernel;
  return isFloat(types.irOperand) ? floatKernel(op, types) : integerKernel(op, types);
}

Tensor runPointwise(const Kernel &kernel, llvm::ArrayRef<Tensor> operands, DType result,
                    llvm::function_ref<void(void *values, int64_t n)> finish) {
  Dims dims = commonDims(operands);
  Tensor out(result, dims);
  llvm::SmallVector<Tensor, 3> inputs;
  for (const Tensor &operand : operands)
    inputs.push_back(operand.rank() || dims.empty() ? operand
                                                    : operand.restrided(dims, Dims(dims.size(), 0)));
  auto runOne = [&](int64_t begin, int64_t n) {
    alignas(64) char scratch[3][runLength * 8];
    Chunk chunk{{}, out.bytes() + begin * byteSize(result), n};
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].isContiguous()) {
        chunk.in[i] = inputs[i].bytes() + begin * byteSize(inputs[i].dtype());
        continue;
      }
      inputs[i].copyRange(begin, n, scratch[i]);
      chunk.in[i] = scratch[i];
    }
    kernel.run(chunk, kernel.parameter);
    if (finish) finish(chunk.out, n);
  };
  int64_t taskLength = runLength * runsPerTask;
  parallelFor(llvm::divideCeil(out.count(), taskLength), [&](int64_t task) {
    int64_t end = std::min((task + 1) * taskLength, out.count());
    for (int64_t begin = task * taskLength; begin < end; begin += runLength)
      runOne(begin, std::min(runLength, end - begin));
  });
  return out;
}

} // namespace dlc::interp
