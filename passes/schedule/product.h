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
/// Whether every result can be computed from tiles of the product at coordinates that lead back to it.
bool canEmitResults(const CanonicalRegion &region, const Product &product);

} // namespace dlc::schedule
