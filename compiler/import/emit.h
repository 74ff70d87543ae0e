// Builds graph-level ops from operator functions: arithmetic with numpy broadcasting over SSA values.
//
// Every function takes tensors of any shapes that broadcast together, and dispatches on the element type, so
// that a decomposition reads like its formula:
//   Value centred = e.sub(x, e.spread(e.mean(x, axes), x, axes));
#pragma once

#include "compiler/import/symbols.h"
#include "ir/graph/graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

namespace dlc::import {

using graph::Combiner;
using mlir::Value;

enum class Compare { Eq, Ne, Lt, Le, Gt, Ge };

class Emit {
public:
  Emit(mlir::OpBuilder &b, mlir::Location loc, Symbols &symbols) : b(b), loc(loc), symbols(symbols) {}

  mlir::OpBuilder &b;
  mlir::Location loc;
  Symbols &symbols;

  //===- Shape ------------------------------------------------------------===//
  Dims dims(Value value) const;
  mlir::Type type(Value value) const { return graph::elementTypeOf(value); }
  mlir::Type f32() { return b.getF32Type(); }
  mlir::Type i64() { return b.getI64Type(); }
  bool isFloat(Value value) const { return llvm::isa<mlir::FloatType>(type(value)); }
  bool isBool(Value value) const { return type(value).isInteger(1); }
  /// Broadcasts numpy-style; dims that must agree are unified.
  Value to(Value value, const Dims &dims);
  /// Brings all to their common shape.
  void together(llvm::MutableArrayRef<Value> values);
  /// The same elements under other dims; counts are checked, guarded when they cannot be proven equal.
  Value reshape(Value value, const Dims &dims);
  /// Views dims that are equal (a guard checks them) under other names.
  Value rename(Value value, const Dims &dims);
  Value transpose(Value value, llvm::ArrayRef<int64_t> perm) { return graph::transpose(b, loc, value, perm); }
  /// Inserts a dim of 1 before each of the (sorted, in the result's numbering) axes.
  Value unsqueeze(Value value, llvm::ArrayRef<int64_t> axes);
  /// [begin, begin + size) of one axis.
  Value sliceAxis(Value value, int64_t axis, const Dim &begin, const Dim &size, int64_t step = 1);
  Value concat(llvm::ArrayRef<Value> values, int64_t axis);

  //===- Constants --------------------------------------------------------===//
  Value scalar(mlir::Type type, double value) { return graph::fill(b, loc, {}, type, value); }
  Value scalarInt(mlir::Type type, int64_t value) { return graph::fillInt(b, loc, {}, type, value); }
  Value like(Value value, double constant);
  /// A dim as a rank-0 tensor of any numeric type.
  Value dimValue(const Dim &dim, mlir::Type type);
  Value iota(const Dims &dims, mlir::Type type, int64_t axis) {
    return graph::iota(b, loc, dims, type, axis);
  }

  //===- Arithmetic -------------------------------------------------------===//
  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  /// Integer division truncates.
  Value div(Value x, Value y, bool isUnsigned = false);
  Value rem(Value x, Value y, bool isUnsigned = false);
  /// NaN wins.
  Value max(Value x, Value y, bool isUnsigned = false);
  Value min(Value x, Value y, bool isUnsigned = false);
  Value pow(Value x, Value y);
  Value neg(Value x);
  Value abs(Value x);
  Value bitAnd(Value x, Value y);
  Value bitOr(Value x, Value y);
  Value bitXor(Value x, Value y);
  Value bitNot(Value x);
  /// Ordered comparison (Ne is unordered: NaN != NaN).
  Value compare(Compare how, Value x, Value y, bool isUnsigned = false);
  Value select(Value condition, Value x, Value y);
  template <typename Op> Value unary(Value x) { return Op::create(b, loc, x); }
  template <typename Op> Value binary(Value x, Value y) {
    Value both[] = {x, y};
    together(both);
    return Op::create(b, loc, both[0], both[1]);
  }

  // with constants
  Value add(Value x, double y) { return add(x, like(x, y)); }
  Value sub(Value x, double y) { return sub(x, like(x, y)); }
  Value mul(Value x, double y) { return mul(x, like(x, y)); }
  Value div(Value x, double y) { return div(x, like(x, y)); }
  Value max(Value x, double y) { return max(x, like(x, y)); }
  Value min(Value x, double y) { return min(x, like(x, y)); }

  Value exp(Value x) { return unary<mlir::math::ExpOp>(x); }
  Value log(Value x) { return unary<mlir::math::LogOp>(x); }
  Value sqrt(Value x) { return unary<mlir::math::SqrtOp>(x); }
  Value tanh(Value x) { return unary<mlir::math::TanhOp>(x); }
  Value isNaN(Value x) { return compare(Compare::Ne, x, x); }
  /// 1 / (1 + exp(-x))
  Value sigmoid(Value x);
  /// log(1 + exp(x)) without overflow.
  Value softplus(Value x);

  //===- Types ------------------------------------------------------------===//
  /// ONNX Cast. Float to integer saturates (graph level has no undefined values), bool is x != 0.
  Value cast(Value value, DataType from, DataType to);
  /// f16 and bf16 to f32, others unchanged.
  Value widen(Value value);
  /// The type in which sums of elements of `type` are kept: f32 for f16 and bf16.
  mlir::Type accumulator(mlir::Type type) const {
    return mlir::isa<mlir::FloatType>(type) && type.getIntOrFloatBitWidth() < 32 ? b.getF32Type() : type;
  }
  /// Float to float.
  Value toFloat(Value value, mlir::Type type);

  //===- Reductions -------------------------------------------------------===//
  /// `axes` are dropped; sorted, not negative.
  /// Sums and products of 16-bit floats are kept in f32 and rounded once.
  Value reduce(Value x, llvm::ArrayRef<int64_t> axes, Combiner combiner);
  /// Undoes a reduction's drop of `axes`: repeats along them to the dims of `like`.
  Value spread(Value reduced, Value like, llvm::ArrayRef<int64_t> axes);
  /// The drop of `axes` undone with dims of 1.
  Value keep(Value reduced, llvm::ArrayRef<int64_t> axes) { return unsqueeze(reduced, axes); }
  Value mean(Value x, llvm::ArrayRef<int64_t> axes);
};

} // namespace dlc::import
