#include "runtime/vcuda/driver/graph.h"

#include <cstring>

namespace dlc::vcuda {
namespace {

/// Bytes from the first to behind the last one that a box touches; false when that overflows.
bool footprint(const CopySide &side, const Copy &copy, uint64_t &bytes) {
  auto extent = (unsigned __int128)(copy.depth - 1) * side.slice +
                (unsigned __int128)(copy.height - 1) * side.pitch + copy.width;
  bytes = uint64_t(extent);
  return extent >> 63 == 0;
}

CUresult checkSide(const CopySide &side, const Copy &copy) {
  uint64_t bytes = 0;
  if (!footprint(side, copy, bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (!side.device) return side.address ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  return side.device->memory.covers(side.address, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/// A box is as large as its pitches: rows and planes must not overlap.
bool pitchesFit(const CopySide &side, const Copy &copy) {
  if (copy.height > 1 && side.pitch < copy.width) return false;
  return copy.depth <= 1 || side.slice >= side.pitch * (copy.height - 1) + copy.width;
}

void copyRow(const CopySide &target, uint64_t to, const CopySide &source, uint64_t from, uint64_t count) {
  if (target.device && source.device) {
    if (target.device == source.device)
      target.device->memory.copy(to, from, count);
    else
      target.device->memory.write(to, source.device->memory.host(from), count);
  } else if (target.device) {
    target.device->memory.write(to, reinterpret_cast<const void *>(from), count);
  } else if (source.device) {
    source.device->memory.read(reinterpret_cast<void *>(to), from, count);
  } else {
    std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), count);
  }
}

void illegal(Context &context, const char *what) {
  std::fprintf(stderr, "vcuda: %s of memory that was freed before it ran\n", what);
  context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
}

/// The rows of a pageable source, copied together; `copy` then reads from them.
std::shared_ptr<std::vector<uint8_t>> stage(Copy &copy) {
  auto rows = std::make_shared<std::vector<uint8_t>>(copy.width * copy.height * copy.depth);
  uint8_t *to = rows->data();
  for (uint64_t z = 0; z < copy.depth; ++z)
    for (uint64_t y = 0; y < copy.height; ++y, to += copy.width)
      std::memcpy(
          to,
          reinterpret_cast<const void *>(copy.source.address + z * copy.source.slice + y * copy.source.pitch),
          copy.width);
  copy.source = {nullptr, reinterpret_cast<uint64_t>(rows->data()), copy.width, copy.width * copy.height};
  return rows;
}

template <typename Params> CUresult readSides(const Params *p, Copy &copy) {
  auto side = [](CUmemorytype type, uint64_t host, uint64_t device, CopySide &result) {
    switch (type) {
    case CU_MEMORYTYPE_HOST:
      result.address = host;
      return CUDA_SUCCESS;
    case CU_MEMORYTYPE_UNIFIED:
      result = sideOf(device);
      return CUDA_SUCCESS;
    case CU_MEMORYTYPE_DEVICE:
      result = sideOf(device);
      return result.device ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case CU_MEMORYTYPE_ARRAY:
      return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_ERROR_INVALID_VALUE;
  };
  if (CUresult wrong =
          side(p->srcMemoryType, reinterpret_cast<uint64_t>(p->srcHost), p->srcDevice, copy.source))
    return wrong;
  return side(p->dstMemoryType, reinterpret_cast<uint64_t>(p->dstHost), p->dstDevice, copy.target);
}

} // namespace

CopySide sideOf(uint64_t pointer) { return {driver().deviceOf(pointer), pointer, 0, 0}; }

CUresult readCopy(const CUDA_MEMCPY2D *p, Copy &copy) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult wrong = readSides(p, copy)) return wrong;
  copy.width = p->WidthInBytes;
  copy.height = p->Height;
  copy.source.pitch = p->srcPitch ? p->srcPitch : p->WidthInBytes + p->srcXInBytes;
  copy.target.pitch = p->dstPitch ? p->dstPitch : p->WidthInBytes + p->dstXInBytes;
  copy.source.address += p->srcY * copy.source.pitch + p->srcXInBytes;
  copy.target.address += p->dstY * copy.target.pitch + p->dstXInBytes;
  if (copy.source.pitch < p->srcXInBytes + copy.width || copy.target.pitch < p->dstXInBytes + copy.width)
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

CUresult readCopy(const CUDA_MEMCPY3D *p, Copy &copy) {
  if (!p || p->srcLOD || p->dstLOD) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult wrong = readSides(p, copy)) return wrong;
  copy.width = p->WidthInBytes;
  copy.height = p->Height;
  copy.depth = p->Depth;
  copy.source.pitch = p->srcPitch ? p->srcPitch : p->WidthInBytes + p->srcXInBytes;
  copy.target.pitch = p->dstPitch ? p->dstPitch : p->WidthInBytes + p->dstXInBytes;
  copy.source.slice = copy.source.pitch * (p->srcHeight ? p->srcHeight : p->Height + p->srcY);
  copy.target.slice = copy.target.pitch * (p->dstHeight ? p->dstHeight : p->Height + p->dstY);
  copy.source.address += p->srcZ * copy.source.slice + p->srcY * copy.source.pitch + p->srcXInBytes;
  copy.target.address += p->dstZ * copy.target.slice + p->dstY * copy.target.pitch + p->dstXInBytes;
  if (copy.source.pitch < p->srcXInBytes + copy.width || copy.target.pitch < p->dstXInBytes + copy.width)
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

CUresult check(const Copy &copy) {
  if (copy.empty()) return CUDA_SUCCESS;
  if (!pitchesFit(copy.source, copy) || !pitchesFit(copy.target, copy)) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult wrong = checkSide(copy.source, copy)) return wrong;
  return checkSide(copy.target, copy);
}

CUresult check(const Fill &fill) {
  if (!fill.width || !fill.height) return CUDA_SUCCESS;
  if (fill.address % fill.elementBytes) return CUDA_ERROR_INVALID_VALUE;
  if (fill.width > UINT64_MAX / 8) return CUDA_ERROR_INVALID_VALUE;
  Copy box;
  box.target = {fill.device, fill.address, fill.pitch, 0};
  box.width = fill.width * fill.elementBytes;
  box.height = fill.height;
  if (!fill.device || !pitchesFit(box.target, box)) return CUDA_ERROR_INVALID_VALUE;
  return checkSide(box.target, box);
}

void runCopy(Context &context, const Copy &copy) {
  if (context.error || copy.empty()) return;
  if (checkSide(copy.source, copy) || checkSide(copy.target, copy)) return illegal(context, "a copy");
  for (uint64_t z = 0; z < copy.depth; ++z)
    for (uint64_t y = 0; y < copy.height; ++y)
      copyRow(copy.target, copy.target.address + z * copy.target.slice + y * copy.target.pitch, copy.source,
              copy.source.address + z * copy.source.slice + y * copy.source.pitch, copy.width);
}

void runFill(Context &context, const Fill &fill) {
  if (context.error) return;
  if (check(fill)) return illegal(context, "a memset");
  for (uint64_t y = 0; y < fill.height; ++y)
    fill.device->memory.fill(fill.address + y * fill.pitch, fill.value, fill.elementBytes, fill.width);
}

bool isPinned(uint64_t address, uint64_t bytes) {
  if (driver().deviceOf(address)) return true;
  std::lock_guard lock(driver().hostMutex);
  auto range = driver().hostRanges.upper_bound(address);
  if (range == driver().hostRanges.begin()) return false;
  --range;
  uint64_t offset = address - range->first;
  return offset < range->second.bytes && bytes <= range->second.bytes - offset;
}

CUresult submitCopy(Context &context, CUstream stream, Copy copy, Wait wait) {
  auto state = streamState(context, stream);
  if (!state) return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult wrong = check(copy)) return wrong;
  if (copy.empty()) return CUDA_SUCCESS;
  bool always = wait == Wait::Always;
  auto pageable = [&](const CopySide &side) {
    uint64_t bytes = 0;
    return !side.device && footprint(side, copy, bytes) && !isPinned(side.address, bytes);
  };
  if (isCapturing(context, *state)) return enqueue(context, state, copy);
  // What a driver does with pageable memory: it reads it before the call returns, and writes it before the
  // call returns.
  bool waits = always || pageable(copy.target);
  if (!waits && pageable(copy.source)) {
    auto staged = stage(copy);
    context.queue.submit(state, [&context, copy, staged] { runCopy(context, copy); });
    return CUDA_SUCCESS;
  }
  Point done;
  if (CUresult wrong = enqueue(context, state, copy, &done)) return wrong;
  return waits ? waitFor(context, done) : CUDA_SUCCESS;
}

CUresult submitFill(Context &context, CUstream stream, const Fill &fill, Wait wait) {
  auto state = streamState(context, stream);
  if (!state) return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult wrong = check(fill)) return wrong;
  if (!fill.width || !fill.height) return CUDA_SUCCESS;
  Point done;
  if (CUresult wrong = enqueue(context, state, fill, &done)) return wrong;
  return wait == Wait::Always && !isCapturing(context, *state) ? waitFor(context, done) : CUDA_SUCCESS;
}

} // namespace dlc::vcuda
