//===- shadow.h - who touched each byte last -------------------*- C++ -*-===//
//
// For every 16 bytes of memory that were touched stands a block with one cell, for as long as all accesses
// are to the whole of it; the first smaller one splits it into cells of the size of the module's smallest
// access, so that no cell is ever touched in part. A cell holds the last plain write, and of strong writes
// (atomics, volatile, relaxed ...) and of reads those that no later one is known to follow: two of each,
// in shared memory all reads, a warp at a time. In global memory further unordered ones displace the second.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_FULL_SHADOW_H
#define DLC_RUNTIME_VCUDA_EXEC_FULL_SHADOW_H

#include "runtime/vcuda/exec/state.h"

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace dlc::vcuda::exec {

/// Accesses of lanes of a warp at one time of it, by one instruction. `when` is 0 where there is none.
struct Touch {
  uint64_t when = 0;
  uint32_t inst = 0;
  Mask lanes = 0;

  static constexpr unsigned TimeBits = 26;
  static constexpr uint32_t LastTime = (1u << TimeBits) - 1;
  /// `narrow`: a strong access whose scope is the CTA.
  static Touch make(uint64_t warp, uint32_t time, uint32_t inst, Mask lanes, bool strong, bool narrow) {
    return {warp << (TimeBits + 2) | uint64_t(time) << 2 | uint64_t(strong) << 1 | uint64_t(narrow), inst,
            lanes};
  }
  uint64_t warp() const { return when >> (TimeBits + 2); }
  uint32_t time() const { return uint32_t(when >> 2) & LastTime; }
  bool isStrong() const { return when >> 1 & 1; }
  bool isNarrow() const { return when & 1; }
};

struct Cell {
  Touch write, strong[2], reads[2];
  uint32_t nonCoherent = 0; ///< the instruction of a load through the non-coherent path, plus one
  uint32_t more = 0;        ///< further readers: their place in Shadow::readers, plus one
  uint64_t began = 0;       ///< Touch::when of the strong write that found the bytes without a value
};

class Shadow {
public:
  /// `shift`: cells of a split block have 1 << shift bytes. `everyReader`: keep all reads of different warps.
  void reset(uint32_t shift, bool everyReader);
  /// Calls visit(cell) for each cell of [at, at + bytes), which holds whole cells.
  template <class F> void visit(uint64_t at, uint32_t bytes, F visitCell) {
    for (uint64_t end = at + bytes; at < end;) {
      Block &block = blockAt(at >> 4);
      uint32_t step = uint32_t(std::min<uint64_t>(16 - (at & 15), end - at));
      if (step == 16 && !block.parts) {
        visitCell(block.whole);
      } else {
        if (!block.parts) split(block);
        for (uint32_t part = uint32_t(at & 15) >> shift, last = (uint32_t(at & 15) + step - 1) >> shift;
             part <= last; ++part)
          visitCell(block.parts[part]);
      }
      at += step;
    }
  }
  /// The same for cells that were touched, of a range of whole blocks: it begins at one.
  template <class F> void visitTouched(uint64_t at, uint64_t bytes, F visitCell) {
    for (uint64_t number = at >> 4, end = (at + bytes + 15) >> 4; number < end;) {
      uint64_t page = number >> PageBits, pageEnd = std::min(end, (page + 1) << PageBits);
      auto found = pages.find(page);
      for (; found != pages.end() && number < pageEnd; ++number) {
        Block &block = found->second[number & ((1u << PageBits) - 1)];
        uint32_t parts = block.parts ? 16u >> shift : 1;
        for (uint32_t part = 0; part < parts; ++part)
          visitCell(block.parts ? block.parts[part] : block.whole);
      }
      number = pageEnd;
    }
  }
  std::vector<Touch> &readersOf(Cell &cell);
  const std::vector<Touch> &readersOf(const Cell &cell) const { return readers[cell.more - 1]; }
  bool keepsEveryReader() const { return everyReader; }

private:
  struct Block {
    Cell whole;
    Cell *parts = nullptr;
  };
  static constexpr unsigned PageBits = 8; ///< blocks of a page
  Block &blockAt(uint64_t number) {
    uint64_t page = number >> PageBits;
    if (page != lastNumber || !lastPage) findPage(page);
    return lastPage[number & ((1u << PageBits) - 1)];
  }
  void findPage(uint64_t page);
  void split(Block &block);

  uint32_t shift = 0;
  bool everyReader = false;
  std::unordered_map<uint64_t, std::unique_ptr<Block[]>> pages;
  uint64_t lastNumber = 0;
  Block *lastPage = nullptr;
  std::vector<std::unique_ptr<Cell[]>> cells; ///< of split blocks, many to an array
  size_t cellsUsed = 0;
  std::deque<std::vector<Touch>> readers;
};

} // namespace dlc::vcuda::exec

#endif
