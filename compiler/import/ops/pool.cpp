// Pooling: windows over spatial dims, and their global forms.
#include "compiler/import/table.h"
#include "compiler/import/window.h"

#include <cmath>

namespace dlc::import {
namespace {

using namespace mlir;

struct Pool {
  WindowGeometry g;
  llvm::SmallVector<int64_t> size, strides, dilations; ///< for all dims
  llvm::SmallVector<Dim> low, high;                    ///< high with the extra rows of ceil_mode
};

Pool readPool(Node &n) {
  if (n.rank(0) < 3) n.fail(Code::E0305, "the operand must have three dims or more");
  Pool p;
  p.g = windowGeometry(n, llvm::ArrayRef<Dim>(n.dims(0)).drop_front(2), std::nullopt, true);
  p.size = withLead<int64_t>(p.g.kernel, 2, 1);
  p.strides = withLead<int64_t>(p.g.strides, 2, 1);
  p.dilations = withLead<int64_t>(p.g.dilations, 2, 1);
  p.low = withLead<Dim>(p.g.low, 2, Dim(0));
  p.high = withLead<Dim>(p.g.high, 2, Dim(0));
  for (size_t i = 0; i < p.g.extra.size(); ++i)
    p.high[i + 2] = n.e.symbols.simplify(p.high[i + 2] + p.g.extra[i]);
  return p;
}

Value windowOf(Node &n, const Pool &p, Value x, Combiner combiner) {
  return graph::window(n.e.b, n.e.loc, x, p.size, p.strides, p.dilations, p.low, p.high, combiner);
}

// Elements per window: the whole window, less what lies outside the operand (or outside its padding).
void averagePool(Node &n) {
  Pool p = readPool(n);
  bool includePad = n.intAttr("count_include_pad", 0) != 0;
  Value x = n.e.widen(n.value(0));
  Value sum = windowOf(n, p, x, Combiner::Sum);
  auto isZero = [](const Dim &dim) { return dim.isConstant(0); };
  bool noExtra = llvm::all_of(p.g.extra, isZero);
  bool noPad = llvm::all_of(p.g.low, isZero) && llvm::all_of(p.g.high, isZero);
  if (noExtra && (includePad || noPad)) {
    double area = 1;
    for (int64_t k : p.g.kernel) area *= double(k);
    return n.result(n.e.toFloat(n.e.div(sum, area), n.elementType(n.type(0))), n.type(0));
  }
  Pool counted = p;
  Dims ones = n.dims(0);
  ones[0] = ones[1] = Dim(1);
  if (includePad)
    for (size_t i = 0; i < p.g.low.size(); ++i) {
      ones[i + 2] = n.e.symbols.simplify(ones[i + 2] + p.g.low[i] + p.g.high[i]);
      counted.low[i + 2] = 0;
      counted.high[i + 2] = p.g.extra[i];
    }
  Value count = windowOf(n, counted, graph::fill(n.e.b, n.e.loc, ones, n.e.type(x), 1), Combiner::Sum);
  n.result(n.e.toFloat(n.e.div(sum, n.e.to(n.e.rename(count,
                                                      [&] {
                                                        Dims dims = n.e.dims(sum);
                                                        dims[0] = dims[1] = Dim(1);
                                                        return dims;
                                                      }()),
                                           n.e.dims(sum))),
                       n.elementType(n.type(0))),
           n.type(0));
}

//===- MaxPool --------------------------------------------------------------------------===//

/// The place of each window element in the flattened operand: sum over dims of position * weight.
Value flatPlace(Node &n, const Pool &p, const Dims &out, llvm::ArrayRef<int64_t> offset, bool columnMajor) {
  Emit &e = n.e;
  const Dims &in = n.dims(0);
  int64_t rank = n.rank(0);
  llvm::SmallVector<Dim> weights(rank, Dim(1));
  for (int64_t i = rank - 2; i >= 0; --i) weights[i] = weights[i + 1] * in[i + 1];
  if (columnMajor) { // the spatial dims in the other order
    Dim weight(1);
    for (int64_t i = 2; i < rank; ++i) weights[i] = weight, weight = weight * in[i];
  }
  Value place;
  for (int64_t i = 0; i < rank; ++i) {
    Value position = e.iota(out, e.i64(), i);
    if (p.strides[i] != 1) position = e.mul(position, double(p.strides[i]));
    Dim shift = Dim(offset[i] * p.dilations[i]) - p.low[i];
    if (!shift.isConstant(0)) position = e.add(position, e.dimValue(shift, e.i64()));
    position = e.mul(position, e.dimValue(weights[i], e.i64()));
    place = place ? e.add(place, position) : position;
  }
  return place;
}

// With indices: one slice per window element, the first of equals wins.
void maxPoolWithIndices(Node &n, const Pool &p, const Dims &out) {
  Emit &e = n.e;
  bool columnMajor = n.intAttr("storage_order", 0) != 0;
  int64_t rank = n.rank(0), area = 1;
  for (int64_t k : p.g.kernel) area = area <= 256 ? area * k : area;
  if (area > 256) n.fail(Code::E0307, "indices of windows with more than 256 elements are not supported");
  Value x = n.value(0);
  Value lowest = graph::FillOp::create(
      e.b, e.loc, graph::tensorType({}, e.type(x)),
      graph::identityOf(isUnsigned(n.type(0)) ? Combiner::UMax : Combiner::Max, e.type(x)));
  Value padded = graph::pad(e.b, e.loc, x, lowest, p.low, p.high);
  Value best, place;
  for (int64_t i = 0; i < area; ++i) {
    llvm::SmallVector<int64_t> offset(rank, 0);
    llvm::SmallVector<Dim> begin(rank, Dim(0));
    for (int64_t d = rank - 1, rest = i; d >= 2; rest /= p.size[d], --d) {
      offset[d] = rest % p.size[d];
      begin[d] = offset[d] * p.dilations[d];
    }
    Value each = graph::slice(e.b, e.loc, padded, begin, p.strides, out);
    Value here = flatPlace(n, p, out, offset, columnMajor);
    if (!best) {
      best = each, place = here;
      continue;
    }
    Value better = e.compare(Compare::Gt, each, best, isUnsigned(n.type(0)));
    best = e.select(better, each, best);
    place = e.select(better, here, place);
  }
  n.result(best, n.type(0));
  n.result(place, DataType::I64);
}

void maxPool(Node &n) {
  Pool p = readPool(n);
  n.ignoreAttrs({"storage_order"});
  if (n.wants(1)) {
    Dims out = n.dims(0);
    for (size_t i = 2; i < out.size(); ++i)
      out[i] = graph::windowDim(out[i], p.low[i], p.high[i], p.size[i], p.strides[i], p.dilations[i]);
    return maxPoolWithIndices(n, p, out);
  }
  n.result(windowOf(n, p, n.value(0), isUnsigned(n.type(0)) ? Combiner::UMax : Combiner::Max), n.type(0));
}

/// |x|^p and its inverse.
Value raised(Node &n, Value x, int64_t p) {
  if (p == 2) return n.e.mul(x, x);
  x = n.e.abs(x);
  return p == 1 ? x : n.e.pow(x, n.e.like(x, double(p)));
}
Value rooted(Node &n, Value x, int64_t p) {
  if (p == 1) return x;
  return p == 2 ? n.e.sqrt(x) : n.e.pow(x, n.e.like(x, 1.0 / double(p)));
}

void lpPool(Node &n) {
  Pool pool = readPool(n);
  int64_t p = n.intAttr("p", 2);
  Value sum = windowOf(n, pool, raised(n, n.e.widen(n.value(0)), p), Combiner::Sum);
  n.result(n.e.toFloat(rooted(n, sum, p), n.elementType(n.type(0))), n.type(0));
}

//===- Global forms -----------------------------------------------------------------------===//

llvm::SmallVector<int64_t> spatialAxes(Node &n) {
  if (n.rank(0) < 2) n.fail(Code::E0305, "the operand must have two dims or more");
  llvm::SmallVector<int64_t> axes;
  for (int64_t i = 2; i < n.rank(0); ++i) axes.push_back(i);
  return axes;
}

void globalAveragePool(Node &n) {
  auto axes = spatialAxes(n);
  Value mean = n.e.mean(n.e.widen(n.value(0)), axes);
  n.result(n.e.toFloat(n.e.keep(mean, axes), n.elementType(n.type(0))), n.type(0));
}
void globalMaxPool(Node &n) {
  auto axes = spatialAxes(n);
  n.result(n.e.keep(n.e.reduce(n.value(0), axes, Combiner::Max), axes), n.type(0));
}
void globalLpPool(Node &n) {
  auto axes = spatialAxes(n);
  int64_t p = n.intAttr("p", 2);
  Value sum = n.e.reduce(raised(n, n.e.widen(n.value(0)), p), axes, Combiner::Sum);
  n.result(n.e.toFloat(n.e.keep(rooted(n, sum, p), axes), n.elementType(n.type(0))), n.type(0));
}

constexpr int newest = newestOpset;
constexpr TypeSet maxTypes = floatTypes | typeBit(DataType::I8) | typeBit(DataType::U8);
const OpRow rows[] = {
    {"", "AveragePool", 7, newest, 1, 1, floatTypes, averagePool},
    {"", "MaxPool", 1, newest, 1, 1, maxTypes, maxPool},
    {"", "LpPool", 2, newest, 1, 1, floatTypes, lpPool},
    {"", "GlobalAveragePool", 1, newest, 1, 1, floatTypes, globalAveragePool},
    {"", "GlobalMaxPool", 1, newest, 1, 1, floatTypes, globalMaxPool},
    {"", "GlobalLpPool", 2, newest, 1, 1, floatTypes, globalLpPool},
};

} // namespace

llvm::ArrayRef<OpRow> poolOps() { return rows; }

} // namespace dlc::import
