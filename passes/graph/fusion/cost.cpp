#include "passes/graph/fusion/cost.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dlc::graph::fusion {

constexpr int64_t typicalDim = 64;

CostModel::CostModel(const TargetRecord &target, ModuleOp module) : target(target) {
  for (SymbolOp symbol : module.getOps<SymbolOp>()) {
    int64_t multiple = std::max<int64_t>(symbol.getMultiple(), 1);
    int64_t value = (typicalDim + multiple - 1) / multiple * multiple;
    binding[symbol.getName().str()] =
        std::clamp<int64_t>(value, symbol.getMin(), std::max(symbol.getMin(), symbol.getMax()));
  }
}

double CostModel::elements(Value value) const {
  double count = 1;
  for (const Dim &dim : dimsOf(value)) {
    for (const std::string &symbol : dim.symbols()) binding.try_emplace(symbol, typicalDim);
    count *= std::max<int64_t>(dim.evaluate(binding).value_or(typicalDim), 1);
  }
  return count;
}

double CostModel::bytes(Value value) const {
  Type element = elementTypeOf(value);
  unsigned bits = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 32;
  return elements(value) * ((bits + 7) / 8);
}

double CostModel::resultBytes(Operation *op) const {
  double sum = 0;
  for (Value result : op->getResults()) sum += bytes(result);
  return sum;
}

double CostModel::memoryUs(double bytes) const {
  double gbps = bytes < target.l2Bytes / 2.0 ? target.l2Gbps : target.dramGbps;
  return bytes / (gbps * 1e3);
}

double CostModel::arithmeticUs(Operation *op, double count) const {
  // An instruction is half of a fused multiply-add's two operations.
  return count * weight(op) / (target.fp32Tflops * 0.5e6);
}

int weight(Operation *op) {
  return llvm::TypeSwitch<Operation *, int>(op)
      .Case<arith::DivFOp, math::SqrtOp, math::RsqrtOp, math::ExpOp, math::Exp2Op, math::LogOp, math::Log2Op,
            math::SinOp, math::CosOp>([](auto) { return 6; })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::RemFOp>(
          [](auto) { return 12; })
      .Case<math::PowFOp, math::ErfOp, math::TanhOp, math::TanOp, math::AtanOp, math::Atan2Op, math::SinhOp,
            math::CoshOp>([](auto) { return 20; })
      .Case<BroadcastOp, TransposeOp, ReshapeOp, SliceOp>([](auto) { return 0; })
      .Default([](auto) { return 1; });
}

} // namespace dlc::graph::fusion
