#include "passes/lower/thread_builder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include <numeric>

using namespace mlir;

namespace dlc::lower {

ThreadBuilder::ThreadBuilder(OpBuilder &builder, Location loc, int64_t warps, Type indexType)
    : b(builder), loc(loc), warps(warps), indexType(indexType), entry(builder.getInsertionBlock()) {
  Type i32 = b.getI32Type();
  Value tid = NVVM::ThreadIdXOp::create(b, loc, i32);
  laneId = arith::AndIOp::create(b, loc, tid, constant(i32, 31));
  warpId = arith::ShRUIOp::create(b, loc, tid, constant(i32, 5));
}

Value ThreadBuilder::constant(Type type, int64_t value) {
  return arith::ConstantOp::create(b, loc, IntegerAttr::get(type, value));
}
Value ThreadBuilder::constant(int64_t value) { return constant(indexType, value); }

Dim ThreadBuilder::symbolOf(Value scalar) {
  std::string &name = names[scalar];
  if (name.empty()) {
    name = "v" + std::to_string(next++);
    values[name] = scalar;
  }
  return Dim::symbol(name);
}

//===- Expressions ----------------------------------------------------------------===//

Value ThreadBuilder::addTerms(const Dim &expr) {
  auto flags = arith::IntegerOverflowFlagsAttr::get(b.getContext(), arith::IntegerOverflowFlags::nsw);
  Value sum;
  int64_t constantPart = 0;
  for (const DimTerm &term : expr.terms()) {
    if (term.factors.empty()) {
      constantPart = term.coefficient;
      continue;
    }
    Value product;
    for (const Dim &factor : term.factors) {
      Value value = materialize(factor);
      product = product ? Value(arith::MulIOp::create(b, loc, product, value, flags)) : value;
    }
    int64_t k = term.coefficient;
    bool subtract = k < 0 && sum;
    if (subtract) k = -k;
    if (k != 1) product = arith::MulIOp::create(b, loc, product, constant(k), flags);
    if (!sum)
      sum = product;
    else
      sum = subtract ? Value(arith::SubIOp::create(b, loc, sum, product, flags))
                     : arith::AddIOp::create(b, loc, sum, product, flags);
  }
  if (!sum) return constant(constantPart);
  if (constantPart) sum = arith::AddIOp::create(b, loc, sum, constant(constantPart), flags);
  return sum;
}

Value ThreadBuilder::materialize(const Dim &expr) {
  if (auto value = expr.constantValue()) return constant(*value);
  if (expr.isSymbol()) {
    Value value = values.at(expr.symbolName());
    if (value.getType() == indexType) return value;
    // Bound scalars may be narrower (program ids) or wider (dims of 64 bits in a 32-bit kernel, guarded to
    // fit).
    return value.getType().getIntOrFloatBitWidth() < indexType.getIntOrFloatBitWidth()
               ? Value(arith::ExtSIOp::create(b, loc, indexType, value))
               : arith::TruncIOp::create(b, loc, indexType, value);
  }
  Dim::Kind kind = expr.kind();
  if (kind == Dim::Kind::Add || kind == Dim::Kind::Mul) return addTerms(expr);
  std::vector<Dim> operands = expr.operands();
  if (kind == Dim::Kind::Min || kind == Dim::Kind::Max) {
    Value value = materialize(operands[0]);
    for (size_t i = 1; i < operands.size(); ++i) {
      Value other = materialize(operands[i]);
      value = kind == Dim::Kind::Min ? Value(arith::MinSIOp::create(b, loc, value, other))
                                     : arith::MaxSIOp::create(b, loc, value, other);
    }
    return value;
  }
  return divide(kind, operands[0], operands[1]);
}

Value ThreadBuilder::allHold(ArrayRef<Dim> exprs) {
  Value all;
  for (const Dim &expr : exprs) {
    if (facts.proveNonNegative(expr)) continue;
    Value holds = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, materialize(expr), constant(0));
    all = all ? Value(arith::AndIOp::create(b, loc, all, holds)) : holds;
  }
  return all;
}

//===- Layouts ---------------------------------------------------------------------===//

Value ThreadBuilder::digitValue(Value index, int64_t stride, int64_t count) {
  Type i32 = b.getI32Type();
  if (stride != 1) index = arith::DivUIOp::create(b, loc, index, constant(i32, stride));
  return arith::RemUIOp::create(b, loc, index, constant(i32, count));
}

SmallVector<Dim> ThreadBuilder::threadPart(const Layout &layout) {
  std::string key = layout.str();
  if (auto found = parts.find(key); found != parts.end()) return found->second;
  // Computed once, at the kernel's entry, where every use is dominated.
  OpBuilder::InsertionGuard guard(b);
  if (Operation *after = warpId.getDefiningOp()) b.setInsertionPointAfter(after);
  Type i32 = b.getI32Type();
  SmallVector<Dim> result;
  for (size_t d = 0; d < layout.rank(); ++d) {
    Value sum;
    int64_t largest = 0, multiple = 0;
    auto add = [&](const std::vector<LayoutDigit> &digits, Value index) {
      int64_t stride = 1;
      for (const LayoutDigit &digit : digits) {
        if (int64_t offset = digit.offset[d]; offset && digit.count > 1) {
          Value value = digitValue(index, stride, digit.count);
          value = arith::MulIOp::create(b, loc, value, constant(i32, offset));
          sum = sum ? Value(arith::AddIOp::create(b, loc, sum, value)) : value;
          largest += (digit.count - 1) * offset;
          multiple = std::gcd(multiple, offset);
        }
        stride *= digit.count;
      }
    };
    add(layout.lanes(), laneId);
    add(layout.warps(), warpId);
    if (!sum) {
      result.push_back(Dim(0));
      continue;
    }
    Dim symbol = symbolOf(sum);
    facts.declare(symbol.symbolName(), {0, largest}, multiple);
    result.push_back(symbol);
  }
  parts[key] = result;
  return result;
}

Value ThreadBuilder::isOwner(const Layout &layout) {
  Value owner;
  Type i32 = b.getI32Type();
  auto check = [&](const std::vector<LayoutDigit> &digits, Value index) {
    int64_t stride = 1;
    for (const LayoutDigit &digit : digits) {
      bool replicates = llvm::all_of(digit.offset, [](int64_t o) { return o == 0; });
      if (replicates && digit.count > 1) {
        Value first = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                            digitValue(index, stride, digit.count), constant(i32, 0));
        owner = owner ? Value(arith::AndIOp::create(b, loc, owner, first)) : first;
      }
      stride *= digit.count;
    }
  };
  check(layout.lanes(), laneId);
  check(layout.warps(), warpId);
  return owner;
}

//===- Exchanges -----------------------------------------------------------------------===//

Value ThreadBuilder::scratch(int64_t bytes) {
  scratchSize = std::max(scratchSize, bytes);
  auto module = entry->getParentOp()->getParentOfType<ModuleOp>();
  auto function = cast<func::FuncOp>(entry->getParentOp());
  std::string name = (function.getName() + "_scratch").str();
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  OpBuilder::InsertionGuard guard(b);
  if (!global) {
    b.setInsertionPointToStart(module.getBody());
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), scratchSize);
    global =
        LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, name, Attribute(),
                               /*alignment=*/16, /*addrSpace=*/3);
  }
  global.setGlobalType(LLVM::LLVMArrayType::get(b.getI8Type(), scratchSize));
  b.setInsertionPointAfter(warpId.getDefiningOp());
  return LLVM::AddressOfOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext(), 3), name);
}

void ThreadBuilder::barrier() { NVVM::BarrierOp::create(b, loc); }

} // namespace dlc::lower
