// dlc model.onnx -o model.ptx
#include "compiler/compile.h"
#include "compiler/import/import.h"
#include "tools/dlc/commands.h"
#include "tools/dlc/save_values.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>

namespace dlc::tool {

namespace {

struct Arguments {
  std::string model, output, target = "a100", emit, precision = "as-is", disable, remarks, saveValues, inputs;
  interp::FloatMode mode = interp::FloatMode::F32;
  std::vector<std::string> dims, sets;
  int jobs = 0;
  bool listTargets = false, listPasses = false;
};

int printLists(const Arguments &arguments) {
  if (arguments.listTargets)
    for (const std::string &name : targetNames()) std::cout << name << "\n";
  if (arguments.listPasses)
    for (const Switch &entry : allSwitches())
      std::cout << llvm::formatv("{0,-24} {1}\n", entry.name, entry.summary).str();
  return 0;
}

int fail(const std::string &file, const std::string &code, const std::string &message,
         const std::string &help) {
  llvm::errs() << file << ": error[" << code << "]: " << message << "\n  help: " << help << "\n";
  return 1;
}

std::string seconds(std::chrono::steady_clock::time_point since) {
  std::chrono::duration<double> passed = std::chrono::steady_clock::now() - since;
  return llvm::formatv("{0:f2}", passed.count());
}

/// An ONNX model by its import, anything else as text of the graph level.
std::optional<GraphModule> load(const Arguments &arguments, mlir::MLIRContext &context) {
  if (llvm::StringRef(arguments.model).ends_with(".mlir")) {
    GraphModule model;
    model.module = mlir::parseSourceFile<mlir::ModuleOp>(arguments.model, &context);
    if (!model.module) return std::nullopt;
    return model;
  }
  Diagnostics diagnostics(arguments.model);
  ImportOptions options;
  for (const std::string &text : arguments.dims) parseDimOption(text, options, diagnostics);
  for (const std::string &text : arguments.sets) parseSetOption(text, options, diagnostics);
  std::optional<GraphModule> model;
  if (!diagnostics.hasErrors()) model = importOnnx(arguments.model, options, context, diagnostics);
  llvm::errs() << diagnostics.text();
  return model;
}

/// The options of the graph passes, as the flags say; an exit status when they are wrong.
std::optional<int> readOptions(const Arguments &arguments, PassContext &passes) {
  std::string error;
  if (auto precision = parsePrecision(arguments.precision))
    passes.options.precision = *precision;
  else
    return fail(arguments.model, "E0904", "unknown precision '" + arguments.precision + "'",
                "precisions are as-is, fp32, tf32, fp16, bf16");
  if (!passes.options.disable(arguments.disable, error))
    return fail(arguments.model, "E0905", error, "dlc --list-passes names what --disable takes");
  if (auto format = parseRemarkFormat(arguments.remarks))
    passes.remarks.enable(*format);
  else if (!arguments.remarks.empty())
    return fail(arguments.model, "E0906", "unknown format of remarks '" + arguments.remarks + "'",
                "formats are text and json");
  return std::nullopt;
}

int compile(const Arguments &arguments) {
  auto start = std::chrono::steady_clock::now();
  CompileRequest request;
  request.output = arguments.output;
  request.info.target = findTarget(arguments.target);
  request.info.arch = "sm_80";
  request.threads = arguments.jobs != 1;
  if (!request.info.target)
    return fail(arguments.model, "E0901", "unknown target '" + arguments.target + "'",
                "dlc --list-targets names them");
  if (!arguments.emit.empty() && !(request.emit = parseLevel(arguments.emit)))
    return fail(arguments.model, "E0902", "unknown level '" + arguments.emit + "'",
                "levels are graph, regions, tile, thread, llvm, ptx, plan");
  mlir::MLIRContext context(request.threads ? mlir::MLIRContext::Threading::ENABLED
                                            : mlir::MLIRContext::Threading::DISABLED);
  prepareContext(context);
  std::optional<GraphModule> model = load(arguments, context);
  if (!model) return 1;
  if (request.emit == Level::Graph) {
    model->module->print(llvm::outs());
    return 0;
  }
  PassContext passes;
  passes.options.target = request.info.target;
  if (auto status = readOptions(arguments, passes)) return *status;
  request.info.options = {
      {"target", arguments.target}, {"precision", arguments.precision}, {"disable", arguments.disable}};
  CompileResult result;
  std::string error;
  bool passed = runGraphPasses(*model, passes, error);
  llvm::errs() << passes.remarks.text();
  if (!passed) return fail(arguments.model, "E0903", error, "please report it with the model");
  if (!compileRegions(*model, request, result, error))
    return fail(arguments.model, "E0903", error, "please report it with the model");
  if (request.emit) {
    std::cout << result.text;
    return 0;
  }
  if (!arguments.saveValues.empty()) {
    error = saveValues(*model, result.plan, arguments.inputs, arguments.saveValues, arguments.mode);
    if (!error.empty())
      return fail(arguments.model, "E0907", error, "--inputs names a file with every input of the model");
  }
  std::cout << arguments.output << ": " << result.regions << " regions, " << result.kernels << " kernels, "
            << seconds(start) << " s, sha256 " << result.hash << "\n";
  return 0;
}

} // namespace

void addCompile(CLI::App &app, Action &action) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("model", arguments->model, "model: .onnx, or .mlir of the graph level");
  app.add_option("-o,--output", arguments->output, "artifact to write (default: the model's name with .ptx)");
  app.add_option("--target", arguments->target, "device or architecture");
  app.add_option("--emit", arguments->emit,
                 "print a level instead: graph, regions, tile, thread, llvm, ptx, plan");
  app.add_option("--dim", arguments->dims, "NAME=lo..hi[:multiple] or NAME=value: range of a symbolic dim")
      ->allow_extra_args(false);
  app.add_option("--set", arguments->sets, "INPUT=VALUE: bakes an input's value in")->allow_extra_args(false);
  app.add_option("--precision", arguments->precision, "as-is, fp32, tf32, fp16 or bf16");
  app.add_option("--disable", arguments->disable,
                 "passes and kinds of fusion to switch off, comma-separated");
  app.add_option("--remarks", arguments->remarks, "print each decision to stderr: text or json");
  app.add_flag("--list-targets", arguments->listTargets, "print the names that --target takes");
  app.add_flag("--list-passes", arguments->listPasses, "print the names that --disable takes");
  auto *save = app.add_option("--save-values", arguments->saveValues,
                              "folder to write every region's operands and results to, from the interpreter");
  auto *inputs = app.add_option("--inputs", arguments->inputs, "inputs for --save-values, .npz");
  save->needs(inputs);
  inputs->needs(save);
  static const std::map<std::string, interp::FloatMode> modes = {{"f64", interp::FloatMode::F64},
                                                                 {"f32", interp::FloatMode::F32}};
  app.add_option("--float", arguments->mode, "arithmetic of --save-values: f32 (default) or f64")
      ->transform(CLI::CheckedTransformer(modes))
      ->needs(save);
  app.add_option("-j", arguments->jobs, "1: compile kernels one after another");
  app.callback([arguments, &action, &app] {
    if (arguments->listTargets || arguments->listPasses) {
      action = [arguments] { return printLists(*arguments); };
      return;
    }
    if (arguments->model.empty() || !app.get_subcommands().empty()) return;
    if (arguments->output.empty())
      arguments->output = arguments->model.substr(0, arguments->model.rfind('.')) + ".ptx";
    action = [arguments] { return compile(*arguments); };
  });
}

} // namespace dlc::tool
