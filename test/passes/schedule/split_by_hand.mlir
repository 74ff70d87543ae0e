// RUN: dlc %s --split=k0_matmul=3 --split=k1_sum=2 --split=k2_matmul=1 --emit=plan | FileCheck %s
// RUN: dlc-opt %s --graph-pipeline --schedule-regions --split=k0_matmul=3 --remarks=text 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not dlc-opt %s --graph-pipeline --schedule-regions --split=k3_sum=3 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not dlc %s --split=k1_sum=9 --split=k3_negf=2 --emit=plan 2>&1 | FileCheck %s --check-prefix=POINTWISE
// RUN: dlc %s --split='*=4' --split=k1_sum=1 --emit=plan | FileCheck %s --check-prefix=ALL

// How many CTAs share a tile or a row can be said for a region, whatever the model of time would choose.
// CHECK:     "name":"k0_matmul",{{.*}}"schedule":"matmul {{.*}} split=3 index=i32"
// CHECK:     "name":"k1_sum",{{.*}}"schedule":"rows {{.*}} split=2 index=i32"
// CHECK:     "name":"k2_matmul",{{.*}}"schedule":"gemv {{.*}} width=8 index=i32"
// A name goes before the star.
// ALL:       "name":"k0_matmul",{{.*}} split=4 index=i32"
// ALL:       "name":"k1_sum",{{.*}} chunked index=i32"
// ALL:       "name":"k2_matmul",{{.*}}"schedule":"gemv {{.*}} split=4 index=i32"
// The star leaves alone what has nothing to share.
// ALL:       "name":"k3_negf",{{.*}}"schedule":"general
// REMARK:    scheduled: k0_matmul by matmul: {{.*}} split=3 index=i32, by hand split=3 [
// UNKNOWN:   error: no region is called 'k3_sum'
// POINTWISE: error[E0506]: the schedule of 'k3_negf' has no work for 2 CTAs to share: general
// POINTWISE-NEXT: help: write --split REGION=N
func.func @main(%x: tensor<64x512xf16>, %w: tensor<512x64xf16>, %s: tensor<3x10000xf32>, %v: tensor<1x512xf16>)
    -> (tensor<64x64xf16>, tensor<3xf32>, tensor<1x64xf16>, tensor<3x10000xf32>) {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<64x512xf16>, tensor<512x64xf16> -> tensor<64x64xf16>
  %t = graph.reduce %s init [0.0 : f32] dims [1] : tensor<3x10000xf32> -> tensor<3xf32> combiner {
  ^bb0(%p: f32, %q: f32):
    %0 = arith.addf %p, %q : f32
    graph.yield %0 : f32
  }
  %e = graph.dot %v, %w batch [] x [] contract [1] x [0] : tensor<1x512xf16>, tensor<512x64xf16> -> tensor<1x64xf16>
  %n = arith.negf %s : tensor<3x10000xf32>
  return %d, %t, %e, %n : tensor<64x64xf16>, tensor<3xf32>, tensor<1x64xf16>, tensor<3x10000xf32>
}
