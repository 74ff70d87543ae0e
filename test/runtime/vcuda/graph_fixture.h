//===- graph_fixture.h - a stream, a kernel and a number for tests of graphs --===//
#ifndef DLC_TEST_RUNTIME_VCUDA_GRAPH_FIXTURE_H
#define DLC_TEST_RUNTIME_VCUDA_GRAPH_FIXTURE_H

#include "fixture.h"

namespace client {

struct KernelNode {
  Handle function;
  unsigned grid[3], block[3], shared;
  void **parameters, **extra;
  Handle kernel, context;
};
struct MemsetNode {
  Address target;
  size_t pitch;
  unsigned value, elementSize;
  size_t width, height;
};
struct HostNode {
  void (*function)(void *);
  void *data;
};

class GraphTest : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    EXPECT_EQ(cu.cuStreamCreate(&stream, 1), 0);
    increment = function("increment");
    p = alloc(128);
    EXPECT_EQ(cu.cuMemsetD32(p, 0, 32), 0);
    EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  }
  int value() {
    int v = -1;
    EXPECT_EQ(cu.cuMemcpyDtoH(&v, p, 4), 0);
    return v;
  }
  int launchGraph(Handle exec) {
    int status = call("cuGraphLaunch", exec, stream);
    return status ? status : cu.cuStreamSynchronize(stream);
  }
  size_t nodeCount(Handle graph) {
    size_t count = 0;
    EXPECT_EQ(call("cuGraphGetNodes", graph, static_cast<Handle *>(nullptr), &count), 0);
    return count;
  }
  int captureStatus(Handle s) {
    int status = -1;
    EXPECT_EQ(call("cuStreamIsCapturing", s, &status), 0);
    return status;
  }

  Handle stream = nullptr, increment = nullptr, graph = nullptr, exec = nullptr;
  Address p = 0;
};

} // namespace client

#endif
