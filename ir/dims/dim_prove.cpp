// Proofs of `e >= 0`. Intervals decide most of them. What is left is decided by eliminating one variable
// after the other: if e == c * v + r and the sign of c is known, then putting a bound of v in its place gives
// a lower bound of e. The bounds used are those of symbols with symbolic ranges (j <= S - 1), and of atoms:
//
//   0 <= x mod b <= b - 1       x - b + 1 <= b * (x floordiv b) <= x       x <= b * (x ceildiv b) <= x + b -
//   1     (b > 0) a min or max is one of its operands
//
// What then remains is a polynomial of sizes: with every variable written as its least value plus something
// not negative, it is not negative when no coefficient is.
#include "ir/dims/dim_facts.h"

#include "ir/dims/dim_sum.h"

#include <algorithm>

namespace dlc {
using namespace dims;

class DimProver {
public:
  explicit DimProver(const DimFacts &facts) : facts(facts) {}

  bool isNonNegative(const Dim &e) {
    if (e.isUndefined()) return false;
    if (facts.bounds(e).lo >= 0) return true;
    if (e.isConstant() || --steps < 0) return false;
    if (isSumOfNonNegatives(e)) return true;
    for (const Variable &variable : variablesOf(e))
      if (std::optional<bool> decided = eliminate(e, variable)) return *decided;
    return false;
  }

private:
  struct Variable {
    AtomRef atom;
    const DimFacts::Fact *fact; // of a symbol
  };

  const DimFacts::Fact *factOf(const Atom &atom) const {
    return atom.kind == Dim::Kind::Symbol ? facts.find(atom.name) : nullptr;
  }

  // Atoms before symbols, larger ones first, symbols from the last declared to the first: a bound only holds
  // what was declared before, so nothing comes back.
  bool comesBefore(const Variable &a, const Variable &b) const {
    bool aAtom = a.atom->kind != Dim::Kind::Symbol, bAtom = b.atom->kind != Dim::Kind::Symbol;
    if (aAtom != bAtom) return aAtom;
    if (!aAtom) return a.fact->order > b.fact->order;
    if (a.atom->size != b.atom->size) return a.atom->size > b.atom->size;
    return compareAtoms(*a.atom, *b.atom) < 0;
  }

  /// What can be eliminated, the most promising first.
  std::vector<Variable> variablesOf(const Dim &e) const {
    std::vector<Variable> variables;
    for (const Term &term : TermView(e))
      for (const Factor &factor : term.factors) {
        Variable candidate{factor.atom, factOf(*factor.atom)};
        if (factor.atom->kind == Dim::Kind::Symbol && !candidate.fact) continue;
        if (isLinear(e, *factor.atom)) variables.push_back(candidate);
      }
    std::sort(variables.begin(), variables.end(),
              [&](const Variable &a, const Variable &b) { return comesBefore(a, b); });
    auto same = [](const Variable &a, const Variable &b) { return compareAtoms(*a.atom, *b.atom) == 0; };
    variables.erase(std::unique(variables.begin(), variables.end(), same), variables.end());
    return variables;
  }

  static bool isLinear(const Dim &e, const Atom &atom) {
    for (const Term &term : TermView(e))
      for (const Factor &factor : term.factors)
        if (factor.power > 1 && compareAtoms(*factor.atom, atom) == 0) return false;
    return true;
  }

  /// Nothing when no bound of the variable applies.
  std::optional<bool> eliminate(const Dim &e, const Variable &variable) {
    // e == c * v + r
    std::vector<Term> with, without;
    Factors alone = {{variable.atom, 1}};
    for (Term &term : termsOf(e)) {
      if (auto rest = divideFactors(term.factors, alone))
        with.push_back({term.coefficient, std::move(*rest)});
      else
        without.push_back(std::move(term));
    }
    Dim c = fromTerms(std::move(with)), r = fromSortedTerms(std::move(without));
    const Atom &atom = *variable.atom;
    if (atom.kind == Dim::Kind::Min || atom.kind == Dim::Kind::Max) return eliminateExtremum(c, r, atom);
    bool rising = isNonNegative(c);
    if (!rising && !isNonNegative(-c)) return std::nullopt;
    if (atom.kind == Dim::Kind::Symbol) {
      const DimFacts::Fact &fact = *variable.fact;
      const std::optional<Dim> &bound = rising ? fact.lower : fact.upper;
      int64_t number = rising ? fact.range.lo : fact.range.hi;
      if (bound && isNonNegative(c * facts.scale(*bound) + r)) return true;
      bool finite = number != (rising ? DimRange::unboundedBelow : DimRange::unboundedAbove);
      if (finite) return isNonNegative(c * number + r);
      return bound ? std::optional<bool>(false) : std::nullopt;
    }
    const Dim &x = atom.operands[0], &b = atom.operands[1];
    if (!isNonNegative(b - 1)) return std::nullopt;
    if (atom.kind == Dim::Kind::Mod) return isNonNegative(rising ? r : c * (b - 1) + r);
    Dim bound = x;
    if (atom.kind == Dim::Kind::FloorDiv && rising) bound = x - b + 1;
    if (atom.kind == Dim::Kind::CeilDiv && !rising) bound = x + b - 1;
    return isNonNegative(c * bound + b * r);
  }

  bool eliminateExtremum(const Dim &c, const Dim &r, const Atom &atom) {
    // One operand is enough on the side where the extremum bounds it: c <= 0 and min <= operand.
    bool oneIsEnough = isNonNegative(atom.kind == Dim::Kind::Min ? -c : c);
    for (const Dim &operand : atom.operands)
      if (isNonNegative(c * operand + r) == oneIsEnough) return oneIsEnough;
    return !oneIsEnough;
  }

  // Each factor is written as lo + t with t >= 0; the product of sums with coefficients >= 0 is a sum of such
  // products.
  bool isSumOfNonNegatives(const Dim &e) const {
    Dim shifted;
    for (const Term &term : TermView(e)) {
      Dim value = term.coefficient;
      for (const Factor &factor : term.factors) {
        Dim variable = fromAtom(factor.atom);
        int64_t lo = facts.bounds(variable).lo;
        if (lo == DimRange::unboundedBelow) return false;
        for (int64_t i = 0; i < factor.power; ++i) value = value * (variable + lo);
      }
      shifted = shifted + value;
    }
    if (shifted.isUndefined()) return false;
    for (const Term &term : TermView(shifted))
      if (term.coefficient < 0) return false;
    return true;
  }

  const DimFacts &facts;
  int steps = DimFacts::proofSteps;
};

/// A relation e >= 0 over integers holds for e's constant rounded down to what divides the rest: 7 - 8 * g >=
/// 0 says -8 * g >= 0.
static Dim tighten(const DimFacts &facts, const Dim &e) {
  Dim rest = e - e.constantTerm();
  int64_t step = facts.divisor(rest);
  return step > 1 ? rest + floorDivide(e.constantTerm(), step) * step : e;
}

bool DimFacts::proveScaled(const Dim &e) const {
  if (e.isUndefined()) return false;
  DimRange range = bounds(e);
  if (range.lo >= 0 || range.hi < 0) return range.lo >= 0;
  if (auto found = answers.proven.find(e); found != answers.proven.end()) return found->second;
  noteSymbols(e);
  for (const Dim &assumption : assumptions) noteSymbols(assumption);
  bool result = DimProver(*this).isNonNegative(e);
  for (size_t i = 0; i < assumptions.size() && !result; ++i)
    result = DimProver(*this).isNonNegative(e - tighten(*this, scale(assumptions[i])));
  answers.proven[e] = result;
  return result;
}

bool DimFacts::proveNonNegative(const Dim &dim) const {
  return bounds(dim).lo >= 0 || proveScaled(simplifyScaled(scale(dim)));
}

/// mod, ceildiv and max written with floordiv and min: one form for proofs of equality.
static Dim expand(const Dim &dim) {
  const Sum *sum = Sum::of(dim);
  if (!sum || dim.isUndefined()) return dim;
  Dim result;
  for (const Term &term : sum->terms) {
    Dim value = term.coefficient;
    for (const Factor &factor : term.factors) {
      const Atom &atom = *factor.atom;
      std::vector<Dim> operands;
      for (const Dim &operand : atom.operands) operands.push_back(expand(operand));
      Dim base;
      switch (atom.kind) {
      case Dim::Kind::Symbol:
        base = fromAtom(factor.atom);
        break;
      case Dim::Kind::Mod:
        base = operands[0] - operands[1] * floorDiv(operands[0], operands[1]);
        break;
      case Dim::Kind::CeilDiv:
        base = -floorDiv(-operands[0], operands[1]);
        break;
      case Dim::Kind::Max:
        for (Dim &operand : operands) operand = -operand;
        base = -combine(Dim::Kind::Min, operands);
        break;
      default:
        base = combine(atom.kind, operands);
      }
      for (int64_t i = 0; i < factor.power; ++i) value = value * base;
    }
    result = result + value;
  }
  return result;
}

bool DimFacts::proveEqual(const Dim &a, const Dim &b) const {
  if (a.isUndefined() || b.isUndefined()) return false;
  if (a == b) return true;
  Dim difference = simplifyScaled(scale(a - b));
  if (difference.isUndefined()) return false;
  if (difference.isConstant()) return difference.isConstant(0);
  return expand(difference).isConstant(0) || bounds(difference) == DimRange{0, 0} ||
         (proveNonNegative(a - b) && proveNonNegative(b - a));
}

bool DimFacts::isMultipleOf(const Dim &dim, const Dim &by) const {
  if (dim.isUndefined() || by.isUndefined()) return false;
  if (exactDivide(dim, by)) return true;
  if (auto constant = by.constantValue()) {
    if (*constant == 0) return false;
    if (divisor(dim) % *constant == 0) return true;
  }
  return proveEqual(mod(dim, by), 0);
}

} // namespace dlc
