// Reductions with what surrounds them: over the last dim (short rows, long rows, chunks), over a middle one, over several.
!x = tensor<?x?xf32, #graph.dims<B, S>>
!r = tensor<?xf32, #graph.dims<B>>
!m = tensor<?x?x7xf32, #graph.dims<B, S, 7>>
!mr = tensor<?x7xf32, #graph.dims<B, 7>>
!n = tensor<?x96xf16, #graph.dims<B, 96>>
!nf = tensor<?x96xf32, #graph.dims<B, 96>>
!i = tensor<?x?xi64, #graph.dims<B, S>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 1048576 multiple 1 origins ["x dim 1"]
func.func @main(%x: !x {graph.name = "x"}, %y: !m {graph.name = "y"}, %z: !n {graph.name = "z"},
                %scale: tensor<96xf16> {graph.name = "scale"}, %shift: tensor<96xf16> {graph.name = "shift"},
                %t: !x {graph.name = "t"})
    -> (!x {graph.name = "softmax"}, !m {graph.name = "middle"}, !n {graph.name = "layernorm"},
        tensor<?xi64, #graph.dims<B>> {graph.name = "argmax"}, tensor<f32> {graph.name = "total"}) {
  %m = graph.reduce %x init [0xFF800000 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.maximumf %p, %q : f32
    graph.yield %0 : f32
  }
  %mb = graph.broadcast %m dims [0] : !r -> !x
  %d = arith.subf %x, %mb : !x
  %e = math.exp %d : !x
  %s = graph.reduce %e init [0.0 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %sb = graph.broadcast %s dims [0] : !r -> !x
  %softmax = arith.divf %e, %sb : !x

  %ym = graph.reduce %y init [0xFF800000 : f32] dims [1] : !m -> !mr combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.maximumf %p, %q : f32
    graph.yield %0 : f32
  }
  %ymb = graph.broadcast %ym dims [0, 2] : !mr -> !m
  %yd = arith.subf %y, %ymb : !m
  %ye = math.exp %yd : !m
  %ys = graph.reduce %ye init [0.0 : f32] dims [1] : !m -> !mr combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %ysb = graph.broadcast %ys dims [0, 2] : !mr -> !m
  %middle = arith.divf %ye, %ysb : !m

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

  %at = graph.iota dim 1 : !i
  %am:2 = graph.reduce %t, %at init [0xFF800000 : f32, 9223372036854775807 : i64] dims [1] : !x, !i -> !r, tensor<?xi64, #graph.dims<B>> combiner {
  ^bb0(%v0: f32, %i0: i64, %v1: f32, %i1: i64):
    %gt = arith.cmpf ogt, %v1, %v0 : f32
    %eq = arith.cmpf oeq, %v1, %v0 : f32
    %lt = arith.cmpi slt, %i1, %i0 : i64
    %tie = arith.andi %eq, %lt : i1
    %take = arith.ori %gt, %tie : i1
    %v = arith.select %take, %v1, %v0 : f32
    %i = arith.select %take, %i1, %i0 : i64
    graph.yield %v, %i : f32, i64
  }
  %total = graph.reduce %t init [0.0 : f32] dims [0, 1] : !x -> tensor<f32> combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  return %softmax, %middle, %layernorm, %am#1, %total : !x, !m, !n, tensor<?xi64, #graph.dims<B>>, tensor<f32>
}
