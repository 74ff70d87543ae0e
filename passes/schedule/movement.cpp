// Values that are other values moved: where a coordinate leads to in memory, and where an element of a value
// goes.
#include "passes/schedule/emitter.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

using Values = std::map<std::string, Dim>;

Values bindIndices(ArrayRef<Dim> coords) {
  Values values;
  for (auto [d, coord] : llvm::enumerate(coords)) values[AccessMap::index(d).symbolName()] = coord;
  return values;
}

Emitter::Coords substituted(ArrayRef<Dim> dims, const Values &values) {
  Emitter::Coords result;
  for (const Dim &dim : dims) result.push_back(dim.substitute(values));
  return result;
}

// A fill's bits as a value of the element type.
TypedAttr scalarOf(Type element, uint64_t bits) {
  if (auto type = dyn_cast<FloatType>(element))
    return FloatAttr::get(type, APFloat(type.getFloatSemantics(), APInt(type.getWidth(), bits)));
  return IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(), bits));
}

} // namespace

const AccessMap *Emitter::mapOf(Operation *op) const {
  auto [at, isNew] = maps.try_emplace(op);
  if (isNew)
    if (auto map = graph::accessMapOf(op, facts)) at->second = std::make_unique<AccessMap>(std::move(*map));
  return at->second.get();
}

// The integer tile at the indirect term's position, clamped to its extent.
Value Emitter::clampedIndex(Value indices, const AccessMap::Indirect &indirect, const Space &space) {
  Value index = emit(indices, Coords(indirect.position.begin(), indirect.position.end()), space);
  // Clamp in the wider of the two types, then take the index type.
  auto own = cast<IntegerType>(cast<RankedTensorType>(index.getType()).getElementType());
  Type wide = own.getWidth() > indexType.getIntOrFloatBitWidth() ? Type(own) : indexType;
  auto wideType = tile::tileType(space.layout, wide), indexTileType = tile::tileType(space.layout, indexType);
  if (own != wide) index = arith::ExtSIOp::create(b, location, wideType, index);
  Access a = access(facts.simplify(max(indirect.extent - 1, Dim(0))), {}, space.layout.rank());
  Value last = tile::IndexOp::create(b, location, wideType, a.offset, a.names, a.bound);
  index = arith::MinSIOp::create(b, location, index, last);
  index = arith::MaxSIOp::create(b, location, index, splat(IntegerAttr::get(wide, 0), space));
  return wide == indexType ? index : Value(arith::TruncIOp::create(b, location, indexTileType, index));
}

SmallVector<Emitter::Piece> Emitter::piecesAt(Operation *op, const AccessMap &map, const Coords &coords,
                                              const Space &space) {
  SmallVector<Piece> pieces;
  DimFacts open = map.pieces().size() > 1 ? facts : DimFacts(); // what holds where no piece was taken yet
  for (const AccessMap::Piece &piece : map.pieces()) {
    Values values = bindIndices(coords);
    Piece made{op->getOperand(*piece.operand), {}, {}, {}};
    bool never = false;
    for (const Dim &guard : substituted(piece.guards, values)) {
      Dim simple = facts.simplify(guard);
      never |= facts.proveNonNegative(-simple - 1);
      if (!facts.proveNonNegative(simple)) made.guards.push_back(simple);
    }
    if (never) continue;
    if (auto indirect = piece.indirect) {
      indirect->position = {};
      for (const Dim &dim : piece.indirect->position) indirect->position.push_back(dim.substitute(values));
      Dim picked = newSymbol(clampedIndex(op->getOperand(indirect->operand), *indirect, space));
      facts.declareIndex(picked.symbolName(), indirect->extent);
      values[AccessMap::gathered().symbolName()] = picked;
      // No element exists to be picked from an empty dim.
      if (!facts.provePositive(indirect->extent)) made.guards.push_back(indirect->extent - 1);
    }
    made.coords = substituted(piece.index, values);
    for (const Dim &guard : made.guards)
      if (map.pieces().size() == 1 || !open.proveNonNegative(guard)) made.tests.push_back(guard);
    pieces.push_back(made);
    if (made.tests.empty()) return pieces;
    if (made.tests.size() == 1) open.assume(-made.tests[0] - 1);
  }
  // Without a fill the pieces cover everything, but for what a gather finds empty.
  bool isEmpty = pieces.empty() || (pieces.size() == 1 && map.pieces()[0].indirect);
  if (map.fill() || isEmpty) pieces.push_back({});
  return pieces;
}

Value Emitter::movement(Operation *op, const AccessMap &map, const Coords &coords, const Space &space) {
  TypedAttr fill = scalarOf(graph::elementTypeOf(op->getResult(0)), map.fill().value_or(0));
  SmallVector<Piece> pieces = piecesAt(op, map, coords, space);
  if (pieces.size() == 2 && !pieces[1].operand)
    return emitGuarded(pieces[0].operand, pieces[0].coords, space, pieces[0].guards, fill);
  SmallVector<Value> tiles;
  for (const Piece &piece : pieces)
    tiles.push_back(piece.operand ? emit(piece.operand, piece.coords, guarded(space, piece.guards))
                                  : splat(fill, space));
  // The first piece whose tests hold is taken, the last one where none does.
  Value result = tiles.back();
  for (size_t i = tiles.size() - 1; i-- > 0;)
    result = arith::SelectOp::create(b, location, condition(pieces[i].tests, space), tiles[i], result);
  return result;
}

std::optional<Emitter::Element> Emitter::resolve(Value value, Coords coords, SmallVector<Dim> guards) const {
  while (Operation *op = value.getDefiningOp()) {
    const AccessMap *map = mapOf(op);
    // What is outside is zero, as in a copy; other values are for those who compute.
    if (!map || map->pieces().size() != 1 || map->fill().value_or(0) != 0) return std::nullopt;
    const AccessMap::Piece &piece = map->pieces()[0];
    if (piece.indirect) return std::nullopt;
    Values values = bindIndices(coords);
    for (const Dim &guard : piece.guards) guards.push_back(guard.substitute(values));
    value = op->getOperand(*piece.operand);
    coords = substituted(piece.index, values);
    for (Dim &coord : coords) coord = facts.simplify(coord);
  }
  if (!sources.count(value)) return std::nullopt;
  return Element{value, coords, guards};
}

std::optional<Dim> Emitter::offsetOf(Value value, const Coords &coords) const {
  // Through what is computed, the first operand of full extent decides: it is what dominates the traffic.
  if (Operation *op = value.getDefiningOp(); op && graph::isPointwise(op)) {
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        if (auto offset = offsetOf(operand, coords))
          if (offset->uses("i0") && offset->uses("i1")) return offset;
    return std::nullopt;
  }
  auto element = resolve(value, coords, {});
  if (!element) return std::nullopt;
  return flatten(element->coords, sources.find(element->argument)->second.strides);
}

std::optional<std::pair<Dim, Dim>> Emitter::stridesOf(Value value, const Coords &coords) const {
  auto offset = offsetOf(value, coords);
  if (!offset) return std::nullopt;
  auto step = [&](const char *name) {
    Dim symbol = Dim::symbol(name);
    return facts.simplify(offset->substitute({{name, symbol + 1}}) - *offset);
  };
  return std::pair{step("i0"), step("i1")};
}

Value Emitter::copy(Value value, const Coords &coords, const Space &space, Value buffer, Value stage,
                    bool byRows) {
  auto type = cast<tile::SharedType>(buffer.getType());
  auto pending = tile::PendingType::get(b.getContext(), type);
  if (auto element = resolve(value, coords, space.guards)) {
    const Memory &memory = sources.find(element->argument)->second;
    Space simple = guarded({space.layout, {}}, element->guards);
    Access a = access(flatten(element->coords, memory.strides), simple.guards, 2);
    if (llvm::none_of(a.bound, [](Value bound) { return tile::isTile(bound.getType()); }))
      return tile::CopyOp::create(b, location, pending, memory.pointer, a.offset, a.where, a.names, a.bound,
                                  buffer, stage, byRows);
  }
  // Computed in registers, 16 bytes of a row per thread; what lies outside of the operand is zero.
  int64_t warps = space.layout.numWarps(), width = 16 / (type.getElementType().getIntOrFloatBitWidth() / 8);
  Space wide{Layout::blocked({type.getRows(), type.getColumns()}, width, warps), space.guards};
  Value tile = emit(value, coords, wide);
  if (!wide.guards.empty())
    tile = arith::SelectOp::create(b, location, condition(wide.guards, wide), tile,
                                   splat(graph::scalarAttr(type.getElementType(), 0), wide));
  return tile::FillOp::create(b, location, pending, tile, buffer, stage);
}

std::optional<Emitter::Coords> forwardCoords(Value value, Value from, ArrayRef<Dim> coords) {
  if (value == from) return Emitter::Coords(coords);
  Operation *op = value.getDefiningOp();
  if (!op) return std::nullopt;
  if (graph::isPointwise(op)) {
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        if (auto found = forwardCoords(operand, from, coords)) return found;
    return std::nullopt;
  }
  auto map = graph::forwardMapOf(op, {});
  if (!map) return std::nullopt;
  auto inner = forwardCoords(op->getOperand(0), from, coords);
  if (!inner) return std::nullopt;
  return substituted(map->single()->index, bindIndices(*inner));
}

} // namespace dlc::schedule
