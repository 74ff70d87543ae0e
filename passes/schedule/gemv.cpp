// The family of products with few rows or columns: the next token of a language model, a classifier's head at
// batch 1, squeeze and excitation. Reading the large operand is all of the time, so it is read once, 16 bytes
// a thread, in the order in which it lies, and multiplied on the FMA units with an accumulator in fp32.
//
//   W[n, k] is the large operand, x[f, k] the small one, f < 8
//   for each block of k in my part:   acc[f][n, k] += W[n, k] * x[f, k]   for every f
//   y[f, n] = sum over k of acc[f]
//
// Where W is contiguous along k, lanes run along k and the sum is over registers, then lanes. Where it is
// contiguous along n, lanes run along n, and warps and some lanes along k. Where there are too few tiles of n
// for the device, several CTAs share k: each leaves its sums in workspace, and the last one adds them in
// their order and goes on. Operands are emitted like everywhere, results from the sums.
#include "passes/schedule/families.h"
#include "passes/schedule/tiling.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

constexpr int64_t mostFew = 8;

/// How a CTA's threads lie over a tile [n, k] of the large operand.
struct GemvShape {
  bool alongK; // the large operand is contiguous along k
  int64_t few; // rows of the small operand
  int64_t width, lanesK, regsN;
  int64_t unroll = 1; // tiles along k whose loads are under way together
  static constexpr int64_t warps = 4;

  int64_t lanesN() const { return 32 / lanesK; }
  int64_t tileN() const { return alongK ? regsN * warps * lanesN() : width * lanesN(); }
  int64_t tileK() const { return alongK ? width * lanesK : warps * lanesK; }
  int64_t blockK() const { return tileK() * unroll; }
};

Layout layoutOf(const GemvShape &s) {
  std::vector<LayoutDigit> reg, lane, warp;
  auto add = [](std::vector<LayoutDigit> &digits, int64_t count, int64_t n, int64_t k) {
    if (count > 1) digits.push_back({count, {n, k}});
  };
  if (s.alongK) {
    add(reg, s.width, 0, 1);
    add(lane, s.lanesK, 0, s.width);
    add(lane, s.lanesN(), 1, 0);
    add(warp, s.warps, s.lanesN(), 0);
    add(reg, s.regsN, s.lanesN() * s.warps, 0);
  } else {
    add(reg, s.width, 1, 0);
    add(lane, s.lanesN(), s.width, 0);
    add(lane, s.lanesK, 0, 1);
    add(warp, s.warps, 0, s.lanesK);
  }
  return Layout({s.tileN(), s.tileK()}, reg, lane, warp);
}

/// The product with its sides named by their sizes.
struct Sides {
  Product p;
  bool fewIsM;
  const Dim &few() const { return fewIsM ? p.m : p.n; }
  const Dim &many() const { return fewIsM ? p.n : p.m; }
  Value small() const { return fewIsM ? p.lhs : p.rhs; }
  Value large() const { return fewIsM ? p.rhs : p.lhs; }
  Emitter::Coords smallAt(Dim batch, Dim f, Dim k, SmallVector<Dim> &guards) const {
    return p.operandAt(fewIsM, batch, f, k, guards);
  }
  Emitter::Coords largeAt(Dim batch, Dim n, Dim k, SmallVector<Dim> &guards) const {
    return p.operandAt(!fewIsM, batch, n, k, guards);
  }
  Emitter::Coords resultAt(Dim batch, Dim f, Dim n) const {
    return fewIsM ? p.resultAt(batch, f, n) : p.resultAt(batch, n, f);
  }
};

/// How k is divided, and where sums are left.
struct GemvSplit {
  Dim tiles;                       // of n, over all batches
  Dim blocks;                      // of k
  Dim perPart, parts;              // blocks of a part, and parts
  unsigned sums = 0, counters = 0; // workspaces
};

class GemvKernel {
public:
  GemvKernel(const CanonicalRegion &region, const Sides &sides, const GemvShape &shape,
             const GemvSplit &split, ModuleOp module, const std::string &name, int64_t bits,
             ArrayRef<unsigned> workspaces)
      : region(region), sides(sides), shape(shape), split(split),
        kernel(region, module, name, GemvShape::warps, bits, workspaces), emitter(kernel.emitter),
        b(kernel.b), isSplit(!split.parts.isConstant(1)) {}

  Launch build() {
    placeTile();
    SmallVector<Value> sums = sumAlongK(multiplyBlocks());
    if (!isSplit) {
      emitResults(sums);
    } else {
      leave(sums);
      Value last = tile::ArriveOp::create(b, emitter.location, kernel.workspace(split.counters),
                                          emitter.evaluate(tile), emitter.evaluate(split.parts));
      emitter.when(last, [&] { emitResults(gather()); });
    }
    kernel.finish();
    kernel.launch.grid = {split.tiles * split.parts, Dim(1), Dim(1)};
    return std::move(kernel.launch);
  }

private:
  void placeTile() {
    Dim id = kernel.programId(0), tilesN = ceilDiv(sides.many(), Dim(shape.tileN()));
    emitter.facts.declareIndex(id.symbolName(), split.tiles * split.parts);
    part = scalar(mod(id, split.parts), split.parts);
    tile = scalar(floorDiv(id, split.parts), split.tiles);
    bool oneBatch = sides.p.batch.isConstant(1);
    tileN = oneBatch ? tile : scalar(mod(tile, tilesN), tilesN);
    batch = oneBatch ? Dim(0) : scalar(floorDiv(tile, tilesN), sides.p.batch);
  }

  Dim scalar(const Dim &expr, const Dim &extent) {
    Dim simple = emitter.facts.simplify(expr);
    if (simple.isConstant() || simple.isSymbol()) return simple;
    Dim symbol = emitter.newSymbol(emitter.evaluate(simple));
    emitter.facts.declareIndex(symbol.symbolName(), extent);
    return symbol;
  }

  Dim column() const { return tileN * shape.tileN() + Dim::symbol("i0"); }

  void declareTile(const Layout &layout) {
    for (size_t d = 0; d < layout.rank(); ++d)
      emitter.facts.declareIndex(tile::tileDimName(d), Dim(layout.shape()[d]));
  }

  // A tile of an operand, zero outside of the operand and past the end of k.
  Value operand(Value value, const Emitter::Coords &coords, const Layout &layout, ArrayRef<Dim> bounds,
                ArrayRef<Dim> guards) {
    Space space{layout, {}};
    for (const Dim &bound : bounds) {
      Dim simple = emitter.facts.simplify(bound);
      if (!emitter.facts.proveNonNegative(simple)) space.guards.push_back(simple);
    }
    return emitter.emitGuarded(value, coords, space, guards,
                               graph::scalarAttr(graph::elementTypeOf(value), 0));
  }

  SmallVector<Value> multiplyBlocks() {
    Layout layout = layoutOf(shape);
    declareTile(layout);
    SmallVector<Value> sums(shape.few, emitter.splat(b.getF32FloatAttr(0), {layout, {}}));
    Dim first = part * split.perPart;
    return emitter.loop(min(split.perPart, split.blocks - first), sums, [&](Dim block, ValueRange acc) {
      Dim k = (first + block) * shape.blockK() + Dim::symbol("i1");
      // All loads come before the first product.
      SmallVector<Value> large, small;
      for (int64_t u = 0; u < shape.unroll; ++u) large.push_back(largeTile(k + u * shape.tileK(), layout));
      for (int64_t u = 0; u < shape.unroll; ++u)
        for (int64_t f = 0; f < shape.few; ++f)
          small.push_back(smallTile(Dim(f), k + u * shape.tileK(), layout));
      SmallVector<Value> next(acc);
      for (int64_t u = 0; u < shape.unroll; ++u)
        for (int64_t f = 0; f < shape.few; ++f)
          next[f] = emitter.multiplyAdd(large[u], small[u * shape.few + f], next[f]);
      return next;
    });
  }

  Value largeTile(const Dim &k, const Layout &layout) {
    SmallVector<Dim> guards{sides.p.k - 1 - k};
    auto at = sides.largeAt(batch, column(), k, guards);
    return operand(sides.large(), at, layout, {sides.many() - 1 - column()}, guards);
  }

  Value smallTile(const Dim &f, const Dim &k, const Layout &layout) {
    SmallVector<Dim> guards{sides.p.k - 1 - k};
    auto at = sides.smallAt(batch, f, k, guards);
    return operand(sides.small(), at, layout, {sides.few() - 1 - f}, guards);
  }

  SmallVector<Value> sumAlongK(ArrayRef<Value> tiles) {
    SmallVector<Value> sums;
    for (Value tile : tiles) {
      auto type = tile::tileType(tile::layoutOf(tile).sliceDim(1), b.getF32Type());
      auto reduce = tile::ReduceOp::create(b, emitter.location, TypeRange{type}, ValueRange{tile},
                                           b.getI64IntegerAttr(1));
      OpBuilder::InsertionGuard guard(b);
      Block *block = b.createBlock(&reduce.getCombiner(), {}, {b.getF32Type(), b.getF32Type()},
                                   {emitter.location, emitter.location});
      Value sum = arith::AddFOp::create(b, emitter.location, block->getArgument(0), block->getArgument(1));
      tile::YieldOp::create(b, emitter.location, sum);
      sums.push_back(reduce.getResult(0));
    }
    return sums;
  }

  // The sums of a tile: [part][f][n].
  Memory sumsOf(int64_t f) {
    int64_t partStride = shape.few * shape.tileN();
    return {kernel.workspace(split.sums),
            {split.parts * partStride, Dim(partStride), Dim(shape.tileN()), Dim(1)}};
  }
  Emitter::Coords sumsAt(const Dim &part, int64_t f) const { return {tile, part, Dim(f), Dim::symbol("i0")}; }

  void leave(ArrayRef<Value> sums) {
    for (auto [f, sum] : llvm::enumerate(sums))
      emitter.store(sum, sumsOf(f), sumsAt(part, f), {tile::layoutOf(sum), {}});
  }

  // Parts take the place of k.
  SmallVector<Value> gather() {
    GemvShape parts = shape;
    if (shape.alongK) parts.width = 1;
    Layout layout = layoutOf(parts);
    declareTile(layout);
    TypedAttr zero = b.getF32FloatAttr(0);
    SmallVector<Value> sums(shape.few, emitter.splat(zero, {layout, {}}));
    return sumAlongK(
        emitter.loop(ceilDiv(split.parts, Dim(parts.tileK())), sums, [&](Dim chunk, ValueRange acc) {
          Dim at = chunk * parts.tileK() + Dim::symbol("i1");
          Space space{layout, {}};
          Dim room = emitter.facts.simplify(split.parts - 1 - at);
          if (!emitter.facts.proveNonNegative(room)) space.guards.push_back(room);
          SmallVector<Value> next;
          for (int64_t f = 0; f < shape.few; ++f) {
            Value sum = emitter.load(sumsOf(f), b.getF32Type(), sumsAt(at, f), space, zero);
            next.push_back(arith::AddFOp::create(b, emitter.location, acc[f], sum));
          }
          return next;
        }));
  }

  void emitResults(ArrayRef<Value> sums) {
    for (auto [f, sum] : llvm::enumerate(sums)) {
      const Layout &layout = tile::layoutOf(sum);
      declareTile(layout);
      Space space{layout, {}};
      for (const Dim &bound : {sides.few() - 1 - Dim(int64_t(f)), sides.many() - 1 - column()}) {
        Dim simple = emitter.facts.simplify(bound);
        if (!emitter.facts.proveNonNegative(simple)) space.guards.push_back(simple);
      }
      Emitter::Coords at = sides.resultAt(batch, Dim(int64_t(f)), column());
      for (Dim &coord : at) coord = emitter.facts.simplify(coord);
      Type element = graph::elementTypeOf(sides.p.result);
      Value c = sum;
      if (!element.isF32()) {
        auto type = tile::tileType(layout, element);
        c = element.isF64() ? Value(arith::ExtFOp::create(b, emitter.location, type, sum))
                            : arith::TruncFOp::create(b, emitter.location, type, sum);
      }
      emitter.remember(sides.p.result, at, {layout, {}}, c);
      for (unsigned r = 0; r < region.function().getNumResults(); ++r) {
        auto coords = forwardCoords(kernel.yielded(r), sides.p.result, at);
        emitter.store(emitter.emit(kernel.yielded(r), *coords, space), kernel.resultMemory(r), *coords,
                      space);
      }
    }
  }

  const CanonicalRegion &region;
  const Sides &sides;
  const GemvShape shape;
  const GemvSplit &split;
  KernelBuilder kernel;
  Emitter &emitter;
  OpBuilder &b;
  bool isSplit;
  Dim tile, part, tileN, batch;
};

/// How the operands lie in memory.
struct Order {
  bool alongK;   // the large one: contiguous along k rather than along its rows
  int64_t width; // the large one: neighbours that one access of up to 16 bytes can always take
  bool gathers;  // the small one: neighbours in k lie apart, each with an address of its own
};

Order orderOf(const CanonicalRegion &region, const Sides &sides, ModuleOp module) {
  // In a kernel that is thrown away: emitters know where operands lie.
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(module.getLoc());
  KernelBuilder kernel(region, *scratch, "order", 1, 64);
  DimFacts &facts = kernel.emitter.facts;
  facts.declareIndex("batch", sides.p.batch);
  facts.declareIndex("i0", sides.many());
  facts.declareIndex("i1", sides.p.k);
  SmallVector<Dim> guards;
  auto at = sides.largeAt(Dim::symbol("batch"), Dim::symbol("i0"), Dim::symbol("i1"), guards);
  auto strides = kernel.emitter.stridesOf(sides.large(), at);
  // What is computed from several operands is taken as its own dims lie.
  bool alongK = strides ? !strides->first.isConstant(1) : !at.empty() && !at.back().uses("i0");
  const Dim &run = alongK ? sides.p.k : sides.many();
  int64_t bytes = graph::elementTypeOf(sides.large()).getIntOrFloatBitWidth() / 8, width = 16 / bytes;
  auto smallStrides = kernel.emitter.stridesOf(
      sides.small(), sides.smallAt(Dim::symbol("batch"), Dim::symbol("i0"), Dim::symbol("i1"), guards));
  for (; width > 1; width /= 2) {
    if (facts.divisor(run) % width) continue;
    facts.declareIndex(alongK ? "i1" : "i0", run, width);
    auto offset = kernel.emitter.offsetOf(sides.large(), at);
    if (!offset || facts.divisor(facts.simplify(*offset)) % width == 0) break;
  }
  return {alongK, width, smallStrides && !smallStrides->second.isConstant()};
}

int64_t powerOfTwoBelow(int64_t value, int64_t most) {
  int64_t power = 1;
  while (power < value && power < most) power *= 2;
  return power;
}

GemvShape shapeFor(const CanonicalRegion &region, const Sides &sides, int64_t few, const Order &order,
                   const TargetRecord &target) {
  int64_t bytes = graph::elementTypeOf(sides.large()).getIntOrFloatBitWidth() / 8, widest = 16 / bytes;
  int64_t n = sampleValue(sides.many(), region.facts), k = sampleValue(sides.p.k, region.facts),
          batch = sampleValue(sides.p.batch, region.facts);
  GemvShape shape{order.alongK, few, order.width, 32, 1};
  auto tiles = [&] { return batch * ((n + shape.tileN() - 1) / shape.tileN()); };
  auto lanesFor = [&](int64_t extent, int64_t most) {
    return powerOfTwoBelow((extent + shape.width - 1) / shape.width, most);
  };
  if (shape.alongK) {
    shape.lanesK = lanesFor(k, 32);
    // Rows share what is read of the small operand, while two CTAs an SM are left.
    while (shape.regsN * few < 4 && tiles() >= 4 * target.sms) shape.regsN *= 2;
  } else {
    // 128 bytes of a row are a cache line.
    shape.lanesK = 32 / lanesFor(n, std::min<int64_t>(32, 128 / (bytes * shape.width)));
  }
  // Registers hold either accumulators or what is under way, or addresses.
  if (order.gathers) return shape;
  int64_t underWay = (few <= 2 ? 8 : few <= 4 ? 4 : 2) * std::min<int64_t>(4, widest / shape.width);
  while (shape.regsN * shape.unroll < underWay && 2 * shape.blockK() <= k) shape.unroll *= 2;
  return shape;
}

/// The division of a product by the tiles of a shape, in one part.
GemvSplit divide(const CanonicalRegion &region, const Sides &sides, const GemvShape &shape) {
  GemvSplit split;
  split.tiles = region.facts.simplify(sides.p.batch * ceilDiv(sides.many(), Dim(shape.tileN())));
  split.blocks = region.facts.simplify(ceilDiv(sides.p.k, Dim(shape.blockK())));
  split.perPart = split.blocks, split.parts = Dim(1);
  return split;
}

int64_t mostShared(const CanonicalRegion &region, const GemvShape &shape, const TargetRecord &target) {
  return region.mostShared(target.sms, shape.few * shape.tileN());
}

/// The same in as many parts as make two CTAs an SM, of at least two blocks: a launch's end and the counters
/// cost about a microsecond.
GemvSplit shared(const CanonicalRegion &region, const GemvShape &shape, GemvSplit split,
                 const TargetRecord &target, Scheduled &out) {
  Dim wanted = ceilDiv(Dim(2 * target.sms), max(split.tiles, Dim(1)));
  Dim parts = max(min(wanted, floorDiv(split.blocks, Dim(2))), Dim(1));
  if (region.byHand.split) parts = Dim(*region.byHand.split);
  split.perPart = region.facts.simplify(ceilDiv(split.blocks, parts));
  split.parts = region.facts.simplify(ceilDiv(split.blocks, max(split.perPart, Dim(1))));
  // As large as few tiles can make them.
  Dim tiles = min(split.tiles, Dim(mostShared(region, shape, target))), sums = tiles * split.parts;
  if (!region.byHand.split) sums = min(sums, Dim(3 * target.sms));
  split.counters = unsigned(out.workspaces.size());
  out.workspaces.push_back({region.facts.simplify(tiles * 4), /*zeroed=*/true});
  split.sums = unsigned(out.workspaces.size());
  out.workspaces.push_back({region.facts.simplify(sums * (shape.few * shape.tileN() * 4)), /*zeroed=*/false});
  return split;
}

} // namespace

bool scheduleGemv(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                  Scheduled &out) {
  std::string why;
  auto product = findProduct(region, why);
  if (!product) return out.refuse("gemv", why);
  if (!canEmitResults(region, *product)) return out.refuse("gemv", "a result is not in the product's order");
  DimRange m = region.facts.bounds(product->m), n = region.facts.bounds(product->n);
  // The side that is smaller for sure, or that may be; rows before columns.
  bool fewIsM = m.hi <= mostFew ? m.hi <= n.hi || n.hi > mostFew : n.hi > mostFew && m.lo <= mostFew;
  Sides sides{*product, fewIsM};
  DimRange range = fewIsM ? m : n;
  if (range.lo > mostFew) return out.refuse("gemv", "many rows and columns");
  SmallVector<Dim> when32 = fitsIn32Bits(region, 1 << 20), when = when32;
  bool always = range.hi <= mostFew;
  if (!always) {
    // Sizes that grow with the few rows are small with them.
    for (const std::string &symbol : sides.few().symbols())
      if (sides.many().uses(symbol) || sides.p.k.uses(symbol))
        return out.refuse("gemv", "where rows are few, the other sizes are small, too");
    // Short sums of fp32 make two variants of those behind this one.
    if (product->split && !when32.empty() && region.facts.bounds(product->k).lo < 32)
      return out.refuse("gemv", "short sums of fp32 need the variants");
    when.push_back(Dim(mostFew) - sides.few());
  }
  bool fits = llvm::all_of(when, [&](const Dim &room) { return region.facts.bounds(room).hi >= 0; });
  if (!fits && !always) return out.refuse("gemv", "sizes past 32-bit coordinates");
  int64_t few = std::min(range.hi, mostFew);
  GemvShape shape = shapeFor(region, sides, few, orderOf(region, sides, *out.module), target);
  auto add = [&](const GemvSplit &split, const std::string &suffix, int64_t bits, SmallVector<Dim> when) {
    bool isShared = !split.parts.isConstant(1);
    int64_t most = split.parts.constantValue().value_or(region.byHand.split.value_or(2 * target.sms));
    std::string parts = (split.parts.isConstant() ? "=" : "<=") + std::to_string(most);
    Variant variant;
    variant.parts = most;
    variant.when = std::move(when);
    variant.schedule = "gemv rows=" + std::to_string(few) + " tile=" + std::to_string(shape.tileN()) + "x" +
                       std::to_string(shape.blockK()) + " warps=" + std::to_string(GemvShape::warps) +
                       " along=" + (shape.alongK ? "k" : "n") + " width=" + std::to_string(shape.width) +
                       (isShared ? " split" + parts : "") + " index=i" + std::to_string(bits);
    SmallVector<unsigned> used;
    if (isShared) used = {split.counters, split.sums};
    variant.launches.push_back(
        GemvKernel(region, sides, shape, split, *out.module, name + suffix, bits, used).build());
    out.variants.push_back(std::move(variant));
  };
  const std::string suffix = always ? "" : "_gemv";
  GemvSplit whole = divide(region, sides, shape);
  // Where tiles are too few for the device and k is long enough, which may be known only at run time.
  SmallVector<Dim> whenShared = when;
  bool possible = fits && region.byHand.split.value_or(2) > 1;
  int64_t fewestBlocks = region.byHand.split ? 2 : 4;
  for (const Dim &room :
       {Dim(mostShared(region, shape, target)) - whole.tiles, whole.blocks - fewestBlocks}) {
    possible &= region.facts.bounds(room).hi >= 0;
    if (!region.facts.proveNonNegative(room)) whenShared.push_back(room);
  }
  // Behind the variants of few rows stand those of many.
  if (!always) possible &= whenShared.size() == when.size();
  if (possible) add(shared(region, shape, whole, target, out), suffix + "_split", 32, whenShared);
  if (fits && !(possible && whenShared.size() == when.size())) add(whole, suffix, 32, when);
  if (always && !when.empty()) add(whole, "_i64", 64, {});
  out.take("gemv");
  return always;
}

} // namespace dlc::schedule
