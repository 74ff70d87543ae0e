// Accesses that nothing orders.
#include "runtime/vcuda/exec/guest.h"
#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

bool isStrongAccess(const Inst &inst) {
  if (inst.kind == Kind::Mbarrier) { // what makes one is no operation on it
    return MbarrierOp(inst.mods >> ModKindShift & 15) != MbarrierOp::Init;
  }
  return inst.kind == Kind::Atom || inst.kind == Kind::Red ||
         ((inst.kind == Kind::Ld || inst.kind == Kind::St) && (inst.mods & ModVolatile));
}

/// Bytes that a matrix instruction moves belong to all lanes.
bool isCollective(const Inst &inst) {
  return inst.kind == Kind::LdMatrix || inst.kind == Kind::StMatrix || inst.kind == Kind::WmmaLoad ||
         inst.kind == Kind::WmmaStore;
}

/// Shared memory is one for each CTA.
uint64_t guessKey(const CtaRun &cta, bool isShared, uint64_t at) {
  return isShared ? uint64_t(1) << 63 | cta.number << 20 | at : at;
}

/// One access of a lane (or of all): what it meets in each cell, and what it leaves there.
class Visitor {
public:
  WarpRun &w;
  const Inst &inst;
  unsigned lane;
  Shadow &shadow;
  bool isShared;
  uint64_t at; ///< offset in shared or global memory, for messages
  const std::shared_ptr<View> &view;
  bool strong, collective;
  Touch mine;
  const uint8_t *before = nullptr, *after = nullptr; ///< memory and what a store will write, or null
  const uint8_t *state = nullptr;                    ///< of the bytes, or null
  uint32_t bytes;

  Visitor(WarpRun &w, const Inst &inst, unsigned lane, bool isShared, uint64_t at, uint32_t bytes)
      : w(w), inst(inst), lane(lane), shadow(isShared ? w.run->full->shared : w.run->launch->full->global),
        isShared(isShared), at(at), view(w.known.viewOf(lane)), strong(isStrongAccess(inst)),
        collective(isCollective(inst)),
        mine(Touch::make(w.known.number, w.known.time, uint32_t(&inst - w.cta->code),
                         collective ? EveryLane : 1u << lane, strong, inst.mods & ModCtaScope)),
        bytes(bytes) {}

  void read() {
    shadow.visit(at, bytes, [&](Cell &c) {
      meet(c.write, "read of what another thread writes");
      meetStrongWrites(c, "read of what another thread writes by a strong access");
      if (strong) meetFirstValue(c);
      if (inst.kind == Kind::Ld && (inst.mods & ModNonCoherent)) readNonCoherently(c);
      keep(c, c.reads);
    });
  }
  void write() {
    shadow.visit(at, bytes, [&](Cell &c) {
      bool together = c.write.when == mine.when && c.write.inst == mine.inst;
      if (!knows(c.write) && !storesTheSame() && !(together && lanesStoreTheSame(c.write.lanes)))
        race(c.write, "write of what another thread writes", true);
      if (together) mine.lanes |= c.write.lanes;
      meetStrongWrites(c, "write of what another thread writes by a strong access");
      meetReaders(c);
      writeNonCoherently(c);
      c.write = mine;
      forget(c);
      c.strong[0] = c.strong[1] = Touch();
    });
  }
  void writeStrong() {
    shadow.visit(at, bytes, [&](Cell &c) {
      meet(c.write, "strong write of what another thread writes by a plain one");
      meetStrongWrites(c, "");
      meetReaders(c);
      writeNonCoherently(c);
      forget(c);
      if (inst.kind == Kind::St) {
        if (state && guest::at(state) != ByteReady) c.began = mine.when;
        return keep(c, c.strong);
      }
      // What an atomic has seen comes before it.
      c.strong[0] = mine;
      c.strong[1] = Touch();
    });
  }
  /// Gives a block up; one race with it is enough.
  void free(uint64_t blockBytes) {
    bool found = false;
    auto meetFree = [&](const Touch &t, const char *what) {
      if (found || !t.when || knows(t)) return;
      found = true;
      race(t, what);
    };
    shadow.visitTouched(at, blockBytes, [&](Cell &c) {
      meetFree(c.write, "free of what another thread writes");
      if (!wasObserved(c))
        for (const Touch &t : c.strong) meetFree(t, "free of what another thread writes by a strong access");
      for (const Touch &t : c.reads) meetFree(t, "free of what another thread reads");
      if (c.more)
        for (const Touch &t : shadow.readersOf(c)) meetFree(t, "free of what another thread reads");
      forget(c);
      uint32_t more = c.more;
      c = Cell();
      c.more = more;
    });
  }
  /// The cells hold this write, whatever was there.
  void put() {
    shadow.visit(at, bytes, [&](Cell &c) {
      c.write = mine;
      forget(c);
      c.strong[0] = c.strong[1] = Touch();
    });
  }
  bool knows(const Touch &t) const {
    if (!t.when) return true;
    if (!collective) return knows(t, *view);
    return std::all_of(w.known.parties.begin(), w.known.parties.end(),
                       [&](const Party &p) { return !(p.lanes & w.live) || knows(t, *p.view); });
  }
  bool knows(const Touch &t, const View &by) const {
    if (t.warp() != w.known.number) return !by.unknown(t.warp(), t.lanes, t.time());
    if (t.time() <= by.ownLeast) return true;
    for (Mask m = collective ? t.lanes : t.lanes & ~(1u << lane); m; m &= m - 1)
      if (by.own[size_t(__builtin_ctz(m))] < t.time()) return false;
    return true;
  }
  void race(const Touch &other, const char *what, bool bothWrite = false) const {
    report(isShared    ? "shared-race"
           : bothWrite ? "global-conflict"
                       : "global-race",
           std::string(what) + place() + " with nothing to order them", other, true);
  }
  void report(const char *check, std::string message, const Touch &other, bool isRace = false) const {
    const CtaRun &cta = *w.run;
    const Inst *otherInst = cta.code + other.inst;
    // Of lanes of one warp two different ones, where there are two.
    Mask others = other.warp() == w.known.number && (other.lanes & ~(1u << lane))
                      ? other.lanes & ~(1u << lane)
                      : other.lanes;
    unsigned by =
        collective && other.lanes == 1u << lane && other.warp() == w.known.number ? (lane + 1) % 32 : lane;
    uint64_t number = other.warp() / cta.warpCount;
    unsigned thread = unsigned(other.warp() % cta.warpCount) * 32 + unsigned(__builtin_ctz(others));
    OtherThread party = {
        {uint32_t(number % cta.nctaid[0]), uint32_t(number / cta.nctaid[0] % cta.nctaid[1]),
         uint32_t(number / cta.nctaid[0] / cta.nctaid[1])},
        {thread % cta.ntid[0], thread / cta.ntid[0] % cta.ntid[1], thread / cta.ntid[0] / cta.ntid[1]}};
    if (!isRace || !(isGuess(inst, *otherInst) || isGuess(*otherInst, inst)))
      return addFinding(w, inst, check, by, std::move(message), otherInst, text(party, others), &party);
    bool reads = inst.kind == Kind::Ld;
    Guess guess = {
        reads ? w.known.number : other.warp(),
        reads ? 1u << lane : other.lanes,
        {mine.inst, check},
        findingRecord(w, inst, check, by, std::move(message), otherInst, text(party, others), &party)};
    cta.launch->guesses[guessKey(cta, isShared, at)].push_back(std::move(guess));
  }
  static bool isGuess(const Inst &reader, const Inst &writer) {
    return reader.kind == Kind::Ld && !(reader.mods & (ModVolatile | ModNonCoherent)) &&
           writer.kind == Kind::Atom;
  }
  static std::string text(const OtherThread &other, Mask lanes) {
    auto place = [](Dim3 d) {
      return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
    };
    return "CTA " + place(other.cta) + ", thread " + place(other.thread) +
           (lanes & (lanes - 1) ? " and others of its warp" : "");
  }
  std::string place() const {
    if (isShared) return " at shared byte " + std::to_string(at);
    AllocationInfo a = w.run->launch->memory->find(at + w.cta->globalBase);
    std::string text = " at offset " + std::to_string(at + w.cta->globalBase - a.base) + " of allocation " +
                       std::to_string(a.id);
    return a.name.empty() ? text : text + " '" + a.name + "'";
  }

private:
  void meet(const Touch &t, const char *what) const {
    if (t.when && !knows(t)) [[unlikely]]
      race(t, what);
  }
  void meetStrongWrites(const Cell &c, const char *what) {
    for (const Touch &t : c.strong) {
      if (!t.when) continue;
      if (strong)
        meetStrong(t);
      else if (!knows(t) && !wasObserved(c))
        race(t, what);
    }
  }
  /// The strong writes that stand in a cell come before a strong read that saw them, and so before whatever
  /// that read comes before.
  bool wasObserved(const Cell &c) const {
    auto saw = [&](const Touch &t) { return t.when && t.isStrong() && knows(t); };
    if (std::any_of(std::begin(c.reads), std::end(c.reads), saw)) return true;
    if (!c.more) return false;
    const std::vector<Touch> &more = shadow.readersOf(c);
    return std::any_of(more.begin(), more.end(), saw);
  }
  /// Strong accesses may meet where each one's scope includes the other's thread.
  void meetStrong(const Touch &t) const {
    bool sameCta = t.when == 0 || t.warp() / w.cta->warpCount == w.run->number;
    if (sameCta || !(t.isNarrow() || (inst.mods & ModCtaScope)) || knows(t)) return;
    report("narrow-scope",
           "meets an access of another CTA" + place() + ", and the scope of one of them is the CTA", t);
  }
  /// Strong accesses do not race, but where a strong write brings the first value, a strong read that nothing
  /// orders after it may find none.
  void meetFirstValue(const Cell &c) const {
    if (!c.began) return;
    for (const Touch &t : c.strong)
      if (t.when == c.began && !knows(t) && !isHeardOf(t))
        report("unordered-value",
               "reads the first value" + place() + ", which nothing orders before the read", t);
  }
  /// Has any other warp of the CTA learnt of the write, or could it by a fence? That it has, and that a
  /// barrier then tells the others, is taken for enough, as programs do that add up what all CTAs left.
  bool isHeardOf(const Touch &t) const {
    for (uint32_t i = 0; i < w.cta->warpCount; ++i) {
      const FullWarp &other = w.run->warps[i]->known;
      if (other.number == t.warp()) continue;
      for (const Party &p : other.parties)
        if (!p.view->unknown(t.warp(), t.lanes, t.time())) return true;
      for (const FullWarp::Seen &s : other.seen)
        if (!s.clock->unknown(t.warp(), t.lanes, t.time())) return true;
    }
    return false;
  }
  void meetReaders(Cell &c) {
    auto look = [&](const Touch &t) {
      if (strong && t.isStrong())
        meetStrong(t);
      else
        meet(t, "write of what another thread reads");
    };
    for (const Touch &t : c.reads) look(t);
    if (c.more)
      for (const Touch &t : shadow.readersOf(c)) look(t);
  }
  void forget(Cell &c) {
    c.reads[0] = c.reads[1] = Touch();
    if (c.more) shadow.readersOf(c).clear();
  }
  void readNonCoherently(Cell &c) {
    c.nonCoherent = mine.inst + 1;
    for (const Touch *t : {&c.write, &c.strong[0], &c.strong[1]}) {
      if (!t->when) continue;
      report("non-coherent", "reads through the non-coherent path" + place() + " what this launch writes",
             *t);
      return;
    }
  }
  void writeNonCoherently(Cell &c) {
    if (!c.nonCoherent) return;
    Touch reader = c.reads[0].when ? c.reads[0] : mine;
    reader.inst = c.nonCoherent - 1;
    report("non-coherent", "writes" + place() + " what this launch reads through the non-coherent path",
           reader);
    c.nonCoherent = 0;
  }
  /// Adds the access to those of two slots (and more) that it does not follow.
  void keep(Cell &c, Touch (&slots)[2]) {
    for (Touch &t : slots) {
      if (t.when == mine.when) {
        t.lanes |= mine.lanes;
        t.inst = mine.inst;
        return;
      }
      if (!t.when || knows(t)) {
        t = mine;
        return;
      }
    }
    for (Touch &t : slots)
      if (mergeOwn(t)) return;
    if (&slots != &c.reads || !shadow.keepsEveryReader()) {
      slots[1] = mine;
      return;
    }
    std::vector<Touch> &more = shadow.readersOf(c);
    for (Touch &t : more)
      if (mergeOwn(t)) return;
    more.push_back(mine);
  }
  /// Lanes of one warp share a record: as of the earlier time, so that nothing is claimed that was not.
  bool mergeOwn(Touch &t) const {
    if (t.warp() != mine.warp() || (t.when & 3) != (mine.when & 3)) return false;
    t.lanes |= mine.lanes;
    return true;
  }
  /// Lanes of one store that hit the same place.
  bool lanesStoreTheSame(Mask lanes) const {
    if (inst.kind != Kind::St) return false;
    const uint32_t *pool = w.cta->operands + inst.aux;
    size_t mineAt = size_t(lane) * inst.width, theirsAt = size_t(__builtin_ctz(lanes)) * inst.width;
    for (uint32_t k = 0; k < inst.count; ++k)
      if (std::memcmp(w.r + pool[k] + mineAt, w.r + pool[k] + theirsAt, ptx::typeBytes(inst.type)) != 0)
        return false;
    return true;
  }
  /// What is there already.
  bool storesTheSame() const {
    if (inst.kind != Kind::St) return false;
    if (after) {
      for (uint32_t k = 0; k < bytes; ++k)
        if (guest::at(before + k) != after[k]) return false;
      return true;
    }
    const uint32_t *pool = w.cta->operands + inst.aux;
    uint32_t each = ptx::typeBytes(inst.type);
    for (uint32_t k = 0; k < inst.count; ++k)
      if (std::memcmp(before + k * each, w.r + pool[k] + size_t(lane) * inst.width, each) != 0) return false;
    return true;
  }
};

void touch(Visitor &v, Access access) {
  if (access == Access::Read) return v.read();
  v.strong ? v.writeStrong() : v.write();
}

} // namespace

void exec::touchShared(WarpRun &w, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes,
                       Access access) {
  Visitor v(w, inst, lane, true, offset, bytes);
  v.before = w.cta->shared + offset;
  v.state = w.cta->sharedState + offset;
  touch(v, access);
  if (v.strong && (inst.kind == Kind::Ld || inst.kind == Kind::St))
    orderStrong(w, inst, lane, true, offset, access == Access::Read, access != Access::Read);
}

void exec::touchGlobal(WarpRun &w, const Inst &inst, unsigned lane, uint64_t offset, uint32_t bytes,
                       Access access, const uint8_t *newData) {
  Visitor v(w, inst, lane, false, offset, bytes);
  v.before = w.cta->globalBytes + offset;
  v.state = w.cta->globalState + offset;
  v.after = newData;
  touch(v, access);
  if (v.strong && (inst.kind == Kind::Ld || inst.kind == Kind::St))
    orderStrong(w, inst, lane, false, offset, access == Access::Read, access != Access::Read);
}

void exec::touchFreed(WarpRun &w, const Inst &inst, unsigned lane, uint64_t offset, uint64_t bytes) {
  fenceLanes(w, 1u << lane, true);
  Visitor(w, inst, lane, false, offset, 16).free(bytes);
}

void exec::settleGuess(WarpRun &w, unsigned lane, bool isShared, uint64_t at) {
  Guesses &all = w.run->launch->guesses;
  if (all.empty()) return;
  auto found = all.find(guessKey(*w.run, isShared, at));
  if (found == all.end()) return;
  for (Guess &guess : found->second)
    if (guess.warp == w.known.number) guess.lanes &= ~(1u << lane);
  std::erase_if(found->second, [](const Guess &guess) { return guess.lanes == 0; });
  if (found->second.empty()) all.erase(found);
}

void exec::recordCopied(WarpRun &w, const Inst &inst, unsigned lane, uint32_t offset, uint32_t bytes,
                        uint32_t time) {
  Visitor v(w, inst, lane, true, offset, bytes);
  v.mine = Touch::make(w.known.number, time, v.mine.inst, v.mine.lanes, false, false);
  v.put();
}

void exec::checkCopySource(WarpRun &w, const PendingCopy &copy, unsigned lane) {
  uint32_t bytes = copy.copy.sourceBytes[lane];
  if (!bytes) return;
  Visitor v(w, *copy.inst, lane, false, copy.copy.global[lane] - w.cta->globalBase, bytes);
  const View *then = nullptr;
  for (const Party &p : copy.parties)
    if (p.lanes >> lane & 1) then = p.view.get();
  bool found = false;
  v.shadow.visit(v.at, bytes, [&](Cell &c) {
    for (const Touch *t : {&c.write, &c.strong[0], &c.strong[1]}) {
      bool own = t->warp() == w.known.number && t->lanes == 1u << lane;
      if (found || !t->when || (own ? t->time() <= copy.time : v.knows(*t, *then))) continue;
      found = true;
      v.report("async-source", "copies" + v.place() + " what was written before the copy was waited for", *t);
    }
  });
}
