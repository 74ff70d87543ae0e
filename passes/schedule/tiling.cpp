#include "passes/schedule/tiling.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

/// What a target does in a clock of one SM.
struct Rates {
  double multiplies; // multiply-adds of the product's elements
  double bytes;      // to and from L2
  double microsecond;
};

Rates ratesOf(const Product &p, const TargetRecord &target) {
  double clocks = double(target.sms) * target.clockMhz * 1e6;
  double tflops = p.kind->elementBits == 32 ? target.tf32TensorTflops : target.fp16TensorTflops;
  return {std::max(1.0, tflops * 1e12 / 2 / clocks / (p.split ? 3 : 1)), target.l2Gbps * 1e9 / clocks,
          double(target.clockMhz)};
}

// Modelled time of a tiling in clocks, for the sizes the facts allow (symbols at a middling value).
double costOf(const Tiling &t, const Product &p, int64_t batch, int64_t m, int64_t n, int64_t k,
              const TargetRecord &target) {
  Rates rates = ratesOf(p, target);
  double ctas = double(t.parts) * batch * (roundUp(m, t.m) / t.m) * (roundUp(n, t.n) / t.n);
  // Small tiles reuse less of what they read: their inner loop is bound by shared memory, or, where nothing
  // else is on the SM, by the latency of a block.
  double efficiency = std::min(1.0, 0.35 + 0.65 * double(t.m * t.n) / (128.0 * 128.0));
  double perSm = std::max(1.0, 8.0 / double(t.warps())),
         resident = std::min(perSm, std::max(1.0, ctas / target.sms));
  double waves = std::ceil(ctas / (target.sms * resident));
  double perK = double(t.m * t.n) / rates.multiplies / efficiency, blockLatency = 200;
  double blocks = double(roundUp(roundUp(k, t.k) / t.k, t.parts)) / double(t.parts);
  double cta = blocks * std::max(double(t.k) * perK, blockLatency / resident) + 64.0 * perK;
  // Parts are written and read once each, and the last CTA waits for an atomic and its reads.
  if (t.parts > 1) cta += double((1 + t.parts) * t.m * t.n * 4) / rates.bytes + 2 * rates.microsecond;
  return waves * cta * resident;
}

// The numbers of CTAs a tile that are worth a look: at least four blocks of k for each, and no more CTAs than
// the device runs at once.
SmallVector<int64_t> partsToTry(const Tiling &t, int64_t tiles, int64_t k, const TargetRecord &target) {
  SmallVector<int64_t> result{1};
  for (int64_t parts : {2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32})
    if (tiles <= target.sms && parts * tiles <= 2 * target.sms && k / t.k >= 4 * parts)
      result.push_back(parts);
  return result;
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

Division divide(const Product &p, const Tiling &tiling, const DimFacts &facts) {
  Division d{p.batch, ceilDiv(p.m, Dim(tiling.m)), ceilDiv(p.n, Dim(tiling.n))};
  d.blocks = ceilDiv(p.k, Dim(tiling.k)), d.perPart = d.blocks, d.parts = Dim(1);
  if (tiling.parts == 1) return d;
  d.perPart = facts.simplify(ceilDiv(d.blocks, Dim(tiling.parts)));
  d.parts = facts.simplify(ceilDiv(d.blocks, max(d.perPart, Dim(1))));
  return d;
}

Tiling chooseTiling(const Product &p, const CanonicalRegion &region, const TargetRecord &target,
                    bool maySplit, std::vector<RemarkTerm> *terms) {
  static const Tiling candidates[] = {{128, 128, 32, 4, 2, 2}, {128, 64, 32, 4, 2, 2}, {64, 128, 32, 4, 2, 2},
                                      {64, 64, 32, 4, 2, 2},   {64, 32, 32, 4, 2, 2},  {32, 64, 32, 4, 2, 2},
                                      {32, 32, 32, 4, 2, 2},   {16, 64, 64, 4, 1, 4},  {16, 32, 64, 4, 1, 4}};
  int64_t batch = sampleValue(p.batch, region.facts), m = sampleValue(p.m, region.facts),
          n = sampleValue(p.n, region.facts), k = sampleValue(p.k, region.facts);
  Tiling chosen;
  double bestCost = INFINITY, nextCost = INFINITY;
  for (Tiling t : candidates) {
    // Splitting doubles the fragments held in registers.
    if (p.split && t.m * t.n > 64 * 64) continue;
    int64_t tiles = batch * (roundUp(m, t.m) / t.m) * (roundUp(n, t.n) / t.n);
    for (int64_t parts : maySplit ? partsToTry(t, tiles, k, target) : SmallVector<int64_t>{1}) {
      t.parts = parts;
      double cost = costOf(t, p, batch, m, n, k, target);
      if (cost >= bestCost) {
        nextCost = std::min(nextCost, cost);
        continue;
      }
      nextCost = bestCost, chosen = t, bestCost = cost;
    }
  }
  if (terms) {
    for (auto [name, size] : {std::pair("batch", batch), {"m", m}, {"n", n}, {"k", k}})
      terms->push_back({name, double(size), ""});
    double tiles = double(batch) * (roundUp(m, chosen.m) / chosen.m) * (roundUp(n, chosen.n) / chosen.n);
    terms->push_back({"tiles", tiles, ""});
    terms->push_back({"split", double(chosen.parts), ""});
    terms->push_back({"next candidate", nextCost / bestCost, "x"});
  }
  if (p.kind->elementBits == 32) chosen.k = std::max<int64_t>(16, chosen.k / 2), chosen.stages = 3;
  // Fragments and their rests: half the registers for C leave room for them.
  if (p.split && chosen.m * chosen.n == 64 * 64) chosen.warpsN *= 2;
  return chosen;
}

} // namespace dlc::schedule
