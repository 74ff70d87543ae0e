// The arena: which buffers share memory, as closed formulas of the dims.
#pragma once

#include "ir/dims/dim_facts.h"
#include "ir/plan/plan.h"

namespace dlc::plan {

/// A buffer to be placed: its size in bytes and the ops (inclusive, in list order) between which it lives.
struct Placed {
  Dim bytes;
  int first, last;
  Dim offset;              ///< result
  std::vector<int> reuses; ///< result: earlier entries of the list whose memory it takes over
};

/// Gives every buffer an offset, a multiple of 256, and returns the arena's size. Buffers that live at the
/// same time never overlap, whatever the values of the dims. Precondition: sorted by `first`.
Dim packMemory(std::vector<Placed> &buffers, const DimFacts &facts);

} // namespace dlc::plan
