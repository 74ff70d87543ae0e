// The choice of a tile, by a model of where a product's time goes. Per CTA and block of k:
//
//   mma      multiply-adds of the padded tile at an SM's rate of tensor operations
//   shared   fragments that each warp reads, (rows + columns of its tile) * k, and the block's own bytes once
//   as
//            they are copied in, at 128 bytes a clock
//
// An SM gets ceil(ctas / SMs) CTAs and needs for them the larger of the two, summed. It also cannot be faster
// than the chain of CTAs that stand one after the other in each of the places it has (registers and shared
// memory limit them): a block is a barrier, a read of fragments, and the instructions that depend on one
// another, and a CTA begins by waiting for memory and ends by storing its results. The whole grid cannot be
// faster than L2 delivers what all CTAs copy, or DRAM what the product reads and writes once. Padding to
// whole tiles is in all of them; waves are in the ceil.
#include "passes/schedule/tiling.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

// Clocks, measured by others on Ampere and Hopper: from a block's barrier to its first instruction, between
// dependent instructions, and from a CTA's start to its first block.
constexpr double blockLatency = 120, mmaLatency = 35, startLatency = 1200;
// One variant of each region runs on every device with tensor cores: 99 KB of shared memory.
constexpr int64_t portableShared = 99 * 1024;
// The share of a kind's peak rate that real kernels reach.
constexpr double mmaEfficiency = 0.85;

/// Sizes of a product.
struct Sizes {
  double batch, m, n, k;
};

double tensorTflops(const Product &p, const TargetRecord &target) {
  double rate = p.kind->elementBits == 16 ? target.fp16TensorTflops : target.tf32TensorTflops;
  return p.split ? rate / 3 : rate;
}

int64_t registersOf(const Tiling &t, bool split) {
  int64_t rows = t.m / t.warpsM, columns = t.n / t.warpsN;
  return rows * columns / 32 + (rows + columns) / 2 * (split ? 3 : 1) + 24;
}

int64_t residentCtas(const Tiling &t, const Product &p, const TargetRecord &target) {
  int64_t shared = t.stageBytes(p.kind->elementBits) + target.sharedReservedPerBlock,
          registers = roundUp(registersOf(t, p.split), 8) * t.warps() * 32;
  return std::max<int64_t>(
      1, std::min({target.sharedPerSm / shared, target.registersPerSm / registers,
                   int64_t(target.maxThreadsPerSm) / (t.warps() * 32), int64_t(target.maxCtasPerSm)}));
}

TileCost modelled(const Tiling &t, const Product &p, const Sizes &s, const TargetRecord &target) {
  double bytes = p.kind->elementBits / 8.0, clock = target.clockMhz, products = p.split ? 3 : 1;
  double tilesM = std::ceil(s.m / t.m), tilesN = std::ceil(s.n / t.n), allBlocks = std::ceil(s.k / t.k),
         blocks = std::ceil(allBlocks / t.parts);
  TileCost cost;
  cost.ctas = int64_t(s.batch * tilesM * tilesN * t.parts);
  cost.ctasPerSm = residentCtas(t, p, target);
  cost.padding = tilesM * t.m * tilesN * t.n * allBlocks * t.k / (s.m * s.n * s.k);
  double perSm = std::ceil(double(cost.ctas) / target.sms);

  double flopsPerClock = tensorTflops(p, target) * 1e6 * mmaEfficiency / target.sms / clock;
  // A sub-partition's tensor core serves one warp at a time: fewer than four warps leave some idle.
  double mma = 2.0 * t.m * t.n * t.k / flopsPerClock;
  double rows = double(t.m) / t.warpsM, columns = double(t.n) / t.warpsN;
  double shared = (t.warps() * (rows + columns) + t.m + t.n) * t.k * bytes / 128;
  cost.mma = perSm * blocks * mma / clock;
  cost.shared = perSm * blocks * shared / clock;

  double steps = double(t.k) / p.kind->k * products;
  double block = std::max({mma, shared, blockLatency + steps * mmaLatency});
  // Results leave an SM at its share of what L2 takes.
  double store = double(t.m) * t.n * bytes / (target.l2Gbps * 1e3 / target.sms / clock);
  // Sums of parts are written and read once each, and the last CTA waits for an atomic and its reads.
  double sums = t.parts > 1 ? double(t.m) * t.n * 4 : 0;
  if (t.parts > 1) store += (1 + t.parts) * sums / (target.l2Gbps * 1e3 / target.sms / clock) + 2 * clock;
  cost.chain = std::ceil(perSm / cost.ctasPerSm) * (startLatency + blocks * block + store) / clock;

  double copied = cost.ctas * (blocks * t.k * (t.m + t.n) * bytes + 2 * sums);
  double unique = s.batch * (s.m * s.k + s.k * s.n + s.m * s.n) * bytes;
  cost.l2 = copied / (target.l2Gbps * 1e3);
  cost.dram = unique / (target.dramGbps * 1e3);
  return cost;
}

Sizes sizesAt(const Product &p, const DimFacts &facts, int64_t sample) {
  return {double(sampleValue(p.batch, facts, sample)), double(sampleValue(p.m, facts, sample)),
          double(sampleValue(p.n, facts, sample)), double(sampleValue(p.k, facts, sample))};
}

// Tiles of C with the warps that share them: 64x64 a warp where the tile is large enough for four of them.
SmallVector<Tiling> candidates(const Product &p, const DimFacts &facts, const TargetRecord &target) {
  struct Shape {
    int64_t m, n, warpsM, warpsN;
  };
  static const Shape shapes[] = {{256, 128, 4, 2}, {128, 256, 2, 4}, {128, 128, 2, 2}, {128, 64, 2, 2},
                                 {64, 128, 2, 2},  {128, 32, 4, 1},  {32, 128, 1, 4},  {64, 64, 2, 2},
                                 {64, 32, 2, 2},   {32, 64, 2, 2},   {32, 32, 2, 2},   {16, 128, 1, 4},
                                 {16, 64, 1, 4},   {16, 32, 1, 4}};
  int64_t limit = std::min<int64_t>(portableShared, target.sharedPerBlockOptin);
  SmallVector<Tiling> result;
  for (const Shape &shape : shapes) {
    // Fragments and their rests: half the registers for C leave room for them.
    if (p.split && shape.m * shape.n > 64 * 64) continue;
    // Stages of 32-bit elements along 16 rows have no pitch that spares both copies and fragments bank
    // conflicts.
    if (p.kind->elementBits == 32 && std::min(shape.m, shape.n) < 32) continue;
    int64_t more = p.split && shape.m * shape.n == 64 * 64 ? 2 : 1;
    for (int64_t rowBytes : {64, 128}) {
      Tiling t{shape.m, shape.n, rowBytes * 8 / p.kind->elementBits, 5, shape.warpsM, shape.warpsN * more};
      // As many stages as fit, but no more than leave room for a second CTA, or a fourth of small ones.
      int64_t share =
          shape.m * shape.n >= 128 * 256 ? limit : limit * 2 / (shape.m * shape.n > 64 * 64 ? 3 : 6);
      while (t.stages > 3 && t.stageBytes(p.kind->elementBits) > share) --t.stages;
      // One more than there are blocks: the one that is read and those under way.
      int64_t longest = facts.bounds(p.k).hi, blocks = longest / t.k + (longest % t.k != 0);
      t.stages = std::min(t.stages, std::max<int64_t>(2, blocks + 1));
      if (t.stageBytes(p.kind->elementBits) <= limit) result.push_back(t);
    }
  }
  return result;
}

} // namespace

int64_t sampleValue(const Dim &dim, const DimFacts &facts, int64_t sample) {
  std::map<std::string, int64_t> values;
  for (const std::string &symbol : dim.symbols()) {
    DimRange range = facts.range(symbol);
    values[symbol] =
        std::clamp<int64_t>(sample, std::max<int64_t>(range.lo, 1), std::max<int64_t>(range.hi, 1));
  }
  return std::max<int64_t>(1, dim.evaluate(values).value_or(1 << 20));
}

Tiling Tiling::withFewerRegisters() const {
  Tiling result = *this;
  if (m / warpsM * (n / warpsN) >= 64 * 64) result.warpsN *= 2;
  return result;
}

std::string Tiling::str() const {
  std::string text =
      llvm::formatv("tile={0}x{1}x{2} stages={3} warps={4}x{5}", m, n, k, stages, warpsM, warpsN).str();
  return parts > 1 ? text + " split=" + std::to_string(parts) : text;
}

Division divide(const Product &p, const Tiling &tiling, const DimFacts &facts) {
  Division d{p.batch, ceilDiv(p.m, Dim(tiling.m)), ceilDiv(p.n, Dim(tiling.n))};
  d.blocks = ceilDiv(p.k, Dim(tiling.k)), d.perPart = d.blocks, d.parts = Dim(1);
  if (tiling.parts == 1) return d;
  d.perPart = facts.simplify(ceilDiv(d.blocks, Dim(tiling.parts)));
  d.parts = facts.simplify(ceilDiv(d.blocks, max(d.perPart, Dim(1))));
  return d;
}

TileCost costOf(const Tiling &tiling, const Product &product, const DimFacts &facts, int64_t sample,
                const TargetRecord &target) {
  return modelled(tiling, product, sizesAt(product, facts, sample), target);
}

std::vector<RemarkTerm> termsOf(const Tiling &tiling, const Product &product, const DimFacts &facts,
                                const TargetRecord &target) {
  Sizes sizes = sizesAt(product, facts, middlingSample);
  TileCost cost = modelled(tiling, product, sizes, target);
  return {{"batch", sizes.batch, ""},
          {"m", sizes.m, ""},
          {"n", sizes.n, ""},
          {"k", sizes.k, ""},
          {"CTAs", double(cost.ctas), ""},
          {"CTAs per SM", double(cost.ctasPerSm), ""},
          {"padding", cost.padding, "x"},
          {"mma", cost.mma, "us"},
          {"shared memory", cost.shared, "us"},
          {"L2", cost.l2, "us"},
          {"DRAM", cost.dram, "us"},
          {"chain", cost.chain, "us"}};
}

namespace {

/// The tiles of a product, judged at samples of its symbols.
class Judge {
public:
  /// `wanted`: the only tile to look at, where it is a candidate.
  Judge(const Product &p, const DimFacts &facts, const TargetRecord &target, std::optional<TileSize> wanted)
      : p(p), facts(facts), target(target), tiles(candidates(p, facts, target)) {
    auto isOther = [&](const Tiling &t) { return t.size() != wanted; };
    if (!llvm::all_of(tiles, isOther)) llvm::erase_if(tiles, isOther);
  }

  int64_t tilesOf(const Tiling &t, int64_t sample) const {
    return sampleValue(divide(p, t, facts).tiles(), facts, sample);
  }
  // What a tile costs beyond the bound that no tile changes counts a little, so that ties go to less work.
  double cost(const Tiling &t, int64_t sample) const {
    TileCost c = costOf(t, p, facts, sample, target);
    return c.total() + 0.05 * (c.mma + c.shared + c.l2 + c.chain);
  }
  SmallVector<Tiling> inParts(int64_t parts) const {
    SmallVector<Tiling> result(tiles);
    for (Tiling &t : result) t.parts = parts;
    return result;
  }
  // All tiles in one part, and in several where that may be worth it.
  SmallVector<Tiling> splits(ArrayRef<int64_t> samples) const {
    SmallVector<Tiling> result;
    for (Tiling t : tiles)
      for (int64_t parts : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32}) {
        t.parts = parts;
        if (parts == 1 || canSplit(t, samples)) result.push_back(t);
      }
    return result;
  }
  // The least sum of costs, relative to the best for each sample.
  Tiling cheapest(ArrayRef<int64_t> samples, ArrayRef<Tiling> tried) const {
    std::vector<double> sums(tried.size());
    for (int64_t sample : samples) {
      std::vector<double> costs;
      for (const Tiling &t : tried) costs.push_back(cost(t, sample));
      double least = *std::min_element(costs.begin(), costs.end());
      for (size_t i = 0; i < tried.size(); ++i) sums[i] += costs[i] / least;
    }
    return tried[std::min_element(sums.begin(), sums.end()) - sums.begin()];
  }

private:
  // At least four blocks of k for each CTA that shares a tile, and no more of them than the device runs at
  // once.
  bool canSplit(const Tiling &t, ArrayRef<int64_t> samples) const {
    return llvm::all_of(samples, [&](int64_t sample) {
      int64_t count = tilesOf(t, sample);
      return count <= target.sms && t.parts * count <= 2 * target.sms &&
             sampleValue(p.k, facts, sample) / t.k >= 4 * t.parts;
    });
  }

  const Product &p;
  const DimFacts &facts;
  const TargetRecord &target;
  SmallVector<Tiling> tiles;
};

} // namespace

TileChoice chooseTiling(const Product &p, const CanonicalRegion &region, const TargetRecord &target,
                        bool maySplit) {
  const DimFacts &facts = region.facts;
  Judge judge(p, facts, target, region.byHand.tile);
  TileChoice choice{judge.cheapest({middlingSample}, judge.inParts(1)), std::nullopt, Dim(0)};
  Dim ctas = divide(p, choice.large, facts).tiles();
  choice.fills = facts.simplify(ctas - target.sms);
  SmallVector<int64_t> few;
  for (int64_t sample : {1, 8, 32, 128}) {
    // Products with fewer rows belong to gemv.
    bool isMatrix = std::min(sampleValue(p.m, facts, sample), sampleValue(p.n, facts, sample)) > 8;
    if (isMatrix && judge.tilesOf(choice.large, sample) < target.sms) few.push_back(sample);
  }
  if (maySplit && region.byHand.split.value_or(1) > 1) {
    Tiling byHand = judge.cheapest(few.empty() ? ArrayRef<int64_t>(middlingSample) : few,
                                   judge.inParts(*region.byHand.split));
    Dim room = Dim(region.mostShared(target.sms, byHand.m * byHand.n)) - divide(p, byHand, facts).tiles();
    if (facts.bounds(room).hi >= 0 && facts.bounds(p.k).hi > byHand.k) choice.small = byHand;
    return choice;
  }
  // A kernel more for the same sizes must be worth it.
  constexpr double leastGain = 1.15;
  if (few.empty()) return choice;
  bool modelSplits = maySplit && !region.byHand.split;
  Tiling small = judge.cheapest(few, modelSplits ? judge.splits(few) : judge.inParts(1));
  double gain = 0;
  for (int64_t sample : few)
    gain += judge.cost(choice.large, sample) / judge.cost(small, sample) / few.size();
  bool always = facts.proveNonNegative(-choice.fills - 1);
  if (always && small.parts == 1)
    choice.large = small;
  else if (gain >= leastGain)
    choice.small = small;
  return choice;
}

} // namespace dlc::schedule
