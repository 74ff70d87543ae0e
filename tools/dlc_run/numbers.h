// Elements of every dtype as doubles, and back.
#pragma once

#include "dlc/runtime.h"

namespace dlc::run {

/// The element at `data`; 64-bit integers past 2^53 lose digits.
double toDouble(dlc_dtype dtype, const void *data);

/// Rounds to nearest even and stores; floats past the range become infinite (f8e4m3fn: NaN), integers are cut
/// at theirs.
void fromDouble(dlc_dtype dtype, double value, void *data);

bool isFloat(dlc_dtype dtype);

} // namespace dlc::run
