//===- checks.h - the state of the fast checks -----------------*- C++ -*-===//
//
// Shared-memory races by vector clocks. Warp w has a clock; C[w][v] is the latest time of warp v that is
// ordered before what w does now; barriers join clocks. For every granule (the smallest access that the
// module makes to shared memory, so that one access covers whole granules) stand the last write and each
// warp's last read, with the instruction that did it:
//     read by w:  the last write by v at time t is a race unless v = w or t <= C[w][v]
//     write by w: the same, but for stores of what is there already, and the same for each warp's last read
// Strong accesses (volatile, relaxed, acquire, release, atomics) do not race with each other, and order what
// the program says: a release, or a strong write behind a fence, publishes the clock of that moment at its
// address; an acquire, or a fence behind a strong read, takes over what it read. Times up to min over v != w
// of C[w][v] are no race, whoever it was: one comparison decides most accesses. Clocks go on counting from
// CTA to CTA, so that records of an earlier one lie in everybody's past.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_CHECKS_H
#define DLC_RUNTIME_VCUDA_EXEC_CHECKS_H

#include "runtime/vcuda/exec/run.h"

namespace dlc::vcuda::exec {

void startShadow(CtaRun &cta);
/// A warp's clock enters the barrier's; after the barrier everybody knows what all arrivers knew.
void barrierArrive(WarpRun &warp, Mask lanes, BarrierState &barrier);
void barrierLeave(WarpRun &warp, Mask lanes, const BarrierState &barrier);

/// Race checks of one lane's bytes in shared memory, and recording of the access.
void recordSharedRead(Warp &warp, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes);
void recordSharedWrite(Warp &warp, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes,
                       bool atomic);

} // namespace dlc::vcuda::exec

#endif
