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

//===- Divisors ------------------------------------------------------------------===//

// Divisors made of dims alone, in order of appearance.
static void collectDivisors(const Dim &expr, const std::set<std::string> &dims, SmallVectorImpl<Dim> &found) {
  for (const DimTerm &term : expr.terms())
    for (const Dim &factor : term.factors) {
      if (factor.isSymbol()) continue;
      std::vector<Dim> operands = factor.operands();
      if (factor.kind() != Dim::Kind::Min && factor.kind() != Dim::Kind::Max && !operands[1].isConstant()) {
        std::set<std::string> used = operands[1].symbols();
        if (llvm::includes(dims, used) && !llvm::is_contained(found, operands[1]))
          found.push_back(operands[1]);
      }
      for (const Dim &operand : operands) collectDivisors(operand, dims, found);
    }
}

void KernelBuilder::finish() {
  func::ReturnOp::create(b, emitter.location);
  if (launch.indexBits != 32) return;
  std::set<std::string> dims;
  for (size_t k = 0; k < region.symbols.size(); ++k) dims.insert("D" + std::to_string(k));
  SmallVector<Dim> divisors;
  function.walk([&](Operation *op) {
    for (NamedAttribute attribute : op->getAttrs())
      if (auto exprs = dyn_cast<graph::DimsAttr>(attribute.getValue()))
        for (const Dim &expr : exprs.getDims()) collectDivisors(expr, dims, divisors);
  });
  // The kernel is launched where its indices fit.
  DimFacts facts = region.facts;
  for (const Dim &room : fitsIn32Bits(region, 0)) facts.assume(room);
  for (const Dim &divisor : divisors) addDivisor(divisor, facts);
}

void KernelBuilder::addDivisor(const Dim &divisor, const DimFacts &facts) {
  if (!facts.proveNonNegative(divisor)) return;
  // Magic numbers are those of 1 to 2^31 - 1. An extent of zero has no elements that a division by it would
  // place; one that is larger belongs to a value with another extent of zero.
  Dim value = facts.provePositive(divisor) ? divisor : max(Dim(1), divisor);
  if (!facts.proveLessEqual(value, Dim(INT32_MAX))) value = min(value, Dim(INT32_MAX));
  unsigned at = function.getNumArguments(), firstDim = at;
  for (const Param &param : launch.params) firstDim -= param.kind >= Param::Kind::Dim;
  Location location = function.getLoc();
  (void)function.insertArgument(at, b.getI64Type(), {}, location);
  launch.params.push_back({Param::Kind::Magic, 0, value});
  SmallVector<StringRef> names;
  SmallVector<Value> bound;
  std::set<std::string> used = divisor.symbols();
  for (size_t k = 0; k < region.symbols.size(); ++k)
    if (auto symbol = used.find("D" + std::to_string(k)); symbol != used.end()) {
      names.push_back(*symbol);
      bound.push_back(function.getArgument(firstDim + k));
    }
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  tile::DivisorOp::create(b, location, function.getArgument(at),
                          graph::DimsAttr::get(b.getContext(), {divisor}), b.getStrArrayAttr(names), bound);
}

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
