// Calls that few programs make: copies between devices, clusters, attributes of streams, first versions of
// graph calls, graphs as text, and what is refused.
#include "graph_fixture.h"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <vector>

using namespace client;

namespace {

constexpr int notSupported = 801, peerNotEnabled = 705, invalidCluster = 912;

struct Copy3D {
  size_t sourceX = 0, sourceY = 0, sourceZ = 0, sourceLod = 0;
  int sourceType = 2;
  const void *sourceHost = nullptr;
  Address sourceDevice = 0;
  Handle sourceArray = nullptr, sourceContext = nullptr;
  size_t sourcePitch = 0, sourceHeight = 0, targetX = 0, targetY = 0, targetZ = 0, targetLod = 0;
  int targetType = 2;
  void *targetHost = nullptr;
  Address targetDevice = 0;
  Handle targetArray = nullptr, targetContext = nullptr;
  size_t targetPitch = 0, targetHeight = 0, width = 0, height = 1, depth = 1;
};

/// The second device of the two that the test runs with is an H100.
class CallsTest : public GraphTest {
protected:
  void SetUp() override {
    GraphTest::SetUp();
    EXPECT_EQ(cu.cuCtxCreate_v2(&second, 0, 1), 0);
    far = alloc(256);
    EXPECT_EQ(cu.cuMemsetD32(far, 9, 64), 0);
    EXPECT_EQ(cu.cuCtxSynchronize(), 0);
    EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
  }
  void TearDown() override {
    EXPECT_EQ(cu.cuCtxDestroy(second), 0);
    EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
    GraphTest::TearDown();
  }
  Handle second = nullptr;
  Address far = 0;
};

} // namespace

TEST_F(CallsTest, CopiesBetweenDevices) {
  EXPECT_EQ(call("cuMemcpyPeer", p, context, far, second, size_t(64)), 0);
  EXPECT_EQ(value(), 9);
  EXPECT_EQ(cu.cuMemsetD32(p, 4, 32), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0); // the stream does not wait for the default one
  EXPECT_EQ(call("cuMemcpyPeerAsync", far + 64, second, p, context, size_t(64), stream), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(stream), 0);
  int numbers[64];
  EXPECT_EQ(cu.cuMemcpyDtoH(numbers, far, 256), 0);
  EXPECT_EQ(numbers[15], 9);
  EXPECT_EQ(numbers[16], 4);
  EXPECT_EQ(numbers[32], 9);
  // A pointer of another device than said, a context that is none.
  EXPECT_EQ(call("cuMemcpyPeer", p, second, far, second, size_t(64)), invalidValue);
  EXPECT_EQ(call("cuMemcpyPeer", p, context, p, second, size_t(64)), invalidValue);
  EXPECT_EQ(call("cuMemcpyPeer", p, context, far, reinterpret_cast<Handle>(0x77), size_t(64)),
            invalidContext);
  // Boxes: two rows of 8 bytes out of rows of 32.
  Copy3D box;
  box.sourceDevice = far;
  box.sourceContext = second;
  box.sourcePitch = 32;
  box.sourceY = 1;
  box.targetDevice = p;
  box.targetContext = context;
  box.targetPitch = 16;
  box.width = 8;
  box.height = 2;
  for (int i = 0; i < 64; ++i) numbers[i] = i;
  EXPECT_EQ(call("cuMemcpyHtoD", far, static_cast<const void *>(numbers), size_t(256)), 0);
  for (bool later : {false, true}) {
    EXPECT_EQ(cu.cuMemsetD32(p, 0, 32), 0);
    EXPECT_EQ(cu.cuCtxSynchronize(), 0);
    EXPECT_EQ(later ? call("cuMemcpy3DPeerAsync", &box, stream) : call("cuMemcpy3DPeer", &box), 0);
    EXPECT_EQ(cu.cuCtxSynchronize(), 0);
    int got[8];
    EXPECT_EQ(cu.cuMemcpyDtoH(got, p, 32), 0);
    EXPECT_EQ(std::vector<int>(got, got + 8), (std::vector<int>{8, 9, 0, 0, 16, 17, 0, 0}));
  }
  box.sourceContext = context;
  EXPECT_EQ(call("cuMemcpy3DPeer", &box), invalidValue);
  EXPECT_EQ(call("cuMemcpy3DPeer", static_cast<Copy3D *>(nullptr)), invalidValue);
  EXPECT_EQ(call("cuCtxDisablePeerAccess", second), peerNotEnabled);
}

TEST_F(CallsTest, ClustersBelongToDevicesThatHaveThem) {
  LaunchConfig config = {{8, 1, 1}, {128, 1, 1}, 0, nullptr, nullptr, 0};
  int clusters = -1, size = -1;
  EXPECT_EQ(call("cuOccupancyMaxActiveClusters", &clusters, increment, &config), notSupported);
  EXPECT_EQ(call("cuOccupancyMaxPotentialClusterSize", &size, increment, &config), notSupported);
  EXPECT_EQ(cu.cuCtxSetCurrent(second), 0);
  module = nullptr;
  Handle f = function("increment");
  EXPECT_EQ(call("cuOccupancyMaxPotentialClusterSize", &size, f, &config), 0);
  EXPECT_EQ(size, 8);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 14, 1), 0); // sizes that are not portable
  EXPECT_EQ(call("cuOccupancyMaxPotentialClusterSize", &size, f, &config), 0);
  EXPECT_EQ(size, 16);
  int ctas = 0, sms = 0;
  EXPECT_EQ(cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&ctas, f, 128, 0), 0);
  EXPECT_EQ(cu.cuDeviceGetAttribute(&sms, 16, 1), 0);
  EXPECT_EQ(call("cuOccupancyMaxActiveClusters", &clusters, f, &config), 0);
  EXPECT_EQ(clusters, ctas * sms); // clusters of one
  LaunchAttribute attribute = {};
  attribute.id = 4;
  attribute.value.cluster[0] = 4, attribute.value.cluster[1] = 2, attribute.value.cluster[2] = 1;
  config.attributes = &attribute;
  config.attributeCount = 1;
  EXPECT_EQ(call("cuOccupancyMaxActiveClusters", &clusters, f, &config), 0);
  EXPECT_EQ(clusters, sms / 16 * (16 * ctas / 8) + sms % 16 * ctas / 8);
  attribute.value.cluster[0] = 64;
  EXPECT_EQ(call("cuOccupancyMaxActiveClusters", &clusters, f, &config), invalidCluster);
  size_t bytes = 0;
  EXPECT_EQ(call("cuOccupancyAvailableDynamicSMemPerBlock", &bytes, f, 1, 128), 0);
  EXPECT_GT(bytes, size_t(64) << 10);
  EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
}

TEST_F(CallsTest, StreamsRememberAttributes) {
  union Value {
    char bytes[64];
    int number;
  } v = {};
  Handle other = nullptr;
  EXPECT_EQ(cu.cuStreamCreateWithPriority(&other, 1, -2), 0);
  EXPECT_EQ(call("cuStreamGetAttribute", other, 8, &v), 0);
  EXPECT_EQ(v.number, -2);
  EXPECT_EQ(call("cuStreamGetAttribute", stream, 3, &v), 0);
  EXPECT_EQ(v.number, 1); // policy of waiting: automatic
  v.number = 4;
  EXPECT_EQ(call("cuStreamSetAttribute", stream, 3, &v), 0);
  v.number = 9;
  EXPECT_EQ(call("cuStreamSetAttribute", stream, 3, &v), invalidValue);
  EXPECT_EQ(call("cuStreamGetAttribute", stream, 4, &v), invalidValue); // one of launches only
  EXPECT_EQ(call("cuStreamCopyAttributes", other, stream), 0);
  EXPECT_EQ(call("cuStreamGetAttribute", other, 3, &v), 0);
  EXPECT_EQ(v.number, 4);
  EXPECT_EQ(call("cuStreamCopyAttributes", other, reinterpret_cast<Handle>(0x99)), invalidHandle);
}

TEST_F(CallsTest, FirstVersionsOfGraphCalls) {
  // What a program of before CUDA 12 is given: structures without the last two members.
  struct First {
    Handle function;
    unsigned grid[3], block[3], shared;
    void **parameters, **extra;
    uint64_t behind[2] = {~uint64_t(0), ~uint64_t(0)}; // not the structure's any more
  };
  auto old = [&](const char *name) {
    void *f = nullptr;
    int status = -1;
    EXPECT_EQ(cu.cuGetProcAddress(name, &f, 11040, 0, &status), 0);
    EXPECT_NE(f, nullptr) << name;
    return f;
  };
  void *pointers[] = {&p};
  First node = {increment, {1, 1, 1}, {1, 1, 1}, 0, pointers, nullptr}, got = node;
  Handle added = nullptr;
  EXPECT_EQ(call("cuGraphCreate", &graph, 0u), 0);
  auto add =
      reinterpret_cast<int (*)(Handle *, Handle, Handle *, size_t, First *)>(old("cuGraphAddKernelNode"));
  EXPECT_EQ(add(&added, graph, nullptr, 0, &node), 0);
  auto get = reinterpret_cast<int (*)(Handle, First *)>(old("cuGraphKernelNodeGetParams"));
  EXPECT_EQ(get(added, &got), 0);
  EXPECT_EQ(got.function, increment);
  EXPECT_EQ(got.behind[0], ~uint64_t(0));
  node.block[0] = 2;
  EXPECT_EQ(reinterpret_cast<int (*)(Handle, First *)>(old("cuGraphKernelNodeSetParams"))(added, &node), 0);
  EXPECT_EQ(call("cuGraphInstantiate", &exec, graph, 0ull), 0);
  node.block[0] = 1;
  auto setExec = reinterpret_cast<int (*)(Handle, Handle, First *)>(old("cuGraphExecKernelNodeSetParams"));
  EXPECT_EQ(setExec(exec, added, &node), 0);
  EXPECT_EQ(launchGraph(exec), 0);
  EXPECT_EQ(value(), 1);
  Handle errorNode = nullptr;
  int result = -1;
  auto update = reinterpret_cast<int (*)(Handle, Handle, Handle *, int *)>(old("cuGraphExecUpdate"));
  EXPECT_EQ(update(exec, graph, &errorNode, &result), 0);
  EXPECT_EQ(result, 0);
  uint64_t id = 0;
  int status = -1;
  void *info = nullptr;
  EXPECT_EQ(cu.cuGetProcAddress("cuStreamGetCaptureInfo", &info, 11000, 0, &result), 0);
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(reinterpret_cast<int (*)(Handle, int *, uint64_t *)>(info)(stream, &status, &id), 0);
  EXPECT_EQ(status, 1);
  EXPECT_NE(id, 0u);
  Handle captured = nullptr;
  EXPECT_EQ(call("cuStreamEndCapture", stream, &captured), 0);
}

TEST_F(CallsTest, GraphsAsText) {
  EXPECT_EQ(call("cuStreamBeginCapture", stream, 0), 0);
  EXPECT_EQ(launch(increment, 1, 1, 0, stream, p), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(p, 0, 8, stream), 0);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), 0);
  std::string path = testing::TempDir() + "vcuda_graph.dot";
  EXPECT_EQ(call("cuGraphDebugDotPrint", graph, path.c_str(), 1u), 0);
  std::string text = readFile(path);
  EXPECT_NE(text.find("kernel increment"), std::string::npos) << text;
  EXPECT_NE(text.find("fill of 8 times 4 bytes"), std::string::npos) << text;
  EXPECT_NE(text.find("->"), std::string::npos) << text;
  EXPECT_EQ(call("cuGraphDebugDotPrint", graph, "/nowhere/x.dot", 0u), 304);
  EXPECT_EQ(call("cuGraphDebugDotPrint", graph, path.c_str(), 1u << 20), invalidValue);
  std::remove(path.c_str());
}

TEST_F(CallsTest, PoolsByPlace) {
  struct {
    int type = 1, id = 0;
  } place;
  Handle pool = nullptr, same = nullptr;
  EXPECT_EQ(call("cuMemGetDefaultMemPool", &pool, &place, 1), 0);
  EXPECT_EQ(cu.cuDeviceGetDefaultMemPool(&same, 0), 0);
  EXPECT_EQ(pool, same);
  EXPECT_EQ(call("cuMemSetMemPool", &place, 1, pool), 0);
  EXPECT_EQ(call("cuMemGetMemPool", &same, &place, 1), 0);
  EXPECT_EQ(pool, same);
  EXPECT_EQ(call("cuMemGetMemPool", &same, &place, 2), notSupported); // of managed memory
  place.type = 2;
  EXPECT_EQ(call("cuMemGetMemPool", &same, &place, 1), notSupported);
}

TEST_F(CallsTest, WhatIsNotServedSaysSoAndIsNotFound) {
  for (const char *name : {"cuIpcGetMemHandle", "cuArrayCreate_v2", "cuTexObjectCreate", "cuMulticastCreate",
                           "cuGreenCtxCreate", "cuImportExternalMemory"}) {
    void *f = dlsym(cu.library, name);
    ASSERT_NE(f, nullptr) << name;
    EXPECT_EQ(reinterpret_cast<int (*)(void *, void *)>(f)(nullptr, nullptr), notSupported) << name;
    std::string plain = name;
    if (plain.ends_with("_v2")) plain.resize(plain.size() - 3);
    for (const std::string &asked : {std::string(name), plain}) {
      int status = -1;
      EXPECT_EQ(cu.cuGetProcAddress(asked.c_str(), &f, 13000, 0, &status), 0);
      EXPECT_EQ(f, nullptr) << asked;
      EXPECT_EQ(status, 1) << asked;
      EXPECT_EQ(cu.cuGetProcAddress(asked.c_str(), &f, 13000, 0, nullptr), notFound);
    }
  }
}

TEST_F(CallsTest, EveryFunctionOfCudaHIsExported) {
  // What cuda.h 13.0 and cudaProfiler.h declare, with the names for per-thread default streams.
  std::istringstream names(readFile(VCUDA_TEST_NAMES));
  int count = 0;
  for (std::string name; names >> name; ++count) EXPECT_NE(dlsym(cu.library, name.c_str()), nullptr) << name;
  EXPECT_EQ(count, 538);
}

TEST_F(CallsTest, ProgramsForPerThreadStreamsFindTheirVariants) {
  using Lookup = int (*)(const char *, void **, int, uint64_t, int *);
  auto lookUp = reinterpret_cast<Lookup>(dlsym(cu.library, "cuGetProcAddress_v2_ptsz"));
  ASSERT_NE(lookUp, nullptr);
  void *own = dlsym(cu.library, "cuMemcpyHtoDAsync_v2_ptsz"),
       *plain = dlsym(cu.library, "cuMemcpyHtoDAsync_v2");
  void *found = nullptr;
  for (uint64_t flags : {0, 1, 2}) { // default, legacy, per thread
    EXPECT_EQ(lookUp("cuMemcpyHtoDAsync", &found, 13000, flags, nullptr), 0);
    EXPECT_EQ(found, flags == 1 ? plain : own) << flags;
    EXPECT_EQ(cu.cuGetProcAddress("cuMemcpyHtoDAsync", &found, 13000, flags, nullptr), 0);
    EXPECT_EQ(found, flags == 2 ? own : plain) << flags;
  }
  EXPECT_EQ(lookUp("cuMemcpyHtoAAsync", &found, 13000, 2, nullptr), notFound); // arrays are not served
}

TEST_F(CallsTest, TheRuntimesPrivateTablesAreNotThereWhichIsSaidOnce) {
  const void *table = this;
  char id[16] = {};
  testing::internal::CaptureStderr();
  EXPECT_EQ(call("cuGetExportTable", &table, static_cast<void *>(id)), notFound);
  EXPECT_EQ(table, nullptr);
  EXPECT_EQ(call("cuGetExportTable", &table, static_cast<void *>(id)), notFound);
  std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("the CUDA runtime (cudart) does not start"), std::string::npos) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

TEST_F(CallsTest, DevicePropertiesOfOld) {
  int properties[14], attribute = 0;
  EXPECT_EQ(call("cuDeviceGetProperties", properties, 1), 0);
  for (int i = 0; i < 14; ++i) {
    EXPECT_EQ(cu.cuDeviceGetAttribute(&attribute, i + 1, 1), 0);
    EXPECT_EQ(properties[i], attribute) << i;
  }
  EXPECT_EQ(call("cuDeviceGetProperties", static_cast<int *>(nullptr), 0), invalidValue);
}

TEST_F(CallsTest, AResetPrimaryContextIsStillToBeReleased) {
  Handle first = nullptr, next = nullptr;
  int isActive = -1;
  unsigned flags = 0;
  EXPECT_EQ(cu.cuDevicePrimaryCtxRetain(&first, 1), 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxReset(1), 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxGetState(1, &flags, &isActive), 0);
  EXPECT_EQ(isActive, 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRetain(&next, 1), 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRelease(1), 0);
  EXPECT_EQ(cu.cuCtxSetCurrent(next), 0); // the first claim holds it
  EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRelease(1), 0);
  EXPECT_EQ(cu.cuCtxSetCurrent(next), invalidContext);
  EXPECT_EQ(cu.cuDevicePrimaryCtxRelease(1), invalidContext);
}
