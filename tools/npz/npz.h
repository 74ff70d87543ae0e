// Reads and writes NumPy's .npz files: named arrays in a zip archive. No MLIR, no CUDA; needs zlib.
//
// Formats: NEP 1 for .npy (versions 1 to 3), PKWARE's APPNOTE 6.3 for zip (stored and deflated members,
// ZIP64). Element types are kept as NumPy's descr text. `ml_dtypes` types that NumPy has no text for arrive
// as raw bytes: bfloat16 is "<V2"; float8_e4m3fn, float8_e8m0fnu, float4_e2m1fn, int4 and uint4 (one element
// per byte) are
// "<V1" or "|V1"; float8_e5m2 is "<f1", which NumPy itself cannot read back: write it as "|V1". What raw
// bytes mean is known by the model that takes them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace dlc::npz {

struct Array {
  std::string descr; ///< "<f4", "|b1", "<i8", "<V2"
  std::vector<int64_t> dims;
  std::vector<char> bytes; ///< row-major, little-endian

  /// Bytes of one element by descr; 0 for what is no plain number, bool or raw bytes.
  int64_t elementSize() const;
};
using Arrays = std::vector<std::pair<std::string, Array>>;

/// An array that lies somewhere else.
struct View {
  std::string name, descr;
  std::vector<int64_t> dims;
  const char *data = nullptr; ///< row-major, elementSize * product of dims bytes
  uint64_t size = 0;          ///< bytes
};

/// All arrays of a file, in its order; Fortran order becomes row-major. Returns an error message, empty when
/// it worked. Any bytes are accepted as a file and at worst refused; no array is larger than what the file
/// holds.
std::string read(const std::string &path, Arrays &arrays);

/// One array of a .npy file, as above.
std::string readArray(const std::string &path, Array &array);

/// Writes a file; the same arrays give the same bytes. Returns an error message, empty when it worked.
std::string write(const std::string &path, const std::vector<View> &arrays);

/// The views of arrays, for write().
std::vector<View> viewsOf(const Arrays &arrays);

} // namespace dlc::npz
