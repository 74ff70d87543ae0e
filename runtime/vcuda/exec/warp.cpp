// Divergence, reconvergence, calls: the services of control flow.
#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <chrono>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

WarpRun &full(Warp &warp) { return static_cast<WarpRun &>(warp); }

/// Blocks that a warp executes in a turn, and while it only polls what others must change: a lock, a flag.
constexpr int32_t sliceBlocks = 4096, pollingSliceBlocks = 64;
/// Slices with nothing but spinning before lanes that wait at a join are let go without the others.
constexpr uint32_t stuckLimit = 4;

int32_t sliceLength(WarpRun &w) {
  if (w.run->launch->options.schedule.kind != Schedule::Random)
    return w.isPatient ? sliceBlocks : pollingSliceBlocks;
  return 1 + int32_t(nextRandom(w.run->random) % 64);
}

int32_t newEntry(WarpRun &w, const Entry &entry) {
  for (size_t i = 0; i < w.entries.size(); ++i) {
    if (!w.entries[i].used) {
      w.entries[i] = entry;
      return int32_t(i);
    }
  }
  w.entries.push_back(entry);
  return int32_t(w.entries.size() - 1);
}

void setEntry(WarpRun &w, int32_t entry) {
  w.entry = entry;
  w.joinAt = entry >= 0 && w.entries[size_t(entry)].frame == w.frame ? w.entries[size_t(entry)].pc : nullptr;
}

/// The entry for a branch with this join; where the lanes already wait for the same place no new one is
/// needed.
int32_t entryFor(WarpRun &w, uint32_t join) {
  if (join == NoOperand) return w.entry;
  const Inst *pc = w.cta->code + join;
  if (w.entry >= 0) {
    const Entry &e = w.entries[size_t(w.entry)];
    if (e.pc == pc && e.frame == w.frame) return w.entry;
  }
  return newEntry(w, {pc, w.frame, w.active, 0, w.entry, true});
}

/// An entry that nobody can reach any more gives its lanes back as a split.
void releaseEntry(WarpRun &w, int32_t index) {
  Entry &e = w.entries[size_t(index)];
  Split s;
  s.pc = e.pc;
  s.mask = e.arrived;
  s.entry = e.parent;
  s.frame = e.frame;
  e.used = false;
  if (s.mask) w.splits.push_back(s);
}

} // namespace

uint64_t exec::nextRandom(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

bool WarpRun::isRunnable() const {
  return active != 0 ||
         std::any_of(splits.begin(), splits.end(), [](const Split &s) { return s.state == Split::Runnable; });
}

void exec::runNext(WarpRun &w) {
  for (size_t i = 0; i < w.splits.size(); ++i) {
    if (w.splits[i].state != Split::Runnable) continue;
    Split s = w.splits[i];
    w.splits.erase(w.splits.begin() + long(i));
    w.pc = s.pc;
    w.active = s.mask;
    w.frame = s.frame;
    w.r = s.frame->registers;
    setEntry(w, s.entry);
    return;
  }
  w.active = 0;
  w.stop = true;
}

void exec::park(WarpRun &w, const Split &split) {
  w.splits.push_back(split);
  w.active &= ~split.mask;
  if (!w.active) runNext(w);
}

void exec::diverge(Warp &warp, const Inst &inst, Mask taken) {
  WarpRun &w = full(warp);
  ++w.counters.divergentBranches;
  int32_t entry = entryFor(w, inst.aux);
  Split other;
  other.pc = w.cta->code + inst.imm;
  other.mask = taken;
  other.entry = entry;
  other.frame = w.frame;
  setEntry(w, entry);
  bool takenFirst =
      w.run->launch->options.schedule.kind == Schedule::Reverse ||
      (w.run->launch->options.schedule.kind == Schedule::Random && (nextRandom(w.run->random) & 1));
  if (takenFirst) {
    std::swap(other.pc, w.pc);
    other.mask = w.active & ~taken;
  }
  w.active &= ~other.mask;
  w.splits.push_back(other);
}

void exec::divergeIndirect(Warp &warp, const Inst &inst, const uint32_t *index, Mask mask) {
  WarpRun &w = full(warp);
  const std::vector<uint32_t> &table = w.run->launch->code->branchTables[size_t(inst.imm)];
  std::map<uint32_t, Mask> targets; // instruction -> lanes
  for (Mask m = mask; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    if (index[l] >= table.size()) {
      stopLaunch(w, inst, LaunchResult::IllegalInstruction, "index of brx.idx is outside its table");
      return;
    }
    targets[table[index[l]]] |= 1u << l;
  }
  Mask falls = w.active & ~mask;
  if (targets.size() == 1 && !falls) {
    w.pc = w.cta->code + targets.begin()->first;
    return;
  }
  ++w.counters.divergentBranches;
  int32_t entry = entryFor(w, inst.aux);
  for (auto [pc, lanes] : targets) {
    Split s;
    s.pc = w.cta->code + pc;
    s.mask = lanes;
    s.entry = entry;
    s.frame = w.frame;
    w.splits.push_back(s);
  }
  setEntry(w, entry);
  w.active = falls;
  if (!falls) runNext(w);
}

void exec::arriveAtJoin(Warp &warp) {
  WarpRun &w = full(warp);
  Entry &e = w.entries[size_t(w.entry)];
  e.arrived |= w.active;
  e.pending &= ~w.active;
  if (e.pending) {
    w.active = 0;
    runNext(w);
    return;
  }
  // All are here: go on from the block's start, so that an outer entry for the same place is seen too.
  w.active = e.arrived;
  w.pc = e.pc;
  e.used = false;
  setEntry(w, e.parent);
}

void exec::exitLanes(Warp &warp, Mask lanes) {
  WarpRun &w = full(warp);
  w.active &= ~lanes;
  w.live &= ~lanes;
  for (int32_t i = w.entry; i >= 0;) {
    Entry &e = w.entries[size_t(i)];
    int32_t parent = e.parent;
    if (e.used) {
      e.pending &= ~lanes;
      if (!e.pending && !(w.active && i == w.entry)) releaseEntry(w, i);
    }
    i = parent;
  }
  // Lanes that wait for members which are gone.
  for (Split &s : w.splits) {
    if (s.state == Split::WaitingForMembers) s.state = Split::Runnable;
  }
  if (!w.active) runNext(w);
  w.run->completeBarriers();
}

/// Loops that only spin may wait for lanes which wait for them at a join: these then go on alone. Every split
/// has its turns before that.
static void letGoWhenStuck(WarpRun &w) {
  w.stuckSlices = w.spins != w.lastSpins ? w.stuckSlices + 1 : 0;
  w.lastSpins = w.spins;
  if (w.stuckSlices < stuckLimit * (1 + w.splits.size())) return;
  w.stuckSlices = 0;
  for (Entry &e : w.entries) {
    if (!e.used || !e.arrived) continue;
    Split s;
    s.pc = e.pc;
    s.mask = e.arrived;
    s.entry = e.parent;
    s.frame = e.frame;
    e.arrived = 0;
    w.splits.push_back(s);
    w.letGo = true;
  }
}

void exec::giveWay(Warp &warp) {
  WarpRun &w = full(warp);
  if (w.spins == w.lastSpins)
    w.isPatient = true;
  else if (w.effects == w.lastEffects)
    w.isPatient = false;
  w.lastEffects = w.effects;
  w.budget = sliceLength(w);
  w.stop = true;
  w.blocksGranted += uint64_t(w.budget);
  uint64_t limit = w.run->launch->options.maxInstructions;
  if (limit && w.blocksGranted > limit)
    stopLaunch(
        w, *w.pc, LaunchResult::Timeout,
        ("a warp executed more than the " + std::to_string(limit) +
         " basic blocks that VCUDA_MAX_INSTRUCTIONS allows: it loops without an end, or needs a higher limit")
            .c_str());
  if (w.run->launch->stopped) return;
  letGoWhenStuck(w);
  auto runnable = [](const Split &s) { return s.state == Split::Runnable; };
  if (std::none_of(w.splits.begin(), w.splits.end(), runnable)) return;
  Split s;
  s.pc = w.pc;
  s.mask = w.active;
  s.entry = w.entry;
  s.frame = w.frame;
  w.splits.push_back(s);
  w.active = 0;
  w.stop = false;
  runNext(w);
  w.stop = true;
}

/// Lanes of two splits go on together: under the innermost entry that both have. They will not come to the
/// entries below it.
static void joinChains(WarpRun &w, const Split &other) {
  std::vector<int32_t> mine;
  for (int32_t e = w.entry; e >= 0; e = w.entries[size_t(e)].parent) mine.push_back(e);
  int32_t common = other.entry;
  while (common >= 0 && std::find(mine.begin(), mine.end(), common) == mine.end())
    common = w.entries[size_t(common)].parent;
  auto leave = [&](int32_t from, Mask lanes) {
    while (from != common) {
      Entry &e = w.entries[size_t(from)];
      int32_t parent = e.parent;
      e.pending &= ~lanes;
      if (!e.pending) releaseEntry(w, from);
      from = parent;
    }
  };
  leave(w.entry, w.active);
  leave(other.entry, other.mask);
  setEntry(w, common);
}

/// bar.warp.sync may stand at several places: lanes that wait at others of them with the same mask are here,
/// too, and go on from there. False when some are missing still.
static bool meetElsewhere(WarpRun &w, Mask members, Mask wanted) {
  auto meets = [&](const Split &s) {
    return s.state == Split::WaitingForMembers && s.pc->kind == Kind::WarpSync && s.members == members;
  };
  Mask come = w.active;
  for (const Split &s : w.splits) come |= meets(s) ? s.mask : 0;
  if ((come & wanted) != wanted) return false;
  for (Split &s : w.splits) {
    if (!meets(s)) continue;
    s.state = Split::Runnable;
    ++s.pc;
  }
  if (w.cta->full) syncLanes(w, wanted);
  return true;
}

bool exec::gatherMembers(Warp &warp, const Inst &inst, Mask members) {
  WarpRun &w = full(warp);
  Mask wanted = members & w.live;
  if ((w.active & wanted) == wanted) return true;
  // Lanes that wait at this very instruction join in.
  for (size_t i = 0; i < w.splits.size();) {
    Split &s = w.splits[i];
    if (s.state == Split::WaitingForMembers && s.pc == &inst && s.frame == w.frame) {
      Split other = s;
      w.splits.erase(w.splits.begin() + long(i));
      joinChains(w, other);
      w.active |= other.mask;
      i = 0;
    } else {
      ++i;
    }
  }
  if ((w.active & wanted) == wanted) {
    w.pc = &inst; // once more, with all lanes
    return false;
  }
  if (inst.kind == Kind::WarpSync && meetElsewhere(w, members, wanted)) return true;
  bool othersCanCome = !w.isAlone && std::any_of(w.splits.begin(), w.splits.end(), [](const Split &s) {
    return s.state != Split::WaitingForMembers;
  });
  w.isAlone = false;
  if (!othersCanCome) {
    reportLanes(w, inst, "divergent-sync", wanted & ~w.active,
                "lanes of the member mask never come to this instruction");
    return true;
  }
  Split s;
  s.state = Split::WaitingForMembers;
  s.pc = &inst;
  s.mask = w.active;
  s.entry = w.entry;
  s.frame = w.frame;
  s.members = members;
  park(w, s);
  return false;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Frame *exec::makeFrame(WarpRun &w, uint32_t function, Frame *parent, uint32_t localBase) {
  const CodeFunction &f = w.run->launch->code->functions[function];
  uint32_t index;
  if (!w.freeFrames.empty()) {
    index = w.freeFrames.back();
    w.freeFrames.pop_back();
  } else {
    index = uint32_t(w.frames.size());
    w.frames.push_back(std::make_unique<Frame>());
    w.windows.emplace_back();
  }
  Frame &frame = *w.frames[index];
  std::vector<uint8_t> &window = w.windows[index];
  window.assign(f.windowBytes + 64, 0);
  frame = {};
  frame.parent = parent;
  frame.registers = window.data() + (-reinterpret_cast<uintptr_t>(window.data()) & 63);
  frame.function = function;
  frame.localBase = localBase;
  frame.localTop = localBase + (f.frameBytes + 63) / 64 * 64;
  frame.lanes = w.active;
  for (const ConstantSlot &slot : f.constants) {
    if (slot.slot == NoOperand) continue;
    uint64_t value = w.run->launch->constantValue(slot, localBase);
    uint8_t *to = frame.registers + slot.slot;
    if (slot.width == 0) std::memcpy(to, &value, sizeof(Mask));
    for (unsigned l = 0; l < 32; ++l) std::memcpy(to + l * slot.width, &value, slot.width);
  }
  return &frame;
}

void exec::freeFrame(WarpRun &w, Frame *frame) {
  w.undefined.forget(*frame);
  for (uint32_t i = 0; i < w.frames.size(); ++i) {
    if (w.frames[i].get() == frame) w.freeFrames.push_back(i);
  }
}

namespace {

/// Arguments and results are copied between frame variables, lane by lane, with their state.
void copyVariables(WarpRun &w, Mask mask, uint32_t fromBase, const std::vector<uint32_t> &from,
                   uint32_t toBase, const std::vector<uint32_t> &to, const std::vector<uint32_t> &bytes) {
  for (size_t v = 0; v < to.size(); ++v) {
    for (Mask m = mask; m; m &= m - 1) {
      size_t lane = size_t(__builtin_ctz(m)) * w.localStride;
      std::memcpy(w.local + lane + toBase + to[v], w.local + lane + fromBase + from[v], bytes[v]);
      if (!w.localState) continue;
      std::memcpy(w.localState + lane + toBase + to[v], w.localState + lane + fromBase + from[v], bytes[v]);
      copyUndefined(w, lane + fromBase + from[v], lane + toBase + to[v], bytes[v]);
    }
  }
}

/// Function that a lane's address names, or -1.
int64_t functionAt(const Code &code, uint64_t address) {
  uint64_t offset = address - FunctionWindow;
  if (offset % 16 || offset == 0 || offset / 16 > code.functions.size()) return -1;
  const CodeFunction &f = code.functions[offset / 16 - 1];
  return f.hasBody && !f.isKernel ? int64_t(offset / 16 - 1) : -1;
}

} // namespace

void exec::callFunction(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = full(warp);
  const Code &code = *w.run->launch->code;
  const CallSite &site = code.calls[inst.aux];
  if (site.builtin != Builtin::None) return callBuiltin(w, inst, site, mask);
  int64_t target = site.function;
  if (target < 0) {
    const uint64_t *addresses = reinterpret_cast<const uint64_t *>(w.r + inst.a);
    uint64_t first = addresses[__builtin_ctz(mask)];
    Mask same = 0;
    for (Mask m = mask; m; m &= m - 1) {
      unsigned l = unsigned(__builtin_ctz(m));
      if (addresses[l] == first) same |= 1u << l;
    }
    mask = same;
    target = functionAt(code, first);
    const CodeFunction *f = target >= 0 ? &code.functions[size_t(target)] : nullptr;
    if (!f || f->parameterBytes != site.argumentBytes || f->resultBytes != site.resultBytes) {
      stopLaunch(w, inst, LaunchResult::IllegalInstruction,
                 "indirect call of something that is no function of this type");
      return;
    }
  }
  if (mask != w.active) {
    // The other lanes wait behind the call, or execute it again with their own target.
    Mask rest = w.active & ~mask;
    Mask guarded = inst.guard == NoOperand
                       ? w.active
                       : w.active & ((inst.guard & 1) ? ~*reinterpret_cast<Mask *>(w.r + (inst.guard & ~1u))
                                                      : *reinterpret_cast<Mask *>(w.r + inst.guard));
    for (auto [lanes, pc] : {std::pair(rest & guarded, &inst), std::pair(rest & ~guarded, &inst + 1)}) {
      if (!lanes) continue;
      Split s;
      s.pc = pc;
      s.mask = lanes;
      s.entry = w.entry;
      s.frame = w.frame;
      w.splits.push_back(s);
    }
    w.active = mask;
  }
  const CodeFunction &f = code.functions[size_t(target)];
  uint32_t base = (localTopOf(*w.frame, mask) + 63) / 64 * 64;
  if (uint64_t(base) + (f.frameBytes + 63) / 64 * 64 > w.localStride) {
    stopLaunch(w, inst, LaunchResult::IllegalAddress,
               "local memory stack overflow: calls are nested too deeply");
    return;
  }
  Frame *caller = w.frame, *frame = makeFrame(w, uint32_t(target), caller, base);
  frame->returnTo = w.pc;
  if (w.localState) {
    for (Mask m = mask; m; m &= m - 1)
      std::memset(w.localState + size_t(__builtin_ctz(m)) * w.localStride + base, ByteUninitialised,
                  f.frameBytes);
  }
  copyVariables(w, mask, caller->localBase, site.arguments, base, f.parameters, f.parameterBytes);
  w.frame = frame;
  w.r = frame->registers;
  w.pc = w.cta->code + f.entry;
  setEntry(w, w.entry);
}

void exec::returnFromFunction(Warp &warp) {
  WarpRun &w = full(warp);
  Frame *frame = w.frame, *caller = frame->parent;
  const CodeFunction &f = w.run->launch->code->functions[frame->function];
  const CallSite &site = w.run->launch->code->calls[(frame->returnTo - 1)->aux];
  copyVariables(w, w.active, frame->localBase, f.results, caller->localBase, site.results, site.resultBytes);
  frame->lanes &= ~w.active;
  w.pc = frame->returnTo;
  w.frame = caller;
  w.r = caller->registers;
  setEntry(w, w.entry);
  if (!(frame->lanes & w.live)) freeFrame(w, frame);
}

/// Ten cycles a block: a clock that advances is all that programs can rely on.
uint64_t exec::clockOf(const Warp &warp) {
  return (static_cast<const WarpRun &>(warp).blocksGranted - uint64_t(std::max(warp.budget, 0))) * 10;
}

uint64_t exec::globalTimer() {
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::steady_clock::now().time_since_epoch())
                      .count());
}
