//===- parser.h - the state shared by the parts of the PTX parser -*- C++ -*-===//
//
// Recursive descent over the token list. parser.cpp reads modules, variables and functions' heads;
// statements.cpp reads what stands inside a body. After an error the parser goes on behind the next `;` or
// before the `}` of the block, so that several errors are reported.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_PTX_PARSER_H
#define DLC_RUNTIME_VCUDA_PTX_PARSER_H

#include "runtime/vcuda/ptx/lexer.h"
#include "runtime/vcuda/ptx/syntax.h"

#include <array>
#include <functional>
#include <map>
#include <unordered_map>

namespace dlc::vcuda::ptx {

class Parser {
public:
  explicit Parser(std::string_view text);
  SyntaxResult run();

private:
  // Tokens.
  const Token &peek(size_t ahead = 0) const {
    return tokens[at + ahead < tokens.size() ? at + ahead : tokens.size() - 1];
  }
  const Token &next() { return tokens[at + 1 < tokens.size() ? at++ : at]; }
  bool isPunct(char c, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Punct && peek(ahead).punct == c;
  }
  bool isDotted(std::string_view word, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Dotted && peek(ahead).text == word;
  }
  bool takePunct(char c) { return isPunct(c) && (next(), true); }
  bool takeDotted(std::string_view word) { return isDotted(word) && (next(), true); }
  bool atEnd() const { return peek().kind == TokenKind::End; }

  // Errors: both return false. `expect` names what was found.
  bool error(uint32_t line, std::string message);
  bool error(std::string message) { return error(peek().line, std::move(message)); }
  bool expectPunct(char c);
  bool expectWord(std::string_view &out, const char *what);
  bool expectInteger(uint64_t &out, const char *what);
  std::string found() const;
  void recover();
  void recoverInBlock();

  // Module level (parser.cpp).
  bool parseHeader();
  bool parseModuleItem();
  bool parseFile();
  bool skipSection();
  struct Linkage {
    bool isVisible = false, isExtern = false, isWeak = false, isCommon = false;
  };
  Linkage parseLinkage();
  struct Declarator {
    std::string_view name;
    Type type = Type::None;
    uint32_t vector = 1;
    uint32_t alignment = 0;
    uint64_t count = 1;
    bool unsized = false;
    uint32_t line = 0;
    uint64_t bytes() const;
  };
  bool parseDeclarator(Declarator &d);
  bool parseArraySuffix(Declarator &d);
  bool parseModuleVariable(Space space, const Linkage &linkage);
  bool parseInitialiser(const Declarator &d, VariableInfo &variable);
  bool parseInitialiserList(const Declarator &d, VariableInfo &variable, uint64_t &element, unsigned depth);
  bool parseInitialElement(const Declarator &d, VariableInfo &variable, uint64_t element);
  bool parseAddressElement(const Declarator &d, VariableInfo &variable, uint64_t element);
  bool parseExpression(int64_t &value, unsigned minLevel = 0);
  bool parseUnary(int64_t &value);
  bool parseUnaryInner(int64_t &value);

  bool parseFunction(bool isKernel, const Linkage &linkage);
  bool parseParameters(Function &function, KernelInfo *kernel, bool areResults);
  bool parseFunctionDirectives(KernelInfo *kernel);
  bool parseAlias();
  Function &functionNamed(std::string_view name, bool &isNew);

  // Bodies (statements.cpp).
  bool parseBody(Function &function);
  bool parseBlock();
  bool parseStatement();
  bool parseBodyDirective();
  bool parseRegisters();
  bool parseBodyVariable(Space space);
  bool parseLoc();
  void noteUsedBytes();
  bool parseInstruction();
  bool parseOperand(Operand &operand);
  bool parseWordOperand(Operand &operand);
  bool parseSecond(Operand &operand);
  bool parseNumberOperand(Operand &operand);
  bool parseAddress(Operand &operand);
  bool parseOperandList(Operand &operand, char close);
  bool parseExpressionSuffix(int64_t &offset);
  bool parseLabelledDirective(std::string_view label);
  bool parseBranchTable(std::string_view label);
  bool skipPrototype();
  bool defineLabel(std::string_view label, uint32_t line);
  uint32_t labelReference(std::string_view label, uint32_t line);
  bool closeScope();
  uint32_t addFrameVariable(Function &function, const Declarator &d, Space space);

  struct Scope {
    std::unordered_map<std::string_view, uint32_t> registers;
    std::unordered_map<std::string_view, Symbol> symbols;
    std::unordered_map<std::string_view, uint32_t> labels; ///< defined or referred to
    std::unordered_map<std::string_view, uint32_t> tables; ///< .branchtargets
    std::unordered_map<std::string_view, bool> prototypes;
    /// `%r<100>`: name without its number; its registers come into being where they are first named
    std::unordered_map<std::string_view, std::pair<uint64_t, Type>> ranges;
  };
  std::optional<uint32_t> findRegister(std::string_view name);
  std::optional<uint32_t> makeRangeRegister(Scope &scope, std::string_view name);
  Symbol findSymbol(std::string_view name) const;

  std::vector<Token> tokens;
  size_t at = 0;
  SyntaxResult result;
  SyntaxModule &module;
  std::unordered_map<std::string, Symbol> globals;
  std::vector<Scope> scopes;
  Function *current = nullptr;
  struct LabelInfo {
    std::string_view name;
    uint32_t firstUse = 0;
    int32_t sameAs = -1; ///< the label of an outer block that this reference turned out to mean
  };
  std::vector<LabelInfo> labelInfo;
  unsigned expressionDepth = 0;
  unsigned openVectors = 0; ///< `{` of operands whose `}` has not come
  uint32_t usedBytes = ~0u; ///< of the next statement
  struct Fixup {
    uint32_t variable, relocation;
    std::string target;
    uint32_t line;
  };
  std::vector<Fixup> fixups;
  std::unordered_map<std::string, uint32_t> functionByName;
  struct Alias {
    uint32_t function;
    std::string target;
    uint32_t line;
  };
  std::vector<Alias> aliases;
  uint32_t inlinedCall(std::array<uint32_t, 3> place);

  uint32_t file = 0, sourceLine = 0, inlinedBy = 0;
  /// By file, line and column: what the last .loc of the function with them was inlined by.
  std::map<std::array<uint32_t, 3>, uint32_t> inlinedPlaces;
  std::map<std::array<uint32_t, 3>, uint32_t> inlinedCalls; ///< by file, line and outer call
};

} // namespace dlc::vcuda::ptx

#endif
