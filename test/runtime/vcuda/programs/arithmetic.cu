// Kernels for the ways in which floats can be computed: arithmetic_test.cpp.
#include <cuda_fp16.h>
#include <stdint.h>

__device__ float power(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
__device__ float reciprocal(float x) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

// One m16n8k16 per warp: the registers of lane l are a[4 l ...], b[2 l ...], c[4 l ...], d[4 l ...].
extern "C" __global__ void multiply(const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *d) {
  int l = blockIdx.x * 32 + threadIdx.x;
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
               : "=r"(d[4 * l]), "=r"(d[4 * l + 1]), "=r"(d[4 * l + 2]), "=r"(d[4 * l + 3])
               : "r"(a[4 * l]), "r"(a[4 * l + 1]), "r"(a[4 * l + 2]), "r"(a[4 * l + 3]), "r"(b[2 * l]), "r"(b[2 * l + 1]),
                 "r"(c[4 * l]), "r"(c[4 * l + 1]), "r"(c[4 * l + 2]), "r"(c[4 * l + 3]));
}
extern "C" __global__ void multiplyHalf(const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *d) {
  int l = blockIdx.x * 32 + threadIdx.x;
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%8, %9};"
               : "=r"(d[2 * l]), "=r"(d[2 * l + 1])
               : "r"(a[4 * l]), "r"(a[4 * l + 1]), "r"(a[4 * l + 2]), "r"(a[4 * l + 3]), "r"(b[2 * l]), "r"(b[2 * l + 1]),
                 "r"(c[2 * l]), "r"(c[2 * l + 1]));
}

// Approximations of x[i], n values each: ex2, lg2, rcp, sqrt, rsqrt, sin, cos, tanh, x / y.
extern "C" __global__ void approximations(const float *x, const float *y, float *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float v = x[i], r;
#define APPROXIMATE(which, name) asm(name " %0, %1;" : "=f"(r) : "f"(v)); out[which * n + i] = r;
  APPROXIMATE(0, "ex2.approx.f32")
  APPROXIMATE(1, "lg2.approx.f32")
  APPROXIMATE(2, "rcp.approx.f32")
  APPROXIMATE(3, "sqrt.approx.f32")
  APPROXIMATE(4, "rsqrt.approx.f32")
  APPROXIMATE(5, "sin.approx.f32")
  APPROXIMATE(6, "cos.approx.f32")
  APPROXIMATE(7, "tanh.approx.f32")
  asm("div.approx.f32 %0, %1, %2;" : "=f"(r) : "f"(v), "f"(y[i]));
  out[8 * n + i] = r;
}
extern "C" __global__ void halfApproximations(const __half *x, __half *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  uint16_t v = __half_as_ushort(x[i]), r;
  asm("ex2.approx.f16 %0, %1;" : "=h"(r) : "h"(v));
  out[i] = __ushort_as_half(r);
  asm("tanh.approx.f16 %0, %1;" : "=h"(r) : "h"(v));
  out[n + i] = __ushort_as_half(r);
}

// out = A B, in order of k.
extern "C" __global__ void plainMatmul(const __half *a, const __half *b, float *out, int M, int N, int K) {
  int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= M || column >= N) return;
  float sum = 0;
  for (int k = 0; k < K; ++k) sum = fmaf(__half2float(a[row * K + k]), __half2float(b[k * N + column]), sum);
  out[row * N + column] = sum;
}
// The same in four parts, from the last k, with a product and a sum apart; `skip`: one product is left out.
extern "C" __global__ void partedMatmul(const __half *a, const __half *b, float *out, int M, int N, int K, int skip) {
  int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= M || column >= N) return;
  float sums[4] = {};
  for (int k = K - 1; k >= 0; --k) {
    float p = __fmul_rn(__half2float(a[row * K + k]), __half2float(b[k * N + column]));
    if (!(row == 3 && column == 5 && k == skip)) sums[k % 4] = __fadd_rn(sums[k % 4], p);
  }
  out[row * N + column] = __fadd_rn(__fadd_rn(sums[3], sums[1]), __fadd_rn(sums[0], sums[2]));
}

// softmax(s) v of one row per thread, s[n] and v[n]: with the maximum first, and as a flash softmax in blocks of 8, which
// begins with a maximum of -infinity and scales what it has whenever the maximum grows.
extern "C" __global__ void plainSoftmax(const float *s, const float *v, float *out, int n) {
  s += threadIdx.x * n, v += threadIdx.x * n;
  float most = s[0], total = 0, sum = 0;
  for (int i = 1; i < n; ++i) most = fmaxf(most, s[i]);
  for (int i = 0; i < n; ++i) {
    float p = power(__fmul_rn(s[i] - most, 1.44269504f));
    total += p;
    sum = __fadd_rn(sum, __fmul_rn(p, v[i]));
  }
  out[threadIdx.x] = __fmul_rn(sum, reciprocal(total));
}
extern "C" __global__ void flashSoftmax(const float *s, const float *v, float *out, int n, int forget) {
  s += threadIdx.x * n, v += threadIdx.x * n;
  float most = -INFINITY, total = 0, sum = 0;
  for (int block = 0; block < n; block += 8) {
    float old = most;
    for (int i = block; i < block + 8; ++i) most = fmaxf(most, s[i]);
    float shift = __fmul_rn(most, 1.44269504f), scale = power(fmaf(old, 1.44269504f, -shift));
    if (block != forget) sum = __fmul_rn(sum, scale);
    total = __fmul_rn(total, scale);
    for (int i = block; i < block + 8; ++i) {
      float p = power(fmaf(s[i], 1.44269504f, -shift));
      total += p;
      sum = fmaf(p, v[i], sum);
    }
  }
  out[threadIdx.x] = __fmul_rn(sum, reciprocal(total));
}
