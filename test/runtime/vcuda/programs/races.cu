// Accesses that nothing orders, and their twins which something does: kernel NAME has the bug, nameFixed has not. The lines
// of the two parties are marked "first: NAME" and "second: NAME"; races_test.cpp reads them here.
#include <stdint.h>

#define TWINS(name, parameters, arguments)                                                                                       \
  extern "C" __global__ void name parameters { name##Body<false> arguments; }                                                    \
  extern "C" __global__ void name##Fixed parameters { name##Body<true> arguments; }

__device__ unsigned sharedAddress(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }
#define COPY16(to, from) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(to)), "l"(from) : "memory")

// Lanes of a warp exchange values through shared memory.
template <bool Fixed> __device__ void lanesBody(int *out) {
  __shared__ int s[32];
  s[threadIdx.x] = threadIdx.x; // first: lanes
  if (Fixed) __syncwarp();
  else asm volatile("" ::: "memory");
  out[threadIdx.x] = s[31 - threadIdx.x]; // second: lanes
}
TWINS(lanes, (int *out), (out))

// A shuffle waits for lanes, but orders no memory.
template <bool Fixed> __device__ void shuffledBody(int *out) {
  __shared__ int s[32];
  s[threadIdx.x] = threadIdx.x; // first: shuffled
  int v = __shfl_xor_sync(~0u, (int)threadIdx.x, 1);
  if (Fixed) __syncwarp();
  else asm volatile("" ::: "memory");
  out[threadIdx.x] = s[31 - threadIdx.x] + v; // second: shuffled
}
TWINS(shuffled, (int *out), (out))

// Half a warp has synchronised, the other half reads.
template <bool Fixed> __device__ void halfWarpBody(int *out) {
  __shared__ int s[32];
  int t = threadIdx.x;
  if (t < 16) {
    s[t] = t; // first: halfWarp
    __syncwarp(0xffff);
  }
  if (Fixed) __syncwarp();
  else asm volatile("" ::: "memory");
  if (t >= 16) out[t] = s[t - 16]; // second: halfWarp
}
TWINS(halfWarp, (int *out), (out))

// Threads of a CTA exchange values through global memory.
template <bool Fixed> __device__ void globalBody(int *data, int *out) {
  data[threadIdx.x] = threadIdx.x; // first: global
  if (Fixed) __syncthreads();
  else asm volatile("" ::: "memory");
  out[threadIdx.x] = data[63 - threadIdx.x]; // second: global
}
TWINS(global, (int *data, int *out), (data, out))

// A read that may come after the next write.
template <bool Fixed> __device__ void rewriteBody(int *data, int *out) {
  data[threadIdx.x] = threadIdx.x;
  __syncthreads();
  int v = data[63 - threadIdx.x]; // first: rewrite
  if (Fixed) __syncthreads();
  else asm volatile("" ::: "memory");
  data[threadIdx.x] = v + 1; // second: rewrite
  out[threadIdx.x] = v;
}
TWINS(rewrite, (int *data, int *out), (data, out))

// The first CTA hands a value to the second. Fences: 0 none, 1 for the CTA, 2 for the device.
template <int Producer, int Consumer> __device__ void handOver(int *data, volatile int *flag, int *out) {
  if (threadIdx.x) return;
  if (blockIdx.x == 0) {
    *data = 7; // first: handOver
    if (Producer == 1) __threadfence_block();
    if (Producer == 2) __threadfence();
    *flag = 1;
  } else {
    while (*flag == 0) {}
    if (Consumer == 1) __threadfence_block();
    if (Consumer == 2) __threadfence();
    *out = *data; // second: handOver
  }
}
extern "C" __global__ void noReleaseFence(int *data, int *flag, int *out) { handOver<0, 2>(data, flag, out); }
extern "C" __global__ void noAcquireFence(int *data, int *flag, int *out) { handOver<2, 0>(data, flag, out); }
extern "C" __global__ void narrowReleaseFence(int *data, int *flag, int *out) { handOver<1, 2>(data, flag, out); }
extern "C" __global__ void narrowAcquireFence(int *data, int *flag, int *out) { handOver<2, 1>(data, flag, out); }
extern "C" __global__ void handOverFixed(int *data, int *flag, int *out) { handOver<2, 2>(data, flag, out); }

// The same by release and acquire: relaxed alone hands nothing on.
template <bool Fixed> __device__ void releasedBody(int *data, int *flag, int *out) {
  if (threadIdx.x) return;
  if (blockIdx.x == 0) {
    *data = 7; // first: released
    if (Fixed) asm volatile("st.release.gpu.global.u32 [%0], 1;" ::"l"(flag) : "memory");
    else asm volatile("st.relaxed.gpu.global.u32 [%0], 1;" ::"l"(flag) : "memory");
  } else {
    int seen;
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(flag) : "memory");
    while (!seen);
    *out = *data; // second: released
  }
}
TWINS(released, (int *data, int *flag, int *out), (data, flag, out))

// A thread between the two passes the value on by an atomic, or overwrites it.
template <bool Fixed> __device__ void chainBody(int *data, int *flag, int *out) {
  if (threadIdx.x) return;
  if (blockIdx.x == 0) {
    *data = 7; // first: chain
    asm volatile("st.release.gpu.global.u32 [%0], 1;" ::"l"(flag) : "memory");
  } else if (blockIdx.x == 1) {
    int seen;
    do asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(flag) : "memory");
    while (!seen);
    if (Fixed) asm volatile("red.relaxed.gpu.global.add.u32 [%0], 1;" ::"l"(flag) : "memory");
    else asm volatile("st.relaxed.gpu.global.u32 [%0], 2;" ::"l"(flag) : "memory");
    asm volatile("st.relaxed.gpu.global.u32 [%0], 1;" ::"l"(flag + 1) : "memory");
  } else {
    int seen;
    do asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(flag + 1) : "memory");
    while (!seen);
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(flag) : "memory");
    *out = *data; // second: chain
  }
}
TWINS(chain, (int *data, int *flag, int *out), (data, flag, out))

// A value that strong accesses hand over: they do not race, but nothing says that the read finds one.
template <bool Fixed> __device__ void firstValueBody(volatile int *data, volatile int *flag, int *out) {
  if (threadIdx.x) return;
  if (blockIdx.x == 0) {
    *data = 7; // first: firstValue
    if (Fixed) __threadfence();
    *flag = 1;
  } else {
    while (*flag == 0) {}
    *out = *data; // second: firstValue
  }
}
TWINS(firstValue, (int *data, int *flag, int *out), (data, flag, out))

// Atomics of CTAs that leave each other out.
template <bool Fixed> __device__ void scopeBody(int *counter) {
  if (Fixed) asm volatile("red.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
  else asm volatile("red.cta.global.add.u32 [%0], 1;" ::"l"(counter) : "memory"); // first: scope second: scope
}
TWINS(scope, (int *counter), (counter))

// A plain read of what others count.
template <bool Fixed> __device__ void countedBody(int *counter, int *out) {
  asm volatile("red.global.add.u32 [%0], 1;" ::"l"(counter) : "memory"); // first: counted
  if (Fixed) __syncthreads();
  out[threadIdx.x] = *counter; // second: counted
}
TWINS(counted, (int *counter, int *out), (counter, out))

// A guess for compare-and-swap need not be ordered; a read is no guess.
template <bool Fixed> __device__ void guessBody(unsigned *most, unsigned *out) {
  unsigned old = *most, seen; // first: guess
  do {
    seen = old;
    if (!Fixed && threadIdx.x % 2) break;
    asm volatile("atom.global.cas.b32 %0, [%1], %2, %3;" : "=r"(old) : "l"(most), "r"(seen), "r"(seen + threadIdx.x) : "memory"); // second: guess
  } while (old != seen);
  out[threadIdx.x] = seen;
}
TWINS(guess, (unsigned *most, unsigned *out), (most, out))

// The non-coherent path is for what no thread of the launch writes.
template <bool Fixed> __device__ void coherenceBody(int *data, int *out) {
  data[threadIdx.x] = threadIdx.x; // first: coherence
  __syncthreads();
  int v;
  if (Fixed) asm volatile("ld.global.u32 %0, [%1];" : "=r"(v) : "l"(data + 63 - threadIdx.x) : "memory");
  else asm volatile("ld.global.nc.u32 %0, [%1];" : "=r"(v) : "l"(data + 63 - threadIdx.x) : "memory"); // second: coherence
  out[threadIdx.x] = v;
}
TWINS(coherence, (int *data, int *out), (data, out))

// The source of a copy changes while it may be under way.
template <bool Fixed> __device__ void sourceBody(int4 *data, int4 *out) {
  __shared__ int4 s[32];
  COPY16(&s[threadIdx.x], data + threadIdx.x); // first: source
  if (Fixed) asm volatile("cp.async.wait_all;" ::: "memory");
  data[threadIdx.x] = make_int4(1, 2, 3, 4); // second: source
  if (!Fixed) asm volatile("cp.async.wait_all;" ::: "memory");
  out[threadIdx.x] = s[threadIdx.x];
}
TWINS(source, (int4 *data, int4 *out), (data, out))

// The destination is written while a copy may be under way.
template <bool Fixed> __device__ void destinationBody(int4 *data, int4 *out) {
  __shared__ int4 s[32];
  COPY16(&s[threadIdx.x], data + threadIdx.x);
  if (Fixed) asm volatile("cp.async.wait_all;" ::: "memory");
  asm volatile("st.shared.v4.u32 [%0], {%1, %1, %1, %1};" ::"r"(sharedAddress(&s[threadIdx.x])), "r"(5) : "memory"); // first: destination second: destination
  if (!Fixed) asm volatile("cp.async.wait_all;" ::: "memory");
  out[threadIdx.x] = s[threadIdx.x];
}
TWINS(destination, (int4 *data, int4 *out), (data, out))

// All threads wait for their own copies and then meet, or the other way round.
template <bool Fixed> __device__ void waitThenMeetBody(int4 *data, int4 *out) {
  __shared__ int4 s[64];
  COPY16(&s[threadIdx.x], data + threadIdx.x); // first: waitThenMeet
  if (!Fixed) __syncthreads();
  asm volatile("cp.async.wait_all;" ::: "memory");
  if (Fixed) __syncthreads();
  out[threadIdx.x] = s[63 - threadIdx.x]; // second: waitThenMeet
}
TWINS(waitThenMeet, (int4 *data, int4 *out), (data, out))

// One warp fills, two empty; the one that fills again must wait for both.
template <bool Fixed> __device__ void namedBody(int *out) {
  __shared__ int s[32];
  int t = threadIdx.x, lane = t % 32;
  if (t < 32) {
    s[lane] = lane;
    asm volatile("bar.arrive 1, 96;" ::: "memory");
    if (Fixed) asm volatile("bar.sync 2, 96;" ::: "memory");
    else asm volatile("bar.sync 2, 64;" ::: "memory");
    s[lane] = 2 * lane; // second: named
  } else {
    asm volatile("bar.sync 1, 96;" ::: "memory");
    out[t] = s[lane]; // first: named
    if (Fixed) asm volatile("bar.arrive 2, 96;" ::: "memory");
    else if (t < 64) asm volatile("bar.arrive 2, 64;" ::: "memory");
  }
}
TWINS(named, (int *out), (out))

// An mbarrier orders those who saw its phase end.
template <bool Fixed> __device__ void phaseBody(int *out) {
  __shared__ int s[64];
  __shared__ uint64_t barrier;
  unsigned b = sharedAddress(&barrier);
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 64;" ::"r"(b) : "memory");
  __syncthreads();
  s[threadIdx.x] = threadIdx.x; // first: phase
  uint64_t state;
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(b) : "memory");
  unsigned over = !Fixed;
  while (!over)
    asm volatile("{.reg .pred p; mbarrier.test_wait.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}" : "=r"(over) : "r"(b), "l"(state) : "memory");
  out[threadIdx.x] = s[63 - threadIdx.x]; // second: phase
}
TWINS(phase, (int *out), (out))

// A matrix load is an access of all lanes.
template <bool Fixed> __device__ void matrixBody(unsigned *out) {
  __shared__ uint4 s[8];
  if (threadIdx.x < 8) s[threadIdx.x] = make_uint4(1, 2, 3, 4); // first: matrix
  if (Fixed) __syncwarp();
  unsigned v;
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(v) : "r"(sharedAddress(&s[threadIdx.x % 8])) : "memory"); // second: matrix
  out[threadIdx.x] = v;
}
TWINS(matrix, (unsigned *out), (out))

// A lock: the next holder must see what the one before wrote.
template <bool Fixed> __device__ void lockedBody(int *lock, int *sum) {
  if (threadIdx.x) return;
  while (atomicCAS(lock, 0, 1) != 0) {}
  __threadfence();
  *sum += 1; // first: locked second: locked
  if (Fixed) __threadfence();
  else asm volatile("" ::: "memory");
  atomicExch(lock, 0);
}
TWINS(locked, (int *lock, int *sum), (lock, sum))

// CTAs that meet by counting: the last to come knows what all of them did.
template <bool Fixed> __device__ void meetingBody(int *data, unsigned *count, int *out) {
  data[blockIdx.x * blockDim.x + threadIdx.x] = threadIdx.x; // first: meeting
  __syncthreads();
  if (threadIdx.x == 0) {
    if (Fixed) __threadfence();
    atomicAdd(count, 1u);
    while (*(volatile unsigned *)count < gridDim.x) {}
    __threadfence();
  }
  __syncthreads();
  int other = (blockIdx.x + 1) % gridDim.x;
  out[blockIdx.x * blockDim.x + threadIdx.x] = data[other * blockDim.x + threadIdx.x]; // second: meeting
}
TWINS(meeting, (int *data, unsigned *count, int *out), (data, count, out))

// Lanes of one store that hit the same word: with one value, or with several.
template <bool Fixed> __device__ void sameWordBody(int *out) {
  *out = Fixed ? 3 : (int)threadIdx.x; // first: sameWord second: sameWord
}
TWINS(sameWord, (int *out), (out))

// One of two threads arrives; both wait.
template <bool Fixed> __device__ void lonelyBody(int *out) {
  __shared__ uint64_t barrier;
  unsigned b = sharedAddress(&barrier), over = 0;
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 2;" ::"r"(b) : "memory");
  __syncthreads();
  if (threadIdx.x % 32) return;
  uint64_t state;
  if (Fixed || threadIdx.x == 0) asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(b) : "memory");
  while (!over) {
    asm volatile("{.reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p;}" : "=r"(over) : "r"(b) : "memory");
    if (!over) __nanosleep(20);
  }
  out[threadIdx.x] = 1;
}
TWINS(lonely, (int *out), (out))

// A block is freed while other threads may still read it.
template <bool Fixed> __device__ void freedEarlyBody(int **block, int *out) {
  if (threadIdx.x == 0) *block = (int *)malloc(32 * sizeof(int));
  __syncwarp();
  int *mine = *(int *volatile *)block;
  mine[threadIdx.x] = threadIdx.x;
  __syncwarp();
  out[threadIdx.x] = mine[31 - threadIdx.x]; // first: freedEarly
  if (Fixed) __syncwarp();
  if (threadIdx.x == 0) free(mine); // second: freedEarly
}
TWINS(freedEarly, (int **block, int *out), (block, out))
