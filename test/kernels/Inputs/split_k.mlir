// Products with few tiles and long sums, in every order of the operands, with what precedes and follows them; and a convolution
// at few positions.
!x = tensor<?x3000xf16, #graph.dims<B, 3000>>
!y = tensor<?x72xf16, #graph.dims<B, 72>>
!b = tensor<2x?x?xf16, #graph.dims<2, B, S>>
!bt = tensor<2x?x40xf16, #graph.dims<2, S, 40>>
!br = tensor<2x?x40xf16, #graph.dims<2, B, 40>>
!i = tensor<1x256x7x7xf16>
!o = tensor<1x64x3x3xf16>
graph.symbol "B" min 9 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 2048 max 65536 multiple 1 origins ["a dim 2"]
func.func @main(%x: !x {graph.name = "x"}, %w: tensor<3000x72xf16> {graph.name = "w"}, %wt: tensor<72x3000xf16> {graph.name = "wt"},
                %bias: tensor<72xf16> {graph.name = "bias"}, %res: !y {graph.name = "res"}, %a: !b {graph.name = "a"},
                %c: !bt {graph.name = "c"}, %i: !i {graph.name = "i"}, %f: tensor<64x256x3x3xf16> {graph.name = "f"})
    -> (!y {graph.name = "linear"}, tensor<72x?xf16, #graph.dims<72, B>> {graph.name = "turned"}, !br {graph.name = "batched"},
        !o {graph.name = "conv"}) {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : !x, tensor<3000x72xf16> -> !y
  %bb = graph.broadcast %bias dims [1] : tensor<72xf16> -> !y
  %s = arith.addf %d, %bb : !y
  %zero = graph.fill 0.0 : f16 -> !y
  %r = arith.maximumf %s, %zero : !y
  %linear = arith.addf %r, %res : !y
  %turned = graph.dot %wt, %x batch [] x [] contract [1] x [1] : tensor<72x3000xf16>, !x -> tensor<72x?xf16, #graph.dims<72, B>>
  %batched = graph.dot %a, %c batch [0] x [0] contract [2] x [1] : !b, !bt -> !br
  %conv = graph.conv %i, %f strides [2, 2] dilations [1, 1] low <0, 0> high <0, 0> groups 1 : !i, tensor<64x256x3x3xf16> -> !o
  return %linear, %turned, %batched, %conv : !y, tensor<72x?xf16, #graph.dims<72, B>>, !br, !o
}
