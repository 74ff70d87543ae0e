// Expressions and conditions of the plan (runtime/README.md, section 2), compiled to a short postfix program.
#pragma once

#include "runtime/memory.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dlc::rt {

enum class ExprOp : uint8_t { Constant, Slot, Add, Sub, Mul, Min, Max, FloorDiv, CeilDiv, Mod };

/// One step: pushes a constant or a slot's value, or replaces the two top values by their combination.
struct ExprStep {
  ExprOp op;
  int64_t value = 0; ///< the constant, or the number of the slot
};

/// Values of symbols and scalars live in slots; a name table belongs to them for messages.
struct Expr {
  Vec<ExprStep> steps;
  bool isConstant() const { return steps.size() == 1 && steps[0].op == ExprOp::Constant; }
  bool isSlot() const { return steps.size() == 1 && steps[0].op == ExprOp::Slot; }
};
Expr constantExpr(int64_t value);

enum class Relation : uint8_t { LessEqual, Less, Equal, NotEqual, Divides };

struct Condition {
  Relation relation;
  Expr left, right;
};

/// Deepest stack that a program may need; the parser refuses deeper ones.
inline constexpr size_t exprStackDepth = 80;

/// Where an expression stands, for messages: "buffer 'h': offset".
struct Place {
  std::string_view kind;  ///< "buffer"
  std::string_view name;  ///< "h"
  std::string_view field; ///< "offset"
};
std::string describe(const Place &place);

/// The value. Throws Failure (DLC_ERROR_DIMS) with the place when 64 bits do not hold a step's result or a
/// divisor is zero.
int64_t evaluate(const Expr &expr, std::span<const int64_t> slots, const Place &place);
bool holds(const Condition &condition, std::span<const int64_t> slots, const Place &place);

/// Text for people: "8 * ceildiv(batch, 4)"; `names` are the slots' names.
std::string textOf(const Expr &expr, std::span<const String> names);
std::string textOf(const Condition &condition, std::span<const String> names);

/// Multiplier (low half) and shift (high half) of a division by `divisor`, 1 <= divisor < 2^31.
uint64_t magicOf(uint32_t divisor);

} // namespace dlc::rt
