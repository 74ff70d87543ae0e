// Softmax over a middle dim.
!m = tensor<?x?x7xf32, #graph.dims<B, S, 7>>
!mr = tensor<?x7xf32, #graph.dims<B, 7>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["y dim 0"]
graph.symbol "S" min 1 max 1048576 multiple 1 origins ["y dim 1"]
func.func @main(%y: !m {graph.name = "y"})
    -> (!m {graph.name = "middle"}) {
  %ym = graph.reduce %y init [0xFF800000 : f32] dims [1] : !m -> !mr combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.maximumf %p, %q : f32
    graph.yield %0 : f32
  }
  %ymb = graph.broadcast %ym dims [0, 2] : !mr -> !m
  %yd = arith.subf %y, %ymb : !m
  %ye = math.exp %yd : !m
  %ys = graph.reduce %ye init [0.0 : f32] dims [1] : !m -> !mr combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %ysb = graph.broadcast %ys dims [0, 2] : !mr -> !m
  %middle = arith.divf %ye, %ysb : !m
  return %middle : !m
}
