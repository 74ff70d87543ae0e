/* The dlc runtime: loads an artifact (model.ptx and its weights) and launches it through the CUDA Driver API.
 *
 * Contracts that hold for every function:
 * - Errors are statuses; nothing throws or aborts. dlc_last_error() and dlc_last_help() describe the calling
 *   thread's last failure. Out-parameters are written on success only, unless it is said otherwise.
 * - Files and plans are untrusted: whatever their bytes, a call returns a status.
 * - Option structs start with their size and are filled by their *_init function; later versions
 *   append fields.
 * - A module is immutable and may be used by any number of threads at once. A context is used by one thread
 *   at a time. Strings returned by a module live as long as the module.
 * - The runtime opens the CUDA driver when the first context is created, never before. There is no other
 *   device that it falls back to.
 */
#ifndef DLC_RUNTIME_H
#define DLC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DLC_API __attribute__((visibility("default")))
#else
#define DLC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Statuses ---------------------------------------------------------------------------------- */

typedef enum dlc_status {
  DLC_OK = 0,
  DLC_ERROR_INVALID_ARGUMENT = 1, /* the caller broke a contract of this header */
  DLC_ERROR_IO = 2,               /* a file can't be read */
  DLC_ERROR_FORMAT = 3,           /* the artifact or weights file is damaged or contradicts itself */
  DLC_ERROR_UNSUPPORTED = 4,      /* a newer format, or a kind that this version does not know */
  DLC_ERROR_DIMS = 5,             /* shapes out of range, or that do not agree */
  DLC_ERROR_NO_DRIVER = 6,        /* no CUDA driver library, or one that is too old */
  DLC_ERROR_NO_DEVICE = 7,        /* no device, or one that can't run this artifact */
  DLC_ERROR_PTX = 8,              /* the driver refused the PTX */
  DLC_ERROR_OUT_OF_HOST_MEMORY = 9,
  DLC_ERROR_OUT_OF_DEVICE_MEMORY = 10,
  DLC_ERROR_LAUNCH = 11,   /* a launch was refused */
  DLC_ERROR_KERNEL = 12,   /* a kernel failed while it ran (illegal access, ...): the context is poisoned */
  DLC_ERROR_POISONED = 13, /* an earlier kernel failure made this context unusable */
  DLC_ERROR_NOT_PREPARED = 14, /* enqueue before a successful prepare */
  DLC_ERROR_DRIVER = 15,       /* any other error of the driver */
  DLC_ERROR_INTERNAL = 16      /* a bug in the runtime */
} dlc_status;

/* "DLC_ERROR_IO" etc.; "unknown status" for a number that is none. */
DLC_API const char *dlc_status_name(dlc_status status);

/* What went wrong in this thread's last failed call, and what can be done about it ("" if nothing is known).
 * The strings are valid until the thread's next call into the library. */
DLC_API const char *dlc_last_error(void);
DLC_API const char *dlc_last_help(void);

/* Version of the library, "0.1.0". */
DLC_API const char *dlc_version(void);

/* ---- Tensors ----------------------------------------------------------------------------------- */

/* Plain integers, so that any value of a caller can be looked at and refused. */
typedef int32_t dlc_dtype;
enum {
  DLC_F32 = 0,
  DLC_F16,
  DLC_BF16,
  DLC_F64,
  DLC_I8,
  DLC_U8,
  DLC_I16,
  DLC_U16,
  DLC_I32,
  DLC_U32,
  DLC_I64,
  DLC_U64,
  DLC_BOOL,
  DLC_F8E4M3FN,
  DLC_F8E5M2
};

/* Bytes of an element; 0 for a number that is no dtype. */
DLC_API size_t dlc_dtype_size(dlc_dtype dtype);
/* "f32" etc., the names of the plan; "?" for a number that is no dtype. */
DLC_API const char *dlc_dtype_name(dlc_dtype dtype);

typedef int32_t dlc_memory_kind;
enum {
  DLC_HOST = 0, /* ordinary memory of the process */
  DLC_DEVICE =
      1 /* memory of the context's device; `data` is the CUdeviceptr. Managed memory and registered host
           memory will do; an address that the driver does not know is DLC_ERROR_INVALID_ARGUMENT
           before anything is launched, unless the device reads all memory of the process. The driver
           is asked once for each address that differs from the last one of that input or output. */
};

/* A tensor of the caller. Row-major: `strides` (in elements) is NULL or says just that. */
typedef struct dlc_tensor {
  void *data; /* may be NULL if the tensor has no elements */
  dlc_dtype dtype;
  dlc_memory_kind memory;
  int32_t rank;
  const int64_t *shape; /* rank extents, >= 0 */
  const int64_t *strides;
} dlc_tensor;

/* ---- Callbacks --------------------------------------------------------------------------------- */

typedef enum dlc_log_level { DLC_LOG_INFO = 0, DLC_LOG_WARNING = 1 } dlc_log_level;

/* Called from whichever thread makes the call that has something to say. */
typedef void (*dlc_log_callback)(void *user, dlc_log_level level, const char *message);

/* Host memory of modules and contexts. `allocate` returns NULL when there is none; `alignment` is a power of
 * two. Short-lived memory while a plan is being parsed and while messages are made is taken from operator new
 * instead. */
typedef struct dlc_host_allocator {
  void *user;
  void *(*allocate)(void *user, size_t bytes, size_t alignment);
  void (*deallocate)(void *user, void *memory, size_t bytes);
} dlc_host_allocator;

/* Device memory. Called with the CUDA context current. `allocate` stores an address aligned to `alignment`
 * (256) and returns 0, or returns something else when there is no memory. Memory is given back when no work
 * uses it any more. */
typedef struct dlc_device_allocator {
  void *user;
  int (*allocate)(void *user, uint64_t bytes, uint64_t alignment, uint64_t *address);
  void (*deallocate)(void *user, uint64_t address, uint64_t bytes);
} dlc_device_allocator;

/* ---- Modules ----------------------------------------------------------------------------------- */

typedef struct dlc_module dlc_module;

enum {
  DLC_LOAD_EDITED = 1, /* accept an artifact whose digest does not fit (edited by hand), with a warning */
  DLC_LOAD_VERIFY_WEIGHTS = 2, /* read the whole weights file once and compare its digest */
  DLC_LOAD_GUARD = 4 /* an allocation for every weight and buffer, so that a checking driver sees bounds */
};

typedef struct dlc_load_options {
  size_t size;
  uint32_t flags;
  const char *weights_path; /* NULL: the plan's file name, in the artifact's folder */
  const void *weights_data; /* not NULL: the weights file's bytes in memory, which must outlive the module */
  size_t weights_bytes;
  dlc_log_callback log; /* NULL: nothing is logged */
  void *log_user;
  dlc_host_allocator host;     /* allocate == NULL: malloc */
  dlc_device_allocator device; /* for everything on the device; allocate == NULL: cuMemAlloc */
} dlc_load_options;

DLC_API void dlc_load_options_init(dlc_load_options *options);

/* Reads, checks and keeps an artifact. `options` may be NULL. Needs no device. From memory: `data` need not
 * outlive the call, and weights must be given by the options if the plan has any. */
DLC_API dlc_status dlc_module_load_file(const char *path, const dlc_load_options *options,
                                        dlc_module **module);
DLC_API dlc_status dlc_module_load_memory(const void *data, size_t bytes, const dlc_load_options *options,
                                          dlc_module **module);

/* Gives the module up; its contexts stay usable. NULL is allowed. */
DLC_API void dlc_module_release(dlc_module *module);

/* The artifact's digest: 64 hex digits. */
DLC_API const char *dlc_module_hash(const dlc_module *module);

typedef struct dlc_value_info {
  const char *name;
  dlc_dtype dtype;
  int32_t rank;
  const char *const *dims; /* rank formulas: "8", "batch", "2 * length + 1" */
  int32_t alignment;       /* bytes that a device tensor's address must be a multiple of */
} dlc_value_info;

DLC_API size_t dlc_module_input_count(const dlc_module *module);
DLC_API size_t dlc_module_output_count(const dlc_module *module);
/* `index` below the count, else DLC_ERROR_INVALID_ARGUMENT. */
DLC_API dlc_status dlc_module_input(const dlc_module *module, size_t index, dlc_value_info *info);
DLC_API dlc_status dlc_module_output(const dlc_module *module, size_t index, dlc_value_info *info);

/* A dim (or small host integer) that the caller chooses. */
typedef struct dlc_symbol_info {
  const char *name;
  int64_t min, max, multiple;
  const char *origins; /* the ONNX dims that carry it, "input_ids dim 0, mask dim 0" */
  int from_data;       /* 1: an element of an input, not a dim */
} dlc_symbol_info;

DLC_API size_t dlc_module_symbol_count(const dlc_module *module);
DLC_API dlc_status dlc_module_symbol(const dlc_module *module, size_t index, dlc_symbol_info *info);

/* A symbol's value. Functions that take dims want each symbol of the module once, in any order. */
typedef struct dlc_dim {
  const char *name;
  int64_t value;
} dlc_dim;

/* The dims that these inputs imply: dims[i] belongs to symbol i. `dims` has room for dlc_module_symbol_count.
 * A symbol that comes from data is read from its tensor, which must then be in host memory. Shapes that
 * contradict each other or the symbols' ranges are DLC_ERROR_DIMS. */
DLC_API dlc_status dlc_module_bind(const dlc_module *module, const dlc_tensor *inputs, size_t input_count,
                                   dlc_dim *dims);

/* Extents of an input or output for given dims; `shape` has room for the rank. */
DLC_API dlc_status dlc_module_input_shape(const dlc_module *module, size_t index, const dlc_dim *dims,
                                          size_t dim_count, int64_t *shape);
DLC_API dlc_status dlc_module_output_shape(const dlc_module *module, size_t index, const dlc_dim *dims,
                                           size_t dim_count, int64_t *shape);

/* Device memory in bytes for given dims, on the device that the artifact was compiled for. */
typedef struct dlc_memory_info {
  uint64_t weights; /* once per device */
  uint64_t arena;   /* once per context */
  uint64_t zeroed;  /* once per context */
  uint64_t inputs;  /* the caller's, or the context's when it runs with host tensors */
  uint64_t outputs;
} dlc_memory_info;

DLC_API dlc_status dlc_module_memory(const dlc_module *module, const dlc_dim *dims, size_t dim_count,
                                     dlc_memory_info *info);

/* ---- Contexts ---------------------------------------------------------------------------------- */

typedef struct dlc_context dlc_context;

enum {
  DLC_CONTEXT_SYNC = 1, /* wait after every launch, so that a kernel's failure names the kernel (slow) */
  DLC_CONTEXT_GRAPH = 2 /* launch through one CUDA graph, made by the first prepare and updated for other dims
                           and tensors; not with DLC_CONTEXT_SYNC. Needs a driver from 11.6 on. */
};

typedef struct dlc_context_options {
  size_t size;
  uint32_t flags;
  const char *driver; /* path of the driver library; NULL: libcuda.so.1 */
  int32_t device;     /* ordinal; used if cuda_context is NULL */
  void *cuda_context; /* a CUcontext of the caller, which outlives this context; NULL: the device's primary
                         context */
} dlc_context_options;

DLC_API void dlc_context_options_init(dlc_context_options *options);

/* The first context of a module on a CUDA context compiles the PTX (by the driver) and uploads the weights;
 * later ones share both. The context keeps its module alive. `options` may be NULL. */
DLC_API dlc_status dlc_context_create(dlc_module *module, const dlc_context_options *options,
                                      dlc_context **context);

/* Waits for the context's work. NULL is allowed. */
DLC_API void dlc_context_destroy(dlc_context *context);

typedef struct dlc_device_info {
  char name[128];
  int32_t ordinal;
  int32_t major, minor;     /* compute capability */
  int32_t sms;              /* multiprocessors */
  int32_t shared_per_block; /* bytes a block can opt into */
  int32_t driver_version;   /* 13000 is 13.0 */
} dlc_device_info;

DLC_API dlc_status dlc_context_device(const dlc_context *context, dlc_device_info *info);

/* Evaluates the plan for these dims: a following dlc_context_enqueue allocates nothing, parses nothing and
 * evaluates nothing. Plans for the last 8 sets of dims are kept. After a failure the context is not prepared,
 * and can be prepared for other dims. */
DLC_API dlc_status dlc_context_prepare(dlc_context *context, const dlc_dim *dims, size_t dim_count);

/* Launches on `stream` (a CUstream of the same CUDA context, not being captured; NULL: the default stream)
 * and returns without waiting. All tensors are in device memory, have the shapes of the last prepare, in the
 * model's order, and live until the work is done. Work of one context on several streams is ordered by the
 * runtime. */
DLC_API dlc_status dlc_context_enqueue(dlc_context *context, void *stream, const dlc_tensor *inputs,
                                       size_t input_count, const dlc_tensor *outputs, size_t output_count);

/* Runs and waits. Tensors may be in host or device memory. Prepares for the inputs' shapes when they are not
 * those of the last prepare. Memory for host tensors is kept by the context and grows with the largest shapes
 * seen. */
DLC_API dlc_status dlc_context_run(dlc_context *context, const dlc_tensor *inputs, size_t input_count,
                                   const dlc_tensor *outputs, size_t output_count);

/* DLC_OK, or DLC_ERROR_POISONED after a kernel failure. */
DLC_API dlc_status dlc_context_status(const dlc_context *context);

#ifdef __cplusplus
}
#endif
#endif
