// The memcpy and memset calls. Those without a stream work in the legacy default stream; only what touches
// the host waits.
#include "runtime/vcuda/driver/copy.h"

using namespace dlc::vcuda;

namespace {

uint64_t number(const void *pointer) { return reinterpret_cast<uint64_t>(pointer); }

CopySide hostSide(uint64_t address) { return {nullptr, address, 0, 0}; }

/// Whether the host may look at a side when the call has returned: its own memory, pinned or managed.
bool isSeenByHost(const CopySide &side) {
  if (!side.device) return true;
  auto allocation = side.device->memory.lookup(side.address);
  return allocation &&
         (allocation->kind == AllocationRequest::Pinned || allocation->kind == AllocationRequest::Managed);
}

/// Calls without a stream wait where the host sees a side; from device to device they do not.
Wait waitOf(bool isSynchronous, const CopySide &target, const CopySide &source) {
  return isSynchronous && (isSeenByHost(target) || isSeenByHost(source)) ? Wait::Always : Wait::IfPageable;
}

/// A device side that the call names as one: an address outside every device is an error.
bool deviceSide(CUdeviceptr address, CopySide &side) {
  side = sideOf(address);
  return side.device != nullptr;
}

CUresult copyPlain(CopySide target, CopySide source, size_t bytes, CUstream stream, Wait wait) {
  return inContext([&](Context &context) {
    Copy copy;
    copy.source = source;
    copy.target = target;
    copy.width = bytes;
    return submitCopy(context, stream, copy, wait);
  });
}

CUresult toDevice(CUdeviceptr target, const void *source, size_t bytes, CUstream stream, Wait wait) {
  return inContext([&](Context &) -> CUresult {
    CopySide side;
    if (bytes && !deviceSide(target, side)) return CUDA_ERROR_INVALID_VALUE;
    return copyPlain(side, hostSide(number(source)), bytes, stream, wait);
  });
}

CUresult toHost(void *target, CUdeviceptr source, size_t bytes, CUstream stream, Wait wait) {
  return inContext([&](Context &) -> CUresult {
    CopySide side;
    if (bytes && !deviceSide(source, side)) return CUDA_ERROR_INVALID_VALUE;
    return copyPlain(hostSide(number(target)), side, bytes, stream, wait);
  });
}

CUresult onDevice(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream, bool synchronous) {
  return inContext([&](Context &) -> CUresult {
    CopySide to, from;
    if (bytes && (!deviceSide(target, to) || !deviceSide(source, from))) return CUDA_ERROR_INVALID_VALUE;
    return copyPlain(to, from, bytes, stream, waitOf(synchronous, to, from));
  });
}

/// A device pointer that is said to be of a context's device, and is.
CUresult checkPeer(CUcontext handle, CUdeviceptr address) {
  auto context = driver().contexts.find(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  Device *device = driver().deviceOf(address);
  return device == &context->device ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/// A copy whose pointers say themselves what they are.
CUresult generic(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream, bool synchronous) {
  return inContext([&](Context &) {
    CopySide to = sideOf(target), from = sideOf(source);
    return copyPlain(to, from, bytes, stream, waitOf(synchronous, to, from));
  });
}

template <typename Params> CUresult box(const Params *params, CUstream stream, bool synchronous) {
  return inContext([&](Context &context) -> CUresult {
    Copy copy;
    if (CUresult wrong = readCopy(params, copy)) return wrong;
    return submitCopy(context, stream, copy, waitOf(synchronous, copy.target, copy.source));
  });
}

CUresult fill(CUdeviceptr target, size_t pitch, uint64_t value, unsigned elementBytes, size_t width,
              size_t height, CUstream stream, bool synchronous) {
  return inContext([&](Context &context) -> CUresult {
    Fill f;
    f.device = driver().deviceOf(target);
    f.address = target;
    f.pitch = pitch;
    f.value = value;
    f.elementBytes = elementBytes;
    f.width = width;
    f.height = height;
    return submitFill(context, stream, f, waitOf(synchronous, {f.device, target}, {f.device, target}));
  });
}

} // namespace

VCUDA_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n) {
  return toDevice(to, from, n, nullptr, Wait::Always);
}
VCUDA_API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n) {
  return toHost(to, from, n, nullptr, Wait::Always);
}
VCUDA_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n) {
  return onDevice(to, from, n, nullptr, true);
}
VCUDA_API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n) {
  return generic(to, from, n, nullptr, true);
}
VCUDA_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n, CUstream s) {
  return toDevice(to, from, n, s, Wait::IfPageable);
}
VCUDA_API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n, CUstream s) {
  return toHost(to, from, n, s, Wait::IfPageable);
}
VCUDA_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
  return onDevice(to, from, n, s, false);
}
VCUDA_API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
  return generic(to, from, n, s, false);
}

static CUresult copyPeer(CUdeviceptr to, CUcontext toContext, CUdeviceptr from, CUcontext fromContext,
                         size_t n, CUstream s, bool synchronous) {
  return api([&]() -> CUresult {
    if (CUresult wrong = checkPeer(toContext, to)) return wrong;
    if (CUresult wrong = checkPeer(fromContext, from)) return wrong;
    return onDevice(to, from, n, s, synchronous);
  });
}
VCUDA_API CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext toContext, CUdeviceptr from,
                                     CUcontext fromContext, size_t n, CUstream s) {
  return copyPeer(to, toContext, from, fromContext, n, s, false);
}
VCUDA_API CUresult cuMemcpyPeer(CUdeviceptr to, CUcontext toContext, CUdeviceptr from, CUcontext fromContext,
                                size_t n) {
  return copyPeer(to, toContext, from, fromContext, n, nullptr, true);
}

VCUDA_API CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *p) { return box(p, nullptr, true); }
VCUDA_API CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *p) { return box(p, nullptr, true); }
VCUDA_API CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *p, CUstream s) { return box(p, s, false); }
VCUDA_API CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D *p) { return box(p, nullptr, true); }
VCUDA_API CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *p, CUstream s) { return box(p, s, false); }

/// Its contexts stand where the others' structure has unused pointers.
static CUresult copyBoxes(const CUDA_MEMCPY3D *p, CUstream stream, bool synchronous) {
  return inContext([&](Context &) -> CUresult {
    if (!p) return CUDA_ERROR_INVALID_VALUE;
    auto side = [](CUmemorytype type, void *context, CUdeviceptr address) {
      return type == CU_MEMORYTYPE_DEVICE ? checkPeer(static_cast<CUcontext>(context), address)
                                          : CUDA_SUCCESS;
    };
    if (CUresult wrong = side(p->srcMemoryType, p->reserved0, p->srcDevice)) return wrong;
    if (CUresult wrong = side(p->dstMemoryType, p->reserved1, p->dstDevice)) return wrong;
    return box(p, stream, synchronous);
  });
}
VCUDA_API CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D *p) { return copyBoxes(p, nullptr, true); }
VCUDA_API CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D *p, CUstream s) { return copyBoxes(p, s, false); }

VCUDA_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char v, size_t n) {
  return fill(to, 0, v, 1, n, 1, nullptr, true);
}
VCUDA_API CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short v, size_t n) {
  return fill(to, 0, v, 2, n, 1, nullptr, true);
}
VCUDA_API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned v, size_t n) {
  return fill(to, 0, v, 4, n, 1, nullptr, true);
}
VCUDA_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char v, size_t n, CUstream s) {
  return fill(to, 0, v, 1, n, 1, s, false);
}
VCUDA_API CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short v, size_t n, CUstream s) {
  return fill(to, 0, v, 2, n, 1, s, false);
}
VCUDA_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned v, size_t n, CUstream s) {
  return fill(to, 0, v, 4, n, 1, s, false);
}
VCUDA_API CUresult cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch, unsigned char v, size_t w, size_t h) {
  return fill(to, pitch, v, 1, w, h, nullptr, true);
}
VCUDA_API CUresult cuMemsetD2D16_v2(CUdeviceptr to, size_t pitch, unsigned short v, size_t w, size_t h) {
  return fill(to, pitch, v, 2, w, h, nullptr, true);
}
VCUDA_API CUresult cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch, unsigned v, size_t w, size_t h) {
  return fill(to, pitch, v, 4, w, h, nullptr, true);
}
VCUDA_API CUresult cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char v, size_t w, size_t h,
                                     CUstream s) {
  return fill(to, pitch, v, 1, w, h, s, false);
}
VCUDA_API CUresult cuMemsetD2D16Async(CUdeviceptr to, size_t pitch, unsigned short v, size_t w, size_t h,
                                      CUstream s) {
  return fill(to, pitch, v, 2, w, h, s, false);
}
VCUDA_API CUresult cuMemsetD2D32Async(CUdeviceptr to, size_t pitch, unsigned v, size_t w, size_t h,
                                      CUstream s) {
  return fill(to, pitch, v, 4, w, h, s, false);
}
