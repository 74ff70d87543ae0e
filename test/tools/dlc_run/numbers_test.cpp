#include "tools/dlc_run/compare.h"
#include "tools/dlc_run/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

using namespace dlc::run;

namespace {
constexpr double infinity = std::numeric_limits<double>::infinity();

uint32_t bitsOf(dlc_dtype dtype, double value) {
  uint32_t bits = 0;
  fromDouble(dtype, value, &bits);
  return bits;
}
double valueOf(dlc_dtype dtype, uint32_t bits) { return toDouble(dtype, &bits); }
} // namespace

// Every value comes back as itself, and halfway between two neighbours rounds to the even one.
TEST(Numbers, SmallFloatsRoundToNearestEven) {
  for (dlc_dtype dtype : {DLC_F16, DLC_BF16, DLC_F8E4M3FN, DLC_F8E5M2}) {
    uint32_t half = 1u << (8 * dlc_dtype_size(dtype) - 1);
    for (uint32_t bits = 0; bits < half; ++bits) {
      double value = valueOf(dtype, bits);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(valueOf(dtype, bitsOf(dtype, value))));
        continue;
      }
      ASSERT_EQ(bitsOf(dtype, value), bits) << dlc_dtype_name(dtype);
      ASSERT_EQ(bitsOf(dtype, -value), bits | half);
      double next = valueOf(dtype, bits + 1);
      if (!std::isfinite(value) || !std::isfinite(next)) continue;
      double middle = (value + next) / 2;
      ASSERT_EQ(bitsOf(dtype, middle), bits + (bits & 1));
      ASSERT_EQ(bitsOf(dtype, std::nextafter(middle, infinity)), bits + 1);
      ASSERT_EQ(bitsOf(dtype, std::nextafter(middle, -infinity)), bits);
    }
  }
}

TEST(Numbers, KnownValues) {
  EXPECT_EQ(bitsOf(DLC_F16, 1.0), 0x3c00u);
  EXPECT_EQ(bitsOf(DLC_F16, 65504), 0x7bffu);
  EXPECT_EQ(bitsOf(DLC_F16, 65520), 0x7c00u); // rounds past the range
  EXPECT_EQ(bitsOf(DLC_BF16, 1.0), 0x3f80u);
  EXPECT_EQ(bitsOf(DLC_BF16, -infinity), 0xff80u);
  EXPECT_EQ(bitsOf(DLC_F8E4M3FN, 448), 0x7eu);
  EXPECT_EQ(bitsOf(DLC_F8E4M3FN, 1000), 0x7fu); // no infinity there
  EXPECT_EQ(bitsOf(DLC_F8E5M2, 1.0), 0x3cu);
  EXPECT_EQ(bitsOf(DLC_F8E5M2, infinity), 0x7cu);
}

TEST(Numbers, IntegersAreCutAtTheirRange) {
  EXPECT_EQ(bitsOf(DLC_I8, 200), 0x7fu);
  EXPECT_EQ(bitsOf(DLC_I8, -200), 0x80u);
  EXPECT_EQ(bitsOf(DLC_U8, -1), 0u);
  EXPECT_EQ(bitsOf(DLC_U32, 1e20), 0xffffffffu);
  EXPECT_EQ(bitsOf(DLC_I32, std::nan("")), 0u);
  EXPECT_EQ(bitsOf(DLC_BOOL, 0.5), 1u);
  int64_t large = 0;
  fromDouble(DLC_I64, 1e30, &large);
  EXPECT_EQ(large, INT64_MAX);
}

namespace {
template <class T> HostTensor tensorOf(dlc_dtype dtype, std::vector<T> values) {
  HostTensor tensor{"t", dtype, {int64_t(values.size())}, std::vector<char>(values.size() * sizeof(T))};
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}
} // namespace

TEST(Compare, NaNAndInfinity) {
  float nan = std::nanf(""), inf = INFINITY;
  HostTensor theirs = tensorOf<float>(DLC_F32, {1, nan, inf, -inf, 2});
  EXPECT_EQ(dlc::run::compare(theirs, theirs, 0, 0).over, 0);
  HostTensor ours = tensorOf<float>(DLC_F32, {1, 0, inf, inf, 2});
  Difference difference = dlc::run::compare(ours, theirs, 1, 1);
  EXPECT_EQ(difference.over, 2);
  EXPECT_EQ(difference.firstOver, 1);
  EXPECT_TRUE(std::isinf(difference.largestError));
  ours = tensorOf<float>(DLC_F32, {nan, nan, inf, -inf, 2});
  EXPECT_EQ(dlc::run::compare(ours, theirs, 1e9, 1e9).over, 1);
}

TEST(Compare, ToleranceIsAbsolutePlusRelative) {
  HostTensor theirs = tensorOf<float>(DLC_F32, {0, 100}), ours = tensorOf<float>(DLC_F32, {0.5, 101});
  EXPECT_EQ(dlc::run::compare(ours, theirs, 0, 0.5).over, 1);
  EXPECT_EQ(dlc::run::compare(ours, theirs, 0.005, 0.5).over, 0);
  EXPECT_EQ(dlc::run::compare(ours, theirs, 0.01, 0).over, 1);
}

TEST(Compare, LargeIntegersAreNotRounded) {
  int64_t big = int64_t(1) << 60;
  HostTensor theirs = tensorOf<int64_t>(DLC_I64, {big}), ours = tensorOf<int64_t>(DLC_I64, {big + 1});
  EXPECT_EQ(dlc::run::compare(ours, theirs, 0, 0).over, 1);
}
