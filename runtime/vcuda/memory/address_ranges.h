//===- address_ranges.h - ranges of addresses, cut next-fit -------------------===//
#ifndef DLC_RUNTIME_VCUDA_MEMORY_ADDRESS_RANGES_H
#define DLC_RUNTIME_VCUDA_MEMORY_ADDRESS_RANGES_H

#include <cstdint>
#include <map>
#include <optional>

namespace dlc::vcuda {

/// A part of a window from which ranges are cut so that what was given back is used again as late as
/// possible.
class AddressRanges {
public:
  struct Range {
    uint64_t begin, first, end; ///< with red zones; at `first` begins what was asked for
  };
  /// Everything in [begin, end) is free.
  void reset(uint64_t begin, uint64_t end);
  /// `count` bytes at a multiple of `alignment`, at least `redZone` bytes (a power of two) before and
  /// `behind` bytes behind them; none where no gap is large enough.
  std::optional<Range> take(uint64_t count, uint64_t alignment, uint64_t redZone, uint64_t behind);
  /// Exactly [begin, end); false unless all of it is free.
  bool takeAt(uint64_t begin, uint64_t end);
  void give(uint64_t begin, uint64_t end);

private:
  using Gap = std::map<uint64_t, uint64_t>::iterator;
  void cut(Gap gap, uint64_t begin, uint64_t end);

  std::map<uint64_t, uint64_t> gaps; ///< begin -> end of what is free
  uint64_t cursor = 0;               ///< where the last range ended
};

} // namespace dlc::vcuda

#endif
