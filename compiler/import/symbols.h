// The symbolic dims of a model: declared from its inputs, bound when two dims must be equal.
//
// Shape rules meet dims of different names that have to agree (`batch` of one input, `batch_size` of another;
// a reduction dim that a weight fixes to 768). Symbols::unify then binds one symbol to the other dim; the
// import starts over with the binding in place, so that every type of the result is written in the remaining
// symbols. Where neither side is a symbol, a guard is recorded that a run must satisfy.
#pragma once

#include "compiler/import/import.h"
#include "compiler/import/value.h"
#include "ir/dims/dim_facts.h"

#include <map>
#include <set>
#include <string>

namespace dlc::import {

/// Thrown when a binding was added: the import is started again.
struct Restart {};
/// Thrown by shape rules and operator functions; caught once per node and reported with its path.
struct Refusal {
  Code code;
  std::string message, help;
};

class Symbols {
public:
  struct Symbol {
    std::string name;
    SymbolRange range;
    std::vector<std::string> origins; ///< "image dim 0"
  };
  struct Guard {
    Dim lhs, rhs;
    std::string message;
  };

  Symbols(const std::map<std::string, SymbolRange> &ranges) : ranges(ranges) {}

  /// The dim of an input: a declared symbol (with what it is bound to).
  Dim declare(const std::string &name, const std::string &origin);
  /// A name that no declaration uses.
  std::string freshName(const std::string &base);

  /// `dim` with bindings in place and simplified by the symbols' ranges.
  Dim simplify(const Dim &dim) const;
  bool isAtLeast(const Dim &dim, int64_t bound) const { return facts.proveLessEqual(bound, dim); }
  bool isAtMost(const Dim &a, const Dim &b) const { return facts.proveLessEqual(a, b); }
  /// Whether one comparison of dims has the same answer for all values of the symbols, and which.
  std::optional<bool> isLess(const Dim &a, const Dim &b) const;
  std::optional<bool> isEqual(const Dim &a, const Dim &b) const;

  /// Makes two dims that must be equal one: returns it. Binds a symbol (throws Restart) or records a guard;
  /// throws Refusal when they can never be equal. `what` names the pair for messages.
  Dim unify(const Dim &a, const Dim &b, const std::string &what);
  /// Makes `dim` >= 0: by a smaller range of its only symbol (throws Restart), else by a guard. Throws
  /// Refusal when it is always negative.
  void requireNonNegative(const Dim &dim, const std::string &what);
  /// Element counts that must be equal: common factors are removed, then as unify, but no symbol is bound to
  /// another.
  void unifyCounts(const Dim &a, const Dim &b, const std::string &what);
  /// A guard alone, no binding.
  void guardEqual(const Dim &a, const Dim &b, const std::string &what);
  /// The numpy broadcast of shapes, dims unified from the right.
  Dims broadcast(llvm::ArrayRef<Dims> shapes);

  /// Before each round of the import: forgets declarations and guards, keeps bindings.
  void startRound();

  const std::vector<Symbol> &declared() const { return symbols; }
  const std::vector<Guard> &allGuards() const { return guards; }
  /// Every name that was given to declare(), bound and fixed ones too, in order.
  const std::vector<std::string> &everDeclared() const { return names; }
  struct Binding {
    std::string symbol;
    Dim value;
    std::string what;
  };
  const std::vector<Binding> &allBindings() const { return bindings; }
  struct Narrowed {
    SymbolRange range;
    std::string what;
  };
  const std::map<std::string, Narrowed> &allNarrowed() const { return narrowed; }

private:
  void bind(const std::string &symbol, const Dim &value, const std::string &what);
  Dim substituted(const Dim &dim) const;
  SymbolRange rangeOf(const std::string &name) const;
  /// Whether a == b follows from requirements that hold from now on: a == min(a, b), a == max(a, 0).
  bool unifyExtremum(const Dim &a, const Dim &b, const std::string &what);

  std::map<std::string, SymbolRange> ranges;
  std::vector<Symbol> symbols;
  std::vector<std::string> names;
  std::set<std::string> taken;
  std::vector<Binding> bindings;
  std::map<std::string, Dim> bound;
  std::map<std::string, Narrowed> narrowed;
  std::vector<Guard> guards;
  DimFacts facts;
};

} // namespace dlc::import
