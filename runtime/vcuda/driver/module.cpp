// Modules: PTX loaded into the current context.
#include "runtime/vcuda/driver/image.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

CUresult load(Context &context, CUmodule *result, const void *image, JitOptions &jit,
              const std::string &name) {
  std::shared_ptr<const Module> parsed;
  if (CUresult wrong = loadImage(image, jit, {&context.device}, name, parsed)) return wrong;
  if (CUresult wrong = openHeapFor(context, *parsed)) return wrong;
  auto module = instantiate(context, std::move(parsed));
  if (!module) return CUDA_ERROR_OUT_OF_MEMORY;
  *result = module->handle;
  return CUDA_SUCCESS;
}

template <typename Work> CUresult onModule(CUmodule handle, Work work) {
  return inContext([&](Context &context) -> CUresult {
    auto module = driver().modules.find(handle);
    return module ? work(context, *module) : CUDA_ERROR_INVALID_HANDLE;
  });
}

} // namespace

VCUDA_API CUresult cuModuleLoadDataEx(CUmodule *result, const void *image, unsigned count, int *options,
                                      void **values) {
  return inContext([&](Context &context) -> CUresult {
    JitOptions jit;
    if (!result || !jit.read(count, options, values)) return CUDA_ERROR_INVALID_VALUE;
    return load(context, result, image, jit, "ptx");
  });
}

VCUDA_API CUresult cuModuleLoadData(CUmodule *result, const void *image) {
  return cuModuleLoadDataEx(result, image, 0, nullptr, nullptr);
}

VCUDA_API CUresult cuModuleLoadFatBinary(CUmodule *result, const void *image) {
  return cuModuleLoadData(result, image);
}

VCUDA_API CUresult cuModuleLoad(CUmodule *result, const char *path) {
  return inContext([&](Context &context) -> CUresult {
    std::string text;
    if (!result) return CUDA_ERROR_INVALID_VALUE;
    if (CUresult wrong = readImage(path, text)) return wrong;
    JitOptions jit;
    return load(context, result, text.c_str(), jit, path);
  });
}

VCUDA_API CUresult cuModuleUnload(CUmodule handle) {
  return inContext([&](Context &) -> CUresult {
    auto module = driver().modules.find(handle);
    if (!module || module->ofLibrary) return CUDA_ERROR_INVALID_HANDLE;
    if (!driver().modules.remove(handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto owner = module->context.lock();
    if (!owner) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    owner->queue.waitAll();
    releaseInstance(*owner, *module);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuModuleGetLoadingMode(int *mode) {
  return api([&]() -> CUresult {
    if (!mode) return CUDA_ERROR_INVALID_VALUE;
    *mode = 1; // eager
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuModuleGetFunction(CUfunction *result, CUmodule handle, const char *name) {
  if (!result || !name) return CUDA_ERROR_INVALID_VALUE;
  return onModule(handle, [&](Context &, ModuleObject &module) -> CUresult {
    for (const auto &function : module.functions) {
      if (function->info->name != name) continue;
      *result = function->handle;
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_NOT_FOUND;
  });
}

VCUDA_API CUresult cuModuleGetFunctionCount(unsigned *count, CUmodule handle) {
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  return onModule(handle, [&](Context &, ModuleObject &module) {
    *count = unsigned(module.functions.size());
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuModuleEnumerateFunctions(CUfunction *functions, unsigned count, CUmodule handle) {
  if (!functions) return CUDA_ERROR_INVALID_VALUE;
  return onModule(handle, [&](Context &, ModuleObject &module) {
    for (size_t i = 0; i < std::min<size_t>(count, module.functions.size()); ++i)
      functions[i] = module.functions[i]->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule handle,
                                        const char *name) {
  if ((!address && !bytes) || !name) return CUDA_ERROR_INVALID_VALUE;
  return onModule(handle, [&](Context &, ModuleObject &module) -> CUresult {
    // nvcc leaves .visible away where a program is compiled as a whole, and means the name to be found all
    // the same.
    const auto &variables = module.instance.module->variables;
    for (size_t i = 0; i < variables.size(); ++i) {
      if (variables[i].name != name) continue;
      if (address) *address = module.instance.variables[i];
      if (bytes) *bytes = variables[i].bytes;
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_NOT_FOUND;
  });
}
