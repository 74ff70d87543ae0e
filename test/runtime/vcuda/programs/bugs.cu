// One planted bug per kernel. The line that a finding must name is marked with "bug: <kernel>"; checks_test.cpp reads it here.
#include <stdint.h>
#include <stdio.h>

extern "C" __global__ void missingBarrier(int *out) {
  __shared__ int s[64];
  s[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = s[63 - threadIdx.x]; // bug: missingBarrier
}

extern "C" __global__ void missingSecondBarrier(int *out) {
  __shared__ int s[64];
  int sum = 0;
  for (int i = 0; i < 4; ++i) {
    s[threadIdx.x] = i * threadIdx.x; // bug: missingSecondBarrier
    __syncthreads();
    sum += s[63 - threadIdx.x];
  }
  out[threadIdx.x] = sum;
}

extern "C" __global__ void missingWait(const int4 *in, int4 *out) {
  __shared__ int4 s[32];
  unsigned address = (unsigned)__cvta_generic_to_shared(&s[threadIdx.x]);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(in + threadIdx.x));
  asm volatile("cp.async.commit_group;");
  asm volatile("cp.async.wait_group 1;");
  out[threadIdx.x] = s[threadIdx.x]; // bug: missingWait
}

extern "C" __global__ void waitWithoutBarrier(const int4 *in, int4 *out) {
  __shared__ int4 s[64];
  unsigned address = (unsigned)__cvta_generic_to_shared(&s[threadIdx.x]);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(in + threadIdx.x));
  asm volatile("cp.async.wait_all;" ::: "memory");
  out[threadIdx.x] = s[63 - threadIdx.x]; // bug: waitWithoutBarrier
}

extern "C" __global__ void outOfBounds(const float *in, float *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) {
    float v = in[i < n ? i : n - 1];
    out[i] = v; // bug: outOfBounds
  }
}

extern "C" __global__ void outOfBoundsRead(const float *in, float *out) {
  float v = in[(int)threadIdx.x - 1]; // bug: outOfBoundsRead
  out[threadIdx.x] = v;
}

extern "C" __global__ void sharedOutOfBounds(int *out, int n) {
  extern __shared__ int s[];
  s[threadIdx.x * n] = 1; // bug: sharedOutOfBounds
  __syncthreads();
  out[threadIdx.x] = s[0];
}

extern "C" __global__ void uninitialisedShared(int *out) {
  __shared__ int s[64];
  if (threadIdx.x < 32) s[threadIdx.x] = 1;
  __syncthreads();
  int v = s[threadIdx.x]; // bug: uninitialisedShared
  out[threadIdx.x] = v;
}

extern "C" __global__ void uninitialisedGlobal(const int *in, int *out) {
  int v = in[threadIdx.x]; // bug: uninitialisedGlobal
  out[threadIdx.x] = v;
}

extern "C" __global__ void uninitialisedLocal(const int *index, int *out) {
  int local[8];
  for (int i = 0; i < 7; ++i) local[index[i]] = i;
  int v = local[index[threadIdx.x]];
  out[threadIdx.x] = v; // bug: uninitialisedLocal
}

extern "C" __global__ void misaligned(const float *in, float4 *out) {
  out[threadIdx.x] = *(const float4 *)(in + threadIdx.x * 4 + 1); // bug: misaligned
}

extern "C" __global__ void divergentBarrier(int *out) {
  if (threadIdx.x < 40) {
    __syncthreads(); // bug: divergentBarrier
    out[threadIdx.x] = 1;
  } else {
    __syncthreads();
    out[threadIdx.x] = 2;
  }
}

extern "C" __global__ void conflict(int *out) {
  out[threadIdx.x] = blockIdx.x; // bug: conflict
}

extern "C" __global__ void readOther(int *data, int *out) {
  data[blockIdx.x * 32 + threadIdx.x] = threadIdx.x;
  __syncthreads();
  int v = data[(blockIdx.x ^ 1) * 32 + threadIdx.x]; // bug: readOther
  out[blockIdx.x * 32 + threadIdx.x] = v;
}

extern "C" __global__ void inactiveLane(const int *in, int *out) {
  int v = in[threadIdx.x], from = 0;
  if (threadIdx.x < 16) {
    asm volatile("shfl.sync.bfly.b32 %0, %1, 16, 31, 0xffff;" : "=r"(from) : "r"(v)); // bug: inactiveLane
    out[threadIdx.x] = from;
  }
}

extern "C" __global__ void barrierNobodyJoins(int *out) {
  if (threadIdx.x < 32) asm volatile("bar.sync 1, 64;");
  out[threadIdx.x] = 1;
}

extern "C" __global__ void trapped(const int *in) {
  if (in[threadIdx.x] == 5) __trap(); // bug: trapped
}

extern "C" __global__ void atomicRace(int *out) {
  __shared__ int s;
  if (threadIdx.x == 0) s = 0;
  asm volatile("red.shared.add.u32 [%0], 1;" ::"r"((unsigned)__cvta_generic_to_shared(&s)) : "memory"); // bug: atomicRace
  __syncthreads();
  out[threadIdx.x] = s;
}

// Waits for all groups, of which the copy is in none.
extern "C" __global__ void missingCommit(const int4 *in, int4 *out) {
  __shared__ int4 s[32];
  unsigned address = (unsigned)__cvta_generic_to_shared(&s[threadIdx.x]);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(in + threadIdx.x));
  asm volatile("cp.async.wait_group 0;" ::: "memory");
  out[threadIdx.x] = s[threadIdx.x]; // bug: missingCommit
}

// Waits for all copies but the last, and reads what the last one brings.
extern "C" __global__ void wrongStage(const int4 *in, int4 *out) {
  __shared__ int4 s[2][32];
#pragma unroll 1
  for (int i = 0; i < 4; ++i) {
    unsigned address = (unsigned)__cvta_generic_to_shared(&s[i % 2][threadIdx.x]);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(in + 32 * i + threadIdx.x));
    asm volatile("cp.async.commit_group;");
    if (i == 0) continue;
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    out[32 * i + threadIdx.x] = s[i % 2][threadIdx.x]; // bug: wrongStage
  }
}

__device__ unsigned barrierAddress(uint64_t *barrier) { return (unsigned)__cvta_generic_to_shared(barrier); }

extern "C" __global__ void mbarrierNotInitialised(int *out) {
  __shared__ uint64_t barrier;
  asm volatile("{.reg .b64 s; mbarrier.arrive.shared.b64 s, [%0];}" ::"r"(barrierAddress(&barrier)) : "memory"); // bug: mbarrierNotInitialised
  out[threadIdx.x] = 1;
}

extern "C" __global__ void mbarrierTwice(int *out) {
  __shared__ uint64_t barrier;
  if (threadIdx.x == 0)
    for (int i = 0; i < 2; ++i) asm volatile("mbarrier.init.shared.b64 [%0], 64;" ::"r"(barrierAddress(&barrier)) : "memory"); // bug: mbarrierTwice
  out[threadIdx.x] = 1;
}

extern "C" __global__ void mbarrierNoCount(int *out, unsigned count) {
  __shared__ uint64_t barrier;
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrierAddress(&barrier)), "r"(count) : "memory"); // bug: mbarrierNoCount
  out[threadIdx.x] = 1;
}

// One thread arrives for all and for one more.
extern "C" __global__ void mbarrierTooMany(int *out) {
  __shared__ uint64_t barrier;
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared.b64 [%0], 64;" ::"r"(barrierAddress(&barrier)) : "memory");
    asm volatile("{.reg .b64 s; mbarrier.arrive.release.cta.shared.b64 s, [%0], 65;}" ::"r"(barrierAddress(&barrier)) : "memory"); // bug: mbarrierTooMany
  }
  out[threadIdx.x] = 1;
}

// More threads leave than there are.
extern "C" __global__ void mbarrierLeave(int *out) {
  __shared__ uint64_t barrier;
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(barrierAddress(&barrier)) : "memory");
    for (int i = 0; i < 2; ++i) asm volatile("{.reg .b64 s; mbarrier.arrive_drop.shared.b64 s, [%0];}" ::"r"(barrierAddress(&barrier)) : "memory"); // bug: mbarrierLeave
  }
  out[threadIdx.x] = 1;
}

// The barrier is initialised, but the others need not know it yet.
extern "C" __global__ void mbarrierUnseen(int *out) {
  __shared__ uint64_t barrier;
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 64;" ::"r"(barrierAddress(&barrier)) : "memory");
  asm volatile("{.reg .b64 s; mbarrier.arrive.shared.b64 s, [%0];}" ::"r"(barrierAddress(&barrier)) : "memory"); // bug: mbarrierUnseen
  out[threadIdx.x] = 1;
}

// Copies arrive at the barrier when they are done; this one's arrival was never asked for.
extern "C" __global__ void mbarrierWithoutCopies(const int4 *in, int4 *out) {
  __shared__ int4 s[32];
  __shared__ uint64_t barrier;
  unsigned b = barrierAddress(&barrier), over = 0, address = (unsigned)__cvta_generic_to_shared(&s[threadIdx.x]);
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(b) : "memory");
  __syncthreads();
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(in + threadIdx.x));
  asm volatile("{.reg .b64 s; mbarrier.arrive.shared.b64 s, [%0];}" ::"r"(b) : "memory");
  while (!over) asm volatile("{.reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p;}" : "=r"(over) : "r"(b) : "memory");
  out[threadIdx.x] = s[threadIdx.x]; // bug: mbarrierWithoutCopies
}

// Two groups of threads count differently who meets.
extern "C" __global__ void barrierCounts(int *out) {
  if (threadIdx.x < 32) asm volatile("bar.arrive 3, 96;");
  else asm volatile("bar.sync 3, %0;" ::"r"(threadIdx.x < 64 ? 96 : 64) : "memory"); // bug: barrierCounts
  out[threadIdx.x] = 1;
}

// Half a warp loads a matrix.
extern "C" __global__ void halfMatrix(int *out) {
  __shared__ int s[64];
  s[threadIdx.x] = s[threadIdx.x + 32] = threadIdx.x;
  __syncwarp();
  if (threadIdx.x < 16) {
    int v;
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(v) : "r"((unsigned)__cvta_generic_to_shared(&s[threadIdx.x % 8 * 4])) : "memory"); // bug: halfMatrix
    out[threadIdx.x] = v;
  }
}

// Half a warp waits for all of it, which is elsewhere.
extern "C" __global__ void loneSync(int *out) {
  if (threadIdx.x < 16) asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); // bug: loneSync
  else asm volatile("bar.warp.sync 0xffff0000;" ::: "memory");
  if (threadIdx.x >= 16) asm volatile("bar.warp.sync 0xffff0000;" ::: "memory");
  out[threadIdx.x] = 1;
}

// The mask leaves out lanes that come.
extern "C" __global__ void wrongMask(int *out) {
  asm volatile("bar.warp.sync 0xffff;" ::: "memory"); // bug: wrongMask
  out[threadIdx.x] = 1;
}

extern "C" __global__ void wildPrintf(const char *format, const char *text) {
  printf(format, text); // bug: wildPrintf
}

// Of local memory the use of what nobody has written is the bug, and the load before it the other party.
extern "C" __global__ void uninitialisedBranch(const int *index, int *out) {
  int local[8];
  for (int i = 0; i < 7; ++i) local[index[i]] = i;
  int v = local[index[threadIdx.x]];
  if (v & 1) out[threadIdx.x] = 1; // bug: uninitialisedBranch
}

extern "C" __global__ void uninitialisedAddress(const int *index, int *out) {
  int local[8];
  for (int i = 0; i < 7; ++i) local[index[i]] = i;
  int v = local[index[threadIdx.x]];
  out[v & 7] = 1; // bug: uninitialisedAddress
}

extern "C" __global__ void uninitialisedAtomic(const int *index, int *out) {
  int local[8];
  for (int i = 0; i < 7; ++i) local[index[i]] = i;
  int v = local[index[threadIdx.x]];
  asm volatile("red.global.add.u32 [%0], %1;" ::"l"(out), "r"(v * 4)); // bug: uninitialisedAtomic
}

extern "C" __global__ void uninitialisedInShared(const int *index, int *out) {
  __shared__ int shared[8];
  int local[8];
  for (int i = 0; i < 7; ++i) local[index[i]] = i;
  int v = local[index[threadIdx.x]];
  shared[threadIdx.x] = v; // bug: uninitialisedInShared
  __syncwarp();
  out[threadIdx.x] = shared[7 - threadIdx.x];
}

struct Fields {
  unsigned kind : 3, size : 5;
};
extern "C" __global__ void uninitialisedField(const int *index, int *out) {
  Fields local[8];
  for (int i = 0; i < 8; ++i) local[index[i]].kind = i;
  unsigned size = local[index[threadIdx.x]].size;
  if (size > 3) out[threadIdx.x] = 1; // bug: uninitialisedField
}

extern "C" __global__ void uninitialisedPrint(const int *index) {
  int local[8];
  for (int i = 0; i < 7; ++i) local[index[i]] = i;
  int v = local[index[threadIdx.x]];
  printf("%d\n", v); // bug: uninitialisedPrint
}

// Memory that kernels allocate. Pointers go through memory, so that the compiler does not know them.
extern "C" __global__ void heapOverflow(int **blocks, int n) {
  blocks[threadIdx.x] = (int *)malloc(n * sizeof(int));
  int *block = ((int *volatile *)blocks)[threadIdx.x];
  for (int k = 0; k <= (threadIdx.x == 5 ? n : n - 1); ++k)
    block[k] = k; // bug: heapOverflow
  free(block);
}

extern "C" __global__ void heapUninitialised(int **blocks, int *out) {
  blocks[threadIdx.x] = (int *)malloc(16 * sizeof(int));
  int *volatile *again = (int *volatile *)blocks;
  again[threadIdx.x][threadIdx.x == 7 ? 2 : 3] = 1;
  out[threadIdx.x] = again[threadIdx.x][3]; // bug: heapUninitialised
  free(again[threadIdx.x]);
}

extern "C" __global__ void heapUseAfterFree(int **blocks, int *out) {
  blocks[threadIdx.x] = (int *)malloc(16 * sizeof(int));
  int *volatile *again = (int *volatile *)blocks;
  *again[threadIdx.x] = 1;
  if (threadIdx.x == 3) free(again[threadIdx.x]);
  out[threadIdx.x] = *again[threadIdx.x]; // bug: heapUseAfterFree
  if (threadIdx.x != 3) free(again[threadIdx.x]);
}

extern "C" __global__ void heapDoubleFree(int **blocks) {
  blocks[threadIdx.x] = (int *)malloc(16 * sizeof(int));
  int *volatile *again = (int *volatile *)blocks;
  free(again[threadIdx.x]);
  if (threadIdx.x == 9)
    free(again[threadIdx.x]); // bug: heapDoubleFree
}

// Frees whatever it is given.
extern "C" __global__ void heapBadFree(void *address) {
  free(address); // bug: heapBadFree
}

extern "C" __global__ void heapKeep(int **blocks, int n) {
  blocks[threadIdx.x] = (int *)malloc(n * sizeof(int));
  for (int k = 0; k < n; ++k) blocks[threadIdx.x][k] = k;
}

extern "C" __global__ void heapUndefinedSize(const int *index, int **blocks) {
  int local[8];
  for (int i = 0; i < 7; ++i) local[index[i]] = i;
  int v = local[index[threadIdx.x]];
  blocks[threadIdx.x] = (int *)malloc(v & 15); // bug: heapUndefinedSize
}
