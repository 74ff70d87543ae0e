// Reductions over the same rows and the pointwise work between them: softmax, normalisations, sums with a
// tail.
//
//   %m = reduce max %x dims [2]        %x : [B, S, K]    space "full"
//   %b = broadcast %m dims [0, 1]      %m : [B, S]       space "row"
//   %e = exp(%x - %b)                                    full
//   %s = reduce add %e dims [2]                          row
//   %y = %e / broadcast %s                               full: everything above is one region
//
// Every value is either one per element or one per row, so a kernel that holds a row computes all of it with
// one read. A reduction of another shape, or over other dims, belongs to another region.
#include "passes/graph/fusion/fuser.h"

using namespace mlir;

namespace dlc::graph::fusion {

bool Fuser::isSameReduction(const Cluster &cluster, Operation *op) const {
  auto reduce = dyn_cast<ReduceOp>(op);
  return reduce && reduce.getDims() == ArrayRef<int64_t>(cluster.reducedDims) &&
         dimsOf(reduce.getOperands()[0]) == cluster.fullDims;
}

/// Positions of the dims that are not 1.
static SmallVector<int64_t> nonUnit(ArrayRef<Dim> dims) {
  SmallVector<int64_t> places;
  for (auto [i, dim] : llvm::enumerate(dims))
    if (!dim.isConstant(1)) places.push_back(i);
  return places;
}

/// Whether a broadcast gives each row's value to the row's elements.
bool Fuser::isRowBroadcast(const Cluster &cluster, Operation *op) const {
  auto broadcast = dyn_cast<BroadcastOp>(op);
  if (!broadcast || dimsOf(broadcast.getResult()) != cluster.fullDims) return false;
  SmallVector<int64_t> kept, places;
  for (auto [i, dim] : llvm::enumerate(cluster.fullDims))
    if (!llvm::is_contained(cluster.reducedDims, int64_t(i)) && !dim.isConstant(1)) kept.push_back(i);
  for (int64_t i : nonUnit(dimsOf(broadcast.getOperand()))) places.push_back(broadcast.getDims()[i]);
  return kept == places;
}

/// Equal but for dims of size 1.
static bool onlyUnitsDiffer(Operation *op) {
  auto strip = [](Value value) {
    SmallVector<Dim> dims = dimsOf(value);
    llvm::erase_if(dims, [](const Dim &dim) { return dim.isConstant(1); });
    return dims;
  };
  return isa<ReshapeOp, BroadcastOp>(op) && strip(op->getOperand(0)) == strip(op->getResult(0));
}

/// The space of a follower of a reduction's cluster; nothing when it can't be in the region.
std::optional<Space> Fuser::reductionSpace(int cluster, int node) {
  const Cluster &c = graph.clusters[cluster];
  Operation *op = graph.op(node);
  std::optional<Space> space;
  for (Value operand : op->getOperands()) {
    auto from = graph.producer(operand);
    if (!from || !c.contains(*from)) continue;
    Space here = c.members.at(*from);
    if (here == anySpace || (space && *space != here)) return std::nullopt;
    space = here;
  }
  if (!space) return std::nullopt;
  switch (roleOf(op)) {
  case Role::Pointwise:
    return space;
  case Role::Hero:
    return *space == fullSpace && isSameReduction(c, op) ? std::optional(rowSpace) : std::nullopt;
  case Role::Movement:
    return *space == rowSpace && isRowBroadcast(c, op) ? std::optional(fullSpace) : std::nullopt;
  case Role::Bijection:
    // A row of length 1 is full and row at once: it stays what it reads unless a broadcast says otherwise.
    if (*space == rowSpace && isRowBroadcast(c, op)) return fullSpace;
    return onlyUnitsDiffer(op) ? *space : spaceBehind(cluster, *space, op);
  default:
    return std::nullopt;
  }
}

void Fuser::growReductions() {
  for (size_t node = 0; node < graph.size(); ++node) {
    auto reduce = dyn_cast<ReduceOp>(graph.op(node));
    if (!reduce || !graph.isFree(node)) continue;
    int cluster = graph.makeCluster(node, "reduce");
    graph.clusters[cluster].members[node] = rowSpace;
    graph.clusters[cluster].fullDims = dimsOf(reduce.getOperands()[0]);
    graph.clusters[cluster].reducedDims = llvm::to_vector(reduce.getDims());
    if (!isOn("reduction", node, cluster)) continue;
    do {
      std::set<int> pending;
      for (auto [member, space] : graph.clusters[cluster].members)
        pending.insert(graph.users(member).begin(), graph.users(member).end());
      followAll(cluster, std::move(pending));
    } while (absorbReductionProducers(cluster));
    peel(cluster);
  }
}

/// Adds producers that only the cluster reads: pointwise work before a reduction, and sibling reductions
/// whose results meet in the cluster (a mean and a mean of squares). Whether something was added.
bool Fuser::absorbReductionProducers(int cluster) {
  bool changed = false;
  // Readers are visited after their producers' other readers: descending program order.
  std::vector<int> members;
  for (auto [node, space] : graph.clusters[cluster].members) members.push_back(node);
  std::set<int, std::greater<>> pending;
  for (int member : members) pending.insert(graph.producers(member).begin(), graph.producers(member).end());
  while (!pending.empty()) {
    int node = *pending.begin();
    pending.erase(pending.begin());
    const Cluster &c = graph.clusters[cluster];
    Operation *op = graph.op(node);
    if (!graph.isFree(node) || graph.escapes(node)) continue;
    if (!llvm::all_of(graph.users(node), [&](int user) { return c.contains(user); })) continue;
    Space space = producerSpace(cluster, node);
    bool isSibling = isSameReduction(c, op) && space == rowSpace;
    bool isWork = roleOf(op) == Role::Pointwise && (space == fullSpace || space == rowSpace);
    bool isUnits = roleOf(op) == Role::Bijection && onlyUnitsDiffer(op) && space == rowSpace;
    if (isRowBroadcast(c, op) && space == fullSpace) {
      // The row value behind it may be a sibling's.
      auto row = graph.producer(op->getOperand(0));
      if (!row || !graph.isFree(*row)) continue;
    } else if (!isSibling && !isWork && !isUnits) {
      continue;
    }
    std::string why;
    StringRef kind = isSibling ? "reduction" : "prologue";
    if (!isOn(kind, node, cluster)) continue;
    if (!fits(cluster, node, why)) {
      missed(cluster, node, kind, why);
      continue;
    }
    graph.add(cluster, node, space);
    pending.insert(graph.producers(node).begin(), graph.producers(node).end());
    changed = true;
  }
  return changed;
}

} // namespace dlc::graph::fusion
