// What the verifiers of the tile dialect refuse.
// RUN: dlc-opt --split-input-file --verify-diagnostics %s

// expected-error @+1 {{malformed tile shape '16y8'}}
func.func @shape(%x: tensor<16x8xf32, #tile.layout<"16y8", "reg [] lane [] warp []">>)

// -----

// expected-error @+1 {{the layout is for another tile shape}}
func.func @other_shape(%x: tensor<64xf32, #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">>)

// -----

func.func @divisors(%n: i32, %magic: i64) {
  // expected-error @+1 {{'tile.divisor' op needs one expression}}
  tile.divisor %magic of <N, N> bind [N = %n : i32]
  return
}

// -----

func.func @unbound_divisor(%n: i32, %magic: i64) {
  // expected-error @+1 {{'tile.divisor' op symbol 'M' is not bound}}
  tile.divisor %magic of <"M * 2"> bind [N = %n : i32]
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
func.func @unbound(%p: !llvm.ptr<1>) {
  // expected-error @+1 {{'tile.load' op symbol 'N' is not bound}}
  %x = tile.load %p at <"i0 + N"> where <> bind [] other 0.0 : f32 : !llvm.ptr<1> -> tensor<128xf32, #row>
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
func.func @twice(%p: !llvm.ptr<1>, %n: i32) {
  // expected-error @+1 {{'tile.load' op name 'N' is bound twice}}
  %x = tile.load %p at <i0> where <> bind [N = %n : i32, N = %n : i32] other 0.0 : f32 : !llvm.ptr<1> -> tensor<128xf32, #row>
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
func.func @hidden(%p: !llvm.ptr<1>, %n: i32) {
  // expected-error @+1 {{'tile.load' op name 'i0' is bound twice}}
  %x = tile.load %p at <i0> where <> bind [i0 = %n : i32] other 0.0 : f32 : !llvm.ptr<1> -> tensor<128xf32, #row>
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
#other = #tile.layout<"128", "reg [4:(32)] lane [32:(1)] warp []">
func.func @index_layout(%p: !llvm.ptr<1>, %i: tensor<128xi32, #other>) {
  // expected-error @+1 {{'tile.load' op index tile 'at' has another layout than the access}}
  %x = tile.load %p at <at> where <> bind [at = %i : tensor<128xi32, #other>] other 0.0 : f32 : !llvm.ptr<1> -> tensor<128xf32, #row>
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
func.func @other(%p: !llvm.ptr<1>) {
  // expected-error @+1 {{'tile.load' op `other` has another type than the elements}}
  %x = tile.load %p at <i0> where <> bind [] other 0.0 : f16 : !llvm.ptr<1> -> tensor<128xf32, #row>
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
func.func @offsets(%p: !llvm.ptr<1>, %x: tensor<128xf32, #row>) {
  // expected-error @+1 {{'tile.store' op needs one offset}}
  tile.store %x, %p at <i0, i0> where <> bind [] : tensor<128xf32, #row>, !llvm.ptr<1>
  return
}

// -----

func.func @expressions(%n: i32) {
  // expected-error @+1 {{'tile.eval' op needs one expression}}
  %x = tile.eval <N, 2> bind [N = %n : i32] : i32
  return
}

// -----

func.func @no_tile(%n: i32) {
  // expected-error @+1 {{'tile.eval' op symbol 'i0' is not bound}}
  %x = tile.eval <"N + i0"> bind [N = %n : i32] : i32
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
func.func @index_element() {
  // expected-error @+1 {{'tile.index' op result elements are no integers}}
  %x = tile.index <i0> bind [] : tensor<128xf32, #row>
  return
}

// -----

func.func @not_a_tile(%s: f32) {
  // expected-error @+1 {{'tile.splat' op result #0 must be tile with #tile.layout, but got 'tensor<128xf32>'}}
  %x = tile.splat %s : f32 -> tensor<128xf32>
  return
}

// -----

#row = #tile.layout<"128", "reg [4:(1)] lane [32:(4)] warp []">
func.func @splat_type(%s: f16) {
  // expected-error @+1 {{'tile.splat' op scalar and element types differ}}
  %x = tile.splat %s : f16 -> tensor<128xf32, #row>
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
#rows = #tile.layout<"16", "reg [2:(8)] lane [4:(0), 8:(1)] warp []">
func.func @axis(%t: tensor<16x8xf32, #tile>) {
  // expected-error @+1 {{'tile.reduce' op axis 2 of a tile of rank 2}}
  %r = tile.reduce %t axis 2 : tensor<16x8xf32, #tile> -> tensor<16xf32, #rows> combiner {
  ^bb0(%a: f32, %b: f32):
    tile.yield %a : f32
  }
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
#rows = #tile.layout<"16", "reg [2:(8)] lane [8:(1), 4:(0)] warp []">
func.func @reduced_layout(%t: tensor<16x8xf32, #tile>) {
  // expected-error @+1 {{'tile.reduce' op operands share a layout and results have it without the reduced dim}}
  %r = tile.reduce %t axis 1 : tensor<16x8xf32, #tile> -> tensor<16xf32, #rows> combiner {
  ^bb0(%a: f32, %b: f32):
    tile.yield %a : f32
  }
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
#rows = #tile.layout<"16", "reg [2:(8)] lane [4:(0), 8:(1)] warp []">
func.func @combiner(%t: tensor<16x8xf32, #tile>) {
  // expected-error @+1 {{'tile.reduce' op the combiner does not take and give one value per operand}}
  %r = tile.reduce %t axis 1 : tensor<16x8xf32, #tile> -> tensor<16xf32, #rows> combiner {
  ^bb0(%a: f32):
    tile.yield %a : f32
  }
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
#rows = #tile.layout<"16", "reg [2:(8)] lane [8:(1), 4:(0)] warp []">
func.func @expand(%r: tensor<16xf32, #rows>) {
  // expected-error @+1 {{'tile.expand' op the operand's layout is not the result's without dim 1}}
  %t = tile.expand %r axis 1 : tensor<16xf32, #rows> -> tensor<16x8xf32, #tile>
  return
}

// -----

func.func @stages() {
  // expected-error @+1 {{'tile.alloc' op stages, rows and columns must be positive}}
  %b = tile.alloc : !tile.shared<0, 16, 32, f16, swizzle 64, pad 0>
  return
}

// -----

func.func @swizzle() {
  // expected-error @+1 {{'tile.alloc' op swizzle is 0, 32, 64 or 128 bytes}}
  %b = tile.alloc : !tile.shared<2, 16, 32, f16, swizzle 48, pad 0>
  return
}

// -----

func.func @short_rows() {
  // expected-error @+1 {{'tile.alloc' op a row of 64 bytes is no power of two from the swizzle on}}
  %b = tile.alloc : !tile.shared<2, 16, 32, f16, swizzle 128, pad 0>
  return
}

// -----

func.func @bits() {
  // expected-error @+1 {{'tile.alloc' op elements are of whole bytes}}
  %b = tile.alloc : !tile.shared<2, 16, 32, i1, swizzle 0, pad 0>
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
!one = !tile.shared<2, 16, 8, f32, swizzle 32, pad 0>
func.func @fill_transposed(%t: tensor<16x8xf32, #tile>, %b: !one, %s: i32) {
  // expected-error @+1 {{'tile.fill' op the tile is not what a stage holds}}
  %x = tile.fill %t to %b[%s] transposed : tensor<16x8xf32, #tile>, !one, i32 -> !tile.pending<!one>
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
!one = !tile.shared<1, 8, 8, f32, swizzle 32, pad 0>
func.func @read(%s: !tile.stage<!one>, %r: i32) {
  // expected-error @+1 {{'tile.read' op reads past the stage}}
  %x = tile.read %s at %r : !tile.stage<!one>, i32 -> tensor<16x8xf32, #tile>
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
!one = !tile.shared<1, 16, 8, f16, swizzle 0, pad 0>
func.func @read_elements(%s: !tile.stage<!one>, %r: i32) {
  // expected-error @+1 {{'tile.read' op needs a tile of rank 2 with the buffer's elements}}
  %x = tile.read %s at %r : !tile.stage<!one>, i32 -> tensor<16x8xf32, #tile>
  return
}

// -----

!one = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>
!two = !tile.shared<2, 16, 32, f16, swizzle 64, pad 0>
func.func @copy(%p: !llvm.ptr<1>, %b: !one, %s: i32) {
  // expected-error @+1 {{'tile.copy' op the result is pending for another buffer}}
  %x = tile.copy %p at <i0> where <> bind [] to %b[%s] : !llvm.ptr<1>, !one, i32 -> !tile.pending<!two>
  return
}

// -----

!one = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>
func.func @copy_symbol(%p: !llvm.ptr<1>, %b: !one, %s: i32) {
  // expected-error @+1 {{'tile.copy' op symbol 'i2' is not bound}}
  %x = tile.copy %p at <i2> where <> bind [] to %b[%s] : !llvm.ptr<1>, !one, i32 -> !tile.pending<!one>
  return
}

// -----

#tile = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
!one = !tile.shared<2, 16, 16, f32, swizzle 32, pad 0>
func.func @fill(%t: tensor<16x8xf32, #tile>, %b: !one, %s: i32) {
  // expected-error @+1 {{'tile.fill' op the tile is not what a stage holds}}
  %x = tile.fill %t to %b[%s] : tensor<16x8xf32, #tile>, !one, i32 -> !tile.pending<!one>
  return
}

// -----

!one = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>
!two = !tile.shared<2, 16, 32, f16, swizzle 64, pad 0>
func.func @wait(%p: !tile.pending<!one>) {
  // expected-error @+1 {{'tile.wait' op a stage's buffer differs from its pending one}}
  %x = tile.wait %p groups 0 : !tile.pending<!one> -> !tile.stage<!two>
  return
}

// -----

// What is under way can't be read: only a wait makes a stage of it.
#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
!one = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>
func.func @early(%p: !tile.pending<!one>) {
  // expected-error @+1 {{invalid kind of type specified: expected tile.stage, but found '!tile.pending<<2, 16, 16, f16, swizzle 32, pad 0>>'}}
  %x = tile.fragment %p at 0, 0 : !tile.pending<!one> -> tensor<16x16xf16, #a>
  return
}

// -----

#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
!one = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>
func.func @past(%s: !tile.stage<!one>) {
  // expected-error @+1 {{'tile.fragment' op reads past the stage}}
  %x = tile.fragment %s at 0, 8 : !tile.stage<!one> -> tensor<16x16xf16, #a>
  return
}

// -----

#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
!one = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>
func.func @element(%s: !tile.stage<!one>) {
  // expected-error @+1 {{'tile.fragment' op needs a tile of rank 2 with the buffer's elements}}
  %x = tile.fragment %s at 0, 0 : !tile.stage<!one> -> tensor<16x16xbf16, #a>
  return
}

// -----

#rows = #tile.layout<"16x16", "reg [8:(0,1)] lane [2:(0,8), 16:(1,0)] warp []">
!one = !tile.shared<2, 16, 16, f16, swizzle 32, pad 0>
func.func @fragment_layout(%s: !tile.stage<!one>) {
  // expected-error @+1 {{'tile.fragment' op the tile's layout is no fragment of a matrix instruction}}
  %x = tile.fragment %s at 0, 0 : !tile.stage<!one> -> tensor<16x16xf16, #rows>
  return
}

// -----

#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
#b = #tile.layout<"16x8", "reg [2:(1,0), 2:(8,0)] lane [4:(2,0), 8:(0,1)] warp []">
#c = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
func.func @kind(%a: tensor<16x16xf16, #a>, %b: tensor<16x8xf16, #b>, %c: tensor<16x8xf32, #c>) {
  // expected-error @+1 {{'tile.dot' op unknown kind 'f17'}}
  %d = tile.dot %a, %b, %c kind "f17" : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #c> -> tensor<16x8xf32, #c>
  return
}

// -----

#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
#b = #tile.layout<"16x8", "reg [2:(1,0), 2:(8,0)] lane [4:(2,0), 8:(0,1)] warp []">
#c = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
func.func @dims(%a: tensor<16x16xf16, #a>, %b: tensor<16x8xf16, #b>, %c: tensor<16x8xf32, #c>) {
  // expected-error @+1 {{'tile.dot' op a, b and c are not [M, 8], [8, N] and [M, N]}}
  %d = tile.dot %a, %b, %c kind "tf32" : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #c> -> tensor<16x8xf32, #c>
  return
}

// -----

#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
#b = #tile.layout<"16x8", "reg [2:(1,0), 2:(8,0)] lane [4:(2,0), 8:(0,1)] warp []">
#c = #tile.layout<"16x8", "reg [2:(0,1), 2:(8,0)] lane [4:(0,2), 8:(1,0)] warp []">
func.func @elements(%a: tensor<16x16xf16, #a>, %b: tensor<16x8xf16, #b>, %c: tensor<16x8xf32, #c>) {
  // expected-error @+1 {{'tile.dot' op kind 'bf16' does not take these elements}}
  %d = tile.dot %a, %b, %c kind "bf16" : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #c> -> tensor<16x8xf32, #c>
  return
}

// -----

#a = #tile.layout<"16x16", "reg [2:(0,1), 2:(8,0), 2:(0,8)] lane [4:(0,2), 8:(1,0)] warp []">
#b = #tile.layout<"16x8", "reg [2:(1,0), 2:(8,0)] lane [4:(2,0), 8:(0,1)] warp []">
#c = #tile.layout<"16x8", "reg [4:(0,1)] lane [2:(0,4), 16:(1,0)] warp []">
func.func @layouts(%a: tensor<16x16xf16, #a>, %b: tensor<16x8xf16, #b>, %c: tensor<16x8xf32, #c>) {
  // expected-error @+1 {{'tile.dot' op the layouts are not those of the instruction's fragments}}
  %d = tile.dot %a, %b, %c kind "f16" : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #c> -> tensor<16x8xf32, #c>
  return
}

// -----

func.func @arrive(%p: !llvm.ptr<1>, %n: i32) {
  // expected-error @+1 {{'tile.arrive' op the counters are no argument of the kernel marked tile.workspace}}
  %last = tile.arrive %p[%n] of %n : !llvm.ptr<1>, i32, i32
  return
}
