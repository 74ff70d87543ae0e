// The sums of tensor cores, bit by bit.
#include "runtime/vcuda/exec/arithmetic/modes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

/// Exponent of the smallest normal number: smaller ones have its exponent and no leading one.
int leastExponent(Type type) {
  switch (type) {
  case Type::F16:
  case Type::E5M2:
    return -14;
  case Type::E4M3:
    return -6;
  default:
    return -126;
  }
}
int exponentOf(Type type, double v) { return std::max(std::ilogb(v), leastExponent(type)); }

/// Towards zero.
float cutOff(double v) {
  float f = float(v);
  if (std::isinf(f)) return f;
  return std::fabs(double(f)) > std::fabs(v) ? std::nextafter(f, 0.0f) : f;
}

double toHalf(double v) { return double(static_cast<_Float16>(v)); }

/// Products of finite numbers, and c.
double finiteSum(const TensorCore &core, Type a, Type b, unsigned count, const double *row,
                 const double *column, unsigned stride, double c) {
  int largest = INT32_MIN;
  if (c != 0) largest = exponentOf(Type::F32, c);
  for (unsigned x = 0; x < count; ++x) {
    double p = row[x], q = column[size_t(x) * stride];
    if (p != 0 && q != 0) largest = std::max(largest, exponentOf(a, p) + exponentOf(b, q));
  }
  if (largest == INT32_MIN) return c;
  int shift = int(core.fraction) - largest;
  auto part = [&](double v) { return int64_t(std::trunc(std::ldexp(v, shift))); };
  int64_t sum = part(c);
  for (unsigned x = 0; x < count; ++x) sum += part(row[x] * column[size_t(x) * stride]);
  return std::ldexp(double(sum), -shift);
}

/// NaN and infinities, if there are any among the operands.
bool isSpecial(unsigned count, const double *row, const double *column, unsigned stride, double c,
               double &result) {
  result = std::isfinite(c) ? 0 : c;
  bool special = !std::isfinite(c);
  for (unsigned x = 0; x < count; ++x) {
    double p = row[x] * column[size_t(x) * stride];
    if (std::isfinite(p)) continue;
    special = true;
    result += p;
  }
  return special;
}

} // namespace

/// Ampere and Ada do half of the K of the largest shape at a time, Hopper all of it.
TensorCore TensorCore::of(Type ab, unsigned smVersion) {
  bool eight = ab == Type::E4M3 || ab == Type::E5M2, hopper = smVersion >= 90;
  TensorCore core;
  core.fraction = eight ? 13 : hopper ? 25 : 24;
  core.step = (ab == Type::TF32 ? 4 : eight ? 16 : 8) * (hopper ? 2 : 1);
  return core;
}

uint64_t exec::tensorCoreElement(const TensorCore &core, Type a, Type b, Type d, unsigned k,
                                 const double *row, const double *column, unsigned stride, double c) {
  double sum = c;
  for (unsigned x = 0; x < k; x += core.step) {
    unsigned count = std::min(core.step, k - x);
    const double *part = column + size_t(x) * stride;
    double special;
    if (isSpecial(count, row + x, part, stride, sum, special))
      sum = special;
    else
      sum = finiteSum(core, a, b, count, row + x, part, stride, sum);
    sum = d == Type::F16 ? toHalf(sum) : double(cutOff(sum));
  }
  if (d == Type::F16) {
    if (sum != sum) return 0x7fff;
    _Float16 half = static_cast<_Float16>(sum);
    uint16_t bits;
    std::memcpy(&bits, &half, 2);
    return bits;
  }
  if (sum != sum) return 0x7fffffff;
  float f = float(sum);
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}
