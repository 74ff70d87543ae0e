#include "compiler/import/types.h"

namespace dlc::import {

std::string typeName(int type) {
  static const char *const names[dataTypeCount] = {
      "undefined",      "float",      "uint8",          "int8",       "uint16",    "int16",
      "int32",          "int64",      "string",         "bool",       "float16",   "double",
      "uint32",         "uint64",     "complex64",      "complex128", "bfloat16",  "float8e4m3fn",
      "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",      "int4",      "float4e2m1",
      "float8e8m0",     "uint2",      "int2",           "float6e2m3", "float6e3m2"};
  return type >= 0 && type < dataTypeCount ? names[type] : "type " + std::to_string(type);
}

std::optional<DataType> supportedType(int type) {
  if (type <= 0 || type >= dataTypeCount || !contains(anyType, static_cast<DataType>(type)))
    return std::nullopt;
  return static_cast<DataType>(type);
}

DType storageType(DataType type) {
  switch (type) {
  case DataType::F32:
    return DType::F32;
  case DataType::F16:
    return DType::F16;
  case DataType::BF16:
    return DType::BF16;
  case DataType::F64:
    return DType::F64;
  case DataType::U8:
  case DataType::I8:
    return DType::I8;
  case DataType::U16:
  case DataType::I16:
    return DType::I16;
  case DataType::U32:
  case DataType::I32:
    return DType::I32;
  case DataType::U64:
  case DataType::I64:
    return DType::I64;
  default:
    return DType::I1;
  }
}

mlir::Type elementType(DataType type, mlir::MLIRContext *context) {
  return mlirType(storageType(type), context);
}

} // namespace dlc::import
