// RUN: split-file %s %t
// RUN: dlc %t/softmax.mlir --emit=tile | FileCheck %s --check-prefix=TILE
// RUN: dlc %t/softmax.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/middle.mlir --emit=tile | FileCheck %s --check-prefix=MIDDLE
// RUN: dlc %t/area.mlir --emit=plan | FileCheck %s --check-prefix=AREA

//--- softmax.mlir
// Rows that fit are read once: the tile serves both reductions and the result.
// TILE-LABEL: func.func @k0_softmax_256(
// TILE:         %[[X:.*]] = tile.load %arg0
// TILE-NOT:     tile.load
// TILE:         %[[M:.*]] = tile.reduce %{{.*}} axis 1
// TILE:           arith.maximumf
// TILE:         tile.expand %[[M]] axis 1
// TILE:         arith.subf %[[X]],
// TILE:         math.exp
// TILE:         %[[S:.*]] = tile.reduce %{{.*}} axis 1
// TILE:           arith.addf
// TILE:         tile.expand %[[S]] axis 1
// TILE:         arith.divf
// TILE:         tile.store
// TILE-NOT:     scf.for
// TILE-LABEL: func.func @k0_softmax_2048(
// TILE:         tile.load %arg0
// TILE-NOT:     tile.load
// TILE-NOT:     scf.for
// Longer ones are walked in chunks, once per reduction and once for the result.
// TILE-LABEL: func.func @k0_softmax_i64(
// TILE-SAME:    tile.index = i64
// TILE-COUNT-3: scf.for
// TILE-NOT:     scf.for

// Each variant says where it holds, the last one everywhere. There are four at most.
// PLAN:         "schedule":"rows tile=1x4096 warps=8 width=1 split<=216 index=i32"
// PLAN-SAME:    {"when":[{{.*}}["<=",0,["+",["*","S",-1],256]]],"schedule":"rows tile=4x256 warps=4 width=1 whole index=i32"
// PLAN-SAME:    {"when":[{{.*}}["<=",0,["+",["*","S",-1],2048]]],"schedule":"rows tile=1x2048 warps=4 width=1 whole index=i32"
// PLAN-SAME:    {"when":[],"schedule":"rows tile=1x4096 warps=8 width=1 chunked index=i64"
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 1048576 multiple 1 origins ["x dim 1"]
!x = tensor<?x?xf32, #graph.dims<B, S>>
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

//--- middle.mlir
// A dim that is not the last: lanes run along the dims that stay, so that neighbours are neighbours in memory.
// MIDDLE-LABEL: func.func @k0
// MIDDLE:         tile.load {{.*}} -> tensor<128x16xf32, #tile.layout<"128x16", "reg [4:(1,0), {{.*}}] lane [32:(4,0)] warp {{.*}}">>
// MIDDLE:         tile.reduce %{{.*}} axis 1
// MIDDLE:         tile.store
func.func @main(%x: tensor<8x50x128xf32>) -> tensor<8x128xf32> {
  %s = graph.reduce %x init [0.0 : f32] dims [1] : tensor<8x50x128xf32> -> tensor<8x128xf32> combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  return %s : tensor<8x128xf32>
}

//--- area.mlir
// Rows over several dims without limits: the longest is as long as 64 bits can say.
// AREA: "schedule":"rows tile=1x4096 warps=8 width=4 chunked index=i64"
graph.symbol "N" min 1 max 2147483647 multiple 1 origins ["x dim 0"]
graph.symbol "H" min 1 max 2147483647 multiple 1 origins ["x dim 1"]
graph.symbol "W" min 1 max 2147483647 multiple 1 origins ["x dim 2"]
func.func @main(%x: tensor<?x?x?x8xf32, #graph.dims<N, H, W, 8>>) -> tensor<?xf32, #graph.dims<N>> {
  %s = graph.reduce %x init [0.0 : f32] dims [1, 2, 3] : tensor<?x?x?x8xf32, #graph.dims<N, H, W, 8>> -> tensor<?xf32, #graph.dims<N>> combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  return %s : tensor<?xf32, #graph.dims<N>>
}
