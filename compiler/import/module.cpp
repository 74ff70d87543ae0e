// The module around the nodes: inputs and their symbols, outputs, guards, and constants made from known
// elements.
#include "compiler/import/importer.h"
#include "compiler/import/table.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace dlc::import {

//===- Header and inputs -----------------------------------------------------------===//

bool Importer::checkHeader() {
  const onnx::ModelProto &model = file.proto();
  if (model.ir_version() > 14)
    diagnostics.report(Code::E0104, "IR version " + std::to_string(model.ir_version()) + " is newer than 14",
                       "",
                       "set the model's ir_version to 14 or older, or save it with an older onnx package");
  for (const auto &entry : model.opset_import())
    opsets[entry.domain() == "ai.onnx" ? "" : entry.domain()] = entry.version();
  auto found = opsets.find("");
  if (found == opsets.end() && model.ir_version() < 3) found = opsets.emplace("", 1).first;
  if (found == opsets.end() &&
      llvm::any_of(model.graph().node(), [](const auto &node) { return node.domain().empty(); }))
    diagnostics.report(Code::E0104, "the model imports no opset of the default domain");
  if (found != opsets.end() && (found->second < oldestOpset || found->second > newestOpset))
    diagnostics.report(Code::E0104, "opset " + std::to_string(found->second) + " is not between " +
                                        std::to_string(oldestOpset) + " and " + std::to_string(newestOpset));
  for (const auto &function : model.functions())
    for (const auto &entry : function.opset_import())
      if ((entry.domain().empty() || entry.domain() == "ai.onnx") &&
          (entry.version() < oldestOpset || entry.version() > newestOpset))
        diagnostics.report(Code::E0104,
                           "opset " + std::to_string(entry.version()) + " of the function is not between " +
                               std::to_string(oldestOpset) + " and " + std::to_string(newestOpset),
                           "function " + function.name());
  return !diagnostics.hasErrors();
}

/// torch writes formulas with Python's operators: `//`, `Min(`, `Max(`.
static std::optional<Dim> parseFormula(std::string text) {
  auto replace = [&](const std::string &from, const std::string &to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  if (text.size() > 1000) return std::nullopt;
  replace("//", " floordiv ");
  replace("%", " mod ");
  replace("Min(", "min(");
  replace("Max(", "max(");
  auto parsed = parseDim(text);
  if (!parsed || parsed->isUndefined()) return std::nullopt;
  return parsed;
}

/// Names with @ are the device's in a launch plan: those of the model get text in its place that no other
/// name holds.
std::string Importer::dimName(const onnx::TensorShapeProto::Dimension &dim) const {
  std::string name;
  for (char c : dim.dim_param()) name += c == '@' ? insteadOfAt : std::string(1, c);
  return name;
}

void Importer::chooseInsteadOfAt(const onnx::GraphProto &graph) {
  auto isUsed = [&](const onnx::ValueInfoProto &value) {
    return llvm::any_of(value.type().tensor_type().shape().dim(), [&](const auto &dim) {
      return dim.dim_param().find(insteadOfAt) != std::string::npos;
    });
  };
  insteadOfAt = "at_";
  while (llvm::any_of(graph.input(), isUsed) || llvm::any_of(graph.output(), isUsed)) insteadOfAt += "_";
}

Dim Importer::inputDim(const onnx::TensorShapeProto::Dimension &dim, const std::string &input, int axis) {
  std::string origin = input + " dim " + std::to_string(axis);
  if (dim.has_dim_value() && dim.dim_value() >= 0) return Dim(dim.dim_value());
  std::string name = dimName(dim);
  if (name.empty() || name == "?" || (name == "-1"))
    return symbols.declare(symbols.freshName(input + "_dim" + std::to_string(axis)), origin);
  auto formula = parseFormula(name);
  if (!formula || formula->isSymbol() || formula->isConstant()) {
    if (formula && formula->isConstant() && *formula->constantValue() >= 0) return *formula;
    return symbols.declare(formula && formula->isSymbol() ? formula->symbolName() : name, origin);
  }
  // A formula holds when each of its symbols is a dim of some input; else it is a name of its own.
  for (const std::string &symbol : formula->symbols())
    if (!namedDims.count(symbol)) return symbols.declare(name, origin);
  std::map<std::string, Dim> values;
  for (const std::string &symbol : formula->symbols())
    values[symbol] = symbols.declare(symbol, namedDims[symbol].front());
  return symbols.simplify(formula->substitute(values));
}

Tensor Importer::declareInput(const onnx::ValueInfoProto &input) {
  if (!input.type().has_tensor_type())
    throw Refusal{Code::E0205, "only dense tensors are supported as inputs", ""};
  const auto &declared = input.type().tensor_type();
  auto type = supportedType(declared.elem_type());
  if (!type)
    throw Refusal{Code::E0205, "inputs of type " + typeName(declared.elem_type()) + " are not supported", ""};
  if (auto set = options.sets.find(input.name()); set != options.sets.end())
    return bakedInput(input, *type, set->second);
  if (!declared.has_shape())
    throw Refusal{Code::E0205, "the input has no shape, so its rank is not known", ""};
  if (declared.shape().dim_size() > 16) throw Refusal{Code::E0205, "the input has more than 16 dims", ""};
  Dims dims;
  for (int i = 0; i < declared.shape().dim_size(); ++i)
    dims.push_back(inputDim(declared.shape().dim(i), input.name(), i));
  auto tensorType = graph::tensorType(dims, elementType(*type, &context));
  Location loc = NameLoc::get(builder.getStringAttr(printable(input.name())));
  Value argument = main.getBody().front().addArgument(tensorType, loc);
  return Tensor(argument, *type);
}

/// Inputs with a default value, which the artifact does not have. Up to IR version 3 every initializer had to
/// be listed as an input, so that says nothing there.
void Importer::warnOfDefaults(llvm::ArrayRef<std::string> inputs) {
  if (inputs.empty() || file.proto().ir_version() < 4) return;
  constexpr size_t shown = 4;
  std::string names = "`" + llvm::join(inputs.take_front(shown), "`, `") + "`";
  std::string more = inputs.size() > shown ? " and " + std::to_string(inputs.size() - shown) + " more" : "";
  diagnostics.report(Code::W0103,
                     "values that the model gives inputs by default are baked in: " + names + more);
}

void Importer::declareInputs(Scope &scope) {
  const onnx::GraphProto &graph = file.proto().graph();
  namedDims.clear();
  chooseInsteadOfAt(graph);
  for (const auto &input : graph.input()) {
    if (scope.values.count(input.name())) continue; // an initializer is its value
    const auto &dims = input.type().tensor_type().shape().dim();
    for (int i = 0; i < dims.size(); ++i)
      if (auto formula = parseFormula(dimName(dims[i])); formula && formula->isSymbol())
        namedDims[formula->symbolName()].push_back(input.name() + " dim " + std::to_string(i));
  }
  std::vector<std::string> defaults;
  for (const auto &input : graph.input()) {
    if (scope.values.count(input.name()) && !options.sets.count(input.name())) {
      defaults.push_back(input.name());
      continue;
    }
    Tensor tensor = Tensor::unknown();
    try {
      tensor = declareInput(input);
      if (!options.sets.count(input.name())) arguments.push_back({input.name(), tensor.type()});
    } catch (const Refusal &refusal) {
      diagnostics.report(refusal.code, refusal.message, "input " + input.name(), refusal.help);
    }
    scope.values[input.name()] = tensor;
  }
  warnOfDefaults(defaults);
  for (const auto &[name, text] : options.sets)
    if (llvm::none_of(graph.input(), [&](const auto &input) { return input.name() == name; }))
      diagnostics.report(Code::E0502, "the model has no input `" + name + "`", "--set");
  for (const auto &[name, range] : options.dims) {
    bool used = llvm::any_of(symbols.everDeclared(), [&](const auto &each) { return each == name; });
    if (used) continue;
    std::string known = llvm::join(symbols.everDeclared(), ", ");
    diagnostics.report(Code::E0501, "the model has no dim `" + name + "`", "--dim",
                       known.empty() ? "every dim of this model is fixed" : "dims of this model: " + known);
  }
}

/// `3`, `0.5`, `true`, `[1, 2, 3]`; nested lists are read as one.
Tensor Importer::bakedInput(const onnx::ValueInfoProto &input, DataType type, const std::string &text) {
  auto wrong = [&](const std::string &why) { throw Refusal{Code::E0502, "`" + text + "`: " + why, ""}; };
  Host host;
  std::string plain = text;
  bool isList = plain.find('[') != std::string::npos;
  for (char &c : plain)
    if (c == '[' || c == ']' || c == ',') c = ' ';
  llvm::SmallVector<llvm::StringRef> words;
  llvm::StringRef(plain).split(words, ' ', -1, false);
  if (words.size() > size_t(maxHostElements)) wrong("too many elements");
  for (llvm::StringRef word : words) {
    word = word.trim();
    int64_t integer = 0;
    double real = 0;
    if (word == "true" || word == "false")
      integer = word == "true", real = double(integer);
    else if (isFloat(type) ? word.getAsDouble(real) : word.getAsInteger(10, integer))
      wrong("no " + typeName(type));
    if (isFloat(type))
      host.floats.push_back(real);
    else
      host.ints.push_back(integer);
  }
  int64_t count = static_cast<int64_t>(words.size());
  Dims dims;
  const auto &declared = input.type().tensor_type();
  if (!declared.has_shape() && isList) dims.push_back(count);
  int64_t open = -1, known = 1;
  for (const auto &dim : declared.shape().dim()) {
    int64_t size = dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1;
    if (size > maxHostElements || known > maxHostElements) wrong("the input is too large to be baked in");
    if (size < 0 && open >= 0) size = 1;
    if (size < 0)
      open = static_cast<int64_t>(dims.size());
    else
      known *= size;
    dims.push_back(size < 0 ? 1 : size);
  }
  if (open >= 0 && known > 0) dims[open] = count / known, known *= count / known;
  if (declared.has_shape() && known != count) wrong("the input has another number of elements");
  bakedInputs.push_back(builder.getNamedAttr(input.name(), builder.getStringAttr(text)));
  return Tensor(type, std::move(dims), std::move(host));
}

//===- The round ----------------------------------------------------------------------===//

std::optional<GraphModule> Importer::run() {
  const onnx::GraphProto &graph = file.proto().graph();
  report.nodes = graph.node_size();
  if (!checkHeader()) return std::nullopt;
  Location loc = builder.getUnknownLoc();
  out.module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(out.module->getBody());
  main = func::FuncOp::create(builder, loc, "main", builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(main.addEntryBlock());

  Scope scope;
  scope.opsets = &opsets;
  openScope(scope, graph.node());
  addInitializers(scope, graph);
  declareInputs(scope);
  std::vector<Tensor> outputs;
  try {
    for (const auto &output : graph.output()) {
      outputs.push_back(lookup(scope, output.name()));
      if (outputs.back().isMissing()) outputs.back() = Tensor::unknown();
    }
  } catch (const Refusal &refusal) { diagnostics.report(refusal.code, refusal.message, "", refusal.help); }
  if (graph.output_size() == 0) diagnostics.report(Code::E0201, "the graph has no outputs");
  if (diagnostics.hasErrors()) return std::nullopt;
  for (int i = 0; i < graph.output_size(); ++i) checkOutput(graph.output(i), outputs[i]);
  if (diagnostics.hasErrors()) return std::nullopt;
  finish(outputs);
  if (diagnostics.hasErrors()) return std::nullopt;
  return std::move(out);
}

void Importer::checkOutput(const onnx::ValueInfoProto &declared, const Tensor &inferred) {
  if (!declared.type().has_tensor_type()) {
    if (declared.type().value_case() != 0)
      diagnostics.report(Code::E0205, "only dense tensors are supported as outputs",
                         "output " + declared.name());
    return;
  }
  const auto &type = declared.type().tensor_type();
  auto warn = [&](const std::string &what) {
    diagnostics.report(Code::W0101, what, "output " + declared.name());
  };
  if (type.elem_type() != 0 && type.elem_type() != static_cast<int>(inferred.type()))
    diagnostics.report(Code::E0201,
                       "declared " + typeName(type.elem_type()) + ", computed " + typeName(inferred.type()),
                       "output " + declared.name(), "declare the type that is computed, or cast the value");
  if (!type.has_shape()) return;
  if (type.shape().dim_size() != inferred.rank())
    return warn("declared with " + std::to_string(type.shape().dim_size()) + " dims, computed with " +
                std::to_string(inferred.rank()));
  for (int i = 0; i < type.shape().dim_size(); ++i) {
    const auto &dim = type.shape().dim(i);
    const Dim &have = inferred.dims()[i];
    std::string what = "dim " + std::to_string(i) + " is declared ";
    if (dim.has_dim_value() && dim.dim_value() >= 0 && !(Dim(dim.dim_value()) == have))
      warn(what + std::to_string(dim.dim_value()) + ", computed " + have.str());
    auto formula = parseFormula(dimName(dim));
    if (!formula || !formula->isSymbol()) continue;
    // A name of an input's dim says that the two are equal; other names are the output's own.
    std::string symbol = formula->symbolName();
    if (!namedDims.count(symbol)) continue;
    Dim named = symbols.simplify(symbols.declare(symbol, namedDims[symbol].front()));
    if (named == symbols.simplify(have)) continue;
    warn(what + named.str() + ", computed " + have.str());
    try {
      symbols.unify(named, have, "output " + declared.name() + " dim " + std::to_string(i));
    } catch (const Refusal &) { // they never agree: the computed one holds
    }
  }
}

void Importer::finish(llvm::ArrayRef<Tensor> outputs) {
  const onnx::GraphProto &graph = file.proto().graph();
  SmallVector<Value> values;
  for (const Tensor &output : outputs) {
    try {
      values.push_back(materialize(output));
    } catch (const Refusal &refusal) {
      diagnostics.report(refusal.code, refusal.message, "output", refusal.help);
      return;
    }
  }
  func::ReturnOp::create(builder, main.getLoc(), values);
  Block &body = main.getBody().front();
  main.setType(builder.getFunctionType(body.getArgumentTypes(), ValueRange(values).getTypes()));
  for (size_t i = 0; i < arguments.size(); ++i) {
    main.setArgAttr(i, "graph.name", builder.getStringAttr(arguments[i].name));
    if (isUnsigned(arguments[i].type)) main.setArgAttr(i, "graph.unsigned", builder.getUnitAttr());
  }
  for (int i = 0; i < graph.output_size(); ++i) {
    main.setResultAttr(i, "graph.name", builder.getStringAttr(graph.output(i).name()));
    if (isUnsigned(outputs[i].type())) main.setResultAttr(i, "graph.unsigned", builder.getUnitAttr());
  }

  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op)) op.erase();

  builder.setInsertionPointToStart(out.module->getBody());
  for (const auto &symbol : symbols.declared()) {
    SmallVector<StringRef> origins(symbol.origins.begin(), symbol.origins.end());
    llvm::SmallVector<StringRef> unique;
    for (StringRef origin : origins)
      if (!llvm::is_contained(unique, origin)) unique.push_back(origin);
    graph::SymbolOp::create(
        builder, main.getLoc(), builder.getStringAttr(symbol.name),
        builder.getI64IntegerAttr(symbol.range.min), builder.getI64IntegerAttr(symbol.range.max),
        builder.getI64IntegerAttr(symbol.range.multiple), builder.getStrArrayAttr(unique));
  }
  SmallVector<Attribute> guards;
  for (const auto &guard : symbols.allGuards())
    guards.push_back(
        builder.getDictionaryAttr({builder.getNamedAttr("lhs", graph::DimsAttr::get(&context, {guard.lhs})),
                                   builder.getNamedAttr("rhs", graph::DimsAttr::get(&context, {guard.rhs})),
                                   builder.getNamedAttr("message", builder.getStringAttr(guard.message))}));
  if (!guards.empty()) (*out.module)->setAttr("graph.guards", builder.getArrayAttr(guards));
  if (!bakedInputs.empty()) (*out.module)->setAttr("graph.sets", builder.getDictionaryAttr(bakedInputs));
}

} // namespace dlc::import
