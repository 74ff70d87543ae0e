// A tile program written by hand, down to the llvm dialect; and dlc's own way to LLVM IR and PTX.
// RUN: dlc-opt --distribute --expand-scalars --lower-to-llvm %S/Inputs/scale.mlir | dlc-opt | FileCheck %s
// RUN: dlc-opt --distribute --expand-scalars --lower-to-llvm %S/Inputs/scale.mlir | FileCheck %s --check-prefix=LOOP
// RUN: dlc %s --emit=thread | FileCheck %s --check-prefix=THREAD
// RUN: dlc %s --emit=llvm | FileCheck %s --check-prefix=LLVM
// RUN: dlc %s --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: dlc %S/Inputs/wide.mlir --emit=ptx | FileCheck %s --check-prefix=WIDE

// Pointers do not overlap and are aligned; attributes of the tile level are gone, and what they asked for is said.
// CHECK:      llvm.func @scale(%arg0: !llvm.ptr<1> {llvm.align = 16 : i64, llvm.noalias}, %arg1: !llvm.ptr<1> {llvm.align = 16 : i64, llvm.noalias}, %arg2: i32)
// CHECK-SAME:   attributes {nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 64>}
// CHECK-NOT:  tile.
// CHECK:      nvvm.read.ptx.sreg.tid.x
// CHECK:      llvm.cond_br
// CHECK:      llvm.return
// CHECK-NOT:  {{arith|math|scf|func}}.

// A loop that is not to be unrolled says so at its latch, where LLVM and the assembler look for it.
// LOOP:       #[[UNROLL:.*]] = #llvm.loop_unroll<disable = true>
// LOOP:       #[[LOOP:.*]] = #llvm.loop_annotation<unroll = #[[UNROLL]]>
// LOOP:       llvm.br ^{{.*}} {loop_annotation = #[[LOOP]]}

// THREAD:     func.func @k0_exp(
// THREAD-NOT: tile.load
// THREAD:     math.exp2

// LLVM:       define ptx_kernel void @k0_exp(ptr addrspace(1) {{.*}}noalias{{.*}}align 16
// LLVM:       call float @llvm.exp2.f32

// PTX:        .version 7.0
// PTX-NEXT:   .target sm_80
// PTX-NEXT:   .address_size 64
// PTX-NOT:    .target
// PTX:        .visible .entry k0_exp(
// PTX:        .reqntid 128
// PTX:        ld.global.nc.v4
// PTX-COUNT-4: ex2.approx
// PTX:        st.global.v4

// Kernels get the registers that they want: the assembler is not to spill for one more CTA on an SM.
// WIDE:       .visible .entry k0_exp(
// WIDE:       .minnctapersm 1
// WIDE:       .visible .entry k0_exp_i64(
// WIDE:       .minnctapersm 1
func.func @main(%x: tensor<4096xf32>) -> tensor<4096xf32> {
  %y = math.exp %x : tensor<4096xf32>
  return %y : tensor<4096xf32>
}
