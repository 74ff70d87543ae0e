//===- counters.h - counting what a launch did -----------------*- C++ -*-===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_COUNTERS_H
#define DLC_RUNTIME_VCUDA_EXEC_COUNTERS_H

#include "runtime/vcuda/exec/run.h"

namespace dlc::vcuda::exec {

InstructionClass classOf(const Inst &inst);

/// Sums what the workers counted. Instructions are counted by basic block: a guarded instruction counts as
/// issued.
void mergeCounters(const Launch &launch, std::vector<std::unique_ptr<Worker>> &workers, Counters &out);

} // namespace dlc::vcuda::exec

#endif
