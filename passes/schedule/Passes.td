//===- Passes.td - From regions to tiles ---------------------------------------===//
//
// The compile path calls the functions of schedule_regions.h; as a pass they are for dlc-opt:
//
//   dlc-opt --graph-pipeline --schedule-regions model.mlir
//
//===----------------------------------------------------------------------===//
#ifndef DLC_PASSES_SCHEDULE_PASSES_TD
#define DLC_PASSES_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ScheduleRegions : Pass<"schedule-regions", "::mlir::ModuleOp"> {
  let constructor = "create(context)"; // made with the context of the compile: passes.h
  let summary = "replaces a module of regions by the tile kernels that they need";
  let dependentDialects = ["::dlc::tile::TileDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::LLVM::LLVMDialect"];
}

#endif
