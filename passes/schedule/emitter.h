// Emission through access maps: the one way in which every schedule computes the values of a region.
//
// `emit(value, coords, space)` gives the tile of `value` at the elements `coords`, which are dim expressions
// over the tile's own dims (i0, i1, ...) and over symbols bound to scalars (program ids, loop variables, the
// model's dims). Pointwise ops become arith on tiles. Movement is an access map (ir/dims): broadcast,
// transpose, slice, reshape only change coordinates; the pieces of pad and concat add conditions; the
// indirect term of a gather binds an index tile to a new symbol. Operands of the region become loads.
// Reductions, contractions and windows become loops here; schedules that know better replace them through
// `override`.
//
//   %s = arith.addf %x, %b         emit(%s, [r, c])  =  addf(load x[r * S + c], load b[c])
//   %b = graph.broadcast %bias     emit(%b, [r, c])  =  emit(%bias, [c])
#pragma once

#include "ir/graph/movement.h"
#include "ir/tile/tile.h"

namespace dlc::schedule {

/// Where a region operand or result lies in memory: element [c...] is at pointer + sum(strides * c).
struct Memory {
  mlir::Value pointer;
  llvm::SmallVector<Dim> strides;
  bool constant = false; ///< no kernel of the launch writes it
};

/// The tile being computed: its layout, and the conditions (each >= 0) under which an element is real.
/// Outside of them no memory is touched and values are arbitrary.
struct Space {
  Layout layout;
  llvm::SmallVector<Dim> guards;
};

class Emitter {
public:
  using Coords = llvm::SmallVector<Dim>;
  /// Gives the tile of an op's result in place of the general way, or nothing.
  using Override = std::function<mlir::Value(mlir::Value, const Coords &, const Space &)>;

  /// `indexType` is i32 or i64: the type of coordinates and offsets.
  Emitter(mlir::OpBuilder &builder, mlir::Type indexType)
      : location(mlir::UnknownLoc::get(builder.getContext())), b(builder), indexType(indexType) {}

  DimFacts facts;
  Override override;
  mlir::Location location; ///< of the ops made next

  void bindMemory(mlir::Value regionArgument, Memory memory) { sources[regionArgument] = std::move(memory); }
  /// Binds a symbol of the model or a new one to a scalar; facts about it are declared by the caller.
  void bindSymbol(const std::string &name, mlir::Value scalar) { symbols[name] = scalar; }
  /// A new symbol for a scalar or an integer tile.
  Dim newSymbol(mlir::Value value);

  /// Precondition: one coordinate per dim of `value`.
  mlir::Value emit(mlir::Value value, Coords coords, const Space &space);
  /// The same where the guards hold, too, and `other` elsewhere.
  mlir::Value emitGuarded(mlir::Value value, const Coords &coords, const Space &space,
                          llvm::ArrayRef<Dim> guards, mlir::TypedAttr other);
  /// acc + lhs * rhs on tiles, the factors widened to the accumulator's type.
  mlir::Value multiplyAdd(mlir::Value lhs, mlir::Value rhs, mlir::Value acc);
  /// Says that the tile is `value` at these coordinates: later requests take it.
  void remember(mlir::Value value, const Coords &coords, const Space &space, mlir::Value tile) {
    memos[value].push_back({coords, space.guards, space.layout, tile, depth});
  }
  void store(mlir::Value tile, const Memory &target, const Coords &coords, const Space &space);
  /// A tile of any memory; `other` where the space's guards do not hold.
  mlir::Value load(const Memory &memory, mlir::Type element, const Coords &coords, const Space &space,
                   mlir::TypedAttr other);
  /// Copies a tile [rows, columns] of a value into a stage of shared memory: asynchronously where it is
  /// memory under movement, else through registers. Gives the pending stage; elements outside of the space's
  /// guards are zero. `byRows` as tile.copy says.
  mlir::Value copy(mlir::Value value, const Coords &coords, const Space &space, mlir::Value buffer,
                   mlir::Value stage, bool byRows);
  /// The place in memory, in elements, of a value's element at coordinates over i0 and i1, when movement
  /// leads to one operand, or pointwise work does to a first one of full extent.
  std::optional<Dim> offsetOf(mlir::Value value, const Coords &coords) const;
  /// By how many elements of memory a value's element moves with i0 and with i1, when movement leads to one
  /// operand.
  std::optional<std::pair<Dim, Dim>> stridesOf(mlir::Value value, const Coords &coords) const;
  /// The value of an expression over bound scalars.
  mlir::Value evaluate(const Dim &expr);
  /// The boolean tile of a conjunction of conditions (each >= 0).
  mlir::Value condition(llvm::ArrayRef<Dim> conditions, const Space &space);

  /// A counted loop whose body sees the variable as a symbol; `body` gets the carried values and returns the
  /// next ones. `Unrolling::Never` holds for every compiler below: the body is already as long as it should
  /// be.
  enum class Unrolling { Free, Never };
  llvm::SmallVector<mlir::Value>
  loop(const Dim &count, mlir::ValueRange carried,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(Dim, mlir::ValueRange)> body,
       Unrolling unrolling = Unrolling::Free);
  /// Code for the CTAs in which a scalar i1 is true.
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  /// Copies a scalar combiner's ops onto tiles (or scalars): accumulators, then elements.
  llvm::SmallVector<mlir::Value> combine(mlir::Region &combiner, mlir::ValueRange accumulators,
                                         mlir::ValueRange elements);
  mlir::Value splat(mlir::TypedAttr scalar, const Space &space);
  mlir::OpBuilder &builder() { return b; }

private:
  struct Memo {
    Coords coords;
    llvm::SmallVector<Dim> guards;
    Layout layout;
    mlir::Value tile;
    unsigned depth;
  };
  /// A piece of an access map at coordinates: what it reads and where it is taken.
  struct Piece {
    mlir::Value operand; ///< null: the fill
    Coords coords;
    llvm::SmallVector<Dim> guards; ///< hold for every element that is read
    llvm::SmallVector<Dim> tests;  ///< those of the guards that are open when no piece before was taken
  };
  /// An element of a region operand, real where the guards hold.
  struct Element {
    mlir::Value argument;
    Coords coords;
    llvm::SmallVector<Dim> guards;
  };
  struct Access {
    graph::DimsAttr offset, where;
    mlir::ArrayAttr names;
    llvm::SmallVector<mlir::Value> bound;
  };

  void forgetDeeper();
  mlir::Value compute(mlir::Value value, const Coords &coords, const Space &space);
  mlir::Value hoisted(mlir::Value value, const Coords &coords, const Space &space);
  std::optional<Dim> mostOpen(const Dim &guard, const std::string &index, int64_t extent) const;
  mlir::Value pointwise(mlir::Operation *op, const Coords &coords, const Space &space);
  mlir::Value movement(mlir::Operation *op, const AccessMap &map, const Coords &coords, const Space &space);
  mlir::Value clampedIndex(mlir::Value indices, const AccessMap::Indirect &indirect, const Space &space);
  mlir::Value reduce(graph::ReduceOp op, unsigned result, const Coords &coords, const Space &space);
  mlir::Value window(graph::WindowOp op, const Coords &coords, const Space &space);
  mlir::Value dot(graph::DotOp op, const Coords &coords, const Space &space);
  mlir::Value conv(graph::ConvOp op, const Coords &coords, const Space &space);

  /// The access map of a movement op, null for other ops.
  const AccessMap *mapOf(mlir::Operation *op) const;
  llvm::SmallVector<Piece> piecesAt(mlir::Operation *op, const AccessMap &map, const Coords &coords,
                                    const Space &space);
  /// The element of memory that is the value's element, when only movement lies between (a pad's zeros become
  /// guards).
  std::optional<Element> resolve(mlir::Value value, Coords coords, llvm::SmallVector<Dim> guards) const;
  Space guarded(const Space &space, llvm::ArrayRef<Dim> guards) const;
  Access access(const Dim &offset, llvm::ArrayRef<Dim> where, int64_t rank);
  Dim flatten(llvm::ArrayRef<Dim> coords, llvm::ArrayRef<Dim> strides) const;

  mlir::OpBuilder &b;
  mlir::Type indexType;
  llvm::DenseMap<mlir::Value, Memory> sources;
  std::map<std::string, mlir::Value> symbols;
  llvm::DenseMap<mlir::Value, std::vector<Memo>> memos;
  mutable llvm::DenseMap<mlir::Operation *, std::unique_ptr<AccessMap>> maps;
  unsigned depth = 0, nextSymbol = 0;
};

/// What products of elements of a type are summed in.
mlir::Type accumulatorType(mlir::Type element);
/// An accumulator tile rounded to an element type.
mlir::Value roundedTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value acc, mlir::Type element);
/// The coordinates in `value` of the element of `from` at `coords`, when every element of `from` has one
/// place in `value`: only pointwise ops, reshapes and transposes lie between.
std::optional<Emitter::Coords> forwardCoords(mlir::Value value, mlir::Value from, llvm::ArrayRef<Dim> coords);
/// The strides of a row-major tensor.
llvm::SmallVector<Dim> rowMajor(llvm::ArrayRef<Dim> dims);
/// The coordinates of the element at a row-major position.
llvm::SmallVector<Dim> delinearize(const Dim &position, llvm::ArrayRef<Dim> dims);

} // namespace dlc::schedule
