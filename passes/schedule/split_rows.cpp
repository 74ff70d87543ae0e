// Reductions of few long rows, each shared by several CTAs.
//
// A CTA reduces its part of a row and leaves the result in workspace. The CTA that arrives last at the row's
// counter reduces the parts, in their order, and goes on with what follows: results of one value per row. So
// one launch does the whole of a sum, a mean or an arg max:
//
//   acc = identity;  for chunk in my part:  acc = combine(acc, load chunk)
//   parts[row, part] = reduce acc
//   if this is the last of the row's CTAs:
//     value = reduce load parts[row, :];  emit the results from value and store them
//
// A reduction that needs another's value (a softmax's sum needs its maximum) is of the next level. Each level
// is a launch of its own, and so are results of one value per element: the value of a row that later launches
// need is left in workspace, too. No launch waits for another CTA.
//
// The order in which values are combined does not depend on the order of the CTAs: results are the same on
// every run.
#include "passes/schedule/rows.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

/// Where the launches of one variant leave what.
struct RowWorkspaces {
  struct Slots {
    unsigned parts = 0;
    std::optional<unsigned> value; ///< where later launches need it
  };
  llvm::DenseMap<Value, Slots> of; // by result of a reduction
  unsigned counters = 0;
};

/// How the work is divided.
struct RowSplit {
  Dim groups;  // tiles of rows
  Dim chunks;  // tiles of columns in a row
  Dim perPart; // of these, those of one part
  Dim parts;
};

/// The reductions that a value is computed from, without those behind other reductions.
llvm::SetVector<Operation *> reductionsBehind(ValueRange values) {
  llvm::SetVector<Operation *> found;
  llvm::SmallPtrSet<Operation *, 16> seen;
  SmallVector<Value> open(values);
  while (!open.empty()) {
    Operation *op = open.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second) continue;
    if (isa<graph::ReduceOp>(op))
      found.insert(op);
    else
      open.append(op->operand_begin(), op->operand_end());
  }
  return found;
}

/// The reductions by level: those of a level need values of lower ones only.
std::vector<SmallVector<graph::ReduceOp>> levelsOf(const Rows &match) {
  std::vector<SmallVector<graph::ReduceOp>> levels;
  llvm::DenseMap<Operation *, size_t> level;
  for (graph::ReduceOp op : match.reductions) {
    size_t mine = 0;
    for (Operation *before : reductionsBehind(op.getOperands()))
      mine = std::max(mine, level.lookup(before) + 1);
    level[op] = mine;
    if (levels.size() <= mine) levels.resize(mine + 1);
    levels[mine].push_back(op);
  }
  return levels;
}

class SplitRowsKernel : RowsKernel {
public:
  SplitRowsKernel(const CanonicalRegion &region, const Rows &match, const RowShape &shape, ModuleOp module,
                  const std::string &name, const RowSplit &split, const RowWorkspaces &memory,
                  ArrayRef<unsigned> used)
      : RowsKernel(region, match, shape, module, name, 32, used), split(split), memory(memory) {
    emitter.override = [this](Value value, const Emitter::Coords &coords, const Space &space) {
      return earlier(value, coords, space);
    };
  }

  /// A launch for one level; the last one stores the results per row.
  Launch buildLevel(ArrayRef<graph::ReduceOp> ops, bool keepValues, bool storeResults) {
    Dim part = placeTile(split.parts);
    SmallVector<Value> operands;
    for (graph::ReduceOp op : ops) operands.append(op->operand_begin(), op->operand_end());
    fetchEarlier(operands);
    storeParts(ops, accumulate(ops, part), part);
    Dim group = Dim::symbol(groupName);
    Value last = tile::ArriveOp::create(kernel.b, emitter.location, kernel.workspace(memory.counters),
                                        emitter.evaluate(group), emitter.evaluate(split.parts));
    emitter.when(last, [&] {
      combineParts(ops, keepValues);
      if (storeResults) storePerRow();
    });
    return finish(split.parts);
  }

  /// The launch for results of one value per element.
  Launch buildFull() {
    Dim chunk = placeTile(split.chunks);
    SmallVector<Value> values;
    for (unsigned r = 0; r < region.function().getNumResults(); ++r)
      if (!isPerRow(match, kernel.yielded(r))) values.push_back(kernel.yielded(r));
    fetchEarlier(values);
    storeFull(chunk * shape.columns + Dim::symbol("i1"));
    return finish(split.chunks);
  }

private:
  // This CTA's group of rows, and which of `count` CTAs of the group it is.
  Dim placeTile(const Dim &count) {
    Dim id = kernel.programId(0);
    emitter.facts.declareIndex(id.symbolName(), split.groups * count);
    auto scalar = [&](const Dim &expr, const Dim &extent) {
      Dim symbol = emitter.newSymbol(emitter.evaluate(expr));
      emitter.facts.declareIndex(symbol.symbolName(), extent);
      return symbol;
    };
    Dim group = scalar(floorDiv(id, count), split.groups);
    groupName = group.symbolName();
    placeRows(group);
    return scalar(mod(id, count), count);
  }

  Launch finish(const Dim &perGroup) {
    kernel.finish();
    kernel.launch.grid = {split.groups * perGroup, Dim(1), Dim(1)};
    return std::move(kernel.launch);
  }

  SmallVector<Value> accumulate(ArrayRef<graph::ReduceOp> ops, const Dim &part) {
    SmallVector<Value> carried;
    for (graph::ReduceOp op : ops) carried.append(identities(op));
    Dim first = part * split.perPart;
    return emitter.loop(min(split.perPart, split.chunks - first), carried, [&](Dim chunk, ValueRange acc) {
      SmallVector<Value> next;
      Dim column = (first + chunk) * shape.columns + Dim::symbol("i1");
      for (graph::ReduceOp op : ops) {
        ValueRange own = acc.slice(next.size(), op.getNumResults());
        next.append(emitter.combine(op.getCombiner(), own, elements(op, column)));
      }
      return next;
    });
  }

  // Neighbouring threads hold neighbouring parts of a row, or neighbouring rows of a part.
  Memory partsOf(Value result) {
    Value pointer = kernel.workspace(memory.of.lookup(result).parts);
    if (match.innermost) return {pointer, {split.parts, Dim(1)}};
    return {pointer, {Dim(1), match.rows}};
  }

  void storeParts(ArrayRef<graph::ReduceOp> ops, ArrayRef<Value> tiles, const Dim &part) {
    for (graph::ReduceOp op : ops) {
      unsigned count = op.getNumResults();
      SmallVector<Value> reduced = reduceTiles(op, tiles.take_front(count));
      tiles = tiles.drop_front(count);
      for (auto [result, value] : llvm::zip(op.getResults(), reduced))
        emitter.store(value, partsOf(result), {row, part}, rowSpace);
    }
  }

  // The parts of a row are a row, too.
  void combineParts(ArrayRef<graph::ReduceOp> ops, bool keepValues) {
    RowShape parts = shape;
    if (match.innermost) parts.columns = parts.warps * 32, parts.width = 1;
    layout = layoutOf(parts);
    rowSpace.layout = layout.sliceDim(1);
    emitter.facts.declareIndex("i1", Dim(parts.columns));
    for (graph::ReduceOp op : ops) {
      auto tiles = emitter.loop(
          ceilDiv(split.parts, Dim(parts.columns)), identities(op), [&](Dim chunk, ValueRange acc) {
            Dim part = chunk * parts.columns + Dim::symbol("i1");
            Space space{layout, rowSpace.guards};
            Dim room = emitter.facts.simplify(split.parts - 1 - part);
            if (!emitter.facts.proveNonNegative(room)) space.guards.push_back(room);
            SmallVector<Value> elements;
            for (auto [result, init] : llvm::zip(op.getResults(), op.getInits()))
              elements.push_back(emitter.load(partsOf(result), graph::elementTypeOf(result), {row, part},
                                              space, cast<TypedAttr>(init)));
            return emitter.combine(op.getCombiner(), acc, elements);
          });
      SmallVector<Value> reduced = reduceTiles(op, tiles);
      for (auto [result, value] : llvm::zip(op.getResults(), reduced)) {
        auto coords = rowCoords(result);
        for (Dim &coord : coords) coord = emitter.facts.simplify(coord);
        done[result] = value;
        if (keepValues) emitter.store(value, valueOf(result), coords, rowSpace);
      }
    }
  }

  Memory valueOf(Value result) {
    return {kernel.workspace(*memory.of.lookup(result).value), rowMajor(graph::dimsOf(result))};
  }

  // Values of earlier launches that these need, outside of all loops.
  void fetchEarlier(ValueRange values) {
    for (Operation *op : reductionsBehind(values))
      for (Value result : op->getResults()) emitter.emit(result, rowCoords(result), rowSpace);
  }

  Value earlier(Value value, const Emitter::Coords &coords, const Space &space) {
    auto op = value.getDefiningOp<graph::ReduceOp>();
    if (!op || space.layout.rank() != 1) return {};
    if (Value known = done.lookup(value); known && tile::layoutOf(known) == space.layout)
      if (areOwnRows(value, coords)) return known;
    if (!memory.of.lookup(value).value) return {};
    Type element = graph::elementTypeOf(value);
    return emitter.load(valueOf(value), element, coords, space, graph::scalarAttr(element, 0));
  }

  const RowSplit &split;
  const RowWorkspaces &memory;
  std::string groupName;
};

int64_t bytesOf(Value value) {
  return std::max<int64_t>(1, graph::elementTypeOf(value).getIntOrFloatBitWidth() / 8);
}

/// Whether sizes with rows this few and columns this many exist under the facts.
bool isPossible(const CanonicalRegion &region, const Dim &fewRows, const Dim &longRow, int64_t longest) {
  if (region.facts.bounds(fewRows).hi < 0 || region.facts.bounds(longRow).hi < 0) return false;
  // With a length of one symbol: the fewest rows among those where it is long enough.
  DimFacts facts = region.facts;
  for (const std::string &symbol : longRow.symbols()) {
    if (!(longRow + longest == Dim::symbol(symbol))) continue;
    facts.declare(symbol, {longest, region.facts.range(symbol).hi});
    return facts.bounds(fewRows).hi >= 0;
  }
  return true;
}

} // namespace

bool addSplitRows(const CanonicalRegion &region, const Rows &match, const TargetRecord &target,
                  const std::string &name, ArrayRef<Dim> when, Scheduled &out) {
  int64_t width = widthFor(region, match);
  RowShape shape = shapeFor(match, 1 << 30, width);
  // One CTA is as fast on shorter rows: a launch's end and the counters cost about a microsecond.
  const int64_t longest = region.byHand.split ? shape.columns + 1 : match.innermost ? 16385 : 257;
  const int64_t mostGroups = region.mostShared(target.sms / 2, shape.rows);
  RowSplit split;
  split.groups = ceilDiv(match.rows, Dim(shape.rows));
  Dim fewRows = Dim(mostGroups) - split.groups, longRow = match.columns - longest;
  if (region.byHand.split == 1 || !isPossible(region, fewRows, longRow, longest)) return false;
  // Two CTAs an SM, where parts of at least 16 KB or 64 columns are left for each.
  const int64_t wanted = region.byHand.split.value_or(2 * target.sms), fewestChunks = match.innermost ? 1 : 4;
  split.chunks = region.facts.simplify(ceilDiv(match.columns, Dim(shape.columns)));
  Dim parts = min(ceilDiv(split.chunks, Dim(fewestChunks)), ceilDiv(Dim(wanted), max(split.groups, Dim(1))));
  if (region.byHand.split) parts = Dim(wanted);
  split.perPart = region.facts.simplify(ceilDiv(split.chunks, max(parts, Dim(1))));
  split.parts = region.facts.simplify(ceilDiv(split.chunks, max(split.perPart, Dim(1))));

  auto workspace = [&](const Dim &bytes, bool zeroed) {
    out.workspaces.push_back({region.facts.simplify(bytes), zeroed});
    return unsigned(out.workspaces.size() - 1);
  };
  // As large as this variant's sizes can make them, not as others would.
  Dim groups = min(split.groups, Dim(mostGroups)), rows = min(match.rows, groups * shape.rows);
  auto levels = levelsOf(match);
  RowWorkspaces memory;
  memory.counters = workspace(groups * 4, true);
  bool full = hasFullResults(region, match);
  for (auto [i, level] : llvm::enumerate(levels))
    for (graph::ReduceOp op : level)
      for (Value result : op->getResults()) {
        auto &slots = memory.of[result];
        slots.parts = workspace(rows * min(split.parts, Dim(wanted)) * bytesOf(result), false);
        if (full || i + 1 < levels.size()) slots.value = workspace(rows * bytesOf(result), false);
      }

  Variant variant;
  variant.when.assign(when.begin(), when.end());
  for (const Dim &condition : {fewRows, longRow})
    if (!region.facts.proveNonNegative(condition)) variant.when.push_back(condition);
  variant.parts = split.parts.constantValue().value_or(wanted);
  std::string count = (split.parts.isConstant() ? "=" : "<=") + std::to_string(variant.parts);
  variant.schedule = "rows tile=" + std::to_string(shape.rows) + "x" + std::to_string(shape.columns) +
                     " warps=" + std::to_string(shape.warps) + " width=" + std::to_string(shape.width) +
                     " split" + count + " index=i32";
  SmallVector<unsigned> all;
  for (unsigned k = 0; k < out.workspaces.size(); ++k) all.push_back(k);
  auto kernel = [&](const std::string &suffix) {
    return SplitRowsKernel(region, match, shape, *out.module, name + "_split" + suffix, split, memory, all);
  };
  for (auto [i, level] : llvm::enumerate(levels)) {
    bool last = i + 1 == levels.size();
    variant.launches.push_back(
        kernel(i ? std::to_string(i) : "").buildLevel(level, /*keepValues=*/full || !last, last));
  }
  if (full) variant.launches.push_back(kernel("_all").buildFull());
  out.variants.push_back(std::move(variant));
  return out.variants.back().when.empty();
}

} // namespace dlc::schedule
