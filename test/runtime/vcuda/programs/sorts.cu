// Sorting and merging.
#include <stdint.h>

// 512 keys per CTA in shared memory.
extern "C" __global__ void bitonicSort(unsigned *keys) {
  __shared__ unsigned s[512];
  unsigned t = threadIdx.x;
  unsigned *mine = keys + blockIdx.x * 512;
  s[t] = mine[t];
  s[t + 256] = mine[t + 256];
  for (unsigned size = 2; size <= 512; size *= 2) {
    for (unsigned stride = size / 2; stride; stride /= 2) {
      __syncthreads();
      unsigned i = 2 * t - (t & (stride - 1)), j = i + stride;
      bool up = (i & size) == 0;
      unsigned a = s[i], b = s[j];
      if ((a > b) == up) {
        s[i] = b;
        s[j] = a;
      }
    }
  }
  __syncthreads();
  mine[t] = s[t];
  mine[t + 256] = s[t + 256];
}

// 32 keys in the registers of a warp.
extern "C" __global__ void warpSort(int *keys) {
  int lane = threadIdx.x % 32, i = blockIdx.x * blockDim.x + threadIdx.x, v = keys[i];
  for (int size = 2; size <= 32; size *= 2) {
    for (int stride = size / 2; stride; stride /= 2) {
      int other = __shfl_xor_sync(~0u, v, stride);
      bool smaller = ((lane & stride) == 0) == ((lane & size) == 0);
      v = smaller ? min(v, other) : max(v, other);
    }
  }
  keys[i] = v;
}

// 1024 keys by one CTA of 256 threads: eight passes over digits of four bits, stable.
extern "C" __global__ void radixSort(unsigned *keys) {
  __shared__ unsigned from[1024];
  __shared__ unsigned counts[16 * 256];
  __shared__ unsigned warpSums[8];
  int t = threadIdx.x, lane = t % 32, warp = t / 32;
  for (int i = t; i < 1024; i += 256) from[i] = keys[i];
  __syncthreads();
  for (int shift = 0; shift < 32; shift += 4) {
    unsigned mine[4];
    for (int d = 0; d < 16; ++d) counts[d * 256 + t] = 0;
    for (int k = 0; k < 4; ++k) {
      mine[k] = from[4 * t + k];
      ++counts[(mine[k] >> shift & 15) * 256 + t];
    }
    __syncthreads();
    // Exclusive scan over digits, then threads: thread t has entries 16 t ... 16 t + 15.
    unsigned sum = 0;
    for (int k = 0; k < 16; ++k) sum += counts[16 * t + k];
    unsigned inclusive = sum;
    for (int o = 1; o < 32; o *= 2) {
      unsigned up = __shfl_up_sync(~0u, inclusive, o);
      if (lane >= o) inclusive += up;
    }
    if (lane == 31) warpSums[warp] = inclusive;
    __syncthreads();
    unsigned running = inclusive - sum;
    for (int w = 0; w < warp; ++w) running += warpSums[w];
    for (int k = 0; k < 16; ++k) {
      unsigned c = counts[16 * t + k];
      counts[16 * t + k] = running;
      running += c;
    }
    __syncthreads();
    for (int k = 0; k < 4; ++k) from[counts[(mine[k] >> shift & 15) * 256 + t]++] = mine[k];
    __syncthreads();
  }
  for (int i = t; i < 1024; i += 256) keys[i] = from[i];
}

// Two sorted lists into one: each thread finds its place on the merge path and writes four values.
extern "C" __global__ void mergeLists(const int *a, int na, const int *b, int nb, int *out) {
  int diagonal = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (diagonal >= na + nb) return;
  int low = max(0, diagonal - nb), high = min(diagonal, na);
  while (low < high) {
    int mid = (low + high) / 2;
    if (a[mid] <= b[diagonal - 1 - mid]) low = mid + 1;
    else high = mid;
  }
  int i = low, j = diagonal - low;
  for (int k = diagonal; k < min(diagonal + 4, na + nb); ++k) {
    bool takeA = j >= nb || (i < na && a[i] <= b[j]);
    out[k] = takeA ? a[i++] : b[j++];
  }
}

// Each value's place is the number of smaller ones (and of equal ones before it).
extern "C" __global__ void rankSort(const short *in, short *out, int n) {
  __shared__ short tile[128];
  int i = blockIdx.x * 128 + threadIdx.x;
  short v = i < n ? in[i] : 0;
  int rank = 0;
  for (int base = 0; base < n; base += 128) {
    __syncthreads();
    if (base + threadIdx.x < n) tile[threadIdx.x] = in[base + threadIdx.x];
    __syncthreads();
    int end = min(128, n - base);
    for (int k = 0; k < end; ++k) rank += tile[k] < v || (tile[k] == v && base + k < i);
  }
  if (i < n) out[rank] = v;
}
