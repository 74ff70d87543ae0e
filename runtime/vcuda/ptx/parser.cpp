#include "runtime/vcuda/ptx/parser.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::ptx;

namespace {

constexpr uint64_t maxVariableBytes = uint64_t(1) << 32;
constexpr unsigned maxErrors = 20;

struct TypeName {
  std::string_view name;
  Type type;
  uint32_t bytes;
};
constexpr TypeName typeNames[] = {
    {"pred", Type::Pred, 0},     {"b8", Type::B8, 1},       {"b16", Type::B16, 2},
    {"b32", Type::B32, 4},       {"b64", Type::B64, 8},     {"b128", Type::B128, 16},
    {"u8", Type::U8, 1},         {"u16", Type::U16, 2},     {"u32", Type::U32, 4},
    {"u64", Type::U64, 8},       {"s8", Type::S8, 1},       {"s16", Type::S16, 2},
    {"s32", Type::S32, 4},       {"s64", Type::S64, 8},     {"f16", Type::F16, 2},
    {"f16x2", Type::F16x2, 4},   {"bf16", Type::BF16, 2},   {"bf16x2", Type::BF16x2, 4},
    {"f32", Type::F32, 4},       {"f64", Type::F64, 8},     {"tf32", Type::TF32, 4},
    {"e4m3", Type::E4M3, 1},     {"e5m2", Type::E5M2, 1},   {"e4m3x2", Type::E4M3x2, 2},
    {"e5m2x2", Type::E5M2x2, 2}, {"u16x2", Type::U16x2, 4}, {"s16x2", Type::S16x2, 4},
};

constexpr auto bytesOfType = [] {
  std::array<uint8_t, 32> bytes = {};
  static_assert(size_t(Type::B1) < bytes.size());
  for (const TypeName &t : typeNames) bytes[size_t(t.type)] = uint8_t(t.bytes);
  return bytes;
}();

} // namespace

uint32_t ptx::typeBytes(Type type) { return bytesOfType[size_t(type)]; }

std::optional<Type> ptx::parseType(std::string_view word) {
  for (const TypeName &t : typeNames) {
    if (t.name == word) return t.type;
  }
  return std::nullopt;
}

SyntaxResult ptx::parseSyntax(std::string_view text) { return Parser(text).run(); }

Parser::Parser(std::string_view text) : module(result.module) {
  TokenList list = tokenise(text);
  tokens = std::move(list.tokens);
  if (!list.error.empty()) error(list.errorLine, list.error);
}

SyntaxResult Parser::run() {
  if (result.errors.empty() && parseHeader()) {
    while (!atEnd() && result.errors.size() < maxErrors) {
      if (!parseModuleItem()) recover();
    }
  }
  for (const Alias &alias : aliases) {
    auto found = functionByName.find(alias.target);
    if (found == functionByName.end())
      error(alias.line, ".alias of unknown function '" + alias.target + "'");
    else
      module.functions[alias.function].aliasOf = int32_t(found->second);
  }
  for (const Fixup &fixup : fixups) {
    auto found = globals.find(fixup.target);
    Relocation &relocation = module.variables[fixup.variable].relocations[fixup.relocation];
    if (found == globals.end() ||
        (found->second.kind != Symbol::ModuleVariable && found->second.kind != Symbol::Function)) {
      error(fixup.line, "initial value names '" + fixup.target + "', which is no variable or function");
      continue;
    }
    relocation.isFunction = found->second.kind == Symbol::Function;
    relocation.target = found->second.index;
  }
  return std::move(result);
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

bool Parser::error(uint32_t line, std::string message) {
  if (result.errors.size() < maxErrors) result.errors.push_back({line, std::move(message)});
  return false;
}

std::string Parser::found() const {
  const Token &token = peek();
  if (token.kind == TokenKind::End) return "the end of the text";
  std::string text(token.text.substr(0, 40));
  return token.kind == TokenKind::Dotted ? "'." + text + "'" : "'" + text + "'";
}

bool Parser::expectPunct(char c) {
  return takePunct(c) || error(std::string("expected '") + c + "', found " + found());
}

bool Parser::expectWord(std::string_view &out, const char *what) {
  if (peek().kind != TokenKind::Word) return error(std::string("expected ") + what + ", found " + found());
  out = next().text;
  return true;
}

bool Parser::expectInteger(uint64_t &out, const char *what) {
  if (peek().kind != TokenKind::Integer) return error(std::string("expected ") + what + ", found " + found());
  out = next().bits;
  return true;
}

void Parser::recover() {
  unsigned depth = 0;
  while (!atEnd()) {
    if (isPunct('{')) ++depth;
    if (isPunct('}')) {
      if (depth <= 1) {
        next();
        return;
      }
      --depth;
    }
    if (isPunct(';') && depth == 0) {
      next();
      return;
    }
    next();
  }
}

//===----------------------------------------------------------------------===//
// Module level
//===----------------------------------------------------------------------===//

bool Parser::parseHeader() {
  if (!takeDotted("version")) return error("expected '.version' first, found " + found());
  // The lexer reads `7.8` as a decimal floating-point literal.
  const Token &number = next();
  size_t dot = number.text.find('.');
  if (number.kind != TokenKind::Double || dot == std::string_view::npos || number.text.size() > 5)
    return error(number.line, "expected a version such as 7.8");
  double value = std::bit_cast<double>(number.bits);
  module.version = uint32_t(value) * 10 + uint32_t(number.text[dot + 1] - '0');
  if (module.version < 30 || module.version > 99 || number.text.size() != dot + 2)
    return error(number.line,
                 "PTX version " + std::string(number.text) + " is not supported (3.0 to 9.9 are)");
  if (!takeDotted("target")) return error("expected '.target', found " + found());
  std::string_view target;
  uint32_t line = peek().line;
  if (!expectWord(target, "a target")) return false;
  module.target = target;
  unsigned sm = 0;
  size_t digit = 3;
  for (; digit < target.size() && target[digit] >= '0' && target[digit] <= '9' && digit < 6; ++digit)
    sm = sm * 10 + unsigned(target[digit] - '0');
  bool suffixOk = digit == target.size() ||
                  (digit + 1 == target.size() && (target[digit] == 'a' || target[digit] == 'f'));
  if (!target.starts_with("sm_") || digit == 3 || !suffixOk)
    return error(line, "unknown target '" + std::string(target) + "'");
  module.smVersion = sm;
  while (takePunct(',')) {
    std::string_view option;
    if (!expectWord(option, "a target option")) return false;
    if (option != "debug" && option != "texmode_independent" && option != "texmode_unified")
      return error("unknown target option '" + std::string(option) + "'");
    module.isDebug = module.isDebug || option == "debug";
  }
  if (takeDotted("address_size")) {
    uint64_t bits = 0;
    if (!expectInteger(bits, "an address size")) return false;
    if (bits != 64) return error(".address_size " + std::to_string(bits) + " is not supported (64 is)");
  }
  return true;
}

Parser::Linkage Parser::parseLinkage() {
  Linkage linkage;
  for (;;) {
    if (takeDotted("visible"))
      linkage.isVisible = true;
    else if (takeDotted("extern"))
      linkage.isExtern = true;
    else if (takeDotted("weak"))
      linkage.isWeak = true;
    else if (takeDotted("common"))
      linkage.isCommon = true;
    else
      return linkage;
  }
}

bool Parser::parseModuleItem() {
  expressionDepth = 0; // an error leaves it where it happened
  if (takePunct(';')) return true;
  Linkage linkage = parseLinkage();
  if (takeDotted("entry")) return parseFunction(true, linkage);
  if (takeDotted("func")) return parseFunction(false, linkage);
  if (takeDotted("global")) return parseModuleVariable(Space::Global, linkage);
  if (takeDotted("const")) return parseModuleVariable(Space::Constant, linkage);
  if (takeDotted("shared")) return parseModuleVariable(Space::Shared, linkage);
  if (takeDotted("file")) return parseFile();
  if (takeDotted("section")) return skipSection();
  if (takeDotted("alias")) return parseAlias();
  if (takeDotted("pragma")) {
    while (!atEnd() && !isPunct(';')) next();
    return expectPunct(';');
  }
  if (peek().kind == TokenKind::Dotted) return error("directive " + found() + " is not supported here");
  return error("expected a directive, found " + found());
}

bool Parser::parseFile() {
  uint64_t number = 0;
  if (!expectInteger(number, "a file number")) return false;
  if (peek().kind != TokenKind::String) return error("expected a file name, found " + found());
  if (number > 65535) return error("file number " + std::to_string(number) + " is too large");
  if (module.files.size() <= number) module.files.resize(number + 1);
  module.files[number] = next().text;
  while (takePunct(',')) {
    uint64_t ignored;
    if (!expectInteger(ignored, "a time stamp or size")) return false;
  }
  return true;
}

bool Parser::skipSection() {
  if (peek().kind != TokenKind::Dotted && peek().kind != TokenKind::Word)
    return error("expected a section name, found " + found());
  next();
  if (!expectPunct('{')) return false;
  while (!atEnd() && !isPunct('}')) next();
  return expectPunct('}');
}

bool Parser::parseAlias() {
  std::string_view name, target;
  uint32_t line = peek().line;
  if (!expectWord(name, "a function") || !expectPunct(',') || !expectWord(target, "a function") ||
      !expectPunct(';'))
    return false;
  auto declared = functionByName.find(std::string(name));
  if (declared == functionByName.end())
    return error(line, ".alias of undeclared '" + std::string(name) + "'");
  aliases.push_back({declared->second, std::string(target), line});
  return true;
}

uint64_t Parser::Declarator::bytes() const { return uint64_t(typeBytes(type)) * vector * count; }

/// [.align N] [.v2|.v4] .type name [array suffix]; ptr attributes of parameters stand between type and name.
bool Parser::parseDeclarator(Declarator &d) {
  uint64_t align = 0;
  for (;;) {
    if (takeDotted("align")) {
      if (!expectInteger(align, "an alignment")) return false;
      if (!std::has_single_bit(align) || align > 4096)
        return error("alignment must be a power of two up to 4096");
      d.alignment = uint32_t(align);
    } else if (takeDotted("v2")) {
      d.vector = 2;
    } else if (takeDotted("v4")) {
      d.vector = 4;
    } else if (peek().kind == TokenKind::Dotted && d.type == Type::None) {
      std::optional<Type> type = parseType(peek().text);
      if (!type) return error("unknown type or attribute " + found());
      d.type = *type;
      next();
    } else if (takeDotted("ptr")) {
      while (isDotted("global") || isDotted("shared") || isDotted("const") || isDotted("local")) next();
      uint64_t pointee = 0;
      if (takeDotted("align") && !expectInteger(pointee, "an alignment")) return false;
    } else {
      break;
    }
  }
  if (d.type == Type::None) return error("expected a type, found " + found());
  d.line = peek().line;
  if (!expectWord(d.name, "a name") || !parseArraySuffix(d)) return false;
  if (d.alignment == 0) d.alignment = std::max(1u, typeBytes(d.type) * d.vector);
  if (d.bytes() > maxVariableBytes)
    return error(d.line, "'" + std::string(d.name) + "' is larger than 4 GiB");
  return true;
}

bool Parser::parseArraySuffix(Declarator &d) {
  bool first = true;
  while (takePunct('[')) {
    int64_t extent = 0;
    if (isPunct(']')) {
      if (!first) return error("only the first dimension may be empty");
      d.unsized = true;
    } else {
      if (!parseExpression(extent)) return false;
      if (extent < 0 || extent > int64_t(maxVariableBytes) || d.count * uint64_t(extent) > maxVariableBytes)
        return error("array of " + std::to_string(extent) + " elements is too large");
      d.count *= uint64_t(extent);
    }
    first = false;
    if (!expectPunct(']')) return false;
  }
  return true;
}

bool Parser::parseModuleVariable(Space space, const Linkage &linkage) {
  do {
    if (takeDotted("attribute")) {
      if (!expectPunct('(')) return false;
      while (!atEnd() && !isPunct(')')) next();
      if (!expectPunct(')')) return false;
    }
    Declarator d;
    if (!parseDeclarator(d)) return false;
    if (d.type == Type::Pred) return error(d.line, "a variable cannot be .pred");
    std::string name(d.name);
    auto known = globals.find(name);
    if (space == Space::Shared) {
      if (known == globals.end()) {
        globals[name] = {Symbol::SharedVariable, uint32_t(module.shared.size())};
        module.shared.push_back({name, space, d.unsized ? 0 : d.bytes(), d.alignment, d.unsized, 0});
      }
      continue;
    }
    if (linkage.isExtern)
      return error(d.line, ".extern variable '" + name + "' needs a linker, which is not supported");
    if (known != globals.end()) return error(d.line, "'" + name + "' is defined twice");
    VariableInfo variable;
    variable.space = space == Space::Global ? VariableInfo::Global : VariableInfo::Constant;
    variable.name = name;
    variable.alignment = d.alignment;
    variable.isInternal = !linkage.isVisible && !linkage.isWeak && !linkage.isCommon;
    globals[name] = {Symbol::ModuleVariable, uint32_t(module.variables.size())};
    module.variables.push_back(std::move(variable));
    VariableInfo &stored = module.variables.back();
    if (takePunct('=') && !parseInitialiser(d, stored)) return false;
    stored.bytes = d.unsized ? stored.initial.size() : d.bytes();
    if (space == Space::Constant) {
      uint64_t offset = (uint64_t(module.constantBankBytes) + d.alignment - 1) / d.alignment * d.alignment;
      if (offset + stored.bytes > 64 * 1024)
        return error(d.line, "more than 65536 bytes of .const variables");
      stored.constantOffset = uint32_t(offset);
      module.constantBankBytes = uint32_t(offset + stored.bytes);
    }
  } while (takePunct(','));
  return expectPunct(';');
}

bool Parser::parseInitialiser(const Declarator &d, VariableInfo &variable) {
  uint64_t element = 0;
  if (isPunct('{')) return parseInitialiserList(d, variable, element, 0);
  return parseInitialElement(d, variable, 0);
}

bool Parser::parseInitialiserList(const Declarator &d, VariableInfo &variable, uint64_t &element,
                                  unsigned depth) {
  if (depth > 8) return error("initialiser is nested too deeply");
  next(); // the brace, which the caller saw
  while (!isPunct('}')) {
    if (isPunct('{')) {
      if (!parseInitialiserList(d, variable, element, depth + 1)) return false;
    } else if (!parseInitialElement(d, variable, element++)) {
      return false;
    }
    if (!takePunct(',')) break;
  }
  return expectPunct('}');
}

bool Parser::parseInitialElement(const Declarator &d, VariableInfo &variable, uint64_t element) {
  uint32_t bytes = typeBytes(d.type);
  uint64_t limit = d.unsized ? maxVariableBytes : d.bytes();
  if ((element + 1) * bytes > limit)
    return error("more initial values than '" + std::string(d.name) + "' has elements");
  if (variable.initial.size() < (element + 1) * bytes) variable.initial.resize((element + 1) * bytes);
  const Token &token = peek();
  if (token.kind == TokenKind::Word) return parseAddressElement(d, variable, element);
  uint64_t bits = 0;
  bool negative = false;
  if ((isPunct('-') || isPunct('+')) &&
      (peek(1).kind == TokenKind::Single || peek(1).kind == TokenKind::Double))
    negative = next().punct == '-';
  if (peek().kind == TokenKind::Single || peek().kind == TokenKind::Double) {
    const Token &number = next();
    bits = number.bits ^ (negative ? uint64_t(1) << (number.kind == TokenKind::Single ? 31 : 63) : 0);
    if (d.type == Type::F32 && number.kind == TokenKind::Double)
      bits = std::bit_cast<uint32_t>(float(std::bit_cast<double>(bits)));
    if (d.type == Type::F64 && number.kind == TokenKind::Single)
      bits = std::bit_cast<uint64_t>(double(std::bit_cast<float>(uint32_t(bits))));
  } else {
    int64_t value = 0;
    if (!parseExpression(value)) return false;
    bits = uint64_t(value);
    if (d.type == Type::F32) bits = std::bit_cast<uint32_t>(float(value));
    if (d.type == Type::F64) bits = std::bit_cast<uint64_t>(double(value));
  }
  std::memcpy(variable.initial.data() + element * bytes, &bits, std::min(bytes, 8u));
  return true;
}

/// name, name+8, generic(name), generic(name)+8, and masks such as 0xFF(name) for one byte of an address.
bool Parser::parseAddressElement(const Declarator &d, VariableInfo &variable, uint64_t element) {
  uint32_t bytes = typeBytes(d.type);
  if (bytes != 8 && bytes != 4) return error("an address needs a 32- or 64-bit element");
  uint32_t line = peek().line;
  std::string_view name = next().text;
  if (name == "generic") {
    if (!expectPunct('(') || !expectWord(name, "a name") || !expectPunct(')')) return false;
  }
  Relocation relocation;
  relocation.offset = uint32_t(element * bytes);
  relocation.width = bytes;
  if (isPunct('+') || isPunct('-')) {
    bool minus = next().punct == '-';
    if (!parseExpression(relocation.addend)) return false;
    if (minus) relocation.addend = int64_t(0 - uint64_t(relocation.addend));
  }
  uint32_t index = uint32_t(&variable - module.variables.data());
  fixups.push_back({index, uint32_t(variable.relocations.size()), std::string(name), line});
  variable.relocations.push_back(relocation);
  return true;
}

//===----------------------------------------------------------------------===//
// Constant expressions: 64-bit wrap-around arithmetic
//===----------------------------------------------------------------------===//

bool Parser::parseUnary(int64_t &value) {
  if (++expressionDepth > 100) return error("expression is nested too deeply");
  bool ok = parseUnaryInner(value);
  --expressionDepth;
  return ok;
}

bool Parser::parseUnaryInner(int64_t &value) {
  for (char op : {'-', '+', '~', '!'}) {
    if (!takePunct(op)) continue;
    if (!parseUnary(value)) return false;
    value = op == '-' ? int64_t(0 - uint64_t(value)) : op == '~' ? ~value : op == '!' ? value == 0 : value;
    return true;
  }
  if (takePunct('(')) {
    if (takeDotted("s64") || takeDotted("u64")) return expectPunct(')') && parseUnary(value);
    return parseExpression(value) && expectPunct(')');
  }
  uint64_t bits = 0;
  if (!expectInteger(bits, "an integer")) return false;
  value = int64_t(bits);
  return true;
}

/// The operators that PTX writers use: * and / bind tighter than + and -, those tighter than & ^ |.
static unsigned operatorLevel(char op) {
  if (op == '*' || op == '/') return 3;
  if (op == '+' || op == '-') return 2;
  return op == '&' || op == '^' || op == '|' ? 1 : 0;
}

bool Parser::parseExpression(int64_t &value, unsigned minLevel) {
  if (!parseUnary(value)) return false;
  for (;;) {
    char op = peek().kind == TokenKind::Punct ? peek().punct : 0;
    unsigned level = operatorLevel(op);
    if (level == 0 || level <= minLevel) return true;
    next();
    int64_t rhs = 0;
    if (!parseExpression(rhs, level)) return false;
    uint64_t a = uint64_t(value), b = uint64_t(rhs);
    switch (op) {
    case '*':
      value = int64_t(a * b);
      break;
    case '+':
      value = int64_t(a + b);
      break;
    case '-':
      value = int64_t(a - b);
      break;
    case '&':
      value = int64_t(a & b);
      break;
    case '^':
      value = int64_t(a ^ b);
      break;
    case '|':
      value = int64_t(a | b);
      break;
    default:
      if (rhs == 0 || (rhs == -1 && a == uint64_t(1) << 63)) return error("division has no value");
      value /= rhs;
    }
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Function &Parser::functionNamed(std::string_view name, bool &isNew) {
  auto [found, inserted] = functionByName.try_emplace(std::string(name), uint32_t(module.functions.size()));
  isNew = inserted;
  if (inserted) {
    module.functions.emplace_back().name = name;
    globals[std::string(name)] = {Symbol::Function, found->second};
  }
  return module.functions[found->second];
}

bool Parser::parseFunction(bool isKernel, const Linkage &linkage) {
  Function head;
  head.isKernel = isKernel;
  head.line = peek().line;
  scopes.assign(1, Scope());
  if (!isKernel && takePunct('(') && !parseParameters(head, nullptr, true)) return false;
  std::string_view name;
  uint32_t line = peek().line;
  if (!expectWord(name, "a function name")) return false;
  head.name = name;
  auto known = globals.find(head.name);
  if (known != globals.end() && known->second.kind != Symbol::Function)
    return error(line, "'" + head.name + "' is defined twice");
  KernelInfo kernel;
  kernel.name = name;
  kernel.line = head.line;
  if (takePunct('(') && !parseParameters(head, isKernel ? &kernel : nullptr, false)) return false;
  if (!parseFunctionDirectives(isKernel ? &kernel : nullptr)) return false;
  bool isNew = false;
  Function &function = functionNamed(name, isNew);
  if (takePunct(';')) {
    if (isNew) function = std::move(head);
    return true;
  }
  if (!isPunct('{')) return error("expected a function body, found " + found());
  if (function.hasBody) return error(line, "'" + head.name + "' is defined twice");
  function = std::move(head);
  function.hasBody = true;
  if (isKernel) {
    function.kernelIndex = int32_t(module.kernels.size());
    module.kernels.push_back(std::move(kernel));
  }
  return parseBody(function);
}

bool Parser::parseParameters(Function &function, KernelInfo *kernel, bool areResults) {
  while (!isPunct(')')) {
    if (takeDotted("reg")) return error(".reg parameters of functions are not supported (.param ones are)");
    if (!takeDotted("param")) return error("expected '.param', found " + found());
    Declarator d;
    if (!parseDeclarator(d)) return false;
    if (d.unsized) return error(d.line, "variadic parameter '" + std::string(d.name) + "' is not supported");
    if (d.type == Type::Pred) return error(d.line, "a parameter cannot be .pred");
    if (kernel) {
      uint64_t offset = (uint64_t(kernel->parameterBytes) + d.alignment - 1) / d.alignment * d.alignment;
      if (offset + d.bytes() > 32764) return error(d.line, "more than 32764 bytes of kernel parameters");
      scopes.back().symbols[d.name] = {Symbol::KernelParameter, uint32_t(kernel->parameters.size())};
      kernel->parameters.push_back({std::string(d.name), uint32_t(offset), uint32_t(d.bytes()), d.alignment});
      kernel->parameterBytes = uint32_t(offset + d.bytes());
    } else {
      if (d.bytes() > 65536) return error(d.line, "parameter '" + std::string(d.name) + "' is too large");
      uint32_t index = addFrameVariable(function, d, Space::Param);
      scopes.back().symbols[d.name] = {Symbol::FrameVariable, index};
      (areResults ? function.results : function.parameters).push_back(index);
    }
    if (!takePunct(',')) break;
  }
  return expectPunct(')');
}

uint32_t Parser::addFrameVariable(Function &function, const Declarator &d, Space space) {
  uint32_t alignment = std::max(d.alignment, 1u);
  uint64_t offset = (uint64_t(function.frameBytes) + alignment - 1) / alignment * alignment;
  if (offset + d.bytes() > 512 * 1024) {
    error(d.line, "more than 512 KiB of local memory per thread");
    offset = 0;
  } else {
    function.frameBytes = uint32_t(offset + d.bytes());
  }
  function.frameAlignment = std::max(function.frameAlignment, alignment);
  function.frame.push_back({std::string(d.name), space, d.bytes(), alignment, false, uint32_t(offset)});
  return uint32_t(function.frame.size() - 1);
}

bool Parser::parseFunctionDirectives(KernelInfo *kernel) {
  for (;;) {
    std::array<uint32_t, 3> *dims = nullptr;
    uint32_t *single = nullptr;
    KernelInfo ignored;
    KernelInfo &target = kernel ? *kernel : ignored;
    if (takeDotted("maxntid"))
      dims = &target.maxThreads;
    else if (takeDotted("reqntid"))
      dims = &target.requiredThreads;
    else if (takeDotted("minnctapersm") || takeDotted("maxnctapersm"))
      single = &target.minCtasPerSm;
    else if (takeDotted("maxnreg"))
      single = &target.maxRegisters;
    else if (takeDotted("noreturn"))
      continue;
    else if (takeDotted("pragma")) {
      while (!atEnd() && !isPunct(';') && !isPunct('{')) next();
      takePunct(';');
      continue;
    } else if (peek().kind == TokenKind::Dotted) {
      return error("directive " + found() + " is not supported");
    } else {
      return true;
    }
    unsigned count = 0;
    std::array<uint32_t, 3> values = {1, 1, 1};
    do {
      uint64_t value = 0;
      if (!expectInteger(value, "a number")) return false;
      if (count == 3 || value > 0xffffffff) return error("too many or too large numbers");
      values[count++] = uint32_t(value);
    } while (takePunct(','));
    if (dims) *dims = values;
    if (single) *single = values[0];
  }
}
