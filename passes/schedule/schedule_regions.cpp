// From regions to tile kernels.
//
//   %y = graph.region "k0_exp"(%x) { %e = math.exp %x ... }        one for each of two layers
//   %z = graph.region "k1_exp"(%y) { %e = math.exp %x ... }
//
// becomes the kernels that these regions need, each once:
//
//   func.func @k0_exp(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %D0: i32) attributes {tile.warps = 4, ...} {
//     %id = tile.program_id 0
//     %t = tile.load %x at <"i0 + x0 * 512"> ...
//     ...
//
// Launches (grids, parameters, conditions of variants) are no part of the tile level: they go into the plan.
// So as a pass this shows the kernels only.
#include "passes/schedule/schedule_regions.h"
#include "passes/schedule/passes.h"

#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace dlc::schedule {

#define GEN_PASS_DEF_SCHEDULEREGIONS
#include "passes/schedule/passes.h.inc"

std::map<std::string, SymbolRange> symbolRanges(ModuleOp module) {
  std::map<std::string, SymbolRange> ranges;
  for (auto symbol : module.getOps<graph::SymbolOp>())
    ranges[symbol.getName().str()] = {int64_t(symbol.getMin()), int64_t(symbol.getMax()),
                                      int64_t(symbol.getMultiple())};
  return ranges;
}

static void addRemarks(const RegionKind &kind, RemarkSink &remarks) {
  if (!remarks) return;
  for (const Decision &decision : kind.scheduled.decisions)
    remarks.add({decision.isTaken ? Remark::Kind::Scheduled : Remark::Kind::Missed, "schedule-regions",
                 kind.name, decision.family, "", decision.reason, decision.terms});
}

ModuleSchedule scheduleRegions(ModuleOp module, const CompileOptions &options, RemarkSink &remarks) {
  ModuleSchedule result;
  auto ranges = symbolRanges(module);
  std::map<std::string, RegionKind *> byKey;
  module.walk([&](graph::RegionOp region) {
    CanonicalRegion canonical =
        canonicalize(region, ranges, options.byHand.of(std::string_view(region.getName())));
    RegionKind *&kind = byKey[canonical.key];
    if (!kind) {
      std::string name = region.getName().str();
      result.kinds.push_back(
          std::make_unique<RegionKind>(name, scheduleRegion(canonical, *options.target, name)));
      kind = result.kinds.back().get();
      addRemarks(*kind, remarks);
    }
    result.regions.push_back({region, canonical.symbols, &kind->scheduled});
  });
  return result;
}

std::string unusedByHand(const ModuleSchedule &schedule, const CompileOptions &options) {
  for (const auto &[name, decided] : options.byHand.all()) {
    if (name == "*") continue;
    auto isNamed = [&](RegionSchedule entry) { return entry.region.getName() == name; };
    auto region = llvm::find_if(schedule.regions, isNamed);
    if (region == schedule.regions.end()) return "no region is called '" + name + "'";
    const std::vector<Variant> &variants = region->scheduled->variants;
    auto isShared = [](const Variant &variant) { return variant.parts > 1; };
    auto hasTile = [&](const Variant &variant) { return variant.tile == decided.tile; };
    if (decided.split.value_or(1) > 1 && llvm::none_of(variants, isShared))
      return "the schedule of '" + name + "' has no work for " + std::to_string(*decided.split) +
             " CTAs to share: " + variants.front().schedule;
    if (decided.tile && llvm::none_of(variants, hasTile))
      return "no schedule of '" + name + "' has tile=" + decided.tile->str() + ": " +
             variants.back().schedule;
  }
  return "";
}

namespace {

struct ScheduleRegions : impl::ScheduleRegionsBase<ScheduleRegions> {
  explicit ScheduleRegions(PassContext &context) : context(context) {}

  void runOnOperation() override {
    ModuleOp module = getOperation();
    ModuleSchedule schedule = scheduleRegions(module, context.options, context.remarks);
    if (std::string unused = unusedByHand(schedule, context.options); !unused.empty()) {
      module.emitError(unused);
      return signalPassFailure();
    }
    SmallVector<Operation *> graph;
    for (Operation &op : *module.getBody()) graph.push_back(&op);
    for (Operation *op : llvm::reverse(graph)) op->erase();
    module->setAttrs(DictionaryAttr::get(&getContext()));
    for (auto &kind : schedule.kinds) {
      auto &kernels = kind->scheduled.module->getBody()->getOperations();
      module.getBody()->getOperations().splice(module.getBody()->end(), kernels);
    }
  }

  PassContext &context;
};

} // namespace

void registerSchedulePasses(PassContext &context) {
  mlir::registerPass([&context] { return std::make_unique<ScheduleRegions>(context); });
}

} // namespace dlc::schedule
