//===- graph.h - recorded work: capture, instantiation, launch ----------------===//
//
// What a stream is asked to do is a Payload: run at once from a queue, or kept in a graph's node and run at
// every launch of the graph. A graph is launched as one command of its stream that runs the nodes in an order
// which their edges allow; a node that waits for a word of memory begins another command. graph.cpp has
// graphs and their instances, graph_nodes.cpp the nodes, graph_payloads.cpp what their parameters mean,
// graph_edges.cpp what lies between them; capture.cpp makes graphs from calls.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_GRAPH_H
#define DLC_RUNTIME_VCUDA_DRIVER_GRAPH_H

#include "runtime/vcuda/driver/copy.h"
#include "runtime/vcuda/driver/graph_memory.h"
#include "runtime/vcuda/driver/launch.h"
#include "runtime/vcuda/driver/memory_operations.h"
#include "runtime/vcuda/driver/user_object.h"

#include <variant>

namespace dlc::vcuda {

struct HostCall {
  CUhostFn function = nullptr;
  void *data = nullptr;
};

/// A graph as one node: a clone of the client's graph that the parameters name.
struct ChildGraph {
  std::shared_ptr<Graph> graph;
};
struct EventRecord {
  std::shared_ptr<Event> event;
  std::shared_ptr<EventMark> mark; ///< of one launch
};
struct EventWait {
  std::shared_ptr<Event> event;
};

/// A node's kind is its index here (nodeType in graph_nodes.cpp).
using Payload = std::variant<std::monostate, KernelLaunch, Copy, Fill, HostCall, ChildGraph, EventRecord,
                             EventWait, MemoryOperations, MemoryAllocation, MemoryFree>;

/// Runs one piece of work, unless the context has failed. Called by the queue.
void runPayload(Context &context, const Payload &payload);
/// Gives work to a stream, cut into commands at the waits for memory.
Point submitWork(Context &context, const std::shared_ptr<StreamState> &state,
                 const std::vector<std::shared_ptr<const Payload>> &work, std::vector<Point> after = {});

struct GraphNode {
  std::weak_ptr<Graph> graph;
  std::shared_ptr<const Payload> payload;
  std::vector<std::shared_ptr<GraphNode>> after; ///< guarded by the graph's mutex
  CUgraphNode handle = nullptr;
  std::vector<void *>
      parameters; ///< pointers to a kernel's, for a client that asks; guarded by the graph's mutex
  CUgraphNode original = nullptr; ///< in a clone: the node that this one was made from
};

struct Graph {
  std::mutex mutex; ///< guards what follows
  std::vector<std::shared_ptr<GraphNode>> nodes;
  UserReferences objects;
  /// It has nodes that allocate or free, so that nothing can be taken away from it and one instance can be
  /// there.
  std::atomic<bool> hasMemory{false};
  std::weak_ptr<GraphExec> instance; ///< of a graph with memory
  CUgraph handle = nullptr;
};

struct GraphExec {
  struct Step {
    std::shared_ptr<GraphNode> node; ///< of the graph that it was made from
    std::shared_ptr<const Payload> payload;
    bool isEnabled = true;
    std::vector<size_t> after; ///< the steps that its node's edges come from, in order of their numbers
  };
  std::mutex mutex; ///< guards what follows
  std::vector<Step> steps;
  unsigned long long flags = 0;
  std::shared_ptr<UserReferences> objects; ///< a launch keeps them as well
};

CUresult readPayload(Context &context, const CUDA_KERNEL_NODE_PARAMS *p, Payload &payload);
CUresult readPayload(Context &context, const CUDA_MEMCPY3D *p, Payload &payload);
CUresult readPayload(Context &context, const CUDA_MEMSET_NODE_PARAMS *p, Payload &payload);
CUresult readPayload(Context &context, const CUDA_HOST_NODE_PARAMS *p, Payload &payload);
CUresult readPayload(Context &context, const CUDA_BATCH_MEM_OP_NODE_PARAMS *p, Payload &payload);
/// Whether the parameters of such nodes can't be changed.
bool isMemoryNode(const Payload &payload);
/// What the parameters of any node mean; a child graph is the client's own still.
CUresult readPayload(Context &context, const CUgraphNodeParams *p, Payload &payload);

/// A child graph becomes the node's own; false when it can't be cloned.
bool own(Payload &payload);

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

/// The nodes that handles mean; false when one is not of the graph or comes twice.
bool readNodes(const std::shared_ptr<Graph> &graph, const CUgraphNode *handles, size_t count,
               std::vector<std::shared_ptr<GraphNode>> &nodes);
/// The nodes in an order that the edges allow; fewer than all when there is a cycle. The graph's mutex is
/// held.
std::vector<std::shared_ptr<GraphNode>> ordered(const Graph &graph);
/// Whether it or a graph inside of it has nodes that allocate or free. The graph's mutex is held.
bool usesMemory(const Graph &graph);
/// A graph like this one, with nodes of its own; it and the graphs inside of it have handles. Null for one
/// that uses memory.
std::shared_ptr<Graph> cloneGraph(Graph &graph);
/// Takes the handles of a graph, its nodes and the graphs inside of it.
void forgetGraph(Graph &graph);
/// Replaces the work of one node of an instance, whose kind stays.
CUresult replaceWork(CUgraphExec exec, CUgraphNode node, Payload payload);

/// Adds a node; an error when the graph may not have it.
CUresult addNode(const std::shared_ptr<Graph> &graph, Payload payload,
                 std::vector<std::shared_ptr<GraphNode>> after, std::shared_ptr<GraphNode> &node);

/// Whether the context that a node is said to run in is none (a node runs in that of its launch; null is
/// right).
inline bool isUnknown(CUcontext context) { return context && !driver().contexts.find(context); }

/// Gives work to a stream: to its queue, or to the graph that it is captured into. `point`, if asked for, is
/// where in the queue.
CUresult enqueue(Context &context, const std::shared_ptr<StreamState> &state, Payload payload,
                 Point *point = nullptr);

/// Whether a stream is being captured.
bool isCapturing(Context &context, const StreamState &state);
/// An error for calls that a capturing stream does not allow, and the end of the capture; success for other
/// streams.
CUresult forbidInCapture(Context &context, const StreamState &state);
/// Records an event in a capture, or makes a stream wait for one; false when no capture takes part.
bool captureRecord(Context &context, const std::shared_ptr<StreamState> &state, Event &event);
bool captureWait(Context &context, const std::shared_ptr<StreamState> &state, Event &event, CUresult &status);

} // namespace dlc::vcuda

#endif
