//===- refused.h - functions that are there and not served ---------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_REFUSED_H
#define DLC_RUNTIME_VCUDA_DRIVER_REFUSED_H

#include <string_view>

namespace dlc::vcuda {

/// Whether a function is exported only so that programs which are linked to it load. It gives
/// CUDA_ERROR_NOT_SUPPORTED, and cuGetProcAddress does not find it.
bool isRefused(std::string_view name);

} // namespace dlc::vcuda

#endif
