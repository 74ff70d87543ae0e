// Reductions along rows: what the kernels with one CTA a row and those with several have in common.
#pragma once

#include "passes/schedule/schedule.h"

namespace dlc::schedule {

/// How a region splits into rows and columns: every reduction runs over the same columns (the reduced dims)
/// of the same rows (the others).
struct Rows {
  llvm::SmallVector<Dim> dims;             ///< of the reduced operand
  llvm::SmallVector<int64_t> outer, inner; ///< its kept and its reduced dims
  Dim rows, columns;
  bool innermost;                                ///< the columns of a row are one run of memory
  llvm::SmallVector<graph::ReduceOp> reductions; ///< in the order of the program
};

/// Nothing for regions of another kind; `why` then says what does not fit.
std::optional<Rows> matchRows(const CanonicalRegion &region, std::string &why);
/// Whether a result has one value per row, not one per element.
bool isPerRow(const Rows &match, mlir::Value result);
bool hasFullResults(const CanonicalRegion &region, const Rows &match);
/// Neighbouring elements a thread may take so that accesses are 16 bytes wide.
int64_t widthFor(const CanonicalRegion &region, const Rows &match);

/// How many threads share a row, and how much of a row a tile holds.
struct RowShape {
  int64_t warps, rows, columns, width; ///< width: neighbouring elements of a thread
  bool whole;                          ///< the tile holds the whole row
  bool lanesAlongRows;
};

/// The shape for rows of up to `limit` columns.
RowShape shapeFor(const Rows &match, int64_t limit, int64_t width);
/// The layout of a tile [rows, columns].
Layout layoutOf(const RowShape &shape);

/// A kernel over tiles of rows: coordinates, conditions, reductions of tiles, results.
class RowsKernel {
public:
  RowsKernel(const CanonicalRegion &region, const Rows &match, const RowShape &shape, mlir::ModuleOp module,
             const std::string &name, int64_t bits, llvm::ArrayRef<unsigned> workspaces = {});

protected:
  /// Takes the rows of a group: row i0 of the tile is row group * shape.rows + i0.
  void placeRows(const Dim &group);
  /// The elements of a tile at a column, which is an expression of i1.
  Space fullSpace(const Dim &column);
  /// The tiles of a reduction's operands at a column; identities past the end of the row.
  llvm::SmallVector<mlir::Value> elements(graph::ReduceOp op, const Dim &column);
  llvm::SmallVector<mlir::Value> identities(graph::ReduceOp op);
  /// Tiles combined along their columns: values per row.
  llvm::SmallVector<mlir::Value> reduceTiles(graph::ReduceOp op, mlir::ValueRange tiles);
  /// The coordinates of the tile's rows in a reduction's result.
  Emitter::Coords rowCoords(mlir::Value reduced) { return delinearize(row, graph::dimsOf(reduced)); }
  /// Whether coordinates in a reduction's result are those of the tile's rows: movement between reductions,
  /// or between them and a result, may lead to other rows, whose values this tile does not have.
  bool areOwnRows(mlir::Value reduced, const Emitter::Coords &coords);
  void storePerRow();
  void storeFull(const Dim &column);

  const CanonicalRegion &region;
  const Rows &match;
  RowShape shape;
  Layout layout;
  KernelBuilder kernel;
  Emitter &emitter;
  Space rowSpace; ///< one value per row
  Dim row;
  llvm::DenseMap<mlir::Value, mlir::Value> done; ///< reductions of the tile's rows, outside of all loops

private:
  /// Where a result has the values of the tile's rows, and those of its elements at a column.
  Emitter::Coords perRowCoords(mlir::Value result);
  Emitter::Coords fullCoords(mlir::Value result, const Dim &column);
};

/// Adds the variant in which several CTAs share a row, for few long rows, where the facts allow such sizes;
/// it needs `when`, too (split_rows.cpp). True when it serves all sizes.
bool addSplitRows(const CanonicalRegion &region, const Rows &match, const TargetRecord &target,
                  const std::string &name, llvm::ArrayRef<Dim> when, Scheduled &out);

} // namespace dlc::schedule
