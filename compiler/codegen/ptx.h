// PTX from the llvm dialect, through LLVM's NVPTX backend.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace dlc {

struct PtxOptions {
  std::string cpu = "sm_80";
  std::string features; ///< such as "+ptx78"; empty: the lowest PTX version of the cpu
  int optimize = 3;
};

/// The PTX text of a module of kernels; with `llvmText`, also the optimised LLVM IR. On failure nothing, and
/// a message.
std::optional<std::string> emitPtx(mlir::ModuleOp module, const PtxOptions &options, std::string &error,
                                   std::string *llvmText = nullptr);

} // namespace dlc
