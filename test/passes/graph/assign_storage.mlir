// RUN: dlc-opt --split-input-file --fuse-regions --assign-storage --fold-constants %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --fuse-regions --assign-storage --check-semantics %s 2>&1 >/dev/null | count 0
// RUN: dlc-opt --split-input-file --fuse-regions --assign-storage --remarks=text %s 2>&1 >/dev/null | FileCheck %s --check-prefix=WHY

// Between two convolutions the channels lie last, and in the second filter, too. The graph's input and output stay as they
// are. What follows the convolution in its region is not disturbed: the result is moved where it is stored.
// CHECK-LABEL: func.func @chain
// CHECK:         %[[W:.*]] = graph.constant #graph.weight<"w2.folded"> -> tensor<16x3x3x8xf32>
// CHECK:         %[[A:.*]] = graph.region "k0_conv_relu" {{.*}} -> (tensor<2x6x6x8xf32>) {
// CHECK:           %[[C:.*]] = graph.conv
// CHECK:           %[[M:.*]] = arith.maximumf %[[C]]
// CHECK:           %[[T:.*]] = graph.transpose %[[M]] perm [0, 2, 3, 1]
// CHECK:           graph.yield %[[T]]
// CHECK:         graph.region "k1_conv" {{.*}} (%[[X:.*]] = %[[A]] : tensor<2x6x6x8xf32>, %[[F:.*]] = %[[W]] : tensor<16x3x3x8xf32>) -> (tensor<2x16x6x6xf32>) {
// CHECK-DAG:       %[[XC:.*]] = graph.transpose %[[X]] perm [0, 3, 1, 2]
// CHECK-DAG:       %[[FC:.*]] = graph.transpose %[[F]] perm [0, 3, 1, 2]
// CHECK:           %[[D:.*]] = graph.conv %[[XC]], %[[FC]]
// CHECK:           graph.yield %[[D]]
// CHECK:       func.func private @fold_0(%arg0: tensor<16x8x3x3xf32>) -> tensor<16x3x3x8xf32>
// WHY: changed: result 0 of k0_conv_relu: assign-storage: stored with the channels last
// WHY: missed: result 0 of k1_conv: assign-storage: stays row-major: it is a result of the model
func.func @chain(%x: tensor<2x3x6x6xf32>) -> tensor<2x16x6x6xf32> {
  %w1 = graph.constant #graph.weight<"w1"> -> tensor<8x3x3x3xf32>
  %w2 = graph.constant #graph.weight<"w2"> -> tensor<16x8x3x3xf32>
  %a = graph.conv %x, %w1 strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : tensor<2x3x6x6xf32>, tensor<8x3x3x3xf32> -> tensor<2x8x6x6xf32>
  %zero = graph.fill 0.0 : f32 -> tensor<2x8x6x6xf32>
  %r = arith.maximumf %a, %zero : tensor<2x8x6x6xf32>
  %y = graph.conv %r, %w2 strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : tensor<2x8x6x6xf32>, tensor<16x8x3x3xf32> -> tensor<2x16x6x6xf32>
  return %y : tensor<2x16x6x6xf32>
}

// -----

// A window and a reduction run over the dims that are stored. A depthwise filter has the channels last, its outputs.
// CHECK-LABEL: func.func @pooled
// CHECK:         graph.constant #graph.weight<"d.folded"> -> tensor<1x3x3x8xf32>
// CHECK:         graph.region "k1_maxpool" hero "window" (%[[X:.*]] = %{{.*}} : tensor<2x6x6x8xf32>) -> (tensor<2x3x3x8xf32>) {
// CHECK-NEXT:      graph.window %[[X]] init {{.*}} size [1, 2, 2, 1] strides [1, 2, 2, 1]
// CHECK-NOT:       graph.transpose
// CHECK:         graph.region "k2_dwconv" {{.*}} (%{{.*}} = %{{.*}} : tensor<2x3x3x8xf32>, %[[F:.*]] = %{{.*}} : tensor<1x3x3x8xf32>) -> (tensor<2x3x3x8xf32>) {
// CHECK:           graph.transpose %[[F]] perm [3, 0, 1, 2] : tensor<1x3x3x8xf32> -> tensor<8x1x3x3xf32>
// CHECK:         graph.region "k3_sum" hero "reduce" (%[[Y:.*]] = %{{.*}} : tensor<2x3x3x8xf32>) -> (tensor<2x8xf32>) {
// CHECK-NEXT:      graph.reduce %[[Y]] init {{.*}} dims [1, 2]
func.func @pooled(%x: tensor<2x3x6x6xf32>) -> tensor<2x8xf32> {
  %w = graph.constant #graph.weight<"w"> -> tensor<8x3x1x1xf32>
  %d = graph.constant #graph.weight<"d"> -> tensor<8x1x3x3xf32>
  %a = graph.conv %x, %w strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : tensor<2x3x6x6xf32>, tensor<8x3x1x1xf32> -> tensor<2x8x6x6xf32>
  %p = graph.window %a init 0xFF800000 : f32 size [1, 1, 2, 2] strides [1, 1, 2, 2] dilations [1, 1, 1, 1] low <0, 0, 0, 0> high <0, 0, 0, 0> : tensor<2x8x6x6xf32> -> tensor<2x8x3x3xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.maximumf %l, %r : f32
    graph.yield %0 : f32
  }
  %c = graph.conv %p, %d strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 8 : tensor<2x8x3x3xf32>, tensor<8x1x3x3xf32> -> tensor<2x8x3x3xf32>
  %s = graph.reduce %c init [0.0 : f32] dims [2, 3] : tensor<2x8x3x3xf32> -> tensor<2x8xf32> combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  return %s : tensor<2x8xf32>
}

// -----

// A matrix product flattens channels and positions: it reads row-major memory. Channels that do not fill words stay, too.
// CHECK-LABEL: func.func @stays
// CHECK:         graph.region "k0_conv" {{.*}} -> (tensor<2x5x4x4xf16>) {
// CHECK-NOT:       graph.transpose
// CHECK:         graph.region "k1_conv" {{.*}} -> (tensor<2x8x4x4xf16>) {
// CHECK-NOT:       graph.transpose
// CHECK:         graph.region "k2_matmul
func.func @stays(%x: tensor<2x3x4x4xf16>, %m: tensor<8x4x4x6xf16>) -> tensor<2x6xf16> {
  %w = graph.constant #graph.weight<"w"> -> tensor<5x3x1x1xf16>
  %v = graph.constant #graph.weight<"v"> -> tensor<8x5x1x1xf16>
  %a = graph.conv %x, %w strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : tensor<2x3x4x4xf16>, tensor<5x3x1x1xf16> -> tensor<2x5x4x4xf16>
  %b = graph.conv %a, %v strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : tensor<2x5x4x4xf16>, tensor<8x5x1x1xf16> -> tensor<2x8x4x4xf16>
  %y = graph.dot %b, %m batch [] x [] contract [1, 2, 3] x [0, 1, 2] : tensor<2x8x4x4xf16>, tensor<8x4x4x6xf16> -> tensor<2x6xf16>
  return %y : tensor<2x6xf16>
}

// -----

// What only convolutions read may get channels of zeros, to fill words: three halves become four, here and in the filter.
// CHECK-LABEL: func.func @picture
// CHECK:         %[[F:.*]] = graph.constant #graph.weight<"w.folded"> -> tensor<8x3x3x4xf16>
// CHECK:         %[[A:.*]] = graph.region "k0{{.*}}" hero "none" {{.*}} -> (tensor<2x6x6x4xf16>) {
// CHECK:           graph.pad {{.*}} high <0, 1, 0, 0>
// CHECK:         graph.region "k1_conv" hero "conv" (%{{.*}} = %[[A]] : tensor<2x6x6x4xf16>, %{{.*}} = %[[F]] : tensor<8x3x3x4xf16>) -> (tensor<2x8x6x6xf16>)
// CHECK:           graph.conv {{.*}} : tensor<2x4x6x6xf16>, tensor<8x4x3x3xf16> -> tensor<2x8x6x6xf16>
// WHY: changed: result 0 of k0{{.*}}: assign-storage: stored with the channels last, and 1 of zeros
func.func @picture(%x: tensor<2x3x6x6xf32>) -> tensor<2x8x6x6xf16> {
  %w = graph.constant #graph.weight<"w"> -> tensor<8x3x3x3xf16>
  %h = arith.truncf %x : tensor<2x3x6x6xf32> to tensor<2x3x6x6xf16>
  %y = graph.conv %h, %w strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : tensor<2x3x6x6xf16>, tensor<8x3x3x3xf16> -> tensor<2x8x6x6xf16>
  return %y : tensor<2x8x6x6xf16>
}

// -----

// A pool of rows, too, writes what convolutions read.
// CHECK-LABEL: func.func @pooled_picture
// CHECK:         graph.region "k0_maxpool" hero "window" (%{{.*}} = %arg0 : tensor<?x16x?x?xf16, #graph.dims<B, 16, H, W>>) -> (tensor<?x?x?x16xf16, {{.*}}>) {
// CHECK:           graph.transpose %{{.*}} perm [0, 2, 3, 1]
// CHECK:         graph.region "k1_conv" hero "conv" (%{{.*}} = %{{.*}} : tensor<?x?x?x16xf16, {{.*}}>, %{{.*}} = %{{.*}} : tensor<8x3x3x16xf16>)
// WHY: changed: result 0 of k0_maxpool: assign-storage: stored with the channels last
!x = tensor<?x16x?x?xf16, #graph.dims<B, 16, H, W>>
!p = tensor<?x16x?x?xf16, #graph.dims<B, 16, "H floordiv 2", "W floordiv 2">>
!y = tensor<?x8x?x?xf16, #graph.dims<B, 8, "H floordiv 2", "W floordiv 2">>
func.func @pooled_picture(%x: !x) -> !y {
  %w = graph.constant #graph.weight<"w"> -> tensor<8x16x3x3xf16>
  %p = graph.window %x init 0xFC00 : f16 size [1, 1, 2, 2] strides [1, 1, 2, 2] dilations [1, 1, 1, 1] low <0, 0, 0, 0> high <0, 0, 0, 0> : !x -> !p combiner {
  ^bb0(%l: f16, %r: f16):
    %m = arith.maximumf %l, %r : f16
    graph.yield %m : f16
  }
  %y = graph.conv %p, %w strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : !p, tensor<8x16x3x3xf16> -> !y
  return %y : !y
}

// -----

// A model's input stays as it is. Convolutions with windows over half words read one copy; others read it as it lies.
// CHECK-LABEL: func.func @half_input
// CHECK:         %[[C:.*]] = graph.region "k_copy_0" hero "none" (%[[X:.*]] = %arg0 : tensor<2x16x6x6xf16>) -> (tensor<2x6x6x16xf16>) {
// CHECK-NEXT:      %[[T:.*]] = graph.transpose %[[X]] perm [0, 2, 3, 1]
// CHECK-NEXT:      graph.yield %[[T]]
// CHECK:         graph.region "k0_conv" hero "conv" (%{{.*}} = %[[C]] : tensor<2x6x6x16xf16>, %{{.*}} = %{{.*}} : tensor<8x3x3x16xf16>)
// CHECK:         graph.region "k1_conv" hero "conv" (%{{.*}} = %arg0 : tensor<2x16x6x6xf16>, %{{.*}} = %{{.*}} : tensor<8x16x1x1xf16>)
// CHECK:         graph.region "k2_conv" hero "conv" (%{{.*}} = %[[C]] : tensor<2x6x6x16xf16>, %{{.*}} = %{{.*}} : tensor<8x3x1x16xf16>)
// WHY: changed: result 0 of k_copy_0: assign-storage: stored with the channels last
!x = tensor<2x16x6x6xf16>
!y = tensor<2x8x6x6xf16>
func.func @half_input(%x: !x) -> (!y, !y, !y) {
  %w0 = graph.constant #graph.weight<"w0"> -> tensor<8x16x3x3xf16>
  %w1 = graph.constant #graph.weight<"w1"> -> tensor<8x16x1x1xf16>
  %w2 = graph.constant #graph.weight<"w2"> -> tensor<8x16x3x1xf16>
  %a = graph.conv %x, %w0 strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : !x, tensor<8x16x3x3xf16> -> !y
  %b = graph.conv %x, %w1 strides [1, 1] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : !x, tensor<8x16x1x1xf16> -> !y
  %c = graph.conv %x, %w2 strides [1, 1] dilations [1, 1] low <1, 0> high <1, 0> groups 1 : !x, tensor<8x16x3x1xf16> -> !y
  return %a, %b, %c : !y, !y, !y
}
