// Every op of the tile dialect reads back what it prints.
// RUN: dlc-opt %s | dlc-opt | FileCheck %s

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp [1:(0)]">
#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
#rows = #tile.layout<"16", "reg [2:(8)] lane [4:(0), 8:(1)] warp []">
#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
#b = #tile.layout<"16x8", "reg [2:(1,0), 2:(8,0)] lane [4:(2,0), 8:(0,1)] warp []">
!buffer = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>

// CHECK-LABEL: func.func @scalars
func.func @scalars(%n: i32, %wide: i64) {
  // CHECK: %[[ID:.*]] = tile.program_id 0 : i32
  %id = tile.program_id 0 : i32
  // CHECK: tile.eval <"id + N floordiv 4 - 2"> bind [N = %{{.*}} : i64, id = %[[ID]] : i32] : i32
  %e = tile.eval <"N floordiv 4 + id - 2"> bind [N = %wide : i64, id = %id : i32] : i32
  // CHECK: tile.divisor %arg1 of <"N * 12"> bind [N = %arg0 : i32]
  tile.divisor %wide of <"12 * N"> bind [N = %n : i32]
  // CHECK: tile.eval <7> bind [] : i64
  %c = tile.eval <7> bind [] : i64
  return
}

// CHECK-LABEL: func.func @memory
func.func @memory(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>, %n: i32) {
  // CHECK: %[[I:.*]] = tile.index <"i0 * 2 + 1"> bind [] : tensor<128xi32, #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp [1:(0)]">>
  %i = tile.index <"2 * i0 + 1"> bind [] : tensor<128xi32, #row>
  // CHECK: %[[X:.*]] = tile.load %arg0 at <i0> where <"N - i0 - 1"> bind [N = %arg2 : i32] other 1.000000e+00 : f32 constant : <1> -> tensor<128xf32
  %x = tile.load %p at <i0> where <"N - 1 - i0"> bind [N = %n : i32] other 1.0 : f32 constant : !llvm.ptr<1> -> tensor<128xf32, #row>
  // CHECK: tile.load %arg0 at <"at + i0"> where <at> bind ["a t" = %arg2 : i32, at = %[[I]] : tensor<128xi32, {{.*}}>] other 0.000000e+00 : f32 : <1>
  %y = tile.load %p at <"at + i0"> where <at> bind ["a t" = %n : i32, at = %i : tensor<128xi32, #row>] other 0.0 : f32 : !llvm.ptr<1> -> tensor<128xf32, #row>
  // CHECK: tile.store %[[X]], %arg1 at <i0> where <> bind [] : tensor<128xf32, {{.*}}>, <1>
  tile.store %x, %q at <i0> where <> bind [] : tensor<128xf32, #row>, !llvm.ptr<1>
  return
}

// CHECK-LABEL: func.func @tiles
func.func @tiles(%s: f32) -> tensor<16x8xf32, #tile> {
  // CHECK: %[[T:.*]] = tile.splat %arg0 : f32 -> tensor<16x8xf32
  %t = tile.splat %s : f32 -> tensor<16x8xf32, #tile>
  // CHECK: %[[R:.*]] = tile.reduce %[[T]] axis 1 : tensor<16x8xf32, {{.*}}> -> tensor<16xf32, #tile.layout<"16", "reg [2:(8)] lane [4:(0), 8:(1)] warp []">> combiner {
  %r = tile.reduce %t axis 1 : tensor<16x8xf32, #tile> -> tensor<16xf32, #rows> combiner {
  ^bb0(%a: f32, %b: f32):
    %m = arith.maximumf %a, %b : f32
    // CHECK: tile.yield %{{.*}} : f32
    tile.yield %m : f32
  }
  // CHECK: tile.expand %[[R]] axis 1 : tensor<16xf32, {{.*}}> -> tensor<16x8xf32
  %e = tile.expand %r axis 1 : tensor<16xf32, #rows> -> tensor<16x8xf32, #tile>
  return %e : tensor<16x8xf32, #tile>
}

// CHECK-LABEL: func.func @shared
func.func @shared(%p: !llvm.ptr<1>, %n: i32, %c: tensor<16x8xf32, #tile>, %v: tensor<16x16xf16, #a>) {
  %zero = arith.constant 0 : i32
  // CHECK: %[[B:.*]] = tile.alloc : <2, 16, 16, f16, swizzle 32, pad 0>
  %buffer = tile.alloc : !buffer
  // CHECK: %[[P:.*]] = tile.copy %arg0 at <"N * i0 + i1"> where <"N - i1 - 1"> bind [N = %arg1 : i32] to %[[B]][%{{.*}}] : <1>, <2, {{.*}}>, i32 -> <<2, 16, 16, f16, swizzle 32, pad 0>>
  %pending = tile.copy %p at <"i0 * N + i1"> where <"N - 1 - i1"> bind [N = %n : i32] to %buffer[%zero] : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
  // CHECK: tile.copy %arg0 at {{.*}} to %[[B]][%{{.*}}] by rows : <1>
  %rows = tile.copy %p at <"i0 + i1 * N"> where <> bind [N = %n : i32] to %buffer[%zero] by rows : !llvm.ptr<1>, !buffer, i32 -> !tile.pending<!buffer>
  // CHECK: %[[F:.*]] = tile.fill %arg3 to %[[B]][%{{.*}}] : tensor<16x16xf16, {{.*}}>, <2, {{.*}}>, i32 -> <<2
  %filled = tile.fill %v to %buffer[%zero] : tensor<16x16xf16, #a>, !buffer, i32 -> !tile.pending<!buffer>
  // CHECK: tile.commit
  tile.commit
  // CHECK: %[[S:.*]]:2 = tile.wait %[[P]], %[[F]] groups 0 : !tile.pending<{{.*}}>, !tile.pending<{{.*}}> -> !tile.stage<{{.*}}>, !tile.stage
  %stage:2 = tile.wait %pending, %filled groups 0 : !tile.pending<!buffer>, !tile.pending<!buffer> -> !tile.stage<!buffer>, !tile.stage<!buffer>
  // CHECK: %[[FA:.*]] = tile.fragment %[[S]]#0 at 0, 0 : <<2, {{.*}}>> -> tensor<16x16xf16
  %a = tile.fragment %stage#0 at 0, 0 : !tile.stage<!buffer> -> tensor<16x16xf16, #a>
  // CHECK: %[[FB:.*]] = tile.fragment %[[S]]#1 at 8, 0 transposed : <<2, {{.*}}>> -> tensor<16x8xf16
  %b = tile.fragment %stage#1 at 8, 0 transposed : !tile.stage<!buffer> -> tensor<16x8xf16, #b>
  // CHECK: tile.dot %[[FA]], %[[FB]], %arg2 kind "f16" : tensor<16x16xf16, {{.*}}>, tensor<16x8xf16, {{.*}}>, tensor<16x8xf32, {{.*}}> -> tensor<16x8xf32
  %d = tile.dot %a, %b, %c kind "f16" : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #tile> -> tensor<16x8xf32, #tile>
  return
}

!over = !tile.shared<1, 8, 16, f32, swizzle 0, pad 4>
// CHECK-LABEL: func.func @exchange
func.func @exchange(%n: i32, %v: tensor<16x8xf32, #tile>) {
  %zero = arith.constant 0 : i32
  // CHECK: %[[B:.*]] = tile.alloc overlay : <1, 8, 16, f32, swizzle 0, pad 4>
  %buffer = tile.alloc overlay : !over
  // CHECK: %[[F:.*]] = tile.fill %arg1 to %[[B]][%{{.*}}] transposed : tensor<16x8xf32, {{.*}}>, <1, {{.*}}>, i32 -> <<1
  %filled = tile.fill %v to %buffer[%zero] transposed : tensor<16x8xf32, #tile>, !over, i32 -> !tile.pending<!over>
  // CHECK: %[[S:.*]] = tile.wait %[[F]] groups 0
  %stage = tile.wait %filled groups 0 : !tile.pending<!over> -> !tile.stage<!over>
  // CHECK: tile.read %[[S]] at %arg0 : <<1, {{.*}}>>, i32 -> tensor<4x16xf32
  %r = tile.read %stage at %n : !tile.stage<!over>, i32 -> tensor<4x16xf32, #tile.layout<"4x16", "reg [2:(0,1)] lane [8:(0,2), 4:(1,0)] warp []">>
  return
}
