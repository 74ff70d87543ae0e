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

enum CuDeviceAttribute : int {
  cuAttributeSms = 16,
  cuAttributeMajor = 75,
  cuAttributeMinor = 76,
  cuAttributeSharedPerBlock = 97 // what a block can opt into
};
enum : int { cuFunctionDynamicShared = 8 };
enum : unsigned { cuEventNoTiming = 2, cuStreamNonBlocking = 1 };
enum CuJitOption : int { cuJitErrorLog = 5, cuJitErrorLogBytes = 6 };

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

/// The opened driver: its functions as members. A library is never closed again.
struct Driver {
  void *library = nullptr; ///< handle; equal for equal libraries
  int version = 0;         ///< 13000 is 13.0
#define DLC_MEMBER(member, name, symbol, parameters) CuResult(*member) parameters = nullptr;
  DLC_DRIVER_FUNCTIONS(DLC_MEMBER)
#undef DLC_MEMBER

  /// Opens `path` (null: libcuda.so.1) and initialises it. Throws Failure: NO_DRIVER, or NO_DEVICE when the
  /// driver finds none.
  static Driver open(const char *path);

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
