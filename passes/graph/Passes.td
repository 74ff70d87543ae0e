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

def CanonicalizeGraph : GraphPass<"canonicalize-graph"> {
  let summary = "simplifies by identities that hold for every value";
}

def SimplifyMovement : GraphPass<"simplify-movement"> {
  let summary = "moves transposes, reshapes, broadcasts and slices to where they cancel or cost least";
}

def FoldBatchNorm : GraphPass<"fold-batch-norm"> {
  let summary = "puts per-channel scales after a convolution or matmul into its weights";
}

def SinkScales : GraphPass<"sink-scales"> {
  let summary = "moves a scale of a contraction's operand behind the contraction";
}

def FoldConstants : GraphPass<"fold-constants"> {
  let summary = "computes what depends on constants only: inline when small, as recipes of the weights table when large";
}

def SetPrecision : GraphPass<"set-precision"> {
  let summary = "--precision=fp32 and tf32: what ops compute in";
}

def FuseRegions : GraphPass<"fuse-regions"> {
  let summary = "groups ops into regions, each of which becomes one kernel";
}

def NarrowStorage : GraphPass<"narrow-storage"> {
  let summary = "--precision=fp16 and bf16: what is stored between regions, and weights, in 16 bits";
}

def AssignStorage : GraphPass<"assign-storage"> {
  let summary = "the order of dims in memory of what lies between regions: channels last around convolutions";
}

#endif
