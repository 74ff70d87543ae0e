// C[M][N] = A[M][K] * B[K][N] in fp16 with fp32 sums: mma.sync, ldmatrix, and cp.async into two stages.
// Tile 64 x 64 x 32, four warps of 32 x 32. M, N multiples of 64, K of 32.
#include <cuda_fp16.h>
#include <stdint.h>

__device__ __forceinline__ void copy16(void *shared, const void *global) {
  unsigned address = (unsigned)__cvta_generic_to_shared(shared);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(global));
}

// A 16-byte chunk of a row of 64 bytes (4 chunks) or 128 bytes (8 chunks) goes where ldmatrix meets no bank conflict.
__device__ __forceinline__ int swizzleA(int row, int chunk) { return row * 32 + ((chunk ^ (row / 2 % 4)) * 8); }
__device__ __forceinline__ int swizzleB(int row, int chunk) { return row * 64 + ((chunk ^ (row % 8)) * 8); }

extern "C" __global__ void __launch_bounds__(128) matmul(const __half *a, const __half *b, float *c, int m, int n, int k) {
  __shared__ __align__(128) __half as[2][64 * 32];
  __shared__ __align__(128) __half bs[2][32 * 64];
  int t = threadIdx.x, lane = t % 32, warp = t / 32;
  int row0 = blockIdx.y * 64, column0 = blockIdx.x * 64;
  int warpRow = warp / 2 * 32, warpColumn = warp % 2 * 32;
  float sum[2][4][4] = {};
  auto stage = [&](int s, int k0) {
    for (int i = t; i < 256; i += 128) copy16(&as[s][swizzleA(i / 4, i % 4)], a + (row0 + i / 4) * k + k0 + i % 4 * 8);
    for (int i = t; i < 256; i += 128) copy16(&bs[s][swizzleB(i / 8, i % 8)], b + (k0 + i / 8) * n + column0 + i % 8 * 8);
    asm volatile("cp.async.commit_group;");
  };
  stage(0, 0);
  int steps = k / 32;
  for (int step = 0; step < steps; ++step) {
    if (step + 1 < steps) stage((step + 1) % 2, (step + 1) * 32);
    else asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_group 1;");
    __syncthreads();
    const __half *at = as[step % 2], *bt = bs[step % 2];
    for (int kk = 0; kk < 2; ++kk) {
      uint32_t fa[2][4], fb[2][4];
      for (int i = 0; i < 2; ++i) {
        unsigned p = (unsigned)__cvta_generic_to_shared(at + swizzleA(warpRow + i * 16 + lane % 16, kk * 2 + lane / 16));
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(fa[i][0]), "=r"(fa[i][1]), "=r"(fa[i][2]), "=r"(fa[i][3]) : "r"(p));
      }
      for (int j = 0; j < 2; ++j) {
        unsigned p = (unsigned)__cvta_generic_to_shared(bt + swizzleB(kk * 16 + lane % 16, warpColumn / 8 + j * 2 + lane / 16));
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(fb[j][0]), "=r"(fb[j][1]), "=r"(fb[j][2]), "=r"(fb[j][3]) : "r"(p));
      }
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j)
          asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                       : "+f"(sum[i][j][0]), "+f"(sum[i][j][1]), "+f"(sum[i][j][2]), "+f"(sum[i][j][3])
                       : "r"(fa[i][0]), "r"(fa[i][1]), "r"(fa[i][2]), "r"(fa[i][3]), "r"(fb[j / 2][j % 2 * 2]), "r"(fb[j / 2][j % 2 * 2 + 1]));
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int h = 0; h < 2; ++h) {
        int row = row0 + warpRow + i * 16 + h * 8 + lane / 4, column = column0 + warpColumn + j * 8 + lane % 4 * 2;
        *(float2 *)(c + row * n + column) = make_float2(sum[i][j][2 * h], sum[i][j][2 * h + 1]);
      }
}
