#include "compiler/kernels.h"

#include "compiler/codegen/lines.h"
#include "compiler/codegen/ptx.h"
#include "passes/lower/distribute.h"
#include "passes/lower/to_llvm.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace dlc {

plan::Kernel Unit::kernel(StringRef name) const {
  plan::Kernel info;
  for (const schedule::Variant &variant : kind.scheduled.variants)
    for (const schedule::Launch &launch : variant.launches)
      if (launch.kernel == name) info.threads = launch.warps * 32;
  // Shared memory of exchanges is a global of the kernel's own.
  if (auto at = exchanges.find(name); at != exchanges.end()) info.staticShared = at->second;
  return info;
}

namespace {

/// One unit on its way down; the first failure ends it.
class Lowering {
public:
  Lowering(Unit &unit, const CompileRequest &request, CompileResult &result)
      : unit(unit), request(request), result(result), module(*unit.kind.scheduled.module) {}

  void run() {
    if (!step("verification of tile code", [] { return success(); }) || reached(Level::Tile)) return;
    if (!result.phases.timeStep("lowering",
                                [&] { return toThreads() && !reached(Level::Thread) && toLlvm(); }))
      return;
    result.phases.timeStep("llvm", [&] { toPtx(); });
  }

private:
  bool step(const char *what, llvm::function_ref<LogicalResult()> work) {
    if (succeeded(work()) && succeeded(verify(module))) return true;
    unit.error = std::string(what) + " failed";
    return false;
  }

  bool toThreads() {
    if (!step("distribution over threads", [&] { return lower::distribute(module); })) return false;
    for (auto function : module.getOps<func::FuncOp>())
      if (auto bytes = function->getAttrOfType<IntegerAttr>("tile.scratch"))
        unit.exchanges[function.getName()] = bytes.getInt();
    return step("expansion of scalar arithmetic", [&] { return lower::expandScalars(module); });
  }

  bool toLlvm() {
    return step("lowering to llvm", [&] { return lower::lowerToLLVM(module); }) &&
           (!request.lines || step("line information", [&] { return attachLines(module); }));
  }

  void toPtx() {
    PtxOptions options;
    options.cpu = request.info.arch;
    std::string llvmText;
    bool wantsLlvm = request.emit == Level::Llvm || result.dump.isWanted();
    auto ptx = emitPtx(module, options, unit.error, wantsLlvm ? &llvmText : nullptr);
    if (!ptx || reached(Level::Llvm, llvmText)) return;
    reached(Level::Ptx, *ptx);
    unit.ptx = std::move(*ptx);
  }

  /// Whether to stop here: dumps the level, or keeps it as the text asked for.
  bool reached(Level level, StringRef text) {
    result.dump.write(level, unit.index, unit.kind.name, text);
    if (request.emit != level || level >= Level::Ptx) return false;
    unit.text = text.str();
    return true;
  }
  bool reached(Level level) {
    if (request.emit != level && !result.dump.isWanted()) return false;
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream);
    return reached(level, text);
  }

  Unit &unit;
  const CompileRequest &request;
  CompileResult &result;
  ModuleOp module;
};

} // namespace

void lowerUnit(Unit &unit, const CompileRequest &request, CompileResult &result) {
  Lowering(unit, request, result).run();
}

} // namespace dlc
