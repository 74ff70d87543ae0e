// Tensors of the interpreter: concrete dims, any strides, shared memory.
//
// A tensor's dtype is that of its bytes. The interpreter chooses it from the IR's element type and its float
// mode: in f64 mode an f16 tensor of the IR is an F64 tensor here. Movement that needs no copy (broadcast,
// transpose, slice) shares the memory under other strides; a broadcast dim has stride 0.
#pragma once

#include "ir/graph/dtype.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <stdexcept>
#include <string>

namespace dlc::interp {

using Dims = llvm::SmallVector<int64_t, 6>;
using DimsRef = llvm::ArrayRef<int64_t>;

/// What goes wrong inside the interpreter; its entry points turn it into llvm::Error.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The product of dims. Throws Failure when a dim is negative or the count leaves 62 bits.
int64_t countOf(DimsRef dims);
Dims rowMajorStrides(DimsRef dims);

class Tensor {
public:
  Tensor() = default;
  /// Uninitialised memory, row-major, aligned to 64 bytes. Throws Failure when there is not enough.
  Tensor(DType dtype, DimsRef dims);
  /// Row-major bytes owned by someone else, who outlives the tensor; copied when not aligned to the element.
  static Tensor borrow(DType dtype, DimsRef dims, const char *bytes);
  static Tensor copyOf(DType dtype, DimsRef dims, const void *bytes);
  /// One element; `value` is converted to dtype as C++ does, narrow types through their rounding.
  static Tensor scalar(DType dtype, double value);
  static Tensor scalarInt(DType dtype, int64_t value);

  DType dtype() const { return type; }
  DimsRef dims() const { return shape; }
  DimsRef strides() const { return steps; } ///< in elements
  int64_t rank() const { return shape.size(); }
  int64_t count() const { return elements; }
  int64_t byteCount() const { return elements * byteSize(type); }
  bool isContiguous() const { return dense; }

  /// The element at index 0...; neighbours follow at strides(). Writable only by who made the tensor.
  template <typename T> T *data() const { return reinterpret_cast<T *>(base); }
  char *bytes() const { return base; }

  /// The same memory under other dims and strides, starting `offset` elements later.
  Tensor restrided(DimsRef dims, DimsRef strides, int64_t offset = 0) const;
  /// The same elements in row-major order under other dims of equal count; copies when strides forbid a view.
  Tensor reshaped(DimsRef dims) const;
  /// Itself when contiguous, else a copy.
  Tensor contiguous() const;
  /// A row-major copy with elements converted: float widths round to nearest even, integers wrap.
  Tensor converted(DType dtype) const;
  /// Writes all elements in row-major order to `out` (byteCount() bytes).
  void copyTo(char *out) const;
  /// Elements [begin, begin + n) of the row-major order, to `out`.
  void copyRange(int64_t begin, int64_t n, char *out) const;

  /// One element of the row-major order; for tests and small tensors.
  double floatAt(int64_t index) const;
  int64_t intAt(int64_t index) const; ///< sign-extended (I1: 0 or 1)

private:
  const char *at(int64_t index) const;
  void setShape(DimsRef dims, DimsRef strides);

  DType type = DType::F32;
  Dims shape, steps;
  int64_t elements = 1;
  bool dense = true;
  std::shared_ptr<char> memory;
  char *base = nullptr;
};

/// "2x3x768".
std::string str(DimsRef dims);

} // namespace dlc::interp
