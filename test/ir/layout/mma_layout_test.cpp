#include "ir/layout/mma_layout.h"
#include "ir/layout/shared_layout.h"
#include "test/ir/layout/layout_checks.h"

namespace dlc {
namespace {

using Coordinates = Layout::Coordinates;

// The fragments as the PTX ISA draws them: per 32-bit register, (row, column) by lane; written apart from the
// digits.
struct Place {
  int64_t row, column;
};

TEST(MmaLayout, FragmentsAreThoseOfThePtxIsa) {
  const MmaShape &half = *mmaShapeFor(16), &tf32 = *mmaShapeFor(32);
  ASSERT_STREQ(half.name, "m16n8k16");
  ASSERT_STREQ(tf32.name, "m16n8k8");
  for (int64_t lane = 0; lane < 32; ++lane) {
    int64_t g = lane / 4, q = lane % 4;
    auto expectPlaces = [&](const Layout &layout, std::vector<Place> places) {
      ASSERT_EQ(layout.numRegisters(), int64_t(places.size()));
      for (size_t r = 0; r < places.size(); ++r)
        EXPECT_EQ(layout.coordinates(int64_t(r), lane, 0), (Coordinates{places[r].row, places[r].column}));
    };
    expectPlaces(half.a, {{g, 2 * q},
                          {g, 2 * q + 1},
                          {g + 8, 2 * q},
                          {g + 8, 2 * q + 1},
                          {g, 2 * q + 8},
                          {g, 2 * q + 9},
                          {g + 8, 2 * q + 8},
                          {g + 8, 2 * q + 9}});
    expectPlaces(half.b, {{2 * q, g}, {2 * q + 1, g}, {2 * q + 8, g}, {2 * q + 9, g}});
    expectPlaces(half.c, {{g, 2 * q}, {g, 2 * q + 1}, {g + 8, 2 * q}, {g + 8, 2 * q + 1}});
    expectPlaces(tf32.a, {{g, q}, {g + 8, q}, {g, q + 4}, {g + 8, q + 4}});
    expectPlaces(tf32.b, {{q, g}, {q + 4, g}});
    expectPlaces(tf32.c, {{g, 2 * q}, {g, 2 * q + 1}, {g + 8, 2 * q}, {g + 8, 2 * q + 1}});
  }
}

TEST(MmaLayout, FragmentsAreBijective) {
  for (const MmaShape &shape : mmaShapes()) {
    EXPECT_EQ(shape.a.shape(), (std::vector<int64_t>{shape.m, shape.k}));
    EXPECT_EQ(shape.b.shape(), (std::vector<int64_t>{shape.k, shape.n}));
    EXPECT_EQ(shape.c.shape(), (std::vector<int64_t>{shape.m, shape.n}));
    for (const Layout *layout : {&shape.a, &shape.b, &shape.c}) {
      EXPECT_TRUE(layout->isInjective());
      EXPECT_TRUE(layout->isSurjective());
      EXPECT_EQ(layout->numLanes(), 32);
    }
  }
}

// An accumulator of the warp's fragments and operands of the same warps fit together: each product of a warp
// reads exactly what the warp holds.
TEST(MmaLayout, TilesOfAnyCountFitTogether) {
  struct Case {
    int64_t bm, bn, bk, wm, wn;
  };
  for (const MmaShape &mma : mmaShapes())
    for (Case t : {Case{128, 128, 32, 2, 4},
                   {64, 96, 32, 2, 3},
                   {128, 160, 16, 4, 1},
                   {48, 192, 64, 3, 2},
                   {16, 8, 16, 1, 1}}) {
      auto a = fragmentTile(mma.a, {t.bm, t.bk}, {{t.wm, 0}, {t.wn, std::nullopt}});
      auto b = fragmentTile(mma.b, {t.bk, t.bn}, {{t.wm, std::nullopt}, {t.wn, 1}});
      auto c = fragmentTile(mma.c, {t.bm, t.bn}, {{t.wm, 0}, {t.wn, 1}});
      ASSERT_TRUE(a && b && c);
      for (const Layout *layout : {&*a, &*b, &*c}) ASSERT_EQ(layout->problem(), "");
      EXPECT_TRUE(c->isInjective());
      EXPECT_EQ(a->replication(), t.wn);
      EXPECT_EQ(b->replication(), t.wm);
      EXPECT_EQ(c->numWarps(), t.wm * t.wn);
      for (int64_t w = 0; w < c->numWarps(); ++w) {
        std::set<int64_t> rowsA, rowsC, columnsB, columnsC;
        for (int64_t l = 0; l < 32; ++l) {
          for (int64_t r = 0; r < a->numRegisters(); ++r) rowsA.insert(a->coordinates(r, l, w)[0]);
          for (int64_t r = 0; r < b->numRegisters(); ++r) columnsB.insert(b->coordinates(r, l, w)[1]);
          for (int64_t r = 0; r < c->numRegisters(); ++r) {
            rowsC.insert(c->coordinates(r, l, w)[0]);
            columnsC.insert(c->coordinates(r, l, w)[1]);
          }
        }
        EXPECT_EQ(rowsA, rowsC);
        EXPECT_EQ(columnsB, columnsC);
      }
    }
  EXPECT_FALSE(fragmentTile(mmaShapes()[0].a, {120, 32}, {{2, 0}}));
  EXPECT_FALSE(fragmentTile(mmaShapes()[0].a, {128, 32}, {{3, 0}}));
  EXPECT_FALSE(fragmentTile(mmaShapes()[0].a, {128}, {}));
}

// What ldmatrix delivers, by its definition: lane i addresses row i % 8 of matrix i / 8; lane l receives from
// each matrix the 32 bits at row l / 4, quarter l % 4 (transposed: of 16-bit elements, row and column
// swapped).
void expectMatrixLoads(const Layout &layout, size_t contiguousDim, int64_t elementBits, bool transposed) {
  auto access = matrixAccess(layout, contiguousDim, elementBits);
  ASSERT_TRUE(access) << layout;
  EXPECT_EQ(access->transposed, transposed);
  EXPECT_EQ(access->matrices * access->registersPerMatrix, layout.numRegisters());
  for (int64_t w = 0; w < layout.numWarps(); ++w)
    for (int64_t first = 0; first < access->matrices; first += 4)
      for (int64_t matrix = first; matrix < std::min(first + 4, access->matrices); ++matrix)
        for (int64_t lane = 0; lane < 32; ++lane)
          for (int64_t e = 0; e < access->registersPerMatrix; ++e) {
            int64_t row = lane / 4, column = lane % 4 * access->registersPerMatrix + e;
            if (transposed) std::swap(row, column);
            Coordinates at = matrixRow(layout, *access, first, (matrix - first) * 8 + row, w);
            at[access->contiguousDim] += column;
            ASSERT_EQ(layout.coordinates(matrix * access->registersPerMatrix + e, lane, w), at) << layout;
          }
}

TEST(MmaLayout, LdmatrixLoadsOperands) {
  const MmaShape &half = *mmaShapeFor(16), &tf32 = *mmaShapeFor(32);
  auto a = [&](const MmaShape &s) { return *fragmentTile(s.a, {64, 32}, {{2, 0}, {3, std::nullopt}}); };
  auto b = [&](const MmaShape &s) { return *fragmentTile(s.b, {32, 96}, {{2, std::nullopt}, {3, 1}}); };
  expectMatrixLoads(a(half), 1, 16, false); // M x K in memory
  expectMatrixLoads(a(half), 0, 16, true);  // K x M
  expectMatrixLoads(b(half), 0, 16, false); // N x K
  expectMatrixLoads(b(half), 1, 16, true);  // K x N
  expectMatrixLoads(a(tf32), 1, 32, false);
  expectMatrixLoads(b(tf32), 0, 32, false);
  EXPECT_FALSE(matrixAccess(a(tf32), 0, 32)); // no transposed form for 32 bits
  EXPECT_FALSE(matrixAccess(Layout::blocked({64, 32}, 8, 4), 1, 16));
  EXPECT_FALSE(matrixAccess(a(half), 1, 8));
}

// Loading through the chosen shared layouts costs no bank conflict, for every tile that a schedule may take.
TEST(MmaLayout, LdmatrixIsFreeOfConflicts) {
  const MmaShape &half = *mmaShapeFor(16), &tf32 = *mmaShapeFor(32);
  auto check = [](const Layout &layout, size_t contiguousDim, int64_t elementBits) {
    auto access = matrixAccess(layout, contiguousDim, elementBits);
    ASSERT_TRUE(access);
    int64_t elementBytes = elementBits / 8;
    SharedLayout shared =
        SharedLayout::choose(layout.shape()[access->rowDim], layout.shape()[contiguousDim] * elementBytes);
    ASSERT_TRUE(shared.ldmatrixLegal()) << shared.str();
    for (int64_t w = 0; w < layout.numWarps(); ++w)
      for (int64_t first = 0; first + 4 <= access->matrices; first += 4) {
        std::vector<int64_t> addresses;
        for (int64_t lane = 0; lane < 32; ++lane) {
          Coordinates at = matrixRow(layout, *access, first, lane, w);
          addresses.push_back(shared.offset(at[access->rowDim], at[contiguousDim] * elementBytes));
          ASSERT_EQ(addresses.back() % 16, 0);
        }
        ASSERT_EQ(bankConflicts(addresses, 16), 0) << shared.str();
      }
  };
  for (int64_t m : {16, 32, 48, 64, 80, 96, 128, 256})
    for (int64_t k : {16, 32, 48, 64, 96, 128}) {
      check(*fragmentTile(half.a, {m, k}, {}), 1, 16);
      check(*fragmentTile(half.a, {m, k}, {}), 0, 16);
      check(*fragmentTile(half.b, {k, m}, {}), 0, 16);
      check(*fragmentTile(half.b, {k, m}, {}), 1, 16);
      check(*fragmentTile(tf32.a, {m, k}, {}), 1, 32);
      check(*fragmentTile(tf32.b, {k, m}, {}), 0, 32);
    }
}

} // namespace
} // namespace dlc
