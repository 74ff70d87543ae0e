// dlc-opt: runs single passes or pipelines on IR text, to study and to test them.
//
//   dlc-opt --fuse-regions --target=a100 --remarks=text model.mlir
//   dlc-opt --graph-pipeline --schedule-regions model.mlir                 its kernels
//   dlc-opt --graph-pipeline --build-plan model.mlir                       its launches and memory, as JSON
//   dlc-opt --distribute --expand-scalars --lower-to-llvm kernel.mlir      a tile program, written by hand
//
// Weights that the text names have no bytes here: passes see seeded ones of their type. Remarks go to stderr
// after the run. Flags that are not passes are those of CompileOptions, as in dlc.
#include "compiler/compile.h"
#include "ir/graph/graph.h"
#include "ir/graph/weights.h"
#include "ir/interp/check_semantics.h"
#include "ir/interp/fold.h"
#include "ir/tile/tile.h"
#include "passes/graph/passes.h"
#include "passes/graph/region_name.h"
#include "passes/lower/passes.h"
#include "passes/schedule/passes.h"
#include "tools/dlc_opt/seeded_weights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/ToolOutputFile.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("dlc options");
static cl::opt<std::string> target("target", cl::desc("device or architecture to decide for"),
                                   cl::init("a100"), cl::cat(category));
static cl::opt<std::string> precision("precision", cl::desc("as-is, fp32, tf32, fp16 or bf16"),
                                      cl::init("as-is"), cl::cat(category));
static cl::opt<std::string>
    disable("disable", cl::desc("passes and fusion kinds to switch off, comma-separated"), cl::cat(category));
static cl::list<std::string> splits("split", cl::desc("REGION=N: CTAs that share a row or a tile, by hand"),
                                    cl::cat(category));
static cl::list<std::string> tiles("tile", cl::desc("REGION=MxNxK: the tile of a product, by hand"),
                                   cl::cat(category));
static cl::opt<std::string> remarks("remarks", cl::desc("print each decision: text or json"),
                                    cl::cat(category));

static cl::opt<bool> check("check-semantics",
                           cl::desc("run the module before and after each pass on seeded inputs and compare"),
                           cl::cat(category));
static cl::opt<bool> listRegions("list-regions",
                                 cl::desc("print one line per region to stderr: name, hero, ops, hash"),
                                 cl::cat(category));
static cl::opt<bool>
    printPlan("build-plan", cl::desc("print the launch plan of the regions that the passes leave, as JSON"),
              cl::cat(category));

namespace {

/// Gives the context's table a seeded entry for each weight that a module names, before its first pass runs.
struct SeedWeights : mlir::PassInstrumentation {
  explicit SeedWeights(dlc::WeightsTable &weights) : weights(weights) {}
  void runBeforePass(mlir::Pass *, mlir::Operation *op) override {
    if (auto module = mlir::dyn_cast<mlir::ModuleOp>(op)) dlc::seedWeights(module, weights);
  }
  dlc::WeightsTable &weights;
};

/// One line per region, then how many there are and how many differ.
struct ListRegions : mlir::PassWrapper<ListRegions, mlir::OperationPass<mlir::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ListRegions)
  void runOnOperation() override {
    std::set<uint64_t> distinct;
    int count = 0;
    getOperation().walk([&](dlc::graph::RegionOp region) {
      uint64_t hash = dlc::graph::structuralHash(region);
      distinct.insert(hash);
      ++count;
      llvm::errs() << llvm::formatv("{0,-48} {1,-7} {2,4} ops  {3:x-16}\n", region.getName(),
                                    region.getHero(), region.getBody().front().getOperations().size() - 1,
                                    hash);
    });
    llvm::errs() << count << " regions, " << distinct.size() << " distinct\n";
  }
};

/// The launch plan of a module of regions, as `dlc --emit=plan` prints it.
struct BuildPlan : mlir::PassWrapper<BuildPlan, mlir::OperationPass<mlir::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BuildPlan)
  BuildPlan(dlc::PassContext &context, std::string &text) : context(context), text(text) {}

  void getDependentDialects(mlir::DialectRegistry &registry) const override {
    dlc::registerDialects(registry);
  }
  void runOnOperation() override {
    dlc::GraphModule model{getOperation().clone(), std::move(*context.weights)};
    dlc::CompileRequest request;
    request.emit = dlc::Level::Plan;
    request.info.target = context.options.target;
    request.info.arch = "sm_80";
    dlc::CompileResult result;
    dlc::Diagnostics diagnostics("dlc-opt");
    bool built = dlc::compileRegions(model, request, context, result, diagnostics);
    *context.weights = std::move(model.weights);
    llvm::errs() << diagnostics.text();
    text = result.text;
    if (!built) signalPassFailure();
  }

  dlc::PassContext &context;
  std::string &text;
};

} // namespace

static bool fail(const std::string &message) {
  llvm::errs() << "dlc-opt: error: " << message << '\n';
  return false;
}

static bool readFlags(dlc::PassContext &context) {
  context.options.target = dlc::findTarget(target);
  if (!context.options.target) return fail("no target is called '" + target + "'");
  auto parsed = dlc::parsePrecision(precision);
  if (!parsed) return fail("no precision is called '" + precision + "'");
  context.options.precision = *parsed;
  std::string error;
  if (!context.options.disable(disable.getValue(), error)) return fail(error);
  for (const std::string &text : splits)
    if (!context.options.byHand.addSplit(text, error)) return fail(error);
  for (const std::string &text : tiles)
    if (!context.options.byHand.addTile(text, error)) return fail(error);
  if (remarks.empty()) return true;
  auto format = dlc::parseRemarkFormat(remarks.getValue());
  if (!format) return fail("remarks are text or json, not '" + remarks + "'");
  context.remarks.enable(*format);
  return true;
}

// Hundreds of code generation flags come with LLVM's libraries. They are still taken, and shown by
// --help-hidden. MLIR registers its own later.
static void hideOptionsOfLlvm() {
  for (auto &[name, option] : cl::getRegisteredOptions())
    if (!llvm::is_contained(option->Categories, &category) &&
        option->getOptionHiddenFlag() == cl::NotHidden && name != "help" && name != "version")
      option->setHiddenFlag(cl::Hidden);
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<dlc::graph::GraphDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                  mlir::func::FuncDialect, mlir::scf::SCFDialect, mlir::LLVM::LLVMDialect,
                  mlir::NVVM::NVVMDialect, dlc::tile::TileDialect>();
  mlir::func::registerInlinerExtension(registry);
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerInlinerPass();
  mlir::registerSymbolDCEPass();

  dlc::WeightsTable weights;
  dlc::PassContext context;
  context.weights = &weights;
  dlc::graph::registerGraphPasses(context);
  dlc::schedule::registerSchedulePasses(context);
  dlc::lower::registerLowerPasses();
  hideOptionsOfLlvm();
  auto [input, output] =
      mlir::registerAndParseCLIOptions(argc, argv, "dlc-opt: passes of dlc on IR text", registry);
  if (!readFlags(context)) return 1;

  int differences = 0;
  std::string planText;
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  auto passes = config;
  config.setPassPipelineSetupFn([&](mlir::PassManager &manager) {
    manager.addInstrumentation(std::make_unique<SeedWeights>(weights));
    if (check) manager.addInstrumentation(dlc::interp::semanticsInstrumentation(&weights, {}, differences));
    if (mlir::failed(passes.setupPassPipeline(manager))) return mlir::failure();
    if (listRegions) manager.addPass(std::make_unique<ListRegions>());
    if (printPlan) manager.addPass(std::make_unique<BuildPlan>(context, planText));
    return mlir::success();
  });
  std::string error;
  auto source = mlir::openInputFile(input, &error);
  auto sink = source ? mlir::openOutputFile(output, &error) : nullptr;
  if (!sink) return fail(error), 1;
  bool failed = mlir::failed(
      mlir::MlirOptMain(printPlan ? llvm::nulls() : sink->os(), std::move(source), registry, config));
  if (!failed) {
    sink->os() << planText;
    sink->keep();
  }
  sink->os().flush();
  if (sink->os().has_error()) {
    failed = !fail("cannot write the output: " + sink->os().error().message());
    sink->os().clear_error();
  }
  llvm::errs() << context.remarks.text();
  return failed || differences;
}
