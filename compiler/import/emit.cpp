#include "compiler/import/emit.h"

using namespace mlir;

namespace dlc::import {

Dims Emit::dims(Value value) const {
  auto list = graph::dimsOf(value);
  return Dims(list.begin(), list.end());
}

Value Emit::rename(Value value, const Dims &target) { return graph::reshape(b, loc, value, target); }

Value Emit::to(Value value, const Dims &target) {
  Dims from = dims(value);
  if (from == target) return value;
  if (from.size() > target.size()) throw Refusal{Code::E0305, "a tensor has too many dims to broadcast", ""};
  size_t lead = target.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i) {
    Dim &dim = from[i];
    const Dim &wanted = target[lead + i];
    if (dim == wanted || dim.isConstant(1)) continue;
    symbols.unify(dim, wanted, "dims to broadcast differ");
    dim = wanted;
  }
  return graph::broadcastTrailing(b, loc, rename(value, from), target);
}

void Emit::together(MutableArrayRef<Value> values) {
  bool same = llvm::all_of(values, [&](Value v) { return dims(v) == dims(values[0]); });
  if (same) return;
  SmallVector<Dims> shapes;
  for (Value value : values) shapes.push_back(dims(value));
  Dims target = symbols.broadcast(shapes);
  for (Value &value : values) value = to(value, target);
}

Value Emit::reshape(Value value, const Dims &target) {
  Dims from = dims(value);
  Dim have = graph::elementCount(from), want = graph::elementCount(target);
  if (!(have == want)) {
    if (symbols.isEqual(have, want) == std::optional<bool>(false))
      throw Refusal{Code::E0305, "cannot reshape " + have.str() + " elements to " + want.str(), ""};
    symbols.unifyCounts(have, want, "element counts of a reshape");
  }
  return graph::reshape(b, loc, value, target);
}

Value Emit::unsqueeze(Value value, ArrayRef<int64_t> axes) {
  Dims from = dims(value), target;
  size_t next = 0;
  for (int64_t i = 0; i < int64_t(from.size() + axes.size()); ++i)
    target.push_back(llvm::is_contained(axes, i) ? Dim(1) : from[next++]);
  return graph::reshape(b, loc, value, target);
}

Value Emit::sliceAxis(Value value, int64_t axis, const Dim &begin, const Dim &size, int64_t step) {
  Dims target = dims(value);
  SmallVector<Dim> offsets(target.size(), Dim(0));
  SmallVector<int64_t> steps(target.size(), 1);
  target[axis] = size;
  offsets[axis] = begin;
  steps[axis] = step;
  return graph::slice(b, loc, value, offsets, steps, target);
}

Value Emit::concat(ArrayRef<Value> values, int64_t axis) {
  SmallVector<Value> operands(values);
  Dims first = dims(operands[0]);
  for (Value &value : operands) {
    Dims target = first;
    Dims own = dims(value);
    for (size_t i = 0; i < own.size(); ++i) {
      if (int64_t(i) == axis)
        target[i] = own[i];
      else if (!(own[i] == first[i]))
        first[i] = target[i] = symbols.unify(first[i], own[i], "dims to concatenate differ");
    }
    value = rename(value, target);
  }
  for (Value &value : operands) {
    Dims target = first;
    target[axis] = dims(value)[axis];
    value = rename(value, target);
  }
  return graph::concat(b, loc, operands, axis);
}

Value Emit::like(Value value, double constant) {
  return graph::fill(b, loc, dims(value), type(value), constant);
}

Value Emit::dimValue(const Dim &dim, Type type) {
  if (auto constant = dim.constantValue())
    return isa<FloatType>(type) ? scalar(type, double(*constant)) : scalarInt(type, *constant);
  if (!isa<FloatType>(type)) return graph::dimValue(b, loc, dim, type);
  Value data = graph::dimValue(b, loc, dim, i64());
  return arith::SIToFPOp::create(b, loc, graph::tensorType({}, type), data);
}

//===- Arithmetic -------------------------------------------------------------===//

template <typename FloatOp, typename IntOp> static Value either(Emit &e, Value x, Value y) {
  return e.isFloat(x) ? e.binary<FloatOp>(x, y) : e.binary<IntOp>(x, y);
}
template <typename FloatOp, typename SignedOp, typename UnsignedOp>
static Value bySign(Emit &e, Value x, Value y, bool isUnsigned) {
  if (!e.isFloat(x) && isUnsigned) return e.binary<UnsignedOp>(x, y);
  return either<FloatOp, SignedOp>(e, x, y);
}

Value Emit::add(Value x, Value y) { return either<arith::AddFOp, arith::AddIOp>(*this, x, y); }
Value Emit::sub(Value x, Value y) { return either<arith::SubFOp, arith::SubIOp>(*this, x, y); }
Value Emit::mul(Value x, Value y) { return either<arith::MulFOp, arith::MulIOp>(*this, x, y); }
Value Emit::div(Value x, Value y, bool isUnsigned) {
  return bySign<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(*this, x, y, isUnsigned);
}
Value Emit::rem(Value x, Value y, bool isUnsigned) {
  return bySign<arith::RemFOp, arith::RemSIOp, arith::RemUIOp>(*this, x, y, isUnsigned);
}
Value Emit::max(Value x, Value y, bool isUnsigned) {
  return bySign<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(*this, x, y, isUnsigned);
}
Value Emit::min(Value x, Value y, bool isUnsigned) {
  return bySign<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(*this, x, y, isUnsigned);
}
Value Emit::pow(Value x, Value y) { return either<math::PowFOp, math::IPowIOp>(*this, x, y); }
Value Emit::neg(Value x) {
  if (isFloat(x)) return unary<arith::NegFOp>(x);
  return sub(graph::fillInt(b, loc, dims(x), type(x), 0), x);
}
Value Emit::abs(Value x) { return isFloat(x) ? unary<math::AbsFOp>(x) : unary<math::AbsIOp>(x); }
Value Emit::bitAnd(Value x, Value y) { return binary<arith::AndIOp>(x, y); }
Value Emit::bitOr(Value x, Value y) { return binary<arith::OrIOp>(x, y); }
Value Emit::bitXor(Value x, Value y) { return binary<arith::XOrIOp>(x, y); }
Value Emit::bitNot(Value x) { return bitXor(x, graph::fillInt(b, loc, dims(x), type(x), -1)); }

Value Emit::compare(Compare how, Value x, Value y, bool isUnsigned) {
  Value both[] = {x, y};
  together(both);
  size_t i = static_cast<size_t>(how);
  if (isFloat(x)) {
    using P = arith::CmpFPredicate;
    const P predicates[] = {P::OEQ, P::UNE, P::OLT, P::OLE, P::OGT, P::OGE};
    return arith::CmpFOp::create(b, loc, predicates[i], both[0], both[1]);
  }
  using P = arith::CmpIPredicate;
  const P signedOnes[] = {P::eq, P::ne, P::slt, P::sle, P::sgt, P::sge};
  const P unsignedOnes[] = {P::eq, P::ne, P::ult, P::ule, P::ugt, P::uge};
  return arith::CmpIOp::create(b, loc, isUnsigned ? unsignedOnes[i] : signedOnes[i], both[0], both[1]);
}

Value Emit::select(Value condition, Value x, Value y) {
  Value all[] = {condition, x, y};
  together(all);
  return arith::SelectOp::create(b, loc, all[0], all[1], all[2]);
}

Value Emit::sigmoid(Value x) {
  Value one = like(x, 1);
  return div(one, add(one, exp(neg(x))));
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))
Value Emit::softplus(Value x) { return add(max(x, 0.0), unary<math::Log1pOp>(exp(neg(abs(x))))); }

//===- Types ------------------------------------------------------------------===//

Value Emit::reduce(Value x, ArrayRef<int64_t> axes, Combiner combiner) {
  bool accumulates = combiner == Combiner::Sum || combiner == Combiner::Prod;
  Type own = type(x), wide = accumulates ? accumulator(own) : own;
  if (wide == own) return graph::reduce(b, loc, x, axes, combiner);
  return toFloat(graph::reduce(b, loc, toFloat(x, wide), axes, combiner), own);
}

Value Emit::toFloat(Value value, Type to) {
  Type from = type(value);
  if (from == to) return value;
  auto result = graph::tensorType(dims(value), to);
  unsigned have = from.getIntOrFloatBitWidth(), want = to.getIntOrFloatBitWidth();
  if (have < want) return arith::ExtFOp::create(b, loc, result, value);
  if (have > want) return arith::TruncFOp::create(b, loc, result, value);
  return toFloat(toFloat(value, f32()), to); // f16 <-> bf16
}

Value Emit::widen(Value value) {
  return isFloat(value) && type(value).getIntOrFloatBitWidth() < 32 ? toFloat(value, f32()) : value;
}

Value Emit::cast(Value value, DataType from, DataType to) {
  if (from == to) return value;
  Type wanted = elementType(to, b.getContext());
  auto result = graph::tensorType(dims(value), wanted);
  if (to == DataType::Bool) return compare(Compare::Ne, value, like(value, 0));
  if (isFloat(value)) {
    if (isa<FloatType>(wanted)) return toFloat(value, wanted);
    if (isUnsigned(to)) return arith::FPToUIOp::create(b, loc, result, value);
    return arith::FPToSIOp::create(b, loc, result, value);
  }
  bool zeroExtends = isUnsigned(from) || from == DataType::Bool;
  if (isa<FloatType>(wanted)) {
    if (zeroExtends) return arith::UIToFPOp::create(b, loc, result, value);
    return arith::SIToFPOp::create(b, loc, result, value);
  }
  unsigned have = type(value).getIntOrFloatBitWidth(), want = wanted.getIntOrFloatBitWidth();
  if (have == want) return value; // signless: the same bits
  if (have > want) return arith::TruncIOp::create(b, loc, result, value);
  if (zeroExtends) return arith::ExtUIOp::create(b, loc, result, value);
  return arith::ExtSIOp::create(b, loc, result, value);
}

//===- Reductions -------------------------------------------------------------===//

Value Emit::spread(Value reduced, Value like, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> map;
  for (int64_t i = 0; i < graph::rankOf(like); ++i)
    if (!llvm::is_contained(axes, i)) map.push_back(i);
  return graph::broadcast(b, loc, reduced, dims(like), map);
}

Value Emit::mean(Value x, ArrayRef<int64_t> axes) {
  Dim count(1);
  Dims from = dims(x);
  for (int64_t axis : axes) count = count * from[axis];
  Value sum = reduce(x, axes, Combiner::Sum);
  if (auto known = count.constantValue()) return div(sum, like(sum, double(*known)));
  return div(sum, dimValue(count, type(x)));
}

} // namespace dlc::import
