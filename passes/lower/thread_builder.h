// What every thread does: the state that the distribution of tile ops over threads shares.
#pragma once

#include "ir/dims/dim_facts.h"
#include "ir/tile/tile.h"

namespace dlc::lower {

/// The values of a tile that this thread holds, one per register of its layout.
using Registers = llvm::SmallVector<mlir::Value>;

/// Emits thread-level code (scalars, llvm memory ops, nvvm) for one kernel.
class ThreadBuilder {
public:
  ThreadBuilder(mlir::OpBuilder &builder, mlir::Location loc, int64_t warps, mlir::Type indexType);

  mlir::OpBuilder &b;
  mlir::Location loc;
  int64_t warps;
  mlir::Type indexType;
  /// The innermost loop whose body is being made; null outside of loops.
  mlir::scf::ForOp loop;
  /// Known of the symbols that accesses bind; keyed by the bound value's own symbol (see `symbolOf`).
  DimFacts facts;

  mlir::Value constant(int64_t value);
  mlir::Value constant(mlir::Type type, int64_t value);
  mlir::Value lane() { return laneId; }
  mlir::Value warp() { return warpId; }

  /// The symbol of a scalar in this kernel, made at first use.
  Dim symbolOf(mlir::Value scalar);
  /// The scalar of a symbol.
  mlir::Value valueOf(const std::string &symbol) const { return values.at(symbol); }
  /// Says that `magic` (i64) holds the magic numbers of a divisor (tile.divisor).
  void declareDivisor(const Dim &divisor, mlir::Value magic);
  /// Code for an expression over symbols of this kernel.
  mlir::Value materialize(const Dim &expr);
  /// i1: expr >= 0 for every expression; null when all are known to hold.
  mlir::Value allHold(llvm::ArrayRef<Dim> exprs);

  /// This thread's part of the coordinates in a layout, as symbols: element r is at threadPart[d] +
  /// coordinates(r, 0, 0)[d].
  llvm::SmallVector<Dim> threadPart(const Layout &layout);
  /// i1: this thread is the one among those holding the same elements that stores them; null when there is
  /// only one.
  mlir::Value isOwner(const Layout &layout);

  /// Shared memory for exchanges within a kernel: one block, reused by each exchange; returns its address
  /// (addrspace 3).
  mlir::Value scratch(int64_t bytes);
  int64_t scratchBytes() const { return scratchSize; }
  void barrier();

private:
  /// A divisor d known at run time only: n / d == (mulhi(n, multiplier) + n) >> shift for 0 <= n < 2^31.
  struct Divisor {
    Dim dim;
    mlir::Value multiplier, shift;
  };

  std::optional<Divisor> findDivisor(const Dim &dim);
  mlir::Value divide(Dim::Kind kind, const Dim &lhs, const Dim &rhs);
  mlir::Value divideByConstant(Dim::Kind kind, mlir::Value lhs, int64_t divisor, bool isNonNegative);
  mlir::Value floorOf(mlir::Value value, bool isNonNegative,
                      llvm::function_ref<mlir::Value(mlir::Value)> quotient);
  mlir::Value highHalf(mlir::Value x, mlir::Value y);
  mlir::Value digitValue(mlir::Value index, int64_t stride, int64_t count);
  mlir::Value addTerms(const Dim &expr);

  mlir::Value laneId, warpId;
  mlir::Block *entry;
  llvm::DenseMap<mlir::Value, std::string> names;
  std::map<std::string, mlir::Value> values;
  std::map<std::string, llvm::SmallVector<Dim>> parts; // by layout text
  llvm::SmallVector<Divisor> divisors;
  int64_t scratchSize = 0;
  unsigned next = 0;
};

/// An access of one tile: offset and guards over tile dims and bound values, as an op holds them.
struct Access {
  mlir::Value pointer;
  Dim offset;
  llvm::SmallVector<Dim> guards;
  std::map<std::string, Registers> bound; ///< name -> one scalar, or one value per register
  Layout layout;
};

/// i1: this CTA is the last of `count` to arrive at a counter (tile.arrive).
mlir::Value arriveLast(ThreadBuilder &t, mlir::Value counters, mlir::Value index, mlir::Value count);

Registers loadTile(ThreadBuilder &t, const Access &access, mlir::Type element, mlir::TypedAttr other,
                   bool constant);
void storeTile(ThreadBuilder &t, const Access &access, mlir::Type element,
               llvm::ArrayRef<mlir::Value> values);
/// The largest number of neighbouring registers (a power of two) that one access of up to 16 bytes can take
/// everywhere.
int64_t accessWidth(ThreadBuilder &t, const Access &access, mlir::Type element);
/// Calls `visit` for every group of `width` registers with the address and the predicate (null: always) of
/// its access. In a loop, what does not change is computed in front of it.
void visitAccess(ThreadBuilder &t, const Access &access, mlir::Type element, int64_t width,
                 llvm::function_ref<void(int64_t reg, mlir::Value pointer, mlir::Value predicate)> visit);
Registers indexTile(ThreadBuilder &t, const Access &access, mlir::Type element);

/// Combines along `axis`; operands[i] are the registers of the i-th tile of `layout`. `combine` makes the
/// combiner's code.
using Combine =
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange acc, mlir::ValueRange elements)>;
llvm::SmallVector<Registers> reduceTiles(ThreadBuilder &t, const Layout &layout, int64_t axis,
                                         llvm::ArrayRef<Registers> operands, Combine combine);

/// For each register of `layout`, the register of layout.sliceDim(axis) that holds the same element without
/// that dim.
llvm::SmallVector<int64_t> slicedRegisters(const Layout &layout, int64_t axis);

} // namespace dlc::lower
