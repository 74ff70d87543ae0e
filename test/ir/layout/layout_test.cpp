#include "ir/layout/layout.h"
#include "test/ir/layout/layout_checks.h"

namespace dlc {
namespace {

using test::holdersOf;

const Layout worked({4, 4}, {{2, {0, 1}}, {2, {2, 0}}}, {{2, {0, 2}}, {2, {1, 0}}}, {});

TEST(Layout, WorkedExample) {
  EXPECT_EQ(worked.coordinates(3, 1, 0), (Layout::Coordinates{2, 3}));
  EXPECT_EQ(worked.owners({3, 0}), (std::vector<Holder>{{2, 2, 0}}));
  EXPECT_EQ(worked.vectorWidth(1), 2);
  EXPECT_EQ(worked.vectorWidth(0), 1);
  EXPECT_EQ(worked.sliceDim(1).str(), "reg [2:(2)] lane [2:(0), 2:(1)] warp []");
  EXPECT_EQ(worked.sliceDim(1).replication(), 2);
  EXPECT_TRUE(worked.isInjective());
  EXPECT_TRUE(worked.isSurjective());
}

// The inverse finds exactly the places that the map leads from.
TEST(Layout, OwnersInvertCoordinates) {
  test::RandomLayouts random(1);
  for (int i = 0; i < 400; ++i) {
    Layout layout = random.layout(size_t(random.integer(1, 3)));
    auto holders = holdersOf(layout);
    ASSERT_EQ(int64_t(holders.size()), test::elements(layout.shape())) << layout;
    ASSERT_TRUE(layout.isSurjective());
    ASSERT_EQ(layout.problem(), "");
    bool once = true;
    for (auto &[element, expected] : holders) {
      ASSERT_EQ(layout.owners(element), expected) << layout;
      once &= expected.size() == 1;
    }
    ASSERT_EQ(layout.isInjective(), once) << layout;
    int64_t threads = layout.numLanes() * layout.numWarps() * layout.numRegisters();
    ASSERT_EQ(threads % (test::elements(layout.shape()) * layout.replication()), 0);
  }
}

// Digits that are no mixed radix number: overlapping (a sliding window) and with holes.
TEST(Layout, CountsOutOtherDigits) {
  Layout window({6}, {{3, {1}}}, {{4, {1}}}, {});
  EXPECT_TRUE(window.isSurjective());
  EXPECT_FALSE(window.isInjective());
  EXPECT_EQ(window.owners({2}), (std::vector<Holder>{{2, 0, 0}, {1, 1, 0}, {0, 2, 0}}));
  Layout diagonal({4, 4}, {{4, {1, 1}}}, {}, {});
  EXPECT_FALSE(diagonal.isSurjective());
  EXPECT_TRUE(diagonal.isInjective());
  EXPECT_EQ(diagonal.problem(), "a tile of (4, 4) has more elements than registers, lanes and warps hold");
  EXPECT_EQ(Layout({3}, {{4, {1}}}, {}, {}).problem(),
            "the last element held, (3), is outside of the tile of (3)");
}

TEST(Layout, BlockedCoversAnyShape) {
  for (int64_t rows : {1, 3, 5, 8, 48, 128})
    for (int64_t columns : {1, 2, 7, 16, 96, 160, 192})
      for (int64_t width : {1, 4, 8})
        for (int64_t warps : {1, 3, 4, 6, 8}) {
          Layout layout = Layout::blocked({rows, columns}, width, warps);
          ASSERT_EQ(layout.numLanes(), 32);
          ASSERT_EQ(layout.numWarps(), warps);
          ASSERT_EQ(layout.problem(), "") << layout;
          ASSERT_EQ(layout.numRegisters() * 32 * warps, rows * columns * layout.replication()) << layout;
          if (columns % width == 0) ASSERT_GE(layout.vectorWidth(1), width);
        }
  EXPECT_EQ(Layout::blocked({64, 64}, 8, 4).str(),
            "reg [8:(0,1), 4:(16,0)] lane [8:(0,8), 4:(1,0)] warp [4:(4,0)]");
  EXPECT_EQ(Layout::blocked({}, 1, 2).str(), "reg [] lane [32:()] warp [2:()]");
}

TEST(Layout, BlockedSaysEverything) {
  auto layout = Layout::blocked({32, 48}, {{2, 4}, {8, 4}, {1, 3}, {0, 1}, 32, 6});
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->str(),
            "reg [2:(1,0), 4:(0,1), 2:(16,0)] lane [8:(2,0), 4:(0,4)] warp [3:(0,16), 2:(0,0)]");
  EXPECT_EQ(layout->problem(), "");
  EXPECT_FALSE(Layout::blocked({32, 48}, {{2, 5}, {8, 4}, {1, 3}, {0, 1}, 32, 6}));
  EXPECT_FALSE(Layout::blocked({32, 48}, {{2, 4}, {8, 4}, {1, 3}, {0, 1}, 32, 4}));
}

TEST(Layout, SliceKeepsWhoHoldsWhat) {
  test::RandomLayouts random(2);
  for (int i = 0; i < 300; ++i) {
    Layout layout = random.layout(2);
    size_t dim = size_t(random.integer(0, 1));
    Layout slice = layout.sliceDim(dim);
    ASSERT_EQ(slice.numLanes(), layout.numLanes());
    ASSERT_EQ(slice.numWarps(), layout.numWarps());
    ASSERT_EQ(slice.problem(), "");
    // A thread holds an element of the slice just when it held one of that row.
    std::set<std::tuple<int64_t, int64_t, int64_t>> expected, got;
    for (auto &[element, holders] : holdersOf(layout))
      for (const Holder &h : holders) expected.insert({element[1 - dim], h.lane, h.warp});
    for (auto &[element, holders] : holdersOf(slice))
      for (const Holder &h : holders) got.insert({element[0], h.lane, h.warp});
    ASSERT_EQ(got, expected) << layout << " -> " << slice;
    ASSERT_TRUE(slice.expandDim(dim).sliceDim(dim).isEquivalent(slice));
  }
}

TEST(Layout, TransposeAndRepeat) {
  test::RandomLayouts random(3);
  for (int i = 0; i < 200; ++i) {
    Layout layout = random.layout(2);
    Layout swapped = layout.transpose({1, 0}), twice = layout.repeat(1, 3);
    ASSERT_EQ(swapped.transpose({1, 0}), layout);
    ASSERT_EQ(twice.problem(), "");
    for (int64_t r = 0; r < layout.numRegisters(); ++r)
      for (int64_t l = 0; l < layout.numLanes(); ++l) {
        auto at = layout.coordinates(r, l, 0);
        ASSERT_EQ(swapped.coordinates(r, l, 0), (Layout::Coordinates{at[1], at[0]}));
        at[1] += 2 * layout.shape()[1];
        ASSERT_EQ(twice.coordinates(r + 2 * layout.numRegisters(), l, 0), at);
      }
  }
}

TEST(Layout, CanonicalFormIsTheSameMap) {
  test::RandomLayouts random(4);
  for (int i = 0; i < 300; ++i) {
    Layout layout = random.layout(2), canonical = layout.canonical();
    ASSERT_TRUE(layout.isEquivalent(canonical));
    ASSERT_EQ(canonical, canonical.canonical());
    for (int64_t r = 0; r < layout.numRegisters(); ++r)
      for (int64_t l = 0; l < layout.numLanes(); ++l)
        for (int64_t w = 0; w < layout.numWarps(); ++w)
          ASSERT_EQ(layout.coordinates(r, l, w), canonical.coordinates(r, l, w)) << layout;
  }
  Layout split({8}, {{2, {1}}, {2, {2}}, {1, {0}}}, {{2, {4}}}, {}), merged({8}, {{4, {1}}}, {{2, {4}}}, {});
  EXPECT_NE(split, merged);
  EXPECT_TRUE(split.isEquivalent(merged));
  EXPECT_TRUE(split.isEquivalent(Layout({8}, {{4, {1}}, {3, {0}}}, {{2, {4}}}, {})));
  EXPECT_FALSE(split.isEquivalent(Layout({8}, {{4, {2}}}, {{2, {1}}}, {})));
  EXPECT_EQ(split.vectorWidth(0), 4);
}

TEST(Layout, TextRoundTrips) {
  test::RandomLayouts random(5);
  for (int i = 0; i < 300; ++i) {
    Layout layout = random.layout(size_t(random.integer(1, 3)));
    std::string error;
    auto again = Layout::parse(layout.str(), layout.shape(), &error);
    ASSERT_TRUE(again) << error;
    ASSERT_EQ(*again, layout);
    ASSERT_EQ(again->hash(), layout.hash());
  }
}

TEST(Layout, ParserStandsDamage) {
  test::RandomLayouts random(6);
  const std::string letters = "0123456789:(),[] regx-";
  for (int i = 0; i < 5000; ++i) {
    Layout layout = random.layout(2);
    std::string text = layout.str();
    for (int64_t n = random.integer(1, 2); n > 0; --n)
      text[size_t(random.integer(0, int64_t(text.size()) - 1))] =
          letters[size_t(random.integer(0, int64_t(letters.size()) - 1))];
    std::string error;
    auto parsed = Layout::parse(text, layout.shape(), &error);
    ASSERT_EQ(parsed.has_value(), error.empty()) << text;
    if (parsed) ASSERT_EQ(parsed->problem(), "");
  }
}

TEST(Layout, ParserSaysWhatIsWrong) {
  auto failure = [](const char *text, std::vector<int64_t> shape) {
    std::string error;
    EXPECT_FALSE(Layout::parse(text, shape, &error)) << text;
    return error;
  };
  EXPECT_EQ(failure("", {4}), "column 1: expected 'reg'");
  EXPECT_EQ(failure("reg [2:(1)", {2}), "column 11: expected ']'");
  EXPECT_EQ(failure("reg [2:(1)] lane []", {2}), "column 20: expected 'warp'");
  EXPECT_EQ(failure("reg [2:(1)] lane [] warp [] x", {2}), "column 29: expected the end");
  EXPECT_EQ(failure("reg [0:(1)] lane [] warp []", {2}), "column 6: expected a count between 1 and 16777216");
  EXPECT_EQ(failure("reg [2:(-1)] lane [] warp []", {2}),
            "column 9: expected an offset between 0 and 16777216");
  EXPECT_EQ(failure("reg [99999999999999999999:(1)] lane [] warp []", {2}),
            "column 6: expected a count between 1 and 16777216");
  EXPECT_EQ(failure("reg [2:(1)] lane [] warp []", {2, 2}), "column 10: expected ','");
  EXPECT_EQ(failure("reg [2:(1,1)] lane [] warp []", {2}),
            "column 10: expected ')' after 1 offsets, one per dim");
  EXPECT_EQ(failure("reg [2:(1)] lane [] warp []", {4}),
            "a tile of (4) has more elements than registers, lanes and warps hold");
  EXPECT_EQ(failure("reg [2:(2), 2:(0)] lane [] warp []", {3}), "no thread holds element (1)");
  EXPECT_EQ(failure("reg [4:(1)] lane [] warp []", {2}),
            "the last element held, (3), is outside of the tile of (2)");
  EXPECT_EQ(failure("reg [9999999:(0), 9999999:(0)] lane [] warp []", {1}),
            "column 27: more than 16777216 registers times threads");
}

} // namespace
} // namespace dlc
