#include "compiler/import/value.h"
#include "ir/graph/graph.h"

namespace dlc::import {

Tensor::Tensor(mlir::Value value, DataType type) : state(std::make_shared<State>()) {
  state->type = type;
  auto dims = graph::dimsOf(value);
  state->dims.assign(dims.begin(), dims.end());
  state->value = value;
}

Tensor::Tensor(DataType type, Dims dims, Host host) : state(std::make_shared<State>()) {
  state->type = type;
  state->dims = std::move(dims);
  state->host = std::make_shared<Host>(std::move(host));
}

Tensor::Tensor(DataType type, Dims dims, const onnx::TensorProto *source) : state(std::make_shared<State>()) {
  state->type = type;
  state->dims = std::move(dims);
  state->source = source;
}

Tensor Tensor::unknown() {
  Tensor result;
  result.state = std::make_shared<State>();
  result.state->unknown = true;
  return result;
}

Tensor Tensor::missing() {
  Tensor result;
  result.state = std::make_shared<State>();
  result.state->missing = true;
  return result;
}

bool Tensor::hasStaticDims() const {
  return llvm::all_of(state->dims, [](const Dim &dim) { return dim.isConstant(); });
}

int64_t Tensor::elementCount() const {
  int64_t count = 1;
  for (const Dim &dim : state->dims)
    if (__builtin_mul_overflow(count, *dim.constantValue(), &count)) return INT64_MAX;
  return count;
}

} // namespace dlc::import
