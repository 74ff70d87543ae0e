// The values of an ONNX graph while it is imported.
//
// A tensor is an SSA value, or elements that are known now ("host" elements), or both. Host elements are what
// shape arithmetic works on: integers are dim expressions, so Shape -> Gather -> Mul -> Concat -> Reshape
// ends in dims and leaves no op behind. An SSA value for host elements is made only when an operator asks for
// the data.
#pragma once

#include "compiler/import/types.h"
#include "ir/dims/dim.h"

#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <vector>

namespace dlc::onnx {
class TensorProto;
}

namespace dlc::import {

using Dims = llvm::SmallVector<Dim, 4>;

/// Elements known while importing, row-major: one of the lists, by the tensor's type.
struct Host {
  std::vector<Dim> ints;      ///< integers and bool
  std::vector<double> floats; ///< float types, already rounded to the type
};
/// More elements than this are never kept as host elements.
constexpr int64_t maxHostElements = 2048;

/// A handle; copies share the state, so an SSA value made for one use serves the next.
class Tensor {
public:
  Tensor() = default;
  /// A value computed at run time; its dims are those of its type.
  Tensor(mlir::Value value, DataType type);
  Tensor(DataType type, Dims dims, Host host);
  /// An initializer; `source` outlives the import. Its elements are read when they are asked for.
  Tensor(DataType type, Dims dims, const onnx::TensorProto *source);
  /// The result of a node that was refused.
  static Tensor unknown();
  /// An optional input that a function's call leaves out.
  static Tensor missing();

  explicit operator bool() const { return state != nullptr; }
  bool isUnknown() const { return state->unknown; }
  bool isMissing() const { return state->missing; }
  DataType type() const { return state->type; }
  const Dims &dims() const { return state->dims; }
  int64_t rank() const { return static_cast<int64_t>(state->dims.size()); }
  bool hasStaticDims() const;
  /// Elements, INT64_MAX when there are more; precondition: hasStaticDims().
  int64_t elementCount() const;

  struct State {
    bool unknown = false, missing = false;
    std::string name; ///< what a weight is called when its source has no name
    DataType type = DataType::Undefined;
    Dims dims;
    mlir::Value value;
    std::shared_ptr<const Host> host;
    const onnx::TensorProto *source = nullptr;
  };
  State &shared() const { return *state; }

private:
  std::shared_ptr<State> state;
};

} // namespace dlc::import
