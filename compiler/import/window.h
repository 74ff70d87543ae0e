// Sliding windows of convolutions and pools: attributes, padding rules, extents.
#pragma once

#include "compiler/import/node.h"

namespace dlc::import {

/// One entry per spatial dim.
struct WindowGeometry {
  llvm::SmallVector<int64_t> kernel, strides, dilations;
  llvm::SmallVector<Dim> low, high;
  /// Rows that ceil_mode needs past `high`; zero elsewhere.
  llvm::SmallVector<Dim> extra;
};

/// Reads kernel_shape (or takes `kernel`), strides, dilations, pads, auto_pad and ceil_mode for spatial dims
/// `in`.
WindowGeometry windowGeometry(Node &n, llvm::ArrayRef<Dim> in,
                              std::optional<llvm::SmallVector<int64_t>> kernel, bool hasCeilMode);

/// `list` with `lead` entries of `value` in front: from spatial dims to all dims.
template <typename T> llvm::SmallVector<T> withLead(llvm::ArrayRef<T> list, size_t lead, T value) {
  llvm::SmallVector<T> result(lead, value);
  result.append(list.begin(), list.end());
  return result;
}

} // namespace dlc::import
