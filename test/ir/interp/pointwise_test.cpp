// Every pointwise op against a formula of the standard library.
#include "module.h"

#include "ir/interp/numerics.h"

#include <cmath>
#include <limits>

namespace dlc::interp {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan = std::numeric_limits<double>::quiet_NaN();

void expectSame(double have, double want, double relative, const std::string &what) {
  if (std::isnan(want)) {
    EXPECT_TRUE(std::isnan(have)) << what;
  } else if (std::isinf(want) || want == 0) {
    EXPECT_EQ(have, want) << what;
    EXPECT_EQ(std::signbit(have), std::signbit(want)) << what;
  } else {
    EXPECT_LE(std::fabs(have - want), relative * std::fabs(want)) << what << ": " << have << " for " << want;
  }
}

const std::vector<double> samples = {0.0, -0.0, 1,   -1,    0.5,   -0.5,  1.5,   2.5, -2.5,
                                     0.3, -3.7, 10,  100.5, -20.2, 1e-5,  -1e-5, 3e9, -1e10,
                                     inf, -inf, nan, 7,     0.99,  -0.99, 1e-30};

struct Unary {
  std::string op;
  double (*formula)(double);
};
double roundHalfEven(double x) { return std::nearbyint(x); }

TEST(Pointwise, unaryFloat) {
  const Unary rows[] = {
      {"arith.negf", [](double x) { return -x; }},
      {"math.absf", [](double x) { return std::fabs(x); }},
      {"math.ceil", [](double x) { return std::ceil(x); }},
      {"math.floor", [](double x) { return std::floor(x); }},
      {"math.trunc", [](double x) { return std::trunc(x); }},
      {"math.round", [](double x) { return std::round(x); }},
      {"math.roundeven", roundHalfEven},
      {"math.sqrt", [](double x) { return std::sqrt(x); }},
      {"math.rsqrt", [](double x) { return 1 / std::sqrt(x); }},
      {"math.cbrt", [](double x) { return std::cbrt(x); }},
      {"math.exp", [](double x) { return std::exp(x); }},
      {"math.exp2", [](double x) { return std::pow(2.0, x); }},
      {"math.expm1", [](double x) { return std::expm1(x); }},
      {"math.log", [](double x) { return std::log(x); }},
      {"math.log2", [](double x) { return std::log2(x); }},
      {"math.log10", [](double x) { return std::log10(x); }},
      {"math.log1p", [](double x) { return std::log1p(x); }},
      {"math.erf", [](double x) { return std::erf(x); }},
      {"math.erfc", [](double x) { return std::erfc(x); }},
      {"math.sin", [](double x) { return std::sin(x); }},
      {"math.cos", [](double x) { return std::cos(x); }},
      {"math.tan", [](double x) { return std::tan(x); }},
      {"math.asin", [](double x) { return std::asin(x); }},
      {"math.acos", [](double x) { return std::acos(x); }},
      {"math.atan", [](double x) { return std::atan(x); }},
      {"math.sinh", [](double x) { return std::sinh(x); }},
      {"math.cosh", [](double x) { return std::cosh(x); }},
      {"math.tanh", [](double x) { return std::tanh(x); }},
      {"math.asinh", [](double x) { return std::asinh(x); }},
      {"math.acosh", [](double x) { return std::acosh(x); }},
      {"math.atanh", [](double x) { return std::atanh(x); }},
  };
  int64_t n = samples.size();
  for (const Unary &row : rows) {
    std::string type = "tensor<" + std::to_string(n) + "xf32>";
    Module module(function({type}, type, "%r = " + row.op + " %a0 : " + type));
    std::vector<float> narrow(samples.begin(), samples.end());
    Tensor single = floats({n}, narrow), wide = Tensor::copyOf(DType::F64, {n}, samples.data());
    auto f32 = module.run({single});
    auto f64 = module.run({wide}, {FloatMode::F64, {}, {}});
    for (int64_t i = 0; i < n; ++i) {
      std::string what = row.op + " of " + std::to_string(samples[i]);
      // The result in fp32 is the exact one rounded; where fp32 overflows, so does the expectation.
      expectSame(f32[0].floatAt(i), static_cast<float>(row.formula(narrow[i])), 1e-7, what);
      expectSame(f64[0].floatAt(i), row.formula(samples[i]), 1e-15, what);
    }
  }
}

struct Binary {
  std::string op;
  double (*formula)(double, double);
};
TEST(Pointwise, binaryFloat) {
  auto larger = [](double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return nan;
    return a == 0 && b == 0 ? (std::signbit(a) ? b : a) : std::max(a, b);
  };
  auto smaller = [](double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return nan;
    return a == 0 && b == 0 ? (std::signbit(a) ? a : b) : std::min(a, b);
  };
  static auto max = larger;
  static auto min = smaller;
  const Binary rows[] = {
      {"arith.addf", [](double a, double b) { return a + b; }},
      {"arith.subf", [](double a, double b) { return a - b; }},
      {"arith.mulf", [](double a, double b) { return a * b; }},
      {"arith.divf", [](double a, double b) { return a / b; }},
      {"arith.remf", [](double a, double b) { return std::fmod(a, b); }},
      {"arith.maximumf", [](double a, double b) { return max(a, b); }},
      {"arith.minimumf", [](double a, double b) { return min(a, b); }},
      {"arith.maxnumf", [](double a, double b) { return std::isnan(a)   ? b
                                                        : std::isnan(b) ? a
                                                                        : max(a, b); }},
      {"arith.minnumf", [](double a, double b) { return std::isnan(a)   ? b
                                                        : std::isnan(b) ? a
                                                                        : min(a, b); }},
      {"math.powf", [](double a, double b) { return std::pow(a, b); }},
      {"math.atan2", [](double a, double b) { return std::atan2(a, b); }},
      {"math.copysign", [](double a, double b) { return std::copysign(a, b); }},
  };
  std::vector<double> left, right;
  for (double a : samples)
    for (double b : samples) left.push_back(a), right.push_back(b);
  int64_t n = left.size();
  std::string type = "tensor<" + std::to_string(n) + "xf64>";
  Tensor a = Tensor::copyOf(DType::F64, {n}, left.data()), b = Tensor::copyOf(DType::F64, {n}, right.data());
  for (const Binary &row : rows) {
    Module module(function({type, type}, type, "%r = " + row.op + " %a0, %a1 : " + type));
    auto results = module.run({a, b});
    for (int64_t i = 0; i < n; ++i)
      expectSame(results[0].floatAt(i), row.formula(left[i], right[i]), 1e-15,
                 row.op + " of " + std::to_string(left[i]) + " and " + std::to_string(right[i]));
  }
}

TEST(Pointwise, comparesFloats) {
  const std::pair<const char *, bool (*)(double, double)> rows[] = {
      {"oeq", [](double a, double b) { return a == b; }},
      {"ogt", [](double a, double b) { return a > b; }},
      {"oge", [](double a, double b) { return a >= b; }},
      {"olt", [](double a, double b) { return a < b; }},
      {"ole", [](double a, double b) { return a <= b; }},
      {"one", [](double a, double b) { return a < b || a > b; }},
      {"ord", [](double a, double b) { return a == a && b == b; }},
      {"ueq", [](double a, double b) { return !(a < b || a > b); }},
      {"ugt", [](double a, double b) { return !(a <= b); }},
      {"uge", [](double a, double b) { return !(a < b); }},
      {"ult", [](double a, double b) { return !(a >= b); }},
      {"ule", [](double a, double b) { return !(a > b); }},
      {"une", [](double a, double b) { return a != b; }},
      {"uno", [](double a, double b) { return a != a || b != b; }},
  };
  std::vector<float> a = {1, 2, 1, float(nan), 1, -0.0f}, b = {2, 1, 1, 1, float(nan), 0.0f};
  for (auto &[name, formula] : rows) {
    Module module(function({"tensor<6xf32>", "tensor<6xf32>"}, "tensor<6xi1>",
                           std::string("%r = arith.cmpf ") + name + ", %a0, %a1 : tensor<6xf32>"));
    auto results = module.run({floats({6}, a), floats({6}, b)});
    for (int i = 0; i < 6; ++i) EXPECT_EQ(results[0].intAt(i), formula(a[i], b[i])) << name << i;
  }
}

TEST(Pointwise, testsSelectsFma) {
  Module module(R"(func.func @main(%x: tensor<5xf32>, %y: tensor<5xf32>)
      -> (tensor<5xi1>, tensor<5xi1>, tensor<5xi1>, tensor<5xf32>, tensor<5xf32>) {
    %0 = math.isnan %x : tensor<5xf32>
    %1 = math.isinf %x : tensor<5xf32>
    %2 = math.isfinite %x : tensor<5xf32>
    %3 = arith.select %1, %y, %x : tensor<5xi1>, tensor<5xf32>
    %4 = math.fma %x, %y, %y : tensor<5xf32>
    return %0, %1, %2, %3, %4 : tensor<5xi1>, tensor<5xi1>, tensor<5xi1>, tensor<5xf32>, tensor<5xf32>
  })");
  auto r =
      module.run({floats({5}, {1, float(nan), float(inf), float(-inf), 0}), floats({5}, {5, 6, 7, 8, 9})});
  EXPECT_EQ(integersOf(r[0]), (std::vector<int64_t>{0, 1, 0, 0, 0}));
  EXPECT_EQ(integersOf(r[1]), (std::vector<int64_t>{0, 0, 1, 1, 0}));
  EXPECT_EQ(integersOf(r[2]), (std::vector<int64_t>{1, 0, 0, 0, 1}));
  EXPECT_EQ(r[3].floatAt(2), 7);
  EXPECT_EQ(r[3].floatAt(0), 1);
  EXPECT_EQ(r[4].floatAt(0), 10);
}

//===- Integers: all pairs of 8-bit numbers, and the edges of wider types -------------------===//

struct IntRow {
  std::string op;
  int64_t (*formula)(int64_t a, int64_t b, int bits); ///< of sign-extended operands; the result is wrapped
};
int64_t wrap(__int128 x, int bits) { return int64_t(uint64_t(x) << (64 - bits)) >> (64 - bits); }
uint64_t zext(int64_t x, int bits) {
  return bits == 64 ? uint64_t(x) : uint64_t(x) & ((uint64_t(1) << bits) - 1);
}

const IntRow intRows[] = {
    {"arith.addi", [](int64_t a, int64_t b, int n) { return wrap(__int128(a) + b, n); }},
    {"arith.subi", [](int64_t a, int64_t b, int n) { return wrap(__int128(a) - b, n); }},
    {"arith.muli", [](int64_t a, int64_t b, int n) { return wrap(__int128(a) * b, n); }},
    {"arith.divsi", [](int64_t a, int64_t b, int n) { return b ? wrap(__int128(a) / b, n) : 0; }},
    {"arith.remsi", [](int64_t a, int64_t b, int n) { return b ? wrap(__int128(a) % b, n) : 0; }},
    {"arith.divui", [](int64_t a, int64_t b, int n) { return b ? wrap(zext(a, n) / zext(b, n), n) : 0; }},
    {"arith.remui", [](int64_t a, int64_t b, int n) { return b ? wrap(zext(a, n) % zext(b, n), n) : 0; }},
    {"arith.floordivsi",
     [](int64_t a, int64_t b, int n) {
       if (!b) return int64_t(0);
       __int128 q = __int128(a) / b;
       return wrap(__int128(a) % b != 0 && (a < 0) != (b < 0) ? q - 1 : q, n);
     }},
    {"arith.ceildivsi",
     [](int64_t a, int64_t b, int n) {
       if (!b) return int64_t(0);
       __int128 q = __int128(a) / b;
       return wrap(__int128(a) % b != 0 && (a < 0) == (b < 0) ? q + 1 : q, n);
     }},
    {"arith.ceildivui",
     [](int64_t a, int64_t b, int n) {
       unsigned __int128 x = zext(a, n), y = zext(b, n);
       return y ? wrap((x + y - 1) / y, n) : 0;
     }},
    {"arith.andi", [](int64_t a, int64_t b, int n) { return a & b; }},
    {"arith.ori", [](int64_t a, int64_t b, int n) { return a | b; }},
    {"arith.xori", [](int64_t a, int64_t b, int n) { return a ^ b; }},
    {"arith.maxsi", [](int64_t a, int64_t b, int n) { return std::max(a, b); }},
    {"arith.minsi", [](int64_t a, int64_t b, int n) { return std::min(a, b); }},
    {"arith.maxui", [](int64_t a, int64_t b, int n) { return zext(a, n) > zext(b, n) ? a : b; }},
    {"arith.minui", [](int64_t a, int64_t b, int n) { return zext(a, n) < zext(b, n) ? a : b; }},
    {"arith.shli", [](int64_t a, int64_t b,
                      int n) { return zext(b, n) >= uint64_t(n) ? 0 : wrap(__int128(zext(a, n)) << b, n); }},
    {"arith.shrui",
     [](int64_t a, int64_t b, int n) { return zext(b, n) >= uint64_t(n) ? 0 : wrap(zext(a, n) >> b, n); }},
    {"arith.shrsi", [](int64_t a, int64_t b, int n) { return a >> (zext(b, n) >= uint64_t(n) ? 63 : b); }},
};

std::vector<int64_t> edges(int bits) {
  std::vector<int64_t> values;
  if (bits <= 8) {
    for (int64_t v = -(1 << (bits - 1)); v < (1 << (bits - 1)); ++v) values.push_back(v);
    return values;
  }
  int64_t top = int64_t((uint64_t(1) << (bits - 1)) - 1);
  return {0, 1, -1, 2, -2, 3, 7, -7, 13, bits - 1, bits, 100, -100, top, top - 1, -top, -top - 1, top / 3};
}

TEST(Pointwise, integers) {
  for (int bits : {4, 8, 16, 32, 64}) {
    DType dtype = *parseDType("i" + std::to_string(bits));
    std::vector<int64_t> a, b;
    for (int64_t x : edges(bits))
      for (int64_t y : edges(bits)) a.push_back(x), b.push_back(y);
    int64_t n = a.size();
    std::string type = "tensor<" + std::to_string(n) + "xi" + std::to_string(bits) + ">";
    Tensor left = longs({n}, a).converted(dtype), right = longs({n}, b).converted(dtype);
    for (const IntRow &row : intRows) {
      Module module(function({type, type}, type, "%r = " + row.op + " %a0, %a1 : " + type));
      std::vector<int64_t> have = integersOf(module.run({left, right})[0]);
      for (int64_t i = 0; i < n; ++i)
        ASSERT_EQ(have[i], row.formula(a[i], b[i], bits))
            << row.op << " i" << bits << ": " << a[i] << ", " << b[i];
    }
    const std::pair<const char *, bool (*)(int64_t, int64_t, int)> comparisons[] = {
        {"eq", [](int64_t x, int64_t y, int) { return x == y; }},
        {"ne", [](int64_t x, int64_t y, int) { return x != y; }},
        {"slt", [](int64_t x, int64_t y, int) { return x < y; }},
        {"sle", [](int64_t x, int64_t y, int) { return x <= y; }},
        {"sgt", [](int64_t x, int64_t y, int) { return x > y; }},
        {"sge", [](int64_t x, int64_t y, int) { return x >= y; }},
        {"ult", [](int64_t x, int64_t y, int n) { return zext(x, n) < zext(y, n); }},
        {"ule", [](int64_t x, int64_t y, int n) { return zext(x, n) <= zext(y, n); }},
        {"ugt", [](int64_t x, int64_t y, int n) { return zext(x, n) > zext(y, n); }},
        {"uge", [](int64_t x, int64_t y, int n) { return zext(x, n) >= zext(y, n); }}};
    for (auto &[name, formula] : comparisons) {
      Module module(function({type, type}, "tensor<" + std::to_string(n) + "xi1>",
                             std::string("%r = arith.cmpi ") + name + ", %a0, %a1 : " + type));
      std::vector<int64_t> have = integersOf(module.run({left, right})[0]);
      for (int64_t i = 0; i < n; ++i)
        ASSERT_EQ(have[i], formula(a[i], b[i], bits)) << name << a[i] << ", " << b[i];
    }
  }
}

TEST(Pointwise, booleans) {
  Module module(
      R"(func.func @main(%x: tensor<4xi1>, %y: tensor<4xi1>) -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>) {
    %0 = arith.andi %x, %y : tensor<4xi1>
    %1 = arith.ori %x, %y : tensor<4xi1>
    %2 = arith.xori %x, %y : tensor<4xi1>
    %3 = arith.uitofp %x : tensor<4xi1> to tensor<4xf32>
    %4 = arith.sitofp %x : tensor<4xi1> to tensor<4xf32>
    %5 = arith.cmpi ult, %x, %y : tensor<4xi1>
    return %0, %1, %2, %3, %4, %5 : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>
  })");
  auto r = module.run(
      {longs({4}, {0, 0, 1, 1}).converted(DType::I1), longs({4}, {0, 1, 0, 1}).converted(DType::I1)});
  using V = std::vector<int64_t>;
  EXPECT_EQ(integersOf(r[0]), (V{0, 0, 0, 1}));
  EXPECT_EQ(integersOf(r[1]), (V{0, 1, 1, 1}));
  EXPECT_EQ(integersOf(r[2]), (V{0, 1, 1, 0}));
  EXPECT_EQ(valuesOf(r[3]), (std::vector<double>{0, 0, 1, 1}));
  EXPECT_EQ(valuesOf(r[4]), (std::vector<double>{0, 0, -1, -1}));
  EXPECT_EQ(integersOf(r[5]), (V{0, 1, 0, 0}));
}

TEST(Pointwise, integerMaths) {
  Module module(
      R"(func.func @main(%x: tensor<4xi32>, %y: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {
    %0 = math.absi %x : tensor<4xi32>
    %1 = math.ctlz %x : tensor<4xi32>
    %2 = math.cttz %x : tensor<4xi32>
    %3 = math.ctpop %x : tensor<4xi32>
    %4 = math.ipowi %x, %y : tensor<4xi32>
    return %0, %1, %2, %3, %4 : tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  })");
  int64_t least = std::numeric_limits<int32_t>::min();
  auto r = module.run(
      {longs({4}, {-3, 0, 12, least}).converted(DType::I32), longs({4}, {3, 0, 2, 1}).converted(DType::I32)});
  using V = std::vector<int64_t>;
  EXPECT_EQ(integersOf(r[0]), (V{3, 0, 12, least}));
  EXPECT_EQ(integersOf(r[1]), (V{0, 32, 28, 0}));
  EXPECT_EQ(integersOf(r[2]), (V{0, 32, 2, 31}));
  EXPECT_EQ(integersOf(r[3]), (V{31, 0, 2, 1}));
  EXPECT_EQ(integersOf(r[4]), (V{-27, 1, 144, least}));
}

//===- Conversions -----------------------------------------------------------------------===//

TEST(Cast, floatToIntegerSaturates) {
  std::vector<float> x = {1.9f, -1.9f, 300, -300, float(nan), float(inf), float(-inf), 127.5f};
  struct Row {
    std::string op, to;
    std::vector<int64_t> want;
  };
  const Row rows[] = {
      {"fptosi", "i8", {1, -1, 127, -128, 0, 127, -128, 127}},
      {"fptoui", "i8", {1, 0, -1, 0, 0, -1, 0, 127}}, // 255 is -1 as signed
      {"fptosi", "i32", {1, -1, 300, -300, 0, 2147483647, -2147483648ll, 127}},
      {"fptosi",
       "i64",
       {1, -1, 300, -300, 0, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), 127}},
      {"fptoui", "i64", {1, 0, 300, 0, 0, -1, 0, 127}},
      {"fptosi", "i4", {1, -1, 7, -8, 0, 7, -8, 7}},
  };
  for (const Row &row : rows) {
    Module module(function({"tensor<8xf32>"}, "tensor<8x" + row.to + ">",
                           "%r = arith." + row.op + " %a0 : tensor<8xf32> to tensor<8x" + row.to + ">"));
    EXPECT_EQ(integersOf(module.run({floats({8}, x)})[0]), row.want) << row.op << row.to;
  }
}

TEST(Cast, integerWidths) {
  Module module(
      R"(func.func @main(%x: tensor<3xi8>) -> (tensor<3xi32>, tensor<3xi32>, tensor<3xi4>, tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) {
    %0 = arith.extsi %x : tensor<3xi8> to tensor<3xi32>
    %1 = arith.extui %x : tensor<3xi8> to tensor<3xi32>
    %2 = arith.trunci %x : tensor<3xi8> to tensor<3xi4>
    %3 = arith.trunci %x : tensor<3xi8> to tensor<3xi1>
    %4 = arith.sitofp %x : tensor<3xi8> to tensor<3xf32>
    %5 = arith.uitofp %x : tensor<3xi8> to tensor<3xf32>
    return %0, %1, %2, %3, %4, %5 : tensor<3xi32>, tensor<3xi32>, tensor<3xi4>, tensor<3xi1>, tensor<3xf32>, tensor<3xf32>
  })");
  auto r = module.run({longs({3}, {-1, 100, 12}).converted(DType::I8)});
  using V = std::vector<int64_t>;
  EXPECT_EQ(integersOf(r[0]), (V{-1, 100, 12}));
  EXPECT_EQ(integersOf(r[1]), (V{255, 100, 12}));
  EXPECT_EQ(integersOf(r[2]), (V{-1, 4, -4}));
  EXPECT_EQ(integersOf(r[3]), (V{1, 0, 0}));
  EXPECT_EQ(valuesOf(r[4]), (std::vector<double>{-1, 100, 12}));
  EXPECT_EQ(valuesOf(r[5]), (std::vector<double>{255, 100, 12}));
}

TEST(Cast, bitcast) {
  Module module(
      R"(func.func @main(%x: tensor<2xf32>, %h: tensor<2xf16>) -> (tensor<2xi32>, tensor<2xi16>, tensor<2xf32>) {
    %0 = arith.bitcast %x : tensor<2xf32> to tensor<2xi32>
    %1 = arith.bitcast %h : tensor<2xf16> to tensor<2xi16>
    %2 = arith.bitcast %0 : tensor<2xi32> to tensor<2xf32>
    return %0, %1, %2 : tensor<2xi32>, tensor<2xi16>, tensor<2xf32>
  })");
  for (FloatMode mode : {FloatMode::F32, FloatMode::F64}) {
    auto r = module.run({floats({2}, {1, -2}), floats({2}, {1, -2})}, {mode, {}, {}});
    EXPECT_EQ(integersOf(r[0]), (std::vector<int64_t>{0x3f800000, int32_t(0xc0000000)}));
    EXPECT_EQ(integersOf(r[1]), (std::vector<int64_t>{0x3c00, int16_t(0xc000)}));
    EXPECT_EQ(valuesOf(r[2]), (std::vector<double>{1, -2}));
  }
}

TEST(Numerics, narrowFloatsMatchAPFloat) {
  // Every 16-bit pattern, its neighbours half a step away, and values outside the range.
  const llvm::fltSemantics *semantics[] = {&llvm::APFloat::IEEEhalf(), &llvm::APFloat::BFloat()};
  DType types[] = {DType::F16, DType::BF16};
  for (int t : {0, 1}) {
    for (uint32_t pattern = 0; pattern < 65536; pattern += 1) {
      double value = decodeFloat(pattern, types[t]);
      llvm::APFloat exact(*semantics[t], llvm::APInt(16, pattern));
      if (std::isnan(value)) {
        ASSERT_TRUE(exact.isNaN());
        continue;
      }
      bool lost;
      exact.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
      ASSERT_EQ(value, exact.convertToDouble());
      ASSERT_EQ(encodeFloat(value, types[t]), pattern);
      double next = decodeFloat(pattern + 1, types[t]);
      if (std::isinf(value) || std::isnan(next)) continue;
      double upper = std::isinf(next) ? value * 1.0001 : next;
      for (double part : {0.25, 0.5, 0.5000001, 0.75}) {
        double between = value + (upper - value) * part;
        llvm::APFloat rounded(between);
        rounded.convert(*semantics[t], llvm::APFloat::rmNearestTiesToEven, &lost);
        ASSERT_EQ(encodeFloat(between, types[t]), rounded.bitcastToAPInt().getZExtValue()) << between;
        float single = static_cast<float>(between);
        llvm::APFloat fromSingle(single);
        fromSingle.convert(*semantics[t], llvm::APFloat::rmNearestTiesToEven, &lost);
        float have = types[t] == DType::F16 ? roundF16(single) : roundBF16(single);
        ASSERT_EQ(encodeFloat(have, types[t]), fromSingle.bitcastToAPInt().getZExtValue()) << single;
      }
    }
  }
}

TEST(Cast, roundsOnceToEachFloat) {
  // 1 + 2^-11 + 2^-30 rounds up in fp16, though fp32 first would make it a tie.
  Module module(
      function({"tensor<1xf64>"}, "tensor<1xf16>", "%r = arith.truncf %a0 : tensor<1xf64> to tensor<1xf16>"));
  double x = 1 + std::ldexp(1.0, -11) + std::ldexp(1.0, -30);
  Tensor input = Tensor::copyOf(DType::F64, {1}, &x);
  EXPECT_EQ(module.run({input})[0].floatAt(0), 1 + std::ldexp(1.0, -10));
  EXPECT_EQ(module.run({input}, {FloatMode::F64, {}, {}})[0].floatAt(0), x);
}

TEST(Modes, f32RoundsToTheTypeOfTheIR) {
  Module module(function({"tensor<1xf16>", "tensor<1xf16>"}, "tensor<1xf16>",
                         "%r = arith.addf %a0, %a1 : tensor<1xf16>"));
  EXPECT_EQ(module.run({floats({1}, {2048}), floats({1}, {1})})[0].floatAt(0), 2048);
  EXPECT_EQ(module.run({floats({1}, {2048}), floats({1}, {1})}, {FloatMode::F64, {}, {}})[0].floatAt(0),
            2049);
  Module quantise(function({"tensor<2xf32>"}, "tensor<2xf8E4M3FN>",
                           "%r = arith.truncf %a0 : tensor<2xf32> to tensor<2xf8E4M3FN>"));
  for (FloatMode mode : {FloatMode::F32, FloatMode::F64})
    EXPECT_EQ(valuesOf(quantise.run({floats({2}, {1.06f, 447})}, {mode, {}, {}})[0]),
              (std::vector<double>{1, 448}));
}

TEST(Modes, f16RoundsWhatLeavesItsNode) {
  // Inside node "a" 2049 survives; leaving it, it becomes 2048.
  Module module(R"(func.func @main(%x: tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
    %one = graph.fill 1.0 : f32 -> tensor<1xf32> loc("a")
    %0 = arith.addf %x, %one : tensor<1xf32> loc("a")
    %1 = arith.addf %0, %one : tensor<1xf32> loc("a")
    %2 = arith.addf %x, %one : tensor<1xf32> loc("b")
    %3 = arith.mulf %2, %one : tensor<1xf32> loc("c")
    return %1, %3 : tensor<1xf32>, tensor<1xf32>
  })");
  auto r = module.run({floats({1}, {2048})}, {FloatMode::F16Rounded, {}, {}});
  EXPECT_EQ(r[0].floatAt(0), 2050);
  EXPECT_EQ(r[1].floatAt(0), 2048);
}

TEST(Modes, scalarConditionSelectsWholeTensors) {
  Module module(R"(func.func @main(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
    %true = arith.constant true
    %r = arith.select %true, %x, %y : tensor<3xf32>
    return %r : tensor<3xf32>
  })");
  EXPECT_EQ(valuesOf(module.run({floats({3}, {1, 2, 3}), floats({3}, {4, 5, 6})})[0]),
            (std::vector<double>{1, 2, 3}));
}

} // namespace
} // namespace dlc::interp
