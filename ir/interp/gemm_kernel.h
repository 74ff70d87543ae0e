// The inner loop of gemm.cpp: one tile of the result in registers. Compiled once per instruction set from
// gemm_kernel.inc; all give the same bits.
#pragma once

#include <cstdint>

namespace dlc::interp {

/// c[mr][nr] += a[k][mr] * b[k][nr], panels packed, c with a row stride of ldc.
template <typename T> struct GemmKernel {
  int mr, nr;
  void (*run)(int64_t k, const T *a, const T *b, T *c, int64_t ldc);
};

struct GemmKernels {
  GemmKernel<float> f32;
  GemmKernel<double> f64;
  GemmKernel<uint32_t> i32; ///< wraps
  GemmKernel<uint64_t> i64; ///< wraps
};

extern const GemmKernels gemmKernelsBase;
#ifdef __x86_64__
extern const GemmKernels gemmKernelsAvx2;
extern const GemmKernels gemmKernelsAvx512;
#endif

} // namespace dlc::interp
