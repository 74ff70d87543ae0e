// The ring of Dims: sums, products, exact division, order, inspection. Atoms are in dim_atoms.cpp.
#include "ir/dims/dim_sum.h"

#include <algorithm>
#include <ostream>

namespace dlc {
using namespace dims;

namespace {

// The same on every machine, unlike std::hash.
size_t mix(size_t hash, uint64_t value) {
  uint64_t mixed = (uint64_t(hash) ^ value) * 0x9e3779b97f4a7c15ull;
  return size_t(mixed ^ (mixed >> 32));
}
constexpr size_t hashSeed = size_t(14695981039346656037ull);

size_t hashText(std::string_view text) {
  size_t hash = hashSeed;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * size_t(1099511628211ull);
  return hash;
}

AtomRef finishAtom(Atom atom) {
  size_t hash = mix(hashText(atom.name), uint64_t(atom.kind));
  for (const Dim &operand : atom.operands) {
    hash = mix(hash, operand.hash());
    atom.size += operand.size();
    if (const Sum *sum = Sum::of(operand)) atom.depth = std::max(atom.depth, sum->depth + 1);
  }
  atom.hash = hash;
  return std::make_shared<const Atom>(std::move(atom));
}

int sign(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

bool sameFactors(const Factors &a, const Factors &b) {
  return a.isSharedWith(b) || (a.hash() == b.hash() && compareFactors(a, b) == 0);
}

} // namespace

dims::Factors::Factors(std::vector<Factor> list) {
  if (list.empty()) return;
  auto made = std::make_shared<Body>();
  made->hash = hashSeed;
  for (const Factor &factor : list) {
    made->hash = mix(mix(made->hash, factor.atom->hash), uint64_t(factor.power));
    made->degree += factor.power;
    made->nodes += factor.atom->size * size_t(std::min<int64_t>(factor.power, int64_t(Dim::maxSize)));
    made->depth = std::max(made->depth, factor.atom->depth);
  }
  made->list = std::move(list);
  body = std::move(made);
}

//===-- Order
//-----------------------------------------------------------------------------------------------------===//

int dims::compareAtoms(const Atom &a, const Atom &b) {
  if (&a == &b) return 0;
  if (a.kind != b.kind) return sign(int64_t(a.kind), int64_t(b.kind));
  if (int order = a.name.compare(b.name)) return order;
  if (a.operands.size() != b.operands.size()) return sign(a.operands.size(), b.operands.size());
  for (size_t i = 0; i < a.operands.size(); ++i)
    if (int order = Dim::compare(a.operands[i], b.operands[i])) return order;
  return 0;
}

// Positive when a's monomial comes first. The first atom (in atom order) with different powers decides.
int dims::compareFactors(const Factors &a, const Factors &b) {
  if (a.isSharedWith(b)) return 0;
  if (int order = sign(a.degree(), b.degree())) return order;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (int order = compareAtoms(*a[i].atom, *b[i].atom)) return order < 0 ? 1 : -1;
    if (int order = sign(a[i].power, b[i].power)) return order;
  }
  return sign(a.size(), b.size());
}

int Dim::compare(const Dim &a, const Dim &b) {
  if (a.sum == b.sum) return a.sum ? 0 : sign(a.value, b.value);
  if (!a.sum || !b.sum) return a.sum ? 1 : -1;
  const auto &left = a.sum->terms, &right = b.sum->terms;
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (int order = compareFactors(left[i].factors, right[i].factors)) return -order;
    if (int order = sign(left[i].coefficient, right[i].coefficient)) return order;
  }
  return sign(left.size(), right.size());
}

bool operator==(const Dim &a, const Dim &b) {
  if (a.sum == b.sum) return a.sum || a.value == b.value;
  return a.sum && b.sum && a.sum->hash == b.sum->hash && Dim::compare(a, b) == 0;
}

size_t Dim::hash() const { return sum ? sum->hash : mix(hashSeed, uint64_t(value)); }

//===-- Building
//--------------------------------------------------------------------------------------------------===//

std::vector<Term> dims::termsOf(const Dim &dim) {
  if (const Sum *sum = Sum::of(dim)) return sum->terms;
  if (dim.isConstant(0)) return {};
  return {Term{*dim.constantValue(), {}}};
}

Dim dims::fromSortedTerms(std::vector<Term> terms) {
  if (terms.empty()) return 0;
  if (terms.size() == 1 && terms[0].factors.empty()) return terms[0].coefficient;
  if (terms.size() > Dim::maxTerms) return Dim::undefined();
  auto sum = std::make_shared<Sum>();
  sum->hash = hashSeed;
  for (const Term &term : terms) {
    sum->hash = mix(mix(sum->hash, uint64_t(term.coefficient)), term.factors.hash());
    sum->size += (term.coefficient == 1 ? 1 : 2) + term.factors.nodes();
    sum->depth = std::max(sum->depth, term.factors.depth());
  }
  if (sum->size > Dim::maxSize || sum->depth > Dim::maxDepth) return Dim::undefined();
  sum->terms = std::move(terms);
  return Sum::wrap(std::move(sum));
}

Dim dims::fromTerms(std::vector<Term> terms) {
  std::sort(terms.begin(), terms.end(),
            [](const Term &a, const Term &b) { return compareFactors(a.factors, b.factors) > 0; });
  std::vector<Term> combined;
  for (Term &term : terms) {
    if (combined.empty() || !sameFactors(combined.back().factors, term.factors)) {
      if (!combined.empty() && combined.back().coefficient == 0) combined.pop_back();
      combined.push_back(std::move(term));
    } else if (__builtin_add_overflow(combined.back().coefficient, term.coefficient,
                                      &combined.back().coefficient)) {
      return Dim::undefined();
    }
  }
  if (!combined.empty() && combined.back().coefficient == 0) combined.pop_back();
  return fromSortedTerms(std::move(combined));
}

Dim dims::fromTerm(Term term) {
  if (term.coefficient == 0) return 0;
  std::vector<Term> terms;
  terms.push_back(std::move(term));
  return fromSortedTerms(std::move(terms));
}

Dim dims::fromAtom(AtomRef atom) { return fromTerm({1, {{std::move(atom), 1}}}); }

Dim dims::makeAtom(Dim::Kind kind, std::vector<Dim> operands) {
  Atom atom{kind, {}, std::move(operands)};
  return fromAtom(finishAtom(std::move(atom)));
}

const Atom *dims::singleAtom(const Dim &dim) {
  const Sum *sum = Sum::of(dim);
  if (!sum || sum->terms.size() != 1 || sum->terms[0].coefficient != 1) return nullptr;
  const Factors &factors = sum->terms[0].factors;
  return factors.size() == 1 && factors[0].power == 1 ? factors[0].atom.get() : nullptr;
}

Dim Dim::symbol(std::string name) {
  Atom atom{Kind::Symbol, std::move(name), {}};
  return fromAtom(finishAtom(std::move(atom)));
}

Dim Dim::undefined() {
  static const Dim value = makeAtom(Kind::FloorDiv, {Dim(1), Dim(0)});
  return value;
}

bool Dim::isUndefined() const { return sum && sum == undefined().sum; }

//===-- Ring operations
//-------------------------------------------------------------------------------------------===//

Dim operator+(const Dim &a, const Dim &b) {
  if (a.isConstant() && b.isConstant()) {
    int64_t result;
    return __builtin_add_overflow(a.value, b.value, &result) ? Dim::undefined() : Dim(result);
  }
  if (a.isConstant(0)) return b;
  if (b.isConstant(0)) return a;
  if (a.isUndefined() || b.isUndefined()) return Dim::undefined();
  TermView left(a), right(b);
  std::vector<Term> result;
  result.reserve(left.size() + right.size());
  size_t i = 0, j = 0;
  while (i < left.size() && j < right.size()) {
    int order = compareFactors(left[i].factors, right[j].factors);
    if (order > 0) {
      result.push_back(left[i++]);
    } else if (order < 0) {
      result.push_back(right[j++]);
    } else {
      int64_t total;
      if (__builtin_add_overflow(left[i].coefficient, right[j].coefficient, &total)) return Dim::undefined();
      if (total != 0) result.push_back({total, left[i].factors});
      ++i, ++j;
    }
  }
  result.insert(result.end(), left.begin() + i, left.end());
  result.insert(result.end(), right.begin() + j, right.end());
  return fromSortedTerms(std::move(result));
}

Dim operator-(const Dim &a) { return a * Dim(-1); }
Dim operator-(const Dim &a, const Dim &b) { return a + -b; }

std::optional<Term> dims::multiplyTerms(const Term &a, const Term &b) {
  Term result;
  if (__builtin_mul_overflow(a.coefficient, b.coefficient, &result.coefficient)) return std::nullopt;
  if (a.factors.empty() || b.factors.empty()) {
    result.factors = a.factors.empty() ? b.factors : a.factors;
    return result;
  }
  std::vector<Factor> product;
  product.reserve(a.factors.size() + b.factors.size());
  size_t i = 0, j = 0;
  while (i < a.factors.size() && j < b.factors.size()) {
    int order = compareAtoms(*a.factors[i].atom, *b.factors[j].atom);
    if (order < 0) {
      product.push_back(a.factors[i++]);
    } else if (order > 0) {
      product.push_back(b.factors[j++]);
    } else {
      product.push_back({a.factors[i].atom, a.factors[i].power + b.factors[j].power});
      ++i, ++j;
    }
  }
  product.insert(product.end(), a.factors.begin() + i, a.factors.end());
  product.insert(product.end(), b.factors.begin() + j, b.factors.end());
  result.factors = Factors(std::move(product));
  return result;
}

Dim operator*(const Dim &a, const Dim &b) {
  if (a.isConstant() && b.isConstant()) {
    int64_t result;
    return __builtin_mul_overflow(a.value, b.value, &result) ? Dim::undefined() : Dim(result);
  }
  if (a.isUndefined() || b.isUndefined()) return Dim::undefined();
  if (a.isConstant(0) || b.isConstant(0)) return 0;
  if (a.isConstant(1)) return b;
  if (b.isConstant(1)) return a;
  TermView left(a), right(b);
  std::vector<Term> result;
  if (left.size() * right.size() > Dim::maxTerms * 8) return Dim::undefined();
  result.reserve(left.size() * right.size());
  for (const Term &x : left)
    for (const Term &y : right) {
      std::optional<Term> term = multiplyTerms(x, y);
      if (!term) return Dim::undefined();
      result.push_back(std::move(*term));
    }
  // A single term keeps the order of the other side.
  if (left.size() == 1 || right.size() == 1) return fromSortedTerms(std::move(result));
  return fromTerms(std::move(result));
}

std::optional<Factors> dims::divideFactors(const Factors &a, const Factors &b) {
  if (b.empty()) return a;
  if (a.size() < b.size() || a.degree() < b.degree()) return std::nullopt;
  std::vector<Factor> result;
  size_t j = 0;
  for (const Factor &factor : a) {
    if (j < b.size() && compareAtoms(*factor.atom, *b[j].atom) == 0) {
      if (factor.power < b[j].power) return std::nullopt;
      if (factor.power > b[j].power) result.push_back({factor.atom, factor.power - b[j].power});
      ++j;
    } else {
      result.push_back(factor);
    }
  }
  if (j < b.size()) return std::nullopt;
  return Factors(std::move(result));
}

std::optional<Dim> exactDivide(const Dim &a, const Dim &b) {
  if (a.isUndefined() || b.isUndefined() || b.isConstant(0)) return std::nullopt;
  if (a.isConstant(0) || b.isConstant(1)) return a;
  TermView divisor(b);
  std::vector<Term> quotient;
  Dim rest = a;
  // Long division by the leading term: it ends because the leading monomial of the rest falls in each step,
  // and finds the quotient whenever there is one with integer coefficients.
  for (size_t step = 0; !rest.isConstant(0); ++step) {
    TermView terms(rest);
    // A division by one term treats all terms at once.
    size_t count = divisor.size() == 1 ? terms.size() : 1;
    for (size_t i = 0; i < count; ++i) {
      int64_t lead = divisor[0].coefficient;
      if ((lead == -1 && terms[i].coefficient == INT64_MIN) || terms[i].coefficient % lead != 0)
        return std::nullopt;
      auto factors = divideFactors(terms[i].factors, divisor[0].factors);
      if (!factors) return std::nullopt;
      quotient.push_back({terms[i].coefficient / lead, std::move(*factors)});
    }
    if (divisor.size() == 1) break;
    rest = Dim(rest) - fromTerm(quotient.back()) * b;
    if (rest.isUndefined() || step > Dim::maxTerms) return std::nullopt;
  }
  return fromSortedTerms(std::move(quotient));
}

//===-- Inspection
//------------------------------------------------------------------------------------------------===//

bool Dim::isSymbol() const {
  const Atom *atom = singleAtom(*this);
  return atom && atom->kind == Kind::Symbol;
}

const std::string &Dim::symbolName() const { return singleAtom(*this)->name; }

static void collectSymbols(const Dim &dim, std::set<std::string> &names) {
  const Sum *sum = Sum::of(dim);
  if (!sum) return;
  for (const Term &term : sum->terms)
    for (const Factor &factor : term.factors) {
      if (factor.atom->kind == Dim::Kind::Symbol) names.insert(factor.atom->name);
      for (const Dim &operand : factor.atom->operands) collectSymbols(operand, names);
    }
}

std::set<std::string> Dim::symbols() const {
  std::set<std::string> names;
  collectSymbols(*this, names);
  return names;
}

bool Dim::uses(std::string_view symbol) const {
  if (!sum) return false;
  for (const Term &term : sum->terms)
    for (const Factor &factor : term.factors) {
      if (factor.atom->kind == Kind::Symbol && factor.atom->name == symbol) return true;
      for (const Dim &operand : factor.atom->operands)
        if (operand.uses(symbol)) return true;
    }
  return false;
}

Dim::Kind Dim::kind() const {
  if (!sum) return Kind::Constant;
  if (const Atom *atom = singleAtom(*this)) return atom->kind;
  return sum->terms.size() > 1 ? Kind::Add : Kind::Mul;
}

std::vector<Dim> Dim::operands() const {
  if (!sum) return {};
  if (const Atom *atom = singleAtom(*this)) return atom->operands;
  std::vector<Dim> result;
  if (sum->terms.size() > 1) {
    for (const Term &term : sum->terms) result.push_back(fromTerm(term));
    return result;
  }
  result = terms()[0].factors;
  if (sum->terms[0].coefficient != 1) result.push_back(sum->terms[0].coefficient);
  return result;
}

DimNode Dim::tree() const {
  DimNode node;
  node.kind = kind();
  node.value = value;
  if (node.kind == Kind::Symbol) node.symbol = symbolName();
  for (const Dim &operand : operands()) node.operands.push_back(operand.tree());
  return node;
}

std::vector<DimTerm> Dim::terms() const {
  std::vector<DimTerm> result;
  for (const Term &term : termsOf(*this)) {
    DimTerm &out = result.emplace_back();
    out.coefficient = term.coefficient;
    for (const Factor &factor : term.factors)
      out.factors.insert(out.factors.end(), factor.power, fromAtom(factor.atom));
  }
  return result;
}

int64_t Dim::constantTerm() const {
  if (!sum) return value;
  return sum->terms.back().factors.empty() ? sum->terms.back().coefficient : 0;
}

size_t Dim::size() const { return sum ? sum->size : 1; }

std::ostream &operator<<(std::ostream &stream, const Dim &dim) { return stream << dim.str(); }

Dim product(const std::vector<Dim> &dims) { return combine(Dim::Kind::Mul, dims); }

} // namespace dlc
