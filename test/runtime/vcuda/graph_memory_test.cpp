// Allocations that graphs make and free, and objects that they keep alive.
#include "graph_fixture.h"

#include <atomic>
#include <thread>
#include <vector>

using namespace client;

namespace {

constexpr int notSupported = 801, updateFailure = 910;

struct PoolProperties {
  int type = 1, handleTypes = 0, place = 1, id = 0;
  void *security = nullptr;
  size_t most = 0;
  unsigned short usage = 0;
  unsigned char reserved[54] = {};
};
struct AllocationNode {
  PoolProperties pool;
  const void *access = nullptr;
  size_t accessCount = 0, bytes = 0;
  Address address = 0;
};
static_assert(sizeof(PoolProperties) == 88 && sizeof(AllocationNode) == 120);

class GraphMemoryTest : public GraphTest {
protected:
  void SetUp() override {
    GraphTest::SetUp();
    reinterpret_cast<void (*)()>(dlsym(cu.library, "vcudaResetFindings"))();
    EXPECT_EQ(call("cuGraphCreate", &graph, 0u), 0);
  }
  std::string findings() {
    auto get = reinterpret_cast<size_t (*)(char *, size_t)>(dlsym(cu.library, "vcudaFindings"));
    std::vector<char> text(get(nullptr, 0) + 1);
    get(text.data(), text.size());
    return text.data();
  }
  Handle addAllocation(Handle g, size_t bytes, Address &address) {
    AllocationNode params;
    params.bytes = bytes;
    Handle node = nullptr;
    EXPECT_EQ(call("cuGraphAddMemAllocNode", &node, g, static_cast<Handle *>(nullptr), size_t(0), &params),
              0);
    address = params.address;
    return node;
  }
  int addFree(Handle g, Handle after, Address address, Handle &node) {
    return call("cuGraphAddMemFreeNode", &node, g, &after, size_t(after ? 1 : 0), address);
  }
  Handle addMemset(Handle g, Handle after, Address target, unsigned v) {
    MemsetNode params = {target, 0, v, 4, 4, 1};
    Handle node = nullptr;
    EXPECT_EQ(call("cuGraphAddMemsetNode", &node, g, &after, size_t(1), &params, context), 0);
    return node;
  }
  Handle addIncrement(Handle g, Handle after, Address target) {
    void *pointers[] = {&target};
    KernelNode params = {increment, {1, 1, 1}, {1, 1, 1}, 0, pointers, nullptr, nullptr, nullptr};
    Handle node = nullptr;
    EXPECT_EQ(call("cuGraphAddKernelNode", &node, g, &after, size_t(1), &params), 0);
    return node;
  }
  Handle instantiate(Handle g, unsigned long long flags = 0) {
    Handle e = nullptr;
    EXPECT_EQ(call("cuGraphInstantiate", &e, g, flags), 0);
    return e;
  }
  uint64_t attribute(int which) {
    uint64_t v = ~uint64_t(0);
    EXPECT_EQ(call("cuDeviceGetGraphMemAttribute", 0, which, &v), 0);
    return v;
  }
  size_t freeBytes() {
    size_t free = 0, total = 0;
    EXPECT_EQ(cu.cuMemGetInfo(&free, &total), 0);
    return free;
  }
  int read(Address a) {
    int v = -1;
    EXPECT_EQ(cu.cuMemcpyDtoH(&v, a, 4), 0);
    return v;
  }
};

} // namespace

TEST_F(GraphMemoryTest, MadeAndFreedInOneGraph) {
  size_t before = freeBytes();
  Address a = 0;
  Handle made = addAllocation(graph, 100, a);
  Handle filled = addMemset(graph, made, a, 5), worked = addIncrement(graph, filled, a), freed = nullptr;
  EXPECT_EQ(addFree(graph, worked, a, freed), 0);
  int type = -1;
  EXPECT_EQ(call("cuGraphNodeGetType", made, &type), 0);
  EXPECT_EQ(type, 10);
  EXPECT_EQ(call("cuGraphNodeGetType", freed, &type), 0);
  EXPECT_EQ(type, 11);
  AllocationNode got;
  EXPECT_EQ(call("cuGraphMemAllocNodeGetParams", made, &got), 0);
  EXPECT_EQ(got.bytes, 100u);
  EXPECT_EQ(got.address, a);
  EXPECT_EQ(got.pool.place, 1);
  Address gotAddress = 0;
  EXPECT_EQ(call("cuGraphMemFreeNodeGetParams", freed, &gotAddress), 0);
  EXPECT_EQ(gotAddress, a);
  exec = instantiate(graph);
  EXPECT_EQ(freeBytes(), before); // an address costs nothing
  for (int i = 0; i < 3; ++i) EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(findings(), "[]");
  EXPECT_EQ(attribute(0), 0u);
  EXPECT_EQ(attribute(1), 100u);
  EXPECT_EQ(attribute(2), 100u);
  EXPECT_LT(freeBytes(), before); // kept for the next launch
  EXPECT_EQ(call("cuDeviceGraphMemTrim", 0), 0);
  EXPECT_EQ(attribute(2), 0u);
  EXPECT_EQ(attribute(3), 100u);
  EXPECT_EQ(freeBytes(), before);
  uint64_t zero = 0, one = 1;
  EXPECT_EQ(call("cuDeviceSetGraphMemAttribute", 0, 3, &one), invalidValue);
  EXPECT_EQ(call("cuDeviceSetGraphMemAttribute", 0, 0, &zero), invalidValue);
  EXPECT_EQ(call("cuDeviceSetGraphMemAttribute", 0, 3, &zero), 0);
  EXPECT_EQ(call("cuDeviceSetGraphMemAttribute", 0, 1, &zero), 0);
  EXPECT_EQ(attribute(1), 0u);
  EXPECT_EQ(attribute(3), 0u);
  EXPECT_EQ(cu.cuMemFree(a), invalidValue); // the graph's own
}

TEST_F(GraphMemoryTest, EachLaunchMakesItAnew) {
  Address a = 0;
  Handle made = addAllocation(graph, 64, a);
  Handle worked = addIncrement(graph, made, a), freed = nullptr; // reads what nobody wrote
  EXPECT_EQ(addFree(graph, worked, a, freed), 0);
  exec = instantiate(graph);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_NE(findings().find("uninitialised-read"), std::string::npos);
  EXPECT_NE(findings().find("\"launch\""), std::string::npos);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, a), 0); // outside of the graph it is not there
  EXPECT_EQ(cu.cuStreamSynchronize(stream), illegalAddress);
  EXPECT_NE(findings().find("in freed memory"), std::string::npos) << findings();
}

TEST_F(GraphMemoryTest, WhatIsLeftIsFreedByACall) {
  Address a = 0;
  Handle made = addAllocation(graph, 64, a);
  addMemset(graph, made, a, 5);
  exec = instantiate(graph);
  EXPECT_EQ(cu.cuMemFree(a), invalidValue); // not made yet
  for (bool later : {false, true}) {
    EXPECT_EQ(launchGraph(exec), 0);
    EXPECT_EQ(read(a), 5);
    EXPECT_EQ(call("cuGraphLaunch", exec, stream), invalidValue); // it is still there
    EXPECT_EQ(later ? cu.cuMemFreeAsync(a, stream) : cu.cuMemFree(a), 0);
    EXPECT_EQ(cu.cuMemFree(a), invalidValue);
  }
  // Other graphs can free it as well, once per launch.
  Handle second = nullptr, freed = nullptr, again = nullptr;
  EXPECT_EQ(call("cuGraphCreate", &second, 0u), 0);
  EXPECT_EQ(addFree(second, nullptr, a, freed), 0);
  EXPECT_EQ(addFree(second, nullptr, a, again), invalidValue);
  EXPECT_EQ(addFree(graph, nullptr, a, again), invalidValue);
  Handle freeing = instantiate(second);
  EXPECT_EQ(call("cuGraphLaunch", freeing, stream), invalidValue);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(launchGraph(freeing), 0);
  EXPECT_EQ(attribute(0), 0u);
  EXPECT_EQ(findings(), "[]");
}

TEST_F(GraphMemoryTest, AutoFreeOnLaunch) {
  Address a = 0;
  Handle made = addAllocation(graph, 64, a);
  addMemset(graph, made, a, 5);
  exec = instantiate(graph, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(read(a), 5);
  // It outlives its graph, as an allocation like others.
  EXPECT_EQ(call("cuGraphExecDestroy", exec), 0);
  EXPECT_EQ(call("cuGraphDestroy", graph), 0);
  EXPECT_EQ(read(a), 5);
  EXPECT_EQ(attribute(0), 0u);
  EXPECT_EQ(cu.cuMemFree(a), 0);
  EXPECT_EQ(cu.cuMemFree(a), invalidValue);
}

TEST_F(GraphMemoryTest, CapturedAllocations) {
  Address a = 0, outside = alloc(64);
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(cu.cuMemAllocAsync(&a, 64, stream), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(a, 3, 1, stream), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, a), 0);
  EXPECT_EQ(call("cuMemcpyAsync", p, a, size_t(4), stream), 0);
  EXPECT_EQ(cu.cuMemFreeAsync(outside, stream), invalidValue); // no node made it
  EXPECT_EQ(cu.cuMemFreeAsync(a, stream), 0);
  Handle captured = nullptr;
  EXPECT_EQ(call("cuStreamEndCapture", stream, &captured), 0);
  EXPECT_EQ(nodeCount(captured), 5u);
  exec = instantiate(captured);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 4);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(findings(), "[]");
}

TEST_F(GraphMemoryTest, WhatGraphsWithMemoryCannot) {
  Address a = 0;
  Handle made = addAllocation(graph, 64, a), filled = addMemset(graph, made, a, 5), node = nullptr;
  Handle parent = nullptr, copy = nullptr;
  EXPECT_EQ(call("cuGraphClone", &copy, graph), notSupported);
  EXPECT_EQ(call("cuGraphDestroyNode", filled), notSupported);
  EXPECT_EQ(call("cuGraphRemoveDependencies", graph, &made, &filled, static_cast<void *>(nullptr), size_t(1)),
            notSupported);
  EXPECT_EQ(call("cuGraphCreate", &parent, 0u), 0);
  EXPECT_EQ(call("cuGraphAddChildGraphNode", &node, parent, static_cast<Handle *>(nullptr), size_t(0), graph),
            notSupported);
  exec = instantiate(graph);
  Handle second = nullptr;
  EXPECT_EQ(call("cuGraphInstantiate", &second, graph, 0ull), notSupported);
  EXPECT_EQ(call("cuGraphExecDestroy", exec), 0);
  exec = instantiate(graph); // one at a time
  // Another graph's memory can't take its place.
  struct {
    int result;
    Handle node, from;
  } info;
  EXPECT_EQ(call("cuGraphExecUpdate", exec, graph, &info), 0);
  Handle twin = nullptr;
  Address b = 0;
  EXPECT_EQ(call("cuGraphCreate", &twin, 0u), 0);
  addMemset(twin, addAllocation(twin, 64, b), b, 5);
  EXPECT_NE(a, b);
  EXPECT_EQ(call("cuGraphExecUpdate", exec, twin, &info), updateFailure);
  EXPECT_EQ(info.result, 6);
  // Parameters that make no sense.
  AllocationNode params;
  auto add = [&] {
    return call("cuGraphAddMemAllocNode", &node, parent, static_cast<Handle *>(nullptr), size_t(0), &params);
  };
  EXPECT_EQ(add(), invalidValue); // no bytes
  params.bytes = 64;
  params.pool.id = 9;
  EXPECT_EQ(add(), invalidValue);
  params.pool.id = 0;
  params.pool.handleTypes = 1;
  EXPECT_EQ(add(), invalidValue);
  EXPECT_EQ(addFree(parent, nullptr, p, node), invalidValue); // an allocation, but not of a graph
  EXPECT_EQ(addFree(parent, nullptr, 0, node), invalidValue);
}

TEST_F(GraphMemoryTest, ALaunchMayFindNoMemory) {
  size_t total = 0;
  EXPECT_EQ(cu.cuDeviceTotalMem(&total, 0), 0);
  Address a = 0, b = 0;
  addAllocation(graph, total / 2, a);
  addAllocation(graph, total / 4 * 3, b);
  exec = instantiate(graph);
  EXPECT_EQ(call("cuGraphLaunch", exec, stream), outOfMemory);
  EXPECT_EQ(attribute(0), 0u);
  EXPECT_EQ(call("cuDeviceGraphMemTrim", 0), 0);
}

TEST_F(GraphMemoryTest, ObjectsLiveAsLongAsGraphsNeedThem) {
  std::atomic<int> destroyed{0};
  auto destroy = +[](void *data) { ++*static_cast<std::atomic<int> *>(data); };
  auto comesTo = [&](int wanted) {
    for (int i = 0; i < 2000 && destroyed != wanted; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return destroyed == wanted;
  };
  void *data = &destroyed;
  Handle object = nullptr, copy = nullptr;
  EXPECT_EQ(call("cuUserObjectCreate", &object, data, destroy, 1u, 0u), invalidValue); // the flag is required
  EXPECT_EQ(call("cuUserObjectCreate", &object, data, destroy, 0u, 1u), invalidValue);
  EXPECT_EQ(call("cuUserObjectCreate", &object, data, destroy, 2u, 1u), 0);
  EXPECT_EQ(call("cuUserObjectRetain", object, 1u), 0);
  EXPECT_EQ(call("cuUserObjectRelease", object, 2u), 0);
  EXPECT_EQ(call("cuUserObjectRelease", object, 0u), invalidValue);
  EXPECT_EQ(call("cuGraphRetainUserObject", graph, object, 1u, 1u), 0); // moved: the graph has it alone
  EXPECT_EQ(call("cuGraphRetainUserObject", graph, object, 1u, 0u), 0);
  EXPECT_EQ(call("cuGraphReleaseUserObject", graph, object, 3u), invalidValue);
  EXPECT_EQ(call("cuGraphReleaseUserObject", graph, object, 1u), 0);
  EXPECT_EQ(call("cuGraphClone", &copy, graph), 0);
  exec = instantiate(copy);
  EXPECT_EQ(call("cuGraphDestroy", graph), 0);
  EXPECT_EQ(call("cuGraphDestroy", copy), 0);
  // A launch that has not ended keeps it when nothing else does.
  static std::atomic<bool> open;
  open = false;
  EXPECT_EQ(cu.cuLaunchHostFunc(
                stream,
                [](void *) {
                  while (!open) std::this_thread::yield();
                },
                nullptr),
            0);
  EXPECT_EQ(call("cuGraphLaunch", exec, stream), 0);
  EXPECT_EQ(call("cuGraphExecDestroy", exec), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(destroyed, 0);
  open = true;
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_TRUE(comesTo(1));
  EXPECT_EQ(call("cuUserObjectRetain", object, 1u), invalidValue);
}
