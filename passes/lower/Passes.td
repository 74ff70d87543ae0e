//===- Passes.td - From tiles to the llvm dialect ----------------------------===//
//
// The compile path calls the functions of distribute.h and to_llvm.h; as passes they are for dlc-opt, so that a tile program
// written by hand can be lowered step by step:
//
//   dlc-opt --distribute --expand-scalars --lower-to-llvm kernel.mlir
//
//===----------------------------------------------------------------------===//
#ifndef DLC_PASSES_LOWER_PASSES_TD
#define DLC_PASSES_LOWER_PASSES_TD

include "mlir/Pass/PassBase.td"

def Distribute : Pass<"distribute", "::mlir::ModuleOp"> {
  let summary = "rewrites what a CTA does into what each of its threads does";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

def ExpandScalars : Pass<"expand-scalars", "::mlir::ModuleOp"> {
  let summary = "gives scalar arithmetic its total meaning and expands maths to what NVPTX selects";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"];
}

def LowerToLlvm : Pass<"lower-to-llvm", "::mlir::ModuleOp"> {
  let summary = "scf, arith, math, func to the llvm dialect; functions with tile.warps become kernels";
  let dependentDialects = ["::mlir::cf::ControlFlowDialect", "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

#endif
