// The virtual driver through the public interface, on the default device: contexts and memory.
#include "fixture.h"

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

using namespace client;

//===----------------------------------------------------------------------===//
// Devices and contexts
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, DescribesTheDevice) {
  int value = 0, device = -1;
  EXPECT_EQ(cu.cuDriverGetVersion(&value), 0);
  EXPECT_EQ(value, 13000);
  EXPECT_EQ(cu.cuDeviceGetCount(&value), 0);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(cu.cuDeviceGet(&device, 0), 0);
  EXPECT_EQ(cu.cuDeviceGet(&device, 1), 101);
  char name[64];
  EXPECT_EQ(cu.cuDeviceGetName(name, sizeof name, 0), 0);
  EXPECT_STREQ(name, "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(cu.cuDeviceGetName(name, 7, 0), 0);
  EXPECT_STREQ(name, "NVIDIA");
  struct {
    int attribute, value;
  } rows[] = {{1, 1024}, {8, 49152}, {10, 32},     {16, 108},    {39, 2048},
              {75, 8},   {76, 0},    {81, 167936}, {97, 166912}, {106, 32}};
  for (auto row : rows) {
    EXPECT_EQ(cu.cuDeviceGetAttribute(&value, row.attribute, 0), 0);
    EXPECT_EQ(value, row.value) << row.attribute;
  }
  EXPECT_EQ(cu.cuDeviceGetAttribute(&value, 0, 0), invalidValue);
  EXPECT_EQ(cu.cuDeviceGetAttribute(&value, 5000, 0), invalidValue);
  size_t bytes = 0;
  EXPECT_EQ(cu.cuDeviceTotalMem(&bytes, 0), 0);
  EXPECT_EQ(bytes, 42505273344u);
  const char *text = nullptr;
  EXPECT_EQ(cu.cuGetErrorName(700, &text), 0);
  EXPECT_STREQ(text, "CUDA_ERROR_ILLEGAL_ADDRESS");
  EXPECT_EQ(cu.cuGetErrorName(12345, &text), invalidValue);
}

TEST_F(DriverTest, ProcAddressesFollowTheVersion) {
  void *old = nullptr, *recent = nullptr;
  int status = -1;
  EXPECT_EQ(cu.cuGetProcAddress("cuCtxCreate", &old, 11000, 0, &status), 0);
  EXPECT_EQ(cu.cuGetProcAddress("cuCtxCreate", &recent, 13000, 0, &status), 0);
  EXPECT_NE(old, recent);
  EXPECT_EQ(old, dlsym(cu.library, "cuCtxCreate_v2"));
  EXPECT_EQ(recent, dlsym(cu.library, "cuCtxCreate_v4"));
  EXPECT_EQ(cu.cuGetProcAddress("cuNoSuchThing", &old, 13000, 0, &status), 0);
  EXPECT_EQ(old, nullptr);
  EXPECT_EQ(status, 1);
  EXPECT_EQ(cu.cuGetProcAddress("cuNoSuchThing", &old, 13000, 0, nullptr), notFound);
  EXPECT_EQ(cu.cuGetProcAddress("malloc", &old, 13000, 0, nullptr), notFound);
  EXPECT_EQ(cu.cuGetProcAddress("cuGetProcAddress", &old, 11000, 0, &status), 0);
  EXPECT_EQ(status, 2);
}

TEST_F(DriverTest, ContextsStackAndEnd) {
  Handle current = nullptr, other = nullptr, popped = nullptr;
  EXPECT_EQ(cu.cuCtxGetCurrent(&current), 0);
  EXPECT_EQ(current, context);
  EXPECT_EQ(cu.cuCtxCreate_v2(&other, 0, 0), 0);
  EXPECT_EQ(cu.cuCtxPopCurrent(&popped), 0);
  EXPECT_EQ(popped, other);
  EXPECT_EQ(cu.cuCtxPushCurrent(other), 0);
  EXPECT_EQ(cu.cuCtxDestroy(other), 0);
  EXPECT_EQ(cu.cuCtxPushCurrent(other), invalidContext);
  EXPECT_EQ(cu.cuCtxGetCurrent(&current), 0);
  EXPECT_EQ(current, context);
  std::thread([&] {
    Address p = 0;
    EXPECT_EQ(cu.cuMemAlloc(&p, 4), invalidContext);
    EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
    EXPECT_EQ(cu.cuMemAlloc(&p, 4), 0);
  }).join();
  size_t limit = 0;
  EXPECT_EQ(cu.cuCtxSetLimit(0, 4096), 0);
  EXPECT_EQ(cu.cuCtxGetLimit(&limit, 0), 0);
  EXPECT_EQ(limit, 4096u);
}

TEST_F(DriverTest, DestroyedContextIsReportedInOtherThreads) {
  Handle other = nullptr;
  std::atomic<int> step{0};
  EXPECT_EQ(cu.cuCtxCreate_v2(&other, 0, 0), 0);
  EXPECT_EQ(cu.cuCtxPopCurrent(nullptr), 0);
  std::thread thread([&] {
    EXPECT_EQ(cu.cuCtxSetCurrent(other), 0);
    step = 1;
    while (step != 2) std::this_thread::yield();
    EXPECT_EQ(cu.cuCtxSynchronize(), contextDestroyed);
  });
  while (step != 1) std::this_thread::yield();
  EXPECT_EQ(cu.cuCtxDestroy(other), 0);
  step = 2;
  thread.join();
}

TEST_F(DriverTest, HintsOfOlderClientsAreTaken) {
  int config = -1;
  EXPECT_EQ(call("cuCtxGetSharedMemConfig", &config), 0);
  EXPECT_EQ(config, 1);
  EXPECT_EQ(call("cuCtxSetSharedMemConfig", 2), 0);
  EXPECT_EQ(call("cuCtxSetSharedMemConfig", 9), invalidValue);
  EXPECT_EQ(call("cuProfilerStart"), 0);
  EXPECT_EQ(call("cuProfilerStop"), 0);
}

TEST_F(DriverTest, PrimaryContextIsCounted) {
  Handle a = nullptr, b = nullptr;
  int active = -1;
  unsigned flags = 0;
  EXPECT_EQ(cu.cuDevicePrimaryCtxGetState(0, &flags, &active), 0);
  EXPECT_EQ(active, 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRetain(&a, 0), 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRetain(&b, 0), 0);
  EXPECT_EQ(a, b);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRelease(0), 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxGetState(0, &flags, &active), 0);
  EXPECT_EQ(active, 1);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRelease(0), 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRelease(0), invalidContext);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, CopiesBetweenHostAndDevice) {
  std::vector<int> in(1000), out(1000);
  for (int i = 0; i < 1000; ++i) in[i] = i * i;
  Address a = alloc(4000), b = alloc(4000);
  EXPECT_EQ(cu.cuMemcpyHtoD(a, in.data(), 4000), 0);
  EXPECT_EQ(cu.cuMemcpyDtoD(b, a, 4000), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(out.data(), b, 4000), 0);
  EXPECT_EQ(in, out);
  std::fill(out.begin(), out.end(), 0);
  EXPECT_EQ(cu.cuMemcpy(reinterpret_cast<Address>(out.data()), a, 4000), 0);
  EXPECT_EQ(in, out);
  EXPECT_EQ(cu.cuMemcpyHtoD(a, in.data(), 4001), invalidValue);
  EXPECT_EQ(cu.cuMemcpyHtoD(a + 4000, in.data(), 1), invalidValue);
  EXPECT_EQ(cu.cuMemcpyHtoD(a, nullptr, 4), invalidValue);
  EXPECT_EQ(cu.cuMemcpyHtoD(12345, in.data(), 4), invalidValue);
  EXPECT_EQ(cu.cuMemcpyHtoD(0, nullptr, 0), 0);
  EXPECT_EQ(cu.cuMemFree(a), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(out.data(), a, 4), invalidValue);
  EXPECT_EQ(cu.cuMemFree(a), invalidValue);
  EXPECT_EQ(cu.cuMemFree(b + 256), invalidValue);
  EXPECT_EQ(cu.cuMemFree(0), 0);
  EXPECT_EQ(cu.cuMemAlloc(&a, 0), invalidValue);
  EXPECT_EQ(cu.cuMemAlloc(nullptr, 1), invalidValue);
}

TEST_F(DriverTest, SetsMemory) {
  Address p = alloc(64);
  uint32_t words[16];
  EXPECT_EQ(cu.cuMemsetD32(p, 0xdeadbeef, 16), 0);
  EXPECT_EQ(cu.cuMemsetD16(p + 4, 0x1234, 2), 0);
  EXPECT_EQ(cu.cuMemsetD8(p + 8, 0xab, 3), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(words, p, 64), 0);
  EXPECT_EQ(words[0], 0xdeadbeefu);
  EXPECT_EQ(words[1], 0x12341234u);
  EXPECT_EQ(words[2], 0xdeabababu);
  EXPECT_EQ(cu.cuMemsetD32(p + 2, 0, 1), invalidValue);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, 17), invalidValue);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, SIZE_MAX), invalidValue);
}

TEST_F(DriverTest, CopiesBoxes) {
  size_t pitch = 0;
  Address p = 0;
  EXPECT_EQ(cu.cuMemAllocPitch(&p, &pitch, 30, 4, 4), 0);
  EXPECT_EQ(pitch % 512, 0u);
  EXPECT_EQ(cu.cuMemsetD8(p, 0, pitch * 4), 0);
  char in[5][10], out[4][30];
  for (int i = 0; i < 50; ++i) in[i / 10][i % 10] = char(i);
  Copy2D c = {};
  c.sourceType = 1;
  c.sourceHost = in;
  c.sourcePitch = 10;
  c.sourceX = 2;
  c.sourceY = 1;
  c.targetType = 2;
  c.targetDevice = p;
  c.targetPitch = pitch;
  c.targetX = 5;
  c.targetY = 1;
  c.width = 6;
  c.height = 3;
  EXPECT_EQ(cu.cuMemcpy2D(&c), 0);
  Copy2D back = {};
  back.sourceType = 2;
  back.sourceDevice = p;
  back.sourcePitch = pitch;
  back.targetType = 1;
  back.targetHost = out;
  back.targetPitch = 30;
  back.width = 30;
  back.height = 4;
  EXPECT_EQ(cu.cuMemcpy2D(&back), 0);
  EXPECT_EQ(out[0][5], 0);
  EXPECT_EQ(out[1][5], 12);
  EXPECT_EQ(out[3][10], 37);
  EXPECT_EQ(out[3][11], 0);
  c.height = 4;
  EXPECT_EQ(cu.cuMemcpy2D(&c), invalidValue);
  c.targetPitch = 3;
  EXPECT_EQ(cu.cuMemcpy2D(&c), invalidValue);
  EXPECT_EQ(cu.cuMemcpy2D(nullptr), invalidValue);
}

TEST_F(DriverTest, MemoryIsLimitedAndLazy) {
  size_t free = 0, total = 0;
  EXPECT_EQ(cu.cuMemGetInfo(&free, &total), 0);
  size_t most = total / 4 * 3;
  Address big = 0, more = 0;
  EXPECT_EQ(cu.cuMemAlloc(&big, most), 0);
  EXPECT_EQ(cu.cuMemAlloc(&more, most), outOfMemory);
  EXPECT_EQ(cu.cuMemGetInfo(&free, &total), 0);
  EXPECT_LE(free, total - most);
  EXPECT_EQ(cu.cuMemFree(big), 0);
  EXPECT_EQ(cu.cuMemAlloc(&more, most), 0);
  EXPECT_EQ(cu.cuMemFree(more), 0);
}

TEST_F(DriverTest, KnowsItsPointers) {
  Address p = alloc(1000), base = 0;
  size_t bytes = 0;
  EXPECT_EQ(cu.cuMemGetAddressRange(&base, &bytes, p + 999), 0);
  EXPECT_EQ(base, p);
  EXPECT_EQ(bytes, 1000u);
  EXPECT_EQ(cu.cuMemGetAddressRange(&base, &bytes, p + 1000), notFound);
  unsigned type = 0;
  EXPECT_EQ(cu.cuPointerGetAttribute(&type, 2, p + 5), 0);
  EXPECT_EQ(type, 2u);
  int local = 0;
  EXPECT_EQ(cu.cuPointerGetAttribute(&type, 2, reinterpret_cast<Address>(&local)), invalidValue);
  int attributes[] = {2, 9};
  unsigned unknownType = 77;
  int ordinal = 77;
  void *data[] = {&unknownType, &ordinal};
  EXPECT_EQ(cu.cuPointerGetAttributes(2, attributes, data, reinterpret_cast<Address>(&local)), 0);
  EXPECT_EQ(unknownType, 0u);
  EXPECT_EQ(ordinal, -2);
  void *pinned = nullptr;
  EXPECT_EQ(cu.cuMemHostAlloc(&pinned, 100, 2), 0);
  EXPECT_EQ(cu.cuPointerGetAttribute(&type, 2, reinterpret_cast<Address>(pinned)), 0);
  EXPECT_EQ(type, 1u);
  EXPECT_EQ(cu.cuMemHostGetDevicePointer(&p, pinned, 0), 0);
  EXPECT_EQ(p, reinterpret_cast<Address>(pinned));
  EXPECT_EQ(cu.cuMemFreeHost(pinned), 0);
  EXPECT_EQ(cu.cuMemFreeHost(pinned), invalidValue);
  EXPECT_EQ(cu.cuMemHostRegister(&local, 4, 0), 0);
  EXPECT_EQ(cu.cuMemHostRegister(&local, 4, 0), 712);
  EXPECT_EQ(cu.cuMemHostUnregister(&local), 0);
  EXPECT_EQ(cu.cuMemHostUnregister(&local), 713);
}
