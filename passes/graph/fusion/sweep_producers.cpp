// From the results backwards: what no hero has taken joins its readers, or becomes a region without a hero.
//
// Readers have their clusters when their producer is reached, so each op sees everything that wants it:
//   one cluster reads it             -> it joins, if the cluster can take it (it is loaded through an access
//   map) several do, and it is cheap      -> it is repeated in each (broadcasts, casts of small things,
//   masks) several do, or it is a result    -> it joins one of them as another result where it is computed at
//   the same index,
//                                       else it starts a region of its own
// Cheap is modelled: repeating it against storing it once, reading it back, and one more launch.
#include "passes/graph/fusion/fuser.h"

using namespace mlir;

namespace dlc::graph::fusion {

constexpr int maxRepeatedWeight =
    24; ///< instructions per element of what is repeated: registers, not time, bound it
constexpr int maxRepeatedOps = 32;
/// Instructions per element of an operand that a contraction computes in place of copying it: they stand
/// between a load and its store to shared memory, for each tile of the other operand again.
constexpr int maxPrologueWeight = 12;
constexpr int64_t prologueTile = 64; ///< outputs that share an element of the operand, at least

static StringRef kindOf(Operation *op) { return roleOf(op) == Role::Pointwise ? "pointwise" : "movement"; }

static bool isContraction(const Cluster &cluster) { return cluster.hero == "dot" || cluster.hero == "conv"; }

void Fuser::sweepProducers() {
  for (int node = graph.size() - 1; node >= 0; --node) {
    if (!graph.isFree(node)) continue;
    if (roleOf(graph.op(node)) == Role::Other) {
      graph.makeCluster(node, "outside");
      continue;
    }
    std::set<int> readers;
    for (int user : graph.users(node))
      readers.insert(graph.clustersOf(user).begin(), graph.clustersOf(user).end());
    if (readers.empty() && !graph.escapes(node)) continue; // dead
    std::vector<int> clusters(readers.begin(), readers.end());
    bool isOne = clusters.size() == 1 && !graph.escapes(node);
    if (isOne && takesProducer(clusters[0], node)) {
      fused(clusters[0], node, kindOf(graph.op(node)), "computed where it is read",
            {{"launch", cost.launchUs(), "us"},
             {"memory", 2 * cost.memoryUs(cost.resultBytes(graph.op(node))), "us"}});
      addProducer(clusters[0], node);
      continue;
    }
    if (!isOne && !graph.escapes(node) && isWorthRepeating(node, clusters)) {
      for (int cluster : clusters) addProducer(cluster, node);
      continue;
    }
    if (!joinAsResult(node, clusters)) startOwn(node);
  }
}

void Fuser::startOwn(int node) { graph.makeCluster(node, heroName(graph.op(node))); }

void Fuser::addProducer(int cluster, int node) {
  Cluster &c = graph.clusters[cluster];
  bool isPrologue = llvm::any_of(graph.users(node), [&](int user) {
    return c.prologue.count(user) || (c.contains(user) && isa<DotOp, ConvOp>(graph.op(user)));
  });
  graph.add(cluster, node, producerSpace(cluster, node));
  if (isPrologue) c.prologue.insert(node);
  if (c.hero == "none" && roleOf(graph.op(node)) == Role::Indirect) c.hero = "gather";
}

/// The space in which the cluster reads a node: that of its readers when they agree.
Space Fuser::producerSpace(int cluster, int node) const {
  const Cluster &c = graph.clusters[cluster];
  std::optional<Space> space;
  for (int user : graph.users(node)) {
    auto member = c.members.find(user);
    if (member == c.members.end()) continue;
    Operation *op = graph.op(user);
    Space here = anySpace;
    if (roleOf(op) == Role::Pointwise) here = member->second;
    if (c.hero == "reduce") {
      if (isSameReduction(c, op)) here = fullSpace;
      if (isRowBroadcast(c, op) && member->second == fullSpace) here = rowSpace;
      if (isa<ReshapeOp>(op) && dimsOf(op->getResult(0)) == dimsOf(op->getOperand(0))) here = member->second;
    }
    if (space && *space != here) return anySpace;
    space = here;
  }
  return space.value_or(anySpace);
}

/// What a cluster can compute on the way from memory.
bool Fuser::isAllowedProducer(int cluster, int node, std::string &why) const {
  const Cluster &c = graph.clusters[cluster];
  Operation *op = graph.op(node);
  if (c.hero == "outside") return why = "its reader is no region", false;
  // An indirect read in an epilogue would stand between a tile and its store.
  if (roleOf(op) == Role::Indirect && isContraction(c))
    return why = "a contraction's region reads nothing indirectly", false;
  for (int user : graph.users(node)) {
    if (!c.contains(user)) continue;
    bool feedsContraction = c.prologue.count(user) || isa<DotOp, ConvOp>(graph.op(user));
    // Tiles of operands are copied to shared memory as they are; a strided view is all that a copy can
    // follow. Little work goes through registers where no window repeats it.
    if (feedsContraction && !isa<TransposeOp, ReshapeOp, BroadcastOp, SliceOp>(op) &&
        !isLightPrologue(cluster, node))
      return why = "a contraction's operand is copied, not computed", false;
    if (isa<WindowOp>(graph.op(user)) && roleOf(op) == Role::Indirect)
      return why = "a window reads its operand many times", false;
  }
  return true;
}

/// Whether the node is pointwise work on the input of a convolution without a window, and little with what is
/// there.
bool Fuser::isLightPrologue(int cluster, int node) const {
  const Cluster &c = graph.clusters[cluster];
  if (c.hero != "conv" || roleOf(graph.op(node)) != Role::Pointwise) return false;
  auto conv = convOf(c);
  int total = weight(graph.op(node));
  for (int member : c.prologue)
    if (roleOf(graph.op(member)) == Role::Pointwise) total += weight(graph.op(member));
  bool hasWindow = llvm::any_of(ArrayRef(dimsOf(conv.getFilter())).drop_front(2),
                                [](const Dim &size) { return !size.isConstant(1); });
  // What has fewer elements would be computed for each of the input's.
  return !hasWindow && conv.getGroups() == 1 && total <= maxPrologueWeight &&
         elementCount(dimsOf(graph.op(node)->getResult(0))) == elementCount(dimsOf(conv.getInput()));
}

ConvOp Fuser::convOf(const Cluster &c) const {
  for (auto [member, space] : c.members)
    if (auto conv = dyn_cast<ConvOp>(graph.op(member))) return conv;
  return {};
}

bool Fuser::takesProducer(int cluster, int node) {
  Operation *op = graph.op(node);
  const Cluster &c = graph.clusters[cluster];
  bool feedsHero = llvm::any_of(graph.users(node), [&](int user) {
    return c.prologue.count(user) || (c.contains(user) && roleOf(graph.op(user)) == Role::Hero);
  });
  StringRef kind = feedsHero ? "prologue" : kindOf(op);
  std::string why;
  if (!isAllowedProducer(cluster, node, why) || !fits(cluster, node, why))
    return missed(cluster, node, kind, why), false;
  if (!isOn(kindOf(op), node, cluster) || (feedsHero && !isOn("prologue", node, cluster))) return false;
  // A switched-off movement stays alone: nothing joins it either.
  if (!options.isEnabled("movement") && llvm::any_of(graph.users(node), [&](int user) {
        Role role = roleOf(graph.op(user));
        return c.contains(user) &&
               (role == Role::Movement || role == Role::Bijection || role == Role::Indirect);
      }))
    return isOn("movement", node, cluster);
  double bytes = cost.resultBytes(op);
  double saved = cost.launchUs() + 2 * cost.memoryUs(bytes);
  double elements = cost.elements(op->getResult(0)), again = evaluations(cluster, node) - elements;
  if (feedsHero && isLightPrologue(cluster, node))
    again +=
        elements * double((dimsOf(convOf(c).getFilter())[0].constantValue().value_or(1) - 1) / prologueTile);
  double extra = again > 0 ? cost.arithmeticUs(op, again) : 0;
  if (extra > saved)
    return missed(cluster, node, kind, "computing it again for each use costs more than storing it",
                  {{"again", extra, "us"}, {"saved", saved, "us"}}),
           false;
  return true;
}

/// How often elements of the node would be computed in the cluster. Readers at one space share; others add
/// up.
double Fuser::evaluations(int cluster, int node) const {
  const Cluster &c = graph.clusters[cluster];
  std::map<int, double> known;
  std::function<double(int)> count = [&](int at) -> double {
    if (auto it = known.find(at); it != known.end()) return it->second;
    double sum =
        c.contains(at) && graph.isOutput(cluster, at) ? cost.elements(graph.op(at)->getResult(0)) : 0;
    std::map<Space, double> shared;
    for (int user : graph.users(at)) {
      auto member = c.members.find(user);
      if (member == c.members.end()) continue;
      Operation *op = graph.op(user);
      if (roleOf(op) == Role::Hero) {
        sum = std::max(sum, cost.elements(graph.op(at)->getResult(0)));
        continue;
      }
      double times = count(user);
      if (isa<ConcatOp, PadOp>(op))
        times *= std::min(1.0, cost.elements(graph.op(at)->getResult(0)) / cost.elements(op->getResult(0)));
      if (member->second != anySpace && roleOf(op) == Role::Pointwise)
        shared[member->second] = std::max(shared[member->second], times);
      else
        sum += times;
    }
    for (auto [space, times] : shared) sum += times;
    return known[at] = sum;
  };
  return count(node);
}

/// Whether each of the clusters should compute the node for itself.
bool Fuser::isWorthRepeating(int node, ArrayRef<int> clusters) {
  if (!options.isEnabled("duplicate")) return isOn("duplicate", node, clusters[0]);
  // The node with all that it would drag along, down to stored tensors.
  std::set<int> chain = {node};
  llvm::SmallPtrSet<void *, 8> seen;
  int total = 0;
  double leaves = 0, elements = cost.elements(graph.op(node)->getResult(0));
  std::vector<int> stack = {node};
  while (!stack.empty()) {
    Operation *op = graph.op(stack.back());
    stack.pop_back();
    total += weight(op);
    for (Value operand : op->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (def && roleOf(def) == Role::Free) continue;
      auto from = graph.producer(operand);
      if (from && graph.isFree(*from) && !graph.escapes(*from)) {
        if (chain.insert(*from).second) stack.push_back(*from);
      } else if (seen.insert(operand.getAsOpaquePointer()).second) {
        leaves += std::min(cost.bytes(operand), elements * cost.bytes(operand) / cost.elements(operand));
      }
    }
    if (chain.size() > size_t(maxRepeatedOps) || total > maxRepeatedWeight) return false;
  }
  // Where a part of the chain can't follow, it would be stored after all.
  for (int cluster : clusters)
    for (int member : chain)
      if (roleOf(graph.op(member)) == Role::Indirect && isContraction(graph.clusters[cluster])) return false;
  double once = cost.memoryUs(cost.resultBytes(graph.op(node)));
  double stored = cost.launchUs() + cost.memoryUs(leaves) + once * (1 + clusters.size());
  double repeated = 0;
  for (int cluster : clusters) {
    repeated += cost.memoryUs(leaves);
    for (int member : chain) repeated += cost.arithmeticUs(graph.op(member), evaluations(cluster, node));
  }
  bool pays = repeated <= stored;
  std::vector<RemarkTerm> terms = {{"repeated", repeated, "us"}, {"stored", stored, "us"}};
  for (int cluster : clusters) {
    if (!pays) missed(cluster, node, "duplicate", "storing it once is cheaper than repeating it", terms);
    if (!pays || !takesProducer(cluster, node)) return false;
  }
  for (int cluster : clusters)
    fused(cluster, node, "duplicate", "repeated in each region that reads it", terms);
  return true;
}

/// Makes the node one more result of a cluster that computes it at the index of its results anyway.
bool Fuser::joinAsResult(int node, ArrayRef<int> readers) {
  for (int cluster : readers) {
    const Cluster &c = graph.clusters[cluster];
    Space space = producerSpace(cluster, node);
    bool fitsSpace = space == fullSpace || (space == rowSpace && c.hero == "reduce");
    Role role = roleOf(graph.op(node));
    // A contraction's tiles are no place for work that others wait for.
    if (!fitsSpace || isContraction(c) || (role != Role::Pointwise && role != Role::Indirect)) continue;
    if (graph.outputCount(cluster) >= maxResults || !isOn("multi-output", node, cluster)) continue;
    if (!takesProducer(cluster, node)) continue;
    if (graph.wouldCycle(cluster, node)) {
      missed(cluster, node, "multi-output", "another reader must run before the region");
      continue;
    }
    fused(cluster, node, "multi-output", "another result of the region",
          {{"launch", cost.launchUs(), "us"},
           {"memory", cost.memoryUs(cost.resultBytes(graph.op(node))), "us"}});
    addProducer(cluster, node);
    return true;
  }
  return false;
}

/// Two clusters without a hero whose results have the same dims and that read one tensor: one loop does both.
bool Fuser::canMerge(int a, int b) {
  const Cluster &x = graph.clusters[a], &y = graph.clusters[b];
  auto root = [&](int cluster) -> Operation * {
    for (auto [node, space] : graph.clusters[cluster].members)
      if (space == fullSpace && graph.isOutput(cluster, node)) return graph.op(node);
    return nullptr;
  };
  Operation *rootA = root(a), *rootB = root(b);
  if (!rootA || !rootB || dimsOf(rootA->getResult(0)) != dimsOf(rootB->getResult(0))) return false;
  if (x.members.size() + y.members.size() > size_t(maxMembers)) return false;
  if (graph.outputCount(a) + graph.outputCount(b) > maxResults) return false;
  if (graph.operandCount(a) + graph.operandCount(b) > maxOperands) return false;
  llvm::SmallPtrSet<void *, 16> operands;
  auto outside = [&](int cluster, function_ref<bool(Value)> visit) {
    for (auto [node, space] : graph.clusters[cluster].members)
      for (Value operand : graph.op(node)->getOperands()) {
        Operation *def = operand.getDefiningOp();
        auto from = graph.producer(operand);
        bool isInside = from && graph.clusters[cluster].contains(*from);
        if ((def && roleOf(def) == Role::Free) || isInside ||
            cost.elements(operand) < cost.elements(rootA->getResult(0)))
          continue;
        if (visit(operand)) return true;
      }
    return false;
  };
  outside(a, [&](Value v) { return operands.insert(v.getAsOpaquePointer()), false; });
  if (!outside(b, [&](Value v) { return operands.contains(v.getAsOpaquePointer()); })) return false;
  return !graph.wouldCycleMerged(a, b);
}

void Fuser::mergeSiblings() {
  for (size_t a = 0; a < graph.clusters.size(); ++a) {
    if (graph.clusters[a].hero != "none" || graph.clusters[a].members.empty()) continue;
    for (size_t b = a + 1; b < graph.clusters.size(); ++b) {
      if (graph.clusters[b].hero != "none" || graph.clusters[b].members.empty()) continue;
      int last = graph.clusters[b].members.rbegin()->first;
      if (!canMerge(a, b) || !isOn("multi-output", last, a)) continue;
      fused(a, last, "multi-output", "reads the same tensor", {{"launch", cost.launchUs(), "us"}});
      graph.merge(a, b);
    }
  }
}

} // namespace dlc::graph::fusion
