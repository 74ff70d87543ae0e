#include "passes/schedule/tiling.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

// Modelled time of a tiling in units of one SM's mma throughput, for the sizes the facts allow (symbols at a
// middling value).
double costOf(const Tiling &t, const Product &p, int64_t batch, int64_t m, int64_t n, int64_t k,
              const TargetRecord &target) {
  double tiles = double(batch) * (roundUp(m, t.m) / t.m) * (roundUp(n, t.n) / t.n);
  // Small tiles reuse less of what they read: their inner loop is bound by shared memory.
  double efficiency = std::min(1.0, 0.35 + 0.65 * double(t.m * t.n) / (128.0 * 128.0));
  double perSm = std::max(1.0, 8.0 / double(t.warps()));
  double waves = std::ceil(tiles / (target.sms * std::min(perSm, std::max(1.0, tiles / target.sms))));
  double tile = double(t.m) * t.n * (double(roundUp(k, t.k)) + 64.0) / efficiency;
  return waves * tile * std::min(perSm, std::max(1.0, tiles / target.sms));
}

} // namespace

int64_t sampleValue(const Dim &dim, const DimFacts &facts) {
  std::map<std::string, int64_t> values;
  for (const std::string &symbol : dim.symbols()) {
    DimRange range = facts.range(symbol);
    values[symbol] = std::clamp<int64_t>(128, std::max<int64_t>(range.lo, 1), std::max<int64_t>(range.hi, 1));
  }
  return std::max<int64_t>(1, dim.evaluate(values).value_or(1 << 20));
}

Tiling Tiling::withFewerRegisters() const {
  Tiling result = *this;
  if (m / warpsM * (n / warpsN) >= 64 * 64) result.warpsN *= 2;
  return result;
}

Tiling chooseTiling(const Product &p, const CanonicalRegion &region, const TargetRecord &target,
                    std::vector<RemarkTerm> &terms) {
  static const Tiling candidates[] = {{128, 128, 32, 4, 2, 2}, {128, 64, 32, 4, 2, 2}, {64, 128, 32, 4, 2, 2},
                                      {64, 64, 32, 4, 2, 2},   {64, 32, 32, 4, 2, 2},  {32, 64, 32, 4, 2, 2},
                                      {32, 32, 32, 4, 2, 2},   {16, 64, 64, 4, 1, 4},  {16, 32, 64, 4, 1, 4}};
  int64_t batch = sampleValue(p.batch, region.facts), m = sampleValue(p.m, region.facts),
          n = sampleValue(p.n, region.facts), k = sampleValue(p.k, region.facts);
  const Tiling *best = nullptr;
  double bestCost = 0, nextCost = INFINITY;
  for (const Tiling &t : candidates) {
    // Splitting doubles the fragments held in registers.
    if (p.split && t.m * t.n > 64 * 64) continue;
    double cost = costOf(t, p, batch, m, n, k, target);
    if (best && cost >= bestCost) {
      nextCost = std::min(nextCost, cost);
      continue;
    }
    if (best) nextCost = bestCost;
    best = &t, bestCost = cost;
  }
  for (auto [name, size] : {std::pair("batch", batch), {"m", m}, {"n", n}, {"k", k}})
    terms.push_back({name, double(size), ""});
  terms.push_back(
      {"tiles", double(batch) * (roundUp(m, best->m) / best->m) * (roundUp(n, best->n) / best->n), ""});
  terms.push_back({"next candidate", nextCost / bestCost, "x"});
  Tiling chosen = *best;
  if (p.kind->elementBits == 32) chosen.k = std::max<int64_t>(16, chosen.k / 2), chosen.stages = 3;
  // Fragments and their rests: half the registers for C leave room for them.
  if (p.split && chosen.m * chosen.n == 64 * 64) chosen.warpsN *= 2;
  return chosen;
}

} // namespace dlc::schedule
