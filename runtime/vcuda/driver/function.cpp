#include "runtime/vcuda/driver/function.h"

#include "runtime/vcuda/driver/limits.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace dlc::vcuda {
namespace {

/// The machine's estimate in the steps and bounds of the hardware.
unsigned registersPerThread(const KernelInfo &info) {
  return std::clamp((info.registers + 7) / 8 * 8, 16u, 255u);
}

} // namespace

unsigned maxThreads(const KernelInfo &info) {
  const auto &bound = info.requiredThreads[0] ? info.requiredThreads : info.maxThreads;
  if (!bound[0]) return 1024;
  return std::min(1024u, bound[0] * std::max(1u, bound[1]) * std::max(1u, bound[2]));
}

CUresult getFunctionAttribute(int &value, int attribute, const KernelInfo &info, const Module &image,
                              const FunctionAttributes &attributes, const Device &device) {
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    value = int(maxThreads(info));
    break;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    value = int(info.staticSharedBytes);
    break;
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    value = int(image.constantBankBytes);
    break;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    value = int(info.localBytes);
    break;
  case CU_FUNC_ATTRIBUTE_NUM_REGS:
    value = int(registersPerThread(info));
    break;
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    value = int(image.smVersion);
    break;
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    value = device.record.smVersion();
    break;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    value = attributes.maxDynamicShared;
    break;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    value = attributes.carveout;
    break;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    value = attributes.nonPortableCluster;
    break;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    value = attributes.clusterPolicy;
    break;
  default:
    if (attribute < 0 || attribute >= CU_FUNC_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
    value = 0; // cache mode and required cluster sizes: none
  }
  return CUDA_SUCCESS;
}

CUresult setFunctionAttribute(FunctionAttributes &attributes, int attribute, int value,
                              const KernelInfo &info, const Device &device) {
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    if (CUresult wrong = tell(findExcess(value, info, device), info)) return wrong;
    attributes.maxDynamicShared = value;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
    attributes.carveout = value;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    attributes.nonPortableCluster = value != 0;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    if (value < 0 || value > 2) return CUDA_ERROR_INVALID_VALUE;
    attributes.clusterPolicy = value;
    return CUDA_SUCCESS;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult parameterInfo(const KernelInfo &info, size_t index, size_t *offset, size_t *bytes) {
  if (index >= info.parameters.size()) return CUDA_ERROR_INVALID_VALUE;
  *offset = info.parameters[index].offset;
  if (bytes) *bytes = info.parameters[index].bytes;
  return CUDA_SUCCESS;
}

int residentCtas(const KernelInfo &info, const Device &device, unsigned threads, uint64_t dynamicShared) {
  const DeviceRecord &r = device.record;
  if (!threads || threads > maxThreads(info)) return 0;
  uint64_t shared = info.staticSharedBytes + dynamicShared;
  if (shared > uint64_t(r.sharedPerBlockOptin)) return 0;
  int warps = int(threads + 31) / 32;
  int ctas = std::min(r.maxCtasPerSm, r.maxThreadsPerSm / 32 / warps);
  // Registers are given to warps in units of 256, and warps live in four partitions.
  int warpRegisters = int(registersPerThread(info) * 32 + 255) / 256 * 256;
  int registerWarps = r.registersPerSm / 4 / warpRegisters * 4;
  ctas = std::min(ctas, registerWarps / warps);
  uint64_t unit = r.computeMajor >= 8 ? 128 : 256;
  uint64_t sharedPerCta = (shared + uint64_t(r.sharedReservedPerBlock) + unit - 1) / unit * unit;
  if (sharedPerCta) ctas = int(std::min<uint64_t>(uint64_t(ctas), uint64_t(r.sharedPerSm) / sharedPerCta));
  return ctas;
}

} // namespace dlc::vcuda

namespace {

/// Calls `work(context, function, module)` for a function or kernel in the current context.
template <typename Work> CUresult onFunction(CUfunction handle, Work work) {
  return inContext([&](Context &context) -> CUresult {
    auto function = functionOf(context, handle);
    auto module = function ? function->module.lock() : nullptr;
    return module ? work(context, *function, *module) : CUDA_ERROR_INVALID_HANDLE;
  });
}

constexpr unsigned portableCluster = 8, anyCluster = 16;
unsigned largestCluster(const Function &f) {
  return f.attributes.nonPortableCluster ? anyCluster : portableCluster;
}
/// As the launch asks for; 0 when it makes no sense.
unsigned clusterSize(const CUlaunchConfig &config) {
  unsigned size = 1;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) continue;
    const auto &dim = config.attrs[i].value.clusterDim;
    bool fits = dim.x && dim.y && dim.z && dim.x <= anyCluster && dim.y <= anyCluster && dim.z <= anyCluster;
    size = fits ? dim.x * dim.y * dim.z : 0;
  }
  return size;
}
/// A cluster lies within a group of SMs, taken to be 16 large here.
int activeClusters(const KernelInfo &info, const Device &device, const CUlaunchConfig &config,
                   unsigned size) {
  constexpr int group = 16;
  int sms = device.record.sms;
  int ctas = residentCtas(info, device, config.blockDimX * config.blockDimY * config.blockDimZ,
                          config.sharedMemBytes);
  return sms / group * (group * ctas / int(size)) + sms % group * ctas / int(size);
}

/// The block size with the most resident threads, the largest of equals; at most `limit` (0 = none).
void bestBlock(const KernelInfo &info, const Device &device, CUoccupancyB2DSize sharedOf, size_t shared,
               int limit, int &grid, int &block) {
  unsigned most = maxThreads(info);
  if (limit > 0) most = std::min(most, unsigned(limit));
  int bestThreads = 0;
  grid = block = 0;
  for (unsigned threads = (most + 31) / 32 * 32; threads >= 32; threads -= 32) {
    unsigned size = std::min(threads, most);
    int ctas = residentCtas(info, device, size, sharedOf ? sharedOf(int(size)) : shared);
    if (ctas * int(size) <= bestThreads) continue;
    bestThreads = ctas * int(size);
    block = int(size);
    grid = ctas * device.record.sms;
  }
}

} // namespace

VCUDA_API CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction handle) {
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &context, Function &f, ModuleObject &module) {
    return getFunctionAttribute(*value, attribute, *f.info, *module.instance.module, f.attributes,
                                context.device);
  });
}

VCUDA_API CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
  return onFunction(handle, [&](Context &context, Function &f, ModuleObject &) {
    return setFunctionAttribute(f.attributes, attribute, value, *f.info, context.device);
  });
}

VCUDA_API CUresult cuFuncSetCacheConfig(CUfunction handle, int config) {
  if (config < 0 || config > 3) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [](Context &, Function &, ModuleObject &) { return CUDA_SUCCESS; });
}

VCUDA_API CUresult cuFuncSetSharedMemConfig(CUfunction handle, int config) {
  if (config < 0 || config > 2) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [](Context &, Function &, ModuleObject &) { return CUDA_SUCCESS; });
}

VCUDA_API CUresult cuFuncGetModule(CUmodule *result, CUfunction handle) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &, Function &, ModuleObject &module) {
    *result = module.handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuFuncGetName(const char **name, CUfunction handle) {
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &, Function &f, ModuleObject &) {
    *name = f.info->name.c_str();
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset, size_t *bytes) {
  if (!offset) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &, Function &f, ModuleObject &) {
    return parameterInfo(*f.info, index, offset, bytes);
  });
}

VCUDA_API CUresult cuFuncIsLoaded(int *state, CUfunction handle) {
  if (!state) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &, Function &, ModuleObject &) {
    *state = 1;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuFuncLoad(CUfunction handle) {
  return onFunction(handle, [](Context &, Function &, ModuleObject &) { return CUDA_SUCCESS; });
}

VCUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction handle,
                                                                        int blockSize, size_t dynamicShared,
                                                                        unsigned flags) {
  if (!blocks || blockSize <= 0 || flags > 1) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &context, Function &f, ModuleObject &) {
    *blocks = residentCtas(*f.info, context.device, unsigned(blockSize), dynamicShared);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int blockSize,
                                                               size_t dynamicShared) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, handle, blockSize, dynamicShared, 0);
}

VCUDA_API CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block, CUfunction handle,
                                                             CUoccupancyB2DSize sharedOf,
                                                             size_t dynamicShared, int limit,
                                                             unsigned flags) {
  if (!grid || !block || limit < 0 || flags > 1) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &context, Function &f, ModuleObject &) {
    bestBlock(*f.info, context.device, sharedOf, dynamicShared, limit, *grid, *block);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuOccupancyMaxPotentialBlockSize(int *grid, int *block, CUfunction handle,
                                                    CUoccupancyB2DSize sharedOf, size_t dynamicShared,
                                                    int limit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, handle, sharedOf, dynamicShared, limit, 0);
}

/// Calls `work(context, function, config)` for a device that has clusters.
template <typename Work>
static CUresult onClusters(CUfunction handle, const CUlaunchConfig *config, Work work) {
  return onFunction(handle, [&](Context &context, Function &f, ModuleObject &) -> CUresult {
    if (context.device.record.computeMajor < 9) return CUDA_ERROR_NOT_SUPPORTED;
    if (!config || !config->blockDimX || !config->blockDimY || !config->blockDimZ ||
        (config->numAttrs && !config->attrs))
      return CUDA_ERROR_INVALID_VALUE;
    return work(context, f, *config);
  });
}

VCUDA_API CUresult cuOccupancyMaxActiveClusters(int *clusters, CUfunction handle,
                                                const CUlaunchConfig *config) {
  if (!clusters) return CUDA_ERROR_INVALID_VALUE;
  return onClusters(handle, config, [&](Context &context, Function &f, const CUlaunchConfig &c) -> CUresult {
    unsigned size = clusterSize(c);
    if (!size || size > largestCluster(f)) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    *clusters = activeClusters(*f.info, context.device, c, size);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuOccupancyMaxPotentialClusterSize(int *size, CUfunction handle,
                                                      const CUlaunchConfig *config) {
  if (!size) return CUDA_ERROR_INVALID_VALUE;
  return onClusters(handle, config, [&](Context &context, Function &f, const CUlaunchConfig &c) -> CUresult {
    unsigned best = largestCluster(f);
    while (best > 1 && !activeClusters(*f.info, context.device, c, best)) best /= 2;
    *size = int(best);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t *bytes, CUfunction handle, int ctas,
                                                           int blockSize) {
  if (!bytes || ctas <= 0 || blockSize <= 0) return CUDA_ERROR_INVALID_VALUE;
  return onFunction(handle, [&](Context &context, Function &f, ModuleObject &) -> CUresult {
    if (ctas > residentCtas(*f.info, context.device, unsigned(blockSize), 0)) return CUDA_ERROR_INVALID_VALUE;
    const DeviceRecord &r = context.device.record;
    int64_t share = r.sharedPerSm / ctas / 128 * 128 - r.sharedReservedPerBlock;
    *bytes = size_t(
        std::max<int64_t>(0, std::min<int64_t>(share, r.sharedPerBlockOptin) - f.info->staticSharedBytes));
    return CUDA_SUCCESS;
  });
}
