// Threads that wait for each other: within a warp, within a CTA, across CTAs.
#include <stdint.h>

// Every lane takes the lock; the waiting ones sleep for a while.
extern "C" __global__ void sleepingLock(int *lock, volatile int *value, int rounds) {
  for (int r = 0; r < rounds; ++r) {
    unsigned wait = 8;
    while (atomicCAS(lock, 0, 1) != 0) {
      __nanosleep(wait);
      if (wait < 256) wait *= 2;
    }
    __threadfence();
    *value = *value * 3 % 1000003 + 1; // the same after n turns, whoever has them
    __threadfence();
    atomicExch(lock, 0);
  }
}

// First come, first served.
extern "C" __global__ void ticketLock(unsigned *next, volatile unsigned *serving, volatile unsigned *log) {
  unsigned mine = atomicAdd(next, 1u);
  while (*serving != mine) {
  }
  __threadfence();
  log[mine] = mine ? log[mine - 1] + mine : 1;
  __threadfence();
  *serving = mine + 1;
}

// Open addressing: keys go in by compare-and-swap, values add up.
extern "C" __global__ void hashInsert(const unsigned *keys, unsigned long long *slots, unsigned *counts, int n, unsigned size) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned long long key = keys[i];
  for (unsigned at = key * 2654435761u % size;; at = (at + 1) % size) {
    unsigned long long old = atomicCAS(&slots[at], ~0ull, key);
    if (old == ~0ull || old == key) {
      atomicAdd(&counts[at], 1u);
      return;
    }
  }
}

// A list that all threads push to; the last CTA walks it.
extern "C" __global__ void pushAndWalk(int *head, volatile int *next, unsigned *finished, int *sum, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    int old = *(volatile int *)head, seen;
    do {
      seen = old;
      next[i] = seen;
      __threadfence();
      old = atomicCAS(head, seen, i);
    } while (old != seen);
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0 && atomicAdd(finished, 1u) == gridDim.x - 1) {
    int count = 0, total = 0;
    for (int k = *(volatile int *)head; k >= 0; k = next[k]) {
      total += k;
      ++count;
    }
    sum[0] = total;
    sum[1] = count;
  }
}

// A barrier over all CTAs from one counter, as cooperative kernels have it.
extern "C" __global__ void countingBarrier(unsigned *arrived, volatile int *data, int steps) {
  int me = blockIdx.x, all = gridDim.x;
  for (int s = 0; s < steps; ++s) {
    int sum = 0;
    if (threadIdx.x == 0) sum = data[s * all + (me + 1) % all] + data[s * all + me];
    if (threadIdx.x == 0) {
      data[(s + 1) * all + me] = sum;
      __threadfence();
      atomicAdd(arrived, 1u);
      while (*(volatile unsigned *)arrived < unsigned(all * (s + 1))) {
      }
      __threadfence();
    }
    __syncthreads();
  }
}

// Lanes of one warp wait for each other in a chain: needs forward progress of every lane.
extern "C" __global__ void laneChain(volatile int *flags) {
  int t = threadIdx.x;
  if (t > 0)
    while (flags[t - 1] == 0) {
    }
  flags[t] = t == 0 ? 1 : flags[t - 1] + 1;
}
