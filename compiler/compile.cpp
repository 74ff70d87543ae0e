#include "compiler/compile.h"

#include "compiler/codegen/lines.h"
#include "compiler/kernels.h"
#include "compiler/threads.h"
#include "ir/interp/fold.h"
#include "passes/graph/pipeline.h"
#include "passes/plan/build_plan.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace dlc {

void registerDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, math::MathDialect,
                  scf::SCFDialect, vector::VectorDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
                  graph::GraphDialect, tile::TileDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

void prepareContext(MLIRContext &context) {
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}

namespace {

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

/// The compile of a model that consists of regions, step by step; a step that fails leaves a diagnostic.
class RegionCompile {
public:
  RegionCompile(GraphModule &model, const CompileRequest &request, PassContext &context,
                CompileResult &result, Diagnostics &diagnostics)
      : model(model), request(request), context(context), result(result), diagnostics(diagnostics),
        module(*model.module) {}

  bool run() {
    if (!result.phases.time("schedules", [&] { return schedule(); }) ||
        !result.phases.time("kernels", [&] { return lower(); }))
      return false;
    if (request.emit && *request.emit < Level::Ptx) return dumped();
    if (!result.phases.time("plan", [&] { return plan(); })) return false;
    if (!dumped()) return false;
    if (request.emit) return true;
    return result.phases.time("writing", [&] { return write(); });
  }

private:
  bool schedule() {
    if (request.lines) {
      text.graph = placeInText(module, llvm::sys::path::filename(graphTextPath(request.output)).str(),
                               graphTextHeading(request.output));
    }
    scheduled = schedule::scheduleRegions(module, context.options, context.remarks);
    for (auto &kind : scheduled.kinds) units.push_back({*kind, units.size()});
    result.regions = scheduled.regions.size();
    std::string unused = schedule::unusedByHand(scheduled, context.options);
    return unused.empty() || fail(Code::E0506, unused);
  }

  bool lower() {
    SmallVector<Unit *> longestFirst = byLength();
    forEachOnThreads(*module.getContext(), request.threads, units.size(),
                     [&](size_t k) { lowerUnit(*longestFirst[k], request, result); });
    std::vector<std::string> texts;
    for (auto &unit : units) {
      if (!unit.error.empty()) return fail(Code::E0999, unit.kind.name + ": " + unit.error);
      texts.push_back(std::move(unit.ptx));
      // Modules of MLIR, which dlc-opt -split-input-file reads one by one.
      if (request.emit && *request.emit < Level::Llvm && &unit != &units.front()) result.text += "// -----\n";
      result.text += unit.text;
    }
    text.ptx = mergePtx(texts);
    return true;
  }

  /// Units by their number of operations, so that no thread is left with a long one at the end.
  SmallVector<Unit *> byLength() {
    std::vector<std::pair<size_t, Unit *>> lengths;
    for (Unit &unit : units) {
      size_t operations = 0;
      (*unit.kind.scheduled.module)->walk([&](Operation *) { ++operations; });
      lengths.emplace_back(operations, &unit);
    }
    llvm::sort(lengths, std::greater<>());
    return llvm::to_vector_of<Unit *>(llvm::make_second_range(lengths));
  }

  bool plan() {
    std::string error;
    auto built = plan::buildPlan(model, scheduled.regions, error);
    if (!built) return fail(Code::E0999, error);
    for (auto &unit : units)
      for (const schedule::Variant &variant : unit.kind.scheduled.variants)
        for (const schedule::Launch &launch : variant.launches)
          built->kernels.push_back({launch.kernel, unit.kernel(launch.kernel)});
    result.kernels = built->kernels.size();
    result.plan = std::move(*built);
    if (request.emit == Level::Ptx) result.text = text.ptx;
    if (request.emit != Level::Plan && !result.dump.isWanted()) return true;
    std::string document = planText(result.plan, request.info, "") + "\n";
    result.dump.write(Level::Plan, document);
    if (request.emit == Level::Plan) result.text = std::move(document);
    return true;
  }

  bool write() {
    if (request.beforeWriting && !request.beforeWriting(result.plan)) return false;
    std::string error;
    return writeArtifact(request.output, text, result.plan, model.weights, request.info, result.hash,
                         error) ||
           fail(Code::E0701, error);
  }

  bool dumped() { return result.dump.error().empty() || fail(Code::E0603, result.dump.error()); }
  bool fail(Code code, const std::string &message) {
    diagnostics.report(code, message);
    return false;
  }

  GraphModule &model;
  const CompileRequest &request;
  PassContext &context;
  CompileResult &result;
  Diagnostics &diagnostics;
  ModuleOp module;
  schedule::ModuleSchedule scheduled;
  std::vector<Unit> units;
  ArtifactText text;
};

} // namespace

bool runGraphPasses(GraphModule &model, PassContext &context, CompileResult &result,
                    Diagnostics &diagnostics) {
  context.weights = &model.weights;
  interp::installFoldRunner(model.weights, *model.module);
  PassManager manager(model.module->getContext(), ModuleOp::getOperationName());
  graph::buildGraphPipeline(manager, context);
  if (succeeded(result.phases.time("graph passes", [&] { return manager.run(*model.module); }))) return true;
  diagnostics.report(Code::E0999, "a graph pass failed");
  return false;
}

bool compileRegions(GraphModule &model, const CompileRequest &request, PassContext &context,
                    CompileResult &result, Diagnostics &diagnostics) {
  if (request.emit == Level::Regions || result.dump.isWanted()) {
    std::string text = print(*model.module);
    result.dump.write(Level::Regions, text);
    if (request.emit == Level::Regions) {
      result.text = std::move(text);
      return true;
    }
  }
  return RegionCompile(model, request, context, result, diagnostics).run();
}

} // namespace dlc
