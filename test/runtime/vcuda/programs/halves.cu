// 16-bit and 8-bit floats.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

extern "C" __global__ void halfArithmetic(const __half2 *a, const __half2 *b, __half2 *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __half2 x = a[i], y = b[i], *o = out + 12 * i;
  o[0] = __hadd2(x, y);
  o[1] = __hsub2(x, y);
  o[2] = __hmul2(x, y);
  o[3] = __hfma2(x, y, x);
  o[4] = __hmin2(x, y);
  o[5] = __hmax2_nan(x, y);
  o[6] = __hadd2_sat(x, y);
  o[7] = __hfma2_relu(x, y, y);
  o[8] = __habs2(__hneg2(x));
  o[9] = __hgt2(x, y);
  o[10] = __halves2half2(__hadd(__low2half(x), __high2half(y)), __float2half_rz(__half2float(__high2half(x)) * 1.001f));
  o[11] = __floats2half2_rn(__hlt(__low2half(x), __low2half(y)) ? 1.0f : 2.0f, float(__heq2_mask(x, y) & 3));
}

extern "C" __global__ void halfFunctions(const __half *a, __half *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __half x = a[i];
  out[6 * i] = hexp(x);
  out[6 * i + 1] = hlog(__habs(x));
  out[6 * i + 2] = hsqrt(__habs(x));
  out[6 * i + 3] = hrcp(x);
  out[6 * i + 4] = htanh(x);
  out[6 * i + 5] = hrint(x) + __int2half_rn(__half2int_rd(x)) + __ushort2half_rn(3);
}

extern "C" __global__ void bfloatArithmetic(const __nv_bfloat162 *a, const __nv_bfloat162 *b, __nv_bfloat162 *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __nv_bfloat162 x = a[i], y = b[i], *o = out + 8 * i;
  o[0] = __hadd2(x, y);
  o[1] = __hsub2(x, y);
  o[2] = __hmul2(x, y);
  o[3] = __hfma2(x, y, x);
  o[4] = __hmin2(x, y);
  o[5] = __hmax2(x, y);
  o[6] = __habs2(__hneg2(x));
  o[7] = __floats2bfloat162_rn(__low2float(x) * 1.5f, __bfloat162float(hexp2(__low2bfloat16(y))));
}

extern "C" __global__ void halfAtomics(const __half2 *in, __half2 *sum, __nv_bfloat162 *bsum, __half *single, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  atomicAdd(sum, in[i]);
  atomicAdd(bsum, __floats2bfloat162_rn(1.0f, 2.0f));
  atomicAdd(single, __low2half(in[i]));
}

// On this architecture the 8-bit conversions are sequences of other instructions.
extern "C" __global__ void eightBits(const float *in, __nv_fp8_e4m3 *a, __nv_fp8_e5m2 *b, float *back, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  a[i] = __nv_fp8_e4m3(in[i]);
  b[i] = __nv_fp8_e5m2(in[i]);
  back[2 * i] = float(a[i]);
  back[2 * i + 1] = float(b[i]);
}
