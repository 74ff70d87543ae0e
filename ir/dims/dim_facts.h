// What is known about symbols, and what follows from it: bounds, divisibility, proofs, simplification of
// indices.
//
//   DimFacts facts;
//   facts.declare("S", {1, 8192}, 8);            // 1 <= S <= 8192, a multiple of 8
//   facts.declareIndex("i", 32);                 // 0 <= i < 32
//   facts.declareIndex("j", Dim::symbol("S"));   // 0 <= j < S
//   facts.simplify(floorDiv(i + 32 * j, 32))     // j
//   facts.simplify(mod(i + 32 * j, 32))          // i
//   facts.simplify(floorDiv(k * S + j, S))       // k
//   facts.proveLess(j, S)                        // true
//
// Answers are one-sided: `true` is a proof for all values the facts allow, `false` means nothing was found.
// Facts that contradict each other (an index of an empty extent) prove anything about values that do not
// exist.
//
// Work is bounded: proofs take at most proofSteps eliminations, simplification a few passes over the
// expression. Results are remembered until the next declaration, so a const object must not be shared between
// threads.
#pragma once

#include "ir/dims/dim.h"

#include <unordered_map>

namespace dlc {

/// A closed interval; the two extremes of int64 stand for "no bound".
struct DimRange {
  static constexpr int64_t unboundedBelow = INT64_MIN, unboundedAbove = INT64_MAX;
  int64_t lo = unboundedBelow, hi = unboundedAbove;
  bool operator==(const DimRange &) const = default;
};

class DimFacts {
public:
  static constexpr int proofSteps = 48;

  /// lo <= symbol <= hi, and symbol is a multiple of `multiple` (>= 1). A later declaration replaces an
  /// earlier one.
  void declare(const std::string &symbol, DimRange range, int64_t multiple = 1);
  /// 0 <= symbol < extent. The symbols of the extent are declared before.
  void declareIndex(const std::string &symbol, const Dim &extent, int64_t multiple = 1);
  /// lower <= symbol <= upper, with bounds whose symbols are declared before.
  void declareBetween(const std::string &symbol, const Dim &lower, const Dim &upper, int64_t multiple = 1);
  /// A further relation that holds, such as a guard: nonNegative >= 0.
  void assume(const Dim &nonNegative);

  /// The declared interval of a symbol; unbounded when there is none.
  DimRange range(const std::string &symbol) const;

  /// An interval that holds every value; exact for a monomial of distinct symbols.
  DimRange bounds(const Dim &dim) const;
  /// A constant that divides every value: the largest that the facts give at once; 0 for the constant zero.
  int64_t divisor(const Dim &dim) const;

  bool isMultipleOf(const Dim &dim, const Dim &divisor) const;
  bool proveEqual(const Dim &a, const Dim &b) const;
  bool proveLess(const Dim &a, const Dim &b) const { return proveNonNegative(b - a - 1); }
  bool proveLessEqual(const Dim &a, const Dim &b) const { return proveNonNegative(b - a); }
  bool proveNonNegative(const Dim &dim) const;
  bool provePositive(const Dim &dim) const { return proveNonNegative(dim - 1); }

  /// An expression with the same value wherever the facts hold and `dim` is defined, and usually a smaller
  /// one.
  Dim simplify(const Dim &dim) const;

private:
  friend class DimSimplifier;
  friend class DimProver;

  struct Fact {
    DimRange range;
    int64_t multiple = 1;
    std::optional<Dim> lower, upper; // bounds that are no constants
    size_t order = 0;                // of declaration
  };

  void insert(const std::string &symbol, Fact fact);
  /// Makes the intervals anew that follow from bounds over a symbol whose facts were replaced.
  void refreshRanges(const std::string &symbol);
  const Fact *find(const std::string &symbol) const;
  /// `dim` with each symbol of a known multiple m written as m times a symbol of its own, and back.
  Dim scale(const Dim &dim) const;
  Dim unscale(const Dim &dim) const;
  /// The same questions about scaled expressions; proveScaled does not simplify first.
  Dim simplifyScaled(const Dim &dim) const;
  bool proveScaled(const Dim &dim) const;

  std::map<std::string, Fact, std::less<>> facts;
  std::map<std::string, Dim> scaled; // S -> m * S', for symbols with a multiple
  std::vector<Dim> assumptions;
  size_t declarations = 0;
  /// Answers so far, and the symbols they are about: a declaration of another symbol leaves them alone. A
  /// copy of the facts starts without answers.
  struct Answers {
    std::unordered_map<Dim, Dim> simplified, simplifiedAtoms;
    std::unordered_map<Dim, bool> proven;
    std::set<std::string, std::less<>> symbols;
    Answers() = default;
    Answers(const Answers &) {}
    Answers &operator=(const Answers &) { return clear(); }
    Answers &clear();
  };
  mutable Answers answers;
  void noteSymbols(const Dim &dim) const;
};

using Facts = DimFacts;

} // namespace dlc
