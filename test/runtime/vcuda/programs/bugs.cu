// One planted bug per kernel. The line that a finding must name is marked with "bug: <kernel>"; checks_test.cpp reads it here.
#include <stdint.h>

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
  int v = local[index[threadIdx.x]]; // bug: uninitialisedLocal
  out[threadIdx.x] = v;
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
  atomicAdd(&s, 1); // bug: atomicRace
  __syncthreads();
  out[threadIdx.x] = s;
}
