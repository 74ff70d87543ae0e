//===- fixture.h - one context per test --------------------------------------===//
#ifndef DLC_TEST_RUNTIME_VCUDA_FIXTURE_H
#define DLC_TEST_RUNTIME_VCUDA_FIXTURE_H

#include "client.h"

#include <gtest/gtest.h>

/// Some of CUresult.
namespace client {
inline constexpr int invalidValue = 1, outOfMemory = 2, invalidContext = 201, invalidPtx = 218,
                     unsupportedPtx = 222, invalidHandle = 400, notFound = 500, notReady = 600,
                     illegalAddress = 700, contextDestroyed = 709, misalignedAddress = 716,
                     launchFailed = 719, cooperativeTooLarge = 720, notPermitted = 800;

} // namespace client

/// The PTX of kernels.cu.
inline const std::string &ptx() {
  static const std::string text = client::readFile(VCUDA_TEST_PTX);
  return text;
}

/// A context of its own for each test, destroyed behind it.
class DriverTest : public testing::Test {
protected:
  using Handle = client::Handle;
  using Address = client::Address;

  void SetUp() override {
    ASSERT_EQ(cu.cuInit(0), 0);
    ASSERT_EQ(cu.cuCtxCreate_v2(&context, 0, 0), 0);
  }
  void TearDown() override {
    if (context) EXPECT_EQ(cu.cuCtxDestroy(context), 0);
  }
  /// A kernel of kernels.cu.
  Handle function(const char *name) {
    if (!module) EXPECT_EQ(cu.cuModuleLoadData(&module, ptx().c_str()), 0);
    Handle f = nullptr;
    EXPECT_EQ(cu.cuModuleGetFunction(&f, module, name), 0) << name;
    return f;
  }
  /// A function of the API by its newest version.
  template <typename... Args> int call(const char *name, Args... args) {
    void *f = nullptr;
    int status = -1;
    EXPECT_EQ(cu.cuGetProcAddress(name, &f, 12080, 0, &status), 0);
    EXPECT_NE(f, nullptr) << name;
    return f ? reinterpret_cast<int (*)(Args...)>(f)(args...) : -1;
  }
  Address alloc(size_t bytes) {
    Address p = 0;
    EXPECT_EQ(cu.cuMemAlloc(&p, bytes), 0);
    return p;
  }
  template <typename... Args>
  int launch(Handle f, unsigned grid, unsigned block, unsigned shared, Handle stream, Args... args) {
    void *pointers[] = {&args..., nullptr};
    return cu.cuLaunchKernel(f, grid, 1, 1, block, 1, 1, shared, stream, pointers, nullptr);
  }

  client::Driver &cu = client::cuda();
  Handle context = nullptr, module = nullptr;
};

#endif
