// Libraries: modules without a context, and their kernels.
#include "runtime/vcuda/driver/function.h"
#include "runtime/vcuda/driver/image.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

CUresult load(CUlibrary *result, const void *code, unsigned jitCount, int *jitOptions, void **jitValues,
              const std::string &name) {
  JitOptions jit;
  if (!result || !jit.read(jitCount, jitOptions, jitValues)) return CUDA_ERROR_INVALID_VALUE;
  std::vector<const Device *> devices;
  for (const auto &device : driver().devices) devices.push_back(device.get());
  auto library = std::make_shared<LibraryObject>();
  if (CUresult wrong = loadImage(code, jit, devices, name, library->image)) return wrong;
  for (const KernelInfo &info : library->image->kernels) {
    auto kernel = std::make_shared<Kernel>();
    kernel->library = library;
    kernel->info = &info;
    kernel->attributes.maxDynamicShared = 48 * 1024 - int(info.staticSharedBytes);
    kernel->handle = driver().kernels.add(kernel);
    library->kernels.push_back(std::move(kernel));
  }
  library->handle = *result = driver().libraries.add(library);
  return CUDA_SUCCESS;
}

/// The library's module in a context, made at its first use; null when memory is used up.
std::shared_ptr<ModuleObject> moduleIn(LibraryObject &library, Context &context) {
  std::lock_guard lock(library.mutex);
  auto &module = library.modules[context.id];
  if (module) return module;
  if (openHeapFor(context, *library.image)) return nullptr;
  module = instantiate(context, library.image);
  if (!module) return nullptr;
  module->ofLibrary = true;
  for (size_t i = 0; i < module->functions.size(); ++i) {
    FunctionAttributes &to = module->functions[i]->attributes, &from = library.kernels[i]->attributes;
    to.maxDynamicShared = from.maxDynamicShared.load();
    to.carveout = from.carveout.load();
  }
  return module;
}

template <typename Work> CUresult onLibrary(CUlibrary handle, Work work) {
  return api([&]() -> CUresult {
    auto library = driver().libraries.find(handle);
    return library ? work(*library) : CUDA_ERROR_INVALID_HANDLE;
  });
}

template <typename Work> CUresult onKernel(CUkernel handle, Work work) {
  return api([&]() -> CUresult {
    auto kernel = driver().kernels.find(handle);
    auto library = kernel ? kernel->library.lock() : nullptr;
    return library ? work(*kernel, *library) : CUDA_ERROR_INVALID_HANDLE;
  });
}

} // namespace

namespace dlc::vcuda {

std::shared_ptr<Function> functionOf(Context &context, CUfunction handle) {
  if (auto function = driver().functions.find(handle)) return function;
  auto kernel = driver().kernels.find(reinterpret_cast<CUkernel>(handle));
  auto library = kernel ? kernel->library.lock() : nullptr;
  if (!library) return nullptr;
  auto module = moduleIn(*library, context);
  if (!module) return nullptr;
  return module->functions[size_t(kernel->info - library->image->kernels.data())];
}

} // namespace dlc::vcuda

VCUDA_API CUresult cuLibraryLoadData(CUlibrary *result, const void *code, int *jitOptions, void **jitValues,
                                     unsigned jitCount, int *options, void **values, unsigned count) {
  return api([&]() -> CUresult {
    if (count && (!options || !values)) return CUDA_ERROR_INVALID_VALUE;
    return load(result, code, jitCount, jitOptions, jitValues, "ptx");
  });
}

VCUDA_API CUresult cuLibraryLoadFromFile(CUlibrary *result, const char *path, int *jitOptions,
                                         void **jitValues, unsigned jitCount, int *options, void **values,
                                         unsigned count) {
  return api([&]() -> CUresult {
    if (count && (!options || !values)) return CUDA_ERROR_INVALID_VALUE;
    std::string text;
    if (CUresult wrong = readImage(path, text)) return wrong;
    return load(result, text.c_str(), jitCount, jitOptions, jitValues, path);
  });
}

VCUDA_API CUresult cuLibraryUnload(CUlibrary handle) {
  return api([&]() -> CUresult {
    auto library = driver().libraries.remove(handle);
    if (!library) return CUDA_ERROR_INVALID_HANDLE;
    for (const auto &kernel : library->kernels) driver().kernels.remove(kernel->handle);
    std::lock_guard lock(library->mutex);
    for (const auto &[id, module] : library->modules) {
      if (!module) continue;
      driver().modules.remove(module->handle);
      auto context = module->context.lock();
      if (!context) continue;
      context->queue.waitAll();
      releaseInstance(*context, *module);
    }
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuLibraryGetKernel(CUkernel *result, CUlibrary handle, const char *name) {
  if (!result || !name) return CUDA_ERROR_INVALID_VALUE;
  return onLibrary(handle, [&](LibraryObject &library) -> CUresult {
    for (const auto &kernel : library.kernels) {
      if (kernel->info->name != name) continue;
      *result = kernel->handle;
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_NOT_FOUND;
  });
}

VCUDA_API CUresult cuLibraryGetKernelCount(unsigned *count, CUlibrary handle) {
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  return onLibrary(handle, [&](LibraryObject &library) {
    *count = unsigned(library.kernels.size());
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuLibraryEnumerateKernels(CUkernel *kernels, unsigned count, CUlibrary handle) {
  if (!kernels) return CUDA_ERROR_INVALID_VALUE;
  return onLibrary(handle, [&](LibraryObject &library) {
    for (size_t i = 0; i < std::min<size_t>(count, library.kernels.size()); ++i)
      kernels[i] = library.kernels[i]->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuLibraryGetModule(CUmodule *result, CUlibrary handle) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return inContext([&](Context &context) -> CUresult {
    auto library = driver().libraries.find(handle);
    if (!library) return CUDA_ERROR_INVALID_HANDLE;
    auto module = moduleIn(*library, context);
    if (!module) return CUDA_ERROR_OUT_OF_MEMORY;
    *result = module->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule handle,
                                        const char *name);

VCUDA_API CUresult cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary handle,
                                      const char *name) {
  CUmodule module = nullptr;
  if (CUresult wrong = cuLibraryGetModule(&module, handle)) return wrong;
  return cuModuleGetGlobal_v2(address, bytes, module, name);
}

VCUDA_API CUresult cuKernelGetFunction(CUfunction *result, CUkernel handle) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return inContext([&](Context &context) -> CUresult {
    if (!driver().kernels.find(handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto function = functionOf(context, reinterpret_cast<CUfunction>(handle));
    if (!function) return CUDA_ERROR_OUT_OF_MEMORY;
    *result = function->handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuKernelGetLibrary(CUlibrary *result, CUkernel handle) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return onKernel(handle, [&](Kernel &, LibraryObject &library) {
    *result = library.handle;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuKernelGetName(const char **name, CUkernel handle) {
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  return onKernel(handle, [&](Kernel &kernel, LibraryObject &) {
    *name = kernel.info->name.c_str();
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuKernelGetParamInfo(CUkernel handle, size_t index, size_t *offset, size_t *bytes) {
  if (!offset) return CUDA_ERROR_INVALID_VALUE;
  return onKernel(handle, [&](Kernel &kernel, LibraryObject &) {
    return parameterInfo(*kernel.info, index, offset, bytes);
  });
}

VCUDA_API CUresult cuKernelGetAttribute(int *value, int attribute, CUkernel handle, CUdevice ordinal) {
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  return onKernel(handle, [&](Kernel &kernel, LibraryObject &library) -> CUresult {
    Device *device = driver().device(ordinal);
    if (!device) return CUDA_ERROR_INVALID_DEVICE;
    return getFunctionAttribute(*value, attribute, *kernel.info, *library.image, kernel.attributes, *device);
  });
}

VCUDA_API CUresult cuKernelSetAttribute(int attribute, int value, CUkernel handle, CUdevice ordinal) {
  return onKernel(handle, [&](Kernel &kernel, LibraryObject &library) -> CUresult {
    Device *device = driver().device(ordinal);
    if (!device) return CUDA_ERROR_INVALID_DEVICE;
    if (CUresult wrong = setFunctionAttribute(kernel.attributes, attribute, value, *kernel.info, *device))
      return wrong;
    std::lock_guard lock(library.mutex);
    for (const auto &[id, module] : library.modules) {
      auto context = module ? module->context.lock() : nullptr;
      if (!context || &context->device != device) continue;
      Function &function = *module->functions[size_t(kernel.info - library.image->kernels.data())];
      setFunctionAttribute(function.attributes, attribute, value, *kernel.info, *device);
    }
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuKernelSetCacheConfig(CUkernel handle, int config, CUdevice ordinal) {
  if (config < 0 || config > 3) return CUDA_ERROR_INVALID_VALUE;
  return onKernel(handle, [&](Kernel &, LibraryObject &) {
    return driver().device(ordinal) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
  });
}
