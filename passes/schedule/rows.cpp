// The family of row reductions: sums, means, softmax, normalisations, arg max, over any axes.
//
// Every reduction of the region runs over the same columns (the reduced dims) of the same rows (the others).
// A CTA takes a few rows. Where a row fits into the registers of its threads it is read once: the tile [rows,
// columns] of an operand is loaded, reduced, and used again for the next reduction and for the results.
// Longer rows are walked in chunks, once per reduction and once for the results. Few long rows are shared by
// several CTAs (split_rows.cpp).
//
//   softmax over 512 columns, 1 row a CTA:  x = load [1, 512]; m = reduce max x; e = exp(x - expand m); s =
//   reduce sum e; store e / expand s
//
// Lanes run along the columns when the innermost dim is reduced, else along the rows, so that neighbours are
// neighbours in memory.
#include "passes/schedule/rows.h"
#include "passes/schedule/families.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

class OneCtaKernel : RowsKernel {
public:
  using RowsKernel::RowsKernel;

  Launch build() {
    Dim id = kernel.programId(0);
    emitter.facts.declareIndex(id.symbolName(), ceilDiv(match.rows, Dim(shape.rows)));
    placeRows(id);
    emitter.override = [this](Value value, const Emitter::Coords &coords, const Space &space) {
      return reduction(value, coords, space);
    };
    // In program order, outside of all loops: later ones find the earlier ones' values.
    for (graph::ReduceOp op : match.reductions)
      for (Value result : op->getResults()) done[result] = emitter.emit(result, rowCoords(result), rowSpace);
    storePerRow();
    if (hasFullResults(region, match))
      chunks({}, [&](Dim column, ValueRange) -> SmallVector<Value> {
        storeFull(column);
        return {};
      });
    kernel.finish();
    kernel.launch.grid = {ceilDiv(match.rows, Dim(shape.rows)), Dim(1), Dim(1)};
    return std::move(kernel.launch);
  }

private:
  // Calls `body` for each chunk of columns with the column of an element.
  SmallVector<Value> chunks(ValueRange carried, function_ref<SmallVector<Value>(Dim, ValueRange)> body) {
    if (shape.whole) return body(Dim::symbol("i1"), carried);
    return emitter.loop(ceilDiv(match.columns, Dim(shape.columns)), carried,
                        [&](Dim chunk, ValueRange values) {
                          return body(chunk * shape.columns + Dim::symbol("i1"), values);
                        });
  }

  // A reduction of the region, asked for at a row: its tile is reduced along the columns.
  Value reduction(Value value, const Emitter::Coords &coords, const Space &space) {
    auto op = value.getDefiningOp<graph::ReduceOp>();
    if (!op || !(space.layout == rowSpace.layout) || !areOwnRows(value, coords)) return {};
    if (Value known = done.lookup(value)) return known;
    SmallVector<Value> tiles = shape.whole
                                   ? elements(op, Dim::symbol("i1"))
                                   : chunks(identities(op), [&](Dim column, ValueRange acc) {
                                       return emitter.combine(op.getCombiner(), acc, elements(op, column));
                                     });
    SmallVector<Value> reduced = reduceTiles(op, tiles);
    unsigned wanted = cast<OpResult>(value).getResultNumber();
    for (unsigned i = 0; i < reduced.size(); ++i)
      if (i != wanted) emitter.remember(op.getResult(i), coords, space, reduced[i]);
    return reduced[wanted];
  }
};

} // namespace

bool scheduleRows(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                  Scheduled &out) {
  std::string why;
  auto match = matchRows(region, why);
  if (!match) return out.refuse("rows", why);
  int64_t width = widthFor(region, *match);
  int64_t longest = region.facts.bounds(match->columns).hi;
  auto when32 = fitsIn32Bits(region, 1 << 16);
  if (addSplitRows(region, *match, target, name, when32, out)) return out.take("rows");
  auto add = [&](int64_t limit, int64_t bits, SmallVector<Dim> when) {
    RowShape shape = shapeFor(*match, limit, width);
    std::string kernel =
        name + (limit == longest ? "" : "_" + std::to_string(limit)) + (bits == 64 ? "_i64" : "");
    Variant variant;
    variant.when = std::move(when);
    variant.schedule = "rows tile=" + std::to_string(shape.rows) + "x" + std::to_string(shape.columns) +
                       " warps=" + std::to_string(shape.warps) + " width=" + std::to_string(shape.width) +
                       (shape.whole ? " whole" : " chunked") + " index=i" + std::to_string(bits);
    variant.launches.push_back(OneCtaKernel(region, *match, shape, *out.module, kernel, bits).build());
    out.variants.push_back(std::move(variant));
  };
  // Row lengths that deserve a kernel of their own; a static length has one.
  if (match->innermost && !match->columns.isConstant())
    for (int64_t limit : {256, 2048}) {
      if (limit >= longest) continue;
      SmallVector<Dim> when = when32;
      when.push_back(Dim(limit) - match->columns);
      add(limit, 32, std::move(when));
    }
  // Memory bounds long rows, not their 64-bit addresses: a region has no more than four variants.
  constexpr size_t mostVariants = 4;
  if (when32.empty() || out.variants.size() + 2 <= mostVariants) add(longest, 32, when32);
  if (!when32.empty()) add(longest, 64, {});
  return out.take("rows");
}

} // namespace dlc::schedule
