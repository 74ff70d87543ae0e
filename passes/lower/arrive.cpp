// Arrivals of CTAs: who of several that share a piece of work comes last, and goes on with what all have left
// in memory.
//
//   bar.sync                              every thread's stores come before ...
//   thread 0: atom.acq_rel.gpu.inc        ... its arrival, which wraps to 0 at the last: the counter is left
//   zero
//             st.shared old == count - 1
//   bar.sync                              the last one's loads come after all arrivals
//   ld.shared
//
// The order is that of the PTX memory model: barriers order the threads of a CTA, the release of each arrival
// is cumulative over them, and the last arrival acquires from all others, as each reads what the one before
// wrote.
#include "passes/lower/thread_builder.h"

using namespace mlir;

namespace dlc::lower {

Value arriveLast(ThreadBuilder &t, Value counters, Value index, Value count) {
  OpBuilder &b = t.b;
  Type i32 = b.getI32Type();
  auto narrow = [&](Value value) {
    return value.getType() == i32 ? value : Value(arith::TruncIOp::create(b, t.loc, i32, value));
  };
  Value flag = t.scratch(16);
  Value counter = LLVM::GEPOp::create(b, t.loc, counters.getType(), i32, counters, ValueRange{index});
  Value before = arith::SubIOp::create(b, t.loc, narrow(count), t.constant(i32, 1));
  t.barrier();
  Value thread = arith::OrIOp::create(b, t.loc, t.lane(), t.warp());
  Value isFirst = arith::CmpIOp::create(b, t.loc, arith::CmpIPredicate::eq, thread, t.constant(i32, 0));
  {
    auto branch = scf::IfOp::create(b, t.loc, TypeRange{}, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    auto old = LLVM::InlineAsmOp::create(
        b, t.loc, i32, ValueRange{counter, before},
        b.getStringAttr("atom.acq_rel.gpu.global.inc.u32 $0, [$1], $2;"), b.getStringAttr("=r,l,r,~{memory}"),
        b.getUnitAttr(), UnitAttr(), LLVM::TailCallKindAttr::get(b.getContext(), LLVM::TailCallKind::None),
        LLVM::AsmDialectAttr(), ArrayAttr());
    LLVM::StoreOp::create(b, t.loc, old.getResult(0), flag);
  }
  t.barrier();
  Value seen = LLVM::LoadOp::create(b, t.loc, i32, flag);
  return arith::CmpIOp::create(b, t.loc, arith::CmpIPredicate::eq, seen, before);
}

} // namespace dlc::lower
