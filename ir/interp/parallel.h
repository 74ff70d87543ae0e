// Work split over the machine's cores. What a task computes never depends on how many there are.
#pragma once

#include "llvm/Support/Parallel.h"

namespace dlc::interp {

/// Calls body(0) ... body(count - 1), in any order, in parallel where that helps. The body does not throw.
template <typename Body> void parallelFor(int64_t count, Body body) {
  if (count <= 1) {
    if (count == 1) body(0);
    return;
  }
  llvm::parallelFor(0, count, [&](size_t i) { body(static_cast<int64_t>(i)); });
}

} // namespace dlc::interp
