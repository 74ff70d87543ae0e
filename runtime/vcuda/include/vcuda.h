/*===- vcuda.h - what the virtual GPU offers beyond the CUDA Driver API --------===//
 *
 * The functions are exported by the virtual libcuda.so.1 and by no other: a program that may also run on a
 * real driver looks them up with dlsym and takes a null pointer as "this is not the virtual GPU". All are
 * thread-safe, and work once cuInit has succeeded; before that they return 0 or an empty text. Work that has
 * not run yet is not waited for: synchronise first.
 *
 *===----------------------------------------------------------------------===*/
#ifndef VCUDA_H
#define VCUDA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface: 1. */
int vcudaInterfaceVersion(void);

/* The findings since the start or the last reset, as a JSON array of objects (runtime/vcuda/README.md lists
 * the fields). Writes at most `size` bytes including the zero byte, and returns the length of the whole text
 * without it. */
size_t vcudaFindings(char *buffer, size_t size);
/* The number of distinct findings. */
size_t vcudaFindingCount(void);
void vcudaResetFindings(void);

/* The counters as a JSON object; as above. The option "counters" (or VCUDA_COUNTERS) adds sectors, bank
 * conflicts and distinct bytes per buffer; "line_counters" lists them by PTX line as well. */
size_t vcudaCounters(char *buffer, size_t size);
void vcudaResetCounters(void);

/* Sets an option from the next launch on: "checks" off|fast|full, "schedule" forward|reverse|random:SEED|
 * ahead|ahead:WARP, "mma" fast|exact, "approximations" nearest|jitter:SEED, "floats" values|payloads, "threads" N,
 * "counters" on|off, "line_counters" on|off, "summary" on|off, "max_instructions" N, "fail_allocation" N,
 * "fail_launch" N (the N-th call from now fails), "fail_with" CUresult (of launches that fail). Returns 1, or 0
 * for an option or value that does not exist. */
int vcudaSetOption(const char *name, const char *value);

/* Gives the allocation that begins at a device address a name for findings and counters. Returns 1 if there
 * is one. */
int vcudaNameAllocation(uint64_t address, const char *name);

/* Writes the file of VCUDA_COUNTERS now. */
void vcudaFlush(void);

#ifdef __cplusplus
}
#endif

#endif
