//===- memory_operations.h - words of memory that streams write and wait for --===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_MEMORY_OPERATIONS_H
#define DLC_RUNTIME_VCUDA_DRIVER_MEMORY_OPERATIONS_H

#include "runtime/vcuda/driver/state.h"

namespace dlc::vcuda {

/// Done one after the other. A wait holds up its stream and nothing else.
struct MemoryOperations {
  std::vector<CUstreamBatchMemOpParams> all;
  unsigned flags = 0; ///< as given to the API
};

/// Reads and checks a client's list. `isFirstVersion`: the interface of before CUDA 11.7, which has other
/// flags.
CUresult readOperations(const CUstreamBatchMemOpParams *list, size_t count, unsigned flags,
                        bool isFirstVersion, MemoryOperations &operations);

bool isWait(const CUstreamBatchMemOpParams &operation);
/// Whether a wait is over: the word is as wanted, or there is no use in waiting, because the context has
/// failed or the memory has gone.
bool isOver(Context &context, const CUstreamBatchMemOpParams &wait);
/// Called by the queue; of a wait, when it is over.
void runOperation(Context &context, const CUstreamBatchMemOpParams &operation);

} // namespace dlc::vcuda

#endif
