// Register layouts of tensor-core operands, as data: one row per instruction shape.
//
// Source: PTX ISA, "Matrix fragments for mma" of each shape. A is M x K (row), B is K x N (col), C and D are
// M x N. One warp holds a fragment; a CTA's tile is fragments repeated over registers and warps
// (`fragmentTile`).
#pragma once

#include "ir/layout/layout.h"

namespace dlc {

struct MmaShape {
  const char *name; // as in PTX: m16n8k16
  int64_t m, n, k;
  int64_t operandBits; // of an element of A and B; the accumulator has 32
  /// Fragments of one warp, shapes {m, k}, {k, n}, {m, n}.
  Layout a, b, c;
};

/// All shapes: m16n8k16 for 16-bit operands (f16, bf16) and m16n8k8 for tf32.
const std::vector<MmaShape> &mmaShapes();
/// The row for operands of that many bits (16, or 32 for tf32); null when there is none.
const MmaShape *mmaShapeFor(int64_t operandBits);

/// How the warps of a CTA are spread over a tile: digits of the warp index, fastest first. A digit with a dim
/// splits it into `count` contiguous blocks; one without lets `count` warps hold the same.
struct WarpDigit {
  int64_t count = 1;
  std::optional<size_t> dim;
};

/// A tile of `shape` made of copies of a warp's fragment: each warp owns one block, in which the fragment is
/// repeated in registers, along `fastest` first. Nothing when the fragment times the warps does not divide
/// the shape.
///
///   // A operand of a 128 x 32 tile for 2 x 4 warps: 2 warps along m, 4 along n hold the same rows.
///   fragmentTile(shape.a, {128, 32}, {{2, 0}, {4, std::nullopt}})
std::optional<Layout> fragmentTile(const Layout &fragment, const std::vector<int64_t> &shape,
                                   const std::vector<WarpDigit> &warps, size_t fastest = 0);

/// Loading registers with ldmatrix: 8x8 matrices of 16-bit pairs, whose rows of 16 bytes lie in shared
/// memory.
struct MatrixAccess {
  bool transposed;              // ldmatrix.trans
  int64_t registersPerMatrix;   // elements of a lane's 32 bits: 2 of 16 bits or 1 of 32
  int64_t matrices;             // per warp; any four (two, one) neighbours make an .x4 (.x2, .x1)
  size_t rowDim, contiguousDim; // of the tile; a matrix is 8 rows of 16 bytes along contiguousDim
};
/// Whether ldmatrix (or stmatrix) moves a layout's registers, for a tile whose rows along `contiguousDim` are
/// contiguous in shared memory. Follows from the digits: register pair, 4 lanes and 8 lanes must be the
/// instruction's.
std::optional<MatrixAccess> matrixAccess(const Layout &layout, size_t contiguousDim, int64_t elementBits);
/// The element at which the row starts that `lane` addresses for the matrices first, first + 1, ... of
/// `warp`.
Layout::Coordinates matrixRow(const Layout &layout, const MatrixAccess &access, int64_t first, int64_t lane,
                              int64_t warp);

} // namespace dlc
