#include "ir/interp/symbols.h"

namespace dlc::interp {
namespace {

/// s for coefficient * s + rest == value, when the dim has that form over one unknown symbol and s is whole.
void solve(const Dim &dim, int64_t value, SymbolValues &values) {
  std::map<std::string, Dim> known;
  for (auto &[name, number] : values) known.emplace(name, Dim(number));
  Dim rest = dim.substitute(known);
  std::set<std::string> unknown = rest.symbols();
  if (unknown.size() != 1) return;
  const std::string &name = *unknown.begin();
  auto at = [&](int64_t s) { return rest.evaluate({{name, s}}); };
  std::optional<int64_t> zero = at(0), one = at(1), two = at(2);
  if (!zero || !one || !two || *two - *one != *one - *zero || *one == *zero) return;
  int64_t slope = *one - *zero;
  if ((value - *zero) % slope) return;
  int64_t solution = (value - *zero) / slope;
  if (solution >= 0 && at(solution) == value) values[name] = solution;
}

} // namespace

bool bindSymbols(llvm::ArrayRef<Dim> dims, DimsRef actual, SymbolValues &values, std::string &message) {
  if (dims.size() != actual.size()) {
    message = "rank " + std::to_string(dims.size()) + " is declared, the tensor has " + str(actual);
    return false;
  }
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i].isSymbol()) values.try_emplace(dims[i].symbolName(), actual[i]);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!dims[i].evaluate(values)) solve(dims[i], actual[i], values);
    std::optional<int64_t> value = dims[i].evaluate(values);
    if (value && *value != actual[i]) {
      message =
          "dim " + std::to_string(i) + " is " + std::to_string(actual[i]) + ", declared " + dims[i].str();
      if (!dims[i].isConstant()) message += " = " + std::to_string(*value);
      return false;
    }
  }
  return true;
}

Dims evaluateDims(llvm::ArrayRef<Dim> dims, const SymbolValues &values) {
  Dims result;
  for (const Dim &dim : dims) {
    std::optional<int64_t> value = dim.evaluate(values);
    if (!value) throw Failure("dim " + dim.str() + " has no value here");
    result.push_back(*value);
  }
  return result;
}

} // namespace dlc::interp
