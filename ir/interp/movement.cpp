// Ops that move elements. Where strides can say it, nothing is copied.
#include "ir/interp/ops.h"
#include "ir/interp/parallel.h"

#include <cstring>

namespace dlc::interp {
namespace {

/// Copies all of `from` into the box of `to` that starts at `offsets`; `to` is row-major.
void copyInto(const Tensor &from, const Tensor &to, DimsRef offsets) {
  if (from.count() == 0) return;
  Dims outStrides = rowMajorStrides(to.dims());
  // The box's rows: trailing dims in which the box is as wide as the result form one run of the result.
  int64_t run = 1, split = from.rank(), start = 0;
  for (; split > 0; --split) {
    run *= from.dims()[split - 1];
    if (from.dims()[split - 1] != to.dims()[split - 1]) {
      --split;
      break;
    }
  }
  for (int64_t i = 0; i < from.rank(); ++i) start += offsets[i] * outStrides[i];
  int64_t size = byteSize(from.dtype());
  parallelFor(from.count() / run, [&](int64_t row) {
    int64_t offset = start, rest = row;
    for (int64_t i = split; i-- > 0;) {
      offset += rest % from.dims()[i] * outStrides[i];
      rest /= from.dims()[i];
    }
    from.copyRange(row * run, run, to.bytes() + offset * size);
  });
}

template <typename T> void fillWith(const Tensor &out, const Tensor &scalar) {
  std::fill_n(out.data<T>(), out.count(), *scalar.data<T>());
}
void fillAll(const Tensor &out, const Tensor &scalar) {
  switch (byteSize(out.dtype())) {
  case 1:
    return fillWith<uint8_t>(out, scalar);
  case 2:
    return fillWith<uint16_t>(out, scalar);
  case 4:
    return fillWith<uint32_t>(out, scalar);
  default:
    return fillWith<uint64_t>(out, scalar);
  }
}

void need(bool condition, const char *what, DimsRef dims) {
  if (!condition) throw Failure(std::string(what) + " does not fit operand dims " + str(dims));
}

int64_t productOf(DimsRef dims) {
  int64_t product = 1;
  for (int64_t dim : dims) product *= dim;
  return product;
}

} // namespace

Tensor fill(const Tensor &scalar, DimsRef dims) { return scalar.restrided(dims, Dims(dims.size(), 0)); }

Tensor iota(DType dtype, DimsRef dims, int64_t dim) {
  std::vector<int64_t> numbers(dims[dim]);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  Tensor line = Tensor::copyOf(DType::I64, {dims[dim]}, numbers.data()).converted(dtype);
  Dims strides(dims.size(), 0);
  strides[dim] = 1;
  return line.restrided(dims, strides);
}

Tensor broadcast(const Tensor &operand, DimsRef dims, DimsRef map) {
  Dims strides(dims.size(), 0);
  need(map.size() == static_cast<size_t>(operand.rank()), "a broadcast", operand.dims());
  for (auto [i, place] : llvm::enumerate(map)) {
    int64_t dim = operand.dims()[i];
    need(dim == 1 || dim == dims[place], "a broadcast", operand.dims());
    if (dim != 1) strides[place] = operand.strides()[i];
  }
  return operand.restrided(dims, strides);
}

Tensor transpose(const Tensor &operand, DimsRef perm) {
  Dims dims, strides;
  for (int64_t p : perm) {
    dims.push_back(operand.dims()[p]);
    strides.push_back(operand.strides()[p]);
  }
  return operand.restrided(dims, strides);
}

Tensor slice(const Tensor &operand, DimsRef offsets, DimsRef steps, DimsRef sizes) {
  Dims strides;
  int64_t start = 0;
  bool empty = llvm::is_contained(sizes, 0);
  for (int64_t i = 0; i < operand.rank(); ++i) {
    if (!empty) {
      int64_t last = offsets[i] + (sizes[i] - 1) * steps[i], n = operand.dims()[i];
      need(offsets[i] >= 0 && offsets[i] < n && last >= 0 && last < n, "a slice", operand.dims());
    }
    start += offsets[i] * operand.strides()[i];
    strides.push_back(operand.strides()[i] * steps[i]);
  }
  return operand.restrided(sizes, strides, empty ? 0 : start);
}

Tensor pad(const Tensor &operand, const Tensor &value, DimsRef low, DimsRef high) {
  Dims dims;
  bool changes = false;
  for (int64_t i = 0; i < operand.rank(); ++i) {
    need(low[i] >= 0 && high[i] >= 0, "a negative pad", operand.dims());
    dims.push_back(low[i] + operand.dims()[i] + high[i]);
    changes |= low[i] || high[i];
  }
  if (!changes) return operand;
  Tensor result(operand.dtype(), dims);
  fillAll(result, value);
  copyInto(operand, result, low);
  return result;
}

Tensor concat(llvm::ArrayRef<Tensor> operands, int64_t axis) {
  Dims dims(operands[0].dims()), offsets(dims.size(), 0);
  dims[axis] = 0;
  for (const Tensor &operand : operands) {
    for (int64_t i = 0; i < operand.rank(); ++i)
      need(i == axis || operand.dims()[i] == dims[i], "a concat", operand.dims());
    dims[axis] += operand.dims()[axis];
  }
  Tensor result(operands[0].dtype(), dims);
  for (const Tensor &operand : operands) {
    copyInto(operand, result, offsets);
    offsets[axis] += operand.dims()[axis];
  }
  return result;
}

Tensor gather(const Tensor &operand, const Tensor &indices, int64_t axis, int64_t batchDims) {
  DimsRef from = operand.dims(), by = indices.dims();
  need(from.take_front(batchDims) == by.take_front(batchDims), "a gather", from);
  DimsRef outer = from.slice(batchDims, axis - batchDims), inner = from.drop_front(axis + 1);
  Dims dims(from.take_front(axis));
  dims.append(by.begin() + batchDims, by.end());
  dims.append(inner.begin(), inner.end());
  Tensor result(operand.dtype(), dims);
  if (result.count() == 0) return result;
  int64_t n = from[axis];
  if (n == 0) {
    std::memset(result.bytes(), 0, result.byteCount());
    return result;
  }
  Tensor source = operand.contiguous(), index = indices.converted(DType::I64);
  int64_t p = productOf(outer), k = productOf(by.drop_front(batchDims)), q = productOf(inner);
  int64_t row = q * byteSize(operand.dtype());
  int64_t rows = result.count() / q, rowsPerTask = std::max<int64_t>(1, (1 << 18) / row);
  parallelFor((rows + rowsPerTask - 1) / rowsPerTask, [&](int64_t task) {
    for (int64_t r = task * rowsPerTask; r < std::min((task + 1) * rowsPerTask, rows); ++r) {
      int64_t batchAndOuter = r / k, batch = batchAndOuter / p;
      int64_t i = std::clamp<int64_t>(index.data<int64_t>()[batch * k + r % k], 0, n - 1);
      std::memcpy(result.bytes() + r * row, source.bytes() + (batchAndOuter * n + i) * row, row);
    }
  });
  return result;
}

} // namespace dlc::interp
