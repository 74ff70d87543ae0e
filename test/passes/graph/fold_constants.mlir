// RUN: dlc-opt --split-input-file --fold-constants %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --fold-constants --check-semantics %s 2>&1 >/dev/null | count 0

// Work on weights becomes a recipe: a private function of the weights it reads.
// CHECK-LABEL: func.func @recipe
// CHECK:         %[[W:.*]] = graph.constant #graph.weight<"w.folded"> -> tensor<64x32xf32>
// CHECK-NOT:     arith.mulf
// CHECK:         graph.dot %arg0, %[[W]]
// CHECK:       func.func private @fold_0(%{{.*}}: tensor<64x32xf32>, %{{.*}}: tensor<64xf32>) -> tensor<64x32xf32>
// CHECK:         graph.broadcast
// CHECK:         arith.mulf
func.func @recipe(%x: tensor<2x64xf32>) -> tensor<2x32xf32> {
  %w = graph.constant #graph.weight<"w"> -> tensor<64x32xf32>
  %s = graph.constant #graph.weight<"s"> -> tensor<64xf32>
  %b = graph.broadcast %s dims [0] : tensor<64xf32> -> tensor<64x32xf32>
  %ws = arith.mulf %w, %b : tensor<64x32xf32>
  %d = graph.dot %x, %ws batch [] x [] contract [1] x [0] : tensor<2x64xf32>, tensor<64x32xf32> -> tensor<2x32xf32>
  return %d : tensor<2x32xf32>
}

// -----

// Small results are written inline, also of dynamic shape when they are one value.
// CHECK-LABEL: func.func @small
// CHECK-DAG:     graph.constant dense<[3, 5]> : tensor<2xi64>
// CHECK-DAG:     graph.fill 5.000000e-01 : f32 -> tensor<?xf32, #graph.dims<B>>
graph.symbol "B" min 1 max 8 multiple 1 origins []
func.func @small() -> (tensor<2xi64>, tensor<?xf32, #graph.dims<B>>) {
  %a = graph.constant dense<[1, 2]> : tensor<2xi64> -> tensor<2xi64>
  %b = graph.constant dense<[2, 3]> : tensor<2xi64> -> tensor<2xi64>
  %c = arith.addi %a, %b : tensor<2xi64>
  %four = graph.fill 4.0 : f32 -> tensor<?xf32, #graph.dims<B>>
  %root = math.rsqrt %four : tensor<?xf32, #graph.dims<B>>
  return %c, %root : tensor<2xi64>, tensor<?xf32, #graph.dims<B>>
}

// -----

// What grows, what is a view, and a copy of a weight that is read as it is, stay.
// CHECK-LABEL: func.func @kept
// CHECK:         graph.broadcast
// CHECK:         graph.reshape
// CHECK:         graph.transpose
// CHECK-NOT:   func.func private
func.func @kept() -> (tensor<128x100xf32>, tensor<50x2xf32>, tensor<20x5xf32>, tensor<5x20xf32>) {
  %v = graph.constant #graph.weight<"v"> -> tensor<100xf32>
  %m = graph.constant #graph.weight<"m"> -> tensor<5x20xf32>
  %b = graph.broadcast %v dims [1] : tensor<100xf32> -> tensor<128x100xf32>
  %r = graph.reshape %v : tensor<100xf32> -> tensor<50x2xf32>
  %t = graph.transpose %m perm [1, 0] : tensor<5x20xf32> -> tensor<20x5xf32>
  return %b, %r, %t, %m : tensor<128x100xf32>, tensor<50x2xf32>, tensor<20x5xf32>, tensor<5x20xf32>
}
