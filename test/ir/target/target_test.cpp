#include "ir/target/target.h"

#include <gtest/gtest.h>
#include <set>

using namespace dlc;

TEST(Target, FindsDevicesAliasesAndArchitectures) {
  ASSERT_NE(findTarget("a100"), nullptr);
  EXPECT_EQ(findTarget("a100")->sms, 108);
  EXPECT_EQ(findTarget("a100")->marketingName, "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(findTarget("h100"), findTarget("h100-sxm"));
  EXPECT_EQ(findTarget("sm_80"), findTarget("a100"));
  EXPECT_EQ(findTarget("sm_90a"), findTarget("h100-sxm"));
  EXPECT_EQ(findTarget("sm_86"), findTarget("rtx3090"));
  for (const char *required :
       {"a100", "a100-80gb", "rtx3090", "a2", "h100-sxm", "h100-pcie", "h200", "v100", "t4", "l4"})
    EXPECT_NE(findTarget(required), nullptr) << required;
}

TEST(Target, UnknownNamesAreNull) {
  for (const char *name : {"", "a", "sm_", "sm_81", "A100", "a100 ", "rtx"})
    EXPECT_EQ(findTarget(name), nullptr) << name;
}

TEST(Target, NamesAreUniqueAndAllResolve) {
  std::set<std::string> seen;
  for (const TargetRecord &r : allTargets()) {
    EXPECT_TRUE(seen.insert(r.name).second) << r.name;
    for (const std::string &alias : r.aliases) {
      EXPECT_TRUE(seen.insert(alias).second) << alias;
      EXPECT_EQ(findTarget(alias), &r);
    }
  }
  std::vector<std::string> names = targetNames();
  EXPECT_GT(names.size(), allTargets().size());
  for (const std::string &name : names) EXPECT_NE(findTarget(name), nullptr) << name;
}

// Rates and sizes are tied by arithmetic that a mistyped figure would break.
TEST(Target, FiguresAreConsistent) {
  for (const TargetRecord &r : allTargets()) {
    SCOPED_TRACE(r.name);
    EXPECT_EQ(r.arch, "sm_" + std::to_string(r.computeMajor * 10 + r.computeMinor));
    int lanes = r.computeMajor == 7 || r.arch == "sm_80" ? 64 : 128;
    EXPECT_NEAR(r.fp32Tflops, 2e-6 * lanes * r.sms * r.clockMhz, 0.03 * r.fp32Tflops);
    double perClock = 2e-3 * r.memoryClockMhz * r.memoryBusBits / 8;
    EXPECT_NEAR(r.dramGbps, perClock, 0.03 * r.dramGbps);
    EXPECT_GE(r.l2Gbps, r.dramGbps);
    EXPECT_EQ(r.sharedPerBlock, 48 * 1024);
    EXPECT_LE(r.sharedPerBlockOptin + r.sharedReservedPerBlock, r.sharedPerSm);
    EXPECT_EQ(r.maxThreadsPerSm % 32, 0);
    EXPECT_GT(r.memoryBytes, int64_t(14) << 30);
    EXPECT_GT(r.launchUs, 1.0);
    EXPECT_EQ(r.tf32TensorTflops > 0, r.computeMajor >= 8);
    EXPECT_GT(r.fp16TensorTflops, r.fp32Tflops);
  }
  EXPECT_EQ(findTarget("rtx3090")->sharedPerBlockOptin, 99 * 1024);
  EXPECT_EQ(findTarget("h100-sxm")->sharedPerBlockOptin, 232448);
}
