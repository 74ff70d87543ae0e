//===- rounding.h - directed rounding --------------------------*- C++ -*-===//
//
// add.rz, div.rm and their like are rare: they run lane by lane under the host's own rounding mode. Operands
// pass through volatile variables, so that no compiler moves or folds the operation.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_CORE_ROUNDING_H
#define DLC_RUNTIME_VCUDA_EXEC_CORE_ROUNDING_H

#include "runtime/vcuda/exec/core/core.h"

#include <fenv.h>

namespace dlc::vcuda::exec::DLC_CORE {

DLC_INLINE int hostRounding(u32 mods) {
  switch (mods & ModRoundMask) {
  case ModRz:
    return FE_TOWARDZERO;
  case ModRm:
    return FE_DOWNWARD;
  case ModRp:
    return FE_UPWARD;
  default:
    return FE_TONEAREST;
  }
}

/// f(a, b, c) under the rounding of `mods`; f must do one operation on volatile values.
template <class T, class F> DLC_INLINE T rounded(u32 mods, T a, T b, T c, F f) {
  volatile T x = a, y = b, z = c;
  fesetround(hostRounding(mods));
  volatile T r = f(x, y, z);
  fesetround(FE_TONEAREST);
  return r;
}

} // namespace dlc::vcuda::exec::DLC_CORE

#endif
