// RUN: split-file %s %t
// RUN: dlc %t/linear.mlir --emit=tile | FileCheck %s --check-prefix=TILE
// RUN: dlc %t/linear.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/turned.mlir --emit=tile | FileCheck %s --check-prefix=TURNED
// RUN: dlc %t/gated.mlir --emit=tile | FileCheck %s --check-prefix=GATED
// RUN: dlc %t/along_m.mlir --emit=tile | FileCheck %s --check-prefix=ALONGM
// RUN: dlc %t/wide.mlir --emit=tile | FileCheck %s --check-prefix=WIDE
// RUN: dlc %t/wide.mlir --emit=thread | FileCheck %s --check-prefix=GUARDS
// RUN: dlc %t/single.mlir --emit=tile | FileCheck %s --check-prefix=SINGLE
// RUN: dlc %t/gathered.mlir --disable=assign-storage --emit=tile | FileCheck %s --check-prefix=GATHERED
// RUN: dlc %t/images.mlir --tile=*=64x64x32 --emit=tile | FileCheck %s --check-prefix=IMAGES

//--- linear.mlir
// Stages minus one are under way before the loop; each step waits for the oldest, starts the next, and multiplies.
// TILE-LABEL: func.func @k0_matmul_bias_relu_residual(
// TILE:         %[[A:.*]] = tile.alloc
// TILE:         %[[B:.*]] = tile.alloc
// TILE-COUNT-2: tile.commit
// TILE:         %[[LOOP:.*]]:{{[0-9]+}} = scf.for
// TILE:           tile.wait %{{.*}}, %{{.*}} groups {{[1-3]}}
// TILE:           tile.copy %arg0 {{.*}} to %[[A]]
// TILE:           tile.copy %arg1 {{.*}} to %[[B]]
// TILE:           tile.commit
// TILE:           tile.fragment
// TILE:           tile.dot %{{.*}} kind "f16"
// TILE:           scf.yield
// TILE:         tile.wait {{.*}} groups 0
// C takes the place of the stages; slices of it, 16 bytes a thread, go through the epilogue, in a loop that stays one.
// TILE:         arith.truncf
// TILE:         %[[C:.*]] = tile.alloc overlay : <1, {{[0-9]+}}, {{[0-9]+}}, f16, swizzle 0, pad 8>
// TILE:         tile.fill %{{.*}} to %[[C]]
// TILE:         %[[STAGE:.*]] = tile.wait {{.*}} groups 0
// TILE:         scf.for
// TILE:           tile.read %[[STAGE]] at %{{.*}}reg [8:(0,1)
// TILE:           %[[BIAS:.*]] = tile.load %arg2 at <{{.*}}> {{.*}} -> tensor<{{[0-9]+}}xf{{[0-9]+}}
// TILE:           tile.expand %[[BIAS]] axis 0
// TILE:           arith.addf
// TILE:           arith.maximumf
// TILE:           tile.load %arg3
// TILE:           arith.addf
// TILE:           tile.store %{{.*}}, %arg4 {{.*}}reg [8:(0,1)
// TILE:         } {llvm.loop_annotation = #
// TILE-NOT:     tile.store

// PLAN:         "schedule":"matmul kind=f16 tile=[[M:[0-9]+]]x{{[0-9]+}}x{{[0-9]+}} stages={{[3-5]}} {{.*}} index=i32"
// PLAN-SAME:    "grid":{{\[\[}}"*",["floordiv",["+","B",{{[0-9]+}}],[[M]]],{{[0-9]+}}],1,1],"block":[128,1,1],"shared":{{[1-9]}}
graph.symbol "B" min 4096 max 8192 multiple 1 origins ["x dim 0"]
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

//--- gated.mlir
// An operand that is computed is loaded before the products of a step and stored behind them, so that they hide the loads.
// GATED-LABEL: func.func @k0
// GATED:         scf.for
// GATED:           tile.wait
// GATED:           tile.load %arg0
// GATED:           arith.mulf
// GATED:           tile.commit
// GATED-NOT:       tile.fill
// GATED:           tile.dot
// GATED:           tile.fill
// GATED-NEXT:      scf.yield
!x = tensor<8x16x16x256xf16>
!c = tensor<8x256x16x16xf16>
func.func @main(%x: !x {graph.name = "x"}, %g: tensor<8x256xf16> {graph.name = "g"}, %w: tensor<128x256x1x1xf16> {graph.name = "w"})
    -> (tensor<8x128x16x16xf16> {graph.name = "y"}) {
  %t = graph.transpose %x perm [0, 3, 1, 2] : !x -> !c
  %b = graph.broadcast %g dims [0, 1] : tensor<8x256xf16> -> !c
  %m = arith.mulf %t, %b : !c
  %y = graph.conv %m, %w strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : !c, tensor<128x256x1x1xf16> -> tensor<8x128x16x16xf16>
  return %y : tensor<8x128x16x16xf16>
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

//--- along_m.mlir
// A result whose memory runs along m: C is transposed in shared memory, and slices run along m. Rows past the end of x
// are its last row: the copies need no condition for them.
// ALONGM-LABEL: func.func @k0_matmul_transpose(
// ALONGM:         tile.copy %arg0 at <"{{.*}}min(D0 - 1, {{.*}}"> where <>
// ALONGM:         tile.alloc overlay : <1, [[N:[0-9]+]], [[M:[0-9]+]], bf16
// ALONGM:         tile.fill {{.*}} transposed : tensor<[[M]]x[[N]]xbf16
// ALONGM:         tile.read {{.*}} -> tensor<{{[0-9]+}}x[[M]]xbf16
// ALONGM:         tile.store {{.*}} where <"D0 - i1 - {{.*}}> bind
graph.symbol "M" min 512 max 4096 multiple 1 origins ["x dim 0"]
func.func @main(%x: tensor<?x256xbf16, #graph.dims<M, 256>>, %w: tensor<256x512xbf16>) -> tensor<512x?xbf16, #graph.dims<512, M>> {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<?x256xbf16, #graph.dims<M, 256>>, tensor<256x512xbf16> -> tensor<?x512xbf16, #graph.dims<M, 512>>
  %t = graph.transpose %d perm [1, 0] : tensor<?x512xbf16, #graph.dims<M, 512>> -> tensor<512x?xbf16, #graph.dims<512, M>>
  return %t : tensor<512x?xbf16, #graph.dims<512, M>>
}

//--- wide.mlir
// Long rows of tiles go in groups of eight rows: along m within a group, then along n. The last group may have fewer: how many
// is the same for every CTA, so its division is by magic numbers, and chosen where the group is the last.
// WIDE-LABEL: func.func @k0_matmul(
// WIDE-SAME:    %[[M:[a-z0-9]*]]: i32 {{[^%]*}}, %[[MAGIC:[a-z0-9]*]]: i64)
// WIDE:         tile.divisor %[[MAGIC]] of <"((D0 + {{[0-9]+}}) floordiv {{[0-9]+}} + 7) mod 8 + 1"> bind [D0 = %[[M]] : i32]
// WIDE:         %[[ID:.*]] = tile.program_id 0
// WIDE:         %[[FIRST:.*]] = tile.eval <"{{.*}} * 8"> bind [x0 = %[[ID]] : i32]
// WIDE:         %[[AT:.*]] = tile.eval <"x0 mod {{[0-9]+}}"> bind [x0 = %[[ID]] : i32]
// WIDE:         %[[FULL:.*]] = tile.eval <"x2 floordiv 8"> bind [x2 = %[[AT]] : i32]
// WIDE:         %[[LAST:.*]] = tile.eval <"x2 floordiv (((D0
// WIDE:         arith.select %{{.*}}, %[[FULL]], %[[LAST]]
// GUARDS-LABEL: func.func @k0_matmul(
// GUARDS-NOT:     {{positive_divisor|arith.floordivsi}}
// GUARDS:         return
graph.symbol "M" min 2048 max 4096 multiple 1 origins ["x dim 0"]
func.func @main(%x: tensor<?x64xf16, #graph.dims<M, 64>>, %w: tensor<64x32768xf16>) -> tensor<?x32768xf16, #graph.dims<M, 32768>> {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<?x64xf16, #graph.dims<M, 64>>, tensor<64x32768xf16> -> tensor<?x32768xf16, #graph.dims<M, 32768>>
  return %d : tensor<?x32768xf16, #graph.dims<M, 32768>>
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

//--- gathered.mlir
// Neither positions nor taps run in memory: each thread finds one position, and its elements of k go from there.
// Filters run along k.
// GATHERED:       tile.copy %arg1 at {{.*}} to %{{[0-9]+}}[%{{[^]]*}}] : <1>
// GATHERED:       tile.copy %arg0 at {{.*}} to %{{[0-9]+}}[%{{[^]]*}}] by rows : <1>
func.func @main(%x: tensor<8x64x31x31xf16>, %w: tensor<64x64x3x3xf16>) -> tensor<8x64x16x16xf16> {
  %c = graph.conv %x, %w strides [2, 2] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : tensor<8x64x31x31xf16>, tensor<64x64x3x3xf16> -> tensor<8x64x16x16xf16>
  return %c : tensor<8x64x16x16xf16>
}

//--- images.mlir
// A slice of 32 rows is an image, and the last slice of the last tile lies in none: no factor is read for it.
// IMAGES:       tile.load %arg2 at <"i0 + x1 * 64 + x2 * 32"> where <"31 - i0", "159 - x1 * 64 - x2 * 32">
// IMAGES:       tile.expand
// IMAGES-NEXT:  arith.mulf
func.func @main(%x: tensor<5x32x8x4xf32>, %w: tensor<32x32x1x1xf32>, %g: tensor<5x32x1x1xf32>) -> tensor<5x8x4x32xf32> {
  %c = graph.conv %x, %w strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : tensor<5x32x8x4xf32>, tensor<32x32x1x1xf32> -> tensor<5x32x8x4xf32>
  %b = graph.broadcast %g dims [0, 1, 2, 3] : tensor<5x32x1x1xf32> -> tensor<5x32x8x4xf32>
  %m = arith.mulf %c, %b : tensor<5x32x8x4xf32>
  %y = graph.transpose %m perm [0, 2, 3, 1] : tensor<5x32x8x4xf32> -> tensor<5x8x4x32xf32>
  return %y : tensor<5x8x4x32xf32>
}
