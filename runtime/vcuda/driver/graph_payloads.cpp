// What the parameters of nodes mean, and graphs as wholes: their order, copies, ends.
#include "runtime/vcuda/driver/graph.h"

#include <algorithm>

namespace dlc::vcuda {

static CUresult readEvent(CUevent handle, std::shared_ptr<Event> &event) {
  event = driver().events.find(handle);
  return event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

bool own(Payload &payload) {
  auto *child = std::get_if<ChildGraph>(&payload);
  return !child || (child->graph = cloneGraph(*child->graph));
}

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
