//===- mma_shapes.h - the matrix instructions as data ----------*- C++ -*-===//
//
// PTX ISA 9.7.15 (mma.sync). Fragments, with lane l, g = l / 4, q = l % 4: a register holds E elements that
// follow each other along K (E = 4 bytes / element size, 1 for f64); A register r is at row g + 8 * (r % 2),
// k = q * E + 4 * E * (r / 2); B register r at k = q * E + 4 * E * r, column g; C and D values 2i, 2i + 1 at
// row g + 8 * i, columns 2q, 2q + 1.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_MMA_SHAPES_H
#define DLC_RUNTIME_VCUDA_EXEC_MMA_SHAPES_H

#include "runtime/vcuda/exec/state.h"

#include <string_view>

namespace dlc::vcuda::exec {

struct MmaShape {
  std::string_view name;
  Type d, a, b;
  uint8_t m, n, k;
  uint8_t dRegisters, aRegisters, bRegisters;
};

inline constexpr MmaShape mmaShapes[] = {
    {"m16n8k16", Type::F32, Type::F16, Type::F16, 16, 8, 16, 4, 4, 2},
    {"m16n8k16", Type::F32, Type::BF16, Type::BF16, 16, 8, 16, 4, 4, 2},
    {"m16n8k16", Type::F16, Type::F16, Type::F16, 16, 8, 16, 2, 4, 2},
    {"m16n8k8", Type::F32, Type::F16, Type::F16, 16, 8, 8, 4, 2, 1},
    {"m16n8k8", Type::F32, Type::BF16, Type::BF16, 16, 8, 8, 4, 2, 1},
    {"m16n8k8", Type::F16, Type::F16, Type::F16, 16, 8, 8, 2, 2, 1},
    {"m16n8k8", Type::F32, Type::TF32, Type::TF32, 16, 8, 8, 4, 4, 2},
    {"m16n8k4", Type::F32, Type::TF32, Type::TF32, 16, 8, 4, 4, 2, 1},
    {"m8n8k4", Type::F64, Type::F64, Type::F64, 8, 8, 4, 2, 1, 1},
    {"m16n8k32", Type::S32, Type::S8, Type::S8, 16, 8, 32, 4, 4, 2},
    {"m16n8k32", Type::S32, Type::U8, Type::S8, 16, 8, 32, 4, 4, 2},
    {"m16n8k32", Type::S32, Type::S8, Type::U8, 16, 8, 32, 4, 4, 2},
    {"m16n8k32", Type::S32, Type::U8, Type::U8, 16, 8, 32, 4, 4, 2},
    {"m16n8k16", Type::S32, Type::S8, Type::S8, 16, 8, 16, 4, 2, 1},
    {"m16n8k16", Type::S32, Type::U8, Type::S8, 16, 8, 16, 4, 2, 1},
    {"m16n8k16", Type::S32, Type::S8, Type::U8, 16, 8, 16, 4, 2, 1},
    {"m16n8k16", Type::S32, Type::U8, Type::U8, 16, 8, 16, 4, 2, 1},
};

/// Null when there is no such instruction. C has the type of D.
inline const MmaShape *findMmaShape(std::string_view name, Type d, Type a, Type b, Type c) {
  for (const MmaShape &shape : mmaShapes) {
    if (shape.name == name && shape.d == d && shape.a == a && shape.b == b && c == d) return &shape;
  }
  return nullptr;
}

} // namespace dlc::vcuda::exec

#endif
