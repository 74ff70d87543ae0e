// RUN: split-file %s %t
// RUN: dlc %t/along_k.mlir --emit=tile | FileCheck %s --check-prefix=K
// RUN: dlc %t/along_k.mlir --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: dlc %t/along_n.mlir --emit=tile | FileCheck %s --check-prefix=N
// RUN: dlc %t/along_n.mlir --emit=plan | FileCheck %s --check-prefix=PLAN
// RUN: dlc %t/cache.mlir --emit=plan | FileCheck %s --check-prefix=CACHE
// RUN: dlc %t/odd.mlir --emit=ptx | FileCheck %s --check-prefix=ODD
// RUN: dlc %t/symbolic.mlir --emit=plan | FileCheck %s --check-prefix=SYMBOLIC

//--- along_k.mlir
// A row of the weights is contiguous: a warp reads it 16 bytes a thread and sums over its lanes. The bias and the activation
// are computed from the sums; nothing passes through shared memory.
// K-LABEL: func.func @k0_matmul_residual_relu(
// K:         scf.for
// K:           tile.load %arg1 {{.*}} -> tensor<8x256xf16, #tile.layout<"8x256", "reg [8:(0,1), 2:(4,0)] lane [32:(0,8)] warp [4:(1,0)]">>
// K:           math.fma
// K:         tile.reduce %{{.*}} axis 1
// K:         tile.load %arg2
// K:         arith.addf
// K:         arith.maximumf
// K:         tile.store %{{.*}}, %arg3
// K-NOT:     tile.arrive
// PTX-LABEL: .entry k0_matmul_residual_relu(
// PTX:         ld.global.nc.v4.b32
// PTX:         fma.rn.f32
// PTX:         shfl.sync.bfly
// PTX-NOT:     bar.sync
func.func @main(%x: tensor<1x4096xf16>, %w: tensor<2000x4096xf16>, %bias: tensor<2000xf16>) -> tensor<1x2000xf16> {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [1] : tensor<1x4096xf16>, tensor<2000x4096xf16> -> tensor<1x2000xf16>
  %b = graph.broadcast %bias dims [1] : tensor<2000xf16> -> tensor<1x2000xf16>
  %a = arith.addf %d, %b : tensor<1x2000xf16>
  %zero = graph.fill 0.0 : f16 -> tensor<1x2000xf16>
  %y = arith.maximumf %a, %zero : tensor<1x2000xf16>
  return %y : tensor<1x2000xf16>
}

//--- along_n.mlir
// Rows of the weights run along n: eight lanes share 128 bytes of a row, other lanes and the warps take other rows. There are
// too few columns for the device, so CTAs share k; the last of a tile adds what they left and stores the result.
// N-LABEL: func.func @k0_matmul_split(
// N:         tile.load %arg1 {{.*}} -> tensor<64x16xf16, #tile.layout<"64x16", "reg [8:(1,0)] lane [8:(8,0), 4:(0,1)] warp [4:(0,4)]">>
// N:         %[[SUM:.*]] = tile.reduce %{{.*}} axis 1
// N:         tile.store %[[SUM]], %arg4
// N:         %[[LAST:.*]] = tile.arrive %arg3
// N:         scf.if %[[LAST]] {
// N:           tile.load %arg4
// N:           tile.reduce
// N:           tile.store %{{.*}}, %arg2
// N:         }
// PLAN:      "memory": {"arena":8192,"zeroed":256}
// PLAN:      "schedule":"gemv rows=1 tile=64x128 warps=4 along=n width=8 split=16 index=i32","launches":[{{.*}}"grid":[32,1,1]
func.func @main(%x: tensor<1x4096xf16>, %w: tensor<4096x128xf16>) -> tensor<1x128xf16> {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<1x4096xf16>, tensor<4096x128xf16> -> tensor<1x128xf16>
  return %d : tensor<1x128xf16>
}

//--- cache.mlir
// A cache whose length is known at run time: long ones are shared, by as many CTAs as its length is worth.
// CACHE:      {"when":[{{.*}}],"schedule":"gemv rows=1 tile=64x128 warps=4 along=n width=8 split<=216 index=i32"
// CACHE-SAME: {"when":[],"schedule":"gemv rows=1 tile=64x128 warps=4 along=n width=8 index=i32"
graph.symbol "S" min 1 max 65536 multiple 1 origins ["p dim 2"]
func.func @main(%p: tensor<12x1x?xf16, #graph.dims<12, 1, S>> {graph.name = "p"}, %v: tensor<12x?x64xf16, #graph.dims<12, S, 64>>)
    -> tensor<12x1x64xf16> {
  %d = graph.dot %p, %v batch [0] x [0] contract [2] x [1]
      : tensor<12x1x?xf16, #graph.dims<12, 1, S>>, tensor<12x?x64xf16, #graph.dims<12, S, 64>> -> tensor<12x1x64xf16>
  return %d : tensor<12x1x64xf16>
}

//--- odd.mlir
// Rows of seven elements lie anywhere: one element a thread, and nothing past their end.
// ODD:       ld.global.nc.b16
// ODD-NOT:   ld.global.nc.v
func.func @main(%x: tensor<1x7xf16>, %w: tensor<5x7xf16>) -> tensor<1x5xf16> {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [1] : tensor<1x7xf16>, tensor<5x7xf16> -> tensor<1x5xf16>
  return %d : tensor<1x5xf16>
}

//--- symbolic.mlir
// A number of rows known at run time: the variant for few stands before the tensor cores' one ...
// SYMBOLIC:      {"when":{{\[\[}}"<=",0,["+",["*","B",-1],8]]],"schedule":"gemv rows=8
// SYMBOLIC-SAME: {"when":[],"schedule":"matmul
// ... but not where the columns are few with the rows, as in attention.
// SYMBOLIC-NOT:  gemv
graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
!s = tensor<12x?x64xf16, #graph.dims<12, B, 64>>
!p = tensor<12x?x?xf16, #graph.dims<12, B, B>>
func.func @main(%x: tensor<?x512xf16, #graph.dims<B, 512>> {graph.name = "x"}, %w: tensor<512x512xf16>, %q: !s {graph.name = "q"})
    -> (tensor<?x512xf16, #graph.dims<B, 512>>, !p) {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0]
      : tensor<?x512xf16, #graph.dims<B, 512>>, tensor<512x512xf16> -> tensor<?x512xf16, #graph.dims<B, 512>>
  %p = graph.dot %q, %q batch [0] x [0] contract [2] x [2] : !s, !s -> !p
  return %d, %p : tensor<?x512xf16, #graph.dims<B, 512>>, !p
}
