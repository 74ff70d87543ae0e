// What follows a contraction or a window, computed on its tile before it is stored.
//
//   %d = graph.dot %a, %w                       one region:
//   %b = arith.addf %d, %bias_broadcast            dot, add, maximum, transpose
//   %r = arith.maximumf %b, %zero
//   %t = graph.transpose %r
//
// A follower must read the hero at one index per result element (pointwise ops and bijections only):
// otherwise the contraction would be computed more than once. A value that is also read elsewhere becomes
// another result.
#include "passes/graph/fusion/fuser.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace dlc::graph::fusion {

void Fuser::growEpilogues() {
  for (size_t node = 0; node < graph.size(); ++node) {
    Operation *op = graph.op(node);
    if (!graph.isFree(node) || !isa<DotOp, ConvOp, WindowOp>(op)) continue;
    int cluster = graph.makeCluster(node, heroName(op));
    followAll(cluster, {graph.users(node).begin(), graph.users(node).end()});
    peel(cluster);
  }
}

/// Adds followers in program order, so that of two ops on one path the nearer is tried first.
void Fuser::followAll(int cluster, std::set<int> pending) {
  while (!pending.empty()) {
    int node = *pending.begin();
    pending.erase(pending.begin());
    if (addFollower(cluster, node)) pending.insert(graph.users(node).begin(), graph.users(node).end());
  }
}

bool Fuser::addFollower(int cluster, int node) {
  Operation *op = graph.op(node);
  Role role = roleOf(op);
  if (!graph.isFree(node)) return false;
  bool isReduction = graph.clusters[cluster].hero == "reduce";
  StringRef kind = role == Role::Bijection ? "movement" : isReduction ? "reduction" : "epilogue";
  auto space = isReduction ? reductionSpace(cluster, node) : followerSpace(cluster, node);
  if (!space) {
    if (role == Role::Hero || role == Role::Pointwise)
      missed(cluster, node, kind,
             role == Role::Hero ? "a region has one hero" : "reads the hero at several indices");
    return false;
  }
  std::string why;
  if (!isOn(kind, node, cluster)) return false;
  if (!fits(cluster, node, why)) return missed(cluster, node, kind, why), false;
  if (graph.wouldCycle(cluster, node))
    return missed(cluster, node, kind, "another operand needs a result of the region first"), false;
  graph.add(cluster, node, *space);
  return true;
}

/// The space of a pointwise op or bijection behind members of the cluster; nothing when it can't follow.
std::optional<Space> Fuser::followerSpace(int cluster, int node) {
  Operation *op = graph.op(node);
  Role role = roleOf(op);
  if (role != Role::Pointwise && role != Role::Bijection) return std::nullopt;
  std::optional<Space> space;
  for (Value operand : op->getOperands()) {
    auto from = graph.producer(operand);
    if (!from || !graph.clusters[cluster].contains(*from)) continue;
    Space here = graph.clusters[cluster].members.at(*from);
    if (here == anySpace || (space && *space != here)) return std::nullopt;
    space = here;
  }
  if (!space || role == Role::Pointwise) return space;
  return spaceBehind(cluster, *space, op);
}

Space Fuser::spaceBehind(int cluster, Space from, Operation *bijection) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << bijection->getName() << bijection->getAttrDictionary() << bijection->getResult(0).getType();
  auto [it, isNew] = behind.try_emplace({cluster, from, key}, 0);
  if (isNew) it->second = graph.clusters[cluster].nextSpace++;
  return it->second;
}

/// Gives back followers at the end of the cluster that save nothing there, last first; then reports what
/// stays.
void Fuser::peel(int cluster) {
  const Cluster &c = graph.clusters[cluster];
  bool single = !options.isEnabled("multi-output");
  std::vector<int> members;
  for (auto [node, space] : c.members) members.push_back(node);
  for (int node : llvm::reverse(members)) {
    if (members.front() == node || roleOf(graph.op(node)) == Role::Hero) continue;
    bool isSink = llvm::none_of(graph.users(node), [&](int user) { return c.contains(user); });
    if (!isSink) continue;
    if (isPeelable(cluster, node) || graph.outputCount(cluster) > maxResults) {
      graph.remove(cluster, node);
    } else if (single && graph.outputCount(cluster) > 1) {
      isOn("multi-output", node, cluster);
      graph.remove(cluster, node);
    }
  }
  for (auto [node, space] : c.members) {
    if (roleOf(graph.op(node)) == Role::Hero) continue;
    double saved = 0;
    for (Value operand : graph.op(node)->getOperands())
      if (auto from = graph.producer(operand); from && c.contains(*from))
        saved += (graph.isOutput(cluster, *from) ? 1 : 2) * cost.memoryUs(cost.bytes(operand));
    fused(cluster, node,
          c.hero == "reduce"                          ? "reduction"
          : roleOf(graph.op(node)) == Role::Bijection ? "movement"
                                                      : "epilogue",
          "computed on the hero's result before it is stored",
          {{"launch", cost.launchUs(), "us"}, {"memory", saved, "us"}});
  }
}

/// Whether memory holds the value, or a bijection of it, also when `node` does not read it in the cluster.
bool Fuser::isStoredWithout(int cluster, int value, int node) {
  const Cluster &c = graph.clusters[cluster];
  return graph.escapes(value) || llvm::any_of(graph.users(value), [&](int user) {
           if (user == node) return false;
           if (!c.contains(user)) return true;
           return roleOf(graph.op(user)) == Role::Bijection && isStoredWithout(cluster, user, node);
         });
}

/// Whether a member at the end only adds a tensor to what is stored: all that it reads from the cluster is
/// stored anyway. A bijection counts with what it moves.
bool Fuser::onlyAddsStores(int cluster, int node) {
  const Cluster &c = graph.clusters[cluster];
  for (Value operand : graph.op(node)->getOperands()) {
    auto from = graph.producer(operand);
    if (!from || !c.contains(*from) || isStoredWithout(cluster, *from, node)) continue;
    bool isChain = roleOf(graph.op(node)) == Role::Bijection && roleOf(graph.op(*from)) != Role::Hero &&
                   graph.users(*from).size() == 1;
    if (!isChain || !onlyAddsStores(cluster, *from)) return false;
  }
  return true;
}

/// A sink at the end of the cluster is better left to its readers when they can compute it as they load and
///  - it only adds a store (x * x before a mean, of an x that is stored), or
///  - it is wider than what it reads (a cast to fp32 before a softmax).
bool Fuser::isPeelable(int cluster, int node) {
  Operation *op = graph.op(node);
  const Cluster &c = graph.clusters[cluster];
  if (graph.escapes(node)) return false;
  for (int user : graph.users(node)) {
    Operation *reader = graph.op(user);
    bool isContraction = isa<DotOp, ConvOp, WindowOp>(reader);
    if (roleOf(reader) == Role::Other || (isContraction && roleOf(op) != Role::Bijection)) return false;
  }
  double before = 0;
  for (Value operand : op->getOperands())
    if (auto from = graph.producer(operand); from && c.contains(*from)) before += cost.bytes(operand);
  return onlyAddsStores(cluster, node) || cost.resultBytes(op) > before;
}

} // namespace dlc::graph::fusion
