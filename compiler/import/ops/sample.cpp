// GridSample: reads an image at places that are data.
//
// The spatial dims are flattened to one, so that an element is one index; each corner around a place is one
// gather, and its weight is zero where the corner lies outside and the padding is zeros.
#include "compiler/import/node.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

struct Sampling {
  std::string mode, padding;
  bool alignCorners = false;
};

/// From [-1, 1] to elements along a dim of `size`.
Value denormalised(Emit &e, Value x, const Dim &size, bool alignCorners) {
  if (alignCorners) return e.mul(e.add(x, 1.0), e.mul(e.dimValue(size - 1, e.type(x)), 0.5));
  return e.mul(e.sub(e.mul(e.add(x, 1.0), e.dimValue(size, e.type(x))), 1.0), 0.5);
}

/// Mirrored at the borders of an image until it lies inside.
Value reflected(Emit &e, Value x, const Dim &size, bool alignCorners) {
  // Corners aligned: borders at the centres of the outermost elements, else at their far edges.
  Value low = e.scalar(e.type(x), alignCorners ? 0 : -0.5);
  Value span = e.dimValue(alignCorners ? max(size - 1, Dim(1)) : size, e.type(x)), twice = e.mul(span, 2.0);
  Value away = e.abs(e.sub(x, low));
  Value phase = e.sub(away, e.mul(e.unary<math::FloorOp>(e.div(away, twice)), twice));
  return e.add(e.min(phase, e.sub(twice, phase)), low);
}

class Sampler {
public:
  Sampler(Node &n, const Sampling &rules, Value image, Value grid)
      : e(n.e), rules(rules), dims(e.dims(image)), rank(int64_t(dims.size()) - 2), type(e.type(image)) {
    llvm::ArrayRef<Dim> all(dims);
    flat = e.reshape(image, {dims[0], dims[1], graph::elementCount(all.drop_front(2))});
    Dims to = e.dims(grid);
    out.assign(to.begin(), to.end() - 1);
    for (int64_t d = 0; d < rank; ++d) { // x is the last dim and comes first
      Value part = e.sliceAxis(grid, rank + 1, Dim(rank - 1 - d), Dim(1));
      Value place = denormalised(e, e.reshape(part, out), dims[2 + d], rules.alignCorners);
      // Cubic reflects and clamps its corners, the others the place itself.
      places.push_back(rules.mode == "cubic" ? place : padded(place, d));
    }
  }

  Value sample() {
    if (rules.mode == "nearest") {
      for (Value &place : places) place = e.unary<math::RoundEvenOp>(place);
      return corner(places);
    }
    llvm::SmallVector<llvm::SmallVector<Value>> weights;
    llvm::SmallVector<Value> low;
    for (Value place : places) {
      low.push_back(e.unary<math::FloorOp>(place));
      weights.push_back(weightsAt(e.sub(place, low.back())));
    }
    int64_t taps = int64_t(weights[0].size()), count = 1;
    for (int64_t d = 0; d < rank; ++d) count *= taps;
    Value sum;
    for (int64_t k = 0; k < count; ++k) {
      llvm::SmallVector<Value> at(rank);
      Value weight;
      for (int64_t d = rank - 1, rest = k; d >= 0; rest /= taps, --d) {
        int64_t tap = rest % taps;
        at[d] = e.add(low[d], double(tap - (taps == 4 ? 1 : 0)));
        weight = weight ? e.mul(weight, weights[d][tap]) : weights[d][tap];
      }
      Value each = e.mul(corner(at), overChannels(weight));
      sum = sum ? e.add(sum, each) : each;
    }
    return sum;
  }

private:
  Value padded(Value place, int64_t d) {
    if (rules.padding == "reflection") place = reflected(e, place, dims[2 + d], rules.alignCorners);
    if (rules.padding == "zeros") return place;
    return e.min(e.max(place, 0.0), e.dimValue(dims[2 + d] - 1, e.type(place)));
  }

  llvm::SmallVector<Value> weightsAt(Value t) {
    Value rest = e.sub(e.like(t, 1), t);
    if (rules.mode == "linear") return {rest, t};
    constexpr double a = -0.75;
    auto inner = [&](Value d) { return e.add(e.mul(e.mul(e.sub(e.mul(d, a + 2), a + 3), d), d), 1.0); };
    auto outer = [&](Value d) {
      return e.sub(e.mul(e.add(e.mul(e.sub(e.mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
    };
    return {outer(e.add(t, 1.0)), inner(t), inner(rest), outer(e.add(rest, 1.0))};
  }

  /// The elements at whole numbers, one per dim.
  Value corner(llvm::ArrayRef<Value> at) {
    Value index, inside;
    for (int64_t d = 0; d < rank; ++d) {
      Value place = rules.mode == "cubic" ? padded(at[d], d) : at[d];
      Value last = e.dimValue(dims[2 + d] - 1, e.type(place));
      if (rules.padding == "zeros") {
        Value both =
            e.bitAnd(e.compare(Compare::Ge, place, e.like(place, 0)), e.compare(Compare::Le, place, last));
        inside = inside ? e.bitAnd(inside, both) : both;
      }
      place = e.min(e.max(place, 0.0), last);
      Value whole = e.cast(place, type.isF64() ? DataType::F64 : DataType::F32, DataType::I64);
      index = index ? e.add(e.mul(index, e.dimValue(dims[2 + d], e.i64())), whole) : whole;
    }
    Value picked = graph::gather(e.b, e.loc, flat, index, 2, 1);
    if (!inside) return picked;
    return e.select(overChannels(inside), picked, e.like(picked, 0));
  }

  /// [N, places...] -> [N, C, places...]
  Value overChannels(Value value) {
    Dims wide = out;
    wide.insert(wide.begin() + 1, dims[1]);
    llvm::SmallVector<int64_t> map = {0};
    for (int64_t d = 0; d < rank; ++d) map.push_back(2 + d);
    return graph::broadcast(e.b, e.loc, value, wide, map);
  }

  Emit &e;
  const Sampling &rules;
  Dims dims, out;
  int64_t rank;
  Type type;
  Value flat;
  llvm::SmallVector<Value> places;
};

void gridSample(Node &n) {
  Sampling rules;
  rules.mode = n.stringAttr("mode", n.opset < 20 ? "bilinear" : "linear");
  if (rules.mode == "bilinear" || rules.mode == "bicubic")
    rules.mode = rules.mode == "bilinear" ? "linear" : "cubic";
  rules.padding = n.stringAttr("padding_mode", "zeros");
  rules.alignCorners = n.intAttr("align_corners", 0) != 0;
  if (rules.mode != "linear" && rules.mode != "nearest" && rules.mode != "cubic")
    n.fail(Code::E0304, "unknown mode `" + rules.mode + "`");
  if (rules.padding != "zeros" && rules.padding != "border" && rules.padding != "reflection")
    n.fail(Code::E0304, "unknown `padding_mode` " + rules.padding);
  int64_t rank = n.rank(0);
  if (rank < 3 || n.rank(1) != rank)
    n.fail(Code::E0305, "image and grid must have as many dims, three or more");
  if (rules.mode == "cubic" && rank != 4) n.fail(Code::E0305, "cubic sampling needs four dims");
  if (!isFloat(n.type(1))) n.fail(Code::E0303, "the grid cannot be " + typeName(n.type(1)));
  if (!n.dims(1)[rank - 1].isConstant(rank - 2))
    n.fail(Code::E0305, "the grid's last dim must be " + std::to_string(rank - 2));
  Dims image = n.dims(0), places = n.dims(1);
  image[0] = places[0] = n.e.symbols.unify(image[0], places[0], "batches of image and grid differ");
  Value x = n.e.widen(n.e.rename(n.value(0), image));
  Value grid = n.e.toFloat(n.e.widen(n.e.rename(n.value(1), places)), n.e.type(x));
  Value result = Sampler(n, rules, x, grid).sample();
  n.result(n.e.toFloat(result, n.elementType(n.type(0))), n.type(0));
}

const OpRow rows[] = {
    {"", "GridSample", 16, newestOpset, 2, 2, floatTypes, gridSample},
};

} // namespace

llvm::ArrayRef<OpRow> sampleOps() { return rows; }

} // namespace dlc::import
