// RUN: split-file %s %t
// RUN: dlc %t/depthwise.mlir --emit=tile | FileCheck %s --check-prefix=DEPTH
// RUN: dlc %t/depthwise.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/pool.mlir --emit=tile | FileCheck %s --check-prefix=POOL
// RUN: dlc %t/grouped.mlir --emit=tile | FileCheck %s --check-prefix=GROUP

//--- depthwise.mlir
// Eight channels a thread, and four outputs in a row: of each row of the window a thread loads six elements and three of the
// filter, all of 16 bytes. What is outside of the image is not read.
// DEPTH-LABEL: func.func @k0
// DEPTH:         tile.load %arg0 at <"i0 * 32 + i1 + x0 * 4096 - ((i0 + x0 * 2) mod 18) * 24 - 8208">
// DEPTH-SAME:      where <{{.*}}"((i0 + x0 * 128) floordiv 252) mod 56 - 1", "(((i0 + x0 * 128) floordiv 18) mod 14) * 4 - 1">
// DEPTH:         tile.load %arg1 at <"i1 + ((i0 + x0 * 2) mod 18) * 8">
// DEPTH-COUNT-25: tile.load
// DEPTH-NOT:     tile.load %arg{{[01]}}
// DEPTH-COUNT-4: tile.store {{.*}} tensor<128x8xf16, #tile.layout<"128x8", "reg [8:(0,1)] lane [32:(1,0)] warp [4:(32,0)]">>
// DEPTH-NOT:     tile.store
// PLAN:          "schedule":"direct width=8 run=4 warps=4 index=i32"
// PLAN-SAME:     "grid":{{\[\[}}"floordiv",["+",["*","B",441],3],4],1,1]
!x = tensor<?x56x56x144xf16, #graph.dims<B, 56, 56, 144>>
!c = tensor<?x144x56x56xf16, #graph.dims<B, 144, 56, 56>>
graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
func.func @main(%x: !x {graph.name = "x"}, %w: tensor<1x3x3x144xf16> {graph.name = "w"}, %bias: tensor<144xf16>) -> (!x {graph.name = "y"}) {
  %t = graph.transpose %x perm [0, 3, 1, 2] : !x -> !c
  %f = graph.transpose %w perm [3, 0, 1, 2] : tensor<1x3x3x144xf16> -> tensor<144x1x3x3xf16>
  %d = graph.conv %t, %f strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 144 : !c, tensor<144x1x3x3xf16> -> !c
  %b = graph.broadcast %bias dims [1] : tensor<144xf16> -> !c
  %s = arith.addf %d, %b : !c
  %y = graph.transpose %s perm [0, 2, 3, 1] : !c -> !x
  return %y : !x
}

//--- pool.mlir
// Row-major: lanes along the positions of a row, four rows of outputs a thread. Rows that two windows share are loaded once:
// nine rows of three elements.
// POOL-LABEL: func.func @k0_maxpool
// POOL-COUNT-27: tile.load %arg0
// POOL-NOT:     tile.load
// POOL-COUNT-4: tile.store
// POOL-NOT:     tile.store
func.func @main(%x: tensor<64x64x64x64xf32> {graph.name = "x"}) -> (tensor<64x64x32x32xf32> {graph.name = "y"}) {
  %y = graph.window %x init 0xFF800000 : f32 size [1, 1, 3, 3] strides [1, 1, 2, 2] dilations [1, 1, 1, 1]
      low <0, 0, 1, 1> high <0, 0, 1, 1> : tensor<64x64x64x64xf32> -> tensor<64x64x32x32xf32> combiner {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.maximumf %a, %b : f32
    graph.yield %0 : f32
  }
  return %y : tensor<64x64x32x32xf32>
}

//--- grouped.mlir
// Few channels of a group: a loop over them around the taps.
// GROUP-LABEL: func.func @k0
// GROUP:         scf.for
// GROUP:           tile.load
// GROUP:         tile.store
func.func @main(%x: tensor<2x32x8x8xf16> {graph.name = "x"}, %w: tensor<32x4x3x3xf16> {graph.name = "w"}) -> (tensor<2x32x8x8xf16> {graph.name = "y"}) {
  %y = graph.conv %x, %w strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 8 : tensor<2x32x8x8xf16>, tensor<32x4x3x3xf16> -> tensor<2x32x8x8xf16>
  return %y : tensor<2x32x8x8xf16>
}
