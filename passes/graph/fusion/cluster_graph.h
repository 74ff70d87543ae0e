// The working state of fusion: the ops of a function, and the clusters that will become regions.
//
// A node is an op of the function's block that some region must compute. What costs nothing to repeat (fill,
// iota, dim_value) is no node: it is cloned into each region that reads it. Constants and arguments are
// operands of regions.
//
// Invariant: clusters, each seen as one vertex, and unassigned nodes form an acyclic graph, so they can be
// put in an order of execution. Whoever adds a node asks `wouldCycle` first.
//
// Index spaces. Inside a cluster each value has a space: equal spaces mean "computed at the same index". A
// pointwise op stays in its operands' space, a transpose opens a new one. Hero results may be read in one
// space per op only; this is what keeps a region's kernel from computing a contraction twice.
#pragma once

#include "ir/graph/graph.h"

#include <map>
#include <set>
#include <vector>

namespace dlc::graph::fusion {

enum class Role {
  Free,      ///< fill, iota, dim_value: cloned where it is read
  Source,    ///< constant: an operand
  Pointwise, ///< arith and math ops
  Bijection, ///< each operand element becomes one result element: transpose, reshape, broadcasts that add 1s
  Movement,  ///< broadcast, slice, pad, concat: elements are repeated, dropped or invented
  Indirect,  ///< gather
  Hero,      ///< dot, conv, reduce, window
  Other      ///< not ours: a cluster of its own that is no region
};
Role roleOf(mlir::Operation *op);

/// "dot", "conv", "reduce", "window", "gather" or "none": the attribute `hero` for a region around this op.
llvm::StringRef heroName(mlir::Operation *op);

using Space = int;
constexpr Space fullSpace = 0; ///< of a hero's result; for a reduction of its operand
constexpr Space rowSpace = 1;  ///< a reduction's result
constexpr Space anySpace = -1; ///< read at several or unknown indices; can't be a result of the region

struct Cluster {
  std::string hero = "none";
  std::map<int, Space> members; ///< node -> space, in program order
  std::set<int> prologue;       ///< members between an operand and a contraction
  int nextSpace = 2;
  // Of reductions only: the shape that is reduced and the dims that are dropped.
  llvm::SmallVector<Dim> fullDims;
  llvm::SmallVector<int64_t> reducedDims;

  bool contains(int node) const { return members.count(node); }
};

class ClusterGraph {
public:
  explicit ClusterGraph(mlir::Block &block);

  size_t size() const { return ops.size(); }
  mlir::Operation *op(int node) const { return ops[node]; }
  /// The node of an op; nothing for what is no node.
  std::optional<int> node(mlir::Operation *op) const;
  /// The node that computes a value; nothing for arguments, constants and free ops.
  std::optional<int> producer(mlir::Value value) const { return node(value.getDefiningOp()); }
  /// Nodes that read the node's results, ascending, each once.
  const std::vector<int> &users(int node) const { return usersOf[node]; }
  /// Nodes whose results the node reads, ascending, each once.
  const std::vector<int> &producers(int node) const { return producersOf[node]; }
  /// Whether the function returns one of its results.
  bool escapes(int node) const { return escaping[node]; }

  std::vector<Cluster> clusters;
  /// The clusters of a node: none yet, one, or several when it is repeated in each.
  const std::vector<int> &clustersOf(int node) const { return membership[node]; }
  bool isFree(int node) const { return membership[node].empty(); }

  int makeCluster(int hero, llvm::StringRef heroName);
  void add(int cluster, int node, Space space);
  void remove(int cluster, int node);
  /// Moves all members of `from`, which stays empty, keeping their spaces.
  void merge(int into, int from);

  /// Whether the clusters could no longer be ordered if the free node were part of the cluster.
  bool wouldCycle(int cluster, int node) const;
  /// The same question for two clusters that become one.
  bool wouldCycleMerged(int a, int b) const;
  /// Whether the cluster has to give the node's value to the outside. Repeated nodes never do.
  bool isOutput(int cluster, int node) const;
  int outputCount(int cluster) const;
  /// Tensors from outside that the cluster reads, with `extra` as if it were a member.
  int operandCount(int cluster, std::optional<int> extra = std::nullopt) const;
  /// Clusters in an order of execution; the earliest in program order first.
  std::vector<int> order() const;

private:
  bool pathLeavesAndReturns(llvm::ArrayRef<int> group, std::optional<int> joining) const;

  std::vector<mlir::Operation *> ops;
  llvm::DenseMap<mlir::Operation *, int> nodeOf;
  std::vector<std::vector<int>> usersOf, producersOf, membership;
  std::vector<bool> escaping;
};

} // namespace dlc::graph::fusion
