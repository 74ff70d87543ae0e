// Values of symbolic dims, from tensors that have them.
#pragma once

#include "ir/dims/dim.h"
#include "ir/interp/tensor.h"

#include <map>

namespace dlc::interp {

using SymbolValues = std::map<std::string, int64_t>;

/// Binds the symbols of `dims` to what `actual` says: symbols alone first, then expressions that are linear
/// in one unknown symbol. False when a dim disagrees; `message` then says which.
bool bindSymbols(llvm::ArrayRef<Dim> dims, DimsRef actual, SymbolValues &values, std::string &message);

/// Each dim's value. Throws Failure for a symbol without one.
Dims evaluateDims(llvm::ArrayRef<Dim> dims, const SymbolValues &values);

} // namespace dlc::interp
