// Packing the arena: buffers that live together never overlap, at any binding; memory is used again.
#include "passes/plan/pack_memory.h"

#include <gtest/gtest.h>
#include <random>

namespace dlc::plan {
namespace {

DimFacts facts() {
  DimFacts result;
  result.declare("B", {0, 64});
  result.declare("S", {8, 1024}, 8);
  result.declare("K", {1, 1 << 20});
  return result;
}

std::map<std::string, int64_t> randomBinding(std::mt19937 &random) {
  auto upTo = [&](int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(random); };
  return {{"B", upTo(0, 64)}, {"S", 8 * upTo(1, 128)}, {"K", upTo(0, 1) ? upTo(1, 1 << 20) : upTo(1, 20)}};
}

Dim randomSize(std::mt19937 &random) {
  Dim b = Dim::symbol("B"), s = Dim::symbol("S"), k = Dim::symbol("K");
  const Dim sizes[] = {b * s * 2,     b * s * 64, b * s * s * 4, k,      k * 3 + 7,
                       b * 12,        s + k,      Dim(4096),     Dim(1), ceilDiv(k, s) * 16,
                       max(b * s, k), b * s * 2};
  return sizes[random() % std::size(sizes)];
}

/// Buffers as ops in list order make them: each op writes up to two, each is last read a few ops later.
std::vector<Placed> randomBuffers(std::mt19937 &random) {
  std::vector<Placed> buffers;
  int ops = 2 + int(random() % 30);
  for (int op = 0; op < ops; ++op)
    for (unsigned n = random() % 3; n-- > 0;)
      buffers.push_back({randomSize(random), op, op + int(random() % 6), {}, {}});
  return buffers;
}

bool liveTogether(const Placed &a, const Placed &b) { return a.first <= b.last && b.first <= a.last; }

/// Every buffer from which `i` took memory over, directly or through those between them.
std::set<int> takenFrom(const std::vector<Placed> &buffers, int i) {
  std::set<int> found;
  std::vector<int> next(buffers[i].reuses);
  while (!next.empty()) {
    int j = next.back();
    next.pop_back();
    if (found.insert(j).second) next.insert(next.end(), buffers[j].reuses.begin(), buffers[j].reuses.end());
  }
  return found;
}

TEST(PackMemory, buffersThatLiveTogetherNeverOverlap) {
  std::mt19937 random(11);
  DimFacts known = facts();
  for (int round = 0; round < 150; ++round) {
    std::vector<Placed> buffers = randomBuffers(random);
    Dim total = packMemory(buffers, known);
    for (int k = 0; k < 12; ++k) {
      auto binding = randomBinding(random);
      struct Span {
        int64_t begin, end;
      };
      std::vector<Span> spans;
      for (const Placed &buffer : buffers) {
        int64_t begin = *buffer.offset.evaluate(binding), size = *buffer.bytes.evaluate(binding);
        EXPECT_EQ(begin % 256, 0);
        EXPECT_LE(begin + size, *total.evaluate(binding))
            << buffer.bytes.str() << " at " << buffer.offset.str();
        spans.push_back({begin, begin + size});
      }
      for (size_t i = 0; i < buffers.size(); ++i)
        for (size_t j = 0; j < i; ++j) {
          bool overlap = std::max(spans[i].begin, spans[j].begin) < std::min(spans[i].end, spans[j].end);
          if (!overlap) continue;
          ASSERT_FALSE(liveTogether(buffers[i], buffers[j]))
              << "round " << round << ": " << buffers[i].bytes.str() << " and " << buffers[j].bytes.str();
          // Who takes memory over says so: the plan makes dependencies of it.
          EXPECT_TRUE(takenFrom(buffers, int(i)).count(int(j)));
        }
    }
  }
}

TEST(PackMemory, aChainTakesTwoSlots) {
  Dim size = Dim::symbol("B") * Dim::symbol("S") * 256;
  std::vector<Placed> buffers;
  for (int op = 0; op < 10; ++op) buffers.push_back({size, op, op + 1, {}, {}});
  Dim total = packMemory(buffers, facts());
  EXPECT_EQ(total, size * 2);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(buffers[i].reuses, i < 2 ? std::vector<int>() : std::vector<int>{i - 2}) << i;
}

TEST(PackMemory, sizesThatNoFactComparesStayApart) {
  std::vector<Placed> buffers{{Dim::symbol("K") * 256, 0, 0, {}, {}}, {Dim::symbol("S") * 256, 1, 1, {}, {}}};
  EXPECT_EQ(packMemory(buffers, facts()), Dim::symbol("K") * 256 + Dim::symbol("S") * 256);
  EXPECT_TRUE(buffers[1].reuses.empty());
}

TEST(PackMemory, aSlotGrowsToWhatFollows) {
  Dim s = Dim::symbol("S") * 256;
  std::vector<Placed> buffers{{s, 0, 0, {}, {}}, {s * 3, 1, 1, {}, {}}, {s * 2, 2, 2, {}, {}}};
  EXPECT_EQ(packMemory(buffers, facts()), s * 3);
}

TEST(PackMemory, nothingTakesNoMemory) {
  std::vector<Placed> none;
  EXPECT_EQ(packMemory(none, facts()), Dim(0));
}

} // namespace
} // namespace dlc::plan
