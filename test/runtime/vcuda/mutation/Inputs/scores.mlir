// Scaled products of queries and keys.
!q = tensor<?x4x?x16xf16, #graph.dims<B, 4, S, 16>>
!p = tensor<?x4x?x?xf16, #graph.dims<B, 4, S, S>>
graph.symbol "B" min 1 max 64 multiple 1 origins ["q dim 0"]
graph.symbol "S" min 1 max 4096 multiple 1 origins ["q dim 2"]
func.func @main(%q: !q {graph.name = "q"}, %k: !q {graph.name = "k"})
    -> (!p {graph.name = "scores"}) {
  %qk = graph.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3] : !q, !q -> !p
  %c = graph.fill 0.25 : f16 -> !p
  %scores = arith.mulf %qk, %c : !p
  return %scores : !p
}
