// integers.cu, maths.cu, halves.cu, eight_bits.sm_89.cu and printing.cu.
#include "test/runtime/vcuda/programs.h"

#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <complex>
#include <functional>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using NumberPrograms = test::Program;
using u128 = unsigned __int128;

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

TEST_P(NumberPrograms, WideIntegers) {
  auto m = load("integers");
  const int n = 70;
  std::vector<uint64_t> a, b;
  for (int i = 0; i < n; ++i) {
    a.push_back(uint64_t(generator()) << 32 | generator());
    b.push_back((uint64_t(generator()) << 32 | generator()) >> (i % 50));
  }
  uint64_t out = device.empty<uint64_t>(6 * n);
  expectClean(device.run(m, "wide", {3}, {32}, Arguments().add(upload(a)).add(upload(b)).add(out).add(n)));
  auto c = device.download<uint64_t>(out, 6 * n);
  auto reversed = [](uint64_t v) {
    uint64_t r = 0;
    for (int k = 0; k < 64; ++k) r |= (v >> k & 1) << (63 - k);
    return r;
  };
  for (size_t i = 0; i < n; ++i) {
    u128 x = u128(a[i]) << 17 | b[i], y = u128(b[i]) * a[(i + 1) % n], sum = x + y, product = x * (y >> 40);
    uint64_t right = b[i] >> (i % 64), left = b[i] << (i % 64);
    EXPECT_EQ(c[6 * i], uint64_t(sum >> 64) ^ uint64_t(sum));
    EXPECT_EQ(c[6 * i + 1], uint64_t(product >> 64) + uint64_t(product));
    EXPECT_EQ(c[6 * i + 2], uint64_t((y - x) >> 64));
    EXPECT_EQ(c[6 * i + 3], uint64_t(y / (b[i] | 1)));
    EXPECT_EQ(c[6 * i + 4], uint64_t(y % (x | 1)));
    EXPECT_EQ(c[6 * i + 5], uint64_t(u128(a[i]) * b[i] >> 64) + reversed(a[i]) +
                                uint64_t(std::countl_zero(right)) + uint64_t(std::popcount(a[i])) +
                                uint64_t(left ? std::countr_zero(left) + 1 : 0));
  }
}

uint32_t permuted(uint32_t x, uint32_t y, uint32_t selector) {
  uint64_t both = uint64_t(y) << 32 | x;
  uint32_t r = 0;
  for (int k = 0; k < 4; ++k) r |= uint32_t(both >> (8 * (selector >> (4 * k) & 7)) & 255) << (8 * k);
  return r;
}

TEST_P(NumberPrograms, Bits) {
  auto m = load("integers");
  const int n = 64;
  auto a = numbers(n, 0, 0xffffffffl), b = numbers(n, 0, 0xffffffffl);
  uint64_t out = device.empty<unsigned>(8 * n);
  expectClean(device.run(m, "bits", {1}, {64}, Arguments().add(upload(a)).add(upload(b)).add(out).add(n)));
  auto c = device.download<unsigned>(out, 8 * n);
  for (unsigned i = 0; i < n; ++i) {
    uint32_t x = a[i], y = b[i], rotate = i & 31, clamped = std::min(i + 20, 32u);
    int32_t sx = int32_t(x), sy = int32_t(y);
    uint64_t both = uint64_t(y) << 32 | x;
    EXPECT_EQ(c[8 * i], permuted(x, y, 0x5270) ^ permuted(x, y, y & 0x7777));
    EXPECT_EQ(c[8 * i + 1], uint32_t(both << rotate >> 32) ^ (clamped == 32 ? y : uint32_t(both >> clamped)));
    int32_t sdot = int(i);
    uint32_t udot = i;
    for (int k = 0; k < 32; k += 8) {
      sdot += int8_t(x >> k) * int8_t(y >> k);
      udot += (x >> k & 255) * (y >> k & 255);
    }
    EXPECT_EQ(c[8 * i + 2], uint32_t(sdot) ^ udot);
    int32_t low = int16_t(x) * int8_t(y) + int16_t(x >> 16) * int8_t(y >> 8) + 5;
    uint32_t high = (x & 65535) * (y >> 16 & 255) + (x >> 16) * (y >> 24) + 7;
    EXPECT_EQ(c[8 * i + 3], uint32_t(low) + high);
    uint32_t turned = 0;
    for (int k = 0; k < 32; ++k) turned |= (x >> k & 1) << (31 - k);
    uint32_t distance = uint32_t(std::abs(int64_t(sx) - sy)), unsignedDistance = x > y ? x - y : y - x;
    EXPECT_EQ(c[8 * i + 4], turned ^ (distance + 9) ^ (unsignedDistance + 3));
    auto low24 = [](uint32_t v) { return int64_t(int32_t(v << 8) >> 8); };
    EXPECT_EQ(c[8 * i + 5], uint32_t((int64_t(sx) * sy) >> 32) ^ uint32_t((uint64_t(x) * y) >> 32) ^
                                uint32_t(uint64_t(x & 0xffffff) * (y & 0xffffff)) ^
                                uint32_t(low24(x) * low24(y)));
    EXPECT_EQ(c[8 * i + 6], uint32_t((int64_t(sx) + sy) >> 1) ^ uint32_t((int64_t(sx) + sy + 1) >> 1) ^
                                uint32_t((uint64_t(x) + y) >> 1));
    EXPECT_EQ(c[8 * i + 7], (x / (y | 1)) ^ (x % (y | 1)) ^ uint32_t(int64_t(sx) / (sy | 1)) ^
                                uint32_t(int64_t(sx) % (sy | 1)));
  }
}

TEST_P(NumberPrograms, PackedIntegers) {
  auto m = load("integers");
  const int n = 64;
  auto a = numbers(n, 0, 0xffffffffl), b = numbers(n, 0, 0xffffffffl);
  for (size_t i = 0; i < n; i += 5) b[i] = a[i]; // equal parts too
  uint64_t out = device.empty<unsigned>(6 * n);
  expectClean(device.run(m, "packed", {1}, {64}, Arguments().add(upload(a)).add(upload(b)).add(out).add(n)));
  auto c = device.download<unsigned>(out, 6 * n);
  auto parts = [](uint32_t x, uint32_t y, int bits, auto f) {
    uint32_t r = 0, keep = (1u << bits) - 1;
    for (int k = 0; k < 32; k += bits) r |= (uint32_t(f(int(x >> k & keep), int(y >> k & keep))) & keep) << k;
    return r;
  };
  for (size_t i = 0; i < n; ++i) {
    uint32_t x = a[i], y = b[i];
    EXPECT_EQ(c[6 * i], parts(x, y, 8, std::plus<>()) ^ parts(x, y, 16, std::minus<>()));
    EXPECT_EQ(c[6 * i + 1], parts(x, y, 16, [](int p, int q) {
                              return std::clamp(int16_t(p) + int16_t(q), -32768, 32767);
                            }) ^ parts(x, y, 8, [](int p, int q) { return std::max(p - q, 0); }));
    auto distance = [](int p, int q) { return std::abs(p - q); };
    uint32_t d = parts(x, y, 8, distance);
    EXPECT_EQ(c[6 * i + 2], d);
    EXPECT_EQ(c[6 * i + 3], (d & 255) + (d >> 8 & 255) + (d >> 16 & 255) + (d >> 24));
    EXPECT_EQ(c[6 * i + 4], parts(x, y, 8, [](int p, int q) { return p > q ? 255 : 0; }) ^
                                parts(x, y, 8, [](int p, int q) { return p == q; }));
    EXPECT_EQ(c[6 * i + 5], parts(x, y, 16, [](int p, int q) { return std::max(int16_t(p), int16_t(q)); }) ^
                                parts(x, y, 8, [](int p, int q) { return (p + q + 1) / 2; }));
  }
}

TEST_P(NumberPrograms, Atomics) {
  auto m = load("integers");
  const int n = 300;
  auto v = numbers(n, 1, 5000);
  std::vector<unsigned> w(11);
  w[2] = w[4] = ~0u;
  std::vector<uint64_t> l(6);
  l[1] = l[3] = ~0ull;
  uint64_t wa = upload(w), sa = zeros<int>(2), la = upload(l), sl = zeros<int64_t>(2), f = zeros<float>(1),
           d = zeros<double>(1);
  expectClean(device.run(m, "atomics", {3}, {128},
                         Arguments().add(upload(v)).add(wa).add(sa).add(la).add(sl).add(f).add(d).add(n)));
  long long least = 0, most = 0;
  int sleast = 0, smost = 0;
  float fsum = 0;
  double dsum = 0;
  for (unsigned x : v) {
    uint64_t big = uint64_t(x) << 30 | x;
    w[0] += x, w[1] -= x, w[2] = std::min(w[2], x), w[3] = std::max(w[3], x);
    w[4] &= x | 0xff, w[5] |= x, w[6] ^= x;
    w[7] = w[7] >= 10 ? 0 : w[7] + 1;
    w[8] = w[8] == 0 || w[8] > 10 ? 10 : w[8] - 1;
    w[10] += 2;
    sleast = std::min(sleast, int(x) - 1000), smost = std::max(smost, int(x) - 1000);
    l[0] += big, l[1] = std::min(l[1], big), l[2] = std::max(l[2], big);
    l[3] &= big | 0xff00ff, l[4] |= big, l[5] ^= big;
    least = std::min(least, (long long)(big) - (1ll << 40)),
    most = std::max(most, (long long)(big) - (1ll << 40));
    fsum += float(x % 8);
    dsum += x * 0.5;
  }
  w[9] = 128; // the first CTA only
  EXPECT_EQ(device.download<unsigned>(wa, 11), w);
  EXPECT_EQ(device.download<int>(sa, 2), (std::vector<int>{sleast, smost}));
  EXPECT_EQ(device.download<uint64_t>(la, 6), l);
  EXPECT_EQ(device.download<int64_t>(sl, 2), (std::vector<int64_t>{int64_t(least), int64_t(most)}));
  EXPECT_EQ(device.download<float>(f, 1)[0], fsum);
  EXPECT_EQ(device.download<double>(d, 1)[0], dsum);
}

TEST_P(NumberPrograms, WhatAtomicsReturn) {
  auto m = load("integers");
  const unsigned n = 128;
  uint64_t counter = zeros<unsigned>(1), wide = zeros<uint64_t>(1), token = zeros<unsigned>(1);
  uint64_t places = device.empty<unsigned>(n), widePlaces = device.empty<uint64_t>(n),
           tokens = device.empty<unsigned>(n);
  expectClean(
      device.run(m, "returned", {2}, {64},
                 Arguments().add(counter).add(wide).add(token).add(places).add(widePlaces).add(tokens)));
  auto p = device.download<unsigned>(places, n), t = device.download<unsigned>(tokens, n);
  auto q = device.download<uint64_t>(widePlaces, n);
  t.push_back(device.download<unsigned>(token, 1)[0]); // the last one stays
  std::sort(p.begin(), p.end());
  std::sort(q.begin(), q.end());
  std::sort(t.begin(), t.end());
  for (unsigned i = 0; i < n; ++i) {
    ASSERT_EQ(p[i], i);
    ASSERT_EQ(q[i], 3 * i);
    ASSERT_EQ(t[i], i);
  }
  EXPECT_EQ(t[n], n);
}

TEST_P(NumberPrograms, MinimumByCompareAndSwap) {
  auto m = load("integers");
  auto a = doubles(200);
  uint64_t least = upload(std::vector<double>(1, 100));
  expectClean(device.run(m, "minDouble", {2}, {128}, Arguments().add(upload(a)).add(least).add(200)));
  EXPECT_EQ(device.download<double>(least, 1)[0], *std::min_element(a.begin(), a.end()));
}

//===----------------------------------------------------------------------===//
// Functions and algorithms
//===----------------------------------------------------------------------===//

TEST_P(NumberPrograms, DoubleFunctions) {
  auto m = load("maths");
  const int n = 60;
  auto x = doubles(n, -12, 12);
  uint64_t out = device.empty<double>(16 * n);
  expectClean(device.run(m, "doubleFunctions", {1}, {64}, Arguments().add(upload(x)).add(out).add(n)));
  auto c = device.download<double>(out, 16 * n);
  for (size_t i = 0; i < n; ++i) {
    double v = x[i];
    const double want[16] = {std::sin(v),
                             std::cos(v),
                             std::tan(v),
                             std::exp(v * 0.3),
                             std::log(std::fabs(v) + 0.1),
                             std::pow(std::fabs(v) + 0.5, 1.7),
                             std::erf(v),
                             std::tgamma(std::fabs(v) * 0.3 + 1),
                             std::fmod(v, 1.3),
                             std::remainder(v, 2.1),
                             std::atan2(v, 0.7),
                             std::cbrt(v),
                             std::sinh(v * 0.2),
                             std::log1p(std::fabs(v)),
                             std::hypot(v, 3.0),
                             std::ldexp(v, int(i) % 9 - 4) + std::rint(v) + std::trunc(v * 10) +
                                 std::ilogb(v + 20)};
    for (size_t k = 0; k < 16; ++k)
      ASSERT_NEAR(c[16 * i + k], want[k], 4e-15 * std::max(1.0, std::fabs(want[k]))) << k << " of " << v;
  }
}

TEST_P(NumberPrograms, FloatFunctions) {
  auto m = load("maths");
  const int n = 60;
  auto x = floats(n, -12, 12);
  uint64_t out = device.empty<float>(16 * n);
  expectClean(device.run(m, "floatFunctions", {1}, {64}, Arguments().add(upload(x)).add(out).add(n)));
  auto c = device.download<float>(out, 16 * n);
  for (size_t i = 0; i < n; ++i) {
    double v = x[i];
    float scaled = x[i] * 1e6f;
    const double want[16] = {std::sin(v),
                             std::cos(v),
                             std::tan(v),
                             std::exp(double(x[i] * 0.3f)),
                             std::log(double(std::fabs(x[i]) + 0.1f)),
                             std::pow(double(std::fabs(x[i]) + 0.5f), double(1.7f)),
                             std::erf(v),
                             std::lgamma(double(std::fma(std::fabs(x[i]), 0.3f, 1.5f))),
                             std::fmod(v, double(1.3f)),
                             std::tanh(v),
                             std::atan2(v, double(0.7f)),
                             std::cbrt(v),
                             1 / std::sqrt(double(std::fabs(x[i]) + 0.2f)),
                             std::exp2(v * 0.5),
                             0.5 * std::erfc(-v / std::sqrt(2.0)),
                             std::sin(double(scaled))};
    for (size_t k = 0; k < 16; ++k)
      ASSERT_NEAR(c[16 * i + k], want[k], 2e-6 * std::max(1.0, std::fabs(want[k]))) << k << " of " << v;
  }
}

/// The host computes with the same rounding; volatile keeps the compiler from doing it in advance.
template <class T> T rounded(int mode, std::function<T()> f) {
  fesetround(mode);
  volatile T r = f();
  fesetround(FE_TONEAREST);
  return r;
}

TEST_P(NumberPrograms, Roundings) {
  auto m = load("maths");
  const int n = 64;
  auto a = doubles(n, -3, 3), b = doubles(n, -3, 3);
  uint64_t out = device.empty<double>(16 * n), ints = device.empty<int64_t>(8 * n);
  expectClean(device.run(m, "roundings", {1}, {64},
                         Arguments().add(upload(a)).add(upload(b)).add(out).add(ints).add(n)));
  auto c = device.download<double>(out, 16 * n);
  auto p = device.download<int64_t>(ints, 8 * n);
  const int down = FE_DOWNWARD, up = FE_UPWARD, zero = FE_TOWARDZERO;
  for (size_t i = 0; i < n; ++i) {
    volatile double x = a[i], y = b[i];
    volatile float f = float(x), g = float(y);
    using D = std::function<double()>;
    using F = std::function<float()>;
    auto d = [&](int mode, D fn) { return rounded<double>(mode, fn); };
    auto s = [&](int mode, F fn) { return double(rounded<float>(mode, fn)); };
    const double want[16] = {d(down, [&] { return x + y; }),
                             d(up, [&] { return x + y; }),
                             d(zero, [&] { return x * y; }),
                             d(up, [&] { return x / y; }),
                             d(down, [&] { return std::fma(x, y, 0.3); }),
                             d(down, [&] { return std::sqrt(std::fabs(x)); }),
                             d(up, [&] { return 1.0 / y; }),
                             d(zero, [&] { return x - y; }),
                             s(down, [&] { return f + g; }),
                             s(up, [&] { return f + g; }),
                             s(zero, [&] { return f * g; }),
                             s(down, [&] { return f / g; }),
                             s(up, [&] { return std::fma(f, g, 0.3f); }),
                             s(up, [&] { return std::sqrt(std::fabs(f)); }),
                             s(zero, [&] { return 1.0f / g; }),
                             s(down, [&] { return float(x); })};
    for (size_t k = 0; k < 16; ++k) ASSERT_EQ(c[16 * i + k], want[k]) << k << " of " << x << ", " << y;
    EXPECT_EQ(p[8 * i], int64_t(std::floor(x)));
    EXPECT_EQ(p[8 * i + 1], int64_t(std::ceil(x)));
    EXPECT_EQ(p[8 * i + 2], int64_t(std::nearbyint(f)));
    EXPECT_EQ(p[8 * i + 3], int64_t(x * 1e12));
    EXPECT_EQ(p[8 * i + 4], int64_t(std::fabs(f)));
    EXPECT_EQ(p[8 * i + 5], int64_t(std::ceil(std::fabs(y) * 1e9)));
    volatile int64_t big = p[8 * i + 3];
    EXPECT_EQ(std::bit_cast<float>(int32_t(p[8 * i + 6])), rounded<float>(down, [&] { return float(big); }));
    volatile uint64_t top = 0xfffffffffffffc01ull + i;
    EXPECT_EQ(std::bit_cast<double>(p[8 * i + 7]), rounded<double>(up, [&] { return double(top); }));
  }
}

TEST_P(NumberPrograms, Bodies) {
  auto m = load("maths");
  const int n = 90;
  auto b = floats(4 * n);
  uint64_t out = device.empty<float>(3 * n);
  expectClean(device.run(m, "nBody", {2}, {64}, Arguments().add(upload(b)).add(out).add(n)));
  auto c = device.download<float>(out, 3 * n);
  for (size_t i = 0; i < n; ++i) {
    double force[3] = {};
    for (size_t j = 0; j < n; ++j) {
      double d[3], square = 0.01;
      for (size_t k = 0; k < 3; ++k) d[k] = double(b[4 * j + k]) - b[4 * i + k], square += d[k] * d[k];
      for (size_t k = 0; k < 3; ++k) force[k] += d[k] * b[4 * j + 3] / (square * std::sqrt(square));
    }
    for (size_t k = 0; k < 3; ++k) ASSERT_NEAR(c[3 * i + k], force[k], 1e-2) << i;
  }
}

TEST_P(NumberPrograms, Mandelbrot) {
  auto m = load("maths");
  const int width = 40, height = 24, limit = 60;
  uint64_t out = device.empty<uint16_t>(width * height);
  expectClean(
      device.run(m, "mandelbrot", {3, 3}, {16, 8}, Arguments().add(out).add(width).add(height).add(limit)));
  auto c = device.download<uint16_t>(out, width * height);
  int differing = 0; // the point itself may be rounded in one step or in two
  for (int p = 0; p < width * height; ++p) {
    std::complex<double> z, point(-2.0 + 3.0 * (p % width) / width, -1.5 + 3.0 * (p / width) / height);
    int k = 0;
    for (; k < limit && std::norm(z) <= 4; ++k) z = z * z + point;
    differing += c[size_t(p)] != k;
  }
  EXPECT_LE(differing, 8);
}

TEST_P(NumberPrograms, Fourier) {
  auto m = load("maths");
  auto a = floats(2 * 512);
  uint64_t out = device.empty<float>(a.size());
  expectClean(device.run(m, "fourier", {2}, {128}, Arguments().add(upload(a)).add(out)));
  auto c = device.download<float>(out, a.size());
  for (size_t block = 0; block < 2; ++block) {
    for (size_t k = 0; k < 256; k += 7) {
      std::complex<double> sum;
      for (size_t j = 0; j < 256; ++j) {
        std::complex<double> v(a[2 * (block * 256 + j)], a[2 * (block * 256 + j) + 1]);
        sum += v * std::polar(1.0, -2 * 3.14159265358979323846 * double(j * k % 256) / 256);
      }
      ASSERT_NEAR(c[2 * (block * 256 + k)], sum.real(), 1e-4) << k;
      ASSERT_NEAR(c[2 * (block * 256 + k) + 1], sum.imag(), 1e-4) << k;
    }
  }
}

TEST_P(NumberPrograms, LinearSystems) {
  auto m = load("maths");
  auto a = doubles(3 * 256), b = doubles(3 * 16);
  uint64_t x = device.empty<double>(48);
  expectClean(device.run(m, "solve", {3}, {16}, Arguments().add(upload(a)).add(upload(b)).add(x)));
  auto c = device.download<double>(x, 48);
  for (size_t r = 0; r < 48; ++r) {
    double sum = 0;
    for (size_t k = 0; k < 16; ++k) sum += a[r * 16 + k] * c[r / 16 * 16 + k];
    EXPECT_NEAR(sum, b[r], 1e-9) << r;
  }
}

//===----------------------------------------------------------------------===//
// 16 and 8 bits
//===----------------------------------------------------------------------===//

using Half = _Float16;
struct Bfloat {
  static float round(float f) {
    uint32_t bits = std::bit_cast<uint32_t>(f);
    return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
  }
};

TEST_P(NumberPrograms, HalfArithmetic) {
  auto m = load("halves");
  const int n = 64;
  std::vector<Half> a, b;
  for (float f : floats(2 * n, -4, 4)) a.push_back(Half(f));
  for (float f : floats(2 * n, -4, 4)) b.push_back(Half(f));
  a[10] = b[10];
  a[20] = Half(NAN);
  uint64_t out = device.empty<Half>(24 * n);
  expectClean(
      device.run(m, "halfArithmetic", {1}, {64}, Arguments().add(upload(a)).add(upload(b)).add(out).add(n)));
  auto c = device.download<Half>(out, 24 * n);
  auto same = [](Half got, double want) {
    return std::isnan(want) ? std::isnan(float(got)) : float(got) == float(Half(want));
  };
  for (size_t i = 0; i < 2 * n; ++i) {
    auto got = [&](size_t k) { return c[i / 2 * 24 + 2 * k + i % 2]; };
    double x = double(a[i]), y = double(b[i]);
    double nanMax = std::isnan(x) ? NAN : std::max(x, y);
    double sat = std::isnan(x) ? 0 : std::clamp(double(Half(x + y)), 0.0, 1.0);
    double relu = std::fma(x, y, y) < 0 ? 0 : std::fma(x, y, y);
    const double want[10] = {x + y,  x - y, x * y, std::fma(x, y, x), std::fmin(x, y),
                             nanMax, sat,   relu,  std::fabs(x),      double(x > y)};
    for (size_t k = 0; k < 10; ++k) {
      if (k == 8 && std::isnan(x)) continue;
      ASSERT_TRUE(same(got(k), want[k])) << k << " of " << x << ", " << y << ": " << float(got(k));
    }
    if (i % 2 == 0) {
      ASSERT_TRUE(same(got(10), x + double(b[i + 1]))) << i;
      ASSERT_TRUE(same(got(11), x < y ? 1 : 2)) << i;
      continue;
    }
    if (!std::isnan(x)) {
      float exact = float(a[i]) * 1.001f;
      Half truncated = Half(exact);
      if (std::fabs(float(truncated)) > std::fabs(exact))
        truncated = std::bit_cast<Half>(uint16_t(std::bit_cast<uint16_t>(truncated) - 1));
      ASSERT_TRUE(same(got(10), double(truncated))) << i;
    }
    ASSERT_TRUE(same(got(11), a[i - 1] == b[i - 1] ? 3 : 0)) << i;
  }
}

TEST_P(NumberPrograms, HalfFunctions) {
  auto m = load("halves");
  const int n = 64;
  std::vector<Half> a;
  for (float f : floats(n, -5, 5)) a.push_back(Half(f));
  uint64_t out = device.empty<Half>(6 * n);
  expectClean(device.run(m, "halfFunctions", {1}, {64}, Arguments().add(upload(a)).add(out).add(n)));
  auto c = device.download<Half>(out, 6 * n);
  for (size_t i = 0; i < n; ++i) {
    double x = double(a[i]);
    const double want[6] = {std::exp(x), std::log(std::fabs(x)), std::sqrt(std::fabs(x)),
                            1 / x,       std::tanh(x),           std::rint(x) + std::floor(x) + 3};
    for (size_t k = 0; k < 6; ++k)
      ASSERT_NEAR(double(c[6 * i + k]), want[k], 2e-3 * std::max(1.0, std::fabs(want[k])))
          << k << " of " << x;
  }
}

TEST_P(NumberPrograms, BfloatArithmetic) {
  auto m = load("halves");
  const int n = 64;
  std::vector<uint16_t> a, b;
  for (float f : floats(2 * n, -4, 4)) a.push_back(uint16_t(std::bit_cast<uint32_t>(Bfloat::round(f)) >> 16));
  for (float f : floats(2 * n, -4, 4)) b.push_back(uint16_t(std::bit_cast<uint32_t>(Bfloat::round(f)) >> 16));
  uint64_t out = device.empty<uint16_t>(16 * n);
  expectClean(device.run(m, "bfloatArithmetic", {1}, {64},
                         Arguments().add(upload(a)).add(upload(b)).add(out).add(n)));
  auto c = device.download<uint16_t>(out, 16 * n);
  auto value = [](uint16_t v) { return std::bit_cast<float>(uint32_t(v) << 16); };
  for (size_t i = 0; i < 2 * n; ++i) {
    float x = value(a[i]), y = value(b[i]);
    const float want[8] = {
        x + y,           x - y,           x * y,        std::fma(x, y, x),
        std::fmin(x, y), std::fmax(x, y), std::fabs(x), i % 2 == 0 ? x * 1.5f : std::exp2(value(b[i - 1]))};
    for (size_t k = 0; k < 8; ++k) {
      float got = value(c[i / 2 * 16 + 2 * k + i % 2]);
      if (k == 7)
        ASSERT_NEAR(got, want[k], 0.01 * std::max(1.0f, std::fabs(want[k]))) << k;
      else
        ASSERT_EQ(got, Bfloat::round(want[k])) << k << " of " << x << ", " << y;
    }
  }
}

TEST_P(NumberPrograms, HalfAtomics) {
  auto m = load("halves");
  const int n = 100;
  std::vector<Half> a;
  for (int v : numbers<int>(2 * n, 0, 8)) a.push_back(Half(v));
  uint64_t sum = zeros<Half>(2), bsum = zeros<uint16_t>(2), single = zeros<Half>(2);
  expectClean(device.run(m, "halfAtomics", {1}, {128},
                         Arguments().add(upload(a)).add(sum).add(bsum).add(single).add(n)));
  float even = 0, odd = 0;
  for (size_t i = 0; i < n; ++i) even += float(a[2 * i]), odd += float(a[2 * i + 1]);
  auto s = device.download<Half>(sum, 2);
  EXPECT_EQ(float(s[0]), even);
  EXPECT_EQ(float(s[1]), odd);
  EXPECT_EQ(float(device.download<Half>(single, 1)[0]), even);
  auto t = device.download<uint16_t>(bsum, 2);
  EXPECT_EQ(std::bit_cast<float>(uint32_t(t[0]) << 16), 100);
  EXPECT_EQ(std::bit_cast<float>(uint32_t(t[1]) << 16), 200);
}

/// Of all 8-bit values: the closest one that is finite, ties to the even code.
float nearestEight(float f, int fractionBits, int bias, float largest, uint8_t &code) {
  float best = 0;
  double distance = 1e30;
  for (int c = 0; c < 127; ++c) {
    int exponent = c >> fractionBits, fraction = c & ((1 << fractionBits) - 1);
    float v = exponent ? std::ldexp(1 + std::ldexp(float(fraction), -fractionBits), exponent - bias)
                       : std::ldexp(float(fraction), 1 - bias - fractionBits);
    if (v > largest) break;
    double d = std::fabs(double(std::fabs(f)) - v);
    if (d < distance || (d == distance && c % 2 == 0)) distance = d, best = v, code = uint8_t(c);
  }
  if (std::signbit(f)) code |= 0x80;
  return std::signbit(f) ? -best : best;
}

TEST_P(NumberPrograms, EightBits) {
  for (const char *program : {"halves", "eight_bits.sm_89"}) {
    auto m = load(program);
    auto in = floats(500, -600, 600);
    for (float f : floats(500, -1, 1)) in.push_back(f * f * f * f);
    const int n = int(in.size());
    uint64_t a = device.empty<uint8_t>(in.size()), b = device.empty<uint8_t>(in.size());
    uint64_t back = device.empty<float>(2 * in.size());
    expectClean(
        device.run(m, "eightBits", {8}, {128}, Arguments().add(upload(in)).add(a).add(b).add(back).add(n)));
    auto ca = device.download<uint8_t>(a, in.size()), cb = device.download<uint8_t>(b, in.size());
    auto f = device.download<float>(back, 2 * in.size());
    for (size_t i = 0; i < in.size(); ++i) {
      uint8_t code = 0;
      EXPECT_EQ(f[2 * i], nearestEight(in[i], 3, 7, 448, code)) << in[i];
      ASSERT_EQ(ca[i], code) << in[i];
      EXPECT_EQ(f[2 * i + 1], nearestEight(in[i], 2, 15, 57344, code)) << in[i];
      ASSERT_EQ(cb[i], code) << in[i];
    }
  }
}

TEST_P(NumberPrograms, EightBitProduct) {
  auto m = load("eight_bits.sm_89");
  auto codes = [&](size_t n, int fractionBits, int bias, std::vector<uint8_t> &bytes) {
    std::vector<float> values;
    for (float f : floats(n, -4, 4)) {
      uint8_t code = 0;
      values.push_back(nearestEight(f, fractionBits, bias, 400, code));
      bytes.push_back(code);
    }
    return values;
  };
  std::vector<uint8_t> ab, bb;
  auto a = codes(16 * 32, 3, 7, ab), b = codes(8 * 32, 2, 15, bb);
  uint64_t d = device.empty<float>(128);
  expectClean(device.run(m, "product", {1}, {32}, Arguments().add(upload(ab)).add(upload(bb)).add(d)));
  auto c = device.download<float>(d, 128);
  for (size_t i = 0; i < 16; ++i) {
    for (size_t j = 0; j < 8; ++j) {
      double sum = double(1 + j % 2 + i / 8 * 2);
      for (size_t k = 0; k < 32; ++k) sum += double(a[i * 32 + k]) * b[j * 32 + k];
      ASSERT_NEAR(c[i * 8 + j], sum, 1e-3) << i << " " << j;
    }
  }
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

TEST_P(NumberPrograms, Prints) {
  auto m = load("printing");
  uint64_t d = upload(std::vector<double>{1.5, -2.25, 12345.678, 1e-7});
  LaunchResult r = device.run(m, "prints", {1}, {32}, Arguments().add(d));
  expectClean(r);
  char pointer[32];
  std::snprintf(pointer, sizeof pointer, "%p end\n", reinterpret_cast<void *>(0x1234));
  const std::string rest = "   42|42   |00042|+42|ff|010|z|%\n"
                           "-5000000000 18446744073709551615 fedcba9876543210 -3 200\n"
                           "1.500000 -2.250   1.23e+04 1e-07 0x1p-1\n"
                           "    17 3.14\n"
                           "no arguments\n" +
                           std::string(pointer);
  // Lanes that go apart may speak in any order; what one lane says stays in order.
  EXPECT_NE(r.printed.find(rest.substr(0, rest.find('\n') + 1)), std::string::npos) << r.printed;
  size_t at = 0;
  for (size_t begin = 0; begin < rest.size();) {
    size_t end = rest.find('\n', begin) + 1;
    at = r.printed.find(rest.substr(begin, end - begin), at);
    ASSERT_NE(at, std::string::npos) << rest.substr(begin, end - begin) << " is not in order in:\n"
                                     << r.printed;
    begin = end;
  }
  for (const char *line : {"thread 0 of 32: other\n", "thread 1 of 32: one\n", "thread 2 of 32: other\n"})
    EXPECT_NE(r.printed.find(line), std::string::npos) << line;
  EXPECT_EQ(std::count(r.printed.begin(), r.printed.end(), '\n'), 9);
}

TEST_P(NumberPrograms, PrintfGivesTheNumberOfArguments) {
  auto m = load("printing");
  uint64_t out = device.empty<int>(32);
  LaunchResult r = device.run(m, "countPrinted", {1}, {32}, Arguments().add(out));
  expectClean(r);
  EXPECT_EQ(device.download<int>(out, 32), std::vector<int>(32, 3));
  EXPECT_EQ(r.printed.size(), 32 * std::string("1 2 x\n").size());
}

TEST_P(NumberPrograms, AssertsStopTheKernel) {
  auto m = load("printing");
  auto in = numbers<int>(32, 0, 99);
  expectClean(device.run(m, "asserts", {1}, {32}, Arguments().add(upload(in))));
  in[9] = 100;
  LaunchResult r = device.run(m, "asserts", {1}, {32}, Arguments().add(upload(in)));
  EXPECT_EQ(r.status, LaunchResult::Assert);
  EXPECT_NE(
      r.message.find(
          "block: [0,0,0], thread: [9,0,0] Assertion `in[threadIdx.x] < 100 && \"values are small\"` failed"),
      std::string::npos)
      << r.message;
  EXPECT_NE(r.message.find("printing.cu:19"), std::string::npos) << r.message;
}

TEST_P(NumberPrograms, TrapsStopTheKernel) {
  auto m = load("printing");
  std::vector<int> in(32, 1);
  expectClean(device.run(m, "traps", {1}, {32}, Arguments().add(upload(in))));
  in[30] = 7;
  EXPECT_EQ(device.run(m, "traps", {1}, {32}, Arguments().add(upload(in))).status, LaunchResult::Trap);
}

DLC_PROGRAM_VARIANTS(NumberPrograms);

} // namespace
