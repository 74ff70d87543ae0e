#include "runtime/vcuda/driver/pool.h"

#include "runtime/vcuda/driver/graph.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;

namespace {

std::shared_ptr<Pool> poolByNumber(uint64_t id) {
  for (const auto &pool : driver().pools.all())
    if (pool->id == id) return pool;
  return nullptr;
}

void poolTook(Pool &pool, uint64_t bytes) {
  std::lock_guard lock(pool.mutex);
  pool.used += bytes;
  pool.usedHigh = std::max(pool.usedHigh, pool.used);
  pool.reservedHigh = std::max(pool.reservedHigh, pool.used);
}

/// In a capture an allocation is one of the graph.
CUresult captureAllocation(Context &context, const Pool &pool, CUdeviceptr *result, size_t bytes,
                           const std::shared_ptr<StreamState> &state) {
  CUDA_MEM_ALLOC_NODE_PARAMS p = {};
  p.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  p.poolProps.location = {CU_MEM_LOCATION_TYPE_DEVICE, pool.device};
  p.bytesize = bytes;
  MemoryAllocation made;
  if (CUresult wrong = readAllocation(p, made)) return wrong;
  *result = made.allocation->address;
  return enqueue(context, state, std::move(made));
}

CUresult allocateFrom(Context &context, const std::shared_ptr<Pool> &pool, CUdeviceptr *result, size_t bytes,
                      CUstream stream) {
  auto state = streamState(context, stream);
  if (!state) return CUDA_ERROR_INVALID_HANDLE;
  if (!result || !bytes) return CUDA_ERROR_INVALID_VALUE;
  if (isCapturing(context, *state)) return captureAllocation(context, *pool, result, bytes, state);
  if (CUresult wrong = forbidInCapture(context, *state)) return wrong;
  if (driver().injected(&Settings::failAllocation)) return CUDA_ERROR_OUT_OF_MEMORY;
  Device *device = driver().device(pool->device);
  AllocationRequest request;
  request.bytes = bytes;
  request.owner = context.id;
  request.pool = pool->id;
  request.committed = false;
  auto within = [&] {
    std::lock_guard lock(pool->mutex);
    return !pool->maxBytes || (bytes <= pool->maxBytes && pool->used <= pool->maxBytes - bytes);
  };
  auto allocation = within() ? device->memory.allocate(request) : std::nullopt;
  if (!allocation) {
    // Frees that are under way may make room.
    context.queue.waitAll();
    allocation = within() ? device->memory.allocate(request) : std::nullopt;
  }
  if (!allocation) return CUDA_ERROR_OUT_OF_MEMORY;
  poolTook(*pool, bytes);
  *result = allocation->base;
  context.queue.submit(state, [device, address = allocation->base] { device->memory.commit(address); });
  return CUDA_SUCCESS;
}

template <typename Work> CUresult onPool(CUmemoryPool handle, Work work) {
  return api([&]() -> CUresult {
    auto pool = driver().pools.find(handle);
    return pool ? work(pool) : CUDA_ERROR_INVALID_VALUE;
  });
}

template <typename Work> CUresult onDevice(CUdevice ordinal, Work work) {
  return api([&]() -> CUresult {
    Device *device = driver().device(ordinal);
    if (!device) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(device->mutex);
    return work(*device);
  });
}

} // namespace

namespace dlc::vcuda {

void poolGave(uint64_t id, uint64_t bytes) {
  if (auto pool = poolByNumber(id)) {
    std::lock_guard lock(pool->mutex);
    pool->used -= std::min(bytes, pool->used);
  }
}

CUmemoryPool poolHandle(uint64_t id) {
  auto pool = id ? poolByNumber(id) : nullptr;
  return pool ? pool->handle : nullptr;
}

} // namespace dlc::vcuda

VCUDA_API CUresult cuMemAllocAsync(CUdeviceptr *result, size_t bytes, CUstream stream) {
  return inContext([&](Context &context) {
    std::shared_ptr<Pool> pool;
    {
      std::lock_guard lock(context.device.mutex);
      pool = context.device.currentPool;
    }
    return allocateFrom(context, pool, result, bytes, stream);
  });
}

VCUDA_API CUresult cuMemAllocFromPoolAsync(CUdeviceptr *result, size_t bytes, CUmemoryPool handle,
                                           CUstream stream) {
  return inContext([&](Context &context) -> CUresult {
    auto pool = driver().pools.find(handle);
    return pool ? allocateFrom(context, pool, result, bytes, stream) : CUDA_ERROR_INVALID_VALUE;
  });
}

VCUDA_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, stream);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    auto ofGraph = findGraphAllocation(address);
    if (isCapturing(context, *state))
      return ofGraph ? enqueue(context, state, MemoryFree{ofGraph}) : CUDA_ERROR_INVALID_VALUE;
    if (CUresult wrong = forbidInCapture(context, *state)) return wrong;
    if (ofGraph) return freeOutstanding(context, ofGraph, state);
    Device *device = driver().deviceOf(address);
    auto allocation = device ? device->memory.lookup(address) : std::nullopt;
    if (!allocation || allocation->base != address || allocation->kind == AllocationRequest::Pinned)
      return CUDA_ERROR_INVALID_VALUE;
    if (!device->memory.beginFree(address)) return CUDA_ERROR_INVALID_VALUE;
    context.queue.submit(state, [device, address, pool = allocation->pool, bytes = allocation->bytes] {
      if (device->memory.free(address) && pool) poolGave(pool, bytes);
    });
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemPoolCreate(CUmemoryPool *result, const CUmemPoolProps *properties) {
  return api([&]() -> CUresult {
    if (!result || !properties || properties->allocType != 1) return CUDA_ERROR_INVALID_VALUE;
    if (properties->handleTypes) return CUDA_ERROR_NOT_SUPPORTED;
    if (properties->location.type != 1 || !driver().device(properties->location.id))
      return CUDA_ERROR_INVALID_VALUE;
    auto pool = std::make_shared<Pool>();
    pool->id = nextNumber();
    pool->device = properties->location.id;
    pool->maxBytes = properties->maxSize;
    pool->handle = *result = driver().pools.add(pool);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemPoolDestroy(CUmemoryPool handle) {
  return onPool(handle, [&](const std::shared_ptr<Pool> &pool) -> CUresult {
    if (pool->isDefault) return CUDA_ERROR_INVALID_VALUE;
    Device *device = driver().device(pool->device);
    std::lock_guard lock(device->mutex);
    if (device->currentPool == pool) device->currentPool = device->defaultPool;
    driver().pools.remove(handle);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemPoolTrimTo(CUmemoryPool handle, size_t) {
  return onPool(handle, [](const auto &) { return CUDA_SUCCESS; }); // nothing is kept back
}

VCUDA_API CUresult cuMemPoolSetAttribute(CUmemoryPool handle, int attribute, void *value) {
  return onPool(handle, [&](const std::shared_ptr<Pool> &pool) -> CUresult {
    if (!value) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(pool->mutex);
    uint64_t wide = 0;
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
      std::memcpy(&pool->reuseFlags[attribute - 1], value, 4);
      break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      std::memcpy(&pool->releaseThreshold, value, 8);
      break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: // may be reset only
      std::memcpy(&wide, value, 8);
      if (wide) return CUDA_ERROR_INVALID_VALUE;
      (attribute == CU_MEMPOOL_ATTR_USED_MEM_HIGH ? pool->usedHigh : pool->reservedHigh) = pool->used;
      break;
    default:
      return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemPoolGetAttribute(CUmemoryPool handle, int attribute, void *value) {
  return onPool(handle, [&](const std::shared_ptr<Pool> &pool) -> CUresult {
    if (!value) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(pool->mutex);
    uint64_t wide = 0;
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
      std::memcpy(value, &pool->reuseFlags[attribute - 1], 4);
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      wide = pool->releaseThreshold;
      break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
      wide = pool->used;
      break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
      wide = pool->reservedHigh;
      break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      wide = pool->usedHigh;
      break;
    default:
      return CUDA_ERROR_INVALID_VALUE;
    }
    std::memcpy(value, &wide, 8);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc *map, size_t count) {
  return onPool(handle, [&](const std::shared_ptr<Pool> &pool) -> CUresult {
    if (count && !map) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; ++i)
      if (map[i].location.type != 1 || map[i].location.id != pool->device) return CUDA_ERROR_INVALID_DEVICE;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemPoolGetAccess(int *flags, CUmemoryPool handle, CUmemLocation *location) {
  return onPool(handle, [&](const std::shared_ptr<Pool> &pool) -> CUresult {
    if (!flags || !location || location->type != 1) return CUDA_ERROR_INVALID_VALUE;
    *flags = location->id == pool->device ? 3 : 0;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *result, CUdevice ordinal) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    *result = device.defaultPool->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceGetMemPool(CUmemoryPool *result, CUdevice ordinal) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    *result = device.currentPool->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceSetMemPool(CUdevice ordinal, CUmemoryPool handle) {
  return onDevice(ordinal, [&](Device &device) -> CUresult {
    auto pool = driver().pools.find(handle);
    if (!pool || pool->device != ordinal) return CUDA_ERROR_INVALID_VALUE;
    device.currentPool = pool;
    return CUDA_SUCCESS;
  });
}

/// The same by place and kind of memory, of which there is pinned memory of devices.
static CUresult findPlace(const CUmemLocation *place, int kind) {
  if (!place || (kind != CU_MEM_ALLOCATION_TYPE_PINNED && kind != CU_MEM_ALLOCATION_TYPE_MANAGED))
    return CUDA_ERROR_INVALID_VALUE;
  bool served = place->type == CU_MEM_LOCATION_TYPE_DEVICE && kind == CU_MEM_ALLOCATION_TYPE_PINNED;
  return served ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}
VCUDA_API CUresult cuMemGetDefaultMemPool(CUmemoryPool *result, CUmemLocation *place, int kind) {
  if (CUresult wrong = findPlace(place, kind)) return wrong;
  return cuDeviceGetDefaultMemPool(result, place->id);
}
VCUDA_API CUresult cuMemGetMemPool(CUmemoryPool *result, CUmemLocation *place, int kind) {
  if (CUresult wrong = findPlace(place, kind)) return wrong;
  return cuDeviceGetMemPool(result, place->id);
}
VCUDA_API CUresult cuMemSetMemPool(CUmemLocation *place, int kind, CUmemoryPool pool) {
  if (CUresult wrong = findPlace(place, kind)) return wrong;
  return cuDeviceSetMemPool(place->id, pool);
}
