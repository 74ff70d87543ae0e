//===- launch.h - one kernel launch, checked and ready to run ----------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_LAUNCH_H
#define DLC_RUNTIME_VCUDA_DRIVER_LAUNCH_H

#include "runtime/vcuda/driver/state.h"

namespace dlc::vcuda {

struct KernelLaunch {
  std::shared_ptr<ModuleObject> module;
  CUfunction function = nullptr;    ///< as the client named it
  const KernelInfo *info = nullptr; ///< lives in the module's image
  Dim3 grid, block;
  uint32_t dynamicShared = 0;
  bool cooperative = false;
  std::vector<uint8_t> parameters; ///< a copy of the client's
  CUresult fault = CUDA_SUCCESS;   ///< injected: fails with it instead of running
};

/// Checks everything that the API checks and copies the parameters. `launch.cooperative` is an input as well.
CUresult prepareLaunch(Context &context, const CUlaunchConfig &config, CUfunction function, void **parameters,
                       void **extra, KernelLaunch &launch);
/// Counts a launch for the injection of faults. When it is the one: an error that the call returns, or
/// success and `launch.fault` for those that kernels cause while they run.
CUresult injectFault(KernelLaunch &launch);
/// Runs it; findings and counters go to the outputs, an error to the context. Called by the queue.
void runLaunch(Context &context, const KernelLaunch &launch);

} // namespace dlc::vcuda

#endif
