// RUN: dlc-opt --split-input-file --canonicalize-graph %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --canonicalize-graph --check-semantics %s 2>&1 >/dev/null | count 0

// CHECK-LABEL: func.func @identities(
// CHECK-SAME:    %[[X:.*]]: tensor
// CHECK-NEXT:    return %[[X]]
func.func @identities(%x: tensor<?x64xf32, #graph.dims<B, 64>>) -> tensor<?x64xf32, #graph.dims<B, 64>> {
  %one = graph.fill 1.0 : f32 -> tensor<?x64xf32, #graph.dims<B, 64>>
  %low = graph.fill 0xFF800000 : f32 -> tensor<?x64xf32, #graph.dims<B, 64>>
  %a = arith.mulf %x, %one : tensor<?x64xf32, #graph.dims<B, 64>>
  %b = arith.maximumf %a, %low : tensor<?x64xf32, #graph.dims<B, 64>>
  %t = graph.transpose %b perm [1, 0] : tensor<?x64xf32, #graph.dims<B, 64>> -> tensor<64x?xf32, #graph.dims<64, B>>
  %u = graph.transpose %t perm [1, 0] : tensor<64x?xf32, #graph.dims<64, B>> -> tensor<?x64xf32, #graph.dims<B, 64>>
  %n = arith.negf %u : tensor<?x64xf32, #graph.dims<B, 64>>
  %m = arith.negf %n : tensor<?x64xf32, #graph.dims<B, 64>>
  return %m : tensor<?x64xf32, #graph.dims<B, 64>>
}

// -----

// What is no identity for NaN, infinities or -0.0 stays.
// CHECK-LABEL: func.func @no_identities
// CHECK:         arith.addf
// CHECK:         arith.subf
// CHECK:         arith.mulf
func.func @no_identities(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = graph.fill 0.0 : f32 -> tensor<4xf32>
  %a = arith.addf %x, %zero : tensor<4xf32>
  %b = arith.subf %x, %x : tensor<4xf32>
  %c = arith.mulf %x, %zero : tensor<4xf32>
  return %a, %b, %c : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// 1 / 8 is exact, 1 / 3 is not.
// CHECK-LABEL: func.func @divisions
// CHECK-DAG:     %[[E:.*]] = graph.fill 1.250000e-01 : f32
// CHECK-DAG:     %[[T:.*]] = graph.fill 3.000000e+00 : f32
// CHECK-DAG:     arith.mulf %arg0, %[[E]]
// CHECK-DAG:     arith.divf %arg0, %[[T]]
func.func @divisions(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %eight = graph.fill 8.0 : f32 -> tensor<4xf32>
  %three = graph.fill 3.0 : f32 -> tensor<4xf32>
  %a = arith.divf %x, %eight : tensor<4xf32>
  %b = arith.divf %x, %three : tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

// -----

// Integer identities make fills of dynamic shape, never constants.
// CHECK-LABEL: func.func @integers
// CHECK-NOT:     arith.constant
// CHECK:         %[[Z:.*]] = graph.fill 0 : i32 -> tensor<?xi32, #graph.dims<N>>
// CHECK:         return %[[Z]], %arg0
func.func @integers(%x: tensor<?xi32, #graph.dims<N>>) -> (tensor<?xi32, #graph.dims<N>>, tensor<?xi32, #graph.dims<N>>) {
  %zero = graph.fill 0 : i32 -> tensor<?xi32, #graph.dims<N>>
  %a = arith.subi %x, %x : tensor<?xi32, #graph.dims<N>>
  %b = arith.ori %x, %zero : tensor<?xi32, #graph.dims<N>>
  return %a, %b : tensor<?xi32, #graph.dims<N>>, tensor<?xi32, #graph.dims<N>>
}

// -----

// A round trip through a wider format is exact, one through a narrower is not.
// CHECK-LABEL: func.func @casts
// CHECK:         %[[N:.*]] = arith.truncf %arg1
// CHECK:         %[[W:.*]] = arith.extf %[[N]]
// CHECK:         return %arg0, %[[W]]
func.func @casts(%x: tensor<4xf16>, %y: tensor<4xf32>) -> (tensor<4xf16>, tensor<4xf32>) {
  %a = arith.extf %x : tensor<4xf16> to tensor<4xf32>
  %b = arith.truncf %a : tensor<4xf32> to tensor<4xf16>
  %c = arith.truncf %y : tensor<4xf32> to tensor<4xf16>
  %d = arith.extf %c : tensor<4xf16> to tensor<4xf32>
  return %b, %d : tensor<4xf16>, tensor<4xf32>
}

// -----

// A reshape that adds dims of size 1 disappears in the broadcast that reads it.
// CHECK-LABEL: func.func @broadcast_of_units
// CHECK:         %[[B:.*]] = graph.broadcast %arg0 dims [0]
// CHECK-NOT:     graph.reshape
// CHECK:         return %[[B]]
func.func @broadcast_of_units(%x: tensor<8xf32>) -> tensor<8x16xf32> {
  %r = graph.reshape %x : tensor<8xf32> -> tensor<8x1xf32>
  %b = graph.broadcast %r dims [0, 1] : tensor<8x1xf32> -> tensor<8x16xf32>
  return %b : tensor<8x16xf32>
}

// -----

// Slices compose, a slice inside one piece of a concat reads that piece, and pieces put together again are one slice.
// CHECK-LABEL: func.func @slices
// CHECK-DAG:     %[[A:.*]] = graph.slice %arg0 offsets <3> steps [4] : tensor<32xf32> -> tensor<4xf32>
// CHECK-DAG:     %[[B:.*]] = graph.slice %arg1 offsets <2> steps [1] : tensor<8xf32> -> tensor<4xf32>
// CHECK:         return %[[A]], %[[B]], %arg0
func.func @slices(%x: tensor<32xf32>, %y: tensor<8xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<32xf32>) {
  %a = graph.slice %x offsets <1> steps [2] : tensor<32xf32> -> tensor<12xf32>
  %b = graph.slice %a offsets <1> steps [2] : tensor<12xf32> -> tensor<4xf32>
  %c = graph.concat %x, %y axis 0 : tensor<32xf32>, tensor<8xf32> -> tensor<40xf32>
  %d = graph.slice %c offsets <34> steps [1] : tensor<40xf32> -> tensor<4xf32>
  %lo = graph.slice %x offsets <0> steps [1] : tensor<32xf32> -> tensor<10xf32>
  %hi = graph.slice %x offsets <10> steps [1] : tensor<32xf32> -> tensor<22xf32>
  %e = graph.concat %lo, %hi axis 0 : tensor<10xf32>, tensor<22xf32> -> tensor<32xf32>
  return %b, %d, %e : tensor<4xf32>, tensor<4xf32>, tensor<32xf32>
}

// -----

// A gather at a known index is a slice; a margin of zeros belongs to the convolution.
// CHECK-LABEL: func.func @gather_and_pad
// CHECK:         graph.slice %arg0 offsets <1, 0> steps [1, 1] : tensor<3x5xf32> -> tensor<1x5xf32>
// CHECK-NOT:     graph.gather
// CHECK-NOT:     graph.pad
// CHECK:         graph.conv %arg1, %arg2 strides [1, 1] dilations [1, 1] low <1, 2> high <1, 2> groups 1
func.func @gather_and_pad(%x: tensor<3x5xf32>, %i: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>)
    -> (tensor<5xf32>, tensor<1x6x8x10xf32>) {
  %one = graph.fill 1 : i64 -> tensor<i64>
  %g = graph.gather %x, %one axis 0 batch_dims 0 : tensor<3x5xf32>, tensor<i64> -> tensor<5xf32>
  %zero = graph.fill 0.0 : f32 -> tensor<f32>
  %p = graph.pad %i, %zero low <0, 0, 1, 2> high <0, 0, 1, 2> : tensor<1x4x8x8xf32>, tensor<f32> -> tensor<1x4x10x12xf32>
  %c = graph.conv %p, %w strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1
    : tensor<1x4x10x12xf32>, tensor<6x4x3x3xf32> -> tensor<1x6x8x10xf32>
  return %g, %c : tensor<5xf32>, tensor<1x6x8x10xf32>
}
