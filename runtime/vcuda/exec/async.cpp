// cp.async: nothing moves until the copy is waited for. From issue on the destination holds 0xff bytes,
// marked as pending; the source is read at the last moment that the program allows, when a wait completes the
// copy's group.
#include "runtime/vcuda/exec/checks.h"
#include "runtime/vcuda/exec/guest.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

WarpRun &full(Warp &warp) { return static_cast<WarpRun &>(warp); }

/// Lanes whose destination and source may be touched.
Mask checkCopy(WarpRun &w, const Inst &inst, Mask mask, const AsyncCopy &copy) {
  CtaRun &cta = *w.run;
  Mask good = mask;
  uint32_t bytes = inst.width;
  for (Mask m = mask; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    uint32_t at = copy.shared[l];
    if (at % bytes || cta.sharedBytes < bytes || at > cta.sharedBytes - bytes) {
      reportAddress(w, inst, at % bytes ? "misaligned" : "out-of-bounds", l, at, bytes, "shared memory");
      good &= ~(1u << l);
    }
  }
  for (Mask m = good; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    uint32_t from = copy.sourceBytes[l];
    if (from == 0) continue;
    uint64_t offset = copy.global[l] - cta.globalBase;
    bool quick = copy.global[l] % bytes == 0 && cta.globalSize >= bytes && offset <= cta.globalSize - bytes;
    if (quick && !cta.checks) continue;
    if (copy.global[l] % bytes) {
      reportAddress(w, inst, "misaligned", l, copy.global[l], bytes, "global memory");
      good &= ~(1u << l);
      continue;
    }
    good &= ~(1u << l);
    // A short source need not be a power of two: its bytes are looked at one by one.
    uint64_t at[32] = {};
    bool ok = true;
    for (uint32_t k = 0; k < from && ok;) {
      uint32_t step = from - k >= 16 ? 16 : from - k >= 8 ? 8 : from - k >= 4 ? 4 : from - k >= 2 ? 2 : 1;
      at[l] = copy.global[l] + k;
      ok = checkGlobal(w, inst, 1u << l, at, step, Access::Read, nullptr) != 0;
      k += step;
    }
    if (ok) good |= 1u << l;
  }
  return good;
}

/// `time`: of the warp, when its writes are there.
void finish(WarpRun &w, PendingCopy &p, Mask lanes, uint32_t time) {
  CtaRun &cta = *w.run;
  for (Mask m = lanes & p.mask; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    uint8_t *to = cta.shared + p.copy.shared[l];
    if (p.copy.sourceBytes[l])
      guest::read(to, cta.globalBytes + (p.copy.global[l] - cta.globalBase), p.copy.sourceBytes[l]);
    std::memset(to + p.copy.sourceBytes[l], 0, p.bytes - p.copy.sourceBytes[l]);
    if (!cta.checks) continue;
    std::memset(cta.sharedState + p.copy.shared[l], ByteReady, p.bytes);
    if (cta.shadow) recordSharedWrite(w, *p.inst, l, p.copy.shared[l], p.bytes, false);
    if (!cta.full) continue;
    checkCopySource(w, p, l);
    recordCopied(w, *p.inst, l, p.copy.shared[l], p.bytes, time);
  }
  p.mask &= ~lanes;
}

/// With full checks: the destination is free from what others do, and from other copies.
void startCopy(WarpRun &w, const Inst &inst, unsigned lane, uint32_t at) {
  const uint8_t *state = w.cta->sharedState + at;
  if (std::find(state, state + inst.width, SharedPending) != state + inst.width)
    addFinding(w, inst, "async-pending", lane,
               "copies to shared byte " + std::to_string(at) +
                   ", which another cp.async that has not been waited for will write");
  touchShared(w, inst, lane, at, inst.width, Access::Write);
}

void forgetFinished(WarpRun &w) {
  w.copies.erase(
      std::remove_if(w.copies.begin(), w.copies.end(), [](const PendingCopy &p) { return p.mask == 0; }),
      w.copies.end());
}

} // namespace

void exec::issueCopies(Warp &warp, const Inst &inst, Mask mask, const AsyncCopy &copy) {
  WarpRun &w = full(warp);
  CtaRun &cta = *w.run;
  Mask good = checkCopy(w, inst, mask, copy);
  for (Mask m = good; m; m &= m - 1) w.counters.globalBytesRead += copy.sourceBytes[__builtin_ctz(m)];
  if (cta.counting) {
    uint64_t at[32];
    Mask reads = 0;
    for (unsigned l = 0; l < 32; ++l) {
      at[l] = copy.shared[l];
      reads |= Mask(copy.sourceBytes[l] != 0) << l;
    }
    countAccess(w, inst, good, at, inst.width, Space::Shared, Access::Write);
    countAccess(w, inst, good & reads, copy.global, inst.width, Space::Global, Access::Read);
  }
  if (cta.checks) {
    for (Mask m = good; m; m &= m - 1) {
      unsigned l = unsigned(__builtin_ctz(m));
      if (cta.shadow) recordSharedWrite(w, inst, l, copy.shared[l], inst.width, false);
      if (cta.full) startCopy(w, inst, l, copy.shared[l]);
      std::memset(cta.shared + copy.shared[l], 0xff, inst.width);
      std::memset(cta.sharedState + copy.shared[l], SharedPending, inst.width);
    }
  }
  // Lanes with equal numbers of commits so far share a group.
  while (good) {
    uint32_t group = w.commits[__builtin_ctz(good)];
    PendingCopy p;
    for (Mask m = good; m; m &= m - 1) {
      unsigned l = unsigned(__builtin_ctz(m));
      if (w.commits[l] == group) p.mask |= 1u << l;
    }
    p.bytes = inst.width;
    p.group = group;
    p.number = w.copiesIssued;
    p.inst = &inst;
    p.copy = copy;
    p.time = w.known.time;
    if (cta.full) p.parties = w.known.parties;
    w.copies.push_back(p);
    good &= ~p.mask;
  }
  ++w.copiesIssued;
  w.known.tick();
}

void exec::commitCopies(Warp &warp, Mask mask) {
  for (Mask m = mask; m; m &= m - 1) ++full(warp).commits[__builtin_ctz(m)];
}

void exec::waitForCopies(Warp &warp, const Inst &, Mask mask, uint32_t allowed, bool all) {
  WarpRun &w = full(warp);
  for (PendingCopy &p : w.copies) {
    Mask lanes = 0;
    for (Mask m = mask & p.mask; m; m &= m - 1) {
      unsigned l = unsigned(__builtin_ctz(m));
      // Group g is among the latest `allowed` committed ones, or not yet committed, or it must be complete.
      if (all || (p.group < w.commits[l] && w.commits[l] - p.group > allowed)) lanes |= 1u << l;
    }
    finish(w, p, lanes, w.known.time);
  }
  forgetFinished(w);
}

void exec::finishCopiesBefore(Warp &warp, Mask lanes, uint64_t before) {
  WarpRun &w = full(warp);
  for (PendingCopy &p : w.copies) {
    if (p.number < before) finish(w, p, lanes, p.time);
  }
  forgetFinished(w);
}
