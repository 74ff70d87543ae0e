// dlc model.onnx -o model.ptx
#include "compiler/compile.h"
#include "compiler/import/import.h"
#include "compiler/threads.h"
#include "runtime/failure.h"
#include "tools/dlc/commands.h"
#include "tools/dlc/save_values.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>

namespace dlc::tool {

namespace {

struct Arguments {
  std::string model, output, target = "a100", emit, precision = "as-is", disable, remarks, saveValues, inputs,
                             dumpFolder;
  interp::FloatMode mode = interp::FloatMode::F32;
  std::vector<std::string> dims, sets, splits, tiles;
  unsigned jobs = 0;
  bool lines = false, timing = false, listTargets = false, listPasses = false;
};

int printLists(const Arguments &arguments) {
  if (arguments.listTargets)
    for (const std::string &name : targetNames()) std::cout << name << "\n";
  if (arguments.listPasses)
    for (const Switch &entry : allSwitches())
      std::cout << llvm::formatv("{0,-24} {1}\n", entry.name, entry.summary).str();
  return 0;
}

std::string seconds(std::chrono::steady_clock::time_point since) {
  std::chrono::duration<double> passed = std::chrono::steady_clock::now() - since;
  return llvm::formatv("{0:f2}", passed.count());
}

/// One compile: what the flags say, and the diagnostics that it leaves.
class Compile {
public:
  explicit Compile(const Arguments &arguments)
      : arguments(arguments), diagnostics(arguments.model), start(std::chrono::steady_clock::now()),
        result(arguments.dumpFolder) {}

  int run() {
    bool done = readOptions() && compile();
    llvm::errs() << passes.remarks.text() << diagnostics.text();
    if (done && arguments.timing) llvm::errs() << result.phases.text();
    return done && !diagnostics.hasErrors() ? 0 : 1;
  }

private:
  bool readOptions() {
    std::string error;
    request.output = arguments.output;
    request.info.arch = "sm_80";
    request.info.options = {
        {"target", arguments.target}, {"precision", arguments.precision}, {"disable", arguments.disable}};
    request.threads = threadCount(arguments.jobs);
    request.lines = arguments.lines;
    request.info.target = passes.options.target = findTarget(arguments.target);
    if (!request.info.target)
      diagnostics.report(Code::E0504, "no target is called '" + arguments.target + "'");
    else if (request.info.target->computeMajor < 8)
      diagnostics.report(Code::W0501, "'" + arguments.target + "' is " + request.info.target->arch +
                                          ", the PTX is for " + request.info.arch +
                                          ": it will not load there");
    if (!arguments.emit.empty() && !(request.emit = parseLevel(arguments.emit)))
      diagnostics.report(Code::E0505, "no level is called '" + arguments.emit + "'");
    if (auto precision = parsePrecision(arguments.precision))
      passes.options.precision = *precision;
    else
      diagnostics.report(Code::E0503, "no precision is called '" + arguments.precision + "'", "",
                         "precisions are " + precisionNames());
    if (!passes.options.disable(arguments.disable, error)) diagnostics.report(Code::E0503, error);
    for (const std::string &text : arguments.splits)
      if (!passes.options.byHand.addSplit(text, error)) diagnostics.report(Code::E0506, error);
    for (const std::string &text : arguments.tiles)
      if (!passes.options.byHand.addTile(text, error)) diagnostics.report(Code::E0506, error);
    if (!arguments.splits.empty()) request.info.options["split"] = llvm::join(arguments.splits, ",");
    if (!arguments.tiles.empty()) request.info.options["tile"] = llvm::join(arguments.tiles, ",");
    if (auto format = parseRemarkFormat(arguments.remarks))
      passes.remarks.enable(*format);
    else if (!arguments.remarks.empty())
      diagnostics.report(Code::E0505, "no format of remarks is called '" + arguments.remarks + "'");
    if (result.dump.isWanted())
      if (error = result.dump.create(); !error.empty()) diagnostics.report(Code::E0603, error);
    if (isText()) {
      const char *help = "bounds of dims are in the text: graph.symbol \"NAME\" min LO max HI multiple N";
      if (!arguments.dims.empty())
        diagnostics.report(Code::E0501, "--dim is for ONNX models, not for text", "", help);
      if (!arguments.sets.empty())
        diagnostics.report(Code::E0502, "--set is for ONNX models, not for text", "", help);
    }
    for (const std::string &text : arguments.dims) parseDimOption(text, import, diagnostics);
    for (const std::string &text : arguments.sets) parseSetOption(text, import, diagnostics);
    return !diagnostics.hasErrors();
  }

  bool isText() const { return llvm::StringRef(arguments.model).ends_with(".mlir"); }

  /// An ONNX model by its import, anything else as text of the graph level.
  std::optional<GraphModule> load(mlir::MLIRContext &context) {
    if (!isText()) return importOnnx(arguments.model, import, context, diagnostics);
    GraphModule model;
    std::string place, wrong; // the first error of MLIR's parser and verifier
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &d) {
      if (d.getSeverity() != mlir::DiagnosticSeverity::Error || !wrong.empty()) return;
      if (auto at = mlir::dyn_cast<mlir::FileLineColLoc>(d.getLocation()))
        place = "line " + std::to_string(at.getLine()) + ", column " + std::to_string(at.getColumn());
      wrong = d.str();
    });
    model.module = mlir::parseSourceFile<mlir::ModuleOp>(arguments.model, &context);
    if (!model.module)
      diagnostics.report(Code::E0201, wrong.empty() ? "not a module of the graph level" : wrong, place,
                         "the text must be one that `dlc MODEL --emit=graph` could have printed");
    else
      checkText(*model.module);
    return diagnostics.hasErrors() ? std::nullopt : std::optional(std::move(model));
  }

  void checkText(mlir::ModuleOp module) {
    auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
    if (!main || main.isExternal())
      diagnostics.report(Code::E0201, "the text has no function main", "",
                         "dlc takes the graph level; dlc-opt takes text of any level");
    if (request.emit && *request.emit < Level::Ptx) return; // until then weights are names
    module.walk([&](graph::ConstantOp constant) {
      auto weight = mlir::dyn_cast<graph::WeightAttr>(constant.getValue());
      if (!weight) return mlir::WalkResult::advance();
      diagnostics.report(Code::E0201, "weight " + weight.getName().str() + " has no bytes in text", "",
                         "compile the ONNX model, or print a level of the text with --emit=llvm at most");
      return mlir::WalkResult::interrupt();
    });
  }

  bool compile() {
    InlineThreadPool pool;
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    if (request.threads > 1) context.setThreadPool(pool);
    prepareContext(context);
    std::optional<GraphModule> model = result.phases.time("import", [&] { return load(context); });
    if (!model) return false;
    result.dump.clear();
    std::string imported;
    if (request.emit == Level::Graph || result.dump.isWanted()) {
      llvm::raw_string_ostream(imported) << *model->module;
      result.dump.write(Level::Graph, imported);
    }
    if (request.emit == Level::Graph) {
      std::cout << imported;
      return true;
    }
    if (!arguments.saveValues.empty())
      request.beforeWriting = [&](const plan::Plan &plan) {
        return saveValues(*model, plan, arguments.inputs, arguments.saveValues, arguments.mode, diagnostics);
      };
    if (!runGraphPasses(*model, passes, result, diagnostics) ||
        !compileRegions(*model, request, passes, result, diagnostics))
      return false;
    if (request.emit) {
      std::cout << result.text;
      return true;
    }
    std::cout << arguments.output << ": " << rt::counted(result.regions, "region", "regions") << ", "
              << rt::counted(result.kernels, "kernel", "kernels") << ", " << seconds(start) << " s, sha256 "
              << result.hash << "\n";
    return true;
  }

  const Arguments &arguments;
  Diagnostics diagnostics;
  std::chrono::steady_clock::time_point start;
  CompileRequest request;
  CompileResult result;
  PassContext passes;
  ImportOptions import;
};

} // namespace

void addCompile(CLI::App &app, Action &action) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("model", arguments->model, "model: .onnx, or .mlir of the graph level");
  auto *output = app.add_option("-o,--output", arguments->output,
                                "artifact to write (default: the model's name with .ptx)");
  output->check(CLI::Validator(
      [](std::string &path) { return path.empty() ? "the path is empty" : std::string(); }, ""));
  app.add_option("--target", arguments->target, "device or architecture");
  auto *emit = app.add_option("--emit", arguments->emit,
                              "print a level instead: graph, regions, tile, thread, llvm, ptx, plan");
  emit->excludes(output);
  app.add_option("--dim", arguments->dims, "NAME=lo..hi[:multiple] or NAME=value: range of a symbolic dim")
      ->allow_extra_args(false);
  app.add_option("--set", arguments->sets, "INPUT=VALUE: bakes an input's value in")->allow_extra_args(false);
  app.add_option("--precision", arguments->precision, "as-is, fp32, tf32, fp16 or bf16");
  app.add_option("--disable", arguments->disable,
                 "passes and kinds of fusion to switch off, comma-separated");
  app.add_option(
         "--split", arguments->splits,
         "REGION=N: N CTAs share a row or a tile of it, whatever the model of time says; *=N: of all others")
      ->allow_extra_args(false);
  app.add_option(
         "--tile", arguments->tiles,
         "REGION=MxNxK: the tile of a product on tensor cores, of those that the model of time chooses from; "
         "*=MxNxK: of all others")
      ->allow_extra_args(false);
  app.add_option("--remarks", arguments->remarks, "print each decision to stderr: text or json");
  app.add_flag("--timing", arguments->timing, "print to stderr how long each phase took");
  app.add_option("--dump-dir", arguments->dumpFolder,
                 "folder that receives each level as a file, kernel by kernel; files of a former dump go");
  app.add_flag("-g", arguments->lines,
               "line information: the PTX points into OUTPUT.mlir, a text of the graph");
  app.add_flag("--list-targets", arguments->listTargets, "print the names that --target takes");
  app.add_flag("--list-passes", arguments->listPasses, "print the names that --disable takes");
  auto *save = app.add_option("--save-values", arguments->saveValues,
                              "folder to write every region's operands and results to, from the interpreter");
  auto *inputs = app.add_option("--inputs", arguments->inputs, "inputs for --save-values, .npz");
  save->needs(inputs)->excludes(emit);
  inputs->needs(save);
  static const std::map<std::string, interp::FloatMode> modes = {{"f64", interp::FloatMode::F64},
                                                                 {"f32", interp::FloatMode::F32}};
  app.add_option("--float", arguments->mode, "arithmetic of --save-values: f32 (default) or f64")
      ->transform(CLI::CheckedTransformer(modes))
      ->option_text("MODE")
      ->needs(save);
  app.add_option("-j", arguments->jobs, "compile so many kernels at a time (default: one per core)")
      ->check(CLI::Range(0, 1024));
  app.callback([arguments, &action, &app] {
    if (arguments->listTargets || arguments->listPasses) {
      action = [arguments] { return printLists(*arguments); };
      return;
    }
    if (arguments->model.empty() || !app.get_subcommands().empty()) return;
    if (arguments->output.empty())
      arguments->output = arguments->model.substr(0, arguments->model.rfind('.')) + ".ptx";
    action = [arguments] { return Compile(*arguments).run(); };
  });
}

} // namespace dlc::tool
