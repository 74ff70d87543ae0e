//===- copy.h - copies and fills between host and device ---------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_COPY_H
#define DLC_RUNTIME_VCUDA_DRIVER_COPY_H

#include "runtime/vcuda/driver/state.h"

namespace dlc::vcuda {

/// One side of a copy: a box of rows in host or device memory. Plain copies have one row.
struct CopySide {
  Device *device = nullptr; ///< null: host memory
  uint64_t address = 0;     ///< of the first byte to copy
  uint64_t pitch = 0;       ///< bytes from row to row
  uint64_t slice = 0;       ///< bytes from plane to plane
};

struct Copy {
  CopySide source, target;
  uint64_t width = 0, height = 1, depth = 1; ///< bytes, rows, planes
  bool empty() const { return !width || !height || !depth; }
};

struct Fill {
  Device *device = nullptr;
  uint64_t address = 0, pitch = 0;
  uint64_t value = 0;
  unsigned elementBytes = 1;
  uint64_t width = 0, height = 1; ///< elements, rows
};

/// Whether each device side lies in memory that copies may touch, and each host side is not null.
CUresult check(const Copy &copy);
CUresult check(const Fill &fill);
/// Runs it, or fails the context with an illegal address when memory has gone meanwhile. Called by the queue.
void runCopy(Context &context, const Copy &copy);
void runFill(Context &context, const Fill &fill);

/// How a call waits.
enum class Wait { Always, IfPageable };
CUresult submitCopy(Context &context, CUstream stream, Copy copy, Wait wait);
CUresult submitFill(Context &context, CUstream stream, const Fill &fill, Wait wait);

/// The side that a pointer means by itself: a device's if it lies in a window.
CopySide sideOf(uint64_t pointer);
/// The box of the API's structures; arrays are not served.
CUresult readCopy(const CUDA_MEMCPY2D *from, Copy &copy);
CUresult readCopy(const CUDA_MEMCPY3D *from, Copy &copy);

/// Whether host memory was allocated or registered by the driver, so that asynchronous copies really are.
bool isPinned(uint64_t address, uint64_t bytes);

} // namespace dlc::vcuda

#endif
