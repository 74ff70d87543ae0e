#include "runtime/vcuda/memory/device_memory.h"

#include "runtime/vcuda/memory/pages.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <unistd.h>

namespace dlc::vcuda {
namespace {

constexpr uint64_t redZoneBytes = 256;
/// Bounds of the red zone behind an allocation. It costs addresses, not memory.
constexpr uint64_t leastBehind = 16 << 10, mostBehind = 1 << 20;
/// Larger allocations start at a large page. The interface promises 256 bytes, but drivers give these pages
/// of their own, and programs count on it (Taichi's runtime carves pages of 4 KiB out of one).
constexpr uint64_t ownPagesFrom = 1 << 20;
/// Where a window lies if it can: device addresses are then the same in every run.
constexpr uint64_t wishedBase = 0x2000'0000'0000;
constexpr size_t maxFreedRemembered = 1 << 16;

void *reservePages(uint64_t count, int protection, uint64_t wish = 0) {
  void *p = mmap(reinterpret_cast<void *>(wish), count, protection,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

} // namespace

uint64_t nextAllocationId() {
  static std::atomic<uint64_t> next{1};
  return next++;
}

DeviceMemory::DeviceMemory(uint64_t capacity) : capacityBytes(capacity) {
  sharedLimit = uint64_t(sysconf(_SC_PHYS_PAGES)) * page;
  // A part for allocations, a larger one for reservations: programs reserve as much as the device has several
  // times. The address space of the thread sanitizer is small.
#if defined(__SANITIZE_THREAD__) || (defined(__has_feature) && __has_feature(thread_sanitizer))
  uint64_t ordinary = roundUp(capacity + capacity / 4, patternBytes);
  uint64_t window = ordinary + roundUp(capacity / 4, patternBytes);
#else
  uint64_t ordinary = roundUp(capacity * 4, patternBytes), window = ordinary * 4;
#endif
  uint64_t wanted = window;
  for (; window >= patternBytes; window = roundUp(window / 2, patternBytes)) {
    void *visible = reservePages(window, PROT_NONE, wishedBase);
    void *data = reservePages(window, PROT_READ | PROT_WRITE);
    void *states = reservePages(window, PROT_READ | PROT_WRITE);
    void *owners = reservePages(window * 2, PROT_READ | PROT_WRITE);
    if (visible && data && states && owners) {
      base = reinterpret_cast<uint64_t>(visible);
      size = window;
      bytes = static_cast<uint8_t *>(data);
      state = static_cast<uint8_t *>(states);
      writers = static_cast<uint64_t *>(owners);
      break;
    }
    if (visible) munmap(visible, window);
    if (data) munmap(data, window);
    if (states) munmap(states, window);
    if (owners) munmap(owners, window * 2);
    if (window == patternBytes) break;
  }
  if (!size) throw std::bad_alloc();
  if (size < wanted) ordinary = std::min(ordinary, roundUp(size / 2, patternBytes));
  ranges.reset(base, base + ordinary);
  reservable.reset(base + ordinary, base + size);
}

DeviceMemory::~DeviceMemory() {
  munmap(reinterpret_cast<void *>(base), size);
  munmap(bytes, size);
  munmap(state, size);
  munmap(writers, size * 2);
  for (int file : patternFiles)
    if (file >= 0) close(file);
  for (int file : {dataFile, stateFile})
    if (file >= 0) close(file);
}

//===----------------------------------------------------------------------===//
// Byte states
//===----------------------------------------------------------------------===//

ByteState DeviceMemory::fresh(const AllocationRequest &request) const {
  if (!request.committed) return ByteUnmapped;
  // Host code writes shared memory behind our back.
  return tracking && !request.isShared() ? ByteUninitialised : ByteReady;
}

void DeviceMemory::mark(uint64_t address, uint64_t count, ByteState value) {
  uint8_t *first = state + (address - base), *last = first + count;
  if (count >= patternBytes) {
    uint8_t *begin = reinterpret_cast<uint8_t *>(roundUp(reinterpret_cast<uint64_t>(first), page));
    uint8_t *end = reinterpret_cast<uint8_t *>(reinterpret_cast<uint64_t>(last) & ~(page - 1));
    int &file = patternFiles[value];
    if (value != ByteUnmapped && file < 0) {
      std::vector<uint8_t> pattern(patternBytes, value);
      file = memfd_create("vcuda-states", MFD_CLOEXEC);
      if (file >= 0 && ::write(file, pattern.data(), patternBytes) != ssize_t(patternBytes)) {
        close(file);
        file = -1;
      }
    }
    if (value == ByteUnmapped) {
      zeroPages(begin, end - begin);
    } else if (file >= 0) {
      for (uint8_t *p = begin; p < end; p += patternBytes)
        mmap(p, std::min<uint64_t>(patternBytes, end - p), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, 0);
    } else {
      std::memset(begin, value, end - begin);
    }
    std::memset(first, value, begin - first);
    std::memset(end, value, last - end);
    return;
  }
  std::memset(first, value, count);
}

/// Unmaps the states and gives the host its pages back.
void DeviceMemory::clear(const Allocation &allocation) {
  mark(allocation.base, allocation.bytes, ByteUnmapped);
  auto release = [](void *begin, uint64_t count) {
    uint64_t first = roundUp(reinterpret_cast<uint64_t>(begin), page);
    uint64_t last = (reinterpret_cast<uint64_t>(begin) + count) & ~(page - 1);
    if (first < last) madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
  };
  uint64_t offset = allocation.base - base;
  release(bytes + offset, allocation.bytes);
  release(writers + offset / 4, allocation.bytes * 2);
  if (allocation.bytes < patternBytes) release(state + offset, allocation.bytes);
}

void DeviceMemory::setTracking(bool enabled) {
  std::unique_lock lock(mutex);
  if (tracking == enabled) return;
  tracking = enabled;
  // What the machine wrote meanwhile is not known, or will not be.
  for (auto &[address, allocation] : allocations)
    if (allocation.committed && !allocation.physical) mark(address, allocation.bytes, ByteReady);
  for (Physical *physical : physicals) markPhysical(*physical, ByteReady);
}

//===----------------------------------------------------------------------===//
// Allocations
//===----------------------------------------------------------------------===//

/// Maps the same pages at the device's storage and at the window's address itself.
bool DeviceMemory::share(const Allocation &allocation) {
  int file = memfd_create("vcuda-shared", MFD_CLOEXEC);
  if (file < 0) return false;
  uint64_t count = roundUp(allocation.bytes, page);
  bool done = ftruncate(file, off_t(count)) == 0;
  for (void *target : {reinterpret_cast<void *>(allocation.base), static_cast<void *>(host(allocation.base))})
    done = done && mmap(target, count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
  close(file);
  if (!done) unshare(allocation);
  return done;
}

void DeviceMemory::unshare(const Allocation &allocation) {
  uint64_t count = roundUp(allocation.bytes, page);
  mmap(reinterpret_cast<void *>(allocation.base), count, PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  zeroPages(host(allocation.base), count);
}

std::optional<Allocation> DeviceMemory::allocate(const AllocationRequest &request) {
  if (request.bytes == 0 || request.bytes > size) return std::nullopt;
  std::unique_lock lock(mutex);
  bool shared = request.isShared(), isBlock = request.kind == AllocationRequest::Heap;
  uint64_t &counter = shared ? sharedBytes : usedBytes;
  uint64_t limit = shared ? sharedLimit : capacityBytes;
  uint64_t cost = roundUp(request.bytes, redZoneBytes);
  bool isClaimed = !request.isAddressOnly && !isBlock;
  if (isClaimed && cost > limit - counter) return std::nullopt;

  uint64_t redZone = shared ? page : redZoneBytes;
  uint64_t alignment = std::max(request.alignment, redZone);
  if (!shared && !isBlock && request.bytes > ownPagesFrom)
    alignment = std::max(alignment, mappingGranularity);
  uint64_t behind = roundUp(std::clamp(request.bytes, leastBehind, mostBehind), redZone);
  // Blocks are many and small. Their addresses are multiples of what is promised and of no more.
  uint64_t skew = isBlock && request.alignment < redZone ? request.alignment : 0;
  if (isBlock) behind = redZone;
  auto range = ranges.take(request.bytes + skew, alignment, redZone, behind);
  if (!range) range = ranges.take(request.bytes + skew, alignment, redZone, redZone);
  if (!range) return std::nullopt;
  Allocation allocation;
  static_cast<AllocationRequest &>(allocation) = request;
  allocation.base = range->first + skew;
  allocation.id = nextAllocationId();
  allocation.rangeBegin = range->begin;
  allocation.rangeEnd = range->end;
  if (shared && !share(allocation)) {
    ranges.give(allocation.rangeBegin, allocation.rangeEnd);
    return std::nullopt;
  }
  forgetFreed(allocation.rangeBegin, allocation.rangeEnd);
  allocation.isClaimed = isClaimed;
  if (allocation.isClaimed) counter += cost;
  mark(allocation.base, allocation.bytes, fresh(request));
  allocations.emplace(allocation.base, allocation);
  return allocation;
}

bool DeviceMemory::commit(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = findOrdinary(address);
  if (it == allocations.end()) return false;
  it->second.committed = true;
  if (it->second.isAddressOnly) it->second.id = nextAllocationId(); // another one at the same address
  mark(address, it->second.bytes, fresh(it->second));
  return true;
}

void DeviceMemory::decommit(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = findOrdinary(address);
  if (it == allocations.end() || !it->second.committed) return;
  it->second.committed = false;
  clear(it->second);
}

bool DeviceMemory::claim(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = findOrdinary(address);
  if (it == allocations.end()) return false;
  uint64_t cost = roundUp(it->second.bytes, redZoneBytes);
  if (it->second.isClaimed || cost > capacityBytes - usedBytes) return it->second.isClaimed;
  usedBytes += cost;
  return it->second.isClaimed = true;
}

void DeviceMemory::unclaim(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = findOrdinary(address);
  if (it == allocations.end() || !it->second.isClaimed) return;
  usedBytes -= roundUp(it->second.bytes, redZoneBytes);
  it->second.isClaimed = false;
}

void DeviceMemory::abandon(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = findOrdinary(address);
  if (it == allocations.end()) return;
  it->second.isAddressOnly = false;
  if (!it->second.committed) freeLocked(it);
}

void DeviceMemory::freeLocked(std::map<uint64_t, Allocation>::iterator it) {
  const Allocation &allocation = it->second;
  bool shared = allocation.isShared();
  if (allocation.isClaimed) (shared ? sharedBytes : usedBytes) -= roundUp(allocation.bytes, redZoneBytes);
  if (shared) unshare(allocation);
  clear(allocation);
  ranges.give(allocation.rangeBegin, allocation.rangeEnd);
  rememberFreed(allocation, AllocationInfo::Freed);
  allocations.erase(it);
}

void DeviceMemory::rememberFreed(const Allocation &allocation, AllocationInfo::Kind how) {
  freed[allocation.base] = {how, allocation.base, allocation.bytes, allocation.id, allocation.name};
  freedOrder.push_back(allocation.base);
  if (freedOrder.size() > maxFreedRemembered) {
    freed.erase(freedOrder.front());
    freedOrder.pop_front();
  }
}

void DeviceMemory::forgetFreed(uint64_t begin, uint64_t end) {
  freed.erase(freed.lower_bound(begin), freed.lower_bound(end));
}

/// What allocate() made for the host; a mapping ends with unmap().
std::map<uint64_t, Allocation>::iterator DeviceMemory::findOrdinary(uint64_t address) {
  auto it = allocations.find(address);
  bool isOther = it != allocations.end() &&
                 (it->second.kind == AllocationRequest::Mapped || it->second.kind == AllocationRequest::Heap);
  return isOther ? allocations.end() : it;
}

bool DeviceMemory::free(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = findOrdinary(address);
  if (it == allocations.end()) return false;
  freeLocked(it);
  return true;
}

bool DeviceMemory::beginFree(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = findOrdinary(address);
  if (it == allocations.end() || it->second.freeing) return false;
  it->second.freeing = true;
  return true;
}

uint64_t DeviceMemory::freeBlock(uint64_t address, uint64_t owner) {
  std::unique_lock lock(mutex);
  auto it = allocations.find(address);
  if (it == allocations.end() || it->second.kind != AllocationRequest::Heap || it->second.owner != owner)
    return 0;
  uint64_t count = it->second.bytes;
  freeLocked(it);
  return count;
}

bool DeviceMemory::setAside(uint64_t count, uint64_t before) {
  std::unique_lock lock(mutex);
  if (count > capacityBytes - (usedBytes - before)) return false;
  usedBytes = usedBytes - before + count;
  return true;
}

void DeviceMemory::freeOwned(uint64_t owner) {
  std::unique_lock lock(mutex);
  for (auto it = allocations.begin(); it != allocations.end();) {
    auto next = std::next(it);
    if (it->second.owner == owner && it->second.kind != AllocationRequest::Mapped) freeLocked(it);
    it = next;
  }
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

const Allocation *DeviceMemory::lookupLocked(uint64_t address, uint64_t count) const {
  auto it = allocations.upper_bound(address);
  if (it == allocations.begin()) return nullptr;
  const Allocation &allocation = std::prev(it)->second;
  uint64_t offset = address - allocation.base;
  return offset < allocation.bytes && count <= allocation.bytes - offset ? &allocation : nullptr;
}

std::optional<Allocation> DeviceMemory::lookup(uint64_t address, uint64_t count) const {
  std::shared_lock lock(mutex);
  const Allocation *allocation = lookupLocked(address, count);
  if (allocation && allocation->kind != AllocationRequest::Heap) return *allocation;
  return std::nullopt;
}

bool DeviceMemory::covers(uint64_t address, uint64_t count) const {
  std::shared_lock lock(mutex);
  for (const Allocation *a; (a = lookupLocked(address, 1));) {
    if (a->kind == AllocationRequest::Heap) return false;
    bool isMapped = a->kind == AllocationRequest::Mapped;
    if (isMapped && !a->committed) return false;
    uint64_t left = a->base + a->bytes - address;
    if (count <= left) return true;
    if (!isMapped) return false;
    address += left, count -= left;
  }
  return false;
}

AllocationInfo DeviceMemory::find(uint64_t address) const {
  std::shared_lock lock(mutex);
  if (const Allocation *a = lookupLocked(address, 1)) {
    auto kind = AllocationInfo::Live;
    if (!a->committed && a->kind == AllocationRequest::Mapped) kind = AllocationInfo::NoAccess;
    if (!a->committed && a->isAddressOnly) kind = AllocationInfo::Freed;
    return {kind, a->base, a->bytes, a->id, a->name};
  }
  auto old = freed.upper_bound(address);
  if (old != freed.begin() && address - std::prev(old)->first < std::prev(old)->second.bytes)
    return std::prev(old)->second;
  if (auto held = reservationAt(address)) return {AllocationInfo::Reserved, held->first, held->second, 0, {}};
  // The nearest allocation: the one that ends before the address or the one that begins behind it.
  const Allocation *nearest = nullptr;
  uint64_t distance = UINT64_MAX;
  auto after = allocations.upper_bound(address);
  if (after != allocations.end()) {
    nearest = &after->second;
    distance = nearest->base - address;
  }
  if (after != allocations.begin()) {
    const Allocation &before = std::prev(after)->second;
    if (address - (before.base + before.bytes) < distance) nearest = &before;
  }
  if (!nearest) return {};
  return {AllocationInfo::None, nearest->base, nearest->bytes, nearest->id, nearest->name};
}

void DeviceMemory::setName(uint64_t address, std::string name) {
  std::unique_lock lock(mutex);
  auto it = allocations.find(address);
  if (it != allocations.end()) it->second.name = std::move(name);
}

std::vector<AllocationInfo> DeviceMemory::describe() const {
  std::shared_lock lock(mutex);
  std::vector<AllocationInfo> all;
  for (const auto &[address, a] : allocations)
    all.push_back({AllocationInfo::Live, a.base, a.bytes, a.id, a.name});
  return all;
}

uint64_t DeviceMemory::used() const {
  std::shared_lock lock(mutex);
  return usedBytes;
}

//===----------------------------------------------------------------------===//
// The host's accesses
//===----------------------------------------------------------------------===//

void DeviceMemory::write(uint64_t address, const void *source, uint64_t count) {
  std::memmove(host(address), source, count);
  std::memset(state + (address - base), ByteReady, count);
}

void DeviceMemory::read(void *target, uint64_t address, uint64_t count) const {
  std::memmove(target, host(address), count);
}

void DeviceMemory::copy(uint64_t target, uint64_t source, uint64_t count) {
  std::memmove(host(target), host(source), count);
  std::memmove(state + (target - base), state + (source - base), count);
}

void DeviceMemory::store(uint64_t address, uint64_t value, unsigned count) {
  if (count == 8)
    __atomic_store_n(reinterpret_cast<uint64_t *>(host(address)), value, __ATOMIC_RELEASE);
  else
    __atomic_store_n(reinterpret_cast<uint32_t *>(host(address)), uint32_t(value), __ATOMIC_RELEASE);
  std::memset(state + (address - base), ByteReady, count);
}

void DeviceMemory::fill(uint64_t address, uint64_t pattern, unsigned patternSize, uint64_t elements) {
  uint8_t *target = host(address);
  if (patternSize == 1) {
    std::memset(target, int(pattern & 0xff), elements);
  } else {
    for (uint64_t i = 0; i < elements; ++i) std::memcpy(target + i * patternSize, &pattern, patternSize);
  }
  std::memset(state + (address - base), ByteReady, elements * patternSize);
}

} // namespace dlc::vcuda
