// The representation behind Dim: sums of terms over atoms. For the files of this folder only.
#pragma once

#include "ir/dims/dim.h"

#include <initializer_list>
#include <utility>

namespace dlc::dims {

/// A variable of the polynomials: a symbol or an opaque operation.
struct Atom {
  Dim::Kind kind;            // Symbol, FloorDiv, CeilDiv, Mod, Min or Max
  std::string name;          // Symbol
  std::vector<Dim> operands; // the others
  size_t hash = 0, size = 1, depth = 1;
};
using AtomRef = std::shared_ptr<const Atom>;

struct Factor {
  AtomRef atom;
  int64_t power = 1;
};

/// A monomial: factors ordered by compareAtoms, powers >= 1. Shared between the sums that hold it.
class Factors {
public:
  Factors() = default;
  Factors(std::vector<Factor> list);
  Factors(std::initializer_list<Factor> list) : Factors(std::vector<Factor>(list)) {}

  const Factor *begin() const { return body ? body->list.data() : nullptr; }
  const Factor *end() const { return begin() + size(); }
  size_t size() const { return body ? body->list.size() : 0; }
  bool empty() const { return !body; }
  const Factor &operator[](size_t i) const { return body->list[i]; }
  int64_t degree() const { return body ? body->degree : 0; }
  size_t hash() const { return body ? body->hash : 0; }
  size_t nodes() const { return body ? body->nodes : 0; }
  size_t depth() const { return body ? body->depth : 0; }
  bool isSharedWith(const Factors &other) const { return body == other.body; }

private:
  struct Body {
    std::vector<Factor> list;
    int64_t degree = 0;
    size_t hash = 0, nodes = 0, depth = 0;
  };
  std::shared_ptr<const Body> body; // null without factors
};

struct Term {
  int64_t coefficient = 0;
  Factors factors;
};

/// Terms in descending order of their monomials (degree first, then lexicographic: an order that products
/// respect, so that long division works), coefficients not zero. Never a bare constant: that is a Dim without
/// a sum.
struct Sum {
  std::vector<Term> terms;
  size_t hash = 0, size = 1, depth = 0;

  static const Sum *of(const Dim &dim) { return dim.sum.get(); }
  static Dim wrap(std::shared_ptr<const Sum> sum) { return Dim(std::move(sum)); }
};

int compareAtoms(const Atom &a, const Atom &b);
int compareFactors(const Factors &a, const Factors &b);

/// The terms of a dim; a constant is one term without factors, zero has none.
std::vector<Term> termsOf(const Dim &dim);

/// The same without a copy, for as long as the dim lives.
class TermView {
public:
  explicit TermView(const Dim &dim) {
    if (const Sum *sum = Sum::of(dim)) {
      first = sum->terms.data();
      count = sum->terms.size();
    } else if (!dim.isConstant(0)) {
      own.coefficient = *dim.constantValue();
      first = &own;
      count = 1;
    }
  }
  explicit TermView(Dim &&) = delete;
  TermView(const TermView &) = delete;
  TermView &operator=(const TermView &) = delete;

  const Term *begin() const { return first; }
  const Term *end() const { return first + count; }
  size_t size() const { return count; }
  const Term &operator[](size_t i) const { return first[i]; }

private:
  Term own;
  const Term *first = nullptr;
  size_t count = 0;
};

/// A dim of terms in any order, equal monomials combined.
Dim fromTerms(std::vector<Term> terms);
/// The same when the terms are already canonical.
Dim fromSortedTerms(std::vector<Term> terms);
Dim fromTerm(Term term);
Dim fromAtom(AtomRef atom);
/// An operation that stays as it is.
Dim makeAtom(Dim::Kind kind, std::vector<Dim> operands);
/// The atom of a dim that is exactly one atom, else null.
const Atom *singleAtom(const Dim &dim);
/// a / b when each power of b is in a.
std::optional<Factors> divideFactors(const Factors &a, const Factors &b);
/// The largest term that divides every term of a and b: gcd of the coefficients times the common powers.
Term commonFactor(const Dim &a, const Dim &b);
/// Nothing on overflow.
std::optional<Term> multiplyTerms(const Term &a, const Term &b);

/// Floor division of integers; precondition: b is not 0 and not (min, -1).
inline int64_t floorDivide(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}
inline int64_t floorModulo(int64_t a, int64_t b) {
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

} // namespace dlc::dims
