#include "tools/dlc_run/compare.h"

#include "tools/dlc_run/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace dlc::run {

// Integers of 64 bits are compared as such: doubles do not hold them all.
static double distance(const HostTensor &ours, const HostTensor &theirs, size_t index, double a, double b) {
  size_t bytes = dlc_dtype_size(ours.dtype);
  bool isSame = ours.dtype == theirs.dtype &&
                std::memcmp(ours.data.data() + index * bytes, theirs.data.data() + index * bytes, bytes) == 0;
  if (isSame || a == b || (std::isnan(a) && std::isnan(b))) {
    bool isRounded = !isSame && ours.dtype == theirs.dtype && !isFloat(ours.dtype);
    return isRounded ? 1 : 0;
  }
  double error = std::fabs(a - b);
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

Difference compare(const HostTensor &ours, const HostTensor &theirs, double rtol, double atol) {
  Difference result;
  result.elements = ours.elements();
  size_t ourBytes = dlc_dtype_size(ours.dtype), theirBytes = dlc_dtype_size(theirs.dtype);
  for (size_t i = 0; i < size_t(result.elements); ++i) {
    double a = toDouble(ours.dtype, ours.data.data() + i * ourBytes);
    double b = toDouble(theirs.dtype, theirs.data.data() + i * theirBytes);
    double error = distance(ours, theirs, i, a, b);
    result.largestError = std::max(result.largestError, error);
    if (std::isfinite(b)) result.largestReference = std::max(result.largestReference, std::fabs(b));
    if (std::isfinite(error)) result.errorSquares += error * error;
    double allowed = std::isfinite(b) ? atol + rtol * std::fabs(b) : 0;
    if (error <= allowed) continue;
    if (result.over++ == 0) result.firstOver = int64_t(i);
  }
  return result;
}

} // namespace dlc::run
