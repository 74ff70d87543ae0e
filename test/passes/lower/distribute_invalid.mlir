// Kernels that distribution refuses.
// RUN: dlc-opt --split-input-file --verify-diagnostics --distribute %s

// expected-error @+1 {{tile.warps is not between 1 and 32}}
func.func @warps() attributes {tile.warps = 0 : i64, tile.index = i32} { return }

// -----

// expected-error @+1 {{tile.index is neither i32 nor i64}}
func.func @index() attributes {tile.warps = 4 : i64} { return }

// -----

// expected-error @+1 {{tile.range of argument 0 is not [lo, hi, multiple]}}
func.func @range(%n: i32 {tile.range = array<i64: 1, 2>}) attributes {tile.warps = 4 : i64, tile.index = i32} { return }

// -----

#vec = #tile.layout<"64", "reg [] lane [32:(1)] warp [2:(32)]">
func.func @threads(%s: f32) attributes {tile.warps = 4 : i64, tile.index = i32} {
  // expected-error @+1 {{a tile over 2 warps of 32 lanes in a kernel of 4}}
  %t = tile.splat %s : f32 -> tensor<64xf32, #vec>
  return
}

// -----

func.func @branch(%c: i1) attributes {tile.warps = 4 : i64, tile.index = i32} {
  // expected-error @+1 {{a branch of a kernel has no results and no else}}
  scf.if %c { } else { }
  return
}

// -----

func.func @loop(%c: i1) attributes {tile.warps = 4 : i64, tile.index = i32} {
  // expected-error @+1 {{not supported inside a kernel}}
  scf.while : () -> () { scf.condition(%c) } do { scf.yield }
  return
}
