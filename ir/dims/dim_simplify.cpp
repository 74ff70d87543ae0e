// Simplification with facts: bottom-up rules on atoms, then floordiv and mod of the same operands are put
// together in the sum. Each rule holds wherever the facts hold.
#include "ir/dims/dim_facts.h"

#include "ir/dims/dim_sum.h"

#include <algorithm>

namespace dlc {
using namespace dims;

class DimSimplifier {
public:
  explicit DimSimplifier(const DimFacts &facts) : facts(facts) {}

  Dim run(const Dim &dim) {
    if (dim.isConstant() || dim.isUndefined()) return dim;
    auto found = facts.answers.simplified.find(dim);
    if (found != facts.answers.simplified.end()) return found->second;
    Dim result = dim;
    // A rule can open the way for others, once or twice in practice.
    for (int pass = 0; pass < 4; ++pass) {
      Dim next = recombine(rebuild(result));
      if (next == result) break;
      result = next;
    }
    facts.answers.simplified[dim] = result;
    return result;
  }

private:
  // The operands of the questions asked here are simplified already, which also ends the recursion.
  bool isNonNegative(const Dim &e) { return facts.proveScaled(e); }
  bool isPositive(const Dim &e) { return isNonNegative(e - 1); }

  Dim rebuild(const Dim &dim) {
    TermView terms(dim);
    for (const Term &term : terms)
      for (const Factor &factor : term.factors)
        if (simplifyAtom(factor.atom)) return rebuildTerms(terms);
    return dim;
  }

  Dim rebuildTerms(const TermView &terms) {
    Dim result;
    for (const Term &term : terms) {
      Dim value = term.coefficient;
      for (const Factor &factor : term.factors) {
        std::optional<Dim> simpler = simplifyAtom(factor.atom);
        Dim base = simpler ? *simpler : fromAtom(factor.atom);
        for (int64_t i = 0; i < factor.power; ++i) value = value * base;
      }
      result = result + value;
    }
    return result;
  }

  /// What an atom becomes; nothing when it stays.
  std::optional<Dim> simplifyAtom(const AtomRef &atom) {
    if (atom->kind == Dim::Kind::Symbol) {
      DimRange range = facts.range(atom->name);
      return range.lo == range.hi ? std::optional<Dim>(range.lo) : std::nullopt;
    }
    Dim whole = fromAtom(atom);
    auto found = facts.answers.simplifiedAtoms.find(whole);
    if (found == facts.answers.simplifiedAtoms.end())
      found = facts.answers.simplifiedAtoms.emplace(whole, simplifyOperation(atom, whole)).first;
    return found->second == whole ? std::nullopt : std::optional<Dim>(found->second);
  }

  Dim simplifyOperation(const AtomRef &atom, const Dim &whole) {
    DimRange range = facts.bounds(whole);
    // A value that can't vary.
    if (range.lo == range.hi) return range.lo;
    std::vector<Dim> operands;
    for (const Dim &operand : atom->operands) operands.push_back(run(operand));
    Dim rebuilt = combine(atom->kind, operands);
    const Atom *now = singleAtom(rebuilt);
    if (!now || now->kind == Dim::Kind::Symbol) return rebuilt;
    switch (now->kind) {
    case Dim::Kind::FloorDiv:
      return simplifyFloorDiv(now->operands[0], now->operands[1]);
    case Dim::Kind::CeilDiv:
      return simplifyCeilDiv(now->operands[0], now->operands[1]);
    case Dim::Kind::Mod:
      return simplifyMod(now->operands[0], now->operands[1]);
    default:
      return simplifyExtremum(now->kind, now->operands);
    }
  }

  /// The constant k with k * g <= x < (k + 1) * g for all values, if there is one; g > 0.
  std::optional<int64_t> quotientOf(const Dim &x, const Dim &g) {
    if (auto constant = g.constantValue()) {
      DimRange range = facts.bounds(x);
      if (range.lo != DimRange::unboundedBelow && range.hi != DimRange::unboundedAbove) {
        if (floorDivide(range.lo, *constant) == floorDivide(range.hi, *constant))
          return floorDivide(range.lo, *constant);
        // Values on both sides of a multiple: a proof could only find that the interval is not tight.
        if (range.hi < 0 || range.lo >= *constant) return std::nullopt;
      }
    }
    if (isNonNegative(x) && isNonNegative(g - 1 - x)) return 0;
    if (isNonNegative(-x - 1) && isNonNegative(x + g)) return -1;
    return std::nullopt;
  }

  /// x == g * y + r and b == g * n with r in [k * g, (k + 1) * g).
  struct Parts {
    Dim g, y, r, n;
    int64_t k;
  };
  std::optional<Parts> findParts(const Dim &x, const Dim &b) {
    std::vector<Dim> tried;
    for (const Term &term : TermView(x)) {
      Dim g = fromTerm(commonFactor(fromTerm(term), b));
      if (g.isConstant(1) || std::find(tried.begin(), tried.end(), g) != tried.end()) continue;
      tried.push_back(g);
      std::vector<Term> divisible, rest;
      for (Term &other : termsOf(x)) {
        if (auto exact = exactDivide(fromTerm(other), g))
          divisible.push_back(termsOf(*exact)[0]);
        else
          rest.push_back(std::move(other));
      }
      if (!isPositive(g)) continue;
      Dim r = fromTerms(std::move(rest));
      if (auto k = quotientOf(r, g))
        return Parts{g, fromTerms(std::move(divisible)), r, *exactDivide(b, g), *k};
    }
    return std::nullopt;
  }

  /// Long division by a divisor of several terms: x == q * b + r, as far as leading terms divide.
  std::optional<std::pair<Dim, Dim>> longDivide(const Dim &x, const Dim &b) {
    std::vector<Term> divisor = termsOf(b);
    if (divisor.size() < 2) return std::nullopt;
    Dim q, r, rest = x;
    for (size_t step = 0; step < 16 && !rest.isConstant(0) && !rest.isUndefined(); ++step) {
      Dim lead = fromTerm(termsOf(rest)[0]);
      if (auto quotient = exactDivide(lead, fromTerm(divisor[0]))) {
        q = q + *quotient;
        rest = rest - *quotient * b;
      } else {
        r = r + lead;
        rest = rest - lead;
      }
    }
    if (!rest.isConstant(0) || q.isConstant(0)) return std::nullopt;
    return std::pair(q, r);
  }

  Dim simplifyFloorDiv(const Dim &x, const Dim &b) {
    Dim whole = floorDiv(x, b);
    if (!isPositive(b)) return whole;
    // x floordiv b -> k  where k * b <= x < (k + 1) * b
    if (auto k = quotientOf(x, b)) return *k;
    // (x floordiv d) floordiv b -> x floordiv (d * b)
    const Atom *inner = singleAtom(x);
    if (inner && inner->kind == Dim::Kind::FloorDiv && isPositive(inner->operands[1]))
      return floorDiv(inner->operands[0], inner->operands[1] * b);
    // (x mod (b * n)) floordiv b -> (x floordiv b) mod n
    if (inner && inner->kind == Dim::Kind::Mod)
      if (auto n = exactDivide(inner->operands[1], b); n && isPositive(*n))
        return mod(floorDiv(inner->operands[0], b), *n);
    // (g * y + r) floordiv (g * n) -> (y + k) floordiv n
    if (auto parts = findParts(x, b); parts && isPositive(parts->n))
      return floorDiv(parts->y + parts->k, parts->n);
    // (q * b + r) floordiv b -> q + k
    if (auto division = longDivide(x, b))
      if (auto k = quotientOf(division->second, b)) return division->first + *k;
    return whole;
  }

  Dim simplifyMod(const Dim &x, const Dim &b) {
    Dim whole = mod(x, b);
    if (!isPositive(b)) return whole;
    // x mod b -> x - k * b  where k * b <= x < (k + 1) * b
    if (auto k = quotientOf(x, b)) return x - b * *k;
    // (g * y + r) mod (g * n) -> g * ((y + k) mod n) + r - k * g
    if (auto parts = findParts(x, b); parts && isPositive(parts->n))
      return parts->g * mod(parts->y + parts->k, parts->n) + parts->r - parts->g * parts->k;
    // (q * b + r) mod b -> r - k * b
    if (auto division = longDivide(x, b))
      if (auto k = quotientOf(division->second, b)) return division->second - b * *k;
    return whole;
  }

  Dim simplifyCeilDiv(const Dim &x, const Dim &b) {
    // x ceildiv b -> -((-x) floordiv b), when that becomes something else
    Dim floor = floorDiv(-x, b);
    Dim simpler = simplifyFloorDiv(-x, b);
    return simpler == floor ? ceilDiv(x, b) : -simpler;
  }

  Dim simplifyExtremum(Dim::Kind kind, std::vector<Dim> operands) {
    bool isMin = kind == Dim::Kind::Min;
    for (size_t i = 0; i < operands.size() && operands.size() > 1; ++i)
      for (size_t j = 0; j < operands.size(); ++j) {
        if (i == j) continue;
        // operands[i] never decides
        if (!isNonNegative(isMin ? operands[i] - operands[j] : operands[j] - operands[i])) continue;
        operands.erase(operands.begin() + i--);
        break;
      }
    return combine(kind, operands);
  }

  /// c * (x mod b) + c * b * (x floordiv b) -> c * x, and x - b * (x floordiv b) -> x mod b: whatever makes
  /// the sum smaller.
  Dim recombine(Dim dim) {
    for (bool changed = true; changed;) {
      changed = false;
      bool divides = holdsFloorDiv(dim);
      for (const Term &term : termsOf(dim)) {
        for (const Factor &factor : term.factors) {
          // A mod only vanishes into a floordiv that is there.
          if (factor.power != 1 || (factor.atom->kind == Dim::Kind::Mod && !divides)) continue;
          std::optional<Dim> replacement = otherForm(term, factor);
          if (!replacement) continue;
          Dim candidate = dim - fromTerm(term) + *replacement;
          if (candidate.isUndefined() || candidate.size() >= dim.size()) continue;
          dim = candidate;
          changed = true;
          break;
        }
        if (changed) break;
      }
    }
    return dim;
  }

  static bool holdsFloorDiv(const Dim &dim) {
    for (const Term &term : TermView(dim))
      for (const Factor &factor : term.factors)
        if (factor.atom->kind == Dim::Kind::FloorDiv) return true;
    return false;
  }

  /// A term with a mod written with a floordiv, or the reverse.
  std::optional<Dim> otherForm(const Term &term, const Factor &factor) {
    const Atom &atom = *factor.atom;
    if (atom.kind != Dim::Kind::Mod && atom.kind != Dim::Kind::FloorDiv) return std::nullopt;
    const Dim &x = atom.operands[0], &b = atom.operands[1];
    Dim c = fromTerm({term.coefficient, *divideFactors(term.factors, {factor})});
    if (atom.kind == Dim::Kind::Mod) return c * x - c * b * simplifyFloorDiv(x, b);
    std::optional<Dim> quotient = exactDivide(c, b);
    if (!quotient) return std::nullopt;
    return *quotient * x - *quotient * mod(x, b);
  }

  const DimFacts &facts;
};

Dim DimFacts::simplifyScaled(const Dim &dim) const {
  if (auto found = answers.simplified.find(dim); found != answers.simplified.end()) return found->second;
  noteSymbols(dim);
  return DimSimplifier(*this).run(dim);
}

Dim DimFacts::simplify(const Dim &dim) const {
  if (dim.isConstant() || dim.isUndefined()) return dim;
  Dim inner = scale(dim);
  Dim result = simplifyScaled(inner);
  return inner == dim ? result : unscale(result);
}

} // namespace dlc
