// The nodes of a graph and the edges between them: listed, added, taken away.
#include "runtime/vcuda/driver/graph.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

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
