// Other ways to compute floats: tensor-core sums, jittered approximations, payloads.
#include "test/runtime/vcuda/device.h"

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using Half = _Float16;

class ArithmeticTest : public testing::Test {
protected:
  void SetUp() override { module = device.load(readProgram("arithmetic.o3.ptx")); }
  template <class T> std::vector<T> random(size_t n, double from, double to) {
    std::vector<T> v;
    for (size_t i = 0; i < n; ++i)
      v.push_back(T(std::uniform_real_distribution<double>(from, to)(generator)));
    return v;
  }
  Device device;
  ModuleInstance module;
  std::mt19937 generator{5};
};

//===----------------------------------------------------------------------===//
// Tensor cores, by whole numbers
//===----------------------------------------------------------------------===//

/// value = whole * 2^exponent; `top` is the exponent that alignment goes by.
struct Number {
  __int128 whole = 0;
  int exponent = 0, top = 0;
};

Number numberOfHalf(uint16_t bits) {
  int field = bits >> 10 & 31, fraction = bits & 1023;
  Number n;
  n.whole = field ? fraction + 1024 : fraction;
  n.exponent = std::max(field, 1) - 25;
  n.top = std::max(field, 1) - 15;
  if (bits >> 15) n.whole = -n.whole;
  return n;
}
Number numberOfFloat(uint32_t bits) {
  int field = int(bits >> 23 & 255), fraction = int(bits & 0x7fffff);
  Number n;
  n.whole = field ? fraction + 0x800000 : fraction;
  n.exponent = std::max(field, 1) - 150;
  n.top = std::max(field, 1) - 127;
  if (bits >> 31) n.whole = -n.whole;
  return n;
}

/// Multiples of 2^(top - fraction), cut off.
__int128 aligned(const Number &n, int unit) {
  __int128 magnitude = n.whole < 0 ? -n.whole : n.whole;
  int shift = n.exponent - unit;
  magnitude = shift >= 0 ? magnitude << shift : shift < -100 ? 0 : magnitude >> -shift;
  return n.whole < 0 ? -magnitude : magnitude;
}

uint32_t floatBits(__int128 sum, int unit) {
  uint32_t sign = sum < 0 ? 0x80000000u : 0;
  __int128 magnitude = sum < 0 ? -sum : sum;
  if (magnitude == 0) return 0;
  while (magnitude >= 0x1000000) magnitude >>= 1, ++unit;
  while (magnitude < 0x800000) magnitude <<= 1, --unit;
  return sign | uint32_t(unit + 150) << 23 | (uint32_t(magnitude) & 0x7fffff);
}

/// C and the products of some k in one sum.
uint32_t sumOf(const std::vector<uint16_t> &a, const std::vector<uint16_t> &b, uint32_t c, int fraction) {
  std::vector<Number> all = {numberOfFloat(c)};
  for (size_t k = 0; k < a.size(); ++k) {
    Number p = numberOfHalf(a[k]), q = numberOfHalf(b[k]);
    all.push_back({p.whole * q.whole, p.exponent + q.exponent, p.top + q.top});
  }
  int top = INT32_MIN;
  for (const Number &n : all)
    if (n.whole) top = std::max(top, n.top);
  if (top == INT32_MIN) return c;
  __int128 sum = 0;
  for (const Number &n : all) sum += aligned(n, top - fraction);
  return floatBits(sum, top - fraction);
}

struct Matrices {
  std::vector<uint16_t> a = std::vector<uint16_t>(16 * 16), b = std::vector<uint16_t>(16 * 8);
  std::vector<uint32_t> c = std::vector<uint32_t>(16 * 8);
};

/// Runs one mma; D by rows.
std::vector<uint32_t> multiply(Device &device, const ModuleInstance &module, const Matrices &m) {
  std::vector<uint32_t> a(128), b(64), c(128);
  for (unsigned l = 0; l < 32; ++l) {
    unsigned g = l / 4, q = l % 4;
    for (unsigned r = 0; r < 4; ++r) {
      size_t at = (g + 8 * (r % 2)) * 16 + 2 * q + 8 * (r / 2);
      a[4 * l + r] = uint32_t(m.a[at + 1]) << 16 | m.a[at];
      c[4 * l + r] = m.c[(g + 8 * (r / 2)) * 8 + 2 * q + r % 2];
    }
    for (unsigned r = 0; r < 2; ++r) {
      size_t k = 2 * q + 8 * r;
      b[2 * l + r] = uint32_t(m.b[(k + 1) * 8 + g]) << 16 | m.b[k * 8 + g];
    }
  }
  uint64_t out = device.empty<uint32_t>(128);
  expectClean(
      device.run(module, "multiply", {1}, {32},
                 Arguments().add(device.upload(a)).add(device.upload(b)).add(device.upload(c)).add(out)));
  std::vector<uint32_t> d(128), raw = device.download<uint32_t>(out, 128);
  for (unsigned l = 0; l < 32; ++l)
    for (unsigned r = 0; r < 4; ++r) d[(l / 4 + 8 * (r / 2)) * 8 + 2 * (l % 4) + r % 2] = raw[4 * l + r];
  return d;
}

TEST_F(ArithmeticTest, ExactMmaIsTheSumOfWholeNumbers) {
  device.options.arithmetic.mma = Arithmetic::Exact;
  auto finite = [&] { // all exponents but that of infinity
    uint16_t bits = uint16_t(generator());
    return (bits & 0x7c00) == 0x7c00 ? uint16_t(bits & 0x83ff) : bits;
  };
  for (unsigned round = 0; round < 40; ++round) {
    Matrices m;
    for (uint16_t &v : m.a) v = finite();
    for (uint16_t &v : m.b) v = finite();
    for (uint32_t &v : m.c)
      v = std::bit_cast<uint32_t>(float(std::ldexp(double(int(generator())), int(generator() % 60) - 60)));
    for (unsigned sm : {80u, 89u, 90u}) {
      device.limits.smVersion = sm;
      auto d = multiply(device, module, m);
      for (unsigned i = 0; i < 16; ++i) {
        for (unsigned j = 0; j < 8; ++j) {
          std::vector<uint16_t> row(&m.a[i * 16], &m.a[i * 16] + 16), column;
          for (unsigned k = 0; k < 16; ++k) column.push_back(m.b[k * 8 + j]);
          uint32_t want = m.c[i * 8 + j];
          unsigned step = sm >= 90 ? 16 : 8;
          for (unsigned k = 0; k < 16; k += step)
            want = sumOf({row.begin() + k, row.begin() + k + step},
                         {column.begin() + k, column.begin() + k + step}, want, sm >= 90 ? 25 : 24);
          ASSERT_EQ(d[i * 8 + j], want) << sm << ", " << i << ", " << j;
        }
      }
    }
  }
}

TEST_F(ArithmeticTest, ExactMmaKeepsWhatRoundingLoses) {
  Matrices m;
  for (uint16_t &v : m.a) v = 0x0c00; // 2^-12
  for (uint16_t &v : m.b) v = 0x0c00;
  for (uint32_t &v : m.c) v = 0x3f800000;
  // 16 products of 2^-24: each alone is half a unit of 1, and rounds to nothing.
  EXPECT_EQ(multiply(device, module, m)[0], 0x3f800000u);
  device.options.arithmetic.mma = Arithmetic::Exact;
  EXPECT_EQ(multiply(device, module, m)[0], 0x3f800008u);
  m.a[0] = 0x7c00; // infinity in the first row
  EXPECT_EQ(multiply(device, module, m)[0], 0x7f800000u);
  EXPECT_EQ(multiply(device, module, m)[8], 0x3f800008u);
  m.b[0] = 0; // times zero
  EXPECT_EQ(multiply(device, module, m)[0], 0x7fffffffu);
}

TEST_F(ArithmeticTest, ExactHalfAccumulatorsRoundToNearestEven) {
  device.options.arithmetic.mma = Arithmetic::Exact;
  std::vector<uint32_t> a(128, 0), b(64, 0), c(64, 0x3c003c00); // C = 1
  for (unsigned l = 0; l < 32; l += 4) {                        // k = 0: 2^-11 times 1, 3
    a[4 * l] = a[4 * l + 1] = 0x1000;
    b[2 * l] = l % 8 ? 0x4200 : 0x3c00;
  }
  uint64_t out = device.empty<uint32_t>(64);
  expectClean(
      device.run(module, "multiplyHalf", {1}, {32},
                 Arguments().add(device.upload(a)).add(device.upload(b)).add(device.upload(c)).add(out)));
  auto d = device.download<uint32_t>(out, 64);
  // 1 + 2^-11 is a tie, down to even; 1 + 3 * 2^-11 one up to even.
  EXPECT_EQ(d[0], 0x3c023c00u);
}

//===----------------------------------------------------------------------===//
// Approximations
//===----------------------------------------------------------------------===//

struct Approximation {
  const char *name;
  std::function<double(double, double)> exact;
  double relative, absolute;
};

const Approximation table[] = {
    {"ex2", [](double x, double) { return std::exp2(x); }, std::exp2(-22), 0},
    {"lg2", [](double x, double) { return std::log2(x); }, std::exp2(-22), std::exp2(-22)},
    {"rcp", [](double x, double) { return 1 / x; }, std::exp2(-23), 0},
    {"sqrt", [](double x, double) { return std::sqrt(x); }, std::exp2(-23), 0},
    {"rsqrt", [](double x, double) { return 1 / std::sqrt(x); }, std::exp2(-22.9), 0},
    {"sin", [](double x, double) { return std::sin(x); }, 0, std::exp2(-20.5)},
    {"cos", [](double x, double) { return std::cos(x); }, 0, std::exp2(-20.5)},
    {"tanh", [](double x, double) { return std::tanh(x); }, std::exp2(-11), 0},
    {"div", [](double x, double y) { return x / y; }, std::exp2(-22), 0},
};

TEST_F(ArithmeticTest, JitterStaysInsideTheBoundsAndUsesThem) {
  const int n = 512;
  auto x = random<float>(n, 0.01, 6), y = random<float>(n, 0.5, 2);
  auto run = [&](Arithmetic arithmetic) {
    device.options.arithmetic = arithmetic;
    uint64_t out = device.empty<float>(9 * n);
    expectClean(device.run(module, "approximations", {4}, {128},
                           Arguments().add(device.upload(x)).add(device.upload(y)).add(out).add(n)));
    return device.download<float>(out, 9 * n);
  };
  auto nearest = run({}), first = run({Arithmetic::Fast, true, 1, false});
  EXPECT_EQ(run({Arithmetic::Fast, true, 1, false}), first);
  auto second = run({Arithmetic::Fast, true, 2, false});
  for (size_t f = 0; f < std::size(table); ++f) {
    double most = 0;
    size_t moved = 0, different = 0;
    for (size_t i = 0; i < n; ++i) {
      double exact = table[f].exact(x[i], y[i]),
             bound = table[f].relative * std::fabs(exact) + table[f].absolute;
      for (const auto *values : {&first, &second}) {
        double error = std::fabs((*values)[f * n + i] - exact);
        ASSERT_LE(error, bound) << table[f].name << "(" << x[i] << ")";
        most = std::max(most, error / bound);
      }
      EXPECT_LE(std::fabs(nearest[f * n + i] - exact), std::fabs(first[f * n + i] - exact)) << table[f].name;
      moved += first[f * n + i] != nearest[f * n + i];
      different += first[f * n + i] != second[f * n + i];
    }
    EXPECT_GT(most, 0.8) << table[f].name;
    EXPECT_GT(moved, size_t(n / 10)) << table[f].name;
    EXPECT_GT(different, size_t(n / 10)) << table[f].name;
  }
}

TEST_F(ArithmeticTest, JitterLeavesListedResultsAlone) {
  std::vector<float> x = {0.0f, -0.0f, INFINITY, -INFINITY, NAN}, y(5, 1.0f);
  device.options.arithmetic = {Arithmetic::Fast, true, 9, false};
  uint64_t out = device.empty<float>(45);
  expectClean(device.run(module, "approximations", {1}, {32},
                         Arguments().add(device.upload(x)).add(device.upload(y)).add(out).add(5)));
  auto c = device.download<uint32_t>(out, 45);
  EXPECT_EQ(std::vector<uint32_t>(c.begin(), c.begin() + 5),
            (std::vector<uint32_t>{0x3f800000, 0x3f800000, 0x7f800000, 0, 0x7fffffff})); // ex2
  EXPECT_EQ(std::vector<uint32_t>(c.begin() + 10, c.begin() + 15),
            (std::vector<uint32_t>{0x7f800000, 0xff800000, 0, 0x80000000, 0x7fffffff})); // rcp
  EXPECT_EQ(c[25], 0u);                                                                  // sin(0)
  EXPECT_EQ(c[26], 0x80000000u);                                                         // sin(-0)
  EXPECT_EQ(c[30], 0x3f800000u);                                                         // cos(0)
}

TEST_F(ArithmeticTest, JitterOfHalves) {
  const int n = 256;
  auto x = random<Half>(n, -4, 4);
  uint64_t in = device.upload(x), out = device.empty<Half>(2 * n);
  device.options.arithmetic = {Arithmetic::Fast, true, 4, false};
  expectClean(device.run(module, "halfApproximations", {2}, {128}, Arguments().add(in).add(out).add(n)));
  auto c = device.download<Half>(out, 2 * n);
  size_t moved = 0;
  for (size_t i = 0; i < n; ++i) {
    double v = double(x[i]), power = std::exp2(v), tanh = std::tanh(v);
    ASSERT_LE(std::fabs(double(c[i]) - power), power * std::exp2(-9.9)) << v;
    ASSERT_LE(std::fabs(double(c[n + i]) - tanh), std::exp2(-10.987)) << v;
    moved += c[i] != Half(power);
  }
  EXPECT_GT(moved, 10u);
}

//===----------------------------------------------------------------------===//
// Payloads
//===----------------------------------------------------------------------===//

class Payloads : public ArithmeticTest {
protected:
  void SetUp() override {
    ArithmeticTest::SetUp();
    device.options.arithmetic.payload = true;
  }
};

TEST_F(Payloads, MatmulsThatDifferInOrderAgreeBitByBit) {
  const int M = 64, N = 64, K = 96;
  uint64_t a = device.upload(random<Half>(M * K, -1, 1)), b = device.upload(random<Half>(K * N, -1, 1));
  auto plain = [&] {
    uint64_t out = device.empty<uint32_t>(M * N);
    expectClean(device.run(module, "plainMatmul", {4, 4}, {16, 16},
                           Arguments().add(a).add(b).add(out).add(M).add(N).add(K)));
    return device.download<uint32_t>(out, M * N);
  };
  auto parted = [&](int skip) {
    uint64_t out = device.empty<uint32_t>(M * N);
    expectClean(device.run(module, "partedMatmul", {4, 4}, {16, 16},
                           Arguments().add(a).add(b).add(out).add(M).add(N).add(K).add(skip)));
    return device.download<uint32_t>(out, M * N);
  };
  auto tensorCores = [&] {
    ModuleInstance matmul = device.load(readProgram("matmul.o3.ptx"));
    uint64_t out = device.empty<uint32_t>(M * N);
    expectClean(
        device.run(matmul, "matmul", {1, 1}, {128}, Arguments().add(a).add(b).add(out).add(M).add(N).add(K)));
    return device.download<uint32_t>(out, M * N);
  };
  auto want = plain();
  EXPECT_EQ(parted(-1), want);
  EXPECT_EQ(tensorCores(), want);
  auto wrong = parted(17);
  size_t different = 0;
  for (size_t i = 0; i < want.size(); ++i) different += wrong[i] != want[i];
  EXPECT_EQ(different, 1u) << "the one sum with a missing product";
  EXPECT_NE(wrong[3 * N + 5], want[3 * N + 5]);
  device.options.arithmetic.payload = false; // rounding tells them apart
  EXPECT_NE(parted(-1), plain());
}

TEST_F(Payloads, FlashSoftmaxIsSoftmax) {
  const int n = 64;
  uint64_t s = device.upload(random<float>(32 * n, -5, 5)), v = device.upload(random<float>(32 * n, -1, 1));
  uint64_t out = device.empty<uint32_t>(32);
  expectClean(device.run(module, "plainSoftmax", {1}, {32}, Arguments().add(s).add(v).add(out).add(n)));
  auto want = device.download<uint32_t>(out, 32);
  auto flash = [&](int forget) {
    expectClean(
        device.run(module, "flashSoftmax", {1}, {32}, Arguments().add(s).add(v).add(out).add(n).add(forget)));
    return device.download<uint32_t>(out, 32);
  };
  EXPECT_EQ(flash(-1), want);
  EXPECT_NE(flash(32), want) << "one rescaling is forgotten";
}

/// The smaller or larger magnitude with the product's sign: 1, 2 and 3 are what they are.
TEST_F(Payloads, SignsOfProducts) {
  const char *text =
      ".version 8.6\n.target sm_86\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out)\n{\n"
      ".reg .b32 %a, %b, %d<7>; .reg .b64 %rd<2>; .reg .b32 %t; .reg .b64 %o;\n"
      "ld.param.u64 %rd0, [in]; ld.param.u64 %rd1, [out]; mov.u32 %t, %tid.x; mul.wide.u32 %o, %t, 8; "
      "add.s64 "
      "%rd0, %rd0, %o; mul.wide.u32 %o, %t, 24; add.s64 %rd1, %rd1, %o; ld.global.v2.b32 {%a, %b}, [%rd0];\n"
      "min.xorsign.abs.f32 %d0, %a, %b; max.xorsign.abs.f32 %d1, %a, %b; abs.f32 %d2, %a; abs.f32 %d3, %b; "
      "min.f32 %d4, %d2, %d3; max.f32 %d5, %d2, %d3;\n"
      "st.global.v2.b32 [%rd1], {%d0, %d1}; st.global.v2.b32 [%rd1+8], {%d4, %d5};\n"
      "mul.f32 %d0, %d0, %d1; mul.f32 %d1, %a, %b; st.global.v2.b32 [%rd1+16], {%d0, %d1};\nret;\n}\n";
  ModuleInstance signs = device.load(text);
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> in = {1,    1,     1,  -1,        -1, -1,        0.3f, -5, -7,
                           2.5f, -0.1f, -9, -infinity, 4,  -infinity, -4,   4,  -infinity};
  size_t n = in.size() / 2;
  uint64_t out = device.empty<uint32_t>(6 * n);
  expectClean(device.run(signs, "k", {1}, {uint32_t(n)}, Arguments().add(device.upload(in)).add(out)));
  std::vector<float> got = device.download<float>(out, 6 * n);
  for (size_t i = 0; i < n; ++i) {
    const float *g = &got[6 * i], a = in[2 * i], b = in[2 * i + 1];
    SCOPED_TRACE(std::to_string(a) + " " + std::to_string(b));
    if (std::isinf(a) || std::isinf(b)) { // it is the largest, and its sign turns the other
      EXPECT_EQ(g[0], -(std::isinf(a) ? b : a));
      EXPECT_EQ(g[1], -infinity);
      continue;
    }
    EXPECT_TRUE(g[0] == g[2] || g[0] == -g[2]);
    EXPECT_TRUE(g[1] == g[3] || g[1] == -g[3]);
    EXPECT_EQ(std::signbit(g[0]), std::signbit(a) != std::signbit(b));
    EXPECT_EQ(std::signbit(g[1]), std::signbit(g[0]));
    uint32_t magnitudes = 0, product = 0;
    std::memcpy(&magnitudes, &g[4], 4), std::memcpy(&product, &g[5], 4);
    EXPECT_EQ(magnitudes & 0x7fffffff, product & 0x7fffffff) << "they are those of the operands";
  }
}

TEST_F(Payloads, RefuseWhatHasNoMeaning) {
  ModuleInstance halves = device.load(readProgram("halves.o3.ptx"));
  uint64_t in = device.upload(std::vector<uint32_t>(64)), sums = device.upload(std::vector<uint32_t>(8));
  LaunchResult r = device.run(halves, "halfAtomics", {1}, {32},
                              Arguments().add(in).add(sums).add(sums + 8).add(sums + 16).add(32));
  EXPECT_EQ(r.status, LaunchResult::IllegalInstruction);
  EXPECT_NE(r.message.find("payloads have no atomics on floats"), std::string::npos) << r.message;
}

} // namespace
