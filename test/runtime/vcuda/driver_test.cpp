// The virtual driver through the public interface, on the default device.
#include "fixture.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

using namespace client;

namespace {

constexpr int invalidValue = 1, outOfMemory = 2, invalidContext = 201, invalidPtx = 218, unsupportedPtx = 222,
              invalidHandle = 400, notFound = 500, notReady = 600, illegalAddress = 700,
              contextDestroyed = 709, misalignedAddress = 716, launchFailed = 719, cooperativeTooLarge = 720,
              notPermitted = 800;

} // namespace

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

//===----------------------------------------------------------------------===//
// Modules and launches
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, RunsSaxpy) {
  const int n = 1000;
  std::vector<float> x(n), y(n), out(n);
  for (int i = 0; i < n; ++i) x[i] = float(i), y[i] = 1.f;
  Address dx = alloc(4 * n), dy = alloc(4 * n);
  EXPECT_EQ(cu.cuMemcpyHtoD(dx, x.data(), 4 * n), 0);
  EXPECT_EQ(cu.cuMemcpyHtoD(dy, y.data(), 4 * n), 0);
  EXPECT_EQ(launch(function("saxpy"), 8, 128, 0, nullptr, n, 2.f, dx, dy), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(out.data(), dy, 4 * n), 0);
  for (int i = 0; i < n; ++i) ASSERT_EQ(out[i], 2.f * float(i) + 1.f) << i;
}

TEST_F(DriverTest, RunsAReduction) {
  const int n = 10000;
  std::vector<float> x(n, 0.5f);
  Address dx = alloc(4 * n), sum = alloc(4);
  EXPECT_EQ(cu.cuMemcpyHtoD(dx, x.data(), 4 * n), 0);
  EXPECT_EQ(cu.cuMemsetD32(sum, 0, 1), 0);
  // Parameters as one buffer.
  struct {
    int n;
    Address x, sum;
  } parameters = {n, dx, sum};
  size_t bytes = sizeof parameters;
  void *extra[] = {reinterpret_cast<void *>(1), &parameters, reinterpret_cast<void *>(2), &bytes, nullptr};
  EXPECT_EQ(cu.cuLaunchKernel(function("blockSum"), 4, 1, 1, 256, 1, 1, 0, nullptr, nullptr, extra), 0);
  float total = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&total, sum, 4), 0);
  EXPECT_EQ(total, 5000.f);
}

TEST_F(DriverTest, ModulesHaveGlobals) {
  Address out = alloc(32), counter = 0, constants = 0;
  size_t bytes = 0;
  Handle f = function("useGlobals");
  EXPECT_EQ(cu.cuModuleGetGlobal(&counter, &bytes, module, "deviceCounter"), 0);
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(cu.cuModuleGetGlobal(&constants, &bytes, module, "coefficients"), 0);
  EXPECT_EQ(bytes, 16u);
  EXPECT_EQ(cu.cuModuleGetGlobal(&constants, &bytes, module, "nothing"), notFound);
  float five = 5.f, result[8];
  EXPECT_EQ(cu.cuMemcpyHtoD(constants + 4, &five, 4), 0);
  EXPECT_EQ(launch(f, 1, 8, 0, nullptr, out), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(result, out, 32), 0);
  EXPECT_EQ(result[0], 1.f);
  EXPECT_EQ(result[1], 5.f);
  EXPECT_EQ(result[7], 4.f);
  int count = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&count, counter, 4), 0);
  EXPECT_EQ(count, 8);
}

TEST_F(DriverTest, LibrariesWorkInEveryContext) {
  Handle library = nullptr, kernel = nullptr, f = nullptr;
  EXPECT_EQ(cu.cuLibraryLoadData(&library, ptx().c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0), 0);
  EXPECT_EQ(cu.cuLibraryGetKernel(&kernel, library, "increment"), 0);
  EXPECT_EQ(cu.cuLibraryGetKernel(&kernel, library, "nothing"), notFound);
  Address p = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(p, 41, 32), 0);
  EXPECT_EQ(launch(kernel, 1, 32, 0, nullptr, p), 0); // a kernel where a function is expected
  EXPECT_EQ(cu.cuKernelGetFunction(&f, kernel), 0);
  EXPECT_EQ(launch(f, 1, 32, 0, nullptr, p), 0);
  int value = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
  EXPECT_EQ(value, 43);
  EXPECT_EQ(cu.cuLibraryUnload(library), 0);
  EXPECT_EQ(launch(f, 1, 32, 0, nullptr, p), invalidHandle);
  EXPECT_EQ(launch(kernel, 1, 32, 0, nullptr, p), invalidHandle);
}

TEST_F(DriverTest, RefusesBadModules) {
  Handle m = nullptr;
  EXPECT_EQ(cu.cuModuleLoadData(&m, nullptr), invalidValue);
  EXPECT_EQ(cu.cuModuleLoadData(&m, ""), invalidPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, "no ptx at all"), invalidPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, ".version 9.7\n.target sm_80\n.address_size 64\n"), unsupportedPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, "// newer\n.version 8.0\n.target sm_90a\n.address_size 64\n"),
            invalidPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, "\x7f"
                                    "ELF........"),
            209);
  char log[200] = "untouched";
  int options[] = {5, 6};
  void *values[] = {log, reinterpret_cast<void *>(uintptr_t(sizeof log))};
  const char *broken =
      ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k() {\n  frobnicate.b32 %r1;\n}\n";
  EXPECT_EQ(cu.cuModuleLoadDataEx(&m, broken, 2, options, values), invalidPtx);
  EXPECT_NE(std::string(log).find("line 5"), std::string::npos) << log;
  EXPECT_NE(std::string(log).find("frobnicate"), std::string::npos) << log;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(values[1]), std::strlen(log));
  int unknown[] = {99};
  EXPECT_EQ(cu.cuModuleLoadDataEx(&m, ptx().c_str(), 1, unknown, values), invalidValue);
  Handle f = nullptr;
  function("saxpy");
  EXPECT_EQ(cu.cuModuleGetFunction(&f, module, "nothing"), notFound);
  EXPECT_EQ(cu.cuModuleUnload(module), 0);
  EXPECT_EQ(cu.cuModuleUnload(module), invalidHandle);
  EXPECT_EQ(cu.cuModuleGetFunction(&f, module, "saxpy"), invalidHandle);
}

TEST_F(DriverTest, ChecksLaunches) {
  Handle f = function("increment"), bounded = function("bounded");
  Address p = alloc(4096);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, 1024), 0);
  void *args[] = {&p};
  auto with = [&](Handle k, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                  unsigned shared) {
    return cu.cuLaunchKernel(k, gx, gy, gz, bx, by, bz, shared, nullptr, args, nullptr);
  };
  EXPECT_EQ(with(f, 1, 1, 1, 1024, 1, 1, 0), 0);
  EXPECT_EQ(with(f, 0, 1, 1, 32, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 65536, 1, 32, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 0x80000000u, 1, 1, 32, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 0, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 1025, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 32, 64, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 1, 1, 65, 0), invalidValue);
  EXPECT_EQ(with(bounded, 1, 1, 1, 128, 1, 1, 0), 0);
  EXPECT_EQ(with(bounded, 1, 1, 1, 160, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 32, 1, 1, 49152), 0);
  EXPECT_EQ(with(f, 1, 1, 1, 32, 1, 1, 49153), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr), invalidValue);
  void *extra[] = {nullptr};
  EXPECT_EQ(cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, args, extra), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernel(nullptr, 1, 1, 1, 32, 1, 1, 0, nullptr, args, nullptr), invalidHandle);
  EXPECT_EQ(cu.cuLaunchKernel(reinterpret_cast<Handle>(uintptr_t(0x1234567)), 1, 1, 1, 32, 1, 1, 0, nullptr,
                              args, nullptr),
            invalidHandle);
  EXPECT_EQ(
      cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, reinterpret_cast<Handle>(uintptr_t(99)), args, nullptr),
      invalidHandle);
  // As many CTAs as are resident at once; with n = 0 they touch nothing that others touch.
  int n = 0;
  float scale = 1;
  void *nothing[] = {&n, &scale, &p, &p};
  Handle saxpy = function("saxpy");
  EXPECT_EQ(cu.cuLaunchCooperativeKernel(saxpy, 108, 1, 1, 1024, 1, 1, 0, nullptr, nothing), 0);
  EXPECT_EQ(cu.cuLaunchCooperativeKernel(saxpy, 108 * 3, 1, 1, 1024, 1, 1, 0, nullptr, nothing),
            cooperativeTooLarge);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
}

TEST_F(DriverTest, LaunchAttributesAreKnown) {
  Handle f = function("increment");
  Address p = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, 32), 0);
  void *args[] = {&p};
  LaunchAttribute attribute = {};
  LaunchConfig config = {{1, 1, 1}, {32, 1, 1}, 0, nullptr, &attribute, 1};
  attribute.id = 6; // programmatic stream serialisation
  attribute.value.flag = 1;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), 0);
  attribute.id = 4; // cluster dimension
  attribute.value.cluster[0] = attribute.value.cluster[1] = attribute.value.cluster[2] = 1;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), 0);
  attribute.value.cluster[0] = 2;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), 912);
  attribute.id = 500;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), invalidValue);
  config.attributes = nullptr;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernelEx(nullptr, f, args, nullptr), invalidValue);
}

TEST_F(DriverTest, LargeSharedMemoryNeedsOptIn) {
  Handle f = function("dynamicShared");
  const unsigned bytes = 163 * 1024;
  Address out = alloc(4);
  EXPECT_EQ(cu.cuMemsetD32(out, 0, 1), 0);
  EXPECT_EQ(launch(f, 1, 128, bytes, nullptr, int(bytes / 4), out), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, int(bytes) + 1), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, -1), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, int(bytes)), 0);
  int value = 0;
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 8, f), 0);
  EXPECT_EQ(value, int(bytes));
  EXPECT_EQ(launch(f, 1, 128, bytes, nullptr, int(bytes / 4), out), 0);
  int sum = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&sum, out, 4), 0);
  int n = int(bytes / 4);
  EXPECT_EQ(sum, n * (n - 1) / 2);
}

TEST_F(DriverTest, FunctionsHaveAttributesAndOccupancy) {
  Handle sum = function("blockSum"), bounded = function("bounded");
  int value = 0;
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 1, sum), 0);
  EXPECT_EQ(value, 1024); // static shared memory
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 0, sum), 0);
  EXPECT_EQ(value, 1024);
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 0, bounded), 0);
  EXPECT_EQ(value, 128);
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 6, sum), 0);
  EXPECT_EQ(value, 80);
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 99, sum), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(sum, 0, 5), invalidValue);
  size_t offset = 0, bytes = 0;
  EXPECT_EQ(cu.cuFuncGetParamInfo(function("saxpy"), 2, &offset, &bytes), 0);
  EXPECT_EQ(offset, 8u);
  EXPECT_EQ(bytes, 8u);
  EXPECT_EQ(cu.cuFuncGetParamInfo(sum, 3, &offset, &bytes), invalidValue);
  int blocks = 0;
  EXPECT_EQ(cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, sum, 256, 0), 0);
  EXPECT_EQ(blocks, 8); // 2048 threads
  EXPECT_EQ(cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, sum, 256, 40 * 1024), 0);
  EXPECT_EQ(blocks, 3); // 164 KB / (41 + 1 KB)
  int grid = 0, block = 0;
  EXPECT_EQ(cu.cuOccupancyMaxPotentialBlockSize(&grid, &block, bounded, nullptr, 0, 0), 0);
  EXPECT_EQ(block, 128);
  EXPECT_EQ(grid, 108 * 16);
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

namespace {

struct Gate {
  std::atomic<bool> open{false};
  std::atomic<int> passed{0};
};
void waitAtGate(void *data) {
  auto *gate = static_cast<Gate *>(data);
  while (!gate->open) std::this_thread::yield();
  ++gate->passed;
}

} // namespace

TEST_F(DriverTest, AsynchronousCopiesRunLater) {
  Handle stream = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&stream, 1), 0);
  void *memory = nullptr;
  EXPECT_EQ(cu.cuMemHostAlloc(&memory, 8, 0), 0);
  int *pinned = static_cast<int *>(memory), pageable = 5;
  Address p = alloc(8);
  Gate gate;
  pinned[0] = 1;
  EXPECT_EQ(cu.cuLaunchHostFunc(stream, waitAtGate, &gate), 0);
  EXPECT_EQ(cu.cuMemcpyHtoDAsync(p, pinned, 4, stream), 0);
  EXPECT_EQ(cu.cuMemcpyHtoDAsync(p + 4, &pageable, 4, stream), 0);
  EXPECT_EQ(cu.cuStreamQuery(stream), notReady);
  pinned[0] = 2; // not copied yet
  pageable = 6;  // was copied at the call
  gate.open = true;
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(cu.cuStreamQuery(stream), 0);
  EXPECT_EQ(gate.passed, 1);
  int out[2];
  EXPECT_EQ(cu.cuMemcpyDtoH(out, p, 8), 0);
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(out[1], 5);
  EXPECT_EQ(cu.cuStreamDestroy(stream), 0);
  EXPECT_EQ(cu.cuStreamDestroy(stream), invalidHandle);
  EXPECT_EQ(cu.cuStreamQuery(stream), invalidHandle);
  EXPECT_EQ(cu.cuMemFreeHost(memory), 0);
}

TEST_F(DriverTest, KernelsSeeWhatTheHostWritesMeanwhile) {
  void *memory = nullptr;
  EXPECT_EQ(cu.cuMemHostAlloc(&memory, 4, 2), 0);
  auto *flag = static_cast<volatile int *>(memory);
  *flag = 0;
  Address out = alloc(4), deviceFlag = 0;
  EXPECT_EQ(cu.cuMemHostGetDevicePointer(&deviceFlag, memory, 0), 0);
  EXPECT_EQ(cu.cuMemsetD32(out, 0, 1), 0);
  EXPECT_EQ(launch(function("waitForFlag"), 1, 1, 0, nullptr, deviceFlag, out), 0);
  EXPECT_EQ(cu.cuStreamQuery(nullptr), notReady);
  *flag = 1;
  int value = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&value, out, 4), 0);
  EXPECT_EQ(value, 1);
}

TEST_F(DriverTest, EventsOrderStreams) {
  Handle a = nullptr, b = nullptr, event = nullptr, end = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&a, 1), 0);
  EXPECT_EQ(cu.cuStreamCreateWithPriority(&b, 1, -1), 0);
  EXPECT_EQ(cu.cuEventCreate(&event, 0), 0);
  EXPECT_EQ(cu.cuEventCreate(&end, 0), 0);
  EXPECT_EQ(cu.cuEventQuery(event), 0); // never recorded
  Address p = alloc(4);
  EXPECT_EQ(cu.cuMemsetD32(p, 1, 1), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  Gate gate;
  EXPECT_EQ(cu.cuLaunchHostFunc(a, waitAtGate, &gate), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 2, 1, a), 0);
  EXPECT_EQ(cu.cuEventRecord(event, a), 0);
  EXPECT_EQ(cu.cuStreamWaitEvent(b, event, 0), 0);
  EXPECT_EQ(launch(function("increment"), 1, 1, 0, b, p), 0);
  EXPECT_EQ(cu.cuEventRecord(end, b), 0);
  EXPECT_EQ(cu.cuEventQuery(event), notReady);
  float ms = -1;
  EXPECT_EQ(cu.cuEventElapsedTime(&ms, event, end), notReady);
  gate.open = true;
  EXPECT_EQ(cu.cuEventSynchronize(end), 0);
  EXPECT_EQ(cu.cuEventElapsedTime(&ms, event, end), 0);
  EXPECT_GE(ms, 0.f);
  int value = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
  EXPECT_EQ(value, 3);
  EXPECT_EQ(cu.cuEventDestroy(event), 0);
  EXPECT_EQ(cu.cuEventDestroy(event), invalidHandle);
  EXPECT_EQ(cu.cuEventElapsedTime(&ms, event, end), invalidHandle);
}

TEST_F(DriverTest, TheLegacyStreamWaitsForBlockingStreams) {
  Handle blocking = nullptr, free = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&blocking, 0), 0);
  EXPECT_EQ(cu.cuStreamCreate(&free, 1), 0);
  Address p = alloc(4);
  int value = 0;
  Gate gate;
  EXPECT_EQ(cu.cuLaunchHostFunc(blocking, waitAtGate, &gate), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 7, 1, blocking), 0);
  EXPECT_EQ(cu.cuStreamQuery(nullptr), notReady);
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    gate.open = true;
  });
  EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
  EXPECT_EQ(value, 7);
  EXPECT_EQ(cu.cuStreamQuery(free), 0);
  opener.join();
}

TEST_F(DriverTest, HostFunctionsMayNotCallTheDriver) {
  int result = -1;
  auto call = [](void *data) { *static_cast<int *>(data) = cuda().cuCtxSynchronize(); };
  EXPECT_EQ(cu.cuLaunchHostFunc(nullptr, call, &result), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(result, notPermitted);
}

TEST_F(DriverTest, StreamOrderedAllocation) {
  Handle stream = nullptr, pool = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&stream, 1), 0);
  EXPECT_EQ(cu.cuDeviceGetDefaultMemPool(&pool, 0), 0);
  Address p = 0;
  EXPECT_EQ(cu.cuMemAllocAsync(&p, 4096, stream), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 1, 1024, stream), 0);
  EXPECT_EQ(launch(function("increment"), 1, 32, 0, stream, p), 0);
  int value = 0;
  EXPECT_EQ(cu.cuMemcpyDtoHAsync(&value, p, 4, stream), 0); // pageable: complete on return
  EXPECT_EQ(value, 2);
  uint64_t used = 0;
  EXPECT_EQ(cu.cuMemPoolGetAttribute(pool, 7, &used), 0);
  EXPECT_EQ(used, 4096u);
  EXPECT_EQ(cu.cuMemFreeAsync(p, stream), 0);
  EXPECT_EQ(cu.cuMemFreeAsync(p, stream), invalidValue);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(cu.cuMemPoolGetAttribute(pool, 7, &used), 0);
  EXPECT_EQ(used, 0u);
}

TEST_F(DriverTest, ManyThreadsShareAContext) {
  Handle f = function("increment");
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
      Handle stream = nullptr;
      EXPECT_EQ(cu.cuStreamCreate(&stream, t % 2), 0);
      for (int i = 0; i < 20; ++i) {
        Address p = 0;
        EXPECT_EQ(cu.cuMemAlloc(&p, 128), 0);
        EXPECT_EQ(cu.cuMemsetD32Async(p, unsigned(t), 32, stream), 0);
        void *args[] = {&p};
        EXPECT_EQ(cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, stream, args, nullptr), 0);
        int values[32];
        EXPECT_EQ(cu.cuMemcpyDtoHAsync(values, p, 128, stream), 0);
        EXPECT_EQ(values[31], t + 1);
        EXPECT_EQ(cu.cuMemFree(p), 0);
      }
      EXPECT_EQ(cu.cuStreamDestroy(stream), 0);
    });
  for (auto &thread : threads) thread.join();
}

//===----------------------------------------------------------------------===//
// Errors of device work
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, ErrorsStickUntilTheContextEnds) {
  Address p = alloc(32);
  EXPECT_EQ(launch(function("outOfBounds"), 1, 8, 0, nullptr, 8, p), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), illegalAddress);
  Address q = 0;
  Handle stream = nullptr;
  EXPECT_EQ(cu.cuMemAlloc(&q, 4), illegalAddress);
  EXPECT_EQ(cu.cuStreamCreate(&stream, 0), illegalAddress);
  EXPECT_EQ(cu.cuMemcpyHtoD(p, &q, 4), illegalAddress);
  EXPECT_EQ(cu.cuStreamQuery(nullptr), illegalAddress);
  EXPECT_EQ(cu.cuCtxDestroy(context), 0);
  EXPECT_EQ(cu.cuCtxCreate_v2(&context, 0, 0), 0);
  EXPECT_EQ(cu.cuMemAlloc(&q, 4), 0);
}

TEST_F(DriverTest, MisalignedAccessesAndTrapsEndTheContext) {
  struct {
    const char *kernel;
    int error;
  } rows[] = {{"misaligned", misalignedAddress}, {"trap", launchFailed}};
  for (auto row : rows) {
    Handle own = nullptr, m = nullptr, f = nullptr;
    EXPECT_EQ(cu.cuCtxCreate_v2(&own, 0, 0), 0);
    EXPECT_EQ(cu.cuModuleLoadData(&m, ptx().c_str()), 0);
    EXPECT_EQ(cu.cuModuleGetFunction(&f, m, row.kernel), 0);
    Address p = alloc(32);
    EXPECT_EQ(launch(f, 1, 1, 0, nullptr, p), 0);
    EXPECT_EQ(cu.cuCtxSynchronize(), row.error) << row.kernel;
    EXPECT_EQ(cu.cuCtxDestroy(own), 0);
  }
}

TEST_F(DriverTest, CooperativeGridsSynchronise) {
  std::string text = client::readFile(VCUDA_TEST_PROGRAMS "/cooperative.o3.ptx");
  Handle m = nullptr, f = nullptr;
  ASSERT_EQ(cu.cuModuleLoadData(&m, text.c_str()), 0);
  ASSERT_EQ(cu.cuModuleGetFunction(&f, m, "wholeGrid"), 0);
  int n = 100, steps = 2;
  std::vector<int> v(100, 1);
  Address a = alloc(400), b = alloc(400);
  ASSERT_EQ(cu.cuMemcpyHtoD(a, v.data(), 400), 0);
  void *arguments[] = {&a, &b, &n, &steps};
  ASSERT_EQ(cu.cuLaunchCooperativeKernel(f, 3, 1, 1, 32, 1, 1, 0, nullptr, arguments), 0);
  ASSERT_EQ(cu.cuCtxSynchronize(), 0);
  ASSERT_EQ(cu.cuMemcpyDtoH(v.data(), a, 400), 0);
  EXPECT_EQ(v, std::vector<int>(100, 4));
}

TEST_F(DriverTest, KernelsPrintToStdout) {
  std::string text = client::readFile(VCUDA_TEST_PROGRAMS "/printing.o3.ptx");
  Handle m = nullptr, f = nullptr;
  ASSERT_EQ(cu.cuModuleLoadData(&m, text.c_str()), 0);
  ASSERT_EQ(cu.cuModuleGetFunction(&f, m, "countPrinted"), 0);
  Address out = alloc(8);
  testing::internal::CaptureStdout();
  EXPECT_EQ(launch(f, 1, 2, 0, nullptr, out), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "1 2 x\n1 2 x\n");
}

TEST_F(DriverTest, FailedAssertsEndTheContext) {
  std::string text = client::readFile(VCUDA_TEST_PROGRAMS "/printing.o3.ptx");
  Handle m = nullptr, f = nullptr;
  ASSERT_EQ(cu.cuModuleLoadData(&m, text.c_str()), 0);
  ASSERT_EQ(cu.cuModuleGetFunction(&f, m, "asserts"), 0);
  int value = 100;
  Address in = alloc(4);
  ASSERT_EQ(cu.cuMemcpyHtoD(in, &value, 4), 0);
  EXPECT_EQ(launch(f, 1, 1, 0, nullptr, in), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 710) << "CUDA_ERROR_ASSERT";
}

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  // Before anything else: the driver is not initialised.
  int count = 0;
  if (cuda().cuDeviceGetCount(&count) != 3) {
    std::fprintf(stderr, "a call before cuInit is not refused\n");
    return 1;
  }
  return RUN_ALL_TESTS();
}
