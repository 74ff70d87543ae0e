// RUN: dlc-opt --split-input-file --distribute %s | dlc-opt --split-input-file | FileCheck %s
// RUN: dlc-opt --split-input-file --distribute --expand-scalars --lower-to-llvm %s -o /dev/null

!buffer = !tile.shared<2, 32, 32, f16, swizzle 64, pad 0>

// A window of three rows over an image of 32: the address of the thread's own rows and a bit for every tap stand in front of the
// loop, and the loop adds what changes. Outside are only row -1, at tap 0, and row 32, at tap 2; bit 31 is for taps past the end.
// CHECK-LABEL: func.func @taps(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: !llvm.ptr<1>
// CHECK:         %[[ALWAYS:.*]] = arith.constant -2147483648 : i32
// CHECK:         %[[LOW:.*]] = arith.cmpi sge
// CHECK:         %[[TAP0:.*]] = arith.constant 1 : i32
// CHECK:         %[[FIRST:.*]] = arith.select %[[LOW]], %{{.*}}, %[[TAP0]]
// CHECK:         %[[SOME:.*]] = arith.ori %[[ALWAYS]], %[[FIRST]]
// CHECK:         %[[HIGH:.*]] = arith.cmpi sge
// CHECK:         %[[TAP2:.*]] = arith.constant 4 : i32
// CHECK:         %[[LAST:.*]] = arith.select %[[HIGH]], %{{.*}}, %[[TAP2]]
// CHECK:         %[[OUTSIDE:.*]] = arith.ori %[[SOME]], %[[LAST]]
// CHECK-NOT:     arith.cmpi
// CHECK:         %[[HERE:.*]] = llvm.getelementptr %[[X]][
// CHECK:         %[[FIXED:.*]] = llvm.intr.strip.invariant.group %[[HERE]]
// CHECK:         scf.for %[[K:.*]] =
// CHECK:           %[[INSIDE:.*]] = arith.cmpi sge, %{{.*}}
// CHECK:           %[[BITS:.*]] = arith.select %[[INSIDE]], %{{.*}}
// CHECK:           %[[MET:.*]] = arith.andi %[[OUTSIDE]], %[[BITS]]
// CHECK:           arith.cmpi eq, %[[MET]],
// CHECK:           llvm.getelementptr %[[FIXED]][
// CHECK-NOT:       arith.cmpi
// CHECK:           nvvm.cp.async.shared
// CHECK-NOT:     nvvm.cp.async.shared
func.func @taps(%x: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c6 = arith.constant 6 : i32
  %buffer = tile.alloc : !buffer
  scf.for %k = %c0 to %c6 step %c1 : i32 {
    %tap = tile.eval <"k floordiv 2"> bind [k = %k : i32] : i32
    %p = tile.copy %x at <"(i0 + tap - 1) * 128 + (k - tap * 2) * 32 + i1"> where <"4 - k", "i0 + tap - 1", "32 - i0 - tap">
         bind [k = %k : i32, tap = %tap : i32] to %buffer[%c0] : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
    tile.commit
    %s = tile.wait %p groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  }
  return
}

// -----

!buffer = !tile.shared<2, 32, 32, f16, swizzle 64, pad 0>

// What advances with the loop's variable alone is left to LLVM; a condition on a scalar of many values stays where it is.
// CHECK-LABEL: func.func @others(
// CHECK-NOT:     strip.invariant.group
// CHECK:         scf.for
// CHECK:           arith.cmpi sge
// CHECK:           nvvm.cp.async.shared
// CHECK:         strip.invariant.group
// CHECK:         scf.for
// CHECK-NOT:       llvm.shl
// CHECK:           arith.cmpi sge
// CHECK-NOT:       llvm.shl
// CHECK:           nvvm.cp.async.shared
func.func @others(%x: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c100 = arith.constant 100 : i32
  %buffer = tile.alloc : !buffer
  scf.for %k = %c0 to %c100 step %c1 : i32 {
    %p = tile.copy %x at <"i0 * 64 + k * 32 + i1"> where <"90 - i0 - k"> bind [k = %k : i32] to %buffer[%c0]
      : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
    tile.commit
    %s = tile.wait %p groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  }
  scf.for %k = %c0 to %c100 step %c1 : i32 {
    %tap = tile.eval <"k floordiv 2"> bind [k = %k : i32] : i32
    %p = tile.copy %x at <"i0 * 64 + tap * 32 + i1"> where <"60 - i0 - tap"> bind [tap = %tap : i32] to %buffer[%c0]
      : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
    tile.commit
    %s = tile.wait %p groups 0 : !tile.pending<!buffer> -> !tile.stage<!buffer>
  }
  return
}
