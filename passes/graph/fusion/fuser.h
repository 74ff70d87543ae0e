// The steps of fusion over one function. fuse_regions.cpp calls them in order and says why in that order.
#pragma once

#include "passes/graph/fusion/cluster_graph.h"
#include "passes/graph/fusion/cost.h"
#include "passes/options.h"

namespace dlc::graph::fusion {

/// What a region may grow to. A kernel of this size keeps its scalars in registers on every target, and its
/// parameters (a pointer and a few dims each) within 4 KB.
constexpr int maxMembers = 160;
constexpr int maxOperands = 24;
constexpr int maxResults = 8;

class Fuser {
public:
  Fuser(ClusterGraph &graph, const CostModel &cost, PassContext &context)
      : graph(graph), cost(cost), options(context.options), remarks(context.remarks) {}

  /// Makes a cluster of each dot, conv and window, in program order, and adds what follows it.
  void growEpilogues();
  /// Makes clusters of the reductions: those over the same rows together, with the pointwise work around
  /// them.
  void growReductions();
  /// From the results backwards: each remaining op joins the clusters that read it, or starts its own.
  void sweepProducers();
  /// Merges clusters without a hero that read the same tensor at the same indices.
  void mergeSiblings();

private:
  bool addFollower(int cluster, int node);
  void followAll(int cluster, std::set<int> pending);
  std::optional<Space> followerSpace(int cluster, int node);
  Space spaceBehind(int cluster, Space from, mlir::Operation *bijection);
  void peel(int cluster);
  bool isPeelable(int cluster, int node);
  bool isStoredWithout(int cluster, int value, int node);
  bool onlyAddsStores(int cluster, int node);

  std::optional<Space> reductionSpace(int cluster, int node);
  bool absorbReductionProducers(int cluster);
  bool isSameReduction(const Cluster &cluster, mlir::Operation *op) const;
  bool isRowBroadcast(const Cluster &cluster, mlir::Operation *op) const;

  bool takesProducer(int cluster, int node);
  bool isAllowedProducer(int cluster, int node, std::string &why) const;
  bool isLightPrologue(int cluster, int node) const;
  ConvOp convOf(const Cluster &cluster) const;
  void addProducer(int cluster, int node);
  Space producerSpace(int cluster, int node) const;
  double evaluations(int cluster, int node) const;
  bool isWorthRepeating(int node, llvm::ArrayRef<int> clusters);
  bool joinAsResult(int node, llvm::ArrayRef<int> readers);
  void startOwn(int node);
  bool canMerge(int a, int b);

  bool fits(int cluster, int node, std::string &why) const;
  bool isOn(llvm::StringRef kind, int node, int cluster);
  void fused(int cluster, int node, llvm::StringRef kind, llvm::StringRef reason,
             std::vector<RemarkTerm> terms = {});
  void missed(int cluster, int node, llvm::StringRef kind, llvm::StringRef reason,
              std::vector<RemarkTerm> terms = {});

  ClusterGraph &graph;
  const CostModel &cost;
  const CompileOptions &options;
  RemarkSink &remarks;
  /// Spaces behind a bijection, so that two equal transposes of one value share theirs. Per cluster.
  std::map<std::tuple<int, Space, std::string>, Space> behind;
};

/// The ONNX node path of an op, else its name; fused locations give their first path.
std::string nodePath(mlir::Operation *op);

} // namespace dlc::graph::fusion
