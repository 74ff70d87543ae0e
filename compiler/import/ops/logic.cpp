// Comparisons, boolean logic, selection, and changes of the element type.
#include "compiler/import/host.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

template <HostOp op, Compare how> void comparison(Node &n) {
  if (n.type(0) != n.type(1))
    n.fail(Code::E0303, "operands have types " + typeName(n.type(0)) + " and " + typeName(n.type(1)));
  if (auto known = hostBinary(n, op, n.in(0), n.in(1))) return n.result(*known);
  n.result(n.e.compare(how, n.value(0), n.value(1), isUnsigned(n.type(0))), DataType::Bool);
}

template <HostOp op, Value (Emit::*emit)(Value, Value)> void logical(Node &n) {
  if (n.type(1) != DataType::Bool) n.fail(Code::E0303, "operands must be bool");
  if (auto known = hostBinary(n, op, n.in(0), n.in(1))) return n.result(*known);
  n.result((n.e.*emit)(n.value(0), n.value(1)), DataType::Bool);
}

void logicalNot(Node &n) {
  auto flip = [](const Dim &x) { return Dim(1) - x; };
  if (auto known = hostUnary(n, n.in(0), nullptr, flip)) return n.result(*known);
  n.result(n.e.bitNot(n.value(0)), DataType::Bool);
}

void where(Node &n) {
  if (n.type(1) != n.type(2))
    n.fail(Code::E0303, "branches have types " + typeName(n.type(1)) + " and " + typeName(n.type(2)));
  if (auto known = hostSelect(n, n.in(0), n.in(1), n.in(2))) return n.result(*known);
  n.result(n.e.select(n.value(0), n.value(1), n.value(2)), n.type(1));
}

void isNaN(Node &n) { n.result(n.e.isNaN(n.value(0)), DataType::Bool); }

void isInf(Node &n) {
  Value x = n.value(0);
  bool positive = n.intAttr("detect_positive", 1), negative = n.intAttr("detect_negative", 1);
  double infinity = std::numeric_limits<double>::infinity();
  Value up = n.e.compare(Compare::Eq, x, n.e.like(x, infinity));
  Value down = n.e.compare(Compare::Eq, x, n.e.like(x, -infinity));
  if (positive && negative) return n.result(n.e.bitOr(up, down), DataType::Bool);
  if (positive) return n.result(up, DataType::Bool);
  if (negative) return n.result(down, DataType::Bool);
  n.result(n.e.like(up, 0), DataType::Bool);
}

void castTo(Node &n, DataType to) {
  n.ignoreAttrs({"saturate", "round_mode"}); // both speak of 8-bit floats only
  if (n.type(0) == to) return n.result(n.in(0));
  if (auto known = hostCast(n, n.in(0), to)) return n.result(*known);
  n.result(n.e.cast(n.value(0), n.type(0), to), to);
}

void cast(Node &n) {
  int64_t to = n.intAttr("to");
  auto type = to > 0 && to < dataTypeCount ? supportedType(static_cast<int>(to)) : std::nullopt;
  if (!type)
    n.fail(Code::E0303,
           "casts to " + typeName(static_cast<int>(std::clamp<int64_t>(to, -1, 99))) + " are not supported");
  castTo(n, *type);
}
void castLike(Node &n) { castTo(n, n.type(1)); }

constexpr int newest = newestOpset;
constexpr TypeSet comparable = numericTypes | boolType;
const OpRow rows[] = {
    {"", "Equal", 7, newest, 2, 2, comparable, comparison<HostOp::Equal, Compare::Eq>},
    {"", "Less", 7, newest, 2, 2, numericTypes, comparison<HostOp::Less, Compare::Lt>},
    {"", "LessOrEqual", 12, newest, 2, 2, numericTypes, comparison<HostOp::LessEqual, Compare::Le>},
    {"", "Greater", 7, newest, 2, 2, numericTypes, comparison<HostOp::Greater, Compare::Gt>},
    {"", "GreaterOrEqual", 12, newest, 2, 2, numericTypes, comparison<HostOp::GreaterEqual, Compare::Ge>},
    {"", "And", 7, newest, 2, 2, boolType, logical<HostOp::And, &Emit::bitAnd>},
    {"", "Or", 7, newest, 2, 2, boolType, logical<HostOp::Or, &Emit::bitOr>},
    {"", "Xor", 7, newest, 2, 2, boolType, logical<HostOp::Xor, &Emit::bitXor>},
    {"", "Not", 1, newest, 1, 1, boolType, logicalNot},
    {"", "Where", 9, newest, 3, 3, boolType, where},
    {"", "IsNaN", 9, newest, 1, 1, floatTypes, isNaN},
    {"", "IsInf", 10, newest, 1, 1, floatTypes, isInf},
    {"", "Cast", 6, newest, 1, 1, anyType, cast},
    {"", "CastLike", 15, newest, 2, 2, anyType, castLike},
};

} // namespace

llvm::ArrayRef<OpRow> logicOps() { return rows; }

} // namespace dlc::import
