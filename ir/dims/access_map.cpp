// Algebra and queries of access maps. Factories are in access_map_factories.cpp.
#include "ir/dims/access_map.h"

#include <algorithm>

namespace dlc {

using Piece = AccessMap::Piece;

//===-- Composition
//-----------------------------------------------------------------------------------------------===//

namespace {

std::vector<Dim> substituted(const std::vector<Dim> &dims, const std::map<std::string, Dim> &values) {
  std::vector<Dim> result;
  for (const Dim &dim : dims) result.push_back(dim.substitute(values));
  return result;
}

std::map<std::string, Dim> bindIndices(const std::vector<Dim> &index) {
  std::map<std::string, Dim> values;
  for (size_t d = 0; d < index.size(); ++d) values["%" + std::to_string(d)] = index[d];
  return values;
}

/// `inner` seen through `outer`, a piece that reads the operand at outer.index.
std::optional<Piece> throughPiece(const Piece &outer, const Piece &inner) {
  std::map<std::string, Dim> values = bindIndices(outer.index);
  Piece result = inner;
  result.guards = outer.guards;
  for (const Dim &guard : inner.guards) result.guards.push_back(guard.substitute(values));
  result.index = substituted(inner.index, values);
  if (inner.indirect) {
    if (outer.indirect) return std::nullopt;
    result.indirect->position = substituted(inner.indirect->position, values);
    result.indirect->extent = inner.indirect->extent.substitute(values);
  } else {
    result.indirect = outer.indirect;
  }
  return result;
}

bool usesGathered(const Piece &piece) {
  for (const Dim &dim : piece.index)
    if (dim.uses("%g")) return true;
  for (const Dim &dim : piece.guards)
    if (dim.uses("%g")) return true;
  return false;
}

} // namespace

std::optional<AccessMap> AccessMap::compose(Operand operand, const AccessMap &inner) const {
  AccessMap result(outputShape, {}, fillBits);
  for (Piece outer : pieceList) {
    if (outer.indirect && outer.indirect->operand == operand) {
      const Piece *direct = inner.single();
      if (!direct) return std::nullopt;
      outer.indirect->position = substituted(direct->index, bindIndices(outer.indirect->position));
      outer.indirect->operand = *direct->operand;
    }
    if (outer.operand != operand) {
      result.pieceList.push_back(std::move(outer));
      continue;
    }
    for (const Piece &piece : inner.pieceList) {
      std::optional<Piece> through = throughPiece(outer, piece);
      if (!through) return std::nullopt;
      if (!usesGathered(*through)) through->indirect.reset();
      result.pieceList.push_back(std::move(*through));
    }
    if (inner.fillBits) {
      Piece rest;
      rest.guards = outer.guards;
      rest.bits = *inner.fillBits;
      rest.indirect = outer.indirect;
      if (!usesGathered(rest)) rest.indirect.reset();
      result.pieceList.push_back(std::move(rest));
    }
  }
  if (result.pieceList.size() > maxPieces) return std::nullopt;
  return result;
}

AccessMap AccessMap::renumber(const std::function<Operand(Operand)> &number) const {
  AccessMap result = *this;
  for (Piece &piece : result.pieceList) {
    if (piece.operand) piece.operand = number(*piece.operand);
    if (piece.indirect) piece.indirect->operand = number(piece.indirect->operand);
  }
  return result;
}

//===-- Simplification
//--------------------------------------------------------------------------------------------===//

DimFacts AccessMap::factsOf(const DimFacts &sizes, const Piece *piece) const {
  DimFacts facts = sizes;
  for (size_t d = 0; d < outputShape.size(); ++d) facts.declareIndex("%" + std::to_string(d), outputShape[d]);
  if (piece && piece->indirect) facts.declareIndex("%g", piece->indirect->extent);
  return facts;
}

namespace {

/// The piece with guards that decide nothing removed; nothing when it can't be reached.
std::optional<Piece> simplifyPiece(const AccessMap &map, Piece piece, const DimFacts &sizes) {
  DimFacts facts = map.factsOf(sizes, &piece);
  std::vector<Dim> guards;
  for (const Dim &guard : piece.guards) {
    Dim simple = facts.simplify(guard);
    if (facts.proveNonNegative(-simple - 1)) return std::nullopt;
    if (facts.proveNonNegative(simple) || std::find(guards.begin(), guards.end(), simple) != guards.end())
      continue;
    guards.push_back(simple);
    facts.assume(simple);
  }
  piece.guards = std::move(guards);
  for (Dim &dim : piece.index) dim = facts.simplify(dim);
  if (!piece.operand) piece.index.clear();
  if (piece.indirect) {
    for (Dim &dim : piece.indirect->position) dim = facts.simplify(dim);
    if (!usesGathered(piece)) piece.indirect.reset();
  }
  return piece;
}

bool sameSource(const Piece &a, const Piece &b) {
  return a.operand == b.operand && a.index == b.index && a.bits == b.bits && a.indirect == b.indirect;
}

} // namespace

AccessMap AccessMap::simplify(const DimFacts &sizes) const {
  AccessMap result(outputShape, {}, fillBits);
  for (const Piece &piece : pieceList) {
    std::optional<Piece> simple = simplifyPiece(*this, piece, sizes);
    if (!simple) continue;
    bool decides = simple->guards.empty();
    result.pieceList.push_back(std::move(*simple));
    if (!decides) continue;
    // What follows is never reached.
    result.fillBits.reset();
    break;
  }
  // A guarded piece in front of an unguarded one with the same source adds nothing.
  auto &list = result.pieceList;
  while (list.size() > 1 && list.back().guards.empty() && sameSource(list[list.size() - 2], list.back()))
    list.erase(list.end() - 2);
  // A constant for all the rest is the fill.
  if (!list.empty() && !result.fillBits && list.back().guards.empty() && !list.back().operand) {
    result.fillBits = list.back().bits;
    list.pop_back();
  }
  return result;
}

//===-- Queries
//---------------------------------------------------------------------------------------------------===//

const Piece *AccessMap::single() const {
  if (pieceList.size() != 1) return nullptr;
  const Piece &piece = pieceList[0];
  return piece.guards.empty() && piece.operand && !piece.indirect ? &piece : nullptr;
}

static std::optional<size_t> outputDimOf(const Dim &index, size_t rank) {
  for (size_t d = 0; d < rank; ++d)
    if (index == AccessMap::index(d)) return d;
  return std::nullopt;
}

std::optional<std::vector<std::optional<size_t>>> AccessMap::projection() const {
  const Piece *piece = single();
  if (!piece) return std::nullopt;
  std::vector<std::optional<size_t>> result;
  for (const Dim &dim : piece->index) {
    std::optional<size_t> from = outputDimOf(dim, outputShape.size());
    if (!from && !dim.isConstant(0)) return std::nullopt;
    if (from && std::find(result.begin(), result.end(), from) != result.end()) return std::nullopt;
    result.push_back(from);
  }
  return result;
}

std::optional<std::vector<size_t>> AccessMap::permutation() const {
  auto dims = projection();
  if (!dims || dims->size() != outputShape.size()) return std::nullopt;
  std::vector<size_t> result;
  for (auto &dim : *dims) {
    if (!dim) return std::nullopt;
    result.push_back(*dim);
  }
  return result;
}

bool AccessMap::isIdentity() const {
  auto dims = permutation();
  return dims && std::is_sorted(dims->begin(), dims->end());
}

std::optional<AccessMap> AccessMap::inverse() const {
  auto dims = permutation();
  if (!dims) return std::nullopt;
  Piece piece;
  piece.operand = single()->operand;
  piece.index.resize(dims->size());
  std::vector<Dim> shape;
  for (size_t d = 0; d < dims->size(); ++d) {
    shape.push_back(outputShape[(*dims)[d]]);
    piece.index[(*dims)[d]] = index(d);
  }
  return AccessMap(std::move(shape), {piece});
}

static std::optional<std::vector<int64_t>> evaluateAll(const std::vector<Dim> &dims,
                                                       const std::map<std::string, int64_t> &values) {
  std::vector<int64_t> result;
  for (const Dim &dim : dims) {
    std::optional<int64_t> value = dim.evaluate(values);
    if (!value) return std::nullopt;
    result.push_back(*value);
  }
  return result;
}

std::optional<AccessMap::Location> AccessMap::locate(const std::vector<int64_t> &index,
                                                     const std::map<std::string, int64_t> &sizes,
                                                     const ReadIndex &gather) const {
  std::map<std::string, int64_t> values = sizes;
  for (size_t d = 0; d < index.size(); ++d) values["%" + std::to_string(d)] = index[d];
  for (const Piece &piece : pieceList) {
    values.erase("%g");
    bool taken = true, defined = true;
    auto test = [&](bool gathered) {
      for (const Dim &guard : piece.guards) {
        if (!taken || !defined || guard.uses("%g") != gathered) continue;
        std::optional<int64_t> value = guard.evaluate(values);
        defined = value.has_value();
        taken = defined && *value >= 0;
      }
    };
    test(false);
    if (taken && defined && piece.indirect) {
      auto position = evaluateAll(piece.indirect->position, values);
      if (!position || !gather) return std::nullopt;
      values["%g"] = gather(piece.indirect->operand, *position);
      test(true);
    }
    if (!defined) return std::nullopt;
    if (!taken) continue;
    auto at = evaluateAll(piece.index, values);
    if (!at) return std::nullopt;
    return Location{piece.operand, std::move(*at), piece.bits};
  }
  if (!fillBits) return std::nullopt;
  return Location{std::nullopt, {}, *fillBits};
}

static std::string list(const std::vector<Dim> &dims, const char *suffix = "") {
  std::string text;
  for (const Dim &dim : dims) text += (text.empty() ? "" : ", ") + dim.str() + suffix;
  return text;
}

static std::string hex(uint64_t bits) {
  std::string text;
  do text.insert(text.begin(), "0123456789abcdef"[bits & 15]);
  while (bits >>= 4);
  return "0x" + text;
}

std::string AccessMap::str() const {
  std::string text = "[" + list(outputShape) + "] ->";
  for (const Piece &piece : pieceList) {
    text += &piece == &pieceList[0] ? " " : ", ";
    if (!piece.guards.empty()) text += "(" + list(piece.guards, " >= 0") + ") ";
    text += piece.operand ? "$" + std::to_string(*piece.operand) + "[" + list(piece.index) + "]"
                          : "fill " + hex(piece.bits);
    if (piece.indirect)
      text += " with %g = $" + std::to_string(piece.indirect->operand) + "[" +
              list(piece.indirect->position) + "]";
  }
  if (fillBits) text += (pieceList.empty() ? " fill " : " else fill ") + hex(*fillBits);
  return text;
}

//===-- Memory order
//----------------------------------------------------------------------------------------------===//

std::vector<Dim> rowMajorStrides(const std::vector<Dim> &shape) {
  std::vector<Dim> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

Dim linearOffset(const std::vector<Dim> &index, const std::vector<Dim> &strides) {
  Dim offset;
  for (size_t d = 0; d < index.size() && d < strides.size(); ++d) offset += index[d] * strides[d];
  return offset;
}

std::optional<Dim> strideAlong(const AccessMap &map, const Piece &piece, size_t dim,
                               const std::vector<Dim> &strides, const DimFacts &sizes) {
  if (!piece.operand || dim >= map.shape().size()) return std::nullopt;
  if (map.shape()[dim].isConstant(1)) return Dim(0); // no neighbour
  // An index that has a successor.
  DimFacts facts = map.factsOf(sizes, &piece);
  if (piece.indirect)
    for (const Dim &position : piece.indirect->position)
      if (position.uses("%" + std::to_string(dim)) && usesGathered(piece)) return std::nullopt;
  facts.declareIndex("%" + std::to_string(dim), map.shape()[dim] - 1);
  Dim offset = linearOffset(piece.index, strides), at = AccessMap::index(dim);
  Dim step =
      facts.simplify(facts.simplify(offset.substitute({{at.symbolName(), at + 1}})) - facts.simplify(offset));
  for (const std::string &name : step.symbols())
    if (name[0] == '%') return std::nullopt;
  return step;
}

namespace {

/// Whether a guard has one answer for each aligned group of `width` neighbours. `first` is the guard at the
/// first of the group, `any` at any of them.
bool isUniform(const DimFacts &facts, const Dim &first, const Dim &any) {
  if (first == any) return true;
  DimFacts holds = facts, fails = facts;
  holds.assume(first);
  fails.assume(-first - 1);
  return holds.proveNonNegative(any) && fails.proveNonNegative(-any - 1);
}

bool isVector(const AccessMap &map, const Piece &piece, size_t dim, const std::vector<Dim> &strides,
              int64_t width, const DimFacts &sizes) {
  // %dim == width * %group + %within
  DimFacts facts = map.factsOf(sizes, &piece);
  std::string name = "%" + std::to_string(dim);
  Dim group = Dim::symbol("%group"), within = Dim::symbol("%within");
  facts.declareIndex("%group", ceilDiv(map.shape()[dim], width));
  facts.declareIndex("%within", width);
  std::map<std::string, Dim> first = {{name, group * width}}, any = {{name, group * width + within}};
  if (piece.indirect)
    for (const Dim &position : piece.indirect->position)
      if (!facts.proveEqual(position.substitute(first), position.substitute(any))) return false;
  for (const Dim &guard : piece.guards)
    if (!isUniform(facts, facts.simplify(guard.substitute(first)), facts.simplify(guard.substitute(any))))
      return false;
  for (const Dim &guard : piece.guards) facts.assume(guard.substitute(any));
  Dim offset = linearOffset(piece.index, strides);
  Dim start = facts.simplify(offset.substitute(first));
  return facts.proveEqual(offset.substitute(any), start + within) && facts.isMultipleOf(start, width);
}

} // namespace

int64_t vectorWidth(const AccessMap &map, const Piece &piece, size_t dim, const std::vector<Dim> &strides,
                    int64_t limit, const DimFacts &sizes) {
  if (!piece.operand || dim >= map.shape().size()) return 1;
  int64_t width = 1;
  while (width * 2 <= limit) width *= 2;
  for (; width > 1; width /= 2)
    if (isVector(map, piece, dim, strides, width, sizes)) return width;
  return 1;
}

} // namespace dlc
