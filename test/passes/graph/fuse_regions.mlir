// RUN: dlc-opt --split-input-file --fuse-regions %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --fuse-regions --check-semantics %s 2>&1 >/dev/null | count 0

// A contraction takes what follows it; the bias is read through its broadcast.
// CHECK-LABEL: func.func @matmul_bias_relu
// CHECK:         %[[R:.*]] = graph.region "k0_matmul_bias_relu" hero "dot" (%{{.*}} = %arg0 : {{.*}}, %{{.*}} = %arg1 : {{.*}}, %{{.*}} = %arg2
// CHECK-DAG:       graph.fill
// CHECK-DAG:       graph.broadcast
// CHECK-DAG:       graph.dot
// CHECK:           arith.maximumf
// CHECK:           graph.yield
// CHECK-NOT:     graph.region
// CHECK:         return %[[R]]
func.func @matmul_bias_relu(%x: tensor<?x768xf32, #graph.dims<B, 768>>, %w: tensor<768x64xf32>, %bias: tensor<64xf32>)
    -> tensor<?x64xf32, #graph.dims<B, 64>> {
  %zero = graph.fill 0.0 : f32 -> tensor<?x64xf32, #graph.dims<B, 64>>
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0]
    : tensor<?x768xf32, #graph.dims<B, 768>>, tensor<768x64xf32> -> tensor<?x64xf32, #graph.dims<B, 64>>
  %b = graph.broadcast %bias dims [1] : tensor<64xf32> -> tensor<?x64xf32, #graph.dims<B, 64>>
  %s = arith.addf %d, %b : tensor<?x64xf32, #graph.dims<B, 64>>
  %r = arith.maximumf %s, %zero : tensor<?x64xf32, #graph.dims<B, 64>>
  return %r : tensor<?x64xf32, #graph.dims<B, 64>>
}

// -----

// Softmax: two reductions over the same rows and all between them.
// CHECK-LABEL: func.func @softmax
// CHECK:         graph.region "k0_softmax" hero "reduce"
// CHECK-NOT:     graph.region
func.func @softmax(%x: tensor<8x128xf32>) -> tensor<8x128xf32> {
  %m = graph.reduce %x init [0xFF800000 : f32] dims [1] : tensor<8x128xf32> -> tensor<8xf32> combiner {
  ^bb0(%a: f32, %e: f32):
    %0 = arith.maximumf %a, %e : f32
    graph.yield %0 : f32
  }
  %mb = graph.broadcast %m dims [0] : tensor<8xf32> -> tensor<8x128xf32>
  %d = arith.subf %x, %mb : tensor<8x128xf32>
  %e = math.exp %d : tensor<8x128xf32>
  %s = graph.reduce %e init [0.0 : f32] dims [1] : tensor<8x128xf32> -> tensor<8xf32> combiner {
  ^bb0(%a: f32, %v: f32):
    %0 = arith.addf %a, %v : f32
    graph.yield %0 : f32
  }
  %sb = graph.broadcast %s dims [0] : tensor<8xf32> -> tensor<8x128xf32>
  %y = arith.divf %e, %sb : tensor<8x128xf32>
  return %y : tensor<8x128xf32>
}

// -----

// A reduction does not follow a contraction in one region, and what a reduction squares is not stored for it.
// CHECK-LABEL: func.func @dot_rmsnorm
// CHECK:         %[[X:.*]] = graph.region "k0_matmul_residual" hero "dot" ({{.*}}) -> (tensor<4x64xf32>) {
// CHECK-NOT:       arith.mulf
// CHECK:         %[[Y:.*]] = graph.region "k1_rmsnorm" hero "reduce" (%{{.*}} = %[[X]] : tensor<4x64xf32>) -> (tensor<4x64xf32>) {
// CHECK:         return %[[X]], %[[Y]]
func.func @dot_rmsnorm(%x: tensor<4x32xf32>, %w: tensor<32x64xf32>, %res: tensor<4x64xf32>)
    -> (tensor<4x64xf32>, tensor<4x64xf32>) {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4x32xf32>, tensor<32x64xf32> -> tensor<4x64xf32>
  %a = arith.addf %d, %res : tensor<4x64xf32>
  %sq = arith.mulf %a, %a : tensor<4x64xf32>
  %s = graph.reduce %sq init [0.0 : f32] dims [1] : tensor<4x64xf32> -> tensor<4xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  %i = math.rsqrt %s : tensor<4xf32>
  %ib = graph.broadcast %i dims [0] : tensor<4xf32> -> tensor<4x64xf32>
  %y = arith.mulf %a, %ib : tensor<4x64xf32>
  return %a, %y : tensor<4x64xf32>, tensor<4x64xf32>
}

// -----

// One value is two results: the pointwise region stores both. An argument that is a result is copied.
// CHECK-LABEL: func.func @several_results
// CHECK:         %[[R:.*]]:2 = graph.region "k0_negf_absf" hero "none"
// CHECK:         %[[C:.*]] = graph.region "k1_copy" hero "none" (%{{.*}} = %arg0
// CHECK:         return %[[R]]#0, %[[R]]#1, %[[C]]
func.func @several_results(%x: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) {
  %n = arith.negf %x : tensor<16xf32>
  %a = math.absf %n : tensor<16xf32>
  return %n, %a, %x : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>
}

// -----

// Movement is folded into the reader's loads; a transpose in front of a contraction too.
// CHECK-LABEL: func.func @movement
// CHECK:         graph.region "k0_matmul_transpose" hero "dot"
// CHECK:           graph.transpose
// CHECK:           graph.dot
// CHECK-NOT:     graph.region
func.func @movement(%x: tensor<64x8xf32>, %w: tensor<64x32xf32>) -> tensor<32x8xf32> {
  %xt = graph.transpose %x perm [1, 0] : tensor<64x8xf32> -> tensor<8x64xf32>
  %d = graph.dot %xt, %w batch [] x [] contract [1] x [0] : tensor<8x64xf32>, tensor<64x32xf32> -> tensor<8x32xf32>
  %t = graph.transpose %d perm [1, 0] : tensor<8x32xf32> -> tensor<32x8xf32>
  return %t : tensor<32x8xf32>
}

// -----

// A dot with sibling consumers at two index maps keeps them out.
// CHECK-LABEL: func.func @two_maps
// CHECK:         graph.region "k0_matmul" hero "dot"
// CHECK:         graph.region "k1_transpose_add" hero "none"
func.func @two_maps(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  %t = graph.transpose %d perm [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %s = arith.addf %d, %t : tensor<8x8xf32>
  return %s : tensor<8x8xf32>
}

// -----

// A gate per image and channel, as after squeeze and excite, is computed on the input of a convolution without a window. One with
// a window would compute it for each tap.
// CHECK-LABEL: func.func @gated
// CHECK:         graph.region "k0_conv_mul" hero "conv"
// CHECK:           %[[B:.*]] = graph.broadcast %{{.*}} dims [0, 1]
// CHECK:           %[[G:.*]] = arith.mulf %{{.*}}, %[[B]]
// CHECK:           graph.conv %[[G]]
// CHECK:         graph.region "k1_mul" hero "none"
// CHECK:         graph.region "k2_conv" hero "conv"
func.func @gated(%x: tensor<2x16x8x8xf32>, %s: tensor<2x16xf32>, %w: tensor<24x16x1x1xf32>, %v: tensor<24x16x3x3xf32>)
    -> (tensor<2x24x8x8xf32>, tensor<2x24x8x8xf32>) {
  %b = graph.broadcast %s dims [0, 1] : tensor<2x16xf32> -> tensor<2x16x8x8xf32>
  %g = arith.mulf %x, %b : tensor<2x16x8x8xf32>
  %y = graph.conv %g, %w strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : tensor<2x16x8x8xf32>, tensor<24x16x1x1xf32> -> tensor<2x24x8x8xf32>
  %c = graph.broadcast %s dims [0, 1] : tensor<2x16xf32> -> tensor<2x16x8x8xf32>
  %h = arith.mulf %c, %c : tensor<2x16x8x8xf32>
  %k = arith.mulf %x, %h : tensor<2x16x8x8xf32>
  %z = graph.conv %k, %v strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : tensor<2x16x8x8xf32>, tensor<24x16x3x3xf32> -> tensor<2x24x8x8xf32>
  return %y, %z : tensor<2x24x8x8xf32>, tensor<2x24x8x8xf32>
}
