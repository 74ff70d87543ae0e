// A model at graph level: the module and the weights it refers to.
#pragma once

#include "ir/graph/weights.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace dlc {

struct GraphModule {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  WeightsTable weights;
};

} // namespace dlc
