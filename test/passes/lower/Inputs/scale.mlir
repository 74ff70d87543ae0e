#vec = #tile.layout<"64", "reg [] lane [32:(1)] warp [2:(32)]">
func.func @scale(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %n: i32 {tile.range = array<i64: 1, 64, 1>}) attributes {tile.warps = 2 : i64, tile.index = i32} {
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %init = arith.constant dense<0.0> : tensor<64xf32, #vec>
  %sum = scf.for %k = %zero to %n step %one iter_args(%acc = %init) -> (tensor<64xf32, #vec>) : i32 {
    %v = tile.load %x at <"k * 64 + i0"> where <> bind [k = %k : i32] other 0.0 : f32 constant : !llvm.ptr<1> -> tensor<64xf32, #vec>
    %e = math.exp %v : tensor<64xf32, #vec>
    %next = arith.addf %acc, %e : tensor<64xf32, #vec>
    scf.yield %next : tensor<64xf32, #vec>
  } {llvm.loop_annotation = #llvm.loop_annotation<unroll = <disable = true>>}
  tile.store %sum, %y at <i0> where <> bind [] : tensor<64xf32, #vec>, !llvm.ptr<1>
  return
}
