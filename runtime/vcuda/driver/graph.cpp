#include "runtime/vcuda/driver/graph.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

struct KernelNodeParams {
  CUfunction func;
  unsigned gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes;
  void **kernelParams, **extra;
  CUkernel kern;
  CUcontext ctx;
};
struct MemsetNodeParams {
  CUdeviceptr dst;
  size_t pitch;
  unsigned value, elementSize;
  size_t width, height;
};
struct HostNodeParams {
  CUhostFn fn;
  void *userData;
};
struct InstantiateParams {
  uint64_t flags;
  CUstream hUploadStream;
  CUgraphNode hErrNode_out;
  int result_out;
};
struct UpdateResultInfo {
  int result;
  CUgraphNode errorNode, errorFromNode;
};
constexpr int updateTopologyChanged = 2, updateTypeChanged = 3;

CUresult readPayload(Context &context, const KernelNodeParams *p, Payload &payload) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  CUlaunchConfig config = {p->gridDimX,  p->gridDimY,       p->gridDimZ, p->blockDimX, p->blockDimY,
                           p->blockDimZ, p->sharedMemBytes, nullptr,     nullptr,      0};
  auto function = p->func ? p->func : reinterpret_cast<CUfunction>(p->kern);
  KernelLaunch launch;
  CUresult status = prepareLaunch(context, config, function, p->kernelParams, p->extra, launch);
  payload = std::move(launch);
  return status;
}

CUresult readPayload(Context &, const CUDA_MEMCPY3D *p, Payload &payload) {
  Copy copy;
  if (CUresult wrong = readCopy(p, copy)) return wrong;
  payload = copy;
  return check(copy);
}

CUresult readPayload(Context &, const MemsetNodeParams *p, Payload &payload) {
  if (!p || (p->elementSize != 1 && p->elementSize != 2 && p->elementSize != 4))
    return CUDA_ERROR_INVALID_VALUE;
  Fill fill;
  fill.device = driver().deviceOf(p->dst);
  fill.address = p->dst;
  fill.pitch = p->pitch;
  fill.value = p->value;
  fill.elementBytes = p->elementSize;
  fill.width = p->width;
  fill.height = p->height;
  payload = fill;
  return check(fill);
}

CUresult readPayload(Context &, const HostNodeParams *p, Payload &payload) {
  if (!p || !p->fn) return CUDA_ERROR_INVALID_VALUE;
  payload = HostCall{p->fn, p->userData};
  return CUDA_SUCCESS;
}

/// The nodes that handles mean; false when one is not of the graph.
bool readNodes(const std::shared_ptr<Graph> &graph, const CUgraphNode *handles, size_t count,
               std::vector<std::shared_ptr<GraphNode>> &nodes) {
  if (count && !handles) return false;
  for (size_t i = 0; i < count; ++i) {
    auto node = driver().graphNodes.find(handles[i]);
    if (!node || node->graph.lock() != graph) return false;
    if (std::find(nodes.begin(), nodes.end(), node) != nodes.end()) return false;
    nodes.push_back(std::move(node));
  }
  return true;
}

template <typename Read>
CUresult add(CUgraphNode *result, CUgraph handle, const CUgraphNode *after, size_t count, Read read) {
  return inContext([&](Context &context) -> CUresult {
    auto graph = driver().graphs.find(handle);
    std::vector<std::shared_ptr<GraphNode>> nodes;
    if (!result || !graph || !readNodes(graph, after, count, nodes)) return CUDA_ERROR_INVALID_VALUE;
    Payload payload;
    if (CUresult wrong = read(context, payload)) return wrong;
    *result = addNode(graph, std::move(payload), std::move(nodes))->handle;
    return CUDA_SUCCESS;
  });
}

/// Replaces the work of one node in an instance; its kind stays.
template <typename Params> CUresult update(CUgraphExec handle, CUgraphNode nodeHandle, const Params *params) {
  return inContext([&](Context &context) -> CUresult {
    auto exec = driver().graphExecs.find(handle);
    auto node = driver().graphNodes.find(nodeHandle);
    if (!exec || !node) return CUDA_ERROR_INVALID_VALUE;
    Payload payload;
    if (CUresult wrong = readPayload(context, params, payload)) return wrong;
    std::lock_guard lock(exec->mutex);
    for (GraphExec::Step &step : exec->steps) {
      if (step.node != node) continue;
      if (step.payload->index() != payload.index()) return CUDA_ERROR_INVALID_VALUE;
      step.payload = std::make_shared<const Payload>(std::move(payload));
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_VALUE;
  });
}

/// Reads or sets whether a node of an instance runs; kernels, copies and fills can be switched off.
template <typename Use> CUresult withSwitch(CUgraphExec handle, CUgraphNode nodeHandle, Use use) {
  return api([&]() -> CUresult {
    auto exec = driver().graphExecs.find(handle);
    auto node = driver().graphNodes.find(nodeHandle);
    if (!exec || !node) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(exec->mutex);
    for (GraphExec::Step &step : exec->steps) {
      if (step.node != node) continue;
      bool canBeOff = std::holds_alternative<KernelLaunch>(*step.payload) ||
                      std::holds_alternative<Copy>(*step.payload) ||
                      std::holds_alternative<Fill>(*step.payload);
      if (!canBeOff) return CUDA_ERROR_INVALID_VALUE;
      use(step.isEnabled);
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_VALUE;
  });
}

/// The nodes in an order that the edges allow; fewer than all when there is a cycle. The graph's mutex is
/// held.
std::vector<std::shared_ptr<GraphNode>> ordered(const Graph &graph) {
  std::vector<std::shared_ptr<GraphNode>> order;
  std::set<const GraphNode *> done;
  for (bool progress = true; progress && order.size() < graph.nodes.size();) {
    progress = false;
    for (const auto &node : graph.nodes) {
      bool ready =
          !done.count(node.get()) && std::all_of(node->after.begin(), node->after.end(),
                                                 [&](const auto &b) { return done.count(b.get()) != 0; });
      if (!ready) continue;
      done.insert(node.get());
      order.push_back(node);
      progress = true;
    }
  }
  return order;
}

CUresult makeSteps(Graph &graph, std::vector<GraphExec::Step> &steps) {
  std::lock_guard lock(graph.mutex);
  auto order = ordered(graph);
  if (order.size() != graph.nodes.size()) return CUDA_ERROR_INVALID_VALUE;
  for (const auto &node : order) steps.push_back({node, node->payload, true});
  return CUDA_SUCCESS;
}

CUresult instantiate(CUgraphExec *result, CUgraph handle, unsigned long long flags) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!result || !graph || flags > 15) return CUDA_ERROR_INVALID_VALUE;
    if (flags & 4) return CUDA_ERROR_NOT_SUPPORTED; // launches from the device
    auto exec = std::make_shared<GraphExec>();
    exec->flags = flags;
    if (CUresult wrong = makeSteps(*graph, exec->steps)) return wrong;
    *result = driver().graphExecs.add(exec);
    return CUDA_SUCCESS;
  });
}

/// Writes a list of nodes as the API does: the count alone when there is no place for them.
CUresult writeNodes(const std::vector<CUgraphNode> &nodes, CUgraphNode *target, size_t *count) {
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; target && i < *count; ++i) target[i] = i < nodes.size() ? nodes[i] : nullptr;
  *count = target ? std::min(*count, nodes.size()) : nodes.size();
  return CUDA_SUCCESS;
}

template <typename Choose>
CUresult listNodes(CUgraph handle, CUgraphNode *target, size_t *count, Choose choose) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!graph) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    std::vector<CUgraphNode> chosen;
    for (const auto &node : graph->nodes)
      if (choose(*node)) chosen.push_back(node->handle);
    return writeNodes(chosen, target, count);
  });
}

} // namespace

namespace dlc::vcuda {

void runPayload(Context &context, const Payload &payload) {
  if (context.error) return;
  if (auto *launch = std::get_if<KernelLaunch>(&payload))
    runLaunch(context, *launch);
  else if (auto *copy = std::get_if<Copy>(&payload))
    runCopy(context, *copy);
  else if (auto *fill = std::get_if<Fill>(&payload))
    runFill(context, *fill);
  else if (auto *host = std::get_if<HostCall>(&payload)) {
    inHostFunction() = true;
    host->function(host->data);
    inHostFunction() = false;
  }
}

} // namespace dlc::vcuda

VCUDA_API CUresult cuGraphCreate(CUgraph *result, unsigned flags) {
  return api([&]() -> CUresult {
    if (!result || flags) return CUDA_ERROR_INVALID_VALUE;
    auto graph = std::make_shared<Graph>();
    graph->handle = *result = driver().graphs.add(graph);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphDestroy(CUgraph handle) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.remove(handle);
    if (!graph) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    for (const auto &node : graph->nodes) driver().graphNodes.remove(node->handle);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphAddKernelNode_v2(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                           size_t count, const KernelNodeParams *p) {
  return add(result, graph, after, count,
             [&](Context &c, Payload &payload) { return readPayload(c, p, payload); });
}
VCUDA_API CUresult cuGraphAddMemcpyNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                        size_t count, const CUDA_MEMCPY3D *p, CUcontext) {
  return add(result, graph, after, count,
             [&](Context &c, Payload &payload) { return readPayload(c, p, payload); });
}
VCUDA_API CUresult cuGraphAddMemsetNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                        size_t count, const MemsetNodeParams *p, CUcontext) {
  return add(result, graph, after, count,
             [&](Context &c, Payload &payload) { return readPayload(c, p, payload); });
}
VCUDA_API CUresult cuGraphAddHostNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                      size_t count, const HostNodeParams *p) {
  return add(result, graph, after, count,
             [&](Context &c, Payload &payload) { return readPayload(c, p, payload); });
}
VCUDA_API CUresult cuGraphAddEmptyNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                       size_t count) {
  return add(result, graph, after, count, [](Context &, Payload &) { return CUDA_SUCCESS; });
}

VCUDA_API CUresult cuGraphAddDependencies_v2(CUgraph handle, const CUgraphNode *from, const CUgraphNode *to,
                                             const void *edges, size_t count) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!graph || (count && (!from || !to))) return CUDA_ERROR_INVALID_VALUE;
    if (edges) return CUDA_ERROR_NOT_SUPPORTED;
    std::lock_guard lock(graph->mutex);
    for (size_t i = 0; i < count; ++i) {
      auto before = driver().graphNodes.find(from[i]), node = driver().graphNodes.find(to[i]);
      if (!before || !node || before == node || before->graph.lock() != graph || node->graph.lock() != graph)
        return CUDA_ERROR_INVALID_VALUE;
      if (std::find(node->after.begin(), node->after.end(), before) != node->after.end())
        return CUDA_ERROR_INVALID_VALUE;
      node->after.push_back(before);
    }
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                          size_t count) {
  return cuGraphAddDependencies_v2(graph, from, to, nullptr, count);
}

VCUDA_API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  return listNodes(graph, nodes, count, [](const GraphNode &) { return true; });
}
VCUDA_API CUresult cuGraphGetRootNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  return listNodes(graph, nodes, count, [](const GraphNode &node) { return node.after.empty(); });
}
VCUDA_API CUresult cuGraphNodeGetDependencies_v2(CUgraphNode handle, CUgraphNode *nodes, void *,
                                                 size_t *count) {
  return api([&]() -> CUresult {
    auto node = driver().graphNodes.find(handle);
    auto graph = node ? node->graph.lock() : nullptr;
    if (!graph) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    std::vector<CUgraphNode> before;
    for (const auto &b : node->after) before.push_back(b->handle);
    return writeNodes(before, nodes, count);
  });
}
VCUDA_API CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes, size_t *count) {
  return cuGraphNodeGetDependencies_v2(node, nodes, nullptr, count);
}

VCUDA_API CUresult cuGraphNodeGetType(CUgraphNode handle, int *type) {
  return api([&]() -> CUresult {
    auto node = driver().graphNodes.find(handle);
    if (!node || !type) return CUDA_ERROR_INVALID_VALUE;
    const int types[] = {5, 0, 1, 2, 3}; // empty, kernel, memcpy, memset, host: in the order of Payload
    *type = types[node->payload->index()];
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphInstantiateWithFlags(CUgraphExec *result, CUgraph graph, unsigned long long flags) {
  return instantiate(result, graph, flags);
}
VCUDA_API CUresult cuGraphInstantiate_v2(CUgraphExec *result, CUgraph graph, CUgraphNode *errorNode,
                                         char *log, size_t logBytes) {
  if (errorNode) *errorNode = nullptr;
  if (log && logBytes) *log = 0;
  return instantiate(result, graph, 0);
}
VCUDA_API CUresult cuGraphInstantiateWithParams(CUgraphExec *result, CUgraph graph, InstantiateParams *p) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  CUresult status = instantiate(result, graph, p->flags);
  p->hErrNode_out = nullptr;
  p->result_out = status ? 1 : 0;
  return status;
}

VCUDA_API CUresult cuGraphExecGetFlags(CUgraphExec handle, uint64_t *flags) {
  return api([&]() -> CUresult {
    auto exec = driver().graphExecs.find(handle);
    if (!exec || !flags) return CUDA_ERROR_INVALID_VALUE;
    *flags = exec->flags;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                     const KernelNodeParams *p) {
  return update(exec, node, p);
}
VCUDA_API CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *p,
                                                  CUcontext) {
  return update(exec, node, p);
}
VCUDA_API CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                  const MemsetNodeParams *p, CUcontext) {
  return update(exec, node, p);
}
VCUDA_API CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node, const HostNodeParams *p) {
  return update(exec, node, p);
}

VCUDA_API CUresult cuGraphNodeSetEnabled(CUgraphExec exec, CUgraphNode node, unsigned isEnabled) {
  return withSwitch(exec, node, [&](bool &state) { state = isEnabled != 0; });
}
VCUDA_API CUresult cuGraphNodeGetEnabled(CUgraphExec exec, CUgraphNode node, unsigned *isEnabled) {
  if (!isEnabled) return CUDA_ERROR_INVALID_VALUE;
  return withSwitch(exec, node, [&](bool &state) { *isEnabled = state; });
}

VCUDA_API CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graphHandle, UpdateResultInfo *info) {
  return api([&]() -> CUresult {
    auto exec = driver().graphExecs.find(handle);
    auto graph = driver().graphs.find(graphHandle);
    if (!exec || !graph || !info) return CUDA_ERROR_INVALID_VALUE;
    *info = {};
    std::vector<GraphExec::Step> fresh;
    if (CUresult wrong = makeSteps(*graph, fresh)) return wrong;
    std::lock_guard lock(exec->mutex);
    bool same = fresh.size() == exec->steps.size();
    for (size_t i = 0; same && i < fresh.size(); ++i) {
      if (fresh[i].payload->index() == exec->steps[i].payload->index()) continue;
      *info = {updateTypeChanged, fresh[i].node->handle, nullptr};
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
    if (!same) {
      info->result = updateTopologyChanged;
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
    // The instance keeps the nodes that it is known by.
    for (size_t i = 0; i < fresh.size(); ++i) exec->steps[i].payload = fresh[i].payload;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  return inContext([&](Context &context) -> CUresult {
    auto exec = driver().graphExecs.find(handle);
    auto state = streamState(context, stream);
    if (!exec) return CUDA_ERROR_INVALID_VALUE;
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    if (CUresult wrong = forbidInCapture(context, *state)) return wrong;
    std::vector<std::shared_ptr<const Payload>> work;
    {
      std::lock_guard lock(exec->mutex);
      for (const GraphExec::Step &step : exec->steps)
        if (step.isEnabled) work.push_back(step.payload);
    }
    for (auto &payload : work) {
      auto *launch = std::get_if<KernelLaunch>(payload.get());
      if (!launch) continue;
      KernelLaunch faulty = *launch;
      if (CUresult fault = injectFault(faulty)) return fault;
      if (faulty.fault) payload = std::make_shared<const Payload>(std::move(faulty));
    }
    context.queue.submit(state, [&context, work = std::move(work)] {
      for (const auto &payload : work) runPayload(context, *payload);
    });
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphUpload(CUgraphExec handle, CUstream stream) {
  return inContext([&](Context &context) -> CUresult {
    if (!streamState(context, stream)) return CUDA_ERROR_INVALID_HANDLE;
    return driver().graphExecs.find(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

VCUDA_API CUresult cuGraphExecDestroy(CUgraphExec handle) {
  return api([&]() -> CUresult {
    return driver().graphExecs.remove(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}
