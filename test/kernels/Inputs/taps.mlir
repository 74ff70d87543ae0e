// Convolutions with the channels last, in whole blocks of channels: each block belongs to one tap of the filter.
!x = tensor<?x?x?x64xf16, #graph.dims<N, H, W, 64>>
!c = tensor<?x64x?x?xf16, #graph.dims<N, 64, H, W>>
!h = tensor<?x64x?x?xf16, #graph.dims<N, 64, "(H - 1) floordiv 2 + 1", "(W - 1) floordiv 2 + 1">>
!hl = tensor<?x?x?x64xf16, #graph.dims<N, "(H - 1) floordiv 2 + 1", "(W - 1) floordiv 2 + 1", 64>>
!v = tensor<?x64x?x?xf16, #graph.dims<N, 64, "H - 2", "W + 2">>
!vl = tensor<?x?x?x64xf16, #graph.dims<N, "H - 2", "W + 2", 64>>
!l = tensor<?x?x96xf16, #graph.dims<N, W, 96>>
!lc = tensor<?x96x?xf16, #graph.dims<N, 96, W>>
graph.symbol "N" min 1 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "H" min 3 max 512 multiple 1 origins ["x dim 1"]
graph.symbol "W" min 3 max 512 multiple 1 origins ["x dim 2"]
func.func @main(%x: !x {graph.name = "x"}, %f: tensor<64x3x3x64xf16> {graph.name = "f"}, %g: tensor<64x5x7x64xf16> {graph.name = "g"},
                %l: !l {graph.name = "l"}, %e: tensor<96x5x96xf16> {graph.name = "e"})
    -> (!x {graph.name = "same"}, !hl {graph.name = "half"}, !vl {graph.name = "large"}, !l {graph.name = "line"}) {
  %xc = graph.transpose %x perm [0, 3, 1, 2] : !x -> !c
  %fc = graph.transpose %f perm [0, 3, 1, 2] : tensor<64x3x3x64xf16> -> tensor<64x64x3x3xf16>
  %s = graph.conv %xc, %fc strides [1, 1] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : !c, tensor<64x64x3x3xf16> -> !c
  %same = graph.transpose %s perm [0, 2, 3, 1] : !c -> !x
  %h = graph.conv %xc, %fc strides [2, 2] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : !c, tensor<64x64x3x3xf16> -> !h
  %half = graph.transpose %h perm [0, 2, 3, 1] : !h -> !hl
  %gc = graph.transpose %g perm [0, 3, 1, 2] : tensor<64x5x7x64xf16> -> tensor<64x64x5x7xf16>
  %v = graph.conv %xc, %gc strides [1, 1] dilations [2, 1] low <4, 3> high <2, 5> groups 1 : !c, tensor<64x64x5x7xf16> -> !v
  %large = graph.transpose %v perm [0, 2, 3, 1] : !v -> !vl
  %lc = graph.transpose %l perm [0, 2, 1] : !l -> !lc
  %ec = graph.transpose %e perm [0, 2, 1] : tensor<96x5x96xf16> -> tensor<96x96x5xf16>
  %n = graph.conv %lc, %ec strides [1] dilations [3] low <6> high <6> groups 1 : !lc, tensor<96x96x5xf16> -> !lc
  %line = graph.transpose %n perm [0, 2, 1] : !lc -> !l
  return %same, %half, %large, %line : !x, !hl, !vl, !l
}
