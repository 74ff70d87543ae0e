//===- client.h - a program that knows the CUDA Driver API and nothing else --===//
//
// Loads libcuda.so.1 by name and finds every function through cuGetProcAddress, with declarations of its own.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_TEST_RUNTIME_VCUDA_CLIENT_H
#define DLC_TEST_RUNTIME_VCUDA_CLIENT_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <string>

namespace client {

using Handle = struct Opaque *;
using Address = unsigned long long;

struct LaunchAttribute {
  int id;
  char pad[4];
  union {
    char bytes[64];
    unsigned cluster[3];
    int flag;
  } value;
};
struct LaunchConfig {
  unsigned grid[3], block[3], shared;
  Handle stream;
  LaunchAttribute *attributes;
  unsigned attributeCount;
};
struct Copy2D {
  size_t sourceX, sourceY;
  int sourceType;
  const void *sourceHost;
  Address sourceDevice;
  Handle sourceArray;
  size_t sourcePitch, targetX, targetY;
  int targetType;
  void *targetHost;
  Address targetDevice;
  Handle targetArray;
  size_t targetPitch, width, height;
};

#define CLIENT_FUNCTIONS(F)                                                                                  \
  F(cuInit, unsigned)                                                                                        \
  F(cuDriverGetVersion, int *)                                                                               \
  F(cuGetErrorName, int, const char **)                                                                      \
  F(cuGetErrorString, int, const char **)                                                                    \
  F(cuDeviceGetCount, int *)                                                                                 \
  F(cuDeviceGet, int *, int)                                                                                 \
  F(cuDeviceGetName, char *, int, int)                                                                       \
  F(cuDeviceGetUuid, void *, int)                                                                            \
  F(cuDeviceGetAttribute, int *, int, int)                                                                   \
  F(cuDeviceTotalMem, size_t *, int)                                                                         \
  F(cuDevicePrimaryCtxRetain, Handle *, int)                                                                 \
  F(cuDevicePrimaryCtxRelease, int)                                                                          \
  F(cuDevicePrimaryCtxReset, int)                                                                            \
  F(cuDevicePrimaryCtxGetState, int, unsigned *, int *)                                                      \
  F(cuCtxDestroy, Handle)                                                                                    \
  F(cuCtxPushCurrent, Handle)                                                                                \
  F(cuCtxPopCurrent, Handle *)                                                                               \
  F(cuCtxSetCurrent, Handle)                                                                                 \
  F(cuCtxGetCurrent, Handle *)                                                                               \
  F(cuCtxSynchronize)                                                                                        \
  F(cuCtxGetLimit, size_t *, int)                                                                            \
  F(cuCtxSetLimit, int, size_t)                                                                              \
  F(cuCtxGetApiVersion, Handle, unsigned *)                                                                  \
  F(cuModuleLoadData, Handle *, const void *)                                                                \
  F(cuModuleLoadDataEx, Handle *, const void *, unsigned, int *, void **)                                    \
  F(cuModuleUnload, Handle)                                                                                  \
  F(cuModuleGetFunction, Handle *, Handle, const char *)                                                     \
  F(cuModuleGetGlobal, Address *, size_t *, Handle, const char *)                                            \
  F(cuLibraryLoadData, Handle *, const void *, int *, void **, unsigned, int *, void **, unsigned)           \
  F(cuLibraryUnload, Handle)                                                                                 \
  F(cuLibraryGetKernel, Handle *, Handle, const char *)                                                      \
  F(cuKernelGetFunction, Handle *, Handle)                                                                   \
  F(cuKernelSetAttribute, int, int, Handle, int)                                                             \
  F(cuFuncGetAttribute, int *, int, Handle)                                                                  \
  F(cuFuncSetAttribute, Handle, int, int)                                                                    \
  F(cuFuncGetParamInfo, Handle, size_t, size_t *, size_t *)                                                  \
  F(cuOccupancyMaxActiveBlocksPerMultiprocessor, int *, Handle, int, size_t)                                 \
  F(cuOccupancyMaxPotentialBlockSize, int *, int *, Handle, size_t (*)(int), size_t, int)                    \
  F(cuLaunchKernel, Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle,    \
    void **, void **)                                                                                        \
  F(cuLaunchKernelEx, const LaunchConfig *, Handle, void **, void **)                                        \
  F(cuLaunchCooperativeKernel, Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, \
    Handle, void **)                                                                                         \
  F(cuLaunchHostFunc, Handle, void (*)(void *), void *)                                                      \
  F(cuMemAlloc, Address *, size_t)                                                                           \
  F(cuMemAllocPitch, Address *, size_t *, size_t, size_t, unsigned)                                          \
  F(cuMemAllocManaged, Address *, size_t, unsigned)                                                          \
  F(cuMemFree, Address)                                                                                      \
  F(cuMemGetInfo, size_t *, size_t *)                                                                        \
  F(cuMemGetAddressRange, Address *, size_t *, Address)                                                      \
  F(cuMemHostAlloc, void **, size_t, unsigned)                                                               \
  F(cuMemFreeHost, void *)                                                                                   \
  F(cuMemHostGetDevicePointer, Address *, void *, unsigned)                                                  \
  F(cuMemHostRegister, void *, size_t, unsigned)                                                             \
  F(cuMemHostUnregister, void *)                                                                             \
  F(cuMemcpy, Address, Address, size_t)                                                                      \
  F(cuMemcpyHtoD, Address, const void *, size_t)                                                             \
  F(cuMemcpyDtoH, void *, Address, size_t)                                                                   \
  F(cuMemcpyDtoD, Address, Address, size_t)                                                                  \
  F(cuMemcpyHtoDAsync, Address, const void *, size_t, Handle)                                                \
  F(cuMemcpyDtoHAsync, void *, Address, size_t, Handle)                                                      \
  F(cuMemcpy2D, const Copy2D *)                                                                              \
  F(cuMemsetD8, Address, unsigned char, size_t)                                                              \
  F(cuMemsetD16, Address, unsigned short, size_t)                                                            \
  F(cuMemsetD32, Address, unsigned, size_t)                                                                  \
  F(cuMemsetD32Async, Address, unsigned, size_t, Handle)                                                     \
  F(cuMemAllocAsync, Address *, size_t, Handle)                                                              \
  F(cuMemFreeAsync, Address, Handle)                                                                         \
  F(cuDeviceGetDefaultMemPool, Handle *, int)                                                                \
  F(cuMemPoolGetAttribute, Handle, int, void *)                                                              \
  F(cuPointerGetAttribute, void *, int, Address)                                                             \
  F(cuPointerGetAttributes, unsigned, int *, void **, Address)                                               \
  F(cuStreamCreate, Handle *, unsigned)                                                                      \
  F(cuStreamCreateWithPriority, Handle *, unsigned, int)                                                     \
  F(cuStreamDestroy, Handle)                                                                                 \
  F(cuStreamSynchronize, Handle)                                                                             \
  F(cuStreamQuery, Handle)                                                                                   \
  F(cuStreamWaitEvent, Handle, Handle, unsigned)                                                             \
  F(cuEventCreate, Handle *, unsigned)                                                                       \
  F(cuEventDestroy, Handle)                                                                                  \
  F(cuEventRecord, Handle, Handle)                                                                           \
  F(cuEventQuery, Handle)                                                                                    \
  F(cuEventSynchronize, Handle)                                                                              \
  F(cuEventElapsedTime, float *, Handle, Handle)

struct Driver {
#define DECLARE(name, ...) int (*name)(__VA_ARGS__) = nullptr;
  CLIENT_FUNCTIONS(DECLARE)
#undef DECLARE
  int (*cuCtxCreate_v2)(Handle *, unsigned, int) = nullptr;
  int (*cuGetProcAddress)(const char *, void **, int, uint64_t, int *) = nullptr;
  void *library = nullptr;

  Driver() {
    library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library) fail(dlerror());
    cuGetProcAddress = reinterpret_cast<decltype(cuGetProcAddress)>(dlsym(library, "cuGetProcAddress_v2"));
    if (!cuGetProcAddress) fail("no cuGetProcAddress_v2");
#define LOOK_UP(name, ...) name = reinterpret_cast<decltype(name)>(find(#name));
    CLIENT_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    cuCtxCreate_v2 = reinterpret_cast<decltype(cuCtxCreate_v2)>(find("cuCtxCreate", 4000));
  }

private:
  void *find(const char *name, int version = 12000) {
    void *function = nullptr;
    int status = -1;
    if (cuGetProcAddress(name, &function, version, 0, &status) || status || !function) fail(name);
    return function;
  }
  [[noreturn]] static void fail(const char *what) {
    std::fprintf(stderr, "client: %s\n", what);
    std::abort();
  }
};

inline Driver &cuda() {
  static Driver driver;
  return driver;
}

inline std::string readFile(const std::string &path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

} // namespace client

#endif
