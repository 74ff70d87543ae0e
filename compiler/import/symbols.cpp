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
  SymbolRange range;
  if (auto found = ranges.find(name); found != ranges.end()) range = found->second;
  if (range.min == range.max) return Dim(range.min);
  auto binding = bound.find(name);
  if (binding != bound.end() && !binding->second.isSymbol()) return binding->second;
  std::string root = binding == bound.end() ? name : binding->second.symbolName();
  for (Symbol &symbol : symbols) {
    if (symbol.name != root) continue;
    symbol.origins.push_back(origin);
    return Dim::symbol(root);
  }
  if (auto found = ranges.find(root); found != ranges.end()) range = found->second;
  symbols.push_back({root, range, {origin}});
  taken.insert(root);
  facts.declare(root, {range.min, range.max}, range.multiple);
  return Dim::symbol(root);
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

void Symbols::guardEqual(const Dim &a, const Dim &b, const std::string &what) {
  for (const Guard &guard : guards)
    if ((guard.lhs == a && guard.rhs == b) || (guard.lhs == b && guard.rhs == a)) return;
  guards.push_back({a, b, what});
}

Dim Symbols::unify(const Dim &x, const Dim &y, const std::string &what) {
  Dim a = simplify(x), b = simplify(y);
  if (a == b) return a;
  if (isEqual(a, b) == std::optional<bool>(false))
    throw Refusal{Code::E0305, what + ": " + a.str() + " against " + b.str(), ""};
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
