// Movement folded into loads: concat, pad, slices with negative steps, transposes, reshapes, gathers with indices out of range.
!x = tensor<?x?x12xf32, #graph.dims<B, S, 12>>
!y = tensor<?x?x5xf32, #graph.dims<B, S, 5>>
!c = tensor<?x?x20xf32, #graph.dims<B, S, 20>>
!t = tensor<?x3x?x4xf32, #graph.dims<B, 3, S, 4>>
!e = tensor<?x?x16xf16, #graph.dims<B, S, 16>>
!i = tensor<?x?xi32, #graph.dims<B, S>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 65536 multiple 1 origins ["x dim 1"]
func.func @main(%x: !x {graph.name = "x"}, %y: !y {graph.name = "y"}, %table: tensor<31x16xf16> {graph.name = "table"},
                %ids: !i {graph.name = "ids"}, %same: tensor<4xi32> {graph.name = "same"})
    -> (!c {graph.name = "concat"}, !t {graph.name = "heads"}, !e {graph.name = "embedded"}, tensor<?x?x12xf32, #graph.dims<B, "S + 3", 12>> {graph.name = "padded"},
        tensor<4xi32> {graph.name = "passed"}) {
  %r = graph.slice %x offsets <0, 0, 11> steps [1, 1, -4] : !x -> tensor<?x?x3xf32, #graph.dims<B, S, 3>>
  %n = arith.negf %y : !y
  %j = graph.concat %x, %n, %r axis 2 : !x, !y, tensor<?x?x3xf32, #graph.dims<B, S, 3>> -> !c
  %two = graph.fill 2.0 : f32 -> !c
  %concat = arith.mulf %j, %two : !c

  %h = graph.reshape %x : !x -> tensor<?x?x3x4xf32, #graph.dims<B, S, 3, 4>>
  %ht = graph.transpose %h perm [0, 2, 1, 3] : tensor<?x?x3x4xf32, #graph.dims<B, S, 3, 4>> -> !t
  %heads = math.absf %ht : !t

  %g = graph.gather %table, %ids axis 0 batch_dims 0 : tensor<31x16xf16>, !i -> !e
  %embedded = arith.addf %g, %g : !e

  %v = graph.fill 7.0 : f32 -> tensor<f32>
  %pad = graph.pad %x, %v low <0, 1, 0> high <0, 2, 0> : !x, tensor<f32> -> tensor<?x?x12xf32, #graph.dims<B, "S + 3", 12>>
  %padded = arith.negf %pad : tensor<?x?x12xf32, #graph.dims<B, "S + 3", 12>>
  return %concat, %heads, %embedded, %padded, %same : !c, !t, !e, tensor<?x?x12xf32, #graph.dims<B, "S + 3", 12>>, tensor<4xi32>
}
