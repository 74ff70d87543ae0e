// Stream memory operations: words that streams write and wait for, alone, in batches, and in graphs.
#include "graph_fixture.h"

#include <atomic>
#include <cstring>
#include <thread>

using namespace client;

namespace {

enum : int { waitOf32 = 1, writeOf32 = 2, flush = 3, waitOf64 = 4, writeOf64 = 5, barrier = 6 };
enum : unsigned { atLeast = 0, equal = 1, anyOf = 2, notAllOf = 3, flushed = 1u << 30 };
constexpr int notSupported = 801;

struct Operation {
  int kind = 0;
  Address address = 0;
  uint64_t value = 0;
  unsigned flags = 0;
  Address alias = 0;
  uint64_t pad = 0;
};
static_assert(sizeof(Operation) == 48);
/// Of flushes and barriers the flags follow the kind.
Operation fence(int kind, unsigned flags) {
  Operation o;
  o.kind = kind;
  o.address = flags;
  std::memcpy(reinterpret_cast<char *>(&o) + 4, &flags, 4);
  return o;
}

class StreamMemoryTest : public GraphTest {
protected:
  void SetUp() override {
    GraphTest::SetUp();
    EXPECT_EQ(cu.cuStreamCreate(&other, 1), 0);
    void *memory = nullptr;
    EXPECT_EQ(cu.cuMemHostAlloc(&memory, 64, 2), 0);
    word = static_cast<std::atomic<uint64_t> *>(memory);
    *word = 0;
    address = reinterpret_cast<Address>(memory);
  }
  int wait(Handle s, Address a, unsigned value, unsigned flags) {
    return call("cuStreamWaitValue32", s, a, value, flags);
  }
  int write(Handle s, Address a, unsigned value, unsigned flags = 0) {
    return call("cuStreamWriteValue32", s, a, value, flags);
  }
  /// The stream does not get past a wait for a while.
  bool isStuck(Handle s) {
    for (int i = 0; i < 20; ++i) {
      if (cu.cuStreamQuery(s) != notReady) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  Handle other = nullptr;
  std::atomic<uint64_t> *word = nullptr;
  Address address = 0;
};

} // namespace

TEST_F(StreamMemoryTest, AWaitHoldsUpItsStreamOnly) {
  for (int attribute : {92, 93, 94, 98, 122, 123}) {
    int value = 0;
    EXPECT_EQ(cu.cuDeviceGetAttribute(&value, attribute, 0), 0);
    EXPECT_EQ(value, 1) << attribute;
  }
  EXPECT_EQ(wait(stream, address, 5, atLeast), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, p), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, other, p + 64), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(other), 0);
  EXPECT_TRUE(isStuck(stream));
  *word = 4;
  EXPECT_TRUE(isStuck(stream));
  *word = 6; // the host says go
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(value(), 1);
}

TEST_F(StreamMemoryTest, AStreamSaysGoToAnother) {
  EXPECT_EQ(cu.cuMemsetD32(p + 16, 0, 1), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(wait(stream, p + 16, 7, equal), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, p), 0);
  EXPECT_EQ(write(stream, address, 3), 0);
  EXPECT_TRUE(isStuck(stream));
  EXPECT_EQ(launch(increment, 1, 1, 0, other, p), 0);
  EXPECT_EQ(write(other, p + 16, 7), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(value(), 2);
  EXPECT_EQ(*word, 3u);
}

TEST_F(StreamMemoryTest, WhatIsWrittenCountsAsWritten) {
  Address fresh = alloc(8);
  reinterpret_cast<void (*)()>(dlsym(cu.library, "vcudaResetFindings"))();
  EXPECT_EQ(write(stream, fresh, 41), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, fresh), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(reinterpret_cast<size_t (*)()>(dlsym(cu.library, "vcudaFindingCount"))(), 0u);
  int v = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&v, fresh, 4), 0);
  EXPECT_EQ(v, 42);
}

TEST_F(StreamMemoryTest, Conditions) {
  struct Row {
    unsigned flags;
    uint64_t wanted, not32, yes32;
  } rows[] = {
      {atLeast, 5, 4, 5},
      {atLeast, 5, 0xfffffff0, 6},          // below: -16
      {atLeast, 0xfffffff0, 0xffffffe0, 3}, // goes around
      {atLeast | flushed, 5, 0, 9},
      {equal, 8, 9, 8},
      {anyOf, 6, 9, 2},
      {notAllOf, 0x0000ffff, 0xffff0000, 0x7fff0000},
  };
  for (const Row &row : rows) {
    *word = row.not32;
    EXPECT_EQ(wait(stream, address, unsigned(row.wanted), row.flags), 0);
    EXPECT_TRUE(isStuck(stream)) << row.flags << " " << row.wanted;
    *word = row.yes32;
    EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  }
  // 64 bits: the upper half counts.
  *word = 5;
  EXPECT_EQ(call("cuStreamWaitValue64", stream, address, uint64_t(1) << 40, unsigned(atLeast)), 0);
  EXPECT_TRUE(isStuck(stream));
  EXPECT_EQ(call("cuStreamWriteValue64", other, address, (uint64_t(1) << 40) + 1, 0u), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(*word, (uint64_t(1) << 40) + 1);
}

TEST_F(StreamMemoryTest, BatchesRunInOrder) {
  Operation list[] = {{writeOf32, address + 8, 1},  {waitOf32, address, 1, equal}, fence(barrier, 0),
                      {writeOf64, address + 16, 2}, {waitOf64, address, 2, equal}, fence(flush, 0),
                      {writeOf32, address + 8, 3}};
  EXPECT_EQ(call("cuStreamBatchMemOp", stream, 7u, list, 0u), 0);
  EXPECT_TRUE(isStuck(stream));
  EXPECT_EQ(word[1], 1u);
  EXPECT_EQ(word[2], 0u);
  *word = 1;
  EXPECT_TRUE(isStuck(stream));
  EXPECT_EQ(word[2], 2u);
  EXPECT_EQ(word[1], 1u);
  *word = 2;
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(word[1], 3u);
}

TEST_F(StreamMemoryTest, ArgumentsAreChecked) {
  Address managed = 0;
  EXPECT_EQ(cu.cuMemAllocManaged(&managed, 8, 1), 0);
  int onStack = 0;
  EXPECT_EQ(wait(stream, address + 2, 0, equal), invalidValue);
  EXPECT_EQ(wait(stream, 0, 0, equal), invalidValue);
  EXPECT_EQ(wait(stream, managed, 0, equal), invalidValue);
  EXPECT_EQ(wait(stream, reinterpret_cast<Address>(&onStack), 0, equal), invalidValue);
  EXPECT_EQ(wait(stream, address, 0, 4), invalidValue);
  EXPECT_EQ(wait(reinterpret_cast<Handle>(0x55), address, 0, equal), invalidHandle);
  EXPECT_EQ(write(stream, address, 0, 1), invalidValue); // an option of the first version
  void *first = nullptr;
  int status = -1;
  EXPECT_EQ(cu.cuGetProcAddress("cuStreamWriteValue32", &first, 11000, 0, &status), 0);
  EXPECT_EQ(reinterpret_cast<int (*)(Handle, Address, unsigned, unsigned)>(first)(stream, address, 4, 1), 0);
  EXPECT_EQ(call("cuStreamWaitValue64", stream, address + 4, uint64_t(0), 1u), invalidValue);
  Operation bad[] = {fence(barrier, 2), fence(flush, 1), {9, address, 0}};
  for (Operation &o : bad) EXPECT_EQ(call("cuStreamBatchMemOp", stream, 1u, &o, 0u), invalidValue);
  Operation good = {writeOf32, address, 1};
  EXPECT_EQ(call("cuStreamBatchMemOp", stream, 1u, &good, 1u), invalidValue);
  EXPECT_EQ(call("cuStreamBatchMemOp", stream, 256u, &good, 0u), invalidValue);
  EXPECT_EQ(call("cuStreamBatchMemOp", stream, 1u, static_cast<Operation *>(nullptr), 0u), invalidValue);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
}

TEST_F(StreamMemoryTest, AWaitEndsWhenItsMemoryGoes) {
  Address reserved = 0;
  unsigned long long handle = 0;
  struct {
    int type = 1, handleTypes = 0, place = 1, id = 0;
    void *security = nullptr;
    uint64_t flags = 0;
  } properties;
  struct {
    int place = 1, id = 0, flags = 3;
  } access;
  size_t bytes = 2 << 20;
  EXPECT_EQ(call("cuMemAddressReserve", &reserved, bytes, size_t(0), Address(0), 0ull), 0);
  EXPECT_EQ(call("cuMemCreate", &handle, bytes, &properties, 0ull), 0);
  EXPECT_EQ(call("cuMemMap", reserved, bytes, size_t(0), handle, 0ull), 0);
  EXPECT_EQ(call("cuMemSetAccess", reserved, bytes, &access, size_t(1)), 0);
  EXPECT_EQ(wait(stream, reserved, 5, equal), 0);
  EXPECT_TRUE(isStuck(stream));
  EXPECT_EQ(call("cuMemUnmap", reserved, bytes), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), illegalAddress);
  EXPECT_EQ(call("cuMemRelease", handle), 0);
  EXPECT_EQ(call("cuMemAddressFree", reserved, bytes), 0);
}

TEST_F(StreamMemoryTest, GraphsWaitAndWrite) {
  // Captured: a kernel, a wait, a kernel, a write.
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, p), 0);
  EXPECT_EQ(wait(stream, address, 1, equal), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, p), 0);
  EXPECT_EQ(write(stream, address + 8, 9), 0);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), 0);
  EXPECT_EQ(nodeCount(graph), 4u);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  EXPECT_EQ(call("cuGraphLaunch", exec, stream), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, other, p + 64), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(other), 0); // goes on while the graph waits
  EXPECT_TRUE(isStuck(stream));
  EXPECT_EQ(value(), 1);
  EXPECT_EQ(word[1], 0u);
  *word = 1;
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(value(), 2);
  EXPECT_EQ(word[1], 9u);
}

TEST_F(StreamMemoryTest, NodesOfOperations) {
  struct {
    Handle context = nullptr;
    unsigned count = 1;
    Operation *list = nullptr;
    unsigned flags = 0;
  } params, got;
  Operation one = {writeOf32, address, 5};
  params.list = &one;
  Handle node = nullptr;
  EXPECT_EQ(call("cuGraphCreate", &graph, 0u), 0);
  EXPECT_EQ(
      call("cuGraphAddBatchMemOpNode", &node, graph, static_cast<Handle *>(nullptr), size_t(0), &params), 0);
  int type = -1;
  EXPECT_EQ(call("cuGraphNodeGetType", node, &type), 0);
  EXPECT_EQ(type, 12);
  EXPECT_EQ(call("cuGraphBatchMemOpNodeGetParams", node, &got), 0);
  EXPECT_EQ(got.count, 1u);
  EXPECT_EQ(got.list->value, 5u);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(*word, 5u);
  one.value = 6;
  EXPECT_EQ(call("cuGraphExecBatchMemOpNodeSetParams", exec, node, &params), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(*word, 6u);
  EXPECT_EQ(call("cuGraphBatchMemOpNodeSetParams", node, &params), 0);
  one.flags = 77;
  EXPECT_EQ(call("cuGraphBatchMemOpNodeSetParams", node, &params), invalidValue);
  // Conditional nodes are refused by name.
  uint64_t handle = 0;
  EXPECT_EQ(call("cuGraphConditionalHandleCreate", &handle, graph, context, 0u, 0u), notSupported);
}
