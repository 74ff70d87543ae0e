#include "passes/schedule/product.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

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
  p.batch = graph::elementCount(lhs, lhsBatch), p.m = graph::elementCount(lhs, lhsFree),
  p.n = graph::elementCount(rhs, rhsFree);
  p.k = graph::elementCount(lhs, lhsContract);
  for (int64_t d : lhsContract) p.kDims.push_back(lhs[d]);
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

// The dim of a value that is contiguous in memory, when movement and pointwise work alone lead to an operand.
std::optional<int64_t> innermostDim(Value value) {
  SmallVector<Dim> dims = graph::dimsOf(value);
  Operation *op = value.getDefiningOp();
  if (!op) {
    for (size_t d = dims.size(); d-- > 0;)
      if (!dims[d].isConstant(1)) return int64_t(d);
    return std::nullopt;
  }
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    auto inner = innermostDim(transpose.getOperand());
    if (!inner) return std::nullopt;
    return llvm::find(transpose.getPerm(), *inner) - transpose.getPerm().begin();
  }
  if (!graph::isPointwise(op) && !isa<graph::PadOp, graph::SliceOp>(op)) return std::nullopt;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.getType()))
      if (type.getRank() == int64_t(dims.size()) && !graph::splatValue(operand))
        if (auto inner = innermostDim(operand)) return inner;
  return std::nullopt;
}

// Whether neighbouring channels of a convolution's result are neighbours in memory, in the region's first
// result.
bool storesChannelsLast(graph::ConvOp conv, Value stored) {
  SmallVector<Dim> dims = graph::dimsOf(conv.getResult()), at;
  for (size_t d = 0; d < dims.size(); ++d)
    at.push_back(dims[d].isConstant(1) ? Dim(0) : Dim::symbol("c" + std::to_string(d)));
  auto coords = forwardCoords(stored, conv.getResult(), at);
  if (!coords) return false;
  for (const Dim &coord : llvm::reverse(*coords))
    if (!coord.isConstant()) return coord.uses("c1");
  return false;
}

/// A convolution's flattened dims, the parts of k in the order in which the input lies in memory.
struct ConvDims {
  SmallVector<Dim> positions; // images and output positions
  SmallVector<Dim> k;         // channels of a group and taps, or taps and channels
  bool channelsLast;          // of k
  Dim perGroup, channels;     // outputs and inputs of a group

  // The channel, then the taps, at a place in k.
  SmallVector<Dim> tapsAt(const Dim &at) const {
    SmallVector<Dim> parts = delinearize(at, k);
    if (channelsLast) std::rotate(parts.begin(), parts.end() - 1, parts.end());
    return parts;
  }
};

// A convolution as a product of positions with outputs of a group: k are the group's input channels and the
// taps, batch the groups. The input is read through the access map of its windows, never materialised. Rows
// of the result run along what is innermost in memory: over outputs when the channels lie last, else over
// positions.
Product productOfConv(graph::ConvOp conv, Value stored) {
  SmallVector<Dim> filter = graph::dimsOf(conv.getFilter()), input = graph::dimsOf(conv.getInput()),
                   out = graph::dimsOf(conv.getResult());
  SmallVector<int64_t> strides(conv.getStrides()), dilations(conv.getDilations());
  SmallVector<Dim> low(conv.getLow().getDims());
  ConvDims dims;
  dims.channelsLast = innermostDim(conv.getInput()) == 1;
  dims.perGroup = *exactDivide(filter[0], Dim(conv.getGroups())), dims.channels = filter[1];
  dims.positions = {out[0]};
  dims.positions.append(out.begin() + 2, out.end());
  dims.k.append(filter.begin() + (dims.channelsLast ? 2 : 1), filter.end());
  if (dims.channelsLast) dims.k.push_back(filter[1]);
  bool inputFirst = storesChannelsLast(conv, stored);

  Product p;
  p.result = conv.getResult();
  p.batch = Dim(conv.getGroups()), p.k = graph::elementCount(dims.k), p.kDims = dims.k;
  p.lhs = conv.getFilter(), p.rhs = conv.getInput();
  p.m = dims.perGroup, p.n = graph::elementCount(dims.positions);
  p.lhsRun = dims.perGroup, p.rhsRun = dims.positions.back();
  if (inputFirst) std::swap(p.lhs, p.rhs), std::swap(p.m, p.n), std::swap(p.lhsRun, p.rhsRun);
  p.operandAt = [=](bool isLhs, Dim batch, Dim row, Dim k, SmallVector<Dim> &guards) {
    auto tap = dims.tapsAt(k);
    Emitter::Coords coords;
    if (isLhs != inputFirst) {
      coords.push_back(batch * dims.perGroup + row);
      coords.append(tap.begin(), tap.end());
      return coords;
    }
    auto at = delinearize(row, dims.positions);
    coords.push_back(at[0]);
    coords.push_back(batch * dims.channels + tap[0]);
    for (size_t d = 0; d < strides.size(); ++d) {
      Dim place = at[d + 1] * strides[d] + tap[d + 1] * dilations[d] - low[d];
      guards.push_back(place);
      guards.push_back(input[d + 2] - 1 - place);
      coords.push_back(place);
    }
    return coords;
  };
  p.resultAt = [=](Dim batch, Dim row, Dim column) {
    auto at = delinearize(inputFirst ? row : column, dims.positions);
    Emitter::Coords coords{at[0], batch * dims.perGroup + (inputFirst ? column : row)};
    coords.append(at.begin() + 1, at.end());
    return coords;
  };
  return p;
}

} // namespace

std::optional<Product> findProduct(const CanonicalRegion &region, std::string &why) {
  auto refuse = [&](const char *reason) {
    why = reason;
    return std::nullopt;
  };
  Operation *hero = nullptr;
  bool fits = true;
  region.function().walk([&](Operation *op) {
    if (isa<graph::ReduceOp, graph::WindowOp>(op)) fits = false;
    if (!isa<graph::DotOp, graph::ConvOp>(op)) return;
    fits &= !hero;
    hero = op;
  });
  if (!fits || !hero) return refuse("not one contraction without reductions");
  auto dot = dyn_cast<graph::DotOp>(hero);
  Value stored = region.function().getBody().front().getTerminator()->getOperand(0);
  Product p = dot ? productOfDot(dot) : productOfConv(cast<graph::ConvOp>(hero), stored);
  // Few outputs of a group (depthwise) would leave most of the instruction empty.
  if (auto conv = dyn_cast<graph::ConvOp>(hero))
    if (graph::dimsOf(conv.getFilter())[0].constantValue().value_or(0) < int64_t(8 * conv.getGroups()))
      return refuse("fewer than 8 outputs a group");
  Type element = graph::elementTypeOf(p.lhs);
  bool tf32 = (dot ? dot.getPrecision() : cast<graph::ConvOp>(hero).getPrecision()) == "tf32";
  p.split = element.isF32() && !tf32;
  p.kind = tile::findDotKind(element.isF16()    ? "f16"
                             : element.isBF16() ? "bf16"
                             : element.isF32()  ? "tf32"
                                                : "");
  if (!p.kind) return refuse("no tensor cores for this type");
  return p;
}

std::optional<Product> matchProduct(const CanonicalRegion &region, const TargetRecord &target,
                                    std::string &why) {
  auto product = findProduct(region, why);
  // Three products on tensor cores against one on the FMA units.
  if (product && product->split && target.tf32TensorTflops < 3 * target.fp32Tflops) {
    why = "three tf32 products take longer than one in fp32 on this target";
    return std::nullopt;
  }
  return product;
}

// Block b of size 32 in k = (taps along h, 3 along w, 64 channels), that is, two blocks a tap:
//
//   tap = b floordiv 2, c = b mod 2;  h = tap floordiv 3, w = tap mod 3
//   first = ((h * 3 + w) * 2 + c) * 32
//   steps: c = b - tap * 2, w = tap - h * 3
BlockPlace placeBlock(Emitter &emitter, const Product &product, const Dim &block, int64_t size) {
  BlockPlace place{block, block * size, {}};
  ArrayRef<Dim> dims = product.kDims;
  if (block.isConstant() || dims.size() < 2) return place;
  for (const Dim &dim : dims.drop_front())
    if (!dim.isConstant()) return place;
  int64_t inner = *dims.back().constantValue();
  if (inner % size) return place;
  auto scalar = [&](const Dim &value, DimRange range) {
    Dim symbol = emitter.newSymbol(emitter.evaluate(value));
    emitter.facts.declare(symbol.symbolName(), range);
    return symbol;
  };
  Dim rest = block, first(0), unit(size);
  for (size_t d = dims.size(); d-- > 1;) {
    int64_t extent = d + 1 == dims.size() ? inner / size : *dims[d].constantValue();
    if (extent == 1) continue;
    Dim quotient = floorDiv(rest, Dim(extent));
    quotient = scalar(quotient, emitter.facts.bounds(quotient));
    Dim digit = scalar(mod(rest, Dim(extent)), {0, extent - 1});
    place.steps[digit.symbolName()] = rest - quotient * extent;
    first = first + digit * unit;
    unit = unit * extent;
    rest = quotient;
  }
  place.first = first + rest * unit;
  return place;
}

bool canEmitResults(const CanonicalRegion &region, const Product &product) {
  SmallVector<Dim> dims = graph::dimsOf(product.result);
  Emitter::Coords some(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) some[d] = Dim::symbol("c" + std::to_string(d));
  return llvm::all_of(region.function().getBody().front().getTerminator()->getOperands(),
                      [&](Value value) { return forwardCoords(value, product.result, some).has_value(); });
}

} // namespace dlc::schedule
