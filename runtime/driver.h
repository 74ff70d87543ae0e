// The CUDA Driver API, opened at run time. Types and numbers are those of the driver's public interface (CUDA
// Driver API reference, sections "Data types used by CUDA driver" and the modules of the functions below).
#pragma once

#include "runtime/failure.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace dlc::rt {

using CuResult = int;
using CuDevice = int;
using CuAddress = unsigned long long;
using CuContext = struct CuContextObject *;
using CuModule = struct CuModuleObject *;
using CuFunction = struct CuFunctionObject *;
using CuStream = struct CuStreamObject *;
using CuEvent = struct CuEventObject *;
using CuGraph = struct CuGraphObject *;
using CuGraphNode = struct CuGraphNodeObject *;
using CuGraphExec = struct CuGraphExecObject *;

enum CuDeviceAttribute : int {
  cuAttributeSms = 16,
  cuAttributeMajor = 75,
  cuAttributeMinor = 76,
  cuAttributePageable = 88,      // kernels may read any memory of the process
  cuAttributeSharedPerBlock = 97 // what a block can opt into
};
enum : int { cuFunctionDynamicShared = 8 };
enum : unsigned { cuEventNoTiming = 2, cuStreamNonBlocking = 1 };
enum : int { cuMemoryDevice = 2 };
enum : int { cuPointerMemoryType = 2 };
enum : CuResult { cuInvalidValue = 1 };
enum CuJitOption : int { cuJitErrorLog = 5, cuJitErrorLogBytes = 6 };

/// CUDA_KERNEL_NODE_PARAMS_v2.
struct CuKernelNode {
  CuFunction function;
  unsigned grid[3], block[3], shared;
  void **parameters, **extra;
  void *kernel;
  CuContext context;
};
/// CUDA_MEMCPY3D_v2: of device memory, one row.
struct CuCopy {
  size_t fromX, fromY, fromZ, fromLevel;
  int fromKind;
  const void *fromHost;
  CuAddress from;
  void *fromArray, *reserved0;
  size_t fromPitch, fromHeight;
  size_t toX, toY, toZ, toLevel;
  int toKind;
  void *toHost;
  CuAddress to;
  void *toArray, *reserved1;
  size_t toPitch, toHeight;
  size_t width, height, depth;
};
/// CUDA_MEMSET_NODE_PARAMS; `width` counts elements.
struct CuFillNode {
  CuAddress to;
  size_t pitch;
  unsigned value, elementBytes;
  size_t width, height;
};

// X(member, name for cuGetProcAddress, name for dlsym, parameters)
#define DLC_DRIVER_FUNCTIONS(X)                                                                              \
  X(init, "cuInit", "cuInit", (unsigned))                                                                    \
  X(deviceGetCount, "cuDeviceGetCount", "cuDeviceGetCount", (int *))                                         \
  X(deviceGet, "cuDeviceGet", "cuDeviceGet", (CuDevice *, int))                                              \
  X(deviceGetName, "cuDeviceGetName", "cuDeviceGetName", (char *, int, CuDevice))                            \
  X(deviceGetAttribute, "cuDeviceGetAttribute", "cuDeviceGetAttribute", (int *, int, CuDevice))              \
  X(primaryRetain, "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain", (CuContext *, CuDevice))          \
  X(primaryRelease, "cuDevicePrimaryCtxRelease", "cuDevicePrimaryCtxRelease_v2", (CuDevice))                 \
  X(contextPush, "cuCtxPushCurrent", "cuCtxPushCurrent_v2", (CuContext))                                     \
  X(contextPop, "cuCtxPopCurrent", "cuCtxPopCurrent_v2", (CuContext *))                                      \
  X(contextDevice, "cuCtxGetDevice", "cuCtxGetDevice", (CuDevice *))                                         \
  X(moduleLoad, "cuModuleLoadDataEx", "cuModuleLoadDataEx",                                                  \
    (CuModule *, const void *, unsigned, int *, void **))                                                    \
  X(moduleUnload, "cuModuleUnload", "cuModuleUnload", (CuModule))                                            \
  X(moduleFunction, "cuModuleGetFunction", "cuModuleGetFunction", (CuFunction *, CuModule, const char *))    \
  X(functionSet, "cuFuncSetAttribute", "cuFuncSetAttribute", (CuFunction, int, int))                         \
  X(allocate, "cuMemAlloc", "cuMemAlloc_v2", (CuAddress *, size_t))                                          \
  X(free, "cuMemFree", "cuMemFree_v2", (CuAddress))                                                          \
  X(pointerAttribute, "cuPointerGetAttribute", "cuPointerGetAttribute", (void *, int, CuAddress))            \
  X(copyToDevice, "cuMemcpyHtoDAsync", "cuMemcpyHtoDAsync_v2", (CuAddress, const void *, size_t, CuStream))  \
  X(copyToHost, "cuMemcpyDtoHAsync", "cuMemcpyDtoHAsync_v2", (void *, CuAddress, size_t, CuStream))          \
  X(copy, "cuMemcpyDtoDAsync", "cuMemcpyDtoDAsync_v2", (CuAddress, CuAddress, size_t, CuStream))             \
  X(fill8, "cuMemsetD8Async", "cuMemsetD8Async", (CuAddress, unsigned char, size_t, CuStream))               \
  X(fill16, "cuMemsetD16Async", "cuMemsetD16Async", (CuAddress, unsigned short, size_t, CuStream))           \
  X(fill32, "cuMemsetD32Async", "cuMemsetD32Async", (CuAddress, unsigned, size_t, CuStream))                 \
  X(streamCreate, "cuStreamCreate", "cuStreamCreate", (CuStream *, unsigned))                                \
  X(streamDestroy, "cuStreamDestroy", "cuStreamDestroy_v2", (CuStream))                                      \
  X(streamSynchronize, "cuStreamSynchronize", "cuStreamSynchronize", (CuStream))                             \
  X(streamWaitEvent, "cuStreamWaitEvent", "cuStreamWaitEvent", (CuStream, CuEvent, unsigned))                \
  X(eventCreate, "cuEventCreate", "cuEventCreate", (CuEvent *, unsigned))                                    \
  X(eventDestroy, "cuEventDestroy", "cuEventDestroy_v2", (CuEvent))                                          \
  X(eventRecord, "cuEventRecord", "cuEventRecord", (CuEvent, CuStream))                                      \
  X(eventSynchronize, "cuEventSynchronize", "cuEventSynchronize", (CuEvent))                                 \
  X(launch, "cuLaunchKernel", "cuLaunchKernel",                                                              \
    (CuFunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CuStream, void **,    \
     void **))                                                                                               \
  X(errorName, "cuGetErrorName", "cuGetErrorName", (CuResult, const char **))                                \
  X(errorString, "cuGetErrorString", "cuGetErrorString", (CuResult, const char **))

// CUDA graphs: nodes can be disabled since 11.6. A driver without them runs launch by launch.
#define DLC_GRAPH_FUNCTIONS(X)                                                                               \
  X(graphCreate, "cuGraphCreate", "cuGraphCreate", (CuGraph *, unsigned))                                    \
  X(graphDestroy, "cuGraphDestroy", "cuGraphDestroy", (CuGraph))                                             \
  X(graphAddKernel, "cuGraphAddKernelNode", "cuGraphAddKernelNode_v2",                                       \
    (CuGraphNode *, CuGraph, const CuGraphNode *, size_t, const CuKernelNode *))                             \
  X(graphAddCopy, "cuGraphAddMemcpyNode", "cuGraphAddMemcpyNode",                                            \
    (CuGraphNode *, CuGraph, const CuGraphNode *, size_t, const CuCopy *, CuContext))                        \
  X(graphAddFill, "cuGraphAddMemsetNode", "cuGraphAddMemsetNode",                                            \
    (CuGraphNode *, CuGraph, const CuGraphNode *, size_t, const CuFillNode *, CuContext))                    \
  X(graphInstantiate, "cuGraphInstantiateWithFlags", "cuGraphInstantiateWithFlags",                          \
    (CuGraphExec *, CuGraph, unsigned long long))                                                            \
  X(graphSetKernel, "cuGraphExecKernelNodeSetParams", "cuGraphExecKernelNodeSetParams_v2",                   \
    (CuGraphExec, CuGraphNode, const CuKernelNode *))                                                        \
  X(graphSetCopy, "cuGraphExecMemcpyNodeSetParams", "cuGraphExecMemcpyNodeSetParams",                        \
    (CuGraphExec, CuGraphNode, const CuCopy *, CuContext))                                                   \
  X(graphSetFill, "cuGraphExecMemsetNodeSetParams", "cuGraphExecMemsetNodeSetParams",                        \
    (CuGraphExec, CuGraphNode, const CuFillNode *, CuContext))                                               \
  X(graphNodeEnable, "cuGraphNodeSetEnabled", "cuGraphNodeSetEnabled", (CuGraphExec, CuGraphNode, unsigned)) \
  X(graphLaunch, "cuGraphLaunch", "cuGraphLaunch", (CuGraphExec, CuStream))                                  \
  X(graphExecDestroy, "cuGraphExecDestroy", "cuGraphExecDestroy", (CuGraphExec))

/// The opened driver: its functions as members. A library is never closed again.
struct Driver {
  void *library = nullptr; ///< handle; equal for equal libraries
  int version = 0;         ///< 13000 is 13.0
#define DLC_MEMBER(member, name, symbol, parameters) CuResult(*member) parameters = nullptr;
  DLC_DRIVER_FUNCTIONS(DLC_MEMBER)
  DLC_GRAPH_FUNCTIONS(DLC_MEMBER) // null where the driver lacks one
#undef DLC_MEMBER

  /// Opens `path` (null: libcuda.so.1) and initialises it. Throws Failure: NO_DRIVER, or NO_DEVICE when the
  /// driver finds none.
  static Driver open(const char *path);

  bool hasGraphs() const;
  /// "an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)"
  std::string describe(CuResult result) const;
};

/// The status that a driver's error code (not 0) means.
dlc_status statusOf(CuResult result);

/// Does the error make the CUDA context unusable?
bool isSticky(CuResult result);

/// Throws Failure unless `result` is 0; `what` says what was being done: "can't load the kernels".
void expectSuccess(const Driver &driver, CuResult result, std::string_view what);

/// Makes a CUDA context current for a scope. Throws Failure.
class CurrentContext {
public:
  CurrentContext(const Driver &driver, CuContext context);
  ~CurrentContext();
  CurrentContext(const CurrentContext &) = delete;
  CurrentContext &operator=(const CurrentContext &) = delete;

private:
  const Driver &driver;
};

} // namespace dlc::rt
