// Reductions along any dims. Each result is one sequence of combinations in row-major order of its elements,
// so that neither vectors (they hold several results) nor threads change it.
#include "ir/interp/combiners.h"
#include "ir/interp/ops.h"
#include "ir/interp/parallel.h"

namespace dlc::interp {

std::vector<int64_t> offsetsOf(DimsRef dims, DimsRef strides) {
  std::vector<int64_t> offsets{0};
  for (auto [dim, stride] : llvm::zip_equal(dims, strides)) {
    std::vector<int64_t> next;
    next.reserve(offsets.size() * dim);
    for (int64_t offset : offsets)
      for (int64_t i = 0; i < dim; ++i) next.push_back(offset + i * stride);
    offsets = std::move(next);
  }
  return offsets;
}

namespace {

/// Results that are computed side by side.
constexpr int64_t neighbours = 256, strangers = 8;

struct Split {
  Dims keptDims, keptStrides, reducedDims, reducedStrides;
};
Split splitDims(const Tensor &operand, DimsRef dims) {
  Split split;
  for (int64_t i = 0; i < operand.rank(); ++i) {
    bool reduced = llvm::is_contained(dims, i);
    (reduced ? split.reducedDims : split.keptDims).push_back(operand.dims()[i]);
    (reduced ? split.reducedStrides : split.keptStrides).push_back(operand.strides()[i]);
  }
  return split;
}

template <graph::Combiner combiner, typename T>
void reduceGroup(const T *data, const int64_t *kept, int64_t n, llvm::ArrayRef<int64_t> reduced, T *sums) {
  bool inRow = true;
  for (int64_t j = 1; j < n; ++j) inRow &= kept[j] == kept[0] + j;
  if (inRow) {
    for (int64_t offset : reduced) {
      const T *from = data + kept[0] + offset;
      for (int64_t j = 0; j < n; ++j) sums[j] = combineNumbers<combiner>(sums[j], from[j]);
    }
    return;
  }
  for (int64_t begin = 0; begin < n; begin += strangers) {
    int64_t count = std::min(strangers, n - begin);
    if (count < strangers) {
      for (int64_t j = begin; j < n; ++j)
        for (int64_t offset : reduced) sums[j] = combineNumbers<combiner>(sums[j], data[kept[j] + offset]);
      return;
    }
    T local[strangers];
    for (int64_t j = 0; j < strangers; ++j) local[j] = sums[begin + j];
    for (int64_t offset : reduced)
      for (int64_t j = 0; j < strangers; ++j)
        local[j] = combineNumbers<combiner>(local[j], data[kept[begin + j] + offset]);
    for (int64_t j = 0; j < strangers; ++j) sums[begin + j] = local[j];
  }
}

} // namespace

Tensor reduceNamed(const Tensor &operand, const Tensor &init, DimsRef dims, graph::Combiner combiner) {
  Split split = splitDims(operand, dims);
  Tensor result(operand.dtype(), split.keptDims);
  std::vector<int64_t> kept = offsetsOf(split.keptDims, split.keptStrides);
  std::vector<int64_t> reduced = offsetsOf(split.reducedDims, split.reducedStrides);
  withCombiner(combiner, operand.dtype(), [&]<graph::Combiner c, typename T>() {
    std::fill_n(result.data<T>(), result.count(), *init.data<T>());
    int64_t group = neighbours;
    int64_t total = result.count();
    parallelFor((total + group - 1) / group, [&](int64_t task) {
      int64_t begin = task * group, n = std::min(group, total - begin);
      reduceGroup<c>(operand.data<T>(), kept.data() + begin, n, reduced, result.data<T>() + begin);
    });
  });
  return result;
}

std::vector<Tensor> reduce(llvm::ArrayRef<Tensor> operands, llvm::ArrayRef<Tensor> inits, DimsRef dims,
                           Combine combine) {
  std::vector<Tensor> sums;
  std::vector<std::vector<int64_t>> reduced;
  std::vector<Split> splits;
  for (auto [operand, init] : llvm::zip_equal(operands, inits)) {
    if (operand.dims() != operands[0].dims()) throw Failure("operands of a reduction have different dims");
    splits.push_back(splitDims(operand, dims));
    reduced.push_back(offsetsOf(splits.back().reducedDims, splits.back().reducedStrides));
    sums.push_back(interp::fill(init, splits.back().keptDims).contiguous());
  }
  if (sums[0].count() == 0) return sums;
  // One step takes the element of that place for all results at once.
  for (size_t step = 0; step < reduced[0].size(); ++step) {
    std::vector<Tensor> elements;
    for (size_t i = 0; i < operands.size(); ++i)
      elements.push_back(operands[i].restrided(splits[i].keptDims, splits[i].keptStrides, reduced[i][step]));
    sums = combine(sums, elements);
  }
  return sums;
}

} // namespace dlc::interp
