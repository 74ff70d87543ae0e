#include "passes/graph/region_name.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace dlc::graph {

//===- Words ---------------------------------------------------------------===//

namespace {

/// What stands in a region's body, counted by op.
struct Inventory {
  llvm::StringMap<int> ops;
  int sums = 0, maxima = 0;

  explicit Inventory(RegionOp region) {
    for (Operation &op : region.getBody().front().without_terminator()) {
      ++ops[op.getName().getStringRef()];
      if (auto reduce = dyn_cast<ReduceOp>(op))
        if (auto combiner = matchCombiner(reduce.getCombiner())) {
          sums += *combiner == Combiner::Sum;
          maxima += *combiner == Combiner::Max;
        }
    }
  }
  bool has(StringRef name) const { return ops.count(name); }
  int count(StringRef name) const { return ops.lookup(name); }
};

StringRef combinerWord(Region &combiner) {
  auto kind = matchCombiner(combiner);
  if (!kind) return "reduce";
  switch (*kind) {
  case Combiner::Sum:
    return "sum";
  case Combiner::Prod:
    return "prod";
  case Combiner::Max:
  case Combiner::UMax:
    return "max";
  case Combiner::Min:
  case Combiner::UMin:
    return "min";
  case Combiner::And:
    return "all";
  case Combiner::Or:
    return "any";
  case Combiner::ArgMax:
    return "argmax";
  case Combiner::ArgMin:
    return "argmin";
  }
  return "reduce";
}

/// softmax, layernorm and rmsnorm by what they are made of; else the combiner of the first reduction.
StringRef reductionWord(RegionOp region, const Inventory &all) {
  bool hasRoot = all.has("math.sqrt") || all.has("math.rsqrt");
  if (all.maxima && all.sums && all.has("math.exp")) return all.has("math.log") ? "logsoftmax" : "softmax";
  if (hasRoot && all.sums >= 2) return "layernorm";
  if (hasRoot && all.sums == 1 && all.has("graph.broadcast")) return "rmsnorm";
  for (ReduceOp reduce : region.getBody().getOps<ReduceOp>()) return combinerWord(reduce.getCombiner());
  return "reduce";
}

StringRef heroWord(RegionOp region, const Inventory &all) {
  StringRef hero = region.getHero();
  if (hero == "dot") return "matmul";
  if (hero == "reduce") return reductionWord(region, all);
  if (hero == "conv")
    for (ConvOp conv : region.getBody().getOps<ConvOp>())
      return conv.getGroups() > 1 && dimsOf(conv.getFilter())[1].isConstant(1) ? "dwconv" : "conv";
  if (hero == "window")
    for (WindowOp window : region.getBody().getOps<WindowOp>()) {
      StringRef word = combinerWord(window.getCombiner());
      return word == "max" ? "maxpool" : word == "sum" ? "avgpool" : "pool";
    }
  return hero == "gather" ? "gather" : "";
}

/// An activation that the body's ops make up together.
StringRef activationWord(const Inventory &all) {
  if (all.has("math.erf")) return "gelu";
  if (all.has("math.tanh")) return all.count("arith.mulf") >= 3 ? "gelu" : "tanh";
  bool hasSigmoid = all.has("math.exp") && all.has("arith.divf") && all.has("arith.addf");
  if (hasSigmoid) return all.has("arith.mulf") ? "silu" : "sigmoid";
  return "";
}

/// What an operand of a sum is: a vector along one dim, a whole tensor of the region's, or neither.
StringRef addendWord(Value operand) {
  auto type = dimsOf(operand);
  bool isBroadcast = false;
  while (Operation *def = operand.getDefiningOp()) {
    if (!isa<BroadcastOp, ReshapeOp, TransposeOp>(def)) return "";
    isBroadcast |= isa<BroadcastOp>(def);
    operand = def->getOperand(0);
  }
  if (!isBroadcast) return "residual";
  SmallVector<Dim> dims = dimsOf(operand);
  return llvm::count_if(dims, [](const Dim &dim) { return !dim.isConstant(1); }) <= 1 ? "bias" : "add";
}

StringRef addWord(Operation *op) {
  for (Value operand : op->getOperands())
    if (StringRef word = addendWord(operand); !word.empty()) return word;
  return splatValue(op->getOperand(0)) || splatValue(op->getOperand(1)) ? "" : "add";
}

bool isZero(TypedAttr value) {
  auto number = dyn_cast_or_null<FloatAttr>(value);
  return number && number.getValue().isZero();
}

/// The word for one op; empty for what says nothing by itself.
StringRef opWord(Operation *op, bool hasHero, bool inComposite) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case<arith::AddFOp>([&](auto op) {
        StringRef word = addWord(op);
        if (!hasHero && word == "residual") word = "add";
        return inComposite && word == "add" ? "" : word;
      })
      .Case<arith::MaximumFOp>([](auto op) {
        return isZero(splatValue(op.getLhs())) || isZero(splatValue(op.getRhs())) ? "relu" : "max";
      })
      .Case<arith::MinimumFOp>([](auto) { return "min"; })
      .Case<TransposeOp>([](auto) { return "transpose"; })
      .Case<ConcatOp>([](auto) { return "concat"; })
      .Case<PadOp>([](auto) { return "pad"; })
      .Case<SliceOp>([](auto) { return "slice"; })
      .Case<GatherOp>([](auto) { return "gather"; })
      .Case<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp,
            arith::FPToUIOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>([](auto) { return "cast"; })
      .Case<arith::SelectOp>([](auto) { return "select"; })
      .Case<arith::MulFOp>([&](auto) { return inComposite ? "" : "mul"; })
      .Case<arith::SubFOp>([&](auto) { return inComposite ? "" : "sub"; })
      .Case<arith::DivFOp>([&](auto) { return inComposite ? "" : "div"; })
      .Case<arith::CmpFOp, arith::CmpIOp>([](auto) { return "compare"; })
      .Case<math::ExpOp, math::SqrtOp, math::RsqrtOp, math::TanhOp, math::ErfOp>(
          [&](auto op) { return inComposite ? StringRef() : op->getName().stripDialect(); })
      .Default([](Operation *op) -> StringRef {
        return isPointwise(op) ? op->getName().stripDialect() : StringRef();
      });
}

} // namespace

std::string describeRegion(RegionOp region) {
  Inventory all(region);
  llvm::SmallSetVector<StringRef, 6> words;
  if (StringRef hero = heroWord(region, all); !hero.empty()) words.insert(hero);
  bool isNorm = !words.empty() && (words[0].ends_with("norm") || words[0].ends_with("softmax"));
  StringRef activation = isNorm ? StringRef() : activationWord(all);
  bool inComposite = isNorm || !activation.empty();
  for (Operation &op : region.getBody().front().without_terminator()) {
    if (words.size() >= 4) break;
    if (StringRef word = opWord(&op, region.getHero() != "none", inComposite);
        !word.empty() && !(isNorm && word == "bias"))
      words.insert(word);
  }
  if (!activation.empty()) words.insert(activation);
  if (words.empty()) words.insert(region.getBody().front().without_terminator().empty() ? "copy" : "move");
  return llvm::join(words, "_").substr(0, 48);
}

//===- Structure ----------------------------------------------------------===//

namespace {

/// Prints what a kernel depends on, values as numbers in order of definition.
class StructurePrinter {
public:
  explicit StructurePrinter(llvm::raw_ostream &os) : os(os) {}

  void print(Block &block) {
    for (BlockArgument argument : block.getArguments()) define(argument);
    for (Operation &op : block) print(&op);
  }

private:
  void define(Value value) {
    os << '%' << (numbers[value] = numbers.size()) << ':' << value.getType() << ' ';
  }
  void print(Operation *op) {
    os << op->getName() << op->getAttrDictionary() << '(';
    for (Value operand : op->getOperands()) os << '%' << numbers.lookup(operand) << ' ';
    os << ')';
    for (Value result : op->getResults()) define(result);
    for (Region &region : op->getRegions())
      for (Block &block : region) print(block);
    os << '\n';
  }

  llvm::raw_ostream &os;
  llvm::DenseMap<Value, size_t> numbers;
};

} // namespace

uint64_t structuralHash(RegionOp region) {
  std::string text = region.getHero().str() + "\n";
  llvm::raw_string_ostream os(text);
  StructurePrinter(os).print(region.getBody().front());
  return llvm::xxh3_64bits(text);
}

} // namespace dlc::graph
