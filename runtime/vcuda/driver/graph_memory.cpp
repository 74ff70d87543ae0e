#include "runtime/vcuda/driver/graph_memory.h"

#include "runtime/vcuda/driver/graph.h"

#include <algorithm>
#include <cstring>

namespace dlc::vcuda {
namespace {

GraphMemory &memory() { return driver().graphMemory; }

/// Counts what is made and set aside on a device; the mutex is held.
void count(int device, int64_t used, int64_t reserved) {
  GraphMemory::Totals &t = memory().totals[device];
  t.used += uint64_t(used);
  t.reserved += uint64_t(reserved);
  t.usedHigh = std::max(t.usedHigh, t.used);
  t.reservedHigh = std::max(t.reservedHigh, t.reserved);
}

void setOutstanding(GraphAllocation &a, bool isOutstanding) {
  if (a.isOutstanding == isOutstanding) return;
  a.isOutstanding = isOutstanding;
  count(a.device.ordinal, isOutstanding ? int64_t(a.bytes) : -int64_t(a.bytes), 0);
}

bool claim(GraphAllocation &a) {
  if (a.isClaimed) return true;
  if (!a.device.memory.claim(a.address)) return false;
  a.isClaimed = true;
  count(a.device.ordinal, 0, int64_t(a.bytes));
  return true;
}

/// Gives memory back that no launch needs.
void trim(GraphAllocation &a) {
  if (!a.isClaimed || a.isOutstanding || a.launches) return;
  a.device.memory.unclaim(a.address);
  a.isClaimed = false;
  count(a.device.ordinal, 0, -int64_t(a.bytes));
}

/// Whether the steps can be taken, after frees of what `freed` gets. The mutex is held.
bool follow(const std::vector<MemoryStep> &steps, bool freesFirst,
            std::vector<std::shared_ptr<GraphAllocation>> &freed) {
  std::map<GraphAllocation *, bool> after;
  for (const auto &[allocation, isFree] : steps) {
    auto [state, isNew] = after.try_emplace(allocation.get(), allocation->isOutstanding);
    if (isNew && !isFree && freesFirst && state->second) {
      freed.push_back(allocation);
      state->second = false;
    }
    if (state->second != isFree) return false;
    state->second = !isFree;
  }
  return true;
}

} // namespace

GraphAllocation::GraphAllocation(Device &device, uint64_t address, uint64_t bytes)
    : device(device), address(address), bytes(bytes) {}

GraphAllocation::~GraphAllocation() {
  std::lock_guard lock(memory().mutex);
  setOutstanding(*this, false);
  if (isClaimed) count(device.ordinal, 0, -int64_t(bytes));
  auto it = memory().allocations.find(address);
  if (it != memory().allocations.end() && it->second.expired()) memory().allocations.erase(it);
  device.memory.abandon(address);
}

CUresult readAllocation(const CUDA_MEM_ALLOC_NODE_PARAMS &p, MemoryAllocation &result) {
  const CUmemPoolProps &pool = p.poolProps;
  if (!p.bytesize || pool.allocType != CU_MEM_ALLOCATION_TYPE_PINNED || pool.handleTypes ||
      (p.accessDescCount && !p.accessDescs))
    return CUDA_ERROR_INVALID_VALUE;
  if (pool.location.type != CU_MEM_LOCATION_TYPE_DEVICE)
    return pool.location.type == CU_MEM_LOCATION_TYPE_HOST ? CUDA_ERROR_NOT_SUPPORTED
                                                           : CUDA_ERROR_INVALID_VALUE;
  Device *device = driver().device(pool.location.id);
  if (!device || p.accessDescCount > driver().devices.size()) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < p.accessDescCount; ++i) {
    const CUmemLocation &place = p.accessDescs[i].location;
    if (place.type != CU_MEM_LOCATION_TYPE_DEVICE || !driver().device(place.id))
      return CUDA_ERROR_INVALID_VALUE;
    if (place.id != pool.location.id)
      return CUDA_ERROR_NOT_SUPPORTED; // devices don't see each other's memory
  }
  if (driver().injected(&Settings::failAllocation)) return CUDA_ERROR_OUT_OF_MEMORY;
  AllocationRequest request;
  request.bytes = p.bytesize;
  request.committed = false;
  request.isAddressOnly = true;
  auto range = device->memory.allocate(request);
  if (!range) return CUDA_ERROR_OUT_OF_MEMORY;
  result.allocation = std::make_shared<GraphAllocation>(*device, range->base, p.bytesize);
  result.pool = pool;
  result.access.assign(p.accessDescs, p.accessDescs + p.accessDescCount);
  std::lock_guard lock(memory().mutex);
  memory().allocations[range->base] = result.allocation;
  return CUDA_SUCCESS;
}

std::shared_ptr<GraphAllocation> findGraphAllocation(CUdeviceptr address) {
  std::lock_guard lock(memory().mutex);
  auto it = memory().allocations.find(address);
  return it == memory().allocations.end() ? nullptr : it->second.lock();
}

CUresult freeOutstanding(Context &context, const std::shared_ptr<GraphAllocation> &allocation,
                         const std::shared_ptr<StreamState> &stream) {
  {
    std::lock_guard lock(memory().mutex);
    bool isGraphsOwn = allocation->freedIn && allocation->freedIn == allocation->owner;
    if (!allocation->isOutstanding || isGraphsOwn) return CUDA_ERROR_INVALID_VALUE;
    setOutstanding(*allocation, false);
  }
  if (stream) {
    context.queue.submit(stream, [allocation] { runFree(*allocation); });
    return CUDA_SUCCESS;
  }
  context.queue.waitAll();
  runFree(*allocation);
  return CUresult(context.error.load());
}

CUresult bindMemory(const Graph &graph, const MemoryAllocation &node) {
  std::lock_guard lock(memory().mutex);
  node.allocation->owner = &graph;
  return CUDA_SUCCESS;
}

/// Twice in a graph, or in two graphs, is not allowed.
CUresult bindMemory(const Graph &graph, const MemoryFree &node) {
  std::lock_guard lock(memory().mutex);
  if (node.allocation->freedIn) return CUDA_ERROR_INVALID_VALUE;
  node.allocation->freedIn = &graph;
  return CUDA_SUCCESS;
}

CUresult beginLaunch(Context &context, const std::vector<MemoryStep> &steps, bool freesFirst,
                     std::vector<std::shared_ptr<GraphAllocation>> &freed) {
  for (bool isLast : {false, true}) {
    {
      std::lock_guard lock(memory().mutex);
      freed.clear();
      if (!follow(steps, freesFirst, freed)) return CUDA_ERROR_INVALID_VALUE;
      bool hasRoom = std::all_of(steps.begin(), steps.end(),
                                 [](const MemoryStep &s) { return s.isFree || claim(*s.allocation); });
      if (hasRoom) {
        for (const auto &allocation : freed) setOutstanding(*allocation, false);
        for (const MemoryStep &s : steps) {
          setOutstanding(*s.allocation, !s.isFree); // step by step, for the high mark
          ++s.allocation->launches;
        }
        return CUDA_SUCCESS;
      }
    }
    if (!isLast) context.queue.waitAll(); // frees that are under way may make room
  }
  return CUDA_ERROR_OUT_OF_MEMORY;
}

void endLaunch(const std::vector<MemoryStep> &steps) {
  std::lock_guard lock(memory().mutex);
  for (const MemoryStep &s : steps) --s.allocation->launches;
}

void runAllocation(Context &context, const GraphAllocation &allocation) {
  if (!context.error) allocation.device.memory.commit(allocation.address);
}

void runFree(const GraphAllocation &allocation) { allocation.device.memory.decommit(allocation.address); }

} // namespace dlc::vcuda

using namespace dlc::vcuda;

namespace {

template <typename Work> CUresult onTotals(CUdevice device, void *value, Work work) {
  return api([&]() -> CUresult {
    if (!driver().device(device)) return CUDA_ERROR_INVALID_DEVICE;
    if (!value) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(memory().mutex);
    return work(memory().totals[device]);
  });
}

} // namespace

VCUDA_API CUresult cuDeviceGraphMemTrim(CUdevice device) {
  return api([&]() -> CUresult {
    if (!driver().device(device)) return CUDA_ERROR_INVALID_DEVICE;
    std::vector<std::shared_ptr<GraphAllocation>> held; // none may end while the mutex is held
    std::lock_guard lock(memory().mutex);
    for (const auto &[address, weak] : memory().allocations) {
      auto allocation = weak.lock();
      if (!allocation) continue;
      if (allocation->device.ordinal == device) trim(*allocation);
      held.push_back(std::move(allocation));
    }
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceGetGraphMemAttribute(CUdevice device, int attribute, void *value) {
  return onTotals(device, value, [&](const GraphMemory::Totals &t) -> CUresult {
    const uint64_t values[] = {t.used, t.usedHigh, t.reserved, t.reservedHigh};
    if (attribute < 0 || attribute > 3) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(value, &values[attribute], 8);
    return CUDA_SUCCESS;
  });
}

/// High marks can be reset, which leaves what there is now.
VCUDA_API CUresult cuDeviceSetGraphMemAttribute(CUdevice device, int attribute, void *value) {
  return onTotals(device, value, [&](GraphMemory::Totals &t) -> CUresult {
    uint64_t wanted = 0;
    std::memcpy(&wanted, value, 8);
    bool isHigh =
        attribute == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH || attribute == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH;
    if (!isHigh || wanted) return CUDA_ERROR_INVALID_VALUE;
    (attribute == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH ? t.usedHigh : t.reservedHigh) =
        attribute == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH ? t.used : t.reserved;
    return CUDA_SUCCESS;
  });
}
