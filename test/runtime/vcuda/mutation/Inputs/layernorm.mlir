// Over short rows, in f16.
!r = tensor<?xf32, #graph.dims<B>>
!n = tensor<?x96xf16, #graph.dims<B, 96>>
!nf = tensor<?x96xf32, #graph.dims<B, 96>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["z dim 0"]
func.func @main(%z: !n {graph.name = "z"}, %scale: tensor<96xf16> {graph.name = "scale"},
                %shift: tensor<96xf16> {graph.name = "shift"})
    -> (!n {graph.name = "layernorm"}) {
  %zf = arith.extf %z : !n to !nf
  %zs = graph.reduce %zf init [0.0 : f32] dims [1] : !nf -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %inv = graph.fill 0.010416667 : f32 -> !r
  %mean = arith.mulf %zs, %inv : !r
  %meanb = graph.broadcast %mean dims [0] : !r -> !nf
  %c = arith.subf %zf, %meanb : !nf
  %sq = arith.mulf %c, %c : !nf
  %vs = graph.reduce %sq init [0.0 : f32] dims [1] : !nf -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %var = arith.mulf %vs, %inv : !r
  %eps = graph.fill 1.0e-5 : f32 -> !r
  %ve = arith.addf %var, %eps : !r
  %rs = math.rsqrt %ve : !r
  %rsb = graph.broadcast %rs dims [0] : !r -> !nf
  %nrm = arith.mulf %c, %rsb : !nf
  %scf = arith.extf %scale : tensor<96xf16> to tensor<96xf32>
  %shf = arith.extf %shift : tensor<96xf16> to tensor<96xf32>
  %scb = graph.broadcast %scf dims [1] : tensor<96xf32> -> !nf
  %shb = graph.broadcast %shf dims [1] : tensor<96xf32> -> !nf
  %g = arith.mulf %nrm, %scb : !nf
  %o = arith.addf %g, %shb : !nf
  %layernorm = arith.truncf %o : !nf to !n
  return %layernorm : !n
}
