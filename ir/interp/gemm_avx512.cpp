// The tile for CPUs with AVX-512: 24 accumulators of 64 bytes in 32 registers.
#define KERNELS gemmKernelsAvx512
#define VECTOR_BYTES 64
#define ROWS 8
#define VECTORS 3
#include "ir/interp/gemm_kernel.inc"
