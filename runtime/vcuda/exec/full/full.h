//===- full.h - the state of the full checks -------------------*- C++ -*-===//
//
// Races by happens-before, for every byte of shared and global memory, between any two threads of a grid. Two
// accesses to a byte of which one writes are a race unless one is known to whoever does the other (clock.h),
// or both are strong (atomics, volatile, relaxed, acquire, release) and each one's scope includes the other's
// thread. What orders accesses (PTX ISA, memory consistency model):
//
//   - program order of a thread; nothing orders lanes of a warp but what is named here
//   - bar and barrier, of all kinds; bar.warp.sync for the lanes of its mask
//   - a release (or a strong write behind a fence) that an acquire (or a strong read before a fence) sees,
//   also
//     through a chain of atomics, where the scopes of all of them include the other side
//   - a strong write that a strong read saw, for that one write
//   - an mbarrier: arrivals before whoever saw their phase end
//   - cp.async: its writes come when they are waited for; its reads any time from issue on
//   - free, which is a fence before it writes to the whole block
//
// A strong read of a first value, which a strong write brought, is no race; but unless some warp of the CTA
// knows of the write, or would by a fence, it may come too early, and is reported.
//
// Shuffles, votes, ldmatrix and mma wait for lanes, but order no memory. (What a lane acquired counts as
// known to those that it hands a value to by a shuffle or vote: cooperative groups rely on it.) A matrix load
// or store is an access of all lanes to all of its bytes. Each launch begins with nothing known and nothing
// touched. One host thread runs the grid: the records are those of one order of events, and findings are the
// same every time.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_FULL_FULL_H
#define DLC_RUNTIME_VCUDA_EXEC_FULL_FULL_H

#include "runtime/vcuda/exec/full/clock.h"
#include "runtime/vcuda/exec/full/shadow.h"
#include "runtime/vcuda/exec/services.h"

namespace dlc::vcuda::exec {

struct CtaRun;
struct WarpRun;
struct PendingCopy;

/// What strong writes to an address hand on: to everybody, and to threads of one CTA.
struct Publication {
  std::shared_ptr<const Clock> wide, narrow;
  uint64_t wideCta = 0, narrowCta = 0; ///< that published last
  uint64_t thread = 0;                 ///< that wrote last, counted over the grid
};
using Publications = std::unordered_map<uint64_t, Publication>;

/// A warp's part.
struct FullWarp {
  uint64_t number = 0; ///< over the grid
  uint32_t time = 1;
  std::vector<Party> parties; ///< each lane is in one
  /// What a lane's next strong write publishes, because of a fence before it.
  struct Fence {
    Mask lanes = 0;
    std::shared_ptr<const View> view;
    uint32_t time = 0;
    bool wide = false;
  };
  std::vector<Fence> fences;
  /// What a lane's next fence acquires, because of a strong read before it.
  struct Seen {
    Mask lanes = 0;
    uint64_t at = 0;
    std::shared_ptr<const Clock> clock;
    bool wide = false; ///< published by another CTA: fences of the CTA's scope will not do
  };
  std::vector<Seen> seen;

  void tick() { time += time < Touch::LastTime; }
  const std::shared_ptr<View> &viewOf(unsigned lane) const;
};

struct FullCta {
  Shadow shared;
  Publications published;
};

struct FullLaunch {
  Shadow global;
  Publications published;
};

void startFull(CtaRun &cta);

// Accesses (races.cpp), one lane at a time, before memory changes. `newData`: what a store to global memory
// will write.
void touchShared(WarpRun &warp, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes,
                 Access access);
void touchGlobal(WarpRun &warp, const Inst &inst, unsigned lane, uint64_t offset, uint32_t bytes,
                 Access access, const uint8_t *newData);
/// The lane has freed a block: who used it must be known to it. What comes to lie there is another block.
void touchFreed(WarpRun &warp, const Inst &inst, unsigned lane, uint64_t offset, uint64_t bytes);
/// A compare-and-swap by the lane makes its plain read of the same place a guess that was checked.
void settleGuess(WarpRun &warp, unsigned lane, bool isShared, uint64_t at);
/// The writes of a copy of a lane, which is done: as of that time of the warp.
void recordCopied(WarpRun &warp, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes,
                  uint32_t time);
/// Nobody has written a copy's source since it was issued.
void checkCopySource(WarpRun &warp, const PendingCopy &copy, unsigned lane);

// Order (order.cpp).
/// The lanes of a barrier hand on what they know, and learn.
void joinBarrier(WarpRun &warp, Mask lanes, Clock &barrier);
void leaveBarrier(WarpRun &warp, Mask lanes, const Clock &barrier);
void fenceLanes(WarpRun &warp, Mask lanes, bool wide);
/// A lane's strong access, which read or wrote what.
void orderStrong(WarpRun &warp, const Inst &inst, unsigned lane, bool isShared, uint64_t at, bool reads,
                 bool writes);
/// A lane's knowledge as of now; its clock goes on.
Clock publishLane(WarpRun &warp, unsigned lane);
void acquireLanes(WarpRun &warp, Mask lanes, const Clock &clock);

} // namespace dlc::vcuda::exec

#endif
