// Places for the virtual operands of a function.
//
// Registers in PTX are practically in static single assignment, thousands of them; with one slot each a
// warp's window would not stay in the host's caches. A linear scan over live ranges lets registers of the
// same width share slots. That is right under divergence too: the live ranges are those of one thread's
// control flow, a lane's value is touched by that lane alone, and slots are shared only between equal widths,
// so that lane i of one register is lane i of the other.
#include "runtime/vcuda/exec/decode/decoder.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

constexpr uint32_t slotBytes(unsigned width) { return width == 0 ? 64 : width * 32; }

} // namespace

/// Live-out sets by block, as bit sets over virtual operands. A guarded definition does not end a value's
/// life.
void Decoder::computeLiveness(std::vector<std::vector<uint64_t>> &liveOut) const {
  Flow flow = buildFlow();
  size_t blocks = flow.firsts.size(), words = (virtuals.size() + 63) / 64;
  std::vector<std::vector<uint64_t>> use(blocks, std::vector<uint64_t>(words)), def = use, liveIn = use;
  liveOut = use;
  size_t block = 0;
  for (size_t first = 0, last = 0; first < references.size(); first = last) {
    uint32_t inst = references[first].inst;
    while (last < references.size() && references[last].inst == inst) ++last;
    while (block + 1 < blocks && flow.firsts[block + 1] <= inst) ++block;
    bool guarded = code.instructions[inst].guard != NoOperand;
    for (size_t r = first; r < last; ++r) {
      const Reference &ref = references[r];
      uint64_t bit = uint64_t(1) << (ref.id % 64);
      if (ref.role == Role::Use && !(def[block][ref.id / 64] & bit)) use[block][ref.id / 64] |= bit;
    }
    for (size_t r = first; r < last; ++r) {
      const Reference &ref = references[r];
      if (ref.role == Role::Def && !guarded) def[block][ref.id / 64] |= uint64_t(1) << (ref.id % 64);
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t b = blocks; b-- > 0;) {
      for (size_t w = 0; w < words; ++w) {
        uint64_t out = 0;
        for (uint32_t s : flow.successors[b]) out |= liveIn[s][w];
        uint64_t in = use[b][w] | (out & ~def[b][w]);
        changed = changed || in != liveIn[b][w];
        liveOut[b][w] = out;
        liveIn[b][w] = in;
      }
    }
  }
}

void Decoder::allocateSlots(CodeFunction &f) {
  // Live interval of each virtual: from its first to its last mention, stretched over every block where it is
  // live at the end.
  struct Interval {
    uint32_t id, begin = ~0u, end = 0;
  };
  std::vector<Interval> intervals(virtuals.size());
  for (uint32_t i = 0; i < intervals.size(); ++i) intervals[i].id = i;
  auto touch = [&](uint32_t id, uint32_t at) {
    intervals[id].begin = std::min(intervals[id].begin, at);
    intervals[id].end = std::max(intervals[id].end, at);
  };
  for (const Reference &ref : references) touch(ref.id, ref.inst);
  Flow flow = buildFlow();
  std::vector<std::vector<uint64_t>> liveOut;
  computeLiveness(liveOut);
  for (size_t b = 0; b < flow.firsts.size(); ++b) {
    uint32_t stop = b + 1 < flow.firsts.size() ? flow.firsts[b + 1] : uint32_t(code.instructions.size());
    for (size_t w = 0; w < liveOut[b].size(); ++w) {
      for (uint64_t bits = liveOut[b][w]; bits; bits &= bits - 1) {
        uint32_t id = uint32_t(w * 64) + uint32_t(__builtin_ctzll(bits));
        touch(id, stop - 1);
        for (uint32_t s : flow.successors[b]) touch(id, flow.firsts[s]);
      }
    }
  }
  std::sort(intervals.begin(), intervals.end(), [](const Interval &x, const Interval &y) {
    return x.begin != y.begin ? x.begin < y.begin : x.id < y.id;
  });
  uint32_t top = 0;
  std::vector<uint32_t> freeSlots[9];
  std::multimap<uint32_t, std::pair<unsigned, uint32_t>> active; // end -> (width, offset)
  auto fresh = [&](unsigned width) {
    uint32_t offset = top;
    top += slotBytes(width);
    return offset;
  };
  for (const Interval &interval : intervals) {
    Virtual &v = virtuals[interval.id];
    if (interval.begin == ~0u) continue;
    if (v.constant >= 0) {
      v.offset = fresh(v.width);
      f.constants[size_t(v.constant)].slot = v.offset;
      continue;
    }
    while (!active.empty() && active.begin()->first < interval.begin) {
      auto [width, offset] = active.begin()->second;
      freeSlots[width].push_back(offset);
      active.erase(active.begin());
    }
    if (!freeSlots[v.width].empty()) {
      v.offset = freeSlots[v.width].back();
      freeSlots[v.width].pop_back();
    } else {
      v.offset = fresh(v.width);
    }
    active.insert({interval.end, {v.width, v.offset}});
  }
  f.windowBytes = top;
  for (const Reference &ref : references) {
    Inst &inst = code.instructions[ref.inst];
    const Virtual &v = virtuals[ref.id];
    uint32_t offset = v.offset;
    while (code.firstUse.size() <= ref.inst) code.firstUse.push_back(uint32_t(code.uses.size()));
    if (ref.field != Field::Guard && v.constant < 0)
      code.uses.push_back({offset, v.width, ref.role == Role::Def});
    switch (ref.field) {
    case Field::Guard:
      inst.guard |= offset;
      break;
    case Field::Dst:
      inst.dst = offset;
      break;
    case Field::A:
      inst.a = offset;
      break;
    case Field::B:
      inst.b = offset;
      break;
    case Field::C:
      inst.c = offset;
      break;
    case Field::Pool:
      code.operands[ref.pool] = offset;
      break;
    }
  }
}
