#include "passes/lower/loop_access.h"

using namespace mlir;

namespace dlc::lower {

LoopAccess::LoopAccess(ThreadBuilder &t, ArrayRef<Dim> part) : t(t) {
  for (const Dim &coordinate : part) {
    std::set<std::string> symbols = coordinate.symbols();
    ofThread.insert(symbols.begin(), symbols.end());
  }
}

bool LoopAccess::changes(const std::string &symbol) const {
  return t.loop && t.loop->isAncestor(t.valueOf(symbol).getParentBlock()->getParentOp());
}

bool LoopAccess::isOfThread(const Dim &expr) const {
  return llvm::any_of(expr.symbols(), [&](const std::string &symbol) { return ofThread.count(symbol); });
}

std::optional<LoopAccess::Digit> LoopAccess::digitOf(const Dim &guard) const {
  if (!t.loop || !isOfThread(guard)) return std::nullopt;
  std::optional<Digit> digit;
  for (const std::string &symbol : guard.symbols()) {
    if (!changes(symbol)) continue;
    DimRange range = t.facts.bounds(Dim::symbol(symbol));
    if (digit || t.valueOf(symbol) == t.loop.getInductionVar() || range.lo < INT32_MIN ||
        range.hi > INT32_MAX || range.hi - range.lo >= mostBits)
      return std::nullopt;
    digit = {symbol, range.lo, range.hi - range.lo + 1, 0};
  }
  return digit;
}

bool LoopAccess::isDeclared(const std::string &symbol) const {
  return llvm::any_of(digits, [&](const Digit &digit) { return digit.symbol == symbol; });
}

void LoopAccess::declare(ArrayRef<Dim> guards) {
  for (const Dim &guard : guards) {
    auto digit = digitOf(guard);
    if (!digit || isDeclared(digit->symbol) || bits + digit->count > mostBits) continue;
    digit->firstBit = bits;
    bits += digit->count;
    digits.push_back(*digit);
  }
}

std::optional<Dim> LoopAccess::changingPart(const Dim &offset) const {
  if (!t.loop) return std::nullopt;
  Dim part(0);
  bool hasScalar = false;
  for (const DimTerm &term : offset.terms()) {
    Dim product(term.coefficient);
    bool changing = false;
    for (const Dim &factor : term.factors) {
      product = product * factor;
      for (const std::string &symbol : factor.symbols())
        if (changes(symbol)) {
          changing = true;
          hasScalar |= t.valueOf(symbol) != t.loop.getInductionVar();
        }
    }
    if (changing) part = part + product;
  }
  return hasScalar ? std::optional<Dim>(part) : std::nullopt;
}

Value LoopAccess::inFront(function_ref<Value()> make) const {
  OpBuilder::InsertionGuard guard(t.b);
  t.b.setInsertionPoint(t.loop);
  return make();
}

Value LoopAccess::allHold(ArrayRef<Dim> guards) {
  SmallVector<Dim> masked, ofIteration, rest;
  for (const Dim &guard : guards) {
    auto digit = digitOf(guard);
    bool isMasked = digit && isDeclared(digit->symbol);
    (isMasked ? masked : isOfThread(guard) ? rest : ofIteration).push_back(guard);
  }
  if (masked.empty()) return t.allHold(guards);
  Value met =
      arith::AndIOp::create(t.b, t.loc, inFront([&] { return outsideOf(masked); }), bitsWhere(ofIteration));
  Value holds =
      arith::CmpIOp::create(t.b, t.loc, arith::CmpIPredicate::eq, met, t.constant(t.b.getI32Type(), 0));
  Value others = t.allHold(rest);
  return others ? Value(arith::AndIOp::create(t.b, t.loc, holds, others)) : holds;
}

// A bit for every value of every scalar, set where a condition does not hold; and one that is always set. Few
// conditions are left once the scalars are known: of an image's border, only the first and last taps are
// outside.
Value LoopAccess::outsideOf(ArrayRef<Dim> guards) {
  Type i32 = t.b.getI32Type();
  uint32_t always = uint32_t(1) << mostBits;
  SmallVector<std::pair<Dim, uint32_t>> open; // a condition, and the bits that it decides
  for (const Dim &guard : guards)
    for (const Digit &digit : digits) {
      if (!guard.uses(digit.symbol)) continue;
      for (int64_t k = 0; k < digit.count; ++k) {
        uint32_t bit = uint32_t(1) << (digit.firstBit + k);
        Dim condition = t.facts.simplify(guard.substitute({{digit.symbol, Dim(digit.lowest + k)}}));
        if (t.facts.proveNonNegative(condition)) continue;
        if (t.facts.proveNonNegative(-1 - condition)) {
          always |= bit;
          continue;
        }
        auto at = llvm::find_if(open, [&](auto &entry) { return entry.first == condition; });
        if (at == open.end()) at = open.insert(open.end(), {condition, 0});
        at->second |= bit;
      }
    }
  Value outside = t.constant(i32, int32_t(always));
  for (auto &[condition, decided] : open) {
    Value more = arith::SelectOp::create(t.b, t.loc, t.allHold(condition), t.constant(i32, 0),
                                         t.constant(i32, int32_t(decided)));
    outside = arith::OrIOp::create(t.b, t.loc, outside, more);
  }
  return outside;
}

// The bits of this iteration's values; the one that is always outside where conditions of the iteration alone
// do not hold.
Value LoopAccess::bitsWhere(ArrayRef<Dim> guards) {
  for (auto &[key, value] : bitValues)
    if (ArrayRef<Dim>(key) == guards) return value;
  Type i32 = t.b.getI32Type();
  Value all;
  for (const Digit &digit : digits) {
    Value place = t.materialize(Dim::symbol(digit.symbol) + (digit.firstBit - digit.lowest));
    if (place.getType() != i32) place = arith::TruncIOp::create(t.b, t.loc, i32, place);
    Value bit = LLVM::ShlOp::create(t.b, t.loc, t.constant(i32, 1), place);
    all = all ? Value(arith::OrIOp::create(t.b, t.loc, all, bit)) : bit;
  }
  if (Value holds = t.allHold(guards))
    all = arith::SelectOp::create(t.b, t.loc, holds, all, t.constant(i32, INT32_MIN));
  bitValues.push_back({SmallVector<Dim>(guards), all});
  return all;
}

} // namespace dlc::lower
