// Schedules for every region of a module, as the compile and the pass --schedule-regions make them.
#pragma once

#include "passes/options.h"
#include "passes/schedule/schedule.h"

#include <memory>

namespace dlc::schedule {

/// The schedule that equal regions share.
struct RegionKind {
  std::string name; ///< of the first such region; its kernels' names start with it
  Scheduled scheduled;
};

/// A region of the model and its schedule.
struct RegionSchedule {
  graph::RegionOp region;
  std::vector<std::string> symbols; ///< the model's name of the schedule's D0, D1, ...
  const Scheduled *scheduled;
};

struct ModuleSchedule {
  std::vector<std::unique_ptr<RegionKind>> kinds; ///< in the order of their first regions
  std::vector<RegionSchedule> regions;            ///< in program order
};

/// The ranges of a module's symbols.
std::map<std::string, SymbolRange> symbolRanges(mlir::ModuleOp module);

/// Schedules all regions for the options' target. Remarks say which family took each kind of region, and what
/// the others said.
ModuleSchedule scheduleRegions(mlir::ModuleOp module, const CompileOptions &options, RemarkSink &remarks);

/// What is wrong with decisions by hand: regions that are not there, or whose schedules have no use for
/// several CTAs or no such tile. Empty when every one had its way.
std::string unusedByHand(const ModuleSchedule &schedule, const CompileOptions &options);

} // namespace dlc::schedule
