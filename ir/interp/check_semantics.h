// Does a pass keep what a module computes? Runs it before and after on the same seeded inputs.
//
//   mlir::OwningOpRef<mlir::ModuleOp> before = module.clone();
//   ... the pass ...
//   SemanticsCheck check = checkSemantics(*before, module, &weights, {.seed = 1});
//   if (check.outcome == SemanticsCheck::Different) error(check.message);
//
// All arithmetic is in fp64, where reassociation and changes of width cost nothing. Every function with a
// body that is not private is run, several times with other values of its symbols: small ones within their
// declared range and divisibility. A choice on which the module before does not run (its guards do not hold)
// is drawn again.
#pragma once

#include "ir/graph/weights.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassInstrumentation.h"

namespace dlc::interp {

struct SemanticsOptions {
  uint64_t seed = 0;
  int trials = 3;
  /// Largest accepted |before - after|, in terms of the largest |before| of an output. Folded constants are
  /// rounded to fp32.
  double tolerance = 1e-5;
};

struct SemanticsCheck {
  enum Outcome { Same, Different, NotChecked } outcome = NotChecked;
  std::string message; ///< what differs, or why nothing could be checked
};

/// Entries of `weights` that either module needs must be there.
SemanticsCheck checkSemantics(mlir::ModuleOp before, mlir::ModuleOp after, const WeightsTable *weights,
                              const SemanticsOptions &options);

/// Checks every pass on a module as it ends. A difference is an error at the module that names the pass, and
/// is counted in `differences`, which the caller reads after the pass manager is done.
std::unique_ptr<mlir::PassInstrumentation>
semanticsInstrumentation(const WeightsTable *weights, SemanticsOptions options, int &differences);

} // namespace dlc::interp
