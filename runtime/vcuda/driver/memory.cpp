// Allocations of device and host memory, and what is known of a pointer.
#include "runtime/vcuda/driver/graph_memory.h"
#include "runtime/vcuda/driver/pool.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;

namespace {

constexpr size_t pitchAlignment = 512;

CUresult allocate(Context &context, AllocationRequest::Kind kind, size_t bytes, unsigned flags,
                  uint64_t &address) {
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  if (driver().injected(&Settings::failAllocation)) return CUDA_ERROR_OUT_OF_MEMORY;
  AllocationRequest request;
  request.kind = kind;
  request.bytes = bytes;
  request.owner = context.id;
  request.flags = flags;
  auto allocation = context.device.memory.allocate(request);
  if (!allocation) return CUDA_ERROR_OUT_OF_MEMORY;
  address = allocation->base;
  return CUDA_SUCCESS;
}

/// Waits until nothing uses memory any more, then ends the allocation that starts at `address`.
CUresult release(Context &context, uint64_t address, bool host) {
  Device *device = driver().deviceOf(address);
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  auto allocation = device->memory.lookup(address);
  if (!allocation || allocation->base != address || allocation->freeing) return CUDA_ERROR_INVALID_VALUE;
  if ((allocation->kind == AllocationRequest::Pinned) != host) return CUDA_ERROR_INVALID_VALUE;
  if (allocation->kind == AllocationRequest::Mapped) return CUDA_ERROR_INVALID_VALUE;
  if (auto ofGraph = findGraphAllocation(address)) return freeOutstanding(context, ofGraph, nullptr);
  context.queue.waitAll();
  if (allocation->pool) poolGave(allocation->pool, allocation->bytes);
  return device->memory.free(address) ? CUresult(context.error.load()) : CUDA_ERROR_INVALID_VALUE;
}

/// A registered range that holds the address; none: bytes = 0.
HostRange registeredRange(uint64_t address, uint64_t &begin) {
  std::lock_guard lock(driver().hostMutex);
  auto &ranges = driver().hostRanges;
  auto it = ranges.upper_bound(address);
  if (it == ranges.begin()) return {};
  begin = std::prev(it)->first;
  return address - begin < std::prev(it)->second.bytes ? std::prev(it)->second : HostRange();
}

std::shared_ptr<Context> contextByNumber(uint64_t id) {
  for (const auto &context : driver().contexts.all())
    if (context->id == id) return context;
  return nullptr;
}

template <typename T> CUresult put(void *target, T value) {
  std::memcpy(target, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult registeredAttribute(void *data, int attribute, uint64_t pointer) {
  uint64_t begin = 0;
  HostRange range = registeredRange(pointer, begin);
  if (!range.bytes) return CUDA_ERROR_INVALID_VALUE;
  auto context = contextByNumber(range.context);
  switch (attribute) {
  case CU_POINTER_ATTRIBUTE_CONTEXT:
    return put(data, context ? context->handle : nullptr);
  case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    return put(data, unsigned(CU_MEMORYTYPE_HOST));
  case CU_POINTER_ATTRIBUTE_HOST_POINTER:
    return put(data, pointer);
  case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    return put(data, 0u);
  case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    return put(data, context ? context->device.ordinal : 0);
  case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    return put(data, begin);
  case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    return put(data, size_t(range.bytes));
  case CU_POINTER_ATTRIBUTE_MAPPED:
    return put(data, 0u);
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

/// The types of handles by which mapped memory was to be shared.
int handleTypes(const Physical *physical) {
  auto handle = physical ? driver().memoryHandles.find(memoryHandleKey(physical->client)) : nullptr;
  return handle ? handle->properties.requestedHandleTypes : 0;
}

/// What is known of addresses that are reserved only.
CUresult reservedAttribute(void *data, int attribute, const Device &device, uint64_t pointer) {
  auto held = device.memory.reservation(pointer);
  if (!held) return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
  case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    return put(data, held->first);
  case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    return put(data, size_t(held->second));
  case CU_POINTER_ATTRIBUTE_MAPPED:
    return put(data, 0u);
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult pointerAttribute(void *data, int attribute, uint64_t pointer) {
  Device *device = driver().deviceOf(pointer);
  if (!device) return registeredAttribute(data, attribute, pointer);
  auto a = device->memory.lookup(pointer);
  if (!a) return reservedAttribute(data, attribute, *device, pointer);
  bool host = a->kind == AllocationRequest::Pinned, managed = a->kind == AllocationRequest::Managed;
  switch (attribute) {
  case CU_POINTER_ATTRIBUTE_CONTEXT: {
    auto context = contextByNumber(a->owner);
    return put(data, context ? context->handle : nullptr);
  }
  case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    return put(data, unsigned(host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE));
  case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    return put(data, pointer);
  case CU_POINTER_ATTRIBUTE_HOST_POINTER:
    return host || managed ? put(data, pointer) : CUDA_ERROR_INVALID_VALUE;
  case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    return put(data, 0u);
  case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    return put(data, static_cast<unsigned long long>(a->id));
  case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    return put(data, unsigned(managed));
  case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    return put(data, device->ordinal);
  case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    return put(data, 0u);
  case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    return put(data, a->base);
  case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    return put(data, size_t(a->bytes));
  case CU_POINTER_ATTRIBUTE_MAPPED:
    return put(data, 1u);
  case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
    return put(data, static_cast<unsigned long long>(handleTypes(a->physical.get())));
  case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
    return put(data, 0u);
  case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
    return put(data, unsigned(a->kind != AllocationRequest::Mapped || a->committed
                                  ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE
                                  : CU_MEM_ACCESS_FLAGS_PROT_NONE));
  case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
    return put(data, poolHandle(a->pool));
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

/// What cuPointerGetAttributes gives for a pointer that the driver does not know.
void zeroAttribute(void *data, int attribute) {
  switch (attribute) {
  case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
  case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
  case CU_POINTER_ATTRIBUTE_IS_MANAGED:
  case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
  case CU_POINTER_ATTRIBUTE_MAPPED:
  case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
  case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
    put(data, 0u);
    break;
  case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    put(data, -2);
    break;
  default:
    put(data, uint64_t(0));
  }
}

} // namespace

VCUDA_API CUresult cuMemAlloc_v2(CUdeviceptr *result, size_t bytes) {
  return inContext([&](Context &context) -> CUresult {
    if (!result) return CUDA_ERROR_INVALID_VALUE;
    uint64_t address = 0;
    if (CUresult wrong = allocate(context, AllocationRequest::Device, bytes, 0, address)) return wrong;
    *result = address;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemAllocPitch_v2(CUdeviceptr *result, size_t *pitch, size_t width, size_t height,
                                      unsigned elementBytes) {
  if (!result || !pitch || !width || !height ||
      (elementBytes != 4 && elementBytes != 8 && elementBytes != 16))
    return CUDA_ERROR_INVALID_VALUE;
  size_t rounded = (width + pitchAlignment - 1) / pitchAlignment * pitchAlignment;
  if (rounded < width || rounded > SIZE_MAX / height) return CUDA_ERROR_INVALID_VALUE;
  CUresult status = cuMemAlloc_v2(result, rounded * height);
  if (!status) *pitch = rounded;
  return status;
}

VCUDA_API CUresult cuMemAllocManaged(CUdeviceptr *result, size_t bytes, unsigned flags) {
  return inContext([&](Context &context) -> CUresult {
    if (!result || (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST))
      return CUDA_ERROR_INVALID_VALUE;
    uint64_t address = 0;
    if (CUresult wrong = allocate(context, AllocationRequest::Managed, bytes, flags, address)) return wrong;
    *result = address;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemFree_v2(CUdeviceptr address) {
  return inContext(
      [&](Context &context) { return address ? release(context, address, /*host=*/false) : CUDA_SUCCESS; });
}

VCUDA_API CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  return inContext([&](Context &context) -> CUresult {
    if (!free || !total) return CUDA_ERROR_INVALID_VALUE;
    *total = context.device.memory.capacity();
    *free = *total - context.device.memory.used();
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemGetAddressRange_v2(CUdeviceptr *begin, size_t *bytes, CUdeviceptr address) {
  return inContext([&](Context &) -> CUresult {
    Device *device = driver().deviceOf(address);
    auto allocation = device ? device->memory.lookup(address) : std::nullopt;
    if (!allocation) return CUDA_ERROR_NOT_FOUND;
    if (begin) *begin = allocation->base;
    if (bytes) *bytes = allocation->bytes;
    return CUDA_SUCCESS;
  });
}

//===----------------------------------------------------------------------===//
// Host memory
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuMemHostAlloc(void **result, size_t bytes, unsigned flags) {
  return inContext([&](Context &context) -> CUresult {
    if (!result || (flags & ~CU_MEMHOSTALLOC_MASK)) return CUDA_ERROR_INVALID_VALUE;
    uint64_t address = 0;
    if (CUresult wrong = allocate(context, AllocationRequest::Pinned, bytes, flags, address)) return wrong;
    *result = reinterpret_cast<void *>(address);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemAllocHost_v2(void **result, size_t bytes) { return cuMemHostAlloc(result, bytes, 0); }

VCUDA_API CUresult cuMemFreeHost(void *pointer) {
  return inContext([&](Context &context) -> CUresult {
    if (!pointer) return CUDA_ERROR_INVALID_VALUE;
    return release(context, reinterpret_cast<uint64_t>(pointer), /*host=*/true);
  });
}

VCUDA_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *result, void *pointer, unsigned flags) {
  return inContext([&](Context &) -> CUresult {
    auto address = reinterpret_cast<uint64_t>(pointer);
    if (!result || flags) return CUDA_ERROR_INVALID_VALUE;
    Device *device = driver().deviceOf(address);
    auto allocation = device ? device->memory.lookup(address) : std::nullopt;
    if (allocation && allocation->kind == AllocationRequest::Pinned) {
      *result = address;
      return CUDA_SUCCESS;
    }
    uint64_t begin = 0;
    return registeredRange(address, begin).bytes ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  });
}

VCUDA_API CUresult cuMemHostGetFlags(unsigned *flags, void *pointer) {
  return inContext([&](Context &) -> CUresult {
    auto address = reinterpret_cast<uint64_t>(pointer);
    Device *device = driver().deviceOf(address);
    auto allocation = device ? device->memory.lookup(address) : std::nullopt;
    if (!flags || !allocation || allocation->kind != AllocationRequest::Pinned)
      return CUDA_ERROR_INVALID_VALUE;
    *flags = allocation->flags | CU_MEMHOSTALLOC_DEVICEMAP;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned flags) {
  return inContext([&](Context &context) -> CUresult {
    auto begin = reinterpret_cast<uint64_t>(pointer);
    if (!pointer || !bytes || (flags & ~CU_MEMHOSTREGISTER_MASK) || begin + bytes < begin ||
        driver().deviceOf(begin))
      return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(driver().hostMutex);
    auto &ranges = driver().hostRanges;
    auto next = ranges.lower_bound(begin);
    bool overlaps = next != ranges.end() && next->first < begin + bytes;
    if (next != ranges.begin()) overlaps |= begin < std::prev(next)->first + std::prev(next)->second.bytes;
    if (overlaps) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    ranges[begin] = {bytes, flags, context.id};
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuMemHostRegister(void *pointer, size_t bytes, unsigned flags) {
  return cuMemHostRegister_v2(pointer, bytes, flags);
}

VCUDA_API CUresult cuMemHostUnregister(void *pointer) {
  return inContext([&](Context &context) -> CUresult {
    if (!pointer) return CUDA_ERROR_INVALID_VALUE;
    context.queue.waitAll();
    std::lock_guard lock(driver().hostMutex);
    bool known = driver().hostRanges.erase(reinterpret_cast<uint64_t>(pointer)) != 0;
    return known ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  });
}

//===----------------------------------------------------------------------===//
// Pointers
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuPointerGetAttribute(void *data, int attribute, CUdeviceptr pointer) {
  return inContext([&](Context &) {
    return data ? pointerAttribute(data, attribute, pointer) : CUDA_ERROR_INVALID_VALUE;
  });
}

VCUDA_API CUresult cuPointerGetAttributes(unsigned count, int *attributes, void **data, CUdeviceptr pointer) {
  return inContext([&](Context &) -> CUresult {
    if (!count || !attributes || !data) return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < count; ++i)
      if (data[i] && pointerAttribute(data[i], attributes[i], pointer)) zeroAttribute(data[i], attributes[i]);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuPointerSetAttribute(const void *value, int attribute, CUdeviceptr pointer) {
  return inContext([&](Context &) -> CUresult {
    Device *device = driver().deviceOf(pointer);
    bool known =
        value && attribute == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS && device && device->memory.lookup(pointer);
    return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

/// Managed memory has one place here, so that advice and prefetches have nothing to do.
static CUresult managedRange(CUdeviceptr address, size_t bytes) {
  return inContext([&](Context &) -> CUresult {
    Device *device = driver().deviceOf(address);
    auto allocation = device ? device->memory.lookup(address, std::max<size_t>(bytes, 1)) : std::nullopt;
    return bytes && allocation && allocation->kind == AllocationRequest::Managed ? CUDA_SUCCESS
                                                                                 : CUDA_ERROR_INVALID_VALUE;
  });
}
VCUDA_API CUresult cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, CUdevice, CUstream) {
  return managedRange(address, bytes);
}
VCUDA_API CUresult cuMemPrefetchAsync_v2(CUdeviceptr address, size_t bytes, CUmemLocation, unsigned,
                                         CUstream) {
  return managedRange(address, bytes);
}
VCUDA_API CUresult cuMemAdvise(CUdeviceptr address, size_t bytes, int, CUdevice) {
  return managedRange(address, bytes);
}
VCUDA_API CUresult cuMemAdvise_v2(CUdeviceptr address, size_t bytes, int, CUmemLocation) {
  return managedRange(address, bytes);
}
