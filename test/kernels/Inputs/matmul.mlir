// Products with what surrounds them. The test puts bf16 and f32 in the place of f16, too.
!x = tensor<?x?x72xf16, #graph.dims<B, S, 72>>
!y = tensor<?x?x40xf16, #graph.dims<B, S, 40>>
!q = tensor<?x4x?x16xf16, #graph.dims<B, 4, S, 16>>
!p = tensor<?x4x?x?xf16, #graph.dims<B, 4, S, S>>
!t = tensor<33x?xf16, #graph.dims<33, S>>
!u = tensor<?x20xf16, #graph.dims<S, 20>>
!h = tensor<?x?x4x16xf16, #graph.dims<B, S, 4, 16>>
!pv = tensor<?x4x?x16xf16, #graph.dims<B, 4, S, 16>>
graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 4096 multiple 1 origins ["x dim 1"]
func.func @main(%x: !x {graph.name = "x"}, %w: tensor<72x40xf16> {graph.name = "w"}, %bias: tensor<40xf16> {graph.name = "bias"},
                %res: !y {graph.name = "res"}, %q: !q {graph.name = "q"}, %k: !q {graph.name = "k"},
                %a: !t {graph.name = "a"}, %b: !u {graph.name = "b"}, %at: tensor<?x33xf16, #graph.dims<S, 33>> {graph.name = "at"},
                %bt: tensor<20x?xf16, #graph.dims<20, S>> {graph.name = "bt"}, %pr: !p {graph.name = "pr"}, %v: !q {graph.name = "v"})
    -> (!y {graph.name = "linear"}, !p {graph.name = "scores"}, tensor<33x20xf16> {graph.name = "plain"},
        tensor<33x20xf16> {graph.name = "turned"}, !h {graph.name = "heads"}) {
  %d = graph.dot %x, %w batch [] x [] contract [2] x [0] : !x, tensor<72x40xf16> -> !y
  %bb = graph.broadcast %bias dims [2] : tensor<40xf16> -> !y
  %s = arith.addf %d, %bb : !y
  %zero = graph.fill 0.0 : f16 -> !y
  %r = arith.maximumf %s, %zero : !y
  %linear = arith.addf %r, %res : !y

  %qk = graph.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3] : !q, !q -> !p
  %c = graph.fill 0.25 : f16 -> !p
  %scores = arith.mulf %qk, %c : !p

  %plain = graph.dot %a, %b batch [] x [] contract [1] x [0] : !t, !u -> tensor<33x20xf16>
  %turned = graph.dot %at, %bt batch [] x [] contract [0] x [1]
    : tensor<?x33xf16, #graph.dims<S, 33>>, tensor<20x?xf16, #graph.dims<20, S>> -> tensor<33x20xf16>

  %o = graph.dot %pr, %v batch [0, 1] x [0, 1] contract [3] x [2] : !p, !q -> !pv
  %heads = graph.transpose %o perm [0, 2, 1, 3] : !pv -> !h
  return %linear, %scores, %plain, %turned, %heads : !y, !p, tensor<33x20xf16>, tensor<33x20xf16>, !h
}
