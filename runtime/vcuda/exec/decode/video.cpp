// Video instructions (PTX ISA 9.7.17): on one part of a word each, or on two or four at once.
#include "runtime/vcuda/exec/decode/decoder.h"

#include "runtime/vcuda/exec/services.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

constexpr std::pair<std::string_view, VideoOp> names[] = {
    {"vadd", VideoOp::Add},          {"vsub", VideoOp::Sub},       {"vavrg", VideoOp::Average},
    {"vabsdiff", VideoOp::Distance}, {"vmin", VideoOp::Min},       {"vmax", VideoOp::Max},
    {"vset", VideoOp::Set},          {"vshl", VideoOp::ShiftLeft}, {"vshr", VideoOp::ShiftRight},
    {"vmad", VideoOp::Mad}};

VideoOp opOf(std::string_view name) {
  for (auto [text, op] : names)
    if (text == name) return op;
  return VideoOp::Add;
}

/// "b7531": which of the parts that follow each other in b and a, the last one first. Nothing if it says
/// else.
std::optional<uint32_t> selection(std::string_view text, unsigned parts) {
  if (text.size() != parts + 1 || text[0] != (parts == 4 ? 'b' : 'h')) return std::nullopt;
  uint32_t chosen = 0;
  for (char c : text.substr(1)) {
    if (c < '0' || unsigned(c - '0') >= 2 * parts) return std::nullopt;
    chosen = chosen << 3 | uint32_t(c - '0');
  }
  return chosen;
}

/// "b20": a mask of the parts that are written.
std::optional<uint32_t> writeMask(std::string_view text, unsigned parts) {
  if (text.size() < 2 || text[0] != (parts == 4 ? 'b' : 'h')) return std::nullopt;
  uint32_t mask = 0;
  char before = '9';
  for (char c : text.substr(1)) {
    if (c < '0' || unsigned(c - '0') >= parts || c >= before) return std::nullopt;
    mask |= 1u << (c - '0');
    before = c;
  }
  return mask;
}

/// 1 to 4 for b0 to b3, 5 and 6 for h0 and h1, 0 for the word.
std::optional<VideoPart> partOf(std::string_view text) {
  static constexpr std::string_view parts[] = {"", "b0", "b1", "b2", "b3", "h0", "h1"};
  for (uint8_t p = 0; p < std::size(parts); ++p)
    if (parts[p] == text) return VideoPart(p);
  return std::nullopt;
}

bool isWord(Type t) { return t == Type::U32 || t == Type::S32; }

} // namespace

bool Decoder::takeVideoCompare(Compare &compare) {
  static constexpr std::pair<std::string_view, Compare> tests[] = {{"eq", Compare::Eq}, {"ne", Compare::Ne},
                                                                   {"lt", Compare::Lt}, {"le", Compare::Le},
                                                                   {"gt", Compare::Gt}, {"ge", Compare::Ge}};
  for (auto [name, test] : tests) {
    if (!take(name)) continue;
    compare = test;
    return true;
  }
  return false;
}

/// A word, whatever part or sign of it is meant.
bool Decoder::videoSource(Field field, Operand o) {
  o.part = {};
  o.minus = false;
  return src(field, o, Type::U32);
}

/// vadd4.dtype.atype.btype[.sat][.add] d[.mask], a[.asel], b[.bsel], c: see packed.cpp.
bool Decoder::video() {
  std::string_view opcode = statement->opcode;
  unsigned parts = opcode.back() == '4' ? 4 : 2;
  VideoOp op = opOf(opcode.substr(0, opcode.size() - 1));
  uint32_t mods = (parts == 4 ? 1u << 24 : 0) | uint32_t(op) << ModKindShift;
  bool isSet = op == VideoOp::Set;
  Type d = isSet ? Type::U32 : takeType(), a = takeType(), b = takeType();
  if (!isWord(d) || !isWord(a) || !isWord(b) || operandCount() != 4) return failOperands();
  Compare compare = Compare::Eq;
  if (isSet && !takeVideoCompare(compare)) return failOperands();
  mods |= uint32_t(compare) << 19;
  if (!isSet && take("sat")) mods |= ModSat;
  if (take("add")) mods |= 1u << 25;
  mods |= (a == Type::S32 ? 1u << 26 : 0) | (b == Type::S32 ? 1u << 27 : 0) | (d == Type::S32 ? 1u << 28 : 0);
  auto chosen = [&](size_t n, std::string_view otherwise) {
    return selection(operand(n).part.empty() ? otherwise : operand(n).part, parts);
  };
  std::optional<uint32_t> fromA = chosen(1, parts == 4 ? "b3210" : "h10"),
                          fromB = chosen(2, parts == 4 ? "b7654" : "h32"), mask = 15;
  Operand to = operand(0);
  if (!to.part.empty()) mask = writeMask(to.part, parts);
  to.part = {};
  if (!fromA || !fromB || !mask) return failOperands();
  Inst &inst = emit(Kind::Video, Type::U32);
  inst.mods = mods;
  inst.imm = int64_t(*mask | uint64_t(*fromA) << 8 | uint64_t(*fromB) << 20);
  return dst(to, Type::U32) && videoSource(Field::A, operand(1)) && videoSource(Field::B, operand(2)) &&
         src(Field::C, operand(3), Type::U32);
}

/// vadd.dtype.atype.btype[.sat][.op2] d[.dsel], a[.asel], b[.bsel] [, c] and its like: what they say is a
/// VideoForm, whose index stands in imm.
bool Decoder::scalarVideo() {
  VideoForm form;
  form.op = opOf(statement->opcode);
  bool isSet = form.op == VideoOp::Set, isMad = form.op == VideoOp::Mad;
  bool shifts = form.op == VideoOp::ShiftLeft || form.op == VideoOp::ShiftRight;
  Type d = isSet ? Type::U32 : takeType(), a = takeType(), b = takeType();
  if (!isWord(d) || !isWord(a) || !isWord(b) || (shifts && b != Type::U32)) return failOperands();
  form.dSigned = d == Type::S32, form.aSigned = a == Type::S32, form.bSigned = b == Type::S32;
  if (isSet && !takeVideoCompare(form.compare)) return failOperands();
  form.saturates = !isSet && take("sat");
  if (shifts) {
    form.wraps = take("wrap");
    if (!form.wraps && !take("clamp")) return failOperands();
  }
  if (isMad) {
    form.plusOne = take("po");
    form.scale = take("shr7") ? 7 : take("shr15") ? 15 : 0;
  } else {
    form.second = take("add")   ? VideoSecond::Add
                  : take("min") ? VideoSecond::Min
                  : take("max") ? VideoSecond::Max
                                : VideoSecond::None;
  }
  if (operandCount() != 3 && operandCount() != 4) return failOperands();
  std::optional<VideoPart> parts[3];
  for (size_t n = 0; n < 3; ++n) parts[n] = partOf(operand(n).part);
  bool hasC = operandCount() == 4, merges = parts[0] != VideoPart::Word;
  if (!parts[0] || !parts[1] || !parts[2] || hasC != (isMad || merges || form.second != VideoSecond::None) ||
      (merges && (isMad || form.second != VideoSecond::None)))
    return failOperands();
  form.d = *parts[0], form.a = *parts[1], form.b = *parts[2];
  form.negatesProduct = operand(1).minus != operand(2).minus;
  form.negatesC = hasC && operand(3).minus;
  bool negates = operand(1).minus || operand(2).minus || form.negatesC;
  if (operand(0).minus || (negates && (!isMad || form.plusOne)) || (form.negatesProduct && form.negatesC))
    return failOperands();
  Inst &inst = emit(Kind::VideoScalar, Type::U32);
  inst.imm = int64_t(code.videoForms.size());
  code.videoForms.push_back(form);
  Operand to = operand(0);
  to.part = {};
  return dst(to, Type::U32) && videoSource(Field::A, operand(1)) && videoSource(Field::B, operand(2)) &&
         (!hasC || videoSource(Field::C, operand(3)));
}
