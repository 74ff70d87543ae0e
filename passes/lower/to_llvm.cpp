#include "passes/lower/to_llvm.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace dlc::lower {

// The kernel attributes survive the conversion of func under other names.
static void markKernels(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    auto warps = function->getAttrOfType<IntegerAttr>("tile.warps");
    if (!warps) continue;
    OpBuilder b(function.getContext());
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
    function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                      b.getDenseI32ArrayAttr({int32_t(warps.getInt() * 32)}));
    // NVIDIA's assembler spills a register or two where that lets an SM hold one more CTA. Told to fit one,
    // it takes the registers that it likes: loads are moved ahead, and fewer warps have as much under way. A
    // larger number of CTAs is no remedy: it fills the registers up to that limit and spills there.
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      if (!isa<LLVM::LLVMPointerType>(function.getArgument(i).getType())) continue;
      // Buffers never overlap (the plan gives aliases one buffer), and start at 16 bytes or better. A
      // workspace changes under the hands of other CTAs, which noalias would deny.
      if (!function.getArgAttr(i, "tile.workspace"))
        function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
      function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(16));
    }
    function->removeAttr("tile.warps");
    function->removeAttr("tile.index");
    function->removeAttr("tile.scratch");
    function->removeAttr("tile.shared");
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      for (StringRef name : {"tile.range", "tile.workspace"}) function.removeArgAttr(i, name);
  }
}

// What a loop says of itself reaches its latch as a foreign attribute; the op has a place of its own for it.
static void annotateLatches(ModuleOp module) {
  module.walk([](LLVM::BrOp latch) {
    auto annotation = latch->getAttrOfType<LLVM::LoopAnnotationAttr>("llvm.loop_annotation");
    if (!annotation) return;
    latch->removeDiscardableAttr("llvm.loop_annotation");
    latch.setLoopAnnotationAttr(annotation);
  });
}

LogicalResult lowerToLLVM(ModuleOp module) {
  PassManager pm(module.getContext());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  if (failed(pm.run(module))) return failure();
  markKernels(module);
  annotateLatches(module);
  return success();
}

} // namespace dlc::lower
