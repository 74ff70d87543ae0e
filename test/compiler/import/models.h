// Small ONNX models, built in memory for the importer's tests.
#pragma once

#include "compiler/import/import.h"
#include "onnx.pb.h"

#include "mlir/IR/MLIRContext.h"

namespace dlc::test {

/// A model under construction: opset 20, no nodes.
struct Model {
  onnx::ModelProto proto;

  explicit Model(int64_t opset = 20) {
    proto.set_ir_version(10);
    auto *entry = proto.add_opset_import();
    entry->set_domain("");
    entry->set_version(opset);
    proto.mutable_graph()->set_name("g");
  }

  onnx::GraphProto &graph() { return *proto.mutable_graph(); }

  /// A dim that is no number is a dim_param.
  static void value(onnx::ValueInfoProto &info, const std::string &name, std::vector<std::string> dims,
                    int type = 1) {
    info.set_name(name);
    auto &tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    for (const std::string &dim : dims) {
      auto *entry = tensor.mutable_shape()->add_dim();
      char *end;
      long number = strtol(dim.c_str(), &end, 10);
      if (!dim.empty() && *end == 0)
        entry->set_dim_value(number);
      else
        entry->set_dim_param(dim);
    }
  }
  Model &input(const std::string &name, std::vector<std::string> dims, int type = 1) {
    value(*graph().add_input(), name, std::move(dims), type);
    return *this;
  }
  Model &output(const std::string &name, std::vector<std::string> dims, int type = 1) {
    value(*graph().add_output(), name, std::move(dims), type);
    return *this;
  }

  static onnx::NodeProto &node(google::protobuf::RepeatedPtrField<onnx::NodeProto> &list,
                               const std::string &op, std::vector<std::string> inputs,
                               std::vector<std::string> outputs) {
    auto &node = *list.Add();
    node.set_op_type(op);
    for (auto &each : inputs) node.add_input(each);
    for (auto &each : outputs) node.add_output(each);
    return node;
  }
  onnx::NodeProto &node(const std::string &op, std::vector<std::string> inputs,
                        std::vector<std::string> outputs) {
    return node(*graph().mutable_node(), op, std::move(inputs), std::move(outputs));
  }

  static void integer(onnx::NodeProto &node, const std::string &name, int64_t value) {
    auto *attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(value);
  }

  static void text(onnx::NodeProto &node, const std::string &name, const std::string &value) {
    auto *attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::STRING);
    attribute->set_s(value);
  }

  onnx::TensorProto &integers(const std::string &name, std::vector<int64_t> values, bool scalar = false) {
    auto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::INT64);
    if (!scalar) tensor.add_dims(static_cast<int64_t>(values.size()));
    for (int64_t each : values) tensor.add_int64_data(each);
    return tensor;
  }
  /// An initializer of zeros with raw data.
  onnx::TensorProto &floats(const std::string &name, std::vector<int64_t> dims) {
    auto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    int64_t count = 1;
    for (int64_t dim : dims) {
      tensor.add_dims(dim);
      count *= dim;
    }
    tensor.set_raw_data(std::string(static_cast<size_t>(count) * 4, 0));
    return tensor;
  }
  /// An initializer of 2 x 3 floats that points into another file.
  onnx::TensorProto &external(std::vector<std::pair<std::string, std::string>> entries) {
    auto &tensor = *graph().add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_dims(2);
    tensor.add_dims(3);
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    for (auto &[key, text] : entries) {
      auto *entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(text);
    }
    return tensor;
  }
};

/// The result of an import, with its text.
struct Imported {
  bool ok = false;
  std::string text;  ///< of the module
  std::string codes; ///< of the diagnostics, in order, with blanks
  std::string diagnostics;
  ImportReport report;
};

inline Imported importBytes(const std::string &bytes, const ImportOptions &options = {},
                            const std::string &folder = ".") {
  static mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Imported result;
  Diagnostics diagnostics("m.onnx");
  std::shared_ptr<const llvm::MemoryBuffer> buffer = llvm::MemoryBuffer::getMemBufferCopy(bytes);
  auto module = importOnnxBuffer(buffer, folder, options, context, diagnostics, &result.report);
  result.ok = module.has_value();
  if (module) {
    llvm::raw_string_ostream stream(result.text);
    module->module->print(stream);
  }
  for (const Diagnostic &each : diagnostics.all())
    result.codes += std::string(result.codes.empty() ? "" : " ") + std::string(name(each.code));
  result.diagnostics = diagnostics.text();
  return result;
}

inline Imported import(const Model &model, const ImportOptions &options = {},
                       const std::string &folder = ".") {
  return importBytes(model.proto.SerializeAsString(), options, folder);
}

} // namespace dlc::test
