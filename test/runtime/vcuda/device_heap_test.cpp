// malloc and free of kernels through the public interface: the limit, how long blocks live, and that the host
// knows nothing of them.
#include "fixture.h"

#include <vector>

using namespace client;

namespace {

constexpr int mallocHeapSize = 2, sharedObjectInitFailed = 303;
constexpr size_t mebibyte = 1 << 20;

class HeapTest : public DriverTest {
protected:
  Handle kernel(const char *name, const char *file = VCUDA_TEST_PROGRAMS "/heap.o3.ptx") {
    Handle m = nullptr, f = nullptr;
    EXPECT_EQ(cu.cuModuleLoadData(&m, client::readFile(file).c_str()), 0);
    EXPECT_EQ(cu.cuModuleGetFunction(&f, m, name), 0);
    return f;
  }
  size_t limit() {
    size_t bytes = 0;
    EXPECT_EQ(cu.cuCtxGetLimit(&bytes, mallocHeapSize), 0);
    return bytes;
  }
  size_t freeMemory() {
    size_t left = 0, total = 0;
    EXPECT_EQ(cu.cuMemGetInfo(&left, &total), 0);
    return left;
  }
  /// How many blocks kernels can have at a time.
  int blocksOf(size_t bytes) {
    Address counts = alloc(128), total = alloc(4);
    EXPECT_EQ(cu.cuMemsetD32(total, 0, 1), 0);
    EXPECT_EQ(launch(kernel("exhaust"), 1, 32, 0, nullptr, bytes, counts, total), 0);
    int n = -1;
    EXPECT_EQ(cu.cuMemcpyDtoH(&n, total, 4), 0);
    return n;
  }
  /// One block, with 0, 1, ... in it.
  Address keep(int words) {
    Address place = alloc(8), block = 0;
    EXPECT_EQ(launch(kernel("heapKeep", VCUDA_TEST_PROGRAMS "/bugs.o3.ptx"), 1, 1, 0, nullptr, place, words),
              0);
    EXPECT_EQ(cu.cuMemcpyDtoH(&block, place, 8), 0);
    return block;
  }
};

TEST_F(HeapTest, LimitBoundsTheSum) {
  EXPECT_EQ(limit(), 8 * mebibyte);
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, mebibyte), 0);
  EXPECT_EQ(limit(), mebibyte);
  EXPECT_EQ(blocksOf(1000), int(mebibyte / 1008)); // whole multiples of 16
  EXPECT_EQ(blocksOf(mebibyte), 1);
  EXPECT_EQ(blocksOf(mebibyte + 1), 0);
}

TEST_F(HeapTest, LimitStaysOnceAKernelMayHaveUsedIt) {
  Handle build = kernel("buildLists"), sum = kernel("sumLists");
  Address none = alloc(8);
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, 3 * mebibyte), 0);
  EXPECT_EQ(launch(sum, 1, 1, 0, nullptr, none, none, 0), 0); // has no part in it
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, 2 * mebibyte), 0);
  EXPECT_EQ(launch(build, 1, 1, 0, nullptr, none, none, 0), 0);
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, mebibyte), invalidValue);
  EXPECT_EQ(limit(), 2 * mebibyte);
  EXPECT_EQ(blocksOf(mebibyte), 2);
}

TEST_F(HeapTest, MemoryIsSetAsideWhenAModuleNeedsIt) {
  size_t before = freeMemory();
  function("saxpy");
  size_t plain = freeMemory();
  kernel("buildLists");
  EXPECT_EQ(plain - freeMemory(), 8 * mebibyte);
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, 5 * mebibyte), 0);
  EXPECT_EQ(plain - freeMemory(), 5 * mebibyte);
  keep(1000); // is a part of it
  EXPECT_LT(plain - freeMemory(), 5 * mebibyte + 4096);
  EXPECT_EQ(cu.cuCtxDestroy(context), 0);
  EXPECT_EQ(cu.cuCtxCreate_v2(&context, 0, 0), 0);
  EXPECT_EQ(freeMemory(), before);
}

TEST_F(HeapTest, ModulesDoNotLoadWithoutTheirHeap) {
  size_t left = 0, total = 0;
  EXPECT_EQ(cu.cuMemGetInfo(&left, &total), 0);
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, total + 1), 0);
  Handle m = nullptr;
  std::string text = client::readFile(VCUDA_TEST_PROGRAMS "/heap.o3.ptx");
  EXPECT_EQ(cu.cuModuleLoadData(&m, text.c_str()), sharedObjectInitFailed);
  function("saxpy"); // which needs none
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, mebibyte), 0);
  EXPECT_EQ(cu.cuModuleLoadData(&m, text.c_str()), 0);
  EXPECT_EQ(cu.cuCtxSetLimit(mallocHeapSize, total + 1), outOfMemory);
  EXPECT_EQ(limit(), mebibyte);
}

TEST_F(HeapTest, TheHostKnowsNothingOfBlocks) {
  Address block = keep(16), other = alloc(64);
  ASSERT_NE(block, 0u);
  EXPECT_EQ(block % 16, 0u);
  int words[16] = {};
  EXPECT_EQ(cu.cuMemcpyDtoH(words, block, 64), invalidValue);
  EXPECT_EQ(call("cuMemcpyHtoD", block, static_cast<const void *>(words), size_t(64)), invalidValue);
  EXPECT_EQ(call("cuMemcpyDtoD", other, block, size_t(64)), invalidValue);
  EXPECT_EQ(cu.cuMemsetD32(block, 0, 4), invalidValue);
  EXPECT_EQ(call("cuMemFree", block), invalidValue);
  EXPECT_EQ(call("cuMemFreeAsync", block, Handle(nullptr)), invalidValue);
  unsigned type = 0;
  EXPECT_EQ(call("cuPointerGetAttribute", static_cast<void *>(&type), 2, block), invalidValue);
  Address begin = 0;
  size_t bytes = 0;
  EXPECT_EQ(call("cuMemGetAddressRange", &begin, &bytes, block), notFound);
  // Kernels do.
  EXPECT_EQ(launch(function("increment"), 1, 16, 0, nullptr, block), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(launch(kernel("heapBadFree", VCUDA_TEST_PROGRAMS "/bugs.o3.ptx"), 1, 1, 0, nullptr, block), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
}

TEST_F(HeapTest, ABadFreeEndsTheContext) {
  Handle bad = kernel("heapBadFree", VCUDA_TEST_PROGRAMS "/bugs.o3.ptx");
  Address other = alloc(64);
  EXPECT_EQ(launch(bad, 1, 1, 0, nullptr, other), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), launchFailed);
  Address p = 0;
  EXPECT_EQ(cu.cuMemAlloc(&p, 4), launchFailed);
}

TEST_F(HeapTest, BlocksDieWithTheirContextAndAreNoOthers) {
  Address block = keep(16);
  Handle second = nullptr;
  EXPECT_EQ(cu.cuCtxCreate_v2(&second, 0, 0), 0);
  // A block of another context of the device.
  EXPECT_EQ(launch(kernel("heapBadFree", VCUDA_TEST_PROGRAMS "/bugs.o3.ptx"), 1, 1, 0, nullptr, block), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), launchFailed);
  EXPECT_EQ(cu.cuCtxDestroy(second), 0);
  EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
  EXPECT_EQ(launch(function("increment"), 1, 16, 0, nullptr, block), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(cu.cuCtxDestroy(context), 0);
  EXPECT_EQ(cu.cuCtxCreate_v2(&context, 0, 0), 0);
  module = nullptr;
  EXPECT_EQ(launch(function("increment"), 1, 16, 0, nullptr, block), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), illegalAddress);
}

} // namespace
