// The family of row reductions: sums, means, softmax, normalisations, arg max, over any axes.
//
// Every reduction of the region runs over the same columns (the reduced dims) of the same rows (the others).
// A CTA takes a few rows. Where a row fits into the registers of its threads it is read once: the tile [rows,
// columns] of an operand is loaded, reduced, and used again for the next reduction and for the results.
// Longer rows are walked in chunks, once per reduction and once for the results.
//
//   softmax over 512 columns, 1 row a CTA:  x = load [1, 512]; m = reduce max x; e = exp(x - expand m); s =
//   reduce sum e; store e / expand s
//
// Lanes run along the columns when the innermost dim is reduced, else along the rows, so that neighbours are
// neighbours in memory.
#include "passes/schedule/families.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

/// How a region splits into rows and columns.
struct Rows {
  SmallVector<Dim> dims;             // of the reduced operand
  SmallVector<int64_t> outer, inner; // its kept and its reduced dims
  Dim rows, columns;
  bool innermost; // the last dim is reduced
  SmallVector<graph::ReduceOp> reductions;
};

Dim productOf(ArrayRef<Dim> dims, ArrayRef<int64_t> which) {
  Dim result(1);
  for (int64_t d : which) result = result * dims[d];
  return result;
}

std::optional<Rows> matchRows(const CanonicalRegion &region) {
  func::FuncOp function = region.function();
  Rows match;
  bool fits = true;
  function.walk([&](Operation *op) {
    if (isa<graph::DotOp, graph::ConvOp, graph::WindowOp>(op)) fits = false;
    if (auto reduce = dyn_cast<graph::ReduceOp>(op)) match.reductions.push_back(reduce);
  });
  if (!fits || match.reductions.empty()) return std::nullopt;
  for (graph::ReduceOp op : match.reductions) {
    SmallVector<Dim> dims = graph::dimsOf(op.getOperands()[0]);
    SmallVector<int64_t> outer, inner;
    for (size_t d = 0; d < dims.size(); ++d)
      (llvm::is_contained(op.getDims(), int64_t(d)) ? inner : outer).push_back(int64_t(d));
    Dim rows = productOf(dims, outer), columns = productOf(dims, inner);
    // Whether the columns of a row are one run of memory.
    bool innermost = !inner.empty() && inner.front() == int64_t(outer.size());
    if (op == match.reductions.front()) {
      match.dims = dims, match.outer = outer, match.inner = inner;
      match.rows = rows, match.columns = columns, match.innermost = innermost;
    } else if (!(rows == match.rows) || !(columns == match.columns) || innermost != match.innermost ||
               (!innermost && (dims != match.dims || inner != match.inner))) {
      return std::nullopt;
    }
  }
  // A result is one value per row, or one per element.
  for (Value value : function.getBody().front().getTerminator()->getOperands()) {
    SmallVector<Dim> dims = graph::dimsOf(value);
    Dim count = graph::elementCount(dims);
    bool full = count == match.rows * match.columns && (match.innermost || dims == match.dims);
    if (!full && !(count == match.rows)) return std::nullopt;
  }
  return match;
}

/// How many threads share a row, and how much of a row a tile holds.
struct Shape {
  int64_t warps, rows, columns, width; // width: neighbouring elements of a thread
  bool whole;                          // the tile holds the whole row
  bool lanesAlongRows;
};

Layout layoutOf(const Shape &s) {
  std::vector<LayoutDigit> reg, lane, warp;
  auto add = [](std::vector<LayoutDigit> &digits, int64_t count, int64_t row, int64_t column) {
    if (count > 1) digits.push_back({count, {row, column}});
  };
  if (s.lanesAlongRows) {
    // [32 * width rows, warps * columns-per-warp]
    add(reg, s.width, 1, 0);
    add(lane, 32, s.width, 0);
    add(warp, s.warps, 0, 1);
    add(reg, s.columns / s.warps, 0, s.warps);
    return Layout({s.rows, s.columns}, reg, lane, warp);
  }
  int64_t threads = s.warps * 32, perRow = threads / s.rows;
  int64_t lanesPerRow = std::min<int64_t>(32, perRow), warpsPerRow = perRow / lanesPerRow;
  add(reg, s.width, 0, 1);
  add(lane, lanesPerRow, 0, s.width);
  add(lane, 32 / lanesPerRow, 1, 0);
  add(warp, warpsPerRow, 0, s.width * lanesPerRow);
  add(warp, s.warps / warpsPerRow, 32 / lanesPerRow, 0);
  add(reg, s.columns / (s.width * perRow), 0, s.width * perRow);
  return Layout({s.rows, s.columns}, reg, lane, warp);
}

int64_t powerOfTwoAtLeast(int64_t value) {
  int64_t power = 1;
  while (power < value) power *= 2;
  return power;
}

// `limit` bounds the row's length. Few threads for short rows (several rows a CTA), up to 256 for long ones.
Shape shapeFor(const Rows &match, int64_t limit, int64_t width) {
  if (!match.innermost) return {4, 32 * width, 16, width, false, true};
  int64_t columns = powerOfTwoAtLeast(std::max<int64_t>(limit, 32));
  constexpr int64_t largest = 8192; // 32 registers of a row in each of 256 threads
  bool whole = columns <= largest;
  if (!whole) columns = 4096;
  int64_t warps = columns > 2048 ? 8 : 4,
          perRow = columns <= 256 ? std::max<int64_t>(8, columns / 8) : warps * 32;
  perRow = std::min<int64_t>(perRow, columns <= 256 ? 32 : warps * 32);
  width = std::min(width, columns / perRow);
  return {warps, warps * 32 / perRow, columns, width, whole, false};
}

class RowsKernel {
public:
  RowsKernel(const CanonicalRegion &region, const Rows &match, const Shape &shape, ModuleOp module,
             const std::string &name, int64_t bits)
      : match(match), shape(shape), layout(layoutOf(shape)), kernel(region, module, name, shape.warps, bits),
        emitter(kernel.emitter), region(region) {}

  Launch build() {
    Dim id = kernel.programId(0);
    emitter.facts.declareIndex(id.symbolName(), ceilDiv(match.rows, Dim(shape.rows)));
    emitter.facts.declareIndex("i0", Dim(shape.rows));
    emitter.facts.declareIndex("i1", Dim(shape.columns));
    row = id * shape.rows + Dim::symbol("i0");
    rowSpace.layout = layout.sliceDim(1);
    Dim room = emitter.facts.simplify(match.rows - 1 - row);
    if (!emitter.facts.proveNonNegative(room)) rowSpace.guards.push_back(room);
    emitter.override = [this](Value value, const Emitter::Coords &coords, const Space &space) {
      return reduction(value, coords, space);
    };
    // In program order, outside of all loops: later ones find the earlier ones' values.
    for (graph::ReduceOp op : match.reductions)
      emitter.emit(op.getResult(0), delinearize(row, graph::dimsOf(op.getResult(0))), rowSpace);
    storeResults();
    kernel.finish();
    kernel.launch.grid = {ceilDiv(match.rows, Dim(shape.rows)), Dim(1), Dim(1)};
    return std::move(kernel.launch);
  }

private:
  /// The coordinates of (row, column) in a tensor of the full element count.
  Emitter::Coords fullCoords(ArrayRef<Dim> dims, ArrayRef<Dim> outer, const Dim &column) {
    if (match.innermost && dims != ArrayRef<Dim>(match.dims))
      return delinearize(row * match.columns + column, dims);
    SmallVector<Dim> innerDims;
    for (int64_t d : match.inner) innerDims.push_back(dims[d]);
    auto inner = delinearize(column, innerDims);
    Emitter::Coords coords(dims.size());
    for (auto [k, d] : llvm::enumerate(match.outer)) coords[d] = outer[k];
    for (auto [k, d] : llvm::enumerate(match.inner)) coords[d] = inner[k];
    return coords;
  }

  Space fullSpace(const Dim &column) {
    Space space{layout, rowSpace.guards};
    Dim room = emitter.facts.simplify(match.columns - 1 - column);
    if (!emitter.facts.proveNonNegative(room)) space.guards.push_back(room);
    return space;
  }

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
    if (!op || space.layout.rank() != 1 || !(space.layout == rowSpace.layout)) return {};
    SmallVector<Dim> dims = graph::dimsOf(op.getOperands()[0]);
    SmallVector<Value> init;
    Space whole{layout, {}};
    for (Attribute attribute : op.getInits())
      init.push_back(emitter.splat(cast<TypedAttr>(attribute), whole));
    auto element = [&](const Dim &column) {
      Space full = fullSpace(column);
      SmallVector<Dim> columnGuards(full.guards.begin() + rowSpace.guards.size(), full.guards.end());
      SmallVector<Value> elements;
      Emitter::Coords at = operandCoords(op, coords, column);
      for (auto [operand, identity] : llvm::zip(op.getOperands(), init)) {
        Value tile = emitter.emit(operand, at, full);
        if (!columnGuards.empty())
          tile = arith::SelectOp::create(kernel.b, emitter.location, emitter.condition(columnGuards, full),
                                         tile, identity);
        elements.push_back(tile);
      }
      return elements;
    };
    SmallVector<Value> tiles =
        shape.whole ? element(Dim::symbol("i1")) : chunks(init, [&](Dim column, ValueRange acc) {
          return emitter.combine(op.getCombiner(), acc, element(column));
        });
    SmallVector<Type> types;
    for (Value tile : tiles)
      types.push_back(
          tile::tileType(rowSpace.layout, cast<RankedTensorType>(tile.getType()).getElementType()));
    auto reduce =
        tile::ReduceOp::create(kernel.b, emitter.location, types, tiles, kernel.b.getI64IntegerAttr(1));
    copyCombiner(op.getCombiner(), reduce.getCombiner());
    unsigned wanted = cast<OpResult>(value).getResultNumber();
    for (unsigned i = 0; i < reduce.getNumResults(); ++i)
      if (i != wanted) emitter.remember(op.getResult(i), coords, space, reduce.getResult(i));
    return reduce.getResult(wanted);
  }

  Emitter::Coords operandCoords(graph::ReduceOp op, const Emitter::Coords &coords, const Dim &column) {
    SmallVector<Dim> dims = graph::dimsOf(op.getOperands()[0]), innerDims;
    SmallVector<int64_t> sorted(op.getDims());
    llvm::sort(sorted);
    for (int64_t d : sorted) innerDims.push_back(dims[d]);
    auto inner = delinearize(column, innerDims);
    Emitter::Coords at(dims.size());
    size_t nextOuter = 0, nextInner = 0;
    for (size_t d = 0; d < dims.size(); ++d)
      at[d] = llvm::is_contained(sorted, int64_t(d)) ? inner[nextInner++] : coords[nextOuter++];
    return at;
  }

  void copyCombiner(Region &from, Region &to) {
    IRMapping map;
    from.cloneInto(&to, map);
    Operation *yield = to.front().getTerminator();
    OpBuilder b(yield);
    tile::YieldOp::create(b, yield->getLoc(), yield->getOperands());
    yield->erase();
  }

  void storeResults() {
    SmallVector<unsigned> full;
    func::FuncOp function = region.function();
    unsigned count = function.getNumResults();
    for (unsigned r = 0; r < count; ++r) {
      Value value = kernel.yielded(r);
      SmallVector<Dim> dims = graph::dimsOf(value);
      bool perRow =
          graph::elementCount(dims) == match.rows && !(match.columns == Dim(1) && dims == match.dims);
      if (!perRow) {
        full.push_back(r);
        continue;
      }
      auto coords = delinearize(row, dims);
      emitter.store(emitter.emit(value, coords, rowSpace), kernel.resultMemory(r), coords, rowSpace);
    }
    if (full.empty()) return;
    chunks({}, [&](Dim column, ValueRange) -> SmallVector<Value> {
      Space space = fullSpace(column);
      for (unsigned r : full) {
        Value value = kernel.yielded(r);
        SmallVector<Dim> dims = graph::dimsOf(value), outerDims;
        for (int64_t d : match.outer) outerDims.push_back(match.dims[d]);
        auto coords = fullCoords(dims, delinearize(row, outerDims), column);
        emitter.store(emitter.emit(value, coords, space), kernel.resultMemory(r), coords, space);
      }
      return {};
    });
  }

  const Rows &match;
  Shape shape;
  Layout layout;
  KernelBuilder kernel;
  Emitter &emitter;
  const CanonicalRegion &region;
  Space rowSpace;
  Dim row;
};

// Neighbouring elements a thread may take so that accesses are 16 bytes wide.
int64_t widthFor(const CanonicalRegion &region, const Rows &match) {
  int64_t bytes = 1;
  for (graph::ReduceOp op : const_cast<Rows &>(match).reductions)
    for (Value operand : op.getOperands())
      bytes = std::max<int64_t>(bytes, graph::elementTypeOf(operand).getIntOrFloatBitWidth() / 8);
  Dim run = match.innermost ? match.columns : match.dims.back();
  int64_t width = std::max<int64_t>(1, 16 / std::max<int64_t>(bytes, 2)), divides = region.facts.divisor(run);
  if (!match.innermost) width = std::min<int64_t>(width, 4);
  while (width > 1 && divides % width) width /= 2;
  return width;
}

} // namespace

bool scheduleRows(const CanonicalRegion &region, const TargetRecord &, const std::string &name,
                  Scheduled &out) {
  auto match = matchRows(region);
  if (!match) return false;
  int64_t width = widthFor(region, *match);
  int64_t longest = region.facts.bounds(match->columns).hi;
  // Row lengths that deserve a kernel of their own; a static length has one.
  SmallVector<int64_t> limits;
  if (match->innermost && !match->columns.isConstant())
    for (int64_t limit : {256, 2048})
      if (limit < longest) limits.push_back(limit);
  limits.push_back(longest);
  auto when32 = fitsIn32Bits(region, 1 << 16);
  auto add = [&](int64_t limit, int64_t bits, SmallVector<Dim> when) {
    Shape shape = shapeFor(*match, limit, width);
    std::string kernel =
        name + (limit == longest ? "" : "_" + std::to_string(limit)) + (bits == 64 ? "_i64" : "");
    Variant variant;
    variant.when = std::move(when);
    variant.schedule = "rows tile=" + std::to_string(shape.rows) + "x" + std::to_string(shape.columns) +
                       " warps=" + std::to_string(shape.warps) + " width=" + std::to_string(shape.width) +
                       (shape.whole ? " whole" : " chunked") + " index=i" + std::to_string(bits);
    variant.launches.push_back(RowsKernel(region, *match, shape, *out.module, kernel, bits).build());
    out.variants.push_back(std::move(variant));
  };
  for (int64_t limit : limits) {
    SmallVector<Dim> when = when32;
    if (limit != longest) when.push_back(Dim(limit) - match->columns);
    add(limit, 32, std::move(when));
  }
  if (!when32.empty()) add(longest, 64, {});
  return true;
}

} // namespace dlc::schedule
