// Single instructions against the host's arithmetic: every case runs on each level of the interpreter core
// that this CPU has, with all lanes and with every third one.
#include "test/runtime/vcuda/device.h"

#include <bit>
#include <cfenv>
#include <cmath>
#include <functional>
#include <random>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

struct Operation {
  std::string text;       ///< instruction with D, A, B, C for the registers
  std::string d, a, b, c; ///< types of registers and memory; empty = not there
};

unsigned bytesOf(const std::string &type) { return unsigned(std::stoi(type.substr(1))) / 8; }

/// One kernel: thread t applies the instruction to a[t], b[t], c[t]; threads that the guard leaves out keep
/// all ones.
std::string kernelFor(const Operation &op) {
  std::string text =
      ".version 7.8\n.target sm_89\n.address_size 64\n.visible .entry k(.param .u64 d, .param .u64 a, "
      ".param .u64 b, .param .u64 c, .param .u32 step)\n{\n.reg .b64 %p<8>, %o; .reg .b32 %t<4>; .reg .pred "
      "%g;\n";
  auto reg = [](const std::string &type) { return "b" + type.substr(1); };
  auto declare = [&](const char *name, const std::string &type) {
    if (!type.empty()) text += ".reg ." + reg(type) + " " + name + ";\n";
  };
  declare("D", op.d), declare("A", op.a), declare("B", op.b), declare("C", op.c);
  text += "mov.u32 %t0, %tid.x; mov.u32 %t1, %ctaid.x; mov.u32 %t2, %ntid.x; mad.lo.u32 %t0, %t1, %t2, %t0;\n"
          "ld.param.u32 %t1, [step]; rem.u32 %t2, %t0, %t1; setp.eq.u32 %g, %t2, 0;\n";
  auto address = [&](const char *name, const std::string &type) {
    text += "ld.param.u64 %p0, [" + std::string(name) + "]; mul.wide.u32 %o, %t0, " +
            std::to_string(bytesOf(type)) + "; add.s64 %p1, %p0, %o;\n";
  };
  auto load = [&](const char *name, const char *into, const std::string &type) {
    if (type.empty()) return;
    address(name, type);
    text += "ld.global." + reg(type) + " " + into + ", [%p1];\n";
  };
  load("a", "A", op.a), load("b", "B", op.b), load("c", "C", op.c);
  text += "mov." + reg(op.d) + " D, -1;\n@%g " + op.text + ";\n";
  address("d", op.d);
  return text + "st.global." + reg(op.d) + " [%p1], D;\nret;\n}\n";
}

template <class T> std::vector<uint64_t> raw(const std::vector<T> &values) {
  std::vector<uint64_t> bits;
  for (T v : values) {
    uint64_t b = 0;
    std::memcpy(&b, &v, sizeof v);
    bits.push_back(b);
  }
  return bits;
}

uint64_t uploadBits(Device &device, const std::vector<uint64_t> &values, unsigned bytes) {
  std::vector<uint8_t> data(values.size() * bytes);
  for (size_t i = 0; i < values.size(); ++i) std::memcpy(data.data() + i * bytes, &values[i], bytes);
  return device.upload(data);
}

/// Runs the operation on rows of bits and compares with `want`.
void check(const Operation &op, const std::vector<uint64_t> &a, const std::vector<uint64_t> &b,
           const std::vector<uint64_t> &c,
           const std::function<uint64_t(uint64_t, uint64_t, uint64_t)> &want) {
  for (HostLevel level : {HostLevel::Baseline, HostLevel::V3, HostLevel::V4}) {
    for (uint32_t step : {1u, 3u}) {
      Device device;
      device.options.level = level;
      ModuleInstance m = device.load(kernelFor(op));
      ASSERT_NE(m.module, nullptr) << kernelFor(op);
      size_t n = a.size();
      unsigned bytes = bytesOf(op.d);
      uint64_t keep = bytes == 8 ? ~uint64_t(0) : (uint64_t(1) << (bytes * 8)) - 1;
      uint64_t d = device.empty<uint8_t>(n * bytes);
      uint64_t pa = uploadBits(device, a, bytesOf(op.a)),
               pb = op.b.empty() ? 0 : uploadBits(device, b, bytesOf(op.b)),
               pc = op.c.empty() ? 0 : uploadBits(device, c, bytesOf(op.c));
      ASSERT_EQ(n % 32, 0u);
      LaunchResult r =
          device.run(m, "k", {uint32_t(n / 32)}, {32}, Arguments().add(d).add(pa).add(pb).add(pc).add(step));
      expectClean(r);
      auto got = device.download<uint8_t>(d, n * bytes);
      for (size_t i = 0; i < n; ++i) {
        uint64_t g = 0;
        std::memcpy(&g, got.data() + i * bytes, bytes);
        uint64_t expected =
            (i % step ? ~uint64_t(0) : want(a[i], b.empty() ? 0 : b[i], c.empty() ? 0 : c[i])) & keep;
        ASSERT_EQ(g, expected) << op.text << " of " << std::hex << a[i] << " " << (b.empty() ? 0 : b[i])
                               << " " << (c.empty() ? 0 : c[i]) << std::dec << " at lane " << i << ", level "
                               << int(level) << ", step " << step;
      }
    }
  }
}

/// Edge values and random ones, a multiple of 32 of them.
std::vector<uint64_t> integers(unsigned bits, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> v = {0,
                             1,
                             2,
                             3,
                             5,
                             31,
                             32,
                             33,
                             63,
                             64,
                             65,
                             255,
                             256,
                             0x7fff,
                             0x8000,
                             0xffff,
                             0x7fffffff,
                             0x80000000,
                             0xffffffff,
                             0x7fffffffffffffff,
                             0x8000000000000000,
                             ~uint64_t(0),
                             ~uint64_t(1)};
  if (seed % 2) std::reverse(v.begin(), v.end());
  while (v.size() < 256) v.push_back(random() >> (random() % 64));
  for (uint64_t &x : v) x &= bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  return v;
}

std::vector<uint64_t> floats(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> v = {
      0.0f,    -0.0f,           1.0f,           -1.0f,        0.5f,     1.5f,      2.5f, -2.5f,    1e-40f,
      -1e-40f, 1.17549435e-38f, 3.4e38f,        -3.4e38f,     INFINITY, -INFINITY, NAN,  65504.0f, 65520.0f,
      1e-8f,   2147483648.0f,   -2147483904.0f, 4294967296.0f};
  if (seed % 2) std::reverse(v.begin(), v.end());
  while (v.size() < 256) {
    float f = std::bit_cast<float>(uint32_t(random()));
    if (v.size() % 2) f = std::uniform_real_distribution<float>(-100, 100)(random);
    v.push_back(f);
  }
  return raw(v);
}

float f32(uint64_t bits) { return std::bit_cast<float>(uint32_t(bits)); }
uint64_t bits(float f) { return f != f ? 0x7fffffff : std::bit_cast<uint32_t>(f); }
double f64(uint64_t b) { return std::bit_cast<double>(b); }
uint64_t bits64(double f) { return f != f ? 0x7ff8000000000000 : std::bit_cast<uint64_t>(f); }
float ftz(float f) { return std::fpclassify(f) == FP_SUBNORMAL ? std::copysign(0.0f, f) : f; }

TEST(Integer, AddSubMul) {
  auto a = integers(32, 1), b = integers(32, 2), c = integers(32, 3);
  check({"add.s32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [](auto x, auto y, auto) { return x + y; });
  check({"sub.u32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [](auto x, auto y, auto) { return x - y; });
  check({"add.sat.s32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [](auto x, auto y, auto) {
    return uint64_t(std::clamp<int64_t>(int64_t(int32_t(x)) + int32_t(y), INT32_MIN, INT32_MAX));
  });
  check({"mul.lo.s32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [](auto x, auto y, auto) { return x * y; });
  check({"mul.hi.s32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [](auto x, auto y, auto) { return uint64_t((int64_t(int32_t(x)) * int32_t(y)) >> 32); });
  check({"mul.hi.u32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [](auto x, auto y, auto) { return (x * y) >> 32; });
  check({"mul.wide.s32 D, A, B", "b64", "b32", "b32", ""}, a, b, {},
        [](auto x, auto y, auto) { return uint64_t(int64_t(int32_t(x)) * int32_t(y)); });
  check({"mad.lo.u32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c,
        [](auto x, auto y, auto z) { return x * y + z; });
  auto l = integers(64, 4), m = integers(64, 5);
  check({"mul.hi.u64 D, A, B", "b64", "b64", "b64", ""}, l, m, {},
        [](auto x, auto y, auto) { return uint64_t((unsigned __int128)x * y >> 64); });
  check({"mul.hi.s64 D, A, B", "b64", "b64", "b64", ""}, l, m, {},
        [](auto x, auto y, auto) { return uint64_t(__int128(int64_t(x)) * int64_t(y) >> 64); });
  auto s = integers(16, 6), t = integers(16, 7);
  check({"mul.wide.s16 D, A, B", "b32", "b16", "b16", ""}, s, t, {},
        [](auto x, auto y, auto) { return uint64_t(int64_t(int16_t(x)) * int16_t(y)); });
  check({"max.s16 D, A, B", "b16", "b16", "b16", ""}, s, t, {},
        [](auto x, auto y, auto) { return uint64_t(std::max(int16_t(x), int16_t(y))); });
  check({"abs.s32 D, A", "b32", "b32", "", ""}, a, {}, {},
        [](auto x, auto, auto) { return uint64_t(int32_t(x) < 0 ? 0 - x : x); });
  check({"sad.s32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c,
        [](auto x, auto y, auto z) { return z + uint64_t(std::abs(int64_t(int32_t(x)) - int32_t(y))); });
}

TEST(Integer, Division) {
  auto a = integers(32, 1), b = integers(32, 4);
  auto nonZero = b;
  for (uint64_t &x : nonZero) x = x ? x : 7;
  check({"div.u32 D, A, B", "b32", "b32", "b32", ""}, a, nonZero, {},
        [](auto x, auto y, auto) { return x / y; });
  check({"rem.s32 D, A, B", "b32", "b32", "b32", ""}, a, nonZero, {},
        [](auto x, auto y, auto) { return uint64_t(int64_t(int32_t(x)) % int32_t(y)); });
  check({"div.s32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [](auto x, auto y, auto) {
    return y == 0 ? ~uint64_t(0) : uint64_t(int64_t(int32_t(x)) / int32_t(y));
  });
}

TEST(Integer, ShiftsAndBits) {
  auto a = integers(32, 1), b = integers(32, 2), n = integers(7, 3), c = integers(32, 5);
  check({"shl.b32 D, A, B", "b32", "b32", "b32", ""}, a, n, {},
        [](auto x, auto y, auto) { return y > 31 ? 0 : x << y; });
  check({"shr.u32 D, A, B", "b32", "b32", "b32", ""}, a, n, {},
        [](auto x, auto y, auto) { return y > 31 ? 0 : x >> y; });
  check({"shr.s32 D, A, B", "b32", "b32", "b32", ""}, a, n, {},
        [](auto x, auto y, auto) { return uint64_t(int64_t(int32_t(x)) >> std::min<uint64_t>(y, 31)); });
  check({"shf.l.wrap.b32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c,
        [](auto x, auto y, auto z) { return ((y << 32 | x) << (z & 31)) >> 32; });
  check({"shf.r.clamp.b32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c,
        [](auto x, auto y, auto z) { return (y << 32 | x) >> std::min<uint64_t>(z, 32); });
  check({"lop3.b32 D, A, B, C, 0xCA", "b32", "b32", "b32", "b32"}, a, b, c,
        [](auto x, auto y, auto z) { return (x & y) | (~x & z); });
  check({"prmt.b32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c, [](auto x, auto y, auto z) {
    uint64_t v = y << 32 | x, r = 0;
    for (unsigned k = 0; k < 4; ++k) {
      unsigned s = unsigned(z >> (4 * k)) & 15;
      uint64_t byte = v >> (8 * (s & 7)) & 255;
      if (s & 8) byte = byte & 128 ? 255 : 0;
      r |= byte << (8 * k);
    }
    return r;
  });
  check({"popc.b32 D, A", "b32", "b32", "", ""}, a, {}, {},
        [](auto x, auto, auto) { return uint64_t(std::popcount(x)); });
  check({"clz.b32 D, A", "b32", "b32", "", ""}, a, {}, {},
        [](auto x, auto, auto) { return uint64_t(std::countl_zero(uint32_t(x))); });
  check({"brev.b32 D, A", "b32", "b32", "", ""}, a, {}, {}, [](auto x, auto, auto) {
    uint64_t r = 0;
    for (unsigned k = 0; k < 32; ++k) r |= (x >> k & 1) << (31 - k);
    return r;
  });
  check({"bfind.s32 D, A", "b32", "b32", "", ""}, a, {}, {}, [](auto x, auto, auto) {
    uint32_t v = int32_t(x) < 0 ? ~uint32_t(x) : uint32_t(x);
    return v ? uint64_t(31 - std::countl_zero(v)) : ~uint64_t(0);
  });
  check({"bfi.b32 D, A, B, C, 9", "b32", "b32", "b32", "b32"}, a, b, n, [](auto x, auto y, auto p) {
    uint64_t r = y;
    for (unsigned k = 0; k < 9 && p + k < 32; ++k)
      r = (r & ~(uint64_t(1) << (p + k))) | (x >> k & 1) << (p + k);
    return r;
  });
}

TEST(Integer, BitFieldExtract) {
  auto pos = integers(6, 3), len = integers(6, 8);
  auto extract = [](uint64_t x, uint64_t p, uint64_t n, unsigned width, bool isSigned) {
    bool sign = isSigned && n && (x >> std::min<uint64_t>(p + n - 1, width - 1) & 1);
    uint64_t r = 0;
    for (unsigned k = 0; k < width; ++k) {
      bool bit = k < n && p + k < width ? (x >> (p + k) & 1) : sign;
      r |= uint64_t(bit) << k;
    }
    return r;
  };
  check({"bfe.u32 D, A, B, C", "b32", "b32", "b32", "b32"}, integers(32, 1), pos, len,
        [&](auto x, auto p, auto n) { return extract(x, p, n, 32, false); });
  check({"bfe.s32 D, A, B, C", "b32", "b32", "b32", "b32"}, integers(32, 1), pos, len,
        [&](auto x, auto p, auto n) { return extract(x, p, n, 32, true); });
  check({"bfe.s64 D, A, B, C", "b64", "b64", "b32", "b32"}, integers(64, 1), pos, len,
        [&](auto x, auto p, auto n) { return extract(x, p, n, 64, true); });
}

TEST(Integer, DotProducts) {
  auto a = integers(32, 1), b = integers(32, 2), c = integers(32, 3);
  check({"dp4a.s32.u32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c, [](auto x, auto y, auto z) {
    for (unsigned k = 0; k < 4; ++k) z += uint64_t(int64_t(int8_t(x >> (8 * k))) * uint8_t(y >> (8 * k)));
    return z;
  });
  check({"dp2a.hi.s32.s32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c, [](auto x, auto y, auto z) {
    for (unsigned k = 0; k < 2; ++k)
      z += uint64_t(int64_t(int16_t(x >> (16 * k))) * int8_t(y >> (8 * (k + 2))));
    return z;
  });
}

uint64_t rounded(int mode, float a, float b, float c, float (*f)(float, float, float)) {
  volatile float x = a, y = b, z = c;
  std::fesetround(mode);
  volatile float r = f(x, y, z);
  std::fesetround(FE_TONEAREST);
  return bits(r);
}

TEST(Float, ArithmeticWithRounding) {
  auto a = floats(1), b = floats(2), c = floats(3);
  for (auto [suffix, mode] : {std::pair("rn", FE_TONEAREST), std::pair("rz", FE_TOWARDZERO),
                              std::pair("rm", FE_DOWNWARD), std::pair("rp", FE_UPWARD)}) {
    std::string r = suffix;
    int m = mode;
    check({"add." + r + ".f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [m](auto x, auto y, auto) {
      return rounded(m, f32(x), f32(y), 0, [](float p, float q, float) { return p + q; });
    });
    check({"mul." + r + ".f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [m](auto x, auto y, auto) {
      return rounded(m, f32(x), f32(y), 0, [](float p, float q, float) { return p * q; });
    });
    check({"fma." + r + ".f32 D, A, B, C", "b32", "b32", "b32", "b32"}, a, b, c, [m](auto x, auto y, auto z) {
      return rounded(m, f32(x), f32(y), f32(z), [](float p, float q, float s) { return std::fma(p, q, s); });
    });
    check({"div." + r + ".f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [m](auto x, auto y, auto) {
      return rounded(m, f32(x), f32(y), 0, [](float p, float q, float) { return p / q; });
    });
    check({"sqrt." + r + ".f32 D, A", "b32", "b32", "", ""}, a, {}, {}, [m](auto x, auto, auto) {
      return rounded(m, f32(x), 0, 0, [](float p, float, float) { return std::sqrt(p); });
    });
  }
}

TEST(Float, FlushAndSaturate) {
  auto a = floats(1), b = floats(2);
  check({"add.ftz.f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [](auto x, auto y, auto) { return bits(ftz(ftz(f32(x)) + ftz(f32(y)))); });
  check({"mul.ftz.f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [](auto x, auto y, auto) { return bits(ftz(ftz(f32(x)) * ftz(f32(y)))); });
  check({"add.sat.f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {}, [](auto x, auto y, auto) {
    float r = f32(x) + f32(y);
    return bits(r > 0 ? std::min(r, 1.0f) : 0.0f);
  });
}

TEST(Float, MinimumMaximum) {
  auto a = floats(1), b = floats(4);
  auto want = [](float x, float y, bool max, bool nan) {
    if (nan && (x != x || y != y)) return bits(NAN);
    if (x != x) return bits(y);
    if (y != y) return bits(x);
    if (x == y) return bits(std::signbit(x) == max ? y : x);
    return bits(max ? std::max(x, y) : std::min(x, y));
  };
  check({"min.f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [&](auto x, auto y, auto) { return want(f32(x), f32(y), false, false); });
  check({"max.f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [&](auto x, auto y, auto) { return want(f32(x), f32(y), true, false); });
  check({"max.NaN.f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
        [&](auto x, auto y, auto) { return want(f32(x), f32(y), true, true); });
}

TEST(Float, Approximations) {
  auto a = floats(6);
  auto via = [](double (*f)(double)) {
    return [f](uint64_t x, uint64_t, uint64_t) { return bits(float(f(double(f32(x))))); };
  };
  check({"ex2.approx.f32 D, A", "b32", "b32", "", ""}, a, {}, {}, via([](double x) { return std::exp2(x); }));
  check({"lg2.approx.f32 D, A", "b32", "b32", "", ""}, a, {}, {}, via([](double x) { return std::log2(x); }));
  check({"rcp.approx.f32 D, A", "b32", "b32", "", ""}, a, {}, {}, via([](double x) { return 1 / x; }));
  check({"rsqrt.approx.f32 D, A", "b32", "b32", "", ""}, a, {}, {},
        via([](double x) { return 1 / std::sqrt(x); }));
  check({"tanh.approx.f32 D, A", "b32", "b32", "", ""}, a, {}, {},
        via([](double x) { return std::tanh(x); }));
}

TEST(Float, Comparisons) {
  auto a = floats(1), b = floats(2);
  for (size_t i = 0; i < b.size(); i += 5) b[i] = a[i];
  auto run = [&](const char *name, bool (*f)(float, float)) {
    check({"set." + std::string(name) + ".u32.f32 D, A, B", "b32", "b32", "b32", ""}, a, b, {},
          [f](auto x, auto y, auto) { return f(f32(x), f32(y)) ? ~uint64_t(0) : 0; });
  };
  run("eq", [](float x, float y) { return x == y; });
  run("ne", [](float x, float y) { return x < y || x > y; });
  run("lt", [](float x, float y) { return x < y; });
  run("ge", [](float x, float y) { return x >= y; });
  run("ltu", [](float x, float y) { return !(x >= y); });
  run("equ", [](float x, float y) { return !(x < y || x > y); });
  run("neu", [](float x, float y) { return x != y; });
  run("num", [](float x, float y) { return x == x && y == y; });
  run("nan", [](float x, float y) { return x != x || y != y; });
}

TEST(Double, Arithmetic) {
  std::vector<double> v, w;
  for (uint64_t x : floats(1)) v.push_back(double(f32(x)) * 1.0000000001);
  for (uint64_t x : floats(2)) w.push_back(double(f32(x)) / 3);
  auto a = raw(v), b = raw(w);
  check({"fma.rn.f64 D, A, B, A", "b64", "b64", "b64", ""}, a, b, {},
        [](auto x, auto y, auto) { return bits64(std::fma(f64(x), f64(y), f64(x))); });
  check({"div.rn.f64 D, A, B", "b64", "b64", "b64", ""}, a, b, {},
        [](auto x, auto y, auto) { return bits64(f64(x) / f64(y)); });
  check({"cvt.rn.f32.f64 D, A", "b32", "b64", "", ""}, a, {}, {},
        [](auto x, auto, auto) { return bits(float(f64(x))); });
}

//===----------------------------------------------------------------------===//
// 16 bits: exhaustive
//===----------------------------------------------------------------------===//

std::vector<uint64_t> allSixteen() {
  std::vector<uint64_t> v(65536);
  for (size_t i = 0; i < v.size(); ++i) v[i] = i;
  return v;
}
double halfValue(uint64_t h) {
  int exponent = int(h >> 10 & 31);
  double fraction = double(h & 1023), sign = h >> 15 ? -1 : 1;
  if (exponent == 31) return fraction ? double(NAN) : sign * double(INFINITY);
  return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}
double bfloatValue(uint64_t h) { return double(std::bit_cast<float>(uint32_t(h << 16))); }

/// Nearest 16-bit float with `fraction` bits, ties to even, by searching among the neighbours' exact values.
uint64_t nearest(double v, unsigned fraction, double (*value)(uint64_t)) {
  if (v != v) return 0x7fff;
  uint64_t sign = std::signbit(v) ? 0x8000 : 0, infinity = fraction == 10 ? 0x7c00 : 0x7f80;
  double a = std::fabs(v);
  uint64_t low = 0, high = infinity;
  if (a == double(INFINITY)) return sign | infinity;
  while (high - low > 1) {
    uint64_t middle = (low + high) / 2;
    (value(middle) <= a ? low : high) = middle;
  }
  double below = value(low), above = high == infinity ? 2 * below - value(low - 1) : value(high);
  if (a - below > above - a || (a - below == above - a && (low & 1))) low = high;
  return sign | low;
}

TEST(Half, WideningIsExact) {
  check({"cvt.f32.f16 D, A", "b32", "b16", "", ""}, allSixteen(), {}, {},
        [](auto x, auto, auto) { return bits(float(halfValue(x))); });
  check({"cvt.f32.bf16 D, A", "b32", "b16", "", ""}, allSixteen(), {}, {},
        [](auto x, auto, auto) { return bits(float(bfloatValue(x))); });
}

TEST(Half, NarrowingRoundsToNearestEven) {
  std::vector<uint64_t> inputs;
  for (uint64_t h = 0; h < 0x7c00; h += 3) {
    float low = float(halfValue(h)), high = float(h + 1 == 0x7c00 ? 65536 : halfValue(h + 1)),
          middle = (low + high) / 2;
    for (float f : {low, std::nextafter(low, high), std::nextafter(middle, 0.0f), middle,
                    std::nextafter(middle, high), -middle})
      inputs.push_back(std::bit_cast<uint32_t>(f));
  }
  for (uint64_t f : floats(9)) inputs.push_back(f);
  inputs.resize(inputs.size() / 32 * 32);
  check({"cvt.rn.f16.f32 D, A", "b16", "b32", "", ""}, inputs, {}, {},
        [](auto x, auto, auto) { return nearest(double(f32(x)), 10, halfValue); });
  check({"cvt.rn.bf16.f32 D, A", "b16", "b32", "", ""}, inputs, {}, {},
        [](auto x, auto, auto) { return nearest(double(f32(x)), 7, bfloatValue); });
  check({"cvt.rn.f16x2.f32 D, A, B", "b32", "b32", "b32", ""}, inputs, inputs, {}, [](auto x, auto y, auto) {
    return nearest(double(f32(x)), 10, halfValue) << 16 | nearest(double(f32(y)), 10, halfValue);
  });
}

TEST(Half, Arithmetic) {
  auto a = allSixteen(), b = a, c = a;
  std::mt19937 random(3);
  for (uint64_t &x : b) x = random() & 0xffff;
  for (uint64_t &x : c) x = random() & 0xffff;
  check({"add.f16 D, A, B", "b16", "b16", "b16", ""}, a, b, {},
        [](auto x, auto y, auto) { return nearest(halfValue(x) + halfValue(y), 10, halfValue); });
  check({"mul.rn.f16 D, A, B", "b16", "b16", "b16", ""}, a, b, {},
        [](auto x, auto y, auto) { return nearest(halfValue(x) * halfValue(y), 10, halfValue); });
  auto fused = [](auto value, unsigned fraction) {
    return [=](uint64_t x, uint64_t y, uint64_t z) {
      // The exact sum is r + lost. Rounding to odd in both steps keeps it on its side of every tie.
      using Long = long double;
      Long p = Long(value(x)) * value(y), z0 = value(z), r = p + z0, part = r - p;
      Long lost = (p - (r - part)) + (z0 - part);
      uint64_t last = 0;
      std::memcpy(&last, &r, 8);
      if (lost == lost && lost != 0 && !(last & 1))
        r = std::nextafter(r, lost > 0 ? Long(INFINITY) : -Long(INFINITY));
      double d = double(r);
      if (r != Long(d) && !(std::bit_cast<uint64_t>(d) & 1))
        d = std::nextafter(d, r > d ? double(INFINITY) : -double(INFINITY));
      return nearest(d, fraction, value);
    };
  };
  check({"fma.rn.f16 D, A, B, C", "b16", "b16", "b16", "b16"}, a, b, c, fused(halfValue, 10));
  check({"fma.rn.bf16 D, A, B, C", "b16", "b16", "b16", "b16"}, a, b, c, fused(bfloatValue, 7));
}

TEST(Convert, FloatToInteger) {
  auto a = floats(1);
  auto clamp = [](double v, double lo, double hi) -> double { return v != v ? 0 : std::clamp(v, lo, hi); };
  check({"cvt.rzi.s32.f32 D, A", "b32", "b32", "", ""}, a, {}, {}, [&](auto x, auto, auto) {
    return uint64_t(int64_t(clamp(std::trunc(double(f32(x))), INT32_MIN, INT32_MAX)));
  });
  check({"cvt.rni.u32.f32 D, A", "b32", "b32", "", ""}, a, {}, {},
        [&](auto x, auto, auto) { return uint64_t(clamp(std::nearbyint(double(f32(x))), 0, UINT32_MAX)); });
  check({"cvt.rmi.s8.f32 D, A", "b32", "b32", "", ""}, a, {}, {},
        [&](auto x, auto, auto) { return uint64_t(int64_t(clamp(std::floor(double(f32(x))), -128, 127))); });
  check({"cvt.rpi.f32.f32 D, A", "b32", "b32", "", ""}, a, {}, {},
        [&](auto x, auto, auto) { return bits(std::ceil(f32(x))); });
}

// Under every rounding mode, zero included: no host may round twice.
TEST(Convert, UnsignedToFloat) {
  std::vector<uint64_t> wide = integers(64, 4), narrow = integers(32, 4);
  const std::pair<const char *, int> modes[] = {
      {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};
  for (auto [name, mode] : modes) {
    auto rounded = [mode = mode](auto exact, auto zero) { // an integer of 64 bits is exact as a long double
      volatile long double from = static_cast<long double>(exact);
      fesetround(mode);
      volatile decltype(zero) to = static_cast<decltype(zero)>(from);
      fesetround(FE_TONEAREST);
      return to;
    };
    auto toDouble = [&](auto x, auto, auto) { return std::bit_cast<uint64_t>(double(rounded(x, 0.0))); };
    auto toSingle = [&](auto x, auto, auto) { return std::bit_cast<uint32_t>(float(rounded(x, 0.0f))); };
    std::string rounding(name);
    check({"cvt." + rounding + ".f64.u64 D, A", "b64", "b64", "", ""}, wide, {}, {}, toDouble);
    check({"cvt." + rounding + ".f32.u64 D, A", "b32", "b64", "", ""}, wide, {}, {}, toSingle);
    check({"cvt." + rounding + ".f64.u32 D, A", "b64", "b32", "", ""}, narrow, {}, {}, toDouble);
    check({"cvt." + rounding + ".f32.u32 D, A", "b32", "b32", "", ""}, narrow, {}, {}, toSingle);
  }
}

TEST(Convert, Integers) {
  auto a = integers(64, 1);
  check({"cvt.rn.f32.s64 D, A", "b32", "b64", "", ""}, a, {}, {},
        [](auto x, auto, auto) { return bits(float(int64_t(x))); });
  check({"cvt.rz.f32.u64 D, A", "b32", "b64", "", ""}, a, {}, {}, [](auto x, auto, auto) {
    volatile uint64_t v = x;
    std::fesetround(FE_TOWARDZERO);
    volatile float r = float(v);
    std::fesetround(FE_TONEAREST);
    return bits(r);
  });
  check({"cvt.sat.u8.s64 D, A", "b32", "b64", "", ""}, a, {}, {},
        [](auto x, auto, auto) { return uint64_t(std::clamp<int64_t>(int64_t(x), 0, 255)); });
  check({"cvt.s32.s8 D, A", "b32", "b64", "", ""}, a, {}, {},
        [](auto x, auto, auto) { return uint64_t(int64_t(int8_t(x))); });
  check({"cvt.u64.u32 D, A", "b64", "b32", "", ""}, integers(32, 2), {}, {},
        [](auto x, auto, auto) { return x; });
  check({"cvt.s64.s32 D, A", "b64", "b32", "", ""}, integers(32, 2), {}, {},
        [](auto x, auto, auto) { return uint64_t(int64_t(int32_t(x))); });
}

} // namespace
