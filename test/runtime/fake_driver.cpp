#include "test/runtime/fake_driver.h"

#include "runtime/driver.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace dlc::rt;

namespace {
FakeDriver state;
std::recursive_mutex lock;

struct Function {
  std::string name;
};

// True, with the result, if this call is to fail.
bool fails(const char *function, int &result) {
  if (!state.failFunction || std::strcmp(function, state.failFunction) != 0) return false;
  result = state.failResult;
  return ++state.calls == state.failAt;
}

unsigned divide(unsigned n, uint64_t magic) {
  return (unsigned(uint64_t(n) * uint32_t(magic) >> 32) + n) >> unsigned(magic >> 32);
}

template <class T> T argument(void **parameters, int index) {
  T value;
  std::memcpy(&value, parameters[index], sizeof(T));
  return value;
}
float *pointer(void **parameters, int index) {
  return reinterpret_cast<float *>(uintptr_t(argument<uint64_t>(parameters, index)));
}

void mulAdd(unsigned threads, int width, void **p) {
  float *x = pointer(p, 0), *w = pointer(p, 1), *b = pointer(p, 2), *h = pointer(p, 3);
  unsigned batch = argument<uint32_t>(p, 4);
  uint64_t magic = argument<uint64_t>(p, 5);
  for (unsigned i = 0; i < threads * width && i < 8 * batch; ++i) {
    unsigned column = divide(i, magic), row = i - column * batch;
    h[i] = x[row * 8 + column] * w[column] + b[column];
  }
}
void sum(unsigned threads, void **p) {
  float *h = pointer(p, 0), *y = pointer(p, 1);
  int batch = argument<int32_t>(p, 2);
  for (int row = 0; row < batch && row < int(threads); ++row) {
    y[row] = 0;
    for (int column = 0; column < 8; ++column) y[row] += h[column * batch + row];
  }
}
} // namespace

// Every function takes the lock; `name` is what faults are injected by.
#define ENTRY(name)                                                                                          \
  std::lock_guard guard(lock);                                                                               \
  if (int result; fails(name, result)) return result

EXPORT FakeDriver *fakeDriver() { return &state; }
EXPORT int cuDriverGetVersion(int *version) { return *version = 13000, 0; }
EXPORT int cuInit(unsigned) {
  ENTRY("cuInit");
  return 0;
}
EXPORT int cuDeviceGetCount(int *count) {
  ENTRY("cuDeviceGetCount");
  return *count = state.deviceCount, 0;
}
EXPORT int cuDeviceGet(int *device, int ordinal) {
  ENTRY("cuDeviceGet");
  return *device = ordinal, 0;
}
EXPORT int cuDeviceGetName(char *name, int size, int) {
  ENTRY("cuDeviceGetName");
  return std::strncpy(name, "fake", size_t(size)), 0;
}
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int) {
  ENTRY("cuDeviceGetAttribute");
  *value = attribute == 75   ? state.major
           : attribute == 76 ? state.minor
           : attribute == 16 ? state.sms
           : attribute == 88 ? state.readsHostMemory
                             : state.sharedPerBlock;
  return 0;
}
EXPORT int cuDevicePrimaryCtxRetain(void **context, int) {
  ENTRY("cuDevicePrimaryCtxRetain");
  ++state.liveObjects;
  return *context = &state, 0;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  ENTRY("cuDevicePrimaryCtxRelease");
  return --state.liveObjects, 0;
}
EXPORT int cuCtxPushCurrent_v2(void *) {
  ENTRY("cuCtxPushCurrent");
  return ++state.contextDepth, 0;
}
EXPORT int cuCtxPopCurrent_v2(void **) {
  ENTRY("cuCtxPopCurrent");
  return --state.contextDepth, 0;
}
EXPORT int cuCtxSetCurrent(void *) { return 0; }
EXPORT int cuCtxGetDevice(int *device) { return *device = 0, 0; }
EXPORT int cuModuleLoadDataEx(void **module, const void *text, unsigned count, int *options, void **values) {
  std::lock_guard guard(lock);
  if (int result; fails("cuModuleLoadDataEx", result)) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) std::strcpy(static_cast<char *>(values[i]), "ptxas fake, line 1; error");
    return result;
  }
  ++state.moduleLoads, ++state.liveObjects;
  *module = ::strdup(static_cast<const char *>(text));
  return 0;
}
EXPORT int cuModuleLoadData(void **module, const void *text) {
  return cuModuleLoadDataEx(module, text, 0, nullptr, nullptr);
}
EXPORT int cuModuleUnload(void *module) {
  ENTRY("cuModuleUnload");
  return std::free(module), --state.liveObjects, 0;
}
EXPORT int cuModuleGetFunction(void **function, void *module, const char *name) {
  ENTRY("cuModuleGetFunction");
  const char *entry = std::strstr(static_cast<const char *>(module), name);
  if (!entry) return 500;
  static Function functions[8]; // as many names as the tests have kernels
  for (Function &known : functions) {
    if (known.name.empty()) known.name = name;
    if (known.name == name) return *function = &known, 0;
  }
  return 500;
}
EXPORT int cuFuncSetAttribute(void *, int, int value) {
  ENTRY("cuFuncSetAttribute");
  return state.dynamicShared = value, 0;
}
EXPORT int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  ENTRY("cuMemAlloc");
  ++state.allocations, ++state.liveBlocks;
  *address = uintptr_t(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  return 0;
}
EXPORT int cuMemFree_v2(uint64_t address) {
  ENTRY("cuMemFree");
  std::free(reinterpret_cast<void *>(uintptr_t(address)));
  return --state.liveBlocks, 0;
}
EXPORT int cuPointerGetAttribute(void *value, int attribute, uint64_t address) {
  ENTRY("cuPointerGetAttribute");
  if (attribute != 2 || address - state.unknownMemory < state.unknownBytes) return 1;
  return *static_cast<unsigned *>(value) = 2, 0;
}
static void *memory(uint64_t address) { return reinterpret_cast<void *>(uintptr_t(address)); }
EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
  ENTRY("cuMemcpyHtoDAsync");
  return std::memcpy(memory(to), from, bytes), 0;
}
EXPORT int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
  ENTRY("cuMemcpyDtoHAsync");
  return std::memcpy(to, memory(from), bytes), 0;
}
EXPORT int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  return cuMemcpyHtoDAsync_v2(to, from, bytes, nullptr);
}
EXPORT int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  return cuMemcpyDtoHAsync_v2(to, from, bytes, nullptr);
}
EXPORT int cuCtxSynchronize() { return 0; }
EXPORT int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
  ENTRY("cuMemcpyDtoDAsync");
  ++state.copies;
  return std::memmove(memory(to), memory(from), bytes), 0;
}
EXPORT int cuMemsetD8Async(uint64_t to, unsigned char value, size_t count, void *) {
  ENTRY("cuMemsetD8Async");
  return std::memset(memory(to), value, count), 0;
}
EXPORT int cuMemsetD16Async(uint64_t to, unsigned short value, size_t count, void *) {
  ENTRY("cuMemsetD16Async");
  for (size_t i = 0; i < count; ++i) static_cast<unsigned short *>(memory(to))[i] = value;
  return 0;
}
EXPORT int cuMemsetD32Async(uint64_t to, unsigned value, size_t count, void *) {
  ENTRY("cuMemsetD32Async");
  for (size_t i = 0; i < count; ++i) static_cast<unsigned *>(memory(to))[i] = value;
  return 0;
}
EXPORT int cuStreamCreate(void **stream, unsigned) {
  ENTRY("cuStreamCreate");
  ++state.liveObjects;
  return *stream = std::malloc(1), 0;
}
EXPORT int cuStreamDestroy_v2(void *stream) {
  ENTRY("cuStreamDestroy");
  return std::free(stream), --state.liveObjects, 0;
}
EXPORT int cuStreamSynchronize(void *) {
  ENTRY("cuStreamSynchronize");
  return 0;
}
EXPORT int cuStreamWaitEvent(void *, void *, unsigned) {
  ENTRY("cuStreamWaitEvent");
  return 0;
}
EXPORT int cuEventCreate(void **event, unsigned) {
  ENTRY("cuEventCreate");
  ++state.liveObjects;
  return *event = std::malloc(1), 0;
}
EXPORT int cuEventDestroy_v2(void *event) {
  ENTRY("cuEventDestroy");
  return std::free(event), --state.liveObjects, 0;
}
EXPORT int cuEventRecord(void *, void *) {
  ENTRY("cuEventRecord");
  return 0;
}
EXPORT int cuEventSynchronize(void *) {
  ENTRY("cuEventSynchronize");
  return 0;
}
EXPORT int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                          unsigned blockY, unsigned blockZ, unsigned, void *, void **parameters, void **) {
  ENTRY("cuLaunchKernel");
  ++state.launches;
  const std::string &name = static_cast<Function *>(function)->name;
  std::strncpy(state.lastKernel, name.c_str(), sizeof(state.lastKernel) - 1);
  unsigned threads = gridX * gridY * gridZ * blockX * blockY * blockZ;
  if (name == "k0_mul_add")
    mulAdd(threads, 1, parameters);
  else if (name == "k0_mul_add_wide")
    mulAdd(threads, 4, parameters);
  else if (name == "k1_sum")
    sum(threads, parameters);
  else
    return 500;
  return 0;
}

// ---- Graphs
// -------------------------------------------------------------------------------------------------

namespace {
struct Node {
  enum { Kernel, Copy, Fill } kind = Kernel;
  CuKernelNode kernel{};
  std::vector<uint64_t> words;
  CuCopy copy{};
  CuFillNode fill{};
  bool isEnabled = true;
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};
struct Instance {
  std::map<void *, Node> nodes; // by the graph's node
  std::vector<void *> order;
};

// What the driver takes out of the parameters' memory when it is told about a kernel.
void take(Node &node, const CuKernelNode *params) {
  node.kernel = *params;
  const std::string &name = reinterpret_cast<Function *>(params->function)->name;
  node.words.assign(name == "k1_sum" ? 3 : 6, 0);
  for (size_t i = 0; i < node.words.size(); ++i) std::memcpy(&node.words[i], params->parameters[i], 8);
}
int add(void **result, void *graph, std::unique_ptr<Node> node) {
  *result = node.get();
  static_cast<Graph *>(graph)->nodes.push_back(std::move(node));
  return 0;
}
Node *find(void *exec, void *node) {
  auto &nodes = static_cast<Instance *>(exec)->nodes;
  auto at = nodes.find(node);
  return at == nodes.end() ? nullptr : &at->second;
}
int runNode(Node &node) {
  if (node.kind == Node::Kernel) {
    const CuKernelNode &k = node.kernel;
    std::vector<void *> parameters;
    for (uint64_t &word : node.words) parameters.push_back(&word);
    return cuLaunchKernel(k.function, k.grid[0], k.grid[1], k.grid[2], k.block[0], k.block[1], k.block[2],
                          k.shared, nullptr, parameters.data(), nullptr);
  }
  if (node.kind == Node::Copy)
    return cuMemcpyDtoDAsync_v2(node.copy.to, node.copy.from, node.copy.width, nullptr);
  const CuFillNode &f = node.fill;
  return f.elementBytes == 1   ? cuMemsetD8Async(f.to, uint8_t(f.value), f.width, nullptr)
         : f.elementBytes == 2 ? cuMemsetD16Async(f.to, uint16_t(f.value), f.width, nullptr)
                               : cuMemsetD32Async(f.to, f.value, f.width, nullptr);
}
} // namespace

EXPORT int cuGraphCreate(void **graph, unsigned) {
  ENTRY("cuGraphCreate");
  ++state.liveObjects;
  return *graph = new Graph, 0;
}
EXPORT int cuGraphDestroy(void *graph) {
  ENTRY("cuGraphDestroy");
  return delete static_cast<Graph *>(graph), --state.liveObjects, 0;
}
EXPORT int cuGraphAddKernelNode_v2(void **result, void *graph, void *const *, size_t,
                                   const CuKernelNode *params) {
  ENTRY("cuGraphAddKernelNode");
  auto node = std::make_unique<Node>();
  take(*node, params);
  return add(result, graph, std::move(node));
}
EXPORT int cuGraphAddMemcpyNode(void **result, void *graph, void *const *, size_t, const CuCopy *params,
                                void *) {
  ENTRY("cuGraphAddMemcpyNode");
  auto node = std::make_unique<Node>();
  node->kind = Node::Copy, node->copy = *params;
  return add(result, graph, std::move(node));
}
EXPORT int cuGraphAddMemsetNode(void **result, void *graph, void *const *, size_t, const CuFillNode *params,
                                void *) {
  ENTRY("cuGraphAddMemsetNode");
  auto node = std::make_unique<Node>();
  node->kind = Node::Fill, node->fill = *params;
  return add(result, graph, std::move(node));
}
EXPORT int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long) {
  ENTRY("cuGraphInstantiateWithFlags");
  auto *instance = new Instance;
  for (auto &node : static_cast<Graph *>(graph)->nodes) {
    instance->nodes[node.get()] = *node;
    instance->order.push_back(node.get());
  }
  ++state.liveObjects, ++state.instantiations;
  return *exec = instance, 0;
}
EXPORT int cuGraphExecDestroy(void *exec) {
  ENTRY("cuGraphExecDestroy");
  return delete static_cast<Instance *>(exec), --state.liveObjects, 0;
}
EXPORT int cuGraphNodeSetEnabled(void *exec, void *node, unsigned isEnabled) {
  ENTRY("cuGraphNodeSetEnabled");
  Node *found = find(exec, node);
  return found ? (found->isEnabled = isEnabled != 0, 0) : 1;
}
EXPORT int cuGraphExecKernelNodeSetParams_v2(void *exec, void *node, const CuKernelNode *params) {
  ENTRY("cuGraphExecKernelNodeSetParams");
  Node *found = find(exec, node);
  if (!found || found->kind != Node::Kernel) return 1;
  ++state.nodeUpdates;
  return take(*found, params), 0;
}
EXPORT int cuGraphExecMemcpyNodeSetParams(void *exec, void *node, const CuCopy *params, void *) {
  ENTRY("cuGraphExecMemcpyNodeSetParams");
  Node *found = find(exec, node);
  if (!found || found->kind != Node::Copy || params->width == 0) return 1;
  ++state.nodeUpdates;
  return found->copy = *params, 0;
}
EXPORT int cuGraphExecMemsetNodeSetParams(void *exec, void *node, const CuFillNode *params, void *) {
  ENTRY("cuGraphExecMemsetNodeSetParams");
  Node *found = find(exec, node);
  if (!found || found->kind != Node::Fill || params->width == 0) return 1;
  ++state.nodeUpdates;
  return found->fill = *params, 0;
}
EXPORT int cuGraphLaunch(void *exec, void *) {
  ENTRY("cuGraphLaunch");
  ++state.graphLaunches;
  auto *instance = static_cast<Instance *>(exec);
  for (void *node : instance->order)
    if (Node &step = instance->nodes[node]; step.isEnabled)
      if (int result = runNode(step)) return result;
  return 0;
}

EXPORT int cuGetErrorName(int result, const char **name) {
  static std::string text;
  std::lock_guard guard(lock);
  text = "CUDA_ERROR_" + std::to_string(result);
  return *name = text.c_str(), 0;
}
EXPORT int cuGetErrorString(int, const char **text) { return *text = "fake error", 0; }
