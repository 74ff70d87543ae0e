#include "passes/graph/fusion/cluster_graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dlc::graph::fusion {

/// A broadcast that only adds dims of size 1.
static bool onlyAddsUnits(BroadcastOp op) {
  SmallVector<Dim> in = dimsOf(op.getOperand()), out = dimsOf(op.getResult());
  std::vector<bool> taken(out.size());
  for (auto [dim, place] : llvm::zip(in, op.getDims())) {
    if (!(dim == out[place])) return false;
    taken[place] = true;
  }
  for (auto [dim, isTaken] : llvm::zip(out, taken))
    if (!isTaken && !dim.isConstant(1)) return false;
  return true;
}

Role roleOf(Operation *op) {
  if (isPointwise(op)) return Role::Pointwise;
  return llvm::TypeSwitch<Operation *, Role>(op)
      .Case<FillOp, IotaOp, DimValueOp>([](auto) { return Role::Free; })
      .Case<ConstantOp>([](auto) { return Role::Source; })
      .Case<TransposeOp, ReshapeOp>([](auto) { return Role::Bijection; })
      .Case<BroadcastOp>([](auto op) { return onlyAddsUnits(op) ? Role::Bijection : Role::Movement; })
      .Case<SliceOp, PadOp, ConcatOp>([](auto) { return Role::Movement; })
      .Case<GatherOp>([](auto) { return Role::Indirect; })
      .Case<DotOp, ConvOp, ReduceOp, WindowOp>([](auto) { return Role::Hero; })
      .Default([](auto) { return Role::Other; });
}

StringRef heroName(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case<DotOp>([](auto) { return "dot"; })
      .Case<ConvOp>([](auto) { return "conv"; })
      .Case<ReduceOp>([](auto) { return "reduce"; })
      .Case<WindowOp>([](auto) { return "window"; })
      .Case<GatherOp>([](auto) { return "gather"; })
      .Default([](auto) { return "none"; });
}

ClusterGraph::ClusterGraph(Block &block) {
  for (Operation &op : block.without_terminator()) {
    Role role = roleOf(&op);
    if (role == Role::Free || role == Role::Source) continue;
    nodeOf[&op] = ops.size();
    ops.push_back(&op);
  }
  usersOf.resize(ops.size());
  producersOf.resize(ops.size());
  membership.resize(ops.size());
  escaping.resize(ops.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    std::set<int> users;
    for (Operation *user : ops[i]->getUsers()) {
      // A reader inside another op's region counts as that op.
      auto it = nodeOf.find(block.findAncestorOpInBlock(*user));
      if (it == nodeOf.end())
        escaping[i] = true;
      else
        users.insert(it->second);
    }
    usersOf[i].assign(users.begin(), users.end());
    for (int user : usersOf[i]) producersOf[user].push_back(i);
  }
}

std::optional<int> ClusterGraph::node(Operation *op) const {
  auto it = op ? nodeOf.find(op) : nodeOf.end();
  return it == nodeOf.end() ? std::nullopt : std::optional<int>(it->second);
}

int ClusterGraph::makeCluster(int hero, StringRef heroName) {
  clusters.emplace_back();
  clusters.back().hero = heroName.str();
  add(clusters.size() - 1, hero, fullSpace);
  return clusters.size() - 1;
}

void ClusterGraph::add(int cluster, int node, Space space) {
  clusters[cluster].members[node] = space;
  membership[node].push_back(cluster);
}

void ClusterGraph::remove(int cluster, int node) {
  clusters[cluster].members.erase(node);
  clusters[cluster].prologue.erase(node);
  llvm::erase(membership[node], cluster);
}

void ClusterGraph::merge(int into, int from) {
  auto members = clusters[from].members;
  for (auto [node, space] : members) {
    remove(from, node);
    if (!clusters[into].contains(node)) add(into, node, space);
  }
}

bool ClusterGraph::wouldCycle(int cluster, int node) const { return pathLeavesAndReturns({cluster}, node); }

bool ClusterGraph::wouldCycleMerged(int a, int b) const { return pathLeavesAndReturns({a, b}, std::nullopt); }

/// Whether some result of the group (clusters, and a free node that joins them) leads through others back
/// into it. A repeated node is part of each of its clusters, and gives nothing to the outside.
bool ClusterGraph::pathLeavesAndReturns(ArrayRef<int> group, std::optional<int> joining) const {
  std::vector<bool> seenNode(ops.size()), seenCluster(clusters.size());
  std::vector<int> nodes, units; // free nodes and clusters that are reached and not yet followed
  bool returned = false;
  auto reach = [&](int user, ArrayRef<int> from, bool fromGroup) {
    if (membership[user].empty()) {
      bool isGroup = user == joining;
      returned |= isGroup && !fromGroup;
      if (!isGroup && !seenNode[user]) seenNode[user] = true, nodes.push_back(user);
    }
    for (int cluster : membership[user]) {
      if (llvm::is_contained(from, cluster)) continue; // inside
      returned |= llvm::is_contained(group, cluster);
      if (!seenCluster[cluster]) seenCluster[cluster] = true, units.push_back(cluster);
    }
  };
  auto leave = [&](int member, ArrayRef<int> from, bool fromGroup) {
    if (membership[member].size() > 1) return;
    for (int user : usersOf[member]) reach(user, from, fromGroup);
  };
  for (int cluster : group)
    for (auto [member, space] : clusters[cluster].members) leave(member, group, true);
  if (joining) leave(*joining, group, true);
  while (!returned && !(nodes.empty() && units.empty())) {
    if (!nodes.empty()) {
      int node = nodes.back();
      nodes.pop_back();
      leave(node, {}, false);
    } else {
      int cluster = units.back();
      units.pop_back();
      for (auto [member, space] : clusters[cluster].members) leave(member, {cluster}, false);
    }
  }
  return returned;
}

bool ClusterGraph::isOutput(int cluster, int node) const {
  if (membership[node].size() > 1) return false;
  return escaping[node] ||
         llvm::any_of(usersOf[node], [&](int user) { return membership[user] != std::vector<int>{cluster}; });
}

int ClusterGraph::outputCount(int cluster) const {
  return llvm::count_if(clusters[cluster].members,
                        [&](auto member) { return isOutput(cluster, member.first); });
}

int ClusterGraph::operandCount(int cluster, std::optional<int> extra) const {
  llvm::SmallPtrSet<void *, 16> operands;
  auto count = [&](int node) {
    for (Value operand : ops[node]->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (def && roleOf(def) == Role::Free) continue;
      if (auto from = producer(operand); from && (clusters[cluster].contains(*from) || from == extra))
        continue;
      operands.insert(operand.getAsOpaquePointer());
    }
  };
  for (auto [node, space] : clusters[cluster].members) count(node);
  if (extra) count(*extra);
  return operands.size();
}

std::vector<int> ClusterGraph::order() const {
  // Kahn's algorithm; the ready cluster with the earliest last op goes first, so the order follows the
  // program.
  std::vector<std::set<int>> needs(clusters.size());
  std::vector<std::vector<int>> feeds(clusters.size());
  for (size_t c = 0; c < clusters.size(); ++c)
    for (auto [node, space] : clusters[c].members)
      for (int from : producersOf[node])
        if (!clusters[c].contains(from) && !membership[from].empty())
          needs[c].insert(membership[from].front());
  std::set<std::pair<int, int>> ready;
  std::vector<size_t> missing(clusters.size());
  for (size_t c = 0; c < clusters.size(); ++c) {
    if (clusters[c].members.empty()) continue;
    missing[c] = needs[c].size();
    for (int from : needs[c]) feeds[from].push_back(c);
    if (missing[c] == 0) ready.insert({clusters[c].members.rbegin()->first, c});
  }
  std::vector<int> result;
  while (!ready.empty()) {
    int c = ready.begin()->second;
    ready.erase(ready.begin());
    result.push_back(c);
    for (int next : feeds[c])
      if (--missing[next] == 0) ready.insert({clusters[next].members.rbegin()->first, next});
  }
  return result;
}

} // namespace dlc::graph::fusion
