// RUN: split-file %s %t
// RUN: dlc %t/long.mlir --emit=tile | FileCheck %s --check-prefix=LONG
// RUN: dlc %t/long.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/symbolic.mlir --emit=plan | FileCheck %s --check-prefix=SYMBOLIC
// RUN: dlc %t/many.mlir --emit=plan | FileCheck %s --check-prefix=MANY

//--- long.mlir
// Few tiles and a long k: each CTA multiplies its part of the blocks and leaves C, the last of a tile adds the parts in order and
// emits the results.
// LONG-LABEL: func.func @k0_matmul_bias_relu_split(
// LONG-SAME:    %arg4: !llvm.ptr<1> {tile.workspace}, %arg5: !llvm.ptr<1> {tile.workspace}
// LONG:         %[[C:.*]]:{{[0-9]+}} = scf.for
// LONG:           tile.dot
// LONG:         tile.store %[[C]]#0, %arg4
// LONG:         %[[LAST:.*]] = tile.arrive %arg5
// LONG:         scf.if %[[LAST]] {
// LONG:           scf.for
// LONG:             tile.load %arg4
// LONG-NEXT:        arith.addf
// LONG:           tile.load %arg2
// LONG:           arith.maximumf
// LONG:           tile.store %{{.*}}, %arg3
// LONG-NOT:     func.func
// PLAN:      {"name":"k0_matmul_bias_relu.scratch0","dtype":"u8","dims":[{{[0-9]+}}],"base":{"kind":"arena"}
// PLAN-NEXT: {"name":"k0_matmul_bias_relu.zeroed1","dtype":"u8",{{.*}}"base":{"kind":"zeroed"}
// PLAN:      "schedule":"matmul kind=f16 tile={{[0-9x]+}} stages={{[2-5]}} warps={{[0-9]x[0-9]}} split={{[0-9]+}} index=i32"
func.func @main(%x: tensor<64x8192xf16>, %w: tensor<8192x256xf16>, %bias: tensor<256xf16>) -> tensor<64x256xf16> {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<64x8192xf16>, tensor<8192x256xf16> -> tensor<64x256xf16>
  %b = graph.broadcast %bias dims [1] : tensor<256xf16> -> tensor<64x256xf16>
  %a = arith.addf %d, %b : tensor<64x256xf16>
  %zero = graph.fill 0.0 : f16 -> tensor<64x256xf16>
  %y = arith.maximumf %a, %zero : tensor<64x256xf16>
  return %y : tensor<64x256xf16>
}

//--- symbolic.mlir
// The number of rows is found at run time: shared tiles while they are fewer than SMs, and then one CTA a tile.
// SYMBOLIC:      "schedule":"gemv
// SYMBOLIC-SAME: {"when":{{\[\[}}"<=",0,{{.*}}108]]],"schedule":"matmul {{.*}} split={{[0-9]+}} index=i32"
// SYMBOLIC-SAME: {"when":[],"schedule":"matmul
// SYMBOLIC-NOT:  split
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
!x = tensor<?x8192xf16, #graph.dims<B, 8192>>
!y = tensor<?x256xf16, #graph.dims<B, 256>>
func.func @main(%x: !x {graph.name = "x"}, %w: tensor<8192x256xf16>) -> !y {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : !x, tensor<8192x256xf16> -> !y
  return %d : !y
}

//--- many.mlir
// Tiles that fill the device, and short sums, are nobody's to share.
// MANY:     matmul kind=f16
// MANY:     matmul kind=f16
// MANY-NOT: split
func.func @main(%x: tensor<4096x1024xf16>, %w: tensor<1024x4096xf16>, %s: tensor<64x64xf16>) -> (tensor<4096x4096xf16>, tensor<64x64xf16>) {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4096x1024xf16>, tensor<1024x4096xf16> -> tensor<4096x4096xf16>
  %e = graph.dot %s, %s batch [] x [] contract [1] x [0] : tensor<64x64xf16>, tensor<64x64xf16> -> tensor<64x64xf16>
  return %d, %e : tensor<4096x4096xf16>, tensor<64x64xf16>
}
