// Which regions are reductions along rows, the tiles that their kernels work on, and where results go: a
// result's element goes where the reduced operand's went, whatever transposes and reshapes lie between.
#include "passes/schedule/rows.h"

using namespace mlir;

namespace dlc::schedule {

// Whether every element of a reduction's operand has a place in a value.
static bool keepsElements(Value value, ArrayRef<graph::ReduceOp> reductions) {
  for (graph::ReduceOp op : reductions)
    for (Value operand : op->getOperands()) {
      Emitter::Coords at;
      for (int64_t d = 0; d < graph::rankOf(operand); ++d) at.push_back(Dim::symbol("c" + std::to_string(d)));
      if (forwardCoords(value, operand, at)) return true;
    }
  return false;
}

std::optional<Rows> matchRows(const CanonicalRegion &region, std::string &why) {
  auto refuse = [&](const char *reason) {
    why = reason;
    return std::nullopt;
  };
  func::FuncOp function = region.function();
  Rows match;
  bool fits = true;
  function.walk([&](Operation *op) {
    if (isa<graph::DotOp, graph::ConvOp, graph::WindowOp>(op)) fits = false;
    if (auto reduce = dyn_cast<graph::ReduceOp>(op)) match.reductions.push_back(reduce);
  });
  if (!fits) return refuse("the hero is no reduction");
  if (match.reductions.empty()) return refuse("no reduction");
  for (graph::ReduceOp op : match.reductions) {
    SmallVector<Dim> dims = graph::dimsOf(op.getOperands()[0]);
    SmallVector<int64_t> outer, inner;
    for (size_t d = 0; d < dims.size(); ++d)
      (llvm::is_contained(op.getDims(), int64_t(d)) ? inner : outer).push_back(int64_t(d));
    Dim rows = graph::elementCount(dims, outer), columns = graph::elementCount(dims, inner);
    // Whether the columns of a row are one run of memory.
    bool innermost = !inner.empty() && inner.front() == int64_t(outer.size());
    if (op == match.reductions.front()) {
      match.dims = dims, match.outer = outer, match.inner = inner;
      match.rows = rows, match.columns = columns, match.innermost = innermost;
    } else if (!(rows == match.rows) || !(columns == match.columns) || innermost != match.innermost ||
               (!innermost && (dims != match.dims || inner != match.inner))) {
      return refuse("reductions over different rows");
    }
  }
  // A result is one value per row, or one per element.
  for (Value value : function.getBody().front().getTerminator()->getOperands()) {
    SmallVector<Dim> dims = graph::dimsOf(value);
    Dim count = graph::elementCount(dims);
    bool full = count == match.rows * match.columns &&
                (match.innermost || dims == match.dims || keepsElements(value, match.reductions));
    if (!full && !(count == match.rows))
      return refuse("a result is neither one value a row nor one an element");
  }
  return match;
}

bool isPerRow(const Rows &match, Value result) {
  SmallVector<Dim> dims = graph::dimsOf(result);
  return graph::elementCount(dims) == match.rows && !(match.columns == Dim(1) && dims == match.dims);
}

bool hasFullResults(const CanonicalRegion &region, const Rows &match) {
  return llvm::any_of(region.function().getBody().front().getTerminator()->getOperands(),
                      [&](Value result) { return !isPerRow(match, result); });
}

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

Layout layoutOf(const RowShape &s) {
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

static int64_t powerOfTwoAtLeast(int64_t value) {
  int64_t power = 1;
  while (power < value) power *= 2;
  return power;
}

// Few threads for short rows (several rows a CTA), up to 256 for long ones.
RowShape shapeFor(const Rows &match, int64_t limit, int64_t width) {
  if (!match.innermost) return {4, 32 * width, 16, width, false, true};
  constexpr int64_t largest = 8192; // 32 registers of a row in each of 256 threads
  bool whole = limit <= largest;
  // The limit of a row over several symbolic dims is near that of 64 bits.
  int64_t columns = whole ? powerOfTwoAtLeast(std::max<int64_t>(limit, 32)) : 4096;
  int64_t warps = columns > 2048 ? 8 : 4,
          perRow = columns <= 256 ? std::max<int64_t>(8, columns / 8) : warps * 32;
  perRow = std::min<int64_t>(perRow, columns <= 256 ? 32 : warps * 32);
  width = std::min(width, columns / perRow);
  return {warps, warps * 32 / perRow, columns, width, whole, false};
}

//===- A kernel over tiles of rows ---------------------------------------------------===//

RowsKernel::RowsKernel(const CanonicalRegion &region, const Rows &match, const RowShape &shape,
                       ModuleOp module, const std::string &name, int64_t bits, ArrayRef<unsigned> workspaces)
    : region(region), match(match), shape(shape), layout(layoutOf(shape)),
      kernel(region, module, name, shape.warps, bits, workspaces), emitter(kernel.emitter) {}

void RowsKernel::placeRows(const Dim &group) {
  emitter.facts.declareIndex("i0", Dim(shape.rows));
  emitter.facts.declareIndex("i1", Dim(shape.columns));
  row = group * shape.rows + Dim::symbol("i0");
  rowSpace = {layout.sliceDim(1), {}};
  Dim room = emitter.facts.simplify(match.rows - 1 - row);
  if (!emitter.facts.proveNonNegative(room)) rowSpace.guards.push_back(room);
}

Space RowsKernel::fullSpace(const Dim &column) {
  Space space{layout, rowSpace.guards};
  Dim room = emitter.facts.simplify(match.columns - 1 - column);
  if (!emitter.facts.proveNonNegative(room)) space.guards.push_back(room);
  return space;
}

SmallVector<Value> RowsKernel::identities(graph::ReduceOp op) {
  SmallVector<Value> init;
  for (Attribute attribute : op.getInits())
    init.push_back(emitter.splat(cast<TypedAttr>(attribute), {layout, {}}));
  return init;
}

// The coordinates of (row, column) in a reduction's operand.
static Emitter::Coords operandCoords(graph::ReduceOp op, const Emitter::Coords &outer, const Dim &column) {
  SmallVector<Dim> dims = graph::dimsOf(op.getOperands()[0]), innerDims;
  SmallVector<int64_t> sorted(op.getDims());
  llvm::sort(sorted);
  for (int64_t d : sorted) innerDims.push_back(dims[d]);
  auto inner = delinearize(column, innerDims);
  Emitter::Coords at(dims.size());
  size_t nextOuter = 0, nextInner = 0;
  for (size_t d = 0; d < dims.size(); ++d)
    at[d] = llvm::is_contained(sorted, int64_t(d)) ? inner[nextInner++] : outer[nextOuter++];
  return at;
}

SmallVector<Value> RowsKernel::elements(graph::ReduceOp op, const Dim &column) {
  Space full = fullSpace(column);
  SmallVector<Dim> columnGuards(full.guards.begin() + rowSpace.guards.size(), full.guards.end());
  SmallVector<Value> result;
  Emitter::Coords outer = rowCoords(op.getResult(0));
  for (Dim &coord : outer) coord = emitter.facts.simplify(coord);
  Emitter::Coords at = operandCoords(op, outer, column);
  for (auto [operand, identity] : llvm::zip(op.getOperands(), identities(op))) {
    Value tile = emitter.emit(operand, at, full);
    if (!columnGuards.empty())
      tile = arith::SelectOp::create(kernel.b, emitter.location, emitter.condition(columnGuards, full), tile,
                                     identity);
    result.push_back(tile);
  }
  return result;
}

static void copyCombiner(Region &from, Region &to) {
  IRMapping map;
  from.cloneInto(&to, map);
  Operation *yield = to.front().getTerminator();
  OpBuilder b(yield);
  tile::YieldOp::create(b, yield->getLoc(), yield->getOperands());
  yield->erase();
}

SmallVector<Value> RowsKernel::reduceTiles(graph::ReduceOp op, ValueRange tiles) {
  SmallVector<Type> types;
  for (Value tile : tiles) {
    auto type = cast<RankedTensorType>(tile.getType());
    types.push_back(tile::tileType(tile::layoutOf(tile).sliceDim(1), type.getElementType()));
  }
  auto reduce =
      tile::ReduceOp::create(kernel.b, emitter.location, types, tiles, kernel.b.getI64IntegerAttr(1));
  copyCombiner(op.getCombiner(), reduce.getCombiner());
  return SmallVector<Value>(reduce.getResults());
}

//===- Results ------------------------------------------------------------------------===//

bool RowsKernel::areOwnRows(Value reduced, const Emitter::Coords &coords) {
  Emitter::Coords own = rowCoords(reduced);
  return llvm::all_of(llvm::zip(own, coords), [&](auto pair) {
    return emitter.facts.proveEqual(std::get<0>(pair), std::get<1>(pair));
  });
}

Emitter::Coords RowsKernel::perRowCoords(Value result) {
  for (graph::ReduceOp op : match.reductions)
    for (Value reduced : op->getResults())
      if (auto coords = forwardCoords(result, reduced, rowCoords(reduced))) return *coords;
  return delinearize(row, graph::dimsOf(result));
}

void RowsKernel::storePerRow() {
  for (unsigned r = 0; r < region.function().getNumResults(); ++r) {
    if (!isPerRow(match, kernel.yielded(r))) continue;
    auto coords = perRowCoords(kernel.yielded(r));
    emitter.store(emitter.emit(kernel.yielded(r), coords, rowSpace), kernel.resultMemory(r), coords,
                  rowSpace);
  }
}

Emitter::Coords RowsKernel::fullCoords(Value result, const Dim &column) {
  for (graph::ReduceOp op : match.reductions) {
    Emitter::Coords at = operandCoords(op, rowCoords(op.getResult(0)), column);
    for (Value operand : op.getOperands())
      if (auto coords = forwardCoords(result, operand, at)) return *coords;
  }
  // A result that only repeats values of rows.
  SmallVector<Dim> dims = graph::dimsOf(result);
  if (match.innermost && dims != ArrayRef<Dim>(match.dims))
    return delinearize(row * match.columns + column, dims);
  SmallVector<Dim> outerDims, innerDims;
  for (int64_t d : match.outer) outerDims.push_back(dims[d]);
  for (int64_t d : match.inner) innerDims.push_back(dims[d]);
  auto outer = delinearize(row, outerDims), inner = delinearize(column, innerDims);
  Emitter::Coords coords(dims.size());
  for (auto [k, d] : llvm::enumerate(match.outer)) coords[d] = outer[k];
  for (auto [k, d] : llvm::enumerate(match.inner)) coords[d] = inner[k];
  return coords;
}

void RowsKernel::storeFull(const Dim &column) {
  Space space = fullSpace(column);
  for (unsigned r = 0; r < region.function().getNumResults(); ++r) {
    Value value = kernel.yielded(r);
    if (isPerRow(match, value)) continue;
    auto coords = fullCoords(value, column);
    emitter.store(emitter.emit(value, coords, space), kernel.resultMemory(r), coords, space);
  }
}

} // namespace dlc::schedule
