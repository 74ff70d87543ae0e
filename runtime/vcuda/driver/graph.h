//===- graph.h - recorded work: capture, instantiation, launch ----------------===//
//
// What a stream is asked to do is a Payload: run at once from a queue, or kept in a graph's node and run at
// every launch of the graph. A graph is launched as one command of its stream that runs the nodes in an order
// which their edges allow.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_GRAPH_H
#define DLC_RUNTIME_VCUDA_DRIVER_GRAPH_H

#include "runtime/vcuda/driver/copy.h"
#include "runtime/vcuda/driver/launch.h"

#include <variant>

namespace dlc::vcuda {

struct HostCall {
  CUhostFn function = nullptr;
  void *data = nullptr;
};

using Payload = std::variant<std::monostate, KernelLaunch, Copy, Fill, HostCall>;

/// Runs one piece of work, unless the context has failed. Called by the queue.
void runPayload(Context &context, const Payload &payload);

struct GraphNode {
  std::weak_ptr<Graph> graph;
  std::shared_ptr<const Payload> payload;
  std::vector<std::shared_ptr<GraphNode>> after; ///< guarded by the graph's mutex
  CUgraphNode handle = nullptr;
};

struct Graph {
  std::mutex mutex; ///< guards what follows
  std::vector<std::shared_ptr<GraphNode>> nodes;
  CUgraph handle = nullptr;
};

struct GraphExec {
  struct Step {
    std::shared_ptr<GraphNode> node; ///< of the graph that it was made from
    std::shared_ptr<const Payload> payload;
    bool isEnabled = true;
  };
  std::mutex mutex; ///< guards what follows
  std::vector<Step> steps;
  unsigned long long flags = 0;
};

std::shared_ptr<GraphNode> addNode(const std::shared_ptr<Graph> &graph, Payload payload,
                                   std::vector<std::shared_ptr<GraphNode>> after);

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
