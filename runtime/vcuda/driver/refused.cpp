// What the interface has and this device has not. A program that is linked to the library loads and is told
// so when it calls; one that looks for the function does not find it.
#include "runtime/vcuda/driver/refused.h"

#include "runtime/vcuda/driver/state.h"

#include <algorithm>

using namespace dlc::vcuda;

// clang-format off
#define REFUSED_FUNCTIONS(X) \
  /* Arrays, textures, surfaces. */ \
  X(cuArrayCreate_v2) X(cuArrayDestroy) X(cuArrayGetDescriptor_v2) X(cuArrayGetMemoryRequirements) \
  X(cuArrayGetPlane) X(cuArrayGetSparseProperties) X(cuArray3DCreate_v2) X(cuArray3DGetDescriptor_v2) \
  X(cuMipmappedArrayCreate) X(cuMipmappedArrayDestroy) X(cuMipmappedArrayGetLevel) \
  X(cuMipmappedArrayGetMemoryRequirements) X(cuMipmappedArrayGetSparseProperties) X(cuMemMapArrayAsync) \
  X(cuMemcpyAtoA_v2) X(cuMemcpyAtoD_v2) X(cuMemcpyAtoH_v2) X(cuMemcpyAtoHAsync_v2) X(cuMemcpyDtoA_v2) \
  X(cuMemcpyHtoA_v2) X(cuMemcpyHtoAAsync_v2) X(cuModuleGetTexRef) X(cuModuleGetSurfRef) \
  X(cuTexObjectCreate) X(cuTexObjectDestroy) X(cuTexObjectGetResourceDesc) X(cuTexObjectGetResourceViewDesc) \
  X(cuTexObjectGetTextureDesc) X(cuSurfObjectCreate) X(cuSurfObjectDestroy) X(cuSurfObjectGetResourceDesc) \
  X(cuTexRefCreate) X(cuTexRefDestroy) X(cuTexRefGetAddress_v2) X(cuTexRefGetAddressMode) X(cuTexRefGetArray) \
  X(cuTexRefGetBorderColor) X(cuTexRefGetFilterMode) X(cuTexRefGetFlags) X(cuTexRefGetFormat) \
  X(cuTexRefGetMaxAnisotropy) X(cuTexRefGetMipmapFilterMode) X(cuTexRefGetMipmapLevelBias) \
  X(cuTexRefGetMipmapLevelClamp) X(cuTexRefGetMipmappedArray) X(cuTexRefSetAddress_v2) \
  X(cuTexRefSetAddress2D_v3) X(cuTexRefSetAddressMode) X(cuTexRefSetArray) X(cuTexRefSetBorderColor) \
  X(cuTexRefSetFilterMode) X(cuTexRefSetFlags) X(cuTexRefSetFormat) X(cuTexRefSetMaxAnisotropy) \
  X(cuTexRefSetMipmapFilterMode) X(cuTexRefSetMipmapLevelBias) X(cuTexRefSetMipmapLevelClamp) \
  X(cuTexRefSetMipmappedArray) X(cuSurfRefGetArray) X(cuSurfRefSetArray) X(cuDeviceGetTexture1DLinearMaxWidth) \
  /* Sharing between processes and with other interfaces. */ \
  X(cuIpcGetMemHandle) X(cuIpcOpenMemHandle_v2) X(cuIpcCloseMemHandle) X(cuIpcGetEventHandle) \
  X(cuIpcOpenEventHandle) X(cuMemPoolExportPointer) X(cuMemPoolExportToShareableHandle) \
  X(cuMemPoolImportFromShareableHandle) X(cuMemPoolImportPointer) X(cuMemGetHandleForAddressRange) \
  X(cuImportExternalMemory) X(cuDestroyExternalMemory) X(cuExternalMemoryGetMappedBuffer) \
  X(cuExternalMemoryGetMappedMipmappedArray) X(cuImportExternalSemaphore) X(cuDestroyExternalSemaphore) \
  X(cuSignalExternalSemaphoresAsync) X(cuWaitExternalSemaphoresAsync) X(cuGraphAddExternalSemaphoresSignalNode) \
  X(cuGraphAddExternalSemaphoresWaitNode) X(cuGraphExternalSemaphoresSignalNodeGetParams) \
  X(cuGraphExternalSemaphoresSignalNodeSetParams) X(cuGraphExternalSemaphoresWaitNodeGetParams) \
  X(cuGraphExternalSemaphoresWaitNodeSetParams) X(cuGraphExecExternalSemaphoresSignalNodeSetParams) \
  X(cuGraphExecExternalSemaphoresWaitNodeSetParams) X(cuGraphicsMapResources) X(cuGraphicsUnmapResources) \
  X(cuGraphicsUnregisterResource) X(cuGraphicsResourceGetMappedPointer_v2) X(cuGraphicsResourceSetMapFlags_v2) \
  X(cuGraphicsResourceGetMappedMipmappedArray) X(cuGraphicsSubResourceGetMappedArray) \
  X(cuDeviceGetNvSciSyncAttributes) X(cuFlushGPUDirectRDMAWrites) X(cuDeviceGetLuid) \
  /* Parts of a device, groups of devices. */ \
  X(cuGreenCtxCreate) X(cuGreenCtxDestroy) X(cuGreenCtxGetDevResource) X(cuGreenCtxGetId) X(cuGreenCtxRecordEvent) \
  X(cuGreenCtxStreamCreate) X(cuGreenCtxWaitEvent) X(cuCtxFromGreenCtx) X(cuCtxGetDevResource) \
  X(cuDeviceGetDevResource) X(cuDevResourceGenerateDesc) X(cuDevSmResourceSplitByCount) X(cuStreamGetGreenCtx) \
  X(cuCtxGetExecAffinity) X(cuMulticastCreate) X(cuMulticastAddDevice) X(cuMulticastBindMem) \
  X(cuMulticastBindAddr) X(cuMulticastUnbind) X(cuMulticastGetGranularity) X(cuLaunchCooperativeKernelMultiDevice) \
  /* What the driver does beside. */ \
  X(cuCheckpointProcessCheckpoint) X(cuCheckpointProcessGetRestoreThreadId) X(cuCheckpointProcessGetState) \
  X(cuCheckpointProcessLock) X(cuCheckpointProcessRestore) X(cuCheckpointProcessUnlock) X(cuCoredumpGetAttribute) \
  X(cuCoredumpGetAttributeGlobal) X(cuCoredumpSetAttribute) X(cuCoredumpSetAttributeGlobal) X(cuLogsCurrent) \
  X(cuLogsDumpToFile) X(cuLogsDumpToMemory) X(cuLogsRegisterCallback) X(cuLogsUnregisterCallback) \
  X(cuDeviceRegisterAsyncNotification) X(cuDeviceUnregisterAsyncNotification) X(cuCtxRecordEvent) \
  X(cuCtxWaitEvent) X(cuDeviceGetHostAtomicCapabilities) X(cuDeviceGetP2PAtomicCapabilities) \
  /* Batches, managed memory in detail, attributes of nodes. */ \
  X(cuMemcpyBatchAsync_v2) X(cuMemcpy3DBatchAsync_v2) X(cuMemBatchDecompressAsync) X(cuMemPrefetchBatchAsync) \
  X(cuMemDiscardBatchAsync) X(cuMemDiscardAndPrefetchBatchAsync) X(cuMemRangeGetAttribute) \
  X(cuMemRangeGetAttributes) X(cuLibraryGetManaged) X(cuLibraryGetUnifiedFunction) \
  X(cuGraphKernelNodeGetAttribute) X(cuGraphKernelNodeSetAttribute) X(cuGraphKernelNodeCopyAttributes) \
  /* TMA's descriptors. */ \
  X(cuTensorMapEncodeTiled) X(cuTensorMapEncodeIm2col) X(cuTensorMapEncodeIm2colWide) X(cuTensorMapReplaceAddress) \
  /* How one launched before cuLaunchKernel, and other things that cuda.h calls deprecated. */ \
  X(cuLaunch) X(cuLaunchGrid) X(cuLaunchGridAsync) X(cuParamSetSize) X(cuParamSeti) X(cuParamSetf) X(cuParamSetv) \
  X(cuParamSetTexRef) X(cuFuncSetBlockShape) X(cuFuncSetSharedSize) X(cuCtxAttach) X(cuCtxDetach) X(cuProfilerInitialize)

/* The names that programs for per-thread default streams link to. */
#define REFUSED_PER_THREAD(X) \
  X(cuMemcpyAtoA_v2_ptds) X(cuMemcpyAtoD_v2_ptds) X(cuMemcpyAtoH_v2_ptds) X(cuMemcpyAtoHAsync_v2_ptsz) \
  X(cuMemcpyDtoA_v2_ptds) X(cuMemcpyHtoA_v2_ptds) X(cuMemcpyHtoAAsync_v2_ptsz) X(cuMemMapArrayAsync_ptsz) \
  X(cuSignalExternalSemaphoresAsync_ptsz) X(cuWaitExternalSemaphoresAsync_ptsz) X(cuGraphicsMapResources_ptsz) \
  X(cuGraphicsUnmapResources_ptsz) X(cuMemcpyBatchAsync_v2_ptsz) X(cuMemcpy3DBatchAsync_v2_ptsz) \
  X(cuMemBatchDecompressAsync_ptsz) X(cuMemPrefetchBatchAsync_ptsz) X(cuMemDiscardBatchAsync_ptsz) \
  X(cuMemDiscardAndPrefetchBatchAsync_ptsz)
// clang-format on

// The caller cleans up what it passes, so that one without parameters serves them all.
#define DEFINE(name)                                                                                         \
  VCUDA_API CUresult name() {                                                                                \
    return api([] { return CUDA_ERROR_NOT_SUPPORTED; });                                                     \
  }
REFUSED_FUNCTIONS(DEFINE)
REFUSED_PER_THREAD(DEFINE)
#undef DEFINE

bool dlc::vcuda::isRefused(std::string_view name) {
#define NAME(name) #name,
  static constexpr std::string_view names[] = {REFUSED_FUNCTIONS(NAME)};
#undef NAME
  // Programs ask for names without the revision.
  return std::any_of(std::begin(names), std::end(names), [&](std::string_view refused) {
    bool isRevision = refused.size() == name.size() + 3 && refused.substr(name.size(), 2) == "_v";
    return refused == name || (isRevision && refused.starts_with(name));
  });
}
