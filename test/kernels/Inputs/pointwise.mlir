// Pointwise trees: broadcasting from every side, maths, casts, integers at the edges of their range.
!x = tensor<?x?x24xf32, #graph.dims<B, S, 24>>
!xi = tensor<?x?xi32, #graph.dims<B, S>>
!xb = tensor<?x?xi1, #graph.dims<B, S>>
!h = tensor<?x?xf16, #graph.dims<S, "B + 1">>
!hf = tensor<?x?xf32, #graph.dims<S, "B + 1">>
graph.symbol "B" min 0 max 4096 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 65536 multiple 1 origins ["x dim 1"]
func.func @main(%x: !x {graph.name = "x"}, %bias: tensor<24xf32> {graph.name = "bias"},
                %row: tensor<?x1x1xf32, #graph.dims<B, 1, 1>> {graph.name = "row"},
                %a: !xi {graph.name = "a"}, %b: !xi {graph.name = "b"},
                %h: !h {graph.name = "h"})
    -> (!x {graph.name = "gelu"}, !xi {graph.name = "integers"}, !xb {graph.name = "less"}, !h {graph.name = "half"},
        !xi {graph.name = "saturated"}) {
  %bb = graph.broadcast %bias dims [2] : tensor<24xf32> -> !x
  %rb = graph.broadcast %row dims [0, 1, 2] : tensor<?x1x1xf32, #graph.dims<B, 1, 1>> -> !x
  %c0 = graph.fill 0.70710678 : f32 -> !x
  %c1 = graph.fill 0.5 : f32 -> !x
  %one = graph.fill 1.0 : f32 -> !x
  %s = arith.addf %x, %bb : !x
  %t = arith.mulf %s, %rb : !x
  %u = arith.mulf %t, %c0 : !x
  %e = math.erf %u : !x
  %v = arith.addf %e, %one : !x
  %w = arith.mulf %t, %v : !x
  %gelu = arith.mulf %w, %c1 : !x

  %q = arith.divsi %a, %b : !xi
  %r = arith.remsi %a, %b : !xi
  %sh = arith.shli %a, %b : !xi
  %i0 = arith.xori %q, %r : !xi
  %integers = arith.addi %i0, %sh : !xi
  %less = arith.cmpi slt, %a, %b : !xi

  %wide = arith.extf %h : !h to !hf
  %th = math.tanh %wide : !hf
  %ex = math.exp %wide : !hf
  %sum = arith.addf %th, %ex : !hf
  %half = arith.truncf %sum : !hf to !h

  %af = arith.sitofp %a : !xi to tensor<?x?xf32, #graph.dims<B, S>>
  %k = graph.fill 1.0e30 : f32 -> tensor<?x?xf32, #graph.dims<B, S>>
  %big = arith.mulf %af, %k : tensor<?x?xf32, #graph.dims<B, S>>
  %saturated = arith.fptosi %big : tensor<?x?xf32, #graph.dims<B, S>> to !xi
  return %gelu, %integers, %less, %half, %saturated : !x, !xi, !xb, !h, !xi
}
