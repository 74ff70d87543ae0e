// Convolutions and pooling: strides, padding, dilation, groups, an epilogue.
!x = tensor<?x6x?x?xf32, #graph.dims<N, 6, H, W>>
!y = tensor<?x8x?x?xf32, #graph.dims<N, 8, "(H - 1) floordiv 2 + 1", "(W - 1) floordiv 2 + 1">>
!z = tensor<?x4x?x?xf32, #graph.dims<N, 4, "H - 2", W>>
!p = tensor<?x6x?x?xf32, #graph.dims<N, 6, "(H - 1) floordiv 2 + 1", "(W - 1) floordiv 2 + 1">>
graph.symbol "N" min 1 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "H" min 3 max 1024 multiple 1 origins ["x dim 2"]
graph.symbol "W" min 3 max 1024 multiple 1 origins ["x dim 3"]
func.func @main(%x: !x {graph.name = "x"}, %f: tensor<8x6x3x3xf32> {graph.name = "f"}, %bias: tensor<8xf32> {graph.name = "bias"},
                %g: tensor<4x3x2x3xf32> {graph.name = "g"})
    -> (!y {graph.name = "conv"}, !z {graph.name = "grouped"}, !p {graph.name = "max"}, !p {graph.name = "sum"}) {
  %c = graph.conv %x, %f strides [2, 2] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : !x, tensor<8x6x3x3xf32> -> !y
  %bb = graph.broadcast %bias dims [1] : tensor<8xf32> -> !y
  %s = arith.addf %c, %bb : !y
  %zero = graph.fill 0.0 : f32 -> !y
  %conv = arith.maximumf %s, %zero : !y
  %grouped = graph.conv %x, %g strides [1, 1] dilations [2, 1] low <0, 1> high <0, 1> groups 2 : !x, tensor<4x3x2x3xf32> -> !z
  %max = graph.window %x init 0xFF800000 : f32 size [1, 1, 3, 3] strides [1, 1, 2, 2] dilations [1, 1, 1, 1]
      low <0, 0, 1, 1> high <0, 0, 1, 1> : !x -> !p combiner {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.maximumf %a, %b : f32
    graph.yield %0 : f32
  }
  %sum = graph.window %x init 0.0 : f32 size [1, 1, 3, 3] strides [1, 1, 2, 2] dilations [1, 1, 1, 1]
      low <0, 0, 1, 1> high <0, 0, 1, 1> : !x -> !p combiner {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %b : f32
    graph.yield %0 : f32
  }
  return %conv, %grouped, %max, %sum : !y, !z, !p, !p
}
