// Index arithmetic of every kind as data: a numerator n and a divisor d from 0 to 2^31 - 1, in two digits each, and a difference of
// either sign.
!p = tensor<?xi8, #graph.dims<P>>
!q = tensor<?xi8, #graph.dims<Q>>
!r = tensor<?xi8, #graph.dims<R>>
!t = tensor<?xi8, #graph.dims<T>>
graph.symbol "P" min 0 max 32767 multiple 1 origins ["p"]
graph.symbol "Q" min 0 max 65535 multiple 1 origins ["q"]
graph.symbol "R" min 0 max 32767 multiple 1 origins ["r"]
graph.symbol "T" min 0 max 65535 multiple 1 origins ["t"]
func.func @main(%p: !p {graph.name = "p"}, %q: !q {graph.name = "q"}, %r: !r {graph.name = "r"}, %t: !t {graph.name = "t"})
    -> (tensor<i64> {graph.name = "floor"}, tensor<i64> {graph.name = "rest"}, tensor<i64> {graph.name = "ceil"},
        tensor<i64> {graph.name = "below"}, tensor<i64> {graph.name = "by7"}, tensor<i64> {graph.name = "of196"},
        tensor<i64> {graph.name = "below7"}, tensor<i64> {graph.name = "below12"}, tensor<i64> {graph.name = "below16"},
        tensor<i64> {graph.name = "largest"}) {
  %floor = graph.dim_value <"(P * 65536 + Q) floordiv (R * 65536 + T)"> : tensor<i64>
  %rest = graph.dim_value <"(P * 65536 + Q) mod (R * 65536 + T)"> : tensor<i64>
  %ceil = graph.dim_value <"(P * 65536 + Q) ceildiv (R * 65536 + T)"> : tensor<i64>
  %below = graph.dim_value <"(Q - P * 65536) floordiv (R * 65536 + T)"> : tensor<i64>
  %by7 = graph.dim_value <"(P * 65536 + Q) floordiv 7"> : tensor<i64>
  %of196 = graph.dim_value <"(P * 65536 + Q) mod 196"> : tensor<i64>
  %below7 = graph.dim_value <"(Q - P * 65536) floordiv 7"> : tensor<i64>
  %below12 = graph.dim_value <"(Q - P * 65536) mod 12"> : tensor<i64>
  %below16 = graph.dim_value <"(Q - P * 65536) floordiv 16"> : tensor<i64>
  %largest = graph.dim_value <"(P * 65536 + Q) floordiv 2147483647"> : tensor<i64>
  return %floor, %rest, %ceil, %below, %by7, %of196, %below7, %below12, %below16, %largest
      : tensor<i64>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i64>
}
