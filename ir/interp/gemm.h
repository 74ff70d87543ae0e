// Contraction of two indexed arrays: the inner machine of `dot` and `conv`.
//
//   c[m, n] = sum over k, in order, of a[m, k] * b[k, n]
//
// Each element is one sum in one order, product and sum rounded apart, so the result is the same bits on
// every CPU and for every number of threads. Blocks are packed, the inner loop runs over fixed-width vectors
// of neighbouring n.
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace dlc::interp {

/// One operand: element (i, k) is data[base + outer[i] + inner[k]], base from the batch.
struct GemmOperand {
  const char *data = nullptr;
  llvm::ArrayRef<int64_t> outer; ///< offsets of m (or n), in elements
  llvm::ArrayRef<int64_t> inner; ///< offsets of k
};

/// The type that products and sums have.
enum class Accumulator { F32, F64, I32, I64 };
/// The type of an operand's elements. TF32 is float rounded to tf32 when it is read.
enum class GemmElement { F32, TF32, F64, I8, I16, I32, I64 };

struct GemmResult {
  void *data = nullptr;  ///< elements of the accumulator's type
  int64_t rowStride = 0; ///< elements
  int64_t columnStride = 1;
};

/// One problem of a batch: base offsets, in elements.
struct GemmBatch {
  int64_t a = 0, b = 0, c = 0;
};

/// Runs all problems of a batch, in parallel.
void gemm(Accumulator accumulator, GemmElement element, const GemmOperand &a, const GemmOperand &b,
          const GemmResult &result, llvm::ArrayRef<GemmBatch> batches);

} // namespace dlc::interp
