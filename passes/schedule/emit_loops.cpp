// Reductions, windows, contractions as loops: the general way, correct for any shape.
#include "passes/schedule/emitter.h"

using namespace mlir;

namespace dlc::schedule {

Value Emitter::reduce(graph::ReduceOp op, unsigned result, const Coords &coords, const Space &space) {
  SmallVector<Dim> dims = graph::dimsOf(op.getOperands()[0]);
  Coords inner(dims.size());
  size_t next = 0;
  for (size_t d = 0; d < dims.size(); ++d)
    if (!llvm::is_contained(op.getDims(), int64_t(d))) inner[d] = coords[next++];
  SmallVector<Value> acc;
  for (Attribute init : op.getInits()) acc.push_back(splat(cast<TypedAttr>(init), space));
  std::function<SmallVector<Value>(size_t, ValueRange)> nest = [&](size_t level, ValueRange carried) {
    if (level == op.getDims().size()) {
      SmallVector<Value> elements;
      for (Value operand : op.getOperands()) elements.push_back(emit(operand, inner, space));
      return combine(op.getCombiner(), carried, elements);
    }
    int64_t d = op.getDims()[level];
    return loop(dims[d], carried, [&](Dim variable, ValueRange values) {
      inner[d] = variable;
      return nest(level + 1, values);
    });
  };
  SmallVector<Value> totals = nest(0, acc);
  for (unsigned i = 0; i < totals.size(); ++i)
    if (i != result) memos[op.getResult(i)].push_back({coords, space.guards, space.layout, totals[i], depth});
  return totals[result];
}

Value Emitter::window(graph::WindowOp op, const Coords &coords, const Space &space) {
  SmallVector<Dim> dims = graph::dimsOf(op.getOperand());
  Coords inner = coords;
  SmallVector<Dim> guards;
  auto init = cast<TypedAttr>(op.getInit());
  std::function<SmallVector<Value>(size_t, ValueRange)> nest = [&](size_t d,
                                                                   ValueRange carried) -> SmallVector<Value> {
    if (d == dims.size()) {
      Value element = emitGuarded(op.getOperand(), inner, space, guards, init);
      return combine(op.getCombiner(), carried, ValueRange{element});
    }
    return loop(Dim(op.getWindow()[d]), carried, [&](Dim variable, ValueRange values) {
      inner[d] = coords[d] * op.getStrides()[d] + variable * op.getDilations()[d] - op.getLow().getDims()[d];
      size_t before = guards.size();
      guards.push_back(inner[d]);
      guards.push_back(dims[d] - 1 - inner[d]);
      auto next = nest(d + 1, values);
      guards.resize(before);
      return next;
    });
  };
  return nest(0, ValueRange{splat(init, space)})[0];
}

Value Emitter::multiplyAdd(Value lhs, Value rhs, Value acc) {
  auto type = cast<RankedTensorType>(acc.getType());
  auto widen = [&](Value value) -> Value {
    Type from = cast<RankedTensorType>(value.getType()).getElementType();
    if (from == type.getElementType()) return value;
    if (isa<FloatType>(from)) return arith::ExtFOp::create(b, location, type, value);
    return arith::ExtSIOp::create(b, location, type, value);
  };
  lhs = widen(lhs), rhs = widen(rhs);
  if (isa<FloatType>(type.getElementType())) return math::FmaOp::create(b, location, lhs, rhs, acc);
  return arith::AddIOp::create(b, location, acc, arith::MulIOp::create(b, location, lhs, rhs));
}

Type accumulatorType(Type element) {
  MLIRContext *context = element.getContext();
  if (isa<FloatType>(element)) return element.isF64() ? element : Type(Float32Type::get(context));
  return element.getIntOrFloatBitWidth() > 32 ? element : Type(IntegerType::get(context, 32));
}

Value roundedTo(OpBuilder &b, Location loc, Value acc, Type element) {
  auto type = cast<RankedTensorType>(acc.getType());
  unsigned from = type.getElementType().getIntOrFloatBitWidth(), to = element.getIntOrFloatBitWidth();
  if (type.getElementType() == element) return acc;
  auto target = type.clone(element);
  if (isa<FloatType>(element))
    return from > to ? Value(arith::TruncFOp::create(b, loc, target, acc))
                     : arith::ExtFOp::create(b, loc, target, acc);
  return from > to ? Value(arith::TruncIOp::create(b, loc, target, acc))
                   : arith::ExtSIOp::create(b, loc, target, acc);
}

Value Emitter::dot(graph::DotOp op, const Coords &coords, const Space &space) {
  SmallVector<Dim> lhsDims = graph::dimsOf(op.getLhs()), rhsDims = graph::dimsOf(op.getRhs());
  Coords lhs(lhsDims.size()), rhs(rhsDims.size());
  size_t next = 0;
  for (auto [l, r] : llvm::zip(op.getLhsBatch(), op.getRhsBatch())) lhs[l] = rhs[r] = coords[next++];
  auto isFree = [](ArrayRef<int64_t> batch, ArrayRef<int64_t> contract, size_t d) {
    return !llvm::is_contained(batch, int64_t(d)) && !llvm::is_contained(contract, int64_t(d));
  };
  for (size_t d = 0; d < lhs.size(); ++d)
    if (isFree(op.getLhsBatch(), op.getLhsContract(), d)) lhs[d] = coords[next++];
  for (size_t d = 0; d < rhs.size(); ++d)
    if (isFree(op.getRhsBatch(), op.getRhsContract(), d)) rhs[d] = coords[next++];
  Type element = graph::elementTypeOf(op.getResult());
  Type accType = accumulatorType(graph::elementTypeOf(op.getLhs()));
  std::function<SmallVector<Value>(size_t, ValueRange)> nest = [&](size_t level,
                                                                   ValueRange carried) -> SmallVector<Value> {
    if (level == op.getLhsContract().size())
      return {multiplyAdd(emit(op.getLhs(), lhs, space), emit(op.getRhs(), rhs, space), carried[0])};
    int64_t l = op.getLhsContract()[level], r = op.getRhsContract()[level];
    return loop(lhsDims[l], carried, [&](Dim variable, ValueRange values) {
      lhs[l] = rhs[r] = variable;
      return nest(level + 1, values);
    });
  };
  return roundedTo(b, location, nest(0, ValueRange{splat(graph::scalarAttr(accType, 0), space)})[0], element);
}

Value Emitter::conv(graph::ConvOp op, const Coords &coords, const Space &space) {
  SmallVector<Dim> in = graph::dimsOf(op.getInput()), filterDims = graph::dimsOf(op.getFilter());
  int64_t groups = op.getGroups(), perGroup = *filterDims[0].constantValue() / groups;
  Coords input(in.size()), filter(filterDims.size());
  input[0] = coords[0];
  filter[0] = coords[1];
  Dim firstChannel = floorDiv(coords[1], Dim(perGroup)) * filterDims[1];
  SmallVector<Dim> guards;
  Type element = graph::elementTypeOf(op.getResult());
  Type accType = accumulatorType(graph::elementTypeOf(op.getInput()));
  TypedAttr zero = graph::scalarAttr(graph::elementTypeOf(op.getInput()), 0);
  std::function<SmallVector<Value>(size_t, ValueRange)> nest = [&](size_t d,
                                                                   ValueRange carried) -> SmallVector<Value> {
    if (d == filter.size()) {
      Value x = emitGuarded(op.getInput(), input, space, guards, zero);
      return {multiplyAdd(x, emit(op.getFilter(), filter, space), carried[0])};
    }
    return loop(filterDims[d], carried, [&](Dim variable, ValueRange values) {
      filter[d] = variable;
      size_t before = guards.size();
      if (d == 1) {
        input[1] = firstChannel + variable;
      } else {
        input[d] = coords[d] * op.getStrides()[d - 2] + variable * op.getDilations()[d - 2] -
                   op.getLow().getDims()[d - 2];
        guards.push_back(input[d]);
        guards.push_back(in[d] - 1 - input[d]);
      }
      auto next = nest(d + 1, values);
      guards.resize(before);
      return next;
    });
  };
  return roundedTo(b, location, nest(1, ValueRange{splat(graph::scalarAttr(accType, 0), space)})[0], element);
}

} // namespace dlc::schedule
