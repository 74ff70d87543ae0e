// Builders of graph ops: each infers its result type (contracts in graph.h).
#include "ir/graph/graph.h"

using namespace mlir;

namespace dlc::graph {

RankedTensorType tensorType(ArrayRef<Dim> dims, Type elementType) {
  SmallVector<int64_t> shape;
  bool dynamic = false;
  for (const Dim &dim : dims) {
    auto value = dim.constantValue();
    dynamic |= !value;
    shape.push_back(value.value_or(ShapedType::kDynamic));
  }
  Attribute encoding;
  if (dynamic) encoding = DimsAttr::get(elementType.getContext(), dims);
  return RankedTensorType::get(shape, elementType, encoding);
}

SmallVector<Dim> dimsOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  if (auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding())) return SmallVector<Dim>(dims.getDims());
  SmallVector<Dim> result;
  for (int64_t size : tensor.getShape())
    result.push_back(ShapedType::isDynamic(size) ? Dim::symbol("?") : Dim::constant(size));
  return result;
}

Dim elementCount(ArrayRef<Dim> dims) {
  Dim count = Dim::constant(1);
  for (const Dim &dim : dims) count = count * dim;
  return count;
}
Dim elementCount(ArrayRef<Dim> dims, ArrayRef<int64_t> which) {
  Dim result(1);
  for (int64_t d : which) result = result * dims[d];
  return result;
}

Type elementTypeOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }
int64_t rankOf(Value value) { return cast<RankedTensorType>(value.getType()).getRank(); }

static DimsAttr dimsAttr(OpBuilder &b, ArrayRef<Dim> dims) { return DimsAttr::get(b.getContext(), dims); }

TypedAttr scalarAttr(Type type, double value) {
  if (auto floating = dyn_cast<FloatType>(type)) return FloatAttr::get(floating, value);
  return IntegerAttr::get(type, APInt(type.getIntOrFloatBitWidth(), int64_t(value), /*isSigned=*/true,
                                      /*implicitTrunc=*/true));
}

Value fill(OpBuilder &b, Location loc, ArrayRef<Dim> dims, Type type, double value) {
  return FillOp::create(b, loc, tensorType(dims, type), scalarAttr(type, value));
}

Value fillInt(OpBuilder &b, Location loc, ArrayRef<Dim> dims, Type type, int64_t value) {
  if (isa<FloatType>(type)) return fill(b, loc, dims, type, double(value));
  APInt bits(type.getIntOrFloatBitWidth(), value, /*isSigned=*/true, /*implicitTrunc=*/true);
  return FillOp::create(b, loc, tensorType(dims, type), IntegerAttr::get(type, bits));
}

Value broadcast(OpBuilder &b, Location loc, Value operand, ArrayRef<Dim> dims, ArrayRef<int64_t> map) {
  auto type = tensorType(dims, elementTypeOf(operand));
  if (type == operand.getType()) return operand;
  return BroadcastOp::create(b, loc, type, operand, map);
}

Value broadcastTrailing(OpBuilder &b, Location loc, Value operand, ArrayRef<Dim> dims) {
  int64_t rank = rankOf(operand), target = int64_t(dims.size());
  SmallVector<int64_t> map;
  for (int64_t i = 0; i < rank; ++i) map.push_back(target - rank + i);
  return broadcast(b, loc, operand, dims, map);
}

Value reshape(OpBuilder &b, Location loc, Value operand, ArrayRef<Dim> dims) {
  auto type = tensorType(dims, elementTypeOf(operand));
  if (type == operand.getType()) return operand;
  return ReshapeOp::create(b, loc, type, operand);
}

Value transpose(OpBuilder &b, Location loc, Value operand, ArrayRef<int64_t> perm) {
  if (llvm::all_of(llvm::enumerate(perm), [](auto p) { return int64_t(p.index()) == p.value(); }))
    return operand;
  SmallVector<Dim> from = dimsOf(operand), dims;
  for (int64_t p : perm) dims.push_back(from[p]);
  return TransposeOp::create(b, loc, tensorType(dims, elementTypeOf(operand)), operand, perm);
}

Value slice(OpBuilder &b, Location loc, Value operand, ArrayRef<Dim> offsets, ArrayRef<int64_t> steps,
            ArrayRef<Dim> sizes) {
  auto type = tensorType(sizes, elementTypeOf(operand));
  bool whole = type == operand.getType() && llvm::all_of(steps, [](int64_t s) { return s == 1; }) &&
               llvm::all_of(offsets, [](const Dim &d) { return d == Dim::constant(0); });
  if (whole) return operand;
  return SliceOp::create(b, loc, type, operand, dimsAttr(b, offsets), steps);
}

Value pad(OpBuilder &b, Location loc, Value operand, Value value, ArrayRef<Dim> low, ArrayRef<Dim> high) {
  SmallVector<Dim> dims = dimsOf(operand);
  for (size_t i = 0; i < dims.size(); ++i) dims[i] = dims[i] + low[i] + high[i];
  auto type = tensorType(dims, elementTypeOf(operand));
  if (type == operand.getType()) return operand;
  return PadOp::create(b, loc, type, operand, value, dimsAttr(b, low), dimsAttr(b, high));
}

Value concat(OpBuilder &b, Location loc, ValueRange operands, int64_t axis) {
  if (operands.size() == 1) return operands[0];
  SmallVector<Dim> dims = dimsOf(operands[0]);
  for (Value operand : operands.drop_front()) dims[axis] = dims[axis] + dimsOf(operand)[axis];
  return ConcatOp::create(b, loc, tensorType(dims, elementTypeOf(operands[0])), operands, axis);
}

Value gather(OpBuilder &b, Location loc, Value operand, Value indices, int64_t axis, int64_t batchDims) {
  SmallVector<Dim> from = dimsOf(operand), index = dimsOf(indices);
  SmallVector<Dim> dims(from.begin(), from.begin() + axis);
  dims.append(index.begin() + batchDims, index.end());
  dims.append(from.begin() + axis + 1, from.end());
  return GatherOp::create(b, loc, tensorType(dims, elementTypeOf(operand)), operand, indices, axis,
                          batchDims);
}

Value iota(OpBuilder &b, Location loc, ArrayRef<Dim> dims, Type type, int64_t dim) {
  return IotaOp::create(b, loc, tensorType(dims, type), dim);
}

Value dimValue(OpBuilder &b, Location loc, const Dim &dim, Type type) {
  return DimValueOp::create(b, loc, tensorType({}, type), dimsAttr(b, {dim}));
}

//===- Reductions ----------------------------------------------------------------===//

TypedAttr identityOf(Combiner combiner, Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  auto integer = [&](APInt value) -> TypedAttr { return IntegerAttr::get(type, value); };
  auto floating = dyn_cast<FloatType>(type);
  auto infinity = [&](bool negative) -> TypedAttr {
    // Types without infinity (fp8 e4m3fn) take their largest finite value.
    return FloatAttr::get(type, APFloat::semanticsHasInf(floating.getFloatSemantics())
                                    ? APFloat::getInf(floating.getFloatSemantics(), negative)
                                    : APFloat::getLargest(floating.getFloatSemantics(), negative));
  };
  switch (combiner) {
  case Combiner::Sum:
    return scalarAttr(type, 0);
  case Combiner::Prod:
    return scalarAttr(type, 1);
  case Combiner::Max:
  case Combiner::ArgMax:
    return floating ? infinity(true) : integer(APInt::getSignedMinValue(width));
  case Combiner::Min:
  case Combiner::ArgMin:
    return floating ? infinity(false) : integer(APInt::getSignedMaxValue(width));
  case Combiner::UMax:
  case Combiner::Or:
    return integer(APInt::getZero(width));
  case Combiner::UMin:
  case Combiner::And:
    return integer(APInt::getAllOnes(width));
  }
  llvm_unreachable("unknown combiner");
}

static Value combine(OpBuilder &b, Location loc, Combiner combiner, Value acc, Value element) {
  bool isFloat = isa<FloatType>(acc.getType());
  switch (combiner) {
  case Combiner::Sum:
    return isFloat ? Value(arith::AddFOp::create(b, loc, acc, element))
                   : arith::AddIOp::create(b, loc, acc, element);
  case Combiner::Prod:
    return isFloat ? Value(arith::MulFOp::create(b, loc, acc, element))
                   : arith::MulIOp::create(b, loc, acc, element);
  case Combiner::Max:
    return isFloat ? Value(arith::MaximumFOp::create(b, loc, acc, element))
                   : arith::MaxSIOp::create(b, loc, acc, element);
  case Combiner::Min:
    return isFloat ? Value(arith::MinimumFOp::create(b, loc, acc, element))
                   : arith::MinSIOp::create(b, loc, acc, element);
  case Combiner::UMax:
    return arith::MaxUIOp::create(b, loc, acc, element);
  case Combiner::UMin:
    return arith::MinUIOp::create(b, loc, acc, element);
  case Combiner::And:
    return arith::AndIOp::create(b, loc, acc, element);
  case Combiner::Or:
    return arith::OrIOp::create(b, loc, acc, element);
  case Combiner::ArgMax:
  case Combiner::ArgMin:
    break;
  }
  llvm_unreachable("a combiner of pairs");
}

// Adds the block (accumulators, elements) to a combiner region and leaves the builder in it.
static Block *combinerBlock(OpBuilder &b, Location loc, Region &region, TypeRange types) {
  SmallVector<Type> arguments(types.begin(), types.end());
  arguments.append(types.begin(), types.end());
  return b.createBlock(&region, region.end(), arguments, SmallVector<Location>(arguments.size(), loc));
}

static SmallVector<Dim> withoutDims(ArrayRef<Dim> dims, ArrayRef<int64_t> dropped) {
  SmallVector<Dim> kept;
  for (auto [i, dim] : llvm::enumerate(dims))
    if (!llvm::is_contained(dropped, int64_t(i))) kept.push_back(dim);
  return kept;
}

Value reduce(OpBuilder &b, Location loc, Value operand, ArrayRef<int64_t> dims, Combiner combiner) {
  Type element = elementTypeOf(operand);
  auto type = tensorType(withoutDims(dimsOf(operand), dims), element);
  auto op = ReduceOp::create(b, loc, TypeRange{type}, ValueRange{operand},
                             b.getArrayAttr({identityOf(combiner, element)}), dims);
  OpBuilder::InsertionGuard guard(b);
  Block *block = combinerBlock(b, loc, op.getCombiner(), {element});
  YieldOp::create(b, loc,
                  ValueRange{combine(b, loc, combiner, block->getArgument(0), block->getArgument(1))});
  return op.getResult(0);
}

std::pair<Value, Value> reduceArg(OpBuilder &b, Location loc, Value operand, Value indices,
                                  ArrayRef<int64_t> dims, Combiner combiner) {
  Type element = elementTypeOf(operand), index = elementTypeOf(indices);
  auto kept = withoutDims(dimsOf(operand), dims);
  // No index beats an element: the identity's index is the largest one, so that ties choose the element.
  TypedAttr noIndex = identityOf(Combiner::Min, index);
  auto op = ReduceOp::create(b, loc, TypeRange{tensorType(kept, element), tensorType(kept, index)},
                             ValueRange{operand, indices},
                             b.getArrayAttr({identityOf(combiner, element), noIndex}), dims);
  OpBuilder::InsertionGuard guard(b);
  Block *block = combinerBlock(b, loc, op.getCombiner(), {element, index});
  Value best = block->getArgument(0), bestAt = block->getArgument(1), next = block->getArgument(2),
        nextAt = block->getArgument(3);
  bool isMax = combiner == Combiner::ArgMax;
  Value better, equal;
  if (isa<FloatType>(element)) {
    better = arith::CmpFOp::create(b, loc, isMax ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT,
                                   next, best);
    equal = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, next, best);
  } else {
    better = arith::CmpIOp::create(b, loc, isMax ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::slt,
                                   next, best);
    equal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, next, best);
  }
  Value earlier = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, nextAt, bestAt);
  Value take = arith::OrIOp::create(b, loc, better, arith::AndIOp::create(b, loc, equal, earlier));
  YieldOp::create(b, loc,
                  ValueRange{arith::SelectOp::create(b, loc, take, next, best),
                             arith::SelectOp::create(b, loc, take, nextAt, bestAt)});
  return {op.getResult(0), op.getResult(1)};
}

Dim windowDim(const Dim &in, const Dim &low, const Dim &high, int64_t size, int64_t stride,
              int64_t dilation) {
  return floorDiv(in + low + high - Dim::constant(dilation * (size - 1) + 1), Dim::constant(stride)) +
         Dim::constant(1);
}

Value window(OpBuilder &b, Location loc, Value operand, ArrayRef<int64_t> size, ArrayRef<int64_t> strides,
             ArrayRef<int64_t> dilations, ArrayRef<Dim> low, ArrayRef<Dim> high, Combiner combiner) {
  Type element = elementTypeOf(operand);
  SmallVector<Dim> dims = dimsOf(operand);
  for (size_t i = 0; i < dims.size(); ++i)
    dims[i] = windowDim(dims[i], low[i], high[i], size[i], strides[i], dilations[i]);
  auto op = WindowOp::create(b, loc, tensorType(dims, element), operand, identityOf(combiner, element), size,
                             strides, dilations, dimsAttr(b, low), dimsAttr(b, high));
  OpBuilder::InsertionGuard guard(b);
  Block *block = combinerBlock(b, loc, op.getCombiner(), {element});
  YieldOp::create(b, loc,
                  ValueRange{combine(b, loc, combiner, block->getArgument(0), block->getArgument(1))});
  return op;
}

//===- Contractions ----------------------------------------------------------------===//

SmallVector<Dim> dotDims(ArrayRef<Dim> lhs, ArrayRef<Dim> rhs, ArrayRef<int64_t> lhsBatch,
                         ArrayRef<int64_t> rhsBatch, ArrayRef<int64_t> lhsContract,
                         ArrayRef<int64_t> rhsContract) {
  SmallVector<Dim> dims;
  for (int64_t d : lhsBatch) dims.push_back(lhs[d]);
  for (auto [i, dim] : llvm::enumerate(lhs))
    if (!llvm::is_contained(lhsBatch, int64_t(i)) && !llvm::is_contained(lhsContract, int64_t(i)))
      dims.push_back(dim);
  for (auto [i, dim] : llvm::enumerate(rhs))
    if (!llvm::is_contained(rhsBatch, int64_t(i)) && !llvm::is_contained(rhsContract, int64_t(i)))
      dims.push_back(dim);
  return dims;
}

Value dot(OpBuilder &b, Location loc, Value lhs, Value rhs, ArrayRef<int64_t> lhsBatch,
          ArrayRef<int64_t> rhsBatch, ArrayRef<int64_t> lhsContract, ArrayRef<int64_t> rhsContract,
          Type resultElement) {
  auto dims = dotDims(dimsOf(lhs), dimsOf(rhs), lhsBatch, rhsBatch, lhsContract, rhsContract);
  return DotOp::create(b, loc, tensorType(dims, resultElement), lhs, rhs, b.getDenseI64ArrayAttr(lhsBatch),
                       b.getDenseI64ArrayAttr(rhsBatch), b.getDenseI64ArrayAttr(lhsContract),
                       b.getDenseI64ArrayAttr(rhsContract), b.getStringAttr("ieee"));
}

Value conv(OpBuilder &b, Location loc, Value input, Value filter, ArrayRef<int64_t> strides,
           ArrayRef<int64_t> dilations, ArrayRef<Dim> low, ArrayRef<Dim> high, int64_t groups,
           Type resultElement) {
  SmallVector<Dim> in = dimsOf(input), kernel = dimsOf(filter);
  SmallVector<Dim> dims{in[0], kernel[0]};
  for (size_t i = 0; i < strides.size(); ++i)
    dims.push_back(windowDim(in[i + 2], low[i], high[i], kernel[i + 2].constantValue().value_or(1),
                             strides[i], dilations[i]));
  return ConvOp::create(b, loc, tensorType(dims, resultElement), input, filter,
                        b.getDenseI64ArrayAttr(strides), b.getDenseI64ArrayAttr(dilations), dimsAttr(b, low),
                        dimsAttr(b, high), b.getI64IntegerAttr(groups), b.getStringAttr("ieee"));
}

} // namespace dlc::graph
