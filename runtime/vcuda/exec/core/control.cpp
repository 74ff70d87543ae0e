// The interpreter loop and control flow (PTX ISA 9.7.12). Divergence itself is handled in exec/warp.cpp.
#include "runtime/vcuda/exec/core/core.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

/// First instruction of every block: counts it, lets lanes meet that wait here, and gives way when the budget
/// is spent.
void block(Warp &w, const Inst &i) {
  if (w.joinAt == &i) {
    arriveAtJoin(w);
    return;
  }
  ++w.blockCounts[i.aux];
  if (--w.budget <= 0) giveWay(w);
}

void bra(Warp &w, const Inst &i) {
  Mask taken = lanesOf(w, i);
  if (taken == w.active) {
    w.pc = w.cta->code + i.imm;
  } else if (taken) {
    diverge(w, i, taken);
  }
}

void brx(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (m) divergeIndirect(w, i, slot<u32>(w, i.a), m);
}

void call(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (m) callFunction(w, i, m);
}
void ret(Warp &w, const Inst &) { returnFromFunction(w); }
void exit(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (m) exitLanes(w, m);
}
void trap(Warp &w, const Inst &i) {
  if (lanesOf(w, i)) stopLaunch(w, i, LaunchResult::Trap, "trap instruction executed");
}
void bar(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (m) arriveAtBarrier(w, i, m);
}
void nanosleep(Warp &w, const Inst &i) {
  ++w.spins;
  ++w.idleSpins;
  if (lanesOf(w, i)) giveWay(w);
}
void nothing(Warp &, const Inst &) {}
/// Execution is sequentially consistent; a fence only orders what the checks look at.
void fence(Warp &w, const Inst &i) {
  if (!w.cta->shadow && !w.cta->full) return;
  if (Mask m = lanesOf(w, i)) fenceMemory(w, i, m);
}

} // namespace

void interpret(Warp &w) {
  while (!w.stop) {
    const Inst &i = *w.pc++;
    i.run(w, i);
  }
}

Handler controlHandler(const Inst &i) {
  switch (i.kind) {
  case Kind::Block:
    return block;
  case Kind::Bra:
    return bra;
  case Kind::Brx:
    return brx;
  case Kind::Call:
    return call;
  case Kind::Ret:
    return ret;
  case Kind::Exit:
    return exit;
  case Kind::Trap:
    return trap;
  case Kind::Brkpt:
  case Kind::Prefetch:
  case Kind::Nop:
    return nothing;
  case Kind::Fence:
    return fence;
  case Kind::NanoSleep:
    return nanosleep;
  case Kind::Bar:
  case Kind::BarRed:
    return bar;
  default:
    return nullptr;
  }
}

} // namespace dlc::vcuda::exec::DLC_CORE

namespace dlc::vcuda::exec {

/// The two entries into this copy of the core (exec/levels.h).
#define DLC_PASTE2(a, b) a##b
#define DLC_PASTE(a, b) DLC_PASTE2(a, b)

Handler DLC_PASTE(selectHandler_, DLC_CORE)(const Inst &i) {
  using namespace DLC_CORE;
  for (auto group : {integerHandler, floatHandler, halfHandler, compareHandler, convertHandler, memoryHandler,
                     atomicHandler, warpHandler, controlHandler, mmaHandler}) {
    if (Handler handler = group(i)) return handler;
  }
  return nullptr;
}
void DLC_PASTE(interpret_, DLC_CORE)(Warp &w) { DLC_CORE::interpret(w); }

} // namespace dlc::vcuda::exec
