extern "C" __global__ void addOne(int *x) { x[threadIdx.x] += 1; }
#if __CUDA_ARCH__ == 800
extern "C" __global__ void onlyFor80(int *x) { x[threadIdx.x] = 80; }
#endif
