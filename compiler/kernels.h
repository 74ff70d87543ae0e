// The kernels that equal regions share, from tiles to PTX.
#pragma once

#include "compiler/compile.h"
#include "passes/schedule/schedule_regions.h"

#include "llvm/ADT/StringMap.h"

namespace dlc {

/// What is made of one kind of region.
struct Unit {
  schedule::RegionKind &kind;
  size_t index; ///< among the kinds
  std::string ptx;
  std::string text;                   ///< of the level asked for
  std::string error;                  ///< empty, or why there is no PTX
  llvm::StringMap<int64_t> exchanges; ///< bytes of static shared memory by kernel

  /// What the plan says about one of its kernels.
  plan::Kernel kernel(llvm::StringRef name) const;
};

/// Lowers a unit's tile code to PTX, stopping at the level that the request names. Safe to call for several
/// units at a time.
void lowerUnit(Unit &unit, const CompileRequest &request, CompileResult &result);

} // namespace dlc
