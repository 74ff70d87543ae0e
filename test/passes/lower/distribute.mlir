// RUN: dlc-opt --split-input-file --distribute %s | dlc-opt --split-input-file | FileCheck %s

#vec = #tile.layout<"512", "reg [4:(1)] lane [32:(4)] warp [4:(128)]">

// A whole tile: 16 bytes at once, no conditions, one op per register.
// CHECK-LABEL: func.func @whole(
// CHECK:         nvvm.read.ptx.sreg.tid.x
// CHECK:         nvvm.read.ptx.sreg.ctaid.x
// CHECK:         llvm.load %{{.*}} invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK-COUNT-4: arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK-NOT:     arith.mulf
// CHECK:         llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NOT:     tile.
func.func @whole(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %id = tile.program_id 0 : i32
  %v = tile.load %x at <"id * 512 + i0"> where <> bind [id = %id : i32] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<512xf32, #vec>
  %c = arith.constant dense<2.0> : tensor<512xf32, #vec>
  %w = arith.mulf %v, %c : tensor<512xf32, #vec>
  tile.store %w, %y at <"id * 512 + i0"> where <> bind [id = %id : i32] : tensor<512xf32, #vec>, !llvm.ptr<1>
  return
}

// -----

#vec = #tile.layout<"512", "reg [4:(1)] lane [32:(4)] warp [4:(128)]">
// The extent is a multiple of four: one condition serves four elements, and becomes the predicate of one access.
// CHECK-LABEL: func.func @multiple(
// CHECK:         %[[IN:.*]] = arith.cmpi sge
// CHECK-NOT:     arith.cmpi
// CHECK:         llvm.inline_asm "@$5 ld.global.nc.v4.b32 {$0, $1, $2, $3}, [$4];"{{.*}} %{{.*}}, %[[IN]],
// CHECK:         llvm.inline_asm has_side_effects "@$1 st.global.v4.b32 [$0], {$2, $3, $4, $5};"
func.func @multiple(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %n: i32 {tile.range = array<i64: 4, 4096, 4>}) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %v = tile.load %x at <i0> where <"N - 1 - i0"> bind [N = %n : i32] other 1.0 : f32 constant : !llvm.ptr<1> -> tensor<512xf32, #vec>
  tile.store %v, %y at <i0> where <"N - 1 - i0"> bind [N = %n : i32] : tensor<512xf32, #vec>, !llvm.ptr<1>
  return
}

// -----

#vec = #tile.layout<"512", "reg [4:(1)] lane [32:(4)] warp [4:(128)]">
// Any extent: a condition and an access per element. Memory that the launch writes is not read through the read-only path.
// CHECK-LABEL: func.func @any(
// CHECK-COUNT-4: llvm.inline_asm has_side_effects "@$2 ld.global.b32 $0, [$1];", "=r,l,b,0,~{memory}"
// CHECK-COUNT-4: llvm.inline_asm has_side_effects "@$1 st.global.b32 [$0], $2;"
// CHECK-NOT:     llvm.inline_asm
func.func @any(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %n: i32 {tile.range = array<i64: 1, 4096, 1>}) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %v = tile.load %x at <i0> where <"N - 1 - i0"> bind [N = %n : i32] other 1.0 : f32 : !llvm.ptr<1> -> tensor<512xf32, #vec>
  tile.store %v, %y at <i0> where <"N - 1 - i0"> bind [N = %n : i32] : tensor<512xf32, #vec>, !llvm.ptr<1>
  return
}

// -----

#half = #tile.layout<"512", "reg [4:(1)] lane [32:(4)] warp [4:(128)]">
// Bools are bytes, four in a word; halves are pairs.
// CHECK-LABEL: func.func @bytes(
// CHECK:         llvm.load %{{.*}} invariant {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK:         llvm.bitcast %{{.*}} : i32 to vector<4xi8>
// CHECK-COUNT-4: arith.cmpi ne, %{{.*}}, %{{.*}} : i8
// CHECK:         llvm.load %{{.*}} invariant {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
// CHECK:         llvm.store %{{.*}}, %{{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
func.func @bytes(%x: !llvm.ptr<1>, %h: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %v = tile.load %x at <i0> where <> bind [] other false constant : !llvm.ptr<1> -> tensor<512xi1, #half>
  %a = tile.load %h at <i0> where <> bind [] other 0.0 : f16 constant : !llvm.ptr<1> -> tensor<512xf16, #half>
  %z = arith.constant dense<0.0> : tensor<512xf16, #half>
  %s = arith.select %v, %a, %z : tensor<512xi1, #half>, tensor<512xf16, #half>
  tile.store %s, %y at <i0> where <> bind [] : tensor<512xf16, #half>, !llvm.ptr<1>
  return
}

// -----

#one = #tile.layout<"8", "reg [] lane [8:(1), 4:(0)] warp [4:(0)]">
// What several threads hold is stored by the first of them.
// CHECK-LABEL: func.func @replicated(
// CHECK:         %[[LANE:.*]] = arith.cmpi eq
// CHECK:         %[[WARP:.*]] = arith.cmpi eq
// CHECK:         %[[OWNER:.*]] = arith.andi %[[LANE]], %[[WARP]] : i1
// CHECK:         llvm.inline_asm has_side_effects "@$1 st.global.b32 [$0], $2;"{{.*}} %{{.*}}, %[[OWNER]],
func.func @replicated(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %v = tile.load %x at <i0> where <> bind [] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<8xf32, #one>
  tile.store %v, %y at <i0> where <> bind [] : tensor<8xf32, #one>, !llvm.ptr<1>
  return
}

// -----

#vec = #tile.layout<"256", "reg [2:(1)] lane [32:(2)] warp [4:(64)]">
// A loop carries the registers of its tiles.
// CHECK-LABEL: func.func @loop(
// CHECK:         %[[SUM:.*]]:2 = scf.for %{{.*}} = %{{.*}} to %arg2 step %{{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}}) -> (f32, f32)
// CHECK:           %[[A1:.*]] = arith.addf %[[A]], %{{.*}} : f32
// CHECK:           %[[B1:.*]] = arith.addf %[[B]], %{{.*}} : f32
// CHECK:           scf.yield %[[A1]], %[[B1]] : f32, f32
// CHECK:         llvm.bitcast %[[SUM]]#0
// CHECK:         llvm.bitcast %[[SUM]]#1
func.func @loop(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %n: i32 {tile.range = array<i64: 1, 64, 1>}) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %init = arith.constant dense<0.0> : tensor<256xf32, #vec>
  %sum = scf.for %k = %zero to %n step %one iter_args(%acc = %init) -> (tensor<256xf32, #vec>) : i32 {
    %v = tile.load %x at <"k * 256 + i0"> where <> bind [k = %k : i32] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<256xf32, #vec>
    %next = arith.addf %acc, %v : tensor<256xf32, #vec>
    scf.yield %next : tensor<256xf32, #vec>
  }
  tile.store %sum, %y at <i0> where <> bind [] : tensor<256xf32, #vec>, !llvm.ptr<1>
  return
}

// -----

#tile = #tile.layout<"8x64", "reg [2:(0,1), 2:(4,0)] lane [32:(0,2)] warp [4:(1,0)]">
#col = #tile.layout<"64", "reg [2:(1)] lane [32:(2)] warp [4:(0)]">
// Expanding moves nothing: both rows of registers hold the same values.
// CHECK-LABEL: func.func @expanded(
// CHECK:         %[[V0:.*]] = llvm.bitcast %{{.*}} : i32 to f32
// CHECK:         %[[V1:.*]] = llvm.bitcast %{{.*}} : i32 to f32
// CHECK-COUNT-2: llvm.bitcast %[[V0]] : f32 to i32
// CHECK-NOT:     shfl
// CHECK-NOT:     llvm.load
func.func @expanded(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %c = tile.load %x at <i0> where <> bind [] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<64xf32, #col>
  %e = tile.expand %c axis 0 : tensor<64xf32, #col> -> tensor<8x64xf32, #tile>
  tile.store %e, %y at <"i0 * 64 + i1"> where <> bind [] : tensor<8x64xf32, #tile>, !llvm.ptr<1>
  return
}

// -----

#vec = #tile.layout<"128", "reg [] lane [32:(1)] warp [4:(32)]">
// Offsets and conditions may be of loaded indices.
// CHECK-LABEL: func.func @indirect(
// CHECK:         %[[ID:.*]] = llvm.load %{{.*}} : !llvm.ptr<1> -> i32
// CHECK:         %[[IN:.*]] = arith.cmpi sge, %[[ID]]
// CHECK:         arith.muli %[[ID]], %{{.*}} overflow<nsw> : i32
// CHECK:         llvm.inline_asm "@$2 ld.global.nc.b32 $0, [$1];"{{.*}} %{{.*}}, %[[IN]],
func.func @indirect(%ids: !llvm.ptr<1>, %x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %id = tile.load %ids at <i0> where <> bind [] other 0 : i32 constant : !llvm.ptr<1> -> tensor<128xi32, #vec>
  %v = tile.load %x at <"id * 3 + 1"> where <id> bind [id = %id : tensor<128xi32, #vec>] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<128xf32, #vec>
  tile.store %v, %y at <i0> where <> bind [] : tensor<128xf32, #vec>, !llvm.ptr<1>
  return
}
