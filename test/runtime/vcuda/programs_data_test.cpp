// scans.cu, sorts.cu, stencils.cu, graphs.cu and structures.cu.
#include "test/runtime/vcuda/programs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using DataPrograms = test::Program;

//===----------------------------------------------------------------------===//
// Scans
//===----------------------------------------------------------------------===//

TEST_P(DataPrograms, LookBackScan) {
  auto m = load("scans");
  const int n = 5000;
  const unsigned blocks = (n + 255) / 256;
  auto a = numbers(n, 0, 1000);
  uint64_t out = device.empty<unsigned>(n);
  expectClean(device.run(
      m, "lookBackScan", {blocks}, {256},
      Arguments().add(upload(a)).add(out).add(zeros<uint64_t>(blocks)).add(zeros<unsigned>(1)).add(n)));
  auto c = device.download<unsigned>(out, n);
  unsigned sum = 0;
  for (size_t i = 0; i < n; sum += a[i++]) ASSERT_EQ(c[i], sum) << i;
}

TEST_P(DataPrograms, BlellochScan) {
  auto m = load("scans");
  auto a = numbers<int>(512, -100, 100);
  uint64_t out = device.empty<int>(512);
  expectClean(
      device.run(m, "blellochScan", {2}, {128}, Arguments().add(upload(a)).add(out), 256 * sizeof(int)));
  auto c = device.download<int>(out, 512);
  for (size_t block = 0; block < 2; ++block) {
    int sum = 0;
    for (size_t i = 0; i < 256; sum += a[block * 256 + i++]) ASSERT_EQ(c[block * 256 + i], sum) << i;
  }
}

TEST_P(DataPrograms, SegmentedScan) {
  auto m = load("scans");
  const int n = 200;
  auto a = numbers<int>(n, -9, 9);
  auto heads = numbers<uint8_t>(n, 0, 6);
  for (uint8_t &h : heads) h = h == 0;
  uint64_t out = device.empty<int>(n);
  expectClean(device.run(m, "segmentedScan", {1}, {32},
                         Arguments().add(upload(a)).add(upload(heads)).add(out).add(n)));
  auto c = device.download<int>(out, n);
  int sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum = heads[i] ? a[i] : sum + a[i];
    ASSERT_EQ(c[i], sum) << i;
  }
}

TEST_P(DataPrograms, Compact) {
  auto m = load("scans");
  const int n = 700;
  auto a = numbers<int>(n, 0, 100);
  uint64_t out = device.empty<int>(n), count = zeros<unsigned>(1);
  expectClean(device.run(m, "compact", {6}, {128}, Arguments().add(upload(a)).add(out).add(count).add(n)));
  std::vector<int> want;
  std::copy_if(a.begin(), a.end(), std::back_inserter(want), [](int v) { return v % 3 == 0; });
  ASSERT_EQ(device.download<unsigned>(count, 1)[0], want.size());
  auto c = device.download<int>(out, want.size());
  std::sort(c.begin(), c.end());
  std::sort(want.begin(), want.end());
  EXPECT_EQ(c, want);
}

TEST_P(DataPrograms, ArgMax) {
  auto m = load("scans");
  const int n = 3000;
  auto a = floats(n);
  a[77] = a[2500] = 5.5f;
  uint64_t best = zeros<uint64_t>(1);
  expectClean(device.run(m, "argMax", {4}, {128}, Arguments().add(upload(a)).add(best).add(n)));
  EXPECT_EQ(0xffffffffu - unsigned(device.download<uint64_t>(best, 1)[0]), 77u);
}

TEST_P(DataPrograms, Welford) {
  auto m = load("scans");
  const int n = 1001;
  auto a = doubles(n, 1000, 1001);
  uint64_t out = device.empty<double>(2);
  expectClean(device.run(m, "welford", {1}, {128}, Arguments().add(upload(a)).add(out).add(n)));
  double mean = std::accumulate(a.begin(), a.end(), 0.0) / n, squares = 0;
  for (double x : a) squares += (x - mean) * (x - mean);
  auto c = device.download<double>(out, 2);
  EXPECT_NEAR(c[0], mean, 1e-9);
  EXPECT_NEAR(c[1], squares / n, 1e-9);
}

TEST_P(DataPrograms, ColumnSums) {
  auto m = load("scans");
  const int rows = 61, columns = 70;
  auto a = floats(size_t(rows * columns));
  uint64_t out = device.empty<float>(columns);
  expectClean(
      device.run(m, "columnSums", {3}, {32, 8}, Arguments().add(upload(a)).add(out).add(rows).add(columns)));
  auto c = device.download<float>(out, columns);
  for (int k = 0; k < columns; ++k) {
    double sum = 0;
    for (int r = 0; r < rows; ++r) sum += a[size_t(r * columns + k)];
    ASSERT_NEAR(c[size_t(k)], sum, 1e-5) << k;
  }
}

//===----------------------------------------------------------------------===//
// Sorts
//===----------------------------------------------------------------------===//

TEST_P(DataPrograms, BitonicSort) {
  auto m = load("sorts");
  auto a = numbers(1024, 0, 0xffffffffl);
  uint64_t keys = upload(a);
  expectClean(device.run(m, "bitonicSort", {2}, {256}, Arguments().add(keys)));
  std::sort(a.begin(), a.begin() + 512);
  std::sort(a.begin() + 512, a.end());
  EXPECT_EQ(device.download<unsigned>(keys, 1024), a);
}

TEST_P(DataPrograms, WarpSort) {
  auto m = load("sorts");
  auto a = numbers<int>(128, -1000, 1000);
  uint64_t keys = upload(a);
  expectClean(device.run(m, "warpSort", {2}, {64}, Arguments().add(keys)));
  for (int w = 0; w < 4; ++w) std::sort(a.begin() + 32 * w, a.begin() + 32 * w + 32);
  EXPECT_EQ(device.download<int>(keys, 128), a);
}

TEST_P(DataPrograms, RadixSort) {
  auto m = load("sorts");
  auto a = numbers(1024, 0, 0xffffffffl);
  uint64_t keys = upload(a);
  expectClean(device.run(m, "radixSort", {1}, {256}, Arguments().add(keys)));
  std::sort(a.begin(), a.end());
  EXPECT_EQ(device.download<unsigned>(keys, 1024), a);
}

TEST_P(DataPrograms, MergeLists) {
  auto m = load("sorts");
  auto a = numbers<int>(333, 0, 500), b = numbers<int>(190, 0, 500);
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::vector<int> want;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(want));
  uint64_t out = device.empty<int>(want.size());
  expectClean(
      device.run(m, "mergeLists", {3}, {64},
                 Arguments().add(upload(a)).add(int(a.size())).add(upload(b)).add(int(b.size())).add(out)));
  EXPECT_EQ(device.download<int>(out, want.size()), want);
}

TEST_P(DataPrograms, RankSort) {
  auto m = load("sorts");
  const int n = 300;
  auto a = numbers<int16_t>(n, -50, 50);
  uint64_t out = device.empty<int16_t>(n);
  expectClean(device.run(m, "rankSort", {3}, {128}, Arguments().add(upload(a)).add(out).add(n)));
  std::sort(a.begin(), a.end());
  EXPECT_EQ(device.download<int16_t>(out, n), a);
}

//===----------------------------------------------------------------------===//
// Stencils
//===----------------------------------------------------------------------===//

TEST_P(DataPrograms, Jacobi) {
  auto m = load("stencils");
  const int width = 75, height = 21;
  auto a = floats(size_t(width * height));
  uint64_t out = device.empty<float>(a.size());
  expectClean(
      device.run(m, "jacobi", {3, 3}, {32, 8}, Arguments().add(upload(a)).add(out).add(width).add(height)));
  auto c = device.download<float>(out, a.size());
  auto at = [&](int x, int y) {
    return a[size_t(std::clamp(y, 0, height - 1) * width + std::clamp(x, 0, width - 1))];
  };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      float want = 0.25f * (at(x, y - 1) + at(x, y + 1) + at(x - 1, y) + at(x + 1, y));
      ASSERT_NEAR(c[size_t(y * width + x)], want, 1e-6) << x << " " << y;
    }
  }
}

TEST_P(DataPrograms, ThreeDimensions) {
  auto m = load("stencils");
  const int nx = 19, ny = 11, nz = 7;
  auto a = doubles(size_t(nx * ny * nz));
  uint64_t out = upload(a);
  expectClean(device.run(m, "stencil3d", {2, 2}, {16, 8},
                         Arguments().add(upload(a)).add(out).add(nx).add(ny).add(nz)));
  auto c = device.download<double>(out, a.size());
  for (int z = 0; z < nz; ++z) {
    for (int y = 0; y < ny; ++y) {
      for (int x = 0; x < nx; ++x) {
        size_t i = size_t((z * ny + y) * nx + x);
        bool inner = x > 0 && y > 0 && z > 0 && x < nx - 1 && y < ny - 1 && z < nz - 1;
        double want =
            !inner ? a[i]
                   : a[i - nx * ny] + a[i + nx * ny] + a[i - 1] + a[i + 1] + a[i - nx] + a[i + nx] - 6 * a[i];
        ASSERT_NEAR(c[i], want, 1e-12) << x << " " << y << " " << z;
      }
    }
  }
}

TEST_P(DataPrograms, Convolve) {
  auto m = load("stencils");
  const int n = 300;
  auto a = floats(n), w = floats(9);
  uint64_t out = device.empty<float>(n);
  expectClean(device.run(m, "convolve", {3}, {128}, Arguments().add(upload(a)).add(upload(w)).add(out).add(n),
                         (128 + 17) * 4));
  auto c = device.download<float>(out, n);
  for (int i = 0; i < n; ++i) {
    double sum = 0;
    for (int k = 0; k < 9; ++k) {
      int j = i + k - 4;
      if (j >= 0 && j < n) sum += a[size_t(j)] * (w[size_t(k)] + 2.5 - 0.5 * std::abs(k - 4));
    }
    ASSERT_NEAR(c[size_t(i)], sum, 1e-5) << i;
  }
}

TEST_P(DataPrograms, Life) {
  auto m = load("stencils");
  const int width = 37, height = 20;
  auto a = numbers<uint8_t>(width * height, 0, 1);
  uint64_t out = device.empty<uint8_t>(a.size());
  expectClean(device.run(m, "life", {6}, {128}, Arguments().add(upload(a)).add(out).add(width).add(height)));
  auto c = device.download<uint8_t>(out, a.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int alive = 0;
      for (int k = 0; k < 9; ++k) {
        if (k != 4)
          alive += a[size_t((y + k / 3 + height - 1) % height * width + (x + k % 3 + width - 1) % width)];
      }
      ASSERT_EQ(c[size_t(y * width + x)], alive == 3 || (alive == 2 && a[size_t(y * width + x)]));
    }
  }
}

TEST_P(DataPrograms, Median) {
  auto m = load("stencils");
  const int width = 40, height = 6;
  auto a = numbers<uint8_t>(4 * width * height, 0, 255);
  uint64_t out = device.empty<uint8_t>(a.size());
  expectClean(
      device.run(m, "median", {2, height}, {32}, Arguments().add(upload(a)).add(out).add(width).add(height)));
  auto c = device.download<uint8_t>(out, a.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < 4 * width; ++x) {
      std::vector<uint8_t> v;
      for (int k = 0; k < 9; ++k) {
        int gx = std::clamp(x / 4 + k % 3 - 1, 0, width - 1), gy = std::clamp(y + k / 3 - 1, 0, height - 1);
        v.push_back(a[size_t((gy * width + gx) * 4 + x % 4)]);
      }
      std::sort(v.begin(), v.end());
      ASSERT_EQ(c[size_t(y * width * 4 + x)], v[4]) << x << " " << y;
    }
  }
}

//===----------------------------------------------------------------------===//
// Irregular work
//===----------------------------------------------------------------------===//

TEST_P(DataPrograms, BreadthFirst) {
  auto m = load("graphs");
  const int n = 200;
  std::vector<int> rows = {0}, edges;
  for (int v = 0; v < n; ++v) {
    for (int k = 0; k < 2; ++k) edges.push_back(int(generator() % n));
    rows.push_back(int(edges.size()));
  }
  std::vector<int> want(n, -1), frontier = {3};
  want[3] = 0;
  for (size_t k = 0; k < frontier.size(); ++k) {
    int v = frontier[k];
    for (int e = rows[size_t(v)]; e < rows[size_t(v) + 1]; ++e) {
      int to = edges[size_t(e)];
      if (want[size_t(to)] >= 0) continue;
      want[size_t(to)] = want[size_t(v)] + 1;
      frontier.push_back(to);
    }
  }
  std::vector<int> start(n, -1);
  start[3] = 0;
  uint64_t depth = upload(start), now = upload(std::vector<int>(n, 3)), next = upload(std::vector<int>(n, 0));
  uint64_t r = upload(rows), e = upload(edges);
  for (int level = 1, size = 1; size; ++level) {
    uint64_t count = zeros<unsigned>(1);
    expectClean(
        device.run(m, "breadthFirst", {unsigned(size + 63) / 64}, {64},
                   Arguments().add(r).add(e).add(depth).add(next).add(count).add(now).add(size).add(level)));
    size = int(device.download<unsigned>(count, 1)[0]);
    std::swap(now, next);
    ASSERT_LT(level, n);
  }
  EXPECT_EQ(device.download<int>(depth, n), want);
}

TEST_P(DataPrograms, SparseProduct) {
  auto m = load("graphs");
  const int n = 50;
  std::vector<int> rows = {0}, columns;
  for (int v = 0; v < n; ++v) {
    for (unsigned k = generator() % 80; k; --k) columns.push_back(int(generator() % n));
    rows.push_back(int(columns.size()));
  }
  auto values = doubles(columns.size()), x = doubles(n);
  uint64_t y = device.empty<double>(n);
  expectClean(device.run(
      m, "sparse", {13}, {128},
      Arguments().add(upload(rows)).add(upload(columns)).add(upload(values)).add(upload(x)).add(y).add(n)));
  auto c = device.download<double>(y, n);
  for (size_t r = 0; r < n; ++r) {
    double sum = 0;
    for (int k = rows[r]; k < rows[r + 1]; ++k) sum += values[size_t(k)] * x[size_t(columns[size_t(k)])];
    ASSERT_NEAR(c[r], sum, 1e-12) << r;
  }
}

TEST_P(DataPrograms, ShortestPaths) {
  auto m = load("graphs");
  const size_t n = 27;
  auto d = numbers<int>(n * n, 1, 1000);
  for (size_t i = 0; i < n; ++i) d[i * n + i] = 0;
  uint64_t address = upload(d);
  expectClean(device.run(m, "shortestPaths", {1}, {32, 8}, Arguments().add(address).add(int(n))));
  for (size_t k = 0; k < n; ++k) {
    for (size_t i = 0; i < n * n; ++i) d[i] = std::min(d[i], d[i / n * n + k] + d[k * n + i % n]);
  }
  EXPECT_EQ(device.download<int>(address, n * n), d);
}

TEST_P(DataPrograms, EditDistance) {
  auto m = load("graphs");
  auto a = numbers<char>(90, 'a', 'd'), b = numbers<char>(61, 'a', 'd');
  uint64_t out = device.empty<int>(1);
  expectClean(device.run(
      m, "editDistance", {1}, {96},
      Arguments().add(upload(a)).add(int(a.size())).add(upload(b)).add(int(b.size())).add(out), 3 * 97 * 4));
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      d[i][j] = i == 0 ? int(j)
                : j == 0
                    ? int(i)
                    : std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
    }
  }
  EXPECT_EQ(device.download<int>(out, 1)[0], d[a.size()][b.size()]);
}

TEST_P(DataPrograms, DropoutWithPhilox) {
  auto m = load("graphs");
  const int n = 1021;
  const float rate = 0.3f;
  const unsigned seed = 99;
  auto a = floats(n, 1, 2);
  uint64_t out = device.empty<float>(n), inside = zeros<unsigned>(1);
  expectClean(device.run(m, "dropout", {3}, {96},
                         Arguments().add(upload(a)).add(out).add(inside).add(rate).add(seed).add(n)));
  auto c = device.download<float>(out, n);
  unsigned hits = 0;
  for (unsigned i = 0; i < (n + 3) / 4; ++i) {
    uint32_t x[4] = {i, 0, 0, 0}, k[2] = {seed, 7};
    for (int r = 0; r < 10; ++r) {
      uint64_t p = uint64_t(0xD2511F53u) * x[0], q = uint64_t(0xCD9E8D57u) * x[2];
      uint32_t y[4] = {uint32_t(q >> 32) ^ x[1] ^ k[0], uint32_t(q), uint32_t(p >> 32) ^ x[3] ^ k[1],
                       uint32_t(p)};
      std::copy(y, y + 4, x);
      k[0] += 0x9E3779B9u;
      k[1] += 0xBB67AE85u;
    }
    for (unsigned j = 0; j < 4 && 4 * i + j < n; ++j) {
      bool keep = float(x[j]) * 2.3283064e-10f >= rate;
      ASSERT_FLOAT_EQ(c[4 * i + j], keep ? a[4 * i + j] / (1 - rate) : 0.0f) << 4 * i + j;
    }
    for (int j = 0; j < 4; j += 2)
      hits += uint64_t(x[j] >> 1) * (x[j] >> 1) + uint64_t(x[j + 1] >> 1) * (x[j + 1] >> 1) < uint64_t(1)
                                                                                                  << 62;
  }
  EXPECT_EQ(device.download<unsigned>(inside, 1)[0], hits);
}

TEST_P(DataPrograms, KMeans) {
  auto m = load("graphs");
  const int n = 400, k = 5;
  auto points = floats(2 * n), centres = floats(2 * k);
  uint64_t nearest = device.empty<int>(n), sums = zeros<float>(2 * k), counts = zeros<unsigned>(k);
  expectClean(device.run(
      m, "kMeans", {4}, {128},
      Arguments().add(upload(points)).add(upload(centres)).add(nearest).add(sums).add(counts).add(n).add(k)));
  auto c = device.download<int>(nearest, n);
  auto s = device.download<float>(sums, 2 * k);
  std::vector<double> want(2 * k);
  std::vector<unsigned> wantCounts(k);
  for (size_t i = 0; i < n; ++i) {
    size_t best = 0;
    float least = 1e30f;
    for (size_t j = 0; j < k; ++j) {
      float dx = points[2 * i] - centres[2 * j], dy = points[2 * i + 1] - centres[2 * j + 1];
      if (std::fma(dy, dy, dx * dx) < least) least = std::fma(dy, dy, dx * dx), best = j;
    }
    want[2 * best] += points[2 * i];
    want[2 * best + 1] += points[2 * i + 1];
    ++wantCounts[best];
    ASSERT_EQ(size_t(c[i]), best) << i;
  }
  EXPECT_EQ(device.download<unsigned>(counts, k), wantCounts);
  for (size_t j = 0; j < 2 * k; ++j) EXPECT_NEAR(s[j], want[j], 1e-4);
}

//===----------------------------------------------------------------------===//
// Structures
//===----------------------------------------------------------------------===//

struct Mixed {
  char letter;
  int number;
  short half;
};

TEST_P(DataPrograms, BitFieldsInNewWords) {
  auto m = load("structures");
  auto v = numbers<int>(64, 0, 1000);
  uint64_t out = device.empty<unsigned>(192), fields = device.empty<unsigned>(64),
           small = device.empty<uint8_t>(64), longs = device.empty<uint64_t>(64);
  expectClean(device.run(m, "bitFields", {1}, {64},
                         Arguments().add(upload(v)).add(out).add(fields).add(small).add(longs)));
  auto c = device.download<unsigned>(out, 192), f = device.download<unsigned>(fields, 64);
  auto s = device.download<uint8_t>(small, 64);
  auto l = device.download<uint64_t>(longs, 64);
  for (size_t t = 0; t < 64; ++t) {
    unsigned x = unsigned(v[t]), size = x & 31, sign = x & 1, high = x >> 1 & 7, tag = x & 127;
    uint64_t index = uint64_t(x) << 30 & ((uint64_t(1) << 40) - 1);
    EXPECT_EQ(c[3 * t], size * 2 + sign);
    EXPECT_EQ(c[3 * t + 1], high);
    EXPECT_EQ(c[3 * t + 2], tag + unsigned(index >> 28));
    EXPECT_EQ(f[t] >> 3 & 63, size | sign << 5);
    EXPECT_EQ(s[t] >> 2 & 7, high);
    EXPECT_EQ(l[t] & ((uint64_t(1) << 47) - 1), index | uint64_t(tag) << 40);
  }
}

TEST_P(DataPrograms, PaddingGoesAlong) {
  auto m = load("structures");
  auto v = numbers<int>(64, 0, 100);
  struct Wide {
    double value;
    int count;
  };
  uint64_t mixed = device.empty<Mixed>(64), wide = device.empty<Wide>(64), out = device.empty<int>(64);
  expectClean(device.run(m, "copies", {1}, {64}, Arguments().add(upload(v)).add(mixed).add(wide)));
  auto c = device.download<Mixed>(mixed, 64);
  auto w = device.download<Wide>(wide, 64);
  for (size_t t = 0; t < 64; ++t) {
    int x = v[63 - t];
    EXPECT_EQ(c[t].letter, char(x + 1));
    EXPECT_EQ(c[t].number, x * 4);
    EXPECT_EQ(c[t].half, x);
    EXPECT_EQ(w[t].value, v[t] * 0.5);
    EXPECT_EQ(w[t].count, v[t]);
  }
  expectClean(device.run(m, "exchanged", {1}, {64}, Arguments().add(upload(v)).add(mixed)));
  c = device.download<Mixed>(mixed, 64);
  for (size_t t = 0; t < 64; ++t) {
    int x = v[t ^ 9];
    EXPECT_EQ(c[t].letter, char(x));
    EXPECT_EQ(c[t].number, x * 5);
    EXPECT_EQ(c[t].half, x - 1);
  }
  expectClean(device.run(m, "partly", {1}, {64}, Arguments().add(upload(v)).add(out)));
  auto p = device.download<int>(out, 64);
  for (size_t t = 0; t < 64; ++t) EXPECT_EQ(p[t], v[t] * 7);
}

DLC_PROGRAM_VARIANTS(DataPrograms);

} // namespace
