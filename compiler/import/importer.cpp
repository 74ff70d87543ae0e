// The walk: scopes, demand-driven import of nodes, functions, branches.
#include "compiler/import/importer.h"
#include "compiler/import/table.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace dlc::import {

constexpr size_t maxImportedNodes = 100000;
constexpr int maxCallDepth = 48;

std::string operatorName(const onnx::NodeProto &node) {
  if (node.domain().empty() || node.domain() == "ai.onnx") return node.op_type();
  return node.domain() + "::" + node.op_type();
}

std::string nodePath(const std::string &prefix, const onnx::NodeProto &node, int index) {
  return prefix + (node.name().empty() ? node.op_type() + "_" + std::to_string(index) : node.name());
}

Importer::Importer(ModelFile &file, const ImportOptions &options, MLIRContext &context, Symbols &symbols,
                   Diagnostics &diagnostics, ImportReport &report)
    : file(file), options(options), context(context), symbols(symbols), diagnostics(diagnostics),
      report(report), builder(&context) {
  for (const auto &function : file.proto().functions())
    functions[function.domain() + "\n" + function.name() + "\n" + function.overload()] = &function;
}

//===- Scopes -------------------------------------------------------------------===//

void Importer::openScope(Scope &scope, const NodeList &nodes) {
  scope.nodes = &nodes;
  scope.states.assign(nodes.size(), Scope::Waiting);
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes[i].output())
      if (!output.empty()) scope.producers[output] = i;
}

void Importer::addInitializers(Scope &scope, const onnx::GraphProto &graph) {
  for (const auto &tensor : graph.initializer()) {
    try {
      scope.values[tensor.name()] = file.declare(tensor);
    } catch (const Refusal &refusal) {
      diagnostics.report(refusal.code, refusal.message, "initializer " + tensor.name(), refusal.help);
      scope.values[tensor.name()] = Tensor::unknown();
    }
  }
  for (const auto &sparse : graph.sparse_initializer()) {
    diagnostics.report(Code::E0303, "sparse initializers are not supported",
                       "initializer " + sparse.values().name());
    scope.values[sparse.values().name()] = Tensor::unknown();
  }
}

const Tensor &Importer::lookup(Scope &scope, const std::string &name) {
  for (Scope *at = &scope; at; at = at->outer) {
    if (auto found = at->values.find(name); found != at->values.end()) return found->second;
    auto producer = at->producers.find(name);
    if (producer == at->producers.end()) continue;
    importWithNeeds(*at, producer->second);
    return at->values[name];
  }
  throw Refusal{Code::E0204, "`" + name + "` is not defined", ""};
}

std::string Importer::pathOf(const Scope &scope, int index) const {
  return nodePath(scope.prefix, (*scope.nodes)[index], index);
}

void Importer::importWithNeeds(Scope &scope, int node) {
  // Depth first with a stack of our own: chains of nodes are as long as models are deep.
  llvm::SmallVector<std::pair<int, int>> stack{{node, 0}};
  if (scope.states[node] == Scope::Running) throw Refusal{Code::E0203, "depends on its own result", ""};
  scope.states[node] = Scope::Running;
  while (!stack.empty()) {
    auto &[index, next] = stack.back();
    const onnx::NodeProto &proto = (*scope.nodes)[index];
    if (next == proto.input_size()) {
      importNode(scope, index);
      scope.states[index] = Scope::Done;
      stack.pop_back();
      continue;
    }
    auto producer = scope.producers.find(proto.input(next++));
    if (producer == scope.producers.end() || scope.values.count(producer->first())) continue;
    int needed = producer->second;
    if (scope.states[needed] == Scope::Done) continue;
    if (scope.states[needed] == Scope::Running) throw Refusal{Code::E0203, "depends on its own result", ""};
    scope.states[needed] = Scope::Running;
    stack.push_back({needed, 0});
  }
}

//===- Nodes ----------------------------------------------------------------------===//

int64_t Importer::opsetOf(const Scope &scope, const onnx::NodeProto &proto) const {
  auto found = scope.opsets->find(proto.domain() == "ai.onnx" ? "" : proto.domain());
  return found == scope.opsets->end() ? 0 : found->second;
}

const onnx::FunctionProto *Importer::findFunction(const onnx::NodeProto &proto) const {
  auto found = functions.find(proto.domain() + "\n" + proto.op_type() + "\n" + proto.overload());
  return found == functions.end() ? nullptr : found->second;
}

void Importer::reportNode(const onnx::NodeProto &proto, const std::string &path, const Refusal &refusal) {
  report.issues.push_back({path, operatorName(proto), refusal.code, refusal.message});
  diagnostics.report(refusal.code, operatorName(proto) + ": " + refusal.message, path, refusal.help);
}

bool Importer::checkSupport(Scope &scope, const onnx::NodeProto &proto, const std::string &path) {
  if (findFunction(proto)) return true;
  int64_t opset = opsetOf(scope, proto);
  if (findRow(proto.domain(), proto.op_type(), static_cast<int>(opset))) return true;
  std::string why = "there is no support for this operator";
  if (isKnownOperator(proto.domain(), proto.op_type()))
    why = "there is no support for this operator at opset " + std::to_string(opset);
  reportNode(proto, path, Refusal{Code::E0301, why, ""});
  return false;
}

void Importer::importNode(Scope &scope, int index) {
  const onnx::NodeProto &proto = (*scope.nodes)[index];
  std::string path = pathOf(scope, index);
  std::vector<Tensor> results;
  auto unknown = [&] { results.assign(proto.output_size(), Tensor::unknown()); };
  if (++importedNodes > maxImportedNodes)
    throw Refusal{Code::E0105, "more than " + std::to_string(maxImportedNodes) + " nodes after inlining",
                  "compile the model in parts"};
  bool inputsKnown = true;
  try {
    for (const std::string &input : proto.input())
      if (!input.empty()) inputsKnown &= !lookup(scope, input).isUnknown();
    if (!importCall(scope, proto, path, results)) {
      bool supported = checkSupport(scope, proto, path);
      unknown();
      if (supported && inputsKnown) {
        Emit emit(builder, NameLoc::get(builder.getStringAttr(printable(path))), symbols);
        Node node(*this, scope, proto, path, static_cast<int>(opsetOf(scope, proto)), emit);
        importOperator(node);
        results = std::move(node.results);
      } else if (supported) {
        for (const auto &attribute : proto.attribute())
          if (attribute.has_g()) reportUnsupported(scope, attribute.g(), path + "/");
      }
    }
  } catch (const Refusal &refusal) {
    if (refusal.code == Code::E0105) throw;
    reportNode(proto, path, refusal);
    unknown();
  }
  for (int i = 0; i < proto.output_size(); ++i) {
    if (proto.output(i).empty()) continue;
    scope.values[proto.output(i)] = i < static_cast<int>(results.size()) ? results[i] : Tensor::unknown();
  }
}

void Importer::importOperator(Node &node) {
  const OpRow &row = *findRow(node.proto.domain(), node.proto.op_type(), node.opset);
  int given = node.proto.input_size();
  while (given > 0 && node.proto.input(given - 1).empty()) --given;
  auto count = [&](const char *bound, int limit) {
    node.fail(Code::E0302, "has " + std::to_string(given) + (given == 1 ? " input, " : " inputs, ") + bound +
                               " " + std::to_string(limit));
  };
  if (given < row.minInputs) count("needs at least", row.minInputs);
  if (row.maxInputs >= 0 && given > row.maxInputs) count("takes at most", row.maxInputs);
  for (int i = 0; i < row.minInputs; ++i) node.in(i); // every required input is there
  if (row.minInputs > 0 && !contains(row.types, node.type(0)))
    node.fail(Code::E0303, "input 0 cannot be " + typeName(node.type(0)));
  row.import(node);
  for (const Tensor &result : node.results)
    for (const Dim &dim : result.isUnknown() ? Dims() : result.dims()) {
      auto size = dim.constantValue();
      if (dim.isUndefined() || (size && *size < 0))
        node.fail(Code::E0305, "a dim of the result is negative or too large");
    }
  if (std::string name = node.unusedAttr(); !name.empty())
    node.fail(Code::E0304, "attribute `" + name + "` does not exist at opset " + std::to_string(node.opset));
  for (size_t i = node.results.size(); i < static_cast<size_t>(node.proto.output_size()); ++i)
    if (!node.proto.output(static_cast<int>(i)).empty())
      node.fail(Code::E0307, "output " + std::to_string(i) + " is not supported");
}

void Importer::reportUnsupported(Scope &outer, const onnx::GraphProto &graph, const std::string &prefix) {
  for (int i = 0; i < graph.node_size(); ++i) {
    const onnx::NodeProto &proto = graph.node(i);
    std::string path = nodePath(prefix, proto, i);
    checkSupport(outer, proto, path);
    for (const auto &attribute : proto.attribute())
      if (attribute.has_g()) reportUnsupported(outer, attribute.g(), path + "/");
  }
}

//===- Functions and branches -------------------------------------------------------===//

bool Importer::importCall(Scope &scope, const onnx::NodeProto &proto, const std::string &path,
                          std::vector<Tensor> &results) {
  const onnx::FunctionProto *function = findFunction(proto);
  if (!function) return false;
  if (llvm::is_contained(callStack, function)) throw Refusal{Code::E0207, "the function calls itself", ""};
  if (callStack.size() >= maxCallDepth)
    throw Refusal{Code::E0207, "function calls are nested too deeply", ""};
  if (proto.input_size() > function->input_size())
    throw Refusal{Code::E0302, "has more inputs than its function", ""};

  AttributeMap attributes;
  std::vector<onnx::AttributeProto> resolved; // those that refer to the caller's own attributes
  for (const auto &attribute : function->attribute_proto()) attributes[attribute.name()] = &attribute;
  for (const auto &attribute : proto.attribute()) {
    const onnx::AttributeProto *value = &attribute;
    if (!attribute.ref_attr_name().empty()) {
      auto found = scope.call ? scope.call->find(attribute.ref_attr_name()) : AttributeMap::const_iterator();
      if (!scope.call || found == scope.call->end()) continue;
      value = found->second;
    }
    attributes[attribute.name()] = value;
  }
  for (const std::string &name : function->attribute())
    if (!attributes.count(name)) throw Refusal{Code::E0207, "the call gives no attribute `" + name + "`", ""};

  OpsetMap functionOpsets;
  for (const auto &entry : function->opset_import())
    functionOpsets[entry.domain() == "ai.onnx" ? "" : entry.domain()] = entry.version();
  Scope inner;
  inner.prefix = path + "/";
  inner.opsets = &functionOpsets;
  inner.call = &attributes;
  openScope(inner, function->node());
  for (int i = 0; i < function->input_size(); ++i)
    if (i < proto.input_size() && !proto.input(i).empty())
      inner.values[function->input(i)] = lookup(scope, proto.input(i));
    else
      inner.values[function->input(i)] = Tensor::missing();
  callStack.push_back(function);
  llvm::scope_exit pop([&] { callStack.pop_back(); });
  for (const std::string &output : function->output()) results.push_back(lookup(inner, output));
  return true;
}

std::vector<Tensor> Importer::importBranch(Scope &outer, const onnx::GraphProto &graph,
                                           const std::string &prefix) {
  if (depth >= maxCallDepth) throw Refusal{Code::E0105, "branches are nested too deeply", ""};
  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  Scope inner;
  inner.outer = &outer;
  inner.prefix = prefix;
  inner.opsets = outer.opsets;
  inner.call = outer.call;
  openScope(inner, graph.node());
  addInitializers(inner, graph);
  std::vector<Tensor> results;
  for (const auto &output : graph.output()) results.push_back(lookup(inner, output.name()));
  return results;
}

} // namespace dlc::import
