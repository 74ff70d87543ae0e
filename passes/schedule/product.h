// Contractions as matrix products: what the families of matrix products have in common.
#pragma once

#include "ir/tile/dot_kinds.h"
#include "passes/schedule/schedule.h"

namespace dlc::schedule {

/// C[b, m, n] = sum over k of A[b, m, k] * B[b, k, n]: the flattened dims of a dot or a convolution, and
/// where elements lie.
struct Product {
  mlir::Value lhs, rhs, result;
  Dim batch, m, n, k;
  Dim lhsRun,
      rhsRun; // extents of the innermost dims of m and n: rows that are neighbours in memory, if any are
  llvm::SmallVector<Dim> kDims; // what k was flattened from, innermost last
  const tile::DotKind *kind;
  bool split; // three tf32 products for one of fp32
  /// The coordinates of an operand's element; conditions under which it is not zero are added to `guards`.
  std::function<Emitter::Coords(bool isLhs, Dim batch, Dim row, Dim k, llvm::SmallVector<Dim> &guards)>
      operandAt;
  std::function<Emitter::Coords(Dim batch, Dim row, Dim column)> resultAt;
};

/// The product at the heart of a region with one dot or convolution, when a row of ir/tile/dot_kinds
/// multiplies its elements. For other regions `why` says what does not fit.
std::optional<Product> findProduct(const CanonicalRegion &region, std::string &why);
/// The same, when the target gains from tensor cores.
std::optional<Product> matchProduct(const CanonicalRegion &region, const TargetRecord &target,
                                    std::string &why);
/// A block of k among the dims that k was flattened from: a convolution's filter tap and its channels.
struct BlockPlace {
  Dim block; ///< its number
  Dim first; ///< the place in k of its first element
  /// The scalars that `first` has of inner dims, without mod, by those of outer ones and the block's number:
  /// where memory goes on from one dim to the next, offsets made of them lose the scalars.
  std::map<std::string, Dim> steps;
};

/// The place of a block of `size`, with a scalar for each dim where blocks never straddle the innermost one.
BlockPlace placeBlock(Emitter &emitter, const Product &product, const Dim &block, int64_t size);
/// Whether every result can be computed from tiles of the product at coordinates that lead back to it.
bool canEmitResults(const CanonicalRegion &region, const Product &product);

} // namespace dlc::schedule
