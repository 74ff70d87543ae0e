// Resize and Upsample: each axis by itself, as a weighted sum of a few taps.
//
//   result[o] = sum over k of weight[k][o] * x[index[k][o]]      (indices past the ends: the nearest element)
//
// Where the sizes of an axis are known, indices and weights are tables, computed in single precision as
// exporters and runtimes do; else they are computed from the place of the element. Repeating each element a
// whole number of times is a broadcast, which a convolution behind it reads as it lies.
#include "compiler/import/node.h"
#include "compiler/import/table.h"

#include <cmath>

namespace dlc::import {
namespace {

using namespace mlir;

enum class Mode { Nearest, Linear, Cubic };

/// What the attributes say, for all axes.
struct Rules {
  Mode mode = Mode::Nearest;
  std::string transform = "half_pixel", rounding = "round_prefer_floor";
  bool antialias = false, excludeOutside = false;
  double cubic = -0.75, extrapolation = 0;
};

/// One axis. The scale is result over operand, where it was given as a number.
struct Axis {
  int64_t dim = 0;
  Dim in, out;
  std::optional<float> scale;
  float roiStart = 0, roiEnd = 1;

  bool isKnown() const {
    constexpr int64_t longestTable = 1 << 16;
    return in.isConstant() && out.isConstant() && *out.constantValue() <= longestTable &&
           *in.constantValue() > 0;
  }
  float knownScale() const {
    return scale ? *scale : float(*out.constantValue()) / float(*in.constantValue());
  }
};

/// Taps of a known axis, one entry per element of the result each.
struct Taps {
  std::vector<std::vector<int64_t>> index;
  std::vector<std::vector<float>> weight;
  std::vector<bool> outside; ///< takes the extrapolation value

  void add(size_t tap, size_t at, size_t count, int64_t place, float factor) {
    while (index.size() <= tap) index.emplace_back(count, 0), weight.emplace_back(count, 0.0f);
    index[tap][at] = place, weight[tap][at] = factor;
  }
};

//===- Known sizes ------------------------------------------------------------------------===//

/// The place in the operand of element x of the result.
float placeOf(const Rules &rules, const Axis &axis, float x, float in, float out, float scale) {
  const std::string &how = rules.transform;
  if (how == "asymmetric") return x / scale;
  if (how == "tf_half_pixel_for_nn") return (x + 0.5f) / scale;
  if (how == "align_corners") { // the length that the scale says, which may lie between whole numbers
    float length = axis.scale ? in * *axis.scale : out;
    return length == 1 ? 0 : x * (in - 1) / (length - 1);
  }
  if (how == "pytorch_half_pixel") return out > 1 ? (x + 0.5f) / scale - 0.5f : 0;
  if (how == "half_pixel_symmetric") {
    float adjustment = out / (scale * in);
    return in / 2 * (1 - adjustment) + (x + 0.5f) / scale - 0.5f;
  }
  if (how == "tf_crop_and_resize")
    return out > 1 ? axis.roiStart * (in - 1) + x * (axis.roiEnd - axis.roiStart) * (in - 1) / (out - 1)
                   : 0.5f * (axis.roiStart + axis.roiEnd) * (in - 1);
  return (x + 0.5f) / scale - 0.5f;
}

int64_t nearestTo(const std::string &rounding, float place) {
  if (rounding == "floor") return int64_t(std::floor(place));
  if (rounding == "ceil") return int64_t(std::ceil(place));
  if (rounding == "round_prefer_ceil") return int64_t(std::floor(place + 0.5f));
  return int64_t(std::ceil(place - 0.5f));
}

/// The kernel of an interpolation at a distance.
float kernelAt(const Rules &rules, float distance) {
  float d = std::fabs(distance), a = float(rules.cubic);
  if (rules.mode == Mode::Linear) return std::max(0.0f, 1 - d);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/// How much wider the kernel of an antialiased reduction is: it covers every element that the result stands
/// for.
float stretchOf(const Rules &rules, float scale) { return rules.antialias ? std::min(scale, 1.0f) : 1; }

/// Elements of the operand on either side of a place.
int64_t radiusOf(const Rules &rules, float scale) {
  float reach = rules.mode == Mode::Cubic ? 2 : 1;
  return int64_t(std::ceil(reach / stretchOf(rules, scale)));
}

Taps tapsOf(const Rules &rules, const Axis &axis) {
  int64_t in = *axis.in.constantValue(), out = *axis.out.constantValue();
  float scale = axis.knownScale();
  Taps taps;
  taps.outside.assign(out, false);
  for (int64_t o = 0; o < out; ++o) {
    float place = placeOf(rules, axis, float(o), float(in), float(out), scale);
    if (rules.transform == "tf_crop_and_resize") taps.outside[o] = place < 0 || place > float(in - 1);
    if (rules.mode == Mode::Nearest) {
      taps.add(0, o, out, std::clamp<int64_t>(nearestTo(rules.rounding, place), 0, in - 1), 1);
      continue;
    }
    float stretch = stretchOf(rules, scale);
    int64_t radius = radiusOf(rules, scale), first = int64_t(std::floor(place)) - radius + 1;
    std::vector<float> weights;
    float sum = 0;
    for (int64_t k = 0; k < 2 * radius; ++k) {
      bool isOutside = first + k < 0 || first + k >= in;
      float each = kernelAt(rules, (float(first + k) - place) * stretch);
      weights.push_back(isOutside && rules.excludeOutside ? 0 : each);
      sum += weights.back();
    }
    bool normalise = rules.excludeOutside || rules.antialias;
    for (int64_t k = 0; k < 2 * radius; ++k)
      taps.add(k, o, out, std::clamp<int64_t>(first + k, 0, in - 1),
               normalise ? weights[k] / sum : weights[k]);
  }
  return taps;
}

//===- Sizes of the run -----------------------------------------------------------------------===//

bool isPowerOfTwo(float x) {
  int exponent;
  return std::frexp(x, &exponent) == 0.5f;
}

/// The place in the operand of each element along an axis, as f32 [out].
Value placesOf(Node &n, const Rules &rules, const Axis &axis) {
  Emit &e = n.e;
  Value x = e.cast(e.iota({axis.out}, e.i64(), 0), DataType::I64, DataType::F32);
  auto number = [&](const Dim &dim) { return e.dimValue(dim, e.f32()); };
  const std::string &how = rules.transform;
  if (how == "align_corners") { // the first element is at 0 whatever it is divided by
    Value reach = axis.scale ? e.sub(e.mul(number(axis.in), double(*axis.scale)), 1.0) : number(axis.out - 1);
    reach = e.select(e.compare(Compare::Gt, reach, e.like(reach, 0)), reach, e.like(reach, 1));
    return e.mul(x, e.div(number(axis.in - 1), reach));
  }
  Value centre = how == "asymmetric" ? x : e.add(x, 0.5);
  Value place;
  if (!axis.scale)
    place = e.mul(centre, e.div(number(axis.in), number(axis.out)));
  else if (isPowerOfTwo(*axis.scale))
    place = e.mul(centre, double(1 / *axis.scale));
  else
    place = e.div(centre, double(*axis.scale));
  if (how == "asymmetric" || how == "tf_half_pixel_for_nn") return place;
  place = e.sub(place, 0.5);
  if (how == "half_pixel_symmetric" && axis.scale) {
    Value adjustment = e.div(number(axis.out), e.mul(number(axis.in), double(*axis.scale)));
    Value centreIn = e.mul(number(axis.in), 0.5);
    place = e.add(place, e.mul(centreIn, e.sub(e.like(adjustment, 1), adjustment)));
  }
  if (how == "pytorch_half_pixel" && !n.e.symbols.isAtLeast(axis.out, 2))
    place = e.select(e.compare(Compare::Gt, e.dimValue(axis.out, e.i64()), e.scalarInt(e.i64(), 1)), place,
                     e.like(place, 0));
  return place;
}

Value rounded(Node &n, const std::string &rounding, Value place) {
  Emit &e = n.e;
  if (rounding == "floor") return e.unary<math::FloorOp>(place);
  if (rounding == "ceil") return e.unary<math::CeilOp>(place);
  if (rounding == "round_prefer_ceil") return e.unary<math::FloorOp>(e.add(place, 0.5));
  return e.unary<math::CeilOp>(e.sub(place, 0.5));
}

/// Weights of the four elements around a place, whose part behind the comma is `t`.
llvm::SmallVector<Value> cubicWeights(Emit &e, Value t, double a) {
  auto inner = [&](Value d) { // distance below 1
    return e.add(e.mul(e.mul(e.sub(e.mul(d, a + 2), a + 3), d), d), 1.0);
  };
  auto outer = [&](Value d) { // between 1 and 2
    return e.sub(e.mul(e.add(e.mul(e.sub(e.mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
  };
  Value rest = e.sub(e.like(t, 1), t);
  return {outer(e.add(t, 1.0)), inner(t), inner(rest), outer(e.add(rest, 1.0))};
}

//===- One axis ---------------------------------------------------------------------------------===//

/// `list` [out] repeated along the other dims of a tensor.
Value alongAxis(Emit &e, Value list, Value like, int64_t dim) {
  return graph::broadcast(e.b, e.loc, list, e.dims(like), {dim});
}

/// Each element `times` times in a row.
Value repeat(Emit &e, Value x, int64_t dim, int64_t times) {
  Dims wide = e.dims(x), out = wide;
  wide.insert(wide.begin() + dim + 1, Dim(times));
  out[dim] = out[dim] * times;
  llvm::SmallVector<int64_t> map;
  for (int64_t i = 0; i < int64_t(out.size()); ++i) map.push_back(i <= dim ? i : i + 1);
  return graph::reshape(e.b, e.loc, graph::broadcast(e.b, e.loc, x, wide, map), out);
}

/// How often nearest-neighbour resizing repeats each element: a whole number, or nothing.
std::optional<int64_t> repeats(const Rules &rules, const Axis &axis) {
  if (rules.mode != Mode::Nearest || rules.transform == "tf_crop_and_resize") return std::nullopt;
  auto times = exactDivide(axis.out, axis.in);
  if (!times || !times->isConstant() || *times->constantValue() < 1 || *times->constantValue() > 1024)
    return std::nullopt;
  if (axis.scale && *axis.scale != float(*times->constantValue())) return std::nullopt;
  // What holds for a short axis holds for all, unless corners are aligned.
  if (rules.transform == "align_corners" && !axis.isKnown()) return std::nullopt;
  int64_t count = *times->constantValue();
  Axis tried = axis;
  if (!axis.isKnown()) tried.in = Dim(4), tried.out = Dim(4 * count);
  Taps taps = tapsOf(rules, tried);
  for (size_t o = 0; o < taps.index[0].size(); ++o)
    if (taps.index[0][o] != int64_t(o) / count) return std::nullopt;
  return count;
}

Value weighted(Node &n, Value x, const Axis &axis, llvm::ArrayRef<Value> index,
               llvm::ArrayRef<Value> weight) {
  Emit &e = n.e;
  Value sum;
  for (size_t k = 0; k < index.size(); ++k) {
    Value picked = graph::gather(e.b, e.loc, x, index[k], axis.dim, 0);
    if (!weight.empty())
      picked = e.mul(picked, alongAxis(e, e.toFloat(weight[k], e.type(x)), picked, axis.dim));
    sum = sum ? e.add(sum, picked) : picked;
  }
  return sum;
}

Value resizeKnown(Node &n, Value x, const Rules &rules, const Axis &axis) {
  Emit &e = n.e;
  if (*axis.out.constantValue() > 0 && 2 * radiusOf(rules, axis.knownScale()) > 16)
    n.fail(Code::E0307, "resizing with more than 16 taps on an axis is not supported");
  Taps taps = tapsOf(rules, axis);
  if (taps.index.empty()) // no elements
    return e.sliceAxis(x, axis.dim, Dim(0), Dim(0));
  std::vector<Value> index, weight;
  for (size_t k = 0; k < taps.index.size(); ++k) {
    if (llvm::all_of(taps.weight[k], [](float w) { return w == 0; })) continue;
    Host places, factors;
    for (int64_t place : taps.index[k]) places.ints.push_back(Dim(place));
    factors.floats.assign(taps.weight[k].begin(), taps.weight[k].end());
    index.push_back(n.value(Tensor(DataType::I32, {axis.out}, places)));
    if (rules.mode != Mode::Nearest) weight.push_back(n.value(Tensor(DataType::F32, {axis.out}, factors)));
  }
  Value result = weighted(n, x, axis, index, weight);
  if (llvm::none_of(taps.outside, [](bool is) { return is; })) return result;
  Host outside;
  for (bool is : taps.outside) outside.ints.push_back(Dim(is ? 1 : 0));
  Value mask = n.value(Tensor(DataType::Bool, {axis.out}, outside));
  return e.select(alongAxis(e, mask, result, axis.dim), e.like(result, rules.extrapolation), result);
}

Value resizeAtRun(Node &n, Value x, const Rules &rules, const Axis &axis) {
  Emit &e = n.e;
  if (rules.antialias || rules.excludeOutside || rules.transform == "tf_crop_and_resize")
    n.fail(Code::E0306, "`antialias`, `exclude_outside` and tf_crop_and_resize need sizes that are known at "
                        "compile time");
  auto toIndex = [&](Value place) { return e.cast(place, DataType::F32, DataType::I32); };
  if (rules.mode == Mode::Nearest) {
    // Exact for sizes: in / out has no error that could round to another element.
    if (rules.transform == "asymmetric" && rules.rounding == "floor" && !axis.scale) {
      Value place = e.mul(e.iota({axis.out}, e.i64(), 0), e.dimValue(axis.in, e.i64()));
      return weighted(n, x, axis, {e.div(place, e.dimValue(axis.out, e.i64()))}, {});
    }
    return weighted(n, x, axis, {toIndex(rounded(n, rules.rounding, placesOf(n, rules, axis)))}, {});
  }
  Value place = placesOf(n, rules, axis), low = e.unary<math::FloorOp>(place), t = e.sub(place, low);
  Value first = toIndex(low);
  if (rules.mode == Mode::Linear)
    return weighted(n, x, axis, {first, e.add(first, 1.0)}, {e.sub(e.like(t, 1), t), t});
  return weighted(n, x, axis, {e.sub(first, 1.0), first, e.add(first, 1.0), e.add(first, 2.0)},
                  cubicWeights(e, t, rules.cubic));
}

Value resizeAxis(Node &n, Value x, const Rules &rules, const Axis &axis) {
  bool isIdentity = axis.in == axis.out && (!axis.scale || *axis.scale == 1) &&
                    rules.transform != "tf_crop_and_resize" && rules.transform != "tf_half_pixel_for_nn";
  if (isIdentity) return x;
  if (auto times = repeats(rules, axis)) return repeat(n.e, x, axis.dim, *times);
  return axis.isKnown() ? resizeKnown(n, x, rules, axis) : resizeAtRun(n, x, rules, axis);
}

//===- The operators ---------------------------------------------------------------------------===//

/// floor(dim * scale). A scale is a float that stands for a ratio, most often of small numbers.
Dim scaled(Node &n, const Dim &dim, float scale) {
  if (!(scale > 0) || scale > 65536) n.fail(Code::E0304, "a scale is out of range");
  if (auto known = dim.constantValue()) return Dim(int64_t(std::floor(float(*known) * scale)));
  for (int64_t q = 1; q <= 4096; ++q) {
    double p = std::round(double(scale) * double(q));
    if (p >= 1 && float(p / double(q)) == scale)
      return n.e.symbols.simplify(floorDiv(dim * int64_t(p), Dim(q)));
  }
  n.fail(Code::E0306,
         "the scale " + std::to_string(scale) + " of a dim that is not known is no ratio of small numbers");
}

std::vector<float> scalesInput(Node &n, size_t input) {
  const Host *host = n.host(input);
  if (!host) n.fail(Code::E0306, "the scales must be known at compile time");
  return std::vector<float>(host->floats.begin(), host->floats.end());
}

/// Sizes that keep the ratio of the sides: one scale for all axes.
void keepRatio(Node &n, std::vector<Axis> &axes, const std::string &policy) {
  std::optional<float> scale;
  for (const Axis &axis : axes) {
    if (!axis.in.isConstant() || !axis.out.isConstant())
      n.fail(Code::E0306, "`keep_aspect_ratio_policy` needs sizes that are known at compile time");
    float each = axis.knownScale();
    scale = !scale ? each : policy == "not_larger" ? std::min(*scale, each) : std::max(*scale, each);
  }
  for (Axis &axis : axes) {
    axis.out = Dim(int64_t(std::floor(*scale * float(*axis.in.constantValue()) + 0.5f)));
    axis.scale = *scale;
  }
}

void resizeAxes(Node &n, const Rules &rules, llvm::ArrayRef<Axis> axes) {
  if (rules.mode != Mode::Nearest && !isFloat(n.type(0)))
    n.fail(Code::E0303, "interpolation of " + typeName(n.type(0)) + " is not supported");
  Value x = rules.mode == Mode::Nearest ? n.value(0) : n.e.widen(n.value(0));
  for (const Axis &axis : axes) x = resizeAxis(n, x, rules, axis);
  if (isFloat(n.type(0))) x = n.e.toFloat(x, n.elementType(n.type(0)));
  n.result(x, n.type(0));
}

Mode readMode(Node &n) {
  std::string mode = n.stringAttr("mode", "nearest");
  if (mode == "nearest") return Mode::Nearest;
  if (mode == "linear" || mode == "bilinear") return Mode::Linear;
  if (mode == "cubic") return Mode::Cubic;
  n.fail(Code::E0304, "unknown mode `" + mode + "`");
}

/// One axis per scale, all dims in order.
std::vector<Axis> scaledAxes(Node &n, llvm::ArrayRef<float> scales, llvm::ArrayRef<int64_t> dims) {
  if (scales.size() != dims.size()) n.fail(Code::E0305, "there must be one scale for each axis");
  std::vector<Axis> axes;
  for (auto [dim, scale] : llvm::zip(dims, scales)) {
    const Dim &in = n.dims(0)[dim];
    axes.push_back({dim, in, scaled(n, in, scale), scale});
  }
  return axes;
}

llvm::SmallVector<int64_t> allDims(Node &n) {
  llvm::SmallVector<int64_t> dims;
  for (int64_t i = 0; i < n.rank(0); ++i) dims.push_back(i);
  return dims;
}

// Scales alone; a place is rounded down.
void upsample(Node &n) {
  Rules rules{readMode(n), "asymmetric", "floor"};
  std::vector<float> scales;
  if (n.proto.op_type() == "Upsample" && n.opset < 9) {
    auto given = n.floatsAttr("scales");
    if (!given) n.fail(Code::E0304, "`scales` is missing");
    scales.assign(given->begin(), given->end());
  } else {
    scales = scalesInput(n, 1);
  }
  resizeAxes(n, rules, scaledAxes(n, scales, allDims(n)));
}

Rules readRules(Node &n) {
  Rules rules;
  rules.mode = readMode(n);
  rules.transform = n.stringAttr("coordinate_transformation_mode", "half_pixel");
  rules.rounding = n.stringAttr("nearest_mode", "round_prefer_floor");
  rules.antialias = n.intAttr("antialias", 0) != 0 && rules.mode != Mode::Nearest;
  rules.excludeOutside = n.intAttr("exclude_outside", 0) != 0 && rules.mode != Mode::Nearest;
  rules.cubic = n.floatAttr("cubic_coeff_a", -0.75);
  rules.extrapolation = n.floatAttr("extrapolation_value", 0.0);
  const char *transforms[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                              "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
  if (!llvm::is_contained(transforms, rules.transform))
    n.fail(Code::E0304, "unknown `coordinate_transformation_mode` " + rules.transform);
  const char *roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  if (!llvm::is_contained(roundings, rules.rounding))
    n.fail(Code::E0304, "unknown `nearest_mode` " + rules.rounding);
  return rules;
}

bool isGiven(Node &n, size_t input) { return n.has(input) && !n.dims(input)[0].isConstant(0); }

void resize(Node &n) {
  Rules rules = readRules(n);
  llvm::SmallVector<int64_t> dims = allDims(n);
  if (auto given = n.intsAttr("axes")) {
    dims.clear();
    for (int64_t axis : *given) dims.push_back(n.axis(axis, n.rank(0)));
    n.axes(*given, n.rank(0)); // each once
  }
  std::string policy = n.stringAttr("keep_aspect_ratio_policy", "stretch");
  std::vector<Axis> axes;
  for (size_t i = 1; i < 4; ++i)
    if (n.has(i) && n.rank(i) != 1) n.fail(Code::E0305, "roi, scales and sizes must be vectors");
  if (isGiven(n, 2)) {
    axes = scaledAxes(n, scalesInput(n, 2), dims);
  } else {
    if (!n.has(3)) n.fail(Code::E0302, "neither scales nor sizes are given");
    std::vector<Dim> sizes = n.dimsInput(3, "the sizes");
    if (sizes.size() != dims.size()) n.fail(Code::E0305, "there must be one size for each axis");
    for (auto [dim, size] : llvm::zip(dims, sizes)) {
      if (size.isConstant() && *size.constantValue() < 0) n.fail(Code::E0305, "a size is negative");
      axes.push_back({dim, n.dims(0)[dim], size, std::nullopt});
    }
    if (policy != "stretch") keepRatio(n, axes, policy);
  }
  if (rules.transform == "tf_crop_and_resize") {
    const Host *roi = n.host(1);
    if (!roi || roi->floats.size() != 2 * axes.size())
      n.fail(Code::E0306, "the region of interest must be known at compile time");
    for (size_t i = 0; i < axes.size(); ++i)
      axes[i].roiStart = float(roi->floats[i]), axes[i].roiEnd = float(roi->floats[axes.size() + i]);
    // In parts of the operand; farther away places would be no numbers.
    if (llvm::any_of(roi->floats, [](double x) { return !(std::fabs(x) <= 1 << 20); }))
      n.fail(Code::E0304, "`roi` has corners that are out of range");
  }
  resizeAxes(n, rules, axes);
}

constexpr int newest = newestOpset;
const OpRow rows[] = {
    {"", "Upsample", 7, 9, 1, 2, anyType, upsample},
    {"", "Resize", 10, 10, 2, 2, anyType, upsample},
    {"", "Resize", 11, newest, 1, 4, anyType, resize},
};

} // namespace

llvm::ArrayRef<OpRow> resizeOps() { return rows; }

} // namespace dlc::import
