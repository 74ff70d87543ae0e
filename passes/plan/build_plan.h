// From scheduled regions to the launch plan.
#pragma once

#include "ir/graph/graph_module.h"
#include "ir/plan/plan.h"
#include "passes/schedule/schedule.h"

namespace dlc::plan {

/// A region of the model and the schedule it shares with its equals.
struct RegionSchedule {
  graph::RegionOp region;
  std::vector<std::string> symbols; ///< the model's name of the schedule's D0, D1, ...
  const schedule::Scheduled *scheduled;
};

/// The plan of a module whose main function consists of regions, constants and fills of arguments. Inline
/// constants are added to the weights. Fails with a message for what the plan cannot say.
std::optional<Plan> buildPlan(GraphModule &model, llvm::ArrayRef<RegionSchedule> regions, std::string &error);

/// The ranges of the module's symbols, and facts made of them.
std::map<std::string, schedule::SymbolRange> symbolRanges(mlir::ModuleOp module);
DimFacts symbolFacts(mlir::ModuleOp module);

} // namespace dlc::plan
