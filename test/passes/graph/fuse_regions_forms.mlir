// RUN: dlc-opt --split-input-file --graph-pipeline --check-semantics --list-regions %s 2>&1 >/dev/null | FileCheck %s

// Patterns as exporters write them: one region each.

// Layer norm as torch writes it: kept dims, a power, a root and a division.
// CHECK:      k0_layernorm reduce
// CHECK-NEXT: 1 regions
func.func @layer_norm_torch(%x: tensor<2x5x16xf32>) -> tensor<2x5x16xf32> {
  %g = graph.constant #graph.weight<"g"> -> tensor<16xf32>
  %b = graph.constant #graph.weight<"b"> -> tensor<16xf32>
  %n = graph.fill 16.0 : f32 -> tensor<2x5x1xf32>
  %eps = graph.fill 1.0e-05 : f32 -> tensor<2x5x1xf32>
  %two = graph.fill 2.0 : f32 -> tensor<2x5x16xf32>
  %s = graph.reduce %x init [0.0 : f32] dims [2] : tensor<2x5x16xf32> -> tensor<2x5xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  %sk = graph.reshape %s : tensor<2x5xf32> -> tensor<2x5x1xf32>
  %m = arith.divf %sk, %n : tensor<2x5x1xf32>
  %mb = graph.broadcast %m dims [0, 1, 2] : tensor<2x5x1xf32> -> tensor<2x5x16xf32>
  %d = arith.subf %x, %mb : tensor<2x5x16xf32>
  %d2 = math.powf %d, %two : tensor<2x5x16xf32>
  %v = graph.reduce %d2 init [0.0 : f32] dims [2] : tensor<2x5x16xf32> -> tensor<2x5xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  %vk = graph.reshape %v : tensor<2x5xf32> -> tensor<2x5x1xf32>
  %vm = arith.divf %vk, %n : tensor<2x5x1xf32>
  %ve = arith.addf %vm, %eps : tensor<2x5x1xf32>
  %sd = math.sqrt %ve : tensor<2x5x1xf32>
  %sb = graph.broadcast %sd dims [0, 1, 2] : tensor<2x5x1xf32> -> tensor<2x5x16xf32>
  %y = arith.divf %d, %sb : tensor<2x5x16xf32>
  %gb = graph.broadcast %g dims [2] : tensor<16xf32> -> tensor<2x5x16xf32>
  %bb = graph.broadcast %b dims [2] : tensor<16xf32> -> tensor<2x5x16xf32>
  %yg = arith.mulf %y, %gb : tensor<2x5x16xf32>
  %z = arith.addf %yg, %bb : tensor<2x5x16xf32>
  return %z : tensor<2x5x16xf32>
}

// -----

// Layer norm as tf2onnx writes it: x * (r * g) + (b - mean * (r * g)), both moments of x itself.
// CHECK:      k0_layernorm{{.*}} reduce
// CHECK-NEXT: 1 regions
func.func @layer_norm_tf(%x: tensor<10x16xf32>) -> tensor<10x16xf32> {
  %g = graph.constant #graph.weight<"g"> -> tensor<16xf32>
  %b = graph.constant #graph.weight<"b"> -> tensor<16xf32>
  %n = graph.fill 0.0625 : f32 -> tensor<10xf32>
  %eps = graph.fill 1.0e-03 : f32 -> tensor<10xf32>
  %s = graph.reduce %x init [0.0 : f32] dims [1] : tensor<10x16xf32> -> tensor<10xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  %m = arith.mulf %s, %n : tensor<10xf32>
  %x2 = arith.mulf %x, %x : tensor<10x16xf32>
  %q = graph.reduce %x2 init [0.0 : f32] dims [1] : tensor<10x16xf32> -> tensor<10xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  %qm = arith.mulf %q, %n : tensor<10xf32>
  %mm = arith.mulf %m, %m : tensor<10xf32>
  %v = arith.subf %qm, %mm : tensor<10xf32>
  %ve = arith.addf %v, %eps : tensor<10xf32>
  %i = math.rsqrt %ve : tensor<10xf32>
  %ib = graph.broadcast %i dims [0] : tensor<10xf32> -> tensor<10x16xf32>
  %gb = graph.broadcast %g dims [1] : tensor<16xf32> -> tensor<10x16xf32>
  %f = arith.mulf %ib, %gb : tensor<10x16xf32>
  %mb = graph.broadcast %m dims [0] : tensor<10xf32> -> tensor<10x16xf32>
  %mf = arith.mulf %mb, %f : tensor<10x16xf32>
  %bb = graph.broadcast %b dims [1] : tensor<16xf32> -> tensor<10x16xf32>
  %t = arith.subf %bb, %mf : tensor<10x16xf32>
  %xf = arith.mulf %x, %f : tensor<10x16xf32>
  %y = arith.addf %xf, %t : tensor<10x16xf32>
  return %y : tensor<10x16xf32>
}

// -----

// GELU in both forms behind a matmul with its bias.
// CHECK:      k0_matmul_bias_gelu dot
// CHECK:      k1_matmul_bias_gelu dot
// CHECK-NEXT: 2 regions
func.func @gelus(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = graph.constant #graph.weight<"w"> -> tensor<8x8xf32>
  %u = graph.constant #graph.weight<"u"> -> tensor<8x8xf32>
  %b = graph.constant #graph.weight<"b8"> -> tensor<8xf32>
  %half = graph.fill 0.5 : f32 -> tensor<4x8xf32>
  %one = graph.fill 1.0 : f32 -> tensor<4x8xf32>
  %three = graph.fill 3.0 : f32 -> tensor<4x8xf32>
  %root = graph.fill 1.41421354 : f32 -> tensor<4x8xf32>
  %c = graph.fill 0.044715 : f32 -> tensor<4x8xf32>
  %k = graph.fill 0.797884583 : f32 -> tensor<4x8xf32>
  %bb = graph.broadcast %b dims [1] : tensor<8xf32> -> tensor<4x8xf32>
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
  %p = arith.addf %d, %bb : tensor<4x8xf32>
  %q = arith.divf %p, %root : tensor<4x8xf32>
  %e = math.erf %q : tensor<4x8xf32>
  %e1 = arith.addf %e, %one : tensor<4x8xf32>
  %pe = arith.mulf %p, %e1 : tensor<4x8xf32>
  %y = arith.mulf %pe, %half : tensor<4x8xf32>
  %d2 = graph.dot %x, %u batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
  %p2 = arith.addf %d2, %bb : tensor<4x8xf32>
  %cube = math.powf %p2, %three : tensor<4x8xf32>
  %cc = arith.mulf %cube, %c : tensor<4x8xf32>
  %in = arith.addf %p2, %cc : tensor<4x8xf32>
  %kin = arith.mulf %in, %k : tensor<4x8xf32>
  %t = math.tanh %kin : tensor<4x8xf32>
  %t1 = arith.addf %t, %one : tensor<4x8xf32>
  %pt = arith.mulf %p2, %t1 : tensor<4x8xf32>
  %z = arith.mulf %pt, %half : tensor<4x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// A convolution with bias, residual and activation.
// CHECK:      k0_conv_bias_residual_relu conv
// CHECK-NEXT: 1 regions
func.func @conv_residual(%x: tensor<1x4x6x6xf32>, %res: tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32> {
  %w = graph.constant #graph.weight<"w"> -> tensor<8x4x3x3xf32>
  %b = graph.constant #graph.weight<"b"> -> tensor<8xf32>
  %zero = graph.fill 0.0 : f32 -> tensor<1x8x6x6xf32>
  %c = graph.conv %x, %w strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1
    : tensor<1x4x6x6xf32>, tensor<8x4x3x3xf32> -> tensor<1x8x6x6xf32>
  %bb = graph.broadcast %b dims [1] : tensor<8xf32> -> tensor<1x8x6x6xf32>
  %s = arith.addf %c, %bb : tensor<1x8x6x6xf32>
  %r = arith.addf %s, %res : tensor<1x8x6x6xf32>
  %y = arith.maximumf %r, %zero : tensor<1x8x6x6xf32>
  return %y : tensor<1x8x6x6xf32>
}
