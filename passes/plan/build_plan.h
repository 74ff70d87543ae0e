// From scheduled regions to the launch plan.
#pragma once

#include "ir/graph/graph_module.h"
#include "ir/plan/plan.h"
#include "passes/schedule/schedule_regions.h"

namespace dlc::plan {

using schedule::RegionSchedule;

/// The plan of a module whose main function consists of regions, constants and fills of arguments. Inline
/// constants are added to the weights. Fails with a message for what the plan cannot say.
std::optional<Plan> buildPlan(GraphModule &model, llvm::ArrayRef<RegionSchedule> regions, std::string &error);

/// Facts about a module's symbols.
DimFacts symbolFacts(mlir::ModuleOp module);

} // namespace dlc::plan
