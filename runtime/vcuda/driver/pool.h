//===- pool.h - memory pools and stream-ordered allocation -------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_POOL_H
#define DLC_RUNTIME_VCUDA_DRIVER_POOL_H

#include "runtime/vcuda/driver/state.h"

namespace dlc::vcuda {

/// Accounts for memory of a pool that was given back.
void poolGave(uint64_t pool, uint64_t bytes);
/// The handle of a pool by number; null if there is none.
CUmemoryPool poolHandle(uint64_t pool);

} // namespace dlc::vcuda

#endif
