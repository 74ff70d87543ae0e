#include "passes/schedule/emitter.h"

using namespace mlir;

namespace dlc::schedule {

using Coords = Emitter::Coords;

Dim Emitter::newSymbol(Value value) {
  std::string name = "x" + std::to_string(nextSymbol++);
  symbols[name] = value;
  return Dim::symbol(name);
}

Dim Emitter::flatten(ArrayRef<Dim> coords, ArrayRef<Dim> strides) const {
  Dim offset(0);
  for (auto [coord, stride] : llvm::zip(coords, strides)) offset = offset + coord * stride;
  return facts.simplify(offset);
}

Space Emitter::guarded(const Space &space, ArrayRef<Dim> guards) const {
  Space result = space;
  for (const Dim &guard : guards) {
    Dim simple = facts.simplify(guard);
    if (facts.proveNonNegative(simple) || llvm::is_contained(result.guards, simple)) continue;
    result.guards.push_back(simple);
  }
  return result;
}

Emitter::Access Emitter::access(const Dim &offset, ArrayRef<Dim> where, int64_t rank) {
  Access result;
  result.offset = graph::DimsAttr::get(b.getContext(), {offset});
  result.where = graph::DimsAttr::get(b.getContext(), where);
  std::set<std::string> used = offset.symbols();
  for (const Dim &guard : where)
    for (const std::string &symbol : guard.symbols()) used.insert(symbol);
  for (int64_t d = 0; d < rank; ++d) used.erase(tile::tileDimName(d));
  SmallVector<StringRef> names;
  for (const std::string &symbol : used) {
    auto at = symbols.find(symbol);
    names.push_back(at->first);
    result.bound.push_back(at->second);
  }
  result.names = b.getStrArrayAttr(names);
  return result;
}

Value Emitter::evaluate(const Dim &expr) {
  Dim simple = facts.simplify(expr);
  if (auto value = simple.constantValue())
    return arith::ConstantOp::create(b, location, IntegerAttr::get(indexType, *value));
  Access a = access(simple, {}, 0);
  return tile::EvalOp::create(b, location, indexType, a.offset, a.names, a.bound);
}

Value Emitter::splat(TypedAttr scalar, const Space &space) {
  auto type = tile::tileType(space.layout, scalar.getType());
  return arith::ConstantOp::create(b, location, DenseElementsAttr::get(type, Attribute(scalar)));
}

Value Emitter::condition(ArrayRef<Dim> conditions, const Space &space) {
  Value all;
  auto type = tile::tileType(space.layout, indexType);
  for (const Dim &expr : conditions) {
    if (facts.proveNonNegative(expr)) continue;
    Access a = access(expr, {}, space.layout.rank());
    Value index = tile::IndexOp::create(b, location, type, a.offset, a.names, a.bound);
    Value zero = splat(IntegerAttr::get(indexType, 0), space);
    Value holds = arith::CmpIOp::create(b, location, arith::CmpIPredicate::sge, index, zero);
    all = all ? Value(arith::AndIOp::create(b, location, all, holds)) : holds;
  }
  return all ? all : splat(b.getBoolAttr(true), space);
}

static LLVM::LoopAnnotationAttr neverUnrolled(OpBuilder &b) {
  MLIRContext *context = b.getContext();
  auto unroll = LLVM::LoopUnrollAttr::get(context, b.getBoolAttr(true), {}, {}, {}, {}, {}, {});
  return LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
                                       {});
}

SmallVector<Value> Emitter::loop(const Dim &count, ValueRange carried,
                                 function_ref<SmallVector<Value>(Dim, ValueRange)> body,
                                 Unrolling unrolling) {
  Dim extent = facts.simplify(count);
  if (extent.isConstant(1)) return body(Dim(0), carried);
  Value zero = arith::ConstantOp::create(b, location, IntegerAttr::get(indexType, 0));
  Value one = arith::ConstantOp::create(b, location, IntegerAttr::get(indexType, 1));
  auto op = scf::ForOp::create(b, location, zero, evaluate(extent), one, carried);
  if (unrolling == Unrolling::Never) op->setAttr("llvm.loop_annotation", neverUnrolled(b));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  Dim variable = newSymbol(op.getInductionVar());
  facts.declareIndex(variable.symbolName(), extent);
  ++depth;
  SmallVector<Value> next = body(variable, op.getRegionIterArgs());
  --depth;
  forgetDeeper();
  if (!carried.empty()) scf::YieldOp::create(b, location, next);
  return SmallVector<Value>(op.getResults());
}

void Emitter::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(b, location, TypeRange{}, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  ++depth;
  body();
  --depth;
  forgetDeeper();
}

// Tiles of a body that has ended are out of reach.
void Emitter::forgetDeeper() {
  for (auto &entry : memos)
    llvm::erase_if(entry.second, [&](const Memo &memo) { return memo.depth > depth; });
}

SmallVector<Value> Emitter::combine(Region &combiner, ValueRange accumulators, ValueRange elements) {
  IRMapping map;
  Block &block = combiner.front();
  size_t n = accumulators.size();
  for (size_t i = 0; i < n; ++i) {
    map.map(block.getArgument(i), accumulators[i]);
    map.map(block.getArgument(n + i), elements[i]);
  }
  auto tiled = dyn_cast<RankedTensorType>(accumulators[0].getType());
  for (Operation &op : block.without_terminator()) {
    Operation *copy = b.clone(op, map);
    if (!tiled) continue;
    for (OpResult result : copy->getResults())
      result.setType(tile::tileType(tile::layoutOf(tiled), result.getType()));
    if (auto constant = dyn_cast<arith::ConstantOp>(copy))
      constant.setValueAttr(
          DenseElementsAttr::get(cast<RankedTensorType>(constant.getType()), Attribute(constant.getValue())));
  }
  SmallVector<Value> next;
  for (Value value : block.getTerminator()->getOperands()) next.push_back(map.lookupOrDefault(value));
  return next;
}

//===- The dispatch -------------------------------------------------------------===//

Value Emitter::emit(Value value, Coords coords, const Space &space) {
  for (Dim &coord : coords) coord = facts.simplify(coord);
  for (const Memo &memo : memos[value])
    if (memo.coords == coords && memo.layout == space.layout &&
        llvm::all_of(memo.guards, [&](const Dim &g) { return llvm::is_contained(space.guards, g); }))
      return memo.tile;
  Value result = override ? override(value, coords, space) : Value();
  if (!result) result = hoisted(value, coords, space);
  if (!result) result = compute(value, coords, space);
  remember(value, coords, space, result);
  return result;
}

// A guard at the index along a tile dim where it is largest: it holds there if it holds anywhere. Nothing for
// guards that are neither largest at the first index nor at the last.
std::optional<Dim> Emitter::mostOpen(const Dim &guard, const std::string &index, int64_t extent) const {
  for (int64_t end : {int64_t(0), extent - 1}) {
    Dim there = guard.substitute({{index, Dim(end)}});
    if (facts.proveNonNegative(facts.simplify(there - guard))) return there;
  }
  return std::nullopt;
}

// A value that does not vary along a tile dim is computed without that dim and repeated. Guards along that
// dim say nothing of the value, but where no index satisfies them, what coordinates share with them may be
// past the end, too: the last slice of a tile of rows lies in no image, say, and the value is one for each
// image.
Value Emitter::hoisted(Value value, const Coords &coords, const Space &space) {
  size_t rank = space.layout.rank();
  // What only transforms coordinates or fills costs nothing.
  if (Operation *op = value.getDefiningOp()) {
    const AccessMap *map = mapOf(op);
    if (isa<graph::FillOp>(op) || (map && map->single())) return {};
  }
  std::set<std::string> used;
  for (const Dim &coord : coords)
    for (const std::string &symbol : coord.symbols()) used.insert(symbol);
  for (const std::string &symbol : used) // an index tile varies along every dim
    if (auto at = symbols.find(symbol); at != symbols.end() && tile::isTile(at->second.getType())) return {};
  for (size_t d = 0; d < rank; ++d) {
    // A dim of one element has nothing to repeat (and its index is 0 everywhere, so nothing uses it).
    if (space.layout.shape()[d] == 1 || used.count(tile::tileDimName(d))) continue;
    std::map<std::string, Dim> rename;
    for (size_t k = d + 1; k < rank; ++k)
      rename[tile::tileDimName(k)] = Dim::symbol(tile::tileDimName(k - 1));
    Space smaller{space.layout.sliceDim(d), {}};
    bool mixed = false;
    SmallVector<Dim> opened; // guards along the dim, freed of it
    for (const Dim &guard : space.guards) {
      bool usesIt = guard.uses(tile::tileDimName(d)), usesTile = false, usesOther = false;
      for (const std::string &symbol : guard.symbols()) {
        auto at = symbols.find(symbol);
        usesTile |= at != symbols.end() && tile::isTile(at->second.getType());
        for (size_t k = 0; k < rank; ++k) usesOther |= k != d && symbol == tile::tileDimName(k);
      }
      mixed |= usesTile || (usesIt && usesOther);
      if (!usesIt) smaller.guards.push_back(guard.substitute(rename));
      if (!usesIt || mixed ||
          llvm::none_of(guard.symbols(), [&](auto &symbol) { return used.count(symbol); }))
        continue;
      auto open = mostOpen(guard, tile::tileDimName(d), space.layout.shape()[d]);
      mixed |= !open;
      if (open) opened.push_back(*open);
    }
    if (mixed) continue;
    smaller = guarded(smaller, opened);
    Coords renamed;
    for (const Dim &coord : coords) renamed.push_back(coord.substitute(rename));
    // Facts about i0, i1, ... are about extents of the full tile: the renamed ones only get smaller or equal
    // names, so they are declared anew for the smaller space and restored afterwards.
    std::vector<std::pair<std::string, DimRange>> saved;
    for (size_t k = 0; k < rank; ++k)
      saved.push_back({tile::tileDimName(k), facts.range(tile::tileDimName(k))});
    for (size_t k = 0; k + 1 < rank; ++k)
      facts.declareIndex(tile::tileDimName(k), Dim(smaller.layout.shape()[k]));
    Value part = emit(value, renamed, smaller);
    for (auto &[name, range] : saved) facts.declare(name, range);
    auto type = tile::tileType(space.layout, cast<RankedTensorType>(part.getType()).getElementType());
    return tile::ExpandOp::create(b, location, type, part, d);
  }
  return {};
}

Value Emitter::compute(Value value, const Coords &coords, const Space &space) {
  Operation *op = value.getDefiningOp();
  if (!op) {
    Type element = graph::elementTypeOf(value);
    return load(sources.find(value)->second, element, coords, space, graph::scalarAttr(element, 0));
  }
  Location saved = location;
  location = op->getLoc();
  auto index = [&](const Dim &expr) {
    auto type = tile::tileType(space.layout, graph::elementTypeOf(value));
    Access a = access(facts.simplify(expr), {}, space.layout.rank());
    return Value(tile::IndexOp::create(b, location, type, a.offset, a.names, a.bound));
  };
  Value result = TypeSwitch<Operation *, Value>(op)
                     .Case([&](graph::FillOp fill) { return splat(cast<TypedAttr>(fill.getValue()), space); })
                     .Case([&](graph::DimValueOp dim) { return index(dim.getDim().getDims()[0]); })
                     .Case([&](graph::IotaOp iota) { return index(coords[iota.getDim()]); })
                     .Case([&](graph::ReduceOp op) {
                       return reduce(op, cast<OpResult>(value).getResultNumber(), coords, space);
                     })
                     .Case([&](graph::WindowOp op) { return window(op, coords, space); })
                     .Case([&](graph::DotOp op) { return dot(op, coords, space); })
                     .Case([&](graph::ConvOp op) { return conv(op, coords, space); })
                     .Default([&](Operation *op) {
                       const AccessMap *map = mapOf(op);
                       return map ? movement(op, *map, coords, space) : pointwise(op, coords, space);
                     });
  location = saved;
  return result;
}

Value Emitter::pointwise(Operation *op, const Coords &coords, const Space &space) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<RankedTensorType>(operand.getType()) ? emit(operand, coords, space) : operand);
  OperationState state(location, op->getName());
  state.addOperands(operands);
  state.addAttributes(op->getAttrs());
  for (Type type : op->getResultTypes())
    state.addTypes(tile::tileType(space.layout, cast<RankedTensorType>(type).getElementType()));
  Operation *made = b.create(state);
  // An op with several results is shared: the others are remembered.
  for (unsigned i = 1; i < made->getNumResults(); ++i)
    remember(op->getResult(i), coords, space, made->getResult(i));
  return made->getResult(0);
}

Value Emitter::load(const Memory &memory, Type element, const Coords &coords, const Space &space,
                    TypedAttr other) {
  Access a = access(flatten(coords, memory.strides), space.guards, space.layout.rank());
  auto type = tile::tileType(space.layout, element);
  return tile::LoadOp::create(b, location, type, memory.pointer, a.offset, a.where, a.names, a.bound, other,
                              memory.constant);
}

void Emitter::store(Value value, const Memory &target, const Coords &coords, const Space &space) {
  Space simple = guarded({space.layout, {}}, space.guards);
  Access a = access(flatten(coords, target.strides), simple.guards, space.layout.rank());
  tile::StoreOp::create(b, location, value, target.pointer, a.offset, a.where, a.names, a.bound);
}

Value Emitter::emitGuarded(Value value, const Coords &coords, const Space &space, ArrayRef<Dim> guards,
                           TypedAttr other) {
  Space inner = guarded(space, guards);
  if (inner.guards.size() == space.guards.size()) return emit(value, coords, space);
  // A load gives `other` by itself; outside of the space's own guards the value does not matter.
  if (auto element = resolve(value, coords, {}); element && element->guards.empty())
    return load(sources.find(element->argument)->second, graph::elementTypeOf(value), element->coords, inner,
                other);
  Value inside = emit(value, coords, inner);
  return arith::SelectOp::create(b, location, condition(guards, space), inside, splat(other, space));
}

} // namespace dlc::schedule
