#include "compiler/import/node.h"
#include "compiler/import/importer.h"

namespace dlc::import {

Node::Node(Importer &importer, Scope &scope, const onnx::NodeProto &proto, std::string path, int opset,
           Emit e)
    : importer(importer), scope(scope), proto(proto), path(std::move(path)), opset(opset), e(std::move(e)) {
  for (const auto &attribute : proto.attribute()) {
    const onnx::AttributeProto *target = &attribute;
    if (!attribute.ref_attr_name().empty()) {
      if (!scope.call)
        fail(Code::E0207, "attribute `" + attribute.name() + "` refers to a function's, outside of one");
      auto found = scope.call->find(attribute.ref_attr_name());
      if (found == scope.call->end()) continue; // absent in the call: absent here
      target = found->second;
    }
    if (!attributes.emplace(attribute.name(), target).second)
      fail(Code::E0304, "attribute `" + attribute.name() + "` is given twice");
  }
}

//===- Inputs -------------------------------------------------------------------===//

bool Node::has(size_t i) const {
  if (i >= inputCount() || proto.input(static_cast<int>(i)).empty()) return false;
  return !importer.lookup(scope, proto.input(static_cast<int>(i))).isMissing();
}

const Tensor &Node::in(size_t i) const {
  if (!has(i)) fail(Code::E0302, "input " + std::to_string(i) + " is missing");
  return importer.lookup(scope, proto.input(static_cast<int>(i)));
}

Value Node::value(const Tensor &tensor) const { return importer.materialize(tensor); }
mlir::Type Node::elementType(DataType type) const { return import::elementType(type, e.b.getContext()); }
const Host *Node::host(const Tensor &tensor) const { return importer.host(tensor); }

std::vector<Dim> Node::dimsInput(size_t i, const char *what) const {
  const Tensor &tensor = in(i);
  if (!isInteger(tensor.type()))
    fail(Code::E0303, std::string(what) + " must be integers, not " + typeName(tensor.type()));
  if (tensor.rank() > 1) fail(Code::E0305, std::string(what) + " must have at most one dim");
  const Host *known = host(tensor);
  if (!known)
    fail(Code::E0306, std::string(what) + " (`" + proto.input(int(i)) + "`) must be known at compile time");
  return known->ints;
}

std::vector<int64_t> Node::intsInput(size_t i, const char *what) const {
  std::vector<int64_t> result;
  for (const Dim &dim : dimsInput(i, what)) {
    auto value = dim.constantValue();
    if (!value) fail(Code::E0306, std::string(what) + " depends on " + dim.str() + " and must be constant");
    result.push_back(*value);
  }
  return result;
}

double Node::floatInput(size_t i, const char *what) const {
  const Host *known = host(i);
  if (known && known->floats.size() == 1) return known->floats[0];
  if (known && known->ints.size() == 1 && known->ints[0].isConstant())
    return double(*known->ints[0].constantValue());
  fail(Code::E0306, std::string(what) + " must be one number known at compile time");
}

//===- Attributes -----------------------------------------------------------------===//

const onnx::AttributeProto *Node::find(const char *name) const {
  used.insert(name);
  auto found = attributes.find(name);
  return found == attributes.end() ? nullptr : found->second;
}

const onnx::AttributeProto *Node::find(const char *name, onnx::AttributeProto::AttributeType type) const {
  const onnx::AttributeProto *attribute = find(name);
  // Files of the first IR versions have no type: the field that is set speaks for itself.
  if (attribute && attribute->has_type() && attribute->type() != type)
    fail(Code::E0304, std::string("attribute `") + name + "` has the wrong type");
  return attribute;
}

static const std::string missing(const char *name) {
  return std::string("attribute `") + name + "` is missing";
}

int64_t Node::intAttr(const char *name, std::optional<int64_t> fallback) const {
  const auto *attribute = find(name, onnx::AttributeProto::INT);
  if (!attribute && !fallback) fail(Code::E0304, missing(name));
  return attribute ? attribute->i() : *fallback;
}

double Node::floatAttr(const char *name, std::optional<double> fallback) const {
  const auto *attribute = find(name, onnx::AttributeProto::FLOAT);
  if (!attribute && !fallback) fail(Code::E0304, missing(name));
  return attribute ? double(attribute->f()) : *fallback;
}

std::string Node::stringAttr(const char *name, const std::string &fallback) const {
  const auto *attribute = find(name, onnx::AttributeProto::STRING);
  return attribute ? attribute->s() : fallback;
}

std::optional<std::vector<int64_t>> Node::intsAttr(const char *name) const {
  const auto *attribute = find(name, onnx::AttributeProto::INTS);
  if (!attribute) return std::nullopt;
  return std::vector<int64_t>(attribute->ints().begin(), attribute->ints().end());
}

std::optional<std::vector<double>> Node::floatsAttr(const char *name) const {
  const auto *attribute = find(name, onnx::AttributeProto::FLOATS);
  if (!attribute) return std::nullopt;
  return std::vector<double>(attribute->floats().begin(), attribute->floats().end());
}

const onnx::TensorProto *Node::tensorAttr(const char *name) const {
  const auto *attribute = find(name, onnx::AttributeProto::TENSOR);
  return attribute ? &attribute->t() : nullptr;
}

const onnx::GraphProto &Node::graphAttr(const char *name) const {
  const auto *attribute = find(name, onnx::AttributeProto::GRAPH);
  if (!attribute) fail(Code::E0304, missing(name));
  return attribute->g();
}

std::string Node::unusedAttr() const {
  for (const auto &[name, attribute] : attributes)
    if (!used.count(name)) return name;
  return "";
}

//===- Checks -----------------------------------------------------------------------===//

int64_t Node::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    fail(Code::E0304,
         "axis " + std::to_string(axis) + " is outside a tensor of rank " + std::to_string(rank));
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> Node::axes(const std::vector<int64_t> &list, int64_t rank) const {
  std::set<int64_t> sorted;
  for (int64_t each : list)
    if (!sorted.insert(axis(each, rank)).second)
      fail(Code::E0304, "axis " + std::to_string(each) + " is given twice");
  return std::vector<int64_t>(sorted.begin(), sorted.end());
}

} // namespace dlc::import
