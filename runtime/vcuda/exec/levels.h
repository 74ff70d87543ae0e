//===- levels.h - the copies of the interpreter core -----------*- C++ -*-===//
//
// core/ is compiled once per instruction set; which one runs is decided at run time by asking the CPU.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_LEVELS_H
#define DLC_RUNTIME_VCUDA_EXEC_LEVELS_H

#include "runtime/vcuda/exec/state.h"

namespace dlc::vcuda::exec {

struct CoreLevel {
  Handler (*selectHandler)(const Inst &);
  void (*interpret)(Warp &);
};

/// The level that runs when `wanted` is asked for: the wanted one, or the best that this CPU and build have.
HostLevel usableLevel(HostLevel wanted);
const CoreLevel &coreLevel(HostLevel usable);

} // namespace dlc::vcuda::exec

#endif
