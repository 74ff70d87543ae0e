#include "compiler/import/host.h"

#include <cmath>
#include <limits>

namespace dlc::import {

bool isHostType(DataType type) {
  return type == DataType::I64 || type == DataType::I32 || type == DataType::Bool || isFloat(type);
}

bool fitsType(DataType type, const Dim &value) {
  auto constant = value.constantValue();
  if (!constant || type == DataType::I64) return !value.isUndefined();
  if (type == DataType::Bool) return *constant == 0 || *constant == 1;
  return *constant >= std::numeric_limits<int32_t>::min() && *constant <= std::numeric_limits<int32_t>::max();
}

double roundTo(DataType type, double value) {
  if (type == DataType::F64) return value;
  const llvm::fltSemantics &semantics = type == DataType::F16    ? llvm::APFloat::IEEEhalf()
                                        : type == DataType::BF16 ? llvm::APFloat::BFloat()
                                                                 : llvm::APFloat::IEEEsingle();
  llvm::APFloat number(value);
  bool lost;
  number.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lost);
  number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return number.convertToDouble();
}

llvm::SmallVector<int64_t> stridesOf(const Dims &dims) {
  llvm::SmallVector<int64_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;)
    strides[i - 1] = static_cast<int64_t>(uint64_t(strides[i]) * uint64_t(*dims[i].constantValue()));
  return strides;
}

//===- Elements -----------------------------------------------------------------===//

static std::optional<Dim> truth(std::optional<bool> value) {
  if (!value) return std::nullopt;
  return Dim(*value ? 1 : 0);
}

static std::optional<bool> negated(std::optional<bool> value) {
  if (value) value = !*value;
  return value;
}

static std::optional<Dim> quotient(const Dim &a, const Dim &b, Symbols &symbols) {
  if (b.isConstant(0)) return std::nullopt;
  auto x = a.constantValue(), y = b.constantValue();
  if (x && y) return *y == -1 ? Dim(0) - a : Dim(*x / *y);
  if (symbols.isAtLeast(a, 0) && symbols.isAtLeast(b, 1)) return floorDiv(a, b);
  if (auto exact = exactDivide(a, b); exact && symbols.isAtLeast(b, 1)) return exact;
  if (!symbols.isAtLeast(b, 1) || symbols.isAtMost(a, Dim(-1))) return std::nullopt;
  // Exporters write floor division of sizes as Div: a negative size is refused at run time.
  symbols.requireNonNegative(a, "a size that is divided");
  return floorDiv(a, b);
}

static std::optional<Dim> power(const Dim &a, const Dim &b) {
  auto exponent = b.constantValue();
  if (!exponent || *exponent < 0 || *exponent > 62) return std::nullopt;
  Dim result(1);
  for (int64_t i = 0; i < *exponent; ++i) result = result * a;
  return result;
}

std::optional<Dim> evaluate(HostOp op, const Dim &a, const Dim &b, Symbols &symbols) {
  switch (op) {
  case HostOp::Add:
    return symbols.simplify(a + b);
  case HostOp::Sub:
    return symbols.simplify(a - b);
  case HostOp::Mul:
    return symbols.simplify(a * b);
  case HostOp::Div: {
    auto result = quotient(a, b, symbols);
    return result ? std::optional<Dim>(symbols.simplify(*result)) : result;
  }
  case HostOp::Mod:
    if (b.isConstant(0) || (!b.isConstant() && !symbols.isAtLeast(b, 1))) return std::nullopt;
    return symbols.simplify(mod(a, b));
  case HostOp::Min:
    return symbols.simplify(min(a, b));
  case HostOp::Max:
    return symbols.simplify(max(a, b));
  case HostOp::Pow:
    return power(a, b);
  case HostOp::Equal:
    return truth(symbols.isEqual(a, b));
  case HostOp::Less:
    return truth(symbols.isLess(a, b));
  case HostOp::Greater:
    return truth(symbols.isLess(b, a));
  case HostOp::LessEqual:
    return truth(negated(symbols.isLess(b, a)));
  case HostOp::GreaterEqual:
    return truth(negated(symbols.isLess(a, b)));
  case HostOp::And:
    if (a.isConstant(0) || b.isConstant(0)) return Dim(0);
    return a.isConstant() && b.isConstant() ? std::optional<Dim>(a * b) : std::nullopt;
  case HostOp::Or:
    if (a.isConstant(1) || b.isConstant(1)) return Dim(1);
    return a.isConstant() && b.isConstant() ? std::optional<Dim>(a + b) : std::nullopt;
  case HostOp::Xor:
    return a.isConstant() && b.isConstant() ? std::optional<Dim>(Dim(a == b ? 0 : 1)) : std::nullopt;
  }
  return std::nullopt;
}

static std::optional<double> evaluate(HostOp op, double a, double b) {
  switch (op) {
  case HostOp::Add:
    return a + b;
  case HostOp::Sub:
    return a - b;
  case HostOp::Mul:
    return a * b;
  case HostOp::Div:
    return a / b;
  default:
    return std::nullopt;
  }
}

static std::optional<bool> evaluateCompare(HostOp op, double a, double b) {
  switch (op) {
  case HostOp::Equal:
    return a == b;
  case HostOp::Less:
    return a < b;
  case HostOp::LessEqual:
    return a <= b;
  case HostOp::Greater:
    return a > b;
  case HostOp::GreaterEqual:
    return a >= b;
  default:
    return std::nullopt;
  }
}

//===- Tensors --------------------------------------------------------------------===//

namespace {

/// The elements of operands under their common static shape.
class Together {
public:
  Together(std::initializer_list<const Tensor *> tensors) {
    for (const Tensor *tensor : tensors) {
      if (!tensor->hasStaticDims()) return;
      size_t lead = tensor->dims().size() > dims.size() ? tensor->dims().size() - dims.size() : 0;
      dims.insert(dims.begin(), lead, Dim(1));
    }
    for (const Tensor *tensor : tensors)
      for (size_t i = 0; i < tensor->dims().size(); ++i) {
        Dim &dim = dims[dims.size() - tensor->dims().size() + i];
        const Dim &own = tensor->dims()[i];
        if (dim.isConstant(1))
          dim = own;
        else if (!own.isConstant(1) && !(own == dim))
          return; // the op itself reports it
      }
    count = 1;
    for (const Dim &dim : dims) {
      count *= *dim.constantValue();
      if (count > maxHostElements) return;
    }
    valid = true;
  }
  /// The position in `tensor` of element i of the common shape.
  int64_t position(const Tensor &tensor, int64_t i) const {
    auto strides = stridesOf(tensor.dims());
    int64_t result = 0;
    for (size_t d = dims.size(), own = tensor.dims().size(); d-- > 0;) {
      int64_t size = *dims[d].constantValue(), index = i % size;
      i /= size;
      if (own == 0) continue;
      --own;
      if (!tensor.dims()[own].isConstant(1)) result += index * strides[own];
    }
    return result;
  }
  Dims dims;
  int64_t count = 0;
  bool valid = false;
};

} // namespace

std::optional<Tensor> hostBinary(const Node &node, HostOp op, const Tensor &a, const Tensor &b) {
  if (!isHostType(a.type()) || a.type() != b.type()) return std::nullopt;
  const Host *x = node.host(a), *y = node.host(b);
  if (!x || !y) return std::nullopt;
  Together together({&a, &b});
  if (!together.valid) return std::nullopt;
  bool floats = isFloat(a.type()), compares = op >= HostOp::Equal && op <= HostOp::GreaterEqual;
  Host result;
  for (int64_t i = 0; i < together.count; ++i) {
    int64_t p = together.position(a, i), q = together.position(b, i);
    if (floats && compares) {
      auto value = evaluateCompare(op, x->floats[p], y->floats[q]);
      if (!value) return std::nullopt;
      result.ints.push_back(*value ? 1 : 0);
    } else if (floats) {
      auto value = evaluate(op, x->floats[p], y->floats[q]);
      if (!value) return std::nullopt;
      result.floats.push_back(roundTo(a.type(), *value));
    } else {
      auto value = evaluate(op, x->ints[p], y->ints[q], node.e.symbols);
      if (!value || !fitsType(compares ? DataType::Bool : a.type(), *value)) return std::nullopt;
      result.ints.push_back(*value);
    }
  }
  return Tensor(compares ? DataType::Bool : a.type(), together.dims, std::move(result));
}

std::optional<Tensor> hostSelect(const Node &node, const Tensor &condition, const Tensor &a,
                                 const Tensor &b) {
  const Host *c = node.host(condition), *x = node.host(a), *y = node.host(b);
  if (!c || !x || !y || a.type() != b.type()) return std::nullopt;
  Together together({&condition, &a, &b});
  if (!together.valid) return std::nullopt;
  Host result;
  for (int64_t i = 0; i < together.count; ++i) {
    bool first = !c->ints[together.position(condition, i)].isConstant(0);
    const Host &from = first ? *x : *y;
    int64_t at = together.position(first ? a : b, i);
    if (isFloat(a.type()))
      result.floats.push_back(from.floats[at]);
    else
      result.ints.push_back(from.ints[at]);
  }
  return Tensor(a.type(), together.dims, std::move(result));
}

std::optional<Tensor> hostCast(const Node &node, const Tensor &from, DataType to) {
  const Host *host = node.host(from);
  if (!host || !isHostType(to) || (!isHostType(from.type()) && !isInteger(from.type()))) return std::nullopt;
  Host result;
  if (isFloat(from.type())) {
    for (double value : host->floats) {
      if (isFloat(to)) {
        result.floats.push_back(roundTo(to, value));
      } else if (to == DataType::Bool) {
        result.ints.push_back(value != 0 ? 1 : 0);
      } else {
        if (!(std::fabs(value) < 1e15)) return std::nullopt; // rare: left to the data
        Dim integer(static_cast<int64_t>(value));
        if (!fitsType(to, integer)) return std::nullopt;
        result.ints.push_back(integer);
      }
    }
    return Tensor(to, from.dims(), std::move(result));
  }
  for (const Dim &value : host->ints) {
    auto constant = value.constantValue();
    if (isFloat(to)) {
      if (!constant) return std::nullopt;
      result.floats.push_back(roundTo(to, double(*constant)));
    } else if (to == DataType::Bool) {
      auto zero = node.e.symbols.isEqual(value, Dim(0));
      if (!zero) return std::nullopt;
      result.ints.push_back(*zero ? 0 : 1);
    } else {
      if (!fitsType(to, value)) return std::nullopt;
      result.ints.push_back(value);
    }
  }
  return Tensor(to, from.dims(), std::move(result));
}

std::optional<Tensor> hostUnary(const Node &node, const Tensor &from, double (*op)(double),
                                Dim (*opInt)(const Dim &)) {
  if (!isHostType(from.type())) return std::nullopt;
  const Host *host = node.host(from);
  if (!host) return std::nullopt;
  Host result;
  if (isFloat(from.type())) {
    if (!op) return std::nullopt;
    for (double value : host->floats) result.floats.push_back(roundTo(from.type(), op(value)));
  } else {
    if (!opInt) return std::nullopt;
    for (const Dim &value : host->ints) {
      result.ints.push_back(opInt(value));
      if (!fitsType(from.type(), result.ints.back())) return std::nullopt;
    }
  }
  return Tensor(from.type(), from.dims(), std::move(result));
}

std::optional<Tensor> hostMove(const Node &node, const Tensor &from, const Dims &dims,
                               llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)> source) {
  const Host *host = node.host(from);
  if (!host) return std::nullopt;
  int64_t count = 1;
  for (const Dim &dim : dims) {
    auto size = dim.constantValue();
    if (!size || *size < 0 || *size > maxHostElements || (count *= *size) > maxHostElements)
      return std::nullopt;
  }
  Host result;
  llvm::SmallVector<int64_t> index(dims.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t d = dims.size(); d-- > 0;) {
      int64_t size = *dims[d].constantValue();
      index[d] = rest % size;
      rest /= size;
    }
    int64_t at = source(index);
    if (isFloat(from.type()))
      result.floats.push_back(host->floats[at]);
    else
      result.ints.push_back(host->ints[at]);
  }
  return Tensor(from.type(), dims, std::move(result));
}

std::optional<Tensor> hostReshape(const Node &node, const Tensor &from, const Dims &dims) {
  const Host *host = node.host(from);
  if (!host || !llvm::all_of(dims, [](const Dim &dim) { return dim.isConstant(); })) return std::nullopt;
  return Tensor(from.type(), dims, *host);
}

std::optional<Tensor> hostConcat(const Node &node, llvm::ArrayRef<Tensor> parts, int64_t axis) {
  Dims dims = parts[0].dims();
  Dim total(0);
  for (const Tensor &part : parts) {
    if (!node.host(part) || part.dims().size() != dims.size() || part.type() != parts[0].type())
      return std::nullopt;
    total = total + part.dims()[axis];
  }
  dims[axis] = total;
  int64_t outer = 1;
  for (int64_t i = 0; i < axis; ++i) outer *= *dims[i].constantValue();
  Host result;
  for (int64_t o = 0; o < outer; ++o)
    for (const Tensor &part : parts) {
      const Host &host = *node.host(part);
      int64_t run = part.elementCount() / std::max<int64_t>(outer, 1);
      for (int64_t i = o * run; i < (o + 1) * run; ++i) {
        if (isFloat(part.type()))
          result.floats.push_back(host.floats[i]);
        else
          result.ints.push_back(host.ints[i]);
      }
    }
  if (result.ints.size() + result.floats.size() > size_t(maxHostElements)) return std::nullopt;
  return Tensor(parts[0].type(), dims, std::move(result));
}

} // namespace dlc::import
