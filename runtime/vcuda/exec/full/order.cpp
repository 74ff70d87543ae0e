// What orders accesses: barriers, fences, releases and acquires.
#include "runtime/vcuda/exec/full/full.h"
#include "runtime/vcuda/exec/run.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

WarpRun &full(Warp &warp) { return static_cast<WarpRun &>(warp); }

/// Calls f(view, lanes) for each party that has some of the lanes, with a view that is theirs alone.
template <class F> void eachParty(FullWarp &w, Mask lanes, F f) {
  for (size_t i = 0, count = w.parties.size(); i < count; ++i) {
    Mask here = w.parties[i].lanes & lanes;
    if (!here) continue;
    if (w.parties[i].lanes != here) {
      w.parties.push_back({w.parties[i].lanes & ~here, w.parties[i].view});
      w.parties[i].lanes = here;
    }
    Party &party = w.parties[i];
    if (party.view.use_count() > 1) party.view = std::make_shared<View>(*party.view);
    f(*party.view, here);
  }
}

/// The lanes know from now on what any of them knew. All lanes that have exited come with whoever are all the
/// others.
View &unite(WarpRun &warp, Mask lanes) {
  FullWarp &w = warp.known;
  if ((warp.live & ~lanes) == 0) lanes = EveryLane;
  if (w.parties.size() == 1 && w.parties[0].lanes == lanes) {
    std::shared_ptr<View> &view = w.parties[0].view;
    if (view.use_count() > 1) view = std::make_shared<View>(*view);
    return *view;
  }
  std::shared_ptr<View> together;
  eachParty(w, lanes, [&](View &view, Mask) {
    if (!together) {
      together = std::make_shared<View>(view);
      return;
    }
    together->join(view);
    for (size_t m = 0; m < 32; ++m) together->own[m] = std::max(together->own[m], view.own[m]);
    together->findLeast();
  });
  std::erase_if(w.parties, [&](const Party &p) { return p.lanes & lanes; });
  w.parties.push_back({lanes, together});
  return *w.parties.back().view;
}

bool isNarrow(const Inst &inst) { return inst.mods & ModCtaScope; }

/// Joins into a shared clock that others may hold.
void joinInto(std::shared_ptr<const Clock> &to, const Clock &clock) {
  if (to && to->covers(clock)) return;
  auto joined = to ? std::make_shared<Clock>(*to) : std::make_shared<Clock>();
  joined->join(clock);
  to = std::move(joined);
}

/// Strong reads that a warp remembers one by one until a fence.
constexpr size_t seenLimit = 64;

/// One entry for each kind of fence: what any lane has seen then counts for all of them.
void throwTogether(std::vector<FullWarp::Seen> &seen) {
  std::vector<FullWarp::Seen> few;
  for (bool wide : {false, true}) {
    FullWarp::Seen together;
    together.wide = wide;
    for (const FullWarp::Seen &s : seen) {
      if (s.wide != wide) continue;
      together.lanes |= s.lanes;
      joinInto(together.clock, *s.clock);
    }
    if (together.lanes) few.push_back(std::move(together));
  }
  seen = std::move(few);
}

void acquireFrom(WarpRun &warp, unsigned lane, bool orders, bool narrow, uint64_t at,
                 const Publication &from) {
  FullWarp &w = warp.known;
  auto take = [&](const std::shared_ptr<const Clock> &clock, bool otherCta) {
    if (!clock) return;
    if (orders) return acquireLanes(warp, 1u << lane, *clock);
    for (FullWarp::Seen &s : w.seen) {
      if (s.at != at || s.wide != otherCta) continue;
      if (s.clock == clock) {
        s.lanes |= 1u << lane;
        return;
      }
      if (s.lanes == 1u << lane) return joinInto(s.clock, *clock);
    }
    if (w.seen.size() == seenLimit) throwTogether(w.seen);
    w.seen.push_back({1u << lane, at, clock, otherCta});
  };
  bool other = from.wideCta != warp.run->number;
  if (!other || !narrow) take(from.wide, other);
  if (from.narrowCta == warp.run->number) take(from.narrow, false);
}

/// What a strong write of the lane hands on: by itself when it releases, or because of a fence.
void publishTo(WarpRun &warp, const Inst &inst, unsigned lane, Publication &to) {
  FullWarp &w = warp.known;
  bool narrow = isNarrow(inst);
  uint64_t cta = warp.run->number;
  auto hand = [&](const Clock &clock, bool wide) {
    if (wide) to.wideCta = cta;
    if (!wide && to.narrowCta != cta) to.narrow = nullptr, to.narrowCta = cta;
    joinInto(wide ? to.wide : to.narrow, clock);
  };
  for (const FullWarp::Fence &f : w.fences)
    if (f.lanes >> lane & 1)
      hand(publish(*f.view, w.number, 1u << lane, EveryLane, f.time), f.wide && !narrow);
  if (inst.mods & ModRelease) hand(publishLane(warp, lane), !narrow);
}

} // namespace

const std::shared_ptr<View> &FullWarp::viewOf(unsigned lane) const {
  for (const Party &p : parties)
    if (p.lanes >> lane & 1) return p.view;
  return parties.front().view;
}

void exec::startFull(CtaRun &cta) {
  cta.full = nullptr;
  if (!cta.launch->full) return;
  if (!cta.fullStorage) cta.fullStorage = std::make_shared<FullCta>();
  cta.full = cta.fullStorage.get();
  uint32_t shift = uint32_t(__builtin_ctz(std::min(cta.launch->code->smallestSharedAccess, 16u)));
  cta.full->shared.reset(shift, true);
  cta.full->published.clear();
  for (uint32_t i = 0; i < cta.warpCount; ++i) {
    FullWarp &w = cta.warps[i]->known;
    w = FullWarp();
    w.number = cta.number * cta.warpCount + i;
    auto view = std::make_shared<View>();
    view->firstWarp = cta.number * cta.warpCount;
    view->warps.assign(cta.warpCount, 0);
    w.parties.push_back({EveryLane, view});
  }
}

void exec::joinBarrier(WarpRun &warp, Mask lanes, Clock &barrier) {
  FullWarp &w = warp.known;
  for (const Party &p : w.parties)
    if (Mask here = p.lanes & lanes) barrier.join(publish(*p.view, w.number, here, warp.live, w.time));
  if ((warp.live & ~lanes) == 0) { // together they are all lanes
    barrier.warps[size_t(w.number - barrier.firstWarp)] = w.time;
  }
  w.tick();
}

void exec::leaveBarrier(WarpRun &warp, Mask lanes, const Clock &barrier) {
  unite(warp, lanes).acquire(barrier, warp.known.number);
}

void exec::syncLanes(Warp &warp, Mask lanes) {
  FullWarp &w = full(warp).known;
  View &view = unite(full(warp), lanes);
  bool all = (warp.live & ~lanes) == 0;
  for (unsigned m = 0; m < 32; ++m)
    if (all || (lanes >> m & 1)) view.own[m] = w.time;
  view.findLeast();
  w.tick();
}

void exec::shareAcquired(Warp &warp, Mask lanes) {
  FullWarp &w = full(warp).known;
  if (w.parties.size() == 1) return;
  Clock together;
  for (const Party &p : w.parties) {
    if (!(p.lanes & lanes)) continue;
    together.join(*p.view);
  }
  for (const Party &p : w.parties)
    if (p.lanes & lanes && !p.view->covers(together)) {
      eachParty(w, lanes, [&](View &view, Mask) { view.join(together); });
      return;
    }
}

void exec::acquireLanes(WarpRun &warp, Mask lanes, const Clock &clock) {
  FullWarp &w = warp.known;
  Mask learn = 0;
  for (const Party &p : w.parties)
    if ((p.lanes & lanes) && !p.view->knowsAll(clock, w.number)) learn |= p.lanes & lanes;
  eachParty(w, learn, [&](View &view, Mask) { view.acquire(clock, w.number); });
}

Clock exec::publishLane(WarpRun &warp, unsigned lane) {
  FullWarp &w = warp.known;
  Clock clock = publish(*w.viewOf(lane), w.number, 1u << lane, warp.live, w.time);
  w.tick();
  return clock;
}

void exec::fenceLanes(WarpRun &warp, Mask lanes, bool wide) {
  FullWarp &w = warp.known;
  std::vector<FullWarp::Seen> seen;
  seen.swap(w.seen);
  for (FullWarp::Seen &s : seen) {
    Mask mine = s.wide && !wide ? 0 : s.lanes & lanes;
    if (mine) acquireLanes(warp, mine, *s.clock);
    s.lanes &= ~mine;
    if (s.lanes) w.seen.push_back(s);
  }
  // A fence of a wider scope stands for a narrower one, too.
  for (FullWarp::Fence &f : w.fences)
    if (wide || !f.wide) f.lanes &= ~lanes;
  std::erase_if(w.fences, [](const FullWarp::Fence &f) { return f.lanes == 0; });
  for (const Party &p : w.parties)
    if (p.lanes & lanes) w.fences.push_back({p.lanes & lanes, p.view, w.time, wide});
  w.tick();
}

void exec::orderAtomic(Warp &warp, const Inst &inst, unsigned lane, Space space, uint64_t at, bool wrote) {
  bool isShared = space == Space::Shared;
  uint64_t offset = isShared ? at : at - warp.cta->globalBase;
  orderStrong(full(warp), inst, lane, isShared, offset, true, wrote);
  if (AtomOp(inst.mods >> ModKindShift & 15) == AtomOp::Cas) settleGuess(full(warp), lane, isShared, offset);
}

void exec::orderStrong(WarpRun &warp, const Inst &inst, unsigned lane, bool isShared, uint64_t at, bool reads,
                       bool writes) {
  FullWarp &w = warp.known;
  Publications &all = isShared ? warp.run->full->published : warp.run->launch->full->published;
  bool hands = writes && (!w.fences.empty() || (inst.mods & ModRelease));
  if (all.empty() && !hands) return;
  auto found = all.find(at);
  if (found == all.end() && !hands) return;
  if (reads && found != all.end())
    acquireFrom(warp, lane, inst.mods & ModAcquire, isNarrow(inst), at, found->second);
  if (!writes) return;
  uint64_t thread = w.number * 32 + lane;
  // What a plain store puts in the place of others' values hands nothing of theirs on.
  if (!reads && found != all.end() && found->second.thread != thread) {
    all.erase(found);
    found = all.end();
  }
  if (!hands) return;
  Publication &to = found == all.end() ? all[at] : found->second;
  publishTo(warp, inst, lane, to);
  to.thread = thread;
}
