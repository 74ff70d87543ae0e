// Access maps: which element of which operand an output element is read from.
//
// Broadcast, transpose, slice, pad, concat, reshape, gather and their compositions are all one object: a list
// of pieces over the output index %0, %1, ... The first piece whose guards hold decides; what no piece covers
// gets the fill.
//
//   pad([S], low 1, high 2):         [S + 3] -> (%0 - 1 >= 0, S - %0 >= 0) $0[%0 - 1] else fill 0x0
//   concat([2], [S]):                [S + 2] -> (1 - %0 >= 0) $0[%0], (%0 - 2 >= 0) $1[%0 - 2]
//   reshape([B, S, 768] as [B, S, 12, 64]):  [B, S, 12, 64] -> $0[%0, %1, %2 * 64 + %3]
//   gather rows:                     [N, 768] -> $0[%g, %1] with %g = $1[%0]
//
// Symbols that begin with % are reserved for indices: no size of a model may have such a name (importers
// rename).
#pragma once

#include "ir/dims/dim_facts.h"

#include <functional>

namespace dlc {

class AccessMap {
public:
  /// Compositions that would need more pieces are refused: the caller materialises the value between.
  static constexpr size_t maxPieces = 64;

  /// The number of an operand, chosen by the client; the factories take them as arguments.
  using Operand = int;

  /// %g stands for the element of `operand` at `position`, an integer in [0, extent).
  struct Indirect {
    Operand operand = 0;
    std::vector<Dim> position;
    Dim extent;
    bool operator==(const Indirect &) const = default;
  };

  struct Piece {
    /// Each must be >= 0. Those without %g decide first: the index tensor is read only where they hold.
    std::vector<Dim> guards;
    /// The source: an element of an operand, or without one the constant with these bits of the element type.
    std::optional<Operand> operand;
    std::vector<Dim> index;
    uint64_t bits = 0;
    std::optional<Indirect> indirect; // if the index uses %g
    bool operator==(const Piece &) const = default;
  };

  AccessMap() = default;
  /// Without a fill the pieces together cover the output, so the last one needs no test.
  AccessMap(std::vector<Dim> shape, std::vector<Piece> pieces, std::optional<uint64_t> fill = std::nullopt)
      : outputShape(std::move(shape)), pieceList(std::move(pieces)), fillBits(fill) {}

  static Dim index(size_t dim) { return Dim::symbol("%" + std::to_string(dim)); }
  static Dim gathered() { return Dim::symbol("%g"); }

  const std::vector<Dim> &shape() const { return outputShape; }
  const std::vector<Piece> &pieces() const { return pieceList; }
  std::optional<uint64_t> fill() const { return fillBits; }
  bool operator==(const AccessMap &) const = default;

  //===-- Factories: output shape and index from the operand's shape
  //----------------------------------------------===//

  static AccessMap identity(std::vector<Dim> shape, Operand operand = 0);
  /// Operand dim d is output dim dims[d], or is broadcast where its extent is the constant 1 and the output's
  /// is not.
  static AccessMap broadcast(std::vector<Dim> shape, const std::vector<Dim> &operandShape,
                             const std::vector<size_t> &dims, Operand operand = 0);
  /// The same with dims aligned at the end, as numpy and ONNX do. Precondition: the operand has no more dims.
  static AccessMap broadcast(std::vector<Dim> shape, const std::vector<Dim> &operandShape,
                             Operand operand = 0);
  /// Output dim d is operand dim permutation[d].
  static AccessMap transpose(const std::vector<Dim> &operandShape, const std::vector<size_t> &permutation,
                             Operand operand = 0);
  /// operand[starts + steps * i]; steps may be negative. `shape` is the output's.
  static AccessMap slice(std::vector<Dim> shape, const std::vector<Dim> &starts,
                         const std::vector<Dim> &steps, Operand operand = 0);
  /// Constant padding; negative amounts crop.
  static AccessMap pad(const std::vector<Dim> &operandShape, const std::vector<Dim> &low,
                       const std::vector<Dim> &high, uint64_t fill, Operand operand = 0);
  enum class Border { Edge, Reflect, Wrap };
  /// Padding with the operand's own elements: repeated edge, mirror without the edge itself, or periodic.
  static AccessMap padBorder(const std::vector<Dim> &operandShape, const std::vector<Dim> &low,
                             const std::vector<Dim> &high, Border border, Operand operand = 0);
  /// Operand k is number `first + k`. The shapes agree but for the axis.
  static AccessMap concat(const std::vector<std::vector<Dim>> &shapes, size_t axis, Operand first = 0);
  /// Row-major order is kept. Dims that both shapes share (by prefix products) stay apart, and each group is
  /// split and merged by exact division where that is possible. Precondition: both shapes have the same
  /// number of elements.
  static AccessMap reshape(std::vector<Dim> shape, const std::vector<Dim> &operandShape,
                           const DimFacts &facts, Operand operand = 0);
  /// operand[..., indices[...], ...]: the axis is replaced by the dims of the index tensor, whose first
  /// `batchDims` dims are the operand's own. Values are in range.
  static AccessMap gather(const std::vector<Dim> &operandShape, const std::vector<Dim> &indicesShape,
                          size_t axis, size_t batchDims = 0, Operand operand = 0, Operand indices = 1);
  /// operand[..., indices[i...], ...] with the output's shape that of the index tensor.
  static AccessMap gatherElements(const std::vector<Dim> &operandShape, const std::vector<Dim> &indicesShape,
                                  size_t axis, Operand operand = 0, Operand indices = 1);

  //===-- Algebra
  //-------------------------------------------------------------------------------------------------===//

  /// This map with `operand`, wherever it is read, replaced by what `inner` reads for it. Nothing when that
  /// needs two indirect terms in one piece, an index tensor read through anything but one unguarded piece, or
  /// too many pieces.
  std::optional<AccessMap> compose(Operand operand, const AccessMap &inner) const;
  AccessMap renumber(const std::function<Operand(Operand)> &number) const;

  /// Drops guards that always hold, pieces that are never reached, and simplifies indices (under their
  /// guards).
  AccessMap simplify(const DimFacts &sizes) const;
  /// `sizes` with the output's indices, and %g of `piece`, declared.
  DimFacts factsOf(const DimFacts &sizes, const Piece *piece = nullptr) const;

  //===-- Queries
  //-------------------------------------------------------------------------------------------------===//

  /// The only piece when it is an operand read without guards and indirection, else null.
  const Piece *single() const;
  bool isIdentity() const;
  /// Output dim of each operand dim, when every output dim is used once and alone.
  std::optional<std::vector<size_t>> permutation() const;
  /// Output dim of each operand dim, or nothing for index 0; when no output dim is used twice.
  std::optional<std::vector<std::optional<size_t>>> projection() const;
  /// From operand index to output index, for a permutation.
  std::optional<AccessMap> inverse() const;

  /// Where an output element comes from under a binding of the sizes; `gather` reads an index tensor.
  /// Nothing when a size is missing or no piece covers the index of a map without fill.
  struct Location {
    std::optional<Operand> operand;
    std::vector<int64_t> index;
    uint64_t bits = 0;
  };
  using ReadIndex = std::function<int64_t(Operand, const std::vector<int64_t> &)>;
  std::optional<Location> locate(const std::vector<int64_t> &index,
                                 const std::map<std::string, int64_t> &sizes,
                                 const ReadIndex &gather = {}) const;

  /// For people: `[S + 3] -> (%0 - 1 >= 0) $0[%0 - 1] else fill 0x0`.
  std::string str() const;

private:
  std::vector<Dim> outputShape;
  std::vector<Piece> pieceList;
  std::optional<uint64_t> fillBits;
};

/// Row-major strides of a shape, in elements.
std::vector<Dim> rowMajorStrides(const std::vector<Dim> &shape);
/// sum(index * strides).
Dim linearOffset(const std::vector<Dim> &index, const std::vector<Dim> &strides);

//===-- Memory order, for vector widths and coalescing
//-------------------------------------------------------------===//

/// How far the operand's address moves, in elements, when output dim `dim` advances by one; nothing when that
/// is not the same everywhere. `strides` are the operand's.
std::optional<Dim> strideAlong(const AccessMap &map, const AccessMap::Piece &piece, size_t dim,
                               const std::vector<Dim> &strides, const DimFacts &sizes);

/// The largest width w, a power of two up to `limit`, such that in each aligned group of w neighbours along
/// `dim` all elements take this piece or none, their addresses are consecutive, and the first is a multiple
/// of w elements (when the operand's base is). Groups that the output's extent cuts are the caller's to mask.
int64_t vectorWidth(const AccessMap &map, const AccessMap::Piece &piece, size_t dim,
                    const std::vector<Dim> &strides, int64_t limit, const DimFacts &sizes);

} // namespace dlc
