// A plan's launches as a CUDA graph, instantiated once: other dims, variants and tensors update its nodes.
//
// There is a node for whatever a variant of the plan may issue: as many kernel nodes for an op as the longest
// of its variants has launches, one for each copy and set, one for each output that might have to be copied.
// Edges are the plan's dependences, so that independent ops may run side by side. What the plan for given
// dims does not issue is disabled.
#pragma once

#include "runtime/module.h"

namespace dlc::rt {

class Graph {
public:
  /// All nodes are disabled. The CUDA context is current here and at the end. Throws Failure.
  Graph(const Plan &plan, DeviceState &device, const dlc_device_allocator &allocator);
  ~Graph();
  Graph(const Graph &) = delete;
  Graph &operator=(const Graph &) = delete;

  // An update: begin, what each step of the bound plan does, end. The driver is called for changes only.
  // Nothing is allocated.
  void begin();
  CuResult setKernel(const BoundStep &step, const uint64_t *words, void **parameters);
  CuResult setCopy(const BoundStep &step, CuAddress to, CuAddress from, uint64_t bytes);
  CuResult setFill(const BoundStep &step, CuAddress to, uint32_t value, unsigned width, uint64_t count);
  /// Disables what no step has set since begin.
  CuResult end();

  CuResult launch(CuStream stream) { return device.driver.graphLaunch(exec, stream); }
  size_t nodeCount() const { return nodes.size(); }

private:
  struct Node {
    CuGraphNode handle = nullptr;
    bool isEnabled = false, isWanted = false;
    // What it was last told, by kind.
    bool isKnown = false;
    BoundLaunch launch;
    Vec<uint64_t> words; ///< of the launch; as many as any variant has
    CuAddress to = 0, from = 0;
    uint64_t count = 0;
  };
  Node &nodeOf(const BoundStep &step);
  CuResult want(Node &node, CuResult updated);
  void addKernels(const Op &op, Vec<CuGraphNode> &after);
  void addTransfer(OpKind kind, Vec<CuGraphNode> &after);
  void build(const Plan &plan);
  void destroy() noexcept;

  DeviceState &device;
  DeviceBlock spare; ///< what copies and sets that were never wanted are about
  CuGraph graph = nullptr;
  CuGraphExec exec = nullptr;
  Vec<Node> nodes;
  Vec<uint32_t> firstNode; ///< by op; behind them that of the outputs' copies
};

} // namespace dlc::rt
