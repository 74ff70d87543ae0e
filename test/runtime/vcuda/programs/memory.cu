// State spaces, widths, cache operators, addresses that may mean any space, clocks.
#include <stdint.h>

struct alignas(16) Wide {
  int a, b, c, d;
};
extern "C" __global__ void vectors(const Wide *in, Wide *out, const float2 *pairs, float2 *pairsOut, const short4 *shorts, short4 *shortsOut) {
  int i = threadIdx.x;
  Wide w = in[i];
  out[i] = {w.d, w.c, w.b, w.a};
  float2 p = pairs[i];
  pairsOut[i] = make_float2(p.y, -p.x);
  short4 s = shorts[i];
  shortsOut[i] = make_short4(s.w, s.x, s.y, s.z);
}

extern "C" __global__ void cacheOperators(const int *in, int *out) {
  int i = threadIdx.x;
  out[i] = __ldg(in + i) + __ldcs(in + i + 1) + __ldca(in + i + 2) + __ldcg(in + i + 3) + __ldlu(in + i + 4) + __ldcv(in + i + 5);
  __stcs(out + i + 64, in[i]);
  __stwt(out + i + 128, in[i] + 1);
  __stcg(out + i + 192, in[i] + 2);
  __stwb(out + i + 256, in[i] + 3);
  int keep;
  asm volatile("ld.global.L1::evict_last.L2::128B.b32 %0, [%1];" : "=r"(keep) : "l"(in + i));
  asm volatile("st.global.L1::no_allocate.b32 [%0], %1;" ::"l"(out + i + 320), "r"(keep));
  asm volatile("prefetch.global.L2 [%0];" ::"l"(in + i));
}

__device__ __noinline__ int sumOf(const int *p, int n) {
  int sum = 0;
  for (int k = 0; k < n; ++k) sum += p[k];
  return sum;
}
__constant__ int table[8] = {1, 2, 4, 8, 16, 32, 64, 128};
__device__ int global[8] = {3, 1, 4, 1, 5, 9, 2, 6};
// One function reads shared, local, constant and global memory through one kind of pointer.
extern "C" __global__ void anySpace(const int *in, int *out) {
  __shared__ int shared[8];
  int local[8], t = threadIdx.x;
  if (t < 8) shared[t] = in[t] * 2;
  for (int k = 0; k < 8; ++k) local[k] = in[(t + k) % 8];
  __syncthreads();
  const int *p = t % 4 == 0 ? shared : t % 4 == 1 ? local : t % 4 == 2 ? table : global;
  out[t] = sumOf(p + t % 3, 8 - t % 3) * 8 + (__isShared(p) ? 1 : 0) + (__isLocal(p) ? 2 : 0) + (__isGlobal(p) ? 4 : 0);
}

// Three arrays of different types in one dynamic buffer.
extern "C" __global__ void dynamicShared(const double *in, float *out, int n) {
  extern __shared__ __align__(16) unsigned char buffer[];
  double *d = reinterpret_cast<double *>(buffer);
  float *f = reinterpret_cast<float *>(d + n);
  short *s = reinterpret_cast<short *>(f + n);
  uint8_t *b = reinterpret_cast<uint8_t *>(s + n);
  int t = threadIdx.x;
  d[t] = in[t];
  f[t] = float(in[t]) * 2;
  s[t] = short(in[t] * 3);
  b[t] = uint8_t(t);
  __syncthreads();
  int o = n - 1 - t;
  out[t] = float(d[o]) + f[(t + 1) % n] + s[o] + b[(t + 7) % n];
}

// Bytes and half words with signs, fields of structures, unaligned data copied together.
struct __attribute__((packed)) Record {
  char tag;
  int value;
  short more;
};
extern "C" __global__ void smallTypes(const int8_t *a, const uint16_t *b, const uint8_t *records, int *out, uint8_t *bytes) {
  int t = threadIdx.x;
  Record r;
  for (int k = 0; k < int(sizeof r); ++k) reinterpret_cast<uint8_t *>(&r)[k] = records[t * sizeof r + k];
  out[t] = a[t] * int(b[t]) + r.tag + r.value + r.more;
  bytes[2 * t] = uint8_t(a[t] >> 1);
  bytes[2 * t + 1] = uint8_t(b[t] >> 5);
  bool flag = a[t] > 0;
  reinterpret_cast<bool *>(bytes)[64 + t] = flag;
}

extern "C" __global__ void clocks(long long *out) {
  long long start = clock64();
  unsigned timer;
  asm volatile("mov.u32 %0, %%globaltimer_lo;" : "=r"(timer));
  int v = int(start) & 1;
  for (int k = 0; k < 20; ++k) {
    __nanosleep(20);
    v = v * 3 + (timer & 1);
  }
  out[threadIdx.x] = v == 0x12345 ? 0 : clock64() - start + (clock() == 0 && timer == 1);
}

// A constant array indexed by lane, and one that the host may change.
__constant__ float polynomials[4][5] = {{1, 2, 3, 4, 5}, {0, 1, 0, -1, 0}, {2, 2, 2, 2, 2}, {-1, 1, -1, 1, -1}};
extern "C" __global__ void constants(const float *x, float *out) {
  int t = threadIdx.x;
  float r = 0;
  for (int k = 4; k >= 0; --k) r = r * x[t] + polynomials[t % 4][k];
  out[t] = r;
}

// Matrix product with tiles of doubles, each thread with a 2 x 2 block in registers.
extern "C" __global__ void tiledProduct(const double *a, const double *b, double *c, int n) {
  __shared__ double as[16][17], bs[16][17];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 16, column = blockIdx.x * 16;
  double sum[2][2] = {};
  for (int k0 = 0; k0 < n; k0 += 16) {
    for (int i = ty * 8 + tx; i < 256; i += 64) {
      as[i / 16][i % 16] = a[(row + i / 16) * n + k0 + i % 16];
      bs[i / 16][i % 16] = b[(k0 + i / 16) * n + column + i % 16];
    }
    __syncthreads();
    for (int k = 0; k < 16; ++k)
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) sum[i][j] += as[2 * ty + i][k] * bs[k][2 * tx + j];
    __syncthreads();
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) c[(row + 2 * ty + i) * n + column + 2 * tx + j] = sum[i][j];
}
