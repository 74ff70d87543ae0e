#include "ir/interp/interpreter.h"

#include "ir/interp/combiners.h"
#include "ir/interp/numerics.h"
#include "ir/interp/ops.h"
#include "ir/interp/parallel.h"
#include "ir/interp/pointwise.h"
#include "ir/interp/symbols.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace dlc::interp {

using namespace mlir;
using Tensors = std::vector<Tensor>;

DType storageOf(DType irType, FloatMode mode) {
  if (!isFloat(irType)) return irType;
  if (mode == FloatMode::F64) return DType::F64;
  return mode == FloatMode::F32 && irType == DType::F64 ? DType::F64 : DType::F32;
}

namespace {

DType irDType(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (std::optional<DType> dtype = dtypeOf(element)) return *dtype;
  std::string text;
  llvm::raw_string_ostream(text) << element;
  throw Failure("element type " + text + " is not known");
}

int64_t attributeInt(Attribute value) { return cast<IntegerAttr>(value).getValue().getSExtValue(); }

double attributeFloat(Attribute value) {
  llvm::APFloat number = cast<FloatAttr>(value).getValue();
  bool lost;
  number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return number.convertToDouble();
}

bool isNarrow(DType type) { return isFloat(type) && byteSize(type) == 1; }

} // namespace

Tensor exported(const Tensor &tensor, Type irType, FloatMode mode) {
  DType type = irDType(irType);
  return mode == FloatMode::F64 && isFloat(type) ? tensor.contiguous() : tensor.converted(type);
}

/// One call of run() or evaluate().
class Evaluation {
public:
  Evaluation(const Interpreter &interpreter, SymbolValues &symbols)
      : weights(interpreter.weights), options(interpreter.options), symbols(symbols) {}

  Tensors callFunction(func::FuncOp function, ArrayRef<Tensor> inputs);
  /// Values of an op's results; wraps what went wrong with the op's name.
  Tensors run(Operation *op, ArrayRef<Tensor> operands);

private:
  /// The values of a block that is being run. A tensor is freed after its last use there.
  struct Entry {
    Tensor tensor;
    unsigned pendingUses = 0;
  };
  struct Scope {
    llvm::DenseMap<Value, Entry> values;
    Scope *outer, *&top;
    explicit Scope(Evaluation &evaluation) : outer(evaluation.innermost), top(evaluation.innermost) {
      top = this;
    }
    ~Scope() { top = outer; }
  };
  void define(Scope &scope, Value value, const Tensor &tensor);
  Tensor use(Scope &scope, Value value);

  Tensors runBlock(Block &block, ArrayRef<Tensor> arguments);
  Tensors dispatch(Operation *op, ArrayRef<Tensor> operands);

  Tensor scalarOf(Attribute value, DType irType);
  Tensor constant(Attribute value, Type type);
  Tensor weight(StringRef name, DType irType);
  Tensor dense(DenseElementsAttr value, DType irType);
  Tensors reduceOp(graph::ReduceOp op, ArrayRef<Tensor> operands);
  Tensor windowOp(graph::WindowOp op, const Tensor &operand);
  Tensors pointwise(Operation *op, ArrayRef<Tensor> operands);

  DType storage(DType irType) const { return storageOf(irType, options.mode); }
  DType storage(Type type) const { return storage(irDType(type)); }
  Dims dims(Type type);
  Dims dims(graph::DimsAttr attr) { return evaluateDims(attr.getDims(), symbols); }
  bool wantsTF32(StringRef precision, Value operand) const;
  bool hasNamedForm(graph::Combiner combiner, DType irType) const;

  /// A type that an op's result of this IR type is rounded to as it is computed, if any.
  std::optional<DType> rounding(DType irType) const;
  void roundValues(const Tensor &tensor, DType type) const;
  /// The rounding of sums that are stored in another type than the result.
  Tensor finishSums(const Tensor &sums, Type resultType);
  Tensor roundedLeaving(OpResult result, Tensor tensor);

  const WeightsTable *weights;
  const Options &options;
  SymbolValues &symbols;
  Scope *innermost = nullptr;
  llvm::DenseMap<Type, Dims> knownDims;
};

//===- Blocks ---------------------------------------------------------------------===//

Tensors Evaluation::callFunction(func::FuncOp function, ArrayRef<Tensor> inputs) {
  if (function.isExternal()) throw Failure("function @" + function.getName().str() + " has no body");
  if (inputs.size() != function.getNumArguments())
    throw Failure("function @" + function.getName().str() + " takes " +
                  std::to_string(function.getNumArguments()) + " inputs, " + std::to_string(inputs.size()) +
                  " are given");
  Tensors arguments;
  for (auto [argument, input] : llvm::zip_equal(function.getArguments(), inputs)) {
    DType irType = irDType(argument.getType());
    std::string place = "input " + std::to_string(argument.getArgNumber()), message;
    if (isFloat(irType) != isFloat(input.dtype()) || (!isFloat(irType) && irType != input.dtype()))
      throw Failure(place + " has type " + std::string(dtypeName(input.dtype())) + ", declared " +
                    std::string(dtypeName(irType)));
    if (!bindSymbols(graph::dimsOf(argument), input.dims(), symbols, message))
      throw Failure(place + ": " + message);
    DType type = storage(irType);
    arguments.push_back(input.dtype() == type ? input : input.converted(type));
  }
  return runBlock(function.getBody().front(), arguments);
}

Tensors Evaluation::runBlock(Block &block, ArrayRef<Tensor> arguments) {
  Scope scope(*this);
  for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), arguments))
    define(scope, argument, tensor);
  for (Operation &op : block) {
    Tensors operands;
    for (Value operand : op.getOperands()) operands.push_back(use(scope, operand));
    if (op.hasTrait<OpTrait::IsTerminator>()) return operands;
    Tensors results = run(&op, operands);
    operands.clear();
    for (auto [result, tensor] : llvm::zip_equal(op.getResults(), results))
      define(scope, result, roundedLeaving(result, std::move(tensor)));
  }
  throw Failure("a block has no terminator");
}

void Evaluation::define(Scope &scope, Value value, const Tensor &tensor) {
  if (options.observe && isa<RankedTensorType>(value.getType())) options.observe(value, tensor);
  unsigned uses = std::distance(value.use_begin(), value.use_end());
  if (uses) scope.values[value] = {tensor, uses};
}

Tensor Evaluation::use(Scope &scope, Value value) {
  if (auto it = scope.values.find(value); it != scope.values.end()) {
    Tensor tensor = it->second.tensor;
    if (--it->second.pendingUses == 0) scope.values.erase(it);
    return tensor;
  }
  // A combiner may use a value (a hoisted constant) of a block around it, any number of times.
  for (Scope *outer = scope.outer; outer; outer = outer->outer)
    if (auto it = outer->values.find(value); it != outer->values.end()) return it->second.tensor;
  throw Failure("an operand has no value");
}

Tensors Evaluation::run(Operation *op, ArrayRef<Tensor> operands) {
  try {
    Tensors results = dispatch(op, operands);
    for (auto [result, tensor] : llvm::zip_equal(op->getResults(), results))
      if (isa<RankedTensorType>(result.getType()) && tensor.dims() != DimsRef(dims(result.getType())))
        throw Failure("gives " + str(tensor.dims()) + ", declared " + str(dims(result.getType())));
    return results;
  } catch (const Failure &failure) {
    std::string location;
    if (auto name = dyn_cast<NameLoc>(op->getLoc())) location = " (" + name.getName().str() + ")";
    throw Failure("'" + op->getName().getStringRef().str() + "'" + location + ": " + failure.what());
  }
}

Tensors Evaluation::dispatch(Operation *op, ArrayRef<Tensor> in) {
  return TypeSwitch<Operation *, Tensors>(op)
      .Case([&](graph::FillOp o) {
        return Tensors{interp::fill(scalarOf(o.getValue(), irDType(o.getType())), dims(o.getType()))};
      })
      .Case([&](graph::ConstantOp o) { return Tensors{constant(o.getValue(), o.getType())}; })
      .Case([&](arith::ConstantOp o) { return Tensors{constant(o.getValue(), o.getType())}; })
      .Case([&](graph::DimValueOp o) {
        return Tensors{Tensor::scalarInt(storage(o.getType()), dims(o.getDim())[0])};
      })
      .Case(
          [&](graph::IotaOp o) { return Tensors{iota(storage(o.getType()), dims(o.getType()), o.getDim())}; })
      .Case([&](graph::BroadcastOp o) { return Tensors{broadcast(in[0], dims(o.getType()), o.getDims())}; })
      .Case([&](graph::ReshapeOp o) { return Tensors{in[0].reshaped(dims(o.getType()))}; })
      .Case([&](graph::TransposeOp o) { return Tensors{transpose(in[0], o.getPerm())}; })
      .Case([&](graph::SliceOp o) {
        return Tensors{slice(in[0], dims(o.getOffsets()), o.getSteps(), dims(o.getType()))};
      })
      .Case([&](graph::PadOp o) { return Tensors{pad(in[0], in[1], dims(o.getLow()), dims(o.getHigh()))}; })
      .Case([&](graph::ConcatOp o) { return Tensors{concat(in, o.getAxis())}; })
      .Case([&](graph::GatherOp o) { return Tensors{gather(in[0], in[1], o.getAxis(), o.getBatchDims())}; })
      .Case([&](graph::ReduceOp o) { return reduceOp(o, in); })
      .Case([&](graph::WindowOp o) { return Tensors{windowOp(o, in[0])}; })
      .Case([&](graph::DotOp o) {
        DotShape shape{o.getLhsBatch(), o.getRhsBatch(), o.getLhsContract(), o.getRhsContract()};
        Tensor sums = dot(in[0], in[1], shape, wantsTF32(o.getPrecision(), o.getLhs()));
        return Tensors{finishSums(sums, o.getType())};
      })
      .Case([&](graph::ConvOp o) {
        Dims low = dims(o.getLow()), high = dims(o.getHigh());
        ConvShape shape{o.getStrides(), o.getDilations(), low, high, static_cast<int64_t>(o.getGroups())};
        Tensor sums = conv(in[0], in[1], shape, wantsTF32(o.getPrecision(), o.getInput()));
        return Tensors{finishSums(sums, o.getType())};
      })
      .Case([&](graph::RegionOp o) { return runBlock(o.getBody().front(), in); })
      .Case([&](func::CallOp o) {
        auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(o, o.getCalleeAttr());
        if (!callee) throw Failure("@" + o.getCallee().str() + " is not there");
        return callFunction(callee, in);
      })
      .Default([&](Operation *) { return pointwise(op, in); });
}

//===- Constants --------------------------------------------------------------------===//

Tensor Evaluation::scalarOf(Attribute value, DType irType) {
  if (!isFloat(irType)) return Tensor::scalarInt(irType, attributeInt(value));
  return Tensor::scalar(storage(irType), attributeFloat(value));
}

Tensor Evaluation::constant(Attribute value, Type type) {
  DType irType = irDType(type);
  if (auto name = dyn_cast<graph::WeightAttr>(value)) return weight(name.getName(), irType);
  if (auto elements = dyn_cast<DenseElementsAttr>(value)) return dense(elements, irType);
  if (!isa<RankedTensorType>(type)) return scalarOf(value, irType);
  throw Failure("a constant of this attribute is not known");
}

Tensor Evaluation::weight(StringRef name, DType irType) {
  const WeightsTable::Entry *entry = weights ? weights->find(name) : nullptr;
  if (!entry) throw Failure("there is no weight '" + name.str() + "'");
  if (entry->dtype != irType) throw Failure("weight '" + name.str() + "' has another type");
  Tensor tensor;
  if (std::optional<WeightsTable::Bytes> bytes = weights->view(name)) {
    tensor = Tensor::borrow(entry->dtype, entry->dims, bytes->data());
  } else {
    tensor = Tensor(entry->dtype, entry->dims);
    WeightsTable::MutableBytes out(tensor.bytes(), tensor.byteCount());
    if (llvm::Error error = weights->materialize(name, out)) throw Failure(llvm::toString(std::move(error)));
  }
  DType type = storage(irType);
  if (options.mode != FloatMode::F16Rounded || !isFloat(irType))
    return tensor.dtype() == type ? tensor : tensor.converted(type);
  Tensor rounded =
      type == irType ? Tensor::copyOf(type, entry->dims, tensor.bytes()) : tensor.converted(type);
  saturateF16(rounded.data<float>(), rounded.count());
  return rounded;
}

Tensor Evaluation::dense(DenseElementsAttr value, DType irType) {
  DType type = storage(irType);
  DimsRef shape = cast<RankedTensorType>(value.getType()).getShape();
  if (value.isSplat()) return interp::fill(scalarOf(value.getSplatValue<Attribute>(), irType), shape);
  Tensor result(type, shape);
  int64_t i = 0;
  for (Attribute element : value.getValues<Attribute>()) {
    Tensor one = scalarOf(element, irType);
    std::memcpy(result.bytes() + i++ * byteSize(type), one.bytes(), byteSize(type));
  }
  return result;
}

//===- Reductions ---------------------------------------------------------------------===//

bool Evaluation::hasNamedForm(graph::Combiner combiner, DType irType) const {
  bool exact = combiner != graph::Combiner::Sum && combiner != graph::Combiner::Prod;
  return hasNamedLoop(combiner, storage(irType)) && (exact || !rounding(irType));
}

Tensors Evaluation::reduceOp(graph::ReduceOp op, ArrayRef<Tensor> operands) {
  Tensors inits;
  for (auto [init, operand] : llvm::zip_equal(op.getInits(), op.getOperands()))
    inits.push_back(scalarOf(init, irDType(operand.getType())));
  std::optional<graph::Combiner> combiner = graph::matchCombiner(op.getCombiner());
  if (combiner && operands.size() == 1 && hasNamedForm(*combiner, irDType(op.getOperands()[0].getType())))
    return {reduceNamed(operands[0], inits[0], op.getDims(), *combiner)};
  Block &body = op.getCombiner().front();
  return reduce(operands, inits, op.getDims(), [&](ArrayRef<Tensor> sums, ArrayRef<Tensor> elements) {
    Tensors arguments(sums);
    llvm::append_range(arguments, elements);
    return runBlock(body, arguments);
  });
}

Tensor Evaluation::windowOp(graph::WindowOp op, const Tensor &operand) {
  DType irType = irDType(op.getType());
  Dims low = dims(op.getLow()), high = dims(op.getHigh()), result = dims(op.getType());
  WindowShape shape{op.getWindow(), op.getStrides(), op.getDilations(), low, high};
  Tensor init = scalarOf(op.getInit(), irType);
  std::optional<graph::Combiner> combiner = graph::matchCombiner(op.getCombiner());
  if (combiner && hasNamedForm(*combiner, irType))
    return windowNamed(operand, init, shape, result, *combiner);
  Block &body = op.getCombiner().front();
  return window(operand, init, shape, result, [&](ArrayRef<Tensor> sums, ArrayRef<Tensor> elements) {
    return runBlock(body, {sums[0], elements[0]});
  });
}

//===- Pointwise, rounding ----------------------------------------------------------------===//

Tensors Evaluation::pointwise(Operation *op, ArrayRef<Tensor> operands) {
  if (op->getNumResults() != 1 || operands.empty() || operands.size() > 3) throw Failure("is not known");
  PointwiseTypes types;
  types.irOperand = irDType(op->getOperand(0).getType());
  types.irResult = irDType(op->getResult(0).getType());
  types.operand = operands[0].dtype();
  types.result = storage(types.irResult);
  Kernel kernel = findKernel(op, types);
  if (!kernel) throw Failure("is not known");
  std::optional<DType> round = rounding(types.irResult);
  if (!round) return {runPointwise(kernel, operands, types.result)};
  bool wide = types.result == DType::F64;
  return {runPointwise(kernel, operands, types.result, [&](void *values, int64_t n) {
    if (wide)
      roundAll(static_cast<double *>(values), n, *round);
    else
      roundAll(static_cast<float *>(values), n, *round);
  })};
}

std::optional<DType> Evaluation::rounding(DType irType) const {
  bool isExact = !isFloat(irType) || irType == DType::F64 || irType == DType::F32;
  if (isExact || (options.mode != FloatMode::F32 && !isNarrow(irType))) return std::nullopt;
  return irType;
}

void Evaluation::roundValues(const Tensor &tensor, DType type) const {
  constexpr int64_t grain = 1 << 15;
  parallelFor(llvm::divideCeil(tensor.count(), grain), [&](int64_t task) {
    int64_t begin = task * grain, n = std::min(grain, tensor.count() - begin);
    if (tensor.dtype() == DType::F64)
      roundAll(tensor.data<double>() + begin, n, type);
    else
      roundAll(tensor.data<float>() + begin, n, type);
  });
}

Tensor Evaluation::finishSums(const Tensor &sums, Type resultType) {
  DType irType = irDType(resultType), type = storage(irType);
  Tensor result = sums.dtype() == type ? sums : sums.converted(type);
  if (std::optional<DType> round = rounding(irType)) roundValues(result, *round);
  return result;
}

bool Evaluation::wantsTF32(StringRef precision, Value operand) const {
  return options.mode != FloatMode::F64 && precision == "tf32" && graph::elementTypeOf(operand).isF32();
}

Tensor Evaluation::roundedLeaving(OpResult result, Tensor tensor) {
  if (options.mode != FloatMode::F16Rounded || tensor.dtype() != DType::F32) return tensor;
  // Inside combiners values are scalars; nothing leaves a node there.
  if (!isa<RankedTensorType>(result.getType()) || isa<graph::RegionOp>(result.getOwner())) return tensor;
  Location here = result.getLoc();
  bool leaves = isa<UnknownLoc>(here) || llvm::any_of(result.getUsers(), [&](Operation *user) {
                  return user->hasTrait<OpTrait::IsTerminator>() || user->getLoc() != here;
                });
  if (!leaves) return tensor;
  if (isa<graph::ConstantOp, graph::FillOp>(result.getOwner())) {
    Tensor one = tensor.contiguous();
    Tensor copy = Tensor::copyOf(DType::F32, one.dims(), one.bytes());
    saturateF16(copy.data<float>(), copy.count());
    return copy;
  }
  // A view (broadcast, transpose, slice) holds values that are rounded already.
  Tensor copy =
      tensor.isContiguous() ? Tensor::copyOf(DType::F32, tensor.dims(), tensor.bytes()) : tensor.contiguous();
  roundValues(copy, DType::F16);
  return copy;
}

Dims Evaluation::dims(Type type) {
  auto [it, isNew] = knownDims.try_emplace(type);
  if (isNew) {
    Dims value = evaluateDims(graph::dimsOf(type), symbols);
    return knownDims[type] = value;
  }
  return it->second;
}

//===- Entry points -------------------------------------------------------------------------===//

template <typename F> static llvm::Expected<Tensors> guarded(F body) {
  try {
    return body();
  } catch (const std::exception &failure) { return llvm::createStringError(failure.what()); }
}

llvm::Expected<Tensors> Interpreter::run(func::FuncOp function, ArrayRef<Tensor> inputs) {
  return guarded([&] { return Evaluation(*this, options.symbols).callFunction(function, inputs); });
}

llvm::Expected<Tensors> Interpreter::evaluate(Operation *op, ArrayRef<Tensor> operands) {
  return guarded([&] { return Evaluation(*this, options.symbols).run(op, operands); });
}

} // namespace dlc::interp
