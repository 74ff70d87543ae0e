// Shapes: reading them, and the same elements under other dims.
#include "compiler/import/host.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

void shape(Node &n) {
  int64_t rank = n.rank(0);
  auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  int64_t start = clamp(n.intAttr("start", 0)), end = clamp(n.intAttr("end", rank));
  Host host;
  for (int64_t i = start; i < end; ++i) host.ints.push_back(n.dims(0)[i]);
  n.result(Tensor(DataType::I64, {Dim(static_cast<int64_t>(host.ints.size()))}, host));
}

void size(Node &n) {
  Host host;
  host.ints.push_back(n.e.symbols.simplify(graph::elementCount(n.dims(0))));
  n.result(Tensor(DataType::I64, {}, host));
}

void identity(Node &n) { n.result(n.in(0)); }

/// `from` under other dims, known elements included.
void reshapeTo(Node &n, const Dims &dims) {
  Dim have = graph::elementCount(n.dims(0)), want = graph::elementCount(dims);
  if (have == want)
    if (auto known = hostReshape(n, n.in(0), dims)) return n.result(*known);
  n.result(n.e.reshape(n.value(0), dims), n.type(0));
}

// An element 0 of the shape copies the operand's dim (unless allowzero), -1 takes what is left.
void reshape(Node &n) {
  bool allowZero = n.intAttr("allowzero", 0) != 0;
  std::vector<Dim> wanted = n.dimsInput(1, "the shape");
  const Dims &from = n.dims(0);
  Dims dims;
  int64_t open = -1;
  Dim rest(1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    Dim dim = wanted[i];
    if (dim.isConstant(0) && !allowZero) {
      if (i >= from.size())
        n.fail(Code::E0305,
               "element " + std::to_string(i) + " of the shape is 0, but the operand has fewer dims");
      dim = from[i];
    }
    if (dim.isConstant(-1)) {
      if (open >= 0) n.fail(Code::E0305, "the shape has two elements -1");
      open = static_cast<int64_t>(i);
    } else if (auto value = dim.constantValue(); value && *value < 0) {
      n.fail(Code::E0305, "the shape has a negative element " + std::to_string(*value));
    } else {
      rest = rest * dim;
    }
    dims.push_back(dim);
  }
  if (open >= 0) {
    Dim total = graph::elementCount(from);
    if (rest.isConstant(0)) n.fail(Code::E0305, "-1 beside a dim of 0 has no meaning");
    if (total.isConstant() && rest.isConstant() && *total.constantValue() % *rest.constantValue() != 0)
      n.fail(Code::E0305, "cannot reshape " + total.str() + " elements to a multiple of " + rest.str());
    auto exact = exactDivide(total, rest);
    dims[open] = n.e.symbols.simplify(exact ? *exact : floorDiv(total, rest));
  }
  reshapeTo(n, dims);
}

void flatten(Node &n) {
  int64_t rank = n.rank(0), axis = n.intAttr("axis", 1);
  if (axis < -rank || axis > rank)
    n.fail(Code::E0304,
           "axis " + std::to_string(axis) + " is outside a tensor of rank " + std::to_string(rank));
  if (axis < 0) axis += rank;
  llvm::ArrayRef<Dim> dims(n.dims(0));
  reshapeTo(n, {graph::elementCount(dims.take_front(axis)), graph::elementCount(dims.drop_front(axis))});
}

/// Axes as an attribute before opset 13, as an input from then on.
std::optional<std::vector<int64_t>> axesOf(Node &n) {
  if (n.opset < 13) return n.intsAttr("axes");
  if (!n.has(1)) return std::nullopt;
  return n.intsInput(1, "the axes");
}

void squeeze(Node &n) {
  const Dims &from = n.dims(0);
  std::vector<int64_t> axes;
  if (auto given = axesOf(n)) {
    axes = n.axes(*given, n.rank(0));
  } else {
    for (int64_t i = 0; i < n.rank(0); ++i)
      if (from[i].isConstant(1)) axes.push_back(i);
  }
  Dims dims;
  for (int64_t i = 0; i < n.rank(0); ++i) {
    if (!llvm::is_contained(axes, i))
      dims.push_back(from[i]);
    else
      n.e.symbols.unify(from[i], Dim(1), "a squeezed dim must be 1");
  }
  reshapeTo(n, dims);
}

void unsqueeze(Node &n) {
  auto given = axesOf(n);
  if (!given) n.fail(Code::E0302, "the axes are missing");
  int64_t rank = n.rank(0) + static_cast<int64_t>(given->size());
  std::vector<int64_t> axes = n.axes(*given, rank);
  Dims dims;
  size_t next = 0;
  for (int64_t i = 0; i < rank; ++i) dims.push_back(llvm::is_contained(axes, i) ? Dim(1) : n.dims(0)[next++]);
  reshapeTo(n, dims);
}

// Both ways: a dim of 1 in the shape keeps the operand's.
void expand(Node &n) {
  std::vector<Dim> wanted = n.dimsInput(1, "the shape");
  Dims shape(wanted.begin(), wanted.end());
  for (const Dim &dim : shape)
    if (dim.isConstant() && *dim.constantValue() < 0) n.fail(Code::E0305, "the shape has a negative element");
  Dims dims = n.e.symbols.broadcast({n.dims(0), shape});
  size_t lead = dims.size() - n.dims(0).size();
  auto strides = n.in(0).hasStaticDims() ? stridesOf(n.dims(0)) : llvm::SmallVector<int64_t>();
  if (n.in(0).hasStaticDims()) {
    auto known = hostMove(n, n.in(0), dims, [&](llvm::ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (size_t i = 0; i < strides.size(); ++i)
        if (!n.dims(0)[i].isConstant(1)) at += index[lead + i] * strides[i];
      return at;
    });
    if (known) return n.result(*known);
  }
  n.result(n.e.to(n.value(0), dims), n.type(0));
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Shape", 1, newest, 1, 1, anyType, shape},
    {"", "Size", 1, newest, 1, 1, anyType, size},
    {"", "Identity", 1, newest, 1, 1, anyType, identity},
    {"", "Reshape", 5, newest, 2, 2, anyType, reshape},
    {"", "Flatten", 1, newest, 1, 1, anyType, flatten},
    {"", "Squeeze", 1, newest, 1, 2, anyType, squeeze},
    {"", "Unsqueeze", 1, newest, 1, 2, anyType, unsqueeze},
    {"", "Expand", 8, newest, 2, 2, anyType, expand},
};

} // namespace

llvm::ArrayRef<OpRow> shapeOps() { return rows; }

} // namespace dlc::import
