#include "passes/lower/distribute.h"
#include "passes/lower/shared.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace dlc::lower {

namespace {

class Distributor {
public:
  explicit Distributor(func::FuncOp function)
      : function(function), b(function.getContext()),
        warps(function->getAttrOfType<IntegerAttr>("tile.warps").getInt()),
        indexType(function->getAttrOfType<TypeAttr>("tile.index").getValue()) {}

  LogicalResult run() {
    Block &old = function.getBody().front();
    Block *fresh = new Block();
    function.getBody().push_back(fresh);
    b.setInsertionPointToStart(fresh);
    for (BlockArgument argument : old.getArguments()) {
      Value copy = fresh->addArgument(argument.getType(), argument.getLoc());
      env[argument] = {copy};
    }
    ThreadBuilder builder(b, function.getLoc(), warps, indexType);
    t = &builder;
    for (BlockArgument argument : old.getArguments()) declareArgument(argument);
    if (failed(block(old))) return failure();
    old.erase();
    if (sharedBytes) function->setAttr("tile.shared", b.getI64IntegerAttr(sharedBytes));
    if (t->scratchBytes()) function->setAttr("tile.scratch", b.getI64IntegerAttr(t->scratchBytes()));
    return success();
  }

private:
  void declareArgument(BlockArgument argument) {
    auto range = function.getArgAttrOfType<DenseI64ArrayAttr>(argument.getArgNumber(), "tile.range");
    if (!range) return;
    Dim symbol = t->symbolOf(env[argument][0]);
    t->facts.declare(symbol.symbolName(), {range[0], range[1]}, range[2]);
  }

  LogicalResult block(Block &from) {
    for (Operation &op : from)
      if (failed(one(&op))) return failure();
    return success();
  }

  LogicalResult one(Operation *op) {
    t->loc = op->getLoc();
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](tile::ProgramIdOp id) { return programId(id); })
        .Case([&](tile::EvalOp eval) { return evaluate(eval); })
        .Case([&](tile::DivisorOp divisor) {
          t->declareDivisor(rename(divisor.getExpr().getDims()[0], divisor.getNames(), divisor.getBound()),
                            env[divisor.getMagic()][0]);
          return success();
        })
        .Case([&](tile::IndexOp index) {
          env[index] = indexTile(
              *t, access({}, index.getExpr(), {}, index.getNames(), index.getBound(), index.getType()),
              index.getType().getElementType());
          return success();
        })
        .Case([&](tile::LoadOp load) {
          env[load] = loadTile(*t,
                               access(load.getPointer(), load.getOffset(), load.getWhere(), load.getNames(),
                                      load.getBound(), load.getType()),
                               load.getType().getElementType(), load.getOther(), load.getConstant());
          return success();
        })
        .Case([&](tile::StoreOp store) {
          auto type = cast<RankedTensorType>(store.getValue().getType());
          storeTile(*t,
                    access(store.getPointer(), store.getOffset(), store.getWhere(), store.getNames(),
                           store.getBound(), type),
                    type.getElementType(), env[store.getValue()]);
          return success();
        })
        .Case([&](tile::ArriveOp arrive) {
          env[arrive] = {arriveLast(*t, env[arrive.getCounters()][0], env[arrive.getIndex()][0],
                                    env[arrive.getCount()][0])};
          return success();
        })
        .Case([&](tile::SplatOp splat) {
          env[splat] = Registers(tile::layoutOf(splat.getResult()).numRegisters(), env[splat.getValue()][0]);
          return success();
        })
        .Case([&](tile::ReduceOp reduce) { return reduction(reduce); })
        .Case([&](tile::ExpandOp expand) {
          Registers from = env[expand.getOperand()], to;
          for (int64_t r : slicedRegisters(tile::layoutOf(expand.getResult()), expand.getAxis()))
            to.push_back(from[r]);
          env[expand] = to;
          return success();
        })
        .Case([&](tile::AllocOp alloc) { return allocate(alloc); })
        .Case([&](tile::CopyOp copy) { return startCopy(copy); })
        .Case([&](tile::FillOp fill) {
          tile::SharedType type = fill.getBuffer().getType();
          env[fill] = {stageAddress(*t, type, env[fill.getBuffer()][0], env[fill.getStage()][0])};
          fillStage(*t, tile::layoutOf(fill.getValue()), env[fill.getValue()], type, env[fill][0],
                    fill.getTransposed());
          return success();
        })
        .Case([&](tile::CommitOp) {
          NVVM::CpAsyncCommitGroupOp::create(b, t->loc);
          return success();
        })
        .Case([&](tile::WaitOp wait) {
          waitForCopies(*t, wait.getGroups());
          for (auto [pending, stage] : llvm::zip(wait.getPending(), wait.getStages())) {
            Registers address = env[pending];
            env[stage] = address;
          }
          return success();
        })
        .Case([&](tile::ReadOp read) {
          env[read] = readStage(*t, tile::layoutOf(read.getResult()), read.getStage().getType().getBuffer(),
                                env[read.getStage()][0], env[read.getRow()][0]);
          return success();
        })
        .Case([&](tile::FragmentOp fragment) {
          Value stage = env[fragment.getStage()][0];
          env[fragment] = loadFragment(*t, tile::layoutOf(fragment.getResult()),
                                       fragment.getStage().getType().getBuffer(), stage, fragment.getRow(),
                                       fragment.getColumn(), fragment.getTransposed());
          return success();
        })
        .Case([&](tile::DotOp dot) {
          Registers a = env[dot.getA()], bs = env[dot.getB()], c = env[dot.getC()];
          env[dot] = multiply(*t, dot, a, bs, c);
          return success();
        })
        .Case([&](scf::ForOp loop) { return forLoop(loop); })
        .Case([&](scf::IfOp branch) { return ifThen(branch); })
        .Case([&](arith::ConstantOp constant) { return constantTile(constant); })
        .Default([&](Operation *op) { return perRegister(op); });
  }

  LogicalResult programId(tile::ProgramIdOp op) {
    Type i32 = b.getI32Type();
    Value id;
    switch (op.getAxis()) {
    case 0:
      id = NVVM::BlockIdXOp::create(b, t->loc, i32);
      break;
    case 1:
      id = NVVM::BlockIdYOp::create(b, t->loc, i32);
      break;
    default:
      id = NVVM::BlockIdZOp::create(b, t->loc, i32);
    }
    if (op.getType() != i32) id = arith::ExtUIOp::create(b, t->loc, op.getType(), id);
    env[op] = {id};
    // The PTX ISA's limits of a grid: 2^31 - 1 along x, 65535 along y and z.
    t->facts.declare(t->symbolOf(id).symbolName(), {0, op.getAxis() == 0 ? INT32_MAX - 1 : 65534});
    return success();
  }

  Dim rename(const Dim &expr, ArrayAttr names, ValueRange bound) {
    std::map<std::string, Dim> values;
    for (auto [name, value] : llvm::zip(names.getAsValueRange<StringAttr>(), bound))
      values[name.str()] = t->symbolOf(env[value][0]);
    return t->facts.simplify(expr.substitute(values));
  }

  LogicalResult evaluate(tile::EvalOp op) {
    Dim expr = rename(op.getExpr().getDims()[0], op.getNames(), op.getBound());
    env[op] = {t->materialize(expr)};
    evaluated[env[op][0]] = expr;
    DimRange bounds = t->facts.bounds(expr);
    Dim symbol = t->symbolOf(env[op][0]);
    if (!expr.isSymbol())
      t->facts.declare(symbol.symbolName(), bounds, std::max<int64_t>(1, t->facts.divisor(expr)));
    return success();
  }

  Access access(Value pointer, graph::DimsAttr offset, graph::DimsAttr where, ArrayAttr names,
                ValueRange bound, Type type) {
    Access result;
    if (pointer) result.pointer = env[pointer][0];
    result.offset = offset.getDims()[0];
    if (where) result.guards.assign(where.getDims().begin(), where.getDims().end());
    for (auto [name, value] : llvm::zip(names.getAsValueRange<StringAttr>(), bound))
      result.bound[name.str()] = env[value];
    result.layout = tile::layoutOf(type);
    return result;
  }

  LogicalResult allocate(tile::AllocOp op) {
    tile::SharedType type = op.getType();
    int64_t offset = op.getOverlay() ? 0 : sharedBytes;
    env[op] = {sharedBuffer(*t, function, offset)};
    sharedBytes = std::max(sharedBytes, offset + (type.getStages() * stageBytes(type) + 127) / 128 * 128);
    return success();
  }

  LogicalResult startCopy(tile::CopyOp op) {
    tile::SharedType type = op.getBuffer().getType();
    Access from;
    from.pointer = env[op.getPointer()][0];
    from.offset = op.getOffset().getDims()[0];
    from.guards.assign(op.getWhere().getDims().begin(), op.getWhere().getDims().end());
    for (auto [name, value] : llvm::zip(op.getNames().getAsValueRange<StringAttr>(), op.getBound()))
      from.bound[name.str()] = env[value];
    Value stage = stageAddress(*t, type, env[op.getBuffer()][0], env[op.getStage()][0]);
    copyStage(*t, from, type, stage, op.getByRows());
    env[op] = {stage};
    return success();
  }

  LogicalResult reduction(tile::ReduceOp op) {
    SmallVector<Registers> operands;
    for (Value operand : op.getOperands()) operands.push_back(env[operand]);
    Block &combiner = op.getCombiner().front();
    auto combine = [&](ValueRange acc, ValueRange elements) {
      IRMapping map;
      for (size_t i = 0; i < acc.size(); ++i) {
        map.map(combiner.getArgument(i), acc[i]);
        map.map(combiner.getArgument(acc.size() + i), elements[i]);
      }
      for (Operation &inner : combiner.without_terminator()) b.clone(inner, map);
      SmallVector<Value> next;
      for (Value value : combiner.getTerminator()->getOperands()) next.push_back(map.lookupOrDefault(value));
      return next;
    };
    auto results = reduceTiles(*t, tile::layoutOf(op.getOperands()[0]), op.getAxis(), operands, combine);
    for (auto [result, registers] : llvm::zip(op.getResults(), results)) env[result] = registers;
    return success();
  }

  LogicalResult forLoop(scf::ForOp op) {
    SmallVector<Value> inits;
    SmallVector<size_t> sizes;
    for (Value init : op.getInitArgs()) {
      sizes.push_back(env[init].size());
      inits.append(env[init].begin(), env[init].end());
    }
    Value upper = env[op.getUpperBound()][0];
    auto loop = scf::ForOp::create(b, t->loc, env[op.getLowerBound()][0], upper, env[op.getStep()][0], inits);
    loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    Value variable = loop.getInductionVar();
    env[op.getInductionVar()] = {variable};
    declareVariable(op, variable, upper);
    split(op.getRegionIterArgs(), loop.getRegionIterArgs(), sizes);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    llvm::SaveAndRestore innermost(t->loop, loop);
    if (failed(block(*op.getBody()))) return failure();
    split(op.getResults(), loop.getResults(), sizes);
    return success();
  }

  LogicalResult ifThen(scf::IfOp op) {
    if (op.getNumResults() || op.elseBlock())
      return op.emitError() << "a branch of a kernel has no results and no else";
    if (tile::isTile(op.getCondition().getType()))
      return op.emitError() << "a branch of a kernel is the same for all threads";
    auto branch =
        scf::IfOp::create(b, t->loc, TypeRange{}, env[op.getCondition()][0], /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    return block(*op.thenBlock());
  }

  // lo <= variable < upper; the bounds may be expressions of other symbols.
  void declareVariable(scf::ForOp op, Value variable, Value upper) {
    Dim symbol = t->symbolOf(variable);
    APInt lower, step, limit;
    int64_t multiple = matchPattern(op.getStep(), m_ConstantInt(&step)) ? step.getSExtValue() : 1;
    if (!matchPattern(op.getLowerBound(), m_ConstantInt(&lower)) || !lower.isZero()) {
      t->facts.declare(symbol.symbolName(), {0, DimRange::unboundedAbove});
      return;
    }
    if (matchPattern(op.getUpperBound(), m_ConstantInt(&limit)))
      t->facts.declareIndex(symbol.symbolName(), Dim(limit.getSExtValue()), multiple);
    else if (auto at = evaluated.find(upper); at != evaluated.end())
      t->facts.declareIndex(symbol.symbolName(), at->second, multiple);
    else
      t->facts.declareIndex(symbol.symbolName(), t->symbolOf(upper), multiple);
  }

  void split(ValueRange tiles, ValueRange registers, ArrayRef<size_t> sizes) {
    size_t at = 0;
    for (auto [tile, size] : llvm::zip(tiles, sizes)) {
      env[tile] = Registers(registers.begin() + at, registers.begin() + at + size);
      at += size;
    }
  }

  LogicalResult constantTile(arith::ConstantOp op) {
    if (!tile::isTile(op.getType())) {
      env[op] = {b.clone(*op)->getResult(0)};
      return success();
    }
    auto splat = dyn_cast<SplatElementsAttr>(op.getValue());
    if (!splat) return op.emitError() << "a tile constant must be a splat";
    Value scalar = arith::ConstantOp::create(b, t->loc, cast<TypedAttr>(splat.getSplatValue<Attribute>()));
    env[op] = Registers(tile::layoutOf(op.getType()).numRegisters(), scalar);
    return success();
  }

  // arith and math on tiles: the same op on each register. Ops on scalars and terminators are copied.
  LogicalResult perRegister(Operation *op) {
    if (auto yield = dyn_cast<scf::YieldOp>(op)) {
      SmallVector<Value> values;
      for (Value value : yield.getOperands()) values.append(env[value].begin(), env[value].end());
      if (!values.empty() || !yield->getParentOp()->getResults().empty())
        scf::YieldOp::create(b, t->loc, values);
      return success();
    }
    if (op->getNumRegions()) return op->emitError() << "not supported inside a kernel";
    size_t count = 1;
    for (Value value : op->getOperands()) count = std::max(count, env[value].size());
    for (Type type : op->getResultTypes())
      if (tile::isTile(type)) count = std::max<size_t>(count, tile::layoutOf(type).numRegisters());
    for (size_t r = 0; r < count; ++r) {
      OperationState state(t->loc, op->getName());
      state.addAttributes(op->getAttrs());
      for (Value value : op->getOperands()) {
        Registers &registers = env[value];
        state.addOperands(registers[registers.size() == 1 ? 0 : r]);
      }
      for (Type type : op->getResultTypes())
        state.addTypes(tile::isTile(type) ? cast<RankedTensorType>(type).getElementType() : type);
      Operation *made = b.create(state);
      for (auto [result, copy] : llvm::zip(op->getResults(), made->getResults())) env[result].push_back(copy);
    }
    return success();
  }

  func::FuncOp function;
  OpBuilder b;
  int64_t warps;
  Type indexType;
  ThreadBuilder *t = nullptr;
  int64_t sharedBytes = 0; // dynamic shared memory given out
  llvm::DenseMap<Value, Registers> env;
  llvm::DenseMap<Value, Dim> evaluated;
};

// What the distributor takes for granted, and hand-written text may lack.
LogicalResult checkKernel(func::FuncOp kernel) {
  auto warps = kernel->getAttrOfType<IntegerAttr>("tile.warps");
  if (!warps || warps.getInt() < 1 || warps.getInt() > 32)
    return kernel.emitError() << "tile.warps is not between 1 and 32";
  auto index = kernel->getAttrOfType<TypeAttr>("tile.index");
  if (!index || !(index.getValue().isInteger(32) || index.getValue().isInteger(64)))
    return kernel.emitError() << "tile.index is neither i32 nor i64";
  if (!kernel.getBody().hasOneBlock()) return kernel.emitError() << "a kernel's body is one block";
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i) {
    auto range = kernel.getArgAttrOfType<DenseI64ArrayAttr>(i, "tile.range");
    if (kernel.getArgAttr(i, "tile.range") && (!range || range.size() != 3))
      return kernel.emitError() << "tile.range of argument " << i << " is not [lo, hi, multiple]";
  }
  WalkResult walk = kernel.walk([&](Operation *op) {
    for (Type type : op->getResultTypes()) {
      if (!tile::isTile(type)) continue;
      const Layout &layout = tile::layoutOf(type);
      if (layout.numLanes() == 32 && layout.numWarps() == warps.getInt()) continue;
      op->emitError() << "a tile over " << layout.numWarps() << " warps of " << layout.numLanes()
                      << " lanes in a kernel of " << warps.getInt();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

} // namespace

LogicalResult distribute(ModuleOp module) {
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("tile.warps")) kernels.push_back(function);
  for (func::FuncOp kernel : kernels)
    if (failed(checkKernel(kernel)) || failed(Distributor(kernel).run())) return failure();
  return success();
}

} // namespace dlc::lower
