// The matrix instructions, one row each: adding one is adding a row.
#pragma once

#include "ir/layout/mma_layout.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace dlc::tile {

/// mma.sync instructions of shape m16 n8 k; their fragments are in ir/layout/mma_layout.h.
struct DotKind {
  const char *name;      ///< "f16"
  const char *intrinsic; ///< LLVM's, without the llvm.nvvm. prefix
  int64_t elementBits;   ///< of A and B
  int64_t k;
  bool halfOperands; ///< operands are <2 x half>, not i32
};

llvm::ArrayRef<DotKind> dotKinds();
const DotKind *findDotKind(llvm::StringRef name);

/// How the warps of a CTA divide a tile: warpsM x warpsN, each [warpM, warpN], multiples of 16 and 8.
struct WarpGrid {
  int64_t warpsM, warpsN, warpM, warpN;
};

/// The layouts of A [M, k], B [k, N] and C [M, N] of a kind over a grid of warps. Warps are numbered along N
/// first.
Layout fragmentA(const DotKind &kind, const WarpGrid &grid);
Layout fragmentB(const DotKind &kind, const WarpGrid &grid);
Layout fragmentC(const WarpGrid &grid);

} // namespace dlc::tile
