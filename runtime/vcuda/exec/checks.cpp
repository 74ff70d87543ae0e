#include "runtime/vcuda/exec/checks.h"
#include "runtime/vcuda/exec/guest.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace dlc::vcuda::exec {

struct Record {
  uint32_t time = 0, inst = 0;
};

/// Of all warps: the last write, the last atomic, and the time of the last read.
struct Granule {
  uint32_t writeTime = 0, atomicTime = 0, readTime = 0;
  uint32_t writeInst = 0, atomicInst = 0;
  uint8_t writer = 0, atomicBy = 0;
};

struct SharedShadow {
  uint32_t warps = 0, granules = 0, shift = 2; ///< a granule has 1 << shift bytes
  uint32_t now = 0;                            ///< clocks of a new CTA start here
  std::vector<uint32_t> clocks;                ///< C[w][v]
  std::vector<uint32_t> known;                 ///< min over v != w of C[w][v]
  std::vector<Granule> last;
  std::vector<Record> reads; ///< by warp, then granule

  void learn(uint32_t warp) {
    uint32_t least = UINT32_MAX;
    for (uint32_t v = 0; v < warps; ++v)
      if (v != warp) least = std::min(least, clocks[size_t(warp) * warps + v]);
    known[warp] = least;
  }
};

} // namespace dlc::vcuda::exec

namespace {

WarpRun &full(Warp &warp) { return static_cast<WarpRun &>(warp); }

std::string warpText(uint32_t other) {
  return "warp " + std::to_string(other) + " (threads " + std::to_string(other * 32) + "-" +
         std::to_string(other * 32 + 31) + ")";
}

/// A race unless what the record says is the warp's own or lies in its past.
void checkOther(Warp &w, const Inst &inst, unsigned lane, uint32_t granule, const Record &record,
                uint32_t other, const char *what) {
  const SharedShadow &s = *w.cta->shadow;
  if (record.time <= s.clocks[size_t(w.index) * s.warps + other] || other == w.index) return;
  addFinding(w, inst, "shared-race", lane,
             std::string(what) + " at shared byte " + std::to_string(granule << s.shift) +
                 " without a barrier in between",
             w.cta->code + record.inst, warpText(other));
}

} // namespace

void exec::startShadow(CtaRun &cta) {
  cta.shadow = nullptr;
  if (!cta.checks || cta.launch->full || cta.sharedBytes == 0 || cta.warpCount < 2) return;
  if (!cta.shadowStorage) cta.shadowStorage = std::make_shared<SharedShadow>();
  SharedShadow &s = *cta.shadowStorage;
  uint32_t shift = uint32_t(__builtin_ctz(std::min(cta.launch->code->smallestSharedAccess, 4u)));
  uint32_t granules = (cta.sharedBytes >> shift) + 17;
  if (s.warps != cta.warpCount || s.granules != granules || s.shift != shift || s.now > 0x7fffffff) {
    s = SharedShadow();
    s.warps = cta.warpCount;
    s.granules = granules;
    s.shift = shift;
    s.known.resize(s.warps);
    s.last.resize(granules);
    s.reads.resize(size_t(granules) * s.warps);
  }
  // Everything before `now` is everybody's past.
  for (uint32_t c : s.clocks) s.now = std::max(s.now, c);
  s.clocks.assign(size_t(s.warps) * s.warps, s.now);
  for (uint32_t w = 0; w < s.warps; ++w) s.clocks[size_t(w) * s.warps + w] = s.now + 1;
  for (uint32_t w = 0; w < s.warps; ++w) s.learn(w);
  cta.shadow = &s;
}

void exec::barrierArrive(WarpRun &w, Mask lanes, BarrierState &b) {
  if (w.cta->full) return joinBarrier(w, lanes, b.known);
  SharedShadow *s = w.cta->shadow;
  if (!s) return;
  if (b.clock.size() != s->warps) b.clock.assign(s->warps, 0);
  uint32_t *mine = &s->clocks[size_t(w.index) * s->warps];
  for (uint32_t v = 0; v < s->warps; ++v) b.clock[v] = std::max(b.clock[v], mine[v]);
  ++mine[w.index];
}

void exec::barrierLeave(WarpRun &w, Mask lanes, const BarrierState &b) {
  if (w.cta->full) return leaveBarrier(w, lanes, b.known);
  SharedShadow *s = w.cta->shadow;
  if (!s || b.clock.size() != s->warps) return;
  uint32_t *mine = &s->clocks[size_t(w.index) * s->warps];
  for (uint32_t v = 0; v < s->warps; ++v) {
    if (v != w.index) mine[v] = std::max(mine[v], b.clock[v]);
  }
  s->learn(w.index);
}

// What every other warp is known to have passed needs no look at who did it: that decides nearly always.

void exec::recordSharedRead(Warp &w, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes) {
  SharedShadow &s = *w.cta->shadow;
  uint32_t known = s.known[w.index], now = s.clocks[size_t(w.index) * s.warps + w.index];
  uint32_t first = offset >> s.shift, end = ((offset + bytes - 1) >> s.shift) + 1;
  Record *reads = &s.reads[size_t(w.index) * s.granules];
  Record record = {now, uint32_t(&inst - w.cta->code)};
  for (uint32_t g = first; g < end; ++g) {
    Granule &last = s.last[g];
    if (std::max(last.writeTime, last.atomicTime) > known) [[unlikely]] {
      checkOther(w, inst, lane, g, {last.writeTime, last.writeInst}, last.writer,
                 "read of what another warp writes");
      checkOther(w, inst, lane, g, {last.atomicTime, last.atomicInst}, last.atomicBy,
                 "read of what another warp changes atomically");
    }
    reads[g] = record;
    last.readTime = std::max(last.readTime, now);
  }
}

/// A plain store of what is in memory already, lane by lane: where warps hold copies of the same values, all
/// of them may write them. Nobody can tell in which order they did.
static bool storesTheSame(Warp &w, const Inst &inst, unsigned lane, uint32_t offset) {
  if (inst.kind != Kind::St) return false;
  const uint32_t *pool = w.cta->operands + inst.aux;
  uint32_t bytes = ptx::typeBytes(inst.type);
  for (uint32_t k = 0; k < inst.count; ++k) {
    const uint8_t *value = w.r + pool[k] + size_t(lane) * inst.width;
    if (std::memcmp(w.cta->shared + offset + k * bytes, value, bytes) != 0) return false;
  }
  return true;
}

/// Atomics do not race with each other: of those only the last is kept.
void exec::recordSharedWrite(Warp &w, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes,
                             bool atomic) {
  SharedShadow &s = *w.cta->shadow;
  uint32_t known = s.known[w.index], now = s.clocks[size_t(w.index) * s.warps + w.index];
  uint32_t first = offset >> s.shift, end = ((offset + bytes - 1) >> s.shift) + 1;
  uint32_t number = uint32_t(&inst - w.cta->code);
  for (uint32_t g = first; g < end; ++g) {
    Granule &last = s.last[g];
    if (last.writeTime > known && last.writer != w.index && !storesTheSame(w, inst, lane, offset))
        [[unlikely]]
      checkOther(w, inst, lane, g, {last.writeTime, last.writeInst}, last.writer,
                 "write of what another warp writes");
    if (last.atomicTime > known && !atomic) [[unlikely]]
      checkOther(w, inst, lane, g, {last.atomicTime, last.atomicInst}, last.atomicBy,
                 "write of what another warp changes atomically");
    if (last.readTime > known) [[unlikely]]
      for (uint32_t v = 0; v < s.warps; ++v)
        checkOther(w, inst, lane, g, s.reads[size_t(v) * s.granules + g], v,
                   "write of what another warp reads");
    (atomic ? last.atomicTime : last.writeTime) = now;
    (atomic ? last.atomicInst : last.writeInst) = number;
    (atomic ? last.atomicBy : last.writer) = uint8_t(w.index);
  }
}

//===----------------------------------------------------------------------===//
// Strong accesses
//===----------------------------------------------------------------------===//

namespace {

void join(std::vector<uint32_t> &to, const uint32_t *from, uint32_t count) {
  to.resize(count);
  for (uint32_t v = 0; v < count; ++v) to[v] = std::max(to[v], from[v]);
}

/// The warp learns a clock: of others what they did, not of itself.
void learnClock(WarpRun &w, const std::vector<uint32_t> &clock) {
  SharedShadow &s = *w.cta->shadow;
  uint32_t *mine = &s.clocks[size_t(w.index) * s.warps];
  for (uint32_t v = 0; v < clock.size(); ++v)
    if (v != w.index) mine[v] = std::max(mine[v], clock[v]);
  s.learn(w.index);
}

bool isStrong(const Inst &inst) {
  return inst.kind == Kind::Atom || inst.kind == Kind::Red ||
         ((inst.kind == Kind::Ld || inst.kind == Kind::St) && (inst.mods & ModVolatile));
}

/// Race checks and ordering of one lane's strong access.
void recordStrong(WarpRun &w, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes,
                  Access access) {
  SharedShadow &s = *w.cta->shadow;
  uint32_t *mine = &s.clocks[size_t(w.index) * s.warps];
  if (access != Access::Write) {
    auto published = w.run->releases.find(offset);
    if (published != w.run->releases.end()) {
      if (inst.mods & ModAcquire)
        learnClock(w, published->second);
      else
        join(w.seen, published->second.data(), s.warps);
    }
  }
  if (access == Access::Read) {
    for (uint32_t g = offset >> s.shift, end = ((offset + bytes - 1) >> s.shift) + 1; g < end; ++g)
      checkOther(w, inst, lane, g, {s.last[g].writeTime, s.last[g].writeInst}, s.last[g].writer,
                 "read of what another warp writes");
    return;
  }
  recordSharedWrite(w, inst, lane, offset, bytes, true);
  if (inst.mods & ModRelease) {
    join(w.run->releases[offset], mine, s.warps);
    ++mine[w.index];
  } else if (!w.fenced.empty()) {
    join(w.run->releases[offset], w.fenced.data(), s.warps);
  }
}

} // namespace

void exec::fenceMemory(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = full(warp);
  if (w.cta->full) return fenceLanes(w, mask, !(inst.mods & ModCtaScope));
  SharedShadow &s = *w.cta->shadow;
  if (!w.seen.empty()) learnClock(w, w.seen);
  w.seen.clear();
  uint32_t *mine = &s.clocks[size_t(w.index) * s.warps];
  w.fenced.assign(mine, mine + s.warps);
  ++mine[w.index];
}

//===----------------------------------------------------------------------===//
// Shared and local memory
//===----------------------------------------------------------------------===//

namespace {

/// Whether each of the states has all bits of `wanted`, a word at a time where the access is one or more.
bool allHave(const uint8_t *state, uint32_t bytes, uint8_t wanted) {
  uint32_t k = 0;
  for (uint64_t word, pattern = wanted * 0x0101010101010101u; k + 8 <= bytes; k += 8) {
    guest::read(reinterpret_cast<uint8_t *>(&word), state + k, 8);
    if ((word & pattern) != pattern) return false;
  }
  if (k + 4 <= bytes) {
    uint32_t word, pattern = wanted * 0x01010101u;
    guest::read(reinterpret_cast<uint8_t *>(&word), state + k, 4);
    if ((word & pattern) != pattern) return false;
    k += 4;
  }
  for (; k < bytes; ++k)
    if ((guest::at(state + k) & wanted) != wanted) return false;
  return true;
}

bool allReady(const uint8_t *state, uint32_t bytes) { return allHave(state, bytes, ByteReady); }

/// The same for what the program uses of it: a load may say which bytes are padding.
bool usedReady(const Inst &inst, const uint8_t *state, uint32_t bytes) {
  if (allReady(state, bytes)) return true;
  if (inst.kind != Kind::Ld || inst.b == NoOperand) return false;
  for (uint32_t k = 0; k < bytes; ++k)
    if ((inst.b >> k & 1) && (guest::at(state + k) & ByteReady) != ByteReady) return false;
  return true;
}

} // namespace

Mask exec::checkShared(Warp &w, const Inst &inst, Mask mask, const uint32_t *offsets, uint32_t bytes,
                       Access access) {
  CtaRun &cta = *full(w).run;
  Mask good = mask;
  for (Mask m = mask; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    uint32_t at = offsets[l];
    bool misaligned = at % bytes != 0;
    if (misaligned || cta.sharedBytes < bytes || at > cta.sharedBytes - bytes) [[unlikely]] {
      reportAddress(w, inst, misaligned ? "misaligned" : "out-of-bounds", l, at, bytes, "shared memory");
      good &= ~(1u << l);
      continue;
    }
    if (!cta.checks) continue;
    uint8_t *state = cta.sharedState + at;
    if (access != Access::Write && !usedReady(inst, state, bytes)) [[unlikely]] {
      bool pending = std::find(state, state + bytes, SharedPending) != state + bytes;
      addFinding(w, inst, pending ? "async-pending" : "uninitialised-read", l,
                 pending ? "reads shared byte " + std::to_string(at) +
                               ", which a cp.async has not been waited for to write"
                         : "reads " + std::to_string(bytes) + " bytes at shared byte " + std::to_string(at) +
                               " that were never written");
    }
    if (cta.full) {
      if (access == Access::Write && std::find(state, state + bytes, SharedPending) != state + bytes)
        addFinding(w, inst, "async-pending", l,
                   "writes shared byte " + std::to_string(at) +
                       ", which a cp.async that has not been waited for will write");
      touchShared(full(w), inst, l, at, bytes, access);
    }
    if (access != Access::Read) std::memset(state, ByteReady, bytes);
    if (!cta.shadow) continue;
    if (isStrong(inst))
      recordStrong(full(w), inst, l, at, bytes, access);
    else if (access == Access::Read)
      recordSharedRead(w, inst, l, at, bytes);
    else
      recordSharedWrite(w, inst, l, at, bytes, access == Access::Atomic);
  }
  return good;
}

Mask exec::checkLocal(Warp &w, const Inst &inst, Mask mask, const uint64_t *offsets, uint32_t bytes,
                      Access access) {
  CtaRun &cta = *full(w).run;
  Mask good = mask;
  for (Mask m = mask; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    uint64_t at = offsets[l];
    bool misaligned = at % bytes != 0;
    if (misaligned || w.localStride < bytes || at > w.localStride - bytes) {
      reportAddress(w, inst, misaligned ? "misaligned" : "out-of-bounds", l, at, bytes, "local memory");
      good &= ~(1u << l);
      continue;
    }
    if (!cta.checks) continue;
    uint8_t *state = w.localState + size_t(l) * w.localStride + at;
    if (access == Access::Read && !allReady(state, bytes)) [[unlikely]]
      noteUndefined(full(w), inst, l, at, bytes);
    if (access != Access::Read) std::memset(state, ByteReady, bytes);
  }
  return good;
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

namespace {

/// Other CTAs of this launch that wrote the lane's bytes. A CTA that has executed an atomic or a volatile
/// load may have synchronised with them, which the fast tier believes.
void checkWriters(CtaRun &cta, Warp &w, const Inst &inst, unsigned lane, uint64_t offset, uint32_t bytes,
                  Access access, const uint8_t *newData) {
  if (access == Access::Atomic || cta.hasSynchronised || (inst.mods & ModVolatile)) return;
  uint64_t launch = cta.writerTag >> 40, record = 0;
  bool byOther = false;
  for (uint32_t k = 0; k < bytes; ++k) {
    if (k == 0 || ((offset + k) & 3) == 0) {
      record = __atomic_load_n(&cta.globalWriters[(offset + k) >> 2], __ATOMIC_RELAXED);
      byOther = record >> 40 == launch && (record ^ cta.writerTag) >> 8 != 0;
      if (!byOther) { // on to the next word
        k += 3 - uint32_t((offset + k) & 3);
        continue;
      }
    }
    if (!(record >> (4 + ((offset + k) & 3)) & 1)) continue;
    std::string other = "CTA " + std::to_string(record >> 8 & 0xffffffff) + " of the grid, counted linearly";
    if (access == Access::Read) {
      addFinding(w, inst, "global-race", lane,
                 "reads bytes that another CTA of the same launch wrote, without synchronising", nullptr,
                 other);
      return;
    }
    if (newData[k] != guest::at(cta.globalBytes + offset + k)) {
      addFinding(w, inst, "global-conflict", lane,
                 "writes another value to bytes that another CTA of the same launch wrote", nullptr, other);
      return;
    }
  }
}

} // namespace

Mask exec::checkGlobal(Warp &w, const Inst &inst, Mask mask, const uint64_t *addresses, uint32_t bytes,
                       Access access, const uint8_t *newData) {
  CtaRun &cta = *full(w).run;
  Mask good = mask;
  for (Mask m = mask; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    uint64_t offset = addresses[l] - cta.globalBase;
    bool misaligned = addresses[l] % bytes != 0;
    bool inside = cta.globalSize >= bytes && offset <= cta.globalSize - bytes;
    if (inside && cta.checks) inside = allHave(cta.globalState + offset, bytes, ByteUninitialised);
    if (!inside || misaligned) {
      reportAddress(w, inst, inside ? "misaligned" : "out-of-bounds", l, addresses[l], bytes,
                    "global memory");
      good &= ~(1u << l);
      continue;
    }
    if (!cta.checks) continue;
    if (access != Access::Write && !usedReady(inst, cta.globalState + offset, bytes)) {
      AllocationInfo a = cta.launch->memory->find(addresses[l]);
      addFinding(w, inst, "uninitialised-read", l,
                 "reads " + std::to_string(bytes) + " bytes at offset " +
                     std::to_string(addresses[l] - a.base) + " of allocation " + std::to_string(a.id) +
                     " that were never written");
    }
    const uint8_t *data = newData ? newData + l * 16 : nullptr;
    if (!cta.full)
      checkWriters(cta, w, inst, l, offset, bytes, access, data);
    else if (inst.space != Space::Constant)
      touchGlobal(full(w), inst, l, offset, bytes, access, data);
  }
  return good;
}
