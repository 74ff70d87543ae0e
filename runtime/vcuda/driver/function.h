//===- function.h - functions of modules, their attributes and occupancy -----===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_FUNCTION_H
#define DLC_RUNTIME_VCUDA_DRIVER_FUNCTION_H

#include "runtime/vcuda/driver/state.h"

namespace dlc::vcuda {

/// What a launch call means by its function: one of a module, or a library's kernel in this context. Null if
/// neither.
std::shared_ptr<Function> functionOf(Context &context, CUfunction handle);

CUresult getFunctionAttribute(int &value, int attribute, const KernelInfo &info, const Module &image,
                              const FunctionAttributes &attributes, const Device &device);
CUresult setFunctionAttribute(FunctionAttributes &attributes, int attribute, int value,
                              const KernelInfo &info, const Device &device);
/// INVALID_VALUE past the last parameter: that is how clients count them.
CUresult parameterInfo(const KernelInfo &info, size_t index, size_t *offset, size_t *bytes);

/// Threads that one CTA may have at most.
unsigned maxThreads(const KernelInfo &info);
/// CTAs of a kernel that one SM holds, by threads, registers, shared memory and slots.
int residentCtas(const KernelInfo &info, const Device &device, unsigned threads, uint64_t dynamicShared);

} // namespace dlc::vcuda

#endif
