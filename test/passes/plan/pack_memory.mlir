// Sizes that the ranges of the dims put in order share memory; others do not. A value that two later regions read lives until
// the last of them, and whoever takes its place over waits for both.
// RUN: dlc %s --emit=plan --disable=pointwise,prologue,epilogue,reduction,movement,multi-output,duplicate | FileCheck %s

// CHECK:      "memory": {"arena":["+",["*","B",4096],["*","S",4096]],"zeroed":0}
// CHECK:      {"name":"k0_exp",{{.*}}"offset":0,"lifetime":[0,2],
// CHECK-NEXT: {"name":"k1_floor",{{.*}}"offset":["*","B",2048],"lifetime":[1,3],
// CHECK-NEXT: {"name":"k2_tanh",{{.*}}"base":{"kind":"output","name":"p"}
// CHECK-NEXT: {"name":"k3_sqrt",{{.*}}"base":{"kind":"output","name":"q"}
// CHECK-NEXT: {"name":"k4_exp",{{.*}}"offset":["*","B",4096],"lifetime":[4,5],
// CHECK:      {"name":"k6_exp",{{.*}}"offset":0,"lifetime":[6,7],
// CHECK:      "name":"k6_exp","nodes":[],"deps":[0,1,2],
// CHECK-NEXT: "name":"k7_ceil","nodes":[],"deps":[6],
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 4096 multiple 1 origins ["z dim 0"]
!x = tensor<?x512xf32, #graph.dims<B, 512>>
!z = tensor<?x1024xf32, #graph.dims<S, 1024>>
func.func @main(%x: !x {graph.name = "x"}, %z: !z {graph.name = "z"}, %w: tensor<64xf32> {graph.name = "w"})
    -> (!x {graph.name = "p"}, !x {graph.name = "q"}, !z {graph.name = "r"}, tensor<64xf32> {graph.name = "s"}) {
  %a = math.exp %x : !x
  %b = math.floor %a : !x
  %p = math.tanh %a : !x
  %q = math.sqrt %b : !x
  %c = math.exp %z : !z
  %r = math.ceil %c : !z
  %d = math.exp %w : tensor<64xf32>
  %s = math.ceil %d : tensor<64xf32>
  return %p, %q, %r, %s : !x, !x, !z, tensor<64xf32>
}
