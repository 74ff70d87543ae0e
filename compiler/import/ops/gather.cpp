// Reading and writing through indices. Negative indices count from the end; graph.gather wants them resolved.
//
// Writing is reading, too: a kernel computes elements where they lie, so each asks which update is for it.
// That compares every index with every place it could name; updates are few, or places are.
#include "compiler/import/host.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

/// Indices as i64 or i32 data in [0, size), by an explicit select where they may be negative.
Value resolved(Node &n, size_t input, const Dim &size) {
  Emit &e = n.e;
  Value index = n.value(input);
  const Host *known = n.host(input);
  if (known && llvm::all_of(known->ints, [&](const Dim &i) { return e.symbols.isAtLeast(i, 0); }))
    return index;
  Value moved = e.add(index, e.dimValue(size, e.type(index)));
  return e.select(e.compare(Compare::Lt, index, e.like(index, 0)), moved, index);
}

void requireIndexType(Node &n, size_t input) {
  if (n.type(input) != DataType::I64 && n.type(input) != DataType::I32)
    n.fail(Code::E0303, "indices cannot be " + typeName(n.type(input)));
}

/// Known indices, resolved and checked; nothing when one is unknown or symbolic.
std::optional<std::vector<int64_t>> knownIndices(Node &n, size_t input, const Dim &size) {
  const Host *host = n.host(input);
  if (!host) return std::nullopt;
  std::vector<int64_t> result;
  for (const Dim &index : host->ints) {
    auto value = index.constantValue(), limit = size.constantValue();
    if (!value) return std::nullopt;
    if (limit && (*value < -*limit || *value >= *limit))
      n.fail(Code::E0305, "index " + std::to_string(*value) + " is outside a dim of " + size.str());
    if (*value < 0 && !limit) return std::nullopt;
    result.push_back(*value < 0 ? *value + *limit : *value);
  }
  return result;
}

void gather(Node &n) {
  requireIndexType(n, 1);
  int64_t axis = n.axis(n.intAttr("axis", 0), n.rank(0));
  const Dims &from = n.dims(0), &index = n.dims(1);
  Dims dims(from.begin(), from.begin() + axis);
  dims.append(index.begin(), index.end());
  dims.append(from.begin() + axis + 1, from.end());
  auto known = knownIndices(n, 1, from[axis]);
  if (known && n.in(0).hasStaticDims()) {
    auto layout = stridesOf(from), inner = stridesOf(index);
    auto moved = hostMove(n, n.in(0), dims, [&](llvm::ArrayRef<int64_t> at) {
      int64_t position = 0, pick = 0;
      for (int64_t i = 0; i < axis; ++i) position += at[i] * layout[i];
      for (size_t i = 0; i < index.size(); ++i) pick += at[axis + i] * inner[i];
      for (size_t i = axis + 1; i < from.size(); ++i) position += at[index.size() + i - 1] * layout[i];
      return position + known->at(pick) * layout[axis];
    });
    if (moved) return n.result(*moved);
  }
  // One known index is a slice.
  bool inside = known && known->size() == 1 && n.e.symbols.isAtMost(Dim(known->front()) + 1, from[axis]);
  if (inside) {
    Value row = n.e.sliceAxis(n.value(0), axis, Dim(known->front()), Dim(1));
    return n.result(n.e.reshape(row, dims), n.type(0));
  }
  n.result(graph::gather(n.e.b, n.e.loc, n.value(0), resolved(n, 1, from[axis]), axis, 0), n.type(0));
}

// The axis moves to the end, all other dims are shared with the indices.
void gatherElements(Node &n) {
  requireIndexType(n, 1);
  int64_t rank = n.rank(0), axis = n.axis(n.intAttr("axis", 0), rank);
  if (n.rank(1) != rank) n.fail(Code::E0305, "indices must have as many dims as the data");
  llvm::SmallVector<int64_t> perm, inverse(rank);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis) perm.push_back(i);
  perm.push_back(axis);
  for (int64_t i = 0; i < rank; ++i) inverse[perm[i]] = i;
  Value data = n.value(0);
  for (int64_t i = 0; i < rank; ++i) {
    if (i == axis || n.dims(0)[i] == n.dims(1)[i]) continue;
    n.e.symbols.requireNonNegative(n.dims(0)[i] - n.dims(1)[i], "the indices are larger than the data");
    data = n.e.sliceAxis(data, i, Dim(0), n.dims(1)[i]);
  }
  Value index = n.e.transpose(resolved(n, 1, n.dims(0)[axis]), perm);
  Value picked = graph::gather(n.e.b, n.e.loc, n.e.transpose(data, perm), index, rank - 1, rank - 1);
  n.result(n.e.transpose(picked, inverse), n.type(0));
}

/// Tuples of indices, in the last dim of `index`, as one index each into the flattened dims `sizes`.
Value flattened(Node &n, Value index, ArrayRef<Dim> sizes) {
  Emit &e = n.e;
  Dims tuples = e.dims(index);
  int64_t last = int64_t(tuples.size()) - 1;
  tuples.pop_back();
  Value flat;
  for (auto [k, size] : llvm::enumerate(sizes)) {
    Value part = e.reshape(e.sliceAxis(index, last, Dim(int64_t(k)), Dim(1)), tuples);
    Value moved = e.add(part, e.dimValue(size, e.type(part)));
    part = e.select(e.compare(Compare::Lt, part, e.like(part, 0)), moved, part);
    flat = flat ? e.add(e.mul(flat, e.dimValue(size, e.type(part))), part) : part;
  }
  return flat;
}

// The indexed dims are flattened to one, and each index tuple to one index.
void gatherND(Node &n) {
  requireIndexType(n, 1);
  int64_t batch = n.intAttr("batch_dims", 0), rank = n.rank(0), indexRank = n.rank(1);
  if (indexRank < 1 || batch < 0 || batch >= std::min(rank, indexRank))
    n.fail(Code::E0304, "`batch_dims` is out of range");
  auto width = n.dims(1)[indexRank - 1].constantValue();
  if (!width || *width < 1 || *width > rank - batch)
    n.fail(Code::E0305, "the last dim of the indices does not fit the data");
  Dims from = n.dims(0), to = n.dims(1);
  for (int64_t i = 0; i < batch; ++i)
    from[i] = to[i] = n.e.symbols.unify(from[i], to[i], "batch dims differ");
  Emit &e = n.e;
  llvm::ArrayRef<Dim> all(from);
  Value data = e.rename(n.value(0), from);
  Value flat = flattened(n, e.rename(n.value(1), to), all.slice(batch, *width));
  Dims folded(from.begin(), from.begin() + batch);
  folded.push_back(graph::elementCount(all.slice(batch, *width)));
  folded.append(from.begin() + batch + *width, from.end());
  n.result(graph::gather(e.b, e.loc, e.reshape(data, folded), flat, batch, batch), n.type(0));
}

/// What an update does to the element that it names; nothing: takes its place.
std::optional<Combiner> reductionOf(Node &n) {
  std::string name = n.opset < 16 ? "none" : n.stringAttr("reduction", "none");
  bool isU = isUnsigned(n.type(0));
  if (name == "none") return std::nullopt;
  if (n.type(0) == DataType::Bool) n.fail(Code::E0303, "truth values cannot be reduced");
  if (name == "add") return Combiner::Sum;
  if (name == "mul") return Combiner::Prod;
  if (name == "max") return isU ? Combiner::UMax : Combiner::Max;
  if (name == "min") return isU ? Combiner::UMin : Combiner::Min;
  n.fail(Code::E0304, "`reduction` is '" + name + "'");
}

Value combined(Node &n, Combiner how, Value x, Value y) {
  switch (how) {
  case Combiner::Sum:
    return n.e.add(x, y);
  case Combiner::Prod:
    return n.e.mul(x, y);
  case Combiner::Max:
  case Combiner::UMax:
    return n.e.max(x, y, how == Combiner::UMax);
  default:
    return n.e.min(x, y, how == Combiner::UMin);
  }
}

/// data [outer, places, row] with updates [outer, count, row] at index [outer, count]. Of several updates of
/// one place the last one stays; an index outside of [0, places) writes nowhere.
Value scattered(Node &n, Value data, Value index, Value updates, std::optional<Combiner> reduction) {
  Emit &e = n.e;
  Dims dims = e.dims(data);
  Dims grid = {dims[0], dims[1], e.dims(index)[1]};
  Value isMeant = e.compare(Compare::Eq, e.to(e.unsqueeze(index, {1}), grid), e.iota(grid, e.type(index), 1));
  if (reduction) {
    grid.push_back(dims[2]);
    Value all = e.to(e.unsqueeze(updates, {1}), grid), chosen = e.to(e.unsqueeze(isMeant, {3}), grid);
    Value none = graph::FillOp::create(e.b, e.loc, all.getType(), graph::identityOf(*reduction, e.type(all)));
    return combined(n, *reduction, data, e.reduce(e.select(chosen, all, none), {2}, *reduction));
  }
  Value order = e.iota(grid, e.i64(), 2);
  Value last = e.reduce(e.select(isMeant, order, e.like(order, -1)), {2}, Combiner::Max);
  // A row in front, so that there is something to read without any update.
  updates = graph::pad(e.b, e.loc, updates, e.scalar(e.type(updates), 0), {0, 1, 0}, {0, 0, 0});
  Value isFound = e.compare(Compare::Ge, last, e.like(last, 0));
  Value at = e.select(isFound, e.add(last, e.like(last, 1)), e.like(last, 0));
  Value picked = graph::gather(e.b, e.loc, updates, at, 1, 1);
  return e.select(e.to(e.unsqueeze(isFound, {2}), dims), picked, data);
}

void requireUpdateType(Node &n) {
  if (n.type(2) != n.type(0)) n.fail(Code::E0303, "updates have another type than the data");
}

void scatterND(Node &n) {
  requireIndexType(n, 1);
  requireUpdateType(n);
  int64_t rank = n.rank(0), indexRank = n.rank(1);
  auto width = indexRank ? n.dims(1)[indexRank - 1].constantValue() : std::nullopt;
  if (!width || *width < 1 || *width > rank)
    n.fail(Code::E0305, "the last dim of the indices does not fit the data");
  Emit &e = n.e;
  Dims from = n.dims(0), tuples(n.dims(1).begin(), n.dims(1).end() - 1), wanted = tuples;
  llvm::ArrayRef<Dim> all(from);
  wanted.append(from.begin() + *width, from.end());
  Dim count = graph::elementCount(tuples), places = graph::elementCount(all.take_front(*width)),
      row = graph::elementCount(all.drop_front(*width));
  if (n.rank(2) != int64_t(wanted.size()))
    n.fail(Code::E0305, "updates do not have the dims of the indices and of a row");
  Value updates = e.reshape(e.to(n.value(2), wanted), {1, count, row});
  Value index = e.reshape(flattened(n, n.value(1), all.take_front(*width)), {1, count});
  Value data = e.reshape(n.value(0), {1, places, row});
  n.result(e.reshape(scattered(n, data, index, updates, reductionOf(n)), from), n.type(0));
}

void scatterElements(Node &n) {
  requireIndexType(n, 1);
  requireUpdateType(n);
  int64_t rank = n.rank(0), axis = n.axis(n.intAttr("axis", 0), rank);
  if (n.rank(1) != rank || n.rank(2) != rank)
    n.fail(Code::E0305, "indices and updates must have as many dims as the data");
  Emit &e = n.e;
  Dims from = n.dims(0), small = n.dims(1), lead;
  llvm::SmallVector<int64_t> perm, inverse(rank);
  for (int64_t i = 0; i < rank; ++i) {
    if (i == axis) continue;
    if (e.symbols.isEqual(from[i], small[i]) == std::optional<bool>(false))
      n.fail(Code::E0307,
             "indices of another size than the data along other dims than the axis are not supported");
    from[i] = small[i] = e.symbols.unify(from[i], small[i], "the indices differ from the data");
    perm.push_back(i);
    lead.push_back(from[i]);
  }
  perm.push_back(axis);
  for (int64_t i = 0; i < rank; ++i) inverse[perm[i]] = i;
  Dim outer = graph::elementCount(lead), places = from[axis], count = small[axis];
  Value data = e.transpose(e.rename(n.value(0), from), perm);
  Value index = e.transpose(e.rename(resolved(n, 1, places), small), perm);
  Value updates = e.transpose(e.to(n.value(2), small), perm);
  Value result = scattered(n, e.reshape(data, {outer, places, 1}), e.reshape(index, {outer, count}),
                           e.reshape(updates, {outer, count, 1}), reductionOf(n));
  n.result(e.transpose(e.reshape(result, e.dims(data)), inverse), n.type(0));
}

// Caches of keys and values: rows from a place per batch entry on, which come round when `circular`.
void tensorScatter(Node &n) {
  if (n.type(1) != n.type(0)) n.fail(Code::E0303, "updates have another type than the cache");
  int64_t rank = n.rank(0), axis = n.axis(n.intAttr("axis", -2), rank);
  std::string mode = n.stringAttr("mode", "linear");
  if (axis == 0 || n.rank(1) != rank)
    n.fail(Code::E0305, "the axis must be behind the batch, in both operands");
  Emit &e = n.e;
  Dims dims = n.dims(0), given = n.dims(1);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis)
      dims[i] = given[i] = e.symbols.unify(dims[i], given[i], "the update differs from the cache");
  Value cache = e.rename(n.value(0), dims), update = e.rename(n.value(1), given);
  Dims plane = {dims[0], dims[axis]};
  Value at = e.iota(plane, e.i64(), 1); // counted from the first written row
  if (n.has(2)) at = e.sub(at, e.to(e.unsqueeze(e.rename(n.value(2), {dims[0]}), {1}), plane));
  if (mode == "circular")
    at = e.select(e.compare(Compare::Lt, at, e.like(at, 0)), e.add(at, e.dimValue(dims[axis], e.i64())), at);
  else if (mode != "linear")
    n.fail(Code::E0304, "`mode` is '" + mode + "'");
  Value isWritten = e.bitAnd(e.compare(Compare::Ge, at, e.like(at, 0)),
                             e.compare(Compare::Lt, at, e.dimValue(given[axis], e.i64())));
  // The batch is the only dim shared with the places: the axis comes right behind it.
  llvm::SmallVector<int64_t> perm = {0, axis}, inverse(rank);
  for (int64_t i = 1; i < rank; ++i)
    if (i != axis) perm.push_back(i);
  for (int64_t i = 0; i < rank; ++i) inverse[perm[i]] = i;
  Value moved = e.transpose(cache, perm);
  Value picked =
      graph::gather(e.b, e.loc, e.transpose(update, perm), e.select(isWritten, at, e.like(at, 0)), 1, 1);
  Value mask = graph::broadcast(e.b, e.loc, isWritten, e.dims(moved), {0, 1});
  n.result(e.transpose(e.select(mask, picked, moved), inverse), n.type(0));
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Gather", 1, newest, 2, 2, anyType, gather},
    {"", "GatherElements", 11, newest, 2, 2, anyType, gatherElements},
    {"", "GatherND", 11, newest, 2, 2, anyType, gatherND},
    {"", "Scatter", 9, 10, 3, 3, anyType, scatterElements},
    {"", "ScatterElements", 11, newest, 3, 3, anyType, scatterElements},
    {"", "ScatterND", 11, newest, 3, 3, anyType, scatterND},
    {"", "TensorScatter", 24, newest, 2, 3, anyType, tensorScatter},
};

} // namespace

llvm::ArrayRef<OpRow> gatherOps() { return rows; }

} // namespace dlc::import
