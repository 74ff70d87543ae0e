// Mathematical functions, as nvcc's library writes them out, and numerical algorithms.
#include <stdint.h>

extern "C" __global__ void doubleFunctions(const double *in, double *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  double x = in[i], *o = out + 16 * i;
  o[0] = sin(x);
  o[1] = cos(x);
  o[2] = tan(x);
  o[3] = exp(x * 0.3);
  o[4] = log(fabs(x) + 0.1);
  o[5] = pow(fabs(x) + 0.5, 1.7);
  o[6] = erf(x);
  o[7] = tgamma(fabs(x) * 0.3 + 1);
  o[8] = fmod(x, 1.3);
  o[9] = remainder(x, 2.1);
  o[10] = atan2(x, 0.7);
  o[11] = cbrt(x);
  o[12] = sinh(x * 0.2);
  o[13] = log1p(fabs(x));
  o[14] = hypot(x, 3.0);
  o[15] = ldexp(x, i % 9 - 4) + rint(x) + trunc(x * 10) + ilogb(x + 20);
}

extern "C" __global__ void floatFunctions(const float *in, float *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float x = in[i], *o = out + 16 * i;
  o[0] = sinf(x);
  o[1] = cosf(x);
  o[2] = tanf(x);
  o[3] = expf(x * 0.3f);
  o[4] = logf(fabsf(x) + 0.1f);
  o[5] = powf(fabsf(x) + 0.5f, 1.7f);
  o[6] = erff(x);
  o[7] = lgammaf(fabsf(x) * 0.3f + 1.5f);
  o[8] = fmodf(x, 1.3f);
  o[9] = tanhf(x);
  o[10] = atan2f(x, 0.7f);
  o[11] = cbrtf(x);
  o[12] = rsqrtf(fabsf(x) + 0.2f);
  o[13] = exp2f(x * 0.5f);
  o[14] = normcdff(x);
  o[15] = sinf(x * 1e6f); // an argument that has to be reduced by many bits
}

// All roundings, in float and double, and conversions with them.
extern "C" __global__ void roundings(const double *a, const double *b, double *out, long long *ints, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  double x = a[i], y = b[i], *o = out + 16 * i;
  float f = float(x), g = float(y);
  o[0] = __dadd_rd(x, y), o[1] = __dadd_ru(x, y), o[2] = __dmul_rz(x, y), o[3] = __ddiv_ru(x, y);
  o[4] = __fma_rd(x, y, 0.3), o[5] = __dsqrt_rd(fabs(x)), o[6] = __drcp_ru(y), o[7] = __dsub_rz(x, y);
  o[8] = __fadd_rd(f, g), o[9] = __fadd_ru(f, g), o[10] = __fmul_rz(f, g), o[11] = __fdiv_rd(f, g);
  o[12] = __fmaf_ru(f, g, 0.3f), o[13] = __fsqrt_ru(fabsf(f)), o[14] = __frcp_rz(g), o[15] = __double2float_rd(x);
  long long *p = ints + 8 * i;
  p[0] = __double2int_rd(x), p[1] = __double2int_ru(x), p[2] = __float2int_rn(f), p[3] = __double2ll_rz(x * 1e12);
  p[4] = __float2uint_rz(fabsf(f)), p[5] = __double2ull_ru(fabs(y) * 1e9);
  p[6] = __float_as_int(__ll2float_rd(p[3])), p[7] = __double_as_longlong(__ull2double_ru(0xfffffffffffffc01ull + i));
}

// Bodies that attract each other, tile by tile.
extern "C" __global__ void nBody(const float4 *bodies, float3 *forces, int n) {
  __shared__ float4 tile[64];
  int i = blockIdx.x * 64 + threadIdx.x;
  float4 me = i < n ? bodies[i] : make_float4(0, 0, 0, 0);
  float3 f = {0, 0, 0};
  for (int base = 0; base < n; base += 64) {
    int j = base + threadIdx.x;
    tile[threadIdx.x] = j < n ? bodies[j] : make_float4(0, 0, 0, 0);
    __syncthreads();
#pragma unroll 4
    for (int k = 0; k < 64; ++k) {
      float4 b = tile[k];
      float dx = b.x - me.x, dy = b.y - me.y, dz = b.z - me.z;
      float inverse = rsqrtf(dx * dx + dy * dy + dz * dz + 0.01f);
      float s = b.w * inverse * inverse * inverse;
      f.x += dx * s;
      f.y += dy * s;
      f.z += dz * s;
    }
    __syncthreads();
  }
  if (i < n) forces[i] = f;
}

extern "C" __global__ void mandelbrot(uint16_t *out, int width, int height, int limit) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  double cr = -2.0 + 3.0 * x / width, ci = -1.5 + 3.0 * y / height, r = 0, i = 0;
  int k = 0;
  for (; k < limit && __dadd_rn(__dmul_rn(r, r), __dmul_rn(i, i)) <= 4; ++k) {
    double t = __dadd_rn(__dsub_rn(__dmul_rn(r, r), __dmul_rn(i, i)), cr);
    i = __dadd_rn(__dmul_rn(__dmul_rn(2, r), i), ci);
    r = t;
  }
  out[y * width + x] = k;
}

// A Fourier transform of 256 values in shared memory, radix two.
extern "C" __global__ void fourier(const float2 *in, float2 *out) {
  __shared__ float2 v[256];
  int t = threadIdx.x;
  for (int k = t; k < 256; k += 128) v[__brev(k) >> 24] = in[blockIdx.x * 256 + k];
  for (int half = 1; half < 256; half *= 2) {
    __syncthreads();
    int j = t % half, base = t / half * 2 * half;
    float s, c;
    sincospif(-float(j) / half, &s, &c);
    float2 a = v[base + j], b = v[base + j + half];
    float2 w = {b.x * c - b.y * s, b.x * s + b.y * c};
    v[base + j] = {a.x + w.x, a.y + w.y};
    v[base + j + half] = {a.x - w.x, a.y - w.y};
  }
  __syncthreads();
  for (int k = t; k < 256; k += 128) out[blockIdx.x * 256 + k] = v[k];
}

// Solves one system of 16 equations per CTA by elimination with pivots.
extern "C" __global__ void solve(const double *matrices, const double *right, double *x) {
  __shared__ double m[16][17];
  __shared__ int pivot;
  int t = threadIdx.x;
  for (int k = 0; k < 16; ++k) m[t][k] = matrices[(blockIdx.x * 16 + t) * 16 + k];
  m[t][16] = right[blockIdx.x * 16 + t];
  __syncthreads();
  for (int k = 0; k < 16; ++k) {
    if (t == 0) {
      pivot = k;
      for (int r = k + 1; r < 16; ++r)
        if (fabs(m[r][k]) > fabs(m[pivot][k])) pivot = r;
    }
    __syncthreads();
    if (pivot != k) {
      for (int c = t; c <= 16; c += 16) {
        double swap = m[k][c];
        m[k][c] = m[pivot][c];
        m[pivot][c] = swap;
      }
    }
    __syncthreads();
    if (t != k) {
      double f = m[t][k] / m[k][k];
      for (int c = k; c <= 16; ++c) m[t][c] -= f * m[k][c];
    }
    __syncthreads();
  }
  x[blockIdx.x * 16 + t] = m[t][16] / m[t][t];
}
