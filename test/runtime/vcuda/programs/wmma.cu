// Matrix fragments whose layout only the instructions know.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>
#include <stdint.h>
using namespace nvcuda;

template <int M, int N, int K, class T, class A, class LA, class LB>
__device__ void product(const T *a, const T *b, const A *c, A *d, int lda, int ldb, wmma::layout_t layout, int ldc) {
  wmma::fragment<wmma::matrix_a, M, N, K, T, LA> fa;
  wmma::fragment<wmma::matrix_b, M, N, K, T, LB> fb;
  wmma::fragment<wmma::accumulator, M, N, K, A> fc;
  wmma::load_matrix_sync(fa, a, lda);
  wmma::load_matrix_sync(fb, b, ldb);
  wmma::load_matrix_sync(fc, c, ldc, layout);
  wmma::mma_sync(fc, fa, fb, fc);
  for (int k = 0; k < fc.num_elements; ++k) fc.x[k] = fc.x[k] + fc.x[k];
  wmma::store_matrix_sync(d, fc, ldc, layout);
}
using R = wmma::row_major;
using C = wmma::col_major;
constexpr auto rows = wmma::mem_row_major, columns = wmma::mem_col_major;

// D = 2 (A B + C) with A row-major or column-major, likewise B and C.
#define SHAPE(name, M, N, K, T, A)                                                                                       \
  extern "C" __global__ void name##RowCol(const T *a, const T *b, const A *c, A *d) {                                    \
    product<M, N, K, T, A, R, C>(a, b, c, d, K, K, rows, N);                                                             \
  }                                                                                                                      \
  extern "C" __global__ void name##ColRow(const T *a, const T *b, const A *c, A *d) {                                    \
    product<M, N, K, T, A, C, R>(a, b, c, d, M, N, columns, M);                                                          \
  }
SHAPE(half16, 16, 16, 16, __half, float)
SHAPE(half32, 32, 8, 16, __half, float)
SHAPE(half8, 8, 32, 16, __half, float)
SHAPE(halfSum16, 16, 16, 16, __half, __half)
SHAPE(halfSum32, 32, 8, 16, __half, __half)
SHAPE(halfSum8, 8, 32, 16, __half, __half)
SHAPE(bfloat16, 16, 16, 16, __nv_bfloat16, float)
SHAPE(bfloat32, 32, 8, 16, __nv_bfloat16, float)
SHAPE(bfloat8, 8, 32, 16, __nv_bfloat16, float)
SHAPE(signed16, 16, 16, 16, signed char, int)
SHAPE(signed32, 32, 8, 16, signed char, int)
SHAPE(signed8, 8, 32, 16, signed char, int)
SHAPE(unsigned16, 16, 16, 16, unsigned char, int)
SHAPE(unsigned32, 32, 8, 16, unsigned char, int)
SHAPE(unsigned8, 8, 32, 16, unsigned char, int)
SHAPE(doubles, 8, 8, 4, double, double)

#define TF32(name, LA, LB, lda, ldb, layout, ldc)                                                                        \
  extern "C" __global__ void name(const float *a, const float *b, const float *c, float *d) {                            \
    wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, LA> fa;                                             \
    wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, LB> fb;                                             \
    wmma::fragment<wmma::accumulator, 16, 16, 8, float> fc;                                                              \
    wmma::load_matrix_sync(fa, a, lda);                                                                                  \
    wmma::load_matrix_sync(fb, b, ldb);                                                                                  \
    wmma::load_matrix_sync(fc, c, ldc, layout);                                                                          \
    for (int k = 0; k < fa.num_elements; ++k) fa.x[k] = wmma::__float_to_tf32(fa.x[k]);                                  \
    for (int k = 0; k < fb.num_elements; ++k) fb.x[k] = wmma::__float_to_tf32(fb.x[k]);                                  \
    wmma::mma_sync(fc, fa, fb, fc);                                                                                      \
    wmma::store_matrix_sync(d, fc, ldc, layout);                                                                         \
  }
TF32(tf32RowCol, R, C, 8, 8, rows, 16)
TF32(tf32ColRow, C, R, 16, 16, columns, 16)

// Four bits and one bit per element: always row times column.
template <class T> __device__ void small(const void *a, const void *b, int *d) {
  constexpr int K = 32;
  wmma::fragment<wmma::matrix_a, 8, 8, K, T, R> fa;
  wmma::fragment<wmma::matrix_b, 8, 8, K, T, C> fb;
  wmma::fragment<wmma::accumulator, 8, 8, K, int> fc;
  wmma::load_matrix_sync(fa, a, K);
  wmma::load_matrix_sync(fb, b, K);
  wmma::fill_fragment(fc, 3);
  wmma::mma_sync(fc, fa, fb, fc);
  wmma::store_matrix_sync(d, fc, 8, rows);
}
extern "C" __global__ void fourBitsSigned(const void *a, const void *b, int *d) { small<wmma::experimental::precision::s4>(a, b, d); }
extern "C" __global__ void fourBitsUnsigned(const void *a, const void *b, int *d) { small<wmma::experimental::precision::u4>(a, b, d); }
template <wmma::experimental::bmmaBitOp Op> __device__ void oneBit(const void *a, const void *b, int *d) {
  wmma::fragment<wmma::matrix_a, 8, 8, 128, wmma::experimental::precision::b1, R> fa;
  wmma::fragment<wmma::matrix_b, 8, 8, 128, wmma::experimental::precision::b1, C> fb;
  wmma::fragment<wmma::accumulator, 8, 8, 128, int> fc;
  wmma::load_matrix_sync(fa, a, 128);
  wmma::load_matrix_sync(fb, b, 128);
  wmma::fill_fragment(fc, 0);
  wmma::bmma_sync(fc, fa, fb, fc, Op);
  wmma::store_matrix_sync(d, fc, 8, columns);
}
extern "C" __global__ void oneBitXor(const void *a, const void *b, int *d) { oneBit<wmma::experimental::bmmaBitOpXOR>(a, b, d); }
extern "C" __global__ void oneBitAnd(const void *a, const void *b, int *d) { oneBit<wmma::experimental::bmmaBitOpAND>(a, b, d); }

// A whole product in tiles through shared memory: 64 x 64 per CTA of four warps.
extern "C" __global__ void tiled(const __half *a, const __half *b, float *c, int n, int k) {
  __shared__ __half as[64][24], bs[16][72];
  int warp = threadIdx.x / 32, row = blockIdx.y * 64, column = blockIdx.x * 64;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums[4];
  for (auto &s : sums) wmma::fill_fragment(s, 0.0f);
  for (int k0 = 0; k0 < k; k0 += 16) {
    for (int i = threadIdx.x; i < 1024; i += 128) {
      as[i / 16][i % 16] = a[(row + i / 16) * k + k0 + i % 16];
      bs[i / 64][i % 64] = b[(k0 + i / 64) * n + column + i % 64];
    }
    __syncthreads();
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, R> fa;
    wmma::load_matrix_sync(fa, &as[warp * 16][0], 24);
    for (int j = 0; j < 4; ++j) {
      wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, R> fb;
      wmma::load_matrix_sync(fb, &bs[0][j * 16], 72);
      wmma::mma_sync(sums[j], fa, fb, sums[j]);
    }
    __syncthreads();
  }
  for (int j = 0; j < 4; ++j) wmma::store_matrix_sync(&c[(row + warp * 16) * n + column + j * 16], sums[j], n, rows);
}
