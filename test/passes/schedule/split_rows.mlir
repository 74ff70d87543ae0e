// RUN: split-file %s %t
// RUN: dlc %t/sum.mlir --emit=tile | FileCheck %s --check-prefix=SUM
// RUN: dlc %t/sum.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/softmax.mlir --emit=tile | FileCheck %s --check-prefix=SOFTMAX
// RUN: dlc %t/softmax.mlir --emit=plan | FileCheck %s --check-prefix=LAUNCHES
// RUN: dlc %t/rows.mlir --emit=plan | FileCheck %s --check-prefix=FULL
// RUN: dlc %t/columns.mlir --emit=plan | FileCheck %s --check-prefix=COLUMNS

//--- sum.mlir
// 70,000 columns are 18 parts of 4,096. Each CTA leaves its sum; the last of a row adds them in order and goes on.
// SUM-LABEL: func.func @k0_sum_sqrt_split(
// SUM-SAME:    %arg2: !llvm.ptr<1> {tile.workspace}, %arg3: !llvm.ptr<1> {tile.workspace}
// SUM-NOT:     scf.for
// SUM:         tile.load %arg0
// SUM:         %[[PART:.*]] = tile.reduce
// SUM:         tile.store %[[PART]], %arg3
// SUM:         %[[LAST:.*]] = tile.arrive %arg2[%{{.*}}] of %{{.*}}
// SUM:         scf.if %[[LAST]] {
// SUM:           %[[PARTS:.*]] = tile.load %arg3 at <{{.*}}> where <"17 - i1">
// SUM:           %[[SUM:.*]] = tile.reduce
// SUM:           %[[ROOT:.*]] = math.sqrt %[[SUM]]
// SUM-NEXT:      tile.store %[[ROOT]], %arg1
// SUM-NEXT:    }
// SUM-NEXT:    return
// SUM-NOT:     func.func
// The parts are in the arena while the op runs, the counters in zeroed memory of the op's own.
// PLAN:      "memory": {"arena":256,"zeroed":256}
// PLAN:      {"name":"k0_sum_sqrt.zeroed0","dtype":"u8","dims":[8],"base":{"kind":"zeroed"},"offset":0,"align":16}
// PLAN-NEXT: {"name":"k0_sum_sqrt.scratch1","dtype":"u8","dims":[144],"base":{"kind":"arena"},"offset":0,"lifetime":[0,0],
// PLAN:      "scratch":["k0_sum_sqrt.zeroed0","k0_sum_sqrt.scratch1"]
// PLAN-SAME: "schedule":"rows tile=1x4096 warps=8 width=4 split=18 index=i32",{{.*}}"grid":[36,1,1]
!x = tensor<2x70000xf32>
!r = tensor<2xf32>
func.func @main(%x: !x {graph.name = "x"}) -> (!r {graph.name = "y"}) {
  %s = graph.reduce %x init [0.0 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %y = math.sqrt %s : !r
  return %y : !r
}

//--- softmax.mlir
// The sum needs the maximum and the result needs both: three launches, none of which waits for another CTA.
// SOFTMAX-LABEL: func.func @k0_softmax_split(
// SOFTMAX:         tile.arrive
// SOFTMAX:           arith.maximumf
// SOFTMAX:         tile.store %{{.*}}, %arg4
// SOFTMAX-LABEL: func.func @k0_softmax_split1(
// SOFTMAX:         tile.load %arg4
// SOFTMAX:         math.exp
// SOFTMAX:         tile.arrive
// SOFTMAX:         tile.store %{{.*}}, %arg6
// SOFTMAX-LABEL: func.func @k0_softmax_split_all(
// SOFTMAX-DAG:     tile.load %arg4
// SOFTMAX-DAG:     tile.load %arg6
// SOFTMAX-NOT:     tile.reduce
// SOFTMAX:         tile.store %{{.*}}, %arg1
// Few rows, known only at run time; workspaces are as large as this variant can need.
// LAUNCHES:      "dtype":"u8","dims":{{\[\[}}"*",["min","B",54],4]],"base":{"kind":"zeroed"}
// LAUNCHES:      {"when":{{\[\[}}"<=",0,["+",["*","B",-1],54]]],"schedule":"rows tile=1x4096 warps=8 width=4 split<=216 index=i32"
// LAUNCHES-SAME: "kernel":"k0_softmax_split"
// LAUNCHES-SAME: "kernel":"k0_softmax_split1"
// LAUNCHES-SAME: "kernel":"k0_softmax_split_all"
// LAUNCHES-SAME: {"when":[],"schedule":"rows tile=1x4096 warps=8 width=4 chunked index=i32"
graph.symbol "B" min 1 max 512 multiple 1 origins ["x dim 0"]
!x = tensor<?x50000xf32, #graph.dims<B, 50000>>
!r = tensor<?xf32, #graph.dims<B>>
func.func @main(%x: !x) -> !x {
  %m = graph.reduce %x init [0xFF800000 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.maximumf %p, %q : f32
    graph.yield %0 : f32
  }
  %mb = graph.broadcast %m dims [0] : !r -> !x
  %d = arith.subf %x, %mb : !x
  %e = math.exp %d : !x
  %s = graph.reduce %e init [0.0 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %sb = graph.broadcast %s dims [0] : !r -> !x
  %y = arith.divf %e, %sb : !x
  return %y : !x
}

//--- rows.mlir
// Rows that fill the device, or that are short, have no such variant: neither at these sizes ...
// FULL-NOT: split
// FULL:     rows tile=1x4096 warps=8 width=4 chunked
// ... nor where a long row has company: 12 * S rows of S columns each.
// FULL:     whole
// FULL-NOT: split
graph.symbol "S" min 1 max 1048576 multiple 1 origins ["y dim 2"]
!x = tensor<4096x50000xf32>
!r = tensor<4096xf32>
!y = tensor<12x?x?xf32, #graph.dims<12, S, S>>
!s = tensor<12x?xf32, #graph.dims<12, S>>
func.func @main(%x: !x, %y: !y {graph.name = "y"}) -> (!r, !s) {
  %m = graph.reduce %x init [0xFF800000 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.maximumf %p, %q : f32
    graph.yield %0 : f32
  }
  %n = graph.reduce %y init [0xFF800000 : f32] dims [2] : !y -> !s combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.maximumf %p, %q : f32
    graph.yield %0 : f32
  }
  return %m, %n : !r, !s
}

//--- columns.mlir
// Lanes along the rows, several columns of a part in the warps.
// COLUMNS: "schedule":"rows tile=128x16 warps=4 width=4 split=16 index=i32",{{.*}}"grid":[16,1,1]
!x = tensor<1000x64xf32>
!r = tensor<64xf32>
func.func @main(%x: !x) -> !r {
  %s = graph.reduce %x init [0.0 : f32] dims [0] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  return %s : !r
}
