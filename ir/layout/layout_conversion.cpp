#include "ir/layout/layout_conversion.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace dlc {

namespace {

/// Of each element (row-major number), its holders in `layout`.
class HolderTable {
public:
  explicit HolderTable(const Layout &layout) : shape(layout.shape()) {
    int64_t elements = 1;
    for (int64_t extent : shape) elements *= extent;
    holders.resize(size_t(elements));
    for (int64_t w = 0; w < layout.numWarps(); ++w)
      for (int64_t l = 0; l < layout.numLanes(); ++l)
        for (int64_t r = 0; r < layout.numRegisters(); ++r)
          holders[size_t(number(layout.coordinates(r, l, w)))].push_back({r, l, w});
  }
  const std::vector<Holder> &of(const Layout::Coordinates &element) const {
    return holders[size_t(number(element))];
  }

private:
  int64_t number(const Layout::Coordinates &element) const {
    int64_t result = 0;
    for (size_t d = 0; d < shape.size(); ++d) result = result * shape[d] + element[d];
    return result;
  }
  std::vector<int64_t> shape;
  std::vector<std::vector<Holder>> holders;
};

/// The register that holds, in every thread, what register `r` of `to` holds there; the lowest, or r itself
/// if it does.
std::optional<int64_t> sameThreadRegister(const HolderTable &table, const Layout &to, int64_t r) {
  std::vector<int64_t> candidates;
  for (int64_t w = 0; w < to.numWarps(); ++w)
    for (int64_t l = 0; l < to.numLanes(); ++l) {
      std::vector<int64_t> here;
      for (const Holder &holder : table.of(to.coordinates(r, l, w)))
        if (holder.lane == l && holder.warp == w) here.push_back(holder.reg);
      if (w == 0 && l == 0)
        candidates = here;
      else
        std::erase_if(candidates,
                      [&](int64_t c) { return std::find(here.begin(), here.end(), c) == here.end(); });
      if (candidates.empty()) return std::nullopt;
    }
  return std::find(candidates.begin(), candidates.end(), r) != candidates.end() ? r : candidates[0];
}

/// Shuffles for register `r` of `to`, which must be the same for every warp. Nothing when an element is in
/// another warp only.
std::optional<std::vector<LayoutConversion::Shuffle>> shufflesFor(const HolderTable &table, const Layout &to,
                                                                  int64_t r) {
  std::map<int64_t, std::vector<int64_t>> sources; // by source register
  for (int64_t l = 0; l < to.numLanes(); ++l) {
    // Places in the own warp that hold it in every warp.
    std::vector<Holder> common;
    for (int64_t w = 0; w < to.numWarps(); ++w) {
      std::vector<Holder> here;
      for (Holder holder : table.of(to.coordinates(r, l, w)))
        if (holder.warp == w) here.push_back({holder.reg, holder.lane, 0});
      if (w == 0)
        common = here;
      else
        std::erase_if(common,
                      [&](const Holder &h) { return std::find(here.begin(), here.end(), h) == here.end(); });
    }
    if (common.empty()) return std::nullopt;
    // A register that is shuffled anyway; then the own lane; then the first.
    auto best = std::min_element(common.begin(), common.end(), [&](const Holder &a, const Holder &b) {
      auto rank = [&](const Holder &h) {
        return std::tuple(!sources.count(h.reg), h.lane != l, h.reg, h.lane);
      };
      return rank(a) < rank(b);
    });
    auto &source = sources[best->reg];
    source.resize(size_t(to.numLanes()), -1);
    source[size_t(l)] = best->lane;
  }
  std::vector<LayoutConversion::Shuffle> result;
  for (auto &[reg, source] : sources) result.push_back({r, reg, std::move(source)});
  return result;
}

} // namespace

LayoutConversion convertLayout(const Layout &from, const Layout &to, int64_t maxShuffles) {
  using Kind = LayoutConversion::Kind;
  LayoutConversion result;
  if (from.canonical() == to.canonical()) return result;
  HolderTable table(from);

  bool same = from.numRegisters() == to.numRegisters();
  for (int64_t r = 0; r < to.numRegisters(); ++r) {
    std::optional<int64_t> source = sameThreadRegister(table, to, r);
    if (!source) break;
    same &= *source == r;
    result.registers.push_back(*source);
  }
  if (int64_t(result.registers.size()) == to.numRegisters()) {
    result.kind = same ? Kind::Same : Kind::Registers;
    if (same) result.registers.clear();
    return result;
  }
  result.registers.clear();

  result.kind = Kind::SharedMemory;
  std::vector<LayoutConversion::Shuffle> shuffles;
  for (int64_t r = 0; r < to.numRegisters(); ++r) {
    auto next = shufflesFor(table, to, r);
    if (!next || int64_t(shuffles.size() + next->size()) > maxShuffles) return result;
    shuffles.insert(shuffles.end(), next->begin(), next->end());
  }
  result.kind = Kind::Shuffles;
  result.shuffles = std::move(shuffles);
  return result;
}

} // namespace dlc
