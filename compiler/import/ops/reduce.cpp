// Reductions over axes, and the order of elements along one. Half-precision floats are summed in f32 and
// rounded once.
#include "compiler/import/host.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

enum class Kind { Sum, Mean, Max, Min, Prod, L1, L2, LogSum, LogSumExp, SumSquare };

struct Axes {
  std::vector<int64_t> list;
  bool keep;
  bool noop; ///< nothing is reduced, elementwise parts remain
};

/// Axes are an attribute before opset 18 (ReduceSum: 13), an input from then on.
Axes axesOf(Node &n, int inputSince) {
  Axes result;
  result.keep = n.intAttr("keepdims", 1) != 0;
  std::vector<int64_t> given;
  if (n.opset < inputSince) {
    if (auto list = n.intsAttr("axes")) given = *list;
  } else if (n.has(1)) {
    given = n.intsInput(1, "the axes");
  }
  bool noopIfEmpty = n.opset >= inputSince && n.intAttr("noop_with_empty_axes", 0) != 0;
  result.noop = given.empty() && noopIfEmpty;
  if (given.empty() && !noopIfEmpty)
    for (int64_t i = 0; i < n.rank(0); ++i) given.push_back(i);
  result.list = n.axes(given, n.rank(0));
  return result;
}

Value square(Node &n, Value x) { return n.e.mul(x, x); }

// log(sum(exp(x))) = m + log(sum(exp(x - m))), m the finite maximum
Value logSumExp(Node &n, Value x, llvm::ArrayRef<int64_t> axes) {
  Value top = n.e.reduce(x, axes, Combiner::Max);
  Value infinite =
      n.e.compare(Compare::Eq, n.e.abs(top), n.e.like(top, std::numeric_limits<double>::infinity()));
  top = n.e.select(infinite, n.e.like(top, 0), top);
  Value sum = n.e.reduce(n.e.exp(n.e.sub(x, n.e.spread(top, x, axes))), axes, Combiner::Sum);
  return n.e.add(top, n.e.log(sum));
}

Value reduceValue(Node &n, Kind kind, Value x, llvm::ArrayRef<int64_t> axes, bool isU) {
  Emit &e = n.e;
  switch (kind) {
  case Kind::Sum:
    return e.reduce(x, axes, Combiner::Sum);
  case Kind::Mean:
    return e.mean(x, axes);
  case Kind::Prod:
    return e.reduce(x, axes, Combiner::Prod);
  case Kind::Max:
    return e.reduce(x, axes, e.isBool(x) ? Combiner::Or : isU ? Combiner::UMax : Combiner::Max);
  case Kind::Min:
    return e.reduce(x, axes, e.isBool(x) ? Combiner::And : isU ? Combiner::UMin : Combiner::Min);
  case Kind::L1:
    return e.reduce(isU ? x : e.abs(x), axes, Combiner::Sum);
  case Kind::SumSquare:
    return e.reduce(square(n, x), axes, Combiner::Sum);
  case Kind::L2:
    return e.sqrt(e.reduce(square(n, x), axes, Combiner::Sum));
  case Kind::LogSum:
    return e.log(e.reduce(x, axes, Combiner::Sum));
  case Kind::LogSumExp:
    return logSumExp(n, x, axes);
  }
  return x;
}

/// Shape arithmetic: a whole list of known integers.
std::optional<Tensor> known(Node &n, Kind kind, const Axes &axes) {
  const Host *host = n.host(0);
  DataType type = n.type(0);
  if (!host || n.rank(0) != 1 || axes.list.size() != 1 || host->ints.empty()) return std::nullopt;
  if (type != DataType::I64 && type != DataType::I32) return std::nullopt;
  HostOp op;
  switch (kind) {
  case Kind::Sum:
    op = HostOp::Add;
    break;
  case Kind::Prod:
    op = HostOp::Mul;
    break;
  case Kind::Max:
    op = HostOp::Max;
    break;
  case Kind::Min:
    op = HostOp::Min;
    break;
  default:
    return std::nullopt;
  }
  Dim total = host->ints[0];
  for (size_t i = 1; i < host->ints.size(); ++i) total = *evaluate(op, total, host->ints[i], n.e.symbols);
  if (!fitsType(type, total)) return std::nullopt;
  Host result;
  result.ints.push_back(total);
  return Tensor(type, axes.keep ? Dims{Dim(1)} : Dims{}, result);
}

template <Kind kind> void reduce(Node &n) {
  Axes axes = axesOf(n, kind == Kind::Sum ? 13 : 18);
  DataType type = n.type(0);
  bool needsFloat = kind == Kind::L2 || kind == Kind::LogSum || kind == Kind::LogSumExp;
  if (type == DataType::Bool && (kind != Kind::Max && kind != Kind::Min))
    n.fail(Code::E0303, "input 0 cannot be bool");
  if (auto folded = known(n, kind, axes)) return n.result(*folded);
  if (axes.noop && (kind == Kind::Sum || kind == Kind::Mean || kind == Kind::Max || kind == Kind::Min ||
                    kind == Kind::Prod))
    return n.result(n.in(0));
  Value x = n.value(0);
  DataType work = isFloat(type) ? (type == DataType::F64 ? type : DataType::F32)
                  : needsFloat  ? DataType::F64
                                : type;
  x = n.e.cast(x, type, work);
  if (kind == Kind::Mean && isInteger(type) && axes.list.empty()) return n.result(n.in(0));
  Value result = reduceValue(n, kind, x, axes.list, isUnsigned(type));
  if (axes.keep) result = n.e.keep(result, axes.list);
  n.result(n.e.cast(result, work, type), type);
}

//===- ArgMax, ArgMin -----------------------------------------------------------------===//

template <Combiner combiner> void argReduce(Node &n) {
  int64_t axis = n.axis(n.intAttr("axis", 0), n.rank(0));
  bool keep = n.intAttr("keepdims", 1), last = n.opset >= 12 && n.intAttr("select_last_index", 0);
  Dim size = n.dims(0)[axis];
  Value x = n.value(0);
  if (isUnsigned(n.type(0))) { // moved so that the signed order is the unsigned one
    int64_t top = int64_t(1) << (n.e.type(x).getIntOrFloatBitWidth() - 1);
    x = n.e.bitXor(x, graph::fillInt(n.e.b, n.e.loc, n.e.dims(x), n.e.type(x), top));
  }
  // The reduction takes the first of equals: the last one is the first from behind.
  if (last) x = n.e.sliceAxis(x, axis, size - 1, size, -1);
  Value places = n.e.iota(n.dims(0), n.e.i64(), axis);
  Value index = graph::reduceArg(n.e.b, n.e.loc, x, places, {axis}, combiner).second;
  if (last) index = n.e.sub(n.e.dimValue(size - 1, n.e.i64()), index);
  n.result(keep ? n.e.keep(index, {axis}) : index, DataType::I64);
}

//===- TopK -------------------------------------------------------------------------===//

/// a > b, where NaN is above all else: what neither is greater of is equal.
Value isGreater(Node &n, Value a, Value b, bool isU) {
  Value greater = n.e.compare(Compare::Gt, a, b, isU);
  if (!n.e.isFloat(a)) return greater;
  return n.e.bitOr(greater, n.e.bitAnd(n.e.isNaN(a), n.e.bitNot(n.e.isNaN(b))));
}

// An element's place is the number of those before it; who has place r is the r-th. Quadratic in the axis,
// which suits routers of experts, beams and the few thousand boxes of a detector.
void topK(Node &n) {
  Emit &e = n.e;
  int64_t rank = n.rank(0);
  if (rank == 0) n.fail(Code::E0305, "the operand must have one dim or more");
  int64_t axis = n.axis(n.intAttr("axis", -1), rank);
  bool largest = n.opset < 11 || n.intAttr("largest", 1);
  n.ignoreAttrs({"sorted"}); // sorted is one of the orders allowed without it
  std::vector<Dim> given = n.dimsInput(1, "the number of elements");
  if (given.size() != 1) n.fail(Code::E0305, "the number of elements must be one number");
  const Dim count = given[0], size = n.dims(0)[axis];
  e.symbols.requireNonNegative(size - count, "fewer elements than TopK is to find");
  llvm::SmallVector<int64_t> perm, inverse(rank);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis) perm.push_back(i);
  perm.push_back(axis);
  for (int64_t i = 0; i < rank; ++i) inverse[perm[i]] = i;
  Value x = e.transpose(n.value(0), perm);
  Dims rows = e.dims(x);
  rows.pop_back();
  Dim outer = graph::elementCount(rows);
  x = e.reshape(x, {outer, size});

  Dims pairs = {outer, size, size}, picks = {outer, count, size};
  Value own = e.to(e.unsqueeze(x, {2}), pairs), other = e.to(e.unsqueeze(x, {1}), pairs);
  bool isU = isUnsigned(n.type(0));
  Value above = isGreater(n, other, own, isU), below = isGreater(n, own, other, isU);
  if (!largest) std::swap(above, below);
  Value isEarlier = e.compare(Compare::Lt, e.iota(pairs, e.i64(), 2), e.iota(pairs, e.i64(), 1));
  Value isBefore = e.bitOr(above, e.bitAnd(e.bitNot(below), isEarlier));
  Value place = e.reduce(e.cast(isBefore, DataType::Bool, DataType::I64), {2}, Combiner::Sum);
  Value isPick = e.compare(Compare::Eq, e.to(e.unsqueeze(place, {1}), picks), e.iota(picks, e.i64(), 1));
  Value who = e.iota(picks, e.i64(), 2);
  Value at = e.reduce(e.select(isPick, who, e.like(who, 0)), {2}, Combiner::Max);
  Value best = graph::gather(e.b, e.loc, x, at, 1, 1);
  rows.push_back(count);
  n.result(e.transpose(e.reshape(best, rows), inverse), n.type(0));
  n.result(e.transpose(e.reshape(at, rows), inverse), DataType::I64);
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "ReduceSum", 1, newest, 1, 2, numericTypes, reduce<Kind::Sum>},
    {"", "ReduceMean", 1, newest, 1, 2, numericTypes, reduce<Kind::Mean>},
    {"", "ReduceMax", 1, newest, 1, 2, anyType, reduce<Kind::Max>},
    {"", "ReduceMin", 1, newest, 1, 2, anyType, reduce<Kind::Min>},
    {"", "ReduceProd", 1, newest, 1, 2, numericTypes, reduce<Kind::Prod>},
    {"", "ReduceL1", 1, newest, 1, 2, numericTypes, reduce<Kind::L1>},
    {"", "ReduceL2", 1, newest, 1, 2, numericTypes, reduce<Kind::L2>},
    {"", "ReduceLogSum", 1, newest, 1, 2, numericTypes, reduce<Kind::LogSum>},
    {"", "ReduceLogSumExp", 1, newest, 1, 2, numericTypes, reduce<Kind::LogSumExp>},
    {"", "ReduceSumSquare", 1, newest, 1, 2, numericTypes, reduce<Kind::SumSquare>},
    {"", "ArgMax", 1, newest, 1, 1, numericTypes, argReduce<Combiner::ArgMax>},
    {"", "ArgMin", 1, newest, 1, 1, numericTypes, argReduce<Combiner::ArgMin>},
    {"", "TopK", 10, newest, 2, 2, numericTypes, topK},
};

} // namespace

llvm::ArrayRef<OpRow> reduceOps() { return rows; }

} // namespace dlc::import
