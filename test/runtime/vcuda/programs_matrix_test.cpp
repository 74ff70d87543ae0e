// wmma.cu, pipelines.cu and cooperative.cu.
#include "test/runtime/vcuda/programs.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using MatrixPrograms = test::Program;
/// Optimised only: unoptimised, the library sets bit fields in words that nobody has written, which is
/// reported.
class GroupPrograms : public test::Program {};
using Half = _Float16;

//===----------------------------------------------------------------------===//
// wmma
//===----------------------------------------------------------------------===//

struct WmmaCase {
  const char *name;
  char type, sum; ///< h half, b bfloat, t tf32, s and u bytes, d double, f float, i int
  int m, n, k;
};
constexpr WmmaCase wmmaCases[] = {{"half16", 'h', 'f', 16, 16, 16},     {"half32", 'h', 'f', 32, 8, 16},
                                  {"half8", 'h', 'f', 8, 32, 16},       {"halfSum16", 'h', 'h', 16, 16, 16},
                                  {"halfSum32", 'h', 'h', 32, 8, 16},   {"halfSum8", 'h', 'h', 8, 32, 16},
                                  {"bfloat16", 'b', 'f', 16, 16, 16},   {"bfloat32", 'b', 'f', 32, 8, 16},
                                  {"bfloat8", 'b', 'f', 8, 32, 16},     {"signed16", 's', 'i', 16, 16, 16},
                                  {"signed32", 's', 'i', 32, 8, 16},    {"signed8", 's', 'i', 8, 32, 16},
                                  {"unsigned16", 'u', 'i', 16, 16, 16}, {"unsigned32", 'u', 'i', 32, 8, 16},
                                  {"unsigned8", 'u', 'i', 8, 32, 16},   {"doubles", 'd', 'd', 8, 8, 4},
                                  {"tf32", 't', 'f', 16, 16, 8}};

/// Small whole numbers, which every type holds and every sum keeps exact.
std::vector<uint8_t> encode(const std::vector<int> &values, char type) {
  std::vector<uint8_t> bytes;
  auto put = [&](auto v) {
    const uint8_t *p = reinterpret_cast<const uint8_t *>(&v);
    bytes.insert(bytes.end(), p, p + sizeof v);
  };
  for (int v : values) {
    switch (type) {
    case 'h':
      put(Half(v));
      break;
    case 'b':
      put(uint16_t(std::bit_cast<uint32_t>(float(v)) >> 16));
      break;
    case 'd':
      put(double(v));
      break;
    case 't':
    case 'f':
      put(float(v));
      break;
    case 'i':
      put(v);
      break;
    default:
      put(uint8_t(v));
      break;
    }
  }
  return bytes;
}

TEST_P(MatrixPrograms, Wmma) {
  auto module = load("wmma");
  for (const WmmaCase &s : wmmaCases) {
    for (bool turned : {false, true}) {
      SCOPED_TRACE(s.name + std::string(turned ? "ColRow" : "RowCol"));
      auto a = numbers<int>(size_t(s.m * s.k), s.type == 'u' ? 0 : -6, 6);
      auto b = numbers<int>(size_t(s.k * s.n), s.type == 'u' ? 0 : -6, 6);
      auto c = numbers<int>(size_t(s.m * s.n), -9, 9);
      // As the kernel wants them in memory: A by rows and B by columns, or the other way round.
      auto layOut = [](const std::vector<int> &v, int rows, int columns, bool byColumns) {
        std::vector<int> r(v.size());
        for (int i = 0; i < rows; ++i) {
          for (int j = 0; j < columns; ++j)
            r[size_t(byColumns ? j * rows + i : i * columns + j)] = v[size_t(i * columns + j)];
        }
        return r;
      };
      uint64_t out = upload(encode(std::vector<int>(c.size()), s.sum));
      expectClean(device.run(module, s.name + std::string(turned ? "ColRow" : "RowCol"), {1}, {32},
                             Arguments()
                                 .add(upload(encode(layOut(a, s.m, s.k, turned), s.type)))
                                 .add(upload(encode(layOut(b, s.k, s.n, !turned), s.type)))
                                 .add(upload(encode(layOut(c, s.m, s.n, turned), s.sum)))
                                 .add(out)));
      std::vector<int> want(c.size());
      for (int i = 0; i < s.m; ++i) {
        for (int j = 0; j < s.n; ++j) {
          int sum = c[size_t(i * s.n + j)];
          for (int k = 0; k < s.k; ++k) sum += a[size_t(i * s.k + k)] * b[size_t(k * s.n + j)];
          want[size_t(i * s.n + j)] = s.type == 't' ? sum : 2 * sum;
        }
      }
      auto bytes = encode(layOut(want, s.m, s.n, turned), s.sum);
      ASSERT_EQ(device.download<uint8_t>(out, bytes.size()), bytes);
    }
  }
}

TEST_P(MatrixPrograms, WmmaOfFewBits) {
  auto m = load("wmma");
  auto a = numbers<uint8_t>(128, 0, 255), b = numbers<uint8_t>(128, 0, 255);
  uint64_t out = device.empty<int>(64);
  for (const char *name : {"fourBitsSigned", "fourBitsUnsigned", "oneBitXor", "oneBitAnd"}) {
    SCOPED_TRACE(name);
    expectClean(device.run(m, name, {1}, {32}, Arguments().add(upload(a)).add(upload(b)).add(out)));
    auto c = device.download<int>(out, 64);
    bool four = name[0] == 'f', isSigned = name[8] == 'S', isXor = name[6] == 'X';
    for (size_t i = 0; i < 8; ++i) {
      for (size_t j = 0; j < 8; ++j) {
        int sum = four ? 3 : 0;
        for (size_t k = 0; k < (four ? 32u : 128u); ++k) {
          auto part = [&](const std::vector<uint8_t> &v, size_t row) {
            if (!four) return v[row * 16 + k / 8] >> (k % 8) & 1;
            int x = v[row * 16 + k / 2] >> (k % 2 * 4) & 15;
            return isSigned && x > 7 ? x - 16 : x;
          };
          int x = part(a, i), y = part(b, j);
          sum += four ? x * y : isXor ? x ^ y : x & y;
        }
        ASSERT_EQ(c[four ? i * 8 + j : j * 8 + i], sum) << i << " " << j;
      }
    }
  }
}

TEST_P(MatrixPrograms, WmmaThroughSharedMemory) {
  auto m = load("wmma");
  const int rows = 128, columns = 64, depth = 48;
  std::vector<Half> a, b;
  for (float f : floats(size_t(rows * depth))) a.push_back(Half(f));
  for (float f : floats(size_t(depth * columns))) b.push_back(Half(f));
  uint64_t out = device.empty<float>(size_t(rows * columns));
  LaunchResult r = device.run(m, "tiled", {1, 2}, {128},
                              Arguments().add(upload(a)).add(upload(b)).add(out).add(columns).add(depth));
  expectClean(r);
  EXPECT_EQ(r.counters.mmaFlops, 2u * rows * columns * depth);
  auto c = device.download<float>(out, size_t(rows * columns));
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (size_t k = 0; k < depth; ++k) sum += double(a[i * depth + k]) * double(b[k * columns + j]);
      ASSERT_NEAR(c[i * columns + j], sum, 1e-5) << i << " " << j;
    }
  }
}

//===----------------------------------------------------------------------===//
// Pipelines and barriers in shared memory
//===----------------------------------------------------------------------===//

TEST_P(MatrixPrograms, StagesOfCopies) {
  auto m = load("pipelines");
  const int tiles = 7;
  auto a = floats(tiles * 256);
  uint64_t out = device.empty<float>(a.size());
  expectClean(device.run(m, "stages", {1}, {64}, Arguments().add(upload(a)).add(out).add(tiles)));
  auto c = device.download<float>(out, a.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(c[i], a[i / 256 * 256 + 255 - i % 256]) << i;
}

TEST_P(MatrixPrograms, CopiesFilledWithZeros) {
  auto m = load("pipelines");
  auto a = numbers<int>(100, 1, 1000);
  uint64_t out = device.empty<int>(128);
  expectClean(device.run(m, "zeroFill", {1}, {128}, Arguments().add(upload(a)).add(out).add(100)));
  auto c = device.download<int>(out, 128);
  for (size_t t = 0; t < 128; ++t) ASSERT_EQ(c[t], t < 28 ? 1 : a[127 - t] + 1);
}

TEST_P(MatrixPrograms, ArriveAndWaitApart) {
  auto m = load("pipelines");
  const int rounds = 5;
  auto v = numbers<int>(96, -50, 50);
  uint64_t out = device.empty<int>(96);
  expectClean(device.run(m, "splitBarrier", {1}, {96}, Arguments().add(upload(v)).add(out).add(rounds)));
  std::vector<int> extra(96);
  for (int r = 0; r < rounds; ++r) {
    auto old = v;
    for (size_t t = 0; t < 96; ++t) {
      extra[t] += old[t] * r;
      v[t] = old[(t + 33) % 96] + 1;
    }
  }
  for (size_t t = 0; t < 96; ++t) v[t] += extra[t];
  EXPECT_EQ(device.download<int>(out, 96), v);
}

TEST_P(MatrixPrograms, ProducerAndConsumers) {
  auto m = load("pipelines");
  const int tiles = 9;
  auto v = numbers<int>(32 * tiles, -50, 50);
  uint64_t out = device.empty<int>(v.size());
  expectClean(device.run(m, "producerConsumer", {1}, {96}, Arguments().add(upload(v)).add(out).add(tiles)));
  auto c = device.download<int>(out, v.size());
  for (size_t i = 0; i < v.size(); ++i) ASSERT_EQ(c[i], v[i / 32 * 32 + 31 - i % 32] * 2) << i;
}

TEST_P(MatrixPrograms, BarrierThatWaitsForCopies) {
  auto m = load("pipelines");
  const int tiles = 4;
  auto v = numbers<int>(512 * tiles, -50, 50);
  uint64_t out = device.empty<int>(v.size());
  expectClean(device.run(m, "asyncBarrier", {1}, {128}, Arguments().add(upload(v)).add(out).add(tiles)));
  auto c = device.download<int>(out, v.size());
  for (size_t i = 0; i < v.size(); ++i)
    ASSERT_EQ(c[i], v[i / 512 * 512 + (127 - i % 512 / 4) * 4 + i % 4] + int(i % 4) + 1) << i;
}

TEST_P(MatrixPrograms, BarrierInstructions) {
  auto m = load("pipelines");
  uint64_t out = zeros<uint64_t>(65);
  expectClean(device.run(m, "barrierInstructions", {1}, {32}, Arguments().add(out)));
  auto c = device.download<uint64_t>(out, 65);
  for (size_t t = 0; t < 32; ++t) {
    EXPECT_EQ(c[t], 1u);
    EXPECT_EQ(c[32 + t], 7u);
  }
  EXPECT_EQ(c[64], 1u);
}

//===----------------------------------------------------------------------===//
// Cooperative groups
//===----------------------------------------------------------------------===//

TEST_P(GroupPrograms, Tiles) {
  auto m = load("cooperative");
  auto v = numbers<int>(128, 0, 9);
  uint64_t out = device.empty<int>(6 * 128);
  expectClean(device.run(m, "tiles", {2}, {64}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<int>(out, 6 * 128);
  for (size_t t = 0; t < 128; ++t) {
    auto from = v.begin() + long(t / 8 * 8), to = from + 8;
    int mask = 0;
    for (int k = 0; k < 8; ++k) mask |= (from[k] & 1) << k;
    EXPECT_EQ(c[6 * t], std::accumulate(from, to, 0));
    EXPECT_EQ(c[6 * t + 1], *std::max_element(from, to));
    EXPECT_EQ(c[6 * t + 2], std::accumulate(from, from + long(t % 8), 0));
    EXPECT_EQ(c[6 * t + 3], v[t ^ 3]);
    EXPECT_EQ(c[6 * t + 4], (std::count(from, to, 5) > 0) * 1000 + mask);
    EXPECT_EQ(c[6 * t + 5], int(t % 64 / 8 * 100 + t % 8));
  }
}

TEST_P(GroupPrograms, CoalescedThreads) {
  auto m = load("cooperative");
  const int n = 300;
  auto v = numbers<int>(n, 0, 20);
  uint64_t out = device.empty<int>(n), count = zeros<unsigned>(1);
  expectClean(device.run(m, "coalesced", {3}, {128}, Arguments().add(upload(v)).add(out).add(count).add(n)));
  std::vector<int> want;
  std::copy_if(v.begin(), v.end(), std::back_inserter(want), [](int x) { return x > 10; });
  ASSERT_EQ(device.download<unsigned>(count, 1)[0], want.size());
  auto c = device.download<int>(out, want.size());
  std::sort(c.begin(), c.end());
  std::sort(want.begin(), want.end());
  EXPECT_EQ(c, want);
}

TEST_P(GroupPrograms, LabelledPartitions) {
  auto m = load("cooperative");
  auto v = numbers<int>(64, 0, 99);
  uint64_t out = device.empty<int>(128);
  expectClean(device.run(m, "labelled", {1}, {64}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<int>(out, 128);
  for (size_t t = 0; t < 64; ++t) {
    int sum = 0, size = 0, rank = 0;
    for (size_t k = t / 32 * 32; k < t / 32 * 32 + 32; ++k) {
      if (v[k] % 5 != v[t] % 5) continue;
      sum += v[k], ++size, rank += k < t;
    }
    EXPECT_EQ(c[2 * t], sum);
    EXPECT_EQ(c[2 * t + 1], size * 100 + rank);
  }
}

TEST_P(GroupPrograms, GridThatSynchronises) {
  auto m = load("cooperative");
  const int n = 500, steps = 6;
  auto v = numbers<int>(n, -9, 9);
  uint64_t a = upload(v), b = device.empty<int>(n);
  device.cooperative = true;
  expectClean(device.run(m, "wholeGrid", {5}, {64}, Arguments().add(a).add(b).add(n).add(steps)));
  for (int s = 0; s < steps; ++s) {
    auto old = v;
    for (size_t i = 0; i < n; ++i) v[i] = old[i] + old[(i + 1) % n];
  }
  EXPECT_EQ(device.download<int>(a, n), v);
}

TEST_P(GroupPrograms, CopiesOfAGroup) {
  auto m = load("cooperative");
  const int n = 100;
  auto v = floats(2 * n);
  uint64_t out = device.empty<float>(2 * n);
  expectClean(device.run(m, "copied", {2}, {64}, Arguments().add(upload(v)).add(out).add(n), n * 4));
  auto c = device.download<float>(out, 2 * n);
  for (size_t i = 0; i < 2 * n; ++i) ASSERT_EQ(c[i], v[i / n * n + n - 1 - i % n]);
}

TEST_P(GroupPrograms, TilesOfSeveralWarps) {
  auto m = load("cooperative");
  auto v = numbers<int>(256, -99, 99);
  uint64_t out = device.empty<int>(256);
  expectClean(device.run(m, "bigTiles", {1}, {256}, Arguments().add(upload(v)).add(out)));
  auto c = device.download<int>(out, 256);
  for (size_t t = 0; t < 256; ++t) {
    auto from = v.begin() + long(t / 64 * 64);
    EXPECT_EQ(c[t], std::accumulate(from, from + 64, from[40])) << t;
  }
}

TEST_P(GroupPrograms, PipelineOfABlock) {
  auto m = load("cooperative");
  const int tiles = 6;
  auto v = numbers<int>(128 * tiles, -50, 50);
  uint64_t out = device.empty<int>(v.size());
  expectClean(device.run(m, "blockPipeline", {1}, {128}, Arguments().add(upload(v)).add(out).add(tiles)));
  auto c = device.download<int>(out, v.size());
  for (size_t i = 0; i < v.size(); ++i) ASSERT_EQ(c[i], v[i / 128 * 128 + 127 - i % 128] + int(i / 128)) << i;
}

DLC_PROGRAM_VARIANTS(MatrixPrograms);
DLC_PROGRAM_VARIANTS(GroupPrograms);

} // namespace
