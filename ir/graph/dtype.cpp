#include "ir/graph/dtype.h"

#include "mlir/IR/BuiltinTypes.h"

namespace dlc {
namespace {

struct Row {
  DType type;
  std::string_view name;
  int bits;
  mlir::Type (*make)(mlir::MLIRContext *);
};

template <unsigned bits> mlir::Type integer(mlir::MLIRContext *context) {
  return mlir::IntegerType::get(context, bits);
}
template <typename T> mlir::Type floating(mlir::MLIRContext *context) { return T::get(context); }

constexpr Row rows[] = {
    {DType::I1, "i1", 1, integer<1>},
    {DType::I2, "i2", 2, integer<2>},
    {DType::I4, "i4", 4, integer<4>},
    {DType::I8, "i8", 8, integer<8>},
    {DType::I16, "i16", 16, integer<16>},
    {DType::I32, "i32", 32, integer<32>},
    {DType::I64, "i64", 64, integer<64>},
    {DType::F16, "f16", 16, floating<mlir::Float16Type>},
    {DType::BF16, "bf16", 16, floating<mlir::BFloat16Type>},
    {DType::F32, "f32", 32, floating<mlir::Float32Type>},
    {DType::F64, "f64", 64, floating<mlir::Float64Type>},
    {DType::F8E4M3FN, "f8E4M3FN", 8, floating<mlir::Float8E4M3FNType>},
    {DType::F8E4M3FNUZ, "f8E4M3FNUZ", 8, floating<mlir::Float8E4M3FNUZType>},
    {DType::F8E5M2, "f8E5M2", 8, floating<mlir::Float8E5M2Type>},
    {DType::F8E5M2FNUZ, "f8E5M2FNUZ", 8, floating<mlir::Float8E5M2FNUZType>},
    {DType::F8E8M0FNU, "f8E8M0FNU", 8, floating<mlir::Float8E8M0FNUType>},
    {DType::F4E2M1FN, "f4E2M1FN", 4, floating<mlir::Float4E2M1FNType>},
};

const Row &rowOf(DType type) { return rows[static_cast<int>(type)]; }

} // namespace

int bitWidth(DType type) { return rowOf(type).bits; }
std::string_view dtypeName(DType type) { return rowOf(type).name; }

std::optional<DType> parseDType(std::string_view name) {
  for (const Row &row : rows)
    if (row.name == name) return row.type;
  return std::nullopt;
}

std::optional<DType> dtypeOf(mlir::Type elementType) {
  if (elementType.isIndex()) return DType::I64;
  // Types are unique per context, and only these few: a walk over the rows is as good as a map.
  for (const Row &row : rows)
    if (row.make(elementType.getContext()) == elementType) return row.type;
  return std::nullopt;
}

mlir::Type mlirType(DType type, mlir::MLIRContext *context) { return rowOf(type).make(context); }

} // namespace dlc
