#include "ir/layout/layout.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <tuple>

namespace dlc {

using Digits = std::vector<LayoutDigit>;

static int64_t countOf(const Digits &digits) {
  int64_t count = 1;
  for (const LayoutDigit &digit : digits) count *= digit.count;
  return count;
}

static bool isZero(const LayoutDigit &digit) {
  return std::all_of(digit.offset.begin(), digit.offset.end(), [](int64_t o) { return o == 0; });
}

static LayoutDigit unitDigit(int64_t count, size_t rank, size_t dim, int64_t offset) {
  LayoutDigit digit{count, std::vector<int64_t>(rank, 0)};
  digit.offset[dim] = offset;
  return digit;
}

Layout::Layout(std::vector<int64_t> shape, Digits registers, Digits lanes, Digits warps)
    : tile(std::move(shape)), reg(std::move(registers)), lane(std::move(lanes)), warp(std::move(warps)) {}

int64_t Layout::numRegisters() const { return countOf(reg); }
int64_t Layout::numLanes() const { return countOf(lane); }
int64_t Layout::numWarps() const { return countOf(warp); }

//===-- Blocked layouts
//-------------------------------------------------------------------------------------------===//

Layout Layout::blocked(std::vector<int64_t> shape, int64_t width, int64_t warps) {
  size_t rank = shape.size();
  Blocks blocks{
      std::vector<int64_t>(rank, 1), std::vector<int64_t>(rank, 1), std::vector<int64_t>(rank, 1), {}};
  std::vector<int64_t> left = shape;
  auto take = [&](std::vector<int64_t> &out, int64_t wanted) {
    for (size_t d = rank; d-- > 0;) {
      out[d] = std::gcd(wanted, left[d]);
      wanted /= out[d];
      left[d] /= out[d];
    }
  };
  if (rank) {
    blocks.elements[rank - 1] = std::gcd(std::max<int64_t>(width, 1), left[rank - 1]);
    left[rank - 1] /= blocks.elements[rank - 1];
  }
  take(blocks.lanes, 32);
  take(blocks.warps, warps);
  for (size_t d = rank; d-- > 0;) blocks.order.push_back(d);
  blocks.numWarps = warps;
  return *blocked(std::move(shape), blocks);
}

std::optional<Layout> Layout::blocked(std::vector<int64_t> shape, const Blocks &blocks) {
  size_t rank = shape.size();
  std::vector<int64_t> done(rank, 1);
  Digits reg, lane, warp;
  auto place = [&](Digits &digits, const std::vector<int64_t> &counts) {
    for (size_t d : blocks.order) {
      if (counts[d] > 1) digits.push_back(unitDigit(counts[d], rank, d, done[d]));
      done[d] *= counts[d];
    }
  };
  auto replicate = [&](Digits &digits, int64_t total) {
    int64_t count = countOf(digits);
    if (total % count != 0) return false;
    if (total > count) digits.push_back({total / count, std::vector<int64_t>(rank, 0)});
    return true;
  };
  place(reg, blocks.elements);
  place(lane, blocks.lanes);
  place(warp, blocks.warps);
  std::vector<int64_t> rest(rank, 1);
  for (size_t d = 0; d < rank; ++d) {
    if (shape[d] % done[d] != 0) return std::nullopt;
    rest[d] = shape[d] / done[d];
  }
  place(reg, rest);
  if (!replicate(lane, blocks.numLanes) || !replicate(warp, blocks.numWarps)) return std::nullopt;
  return Layout(std::move(shape), std::move(reg), std::move(lane), std::move(warp));
}

//===-- The map and its inverse
//-----------------------------------------------------------------------------------===//

static void addDigits(const Digits &digits, int64_t index, std::vector<int64_t> &at) {
  for (const LayoutDigit &digit : digits) {
    int64_t value = index % digit.count;
    index /= digit.count;
    for (size_t d = 0; d < at.size(); ++d) at[d] += value * digit.offset[d];
  }
}

Layout::Coordinates Layout::coordinates(int64_t r, int64_t l, int64_t w) const {
  Coordinates at(tile.size(), 0);
  addDigits(reg, r, at);
  addDigits(lane, l, at);
  addDigits(warp, w, at);
  return at;
}

namespace {

/// Finds all digit values that add up to an element. Large offsets first: what the digits after them can
/// still reach leaves few values to try.
class OwnerSearch {
public:
  explicit OwnerSearch(const Layout &layout) : rank(layout.rank()) {
    add(layout.registers(), 0);
    add(layout.lanes(), 1);
    add(layout.warps(), 2);
    std::sort(steps.begin(), steps.end(), [](const Step &a, const Step &b) { return sum(a) > sum(b); });
    reach.assign(steps.size() + 1, std::vector<int64_t>(rank, 0));
    for (size_t i = steps.size(); i-- > 0;)
      for (size_t d = 0; d < rank; ++d)
        reach[i][d] = reach[i + 1][d] + (steps[i].digit->count - 1) * steps[i].digit->offset[d];
  }

  std::vector<Holder> find(const Layout::Coordinates &element) {
    found.clear();
    visit(0, element, {0, 0, 0});
    std::sort(found.begin(), found.end(), [](const Holder &a, const Holder &b) {
      return std::tuple(a.warp, a.lane, a.reg) < std::tuple(b.warp, b.lane, b.reg);
    });
    return std::move(found);
  }

private:
  struct Step {
    const LayoutDigit *digit;
    size_t index;  // 0 register, 1 lane, 2 warp
    int64_t scale; // of the digit in that index
  };
  static int64_t sum(const Step &step) {
    return std::accumulate(step.digit->offset.begin(), step.digit->offset.end(), int64_t(0));
  }
  void add(const Digits &digits, size_t index) {
    int64_t scale = 1;
    for (const LayoutDigit &digit : digits) {
      steps.push_back({&digit, index, scale});
      scale *= digit.count;
    }
  }

  void visit(size_t step, Layout::Coordinates rest, std::array<int64_t, 3> place) {
    for (size_t d = 0; d < rank; ++d)
      if (rest[d] < 0 || rest[d] > reach[step][d]) return;
    if (step == steps.size()) {
      found.push_back({place[0], place[1], place[2]});
      return;
    }
    const Step &now = steps[step];
    for (int64_t value = 0; value < now.digit->count; ++value) {
      visit(step + 1, rest, place);
      place[now.index] += now.scale;
      for (size_t d = 0; d < rank; ++d) rest[d] -= now.digit->offset[d];
    }
  }

  size_t rank;
  std::vector<Step> steps;
  std::vector<std::vector<int64_t>> reach; // by the digits from a step on
  std::vector<Holder> found;
};

} // namespace

std::vector<Holder> Layout::owners(const Coordinates &element) const {
  return OwnerSearch(*this).find(element);
}

namespace {
/// Whether the digits, replicating ones aside, are a mixed radix number per dim that counts exactly to the
/// extent: then each element is reached exactly once. Enough for all layouts built here; others are counted
/// out.
bool isMixedRadix(const Layout &layout) {
  std::vector<std::vector<std::pair<int64_t, int64_t>>> perDim(layout.rank());
  for (const Digits *digits : {&layout.registers(), &layout.lanes(), &layout.warps()})
    for (const LayoutDigit &digit : *digits) {
      size_t used = 0, dim = 0;
      for (size_t d = 0; d < layout.rank(); ++d)
        if (digit.offset[d]) ++used, dim = d;
      if (used > 1) return false;
      if (used && digit.count > 1) perDim[dim].push_back({digit.offset[dim], digit.count});
    }
  for (size_t d = 0; d < layout.rank(); ++d) {
    std::sort(perDim[d].begin(), perDim[d].end());
    int64_t next = 1;
    for (auto [offset, count] : perDim[d]) {
      if (offset != next) return false;
      next *= count;
    }
    if (next != layout.shape()[d]) return false;
  }
  return true;
}
} // namespace

namespace {

/// How often each element (row-major) is held, up to 2, by walking the map. Nothing when the last place lies
/// outside of the tile or the tile has more elements than the layout has places.
std::optional<std::vector<uint8_t>> holderCounts(const Layout &layout) {
  int64_t registers = layout.numRegisters(), lanes = layout.numLanes(), warps = layout.numWarps();
  Layout::Coordinates last = layout.coordinates(registers - 1, lanes - 1, warps - 1);
  __int128 places = __int128(registers) * lanes * warps, elements = 1;
  for (size_t d = 0; d < layout.rank(); ++d) {
    elements *= layout.shape()[d];
    if (last[d] >= layout.shape()[d] || elements > places) return std::nullopt;
  }
  std::vector<uint8_t> counts(size_t(elements), 0);
  for (int64_t w = 0; w < warps; ++w)
    for (int64_t l = 0; l < lanes; ++l)
      for (int64_t r = 0; r < registers; ++r) {
        int64_t number = 0;
        Layout::Coordinates at = layout.coordinates(r, l, w);
        for (size_t d = 0; d < at.size(); ++d) number = number * layout.shape()[d] + at[d];
        if (counts[size_t(number)] < 2) ++counts[size_t(number)];
      }
  return counts;
}

std::string text(const Layout::Coordinates &at) {
  std::string out = "(";
  for (size_t d = 0; d < at.size(); ++d) out += (d ? ", " : "") + std::to_string(at[d]);
  return out + ")";
}

} // namespace

bool Layout::isSurjective() const { return problem().empty(); }

bool Layout::isInjective() const {
  for (const Digits *digits : {&reg, &lane, &warp})
    for (const LayoutDigit &digit : *digits)
      if (digit.count > 1 && isZero(digit)) return false;
  if (isMixedRadix(*this)) return true;
  std::set<Coordinates> seen;
  for (int64_t w = 0; w < numWarps(); ++w)
    for (int64_t l = 0; l < numLanes(); ++l)
      for (int64_t r = 0; r < numRegisters(); ++r)
        if (!seen.insert(coordinates(r, l, w)).second) return false;
  return true;
}

int64_t Layout::replication() const {
  int64_t count = 1;
  for (const Digits *digits : {&lane, &warp})
    for (const LayoutDigit &digit : *digits)
      if (isZero(digit)) count *= digit.count;
  return count;
}

std::string Layout::problem() const {
  if (isMixedRadix(*this)) return {};
  Coordinates last = coordinates(numRegisters() - 1, numLanes() - 1, numWarps() - 1);
  for (size_t d = 0; d < rank(); ++d)
    if (last[d] >= tile[d])
      return "the last element held, " + text(last) + ", is outside of the tile of " + text(tile);
  auto counts = holderCounts(*this);
  if (!counts) return "a tile of " + text(tile) + " has more elements than registers, lanes and warps hold";
  auto hole = std::find(counts->begin(), counts->end(), 0);
  if (hole == counts->end()) return {};
  Coordinates at(rank());
  int64_t number = hole - counts->begin();
  for (size_t d = rank(); d-- > 0; number /= tile[d]) at[d] = number % tile[d];
  return "no thread holds element " + text(at);
}

int64_t Layout::vectorWidth(size_t dim) const {
  int64_t width = 1;
  for (const LayoutDigit &digit : reg) {
    if (digit.count == 1) continue;
    if (digit != unitDigit(digit.count, rank(), dim, width)) break;
    width *= digit.count;
  }
  return width;
}

//===-- New layouts from old
//--------------------------------------------------------------------------------------===//

/// The layout with each digit's offsets and the shape changed the same way.
template <class F> static Layout mapDims(const Layout &layout, F change) {
  auto changed = [&](Digits digits) {
    for (LayoutDigit &digit : digits) digit.offset = change(digit.offset, int64_t(0));
    return digits;
  };
  return Layout(change(layout.shape(), int64_t(1)), changed(layout.registers()), changed(layout.lanes()),
                changed(layout.warps()));
}

Layout Layout::sliceDim(size_t dim) const {
  Layout result = mapDims(*this, [&](std::vector<int64_t> values, int64_t) {
    values.erase(values.begin() + dim);
    return values;
  });
  std::erase_if(result.reg, isZero);
  return result;
}

Layout Layout::expandDim(size_t dim) const {
  return mapDims(*this, [&](std::vector<int64_t> values, int64_t neutral) {
    values.insert(values.begin() + dim, neutral);
    return values;
  });
}

Layout Layout::transpose(const std::vector<size_t> &permutation) const {
  return mapDims(*this, [&](const std::vector<int64_t> &values, int64_t) {
    std::vector<int64_t> result;
    for (size_t from : permutation) result.push_back(values[from]);
    return result;
  });
}

Layout Layout::repeat(size_t dim, int64_t count) const {
  Layout result = *this;
  if (count > 1) result.reg.push_back(unitDigit(count, rank(), dim, tile[dim]));
  result.tile[dim] *= count;
  return result;
}

static Digits canonicalDigits(const Digits &digits) {
  Digits result;
  for (const LayoutDigit &digit : digits) {
    if (digit.count == 1) continue;
    bool continues = !result.empty();
    for (size_t d = 0; continues && d < digit.offset.size(); ++d)
      continues = digit.offset[d] == result.back().offset[d] * result.back().count;
    if (continues)
      result.back().count *= digit.count;
    else
      result.push_back(digit);
  }
  return result;
}

Layout Layout::canonical() const {
  return Layout(tile, canonicalDigits(reg), canonicalDigits(lane), canonicalDigits(warp));
}

bool Layout::isEquivalent(const Layout &other) const {
  auto reduced = [](const Layout &layout) {
    Digits registers = layout.reg;
    std::erase_if(registers, isZero);
    return Layout(layout.tile, registers, layout.lane, layout.warp).canonical();
  };
  return reduced(*this) == reduced(other);
}

} // namespace dlc
