// The step from regions to tile kernels as a pass (Passes.td), for tools that take pipelines.
#pragma once

#include "passes/options.h"

namespace dlc::schedule {

/// Makes --schedule-regions known to the pass registry; the context outlives the pass.
void registerSchedulePasses(PassContext &context);

} // namespace dlc::schedule
