// A graph as text for Graphviz: one box per node, with what it does; graphs inside of nodes are clusters.
#include "runtime/vcuda/driver/graph.h"

#include <cstdio>

using namespace dlc::vcuda;

namespace {

std::string number(uint64_t value) { return std::to_string(value); }
std::string size(const Dim3 &d) { return number(d.x) + "," + number(d.y) + "," + number(d.z); }

std::string describe(const Payload &payload) {
  if (auto *launch = std::get_if<KernelLaunch>(&payload))
    return "kernel " + launch->info->name + "\\ngrid " + size(launch->grid) + "\\nblock " +
           size(launch->block);
  if (auto *copy = std::get_if<Copy>(&payload))
    return "copy of " + number(copy->width * copy->height * copy->depth) + " bytes";
  if (auto *fill = std::get_if<Fill>(&payload))
    return "fill of " + number(fill->width * fill->height) + " times " + number(fill->elementBytes) +
           " bytes";
  if (std::holds_alternative<HostCall>(payload)) return "host function";
  if (std::holds_alternative<ChildGraph>(payload)) return "graph";
  if (std::holds_alternative<EventRecord>(payload)) return "event record";
  if (std::holds_alternative<EventWait>(payload)) return "event wait";
  if (auto *operations = std::get_if<MemoryOperations>(&payload))
    return number(operations->all.size()) + " memory operations";
  if (auto *made = std::get_if<MemoryAllocation>(&payload))
    return "allocation of " + number(made->allocation->bytes) + " bytes";
  return std::holds_alternative<MemoryFree>(payload) ? "free" : "empty";
}

/// Nodes are named by their handles.
void write(std::FILE *file, Graph &graph) {
  std::lock_guard lock(graph.mutex);
  for (const auto &node : graph.nodes) {
    std::fprintf(file, "  \"%p\" [label=\"%s\"];\n", static_cast<void *>(node->handle),
                 describe(*node->payload).c_str());
    for (const auto &before : node->after)
      std::fprintf(file, "  \"%p\" -> \"%p\";\n", static_cast<void *>(before->handle),
                   static_cast<void *>(node->handle));
    auto *child = std::get_if<ChildGraph>(node->payload.get());
    if (!child) continue;
    std::fprintf(file, "  subgraph \"cluster_%p\" {\n", static_cast<void *>(node->handle));
    write(file, *child->graph);
    std::fprintf(file, "  }\n");
  }
}

} // namespace

/// All flags ask for more detail than there is.
VCUDA_API CUresult cuGraphDebugDotPrint(CUgraph handle, const char *path, unsigned flags) {
  return api([&]() -> CUresult {
    auto graph = driver().graphs.find(handle);
    if (!graph || !path || flags >= 1u << 16) return CUDA_ERROR_INVALID_VALUE;
    std::FILE *file = std::fopen(path, "we");
    if (!file) return CUDA_ERROR_OPERATING_SYSTEM;
    std::fprintf(file, "digraph {\n  node [shape=box];\n");
    write(file, *graph);
    std::fprintf(file, "}\n");
    bool isWritten = !std::ferror(file);
    return std::fclose(file) == 0 && isWritten ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
  });
}
