// The variants that programs built for per-thread default streams ask for: a null stream means the calling
// thread's own.
// `_ptsz` functions take a stream; `_ptds` functions have none and work in the default stream, then wait as
// they would there.
#include "runtime/vcuda/driver/copy.h"

using namespace dlc::vcuda;

namespace {

CUstream own(CUstream stream) { return stream ? stream : CU_STREAM_PER_THREAD; }

} // namespace

// X(name, (parameters), (arguments of the plain function))
#define PER_THREAD_STREAM(X)                                                                                 \
  X(cuMemcpyHtoDAsync_v2, (CUdeviceptr a, const void *b, size_t n, CUstream s), (a, b, n, own(s)))           \
  X(cuMemcpyDtoHAsync_v2, (void *a, CUdeviceptr b, size_t n, CUstream s), (a, b, n, own(s)))                 \
  X(cuMemcpyDtoDAsync_v2, (CUdeviceptr a, CUdeviceptr b, size_t n, CUstream s), (a, b, n, own(s)))           \
  X(cuMemcpyAsync, (CUdeviceptr a, CUdeviceptr b, size_t n, CUstream s), (a, b, n, own(s)))                  \
  X(cuMemcpyPeerAsync, (CUdeviceptr a, CUcontext c, CUdeviceptr b, CUcontext d, size_t n, CUstream s),       \
    (a, c, b, d, n, own(s)))                                                                                 \
  X(cuMemcpy2DAsync_v2, (const CUDA_MEMCPY2D *p, CUstream s), (p, own(s)))                                   \
  X(cuMemcpy3DAsync_v2, (const CUDA_MEMCPY3D *p, CUstream s), (p, own(s)))                                   \
  X(cuMemcpy3DPeerAsync, (const CUDA_MEMCPY3D *p, CUstream s), (p, own(s)))                                  \
  X(cuMemPrefetchAsync, (CUdeviceptr a, size_t n, CUdevice d, CUstream s), (a, n, d, own(s)))                \
  X(cuMemPrefetchAsync_v2, (CUdeviceptr a, size_t n, CUmemLocation d, unsigned f, CUstream s),               \
    (a, n, d, f, own(s)))                                                                                    \
  X(cuMemsetD8Async, (CUdeviceptr a, unsigned char v, size_t n, CUstream s), (a, v, n, own(s)))              \
  X(cuMemsetD16Async, (CUdeviceptr a, unsigned short v, size_t n, CUstream s), (a, v, n, own(s)))            \
  X(cuMemsetD32Async, (CUdeviceptr a, unsigned v, size_t n, CUstream s), (a, v, n, own(s)))                  \
  X(cuMemsetD2D8Async, (CUdeviceptr a, size_t p, unsigned char v, size_t w, size_t h, CUstream s),           \
    (a, p, v, w, h, own(s)))                                                                                 \
  X(cuMemsetD2D16Async, (CUdeviceptr a, size_t p, unsigned short v, size_t w, size_t h, CUstream s),         \
    (a, p, v, w, h, own(s)))                                                                                 \
  X(cuMemsetD2D32Async, (CUdeviceptr a, size_t p, unsigned v, size_t w, size_t h, CUstream s),               \
    (a, p, v, w, h, own(s)))                                                                                 \
  X(cuMemAllocAsync, (CUdeviceptr * a, size_t n, CUstream s), (a, n, own(s)))                                \
  X(cuMemAllocFromPoolAsync, (CUdeviceptr * a, size_t n, CUmemoryPool p, CUstream s), (a, n, p, own(s)))     \
  X(cuMemFreeAsync, (CUdeviceptr a, CUstream s), (a, own(s)))                                                \
  X(cuStreamGetPriority, (CUstream s, int *p), (own(s), p))                                                  \
  X(cuStreamGetFlags, (CUstream s, unsigned *p), (own(s), p))                                                \
  X(cuStreamGetId, (CUstream s, unsigned long long *p), (own(s), p))                                         \
  X(cuStreamGetDevice, (CUstream s, CUdevice * p), (own(s), p))                                              \
  X(cuStreamGetCtx, (CUstream s, CUcontext * p), (own(s), p))                                                \
  X(cuStreamWaitEvent, (CUstream s, CUevent e, unsigned f), (own(s), e, f))                                  \
  X(cuStreamAddCallback, (CUstream s, CUstreamCallback c, void *d, unsigned f), (own(s), c, d, f))           \
  X(cuStreamAttachMemAsync, (CUstream s, CUdeviceptr a, size_t n, unsigned f), (own(s), a, n, f))            \
  X(cuStreamGetAttribute, (CUstream s, int a, CUlaunchAttributeValue *v), (own(s), a, v))                    \
  X(cuStreamSetAttribute, (CUstream s, int a, const CUlaunchAttributeValue *v), (own(s), a, v))              \
  X(cuStreamCopyAttributes, (CUstream a, CUstream b), (own(a), own(b)))                                      \
  X(cuStreamGetCtx_v2, (CUstream s, CUcontext * c, void **g), (own(s), c, g))                                \
  X(cuStreamGetCaptureInfo, (CUstream s, int *p, uint64_t *i), (own(s), p, i))                               \
  X(cuStreamGetCaptureInfo_v2,                                                                               \
    (CUstream s, int *p, uint64_t *i, CUgraph *g, const CUgraphNode **d, size_t *n),                         \
    (own(s), p, i, g, d, n))                                                                                 \
  X(cuStreamGetCaptureInfo_v3,                                                                               \
    (CUstream s, int *p, uint64_t *i, CUgraph *g, const CUgraphNode **d, const void **e, size_t *n),         \
    (own(s), p, i, g, d, e, n))                                                                              \
  X(cuStreamWaitValue32, (CUstream s, CUdeviceptr a, uint32_t v, unsigned f), (own(s), a, v, f))             \
  X(cuStreamWaitValue32_v2, (CUstream s, CUdeviceptr a, uint32_t v, unsigned f), (own(s), a, v, f))          \
  X(cuStreamWaitValue64, (CUstream s, CUdeviceptr a, uint64_t v, unsigned f), (own(s), a, v, f))             \
  X(cuStreamWaitValue64_v2, (CUstream s, CUdeviceptr a, uint64_t v, unsigned f), (own(s), a, v, f))          \
  X(cuStreamWriteValue32, (CUstream s, CUdeviceptr a, uint32_t v, unsigned f), (own(s), a, v, f))            \
  X(cuStreamWriteValue32_v2, (CUstream s, CUdeviceptr a, uint32_t v, unsigned f), (own(s), a, v, f))         \
  X(cuStreamWriteValue64, (CUstream s, CUdeviceptr a, uint64_t v, unsigned f), (own(s), a, v, f))            \
  X(cuStreamWriteValue64_v2, (CUstream s, CUdeviceptr a, uint64_t v, unsigned f), (own(s), a, v, f))         \
  X(cuStreamBatchMemOp, (CUstream s, unsigned n, CUstreamBatchMemOpParams *p, unsigned f),                   \
    (own(s), n, p, f))                                                                                       \
  X(cuStreamBatchMemOp_v2, (CUstream s, unsigned n, CUstreamBatchMemOpParams *p, unsigned f),                \
    (own(s), n, p, f))                                                                                       \
  X(cuStreamQuery, (CUstream s), (own(s)))                                                                   \
  X(cuStreamSynchronize, (CUstream s), (own(s)))                                                             \
  X(cuStreamBeginCapture_v2, (CUstream s, int m), (own(s), m))                                               \
  X(cuStreamEndCapture, (CUstream s, CUgraph * g), (own(s), g))                                              \
  X(cuStreamIsCapturing, (CUstream s, int *p), (own(s), p))                                                  \
  X(cuStreamBeginCaptureToGraph,                                                                             \
    (CUstream s, CUgraph g, const CUgraphNode *a, const void *e, size_t n, int m), (own(s), g, a, e, n, m))  \
  X(cuStreamUpdateCaptureDependencies, (CUstream s, CUgraphNode * a, size_t n, unsigned f),                  \
    (own(s), a, n, f))                                                                                       \
  X(cuStreamUpdateCaptureDependencies_v2,                                                                    \
    (CUstream s, CUgraphNode * a, const void *e, size_t n, unsigned f), (own(s), a, e, n, f))                \
  X(cuGraphLaunch, (CUgraphExec g, CUstream s), (g, own(s)))                                                 \
  X(cuGraphUpload, (CUgraphExec g, CUstream s), (g, own(s)))                                                 \
  X(cuEventRecord, (CUevent e, CUstream s), (e, own(s)))                                                     \
  X(cuEventRecordWithFlags, (CUevent e, CUstream s, unsigned f), (e, own(s), f))                             \
  X(cuLaunchHostFunc, (CUstream s, CUhostFn f, void *d), (own(s), f, d))                                     \
  X(cuLaunchKernel,                                                                                          \
    (CUfunction f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned g, unsigned m,       \
     CUstream s, void **p, void **x),                                                                        \
    (f, a, b, c, d, e, g, m, own(s), p, x))                                                                  \
  X(cuLaunchCooperativeKernel,                                                                               \
    (CUfunction f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned g, unsigned m,       \
     CUstream s, void **p),                                                                                  \
    (f, a, b, c, d, e, g, m, own(s), p))

#define DEFINE(name, parameters, arguments)                                                                  \
  VCUDA_API CUresult name parameters;                                                                        \
  VCUDA_API CUresult name##_ptsz parameters { return name arguments; }
PER_THREAD_STREAM(DEFINE)
#undef DEFINE

VCUDA_API CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters,
                                    void **extra);
VCUDA_API CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig *config, CUfunction function, void **parameters,
                                         void **extra) {
  if (!config) return CUDA_ERROR_INVALID_VALUE;
  CUlaunchConfig own = *config;
  if (!own.hStream) own.hStream = CU_STREAM_PER_THREAD;
  return cuLaunchKernelEx(&own, function, parameters, extra);
}

// The synchronous calls: the asynchronous ones in the thread's stream, and a wait where the host takes part.
static CUresult finish(CUresult status) {
  return status ? status : cuStreamSynchronize(CU_STREAM_PER_THREAD);
}

VCUDA_API CUresult cuMemcpyHtoD_v2_ptds(CUdeviceptr to, const void *from, size_t n) {
  return finish(cuMemcpyHtoDAsync_v2(to, from, n, CU_STREAM_PER_THREAD));
}
VCUDA_API CUresult cuMemcpyDtoH_v2_ptds(void *to, CUdeviceptr from, size_t n) {
  return finish(cuMemcpyDtoHAsync_v2(to, from, n, CU_STREAM_PER_THREAD));
}
VCUDA_API CUresult cuMemcpyDtoD_v2_ptds(CUdeviceptr to, CUdeviceptr from, size_t n) {
  return cuMemcpyDtoDAsync_v2(to, from, n, CU_STREAM_PER_THREAD);
}
VCUDA_API CUresult cuMemcpy_ptds(CUdeviceptr to, CUdeviceptr from, size_t n) {
  return finish(cuMemcpyAsync(to, from, n, CU_STREAM_PER_THREAD));
}
VCUDA_API CUresult cuMemcpy2D_v2_ptds(const CUDA_MEMCPY2D *p) {
  return finish(cuMemcpy2DAsync_v2(p, CU_STREAM_PER_THREAD));
}
VCUDA_API CUresult cuMemcpy2DUnaligned_v2_ptds(const CUDA_MEMCPY2D *p) { return cuMemcpy2D_v2_ptds(p); }
VCUDA_API CUresult cuMemcpy3D_v2_ptds(const CUDA_MEMCPY3D *p) {
  return finish(cuMemcpy3DAsync_v2(p, CU_STREAM_PER_THREAD));
}
VCUDA_API CUresult cuMemcpyPeer_ptds(CUdeviceptr to, CUcontext toContext, CUdeviceptr from,
                                     CUcontext fromContext, size_t n) {
  return cuMemcpyPeerAsync(to, toContext, from, fromContext, n, CU_STREAM_PER_THREAD);
}
VCUDA_API CUresult cuMemcpy3DPeer_ptds(const CUDA_MEMCPY3D *p) {
  return finish(cuMemcpy3DPeerAsync(p, CU_STREAM_PER_THREAD));
}
VCUDA_API CUresult cuMemsetD2D8_v2_ptds(CUdeviceptr a, size_t p, unsigned char v, size_t w, size_t h) {
  return cuMemsetD2D8Async(a, p, v, w, h, CU_STREAM_PER_THREAD);
}
VCUDA_API CUresult cuMemsetD2D16_v2_ptds(CUdeviceptr a, size_t p, unsigned short v, size_t w, size_t h) {
  return cuMemsetD2D16Async(a, p, v, w, h, CU_STREAM_PER_THREAD);
}
VCUDA_API CUresult cuMemsetD2D32_v2_ptds(CUdeviceptr a, size_t p, unsigned v, size_t w, size_t h) {
  return cuMemsetD2D32Async(a, p, v, w, h, CU_STREAM_PER_THREAD);
}
VCUDA_API CUresult cuMemsetD8_v2_ptds(CUdeviceptr a, unsigned char v, size_t n) {
  return cuMemsetD8Async(a, v, n, CU_STREAM_PER_THREAD);
}
VCUDA_API CUresult cuMemsetD16_v2_ptds(CUdeviceptr a, unsigned short v, size_t n) {
  return cuMemsetD16Async(a, v, n, CU_STREAM_PER_THREAD);
}
VCUDA_API CUresult cuMemsetD32_v2_ptds(CUdeviceptr a, unsigned v, size_t n) {
  return cuMemsetD32Async(a, v, n, CU_STREAM_PER_THREAD);
}
