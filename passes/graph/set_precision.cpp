// --precision=fp32: computes in fp32 what the model computes in fp16 or bf16. --precision=tf32: lets
// contractions of fp32 operands round them to tf32.
//
// Before (fp32)                                      After
//   func @main(%x: tensor<4xf16>) -> tensor<4xf16>     func @main(%x: tensor<4xf16>) -> tensor<4xf16>
//     %y = math.exp %x : tensor<4xf16>                   %w = arith.extf %x : tensor<4xf16> to tensor<4xf32>
//     return %y                                          %y = math.exp %w : tensor<4xf32>
//                                                        %n = arith.truncf %y : tensor<4xf32> to
//                                                        tensor<4xf16> return %n
//
// Inputs and outputs keep the model's types. Casts between float types vanish: the wider type holds both
// sides. Casts of weights become recipes when constants are folded.
//
// Legal because the user asked for it: results differ by the roundings that no longer happen (fp32) or that
// tf32 adds. fp16 and bf16 are narrow-storage's, which runs after fusion.
#include "passes/graph/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace dlc::graph {
#define GEN_PASS_DEF_SETPRECISION
#include "passes/graph/passes.h.inc"

namespace {

bool isNarrowFloat(Type element) { return isa<Float16Type, BFloat16Type>(element); }

/// The type with fp16 and bf16 replaced by fp32, for tensors and scalars.
Type widened(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!isNarrowFloat(element)) return type;
  Type wide = Float32Type::get(type.getContext());
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? Type(tensor.clone(wide)) : wide;
}

Attribute widenedAttribute(Attribute attribute) {
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    SmallVector<Attribute> values;
    for (Attribute value : list) values.push_back(widenedAttribute(value));
    return ArrayAttr::get(attribute.getContext(), values);
  }
  auto number = dyn_cast<FloatAttr>(attribute);
  if (!number || !isNarrowFloat(number.getType())) return attribute;
  return FloatAttr::get(Float32Type::get(attribute.getContext()), number.getValueAsDouble());
}

/// Rebuilds a function's body in fp32.
class Widener {
public:
  explicit Widener(func::FuncOp function) : block(function.front()), b(&block, block.begin()) {}

  void run() {
    SmallVector<Operation *> old;
    for (Operation &op : block.without_terminator()) old.push_back(&op);
    b.setInsertionPoint(block.getTerminator());
    for (Operation *op : old) rebuild(op);
    for (OpOperand &result : block.getTerminator()->getOpOperands())
      result.set(cast(mapping.lookupOrDefault(result.get()), result.get().getType(), result.get().getLoc()));
    for (Operation *op : llvm::reverse(old)) op->erase();
  }

private:
  Value cast(Value value, Type type, Location loc) {
    unsigned from = elementTypeOf(value).getIntOrFloatBitWidth(),
             to = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    if (value.getType() == type) return value;
    if (from < to) return arith::ExtFOp::create(b, loc, type, value);
    return arith::TruncFOp::create(b, loc, type, value);
  }

  /// The fp32 form of a value; arguments and constants are extended where they are first read.
  Value wide(Value value) {
    if (!mapping.contains(value)) mapping.map(value, cast(value, widened(value.getType()), value.getLoc()));
    return mapping.lookup(value);
  }

  void rebuild(Operation *op) {
    // Bits and stored weights keep their type.
    if (isa<ConstantOp, arith::BitcastOp>(op)) {
      IRMapping operands;
      for (Value operand : op->getOperands())
        operands.map(operand, cast(wide(operand), operand.getType(), op->getLoc()));
      Value result = b.clone(*op, operands)->getResult(0);
      mapping.map(op->getResult(0), cast(result, widened(result.getType()), op->getLoc()));
      return;
    }
    for (Value operand : op->getOperands()) wide(operand);
    if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
      Value operand = wide(op->getOperand(0));
      mapping.map(op->getResult(0), cast(operand, widened(op->getResult(0).getType()), op->getLoc()));
      return;
    }
    Operation *clone = b.clone(*op, mapping);
    retype(clone);
    clone->walk([&](Operation *inner) { retype(inner); });
    for (auto [before, after] : llvm::zip(op->getResults(), clone->getResults())) mapping.map(before, after);
  }

  void retype(Operation *op) {
    for (Value result : op->getResults()) result.setType(widened(result.getType()));
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments()) argument.setType(widened(argument.getType()));
    for (NamedAttribute attribute : llvm::to_vector(op->getAttrs()))
      op->setAttr(attribute.getName(), widenedAttribute(attribute.getValue()));
  }

  Block &block;
  OpBuilder b;
  IRMapping mapping;
};

struct SetPrecision : impl::SetPrecisionBase<SetPrecision> {
  explicit SetPrecision(PassContext &context) : context(context) {}

  void runOnOperation() override {
    Precision precision = context.options.precision;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || function.isPrivate()) continue;
      if (precision == Precision::Fp32) Widener(function).run();
      if (precision != Precision::Tf32) continue;
      function.walk([](Operation *op) {
        if (isa<DotOp, ConvOp>(op) && elementTypeOf(op->getOperand(0)).isF32())
          op->setAttr("precision", StringAttr::get(op->getContext(), "tf32"));
      });
    }
  }

  PassContext &context;
};

} // namespace

std::unique_ptr<Pass> createSetPrecisionPass(PassContext &context) {
  return std::make_unique<SetPrecision>(context);
}

} // namespace dlc::graph
