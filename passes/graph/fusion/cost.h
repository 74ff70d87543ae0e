// Modelled times of pieces of a graph on a target record: what the profit of a fusion is measured in.
//
// A kernel's time is the larger of its memory and its arithmetic time; memory is counted at the bandwidth of
// the level that holds the tensor (L2 when it takes less than half of it, DRAM otherwise). Another kernel
// costs launch_us on top. Symbolic dims count as 64 inside their declared range: a decision needs some size,
// and results never depend on it.
#pragma once

#include "ir/graph/graph.h"
#include "ir/target/target.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <string>

namespace dlc::graph::fusion {

class CostModel {
public:
  /// Reads the declared symbols of the module.
  CostModel(const TargetRecord &target, mlir::ModuleOp module);

  double elements(mlir::Value value) const;
  double bytes(mlir::Value value) const;
  double resultBytes(mlir::Operation *op) const;
  /// Time to read or write this many bytes of one tensor once.
  double memoryUs(double bytes) const;
  /// Time of `count` evaluations of one element of a pointwise op.
  double arithmeticUs(mlir::Operation *op, double count) const;
  double launchUs() const { return target.launchUs; }

private:
  const TargetRecord &target;
  mutable std::map<std::string, int64_t> binding;
};

/// Instructions that one element of a pointwise op costs, roughly: 1 for add, about 20 for erf or a power.
int weight(mlir::Operation *op);

} // namespace dlc::graph::fusion
