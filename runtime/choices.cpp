// From what a caller passes (names with values, or tensors) to the values of all symbols and scalars.
#include "runtime/bind.h"
#include "runtime/failure.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace dlc::rt {

DeviceLimits limitsOf(const Target &target) { return {target.sms, target.sharedPerBlock}; }

size_t choiceCount(const Plan &plan) {
  size_t count = plan.symbols.size();
  for (const Scalar &scalar : plan.scalars) count += scalar.fromInput;
  return count;
}

// The scalar behind a choice that is no symbol.
static const Scalar &scalarOf(const Plan &plan, size_t choice) {
  size_t left = choice - plan.symbols.size();
  for (const Scalar &scalar : plan.scalars)
    if (scalar.fromInput && left-- == 0) return scalar;
  fail(DLC_ERROR_INTERNAL, "no such choice");
}

std::string_view choiceName(const Plan &plan, size_t choice) {
  return choice < plan.symbols.size() ? plan.symbols[choice].name : scalarOf(plan, choice).name;
}

static std::string allNames(const Plan &plan) {
  std::string text;
  for (size_t i = 0; i < choiceCount(plan); ++i) text += concat(i ? ", " : "", inQuotes(choiceName(plan, i)));
  return text.empty() ? "this artifact has no dims to choose" : "the dims of this artifact are " + text;
}

void orderChoices(const Plan &plan, std::span<const dlc_dim> dims, std::span<int64_t> choices) {
  Vec<uint8_t> isGiven(choices.size());
  for (const dlc_dim &dim : dims) {
    if (!dim.name) fail(DLC_ERROR_INVALID_ARGUMENT, "a dim without a name");
    size_t choice = 0;
    while (choice < choices.size() && choiceName(plan, choice) != dim.name) ++choice;
    if (choice == choices.size())
      fail(DLC_ERROR_INVALID_ARGUMENT, concat("there is no dim named ", inQuotes(dim.name)), allNames(plan));
    if (isGiven[choice])
      fail(DLC_ERROR_INVALID_ARGUMENT, concat("dim ", inQuotes(dim.name), " is given twice"));
    isGiven[choice] = 1;
    choices[choice] = dim.value;
  }
  for (size_t choice = 0; choice < choices.size(); ++choice)
    if (!isGiven[choice])
      fail(DLC_ERROR_INVALID_ARGUMENT, concat("no value for dim ", inQuotes(choiceName(plan, choice))),
           allNames(plan));
}

// "input 'image' dim 0 ('batch')"
static std::string describeDim(const Plan &plan, const Symbol &symbol) {
  return concat("input ", inQuotes(plan.inputs[size_t(symbol.input)].name), " dim ", symbol.dim, " (",
                inQuotes(symbol.name), ")");
}

static void checkRange(const Plan &plan, const Symbol &symbol, int64_t value) {
  if (value < symbol.min || value > symbol.max)
    fail(DLC_ERROR_DIMS,
         concat(describeDim(plan, symbol), " is ", value, "; this artifact takes ", symbol.min, "..",
                symbol.max),
         concat("compile again with --dim ", symbol.name, "=LO..HI that includes ", value));
  if (value % symbol.multiple != 0)
    fail(DLC_ERROR_DIMS,
         concat(describeDim(plan, symbol), " is ", value, "; this artifact takes multiples of ",
                symbol.multiple),
         concat("pad it to ", value + symbol.multiple - value % symbol.multiple,
                ", or compile again with another --dim ", symbol.name));
}

static int64_t solveSymbol(const Plan &plan, const Symbol &symbol, std::span<const dlc_tensor> inputs) {
  int64_t extent = inputs[size_t(symbol.input)].shape[symbol.dim], rest = 0, value = 0;
  bool isExact = !__builtin_sub_overflow(extent, symbol.offset, &rest) && rest % symbol.scale == 0;
  value = rest / symbol.scale;
  if (!isExact)
    fail(DLC_ERROR_DIMS, concat(describeDim(plan, symbol), " makes the extent ", symbol.scale, " * ",
                                symbol.name, " + ", symbol.offset, ", which is never ", extent));
  checkRange(plan, symbol, value);
  return value;
}

// Every dim of every input, once the symbols are known.
static void checkShape(const Plan &plan, size_t input, const dlc_tensor &tensor,
                       std::span<const int64_t> slots) {
  const Value &value = plan.inputs[input];
  for (size_t d = 0; d < value.dims.size(); ++d) {
    const Expr &expr = value.dims[d];
    int64_t expected = evaluate(expr, slots, {"input", value.name, "dims"});
    if (expected == tensor.shape[d]) continue;
    std::string why;
    if (!expr.isConstant()) why = concat(" (", textOf(expr, plan.slotNames), ")");
    std::string help;
    for (const Symbol &symbol : plan.symbols)
      if (expr.isSlot() && plan.slotNames[size_t(expr.steps[0].value)] == symbol.name)
        help = concat(inQuotes(symbol.name), " is the value of ", describeDim(plan, symbol));
    fail(DLC_ERROR_DIMS,
         concat("input ", inQuotes(value.name), " dim ", d, why, " is ", tensor.shape[d], "; it should be ",
                expected),
         help);
  }
}

void choicesFromShapes(const Plan &plan, std::span<const dlc_tensor> inputs, const ReadElement &read,
                       std::span<int64_t> choices) {
  for (size_t i = 0; i < plan.inputs.size(); ++i)
    if (size_t(inputs[i].rank) != plan.inputs[i].dims.size())
      fail(DLC_ERROR_DIMS, concat("input ", inQuotes(plan.inputs[i].name), " has rank ", inputs[i].rank,
                                  "; it should be ", plan.inputs[i].dims.size()));
  Vec<int64_t> slots(plan.slotCount());
  slots[slotSms] = plan.target.sms;
  slots[slotSharedPerBlock] = plan.target.sharedPerBlock;
  for (size_t i = 0; i < plan.symbols.size(); ++i)
    choices[i] = slots[plan.symbolSlot(i)] = solveSymbol(plan, plan.symbols[i], inputs);
  size_t choice = plan.symbols.size();
  for (size_t i = 0; i < plan.scalars.size(); ++i) {
    const Scalar &scalar = plan.scalars[i];
    int64_t &slot = slots[plan.scalarSlot(i)];
    if (!scalar.fromInput) {
      slot = evaluate(scalar.expr, slots, {"scalar", scalar.name, ""});
      continue;
    }
    int64_t elements = 1;
    for (int32_t d = 0; d < inputs[size_t(scalar.input)].rank; ++d)
      if (__builtin_mul_overflow(elements, inputs[size_t(scalar.input)].shape[d], &elements))
        fail(DLC_ERROR_DIMS,
             concat("input ", inQuotes(plan.inputs[size_t(scalar.input)].name), " is too large"));
    if (scalar.index >= elements)
      fail(DLC_ERROR_DIMS, concat("input ", inQuotes(plan.inputs[size_t(scalar.input)].name),
                                  " has no element ", scalar.index));
    choices[choice++] = slot = read(scalar.input, scalar.index);
  }
  for (size_t i = 0; i < plan.inputs.size(); ++i) checkShape(plan, i, inputs[i], slots);
}

// What the caller chose behind an expression's slots, scalars that are computed followed to theirs.
static void addChoices(const Plan &plan, const Expr &expr, std::vector<std::string> &found) {
  auto add = [&](std::string text) {
    if (std::find(found.begin(), found.end(), text) == found.end()) found.push_back(std::move(text));
  };
  for (const ExprStep &step : expr.steps) {
    if (step.op != ExprOp::Slot) continue;
    size_t slot = size_t(step.value);
    for (size_t i = 0; i < plan.symbols.size(); ++i)
      if (slot == plan.symbolSlot(i)) add(describeDim(plan, plan.symbols[i]));
    for (size_t i = 0; i < plan.scalars.size(); ++i) {
      const Scalar &scalar = plan.scalars[i];
      if (slot != plan.scalarSlot(i)) continue;
      if (!scalar.fromInput)
        addChoices(plan, scalar.expr, found); // of earlier slots only
      else
        add(concat("element ", scalar.index, " of input ", inQuotes(plan.inputs[size_t(scalar.input)].name),
                   " (", inQuotes(scalar.name), ")"));
    }
  }
}

// Which values of the caller a guard is about.
static std::string helpOf(const Plan &plan, const Guard &guard) {
  std::vector<std::string> found;
  addChoices(plan, guard.require.left, found);
  addChoices(plan, guard.require.right, found);
  if (found.empty()) return "compile for this device";
  std::string text = found.size() > 1 ? "change one of these: " : "choose another value for ";
  for (size_t i = 0; i < found.size(); ++i) text += concat(i ? ", " : "", found[i]);
  return text;
}

Vec<int64_t> evaluateSlots(const Plan &plan, const DeviceLimits &limits, std::span<const int64_t> choices) {
  Vec<int64_t> slots(plan.slotCount());
  slots[slotSms] = limits.sms;
  slots[slotSharedPerBlock] = limits.sharedPerBlock;
  for (size_t i = 0; i < plan.symbols.size(); ++i) {
    checkRange(plan, plan.symbols[i], choices[i]);
    slots[plan.symbolSlot(i)] = choices[i];
  }
  size_t choice = plan.symbols.size();
  for (size_t i = 0; i < plan.scalars.size(); ++i) {
    const Scalar &scalar = plan.scalars[i];
    int64_t &slot = slots[plan.scalarSlot(i)];
    if (!scalar.fromInput) {
      slot = evaluate(scalar.expr, slots, {"scalar", scalar.name, ""});
      continue;
    }
    slot = choices[choice++];
    if (slot < scalar.min || slot > scalar.max)
      fail(DLC_ERROR_DIMS,
           concat("element ", scalar.index, " of input ", inQuotes(plan.inputs[size_t(scalar.input)].name),
                  " (", inQuotes(scalar.name), ") is ", slot, "; this artifact takes ", scalar.min, "..",
                  scalar.max));
  }
  for (const Guard &guard : plan.guards) {
    if (holds(guard.require, slots, {"guard", "", guard.message})) continue;
    std::string values;
    for (size_t i = 0; i < plan.symbols.size(); ++i)
      values += concat(i ? ", " : "", plan.symbols[i].name, " = ", choices[i]);
    fail(DLC_ERROR_DIMS,
         concat(guard.message, " (", textOf(guard.require, plan.slotNames), " does not hold for ", values,
                ")"),
         helpOf(plan, guard));
  }
  return slots;
}

void evaluateDims(const Value &value, std::string_view kind, std::span<const int64_t> slots,
                  std::span<int64_t> dims) {
  for (size_t d = 0; d < value.dims.size(); ++d) {
    dims[d] = evaluate(value.dims[d], slots, {kind, value.name, "dims"});
    if (dims[d] < 0)
      fail(DLC_ERROR_DIMS, concat(kind, " ", inQuotes(value.name), " dim ", d, " becomes ", dims[d]),
           "choose larger dims");
  }
}

int64_t readInteger(dlc_dtype dtype, const void *data, int64_t index) {
  const char *from = static_cast<const char *>(data) + size_t(index) * sizeOf(dtype);
  auto read = [&](auto value) {
    std::memcpy(&value, from, sizeof(value));
    return int64_t(value);
  };
  switch (dtype) {
  case DLC_I8:
    return read(int8_t());
  case DLC_BOOL:
  case DLC_U8:
    return read(uint8_t());
  case DLC_I16:
    return read(int16_t());
  case DLC_U16:
    return read(uint16_t());
  case DLC_I32:
    return read(int32_t());
  case DLC_U32:
    return read(uint32_t());
  default:
    return read(int64_t());
  }
}

} // namespace dlc::rt
