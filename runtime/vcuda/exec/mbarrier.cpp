// Barriers in shared memory that count arrivals (PTX ISA 9.7.13.15), without transactions.
//
// The 64-bit object holds a mark that it is one, the phase, how many arrivals the phase still waits for and
// how many the next one will: programs may only look at it through these instructions, so its layout is ours.
// Its clocks stand aside: whoever arrives hands on what it knows, whoever sees the phase end learns it.
//
// A cp.async.mbarrier.arrive arrives when the copies before it are done; that is as late as can be, when
// somebody would otherwise wait in vain.
#include "runtime/vcuda/exec/checks.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

constexpr uint32_t countLimit = (1u << 20) - 1;
constexpr uint64_t mark = 0xb5d1;

struct Object {
  uint32_t expected = 0, pending = 0, phase = 0;
  bool valid = false;
};

Object decode(uint64_t word) {
  Object o;
  o.expected = uint32_t(word) & countLimit;
  o.pending = uint32_t(word >> 20) & countLimit;
  o.phase = uint32_t(word >> 40) & 1;
  o.valid = word >> 48 == mark;
  return o;
}
uint64_t encode(const Object &o) {
  return mark << 48 | uint64_t(o.phase) << 40 | uint64_t(o.pending) << 20 | o.expected;
}

/// One lane's access to one barrier.
struct Place {
  WarpRun &w;
  const Inst &inst;
  unsigned lane;
  uint32_t at;

  Object load() const {
    uint64_t word;
    std::memcpy(&word, w.cta->shared + at, 8);
    return decode(word);
  }
  void store(uint64_t word) const {
    std::memcpy(w.cta->shared + at, &word, 8);
    if (w.cta->checks) std::memset(w.cta->sharedState + at, ByteReady, 8);
  }
  void report(const char *check, const char *message) const {
    if (w.cta->checks) addFinding(w, inst, check, lane, message);
  }
  MbarrierClocks &clocks() const { return w.run->mbarriers[at]; }
};

/// `handed`: what an arrival that was asked for earlier hands on, with full checks.
void arrive(const Place &a, Object &o, uint32_t count, bool mayComplete, const Clock *handed = nullptr) {
  if (handed)
    a.clocks().filling.known.join(*handed);
  else
    barrierArrive(a.w, 1u << a.lane, a.clocks().filling);
  if (count > o.pending || (!mayComplete && count == o.pending))
    a.report("mbarrier-count", count > o.pending ? "more arrivals than the phase of the barrier waits for"
                                                 : "an arrival with .noComplete ends the phase");
  o.pending -= std::min(count, o.pending);
  if (o.pending == 0) {
    o.phase ^= 1;
    o.pending = o.expected;
    a.clocks().completed = a.clocks().filling;
    a.clocks().filling = BarrierState();
  }
  a.store(encode(o));
}

/// Copies that this barrier would wait for are done now. True when there were any.
bool finishCopies(const Place &a) {
  CtaRun &cta = *a.w.run;
  bool any = false;
  for (uint32_t i = 0; i < cta.warpCount; ++i) {
    WarpRun &w = *cta.warps[i];
    for (size_t k = 0; k < w.asyncArrivals.size();) {
      AsyncArrival arrival = w.asyncArrivals[k];
      if (arrival.barrier != a.at) {
        ++k;
        continue;
      }
      ++cta.mbarrierEvents;
      w.asyncArrivals.erase(w.asyncArrivals.begin() + long(k));
      finishCopiesBefore(w, arrival.lanes, arrival.copiesBefore);
      for (Mask m = arrival.lanes; m; m &= m - 1) {
        Place other = {w, *arrival.inst, unsigned(__builtin_ctz(m)), a.at};
        Object o = other.load();
        if (o.valid) arrive(other, o, 1, true, cta.full ? &arrival.clock : nullptr);
      }
      any = true;
    }
  }
  return any;
}

bool isOver(const Place &a, bool parity, uint64_t wanted) {
  uint32_t phase = a.load().phase;
  return phase != (parity ? wanted & 1 : decode(wanted).phase);
}

bool test(const Place &a, bool parity, uint64_t wanted) {
  bool over = isOver(a, parity, wanted);
  if (!over && finishCopies(a)) over = isOver(a, parity, wanted);
  if (over && a.w.cta->full)
    acquireLanes(a.w, 1u << a.lane, a.clocks().completed.known);
  else if (over)
    barrierLeave(a.w, 1u << a.lane, a.clocks().completed);
  return over;
}

/// The barrier that a lane names; false when there can be none.
bool locate(WarpRun &w, const Inst &inst, unsigned lane, uint32_t &at) {
  const uint8_t *slot = w.r + inst.a;
  uint64_t address = uint64_t(inst.imm);
  address += inst.width2 == 8 ? reinterpret_cast<const uint64_t *>(slot)[lane]
                              : reinterpret_cast<const uint32_t *>(slot)[lane];
  if (inst.width2 == 4) address = uint32_t(address);
  if (inst.space == Space::Generic) address -= SharedWindow;
  if (address % 8 == 0 && w.cta->sharedBytes >= 8 && address <= w.cta->sharedBytes - 8) {
    at = uint32_t(address);
    return true;
  }
  reportAddress(w, inst, address % 8 ? "misaligned" : "out-of-bounds", lane, address, 8, "shared memory");
  return false;
}

} // namespace

std::string exec::describePhaseWait(const CtaRun &cta, const PhaseWait &wait) {
  uint64_t word;
  std::memcpy(&word, cta.shared + wait.barrier, 8);
  Object o = decode(word);
  return "the end of phase " + std::to_string(wait.phase) + " of the mbarrier at shared byte " +
         std::to_string(wait.barrier) + " (" + std::to_string(o.pending) + " of " +
         std::to_string(o.expected) + " arrivals are missing)";
}

void exec::mbarrier(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = static_cast<WarpRun &>(warp);
  const uint32_t *pool = w.cta->operands + inst.aux;
  MbarrierOp op = MbarrierOp(inst.mods >> ModKindShift & 15);
  bool flag = inst.mods >> 20 & 1, waits = op == MbarrierOp::TestWait;
  ++w.spins;
  Mask failed = 0;
  w.run->mbarrierEvents += !waits && op != MbarrierOp::PendingCount;
  auto value = [&](unsigned lane) -> uint64_t {
    if (inst.b == NoOperand) return 1;
    return inst.width == 8 ? reinterpret_cast<const uint64_t *>(w.r + inst.b)[lane]
                           : reinterpret_cast<const uint32_t *>(w.r + inst.b)[lane];
  };
  for (Mask m = mask; m; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    if (op == MbarrierOp::PendingCount) {
      reinterpret_cast<uint32_t *>(w.r + inst.dst)[lane] =
          decode(reinterpret_cast<const uint64_t *>(w.r + inst.a)[lane]).pending;
      continue;
    }
    Place a = {w, inst, lane, 0};
    bool found = locate(w, inst, lane, a.at);
    Object o = found ? a.load() : Object();
    if (op == MbarrierOp::Init && found) {
      uint64_t count = value(lane);
      if (o.valid) a.report("mbarrier-init", "a barrier that is in use is initialised again");
      if (count == 0 || count > countLimit)
        a.report("mbarrier-count", "a barrier needs a count from 1 to 2^20 - 1");
      a.clocks() = MbarrierClocks();
      if (w.cta->shadow) recordSharedWrite(w, inst, lane, a.at, 8, false);
      if (w.cta->full) touchShared(w, inst, lane, a.at, 8, Access::Write);
      a.store(encode({uint32_t(count), uint32_t(count), 0, true}));
      continue;
    }
    if (found && !o.valid) a.report("mbarrier-init", "this is no barrier: not initialised, or made invalid");
    bool usable = found && o.valid;
    // The initialisation must be known here: that is what a race with it would show.
    if (usable && w.cta->full) touchShared(w, inst, lane, a.at, 8, waits ? Access::Read : Access::Write);
    if (usable && w.cta->shadow) {
      if (op == MbarrierOp::Invalidate)
        recordSharedWrite(w, inst, lane, a.at, 8, false);
      else
        recordSharedWrite(w, inst, lane, a.at, 8, true);
    }
    switch (op) {
    case MbarrierOp::Invalidate:
      if (usable) a.store(0);
      break;
    case MbarrierOp::Arrive:
    case MbarrierOp::ArriveDrop: {
      uint32_t count = uint32_t(value(lane));
      uint64_t state = usable ? encode(o) : 0;
      if (usable && op == MbarrierOp::ArriveDrop) {
        if (count > o.expected) a.report("mbarrier-count", "more threads leave the barrier than it has");
        o.expected -= std::min(count, o.expected);
      }
      if (usable) arrive(a, o, count, !flag);
      if (inst.count) reinterpret_cast<uint64_t *>(w.r + pool[0])[lane] = state;
      break;
    }
    case MbarrierOp::AsyncArrive: {
      if (!usable) break;
      if (!flag) { // the arrival to come is one more than the phase waits for already
        o.pending = std::min(o.pending + 1, countLimit);
        a.store(encode(o));
      }
      w.asyncArrivals.push_back({a.at, 1u << lane, w.copiesIssued, &inst, {}});
      if (w.cta->full) w.asyncArrivals.back().clock = publishLane(w, lane);
      break;
    }
    default: { // an unusable barrier keeps nobody waiting: it is reported
      bool over = !usable || test(a, flag, value(lane));
      if (!over) {
        failed |= 1u << lane;
        PhaseWait &wait = w.phaseWaits[&inst];
        wait.lanes = (wait.barrier == a.at ? wait.lanes : 0) | 1u << lane;
        wait.barrier = a.at;
        wait.phase = o.phase;
      }
      Mask &p = *reinterpret_cast<Mask *>(w.r + inst.dst);
      p = (p & ~(1u << lane)) | (over ? 1u << lane : 0);
    }
    }
  }
  if (!waits || !failed) return;
  if (failed == mask) ++w.idleSpins;
  giveWay(w);
}
