// RUN: dlc-opt --fold-constants %s | FileCheck %s
// RUN: dlc-opt --fold-constants --check-semantics %s 2>&1 >/dev/null | FileCheck %s --check-prefix=SEMANTICS

// SEMANTICS: could not be checked: @scalars takes or gives values that are no tensors

// Arithmetic of scalars is not the graph's: it stays.
// CHECK-LABEL: func.func @scalars
// CHECK:         arith.addi
// CHECK:         arith.addf
func.func @scalars(%a: f32) -> (i32, f32) {
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i32
  %sum = arith.addi %one, %two : i32
  %half = arith.constant 0.5 : f32
  %b = arith.addf %a, %half : f32
  return %sum, %b : i32, f32
}
