// dlc model.onnx -o model.ptx
#include "compiler/compile.h"
#include "tools/dlc/commands.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

namespace dlc::tool {

namespace {

struct Arguments {
  std::string model, output, target = "a100", emit;
  int jobs = 0;
};

int fail(const std::string &file, const std::string &code, const std::string &message,
         const std::string &help) {
  llvm::errs() << file << ": error[" << code << "]: " << message << "\n  help: " << help << "\n";
  return 1;
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
  GraphModule model;
  model.module = mlir::parseSourceFile<mlir::ModuleOp>(arguments.model, &context);
  if (!model.module) return 1;
  CompileResult result;
  std::string error;
  if (!compileRegions(model, request, result, error))
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
  app.add_option("-j", arguments->jobs, "1: compile kernels one after another");
  app.callback([arguments, &action, &app] {
    if (arguments->model.empty() || !app.get_subcommands().empty()) return;
    if (arguments->output.empty())
      arguments->output = arguments->model.substr(0, arguments->model.rfind('.')) + ".ptx";
    action = [arguments] { return compile(*arguments); };
  });
}

} // namespace dlc::tool
