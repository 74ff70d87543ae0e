// The tile of gemm for each instruction set: the same bits.
#include "ir/interp/gemm_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace dlc::interp {
namespace {

constexpr int64_t depth = 37;

/// Row 0 of a times column 0 of b, and the other rows and columns, as the definition has them.
template <typename T> T leftAt(int64_t row, int64_t k) {
  return static_cast<T>(std::sin(double(row * 100 + k)) * 1000 + 1000);
}
template <typename T> T rightAt(int64_t k, int64_t column) {
  return static_cast<T>(std::cos(double(column * 100 + k)) * 1000 + 1000);
}

template <typename T> void check(const GemmKernel<T> &kernel) {
  std::vector<T> a(depth * kernel.mr), b(depth * kernel.nr);
  for (int64_t k = 0; k < depth; ++k) {
    for (int i = 0; i < kernel.mr; ++i) a[k * kernel.mr + i] = leftAt<T>(i, k);
    for (int j = 0; j < kernel.nr; ++j) b[k * kernel.nr + j] = rightAt<T>(k, j);
  }
  int64_t stride = kernel.nr + 3;
  std::vector<T> c(kernel.mr * stride, T(5));
  kernel.run(depth, a.data(), b.data(), c.data(), stride);
  for (int i = 0; i < kernel.mr; ++i)
    for (int j = 0; j < stride; ++j) {
      T sum = 5;
      for (int64_t k = 0; k < depth && j < kernel.nr; ++k) {
        T product = leftAt<T>(i, k) * rightAt<T>(k, j);
        sum = sum + product;
      }
      ASSERT_EQ(c[i * stride + j], sum) << i << ", " << j;
    }
}

void checkAll(const GemmKernels &kernels) {
  check(kernels.f32);
  check(kernels.f64);
  check(kernels.i32);
  check(kernels.i64);
}

TEST(GemmKernel, base) { checkAll(gemmKernelsBase); }
#ifdef __x86_64__
TEST(GemmKernel, avx2) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this CPU has no AVX2";
  checkAll(gemmKernelsAvx2);
}
TEST(GemmKernel, avx512) {
  if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP() << "this CPU has no AVX-512";
  checkAll(gemmKernelsAvx512);
}
#endif

} // namespace
} // namespace dlc::interp
