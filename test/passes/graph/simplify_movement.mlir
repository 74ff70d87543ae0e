// RUN: dlc-opt --split-input-file --simplify-movement %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --simplify-movement --check-semantics %s 2>&1 >/dev/null | count 0

// Transposes around pointwise work meet and cancel.
// CHECK-LABEL: func.func @borders
// CHECK-NOT:     graph.transpose
// CHECK:         %[[B:.*]] = graph.broadcast %arg1 dims [1]
// CHECK:         %[[S:.*]] = arith.addf %arg0, %[[B]]
// CHECK:         %[[R:.*]] = math.tanh %[[S]]
// CHECK:         return %[[R]]
func.func @borders(%x: tensor<1x8x4x4xf32>, %bias: tensor<8xf32>) -> tensor<1x8x4x4xf32> {
  %a = graph.transpose %x perm [0, 2, 3, 1] : tensor<1x8x4x4xf32> -> tensor<1x4x4x8xf32>
  %b = graph.broadcast %bias dims [3] : tensor<8xf32> -> tensor<1x4x4x8xf32>
  %s = arith.addf %a, %b : tensor<1x4x4x8xf32>
  %r = math.tanh %s : tensor<1x4x4x8xf32>
  %c = graph.transpose %r perm [0, 3, 1, 2] : tensor<1x4x4x8xf32> -> tensor<1x8x4x4xf32>
  return %c : tensor<1x8x4x4xf32>
}

// -----

// A mean over H and W of a transposed tensor is one over the tensor's own dims.
// CHECK-LABEL: func.func @reduction
// CHECK-NOT:     graph.transpose
// CHECK:         graph.reduce %arg0 init [0.000000e+00 : f32] dims [2, 3] : tensor<2x8x4x4xf32> -> tensor<2x8xf32>
func.func @reduction(%x: tensor<2x8x4x4xf32>) -> tensor<2x8xf32> {
  %a = graph.transpose %x perm [0, 2, 3, 1] : tensor<2x8x4x4xf32> -> tensor<2x4x4x8xf32>
  %s = graph.reduce %a init [0.0 : f32] dims [1, 2] : tensor<2x4x4x8xf32> -> tensor<2x8xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  return %s : tensor<2x8xf32>
}

// -----

// Attention's heads are read where they lie.
// CHECK-LABEL: func.func @heads
// CHECK:         graph.dot %arg0, %arg1 batch [0, 2] x [0, 2] contract [3] x [3]
// CHECK-NOT:     graph.transpose
func.func @heads(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>) -> tensor<2x4x16x16xf32> {
  %qt = graph.transpose %q perm [0, 2, 1, 3] : tensor<2x16x4x8xf32> -> tensor<2x4x16x8xf32>
  %kt = graph.transpose %k perm [0, 2, 3, 1] : tensor<2x16x4x8xf32> -> tensor<2x4x8x16xf32>
  %d = graph.dot %qt, %kt batch [0, 1] x [0, 1] contract [3] x [2]
    : tensor<2x4x16x8xf32>, tensor<2x4x8x16xf32> -> tensor<2x4x16x16xf32>
  return %d : tensor<2x4x16x16xf32>
}

// -----

// A transpose that would change the order of the result's dims stays.
// CHECK-LABEL: func.func @free_dims
// CHECK:         graph.transpose
// CHECK:         graph.dot
func.func @free_dims(%x: tensor<3x4x8xf32>, %w: tensor<8x5xf32>) -> tensor<4x3x5xf32> {
  %t = graph.transpose %x perm [1, 0, 2] : tensor<3x4x8xf32> -> tensor<4x3x8xf32>
  %d = graph.dot %t, %w batch [] x [] contract [2] x [0] : tensor<4x3x8xf32>, tensor<8x5xf32> -> tensor<4x3x5xf32>
  return %d : tensor<4x3x5xf32>
}

// -----

// Work on what is repeated is done once.
// CHECK-LABEL: func.func @broadcasts
// CHECK:         %[[M:.*]] = arith.mulf %arg0, %arg1 : tensor<8xf32>
// CHECK:         %[[B:.*]] = graph.broadcast %[[M]] dims [1]
// CHECK:         return %[[B]]
graph.symbol "B" min 1 max 8 multiple 1 origins []
func.func @broadcasts(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<?x8xf32, #graph.dims<B, 8>> {
  %a = graph.broadcast %x dims [1] : tensor<8xf32> -> tensor<?x8xf32, #graph.dims<B, 8>>
  %b = graph.broadcast %y dims [1] : tensor<8xf32> -> tensor<?x8xf32, #graph.dims<B, 8>>
  %c = arith.mulf %a, %b : tensor<?x8xf32, #graph.dims<B, 8>>
  return %c : tensor<?x8xf32, #graph.dims<B, 8>>
}

// -----

// Only what a slice reads is computed.
// CHECK-LABEL: func.func @slice
// CHECK:         %[[S:.*]] = graph.slice %arg0
// CHECK:         math.exp %[[S]] : tensor<1x8xf32>
func.func @slice(%x: tensor<16x8xf32>) -> tensor<1x8xf32> {
  %e = math.exp %x : tensor<16x8xf32>
  %s = graph.slice %e offsets <0, 0> steps [1, 1] : tensor<16x8xf32> -> tensor<1x8xf32>
  return %s : tensor<1x8xf32>
}
