#include "runtime/expr.h"

#include "runtime/failure.h"

#include <algorithm>
#include <bit>

namespace dlc::rt {

Expr constantExpr(int64_t value) {
  Expr expr;
  expr.steps.push_back({ExprOp::Constant, value});
  return expr;
}

std::string describe(const Place &place) {
  std::string text = concat(place.kind);
  if (!place.name.empty()) text += " " + inQuotes(place.name);
  if (!place.field.empty()) text += concat(": ", place.field);
  return text;
}

// Quotient rounded down; false if it does not exist or does not fit.
static bool floorDivide(int64_t a, int64_t b, int64_t &result) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return false;
  result = a / b;
  if (a % b != 0 && (a < 0) != (b < 0)) --result;
  return true;
}

static bool combine(ExprOp op, int64_t a, int64_t b, int64_t &result) {
  switch (op) {
  case ExprOp::Add:
    return !__builtin_add_overflow(a, b, &result);
  case ExprOp::Sub:
    return !__builtin_sub_overflow(a, b, &result);
  case ExprOp::Mul:
    return !__builtin_mul_overflow(a, b, &result);
  case ExprOp::Min:
    result = std::min(a, b);
    return true;
  case ExprOp::Max:
    result = std::max(a, b);
    return true;
  case ExprOp::FloorDiv:
    return floorDivide(a, b, result);
  case ExprOp::CeilDiv:
    if (!floorDivide(a, b, result)) return false;
    if (a % b != 0) ++result;
    return true;
  case ExprOp::Mod: {
    if (b == 0) return false;
    result = b == -1 ? 0 : a % b;
    if (result != 0 && (result < 0) != (b < 0)) result += b;
    return true;
  }
  case ExprOp::Constant:
  case ExprOp::Slot:
    break;
  }
  return false;
}

static std::string_view nameOf(ExprOp op) {
  switch (op) {
  case ExprOp::Add:
    return "+";
  case ExprOp::Sub:
    return "-";
  case ExprOp::Mul:
    return "*";
  case ExprOp::Min:
    return "min";
  case ExprOp::Max:
    return "max";
  case ExprOp::FloorDiv:
    return "floordiv";
  case ExprOp::CeilDiv:
    return "ceildiv";
  case ExprOp::Mod:
    return "mod";
  default:
    return "?";
  }
}

int64_t evaluate(const Expr &expr, std::span<const int64_t> slots, const Place &place) {
  int64_t stack[exprStackDepth];
  size_t depth = 0;
  for (const ExprStep &step : expr.steps) {
    if (step.op == ExprOp::Constant) {
      stack[depth++] = step.value;
    } else if (step.op == ExprOp::Slot) {
      stack[depth++] = slots[size_t(step.value)];
    } else {
      int64_t a = stack[depth - 2], b = stack[depth - 1];
      if (!combine(step.op, a, b, stack[depth - 2]))
        fail(DLC_ERROR_DIMS,
             concat(describe(place), ": (", nameOf(step.op), " ", a, " ", b, ") has no value in 64 bits"),
             "choose smaller dims");
      --depth;
    }
  }
  return stack[0];
}

bool holds(const Condition &condition, std::span<const int64_t> slots, const Place &place) {
  int64_t a = evaluate(condition.left, slots, place), b = evaluate(condition.right, slots, place);
  switch (condition.relation) {
  case Relation::LessEqual:
    return a <= b;
  case Relation::Less:
    return a < b;
  case Relation::Equal:
    return a == b;
  case Relation::NotEqual:
    return a != b;
  case Relation::Divides:
    if (a == 0) fail(DLC_ERROR_DIMS, concat(describe(place), ": divisor is zero"), "choose other dims");
    return a == -1 || b % a == 0;
  }
  return false;
}

// Binding strength of an operator as it is printed: sums 1, products 2, everything else 3.
static int strengthOf(ExprOp op) {
  if (op == ExprOp::Add || op == ExprOp::Sub) return 1;
  return op == ExprOp::Mul ? 2 : 3;
}

std::string textOf(const Expr &expr, std::span<const String> names) {
  struct Piece {
    std::string text;
    int strength;
  };
  std::vector<Piece> stack;
  for (const ExprStep &step : expr.steps) {
    if (step.op == ExprOp::Constant) {
      stack.push_back({std::to_string(step.value), step.value < 0 ? 1 : 3});
    } else if (step.op == ExprOp::Slot) {
      stack.push_back({concat(names[size_t(step.value)]), 3});
    } else {
      Piece right = std::move(stack.back());
      stack.pop_back();
      Piece &left = stack.back();
      int strength = strengthOf(step.op);
      if (strength == 3) {
        left.text = concat(nameOf(step.op), "(", left.text, ", ", right.text, ")");
      } else {
        // A sum on the right of a difference needs its parentheses; sums and products are associative.
        bool open = right.strength < strength || (step.op == ExprOp::Sub && right.strength == strength);
        if (left.strength < strength) left.text = concat("(", left.text, ")");
        left.text =
            concat(left.text, " ", nameOf(step.op), " ", open ? "(" : "", right.text, open ? ")" : "");
      }
      left.strength = strength;
    }
  }
  return stack[0].text;
}

std::string textOf(const Condition &condition, std::span<const String> names) {
  std::string left = textOf(condition.left, names), right = textOf(condition.right, names);
  switch (condition.relation) {
  case Relation::LessEqual:
    return left + " <= " + right;
  case Relation::Less:
    return left + " < " + right;
  case Relation::Equal:
    return left + " == " + right;
  case Relation::NotEqual:
    return left + " != " + right;
  case Relation::Divides:
    return left + " divides " + right;
  }
  return "";
}

uint64_t magicOf(uint32_t divisor) {
  uint32_t shift = divisor > 1 ? 32 - uint32_t(std::countl_zero(divisor - 1)) : 0;
  uint64_t multiplier = ((uint64_t(1) << 32) * ((uint64_t(1) << shift) - divisor)) / divisor + 1;
  return uint64_t(shift) << 32 | multiplier;
}

} // namespace dlc::rt
