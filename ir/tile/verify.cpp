// Verifiers of the tile ops.
#include "ir/tile/dot_kinds.h"
#include "ir/tile/tile.h"

using namespace mlir;

namespace dlc::tile {

// Every symbol of an access is a tile dim or a bound name, and integer tiles have the access's layout.
static LogicalResult checkAccess(Operation *op, ArrayRef<Dim> exprs, ArrayAttr names, ValueRange bound,
                                 int64_t rank, Type tile) {
  if (names.size() != bound.size())
    return op->emitOpError() << names.size() << " names for " << bound.size() << " bound values";
  std::set<std::string> known;
  for (int64_t d = 0; d < rank; ++d) known.insert(tileDimName(d));
  for (auto [name, value] : llvm::zip(names.getAsValueRange<StringAttr>(), bound)) {
    if (!known.insert(name.str()).second) return op->emitOpError() << "name '" << name << "' is bound twice";
    if (isTile(value.getType()) && (!tile || layoutOf(value) != layoutOf(tile)))
      return op->emitOpError() << "index tile '" << name << "' has another layout than the access";
  }
  for (const Dim &expr : exprs)
    for (const std::string &symbol : expr.symbols())
      if (!known.count(symbol)) return op->emitOpError() << "symbol '" << symbol << "' is not bound";
  return success();
}

static LogicalResult checkAccess(Operation *op, ArrayRef<Dim> exprs, ArrayAttr names, ValueRange bound,
                                 Type tile) {
  return checkAccess(op, exprs, names, bound, tile ? cast<RankedTensorType>(tile).getRank() : 0, tile);
}

LogicalResult EvalOp::verify() {
  if (getExpr().getDims().size() != 1) return emitOpError() << "needs one expression";
  return checkAccess(*this, getExpr().getDims(), getNames(), getBound(), {});
}

LogicalResult DivisorOp::verify() {
  if (getExpr().getDims().size() != 1) return emitOpError() << "needs one expression";
  return checkAccess(*this, getExpr().getDims(), getNames(), getBound(), {});
}

LogicalResult IndexOp::verify() {
  if (getExpr().getDims().size() != 1) return emitOpError() << "needs one expression";
  if (!getType().getElementType().isInteger()) return emitOpError() << "result elements are no integers";
  return checkAccess(*this, getExpr().getDims(), getNames(), getBound(), getType());
}

LogicalResult LoadOp::verify() {
  if (getOffset().getDims().size() != 1) return emitOpError() << "needs one offset";
  if (getOther().getType() != getType().getElementType())
    return emitOpError() << "`other` has another type than the elements";
  SmallVector<Dim> exprs(getWhere().getDims());
  exprs.push_back(getOffset().getDims()[0]);
  return checkAccess(*this, exprs, getNames(), getBound(), getType());
}

LogicalResult StoreOp::verify() {
  if (getOffset().getDims().size() != 1) return emitOpError() << "needs one offset";
  SmallVector<Dim> exprs(getWhere().getDims());
  exprs.push_back(getOffset().getDims()[0]);
  return checkAccess(*this, exprs, getNames(), getBound(), getValue().getType());
}

// Other CTAs write it while this one runs, so nothing may be assumed of it.
LogicalResult ArriveOp::verify() {
  auto argument = dyn_cast<BlockArgument>(getCounters());
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!function || !function.getArgAttr(argument.getArgNumber(), "tile.workspace"))
    return emitOpError() << "the counters are no argument of the kernel marked tile.workspace";
  return success();
}

LogicalResult SplatOp::verify() {
  if (getValue().getType() != getType().getElementType())
    return emitOpError() << "scalar and element types differ";
  return success();
}

LogicalResult ReduceOp::verify() {
  if (getOperands().empty() || getNumResults() != getOperands().size())
    return emitOpError() << "needs one result per operand";
  const Layout &layout = layoutOf(getOperands()[0]);
  if (getAxis() >= layout.rank())
    return emitOpError() << "axis " << getAxis() << " of a tile of rank " << layout.rank();
  Layout sliced = layout.sliceDim(getAxis());
  for (auto [operand, result] : llvm::zip(getOperands(), getResults()))
    if (layoutOf(operand) != layout || layoutOf(result) != sliced)
      return emitOpError() << "operands share a layout and results have it without the reduced dim";
  Block &block = getCombiner().front();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (block.getNumArguments() != 2 * getNumResults() || !yield || yield.getNumOperands() != getNumResults())
    return emitOpError() << "the combiner does not take and give one value per operand";
  return success();
}

LogicalResult ExpandOp::verify() {
  const Layout &layout = layoutOf(getResult());
  if (getAxis() >= layout.rank())
    return emitOpError() << "axis " << getAxis() << " of a tile of rank " << layout.rank();
  if (layoutOf(getOperand()) != layout.sliceDim(getAxis()))
    return emitOpError() << "the operand's layout is not the result's without dim " << getAxis();
  return success();
}

LogicalResult AllocOp::verify() {
  SharedType type = getType();
  if (type.getStages() < 1 || type.getRows() < 1 || type.getColumns() < 1 || type.getPad() < 0)
    return emitOpError() << "stages, rows and columns must be positive";
  if (!llvm::is_contained({0, 32, 64, 128}, type.getSwizzle()))
    return emitOpError() << "swizzle is 0, 32, 64 or 128 bytes";
  Type element = type.getElementType();
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8)
    return emitOpError() << "elements are of whole bytes";
  int64_t bytes = (type.getColumns() + type.getPad()) * element.getIntOrFloatBitWidth() / 8;
  if (type.getSwizzle() && (bytes < type.getSwizzle() || !llvm::isPowerOf2_64(bytes)))
    return emitOpError() << "a row of " << bytes << " bytes is no power of two from the swizzle on";
  return success();
}

static LogicalResult checkStage(Operation *op, SharedType buffer, PendingType result) {
  if (result.getBuffer() != buffer) return op->emitOpError() << "the result is pending for another buffer";
  return success();
}

LogicalResult CopyOp::verify() {
  if (getOffset().getDims().size() != 1) return emitOpError() << "needs one offset";
  SmallVector<Dim> exprs(getWhere().getDims());
  exprs.push_back(getOffset().getDims()[0]);
  if (failed(checkAccess(*this, exprs, getNames(), getBound(), /*rank=*/2, {}))) return failure();
  return checkStage(*this, getBuffer().getType(), getResult().getType());
}

LogicalResult FillOp::verify() {
  SharedType buffer = getBuffer().getType();
  auto type = cast<RankedTensorType>(getValue().getType());
  std::array<int64_t, 2> shape{buffer.getRows(), buffer.getColumns()};
  if (getTransposed()) std::swap(shape[0], shape[1]);
  if (type.getShape() != ArrayRef<int64_t>(shape) || type.getElementType() != buffer.getElementType())
    return emitOpError() << "the tile is not what a stage holds";
  return checkStage(*this, buffer, getResult().getType());
}

LogicalResult ReadOp::verify() {
  SharedType buffer = getStage().getType().getBuffer();
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() != 2 || type.getElementType() != buffer.getElementType())
    return emitOpError() << "needs a tile of rank 2 with the buffer's elements";
  if (type.getDimSize(0) > buffer.getRows() || type.getDimSize(1) > buffer.getColumns())
    return emitOpError() << "reads past the stage";
  return success();
}

LogicalResult WaitOp::verify() {
  for (auto [pending, stage] : llvm::zip(getPending(), getStages()))
    if (cast<PendingType>(pending.getType()).getBuffer() != cast<StageType>(stage.getType()).getBuffer())
      return emitOpError() << "a stage's buffer differs from its pending one";
  return success();
}

// Warps along M and N of an operand's layout: those that do not move along its own rows or columns replicate.
static std::optional<WarpGrid> gridOf(const Layout &layout, bool hasM, bool hasN) {
  WarpGrid grid{1, 1, 16, 8};
  for (const LayoutDigit &digit : layout.warps()) {
    bool alongRows = digit.offset[0], alongColumns = digit.offset[1];
    if (alongRows && alongColumns) return std::nullopt;
    bool isM = hasM && hasN ? alongRows : hasM ? alongRows : !alongColumns;
    (isM ? grid.warpsM : grid.warpsN) *= digit.count;
  }
  if (hasM) grid.warpM = layout.shape()[0] / grid.warpsM;
  if (hasN) grid.warpN = layout.shape()[1] / grid.warpsN;
  if (grid.warpM % 16 || grid.warpN % 8 || !grid.warpM || !grid.warpN) return std::nullopt;
  return grid;
}

static bool isFragmentA(const Layout &layout, const DotKind &kind) {
  auto grid = gridOf(layout, true, false);
  return grid && layout == fragmentA(kind, *grid);
}
static bool isFragmentB(const Layout &layout, const DotKind &kind) {
  auto grid = gridOf(layout, false, true);
  return grid && layout == fragmentB(kind, *grid);
}

static bool isOperandOf(Type element, const DotKind &kind) {
  return kind.elementBits == 32 ? element.isF32() : kind.halfOperands ? element.isF16() : element.isBF16();
}

LogicalResult FragmentOp::verify() {
  SharedType buffer = getStage().getType().getBuffer();
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() != 2 || type.getElementType() != buffer.getElementType())
    return emitOpError() << "needs a tile of rank 2 with the buffer's elements";
  int64_t rows = type.getDimSize(getTransposed() ? 1 : 0), columns = type.getDimSize(getTransposed() ? 0 : 1);
  if (getRow() + rows > uint64_t(buffer.getRows()) || getColumn() + columns > uint64_t(buffer.getColumns()))
    return emitOpError() << "reads past the stage";
  const Layout &layout = layoutOf(type);
  if (llvm::none_of(dotKinds(), [&](const DotKind &kind) {
        return isOperandOf(type.getElementType(), kind) &&
               (isFragmentA(layout, kind) || isFragmentB(layout, kind));
      }))
    return emitOpError() << "the tile's layout is no fragment of a matrix instruction";
  return success();
}

LogicalResult DotOp::verify() {
  const DotKind *kind = findDotKind(getKind());
  if (!kind) return emitOpError() << "unknown kind '" << getKind() << "'";
  auto a = cast<RankedTensorType>(getA().getType()), b = cast<RankedTensorType>(getB().getType()),
       c = cast<RankedTensorType>(getC().getType());
  if (a.getRank() != 2 || b.getRank() != 2 || c.getRank() != 2)
    return emitOpError() << "a, b and c are matrices";
  if (getC().getType() != getType()) return emitOpError() << "c and the result differ";
  if (a.getDimSize(1) != kind->k || b.getDimSize(0) != kind->k || a.getDimSize(0) != c.getDimSize(0) ||
      b.getDimSize(1) != c.getDimSize(1))
    return emitOpError() << "a, b and c are not [M, " << kind->k << "], [" << kind->k << ", N] and [M, N]";
  if (!isOperandOf(a.getElementType(), *kind) || a.getElementType() != b.getElementType() ||
      !c.getElementType().isF32())
    return emitOpError() << "kind '" << getKind() << "' does not take these elements";
  auto grid = gridOf(layoutOf(c), true, true);
  if (!grid || layoutOf(c) != fragmentC(*grid) || layoutOf(a) != fragmentA(*kind, *grid) ||
      layoutOf(b) != fragmentB(*kind, *grid))
    return emitOpError() << "the layouts are not those of the instruction's fragments";
  return success();
}

} // namespace dlc::tile
