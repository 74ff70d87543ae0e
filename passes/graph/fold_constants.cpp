// Computes what depends on constants only: small results now, large ones as recipes of the weights table.
//
// Problem. Exporters transpose, cast, reshape and scale weights in the graph; so do our own passes
// (fold-batch-norm). Run as kernels they would cost time on every inference; computed here they would cost
// the compiler's memory.
//
// Before
//   %w = graph.constant #graph.weight<"w"> -> tensor<64x32xf32>
//   %s = graph.constant #graph.weight<"s"> -> tensor<32xf32>
//   %b = graph.broadcast %s dims [1]
//   %ws = arith.mulf %w, %b
//   graph.dot %x, %ws
// After
//   func.func private @fold_0(%w, %s) { the broadcast and the product }
//   %ws = graph.constant #graph.weight<"w.folded"> -> tensor<64x32xf32>     recipe: fold @fold_0 of w, s
//   graph.dot %x, %ws
//
// Also op(fill a, fill b) -> fill op(a, b), which holds for shapes of any kind.
//
// What stays: broadcasts and ramps, and results much larger than what they are made of (a region computes
// them as it reads); reshapes of a weight (a view of it); movement of a weight that others read as it is (a
// copy of it).
//
// Legal: the interpreter defines what the ops mean, and ops are pure. Runs after the passes that leave
// constant work behind.
#include "ir/interp/fold.h"
#include "ir/interp/interpreter.h"
#include "passes/graph/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace dlc::graph {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/graph/passes.h.inc"

namespace {

constexpr int64_t inlineElements = 64;      ///< the most that a graph.constant holds
constexpr int64_t smallBytes = 64 << 10;    ///< may be stored whatever it is made of
constexpr int64_t evaluatedBytes = 1 << 20; ///< of weights that are read while compiling

std::optional<int64_t> staticBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || !type.getElementType().isIntOrFloat()) return std::nullopt;
  return type.getNumElements() * std::max<int64_t>(type.getElementTypeBitWidth() / 8, 1);
}

/// The elements of a result as an attribute; null when the type can't be written.
DenseElementsAttr denseOf(const interp::Tensor &tensor, RankedTensorType type) {
  interp::Tensor stored =
      interp::exported(tensor, type.getElementType(), interp::FloatMode::F32).contiguous();
  SmallVector<char> bytes(stored.byteCount());
  stored.copyTo(bytes.data());
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> bits;
    for (char byte : bytes) bits.push_back(byte != 0);
    return DenseElementsAttr::get(type, bits);
  }
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

class Folder {
public:
  Folder(ModuleOp module, func::FuncOp function, WeightsTable *weights)
      : module(module), function(function), weights(weights) {}

  LogicalResult run() {
    for (Operation &op : llvm::make_early_inc_range(function.front().without_terminator()))
      if (failed(foldSplats(&op))) return failure();
    for (Operation &op : function.front().without_terminator())
      if (isConstantOp(&op)) constants.insert(&op);
    // Ends are collected first: folding one must not make its inputs look unused.
    SmallVector<Operation *> ends;
    for (Operation &op : function.front().without_terminator())
      if (isEnd(&op)) ends.push_back(&op);
    for (Operation *op : ends)
      if (failed(fold(op))) return failure();
    return success();
  }

private:
  /// op(fill a, fill b) -> fill op(a, b)
  LogicalResult foldSplats(Operation *op) {
    if (!isPointwise(op) || op->getNumResults() != 1 || !op->getNumOperands()) return success();
    // The same ops on scalars belong to others.
    auto isTensor = [](Type type) { return isa<RankedTensorType>(type); };
    if (!llvm::all_of(op->getOperandTypes(), isTensor) || !isTensor(op->getResult(0).getType()))
      return success();
    OpBuilder b(op);
    SmallVector<interp::Tensor> operands;
    OperationState state(op->getLoc(), op->getName());
    SmallVector<Operation *> scalars;
    for (Value operand : op->getOperands()) {
      TypedAttr value = splatValue(operand);
      if (!value) break;
      scalars.push_back(FillOp::create(b, op->getLoc(), tensorType({}, elementTypeOf(operand)), value));
      state.addOperands(scalars.back()->getResult(0));
    }
    if (state.operands.size() == op->getNumOperands()) {
      Type element = elementTypeOf(op->getResult(0));
      state.addTypes(tensorType({}, element));
      state.addAttributes(op->getAttrs());
      state.propertiesAttr = op->getPropertiesAsAttribute();
      scalars.push_back(b.create(state));
      if (auto result = evaluateAll(scalars)) {
        auto dense = denseOf(*result, cast<RankedTensorType>(scalars.back()->getResult(0).getType()));
        auto value = cast<TypedAttr>(dense.getSplatValue<Attribute>());
        op->getResult(0).replaceAllUsesWith(
            FillOp::create(b, op->getLoc(), op->getResult(0).getType(), value));
        op->erase();
      }
    }
    for (Operation *scalar : llvm::reverse(scalars)) scalar->erase();
    return success();
  }

  /// Runs ops in order and gives the last one's result; nothing when the interpreter refuses.
  std::optional<interp::Tensor> evaluateAll(ArrayRef<Operation *> ops) {
    interp::Interpreter interpreter(weights, {});
    DenseMap<Value, interp::Tensor> values;
    for (Operation *op : ops) {
      SmallVector<interp::Tensor> operands;
      for (Value operand : op->getOperands()) operands.push_back(values.lookup(operand));
      auto results = interpreter.evaluate(op, operands);
      if (!results) {
        llvm::consumeError(results.takeError());
        return std::nullopt;
      }
      for (auto [value, tensor] : llvm::zip(op->getResults(), *results)) values[value] = tensor;
    }
    return values.lookup(ops.back()->getResult(0));
  }

  bool isConstantOp(Operation *op) {
    if (op->getNumResults() != 1 || isa<DimValueOp, RegionOp>(op) || !isPure(op)) return false;
    if (!staticBytes(op->getResult(0))) return false;
    return llvm::all_of(op->getOperands(),
                        [&](Value operand) { return constants.contains(operand.getDefiningOp()); });
  }

  /// What is worth storing as such; leaves, repetitions and views are not.
  bool isStorable(Operation *op) {
    if (isa<ConstantOp, FillOp, IotaOp, BroadcastOp>(op)) return false;
    return !isa<ReshapeOp>(op) || !isa_and_nonnull<ConstantOp>(op->getOperand(0).getDefiningOp());
  }

  /// A constant op read by one that is not, or by one that will not be stored itself.
  bool isEnd(Operation *op) {
    if (!constants.contains(op) || !isStorable(op)) return false;
    return llvm::any_of(op->getUsers(),
                        [&](Operation *user) { return !constants.contains(user) || leads(user); });
  }
  /// Whether the chain of unstorable ops behind an op reaches one that is computed at run time.
  bool leads(Operation *op) {
    return !isStorable(op) && llvm::any_of(op->getUsers(), [&](Operation *user) {
      return !constants.contains(user) || leads(user);
    });
  }

  LogicalResult fold(Operation *end) {
    SetVector<Operation *> ops;
    collect(end, ops);
    int64_t leafBytes = 0, bytes = *staticBytes(end->getResult(0));
    bool onlyMoves = true, isShared = false, hasWeight = false;
    for (Operation *op : ops) {
      if (auto constant = dyn_cast<ConstantOp>(op)) {
        leafBytes += *staticBytes(constant.getResult());
        hasWeight |= isa<WeightAttr>(constant.getValue());
        isShared |= !constant->hasOneUse();
      } else {
        onlyMoves &= isa<TransposeOp, ReshapeOp, SliceOp>(op);
      }
    }
    int64_t elements = cast<RankedTensorType>(end->getResult(0).getType()).getNumElements();
    if (elements <= inlineElements && leafBytes <= evaluatedBytes) return foldNow(end, ops.getArrayRef());
    if (!weights || !hasWeight || (onlyMoves && isShared) || bytes > std::max(2 * leafBytes, smallBytes))
      return success();
    return makeRecipe(end, ops.getArrayRef());
  }

  void collect(Operation *op, SetVector<Operation *> &ops) {
    if (ops.contains(op)) return;
    for (Value operand : op->getOperands()) collect(operand.getDefiningOp(), ops);
    ops.insert(op);
  }

  LogicalResult foldNow(Operation *end, ArrayRef<Operation *> ops) {
    auto result = evaluateAll(ops);
    if (!result) return success();
    OpBuilder b(end);
    auto dense = denseOf(*result, cast<RankedTensorType>(end->getResult(0).getType()));
    if (!dense) return success();
    Value value = dense.isSplat()
                      ? FillOp::create(b, end->getLoc(), end->getResult(0).getType(),
                                       cast<TypedAttr>(dense.getSplatValue<Attribute>()))
                            .getResult()
                      : ConstantOp::create(b, end->getLoc(), end->getResult(0).getType(), dense).getResult();
    end->getResult(0).replaceAllUsesWith(value);
    return success();
  }

  LogicalResult makeRecipe(Operation *end, ArrayRef<Operation *> ops) {
    SmallVector<Type> types;
    std::vector<std::string> inputs;
    SmallVector<ConstantOp> leaves;
    for (Operation *op : ops)
      if (auto constant = dyn_cast<ConstantOp>(op))
        if (auto weight = dyn_cast<WeightAttr>(constant.getValue())) {
          if (!weights->find(weight.getName())) return success(); // text without its table
          types.push_back(constant.getType());
          inputs.push_back(weight.getName().str());
          leaves.push_back(constant);
        }
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    std::string name;
    do name = "fold_" + std::to_string(next++);
    while (SymbolTable::lookupSymbolIn(module, name));
    auto recipe =
        func::FuncOp::create(b, end->getLoc(), name, b.getFunctionType(types, end->getResultTypes()));
    recipe.setPrivate();
    Block *body = recipe.addEntryBlock();
    b.setInsertionPointToStart(body);
    IRMapping mapping;
    for (auto [leaf, argument] : llvm::zip(leaves, body->getArguments()))
      mapping.map(leaf.getResult(), argument);
    for (Operation *op : ops)
      if (!mapping.contains(op->getResult(0))) b.clone(*op, mapping);
    func::ReturnOp::create(b, end->getLoc(), mapping.lookup(end->getResult(0)));
    std::string entry = weights->freeName(inputs.front() + ".folded");
    if (llvm::Error error = interp::addFold(*weights, entry, recipe, inputs))
      return end->emitError("internal error: ") << llvm::toString(std::move(error));
    b.setInsertionPoint(end);
    end->getResult(0).replaceAllUsesWith(ConstantOp::create(b, end->getLoc(), end->getResult(0).getType(),
                                                            WeightAttr::get(b.getContext(), entry)));
    return success();
  }

  ModuleOp module;
  func::FuncOp function;
  WeightsTable *weights;
  SmallPtrSet<Operation *, 32> constants;
  int next = 0;
};

struct FoldConstants : impl::FoldConstantsBase<FoldConstants> {
  explicit FoldConstants(PassContext &context) : context(context) {}

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isPrivate() && !function.isExternal()) functions.push_back(function);
    for (func::FuncOp function : functions) {
      if (failed(Folder(getOperation(), function, context.weights).run())) return signalPassFailure();
      // What only the folded ops read.
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.front())))
        if (op.use_empty() && isPure(&op) && !op.hasTrait<OpTrait::IsTerminator>()) op.erase();
    }
  }

  PassContext &context;
};

} // namespace

std::unique_ptr<Pass> createFoldConstantsPass(PassContext &context) {
  return std::make_unique<FoldConstants>(context);
}

} // namespace dlc::graph
