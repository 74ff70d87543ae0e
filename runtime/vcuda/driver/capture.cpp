// Stream capture: calls become nodes of a graph instead of commands of a queue.
#include "runtime/vcuda/driver/graph.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace dlc::vcuda {
namespace {

/// The stream's capture, or null. The context's mutex is held.
StreamCapture *captureOf(Context &context, const StreamState *state) {
  auto it = context.captures.find(state);
  return it == context.captures.end() ? nullptr : &it->second;
}

bool anyBlockingCapture(Context &context) {
  return std::any_of(context.captures.begin(), context.captures.end(),
                     [](const auto &c) { return c.first->blocking; });
}

void invalidateAll(Context &context) {
  for (auto &[stream, c] : context.captures) c.capture->invalid = true;
}

/// Everything that comes before the nodes, and they themselves.
std::set<const GraphNode *> ancestors(const std::vector<std::shared_ptr<GraphNode>> &nodes) {
  std::set<const GraphNode *> seen;
  std::vector<const GraphNode *> open;
  for (const auto &node : nodes) open.push_back(node.get());
  while (!open.empty()) {
    const GraphNode *node = open.back();
    open.pop_back();
    if (!seen.insert(node).second) continue;
    for (const auto &before : node->after) open.push_back(before.get());
  }
  return seen;
}

} // namespace

CUresult addNode(const std::shared_ptr<Graph> &graph, Payload payload,
                 std::vector<std::shared_ptr<GraphNode>> after, std::shared_ptr<GraphNode> &node) {
  auto *made = std::get_if<MemoryAllocation>(&payload);
  auto *freed = std::get_if<MemoryFree>(&payload);
  if (made)
    if (CUresult wrong = bindMemory(*graph, *made)) return wrong;
  if (freed)
    if (CUresult wrong = bindMemory(*graph, *freed)) return wrong;
  node = std::make_shared<GraphNode>();
  node->graph = graph;
  node->payload = std::make_shared<const Payload>(std::move(payload));
  node->after = std::move(after);
  node->handle = driver().graphNodes.add(node);
  std::lock_guard lock(graph->mutex);
  graph->nodes.push_back(node);
  if (made || freed) graph->hasMemory = true;
  return CUDA_SUCCESS;
}

CUresult enqueue(Context &context, const std::shared_ptr<StreamState> &state, Payload payload, Point *point) {
  if (context.capturing) {
    std::lock_guard lock(context.mutex);
    if (StreamCapture *c = captureOf(context, state.get())) {
      if (c->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
      std::shared_ptr<GraphNode> node;
      if (CUresult wrong = addNode(c->capture->graph, std::move(payload), c->last, node)) return wrong;
      c->last = {std::move(node)};
      return CUDA_SUCCESS;
    }
    if (state->legacy && anyBlockingCapture(context)) {
      invalidateAll(context);
      return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
  }
  Point submitted = submitWork(context, state, {std::make_shared<const Payload>(std::move(payload))});
  if (point) *point = submitted;
  return CUDA_SUCCESS;
}

bool isCapturing(Context &context, const StreamState &state) {
  if (!context.capturing) return false;
  std::lock_guard lock(context.mutex);
  return captureOf(context, &state) != nullptr;
}

CUresult forbidInCapture(Context &context, const StreamState &state) {
  if (!context.capturing) return CUDA_SUCCESS;
  std::lock_guard lock(context.mutex);
  if (StreamCapture *c = captureOf(context, &state)) {
    c->capture->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (!state.legacy || !anyBlockingCapture(context)) return CUDA_SUCCESS;
  invalidateAll(context);
  return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
}

bool captureRecord(Context &context, const std::shared_ptr<StreamState> &state, Event &event) {
  std::scoped_lock lock(context.mutex, event.mutex);
  StreamCapture *c = captureOf(context, state.get());
  event.capture = c ? std::make_shared<StreamCapture>(*c) : nullptr;
  return c != nullptr;
}

bool captureWait(Context &context, const std::shared_ptr<StreamState> &state, Event &event,
                 CUresult &status) {
  std::scoped_lock lock(context.mutex, event.mutex);
  StreamCapture *mine = captureOf(context, state.get());
  if (!event.capture) {
    // Work outside of a capture can't be waited for by a node of it.
    bool recorded = event.point.stream != nullptr;
    status = mine && recorded ? CUDA_ERROR_STREAM_CAPTURE_ISOLATION : CUDA_SUCCESS;
    if (mine && recorded) mine->capture->invalid = true;
    return mine != nullptr;
  }
  status = CUDA_SUCCESS;
  const StreamCapture &theirs = *event.capture;
  if (!mine) {
    if (!captureOf(context, theirs.capture->origin) || state->legacy) {
      status = state->legacy ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT : CUDA_ERROR_INVALID_VALUE;
      return true;
    }
    context.captures[state.get()] = theirs;
  } else if (mine->capture != theirs.capture) {
    mine->capture->invalid = theirs.capture->invalid = true;
    status = CUDA_ERROR_STREAM_CAPTURE_MERGE;
  } else {
    for (const auto &node : theirs.last)
      if (std::find(mine->last.begin(), mine->last.end(), node) == mine->last.end())
        mine->last.push_back(node);
  }
  return true;
}

} // namespace dlc::vcuda

/// Begins a capture into a graph of its own, or into one that the client has.
static CUresult beginCapture(CUstream handle, int mode, std::shared_ptr<Graph> graph,
                             std::vector<std::shared_ptr<GraphNode>> after) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, handle);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    if (mode < 0 || mode > 2) return CUDA_ERROR_INVALID_VALUE;
    if (state->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    std::lock_guard lock(context.mutex);
    if (context.captures.count(state.get())) return CUDA_ERROR_ILLEGAL_STATE;
    auto capture = std::make_shared<Capture>();
    capture->id = nextNumber();
    capture->origin = state.get();
    capture->graph = graph;
    if (!graph) {
      capture->graph = std::make_shared<Graph>();
      capture->graph->handle = driver().graphs.add(capture->graph);
      capture->ownsGraph = true;
    }
    context.captures[state.get()] = {capture, std::move(after)};
    context.capturing = true;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamBeginCapture_v2(CUstream handle, int mode) {
  return beginCapture(handle, mode, nullptr, {});
}
VCUDA_API CUresult cuStreamBeginCaptureToGraph(CUstream handle, CUgraph graphHandle, const CUgraphNode *after,
                                               const void *edges, size_t count, int mode) {
  if (edges) return CUDA_ERROR_NOT_SUPPORTED;
  auto graph = driver().graphs.find(graphHandle);
  std::vector<std::shared_ptr<GraphNode>> nodes;
  if (!graph || !readNodes(graph, after, count, nodes)) return CUDA_ERROR_INVALID_VALUE;
  return beginCapture(handle, mode, graph, std::move(nodes));
}
VCUDA_API CUresult cuStreamBeginCapture(CUstream handle) { return cuStreamBeginCapture_v2(handle, 0); }

VCUDA_API CUresult cuStreamEndCapture(CUstream handle, CUgraph *result) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, handle);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    if (!result) return CUDA_ERROR_INVALID_VALUE;
    *result = nullptr;
    std::lock_guard lock(context.mutex);
    StreamCapture *c = captureOf(context, state.get());
    if (!c) return CUDA_ERROR_ILLEGAL_STATE;
    auto capture = c->capture;
    if (capture->origin != state.get()) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    auto joined = ancestors(c->last);
    bool allJoined = true;
    for (const auto &[stream, other] : context.captures)
      if (other.capture == capture)
        for (const auto &node : other.last) allJoined &= joined.count(node.get()) != 0;
    std::erase_if(context.captures, [&](const auto &other) { return other.second.capture == capture; });
    context.capturing = !context.captures.empty();
    if (capture->invalid || !allJoined) {
      if (capture->ownsGraph) forgetGraph(*capture->graph);
      return capture->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    }
    *result = capture->graph->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamGetCaptureInfo_v3(CUstream handle, int *status, uint64_t *id, CUgraph *graph,
                                             const CUgraphNode **dependencies, const void **edges,
                                             size_t *count) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, handle);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    if (!status) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(context.mutex);
    StreamCapture *c = captureOf(context, state.get());
    *status = !c ? 0 : c->capture->invalid ? 2 : 1;
    if (!c || c->capture->invalid) return CUDA_SUCCESS;
    if (id) *id = c->capture->id;
    if (graph) *graph = c->capture->graph->handle;
    // The list lives until the thread asks again.
    thread_local std::vector<CUgraphNode> list;
    list.clear();
    for (const auto &node : c->last) list.push_back(node->handle);
    if (dependencies) *dependencies = list.data();
    if (edges) *edges = nullptr;
    if (count) *count = list.size();
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuStreamGetCaptureInfo_v2(CUstream handle, int *status, uint64_t *id, CUgraph *graph,
                                             const CUgraphNode **dependencies, size_t *count) {
  return cuStreamGetCaptureInfo_v3(handle, status, id, graph, dependencies, nullptr, count);
}
VCUDA_API CUresult cuStreamGetCaptureInfo(CUstream handle, int *status, uint64_t *id) {
  return cuStreamGetCaptureInfo_v3(handle, status, id, nullptr, nullptr, nullptr, nullptr);
}
VCUDA_API CUresult cuStreamIsCapturing(CUstream handle, int *status) {
  return cuStreamGetCaptureInfo_v3(handle, status, nullptr, nullptr, nullptr, nullptr, nullptr);
}

/// What the stream's next node comes after: more nodes, or others.
VCUDA_API CUresult cuStreamUpdateCaptureDependencies_v2(CUstream handle, CUgraphNode *nodes,
                                                        const void *edges, size_t count, unsigned flags) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, handle);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    if (edges) return CUDA_ERROR_NOT_SUPPORTED;
    std::lock_guard lock(context.mutex);
    StreamCapture *c = captureOf(context, state.get());
    if (!c) return CUDA_ERROR_ILLEGAL_STATE;
    if (c->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    std::vector<std::shared_ptr<GraphNode>> last;
    if (flags > 1 || !readNodes(c->capture->graph, nodes, count, last)) return CUDA_ERROR_INVALID_VALUE;
    if (flags == 1) c->last.clear();
    for (auto &node : last)
      if (std::find(c->last.begin(), c->last.end(), node) == c->last.end())
        c->last.push_back(std::move(node));
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode *nodes, size_t count,
                                                     unsigned flags) {
  return cuStreamUpdateCaptureDependencies_v2(stream, nodes, nullptr, count, flags);
}

/// Calls that a capture would forbid are not told apart by thread, so the mode is only remembered.
VCUDA_API CUresult cuThreadExchangeStreamCaptureMode(int *mode) {
  thread_local int current = 0;
  if (!mode || *mode < 0 || *mode > 2) return CUDA_ERROR_INVALID_VALUE;
  std::swap(current, *mode);
  return CUDA_SUCCESS;
}
