// Movement: transposes, slices, paddings, concatenation, repetition.
#include "compiler/import/host.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

void transpose(Node &n) {
  int64_t rank = n.rank(0);
  std::vector<int64_t> perm;
  if (auto given = n.intsAttr("perm"))
    perm = *given;
  else
    for (int64_t i = rank; i-- > 0;) perm.push_back(i);
  std::vector<bool> seen(rank, false);
  bool valid = perm.size() == size_t(rank);
  for (int64_t p : perm) {
    valid = valid && p >= 0 && p < rank && !seen[p];
    if (valid) seen[p] = true;
  }
  if (!valid) n.fail(Code::E0304, "`perm` is no permutation of " + std::to_string(rank) + " dims");
  if (rank <= 1) return n.result(n.in(0));
  if (n.in(0).hasStaticDims()) {
    Dims dims;
    for (int64_t p : perm) dims.push_back(n.dims(0)[p]);
    auto strides = stridesOf(n.dims(0));
    auto known = hostMove(n, n.in(0), dims, [&](llvm::ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (int64_t i = 0; i < rank; ++i) at += index[i] * strides[perm[i]];
      return at;
    });
    if (known) return n.result(*known);
  }
  n.result(n.e.transpose(n.value(0), perm), n.type(0));
}

//===- Slice ------------------------------------------------------------------------===//

/// One bound of a slice: counted from the end when negative, then clamped to [low, high].
Dim sliceBound(Node &n, const Dim &bound, const Dim &size, const Dim &low, const Dim &high) {
  constexpr int64_t farAway = int64_t(1) << 40; // INT64_MAX and the like: beyond any dim
  Symbols &symbols = n.e.symbols;
  Dim place = bound;
  if (auto constant = bound.constantValue()) {
    if (*constant >= farAway) return high;
    if (*constant <= -farAway) return low;
    if (*constant < 0) place = bound + size;
  } else if (symbols.isAtMost(bound, Dim(-1))) {
    place = bound + size;
  } else if (!symbols.isAtLeast(bound, 0)) {
    if (symbols.isAtMost(bound, Dim(0)))
      n.fail(Code::E0306, "whether the slice's bound " + bound.str() + " is below 0 is not known");
    symbols.requireNonNegative(bound, "the slice's bound " + bound.str() + " would count from the end");
  }
  return symbols.simplify(min(max(place, low), high));
}

struct Range {
  Dim begin, size;
};
Range sliceRange(Node &n, const Dim &start, const Dim &end, int64_t step, const Dim &dim) {
  if (step == 0) n.fail(Code::E0304, "a step is 0");
  constexpr int64_t longest = int64_t(1) << 40; // longer ones reach one element, as this one does
  step = std::clamp(step, -longest, longest);
  Range range;
  if (step > 0) {
    range.begin = sliceBound(n, start, dim, Dim(0), dim);
    Dim stop = sliceBound(n, end, dim, Dim(0), dim);
    range.size = max(ceilDiv(stop - range.begin, Dim(step)), Dim(0));
  } else {
    range.begin = sliceBound(n, start, dim, Dim(0), dim - 1);
    Dim stop = sliceBound(n, end, dim, Dim(-1), dim - 1);
    range.size = max(ceilDiv(range.begin - stop, Dim(-step)), Dim(0));
  }
  range.size = n.e.symbols.simplify(range.size);
  // Nothing is read: the begin may lie outside.
  if (range.size.isConstant(0)) range.begin = Dim(0);
  return range;
}

void slice(Node &n) {
  std::vector<Dim> starts, ends;
  std::vector<int64_t> axes, steps;
  auto toDims = [](const std::vector<int64_t> &list) { return std::vector<Dim>(list.begin(), list.end()); };
  if (n.opset < 10) {
    auto from = n.intsAttr("starts"), to = n.intsAttr("ends");
    if (!from || !to) n.fail(Code::E0304, "`starts` or `ends` is missing");
    starts = toDims(*from), ends = toDims(*to);
    if (auto given = n.intsAttr("axes")) axes = *given;
  } else {
    if (!n.has(2)) n.fail(Code::E0302, "`ends` is missing");
    starts = n.dimsInput(1, "the starts"), ends = n.dimsInput(2, "the ends");
    if (n.has(3)) axes = n.intsInput(3, "the axes");
    if (n.has(4)) steps = n.intsInput(4, "the steps");
  }
  if (axes.empty())
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    n.fail(Code::E0305, "starts, ends, axes and steps differ in length");
  Dims dims = n.dims(0), offsets(dims.size(), Dim(0));
  llvm::SmallVector<int64_t> strides(dims.size(), 1);
  n.axes(axes, n.rank(0)); // each once
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = n.axis(axes[i], n.rank(0));
    Range range = sliceRange(n, starts[i], ends[i], steps[i], n.dims(0)[axis]);
    dims[axis] = range.size, offsets[axis] = range.begin, strides[axis] = steps[i];
  }
  bool fixed = llvm::all_of(offsets, [](const Dim &dim) { return dim.isConstant(); });
  if (n.in(0).hasStaticDims() && fixed) {
    auto layout = stridesOf(n.dims(0));
    auto known = hostMove(n, n.in(0), dims, [&](llvm::ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (size_t i = 0; i < layout.size(); ++i)
        at += (*offsets[i].constantValue() + index[i] * strides[i]) * layout[i];
      return at;
    });
    if (known) return n.result(*known);
  }
  // One size: the step does not matter, and 1 is the plainer slice.
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i].isConstant() && *dims[i].constantValue() <= 1) strides[i] = 1;
  n.result(graph::slice(n.e.b, n.e.loc, n.value(0), offsets, strides, dims), n.type(0));
}

//===- Pad --------------------------------------------------------------------------===//

/// Reads one axis through an index tensor, for paddings longer than the operand.
Value padByIndex(Node &n, Value x, int64_t axis, const Dim &low, const Dim &high, const std::string &mode) {
  Emit &e = n.e;
  Dim size = e.dims(x)[axis];
  Value index = e.sub(e.iota({size + low + high}, e.i64(), 0), e.dimValue(low, e.i64()));
  Value period = e.dimValue(mode == "wrap" ? size : max(2 * size - 2, Dim(1)), e.i64());
  if (mode != "edge") { // floor modulo; edge needs none: gather clamps
    index = e.rem(index, period);
    index = e.select(e.compare(Compare::Lt, index, e.like(index, 0)), e.add(index, period), index);
  }
  if (mode == "reflect") index = e.min(index, e.sub(period, index));
  return graph::gather(e.b, e.loc, x, index, axis, 0);
}

/// Puts copies of the operand's own elements before and after it.
Value padAxis(Node &n, Value x, int64_t axis, const Dim &low, const Dim &high, const std::string &mode) {
  Emit &e = n.e;
  Dim size = e.dims(x)[axis];
  Dim reach = mode == "reflect" ? size - 1 : size;
  bool near =
      e.symbols.isAtMost(low, reach) && e.symbols.isAtMost(high, reach) && e.symbols.isAtLeast(size, 1);
  if (mode == "edge" || !near) return padByIndex(n, x, axis, low, high, mode);
  std::vector<Value> parts;
  if (!low.isConstant(0))
    parts.push_back(mode == "reflect" ? e.sliceAxis(x, axis, low, low, -1)
                                      : e.sliceAxis(x, axis, size - low, low));
  parts.push_back(x);
  if (!high.isConstant(0))
    parts.push_back(mode == "reflect" ? e.sliceAxis(x, axis, size - 2, high, -1)
                                      : e.sliceAxis(x, axis, Dim(0), high));
  return e.concat(parts, axis);
}

void pad(Node &n) {
  std::string mode = n.stringAttr("mode", "constant");
  int64_t rank = n.rank(0);
  std::vector<Dim> pads;
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  if (n.opset < 11) {
    auto given = n.intsAttr("pads");
    if (!given) n.fail(Code::E0304, "`pads` is missing");
    pads.assign(given->begin(), given->end());
  } else {
    if (!n.has(1)) n.fail(Code::E0302, "the pads are missing");
    pads = n.dimsInput(1, "the pads");
    if (n.has(3)) axes = n.intsInput(3, "the axes");
  }
  if (pads.size() != 2 * axes.size()) n.fail(Code::E0305, "there must be two pads for each axis");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
    n.fail(Code::E0304, "unknown mode `" + mode + "`");
  llvm::SmallVector<Dim> low(rank, Dim(0)), high(rank, Dim(0)), begin(rank, Dim(0));
  Dims cropped = n.dims(0);
  bool crops = false;
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = n.axis(axes[i], rank);
    const Dim sides[] = {pads[i], pads[axes.size() + i]};
    for (int side = 0; side < 2; ++side) {
      bool adds = n.e.symbols.isAtLeast(sides[side], 0);
      if (!adds && !n.e.symbols.isAtMost(sides[side], Dim(0))) {
        n.e.symbols.requireNonNegative(sides[side], "the pad " + sides[side].str() + " would crop");
        adds = true;
      }
      (side ? high : low)[axis] = adds ? sides[side] : Dim(0);
      if (adds) continue;
      crops = true;
      cropped[axis] = cropped[axis] + sides[side];
      if (side == 0) begin[axis] = Dim(0) - sides[side];
    }
    auto size = cropped[axis].constantValue();
    if (size && *size < 0) n.fail(Code::E0305, "negative pads leave nothing");
  }
  Value x = n.value(0);
  llvm::SmallVector<int64_t> steps(rank, 1);
  if (mode == "constant") {
    Value value;
    if (n.opset < 11)
      value = n.e.scalar(n.e.type(x), n.floatAttr("value", 0));
    else
      value = n.has(2) ? n.e.reshape(n.value(2), {}) : n.e.scalar(n.e.type(x), 0);
    if (n.e.type(value) != n.e.type(x))
      n.fail(Code::E0303, "the padding value has another type than the operand");
    if (crops) x = graph::slice(n.e.b, n.e.loc, x, begin, steps, cropped);
    return n.result(graph::pad(n.e.b, n.e.loc, x, value, low, high), n.type(0));
  }
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!low[axis].isConstant(0) || !high[axis].isConstant(0))
      x = padAxis(n, x, axis, low[axis], high[axis], mode);
  // Crops come last: what is added is copied from the whole operand.
  Dims whole = n.e.dims(x);
  for (int64_t axis = 0; axis < rank; ++axis)
    whole[axis] = n.e.symbols.simplify(cropped[axis] + low[axis] + high[axis]);
  if (crops) x = graph::slice(n.e.b, n.e.loc, x, begin, steps, whole);
  n.result(x, n.type(0));
}

//===- Concat, Split, Tile ------------------------------------------------------------===//

void concat(Node &n) {
  int64_t axis = n.axis(n.intAttr("axis"), n.rank(0));
  std::vector<Tensor> parts;
  for (size_t i = 0; i < n.inputCount(); ++i) {
    if (n.type(i) != n.type(0))
      n.fail(Code::E0303, "operands have types " + typeName(n.type(0)) + " and " + typeName(n.type(i)));
    if (n.rank(i) != n.rank(0))
      n.fail(Code::E0305,
             "operands have " + std::to_string(n.rank(0)) + " and " + std::to_string(n.rank(i)) + " dims");
    parts.push_back(n.in(i));
  }
  if (auto known = hostConcat(n, parts, axis)) return n.result(*known);
  std::vector<Value> values;
  for (const Tensor &part : parts) values.push_back(n.value(part));
  n.result(n.e.concat(values, axis), n.type(0));
}

/// The sizes of a split, given or equal.
std::vector<Dim> splitSizes(Node &n, const Dim &dim) {
  if (n.opset < 13) {
    if (auto given = n.intsAttr("split")) return std::vector<Dim>(given->begin(), given->end());
  } else if (n.has(1)) {
    return n.dimsInput(1, "the sizes");
  }
  int64_t count = n.opset >= 18 ? n.intAttr("num_outputs", n.proto.output_size()) : n.proto.output_size();
  if (count < 1 || count > 10000) n.fail(Code::E0304, "`num_outputs` is out of range");
  Dim part = n.opset >= 18 ? ceilDiv(dim, Dim(count)) : floorDiv(dim, Dim(count));
  if (auto exact = exactDivide(dim, Dim(count))) part = *exact;
  std::vector<Dim> sizes(count, part);
  if (n.opset >= 18) sizes.back() = n.e.symbols.simplify(dim - part * (count - 1));
  return sizes;
}

void split(Node &n) {
  int64_t axis = n.axis(n.intAttr("axis", 0), n.rank(0));
  Dim dim = n.dims(0)[axis];
  std::vector<Dim> sizes = splitSizes(n, dim);
  if (n.opset >= 18) n.ignoreAttrs({"num_outputs"});
  if (sizes.size() != size_t(n.proto.output_size()))
    n.fail(Code::E0305, "there are " + std::to_string(sizes.size()) + " sizes for " +
                            std::to_string(n.proto.output_size()) + " outputs");
  Dim total(0);
  for (const Dim &size : sizes) {
    if (size.isConstant() && *size.constantValue() < 0) n.fail(Code::E0305, "a size is negative");
    total = total + size;
  }
  n.e.symbols.unify(total, dim, "sizes of a split");
  Dim begin(0);
  for (const Dim &size : sizes) {
    Dims dims = n.dims(0);
    dims[axis] = size;
    if (n.in(0).hasStaticDims() && begin.isConstant()) {
      auto layout = stridesOf(n.dims(0));
      auto known = hostMove(n, n.in(0), dims, [&](llvm::ArrayRef<int64_t> index) {
        int64_t at = *begin.constantValue() * layout[axis];
        for (size_t i = 0; i < layout.size(); ++i) at += index[i] * layout[i];
        return at;
      });
      if (known) {
        n.result(*known);
        begin = begin + size;
        continue;
      }
    }
    n.result(n.e.sliceAxis(n.value(0), axis, begin, size), n.type(0));
    begin = n.e.symbols.simplify(begin + size);
  }
}

// [d] -> [1, d] -> [r, d] -> [r * d] on every repeated axis at once
void tile(Node &n) {
  std::vector<Dim> repeats = n.dimsInput(1, "the repeats");
  if (repeats.size() != size_t(n.rank(0))) n.fail(Code::E0305, "there must be one repeat for each dim");
  Dims split, spread, result;
  llvm::SmallVector<int64_t> map;
  for (size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i].isConstant() && *repeats[i].constantValue() < 0)
      n.fail(Code::E0305, "a repeat is negative");
    if (!repeats[i].isConstant(1)) spread.push_back(repeats[i]);
    map.push_back(static_cast<int64_t>(spread.size()));
    spread.push_back(n.dims(0)[i]);
    result.push_back(n.e.symbols.simplify(repeats[i] * n.dims(0)[i]));
  }
  if (n.in(0).hasStaticDims()) {
    auto layout = stridesOf(n.dims(0));
    auto known = hostMove(n, n.in(0), result, [&](llvm::ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (size_t i = 0; i < layout.size(); ++i) at += index[i] % *n.dims(0)[i].constantValue() * layout[i];
      return at;
    });
    if (known) return n.result(*known);
  }
  Value x = graph::broadcast(n.e.b, n.e.loc, n.value(0), spread, map);
  n.result(n.e.reshape(x, result), n.type(0));
}

//===- Blocks -------------------------------------------------------------------------===//

Dim divided(Node &n, const Dim &dim, int64_t by) {
  auto exact = exactDivide(dim, Dim(by));
  if (!exact && dim.isConstant())
    n.fail(Code::E0305, "dim " + dim.str() + " is no multiple of " + std::to_string(by));
  return exact ? *exact : floorDiv(dim, Dim(by));
}

void depthToSpace(Node &n) {
  int64_t s = n.intAttr("blocksize");
  std::string mode = n.stringAttr("mode", "DCR");
  if (n.rank(0) != 4 || s < 1 || s > 4096) n.fail(Code::E0305, "needs four dims and a positive block size");
  const Dims &d = n.dims(0);
  Dim depth = divided(n, d[1], s * s);
  bool first = mode == "DCR";
  if (!first && mode != "CRD") n.fail(Code::E0304, "unknown mode `" + mode + "`");
  Dims split = first ? Dims{d[0], s, s, depth, d[2], d[3]} : Dims{d[0], depth, s, s, d[2], d[3]};
  llvm::SmallVector<int64_t> perm =
      first ? llvm::SmallVector<int64_t>{0, 3, 4, 1, 5, 2} : llvm::SmallVector<int64_t>{0, 1, 4, 2, 5, 3};
  Value x = n.e.transpose(n.e.reshape(n.value(0), split), perm);
  n.result(n.e.reshape(x, {d[0], depth, d[2] * s, d[3] * s}), n.type(0));
}

void spaceToDepth(Node &n) {
  int64_t s = n.intAttr("blocksize");
  std::string mode = n.opset >= 28 ? n.stringAttr("mode", "DCR") : "DCR";
  if (n.rank(0) != 4 || s < 1 || s > 4096) n.fail(Code::E0305, "needs four dims and a positive block size");
  if (mode != "DCR" && mode != "CRD") n.fail(Code::E0304, "unknown mode `" + mode + "`");
  const Dims &d = n.dims(0);
  Dim h = divided(n, d[2], s), w = divided(n, d[3], s);
  llvm::SmallVector<int64_t> perm = mode == "DCR" ? llvm::SmallVector<int64_t>{0, 3, 5, 1, 2, 4}
                                                  : llvm::SmallVector<int64_t>{0, 1, 3, 5, 2, 4};
  Value x = n.e.transpose(n.e.reshape(n.value(0), {d[0], d[1], h, s, w, s}), perm);
  n.result(n.e.reshape(x, {d[0], d[1] * (s * s), h, w}), n.type(0));
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Transpose", 1, newest, 1, 1, anyType, transpose},
    {"", "Slice", 1, newest, 1, 5, anyType, slice},
    {"", "Pad", 2, newest, 1, 4, anyType, pad},
    {"", "Concat", 4, newest, 1, -1, anyType, concat},
    {"", "Split", 2, newest, 1, 2, anyType, split},
    {"", "Tile", 6, newest, 2, 2, anyType, tile},
    {"", "DepthToSpace", 1, newest, 1, 1, anyType, depthToSpace},
    {"", "SpaceToDepth", 1, newest, 1, 1, anyType, spaceToDepth},
};

} // namespace

llvm::ArrayRef<OpRow> movementOps() { return rows; }

} // namespace dlc::import
