// Tensors made from nothing or from indices.
#include "compiler/import/host.h"
#include "compiler/import/importer.h"
#include "compiler/import/table.h"

#include <cmath>

namespace dlc::import {
namespace {

using namespace mlir;

template <typename List> Tensor numbers(DataType type, Dims dims, const List &list) {
  Host host;
  for (auto each : list) {
    if constexpr (std::is_floating_point_v<decltype(each)>)
      host.floats.push_back(each);
    else
      host.ints.push_back(Dim(int64_t(each)));
  }
  return Tensor(type, std::move(dims), std::move(host));
}

void constant(Node &n) {
  Tensor result;
  if (const auto *tensor = n.tensorAttr("value")) {
    result = n.importer.constant(*tensor);
    result.shared().name = n.proto.output_size() ? n.proto.output(0) : n.path;
  } else if (n.hasAttr("value_float")) {
    result = numbers(DataType::F32, {}, std::vector<double>{n.floatAttr("value_float")});
  } else if (n.hasAttr("value_int")) {
    result = numbers(DataType::I64, {}, std::vector<int64_t>{n.intAttr("value_int")});
  } else if (auto floats = n.floatsAttr("value_floats")) {
    result = numbers(DataType::F32, {int64_t(floats->size())}, *floats);
  } else if (auto ints = n.intsAttr("value_ints")) {
    result = numbers(DataType::I64, {int64_t(ints->size())}, *ints);
  } else {
    n.fail(Code::E0307, "only dense tensors and numbers are supported as constants");
  }
  n.result(result);
}

void constantOfShape(Node &n) {
  std::vector<Dim> shape = n.dimsInput(0, "the shape");
  Dims dims(shape.begin(), shape.end());
  DataType type = DataType::F32;
  const Host *value = nullptr;
  Tensor element;
  if (const auto *tensor = n.tensorAttr("value")) {
    element = n.importer.constant(*tensor);
    type = element.type();
    if (element.elementCount() != 1) n.fail(Code::E0304, "`value` must have one element");
    value = n.host(element);
    if (!value) n.fail(Code::E0303, "the value does not fit");
  }
  int64_t count = 1;
  for (const Dim &dim : dims) {
    auto size = dim.constantValue();
    if (size && *size < 0) n.fail(Code::E0305, "the shape has a negative element");
    count = size && count >= 0 && *size <= maxHostElements && count * *size <= maxHostElements ? count * *size
                                                                                               : -1;
  }
  if (count >= 0 && isHostType(type)) {
    Host host;
    if (isFloat(type))
      host.floats.assign(count, value ? value->floats[0] : 0);
    else
      host.ints.assign(count, value ? value->ints[0] : Dim(0));
    return n.result(Tensor(type, dims, host));
  }
  if (isFloat(type))
    return n.result(graph::fill(n.e.b, n.e.loc, dims, n.elementType(type), value ? value->floats[0] : 0),
                    type);
  n.result(graph::fillInt(n.e.b, n.e.loc, dims, n.elementType(type), *value->ints[0].constantValue()), type);
}

// start + i * delta, as many as lie before the limit
void range(Node &n) {
  n.ignoreAttrs({"stash_type"});
  DataType type = n.type(0);
  if (n.type(1) != type || n.type(2) != type) n.fail(Code::E0303, "start, limit and delta differ in type");
  if (isFloat(type)) {
    double start = n.floatInput(0, "the start"), limit = n.floatInput(1, "the limit"),
           delta = n.floatInput(2, "the delta");
    double count = std::max(std::ceil((limit - start) / delta), 0.0);
    if (!(count < 1e9)) n.fail(Code::E0305, "the range has too many elements");
    DataType wide = type == DataType::F64 ? DataType::F64 : DataType::F32;
    Value index = n.e.cast(n.e.iota({Dim(int64_t(count))}, n.e.i64(), 0), DataType::I64, wide);
    return n.result(n.e.cast(n.e.add(n.e.mul(index, delta), start), wide, type), type);
  }
  Dim ends[3];
  for (size_t i = 0; i < 3; ++i) {
    const Host *host = n.host(i);
    if (!host || host->ints.size() != 1)
      n.fail(Code::E0306, "start, limit and delta must be known at compile time");
    ends[i] = host->ints[0];
  }
  auto delta = ends[2].constantValue();
  if (!delta || *delta == 0 || *delta == INT64_MIN)
    n.fail(Code::E0306, "the delta must be a constant other than 0");
  Dim span = *delta > 0 ? ends[1] - ends[0] : ends[0] - ends[1];
  Dim count = n.e.symbols.simplify(max(ceilDiv(span, Dim(std::abs(*delta))), Dim(0)));
  if (auto fixed = count.constantValue(); fixed && *fixed <= 64) {
    Host host;
    for (int64_t i = 0; i < *fixed; ++i) host.ints.push_back(ends[0] + Dim(i) * Dim(*delta));
    return n.result(Tensor(type, {count}, host));
  }
  Value index = n.e.iota({count}, n.elementType(type), 0);
  if (*delta != 1) index = n.e.mul(index, n.e.dimValue(*delta, n.elementType(type)));
  if (!ends[0].isConstant(0)) index = n.e.add(index, n.e.dimValue(ends[0], n.elementType(type)));
  n.result(index, type);
}

/// Column minus row of the last two dims.
Value columnMinusRow(Node &n, const Dims &matrix) {
  return n.e.sub(n.e.iota(matrix, n.e.i64(), 1), n.e.iota(matrix, n.e.i64(), 0));
}

void eyeLike(Node &n) {
  if (n.rank(0) != 2) n.fail(Code::E0305, "the operand must have two dims");
  int64_t wanted = n.intAttr("dtype", static_cast<int>(n.type(0)));
  auto type = wanted > 0 && wanted < dataTypeCount ? supportedType(int(wanted)) : std::nullopt;
  if (!type) n.fail(Code::E0303, "the type is not supported");
  Value difference = columnMinusRow(n, n.dims(0));
  Value on = n.e.compare(Compare::Eq, difference, n.e.like(difference, double(n.intAttr("k", 0))));
  n.result(n.e.cast(on, DataType::Bool, *type), *type);
}

// upper keeps column - row >= k, lower column - row <= k
void trilu(Node &n) {
  int64_t rank = n.rank(0);
  if (rank < 2) n.fail(Code::E0305, "the operand must have two dims or more");
  Value x = n.value(0);
  Value difference = columnMinusRow(n, {n.dims(0)[rank - 2], n.dims(0)[rank - 1]});
  Value k = n.has(1) ? n.e.reshape(n.value(1), {}) : n.e.scalarInt(n.e.i64(), 0);
  Compare how = n.intAttr("upper", 1) ? Compare::Ge : Compare::Le;
  n.result(n.e.select(n.e.compare(how, difference, k), x, n.e.like(x, 0)), n.type(0));
}

void oneHot(Node &n) {
  int64_t rank = n.rank(0), axis = n.axis(n.intAttr("axis", -1), rank + 1);
  if (n.rank(2) != 1 || !n.dims(2)[0].isConstant(2))
    n.fail(Code::E0305, "the values must be two: off and on");
  const Host *known = n.host(1);
  Dim depth;
  if (known && known->ints.size() == 1)
    depth = known->ints[0];
  else {
    double number = n.floatInput(1, "the depth");
    if (!(number >= 0 && number < 1e9)) n.fail(Code::E0305, "the depth is out of range");
    depth = Dim(int64_t(number));
  }
  if (depth.isConstant() && *depth.constantValue() < 0) n.fail(Code::E0305, "the depth is negative");
  Value index = n.e.cast(n.value(0), n.type(0), DataType::I64);
  Value size = n.e.dimValue(depth, n.e.i64());
  index = n.e.select(n.e.compare(Compare::Lt, index, n.e.like(index, 0)), n.e.add(index, size), index);
  index = n.e.unsqueeze(index, {axis});
  Dims dims = n.e.dims(index);
  dims[axis] = depth;
  Value hit = n.e.compare(Compare::Eq, n.e.to(index, dims), n.e.iota(dims, n.e.i64(), axis));
  Value off = n.e.reshape(n.e.sliceAxis(n.value(2), 0, Dim(0), Dim(1)), {});
  Value on = n.e.reshape(n.e.sliceAxis(n.value(2), 0, Dim(1), Dim(1)), {});
  n.result(n.e.select(hit, on, off), n.type(2));
}

// Running sums. Short axes take sums over a window or a mask for each element, which is quadratic. Long ones
// are cut into blocks: what comes before a block is the running sum of the blocks' sums, and a window as long
// as a block does the rest: a fixed number of operations for each element of a static axis. Along a symbolic
// one, whose length may turn out small, blocks are cut once.
constexpr int64_t sumBlock = 32, longestSum = 512;

Value padded(Node &n, Value x, int64_t axis, const Dim &before, const Dim &after) {
  llvm::SmallVector<Dim> low(n.e.dims(x).size(), Dim(0)), high = low;
  low[axis] = before, high[axis] = after;
  return graph::pad(n.e.b, n.e.loc, x, n.e.scalar(n.e.type(x), 0), low, high);
}

/// y[i] = the sum of the `size` elements that end with x[i].
Value sumsByWindow(Node &n, Value x, int64_t axis, int64_t size) {
  size_t rank = n.e.dims(x).size();
  llvm::SmallVector<int64_t> ones(rank, 1), window(rank, 1);
  llvm::SmallVector<Dim> low(rank, Dim(0)), high(rank, Dim(0));
  window[axis] = size;
  low[axis] = size - 1;
  return graph::window(n.e.b, n.e.loc, x, window, ones, ones, low, high, Combiner::Sum);
}

/// Windows have constant sizes. Along a symbolic dim: y[i] = sum over j of (j <= i ? x[j] : 0).
Value sumsByMask(Node &n, Value x, int64_t axis) {
  Dims dims = n.e.dims(x);
  dims.insert(dims.begin() + axis, dims[axis]);
  Value i = n.e.iota(dims, n.e.i64(), axis), j = n.e.iota(dims, n.e.i64(), axis + 1);
  Value counts = n.e.compare(Compare::Le, j, i);
  Value repeated = n.e.to(n.e.unsqueeze(x, {axis}), dims);
  return n.e.reduce(n.e.select(counts, repeated, n.e.like(repeated, 0)), {axis + 1}, Combiner::Sum);
}

Value runningSums(Node &n, Value x, int64_t axis) {
  Dims dims = n.e.dims(x);
  const Dim size = dims[axis];
  const bool isStatic = size.isConstant();
  if (n.e.symbols.isAtMost(size, Dim(longestSum)))
    return isStatic ? sumsByWindow(n, x, axis, *size.constantValue()) : sumsByMask(n, x, axis);
  Dim count = ceilDiv(size, Dim(sumBlock));
  Dims blocked = dims;
  blocked[axis] = count;
  blocked.insert(blocked.begin() + axis + 1, Dim(sumBlock));
  Value blocks = n.e.reshape(padded(n, x, axis, 0, count * sumBlock - size), blocked);
  Value sums = n.e.reduce(blocks, {axis + 1}, Combiner::Sum);
  sums = isStatic ? runningSums(n, sums, axis) : sumsByMask(n, sums, axis);
  Value before = n.e.sliceAxis(padded(n, sums, axis, 1, 0), axis, Dim(0), count);
  Value inside = sumsByWindow(n, blocks, axis + 1, sumBlock);
  dims[axis] = count * sumBlock;
  Value whole = n.e.reshape(n.e.add(inside, n.e.unsqueeze(before, {axis + 1})), dims);
  return n.e.sliceAxis(whole, axis, Dim(0), size);
}

void cumSum(Node &n) {
  std::vector<int64_t> given = n.intsInput(1, "the axis");
  if (given.size() != 1) n.fail(Code::E0305, "the axis must be one number");
  int64_t axis = n.axis(given[0], n.rank(0));
  const Dim size = n.dims(0)[axis];
  if (size.isConstant(0)) return n.result(n.in(0));
  bool reverse = n.intAttr("reverse", 0), exclusive = n.intAttr("exclusive", 0);
  DataType type = n.type(0);
  Value x = n.e.widen(n.value(0));
  auto flip = [&](Value v) { return n.e.sliceAxis(v, axis, size - 1, size, -1); };
  if (reverse) x = flip(x);
  if (exclusive) x = n.e.sliceAxis(padded(n, x, axis, 1, 0), axis, Dim(0), size); // shift by one
  x = runningSums(n, x, axis);
  if (reverse) x = flip(x);
  n.result(isFloat(type) ? n.e.toFloat(x, n.elementType(type)) : x, type);
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Constant", 1, newest, 0, 0, anyType, constant},
    {"", "ConstantOfShape", 9, newest, 1, 1, typeBit(DataType::I64), constantOfShape},
    {"", "Range", 11, newest, 3, 3, floatTypes | signedTypes, range},
    {"", "EyeLike", 9, newest, 1, 1, anyType, eyeLike},
    {"", "Trilu", 14, newest, 1, 2, anyType, trilu},
    {"", "OneHot", 9, newest, 3, 3, numericTypes, oneHot},
    {"", "CumSum", 11, newest, 2, 2, numericTypes, cumSum},
};

} // namespace

llvm::ArrayRef<OpRow> generateOps() { return rows; }

} // namespace dlc::import
