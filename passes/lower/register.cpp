#include "passes/lower/distribute.h"
#include "passes/lower/passes.h"
#include "passes/lower/to_llvm.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace dlc::lower {

#define GEN_PASS_DEF_DISTRIBUTE
#define GEN_PASS_DEF_EXPANDSCALARS
#define GEN_PASS_DEF_LOWERTOLLVM
#include "passes/lower/passes.h.inc"

namespace {

struct Distribute : impl::DistributeBase<Distribute> {
  void runOnOperation() override {
    if (failed(distribute(getOperation()))) signalPassFailure();
  }
};

struct ExpandScalars : impl::ExpandScalarsBase<ExpandScalars> {
  void runOnOperation() override {
    if (failed(expandScalars(getOperation()))) signalPassFailure();
  }
};

struct LowerToLlvm : impl::LowerToLlvmBase<LowerToLlvm> {
  void runOnOperation() override {
    if (failed(lowerToLLVM(getOperation()))) signalPassFailure();
  }
};

} // namespace

void registerLowerPasses() {
  mlir::registerPass([] { return std::make_unique<Distribute>(); });
  mlir::registerPass([] { return std::make_unique<ExpandScalars>(); });
  mlir::registerPass([] { return std::make_unique<LowerToLlvm>(); });
}

} // namespace dlc::lower
