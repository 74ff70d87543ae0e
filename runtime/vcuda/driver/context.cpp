// Contexts: created, primary, current.
#include "runtime/vcuda/driver/state.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

CUresult create(CUcontext *result, unsigned flags, CUdevice ordinal) {
  return api([&]() -> CUresult {
    if (!result || (flags & ~CU_CTX_FLAGS_MASK)) return CUDA_ERROR_INVALID_VALUE;
    Device *device = driver().device(ordinal);
    if (!device) return CUDA_ERROR_INVALID_DEVICE;
    auto context = createContext(*device, flags);
    contextStack().push_back(context->handle);
    *result = context->handle;
    return CUDA_SUCCESS;
  });
}

/// Makes a context current in place of the one on top; null takes the top away.
void setCurrent(CUcontext handle) {
  auto &stack = contextStack();
  if (stack.empty()) {
    if (handle) stack.push_back(handle);
  } else if (handle) {
    stack.back() = handle;
  } else {
    stack.pop_back();
  }
}

size_t defaultLimit(const Device &device, int limit) {
  switch (limit) {
  case CU_LIMIT_STACK_SIZE:
    return 1024;
  case CU_LIMIT_PRINTF_FIFO_SIZE:
    return 1 << 20;
  case CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH:
    return 2;
  case CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT:
    return 2048;
  case CU_LIMIT_MAX_L2_FETCH_GRANULARITY:
    return device.record.computeMajor >= 8 ? 64 : 32;
  default:
    return 0;
  }
}

std::shared_ptr<Context> contextOrCurrent(CUcontext handle, CUresult &why) {
  if (!handle) return currentContext(why);
  auto context = driver().contexts.find(handle);
  if (!context) why = CUDA_ERROR_INVALID_CONTEXT;
  return context;
}

/// Calls `work(device)` with the device's lock held.
template <typename Work> CUresult onPrimary(CUdevice ordinal, Work work) {
  return api([&]() -> CUresult {
    Device *device = driver().device(ordinal);
    if (!device) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(device->mutex);
    return work(*device);
  });
}

void endPrimary(Device &device) {
  if (auto context = driver().contexts.find(device.primary)) destroyContext(context);
  device.primary = nullptr;
}

} // namespace

VCUDA_API CUresult cuCtxCreate_v2(CUcontext *result, unsigned flags, CUdevice device) {
  return create(result, flags, device);
}
VCUDA_API CUresult cuCtxCreate(CUcontext *result, unsigned flags, CUdevice device) {
  return create(result, flags, device);
}
VCUDA_API CUresult cuCtxCreate_v3(CUcontext *result, CUexecAffinityParam *affinity, int count, unsigned flags,
                                  CUdevice device) {
  if (count < 0) return CUDA_ERROR_INVALID_VALUE;
  if (affinity || count) return CUDA_ERROR_NOT_SUPPORTED;
  return create(result, flags, device);
}
VCUDA_API CUresult cuCtxCreate_v4(CUcontext *result, CUctxCreateParams *parameters, unsigned flags,
                                  CUdevice device) {
  if (parameters && (parameters->numExecAffinityParams || parameters->cigParams))
    return CUDA_ERROR_NOT_SUPPORTED;
  return create(result, flags, device);
}

VCUDA_API CUresult cuCtxDestroy_v2(CUcontext handle) {
  return api([&]() -> CUresult {
    auto context = driver().contexts.find(handle);
    if (!context) return CUDA_ERROR_INVALID_CONTEXT;
    if (context->isPrimary) return CUDA_ERROR_INVALID_CONTEXT;
    destroyContext(context);
    if (!contextStack().empty() && contextStack().back() == handle) contextStack().pop_back();
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuCtxDestroy(CUcontext handle) { return cuCtxDestroy_v2(handle); }

VCUDA_API CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  return api([&]() -> CUresult {
    if (!driver().contexts.find(handle)) return CUDA_ERROR_INVALID_CONTEXT;
    contextStack().push_back(handle);
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuCtxPushCurrent(CUcontext handle) { return cuCtxPushCurrent_v2(handle); }

VCUDA_API CUresult cuCtxPopCurrent_v2(CUcontext *result) {
  return api([&]() -> CUresult {
    if (contextStack().empty()) return CUDA_ERROR_INVALID_CONTEXT;
    if (result) *result = contextStack().back();
    contextStack().pop_back();
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuCtxPopCurrent(CUcontext *result) { return cuCtxPopCurrent_v2(result); }

VCUDA_API CUresult cuCtxSetCurrent(CUcontext handle) {
  return api([&]() -> CUresult {
    if (handle && !driver().contexts.find(handle)) return CUDA_ERROR_INVALID_CONTEXT;
    setCurrent(handle);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxGetCurrent(CUcontext *result) {
  return api([&]() -> CUresult {
    if (!result) return CUDA_ERROR_INVALID_VALUE;
    *result = contextStack().empty() ? nullptr : contextStack().back();
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxGetDevice(CUdevice *result) {
  return api([&]() -> CUresult {
    CUresult why = CUDA_SUCCESS;
    auto context = currentContext(why);
    if (!context) return why;
    if (!result) return CUDA_ERROR_INVALID_VALUE;
    *result = context->device.ordinal;
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuCtxGetDevice_v2(CUdevice *result, CUcontext handle) {
  return api([&]() -> CUresult {
    CUresult why = CUDA_SUCCESS;
    auto context = contextOrCurrent(handle, why);
    if (!context) return why;
    if (!result) return CUDA_ERROR_INVALID_VALUE;
    *result = context->device.ordinal;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxGetFlags(unsigned *flags) {
  return inContext([&](Context &context) -> CUresult {
    if (!flags) return CUDA_ERROR_INVALID_VALUE;
    *flags = context.flags;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxSetFlags(unsigned flags) {
  return inContext([&](Context &context) -> CUresult {
    if (flags & ~CU_CTX_FLAGS_MASK) return CUDA_ERROR_INVALID_VALUE;
    context.flags = flags;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxGetId(CUcontext handle, unsigned long long *id) {
  return api([&]() -> CUresult {
    CUresult why = CUDA_SUCCESS;
    auto context = contextOrCurrent(handle, why);
    if (!context) return why;
    if (!id) return CUDA_ERROR_INVALID_VALUE;
    *id = context->id;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxSynchronize() {
  return inContext([&](Context &context) -> CUresult {
    context.queue.waitAll();
    return CUresult(context.error.load());
  });
}
VCUDA_API CUresult cuCtxSynchronize_v2(CUcontext handle) {
  return api([&]() -> CUresult {
    CUresult why = CUDA_SUCCESS;
    auto context = contextOrCurrent(handle, why);
    if (!context) return why;
    context->queue.waitAll();
    return CUresult(context->error.load());
  });
}

VCUDA_API CUresult cuCtxGetLimit(size_t *value, int limit) {
  return inContext([&](Context &context) -> CUresult {
    if (!value || limit < 0) return CUDA_ERROR_INVALID_VALUE;
    if (limit > CU_LIMIT_PERSISTING_L2_CACHE_SIZE) return CUDA_ERROR_UNSUPPORTED_LIMIT;
    if (limit == CU_LIMIT_MALLOC_HEAP_SIZE) {
      *value = context.heap.limit();
      return CUDA_SUCCESS;
    }
    std::lock_guard lock(context.mutex);
    auto it = context.limits.find(limit);
    *value = it == context.limits.end() ? defaultLimit(context.device, limit) : it->second;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxSetLimit(int limit, size_t value) {
  return inContext([&](Context &context) -> CUresult {
    if (limit < 0) return CUDA_ERROR_INVALID_VALUE;
    if (limit > CU_LIMIT_PERSISTING_L2_CACHE_SIZE) return CUDA_ERROR_UNSUPPORTED_LIMIT;
    if (limit == CU_LIMIT_MALLOC_HEAP_SIZE) return context.heap.setLimit(value);
    std::lock_guard lock(context.mutex);
    context.limits[limit] = value;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxGetCacheConfig(int *config) {
  return inContext([&](Context &context) -> CUresult {
    if (!config) return CUDA_ERROR_INVALID_VALUE;
    *config = context.cacheConfig;
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuCtxSetCacheConfig(int config) {
  return inContext([&](Context &context) -> CUresult {
    if (config < 0 || config > 3) return CUDA_ERROR_INVALID_VALUE;
    context.cacheConfig = config;
    return CUDA_SUCCESS;
  });
}

/// Shared memory has one bank size on all devices that are served: what is asked for is a hint.
VCUDA_API CUresult cuCtxGetSharedMemConfig(int *config) {
  return inContext([&](Context &) -> CUresult {
    if (!config) return CUDA_ERROR_INVALID_VALUE;
    *config = 1; // banks of 4 bytes
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuCtxSetSharedMemConfig(int config) {
  return inContext(
      [&](Context &) { return config < 0 || config > 2 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; });
}

/// Nobody profiles: beginnings and ends mean nothing.
VCUDA_API CUresult cuProfilerStart() {
  return inContext([](Context &) { return CUDA_SUCCESS; });
}
VCUDA_API CUresult cuProfilerStop() {
  return inContext([](Context &) { return CUDA_SUCCESS; });
}

VCUDA_API CUresult cuCtxGetApiVersion(CUcontext handle, unsigned *version) {
  return api([&]() -> CUresult {
    CUresult why = CUDA_SUCCESS;
    auto context = contextOrCurrent(handle, why);
    if (!context) return why;
    if (!version) return CUDA_ERROR_INVALID_VALUE;
    *version = 3020;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  return inContext([&](Context &) -> CUresult {
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuCtxResetPersistingL2Cache() {
  return inContext([](Context &) { return CUDA_SUCCESS; });
}

VCUDA_API CUresult cuCtxEnablePeerAccess(CUcontext handle, unsigned flags) {
  return inContext([&](Context &) -> CUresult {
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    return driver().contexts.find(handle) ? CUDA_ERROR_PEER_ACCESS_UNSUPPORTED : CUDA_ERROR_INVALID_CONTEXT;
  });
}

VCUDA_API CUresult cuCtxDisablePeerAccess(CUcontext handle) {
  return inContext([&](Context &) {
    return driver().contexts.find(handle) ? CUDA_ERROR_PEER_ACCESS_NOT_ENABLED : CUDA_ERROR_INVALID_CONTEXT;
  });
}

//===----------------------------------------------------------------------===//
// Primary contexts
//===----------------------------------------------------------------------===//

VCUDA_API CUresult cuDevicePrimaryCtxRetain(CUcontext *result, CUdevice ordinal) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return onPrimary(ordinal, [&](Device &device) {
    if (!device.primary) {
      auto context = createContext(device, device.primaryFlags);
      context->isPrimary = true;
      device.primary = context->handle;
    }
    ++device.primaryUsers;
    *result = device.primary;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
  return onPrimary(ordinal, [&](Device &device) {
    if (!device.primaryUsers) return CUDA_ERROR_INVALID_CONTEXT;
    if (--device.primaryUsers == 0) endPrimary(device);
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuDevicePrimaryCtxRelease(CUdevice ordinal) {
  return cuDevicePrimaryCtxRelease_v2(ordinal);
}

/// Ends the context and not the claims on it: who has retained it still releases it.
VCUDA_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice ordinal) {
  return onPrimary(ordinal, [&](Device &device) {
    endPrimary(device);
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuDevicePrimaryCtxReset(CUdevice ordinal) { return cuDevicePrimaryCtxReset_v2(ordinal); }

VCUDA_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice ordinal, unsigned flags) {
  if (flags & ~CU_CTX_FLAGS_MASK) return CUDA_ERROR_INVALID_VALUE;
  return onPrimary(ordinal, [&](Device &device) {
    device.primaryFlags = flags;
    if (auto context = driver().contexts.find(device.primary)) context->flags = flags;
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuDevicePrimaryCtxSetFlags(CUdevice ordinal, unsigned flags) {
  return cuDevicePrimaryCtxSetFlags_v2(ordinal, flags);
}

VCUDA_API CUresult cuDevicePrimaryCtxGetState(CUdevice ordinal, unsigned *flags, int *active) {
  if (!flags && !active) return CUDA_ERROR_INVALID_VALUE;
  return onPrimary(ordinal, [&](Device &device) {
    if (flags) *flags = device.primaryFlags;
    if (active) *active = device.primary != nullptr;
    return CUDA_SUCCESS;
  });
}
