// The graph dialect (graph.td) and helpers that read and build it.
#pragma once

#include "ir/dims/dim.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace dlc::graph {
/// What #graph.dims holds.
struct DimList {
  std::vector<Dim> dims;
  DimList() = default;
  explicit DimList(llvm::ArrayRef<Dim> dims) : dims(dims.begin(), dims.end()) {}
  operator llvm::ArrayRef<Dim>() const { return dims; }
  friend bool operator==(const DimList &a, const DimList &b) { return a.dims == b.dims; }
  friend llvm::hash_code hash_value(const DimList &list) {
    llvm::hash_code hash(list.dims.size());
    for (const Dim &dim : list.dims) hash = llvm::hash_combine(hash, dim.hash());
    return hash;
  }
};
} // namespace dlc::graph

#include "ir/graph/graph_dialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/graph/graph_attrs.h.inc"
#define GET_OP_CLASSES
#include "ir/graph/graph_ops.h.inc"

namespace dlc::graph {

//===- Types and dims ---------------------------------------------------===//

/// The tensor type of these dims: no encoding when all are constants, else `#graph.dims` with every dim.
/// Constant dims must be >= 0.
mlir::RankedTensorType tensorType(llvm::ArrayRef<Dim> dims, mlir::Type elementType);

/// The dims of a ranked tensor type; a dynamic dim without encoding becomes the symbol `?`.
llvm::SmallVector<Dim> dimsOf(mlir::Type type);
inline llvm::SmallVector<Dim> dimsOf(mlir::Value value) { return dimsOf(value.getType()); }

/// The product of dims; 1 for rank 0.
Dim elementCount(llvm::ArrayRef<Dim> dims);
/// The product of some of them.
Dim elementCount(llvm::ArrayRef<Dim> dims, llvm::ArrayRef<int64_t> which);

mlir::Type elementTypeOf(mlir::Value value);
int64_t rankOf(mlir::Value value);

//===- Builders: each infers its result type --------------------------------===//
// Preconditions are those of the verifier; a caller that handles user input checks before.

/// A tensor of one value; `value` is rounded or truncated to `elementType`.
mlir::Value fill(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<Dim> dims, mlir::Type elementType,
                 double value);
mlir::Value fillInt(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<Dim> dims, mlir::Type elementType,
                    int64_t value);
/// A scalar attribute of a float or integer type, as fill's and reduce's attributes want it.
mlir::TypedAttr scalarAttr(mlir::Type elementType, double value);

/// Broadcasts to `dims` with `map[i]` the place of operand dim i; returns the operand when nothing changes.
mlir::Value broadcast(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand, llvm::ArrayRef<Dim> dims,
                      llvm::ArrayRef<int64_t> map);
/// Broadcasts numpy-style: operand dims are aligned with the last of `dims`.
mlir::Value broadcastTrailing(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand,
                              llvm::ArrayRef<Dim> dims);
mlir::Value reshape(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand, llvm::ArrayRef<Dim> dims);
mlir::Value transpose(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand,
                      llvm::ArrayRef<int64_t> perm);
mlir::Value slice(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand, llvm::ArrayRef<Dim> offsets,
                  llvm::ArrayRef<int64_t> steps, llvm::ArrayRef<Dim> sizes);
mlir::Value pad(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand, mlir::Value value,
                llvm::ArrayRef<Dim> low, llvm::ArrayRef<Dim> high);
mlir::Value concat(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange operands, int64_t axis);
mlir::Value gather(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand, mlir::Value indices,
                   int64_t axis, int64_t batchDims);
mlir::Value iota(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<Dim> dims, mlir::Type elementType,
                 int64_t dim);
mlir::Value dimValue(mlir::OpBuilder &b, mlir::Location loc, const Dim &dim, mlir::Type elementType);

/// The combiners that have a name. ArgMax/ArgMin reduce (value, index) pairs, first index wins on equal
/// values. Max and Min propagate NaN (arith.maximumf) and have unsigned forms.
enum class Combiner { Sum, Prod, Max, Min, UMax, UMin, And, Or, ArgMax, ArgMin };

/// One-operand reduction; the identity of the combiner for the element type is the init.
mlir::Value reduce(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand, llvm::ArrayRef<int64_t> dims,
                   Combiner combiner);
/// (value, index) reduction along one dim; gives {best value, its index}. `indices` has the operand's dims.
std::pair<mlir::Value, mlir::Value> reduceArg(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand,
                                              mlir::Value indices, llvm::ArrayRef<int64_t> dims,
                                              Combiner combiner);
/// Pooling window; sizes, strides, dilations for every dim of the operand; `dims` are the result's.
mlir::Value window(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand, llvm::ArrayRef<int64_t> size,
                   llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> dilations,
                   llvm::ArrayRef<Dim> low, llvm::ArrayRef<Dim> high, Combiner combiner);
mlir::Value dot(mlir::OpBuilder &b, mlir::Location loc, mlir::Value lhs, mlir::Value rhs,
                llvm::ArrayRef<int64_t> lhsBatch, llvm::ArrayRef<int64_t> rhsBatch,
                llvm::ArrayRef<int64_t> lhsContract, llvm::ArrayRef<int64_t> rhsContract,
                mlir::Type resultElement);
mlir::Value conv(mlir::OpBuilder &b, mlir::Location loc, mlir::Value input, mlir::Value filter,
                 llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> dilations, llvm::ArrayRef<Dim> low,
                 llvm::ArrayRef<Dim> high, int64_t groups, mlir::Type resultElement);

//===- Reading -------------------------------------------------------------------===//

/// The named combiner of a reduce or window region, if it is one.
std::optional<Combiner> matchCombiner(mlir::Region &combiner);
/// The identity of a named combiner (Sum 0, Prod 1, Max -inf or the smallest integer, ...).
mlir::TypedAttr identityOf(Combiner combiner, mlir::Type elementType);
/// Whether the op computes each result element from the same element of its operands (arith and math on
/// tensors).
bool isPointwise(mlir::Operation *op);
/// The scalar a tensor is filled with, through `fill` and splat constants.
mlir::TypedAttr splatValue(mlir::Value value);

/// The result dims of a dot and of a convolution, by the formulas of their ops.
llvm::SmallVector<Dim> dotDims(llvm::ArrayRef<Dim> lhs, llvm::ArrayRef<Dim> rhs,
                               llvm::ArrayRef<int64_t> lhsBatch, llvm::ArrayRef<int64_t> rhsBatch,
                               llvm::ArrayRef<int64_t> lhsContract, llvm::ArrayRef<int64_t> rhsContract);
/// Output extent of a sliding window: (in + low + high - dilation * (size - 1) - 1) floordiv stride + 1.
Dim windowDim(const Dim &in, const Dim &low, const Dim &high, int64_t size, int64_t stride, int64_t dilation);

} // namespace dlc::graph
