// Element types: their names in the plan and in safetensors files, their sizes.
#pragma once

#include "dlc/runtime.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace dlc::rt {

struct DtypeRow {
  dlc_dtype dtype;
  std::string_view name;        ///< in the plan
  std::string_view safetensors; ///< in the weights file
  uint32_t bytes;
  bool isInteger; ///< bool included
};

inline constexpr DtypeRow dtypeRows[] = {
    {DLC_F32, "f32", "F32", 4, false},
    {DLC_F16, "f16", "F16", 2, false},
    {DLC_BF16, "bf16", "BF16", 2, false},
    {DLC_F64, "f64", "F64", 8, false},
    {DLC_I8, "i8", "I8", 1, true},
    {DLC_U8, "u8", "U8", 1, true},
    {DLC_I16, "i16", "I16", 2, true},
    {DLC_U16, "u16", "U16", 2, true},
    {DLC_I32, "i32", "I32", 4, true},
    {DLC_U32, "u32", "U32", 4, true},
    {DLC_I64, "i64", "I64", 8, true},
    {DLC_U64, "u64", "U64", 8, true},
    {DLC_BOOL, "bool", "BOOL", 1, true},
    {DLC_F8E4M3FN, "f8e4m3fn", "F8_E4M3", 1, false},
    {DLC_F8E5M2, "f8e5m2", "F8_E5M2", 1, false},
};

/// The row of a valid dtype; null for any other number.
inline const DtypeRow *findDtype(int dtype) {
  return dtype >= 0 && dtype < int(std::size(dtypeRows)) ? &dtypeRows[dtype] : nullptr;
}
inline const DtypeRow *findDtype(std::string_view name) {
  for (const DtypeRow &row : dtypeRows)
    if (row.name == name) return &row;
  return nullptr;
}
inline uint32_t sizeOf(dlc_dtype dtype) { return dtypeRows[dtype].bytes; }

} // namespace dlc::rt
