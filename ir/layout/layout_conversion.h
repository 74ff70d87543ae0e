// Moving a tile's elements from one layout to another: how far they must travel, from the maps alone.
#pragma once

#include "ir/layout/layout.h"

namespace dlc {

struct LayoutConversion {
  enum class Kind {
    Same,         // register r of the result is register r
    Registers,    // register r of the result is a register of the same thread, the same one in all threads
    Shuffles,     // within the warp
    SharedMemory, // across warps, or more shuffles than allowed
  };
  Kind kind = Kind::Same;

  /// Registers: the source of each register of the result.
  std::vector<int64_t> registers;

  /// Shuffles: register `to` of the result comes from lane source[lane] of its warp, register `from`, for the
  /// lanes whose source is not negative; several with one `to` complete each other.
  struct Shuffle {
    int64_t to = 0, from = 0;
    std::vector<int64_t> source;
  };
  std::vector<Shuffle> shuffles;
};

/// Preconditions: equal shapes, equal numbers of lanes and warps, and `from` holds every element. At most
/// `maxShuffles` shuffle instructions; past them shared memory is cheaper (one store and one load per
/// register and a barrier).
LayoutConversion convertLayout(const Layout &from, const Layout &to, int64_t maxShuffles = 32);

} // namespace dlc
