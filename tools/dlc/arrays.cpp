#include "tools/dlc/arrays.h"

namespace dlc::tool {
namespace {

/// The dtype that NumPy's text stands for; raw bytes are what the model declares, if it has that size.
std::optional<FileType> typeOf(const npz::Array &array, FileType declared) {
  char kind = array.descr[1];
  int64_t size = array.elementSize();
  switch (kind) {
  case 'b':
    return FileType{DType::I1};
  case 'f':
    return FileType{size == 8 ? DType::F64 : size == 4 ? DType::F32 : size == 2 ? DType::F16 : DType::F8E5M2};
  case 'i':
  case 'u':
    return FileType{size == 8   ? DType::I64
                    : size == 4 ? DType::I32
                    : size == 2 ? DType::I16
                                : DType::I8,
                    kind == 'u'};
  default: {
    bool raw =
        declared.dtype == DType::BF16 || (byteSize(declared.dtype) == 1 && declared.dtype != DType::I1);
    if (raw && byteSize(declared.dtype) == size) return declared;
    return std::nullopt;
  }
  }
}

std::string nameAttr(mlir::DictionaryAttr attributes, const char *fallback, unsigned index) {
  if (attributes)
    if (auto name = attributes.getAs<mlir::StringAttr>("graph.name")) return name.str();
  return fallback + std::to_string(index);
}

FileType fileType(mlir::Type type, mlir::DictionaryAttr attributes) {
  std::optional<DType> dtype = dtypeOf(mlir::getElementTypeOrSelf(type));
  return {dtype.value_or(DType::F32), attributes && attributes.contains("graph.unsigned")};
}

} // namespace

std::string FileType::descr() const {
  switch (dtype) {
  case DType::I1:
    return "|b1";
  case DType::I8:
    return isUnsigned ? "|u1" : "|i1";
  case DType::I16:
    return isUnsigned ? "<u2" : "<i2";
  case DType::I32:
    return isUnsigned ? "<u4" : "<i4";
  case DType::I64:
    return isUnsigned ? "<u8" : "<i8";
  case DType::F16:
    return "<f2";
  case DType::F32:
    return "<f4";
  case DType::F64:
    return "<f8";
  case DType::BF16:
    return "<V2";
  default:
    return "|V1";
  }
}

std::string FileType::name() const { return (isUnsigned ? "u" : "") + std::string(dtypeName(dtype)); }

FileType argumentType(mlir::func::FuncOp main, unsigned index) {
  return fileType(main.getArgumentTypes()[index], main.getArgAttrDict(index));
}
FileType resultType(mlir::func::FuncOp main, unsigned index) {
  return fileType(main.getResultTypes()[index], main.getResultAttrDict(index));
}
std::string argumentName(mlir::func::FuncOp main, unsigned index) {
  return nameAttr(main.getArgAttrDict(index), "arg", index);
}
std::string resultName(mlir::func::FuncOp main, unsigned index) {
  return nameAttr(main.getResultAttrDict(index), "result", index);
}

std::string toTensor(const npz::Array &array, FileType type, interp::Tensor &tensor) {
  std::optional<FileType> have = typeOf(array, type);
  bool sameFloat = have && isFloat(have->dtype) && isFloat(type.dtype);
  if (!have || (!sameFloat && (have->dtype != type.dtype || have->isUnsigned != type.isUnsigned)))
    return "has type '" + array.descr + "', declared " + type.name();
  tensor = interp::Tensor::copyOf(have->dtype, array.dims, array.bytes.data());
  return "";
}

npz::Array toArray(const interp::Tensor &tensor, FileType type) {
  if (tensor.dtype() != type.dtype) type = {tensor.dtype(), type.isUnsigned};
  npz::Array array{
      type.descr(), {tensor.dims().begin(), tensor.dims().end()}, std::vector<char>(tensor.byteCount())};
  tensor.copyTo(array.bytes.data());
  return array;
}

} // namespace dlc::tool
