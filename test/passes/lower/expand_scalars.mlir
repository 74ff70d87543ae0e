// RUN: dlc-opt --expand-scalars %s | dlc-opt | FileCheck %s

// Division by zero is zero, and the least integer by minus one is itself.
// CHECK-LABEL: func.func @divide(
// CHECK:         %[[ZERO:.*]] = arith.cmpi eq, %arg1, %c0_i32
// CHECK:         %[[MINUS:.*]] = arith.cmpi eq, %arg1, %c-1_i32
// CHECK:         %[[UNSAFE:.*]] = arith.ori %[[ZERO]], %[[MINUS]]
// CHECK:         %[[SAFE:.*]] = arith.select %[[UNSAFE]], %c1_i32{{.*}}, %arg1
// CHECK:         %[[Q:.*]] = arith.divsi %arg0, %[[SAFE]]
// CHECK:         %[[NEGATIVE:.*]] = arith.subi %c0_i32{{.*}}, %arg0
// CHECK:         %[[R:.*]] = arith.select %[[MINUS]], %[[NEGATIVE]], %[[Q]]
// CHECK:         arith.select %[[ZERO]], %c0_i32{{.*}}, %[[R]]
func.func @divide(%a: i32, %b: i32) -> i32 {
  %q = arith.divsi %a, %b : i32
  return %q : i32
}

// A divisor that the distribution proved positive needs no guard.
// CHECK-LABEL: func.func @divide_by_extent(
// CHECK-NEXT:    %[[Q:.*]] = arith.divui %arg0, %arg1 : i32
// CHECK-NEXT:    return %[[Q]]
func.func @divide_by_extent(%a: i32, %b: i32) -> i32 {
  %q = arith.divui %a, %b {tile.positive_divisor} : i32
  return %q : i32
}

// A constant divisor is as safe as it looks.
// CHECK-LABEL: func.func @divide_by_seven(
// CHECK-NOT:     arith.select
// CHECK:         arith.divsi
// CHECK-NOT:     arith.select
// CHECK:         return
func.func @divide_by_seven(%a: i32) -> i32 {
  %seven = arith.constant 7 : i32
  %q = arith.divsi %a, %seven : i32
  return %q : i32
}

// Shifts past the width: zero, or the sign.
// CHECK-LABEL: func.func @shift(
// CHECK:         %[[FAR:.*]] = arith.cmpi ugt, %arg1, %c31_i32
// CHECK:         %[[BY:.*]] = arith.select %[[FAR]], %c0_i32{{.*}}, %arg1
// CHECK:         %[[L:.*]] = arith.shli %arg0, %[[BY]]
// CHECK:         arith.select %[[FAR]], %c0_i32{{.*}}, %[[L]]
// CHECK:         %[[LAST:.*]] = arith.select %{{.*}}, %c31_i32{{.*}}, %arg1
// CHECK:         arith.shrsi %arg0, %[[LAST]]
func.func @shift(%a: i32, %n: i32) -> (i32, i32) {
  %l = arith.shli %a, %n : i32
  %r = arith.shrsi %a, %n : i32
  return %l, %r : i32, i32
}

// CHECK-LABEL: func.func @saturate(
// CHECK:         llvm.call_intrinsic "llvm.fptosi.sat"(%arg0) : (f32) -> i8
// CHECK:         llvm.call_intrinsic "llvm.fptoui.sat"(%arg0) : (f32) -> i8
// CHECK-NOT:     arith.fpto
func.func @saturate(%x: f32) -> (i8, i8) {
  %s = arith.fptosi %x : f32 to i8
  %u = arith.fptoui %x : f32 to i8
  return %s, %u : i8, i8
}

// exp by 2^t and what rounding t lost; infinities keep the power itself.
// CHECK-LABEL: func.func @exponential(
// CHECK-NOT:     math.exp %
// CHECK:         %[[T:.*]] = arith.mulf %arg0, %{{.*}} : f32
// CHECK:         math.fma %arg0,
// CHECK:         math.fma %arg0,
// CHECK:         %[[P:.*]] = math.exp2 %[[T]] : f32
// CHECK:         %[[CORRECTED:.*]] = math.fma %[[P]], %{{.*}}, %[[P]] : f32
// CHECK:         arith.select %{{.*}}, %[[CORRECTED]], %[[P]] : f32
func.func @exponential(%x: f32) -> f32 {
  %y = math.exp %x : f32
  return %y : f32
}

// Maths of half types is done in fp32.
// CHECK-LABEL: func.func @half(
// CHECK:         %[[W:.*]] = arith.extf %arg0 : f16 to f32
// CHECK:         %[[R:.*]] = math.rsqrt %[[W]] : f32
// CHECK:         arith.truncf %[[R]] : f32 to f16
func.func @half(%x: f16) -> f16 {
  %y = math.rsqrt %x : f16
  return %y : f16
}

// Nothing is left that NVPTX can't select.
// CHECK-LABEL: func.func @functions(
// CHECK-NOT:     math.{{erf|tanh|sin|cos|log |log1p|expm1|atan|powf|sinh}}
// CHECK:         return
func.func @functions(%x: f32, %y: f32) -> f32 {
  %0 = math.erf %x : f32
  %1 = math.tanh %0 : f32
  %2 = math.sin %1 : f32
  %3 = math.cos %2 : f32
  %4 = math.log %3 : f32
  %5 = math.log1p %4 : f32
  %6 = math.expm1 %5 : f32
  %7 = math.atan %6 : f32
  %8 = math.powf %7, %y : f32
  %9 = math.sinh %8 : f32
  return %9 : f32
}
