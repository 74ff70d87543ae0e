// The virtual driver through the public interface: streams, events, and errors of the work in them.
#include "fixture.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

using namespace client;

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

// Pinned and managed memory has one address for both sides, so that a call may name it as the device's.
TEST_F(DriverTest, CallsWithoutAStreamWaitForWhatTheHostSees) {
  auto slowly = [](void *) { std::this_thread::sleep_for(std::chrono::milliseconds(30)); };
  Address device = alloc(4);
  EXPECT_EQ(cu.cuMemsetD32(device, 7, 1), 0);
  void *memory = nullptr;
  EXPECT_EQ(cu.cuMemHostAlloc(&memory, 4, 0), 0);
  Address managed = 0, pinned = reinterpret_cast<Address>(memory);
  EXPECT_EQ(cu.cuMemAllocManaged(&managed, 4, 1), 0);
  for (Address shared : {pinned, managed}) {
    auto *seen = reinterpret_cast<volatile unsigned *>(shared);
    *seen = 0;
    EXPECT_EQ(cu.cuLaunchHostFunc(nullptr, slowly, nullptr), 0);
    EXPECT_EQ(cu.cuMemsetD32(shared, 5, 1), 0);
    EXPECT_EQ(*seen, 5u);
    for (auto copy : {cu.cuMemcpy, cu.cuMemcpyDtoD}) {
      *seen = 0;
      EXPECT_EQ(cu.cuLaunchHostFunc(nullptr, slowly, nullptr), 0);
      EXPECT_EQ(copy(shared, device, 4), 0);
      EXPECT_EQ(*seen, 7u);
    }
  }
  Gate gate;
  EXPECT_EQ(cu.cuLaunchHostFunc(nullptr, waitAtGate, &gate), 0);
  EXPECT_EQ(cu.cuMemsetD32(device, 9, 1), 0); // nobody looks: would wait for ever
  EXPECT_EQ(cu.cuStreamQuery(nullptr), notReady);
  gate.open = true;
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
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
