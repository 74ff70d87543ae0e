// Barriers in shared memory (PTX ISA 9.7.13.15).
#include "runtime/vcuda/exec/decode/decoder.h"

#include "runtime/vcuda/exec/services.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

/// The address of a barrier, in field A. In a register of 32 bits it is one of shared memory, said or not.
bool Decoder::sharedBarrier(const Operand &o) {
  Space space;
  bool named = takeSpace(space, {Space::Shared});
  if (!named && o.kind == Operand::Address && o.hasReg && virtuals[o.reg].width == 4) space = Space::Shared;
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
