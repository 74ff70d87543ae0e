// Kernels for the tests of the virtual driver. kernels.ptx was made from this file by
//   nvcc -ptx -arch=sm_80 -lineinfo kernels.cu     (folders taken out of its .file lines)
#include <cstdint>

extern "C" {
__device__ int deviceCounter = 7;
__constant__ float coefficients[4] = {1.f, 2.f, 3.f, 4.f};
}

extern "C" __global__ void saxpy(int n, float a, const float *x, float *y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}

extern "C" __global__ void blockSum(int n, const float *x, float *sum) {
  __shared__ float partial[256];
  float s = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) s += x[i];
  partial[threadIdx.x] = s;
  __syncthreads();
  for (int step = blockDim.x / 2; step > 0; step /= 2) {
    if (threadIdx.x < step) partial[threadIdx.x] += partial[threadIdx.x + step];
    __syncthreads();
  }
  if (threadIdx.x == 0) atomicAdd(sum, partial[0]);
}

extern "C" __global__ void increment(int *x) { x[threadIdx.x] += 1; }

extern "C" __global__ void __launch_bounds__(128) bounded(int *x) { x[threadIdx.x] = 1; }

extern "C" __global__ void useGlobals(float *out) {
  out[threadIdx.x] = coefficients[threadIdx.x & 3];
  if (threadIdx.x == 0) deviceCounter += 1;
}

// All of a CTA's dynamic shared memory is written and read.
extern "C" __global__ void dynamicShared(int words, int *out) {
  extern __shared__ int buffer[];
  for (int i = threadIdx.x; i < words; i += blockDim.x) buffer[i] = i;
  __syncthreads();
  int sum = 0;
  for (int i = threadIdx.x; i < words; i += blockDim.x) sum += buffer[words - 1 - i];
  atomicAdd(out, sum);
}

// Spins until the host sets the flag.
extern "C" __global__ void waitForFlag(volatile int *flag, int *out) {
  while (*flag == 0) {
  }
  *out = 1;
}

// Mistakes.
extern "C" __global__ void outOfBounds(int n, float *x) {
  x[threadIdx.x + n] = 1.f;
}
extern "C" __global__ void misaligned(char *x) { *reinterpret_cast<int *>(x + 1) = 5; }
extern "C" __global__ void readUninitialised(const float *x, float *y) { y[threadIdx.x] = x[threadIdx.x]; }
extern "C" __global__ void sharedRace(int *out) {
  __shared__ int word[64];
  word[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = word[63 - threadIdx.x];
}
extern "C" __global__ void trap() { __trap(); }

// Counters.
extern "C" __global__ void copyStrided(int stride, const float *x, float *y) {
  int i = (blockIdx.x * blockDim.x + threadIdx.x) * stride;
  y[i] = x[i];
}
extern "C" __global__ void sharedStrided(int stride, int *out) {
  __shared__ int words[1024];
  words[(threadIdx.x * stride) & 1023] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = words[(threadIdx.x * stride) & 1023];
}
