#include "runtime/vcuda/driver/graph.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

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
constexpr unsigned instantiateAutoFree = 1;
constexpr int updateTopologyChanged = 2, updateTypeChanged = 3, updateNotSupported = 6;

template <typename Params> CUresult update(CUgraphExec exec, CUgraphNode node, const Params *params) {
  return inContext([&](Context &context) -> CUresult {
    Payload payload;
    if (CUresult wrong = readPayload(context, params, payload)) return wrong;
    return replaceWork(exec, node, std::move(payload));
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

/// Steps of a graph and of those inside of it, each before the node that it is; `objects`, if asked for, gets
/// references to what they keep alive.
CUresult makeSteps(Graph &graph, std::vector<GraphExec::Step> &steps, UserReferences *objects = nullptr) {
  std::lock_guard lock(graph.mutex);
  if (objects) objects->add(graph.objects);
  auto order = ordered(graph);
  if (order.size() != graph.nodes.size()) return CUDA_ERROR_INVALID_VALUE;
  std::map<const GraphNode *, size_t> numbers;
  for (const auto &node : order) {
    if (auto *child = std::get_if<ChildGraph>(node->payload.get()))
      if (CUresult wrong = makeSteps(*child->graph, steps, objects)) return wrong;
    GraphExec::Step step = {node, node->payload, true, {}};
    for (const auto &before : node->after) step.after.push_back(numbers.at(before.get()));
    std::sort(step.after.begin(), step.after.end());
    numbers[node.get()] = steps.size();
    steps.push_back(std::move(step));
  }
  return CUDA_SUCCESS;
}

CUresult instantiate(CUgraphExec *result, CUgraph handle, unsigned long long flags) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!result || !graph || flags > 15) return CUDA_ERROR_INVALID_VALUE;
    if (flags & 4) return CUDA_ERROR_NOT_SUPPORTED; // launches from the device
    auto exec = std::make_shared<GraphExec>();
    exec->flags = flags;
    exec->objects = std::make_shared<UserReferences>();
    if (CUresult wrong = makeSteps(*graph, exec->steps, exec->objects.get())) return wrong;
    std::lock_guard lock(graph->mutex);
    if (graph->hasMemory && graph->instance.lock()) return CUDA_ERROR_NOT_SUPPORTED; // its memory is one
    graph->instance = exec;
    *result = driver().graphExecs.add(exec);
    return CUDA_SUCCESS;
  });
}

/// The allocation that a node makes or frees, or null.
std::shared_ptr<GraphAllocation> memoryOf(const Payload &payload) {
  if (auto *made = std::get_if<MemoryAllocation>(&payload)) return made->allocation;
  auto *freed = std::get_if<MemoryFree>(&payload);
  return freed ? freed->allocation : nullptr;
}

/// Takes the memory of a launch; what has to be freed before comes first in its work.
CUresult takeMemory(Context &context, bool freesFirst, std::vector<std::shared_ptr<const Payload>> &work,
                    std::vector<MemoryStep> &steps) {
  for (const auto &payload : work)
    if (auto allocation = memoryOf(*payload))
      steps.push_back({allocation, std::holds_alternative<MemoryFree>(*payload)});
  std::vector<std::shared_ptr<GraphAllocation>> freed;
  if (steps.empty()) return CUDA_SUCCESS;
  CUresult status = beginLaunch(context, steps, freesFirst, freed);
  for (const auto &allocation : freed)
    work.insert(work.begin(), std::make_shared<const Payload>(MemoryFree{allocation}));
  return status;
}

/// What the nodes of a launch wait for outside of it: the last records of events, where they were made.
struct Outside {
  std::vector<Point> points; ///< in the launching context
  std::vector<std::pair<std::weak_ptr<Context>, Point>> elsewhere;

  void add(const Context &context, Event &event) {
    std::lock_guard lock(event.mutex);
    if (!event.point.stream) return;
    auto owner = event.context.lock();
    if (owner.get() == &context)
      points.push_back(event.point);
    else if (owner)
      elsewhere.emplace_back(owner, event.point);
  }
};

/// The work of one launch: faults injected, events with the marks that it will set.
CUresult prepareWork(const Context &context, GraphExec &exec,
                     std::vector<std::shared_ptr<const Payload>> &work, std::vector<EventRecord> &records,
                     Outside &outside) {
  std::lock_guard lock(exec.mutex);
  for (const GraphExec::Step &step : exec.steps) {
    if (!step.isEnabled) continue;
    std::shared_ptr<const Payload> payload = step.payload;
    if (auto *launch = std::get_if<KernelLaunch>(payload.get())) {
      KernelLaunch faulty = *launch;
      if (CUresult fault = injectFault(faulty)) return fault;
      if (faulty.fault) payload = std::make_shared<const Payload>(std::move(faulty));
    } else if (auto *record = std::get_if<EventRecord>(payload.get())) {
      records.push_back({record->event, std::make_shared<EventMark>()});
      payload = std::make_shared<const Payload>(records.back());
    } else if (auto *wait = std::get_if<EventWait>(payload.get())) {
      bool own = std::any_of(records.begin(), records.end(),
                             [&](const EventRecord &r) { return r.event == wait->event; });
      if (!own) outside.add(context, *wait->event);
    }
    work.push_back(std::move(payload));
  }
  return CUDA_SUCCESS;
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
  } else if (auto *record = std::get_if<EventRecord>(&payload)) {
    record->mark->time = std::chrono::steady_clock::now();
    record->mark->done = true;
  } else if (auto *operations = std::get_if<MemoryOperations>(&payload)) {
    for (const auto &operation : operations->all) runOperation(context, operation);
  } else if (auto *made = std::get_if<MemoryAllocation>(&payload)) {
    runAllocation(context, *made->allocation);
  } else if (auto *freed = std::get_if<MemoryFree>(&payload)) {
    runFree(*freed->allocation);
  }
}

Point submitWork(Context &context, const std::shared_ptr<StreamState> &state,
                 const std::vector<std::shared_ptr<const Payload>> &work, std::vector<Point> after) {
  std::vector<Command> commands;
  std::vector<std::shared_ptr<const Payload>> part;
  std::function<bool()> isReady;
  auto end = [&] {
    auto run = [&context, part = std::move(part)] {
      for (const auto &payload : part) runPayload(context, *payload);
    };
    commands.push_back({std::move(run), std::move(after), std::move(isReady)});
    part.clear(), after.clear(), isReady = nullptr;
  };
  for (const auto &payload : work) {
    auto *operations = std::get_if<MemoryOperations>(payload.get());
    if (!operations) {
      part.push_back(payload);
      continue;
    }
    for (const auto &operation : operations->all) {
      if (isWait(operation)) {
        if (!part.empty()) end();
        isReady = [&context, operation] { return isOver(context, operation); };
      }
      part.push_back(std::make_shared<const Payload>(MemoryOperations{{operation}}));
    }
  }
  end();
  return context.queue.submit(state, std::move(commands));
}

CUresult replaceWork(CUgraphExec handle, CUgraphNode nodeHandle, Payload payload) {
  auto exec = driver().graphExecs.find(handle);
  auto node = driver().graphNodes.find(nodeHandle);
  if (!exec || !node) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(exec->mutex);
  auto &steps = exec->steps;
  auto at = std::find_if(steps.begin(), steps.end(), [&](const auto &step) { return step.node == node; });
  if (at == steps.end() || at->payload->index() != payload.index()) return CUDA_ERROR_INVALID_VALUE;
  if (isMemoryNode(payload)) return CUDA_ERROR_NOT_SUPPORTED;
  if (auto *child = std::get_if<ChildGraph>(&payload)) {
    // The steps of the graph inside stand before the node; they take over the work of the new one's.
    std::vector<GraphExec::Step> old, fresh;
    if (CUresult wrong = makeSteps(*std::get<ChildGraph>(*at->payload).graph, old)) return wrong;
    if (CUresult wrong = makeSteps(*child->graph, fresh)) return wrong;
    bool same =
        std::equal(old.begin(), old.end(), fresh.begin(), fresh.end(), [](const auto &x, const auto &y) {
          return x.payload->index() == y.payload->index() && x.after == y.after;
        });
    if (!same || size_t(at - steps.begin()) < old.size()) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < old.size(); ++i) (at - long(old.size() - i))->payload = fresh[i].payload;
    return CUDA_SUCCESS;
  }
  at->payload = std::make_shared<const Payload>(std::move(payload));
  return CUDA_SUCCESS;
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
    forgetGraph(*graph);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphClone(CUgraph *result, CUgraph handle) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!result || !graph) return CUDA_ERROR_INVALID_VALUE;
    auto clone = cloneGraph(*graph);
    if (!clone) return CUDA_ERROR_NOT_SUPPORTED;
    *result = clone->handle;
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
VCUDA_API CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *result, CUgraph graph,
                                                     InstantiateParams *p) {
  return cuGraphInstantiateWithParams(result, graph, p);
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
                                                     const CUDA_KERNEL_NODE_PARAMS *p) {
  return update(exec, node, p);
}
VCUDA_API CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *p,
                                                  CUcontext context) {
  return isUnknown(context) ? CUDA_ERROR_INVALID_CONTEXT : update(exec, node, p);
}
VCUDA_API CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                  const CUDA_MEMSET_NODE_PARAMS *p, CUcontext context) {
  return isUnknown(context) ? CUDA_ERROR_INVALID_CONTEXT : update(exec, node, p);
}
VCUDA_API CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                const CUDA_HOST_NODE_PARAMS *p) {
  return update(exec, node, p);
}

VCUDA_API CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraph handle) {
  CUgraphNodeParams p = {};
  p.type = CU_GRAPH_NODE_TYPE_GRAPH;
  p.graph.graph = handle;
  return update(exec, node, &p);
}
VCUDA_API CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  CUgraphNodeParams p = {};
  p.type = CU_GRAPH_NODE_TYPE_EVENT_RECORD;
  p.event.event = event;
  return update(exec, node, &p);
}
VCUDA_API CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  CUgraphNodeParams p = {};
  p.type = CU_GRAPH_NODE_TYPE_WAIT_EVENT;
  p.event.event = event;
  return update(exec, node, &p);
}
VCUDA_API CUresult cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraphNodeParams *p) {
  return update(exec, node, p);
}

VCUDA_API CUresult cuGraphExecBatchMemOpNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                      const CUDA_BATCH_MEM_OP_NODE_PARAMS *p) {
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
    for (size_t i = 0; same && i < fresh.size(); ++i) {
      if (fresh[i].after == exec->steps[i].after) continue;
      *info = {updateTopologyChanged, fresh[i].node->handle, nullptr};
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
    if (!same) {
      info->result = updateTopologyChanged;
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
    for (size_t i = 0; i < fresh.size(); ++i) {
      if (memoryOf(*fresh[i].payload) == memoryOf(*exec->steps[i].payload)) continue;
      *info = {updateNotSupported, fresh[i].node->handle, nullptr};
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
    // The instance keeps the nodes that it is known by.
    for (size_t i = 0; i < fresh.size(); ++i) exec->steps[i].payload = fresh[i].payload;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *errorNode, int *result) {
  UpdateResultInfo info = {};
  CUresult status = cuGraphExecUpdate_v2(exec, graph, &info);
  if (errorNode) *errorNode = info.errorNode;
  if (result) *result = info.result;
  return status;
}

VCUDA_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  return inContext([&](Context &context) -> CUresult {
    auto exec = driver().graphExecs.find(handle);
    auto state = streamState(context, stream);
    if (!exec) return CUDA_ERROR_INVALID_VALUE;
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    if (CUresult wrong = forbidInCapture(context, *state)) return wrong;
    std::vector<std::shared_ptr<const Payload>> work;
    std::vector<EventRecord> records;
    Outside outside;
    if (CUresult fault = prepareWork(context, *exec, work, records, outside)) return fault;
    std::vector<MemoryStep> memory;
    if (CUresult wrong = takeMemory(context, exec->flags & instantiateAutoFree, work, memory)) return wrong;
    if (!outside.elsewhere.empty())
      context.queue.submit(state, [elsewhere = std::move(outside.elsewhere)] {
        for (const auto &[other, point] : elsewhere)
          if (auto alive = other.lock()) alive->queue.wait(point);
      });
    Point end = submitWork(context, state, work, std::move(outside.points));
    // What the launch uses lives until it has ended.
    context.queue.submit(state, [memory = std::move(memory), objects = exec->objects] { endLaunch(memory); });
    for (const EventRecord &record : records) {
      std::lock_guard lock(record.event->mutex);
      record.event->mark = record.mark;
      record.event->point = end;
      record.event->capture = nullptr;
    }
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
