// Softmax and normalisations, decomposed so that fusion finds one reduction pattern each. Half-precision
// operands are computed in f32 and rounded once.
#include "compiler/import/node.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

/// The operand in the type of the computation, and results back in the operand's.
Value wide(Node &n, size_t i) { return n.e.widen(n.value(i)); }
void narrowResult(Node &n, Value value) { n.result(n.e.toFloat(value, n.elementType(n.type(0))), n.type(0)); }

llvm::SmallVector<int64_t> from(int64_t first, int64_t rank) {
  llvm::SmallVector<int64_t> axes;
  for (int64_t i = first; i < rank; ++i) axes.push_back(i);
  return axes;
}

/// One axis since opset 13; before, every dim from the axis on.
llvm::SmallVector<int64_t> softmaxAxes(Node &n) {
  int64_t rank = n.rank(0);
  if (n.opset >= 13) return {n.axis(n.intAttr("axis", -1), rank)};
  int64_t axis = n.intAttr("axis", 1);
  if (axis == rank) return {};
  return from(n.axis(axis, rank), rank);
}

/// x - max(x)
Value shifted(Node &n, Value x, llvm::ArrayRef<int64_t> axes) {
  return n.e.sub(x, n.e.spread(n.e.reduce(x, axes, Combiner::Max), x, axes));
}

void softmax(Node &n) {
  auto axes = softmaxAxes(n);
  Value exps = n.e.exp(shifted(n, wide(n, 0), axes));
  Value sum = n.e.reduce(exps, axes, Combiner::Sum);
  narrowResult(n, n.e.div(exps, n.e.spread(sum, exps, axes)));
}

void logSoftmax(Node &n) {
  auto axes = softmaxAxes(n);
  Value x = shifted(n, wide(n, 0), axes);
  Value sum = n.e.reduce(n.e.exp(x), axes, Combiner::Sum);
  narrowResult(n, n.e.sub(x, n.e.spread(n.e.log(sum), x, axes)));
}

// One at the first maximum, zero elsewhere.
void hardmax(Node &n) {
  auto axes = softmaxAxes(n);
  Value x = n.value(0);
  Dims dims = n.dims(0);
  Value place = n.e.iota(dims, n.e.i64(), axes.empty() ? 0 : axes.back());
  if (axes.size() > 1) { // the place in the flattened tail
    Dim weight = dims[axes.back()];
    for (size_t i = axes.size() - 1; i-- > 0; weight = weight * dims[axes[i]])
      place = n.e.add(place, n.e.mul(n.e.iota(dims, n.e.i64(), axes[i]), n.e.dimValue(weight, n.e.i64())));
  }
  Value best = graph::reduceArg(n.e.b, n.e.loc, x, place, axes, Combiner::ArgMax).second;
  Value hit = n.e.compare(Compare::Eq, place, n.e.spread(best, x, axes));
  n.result(n.e.cast(hit, DataType::Bool, n.type(0)), n.type(0));
}

//===- Batch norm -----------------------------------------------------------------------===//

/// A vector over channels along dim 1 of x.
Value perChannel(Node &n, Value vector, Value x) {
  if (graph::rankOf(vector) != 1) n.fail(Code::E0305, "scale, bias, mean and variance must be vectors");
  n.e.symbols.unify(n.e.dims(vector)[0], n.e.dims(x)[1], "a vector over channels differs from the channels");
  return graph::broadcast(n.e.b, n.e.loc, n.e.rename(vector, {n.e.dims(x)[1]}), n.e.dims(x), {1});
}

/// The type of i's elements, as the computation's.
Value vectorInput(Node &n, size_t i, Value x) { return n.e.toFloat(n.value(i), n.e.type(x)); }

// y = x * s + (bias - mean * s), s = scale / sqrt(variance + epsilon): per channel, so constants fold
Value normalised(Node &n, Value x, Value scale, Value bias, Value mean, Value variance, double epsilon) {
  Value s = n.e.div(scale, n.e.sqrt(n.e.add(variance, epsilon)));
  Value shift = n.e.sub(bias, n.e.mul(mean, s));
  return n.e.add(n.e.mul(x, perChannel(n, s, x)), perChannel(n, shift, x));
}

void batchNormalization(Node &n) {
  if (n.rank(0) < 2) n.fail(Code::E0305, "the operand must have two dims or more");
  double epsilon = n.floatAttr("epsilon", 1e-5f), momentum = n.floatAttr("momentum", 0.9f);
  bool training = n.opset >= 14 && n.intAttr("training_mode", 0) != 0;
  if (n.opset < 9 && n.intAttr("spatial", 1) != 1) n.fail(Code::E0307, "`spatial` = 0 is not supported");
  Value x = wide(n, 0);
  Value scale = vectorInput(n, 1, x), bias = vectorInput(n, 2, x), mean = vectorInput(n, 3, x),
        variance = vectorInput(n, 4, x);
  if (!training) return narrowResult(n, normalised(n, x, scale, bias, mean, variance, epsilon));
  auto axes = from(1, n.rank(0));
  axes[0] = 0; // all but the channels
  Value batchMean = n.e.mean(x, axes);
  Value centred = n.e.sub(x, perChannel(n, batchMean, x));
  Value batchVariance = n.e.mean(n.e.mul(centred, centred), axes);
  narrowResult(n, normalised(n, x, scale, bias, batchMean, batchVariance, epsilon));
  auto running = [&](Value old, Value now, size_t input) {
    Value mixed = n.e.add(n.e.mul(old, momentum), n.e.mul(now, 1 - momentum));
    n.result(n.e.toFloat(mixed, n.elementType(n.type(input))), n.type(input));
  };
  running(mean, batchMean, 3);
  running(variance, batchVariance, 4);
}

//===- Norms over axes --------------------------------------------------------------------===//

struct Moments {
  Value mean, centred, inverse; ///< inverse = 1 / sqrt(variance + epsilon), reduced like the mean
};

Moments moments(Node &n, Value x, llvm::ArrayRef<int64_t> axes, double epsilon) {
  Moments m;
  m.mean = n.e.mean(x, axes);
  m.centred = n.e.sub(x, n.e.spread(m.mean, x, axes));
  Value variance = n.e.mean(n.e.mul(m.centred, m.centred), axes);
  m.inverse = n.e.unary<math::RsqrtOp>(n.e.add(variance, epsilon));
  return m;
}

void instanceNormalization(Node &n) {
  if (n.rank(0) < 3) n.fail(Code::E0305, "the operand must have three dims or more");
  Value x = wide(n, 0);
  auto axes = from(2, n.rank(0));
  Moments m = moments(n, x, axes, n.floatAttr("epsilon", 1e-5f));
  Value y = n.e.mul(m.centred, n.e.spread(m.inverse, x, axes));
  narrowResult(
      n, n.e.add(n.e.mul(y, perChannel(n, vectorInput(n, 1, x), x)), perChannel(n, vectorInput(n, 2, x), x)));
}

/// The type in which a norm is computed; stash_type 1 is float.
Value stashed(Node &n, Value x) {
  int64_t type = n.intAttr("stash_type", 1);
  if (type != 1 && type != static_cast<int>(DataType::F64) && type != static_cast<int>(n.type(0)) &&
      type != static_cast<int>(DataType::BF16) && type != static_cast<int>(DataType::F16))
    n.fail(Code::E0304, "`stash_type` is no float type");
  // Narrower than float is allowed, and computed in float: more exact than asked for.
  if (type == static_cast<int>(DataType::F64)) return n.e.toFloat(x, n.e.b.getF64Type());
  return n.e.widen(x);
}

void layerNormalization(Node &n) {
  int64_t rank = n.rank(0), axis = n.axis(n.intAttr("axis", -1), rank);
  Value x = stashed(n, n.value(0));
  auto axes = from(axis, rank);
  Moments m = moments(n, x, axes, n.floatAttr("epsilon", 1e-5f));
  Value y = n.e.mul(m.centred, n.e.spread(m.inverse, x, axes));
  // Scale and bias are applied in the operand's type (as the specification's function does), here without its
  // rounding.
  y = n.e.mul(y, n.e.to(vectorInput(n, 1, x), n.e.dims(x)));
  if (n.has(2)) y = n.e.add(y, n.e.to(vectorInput(n, 2, x), n.e.dims(x)));
  narrowResult(n, y);
  DataType stash = n.e.type(x).isF64() ? DataType::F64 : DataType::F32;
  if (n.wants(1) || n.wants(2)) n.result(n.e.keep(m.mean, axes), stash);
  if (n.wants(2)) n.result(n.e.keep(m.inverse, axes), stash);
}

void rmsNormalization(Node &n) {
  int64_t rank = n.rank(0), axis = n.axis(n.intAttr("axis", -1), rank);
  Value x = stashed(n, n.value(0));
  auto axes = from(axis, rank);
  Value meanSquare = n.e.mean(n.e.mul(x, x), axes);
  Value inverse = n.e.unary<math::RsqrtOp>(n.e.add(meanSquare, n.floatAttr("epsilon", 1e-5f)));
  Value y = n.e.mul(x, n.e.spread(inverse, x, axes));
  y = n.e.mul(y, n.e.to(vectorInput(n, 1, x), n.e.dims(x)));
  n.result(n.e.toFloat(y, n.elementType(n.type(1))), n.type(1));
}

// [N, C, ...] as [N, G, C / G * ...], normalised per group; scale and bias per channel (per group before
// opset 21)
void groupNormalization(Node &n) {
  int64_t rank = n.rank(0), groups = n.intAttr("num_groups");
  if (rank < 3 || groups < 1) n.fail(Code::E0305, "needs three dims or more and at least one group");
  Dims dims = n.dims(0);
  auto perGroup = exactDivide(dims[1], Dim(groups));
  if (!perGroup) n.fail(Code::E0305, "the channels do not divide into " + std::to_string(groups) + " groups");
  Value x = stashed(n, n.value(0));
  Dim tail = *perGroup;
  for (int64_t i = 2; i < rank; ++i) tail = tail * dims[i];
  Value grouped = n.e.reshape(x, {dims[0], groups, tail});
  Moments m = moments(n, grouped, {2}, n.floatAttr("epsilon", 1e-5f));
  Value y = n.e.mul(m.centred, n.e.spread(m.inverse, grouped, {2}));
  auto vector = [&](size_t i) { return vectorInput(n, i, x); };
  if (n.opset < 21) {
    y = n.e.add(n.e.mul(y, perChannel(n, vector(1), y)), perChannel(n, vector(2), y));
    return narrowResult(n, n.e.reshape(y, dims));
  }
  y = n.e.reshape(y, dims);
  narrowResult(n, n.e.add(n.e.mul(y, perChannel(n, vector(1), y)), perChannel(n, vector(2), y)));
}

// x / norm(x), zero where the norm is
void lpNormalization(Node &n) {
  int64_t axis = n.axis(n.intAttr("axis", -1), n.rank(0)), p = n.intAttr("p", 2);
  if (p != 1 && p != 2) n.fail(Code::E0304, "`p` must be 1 or 2");
  Value x = wide(n, 0);
  Value norm = n.e.reduce(p == 1 ? n.e.abs(x) : n.e.mul(x, x), {axis}, Combiner::Sum);
  if (p == 2) norm = n.e.sqrt(norm);
  Value all = n.e.spread(norm, x, {axis});
  Value isZero = n.e.compare(Compare::Eq, all, n.e.like(all, 0));
  narrowResult(n, n.e.select(isZero, n.e.like(x, 0), n.e.div(x, all)));
}

// (x - mean) / (deviation + 1e-9)
void meanVarianceNormalization(Node &n) {
  auto given = n.intsAttr("axes");
  auto axes = n.axes(given ? *given : std::vector<int64_t>{0, 2, 3}, n.rank(0));
  Value x = wide(n, 0);
  Value centred = n.e.sub(x, n.e.spread(n.e.mean(x, axes), x, axes));
  Value deviation = n.e.sqrt(n.e.mean(n.e.mul(centred, centred), axes));
  narrowResult(n, n.e.div(centred, n.e.spread(n.e.add(deviation, 1e-9), x, axes)));
}

// x / (bias + alpha / size * sum of squares over the neighbouring channels)^beta
void lrn(Node &n) {
  int64_t rank = n.rank(0), size = n.intAttr("size");
  if (rank < 2 || size < 1 || size > (1 << 20))
    n.fail(Code::E0305, "needs two dims or more and a positive size");
  Value x = wide(n, 0);
  llvm::SmallVector<int64_t> ones(rank, 1), window(rank, 1);
  llvm::SmallVector<Dim> low(rank, Dim(0)), high(rank, Dim(0));
  window[1] = size;
  low[1] = (size - 1) / 2;
  high[1] = size / 2;
  Value sum = graph::window(n.e.b, n.e.loc, n.e.mul(x, x), window, ones, ones, low, high, Combiner::Sum);
  Value base = n.e.add(n.e.mul(n.e.rename(sum, n.e.dims(x)), n.floatAttr("alpha", 1e-4f) / double(size)),
                       n.floatAttr("bias", 1));
  narrowResult(n, n.e.div(x, n.e.pow(base, n.e.like(base, n.floatAttr("beta", 0.75)))));
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Softmax", 1, newest, 1, 1, floatTypes, softmax},
    {"", "LogSoftmax", 1, newest, 1, 1, floatTypes, logSoftmax},
    {"", "Hardmax", 1, newest, 1, 1, floatTypes, hardmax},
    {"", "BatchNormalization", 7, newest, 5, 5, floatTypes, batchNormalization},
    {"", "InstanceNormalization", 6, newest, 3, 3, floatTypes, instanceNormalization},
    {"", "LayerNormalization", 17, newest, 2, 3, floatTypes, layerNormalization},
    {"", "RMSNormalization", 23, newest, 2, 2, floatTypes, rmsNormalization},
    {"", "GroupNormalization", 18, newest, 3, 3, floatTypes, groupNormalization},
    {"", "LpNormalization", 1, newest, 1, 1, floatTypes, lpNormalization},
    {"", "MeanVarianceNormalization", 9, newest, 1, 1, floatTypes, meanVarianceNormalization},
    {"", "LRN", 1, newest, 1, 1, floatTypes, lrn},
};

} // namespace

llvm::ArrayRef<OpRow> normOps() { return rows; }

} // namespace dlc::import
