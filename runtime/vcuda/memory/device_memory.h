//===- device_memory.h - the memory of one virtual device -------------------===//
//
// One window of addresses per device, much larger than the device's memory, from which allocations are cut
// next-fit: a freed range comes back only after the rest of the window was used, so a stale pointer is found
// out for as long as possible. Around each allocation lies a red zone of at least 256 bytes; behind it as many
// as it has, within bounds, while the window has room: an index that is far too large still finds nothing.
//
// The window itself is reserved without access: the host faults when it follows a device pointer. Only memory
// that host and device share (pinned, managed) is mapped there too, so that one pointer serves both, as with
// unified addressing.
//
// Host memory is committed when it is touched: a device with 80 GB costs nothing, and an allocation of 30 GB
// costs what is written to it. That holds for the byte states as well, which large allocations map from one
// shared pattern.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_MEMORY_DEVICE_MEMORY_H
#define DLC_RUNTIME_VCUDA_MEMORY_DEVICE_MEMORY_H

#include "runtime/vcuda/machine.h"

#include <deque>
#include <optional>
#include <shared_mutex>

namespace dlc::vcuda {

/// What the driver asks for and remembers of an allocation.
struct AllocationRequest {
  enum Kind { Device, Pinned, Managed } kind = Device;
  uint64_t bytes = 0;
  uint64_t alignment = 256; ///< a power of two
  uint64_t owner = 0;       ///< number of the context it dies with
  uint64_t pool = 0;        ///< number of the memory pool, or 0
  unsigned flags = 0;       ///< as given to the API, for its queries
  bool committed = true;    ///< false: accessible only from commit() on (stream-ordered allocations)
  std::string name;
};

struct Allocation : AllocationRequest {
  uint64_t base = 0;
  uint64_t id = 0;                       ///< number in the process, never reused
  uint64_t rangeBegin = 0, rangeEnd = 0; ///< with its red zones
  bool freeing = false;                  ///< a stream-ordered free is under way
};

class DeviceMemory final : public GlobalMemory {
public:
  /// `capacity`: bytes that Device allocations may use together. Throws std::bad_alloc if not even a small
  /// window can be reserved.
  explicit DeviceMemory(uint64_t capacity);
  ~DeviceMemory() override;
  DeviceMemory(const DeviceMemory &) = delete;

  /// None when the capacity (Device) or the host's memory (Pinned, Managed) is used up. A size of 0 is not
  /// allowed.
  std::optional<Allocation> allocate(const AllocationRequest &request);
  /// Makes a stream-ordered allocation accessible; false if there is none at `base`.
  bool commit(uint64_t base);
  /// Ends the allocation that starts at `base`; false if there is none.
  bool free(uint64_t base);
  /// Marks a stream-ordered free as requested; false if there is no allocation at `base` or it is being freed
  /// already.
  bool beginFree(uint64_t base);
  /// Ends all allocations of a context.
  void freeOwned(uint64_t owner);

  /// The live allocation that holds [address, address + bytes), if one holds all of it.
  std::optional<Allocation> lookup(uint64_t address, uint64_t bytes = 1) const;
  AllocationInfo find(uint64_t address) const override;
  void setName(uint64_t base, std::string name);
  /// All live allocations.
  std::vector<AllocationInfo> describe() const;

  bool contains(uint64_t address) const { return address - base < size; }
  /// The host's view of a device address inside the window.
  uint8_t *host(uint64_t address) const { return bytes + (address - base); }
  uint64_t capacity() const { return capacityBytes; }
  uint64_t used() const;

  // What the host does to memory. The ranges must lie inside live allocations.
  void write(uint64_t address, const void *source, uint64_t count);
  void read(void *target, uint64_t address, uint64_t count) const;
  void copy(uint64_t target, uint64_t source, uint64_t count); ///< states move along; ranges may overlap
  void fill(uint64_t address, uint64_t pattern, unsigned patternBytes, uint64_t elements);

  /// With checks off the machine does not keep byte states, so everything counts as written from the start.
  void setTracking(bool enabled);

private:
  void mark(uint64_t address, uint64_t count, ByteState value);
  void clear(const Allocation &allocation);
  bool share(const Allocation &allocation);
  void unshare(const Allocation &allocation);
  struct Range {
    uint64_t begin, first, end; ///< with red zones; `first` is the allocation's address
  };
  std::optional<Range> takeRange(uint64_t count, uint64_t alignment, uint64_t redZone, uint64_t behind);
  void giveRange(uint64_t begin, uint64_t end);
  void freeLocked(std::map<uint64_t, Allocation>::iterator it);
  const Allocation *lookupLocked(uint64_t address, uint64_t count) const;
  ByteState fresh(const AllocationRequest &request) const;

  uint64_t capacityBytes;
  mutable std::shared_mutex mutex; ///< guards what follows
  uint64_t usedBytes = 0;
  uint64_t sharedBytes = 0;
  uint64_t sharedLimit;
  uint64_t cursor = 0; ///< where the last allocation ended
  bool tracking = true;
  std::map<uint64_t, uint64_t> gaps;          ///< begin -> end of what is not allocated
  std::map<uint64_t, Allocation> allocations; ///< by base
  std::map<uint64_t, AllocationInfo> freed;   ///< by base; forgotten when the range is used again
  std::deque<uint64_t> freedOrder;
  std::array<int, 4> patternFiles = {-1, -1, -1, -1}; ///< by ByteState: a file full of that byte
};

} // namespace dlc::vcuda

#endif
