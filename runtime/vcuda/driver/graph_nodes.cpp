// Nodes of graphs: made, read, changed, connected, taken away.
#include "runtime/vcuda/driver/graph.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

using namespace dlc::vcuda;

namespace {

CUgraphNodeType nodeType(const Payload &payload) {
  static constexpr CUgraphNodeType types[] = {
      CU_GRAPH_NODE_TYPE_EMPTY,        CU_GRAPH_NODE_TYPE_KERNEL,     CU_GRAPH_NODE_TYPE_MEMCPY,
      CU_GRAPH_NODE_TYPE_MEMSET,       CU_GRAPH_NODE_TYPE_HOST,       CU_GRAPH_NODE_TYPE_GRAPH,
      CU_GRAPH_NODE_TYPE_EVENT_RECORD, CU_GRAPH_NODE_TYPE_WAIT_EVENT, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP,
      CU_GRAPH_NODE_TYPE_MEM_ALLOC,    CU_GRAPH_NODE_TYPE_MEM_FREE};
  static_assert(std::size(types) == std::variant_size_v<Payload>);
  return types[payload.index()];
}

CUresult readEvent(CUevent handle, std::shared_ptr<Event> &event) {
  event = driver().events.find(handle);
  return event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

/// A child graph becomes the node's own; null when it can't be cloned.
bool own(Payload &payload) {
  auto *child = std::get_if<ChildGraph>(&payload);
  return !child || (child->graph = cloneGraph(*child->graph));
}

template <typename Params>
CUresult add(CUgraphNode *result, CUgraph handle, const CUgraphNode *after, size_t count,
             const Params *params) {
  return inContext([&](Context &context) -> CUresult {
    auto graph = driver().graphs.find(handle);
    std::vector<std::shared_ptr<GraphNode>> nodes;
    if (!result || !graph || !readNodes(graph, after, count, nodes)) return CUDA_ERROR_INVALID_VALUE;
    Payload payload;
    if (CUresult wrong = readPayload(context, params, payload)) return wrong;
    if (!own(payload)) return CUDA_ERROR_NOT_SUPPORTED;
    std::shared_ptr<GraphNode> node;
    if (CUresult wrong = addNode(graph, std::move(payload), std::move(nodes), node)) return wrong;
    *result = node->handle;
    return CUDA_SUCCESS;
  });
}

/// The parameters of an event's or a child graph's node.
CUgraphNodeParams eventParams(CUgraphNodeType type, CUevent event) {
  CUgraphNodeParams p = {};
  p.type = type;
  p.event.event = event;
  return p;
}
CUgraphNodeParams childParams(CUgraph graph) {
  CUgraphNodeParams p = {};
  p.type = CU_GRAPH_NODE_TYPE_GRAPH;
  p.graph.graph = graph;
  return p;
}

/// Calls `use(graph, node)` with the graph's mutex held.
template <typename Use> CUresult withNode(CUgraphNode handle, Use use) {
  return api([&]() -> CUresult {
    auto node = driver().graphNodes.find(handle);
    auto graph = node ? node->graph.lock() : nullptr;
    if (!graph) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    return use(*graph, *node);
  });
}

/// Calls `use(work)` for a node of one kind.
template <typename Work, typename Use> CUresult withWork(CUgraphNode handle, const void *target, Use use) {
  return withNode(handle, [&](Graph &, GraphNode &node) -> CUresult {
    const Work *work = std::get_if<Work>(node.payload.get());
    if (!work || !target) return CUDA_ERROR_INVALID_VALUE;
    return use(*work, node);
  });
}

/// Replaces the work of a node; its kind stays, and so do instances that were made before.
template <typename Params> CUresult change(CUgraphNode handle, const Params *params) {
  return inContext([&](Context &context) -> CUresult {
    Payload payload;
    if (CUresult wrong = readPayload(context, params, payload)) return wrong;
    return withNode(handle, [&](Graph &, GraphNode &node) -> CUresult {
      if (isMemoryNode(*node.payload)) return CUDA_ERROR_NOT_SUPPORTED;
      if (node.payload->index() != payload.index()) return CUDA_ERROR_INVALID_VALUE;
      if (!own(payload)) return CUDA_ERROR_NOT_SUPPORTED;
      if (auto *child = std::get_if<ChildGraph>(node.payload.get())) forgetGraph(*child->graph);
      node.payload = std::make_shared<const Payload>(std::move(payload));
      return CUDA_SUCCESS;
    });
  });
}

CUDA_MEMCPY3D describe(const Copy &copy) {
  CUDA_MEMCPY3D p = {};
  p.srcMemoryType = copy.source.device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
  p.srcHost = copy.source.device ? nullptr : reinterpret_cast<const void *>(copy.source.address);
  p.srcDevice = copy.source.device ? copy.source.address : 0;
  p.srcPitch = copy.source.pitch;
  p.srcHeight = copy.source.pitch ? copy.source.slice / copy.source.pitch : 0;
  p.dstMemoryType = copy.target.device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
  p.dstHost = copy.target.device ? nullptr : reinterpret_cast<void *>(copy.target.address);
  p.dstDevice = copy.target.device ? copy.target.address : 0;
  p.dstPitch = copy.target.pitch;
  p.dstHeight = copy.target.pitch ? copy.target.slice / copy.target.pitch : 0;
  p.WidthInBytes = copy.width;
  p.Height = copy.height;
  p.Depth = copy.depth;
  return p;
}

/// Writes a list as the API does: the count alone when there is no place for it.
template <typename Write> CUresult writeList(size_t have, bool hasTarget, size_t *count, Write write) {
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; hasTarget && i < *count; ++i) write(i);
  *count = hasTarget ? std::min(*count, have) : have;
  return CUDA_SUCCESS;
}
CUresult writeNodes(const std::vector<CUgraphNode> &nodes, CUgraphNode *target, size_t *count) {
  return writeList(nodes.size(), target, count,
                   [&](size_t i) { target[i] = i < nodes.size() ? nodes[i] : nullptr; });
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

/// Calls `use(node, before)` for pairs of nodes of a graph, until one is not of it or is refused.
template <typename Use>
CUresult eachPair(CUgraph handle, const CUgraphNode *from, const CUgraphNode *to, size_t count, Use use) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!graph || (count && (!from || !to))) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    for (size_t i = 0; i < count; ++i) {
      auto before = driver().graphNodes.find(from[i]), node = driver().graphNodes.find(to[i]);
      if (!before || !node || before == node || before->graph.lock() != graph || node->graph.lock() != graph)
        return CUDA_ERROR_INVALID_VALUE;
      auto at = std::find(node->after.begin(), node->after.end(), before);
      if (!use(*node, before, at)) return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
  });
}

} // namespace

namespace dlc::vcuda {

CUresult readPayload(Context &context, const CUDA_KERNEL_NODE_PARAMS *p, Payload &payload) {
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

CUresult readPayload(Context &, const CUDA_MEMSET_NODE_PARAMS *p, Payload &payload) {
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

CUresult readPayload(Context &, const CUDA_HOST_NODE_PARAMS *p, Payload &payload) {
  if (!p || !p->fn) return CUDA_ERROR_INVALID_VALUE;
  payload = HostCall{p->fn, p->userData};
  return CUDA_SUCCESS;
}

CUresult readPayload(Context &, const CUDA_BATCH_MEM_OP_NODE_PARAMS *p, Payload &payload) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  MemoryOperations operations;
  CUresult status = readOperations(p->paramArray, p->count, p->flags, /*isFirstVersion=*/false, operations);
  payload = std::move(operations);
  return status;
}

bool isMemoryNode(const Payload &payload) {
  return std::holds_alternative<MemoryAllocation>(payload) || std::holds_alternative<MemoryFree>(payload);
}

CUresult readPayload(Context &context, const CUgraphNodeParams *p, Payload &payload) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Event> event;
  switch (p->type) {
  case CU_GRAPH_NODE_TYPE_KERNEL:
    return readPayload(context, &p->kernel, payload);
  case CU_GRAPH_NODE_TYPE_MEMCPY:
    return readPayload(context, &p->memcpy.copyParams, payload);
  case CU_GRAPH_NODE_TYPE_MEMSET:
    return readPayload(context, &p->memset, payload);
  case CU_GRAPH_NODE_TYPE_HOST:
    return readPayload(context, &p->host, payload);
  case CU_GRAPH_NODE_TYPE_GRAPH: {
    auto graph = driver().graphs.find(p->graph.graph);
    if (!graph) return CUDA_ERROR_INVALID_VALUE;
    if (p->graph.ownership) return CUDA_ERROR_NOT_SUPPORTED;
    payload = ChildGraph{graph};
    return CUDA_SUCCESS;
  }
  case CU_GRAPH_NODE_TYPE_EMPTY:
    payload = std::monostate();
    return CUDA_SUCCESS;
  case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
    if (CUresult wrong = readEvent(p->event.event, event)) return wrong;
    payload = EventWait{event};
    return CUDA_SUCCESS;
  case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
    if (CUresult wrong = readEvent(p->event.event, event)) return wrong;
    payload = EventRecord{event, nullptr};
    return CUDA_SUCCESS;
  case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
    MemoryAllocation made;
    CUresult status = readAllocation(p->alloc, made);
    payload = std::move(made);
    return status;
  }
  case CU_GRAPH_NODE_TYPE_MEM_FREE:
    payload = MemoryFree{findGraphAllocation(p->free.dptr)};
    return std::get<MemoryFree>(payload).allocation ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
    return readPayload(context, &p->memOp, payload);
  case CU_GRAPH_NODE_TYPE_MAX:
    break;
  }
  return p->type > 0 && p->type <= CU_GRAPH_NODE_TYPE_MAX ? CUDA_ERROR_NOT_SUPPORTED
                                                          : CUDA_ERROR_INVALID_VALUE;
}

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

bool usesMemory(const Graph &graph) {
  return graph.hasMemory || std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const auto &node) {
           auto *child = std::get_if<ChildGraph>(node->payload.get());
           if (!child) return false;
           std::lock_guard lock(child->graph->mutex);
           return usesMemory(*child->graph);
         });
}

std::shared_ptr<Graph> cloneGraph(Graph &graph) {
  std::lock_guard lock(graph.mutex);
  if (usesMemory(graph)) return nullptr;
  auto clone = std::make_shared<Graph>();
  clone->handle = driver().graphs.add(clone);
  clone->objects.add(graph.objects);
  std::map<const GraphNode *, std::shared_ptr<GraphNode>> copies;
  for (const auto &node : graph.nodes) {
    Payload payload = *node->payload;
    own(payload); // without memory, as it was when it came in
    auto &copy = copies[node.get()];
    addNode(clone, std::move(payload), {}, copy);
    copy->original = node->handle;
  }
  for (const auto &node : graph.nodes)
    for (const auto &before : node->after) copies[node.get()]->after.push_back(copies[before.get()]);
  return clone;
}

void forgetGraph(Graph &graph) {
  driver().graphs.remove(graph.handle);
  std::lock_guard lock(graph.mutex);
  for (const auto &node : graph.nodes) {
    driver().graphNodes.remove(node->handle);
    if (auto *child = std::get_if<ChildGraph>(node->payload.get())) forgetGraph(*child->graph);
  }
}

} // namespace dlc::vcuda

//===----------------------------------------------------------------------===//
// Making nodes
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuGraphAddKernelNode_v2(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                           size_t count, const CUDA_KERNEL_NODE_PARAMS *p) {
  return add(result, graph, after, count, p);
}
/// The structure of before CUDA 12 ends before the kernel's handle and context.
static CUDA_KERNEL_NODE_PARAMS completed(const CUDA_KERNEL_NODE_PARAMS *first) {
  CUDA_KERNEL_NODE_PARAMS all = {};
  std::memcpy(&all, first, offsetof(CUDA_KERNEL_NODE_PARAMS, kern));
  return all;
}
VCUDA_API CUresult cuGraphAddKernelNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                        size_t count, const CUDA_KERNEL_NODE_PARAMS *p) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS all = completed(p);
  return add(result, graph, after, count, &all);
}
VCUDA_API CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode handle, CUDA_KERNEL_NODE_PARAMS *p);
VCUDA_API CUresult cuGraphKernelNodeGetParams(CUgraphNode handle, CUDA_KERNEL_NODE_PARAMS *p) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS all = {};
  CUresult status = cuGraphKernelNodeGetParams_v2(handle, &all);
  if (!all.func) all.func = reinterpret_cast<CUfunction>(all.kern);
  if (!status) std::memcpy(static_cast<void *>(p), &all, offsetof(CUDA_KERNEL_NODE_PARAMS, kern));
  return status;
}
VCUDA_API CUresult cuGraphKernelNodeSetParams(CUgraphNode handle, const CUDA_KERNEL_NODE_PARAMS *p) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS all = completed(p);
  return change(handle, &all);
}
VCUDA_API CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                     const CUDA_KERNEL_NODE_PARAMS *p);
VCUDA_API CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                  const CUDA_KERNEL_NODE_PARAMS *p) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS all = completed(p);
  return cuGraphExecKernelNodeSetParams_v2(exec, node, &all);
}

VCUDA_API CUresult cuGraphAddMemcpyNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                        size_t count, const CUDA_MEMCPY3D *p, CUcontext) {
  return add(result, graph, after, count, p);
}
VCUDA_API CUresult cuGraphAddMemsetNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                        size_t count, const CUDA_MEMSET_NODE_PARAMS *p, CUcontext) {
  return add(result, graph, after, count, p);
}
VCUDA_API CUresult cuGraphAddHostNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                      size_t count, const CUDA_HOST_NODE_PARAMS *p) {
  return add(result, graph, after, count, p);
}
VCUDA_API CUresult cuGraphAddEmptyNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                       size_t count) {
  CUgraphNodeParams p = {};
  p.type = CU_GRAPH_NODE_TYPE_EMPTY;
  return add(result, graph, after, count, &p);
}
VCUDA_API CUresult cuGraphAddChildGraphNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                            size_t count, CUgraph child) {
  CUgraphNodeParams p = childParams(child);
  return add(result, graph, after, count, &p);
}
VCUDA_API CUresult cuGraphAddEventRecordNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                             size_t count, CUevent event) {
  CUgraphNodeParams p = eventParams(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event);
  return add(result, graph, after, count, &p);
}
VCUDA_API CUresult cuGraphAddEventWaitNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                           size_t count, CUevent event) {
  CUgraphNodeParams p = eventParams(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event);
  return add(result, graph, after, count, &p);
}
VCUDA_API CUresult cuGraphAddBatchMemOpNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                            size_t count, const CUDA_BATCH_MEM_OP_NODE_PARAMS *p) {
  return add(result, graph, after, count, p);
}
/// The address of an allocation is a result.
VCUDA_API CUresult cuGraphAddNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after, size_t count,
                                  CUgraphNodeParams *p) {
  CUresult status = add(result, graph, after, count, p);
  if (!status && p->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC)
    p->alloc.dptr =
        std::get<MemoryAllocation>(*driver().graphNodes.find(*result)->payload).allocation->address;
  return status;
}
VCUDA_API CUresult cuGraphAddMemAllocNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                          size_t count, CUDA_MEM_ALLOC_NODE_PARAMS *p) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams all = {};
  all.type = CU_GRAPH_NODE_TYPE_MEM_ALLOC;
  all.alloc = *p;
  CUresult status = cuGraphAddNode(result, graph, after, count, &all);
  p->dptr = status ? 0 : all.alloc.dptr;
  return status;
}
VCUDA_API CUresult cuGraphAddMemFreeNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                         size_t count, CUdeviceptr address) {
  CUgraphNodeParams all = {};
  all.type = CU_GRAPH_NODE_TYPE_MEM_FREE;
  all.free.dptr = address;
  return add(result, graph, after, count, &all);
}
VCUDA_API CUresult cuGraphAddNode_v2(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                     const void *edges, size_t count, CUgraphNodeParams *p) {
  return edges ? CUDA_ERROR_NOT_SUPPORTED : cuGraphAddNode(result, graph, after, count, p);
}
/// A kernel would have to say which way to go.
VCUDA_API CUresult cuGraphConditionalHandleCreate(uint64_t *, CUgraph, CUcontext, unsigned, unsigned) {
  return api([] { return CUDA_ERROR_NOT_SUPPORTED; });
}

VCUDA_API CUresult cuGraphDestroyNode(CUgraphNode handle) {
  return withNode(handle, [&](Graph &graph, GraphNode &node) -> CUresult {
    if (graph.hasMemory) return CUDA_ERROR_NOT_SUPPORTED;
    auto held = driver().graphNodes.remove(handle);
    for (const auto &other : graph.nodes) std::erase(other->after, held);
    std::erase(graph.nodes, held);
    if (auto *child = std::get_if<ChildGraph>(node.payload.get())) forgetGraph(*child->graph);
    return CUDA_SUCCESS;
  });
}

//===----------------------------------------------------------------------===//
// Reading and changing them
//===----------------------------------------------------------------------===//

/// The pointers to parameters live as long as the node has them.
VCUDA_API CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode handle, CUDA_KERNEL_NODE_PARAMS *p) {
  return withWork<KernelLaunch>(handle, p, [&](const KernelLaunch &launch, GraphNode &node) -> CUresult {
    node.parameters.clear();
    for (const auto &parameter : launch.info->parameters)
      node.parameters.push_back(const_cast<uint8_t *>(launch.parameters.data() + parameter.offset));
    *p = {};
    bool isKernel = driver().kernels.find(reinterpret_cast<CUkernel>(launch.function)) != nullptr;
    (isKernel ? reinterpret_cast<CUfunction &>(p->kern) : p->func) = launch.function;
    p->gridDimX = launch.grid.x, p->gridDimY = launch.grid.y, p->gridDimZ = launch.grid.z;
    p->blockDimX = launch.block.x, p->blockDimY = launch.block.y, p->blockDimZ = launch.block.z;
    p->sharedMemBytes = launch.dynamicShared;
    p->kernelParams = node.parameters.empty() ? nullptr : node.parameters.data();
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphMemcpyNodeGetParams(CUgraphNode handle, CUDA_MEMCPY3D *p) {
  return withWork<Copy>(handle, p, [&](const Copy &copy, GraphNode &) -> CUresult {
    *p = describe(copy);
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphMemsetNodeGetParams(CUgraphNode handle, CUDA_MEMSET_NODE_PARAMS *p) {
  return withWork<Fill>(handle, p, [&](const Fill &fill, GraphNode &) -> CUresult {
    *p = {fill.address, fill.pitch, unsigned(fill.value), fill.elementBytes, fill.width, fill.height};
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphHostNodeGetParams(CUgraphNode handle, CUDA_HOST_NODE_PARAMS *p) {
  return withWork<HostCall>(handle, p, [&](const HostCall &call, GraphNode &) -> CUresult {
    *p = {call.function, call.data};
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode handle, CUgraph *graph) {
  return withWork<ChildGraph>(handle, graph, [&](const ChildGraph &child, GraphNode &) -> CUresult {
    *graph = child.graph->handle;
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode handle, CUevent *event) {
  return withWork<EventRecord>(handle, event, [&](const EventRecord &record, GraphNode &) -> CUresult {
    *event = record.event->handle;
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode handle, CUevent *event) {
  return withWork<EventWait>(handle, event, [&](const EventWait &wait, GraphNode &) -> CUresult {
    *event = wait.event->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphBatchMemOpNodeGetParams(CUgraphNode handle, CUDA_BATCH_MEM_OP_NODE_PARAMS *p) {
  return withWork<MemoryOperations>(handle, p, [&](const MemoryOperations &work, GraphNode &) -> CUresult {
    *p = {nullptr, unsigned(work.all.size()), const_cast<CUstreamBatchMemOpParams *>(work.all.data()),
          work.flags};
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphMemAllocNodeGetParams(CUgraphNode handle, CUDA_MEM_ALLOC_NODE_PARAMS *p) {
  return withWork<MemoryAllocation>(handle, p, [&](const MemoryAllocation &made, GraphNode &) -> CUresult {
    *p = {made.pool, made.access.data(), made.access.size(), made.allocation->bytes,
          made.allocation->address};
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuGraphMemFreeNodeGetParams(CUgraphNode handle, CUdeviceptr *address) {
  return withWork<MemoryFree>(handle, address, [&](const MemoryFree &freed, GraphNode &) -> CUresult {
    *address = freed.allocation->address;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *p) {
  return change(node, p);
}
VCUDA_API CUresult cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D *p) {
  return change(node, p);
}
VCUDA_API CUresult cuGraphMemsetNodeSetParams(CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS *p) {
  return change(node, p);
}
VCUDA_API CUresult cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS *p) {
  return change(node, p);
}
VCUDA_API CUresult cuGraphBatchMemOpNodeSetParams(CUgraphNode node, const CUDA_BATCH_MEM_OP_NODE_PARAMS *p) {
  return change(node, p);
}
VCUDA_API CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event) {
  CUgraphNodeParams p = eventParams(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event);
  return change(node, &p);
}
VCUDA_API CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event) {
  CUgraphNodeParams p = eventParams(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event);
  return change(node, &p);
}
VCUDA_API CUresult cuGraphNodeSetParams(CUgraphNode node, CUgraphNodeParams *p) { return change(node, p); }

VCUDA_API CUresult cuGraphNodeGetType(CUgraphNode handle, int *type) {
  return withNode(handle, [&](Graph &, GraphNode &node) -> CUresult {
    if (!type) return CUDA_ERROR_INVALID_VALUE;
    *type = nodeType(*node.payload);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphNodeFindInClone(CUgraphNode *result, CUgraphNode original, CUgraph handle) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!result || !graph) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    for (const auto &node : graph->nodes) {
      if (node->original != original || !original) continue;
      *result = node->handle;
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_VALUE;
  });
}

//===----------------------------------------------------------------------===//
// Edges
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                             const void *edges, size_t count) {
  if (edges) return CUDA_ERROR_NOT_SUPPORTED;
  return eachPair(graph, from, to, count, [](GraphNode &node, const auto &before, auto at) {
    if (at != node.after.end()) return false;
    node.after.push_back(before);
    return true;
  });
}
VCUDA_API CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                          size_t count) {
  return cuGraphAddDependencies_v2(graph, from, to, nullptr, count);
}

VCUDA_API CUresult cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                                const void *edges, size_t count) {
  if (edges) return CUDA_ERROR_NOT_SUPPORTED;
  if (auto held = driver().graphs.find(graph); held && held->hasMemory) return CUDA_ERROR_NOT_SUPPORTED;
  return eachPair(graph, from, to, count, [](GraphNode &node, const auto &, auto at) {
    if (at == node.after.end()) return false;
    node.after.erase(at);
    return true;
  });
}
VCUDA_API CUresult cuGraphRemoveDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                             size_t count) {
  return cuGraphRemoveDependencies_v2(graph, from, to, nullptr, count);
}

/// Edges are plain ones: their data, if asked for, is zero.
VCUDA_API CUresult cuGraphGetEdges_v2(CUgraph handle, CUgraphNode *from, CUgraphNode *to, uint64_t *edges,
                                      size_t *count) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!graph || !from != !to) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    std::vector<std::pair<CUgraphNode, CUgraphNode>> all;
    for (const auto &node : graph->nodes)
      for (const auto &before : node->after) all.emplace_back(before->handle, node->handle);
    return writeList(all.size(), from, count, [&](size_t i) {
      from[i] = i < all.size() ? all[i].first : nullptr;
      to[i] = i < all.size() ? all[i].second : nullptr;
      if (edges) edges[i] = 0;
    });
  });
}
VCUDA_API CUresult cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *count) {
  return cuGraphGetEdges_v2(graph, from, to, nullptr, count);
}

VCUDA_API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  return listNodes(graph, nodes, count, [](const GraphNode &) { return true; });
}
VCUDA_API CUresult cuGraphGetRootNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  return listNodes(graph, nodes, count, [](const GraphNode &node) { return node.after.empty(); });
}
VCUDA_API CUresult cuGraphNodeGetDependencies_v2(CUgraphNode handle, CUgraphNode *nodes, uint64_t *edges,
                                                 size_t *count) {
  return withNode(handle, [&](Graph &, GraphNode &node) -> CUresult {
    std::vector<CUgraphNode> before;
    for (const auto &b : node.after) before.push_back(b->handle);
    if (edges && nodes && count) std::fill_n(edges, std::min(*count, before.size()), 0);
    return writeNodes(before, nodes, count);
  });
}
VCUDA_API CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes, size_t *count) {
  return cuGraphNodeGetDependencies_v2(node, nodes, nullptr, count);
}
VCUDA_API CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode handle, CUgraphNode *nodes, uint64_t *edges,
                                                   size_t *count) {
  return withNode(handle, [&](Graph &graph, GraphNode &node) -> CUresult {
    std::vector<CUgraphNode> later;
    for (const auto &other : graph.nodes)
      for (const auto &before : other->after)
        if (before.get() == &node) later.push_back(other->handle);
    if (edges && nodes && count) std::fill_n(edges, std::min(*count, later.size()), 0);
    return writeNodes(later, nodes, count);
  });
}
VCUDA_API CUresult cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *nodes, size_t *count) {
  return cuGraphNodeGetDependentNodes_v2(node, nodes, nullptr, count);
}
