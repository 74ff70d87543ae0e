// Graphs: captured, built by hand, instantiated, updated, launched.
#include "graph_fixture.h"

#include <thread>
#include <vector>

using namespace client;

namespace {

constexpr int unsupported = 900, invalidated = 901, merge = 902, unmatched = 903, unjoined = 904,
              isolation = 905, implicit = 906, capturedEvent = 907, updateFailure = 910;

} // namespace

TEST_F(GraphTest, CapturedWorkRunsAtEachLaunchOnly) {
  EXPECT_EQ(captureStatus(stream), 0);
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(captureStatus(stream), 1);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 5, 32, stream), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), 0);
  EXPECT_EQ(captureStatus(stream), 0);
  EXPECT_EQ(nodeCount(graph), 3u);
  EXPECT_EQ(value(), 0);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  EXPECT_EQ(call("cuGraphDestroy", graph), 0); // the instance stands by itself
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(launchGraph(exec), 0);
    EXPECT_EQ(value(), 7);
  }
  EXPECT_EQ(call("cuGraphExecDestroy", exec), 0);
  EXPECT_EQ(call("cuGraphLaunch", exec, stream), invalidValue);
}

TEST_F(GraphTest, EventsForkAndJoinACapture) {
  Handle other = nullptr, fork = nullptr, join = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&other, 1), 0);
  EXPECT_EQ(cu.cuEventCreate(&fork, 2), 0);
  EXPECT_EQ(cu.cuEventCreate(&join, 2), 0);
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 1, 32, stream), 0);
  EXPECT_EQ(cu.cuEventRecord(fork, stream), 0);
  EXPECT_EQ(cu.cuStreamWaitEvent(other, fork, 0), 0);
  EXPECT_EQ(captureStatus(other), 1);
  EXPECT_EQ(launch(increment, 1, 32, 0, other, p), 0);
  Handle none = nullptr;
  EXPECT_EQ(call("cuStreamEndCapture", other, &none), unmatched);
  EXPECT_EQ(cu.cuEventRecord(join, other), 0);
  EXPECT_EQ(cu.cuEventQuery(join), capturedEvent);
  EXPECT_EQ(cu.cuStreamWaitEvent(stream, join, 0), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), 0);
  EXPECT_EQ(captureStatus(other), 0);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 3);
}

TEST_F(GraphTest, AForkThatDoesNotJoinIsAnError) {
  Handle other = nullptr, fork = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&other, 1), 0);
  EXPECT_EQ(cu.cuEventCreate(&fork, 2), 0);
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 1, 32, stream), 0);
  EXPECT_EQ(cu.cuEventRecord(fork, stream), 0);
  EXPECT_EQ(cu.cuStreamWaitEvent(other, fork, 0), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, other, p), 0);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), unjoined);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(captureStatus(other), 0);
}

TEST_F(GraphTest, WhatACaptureDoesNotAllowEndsIt) {
  EXPECT_EQ(call("cuStreamBeginCapture", static_cast<Handle>(nullptr), 0), unsupported); // the legacy stream
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), unsupported);
  EXPECT_EQ(captureStatus(stream), 2);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), invalidated);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), invalidated);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(value(), 1);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), 401);

  // Waiting for work outside.
  Handle event = nullptr;
  EXPECT_EQ(cu.cuEventCreate(&event, 2), 0);
  EXPECT_EQ(cu.cuEventRecord(event, nullptr), 0);
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(cu.cuStreamWaitEvent(stream, event, 0), isolation);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), invalidated);

  // The legacy stream beside a blocking one that is captured.
  Handle blocking = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&blocking, 0), 0);
  EXPECT_EQ(call("cuStreamBeginCapture", blocking, 0), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, nullptr, p), implicit);
  EXPECT_EQ(call("cuStreamEndCapture", blocking, &graph), invalidated);

  // Two captures.
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(call("cuStreamBeginCapture", blocking, 0), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(cu.cuEventRecord(event, stream), 0);
  EXPECT_EQ(cu.cuStreamWaitEvent(blocking, event, 0), merge);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), invalidated);
  EXPECT_EQ(call("cuStreamEndCapture", blocking, &graph), invalidated);
}

TEST_F(GraphTest, BuiltByHandAndUpdated) {
  Handle set = nullptr, first = nullptr, second = nullptr, host = nullptr, empty = nullptr;
  int calls = 0;
  EXPECT_EQ(call("cuGraphCreate", &graph, 0u), 0);
  void *parameters[] = {&p};
  KernelNode kernel = {increment, {1, 1, 1}, {32, 1, 1}, 0, parameters, nullptr, nullptr, nullptr};
  MemsetNode memset = {p, 0, 10, 4, 32, 1};
  HostNode hostNode = {[](void *data) { ++*static_cast<int *>(data); }, &calls};
  const Handle *none = nullptr;
  // Made in the wrong order, put in order by edges.
  EXPECT_EQ(
      call("cuGraphAddKernelNode", &second, graph, none, size_t(0), static_cast<const KernelNode *>(&kernel)),
      0);
  EXPECT_EQ(
      call("cuGraphAddKernelNode", &first, graph, none, size_t(0), static_cast<const KernelNode *>(&kernel)),
      0);
  EXPECT_EQ(call("cuGraphAddMemsetNode", &set, graph, none, size_t(0),
                 static_cast<const MemsetNode *>(&memset), context),
            0);
  const Handle from[] = {set, first}, to[] = {first, second};
  const Handle *fromPointer = from, *toPointer = to;
  EXPECT_EQ(call("cuGraphAddDependencies", graph, fromPointer, toPointer, static_cast<const void *>(nullptr),
                 size_t(2)),
            0);
  const Handle *after = &second;
  EXPECT_EQ(
      call("cuGraphAddHostNode", &host, graph, after, size_t(1), static_cast<const HostNode *>(&hostNode)),
      0);
  EXPECT_EQ(call("cuGraphAddEmptyNode", &empty, graph, after, size_t(1)), 0);
  int type = -1;
  EXPECT_EQ(call("cuGraphNodeGetType", set, &type), 0);
  EXPECT_EQ(type, 2);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 12);
  EXPECT_EQ(calls, 1);

  // Other parameters in the instance; the graph keeps its own.
  memset.value = 20;
  EXPECT_EQ(
      call("cuGraphExecMemsetNodeSetParams", exec, set, static_cast<const MemsetNode *>(&memset), context),
      0);
  Address q = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(q, 0, 32), 0);
  void *otherParameters[] = {&q};
  kernel.parameters = otherParameters;
  EXPECT_EQ(call("cuGraphExecKernelNodeSetParams", exec, second, static_cast<const KernelNode *>(&kernel)),
            0);
  EXPECT_EQ(call("cuGraphExecKernelNodeSetParams", exec, set, static_cast<const KernelNode *>(&kernel)),
            invalidValue);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 21);
  struct {
    int result;
    Handle node, fromNode;
  } info = {};
  EXPECT_EQ(call("cuGraphExecUpdate", exec, graph, &info), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 12);

  // Another shape is no update; a cycle is no graph.
  Handle other = nullptr;
  EXPECT_EQ(call("cuGraphCreate", &other, 0u), 0);
  EXPECT_EQ(call("cuGraphExecUpdate", exec, other, &info), updateFailure);
  EXPECT_EQ(info.result, 2);
  const Handle *back = &second, *front = &set;
  EXPECT_EQ(call("cuGraphAddDependencies", graph, back, front, static_cast<const void *>(nullptr), size_t(1)),
            0);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), invalidValue);
  EXPECT_EQ(call("cuGraphAddEmptyNode", &empty, other, after, size_t(1)),
            invalidValue); // a node of another graph
}

TEST_F(GraphTest, NodesCanBeSwitchedOff) {
  EXPECT_EQ(call("cuGraphCreate", &graph, 0u), 0);
  void *parameters[] = {&p};
  KernelNode kernel = {increment, {1, 1, 1}, {32, 1, 1}, 0, parameters, nullptr, nullptr, nullptr};
  Handle first = nullptr, second = nullptr, host = nullptr;
  const Handle *none = nullptr, *after = &first;
  const KernelNode *node = &kernel;
  EXPECT_EQ(call("cuGraphAddKernelNode", &first, graph, none, size_t(0), node), 0);
  EXPECT_EQ(call("cuGraphAddKernelNode", &second, graph, after, size_t(1), node), 0);
  HostNode hostNode = {[](void *) {}, nullptr};
  EXPECT_EQ(
      call("cuGraphAddHostNode", &host, graph, none, size_t(0), static_cast<const HostNode *>(&hostNode)), 0);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 2);
  unsigned isEnabled = 7;
  EXPECT_EQ(call("cuGraphNodeSetEnabled", exec, first, 0u), 0);
  EXPECT_EQ(call("cuGraphNodeGetEnabled", exec, first, &isEnabled), 0);
  EXPECT_EQ(isEnabled, 0u);
  EXPECT_EQ(call("cuGraphNodeGetEnabled", exec, second, &isEnabled), 0);
  EXPECT_EQ(isEnabled, 1u);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 3);
  EXPECT_EQ(call("cuGraphNodeSetEnabled", exec, first, 1u), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 5);
  EXPECT_EQ(call("cuGraphNodeSetEnabled", exec, host, 0u), invalidValue);
  EXPECT_EQ(call("cuGraphNodeSetEnabled", exec, exec, 0u), invalidValue);
}

TEST_F(GraphTest, ManyThreadsLaunchOneInstance) {
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 2), 0);
  EXPECT_EQ(launch(increment, 1, 32, 0, stream, p), 0);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), 0);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
      for (int i = 0; i < 25; ++i) EXPECT_EQ(call("cuGraphLaunch", exec, stream), 0);
    });
  for (auto &thread : threads) thread.join();
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  EXPECT_EQ(value(), 100);
}
