#include "compiler/import/symbols.h"

namespace dlc::import {

void Symbols::startRound() {
  symbols.clear();
  names.clear();
  taken.clear();
  guards.clear();
  facts = DimFacts();
}

Dim Symbols::substituted(const Dim &dim) const {
  if (dim.isConstant() || bound.empty()) return dim;
  return dim.substitute(bound);
}

Dim Symbols::simplify(const Dim &dim) const {
  return dim.isConstant() ? dim : facts.simplify(substituted(dim));
}

Dim Symbols::declare(const std::string &name, const std::string &origin) {
  if (!llvm::is_contained(names, name)) names.push_back(name);
  SymbolRange range = rangeOf(name);
  if (range.min == range.max) return Dim(range.min);
  auto binding = bound.find(name);
  if (binding != bound.end() && !binding->second.isSymbol()) return binding->second;
  std::string root = binding == bound.end() ? name : binding->second.symbolName();
  for (Symbol &symbol : symbols) {
    if (symbol.name != root) continue;
    symbol.origins.push_back(origin);
    return Dim::symbol(root);
  }
  range = rangeOf(root);
  symbols.push_back({root, range, {origin}});
  taken.insert(root);
  facts.declare(root, {range.min, range.max}, range.multiple);
  return Dim::symbol(root);
}

SymbolRange Symbols::rangeOf(const std::string &name) const {
  if (auto found = narrowed.find(name); found != narrowed.end()) return found->second.range;
  auto found = ranges.find(name);
  return found == ranges.end() ? SymbolRange() : found->second;
}

std::string Symbols::freshName(const std::string &base) {
  std::string clean;
  for (char c : base) clean += llvm::isAlnum(c) || c == '_' ? c : '_';
  if (clean.empty() || llvm::isDigit(clean.front())) clean = "d" + clean;
  std::string name = clean;
  for (int i = 1; !taken.insert(name).second; ++i) name = clean + "_" + std::to_string(i);
  return name;
}

std::optional<bool> Symbols::isLess(const Dim &a, const Dim &b) const {
  if (facts.proveLessEqual(a + 1, b)) return true;
  if (facts.proveLessEqual(b, a)) return false;
  return std::nullopt;
}

std::optional<bool> Symbols::isEqual(const Dim &a, const Dim &b) const {
  if (simplify(a) == simplify(b)) return true;
  if (facts.proveLessEqual(a + 1, b) || facts.proveLessEqual(b + 1, a)) return false;
  return std::nullopt;
}

void Symbols::bind(const std::string &symbol, const Dim &value, const std::string &what) {
  std::map<std::string, Dim> one{{symbol, value}};
  for (auto &[name, dim] : bound) dim = dim.substitute(one);
  bound[symbol] = value;
  bindings.push_back({symbol, value, what});
  throw Restart{};
}

void Symbols::requireNonNegative(const Dim &given, const std::string &what) {
  Dim dim = simplify(given);
  if (facts.proveNonNegative(dim)) return;
  if (facts.proveLessEqual(dim, Dim(-1)))
    throw Refusal{Code::E0305, what + ": " + dim.str() + " is negative", ""};
  std::set<std::string> used = dim.symbols();
  if (used.size() == 1 && taken.count(*used.begin())) {
    const std::string &symbol = *used.begin();
    SymbolRange range = rangeOf(symbol);
    auto holdsAt = [&](int64_t value) { return dim.evaluate({{symbol, value}}).value_or(-1) >= 0; };
    auto accept = [&](SymbolRange smaller) {
      smaller.min =
          ceilDiv(Dim(smaller.min), Dim(range.multiple)).constantValue().value_or(0) * range.multiple;
      smaller.max -= smaller.max % range.multiple;
      DimFacts proof;
      proof.declare(symbol, {smaller.min, smaller.max}, range.multiple);
      if (smaller.min > smaller.max || !proof.proveNonNegative(dim)) return;
      narrowed[symbol] = {smaller, what};
      throw Restart{};
    };
    // The first value that fits, if it is small; the last one, if larger values never fit.
    for (int64_t lo = range.min; lo <= std::min(range.max, range.min + 65536); ++lo)
      if (holdsAt(lo)) {
        if (lo > range.min) accept({lo, range.max, range.multiple});
        break;
      }
    int64_t low = range.min, high = range.max;
    while (low < high) {
      int64_t middle = low + (high - low + 1) / 2;
      if (holdsAt(middle))
        low = middle;
      else
        high = middle - 1;
    }
    if (low < range.max && holdsAt(low)) accept({range.min, low, range.multiple});
  }
  facts.assume(dim);
  guardEqual(min(dim, Dim(0)), Dim(0), what);
}

bool Symbols::unifyExtremum(const Dim &a, const Dim &b, const std::string &what) {
  bool isMin = b.kind() == Dim::Kind::Min;
  if (!isMin && b.kind() != Dim::Kind::Max) return false;
  std::vector<Dim> operands = b.operands();
  if (!llvm::is_contained(operands, a)) return false;
  for (const Dim &other : operands)
    if (!(other == a)) requireNonNegative(isMin ? other - a : a - other, what);
  return true;
}

void Symbols::guardEqual(const Dim &a, const Dim &b, const std::string &what) {
  for (const Guard &guard : guards)
    if ((guard.lhs == a && guard.rhs == b) || (guard.lhs == b && guard.rhs == a)) return;
  guards.push_back({a, b, what});
}

void Symbols::unifyCounts(const Dim &x, const Dim &y, const std::string &what) {
  Dim a = simplify(x), b = simplify(y);
  if (isEqual(a, b) == std::optional<bool>(true)) return;
  auto terms = a.terms();
  if (terms.size() == 1 && b.terms().size() == 1) {
    // c * x against c * min(x, y): compare x and min(x, y)
    for (const Dim &factor : terms[0].factors) {
      auto p = exactDivide(a, factor), q = exactDivide(b, factor);
      if (p && q && isAtLeast(factor, 1)) a = *p, b = *q;
    }
    if (auto unit = a.terms()[0].coefficient; unit > 1)
      if (auto p = exactDivide(a, Dim(unit)), q = exactDivide(b, Dim(unit)); p && q) a = *p, b = *q;
  }
  if (unifyExtremum(a, b, what) || unifyExtremum(b, a, what)) return;
  guardEqual(a, b, what);
}

Dim Symbols::unify(const Dim &x, const Dim &y, const std::string &what) {
  Dim a = simplify(x), b = simplify(y);
  if (a == b) return a;
  if (isEqual(a, b) == std::optional<bool>(false))
    throw Refusal{Code::E0305, what + ": " + a.str() + " against " + b.str(), ""};
  if (unifyExtremum(a, b, what)) return a;
  if (unifyExtremum(b, a, what)) return b;
  auto position = [&](const Dim &dim) -> size_t {
    for (size_t i = 0; i < symbols.size(); ++i)
      if (dim.isSymbol() && symbols[i].name == dim.symbolName()) return i;
    return 0;
  };
  auto bindable = [&](const Dim &symbol, const Dim &value) {
    return symbol.isSymbol() && taken.count(symbol.symbolName()) && !value.uses(symbol.symbolName()) &&
           !bound.count(symbol.symbolName());
  };
  // The later symbol gives way, so that the first input's names remain.
  bool aFirst = a.isSymbol() && (!b.isSymbol() || position(a) > position(b));
  if (aFirst && bindable(a, b)) bind(a.symbolName(), b, what);
  if (bindable(b, a)) bind(b.symbolName(), a, what);
  if (bindable(a, b)) bind(a.symbolName(), b, what);
  guardEqual(a, b, what);
  return b.isConstant() ? b : a;
}

Dims Symbols::broadcast(llvm::ArrayRef<Dims> shapes) {
  size_t rank = 0;
  for (const Dims &shape : shapes) rank = std::max(rank, shape.size());
  Dims result(rank, Dim(1));
  for (const Dims &shape : shapes) {
    for (size_t i = 0; i < shape.size(); ++i) {
      Dim &dim = result[rank - shape.size() + i];
      if (shape[i] == dim || shape[i].isConstant(1)) continue;
      dim = dim.isConstant(1) ? shape[i] : unify(dim, shape[i], "broadcast dims differ");
    }
  }
  return result;
}

} // namespace dlc::import
