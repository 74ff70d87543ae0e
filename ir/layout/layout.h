// Which thread of a CTA holds which elements of a register tile.
//
// A layout maps (register, lane, warp) to tile coordinates by mixed radix: each of the three indices is
// written in digits (first digit fastest), and a digit with value v adds v * offset to the coordinates. A
// digit whose offset is zero replicates: several threads hold the same element. Counts are any integers (3
// warps, 5 repetitions), so tiles of 96 or 160 columns need no special case. Worked example, a 4x4 tile over
// 4 lanes with 4 registers each:
//
//   reg [2:(0,1), 2:(2,0)] lane [2:(0,2), 2:(1,0)] warp []
//
//        column 0    1    2    3
//   row 0   L0r0 L0r1 L1r0 L1r1      L = lane, r = register
//   row 1   L2r0 L2r1 L3r0 L3r1
//   row 2   L0r2 L0r3 L1r2 L1r3
//   row 3   L2r2 L2r3 L3r2 L3r3
//
// Lane 1 = digits (1, 0) and register 3 = digits (1, 1): (0,2) + (0,1) + (2,0) = row 2, column 3.
// Reduced along columns (sliceDim(1)) the tile becomes 4 rows, `reg [2:(2)] lane [2:(0), 2:(1)] warp []`: two
// registers, and the lanes 0 and 1 hold the same.
//
// A register is one element; pairs of 16-bit elements that hardware packs into 32 bits are neighbours of the
// first register digit. Layouts of tensor-core operands: mma_layout.h. Moving between layouts:
// layout_conversion.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dlc {

/// One digit of a mixed-radix index: `count` values, each step moves the coordinates by `offset`.
struct LayoutDigit {
  int64_t count = 1;
  std::vector<int64_t> offset; // one entry per tile dim
  friend bool operator==(const LayoutDigit &, const LayoutDigit &) = default;
};

/// A place that holds an element.
struct Holder {
  int64_t reg = 0, lane = 0, warp = 0;
  friend bool operator==(const Holder &, const Holder &) = default;
};

class Layout {
public:
  using Coordinates = std::vector<int64_t>;

  Layout() = default;
  /// Precondition: counts are positive, offsets are not negative, and every digit has one offset per dim of
  /// `shape`.
  Layout(std::vector<int64_t> shape, std::vector<LayoutDigit> registers, std::vector<LayoutDigit> lanes,
         std::vector<LayoutDigit> warps);

  /// Rows of lanes and warps over a tile, `width` consecutive elements of the last dim per thread (fewer when
  /// they do not divide the extent); whatever the tile has more becomes registers, and lanes or warps it has
  /// too few elements for replicate. Any extents: of those that 32 lanes or the warps do not divide, the
  /// common divisor is spread.
  static Layout blocked(std::vector<int64_t> shape, int64_t width, int64_t warps);
  /// The same with everything said: per dim, elements per thread, lanes and warps, and the order of dims,
  /// fastest first. What is left is repeated in registers. Lanes and warps beyond the product replicate.
  struct Blocks {
    std::vector<int64_t> elements, lanes, warps;
    std::vector<size_t> order;
    int64_t numLanes = 32, numWarps = 1;
  };
  /// Nothing when elements * lanes * warps of a dim do not divide its extent, or the lanes or warps their
  /// total.
  static std::optional<Layout> blocked(std::vector<int64_t> shape, const Blocks &blocks);

  const std::vector<int64_t> &shape() const { return tile; }
  size_t rank() const { return tile.size(); }
  int64_t numRegisters() const;
  int64_t numLanes() const;
  int64_t numWarps() const;
  const std::vector<LayoutDigit> &registers() const { return reg; }
  const std::vector<LayoutDigit> &lanes() const { return lane; }
  const std::vector<LayoutDigit> &warps() const { return warp; }

  /// The element that a register of a thread holds.
  Coordinates coordinates(int64_t reg, int64_t lane, int64_t warp) const;
  /// All places that hold an element: warps outermost, then lanes, then registers.
  std::vector<Holder> owners(const Coordinates &element) const;

  /// Whether every element is held somewhere.
  bool isSurjective() const;
  /// Whether no element is held twice.
  bool isInjective() const;
  /// Threads that hold the same element because of digits with offset zero.
  int64_t replication() const;
  /// What is wrong with it, for verifiers: coordinates outside of the shape, an element that nobody holds.
  /// Empty if nothing is.
  std::string problem() const;

  /// Registers r, r + 1, ... that hold neighbours along `dim`, from each multiple of the width: how many
  /// elements one vector access can move when the dim is contiguous in memory.
  int64_t vectorWidth(size_t dim) const;

  /// The layout of what is left when a dim is reduced: the dim is dropped, registers that differed only along
  /// it are one, lanes and warps that differed only along it replicate.
  Layout sliceDim(size_t dim) const;
  /// A new dim of extent 1 in front of `dim`.
  Layout expandDim(size_t dim) const;
  /// Dim d of the result is dim permutation[d].
  Layout transpose(const std::vector<size_t> &permutation) const;
  /// Every register once more per copy of the tile: extent of `dim` times `count`, in new slowest registers.
  Layout repeat(size_t dim, int64_t count) const;

  /// The same map with the fewest digits: neighbours that continue each other are one, digits of count 1
  /// vanish.
  Layout canonical() const;
  /// Whether every thread holds the same elements in the same order, but for registers that repeat an
  /// element.
  bool isEquivalent(const Layout &other) const;

  /// The text of the example above; parse reads it back (the shape is not part of the text). A layout that
  /// has a problem() for the shape is refused.
  std::string str() const;
  static std::optional<Layout> parse(std::string_view text, std::vector<int64_t> shape,
                                     std::string *error = nullptr);

  size_t hash() const;
  friend bool operator==(const Layout &, const Layout &) = default;

private:
  std::vector<int64_t> tile;
  std::vector<LayoutDigit> reg, lane, warp;
};

} // namespace dlc
