// The choice of a family for a region.
#include "passes/schedule/families.h"

using namespace mlir;

namespace dlc::schedule {

Scheduled scheduleRegion(const CanonicalRegion &region, const TargetRecord &target, const std::string &name) {
  Scheduled out;
  out.module = ModuleOp::create(UnknownLoc::get(region.function().getContext()));
  bool served = scheduleRows(region, target, name, out) || scheduleGemv(region, target, name, out) ||
                scheduleMatmul(region, target, name, out) || scheduleDirect(region, target, name, out);
  if (!served) scheduleGeneral(region, target, name, out);
  return out;
}

} // namespace dlc::schedule
