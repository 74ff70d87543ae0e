// RUN: dlc-opt --split-input-file --distribute %s | FileCheck %s
// RUN: dlc-opt --split-input-file --distribute --expand-scalars --lower-to-llvm %s | FileCheck %s --check-prefix=LLVM

#row = #tile.layout<"1x128", "reg [] lane [32:(0,1)] warp [4:(0,32)]">
// Everybody's stores, one arrival that wraps to zero at the last, everybody's loads. The rest is for the last CTA only.
// CHECK-LABEL: func.func @last(
// CHECK:         llvm.store
// CHECK:         nvvm.barrier
// CHECK:         scf.if
// CHECK:           llvm.inline_asm has_side_effects {{.*}}"atom.acq_rel.gpu.global.inc.u32 $0, [$1], $2;"
// CHECK:           llvm.store %{{.*}} : i32, !llvm.ptr<3>
// CHECK-NEXT:    }
// CHECK-NEXT:    nvvm.barrier
// CHECK-NEXT:    %[[OLD:.*]] = llvm.load %{{.*}} : !llvm.ptr<3> -> i32
// CHECK-NEXT:    %[[LAST:.*]] = arith.cmpi eq, %[[OLD]]
// CHECK:         scf.if %[[LAST]] {
// CHECK:           llvm.load
// CHECK:           llvm.store {{.*}}
// CHECK-NEXT:    }
// CHECK-NEXT:    return
// Other CTAs write workspaces: nothing is assumed of them.
// LLVM-LABEL: llvm.func @last(
// LLVM-SAME:    %arg0: !llvm.ptr<1> {llvm.align = 16 : i64, llvm.noalias}
// LLVM-SAME:    %arg1: !llvm.ptr<1> {llvm.align = 16 : i64}, %arg2: !llvm.ptr<1> {llvm.align = 16 : i64}
func.func @last(%y: !llvm.ptr<1>, %parts: !llvm.ptr<1> {tile.workspace}, %counters: !llvm.ptr<1> {tile.workspace})
    attributes {tile.warps = 4 : i64, tile.index = i32} {
  %id = tile.program_id 0 : i32
  %v = tile.index <i1> bind [] : tensor<1x128xi32, #row>
  tile.store %v, %parts at <"i1 + id * 128"> where <> bind [id = %id : i32] : tensor<1x128xi32, #row>, !llvm.ptr<1>
  %zero = arith.constant 0 : i32
  %count = arith.constant 7 : i32
  %last = tile.arrive %counters[%zero] of %count : !llvm.ptr<1>, i32, i32
  scf.if %last {
    %all = tile.load %parts at <"i1 + 128"> where <> bind [] other 0 : i32 : !llvm.ptr<1> -> tensor<1x128xi32, #row>
    tile.store %all, %y at <i1> where <> bind [] : tensor<1x128xi32, #row>, !llvm.ptr<1>
  }
  return
}
