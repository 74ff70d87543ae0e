// Kernel launches: checked and copied when called, run later in their stream.
#include "runtime/vcuda/driver/launch.h"

#include "runtime/vcuda/driver/function.h"
#include "runtime/vcuda/driver/graph.h"
#include "runtime/vcuda/driver/limits.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;

namespace {

/// Copies parameters given one pointer each.
CUresult copyParameters(const KernelInfo &info, void **values, std::vector<uint8_t> &target) {
  for (size_t i = 0; i < info.parameters.size(); ++i) {
    if (!values[i]) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(target.data() + info.parameters[i].offset, values[i], info.parameters[i].bytes);
  }
  return CUDA_SUCCESS;
}

/// Copies parameters given as one buffer: `extra` is a list of names and values that ends with 0.
CUresult copyBuffer(void **extra, std::vector<uint8_t> &target) {
  const void *buffer = nullptr;
  const size_t *bytes = nullptr;
  for (size_t i = 0; extra[i]; i += 2) {
    auto name = reinterpret_cast<uintptr_t>(extra[i]);
    if (name == 1)
      buffer = extra[i + 1];
    else if (name == 2)
      bytes = static_cast<const size_t *>(extra[i + 1]);
    else
      return CUDA_ERROR_INVALID_VALUE;
  }
  if (!buffer || !bytes || *bytes < target.size()) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(target.data(), buffer, target.size());
  return CUDA_SUCCESS;
}

/// Reads the attributes of cuLaunchKernelEx; a hint that has no meaning here is taken as one.
CUresult readAttributes(const CUlaunchConfig &config, const Device &device, KernelLaunch &launch) {
  if (config.numAttrs && !config.attrs) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute &attribute = config.attrs[i];
    const auto &value = attribute.value;
    switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
      launch.cooperative = value.cooperative != 0;
      break;
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
      if (!value.clusterDim.x || !value.clusterDim.y || !value.clusterDim.z) return CUDA_ERROR_INVALID_VALUE;
      if (value.clusterDim.x * value.clusterDim.y * value.clusterDim.z == 1) break;
      return device.record.computeMajor >= 9 ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_CLUSTER_SIZE;
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION: // the next kernel may start early: it need
                                                                // not
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      break;
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
      return CUDA_ERROR_NOT_SUPPORTED;
    default:
      return CUDA_ERROR_INVALID_VALUE;
    }
  }
  return CUDA_SUCCESS;
}

/// What a finding would have been on a GPU, if that ends a kernel.
CUresult faultOf(const Finding &finding) {
  if (finding.check == "out-of-bounds" || finding.check == "use-after-free")
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  if (finding.check == "misaligned") return CUDA_ERROR_MISALIGNED_ADDRESS;
  if (finding.check == "bad-free") return CUDA_ERROR_LAUNCH_FAILED;
  return CUDA_SUCCESS;
}

CUresult resultOf(const LaunchResult &result) {
  switch (result.status) {
  case LaunchResult::Ok:
    break;
  case LaunchResult::InvalidValue:
    return CUDA_ERROR_INVALID_VALUE;
  case LaunchResult::OutOfResources:
    return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  case LaunchResult::IllegalAddress:
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  case LaunchResult::MisalignedAddress:
    return CUDA_ERROR_MISALIGNED_ADDRESS;
  case LaunchResult::IllegalInstruction:
    return CUDA_ERROR_ILLEGAL_INSTRUCTION;
  case LaunchResult::Assert:
    return CUDA_ERROR_ASSERT;
  case LaunchResult::Trap:
    return CUDA_ERROR_LAUNCH_FAILED;
  case LaunchResult::Timeout:
  case LaunchResult::Deadlock:
    return CUDA_ERROR_LAUNCH_TIMEOUT;
  }
  for (const Finding &finding : result.findings)
    if (CUresult fault = faultOf(finding)) return fault;
  return CUDA_SUCCESS;
}

CUresult launchInStream(const CUlaunchConfig &config, CUfunction handle, void **parameters, void **extra,
                        bool cooperative) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, config.hStream);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    KernelLaunch launch;
    launch.cooperative = cooperative;
    if (CUresult wrong = prepareLaunch(context, config, handle, parameters, extra, launch)) return wrong;
    if (CUresult fault = injectFault(launch)) return fault;
    if (launch.info->usesHeap) context.heap.noteLaunch();
    return enqueue(context, state, std::move(launch));
  });
}

} // namespace

namespace dlc::vcuda {

CUresult prepareLaunch(Context &context, const CUlaunchConfig &config, CUfunction handle, void **parameters,
                       void **extra, KernelLaunch &launch) {
  auto function = functionOf(context, handle);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  launch.module = function->module.lock();
  if (!launch.module || launch.module->context.lock().get() != &context) return CUDA_ERROR_INVALID_HANDLE;
  launch.function = handle;
  launch.info = function->info;
  launch.grid = {config.gridDimX, config.gridDimY, config.gridDimZ};
  launch.block = {config.blockDimX, config.blockDimY, config.blockDimZ};
  launch.dynamicShared = config.sharedMemBytes;
  if (CUresult wrong = readAttributes(config, context.device, launch)) return wrong;
  if (CUresult wrong = tell(findExcess(launch, *function, context.device), *launch.info)) return wrong;
  launch.parameters.assign(function->info->parameterBytes, 0);
  if (parameters && extra) return CUDA_ERROR_INVALID_VALUE;
  if (function->info->parameters.empty()) return CUDA_SUCCESS;
  if (extra) return copyBuffer(extra, launch.parameters);
  return parameters ? copyParameters(*function->info, parameters, launch.parameters)
                    : CUDA_ERROR_INVALID_VALUE;
}

CUresult injectFault(KernelLaunch &launch) {
  if (!driver().injected(&Settings::failLaunch)) return CUDA_SUCCESS;
  auto code = [] {
    std::lock_guard lock(driver().mutex);
    return static_cast<CUresult>(driver().settings.failWith);
  }();
  // What kernels cause while they run, and the loss of memory or links, is 214, 220, 226 and from 700 on.
  bool isLater = code == 214 || code == 220 || code == 226 || (code >= 700 && code < 720 && code != 701);
  if (!isLater) return code;
  launch.fault = code;
  return CUDA_SUCCESS;
}

void runLaunch(Context &context, const KernelLaunch &launch) {
  if (context.error) return;
  if (launch.fault) return context.fail(launch.fault);
  if (launch.info->usesHeap) context.heap.noteLaunch(); // graphs launch here
  Device &device = context.device;
  LaunchConfig config;
  config.heap = &context.heap;
  config.kernel = launch.info->name;
  config.grid = launch.grid;
  config.block = launch.block;
  config.dynamicSharedBytes = launch.dynamicShared;
  config.parameters = launch.parameters.data();
  config.launchNumber = ++device.launches;
  LaunchResult result;
  std::optional<Allocation> workspace;
  if (launch.cooperative) {
    AllocationRequest request;
    request.bytes = GridWorkspaceBytes;
    request.name = "workspace of a cooperative launch";
    workspace = device.memory.allocate(request);
    if (!workspace) return context.fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    device.memory.fill(workspace->base, 0, 1, GridWorkspaceBytes);
    config.gridWorkspace = workspace->base;
  }
  try {
    result =
        dlc::vcuda::launch(launch.module->instance, config, device.memory, device.limits, driver().options());
  } catch (const std::bad_alloc &) {
    result.status = LaunchResult::OutOfResources;
    result.message = "the host is out of memory";
  }
  if (workspace) device.memory.free(workspace->base);
  if (!result.printed.empty()) {
    std::fwrite(result.printed.data(), 1, result.printed.size(), stdout);
    std::fflush(stdout);
  }
  driver().outputs.record(launch.module->instance.module->name, launch.info->name, config.launchNumber,
                          result, device.memory);
  CUresult status = resultOf(result);
  if (!status) return;
  if (!result.message.empty())
    std::fprintf(stderr, "vcuda: kernel %s: %s\n", launch.info->name.c_str(), result.message.c_str());
  context.fail(status);
}

} // namespace dlc::vcuda

VCUDA_API CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters,
                                    void **extra) {
  if (!config) return CUDA_ERROR_INVALID_VALUE;
  return launchInStream(*config, function, parameters, extra, /*cooperative=*/false);
}

VCUDA_API CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                                  unsigned blockX, unsigned blockY, unsigned blockZ, unsigned shared,
                                  CUstream stream, void **parameters, void **extra) {
  CUlaunchConfig config = {gridX, gridY, gridZ, blockX, blockY, blockZ, shared, stream, nullptr, 0};
  return launchInStream(config, function, parameters, extra, /*cooperative=*/false);
}

VCUDA_API CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX, unsigned gridY,
                                             unsigned gridZ, unsigned blockX, unsigned blockY,
                                             unsigned blockZ, unsigned shared, CUstream stream,
                                             void **parameters) {
  CUlaunchConfig config = {gridX, gridY, gridZ, blockX, blockY, blockZ, shared, stream, nullptr, 0};
  return launchInStream(config, function, parameters, nullptr, /*cooperative=*/true);
}
