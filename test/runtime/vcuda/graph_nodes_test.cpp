// Nodes of graphs: events, graphs inside of graphs, clones, parameters that are read and changed, edges that
// come and go, captures into a graph that is there already.
#include "graph_fixture.h"

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

using namespace client;

namespace {

constexpr int kernelNode = 0, memcpyNode = 1, memsetNode = 2, childNode = 4, emptyNode = 5, waitNode = 6,
              recordNode = 7, illegalState = 401, updateFailed = 910;

struct Copy3D {
  size_t sourceX, sourceY, sourceZ, sourceLod;
  int sourceType;
  const void *sourceHost;
  Address sourceDevice;
  void *sourceArray, *reserved0;
  size_t sourcePitch, sourceHeight, targetX, targetY, targetZ, targetLod;
  int targetType;
  void *targetHost;
  Address targetDevice;
  void *targetArray, *reserved1;
  size_t targetPitch, targetHeight, width, height, depth;
};
struct NodeParams {
  int type, reserved[3];
  union {
    long long padding[29];
    KernelNode kernel;
    MemsetNode memset;
    Handle handle;
  };
  long long end;
};
static_assert(sizeof(NodeParams) == 256);

class GraphNodesTest : public GraphTest {
protected:
  void SetUp() override {
    GraphTest::SetUp();
    EXPECT_EQ(call("cuGraphCreate", &graph, 0u), 0);
  }
  /// A kernel that adds one, after other nodes.
  Handle addIncrement(Handle to, std::vector<Handle> after = {}) {
    void *parameters[] = {&p};
    KernelNode kernel = {increment, {1, 1, 1}, {32, 1, 1}, 0, parameters, nullptr, nullptr, nullptr};
    Handle node = nullptr;
    EXPECT_EQ(call("cuGraphAddKernelNode", &node, to, list(after), after.size(),
                   static_cast<const KernelNode *>(&kernel)),
              0);
    return node;
  }
  Handle addSet(Handle to, unsigned value, std::vector<Handle> after = {}) {
    MemsetNode memset = {p, 0, value, 4, 32, 1};
    Handle node = nullptr;
    EXPECT_EQ(call("cuGraphAddMemsetNode", &node, to, list(after), after.size(),
                   static_cast<const MemsetNode *>(&memset), context),
              0);
    return node;
  }
  static const Handle *list(const std::vector<Handle> &nodes) { return nodes.data(); }
  int typeOf(Handle node) {
    int type = -1;
    EXPECT_EQ(call("cuGraphNodeGetType", node, &type), 0);
    return type;
  }
  void instantiate() { EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0); }
  int runOnce() {
    EXPECT_EQ(launchGraph(exec), 0);
    return value();
  }
};

/// A host function that waits until it may go on.
struct Gate {
  std::atomic<bool> open{false};
  static void wait(void *gate) {
    while (!static_cast<Gate *>(gate)->open) std::this_thread::yield();
  }
};

} // namespace

TEST_F(GraphNodesTest, EventsAreRecordedByALaunch) {
  Handle event = nullptr, begin = nullptr, record = nullptr, asked = nullptr;
  EXPECT_EQ(cu.cuEventCreate(&event, 0), 0);
  EXPECT_EQ(cu.cuEventCreate(&begin, 0), 0);
  Handle first = addIncrement(graph);
  EXPECT_EQ(
      call("cuGraphAddEventRecordNode", &record, graph, const_cast<const Handle *>(&first), size_t(1), event),
      0);
  addIncrement(graph, {record});
  EXPECT_EQ(typeOf(record), recordNode);
  EXPECT_EQ(call("cuGraphEventRecordNodeGetEvent", record, &asked), 0);
  EXPECT_EQ(asked, event);
  instantiate();
  Gate gate;
  EXPECT_EQ(cu.cuEventRecord(begin, stream), 0);
  EXPECT_EQ(cu.cuLaunchHostFunc(stream, Gate::wait, &gate), 0);
  EXPECT_EQ(call("cuGraphLaunch", exec, stream), 0);
  EXPECT_EQ(cu.cuEventQuery(event), notReady);
  gate.open = true;
  EXPECT_EQ(cu.cuEventSynchronize(event), 0);
  EXPECT_EQ(cu.cuEventQuery(event), 0);
  EXPECT_EQ(value(), 2);
  float milliseconds = -1;
  EXPECT_EQ(cu.cuEventElapsedTime(&milliseconds, begin, event), 0);
  EXPECT_GE(milliseconds, 0);
  // Another event in the instance, and one that is none.
  Handle other = nullptr;
  EXPECT_EQ(cu.cuEventCreate(&other, 0), 0);
  EXPECT_EQ(call("cuGraphExecEventRecordNodeSetEvent", exec, record, other), 0);
  EXPECT_EQ(call("cuGraphExecEventRecordNodeSetEvent", exec, record, stream), invalidHandle);
  EXPECT_EQ(call("cuGraphExecEventWaitNodeSetEvent", exec, record, other), invalidValue);
  EXPECT_EQ(runOnce(), 4);
  EXPECT_EQ(cu.cuEventElapsedTime(&milliseconds, event, other), 0);
}

TEST_F(GraphNodesTest, ALaunchWaitsForEvents) {
  Handle other = nullptr, event = nullptr, wait = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&other, 1), 0);
  EXPECT_EQ(cu.cuEventCreate(&event, 2), 0);
  EXPECT_EQ(
      call("cuGraphAddEventWaitNode", &wait, graph, static_cast<const Handle *>(nullptr), size_t(0), event),
      0);
  EXPECT_EQ(typeOf(wait), waitNode);
  addIncrement(graph, {wait});
  instantiate();
  EXPECT_EQ(runOnce(), 1); // never recorded: nothing to wait for
  // The work before the event sets 10; the graph must come behind it whatever the order of ready streams.
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(launch(function("increment"), 1, 32, 0, other, p), 0);
    EXPECT_EQ(cu.cuMemsetD32Async(p, 10, 32, other), 0);
    EXPECT_EQ(cu.cuEventRecord(event, other), 0);
    EXPECT_EQ(runOnce(), 11);
  }
}

TEST_F(GraphNodesTest, GraphsInsideOfGraphs) {
  Handle inner = nullptr, child = nullptr, inside = nullptr;
  EXPECT_EQ(call("cuGraphCreate", &inner, 0u), 0);
  Handle innerFirst = addIncrement(inner);
  addIncrement(inner, {innerFirst});
  Handle set = addSet(graph, 100);
  EXPECT_EQ(
      call("cuGraphAddChildGraphNode", &child, graph, const_cast<const Handle *>(&set), size_t(1), inner), 0);
  addIncrement(graph, {child});
  EXPECT_EQ(typeOf(child), childNode);
  addIncrement(inner, {innerFirst}); // the node has a clone: this changes nothing
  EXPECT_EQ(call("cuGraphChildGraphNodeGetGraph", child, &inside), 0);
  EXPECT_NE(inside, inner);
  EXPECT_EQ(nodeCount(inside), 2u);
  EXPECT_EQ(nodeCount(inner), 3u);
  instantiate();
  EXPECT_EQ(runOnce(), 103);

  // A node inside of it in the instance: the kernel works elsewhere.
  Address q = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(q, 0, 32), 0);
  void *parameters[] = {&q};
  KernelNode kernel = {increment, {1, 1, 1}, {32, 1, 1}, 0, parameters, nullptr, nullptr, nullptr};
  Handle insideFirst = nullptr;
  EXPECT_EQ(call("cuGraphNodeFindInClone", &insideFirst, innerFirst, inside), 0);
  EXPECT_EQ(
      call("cuGraphExecKernelNodeSetParams", exec, insideFirst, static_cast<const KernelNode *>(&kernel)), 0);
  EXPECT_EQ(runOnce(), 102);

  // All of it: only a graph of the same shape will do.
  EXPECT_EQ(call("cuGraphExecChildGraphNodeSetParams", exec, child, inner), invalidValue);
  Handle like = nullptr;
  EXPECT_EQ(call("cuGraphClone", &like, inside), 0);
  EXPECT_EQ(call("cuGraphExecChildGraphNodeSetParams", exec, child, like), 0);
  EXPECT_EQ(runOnce(), 103);

  EXPECT_EQ(call("cuGraphDestroy", graph), 0);
  size_t count = 0;
  EXPECT_EQ(call("cuGraphGetNodes", inside, static_cast<Handle *>(nullptr), &count),
            invalidValue); // gone with it
  EXPECT_EQ(runOnce(), 103);
}

TEST_F(GraphNodesTest, ClonesStandByThemselves) {
  Handle set = addSet(graph, 7), last = addIncrement(graph, {set}), clone = nullptr, found = nullptr;
  EXPECT_EQ(call("cuGraphClone", &clone, graph), 0);
  EXPECT_EQ(call("cuGraphNodeFindInClone", &found, set, clone), 0);
  EXPECT_NE(found, set);
  EXPECT_EQ(typeOf(found), memsetNode);
  EXPECT_EQ(call("cuGraphDestroyNode", last), 0);
  EXPECT_EQ(nodeCount(graph), 1u);
  EXPECT_EQ(nodeCount(clone), 2u);
  EXPECT_EQ(call("cuGraphNodeFindInClone", &found, clone, clone), invalidValue);
  instantiate();
  EXPECT_EQ(runOnce(), 7);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, clone, 0ull), 0);
  EXPECT_EQ(call("cuGraphDestroy", clone), 0);
  EXPECT_EQ(runOnce(), 8);
}

TEST_F(GraphNodesTest, ParametersAreReadAndChanged) {
  Handle set = addSet(graph, 7), kernel = addIncrement(graph, {set}), copy = nullptr;
  MemsetNode memset = {};
  EXPECT_EQ(call("cuGraphMemsetNodeGetParams", set, &memset), 0);
  EXPECT_EQ(memset.target, p);
  EXPECT_EQ(memset.value, 7u);
  EXPECT_EQ(memset.elementSize, 4u);
  EXPECT_EQ(memset.width, 32u);
  EXPECT_EQ(call("cuGraphMemsetNodeGetParams", kernel, &memset), invalidValue);
  KernelNode read = {};
  EXPECT_EQ(call("cuGraphKernelNodeGetParams", kernel, &read), 0);
  EXPECT_EQ(read.function, increment);
  EXPECT_EQ(read.block[0], 32u);
  Address argument = 0;
  std::memcpy(&argument, read.parameters[0], sizeof argument);
  EXPECT_EQ(argument, p);
  int target = 0;
  Copy3D box = {};
  box.sourceType = 2, box.sourceDevice = p, box.targetType = 1, box.targetHost = &target;
  box.width = 4, box.height = box.depth = 1;
  EXPECT_EQ(call("cuGraphAddMemcpyNode", &copy, graph, const_cast<const Handle *>(&kernel), size_t(1),
                 static_cast<const Copy3D *>(&box), context),
            0);
  EXPECT_EQ(typeOf(copy), memcpyNode);
  Copy3D readBox = {};
  EXPECT_EQ(call("cuGraphMemcpyNodeGetParams", copy, &readBox), 0);
  EXPECT_EQ(readBox.sourceDevice, p);
  EXPECT_EQ(readBox.targetHost, &target);
  EXPECT_EQ(readBox.width * readBox.height * readBox.depth, 4u);
  Handle before = nullptr;
  EXPECT_EQ(call("cuGraphInstantiate", &before, graph, 0ull), 0);

  memset.value = 50;
  EXPECT_EQ(call("cuGraphMemsetNodeSetParams", set, static_cast<const MemsetNode *>(&memset)), 0);
  read.grid[0] = 1;
  EXPECT_EQ(call("cuGraphKernelNodeSetParams", kernel, static_cast<const KernelNode *>(&read)),
            0); // what was read fits
  EXPECT_EQ(call("cuGraphMemcpyNodeSetParams", copy, static_cast<const Copy3D *>(&readBox)), 0);
  EXPECT_EQ(call("cuGraphKernelNodeSetParams", set, static_cast<const KernelNode *>(&read)), invalidValue);
  instantiate();
  EXPECT_EQ(runOnce(), 51);
  EXPECT_EQ(target, 51);
  exec = before; // made before the change
  EXPECT_EQ(runOnce(), 8);
  EXPECT_EQ(target, 8);
  // Bring it up to date.
  struct {
    int result;
    Handle node, fromNode;
  } info = {};
  EXPECT_EQ(call("cuGraphExecUpdate", exec, graph, &info), 0);
  EXPECT_EQ(runOnce(), 51);
}

TEST_F(GraphNodesTest, NodesBelongToAContextThatIsThere) {
  MemsetNode memset = {p, 0, 7, 4, 32, 1};
  Copy3D box = {};
  Handle set = addSet(graph, 7), node = nullptr, none = nullptr, madeUp = reinterpret_cast<Handle>(0x1234);
  const Handle *first = nullptr;
  auto *fill = static_cast<const MemsetNode *>(&memset);
  auto *copy = static_cast<const Copy3D *>(&box);
  EXPECT_EQ(call("cuGraphAddMemsetNode", &node, graph, first, size_t(0), fill, madeUp), invalidContext);
  EXPECT_EQ(call("cuGraphAddMemcpyNode", &node, graph, first, size_t(0), copy, madeUp), invalidContext);
  EXPECT_EQ(nodeCount(graph), 1u);
  instantiate();
  EXPECT_EQ(call("cuGraphExecMemsetNodeSetParams", exec, set, fill, madeUp), invalidContext);
  EXPECT_EQ(call("cuGraphExecMemsetNodeSetParams", exec, set, fill, none), 0);
  EXPECT_EQ(call("cuGraphExecMemcpyNodeSetParams", exec, set, copy, madeUp), invalidContext);
  EXPECT_EQ(runOnce(), 7);
}

TEST_F(GraphNodesTest, NodesOfAnyTypeByOneCall) {
  NodeParams params = {};
  params.type = memsetNode;
  params.memset = {p, 0, 30, 4, 32, 1};
  Handle set = nullptr, kernel = nullptr, empty = nullptr, wait = nullptr, none = nullptr;
  const Handle *nothing = nullptr;
  const void *edges = nullptr;
  EXPECT_EQ(call("cuGraphAddNode", &set, graph, nothing, edges, size_t(0), &params), 0);
  void *parameters[] = {&p};
  NodeParams kernelParams = {};
  kernelParams.type = kernelNode;
  kernelParams.kernel = {increment, {1, 1, 1}, {32, 1, 1}, 0, parameters, nullptr, nullptr, nullptr};
  const Handle *after = &set;
  EXPECT_EQ(call("cuGraphAddNode", &kernel, graph, after, edges, size_t(1), &kernelParams), 0);
  NodeParams other = {};
  other.type = emptyNode;
  EXPECT_EQ(call("cuGraphAddNode", &empty, graph, after, edges, size_t(1), &other), 0);
  other.type = waitNode;
  EXPECT_EQ(cu.cuEventCreate(&other.handle, 2), 0);
  EXPECT_EQ(call("cuGraphAddNode", &wait, graph, after, edges, size_t(1), &other), 0);
  EXPECT_EQ(typeOf(kernel), kernelNode);
  EXPECT_EQ(typeOf(empty), emptyNode);
  EXPECT_EQ(typeOf(wait), waitNode);
  other.type = 13; // one with a condition
  EXPECT_EQ(call("cuGraphAddNode", &none, graph, after, edges, size_t(1), &other), 801);
  other.type = 77;
  EXPECT_EQ(call("cuGraphAddNode", &none, graph, after, edges, size_t(1), &other), invalidValue);
  instantiate();
  EXPECT_EQ(runOnce(), 31);
  params.memset.value = 60;
  EXPECT_EQ(call("cuGraphExecNodeSetParams", exec, set, &params), 0);
  EXPECT_EQ(call("cuGraphExecNodeSetParams", exec, kernel, &params), invalidValue);
  EXPECT_EQ(runOnce(), 61);
  params.memset.value = 80;
  EXPECT_EQ(call("cuGraphNodeSetParams", set, &params), 0);
  EXPECT_EQ(runOnce(), 61);
  instantiate();
  EXPECT_EQ(runOnce(), 81);
}

TEST_F(GraphNodesTest, EdgesComeAndGo) {
  Handle a = addSet(graph, 1), b = addIncrement(graph, {a}), c = addIncrement(graph, {a, b});
  size_t count = 0;
  uint64_t *noData = nullptr;
  Handle *nowhere = nullptr;
  EXPECT_EQ(call("cuGraphGetEdges", graph, nowhere, nowhere, noData, &count), 0);
  EXPECT_EQ(count, 3u);
  std::vector<Handle> from(4), to(4);
  count = 4;
  EXPECT_EQ(call("cuGraphGetEdges", graph, from.data(), to.data(), noData, &count), 0);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(from[3], nullptr);
  int found = 0;
  for (size_t i = 0; i < 3; ++i)
    found += (from[i] == a && to[i] == b) || (from[i] == a && to[i] == c) || (from[i] == b && to[i] == c);
  EXPECT_EQ(found, 3);
  Handle later[2] = {};
  count = 2;
  EXPECT_EQ(call("cuGraphNodeGetDependentNodes", a, &later[0], noData, &count), 0);
  EXPECT_EQ(count, 2u);
  EXPECT_TRUE((later[0] == b && later[1] == c) || (later[0] == c && later[1] == b));
  const void *edges = nullptr;
  const Handle *first = &a, *last = &c;
  EXPECT_EQ(call("cuGraphRemoveDependencies", graph, first, last, edges, size_t(1)), 0);
  EXPECT_EQ(call("cuGraphRemoveDependencies", graph, first, last, edges, size_t(1)),
            invalidValue); // gone already
  instantiate();
  EXPECT_EQ(runOnce(), 3);
  // Without the edge the shape is another one.
  Handle clone = nullptr;
  EXPECT_EQ(call("cuGraphClone", &clone, graph), 0);
  struct {
    int result;
    Handle node, fromNode;
  } info = {};
  EXPECT_EQ(call("cuGraphExecUpdate", exec, clone, &info), 0);
  EXPECT_EQ(call("cuGraphAddDependencies", graph, first, last, edges, size_t(1)), 0);
  EXPECT_EQ(call("cuGraphExecUpdate", exec, graph, &info), updateFailed);
  EXPECT_EQ(info.result, 2);
  EXPECT_EQ(info.node, c);
  EXPECT_EQ(call("cuGraphDestroyNode", b), 0);
  EXPECT_EQ(call("cuGraphDestroyNode", b), invalidValue);
  instantiate();
  EXPECT_EQ(runOnce(), 2);
}

TEST_F(GraphNodesTest, CapturesIntoAGraphThatIsThere) {
  Handle set = addSet(graph, 40), result = nullptr;
  const Handle *after = &set;
  const void *edges = nullptr;
  EXPECT_EQ(call("cuStreamBeginCaptureToGraph", stream, graph, after, edges, size_t(1), 0), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &result), 0);
  EXPECT_EQ(result, graph);
  EXPECT_EQ(nodeCount(graph), 2u);
  instantiate();
  EXPECT_EQ(runOnce(), 41);
  // A capture that goes wrong leaves the graph with its owner.
  EXPECT_EQ(call("cuStreamBeginCaptureToGraph", stream, graph, after, edges, size_t(1), 0), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 900);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &result), 901);
  EXPECT_EQ(nodeCount(graph), 2u);
  // A node of another graph is none to begin behind.
  Handle other = nullptr;
  EXPECT_EQ(call("cuGraphCreate", &other, 0u), 0);
  EXPECT_EQ(call("cuStreamBeginCaptureToGraph", stream, other, after, edges, size_t(1), 0), invalidValue);
}

TEST_F(GraphNodesTest, NodesMadeByHandJoinACapture) {
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 5, 32, stream), 0);
  int status = 0;
  uint64_t id = 0;
  Handle captured = nullptr;
  const Handle *last = nullptr;
  const void **noEdges = nullptr;
  size_t count = 0;
  EXPECT_EQ(call("cuStreamGetCaptureInfo", stream, &status, &id, &captured, &last, noEdges, &count), 0);
  ASSERT_EQ(count, 1u);
  Handle mine = addIncrement(captured, {last[0]});
  const void *edges = nullptr;
  EXPECT_EQ(call("cuStreamUpdateCaptureDependencies", stream, &mine, edges, size_t(1), 1u),
            0); // in the place of the memset
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(call("cuStreamUpdateCaptureDependencies", stream, &mine, edges, size_t(1), 5u), invalidValue);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &captured), 0);
  EXPECT_EQ(call("cuStreamUpdateCaptureDependencies", stream, &mine, edges, size_t(1), 1u), illegalState);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, captured, 0ull), 0);
  EXPECT_EQ(runOnce(), 7);
}
