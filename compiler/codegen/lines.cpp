// The op
//
//   12:   %3 = arith.addf %2, %1 : tensor<8x16xf32>         in model.ptx.mlir
//
// has the location "model.ptx.mlir":12:3 from here on. Schedules give it to the tile ops they make for it,
// lowering hands it down, and the backend writes
//
//   .file 1 "model.ptx.mlir"
//   .loc 1 12 3
//   add.rn.f32 ...
//
// Whatever is made for several ops or for none (addresses, conditions) has the line of the kernel's region.
#include "compiler/codegen/lines.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"

#include "ir/graph/graph.h"

using namespace mlir;

namespace dlc {

std::string placeInText(ModuleOp module, const std::string &file, const std::string &heading) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  AsmState::LocationMap places; // line and column of each op, from 1
  AsmState state(module, OpPrintingFlags(), &places);
  stream << heading << '\n';
  module->print(stream, state);
  stream << '\n';
  auto placeOf = [&](Operation *op) -> Location {
    auto [line, column] = places.lookup(op);
    return FileLineColLoc::get(module.getContext(), file, line + 1, column); // after the heading
  };
  module.walk([&](graph::RegionOp region) {
    region.getBody().walk([&](Operation *op) { op->setLoc(placeOf(op)); });
    // Its ONNX nodes are read from the location later.
    region->setLoc(FusedLoc::get(module.getContext(), {placeOf(region), region.getLoc()}));
  });
  return text;
}

static FileLineColLoc findPlace(Location location) {
  FileLineColLoc found;
  location->walk([&](Location inner) {
    found = dyn_cast<FileLineColLoc>(inner);
    return found ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found;
}

LogicalResult attachLines(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    FileLineColLoc own = findPlace(function.getLoc());
    if (!own) continue;
    function.walk([&](Operation *op) {
      FileLineColLoc place = findPlace(op->getLoc());
      op->setLoc(place ? place : own);
    });
  }
  PassManager pm(module.getContext());
  LLVM::DIScopeForLLVMFuncOpPassOptions options;
  options.emissionKind = LLVM::DIEmissionKind::DebugDirectivesOnly;
  pm.addPass(LLVM::createDIScopeForLLVMFuncOpPass(options));
  return pm.run(module);
}

} // namespace dlc
