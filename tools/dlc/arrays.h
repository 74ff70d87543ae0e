// Arrays of .npz files as tensors of the interpreter, and back.
#pragma once

#include "ir/interp/interpreter.h"
#include "tools/npz/npz.h"

namespace dlc::tool {

/// A value of a model as files see it: what MLIR's signless types leave out is the sign.
struct FileType {
  DType dtype;
  bool isUnsigned = false;

  /// NumPy's text: "<f4", "|u1", "<V2" for bf16, "|V1" for what has no text.
  std::string descr() const;
  /// "u8", "f32".
  std::string name() const;
};

/// The type of argument or result `index` of a model's main function.
FileType argumentType(mlir::func::FuncOp main, unsigned index);
FileType resultType(mlir::func::FuncOp main, unsigned index);

/// The name that the model gives it; `arg0` or `result0` when it has none.
std::string argumentName(mlir::func::FuncOp main, unsigned index);
std::string resultName(mlir::func::FuncOp main, unsigned index);

/// The tensor that an array holds when the model declares `type`; a float array also when it is declared as
/// another float type. Returns an error message.
std::string toTensor(const npz::Array &array, FileType type, interp::Tensor &tensor);

/// A row-major array of a tensor whose dtype is `type.dtype`, or F64 for any float type.
npz::Array toArray(const interp::Tensor &tensor, FileType type);

} // namespace dlc::tool
