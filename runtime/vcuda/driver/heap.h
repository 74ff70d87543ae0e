//===- heap.h - malloc and free of a context's kernels -----------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_HEAP_H
#define DLC_RUNTIME_VCUDA_DRIVER_HEAP_H

#include "runtime/vcuda/driver/api.h"
#include "runtime/vcuda/memory/device_memory.h"

#include <mutex>

namespace dlc::vcuda {

struct Context;

/// A context's heap. All of its size is set aside from the device's memory when the first module is loaded
/// that has a kernel which may use it, until the context ends; blocks count with their size, rounded up to 16
/// bytes.
class Heap final : public DeviceHeap {
public:
  Heap(DeviceMemory &memory, uint64_t owner) : memory(memory), owner(owner) {}
  ~Heap() override { close(); }
  uint64_t allocate(uint64_t bytes, uint64_t alignment) override;
  uint64_t free(uint64_t address) override;

  /// CU_LIMIT_MALLOC_HEAP_SIZE. It stays as it is once a kernel that may use the heap was launched.
  uint64_t limit() const;
  CUresult setLimit(uint64_t bytes);
  void noteLaunch();
  /// Sets the memory aside, if that was not done; false where there is not so much.
  bool open();
  /// The context has ended, and its blocks with it.
  void close();

private:
  DeviceMemory &memory;
  const uint64_t owner;     ///< number of the context
  mutable std::mutex mutex; ///< guards what follows
  uint64_t limitBytes = 8 << 20, usedBytes = 0;
  bool isOpen = false, wasLaunched = false;
};

/// Opens the context's heap for a module that needs it.
CUresult openHeapFor(Context &context, const Module &module);

} // namespace dlc::vcuda

#endif
