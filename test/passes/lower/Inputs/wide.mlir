graph.symbol "B" min 1 max 2147483647 multiple 1 origins ["x dim 0"]
func.func @main(%x: tensor<?x24xf32, #graph.dims<B, 24>>) -> tensor<?x24xf32, #graph.dims<B, 24>> {
  %y = math.exp %x : tensor<?x24xf32, #graph.dims<B, 24>>
  return %y : tensor<?x24xf32, #graph.dims<B, 24>>
}
