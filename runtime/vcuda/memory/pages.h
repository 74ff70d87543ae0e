//===- pages.h - pages of the host under device memory -----------------------===//
#ifndef DLC_RUNTIME_VCUDA_MEMORY_PAGES_H
#define DLC_RUNTIME_VCUDA_MEMORY_PAGES_H

#include <cstdint>
#include <sys/mman.h>

namespace dlc::vcuda {

inline constexpr uint64_t page = 4096;
/// From this size on byte states are mapped from a shared pattern instead of being written.
inline constexpr uint64_t patternBytes = 64ull << 20;

inline uint64_t roundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

/// Fresh zero pages in place of whatever is mapped; [begin, begin + count) is page-aligned.
inline void zeroPages(void *begin, uint64_t count) {
  mmap(begin, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

} // namespace dlc::vcuda

#endif
