#include "ir/graph/movement.h"

using namespace mlir;

namespace dlc::graph {

namespace {

std::vector<Dim> shapeOf(Value value) {
  auto dims = dimsOf(value);
  return {dims.begin(), dims.end()};
}

std::vector<Dim> toVector(ArrayRef<Dim> dims) { return {dims.begin(), dims.end()}; }
std::vector<size_t> toSizes(ArrayRef<int64_t> values) { return {values.begin(), values.end()}; }

/// The bits of a scalar, when they fit into 64.
uint64_t bitsOf(TypedAttr scalar) {
  if (auto number = dyn_cast<FloatAttr>(scalar)) return number.getValue().bitcastToAPInt().getZExtValue();
  return cast<IntegerAttr>(scalar).getValue().getZExtValue();
}

AccessMap mapOf(PadOp op) {
  std::vector<Dim> low = toVector(op.getLow().getDims()), high = toVector(op.getHigh().getDims());
  TypedAttr fill = splatValue(op.getValue());
  AccessMap map = AccessMap::pad(shapeOf(op.getOperand()), low, high, fill ? bitsOf(fill) : 0);
  if (fill || !map.fill()) return map;
  // The value outside is an operand, too: its one element serves the rest.
  AccessMap::Piece outside;
  outside.operand = 1;
  std::vector<AccessMap::Piece> pieces = map.pieces();
  pieces.push_back(outside);
  return AccessMap(map.shape(), std::move(pieces));
}

AccessMap mapOf(ConcatOp op) {
  std::vector<std::vector<Dim>> shapes;
  for (Value operand : op.getOperands()) shapes.push_back(shapeOf(operand));
  return AccessMap::concat(shapes, op.getAxis());
}

} // namespace

std::optional<AccessMap> accessMapOf(Operation *op, const DimFacts &facts) {
  return TypeSwitch<Operation *, std::optional<AccessMap>>(op)
      .Case([&](BroadcastOp op) {
        return AccessMap::broadcast(shapeOf(op.getResult()), shapeOf(op.getOperand()), toSizes(op.getDims()));
      })
      .Case([&](ReshapeOp op) {
        return AccessMap::reshape(shapeOf(op.getResult()), shapeOf(op.getOperand()), facts);
      })
      .Case([&](TransposeOp op) {
        return AccessMap::transpose(shapeOf(op.getOperand()), toSizes(op.getPerm()));
      })
      .Case([&](SliceOp op) {
        std::vector<Dim> steps(op.getSteps().begin(), op.getSteps().end());
        return AccessMap::slice(shapeOf(op.getResult()), toVector(op.getOffsets().getDims()), steps);
      })
      .Case([&](PadOp op) { return mapOf(op); })
      .Case([&](ConcatOp op) { return mapOf(op); })
      .Case([&](GatherOp op) {
        return AccessMap::gather(shapeOf(op.getOperand()), shapeOf(op.getIndices()), op.getAxis(),
                                 op.getBatchDims());
      })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<AccessMap> forwardMapOf(Operation *op, const DimFacts &facts) {
  if (auto transpose = dyn_cast<TransposeOp>(op)) return accessMapOf(op, facts)->inverse();
  if (!isa<ReshapeOp, BroadcastOp>(op)) return std::nullopt;
  Value from = op->getOperand(0), to = op->getResult(0);
  if (!(elementCount(dimsOf(from)) == elementCount(dimsOf(to)))) return std::nullopt;
  return AccessMap::reshape(shapeOf(from), shapeOf(to), facts);
}

} // namespace dlc::graph
