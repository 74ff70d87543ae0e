// RUN: split-file %s %t
// RUN: dlc %t/pointwise.mlir --emit=tile | FileCheck %s --check-prefix=TREE
// RUN: dlc %t/pointwise.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/movement.mlir --emit=tile | FileCheck %s --check-prefix=MOVE
// RUN: dlc %t/results.mlir --emit=tile | FileCheck %s --check-prefix=RESULTS

//--- pointwise.mlir
// A tree is one kernel: each operand is loaded once, 16 bytes of the result per thread. The row of the bias comes from the
// element's position.
// TREE-LABEL: func.func @k0
// TREE-SAME:    tile.index = i32
// TREE:         %[[ID:.*]] = tile.program_id 0
// TREE:         tile.load %arg1 at <"i0 + x0 * 512"> where <"D0 * 24 - i0 - x0 * 512 - 1"> bind [D0 = %arg3 : i32, x0 = %[[ID]] : i32]
// TREE:         tile.load %arg0 at <"(i0 + x0 * 8) mod 24">
// TREE-NOT:     tile.load
// TREE:         arith.addf
// TREE:         arith.mulf
// TREE:         tile.store %{{.*}}, %arg2 at <"i0 + x0 * 512"> where <"D0 * 24 - i0 - x0 * 512 - 1">
// TREE-NOT:     tile.store
// Coordinates of 64 bits have a kernel of their own, for sizes past 31 bits.
// TREE-LABEL: func.func @k0{{.*}}_i64
// TREE-SAME:    tile.index = i64
// PLAN:         {"when":{{\[\[}}"<=",0,["+",["*","B",-24],2147479551]]],"schedule":"general index=i32",
// PLAN-SAME:      "grid":{{\[\[}}"floordiv",["+",["*","B",3],63],64],1,1],"block":[128,1,1],"shared":0,
// PLAN-SAME:    {"when":[],"schedule":"general index=i64","launches":[{"kernel":"k0_add_mul_i64"
// PLAN-SAME:      {"kind":"dim","expr":"B","type":"i64"}
graph.symbol "B" min 1 max 2147483647 multiple 1 origins ["x dim 0"]
func.func @main(%x: tensor<?x24xf32, #graph.dims<B, 24>>, %b: tensor<24xf32>) -> tensor<?x24xf32, #graph.dims<B, 24>> {
  %w = graph.broadcast %b dims [1] : tensor<24xf32> -> tensor<?x24xf32, #graph.dims<B, 24>>
  %s = arith.addf %x, %w : tensor<?x24xf32, #graph.dims<B, 24>>
  %y = arith.mulf %s, %s : tensor<?x24xf32, #graph.dims<B, 24>>
  return %y : tensor<?x24xf32, #graph.dims<B, 24>>
}

//--- movement.mlir
// Pad and transpose are where the load looks: no kernel of their own, and the fill value where nothing is read.
// MOVE-LABEL: func.func @k0
// MOVE:         tile.load %arg0 at <"(i0 + x0 * 512) floordiv 30 + ((i0 + x0 * 2) mod 30) * 40 - 1">
// MOVE-SAME:      where <{{.*}}"(i0 + x0 * 512) floordiv 30 - 1", "40 - (i0 + x0 * 512) floordiv 30">
// MOVE-SAME:      other 7.000000e+00 : f32
// MOVE-NOT:     tile.load
// MOVE:         math.absf
// MOVE-NOT:     func.func
func.func @main(%x: tensor<30x40xf32>) -> tensor<42x30xf32> {
  %v = graph.fill 7.0 : f32 -> tensor<f32>
  %p = graph.pad %x, %v low <0, 1> high <0, 1> : tensor<30x40xf32>, tensor<f32> -> tensor<30x42xf32>
  %t = graph.transpose %p perm [1, 0] : tensor<30x42xf32> -> tensor<42x30xf32>
  %y = math.absf %t : tensor<42x30xf32>
  return %y : tensor<42x30xf32>
}

//--- results.mlir
// Results of equal dims are computed together; 16-bit elements go eight per thread; tiles that fill the grid exactly need no
// condition.
// RESULTS-LABEL: func.func @k0
// RESULTS:         tile.load %arg0 at <"i0 + x0 * 1024"> where <> bind {{.*}} -> tensor<1024xf16, #tile.layout<"1024", "reg [8:(1)] lane [32:(8)] warp [4:(256)]">>
// RESULTS-NOT:     tile.load
// RESULTS:         tile.store
// RESULTS:         tile.store
// RESULTS-NOT:     func.func
func.func @main(%x: tensor<64x1024xf16>) -> (tensor<64x1024xf16>, tensor<64x1024xf16>) {
  %n = arith.negf %x : tensor<64x1024xf16>
  %a = math.absf %n : tensor<64x1024xf16>
  return %n, %a : tensor<64x1024xf16>, tensor<64x1024xf16>
}
