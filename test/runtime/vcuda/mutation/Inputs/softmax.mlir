// Over the last dim.
!x = tensor<?x?xf32, #graph.dims<B, S>>
!r = tensor<?xf32, #graph.dims<B>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 1048576 multiple 1 origins ["x dim 1"]
func.func @main(%x: !x {graph.name = "x"})
    -> (!x {graph.name = "softmax"}) {
  %m = graph.reduce %x init [0xFF800000 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.maximumf %p, %q : f32
    graph.yield %0 : f32
  }
  %mb = graph.broadcast %m dims [0] : !r -> !x
  %d = arith.subf %x, %mb : !x
  %e = math.exp %d : !x
  %s = graph.reduce %e init [0.0 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %sb = graph.broadcast %s dims [0] : !r -> !x
  %softmax = arith.divf %e, %sb : !x
  return %softmax : !x
}
