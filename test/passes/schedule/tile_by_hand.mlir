// RUN: dlc %s --tile=k0_matmul=128x64x32 --emit=plan | FileCheck %s
// RUN: dlc %s --tile='*=64x64x64' --tile=k1_matmul=32x32x16 --split=k0_matmul=2 --emit=plan | FileCheck %s --check-prefix=ALL
// RUN: dlc-opt %s --graph-pipeline --schedule-regions --tile=k0_matmul=32x32x64 --remarks=text 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not dlc %s --tile=k1_matmul=128x128x32 --emit=plan 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not dlc-opt %s --graph-pipeline --schedule-regions --tile=k2_negf=64x64x64 2>&1 | FileCheck %s --check-prefix=POINTWISE

// The tile of a product can be said for a region, whatever the model of time would choose.
// CHECK:     "schedule":"matmul kind=f16 tile=128x64x32 stages={{[2-5]}} warps=2x2 index=i32"
// CHECK:     "schedule":"matmul kind=tf32 split tile=
// ALL:       "schedule":"matmul kind=f16 tile=64x64x64 {{.*}} split=2 index=i32"
// ALL:       "schedule":"matmul kind=tf32 split tile=32x32x16 {{.*}}index=i32"
// REMARK:    scheduled: k0_matmul by matmul: {{.*}}tile=32x32x64 {{.*}}, by hand tile=32x32x64 [
// Fragments of split fp32 leave no room for it.
// NONE:      error[E0506]: no schedule of 'k1_matmul' has tile=128x128x32: matmul kind=tf32 split
// POINTWISE: error: no schedule of 'k2_negf' has tile=64x64x64: general
func.func @main(%x: tensor<96x512xf16>, %w: tensor<512x96xf16>, %y: tensor<96x512xf32>, %v: tensor<512x96xf32>)
    -> (tensor<96x96xf16>, tensor<96x96xf32>, tensor<96x512xf32>) {
  %d = graph.dot %x, %w batch [] x [] contract [1] x [0] : tensor<96x512xf16>, tensor<512x96xf16> -> tensor<96x96xf16>
  %e = graph.dot %y, %v batch [] x [] contract [1] x [0] : tensor<96x512xf32>, tensor<512x96xf32> -> tensor<96x96xf32>
  %n = arith.negf %y : tensor<96x512xf32>
  return %d, %e, %n : tensor<96x96xf16>, tensor<96x96xf32>, tensor<96x512xf32>
}
