/* An application in C that embeds the dlc runtime: several threads share one module, each with a context,
 * stream and tensors of its own; memory comes from the application's allocators.
 *
 *   dlc-example model.ptx [threads] [driver library]
 *
 * Every thread runs the model on the same inputs, for each symbolic dim at its smallest value and then at the
 * largest up to 16, and compares its results with the first thread's. The application uses the CUDA driver as
 * it would without dlc. */
#include <dlc/runtime.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The part of the CUDA driver that the application uses itself ---- */

typedef unsigned long long Address;
static int (*cuInit)(unsigned);
static int (*cuDeviceGet)(int *, int);
static int (*cuDevicePrimaryCtxRetain)(void **, int);
static int (*cuDevicePrimaryCtxRelease)(int);
static int (*cuCtxSetCurrent)(void *);
static int (*cuMemAlloc)(Address *, size_t);
static int (*cuMemFree)(Address);
static int (*cuMemcpyHtoDAsync)(Address, const void *, size_t, void *);
static int (*cuMemcpyDtoHAsync)(void *, Address, size_t, void *);
static int (*cuStreamCreate)(void **, unsigned);
static int (*cuStreamDestroy)(void *);
static int (*cuStreamSynchronize)(void *);

static int openDriver(const char *path) {
  void *library = dlopen(path, RTLD_NOW);
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 0;
  int found = 1;
#define FIND(function, symbol) found &= (*(void **)&function = dlsym(library, symbol)) != NULL
  FIND(cuInit, "cuInit");
  FIND(cuDeviceGet, "cuDeviceGet");
  FIND(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  FIND(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  FIND(cuCtxSetCurrent, "cuCtxSetCurrent");
  FIND(cuMemAlloc, "cuMemAlloc_v2");
  FIND(cuMemFree, "cuMemFree_v2");
  FIND(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  FIND(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  FIND(cuStreamCreate, "cuStreamCreate");
  FIND(cuStreamDestroy, "cuStreamDestroy_v2");
  FIND(cuStreamSynchronize, "cuStreamSynchronize");
  return found && cuInit(0) == 0;
}

/* ---- The application's allocators: they count what is alive ---- */

static atomic_llong hostBlocks, deviceBlocks;

static void *allocateHost(void *user, size_t bytes, size_t alignment) {
  (void)user, (void)alignment; /* malloc's alignment suffices */
  void *memory = malloc(bytes);
  if (memory) ++hostBlocks;
  return memory;
}
static void freeHost(void *user, void *memory, size_t bytes) {
  (void)user, (void)bytes;
  --hostBlocks;
  free(memory);
}
static int allocateDevice(void *user, uint64_t bytes, uint64_t alignment, uint64_t *address) {
  (void)user, (void)alignment; /* the driver aligns to 256 */
  Address found = 0;
  int result = cuMemAlloc(&found, bytes);
  if (result == 0) {
    ++deviceBlocks;
    *address = found;
  }
  return result;
}
static void freeDevice(void *user, uint64_t address, uint64_t bytes) {
  (void)user, (void)bytes;
  --deviceBlocks;
  cuMemFree(address);
}

static void logMessage(void *user, dlc_log_level level, const char *message) {
  (void)user;
  fprintf(stderr, "%s: %s\n", level == DLC_LOG_WARNING ? "warning" : "note", message);
}

/* ---- A run ---- */

typedef struct Tensor {
  dlc_tensor device;
  int64_t shape[32];
  size_t bytes;
  unsigned char *host;
} Tensor;

typedef struct Worker {
  pthread_t thread;
  dlc_module *module;
  dlc_context_options options;
  void *cudaContext;
  unsigned char *results; /* all outputs of both runs, one after the other */
  size_t resultBytes;
  int failed;
} Worker;

static int report(const char *what, dlc_status status) {
  if (status == DLC_OK) return 1;
  fprintf(stderr, "%s: %s: %s\n", what, dlc_status_name(status), dlc_last_error());
  if (*dlc_last_help()) fprintf(stderr, "  help: %s\n", dlc_last_help());
  return 0;
}

static int makeTensor(Tensor *tensor, const dlc_value_info *info) {
  tensor->bytes = dlc_dtype_size(info->dtype);
  for (int32_t i = 0; i < info->rank; ++i) tensor->bytes *= (size_t)tensor->shape[i];
  tensor->host = calloc(tensor->bytes + 1, 1);
  Address address = 0;
  if (!tensor->host || (tensor->bytes && cuMemAlloc(&address, tensor->bytes) != 0)) return 0;
  dlc_tensor device = {(void *)(uintptr_t)address, info->dtype, DLC_DEVICE, info->rank, tensor->shape, NULL};
  tensor->device = device;
  return 1;
}

static void freeTensor(Tensor *tensor) {
  if (tensor->device.data) cuMemFree((Address)(uintptr_t)tensor->device.data);
  free(tensor->host);
}

/* Small numbers: floats in [-1, 1), integers 0. */
static void fillTensor(Tensor *tensor, unsigned seed) {
  if (tensor->device.dtype != DLC_F32) return;
  for (size_t i = 0; i < tensor->bytes / 4; ++i) {
    seed = seed * 1664525u + 1013904223u;
    ((float *)(void *)tensor->host)[i] = (float)(int)(seed >> 8) / 8388608.0f - 1.0f;
  }
}

static int runOnce(Worker *worker, dlc_context *context, void *stream, const dlc_dim *dims, size_t dimCount) {
  dlc_module *module = worker->module;
  size_t inputCount = dlc_module_input_count(module), count = inputCount + dlc_module_output_count(module);
  Tensor *tensors = calloc(count, sizeof(Tensor));
  dlc_tensor *device = calloc(count, sizeof(dlc_tensor));
  int ok = tensors && device && report("prepare", dlc_context_prepare(context, dims, dimCount));
  for (size_t i = 0; ok && i < count; ++i) {
    dlc_value_info info;
    int isInput = i < inputCount;
    size_t index = isInput ? i : i - inputCount;
    ok =
        report("query",
               isInput ? dlc_module_input(module, index, &info) : dlc_module_output(module, index, &info)) &&
        report("shape", isInput ? dlc_module_input_shape(module, index, dims, dimCount, tensors[i].shape)
                                : dlc_module_output_shape(module, index, dims, dimCount, tensors[i].shape)) &&
        makeTensor(&tensors[i], &info);
    if (!ok) break;
    device[i] = tensors[i].device;
    if (isInput) fillTensor(&tensors[i], (unsigned)i + 1);
    if (isInput && tensors[i].bytes)
      ok = cuMemcpyHtoDAsync((Address)(uintptr_t)device[i].data, tensors[i].host, tensors[i].bytes, stream) ==
           0;
  }
  ok = ok && report("enqueue", dlc_context_enqueue(context, stream, device, inputCount, device + inputCount,
                                                   count - inputCount));
  for (size_t i = inputCount; ok && i < count; ++i)
    if (tensors[i].bytes)
      ok = cuMemcpyDtoHAsync(tensors[i].host, (Address)(uintptr_t)device[i].data, tensors[i].bytes, stream) ==
           0;
  ok = ok && cuStreamSynchronize(stream) == 0;
  for (size_t i = inputCount; ok && i < count; ++i) {
    unsigned char *results = realloc(worker->results, worker->resultBytes + tensors[i].bytes + 1);
    if (!results) {
      ok = 0;
      break;
    }
    memcpy(results + worker->resultBytes, tensors[i].host, tensors[i].bytes);
    worker->results = results;
    worker->resultBytes += tensors[i].bytes;
  }
  for (size_t i = 0; tensors && i < count; ++i) freeTensor(&tensors[i]);
  free(tensors);
  free(device);
  return ok;
}

static void *work(void *argument) {
  Worker *worker = argument;
  dlc_context *context = NULL;
  void *stream = NULL;
  size_t count = dlc_module_symbol_count(worker->module);
  dlc_dim *dims = calloc(count + 1, sizeof(dlc_dim));
  worker->failed = !dims || cuCtxSetCurrent(worker->cudaContext) != 0 || cuStreamCreate(&stream, 0) != 0 ||
                   !report("context", dlc_context_create(worker->module, &worker->options, &context));
  for (int isLarge = 0; !worker->failed && isLarge < 2; ++isLarge) {
    for (size_t i = 0; i < count; ++i) {
      dlc_symbol_info symbol;
      dlc_module_symbol(worker->module, i, &symbol);
      int64_t value = symbol.min;
      if (isLarge && value < 16) value = symbol.max < 16 ? symbol.max : 16;
      value = (value + symbol.multiple - 1) / symbol.multiple * symbol.multiple;
      dims[i].name = symbol.name;
      dims[i].value = value > symbol.max ? symbol.max : value;
    }
    worker->failed = !runOnce(worker, context, stream, dims, count);
  }
  dlc_context_destroy(context);
  if (stream) cuStreamDestroy(stream);
  free(dims);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 2) return fprintf(stderr, "usage: dlc-example model.ptx [threads] [driver library]\n"), 1;
  int threads = argc > 2 ? atoi(argv[2]) : 1, device = 0, failed = 0;
  const char *driver = argc > 3 ? argv[3] : "libcuda.so.1";
  if (threads < 1 || threads > 256) return fprintf(stderr, "threads should be 1 to 256\n"), 1;
  void *cudaContext = NULL;
  if (!openDriver(driver) || cuDeviceGet(&device, 0) != 0 ||
      cuDevicePrimaryCtxRetain(&cudaContext, device) != 0)
    return fprintf(stderr, "no CUDA device\n"), 1;

  dlc_load_options load;
  dlc_load_options_init(&load);
  load.log = logMessage;
  load.host.allocate = allocateHost;
  load.host.deallocate = freeHost;
  load.device.allocate = allocateDevice;
  load.device.deallocate = freeDevice;
  dlc_module *module = NULL;
  if (!report(argv[1], dlc_module_load_file(argv[1], &load, &module))) return 1;

  Worker *workers = calloc((size_t)threads, sizeof(Worker));
  if (!workers) return 1;
  for (int i = 0; i < threads; ++i) {
    workers[i].module = module;
    workers[i].cudaContext = cudaContext;
    dlc_context_options_init(&workers[i].options);
    workers[i].options.driver = driver;
    workers[i].options.cuda_context = cudaContext;
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return 1;
  }
  for (int i = 0; i < threads; ++i) {
    pthread_join(workers[i].thread, NULL);
    failed |= workers[i].failed || workers[i].resultBytes != workers[0].resultBytes ||
              memcmp(workers[i].results, workers[0].results, workers[0].resultBytes) != 0;
  }
  printf("%s: %d threads, %zu bytes of results each, %s\n", dlc_module_hash(module), threads,
         workers[0].resultBytes, failed ? "NOT all equal" : "all equal");
  dlc_module_release(module);
  cuDevicePrimaryCtxRelease(device);
  if (hostBlocks != 0 || deviceBlocks != 0) {
    fprintf(stderr, "leaked %lld host and %lld device blocks\n", (long long)hostBlocks,
            (long long)deviceBlocks);
    failed = 1;
  }
  for (int i = 0; i < threads; ++i) free(workers[i].results);
  free(workers);
  return failed;
}
