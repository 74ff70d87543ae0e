// The tile dialect (tile.td).
#pragma once

#include "ir/graph/graph.h"
#include "ir/layout/layout.h"
#include "ir/layout/shared_layout.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace dlc {
inline llvm::hash_code hash_value(const Layout &layout) { return llvm::hash_code(layout.hash()); }
} // namespace dlc

namespace dlc::tile {
/// A ranked tensor of static shape with a #tile.layout encoding.
bool isTile(mlir::Type type);
} // namespace dlc::tile

#include "ir/tile/tile_dialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/tile/tile_attrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/tile/tile_types.h.inc"
#define GET_OP_CLASSES
#include "ir/tile/tile_ops.h.inc"

namespace dlc::tile {

/// The tile type of a layout: its shape, `elementType`, the layout as encoding.
mlir::RankedTensorType tileType(const Layout &layout, mlir::Type elementType);
/// Precondition: isTile(type).
const Layout &layoutOf(mlir::Type type);
inline const Layout &layoutOf(mlir::Value value) { return layoutOf(value.getType()); }

/// Where the elements of one stage of a buffer lie. Precondition: the type is verified.
SharedLayout sharedLayout(SharedType type);

/// The name of tile dim d in access expressions: `i0`, `i1`, ...
inline std::string tileDimName(int64_t d) { return "i" + std::to_string(d); }

} // namespace dlc::tile
