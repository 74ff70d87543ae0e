#include "ir/interp/tensor.h"

#include "ir/interp/numerics.h"
#include "ir/interp/parallel.h"

#include "llvm/Support/MathExtras.h"

#include <cstdlib>
#include <cstring>

namespace dlc::interp {
namespace {

constexpr size_t alignment = 64;
/// Elements per task of a parallel copy.
constexpr int64_t copyGrain = 1 << 16;

template <typename T> void copyStrided(const char *from, int64_t stride, char *to, int64_t n) {
  auto *in = reinterpret_cast<const T *>(from);
  auto *out = reinterpret_cast<T *>(to);
  if (stride == 0)
    for (int64_t i = 0; i < n; ++i) out[i] = in[0];
  else
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * stride];
}

void copyRow(const char *from, int64_t stride, char *to, int64_t n, int64_t size) {
  if (stride == 1) {
    std::memcpy(to, from, n * size);
    return;
  }
  switch (size) {
  case 1:
    return copyStrided<uint8_t>(from, stride, to, n);
  case 2:
    return copyStrided<uint16_t>(from, stride, to, n);
  case 4:
    return copyStrided<uint32_t>(from, stride, to, n);
  default:
    return copyStrided<uint64_t>(from, stride, to, n);
  }
}

/// Dims and strides with neighbours merged where that is the same walk; size-1 dims dropped. At least one
/// dim.
void coalesce(DimsRef dims, DimsRef strides, Dims &outDims, Dims &outStrides) {
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (!outDims.empty() && outStrides.back() == strides[i] * dims[i]) {
      outDims.back() *= dims[i];
      outStrides.back() = strides[i];
      continue;
    }
    outDims.push_back(dims[i]);
    outStrides.push_back(strides[i]);
  }
  if (outDims.empty()) {
    outDims.push_back(1);
    outStrides.push_back(1);
  }
}

} // namespace

int64_t countOf(DimsRef dims) {
  int64_t count = 1;
  bool empty = llvm::is_contained(dims, 0);
  for (int64_t dim : dims)
    if (dim < 0 || (!empty && (llvm::MulOverflow(count, dim, count) || count > (int64_t(1) << 59))))
      throw Failure("a tensor of " + str(dims) + " cannot be made");
  return empty ? 0 : count;
}

Dims rowMajorStrides(DimsRef dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(dims[i], 1);
  }
  return strides;
}

std::string str(DimsRef dims) {
  if (dims.empty()) return "rank 0";
  std::string text;
  for (int64_t dim : dims) text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

void Tensor::setShape(DimsRef dims, DimsRef strides) {
  elements = countOf(dims);
  shape.assign(dims.begin(), dims.end());
  steps.assign(strides.begin(), strides.end());
  dense = true;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (steps[i] != expected) dense = false;
    expected *= shape[i];
  }
  if (elements == 0) dense = true;
}

Tensor::Tensor(DType dtype, DimsRef dims) : type(dtype) {
  setShape(dims, rowMajorStrides(dims));
  size_t size = llvm::alignTo(std::max<int64_t>(byteCount(), 1), alignment);
  auto *raw = static_cast<char *>(std::aligned_alloc(alignment, size));
  if (!raw) throw Failure("not enough memory for a tensor of " + str(dims));
  memory.reset(raw, [](char *pointer) { std::free(pointer); });
  base = raw;
}

Tensor Tensor::borrow(DType dtype, DimsRef dims, const char *bytes) {
  if (reinterpret_cast<uintptr_t>(bytes) % byteSize(dtype) || !bytes) return copyOf(dtype, dims, bytes);
  Tensor result;
  result.type = dtype;
  result.setShape(dims, rowMajorStrides(dims));
  // Never written: only who makes a tensor writes to it.
  result.base = const_cast<char *>(bytes);
  return result;
}

Tensor Tensor::copyOf(DType dtype, DimsRef dims, const void *bytes) {
  Tensor result(dtype, dims);
  if (result.count()) std::memcpy(result.base, bytes, result.byteCount());
  return result;
}

Tensor Tensor::scalar(DType dtype, double value) {
  Tensor result(dtype, {});
  convert(&value, DType::F64, result.base, dtype, 1);
  return result;
}

Tensor Tensor::scalarInt(DType dtype, int64_t value) {
  Tensor result(dtype, {});
  convert(&value, DType::I64, result.base, dtype, 1);
  return result;
}

Tensor Tensor::restrided(DimsRef dims, DimsRef strides, int64_t offset) const {
  Tensor result = *this;
  result.setShape(dims, strides);
  if (result.elements) result.base = base + offset * byteSize(type);
  return result;
}

Tensor Tensor::contiguous() const {
  if (dense) return *this;
  Tensor result(type, shape);
  copyTo(result.base);
  return result;
}

Tensor Tensor::reshaped(DimsRef dims) const {
  if (countOf(dims) != elements)
    throw Failure("a tensor of " + str(shape) + " has other elements than one of " + str(dims));
  return contiguous().restrided(dims, rowMajorStrides(dims));
}

Tensor Tensor::converted(DType dtype) const {
  if (dtype == type) return contiguous();
  Tensor result(dtype, shape);
  int64_t tasks = llvm::divideCeil(elements, copyGrain);
  parallelFor(tasks, [&](int64_t task) {
    int64_t begin = task * copyGrain, n = std::min(copyGrain, elements - begin);
    char *to = result.base + begin * byteSize(dtype);
    if (dense) return convert(base + begin * byteSize(type), type, to, dtype, n);
    std::unique_ptr<char[]> row(new char[n * byteSize(type)]);
    copyRange(begin, n, row.get());
    convert(row.get(), type, to, dtype, n);
  });
  return result;
}

void Tensor::copyTo(char *out) const {
  int64_t tasks = llvm::divideCeil(elements, copyGrain);
  parallelFor(tasks, [&](int64_t task) {
    int64_t begin = task * copyGrain;
    copyRange(begin, std::min(copyGrain, elements - begin), out + begin * byteSize(type));
  });
}

void Tensor::copyRange(int64_t begin, int64_t n, char *out) const {
  int64_t size = byteSize(type);
  if (n == 0) return;
  if (dense) {
    std::memcpy(out, base + begin * size, n * size);
    return;
  }
  Dims walk, walkStrides;
  coalesce(shape, steps, walk, walkStrides);
  size_t last = walk.size() - 1;
  Dims index(walk.size());
  int64_t rest = begin, offset = 0;
  for (size_t i = walk.size(); i-- > 0;) {
    index[i] = rest % walk[i];
    rest /= walk[i];
    offset += index[i] * walkStrides[i];
  }
  while (n > 0) {
    int64_t row = std::min(n, walk[last] - index[last]);
    copyRow(base + offset * size, walkStrides[last], out, row, size);
    out += row * size;
    n -= row;
    // On to the next row: undo the inner index, carry into the outer ones.
    offset -= index[last] * walkStrides[last];
    index[last] = 0;
    for (size_t i = last; i-- > 0;) {
      offset += walkStrides[i];
      if (++index[i] < walk[i]) break;
      offset -= walk[i] * walkStrides[i];
      index[i] = 0;
    }
  }
}

const char *Tensor::at(int64_t index) const {
  int64_t offset = 0;
  for (size_t i = shape.size(); i-- > 0;) {
    offset += index % shape[i] * steps[i];
    index /= shape[i];
  }
  return base + offset * byteSize(type);
}

double Tensor::floatAt(int64_t index) const {
  double value;
  convert(at(index), type, &value, DType::F64, 1);
  return value;
}

int64_t Tensor::intAt(int64_t index) const {
  int64_t value;
  convert(at(index), type, &value, DType::I64, 1);
  return value;
}

} // namespace dlc::interp
