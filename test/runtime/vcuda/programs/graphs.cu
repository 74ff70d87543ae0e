// Irregular work: graphs, sparse matrices, tables of dynamic programming, random numbers.
#include <stdint.h>

// One level of a breadth-first search over a graph in compressed rows.
extern "C" __global__ void breadthFirst(const int *rows, const int *edges, int *depth, int *next, unsigned *count, const int *frontier, int size, int level) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= size) return;
  int v = frontier[i];
  for (int e = rows[v]; e < rows[v + 1]; ++e)
    if (atomicCAS(&depth[edges[e]], -1, level) == -1) next[atomicAdd(count, 1u)] = edges[e];
}

// A sparse matrix times a vector: a warp per row.
extern "C" __global__ void sparse(const int *rows, const int *columns, const double *values, const double *x, double *y, int n) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= n) return;
  double sum = 0;
  for (int k = rows[row] + lane; k < rows[row + 1]; k += 32) sum += values[k] * x[columns[k]];
  for (int o = 16; o; o /= 2) sum += __shfl_xor_sync(~0u, sum, o);
  if (lane == 0) y[row] = sum;
}

// All shortest paths in a graph of at most 32 nodes.
extern "C" __global__ void shortestPaths(int *distance, int n) {
  __shared__ int d[32][33];
  int x = threadIdx.x, y = threadIdx.y;
  for (int r = y; r < n; r += blockDim.y)
    if (x < n) d[r][x] = distance[r * n + x];
  __syncthreads();
  for (int k = 0; k < n; ++k) {
    for (int r = y; r < n; r += blockDim.y) {
      int through = 0;
      if (x < n && x != k && r != k) {
        through = d[r][k] + d[k][x];
        if (through < d[r][x]) d[r][x] = through;
      }
    }
    __syncthreads();
  }
  for (int r = y; r < n; r += blockDim.y)
    if (x < n) distance[r * n + x] = d[r][x];
}

// Edit distance of two words, by anti-diagonals.
extern "C" __global__ void editDistance(const char *a, int na, const char *b, int nb, int *out) {
  extern __shared__ int rows[];
  int *diagonals[3] = {rows, rows + blockDim.x + 1, rows + 2 * (blockDim.x + 1)};
  int t = threadIdx.x;
  for (int s = 0; s <= na + nb; ++s) {
    int *now = diagonals[s % 3], *last = diagonals[(s + 2) % 3], *before = diagonals[(s + 1) % 3];
    int i = t, j = s - t;
    if (i <= na && j >= 0 && j <= nb) {
      int best;
      if (i == 0) best = j;
      else if (j == 0) best = i;
      else {
        best = min(last[i] + 1, last[i - 1] + 1);
        best = min(best, before[i - 1] + (a[i - 1] != b[j - 1]));
      }
      now[i] = best;
    }
    __syncthreads();
  }
  if (t == na) *out = diagonals[(na + nb) % 3][na];
}

// Philox with ten rounds: random numbers from counters.
__device__ uint4 philox(uint4 c, uint2 k) {
  for (int r = 0; r < 10; ++r) {
    unsigned h0 = __umulhi(0xD2511F53u, c.x), l0 = 0xD2511F53u * c.x;
    unsigned h1 = __umulhi(0xCD9E8D57u, c.z), l1 = 0xCD9E8D57u * c.z;
    c = make_uint4(h1 ^ c.y ^ k.x, l1, h0 ^ c.w ^ k.y, l0);
    k.x += 0x9E3779B9u;
    k.y += 0xBB67AE85u;
  }
  return c;
}
// Dropout with the mask made from the element's number; pi from the same numbers.
extern "C" __global__ void dropout(const float *in, float *out, unsigned *inside, float rate, unsigned seed, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned hits = 0;
  if (4 * i < n) {
    uint4 r = philox(make_uint4(i, 0, 0, 0), make_uint2(seed, 7));
    unsigned word[4] = {r.x, r.y, r.z, r.w};
    for (int k = 0; k < 4 && 4 * i + k < n; ++k)
      out[4 * i + k] = word[k] * 2.3283064e-10f >= rate ? in[4 * i + k] / (1 - rate) : 0.0f;
    for (int k = 0; k < 4; k += 2) {
      unsigned long long x = word[k] >> 1, y = word[k + 1] >> 1;
      hits += x * x + y * y < (1ull << 62);
    }
  }
  hits = __reduce_add_sync(~0u, hits);
  if (threadIdx.x % 32 == 0) atomicAdd(inside, hits);
}

// Nearest of k centres, and the sums for the next ones.
extern "C" __global__ void kMeans(const float2 *points, const float2 *centres, int *nearest, float2 *sums, unsigned *counts, int n, int k) {
  __shared__ float2 local[8];
  __shared__ unsigned localCounts[8];
  if (threadIdx.x < k) {
    local[threadIdx.x] = make_float2(0, 0);
    localCounts[threadIdx.x] = 0;
  }
  __syncthreads();
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    float2 p = points[i];
    int best = 0;
    float least = 1e30f;
    for (int c = 0; c < k; ++c) {
      float dx = p.x - centres[c].x, dy = p.y - centres[c].y, d = dx * dx + dy * dy;
      if (d < least) least = d, best = c;
    }
    nearest[i] = best;
    atomicAdd(&local[best].x, p.x);
    atomicAdd(&local[best].y, p.y);
    atomicAdd(&localCounts[best], 1u);
  }
  __syncthreads();
  if (threadIdx.x < k) {
    atomicAdd(&sums[threadIdx.x].x, local[threadIdx.x].x);
    atomicAdd(&sums[threadIdx.x].y, local[threadIdx.x].y);
    atomicAdd(&counts[threadIdx.x], localCounts[threadIdx.x]);
  }
}
