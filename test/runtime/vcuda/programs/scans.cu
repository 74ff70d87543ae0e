// Scans, compaction and reductions that combine more than one value.
#include <stdint.h>

// Single-pass exclusive scan: each CTA looks back at what its predecessors have published.
// status: 0 = nothing yet, 1 = own sum, 2 = sum of all up to here; in the upper word beside the value.
extern "C" __global__ void lookBackScan(const unsigned *in, unsigned *out, unsigned long long *status, unsigned *ticket,
                                        int n) {
  __shared__ unsigned sums[8], prefix, order;
  if (threadIdx.x == 0) order = atomicAdd(ticket, 1u);
  __syncthreads();
  unsigned block = order;
  int i = block * 256 + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  unsigned v = i < n ? in[i] : 0, inclusive = v;
  for (int o = 1; o < 32; o *= 2) {
    unsigned up = __shfl_up_sync(~0u, inclusive, o);
    if (lane >= o) inclusive += up;
  }
  if (lane == 31) sums[warp] = inclusive;
  __syncthreads();
  if (threadIdx.x == 0) {
    unsigned total = 0;
    for (int w = 0; w < 8; ++w) {
      unsigned s = sums[w];
      sums[w] = total;
      total += s;
    }
    unsigned before = 0;
    if (block == 0) {
      atomicExch(&status[0], 2ull << 32 | total);
    } else {
      atomicExch(&status[block], 1ull << 32 | total);
      for (int p = int(block) - 1; p >= 0;) {
        unsigned long long s = atomicAdd(&status[p], 0ull);
        if (s >> 32 == 0) continue;
        before += unsigned(s);
        if (s >> 32 == 2) break;
        --p;
      }
      atomicExch(&status[block], 2ull << 32 | (before + total));
    }
    prefix = before;
  }
  __syncthreads();
  if (i < n) out[i] = prefix + sums[warp] + inclusive - v;
}

// Up-sweep and down-sweep over a tree in shared memory.
extern "C" __global__ void blellochScan(const int *in, int *out) {
  extern __shared__ int tree[];
  int t = threadIdx.x, n = 2 * blockDim.x;
  tree[2 * t] = in[blockIdx.x * n + 2 * t];
  tree[2 * t + 1] = in[blockIdx.x * n + 2 * t + 1];
  int offset = 1;
  for (int d = n / 2; d > 0; d /= 2, offset *= 2) {
    __syncthreads();
    if (t < d) tree[offset * (2 * t + 2) - 1] += tree[offset * (2 * t + 1) - 1];
  }
  if (t == 0) tree[n - 1] = 0;
  for (int d = 1; d < n; d *= 2) {
    offset /= 2;
    __syncthreads();
    if (t < d) {
      int a = offset * (2 * t + 1) - 1, b = offset * (2 * t + 2) - 1, left = tree[a];
      tree[a] = tree[b];
      tree[b] += left;
    }
  }
  __syncthreads();
  out[blockIdx.x * n + 2 * t] = tree[2 * t];
  out[blockIdx.x * n + 2 * t + 1] = tree[2 * t + 1];
}

// Sums that start again where a flag stands; one warp per 32 values, carried along by the last lane.
extern "C" __global__ void segmentedScan(const int *in, const uint8_t *heads, int *out, int n) {
  int lane = threadIdx.x, carry = 0;
  for (int base = 0; base < n; base += 32) {
    int i = base + lane;
    int v = i < n ? in[i] : 0;
    unsigned starts = __ballot_sync(~0u, i < n && heads[i]);
    unsigned before = starts & (0xffffffffu >> (31 - lane));
    int first = before ? 31 - __clz(before) : -1;
    for (int o = 1; o < 32; o *= 2) {
      int up = __shfl_up_sync(~0u, v, o);
      if (lane - o >= (first < 0 ? 0 : first)) v += up;
    }
    if (first < 0) v += carry;
    if (i < n) out[i] = v;
    carry = __shfl_sync(~0u, v, 31);
  }
}

// Stream compaction in any order: one atomic per warp.
extern "C" __global__ void compact(const int *in, int *out, unsigned *count, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  bool keep = i < n && in[i] % 3 == 0;
  unsigned kept = __ballot_sync(~0u, keep), base = 0;
  int lane = threadIdx.x % 32;
  if (lane == 0 && kept) base = atomicAdd(count, (unsigned)__popc(kept));
  base = __shfl_sync(~0u, base, 0);
  if (keep) out[base + __popc(kept & ((1u << lane) - 1))] = in[i];
}

// Largest value and its first index, packed so that one 64-bit maximum decides.
extern "C" __global__ void argMax(const float *in, unsigned long long *best, int n) {
  unsigned long long mine = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    unsigned bits = __float_as_uint(in[i]);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u; // floats in the order of integers
    unsigned long long key = (unsigned long long)bits << 32 | (0xffffffffu - i);
    mine = key > mine ? key : mine;
  }
  for (int o = 16; o; o /= 2) {
    unsigned long long other = __shfl_xor_sync(~0u, mine, o);
    mine = other > mine ? other : mine;
  }
  if (threadIdx.x % 32 == 0) atomicMax(best, mine);
}

struct Moments {
  double mean, squares;
  int count;
};
__device__ Moments combine(Moments a, Moments b) {
  int n = a.count + b.count;
  if (n == 0) return a;
  double d = b.mean - a.mean;
  return {a.mean + d * b.count / n, a.squares + b.squares + d * d * a.count * b.count / n, n};
}
// Mean and variance in one pass, combined pairwise.
extern "C" __global__ void welford(const double *in, double *out, int n) {
  __shared__ Moments parts[4];
  Moments m = {0, 0, 0};
  for (int i = threadIdx.x; i < n; i += blockDim.x) m = combine(m, {in[i], 0, 1});
  for (int o = 16; o; o /= 2) {
    Moments other = {__shfl_down_sync(~0u, m.mean, o), __shfl_down_sync(~0u, m.squares, o), __shfl_down_sync(~0u, m.count, o)};
    m = combine(m, other);
  }
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = m;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < 4; ++w) m = combine(m, parts[w]);
    out[0] = m.mean;
    out[1] = m.squares / m.count;
  }
}

// Column sums of a matrix: every thread walks down, rows of threads meet in shared memory.
extern "C" __global__ void columnSums(const float *in, float *out, int rows, int columns) {
  __shared__ float part[8][33];
  int column = blockIdx.x * 32 + threadIdx.x;
  float sum = 0;
  if (column < columns)
    for (int r = threadIdx.y; r < rows; r += 8) sum += in[r * columns + column];
  part[threadIdx.y][threadIdx.x] = sum;
  for (int half = 4; half; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) part[threadIdx.y][threadIdx.x] += part[threadIdx.y + half][threadIdx.x];
  }
  if (threadIdx.y == 0 && column < columns) out[column] = part[0][threadIdx.x];
}
