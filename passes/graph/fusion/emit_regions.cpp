#include "passes/graph/fusion/emit_regions.h"
#include "passes/graph/region_name.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dlc::graph::fusion {
namespace {

/// Builds regions one after another before the function's terminator.
class Emitter {
public:
  Emitter(const ClusterGraph &graph, func::FuncOp function)
      : graph(graph), block(function.front()), builder(block.getTerminator()) {}

  void emit(int cluster) {
    std::vector<Operation *> ops;
    std::vector<Value> results;
    for (auto [node, space] : graph.clusters[cluster].members) {
      ops.push_back(graph.op(node));
      if (graph.isOutput(cluster, node))
        for (Value result : graph.op(node)->getResults())
          if (isReadOutside(cluster, result)) results.push_back(result);
    }
    if (graph.clusters[cluster].hero == "outside") return move(ops.front());
    build(ops, results, graph.clusters[cluster].hero);
  }

  /// The function's results: those that no region computes are copied by one.
  void finish() {
    for (OpOperand &result : block.getTerminator()->getOpOperands()) {
      Value value = result.get();
      if (!stored.count(value) && !graph.producer(value)) build({}, {value}, "none");
      result.set(lookup(value));
    }
    for (int node = graph.size() - 1; node >= 0; --node)
      if (!moved.count(graph.op(node))) graph.op(node)->erase();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (roleOf(&op) == Role::Free && op.use_empty()) op.erase();
  }

private:
  bool isReadOutside(int cluster, Value result) {
    return llvm::any_of(result.getUsers(), [&](Operation *user) {
      auto node = graph.node(block.findAncestorOpInBlock(*user));
      return !node || graph.clustersOf(*node) != std::vector<int>{cluster};
    });
  }

  Value lookup(Value value) {
    auto it = stored.find(value);
    return it == stored.end() ? value : it->second;
  }

  void move(Operation *op) {
    op->moveBefore(block.getTerminator());
    op->walk([&](Operation *inner) {
      for (OpOperand &operand : inner->getOpOperands()) operand.set(lookup(operand.get()));
    });
    moved.insert(op);
  }

  /// Members in the order in which the results need them, so that equal regions look equal wherever they come
  /// from.
  static std::vector<Operation *> inOrderOfNeed(ArrayRef<Operation *> ops, ArrayRef<Value> results) {
    SmallPtrSet<Operation *, 16> members(ops.begin(), ops.end());
    llvm::SetVector<Operation *> ordered;
    std::function<void(Value)> need = [&](Value value) {
      Operation *op = value.getDefiningOp();
      if (!op || !members.contains(op) || ordered.contains(op)) return;
      llvm::for_each(op->getOperands(), need);
      ordered.insert(op);
    };
    llvm::for_each(results, need);
    return {ordered.begin(), ordered.end()};
  }

  void build(ArrayRef<Operation *> unordered, ArrayRef<Value> results, StringRef hero) {
    std::vector<Operation *> ops = inOrderOfNeed(unordered, results);
    llvm::SetVector<Value> operands;
    llvm::SetVector<Operation *> free;
    SmallPtrSet<Operation *, 16> members(ops.begin(), ops.end());
    auto read = [&](Value value) {
      Operation *def = value.getDefiningOp();
      if (def && members.contains(def)) return;
      if (def && roleOf(def) == Role::Free)
        free.insert(def);
      else
        operands.insert(value);
    };
    for (Operation *op : ops) llvm::for_each(op->getOperands(), read);
    for (Value result : results) read(result);

    SmallVector<Value> outer;
    SmallVector<Location> locations;
    for (Value operand : operands) outer.push_back(lookup(operand));
    for (Operation *op : ops) locations.push_back(op->getLoc());
    for (Value result : results)
      if (ops.empty()) locations.push_back(result.getLoc());
    Location location = FusedLoc::get(builder.getContext(), locations);
    auto region = RegionOp::create(builder, location, TypeRange(ValueRange(results)), outer, "", hero);
    fill(region, operands.getArrayRef(), free.getArrayRef(), ops, results);
    region.setName(("k" + Twine(count++) + "_" + describeRegion(region)).str());
    for (auto [value, result] : llvm::zip(results, region.getResults())) stored[value] = result;
  }

  void fill(RegionOp region, ArrayRef<Value> operands, ArrayRef<Operation *> free, ArrayRef<Operation *> ops,
            ArrayRef<Value> results) {
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&region.getBody());
    IRMapping mapping;
    for (Value operand : operands)
      mapping.map(operand, body->addArgument(operand.getType(), operand.getLoc()));
    for (Operation *op : free) builder.clone(*op, mapping);
    for (Operation *op : ops) builder.clone(*op, mapping);
    SmallVector<Value> yielded;
    for (Value result : results) yielded.push_back(mapping.lookup(result));
    YieldOp::create(builder, region.getLoc(), yielded);
  }

  const ClusterGraph &graph;
  Block &block;
  OpBuilder builder;
  DenseMap<Value, Value> stored; ///< original value -> result of its region
  SmallPtrSet<Operation *, 4> moved;
  int count = 0;
};

} // namespace

LogicalResult emitRegions(const ClusterGraph &graph, func::FuncOp function) {
  std::vector<int> order = graph.order();
  size_t live = llvm::count_if(graph.clusters, [](const Cluster &c) { return !c.members.empty(); });
  if (order.size() != live)
    return function.emitError("internal error: fusion made clusters that need each other's results");
  Block &block = function.front();
  // What has no operands stands before every region.
  SmallVector<Operation *> leaves;
  for (Operation &op : block)
    if (Role role = roleOf(&op); role == Role::Source || role == Role::Free) leaves.push_back(&op);
  for (Operation *op : llvm::reverse(leaves)) op->moveBefore(&block, block.begin());
  Emitter emitter(graph, function);
  for (int cluster : order) emitter.emit(cluster);
  emitter.finish();
  return success();
}

} // namespace dlc::graph::fusion
