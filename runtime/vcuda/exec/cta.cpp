// A CTA: its warps take turns; barriers; deadlocks.
#include "runtime/vcuda/exec/checks.h"
#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

WarpRun &full(Warp &warp) { return static_cast<WarpRun &>(warp); }

void startWarp(CtaRun &cta, WarpRun &w, uint32_t index) {
  Launch &launch = *cta.launch;
  static_cast<Warp &>(w) = Warp();
  w.run = w.run;
  w.cta = &cta;
  w.index = index;
  w.blockCounts = cta.worker->blockCounts.data();
  w.threads = std::min(32u, launch.threadsPerCta - index * 32);
  w.live = w.threads == 32 ? ~0u : (1u << w.threads) - 1;
  w.active = w.live;
  for (uint32_t l = 0; l < 32; ++l) {
    uint32_t t = index * 32 + l;
    w.tid[0][l] = uint16_t(t % cta.ntid[0]);
    w.tid[1][l] = uint16_t(t / cta.ntid[0] % cta.ntid[1]);
    w.tid[2][l] = uint16_t(t / cta.ntid[0] / cta.ntid[1]);
  }
  w.splits.clear();
  w.entries.clear();
  w.copies.clear();
  w.asyncArrivals.clear();
  w.fenced.clear();
  w.seen.clear();
  w.copiesIssued = 0;
  std::memset(w.commits, 0, sizeof w.commits);
  w.phaseWaits.clear();
  w.lastSpins = w.lastEffects = w.stuckSlices = 0;
  w.isPatient = true;
  w.letGo = w.isAlone = false;
  w.blocksGranted = 0;
  w.undefined.reset();
  w.freeFrames.clear();
  for (uint32_t f = 0; f < w.frames.size(); ++f) w.freeFrames.push_back(uint32_t(w.frames.size()) - 1 - f);
  uint32_t stride = launch.function->localBytes;
  w.localStride = stride;
  w.localMemory.assign(size_t(stride) * 32 + 64, 0xff);
  w.local = w.localMemory.data() + (-reinterpret_cast<uintptr_t>(w.localMemory.data()) & 63);
  if (cta.checks) {
    w.localShadow.assign(size_t(stride) * 32, ByteUninitialised);
    w.localState = w.localShadow.data();
  }
  w.frame = makeFrame(w, launch.functionIndex, nullptr, 0);
  w.r = w.frame->registers;
  w.pc = launch.instructions + launch.function->entry;
  w.budget = 0;
}

/// Threads that the barrier still waits for are gone or counted.
bool isComplete(const CtaRun &cta, const BarrierState &b) {
  if (!b.inUse) return false;
  return b.expected ? b.arrivedThreads >= b.expected : b.arrivedThreads >= cta.liveThreads();
}

} // namespace

void CtaRun::start(Launch &newLaunch, Worker &newWorker, uint64_t newNumber) {
  static_cast<Cta &>(*this) = Cta();
  launch = &newLaunch;
  worker = &newWorker;
  number = newNumber;
  run = this;
  const GlobalMemory &memory = *launch->memory;
  globalBase = memory.base;
  globalSize = memory.size;
  globalBytes = memory.bytes;
  globalState = memory.state;
  globalWriters = memory.writers;
  checks = launch->options.checks != Checks::Off;
  counting = launch->options.counters;
  writerTag = (launch->config.launchNumber & 0xffffff) << 40 | (number & 0xffffffff) << 8;
  const LaunchConfig &config = launch->config;
  nctaid[0] = config.grid.x, nctaid[1] = config.grid.y, nctaid[2] = config.grid.z;
  ntid[0] = config.block.x, ntid[1] = config.block.y, ntid[2] = config.block.z;
  ctaid[0] = uint32_t(number % config.grid.x);
  ctaid[1] = uint32_t(number / config.grid.x % config.grid.y);
  ctaid[2] = uint32_t(number / config.grid.x / config.grid.y);
  nsmid = launch->limits.smCount;
  smid = uint32_t(number % std::max(1u, nsmid));
  gridId = config.launchNumber;
  sharedBytes = launch->sharedBytes;
  dynamicSharedBytes = config.dynamicSharedBytes;
  gridWorkspace = config.gridWorkspace;
  reservedShared = launch->reservedShared;
  params = launch->parameters.data();
  paramBytes = uint32_t(launch->kernel->parameterBytes);
  constantBank = launch->instance->constantBank;
  constantBytes = launch->instance->module->constantBankBytes;
  operands = launch->code->operands.data();
  code = launch->instructions;
  warpCount = launch->warpsPerCta;
  sharedMemory.assign(sharedBytes + 64, 0xff);
  shared = sharedMemory.data() + (-reinterpret_cast<uintptr_t>(sharedMemory.data()) & 63);
  if (checks) {
    sharedBytesState.assign(sharedBytes, ByteUninitialised);
    sharedState = sharedBytesState.data();
  }
  // The system's part of shared memory is zero.
  std::fill(sharedMemory.begin() + (shared - sharedMemory.data()) + reservedShared, sharedMemory.end(),
            uint8_t(0));
  if (checks)
    std::fill(sharedBytesState.begin() + reservedShared, sharedBytesState.end(), uint8_t(ByteReady));
  for (BarrierState &b : barriers) b = BarrierState();
  mbarriers.clear();
  mbarrierEvents = idleRounds = 0;
  releases.clear();
  printed.clear();
  random = launch->options.schedule.seed * 0x9e3779b97f4a7c15 + number;
  while (warps.size() < warpCount) {
    warps.push_back(std::make_unique<WarpRun>());
    warps.back()->run = this;
  }
  for (uint32_t i = 0; i < warpCount; ++i) startWarp(*this, *warps[i], i);
  startShadow(*this);
  startFull(*this);
}

uint32_t CtaRun::liveThreads() const {
  uint32_t count = 0;
  for (uint32_t i = 0; i < warpCount; ++i) count += uint32_t(__builtin_popcount(warps[i]->live));
  return count;
}

/// Rounds of vain waits for mbarriers before they are taken for endless: only the CTA itself could end them.
/// A program may also ask some times and then do something else.
static constexpr uint32_t idleLimit = 20000;

/// Turns with atomics or volatile accesses, which may be waiting in a loop, that end the run of the warp
/// which is ahead. More than libraries ask before they back off, so that what they do then is executed, too.
static constexpr uint32_t patienceAhead = 40;

/// The order of the warps in one round; the one that is ahead has a turn before each of the others.
static std::vector<uint32_t> warpOrder(const Schedule &schedule, uint32_t warpCount) {
  std::vector<uint32_t> order;
  uint32_t first = schedule.kind == Schedule::Ahead ? uint32_t(schedule.seed % warpCount) : warpCount;
  for (uint32_t i = 0; i < warpCount; ++i) {
    if (i == first) continue;
    if (first < warpCount) order.push_back(first);
    order.push_back(i);
  }
  if (order.empty()) order.push_back(0);
  if (schedule.kind == Schedule::Reverse) std::reverse(order.begin(), order.end());
  return order;
}

/// One turn of a warp. False when it did nothing but wait for others in a loop.
bool CtaRun::runWarp(WarpRun &w) {
  uint32_t spins = w.spins;
  if (!w.active) runNext(w);
  w.stop = false;
  runFollowing(w);
  return w.isDone() || !w.isRunnable() || w.spins == spins;
}

CtaRun::Outcome CtaRun::advance() {
  Schedule schedule = launch->options.schedule;
  std::vector<uint32_t> order = warpOrder(schedule, warpCount);
  bool ahead = schedule.kind == Schedule::Ahead;
  for (;;) {
    if (schedule.kind == Schedule::Random) {
      for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[nextRandom(random) % i]);
    }
    bool ran = false, progressed = false, done = true, onlyWaited = true;
    uint64_t events = mbarrierEvents;
    for (uint32_t i : order) {
      WarpRun &w = *warps[i];
      if (w.isDone() || !w.isRunnable()) {
        done = done && w.isDone();
        continue;
      }
      done = false;
      ran = true;
      uint32_t patience = ahead && i == schedule.seed % warpCount ? patienceAhead : 1;
      while (patience > 0 && !w.isDone() && w.isRunnable()) {
        uint32_t spins = w.spins, idle = w.idleSpins;
        bool moved = runWarp(w);
        onlyWaited = onlyWaited && w.spins != spins && w.spins - spins == w.idleSpins - idle && !w.isDone();
        if (launch->stopped) return Outcome::Stopped;
        progressed = progressed || moved;
        if (!moved || patience == 1) --patience;
      }
    }
    if (done) return Outcome::Finished;
    if (!ran && giveUpOnMembers()) continue;
    if (!ran || waitsForEver(onlyWaited, events)) {
      launch->stop(number, LaunchResult::Deadlock,
                   "CTA " + std::to_string(number) + " cannot go on: " + describeWaiting());
      return Outcome::Stopped;
    }
    if (!progressed) return Outcome::GaveWay;
  }
}

bool CtaRun::giveUpOnMembers() {
  bool any = false;
  for (uint32_t i = 0; i < warpCount; ++i) {
    for (Split &s : warps[i]->splits) {
      if (s.state != Split::WaitingForMembers) continue;
      s.state = Split::Runnable;
      any = warps[i]->isAlone = true;
    }
  }
  return any;
}

bool CtaRun::waitsForEver(bool onlyWaited, uint64_t eventsBefore) {
  bool waits = false;
  for (uint32_t i = 0; i < warpCount; ++i) waits = waits || !warps[i]->phaseWaits.empty();
  if (onlyWaited && mbarrierEvents == eventsBefore) return ++idleRounds > idleLimit && waits;
  idleRounds = 0;
  if (waits)
    for (uint32_t i = 0; i < warpCount; ++i) warps[i]->phaseWaits.clear();
  return false;
}

std::string CtaRun::describeWaiting() const {
  std::string text;
  for (uint32_t i = 0; i < warpCount; ++i) {
    for (const auto &[inst, wait] : warps[i]->phaseWaits) {
      if (!text.empty()) text += "; ";
      text += "warp " + std::to_string(i) + " waits at line " + std::to_string(inst->line) + " for " +
              describePhaseWait(*this, wait);
      if (text.size() > 600) return text + " ...";
    }
    for (const Split &s : warps[i]->splits) {
      if (!text.empty()) text += "; ";
      text += "warp " + std::to_string(i) + " waits at line " +
              std::to_string((s.pc - (s.state == Split::AtBarrier))->line);
      if (s.state == Split::AtBarrier) {
        const BarrierState &b = barriers[s.barrier];
        text += " for barrier " + std::to_string(s.barrier) + " (" + std::to_string(b.arrivedThreads) +
                " of " + std::to_string(b.expected ? b.expected : liveThreads()) + " threads are there)";
      } else {
        text += " for other lanes of its warp";
      }
      if (text.size() > 600) return text + " ...";
    }
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void exec::arriveAtBarrier(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = full(warp);
  CtaRun &cta = *w.run;
  if ((inst.mods & ModAligned) && mask != w.live && w.letGo && !gatherMembers(w, inst, w.live)) return;
  ++w.counters.barriers;
  unsigned first = unsigned(__builtin_ctz(mask));
  uint32_t id = reinterpret_cast<const uint32_t *>(w.r + inst.a)[first];
  uint32_t count = inst.b == NoOperand ? 0 : reinterpret_cast<const uint32_t *>(w.r + inst.b)[first];
  if (id >= 16 || (inst.b != NoOperand && (count == 0 || count % 32))) {
    stopLaunch(w, inst, LaunchResult::IllegalInstruction,
               id >= 16 ? "barrier number is above 15" : "thread count of a barrier is no multiple of 32");
    return;
  }
  if ((inst.mods & ModAligned) && mask != w.live)
    reportLanes(w, inst, "divergent-barrier", w.live & ~mask, "lanes of the warp are missing at the barrier");
  uint32_t mode = inst.mods >> ModKindShift & 7;
  BarrierState &b = cta.barriers[id];
  if (b.inUse && b.expected != count)
    reportLanes(w, inst, "barrier-count", mask,
                "arrives with another thread count than the threads before it");
  if (!b.inUse) b = BarrierState();
  b.inUse = true;
  b.expected = count;
  b.arrivedThreads += count && mask == w.live ? 32 : uint32_t(__builtin_popcount(mask));
  barrierArrive(w, mask, b);
  if (inst.kind == Kind::BarRed) {
    Mask p = *reinterpret_cast<const Mask *>(w.r + inst.c);
    if (inst.mods >> 20 & 1) p = ~p;
    p &= mask;
    b.popc += uint32_t(__builtin_popcount(p));
    b.all = b.all && p == mask;
    b.any = b.any || p;
  }
  if (mode != 1) {
    Split s;
    s.state = Split::AtBarrier;
    s.pc = w.pc;
    s.mask = mask;
    s.entry = w.entry;
    s.frame = w.frame;
    s.barrier = id;
    s.reduction = inst.kind == Kind::BarRed ? &inst : nullptr;
    park(w, s);
  }
  if (isComplete(cta, b)) cta.releaseBarrier(id);
}

void CtaRun::releaseBarrier(uint32_t id) {
  BarrierState &b = barriers[id];
  for (uint32_t i = 0; i < warpCount; ++i) {
    WarpRun &w = *warps[i];
    Mask waited = 0;
    for (Split &s : w.splits) {
      if (s.state != Split::AtBarrier || s.barrier != id) continue;
      s.state = Split::Runnable;
      waited |= s.mask;
      if (!s.reduction) continue;
      const Inst &inst = *s.reduction;
      uint32_t mode = inst.mods >> ModKindShift & 7;
      if (mode == 2) {
        uint32_t *d = reinterpret_cast<uint32_t *>(s.frame->registers + inst.dst);
        for (Mask m = s.mask; m; m &= m - 1) d[__builtin_ctz(m)] = b.popc;
      } else {
        Mask &p = *reinterpret_cast<Mask *>(s.frame->registers + inst.dst);
        p = (p & ~s.mask) | ((mode == 3 ? b.all : b.any) ? s.mask : 0);
      }
    }
    if (waited) barrierLeave(w, waited, b);
  }
  b.inUse = false;
}

void CtaRun::completeBarriers() {
  for (uint32_t id = 0; id < 16; ++id) {
    bool someoneWaits = false;
    for (uint32_t i = 0; i < warpCount; ++i) {
      for (const Split &s : warps[i]->splits)
        someoneWaits = someoneWaits || (s.state == Split::AtBarrier && s.barrier == id);
    }
    if (someoneWaits && isComplete(*this, barriers[id])) releaseBarrier(id);
  }
}
