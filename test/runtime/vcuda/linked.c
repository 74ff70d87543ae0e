/* A C program that is linked with -lcuda, as cuda.h has it call things: under the names of the newest
 * revisions. linked KERNELS.PTX
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int Result;
typedef uint64_t Address;
typedef struct Opaque *Handle;

Result cuInit(unsigned);
Result cuGetErrorString(Result, const char **);
Result cuDeviceGet(int *, int);
Result cuDevicePrimaryCtxRetain(Handle *, int);
Result cuDevicePrimaryCtxRelease_v2(int);
Result cuCtxSetCurrent(Handle);
Result cuModuleLoad(Handle *, const char *);
Result cuModuleGetFunction(Handle *, Handle, const char *);
Result cuModuleUnload(Handle);
Result cuMemAlloc_v2(Address *, size_t);
Result cuMemFree_v2(Address);
Result cuMemcpyHtoD_v2(Address, const void *, size_t);
Result cuMemcpyDtoH_v2(void *, Address, size_t);
Result cuStreamCreate(Handle *, unsigned);
Result cuStreamDestroy_v2(Handle);
Result cuStreamSynchronize(Handle);
Result cuLaunchKernel(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle,
                      void **, void **);

static void require(Result result, const char *call) {
  const char *text = "?";
  if (!result) return;
  cuGetErrorString(result, &text);
  fprintf(stderr, "%s: %s\n", call, text);
  exit(1);
}
#define REQUIRE(call) require(call, #call)

int main(int argc, char **argv) {
  enum { n = 1000 };
  static float x[n], y[n];
  int device, count = n, i;
  float factor = 2;
  Handle context, module, saxpy, stream;
  Address p, q;
  void *arguments[4];
  if (argc != 2) return 2;
  for (i = 0; i < n; ++i) x[i] = (float)i, y[i] = 1;
  REQUIRE(cuInit(0));
  REQUIRE(cuDeviceGet(&device, 0));
  REQUIRE(cuDevicePrimaryCtxRetain(&context, device));
  REQUIRE(cuCtxSetCurrent(context));
  REQUIRE(cuModuleLoad(&module, argv[1]));
  REQUIRE(cuModuleGetFunction(&saxpy, module, "saxpy"));
  REQUIRE(cuMemAlloc_v2(&p, sizeof x));
  REQUIRE(cuMemAlloc_v2(&q, sizeof y));
  REQUIRE(cuMemcpyHtoD_v2(p, x, sizeof x));
  REQUIRE(cuMemcpyHtoD_v2(q, y, sizeof y));
  REQUIRE(cuStreamCreate(&stream, 0));
  arguments[0] = &count, arguments[1] = &factor, arguments[2] = &p, arguments[3] = &q;
  REQUIRE(cuLaunchKernel(saxpy, 8, 1, 1, 128, 1, 1, 0, stream, arguments, NULL));
  REQUIRE(cuStreamSynchronize(stream));
  REQUIRE(cuMemcpyDtoH_v2(y, q, sizeof y));
  for (i = 0; i < n; ++i)
    if (y[i] != 2 * x[i] + 1) return fprintf(stderr, "element %d is %g\n", i, (double)y[i]), 1;
  REQUIRE(cuStreamDestroy_v2(stream));
  REQUIRE(cuMemFree_v2(p));
  REQUIRE(cuMemFree_v2(q));
  REQUIRE(cuModuleUnload(module));
  REQUIRE(cuDevicePrimaryCtxRelease_v2(device));
  return 0;
}
