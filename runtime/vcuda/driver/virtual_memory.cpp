// Virtual memory management: addresses (reservations) and memory (handles) apart, and mappings of one to the
// other. None of it needs a context. Addresses belong to one device here, as each has a window of its own:
// the current context's, or the first.
#include "runtime/vcuda/driver/state.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

constexpr uint64_t hostPage = 4096, granularity = DeviceMemory::mappingGranularity;

bool isGranular(uint64_t value) { return value % granularity == 0; }

/// The device that memory with these properties is on, if there can be such memory.
CUresult readProperties(const CUmemAllocationProp *p, Device *&device) {
  if (!p || p->win32HandleMetaData || (p->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_MASK))
    return CUDA_ERROR_INVALID_VALUE;
  if (p->type != CU_MEM_ALLOCATION_TYPE_PINNED)
    return p->type == CU_MEM_ALLOCATION_TYPE_MANAGED ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  int place = p->location.type;
  if (place != CU_MEM_LOCATION_TYPE_DEVICE)
    return place == CU_MEM_LOCATION_TYPE_HOST || place == CU_MEM_LOCATION_TYPE_HOST_NUMA
               ? CUDA_ERROR_NOT_SUPPORTED
               : CUDA_ERROR_INVALID_VALUE;
  device = driver().device(p->location.id);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  if (p->allocFlags.compressionType > 1) return CUDA_ERROR_INVALID_VALUE;
  // Files as handles may be asked for, although none is ever exported.
  bool exotic = (p->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) ||
                p->allocFlags.usage || p->allocFlags.gpuDirectRDMACapable;
  return exotic ? CUDA_ERROR_NOT_SUPPORTED : CUDA_SUCCESS;
}

/// The device in whose window a client's new addresses lie.
Device &deviceForAddresses(CUdeviceptr wish) {
  if (Device *device = wish ? driver().deviceOf(wish) : nullptr) return *device;
  CUresult why = CUDA_SUCCESS;
  auto context = currentContext(why);
  return context ? context->device : *driver().device(0);
}

/// A live handle: one that was not released as often as it was given.
std::shared_ptr<MemoryHandle> findHandle(CUmemGenericAllocationHandle handle) {
  auto memory = driver().memoryHandles.find(memoryHandleKey(handle));
  return memory && memory->device->memory.isReferenced(*memory->physical) ? memory : nullptr;
}

void waitForUsers(Device &device, CUdeviceptr address, size_t bytes) {
  if (!device.memory.movesStates(address, bytes)) return;
  for (const auto &context : driver().contexts.all())
    if (&context->device == &device) context->queue.waitAll();
}

/// Calls `work(device)` for a range of whole granules.
template <typename Work> CUresult onRange(CUdeviceptr address, size_t bytes, Work work) {
  return api([&]() -> CUresult {
    Device *device = driver().deviceOf(address);
    if (!device || !bytes || !isGranular(address) || !isGranular(bytes)) return CUDA_ERROR_INVALID_VALUE;
    return work(*device);
  });
}

/// What a list of access rights says of a device; none if it does not name it.
CUresult readAccess(const CUmemAccessDesc *list, size_t count, const Device &device,
                    std::optional<int> &flags) {
  if (!list || !count) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    const CUmemLocation &place = list[i].location;
    int wanted = list[i].flags;
    if (wanted != CU_MEM_ACCESS_FLAGS_PROT_NONE && wanted != CU_MEM_ACCESS_FLAGS_PROT_READ &&
        wanted != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
      return CUDA_ERROR_INVALID_VALUE;
    // Byte states know no memory that can only be read, and neither the host nor other devices get at it.
    if (wanted == CU_MEM_ACCESS_FLAGS_PROT_READ) return CUDA_ERROR_NOT_SUPPORTED;
    if (place.type == CU_MEM_LOCATION_TYPE_HOST || place.type == CU_MEM_LOCATION_TYPE_HOST_NUMA)
      return CUDA_ERROR_NOT_SUPPORTED;
    if (place.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_INVALID_VALUE;
    if (!driver().device(place.id)) return CUDA_ERROR_INVALID_DEVICE;
    if (place.id == device.ordinal)
      flags = wanted;
    else if (wanted != CU_MEM_ACCESS_FLAGS_PROT_NONE)
      return CUDA_ERROR_INVALID_DEVICE;
  }
  return CUDA_SUCCESS;
}

} // namespace

VCUDA_API CUresult cuMemGetAllocationGranularity(size_t *result, const CUmemAllocationProp *properties,
                                                 int option) {
  return api([&]() -> CUresult {
    if (!result || option < 0 || option > 1) return CUDA_ERROR_INVALID_VALUE;
    Device *device = nullptr;
    if (CUresult wrong = readProperties(properties, device)) return wrong;
    *result = granularity;
    return CUDA_SUCCESS;
  });
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuMemAddressReserve(CUdeviceptr *result, size_t bytes, size_t alignment, CUdeviceptr wish,
                                       unsigned long long flags) {
  return api([&]() -> CUresult {
    if (!result || !bytes || bytes % hostPage || wish % hostPage || (alignment & (alignment - 1)) || flags)
      return CUDA_ERROR_INVALID_VALUE;
    auto address = deviceForAddresses(wish).memory.reserve(bytes, alignment, wish);
    if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
    *result = *address;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemAddressFree(CUdeviceptr address, size_t bytes) {
  return api([&]() -> CUresult {
    Device *device = driver().deviceOf(address);
    return device && device->memory.unreserve(address, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuMemCreate(CUmemGenericAllocationHandle *result, size_t bytes,
                               const CUmemAllocationProp *properties, unsigned long long flags) {
  return api([&]() -> CUresult {
    if (!result || !bytes || !isGranular(bytes) || flags) return CUDA_ERROR_INVALID_VALUE;
    auto handle = std::make_shared<MemoryHandle>();
    if (CUresult wrong = readProperties(properties, handle->device)) return wrong;
    if (driver().injected(&Settings::failAllocation)) return CUDA_ERROR_OUT_OF_MEMORY;
    handle->properties = *properties;
    handle->properties.allocFlags.compressionType = 0; // was a wish
    handle->physical = handle->device->memory.createPhysical(bytes);
    if (!handle->physical) return CUDA_ERROR_OUT_OF_MEMORY;
    *result = handle->physical->client =
        reinterpret_cast<CUmemGenericAllocationHandle>(driver().memoryHandles.add(handle));
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return api([&]() -> CUresult {
    auto memory = findHandle(handle);
    if (!memory) return CUDA_ERROR_INVALID_VALUE;
    if (memory->device->memory.release(*memory->physical))
      driver().memoryHandles.remove(memoryHandleKey(handle));
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *result, void *pointer) {
  return api([&]() -> CUresult {
    auto address = reinterpret_cast<uint64_t>(pointer);
    Device *device = driver().deviceOf(address);
    auto mapping = device ? device->memory.lookup(address) : std::nullopt;
    if (!result || !mapping || !mapping->physical) return CUDA_ERROR_INVALID_VALUE;
    device->memory.retain(*mapping->physical);
    *result = mapping->physical->client;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *result,
                                                          CUmemGenericAllocationHandle handle) {
  return api([&]() -> CUresult {
    auto memory = findHandle(handle);
    if (!result || !memory) return CUDA_ERROR_INVALID_VALUE;
    *result = memory->properties;
    return CUDA_SUCCESS;
  });
}

/// Nothing is shared between processes.
VCUDA_API CUresult cuMemExportToShareableHandle(void *result, CUmemGenericAllocationHandle handle, int type,
                                                unsigned long long flags) {
  return api([&]() -> CUresult {
    auto memory = findHandle(handle);
    bool asked = memory && type && (memory->properties.requestedHandleTypes & type) == type;
    return result && asked && !flags ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  });
}
VCUDA_API CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *result, void *, int type) {
  return api([&]() -> CUresult {
    return result && type > 0 && type <= CU_MEM_HANDLE_TYPE_MASK ? CUDA_ERROR_NOT_SUPPORTED
                                                                 : CUDA_ERROR_INVALID_VALUE;
  });
}

//===----------------------------------------------------------------------===//
// Mappings
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuMemMap(CUdeviceptr address, size_t bytes, size_t offset,
                            CUmemGenericAllocationHandle handle, unsigned long long flags) {
  return onRange(address, bytes, [&](Device &device) -> CUresult {
    auto memory = findHandle(handle);
    if (!memory || offset || flags) return CUDA_ERROR_INVALID_VALUE;
    if (memory->device != &device) {
      std::fprintf(stderr, "vcuda: memory of device %d cannot be mapped to addresses of device %d\n",
                   memory->device->ordinal, device.ordinal);
      return CUDA_ERROR_NOT_SUPPORTED;
    }
    return device.memory.map(address, bytes, memory->physical) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

/// Does not wait for work that uses the memory: what still runs finds nothing there.
VCUDA_API CUresult cuMemUnmap(CUdeviceptr address, size_t bytes) {
  return onRange(address, bytes, [&](Device &device) -> CUresult {
    waitForUsers(device, address, bytes);
    std::vector<std::shared_ptr<Physical>> ended;
    if (!device.memory.unmap(address, bytes, ended)) return CUDA_ERROR_INVALID_VALUE;
    for (const auto &physical : ended) driver().memoryHandles.remove(memoryHandleKey(physical->client));
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuMemSetAccess(CUdeviceptr address, size_t bytes, const CUmemAccessDesc *list,
                                  size_t count) {
  return onRange(address, bytes, [&](Device &device) -> CUresult {
    std::optional<int> flags;
    if (CUresult wrong = readAccess(list, count, device, flags)) return wrong;
    waitForUsers(device, address, bytes);
    bool isAccessible =
        flags ? *flags != CU_MEM_ACCESS_FLAGS_PROT_NONE : device.memory.covers(address, bytes);
    return device.memory.setAccess(address, bytes, isAccessible) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

VCUDA_API CUresult cuMemGetAccess(unsigned long long *flags, const CUmemLocation *location,
                                  CUdeviceptr address) {
  return api([&]() -> CUresult {
    Device *device = driver().deviceOf(address);
    auto mapping = device ? device->memory.lookup(address) : std::nullopt;
    if (!flags || !location || !mapping || !mapping->physical) return CUDA_ERROR_INVALID_VALUE;
    bool isDevice = location->type == CU_MEM_LOCATION_TYPE_DEVICE;
    if (!isDevice && location->type != CU_MEM_LOCATION_TYPE_HOST &&
        location->type != CU_MEM_LOCATION_TYPE_HOST_NUMA)
      return CUDA_ERROR_INVALID_VALUE;
    if (isDevice && !driver().device(location->id)) return CUDA_ERROR_INVALID_DEVICE;
    bool own = isDevice && location->id == device->ordinal;
    *flags = own && mapping->committed ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
    return CUDA_SUCCESS;
  });
}
