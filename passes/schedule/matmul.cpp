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
// asynchronously through their access maps; others are computed in registers and stored.
//
// Where tiles are fewer than SMs and k is long, several CTAs share a tile: each takes a part of the blocks
// and leaves its sums in workspace; the last to arrive adds the parts in their order and emits the results.
#include "passes/schedule/families.h"
#include "passes/schedule/split_fragment.h"
#include "passes/schedule/tiling.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

/// The workspaces of CTAs that share a tile.
struct SplitMemory {
  unsigned sums, counters;
};

class MatmulKernel {
public:
  MatmulKernel(const CanonicalRegion &region, Product p, const Tiling &tiling, ModuleOp module,
               const std::string &name, int64_t bits, std::optional<SplitMemory> memory = {})
      : p(p), tiling(tiling), division(divide(p, tiling, region.facts)), memory(memory),
        grid{tiling.warpsM, tiling.warpsN, tiling.m / tiling.warpsM, tiling.n / tiling.warpsN},
        kernel(region, module, name, tiling.warps(), bits,
               memory ? SmallVector<unsigned>{memory->sums, memory->counters} : SmallVector<unsigned>{}),
        emitter(kernel.emitter), b(kernel.b), region(region) {}

  Launch build() {
    placeTile();
    Value acc = mainLoop();
    if (memory)
      emitter.when(leave(acc), [&] { emitResults(gather()); });
    else
      emitResults(acc);
    kernel.finish();
    kernel.launch.grid = {division.tiles() * division.parts, Dim(1), Dim(1)};
    kernel.launch.sharedBytes = Dim(sharedBytes);
    return std::move(kernel.launch);
  }

private:
  /// One operand of the product: rows are m or n, in memory along k or along the rows.
  struct Side {
    Value value;
    bool isLhs;
    bool alongRows; // the stage is [k, rows]: the rows' dim is contiguous in memory
    bool byRows;    // neither is; a row of a convolution's operand is dearer to find than a place in k
    tile::SharedType type;
    Value buffer;
  };

  // The CTA's tile: n fastest, so that neighbours share A.
  void placeTile() {
    const Dim &tilesM = division.tilesM, &tilesN = division.tilesN;
    Dim id = kernel.programId(0);
    bool oneBatch = p.batch.isConstant(1);
    if (memory) {
      emitter.facts.declareIndex(id.symbolName(), division.tiles() * division.parts);
      part = scalar(floorDiv(id, division.tiles()), division.parts);
      firstBlock = part * division.perPart;
      // One past the part's last block.
      Dim end = min(firstBlock + division.perPart, division.blocks);
      endBlock = scalar(end, division.blocks + 1);
      id = tileAt = scalar(mod(id, division.tiles()), division.tiles());
    }
    if (isWide()) return placeInGroups(id);
    tileN = emitter.facts.simplify(mod(id, tilesN));
    Dim rest = floorDiv(id, tilesN);
    tileM = emitter.facts.simplify(oneBatch ? rest : mod(rest, tilesM));
    batchAt = oneBatch ? Dim(0) : emitter.facts.simplify(floorDiv(rest, tilesM));
    // As scalars of their own: every access uses them.
    tileN = scalar(tileN, tilesN);
    tileM = scalar(tileM, tilesM);
    if (!oneBatch) batchAt = scalar(batchAt, p.batch);
  }

  // Whether a row of tiles is about as long as the device is wide: in the order of placeTile, B would be read
  // again for every row.
  bool isWide() {
    constexpr int64_t manyTiles = 48;
    return emitter.facts.proveLessEqual(Dim(manyTiles), division.tilesN) && !division.tilesM.isConstant(1);
  }

  // A few tiles along m come before n moves on: what runs at one time shares columns of B and rows of A.
  void placeInGroups(const Dim &id) {
    constexpr int64_t rowsOfGroup = 8;
    const Dim &tilesM = division.tilesM, &tilesN = division.tilesN;
    Dim inBatch = tilesM * tilesN, group = tilesN * rowsOfGroup;
    bool oneBatch = p.batch.isConstant(1);
    batchAt = oneBatch ? Dim(0) : scalar(floorDiv(id, inBatch), p.batch);
    Dim at = oneBatch ? id : scalar(mod(id, inBatch), inBatch);
    Dim first = scalar(floorDiv(at, group) * rowsOfGroup, tilesM), within = scalar(mod(at, group), group);
    // The last group may have fewer rows, the same number for all CTAs.
    Dim isFull = tilesM - rowsOfGroup - first, lastRows = mod(tilesM - 1, Dim(rowsOfGroup)) + 1;
    Value column = emitter.evaluate(floorDiv(within, Dim(rowsOfGroup)));
    Dim rows = Dim(rowsOfGroup);
    if (!emitter.facts.isMultipleOf(tilesM, Dim(rowsOfGroup))) {
      Value holds = arith::CmpIOp::create(b, emitter.location, arith::CmpIPredicate::sge,
                                          emitter.evaluate(isFull), emitter.evaluate(Dim(0)));
      Value inLast = emitter.evaluate(floorDiv(within, lastRows));
      column = arith::SelectOp::create(b, emitter.location, holds, column, inLast);
      rows = min(rows, tilesM - first);
    }
    tileN = emitter.newSymbol(column);
    emitter.facts.declareIndex(tileN.symbolName(), tilesN);
    tileM = scalar(first + within - tileN * rows, tilesM);
  }

  Dim scalar(const Dim &expr, const Dim &extent) {
    if (expr.isConstant()) return expr;
    Dim symbol = emitter.newSymbol(emitter.evaluate(expr));
    emitter.facts.declareIndex(symbol.symbolName(), extent);
    return symbol;
  }

  /// The dim of an operand along which its memory runs, following movement to the load.
  enum class Run { Rows, K, Neither };
  Run runOf(bool isLhs) {
    Dim row = Dim::symbol("i0"), k = Dim::symbol("i1");
    emitter.facts.declareIndex("i0", isLhs ? p.lhsRun : p.rhsRun);
    emitter.facts.declareIndex("i1", p.k);
    SmallVector<Dim> guards;
    auto strides = emitter.stridesOf(isLhs ? p.lhs : p.rhs, p.operandAt(isLhs, batchAt, row, k, guards));
    if (strides && strides->second.isConstant(1)) return Run::K;
    return strides && strides->first.isConstant(1) ? Run::Rows : Run::Neither;
  }

  Side makeSide(bool isLhs) {
    Side side{isLhs ? p.lhs : p.rhs, isLhs};
    Run run = runOf(isLhs);
    side.alongRows = run == Run::Rows;
    side.byRows = run == Run::Neither;
    int64_t rows = isLhs ? tiling.m : tiling.n, size = p.kind->elementBits / 8;
    Type element = graph::elementTypeOf(side.value);
    int64_t stageRows = side.alongRows ? tiling.k : rows, columns = side.alongRows ? rows : tiling.k;
    int64_t rowBytes = columns * size;
    // 32-bit fragments across rows are read element by element: padding spreads them over the banks.
    bool padded = side.alongRows && size == 4;
    int64_t swizzle = padded ? 0 : std::min<int64_t>(rowBytes, 128);
    side.type = tile::SharedType::get(b.getContext(), tiling.stages, stageRows, columns, element, swizzle,
                                      padded ? 8 : 0);
    side.buffer = tile::AllocOp::create(b, emitter.location, side.type, /*overlay=*/false);
    sharedBytes += llvm::alignTo(tiling.stages * tile::sharedLayout(side.type).bytes(), 128);
    return side;
  }

  // Starts the copy of a block of an operand into a stage.
  Value copy(const Side &side, const BlockPlace &place, Value stage) {
    const Dim &kt = place.block;
    Dim tileRow = (side.isLhs ? tileM : tileN) * (side.isLhs ? tiling.m : tiling.n);
    const Dim &limit = side.isLhs ? p.m : p.n;
    std::string rowName = side.alongRows ? "i1" : "i0", kName = side.alongRows ? "i0" : "i1";
    emitter.facts.declareIndex("i0", Dim(side.type.getRows()));
    emitter.facts.declareIndex("i1", Dim(side.type.getColumns()));
    Dim row = tileRow + Dim::symbol(rowName), k = place.first + Dim::symbol(kName);
    Space space{Layout::blocked({side.type.getRows(), side.type.getColumns()}, 1, tiling.warps()), {}};
    SmallVector<Dim> guards;
    // In whole blocks the loop's end is one condition for all threads.
    bool isWhole = emitter.facts.isMultipleOf(p.k, Dim(tiling.k));
    if (!isWhole) guards.push_back(p.k - 1 - k);
    if (memory)
      guards.push_back(endBlock - 1 - kt); // the rest is another CTA's
    else if (isWhole)
      guards.push_back(division.blocks - 1 - kt);
    // Rows past the end reach no result that is stored. Where a whole piece of memory belongs to one row, the
    // last row stands in for them, and the loop needs no condition.
    Dim isRow = emitter.facts.simplify(limit - 1 - row);
    if (side.alongRows)
      guards.push_back(isRow);
    else if (!emitter.facts.proveNonNegative(isRow))
      row = min(row, limit - 1);
    Emitter::Coords at = p.operandAt(side.isLhs, batchAt, row, k, guards);
    for (Dim &coord : at) coord = emitter.facts.simplify(coord).substitute(place.steps);
    for (const Dim &guard : guards) {
      Dim simple = emitter.facts.simplify(guard);
      if (!emitter.facts.proveNonNegative(simple)) space.guards.push_back(simple);
    }
    return emitter.copy(side.value, at, space, side.buffer, stage, side.byRows);
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
      SplitFragment left = splitFragment(b, emitter.location, a),
                    right = splitFragment(b, emitter.location, bb);
      part = multiply(left.low, finiteFragment(b, emitter.location, right.high), part);
      part = multiply(finiteFragment(b, emitter.location, left.high), right.low, part);
      part = multiply(left.high, right.high, part);
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
      BlockPlace place = placeBlock(emitter, p, firstBlock + s, tiling.k);
      carried.push_back(copy(lhs, place, i32Constant(s)));
      carried.push_back(copy(rhs, place, i32Constant(s)));
      tile::CommitOp::create(b, emitter.location);
    }
    auto results = emitter.loop(
        memory ? endBlock - firstBlock : division.blocks, carried,
        [&](Dim block, ValueRange values) {
          Dim kt = firstBlock + block;
          // values: C, the stage to write, then the pending stages, oldest first.
          auto wait =
              tile::WaitOp::create(b, emitter.location,
                                   TypeRange{tile::StageType::get(b.getContext(), lhs.type),
                                             tile::StageType::get(b.getContext(), rhs.type)},
                                   ValueRange{values[2], values[3]}, b.getI64IntegerAttr(tiling.stages - 2));
          Value writeStage = values[1];
          BlockPlace place = placeBlock(emitter, p, kt + (tiling.stages - 1), tiling.k);
          Value newA = copy(lhs, place, writeStage), newB = copy(rhs, place, writeStage);
          tile::CommitOp::create(b, emitter.location);
          Value next = arith::AddIOp::create(b, emitter.location, writeStage, i32Constant(1));
          Value wraps = arith::CmpIOp::create(b, emitter.location, arith::CmpIPredicate::eq, next,
                                              i32Constant(tiling.stages));
          next = arith::SelectOp::create(b, emitter.location, wraps, i32Constant(0), next);
          Value sum = blockProduct(lhs, rhs, wait.getStages()[0], wait.getStages()[1], values[0]);
          // What is computed in registers was loaded before the products and is stored behind them.
          for (Value pending : {newA, newB})
            if (auto fill = pending.getDefiningOp<tile::FillOp>())
              fill->moveBefore(b.getBlock(), b.getInsertionPoint());
          SmallVector<Value> out{sum, next};
          out.append(values.begin() + 4, values.end());
          out.push_back(newA);
          out.push_back(newB);
          return out;
        },
        Emitter::Unrolling::Never);
    // Nothing may be under way when the CTA's shared memory goes away.
    SmallVector<Value> left(results.begin() + 2, results.end());
    SmallVector<Type> types;
    for (Value pending : left)
      types.push_back(
          tile::StageType::get(b.getContext(), cast<tile::PendingType>(pending.getType()).getBuffer()));
    tile::WaitOp::create(b, emitter.location, types, left, b.getI64IntegerAttr(0));
    return results[0];
  }

  // The sums of parts: [tile][part][m][n].
  Memory sumsMemory() {
    Dim size(tiling.m * tiling.n);
    return {kernel.workspace(memory->sums), {division.parts * size, size, Dim(tiling.n), Dim(1)}};
  }
  Emitter::Coords sumsAt(const Dim &part) {
    emitter.facts.declareIndex("i0", Dim(tiling.m));
    emitter.facts.declareIndex("i1", Dim(tiling.n));
    return {tileAt, part, Dim::symbol("i0"), Dim::symbol("i1")};
  }

  // Leaves this part's sums; true in the last CTA of the tile.
  Value leave(Value acc) {
    emitter.store(acc, sumsMemory(), sumsAt(part), {tile::layoutOf(acc), {}});
    return tile::ArriveOp::create(b, emitter.location, kernel.workspace(memory->counters),
                                  emitter.evaluate(tileAt), emitter.evaluate(division.parts));
  }

  Value gather() {
    Space space{tile::fragmentC(grid), {}};
    TypedAttr zero = b.getF32FloatAttr(0);
    return emitter.loop(
        division.parts, ValueRange{emitter.splat(zero, space)},
        [&](Dim other, ValueRange acc) {
          Value sums = emitter.load(sumsMemory(), b.getF32Type(), sumsAt(other), space, zero);
          return SmallVector<Value>{arith::AddFOp::create(b, emitter.location, acc[0], sums)};
        },
        Emitter::Unrolling::Never)[0];
  }

  /// Whether the results' memory runs along m.
  bool resultsRunAlongM() {
    emitter.facts.declareIndex("i0", p.lhsRun);
    emitter.facts.declareIndex("i1", p.rhsRun);
    auto coords =
        forwardCoords(kernel.yielded(0), p.result, p.resultAt(batchAt, Dim::symbol("i0"), Dim::symbol("i1")));
    Dim offset(0);
    for (auto [coord, stride] : llvm::zip(*coords, kernel.resultMemory(0).strides))
      offset = offset + coord * stride;
    auto stepsByOne = [&](const std::string &index) {
      Dim next = offset.substitute({{index, Dim::symbol(index) + 1}});
      return emitter.facts.simplify(next - offset).isConstant(1);
    };
    return stepsByOne("i0") && !stepsByOne("i1");
  }

  // The results from the tile of C. It goes through shared memory, where the operands' stages were, and a
  // loop takes slices of it in the order of the results' memory: a thread works on 16 bytes of neighbours at
  // a time, so that epilogues of any length need few registers and little code, and all they load and store
  // is vectorised and coalesced.
  void emitResults(Value acc) {
    bool turned = resultsRunAlongM();
    Type element = graph::elementTypeOf(p.result);
    int64_t size = element.getIntOrFloatBitWidth() / 8, rows = turned ? tiling.n : tiling.m,
            columns = turned ? tiling.m : tiling.n, threads = tiling.warps() * 32;
    Value stage = exchange(rounded(acc, element), turned, size);
    int64_t perThread = std::min(rows * columns / threads, 32 / size), width = std::min(perThread, 16 / size);
    int64_t sliceRows = perThread * threads / columns;
    Space space{Layout::blocked({sliceRows, columns}, width, tiling.warps()), {}};
    emitter.loop(
        Dim(rows / sliceRows), {},
        [&](Dim slice, ValueRange) {
          emitSlice(stage, slice * sliceRows, turned, space);
          return SmallVector<Value>();
        },
        Emitter::Unrolling::Never);
  }

  Value rounded(Value acc, Type element) {
    auto type = tile::tileType(tile::fragmentC(grid), element);
    if (element.isF32()) return acc;
    return element.isF64() ? Value(arith::ExtFOp::create(b, emitter.location, type, acc))
                           : arith::TruncFOp::create(b, emitter.location, type, acc);
  }

  // C, or its transpose, in shared memory for every thread to read.
  Value exchange(Value c, bool turned, int64_t size) {
    // The pad keeps the banks apart of what a warp stores at once: eight rows of four pairs, or, turned,
    // eight neighbours in every other one of eight rows.
    auto type = tile::SharedType::get(b.getContext(), 1, turned ? tiling.n : tiling.m,
                                      turned ? tiling.m : tiling.n, graph::elementTypeOf(p.result), 0,
                                      turned ? std::max<int64_t>(16 / size, 1) : 8);
    Value buffer = tile::AllocOp::create(b, emitter.location, type, /*overlay=*/true);
    sharedBytes = std::max(sharedBytes,
                           (type.getRows() * (type.getColumns() + type.getPad()) * size + 127) / 128 * 128);
    Value zero = arith::ConstantOp::create(b, emitter.location, b.getI32IntegerAttr(0));
    Value pending = tile::FillOp::create(b, emitter.location, tile::PendingType::get(b.getContext(), type), c,
                                         buffer, zero, turned);
    return tile::WaitOp::create(b, emitter.location, TypeRange{tile::StageType::get(b.getContext(), type)},
                                ValueRange{pending}, b.getI64IntegerAttr(0))
        .getStages()[0];
  }

  // The results at rows `first`, ... of the tile in shared memory.
  void emitSlice(Value stage, const Dim &first, bool turned, Space space) {
    emitter.facts.declareIndex("i0", Dim(space.layout.shape()[0]));
    emitter.facts.declareIndex("i1", Dim(space.layout.shape()[1]));
    Dim along = Dim::symbol("i1"), across = first + Dim::symbol("i0");
    Dim row = tileM * tiling.m + (turned ? along : across),
        column = tileN * tiling.n + (turned ? across : along);
    for (const Dim &guard : {emitter.facts.simplify(p.m - 1 - row), emitter.facts.simplify(p.n - 1 - column)})
      if (!emitter.facts.proveNonNegative(guard)) space.guards.push_back(guard);
    Emitter::Coords at = p.resultAt(batchAt, row, column);
    for (Dim &coord : at) coord = emitter.facts.simplify(coord);
    auto type = tile::tileType(space.layout, graph::elementTypeOf(p.result));
    Value c = tile::ReadOp::create(b, emitter.location, type, stage, emitter.evaluate(first));
    emitter.remember(p.result, at, {space.layout, {}}, c);
    func::FuncOp function = region.function();
    for (unsigned r = 0; r < function.getNumResults(); ++r) {
      Value value = kernel.yielded(r);
      auto coords = forwardCoords(value, p.result, at);
      emitter.store(emitter.emit(value, *coords, space), kernel.resultMemory(r), *coords, space);
    }
  }

  Product p;
  Tiling tiling;
  Division division;
  std::optional<SplitMemory> memory; // of CTAs that share a tile
  tile::WarpGrid grid;
  KernelBuilder kernel;
  Emitter &emitter;
  OpBuilder &b;
  const CanonicalRegion &region;
  Dim tileM, tileN, batchAt;
  Dim tileAt, part, firstBlock = Dim(0),
                    endBlock; // where CTAs share a tile: which, and this one's blocks of k
  int64_t sharedBytes = 0;
};

} // namespace

bool scheduleMatmul(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                    Scheduled &out) {
  std::string why;
  auto product = matchProduct(region, target, why);
  if (!product) return out.refuse("matmul", why);
  if (!canEmitResults(region, *product))
    return out.refuse("matmul", "a result is not in the product's order");
  // The split of fp32 is off by about 2^-22 of a product, which sequential FMA passes only after some terms.
  constexpr int64_t fewestSplitTerms = 32;
  Dim spare = product->k - fewestSplitTerms;
  if (product->split && region.facts.bounds(product->k).hi < fewestSplitTerms)
    return out.refuse("matmul", "too few terms for split fp32");
  bool needsFew = product->split && !region.facts.proveNonNegative(spare);
  auto fits = fitsIn32Bits(region, 1 << 20);
  auto add = [&](const Tiling &tiling, int64_t bits, SmallVector<Dim> when, const std::string &suffix,
                 std::optional<SplitMemory> memory = {}) {
    if (needsFew) when.push_back(spare);
    Variant variant;
    variant.when = std::move(when);
    variant.schedule = std::string("matmul kind=") + product->kind->name +
                       (product->split ? " split " : " ") + tiling.str() + " index=i" + std::to_string(bits);
    MatmulKernel kernel(region, *product, tiling, *out.module, name + suffix, bits, memory);
    variant.launches.push_back(kernel.build());
    variant.parts = tiling.parts;
    variant.tile = tiling.size();
    out.variants.push_back(std::move(variant));
  };
  TileChoice choice = chooseTiling(*product, region, target, /*maySplit=*/!needsFew);
  bool served = false; // every size that 32 bits serve
  if (choice.small && choice.small->parts > 1) {
    // For as many tiles as the choice was made for: more fill the device by themselves.
    Division division = divide(*product, *choice.small, region.facts);
    Dim most(region.mostShared(target.sms, choice.small->m * choice.small->n));
    Dim tiles = min(division.tiles(), most), room = most - division.tiles();
    SplitMemory memory{unsigned(out.workspaces.size()), unsigned(out.workspaces.size() + 1)};
    int64_t bytes = choice.small->m * choice.small->n * 4;
    out.workspaces.push_back({region.facts.simplify(tiles * division.parts * bytes), /*zeroed=*/false});
    out.workspaces.push_back({region.facts.simplify(tiles * 4), /*zeroed=*/true});
    SmallVector<Dim> when = fits;
    served = region.facts.proveNonNegative(room);
    if (!served) when.push_back(room);
    add(*choice.small, 32, when, "_split", memory);
    if (!served) add(choice.large, 32, fits, "");
  } else if (choice.small) {
    SmallVector<Dim> when = fits;
    when.push_back(choice.fills);
    add(choice.large, 32, when, "");
    add(*choice.small, 32, fits, "_small");
  } else {
    add(choice.large, 32, fits, "");
  }
  if (!fits.empty()) add(choice.large.withFewerRegisters(), 64, {}, "_i64");
  if (needsFew) scheduleGeneral(region, target, name + "_few", out);
  return out.take("matmul", termsOf(served ? *choice.small : choice.large, *product, region.facts, target));
}

} // namespace dlc::schedule
