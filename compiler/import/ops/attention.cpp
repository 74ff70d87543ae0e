// Attention and rotary embeddings, decomposed: scores, bias, softmax, values. Scores and softmax are computed
// in f32 for half-precision operands; probabilities are rounded to the operands' type before the second
// product.
#include "compiler/import/host.h"
#include "compiler/import/table.h"

#include <cmath>
#include <limits>

namespace dlc::import {
namespace {

using namespace mlir;

constexpr double minusInfinity = -std::numeric_limits<double>::infinity();

/// [batch, sequence, heads * size] as [batch, heads, sequence, size].
Value splitHeads(Node &n, Value x, int64_t heads, const char *what) {
  Dims d = n.e.dims(x);
  auto size = heads > 0 ? exactDivide(d[2], Dim(heads)) : std::nullopt;
  if (!size)
    n.fail(Code::E0305, std::string(what) + " of " + d[2].str() + " does not divide into " +
                            std::to_string(heads) + " heads");
  return n.e.transpose(n.e.reshape(x, {d[0], d[1], heads, *size}), {0, 2, 1, 3});
}

struct Operands {
  Value q, k, v; ///< [batch, heads, sequence, size]; k and v with the past in front
  Dim past;      ///< positions before the first query
  bool flat;     ///< three-dim operands
};

Operands operands(Node &n) {
  Operands o;
  for (size_t i : {1, 2})
    if (n.rank(i) != n.rank(0)) n.fail(Code::E0305, "Q, K and V must have as many dims");
  if (n.rank(0) != 3 && n.rank(0) != 4) n.fail(Code::E0305, "Q must have three or four dims");
  o.flat = n.rank(0) == 3;
  int64_t heads = n.intAttr("q_num_heads", 0), kvHeads = n.intAttr("kv_num_heads", 0);
  o.q = n.value(0), o.k = n.value(1), o.v = n.value(2);
  if (o.flat) {
    o.q = splitHeads(n, o.q, heads, "Q");
    o.k = splitHeads(n, o.k, kvHeads, "K");
    o.v = splitHeads(n, o.v, kvHeads, "V");
  }
  o.past = Dim(0);
  if (n.has(4) != n.has(5)) n.fail(Code::E0302, "past_key and past_value come together");
  if (n.has(4)) {
    if (n.rank(4) != 4 || n.rank(5) != 4) n.fail(Code::E0305, "past_key and past_value must have four dims");
    o.past = n.dims(4)[2];
    o.k = n.e.concat({n.value(4), o.k}, 2);
    o.v = n.e.concat({n.value(5), o.v}, 2);
  }
  return o;
}

/// Heads of K and V; a query head reads key head h / (heads / kvHeads).
int64_t groupSize(Node &n, const Operands &o) {
  auto heads = n.e.dims(o.q)[1].constantValue(), kvHeads = n.e.dims(o.k)[1].constantValue();
  if (!heads || !kvHeads || *kvHeads < 1 || *heads % *kvHeads != 0 || !(n.e.dims(o.v)[1] == Dim(*kvHeads)))
    n.fail(Code::E0305, "the query heads are no multiple of the key and value heads");
  return *heads / *kvHeads;
}

/// x [b, h, s, *] times y [b, h / group, ...] contracted along dims 3 and `dimY`: [b, h, s, free dim of y].
Value headProduct(Node &n, Value x, Value y, int64_t dimY, int64_t group, Type result) {
  Emit &e = n.e;
  Dims a = e.dims(x), b = e.dims(y);
  a[0] = b[0] = e.symbols.unify(a[0], b[0], "batch dims differ");
  a[3] = b[dimY] = e.symbols.unify(a[3], b[dimY], "inner dims differ");
  x = e.rename(x, a), y = e.rename(y, b);
  Dim free = b[dimY == 3 ? 2 : 3];
  if (group == 1) {
    b[1] = e.symbols.unify(a[1], b[1], "heads differ");
    return graph::dot(e.b, e.loc, x, e.rename(y, b), {0, 1}, {0, 1}, {3}, {dimY}, result);
  }
  Value grouped = e.reshape(x, {a[0], b[1], group, a[2], a[3]});
  Value product = graph::dot(e.b, e.loc, grouped, y, {0, 1}, {0, 1}, {4}, {dimY}, result);
  return e.reshape(product, {a[0], a[1], a[2], free});
}

/// What is added to the scores: [..., s, t] with -inf where a query does not see a key. Null when all see
/// all.
struct Bias {
  Value value;
  bool canHideRows = false; ///< a query may see no key at all
};

void addBias(Node &n, Bias &bias, Value more) { bias.value = bias.value ? n.e.add(bias.value, more) : more; }

/// 0 where allowed, else -inf.
Value hidden(Node &n, Value allowed, Type type) {
  return n.e.select(allowed, n.e.scalar(type, 0), n.e.scalar(type, minusInfinity));
}

Value maskBias(Node &n, const Dim &keys, Type type) {
  Value mask = n.value(3);
  Dims dims = n.dims(3);
  bool isBool = n.type(3) == DataType::Bool;
  if (!isBool && n.type(3) != n.type(0)) n.fail(Code::E0303, "the mask is neither bool nor of Q's type");
  if (dims.empty()) n.fail(Code::E0305, "the mask must have one dim or more");
  if (!isBool) mask = n.e.toFloat(mask, type);
  if (n.e.symbols.isLess(dims.back(), keys) == std::optional<bool>(true) && !dims.back().isConstant(1)) {
    llvm::SmallVector<Dim> low(dims.size(), Dim(0)), high(dims.size(), Dim(0));
    high.back() = keys - dims.back();
    Value outside = n.e.scalar(n.e.type(mask), isBool ? 0 : minusInfinity);
    mask = graph::pad(n.e.b, n.e.loc, mask, outside, low, high);
  }
  return isBool ? hidden(n, mask, type) : mask;
}

/// Position of each query minus that of each key: [s, t], or [batch, 1, s, t] with lengths per batch.
Value distance(Node &n, const Operands &o, const Dim &queries, const Dim &keys) {
  Emit &e = n.e;
  Dims matrix{queries, keys};
  Value difference = e.sub(e.iota(matrix, e.i64(), 0), e.iota(matrix, e.i64(), 1));
  if (n.has(6) && !n.has(4)) {
    Value offset = e.sub(e.cast(n.value(6), n.type(6), DataType::I64), e.dimValue(queries, e.i64()));
    return e.add(difference, e.unsqueeze(offset, {1, 2, 3}));
  }
  return o.past.isConstant(0) ? difference : e.add(difference, e.dimValue(o.past, e.i64()));
}

Bias biasOf(Node &n, const Operands &o, Type type) {
  Emit &e = n.e;
  Dim queries = e.dims(o.q)[2], keys = e.dims(o.k)[2];
  bool causal = n.intAttr("is_causal", 0) != 0;
  int64_t left = n.intAttr("left_window_size", -1), right = n.intAttr("right_window_size", -1);
  if (left < -1 || right < -1) n.fail(Code::E0304, "window sizes must be -1 or more");
  Bias bias;
  if (n.has(3)) {
    bias.value = maskBias(n, keys, type);
    bias.canHideRows = true;
  }
  if (causal || left >= 0 || right >= 0) {
    Value behind = distance(n, o, queries, keys), allowed;
    auto also = [&](Value condition) { allowed = allowed ? e.bitAnd(allowed, condition) : condition; };
    if (causal) also(e.compare(Compare::Ge, behind, e.like(behind, 0)));
    if (left >= 0) also(e.compare(Compare::Le, behind, e.like(behind, double(left))));
    if (right >= 0) also(e.compare(Compare::Ge, behind, e.like(behind, double(-right))));
    addBias(n, bias, hidden(n, allowed, type));
    bias.canHideRows |= n.has(6) || left >= 0 || right >= 0;
  }
  if (n.has(6)) {
    if (n.rank(6) != 1) n.fail(Code::E0305, "nonpad_kv_seqlen must be a vector");
    if (n.has(4)) n.fail(Code::E0302, "nonpad_kv_seqlen and past_key exclude each other");
    Value lengths = e.cast(n.value(6), n.type(6), DataType::I64);
    Value inside = e.compare(Compare::Lt, e.iota({keys}, e.i64(), 0), e.unsqueeze(lengths, {1}));
    addBias(n, bias, e.unsqueeze(hidden(n, inside, type), {1, 2}));
    bias.canHideRows = true;
  }
  return bias;
}

Value softmaxLast(Node &n, Value x) {
  int64_t last = graph::rankOf(x) - 1;
  Value exps = n.e.exp(n.e.sub(x, n.e.spread(n.e.reduce(x, {last}, Combiner::Max), x, {last})));
  return n.e.div(exps, n.e.spread(n.e.reduce(exps, {last}, Combiner::Sum), exps, {last}));
}

void attention(Node &n) {
  Emit &e = n.e;
  for (size_t i : {1, 2})
    if (n.type(i) != n.type(0)) n.fail(Code::E0303, "Q, K and V differ in type");
  Operands o = operands(n);
  int64_t group = groupSize(n, o), mode = n.intAttr("qk_matmul_output_mode", 0);
  double cap = n.floatAttr("softcap", 0);
  int64_t precision = n.intAttr("softmax_precision", 1); // f32 is at least as exact as f16 and bf16
  Type type =
      n.type(0) == DataType::F64 || precision == static_cast<int>(DataType::F64) ? e.b.getF64Type() : e.f32();
  Type operand = n.elementType(n.type(0));

  Type accumulator = n.type(0) == DataType::F64 ? type : e.f32();
  Value scores = e.toFloat(headProduct(n, o.q, o.k, 3, group, accumulator), type);
  if (n.hasAttr("scale")) {
    scores = e.mul(scores, n.floatAttr("scale"));
  } else {
    Dim size = e.dims(o.q)[3];
    if (auto known = size.constantValue())
      scores = e.mul(scores, 1 / std::sqrt(double(*known)));
    else
      scores = e.mul(scores, e.unary<math::RsqrtOp>(e.dimValue(size, type)));
  }
  Value raw = scores;
  if (cap > 0) scores = e.mul(e.tanh(e.div(scores, cap)), cap);
  Value capped = scores;
  Bias bias = biasOf(n, o, type);
  if (bias.value) scores = e.add(scores, bias.value);
  Value probability = softmaxLast(n, scores);
  if (bias.canHideRows) { // a query that sees no key gives zero
    int64_t last = graph::rankOf(bias.value) - 1;
    Value top = e.keep(e.reduce(bias.value, {last}, Combiner::Max), {last});
    Value none = e.compare(Compare::Eq, top, e.like(top, minusInfinity));
    probability = e.select(none, e.like(probability, 0), probability);
  }
  Value rounded = e.toFloat(probability, operand);
  Value y = headProduct(n, rounded, o.v, 2, group, operand);
  if (o.flat) {
    Dims d = e.dims(y);
    y = e.reshape(e.transpose(y, {0, 2, 1, 3}), {d[0], d[2], d[1] * d[3]});
  }
  n.result(y, n.type(0));
  n.result(o.k, n.type(0));
  n.result(o.v, n.type(0));
  if (!n.wants(3)) return;
  if (mode < 0 || mode > 3) n.fail(Code::E0304, "`qk_matmul_output_mode` must be 0 to 3");
  const Value outputs[] = {raw, capped, scores, probability};
  n.result(e.toFloat(outputs[mode], operand), n.type(0));
}

//===- Rotary embedding --------------------------------------------------------------------===//

/// Cosines or sines as [batch, sequence, half], gathered by position where positions are given.
Value angles(Node &n, size_t input, int64_t half) {
  Value table = n.e.widen(n.value(input));
  if (n.has(3)) {
    if (n.rank(input) != 2) n.fail(Code::E0305, "a cache read by positions must have two dims");
    table = graph::gather(n.e.b, n.e.loc, table, n.value(3), 0, 0);
  }
  if (graph::rankOf(table) != 3 || !(n.e.dims(table)[2] == Dim(half)))
    n.fail(Code::E0305, "a cache must have three dims, the last one half of the rotated size");
  return table;
}

// real = cos * x1 - sin * x2, imaginary = sin * x1 + cos * x2, over halves or alternating elements of the
// last dim
void rotaryEmbedding(Node &n) {
  Emit &e = n.e;
  bool flat = n.rank(0) == 3, interleaved = n.intAttr("interleaved", 0) != 0;
  int64_t heads = n.intAttr("num_heads", 0), rotated = n.intAttr("rotary_embedding_dim", 0);
  if (!flat && n.rank(0) != 4) n.fail(Code::E0305, "the operand must have three or four dims");
  Value x = e.widen(n.value(0));
  Dims whole = n.dims(0);
  if (flat) {
    auto size = heads > 0 ? exactDivide(whole[2], Dim(heads)) : std::nullopt;
    if (!size)
      n.fail(Code::E0305, "the hidden size does not divide into " + std::to_string(heads) + " heads");
    x = e.reshape(x, {whole[0], whole[1], heads, *size});
  }
  auto size = e.dims(x)[3].constantValue();
  if (!size) n.fail(Code::E0305, "the head size must be constant");
  if (rotated == 0) rotated = *size;
  if (rotated < 0 || rotated > *size || rotated % 2)
    n.fail(Code::E0304, "`rotary_embedding_dim` does not fit the head size");
  int64_t half = rotated / 2, headAxis = flat ? 2 : 1;
  Value cosine = e.unsqueeze(angles(n, 1, half), {headAxis}),
        sine = e.unsqueeze(angles(n, 2, half), {headAxis});
  int64_t step = interleaved ? 2 : 1;
  Value x1 = e.sliceAxis(x, 3, Dim(0), Dim(half), step),
        x2 = e.sliceAxis(x, 3, Dim(interleaved ? 1 : half), Dim(half), step);
  Value real = e.sub(e.mul(cosine, x1), e.mul(sine, x2)),
        imaginary = e.add(e.mul(sine, x1), e.mul(cosine, x2));
  Value result;
  if (interleaved) {
    Dims d = e.dims(real);
    d[3] = rotated;
    result = e.reshape(e.concat({e.unsqueeze(real, {4}), e.unsqueeze(imaginary, {4})}, 4), d);
  } else {
    result = e.concat({real, imaginary}, 3);
  }
  if (rotated < *size) result = e.concat({result, e.sliceAxis(x, 3, Dim(rotated), Dim(*size - rotated))}, 3);
  n.result(e.toFloat(e.reshape(result, whole), n.elementType(n.type(0))), n.type(0));
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Attention", 23, newest, 3, 7, floatTypes, attention},
    {"", "RotaryEmbedding", 23, newest, 3, 4, floatTypes, rotaryEmbedding},
};

} // namespace

llvm::ArrayRef<OpRow> attentionOps() { return rows; }

} // namespace dlc::import
