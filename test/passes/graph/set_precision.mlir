// RUN: dlc-opt --set-precision --precision=fp32 %s | dlc-opt | FileCheck %s --check-prefix=FP32
// RUN: dlc-opt --set-precision --precision=tf32 %s | dlc-opt | FileCheck %s --check-prefix=TF32
// RUN: dlc-opt --set-precision %s | dlc-opt | FileCheck %s --check-prefix=ASIS

// Inside everything is fp32, casts between float types are gone; inputs and outputs keep their types.
// FP32-LABEL: func.func @half(%arg0: tensor<4x8xf16>) -> tensor<4xf16>
// FP32:         %[[X:.*]] = arith.extf %arg0 : tensor<4x8xf16> to tensor<4x8xf32>
// FP32:         %[[E:.*]] = math.exp %[[X]] : tensor<4x8xf32>
// FP32:         %[[S:.*]] = graph.reduce %[[E]] init [0.000000e+00 : f32]
// FP32:         arith.addf %{{.*}}, %{{.*}} : f32
// FP32:         %[[N:.*]] = arith.truncf %[[S]]
// FP32:         return %[[N]]
// ASIS-LABEL: func.func @half
// ASIS:         math.exp %arg0 : tensor<4x8xf16>
func.func @half(%x: tensor<4x8xf16>) -> tensor<4xf16> {
  %e = math.exp %x : tensor<4x8xf16>
  %w = arith.extf %e : tensor<4x8xf16> to tensor<4x8xf32>
  %n = arith.truncf %w : tensor<4x8xf32> to tensor<4x8xf16>
  %s = graph.reduce %n init [0.0 : f16] dims [1] : tensor<4x8xf16> -> tensor<4xf16> combiner {
  ^bb0(%a: f16, %v: f16):
    %0 = arith.addf %a, %v : f16
    graph.yield %0 : f16
  }
  return %s : tensor<4xf16>
}

// TF32-LABEL: func.func @contraction
// TF32:         graph.dot {{.*}} precision "tf32"
// ASIS-LABEL: func.func @contraction
// ASIS-NOT:     tf32
func.func @contraction(%x: tensor<2x4xf32>, %w: tensor<4x8xf32>) -> tensor<2x8xf32> {
  %y = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<2x4xf32>, tensor<4x8xf32> -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
