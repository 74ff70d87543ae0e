// Reductions of few long rows: over the last dim and over the first, alone and with what precedes and follows them.
!x = tensor<?x?xf32, #graph.dims<B, S>>
!r = tensor<?xf32, #graph.dims<B>>
!h = tensor<?x?xf16, #graph.dims<B, S>>
!hr = tensor<?xf16, #graph.dims<B>>
!i = tensor<?x?xi64, #graph.dims<B, S>>
!ir = tensor<?xi64, #graph.dims<B>>
!c = tensor<?x10xf32, #graph.dims<S, 10>>
!cr = tensor<10xf32>
!b = tensor<?x?xi1, #graph.dims<B, S>>
!br = tensor<?xi1, #graph.dims<B>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 16777216 multiple 1 origins ["x dim 1"]
func.func @main(%x: !x {graph.name = "x"}, %h: !h {graph.name = "h"}, %c: !c {graph.name = "c"}, %scale: !r {graph.name = "scale"})
    -> (!hr {graph.name = "mean"}, !r {graph.name = "largest"}, !ir {graph.name = "where"}, !br {graph.name = "any"},
        !x {graph.name = "softmax"}, !r {graph.name = "variance"}, !cr {graph.name = "columns"}) {
  // A sum of squares in fp32, scaled and rounded behind the reduction.
  %hf = arith.extf %h : !h to !x
  %hq = arith.mulf %hf, %hf : !x
  %hs = graph.reduce %hq init [0.0 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %hm = arith.mulf %hs, %scale : !r
  %mean = arith.truncf %hm : !r to !hr

  // The largest and where it is: the first of equals.
  %at = graph.iota dim 1 : !i
  %top:2 = graph.reduce %x, %at init [0xFF800000 : f32, 9223372036854775807 : i64] dims [1] : !x, !i -> !r, !ir combiner {
  ^bb0(%v: f32, %k: i64, %w: f32, %l: i64):
    %more = arith.cmpf ogt, %v, %w : f32
    %same = arith.cmpf oeq, %v, %w : f32
    %before = arith.cmpi slt, %k, %l : i64
    %first = arith.andi %same, %before : i1
    %keep = arith.ori %more, %first : i1
    %m = arith.select %keep, %v, %w : f32
    %n = arith.select %keep, %k, %l : i64
    graph.yield %m, %n : f32, i64
  }

  %limit = graph.fill 4.5 : f32 -> !x
  %over = arith.cmpf ogt, %x, %limit : !x
  %any = graph.reduce %over init [false] dims [1] : !b -> !br combiner {
  ^bb0(%p: i1, %q: i1):
    %0 = arith.ori %p, %q : i1
    graph.yield %0 : i1
  }

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

  // A variance: the second sum needs the first, the result is one value per row.
  %t = graph.reduce %x init [0.0 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %tm = arith.mulf %t, %scale : !r
  %tb = graph.broadcast %tm dims [0] : !r -> !x
  %td = arith.subf %x, %tb : !x
  %tq = arith.mulf %td, %td : !x
  %ts = graph.reduce %tq init [0.0 : f32] dims [1] : !x -> !r combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %variance = arith.mulf %ts, %scale : !r

  %columns = graph.reduce %c init [0.0 : f32] dims [0] : !c -> !cr combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  return %mean, %top#0, %top#1, %any, %softmax, %variance, %columns : !hr, !r, !ir, !br, !x, !r, !cr
}
