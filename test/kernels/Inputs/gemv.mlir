// Products with few rows or few columns, in both orders of the large operand: a decode step's projections, its attention over
// a cache, a head at batch 1, with what precedes and follows them.
!x = tensor<?x1536xf16, #graph.dims<B, 1536>>
!y = tensor<?x200xf16, #graph.dims<B, 200>>
!q = tensor<?x4x1x64xf16, #graph.dims<B, 4, 1, 64>>
!k = tensor<?x4x?x64xf16, #graph.dims<B, 4, S, 64>>
!s = tensor<?x4x1x?xf16, #graph.dims<B, 4, 1, S>>
!v = tensor<1x?xf16, #graph.dims<1, S>>
graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 65536 multiple 1 origins ["k dim 2"]
func.func @main(%x: !x {graph.name = "x"}, %w: tensor<1536x200xf16> {graph.name = "w"}, %bias: tensor<200xf16> {graph.name = "bias"},
                %wt: tensor<200x1536xf16> {graph.name = "wt"}, %q: !q {graph.name = "q"}, %k: !k {graph.name = "k"},
                %v: !v {graph.name = "v"}, %t: tensor<?x33xf16, #graph.dims<S, 33>> {graph.name = "t"},
                %c: tensor<7x1536xf16> {graph.name = "c"}, %o: tensor<1x7xf16> {graph.name = "o"},
                %ot: tensor<7x150xf16> {graph.name = "ot"})
    -> (!y {graph.name = "linear"}, !y {graph.name = "turned"}, !s {graph.name = "scores"}, !q {graph.name = "heads"},
        tensor<1x33xf16> {graph.name = "long"}, tensor<200x7xf16> {graph.name = "columns"},
        tensor<1x150xf16> {graph.name = "odd"}) {
  // n is contiguous: lanes along n.
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : !x, tensor<1536x200xf16> -> !y
  %bb = graph.broadcast %bias dims [1] : tensor<200xf16> -> !y
  %a = arith.addf %d, %bb : !y
  %zero = graph.fill 0.0 : f16 -> !y
  %linear = arith.maximumf %a, %zero : !y
  // k is contiguous, and the rows are computed first.
  %xn = arith.negf %x : !x
  %turned = graph.dot %xn, %wt batch [] x [] contract [1] x [1] : !x, tensor<200x1536xf16> -> !y
  // A cache of unknown length: along k for the scores, along n for what they weigh.
  %scores = graph.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3] : !q, !k -> !s
  %heads = graph.dot %scores, %k batch [0, 1] x [0, 1] contract [3] x [2] : !s, !k -> !q
  // One row of a length known only at run time.
  %long = graph.dot %v, %t batch [] x [] contract [1] x [0] : !v, tensor<?x33xf16, #graph.dims<S, 33>> -> tensor<1x33xf16>
  // Few columns: the large operand is on the left.
  %columns = graph.dot %wt, %c batch [] x [] contract [1] x [1] : tensor<200x1536xf16>, tensor<7x1536xf16> -> tensor<200x7xf16>
  // Seven of eight elements that would fit into an access.
  %odd = graph.dot %o, %ot batch [] x [] contract [1] x [0] : tensor<1x7xf16>, tensor<7x150xf16> -> tensor<1x150xf16>
  return %linear, %turned, %scores, %heads, %long, %columns, %odd
      : !y, !y, !s, !q, tensor<1x33xf16>, tensor<200x7xf16>, tensor<1x150xf16>
}
