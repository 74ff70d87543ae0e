#include "runtime/vcuda/driver/heap.h"

#include "runtime/vcuda/driver/state.h"

#include <algorithm>

namespace dlc::vcuda {

static uint64_t costOf(uint64_t bytes) { return (bytes + 15) / 16 * 16; }

uint64_t Heap::allocate(uint64_t bytes, uint64_t alignment) {
  std::lock_guard lock(mutex);
  if (!isOpen || bytes > limitBytes || costOf(bytes) > limitBytes - usedBytes || alignment > limitBytes)
    return 0;
  AllocationRequest request;
  request.kind = AllocationRequest::Heap;
  request.bytes = bytes;
  request.alignment = std::max<uint64_t>(alignment, 16);
  request.owner = owner;
  request.name = "heap block";
  auto block = memory.allocate(request);
  if (!block) return 0;
  usedBytes += costOf(bytes);
  return block->base;
}

uint64_t Heap::free(uint64_t address) {
  std::lock_guard lock(mutex);
  uint64_t bytes = memory.freeBlock(address, owner);
  usedBytes -= costOf(bytes);
  return bytes;
}

uint64_t Heap::limit() const {
  std::lock_guard lock(mutex);
  return limitBytes;
}

CUresult Heap::setLimit(uint64_t bytes) {
  std::lock_guard lock(mutex);
  if (wasLaunched) return CUDA_ERROR_INVALID_VALUE;
  if (isOpen && !memory.setAside(bytes, limitBytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  limitBytes = bytes;
  return CUDA_SUCCESS;
}

void Heap::noteLaunch() {
  std::lock_guard lock(mutex);
  wasLaunched = true;
}

bool Heap::open() {
  std::lock_guard lock(mutex);
  return isOpen || (isOpen = memory.setAside(limitBytes, 0));
}

void Heap::close() {
  std::lock_guard lock(mutex);
  if (isOpen) memory.setAside(0, limitBytes);
  isOpen = false;
}

CUresult openHeapFor(Context &context, const Module &module) {
  bool needed = std::any_of(module.kernels.begin(), module.kernels.end(),
                            [](const KernelInfo &k) { return k.usesHeap; });
  return !needed || context.heap.open() ? CUDA_SUCCESS : CUDA_ERROR_SHARED_OBJECT_INIT_FAILED;
}

} // namespace dlc::vcuda
