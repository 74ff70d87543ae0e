// ONNX element types: names, sizes, sets for the operator table, and their MLIR types.
#pragma once

#include "ir/graph/dtype.h"

#include "mlir/IR/BuiltinTypes.h"

#include <optional>
#include <string>

namespace dlc::import {

/// The numbers of TensorProto.DataType.
enum class DataType : int {
  Undefined = 0,
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  String = 8,
  Bool = 9,
  F16 = 10,
  F64 = 11,
  U32 = 12,
  U64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BF16 = 16,
  F8E4M3FN = 17,
  F8E4M3FNUZ = 18,
  F8E5M2 = 19,
  F8E5M2FNUZ = 20,
  U4 = 21,
  I4 = 22,
  F4E2M1 = 23,
  F8E8M0 = 24,
  U2 = 25,
  I2 = 26,
  F6E2M3 = 27,
  F6E3M2 = 28
};
constexpr int dataTypeCount = 29;

/// A set of element types, as one bit each.
using TypeSet = uint32_t;
constexpr TypeSet typeBit(DataType type) { return TypeSet(1) << static_cast<int>(type); }
constexpr TypeSet floatTypes =
    typeBit(DataType::F32) | typeBit(DataType::F16) | typeBit(DataType::BF16) | typeBit(DataType::F64);
constexpr TypeSet signedTypes =
    typeBit(DataType::I8) | typeBit(DataType::I16) | typeBit(DataType::I32) | typeBit(DataType::I64);
constexpr TypeSet unsignedTypes =
    typeBit(DataType::U8) | typeBit(DataType::U16) | typeBit(DataType::U32) | typeBit(DataType::U64);
constexpr TypeSet boolType = typeBit(DataType::Bool);
constexpr TypeSet integerTypes = signedTypes | unsignedTypes;
constexpr TypeSet numericTypes = floatTypes | integerTypes;
constexpr TypeSet anyType = numericTypes | boolType; ///< everything the importer can represent

constexpr bool contains(TypeSet set, DataType type) { return set & typeBit(type); }
constexpr bool isFloat(DataType type) { return contains(floatTypes, type); }
constexpr bool isUnsigned(DataType type) { return contains(unsignedTypes, type); }
constexpr bool isInteger(DataType type) { return contains(integerTypes, type); }

/// "float16", as ONNX spells it; "type 99" for what does not exist.
std::string typeName(int type);
inline std::string typeName(DataType type) { return typeName(static_cast<int>(type)); }
/// The type behind a number of a model, if the importer can represent it.
std::optional<DataType> supportedType(int type);

/// Precondition for both: the type is in anyType. Signless integers; bool is i1.
DType storageType(DataType type);
mlir::Type elementType(DataType type, mlir::MLIRContext *context);

} // namespace dlc::import
