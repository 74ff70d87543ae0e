#include "ir/dims/dim_facts.h"
#include "test/ir/dims/random_dims.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace dlc {
namespace {

Dim sym(const char *name) { return Dim::symbol(name); }

struct Kernel : testing::Test {
  Kernel() {
    facts.declare("B", {1, 64});
    facts.declare("S", {1, 8192});
    facts.declare("N", {1, DimRange::unboundedAbove}, 8);
    facts.declareIndex("i", 32);
    facts.declareIndex("j", 96);
    facts.declareIndex("k", sym("S"));
    facts.declareIndex("b", sym("B"));
  }
  DimFacts facts;
  Dim B = sym("B"), S = sym("S"), N = sym("N"), i = sym("i"), j = sym("j"), k = sym("k"), b = sym("b"),
      x = sym("x");
};

TEST_F(Kernel, SplitsOfIndicesVanish) {
  EXPECT_EQ(facts.simplify(floorDiv(i + 32 * j, 32)), j);
  EXPECT_EQ(facts.simplify(mod(i + 32 * j, 32)), i);
  EXPECT_EQ(facts.simplify(mod(i + 32 * x, 64)), mod(x, 2) * 32 + i);
  EXPECT_EQ(facts.simplify(floorDiv(i + 32 * x, 64)), floorDiv(x, 2));
  EXPECT_EQ(facts.simplify(floorDiv(b * S + k, S)), b);
  EXPECT_EQ(facts.simplify(mod(b * S + k, S)), k);
  EXPECT_EQ(facts.simplify(floorDiv(x * S * 12 + k * 12 + floorDiv(i, 3), S * 12)), x);
  EXPECT_EQ(facts.simplify(mod(floorDiv(x * S * 12 + k * 12 + floorDiv(i, 3), 12), S)), k);
  EXPECT_EQ(facts.simplify(floorDiv(i - 32, 32)), Dim(-1));
  EXPECT_EQ(facts.simplify(floorDiv(x * (S + 1) + k, S + 1)), x);
  EXPECT_EQ(facts.simplify(mod(x * (S + 1) + k, S + 1)), k);
}

TEST_F(Kernel, LinearisingWhatWasSplitGivesTheIndex) {
  Dim row = floorDiv(x, 96), head = floorDiv(mod(x, 96), 8), lane = mod(x, 8);
  EXPECT_EQ(facts.simplify(row * 96 + head * 8 + lane), x);
  EXPECT_EQ(facts.simplify(x - floorDiv(x, 8) * 8), mod(x, 8));
  EXPECT_EQ(facts.simplify(floorDiv(x, S) * S * B + mod(x, S) * B), x * B);
  // A flat index of [B, 12, S, 64], split into the four and put together again.
  Dim flat = x * 1024 + i, rest = floorDiv(flat, 64), s = mod(rest, S), rest2 = floorDiv(rest, S);
  Dim linear = ((floorDiv(rest2, 12) * 12 + mod(rest2, 12)) * S + s) * 64 + mod(flat, 64);
  EXPECT_EQ(facts.simplify(linear), flat);
  Dim third = mod(rest2, 12), batch = floorDiv(rest2, 12);
  EXPECT_EQ(facts.simplify(facts.simplify(batch) * 12 * S * 64 + facts.simplify(third) * S * 64 +
                           facts.simplify(s) * 64 + facts.simplify(mod(flat, 64))),
            flat);
}

TEST_F(Kernel, MinAndMaxFollowRanges) {
  EXPECT_EQ(facts.simplify(min(i, 40)), i);
  EXPECT_EQ(facts.simplify(max(i, 40)), Dim(40));
  EXPECT_EQ(facts.simplify(min(k, S)), k);
  EXPECT_EQ(facts.simplify(min(S, 8192)), S);
  EXPECT_EQ(facts.simplify(min(min(i, j), S + 95)), min(i, j));
}

TEST_F(Kernel, MultiplesDivideOut) {
  EXPECT_EQ(facts.simplify(mod(N, 8)), Dim(0));
  EXPECT_EQ(facts.simplify(mod(N + 3, 4)), Dim(3));
  EXPECT_EQ(facts.simplify(floorDiv(N + 7, 8)), floorDiv(N, 8));
  EXPECT_EQ(facts.simplify(floorDiv(N, 8) * 8), N);
  EXPECT_EQ(facts.simplify(floorDiv(N * 4 + 1, 8)), floorDiv(N, 2));
  EXPECT_EQ(facts.divisor(N * 3 + 16), 8);
  EXPECT_EQ(facts.divisor(N * N), 64);
  EXPECT_EQ(facts.divisor(Dim(0)), 0);
  EXPECT_EQ(facts.divisor(floorDiv(N * 4, 16) * 6), 12);
  EXPECT_EQ(facts.range("N").lo, 8);
  EXPECT_TRUE(facts.isMultipleOf(N * S, 8));
  EXPECT_TRUE(facts.isMultipleOf(N * S, S));
  EXPECT_FALSE(facts.isMultipleOf(S, 2));
  EXPECT_FALSE(facts.isMultipleOf(S, 0));
  EXPECT_TRUE(facts.proveEqual(ceilDiv(N, 8), floorDiv(N, 8)));
}

TEST_F(Kernel, Proves) {
  EXPECT_TRUE(facts.proveLess(k, S));
  EXPECT_TRUE(facts.proveLess(b * S + k, B * S));
  EXPECT_TRUE(facts.proveLess((b * S + k) * 768 + j * 8 + mod(i, 8), B * S * 768));
  EXPECT_FALSE(facts.proveLess(b * S + k, B * S - 1));
  EXPECT_TRUE(facts.proveLessEqual(S, B * S));
  EXPECT_TRUE(facts.proveLessEqual(B * S, 8192 * B));
  EXPECT_TRUE(facts.proveLessEqual(min(S - k, 128), 128));
  EXPECT_TRUE(facts.provePositive(min(S - k, 128)));
  EXPECT_TRUE(facts.proveNonNegative(S - floorDiv(S, 8) * 8));
  EXPECT_TRUE(facts.proveLess(mod(x, S), S));
  EXPECT_TRUE(facts.proveEqual(floorDiv(x, 8) * 8 + mod(x, 8), x));
  EXPECT_FALSE(facts.proveEqual(S, B));
  EXPECT_FALSE(facts.proveNonNegative(x));
  EXPECT_FALSE(facts.proveEqual(Dim::undefined(), Dim::undefined()));
  facts.assume(x - S);
  EXPECT_TRUE(facts.proveLess(k, x));
}

TEST_F(Kernel, Bounds) {
  EXPECT_EQ(facts.bounds(B * S), (DimRange{1, 64 * 8192}));
  EXPECT_EQ(facts.bounds(i * 2 - j), (DimRange{-95, 62}));
  EXPECT_EQ(facts.bounds(mod(x, 8)), (DimRange{0, 7}));
  EXPECT_EQ(facts.bounds(mod(x * 4, 8)), (DimRange{0, 4}));
  EXPECT_EQ(facts.bounds(floorDiv(j, 10)), (DimRange{0, 9}));
  EXPECT_EQ(facts.bounds(k), (DimRange{0, 8191}));
  EXPECT_EQ(facts.bounds(x), DimRange());
  EXPECT_EQ(facts.bounds(x * x).lo, 0);
  EXPECT_EQ(facts.bounds(x * 0), (DimRange{0, 0}));
  EXPECT_EQ(facts.bounds(N * N * N).hi, DimRange::unboundedAbove);
}

// Answers are remembered; a declaration that they rest on, also through a bound, makes them anew.
TEST_F(Kernel, LaterDeclarationsCount) {
  EXPECT_FALSE(facts.proveLess(x, 10));
  EXPECT_EQ(facts.simplify(mod(x, 16)), mod(x, 16));
  facts.declareIndex("x", 10);
  EXPECT_TRUE(facts.proveLess(x, 10));
  EXPECT_EQ(facts.simplify(mod(x, 16)), x);
  facts.declareIndex("x", 20);
  EXPECT_FALSE(facts.proveLess(x, 10));
  EXPECT_EQ(facts.simplify(mod(x, 16)), mod(x, 16));
  EXPECT_FALSE(facts.proveLess(k * 2, S * 2 - B));
  EXPECT_FALSE(facts.proveNonNegative(S - k - 8));
  facts.declare("S", {1, 8192}, 8);
  facts.declareIndex("k", S, 8);
  EXPECT_TRUE(facts.proveNonNegative(S - k - 8));
  EXPECT_FALSE(facts.proveNonNegative(S - 3 - b * 3));
  facts.declareIndex("b", 2);
  EXPECT_TRUE(facts.proveNonNegative(S - 3 - b * 3));
}

// A wider range of an extent widens its indices, and theirs.
TEST_F(Kernel, RangesFollowTheirBounds) {
  facts.declare("M", {1, 10});
  facts.declareIndex("m", sym("M"));
  facts.declareIndex("n", sym("m") + 1, 2);
  EXPECT_EQ(facts.bounds(sym("m")), (DimRange{0, 9}));
  EXPECT_EQ(facts.bounds(sym("n")), (DimRange{0, 8}));
  EXPECT_EQ(facts.simplify(floorDiv(sym("m"), 10)), Dim(0));
  facts.declare("M", {1, 100});
  EXPECT_EQ(facts.bounds(sym("m")), (DimRange{0, 99}));
  EXPECT_EQ(facts.bounds(sym("n")), (DimRange{0, 98}));
  EXPECT_EQ(facts.simplify(floorDiv(sym("m"), 10)), floorDiv(sym("m"), 10));
  EXPECT_EQ(facts.simplify(floorDiv(sym("n"), 100)), Dim(0));
  EXPECT_TRUE(facts.proveLessEqual(sym("n"), sym("m")));
}

TEST_F(Kernel, IsFastEnoughForIndexArithmetic) {
  auto start = std::chrono::steady_clock::now();
  for (int n = 0; n < 1000; ++n) {
    Dim linear = ((b * S + k) * 12 + floorDiv(j, 8)) * 64 + i + n;
    Dim back = facts.simplify(floorDiv(linear, 768));
    facts.simplify(mod(floorDiv(linear, 64), 12));
    facts.proveLess(back, B * S + 2);
  }
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("microseconds_per_expression", int(seconds.count() * 1e6 / 3000));
  EXPECT_LT(seconds.count(),
            20); // sanitizers and busy machines; a release build takes a fraction of a second
}

// Random facts, random expressions: every claim is checked at bindings that obey the facts.
TEST(DimFacts, ClaimsHoldAtRandomBindings) {
  test::RandomDims random(11);
  int64_t simplified = 0, proven = 0, checked = 0;
  for (int round = 0; round < 3000; ++round) {
    DimFacts facts;
    struct Declared {
      int64_t lo, hi, multiple;
    };
    std::map<std::string, Declared> declared;
    for (const char *name : {"a", "b"}) {
      int64_t lo = random.integer(-3, 8), multiple = random.integer(0, 2) ? 1 : random.integer(2, 4);
      Declared d = {lo, lo + random.integer(4, 20), multiple};
      facts.declare(name, {d.lo, d.hi}, multiple);
      declared[name] = d;
    }
    facts.declare("c", {1, 9});
    declared["c"] = {1, 9, 1};
    bool symbolic = random.integer(0, 1);
    facts.declareIndex("d", symbolic ? sym("c") : Dim(7));
    std::vector<std::map<std::string, int64_t>> bindings;
    for (int trial = 0; trial < 12; ++trial) {
      std::map<std::string, int64_t> values;
      for (auto &[name, d] : declared) {
        int64_t least = d.lo;
        while (least % d.multiple) ++least;
        values[name] = least + d.multiple * random.integer(0, (d.hi - least) / d.multiple);
        ASSERT_GE(values[name], d.lo);
        ASSERT_LE(values[name], d.hi);
      }
      values["d"] = random.integer(0, (symbolic ? values["c"] : 7) - 1);
      bindings.push_back(values);
    }
    for (int n = 0; n < 6; ++n) {
      Dim e = random.expression(int(random.integer(1, 4)));
      Dim s = facts.simplify(e);
      DimRange bounds = facts.bounds(e);
      int64_t divisor = facts.divisor(e);
      bool nonNegative = facts.proveNonNegative(e);
      simplified += s != e;
      proven += nonNegative;
      for (auto &values : bindings) {
        auto value = e.evaluate(values);
        if (!value) continue;
        ++checked;
        ASSERT_EQ(s.evaluate(values), value) << e << " -> " << s;
        ASSERT_GE(*value, bounds.lo) << e;
        ASSERT_LE(*value, bounds.hi) << e;
        if (divisor == 0)
          ASSERT_EQ(*value, 0) << e;
        else
          ASSERT_EQ(*value % divisor, 0) << e << " by " << divisor;
        if (nonNegative) ASSERT_GE(*value, 0) << e;
      }
      Dim other = random.expression(2);
      bool equal = facts.proveEqual(e, other), less = facts.proveLess(e, other);
      for (auto &values : bindings) {
        auto x = e.evaluate(values), y = other.evaluate(values);
        if (!x || !y) continue;
        if (equal) ASSERT_EQ(*x, *y) << e << " | " << other;
        if (less) ASSERT_LT(*x, *y) << e << " | " << other;
      }
    }
  }
  EXPECT_GT(simplified, 2000);
  EXPECT_GT(proven, 1000);
  EXPECT_GT(checked, 100000);
}

// Splits and merges of a linear index over random radices, constant and symbolic, come back clean.
TEST(DimFacts, MixedRadixRoundTrips) {
  test::RandomDims random(12);
  for (int round = 0; round < 300; ++round) {
    DimFacts facts;
    std::vector<Dim> extents, indices;
    int rank = int(random.integer(2, 5));
    for (int d = 0; d < rank; ++d) {
      std::string name = std::string("i") + char('0' + d);
      Dim extent = random.integer(1, 12);
      if (random.integer(0, 1)) {
        extent = Dim::symbol("N" + std::to_string(d)) * random.integer(1, 3);
        facts.declare("N" + std::to_string(d), {1, 1000});
      }
      facts.declareIndex(name, extent);
      extents.push_back(extent);
      indices.push_back(Dim::symbol(name));
    }
    Dim linear;
    for (int d = 0; d < rank; ++d) linear = linear * extents[d] + indices[d];
    Dim rest = linear;
    for (int d = rank - 1; d >= 0; --d) {
      Dim digit = facts.simplify(d ? mod(rest, extents[d]) : rest);
      EXPECT_TRUE(facts.proveEqual(digit, indices[d]))
          << digit << " for " << indices[d] << " of " << extents[d];
      rest = facts.simplify(floorDiv(rest, extents[d]));
    }
    EXPECT_TRUE(facts.proveLess(linear, product(extents))) << linear << " < " << product(extents);
  }
}

} // namespace
} // namespace dlc
