// Errors of the driver, injected into the virtual GPU: which status they become, and whom messages name.
#include "runtime/driver.h"
#include "test/runtime/fixture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <dlfcn.h>

using namespace dlc::test;

namespace {

void setOption(const char *name, int value) {
  static auto set = reinterpret_cast<int (*)(const char *, const char *)>(
      ::dlsym(::dlopen(DLC_VIRTUAL_DRIVER, RTLD_NOW), "vcudaSetOption"));
  ASSERT_EQ(set(name, std::to_string(value).c_str()), 1) << name;
}

/// A context of the example whose launch number `launch` (1 or 2) fails.
class Failing {
public:
  Failing(int launch, int result, uint32_t flags) : module(makeArtifact(examplePlan())) {
    dlc_context_options options;
    dlc_context_options_init(&options);
    options.driver = DLC_VIRTUAL_DRIVER;
    options.flags = flags;
    EXPECT_EQ(dlc_context_create(module.module, &options, &context), DLC_OK) << dlc_last_error();
    setOption("fail_with", result);
    setOption("fail_launch", launch);
  }
  ~Failing() {
    setOption("fail_launch", 0);
    dlc_context_destroy(context);
  }
  dlc_status run() {
    std::vector<float> x = exampleInput(3), y(3);
    int64_t shapeX[] = {3, 8}, shapeY[] = {3};
    dlc_tensor in = {x.data(), DLC_F32, DLC_HOST, 2, shapeX, nullptr};
    dlc_tensor out = {y.data(), DLC_F32, DLC_HOST, 1, shapeY, nullptr};
    dlc_status status = dlc_context_run(context, &in, 1, &out, 1);
    if (status == DLC_OK) EXPECT_EQ(y, exampleResult(x));
    return status;
  }

private:
  LoadedModule module;
  dlc_context *context = nullptr;
};

struct Row {
  int result;
  dlc_status status;
};
// What the launch itself returns, and what comes while the kernel runs.
const Row atOnce[] = {{1, DLC_ERROR_DRIVER},      {2, DLC_ERROR_OUT_OF_DEVICE_MEMORY},
                      {46, DLC_ERROR_NO_DEVICE},  {100, DLC_ERROR_NO_DEVICE},
                      {201, DLC_ERROR_DRIVER},    {218, DLC_ERROR_PTX},
                      {400, DLC_ERROR_DRIVER},    {701, DLC_ERROR_LAUNCH},
                      {803, DLC_ERROR_NO_DRIVER}, {999, DLC_ERROR_DRIVER}};
const int whileRunning[] = {214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719};

bool says(std::string_view text) { return std::string_view(dlc_last_error()).find(text) != text.npos; }

} // namespace

TEST(Faults, OfALaunchNameItsKernelAndNodes) {
  for (Row row : atOnce)
    for (int launch : {1, 2}) {
      Failing context(launch, row.result, 0);
      EXPECT_EQ(context.run(), row.status) << row.result << " " << dlc_last_error();
      EXPECT_TRUE(launch == 1 ? says("kernel 'k0_mul_add") && says("nodes '/scale/Mul', '/scale/Add'")
                              : says("kernel 'k1_sum' of op 'r1_sum' (node '/ReduceSum')"))
          << dlc_last_error();
      EXPECT_EQ(context.run(), DLC_OK) << "a refused launch harms nothing: " << dlc_last_error();
    }
}

TEST(Faults, OfAKernelNameItWhenAskedTo) {
  for (int result : whileRunning)
    for (int launch : {1, 2}) {
      {
        Failing context(launch, result, DLC_CONTEXT_SYNC);
        EXPECT_EQ(context.run(), DLC_ERROR_KERNEL) << result << " " << dlc_last_error();
        EXPECT_TRUE(says(launch == 1 ? "kernel 'k0_mul_add" : "kernel 'k1_sum'")) << dlc_last_error();
        EXPECT_EQ(context.run(), DLC_ERROR_POISONED);
        EXPECT_TRUE(says(launch == 1 ? "kernel 'k0_mul_add" : "kernel 'k1_sum'")) << dlc_last_error();
      }
      Failing context(launch, result, 0);
      EXPECT_EQ(context.run(), DLC_ERROR_KERNEL) << result << " " << dlc_last_error();
      EXPECT_TRUE(says("one of 2 launches ('k0_mul_add', 'k1_sum')")) << dlc_last_error();
    }
}

TEST(Faults, OfAGraph) {
  for (Row row : atOnce)
    for (int launch : {1, 2}) {
      Failing context(launch, row.result, DLC_CONTEXT_GRAPH);
      EXPECT_EQ(context.run(), row.status) << row.result << " " << dlc_last_error();
      EXPECT_TRUE(says("the graph of 2 launches")) << dlc_last_error();
      EXPECT_EQ(context.run(), DLC_OK) << dlc_last_error();
    }
  for (int result : whileRunning) {
    Failing context(2, result, DLC_CONTEXT_GRAPH);
    EXPECT_EQ(context.run(), DLC_ERROR_KERNEL) << result << " " << dlc_last_error();
    EXPECT_TRUE(says("one of 2 launches ('k0_mul_add', 'k1_sum')")) << dlc_last_error();
    EXPECT_EQ(context.run(), DLC_ERROR_POISONED);
  }
}

// Memory as a driver knows it: what is the host's alone never reaches a kernel.
TEST(Faults, OfAHostPointerAsDeviceMemory) {
  void *library = ::dlopen(DLC_VIRTUAL_DRIVER, RTLD_NOW);
  auto hostAlloc = reinterpret_cast<int (*)(void **, size_t, unsigned)>(::dlsym(library, "cuMemHostAlloc"));
  auto managedAlloc =
      reinterpret_cast<int (*)(uint64_t *, size_t, unsigned)>(::dlsym(library, "cuMemAllocManaged"));
  auto push = reinterpret_cast<int (*)(void *)>(::dlsym(library, "cuCtxPushCurrent_v2"));
  auto retain = reinterpret_cast<int (*)(void **, int)>(::dlsym(library, "cuDevicePrimaryCtxRetain"));
  LoadedModule module(makeArtifact(examplePlan()));
  dlc_context_options options;
  dlc_context_options_init(&options);
  options.driver = DLC_VIRTUAL_DRIVER;
  dlc_context *context = nullptr;
  ASSERT_EQ(dlc_context_create(module.module, &options, &context), DLC_OK) << dlc_last_error();
  void *cuda = nullptr, *pinned = nullptr;
  uint64_t managed = 0;
  ASSERT_EQ(retain(&cuda, 0), 0);
  ASSERT_EQ(push(cuda), 0);
  ASSERT_EQ(hostAlloc(&pinned, 3 * 8 * 4, 2), 0); // CU_MEMHOSTALLOC_DEVICEMAP
  ASSERT_EQ(managedAlloc(&managed, 3 * 4, 1), 0); // CU_MEM_ATTACH_GLOBAL
  std::vector<float> x = exampleInput(3), y(3);
  std::copy(x.begin(), x.end(), static_cast<float *>(pinned));
  int64_t shapeX[] = {3, 8}, shapeY[] = {3};
  dlc_tensor in = {x.data(), DLC_F32, DLC_DEVICE, 2, shapeX, nullptr};
  dlc_tensor out = {reinterpret_cast<void *>(uintptr_t(managed)), DLC_F32, DLC_DEVICE, 1, shapeY, nullptr};
  dlc_dim dim = {"batch", 3};
  ASSERT_EQ(dlc_context_prepare(context, &dim, 1), DLC_OK) << dlc_last_error();
  EXPECT_EQ(dlc_context_enqueue(context, nullptr, &in, 1, &out, 1), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_TRUE(says("input 'x' is said to be in device memory")) << dlc_last_error();
  EXPECT_EQ(dlc_context_run(context, &in, 1, &out, 1), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(dlc_context_status(context), DLC_OK);
  in.data = pinned;
  EXPECT_EQ(dlc_context_run(context, &in, 1, &out, 1), DLC_OK) << dlc_last_error();
  const float *result = reinterpret_cast<const float *>(uintptr_t(managed));
  EXPECT_EQ(std::vector<float>(result, result + 3), exampleResult(x));
  dlc_context_destroy(context);
}
