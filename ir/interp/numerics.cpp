#include "ir/interp/numerics.h"

#include "llvm/ADT/APFloat.h"

#include <cstring>
#include <limits>
#include <vector>

namespace dlc::interp {
namespace {

const llvm::fltSemantics &semanticsOf(DType type) {
  switch (type) {
  case DType::F16:
    return llvm::APFloat::IEEEhalf();
  case DType::BF16:
    return llvm::APFloat::BFloat();
  case DType::F32:
    return llvm::APFloat::IEEEsingle();
  case DType::F8E4M3FN:
    return llvm::APFloat::Float8E4M3FN();
  case DType::F8E4M3FNUZ:
    return llvm::APFloat::Float8E4M3FNUZ();
  case DType::F8E5M2:
    return llvm::APFloat::Float8E5M2();
  case DType::F8E5M2FNUZ:
    return llvm::APFloat::Float8E5M2FNUZ();
  case DType::F8E8M0FNU:
    return llvm::APFloat::Float8E8M0FNU();
  case DType::F4E2M1FN:
    return llvm::APFloat::Float4E2M1FN();
  default:
    return llvm::APFloat::IEEEdouble();
  }
}

/// All values of an 8-bit type, by bit pattern.
const double *tableOf(DType type) {
  static const auto tables = [] {
    std::vector<std::vector<double>> result(static_cast<int>(DType::F4E2M1FN) + 1);
    for (int t = static_cast<int>(DType::F8E4M3FN); t < static_cast<int>(result.size()); ++t) {
      const llvm::fltSemantics &semantics = semanticsOf(static_cast<DType>(t));
      int bits = bitWidth(static_cast<DType>(t));
      for (int pattern = 0; pattern < 256; ++pattern) {
        llvm::APFloat value(semantics, llvm::APInt(bits, pattern & ((1 << bits) - 1)));
        bool lost;
        value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
        result[t].push_back(value.convertToDouble());
      }
    }
    return result;
  }();
  return tables[static_cast<int>(type)].data();
}

uint16_t f16Bits(float rounded) {
  uint32_t bits = std::bit_cast<uint32_t>(rounded), magnitude = bits & 0x7fffffffu;
  uint32_t sign = (bits >> 16) & 0x8000u;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;
  if (magnitude == 0x7f800000u) return sign | 0x7c00u;
  if (magnitude >= 0x38800000u) return sign | ((magnitude - 0x38000000u) >> 13);
  // Subnormal: a multiple of 2^-24.
  return sign | static_cast<uint32_t>(std::bit_cast<float>(magnitude) * 16777216.0f);
}

float f16Value(uint16_t half) {
  uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  if (magnitude >= 0x0400u) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
  float small = static_cast<float>(magnitude) * 0x1p-24f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(small) | sign);
}

/// double to float so that a second rounding to a narrower type is exact: inexact results get an odd last
/// bit.
float toFloatOdd(double x) {
  float f = static_cast<float>(x);
  if (std::isnan(f) || static_cast<double>(f) == x) return f;
  uint32_t bits = std::bit_cast<uint32_t>(f);
  bool up = std::fabs(static_cast<double>(f)) > std::fabs(x); // rounded away from zero: go back
  if (up) --bits;
  return std::bit_cast<float>(bits | 1);
}

// Elements as C++ values: how to read one of a type and how to make one.
template <DType type> struct Element {
  using Storage = uint8_t;
  static double load(Storage bits) { return tableOf(type)[bits]; }
  static Storage store(double value) { return static_cast<Storage>(encodeFloat(value, type)); }
};
template <> struct Element<DType::F32> {
  using Storage = float;
  static float load(float x) { return x; }
  template <typename T> static float store(T x) { return static_cast<float>(x); }
};
template <> struct Element<DType::F64> {
  using Storage = double;
  static double load(double x) { return x; }
  template <typename T> static double store(T x) { return static_cast<double>(x); }
};
template <> struct Element<DType::F16> {
  using Storage = uint16_t;
  static float load(uint16_t x) { return f16Value(x); }
  static uint16_t store(float x) { return f16Bits(roundF16(x)); }
  static uint16_t store(double x) { return store(toFloatOdd(x)); }
  static uint16_t store(int64_t x) { return store(static_cast<double>(x)); }
};
template <> struct Element<DType::BF16> {
  using Storage = uint16_t;
  static float load(uint16_t x) { return std::bit_cast<float>(static_cast<uint32_t>(x) << 16); }
  static uint16_t store(float x) {
    uint32_t bits = std::bit_cast<uint32_t>(roundBF16(x));
    // A NaN whose payload lies in the lost half must stay one.
    return std::isnan(x) ? (bits >> 16) | 0x40u : bits >> 16;
  }
  static uint16_t store(double x) { return store(toFloatOdd(x)); }
  static uint16_t store(int64_t x) { return store(static_cast<double>(x)); }
};

template <typename T, int bits> struct IntElement {
  using Storage = T;
  static int64_t load(T x) { return x; }
  static T store(int64_t x) {
    return static_cast<T>(static_cast<int64_t>(static_cast<uint64_t>(x) << (64 - bits)) >> (64 - bits));
  }
  static T store(double x) {
    if (std::isnan(x)) return 0;
    constexpr double limit = static_cast<double>(uint64_t(1) << (bits - 1));
    if (x >= limit) return static_cast<T>((uint64_t(1) << (bits - 1)) - 1);
    if (x < -limit) return static_cast<T>(~((uint64_t(1) << (bits - 1)) - 1));
    return static_cast<T>(static_cast<int64_t>(x));
  }
  static T store(float x) { return store(static_cast<double>(x)); }
};
template <> struct Element<DType::I1> {
  using Storage = uint8_t;
  static int64_t load(uint8_t x) { return x & 1; }
  static uint8_t store(int64_t x) { return x & 1; }
  static uint8_t store(double x) { return x >= 1; }
  static uint8_t store(float x) { return x >= 1; }
};
template <> struct Element<DType::I2> : IntElement<int8_t, 2> {};
template <> struct Element<DType::I4> : IntElement<int8_t, 4> {};
template <> struct Element<DType::I8> : IntElement<int8_t, 8> {};
template <> struct Element<DType::I16> : IntElement<int16_t, 16> {};
template <> struct Element<DType::I32> : IntElement<int32_t, 32> {};
template <> struct Element<DType::I64> : IntElement<int64_t, 64> {};

/// Calls f with the type as a template argument.
template <typename F> void withType(DType type, F f) {
  switch (type) {
#define CASE(t)                                                                                              \
  case DType::t:                                                                                             \
    return f.template operator()<DType::t>();
    CASE(I1)
    CASE(I2) CASE(I4) CASE(I8) CASE(I16) CASE(I32) CASE(I64) CASE(F16) CASE(BF16) CASE(F32) CASE(F64)
        CASE(F8E4M3FN) CASE(F8E4M3FNUZ) CASE(F8E5M2) CASE(F8E5M2FNUZ) CASE(F8E8M0FNU) CASE(F4E2M1FN)
#undef CASE
  }
}

} // namespace

uint64_t encodeFloat(double value, DType type) {
  if (type == DType::F64) return std::bit_cast<uint64_t>(value);
  if (type == DType::F32) return std::bit_cast<uint32_t>(static_cast<float>(value));
  if (type == DType::F16) return Element<DType::F16>::store(value);
  if (type == DType::BF16) return Element<DType::BF16>::store(value);
  llvm::APFloat exact(value);
  bool lost;
  exact.convert(semanticsOf(type), llvm::APFloat::rmNearestTiesToEven, &lost);
  return exact.bitcastToAPInt().getZExtValue();
}

double decodeFloat(uint64_t bits, DType type) {
  double result = 0;
  withType(type, [&]<DType t>() {
    if constexpr (isFloat(t)) {
      typename Element<t>::Storage pattern;
      std::memcpy(&pattern, &bits, sizeof(pattern));
      result = Element<t>::load(pattern);
    }
  });
  return result;
}

double roundTo(double value, DType type) {
  switch (type) {
  case DType::F64:
    return value;
  case DType::F32:
    return static_cast<float>(value);
  case DType::F16:
    return roundF16(toFloatOdd(value));
  case DType::BF16:
    return roundBF16(toFloatOdd(value));
  default:
    return decodeFloat(encodeFloat(value, type), type);
  }
}

void roundAll(float *values, int64_t n, DType type) {
  if (type == DType::F16) {
    for (int64_t i = 0; i < n; ++i) values[i] = roundF16(values[i]);
  } else if (type == DType::BF16) {
    for (int64_t i = 0; i < n; ++i) values[i] = roundBF16(values[i]);
  } else if (type != DType::F32 && type != DType::F64) {
    for (int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(roundTo(values[i], type));
  }
}

void roundAll(double *values, int64_t n, DType type) {
  if (type == DType::F64) return;
  for (int64_t i = 0; i < n; ++i) values[i] = roundTo(values[i], type);
}

void saturateF16(float *values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    float x = values[i], rounded = roundF16(x);
    values[i] = std::isinf(rounded) && !std::isinf(x) ? std::copysign(65504.0f, x) : rounded;
  }
}

void convert(const void *from, DType fromType, void *to, DType toType, int64_t n) {
  if (n == 0) return;
  if (fromType == toType) {
    std::memcpy(to, from, n * byteSize(toType));
    return;
  }
  withType(fromType, [&]<DType f>() {
    withType(toType, [&]<DType t>() {
      auto *in = static_cast<const typename Element<f>::Storage *>(from);
      auto *out = static_cast<typename Element<t>::Storage *>(to);
      for (int64_t i = 0; i < n; ++i) out[i] = Element<t>::store(Element<f>::load(in[i]));
    });
  });
}

} // namespace dlc::interp
