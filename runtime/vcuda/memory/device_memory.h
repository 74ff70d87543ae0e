//===- device_memory.h - the memory of one virtual device -------------------===//
//
// One window of addresses per device, much larger than the device's memory, from which allocations are cut
// next-fit: a freed range comes back only after the rest of the window was used, so a stale pointer is found
// out for as long as possible. Around each allocation lies a red zone of at least 256 bytes; behind it as
// many as it has, within bounds, while the window has room: an index that is far too large still finds
// nothing.
//
// The window itself is reserved without access: the host faults when it follows a device pointer. Only memory
// that host and device share (pinned, managed) is mapped there too, so that one pointer serves both, as with
// unified addressing.
//
// Host memory is committed when it is touched: a device with 80 GB costs nothing, and an allocation of 30 GB
// costs what is written to it. That holds for the byte states as well, which large allocations map from one
// shared pattern.
//
// Addresses and memory can be had apart as well (virtual_memory.cpp): a range of addresses is reserved,
// memory is created without an address and mapped into ranges, at as many places as the client likes, each
// with or without access. Such memory is a part of a file that is mapped at those places, and so are its byte
// states.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_MEMORY_DEVICE_MEMORY_H
#define DLC_RUNTIME_VCUDA_MEMORY_DEVICE_MEMORY_H

#include "runtime/vcuda/machine.h"
#include "runtime/vcuda/memory/address_ranges.h"

#include <deque>
#include <set>
#include <shared_mutex>

namespace dlc::vcuda {

/// What the driver asks for and remembers of an allocation.
struct AllocationRequest {
  /// Mapped: by map() only. Heap: a block of kernels, out of what setAside() took; the host knows nothing of
  /// it.
  enum Kind { Device, Pinned, Managed, Mapped, Heap } kind = Device;
  bool isShared() const { return kind == Pinned || kind == Managed; } ///< with the host
  uint64_t bytes = 0;
  uint64_t alignment = 256; ///< a power of two
  uint64_t owner = 0;       ///< number of the context it dies with
  uint64_t pool = 0;        ///< number of the memory pool, or 0
  unsigned flags = 0;       ///< as given to the API, for its queries
  bool committed = true;    ///< false: accessible only from commit() or setAccess() on
  /// Holds addresses until claim() sets memory aside for them, and is accessible from commit() to decommit().
  bool isAddressOnly = false;
  std::string name;
};

/// Memory without an address of its own. It lives while it has references or mappings.
struct Physical {
  uint64_t bytes = 0;
  uint64_t client = 0; ///< what the client knows it by
  // Guarded by the mutex of its memory:
  uint64_t references = 1;
  uint64_t fileOffset = 0;
  std::vector<uint64_t> mappings; ///< their addresses
  /// Where its byte states are: in the file of states, or, of large memory with one accessible mapping,
  /// there.
  bool hasSharedStates = false;
  uint64_t home = 0; ///< address of that mapping, or 0
};

struct Allocation : AllocationRequest {
  uint64_t base = 0;
  uint64_t id = 0;                       ///< number in the process, never reused
  uint64_t rangeBegin = 0, rangeEnd = 0; ///< with its red zones
  bool isClaimed = true;                 ///< memory is set aside for it
  bool freeing = false;                  ///< a stream-ordered free is under way
  std::shared_ptr<Physical> physical;    ///< of a mapping
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
  /// Makes it inaccessible again; what was there is gone.
  void decommit(uint64_t base);
  /// Of allocations that hold addresses only: sets memory aside, if there is any left; gives it back.
  bool claim(uint64_t base);
  void unclaim(uint64_t base);
  /// The end of one: if it is accessible it becomes an allocation like others, otherwise its addresses are
  /// free.
  void abandon(uint64_t base);
  /// Ends the allocation that starts at `base`; false if there is none.
  bool free(uint64_t base);
  /// Marks a stream-ordered free as requested; false if there is no allocation at `base` or it is being freed
  /// already.
  bool beginFree(uint64_t base);
  /// Ends the Heap allocation of that owner which starts at `base`: its size, or 0 if there is none.
  uint64_t freeBlock(uint64_t base, uint64_t owner);
  /// Memory set aside for a heap is `bytes` from now on, and was `before`; false if there is not so much.
  bool setAside(uint64_t bytes, uint64_t before);
  /// Ends all allocations of a context.
  void freeOwned(uint64_t owner);

  // Of all but Heap allocations, which only find() and describe() show:
  /// The live allocation that holds [address, address + bytes), if one holds all of it.
  std::optional<Allocation> lookup(uint64_t address, uint64_t bytes = 1) const;
  /// Whether copies may touch [address, address + bytes): it lies in one live allocation, or in accessible
  /// mappings without a hole.
  bool covers(uint64_t address, uint64_t bytes) const;
  AllocationInfo find(uint64_t address) const override;
  void setName(uint64_t base, std::string name);
  /// All live allocations.
  std::vector<AllocationInfo> describe() const;

  // Addresses and memory apart. Addresses and sizes are multiples of mappingGranularity.
  static constexpr uint64_t mappingGranularity = 2 << 20;
  /// Reserves addresses, at `wish` if it is not 0 and they are free there.
  std::optional<uint64_t> reserve(uint64_t bytes, uint64_t alignment, uint64_t wish);
  /// False unless it is a reservation as it was made, with nothing mapped.
  bool unreserve(uint64_t base, uint64_t bytes);
  /// The reservation that holds an address: begin and bytes.
  std::optional<std::pair<uint64_t, uint64_t>> reservation(uint64_t address) const;
  /// Null when the capacity is used up.
  std::shared_ptr<Physical> createPhysical(uint64_t bytes);
  void retain(Physical &physical);
  bool isReferenced(const Physical &physical) const;
  /// Takes a reference away; true when that was the end of the memory.
  bool release(Physical &physical);
  /// Maps the first `bytes` of memory into a reservation, without access; false if they are not free there.
  /// Throws std::bad_alloc when the host has no room for it.
  bool map(uint64_t address, uint64_t bytes, const std::shared_ptr<Physical> &physical);
  /// Whether unmap() and setAccess() of a range move byte states, so that nothing may use the memory
  /// meanwhile. Only large memory has such.
  bool movesStates(uint64_t address, uint64_t bytes);
  /// Ends the mappings that make up the range; `ended` gets memory that ends with them. False unless the
  /// range is whole mappings without a hole.
  bool unmap(uint64_t address, uint64_t bytes, std::vector<std::shared_ptr<Physical>> &ended);
  /// The same range; from now on it can be accessed, or can't.
  bool setAccess(uint64_t address, uint64_t bytes, bool isAccessible);

  bool contains(uint64_t address) const { return address - base < size; }
  /// The host's view of a device address inside the window.
  uint8_t *host(uint64_t address) const { return bytes + (address - base); }
  uint64_t capacity() const { return capacityBytes; }
  uint64_t used() const;

  // What the host does to memory. The ranges must lie inside live allocations.
  void write(uint64_t address, const void *source, uint64_t count);
  void read(void *target, uint64_t address, uint64_t count) const;
  void copy(uint64_t target, uint64_t source, uint64_t count); ///< states move along; ranges may overlap
  /// Writes a word of 4 or 8 bytes at once.
  void store(uint64_t address, uint64_t value, unsigned bytes);
  void fill(uint64_t address, uint64_t pattern, unsigned patternBytes, uint64_t elements);

  /// With checks off the machine does not keep byte states, so everything counts as written from the start.
  void setTracking(bool enabled);

private:
  void mark(uint64_t address, uint64_t count, ByteState value);
  void clear(const Allocation &allocation);
  bool share(const Allocation &allocation);
  void unshare(const Allocation &allocation);
  void freeLocked(std::map<uint64_t, Allocation>::iterator it);
  std::map<uint64_t, Allocation>::iterator findOrdinary(uint64_t address);
  void rememberFreed(const Allocation &allocation, AllocationInfo::Kind how);
  void forgetFreed(uint64_t begin, uint64_t end);
  const Allocation *lookupLocked(uint64_t address, uint64_t count) const;
  ByteState fresh(const AllocationRequest &request) const;
  std::optional<std::pair<uint64_t, uint64_t>> reservationAt(uint64_t address) const;
  std::vector<Allocation *> mappingsOf(uint64_t address, uint64_t count);
  void fillStates(const Physical &physical, uint64_t from, ByteState value);
  void shareStates(Physical &physical);
  void showStates(Allocation &mapping);
  void hideStates(Allocation &mapping, bool keep);
  void markPhysical(Physical &physical, ByteState value);
  bool endIfUnused(Physical &physical);

  uint64_t capacityBytes;
  mutable std::shared_mutex mutex; ///< guards what follows
  uint64_t usedBytes = 0;
  uint64_t sharedBytes = 0;
  uint64_t sharedLimit;
  bool tracking = true;
  AddressRanges ranges;                       ///< for allocations
  AddressRanges reservable;                   ///< for reservations
  std::map<uint64_t, uint64_t> reservations;  ///< begin -> bytes
  std::set<Physical *> physicals;             ///< all that live
  std::map<uint64_t, Allocation> allocations; ///< by base
  std::map<uint64_t, AllocationInfo> freed;   ///< by base; forgotten when the range is used again
  std::deque<uint64_t> freedOrder;
  std::array<int, 4> patternFiles = {-1, -1, -1, -1}; ///< by ByteState: a file full of that byte
  int dataFile = -1, stateFile = -1; ///< of all Physical memory and its states; grow and get holes
  uint64_t fileEnd = 0;
};

/// Numbers of allocations and mappings: never used twice in a process.
uint64_t nextAllocationId();

} // namespace dlc::vcuda

#endif
