// Moves transposes, reshapes and broadcasts to where they cancel or cost nothing, and slices to where less is
// computed.
//
// Problem. A TensorFlow graph wraps each convolution in NHWC -> NCHW -> NHWC transposes with pointwise work
// between them; attention transposes heads in front of its matmuls; scales are broadcast before they are
// combined.
//
// Before                                          After
//   %a = graph.transpose %x perm [0, 2, 3, 1]       %s = arith.addf %x, (graph.broadcast %bias dims [1])
//   %b = graph.broadcast %bias dims [3]             %r = math.tanh %s
//   %s = arith.addf %a, %b                          graph.conv %r
//   %r = math.tanh %s
//   %c = graph.transpose %r perm [0, 3, 1, 2]
//   graph.conv %c
//
// Rules (each equation in its function below):
//   f(transpose x, transpose y, broadcast z, fill) -> transpose f(x, y, broadcast' z, fill)      transposes
//   sink and meet f(reshape x, reshape y, fill)                  -> reshape f(x, y, fill) reshapes sink
//   f(broadcast x, broadcast y, fill)              -> broadcast f(x, y, fill)                    less is
//   computed reduce, window, pad, concat of transposes      -> transpose of them dot(transpose x, y) ->
//   dot(x, y) over other dims                  a strided read slice(f(x, y)) -> f(slice x, slice y) where
//   only the slice reads f
//
// Legal: pointwise ops commute with every map of indices; the others are renamings of dims. A rule fires only
// where all operands can follow, so no transpose is made that was not there.
//
// Runs after canonicalisation, before constants are folded: what sinks away from a weight leaves the weight
// as it is.
#include "passes/graph/passes.h"
#include "passes/graph/rewrite/rule.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dlc::graph {
#define GEN_PASS_DEF_SIMPLIFYMOVEMENT
#include "passes/graph/passes.h.inc"

namespace {

SmallVector<int64_t> inverse(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> result(perm.size());
  for (auto [i, p] : llvm::enumerate(perm)) result[p] = i;
  return result;
}

SmallVector<Dim> permuted(ArrayRef<Dim> dims, ArrayRef<int64_t> perm) {
  SmallVector<Dim> result;
  for (int64_t p : perm) result.push_back(dims[p]);
  return result;
}

/// The op on other operands, whose dims are the results' new dims; element types stay.
Operation *cloneOn(PatternRewriter &b, Operation *op, ArrayRef<Value> operands, ArrayRef<Dim> dims) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  for (Value result : op->getResults()) state.addTypes(tensorType(dims, elementTypeOf(result)));
  state.addAttributes(op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  return b.create(state);
}

Value fillLike(PatternRewriter &b, Value splat, ArrayRef<Dim> dims) {
  return FillOp::create(b, splat.getLoc(), tensorType(dims, elementTypeOf(splat)), splatValue(splat));
}

//===- Transposes sink -----------------------------------------------------------===//

/// The value y with transpose(y, perm) == value, if there is one without another transpose of a large tensor.
Value untransposed(PatternRewriter &b, Value value, ArrayRef<int64_t> perm, bool build) {
  SmallVector<int64_t> back = inverse(perm);
  if (splatValue(value)) return build ? fillLike(b, value, permuted(dimsOf(value), back)) : value;
  if (auto op = value.getDefiningOp<TransposeOp>()) return op.getPerm() == perm ? op.getOperand() : Value();
  auto op = value.getDefiningOp<BroadcastOp>();
  if (!op) return {};
  // transpose(broadcast(x, map), back) puts operand dim i at place back^-1[map[i]] = perm[map[i]].
  SmallVector<int64_t> map;
  for (int64_t place : op.getDims()) map.push_back(perm[place]);
  if (!llvm::is_sorted(map)) return {};
  return build ? broadcast(b, op.getLoc(), op.getOperand(), permuted(dimsOf(value), back), map) : value;
}

/// f(transpose x, transpose y, ...) -> transpose f(x, y, ...)
struct SinkTranspose : RewritePattern {
  explicit SinkTranspose(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &b) const override {
    if (!isPointwise(op) || op->getNumResults() != 1) return failure();
    TransposeOp found;
    for (Value operand : op->getOperands())
      if (auto transpose = operand.getDefiningOp<TransposeOp>()) found = transpose;
    if (!found) return failure();
    ArrayRef<int64_t> perm = found.getPerm();
    for (Value operand : op->getOperands())
      if (!untransposed(b, operand, perm, /*build=*/false)) return failure();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(untransposed(b, operand, perm, /*build=*/true));
    Operation *inner = cloneOn(b, op, operands, dimsOf(found.getOperand()));
    b.replaceOp(op, transpose(b, op->getLoc(), inner->getResult(0), perm));
    return success();
  }
};

/// reduce(transpose x) -> transpose(reduce x)
LogicalResult reduceOfTranspose(ReduceOp op, PatternRewriter &b) {
  auto first = op.getOperands()[0].getDefiningOp<TransposeOp>();
  if (!first) return failure();
  SmallVector<Value> operands;
  for (Value operand : op.getOperands()) {
    auto transpose = operand.getDefiningOp<TransposeOp>();
    if (!transpose || transpose.getPerm() != first.getPerm()) return failure();
    operands.push_back(transpose.getOperand());
  }
  SmallVector<int64_t> dims, kept;
  for (int64_t dim : op.getDims()) dims.push_back(first.getPerm()[dim]);
  llvm::sort(dims);
  for (auto [i, p] : llvm::enumerate(first.getPerm()))
    if (!llvm::is_contained(op.getDims(), int64_t(i))) kept.push_back(p);
  // The kept dims in the order of the operand, and how the result permutes them.
  SmallVector<int64_t> ordered = kept, perm;
  llvm::sort(ordered);
  for (int64_t p : kept) perm.push_back(llvm::find(ordered, p) - ordered.begin());
  SmallVector<Dim> resultDims = permuted(dimsOf(operands[0]), ordered);
  SmallVector<Type> types;
  for (Value result : op.getResults()) types.push_back(tensorType(resultDims, elementTypeOf(result)));
  auto inner = ReduceOp::create(b, op.getLoc(), types, operands, op.getInits(), dims);
  b.inlineRegionBefore(op.getCombiner(), inner.getCombiner(), inner.getCombiner().begin());
  SmallVector<Value> results;
  for (Value result : inner.getResults()) results.push_back(transpose(b, op.getLoc(), result, perm));
  b.replaceOp(op, results);
  return success();
}

SmallVector<int64_t> permutedList(ArrayRef<int64_t> list, ArrayRef<int64_t> back) {
  SmallVector<int64_t> result;
  for (int64_t p : back) result.push_back(list[p]);
  return result;
}

/// window(transpose x) -> transpose(window x)
LogicalResult windowOfTranspose(WindowOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<TransposeOp>();
  if (!inner) return failure();
  SmallVector<int64_t> back = inverse(inner.getPerm());
  auto result = WindowOp::create(
      b, op.getLoc(), tensorType(permuted(dimsOf(op.getResult()), back), elementTypeOf(op.getResult())),
      inner.getOperand(), op.getInit(), permutedList(op.getWindow(), back),
      permutedList(op.getStrides(), back), permutedList(op.getDilations(), back),
      DimsAttr::get(op.getContext(), permuted(op.getLow().getDims(), back)),
      DimsAttr::get(op.getContext(), permuted(op.getHigh().getDims(), back)));
  b.inlineRegionBefore(op.getCombiner(), result.getCombiner(), result.getCombiner().begin());
  b.replaceOp(op, transpose(b, op.getLoc(), result.getResult(), inner.getPerm()));
  return success();
}

/// pad(transpose x) -> transpose(pad x)
Value padOfTranspose(PadOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<TransposeOp>();
  if (!inner) return {};
  SmallVector<int64_t> back = inverse(inner.getPerm());
  Value padded = pad(b, op.getLoc(), inner.getOperand(), op.getValue(), permuted(op.getLow().getDims(), back),
                     permuted(op.getHigh().getDims(), back));
  return transpose(b, op.getLoc(), padded, inner.getPerm());
}

/// concat(transpose x, transpose y) -> transpose(concat(x, y))
Value concatOfTransposes(ConcatOp op, PatternRewriter &b) {
  auto first = op.getOperands()[0].getDefiningOp<TransposeOp>();
  if (!first) return {};
  SmallVector<Value> operands;
  for (Value operand : op.getOperands()) {
    auto transpose = operand.getDefiningOp<TransposeOp>();
    if (!transpose || transpose.getPerm() != first.getPerm()) return {};
    operands.push_back(transpose.getOperand());
  }
  Value joined = concat(b, op.getLoc(), operands, first.getPerm()[op.getAxis()]);
  return transpose(b, op.getLoc(), joined, first.getPerm());
}

/// slice(transpose x) -> transpose(slice x)
Value sliceOfTranspose(SliceOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<TransposeOp>();
  if (!inner) return {};
  SmallVector<int64_t> back = inverse(inner.getPerm());
  Value sliced = slice(b, op.getLoc(), inner.getOperand(), permuted(op.getOffsets().getDims(), back),
                       permutedList(op.getSteps(), back), permuted(dimsOf(op.getResult()), back));
  return transpose(b, op.getLoc(), sliced, inner.getPerm());
}

//===- Contractions read transposed operands as they lie ----------------------------===//

/// Whether the dims that a contraction keeps of an operand stay in their order without the transpose.
bool keepsOrder(TransposeOp op, ArrayRef<int64_t> batch, ArrayRef<int64_t> contract) {
  int64_t last = -1;
  for (auto [i, p] : llvm::enumerate(op.getPerm())) {
    if (llvm::is_contained(batch, int64_t(i)) || llvm::is_contained(contract, int64_t(i))) continue;
    if (p < last) return false;
    last = p;
  }
  return true;
}

/// dot(transpose x, y) -> dot(x, y) over renamed dims
Value dotOfTranspose(DotOp op, PatternRewriter &b) {
  auto side = [&](Value &operand, SmallVector<int64_t> &batch, SmallVector<int64_t> &contract) {
    auto inner = operand.getDefiningOp<TransposeOp>();
    if (!inner || !keepsOrder(inner, batch, contract)) return false;
    for (int64_t &dim : batch) dim = inner.getPerm()[dim];
    for (int64_t &dim : contract) dim = inner.getPerm()[dim];
    operand = inner.getOperand();
    return true;
  };
  Value lhs = op.getLhs(), rhs = op.getRhs();
  SmallVector<int64_t> lhsBatch(op.getLhsBatch()), rhsBatch(op.getRhsBatch());
  SmallVector<int64_t> lhsContract(op.getLhsContract()), rhsContract(op.getRhsContract());
  bool left = side(lhs, lhsBatch, lhsContract), right = side(rhs, rhsBatch, rhsContract);
  if (!left && !right) return {};
  return DotOp::create(b, op.getLoc(), op.getType(), lhs, rhs, lhsBatch, rhsBatch, lhsContract, rhsContract,
                       op.getPrecision());
}

//===- Reshapes and broadcasts sink ---------------------------------------------------===//

/// f(reshape x, reshape y, fill) -> reshape f(x, y, fill)
/// f(broadcast x, broadcast y, fill) -> broadcast f(x, y, fill)
template <typename MoveOp> struct SinkMovement : RewritePattern {
  explicit SinkMovement(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  static bool isSame(MoveOp a, MoveOp b) {
    if (dimsOf(a.getOperand()) != dimsOf(b.getOperand())) return false;
    if constexpr (std::is_same_v<MoveOp, BroadcastOp>) return a.getDims() == b.getDims();
    return true;
  }

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &b) const override {
    if (!isPointwise(op) || op->getNumResults() != 1) return failure();
    MoveOp found;
    for (Value operand : op->getOperands()) {
      if (auto move = operand.getDefiningOp<MoveOp>(); move && !splatValue(operand)) {
        if (found && !isSame(found, move)) return failure();
        found = move;
      } else if (!splatValue(operand)) {
        return failure();
      }
    }
    if (!found) return failure();
    SmallVector<Dim> dims = dimsOf(found.getOperand());
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      auto move = operand.getDefiningOp<MoveOp>();
      operands.push_back(splatValue(operand) ? fillLike(b, operand, dims) : move.getOperand());
    }
    Value inner = cloneOn(b, op, operands, dims)->getResult(0);
    if constexpr (std::is_same_v<MoveOp, BroadcastOp>)
      b.replaceOp(op, broadcast(b, op->getLoc(), inner, dimsOf(op->getResult(0)), found.getDims()));
    else
      b.replaceOp(op, reshape(b, op->getLoc(), inner, dimsOf(op->getResult(0))));
    return success();
  }
};

//===- Slices rise ------------------------------------------------------------------------===//

/// slice(f(x, y)) -> f(slice x, slice y), where only the slice reads f
LogicalResult sliceOfPointwise(SliceOp op, PatternRewriter &b) {
  Operation *inner = op.getOperand().getDefiningOp();
  if (!inner || !isPointwise(inner) || inner->getNumResults() != 1 || !inner->hasOneUse()) return failure();
  SmallVector<Value> operands;
  for (Value operand : inner->getOperands()) {
    if (splatValue(operand))
      operands.push_back(fillLike(b, operand, dimsOf(op.getResult())));
    else
      operands.push_back(
          slice(b, op.getLoc(), operand, op.getOffsets().getDims(), op.getSteps(), dimsOf(op.getResult())));
  }
  b.replaceOp(op, cloneOn(b, inner, operands, dimsOf(op.getResult()))->getResults());
  return success();
}

/// slice(broadcast x) -> broadcast(slice x)
Value sliceOfBroadcast(SliceOp op, PatternRewriter &b) {
  auto inner = op.getOperand().getDefiningOp<BroadcastOp>();
  if (!inner) return {};
  SmallVector<Dim> from = dimsOf(inner.getOperand()), offsets, sizes;
  SmallVector<int64_t> steps;
  bool isWhole = true;
  for (auto [dim, place] : llvm::zip(from, inner.getDims())) {
    bool isOne = dim.isConstant(1);
    offsets.push_back(isOne ? Dim(0) : op.getOffsets().getDims()[place]);
    steps.push_back(isOne ? 1 : op.getSteps()[place]);
    sizes.push_back(isOne ? Dim(1) : dimsOf(op.getResult())[place]);
    isWhole &= offsets.back().isConstant(0) && steps.back() == 1 && sizes.back() == dim;
  }
  Value small = inner.getOperand();
  if (!isWhole) small = slice(b, op.getLoc(), small, offsets, steps, sizes);
  return broadcast(b, op.getLoc(), small, dimsOf(op.getResult()), inner.getDims());
}

} // namespace

void addTransposeRules(RewritePatternSet &patterns) {
  patterns.add<SinkTranspose>(patterns.getContext());
  patterns.add(reduceOfTranspose);
  patterns.add(windowOfTranspose);
  add<PadOp>(patterns, padOfTranspose);
  add<ConcatOp>(patterns, concatOfTransposes);
  add<SliceOp>(patterns, sliceOfTranspose);
}

namespace {

struct SimplifyMovement : impl::SimplifyMovementBase<SimplifyMovement> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    addTransposeRules(patterns);
    patterns.add<SinkMovement<ReshapeOp>, SinkMovement<BroadcastOp>>(&getContext());
    patterns.add(sliceOfPointwise);
    add<SliceOp>(patterns, sliceOfBroadcast);
    add<DotOp>(patterns, dotOfTranspose);
    // What meets has to cancel before it can sink further.
    addMovementRules(patterns);
    if (failed(applyRules(getOperation(), std::move(patterns)))) signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createSimplifyMovementPass(PassContext &) {
  return std::make_unique<SimplifyMovement>();
}

} // namespace dlc::graph
