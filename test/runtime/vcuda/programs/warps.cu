// What lanes of a warp can do together.
#include <stdint.h>

// 32 x 32 bits turned around in registers.
extern "C" __global__ void bitTranspose(const unsigned *in, unsigned *out) {
  int lane = threadIdx.x;
  unsigned v = in[lane], mask = 0x0000ffff;
  for (int j = 16; j; j /= 2, mask ^= mask << j) {
    unsigned other = __shfl_xor_sync(~0u, v, j);
    v = lane & j ? (v & ~mask) | ((other >> j) & mask) : (v & mask) | ((other << j) & ~mask);
  }
  out[lane] = v;
}

extern "C" __global__ void shuffles(const int *in, int *out, const double *wide, double *wideOut) {
  int t = threadIdx.x, v = in[t];
  out[t] = __shfl_sync(~0u, v, t + 5);
  out[t + 32] = __shfl_up_sync(~0u, v, 2, 8);
  out[t + 64] = __shfl_down_sync(~0u, v, 3, 16);
  out[t + 96] = __shfl_xor_sync(~0u, v, 6, 8);
  out[t + 128] = __shfl_sync(~0u, v, 2, 4);
  wideOut[t] = __shfl_down_sync(~0u, wide[t], 1);
  // The odd and the even lanes shuffle apart from each other, at different places.
  if (t % 2) out[t + 160] = __shfl_sync(0xaaaaaaaa, v, (t + 2) % 32);
  else out[t + 160] = __shfl_sync(0x55555555, -v, (t + 4) % 32);
}

extern "C" __global__ void votes(const unsigned *in, unsigned *out) {
  int t = threadIdx.x;
  unsigned v = in[t];
  out[t] = __all_sync(~0u, v < 100) | __any_sync(~0u, v == 7) << 1 | __uni_sync(~0u, v & 1) << 2;
  int pred;
  out[t + 32] = __match_all_sync(~0u, v / 100, &pred);
  out[t + 64] = pred;
  out[t + 96] = __match_any_sync(~0u, (unsigned long long)v << 33);
  out[t + 128] = __reduce_min_sync(~0u, v);
  out[t + 160] = __reduce_max_sync(~0u, int(v) - 50);
  out[t + 192] = __reduce_and_sync(~0u, v | 64) ^ __reduce_or_sync(~0u, v) << 8 ^ __reduce_xor_sync(~0u, v) << 16;
  out[t + 224] = t < 20 ? __reduce_add_sync(0xfffff, v) : __reduce_add_sync(0xfff00000, v * 2);
}

// Lanes that hit the same bin add once, through their leader.
extern "C" __global__ void aggregated(const uint8_t *in, unsigned *bins, unsigned *order, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned active = __activemask();
  unsigned peers = __match_any_sync(active, in[i]);
  int leader = __ffs(peers) - 1, lane = threadIdx.x % 32;
  unsigned base = 0;
  if (lane == leader) base = atomicAdd(&bins[in[i]], (unsigned)__popc(peers));
  base = __shfl_sync(peers, base, leader);
  order[i] = base + __popc(peers & ((1u << lane) - 1));
}

// Values change hands through shared memory within a warp: __syncwarp is enough.
extern "C" __global__ void exchange(const int *in, int *out) {
  __shared__ int slots[4][32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, v = in[threadIdx.x];
  for (int round = 0; round < 5; ++round) {
    slots[warp][lane] = v;
    __syncwarp();
    v = slots[warp][(lane * 5 + round) % 32] + round;
    __syncwarp();
  }
  out[threadIdx.x] = v;
}

// Two sides of a branch hand values to each other: they meet at barriers that stand in different places.
extern "C" __global__ void twoSides(const int *in, int *out) {
  __shared__ int s[32];
  int t = threadIdx.x;
  if (t < 16) {
    s[t] = in[t];
    __syncwarp();
    __syncwarp();
    out[t] = s[t + 16] + 1;
  } else {
    __syncwarp();
    s[t] = s[t - 16] * in[t];
    __syncwarp();
    out[t] = s[t];
  }
}

// The n-th set bit, and masks of lanes.
extern "C" __global__ void laneMasks(const unsigned *in, unsigned *out) {
  int t = threadIdx.x;
  unsigned eq, lt, le, gt, ge;
  asm("mov.u32 %0, %%lanemask_eq;" : "=r"(eq));
  asm("mov.u32 %0, %%lanemask_lt;" : "=r"(lt));
  asm("mov.u32 %0, %%lanemask_le;" : "=r"(le));
  asm("mov.u32 %0, %%lanemask_gt;" : "=r"(gt));
  asm("mov.u32 %0, %%lanemask_ge;" : "=r"(ge));
  out[t] = eq ^ (lt * 3) ^ (le * 5) ^ (gt * 7) ^ (ge * 11);
  out[t + 32] = __fns(in[t], 3, t % 5 - 2);
}

// A loop that lanes leave at different times, with a vote among those that are left.
extern "C" __global__ void leaving(const int *in, int *out) {
  int t = threadIdx.x, left = in[t], rounds = 0;
  unsigned mask = ~0u;
  while (true) {
    mask = __ballot_sync(mask, left > 0);
    if (left <= 0) break;
    rounds += __popc(mask);
    --left;
  }
  out[t] = rounds;
}

// Partial barriers: producers and consumers of a ring, by named barriers (64 threads each pair).
extern "C" __global__ void namedBarriers(const int *in, int *out, int rounds) {
  __shared__ int ring[2][32];
  int lane = threadIdx.x % 32;
  if (threadIdx.x < 32) {
    for (int r = 0; r < rounds; ++r) {
      int s = r % 2;
      if (r >= 2) asm volatile("bar.sync %0, 64;" ::"r"(3 + s) : "memory");
      ring[s][lane] = in[r * 32 + lane] * 3;
      asm volatile("bar.arrive %0, 64;" ::"r"(1 + s) : "memory");
    }
  } else {
    for (int r = 0; r < rounds; ++r) {
      int s = r % 2;
      asm volatile("bar.sync %0, 64;" ::"r"(1 + s) : "memory");
      out[r * 32 + lane] = ring[s][31 - lane];
      if (r + 2 < rounds) asm volatile("bar.arrive %0, 64;" ::"r"(3 + s) : "memory");
    }
  }
}

extern "C" __global__ void barrierReductions(const int *in, int *out) {
  int v = in[blockIdx.x * blockDim.x + threadIdx.x];
  int positive = __syncthreads_count(v > 0), all = __syncthreads_and(v > -50), any = __syncthreads_or(v == 13);
  if (threadIdx.x == 0) out[blockIdx.x] = positive * 4 + (all != 0) * 2 + (any != 0);
}
