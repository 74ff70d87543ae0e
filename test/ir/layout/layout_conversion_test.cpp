#include "ir/layout/layout_conversion.h"
#include "ir/layout/mma_layout.h"
#include "test/ir/layout/layout_checks.h"

namespace dlc {
namespace {

using Kind = LayoutConversion::Kind;

// Carries out the conversion on element numbers and looks at what arrives.
void expectArrives(const Layout &from, const Layout &to, const LayoutConversion &conversion) {
  auto holds = [](const Layout &layout, int64_t r, int64_t l, int64_t w) {
    return layout.coordinates(r, l, w);
  };
  for (int64_t w = 0; w < to.numWarps(); ++w)
    for (int64_t l = 0; l < to.numLanes(); ++l)
      for (int64_t r = 0; r < to.numRegisters(); ++r) {
        Layout::Coordinates arrived;
        if (conversion.kind == Kind::Same) arrived = holds(from, r, l, w);
        if (conversion.kind == Kind::Registers) arrived = holds(from, conversion.registers[size_t(r)], l, w);
        int64_t times = 0;
        for (const auto &shuffle : conversion.shuffles) {
          int64_t source = shuffle.source[size_t(l)];
          if (shuffle.to != r || source < 0) continue;
          arrived = holds(from, shuffle.from, source, w);
          ++times;
        }
        if (conversion.kind == Kind::Shuffles) ASSERT_EQ(times, 1);
        ASSERT_EQ(arrived, holds(to, r, l, w)) << from << " to " << to;
      }
}

TEST(LayoutConversion, FindsTheShortestWay) {
  Layout rows({8, 4}, {{4, {0, 1}}}, {{8, {1, 0}}}, {});
  Layout split({8, 4}, {{2, {0, 1}}, {2, {0, 2}}}, {{8, {1, 0}}}, {});
  Layout swapped({8, 4}, {{2, {0, 2}}, {2, {0, 1}}}, {{8, {1, 0}}}, {});
  Layout columns({8, 4}, {{4, {2, 0}}}, {{2, {1, 0}}, {4, {0, 1}}}, {});
  EXPECT_EQ(convertLayout(rows, split).kind, Kind::Same);
  auto permuted = convertLayout(rows, swapped);
  EXPECT_EQ(permuted.kind, Kind::Registers);
  EXPECT_EQ(permuted.registers, (std::vector<int64_t>{0, 2, 1, 3}));
  auto shuffled = convertLayout(rows, columns);
  EXPECT_EQ(shuffled.kind, Kind::Shuffles);
  expectArrives(rows, columns, shuffled);
  EXPECT_EQ(convertLayout(rows, columns, 3).kind, Kind::SharedMemory);
  Layout twoWarps({8, 4}, {{4, {0, 1}}}, {{4, {1, 0}}}, {{2, {4, 0}}}),
      other({8, 4}, {{4, {0, 1}}}, {{4, {2, 0}}}, {{2, {1, 0}}});
  EXPECT_EQ(convertLayout(twoWarps, other).kind, Kind::SharedMemory);
}

// The accumulator of one product is the A operand of the next, register for register: no movement.
TEST(LayoutConversion, AccumulatorsFeedTheNextProduct) {
  const MmaShape &half = *mmaShapeFor(16);
  auto c = fragmentTile(half.c, {64, 64}, {{4, 0}}, 1);
  auto a = fragmentTile(half.a, {64, 64}, {{4, 0}}, 1);
  EXPECT_EQ(convertLayout(*c, *a).kind, Kind::Same);
  auto blocked = Layout::blocked({64, 64}, 8, 4);
  EXPECT_EQ(convertLayout(*c, blocked).kind, Kind::SharedMemory);
}

TEST(LayoutConversion, ReplicatedValuesStayAtHome) {
  Layout tile = Layout::blocked({32, 64}, 4, 4);
  Layout row = tile.sliceDim(1);
  EXPECT_EQ(convertLayout(row, row).kind, Kind::Same);
  // All threads hold everything: any layout is a choice of registers, or a shuffle with the choice by lane.
  Layout everywhere({4}, {{4, {1}}}, {{32, {0}}}, {{4, {0}}});
  Layout spread({4}, {}, {{4, {1}}, {8, {0}}}, {{4, {0}}});
  auto conversion = convertLayout(everywhere, spread);
  EXPECT_EQ(conversion.kind, Kind::Shuffles);
  expectArrives(everywhere, spread, conversion);
  for (const auto &shuffle : conversion.shuffles)
    for (size_t lane = 0; lane < 32; ++lane)
      if (shuffle.source[lane] >= 0) EXPECT_EQ(shuffle.source[lane], int64_t(lane));
  EXPECT_EQ(convertLayout(spread, everywhere).kind, Kind::Shuffles);
}

TEST(LayoutConversion, WhateverIsDecidedArrives) {
  test::RandomLayouts random(6);
  std::map<Kind, int> kinds;
  for (int i = 0; i < 600; ++i) {
    Layout from = random.layout(2);
    // Another layout of the same shape and threads: the same digits dealt again to registers or lanes.
    std::vector<LayoutDigit> registers = from.registers(), lanes = from.lanes(), warps = from.warps();
    switch (random.integer(0, 3)) {
    case 0:
      std::shuffle(registers.begin(), registers.end(), random.engine);
      break;
    case 1:
      std::shuffle(lanes.begin(), lanes.end(), random.engine);
      break;
    case 2:
      std::shuffle(warps.begin(), warps.end(), random.engine);
      break;
    default:
      if (registers.size() && lanes.size() && registers.back().count == lanes.back().count)
        std::swap(registers.back(), lanes.back());
    }
    Layout to(from.shape(), registers, lanes, warps);
    auto conversion = convertLayout(from, to, 1000);
    ++kinds[conversion.kind];
    if (conversion.kind != Kind::SharedMemory) expectArrives(from, to, conversion);
    if (testing::Test::HasFatalFailure()) return;
    // Through shared memory only when an element really leaves its warp.
    bool leaves = false;
    for (auto &[element, holders] : test::holdersOf(to))
      for (const Holder &h : holders) {
        auto sources = from.owners(element);
        leaves |=
            std::none_of(sources.begin(), sources.end(), [&](const Holder &s) { return s.warp == h.warp; });
      }
    if (!leaves && from.numWarps() == 1)
      EXPECT_NE(conversion.kind, Kind::SharedMemory) << from << " to " << to;
    if (leaves) EXPECT_EQ(conversion.kind, Kind::SharedMemory);
  }
  EXPECT_GT(kinds[Kind::Same], 40);
  EXPECT_GT(kinds[Kind::Registers], 20);
  EXPECT_GT(kinds[Kind::Shuffles], 20);
  EXPECT_GT(kinds[Kind::SharedMemory], 20);
}

} // namespace
} // namespace dlc
