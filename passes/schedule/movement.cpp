// Values that are other values moved: where a coordinate leads to in memory, and where an element of a value
// goes.
#include "passes/schedule/emitter.h"

using namespace mlir;

namespace dlc::schedule {

std::optional<Emitter::Element> Emitter::resolve(Value value, Coords coords, SmallVector<Dim> guards) const {
  while (Operation *op = value.getDefiningOp()) {
    Coords inner;
    if (auto broadcast = dyn_cast<graph::BroadcastOp>(op)) {
      for (auto [dim, place] : llvm::zip(graph::dimsOf(broadcast.getOperand()), broadcast.getDims()))
        inner.push_back(dim.isConstant(1) ? Dim(0) : coords[place]);
    } else if (auto reshape = dyn_cast<graph::ReshapeOp>(op)) {
      inner = reshapeCoords(coords, graph::dimsOf(value), graph::dimsOf(reshape.getOperand()));
    } else if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
      inner.resize(coords.size());
      for (auto [i, p] : llvm::enumerate(transpose.getPerm())) inner[p] = coords[i];
    } else if (auto slice = dyn_cast<graph::SliceOp>(op)) {
      for (auto [coord, offset, step] : llvm::zip(coords, slice.getOffsets().getDims(), slice.getSteps()))
        inner.push_back(offset + coord * step);
    } else if (auto pad = dyn_cast<graph::PadOp>(op)) {
      // What is outside is zero, as in a copy; other values are for those who compute.
      TypedAttr fill = graph::splatValue(pad.getValue());
      auto number = dyn_cast_or_null<FloatAttr>(fill);
      bool isZero =
          number ? number.getValue().isPosZero() : fill && cast<IntegerAttr>(fill).getValue().isZero();
      if (!isZero) return std::nullopt;
      for (auto [coord, low, high, dim] : llvm::zip(coords, pad.getLow().getDims(), pad.getHigh().getDims(),
                                                    graph::dimsOf(pad.getOperand()))) {
        inner.push_back(coord - low);
        if (!low.isConstant(0)) guards.push_back(coord - low);
        if (!high.isConstant(0)) guards.push_back(dim - 1 - coord + low);
      }
    } else {
      return std::nullopt;
    }
    value = op->getOperand(0);
    coords = inner;
    for (Dim &coord : coords) coord = facts.simplify(coord);
  }
  if (!sources.count(value)) return std::nullopt;
  return Element{value, coords, guards};
}

std::optional<std::pair<Dim, Dim>> Emitter::stridesOf(Value value, const Coords &coords) const {
  // Through what is computed, the first operand of full extent decides: it is what dominates the traffic.
  if (Operation *op = value.getDefiningOp(); op && graph::isPointwise(op)) {
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        if (auto strides = stridesOf(operand, coords))
          if (!strides->first.isConstant(0) && !strides->second.isConstant(0)) return strides;
    return std::nullopt;
  }
  auto element = resolve(value, coords, {});
  if (!element) return std::nullopt;
  Dim offset = flatten(element->coords, sources.find(element->argument)->second.strides);
  auto step = [&](const char *name) {
    Dim symbol = Dim::symbol(name);
    return facts.simplify(offset.substitute({{name, symbol + 1}}) - offset);
  };
  return std::pair{step("i0"), step("i1")};
}

Value Emitter::copy(Value value, const Coords &coords, const Space &space, Value buffer, Value stage) {
  auto type = cast<tile::SharedType>(buffer.getType());
  auto pending = tile::PendingType::get(b.getContext(), type);
  if (auto element = resolve(value, coords, space.guards)) {
    const Memory &memory = sources.find(element->argument)->second;
    Space simple = guarded({space.layout, {}}, element->guards);
    Access a = access(flatten(element->coords, memory.strides), simple.guards, 2);
    if (llvm::none_of(a.bound, [](Value bound) { return tile::isTile(bound.getType()); }))
      return tile::CopyOp::create(b, location, pending, memory.pointer, a.offset, a.where, a.names, a.bound,
                                  buffer, stage);
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
  if (auto reshape = dyn_cast<graph::ReshapeOp>(op)) {
    auto inner = forwardCoords(reshape.getOperand(), from, coords);
    if (!inner) return std::nullopt;
    return reshapeCoords(*inner, graph::dimsOf(reshape.getOperand()), graph::dimsOf(value));
  }
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    auto inner = forwardCoords(transpose.getOperand(), from, coords);
    if (!inner) return std::nullopt;
    Emitter::Coords result;
    for (int64_t p : transpose.getPerm()) result.push_back((*inner)[p]);
    return result;
  }
  if (auto broadcast = dyn_cast<graph::BroadcastOp>(op)) {
    // Only new dims of one element keep one place per element.
    SmallVector<Dim> dims = graph::dimsOf(value);
    if (!(graph::elementCount(dims) == graph::elementCount(graph::dimsOf(broadcast.getOperand()))))
      return std::nullopt;
    auto inner = forwardCoords(broadcast.getOperand(), from, coords);
    if (!inner) return std::nullopt;
    Emitter::Coords result(dims.size(), Dim(0));
    for (auto [coord, place] : llvm::zip(*inner, broadcast.getDims())) result[place] = coord;
    return result;
  }
  return std::nullopt;
}

} // namespace dlc::schedule
