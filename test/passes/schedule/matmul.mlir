// RUN: split-file %s %t
// RUN: dlc %t/linear.mlir --emit=tile | FileCheck %s --check-prefix=TILE
// RUN: dlc %t/linear.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/turned.mlir --emit=tile | FileCheck %s --check-prefix=TURNED
// RUN: dlc %t/single.mlir --emit=tile | FileCheck %s --check-prefix=SINGLE

//--- linear.mlir
// Stages minus one are under way before the loop; each step waits for the oldest, starts the next, and multiplies.
// TILE-LABEL: func.func @k0_matmul_bias_relu_residual(
// TILE:         %[[A:.*]] = tile.alloc
// TILE:         %[[B:.*]] = tile.alloc
// TILE-COUNT-3: tile.commit
// TILE:         %[[LOOP:.*]]:8 = scf.for
// TILE:           tile.wait %{{.*}}, %{{.*}} groups 2
// TILE:           tile.copy %arg0 {{.*}} to %[[A]]
// TILE:           tile.copy %arg1 {{.*}} to %[[B]]
// TILE:           tile.commit
// TILE:           tile.fragment
// TILE:           tile.dot %{{.*}} kind "f16"
// TILE:           scf.yield
// TILE:         tile.wait {{.*}} groups 0
// The epilogue is computed in the layout of C: nothing goes through memory. The bias is loaded along the columns of a thread.
// TILE:         %[[BIAS:.*]] = tile.load %arg2 at <{{.*}}> {{.*}} -> tensor<{{[0-9]+}}xf{{[0-9]+}}
// TILE:         tile.expand %[[BIAS]] axis 0
// TILE:         arith.addf
// TILE:         arith.maximumf
// TILE:         tile.load %arg3
// TILE:         arith.addf
// TILE:         tile.store %{{.*}}, %arg4 {{.*}} lane [4:(0,2), 8:(1,0)]
// TILE-NOT:     tile.store

// PLAN:         "schedule":"matmul kind=f16 tile=[[M:[0-9]+]]x{{[0-9]+}}x{{[0-9]+}} stages=4 {{.*}} index=i32"
// PLAN-SAME:    "grid":{{\[\[}}"*",["floordiv",["+","B",{{[0-9]+}}],[[M]]],{{[0-9]+}}],1,1],"block":[128,1,1],"shared":{{[1-9]}}
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
!y = tensor<?x256xf16, #graph.dims<B, 256>>
func.func @main(%x: tensor<?x512xf16, #graph.dims<B, 512>>, %w: tensor<512x256xf16>, %bias: tensor<256xf16>, %res: !y) -> !y {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<?x512xf16, #graph.dims<B, 512>>, tensor<512x256xf16> -> !y
  %bb = graph.broadcast %bias dims [1] : tensor<256xf16> -> !y
  %s = arith.addf %d, %bb : !y
  %zero = graph.fill 0.0 : f16 -> !y
  %r = arith.maximumf %s, %zero : !y
  %o = arith.addf %r, %res : !y
  return %o : !y
}

//--- turned.mlir
// Operands lie as they are: stages have the order of memory, and fragments are read transposed where needed.
// TURNED-LABEL: func.func @k0_matmul(
// TURNED:         tile.fragment %{{.*}} at {{.*}} transposed : {{.*}} -> tensor<{{[0-9]+}}x16xbf16
// TURNED:         tile.fragment %{{.*}} at {{.*}} transposed : {{.*}} -> tensor<16x{{[0-9]+}}xbf16
// TURNED:         tile.dot %{{.*}} kind "bf16"
func.func @main(%a: tensor<256x512xbf16>, %b: tensor<128x256xbf16>) -> tensor<512x128xbf16> {
  %d = graph.dot %a, %b batch [] x [] contract [0] x [1] : tensor<256x512xbf16>, tensor<128x256xbf16> -> tensor<512x128xbf16>
  return %d : tensor<512x128xbf16>
}

//--- single.mlir
// fp32 in three products of tf32, the largest last; Inf and NaN do not meet a rest of zero. Each block is added once.
// SINGLE-LABEL: func.func @k0_matmul(
// SINGLE:         scf.for
// SINGLE:           tile.dot %{{.*}} kind "tf32"
// SINGLE:           tile.dot %{{.*}} kind "tf32"
// SINGLE:           tile.dot %{{.*}} kind "tf32"
// SINGLE:           arith.addf
// SINGLE:           scf.yield
func.func @main(%a: tensor<512x1024xf32>, %b: tensor<1024x512xf32>) -> tensor<512x512xf32> {
  %d = graph.dot %a, %b batch [] x [] contract [1] x [0] : tensor<512x1024xf32>, tensor<1024x512xf32> -> tensor<512x512xf32>
  return %d : tensor<512x512xf32>
}
