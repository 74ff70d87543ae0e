// Memory with the channels last, as between convolutions: a convolution with its filter stored likewise, depthwise ones (one with
// two outputs a channel), pooling of bytes and of halves with work before and after.
!x = tensor<?x?x?x16xf16, #graph.dims<N, H, W, 16>>
!c = tensor<?x16x?x?xf16, #graph.dims<N, 16, H, W>>
!y = tensor<?x24x?x?xf16, #graph.dims<N, 24, "(H - 1) floordiv 2 + 1", "(W - 1) floordiv 2 + 1">>
!yl = tensor<?x?x?x24xf16, #graph.dims<N, "(H - 1) floordiv 2 + 1", "(W - 1) floordiv 2 + 1", 24>>
!t = tensor<?x32x?x?xf16, #graph.dims<N, 32, H, "W - 2">>
!tl = tensor<?x?x?x32xf16, #graph.dims<N, H, "W - 2", 32>>
!b = tensor<?x?x?x16xi8, #graph.dims<N, H, W, 16>>
!bp = tensor<?x?x?x16xi8, #graph.dims<N, "(H - 1) floordiv 2 + 1", "W - 1", 16>>
!w = tensor<?x?x?x16xf32, #graph.dims<N, H, W, 16>>
graph.symbol "N" min 1 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "H" min 3 max 1024 multiple 1 origins ["x dim 1"]
graph.symbol "W" min 3 max 1024 multiple 1 origins ["x dim 2"]
func.func @main(%x: !x {graph.name = "x"}, %f: tensor<24x3x3x16xf16> {graph.name = "f"}, %d: tensor<1x3x3x16xf16> {graph.name = "d"},
                %m: tensor<1x3x3x32xf16> {graph.name = "m"}, %bytes: !b {graph.name = "bytes"})
    -> (!yl {graph.name = "conv"}, !x {graph.name = "depthwise"}, !tl {graph.name = "twice"}, !bp {graph.name = "bytesmax"},
        !x {graph.name = "mean"}) {
  %xc = graph.transpose %x perm [0, 3, 1, 2] : !x -> !c
  %fc = graph.transpose %f perm [0, 3, 1, 2] : tensor<24x3x3x16xf16> -> tensor<24x16x3x3xf16>
  %y = graph.conv %xc, %fc strides [2, 2] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : !c, tensor<24x16x3x3xf16> -> !y
  %conv = graph.transpose %y perm [0, 2, 3, 1] : !y -> !yl
  %dc = graph.transpose %d perm [3, 0, 1, 2] : tensor<1x3x3x16xf16> -> tensor<16x1x3x3xf16>
  %z = graph.conv %xc, %dc strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 16 : !c, tensor<16x1x3x3xf16> -> !c
  %s = arith.addf %z, %xc : !c
  %depthwise = graph.transpose %s perm [0, 2, 3, 1] : !c -> !x
  %mc = graph.transpose %m perm [3, 0, 1, 2] : tensor<1x3x3x32xf16> -> tensor<32x1x3x3xf16>
  %t = graph.conv %xc, %mc strides [1, 1] dilations [2, 1] low <2, 0> high <2, 0> groups 16 : !c, tensor<32x1x3x3xf16> -> !t
  %twice = graph.transpose %t perm [0, 2, 3, 1] : !t -> !tl
  %bytesmax = graph.window %bytes init -128 : i8 size [1, 3, 2, 1] strides [1, 2, 1, 1] dilations [1, 1, 1, 1]
      low <0, 1, 0, 0> high <0, 1, 0, 0> : !b -> !bp combiner {
  ^bb0(%l: i8, %r: i8):
    %0 = arith.maxsi %l, %r : i8
    graph.yield %0 : i8
  }
  %wide = arith.extf %x : !x to !w
  %sum = graph.window %wide init 0.0 : f32 size [1, 1, 5, 1] strides [1, 1, 1, 1] dilations [1, 1, 1, 1]
      low <0, 0, 2, 0> high <0, 0, 2, 0> : !w -> !w combiner {
  ^bb0(%l: f32, %r: f32):
    %0 = arith.addf %l, %r : f32
    graph.yield %0 : f32
  }
  %fifth = graph.fill 0.2 : f32 -> !w
  %scaled = arith.mulf %sum, %fifth : !w
  %mean = arith.truncf %scaled : !w to !x
  return %conv, %depthwise, %twice, %bytesmax, %mean : !yl, !x, !tl, !bp, !x
}
