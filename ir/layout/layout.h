// Which thread of a CTA holds which elements of a register tile.
//
// A layout maps (register, lane, warp) to tile coordinates by mixed radix: each of the three indices is
// written in digits (first digit fastest), and a digit with value v adds v * offset to the coordinates. A
// digit whose offset is zero replicates: several threads hold the same element. Worked example, a 4x4 tile
// over 4 lanes with 4 registers each:
//
//   reg [2:(0,1), 2:(2,0)] lane [2:(0,2), 2:(1,0)] warp []
//
//        column 0    1    2    3
//   row 0   L0r0 L0r1 L1r0 L1r1      L = lane, r = register
//   row 1   L2r0 L2r1 L3r0 L3r1
//   row 2   L0r2 L0r3 L1r2 L1r3
//   row 3   L2r2 L2r3 L3r2 L3r3
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

/// One digit of a mixed-radix index: `count` values, each step moves the coordinates by `offset`.
struct LayoutDigit {
  int64_t count = 1;
  std::vector<int64_t> offset; // one entry per tile dim
  friend bool operator==(const LayoutDigit &, const LayoutDigit &) = default;
};

class Layout {
public:
  Layout() = default;
  /// Precondition: every digit has one offset per dim of `shape`.
  Layout(std::vector<int64_t> shape, std::vector<LayoutDigit> registers, std::vector<LayoutDigit> lanes,
         std::vector<LayoutDigit> warps);

  /// Rows of lanes and warps over a tile, `width` consecutive elements of the last dim per thread; whatever
  /// the tile has more becomes registers, and lanes or warps it has too few elements for replicate. Dims are
  /// powers of two.
  static Layout blocked(std::vector<int64_t> shape, int64_t width, int64_t warps);

  const std::vector<int64_t> &shape() const { return tile; }
  size_t rank() const { return tile.size(); }
  int64_t numRegisters() const;
  int64_t numLanes() const;
  int64_t numWarps() const;
  const std::vector<LayoutDigit> &registers() const { return reg; }
  const std::vector<LayoutDigit> &lanes() const { return lane; }
  const std::vector<LayoutDigit> &warps() const { return warp; }

  /// The element that a register of a thread holds.
  std::vector<int64_t> coordinates(int64_t reg, int64_t lane, int64_t warp) const;

  /// The layout of what is left when a dim is reduced: the dim is dropped, registers that differed only along
  /// it are one, lanes and warps that differed only along it replicate.
  Layout sliceDim(size_t dim) const;

  /// The text of the example above; parse reads it back (the shape is not part of the text).
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
