//===- limits.h - the limits that the driver checks before a launch ----------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_LIMITS_H
#define DLC_RUNTIME_VCUDA_DRIVER_LIMITS_H

#include "runtime/vcuda/driver/launch.h"

namespace dlc::vcuda {

/// CUDA's result alone says little; the text names the limit, its value and the way out. Empty if nothing is
/// wrong.
struct Excess {
  CUresult result = CUDA_SUCCESS;
  std::string text;
};

/// Grid, block, dynamic shared memory, and whether a cooperative grid fits the device at once.
Excess findExcess(const KernelLaunch &launch, const Function &function, const Device &device);

/// A value of CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
Excess findExcess(int dynamicShared, const KernelInfo &info, const Device &device);

/// Says the text on stderr, as that of a kernel; gives the result.
CUresult tell(const Excess &excess, const KernelInfo &info);

} // namespace dlc::vcuda

#endif
