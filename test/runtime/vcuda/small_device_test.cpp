// A device with another record: 99 KB of shared memory, 82 SMs (VCUDA_DEVICE=rtx3090).
#include "fixture.h"

#include <algorithm>

TEST_F(DriverTest, LimitsAreThoseOfTheRecord) {
  int value = 0;
  char name[64];
  EXPECT_EQ(cu.cuDeviceGetName(name, sizeof name, 0), 0);
  EXPECT_STREQ(name, "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(cu.cuDeviceGetAttribute(&value, 16, 0), 0);
  EXPECT_EQ(value, 82);
  EXPECT_EQ(cu.cuDeviceGetAttribute(&value, 97, 0), 0);
  EXPECT_EQ(value, 99 * 1024);
  Handle f = function("dynamicShared");
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, 163 * 1024), 1);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, 99 * 1024 + 1), 1);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, 99 * 1024), 0);
  Address out = alloc(4);
  EXPECT_EQ(cu.cuMemsetD32(out, 0, 1), 0);
  const int words = 99 * 1024 / 4;
  EXPECT_EQ(launch(f, 1, 256, 99 * 1024, nullptr, words, out), 0);
  int sum = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&sum, out, 4), 0);
  EXPECT_EQ(sum, words * (words - 1) / 2);
  int blocks = 0;
  EXPECT_EQ(cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 256, 48 * 1024), 0);
  EXPECT_EQ(blocks, 2); // 100 KB / (48 + 1 KB)
}

TEST_F(DriverTest, TargetsNewerThanTheDeviceAreRefused) {
  std::string text = ptx(), newer = text, same = text;
  newer.replace(newer.find("sm_80"), 5, "sm_89");
  same.replace(same.find("sm_80"), 5, "sm_86");
  EXPECT_EQ(cu.cuModuleLoadData(&module, newer.c_str()), 218);
  EXPECT_EQ(cu.cuModuleLoadData(&module, same.c_str()), 0);
}
