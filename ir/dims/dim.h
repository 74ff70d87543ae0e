// Symbolic dims: exact integer expressions over named symbols.
//
// A Dim is a canonical sum of monomials. The variables of the monomials are symbols (`B`) and opaque atoms
// (floordiv, ceildiv, mod, min, max over Dims). Two dims that are equal as polynomials are one value:
//
//   Dim B = Dim::symbol("B"), S = Dim::symbol("S");
//   (B * S) * 768 == B * (S * 768)                   // true
//   *exactDivide(B * S * 768, S * 12)  == B * 64     // true
//   floorDiv(S * 8 + 3, 8)             == S          // atoms fold by rules that hold for every binding
//   floorDiv(S + 7, 8).str()                         // "(S + 7) floordiv 8"
//
// Rules that need ranges or divisibility of symbols live in DimFacts (dim_facts.h).
//
// Undefined. A division by the constant zero, a coefficient past 64 bits, and an expression past the limits
// below have no value: the result is `Dim::undefined()`. It is sticky (every operation on it gives it again),
// prints as `1 floordiv 0` and evaluates to nothing, so a caller may build an expression first and ask once.
//
// Limits. A sum has at most maxTerms monomials, a min or max at most maxOperands operands, a tree at most
// maxSize nodes and maxDepth nested atoms. They keep every operation polynomial; no shape expression of a
// real model comes near them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

namespace dims {
struct Atom;
struct Sum;
} // namespace dims

struct DimNode;
struct DimTerm;

/// An immutable expression; copying is cheap, sharing between threads is safe.
class Dim {
public:
  enum class Kind { Constant, Symbol, Add, Mul, FloorDiv, CeilDiv, Mod, Min, Max };

  static constexpr size_t maxTerms = 512, maxSize = 16384, maxDepth = 128, maxOperands = 32;

  /// Zero.
  Dim() = default;
  Dim(int64_t value) : value(value) {}
  static Dim constant(int64_t value) { return Dim(value); }
  /// Any text can be a name, also the empty one; str() quotes what is no identifier.
  static Dim symbol(std::string name);
  static Dim undefined();

  bool isUndefined() const;
  bool isConstant() const { return !sum; }
  bool isConstant(int64_t expected) const { return !sum && value == expected; }
  std::optional<int64_t> constantValue() const { return sum ? std::nullopt : std::optional<int64_t>(value); }
  bool isSymbol() const;
  /// Precondition: isSymbol().
  const std::string &symbolName() const;
  /// The names of all symbols, also those inside atoms.
  std::set<std::string> symbols() const;
  bool uses(std::string_view symbol) const;

  /// The kind of the tree's root.
  Kind kind() const;
  /// The operands of an expression that is one atom: {a, b} of a division or mod, {a, b, ...} of min and max;
  /// of an Add its terms, of a Mul its factors (the constant one last). Empty for constants and symbols.
  std::vector<Dim> operands() const;
  /// The whole expression as a tree in canonical order, for printers and lowerings. Add and Mul are n-ary.
  DimNode tree() const;
  /// The monomials in canonical order; a constant is one term without factors, zero has none.
  std::vector<DimTerm> terms() const;
  /// The term without factors.
  int64_t constantTerm() const;
  /// Nodes of the tree.
  size_t size() const;

  /// Canonical text; parseDim reads it back to an equal value. Highest degree first, constants last:
  /// `B * S * 768 + B * 2 - 1`, `(S floordiv 8) * 4`, `min(S, 512)`. An identifier is
  /// [A-Za-z_][A-Za-z0-9_$.]* or % and such letters, but not floordiv, ceildiv, mod, min, max. Other symbols
  /// stand in double quotes, escaped as in MLIR:
  /// `\\` for a backslash, `\XX` (two hex digits) for quotes and for bytes that are not printable ASCII.
  std::string str() const;

  /// Replaces symbols, all at once.
  Dim substitute(const std::map<std::string, Dim> &values) const;
  /// The value under a binding; nothing when a symbol is missing, a division is by zero or a value leaves
  /// int64.
  std::optional<int64_t> evaluate(const std::map<std::string, int64_t> &values) const;

  /// A total order of structure: the same on every machine, never of addresses. Says nothing about values.
  static int compare(const Dim &a, const Dim &b);
  size_t hash() const;

  friend bool operator==(const Dim &a, const Dim &b);
  friend Dim operator+(const Dim &a, const Dim &b);
  friend Dim operator-(const Dim &a, const Dim &b);
  friend Dim operator*(const Dim &a, const Dim &b);
  friend Dim operator-(const Dim &a);
  Dim &operator+=(const Dim &b) { return *this = *this + b; }
  Dim &operator-=(const Dim &b) { return *this = *this - b; }
  Dim &operator*=(const Dim &b) { return *this = *this * b; }

private:
  friend struct dims::Sum;
  explicit Dim(std::shared_ptr<const dims::Sum> sum) : sum(std::move(sum)) {}

  int64_t value = 0;                    // the constant, when there is no sum
  std::shared_ptr<const dims::Sum> sum; // null for constants
};

bool operator==(const Dim &a, const Dim &b);
Dim operator+(const Dim &a, const Dim &b);
Dim operator-(const Dim &a, const Dim &b);
Dim operator*(const Dim &a, const Dim &b);
Dim operator-(const Dim &a);

/// Division rounds to minus infinity, ceilDiv to plus infinity; mod(a, b) == a - b * floorDiv(a, b). A
/// division by a constant of known sign, and ceilDiv by a constant, become floordiv by a positive constant.
Dim floorDiv(const Dim &a, const Dim &b);
Dim ceilDiv(const Dim &a, const Dim &b);
Dim mod(const Dim &a, const Dim &b);
Dim min(const Dim &a, const Dim &b);
Dim max(const Dim &a, const Dim &b);
/// The operation of that kind on a list: Add and Mul of any length, Min and Max of at least one, divisions of
/// two.
Dim combine(Dim::Kind kind, const std::vector<Dim> &operands);

/// The polynomial q with q * b == a, if there is one. Wherever b is not zero, a / b is q without remainder.
std::optional<Dim> exactDivide(const Dim &a, const Dim &b);

/// Reads an expression: + - *, floordiv, ceildiv, mod (the last three bind as tightly as *, all from left to
/// right), unary minus, parentheses, min(a, b, ...), max(a, b, ...), integers, symbols. On failure: nothing,
/// and a message with the column in `error`.
std::optional<Dim> parseDim(std::string_view text, std::string *error = nullptr);

/// One node of a dim's tree.
struct DimNode {
  Dim::Kind kind = Dim::Kind::Constant;
  int64_t value = 0;  // Constant
  std::string symbol; // Symbol
  std::vector<DimNode> operands;
};

/// coefficient * factors[0] * factors[1] * ...; a factor is a symbol or an atom, repeated for powers.
struct DimTerm {
  int64_t coefficient = 0;
  std::vector<Dim> factors;
};

/// The order of Dim::compare for std::map and std::set.
struct DimOrder {
  bool operator()(const Dim &a, const Dim &b) const { return Dim::compare(a, b) < 0; }
};

std::ostream &operator<<(std::ostream &stream, const Dim &dim);

/// The product of all dims; 1 for none.
Dim product(const std::vector<Dim> &dims);

} // namespace dlc

template <> struct std::hash<dlc::Dim> {
  size_t operator()(const dlc::Dim &dim) const { return dim.hash(); }
};
