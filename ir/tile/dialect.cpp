// The tile dialect: registration, the layout attribute, verifiers.
#include "ir/tile/tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dlc::tile {

// bind [m = %m : i32, S = %s : i32]
static ParseResult parseBindings(OpAsmParser &parser, ArrayAttr &names,
                                 SmallVectorImpl<OpAsmParser::UnresolvedOperand> &bound,
                                 SmallVectorImpl<Type> &types) {
  SmallVector<Attribute> list;
  auto one = [&]() -> ParseResult {
    std::string name;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual() ||
        parser.parseOperand(bound.emplace_back()) || parser.parseColonType(types.emplace_back()))
      return failure();
    list.push_back(parser.getBuilder().getStringAttr(name));
    return success();
  };
  if (parser.parseKeyword("bind") || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, one))
    return failure();
  names = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printBindings(OpAsmPrinter &printer, Operation *, ArrayAttr names, OperandRange bound,
                          TypeRange) {
  printer << "bind [";
  llvm::interleaveComma(llvm::zip(names.getAsValueRange<StringAttr>(), bound), printer, [&](auto pair) {
    printer.printKeywordOrString(std::get<0>(pair));
    printer << " = " << std::get<1>(pair) << " : " << std::get<1>(pair).getType();
  });
  printer << "]";
}

} // namespace dlc::tile

#include "ir/tile/tile_dialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/tile/tile_attrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/tile/tile_types.cpp.inc"
#define GET_OP_CLASSES
#include "ir/tile/tile_ops.cpp.inc"

namespace dlc::tile {

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/tile/tile_attrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/tile/tile_types.cpp.inc"
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

SharedLayout sharedLayout(SharedType type) {
  int64_t size = type.getElementType().getIntOrFloatBitWidth() / 8, rowBytes = type.getColumns() * size,
          pitch = rowBytes + type.getPad() * size;
  Swizzle swizzle;
  if (type.getSwizzle()) {
    // Rows of less than 128 bytes share one round of the banks: what tells rounds apart are the bits from 7
    // on. From there on it is the row's number.
    swizzle.bits = llvm::Log2_64(type.getSwizzle()) - swizzle.base;
    swizzle.shift = std::max<int64_t>(7, llvm::Log2_64(pitch)) - swizzle.base;
  }
  return SharedLayout(type.getRows(), rowBytes, pitch, swizzle);
}

} // namespace dlc::tile
