// A product with bias, relu and residual.
!x = tensor<?x?x72xf16, #graph.dims<B, S, 72>>
!y = tensor<?x?x40xf16, #graph.dims<B, S, 40>>
graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 4096 multiple 1 origins ["x dim 1"]
func.func @main(%x: !x {graph.name = "x"}, %w: tensor<72x40xf16> {graph.name = "w"}, %bias: tensor<40xf16> {graph.name = "bias"},
                %res: !y {graph.name = "res"})
    -> (!y {graph.name = "linear"}) {
  %d = graph.dot %x, %w batch [] x [] contract [2] x [0] : !x, tensor<72x40xf16> -> !y
  %bb = graph.broadcast %bias dims [2] : tensor<40xf16> -> !y
  %s = arith.addf %d, %bb : !y
  %zero = graph.fill 0.0 : f16 -> !y
  %r = arith.maximumf %s, %zero : !y
  %linear = arith.addf %r, %res : !y
  return %linear : !y
}
