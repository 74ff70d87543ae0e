#include "runtime/vcuda/memory/address_ranges.h"

#include "runtime/vcuda/memory/pages.h"

#include <algorithm>

namespace dlc::vcuda {

void AddressRanges::reset(uint64_t begin, uint64_t end) {
  gaps.clear();
  if (begin < end) gaps.emplace(begin, end);
  cursor = begin;
}

void AddressRanges::cut(Gap gap, uint64_t begin, uint64_t end) {
  auto [gapBegin, gapEnd] = *gap;
  gaps.erase(gap);
  if (gapBegin < begin) gaps.emplace(gapBegin, begin);
  if (end < gapEnd) gaps.emplace(end, gapEnd);
  cursor = end;
}

std::optional<AddressRanges::Range> AddressRanges::take(uint64_t count, uint64_t alignment, uint64_t redZone,
                                                        uint64_t behind) {
  // Out of a gap, no earlier than `begin`.
  auto takeFrom = [&](Gap gap, uint64_t begin) -> std::optional<Range> {
    uint64_t first = roundUp(begin + redZone, std::max(alignment, redZone));
    uint64_t last = first + roundUp(count, redZone) + behind;
    if (first < begin || last < first || last > gap->second) return std::nullopt;
    cut(gap, begin, last);
    return Range{begin, first, last};
  };
  // First what the gap around the cursor has left behind it, then the gaps that follow, then those before.
  auto start = gaps.upper_bound(cursor);
  if (start != gaps.begin() && cursor < std::prev(start)->second)
    if (auto range = takeFrom(std::prev(start), cursor)) return range;
  for (auto gap = start; gap != gaps.end(); ++gap)
    if (auto range = takeFrom(gap, gap->first)) return range;
  for (auto gap = gaps.begin(); gap != gaps.end(); ++gap)
    if (auto range = takeFrom(gap, gap->first)) return range;
  return std::nullopt;
}

bool AddressRanges::takeAt(uint64_t begin, uint64_t end) {
  auto gap = gaps.upper_bound(begin);
  if (gap == gaps.begin() || begin >= end) return false;
  --gap;
  if (end > gap->second) return false;
  cut(gap, begin, end);
  return true;
}

void AddressRanges::give(uint64_t begin, uint64_t end) {
  auto next = gaps.lower_bound(begin);
  if (next != gaps.end() && next->first == end) {
    end = next->second;
    next = gaps.erase(next);
  }
  if (next != gaps.begin() && std::prev(next)->second == begin) {
    std::prev(next)->second = end;
    return;
  }
  gaps.emplace(begin, end);
}

} // namespace dlc::vcuda
