// Verifiers of the graph ops. Dims are compared as expressions: what two symbols have in common only at run
// time must be made one symbol (or a guard) before the op is built.
#include "ir/graph/graph.h"

using namespace mlir;

namespace dlc::graph {

using Dims = SmallVector<Dim>;

static std::string text(ArrayRef<Dim> dims) {
  std::string out = "[";
  for (auto [i, dim] : llvm::enumerate(dims)) out += (i ? ", " : "") + dim.str();
  return out + "]";
}

// `encoding` is only checked by the parser; ops made in C++ are checked here.
static LogicalResult checkType(Operation *op, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding());
  if (!dims) {
    if (!tensor.hasStaticShape())
      return op->emitOpError() << "dynamic tensor type " << type << " without #graph.dims";
    return success();
  }
  return dims.verifyEncoding(tensor.getShape(), tensor.getElementType(), [&] { return op->emitOpError(); });
}

static LogicalResult checkResults(Operation *op) {
  for (Type type : op->getResultTypes())
    if (failed(checkType(op, type))) return failure();
  return success();
}

static LogicalResult expectDims(Operation *op, Value value, ArrayRef<Dim> expected) {
  if (failed(checkType(op, value.getType()))) return failure();
  if (dimsOf(value) != Dims(expected))
    return op->emitOpError() << "result dims are " << text(dimsOf(value)) << ", expected " << text(expected);
  return success();
}

static LogicalResult sameElement(Operation *op, Value a, Value b) {
  if (elementTypeOf(a) == elementTypeOf(b)) return success();
  return op->emitOpError() << "element types differ: " << elementTypeOf(a) << " and " << elementTypeOf(b);
}

static LogicalResult checkAxes(Operation *op, ArrayRef<int64_t> axes, int64_t rank, StringRef what) {
  SmallVector<bool> seen(rank, false);
  for (int64_t axis : axes) {
    if (axis < 0 || axis >= rank)
      return op->emitOpError() << what << " " << axis << " is not in [0, " << rank << ")";
    if (seen[axis]) return op->emitOpError() << what << " " << axis << " is given twice";
    seen[axis] = true;
  }
  return success();
}

static LogicalResult checkCount(Operation *op, size_t count, int64_t expected, StringRef what) {
  if (int64_t(count) == expected) return success();
  return op->emitOpError() << count << " " << what << " for " << expected << " dims";
}

LogicalResult SymbolOp::verify() {
  if (getMin() < 0 || getMax() < getMin() || getMultiple() < 1)
    return emitOpError() << "needs 0 <= min <= max and multiple >= 1, got " << getMin() << ", " << getMax()
                         << ", " << getMultiple();
  return success();
}

LogicalResult FillOp::verify() {
  if (cast<TypedAttr>(getValue()).getType() != elementTypeOf(getResult()))
    return emitOpError() << "value has type " << cast<TypedAttr>(getValue()).getType() << ", elements "
                         << elementTypeOf(getResult());
  return checkResults(*this);
}

LogicalResult ConstantOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape()) return emitOpError() << "has a dynamic shape";
  if (auto dense = dyn_cast<DenseElementsAttr>(getValue())) {
    if (dense.getNumElements() > 64)
      return emitOpError() << dense.getNumElements() << " inline elements; at most 64";
    if (dense.getType() != type) return emitOpError() << "value has type " << dense.getType();
    return success();
  }
  if (!isa<WeightAttr>(getValue())) return emitOpError() << "value is neither #graph.weight nor dense<...>";
  return success();
}

LogicalResult DimValueOp::verify() {
  if (getDim().getDims().size() != 1) return emitOpError() << "needs one dim";
  if (rankOf(getResult()) != 0 || !elementTypeOf(getResult()).isInteger())
    return emitOpError() << "result is no integer scalar";
  return success();
}

LogicalResult IotaOp::verify() {
  if (!elementTypeOf(getResult()).isInteger()) return emitOpError() << "result elements are no integers";
  if (failed(checkResults(*this))) return failure();
  return checkAxes(*this, {int64_t(getDim())}, rankOf(getResult()), "dim");
}

LogicalResult BroadcastOp::verify() {
  Dims from = dimsOf(getOperand()), to = dimsOf(getResult());
  if (failed(checkCount(*this, getDims().size(), from.size(), "places")) || failed(checkResults(*this)) ||
      failed(checkAxes(*this, getDims(), to.size(), "place")) ||
      failed(sameElement(*this, getOperand(), getResult())))
    return failure();
  if (!llvm::is_sorted(getDims())) return emitOpError() << "places are not increasing";
  for (auto [i, place] : llvm::enumerate(getDims()))
    if (from[i] != Dim::constant(1) && from[i] != to[place])
      return emitOpError() << "operand dim " << i << " is " << from[i].str() << ", result dim " << place
                           << " is " << to[place].str();
  return success();
}

LogicalResult ReshapeOp::verify() {
  if (failed(checkResults(*this)) || failed(sameElement(*this, getOperand(), getResult()))) return failure();
  auto from = elementCount(dimsOf(getOperand())).constantValue(),
       to = elementCount(dimsOf(getResult())).constantValue();
  if (from && to && *from != *to) return emitOpError() << *from << " elements become " << *to;
  return success();
}

LogicalResult TransposeOp::verify() {
  Dims from = dimsOf(getOperand()), to;
  if (failed(checkCount(*this, getPerm().size(), from.size(), "entries of perm")) ||
      failed(checkAxes(*this, getPerm(), from.size(), "entry of perm")) ||
      failed(sameElement(*this, getOperand(), getResult())))
    return failure();
  for (int64_t p : getPerm()) to.push_back(from[p]);
  return expectDims(*this, getResult(), to);
}

LogicalResult SliceOp::verify() {
  int64_t rank = rankOf(getOperand());
  if (failed(checkCount(*this, getOffsets().getDims().size(), rank, "offsets")) ||
      failed(checkCount(*this, getSteps().size(), rank, "steps")) ||
      failed(checkCount(*this, rankOf(getResult()), rank, "result dims")) ||
      failed(sameElement(*this, getOperand(), getResult())))
    return failure();
  for (int64_t step : getSteps())
    if (step == 0) return emitOpError() << "step 0";
  // Where everything is constant, the first and last element must lie inside.
  Dims from = dimsOf(getOperand()), to = dimsOf(getResult());
  for (int64_t i = 0; i < rank; ++i) {
    auto size = from[i].constantValue(), count = to[i].constantValue(),
         offset = getOffsets().getDims()[i].constantValue();
    if (!size || !count || !offset || *count == 0) continue;
    int64_t last = *offset + (*count - 1) * getSteps()[i];
    if (*offset < 0 || *offset >= *size || last < 0 || last >= *size)
      return emitOpError() << "dim " << i << " reads elements " << *offset << " to " << last << " of "
                           << *size;
  }
  return checkResults(*this);
}

LogicalResult PadOp::verify() {
  Dims dims = dimsOf(getOperand());
  if (failed(checkCount(*this, getLow().getDims().size(), dims.size(), "low paddings")) ||
      failed(checkCount(*this, getHigh().getDims().size(), dims.size(), "high paddings")) ||
      failed(sameElement(*this, getOperand(), getResult())) ||
      failed(sameElement(*this, getOperand(), getValue())))
    return failure();
  if (rankOf(getValue()) != 0) return emitOpError() << "the value padded with is no scalar";
  for (size_t i = 0; i < dims.size(); ++i) {
    const Dim &low = getLow().getDims()[i], &high = getHigh().getDims()[i];
    if (low.constantValue().value_or(0) < 0 || high.constantValue().value_or(0) < 0)
      return emitOpError() << "negative padding in dim " << i;
    dims[i] = dims[i] + low + high;
  }
  return expectDims(*this, getResult(), dims);
}

LogicalResult ConcatOp::verify() {
  if (getOperands().empty()) return emitOpError() << "needs an operand";
  Dims dims = dimsOf(getOperands()[0]);
  int64_t axis = getAxis();
  if (failed(checkAxes(*this, {axis}, dims.size(), "axis"))) return failure();
  for (Value operand : getOperands().drop_front()) {
    Dims other = dimsOf(operand);
    if (failed(sameElement(*this, getOperands()[0], operand)) ||
        failed(checkCount(*this, other.size(), dims.size(), "operand dims")))
      return failure();
    for (size_t i = 0; i < dims.size(); ++i)
      if (int64_t(i) != axis && dims[i] != other[i])
        return emitOpError() << "dim " << i << " is " << dims[i].str() << " and " << other[i].str();
    dims[axis] = dims[axis] + other[axis];
  }
  return expectDims(*this, getResult(), dims);
}

LogicalResult GatherOp::verify() {
  Dims from = dimsOf(getOperand()), index = dimsOf(getIndices());
  int64_t axis = getAxis(), batch = getBatchDims();
  if (failed(checkAxes(*this, {axis}, from.size(), "axis")) ||
      failed(sameElement(*this, getOperand(), getResult())))
    return failure();
  if (!elementTypeOf(getIndices()).isInteger()) return emitOpError() << "indices are no integers";
  if (batch < 0 || batch > axis || batch > int64_t(index.size()))
    return emitOpError() << "batch_dims " << batch << " exceeds axis " << axis << " or the indices' rank";
  for (int64_t i = 0; i < batch; ++i)
    if (from[i] != index[i])
      return emitOpError() << "batch dim " << i << " is " << from[i].str() << " and " << index[i].str();
  Dims dims(from.begin(), from.begin() + axis);
  dims.append(index.begin() + batch, index.end());
  dims.append(from.begin() + axis + 1, from.end());
  return expectDims(*this, getResult(), dims);
}

// The combiner's arguments are accumulators, then elements, in the operands' element types.
static LogicalResult checkCombiner(Operation *op, Region &region, TypeRange elements) {
  Block &block = region.front();
  size_t n = elements.size();
  if (block.getNumArguments() != 2 * n)
    return op->emitOpError() << "combiner takes " << block.getNumArguments() << " arguments, expected "
                             << 2 * n;
  for (size_t i = 0; i < 2 * n; ++i)
    if (block.getArgument(i).getType() != elements[i % n])
      return op->emitOpError() << "combiner argument " << i << " has type " << block.getArgument(i).getType();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getNumOperands() != n)
    return op->emitOpError() << "combiner does not yield " << n << " values";
  for (size_t i = 0; i < n; ++i)
    if (yield.getOperand(i).getType() != elements[i])
      return op->emitOpError() << "combiner yields " << yield.getOperand(i).getType() << " for "
                               << elements[i];
  return success();
}

LogicalResult ReduceOp::verify() {
  if (getOperands().empty() || getNumResults() != getOperands().size())
    return emitOpError() << "needs one result per operand";
  if (getInits().size() != getOperands().size()) return emitOpError() << "needs one init per operand";
  Dims from = dimsOf(getOperands()[0]), to;
  if (failed(checkAxes(*this, getDims(), from.size(), "dim"))) return failure();
  for (auto [i, dim] : llvm::enumerate(from))
    if (!llvm::is_contained(getDims(), int64_t(i))) to.push_back(dim);
  SmallVector<Type> elements;
  for (auto [operand, result, init] : llvm::zip(getOperands(), getResults(), getInits())) {
    Type element = elementTypeOf(operand);
    elements.push_back(element);
    if (dimsOf(operand) != from)
      return emitOpError() << "operand dims differ: " << text(from) << " and " << text(dimsOf(operand));
    if (failed(sameElement(*this, operand, result)) || failed(expectDims(*this, result, to)))
      return failure();
    auto typed = dyn_cast<TypedAttr>(init);
    if (!typed || typed.getType() != element) return emitOpError() << "init " << init << " is no " << element;
  }
  return checkCombiner(*this, getCombiner(), elements);
}

LogicalResult WindowOp::verify() {
  Dims dims = dimsOf(getOperand());
  int64_t rank = dims.size();
  if (failed(checkCount(*this, getWindow().size(), rank, "sizes")) ||
      failed(checkCount(*this, getStrides().size(), rank, "strides")) ||
      failed(checkCount(*this, getDilations().size(), rank, "dilations")) ||
      failed(checkCount(*this, getLow().getDims().size(), rank, "low paddings")) ||
      failed(checkCount(*this, getHigh().getDims().size(), rank, "high paddings")) ||
      failed(sameElement(*this, getOperand(), getResult())))
    return failure();
  Type element = elementTypeOf(getOperand());
  if (cast<TypedAttr>(getInit()).getType() != element) return emitOpError() << "init is no " << element;
  for (int64_t i = 0; i < rank; ++i) {
    if (getWindow()[i] < 1 || getStrides()[i] < 1 || getDilations()[i] < 1)
      return emitOpError() << "size, stride and dilation of dim " << i << " must be positive";
    dims[i] = windowDim(dims[i], getLow().getDims()[i], getHigh().getDims()[i], getWindow()[i],
                        getStrides()[i], getDilations()[i]);
  }
  if (failed(expectDims(*this, getResult(), dims))) return failure();
  return checkCombiner(*this, getCombiner(), {element});
}

LogicalResult DotOp::verify() {
  Dims lhs = dimsOf(getLhs()), rhs = dimsOf(getRhs());
  SmallVector<int64_t> left(getLhsBatch()), right(getRhsBatch());
  left.append(getLhsContract().begin(), getLhsContract().end());
  right.append(getRhsContract().begin(), getRhsContract().end());
  if (getLhsBatch().size() != getRhsBatch().size() || getLhsContract().size() != getRhsContract().size())
    return emitOpError() << "lhs and rhs name different numbers of dims";
  if (failed(checkAxes(*this, left, lhs.size(), "lhs dim")) ||
      failed(checkAxes(*this, right, rhs.size(), "rhs dim")) ||
      failed(sameElement(*this, getLhs(), getRhs())))
    return failure();
  for (auto [l, r] : llvm::zip(left, right))
    if (lhs[l] != rhs[r])
      return emitOpError() << "lhs dim " << l << " is " << lhs[l].str() << ", rhs dim " << r << " is "
                           << rhs[r].str();
  if (getPrecision() != "ieee" && getPrecision() != "tf32")
    return emitOpError() << "unknown precision '" << getPrecision() << "'";
  return expectDims(*this, getResult(),
                    dotDims(lhs, rhs, getLhsBatch(), getRhsBatch(), getLhsContract(), getRhsContract()));
}

LogicalResult ConvOp::verify() {
  Dims in = dimsOf(getInput()), kernel = dimsOf(getFilter());
  int64_t spatial = getStrides().size();
  if (int64_t(in.size()) != spatial + 2 || in.size() != kernel.size())
    return emitOpError() << spatial << " strides for input rank " << in.size() << " and filter rank "
                         << kernel.size();
  if (failed(checkCount(*this, getDilations().size(), spatial, "dilations")) ||
      failed(checkCount(*this, getLow().getDims().size(), spatial, "low paddings")) ||
      failed(checkCount(*this, getHigh().getDims().size(), spatial, "high paddings")) ||
      failed(sameElement(*this, getInput(), getFilter())))
    return failure();
  int64_t groups = getGroups();
  auto outChannels = kernel[0].constantValue(), perGroup = kernel[1].constantValue();
  if (groups < 1 || !outChannels || !perGroup)
    return emitOpError() << "needs groups >= 1 and static filter channels";
  if (in[1] != Dim::constant(*perGroup * groups))
    return emitOpError() << "input has " << in[1].str() << " channels, the filter takes " << *perGroup
                         << " x " << groups << " groups";
  if (*outChannels % groups)
    return emitOpError() << *outChannels << " output channels in " << groups << " groups";
  if (getPrecision() != "ieee" && getPrecision() != "tf32")
    return emitOpError() << "unknown precision '" << getPrecision() << "'";
  Dims dims{in[0], kernel[0]};
  for (int64_t i = 0; i < spatial; ++i) {
    auto size = kernel[i + 2].constantValue();
    if (!size || *size < 1 || getStrides()[i] < 1 || getDilations()[i] < 1)
      return emitOpError() << "kernel size, stride and dilation of spatial dim " << i
                           << " must be positive constants";
    dims.push_back(windowDim(in[i + 2], getLow().getDims()[i], getHigh().getDims()[i], *size, getStrides()[i],
                             getDilations()[i]));
  }
  return expectDims(*this, getResult(), dims);
}

LogicalResult RegionOp::verify() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getOperands().size())
    return emitOpError() << block.getNumArguments() << " block arguments for " << getOperands().size()
                         << " operands";
  for (auto [argument, operand] : llvm::zip(block.getArguments(), getOperands()))
    if (argument.getType() != operand.getType())
      return emitOpError() << "argument type " << argument.getType() << " for operand " << operand.getType();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError() << "does not yield its result types";
  return success();
}

} // namespace dlc::graph
