// Addresses and memory apart: reservations, memory without an address, mappings.
//
// All such memory of a device lies in one file, and its byte states in another, so that two mappings of it
// are two mappings of the same pages. Ranges of the files are not used twice; what has ended becomes a hole.
//
// The states of memory up to mostSharedAtOnce are in the file from the start. To keep untouched memory free
// of cost, those of larger memory are private to its one accessible mapping (its home, where mark() takes
// them from a pattern) and go to the file only when there is another one, or when the home loses its access.
#include "runtime/vcuda/memory/device_memory.h"

#include "runtime/vcuda/memory/pages.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <new>
#include <unistd.h>

namespace dlc::vcuda {
namespace {

constexpr uint64_t granularity = DeviceMemory::mappingGranularity;
/// The states of memory up to this size are shared from the start.
constexpr uint64_t mostSharedAtOnce = patternBytes;

/// Makes a file as large as `end`; creates it first.
bool grow(int &file, const char *name, uint64_t end) {
  if (file < 0) file = memfd_create(name, MFD_CLOEXEC);
  return file >= 0 && ftruncate(file, off_t(end)) == 0;
}

void punch(int file, uint64_t begin, uint64_t count) {
  (void)fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(begin), off_t(count));
}

void mapFile(void *target, uint64_t count, int file, uint64_t offset) {
  if (mmap(target, count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, off_t(offset)) == MAP_FAILED)
    throw std::bad_alloc();
}

void writeFile(int file, const void *source, uint64_t count, uint64_t offset) {
  auto *from = static_cast<const uint8_t *>(source);
  while (count) {
    ssize_t done = pwrite(file, from, count, off_t(offset));
    if (done <= 0) throw std::bad_alloc();
    from += done, offset += uint64_t(done), count -= uint64_t(done);
  }
}

} // namespace

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

std::optional<uint64_t> DeviceMemory::reserve(uint64_t count, uint64_t alignment, uint64_t wish) {
  if (count == 0 || count > size) return std::nullopt;
  std::unique_lock lock(mutex);
  uint64_t whole = roundUp(count, granularity), first = 0;
  alignment = std::max(alignment, granularity);
  if (wish && wish % alignment == 0 && reservable.takeAt(wish, wish + whole)) {
    first = wish;
  } else {
    auto range = reservable.take(whole, alignment, granularity, 0);
    if (!range) return std::nullopt;
    first = range->first;
    reservable.give(range->begin, first); // no red zone: neighbours can ask to be neighbours
  }
  forgetFreed(first, first + whole);
  reservations.emplace(first, count);
  return first;
}

bool DeviceMemory::unreserve(uint64_t begin, uint64_t count) {
  std::unique_lock lock(mutex);
  auto it = reservations.find(begin);
  if (it == reservations.end() || it->second != count) return false;
  auto next = allocations.lower_bound(begin);
  if (next != allocations.end() && next->first < begin + count) return false;
  reservations.erase(it);
  reservable.give(begin, begin + roundUp(count, granularity));
  return true;
}

std::optional<std::pair<uint64_t, uint64_t>> DeviceMemory::reservationAt(uint64_t address) const {
  auto it = reservations.upper_bound(address);
  if (it == reservations.begin() || address - std::prev(it)->first >= std::prev(it)->second)
    return std::nullopt;
  return *std::prev(it);
}

std::optional<std::pair<uint64_t, uint64_t>> DeviceMemory::reservation(uint64_t address) const {
  std::shared_lock lock(mutex);
  return reservationAt(address);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

std::shared_ptr<Physical> DeviceMemory::createPhysical(uint64_t count) {
  std::unique_lock lock(mutex);
  if (count == 0 || count > capacityBytes - usedBytes) return nullptr;
  if (!grow(dataFile, "vcuda-memory", fileEnd + count) || !grow(stateFile, "vcuda-states", fileEnd + count))
    return nullptr;
  auto physical = std::make_shared<Physical>();
  physical->bytes = count;
  physical->fileOffset = fileEnd;
  fileEnd += count;
  if (count <= mostSharedAtOnce) {
    fillStates(*physical, 0, tracking ? ByteUninitialised : ByteReady);
    physical->hasSharedStates = true;
  }
  usedBytes += count;
  physicals.insert(physical.get());
  return physical;
}

bool DeviceMemory::endIfUnused(Physical &physical) {
  if (physical.references || !physical.mappings.empty()) return false;
  punch(dataFile, physical.fileOffset, physical.bytes);
  punch(stateFile, physical.fileOffset, physical.bytes);
  usedBytes -= physical.bytes;
  physicals.erase(&physical);
  return true;
}

void DeviceMemory::retain(Physical &physical) {
  std::unique_lock lock(mutex);
  ++physical.references;
}

bool DeviceMemory::isReferenced(const Physical &physical) const {
  std::shared_lock lock(mutex);
  return physical.references != 0;
}

bool DeviceMemory::release(Physical &physical) {
  std::unique_lock lock(mutex);
  if (!physical.references) return false;
  --physical.references;
  return endIfUnused(physical);
}

//===----------------------------------------------------------------------===//
// Byte states
//===----------------------------------------------------------------------===//

/// Writes a state for the bytes from `from` on into the file.
void DeviceMemory::fillStates(const Physical &physical, uint64_t from, ByteState value) {
  std::vector<uint8_t> some(std::min<uint64_t>(physical.bytes - from, 1 << 20), value);
  for (uint64_t at = from; at < physical.bytes; at += some.size())
    writeFile(stateFile, some.data(), std::min<uint64_t>(some.size(), physical.bytes - at),
              physical.fileOffset + at);
}

/// Moves the states from the home to the file.
void DeviceMemory::shareStates(Physical &physical) {
  uint64_t known = 0;
  uint8_t *place = nullptr;
  if (physical.home) {
    known = allocations.at(physical.home).bytes;
    place = state + (physical.home - base);
    writeFile(stateFile, place, known, physical.fileOffset);
  }
  fillStates(physical, known, tracking ? ByteUninitialised : ByteReady);
  if (place) mapFile(place, known, stateFile, physical.fileOffset);
  physical.hasSharedStates = true;
  physical.home = 0;
}

void DeviceMemory::showStates(Allocation &mapping) {
  Physical &physical = *mapping.physical;
  if (!physical.hasSharedStates && physical.home) shareStates(physical);
  if (physical.hasSharedStates) {
    mapFile(state + (mapping.base - base), mapping.bytes, stateFile, physical.fileOffset);
  } else {
    mark(mapping.base, mapping.bytes, tracking ? ByteUninitialised : ByteReady);
    physical.home = mapping.base;
  }
  mapping.committed = true;
}

/// `keep`: the memory can be seen again.
void DeviceMemory::hideStates(Allocation &mapping, bool keep) {
  Physical &physical = *mapping.physical;
  if (physical.home == mapping.base) {
    if (keep) shareStates(physical);
    physical.home = 0;
  }
  zeroPages(state + (mapping.base - base), mapping.bytes);
  mapping.committed = false;
}

void DeviceMemory::markPhysical(Physical &physical, ByteState value) {
  if (physical.hasSharedStates)
    fillStates(physical, 0, value);
  else if (physical.home)
    mark(physical.home, allocations.at(physical.home).bytes, value);
}

//===----------------------------------------------------------------------===//
// Mappings
//===----------------------------------------------------------------------===//

bool DeviceMemory::map(uint64_t address, uint64_t count, const std::shared_ptr<Physical> &physical) {
  std::unique_lock lock(mutex);
  auto held = reservationAt(address);
  if (!count || count > physical->bytes || !held || count > held->second - (address - held->first))
    return false;
  auto next = allocations.lower_bound(address);
  if ((next != allocations.end() && next->first < address + count) || lookupLocked(address, 1)) return false;
  mapFile(host(address), count, dataFile, physical->fileOffset);
  Allocation mapping;
  mapping.kind = AllocationRequest::Mapped;
  mapping.bytes = count;
  mapping.committed = false;
  mapping.base = address;
  mapping.id = nextAllocationId();
  mapping.physical = physical;
  forgetFreed(address, address + count);
  physical->mappings.push_back(address);
  allocations.emplace(address, std::move(mapping));
  return true;
}

/// The mappings that make up a range; none when it is not made up of whole ones.
std::vector<Allocation *> DeviceMemory::mappingsOf(uint64_t address, uint64_t count) {
  std::vector<Allocation *> found;
  while (count) {
    auto it = allocations.find(address);
    bool fits =
        it != allocations.end() && it->second.kind == AllocationRequest::Mapped && it->second.bytes <= count;
    if (!fits) return {};
    found.push_back(&it->second);
    address += it->second.bytes;
    count -= it->second.bytes;
  }
  return found;
}

bool DeviceMemory::movesStates(uint64_t address, uint64_t count) {
  std::shared_lock lock(mutex);
  auto found = mappingsOf(address, count);
  return std::any_of(found.begin(), found.end(), [](auto *m) { return !m->physical->hasSharedStates; });
}

bool DeviceMemory::unmap(uint64_t address, uint64_t count, std::vector<std::shared_ptr<Physical>> &ended) {
  std::unique_lock lock(mutex);
  auto found = mappingsOf(address, count);
  for (Allocation *mapping : found) {
    auto physical = mapping->physical;
    hideStates(*mapping, physical->references || physical->mappings.size() > 1);
    zeroPages(host(mapping->base), mapping->bytes);
    std::erase(physical->mappings, mapping->base);
    if (endIfUnused(*physical)) ended.push_back(physical);
    rememberFreed(*mapping, AllocationInfo::Unmapped);
    allocations.erase(mapping->base);
  }
  return !found.empty();
}

bool DeviceMemory::setAccess(uint64_t address, uint64_t count, bool isAccessible) {
  std::unique_lock lock(mutex);
  auto found = mappingsOf(address, count);
  for (Allocation *mapping : found) {
    if (mapping->committed == isAccessible) continue;
    if (isAccessible)
      showStates(*mapping);
    else
      hideStates(*mapping, /*keep=*/true);
  }
  return !found.empty();
}

} // namespace dlc::vcuda
