// Where a tile's elements lie in shared memory, and what that costs.
//
// A tile of rows is stored row-major with a pitch, and its byte addresses are changed by a linear map over
// GF(2): bits [base + shift, base + shift + bits) are xor-ed onto bits [base, base + bits). With base 4 the
// map moves chunks of 16 bytes and leaves them whole. Example, 8 rows of 128 bytes, chunk numbers of each row
// after the 128-byte swizzle (bits 3, base 4, shift 3: chunk ^ row % 8), so that a column of chunks lies in 8
// different groups of 4 banks:
//
//   row 0   0 1 2 3 4 5 6 7
//   row 1   1 0 3 2 5 4 7 6
//   row 2   2 3 0 1 6 7 4 5      ... row 7   7 6 5 4 3 2 1 0
//
// Banks: 32 of 4 bytes. An access of 4 bytes or less a lane is served in one phase, of 8 bytes in two (16
// lanes each), of 16 bytes in four (8 lanes each); lanes of a phase that want different words of one bank are
// served one after the other. An ldmatrix matrix is one phase of 8 rows of 16 bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

/// bits == 0 is the identity.
struct Swizzle {
  int64_t bits = 0, base = 4, shift = 3;
  int64_t operator()(int64_t address) const {
    return address ^ (((address >> (base + shift)) & ((int64_t(1) << bits) - 1)) << base);
  }
  friend bool operator==(const Swizzle &, const Swizzle &) = default;
};

class SharedLayout {
public:
  SharedLayout() = default;
  /// Preconditions: sizes are positive; pitch >= rowBytes; a swizzle needs a pitch that is a power of two of
  /// at least 2^(base + bits) bytes, so that rows keep to themselves.
  SharedLayout(int64_t rows, int64_t rowBytes, int64_t pitch, Swizzle swizzle = {});

  /// The layout for `rows` rows of `rowBytes` bytes in which 8 neighbouring rows of one 16-byte column, and
  /// consecutive chunks of one row, lie in different banks: a swizzle when the row is a power of two from 32
  /// bytes on, else a pitch of an odd number of chunks. Rows of less than 32 bytes are packed.
  static SharedLayout choose(int64_t rows, int64_t rowBytes);

  int64_t rows() const { return numRows; }
  int64_t rowBytes() const { return width; }
  int64_t pitch() const { return step; }
  const Swizzle &swizzle() const { return map; }
  int64_t bytes() const { return numRows * step; }
  /// What the start of the tile must be a multiple of for `offset` to be right on absolute addresses too.
  int64_t alignment() const;

  /// The byte of a byte of a row; offsets from an aligned start.
  int64_t offset(int64_t row, int64_t byte) const { return map(row * step + byte); }
  /// Whether groups of `accessBytes` (a power of two) of a row stay contiguous and aligned.
  bool keepsWhole(int64_t accessBytes) const;
  /// ldmatrix, stmatrix and 16-byte copies: every 16-byte chunk of every row is whole and aligned.
  bool ldmatrixLegal() const { return width % 16 == 0 && keepsWhole(16); }

  /// `rows 64 bytes 128 pitch 128 swizzle 3,4,3`; parse reads it back.
  std::string str() const;
  static std::optional<SharedLayout> parse(std::string_view text, std::string *error = nullptr);
  friend bool operator==(const SharedLayout &, const SharedLayout &) = default;

private:
  int64_t numRows = 0, width = 0, step = 0;
  Swizzle map;
};

/// Times that the banks are occupied by one access of a warp: `addresses` has a byte address per lane
/// (negative for a lane that does not take part), each lane moves `accessBytes` (1, 2, 4, 8 or 16). Lanes
/// that want the same word share it.
int64_t bankPasses(const std::vector<int64_t> &addresses, int64_t accessBytes);
/// The passes beyond one per phase that has a lane: 0 is free of conflicts.
int64_t bankConflicts(const std::vector<int64_t> &addresses, int64_t accessBytes);

} // namespace dlc
