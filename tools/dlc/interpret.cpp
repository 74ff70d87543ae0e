// dlc interpret: runs a model with the graph interpreter, without code generation.
#include "compiler/import/import.h"
#include "ir/graph/graph.h"
#include "ir/interp/fold.h"
#include "passes/graph/pipeline.h"
#include "tools/dlc/arrays.h"
#include "tools/dlc/commands.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace dlc::tool {
namespace {

struct Arguments {
  std::string model, inputs, save, saveAll, batch;
  interp::FloatMode mode = interp::FloatMode::F32;
  std::vector<std::string> dims, sets;
  bool afterPasses = false;
  std::string precision = "as-is", disable;
};

/// One model with its inputs: what a run needs, and the diagnostics that it leaves.
class Run {
public:
  Run(const Arguments &arguments) : arguments(arguments), diagnostics(arguments.model) {}

  /// False when something was reported.
  bool execute() {
    ImportOptions options;
    for (const std::string &text : arguments.dims) parseDimOption(text, options, diagnostics);
    for (const std::string &text : arguments.sets) parseSetOption(text, options, diagnostics);
    if (diagnostics.hasErrors()) return false;
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    std::optional<GraphModule> model = importOnnx(arguments.model, options, context, diagnostics);
    if (!model) return false;
    interp::installFoldRunner(model->weights, *model->module);
    return (!arguments.afterPasses || runPasses(*model)) && interpret(*model);
  }

  Diagnostics &reports() { return diagnostics; }

private:
  bool runPasses(GraphModule &model);
  bool interpret(GraphModule &model);
  bool readInputs(mlir::func::FuncOp main, std::vector<interp::Tensor> &inputs);
  bool guardsHold(mlir::ModuleOp module, const std::map<std::string, int64_t> &symbols);
  bool saveResults(mlir::func::FuncOp main, llvm::ArrayRef<interp::Tensor> results);
  /// Keeps each value that the main function computes, by its node's path.
  void keep(mlir::Value value, const interp::Tensor &tensor);

  const Arguments &arguments;
  Diagnostics diagnostics;
  npz::Arrays kept;
  std::map<std::string, int> keptNames;
};

bool Run::runPasses(GraphModule &model) {
  PassContext passes;
  std::string error;
  std::optional<Precision> precision = parsePrecision(arguments.precision);
  if (!precision)
    diagnostics.report(Code::E0503, "no precision is called '" + arguments.precision + "'", "",
                       "precisions are " + precisionNames());
  else if (!passes.options.disable(arguments.disable, error))
    diagnostics.report(Code::E0503, error);
  if (diagnostics.hasErrors()) return false;
  passes.options.precision = *precision;
  passes.options.target = findTarget("a100");
  passes.weights = &model.weights;
  mlir::PassManager manager(model.module->getContext(), mlir::ModuleOp::getOperationName());
  graph::buildGraphPipeline(manager, passes);
  if (succeeded(manager.run(*model.module))) return true;
  diagnostics.report(Code::E0999, "a graph pass failed");
  return false;
}

bool Run::interpret(GraphModule &model) {
  auto main = model.module->lookupSymbol<mlir::func::FuncOp>("main");
  std::vector<interp::Tensor> inputs;
  if (!readInputs(main, inputs)) return false;
  interp::Options options;
  options.mode = arguments.mode;
  if (!arguments.saveAll.empty())
    options.observe = [this](mlir::Value value, const interp::Tensor &tensor) { keep(value, tensor); };
  interp::Interpreter interpreter(&model.weights, std::move(options));
  auto results = interpreter.run(main, inputs);
  if (!results) {
    diagnostics.report(Code::E0602, llvm::toString(results.takeError()));
    return false;
  }
  return guardsHold(*model.module, interpreter.symbols()) && saveResults(main, *results);
}

bool Run::readInputs(mlir::func::FuncOp main, std::vector<interp::Tensor> &inputs) {
  npz::Arrays arrays;
  if (!arguments.inputs.empty())
    if (std::string error = npz::read(arguments.inputs, arrays); !error.empty()) {
      diagnostics.report(Code::E0601, error);
      return false;
    }
  inputs.resize(main.getNumArguments());
  for (unsigned i = 0; i < inputs.size(); ++i) {
    std::string name = argumentName(main, i), error = "is not in the inputs file";
    for (const auto &[key, array] : arrays)
      if (key == name) error = toTensor(array, argumentType(main, i), inputs[i]);
    if (!error.empty()) diagnostics.report(Code::E0601, "input '" + name + "' " + error, name);
  }
  return !diagnostics.hasErrors();
}

bool Run::guardsHold(mlir::ModuleOp module, const std::map<std::string, int64_t> &symbols) {
  auto guards = module->getAttrOfType<mlir::ArrayAttr>("graph.guards");
  if (!guards) return true;
  for (auto guard : guards.getAsRange<mlir::DictionaryAttr>()) {
    auto side = [&](const char *key) {
      return guard.getAs<graph::DimsAttr>(key).getDims()[0].evaluate(symbols);
    };
    std::optional<int64_t> lhs = side("lhs"), rhs = side("rhs");
    if (lhs && rhs && *lhs != *rhs)
      diagnostics.report(Code::E0602, guard.getAs<mlir::StringAttr>("message").str() + ": " +
                                          std::to_string(*lhs) + " and " + std::to_string(*rhs));
  }
  return !diagnostics.hasErrors();
}

void Run::keep(mlir::Value value, const interp::Tensor &tensor) {
  std::string name = "value";
  if (auto location = mlir::dyn_cast<mlir::NameLoc>(value.getLoc())) name = location.getName().str();
  if (int earlier = keptNames[name]++) name += "." + std::to_string(earlier);
  FileType type{*dtypeOf(mlir::getElementTypeOrSelf(value.getType()))};
  kept.emplace_back(name, toArray(interp::exported(tensor, value.getType(), arguments.mode), type));
}

bool Run::saveResults(mlir::func::FuncOp main, llvm::ArrayRef<interp::Tensor> results) {
  npz::Arrays arrays;
  for (unsigned i = 0; i < results.size(); ++i) {
    interp::Tensor tensor = interp::exported(results[i], main.getResultTypes()[i], arguments.mode);
    arrays.emplace_back(resultName(main, i), toArray(tensor, resultType(main, i)));
  }
  auto write = [&](const std::string &path, const npz::Arrays &what) {
    if (path.empty()) return;
    if (std::string error = npz::write(path, npz::viewsOf(what)); !error.empty())
      diagnostics.report(Code::E0603, error);
  };
  write(arguments.save, arrays);
  write(arguments.saveAll, kept);
  return !diagnostics.hasErrors();
}

int runOne(const Arguments &arguments) {
  Run run(arguments);
  bool ok = run.execute();
  llvm::errs() << run.reports().text();
  return ok ? 0 : 1;
}

/// An entry of a batch file, with the options of the command line as defaults.
Arguments entryArguments(const Arguments &common, const nlohmann::json &entry) {
  Arguments arguments = common;
  arguments.model = entry.at("model").get<std::string>();
  arguments.inputs = entry.value("inputs", "");
  arguments.save = entry.value("save", "");
  auto text = [](const nlohmann::json &value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  for (auto [key, list] : {std::pair("set", &arguments.sets), std::pair("dim", &arguments.dims)})
    if (entry.contains(key))
      for (const auto &[name, value] : entry.at(key).items()) {
        llvm::erase_if(*list, [&, &name = name](const std::string &option) {
          return llvm::StringRef(option).rsplit('=').first == name;
        });
        list->push_back(name + "=" + text(value));
      }
  return arguments;
}

/// The shape of a batch file is checked before anything runs.
bool isBatch(const nlohmann::json &list) {
  return list.is_array() && llvm::all_of(list, [](const nlohmann::json &entry) {
           auto isText = [&](const char *key) { return !entry.contains(key) || entry.at(key).is_string(); };
           auto isObject = [&](const char *key) { return !entry.contains(key) || entry.at(key).is_object(); };
           return entry.is_object() && entry.contains("model") && isText("model") && isText("inputs") &&
                  isText("save") && isObject("set") && isObject("dim");
         });
}

int runBatch(const Arguments &arguments) {
  std::ifstream file(arguments.batch);
  nlohmann::json list = nlohmann::json::parse(file, nullptr, false);
  if (list.is_discarded() || !isBatch(list)) {
    Diagnostics diagnostics(arguments.batch);
    diagnostics.report(Code::E0601, "is no list of {\"model\", \"inputs\", \"save\", \"set\"}");
    llvm::errs() << diagnostics.text();
    return 1;
  }
  bool ok = true;
  for (const nlohmann::json &entry : list) {
    Arguments one = entryArguments(arguments, entry);
    Run run(one);
    nlohmann::json line{{"model", one.model}, {"ok", run.execute()}};
    if (!line["ok"]) line["error"] = run.reports().text();
    ok &= line["ok"].get<bool>();
    llvm::outs() << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    llvm::outs().flush();
  }
  return ok ? 0 : 1;
}

} // namespace

void addInterpret(CLI::App &app, Action &action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("interpret", "run a model with the graph interpreter");
  const std::map<std::string, interp::FloatMode> modes = {{"f64", interp::FloatMode::F64},
                                                          {"f32", interp::FloatMode::F32},
                                                          {"f16-rounded", interp::FloatMode::F16Rounded}};
  auto *model = command->add_option("model", arguments->model, "ONNX model");
  command->add_option("--inputs", arguments->inputs, "arrays by input name (.npz)");
  command->add_option("--save", arguments->save, "write the outputs (.npz)");
  command->add_option("--save-all", arguments->saveAll, "write every value, by node path (.npz)");
  command->add_option("--float", arguments->mode, "arithmetic: f64, f32 or f16-rounded")
      ->transform(CLI::CheckedTransformer(modes))
      ->option_text("MODE");
  command->add_option("--dim", arguments->dims, "NAME=lo..hi[:multiple] or NAME=value")->take_all();
  command->add_option("--set", arguments->sets, "bake in an input: NAME=VALUE")->take_all();
  command->add_flag("--after-passes", arguments->afterPasses,
                    "run the graph passes first: what would be compiled");
  command->add_option("--precision", arguments->precision,
                      "of --after-passes: as-is, fp32, tf32, fp16 or bf16");
  command->add_option("--disable", arguments->disable,
                      "passes and fusion kinds that --after-passes leaves out");
  auto *batch =
      command->add_option("--batch", arguments->batch, "JSON list of runs; one JSON line each on stdout");
  batch->excludes(model);
  command->callback([arguments, &action] {
    if (arguments->model.empty() && arguments->batch.empty()) throw CLI::RequiredError("model or --batch");
    action = [arguments] { return arguments->batch.empty() ? runOne(*arguments) : runBatch(*arguments); };
  });
}

} // namespace dlc::tool
