// Element types as data: what weights, tensors of the interpreter and files share, apart from MLIR's types.
//
// Integers are signless as in MLIR (`ui8` and `i8` of a model are both I8). Types below 8 bits are kept one
// element per byte, integers sign-extended, floats as their bit pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mlir {
class Type;
class MLIRContext;
} // namespace mlir

namespace dlc {

enum class DType : uint8_t {
  I1, ///< one byte, 0 or 1
  I2,
  I4,
  I8,
  I16,
  I32,
  I64,
  F16,
  BF16,
  F32,
  F64,
  F8E4M3FN,
  F8E4M3FNUZ,
  F8E5M2,
  F8E5M2FNUZ,
  F8E8M0FNU,
  F4E2M1FN,
};

/// Bytes of one stored element.
constexpr int64_t byteSize(DType type) {
  switch (type) {
  case DType::I16:
  case DType::F16:
  case DType::BF16:
    return 2;
  case DType::I32:
  case DType::F32:
    return 4;
  case DType::I64:
  case DType::F64:
    return 8;
  default:
    return 1;
  }
}

constexpr bool isFloat(DType type) { return type >= DType::F16; }
constexpr bool isInteger(DType type) { return type < DType::F16; }

/// Bits of the value: 1 for I1, 4 for I4, 16 for F16.
int bitWidth(DType type);

/// MLIR's spelling: "i32", "bf16", "f8E4M3FN".
std::string_view dtypeName(DType type);
std::optional<DType> parseDType(std::string_view name);

/// The type of an MLIR element type (`index` counts as I64); nothing for what the project does not know.
std::optional<DType> dtypeOf(mlir::Type elementType);
mlir::Type mlirType(DType type, mlir::MLIRContext *context);

} // namespace dlc
