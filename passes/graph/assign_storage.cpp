// Decides in which order the dims of each tensor between regions lie in memory.
//
// Problem. ONNX convolutions are written over [N, C, spatial...]. Stored so, the elements that a window
// multiplies lie apart, and where a row starts depends on the position: nothing can be copied 16 bytes at a
// time. With the channels last, a tap of a window is one run of memory, and so are the outputs of a position.
//
// Before
//   %y = graph.region "k0_conv_relu" (%a = %x : tensor<8x64x56x56xf16>, %f = %w : tensor<64x64x3x3xf16>)
//       -> (tensor<8x64x56x56xf16>) { graph.conv %a, %f ... }
// After
//   %w1 = graph.transpose %w perm [0, 2, 3, 1]                  a recipe, once constants are folded
//   %y = graph.region "k0_conv_relu" (%a = %x : tensor<8x56x56x64xf16>, %f = %w1 : tensor<64x3x3x64xf16>)
//       -> (tensor<8x56x56x64xf16>) {
//     %b = graph.transpose %a perm [0, 3, 1, 2] ...             coordinates, no code
//     graph.conv %b, ...
//     graph.transpose ... perm [0, 2, 3, 1]
//   }
//
// So storage needs no attribute: a tensor between regions lies in memory in the order of its type's dims, and
// a region says with transposes at its borders what its operands and results mean. Emission folds them into
// loads and stores; equal regions, saved values, the plan and the interpreter follow by themselves. Inside of
// regions without a contraction the transposes meet and cancel, so that their loops are over the stored dims.
//
// What is stored channels-last: results of convolutions, and of regions that compute such a tensor's elements
// from elements at the same place or in a window around it, where the channels of a position fill 8-byte
// words; and pointwise and pooled results that only convolutions read, such as a model's input that was cast.
// There a few zero channels may be added to input and filter to fill the words: three channels of a picture
// become four. Where a convolution's window goes over half words that stay row-major, such as an fp16 input
// of the model, a region of its own makes a copy that does not. What stays: results of the model, and what a
// matrix product reads (it flattens channels and positions into one dim). Filters of convolutions have their
// channels last where the input has: k runs along both.
//
// Legal: a renaming of dims, undone by every reader; products with added zeros are zeros. Runs last, when it
// is known which tensors are stored and with which elements; before constants are folded for the last time.
#include "passes/graph/passes.h"
#include "passes/graph/rewrite/rule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace dlc::graph {
#define GEN_PASS_DEF_ASSIGNSTORAGE
#include "passes/graph/passes.h.inc"

namespace {

/// [0, 2, ..., rank - 1, 1]: from [N, C, spatial...] to the order in memory.
SmallVector<int64_t> channelsLast(int64_t rank) {
  SmallVector<int64_t> perm{0};
  for (int64_t d = 2; d < rank; ++d) perm.push_back(d);
  perm.push_back(1);
  return perm;
}
/// [0, rank - 1, 1, ..., rank - 2]: back.
SmallVector<int64_t> channelsFirst(int64_t rank) {
  SmallVector<int64_t> perm{0, rank - 1};
  for (int64_t d = 1; d + 1 < rank; ++d) perm.push_back(d);
  return perm;
}

/// How many channels are missing for those of a position to fill 8-byte words; nothing where there is one
/// channel or one position.
std::optional<int64_t> missingChannels(Value value) {
  SmallVector<Dim> dims = dimsOf(value);
  if (dims.size() < 3 || !elementTypeOf(value).isIntOrFloat()) return std::nullopt;
  auto channels = dims[1].constantValue();
  int64_t word =
      std::max<int64_t>(1, 64 / std::max<int64_t>(8, elementTypeOf(value).getIntOrFloatBitWidth()));
  bool hasPositions =
      llvm::any_of(ArrayRef(dims).drop_front(2), [](const Dim &d) { return !d.isConstant(1); });
  if (!channels || *channels < 2 || !hasPositions) return std::nullopt;
  return (word - *channels % word) % word;
}

/// Whether the groups of a convolution have one input channel each: the filter's outputs are its channels.
bool isDepthwise(ConvOp conv) { return conv.getGroups() > 1 && dimsOf(conv.getFilter())[1].isConstant(1); }

class StorageAssigner {
public:
  StorageAssigner(func::FuncOp function, bool movesWeights, RemarkSink &remarks)
      : function(function), movesWeights(movesWeights), remarks(remarks), b(function.getContext()) {}

  LogicalResult run() {
    for (auto region : llvm::make_early_inc_range(function.front().getOps<RegionOp>())) {
      for (OpOperand &operand : region->getOpOperands())
        if (isWorthACopy(operand))
          if (failed(copyFor(operand))) return failure();
      decide(region);
      if (failed(rebuild(region))) return failure();
    }
    return success();
  }

private:
  //===- Copies -------------------------------------------------------------------===//

  /// Whether a region should read a copy that lies channels-last. Half words cannot be copied to shared
  /// memory one by one while others are multiplied, and windows would read each of them once a tap.
  bool isWorthACopy(OpOperand &operand) {
    auto region = cast<RegionOp>(operand.getOwner());
    Value value = operand.get();
    if (!movesWeights || region.getHero() != "conv" || moved.contains(value) ||
        elementTypeOf(value).getIntOrFloatBitWidth() != 16 || !feedsConvolutions(operand))
      return false;
    bool hasWindow = llvm::all_of(
        region.getBody().getArgument(operand.getOperandNumber()).getUsers(), [](Operation *user) {
          return withoutUnits(ArrayRef(dimsOf(cast<ConvOp>(user).getFilter())).drop_front(2)).size() > 0;
        });
    auto missing = missingChannels(value);
    return hasWindow && missing && isCheap(value, *missing);
  }

  LogicalResult copyFor(OpOperand &operand) {
    auto region = cast<RegionOp>(operand.getOwner());
    Value value = operand.get();
    if (Value copy = copies.lookup(value)) {
      operand.set(copy);
      return success();
    }
    b.setInsertionPoint(region);
    auto copy = RegionOp::create(b, value.getLoc(), TypeRange{value.getType()}, ValueRange{value},
                                 ("k_copy_" + Twine(copies.size())).str(), "none");
    Block *body = b.createBlock(&copy.getBody());
    YieldOp::create(b, value.getLoc(), ValueRange{body->addArgument(value.getType(), value.getLoc())});
    operand.set(copy.getResult(0));
    decide(copy);
    LogicalResult done = rebuild(copy); // which may put another region in its place
    copies[value] = operand.get();
    return done;
  }

  //===- The decision -----------------------------------------------------------===//

  /// Whether a value of a region's body is computed from elements that lie channels-last.
  bool follows(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return moved.contains(
          cast<RegionOp>(argument.getOwner()->getParentOp())->getOperand(argument.getArgNumber()));
    auto [at, isNew] = known.try_emplace(value, false);
    if (!isNew) return at->second;
    Operation *op = value.getDefiningOp();
    bool found = isa<ConvOp>(op);
    if (auto window = dyn_cast<WindowOp>(op))
      found = rankOf(value) >= 3 && window.getWindow()[0] == 1 && window.getWindow()[1] == 1 &&
              follows(window.getOperand());
    else if (isPointwise(op) || isa<PadOp, SliceOp, ConcatOp>(op))
      found = llvm::any_of(op->getOperands(), [&](Value operand) {
        return isa<RankedTensorType>(operand.getType()) && rankOf(operand) == rankOf(value) &&
               follows(operand);
      });
    return known[value] = found;
  }

  /// Why a result has to stay row-major; empty if it does not.
  StringRef obstacle(Value result) {
    for (OpOperand &use : result.getUses()) {
      auto reader = dyn_cast<RegionOp>(use.getOwner());
      if (!reader) return "it is a result of the model";
      if (reader.getHero() == "dot") return "a matrix product reads it";
    }
    return {};
  }

  /// The weight a convolution of the region multiplies with, as the region's operand; null if it is computed.
  static OpOperand *filterOf(RegionOp region, ConvOp conv) {
    auto argument = dyn_cast<BlockArgument>(conv.getFilter());
    if (!argument || !argument.hasOneUse()) return nullptr;
    OpOperand &operand = region->getOpOperand(argument.getArgNumber());
    Operation *source = operand.get().getDefiningOp();
    return source && !isa<RegionOp>(source) ? &operand : nullptr;
  }

  /// Whether a region reads an operand by ungrouped convolutions over weights alone, each directly.
  static bool feedsConvolutions(OpOperand &operand) {
    auto reader = dyn_cast<RegionOp>(operand.getOwner());
    if (!reader) return false;
    BlockArgument argument = reader.getBody().getArgument(operand.getOperandNumber());
    return llvm::all_of(argument.getUses(), [&](OpOperand &inner) {
      auto conv = dyn_cast<ConvOp>(inner.getOwner());
      return conv && inner.getOperandNumber() == 0 && conv.getGroups() == 1 && filterOf(reader, conv);
    });
  }
  static bool onlyConvolutionsRead(Value result) {
    return !result.use_empty() && llvm::all_of(result.getUses(), feedsConvolutions);
  }

  /// Added channels are multiplied, too: a third more at most.
  static bool isCheap(Value value, int64_t missing) {
    return missing * 3 <= *dimsOf(value)[1].constantValue();
  }

  /// Whether a result should lie channels-last, if nothing hinders it.
  bool isCandidate(RegionOp region, Value result, Value value) {
    auto missing = missingChannels(value);
    if (!missing) return false;
    if (*missing == 0 && follows(value)) return true;
    bool isElementwise = region.getHero() == "none" || region.getHero() == "window";
    if (!movesWeights || !isElementwise || !isCheap(value, *missing) || !onlyConvolutionsRead(result))
      return false;
    added[result] = *missing;
    return true;
  }

  void decide(RegionOp region) {
    known.clear();
    Operation *yield = region.getBody().front().getTerminator();
    SmallVector<unsigned> candidates;
    for (auto [i, value] : llvm::enumerate(yield->getOperands()))
      if (isCandidate(region, region.getResult(i), value)) candidates.push_back(i);
    // Loops over a region's elements run once for all results of equal dims, so these agree.
    auto blocked = [&](unsigned i) -> StringRef {
      for (unsigned other : candidates)
        if (other == i ||
            (region.getHero() != "conv" && dimsOf(region.getResult(other)) == dimsOf(region.getResult(i))))
          if (StringRef why = obstacle(region.getResult(other)); !why.empty()) return why;
      return {};
    };
    for (unsigned i : candidates) {
      StringRef why = blocked(i);
      if (why.empty()) moved.insert(region.getResult(i));
      if (!remarks) continue;
      std::string what = "result " + std::to_string(i) + " of " + region.getName().str();
      std::string reason = why.empty() ? "stored with the channels last" : "stays row-major: " + why.str();
      if (int64_t zeros = added.lookup(region.getResult(i)))
        reason += ", and " + std::to_string(zeros) + " of zeros";
      remarks.add({why.empty() ? Remark::Kind::Changed : Remark::Kind::Missed,
                   "assign-storage",
                   what,
                   "",
                   "assign-storage",
                   reason,
                   {}});
    }
  }

  //===- The rewrite --------------------------------------------------------------===//

  LogicalResult rebuild(RegionOp region) {
    Block &body = region.getBody().front();
    bool changed = false;
    for (auto [argument, operand] : llvm::zip(body.getArguments(), region.getOperands()))
      if (moved.contains(operand)) {
        reorder(argument, operand.getType(), channelsFirst(rankOf(operand)));
        changed = true;
      }
    if (changed && movesWeights)
      for (ConvOp conv : body.getOps<ConvOp>()) moveFilter(region, conv);
    if (llvm::any_of(region.getResults(), [&](Value result) { return moved.contains(result); })) {
      region = moveResults(region);
      changed = true;
    }
    return changed ? cancelTransposes(region) : success();
  }

  /// Gives an argument the type of what it stands for now, and its readers what they read before.
  void reorder(BlockArgument argument, Type type, ArrayRef<int64_t> back) {
    b.setInsertionPointToStart(argument.getOwner());
    argument.setType(type);
    Value same = transpose(b, argument.getLoc(), argument, back);
    argument.replaceAllUsesExcept(same, same.getDefiningOp());
  }

  void moveFilter(RegionOp region, ConvOp conv) {
    OpOperand *use = filterOf(region, conv);
    if (!use || !inputIsMoved(conv)) return;
    auto argument = cast<BlockArgument>(conv.getFilter());
    bool depthwise = isDepthwise(conv);
    int64_t missing =
        *(dimsOf(conv.getInput())[1] - dimsOf(argument)[1] * int64_t(conv.getGroups())).constantValue();
    if (withoutUnits(dimsOf(argument)).size() <= 2 && !depthwise && !missing) return; // no taps to go around
    int64_t rank = rankOf(argument);
    SmallVector<int64_t> perm = channelsLast(rank), back = channelsFirst(rank);
    if (depthwise)
      for (int64_t d = 0; d < rank; ++d) perm[d] = (d + 1) % rank, back[d] = (d + rank - 1) % rank;
    auto [at, isNew] = filters.try_emplace({use->get(), unsigned(depthwise) + 2 * missing}, Value());
    if (isNew) {
      Operation *source = use->get().getDefiningOp();
      b.setInsertionPointAfter(source);
      // A copy of the constant: other readers keep theirs.
      Value weight = isa<ConstantOp>(source) ? b.clone(*source)->getResult(0) : use->get();
      at->second = transpose(b, source->getLoc(), withZeros(weight, 1, missing), perm);
    }
    use->set(at->second);
    reorder(argument, at->second.getType(), back);
  }

  /// The value with `count` zeros behind its elements along a dim.
  Value withZeros(Value value, int64_t dim, int64_t count) {
    if (!count) return value;
    SmallVector<Dim> none(rankOf(value), Dim(0)), some = none;
    some[dim] = count;
    return pad(b, value.getLoc(), value, fill(b, value.getLoc(), {}, elementTypeOf(value), 0), none, some);
  }

  /// Whether the convolution reads an operand that lies channels-last.
  static bool inputIsMoved(ConvOp conv) { return isMoved(conv.getInput()); }
  static bool isMoved(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op) return false;
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return transpose.getPerm() == ArrayRef<int64_t>(channelsFirst(rankOf(value)));
    return (isPointwise(op) || isa<PadOp>(op)) && llvm::any_of(op->getOperands(), isMoved);
  }

  RegionOp moveResults(RegionOp region) {
    Operation *yield = region.getBody().front().getTerminator();
    SmallVector<Type> types(region.getResultTypes());
    for (auto [i, result] : llvm::enumerate(region.getResults())) {
      if (!moved.contains(result)) continue;
      b.setInsertionPoint(yield);
      Value value = yield->getOperand(i);
      Value stored = transpose(b, value.getLoc(), withZeros(value, 1, added.lookup(result)),
                               channelsLast(rankOf(value)));
      yield->setOperand(i, stored);
      types[i] = stored.getType();
    }
    b.setInsertionPoint(region);
    auto rebuilt =
        RegionOp::create(b, region.getLoc(), types, region.getOperands(), region.getName(), region.getHero());
    rebuilt.getBody().takeBody(region.getBody());
    for (auto [result, now] : llvm::zip(region.getResults(), rebuilt.getResults())) {
      if (moved.erase(result)) moved.insert(now);
      result.replaceAllUsesWith(now);
    }
    region.erase();
    return rebuilt;
  }

  LogicalResult cancelTransposes(RegionOp region) {
    RewritePatternSet patterns(region.getContext());
    addTransposeRules(patterns);
    addMovementRules(patterns);
    return applyRules(region, std::move(patterns));
  }

  func::FuncOp function;
  bool movesWeights;
  RemarkSink &remarks;
  OpBuilder b;
  DenseSet<Value> moved;                               ///< results that lie channels-last
  DenseMap<Value, Value> copies;                       ///< made for convolutions, by what they are of
  DenseMap<Value, int64_t> added;                      ///< channels of zeros of such results
  DenseMap<std::pair<Value, unsigned>, Value> filters; ///< by weight, whether depthwise, and added channels
  DenseMap<Value, bool> known;
};

struct AssignStorage : impl::AssignStorageBase<AssignStorage> {
  explicit AssignStorage(PassContext &context) : context(context) {}

  void runOnOperation() override {
    // Transposed weights become recipes when constants are folded.
    bool movesWeights = context.weights && context.options.isEnabled("fold-constants");
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && !function.isPrivate() &&
          failed(StorageAssigner(function, movesWeights, context.remarks).run()))
        return signalPassFailure();
  }

  PassContext &context;
};

} // namespace

std::unique_ptr<Pass> createAssignStoragePass(PassContext &context) {
  return std::make_unique<AssignStorage>(context);
}

} // namespace dlc::graph
