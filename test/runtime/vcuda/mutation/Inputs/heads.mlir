// A product of probabilities and values, transposed.
!q = tensor<?x4x?x16xf16, #graph.dims<B, 4, S, 16>>
!p = tensor<?x4x?x?xf16, #graph.dims<B, 4, S, S>>
!h = tensor<?x?x4x16xf16, #graph.dims<B, S, 4, 16>>
!pv = tensor<?x4x?x16xf16, #graph.dims<B, 4, S, 16>>
graph.symbol "B" min 1 max 64 multiple 1 origins ["v dim 0"]
graph.symbol "S" min 1 max 4096 multiple 1 origins ["v dim 2"]
func.func @main(%pr: !p {graph.name = "pr"}, %v: !q {graph.name = "v"})
    -> (!h {graph.name = "heads"}) {
  %o = graph.dot %pr, %v batch [0, 1] x [0, 1] contract [3] x [2] : !p, !q -> !pv
  %heads = graph.transpose %o perm [0, 2, 1, 3] : !pv -> !h
  return %heads : !h
}
