// How far results are from what they should be.
#pragma once

#include "tools/dlc_run/values.h"

namespace dlc::run {

struct Difference {
  double largestError =
      0; ///< max |ours - theirs|; infinite where one is NaN or infinite and the other is not it
  double largestReference = 0; ///< max |theirs| over finite values
  double errorSquares = 0;     ///< sum of squares of finite errors
  int64_t elements = 0;
  int64_t over = 0;       ///< elements with |ours - theirs| > atol + rtol * |theirs|
  int64_t firstOver = -1; ///< index of the first of them
};

/// Element by element. NaN beside NaN and equal infinities do not differ. Precondition: as many elements.
Difference compare(const HostTensor &ours, const HostTensor &theirs, double rtol, double atol);

} // namespace dlc::run
