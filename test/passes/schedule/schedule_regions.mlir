// RUN: dlc-opt --schedule-regions --remarks=text %s 2>%t.text | FileCheck %s
// RUN: FileCheck %s --check-prefix=TEXT --input-file=%t.text
// RUN: dlc-opt --schedule-regions --remarks=json %s 2>&1 >/dev/null | FileCheck %s --check-prefix=JSON
// RUN: dlc-opt --schedule-regions --target=v100 --remarks=text %s 2>&1 >/dev/null | FileCheck %s --check-prefix=V100
// RUN: dlc-opt --schedule-regions %s | dlc-opt --distribute --expand-scalars --lower-to-llvm | FileCheck %s --check-prefix=LLVM

// Equal regions share one kernel, with the first one's name; what is no kernel is gone.
// CHECK-NOT:   graph.
// CHECK-LABEL: func.func @k0_matmul_gemv(
// CHECK-LABEL: func.func @k0_matmul(
// CHECK-SAME:    %{{[^:]*}}: !llvm.ptr<1>, %{{[^:]*}}: !llvm.ptr<1>, %{{[^:]*}}: !llvm.ptr<1>, %{{[^:]*}}: i32 {tile.range = array<i64: 1, 4096, 1>})
// CHECK:         tile.dot
// CHECK-LABEL: func.func @k2_sum(
// CHECK:         tile.reduce
// CHECK-NOT:   func.func

// Each family says what it thinks, once per kind of region, with what a choice rests on.
// TEXT:      missed: k0_matmul by rows: the hero is no reduction
// TEXT-NEXT: scheduled: k0_matmul by gemv: gemv {{.*}} index=i32
// TEXT-NEXT: scheduled: k0_matmul by matmul: matmul kind=f16 tile={{[0-9x]+}} stages={{.*}} index=i32 [batch 1.000, m 128.000, n 64.000, k 64.000, CTAs {{[0-9]+}}.000, CTAs per SM {{[0-9]+}}.000, padding 1.000 x, mma {{.*}} us, shared memory {{.*}} us, L2 {{.*}} us, DRAM {{.*}} us, chain {{.*}} us]
// TEXT-NEXT: scheduled: k2_sum by rows: rows tile={{[0-9x]+}} {{.*}} index=i32
// TEXT-NOT:  {{.}}
// JSON:      {"kind":"missed","pass":"schedule-regions","subject":"k0_matmul","object":"rows","reason":"the hero is no reduction","terms":[]}
// JSON:      {"kind":"scheduled","pass":"schedule-regions","subject":"k0_matmul","object":"matmul","reason":"matmul kind=f16 tile={{.*}}","terms":[{"name":"batch","value":1,"unit":""},
// V100:      scheduled: k0_matmul by {{matmul|general}}

// LLVM-LABEL: llvm.func @k0_matmul{{.*}} attributes {nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: {{[0-9]+}}>}
// LLVM:       llvm.func @k2_sum{{.*}} attributes {nvvm.kernel
!x = tensor<?x64xf16, #graph.dims<B, 64>>
!w = tensor<64x64xf16>
graph.symbol "B" min 1 max 4096 multiple 1 origins ["x dim 0"]
func.func @main(%x: !x {graph.name = "x"}, %w: !w, %v: !w) -> tensor<?xf16, #graph.dims<B>> {
  %a = graph.region "k0_matmul" hero "dot" (%p = %x : !x, %q = %w : !w) -> (!x) {
    %d = graph.dot %p, %q batch [] x [] contract [1] x [0] : !x, !w -> !x
    graph.yield %d : !x
  }
  %b = graph.region "k1_matmul" hero "dot" (%p = %a : !x, %q = %v : !w) -> (!x) {
    %d = graph.dot %p, %q batch [] x [] contract [1] x [0] : !x, !w -> !x
    graph.yield %d : !x
  }
  %c = graph.region "k2_sum" hero "reduce" (%p = %b : !x) -> (tensor<?xf16, #graph.dims<B>>) {
    %s = graph.reduce %p init [0.0 : f16] dims [1] : !x -> tensor<?xf16, #graph.dims<B>> combiner {
    ^bb0(%l: f16, %r: f16):
      %0 = arith.addf %l, %r : f16
      graph.yield %0 : f16
    }
    graph.yield %s : tensor<?xf16, #graph.dims<B>>
  }
  return %c : tensor<?xf16, #graph.dims<B>>
}
