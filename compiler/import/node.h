// What an operator function sees: one ONNX node with its inputs, attributes, results and a builder.
//
// An operator function reads inputs and attributes, builds ops with `e`, and calls result() once per output
// in order. It refuses what it does not support with fail(); a node path is added by the caller. README.md
// shows an example.
#pragma once

#include "compiler/import/emit.h"

#include "onnx.pb.h"

#include <map>
#include <set>

namespace dlc::import {

class Importer;
struct Scope;

class Node {
public:
  Node(Importer &importer, Scope &scope, const onnx::NodeProto &proto, std::string path, int opset, Emit e);

  Importer &importer;
  Scope &scope;
  const onnx::NodeProto &proto;
  const std::string path;
  const int opset; ///< version of the node's domain
  Emit e;

  [[noreturn]] void fail(Code code, const std::string &message, const std::string &help = "") const {
    throw Refusal{code, message, help};
  }

  //===- Inputs -------------------------------------------------------------===//
  size_t inputCount() const { return static_cast<size_t>(proto.input_size()); }
  /// Whether input i is given (optional inputs are left out at the end, or by an empty name).
  bool has(size_t i) const;
  /// Throws E0302 when the input is missing.
  const Tensor &in(size_t i) const;
  Value value(size_t i) const { return value(in(i)); }
  Value value(const Tensor &tensor) const;
  DataType type(size_t i) const { return in(i).type(); }
  const Dims &dims(size_t i) const { return in(i).dims(); }
  int64_t rank(size_t i) const { return in(i).rank(); }
  mlir::Type elementType(DataType type) const;

  /// Elements when they are known now; null otherwise.
  const Host *host(const Tensor &tensor) const;
  const Host *host(size_t i) const { return has(i) ? host(in(i)) : nullptr; }
  /// The integers of an input that shapes depend on; throws E0306 when they are not known.
  std::vector<Dim> dimsInput(size_t i, const char *what) const;
  /// The same where symbols are no use either.
  std::vector<int64_t> intsInput(size_t i, const char *what) const;
  /// One number.
  double floatInput(size_t i, const char *what) const;

  //===- Attributes -----------------------------------------------------------===//
  bool hasAttr(const char *name) const { return find(name) != nullptr; }
  int64_t intAttr(const char *name, std::optional<int64_t> fallback = std::nullopt) const;
  double floatAttr(const char *name, std::optional<double> fallback = std::nullopt) const;
  std::string stringAttr(const char *name, const std::string &fallback) const;
  /// Nothing when the attribute is absent.
  std::optional<std::vector<int64_t>> intsAttr(const char *name) const;
  std::optional<std::vector<double>> floatsAttr(const char *name) const;
  const onnx::TensorProto *tensorAttr(const char *name) const;
  const onnx::GraphProto &graphAttr(const char *name) const;
  /// Attributes that have no meaning for the result.
  void ignoreAttrs(std::initializer_list<const char *> names) const {
    used.insert(names.begin(), names.end());
  }
  /// An attribute that no function asked for, or empty.
  std::string unusedAttr() const;

  //===- Checks ---------------------------------------------------------------===//
  /// An axis in [0, rank); throws E0304 when it is outside [-rank, rank).
  int64_t axis(int64_t axis, int64_t rank) const;
  /// Axes likewise, sorted, each once.
  std::vector<int64_t> axes(const std::vector<int64_t> &list, int64_t rank) const;
  void require(bool condition, Code code, const std::string &message) const {
    if (!condition) fail(code, message);
  }

  //===- Results ----------------------------------------------------------------===//
  bool wants(int output) const { return output < proto.output_size() && !proto.output(output).empty(); }
  void result(Value value, DataType type) { results.emplace_back(value, type); }
  void result(Tensor tensor) { results.push_back(std::move(tensor)); }
  std::vector<Tensor> results;

private:
  const onnx::AttributeProto *find(const char *name) const;
  const onnx::AttributeProto *find(const char *name, onnx::AttributeProto::AttributeType type) const;

  std::map<std::string, const onnx::AttributeProto *> attributes;
  mutable std::set<std::string> used;
};

} // namespace dlc::import
