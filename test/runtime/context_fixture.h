// Contexts of the worked example on the fake driver.
#pragma once

#include "test/runtime/fake.h"
#include "test/runtime/fixture.h"

#include <gtest/gtest.h>

namespace dlc::test {

class ContextTest : public testing::Test {
protected:
  void SetUp() override { fake() = FakeDriver(); }
  // Whatever a test does, nothing stays alive on the device.
  void TearDown() override {
    EXPECT_EQ(fake().liveBlocks, 0);
    EXPECT_EQ(fake().liveObjects, 0);
    EXPECT_EQ(fake().contextDepth, 0);
  }
};

struct HostRun {
  explicit HostRun(int batch)
      : x(exampleInput(batch)), y(size_t(batch), -1.0f), shapeX{batch, 8}, shapeY{batch} {}
  dlc_status run(dlc_context *context) {
    dlc_tensor in = {x.data(), DLC_F32, DLC_HOST, 2, shapeX, nullptr};
    dlc_tensor out = {y.data(), DLC_F32, DLC_HOST, 1, shapeY, nullptr};
    return dlc_context_run(context, &in, 1, &out, 1);
  }
  std::vector<float> x, y;
  int64_t shapeX[2], shapeY[1];
};

struct MadeContext {
  explicit MadeContext(dlc_module *module, dlc_context_options options = fakeOptions())
      : status(dlc_context_create(module, &options, &context)) {}
  ~MadeContext() { dlc_context_destroy(context); }
  MadeContext(const MadeContext &) = delete;
  dlc_context *context = nullptr;
  dlc_status status; // after the handle that it is about
};

} // namespace dlc::test
