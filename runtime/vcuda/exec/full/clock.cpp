#include "runtime/vcuda/exec/full/clock.h"

#include <algorithm>

using namespace dlc::vcuda::exec;

namespace {

/// Entries of one warp before they are thrown together, which may claim more than is known.
constexpr size_t entriesPerWarp = 8;

/// Adds an entry to those of its warp, which end `all`.
void append(Knowledge &all, const Known &known) {
  size_t begin = all.size();
  while (begin > 0 && all[begin - 1].warp == known.warp) --begin;
  auto first = all.begin() + long(begin);
  for (auto it = first; it != all.end(); ++it)
    if (it->time >= known.time && (known.lanes & ~it->lanes) == 0) return;
  all.erase(std::remove_if(first, all.end(),
                           [&](const Known &k) { return k.time <= known.time && !(k.lanes & ~known.lanes); }),
            all.end());
  all.push_back(known);
  if (all.size() - begin <= entriesPerWarp) return;
  Known together = all[begin];
  for (size_t i = begin; i < all.size(); ++i) {
    together.lanes |= all[i].lanes;
    together.time = std::max(together.time, all[i].time);
  }
  all.resize(begin);
  all.push_back(together);
}

using Shared = std::shared_ptr<const Knowledge>;

Shared merge(const Shared &a, const Shared &b) {
  if (a == b || !b) return a;
  if (!a) return b;
  auto result = std::make_shared<Knowledge>();
  result->reserve(a->size() + b->size());
  auto i = a->begin(), j = b->begin();
  while (i != a->end() || j != b->end()) {
    bool first = j == b->end() || (i != a->end() && i->warp <= j->warp);
    append(*result, first ? *i++ : *j++);
  }
  if (*result == *a) return a;
  if (*result == *b) return b;
  return result;
}

/// The warps of a clock as entries.
Shared entries(const Clock &clock) {
  auto result = std::make_shared<Knowledge>();
  for (size_t v = 0; v < clock.warps.size(); ++v)
    if (clock.warps[v]) result->push_back({clock.firstWarp + v, EveryLane, clock.warps[v]});
  return result->empty() ? nullptr : result;
}

} // namespace

void Clock::join(const Clock &other) {
  if (warps.empty() && !other.warps.empty()) {
    firstWarp = other.firstWarp;
    warps = other.warps;
  } else if (firstWarp == other.firstWarp) {
    for (size_t v = 0; v < other.warps.size(); ++v) warps[v] = std::max(warps[v], other.warps[v]);
  } else {
    others = merge(others, entries(other));
  }
  others = merge(others, other.others);
}

bool Clock::covers(const Clock &other) const {
  for (size_t v = 0; v < other.warps.size(); ++v)
    if (other.warps[v] && unknown(other.firstWarp + v, EveryLane, other.warps[v])) return false;
  if (!other.others || other.others == others) return true;
  return std::all_of(other.others->begin(), other.others->end(),
                     [&](const Known &k) { return !unknown(k.warp, k.lanes, k.time); });
}

void Clock::learn(const Known &known) {
  if (!unknown(known.warp, known.lanes, known.time)) return;
  others = merge(others, std::make_shared<Knowledge>(1, known));
}

Mask Clock::unknown(uint64_t warp, Mask wanted, uint32_t time) const {
  uint64_t index = warp - firstWarp;
  if (index < warps.size() && time <= warps[index]) return 0;
  if (!others) return wanted;
  auto it = std::lower_bound(others->begin(), others->end(), warp,
                             [](const Known &k, uint64_t w) { return k.warp < w; });
  for (; it != others->end() && it->warp == warp; ++it)
    if (it->time >= time) wanted &= ~it->lanes;
  return wanted;
}

void View::acquire(const Clock &clock, uint64_t warp) {
  join(clock);
  auto take = [&](Mask lanes, uint32_t time) {
    for (Mask m = lanes; m; m &= m - 1) {
      uint32_t &known = own[size_t(__builtin_ctz(m))];
      known = std::max(known, time);
    }
  };
  uint64_t index = warp - clock.firstWarp;
  if (index < clock.warps.size()) take(EveryLane, clock.warps[index]);
  if (clock.others) {
    auto it = std::lower_bound(clock.others->begin(), clock.others->end(), warp,
                               [](const Known &k, uint64_t w) { return k.warp < w; });
    for (; it != clock.others->end() && it->warp == warp; ++it) take(it->lanes, it->time);
  }
  findLeast();
}

bool View::knowsAll(const Clock &clock, uint64_t warp) const {
  if (!covers(clock)) return false;
  uint64_t index = warp - clock.firstWarp;
  return index >= clock.warps.size() || clock.warps[index] <= ownLeast;
}

void View::findLeast() { ownLeast = *std::min_element(own.begin(), own.end()); }

Clock dlc::vcuda::exec::publish(const View &view, uint64_t warp, Mask lanes, Mask live, uint32_t time) {
  Clock clock = view;
  uint32_t &mine = clock.warps[size_t(warp - clock.firstWarp)];
  if ((live & ~lanes) == 0) {
    mine = std::max(mine, time);
    return clock;
  }
  mine = std::max(mine, view.ownLeast);
  clock.learn({warp, lanes, time});
  for (Mask rest = ~lanes; rest;) {
    uint32_t known = view.own[size_t(__builtin_ctz(rest))];
    Mask same = 0;
    for (Mask m = rest; m; m &= m - 1)
      if (view.own[size_t(__builtin_ctz(m))] == known) same |= m & -m;
    if (known > mine) clock.learn({warp, same, known});
    rest &= ~same;
  }
  return clock;
}
