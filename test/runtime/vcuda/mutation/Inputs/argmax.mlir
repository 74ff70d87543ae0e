// The first of the largest.
!x = tensor<?x?xf32, #graph.dims<B, S>>
!r = tensor<?xf32, #graph.dims<B>>
!i = tensor<?x?xi64, #graph.dims<B, S>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["t dim 0"]
graph.symbol "S" min 1 max 1048576 multiple 1 origins ["t dim 1"]
func.func @main(%t: !x {graph.name = "t"})
    -> (tensor<?xi64, #graph.dims<B>> {graph.name = "argmax"}) {
  %at = graph.iota dim 1 : !i
  %am:2 = graph.reduce %t, %at init [0xFF800000 : f32, 9223372036854775807 : i64] dims [1] : !x, !i -> !r, tensor<?xi64, #graph.dims<B>> combiner {
  ^bb0(%v0: f32, %i0: i64, %v1: f32, %i1: i64):
    %gt = arith.cmpf ogt, %v1, %v0 : f32
    %eq = arith.cmpf oeq, %v1, %v0 : f32
    %lt = arith.cmpi slt, %i1, %i0 : i64
    %tie = arith.andi %eq, %lt : i1
    %take = arith.ori %gt, %tie : i1
    %v = arith.select %take, %v1, %v0 : f32
    %i = arith.select %take, %i1, %i0 : i64
    graph.yield %v, %i : f32, i64
  }
  return %am#1 : tensor<?xi64, #graph.dims<B>>
}
