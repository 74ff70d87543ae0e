//===- services.h - what the interpreter core asks the rest of the machine for -*- C++ -*-===//
//
// Everything rare: divergence, calls, barriers, findings. Defined in ordinary files (warp.cpp, cta.cpp,
// report.cpp).
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_SERVICES_H
#define DLC_RUNTIME_VCUDA_EXEC_SERVICES_H

#include "runtime/vcuda/exec/state.h"

namespace dlc::vcuda::exec {

// Control (warp.cpp). Each leaves the warp with other running lanes, or with `stop` set.
void diverge(Warp &warp, const Inst &inst, Mask taken);
void divergeIndirect(Warp &warp, const Inst &inst, const uint32_t *index, Mask mask);
void arriveAtJoin(Warp &warp);
void exitLanes(Warp &warp, Mask lanes);
void callFunction(Warp &warp, const Inst &inst, Mask mask);
void returnFromFunction(Warp &warp);
void giveWay(Warp &warp);
/// Lanes that execute a warp-wide instruction wait for the other lanes of `members`. True when all are here;
/// false when the running lanes were parked (they execute the instruction again when the others have come).
bool gatherMembers(Warp &warp, const Inst &inst, Mask members);
void stopLaunch(Warp &warp, const Inst &inst, LaunchResult::Status status, const char *message);

// Barriers (cta.cpp). `predicates` and the result are of reductions.
void arriveAtBarrier(Warp &warp, const Inst &inst, Mask mask);

// Asynchronous copies (async.cpp).
struct AsyncCopy {
  uint32_t shared[32];
  uint64_t global[32];
  uint32_t sourceBytes[32];
};
void issueCopies(Warp &warp, const Inst &inst, Mask mask, const AsyncCopy &copy);
void commitCopies(Warp &warp, Mask mask);
void waitForCopies(Warp &warp, const Inst &inst, Mask mask, uint32_t allowed, bool all);

/// Copies that the lanes issued before the warp's `before`-th are done.
void finishCopiesBefore(Warp &warp, Mask lanes, uint64_t before);

// Barriers in shared memory (mbarrier.cpp): operation in bits 16-19, bit 20 .parity, .noComplete or .noinc.
enum class MbarrierOp : uint8_t { Init, Invalidate, Arrive, ArriveDrop, TestWait, PendingCount, AsyncArrive };
void mbarrier(Warp &warp, const Inst &inst, Mask mask);

// Matrix instructions of all shapes, element by element (matrix.cpp). The fast ones are in core/mma.cpp.
void multiplyFragments(Warp &warp, const Inst &inst, Mask mask);
void wmmaLoad(Warp &warp, const Inst &inst, Mask mask);
void wmmaStore(Warp &warp, const Inst &inst, Mask mask);
void wmmaMultiply(Warp &warp, const Inst &inst, Mask mask);

// Memory behind a frame, and memory that is given up (stack.cpp).
void allocateLocal(Warp &warp, const Inst &inst, Mask mask);
void saveStack(Warp &warp, const Inst &inst, Mask mask);
void restoreStack(Warp &warp, const Inst &inst, Mask mask);
void discardMemory(Warp &warp, const Inst &inst, Mask mask);

// Bytes and half words in a word (packed.cpp).
enum class VideoOp : uint8_t {
  Add,
  Sub,
  Average,
  Distance,
  Min,
  Max,
  Set,
  ShiftLeft, ///< this and the next ones on single parts only
  ShiftRight,
  Mad
};
enum class VideoPart : uint8_t { Word, Byte0, Byte1, Byte2, Byte3, Half0, Half1 };
enum class VideoSecond : uint8_t { None, Add, Min, Max };
/// All that an instruction on single parts says.
struct VideoForm {
  VideoOp op = VideoOp::Add;
  VideoPart d = VideoPart::Word, a = VideoPart::Word, b = VideoPart::Word;
  VideoSecond second = VideoSecond::None;
  Compare compare = Compare::Eq;
  bool dSigned = false, aSigned = false, bSigned = false, saturates = false, wraps = false;
  bool plusOne = false, negatesProduct = false, negatesC = false;
  uint8_t scale = 0; ///< bits by which the sum is shifted to the right
};
void videoInstruction(Warp &warp, const Inst &inst, Mask mask);
void scalarVideoInstruction(Warp &warp, const Inst &inst, Mask mask);

// Checks (checks.cpp, report.cpp). The slow half of every access: looks at each lane, writes findings, and
// returns the lanes whose access may go on. `bytes` is what each lane touches.
enum class Access : uint8_t { Read, Write, Atomic };
Mask checkGlobal(Warp &warp, const Inst &inst, Mask mask, const uint64_t *addresses, uint32_t bytes,
                 Access access, const uint8_t *newData);
Mask checkShared(Warp &warp, const Inst &inst, Mask mask, const uint32_t *offsets, uint32_t bytes,
                 Access access);
Mask checkLocal(Warp &warp, const Inst &inst, Mask mask, const uint64_t *offsets, uint32_t bytes,
                Access access);
/// A fence orders what lanes did to memory before it with what they do behind it.
void fenceMemory(Warp &warp, const Inst &inst, Mask mask);
/// With full checks: bar.warp.sync of these lanes; what a lane's atomic read and wrote, after it.
void syncLanes(Warp &warp, Mask lanes);
/// Lanes exchange values: what one of them acquired the others may act upon.
void shareAcquired(Warp &warp, Mask lanes);
void orderAtomic(Warp &warp, const Inst &inst, unsigned lane, Space space, uint64_t at, bool wrote);
void reportLanes(Warp &warp, const Inst &inst, const char *check, Mask lanes, const char *message);
void reportAddress(Warp &warp, const Inst &inst, const char *check, unsigned lane, uint64_t address,
                   uint32_t bytes, const char *what);
void countAccess(Warp &warp, const Inst &inst, Mask mask, const uint64_t *addresses, uint32_t bytes,
                 Space space, Access access);

/// A counter that advances with what the warp has executed: %clock.
uint64_t clockOf(const Warp &warp);
uint64_t globalTimer();

} // namespace dlc::vcuda::exec

#endif
