// RUN: split-file %s %t
// RUN: dlc %t/chain.mlir --emit=plan --disable=pointwise,prologue,epilogue,reduction | FileCheck %s --check-prefix=CHAIN
// RUN: dlc %t/ports.mlir --emit=plan | FileCheck %s --check-prefix=PORTS
// RUN: dlc-opt --graph-pipeline --build-plan %t/ports.mlir | FileCheck %s --check-prefix=PORTS
// RUN: dlc %t/chain.mlir --emit=regions | dlc-opt --build-plan - | FileCheck %s --check-prefix=REGIONS
// RUN: not dlc-opt --build-plan %t/chain.mlir 2>&1 | FileCheck %s --check-prefix=NONE

//--- chain.mlir
// Five regions in a row: values between them live from their writer to their last reader, two places serve all four, and who
// takes a place over waits for those that read it. The result is written where the caller wants it.
// CHAIN:      "memory": {"arena":["*","B",2048],"zeroed":0}
// CHAIN:      {"name":"k0_exp","dtype":"f32","dims":["B",256],"base":{"kind":"arena"},"offset":0,"lifetime":[0,1],
// CHAIN-NEXT: {"name":"k1_floor",{{.*}}"base":{"kind":"arena"},"offset":["*","B",1024],"lifetime":[1,2],
// CHAIN-NEXT: {"name":"k2_tanh",{{.*}}"base":{"kind":"arena"},"offset":0,"lifetime":[2,3],
// CHAIN-NEXT: {"name":"k3_ceil",{{.*}}"base":{"kind":"arena"},"offset":["*","B",1024],"lifetime":[3,4],
// CHAIN-NEXT: {"name":"k4_sqrt",{{.*}}"base":{"kind":"output","name":"y"}
// CHAIN:      "name":"k0_exp","nodes":[],"deps":[],
// CHAIN-NEXT: "name":"k1_floor","nodes":[],"deps":[0],
// CHAIN-NEXT: "name":"k2_tanh","nodes":[],"deps":[0,1],
// CHAIN-NEXT: "name":"k3_ceil","nodes":[],"deps":[1,2],
// CHAIN-NEXT: "name":"k4_sqrt","nodes":[],"deps":[3],
!x = tensor<?x256xf32, #graph.dims<B, 256>>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
func.func @main(%x: !x {graph.name = "x"}) -> (!x {graph.name = "y"}) {
  %a = math.exp %x : !x
  %b = math.floor %a : !x
  %c = math.tanh %b : !x
  %d = math.ceil %c : !x
  %e = math.sqrt %d : !x
  return %e : !x
}

// From text of the regions: one launch for the whole row. From text of the graph: refused.
// REGIONS:     {"format": 1,
// REGIONS:       "name":"k0_{{.*}}"deps":[],"operands":["x"],
// REGIONS-NOT:   "deps"
// NONE:        error[E0999]: op outside of a region: math.exp

//--- ports.mlir
// Unsigned ports say so. An input that is a result is copied by a region. One value under two names has one buffer.
// PORTS:      "symbols":
// PORTS:      {"name":"B","min":1,"max":64,"multiple":1,"from":{"input":"u","dim":1,"scale":2,"offset":1},"origins":["u dim 1"]}
// PORTS:      "inputs":
// PORTS-NEXT: {"name":"u","dtype":"u8","dims":[3,["+",["*","B",2],1]],
// PORTS-NEXT: {"name":"f","dtype":"bool"
// PORTS:      "outputs":
// PORTS-NEXT: {"name":"v","dtype":"u8",
// PORTS-NEXT: {"name":"one","dtype":"u8",{{.*}}"buffer":"[[BUFFER:[^"]*]]"
// PORTS-NEXT: {"name":"two","dtype":"u8",{{.*}}"buffer":"[[BUFFER]]"
// PORTS-NEXT: {"name":"g","dtype":"bool"
// PORTS:      "memory": {"arena":0,"zeroed":0}
!u = tensor<3x?xi8, #graph.dims<3, "2 * B + 1">>
graph.symbol "B" min 1 max 64 multiple 1 origins ["u dim 1"]
func.func @main(%u: !u {graph.name = "u", graph.unsigned}, %f: tensor<4xi1> {graph.name = "f"})
    -> (!u {graph.name = "v", graph.unsigned}, !u {graph.name = "one", graph.unsigned}, !u {graph.name = "two", graph.unsigned},
        tensor<4xi1> {graph.name = "g"}) {
  %s = arith.addi %u, %u : !u
  return %u, %s, %s, %f : !u, !u, !u, tensor<4xi1>
}
