// Runs graph-level functions on concrete tensors: the meaning of the IR, executable.
//
// Constant folding, the check of passes, `dlc interpret` and the references of all numeric tests are this.
// Every op of the graph dialect and the pointwise ops of `arith` and `math` are known; what is not is an
// error that names the op, like every precondition that the input breaks.
//
// Float modes decide what a float tensor of the IR is here:
//   F64         double, whatever its element type; conversions between widths of 16 bits and more change
//   nothing,
//               those to narrower types (quantisation) still round. The reference for errors.
//   F32         its element type: each op computes in fp32 (f64 tensors: fp64) and rounds to that type; sums
//   are
//               sequential in fp32. The meaning of the IR to the letter.
//   F16Rounded  fp32 arithmetic as in F32, every float type taken as fp32; weights, and each value that
//   leaves
//               its ONNX node (its location differs from a user's, or it is returned), are rounded to fp16.
//               Finite constants past fp16's range become its largest value.
#pragma once

#include "ir/graph/graph_module.h"
#include "ir/interp/tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>
#include <map>

namespace dlc::interp {

enum class FloatMode { F64, F32, F16Rounded };

struct Options {
  FloatMode mode = FloatMode::F32;
  /// Values of symbolic dims. run() adds what the inputs' dims say; evaluate() knows only these.
  std::map<std::string, int64_t> symbols;
  /// Called with each value of a function's or region's body as it is computed, and with block arguments.
  std::function<void(mlir::Value, const Tensor &)> observe;
};

class Interpreter {
public:
  /// `weights` may be null for modules without `#graph.weight`; else it outlives results that are weights.
  Interpreter(const WeightsTable *weights, Options options) : weights(weights), options(std::move(options)) {}

  /// Calls a function. Inputs are row-major or strided tensors of the arguments' element types (floats of any
  /// width are converted); dims that are symbols are bound from them, all others must agree.
  llvm::Expected<std::vector<Tensor>> run(mlir::func::FuncOp function, llvm::ArrayRef<Tensor> inputs);

  /// Computes one op from its operands' values.
  llvm::Expected<std::vector<Tensor>> evaluate(mlir::Operation *op, llvm::ArrayRef<Tensor> operands);

  /// The values of the symbols, after run() those that the inputs bound too.
  const std::map<std::string, int64_t> &symbols() const { return options.symbols; }

private:
  friend class Evaluation;
  const WeightsTable *weights;
  Options options;
};

/// What a tensor of this IR type is stored as.
DType storageOf(DType irType, FloatMode mode);

/// The tensor in the IR's element type; in F64 mode floats stay double.
Tensor exported(const Tensor &tensor, mlir::Type irType, FloatMode mode);

} // namespace dlc::interp
