// What all steps of fusion share: limits, switches, remarks.
#include "passes/graph/fusion/fuser.h"

using namespace mlir;

namespace dlc::graph::fusion {

static std::optional<std::string> firstName(Location location) {
  if (auto named = dyn_cast<NameLoc>(location)) return named.getName().str();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (auto found = firstName(part)) return found;
  if (auto call = dyn_cast<CallSiteLoc>(location)) return firstName(call.getCallee());
  return std::nullopt;
}

std::string nodePath(Operation *op) {
  std::string name = op->getName().getStringRef().str();
  auto path = firstName(op->getLoc());
  return path ? *path + " (" + name + ")" : name;
}

/// A cluster is called by its hero, or by the op that its results come from.
static Operation *nameGiver(const ClusterGraph &graph, int cluster) {
  const Cluster &c = graph.clusters[cluster];
  for (auto [node, space] : c.members)
    if (c.hero != "none" && heroName(graph.op(node)) == c.hero) return graph.op(node);
  return graph.op(c.members.rbegin()->first);
}

void Fuser::fused(int cluster, int node, StringRef kind, StringRef reason, std::vector<RemarkTerm> terms) {
  if (!remarks) return;
  remarks.add({Remark::Kind::Fused, "fuse-regions", nodePath(graph.op(node)),
               nodePath(nameGiver(graph, cluster)), kind.str(), reason.str(), std::move(terms)});
}

void Fuser::missed(int cluster, int node, StringRef kind, StringRef reason, std::vector<RemarkTerm> terms) {
  if (!remarks) return;
  remarks.add({Remark::Kind::Missed, "fuse-regions", nodePath(graph.op(node)),
               nodePath(nameGiver(graph, cluster)), kind.str(), reason.str(), std::move(terms)});
}

bool Fuser::isOn(StringRef kind, int node, int cluster) {
  if (options.isEnabled(std::string_view(kind))) return true;
  if (remarks)
    remarks.add({Remark::Kind::Disabled,
                 "fuse-regions",
                 nodePath(graph.op(node)),
                 nodePath(nameGiver(graph, cluster)),
                 kind.str(),
                 "switched off by --disable",
                 {}});
  return false;
}

bool Fuser::fits(int cluster, int node, std::string &why) const {
  if (graph.clusters[cluster].members.size() >= size_t(maxMembers)) {
    why = "the region has its limit of " + std::to_string(maxMembers) + " ops";
    return false;
  }
  if (graph.operandCount(cluster, node) > maxOperands) {
    why = "the region would read more than " + std::to_string(maxOperands) + " tensors";
    return false;
  }
  return true;
}

} // namespace dlc::graph::fusion
