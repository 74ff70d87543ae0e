#include "ir/layout/mma_layout.h"

namespace dlc {

const std::vector<MmaShape> &mmaShapes() {
  // With g = lane / 4 and q = lane % 4, elements in register order:
  //   16 bits   A: (g, 2q..2q+1), (g+8, 2q..), (g, 2q+8..), (g+8, 2q+8..)   B: (2q..2q+1, g), (2q+8.., g)
  //   tf32      A: (g, q), (g+8, q), (g, q+4), (g+8, q+4)                   B: (q, g), (q+4, g)
  //   C and D   (g, 2q..2q+1), (g+8, 2q..2q+1)
  static const std::vector<MmaShape> shapes = [] {
    Layout c({16, 8}, {{2, {0, 1}}, {2, {8, 0}}}, {{4, {0, 2}}, {8, {1, 0}}}, {});
    return std::vector<MmaShape>{
        {"m16n8k16", 16, 8, 16, 16,
         Layout({16, 16}, {{2, {0, 1}}, {2, {8, 0}}, {2, {0, 8}}}, {{4, {0, 2}}, {8, {1, 0}}}, {}),
         Layout({16, 8}, {{2, {1, 0}}, {2, {8, 0}}}, {{4, {2, 0}}, {8, {0, 1}}}, {}), c},
        {"m16n8k8", 16, 8, 8, 32, Layout({16, 8}, {{2, {8, 0}}, {2, {0, 4}}}, {{4, {0, 1}}, {8, {1, 0}}}, {}),
         Layout({8, 8}, {{2, {4, 0}}}, {{4, {1, 0}}, {8, {0, 1}}}, {}), c},
    };
  }();
  return shapes;
}

const MmaShape *mmaShapeFor(int64_t operandBits) {
  for (const MmaShape &shape : mmaShapes())
    if (shape.operandBits == operandBits) return &shape;
  return nullptr;
}

std::optional<Layout> fragmentTile(const Layout &fragment, const std::vector<int64_t> &shape,
                                   const std::vector<WarpDigit> &warps, size_t fastest) {
  size_t rank = fragment.rank();
  if (shape.size() != rank || fastest >= rank || !fragment.warps().empty()) return std::nullopt;
  std::vector<int64_t> block = shape; // of one warp
  for (const WarpDigit &digit : warps) {
    if (!digit.dim) continue;
    if (*digit.dim >= rank || digit.count < 1 || block[*digit.dim] % digit.count != 0) return std::nullopt;
    block[*digit.dim] /= digit.count;
  }
  for (size_t d = 0; d < rank; ++d)
    if (block[d] == 0 || block[d] % fragment.shape()[d] != 0) return std::nullopt;

  Layout tile = fragment.repeat(fastest, block[fastest] / fragment.shape()[fastest]);
  for (size_t d = 0; d < rank; ++d)
    if (d != fastest) tile = tile.repeat(d, block[d] / fragment.shape()[d]);
  std::vector<LayoutDigit> warpDigits;
  std::vector<int64_t> done = block;
  for (const WarpDigit &digit : warps) {
    LayoutDigit next{digit.count, std::vector<int64_t>(rank, 0)};
    if (digit.dim) {
      next.offset[*digit.dim] = done[*digit.dim];
      done[*digit.dim] *= digit.count;
    }
    if (digit.count > 1) warpDigits.push_back(std::move(next));
  }
  return Layout(shape, tile.registers(), tile.lanes(), std::move(warpDigits));
}

/// digits[i] is `count` steps of `offset` along `dim`.
static bool isStep(const std::vector<LayoutDigit> &digits, size_t i, int64_t count, size_t dim,
                   int64_t offset) {
  if (i >= digits.size() || digits[i].count != count) return false;
  for (size_t d = 0; d < digits[i].offset.size(); ++d)
    if (digits[i].offset[d] != (d == dim ? offset : 0)) return false;
  return true;
}

std::optional<MatrixAccess> matrixAccess(const Layout &layout, size_t contiguousDim, int64_t elementBits) {
  if (layout.rank() != 2 || contiguousDim > 1 || layout.numLanes() != 32) return std::nullopt;
  size_t rowDim = 1 - contiguousDim;
  // Each lane of a matrix holds 32 bits of a row: lanes 0..3 a row's quarters, lane / 4 the row. The
  // transposed form swaps rows and columns, which it can do for elements of 16 bits only.
  for (bool transposed : {false, true}) {
    size_t along = transposed ? rowDim : contiguousDim, across = 1 - along;
    int64_t pair = elementBits == 16 ? 2 : elementBits == 32 && !transposed ? 1 : 0;
    if (!pair || (pair == 2 && !isStep(layout.registers(), 0, 2, along, 1))) continue;
    if (!isStep(layout.lanes(), 0, 4, along, pair) || !isStep(layout.lanes(), 1, 8, across, 1)) continue;
    return MatrixAccess{transposed, pair, layout.numRegisters() / pair, rowDim, contiguousDim};
  }
  return std::nullopt;
}

Layout::Coordinates matrixRow(const Layout &layout, const MatrixAccess &access, int64_t first, int64_t lane,
                              int64_t warp) {
  Layout::Coordinates at = layout.coordinates((first + lane / 8) * access.registersPerMatrix, 0, warp);
  at[access.rowDim] += lane % 8;
  return at;
}

} // namespace dlc
