// Schedules: how a region becomes kernels.
//
// A region is scheduled in canonical form: its body as a function whose symbolic dims are named D0, D1, ...
// in order of appearance, so that structurally equal regions of a model share their kernels. The result is a
// module of tile-level kernels and, per variant, the launches with their grids and parameters as expressions
// of the canonical dims.
#pragma once

#include "ir/target/target.h"
#include "passes/by_hand.h"
#include "passes/schedule/emitter.h"
#include "passes/support/remarks.h"

namespace dlc::schedule {

/// A region in canonical form.
struct CanonicalRegion {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< one func.func @region: operands -> results
  std::vector<std::string> symbols;         ///< symbols[k] is the model's name of Dk
  DimFacts facts;                           ///< of D0, D1, ...
  std::string key;                          ///< equal for regions that can share kernels
  ByHand byHand;                            ///< what the user decided

  mlir::func::FuncOp function() const;
  /// How many tiles or groups of rows may have several CTAs each: `fill`, since more fill the device by
  /// themselves. With a split given by hand, as many as leave the `sums` elements of each part within 32-bit
  /// indices.
  int64_t mostShared(int64_t fill, int64_t sums) const;
};

/// What is known of the model's symbols.
struct SymbolRange {
  int64_t min = 1, max = INT32_MAX, multiple = 1;
};

/// Regions share kernels only where the user decided the same.
CanonicalRegion canonicalize(graph::RegionOp region, const std::map<std::string, SymbolRange> &symbols,
                             const ByHand &byHand = {});

struct Param {
  enum class Kind { Operand, Result, Workspace, Dim, Magic };
  Kind kind;
  unsigned index = 0; ///< of the operand, result or workspace
  Dim expr;           ///< Dim: the value, passed as the kernel's index type; Magic: the divisor
};

struct Launch {
  std::string kernel; ///< name in the module
  llvm::SmallVector<Dim> grid;
  int64_t warps = 4;
  int64_t indexBits = 32;
  Dim sharedBytes; ///< dynamic shared memory
  std::vector<Param> params;
};

/// Memory beside operands and results. Zeroed memory is zero before the first launch and left zero by the
/// launches.
struct Workspace {
  Dim bytes;
  bool zeroed = false;
};

struct Variant {
  std::string schedule;        ///< readable: family and choices
  llvm::SmallVector<Dim> when; ///< taken where every expression is >= 0
  std::vector<Launch> launches;
  int64_t parts = 1;            ///< CTAs that share a tile or a row, at most
  std::optional<TileSize> tile; ///< of a product on tensor cores
};

/// What a family said about a region, for remarks.
struct Decision {
  std::string family;
  bool isTaken;
  std::string reason;            ///< the choice, or why not; lower case, no final period
  std::vector<RemarkTerm> terms; ///< figures that it rests on
};

struct Scheduled {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< tile-level kernels
  std::vector<Variant> variants; ///< in order of preference; the last one serves every size it is asked for
  std::vector<Workspace> workspaces;
  std::vector<Decision> decisions; ///< in the order in which families were asked

  size_t told = 0; ///< variants that decisions speak of

  /// A family has added variants; the first of them is its choice. Returns true, for `return`.
  bool take(const std::string &family, std::vector<RemarkTerm> terms = {});
  /// A family leaves the region to the next one. Returns false.
  bool refuse(const std::string &family, const std::string &reason);
};

/// Kernels for a region on a target; `name` starts the kernels' names.
Scheduled scheduleRegion(const CanonicalRegion &region, const TargetRecord &target, const std::string &name);

//===- For the families ----------------------------------------------------------===//

/// Makes one kernel: its function, parameters, and an emitter with operands and dims bound.
class KernelBuilder {
public:
  /// `workspaces` are those of the schedule that the kernel uses.
  KernelBuilder(const CanonicalRegion &region, mlir::ModuleOp module, const std::string &name, int64_t warps,
                int64_t indexBits, llvm::ArrayRef<unsigned> workspaces = {});

  /// The program id along an axis, as a symbol.
  Dim programId(int64_t axis);
  /// The value a result is computed from, and where it goes.
  mlir::Value yielded(unsigned result) const;
  const Memory &resultMemory(unsigned result) const { return results[result]; }
  /// The address of a workspace, by its place in the schedule's list.
  mlir::Value workspace(unsigned index) const { return workspaces.lookup(index); }
  /// Ends the function. Divisions by what the region's dims alone decide get parameters with magic numbers,
  /// where indices have 32 bits.
  void finish();

  mlir::OpBuilder b;
  Emitter emitter;
  Launch launch;

private:
  void addDivisor(const Dim &divisor, const DimFacts &facts);

  const CanonicalRegion &region;
  mlir::func::FuncOp function;
  llvm::SmallVector<Memory> results;
  llvm::SmallDenseMap<unsigned, mlir::Value> workspaces;
};

/// Conditions under which 32-bit coordinates suffice for every operand and result, with room for a tile past
/// the end.
llvm::SmallVector<Dim> fitsIn32Bits(const CanonicalRegion &region, int64_t tileElements);

} // namespace dlc::schedule
