// triton/*.ptx: kernels in Triton, compiled for two architectures.
#include "test/runtime/vcuda/programs.h"

#include <algorithm>
#include <cmath>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using Half = _Float16;

struct TritonVariant {
  const char *architecture;
  Schedule schedule;
};

class Triton : public testing::TestWithParam<TritonVariant> {
protected:
  void SetUp() override {
    device.options.schedule = GetParam().schedule;
    device.options.checks = Checks::Full;
  }
  /// Four warps per CTA; behind the arguments stand two addresses of scratch memory that is not needed.
  void run(const std::string &name, Dim3 grid, Arguments arguments) {
    std::string text = readProgram("triton/" + name + "." + GetParam().architecture + ".ptx");
    uint32_t shared = uint32_t(std::stoul(text.substr(text.find(": ") + 2)));
    auto module = device.load(text);
    arguments.add(uint64_t(0)).add(uint64_t(0));
    expectClean(device.run(module, name, grid, {128}, arguments, shared));
  }
  std::vector<float> floats(size_t n) {
    std::vector<float> v(n);
    for (float &f : v) f = std::uniform_real_distribution<float>(-1, 1)(generator);
    return v;
  }
  std::vector<Half> halves(size_t n) {
    std::vector<Half> v;
    for (float f : floats(n)) v.push_back(Half(f));
    return v;
  }
  Device device;
  std::mt19937 generator{11};
};

TEST_P(Triton, Matmul) {
  const int m = 100, n = 48, k = 80;
  auto a = halves(size_t(m * k)), b = halves(size_t(k * n));
  uint64_t out = device.empty<float>(size_t(m * n));
  run("matmul", {2, 2},
      Arguments().add(device.upload(a)).add(device.upload(b)).add(out).add(m).add(n).add(k));
  auto c = device.download<float>(out, size_t(m * n));
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t x = 0; x < k; ++x) sum += double(a[i * k + x]) * double(b[x * n + j]);
      ASSERT_NEAR(c[i * n + j], sum, 1e-4) << i << " " << j;
    }
  }
}

TEST_P(Triton, Attention) {
  const int heads = 2, n = 75, d = 32;
  const float scale = 0.3f;
  auto q = halves(heads * n * d), k = halves(heads * n * d), v = halves(heads * n * d);
  uint64_t out = device.empty<float>(q.size());
  run("attention", {3, heads},
      Arguments()
          .add(device.upload(q))
          .add(device.upload(k))
          .add(device.upload(v))
          .add(out)
          .add(scale)
          .add(n));
  auto c = device.download<float>(out, q.size());
  for (size_t row = 0; row < heads * n; ++row) {
    size_t head = row / n * n;
    std::vector<double> weights;
    double total = 0;
    for (size_t j = 0; j < n; ++j) {
      double score = 0;
      for (size_t x = 0; x < d; ++x) score += double(q[row * d + x]) * double(k[(head + j) * d + x]);
      weights.push_back(std::exp(score * scale));
      total += weights.back();
    }
    for (size_t x = 0; x < d; ++x) {
      double sum = 0;
      for (size_t j = 0; j < n; ++j) sum += weights[j] / total * double(v[(head + j) * d + x]);
      ASSERT_NEAR(c[row * d + x], sum, 2e-3) << row << " " << x;
    }
  }
}

TEST_P(Triton, LayerNorm) {
  const int rows = 5, n = 611;
  const float eps = 1e-5f;
  auto x = floats(size_t(rows * n)), w = floats(n), b = floats(n);
  uint64_t out = device.empty<float>(x.size());
  run("layerNorm", {rows},
      Arguments().add(device.upload(x)).add(device.upload(w)).add(device.upload(b)).add(out).add(n).add(eps));
  auto c = device.download<float>(out, x.size());
  for (size_t r = 0; r < rows; ++r) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; ++i) mean += x[r * n + i] / double(n);
    for (size_t i = 0; i < n; ++i) square += (x[r * n + i] - mean) * (x[r * n + i] - mean) / n;
    for (size_t i = 0; i < n; ++i)
      ASSERT_NEAR(c[r * n + i], (x[r * n + i] - mean) / std::sqrt(square + eps) * w[i] + b[i], 1e-5) << i;
  }
}

TEST_P(Triton, Softmax) {
  const int rows = 4, n = 403;
  auto x = floats(size_t(rows * n));
  uint64_t out = device.empty<float>(x.size());
  run("softmax", {rows}, Arguments().add(device.upload(x)).add(out).add(n));
  auto c = device.download<float>(out, x.size());
  for (size_t r = 0; r < rows; ++r) {
    double total = 0;
    for (size_t i = 0; i < n; ++i) total += std::exp(double(x[r * n + i]));
    for (size_t i = 0; i < n; ++i)
      ASSERT_NEAR(c[r * n + i], std::exp(double(x[r * n + i])) / total, 1e-7) << i;
  }
}

/// The first word of Philox with ten rounds.
uint32_t philox(uint32_t counter, uint32_t seed) {
  uint32_t x[4] = {counter, 0, 0, 0}, k[2] = {seed, 0};
  for (int r = 0; r < 10; ++r) {
    uint64_t p = uint64_t(0xD2511F53u) * x[0], q = uint64_t(0xCD9E8D57u) * x[2];
    uint32_t y[4] = {uint32_t(q >> 32) ^ x[1] ^ k[0], uint32_t(q), uint32_t(p >> 32) ^ x[3] ^ k[1],
                     uint32_t(p)};
    std::copy(y, y + 4, x);
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return x[0];
}

TEST_P(Triton, Dropout) {
  const int n = 1900, seed = 123;
  const float p = 0.4f;
  auto x = floats(n);
  uint64_t out = device.empty<float>(n);
  run("dropout", {4}, Arguments().add(device.upload(x)).add(out).add(n).add(p).add(seed));
  auto c = device.download<float>(out, n);
  for (uint32_t i = 0; i < n; ++i) {
    int32_t word = int32_t(philox(i, seed));
    bool keep = float(word < 0 ? -word - 1 : word) * 4.6566127342e-10f > p;
    ASSERT_NEAR(c[i], keep ? x[i] / (1 - p) : 0, 1e-6) << i;
  }
}

TEST_P(Triton, Sort) {
  std::vector<int> x(512);
  for (int &v : x) v = int(generator());
  uint64_t out = device.empty<int>(512);
  run("sort", {2}, Arguments().add(device.upload(x)).add(out));
  std::sort(x.begin(), x.begin() + 256);
  std::sort(x.begin() + 256, x.end());
  EXPECT_EQ(device.download<int>(out, 512), x);
}

TEST_P(Triton, Histogram) {
  const int n = 1300;
  std::vector<int> x(n), want(64);
  for (int &v : x) ++want[size_t(v = int(generator() % 64))];
  uint64_t bins = device.upload(std::vector<int>(64));
  run("histogram", {3}, Arguments().add(device.upload(x)).add(bins).add(n));
  EXPECT_EQ(device.download<int>(bins, 64), want);
}

INSTANTIATE_TEST_SUITE_P(All, Triton,
                         testing::Values(TritonVariant{"sm_80", {Schedule::Forward, 0}},
                                         TritonVariant{"sm_80", {Schedule::Reverse, 0}},
                                         TritonVariant{"sm_80", {Schedule::Random, 1}},
                                         TritonVariant{"sm_80", {Schedule::Ahead, 2}},
                                         TritonVariant{"sm_86", {Schedule::Forward, 0}},
                                         TritonVariant{"sm_86", {Schedule::Reverse, 0}},
                                         TritonVariant{"sm_86", {Schedule::Random, 2}},
                                         TritonVariant{"sm_86", {Schedule::Ahead, 1}}),
                         [](const testing::TestParamInfo<TritonVariant> &info) {
                           return std::string(info.param.architecture) + std::to_string(info.index);
                         });

} // namespace
