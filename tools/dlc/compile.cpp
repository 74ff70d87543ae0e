// dlc model.onnx -o model.ptx
#include "compiler/compile.h"
#include "compiler/import/import.h"
#include "tools/dlc/commands.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

namespace dlc::tool {

namespace {

struct Arguments {
  std::string model, output, target = "a100", emit;
  std::vector<std::string> dims, sets;
  int jobs = 0;
};

int fail(const std::string &file, const std::string &code, const std::string &message,
         const std::string &help) {
  llvm::errs() << file << ": error[" << code << "]: " << message << "\n  help: " << help << "\n";
  return 1;
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

int compile(const Arguments &arguments) {
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
  CompileResult result;
  std::string error;
  if (!compileRegions(*model, request, result, error))
    return fail(arguments.model, "E0903", error, "please report it with the model");
  if (request.emit) {
    std::cout << result.text;
    return 0;
  }
  std::cout << arguments.output << ": " << result.regions << " regions, " << result.kernels
            << " kernels, sha256 " << result.hash << "\n";
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
  app.add_option("-j", arguments->jobs, "1: compile kernels one after another");
  app.callback([arguments, &action, &app] {
    if (arguments->model.empty() || !app.get_subcommands().empty()) return;
    if (arguments->output.empty())
      arguments->output = arguments->model.substr(0, arguments->model.rfind('.')) + ".ptx";
    action = [arguments] { return compile(*arguments); };
  });
}

} // namespace dlc::tool
