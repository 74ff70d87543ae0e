// Arithmetic, logic, comparison, selection and conversion: modifiers and operands of each opcode (PTX
// ISA 9.7.1 to 9.7.8).
#include "runtime/vcuda/exec/decode/decoder.h"

#include "runtime/vcuda/exec/special.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;
using ptx::typeBytes;

namespace {

constexpr uint64_t bit(Type t) { return uint64_t(1) << unsigned(t); }
template <class... T> constexpr uint64_t typeSet(T... types) { return (bit(types) | ...); }
constexpr uint64_t ints = typeSet(Type::U16, Type::S16, Type::U32, Type::S32, Type::U64, Type::S64);
constexpr uint64_t halves = typeSet(Type::F16, Type::F16x2);
constexpr uint64_t bhalves = typeSet(Type::BF16, Type::BF16x2);
constexpr uint64_t shortPairs = typeSet(Type::U16x2, Type::S16x2);
constexpr uint64_t bits3 = typeSet(Type::B16, Type::B32, Type::B64);

/// Opcodes whose sources and destination have one type.
struct Row {
  std::string_view opcode;
  Kind kind;
  unsigned sources;
  uint64_t types;
  uint32_t mods;
  uint32_t required = 0; ///< modifiers that must be there
};
constexpr Row rows[] = {
    {"add", Kind::Add, 2, ints, 0},
    {"add", Kind::Add, 2, typeSet(Type::S32), ModSat},
    {"add", Kind::Add, 2, typeSet(Type::F32), ModRoundMask | ModFtz | ModSat},
    {"add", Kind::Add, 2, typeSet(Type::F64), ModRoundMask},
    {"add", Kind::Add, 2, halves, ModFtz | ModSat},
    {"add", Kind::Add, 2, bhalves, 0},
    {"add", Kind::Add, 2, shortPairs, 0},
    {"sub", Kind::Sub, 2, ints, 0},
    {"sub", Kind::Sub, 2, typeSet(Type::S32), ModSat},
    {"sub", Kind::Sub, 2, typeSet(Type::F32), ModRoundMask | ModFtz | ModSat},
    {"sub", Kind::Sub, 2, typeSet(Type::F64), ModRoundMask},
    {"sub", Kind::Sub, 2, halves, ModFtz | ModSat},
    {"sub", Kind::Sub, 2, bhalves, 0},
    {"fma", Kind::Fma, 3, typeSet(Type::F32), ModRoundMask | ModFtz | ModSat},
    {"fma", Kind::Fma, 3, typeSet(Type::F64), ModRoundMask},
    {"fma", Kind::Fma, 3, halves, ModFtz | ModSat | ModRelu},
    {"fma", Kind::Fma, 3, bhalves, ModRelu},
    {"min", Kind::Min, 2, ints, 0},
    {"min", Kind::Min, 2, typeSet(Type::F32), ModFtz | ModNan | ModXorSign},
    {"min", Kind::Min, 2, typeSet(Type::F64), 0},
    {"min", Kind::Min, 2, halves, ModFtz | ModNan | ModXorSign},
    {"min", Kind::Min, 2, bhalves, ModNan | ModXorSign},
    {"min", Kind::Min, 2, shortPairs, 0},
    {"min", Kind::Min, 2, typeSet(Type::S32, Type::S16x2), ModRelu},
    {"max", Kind::Max, 2, ints, 0},
    {"max", Kind::Max, 2, typeSet(Type::F32), ModFtz | ModNan | ModXorSign},
    {"max", Kind::Max, 2, typeSet(Type::F64), 0},
    {"max", Kind::Max, 2, halves, ModFtz | ModNan | ModXorSign},
    {"max", Kind::Max, 2, bhalves, ModNan | ModXorSign},
    {"max", Kind::Max, 2, shortPairs, 0},
    {"max", Kind::Max, 2, typeSet(Type::S32, Type::S16x2), ModRelu},
    {"abs", Kind::Abs, 1, typeSet(Type::S16, Type::S32, Type::S64, Type::F64), 0},
    {"abs", Kind::Abs, 1, typeSet(Type::F32) | halves, ModFtz},
    {"abs", Kind::Abs, 1, bhalves, 0},
    {"neg", Kind::Neg, 1, typeSet(Type::S16, Type::S32, Type::S64, Type::F64), 0},
    {"neg", Kind::Neg, 1, typeSet(Type::F32) | halves, ModFtz},
    {"neg", Kind::Neg, 1, bhalves, 0},
    {"div", Kind::Div, 2, ints, 0},
    {"div", Kind::Div, 2, typeSet(Type::F32), ModRoundMask | ModFtz | ModApprox},
    {"div", Kind::Div, 2, typeSet(Type::F64), ModRoundMask},
    {"rem", Kind::Rem, 2, ints, 0},
    {"sad", Kind::Sad, 3, ints, 0},
    {"and", Kind::And, 2, bits3 | typeSet(Type::Pred), 0},
    {"or", Kind::Or, 2, bits3 | typeSet(Type::Pred), 0},
    {"xor", Kind::Xor, 2, bits3 | typeSet(Type::Pred), 0},
    {"not", Kind::Not, 1, bits3 | typeSet(Type::Pred), 0},
    {"cnot", Kind::Cnot, 1, bits3, 0},
    {"brev", Kind::Brev, 1, typeSet(Type::B32, Type::B64), 0},
    {"rcp", Kind::Rcp, 1, typeSet(Type::F32), ModRoundMask | ModFtz | ModApprox},
    {"rcp", Kind::Rcp, 1, typeSet(Type::F64), ModRoundMask},
    {"rcp", Kind::Rcp, 1, typeSet(Type::F64), ModFtz | ModApprox, ModFtz | ModApprox},
    {"sqrt", Kind::Sqrt, 1, typeSet(Type::F32), ModRoundMask | ModFtz | ModApprox},
    {"sqrt", Kind::Sqrt, 1, typeSet(Type::F64), ModRoundMask},
    {"rsqrt", Kind::Rsqrt, 1, typeSet(Type::F32, Type::F64), ModFtz | ModApprox, ModApprox},
    {"sin", Kind::Sin, 1, typeSet(Type::F32), ModFtz | ModApprox, ModApprox},
    {"cos", Kind::Cos, 1, typeSet(Type::F32), ModFtz | ModApprox, ModApprox},
    {"lg2", Kind::Lg2, 1, typeSet(Type::F32), ModFtz | ModApprox, ModApprox},
    {"ex2", Kind::Ex2, 1, typeSet(Type::F32), ModFtz | ModApprox, ModApprox},
    {"ex2", Kind::Ex2, 1, halves, ModApprox, ModApprox},
    {"ex2", Kind::Ex2, 1, bhalves, ModFtz | ModApprox, ModFtz | ModApprox},
    {"tanh", Kind::Tanh, 1, typeSet(Type::F32) | halves | bhalves, ModApprox, ModApprox},
    {"copysign", Kind::Copysign, 2, typeSet(Type::F32, Type::F64), 0},
};

constexpr std::pair<std::string_view, Compare> compareNames[] = {
    {"eq", Compare::Eq},   {"ne", Compare::Ne},   {"lt", Compare::Lt},   {"le", Compare::Le},
    {"gt", Compare::Gt},   {"ge", Compare::Ge},   {"lo", Compare::Lo},   {"ls", Compare::Ls},
    {"hi", Compare::Hi},   {"hs", Compare::Hs},   {"equ", Compare::Equ}, {"neu", Compare::Neu},
    {"ltu", Compare::Ltu}, {"leu", Compare::Leu}, {"gtu", Compare::Gtu}, {"geu", Compare::Geu},
    {"num", Compare::Num}, {"nan", Compare::Nan}};

bool isFloat(Type t) {
  return typeSet(Type::F16, Type::F16x2, Type::BF16, Type::BF16x2, Type::F32, Type::F64) & bit(t);
}
bool isInt(Type t) { return ints & bit(t); }
/// Whether every value of one integer type is one of the other.
bool holds(Type to, Type from) {
  auto isSignedType = [](Type t) { return typeSet(Type::S8, Type::S16, Type::S32, Type::S64) & bit(t); };
  if (isSignedType(from)) return isSignedType(to) && typeBytes(to) >= typeBytes(from);
  return typeBytes(to) > typeBytes(from) || (typeBytes(to) == typeBytes(from) && !isSignedType(to));
}
/// Whether cvt has this form (PTX ISA 9.7.9.21): rounding to an integral value is for floats that stay what
/// they are or become integers; other rounding where something may be lost (between f16 and bf16 it may be
/// left out: to nearest); .ftz needs an f32, .sat no bf16.
bool isConversion(Type to, Type from, bool integral, bool rounds, uint32_t mods) {
  bool toFloat = isFloat(to), fromFloat = isFloat(from), small = to == Type::BF16 || from == Type::BF16;
  auto isNumber = [](Type t) { return isFloat(t) || isInt(t) || t == Type::U8 || t == Type::S8; };
  if (!isNumber(to) || !isNumber(from)) return false;
  bool ok = integral   ? fromFloat && (!toFloat || to == from)
            : !rounds  ? toFloat == fromFloat && (!toFloat || to == from || typeBytes(to) > typeBytes(from) ||
                                                  (small && typeBytes(to) == typeBytes(from)))
            : !toFloat ? false
                       : !fromFloat || typeBytes(to) < typeBytes(from) || (to != from && small);
  if (mods & ModFtz) ok = ok && (fromFloat || rounds) && (from == Type::F32 || (to == Type::F32 && toFloat));
  if (mods & ModSat) ok = ok && !small && (toFloat || fromFloat || !holds(to, from));
  uint32_t rounding = mods & ModRoundMask;
  if (mods & (ModRelu | ModSatFinite))
    ok = ok && rounds && (rounding == ModRn || rounding == ModRz) && !(mods & (ModFtz | ModSat)) &&
         from == Type::F32 && typeBytes(to) == 2;
  return ok && !(mods & ModAway);
}
/// The same for two values at once, 8-bit floats and tf32; `rounds`: .rn or .rz is said.
bool isPackedConversion(Type to, Type from, bool rounds, uint32_t mods) {
  bool nearest = rounds && (mods & ModRoundMask) == ModRn, away = mods & ModAway,
       finite = mods & ModSatFinite;
  bool plain = rounds && (nearest || (mods & ModRoundMask) == ModRz);
  auto isEight = [](Type t) { return t == Type::E4M3x2 || t == Type::E5M2x2; };
  if (mods & (ModFtz | ModSat | ModInteger)) return false;
  if (to == Type::TF32) return from == Type::F32 && (away ? !(mods & ModRelu) : plain && !finite);
  if (away) return false;
  if (isEight(to)) return (from == Type::F32 || from == Type::F16x2) && nearest && finite;
  if (to == Type::F16x2 && isEight(from)) return nearest && !finite;
  return (to == Type::F16x2 || to == Type::BF16x2) && from == Type::F32 && plain;
}
bool isSigned(Type t) { return typeSet(Type::S8, Type::S16, Type::S32, Type::S64) & bit(t); }

} // namespace

bool Decoder::arithmetic() {
  Type type = takeType();
  for (const Row &row : rows) {
    if (row.opcode != statement->opcode || !(row.types & bit(type))) continue;
    if (operandCount() != row.sources + 1) return failOperands();
    std::vector<std::string_view> all = modifiers;
    uint32_t mods = takeMods(row.mods);
    bool rounds = row.kind == Kind::Add || row.kind == Kind::Sub || row.kind == Kind::Fma;
    if (rounds && ((halves | bhalves) & bit(type))) take("rn"); // the only rounding of 16-bit types
    if ((row.mods & ModApprox) && type == Type::F32 && row.kind == Kind::Div && take("full"))
      mods |= ModApprox;
    if (!modifiers.empty() || (mods & row.required) != row.required) {
      modifiers = std::move(all); // another row of the opcode may take them
      if (&row != &rows[std::size(rows) - 1]) continue;
    }
    Inst &inst = emit(row.kind, type);
    inst.mods = mods;
    return dst(operand(0), type) && src(Field::A, operand(1), type) &&
           (row.sources < 2 || src(Field::B, operand(2), type)) &&
           (row.sources < 3 || src(Field::C, operand(3), type));
  }
  return fail("'" + opcodeText() + "' is not supported");
}

/// add.cc, addc, sub.cc, subc, mad.cc, madc: the carry lives in one register per thread.
bool Decoder::carryArithmetic() {
  bool out = take("cc");
  std::string_view op = statement->opcode;
  bool in = op.back() == 'c';
  bool isMad = op.starts_with("mad");
  if (!in && !out) return isMad ? multiply() : arithmetic();
  bool hi = isMad && take("hi"), lo = isMad && take("lo");
  if (isMad && !hi && !lo) return failOperands();
  Type type = takeType();
  if (!(typeSet(Type::U32, Type::S32, Type::U64, Type::S64) & bit(type)))
    return fail("'" + opcodeText() + "' is not supported");
  Inst &inst = emit(isMad ? Kind::MadCarry : op.starts_with("add") ? Kind::AddCarry : Kind::SubCarry, type);
  inst.mods = (in ? ModCarryIn : 0) | (out ? ModCarryOut : 0) | (hi ? 1u << ModKindShift : 0);
  if (operandCount() != (isMad ? 4u : 3u)) return failOperands();
  return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), type) &&
         (!isMad || src(Field::C, operand(3), type));
}

/// mul, mad and fma's older name mad for floats.
bool Decoder::multiply() {
  bool isMad = statement->opcode == "mad";
  bool hi = take("hi"), wide = take("wide"), lo = take("lo");
  Type type = takeType();
  if (operandCount() != (isMad ? 4u : 3u)) return failOperands();
  if (isFloat(type)) {
    if (hi || wide || lo || (isMad && type != Type::F32 && type != Type::F64)) return failOperands();
    uint32_t allowed = type == Type::F32      ? ModRoundMask | ModFtz | ModSat
                       : type == Type::F64    ? uint32_t(ModRoundMask)
                       : (halves & bit(type)) ? ModFtz | ModSat
                                              : 0;
    if (!(allowed & ModRoundMask)) take("rn");
    Inst &inst = emit(isMad ? Kind::Fma : Kind::Mul, type);
    inst.mods = takeMods(allowed);
    return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), type) &&
           (!isMad || src(Field::C, operand(3), type));
  }
  if (!isInt(type) || hi + wide + lo != 1) return fail("'" + opcodeText() + "' is not supported");
  Type result = type;
  if (wide) {
    result = type == Type::U16   ? Type::U32
             : type == Type::S16 ? Type::S32
             : type == Type::U32 ? Type::U64
             : type == Type::S32 ? Type::S64
                                 : Type::None;
    if (result == Type::None) return failOperands();
  }
  Inst &inst = emit(isMad ? (hi     ? Kind::MadHi
                             : wide ? Kind::MadWide
                                    : Kind::Mad)
                          : (hi     ? Kind::MulHi
                             : wide ? Kind::MulWide
                                    : Kind::Mul),
                    type);
  if (isMad && hi && type == Type::S32 && take("sat")) inst.mods |= ModSat;
  return dst(operand(0), result) && src(Field::A, operand(1), type) && src(Field::B, operand(2), type) &&
         (!isMad || src(Field::C, operand(3), result));
}

bool Decoder::mad24() {
  bool isMad = statement->opcode == "mad24", hi = take("hi");
  if (!hi && !take("lo")) return failOperands();
  Type type = takeType();
  if (!(typeSet(Type::U32, Type::S32) & bit(type)) || operandCount() != (isMad ? 4u : 3u))
    return failOperands();
  bool saturates = isMad && hi && type == Type::S32 && take("sat");
  Inst &inst = emit(isMad ? Kind::Mad24 : Kind::Mul24, type);
  inst.mods = (hi ? 1u << ModKindShift : 0) | (saturates ? ModSat : 0);
  return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), type) &&
         (!isMad || src(Field::C, operand(3), type));
}

bool Decoder::shift() {
  bool left = statement->opcode == "shl";
  Type type = takeType();
  if (!((bits3 | (left ? 0 : ints)) & bit(type)) || operandCount() != 3) return failOperands();
  emit(left ? Kind::Shl : Kind::Shr, type);
  return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), Type::U32);
}

/// shf.l/.r .clamp/.wrap: mods bit 16 right, bit 17 wrap.
bool Decoder::funnelShift() {
  bool right = take("r");
  if (!right && !take("l")) return failOperands();
  bool wrap = take("wrap");
  if (!wrap && !take("clamp")) return failOperands();
  if (takeType() != Type::B32 || operandCount() != 4) return failOperands();
  Inst &inst = emit(Kind::Funnel, Type::B32);
  inst.mods = (right ? 1u << ModKindShift : 0) | (wrap ? 2u << ModKindShift : 0);
  return dst(operand(0), Type::B32) && src(Field::A, operand(1), Type::B32) &&
         src(Field::B, operand(2), Type::B32) && src(Field::C, operand(3), Type::B32);
}

/// lop3[.and|.or].b32 d[|p], a, b, c, table [, [!]q]: p is (d != 0) combined with q; the table in imm, bool
/// op in bits 21-22, q negated in 23, p and q in the pool.
bool Decoder::lop3() {
  uint32_t boolOp = take("and") ? uint32_t(BoolOp::And) : take("or") ? uint32_t(BoolOp::Or) : 0;
  if (takeType() != Type::B32 || operandCount() != (boolOp ? 6u : 5u)) return failOperands();
  const Operand &table = operand(4);
  if (table.kind != Operand::Integer || table.bits > 255) return failOperands();
  Inst &inst = emit(Kind::Lop3, Type::B32);
  inst.imm = int64_t(table.bits);
  inst.mods = boolOp << 21;
  Operand d = operand(0);
  int32_t second = d.second;
  d.second = -1;
  if (!dst(d, Type::B32) || !src(Field::A, operand(1), Type::B32) || !src(Field::B, operand(2), Type::B32) ||
      !src(Field::C, operand(3), Type::B32))
    return false;
  if (!boolOp) return second == -1 || failOperands();
  Operand p, q = operand(5);
  p.kind = second >= 0 ? Operand::Reg : Operand::Sink;
  p.reg = second >= 0 ? uint32_t(second) : 0;
  if (q.negated) last().mods |= 1u << 23;
  q.negated = false;
  return second != -1 && poolDst(p, Type::Pred) && poolSrc(q, Type::Pred);
}

bool Decoder::prmt() {
  static constexpr std::string_view modes[] = {"", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
  if (takeType() != Type::B32 || operandCount() != 4) return failOperands();
  Inst &inst = emit(Kind::Prmt, Type::B32);
  for (uint32_t m = 1; m < std::size(modes); ++m) {
    if (take(modes[m])) inst.mods = m << ModKindShift;
  }
  return dst(operand(0), Type::B32) && src(Field::A, operand(1), Type::B32) &&
         src(Field::B, operand(2), Type::B32) && src(Field::C, operand(3), Type::B32);
}

/// bfe d, a, pos, len and bfi d, a, b, pos, len; bmsk d, pos, len; fns d, mask, base, offset; szext d, a, n.
bool Decoder::bitField() {
  std::string_view op = statement->opcode;
  if (op == "bfe") {
    Type type = takeType();
    if (!(typeSet(Type::U32, Type::U64, Type::S32, Type::S64) & bit(type)) || operandCount() != 4)
      return failOperands();
    emit(Kind::Bfe, type);
    return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), Type::U32) &&
           src(Field::C, operand(3), Type::U32);
  }
  if (op == "bfi") {
    Type type = takeType();
    if (!(typeSet(Type::B32, Type::B64) & bit(type)) || operandCount() != 5) return failOperands();
    emit(Kind::Bfi, type);
    return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), type) &&
           src(Field::C, operand(3), Type::U32) && poolSrc(operand(4), Type::U32);
  }
  bool wrap = op != "fns" && take("wrap");
  if (op != "fns" && !wrap && !take("clamp")) return failOperands();
  Type type = takeType();
  Kind kind = op == "fns" ? Kind::Fns : op == "bmsk" ? Kind::Bmsk : Kind::Szext;
  uint64_t allowed = kind == Kind::Szext ? typeSet(Type::U32, Type::S32) : typeSet(Type::B32);
  if (!(allowed & bit(type)) || operandCount() != (kind == Kind::Fns ? 4u : 3u)) return failOperands();
  emit(kind, type).mods = wrap ? 1u << ModKindShift : 0;
  return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), Type::B32) &&
         (kind != Kind::Fns || src(Field::C, operand(3), Type::S32));
}

bool Decoder::bitCount() {
  std::string_view op = statement->opcode;
  Kind kind = op == "popc" ? Kind::Popc : op == "clz" ? Kind::Clz : Kind::Bfind;
  bool amount = kind == Kind::Bfind && take("shiftamt");
  Type type = takeType();
  uint64_t allowed = kind == Kind::Bfind ? typeSet(Type::U32, Type::S32, Type::U64, Type::S64)
                                         : typeSet(Type::B32, Type::B64);
  if (!(allowed & bit(type)) || operandCount() != 2) return failOperands();
  emit(kind, type).mods = amount ? 1u << ModKindShift : 0;
  return dst(operand(0), Type::U32) && src(Field::A, operand(1), type);
}

/// dp4a.atype.btype, dp2a.mode.atype.btype: bit 16 a signed, 17 b signed, 18 upper half of b.
bool Decoder::dotProduct() {
  bool two = statement->opcode == "dp2a", hi = two && take("hi");
  if (two && !hi && !take("lo")) return failOperands();
  Type a = takeType(), b = takeType();
  auto ok = [](Type t) { return t == Type::U32 || t == Type::S32; };
  if (!ok(a) || !ok(b) || operandCount() != 4) return failOperands();
  Inst &inst = emit(two ? Kind::Dp2a : Kind::Dp4a, Type::U32);
  inst.mods = (isSigned(a) ? 1u << 16 : 0) | (isSigned(b) ? 1u << 17 : 0) | (hi ? 1u << 18 : 0);
  return dst(operand(0), Type::U32) && src(Field::A, operand(1), Type::U32) &&
         src(Field::B, operand(2), Type::U32) && src(Field::C, operand(3), Type::U32);
}

//===----------------------------------------------------------------------===//
// Comparison and selection
//===----------------------------------------------------------------------===//

bool Decoder::takeCompare(uint32_t &mods, Type type) {
  for (auto [name, compare] : compareNames) {
    if (!take(name)) continue;
    bool unsignedForm = compare >= Compare::Lo && compare <= Compare::Hs;
    bool floatForm = compare >= Compare::Equ;
    bool bitType = (bits3 & bit(type)) != 0;
    if ((floatForm && !isFloat(type)) || (unsignedForm && (isFloat(type) || isSigned(type))) ||
        (bitType && compare != Compare::Eq && compare != Compare::Ne))
      return failOperands();
    mods |= uint32_t(compare) << ModKindShift;
    return true;
  }
  return fail("'" + opcodeText() + "' has no comparison");
}

uint32_t Decoder::takeBoolOp() {
  if (take("and")) return uint32_t(BoolOp::And);
  if (take("or")) return uint32_t(BoolOp::Or);
  return take("xor") ? uint32_t(BoolOp::Xor) : 0;
}

/// setp d[|q], a, b [, [!]c]: comparison in bits 16-20, bool op in 21-22, c negated in 23. q is in the pool.
bool Decoder::setp() {
  Type type = takeType();
  uint32_t mods = 0;
  if (!((ints | bits3 | typeSet(Type::F32, Type::F64, Type::F16, Type::F16x2, Type::BF16, Type::BF16x2)) &
        bit(type)))
    return failOperands();
  if (!takeCompare(mods, type)) return false;
  uint32_t boolOp = takeBoolOp();
  mods |= boolOp << 21 | takeMods((typeSet(Type::F32) | halves) & bit(type) ? ModFtz : 0);
  if (operandCount() != (boolOp ? 4u : 3u)) return failOperands();
  Operand first = operand(0);
  int32_t second = first.second;
  first.second = -1;
  bool packed = type == Type::F16x2 || type == Type::BF16x2;
  emit(Kind::Setp, type).mods = mods;
  if (!dst(first, Type::Pred) || !src(Field::A, operand(1), type) || !src(Field::B, operand(2), type))
    return false;
  if (boolOp) {
    Operand c = operand(3);
    if (c.negated) last().mods |= 1u << 23;
    c.negated = false;
    if (!src(Field::C, c, Type::Pred)) return false;
  }
  if (second == -1 && !packed) return true;
  if (second == -1) return failOperands();
  Operand q;
  q.kind = second == -2 ? Operand::Sink : Operand::Reg;
  q.reg = second == -2 ? 0 : uint32_t(second);
  return poolDst(q, Type::Pred);
}

/// set.CmpOp[.BoolOp][.ftz].dtype.stype d, a, b [, [!]c]
bool Decoder::set() {
  Type dtype = takeType(), type = takeType();
  uint32_t mods = 0;
  if (!takeCompare(mods, type)) return false;
  uint32_t boolOp = takeBoolOp();
  mods |= boolOp << 21 | takeMods((typeSet(Type::F32) | halves) & bit(type) ? ModFtz : 0);
  uint64_t results = type == Type::F16      ? typeSet(Type::F16, Type::U16, Type::S16, Type::U32, Type::S32)
                     : type == Type::BF16   ? typeSet(Type::BF16, Type::U16, Type::S16, Type::U32, Type::S32)
                     : type == Type::F16x2  ? typeSet(Type::F16x2, Type::U32, Type::S32)
                     : type == Type::BF16x2 ? typeSet(Type::BF16x2, Type::U32, Type::S32)
                                            : typeSet(Type::U32, Type::S32, Type::F32, Type::F16);
  if (!(results & bit(dtype)) ||
      !((ints | bits3 | typeSet(Type::F32, Type::F64) | halves | bhalves) & bit(type)) ||
      operandCount() != (boolOp ? 4u : 3u))
    return failOperands();
  Inst &inst = emit(Kind::Set, type);
  inst.type2 = dtype;
  inst.width = uint8_t(typeBytes(dtype));
  inst.mods = mods;
  if (!dst(operand(0), dtype) || !src(Field::A, operand(1), type) || !src(Field::B, operand(2), type))
    return false;
  if (!boolOp) return true;
  Operand c = operand(3);
  if (c.negated) last().mods |= 1u << 23;
  c.negated = false;
  return src(Field::C, c, Type::Pred);
}

bool Decoder::selp() {
  Type type = takeType();
  if (!((ints | bits3 | typeSet(Type::F32, Type::F64, Type::F16, Type::BF16, Type::F16x2, Type::BF16x2)) &
        bit(type)) ||
      operandCount() != 4)
    return failOperands();
  emit(Kind::Selp, type);
  return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), type) &&
         src(Field::C, operand(3), Type::Pred);
}

bool Decoder::slct() {
  Type type = takeType(), test = takeType();
  uint32_t mods = takeMods(test == Type::F32 ? ModFtz : 0);
  if (!((ints | bits3 | typeSet(Type::F32, Type::F64)) & bit(type)) ||
      (test != Type::S32 && test != Type::F32) || operandCount() != 4)
    return failOperands();
  Inst &inst = emit(Kind::Slct, type);
  inst.type2 = test;
  inst.mods = mods;
  return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), type) &&
         src(Field::C, operand(3), test);
}

bool Decoder::testp() {
  static constexpr std::string_view tests[] = {"finite",     "infinite", "number",
                                               "notanumber", "normal",   "subnormal"};
  uint32_t which = 0;
  while (which < std::size(tests) && !take(tests[which])) ++which;
  Type type = takeType();
  if (which == std::size(tests) || !(typeSet(Type::F32, Type::F64) & bit(type)) || operandCount() != 2)
    return failOperands();
  emit(Kind::Testp, type).mods = which << ModKindShift;
  return dst(operand(0), Type::Pred) && src(Field::A, operand(1), type);
}

//===----------------------------------------------------------------------===//
// Movement and conversion
//===----------------------------------------------------------------------===//

bool Decoder::isByteRegister(const Operand &o) const {
  return o.kind == Operand::Reg && typeBytes(function->registers[o.reg].type) == 1;
}

void Decoder::emitSpecial(uint32_t id, unsigned width) {
  auto read = SpecialRegister(id);
  if (read == SpecialRegister::ReservedShared || read == SpecialRegister::ReservedSharedEnd)
    code.usesReservedShared = true;
  Inst &inst = emit(Kind::SpecialReg, width == 8 ? Type::B64 : width == 4 ? Type::B32 : Type::B16);
  inst.aux = id;
  inst.width = uint8_t(width);
}

/// mov of a special register, which says what it may be moved to.
bool Decoder::special(std::string_view name, const Operand &o, Type type) {
  std::optional<SpecialName> found = specialRegister(name);
  if (!found) return fail("special register '" + std::string(name) + "' is not supported");
  if (type == Type::Pred && found->widths == 0) {
    emit(Kind::Mov, type);
    return dst(o, type) && bind(Field::A, constant(0, 0), Role::Use);
  }
  unsigned bytes = typeBytes(type);
  if (!((ints | bits3) & bit(type)) || !(found->widths & bytes)) return failOperands();
  emitSpecial(uint32_t(found->id), bytes);
  return dst(o, type);
}

/// mov.v4: all of %tid and its like.
bool Decoder::specialVector(Type type) {
  const Operand &to = operand(0), &from = operand(1);
  if (to.kind != Operand::Vector || to.elements.size() != 4 || from.kind != Operand::Special)
    return failOperands();
  for (size_t part = 0; part < 4; ++part)
    if (!special(std::string(from.text) + "." + "xyzw"[part], to.elements[part], type)) return false;
  return true;
}

/// cvt of a special register, whole or its low bits: it comes by way of a register of its widest size.
std::optional<uint32_t> Decoder::specialSource(std::string_view name, Type type) {
  std::optional<SpecialName> found = specialRegister(name);
  if (!found || found->widths == 0 || isFloat(type)) return std::nullopt;
  unsigned width = found->widths & 8 ? 8 : 4;
  if (typeBytes(type) > width) return std::nullopt;
  emitSpecial(uint32_t(found->id), width);
  uint32_t held = temporary(width);
  bind(Field::Dst, held, Role::Def);
  return held;
}

/// `{ %r1 }`, a vector of one, is %r1.
static const Operand &unwrapped(const Operand &o) {
  return o.kind == Operand::Vector && o.elements.size() == 1 ? o.elements[0] : o;
}

/// mov.b128: between a register of 128 bits, another one, and a vector of two of 64.
bool Decoder::moveWide() {
  const Operand &to = operand(0), &from = operand(1);
  auto isPair = [](const Operand &o) { return o.kind == Operand::Vector && o.elements.size() == 2; };
  if (!(isWide(to) || isPair(to)) || !(isWide(from) || isPair(from)) || !(isWide(to) || isWide(from)))
    return failOperands();
  for (unsigned half : {0u, 1u}) {
    auto place = [&](const Operand &o) { return half ? upperHalf.at(o.reg) : o.reg; };
    emit(Kind::Mov, Type::B64);
    bool ok = (isWide(to) ? bind(Field::Dst, place(to), Role::Def) : dst(to.elements[half], Type::B64)) &&
              (isWide(from) ? bind(Field::A, place(from), Role::Use)
                            : src(Field::A, from.elements[half], Type::B64));
    if (!ok) return false;
  }
  return true;
}

/// mov between registers, of addresses and special registers, and the packing forms with a vector on one
/// side.
bool Decoder::mov() {
  bool four = take("v4");
  Type type = takeType();
  if (operandCount() != 2) return failOperands();
  if (four) return specialVector(type);
  if (type == Type::B128) return moveWide();
  if (shortPairs & bit(type)) return fail("'" + opcodeText() + "' is not supported");
  const Operand &to = unwrapped(operand(0)), &from = unwrapped(operand(1));
  if (from.kind == Operand::Special && from.text != "WARP_SZ") return special(from.text, to, type);
  unsigned bytes = typeBytes(type);
  if (to.kind == Operand::Vector || from.kind == Operand::Vector) {
    bool unpack = to.kind == Operand::Vector;
    const Operand &vector = unpack ? to : from;
    unsigned n = unsigned(vector.elements.size());
    Type part = n == 0 || bytes % n ? Type::None
                : bytes / n == 1    ? Type::B8
                : bytes / n == 2    ? Type::B16
                : bytes / n == 4    ? Type::B32
                : bytes / n == 8    ? Type::B64
                                    : Type::None;
    if (part == Type::None) return failOperands();
    for (const Operand &e : vector.elements) // ptxas tells registers of 8 bits from those of 16
      if (part == Type::B8 && e.kind == Operand::Reg && !isByteRegister(e)) return failOperands();
    Inst &inst = emit(unpack ? Kind::Unpack : Kind::Pack, type);
    inst.width = uint8_t(bytes);
    inst.width2 = uint8_t(bytes / n);
    return (unpack ? src(Field::A, from, type) : dst(to, type)) &&
           vectorOperand(vector, part, n, unpack ? Role::Def : Role::Use);
  }
  emit(Kind::Mov, type);
  return dst(to, type) && src(Field::A, from, type);
}

/// cvt[.rnd][.ftz][.sat][.relu].dtype.atype: rounding to an integral value sets ModInteger. The two-source
/// forms (f16x2, bf16x2, e4m3x2, e5m2x2 of f32) have the upper value in a.
bool Decoder::cvt() {
  if (take("pack")) return cvtPack();
  uint32_t mods = 0;
  if (take("rni"))
    mods |= ModInteger | ModRn;
  else if (take("rzi"))
    mods |= ModInteger | ModRz;
  else if (take("rmi"))
    mods |= ModInteger | ModRm;
  else if (take("rpi"))
    mods |= ModInteger | ModRp;
  else if (take("rna"))
    mods |= ModAway;
  size_t before = modifiers.size();
  if (!(mods & (ModInteger | ModAway))) mods |= takeMods(ModRoundMask);
  bool rounds = modifiers.size() < before;
  mods |= takeMods(ModFtz | ModSat | ModRelu);
  if (take("satfinite")) mods |= ModSatFinite;
  Type to = takeType(), from = takeType();
  if (to == Type::None || from == Type::None || to == Type::Pred || from == Type::Pred) return failOperands();
  bool packed = to == Type::F16x2 || to == Type::BF16x2 || to == Type::E4M3x2 || to == Type::E5M2x2;
  bool two = packed && from == Type::F32;
  bool exists = packed || to == Type::TF32 ? isPackedConversion(to, from, rounds, mods)
                                           : isConversion(to, from, mods & ModInteger, rounds, mods);
  if (!exists) return fail("'" + opcodeText() + "' is not supported");
  if (operandCount() != (two ? 3u : 2u)) return failOperands();
  if ((to == Type::BF16 && typeBytes(from) == 1 && !isByteRegister(operand(1))) ||
      (from == Type::BF16 && typeBytes(to) == 1 && !isByteRegister(operand(0))))
    return failOperands();
  std::optional<uint32_t> a;
  if (operand(1).kind == Operand::Special && !isFloat(to)) a = specialSource(operand(1).text, from);
  unsigned sourceWidth = a ? virtuals[*a].width : widthOf(operand(1));
  Inst &inst = emit(Kind::Cvt, to);
  inst.type2 = from;
  inst.mods = mods;
  inst.width = uint8_t(widthOf(operand(0)) ? widthOf(operand(0)) : std::max(typeBytes(to), 2u));
  inst.width2 = uint8_t(sourceWidth ? sourceWidth : std::max(typeBytes(from), 2u));
  std::optional<uint32_t> d = virtualFor(operand(0), to, Role::Def, true);
  if (!a) a = virtualFor(operand(1), from, Role::Use, true);
  if (!d || !a || operand(1).negated) return failOperands();
  bind(Field::Dst, *d, Role::Def);
  bind(Field::A, *a, Role::Use);
  return !two || src(Field::B, operand(2), from);
}

/// cvt.pack.sat.dtype.s32[.b32] d, a, b [, c]: bits of a part in width.
bool Decoder::cvtPack() {
  if (!take("sat")) return failOperands();
  unsigned bits = 0;
  Type to = Type::None;
  for (auto [name, small] :
       {std::pair<std::string_view, unsigned>{"u4", 4}, {"u2", 2}, {"s4", 4}, {"s2", 2}}) {
    if (bits || !take(name)) continue;
    bits = small;
    to = name[0] == 'u' ? Type::U8 : Type::S8;
  }
  if (!bits) {
    to = takeType();
    bits = typeBytes(to) * 8;
  }
  Type from = takeType(), third = takeType();
  bool four = third == Type::B32;
  bool toOk = four ? to == Type::U8 || to == Type::S8 : to == Type::U16 || to == Type::S16;
  if (!toOk || from != Type::S32 || operandCount() != (four ? 4u : 3u)) return failOperands();
  emit(Kind::CvtPack, to).width = uint8_t(bits);
  return dst(operand(0), Type::B32) && src(Field::A, operand(1), from) && src(Field::B, operand(2), from) &&
         (!four || src(Field::C, operand(3), Type::B32));
}
