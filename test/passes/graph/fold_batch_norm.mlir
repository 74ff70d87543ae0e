// RUN: dlc-opt --split-input-file --fold-batch-norm %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --fold-batch-norm --check-semantics %s 2>&1 >/dev/null | count 0

// (conv(x, w) - m) * s + t -> (conv(x, w * s) - m * s) + t
// CHECK-LABEL: func.func @conv
// CHECK-DAG:     %[[W:.*]] = graph.constant #graph.weight<"w">
// CHECK-DAG:     %[[S:.*]] = graph.constant #graph.weight<"s">
// CHECK:         %[[SB:.*]] = graph.broadcast %[[S]] dims [0] : tensor<8xf32> -> tensor<8x3x1x1xf32>
// CHECK:         %[[WS:.*]] = arith.mulf %[[W]], %[[SB]]
// CHECK:         %[[C:.*]] = graph.conv %arg0, %[[WS]]
// CHECK:         %[[MS:.*]] = arith.mulf
// CHECK:         %[[D:.*]] = arith.subf %[[C]], %[[MS]]
// CHECK:         arith.addf %[[D]]
func.func @conv(%x: tensor<1x3x4x4xf32>) -> tensor<1x8x4x4xf32> {
  %w = graph.constant #graph.weight<"w"> -> tensor<8x3x1x1xf32>
  %s = graph.constant #graph.weight<"s"> -> tensor<8xf32>
  %m = graph.constant #graph.weight<"m"> -> tensor<8xf32>
  %t = graph.constant #graph.weight<"t"> -> tensor<8xf32>
  %y = graph.conv %x, %w strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1
    : tensor<1x3x4x4xf32>, tensor<8x3x1x1xf32> -> tensor<1x8x4x4xf32>
  %mb = graph.broadcast %m dims [1] : tensor<8xf32> -> tensor<1x8x4x4xf32>
  %sb = graph.broadcast %s dims [1] : tensor<8xf32> -> tensor<1x8x4x4xf32>
  %tb = graph.broadcast %t dims [1] : tensor<8xf32> -> tensor<1x8x4x4xf32>
  %d = arith.subf %y, %mb : tensor<1x8x4x4xf32>
  %e = arith.mulf %d, %sb : tensor<1x8x4x4xf32>
  %z = arith.addf %e, %tb : tensor<1x8x4x4xf32>
  return %z : tensor<1x8x4x4xf32>
}

// -----

// CHECK-LABEL: func.func @dot
// CHECK:         %[[WS:.*]] = arith.mulf {{.*}} : tensor<4x8xf32>
// CHECK:         graph.dot %arg0, %[[WS]]
// CHECK-NOT:     arith.mulf
func.func @dot(%x: tensor<2x4xf32>) -> tensor<2x8xf32> {
  %w = graph.constant #graph.weight<"w"> -> tensor<4x8xf32>
  %s = graph.constant #graph.weight<"s"> -> tensor<8xf32>
  %y = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<2x4xf32>, tensor<4x8xf32> -> tensor<2x8xf32>
  %sb = graph.broadcast %s dims [1] : tensor<8xf32> -> tensor<2x8xf32>
  %z = arith.mulf %y, %sb : tensor<2x8xf32>
  return %z : tensor<2x8xf32>
}

// -----

// Another reader of the product, or a scale that is no constant: nothing changes.
// CHECK-LABEL: func.func @kept
// CHECK:         graph.dot %arg0, %{{.*}} batch
// CHECK:         arith.mulf {{.*}} : tensor<2x8xf32>
func.func @kept(%x: tensor<2x4xf32>, %s: tensor<8xf32>) -> tensor<2x8xf32> {
  %w = graph.constant #graph.weight<"w"> -> tensor<4x8xf32>
  %y = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<2x4xf32>, tensor<4x8xf32> -> tensor<2x8xf32>
  %sb = graph.broadcast %s dims [1] : tensor<8xf32> -> tensor<2x8xf32>
  %z = arith.mulf %y, %sb : tensor<2x8xf32>
  return %z : tensor<2x8xf32>
}
