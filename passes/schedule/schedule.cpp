// The choice of a family for a region.
#include "passes/schedule/families.h"

using namespace mlir;

namespace dlc::schedule {

bool Scheduled::take(const std::string &family, std::vector<RemarkTerm> terms) {
  std::string choice = variants[told].schedule;
  if (size_t more = variants.size() - told - 1) choice += " and " + std::to_string(more) + " more";
  told = variants.size();
  decisions.push_back({family, true, choice, std::move(terms)});
  return true;
}

bool Scheduled::refuse(const std::string &family, const std::string &reason) {
  decisions.push_back({family, false, reason, {}});
  return false;
}

Scheduled scheduleRegion(const CanonicalRegion &region, const TargetRecord &target, const std::string &name) {
  Scheduled out;
  out.module = ModuleOp::create(UnknownLoc::get(region.function().getContext()));
  bool served = scheduleRows(region, target, name, out) || scheduleGemv(region, target, name, out) ||
                scheduleMatmul(region, target, name, out) || scheduleDirect(region, target, name, out);
  if (!served) {
    scheduleGeneral(region, target, name, out);
    out.take("general");
  }
  if (std::string decided = region.byHand.str(); !decided.empty())
    out.decisions.back().reason += ", by hand " + decided;
  return out;
}

} // namespace dlc::schedule
