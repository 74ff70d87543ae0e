// Shape arithmetic: operators on elements that are known while importing (integers as dim expressions).
//
// Each function gives the result as a host tensor, or nothing when an element cannot be computed now; the
// operator then builds ops on the data instead. Only bool, int32, int64 and float types are evaluated:
// narrower integers wrap in ways that a dim expression does not, and are left to constant folding.
#pragma once

#include "compiler/import/node.h"

namespace dlc::import {

enum class HostOp {
  Add,
  Sub,
  Mul,
  Div,
  Mod,
  Min,
  Max,
  Pow,
  Equal,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  And,
  Or,
  Xor
};

bool isHostType(DataType type);
/// Whether the integers fit the type (symbols are taken to fit).
bool fitsType(DataType type, const Dim &value);

/// One element. Division truncates, Mod has the sign of the divisor.
std::optional<Dim> evaluate(HostOp op, const Dim &a, const Dim &b, Symbols &symbols);

/// Elementwise with numpy broadcasting; comparisons give bool. Float operands: the arithmetic ones, exactly
/// rounded.
std::optional<Tensor> hostBinary(const Node &node, HostOp op, const Tensor &a, const Tensor &b);
std::optional<Tensor> hostSelect(const Node &node, const Tensor &condition, const Tensor &a, const Tensor &b);
std::optional<Tensor> hostCast(const Node &node, const Tensor &from, DataType to);
/// `op` on each float, or `opInt` on each integer (null: not evaluated).
std::optional<Tensor> hostUnary(const Node &node, const Tensor &from, double (*op)(double),
                                Dim (*opInt)(const Dim &) = nullptr);
/// result[index] = from[source(index)], both as flat positions; the result has static dims.
std::optional<Tensor> hostMove(const Node &node, const Tensor &from, const Dims &dims,
                               llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)> source);
/// The same elements under other static dims.
std::optional<Tensor> hostReshape(const Node &node, const Tensor &from, const Dims &dims);
std::optional<Tensor> hostConcat(const Node &node, llvm::ArrayRef<Tensor> parts, int64_t axis);

/// Row-major strides of static dims; meaningless where the element count leaves int64.
llvm::SmallVector<int64_t> stridesOf(const Dims &dims);
/// `value` rounded to a float type.
double roundTo(DataType type, double value);

} // namespace dlc::import
