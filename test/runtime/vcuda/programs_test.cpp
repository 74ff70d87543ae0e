// basic.cu and matmul.cu.
#include "test/runtime/vcuda/programs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using Programs = test::Program;

TEST_P(Programs, Add) {
  auto m = load("basic");
  const int n = 1000;
  auto a = floats(n), b = floats(n);
  uint64_t out = device.empty<float>(n);
  expectClean(device.run(m, "add", {4}, {256},
                         Arguments().add(device.upload(a)).add(device.upload(b)).add(out).add(n)));
  auto c = device.download<float>(out, n);
  for (int i = 0; i < n; ++i) ASSERT_EQ(c[size_t(i)], a[size_t(i)] + b[size_t(i)]) << i;
}

TEST_P(Programs, Reduce) {
  auto m = load("basic");
  const int n = 10000;
  auto a = floats(n);
  uint64_t out = device.empty<float>(5);
  expectClean(device.run(m, "reduce", {5}, {192}, Arguments().add(device.upload(a)).add(out).add(n)));
  auto c = device.download<float>(out, 5);
  EXPECT_NEAR(std::accumulate(c.begin(), c.end(), 0.0), std::accumulate(a.begin(), a.end(), 0.0), 1e-3);
}

TEST_P(Programs, Scan) {
  auto m = load("basic");
  auto a = numbers(1024, 0, 1000);
  uint64_t out = device.empty<int>(1024);
  expectClean(device.run(m, "scan", {4}, {256}, Arguments().add(device.upload(a)).add(out)));
  auto c = device.download<unsigned>(out, 1024);
  for (size_t block = 0; block < 4; ++block) {
    unsigned sum = 0;
    for (size_t i = 0; i < 256; ++i) ASSERT_EQ(c[block * 256 + i], sum += a[block * 256 + i]);
  }
}

TEST_P(Programs, Transpose) {
  auto m = load("basic");
  const int rows = 70, columns = 45;
  auto a = floats(size_t(rows * columns));
  uint64_t out = device.empty<float>(size_t(rows * columns));
  expectClean(device.run(m, "transpose", {2, 3}, {32, 8},
                         Arguments().add(device.upload(a)).add(out).add(rows).add(columns)));
  auto c = device.download<float>(out, size_t(rows * columns));
  for (int r = 0; r < rows; ++r) {
    for (int k = 0; k < columns; ++k) ASSERT_EQ(c[size_t(k * rows + r)], a[size_t(r * columns + k)]);
  }
}

TEST_P(Programs, Histogram) {
  auto m = load("basic");
  const int n = 5000;
  std::vector<uint8_t> a(n);
  for (uint8_t &b : a) b = uint8_t(generator() % 100);
  uint64_t bins = device.upload(std::vector<unsigned>(256));
  expectClean(device.run(m, "histogram", {3}, {128}, Arguments().add(device.upload(a)).add(bins).add(n)));
  auto c = device.download<unsigned>(bins, 256);
  for (unsigned v = 0; v < 256; ++v)
    ASSERT_EQ(c[v], unsigned(std::count(a.begin(), a.end(), uint8_t(v)))) << v;
}

TEST_P(Programs, Softmax) {
  auto m = load("basic");
  const int rows = 7, columns = 77;
  auto a = floats(size_t(rows * columns));
  uint64_t out = device.empty<float>(size_t(rows * columns));
  expectClean(device.run(m, "softmax", {2}, {128},
                         Arguments().add(device.upload(a)).add(out).add(rows).add(columns)));
  auto c = device.download<float>(out, size_t(rows * columns));
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
    for (int k = 0; k < columns; ++k) sum += std::exp(a[size_t(r * columns + k)]);
    for (int k = 0; k < columns; ++k)
      ASSERT_NEAR(c[size_t(r * columns + k)], std::exp(a[size_t(r * columns + k)]) / sum, 1e-6);
  }
}

TEST_P(Programs, DivergentLoops) {
  auto m = load("basic");
  const int n = 200;
  auto a = numbers(n, 1, 5000);
  uint64_t out = device.empty<unsigned>(n);
  expectClean(device.run(m, "collatz", {2}, {128}, Arguments().add(device.upload(a)).add(out).add(n)));
  auto c = device.download<unsigned>(out, n);
  for (size_t i = 0; i < n; ++i) {
    unsigned steps = 0;
    for (unsigned v = a[i]; v != 1; ++steps) v = v % 2 ? 3 * v + 1 : v / 2;
    ASSERT_EQ(c[i], steps) << a[i];
  }
}

float polynomial(const std::vector<float> &c, float x) {
  float r = 0;
  for (size_t i = c.size(); i-- > 0;) r = std::fma(r, x, c[i]);
  return r;
}

TEST_P(Programs, FunctionsRecursionAndPointers) {
  auto m = load("basic");
  const int n = 100;
  auto a = numbers(n, 1, 1000), b = numbers(n, 1, 1000);
  uint64_t g = device.empty<unsigned>(n), p = device.empty<float>(n);
  expectClean(device.run(m, "functions", {1}, {128},
                         Arguments().add(device.upload(a)).add(device.upload(b)).add(g).add(p).add(n)));
  auto gs = device.download<unsigned>(g, n);
  auto ps = device.download<float>(p, n);
  for (size_t i = 0; i < n; ++i) {
    ASSERT_EQ(gs[i], std::gcd(a[i], b[i]));
    std::vector<float> c;
    for (size_t k = 0; k < 4; ++k) c.push_back(float((k + i) % 4 + 1));
    float r = polynomial(c, 0.5f), x = float(a[i] % 7);
    ASSERT_EQ(ps[i], i % 2 ? r * x : r + x) << i;
  }
}

TEST_P(Programs, LastBlockReduction) {
  auto m = load("basic");
  const int n = 4000;
  auto a = floats(n);
  uint64_t partial = device.empty<float>(6), out = device.empty<float>(1);
  for (int round = 0; round < 2; ++round) {
    expectClean(device.run(m, "lastBlock", {6}, {128},
                           Arguments().add(device.upload(a)).add(partial).add(out).add(n)));
    EXPECT_NEAR(device.download<float>(out, 1)[0], std::accumulate(a.begin(), a.end(), 0.0), 1e-3);
  }
}

TEST_P(Programs, LockInsideAWarp) {
  auto m = load("basic");
  uint64_t mutex = device.upload(std::vector<int>(1)), counter = device.upload(std::vector<int>(1));
  expectClean(device.run(m, "lock", {2}, {64}, Arguments().add(mutex).add(counter)));
  EXPECT_EQ(device.download<int>(counter, 1)[0], 128);
}

TEST_P(Programs, BlocksThatWaitForEachOther) {
  auto m = load("basic");
  const unsigned blocks = 40;
  uint64_t flags = device.upload(std::vector<int>(blocks)), out = device.empty<int>(blocks);
  expectClean(device.run(m, "chain", {blocks}, {32}, Arguments().add(flags).add(out)));
  auto c = device.download<int>(out, blocks);
  for (unsigned i = 0; i < blocks; ++i) EXPECT_EQ(c[i], int(i) + 1);
}

TEST_P(Programs, WarpOperations) {
  auto m = load("basic");
  std::vector<int> v(32);
  for (int &x : v) x = int(generator() % 200);
  uint64_t out = device.empty<int>(256);
  expectClean(device.run(m, "warpOps", {1}, {32}, Arguments().add(device.upload(v)).add(out)));
  auto c = device.download<int>(out, 256);
  unsigned ballot = 0;
  for (unsigned t = 0; t < 32; ++t) ballot |= unsigned(v[t] & 1) << t;
  bool any = std::any_of(v.begin(), v.end(), [](int x) { return x > 100; });
  for (unsigned t = 0; t < 32; ++t) {
    EXPECT_EQ(unsigned(c[t]), ballot);
    EXPECT_EQ(c[t + 32], std::accumulate(v.begin(), v.end(), 0));
    unsigned same = 0;
    for (unsigned k = 0; k < 32; ++k) same |= unsigned(v[k] % 4 == v[t] % 4) << k;
    EXPECT_EQ(unsigned(c[t + 64]), same);
    EXPECT_EQ(c[t + 96], any * 2 + 1);
    EXPECT_EQ(c[t + 128], v[t / 8 * 8 + t / 8]);
    int x = v[t];
    EXPECT_EQ(c[t + 160], __builtin_popcount(unsigned(x)) + (x ? __builtin_clz(unsigned(x)) : 32) * 100 +
                              __builtin_ffs(x) * 10000);
    EXPECT_EQ(c[t + 192], v[t < 3 ? t : t - 3]);
    EXPECT_EQ(c[t + 224], t < 16 ? v[t ^ 5] : v[t ^ 9]);
  }
}

TEST_P(Programs, DoubleMaths) {
  auto m = load("basic");
  const int n = 100;
  std::vector<double> a, b;
  for (int i = 0; i < n; ++i) a.push_back(i * 0.37 - 11), b.push_back(3 - i * 0.041);
  uint64_t out = device.empty<double>(n);
  expectClean(device.run(m, "doubles", {1}, {128},
                         Arguments().add(device.upload(a)).add(device.upload(b)).add(out).add(n)));
  auto c = device.download<double>(out, n);
  for (size_t i = 0; i < n; ++i) {
    double want = std::sqrt(a[i] * a[i] + b[i] * b[i]) + std::sin(a[i]) * std::exp(b[i]) + a[i] / b[i];
    ASSERT_NEAR(c[i], want, 1e-13 * std::max(1.0, std::fabs(want))) << i;
  }
}

TEST_P(Programs, LongIntegers) {
  auto m = load("basic");
  const int n = 64;
  std::vector<int64_t> a, b;
  std::mt19937_64 wide(3);
  for (int i = 0; i < n; ++i) {
    a.push_back(int64_t(wide()));
    b.push_back(int64_t(wide() >> (i % 60)) | 1);
  }
  uint64_t out = device.empty<int64_t>(4 * n);
  expectClean(device.run(m, "longs", {1}, {64},
                         Arguments().add(device.upload(a)).add(device.upload(b)).add(out).add(n)));
  auto c = device.download<int64_t>(out, 4 * n);
  for (size_t i = 0; i < n; ++i) {
    EXPECT_EQ(c[4 * i], int64_t(uint64_t(a[i]) * uint64_t(b[i])));
    EXPECT_EQ(c[4 * i + 1], a[i] / b[i]);
    EXPECT_EQ(c[4 * i + 2], a[i] % b[i]);
    EXPECT_EQ(c[4 * i + 3], int64_t((__int128(a[i]) * b[i]) >> 64) ^ int64_t(uint64_t(a[i]) >> (b[i] & 63)));
  }
}

TEST_P(Programs, MatmulWithTensorCores) {
  auto m = load("matmul");
  const int M = 128, N = 64, K = 96;
  auto half = [](float f) { return static_cast<_Float16>(f); };
  std::vector<_Float16> a, b;
  for (float f : floats(size_t(M * K))) a.push_back(half(f));
  for (float f : floats(size_t(K * N))) b.push_back(half(f));
  uint64_t out = device.empty<float>(size_t(M * N));
  device.options.counters = true;
  LaunchResult r =
      device.run(m, "matmul", {unsigned(N) / 64, unsigned(M) / 64}, {128},
                 Arguments().add(device.upload(a)).add(device.upload(b)).add(out).add(M).add(N).add(K));
  expectClean(r);
  EXPECT_EQ(r.counters.mmaFlops, 2u * M * N * K);
  EXPECT_EQ(r.counters.sharedBankConflicts, 0u);
  auto c = device.download<float>(out, size_t(M * N));
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) {
      double sum = 0;
      for (int k = 0; k < K; ++k) sum += double(a[size_t(i * K + k)]) * double(b[size_t(k * N + j)]);
      ASSERT_NEAR(c[size_t(i * N + j)], sum, 1e-4) << i << " " << j;
    }
  }
}

DLC_PROGRAM_VARIANTS(Programs);

} // namespace
