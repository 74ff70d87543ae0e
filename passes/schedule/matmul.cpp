// The family of matrix products on tensor cores (mma.sync): dot with whatever precedes and follows it.
//
// C[b, m, n] = sum over k of A[b, m, k] * B[b, k, n], with batch dims flattened to b, free dims to m and n,
// contracted dims to k. A CTA computes one tile of C. The k loop runs over blocks held in shared memory,
// several stages deep:
//
//   for each of the first stages - 1 blocks: copy A, B; commit
//   for kt in blocks:  wait;  copy block kt + stages - 1; commit;  for each k step: fragments, multiply
//   emit the results from the tile of C and store them
//
// Operands that are plain memory under movement (transposed, sliced, padded, reshaped) are copied
// asynchronously through their access maps; others are computed in registers and stored. Results are emitted
// in the layout of C: epilogues cost no memory.
#include "ir/tile/dot_kinds.h"
#include "passes/schedule/families.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

/// C[b, m, n] = sum over k of A[b, m, k] * B[b, k, n]: the flattened dims of a dot or a convolution, and
/// where elements lie.
struct Product {
  Value lhs, rhs, result;
  Dim batch, m, n, k;
  Dim lhsRun,
      rhsRun; // extents of the innermost dims of m and n: rows that are neighbours in memory, if any are
  const tile::DotKind *kind;
  bool split; // three tf32 products for one of fp32
  /// The coordinates of an operand's element; conditions under which it is not zero are added to `guards`.
  std::function<Emitter::Coords(bool isLhs, Dim batch, Dim row, Dim k, SmallVector<Dim> &guards)> operandAt;
  std::function<Emitter::Coords(Dim batch, Dim row, Dim column)> resultAt;
};

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

/// The choices of a kernel.
struct Tiling {
  int64_t m, n, k, stages, warpsM, warpsN;
  int64_t warps() const { return warpsM * warpsN; }
};

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

// Modelled time of a tiling in units of one SM's mma throughput, for the sizes the facts allow (symbols at a
// middling value).
double costOf(const Tiling &t, const Product &p, int64_t batch, int64_t m, int64_t n, int64_t k,
              const TargetRecord &target) {
  double tiles = double(batch) * (roundUp(m, t.m) / t.m) * (roundUp(n, t.n) / t.n);
  // Small tiles reuse less of what they read: their inner loop is bound by shared memory.
  double efficiency = std::min(1.0, 0.35 + 0.65 * double(t.m * t.n) / (128.0 * 128.0));
  double perSm = std::max(1.0, 8.0 / double(t.warps()));
  double waves = std::ceil(tiles / (target.sms * std::min(perSm, std::max(1.0, tiles / target.sms))));
  double tile = double(t.m) * t.n * (double(roundUp(k, t.k)) + 64.0) / efficiency;
  return waves * tile * std::min(perSm, std::max(1.0, tiles / target.sms));
}

int64_t sampleValue(const Dim &dim, const DimFacts &facts) {
  std::map<std::string, int64_t> values;
  for (const std::string &symbol : dim.symbols()) {
    DimRange range = facts.range(symbol);
    values[symbol] = std::clamp<int64_t>(128, std::max<int64_t>(range.lo, 1), std::max<int64_t>(range.hi, 1));
  }
  return std::max<int64_t>(1, dim.evaluate(values).value_or(1 << 20));
}

Tiling chooseTiling(const Product &p, const CanonicalRegion &region, const TargetRecord &target) {
  static const Tiling candidates[] = {{128, 128, 32, 4, 2, 4}, {128, 64, 32, 4, 2, 2}, {64, 128, 32, 4, 2, 2},
                                      {64, 64, 32, 4, 2, 2},   {64, 32, 32, 4, 2, 2},  {32, 64, 32, 4, 2, 2},
                                      {32, 32, 32, 4, 2, 2},   {16, 64, 64, 4, 1, 4},  {16, 32, 64, 4, 1, 4}};
  int64_t batch = sampleValue(p.batch, region.facts), m = sampleValue(p.m, region.facts),
          n = sampleValue(p.n, region.facts), k = sampleValue(p.k, region.facts);
  const Tiling *best = nullptr;
  double bestCost = 0;
  for (const Tiling &t : candidates) {
    // Splitting doubles the fragments held in registers.
    if (p.split && t.m * t.n > 64 * 64) continue;
    double cost = costOf(t, p, batch, m, n, k, target);
    if (best && cost >= bestCost) continue;
    best = &t, bestCost = cost;
  }
  Tiling chosen = *best;
  if (p.kind->elementBits == 32) chosen.k = std::max<int64_t>(16, chosen.k / 2), chosen.stages = 3;
  return chosen;
}

class MatmulKernel {
public:
  MatmulKernel(const CanonicalRegion &region, Product p, const Tiling &tiling, ModuleOp module,
               const std::string &name, int64_t bits)
      : p(p), tiling(tiling),
        grid{tiling.warpsM, tiling.warpsN, tiling.m / tiling.warpsM, tiling.n / tiling.warpsN},
        kernel(region, module, name, tiling.warps(), bits), emitter(kernel.emitter), b(kernel.b),
        region(region) {}

  Launch build() {
    placeTile();
    Value acc = mainLoop();
    emitResults(acc);
    kernel.finish();
    kernel.launch.grid = {p.batch * tilesM * tilesN, Dim(1), Dim(1)};
    kernel.launch.sharedBytes = Dim(sharedBytes);
    return std::move(kernel.launch);
  }

  /// Whether every result can be computed from the tile of C at coordinates that lead back to it.
  static bool canEmit(const CanonicalRegion &region, Product p);

private:
  /// One operand of the product: rows are m or n, in memory along k or along the rows.
  struct Side {
    Value value;
    bool isLhs;
    bool alongRows; // the stage is [k, rows]: the rows' dim is contiguous in memory
    tile::SharedType type;
    Value buffer;
  };

  // The CTA's tile: n fastest, so that neighbours share A.
  void placeTile() {
    tilesM = ceilDiv(p.m, Dim(tiling.m)), tilesN = ceilDiv(p.n, Dim(tiling.n));
    Dim id = kernel.programId(0);
    bool oneBatch = p.batch.isConstant(1);
    tileN = emitter.facts.simplify(mod(id, tilesN));
    Dim rest = floorDiv(id, tilesN);
    tileM = emitter.facts.simplify(oneBatch ? rest : mod(rest, tilesM));
    batchAt = oneBatch ? Dim(0) : emitter.facts.simplify(floorDiv(rest, tilesM));
    // As scalars of their own: every access uses them.
    tileN = scalar(tileN, tilesN);
    tileM = scalar(tileM, tilesM);
    if (!oneBatch) batchAt = scalar(batchAt, p.batch);
  }

  Dim scalar(const Dim &expr, const Dim &extent) {
    if (expr.isConstant()) return expr;
    Dim symbol = emitter.newSymbol(emitter.evaluate(expr));
    emitter.facts.declareIndex(symbol.symbolName(), extent);
    return symbol;
  }

  /// Whether an operand's memory runs along its rows rather than along k, following movement to the load.
  bool runsAlongRows(bool isLhs) {
    Dim row = Dim::symbol("i0"), k = Dim::symbol("i1");
    emitter.facts.declareIndex("i0", isLhs ? p.lhsRun : p.rhsRun);
    emitter.facts.declareIndex("i1", p.k);
    SmallVector<Dim> guards;
    auto strides = emitter.stridesOf(isLhs ? p.lhs : p.rhs, p.operandAt(isLhs, batchAt, row, k, guards));
    return strides && strides->first.isConstant(1) && !strides->second.isConstant(1);
  }

  Side makeSide(bool isLhs) {
    Side side{isLhs ? p.lhs : p.rhs, isLhs};
    side.alongRows = runsAlongRows(isLhs);
    int64_t rows = isLhs ? tiling.m : tiling.n, size = p.kind->elementBits / 8;
    Type element = graph::elementTypeOf(side.value);
    int64_t stageRows = side.alongRows ? tiling.k : rows, columns = side.alongRows ? rows : tiling.k;
    int64_t rowBytes = columns * size;
    // 32-bit fragments across rows are read element by element: padding spreads them over the banks.
    bool padded = side.alongRows && size == 4;
    int64_t swizzle = padded ? 0 : std::min<int64_t>(rowBytes, 128);
    side.type = tile::SharedType::get(b.getContext(), tiling.stages, stageRows, columns, element, swizzle,
                                      padded ? 8 : 0);
    side.buffer = tile::AllocOp::create(b, emitter.location, side.type);
    int64_t stage = stageRows * (columns + (padded ? 8 : 0)) * size;
    sharedBytes += roundUp(tiling.stages * stage, 128);
    return side;
  }

  // Starts the copy of block `kt` of an operand into a stage.
  Value copy(const Side &side, const Dim &kt, Value stage) {
    Dim tileRow = (side.isLhs ? tileM : tileN) * (side.isLhs ? tiling.m : tiling.n);
    const Dim &limit = side.isLhs ? p.m : p.n;
    std::string rowName = side.alongRows ? "i1" : "i0", kName = side.alongRows ? "i0" : "i1";
    emitter.facts.declareIndex("i0", Dim(side.type.getRows()));
    emitter.facts.declareIndex("i1", Dim(side.type.getColumns()));
    Dim row = tileRow + Dim::symbol(rowName), k = kt * tiling.k + Dim::symbol(kName);
    Space space{Layout::blocked({side.type.getRows(), side.type.getColumns()}, 1, tiling.warps()), {}};
    SmallVector<Dim> guards{limit - 1 - row, p.k - 1 - k};
    Emitter::Coords at = p.operandAt(side.isLhs, batchAt, row, k, guards);
    for (const Dim &guard : guards) {
      Dim simple = emitter.facts.simplify(guard);
      if (!emitter.facts.proveNonNegative(simple)) space.guards.push_back(simple);
    }
    return emitter.copy(side.value, at, space, side.buffer, stage);
  }

  Value fragment(const Side &side, Value stage, int64_t step) {
    Layout layout = side.isLhs ? tile::fragmentA(*p.kind, grid) : tile::fragmentB(*p.kind, grid);
    auto type = tile::tileType(layout, graph::elementTypeOf(side.value));
    int64_t at = step * p.kind->k;
    // A's tile is [m, k] and B's [k, n]; the stage is [rows, k], or [k, rows].
    bool transposed = side.isLhs == side.alongRows;
    return tile::FragmentOp::create(b, emitter.location, type, stage, side.alongRows ? at : 0,
                                    side.alongRows ? 0 : at, transposed);
  }

  Value multiply(Value a, Value bb, Value c) {
    return tile::DotOp::create(b, emitter.location, c.getType(), a, bb, c, b.getStringAttr(p.kind->name));
  }

  /// An fp32 fragment as the sum of two tf32 ones. An infinity equals its truncation and so leaves no rest
  /// (inf - inf).
  std::pair<Value, Value> splitFragment(Value x) {
    auto type = cast<RankedTensorType>(x.getType());
    auto bits = type.clone(b.getI32Type());
    Value word = arith::BitcastOp::create(b, emitter.location, bits, x);
    Value mask = arith::ConstantOp::create(
        b, emitter.location, DenseElementsAttr::get(bits, b.getI32IntegerAttr(int32_t(0xffffe000))));
    Value high = arith::BitcastOp::create(b, emitter.location, type,
                                          arith::AndIOp::create(b, emitter.location, word, mask));
    Value exact = arith::CmpFOp::create(b, emitter.location, arith::CmpFPredicate::OEQ, x, high);
    Value zero =
        arith::ConstantOp::create(b, emitter.location, DenseElementsAttr::get(type, b.getF32FloatAttr(0)));
    Value rest = arith::SubFOp::create(b, emitter.location, x, high);
    return {high, arith::SelectOp::create(b, emitter.location, exact, zero, rest)};
  }

  /// A fragment with infinities replaced by zero: for the cross terms, where the other factor is a rest that
  /// may be zero.
  Value finite(Value x) {
    auto type = cast<RankedTensorType>(x.getType());
    auto splat = [&](double v) -> Value {
      return arith::ConstantOp::create(b, emitter.location,
                                       DenseElementsAttr::get(type, b.getF32FloatAttr(float(v))));
    };
    Value inf = arith::ConstantOp::create(
        b, emitter.location,
        DenseElementsAttr::get(type, b.getFloatAttr(b.getF32Type(), APFloat::getInf(APFloat::IEEEsingle()))));
    Value isFinite = arith::CmpFOp::create(b, emitter.location, arith::CmpFPredicate::ONE,
                                           math::AbsFOp::create(b, emitter.location, x), inf);
    return arith::SelectOp::create(b, emitter.location, isFinite, x, splat(0));
  }

  Value blockProduct(const Side &lhs, const Side &rhs, Value stageA, Value stageB, Value acc) {
    Value part = acc;
    // Split products are summed per block and added once, so that the instruction's truncating accumulation
    // stays short.
    if (p.split)
      part = arith::ConstantOp::create(
          b, emitter.location,
          DenseElementsAttr::get(cast<RankedTensorType>(acc.getType()), b.getF32FloatAttr(0)));
    for (int64_t step = 0; step < tiling.k / p.kind->k; ++step) {
      Value a = fragment(lhs, stageA, step), bb = fragment(rhs, stageB, step);
      if (!p.split) {
        part = multiply(a, bb, part);
        continue;
      }
      auto [aHigh, aLow] = splitFragment(a);
      auto [bHigh, bLow] = splitFragment(bb);
      part = multiply(aLow, finite(bHigh), part);
      part = multiply(finite(aHigh), bLow, part);
      part = multiply(aHigh, bHigh, part);
    }
    if (p.split) part = arith::AddFOp::create(b, emitter.location, acc, part);
    return part;
  }

  Value mainLoop() {
    Side lhs = makeSide(true), rhs = makeSide(false);
    auto i32Constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(b, emitter.location, b.getI32IntegerAttr(value));
    };
    auto accType = tile::tileType(tile::fragmentC(grid), b.getF32Type());
    Value acc =
        arith::ConstantOp::create(b, emitter.location, DenseElementsAttr::get(accType, b.getF32FloatAttr(0)));
    SmallVector<Value> carried{acc, i32Constant(tiling.stages - 1)};
    for (int64_t s = 0; s + 1 < tiling.stages; ++s) {
      carried.push_back(copy(lhs, Dim(s), i32Constant(s)));
      carried.push_back(copy(rhs, Dim(s), i32Constant(s)));
      tile::CommitOp::create(b, emitter.location);
    }
    auto results = emitter.loop(ceilDiv(p.k, Dim(tiling.k)), carried, [&](Dim kt, ValueRange values) {
      // values: C, the stage to write, then the pending stages, oldest first.
      auto wait =
          tile::WaitOp::create(b, emitter.location,
                               TypeRange{tile::StageType::get(b.getContext(), lhs.type),
                                         tile::StageType::get(b.getContext(), rhs.type)},
                               ValueRange{values[2], values[3]}, b.getI64IntegerAttr(tiling.stages - 2));
      Value writeStage = values[1];
      Value newA = copy(lhs, kt + (tiling.stages - 1), writeStage),
            newB = copy(rhs, kt + (tiling.stages - 1), writeStage);
      tile::CommitOp::create(b, emitter.location);
      Value next = arith::AddIOp::create(b, emitter.location, writeStage, i32Constant(1));
      Value wraps = arith::CmpIOp::create(b, emitter.location, arith::CmpIPredicate::eq, next,
                                          i32Constant(tiling.stages));
      next = arith::SelectOp::create(b, emitter.location, wraps, i32Constant(0), next);
      SmallVector<Value> out{blockProduct(lhs, rhs, wait.getStages()[0], wait.getStages()[1], values[0]),
                             next};
      out.append(values.begin() + 4, values.end());
      out.push_back(newA);
      out.push_back(newB);
      return out;
    });
    // Nothing may be under way when the CTA's shared memory goes away.
    SmallVector<Value> left(results.begin() + 2, results.end());
    SmallVector<Type> types;
    for (Value pending : left)
      types.push_back(
          tile::StageType::get(b.getContext(), cast<tile::PendingType>(pending.getType()).getBuffer()));
    tile::WaitOp::create(b, emitter.location, types, left, b.getI64IntegerAttr(0));
    return results[0];
  }

  void emitResults(Value acc) {
    emitter.facts.declareIndex("i0", Dim(tiling.m));
    emitter.facts.declareIndex("i1", Dim(tiling.n));
    Dim row = tileM * tiling.m + Dim::symbol("i0"), column = tileN * tiling.n + Dim::symbol("i1");
    Space space{tile::fragmentC(grid), {}};
    for (const Dim &guard : {emitter.facts.simplify(p.m - 1 - row), emitter.facts.simplify(p.n - 1 - column)})
      if (!emitter.facts.proveNonNegative(guard)) space.guards.push_back(guard);
    Emitter::Coords at = p.resultAt(batchAt, row, column);
    Type element = graph::elementTypeOf(p.result);
    Value c = acc;
    if (!element.isF32()) {
      auto type = tile::tileType(space.layout, element);
      c = element.isF64() ? Value(arith::ExtFOp::create(b, emitter.location, type, acc))
                          : arith::TruncFOp::create(b, emitter.location, type, acc);
    }
    for (Dim &coord : at) coord = emitter.facts.simplify(coord);
    emitter.remember(p.result, at, {space.layout, {}}, c);
    func::FuncOp function = region.function();
    unsigned count = function.getNumResults();
    for (unsigned r = 0; r < count; ++r) {
      Value value = kernel.yielded(r);
      auto coords = forwardCoords(value, p.result, at);
      emitter.store(emitter.emit(value, *coords, space), kernel.resultMemory(r), *coords, space);
    }
  }

  Product p;
  Tiling tiling;
  tile::WarpGrid grid;
  KernelBuilder kernel;
  Emitter &emitter;
  OpBuilder &b;
  const CanonicalRegion &region;
  Dim tilesM, tilesN, tileM, tileN, batchAt;
  int64_t sharedBytes = 0;
};

bool MatmulKernel::canEmit(const CanonicalRegion &region, Product p) {
  func::FuncOp function = region.function();
  SmallVector<Dim> dims = graph::dimsOf(p.result);
  Emitter::Coords some(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) some[d] = Dim::symbol("c" + std::to_string(d));
  for (Value value : function.getBody().front().getTerminator()->getOperands())
    if (!forwardCoords(value, p.result, some)) return false;
  return true;
}

} // namespace

bool scheduleMatmul(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                    Scheduled &out) {
  auto product = matchProduct(region, target);
  if (!product || !MatmulKernel::canEmit(region, *product)) return false;
  // The split of fp32 is off by about 2^-22 of a product, which sequential FMA passes only after some terms.
  constexpr int64_t fewestSplitTerms = 32;
  Dim spare = product->k - fewestSplitTerms;
  if (product->split && region.facts.bounds(product->k).hi < fewestSplitTerms) return false;
  bool needsFew = product->split && !region.facts.proveNonNegative(spare);
  Tiling tiling = chooseTiling(*product, region, target);
  auto when = fitsIn32Bits(region, 1 << 20);
  if (needsFew) when.push_back(spare);
  for (int64_t bits : {32, 64}) {
    if (bits == 64 && fitsIn32Bits(region, 1 << 20).empty()) break;
    Variant variant;
    if (bits == 32) variant.when = when;
    if (bits == 64 && needsFew) variant.when = {spare};
    variant.schedule = std::string("matmul kind=") + product->kind->name + (product->split ? " split" : "") +
                       " tile=" + std::to_string(tiling.m) + "x" + std::to_string(tiling.n) + "x" +
                       std::to_string(tiling.k) + " stages=" + std::to_string(tiling.stages) +
                       " warps=" + std::to_string(tiling.warpsM) + "x" + std::to_string(tiling.warpsN) +
                       " index=i" + std::to_string(bits);
    std::string kernel = name + (bits == 64 ? "_i64" : "");
    variant.launches.push_back(MatmulKernel(region, *product, tiling, *out.module, kernel, bits).build());
    out.variants.push_back(std::move(variant));
  }
  if (needsFew) scheduleGeneral(region, target, name + "_few", out);
  return true;
}

} // namespace dlc::schedule
