// RUN: dlc-opt --split-input-file --distribute %s | dlc-opt --split-input-file | FileCheck %s

#tile = #tile.layout<"4x256", "reg [2:(0,1), 4:(0,64)] lane [32:(0,2)] warp [4:(1,0)]">
#rows = #tile.layout<"4", "reg [] lane [32:(0)] warp [4:(1)]">
// Registers in order, then lanes by shuffles; every lane has the result, the first stores it.
// CHECK-LABEL: func.func @lanes(
// CHECK-COUNT-7: arith.maximumf
// CHECK-NOT:     arith.maximumf
// CHECK:         nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c1_i32{{.*}}, %c31_i32
// CHECK:         arith.maximumf
// CHECK:         nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c2_i32
// CHECK:         nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c4_i32
// CHECK:         nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c8_i32
// CHECK:         nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c16_i32
// CHECK:         arith.maximumf
// CHECK-NOT:     nvvm.barrier
// CHECK:         "@$1 st.global.b32
func.func @lanes(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %v = tile.load %x at <"i0 * 256 + i1"> where <> bind [] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<4x256xf32, #tile>
  %r = tile.reduce %v axis 1 : tensor<4x256xf32, #tile> -> tensor<4xf32, #rows> combiner {
  ^bb0(%a: f32, %b: f32):
    %m = arith.maximumf %a, %b : f32
    tile.yield %m : f32
  }
  tile.store %r, %y at <i0> where <> bind [] : tensor<4xf32, #rows>, !llvm.ptr<1>
  return
}

// -----

#tile = #tile.layout<"1x128", "reg [] lane [32:(0,1)] warp [4:(0,32)]">
#rows = #tile.layout<"1", "reg [] lane [32:(0)] warp [4:(0)]">
// Warps through shared memory: written between two barriers, combined by every thread in the order of the warps.
// CHECK:       llvm.mlir.global internal @warps_scratch() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i8>
// CHECK-LABEL: func.func @warps(
// CHECK-SAME:    tile.scratch = 256 : i64
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK:         nvvm.barrier
// CHECK:         llvm.store %{{.*}}, %{{.*}} : f16, !llvm.ptr<3>
// CHECK:         nvvm.barrier
// CHECK:         %[[W0:.*]] = llvm.load %{{.*}} : !llvm.ptr<3> -> f16
// CHECK:         %[[W1:.*]] = llvm.load %{{.*}} : !llvm.ptr<3> -> f16
// CHECK:         %[[S1:.*]] = arith.addf %[[W0]], %[[W1]] : f16
// CHECK:         %[[W2:.*]] = llvm.load %{{.*}} : !llvm.ptr<3> -> f16
// CHECK:         %[[S2:.*]] = arith.addf %[[S1]], %[[W2]] : f16
// CHECK:         %[[W3:.*]] = llvm.load %{{.*}} : !llvm.ptr<3> -> f16
// CHECK:         arith.addf %[[S2]], %[[W3]] : f16
func.func @warps(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 4 : i64, tile.index = i32} {
  %v = tile.load %x at <i1> where <> bind [] other 0.0 : f16 constant : !llvm.ptr<1> -> tensor<1x128xf16, #tile>
  %r = tile.reduce %v axis 1 : tensor<1x128xf16, #tile> -> tensor<1xf16, #rows> combiner {
  ^bb0(%a: f16, %b: f16):
    %m = arith.addf %a, %b : f16
    tile.yield %m : f16
  }
  tile.store %r, %y at <i0> where <> bind [] : tensor<1xf16, #rows>, !llvm.ptr<1>
  return
}

// -----

#tile = #tile.layout<"8x32", "reg [8:(1,0)] lane [32:(0,1)] warp [1:(0,0)]">
#rows = #tile.layout<"32", "reg [] lane [32:(1)] warp [1:(0)]">
// A dim that lies in registers needs no exchange; a value and its index are combined together.
// CHECK-LABEL: func.func @registers(
// CHECK-COUNT-7: arith.cmpf ogt
// CHECK-NOT:     arith.cmpf
// CHECK-NOT:     nvvm.shfl
// CHECK-NOT:     nvvm.barrier
// CHECK:         llvm.store %{{.*}}, %{{.*}} {alignment = 8 : i64} : i64, !llvm.ptr<1>
func.func @registers(%x: !llvm.ptr<1>, %i: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tile.warps = 1 : i64, tile.index = i32} {
  %v = tile.load %x at <"i0 * 32 + i1"> where <> bind [] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<8x32xf32, #tile>
  %at = tile.index <i0> bind [] : tensor<8x32xi64, #tile>
  %r:2 = tile.reduce %v, %at axis 0 : tensor<8x32xf32, #tile>, tensor<8x32xi64, #tile> -> tensor<32xf32, #rows>, tensor<32xi64, #rows> combiner {
  ^bb0(%v0: f32, %i0: i64, %v1: f32, %i1: i64):
    %gt = arith.cmpf ogt, %v1, %v0 : f32
    %a = arith.select %gt, %v1, %v0 : f32
    %b = arith.select %gt, %i1, %i0 : i64
    tile.yield %a, %b : f32, i64
  }
  tile.store %r#1, %y at <i0> where <> bind [] : tensor<32xi64, #rows>, !llvm.ptr<1>
  return
}
