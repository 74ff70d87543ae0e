// Sliding windows. A window's elements are combined in row-major order of the window.
#include "ir/interp/combiners.h"
#include "ir/interp/ops.h"
#include "ir/interp/parallel.h"

namespace dlc::interp {
namespace {

/// Index of number `i` in a row-major box.
Dims indexOf(int64_t i, DimsRef dims) {
  Dims index(dims.size());
  for (size_t d = dims.size(); d-- > 0;) {
    index[d] = i % dims[d];
    i /= dims[d];
  }
  return index;
}

void checkShape(const Tensor &operand, const WindowShape &shape, DimsRef resultDims) {
  for (int64_t d = 0; d < operand.rank(); ++d) {
    int64_t span =
        operand.dims()[d] + shape.low[d] + shape.high[d] - shape.dilations[d] * (shape.size[d] - 1) - 1;
    int64_t out = span < 0 ? 0 : span / shape.strides[d] + 1;
    if (resultDims[d] > std::max<int64_t>(out, 0))
      throw Failure("a window over " + str(operand.dims()) + " has no " + str(resultDims) + " positions");
  }
}

} // namespace

Tensor windowNamed(const Tensor &operand, const Tensor &init, const WindowShape &shape, DimsRef resultDims,
                   graph::Combiner combiner) {
  checkShape(operand, shape, resultDims);
  Tensor result(operand.dtype(), resultDims);
  if (result.count() == 0) return result;
  int64_t rank = operand.rank(), windowCount = countOf(shape.size);
  Dims windowStrides;
  for (int64_t d = 0; d < rank; ++d) windowStrides.push_back(shape.dilations[d] * operand.strides()[d]);
  std::vector<int64_t> offsets = offsetsOf(shape.size, windowStrides);
  std::vector<Dims> places;
  for (int64_t w = 0; w < windowCount; ++w) places.push_back(indexOf(w, shape.size));
  int64_t rowLength = rank ? resultDims.back() : 1;
  withCombiner(combiner, operand.dtype(), [&]<graph::Combiner c, typename T>() {
    // One task is a row of results along the last dim.
    parallelFor(result.count() / rowLength, [&](int64_t row) {
      Dims index = indexOf(row * rowLength, resultDims), start(rank);
      for (int64_t r = 0; r < rowLength; ++r) {
        if (rank) index[rank - 1] = r;
        int64_t base = 0;
        bool inside = true;
        for (int64_t d = 0; d < rank; ++d) {
          start[d] = index[d] * shape.strides[d] - shape.low[d];
          base += start[d] * operand.strides()[d];
          inside &= start[d] >= 0 && start[d] + shape.dilations[d] * (shape.size[d] - 1) < operand.dims()[d];
        }
        T sum = *init.data<T>();
        for (int64_t w = 0; w < windowCount; ++w) {
          bool there = true;
          for (int64_t d = 0; !inside && d < rank; ++d) {
            int64_t place = start[d] + places[w][d] * shape.dilations[d];
            there &= place >= 0 && place < operand.dims()[d];
          }
          if (there) sum = combineNumbers<c>(sum, operand.data<T>()[base + offsets[w]]);
        }
        result.data<T>()[row * rowLength + r] = sum;
      }
    });
  });
  return result;
}

Tensor window(const Tensor &operand, const Tensor &init, const WindowShape &shape, DimsRef resultDims,
              Combine combine) {
  checkShape(operand, shape, resultDims);
  Tensor result = interp::fill(init, resultDims).contiguous();
  if (result.count() == 0) return result;
  Dims outStrides = rowMajorStrides(resultDims);
  int64_t rank = operand.rank();
  // One step takes one place of the window, for the box of results where it lies inside the operand.
  for (int64_t w = 0, count = countOf(shape.size); w < count; ++w) {
    Dims place = indexOf(w, shape.size), box(rank), strides(rank), boxStart(rank);
    int64_t from = 0, to = 0;
    for (int64_t d = 0; d < rank; ++d) {
      // first <= r < end: 0 <= r * stride + shift < dim
      int64_t shift = place[d] * shape.dilations[d] - shape.low[d], stride = shape.strides[d];
      int64_t first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
      int64_t space = operand.dims()[d] - shift;
      int64_t end = std::min(resultDims[d], space <= 0 ? 0 : (space + stride - 1) / stride);
      box[d] = std::max<int64_t>(0, end - first);
      boxStart[d] = first;
      strides[d] = stride * operand.strides()[d];
      from += (first * stride + shift) * operand.strides()[d];
      to += first * outStrides[d];
    }
    if (countOf(box) == 0) continue;
    Tensor sums = result.restrided(box, outStrides, to);
    Tensor updated = combine({sums.contiguous()}, {operand.restrided(box, strides, from)})[0].contiguous();
    int64_t run = rank ? box.back() : 1, size = byteSize(result.dtype());
    for (int64_t row = 0; row < updated.count() / run; ++row) {
      Dims index = indexOf(row * run, box);
      int64_t offset = to;
      for (int64_t d = 0; d < rank; ++d) offset += index[d] * outStrides[d];
      updated.copyRange(row * run, run, result.bytes() + offset * size);
    }
  }
  return result;
}

} // namespace dlc::interp
