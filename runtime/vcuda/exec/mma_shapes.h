//===- mma_shapes.h - the matrix instructions as data ----------*- C++ -*-===//
//
// PTX ISA 9.7.15 (mma.sync). Fragments, with lane l, g = l / 4, q = l % 4: a register holds E elements that
// follow each other along K (E = 4 bytes / element size, 1 for f64); A register r is at row g + 8 * (r % 2),
// k = q * E + 4 * E * (r / 2); B register r at k = q * E + 4 * E * r, column g; C and D values 2i, 2i + 1 at
// row g + 8 * i, columns 2q, 2q + 1. Quad pairs are described where they are multiplied (matrix.cpp).
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
  uint16_t m, n, k;
  uint8_t dRegisters, aRegisters, bRegisters;
  uint8_t bits = 0;       ///< of an element of A and B, where no type says it: 4 or 1
  bool general = false;   ///< multiplied element by element (matrix.cpp), not in the core
  bool quadPairs = false; ///< four products, one for each pair of quads of lanes, in any layout
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
    {"m8n8k4", Type::F32, Type::F16, Type::F16, 8, 8, 4, 8, 2, 2, 0, true, true},
    {"m8n8k4", Type::F16, Type::F16, Type::F16, 8, 8, 4, 4, 2, 2, 0, true, true},
    {"m8n8k16", Type::S32, Type::S8, Type::S8, 8, 8, 16, 2, 1, 1, 0, true},
    {"m8n8k16", Type::S32, Type::U8, Type::S8, 8, 8, 16, 2, 1, 1, 0, true},
    {"m8n8k16", Type::S32, Type::S8, Type::U8, 8, 8, 16, 2, 1, 1, 0, true},
    {"m8n8k16", Type::S32, Type::U8, Type::U8, 8, 8, 16, 2, 1, 1, 0, true},
    {"m8n8k32", Type::S32, Type::S4, Type::S4, 8, 8, 32, 2, 1, 1, 4, true},
    {"m8n8k32", Type::S32, Type::S4, Type::U4, 8, 8, 32, 2, 1, 1, 4, true},
    {"m8n8k32", Type::S32, Type::U4, Type::S4, 8, 8, 32, 2, 1, 1, 4, true},
    {"m8n8k32", Type::S32, Type::U4, Type::U4, 8, 8, 32, 2, 1, 1, 4, true},
    {"m16n8k32", Type::S32, Type::S4, Type::S4, 16, 8, 32, 4, 2, 1, 4, true},
    {"m16n8k32", Type::S32, Type::S4, Type::U4, 16, 8, 32, 4, 2, 1, 4, true},
    {"m16n8k32", Type::S32, Type::U4, Type::S4, 16, 8, 32, 4, 2, 1, 4, true},
    {"m16n8k32", Type::S32, Type::U4, Type::U4, 16, 8, 32, 4, 2, 1, 4, true},
    {"m16n8k64", Type::S32, Type::S4, Type::S4, 16, 8, 64, 4, 4, 2, 4, true},
    {"m16n8k64", Type::S32, Type::S4, Type::U4, 16, 8, 64, 4, 4, 2, 4, true},
    {"m16n8k64", Type::S32, Type::U4, Type::S4, 16, 8, 64, 4, 4, 2, 4, true},
    {"m16n8k64", Type::S32, Type::U4, Type::U4, 16, 8, 64, 4, 4, 2, 4, true},
    {"m8n8k128", Type::S32, Type::B1, Type::B1, 8, 8, 128, 2, 1, 1, 1, true},
    {"m16n8k128", Type::S32, Type::B1, Type::B1, 16, 8, 128, 4, 2, 1, 1, true},
    {"m16n8k256", Type::S32, Type::B1, Type::B1, 16, 8, 256, 4, 4, 2, 1, true},
    {"m16n8k16", Type::F32, Type::E4M3, Type::E4M3, 16, 8, 16, 4, 2, 1, 0, true},
    {"m16n8k16", Type::F16, Type::E4M3, Type::E4M3, 16, 8, 16, 2, 2, 1, 0, true},
    {"m16n8k16", Type::F32, Type::E4M3, Type::E5M2, 16, 8, 16, 4, 2, 1, 0, true},
    {"m16n8k16", Type::F16, Type::E4M3, Type::E5M2, 16, 8, 16, 2, 2, 1, 0, true},
    {"m16n8k16", Type::F32, Type::E5M2, Type::E4M3, 16, 8, 16, 4, 2, 1, 0, true},
    {"m16n8k16", Type::F16, Type::E5M2, Type::E4M3, 16, 8, 16, 2, 2, 1, 0, true},
    {"m16n8k16", Type::F32, Type::E5M2, Type::E5M2, 16, 8, 16, 4, 2, 1, 0, true},
    {"m16n8k16", Type::F16, Type::E5M2, Type::E5M2, 16, 8, 16, 2, 2, 1, 0, true},
    {"m16n8k32", Type::F32, Type::E4M3, Type::E4M3, 16, 8, 32, 4, 4, 2, 0, true},
    {"m16n8k32", Type::F16, Type::E4M3, Type::E4M3, 16, 8, 32, 2, 4, 2, 0, true},
    {"m16n8k32", Type::F32, Type::E4M3, Type::E5M2, 16, 8, 32, 4, 4, 2, 0, true},
    {"m16n8k32", Type::F16, Type::E4M3, Type::E5M2, 16, 8, 32, 2, 4, 2, 0, true},
    {"m16n8k32", Type::F32, Type::E5M2, Type::E4M3, 16, 8, 32, 4, 4, 2, 0, true},
    {"m16n8k32", Type::F16, Type::E5M2, Type::E4M3, 16, 8, 32, 2, 4, 2, 0, true},
    {"m16n8k32", Type::F32, Type::E5M2, Type::E5M2, 16, 8, 32, 4, 4, 2, 0, true},
    {"m16n8k32", Type::F16, Type::E5M2, Type::E5M2, 16, 8, 32, 2, 4, 2, 0, true},
    {"m16n8k4", Type::F64, Type::F64, Type::F64, 16, 8, 4, 4, 2, 1, 0, true},
    {"m16n8k8", Type::F64, Type::F64, Type::F64, 16, 8, 8, 4, 4, 2, 0, true},
    {"m16n8k16", Type::F64, Type::F64, Type::F64, 16, 8, 16, 4, 8, 4, 0, true},
};

/// Null when there is no such instruction. C has the type of D; only quad pairs add halves to floats.
inline const MmaShape *findMmaShape(std::string_view name, Type d, Type a, Type b, Type c) {
  for (const MmaShape &shape : mmaShapes) {
    if (shape.name == name && shape.d == d && shape.a == a && shape.b == b &&
        (c == d || (shape.quadPairs && d == Type::F32 && c == Type::F16)))
      return &shape;
  }
  return nullptr;
}

/// wmma (PTX ISA 9.7.15): where an element of a fragment lies is not for programs to know. Here element e,
/// counted row by row, is in lane e / perLane, the first elements of a register in its low bits; f16
/// fragments of A and B hold every element twice.
struct WmmaShape {
  std::string_view name;
  Type type; ///< of A and B
  uint16_t m, n, k;
};

inline constexpr WmmaShape wmmaShapes[] = {
    {"m16n16k16", Type::F16, 16, 16, 16}, {"m32n8k16", Type::F16, 32, 8, 16},
    {"m8n32k16", Type::F16, 8, 32, 16},   {"m16n16k16", Type::BF16, 16, 16, 16},
    {"m32n8k16", Type::BF16, 32, 8, 16},  {"m8n32k16", Type::BF16, 8, 32, 16},
    {"m16n16k8", Type::TF32, 16, 16, 8},  {"m16n16k16", Type::S8, 16, 16, 16},
    {"m32n8k16", Type::S8, 32, 8, 16},    {"m8n32k16", Type::S8, 8, 32, 16},
    {"m16n16k16", Type::U8, 16, 16, 16},  {"m32n8k16", Type::U8, 32, 8, 16},
    {"m8n32k16", Type::U8, 8, 32, 16},    {"m8n8k4", Type::F64, 8, 8, 4},
    {"m8n8k32", Type::S4, 8, 8, 32},      {"m8n8k32", Type::U4, 8, 8, 32},
    {"m8n8k128", Type::B1, 8, 8, 128},
};

inline const WmmaShape *findWmmaShape(std::string_view name, Type type) {
  for (const WmmaShape &shape : wmmaShapes) {
    if (shape.name == name && shape.type == type) return &shape;
  }
  return nullptr;
}

/// Bits of an element in registers and memory.
constexpr unsigned elementBits(Type type) {
  switch (type) {
  case Type::B1:
    return 1;
  case Type::S4:
  case Type::U4:
    return 4;
  case Type::S8:
  case Type::U8:
  case Type::E4M3:
  case Type::E5M2:
    return 8;
  case Type::F16:
  case Type::BF16:
    return 16;
  case Type::F64:
    return 64;
  default:
    return 32;
  }
}

/// Which matrix of a wmma a fragment belongs to.
enum class WmmaPart : uint8_t { A, B, Accumulator };

constexpr unsigned wmmaRegisters(const WmmaShape &s, WmmaPart part, Type type) {
  unsigned elements = part == WmmaPart::A ? s.m * s.k : part == WmmaPart::B ? s.k * s.n : s.m * s.n;
  if (type == Type::F64) return elements / 32;
  unsigned words = elements * elementBits(type) / 1024;
  return part != WmmaPart::Accumulator && type == Type::F16 ? 8 : words;
}

} // namespace dlc::vcuda::exec

#endif
