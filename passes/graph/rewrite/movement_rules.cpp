// Rules about movement: what cancels, what composes, and movement of one repeated value, which is that value
// again.
#include "passes/graph/rewrite/rule.h"

using namespace mlir;

namespace dlc::graph {

static bool isZero(const Dim &dim) { return dim.isConstant(0); }

/// A tensor of the splat value with the op's result type.
static Value filled(PatternRewriter &b, Operation *op, TypedAttr value) {
  return FillOp::create(b, op->getLoc(), op->getResult(0).getType(), value);
}

/// move(fill v) -> fill v
template <typename OpTy> static Value moveOfFill(OpTy op, PatternRewriter &b) {
  auto fill = op->getOperand(0).template getDefiningOp<FillOp>();
  return fill ? filled(b, op, fill.getValue()) : Value();
}

//===- Values without operands --------------------------------------------------===//

/// constant dense<v> -> fill v
static Value splatConstant(ConstantOp op, PatternRewriter &b) {
  auto value = splatValue(op.getResult());
  return value ? filled(b, op, value) : Value();
}
/// A constant written with the upstream op.
static Value upstreamConstant(arith::ConstantOp op, PatternRewriter &b) {
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!dense || !type || !type.hasStaticShape()) return {};
  if (dense.isSplat()) return filled(b, op, cast<TypedAttr>(dense.getSplatValue<Attribute>()));
  return dense.getNumElements() <= 64 ? ConstantOp::create(b, op.getLoc(), op.getType(), dense).getResult()
                                      : Value();
}
/// dim_value 7 -> fill 7
static Value constantDim(DimValueOp op, PatternRewriter &b) {
  auto value = op.getDim().getDims()[0].constantValue();
  return value ? filled(b, op, IntegerAttr::get(elementTypeOf(op.getResult()), *value)) : Value();
}
/// iota along a dim of size 1 -> fill 0
static Value iotaOfOne(IotaOp op, PatternRewriter &b) {
  if (!dimsOf(op.getResult())[op.getDim()].isConstant(1)) return {};
  return filled(b, op, IntegerAttr::get(elementTypeOf(op.getResult()), 0));
}

//===- Broadcast, reshape, transpose ------------------------------------------------===//

/// broadcast(broadcast(x)) -> broadcast(x)
static Value broadcastTwice(BroadcastOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<BroadcastOp>();
  if (!inner) return {};
  SmallVector<int64_t> map;
  for (int64_t place : inner.getDims()) map.push_back(op.getDims()[place]);
  return broadcast(b, op.getLoc(), inner.getOperand(), dimsOf(op.getResult()), map);
}

/// broadcast(reshape(x)) -> broadcast(x) where the reshape only added or dropped dims of size 1
static Value broadcastOfUnits(BroadcastOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<ReshapeOp>();
  if (!inner) return {};
  SmallVector<Dim> from = dimsOf(inner.getOperand()), to = dimsOf(inner.getResult());
  if (withoutUnits(from) != withoutUnits(to)) return {};
  SmallVector<int64_t> places; // of the dims that are not 1, in the result
  for (auto [dim, place] : llvm::zip(to, op.getDims()))
    if (!dim.isConstant(1)) places.push_back(place);
  // A dim of size 1 needs a place of its own between its neighbours.
  SmallVector<int64_t> map;
  size_t next = 0;
  for (const Dim &dim : from) map.push_back(dim.isConstant(1) ? -1 : places[next++]);
  int64_t limit = rankOf(op.getResult());
  for (size_t i = map.size(); i-- > 0;) {
    if (map[i] < 0) map[i] = limit - 1;
    if (map[i] < 0 || map[i] >= limit) return {};
    limit = map[i];
  }
  return broadcast(b, op.getLoc(), inner.getOperand(), dimsOf(op.getResult()), map);
}

/// broadcast that only adds dims of size 1 -> reshape
static Value broadcastIsReshape(BroadcastOp op, PatternRewriter &b) {
  SmallVector<Dim> from = dimsOf(op.getOperand()), to = dimsOf(op.getResult());
  if (withoutUnits(from) != withoutUnits(to)) return {};
  return ReshapeOp::create(b, op.getLoc(), op.getType(), op.getOperand());
}

/// transpose(transpose(x)) -> transpose(x)
static Value transposeTwice(TransposeOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<TransposeOp>();
  if (!inner) return {};
  SmallVector<int64_t> perm;
  for (int64_t p : op.getPerm()) perm.push_back(inner.getPerm()[p]);
  return transpose(b, op.getLoc(), inner.getOperand(), perm);
}

/// transpose that moves only dims of size 1 -> reshape
static Value transposeIsReshape(TransposeOp op, PatternRewriter &b) {
  SmallVector<Dim> from = dimsOf(op.getOperand());
  int64_t last = -1;
  for (int64_t p : op.getPerm()) {
    if (from[p].isConstant(1)) continue;
    if (p < last) return {};
    last = p;
  }
  return ReshapeOp::create(b, op.getLoc(), op.getType(), op.getOperand());
}

/// For a reshape that only joins neighbouring dims: how many operand dims each result dim is made of.
static std::optional<SmallVector<int64_t>> joinedDims(ReshapeOp op) {
  SmallVector<Dim> from = dimsOf(op.getOperand()), to = dimsOf(op.getResult());
  SmallVector<int64_t> counts;
  size_t at = 0;
  for (const Dim &dim : to) {
    Dim product = 1;
    int64_t count = 0;
    while (at < from.size() && (count == 0 || !(product == dim))) product = product * from[at++], ++count;
    if (!(product == dim)) return std::nullopt;
    counts.push_back(count);
  }
  return at == from.size() ? std::optional(counts) : std::nullopt;
}

/// transpose(join x) -> join(transpose x): joins then meet the splits behind them
static Value transposeOfJoin(TransposeOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<ReshapeOp>();
  if (!inner) return {};
  auto counts = joinedDims(inner);
  if (!counts || llvm::all_of(*counts, [](int64_t count) { return count == 1; })) return {};
  SmallVector<int64_t> first, perm;
  int64_t next = 0;
  for (int64_t count : *counts) {
    first.push_back(next);
    next += count;
  }
  for (int64_t p : op.getPerm())
    for (int64_t k = 0; k < (*counts)[p]; ++k) perm.push_back(first[p] + k);
  Value moved = transpose(b, op.getLoc(), inner.getOperand(), perm);
  return ReshapeOp::create(b, op.getLoc(), op.getType(), moved);
}

//===- Slice, pad, concat ----------------------------------------------------------------===//

/// slice(slice(x)) -> slice(x)
static Value sliceTwice(SliceOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<SliceOp>();
  if (!inner) return {};
  SmallVector<Dim> offsets;
  SmallVector<int64_t> steps;
  for (size_t i = 0; i < op.getSteps().size(); ++i) {
    offsets.push_back(inner.getOffsets().getDims()[i] + op.getOffsets().getDims()[i] * inner.getSteps()[i]);
    steps.push_back(op.getSteps()[i] * inner.getSteps()[i]);
  }
  return slice(b, op.getLoc(), inner.getOperand(), offsets, steps, dimsOf(op.getResult()));
}

/// slice(concat(..., x, ...)) -> slice(x) where it stays inside of x
static Value sliceOfConcat(SliceOp op, PatternRewriter &b) {
  auto concat = op.getOperand().getDefiningOp<ConcatOp>();
  if (!concat) return {};
  int64_t axis = concat.getAxis();
  if (op.getSteps()[axis] < 1) return {};
  Dim begin = op.getOffsets().getDims()[axis];
  Dim end = begin + (dimsOf(op.getResult())[axis] - 1) * op.getSteps()[axis] + 1;
  Dim at = 0;
  for (Value piece : concat.getOperands()) {
    Dim next = at + dimsOf(piece)[axis];
    auto before = (begin - at).constantValue(), after = (next - end).constantValue();
    if (before && after && *before >= 0 && *after >= 0) {
      SmallVector<Dim> offsets(op.getOffsets().getDims());
      offsets[axis] = begin - at;
      return slice(b, op.getLoc(), piece, offsets, op.getSteps(), dimsOf(op.getResult()));
    }
    at = next;
  }
  return {};
}

/// pad(fill v, v) -> fill v
static Value padOfFill(PadOp op, PatternRewriter &b) {
  auto fill = op.getOperand().getDefiningOp<FillOp>();
  return fill && splatValue(op.getValue()) == fill.getValue() ? filled(b, op, fill.getValue()) : Value();
}

/// pad(pad(x, v), v) -> pad(x, v)
static Value padTwice(PadOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<PadOp>();
  auto value = splatValue(op.getValue());
  if (!inner || !value || splatValue(inner.getValue()) != value) return {};
  SmallVector<Dim> low, high;
  for (size_t i = 0; i < op.getLow().getDims().size(); ++i) {
    low.push_back(op.getLow().getDims()[i] + inner.getLow().getDims()[i]);
    high.push_back(op.getHigh().getDims()[i] + inner.getHigh().getDims()[i]);
  }
  return pad(b, op.getLoc(), inner.getOperand(), op.getValue(), low, high);
}

/// concat(fill v, fill v) -> fill v
static Value concatOfFills(ConcatOp op, PatternRewriter &b) {
  TypedAttr value = splatValue(op.getOperands()[0]);
  for (Value operand : op.getOperands())
    if (!operand.getDefiningOp<FillOp>() || splatValue(operand) != value) return {};
  return filled(b, op, value);
}

/// concat(x, concat(y, z)) -> concat(x, y, z), and empty operands vanish
static Value flatConcat(ConcatOp op, PatternRewriter &b) {
  SmallVector<Value> pieces;
  for (Value operand : op.getOperands()) {
    auto inner = operand.getDefiningOp<ConcatOp>();
    if (inner && inner.getAxis() == op.getAxis() && inner->hasOneUse())
      llvm::append_range(pieces, inner.getOperands());
    else if (!isZero(dimsOf(operand)[op.getAxis()]))
      pieces.push_back(operand);
  }
  if (pieces.empty() || pieces.size() == op.getOperands().size()) return {};
  return pieces.size() == 1 ? pieces[0] : concat(b, op.getLoc(), pieces, op.getAxis());
}

/// concat(slice(x, 0, a), slice(x, a, b)) -> slice(x, 0, b)
static Value concatOfSlices(ConcatOp op, PatternRewriter &b) {
  auto first = op.getOperands()[0].getDefiningOp<SliceOp>();
  if (!first || op.getOperands().size() < 2) return {};
  int64_t axis = op.getAxis();
  if (first.getSteps()[axis] != 1) return {};
  Dim at = first.getOffsets().getDims()[axis];
  for (Value operand : op.getOperands()) {
    auto piece = operand.getDefiningOp<SliceOp>();
    if (!piece || piece.getOperand() != first.getOperand() || piece.getSteps() != first.getSteps()) return {};
    for (auto [i, offset] : llvm::enumerate(piece.getOffsets().getDims()))
      if (!(offset == (int64_t(i) == axis ? at : first.getOffsets().getDims()[i]))) return {};
    at = at + dimsOf(operand)[axis];
  }
  return slice(b, op.getLoc(), first.getOperand(), first.getOffsets().getDims(), first.getSteps(),
               dimsOf(op.getResult()));
}

//===- Gather --------------------------------------------------------------------------===//

/// gather(x, 3) -> reshape(slice(x, 3)): one known slice
static Value gatherOfOne(GatherOp op, PatternRewriter &b) {
  auto index = dyn_cast_or_null<IntegerAttr>(splatValue(op.getIndices()));
  if (!index || op.getBatchDims() != 0) return {};
  for (const Dim &dim : dimsOf(op.getIndices()))
    if (!dim.isConstant(1)) return {};
  SmallVector<Dim> sizes = dimsOf(op.getOperand());
  auto n = sizes[op.getAxis()].constantValue();
  int64_t at = index.getValue().getSExtValue();
  if (!n || *n < 1) return {};
  SmallVector<Dim> offsets(sizes.size(), Dim(0));
  offsets[op.getAxis()] = std::clamp<int64_t>(at, 0, *n - 1);
  sizes[op.getAxis()] = 1;
  Value one = slice(b, op.getLoc(), op.getOperand(), offsets, SmallVector<int64_t>(sizes.size(), 1), sizes);
  return reshape(b, op.getLoc(), one, dimsOf(op.getResult()));
}

/// gather(fill v) -> fill v, unless the operand may be empty
static Value gatherOfFill(GatherOp op, PatternRewriter &b) {
  auto n = dimsOf(op.getOperand())[op.getAxis()].constantValue();
  return n && *n > 0 ? moveOfFill(op, b) : Value();
}

//===- Padding that a contraction or window does by itself --------------------------------===//

/// Adds a pad's margins to those of an op; nothing when other dims are padded too.
static std::optional<std::pair<DimsAttr, DimsAttr>> mergeMargins(PadOp pad, DimsAttr low, DimsAttr high,
                                                                 size_t first) {
  SmallVector<Dim> lows(low.getDims()), highs(high.getDims());
  for (size_t i = 0; i < pad.getLow().getDims().size(); ++i) {
    const Dim &before = pad.getLow().getDims()[i], &after = pad.getHigh().getDims()[i];
    if (i < first) {
      if (!isZero(before) || !isZero(after)) return std::nullopt;
      continue;
    }
    lows[i - first] = lows[i - first] + before;
    highs[i - first] = highs[i - first] + after;
  }
  MLIRContext *context = pad.getContext();
  return std::pair(DimsAttr::get(context, lows), DimsAttr::get(context, highs));
}

/// conv(pad(x, 0)) -> conv(x) with wider margins
static Value convOfPad(ConvOp op, PatternRewriter &b) {
  auto pad = op.getInput().getDefiningOp<PadOp>();
  if (!pad) return {};
  auto value = dyn_cast_or_null<FloatAttr>(splatValue(pad.getValue()));
  if (!value || !value.getValue().isZero()) return {};
  auto margins = mergeMargins(pad, op.getLow(), op.getHigh(), 2);
  if (!margins) return {};
  return ConvOp::create(b, op.getLoc(), op.getType(), pad.getOperand(), op.getFilter(), op.getStrides(),
                        op.getDilations(), margins->first, margins->second, op.getGroups(),
                        op.getPrecision());
}

/// window(pad(x, init)) -> window(x) with wider margins: what is outside counts as the init
static LogicalResult windowOfPad(WindowOp op, PatternRewriter &b) {
  auto pad = op.getOperand().getDefiningOp<PadOp>();
  if (!pad || splatValue(pad.getValue()) != op.getInit()) return failure();
  auto margins = mergeMargins(pad, op.getLow(), op.getHigh(), 0);
  if (!margins) return failure();
  b.modifyOpInPlace(op, [&] {
    op.getOperandMutable().assign(pad.getOperand());
    op.setLowAttr(margins->first);
    op.setHighAttr(margins->second);
  });
  return success();
}

//===- Contractions of widened operands ------------------------------------------------------===//

/// dot(ext x, ext y) -> dot(x, y): products of 16-bit floats are exact in fp32, and the result's type stays.
/// Nothing when an operand is not extended to fp32, or the two come from different types.
static std::optional<std::pair<Value, Value>> beforeExtension(Value lhs, Value rhs) {
  auto left = lhs.getDefiningOp<arith::ExtFOp>(), right = rhs.getDefiningOp<arith::ExtFOp>();
  if (!left || !right || !elementTypeOf(lhs).isF32()) return std::nullopt;
  Type narrow = elementTypeOf(left.getIn());
  if (!isa<Float16Type, BFloat16Type>(narrow) || narrow != elementTypeOf(right.getIn())) return std::nullopt;
  return std::pair(left.getIn(), right.getIn());
}
static Value dotOfExtended(DotOp op, PatternRewriter &b) {
  auto narrow = beforeExtension(op.getLhs(), op.getRhs());
  if (!narrow) return {};
  return DotOp::create(b, op.getLoc(), op.getType(), narrow->first, narrow->second, op.getLhsBatch(),
                       op.getRhsBatch(), op.getLhsContract(), op.getRhsContract());
}
static Value convOfExtended(ConvOp op, PatternRewriter &b) {
  auto narrow = beforeExtension(op.getInput(), op.getFilter());
  if (!narrow) return {};
  return ConvOp::create(b, op.getLoc(), op.getType(), narrow->first, narrow->second, op.getStrides(),
                        op.getDilations(), op.getLow(), op.getHigh(), op.getGroups());
}

void addMovementRules(RewritePatternSet &patterns) {
  add<ConstantOp>(patterns, splatConstant);
  add<arith::ConstantOp>(patterns, upstreamConstant);
  add<DimValueOp>(patterns, constantDim);
  add<IotaOp>(patterns, iotaOfOne);
  add<BroadcastOp>(patterns, moveOfFill<BroadcastOp>);
  add<ReshapeOp>(patterns, moveOfFill<ReshapeOp>);
  add<TransposeOp>(patterns, moveOfFill<TransposeOp>);
  add<SliceOp>(patterns, moveOfFill<SliceOp>);
  add<BroadcastOp>(patterns, broadcastTwice);
  add<BroadcastOp>(patterns, broadcastOfUnits);
  add<BroadcastOp>(patterns, broadcastIsReshape);
  add<TransposeOp>(patterns, transposeTwice);
  add<TransposeOp>(patterns, transposeIsReshape);
  add<TransposeOp>(patterns, transposeOfJoin);
  add<SliceOp>(patterns, sliceTwice);
  add<SliceOp>(patterns, sliceOfConcat);
  add<PadOp>(patterns, padOfFill);
  add<PadOp>(patterns, padTwice);
  add<ConcatOp>(patterns, concatOfFills);
  add<ConcatOp>(patterns, flatConcat);
  add<ConcatOp>(patterns, concatOfSlices);
  add<GatherOp>(patterns, gatherOfOne);
  add<GatherOp>(patterns, gatherOfFill);
  add<ConvOp>(patterns, convOfPad);
  add<DotOp>(patterns, dotOfExtended);
  add<ConvOp>(patterns, convOfExtended);
  patterns.add(windowOfPad);
}

} // namespace dlc::graph
