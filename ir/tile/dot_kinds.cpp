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

static void add(std::vector<LayoutDigit> &digits, int64_t count, int64_t row, int64_t column) {
  if (count > 1) digits.push_back({count, {row, column}});
}

static std::vector<LayoutDigit> warpDigits(const WarpGrid &grid, bool alongM, bool alongN) {
  std::vector<LayoutDigit> warp;
  add(warp, grid.warpsN, 0, alongN ? grid.warpN : 0);
  add(warp, grid.warpsM, alongM ? grid.warpM : 0, 0);
  return warp;
}

// One 32-bit register holds `pack` neighbours along k.
Layout fragmentA(const DotKind &kind, const WarpGrid &grid) {
  int64_t pack = 32 / kind.elementBits;
  std::vector<LayoutDigit> reg, lane{{4, {0, pack}}, {8, {1, 0}}};
  add(reg, pack, 0, 1);
  add(reg, 2, 8, 0);
  add(reg, kind.k / (4 * pack), 0, 4 * pack);
  add(reg, grid.warpM / 16, 16, 0);
  return Layout({grid.warpsM * grid.warpM, kind.k}, reg, lane, warpDigits(grid, true, false));
}

Layout fragmentB(const DotKind &kind, const WarpGrid &grid) {
  int64_t pack = 32 / kind.elementBits;
  std::vector<LayoutDigit> reg, lane{{4, {pack, 0}}, {8, {0, 1}}};
  add(reg, pack, 1, 0);
  add(reg, kind.k / (4 * pack), 4 * pack, 0);
  add(reg, grid.warpN / 8, 0, 8);
  return Layout({kind.k, grid.warpsN * grid.warpN}, reg, lane, warpDigits(grid, false, true));
}

Layout fragmentC(const WarpGrid &grid) {
  std::vector<LayoutDigit> reg{{2, {0, 1}}, {2, {8, 0}}}, lane{{4, {0, 2}}, {8, {1, 0}}};
  add(reg, grid.warpN / 8, 0, 8);
  add(reg, grid.warpM / 16, 16, 0);
  return Layout({grid.warpsM * grid.warpM, grid.warpsN * grid.warpN}, reg, lane,
                warpDigits(grid, true, true));
}

} // namespace dlc::tile
