// A product whose inner dim is dynamic.
!t = tensor<33x?xf16, #graph.dims<33, S>>
!u = tensor<?x20xf16, #graph.dims<S, 20>>
graph.symbol "S" min 1 max 4096 multiple 1 origins ["a dim 1"]
func.func @main(%a: !t {graph.name = "a"}, %b: !u {graph.name = "b"})
    -> (tensor<33x20xf16> {graph.name = "plain"}) {
  %plain = graph.dot %a, %b batch [] x [] contract [1] x [0] : !t, !u -> tensor<33x20xf16>
  return %plain : tensor<33x20xf16>
}
