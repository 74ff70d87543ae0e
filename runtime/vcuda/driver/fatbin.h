//===- fatbin.h - the PTX that a fat binary holds ----------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_FATBIN_H
#define DLC_RUNTIME_VCUDA_DRIVER_FATBIN_H

#include "runtime/vcuda/driver/api.h"

#include <string>

namespace dlc::vcuda {

/// Whether an image is a fat binary, or the wrapper that programs have around one.
bool isFatBinary(const void *image);

/// The text of its entry for the newest architecture up to `sm` (80 for sm_80), decompressed.
/// CUDA_ERROR_NO_BINARY_FOR_GPU and the reason when there is none: machine code alone, or PTX for later
/// architectures; CUDA_ERROR_INVALID_IMAGE when it is broken.
CUresult readFatBinary(const void *image, uint32_t sm, std::string &text, std::string &errors);

} // namespace dlc::vcuda

#endif
