#include "runtime/vcuda/exec/full/shadow.h"

#include <algorithm>

using namespace dlc::vcuda::exec;

static constexpr size_t cellsPerArray = 1024;

void Shadow::reset(uint32_t newShift, bool newEveryReader) {
  shift = newShift;
  everyReader = newEveryReader;
  for (auto &[number, page] : pages) std::fill_n(page.get(), size_t(1) << PageBits, Block());
  readers.clear();
  cellsUsed = 0;
}

void Shadow::findPage(uint64_t page) {
  std::unique_ptr<Block[]> &found = pages[page];
  if (!found) found = std::make_unique<Block[]>(size_t(1) << PageBits);
  lastNumber = page;
  lastPage = found.get();
}

void Shadow::split(Block &block) {
  size_t count = 16u >> shift, array = cellsUsed / cellsPerArray;
  if (array == cells.size()) cells.push_back(std::make_unique<Cell[]>(cellsPerArray));
  block.parts = &cells[array][cellsUsed % cellsPerArray];
  cellsUsed += count;
  for (size_t part = 0; part < count; ++part) {
    block.parts[part] = block.whole;
    if (block.whole.more) {
      readers.push_back(readers[block.whole.more - 1]);
      block.parts[part].more = uint32_t(readers.size());
    }
  }
}

std::vector<Touch> &Shadow::readersOf(Cell &cell) {
  if (!cell.more) {
    readers.emplace_back();
    cell.more = uint32_t(readers.size());
  }
  return readers[cell.more - 1];
}
