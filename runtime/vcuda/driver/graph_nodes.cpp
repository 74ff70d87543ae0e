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

} // namespace

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
                                        size_t count, const CUDA_MEMCPY3D *p, CUcontext context) {
  return isUnknown(context) ? CUDA_ERROR_INVALID_CONTEXT : add(result, graph, after, count, p);
}
VCUDA_API CUresult cuGraphAddMemsetNode(CUgraphNode *result, CUgraph graph, const CUgraphNode *after,
                                        size_t count, const CUDA_MEMSET_NODE_PARAMS *p, CUcontext context) {
  return isUnknown(context) ? CUDA_ERROR_INVALID_CONTEXT : add(result, graph, after, count, p);
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
