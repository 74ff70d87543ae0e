// The family that serves every region: each element of a result is computed by one thread.
//
// Elements are numbered in row-major order; a CTA takes a run of them. Pointwise regions take several
// neighbouring elements per thread, so that loads and stores are 16 bytes wide where the shapes allow it.
#include "passes/schedule/families.h"

using namespace mlir;

namespace dlc::schedule {

// Loops per element make vectors pointless: the work is not in the loads of neighbours.
static bool hasLoops(const CanonicalRegion &region) {
  bool found = false;
  region.function().walk([&](Operation *op) {
    found |= isa<graph::ReduceOp, graph::DotOp, graph::ConvOp, graph::WindowOp>(op);
  });
  return found;
}

static int64_t vectorFor(const CanonicalRegion &region, ArrayRef<unsigned> results,
                         const KernelBuilder &kernel) {
  if (hasLoops(region)) return 1;
  int64_t widest = 1;
  for (unsigned r : results)
    widest = std::max<int64_t>(widest, graph::elementTypeOf(kernel.yielded(r)).getIntOrFloatBitWidth() / 8);
  return std::max<int64_t>(1, 16 / widest);
}

static void makeKernel(const CanonicalRegion &region, const std::string &name, ArrayRef<unsigned> results,
                       int64_t indexBits, Scheduled &out, Variant &variant) {
  constexpr int64_t warps = 4;
  KernelBuilder kernel(region, *out.module, name, warps, indexBits);
  Emitter &emitter = kernel.emitter;
  int64_t vector = vectorFor(region, results, kernel), perTile = warps * 32 * vector;
  SmallVector<Dim> dims = graph::dimsOf(kernel.yielded(results[0]));
  Dim count = graph::elementCount(dims);
  Dim id = kernel.programId(0);
  emitter.facts.declareIndex(id.symbolName(), ceilDiv(count, Dim(perTile)));
  emitter.facts.declareIndex("i0", Dim(perTile));
  Dim position = id * perTile + Dim::symbol("i0");
  Space space{Layout::blocked({perTile}, vector, warps), {}};
  Dim room = emitter.facts.simplify(count - 1 - position);
  if (!emitter.facts.proveNonNegative(room)) space.guards.push_back(room);
  auto coords = delinearize(position, dims);
  for (unsigned r : results)
    emitter.store(emitter.emit(kernel.yielded(r), coords, space), kernel.resultMemory(r), coords, space);
  kernel.finish();
  kernel.launch.grid = {ceilDiv(count, Dim(perTile)), Dim(1), Dim(1)};
  variant.launches.push_back(std::move(kernel.launch));
}

void scheduleGeneral(const CanonicalRegion &region, const TargetRecord &, const std::string &name,
                     Scheduled &out) {
  // Results of equal dims are computed together.
  std::vector<SmallVector<unsigned>> groups;
  func::FuncOp function = region.function();
  for (auto [i, value] : llvm::enumerate(function.getBody().front().getTerminator()->getOperands())) {
    auto same = llvm::find_if(groups, [&, value = value](const SmallVector<unsigned> &group) {
      return graph::dimsOf(function.getBody().front().getTerminator()->getOperand(group[0])) ==
             graph::dimsOf(value);
    });
    if (same == groups.end())
      groups.push_back({unsigned(i)});
    else
      same->push_back(i);
  }
  auto when = fitsIn32Bits(region, 4096);
  for (int64_t bits : {32, 64}) {
    if (bits == 64 && when.empty()) break;
    Variant variant;
    variant.schedule = "general index=i" + std::to_string(bits);
    if (bits == 32) variant.when = when;
    for (auto [g, group] : llvm::enumerate(groups)) {
      std::string kernel =
          name + (groups.size() > 1 ? "_" + std::to_string(g) : "") + (bits == 64 ? "_i64" : "");
      makeKernel(region, kernel, group, bits, out, variant);
    }
    out.variants.push_back(std::move(variant));
  }
}

} // namespace dlc::schedule
