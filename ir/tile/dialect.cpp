// The tile dialect: registration, the layout attribute, verifiers.
#include "ir/tile/tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "ir/tile/tile_dialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/tile/tile_attrs.cpp.inc"
#define GET_OP_CLASSES
#include "ir/tile/tile_ops.cpp.inc"

namespace dlc::tile {

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/tile/tile_attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/tile/tile_ops.cpp.inc"
      >();
}

bool isTile(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa_and_nonnull<LayoutAttr>(tensor.getEncoding());
}

RankedTensorType tileType(const Layout &layout, Type elementType) {
  return RankedTensorType::get(layout.shape(), elementType,
                               LayoutAttr::get(elementType.getContext(), layout));
}

const Layout &layoutOf(Type type) {
  return cast<LayoutAttr>(cast<RankedTensorType>(type).getEncoding()).getLayout();
}

// #tile.layout<"128x64", "reg [...] lane [...] warp [...]">
void LayoutAttr::print(AsmPrinter &printer) const {
  std::string shape;
  for (int64_t size : getLayout().shape()) shape += (shape.empty() ? "" : "x") + std::to_string(size);
  printer << "<\"" << shape << "\", \"" << getLayout().str() << "\">";
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  std::string shapeText, text, error;
  auto at = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseString(&shapeText) || parser.parseComma() ||
      parser.parseString(&text) || parser.parseGreater())
    return {};
  std::vector<int64_t> shape;
  if (!shapeText.empty())
    for (StringRef part : llvm::split(shapeText, 'x')) {
      int64_t size = 0;
      if (part.getAsInteger(10, size) || size < 1 || size > (1 << 20)) {
        parser.emitError(at, "malformed tile shape '" + shapeText + "'");
        return {};
      }
      shape.push_back(size);
    }
  auto layout = Layout::parse(text, shape, &error);
  if (!layout) {
    parser.emitError(at, error);
    return {};
  }
  return LayoutAttr::get(parser.getContext(), *layout);
}

LogicalResult LayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                         function_ref<InFlightDiagnostic()> emitError) const {
  if (shape == ArrayRef<int64_t>(getLayout().shape())) return success();
  return emitError() << "the layout is for another tile shape";
}

//===- Verifiers ----------------------------------------------------------------===//

// Every symbol of an access is a tile dim or a bound name, and integer tiles have the access's layout.
static LogicalResult checkAccess(Operation *op, ArrayRef<Dim> exprs, ArrayAttr names, ValueRange bound,
                                 Type tile) {
  if (names.size() != bound.size())
    return op->emitOpError() << names.size() << " names for " << bound.size() << " bound values";
  int64_t rank = tile ? cast<RankedTensorType>(tile).getRank() : 0;
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

LogicalResult EvalOp::verify() {
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

} // namespace dlc::tile
