#include "ir/interp/gemm.h"

#include "ir/interp/gemm_kernel.h"
#include "ir/interp/numerics.h"
#include "ir/interp/parallel.h"

#include <algorithm>
#include <cstring>

namespace dlc::interp {
namespace {

// Block sizes: one packed block of each operand fits the second-level cache.
constexpr int64_t blockRows = 192, blockColumns = 192, blockDepth = 256;

const GemmKernels &bestKernels() {
#ifdef __x86_64__
  static const GemmKernels &best = __builtin_cpu_supports("avx512f") ? gemmKernelsAvx512
                                   : __builtin_cpu_supports("avx2")  ? gemmKernelsAvx2
                                                                     : gemmKernelsBase;
  return best;
#else
  return gemmKernelsBase;
#endif
}

template <typename T> const GemmKernel<T> &kernelFor();
template <> const GemmKernel<float> &kernelFor() { return bestKernels().f32; }
template <> const GemmKernel<double> &kernelFor() { return bestKernels().f64; }
template <> const GemmKernel<uint32_t> &kernelFor() { return bestKernels().i32; }
template <> const GemmKernel<uint64_t> &kernelFor() { return bestKernels().i64; }

template <typename E, bool tf32, typename T> T load(E value) {
  if constexpr (tf32)
    return roundTF32(value);
  else
    return static_cast<T>(value);
}

/// Packs rows [begin, begin + n) x depth [k0, k0 + depth) into panels of `width` rows: panel[k][row]. Rows
/// past n are zero.
template <typename T, typename E, bool tf32>
void pack(const GemmOperand &operand, int64_t base, int64_t begin, int64_t n, int64_t k0, int64_t depth,
          int width, T *out) {
  const E *data = reinterpret_cast<const E *>(operand.data) + base;
  const int64_t *inner = operand.inner.data() + k0;
  for (int64_t panel = 0; panel < n; panel += width, out += depth * width) {
    const int64_t *outer = operand.outer.data() + begin + panel;
    int64_t rows = std::min<int64_t>(width, n - panel);
    bool neighbours = true;
    for (int64_t i = 1; i < rows; ++i) neighbours &= outer[i] == outer[0] + i;
    for (int64_t k = 0; k < depth; ++k) {
      const E *from = data + inner[k];
      T *to = out + k * width;
      if (neighbours)
        for (int64_t i = 0; i < rows; ++i) to[i] = load<E, tf32, T>(from[outer[0] + i]);
      else
        for (int64_t i = 0; i < rows; ++i) to[i] = load<E, tf32, T>(from[outer[i]]);
      for (int64_t i = rows; i < width; ++i) to[i] = T();
    }
  }
}

/// Scratch of one thread, kept between tasks.
template <typename T> T *scratch(int which, size_t size) {
  thread_local std::vector<T> buffers[3];
  if (buffers[which].size() < size) buffers[which].resize(size);
  return buffers[which].data();
}

template <typename T, typename E, bool tf32> struct Problem {
  const GemmOperand &a, &b;
  const GemmResult &result;

  /// The block of the result at (m0, n0) of one problem, over all of k.
  void block(const GemmBatch &batch, int64_t m0, int64_t n0) const {
    const GemmKernel<T> &kernel = kernelFor<T>();
    int64_t rows = std::min<int64_t>(blockRows, a.outer.size() - m0);
    int64_t columns = std::min<int64_t>(blockColumns, b.outer.size() - n0);
    int64_t paddedRows = (rows + kernel.mr - 1) / kernel.mr * kernel.mr;
    int64_t paddedColumns = (columns + kernel.nr - 1) / kernel.nr * kernel.nr;
    int64_t depth = a.inner.size();
    T *sums = scratch<T>(0, paddedRows * paddedColumns);
    std::fill_n(sums, paddedRows * paddedColumns, T());
    T *left = scratch<T>(1, paddedRows * blockDepth);
    T *right = scratch<T>(2, paddedColumns * blockDepth);
    for (int64_t k0 = 0; k0 < depth; k0 += blockDepth) {
      int64_t size = std::min(blockDepth, depth - k0);
      pack<T, E, tf32>(a, batch.a, m0, rows, k0, size, kernel.mr, left);
      pack<T, E, tf32>(b, batch.b, n0, columns, k0, size, kernel.nr, right);
      for (int64_t j = 0; j < columns; j += kernel.nr)
        for (int64_t i = 0; i < rows; i += kernel.mr)
          kernel.run(size, left + i * size, right + j * size, sums + i * paddedColumns + j, paddedColumns);
    }
    T *out = static_cast<T *>(result.data) + batch.c;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        out[(m0 + i) * result.rowStride + (n0 + j) * result.columnStride] = sums[i * paddedColumns + j];
  }

  void run(llvm::ArrayRef<GemmBatch> batches) const {
    int64_t rowBlocks = (a.outer.size() + blockRows - 1) / blockRows;
    int64_t columnBlocks = (b.outer.size() + blockColumns - 1) / blockColumns;
    int64_t perProblem = rowBlocks * columnBlocks;
    auto task = [&](int64_t i) {
      int64_t within = i % perProblem;
      block(batches[i / perProblem], within / columnBlocks * blockRows, within % columnBlocks * blockColumns);
    };
    int64_t tasks = perProblem * static_cast<int64_t>(batches.size());
    // Many tiny problems (attention heads of a decode step) go to a thread in bunches.
    double work = static_cast<double>(std::min<int64_t>(a.outer.size(), blockRows)) * a.inner.size() *
                  std::min<int64_t>(b.outer.size(), blockColumns);
    int64_t bunch = std::clamp<int64_t>(static_cast<int64_t>(1e5 / std::max(work, 1.0)), 1, 4096);
    parallelFor((tasks + bunch - 1) / bunch, [&](int64_t i) {
      for (int64_t t = i * bunch; t < std::min((i + 1) * bunch, tasks); ++t) task(t);
    });
  }
};

template <typename T, typename E, bool tf32 = false>
void runAs(const GemmOperand &a, const GemmOperand &b, const GemmResult &result,
           llvm::ArrayRef<GemmBatch> batches) {
  Problem<T, E, tf32>{a, b, result}.run(batches);
}

template <typename T>
void runInteger(GemmElement element, const GemmOperand &a, const GemmOperand &b, const GemmResult &result,
                llvm::ArrayRef<GemmBatch> batches) {
  switch (element) {
  case GemmElement::I8:
    return runAs<T, int8_t>(a, b, result, batches);
  case GemmElement::I16:
    return runAs<T, int16_t>(a, b, result, batches);
  case GemmElement::I32:
    return runAs<T, int32_t>(a, b, result, batches);
  default:
    return runAs<T, int64_t>(a, b, result, batches);
  }
}

} // namespace

void gemm(Accumulator accumulator, GemmElement element, const GemmOperand &a, const GemmOperand &b,
          const GemmResult &result, llvm::ArrayRef<GemmBatch> batches) {
  if (a.outer.empty() || b.outer.empty() || batches.empty()) return;
  // Vectors run along n: a product with few columns is computed transposed. Each sum stays the same.
  if (b.outer.size() < 16 && a.outer.size() > b.outer.size()) {
    std::vector<GemmBatch> swapped(batches.begin(), batches.end());
    for (GemmBatch &batch : swapped) std::swap(batch.a, batch.b);
    GemmResult transposed{result.data, result.columnStride, result.rowStride};
    gemm(accumulator, element, b, a, transposed, swapped);
    return;
  }
  switch (accumulator) {
  case Accumulator::F64:
    return runAs<double, double>(a, b, result, batches);
  case Accumulator::F32:
    return element == GemmElement::TF32 ? runAs<float, float, true>(a, b, result, batches)
                                        : runAs<float, float>(a, b, result, batches);
  case Accumulator::I32:
    return runInteger<uint32_t>(element, a, b, result, batches);
  case Accumulator::I64:
    return runInteger<uint64_t>(element, a, b, result, batches);
  }
}

} // namespace dlc::interp
