//===- graph_memory.h - allocations that graphs make and free -----------------===//
//
// Adding the node gives the allocation its address, for good. A launch sets memory aside for it, which stays
// the graph's from launch to launch until it is trimmed; the node makes the bytes accessible, never written,
// and the node that frees it (or a call) makes them inaccessible. What is allowed is decided in the order of
// calls, as the API says: `isOutstanding` follows that, not the work in the streams.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_GRAPH_MEMORY_H
#define DLC_RUNTIME_VCUDA_DRIVER_GRAPH_MEMORY_H

#include "runtime/vcuda/driver/state.h"

namespace dlc::vcuda {

struct GraphAllocation {
  GraphAllocation(Device &device, uint64_t address, uint64_t bytes);
  /// What is accessible still becomes an allocation like others.
  ~GraphAllocation();

  Device &device;
  const uint64_t address, bytes;
  // Guarded by the mutex of Driver::graphMemory:
  const Graph *owner = nullptr;   ///< has the node that makes it
  const Graph *freedIn = nullptr; ///< has a node that frees it
  bool isOutstanding = false;
  bool isClaimed = false; ///< memory is set aside
  unsigned launches = 0;  ///< that have not ended
};

struct MemoryAllocation {
  std::shared_ptr<GraphAllocation> allocation;
  CUmemPoolProps pool = {};
  std::vector<CUmemAccessDesc> access;
};
struct MemoryFree {
  std::shared_ptr<GraphAllocation> allocation;
};

/// Gives an allocation of a graph its address.
CUresult readAllocation(const CUDA_MEM_ALLOC_NODE_PARAMS &parameters, MemoryAllocation &allocation);
/// Null for an address that no node of a live graph or instance allocates.
std::shared_ptr<GraphAllocation> findGraphAllocation(CUdeviceptr address);
/// A call frees an allocation that a launch has left. In a stream, or (null) at once when all work is done.
CUresult freeOutstanding(Context &context, const std::shared_ptr<GraphAllocation> &allocation,
                         const std::shared_ptr<StreamState> &stream);

/// Whether a graph's nodes may have it; sets who makes and frees what.
CUresult bindMemory(const Graph &graph, const MemoryAllocation &allocation);
CUresult bindMemory(const Graph &graph, const MemoryFree &free);

/// What a launch does to memory, in its order.
struct MemoryStep {
  std::shared_ptr<GraphAllocation> allocation;
  bool isFree = false;
};
/// Checks that allocations and frees alternate, and sets memory aside. What an earlier launch left is an
/// error, or with `freesFirst` is to be freed before: `freed` gets it.
CUresult beginLaunch(Context &context, const std::vector<MemoryStep> &steps, bool freesFirst,
                     std::vector<std::shared_ptr<GraphAllocation>> &freed);
void endLaunch(const std::vector<MemoryStep> &steps);

/// Called by the queue.
void runAllocation(Context &context, const GraphAllocation &allocation);
void runFree(const GraphAllocation &allocation);

} // namespace dlc::vcuda

#endif
