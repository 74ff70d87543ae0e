// Programs for the virtual GPU's tests. Each kernel is checked against values computed on the host (programs_test.cpp).
#include <cuda_fp16.h>
#include <stdint.h>

extern "C" __global__ void add(const float *a, const float *b, float *c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}

// Sum per CTA: shuffles within warps, shared memory between them.
extern "C" __global__ void reduce(const float *in, float *out, int n) {
  __shared__ float partial[32];
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += in[i];
  for (int o = 16; o > 0; o /= 2) sum += __shfl_xor_sync(0xffffffff, sum, o);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    float v = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0;
    for (int o = 16; o > 0; o /= 2) v += __shfl_down_sync(0xffffffff, v, o);
    if (threadIdx.x == 0) out[blockIdx.x] = v;
  }
}

// Inclusive scan of one CTA's 256 values (Hillis and Steele), double-buffered in shared memory.
extern "C" __global__ void scan(const int *in, int *out) {
  __shared__ int buffer[2][256];
  int t = threadIdx.x, from = 0;
  buffer[0][t] = in[blockIdx.x * 256 + t];
  __syncthreads();
  for (int step = 1; step < 256; step *= 2) {
    buffer[1 - from][t] = buffer[from][t] + (t >= step ? buffer[from][t - step] : 0);
    from = 1 - from;
    __syncthreads();
  }
  out[blockIdx.x * 256 + t] = buffer[from][t];
}

extern "C" __global__ void transpose(const float *in, float *out, int rows, int columns) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8)
    if (x < columns && y + j < rows) tile[threadIdx.y + j][threadIdx.x] = in[(y + j) * columns + x];
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x;
  y = blockIdx.x * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8)
    if (x < rows && y + j < columns) out[(y + j) * rows + x] = tile[threadIdx.x][threadIdx.y + j];
}

extern "C" __global__ void histogram(const uint8_t *in, unsigned *bins, int n) {
  __shared__ unsigned local[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&local[in[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    if (local[i]) atomicAdd(&bins[i], local[i]);
}

// One row per warp.
extern "C" __global__ void softmax(const float *in, float *out, int rows, int columns) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  float largest = -INFINITY;
  for (int c = lane; c < columns; c += 32) largest = fmaxf(largest, in[row * columns + c]);
  for (int o = 16; o; o /= 2) largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, o));
  float sum = 0;
  for (int c = lane; c < columns; c += 32) sum += __expf(in[row * columns + c] - largest);
  for (int o = 16; o; o /= 2) sum += __shfl_xor_sync(~0u, sum, o);
  for (int c = lane; c < columns; c += 32) out[row * columns + c] = __expf(in[row * columns + c] - largest) / sum;
}

// Trip counts that differ by lane, with a nested branch and an early exit.
extern "C" __global__ void collatz(const unsigned *in, unsigned *steps, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned v = in[i], count = 0;
  while (v != 1) {
    if (v % 2) v = 3 * v + 1;
    else v /= 2;
    if (++count > 1000) break;
  }
  unsigned active = __activemask();
  steps[i] = active ? count : 0;
}

__device__ __noinline__ unsigned gcd(unsigned a, unsigned b) { return b == 0 ? a : gcd(b, a % b); }
__device__ __noinline__ float polynomial(const float *c, int n, float x) {
  float r = 0;
  for (int i = n - 1; i >= 0; --i) r = r * x + c[i];
  return r;
}
typedef float (*Op)(float, float);
__device__ __noinline__ float opAdd(float a, float b) { return a + b; }
__device__ __noinline__ float opMul(float a, float b) { return a * b; }
__device__ Op table[2] = {opAdd, opMul};
__constant__ float coefficients[4] = {1, 2, 3, 4};

extern "C" __global__ void functions(const unsigned *a, const unsigned *b, unsigned *g, float *p, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  g[i] = gcd(a[i], b[i]);
  float local[4];
  for (int k = 0; k < 4; ++k) local[k] = coefficients[(k + i) % 4];
  p[i] = table[i % 2](polynomial(local, 4, 0.5f), float(a[i] % 7));
}

// The last CTA to finish adds up what the others left.
__device__ unsigned finished = 0;
extern "C" __global__ void lastBlock(const float *in, volatile float *partial, float *out, int n) {
  __shared__ float sums[8];
  __shared__ bool last;
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += in[i];
  for (int o = 16; o; o /= 2) sum += __shfl_down_sync(~0u, sum, o);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    float total = 0;
    for (int w = 0; w < blockDim.x / 32; ++w) total += sums[w];
    partial[blockIdx.x] = total;
    __threadfence();
    last = atomicAdd(&finished, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float total = 0;
    for (int b = 0; b < gridDim.x; ++b) total += partial[b];
    *out = total;
    finished = 0;
  }
}

// Lanes of one warp take a lock by turns.
extern "C" __global__ void lock(int *mutex, int *counter) {
  bool done = false;
  while (!done) {
    if (atomicCAS(mutex, 0, 1) == 0) {
      __threadfence();
      *(volatile int *)counter = *(volatile int *)counter + 1;
      __threadfence();
      atomicExch(mutex, 0);
      done = true;
    }
  }
}

// Each CTA waits for the one before it: needs all of them alive at once.
extern "C" __global__ void chain(volatile int *flags, int *out) {
  if (threadIdx.x == 0) {
    if (blockIdx.x > 0)
      while (flags[blockIdx.x - 1] == 0) {
      }
    out[blockIdx.x] = blockIdx.x > 0 ? flags[blockIdx.x - 1] + 1 : 1;
    __threadfence();
    flags[blockIdx.x] = out[blockIdx.x];
  }
}

extern "C" __global__ void warpOps(const int *in, int *out) {
  int t = threadIdx.x, v = in[t];
  out[t] = __ballot_sync(~0u, v & 1);
  out[t + 32] = __reduce_add_sync(~0u, v);
  out[t + 64] = __match_any_sync(~0u, v % 4);
  out[t + 96] = __any_sync(~0u, v > 100) * 2 + __all_sync(~0u, v >= 0);
  out[t + 128] = __shfl_sync(~0u, v, t / 8, 8);
  out[t + 160] = __popc(v) + __clz(v) * 100 + __ffs(v) * 10000;
  out[t + 192] = __shfl_up_sync(~0u, v, 3);
  if (t < 16) out[t + 224] = __shfl_xor_sync(0xffff, v, 5);
  else out[t + 224] = __shfl_xor_sync(0xffff0000, v, 9);
}

extern "C" __global__ void doubles(const double *a, const double *b, double *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = sqrt(a[i] * a[i] + b[i] * b[i]) + sin(a[i]) * exp(b[i]) + a[i] / b[i];
}

extern "C" __global__ void longs(const int64_t *a, const int64_t *b, int64_t *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  out[4 * i] = a[i] * b[i];
  out[4 * i + 1] = a[i] / b[i];
  out[4 * i + 2] = a[i] % b[i];
  out[4 * i + 3] = __mul64hi(a[i], b[i]) ^ (int64_t)((uint64_t)a[i] >> (b[i] & 63));
}

extern "C" __global__ void halves(const __half2 *a, const __half2 *b, __half2 *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = __hfma2(a[i], b[i], __hmax2(a[i], __hneg2(b[i])));
}
