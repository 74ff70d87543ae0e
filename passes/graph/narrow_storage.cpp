// --precision=fp16 and bf16: stores tensors between regions, and weights, in 16 bits; contractions read
// 16-bit operands.
//
// Before
//   %a = graph.region "k0_matmul_gelu" hero "dot" (%x, %w) -> (tensor<8x64xf32>) { ... graph.yield %g : f32 }
//   %b = graph.region "k1_softmax" hero "reduce" (%a) { ... }
// After
//   %a = graph.region "k0_matmul_gelu" hero "dot" (%x16, %w16) -> (tensor<8x64xf16>) {
//     %d = graph.dot %x16, %w16 : f16, f16 -> f32       products of 16-bit operands, summed in fp32
//     ...                                               the epilogue in fp32
//     %n = arith.truncf %g                              one rounding, where it is stored
//   }
//   %b = graph.region "k1_softmax" hero "reduce" (%a) { %w = arith.extf %a ... all in fp32 ... }
//
// Everything between a load and a store stays in fp32: reductions, softmax and norms keep the precision they
// had, and a value is rounded once per tensor that exists in memory, not once per op. Inputs and outputs keep
// the model's types; vectors (biases, scales) and row statistics stay fp32: they cost nothing. So does what
// is computed from dims alone, such as places of elements along an axis, which 16 bits would move to their
// neighbours. Constants past fp16's range become its largest value, infinities stay (masks are often the
// smallest fp32 number).
//
// Legal because the user asked for it. Runs after fusion, which decides what is stored.
#include "passes/graph/passes.h"
#include "passes/graph/rewrite/rule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dlc::graph {
#define GEN_PASS_DEF_NARROWSTORAGE
#include "passes/graph/passes.h.inc"

namespace {

Value narrowed(OpBuilder &b, Location loc, Value value, FloatType narrow) {
  return arith::TruncFOp::create(b, loc, tensorType(dimsOf(value), narrow), value);
}

/// Finite values beyond the narrow range become its ends; infinities and NaN pass.
Value saturated(OpBuilder &b, Location loc, Value x, FloatType narrow) {
  SmallVector<Dim> dims = dimsOf(x);
  Type element = elementTypeOf(x);
  double limit = APFloat::getLargest(narrow.getFloatSemantics()).convertToDouble();
  Value high = fill(b, loc, dims, element, limit), low = fill(b, loc, dims, element, -limit);
  Value clamped = arith::MinimumFOp::create(b, loc, arith::MaximumFOp::create(b, loc, x, low), high);
  Value infinity = fill(b, loc, dims, element, std::numeric_limits<double>::infinity());
  Value isInfinite =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, math::AbsFOp::create(b, loc, x), infinity);
  return arith::SelectOp::create(b, loc, isInfinite, x, clamped);
}

/// Whether a value reaches an operand of a contraction through movement alone.
bool feedsContraction(Value value) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (isa<DotOp, ConvOp>(user)) return true;
    return isa<TransposeOp, ReshapeOp, BroadcastOp, SliceOp, PadOp, ConcatOp>(user) &&
           feedsContraction(user->getResult(0));
  });
}

/// Whether some region reads the value as a contraction's operand.
bool feedsContractionOutside(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    auto region = dyn_cast<RegionOp>(use.getOwner());
    return region && feedsContraction(region.getBody().getArgument(use.getOperandNumber()));
  });
}

bool isMatrix(Value value) { return withoutUnits(dimsOf(value)).size() >= 2; }

class Narrower {
public:
  Narrower(func::FuncOp function, FloatType narrow, bool storesWeights)
      : function(function), narrow(narrow), storesWeights(storesWeights), b(function.getContext()) {}

  void run() {
    for (BlockArgument argument : function.getArguments())
      if (elementTypeOf(argument).isF32() && feedsContractionOutside(argument)) castForContractions(argument);
    for (auto constant : llvm::make_early_inc_range(function.front().getOps<ConstantOp>()))
      if (elementTypeOf(constant.getResult()).isF32() &&
          (isMatrix(constant.getResult()) || feedsContractionOutside(constant.getResult())))
        narrowWeight(constant);
    for (auto region : llvm::make_early_inc_range(function.front().getOps<RegionOp>()))
      if (region.getNumOperands() || !region.getBody().front().without_terminator().empty()) rebuild(region);
  }

private:
  /// An argument keeps its type; contractions read a copy of it.
  void castForContractions(Value value) {
    Operation *first = nullptr;
    for (Operation *user : value.getUsers())
      if (!first || user->isBeforeInBlock(first)) first = user;
    b.setInsertionPoint(first);
    Value copy = castRegion(value, "cast");
    value.replaceUsesWithIf(copy, [&](OpOperand &use) {
      auto region = dyn_cast<RegionOp>(use.getOwner());
      return region && use.get() == value && region.getResult(0) != copy &&
             feedsContraction(region.getBody().getArgument(use.getOperandNumber()));
    });
  }

  Value castRegion(Value value, StringRef word) {
    Location loc = value.getLoc();
    std::string name = ("k_" + word + "_" + Twine(casts++)).str();
    auto region = RegionOp::create(b, loc, TypeRange{tensorType(dimsOf(value), narrow)}, ValueRange{value},
                                   name, "none");
    OpBuilder::InsertionGuard guard(b);
    Block *body = b.createBlock(&region.getBody());
    Value argument = body->addArgument(value.getType(), loc);
    YieldOp::create(b, loc, ValueRange{narrowed(b, loc, argument, narrow)});
    return region.getResult(0);
  }

  void narrowWeight(ConstantOp constant) {
    Value wide = constant.getResult();
    b.setInsertionPointAfter(constant);
    if (!storesWeights) {
      Value copy = castRegion(wide, "weight");
      wide.replaceAllUsesExcept(copy, copy.getDefiningOp());
      return;
    }
    Value clamped = saturated(b, wide.getLoc(), wide, narrow);
    Value copy = narrowed(b, wide.getLoc(), clamped, narrow);
    wide.replaceUsesWithIf(copy, [](OpOperand &use) { return isa<RegionOp>(use.getOwner()); });
  }

  /// Whether no data of the model goes into the region.
  bool readsDimsAlone(RegionOp region) {
    return llvm::all_of(region.getOperands(), [&](Value operand) { return places.contains(operand); });
  }

  /// Rows' statistics and vectors that follow from dims keep fp32 unless a contraction reads them.
  bool isStored(RegionOp region, Value result) {
    if (!elementTypeOf(result).isF32()) return false;
    if (feedsContractionOutside(result)) return true;
    if (readsDimsAlone(region) && !isMatrix(result)) return false;
    if (region.getHero() != "reduce") return true;
    for (Value operand : region.getOperands())
      if (rankOf(result) < rankOf(operand) && dimsOf(operand) != dimsOf(result)) return false;
    return true;
  }

  void rebuild(RegionOp region) {
    Block &body = region.getBody().front();
    for (auto [argument, operand] : llvm::zip(body.getArguments(), region.getOperands())) {
      if (argument.getType() == operand.getType()) continue;
      b.setInsertionPointToStart(&body);
      Type wide = argument.getType();
      argument.setType(operand.getType());
      auto extended = arith::ExtFOp::create(b, argument.getLoc(), wide, argument);
      argument.replaceAllUsesExcept(extended, extended);
    }
    for (Operation &op : llvm::make_early_inc_range(body.without_terminator())) {
      sinkExtension(&op);
      if (isa<DotOp, ConvOp>(op)) narrowContraction(&op);
    }
    storeResults(region);
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
      if (op.use_empty() && !isa<YieldOp>(op)) op.erase();
  }

  /// The narrow value that was extended to this one; fills are made anew; null for anything else.
  Value beforeExtension(Value value) {
    if (auto extension = value.getDefiningOp<arith::ExtFOp>())
      return elementTypeOf(extension.getIn()) == narrow ? extension.getIn() : Value();
    if (auto number = dyn_cast_or_null<FloatAttr>(splatValue(value))) {
      APFloat rounded = number.getValue();
      bool lost;
      rounded.convert(narrow.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
      if (!lost)
        return FillOp::create(b, value.getLoc(), tensorType(dimsOf(value), narrow),
                              FloatAttr::get(narrow, rounded));
    }
    return {};
  }

  /// move(ext x) -> ext(move x): movement then works on what is stored.
  void sinkExtension(Operation *op) {
    if (!isa<TransposeOp, ReshapeOp, BroadcastOp, SliceOp, PadOp, ConcatOp, GatherOp>(op)) return;
    if (!elementTypeOf(op->getResult(0)).isF32()) return;
    b.setInsertionPoint(op);
    IRMapping mapping;
    bool any = false;
    for (Value operand : op->getOperands()) {
      if (!elementTypeOf(operand).isF32()) continue; // indices
      Value before = beforeExtension(operand);
      if (!before) return;
      any |= operand.getDefiningOp<arith::ExtFOp>() != nullptr;
      mapping.map(operand, before);
    }
    if (!any) return;
    Operation *moved = b.clone(*op, mapping);
    Value wide = op->getResult(0);
    moved->getResult(0).setType(tensorType(dimsOf(wide), narrow));
    wide.replaceAllUsesWith(arith::ExtFOp::create(b, op->getLoc(), wide.getType(), moved->getResult(0)));
  }

  /// dot(ext x, ext y) -> dot(x, y): exact products either way; what is computed in the region is rounded
  /// first.
  void narrowContraction(Operation *op) {
    if (!elementTypeOf(op->getOperand(0)).isF32()) return;
    b.setInsertionPoint(op);
    for (OpOperand &operand : op->getOpOperands()) {
      Value before = beforeExtension(operand.get());
      operand.set(before ? before : narrowed(b, op->getLoc(), operand.get(), narrow));
    }
  }

  /// Whether a number in the body is past the narrow range, so that a mask made of it would become infinite.
  bool hasHugeNumber(Block &body) {
    APFloat limit = APFloat::getLargest(narrow.getFloatSemantics());
    return llvm::any_of(body.getOps<FillOp>(), [&](FillOp op) {
      auto number = dyn_cast<FloatAttr>(op.getValue());
      return number && number.getValue().isFinite() &&
             std::fabs(number.getValueAsDouble()) > limit.convertToDouble();
    });
  }

  /// Results that only regions read are stored narrow; what the function returns keeps its type, and readers
  /// get a narrow copy beside it.
  void storeResults(RegionOp region) {
    Operation *yield = region.getBody().front().getTerminator();
    b.setInsertionPoint(yield);
    // A sum with a saturated mask is past the range again. Reductions end that: a softmax gives ordinary
    // numbers.
    bool saturates = hasHugeNumber(region.getBody().front()) ||
                     (region.getHero() != "reduce" && llvm::any_of(region.getOperands(), [&](Value operand) {
                        return saturatedValues.contains(operand);
                      }));
    SmallVector<Type> types(region.getResultTypes());
    SmallVector<Value> values(yield->getOperands());
    SmallVector<std::pair<int, bool>> copies; // (result, whether the wide one stays)
    for (auto [i, result] : llvm::enumerate(region.getResults())) {
      bool escapes = llvm::any_of(result.getUsers(), [](Operation *user) { return !isa<RegionOp>(user); });
      bool isRead = llvm::any_of(result.getUsers(), [](Operation *user) { return isa<RegionOp>(user); });
      if (!isStored(region, result) || !isRead) continue;
      Value source = saturates ? saturated(b, region.getLoc(), values[i], narrow) : values[i];
      Value copy = narrowed(b, region.getLoc(), source, narrow);
      if (escapes) {
        copies.push_back({i, true});
        values.push_back(copy);
        types.push_back(copy.getType());
      } else {
        copies.push_back({i, false});
        values[i] = copy;
        types[i] = copy.getType();
      }
    }
    yield->setOperands(values);
    b.setInsertionPoint(region);
    auto rebuilt =
        RegionOp::create(b, region.getLoc(), types, region.getOperands(), region.getName(), region.getHero());
    rebuilt.getBody().takeBody(region.getBody());
    if (readsDimsAlone(region)) places.insert_range(rebuilt.getResults());
    size_t extra = region.getNumResults();
    DenseMap<int, Value> copyOf;
    for (auto [i, staysWide] : copies) {
      copyOf[i] = rebuilt.getResult(staysWide ? extra++ : i);
      if (saturates) saturatedValues.insert(copyOf[i]);
    }
    for (auto [i, result] : llvm::enumerate(region.getResults())) {
      Value same = rebuilt.getResult(i), copy = copyOf.lookup(i);
      result.replaceUsesWithIf(copy ? copy : same,
                               [](OpOperand &use) { return isa<RegionOp>(use.getOwner()); });
      result.replaceAllUsesWith(same);
    }
    region.erase();
  }

  func::FuncOp function;
  FloatType narrow;
  bool storesWeights;
  OpBuilder b;
  int casts = 0;
  DenseSet<Value> saturatedValues;
  DenseSet<Value> places; // what is computed from dims alone
};

struct NarrowStorage : impl::NarrowStorageBase<NarrowStorage> {
  explicit NarrowStorage(PassContext &context) : context(context) {}

  void runOnOperation() override {
    FloatType narrow;
    if (context.options.precision == Precision::Fp16) narrow = Float16Type::get(&getContext());
    if (context.options.precision == Precision::Bf16) narrow = BFloat16Type::get(&getContext());
    if (!narrow) return;
    // Casts of weights become recipes when constants are folded; otherwise regions do them.
    bool storesWeights = context.weights && context.options.isEnabled("fold-constants");
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && !function.isPrivate()) Narrower(function, narrow, storesWeights).run();
  }

  PassContext &context;
};

} // namespace

std::unique_ptr<Pass> createNarrowStoragePass(PassContext &context) {
  return std::make_unique<NarrowStorage>(context);
}

} // namespace dlc::graph
