#include "runtime/vcuda/memory/device_memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace dlc::vcuda {
namespace {

constexpr uint64_t page = 4096;
constexpr uint64_t redZoneBytes = 256;
/// Bounds of the red zone behind an allocation. It costs addresses, not memory.
constexpr uint64_t leastBehind = 16 << 10, mostBehind = 1 << 20;
/// From this size on byte states are mapped from a shared pattern instead of being written.
constexpr uint64_t patternBytes = 64ull << 20;
/// Where a window lies if it can: device addresses are then the same in every run.
constexpr uint64_t wishedBase = 0x2000'0000'0000;
constexpr size_t maxFreedRemembered = 1 << 16;

uint64_t roundUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

void *reserve(uint64_t count, int protection, uint64_t wish = 0) {
  void *p = mmap(reinterpret_cast<void *>(wish), count, protection,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

/// Fresh zero pages in place of whatever is mapped; [begin, end) is page-aligned.
void zeroPages(void *begin, uint64_t count) {
  mmap(begin, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

std::atomic<uint64_t> nextId{1};

} // namespace

DeviceMemory::DeviceMemory(uint64_t capacity) : capacityBytes(capacity) {
  sharedLimit = uint64_t(sysconf(_SC_PHYS_PAGES)) * page;
#if defined(__SANITIZE_THREAD__) || (defined(__has_feature) && __has_feature(thread_sanitizer))
  uint64_t window = roundUp(capacity + capacity / 4, patternBytes); // its address space is small
#else
  uint64_t window = roundUp(capacity * 4, patternBytes);
#endif
  for (; window >= patternBytes; window = roundUp(window / 2, patternBytes)) {
    void *visible = reserve(window, PROT_NONE, wishedBase);
    void *data = reserve(window, PROT_READ | PROT_WRITE);
    void *states = reserve(window, PROT_READ | PROT_WRITE);
    void *owners = reserve(window * 2, PROT_READ | PROT_WRITE);
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
  gaps.emplace(base, base + size);
  cursor = base;
}

DeviceMemory::~DeviceMemory() {
  munmap(reinterpret_cast<void *>(base), size);
  munmap(bytes, size);
  munmap(state, size);
  munmap(writers, size * 2);
  for (int file : patternFiles)
    if (file >= 0) close(file);
}

//===----------------------------------------------------------------------===//
// Ranges of the window
//===----------------------------------------------------------------------===//

std::optional<DeviceMemory::Range> DeviceMemory::takeRange(uint64_t count, uint64_t alignment,
                                                           uint64_t redZone, uint64_t behind) {
  // Cuts a range out of a gap, no earlier than `begin`.
  auto take = [&](std::map<uint64_t, uint64_t>::iterator gap, uint64_t begin) -> std::optional<Range> {
    auto [gapBegin, gapEnd] = *gap;
    uint64_t first = roundUp(begin + redZone, std::max(alignment, redZone));
    uint64_t last = first + roundUp(count, redZone) + behind;
    if (first < begin || last < first || last > gapEnd) return std::nullopt;
    gaps.erase(gap);
    if (gapBegin < begin) gaps.emplace(gapBegin, begin);
    if (last < gapEnd) gaps.emplace(last, gapEnd);
    cursor = last;
    return Range{begin, first, last};
  };
  // First what the gap around the cursor has left behind it, then the gaps that follow, then those before.
  auto start = gaps.upper_bound(cursor);
  if (start != gaps.begin() && cursor < std::prev(start)->second)
    if (auto range = take(std::prev(start), cursor)) return range;
  for (auto gap = start; gap != gaps.end(); ++gap)
    if (auto range = take(gap, gap->first)) return range;
  for (auto gap = gaps.begin(); gap != gaps.end(); ++gap)
    if (auto range = take(gap, gap->first)) return range;
  return std::nullopt;
}

void DeviceMemory::giveRange(uint64_t begin, uint64_t end) {
  auto next = gaps.lower_bound(begin);
  if (next != gaps.end() && next->first == end) {
    end = next->second;
    next = gaps.erase(next);
  }
  if (next != gaps.begin() && std::prev(next)->second == begin) {
    std::prev(next)->second = end;
    return;
  }
  gaps.emplace(begin, end);
}

//===----------------------------------------------------------------------===//
// Byte states
//===----------------------------------------------------------------------===//

ByteState DeviceMemory::fresh(const AllocationRequest &request) const {
  if (!request.committed) return ByteUnmapped;
  // Host code writes shared memory behind our back.
  return tracking && request.kind == AllocationRequest::Device ? ByteUninitialised : ByteReady;
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
    if (allocation.committed) mark(address, allocation.bytes, ByteReady);
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
  bool shared = request.kind != AllocationRequest::Device;
  uint64_t &counter = shared ? sharedBytes : usedBytes;
  uint64_t limit = shared ? sharedLimit : capacityBytes;
  uint64_t cost = roundUp(request.bytes, redZoneBytes);
  if (cost > limit - counter) return std::nullopt;

  uint64_t redZone = shared ? page : redZoneBytes;
  uint64_t alignment = std::max(request.alignment, redZone);
  uint64_t behind = roundUp(std::clamp(request.bytes, leastBehind, mostBehind), redZone);
  auto range = takeRange(request.bytes, alignment, redZone, behind);
  if (!range) range = takeRange(request.bytes, alignment, redZone, redZone);
  if (!range) return std::nullopt;
  Allocation allocation;
  static_cast<AllocationRequest &>(allocation) = request;
  allocation.base = range->first;
  allocation.id = nextId++;
  allocation.rangeBegin = range->begin;
  allocation.rangeEnd = range->end;
  if (shared && !share(allocation)) {
    giveRange(allocation.rangeBegin, allocation.rangeEnd);
    return std::nullopt;
  }
  for (auto it = freed.lower_bound(allocation.rangeBegin);
       it != freed.end() && it->first < allocation.rangeEnd;)
    it = freed.erase(it);
  counter += cost;
  mark(allocation.base, allocation.bytes, fresh(request));
  allocations.emplace(allocation.base, allocation);
  return allocation;
}

bool DeviceMemory::commit(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = allocations.find(address);
  if (it == allocations.end()) return false;
  it->second.committed = true;
  mark(address, it->second.bytes, fresh(it->second));
  return true;
}

void DeviceMemory::freeLocked(std::map<uint64_t, Allocation>::iterator it) {
  const Allocation &allocation = it->second;
  bool shared = allocation.kind != AllocationRequest::Device;
  (shared ? sharedBytes : usedBytes) -= roundUp(allocation.bytes, redZoneBytes);
  if (shared) unshare(allocation);
  clear(allocation);
  giveRange(allocation.rangeBegin, allocation.rangeEnd);
  freed[allocation.base] = {AllocationInfo::Freed, allocation.base, allocation.bytes, allocation.id,
                            allocation.name};
  freedOrder.push_back(allocation.base);
  if (freedOrder.size() > maxFreedRemembered) {
    freed.erase(freedOrder.front());
    freedOrder.pop_front();
  }
  allocations.erase(it);
}

bool DeviceMemory::free(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = allocations.find(address);
  if (it == allocations.end()) return false;
  freeLocked(it);
  return true;
}

bool DeviceMemory::beginFree(uint64_t address) {
  std::unique_lock lock(mutex);
  auto it = allocations.find(address);
  if (it == allocations.end() || it->second.freeing) return false;
  it->second.freeing = true;
  return true;
}

void DeviceMemory::freeOwned(uint64_t owner) {
  std::unique_lock lock(mutex);
  for (auto it = allocations.begin(); it != allocations.end();) {
    auto next = std::next(it);
    if (it->second.owner == owner) freeLocked(it);
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
  if (const Allocation *allocation = lookupLocked(address, count)) return *allocation;
  return std::nullopt;
}

AllocationInfo DeviceMemory::find(uint64_t address) const {
  std::shared_lock lock(mutex);
  if (const Allocation *a = lookupLocked(address, 1))
    return {AllocationInfo::Live, a->base, a->bytes, a->id, a->name};
  auto old = freed.upper_bound(address);
  if (old != freed.begin() && address - std::prev(old)->first < std::prev(old)->second.bytes)
    return std::prev(old)->second;
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
