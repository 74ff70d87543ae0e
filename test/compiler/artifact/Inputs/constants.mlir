func.func @main(%x: tensor<2x3xf32> {graph.name = "x"}, %h: tensor<5xf16> {graph.name = "h"}, %i: tensor<4xi64> {graph.name = "i"},
                %b: tensor<3xi1> {graph.name = "b"})
    -> (tensor<2x3xf32> {graph.name = "y"}, tensor<5xf16> {graph.name = "k"}, tensor<4xi64> {graph.name = "j"}, tensor<3xi1> {graph.name = "c"}) {
  %cx = graph.constant dense<[[1.5, -2.0, 3.25], [0.0, 1.0e30, -0.5]]> : tensor<2x3xf32> -> tensor<2x3xf32>
  %y = arith.addf %x, %cx : tensor<2x3xf32>
  %ch = graph.constant dense<[1.0, 2.0, 3.0, 4.0, 65504.0]> : tensor<5xf16> -> tensor<5xf16>
  %k = arith.mulf %h, %ch : tensor<5xf16>
  %ci = graph.constant dense<[1, -1, 9223372036854775807, -9223372036854775808]> : tensor<4xi64> -> tensor<4xi64>
  %j = arith.xori %i, %ci : tensor<4xi64>
  %cb = graph.constant dense<[true, false, true]> : tensor<3xi1> -> tensor<3xi1>
  %c = arith.xori %b, %cb : tensor<3xi1>
  return %y, %k, %j, %c : tensor<2x3xf32>, tensor<5xf16>, tensor<4xi64>, tensor<3xi1>
}
