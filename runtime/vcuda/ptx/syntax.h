//===- syntax.h - a PTX module as parsed -----------------------*- C++ -*-===//
//
// Names are resolved (registers, variables, labels, functions); opcodes and their modifiers are still text,
// which the decoder (exec/decode) gives a meaning or refuses. All string_views point into the module's text.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_PTX_SYNTAX_H
#define DLC_RUNTIME_VCUDA_PTX_SYNTAX_H

#include "runtime/vcuda/machine.h"

#include <optional>

namespace dlc::vcuda::ptx {

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  F32,
  F64,
  TF32,
  E4M3,
  E5M2,
  E4M3x2,
  E5M2x2,
  U16x2, ///< these two in arithmetic only
  S16x2,
  S4, ///< these three in matrix instructions only
  U4,
  B1, ///< the last one
};

/// Bytes of a value in memory; 0 for None and Pred.
uint32_t typeBytes(Type type);
std::optional<Type> parseType(std::string_view word);

enum class Space : uint8_t { Generic, Global, Constant, Shared, Local, Param };

struct Register {
  std::string_view name;
  Type type = Type::None;
};

/// A variable of shared, local or parameter space; global and constant ones are VariableInfo of the machine.
struct Variable {
  std::string name;
  Space space = Space::Shared;
  uint64_t bytes = 0; ///< 0 for an unsized extern array
  uint32_t alignment = 1;
  bool isExtern = false;
  uint32_t offset = 0; ///< in its space: of the module (shared), of the function's frame (local, param), of
                       ///< the buffer (kernel param)
};

/// What a name in an operand stands for.
struct Symbol {
  enum Kind : uint8_t {
    None,
    ModuleVariable,
    SharedVariable,
    FrameVariable,
    KernelParameter,
    Function
  } kind = None;
  uint32_t index = 0;
};

struct Operand {
  enum Kind : uint8_t {
    Reg,     ///< reg, perhaps negated (!p), perhaps with a second one (p|q)
    Special, ///< text: "%tid.x"
    Integer, ///< bits
    Single,
    Double,
    Sym,     ///< symbol + offset, as an address value
    Label,   ///< index: statement label
    Address, ///< [base + offset]; base is reg, symbol or nothing
    Vector,  ///< elements
    Sink,    ///< _
    List,    ///< ( ... ) of a call
  } kind = Sink;
  bool negated = false;
  bool minus = false;  ///< Reg: -r, which vmad has
  bool hasReg = false; ///< Address: base is `reg`
  uint32_t reg = 0;
  int32_t second = -1; ///< p|q: register of q; -2 for `_`
  uint32_t index = 0;
  Symbol symbol;
  int64_t offset = 0;
  uint64_t bits = 0;
  std::string_view text;
  std::string_view part; ///< Reg: "b0" of r.b0, which video instructions have
  std::vector<Operand> elements;
};

/// A call that was inlined (.loc ... inlined_at).
struct InlinedCall {
  uint32_t file = 0, line = 0;
  uint32_t outer = 0; ///< the call that its own function was inlined by; 0 = none
};

struct Statement {
  std::string_view opcode;
  std::vector<std::string_view> modifiers;
  std::vector<Operand> operands;
  int32_t guard = -1; ///< register
  bool guardNegated = false;
  uint32_t line = 0;
  uint32_t file = 0, sourceLine = 0; ///< .loc, 0 = none
  uint32_t inlinedBy = 0;            ///< index into SyntaxModule::inlinedCalls, 0 = none
  uint32_t usedBytes = ~0u;          ///< of a load, one bit each: .pragma "used_bytes_mask"
};

struct Function {
  std::string name;
  bool isKernel = false;
  bool hasBody = false;
  uint32_t line = 0;
  int32_t kernelIndex = -1;
  int32_t aliasOf = -1;             ///< the function that this name means (.alias)
  std::vector<uint32_t> results;    ///< frame variables (device functions)
  std::vector<uint32_t> parameters; ///< frame variables (device functions)
  std::vector<Register> registers;
  std::vector<Variable> frame; ///< local and param variables
  uint32_t frameBytes = 0;
  uint32_t frameAlignment = 1;
  std::vector<Statement> body;
  std::vector<int32_t> labels;                     ///< label -> index of the statement that it stands before
  std::vector<std::vector<uint32_t>> branchTables; ///< .branchtargets: labels
};

struct SyntaxModule {
  uint32_t version = 0;
  std::string target;
  uint32_t smVersion = 0;
  bool isDebug = false;           ///< .target says so: nobody has optimised it
  std::vector<std::string> files; ///< by number of .file
  std::vector<InlinedCall> inlinedCalls = {{}};
  std::vector<KernelInfo> kernels;
  std::vector<VariableInfo> variables;
  std::vector<Variable> shared;
  uint32_t constantBankBytes = 0;
  std::vector<Function> functions;
};

/// Parses `text`; on errors (at most 20) the module is of no use.
struct SyntaxResult {
  SyntaxModule module;
  std::vector<Diagnostic> errors;
};
SyntaxResult parseSyntax(std::string_view text);

} // namespace dlc::vcuda::ptx

#endif
