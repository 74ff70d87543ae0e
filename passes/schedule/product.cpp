#include "passes/schedule/product.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

Dim productOf(ArrayRef<Dim> dims, ArrayRef<int64_t> which) {
  Dim result(1);
  for (int64_t d : which) result = result * dims[d];
  return result;
}

SmallVector<int64_t> freeDims(size_t rank, ArrayRef<int64_t> batch, ArrayRef<int64_t> contract) {
  SmallVector<int64_t> free;
  for (size_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(batch, int64_t(d)) && !llvm::is_contained(contract, int64_t(d)))
      free.push_back(int64_t(d));
  return free;
}

// Writes the parts of a flat position into the coordinates of the dims it was flattened from.
void scatter(Emitter::Coords &coords, ArrayRef<Dim> dims, ArrayRef<int64_t> which, const Dim &position) {
  SmallVector<Dim> extents;
  for (int64_t d : which) extents.push_back(dims[d]);
  auto parts = delinearize(position, extents);
  for (auto [d, part] : llvm::zip(which, parts)) coords[d] = part;
}

Product productOfDot(graph::DotOp dot) {
  Product p;
  p.lhs = dot.getLhs(), p.rhs = dot.getRhs(), p.result = dot.getResult();
  SmallVector<Dim> lhs = graph::dimsOf(p.lhs), rhs = graph::dimsOf(p.rhs);
  SmallVector<int64_t> lhsBatch(dot.getLhsBatch()), rhsBatch(dot.getRhsBatch()),
      lhsContract(dot.getLhsContract()), rhsContract(dot.getRhsContract());
  auto lhsFree = freeDims(lhs.size(), lhsBatch, lhsContract),
       rhsFree = freeDims(rhs.size(), rhsBatch, rhsContract);
  p.batch = productOf(lhs, lhsBatch), p.m = productOf(lhs, lhsFree), p.n = productOf(rhs, rhsFree);
  p.k = productOf(lhs, lhsContract);
  p.lhsRun = lhsFree.empty() ? Dim(1) : lhs[lhsFree.back()];
  p.rhsRun = rhsFree.empty() ? Dim(1) : rhs[rhsFree.back()];
  p.operandAt = [=](bool isLhs, Dim batch, Dim row, Dim k, SmallVector<Dim> &) {
    ArrayRef<Dim> dims = isLhs ? lhs : rhs;
    Emitter::Coords coords(dims.size());
    scatter(coords, dims, isLhs ? lhsBatch : rhsBatch, batch);
    scatter(coords, dims, isLhs ? lhsFree : rhsFree, row);
    // Contracted dims pair up by position.
    scatter(coords, dims, isLhs ? lhsContract : rhsContract, k);
    return coords;
  };
  p.resultAt = [=](Dim batch, Dim row, Dim column) {
    Emitter::Coords coords;
    auto add = [&](ArrayRef<Dim> dims, ArrayRef<int64_t> which, const Dim &position) {
      SmallVector<Dim> extents;
      for (int64_t d : which) extents.push_back(dims[d]);
      coords.append(delinearize(position, extents));
    };
    add(lhs, lhsBatch, batch);
    add(lhs, lhsFree, row);
    add(rhs, rhsFree, column);
    return coords;
  };
  return p;
}

// A convolution as a product: m are a group's output channels, n the output positions of all images, k the
// group's input channels and the taps, batch the groups. The input is read through the access map of its
// windows, never materialised.
Product productOfConv(graph::ConvOp conv) {
  Product p;
  p.lhs = conv.getFilter(), p.rhs = conv.getInput(), p.result = conv.getResult();
  SmallVector<Dim> filter = graph::dimsOf(p.lhs), input = graph::dimsOf(p.rhs), out = graph::dimsOf(p.result);
  SmallVector<int64_t> strides(conv.getStrides()), dilations(conv.getDilations());
  SmallVector<Dim> low(conv.getLow().getDims());
  p.batch = Dim(conv.getGroups());
  p.m = *exactDivide(filter[0], p.batch);
  SmallVector<Dim> positions{out[0]}, taps{filter[1]};
  positions.append(out.begin() + 2, out.end());
  taps.append(filter.begin() + 2, filter.end());
  p.n = graph::elementCount(positions), p.k = graph::elementCount(taps);
  p.lhsRun = p.m, p.rhsRun = positions.back();
  Dim perGroup = p.m, channels = filter[1];
  p.operandAt = [=](bool isLhs, Dim batch, Dim row, Dim k, SmallVector<Dim> &guards) {
    auto tap = delinearize(k, taps);
    Emitter::Coords coords;
    if (isLhs) {
      coords.push_back(batch * perGroup + row);
      coords.append(tap.begin(), tap.end());
      return coords;
    }
    auto at = delinearize(row, positions);
    coords.push_back(at[0]);
    coords.push_back(batch * channels + tap[0]);
    for (size_t d = 0; d < strides.size(); ++d) {
      Dim place = at[d + 1] * strides[d] + tap[d + 1] * dilations[d] - low[d];
      guards.push_back(place);
      guards.push_back(input[d + 2] - 1 - place);
      coords.push_back(place);
    }
    return coords;
  };
  p.resultAt = [=](Dim batch, Dim row, Dim column) {
    auto at = delinearize(column, positions);
    Emitter::Coords coords{at[0], batch * perGroup + row};
    coords.append(at.begin() + 1, at.end());
    return coords;
  };
  return p;
}

} // namespace

std::optional<Product> matchProduct(const CanonicalRegion &region, const TargetRecord &target) {
  Operation *hero = nullptr;
  bool fits = true;
  region.function().walk([&](Operation *op) {
    if (isa<graph::ReduceOp, graph::WindowOp>(op)) fits = false;
    if (!isa<graph::DotOp, graph::ConvOp>(op)) return;
    fits &= !hero;
    hero = op;
  });
  if (!fits || !hero) return std::nullopt;
  auto dot = dyn_cast<graph::DotOp>(hero);
  Product p = dot ? productOfDot(dot) : productOfConv(cast<graph::ConvOp>(hero));
  // Few channels of a group (depthwise) would leave the instruction's rows empty.
  if (!dot && !region.facts.proveLessEqual(Dim(8), p.m)) return std::nullopt;
  Type element = graph::elementTypeOf(p.lhs);
  bool tf32 = (dot ? dot.getPrecision() : cast<graph::ConvOp>(hero).getPrecision()) == "tf32";
  p.split = element.isF32() && !tf32;
  // Three products on tensor cores against one on the FMA units.
  if (p.split && target.tf32TensorTflops < 3 * target.fp32Tflops) return std::nullopt;
  p.kind = tile::findDotKind(element.isF16()    ? "f16"
                             : element.isBF16() ? "bf16"
                             : element.isF32()  ? "tf32"
                                                : "");
  if (!p.kind) return std::nullopt;
  return p;
}

} // namespace dlc::schedule
