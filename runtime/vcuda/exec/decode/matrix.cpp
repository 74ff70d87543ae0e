// mma and wmma (PTX ISA 9.7.15): what there is stands in mma_shapes.h.
#include "runtime/vcuda/exec/decode/decoder.h"

#include "runtime/vcuda/exec/mma_shapes.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

std::string_view Decoder::takeShape() {
  auto isShape = [](std::string_view m) {
    return m.size() > 4 && m[0] == 'm' && m.find('n') != m.npos && m.find('k') != m.npos;
  };
  auto found = std::find_if(modifiers.begin(), modifiers.end(), isShape);
  if (found == modifiers.end()) return {};
  std::string_view name = *found;
  modifiers.erase(found);
  return name;
}

/// The next of "row" and "col", in the order in which they stand; empty when there is none.
std::string_view Decoder::takeLayout() {
  auto isLayout = [](std::string_view m) { return m == "row" || m == "col"; };
  auto found = std::find_if(modifiers.begin(), modifiers.end(), isLayout);
  if (found == modifiers.end()) return {};
  std::string_view name = *found;
  take(name);
  return name;
}

/// The next type, in the order in which they stand; also those that only matrices have.
Type Decoder::takeMatrixType() {
  static constexpr std::pair<std::string_view, Type> names[] = {
      {"s4", Type::S4}, {"u4", Type::U4}, {"b1", Type::B1}};
  for (auto it = modifiers.begin(); it != modifiers.end(); ++it) {
    std::optional<Type> type = ptx::parseType(*it);
    for (auto [name, value] : names) {
      if (name == *it) type = value;
    }
    if (!type) continue;
    modifiers.erase(it);
    return *type;
  }
  return Type::None;
}

/// Registers of D, A, B, C follow each other in the pool; the shape is a row of mmaShapes (index in imm).
/// Quad pairs: C is f16 in bit 17, A by columns in bit 18, B by rows in bit 19.
bool Decoder::mma() {
  if (!take("sync") || !take("aligned")) return failOperands();
  bool satfinite = take("satfinite"), exclusive = take("xor"), conjunction = take("and");
  bool counts = take("popc");
  std::string_view shapeName = takeShape();
  std::string_view aLayout = takeLayout(), bLayout = takeLayout();
  Type d = takeMatrixType(), a = takeMatrixType(), b = takeMatrixType(), c = takeMatrixType();
  uint32_t rounding = d == Type::F64 ? takeMods(ModRoundMask) : 0;
  const MmaShape *shape = bLayout.empty() ? nullptr : findMmaShape(shapeName, d, a, b, c);
  if (shape && !shape->quadPairs && (aLayout != "row" || bLayout != "col")) shape = nullptr;
  bool isBits = a == Type::B1;
  if (!shape || (satfinite && (d != Type::S32 || isBits)) || isBits != counts ||
      exclusive + conjunction != int(isBits))
    return fail("'" + opcodeText() + "' is not supported");
  if (operandCount() != 4) return failOperands();
  Inst &inst = emit(Kind::Mma, d);
  inst.type2 = a;
  inst.mods = ModAligned | rounding | (satfinite ? ModSat : 0) | (conjunction ? 1u << ModKindShift : 0);
  if (shape->quadPairs)
    inst.mods |= (c == Type::F16 ? 1u << 17 : 0) | (aLayout == "col" ? 1u << 18 : 0) |
                 (bLayout == "row" ? 1u << 19 : 0);
  inst.imm = shape - mmaShapes;
  unsigned cRegisters = shape->quadPairs && c == Type::F16 ? 4 : shape->dRegisters;
  Type dReg = d == Type::F64 ? Type::F64 : Type::B32, aReg = a == Type::F64 ? Type::F64 : Type::B32;
  return vectorOperand(operand(0), dReg, shape->dRegisters, Role::Def) &&
         vectorOperand(operand(1), aReg, shape->aRegisters, Role::Use) &&
         vectorOperand(operand(2), aReg, shape->bRegisters, Role::Use) &&
         vectorOperand(operand(3), dReg, cRegisters, Role::Use);
}

/// wmma.load and wmma.store: A = address, B = stride; the shape in Inst::width, the part in bits 16-17 and
/// .col in bit 18 of the modifiers.
bool Decoder::wmmaAccess() {
  bool store = take("store");
  if (!store) take("load");
  WmmaPart part = store       ? WmmaPart::Accumulator
                  : take("a") ? WmmaPart::A
                  : take("b") ? WmmaPart::B
                              : WmmaPart::Accumulator;
  if (part == WmmaPart::Accumulator && !take(store ? "d" : "c")) return failOperands();
  if (!take("sync") || !take("aligned")) return failOperands();
  bool columns = take("col");
  if (!columns && !take("row")) return failOperands();
  std::string_view name = takeShape();
  Space space;
  takeSpace(space, {Space::Global, Space::Shared});
  Type type = takeMatrixType();
  // Of an accumulator the shape tells what it may belong to.
  const WmmaShape *shape = nullptr;
  for (const WmmaShape &s : wmmaShapes) {
    bool sums = type == Type::F16   ? s.type == Type::F16
                : type == Type::F32 ? s.type == Type::F16 || s.type == Type::BF16 || s.type == Type::TF32
                : type == Type::S32 ? elementBits(s.type) <= 8
                                    : type == Type::F64 && s.type == Type::F64;
    if (s.name == name && (part == WmmaPart::Accumulator ? sums : s.type == type)) shape = &s;
  }
  bool small = shape && elementBits(type) < 8;
  if (!shape || (small && columns != (part == WmmaPart::B)))
    return fail("'" + opcodeText() + "' is not supported");
  if (operandCount() != 2 && operandCount() != 3) return failOperands();
  Inst &inst = emit(store ? Kind::WmmaStore : Kind::WmmaLoad, type);
  inst.mods = ModAligned | uint32_t(part) << ModKindShift;
  if (columns) inst.mods |= 1u << 18;
  if (!address(operand(store ? 0 : 1), space)) return false;
  last().width = uint8_t(shape - wmmaShapes);
  uint32_t bytes = std::max(1u, small ? 4u : elementBits(type) / 8);
  noteAccess(space, bytes);
  Type reg = type == Type::F64 ? Type::F64 : Type::B32;
  if (!vectorOperand(operand(store ? 1 : 0), reg, wmmaRegisters(*shape, part, type),
                     store ? Role::Use : Role::Def))
    return false;
  return operandCount() == 2 || src(Field::B, operand(2), Type::U32);
}

/// wmma.mma: types of D and C in type and type2. Fragments hold elements, not bytes of memory, so the layouts
/// that they were loaded with do not matter.
bool Decoder::wmma() {
  if (!take("mma")) return wmmaAccess();
  bool exclusive = take("xor"), conjunction = take("and"), counts = take("popc");
  if (!take("sync") || !take("aligned")) return failOperands();
  for (int side = 0; side < 2; ++side) {
    if (!take("row") && !take("col")) return failOperands();
  }
  std::string_view name = takeShape();
  bool satfinite = take("satfinite");
  Type first = takeMatrixType(), second = takeMatrixType(), third = takeMatrixType(),
       fourth = takeMatrixType();
  uint32_t rounding = first == Type::F64 ? takeMods(ModRoundMask) : 0;
  bool halves = third == Type::None; // only D and C are named: A and B are f16
  Type d = first, a = halves ? Type::F16 : second, b = halves ? Type::F16 : third,
       c = halves ? second : fourth;
  const WmmaShape *shape = a == b ? findWmmaShape(name, a) : nullptr;
  auto isFloat = [](Type t) { return t == Type::F16 || t == Type::F32; };
  Type sum = a == Type::F64 ? Type::F64 : shape && elementBits(a) <= 8 ? Type::S32 : Type::F32;
  bool typesOk = halves ? isFloat(d) && isFloat(c) : d == sum && c == sum && a != Type::F16;
  bool isBits = a == Type::B1;
  if (!shape || !typesOk || isBits != counts || exclusive + conjunction != int(isBits) ||
      (satfinite && (d != Type::S32 || isBits)))
    return fail("'" + opcodeText() + "' is not supported");
  if (operandCount() != 4) return failOperands();
  Inst &inst = emit(Kind::Wmma, d);
  inst.type2 = c;
  inst.mods = ModAligned | rounding | (satfinite ? ModSat : 0) | (conjunction ? 1u << ModKindShift : 0);
  inst.imm = shape - wmmaShapes;
  Type reg = a == Type::F64 ? Type::F64 : Type::B32;
  return vectorOperand(operand(0), reg, wmmaRegisters(*shape, WmmaPart::Accumulator, d), Role::Def) &&
         vectorOperand(operand(1), reg, wmmaRegisters(*shape, WmmaPart::A, a), Role::Use) &&
         vectorOperand(operand(2), reg, wmmaRegisters(*shape, WmmaPart::B, a), Role::Use) &&
         vectorOperand(operand(3), reg, wmmaRegisters(*shape, WmmaPart::Accumulator, c), Role::Use);
}
