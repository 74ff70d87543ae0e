// Lines of the graph text as line information of the PTX, for -g.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace dlc {

/// The text of a module of regions; every op inside of a region gets its place in it as its location, and
/// every region has the place beside its own. `file` is what the lines will call the text, and `heading` its
/// first line.
std::string placeInText(mlir::ModuleOp module, const std::string &file, const std::string &heading);

/// Prepares a module of the llvm dialect whose ops have such places: each instruction keeps one line, each
/// function says what it is, and the PTX gets `.loc` without debug sections.
mlir::LogicalResult attachLines(mlir::ModuleOp module);

} // namespace dlc
