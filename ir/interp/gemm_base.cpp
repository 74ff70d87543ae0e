// The tile for every CPU of the architecture: 16-byte vectors.
#define KERNELS gemmKernelsBase
#define VECTOR_BYTES 16
#define ROWS 4
#define VECTORS 2
#include "ir/interp/gemm_kernel.inc"
