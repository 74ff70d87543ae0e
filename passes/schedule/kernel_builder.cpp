#include "passes/schedule/schedule.h"

using namespace mlir;

namespace dlc::schedule {

static SmallVector<Type> parameterTypes(const CanonicalRegion &region, MLIRContext *context, Type indexType,
                                        size_t workspaces) {
  func::FuncOp function = const_cast<CanonicalRegion &>(region).function();
  SmallVector<Type> types(function.getNumArguments() + function.getNumResults() + workspaces,
                          LLVM::LLVMPointerType::get(context, 1));
  types.append(region.symbols.size(), indexType);
  return types;
}

static func::FuncOp makeFunction(const CanonicalRegion &region, ModuleOp module, const std::string &name,
                                 int64_t warps, Type indexType, size_t workspaces, OpBuilder &b) {
  b.setInsertionPointToEnd(module.getBody());
  auto type = b.getFunctionType(parameterTypes(region, b.getContext(), indexType, workspaces), {});
  auto function = func::FuncOp::create(b, region.function().getLoc(), name, type);
  function->setAttr("tile.warps", b.getI64IntegerAttr(warps));
  function->setAttr("tile.index", TypeAttr::get(indexType));
  b.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

// Where addresses, copies and loops belong that no single op asks for: the hero, or the region.
static Location heroLocation(func::FuncOp source) {
  Location location = source.getLoc();
  source.walk([&](Operation *op) {
    if (!isa<graph::DotOp, graph::ConvOp, graph::WindowOp, graph::ReduceOp>(op)) return WalkResult::advance();
    location = op->getLoc();
    return WalkResult::interrupt();
  });
  return location;
}

KernelBuilder::KernelBuilder(const CanonicalRegion &region, ModuleOp module, const std::string &name,
                             int64_t warps, int64_t indexBits, ArrayRef<unsigned> workspaceIndices)
    : b(module.getContext()), emitter(b, b.getIntegerType(indexBits)), region(region),
      function(makeFunction(region, module, name, warps, b.getIntegerType(indexBits), workspaceIndices.size(),
                            b)) {
  emitter.facts = region.facts;
  func::FuncOp source = region.function();
  emitter.location = heroLocation(source);
  unsigned operands = source.getNumArguments(), outputs = source.getNumResults(), next = 0;
  for (unsigned i = 0; i < operands; ++i) {
    Value argument = source.getArgument(i);
    emitter.bindMemory(argument,
                       {function.getArgument(next++), rowMajor(graph::dimsOf(argument)), /*constant=*/true});
    launch.params.push_back({Param::Kind::Operand, i, {}});
  }
  for (unsigned i = 0; i < outputs; ++i) {
    results.push_back(
        {function.getArgument(next++), rowMajor(graph::dimsOf(yielded(i))), /*constant=*/false});
    launch.params.push_back({Param::Kind::Result, i, {}});
  }
  for (unsigned index : workspaceIndices) {
    function.setArgAttr(next, "tile.workspace", b.getUnitAttr());
    workspaces[index] = function.getArgument(next++);
    launch.params.push_back({Param::Kind::Workspace, index, {}});
  }
  for (unsigned k = 0; k < region.symbols.size(); ++k) {
    std::string symbol = "D" + std::to_string(k);
    emitter.bindSymbol(symbol, function.getArgument(next));
    DimRange range = region.facts.range(symbol);
    int64_t multiple = std::max<int64_t>(1, region.facts.divisor(Dim::symbol(symbol)));
    function.setArgAttr(next++, "tile.range", b.getDenseI64ArrayAttr({range.lo, range.hi, multiple}));
    launch.params.push_back({Param::Kind::Dim, 0, Dim::symbol(symbol)});
  }
  launch.kernel = name;
  launch.warps = warps;
  launch.indexBits = indexBits;
}

Value KernelBuilder::yielded(unsigned result) const {
  func::FuncOp source = region.function();
  return source.getBody().front().getTerminator()->getOperand(result);
}

Dim KernelBuilder::programId(int64_t axis) {
  Value id = tile::ProgramIdOp::create(b, emitter.location, b.getI32Type(), axis);
  Dim symbol = emitter.newSymbol(id);
  emitter.facts.declare(symbol.symbolName(), {0, axis == 0 ? INT32_MAX - 1 : 65534});
  return symbol;
}

void KernelBuilder::preferRegisters() { function->setAttr("tile.prefers_registers", b.getUnitAttr()); }

void KernelBuilder::finish() { func::ReturnOp::create(b, emitter.location); }

SmallVector<Dim> fitsIn32Bits(const CanonicalRegion &region, int64_t tileElements) {
  SmallVector<Dim> conditions;
  auto add = [&](Value value) {
    Dim room = Dim(INT32_MAX - tileElements) - graph::elementCount(graph::dimsOf(value));
    if (!region.facts.proveNonNegative(room) && !llvm::is_contained(conditions, room))
      conditions.push_back(room);
  };
  func::FuncOp function = region.function();
  for (Value argument : function.getArguments()) add(argument);
  for (Value result : function.getBody().front().getTerminator()->getOperands()) add(result);
  return conditions;
}

} // namespace dlc::schedule
