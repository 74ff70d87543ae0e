#include "compiler/compile.h"

#include "compiler/codegen/ptx.h"
#include "ir/interp/fold.h"
#include "passes/graph/pipeline.h"
#include "passes/lower/distribute.h"
#include "passes/lower/to_llvm.h"
#include "passes/plan/build_plan.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/IR/Threading.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

using namespace mlir;

namespace dlc {

std::optional<Level> parseLevel(std::string_view name) {
  static const std::pair<std::string_view, Level> levels[] = {
      {"graph", Level::Graph}, {"regions", Level::Regions}, {"tile", Level::Tile}, {"thread", Level::Thread},
      {"llvm", Level::Llvm},   {"ptx", Level::Ptx},         {"plan", Level::Plan}};
  for (auto &[text, level] : levels)
    if (text == name) return level;
  return std::nullopt;
}

void prepareContext(MLIRContext &context) {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, math::MathDialect,
                  scf::SCFDialect, vector::VectorDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
                  graph::GraphDialect, tile::TileDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}

namespace {

/// Kernels that one or more equal regions share.
struct Unit {
  schedule::Scheduled scheduled;
  std::string ptx, text, error;
  plan::Kernel kernel(StringRef name) {
    // Shared memory of exchanges is a global of the kernel's own.
    plan::Kernel info;
    for (const schedule::Variant &variant : scheduled.variants)
      for (const schedule::Launch &launch : variant.launches)
        if (launch.kernel == name) info.threads = launch.warps * 32;
    if (auto at = scratch.find(name); at != scratch.end()) info.staticShared = at->second;
    return info;
  }
  llvm::StringMap<int64_t> scratch;
};

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

// From tiles to PTX, stopping at the level asked for.
void lowerUnit(Unit &unit, const CompileRequest &request) {
  ModuleOp module = *unit.scheduled.module;
  auto stopAt = [&](Level level) {
    if (request.emit != level) return false;
    unit.text = print(module);
    return true;
  };
  auto step = [&](LogicalResult result, const char *what) {
    if (succeeded(result) && succeeded(verify(module))) return true;
    unit.error = std::string(what) + " failed";
    return false;
  };
  if (stopAt(Level::Tile)) return;
  if (!step(verify(module), "verification of tile code") ||
      !step(lower::distribute(module), "distribution over threads"))
    return;
  for (auto function : module.getOps<func::FuncOp>())
    if (auto bytes = function->getAttrOfType<IntegerAttr>("tile.scratch"))
      unit.scratch[function.getName()] = bytes.getInt();
  if (!step(lower::expandScalars(module), "expansion of scalar arithmetic") || stopAt(Level::Thread)) return;
  if (!step(lower::lowerToLLVM(module), "lowering to llvm")) return;
  PtxOptions options;
  options.cpu = request.info.arch;
  std::string llvmText;
  bool wantsLlvm = request.emit == Level::Llvm;
  auto ptx = emitPtx(module, options, unit.error, wantsLlvm ? &llvmText : nullptr);
  if (!ptx) return;
  unit.ptx = std::move(*ptx);
  if (wantsLlvm) unit.text = std::move(llvmText);
}

} // namespace

bool runGraphPasses(GraphModule &model, PassContext &context, Diagnostics &diagnostics) {
  context.weights = &model.weights;
  interp::installFoldRunner(model.weights, *model.module);
  PassManager manager(model.module->getContext(), ModuleOp::getOperationName());
  graph::buildGraphPipeline(manager, context);
  if (succeeded(manager.run(*model.module))) return true;
  diagnostics.report(Code::E0999, "a graph pass failed");
  return false;
}

bool compileRegions(GraphModule &model, const CompileRequest &request, CompileResult &result,
                    Diagnostics &diagnostics) {
  ModuleOp module = *model.module;
  if (request.emit == Level::Graph || request.emit == Level::Regions) {
    result.text = print(module);
    return true;
  }
  // Schedule: equal regions share their kernels.
  auto ranges = plan::symbolRanges(module);
  std::vector<std::unique_ptr<Unit>> units;
  std::map<std::string, Unit *> byKey;
  std::vector<plan::RegionSchedule> schedules;
  module.walk([&](graph::RegionOp region) {
    schedule::CanonicalRegion canonical = schedule::canonicalize(region, ranges);
    Unit *&unit = byKey[canonical.key];
    if (!unit) {
      units.push_back(std::make_unique<Unit>());
      unit = units.back().get();
      unit->scheduled = schedule::scheduleRegion(canonical, *request.info.target, region.getName().str());
    }
    schedules.push_back({region, canonical.symbols, &unit->scheduled});
  });
  result.regions = schedules.size();
  // Lower every kernel, in parallel.
  auto lower = [&](std::unique_ptr<Unit> &unit) { lowerUnit(*unit, request); };
  if (request.threads)
    parallelForEach(module.getContext(), units, lower);
  else
    llvm::for_each(units, lower);
  std::vector<std::string> texts;
  for (auto &unit : units) {
    if (!unit->error.empty()) {
      diagnostics.report(Code::E0999, unit->error);
      return false;
    }
    texts.push_back(unit->ptx);
    result.text += unit->text;
  }
  if (request.emit && *request.emit < Level::Ptx) return true;
  std::string ptx = mergePtx(texts);
  std::string error;
  auto plan = plan::buildPlan(model, schedules, error);
  if (!plan) {
    diagnostics.report(Code::E0999, error);
    return false;
  }
  for (auto &unit : units)
    for (const schedule::Variant &variant : unit->scheduled.variants)
      for (const schedule::Launch &launch : variant.launches)
        plan->kernels.push_back({launch.kernel, unit->kernel(launch.kernel)});
  result.kernels = plan->kernels.size();
  if (request.emit == Level::Ptx) {
    result.text = ptx;
    return true;
  }
  if (request.emit == Level::Plan) {
    result.text = planText(*plan, request.info, "") + "\n";
    return true;
  }
  bool written = writeArtifact(request.output, ptx, *plan, model.weights, request.info, result.hash, error);
  if (!written) diagnostics.report(Code::E0701, error);
  result.plan = std::move(*plan);
  return written;
}

} // namespace dlc
