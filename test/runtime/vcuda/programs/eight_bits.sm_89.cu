// 8-bit floats by the instructions that convert and multiply them.
#include <cuda_fp8.h>
#include <stdint.h>

extern "C" __global__ void eightBits(const float *in, __nv_fp8_e4m3 *a, __nv_fp8_e5m2 *b, float *back, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  a[i] = __nv_fp8_e4m3(in[i]);
  b[i] = __nv_fp8_e5m2(in[i]);
  back[2 * i] = float(a[i]);
  back[2 * i + 1] = float(b[i]);
}

// D = A B + C with A row-major [16][32] and B by column [8][32], one warp.
extern "C" __global__ void product(const uint32_t *a, const uint32_t *b, float *d) {
  int lane = threadIdx.x, g = lane / 4, q = lane % 4;
  uint32_t ra[4] = {a[g * 8 + q], a[(g + 8) * 8 + q], a[g * 8 + q + 4], a[(g + 8) * 8 + q + 4]};
  uint32_t rb[2] = {b[g * 8 + q], b[g * 8 + q + 4]};
  float c[4] = {1, 2, 3, 4};
  asm volatile("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e5m2.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]));
  d[g * 8 + 2 * q] = c[0];
  d[g * 8 + 2 * q + 1] = c[1];
  d[(g + 8) * 8 + 2 * q] = c[2];
  d[(g + 8) * 8 + 2 * q + 1] = c[3];
}
