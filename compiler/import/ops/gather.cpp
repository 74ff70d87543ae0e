// Reading through indices. Negative indices count from the end; graph.gather wants them resolved.
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
  Value data = e.rename(n.value(0), from), index = e.rename(n.value(1), to), flat;
  Dims tuple(to.begin(), to.end() - 1);
  for (int64_t k = 0; k < *width; ++k) {
    Value part = e.reshape(e.sliceAxis(index, indexRank - 1, Dim(k), Dim(1)), tuple);
    const Dim &size = from[batch + k];
    Value moved = e.add(part, e.dimValue(size, e.type(part)));
    part = e.select(e.compare(Compare::Lt, part, e.like(part, 0)), moved, part);
    flat = flat ? e.add(e.mul(flat, e.dimValue(size, e.type(part))), part) : part;
  }
  llvm::ArrayRef<Dim> all(from);
  Dims folded(from.begin(), from.begin() + batch);
  folded.push_back(graph::elementCount(all.slice(batch, *width)));
  folded.append(from.begin() + batch + *width, from.end());
  n.result(graph::gather(e.b, e.loc, e.reshape(data, folded), flat, batch, batch), n.type(0));
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Gather", 1, newest, 2, 2, anyType, gather},
    {"", "GatherElements", 11, newest, 2, 2, anyType, gatherElements},
    {"", "GatherND", 11, newest, 2, 2, anyType, gatherND},
};

} // namespace

llvm::ArrayRef<OpRow> gatherOps() { return rows; }

} // namespace dlc::import
