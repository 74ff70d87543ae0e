// Structure before meaning: names, references and order of every graph, branch and function body.
#include "compiler/import/importer.h"

namespace dlc::import {
namespace {

class Validator {
public:
  Validator(Diagnostics &diagnostics) : diagnostics(diagnostics) {}

  using Names = std::set<std::string>;

  void graph(const onnx::GraphProto &graph, const std::vector<const Names *> &outer,
             const std::string &prefix) {
    Names own;
    for (const auto &input : graph.input()) define(own, input.name(), "input", prefix);
    Names initializers;
    for (const auto &tensor : graph.initializer()) {
      if (!initializers.insert(tensor.name()).second) duplicate(tensor.name(), "initializer", prefix);
      own.insert(tensor.name()); // may give an input's value
    }
    for (const auto &tensor : graph.sparse_initializer()) own.insert(tensor.values().name());
    nodes(graph.node(), own, outer, prefix);
    for (const auto &output : graph.output())
      if (!own.count(output.name()) && !isVisible(outer, output.name()))
        report(Code::E0204, "the output `" + output.name() + "` is not defined", prefix);
  }

  /// The outputs of a model are given and taken by their names; those of branches by their place.
  void modelOutputs(const onnx::GraphProto &graph) {
    Names seen;
    for (const auto &output : graph.output())
      if (!seen.insert(output.name()).second)
        diagnostics.report(Code::E0202, "the graph lists the output `" + output.name() + "` twice", "",
                           "list it once, or give its second copy a name of its own with an Identity node");
  }

  void function(const onnx::FunctionProto &function) {
    std::string prefix = "function " + function.domain() + "::" + function.name() + "/";
    Names own;
    for (const std::string &input : function.input()) define(own, input, "input", prefix);
    nodes(function.node(), own, {}, prefix);
    for (const std::string &output : function.output())
      if (!own.count(output)) report(Code::E0204, "the output `" + output + "` is not defined", prefix);
  }

private:
  void report(Code code, const std::string &message, std::string place) {
    if (!place.empty()) place.pop_back(); // the slash
    if (diagnostics.errorCount() < 100) diagnostics.report(code, message, place);
  }
  void duplicate(const std::string &name, const char *kind, const std::string &prefix) {
    report(Code::E0202, std::string("the ") + kind + " `" + name + "` is defined twice", prefix);
  }
  void define(Names &own, const std::string &name, const char *kind, const std::string &prefix) {
    if (name.empty())
      report(Code::E0201, std::string("an ") + kind + " has no name", prefix);
    else if (!own.insert(name).second)
      duplicate(name, kind, prefix);
  }
  static bool isVisible(const std::vector<const Names *> &outer, const std::string &name) {
    return llvm::any_of(outer, [&](const Names *names) { return names->count(name) != 0; });
  }

  void nodes(const NodeList &list, Names &own, std::vector<const Names *> outer, const std::string &prefix) {
    llvm::StringMap<int> producers;
    for (int i = 0; i < list.size(); ++i) {
      if (list[i].op_type().empty())
        report(Code::E0201, "a node has no operator type", nodePath(prefix, list[i], i) + "/");
      for (const std::string &output : list[i].output()) {
        if (output.empty()) continue;
        define(own, output, "output", nodePath(prefix, list[i], i) + "/");
        producers[output] = i;
      }
    }
    std::vector<std::vector<int>> needs(list.size());
    outer.push_back(&own);
    for (int i = 0; i < list.size(); ++i) {
      std::string path = nodePath(prefix, list[i], i) + "/";
      references(list[i], own, outer, producers, needs[i], path);
      for (const auto &attribute : list[i].attribute()) {
        if (attribute.has_g()) branch(attribute.g(), outer, producers, needs[i], path);
        for (const auto &inner : attribute.graphs()) branch(inner, outer, producers, needs[i], path);
      }
    }
    cycles(list, needs, prefix);
  }

  void references(const onnx::NodeProto &node, const Names &own, const std::vector<const Names *> &outer,
                  const llvm::StringMap<int> &producers, std::vector<int> &needs, const std::string &path) {
    for (const std::string &input : node.input()) {
      if (input.empty()) continue;
      if (!isVisible(outer, input)) report(Code::E0204, "the input `" + input + "` is not defined", path);
      if (auto found = producers.find(input); found != producers.end()) needs.push_back(found->second);
    }
  }

  void branch(const onnx::GraphProto &inner, const std::vector<const Names *> &outer,
              const llvm::StringMap<int> &producers, std::vector<int> &needs, const std::string &path) {
    graph(inner, outer, path);
    captures(inner, producers, needs);
  }

  /// Outer values that a branch reads; over-approximated where it defines the same name itself.
  static void captures(const onnx::GraphProto &graph, const llvm::StringMap<int> &producers,
                       std::vector<int> &needs) {
    std::set<std::string> own;
    for (const auto &node : graph.node()) own.insert(node.output().begin(), node.output().end());
    for (const auto &node : graph.node()) {
      for (const std::string &input : node.input())
        if (auto found = producers.find(input); found != producers.end() && !own.count(input))
          needs.push_back(found->second);
      for (const auto &attribute : node.attribute())
        if (attribute.has_g()) captures(attribute.g(), producers, needs);
    }
  }

  /// Removes nodes whose needs are met until none is left; what stays lies on a cycle or behind one.
  void cycles(const NodeList &list, const std::vector<std::vector<int>> &needs, const std::string &prefix) {
    std::vector<std::vector<int>> users(list.size());
    std::vector<int> open(list.size()), ready;
    for (int i = 0; i < list.size(); ++i) {
      open[i] = static_cast<int>(needs[i].size());
      for (int need : needs[i]) users[need].push_back(i);
      if (open[i] == 0) ready.push_back(i);
    }
    size_t sorted = 0;
    for (; sorted < ready.size(); ++sorted)
      for (int user : users[ready[sorted]])
        if (--open[user] == 0) ready.push_back(user);
    if (sorted == size_t(list.size())) return;
    for (int i = 0; i < list.size(); ++i) {
      if (open[i] == 0) continue;
      report(Code::E0203,
             std::to_string(size_t(list.size()) - sorted) +
                 " nodes depend on each other in a cycle, this one first",
             nodePath(prefix, list[i], i) + "/");
      return;
    }
  }

  Diagnostics &diagnostics;
};

} // namespace

void validateModel(const onnx::ModelProto &model, Diagnostics &diagnostics) {
  Validator validator(diagnostics);
  validator.graph(model.graph(), {}, "");
  validator.modelOutputs(model.graph());
  std::set<std::string> functions;
  for (const auto &function : model.functions()) {
    if (!functions.insert(function.domain() + "\n" + function.name() + "\n" + function.overload()).second)
      diagnostics.report(Code::E0202, "the function is defined twice", "function " + function.name());
    validator.function(function);
  }
}

} // namespace dlc::import
