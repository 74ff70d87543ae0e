// RUN: dlc-opt --split-input-file --sink-scales %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --sink-scales --check-semantics %s 2>&1 >/dev/null | count 0

// CHECK-LABEL: func.func @sliced
// CHECK:         %[[Q:.*]] = graph.slice
// CHECK:         %[[D:.*]] = graph.dot %[[Q]], %arg1
// CHECK:         arith.mulf %[[D]]
func.func @sliced(%qkv: tensor<4x24xf32>, %k: tensor<4x8xf32>) -> tensor<4x4xf32> {
  %q = graph.slice %qkv offsets <0, 0> steps [1, 1] : tensor<4x24xf32> -> tensor<4x8xf32>
  %c = graph.fill 0.125 : f32 -> tensor<4x8xf32>
  %s = arith.mulf %q, %c : tensor<4x8xf32>
  %d = graph.dot %s, %k batch [] x [] contract [1] x [1] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
  return %d : tensor<4x4xf32>
}

// -----

// A 16-bit result is rounded after the scale.
// CHECK-LABEL: func.func @half
// CHECK:         %[[D:.*]] = graph.dot %arg0, %arg1 {{.*}} -> tensor<4x4xf32>
// CHECK:         %[[S:.*]] = arith.mulf %[[D]]
// CHECK:         arith.truncf %[[S]]
func.func @half(%q: tensor<4x8xf16>, %k: tensor<4x8xf16>) -> tensor<4x4xf16> {
  %c = graph.fill 0.125 : f16 -> tensor<4x8xf16>
  %s = arith.mulf %q, %c : tensor<4x8xf16>
  %d = graph.dot %s, %k batch [] x [] contract [1] x [1] : tensor<4x8xf16>, tensor<4x8xf16> -> tensor<4x4xf16>
  return %d : tensor<4x4xf16>
}

// -----

// A scale that a contraction's epilogue takes along stays.
// CHECK-LABEL: func.func @epilogue
// CHECK:         %[[S:.*]] = arith.mulf
// CHECK:         graph.dot %[[S]]
func.func @epilogue(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %k: tensor<4x8xf32>) -> tensor<4x4xf32> {
  %q = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
  %c = graph.fill 0.125 : f32 -> tensor<4x8xf32>
  %s = arith.mulf %q, %c : tensor<4x8xf32>
  %d = graph.dot %s, %k batch [] x [] contract [1] x [1] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
  return %d : tensor<4x4xf32>
}
