//===- run.h - a grid in execution -----------------------------*- C++ -*-===//
//
// Launch: what all host threads share. Worker: one host thread's own counters and findings, merged at the
// end. CtaRun and WarpRun: the rest of the state behind Cta and Warp.
//
// Lanes of a warp that went apart are kept as splits. Where a branch diverges, an entry remembers the
// instruction at which its lanes meet again and who is still to come; a split that gets there waits in the
// entry until all have come or exited. This keeps warps together as the hardware's convergence barriers do,
// and every split makes progress, so that spin loops end.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_RUN_H
#define DLC_RUNTIME_VCUDA_EXEC_RUN_H

#include "runtime/vcuda/exec/full/full.h"
#include "runtime/vcuda/exec/levels.h"
#include "runtime/vcuda/exec/program.h"
#include "runtime/vcuda/exec/services.h"
#include "runtime/vcuda/exec/undefined.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>

namespace dlc::vcuda::exec {

struct Split {
  enum State : uint8_t { Runnable, AtBarrier, WaitingForMembers } state = Runnable;
  const Inst *pc = nullptr;
  Mask mask = 0;
  int32_t entry = -1;
  Frame *frame = nullptr;
  uint32_t barrier = 0;
  const Inst *reduction = nullptr; ///< bar.red that the split waits in
  Mask members = 0;
};

struct Entry {
  const Inst *pc = nullptr;
  Frame *frame = nullptr;
  Mask pending = 0, arrived = 0;
  int32_t parent = -1;
  bool used = false;
};

/// cp.async of some lanes, in flight.
struct PendingCopy {
  Mask mask = 0;
  uint32_t bytes = 0;
  uint32_t group = 0;  ///< number of commits of these lanes before the copy
  uint64_t number = 0; ///< of the warp's copies
  const Inst *inst = nullptr;
  AsyncCopy copy;
  // With full checks: when it was issued, and what its lanes knew then.
  uint32_t time = 0;
  std::vector<Party> parties;
};

/// cp.async.mbarrier.arrive of some lanes, whose copies are in flight.
struct AsyncArrival {
  uint32_t barrier = 0; ///< shared offset
  Mask lanes = 0;
  uint64_t copiesBefore = 0; ///< of the warp
  const Inst *inst = nullptr;
  Clock clock; ///< with full checks: what it hands on
};

/// Lanes that asked in vain whether a phase of an mbarrier is over.
struct PhaseWait {
  uint32_t barrier = 0; ///< shared offset
  bool phase = false;
  Mask lanes = 0;
};

struct CtaRun;

struct WarpRun : Warp {
  CtaRun *run = nullptr;
  std::vector<Split> splits; ///< all lanes that live and are neither running nor waiting in an entry
  std::vector<Entry> entries;
  std::vector<std::unique_ptr<Frame>> frames;
  std::vector<std::vector<uint8_t>> windows; ///< register windows of frames[i]
  std::vector<uint32_t> freeFrames;
  std::vector<uint8_t> localMemory, localShadow;
  std::vector<PendingCopy> copies;
  uint32_t commits[32] = {};
  uint64_t copiesIssued = 0;
  std::vector<AsyncArrival> asyncArrivals;
  std::map<const Inst *, PhaseWait> phaseWaits; ///< since something last moved
  /// Clocks at the last fence, and what later ones will have learnt from strong reads of shared memory.
  std::vector<uint32_t> fenced, seen;
  uint32_t lastSpins = 0, lastEffects = 0, stuckSlices = 0;
  bool isPatient = true;      ///< has long turns: it did not only poll of late
  uint64_t blocksGranted = 0; ///< sum of the budgets so far
  bool isAlone = false;       ///< the members that some lanes wait for do not come: nothing can go on
  FullWarp known;
  UndefinedBits undefined;
  bool isDone() const { return live == 0; }
  bool isRunnable() const;
};

struct BarrierState {
  uint32_t arrivedThreads = 0;
  uint32_t expected = 0; ///< threads, 0 = all of the CTA
  bool inUse = false;
  uint32_t popc = 0;
  bool all = true, any = false;
  std::vector<uint32_t> clock; ///< join of the arrivers' vector clocks
  Clock known;                 ///< the same of the full checks
};

/// What the clocks of an mbarrier's arrivals come to, in its phase and in the one before.
struct MbarrierClocks {
  BarrierState filling, completed;
};

struct Launch;
struct Worker;

struct CtaRun : Cta {
  Launch *launch = nullptr;
  Worker *worker = nullptr;
  uint64_t number = 0; ///< linear index in the grid
  std::vector<std::unique_ptr<WarpRun>> warps;
  std::vector<uint8_t> sharedMemory, sharedBytesState;
  BarrierState barriers[16];
  std::map<uint32_t, std::vector<uint32_t>>
      releases;                                 ///< clocks that strong writes published, by shared offset
  std::map<uint32_t, MbarrierClocks> mbarriers; ///< by shared offset
  uint64_t mbarrierEvents = 0;                  ///< initialisations, arrivals and ends
  uint32_t idleRounds = 0; ///< in which every warp did nothing but wait for an mbarrier in vain
  uint64_t random = 0;
  std::shared_ptr<SharedShadow> shadowStorage; ///< kept from CTA to CTA
  std::shared_ptr<FullCta> fullStorage;        ///< the same
  std::string printed;

  void start(Launch &launch, Worker &worker, uint64_t number);
  enum class Outcome { Finished, GaveWay, Stopped };
  /// Runs until all warps are done, or no warp can go on without another CTA.
  Outcome advance();
  bool runWarp(WarpRun &warp);
  /// Whether the CTA waits for mbarriers that nobody can complete any more, after a round.
  bool waitsForEver(bool onlyWaited, uint64_t eventsBefore);
  uint32_t liveThreads() const;
  /// Lanes that wait for members of their warp which cannot come are to say so and go on. False: there are
  /// none.
  bool giveUpOnMembers();
  void completeBarriers();
  void releaseBarrier(uint32_t id);
  std::string describeWaiting() const;
};

/// First occurrence of a finding and how many there were.
struct FindingRecord {
  uint64_t cta = 0;
  uint32_t thread = 0;
  uint64_t count = 0;
  Finding finding;
};
using FindingKey = std::pair<uint32_t, std::string>; ///< instruction, check

/// A plain read that races with an atomic: right when its thread goes on to compare-and-swap the value.
struct Guess {
  uint64_t warp = 0;
  Mask lanes = 0;
  FindingKey key;
  FindingRecord record;
};
using Guesses = std::unordered_map<uint64_t, std::vector<Guess>>; ///< by address, as guessKey makes it

struct Worker {
  Launch *launch = nullptr;
  std::vector<uint64_t> blockCounts;
  WarpCounters warpCounters;
  uint64_t reads = 0, writes = 0; ///< of global memory, where counted
  uint64_t sectorsRead = 0, sectorsWritten = 0, conflicts = 0, mmaFlops = 0, ctas = 0, warps = 0;
  std::map<FindingKey, FindingRecord> findings;
  std::map<uint32_t, LineCounters> lines; ///< by instruction
  std::vector<std::unique_ptr<CtaRun>> pool;
  std::map<uint64_t, std::string> printed;
  struct TouchedPage {
    uint64_t read[1024] = {}, written[1024] = {}; ///< one bit per byte of 64 KiB
  };
  std::map<uint64_t, std::unique_ptr<TouchedPage>> pages;
  TouchedPage *lastPage = nullptr;
  uint64_t lastPageNumber = 0;
  std::deque<std::unique_ptr<CtaRun>> waiting; ///< CTAs that gave way
  size_t fruitlessTurns = 0;
  std::unique_ptr<CtaRun> nextCta();
  void run();
};

struct Launch {
  const ModuleInstance *instance = nullptr;
  const Code *code = nullptr;
  const Inst *instructions = nullptr;
  std::vector<Inst> adapted; ///< for arithmetic that is not the default one
  const CodeFunction *function = nullptr;
  uint32_t functionIndex = 0;
  const KernelInfo *kernel = nullptr;
  LaunchConfig config;
  GlobalMemory *memory = nullptr;
  DeviceLimits limits;
  Options options;
  const CoreLevel *level = nullptr;
  uint32_t sharedBytes = 0, reservedShared = 0, threadsPerCta = 0, warpsPerCta = 0;
  uint64_t ctaCount = 0;
  std::vector<uint8_t> parameters;
  std::atomic<uint64_t> nextCta{0};
  std::atomic<bool> stopped{false};
  std::mutex mutex; ///< of the result
  LaunchResult result;
  uint64_t stopCta = ~uint64_t(0);
  std::unique_ptr<FullLaunch> full;
  Guesses guesses;

  uint64_t ctaAt(uint64_t position) const;
  void stop(uint64_t cta, LaunchResult::Status status, std::string message);
  uint64_t constantValue(const ConstantSlot &slot, uint32_t localBase) const;
};

/// What the lanes wait for, in words.
std::string describePhaseWait(const CtaRun &cta, const PhaseWait &wait);
/// Makes a register window of a function: constants filled, the rest zero.
/// Behind all that these lanes have in local memory.
uint32_t localTopOf(const Frame &frame, Mask lanes);
Frame *makeFrame(WarpRun &warp, uint32_t function, Frame *parent, uint32_t localBase);
void freeFrame(WarpRun &warp, Frame *frame);
/// Makes a runnable split the running one; without one the warp stops.
void runNext(WarpRun &warp);
/// Takes lanes out of the running split and puts them aside.
void park(WarpRun &warp, const Split &split);
Dim3 threadOf(const Warp &warp, unsigned lane);
uint64_t nextRandom(uint64_t &state);

/// vprintf and __assertfail (builtins.cpp).
void callBuiltin(Warp &warp, const Inst &inst, const CallSite &site, Mask mask);
/// malloc and free (heap.cpp).
void callHeap(WarpRun &warp, const Inst &inst, const CallSite &site, Mask mask);

struct OtherThread {
  Dim3 cta, thread;
};

/// Adds a finding of the running instruction; the first by CTA and thread is described.
void addFinding(Warp &warp, const Inst &inst, const char *check, unsigned lane, std::string message,
                const Inst *other = nullptr, std::string otherText = {},
                const OtherThread *otherThread = nullptr);
/// The same, for later.
FindingRecord findingRecord(const Warp &warp, const Inst &inst, const char *check, unsigned lane,
                            std::string message, const Inst *other, std::string otherText,
                            const OtherThread *otherThread);

} // namespace dlc::vcuda::exec

#endif
