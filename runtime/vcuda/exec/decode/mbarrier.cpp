// Barriers in shared memory (PTX ISA 9.7.13.15) and video instructions (9.7.17).
#include "runtime/vcuda/exec/decode/decoder.h"

#include "runtime/vcuda/exec/services.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

/// The address of a barrier, in field A.
bool Decoder::sharedBarrier(const Operand &o) {
  Space space;
  takeSpace(space, {Space::Shared});
  noteAccess(Space::Shared, 8);
  return address(o, space);
}

/// A address or state, B count, state or parity (its width in Inst::width), pool: the state that an arrival
/// gives.
bool Decoder::mbarrier() {
  auto start = [&](MbarrierOp op, bool flag = false) {
    emit(Kind::Mbarrier, Type::B64).mods = uint32_t(op) << ModKindShift | (flag ? 1u << 20 : 0);
  };
  auto count = [&](const Operand &o) {
    last().width = 4;
    return src(Field::B, o, Type::U32);
  };
  auto dropScope = [&] {
    for (std::string_view word : {"release", "acquire", "relaxed", "cta", "cluster"}) take(word);
  };
  if (take("init")) {
    if (!take("b64") || operandCount() != 2) return failOperands();
    start(MbarrierOp::Init);
    return sharedBarrier(operand(0)) && count(operand(1));
  }
  if (take("inval")) {
    if (!take("b64") || operandCount() != 1) return failOperands();
    start(MbarrierOp::Invalidate);
    return sharedBarrier(operand(0));
  }
  if (take("pending_count")) {
    if (!take("b64") || operandCount() != 2) return failOperands();
    start(MbarrierOp::PendingCount);
    return dst(operand(0), Type::B32) && src(Field::A, operand(1), Type::B64);
  }
  bool drop = take("arrive_drop");
  if (drop || take("arrive")) {
    bool noComplete = take("noComplete");
    dropScope();
    if (!take("b64") || operandCount() < 2 || operandCount() > 3 || (noComplete && operandCount() != 3))
      return failOperands();
    start(drop ? MbarrierOp::ArriveDrop : MbarrierOp::Arrive, noComplete);
    return sharedBarrier(operand(1)) && poolDst(operand(0), Type::B64) &&
           (operandCount() == 2 || count(operand(2)));
  }
  if (take("test_wait") || take("try_wait")) {
    bool parity = take("parity");
    bool hinted = statement->modifiers.front() == "try_wait" && operandCount() == 4;
    dropScope();
    if (!take("b64") || (operandCount() != 3 && !hinted)) return failOperands();
    start(MbarrierOp::TestWait, parity);
    last().width = parity ? 4 : 8;
    return dst(operand(0), Type::Pred) && sharedBarrier(operand(1)) &&
           src(Field::B, operand(2), parity ? Type::U32 : Type::B64);
  }
  return fail("'" + opcodeText() + "' is not supported");
}

/// cp.async.mbarrier.arrive[.noinc][.shared].b64 [address]
bool Decoder::asyncArrive() {
  bool keep = take("noinc");
  if (!take("arrive") || !take("b64") || operandCount() != 1) return failOperands();
  emit(Kind::Mbarrier, Type::B64).mods =
      uint32_t(MbarrierOp::AsyncArrive) << ModKindShift | (keep ? 1u << 20 : 0);
  return sharedBarrier(operand(0));
}

/// vadd4.dtype.atype.btype[.sat][.add] d[.mask], a, b, c: see packed.cpp. Selections of parts and masks by
/// name are refused.
bool Decoder::video() {
  static constexpr std::pair<std::string_view, VideoOp> names[] = {
      {"vadd", VideoOp::Add},          {"vsub", VideoOp::Sub}, {"vavrg", VideoOp::Average},
      {"vabsdiff", VideoOp::Distance}, {"vmin", VideoOp::Min}, {"vmax", VideoOp::Max},
      {"vset", VideoOp::Set}};
  std::string_view opcode = statement->opcode;
  uint32_t mods = opcode.back() == '4' ? 1u << 24 : 0;
  VideoOp op = VideoOp::Add;
  for (auto [name, value] : names) {
    if (name == opcode.substr(0, opcode.size() - 1)) op = value;
  }
  mods |= uint32_t(op) << ModKindShift;
  auto integer = [](Type t) { return t == Type::U32 || t == Type::S32; };
  bool isSet = op == VideoOp::Set;
  Type d = isSet ? Type::U32 : takeType(), a = takeType(), b = takeType();
  if (!integer(d) || !integer(a) || !integer(b) || operandCount() != 4) return failOperands();
  if (isSet) {
    static constexpr std::pair<std::string_view, Compare> tests[] = {
        {"eq", Compare::Eq}, {"ne", Compare::Ne}, {"lt", Compare::Lt},
        {"le", Compare::Le}, {"gt", Compare::Gt}, {"ge", Compare::Ge}};
    bool found = false;
    for (auto [name, test] : tests) {
      if (!found && take(name)) {
        mods |= uint32_t(test) << 19;
        found = true;
      }
    }
    if (!found) return failOperands();
  } else if (take("sat")) {
    mods |= ModSat;
  }
  if (take("add")) mods |= 1u << 25;
  mods |= (a == Type::S32 ? 1u << 26 : 0) | (b == Type::S32 ? 1u << 27 : 0) | (d == Type::S32 ? 1u << 28 : 0);
  Inst &inst = emit(Kind::Video, Type::U32);
  inst.mods = mods;
  inst.imm = 15;
  return dst(operand(0), Type::U32) && src(Field::A, operand(1), Type::U32) &&
         src(Field::B, operand(2), Type::U32) && src(Field::C, operand(3), Type::U32);
}
