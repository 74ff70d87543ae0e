#include "ir/tile/dot_kinds.h"

namespace dlc::tile {

static const DotKind kinds[] = {
    {"f16", "mma.m16n8k16.row.col.f32.f32", 16, 16, true},
    {"bf16", "mma.m16n8k16.row.col.bf16", 16, 16, false},
    {"tf32", "mma.m16n8k8.row.col.tf32", 32, 8, false},
};

llvm::ArrayRef<DotKind> dotKinds() { return kinds; }

const DotKind *findDotKind(llvm::StringRef name) {
  for (const DotKind &kind : kinds)
    if (name == kind.name) return &kind;
  return nullptr;
}

static const MmaShape &shapeOf(const DotKind &kind) { return *mmaShapeFor(kind.elementBits); }

// Warps are numbered along N first; those along the other dim hold the same elements.
static Layout tileOf(const Layout &fragment, std::vector<int64_t> shape, const WarpGrid &grid, bool alongM,
                     bool alongN, size_t fastest) {
  WarpDigit n{grid.warpsN, alongN ? std::optional<size_t>(1) : std::nullopt},
      m{grid.warpsM, alongM ? std::optional<size_t>(0) : std::nullopt};
  return *fragmentTile(fragment, shape, {n, m}, fastest);
}

Layout fragmentA(const DotKind &kind, const WarpGrid &grid) {
  return tileOf(shapeOf(kind).a, {grid.warpsM * grid.warpM, kind.k}, grid, true, false, 0);
}

Layout fragmentB(const DotKind &kind, const WarpGrid &grid) {
  return tileOf(shapeOf(kind).b, {kind.k, grid.warpsN * grid.warpN}, grid, false, true, 1);
}

Layout fragmentC(const WarpGrid &grid) {
  // All shapes have the same accumulator.
  return tileOf(mmaShapes()[0].c, {grid.warpsM * grid.warpM, grid.warpsN * grid.warpN}, grid, true, true, 1);
}

} // namespace dlc::tile
