//===- Passes.td - The passes of the graph level ---------------------------===//
//
// Each pass is the file of its name (fuse-regions: fuse_regions.cpp), which opens with before and after. pipeline.cpp
// says in which order they run and why.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_PASSES_GRAPH_PASSES_TD
#define DLC_PASSES_GRAPH_PASSES_TD

include "mlir/Pass/PassBase.td"

class GraphPass<string name> : Pass<name, "::mlir::ModuleOp"> {
  // Passes are made with the context of the compile: passes.h declares how.
  let constructor = "create(context)";
  let dependentDialects = ["::dlc::graph::GraphDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def FuseRegions : GraphPass<"fuse-regions"> {
  let summary = "groups ops into regions, each of which becomes one kernel";
}

#endif
