// RUN: dlc-opt --split-input-file --fuse-regions --narrow-storage --fold-constants --precision=fp16 %s \
// RUN:   | dlc-opt --split-input-file | FileCheck %s

// Contractions read 16 bits and sum in fp32; the epilogue is fp32; what is stored between regions is rounded once. The
// input keeps its type, and so does the output. The weight is a recipe that saturates.
// CHECK-LABEL: func.func @main(%arg0: tensor<2x64xf32>) -> tensor<2x32xf32>
// CHECK-DAG:     %[[W:.*]] = graph.constant #graph.weight<"w.folded"> -> tensor<64x32xf16>
// CHECK-DAG:     %[[B:.*]] = graph.constant #graph.weight<"b"> -> tensor<32xf32>
// CHECK:         %[[X:.*]] = graph.region "k_cast_0" hero "none" (%{{.*}} = %arg0 : tensor<2x64xf32>) -> (tensor<2x64xf16>)
// CHECK:         %[[D:.*]] = graph.region "k0_matmul_bias" {{.*}} -> (tensor<2x32xf16>) {
// CHECK:           graph.dot {{.*}} : tensor<2x64xf16>, tensor<64x32xf16> -> tensor<2x32xf32>
// CHECK:           %[[S:.*]] = arith.addf {{.*}} : tensor<2x32xf32>
// CHECK:           arith.truncf %[[S]]
// CHECK:         graph.region "k1_sum_div" hero "reduce" (%[[A:.*]] = %[[D]] : tensor<2x32xf16>) -> (tensor<2x32xf32>) {
// CHECK:           arith.extf %[[A]]
// CHECK:           graph.reduce {{.*}} : tensor<2x32xf32> -> tensor<2xf32>
// CHECK:       func.func private @fold_0(%arg0: tensor<64x32xf32>) -> tensor<64x32xf16>
// CHECK:         arith.maximumf
// CHECK:         arith.minimumf
// CHECK:         arith.truncf
func.func @main(%x: tensor<2x64xf32>) -> tensor<2x32xf32> {
  %w = graph.constant #graph.weight<"w"> -> tensor<64x32xf32>
  %b = graph.constant #graph.weight<"b"> -> tensor<32xf32>
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<2x64xf32>, tensor<64x32xf32> -> tensor<2x32xf32>
  %bb = graph.broadcast %b dims [1] : tensor<32xf32> -> tensor<2x32xf32>
  %a = arith.addf %d, %bb : tensor<2x32xf32>
  %s = graph.reduce %a init [0.0 : f32] dims [1] : tensor<2x32xf32> -> tensor<2xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  %sb = graph.broadcast %s dims [0] : tensor<2xf32> -> tensor<2x32xf32>
  %y = arith.divf %a, %sb : tensor<2x32xf32>
  return %y : tensor<2x32xf32>
}

// -----

// A mask made of the smallest fp32 number stays finite in fp16.
// CHECK-LABEL: func.func @mask
// CHECK:         graph.region {{.*}} -> (tensor<8x8xf16>)
// CHECK:           graph.fill -6.550400e+04 : f32
// CHECK:           arith.truncf
// CHECK:         graph.region "k1_matmul"
func.func @mask(%c: tensor<8x8xi1>, %v: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %low = graph.fill 0xFF7FFFFF : f32 -> tensor<8x8xf32>
  %zero = graph.fill 0.0 : f32 -> tensor<8x8xf32>
  %m = arith.select %c, %zero, %low : tensor<8x8xi1>, tensor<8x8xf32>
  %d = graph.dot %m, %v batch [] x [] contract [1] x [0] : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  return %d : tensor<8x8xf32>
}

// -----

// Places along an axis follow from dims alone: 16 bits would move them.
// CHECK-LABEL: func.func @places
// CHECK:         graph.region "places" hero "none" () -> (tensor<512xf32>)
// CHECK:         graph.region "scaled" {{.*}} -> (tensor<4x512xf16>)
// CHECK:         graph.region "negated" {{.*}} -> (tensor<4x512xf32>)
func.func @places(%x: tensor<4x512xf32>) -> tensor<4x512xf32> {
  %p = graph.region "places" hero "none" () -> (tensor<512xf32>) {
    %i = graph.iota dim 0 : tensor<512xi64>
    %f = arith.sitofp %i : tensor<512xi64> to tensor<512xf32>
    graph.yield %f : tensor<512xf32>
  }
  %y = graph.region "scaled" hero "none" (%a = %x : tensor<4x512xf32>, %q = %p : tensor<512xf32>) -> (tensor<4x512xf32>) {
    %b = graph.broadcast %q dims [1] : tensor<512xf32> -> tensor<4x512xf32>
    %m = arith.mulf %a, %b : tensor<4x512xf32>
    graph.yield %m : tensor<4x512xf32>
  }
  %z = graph.region "negated" hero "none" (%a = %y : tensor<4x512xf32>) -> (tensor<4x512xf32>) {
    %n = arith.negf %a : tensor<4x512xf32>
    graph.yield %n : tensor<4x512xf32>
  }
  return %z : tensor<4x512xf32>
}
