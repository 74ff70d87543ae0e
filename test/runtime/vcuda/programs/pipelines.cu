// Copies under way while others are used: groups, pipelines, barriers in shared memory.
#include <cuda/barrier>
#include <cuda/pipeline>
#include <cuda_pipeline.h>

// Three stages of cp.async, one group per stage.
extern "C" __global__ void stages(const float4 *in, float4 *out, int tiles) {
  __shared__ float4 buffer[3][64];
  int t = threadIdx.x;
  for (int s = 0; s < 2; ++s) {
    if (s < tiles) __pipeline_memcpy_async(&buffer[s][t], &in[s * 64 + t], 16);
    __pipeline_commit();
  }
  for (int k = 0; k < tiles; ++k) {
    __pipeline_wait_prior(1);
    __syncthreads();
    float4 v = buffer[k % 3][63 - t];
    if (k + 2 < tiles) __pipeline_memcpy_async(&buffer[(k + 2) % 3][t], &in[(k + 2) * 64 + t], 16);
    __pipeline_commit();
    out[k * 64 + t] = make_float4(v.w, v.z, v.y, v.x);
  }
}

// The same with fewer bytes than asked for: the rest is zero.
extern "C" __global__ void zeroFill(const int *in, int *out, int n) {
  __shared__ int buffer[128];
  int t = threadIdx.x;
  __pipeline_memcpy_async(&buffer[t], &in[t < n ? t : 0], 4, t < n ? 0 : 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  out[t] = buffer[127 - t] + 1;
}

// Arrive and wait apart, with work in between; each thread arrives once per phase.
extern "C" __global__ void splitBarrier(const int *in, int *out, int rounds) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int data[2][96];
  int t = threadIdx.x;
  if (t == 0) init(&barrier, blockDim.x);
  __syncthreads();
  int v = in[t], extra = 0;
  for (int r = 0; r < rounds; ++r) {
    data[r % 2][t] = v;
    auto token = barrier.arrive();
    extra += v * r;
    barrier.wait(std::move(token));
    v = data[r % 2][(t + 33) % 96] + 1;
  }
  out[t] = v + extra;
}

// One warp fills, the others empty: a full and an empty barrier per stage.
extern "C" __global__ void producerConsumer(const int *in, int *out, int tiles) {
  __shared__ cuda::barrier<cuda::thread_scope_block> full[2], empty[2];
  __shared__ int buffer[2][32];
  int t = threadIdx.x;
  if (t == 0) {
    for (int s = 0; s < 2; ++s) {
      init(&full[s], blockDim.x);
      init(&empty[s], blockDim.x);
    }
  }
  __syncthreads();
  if (t < 32) {
    for (int k = 0; k < tiles; ++k) {
      empty[k % 2].arrive_and_wait();
      buffer[k % 2][t] = in[k * 32 + t];
      (void)full[k % 2].arrive();
    }
  } else {
    (void)empty[0].arrive();
    (void)empty[1].arrive();
    for (int k = 0; k < tiles; ++k) {
      full[k % 2].arrive_and_wait();
      if (t < 64) out[k * 32 + t - 32] = buffer[k % 2][63 - t] * 2;
      (void)empty[k % 2].arrive();
    }
  }
}

// cp.async that a barrier in shared memory waits for.
extern "C" __global__ void asyncBarrier(const int4 *in, int4 *out, int tiles) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ alignas(16) int4 buffer[128];
  int t = threadIdx.x;
  if (t == 0) init(&barrier, blockDim.x);
  __syncthreads();
  for (int k = 0; k < tiles; ++k) {
    cuda::memcpy_async(&buffer[t], &in[k * 128 + t], cuda::aligned_size_t<16>(16), barrier);
    barrier.arrive_and_wait();
    int4 v = buffer[127 - t];
    out[k * 128 + t] = make_int4(v.x + 1, v.y + 2, v.z + 3, v.w + 4);
    barrier.arrive_and_wait();
  }
}

// The instructions themselves: pending counts, dropping out, arrivals without completion.
__device__ unsigned address(const void *p) { return unsigned(__cvta_generic_to_shared(p)); }
extern "C" __global__ void barrierInstructions(unsigned long long *out) {
  __shared__ unsigned long long b, second;
  int t = threadIdx.x;
  unsigned at = address(&b), at2 = address(&second);
  if (t == 0) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at), "r"(40));
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at2), "r"(32));
  }
  __syncthreads();
  unsigned long long state;
  if (t == 5) { // eight arrivals at once, which do not end the phase
    asm volatile("mbarrier.arrive.noComplete.shared.b64 %0, [%1], 8;" : "=l"(state) : "r"(at));
    unsigned pending;
    asm volatile("mbarrier.pending_count.b64 %0, %1;" : "=r"(pending) : "l"(state));
    out[64] = pending > 0 && pending <= 40;
  }
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(at));
  int done = 0, tries = 0;
  while (!done) {
    asm volatile("{ .reg .pred p; mbarrier.test_wait.shared.b64 p, [%1], %2; selp.b32 %0, 1, 0, p; }" : "=r"(done) : "r"(at), "l"(state) : "memory");
    ++tries;
  }
  out[t] = tries > 0;
  // Half of the threads leave the second barrier for good: its next phases need the others only.
  if (t % 2) {
    asm volatile("mbarrier.arrive_drop.shared.b64 %0, [%1];" : "=l"(state) : "r"(at2));
  } else {
    for (int r = 0; r < 3; ++r) {
      asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(at2));
      done = 0;
      while (!done)
        asm volatile("{ .reg .pred p; mbarrier.test_wait.shared.b64 p, [%1], %2; selp.b32 %0, 1, 0, p; }" : "=r"(done) : "r"(at2), "l"(state) : "memory");
    }
  }
  out[32 + t] = 7;
  __syncthreads();
  if (t == 0) asm volatile("mbarrier.inval.shared.b64 [%0];" ::"r"(at));
}
