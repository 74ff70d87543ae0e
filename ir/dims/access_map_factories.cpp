// The access maps of single operations.
#include "ir/dims/access_map.h"

namespace dlc {

using Piece = AccessMap::Piece;

static Piece direct(AccessMap::Operand operand, std::vector<Dim> index) {
  Piece piece;
  piece.operand = operand;
  piece.index = std::move(index);
  return piece;
}

AccessMap AccessMap::identity(std::vector<Dim> shape, Operand operand) {
  std::vector<Dim> at;
  for (size_t d = 0; d < shape.size(); ++d) at.push_back(index(d));
  return AccessMap(std::move(shape), {direct(operand, std::move(at))});
}

AccessMap AccessMap::broadcast(std::vector<Dim> shape, const std::vector<Dim> &operandShape,
                               const std::vector<size_t> &dims, Operand operand) {
  std::vector<Dim> at;
  for (size_t d = 0; d < operandShape.size(); ++d)
    at.push_back(operandShape[d].isConstant(1) ? Dim(0) : index(dims[d]));
  return AccessMap(std::move(shape), {direct(operand, std::move(at))});
}

AccessMap AccessMap::broadcast(std::vector<Dim> shape, const std::vector<Dim> &operandShape,
                               Operand operand) {
  std::vector<size_t> dims;
  for (size_t d = 0; d < operandShape.size(); ++d) dims.push_back(shape.size() - operandShape.size() + d);
  return broadcast(std::move(shape), operandShape, dims, operand);
}

AccessMap AccessMap::transpose(const std::vector<Dim> &operandShape, const std::vector<size_t> &permutation,
                               Operand operand) {
  std::vector<Dim> shape, at(permutation.size());
  for (size_t d = 0; d < permutation.size(); ++d) {
    shape.push_back(operandShape[permutation[d]]);
    at[permutation[d]] = index(d);
  }
  return AccessMap(std::move(shape), {direct(operand, std::move(at))});
}

AccessMap AccessMap::slice(std::vector<Dim> shape, const std::vector<Dim> &starts,
                           const std::vector<Dim> &steps, Operand operand) {
  std::vector<Dim> at;
  for (size_t d = 0; d < shape.size(); ++d) at.push_back(starts[d] + steps[d] * index(d));
  return AccessMap(std::move(shape), {direct(operand, std::move(at))});
}

static std::vector<Dim> paddedShape(const std::vector<Dim> &shape, const std::vector<Dim> &low,
                                    const std::vector<Dim> &high) {
  std::vector<Dim> result;
  for (size_t d = 0; d < shape.size(); ++d) result.push_back(shape[d] + low[d] + high[d]);
  return result;
}

AccessMap AccessMap::pad(const std::vector<Dim> &operandShape, const std::vector<Dim> &low,
                         const std::vector<Dim> &high, uint64_t fill, Operand operand) {
  Piece piece = direct(operand, {});
  bool guarded = false;
  for (size_t d = 0; d < operandShape.size(); ++d) {
    Dim at = index(d) - low[d];
    piece.index.push_back(at);
    if (low[d].isConstant(0) && high[d].isConstant(0)) continue;
    piece.guards.push_back(at);
    piece.guards.push_back(operandShape[d] - 1 - at);
    guarded = true;
  }
  return AccessMap(paddedShape(operandShape, low, high), {piece},
                   guarded ? std::optional<uint64_t>(fill) : std::nullopt);
}

AccessMap AccessMap::padBorder(const std::vector<Dim> &operandShape, const std::vector<Dim> &low,
                               const std::vector<Dim> &high, Border border, Operand operand) {
  std::vector<Dim> at;
  for (size_t d = 0; d < operandShape.size(); ++d) {
    const Dim &extent = operandShape[d];
    Dim from = index(d) - low[d];
    if (low[d].isConstant(0) && high[d].isConstant(0)) {
      at.push_back(from);
    } else if (border == Border::Edge) {
      at.push_back(max(min(from, extent - 1), 0));
    } else if (border == Border::Wrap) {
      at.push_back(mod(from, extent));
    } else {
      // A mirror has the period 2 * (extent - 1); a single element is its own mirror image.
      Dim period = max((extent - 1) * 2, 1), phase = mod(from, period);
      at.push_back(extent.isConstant(1) ? Dim(0) : min(phase, (extent - 1) * 2 - phase));
    }
  }
  return AccessMap(paddedShape(operandShape, low, high), {direct(operand, std::move(at))});
}

AccessMap AccessMap::concat(const std::vector<std::vector<Dim>> &shapes, size_t axis, Operand first) {
  std::vector<Dim> shape = shapes.empty() ? std::vector<Dim>() : shapes[0];
  std::vector<Piece> pieces;
  Dim start;
  for (size_t k = 0; k < shapes.size(); ++k) {
    std::vector<Dim> at;
    for (size_t d = 0; d < shape.size(); ++d) at.push_back(d == axis ? index(d) - start : index(d));
    Piece piece = direct(first + Operand(k), at);
    piece.guards = {at[axis], shapes[k][axis] - 1 - at[axis]};
    pieces.push_back(std::move(piece));
    start += shapes[k][axis];
  }
  if (!shape.empty()) shape[axis] = start;
  return AccessMap(std::move(shape), std::move(pieces));
}

/// Ends of groups of dims with equal products in both shapes: pairs (dims of a, dims of b) from the front.
static std::vector<std::pair<size_t, size_t>> matchGroups(const std::vector<Dim> &a,
                                                          const std::vector<Dim> &b, const DimFacts &facts) {
  std::vector<Dim> products = {1};
  for (const Dim &dim : b) products.push_back(products.back() * dim);
  std::vector<std::pair<size_t, size_t>> ends;
  size_t from = 0;
  Dim left = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    left *= a[i];
    for (size_t j = from + 1; j < products.size(); ++j)
      if (facts.proveEqual(products[j], left)) {
        ends.push_back({i + 1, j});
        from = j;
        break;
      }
  }
  // The last group takes everything that is left.
  if (ends.empty()) ends.push_back({a.size(), b.size()});
  ends.back() = {a.size(), b.size()};
  return ends;
}

AccessMap AccessMap::reshape(std::vector<Dim> shape, const std::vector<Dim> &operandShape,
                             const DimFacts &facts, Operand operand) {
  DimFacts indexed = AccessMap(shape, {}).factsOf(facts);
  std::vector<Dim> at(operandShape.size());
  size_t a = 0, b = 0;
  for (auto [aEnd, bEnd] : matchGroups(shape, operandShape, facts)) {
    Dim linear;
    for (size_t d = a; d < aEnd; ++d) linear = linear * shape[d] + index(d);
    // From the last dim to the first: the first needs no remainder, the linear index is in range.
    for (size_t d = bEnd; d-- > b;) {
      // A tensor without elements has no index; any will do.
      Dim extent = operandShape[d].isConstant(0) ? Dim(1) : operandShape[d];
      at[d] = indexed.simplify(d > b ? mod(linear, extent) : linear);
      linear = indexed.simplify(floorDiv(linear, extent));
    }
    a = aEnd, b = bEnd;
  }
  return AccessMap(std::move(shape), {direct(operand, std::move(at))});
}

AccessMap AccessMap::gather(const std::vector<Dim> &operandShape, const std::vector<Dim> &indicesShape,
                            size_t axis, size_t batchDims, Operand operand, Operand indices) {
  size_t picked = indicesShape.size() - batchDims; // dims of the output in place of the axis
  std::vector<Dim> shape(operandShape.begin(), operandShape.begin() + axis);
  shape.insert(shape.end(), indicesShape.begin() + batchDims, indicesShape.end());
  shape.insert(shape.end(), operandShape.begin() + axis + 1, operandShape.end());
  Piece piece = direct(operand, {});
  for (size_t d = 0; d < operandShape.size(); ++d)
    piece.index.push_back(d < axis ? index(d) : d == axis ? gathered() : index(d - 1 + picked));
  piece.indirect = Indirect{indices, {}, operandShape[axis]};
  for (size_t d = 0; d < indicesShape.size(); ++d)
    piece.indirect->position.push_back(index(d < batchDims ? d : axis + d - batchDims));
  return AccessMap(std::move(shape), {piece});
}

AccessMap AccessMap::gatherElements(const std::vector<Dim> &operandShape,
                                    const std::vector<Dim> &indicesShape, size_t axis, Operand operand,
                                    Operand indices) {
  Piece piece = direct(operand, {});
  piece.indirect = Indirect{indices, {}, operandShape[axis]};
  for (size_t d = 0; d < operandShape.size(); ++d) {
    piece.index.push_back(d == axis ? gathered() : index(d));
    piece.indirect->position.push_back(index(d));
  }
  return AccessMap(indicesShape, {piece});
}

} // namespace dlc
