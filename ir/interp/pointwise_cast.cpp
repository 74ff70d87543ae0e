// Conversions between element types.
#include "ir/interp/numerics.h"
#include "ir/interp/pointwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>
#include <cstring>

namespace dlc::interp {
namespace {

namespace arith = mlir::arith;

/// Both types in the parameter of a kernel.
int packTypes(DType from, DType to) { return static_cast<int>(from) | static_cast<int>(to) << 8; }
DType fromOf(int parameter) { return static_cast<DType>(parameter & 0xff); }
DType toOf(int parameter) { return static_cast<DType>(parameter >> 8 & 0xff); }

uint64_t loadUnsigned(const void *data, DType type, int64_t i) {
  switch (type) {
  case DType::I16:
    return static_cast<const uint16_t *>(data)[i];
  case DType::I32:
    return static_cast<const uint32_t *>(data)[i];
  case DType::I64:
    return static_cast<const uint64_t *>(data)[i];
  default:
    return static_cast<const uint8_t *>(data)[i] & ((1u << bitWidth(type)) - 1);
  }
}
/// i1 is a one-bit number here: true is -1.
int64_t loadSigned(const void *data, DType type, int64_t i) {
  int shift = 64 - bitWidth(type);
  return static_cast<int64_t>(loadUnsigned(data, type, i) << shift) >> shift;
}
void storeInteger(void *data, DType type, int64_t i, int64_t value) {
  switch (type) {
  case DType::I1:
    static_cast<uint8_t *>(data)[i] = value & 1;
    return;
  case DType::I16:
    static_cast<int16_t *>(data)[i] = static_cast<int16_t>(value);
    return;
  case DType::I32:
    static_cast<int32_t *>(data)[i] = static_cast<int32_t>(value);
    return;
  case DType::I64:
    static_cast<int64_t *>(data)[i] = value;
    return;
  default: {
    int shift = 64 - bitWidth(type);
    static_cast<int8_t *>(data)[i] =
        static_cast<int8_t>(static_cast<int64_t>(static_cast<uint64_t>(value) << shift) >> shift);
  }
  }
}
double loadFloat(const void *data, DType type, int64_t i) {
  return type == DType::F64 ? static_cast<const double *>(data)[i] : static_cast<const float *>(data)[i];
}

// What a value of the IR is rounded to; the storage may be wider. The parameter holds the IR's result type,
// and whether the storage is double.
template <bool isSigned> void integerToFloat(const Chunk &c, int parameter) {
  DType from = fromOf(parameter), to = toOf(parameter);
  bool wide = parameter >> 16 & 1;
  for (int64_t i = 0; i < c.n; ++i) {
    int64_t bits =
        isSigned ? loadSigned(c.in[0], from, i) : static_cast<int64_t>(loadUnsigned(c.in[0], from, i));
    auto value = [&]<typename T>() {
      return isSigned ? static_cast<T>(bits) : static_cast<T>(static_cast<uint64_t>(bits));
    };
    if (wide)
      static_cast<double *>(c.out)[i] = value.template operator()<double>();
    else if (to == DType::F32)
      static_cast<float *>(c.out)[i] = value.template operator()<float>();
    else
      static_cast<float *>(c.out)[i] = static_cast<float>(roundTo(value.template operator()<double>(), to));
  }
}

template <bool isSigned> int64_t saturate(double x, int bits) {
  if (std::isnan(x)) return 0;
  double limit = std::ldexp(1.0, isSigned ? bits - 1 : bits);
  double low = isSigned ? -limit : 0;
  uint64_t highest = (isSigned ? uint64_t(1) << (bits - 1) : bits == 64 ? 0 : uint64_t(1) << bits) - 1;
  if (x >= limit) return static_cast<int64_t>(highest);
  if (x <= low) return isSigned ? static_cast<int64_t>(~highest) : 0;
  return isSigned ? static_cast<int64_t>(x) : static_cast<int64_t>(static_cast<uint64_t>(x));
}
template <bool isSigned> void floatToInteger(const Chunk &c, int parameter) {
  DType from = fromOf(parameter), to = toOf(parameter);
  for (int64_t i = 0; i < c.n; ++i)
    storeInteger(c.out, to, i, saturate<isSigned>(loadFloat(c.in[0], from, i), bitWidth(to)));
}

template <bool isSigned> void resizeInteger(const Chunk &c, int parameter) {
  DType from = fromOf(parameter), to = toOf(parameter);
  for (int64_t i = 0; i < c.n; ++i)
    storeInteger(c.out, to, i,
                 isSigned ? loadSigned(c.in[0], from, i)
                          : static_cast<int64_t>(loadUnsigned(c.in[0], from, i)));
}

/// Float to float: from and to are storage types, F32 or F64.
void resizeFloat(const Chunk &c, int parameter) {
  convert(c.in[0], fromOf(parameter), c.out, toOf(parameter), c.n);
}
/// From double storage to float storage holding values of a type narrower than float: rounded once.
void narrowFloat(const Chunk &c, int parameter) {
  for (int64_t i = 0; i < c.n; ++i)
    static_cast<float *>(c.out)[i] =
        static_cast<float>(roundTo(static_cast<const double *>(c.in[0])[i], toOf(parameter)));
}

uint64_t bitsOf(const void *data, DType storage, DType ir, int64_t i) {
  return isFloat(ir) ? encodeFloat(loadFloat(data, storage, i), ir) : loadUnsigned(data, storage, i);
}
/// The parameter holds the IR's types, above them whether operand and result are stored as double.
void bitcast(const Chunk &c, int parameter) {
  DType from = fromOf(parameter), to = toOf(parameter);
  DType fromStorage = !isFloat(from) ? from : parameter >> 16 & 1 ? DType::F64 : DType::F32;
  for (int64_t i = 0; i < c.n; ++i) {
    uint64_t bits = bitsOf(c.in[0], fromStorage, from, i);
    if (!isFloat(to))
      storeInteger(c.out, to, i, static_cast<int64_t>(bits));
    else if (parameter >> 17 & 1)
      static_cast<double *>(c.out)[i] = decodeFloat(bits, to);
    else
      static_cast<float *>(c.out)[i] = static_cast<float>(decodeFloat(bits, to));
  }
}

} // namespace

Kernel castKernel(mlir::Operation *op, const PointwiseTypes &types) {
  int wideIn = types.operand == DType::F64, wideOut = types.result == DType::F64;
  if (llvm::isa<arith::ExtFOp, arith::TruncFOp>(op)) {
    if (wideIn && !wideOut && types.irResult != DType::F32)
      return {narrowFloat, packTypes(types.operand, types.irResult)};
    return {resizeFloat, packTypes(types.operand, types.result)};
  }
  int ir = packTypes(types.irOperand, types.irResult);
  if (llvm::isa<arith::SIToFPOp>(op)) return {integerToFloat<true>, ir | wideOut << 16};
  if (llvm::isa<arith::UIToFPOp>(op)) return {integerToFloat<false>, ir | wideOut << 16};
  if (llvm::isa<arith::FPToSIOp>(op)) return {floatToInteger<true>, packTypes(types.operand, types.irResult)};
  if (llvm::isa<arith::FPToUIOp>(op))
    return {floatToInteger<false>, packTypes(types.operand, types.irResult)};
  if (llvm::isa<arith::ExtSIOp, arith::IndexCastOp>(op)) return {resizeInteger<true>, ir};
  if (llvm::isa<arith::ExtUIOp, arith::IndexCastUIOp, arith::TruncIOp>(op)) return {resizeInteger<false>, ir};
  if (llvm::isa<arith::BitcastOp>(op)) return {bitcast, ir | wideIn << 16 | wideOut << 17};
  return {};
}

} // namespace dlc::interp
