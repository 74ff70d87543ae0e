// The walk over a model: scopes, demand-driven import of nodes, functions, branches, and the module that
// results.
#pragma once

#include "compiler/import/import.h"
#include "compiler/import/model_file.h"
#include "compiler/import/node.h"
#include "compiler/import/symbols.h"

#include "llvm/ADT/StringMap.h"

namespace dlc::import {

using NodeList = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
using AttributeMap = std::map<std::string, const onnx::AttributeProto *>;

/// The names of one graph, branch or function body, and which of its nodes have been imported.
struct Scope {
  Scope *outer = nullptr; ///< the graph around a branch; null for functions
  const NodeList *nodes = nullptr;
  std::string prefix; ///< of node paths: "call/"
  const std::map<std::string, int64_t> *opsets = nullptr;
  const AttributeMap *call = nullptr; ///< inside a function: the call's attributes and the defaults
  llvm::StringMap<Tensor> values;
  llvm::StringMap<int> producers; ///< output name -> node
  enum State : char { Waiting, Running, Done };
  std::vector<State> states; ///< by node
};

class Importer {
public:
  Importer(ModelFile &file, const ImportOptions &options, mlir::MLIRContext &context, Symbols &symbols,
           Diagnostics &diagnostics, ImportReport &report);

  /// One round. Throws Restart when a binding was found. Nothing when errors were reported.
  std::optional<GraphModule> run();

  //===- For nodes ----------------------------------------------------------===//
  /// The value of a name as seen from a scope; its node is imported when it has not been yet. Throws Refusal.
  const Tensor &lookup(Scope &scope, const std::string &name);
  Value materialize(const Tensor &tensor);
  const Host *host(const Tensor &tensor);
  /// A tensor that is written in the model: initializer or attribute.
  Tensor constant(const onnx::TensorProto &proto) { return file.declare(proto); }
  /// Imports a branch whose condition is known; gives its outputs.
  std::vector<Tensor> importBranch(Scope &outer, const onnx::GraphProto &graph, const std::string &prefix);
  /// Reports the operators inside a subgraph that is not imported, if they are unsupported.
  void reportUnsupported(Scope &outer, const onnx::GraphProto &graph, const std::string &prefix);

private:
  using OpsetMap = std::map<std::string, int64_t>;

  bool checkHeader();
  void declareInputs(Scope &scope);
  void warnOfDefaults(llvm::ArrayRef<std::string> inputs);
  Tensor declareInput(const onnx::ValueInfoProto &input);
  Tensor bakedInput(const onnx::ValueInfoProto &input, DataType type, const std::string &text);
  std::string dimName(const onnx::TensorShapeProto::Dimension &dim) const;
  void chooseInsteadOfAt(const onnx::GraphProto &graph);
  Dim inputDim(const onnx::TensorShapeProto::Dimension &dim, const std::string &input, int axis);
  void finish(llvm::ArrayRef<Tensor> outputs);
  void checkOutput(const onnx::ValueInfoProto &declared, const Tensor &inferred);
  mlir::Value weight(const Tensor &tensor);
  mlir::Value fromHost(const Tensor &tensor, const Host &host);
  mlir::Value constantElements(const Tensor &tensor, const Host &host);

  void openScope(Scope &scope, const NodeList &nodes);
  void addInitializers(Scope &scope, const onnx::GraphProto &graph);
  /// Imports every node that `node` needs and that waits, then `node`.
  void importWithNeeds(Scope &scope, int node);
  void importNode(Scope &scope, int index);
  void importOperator(Node &node);
  bool importCall(Scope &scope, const onnx::NodeProto &proto, const std::string &path,
                  std::vector<Tensor> &results);
  void reportNode(const onnx::NodeProto &proto, const std::string &path, const Refusal &refusal);
  bool checkSupport(Scope &scope, const onnx::NodeProto &proto, const std::string &path);
  std::string pathOf(const Scope &scope, int index) const;
  int64_t opsetOf(const Scope &scope, const onnx::NodeProto &proto) const;
  const onnx::FunctionProto *findFunction(const onnx::NodeProto &proto) const;

  ModelFile &file;
  const ImportOptions &options;
  mlir::MLIRContext &context;
  Symbols &symbols;
  Diagnostics &diagnostics;
  ImportReport &report;

  GraphModule out;
  mlir::OpBuilder builder;
  mlir::func::FuncOp main;
  OpsetMap opsets;
  std::map<std::string, const onnx::FunctionProto *> functions;
  std::vector<const onnx::FunctionProto *> callStack;
  std::vector<mlir::NamedAttribute> bakedInputs;
  std::map<std::string, std::vector<std::string>> namedDims; ///< dim_params that are plain symbols of inputs
  std::string insteadOfAt;
  struct Argument {
    std::string name;
    DataType type;
  };
  std::vector<Argument> arguments; ///< of main
  size_t importedNodes = 0;
  int depth = 0;
};

/// Checks names, references and order of all graphs and functions; reports E0201-E0204, E0207.
void validateModel(const onnx::ModelProto &model, Diagnostics &diagnostics);

/// The path of a node: its name, or `OP_index` when it has none.
std::string nodePath(const std::string &prefix, const onnx::NodeProto &node, int index);
/// "Add", "ai.onnx.ml::Scaler".
std::string operatorName(const onnx::NodeProto &node);

} // namespace dlc::import
