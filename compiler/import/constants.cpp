// Constants: initializers as entries of the weights table, known elements as inline constants.
#include "compiler/import/importer.h"

using namespace mlir;

namespace dlc::import {

/// Up to this many elements stand inline in the module.
constexpr int64_t maxInline = 64;

const Host *Importer::host(const Tensor &tensor) {
  Tensor::State &state = tensor.shared();
  if (state.host || !state.source) return state.host.get();
  if (tensor.elementCount() > maxHostElements) return nullptr;
  auto payload = file.payload(*state.source);
  std::optional<Host> decoded;
  if (auto *span = std::get_if<WeightsTable::Span>(&payload)) {
    llvm::StringRef bytes = span->file->getBuffer().substr(span->offset, span->length);
    decoded = decodeHost(state.type, {bytes.data(), bytes.size()});
  } else if (auto *bytes = std::get_if<std::vector<char>>(&payload)) {
    decoded = decodeHost(state.type, *bytes);
  }
  if (decoded) state.host = std::make_shared<Host>(std::move(*decoded));
  return state.host.get();
}

Value Importer::materialize(const Tensor &tensor) {
  Tensor::State &state = tensor.shared();
  if (state.unknown || state.missing) throw Refusal{Code::E0204, "an operand has no value", ""};
  if (!state.value) {
    const Host *known = nullptr;
    if (!state.source || tensor.elementCount() <= maxInline) known = host(tensor);
    state.value = known ? fromHost(tensor, *known) : weight(tensor);
  }
  return state.value;
}

Value Importer::weight(const Tensor &tensor) {
  const onnx::TensorProto &proto = *tensor.shared().source;
  SmallVector<int64_t> dims(proto.dims().begin(), proto.dims().end());
  std::string given = tensor.shared().name.empty() ? proto.name() : tensor.shared().name;
  std::string name = out.weights.freeName(given.empty() ? "constant" : printable(given));
  Location loc = NameLoc::get(builder.getStringAttr(name));
  DType type = storageType(tensor.type());
  auto payload = file.payload(proto);
  llvm::Error error = llvm::Error::success();
  if (auto *span = std::get_if<WeightsTable::Span>(&payload)) {
    error = out.weights.addSpan(name, type, dims, *span);
  } else if (auto *bytes = std::get_if<std::vector<char>>(&payload)) {
    error = out.weights.addBytes(name, type, dims, std::move(*bytes));
  }
  if (error) throw Refusal{Code::E0206, llvm::toString(std::move(error)), ""};
  auto resultType = graph::tensorType(tensor.dims(), elementType(tensor.type(), &context));
  return graph::ConstantOp::create(builder, loc, resultType, graph::WeightAttr::get(&context, name));
}

/// All elements constant: a fill, an inline constant, or owned bytes of the weights table.
Value Importer::constantElements(const Tensor &tensor, const Host &host) {
  Location loc = builder.getUnknownLoc();
  Type type = elementType(tensor.type(), &context);
  int64_t count = tensor.elementCount();
  bool floats = isFloat(tensor.type());
  auto integer = [&](int64_t i) { return *host.ints[i].constantValue(); };
  auto sameAsFirst = [&](int64_t i) {
    return floats ? llvm::bit_cast<uint64_t>(host.floats[i]) == llvm::bit_cast<uint64_t>(host.floats[0])
                  : integer(i) == integer(0);
  };
  bool splat = true;
  for (int64_t i = 1; i < count && splat; ++i) splat = sameAsFirst(i);
  if (splat) {
    if (floats) return graph::fill(builder, loc, tensor.dims(), type, count ? host.floats[0] : 0);
    return graph::fillInt(builder, loc, tensor.dims(), type, count ? integer(0) : 0);
  }
  SmallVector<Attribute> elements;
  for (int64_t i = 0; i < count; ++i) {
    if (floats)
      elements.push_back(graph::scalarAttr(type, host.floats[i]));
    else
      elements.push_back(IntegerAttr::get(type, APInt(type.getIntOrFloatBitWidth(), integer(i), true, true)));
  }
  auto resultType = graph::tensorType(tensor.dims(), type);
  if (count <= maxInline)
    return graph::ConstantOp::create(builder, loc, resultType, DenseElementsAttr::get(resultType, elements));
  std::vector<char> bytes;
  size_t size = byteSize(storageType(tensor.type()));
  for (Attribute element : elements) {
    auto number = dyn_cast<FloatAttr>(element);
    uint64_t bits = number ? number.getValue().bitcastToAPInt().getZExtValue()
                           : cast<IntegerAttr>(element).getValue().getZExtValue();
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(bits >> (8 * i)));
  }
  SmallVector<int64_t> dims;
  for (const Dim &dim : tensor.dims()) dims.push_back(*dim.constantValue());
  std::string name = out.weights.freeName("folded");
  if (auto error = out.weights.addBytes(name, storageType(tensor.type()), dims, std::move(bytes)))
    throw Refusal{Code::E0206, llvm::toString(std::move(error)), ""};
  return graph::ConstantOp::create(builder, loc, resultType, graph::WeightAttr::get(&context, name));
}

Value Importer::fromHost(const Tensor &tensor, const Host &host) {
  bool constant = llvm::all_of(host.ints, [](const Dim &dim) { return dim.isConstant(); });
  if (constant) return constantElements(tensor, host);
  // Dims as data: one dim_value per element.
  Emit e(builder, builder.getUnknownLoc(), symbols);
  Type type = elementType(tensor.type(), &context);
  if (llvm::all_of(host.ints, [&](const Dim &dim) { return dim == host.ints[0]; }))
    return e.to(e.dimValue(host.ints[0], type), tensor.dims());
  SmallVector<Value> parts;
  for (const Dim &dim : host.ints) parts.push_back(e.reshape(e.dimValue(dim, type), {Dim(1)}));
  return e.reshape(e.concat(parts, 0), tensor.dims());
}

} // namespace dlc::import
