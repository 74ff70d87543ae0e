// Divisions, remainders, min and max: the rules that hold for every binding; substitution and evaluation.
#include "ir/dims/dim_sum.h"

#include <algorithm>
#include <numeric>

namespace dlc {
using namespace dims;

namespace {

using Wide = __int128;

std::optional<int64_t> narrow(Wide value) {
  if (value < INT64_MIN || value > INT64_MAX) return std::nullopt;
  return int64_t(value);
}

/// a == whole * b + rest, where `whole` takes the terms that b, a single term, divides. With a constant b the
/// constant of the rest lies in [0, b).
struct Split {
  Dim whole, rest;
};
Split splitWhole(const Dim &a, const Dim &b) {
  TermView divisor(b);
  if (divisor.size() != 1) return {0, a};
  std::vector<Term> whole, rest;
  for (const Term &term : TermView(a)) {
    auto factors = divideFactors(term.factors, divisor[0].factors);
    int64_t c = divisor[0].coefficient;
    if (factors && term.coefficient % c == 0) {
      whole.push_back({term.coefficient / c, std::move(*factors)});
    } else if (term.factors.empty() && b.isConstant()) {
      if (int64_t quotient = floorDivide(term.coefficient, c)) whole.push_back({quotient, {}});
      rest.push_back({floorModulo(term.coefficient, c), {}});
    } else {
      rest.push_back(term);
    }
  }
  return {fromTerms(std::move(whole)), fromTerms(std::move(rest))};
}

/// gcd of c and the coefficients of all terms with factors.
int64_t commonStep(const Dim &a, int64_t c) {
  for (const Term &term : TermView(a))
    if (!term.factors.empty())
      c = int64_t(std::gcd(
          uint64_t(c), uint64_t(term.coefficient % c < 0 ? -(term.coefficient % c) : term.coefficient % c)));
  return c;
}

/// a with every coefficient, the constant too, floor-divided by step; exact but for the constant.
Dim divideSteps(const Dim &a, int64_t step) {
  std::vector<Term> terms = termsOf(a);
  for (Term &term : terms) term.coefficient = floorDivide(term.coefficient, step);
  return fromTerms(std::move(terms));
}

bool leadsNegative(const Dim &b) { return TermView(b)[0].coefficient < 0; }

/// Folds of (rest floordiv c) over nested atoms, c > 1.
std::optional<Dim> foldNestedFloorDiv(const Dim &rest, int64_t c) {
  Dim offset = rest.constantTerm();
  const Dim base = rest - offset;
  const Atom *inner = singleAtom(base);
  if (!inner || inner->operands.size() != 2) return std::nullopt;
  const Dim &x = inner->operands[0], &d = inner->operands[1];
  // (x floordiv d) floordiv c -> x floordiv (d * c), whatever the sign of d
  if (!d.isConstant()) {
    if (inner->kind != Dim::Kind::FloorDiv || !offset.isConstant(0)) return std::nullopt;
    Dim divisor = d * c;
    return divisor.isUndefined() ? std::nullopt : std::optional<Dim>(floorDiv(x, divisor));
  }
  if (*d.constantValue() <= 0) return std::nullopt;
  // ((x floordiv d) + k) floordiv c -> (x + k * d) floordiv (d * c)
  if (inner->kind == Dim::Kind::FloorDiv) {
    Dim divisor = d * c, dividend = x + offset * d;
    if (divisor.isUndefined() || dividend.isUndefined()) return std::nullopt;
    return floorDiv(dividend, divisor);
  }
  // (x mod (c * n)) floordiv c -> (x floordiv c) mod n
  if (inner->kind == Dim::Kind::Mod && offset.isConstant(0) && *d.constantValue() % c == 0)
    return mod(floorDiv(x, c), *d.constantValue() / c);
  return std::nullopt;
}

/// a with x mod m replaced by x wherever b divides m: the same remainder by b.
Dim dropInnerMods(const Dim &a, const Dim &b) {
  TermView terms(a);
  for (size_t i = 0; i < terms.size(); ++i)
    for (const Factor &factor : terms[i].factors) {
      if (factor.atom->kind != Dim::Kind::Mod || factor.power != 1) continue;
      if (!exactDivide(factor.atom->operands[1], b)) continue;
      Term others{terms[i].coefficient, *divideFactors(terms[i].factors, {factor})};
      return dropInnerMods(a - fromTerm(terms[i]) + fromTerm(others) * factor.atom->operands[0], b);
    }
  return a;
}

} // namespace

Term dims::commonFactor(const Dim &a, const Dim &b) {
  Term common;
  bool first = true;
  uint64_t gcd = 0;
  for (const Dim *dim : {&a, &b})
    for (const Term &term : TermView(*dim)) {
      gcd = std::gcd(gcd, term.coefficient < 0 ? 0 - uint64_t(term.coefficient) : uint64_t(term.coefficient));
      if (first) {
        common.factors = term.factors;
      } else {
        std::vector<Factor> kept;
        for (const Factor &factor : common.factors)
          for (const Factor &other : term.factors)
            if (compareAtoms(*factor.atom, *other.atom) == 0)
              kept.push_back({factor.atom, std::min(factor.power, other.power)});
        common.factors = Factors(std::move(kept));
      }
      first = false;
    }
  common.coefficient = gcd > uint64_t(INT64_MAX) ? 1 : int64_t(gcd);
  return common;
}

Dim floorDiv(const Dim &a, const Dim &b) {
  if (a.isUndefined() || b.isUndefined() || b.isConstant(0)) return Dim::undefined();
  if (std::optional<Dim> quotient = exactDivide(a, b)) return *quotient;
  if (leadsNegative(b)) return floorDiv(-a, -b);
  if (a.isConstant() && b.isConstant()) return floorDivide(*a.constantValue(), *b.constantValue());
  // (a * c) floordiv (b * c) -> a floordiv b
  Term common = commonFactor(a, b);
  if (common.coefficient != 1 || !common.factors.empty()) {
    Dim c = fromTerm(common);
    return floorDiv(*exactDivide(a, c), *exactDivide(b, c));
  }
  // (q * b + r) floordiv b -> q + r floordiv b
  Split split = splitWhole(a, b);
  if (!split.whole.isConstant(0)) return split.whole + floorDiv(split.rest, b);
  if (b.isConstant()) {
    int64_t c = *b.constantValue();
    // (g * x + k) floordiv (g * n) -> (x + k floordiv g) floordiv n
    if (int64_t step = commonStep(a, c); step > 1) return floorDiv(divideSteps(a, step), c / step);
    if (std::optional<Dim> folded = foldNestedFloorDiv(a, c)) return *folded;
  }
  return makeAtom(Dim::Kind::FloorDiv, {a, b});
}

Dim ceilDiv(const Dim &a, const Dim &b) {
  if (a.isUndefined() || b.isUndefined() || b.isConstant(0)) return Dim::undefined();
  if (std::optional<Dim> quotient = exactDivide(a, b)) return *quotient;
  if (leadsNegative(b)) return ceilDiv(-a, -b);
  // a ceildiv c -> (a + c - 1) floordiv c
  if (b.isConstant()) {
    Split split = splitWhole(a, b); // first, so that the sum can't overflow
    return split.whole + floorDiv(split.rest + (b - 1), b);
  }
  Term common = commonFactor(a, b);
  if (common.coefficient != 1 || !common.factors.empty()) {
    Dim c = fromTerm(common);
    return ceilDiv(*exactDivide(a, c), *exactDivide(b, c));
  }
  Split split = splitWhole(a, b);
  if (!split.whole.isConstant(0)) return split.whole + ceilDiv(split.rest, b);
  return makeAtom(Dim::Kind::CeilDiv, {a, b});
}

Dim mod(const Dim &a, const Dim &b) {
  if (a.isUndefined() || b.isUndefined() || b.isConstant(0)) return Dim::undefined();
  if (exactDivide(a, b)) return 0;
  if (leadsNegative(b)) return -mod(-a, -b);
  if (a.isConstant() && b.isConstant()) return floorModulo(*a.constantValue(), *b.constantValue());
  // (a * c) mod (b * c) -> (a mod b) * c
  Term common = commonFactor(a, b);
  if (common.coefficient != 1 || !common.factors.empty()) {
    Dim c = fromTerm(common);
    return c * mod(*exactDivide(a, c), *exactDivide(b, c));
  }
  // (q * b + r) mod b -> r mod b
  Split split = splitWhole(a, b);
  if (!split.whole.isConstant(0)) return mod(split.rest, b);
  // (k * (x mod (b * n)) + y) mod b -> (k * x + y) mod b
  if (Dim flat = dropInnerMods(a, b); flat != a) return mod(flat, b);
  if (b.isConstant()) {
    // (k * x) mod c -> (k rem c * x) mod c
    int64_t c = *b.constantValue();
    std::vector<Term> terms = termsOf(a);
    bool reduces = false;
    for (Term &term : terms) {
      reduces |= term.coefficient % c != term.coefficient;
      term.coefficient %= c;
    }
    if (reduces) return mod(fromTerms(std::move(terms)), b);
    // (g * x + k) mod (g * n) -> ((x + k floordiv g) mod n) * g + k mod g
    if (int64_t step = commonStep(a, c); step > 1)
      return mod(divideSteps(a, step), c / step) * step + floorModulo(a.constantTerm(), step);
  }
  return makeAtom(Dim::Kind::Mod, {a, b});
}

//===-- min and max
//-----------------------------------------------------------------------------------------------===//

static Dim extremum(Dim::Kind kind, const Dim &a, const Dim &b) {
  if (a.isUndefined() || b.isUndefined()) return Dim::undefined();
  std::vector<Dim> flat;
  for (const Dim *side : {&a, &b}) {
    const Atom *atom = singleAtom(*side);
    if (atom && atom->kind == kind)
      flat.insert(flat.end(), atom->operands.begin(), atom->operands.end());
    else
      flat.push_back(*side);
  }
  // Of operands at a constant distance (equal ones too) the outer one stays.
  std::vector<Dim> kept;
  for (const Dim &operand : flat) {
    bool covered = false;
    for (Dim &other : kept) {
      Dim distance = operand - other;
      if (!distance.isConstant()) continue;
      if ((kind == Dim::Kind::Min) == (*distance.constantValue() < 0) && !distance.isConstant(0))
        other = operand;
      covered = true;
      break;
    }
    if (!covered) kept.push_back(operand);
  }
  if (kept.size() == 1) return kept[0];
  if (kept.size() > Dim::maxOperands) return Dim::undefined();
  std::sort(kept.begin(), kept.end(), [](const Dim &x, const Dim &y) { return Dim::compare(x, y) < 0; });
  // Symbols before constants reads better: min(S, 512).
  std::rotate(kept.begin(), kept.begin() + (kept[0].isConstant() ? 1 : 0), kept.end());
  return makeAtom(kind, std::move(kept));
}

Dim min(const Dim &a, const Dim &b) { return extremum(Dim::Kind::Min, a, b); }
Dim max(const Dim &a, const Dim &b) { return extremum(Dim::Kind::Max, a, b); }

Dim combine(Dim::Kind kind, const std::vector<Dim> &operands) {
  if (kind == Dim::Kind::Mul || kind == Dim::Kind::Add) {
    Dim result = kind == Dim::Kind::Mul ? 1 : 0;
    for (const Dim &operand : operands) result = kind == Dim::Kind::Mul ? result * operand : result + operand;
    return result;
  }
  if (operands.empty()) return Dim::undefined();
  Dim result = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) switch (kind) {
    case Dim::Kind::FloorDiv:
      result = floorDiv(result, operands[i]);
      break;
    case Dim::Kind::CeilDiv:
      result = ceilDiv(result, operands[i]);
      break;
    case Dim::Kind::Mod:
      result = mod(result, operands[i]);
      break;
    case Dim::Kind::Min:
      result = min(result, operands[i]);
      break;
    case Dim::Kind::Max:
      result = max(result, operands[i]);
      break;
    default:
      break;
    }
  return result;
}

//===-- Substitution and evaluation
//-------------------------------------------------------------------------------===//

Dim Dim::substitute(const std::map<std::string, Dim> &values) const {
  if (!sum || values.empty()) return *this;
  Dim result;
  for (const Term &term : sum->terms) {
    Dim value = term.coefficient;
    for (const Factor &factor : term.factors) {
      Dim base;
      if (factor.atom->kind == Kind::Symbol) {
        auto found = values.find(factor.atom->name);
        base = found == values.end() ? fromAtom(factor.atom) : found->second;
      } else {
        std::vector<Dim> operands;
        for (const Dim &operand : factor.atom->operands) operands.push_back(operand.substitute(values));
        base = combine(factor.atom->kind, operands);
      }
      for (int64_t i = 0; i < factor.power; ++i) value = value * base;
    }
    result = result + value;
  }
  return result;
}

static std::optional<int64_t> evaluateAtom(const Atom &atom, const std::map<std::string, int64_t> &values) {
  if (atom.kind == Dim::Kind::Symbol) {
    auto found = values.find(atom.name);
    return found == values.end() ? std::nullopt : std::optional<int64_t>(found->second);
  }
  std::vector<int64_t> operands;
  for (const Dim &operand : atom.operands) {
    std::optional<int64_t> value = operand.evaluate(values);
    if (!value) return std::nullopt;
    operands.push_back(*value);
  }
  if (atom.kind == Dim::Kind::Min) return *std::min_element(operands.begin(), operands.end());
  if (atom.kind == Dim::Kind::Max) return *std::max_element(operands.begin(), operands.end());
  Wide a = operands[0], b = operands[1];
  if (b == 0) return std::nullopt;
  Wide quotient = a / b, rest = a % b;
  bool below = rest != 0 && (rest < 0) != (b < 0);
  if (atom.kind == Dim::Kind::Mod) return narrow(below ? rest + b : rest);
  if (atom.kind == Dim::Kind::FloorDiv) return narrow(quotient - (below ? 1 : 0));
  return narrow(quotient + (rest != 0 && !below ? 1 : 0));
}

std::optional<int64_t> Dim::evaluate(const std::map<std::string, int64_t> &values) const {
  if (!sum) return value;
  Wide total = 0;
  for (const Term &term : sum->terms) {
    // Zero first, so that one zero factor decides whatever the size of the others.
    Wide product = term.coefficient;
    std::vector<int64_t> factors;
    for (const Factor &factor : term.factors) {
      std::optional<int64_t> base = evaluateAtom(*factor.atom, values);
      if (!base) return std::nullopt;
      factors.insert(factors.end(), size_t(factor.power), *base);
    }
    if (std::find(factors.begin(), factors.end(), 0) != factors.end()) continue;
    for (int64_t factor : factors)
      if (__builtin_mul_overflow(product, Wide(factor), &product)) return std::nullopt;
    if (__builtin_add_overflow(total, product, &total)) return std::nullopt;
  }
  return narrow(total);
}

} // namespace dlc
