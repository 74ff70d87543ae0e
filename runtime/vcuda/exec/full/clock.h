//===- clock.h - who knows what of whom ------------------------*- C++ -*-===//
//
// The full checks order accesses by vector clocks. A thread's part of a clock would be one number for each
// thread of the grid; here time is kept by warp (it advances whenever a lane hands its knowledge on), and a
// clock says of lanes of warps up to which time their accesses lie in the past:
//
//     warps[v]   all lanes of warp v of the CTA at hand
//     others     lanes of any warp of the grid, sorted by warp; shared between clocks and never changed
//     own[m]     (View) lane m of the very warp
//
// Lanes that know the same share a View. They go apart when only some of them acquire something, and come
// together at barriers.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_FULL_CLOCK_H
#define DLC_RUNTIME_VCUDA_EXEC_FULL_CLOCK_H

#include "runtime/vcuda/exec/state.h"

#include <array>
#include <memory>
#include <vector>

namespace dlc::vcuda::exec {

inline constexpr Mask EveryLane = 0xffffffff;

/// Lanes of a warp of the grid, up to a time of that warp.
struct Known {
  uint64_t warp = 0; ///< counted over the grid
  Mask lanes = 0;
  uint32_t time = 0;
  bool operator==(const Known &) const = default;
};
using Knowledge = std::vector<Known>; ///< sorted by warp; a warp may have several entries

struct Clock {
  uint64_t firstWarp = 0; ///< the number of the CTA's first warp
  std::vector<uint32_t> warps;
  std::shared_ptr<const Knowledge> others;

  bool isEmpty() const { return warps.empty() && !others; }
  void join(const Clock &other);
  /// Everything in `other` is known here.
  bool covers(const Clock &other) const;
  void learn(const Known &known);
  /// Lanes of `wanted` whose accesses up to `time` are not known.
  Mask unknown(uint64_t warp, Mask wanted, uint32_t time) const;
};

struct View : Clock {
  std::array<uint32_t, 32> own = {};
  uint32_t ownLeast = 0; ///< the least of them

  /// What a clock says of the view's own warp goes to `own`.
  void acquire(const Clock &clock, uint64_t warp);
  bool knowsAll(const Clock &clock, uint64_t warp) const;
  void findLeast();
};

/// Lanes of a warp and what each of them knows.
struct Party {
  Mask lanes = 0;
  std::shared_ptr<View> view;
};

/// The clock that lanes with this view hand on at a time. `live`: lanes that have not exited; what the others
/// did counts as known to whoever knows all that live.
Clock publish(const View &view, uint64_t warp, Mask lanes, Mask live, uint32_t time);

} // namespace dlc::vcuda::exec

#endif
