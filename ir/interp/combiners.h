// The named combiners as formulas on C++ numbers, for the loops of reduce.cpp and window.cpp.
#pragma once

#include "ir/graph/graph.h"
#include "ir/interp/tensor.h"

#include <type_traits>

namespace dlc::interp {

template <graph::Combiner combiner, typename T> inline T combineNumbers(T a, T b) {
  using C = graph::Combiner;
  using U = std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
  if constexpr (combiner == C::Sum) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else
      return a + b;
  } else if constexpr (combiner == C::Prod) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    else
      return a * b;
  } else if constexpr (combiner == C::Max || combiner == C::Min) {
    if constexpr (std::is_floating_point_v<T>) {
      // arith.maximumf and minimumf: NaN wins, +0 is above -0.
      bool max = combiner == C::Max;
      if (a == b) return a == 0 ? (max ? a + b : -(-a - b)) : a;
      return (max ? a > b : a < b) ? a : (max ? b > a : b < a) ? b : a + b;
    }
    return combiner == C::Max ? (a > b ? a : b) : (a < b ? a : b);
  } else if constexpr (combiner == C::UMax || combiner == C::UMin) {
    bool above = static_cast<U>(a) > static_cast<U>(b);
    return above == (combiner == C::UMax) ? a : b;
  } else if constexpr (combiner == C::And) {
    return static_cast<T>(static_cast<U>(a) & static_cast<U>(b));
  } else {
    return static_cast<T>(static_cast<U>(a) | static_cast<U>(b));
  }
}

/// Calls f<combiner, T>() for a named one-operand combiner and a storage type. Types below 8 bits are not for
/// here: their sums would not wrap at their width.
template <typename F> void withCombiner(graph::Combiner combiner, DType type, F f) {
  using C = graph::Combiner;
  auto withT = [&]<C c>() {
    auto call = [&]<typename T>() { f.template operator()<c, T>(); };
    if constexpr (c != C::And && c != C::Or && c != C::UMax && c != C::UMin) {
      if (type == DType::F32) return call.template operator()<float>();
      if (type == DType::F64) return call.template operator()<double>();
    }
    switch (type) {
    case DType::I16:
      return call.template operator()<int16_t>();
    case DType::I32:
      return call.template operator()<int32_t>();
    case DType::I64:
      return call.template operator()<int64_t>();
    case DType::I8:
      return call.template operator()<int8_t>();
    case DType::I1:
      return call.template operator()<uint8_t>();
    default:
      throw Failure("a reduction of this element type is not known");
    }
  };
  switch (combiner) {
  case C::Sum:
    return withT.template operator()<C::Sum>();
  case C::Prod:
    return withT.template operator()<C::Prod>();
  case C::Max:
    return withT.template operator()<C::Max>();
  case C::Min:
    return withT.template operator()<C::Min>();
  case C::UMax:
    return withT.template operator()<C::UMax>();
  case C::UMin:
    return withT.template operator()<C::UMin>();
  case C::And:
    return withT.template operator()<C::And>();
  case C::Or:
    return withT.template operator()<C::Or>();
  default:
    throw Failure("a reduction of pairs has no single combiner");
  }
}

/// Whether the loops of a named combiner compute what its ops say: all but pairs, i1 other than and / or /
/// unsigned (i1 is signed one bit wide elsewhere), and types below 8 bits.
inline bool hasNamedLoop(graph::Combiner combiner, DType type) {
  using C = graph::Combiner;
  if (combiner == C::ArgMax || combiner == C::ArgMin || type == DType::I2 || type == DType::I4) return false;
  if (type == DType::I1)
    return combiner == C::And || combiner == C::Or || combiner == C::UMax || combiner == C::UMin;
  return !isFloat(type) || type == DType::F32 || type == DType::F64;
}

/// The places of a box's elements in row-major order: sum of index * stride.
std::vector<int64_t> offsetsOf(DimsRef dims, DimsRef strides);

} // namespace dlc::interp
