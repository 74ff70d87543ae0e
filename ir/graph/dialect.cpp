// The graph dialect: registration, the dims attribute's text form, the region op's text form.
#include "ir/graph/graph.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "ir/graph/graph_dialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/graph/graph_attrs.cpp.inc"
#define GET_OP_CLASSES
#include "ir/graph/graph_ops.cpp.inc"

namespace dlc::graph {

void GraphDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/graph/graph_attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/graph/graph_ops.cpp.inc"
      >();
}

/// Folds of static shape may end in an attribute; they become a fill or an inline constant.
Operation *GraphDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor) return nullptr;
  if (auto splat = dyn_cast<SplatElementsAttr>(value))
    return FillOp::create(builder, loc, tensor, cast<TypedAttr>(splat.getSplatValue<Attribute>()));
  if (auto dense = dyn_cast<DenseElementsAttr>(value); dense && dense.getNumElements() <= 64)
    return ConstantOp::create(builder, loc, tensor, dense);
  if (isa<WeightAttr>(value)) return ConstantOp::create(builder, loc, tensor, value);
  if (auto scalar = dyn_cast<TypedAttr>(value); scalar && scalar.getType() == tensor.getElementType())
    return FillOp::create(builder, loc, tensor, scalar);
  return nullptr;
}

// A dim is printed by the dims algebra and read back through it, so its text may not be split into
// MLIR tokens: it stands in a string unless it is an integer or a plain symbol.
void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getDims(), printer, [&](const Dim &dim) {
    std::string text = dim.str();
    bool plain =
        dim.isConstant() || (dim.isSymbol() && !text.empty() && (isalpha(text[0]) || text[0] == '_') &&
                             llvm::all_of(text, [](char c) { return isalnum(c) || c == '_'; }));
    if (plain)
      printer << text;
    else
      printer.printString(text);
  });
  printer << ">";
}

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<Dim> dims;
  auto one = [&]() -> ParseResult {
    int64_t value = 0;
    std::string text;
    StringRef keyword;
    if (auto integer = parser.parseOptionalInteger(value); integer.has_value()) {
      dims.push_back(Dim::constant(value));
      return *integer;
    }
    if (succeeded(parser.parseOptionalKeyword(&keyword))) {
      dims.push_back(Dim::symbol(keyword.str()));
      return success();
    }
    auto where = parser.getCurrentLocation();
    if (parser.parseString(&text)) return failure();
    auto dim = parseDim(text);
    if (!dim) return parser.emitError(where, "malformed dim expression '" + text + "'");
    dims.push_back(*dim);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, one)) return {};
  return DimsAttr::get(parser.getContext(), dims);
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != getDims().size())
    return emitError() << "dims name " << getDims().size() << " dims, but the tensor has rank "
                       << shape.size();
  for (auto [i, size] : llvm::enumerate(shape)) {
    auto value = getDims()[i].constantValue();
    if (ShapedType::isDynamic(size) ? value.has_value() : value != size)
      return emitError() << "dim " << i << " is '" << getDims()[i].str() << "', but the type says "
                         << (ShapedType::isDynamic(size) ? std::string("?") : std::to_string(size));
  }
  return success();
}

// graph.region "name" hero "dot" (%a = %x : tensor<..>, ...) -> (tensor<..>) { body }
void RegionOp::print(OpAsmPrinter &p) {
  p << " " << getNameAttr() << " hero " << getHeroAttr() << " (";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getOperands()), p, [&](auto pair) {
    p.printRegionArgument(std::get<0>(pair), {}, /*omitType=*/true);
    p << " = " << std::get<1>(pair) << " : " << std::get<1>(pair).getType();
  });
  p << ") -> (";
  llvm::interleaveComma(getResultTypes(), p);
  p << ") ";
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  p.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"name", "hero"});
}

ParseResult RegionOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name, hero;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> operandTypes, resultTypes;
  auto operandsAt = parser.getCurrentLocation();
  if (parser.parseAttribute(name, "name", result.attributes) || parser.parseKeyword("hero") ||
      parser.parseAttribute(hero, "hero", result.attributes))
    return failure();
  auto one = [&]() -> ParseResult {
    auto &argument = arguments.emplace_back();
    if (parser.parseArgument(argument) || parser.parseEqual() ||
        parser.parseOperand(operands.emplace_back()) || parser.parseColonType(argument.type))
      return failure();
    operandTypes.push_back(argument.type);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, one) || parser.parseArrow() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                     [&]() { return parser.parseType(resultTypes.emplace_back()); }) ||
      parser.parseRegion(*result.addRegion(), arguments) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(operands, operandTypes, operandsAt, result.operands))
    return failure();
  result.addTypes(resultTypes);
  return success();
}

} // namespace dlc::graph
