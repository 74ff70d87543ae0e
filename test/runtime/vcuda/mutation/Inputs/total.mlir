// A sum over all dims.
!x = tensor<?x?xf32, #graph.dims<B, S>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["t dim 0"]
graph.symbol "S" min 1 max 1048576 multiple 1 origins ["t dim 1"]
func.func @main(%t: !x {graph.name = "t"})
    -> (tensor<f32> {graph.name = "total"}) {
  %total = graph.reduce %t init [0.0 : f32] dims [0, 1] : !x -> tensor<f32> combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  return %total : tensor<f32>
}
