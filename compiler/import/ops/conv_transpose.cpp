// Transposed convolution, as a convolution that gives all phases of a stride at once.
//
//   result[s * q + r] = sum over taps t with s * i + t = s * q + r + pad of input[i] * filter[t]
//
// For one phase r in [0, s) these are the taps t = r + pad + s * j, which read input[q - j]. So the phases
// are output channels of one convolution with stride 1 over q, whose filter is the given one taken apart, and
// lie side by side afterwards: no multiplication with zeros in between, and no two inputs that add to one
// result from different threads.
#include "compiler/import/node.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// One spatial dim.
struct Axis {
  Dim in, out, quotient; ///< quotient: of q, the result's dim over the stride, rounded up
  int64_t stride = 1, dilation = 1, kernel = 1, pad = 0;

  int64_t reach() const { return dilation * (kernel - 1) + 1; }
  int64_t lastJ() const { return floorDivide(reach() - 1 - pad, stride); }
  int64_t firstJ() const { return -floorDivide(stride - 1 + pad, stride); }
  int64_t window() const { return lastJ() - firstJ() + 1; }
};

/// Zeros between the entries of one dim: [d] -> [d, 1] -> [d, step] -> [d * step] -> [(d - 1) * step + 1]
Value spaced(Emit &e, Value x, int64_t dim, int64_t step) {
  if (step == 1) return x;
  Dims split = e.dims(x), flat = split;
  split.insert(split.begin() + dim + 1, Dim(1));
  llvm::SmallVector<Dim> none(split.size(), Dim(0)), behind = none;
  behind[dim + 1] = Dim(step - 1);
  x = graph::pad(e.b, e.loc, e.reshape(x, split), e.scalar(e.type(x), 0), none, behind);
  Dim last = flat[dim];
  flat[dim] = flat[dim] * step;
  return e.sliceAxis(e.reshape(x, flat), dim, Dim(0), (last - 1) * step + 1);
}

/// [C, O / groups, taps...] -> [groups, phases..., O / groups, C / groups, window...] as [O * phases, C /
/// groups, window...]
Value phases(Emit &e, Value filter, llvm::ArrayRef<Axis> axes, int64_t groups) {
  size_t rank = axes.size();
  Dims given = e.dims(filter);
  for (size_t d = 0; d < rank; ++d) filter = spaced(e, filter, 2 + d, axes[d].dilation);
  llvm::SmallVector<Dim> low(2 + rank, Dim(0)), high = low;
  Dim perGroup(*given[0].constantValue() / groups);
  Dims split = {Dim(groups), perGroup, given[1]};
  for (size_t d = 0; d < rank; ++d) {
    const Axis &a = axes[d];
    low[2 + d] = Dim(-(a.pad + a.stride * a.firstJ()));
    high[2 + d] = Dim(a.stride - 1 + a.pad + a.stride * a.lastJ() - (a.reach() - 1));
    split.append({Dim(a.window()), Dim(a.stride)});
  }
  filter = graph::pad(e.b, e.loc, filter, e.scalar(e.type(filter), 0), low, high);
  filter = e.reshape(filter, split);
  llvm::SmallVector<int64_t> perm = {0};
  for (size_t d = 0; d < rank; ++d) perm.push_back(4 + 2 * d);
  perm.append({2, 1});
  for (size_t d = 0; d < rank; ++d) perm.push_back(3 + 2 * d);
  Dim outputs = given[1] * groups;
  Dims dims;
  for (size_t d = 0; d < rank; ++d) {
    // The window runs against j.
    filter = e.sliceAxis(filter, 3 + 2 * d, Dim(axes[d].window() - 1), Dim(axes[d].window()), -1);
    outputs = outputs * axes[d].stride;
    dims.push_back(Dim(axes[d].window()));
  }
  dims.insert(dims.begin(), {outputs, perGroup});
  return e.reshape(e.transpose(filter, perm), dims);
}

/// Phases from channels to their places: [N, groups * phases * O / groups, q...] -> [N, O, result...]
Value interleaved(Emit &e, Value x, llvm::ArrayRef<Axis> axes, int64_t groups, const Dim &perGroup) {
  size_t rank = axes.size();
  Dims split = {e.dims(x)[0], Dim(groups)}, flat = {e.dims(x)[0], perGroup * groups};
  llvm::SmallVector<int64_t> perm = {0, 1, int64_t(2 + rank)};
  for (const Axis &axis : axes)
    split.push_back(Dim(axis.stride)), flat.push_back(axis.quotient * axis.stride);
  split.push_back(perGroup);
  for (size_t d = 0; d < rank; ++d) {
    split.push_back(axes[d].quotient);
    perm.append({int64_t(3 + rank + d), int64_t(2 + d)});
  }
  return e.reshape(e.transpose(e.reshape(x, split), perm), flat);
}

std::vector<int64_t> listAttr(Node &n, const char *name, size_t size, int64_t fallback, int64_t least) {
  auto given = n.intsAttr(name);
  std::vector<int64_t> list = given ? *given : std::vector<int64_t>(size, fallback);
  if (list.size() != size)
    n.fail(Code::E0304, std::string("`") + name + "` must have " + std::to_string(size) + " entries");
  for (int64_t each : list)
    if (each < least || each > (1 << 20))
      n.fail(Code::E0304, std::string("`") + name + "` is out of range: " + std::to_string(each));
  return list;
}

std::vector<Axis> readAxes(Node &n) {
  size_t rank = size_t(n.rank(0)) - 2;
  auto strides = listAttr(n, "strides", rank, 1, 1), dilations = listAttr(n, "dilations", rank, 1, 1),
       extra = listAttr(n, "output_padding", rank, 0, 0), pads = listAttr(n, "pads", 2 * rank, 0, 0);
  auto shape = n.intsAttr("output_shape");
  if (shape && shape->size() == rank + 2) shape->erase(shape->begin(), shape->begin() + 2);
  if (shape && shape->size() != rank)
    n.fail(Code::E0304, "`output_shape` must have one entry for each spatial dim");
  std::string automatic = n.stringAttr("auto_pad", "NOTSET");
  bool isSame = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  if (!isSame && automatic != "NOTSET" && automatic != "VALID" && !automatic.empty())
    n.fail(Code::E0304, "unknown `auto_pad` " + automatic);
  auto kernels = n.intsAttr("kernel_shape");
  std::vector<Axis> axes(rank);
  for (size_t d = 0; d < rank; ++d) {
    Axis &a = axes[d];
    auto kernel = n.dims(1)[2 + d].constantValue();
    if (!kernel || *kernel < 1) n.fail(Code::E0305, "the filter's spatial dims must be constant");
    if (kernels && (kernels->size() != rank || (*kernels)[d] != *kernel))
      n.fail(Code::E0305, "`kernel_shape` differs from the filter's dims");
    a.in = n.dims(0)[2 + d], a.stride = strides[d], a.dilation = dilations[d], a.kernel = *kernel;
    Dim whole = (a.in - 1) * a.stride + (extra[d] + a.reach()); // without padding
    if (shape || isSame) {
      a.out = shape ? Dim((*shape)[d]) : a.in * a.stride;
      auto total = (whole - a.out).constantValue();
      if (!total) n.fail(Code::E0306, "the padding that gives this shape depends on the input's size");
      // The odd one comes first but for SAME_UPPER; padding below zero makes the result longer at its end.
      int64_t sum = std::max<int64_t>(*total, 0);
      a.pad = automatic == "SAME_UPPER" ? sum / 2 : sum - sum / 2;
    } else {
      bool none = automatic == "VALID";
      a.pad = none ? 0 : pads[d];
      a.out = whole - (none ? 0 : pads[d] + pads[rank + d]);
    }
    a.out = n.e.symbols.simplify(a.out);
    n.e.symbols.requireNonNegative(a.out, "the padding is larger than the result");
    Dim constant = a.out - a.in * a.stride;
    a.quotient = constant.isConstant()
                     ? a.in + floorDivide(*constant.constantValue() + a.stride - 1, a.stride)
                     : n.e.symbols.simplify(ceilDiv(a.out, Dim(a.stride)));
  }
  return axes;
}

/// Padding below zero leaves elements out.
Value cropped(Emit &e, Value x, int64_t dim, Dim &low, Dim &high) {
  Dim begin = low.isConstant() && *low.constantValue() < 0 ? Dim(0) - low : Dim(0);
  Dim end = high.isConstant() && *high.constantValue() < 0 ? Dim(0) - high : Dim(0);
  if (begin.isConstant(0) && end.isConstant(0)) return x;
  low = low + begin, high = high + end;
  return e.sliceAxis(x, dim, begin, e.dims(x)[dim] - begin - end);
}

void convTranspose(Node &n) {
  Emit &e = n.e;
  if (n.type(1) != n.type(0)) n.fail(Code::E0303, "the filter has another type than the input");
  int64_t rank = n.rank(0) - 2, groups = n.intAttr("group", 1);
  if (rank < 1 || n.rank(1) != rank + 2)
    n.fail(Code::E0305, "input and filter must have as many dims, three or more");
  auto channels = n.dims(1)[0].constantValue(), perGroup = n.dims(1)[1].constantValue();
  if (!channels || !perGroup) n.fail(Code::E0305, "the filter's channels must be constant");
  if (groups < 1 || *channels % groups != 0)
    n.fail(Code::E0305, std::to_string(*channels) + " input channels do not divide into " +
                            std::to_string(groups) + " groups");
  std::vector<Axis> axes = readAxes(n);
  Dims in = n.dims(0);
  in[1] = e.symbols.unify(in[1], Dim(*channels), "input channels differ from the filter's");
  Value x = e.rename(n.value(0), in);
  llvm::SmallVector<Dim> low, high;
  for (int64_t d = 0; d < rank; ++d) {
    const Axis &a = axes[d];
    low.push_back(Dim(a.lastJ()));
    high.push_back(e.symbols.simplify(a.quotient - a.in - a.firstJ()));
    e.symbols.requireNonNegative(a.in + low.back() + high.back() - a.window(), "a result without elements");
    x = cropped(e, x, 2 + d, low.back(), high.back());
  }
  Type sum = n.has(2) ? e.accumulator(e.type(x)) : e.type(x);
  llvm::SmallVector<int64_t> ones(rank, 1);
  Value filter = phases(e, n.value(1), axes, groups);
  Value result = graph::conv(e.b, e.loc, x, filter, ones, ones, low, high, groups, sum);
  result = interleaved(e, result, axes, groups, Dim(*perGroup));
  for (int64_t d = 0; d < rank; ++d)
    if (!(e.dims(result)[2 + d] == axes[d].out)) result = e.sliceAxis(result, 2 + d, Dim(0), axes[d].out);
  if (n.has(2)) {
    if (n.type(2) != n.type(0) || n.rank(2) != 1)
      n.fail(Code::E0305, "the bias must be a vector of the input's type");
    e.symbols.unify(n.dims(2)[0], Dim(*perGroup * groups), "the bias differs from the output channels");
    Value bias = e.toFloat(n.value(2), sum);
    result = e.add(result, graph::broadcast(e.b, e.loc, bias, e.dims(result), {1}));
    result = e.toFloat(result, e.type(x));
  }
  n.result(result, n.type(0));
}

const OpRow rows[] = {
    {"", "ConvTranspose", 1, newestOpset, 2, 3, floatTypes, convTranspose},
};

} // namespace

llvm::ArrayRef<OpRow> convTransposeOps() { return rows; }

} // namespace dlc::import
