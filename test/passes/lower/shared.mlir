// RUN: dlc-opt --split-input-file --distribute %s | dlc-opt --split-input-file | FileCheck %s

// Rows of 64 bytes, 16-byte pieces: the chunk's number is exchanged by (row / 2) % 4.
!buffer = !tile.shared<2, 32, 32, f16, swizzle 64, pad 0>
#a = #tile.layout<"32x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp [2:(0,0), 2:(16,0)]">
#b = #tile.layout<"16x16", "reg [2:(1,0), 2:(8,0)] lane [4:(2,0), 8:(0,1)] warp [2:(0,8), 2:(0,0)]">
#c = #tile.layout<"32x16", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp [2:(0,8), 2:(16,0)]">
// CHECK:       llvm.mlir.global external @staged_shared() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>
// CHECK-LABEL: func.func @staged(
// CHECK-SAME:    tile.shared = 4096 : i64
// The second stage is 2048 bytes on.
// CHECK:         %[[BASE:.*]] = llvm.mlir.addressof @staged_shared
// CHECK:         %[[STEP:.*]] = arith.muli %{{.*}}, %c2048_i32 : i32
// CHECK:         %[[STAGE:.*]] = llvm.getelementptr %[[BASE]][%[[STEP]]]
// CHECK:         %[[SIZE:.*]] = arith.select %{{.*}}, %c16_i32{{.*}}, %c0_i32
// CHECK:         %[[ROW:.*]] = arith.shrui %{{.*}}, %c1_i32
// CHECK:         %[[PERMUTE:.*]] = arith.andi %[[ROW]], %c3_i32
// CHECK:         arith.xori %{{.*}}, %[[PERMUTE]]
// CHECK:         nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg, %[[SIZE]]
// CHECK:         nvvm.cp.async.commit.group
// CHECK:         nvvm.cp.async.wait.group 0
// CHECK:         nvvm.barrier
// A is four matrices, B lies along its columns and is read transposed; a warp multiplies 16 x 16 by 16 x 8.
// CHECK:         llvm.call_intrinsic "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16"
// CHECK:         llvm.call_intrinsic "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16"
// CHECK:         llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.f32.f32"
// CHECK-SAME:      (vector<2xf16>, vector<2xf16>, vector<2xf16>, vector<2xf16>, vector<2xf16>, vector<2xf16>, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// CHECK-NOT:     llvm.nvvm.mma
func.func @staged(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %n: i32 {tile.range = array<i64: 8, 4096, 8>}) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %one = arith.constant 1 : i32
  %buffer = tile.alloc : !buffer
  %pending = tile.copy %x at <"i0 * N + i1"> where <"N - 1 - i1"> bind [N = %n : i32] to %buffer[%one] : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
  tile.commit
  %stage = tile.wait %pending groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  %a = tile.fragment %stage at 0, 0 : !tile.stage<!buffer> -> tensor<32x16xf16, #a>
  %b = tile.fragment %stage at 0, 16 : !tile.stage<!buffer> -> tensor<16x16xf16, #b>
  %zero = arith.constant dense<0.0> : tensor<32x16xf32, #c>
  %d = tile.dot %a, %b, %zero kind "f16" : tensor<32x16xf16, #a>, tensor<16x16xf16, #b>, tensor<32x16xf32, #c> -> tensor<32x16xf32, #c>
  tile.store %d, %y at <"i0 * 16 + i1"> where <> bind [] : tensor<32x16xf32, #c>, !llvm.ptr<1>
  return
}

// -----

!buffer = !tile.shared<1, 16, 64, bf16, swizzle 128, pad 0>
#b = #tile.layout<"16x32", "reg [2:(1,0), 2:(8,0)] lane [4:(2,0), 8:(0,1)] warp [4:(0,8)]">
#t = #tile.layout<"16x64", "reg [8:(0,1)] lane [8:(0,8), 4:(1,0)] warp [4:(4,0)]">
// Registers into a stage: 16 bytes at once, and a barrier before others read them.
// CHECK-LABEL: func.func @filled(
// CHECK:         llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<3>
// CHECK:         nvvm.barrier
// CHECK:         llvm.call_intrinsic "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16"
func.func @filled(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %zero = arith.constant 0 : i32
  %buffer = tile.alloc : !buffer
  %v = tile.load %x at <"i0 * 64 + i1"> where <> bind [] other 0.0 : bf16 constant : !llvm.ptr<1> -> tensor<16x64xbf16, #t>
  %f = tile.fill %v to %buffer[%zero] : tensor<16x64xbf16, #t>, !buffer, i32 -> !tile.pending<!buffer>
  %stage = tile.wait %f groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  %b = tile.fragment %stage at 0, 32 : !tile.stage<!buffer> -> tensor<16x32xbf16, #b>
  tile.store %b, %y at <"i0 * 32 + i1"> where <> bind [] : tensor<16x32xbf16, #b>, !llvm.ptr<1>
  return
}

// -----

// Two bytes can't be copied asynchronously: rows of any length go through registers.
!buffer = !tile.shared<1, 8, 32, f16, swizzle 64, pad 0>
// CHECK-LABEL: func.func @narrow(
// CHECK-NOT:     nvvm.cp.async.shared
// CHECK:         llvm.load %{{.*}} invariant {alignment = 2 : i64} : !llvm.ptr<1> -> i16
// CHECK:         llvm.store %{{.*}}, %{{.*}} {alignment = 2 : i64} : f16, !llvm.ptr<3>
func.func @narrow(%x: !llvm.ptr<1>, %n: i32 {tile.range = array<i64: 1, 4096, 1>}) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %zero = arith.constant 0 : i32
  %buffer = tile.alloc : !buffer
  %pending = tile.copy %x at <"i0 * N + i1"> where <> bind [N = %n : i32] to %buffer[%zero] : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
  %stage = tile.wait %pending groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  return
}

// -----

// 32-bit elements across rows are read one by one, from padded rows.
!buffer = !tile.shared<1, 16, 32, f32, swizzle 0, pad 8>
#b = #tile.layout<"8x32", "reg [2:(4,0)] lane [4:(1,0), 8:(0,1)] warp [4:(0,8)]">
// CHECK-LABEL: func.func @elements(
// CHECK-SAME:    tile.shared = 2560 : i64
// CHECK:         nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg :
// CHECK:         llvm.getelementptr %{{.*}}[1280]
// CHECK:         llvm.load %{{.*}} : !llvm.ptr<3> -> f32
// CHECK:         llvm.getelementptr %{{.*}}[1920]
// CHECK-NOT:     ldmatrix
func.func @elements(%y: !llvm.ptr<1>, %x: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %zero = arith.constant 0 : i32
  %buffer = tile.alloc : !buffer
  %pending = tile.copy %x at <"i0 * 32 + i1"> where <> bind [] to %buffer[%zero] : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
  tile.commit
  %stage = tile.wait %pending groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  %b = tile.fragment %stage at 8, 0 : !tile.stage<!buffer> -> tensor<8x32xf32, #b>
  tile.store %b, %y at <"i0 * 32 + i1"> where <> bind [] : tensor<8x32xf32, #b>, !llvm.ptr<1>
  return
}

// -----

// A tile through shared memory that held something else: transposed on the way in, 16 bytes at once on the way out.
!first = !tile.shared<1, 32, 32, f16, swizzle 64, pad 0>
!over = !tile.shared<1, 16, 32, f16, swizzle 0, pad 8>
#c = #tile.layout<"32x16", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp [2:(0,8), 2:(16,0)]">
#rows = #tile.layout<"8x32", "reg [8:(0,1)] lane [4:(0,8), 8:(1,0)] warp [4:(0,0)]">
// CHECK-LABEL: func.func @exchanged(
// CHECK-SAME:    tile.shared = 2048 : i64
// CHECK:         %[[BASE:.*]] = llvm.mlir.addressof @exchanged_shared
// CHECK:         %[[OVER:.*]] = llvm.mlir.addressof @exchanged_shared
// Rows of 80 bytes: neighbours along the tile's columns are one row apart.
// CHECK:         %[[AT:.*]] = llvm.getelementptr %[[OVER]]
// CHECK:         llvm.store %{{.*}}, %[[AT]] {alignment = 2 : i64} : f16, !llvm.ptr<3>
// CHECK:         %[[NEXT:.*]] = llvm.getelementptr %{{.*}}[80]
// CHECK:         llvm.store %{{.*}}, %[[NEXT]] {alignment = 2 : i64} : f16, !llvm.ptr<3>
// CHECK:         nvvm.barrier
// CHECK:         arith.addi %{{.*}}, %arg2
// CHECK:         llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xf16>
func.func @exchanged(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %row: i32) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %zero = arith.constant 0 : i32
  %first = tile.alloc : !first
  %over = tile.alloc overlay : !over
  %c = tile.load %x at <"i0 * 16 + i1"> where <> bind [] other 0.0 : f16 : !llvm.ptr<1> -> tensor<32x16xf16, #c>
  %pending = tile.fill %c to %over[%zero] transposed : tensor<32x16xf16, #c>, !over, i32 -> !tile.pending<!over>
  %stage = tile.wait %pending groups 0 : !tile.pending<!over> -> !tile.stage<!over>
  %r = tile.read %stage at %row : !tile.stage<!over>, i32 -> tensor<8x32xf16, #rows>
  tile.store %r, %y at <"i0 * 32 + i1"> where <> bind [] : tensor<8x32xf16, #rows>, !llvm.ptr<1>
  return
}

// -----

// Half words that lie apart go through registers. By rows, each thread has a row of its own, to be taken apart once, and
// stores 16 bytes of it at a time.
!buffer = !tile.shared<1, 128, 32, f16, swizzle 64, pad 0>
// CHECK-LABEL: func.func @gathered(
// CHECK-COUNT-32: llvm.load %{{.*}} : !llvm.ptr<1> -> i16
// CHECK-COUNT-4: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
// CHECK-NOT:     llvm.store
func.func @gathered(%x: !llvm.ptr<1>, %w: i32 {tile.range = array<i64: 1, 4096, 1>}) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %zero = arith.constant 0 : i32
  %buffer = tile.alloc : !buffer
  %pending = tile.copy %x at <"i1 * W * 9 + (i0 floordiv W) * 7 + i0 mod W"> where <> bind [W = %w : i32] to %buffer[%zero] by rows
      : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
  tile.commit
  %stage = tile.wait %pending groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  return
}
