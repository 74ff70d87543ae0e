#include "runtime/vcuda/ptx/parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

using namespace dlc::vcuda;
using namespace dlc::vcuda::ptx;

namespace {

constexpr size_t maxNesting = 64;
constexpr uint32_t maxRegisters = 1u << 20;

} // namespace

//===----------------------------------------------------------------------===//
// Blocks and scopes
//===----------------------------------------------------------------------===//

bool Parser::parseBody(Function &function) {
  current = &function;
  labelInfo.clear();
  file = sourceLine = inlinedBy = 0;
  inlinedPlaces.clear();
  bool ok = parseBlock();
  if (!ok) return false;
  for (size_t i = 0; i < function.labels.size(); ++i) {
    size_t label = i;
    while (labelInfo[label].sameAs >= 0) label = size_t(labelInfo[label].sameAs);
    function.labels[i] = function.labels[label];
    if (function.labels[i] < 0)
      error(labelInfo[i].firstUse, "label '" + std::string(labelInfo[i].name) + "' is not defined");
  }
  return true;
}

bool Parser::parseBlock() {
  next(); // the brace, which the caller saw
  if (scopes.size() > maxNesting) return error("blocks are nested too deeply");
  scopes.emplace_back();
  while (!isPunct('}')) {
    if (atEnd()) return error("expected '}', found the end of the text");
    if (parseStatement()) continue;
    if (result.errors.size() >= 20) return false;
    recoverInBlock();
  }
  next();
  return closeScope();
}

/// Behind the next `;`, or before the `}` that ends the block: that of a vector of operands does not.
void Parser::recoverInBlock() {
  for (unsigned vectors = openVectors; !atEnd() && !isPunct(';'); next()) {
    if (isPunct('{')) ++vectors;
    if (isPunct('}') && vectors-- == 0) return;
  }
  takePunct(';');
}

/// A name that this block refers to and does not define means the same as in the block around it.
bool Parser::closeScope() {
  Scope inner = std::move(scopes.back());
  scopes.pop_back();
  for (const auto &[name, label] : inner.labels) {
    if (current->labels[label] >= 0) continue;
    auto [outer, inserted] = scopes.back().labels.try_emplace(name, label);
    if (!inserted) labelInfo[label].sameAs = int32_t(outer->second);
  }
  return true;
}

std::optional<uint32_t> Parser::makeRangeRegister(Scope &scope, std::string_view name) {
  uint64_t number = 0, unit = 1;
  for (size_t split = name.size(); split-- > 1 && name.size() - split < 10;) {
    if (name[split] < '0' || name[split] > '9') return std::nullopt;
    number += uint64_t(name[split] - '0') * unit;
    unit *= 10;
    if (name[split] == '0' && split + 1 < name.size()) continue; // no leading zeros
    auto range = scope.ranges.find(name.substr(0, split));
    if (range == scope.ranges.end() || number >= range->second.first) continue;
    if (current->registers.size() >= maxRegisters) return std::nullopt;
    uint32_t index = uint32_t(current->registers.size());
    current->registers.push_back({name, range->second.second});
    scope.registers[name] = index;
    return index;
  }
  return std::nullopt;
}

std::optional<uint32_t> Parser::findRegister(std::string_view name) {
  for (size_t i = scopes.size(); i-- > 0;) {
    auto found = scopes[i].registers.find(name);
    if (found != scopes[i].registers.end()) return found->second;
    if (!scopes[i].ranges.empty()) {
      if (std::optional<uint32_t> made = makeRangeRegister(scopes[i], name)) return made;
    }
  }
  return std::nullopt;
}

Symbol Parser::findSymbol(std::string_view name) const {
  for (size_t i = scopes.size(); i-- > 0;) {
    auto found = scopes[i].symbols.find(name);
    if (found != scopes[i].symbols.end()) return found->second;
  }
  auto found = globals.find(std::string(name));
  return found == globals.end() ? Symbol() : found->second;
}

bool Parser::defineLabel(std::string_view name, uint32_t line) {
  uint32_t label = labelReference(name, line);
  if (current->labels[label] >= 0) return error(line, "label '" + std::string(name) + "' is defined twice");
  current->labels[label] = int32_t(current->body.size());
  return true;
}

uint32_t Parser::labelReference(std::string_view name, uint32_t line) {
  auto [found, inserted] = scopes.back().labels.try_emplace(name, uint32_t(current->labels.size()));
  if (inserted) {
    current->labels.push_back(-1);
    labelInfo.push_back({name, line, -1});
  }
  return found->second;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

/// .pragma "used_bytes_mask N": of what the next instruction loads the program uses the bytes whose bits are
/// set. Other pragmas say nothing that matters here.
void Parser::noteUsedBytes() {
  constexpr std::string_view name = "used_bytes_mask ";
  if (peek().kind != TokenKind::String || !peek().text.starts_with(name)) return;
  std::string_view text = peek().text.substr(name.size());
  int base = text.starts_with("0x") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  uint32_t mask = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, base);
  if (error == std::errc() && end == text.data() + text.size()) usedBytes = mask;
}

bool Parser::parseStatement() {
  expressionDepth = openVectors = 0; // an error leaves them where it happened
  if (takePunct(';')) return true;
  if (isPunct('{')) return parseBlock();
  if (peek().kind == TokenKind::Dotted) return parseBodyDirective();
  if (peek().kind == TokenKind::Word && isPunct(':', 1)) {
    uint32_t line = peek().line;
    std::string_view label = next().text;
    next();
    if (isDotted("branchtargets") || isDotted("callprototype") || isDotted("calltargets"))
      return parseLabelledDirective(label);
    return defineLabel(label, line);
  }
  return parseInstruction();
}

bool Parser::parseBodyDirective() {
  if (takeDotted("reg")) return parseRegisters();
  if (takeDotted("local")) return parseBodyVariable(Space::Local);
  if (takeDotted("param")) return parseBodyVariable(Space::Param);
  if (takeDotted("shared")) return parseBodyVariable(Space::Shared);
  if (isDotted("extern") && isDotted("shared", 1)) {
    next();
    next();
    return parseBodyVariable(Space::Shared);
  }
  if (takeDotted("loc")) return parseLoc();
  if (takeDotted("file")) return parseFile();
  if (takeDotted("pragma")) {
    noteUsedBytes();
    while (!atEnd() && !isPunct(';')) next();
    return expectPunct(';');
  }
  return error("directive " + found() + " is not supported in a function");
}

bool Parser::parseRegisters() {
  if (isDotted("v2") || isDotted("v4")) return error("vector registers are not supported");
  std::optional<Type> type = peek().kind == TokenKind::Dotted ? parseType(peek().text) : std::nullopt;
  if (!type) return error("expected a type, found " + found());
  next();
  do {
    std::string_view name;
    uint32_t line = peek().line;
    if (!expectWord(name, "a register")) return false;
    Scope &scope = scopes.back();
    if (takePunct('<')) {
      uint64_t count = 0;
      if (!expectInteger(count, "a number of registers") || !expectPunct('>')) return false;
      if (!scope.ranges.try_emplace(name, std::pair(count, *type)).second)
        return error(line, "register '" + std::string(name) + "' is declared twice");
      continue;
    }
    if (current->registers.size() >= maxRegisters) return error(line, "too many registers");
    if (!scope.registers.try_emplace(name, uint32_t(current->registers.size())).second)
      return error(line, "register '" + std::string(name) + "' is declared twice");
    current->registers.push_back({name, *type});
  } while (takePunct(','));
  return expectPunct(';');
}

bool Parser::parseBodyVariable(Space space) {
  do {
    Declarator d;
    if (!parseDeclarator(d)) return false;
    if (d.type == Type::Pred) return error(d.line, "a variable cannot be .pred");
    if (space == Space::Shared) {
      scopes.back().symbols[d.name] = {Symbol::SharedVariable, uint32_t(module.shared.size())};
      module.shared.push_back(
          {std::string(d.name), space, d.unsized ? 0 : d.bytes(), d.alignment, d.unsized, 0});
    } else {
      if (d.unsized) return error(d.line, "'" + std::string(d.name) + "' has no size");
      scopes.back().symbols[d.name] = {Symbol::FrameVariable, addFrameVariable(*current, d, space)};
    }
  } while (takePunct(','));
  return expectPunct(';');
}

/// The call at a place, which an earlier .loc says how it got into the function.
uint32_t Parser::inlinedCall(std::array<uint32_t, 3> place) {
  auto before = inlinedPlaces.find(place);
  uint32_t outer = before == inlinedPlaces.end() ? 0 : before->second;
  auto [call, isNew] =
      inlinedCalls.try_emplace({place[0], place[1], outer}, uint32_t(module.inlinedCalls.size()));
  if (isNew) module.inlinedCalls.push_back({place[0], place[1], outer});
  return call->second;
}

/// .loc file line column[, function_name label[+offset], inlined_at file line column]
bool Parser::parseLoc() {
  uint64_t fileNumber = 0, line = 0, column = 0;
  if (!expectInteger(fileNumber, "a file number") || !expectInteger(line, "a line") ||
      !expectInteger(column, "a column"))
    return false;
  file = uint32_t(fileNumber);
  sourceLine = uint32_t(line);
  inlinedBy = 0;
  while (takePunct(',')) {
    std::string_view what;
    if (!expectWord(what, "'function_name' or 'inlined_at'")) return false;
    if (what == "function_name") {
      int64_t offset;
      std::string_view label;
      if (!expectWord(label, "a label")) return false;
      if (takePunct('+') && !parseExpression(offset)) return false;
    } else if (what == "inlined_at") {
      uint64_t place[3];
      if (!expectInteger(place[0], "a file number") || !expectInteger(place[1], "a line") ||
          !expectInteger(place[2], "a column"))
        return false;
      inlinedBy = inlinedCall({uint32_t(place[0]), uint32_t(place[1]), uint32_t(place[2])});
    } else {
      return error("unknown attribute '" + std::string(what) + "' of .loc");
    }
  }
  inlinedPlaces[{file, sourceLine, uint32_t(column)}] = inlinedBy;
  takePunct(';');
  return true;
}

bool Parser::parseLabelledDirective(std::string_view label) {
  if (takeDotted("branchtargets")) return parseBranchTable(label);
  next();
  scopes.back().prototypes[label] = true;
  return skipPrototype();
}

bool Parser::parseBranchTable(std::string_view name) {
  std::vector<uint32_t> labels;
  do {
    std::string_view label;
    uint32_t line = peek().line;
    if (!expectWord(label, "a label")) return false;
    labels.push_back(labelReference(label, line));
  } while (takePunct(','));
  scopes.back().tables[name] = uint32_t(current->branchTables.size());
  current->branchTables.push_back(std::move(labels));
  return expectPunct(';');
}

bool Parser::skipPrototype() {
  while (!atEnd() && !isPunct(';') && !isPunct('}')) next();
  return expectPunct(';');
}

//===----------------------------------------------------------------------===//
// Instructions and operands
//===----------------------------------------------------------------------===//

bool Parser::parseInstruction() {
  Statement statement;
  statement.line = peek().line;
  statement.file = file;
  statement.sourceLine = sourceLine;
  statement.inlinedBy = inlinedBy;
  if (takePunct('@')) {
    statement.guardNegated = takePunct('!');
    std::string_view name;
    uint32_t line = peek().line;
    if (!expectWord(name, "a predicate")) return false;
    std::optional<uint32_t> guard = findRegister(name);
    if (!guard) return error(line, "unknown register '" + std::string(name) + "'");
    if (current->registers[*guard].type != Type::Pred)
      return error(line, "guard '" + std::string(name) + "' is not a predicate");
    statement.guard = int32_t(*guard);
  }
  if (!expectWord(statement.opcode, "an instruction")) return false;
  while (peek().kind == TokenKind::Dotted) statement.modifiers.push_back(next().text);
  while (!isPunct(';')) {
    Operand operand;
    if (!parseOperand(operand)) return false;
    statement.operands.push_back(std::move(operand));
    if (statement.operands.size() > 64) return error("too many operands");
    if (!takePunct(',') && !isPunct(';')) return error("expected ',' or ';', found " + found());
  }
  next();
  statement.usedBytes = std::exchange(usedBytes, ~0u);
  current->body.push_back(std::move(statement));
  return true;
}

bool Parser::parseOperandList(Operand &operand, char close) {
  openVectors += close == '}';
  if (++expressionDepth > 16) return error("operands are nested too deeply");
  while (!isPunct(close)) {
    if (!parseOperand(operand.elements.emplace_back())) return false;
    if (operand.elements.size() > 256) return error("too many operands");
    if (!takePunct(',') && !isPunct(close))
      return error(std::string("expected ',' or '") + close + "', found " + found());
  }
  --expressionDepth;
  openVectors -= close == '}';
  next();
  return true;
}

bool Parser::parseOperand(Operand &operand) {
  if (takePunct('!')) {
    if (!parseOperand(operand)) return false;
    if (operand.kind != Operand::Reg || operand.negated) return error("expected a predicate after '!'");
    operand.negated = true;
    return true;
  }
  if (takePunct('{')) {
    operand.kind = Operand::Vector;
    return parseOperandList(operand, '}');
  }
  if (isPunct('(') && (peek(1).kind == TokenKind::Word || isPunct(')', 1))) {
    next();
    operand.kind = Operand::List;
    return parseOperandList(operand, ')');
  }
  if (takePunct('[')) return parseAddress(operand);
  if (isPunct('-') && peek(1).kind == TokenKind::Word && findRegister(peek(1).text)) {
    next();
    operand.minus = true;
    return parseWordOperand(operand);
  }
  if (peek().kind == TokenKind::Word) return parseWordOperand(operand);
  return parseNumberOperand(operand);
}

bool Parser::parseNumberOperand(Operand &operand) {
  bool negative = false;
  if (isPunct('-') && (peek(1).kind == TokenKind::Single || peek(1).kind == TokenKind::Double)) {
    next();
    negative = true;
  }
  if (peek().kind == TokenKind::Single || peek().kind == TokenKind::Double) {
    const Token &number = next();
    operand.kind = number.kind == TokenKind::Single ? Operand::Single : Operand::Double;
    operand.bits = number.bits ^ (negative ? uint64_t(1) << (number.kind == TokenKind::Single ? 31 : 63) : 0);
    return true;
  }
  if (peek().kind != TokenKind::Integer && !isPunct('-') && !isPunct('+') && !isPunct('~') && !isPunct('('))
    return error("expected an operand, found " + found());
  int64_t value = 0;
  if (!parseExpression(value)) return false;
  operand.kind = Operand::Integer;
  operand.bits = uint64_t(value);
  return true;
}

/// `|q` behind the first of two results.
bool Parser::parseSecond(Operand &operand) {
  uint32_t line = next().line;
  std::string_view second;
  if (!expectWord(second, "a predicate")) return false;
  std::optional<uint32_t> found = findRegister(second);
  if (!found && second != "_") return error(line, "unknown register '" + std::string(second) + "'");
  operand.second = found ? int32_t(*found) : -2;
  return true;
}

bool Parser::parseWordOperand(Operand &operand) {
  uint32_t line = peek().line;
  std::string_view name = next().text;
  operand.text = name;
  if (name == "_") {
    operand.kind = Operand::Sink;
    return !isPunct('|') || parseSecond(operand);
  }
  if (std::optional<uint32_t> reg = findRegister(name)) {
    operand.kind = Operand::Reg;
    operand.reg = *reg;
    if (peek().kind == TokenKind::Dotted && peek().adjacent) operand.part = next().text;
    return !isPunct('|') || parseSecond(operand);
  }
  operand.symbol = findSymbol(name);
  if (operand.symbol.kind != Symbol::None) {
    operand.kind = Operand::Sym;
    if ((isPunct('+') || isPunct('-'))) return parseExpressionSuffix(operand.offset);
    return true;
  }
  if (name[0] == '%' || name == "WARP_SZ") {
    operand.kind = Operand::Special;
    if (peek().kind == TokenKind::Dotted && peek().adjacent) {
      std::string_view part = next().text;
      operand.text = std::string_view(name.data(), size_t(part.data() + part.size() - name.data()));
    }
    return true;
  }
  for (size_t i = scopes.size(); i-- > 0;) {
    auto table = scopes[i].tables.find(name);
    if (table != scopes[i].tables.end()) {
      operand.kind = Operand::Integer;
      operand.bits = table->second;
      return true;
    }
    if (scopes[i].prototypes.count(name)) {
      operand.kind = Operand::Special;
      return true;
    }
  }
  operand.kind = Operand::Label;
  operand.index = labelReference(name, line);
  return true;
}

bool Parser::parseExpressionSuffix(int64_t &offset) {
  bool minus = next().punct == '-';
  if (!parseExpression(offset)) return false;
  if (minus) offset = int64_t(0 - uint64_t(offset));
  return true;
}

/// After `[`: register, variable or number, then an offset.
bool Parser::parseAddress(Operand &operand) {
  operand.kind = Operand::Address;
  if (peek().kind == TokenKind::Word) {
    uint32_t line = peek().line;
    std::string_view name = next().text;
    operand.text = name;
    if (std::optional<uint32_t> reg = findRegister(name)) {
      operand.hasReg = true;
      operand.reg = *reg;
    } else {
      operand.symbol = findSymbol(name);
      if (operand.symbol.kind == Symbol::None) return error(line, "unknown name '" + std::string(name) + "'");
      if (takePunct('[')) {
        if (!parseExpression(operand.offset) || !expectPunct(']')) return false;
      }
    }
    int64_t more = 0;
    if ((isPunct('+') || isPunct('-')) && !parseExpressionSuffix(more)) return false;
    operand.offset = int64_t(uint64_t(operand.offset) + uint64_t(more));
  } else if (!parseExpression(operand.offset)) {
    return false;
  }
  return expectPunct(']');
}
