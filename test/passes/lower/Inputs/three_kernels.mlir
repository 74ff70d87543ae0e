func.func @main(%x: tensor<64x64xf32>, %y: tensor<3x10000xf32>, %z: tensor<64x64xf16>)
    -> (tensor<64x64xf32>, tensor<3xf32>, tensor<64x64xf16>) {
  %e = math.exp %x : tensor<64x64xf32>
  %s = graph.reduce %y init [0.0 : f32] dims [1] : tensor<3x10000xf32> -> tensor<3xf32> combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %d = graph.dot %z, %z batch [] x [] contract [1] x [0] : tensor<64x64xf16>, tensor<64x64xf16> -> tensor<64x64xf16>
  return %e, %s, %d : tensor<64x64xf32>, tensor<3xf32>, tensor<64x64xf16>
}
