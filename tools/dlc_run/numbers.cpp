#include "tools/dlc_run/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace dlc::run {

namespace {

/// A float of few bits: sign, exponent, mantissa. `finiteOnly`: no infinities, all ones are NaN (e4m3fn).
struct SmallFloat {
  int exponentBits, mantissaBits;
  bool finiteOnly;
  int bias() const { return (1 << (exponentBits - 1)) - 1; }
};
constexpr SmallFloat half{5, 10, false}, bfloat{8, 7, false}, e4m3{4, 3, true}, e5m2{5, 2, false};

double decode(const SmallFloat &format, uint32_t bits) {
  uint32_t mantissa = bits & ((1u << format.mantissaBits) - 1);
  int exponent = int(bits >> format.mantissaBits) & ((1 << format.exponentBits) - 1);
  int top = (1 << format.exponentBits) - 1;
  double sign = bits >> (format.exponentBits + format.mantissaBits) & 1 ? -1 : 1;
  if (exponent == top && !format.finiteOnly)
    return mantissa ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  if (format.finiteOnly && exponent == top && mantissa == (1u << format.mantissaBits) - 1)
    return std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(double(mantissa), 1 - format.bias() - format.mantissaBits);
  return sign * std::ldexp(double(mantissa | 1u << format.mantissaBits),
                           exponent - format.bias() - format.mantissaBits);
}

uint32_t encode(const SmallFloat &format, double value) {
  uint32_t sign = uint32_t(std::signbit(value)) << (format.exponentBits + format.mantissaBits);
  uint32_t top = (1u << format.exponentBits) - 1, ones = (1u << format.mantissaBits) - 1;
  uint32_t nan = format.finiteOnly ? top << format.mantissaBits | ones
                                   : top << format.mantissaBits | 1u << (format.mantissaBits - 1);
  uint32_t past = format.finiteOnly ? nan : top << format.mantissaBits;
  if (std::isnan(value)) return sign | nan;
  double magnitude = std::fabs(value);
  if (std::isinf(value)) return sign | past;
  if (magnitude == 0) return sign;
  int exponent = std::max(std::ilogb(magnitude), 1 - format.bias());
  // In units of the last place; the addition of the biased exponent carries into the next one when it rounds
  // up.
  double units = std::nearbyint(std::ldexp(magnitude, format.mantissaBits - exponent));
  uint32_t bits = uint32_t(units) + (uint32_t(exponent + format.bias() - 1) << format.mantissaBits);
  uint32_t largest = format.finiteOnly ? nan - 1 : past - 1;
  return sign | (bits > largest ? past : bits);
}

template <class T> double load(const void *data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return double(value);
}
template <class T> void store(T value, void *data) { std::memcpy(data, &value, sizeof(T)); }

template <class T> void storeInteger(double value, void *data) {
  if (std::isnan(value)) value = 0;
  constexpr double low = double(std::numeric_limits<T>::min()), high = double(std::numeric_limits<T>::max());
  value = std::nearbyint(value);
  T result = value <= low    ? std::numeric_limits<T>::min()
             : value >= high ? std::numeric_limits<T>::max()
                             : T(value);
  store(result, data);
}

} // namespace

double toDouble(dlc_dtype dtype, const void *data) {
  switch (dtype) {
  case DLC_F32:
    return load<float>(data);
  case DLC_F64:
    return load<double>(data);
  case DLC_F16:
    return decode(half, uint32_t(load<uint16_t>(data)));
  case DLC_BF16:
    return decode(bfloat, uint32_t(load<uint16_t>(data)));
  case DLC_F8E4M3FN:
    return decode(e4m3, uint32_t(load<uint8_t>(data)));
  case DLC_F8E5M2:
    return decode(e5m2, uint32_t(load<uint8_t>(data)));
  case DLC_I8:
    return load<int8_t>(data);
  case DLC_U8:
  case DLC_BOOL:
    return load<uint8_t>(data);
  case DLC_I16:
    return load<int16_t>(data);
  case DLC_U16:
    return load<uint16_t>(data);
  case DLC_I32:
    return load<int32_t>(data);
  case DLC_U32:
    return load<uint32_t>(data);
  case DLC_I64:
    return load<int64_t>(data);
  case DLC_U64:
    return load<uint64_t>(data);
  }
  return 0;
}

void fromDouble(dlc_dtype dtype, double value, void *data) {
  switch (dtype) {
  case DLC_F32:
    return store(float(value), data);
  case DLC_F64:
    return store(value, data);
  case DLC_F16:
    return store(uint16_t(encode(half, value)), data);
  case DLC_BF16:
    return store(uint16_t(encode(bfloat, value)), data);
  case DLC_F8E4M3FN:
    return store(uint8_t(encode(e4m3, value)), data);
  case DLC_F8E5M2:
    return store(uint8_t(encode(e5m2, value)), data);
  case DLC_I8:
    return storeInteger<int8_t>(value, data);
  case DLC_U8:
    return storeInteger<uint8_t>(value, data);
  case DLC_BOOL:
    return store(uint8_t(value != 0), data);
  case DLC_I16:
    return storeInteger<int16_t>(value, data);
  case DLC_U16:
    return storeInteger<uint16_t>(value, data);
  case DLC_I32:
    return storeInteger<int32_t>(value, data);
  case DLC_U32:
    return storeInteger<uint32_t>(value, data);
  case DLC_I64:
    return storeInteger<int64_t>(value, data);
  case DLC_U64:
    return storeInteger<uint64_t>(value, data);
  }
}

bool isFloat(dlc_dtype dtype) {
  return dtype == DLC_F32 || dtype == DLC_F16 || dtype == DLC_BF16 || dtype == DLC_F64 ||
         dtype == DLC_F8E4M3FN || dtype == DLC_F8E5M2;
}

} // namespace dlc::run
