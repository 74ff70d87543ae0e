// RUN: dlc-opt --split-input-file --distribute %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --distribute --expand-scalars --lower-to-llvm %s -o /dev/null

// By constants: 32-bit indices multiply, powers of two shift. 196 = 4 * 49: m = floor(2^39 / 196) + 1.
// CHECK-LABEL: func.func @constants(
// CHECK:         %[[M:.*]] = arith.constant -1490090694 : i32
// CHECK:         %[[HIGH:.*]] = llvm.call_intrinsic "llvm.nvvm.mulhi.ui"(%[[X:.*]], %[[M]])
// CHECK:         %[[S:.*]] = arith.constant 7 : i32
// CHECK:         %[[Q:.*]] = arith.shrui %[[HIGH]], %[[S]]
// CHECK:         %[[D:.*]] = arith.constant 196 : i32
// CHECK:         %[[P:.*]] = arith.muli %{{.*}}, %[[D]]
// CHECK:         arith.subi %[[X]], %[[P]]
// CHECK:         arith.constant 3 : i32
// CHECK-NEXT:    arith.shrui %[[X]],
// CHECK:         arith.constant 7 : i32
// CHECK-NEXT:    arith.andi
// CHECK-NOT:     arith.{{div|rem|floordiv}}
// CHECK:         return
func.func @constants(%p: !llvm.ptr<1>) attributes {tile.warps = 1 : i64, tile.index = i32} {
  %x = tile.program_id 0 : i32
  %0 = tile.eval <"x floordiv 196"> bind [x = %x : i32] : i32
  %1 = tile.eval <"x mod 196"> bind [x = %x : i32] : i32
  %2 = tile.eval <"x floordiv 8"> bind [x = %x : i32] : i32
  %3 = tile.eval <"x mod 8"> bind [x = %x : i32] : i32
  return
}

// -----

// Values of any sign: two xors with the sign around the division of what is not negative; powers of two shift with it.
// CHECK-LABEL: func.func @signed(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: i32
// CHECK:         %[[SIGN:.*]] = arith.shrsi %[[X]], %{{.*}}
// CHECK:         %[[N:.*]] = arith.xori %[[X]], %[[SIGN]]
// CHECK:         llvm.call_intrinsic "llvm.nvvm.mulhi.ui"(%[[N]],
// CHECK:         arith.xori %{{.*}}, %[[SIGN]]
// CHECK:         arith.shrsi %[[X]], %{{.*}}
// CHECK-NOT:     arith.{{div|rem|floordiv}}
// CHECK:         return
func.func @signed(%x: i32 {tile.range = array<i64: -1000, 1000, 1>}) attributes {tile.warps = 1 : i64, tile.index = i32} {
  %0 = tile.eval <"x floordiv 7"> bind [x = %x : i32] : i32
  %1 = tile.eval <"x floordiv 16"> bind [x = %x : i32] : i32
  return
}

// -----

// By what tile.divisor speaks of: its halves multiply and shift. A divisor that differs by a power of two (4 * x by 12 * S is
// x by 3 * S) has the same multiplier.
// CHECK-LABEL: func.func @symbols(
// CHECK-SAME:    %[[S:[a-z0-9]*]]: i32 {{.*}}, %[[MAGIC:[a-z0-9]*]]: i64
// CHECK:         %[[UPPER:.*]] = arith.shrui %[[MAGIC]], %{{.*}} : i64
// CHECK:         %[[M:.*]] = arith.trunci %[[MAGIC]] : i64 to i32
// CHECK:         %[[SHIFT:.*]] = arith.trunci %[[UPPER]] : i64 to i32
// CHECK:         %[[X:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK:         %[[HIGH:.*]] = llvm.call_intrinsic "llvm.nvvm.mulhi.ui"(%[[X]], %[[M]])
// CHECK:         %[[SUM:.*]] = arith.addi %[[HIGH]], %[[X]]
// CHECK:         llvm.lshr %[[SUM]], %[[SHIFT]]
// CHECK:         %[[MINUS:.*]] = arith.constant -2 : i32
// CHECK:         %[[LESS:.*]] = arith.addi %[[SHIFT]], %[[MINUS]]
// CHECK:         llvm.lshr %{{.*}}, %[[LESS]]
// CHECK-NOT:     arith.{{div|rem|floordiv}}
// CHECK:         return
func.func @symbols(%s: i32 {tile.range = array<i64: 1, 4096, 1>}, %magic: i64) attributes {tile.warps = 1 : i64, tile.index = i32} {
  tile.divisor %magic of <"S * 12"> bind [S = %s : i32]
  %x = tile.program_id 0 : i32
  %0 = tile.eval <"x floordiv (S * 12)"> bind [S = %s : i32, x = %x : i32] : i32
  %1 = tile.eval <"(x * 4) floordiv (S * 12)"> bind [S = %s : i32, x = %x : i32] : i32
  %2 = tile.eval <"x ceildiv (S * 12)"> bind [S = %s : i32, x = %x : i32] : i32
  return
}

// -----

// Without one: a division without guards where the divisor is positive, else the general one.
// CHECK-LABEL: func.func @plain(
// CHECK:         arith.divui %{{.*}}, %{{.*}} {tile.positive_divisor}
// CHECK:         arith.floordivsi
// CHECK:         return
func.func @plain(%s: i32 {tile.range = array<i64: 1, 4096, 1>}, %t: i32 {tile.range = array<i64: 0, 4096, 1>})
    attributes {tile.warps = 1 : i64, tile.index = i32} {
  %x = tile.program_id 0 : i32
  %0 = tile.eval <"x floordiv S"> bind [S = %s : i32, x = %x : i32] : i32
  %1 = tile.eval <"x floordiv T"> bind [T = %t : i32, x = %x : i32] : i32
  return
}

// -----

// 64-bit indices divide, but never with a sign.
// CHECK-LABEL: func.func @wide(
// CHECK-NOT:     mulhi
// CHECK:         arith.divui %{{.*}}, %{{.*}} : i64
// CHECK:         return
func.func @wide() attributes {tile.warps = 1 : i64, tile.index = i64} {
  %x = tile.program_id 0 : i32
  %0 = tile.eval <"x floordiv 196"> bind [x = %x : i32] : i64
  return
}
