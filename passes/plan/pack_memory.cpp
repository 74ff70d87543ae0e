// Memory is divided into slots, one after another; a slot serves buffers whose lives do not meet and is as
// large as the largest of them, which the facts about dims must prove (or constants decide). The offsets are
// then sums of slot sizes: closed formulas, that a runtime only evaluates.
#include "passes/plan/pack_memory.h"

namespace dlc::plan {

namespace {
struct Slot {
  Dim bytes;
  int freeFrom;          // the op from which it may be used again
  std::vector<int> past; // the buffers it served
};

Dim aligned(const Dim &bytes, const DimFacts &facts) {
  return facts.simplify(ceilDiv(bytes, Dim(256)) * 256);
}

// A size to rank slots by, where no proof is needed: a middling value of every symbol.
int64_t sample(const Dim &bytes, const DimFacts &facts) {
  std::map<std::string, int64_t> values;
  for (const std::string &symbol : bytes.symbols()) {
    DimRange range = facts.range(symbol);
    int64_t lo = std::max<int64_t>(range.lo, 0), hi = std::min<int64_t>(range.hi, lo + 128);
    values[symbol] = hi;
  }
  return bytes.evaluate(values).value_or(INT64_MAX);
}
} // namespace

Dim packMemory(std::vector<Placed> &buffers, const DimFacts &facts) {
  std::vector<Slot> slots;
  std::vector<int> slotOf(buffers.size(), -1);
  for (size_t i = 0; i < buffers.size(); ++i) {
    Dim bytes = aligned(buffers[i].bytes, facts);
    int best = -1;
    int64_t bestWaste = INT64_MAX, want = sample(bytes, facts);
    bool grows = false;
    for (size_t s = 0; s < slots.size(); ++s) {
      if (slots[s].freeFrom > buffers[i].first) continue;
      bool fits = facts.proveLessEqual(bytes, slots[s].bytes),
           larger = !fits && facts.proveLessEqual(slots[s].bytes, bytes);
      if (!fits && !larger) continue;
      int64_t waste = std::abs(sample(slots[s].bytes, facts) - want);
      if (waste >= bestWaste) continue;
      best = int(s), bestWaste = waste, grows = larger;
    }
    if (best < 0) {
      best = int(slots.size());
      slots.push_back({bytes, 0, {}});
    } else if (grows) {
      slots[best].bytes = bytes;
    }
    if (!slots[best].past.empty()) buffers[i].reuses.push_back(slots[best].past.back());
    slots[best].past.push_back(int(i));
    slots[best].freeFrom = buffers[i].last + 1;
    slotOf[i] = best;
  }
  std::vector<Dim> offsets;
  Dim total(0);
  for (const Slot &slot : slots) {
    offsets.push_back(total);
    total = total + slot.bytes;
  }
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].offset = offsets[slotOf[i]];
  return total;
}

} // namespace dlc::plan
