// cuGetProcAddress: the library's own exports, with the version of each that a client asks for.
#include "runtime/vcuda/driver/refused.h"
#include "runtime/vcuda/driver/state.h"

#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <mutex>

using namespace dlc::vcuda;

namespace {

/// Functions that changed their signature: from which API version on which export is meant, newest first.
struct Version {
  const char *name;
  int since;
  const char *symbol;
};
const Version versions[] = {
    {"cuCtxCreate", 12050, "cuCtxCreate_v4"},
    {"cuCtxCreate", 11040, "cuCtxCreate_v3"},
    {"cuCtxCreate", 3020, "cuCtxCreate_v2"},
    {"cuCtxGetDevice", 13000, "cuCtxGetDevice_v2"},
    {"cuCtxGetDevice", 2000, "cuCtxGetDevice"},
    {"cuCtxSynchronize", 13000, "cuCtxSynchronize_v2"},
    {"cuCtxSynchronize", 2000, "cuCtxSynchronize"},
    {"cuGetProcAddress", 12000, "cuGetProcAddress_v2"},
    {"cuGetProcAddress", 11030, "cuGetProcAddress"},
    {"cuGraphAddDependencies", 12030, "cuGraphAddDependencies_v2"},
    {"cuGraphAddDependencies", 10000, "cuGraphAddDependencies"},
    {"cuGraphAddKernelNode", 12000, "cuGraphAddKernelNode_v2"},
    {"cuGraphAddKernelNode", 10000, "cuGraphAddKernelNode"},
    {"cuGraphAddNode", 12030, "cuGraphAddNode_v2"},
    {"cuGraphAddNode", 12020, "cuGraphAddNode"},
    {"cuGraphExecKernelNodeSetParams", 12000, "cuGraphExecKernelNodeSetParams_v2"},
    {"cuGraphExecKernelNodeSetParams", 10010, "cuGraphExecKernelNodeSetParams"},
    {"cuGraphExecUpdate", 12000, "cuGraphExecUpdate_v2"},
    {"cuGraphExecUpdate", 10020, "cuGraphExecUpdate"},
    {"cuGraphGetEdges", 12030, "cuGraphGetEdges_v2"},
    {"cuGraphGetEdges", 10000, "cuGraphGetEdges"},
    {"cuGraphInstantiate", 12000, "cuGraphInstantiateWithFlags"},
    {"cuGraphInstantiate", 11000, "cuGraphInstantiate_v2"},
    {"cuGraphKernelNodeGetParams", 12000, "cuGraphKernelNodeGetParams_v2"},
    {"cuGraphKernelNodeGetParams", 10000, "cuGraphKernelNodeGetParams"},
    {"cuGraphKernelNodeSetParams", 12000, "cuGraphKernelNodeSetParams_v2"},
    {"cuGraphKernelNodeSetParams", 10000, "cuGraphKernelNodeSetParams"},
    {"cuGraphNodeGetDependencies", 12030, "cuGraphNodeGetDependencies_v2"},
    {"cuGraphNodeGetDependencies", 10000, "cuGraphNodeGetDependencies"},
    {"cuGraphNodeGetDependentNodes", 12030, "cuGraphNodeGetDependentNodes_v2"},
    {"cuGraphNodeGetDependentNodes", 10000, "cuGraphNodeGetDependentNodes"},
    {"cuGraphRemoveDependencies", 12030, "cuGraphRemoveDependencies_v2"},
    {"cuGraphRemoveDependencies", 10000, "cuGraphRemoveDependencies"},
    {"cuMemAdvise", 12020, "cuMemAdvise_v2"},
    {"cuMemAdvise", 8000, "cuMemAdvise"},
    {"cuMemPrefetchAsync", 12020, "cuMemPrefetchAsync_v2"},
    {"cuMemPrefetchAsync", 8000, "cuMemPrefetchAsync"},
    {"cuStreamBatchMemOp", 11070, "cuStreamBatchMemOp_v2"},
    {"cuStreamBatchMemOp", 8000, "cuStreamBatchMemOp"},
    {"cuStreamBeginCapture", 10010, "cuStreamBeginCapture_v2"},
    {"cuStreamBeginCapture", 10000, "cuStreamBeginCapture"},
    {"cuStreamGetCaptureInfo", 12030, "cuStreamGetCaptureInfo_v3"},
    {"cuStreamGetCaptureInfo", 11030, "cuStreamGetCaptureInfo_v2"},
    {"cuStreamGetCaptureInfo", 10010, "cuStreamGetCaptureInfo"},
    {"cuStreamUpdateCaptureDependencies", 12030, "cuStreamUpdateCaptureDependencies_v2"},
    {"cuStreamUpdateCaptureDependencies", 11030, "cuStreamUpdateCaptureDependencies"},
    {"cuStreamGetCtx", 12050, "cuStreamGetCtx_v2"},
    {"cuStreamGetCtx", 9020, "cuStreamGetCtx"},
    {"cuStreamWaitValue32", 11070, "cuStreamWaitValue32_v2"},
    {"cuStreamWaitValue32", 8000, "cuStreamWaitValue32"},
    {"cuStreamWaitValue64", 11070, "cuStreamWaitValue64_v2"},
    {"cuStreamWaitValue64", 9000, "cuStreamWaitValue64"},
    {"cuStreamWriteValue32", 11070, "cuStreamWriteValue32_v2"},
    {"cuStreamWriteValue32", 8000, "cuStreamWriteValue32"},
    {"cuStreamWriteValue64", 11070, "cuStreamWriteValue64_v2"},
    {"cuStreamWriteValue64", 9000, "cuStreamWriteValue64"},
};

/// This library, by whatever name it was loaded.
void *ownLibrary() {
  static void *library = [] {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&ownLibrary), &info)) return static_cast<void *>(nullptr);
    return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  }();
  return library;
}

void *exported(const std::string &name) {
  void *library = ownLibrary();
  void *symbol = library ? dlsym(library, name.c_str()) : nullptr;
  Dl_info found, own;
  // dlsym also looks into what the library depends on.
  if (!symbol || !dladdr(symbol, &found) || !dladdr(reinterpret_cast<void *>(&ownLibrary), &own))
    return nullptr;
  return found.dli_fbase == own.dli_fbase ? symbol : nullptr;
}

/// The export that `name` means at an API version: the one of the table, else the newest revision.
void *resolve(const std::string &name, int version, uint64_t flags, bool &tooOld) {
  std::string symbol;
  for (const Version &row : versions) {
    if (name != row.name) continue;
    tooOld = version < row.since;
    if (tooOld) continue;
    symbol = row.symbol;
    break;
  }
  if (tooOld) return nullptr;
  if (symbol.empty()) symbol = exported(name + "_v2") ? name + "_v2" : name;
  if (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM)
    for (const char *suffix : {"_ptsz", "_ptds"})
      if (void *p = exported(symbol + suffix)) return p;
  return exported(symbol);
}

} // namespace

VCUDA_API CUresult cuGetProcAddress_v2(const char *name, void **result, int version, uint64_t flags,
                                       int *status) {
  if (!name || !result || flags > 2) return CUDA_ERROR_INVALID_VALUE;
  bool tooOld = false;
  // Only the API's own names: not those of the options below it.
  // Nor those that only say that they are not served.
  bool mayBe = std::strncmp(name, "cu", 2) == 0 && !isRefused(name);
  *result = mayBe ? resolve(name, version, flags, tooOld) : nullptr;
  if (status)
    *status = *result  ? CU_GET_PROC_ADDRESS_SUCCESS
              : tooOld ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                       : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  // With a place for the status, not finding a name is not an error of the call.
  return *result || status ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

/// What programs for per-thread default streams are linked to: unless asked otherwise, they mean these
/// variants.
VCUDA_API CUresult cuGetProcAddress_v2_ptsz(const char *name, void **result, int version, uint64_t flags,
                                            int *status) {
  return cuGetProcAddress_v2(name, result, version,
                             flags ? flags : CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, status);
}

VCUDA_API CUresult cuGetProcAddress(const char *name, void **result, int version, uint64_t flags) {
  return cuGetProcAddress_v2(name, result, version, flags, nullptr);
}

/// Private tables between NVIDIA's libraries: there are none here. The CUDA runtime does not start without
/// them and calls that "named symbol not found", so it is said what is meant.
VCUDA_API CUresult cuGetExportTable(const void **table, const CUuuid *) {
  if (!table) return CUDA_ERROR_INVALID_VALUE;
  *table = nullptr;
  static std::once_flag said;
  std::call_once(said, [] {
    std::fputs("vcuda: something asks for private tables of NVIDIA's driver, without which the CUDA runtime "
               "(cudart) "
               "does not start: the virtual GPU serves the Driver API only; load the program's PTX with "
               "cuModuleLoadData, or run its kernels with dlc-vcuda\n",
               stderr);
  });
  return CUDA_ERROR_NOT_FOUND;
}
