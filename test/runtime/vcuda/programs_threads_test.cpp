// warps.cu, locks.cu, functions.cu and memory.cu.
#include "test/runtime/vcuda/programs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using ThreadPrograms = test::Program;

//===----------------------------------------------------------------------===//
// Warps and barriers
//===----------------------------------------------------------------------===//

TEST_P(ThreadPrograms, BitTranspose) {
  auto m = load("warps");
  auto a = numbers(32, 0, 0xffffffffl);
  uint64_t out = device.empty<unsigned>(32);
  expectClean(device.run(m, "bitTranspose", {1}, {32}, Arguments().add(upload(a)).add(out)));
  auto c = device.download<unsigned>(out, 32);
  for (unsigned i = 0; i < 32; ++i) {
    for (unsigned j = 0; j < 32; ++j) ASSERT_EQ(c[i] >> j & 1, a[j] >> i & 1) << i << " " << j;
  }
}

TEST_P(ThreadPrograms, Shuffles) {
  auto m = load("warps");
  auto v = numbers<int>(32, -100, 100);
  auto w = doubles(32);
  uint64_t out = device.empty<int>(192), wide = device.empty<double>(32);
  expectClean(
      device.run(m, "shuffles", {1}, {32}, Arguments().add(upload(v)).add(out).add(upload(w)).add(wide)));
  auto c = device.download<int>(out, 192);
  auto d = device.download<double>(wide, 32);
  for (size_t t = 0; t < 32; ++t) {
    EXPECT_EQ(c[t], v[(t + 5) % 32]);
    EXPECT_EQ(c[t + 32], t % 8 < 2 ? v[t] : v[t - 2]);
    EXPECT_EQ(c[t + 64], t % 16 + 3 > 15 ? v[t] : v[t + 3]);
    EXPECT_EQ(c[t + 96], v[t ^ 6]);
    EXPECT_EQ(c[t + 128], v[t / 4 * 4 + 2]);
    EXPECT_EQ(c[t + 160], t % 2 ? v[(t + 2) % 32] : -v[(t + 4) % 32]);
    EXPECT_EQ(d[t], w[t == 31 ? t : t + 1]);
  }
}

TEST_P(ThreadPrograms, Votes) {
  auto m = load("warps");
  auto v = numbers(32, 0, 140);
  uint64_t out = device.empty<unsigned>(256);
  expectClean(device.run(m, "votes", {1}, {32}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<unsigned>(out, 256);
  auto count = [&](auto f) { return size_t(std::count_if(v.begin(), v.end(), f)); };
  size_t odd = count([](unsigned x) { return x & 1; });
  unsigned vote = unsigned(count([](unsigned x) { return x < 100; }) == 32) |
                  unsigned(count([](unsigned x) { return x == 7; }) > 0) << 1 |
                  unsigned(odd == 0 || odd == 32) << 2;
  bool same = count([&](unsigned x) { return x / 100 == v[0] / 100; }) == 32;
  unsigned all = ~0u, any = 0, odds = 0, low = 0, high = 0;
  for (unsigned x : v) all &= x | 64, any |= x, odds ^= x;
  for (size_t t = 0; t < 32; ++t) (t < 20 ? low : high) += v[t] * (t < 20 ? 1 : 2);
  for (size_t t = 0; t < 32; ++t) {
    EXPECT_EQ(c[t], vote);
    EXPECT_EQ(c[t + 32], same ? ~0u : 0u);
    EXPECT_EQ(c[t + 64], unsigned(same));
    unsigned equal = 0;
    for (size_t k = 0; k < 32; ++k) equal |= unsigned(v[k] == v[t]) << k;
    EXPECT_EQ(c[t + 96], equal);
    EXPECT_EQ(c[t + 128], *std::min_element(v.begin(), v.end()));
    EXPECT_EQ(int(c[t + 160]), int(*std::max_element(v.begin(), v.end())) - 50);
    EXPECT_EQ(c[t + 192], all ^ any << 8 ^ odds << 16);
    EXPECT_EQ(c[t + 224], t < 20 ? low : high);
  }
}

TEST_P(ThreadPrograms, AggregatedAtomics) {
  auto m = load("warps");
  const int n = 300;
  auto a = numbers<uint8_t>(n, 0, 6);
  uint64_t bins = zeros<unsigned>(7), order = device.empty<unsigned>(n);
  expectClean(device.run(m, "aggregated", {4}, {96}, Arguments().add(upload(a)).add(bins).add(order).add(n)));
  auto b = device.download<unsigned>(bins, 7), o = device.download<unsigned>(order, n);
  for (unsigned v = 0; v < 7; ++v) {
    std::vector<unsigned> places;
    for (size_t i = 0; i < n; ++i) {
      if (a[i] == v) places.push_back(o[i]);
    }
    std::sort(places.begin(), places.end());
    ASSERT_EQ(b[v], places.size());
    for (unsigned k = 0; k < places.size(); ++k) ASSERT_EQ(places[k], k);
  }
}

TEST_P(ThreadPrograms, TwoSidesOfABranchMeet) {
  auto m = load("warps");
  auto v = numbers<int>(32, -100, 100);
  uint64_t out = device.empty<int>(32);
  expectClean(device.run(m, "twoSides", {1}, {32}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<int>(out, 32);
  for (size_t t = 0; t < 16; ++t) {
    EXPECT_EQ(c[t], v[t] * v[t + 16] + 1);
    EXPECT_EQ(c[t + 16], v[t] * v[t + 16]);
  }
}

TEST_P(ThreadPrograms, ExchangeWithinWarps) {
  auto m = load("warps");
  auto v = numbers<int>(128, -100, 100);
  uint64_t out = device.empty<int>(128);
  expectClean(device.run(m, "exchange", {1}, {128}, Arguments().add(upload(v)).add(out)));
  for (size_t round = 0; round < 5; ++round) {
    auto old = v;
    for (size_t t = 0; t < 128; ++t) v[t] = old[t / 32 * 32 + (t % 32 * 5 + round) % 32] + int(round);
  }
  EXPECT_EQ(device.download<int>(out, 128), v);
}

TEST_P(ThreadPrograms, LaneMasks) {
  auto m = load("warps");
  auto v = numbers(32, 0, 0xffffffffl);
  uint64_t out = device.empty<unsigned>(64);
  expectClean(device.run(m, "laneMasks", {1}, {32}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<unsigned>(out, 64);
  for (unsigned t = 0; t < 32; ++t) {
    unsigned eq = 1u << t, lt = eq - 1, le = lt | eq, gt = ~le, ge = ~lt;
    EXPECT_EQ(c[t], eq ^ (lt * 3) ^ (le * 5) ^ (gt * 7) ^ (ge * 11));
    // The n-th bit set at or above bit 3 (n > 0), at or below it (n < 0), or bit 3 itself.
    int n = int(t % 5) - 2;
    unsigned want = ~0u;
    if (n == 0) {
      want = v[t] >> 3 & 1 ? 3 : ~0u;
    } else {
      int left = std::abs(n), step = n > 0 ? 1 : -1;
      for (int b = 3; b >= 0 && b < 32; b += step) {
        if ((v[t] >> b & 1) && --left == 0) {
          want = unsigned(b);
          break;
        }
      }
    }
    EXPECT_EQ(c[t + 32], want) << t;
  }
}

TEST_P(ThreadPrograms, LanesThatLeaveALoop) {
  auto m = load("warps");
  auto v = numbers<int>(32, 0, 20);
  uint64_t out = device.empty<int>(32);
  expectClean(device.run(m, "leaving", {1}, {32}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<int>(out, 32);
  for (size_t t = 0; t < 32; ++t) {
    int rounds = 0;
    for (int r = 0; r < v[t]; ++r)
      rounds += int(std::count_if(v.begin(), v.end(), [&](int x) { return x > r; }));
    EXPECT_EQ(c[t], rounds);
  }
}

TEST_P(ThreadPrograms, NamedBarriers) {
  auto m = load("warps");
  const int rounds = 9;
  auto v = numbers<int>(32 * rounds, -100, 100);
  uint64_t out = device.empty<int>(v.size());
  expectClean(device.run(m, "namedBarriers", {1}, {64}, Arguments().add(upload(v)).add(out).add(rounds)));
  auto c = device.download<int>(out, v.size());
  for (size_t i = 0; i < v.size(); ++i) ASSERT_EQ(c[i], v[i / 32 * 32 + 31 - i % 32] * 3) << i;
}

TEST_P(ThreadPrograms, BarrierReductions) {
  auto m = load("warps");
  auto v = numbers<int>(8 * 96, -52, 60);
  uint64_t out = device.empty<int>(8);
  expectClean(device.run(m, "barrierReductions", {8}, {96}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<int>(out, 8);
  for (int b = 0; b < 8; ++b) {
    auto from = v.begin() + 96 * b, to = from + 96;
    long positive = std::count_if(from, to, [](int x) { return x > 0; });
    bool all = std::all_of(from, to, [](int x) { return x > -50; }), any = std::count(from, to, 13) > 0;
    EXPECT_EQ(c[size_t(b)], positive * 4 + all * 2 + any);
  }
}

//===----------------------------------------------------------------------===//
// Threads that wait for each other
//===----------------------------------------------------------------------===//

TEST_P(ThreadPrograms, SleepingLock) {
  auto m = load("locks");
  uint64_t lock = zeros<int>(1), value = zeros<int>(1);
  expectClean(device.run(m, "sleepingLock", {2}, {40}, Arguments().add(lock).add(value).add(3)));
  int want = 0;
  for (int k = 0; k < 240; ++k) want = want * 3 % 1000003 + 1;
  EXPECT_EQ(device.download<int>(value, 1)[0], want);
}

TEST_P(ThreadPrograms, TicketLock) {
  auto m = load("locks");
  uint64_t next = zeros<unsigned>(1), serving = zeros<unsigned>(1), log = device.empty<unsigned>(96);
  expectClean(device.run(m, "ticketLock", {3}, {32}, Arguments().add(next).add(serving).add(log)));
  auto c = device.download<unsigned>(log, 96);
  for (unsigned k = 0; k < 96; ++k) ASSERT_EQ(c[k], 1 + k * (k + 1) / 2);
}

TEST_P(ThreadPrograms, HashTable) {
  auto m = load("locks");
  const int n = 500;
  const unsigned size = 257;
  auto keys = numbers(n, 0, 150);
  uint64_t slots = upload(std::vector<uint64_t>(size, ~uint64_t(0))), counts = zeros<unsigned>(size);
  expectClean(device.run(m, "hashInsert", {4}, {128},
                         Arguments().add(upload(keys)).add(slots).add(counts).add(n).add(size)));
  auto s = device.download<uint64_t>(slots, size);
  auto c = device.download<unsigned>(counts, size);
  std::vector<unsigned> found(151), want(151);
  for (unsigned k : keys) ++want[k];
  for (size_t k = 0; k < size; ++k) {
    if (s[k] != ~uint64_t(0)) found[s[k]] += c[k];
  }
  EXPECT_EQ(found, want);
}

TEST_P(ThreadPrograms, PushAndWalkAList) {
  auto m = load("locks");
  const int n = 150;
  uint64_t head = upload(std::vector<int>(1, -1)), sum = device.empty<int>(2);
  expectClean(
      device.run(m, "pushAndWalk", {3}, {64},
                 Arguments().add(head).add(device.empty<int>(n)).add(zeros<unsigned>(1)).add(sum).add(n)));
  auto c = device.download<int>(sum, 2);
  EXPECT_EQ(c[0], n * (n - 1) / 2);
  EXPECT_EQ(c[1], n);
}

TEST_P(ThreadPrograms, BarrierOverAllBlocks) {
  auto m = load("locks");
  const int blocks = 12, steps = 5;
  auto a = numbers<int>(blocks, -50, 50);
  auto all = a;
  all.resize(size_t(blocks) * (steps + 1));
  uint64_t data = upload(all);
  expectClean(device.run(m, "countingBarrier", {blocks}, {32},
                         Arguments().add(zeros<unsigned>(1)).add(data).add(steps)));
  for (int s = 0; s < steps; ++s) {
    auto old = a;
    for (size_t i = 0; i < blocks; ++i) a[i] = old[i] + old[(i + 1) % blocks];
  }
  EXPECT_EQ(device.download<int>(data + sizeof(int) * blocks * steps, blocks), a);
}

TEST_P(ThreadPrograms, LanesInAChain) {
  auto m = load("locks");
  uint64_t flags = zeros<int>(32);
  expectClean(device.run(m, "laneChain", {1}, {32}, Arguments().add(flags)));
  std::vector<int> want(32);
  std::iota(want.begin(), want.end(), 1);
  EXPECT_EQ(device.download<int>(flags, 32), want);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

TEST_P(ThreadPrograms, VirtualFunctions) {
  auto m = load("functions");
  auto a = floats(64);
  uint64_t out = device.empty<float>(64);
  expectClean(device.run(m, "virtuals", {1}, {64}, Arguments().add(upload(a)).add(out)));
  auto c = device.download<float>(out, 64);
  for (size_t t = 0; t < 64; ++t)
    ASSERT_FLOAT_EQ(c[t], t % 3 == 0 ? std::fma(a[t], 2.0f, 400.0f) : 3.0f * a[t] * a[t]) << t;
}

TEST_P(ThreadPrograms, QuickSorts) {
  auto m = load("functions");
  auto a = numbers<int>(12 * 40, -100, 100);
  uint64_t out = device.empty<int>(a.size());
  expectClean(device.run(m, "quickSorts", {1}, {40}, Arguments().add(upload(a)).add(out)));
  for (int t = 0; t < 40; ++t) std::sort(a.begin() + 12 * t, a.begin() + 12 * t + 12);
  EXPECT_EQ(device.download<int>(out, a.size()), a);
}

int interpret(const uint8_t *p, int length, int in) {
  int stack[8] = {}, top = 0;
  auto at = [&](int back) -> int & { return stack[(top + 8 - back) % 8]; };
  for (int i = 0; i < length; ++i) {
    int a = at(1), b = at(2);
    auto push = [&](int v) { stack[top++ % 8] = v; };
    auto replace2 = [&](int v) { at(2) = v, --top; };
    auto wrap = [](long long v) { return int(unsigned(v)); };
    if (p[i] == 0) push(in);
    if (p[i] == 1) at(1) = wrap(a + 17ll);
    if (p[i] == 2) replace2(wrap(1ll * a * b));
    if (p[i] == 3) replace2(wrap(1ll * b - a));
    if (p[i] == 4) at(1) = a ^ int(unsigned(a) << 3);
    if (p[i] == 5) push(i);
    if (p[i] == 6) at(1) = ~a;
    if (p[i] == 8) push(a);
    if (p[i] == 9) at(1) = std::max(a, b);
    if (p[i] > 9) stack[0] ^= 1;
    if (p[i] == 7 && (a & 1)) ++i;
    top = (top + 8) % 8;
  }
  return at(1);
}

TEST_P(ThreadPrograms, InterpreterWithJumpTable) {
  auto m = load("functions");
  const int length = 40;
  auto programs = numbers<uint8_t>(64 * length, 0, 11);
  auto in = numbers<int>(64, -100, 100);
  uint64_t out = device.empty<int>(64);
  expectClean(device.run(m, "interpreter", {1}, {64},
                         Arguments().add(upload(programs)).add(upload(in)).add(out).add(length)));
  auto c = device.download<int>(out, 64);
  for (size_t t = 0; t < 64; ++t)
    ASSERT_EQ(c[t], interpret(programs.data() + t * length, length, in[t])) << t;
}

TEST_P(ThreadPrograms, StructuresByValue) {
  auto m = load("functions");
  auto in = numbers<int>(32, -20, 20);
  uint64_t out = device.empty<double>(32);
  expectClean(device.run(m, "structures", {1}, {32}, Arguments().add(upload(in)).add(out)));
  auto c = device.download<double>(out, 32);
  for (int t = 0; t < 32; ++t) {
    int v = in[size_t(t)], a[5] = {v, 1, 2, 3, 4}, b[5] = {5, 6, 7, 8, v + 1};
    double sum = v * 0.5 + 2.5 + int8_t(t + 6);
    for (int k = 0; k < 5; ++k) sum += (a[k] - b[4 - k] * 2 + b[4 - k] * t) * (k + 1);
    ASSERT_EQ(c[size_t(t)], sum) << t;
  }
}

TEST_P(ThreadPrograms, FunctionPointers) {
  auto m = load("functions");
  auto in = numbers<int>(64, 0, 1000);
  uint64_t out = device.empty<int>(64);
  expectClean(device.run(m, "pointers", {1}, {64}, Arguments().add(upload(in)).add(out)));
  auto c = device.download<int>(out, 64);
  for (int t = 0; t < 64; ++t) {
    int first = in[size_t(t)], v = first;
    for (int k = 0; k < 6; ++k) {
      int which = (first + k * t) & 3, b = k + 2;
      v = which == 0 ? v + b : which == 1 ? v - b : which == 2 ? v * b : v ^ b;
    }
    ASSERT_EQ(c[size_t(t)], v) << t;
  }
}

TEST_P(ThreadPrograms, Recursion) {
  auto m = load("functions");
  uint64_t out = device.empty<unsigned>(9);
  expectClean(device.run(m, "ackermanns", {1}, {9}, Arguments().add(out)));
  auto c = device.download<unsigned>(out, 9);
  for (unsigned t = 0; t < 9; ++t) {
    unsigned n = t / 3, want[] = {n + 1, n + 2, 2 * n + 3};
    EXPECT_EQ(c[t], want[t % 3]);
  }
}

TEST_P(ThreadPrograms, Lambdas) {
  auto m = load("functions");
  const int n = 20, scale = 3;
  auto in = numbers<int>(n, -9, 9);
  uint64_t out = device.empty<int>(64);
  expectClean(device.run(m, "lambdas", {1}, {32}, Arguments().add(upload(in)).add(out).add(n).add(scale)));
  auto c = device.download<int>(out, 64);
  for (int t = 0; t < 32; ++t) {
    unsigned sum = unsigned(in[0]);
    for (size_t k = 1; k < n; ++k) sum = sum * scale + unsigned(in[k] + t);
    EXPECT_EQ(unsigned(c[size_t(2 * t)]), sum);
    EXPECT_EQ(c[size_t(2 * t + 1)], *std::max_element(in.begin() + t % 3, in.begin() + t % 3 + n - 3));
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_P(ThreadPrograms, Vectors) {
  auto m = load("memory");
  auto w = numbers<int>(4 * 32, -100, 100);
  auto p = floats(2 * 32);
  auto s = numbers<int16_t>(4 * 32, -100, 100);
  uint64_t wo = device.empty<int>(128), po = device.empty<float>(64), so = device.empty<int16_t>(128);
  expectClean(device.run(m, "vectors", {1}, {32},
                         Arguments().add(upload(w)).add(wo).add(upload(p)).add(po).add(upload(s)).add(so)));
  auto wc = device.download<int>(wo, 128);
  auto pc = device.download<float>(po, 64);
  auto sc = device.download<int16_t>(so, 128);
  for (size_t i = 0; i < 128; ++i) {
    EXPECT_EQ(wc[i], w[i / 4 * 4 + 3 - i % 4]);
    EXPECT_EQ(sc[i], s[i / 4 * 4 + (i + 3) % 4]);
    if (i < 64) EXPECT_EQ(pc[i], i % 2 ? -p[i - 1] : p[i + 1]);
  }
}

TEST_P(ThreadPrograms, CacheOperators) {
  auto m = load("memory");
  auto a = numbers<int>(64 + 6, -100, 100);
  uint64_t out = device.empty<int>(384);
  expectClean(device.run(m, "cacheOperators", {1}, {64}, Arguments().add(upload(a)).add(out)));
  auto c = device.download<int>(out, 384);
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(c[i], std::accumulate(a.begin() + long(i), a.begin() + long(i) + 6, 0));
    for (int k = 0; k < 4; ++k) EXPECT_EQ(c[i + 64 * size_t(k + 1)], a[i] + k);
    EXPECT_EQ(c[i + 320], a[i]);
  }
}

TEST_P(ThreadPrograms, PointersToAnySpace) {
  auto m = load("memory");
  auto a = numbers<int>(8, -100, 100);
  uint64_t out = device.empty<int>(64);
  expectClean(device.run(m, "anySpace", {1}, {64}, Arguments().add(upload(a)).add(out)));
  auto c = device.download<int>(out, 64);
  const int global[8] = {3, 1, 4, 1, 5, 9, 2, 6};
  for (size_t t = 0; t < 64; ++t) {
    int sum = 0;
    for (size_t k = t % 3; k < 8; ++k)
      sum += t % 4 == 0 ? a[k] * 2 : t % 4 == 1 ? a[(t + k) % 8] : t % 4 == 2 ? 1 << k : global[k];
    const int space[] = {1, 2, 0, 4};
    // Constant memory is global memory to some: only the other answers are promised.
    EXPECT_EQ(c[t] >> 3, sum) << t;
    if (t % 4 != 2) EXPECT_EQ(c[t] & 7, space[t % 4]) << t;
  }
}

TEST_P(ThreadPrograms, DynamicSharedMemory) {
  auto m = load("memory");
  const int n = 96;
  auto a = doubles(n, 0, 100);
  uint64_t out = device.empty<float>(n);
  expectClean(device.run(m, "dynamicShared", {1}, {n}, Arguments().add(upload(a)).add(out).add(n), n * 15));
  auto c = device.download<float>(out, n);
  for (size_t t = 0; t < n; ++t) {
    size_t o = n - 1 - t;
    float want = float(a[o]) + float(a[(t + 1) % n]) * 2 + float(int16_t(a[o] * 3)) + float((t + 7) % n);
    ASSERT_FLOAT_EQ(c[t], want) << t;
  }
}

TEST_P(ThreadPrograms, SmallTypes) {
  auto m = load("memory");
  auto a = numbers<int8_t>(64, -128, 127);
  auto b = numbers<uint16_t>(64, 0, 65535);
  auto records = numbers<uint8_t>(64 * 7, 0, 255);
  uint64_t out = device.empty<int>(64), bytes = device.empty<uint8_t>(128);
  expectClean(device.run(m, "smallTypes", {1}, {32},
                         Arguments().add(upload(a)).add(upload(b)).add(upload(records)).add(out).add(bytes)));
  auto c = device.download<int>(out, 32);
  auto d = device.download<uint8_t>(bytes, 96);
  for (size_t t = 0; t < 32; ++t) {
    int32_t value;
    int16_t more;
    std::memcpy(&value, &records[t * 7 + 1], 4);
    std::memcpy(&more, &records[t * 7 + 5], 2);
    unsigned want = unsigned(a[t] * b[t] + int8_t(records[t * 7])) + unsigned(value) + unsigned(int(more));
    EXPECT_EQ(unsigned(c[t]), want);
    EXPECT_EQ(d[2 * t], uint8_t(a[t] >> 1));
    EXPECT_EQ(d[2 * t + 1], uint8_t(b[t] >> 5));
    EXPECT_EQ(d[64 + t], a[t] > 0);
  }
}

TEST_P(ThreadPrograms, ClocksAdvance) {
  auto m = load("memory");
  uint64_t out = device.empty<int64_t>(32);
  expectClean(device.run(m, "clocks", {1}, {32}, Arguments().add(out)));
  for (int64_t cycles : device.download<int64_t>(out, 32)) {
    EXPECT_GT(cycles, 0);
    EXPECT_LT(cycles, 1000000000);
  }
}

TEST_P(ThreadPrograms, ConstantTables) {
  auto m = load("memory");
  auto x = floats(32);
  uint64_t out = device.empty<float>(32);
  expectClean(device.run(m, "constants", {1}, {32}, Arguments().add(upload(x)).add(out)));
  auto c = device.download<float>(out, 32);
  const float rows[4][5] = {{1, 2, 3, 4, 5}, {0, 1, 0, -1, 0}, {2, 2, 2, 2, 2}, {-1, 1, -1, 1, -1}};
  for (size_t t = 0; t < 32; ++t) {
    double r = 0;
    for (int k = 4; k >= 0; --k) r = r * x[t] + rows[t % 4][k];
    EXPECT_NEAR(c[t], r, 1e-5);
  }
}

TEST_P(ThreadPrograms, TiledProduct) {
  auto m = load("memory");
  const int n = 48;
  auto a = doubles(n * n), b = doubles(n * n);
  uint64_t out = device.empty<double>(n * n);
  expectClean(device.run(m, "tiledProduct", {3, 3}, {8, 8},
                         Arguments().add(upload(a)).add(upload(b)).add(out).add(n)));
  auto c = device.download<double>(out, n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
      ASSERT_NEAR(c[i * n + j], sum, 1e-12) << i << " " << j;
    }
  }
}

DLC_PROGRAM_VARIANTS(ThreadPrograms);

} // namespace
