// Declarations, interval arithmetic and divisibility.
#include "ir/dims/dim_facts.h"

#include "ir/dims/dim_sum.h"

#include <algorithm>
#include <numeric>

namespace dlc {
using namespace dims;

//===-- Saturating intervals
//--------------------------------------------------------------------------------------===//

namespace {

constexpr int64_t below = DimRange::unboundedBelow, above = DimRange::unboundedAbove;

int64_t clamp(__int128 value) { return value <= below ? below : value >= above ? above : int64_t(value); }

DimRange add(DimRange a, DimRange b) {
  return {a.lo == below || b.lo == below ? below : clamp(__int128(a.lo) + b.lo),
          a.hi == above || b.hi == above ? above : clamp(__int128(a.hi) + b.hi)};
}

// The extremes behave as infinities: zero times them is zero, and every other product with them saturates.
int64_t times(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  bool infinite = a == below || a == above || b == below || b == above;
  if (infinite) return (a < 0) != (b < 0) ? below : above;
  return clamp(__int128(a) * b);
}

DimRange multiply(DimRange a, DimRange b) {
  auto corners = {times(a.lo, b.lo), times(a.lo, b.hi), times(a.hi, b.lo), times(a.hi, b.hi)};
  return {std::min(corners), std::max(corners)};
}

DimRange negate(DimRange a) {
  return {a.hi == above ? below : clamp(-__int128(a.hi)), a.lo == below ? above : clamp(-__int128(a.lo))};
}

DimRange power(DimRange base, int64_t exponent) {
  if (exponent % 2 == 0) {
    DimRange flipped = negate(base);
    int64_t high = std::max(base.hi, flipped.hi);
    base = base.lo >= 0 ? base : base.hi <= 0 ? flipped : DimRange{0, high};
  }
  DimRange result = base;
  for (int64_t i = 1; i < exponent; ++i) result = multiply(result, base);
  return result;
}

int64_t floorOf(int64_t a, int64_t b) { return a == below || a == above ? a : floorDivide(a, b); }

DimRange divide(DimRange a, DimRange b) {
  if (b.hi < 0) return divide(negate(a), negate(b));
  if (b.lo > 0) {
    auto corners = {floorOf(a.lo, b.lo), floorOf(a.lo, b.hi), floorOf(a.hi, b.lo), floorOf(a.hi, b.hi)};
    return {std::min(corners), std::max(corners)};
  }
  // The divisor can have either sign, but is not zero: the magnitude does not grow.
  DimRange flipped = negate(a);
  return {std::min(a.lo, flipped.lo), std::max(a.hi, flipped.hi)};
}

DimRange remainder(DimRange a, DimRange b) {
  if (b.lo <= 0)
    return {std::min<int64_t>(0, b.lo == below ? below : b.lo + 1),
            std::max<int64_t>(0, b.hi == above ? above : b.hi - 1)};
  DimRange result = {0, b.hi == above ? above : b.hi - 1};
  if (a.lo >= 0) result.hi = std::min(result.hi, a.hi);
  if (a.lo != below && a.hi != above) {
    if (a.lo >= 0 && a.hi < b.lo) return a;
    if (b.lo == b.hi && floorDivide(a.lo, b.lo) == floorDivide(a.hi, b.lo))
      return {floorModulo(a.lo, b.lo), floorModulo(a.hi, b.lo)};
  }
  return result;
}

int64_t magnitude(int64_t value) { return value == INT64_MIN ? INT64_MAX : value < 0 ? -value : value; }

/// A product that stops growing at 2^62: any divisor of a divisor is one too.
int64_t cappedProduct(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result) || result > (int64_t(1) << 62)) return a;
  return result;
}

const char scaleMark = '\x01'; // begins the names of the symbols that scale() makes

/// Calls `visit` with the name of each symbol, also inside atoms, until it returns true; whether it did.
template <class F> bool anySymbol(const Dim &dim, const F &visit) {
  for (const Term &term : TermView(dim))
    for (const Factor &factor : term.factors) {
      if (factor.atom->kind == Dim::Kind::Symbol && visit(factor.atom->name)) return true;
      for (const Dim &operand : factor.atom->operands)
        if (anySymbol(operand, visit)) return true;
    }
  return false;
}

bool isMarked(const std::string &name) { return !name.empty() && name[0] == scaleMark; }

} // namespace

//===-- Declarations
//----------------------------------------------------------------------------------------------===//

static int64_t leastMultiple(int64_t lo, int64_t m) {
  return lo == below ? below : clamp(-(__int128(floorDivide(-lo, m)) * m));
}
static int64_t largestMultiple(int64_t hi, int64_t m) {
  return hi == above ? above : clamp(__int128(floorDivide(hi, m)) * m);
}

void DimFacts::insert(const std::string &symbol, Fact fact) {
  int64_t m = fact.multiple = std::max<int64_t>(fact.multiple, 1);
  bool split = m > 1 && !isMarked(symbol);
  if (split) fact.range = {leastMultiple(fact.range.lo, m), largestMultiple(fact.range.hi, m)};
  const Fact *known = find(symbol);
  if (known && known->range == fact.range && known->multiple == m && known->lower == fact.lower &&
      known->upper == fact.upper)
    return;
  bool replaces = known != nullptr;
  fact.order = declarations++;
  scaled.erase(symbol);
  if (split) {
    // The symbol stands for m times another one.
    Fact part;
    part.order = declarations++;
    part.range = {floorOf(fact.range.lo, m), floorOf(fact.range.hi, m)};
    if (fact.lower) part.lower = ceilDiv(*fact.lower, m);
    if (fact.upper) part.upper = floorDiv(*fact.upper, m);
    facts[scaleMark + symbol] = part;
    scaled[symbol] = Dim::symbol(scaleMark + symbol) * m;
  }
  facts[symbol] = std::move(fact);
  if (replaces) refreshRanges(symbol);
  if (answers.symbols.count(symbol)) answers.clear();
}

void DimFacts::refreshRanges(const std::string &symbol) {
  std::vector<std::pair<size_t, std::string>> byOrder;
  for (const auto &[name, fact] : facts)
    if (fact.lower || fact.upper) byOrder.push_back({fact.order, name});
  std::sort(byOrder.begin(), byOrder.end());
  std::set<std::string> changed = {symbol};
  auto usesChanged = [&](const std::optional<Dim> &bound) {
    return bound && anySymbol(*bound, [&](const std::string &name) { return changed.count(name) != 0; });
  };
  for (const auto &[order, name] : byOrder) {
    Fact &fact = facts[name];
    if (!usesChanged(fact.lower) && !usesChanged(fact.upper)) continue;
    if (fact.lower) fact.range.lo = leastMultiple(bounds(*fact.lower).lo, fact.multiple);
    if (fact.upper) fact.range.hi = largestMultiple(bounds(*fact.upper).hi, fact.multiple);
    changed.insert(name);
  }
}

DimFacts::Answers &DimFacts::Answers::clear() {
  simplified.clear();
  simplifiedAtoms.clear();
  proven.clear();
  symbols.clear();
  return *this;
}

void DimFacts::declare(const std::string &symbol, DimRange range, int64_t multiple) {
  Fact fact;
  fact.range = range;
  fact.multiple = multiple;
  insert(symbol, std::move(fact));
}

void DimFacts::declareIndex(const std::string &symbol, const Dim &extent, int64_t multiple) {
  declareBetween(symbol, 0, extent - 1, multiple);
}

void DimFacts::declareBetween(const std::string &symbol, const Dim &lower, const Dim &upper,
                              int64_t multiple) {
  Fact fact;
  fact.range = {bounds(lower).lo, bounds(upper).hi};
  fact.multiple = multiple;
  if (!lower.isConstant()) fact.lower = lower;
  if (!upper.isConstant()) fact.upper = upper;
  insert(symbol, std::move(fact));
}

void DimFacts::assume(const Dim &nonNegative) {
  assumptions.push_back(nonNegative);
  answers.clear();
}

const DimFacts::Fact *DimFacts::find(const std::string &symbol) const {
  auto found = facts.find(symbol);
  return found == facts.end() ? nullptr : &found->second;
}

DimRange DimFacts::range(const std::string &symbol) const {
  const Fact *fact = find(symbol);
  return fact ? fact->range : DimRange();
}

//===-- Bounds and divisors
//---------------------------------------------------------------------------------------===//

static DimRange atomBounds(const DimFacts &facts, const Atom &atom) {
  if (atom.kind == Dim::Kind::Symbol) return facts.range(atom.name);
  DimRange a = facts.bounds(atom.operands[0]), b = facts.bounds(atom.operands[1]);
  switch (atom.kind) {
  case Dim::Kind::FloorDiv:
    return divide(a, b);
  case Dim::Kind::CeilDiv:
    return negate(divide(negate(a), b));
  case Dim::Kind::Mod: {
    DimRange result = remainder(a, b);
    // All values of the remainder are multiples of what divides both sides.
    int64_t step = std::gcd(facts.divisor(atom.operands[0]), facts.divisor(atom.operands[1]));
    if (b.lo > 0 && step > 1 && result.hi != above) result.hi = floorDivide(result.hi, step) * step;
    return result;
  }
  default:
    break;
  }
  bool isMin = atom.kind == Dim::Kind::Min;
  DimRange result = a;
  for (size_t i = 1; i < atom.operands.size(); ++i) {
    DimRange next = facts.bounds(atom.operands[i]);
    result = isMin ? DimRange{std::min(result.lo, next.lo), std::min(result.hi, next.hi)}
                   : DimRange{std::max(result.lo, next.lo), std::max(result.hi, next.hi)};
  }
  return result;
}

DimRange DimFacts::bounds(const Dim &dim) const {
  if (dim.isUndefined()) return {};
  const Sum *sum = Sum::of(dim);
  if (!sum) return {*dim.constantValue(), *dim.constantValue()};
  DimRange total = {0, 0};
  for (const Term &term : sum->terms) {
    DimRange value = {term.coefficient, term.coefficient};
    for (const Factor &factor : term.factors)
      value = multiply(value, power(atomBounds(*this, *factor.atom), factor.power));
    total = add(total, value);
  }
  return total;
}

static int64_t atomDivisor(const DimFacts &facts, const Atom &atom,
                           const std::map<std::string, Dim> &scaled) {
  if (atom.kind == Dim::Kind::Symbol) {
    auto found = scaled.find(atom.name);
    return found == scaled.end() ? 1 : facts.divisor(found->second);
  }
  int64_t first = facts.divisor(atom.operands[0]);
  if (atom.kind == Dim::Kind::FloorDiv || atom.kind == Dim::Kind::CeilDiv) {
    auto by = atom.operands[1].constantValue();
    return by && first % *by == 0 ? magnitude(first / *by) : 1;
  }
  int64_t result = first;
  for (size_t i = 1; i < atom.operands.size(); ++i)
    result = std::gcd(result, facts.divisor(atom.operands[i]));
  return result;
}

int64_t DimFacts::divisor(const Dim &dim) const {
  if (dim.isUndefined()) return 1;
  int64_t result = 0;
  for (const Term &term : TermView(dim)) {
    int64_t part = magnitude(term.coefficient);
    for (const Factor &factor : term.factors) {
      int64_t of = atomDivisor(*this, *factor.atom, scaled);
      if (of == 0) part = 0;
      for (int64_t i = 0; i < factor.power && of > 1; ++i) part = cappedProduct(part, of);
    }
    result = std::gcd(result, part);
  }
  return result;
}

//===-- Symbols of known multiples
//--------------------------------------------------------------------------------===//

void DimFacts::noteSymbols(const Dim &dim) const {
  anySymbol(dim, [&](const std::string &name) {
    const Fact *fact = find(name);
    if (!answers.symbols.insert(isMarked(name) ? name.substr(1) : name).second || !fact) return false;
    // Answers rest on the bounds too.
    for (const auto &bound : {fact->lower, fact->upper})
      if (bound) noteSymbols(*bound);
    return false;
  });
}

Dim DimFacts::scale(const Dim &dim) const {
  if (scaled.empty() || !anySymbol(dim, [&](const std::string &name) { return scaled.count(name) != 0; }))
    return dim;
  // A symbol of the caller that looks like one of ours: leave everything as it is.
  return anySymbol(dim, isMarked) ? dim : dim.substitute(scaled);
}

Dim DimFacts::unscale(const Dim &dim) const {
  const Sum *sum = Sum::of(dim);
  if (!sum || scaled.empty() || !anySymbol(dim, isMarked)) return dim;
  Dim result;
  for (const Term &term : sum->terms) {
    int64_t coefficient = term.coefficient;
    Dim value = 1;
    for (const Factor &factor : term.factors) {
      const Atom &atom = *factor.atom;
      const Fact *fact = nullptr;
      if (atom.kind == Dim::Kind::Symbol && !atom.name.empty() && atom.name[0] == scaleMark)
        fact = find(atom.name.substr(1));
      for (int64_t i = 0; i < factor.power; ++i) {
        if (fact) {
          // k * S' -> (k / g) * (S floordiv (m / g)), g = gcd(k, m)
          int64_t common = std::gcd(magnitude(coefficient), fact->multiple);
          coefficient /= common;
          value = value * floorDiv(Dim::symbol(atom.name.substr(1)), fact->multiple / common);
        } else if (atom.kind == Dim::Kind::Symbol) {
          value = value * fromAtom(factor.atom);
        } else {
          std::vector<Dim> operands;
          for (const Dim &operand : atom.operands) operands.push_back(unscale(operand));
          value = value * combine(atom.kind, operands);
        }
      }
    }
    result = result + value * coefficient;
  }
  return result;
}

} // namespace dlc
