// The tile for CPUs with AVX2: 12 accumulators of 32 bytes in 16 registers.
#define KERNELS gemmKernelsAvx2
#define VECTOR_BYTES 32
#define ROWS 4
#define VECTORS 3
#include "ir/interp/gemm_kernel.inc"
