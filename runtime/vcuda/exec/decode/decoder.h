//===- decoder.h - from syntax to threaded code ----------------*- C++ -*-===//
//
// One Decoder per module. Each opcode has a row in the tables of alu.cpp, memory.cpp or warp.cpp and a method
// that reads its modifiers and operands; a modifier that no one takes is an error. Operands are first virtual
// (registers as declared, constants, temporaries); `allocateSlots` gives them places once a function is
// whole.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_DECODE_DECODER_H
#define DLC_RUNTIME_VCUDA_EXEC_DECODE_DECODER_H

#include "runtime/vcuda/exec/program.h"

#include <array>
#include <initializer_list>
#include <map>
#include <set>
#include <unordered_map>

namespace dlc::vcuda::exec {

using ptx::Operand;
using ptx::Statement;
using ptx::Symbol;

class Decoder {
public:
  Decoder(const ptx::SyntaxModule &syntax, Code &code, std::vector<Diagnostic> &errors)
      : syntax(syntax), code(code), errors(errors) {}
  /// Fills `code` and what KernelInfo says of resources.
  void run(std::vector<KernelInfo> &kernels);

  using Method = bool (Decoder::*)();
  static const std::unordered_map<std::string_view, Method> &methods();

private:
  enum class Role : uint8_t { Use, Def };
  enum class Field : uint8_t { Guard, Dst, A, B, C, Pool };
  /// A virtual operand of the current function.
  struct Virtual {
    uint8_t width = 4;     ///< bytes per lane; 0 = predicate
    int32_t constant = -1; ///< index into the function's constants
    uint32_t offset = NoOperand;
  };
  struct Reference {
    uint32_t inst, pool, id;
    Field field;
    Role role;
  };

  // Module (decoder.cpp).
  void decodeFunction(uint32_t index);
  void decodeStatement(const Statement &statement);
  void noteForm(size_t firstInstruction);
  void placeShared(std::vector<KernelInfo> &kernels);
  void measureLocal(std::vector<KernelInfo> &kernels);
  void startBlock();
  void resolveBranches(const ptx::Function &function);
  // Slots (slots.cpp).
  void allocateSlots(CodeFunction &function);
  void computeLiveness(std::vector<std::vector<uint64_t>> &liveOut) const;
  // Control flow (flow.cpp).
  struct Flow {
    std::vector<uint32_t> firsts;                  ///< instruction index of each block, ascending
    std::vector<std::vector<uint32_t>> successors; ///< blocks
  };
  Flow buildFlow() const;
  void setJoins(const Flow &flow);

  // Errors.
  bool fail(std::string message);
  bool failOperands() { return fail("wrong operands for '" + opcodeText() + "'"); }
  std::string opcodeText() const;

  // Modifiers of the current statement.
  bool take(std::string_view modifier);
  Type takeType();
  bool modifiersDone();
  /// Takes those of `allowed` that are there and returns their Mod bits.
  uint32_t takeMods(uint32_t allowed);

  // Emission. All refer to the instruction emitted last.
  Inst &emit(Kind kind, Type type);
  Inst &last() { return code.instructions.back(); }
  size_t operandCount() const { return statement->operands.size(); }
  const Operand &operand(size_t i) const { return statement->operands[i]; }
  bool bind(Field field, uint32_t id, Role role);
  bool dst(const Operand &o, Type type);
  bool src(Field field, const Operand &o, Type type);
  /// As dst/src, into the operand pool.
  bool poolDst(const Operand &o, Type type, bool wider = false);
  bool poolSrc(const Operand &o, Type type, bool wider = false);
  void poolRaw(uint32_t value);
  std::optional<uint32_t> virtualFor(const Operand &o, Type type, Role role, bool wider);
  uint32_t constant(uint64_t value, unsigned width);
  uint32_t constantSlot(ConstantSlot slot);
  uint32_t temporary(unsigned width);
  unsigned widthOf(const Operand &o) const;
  std::optional<uint32_t> symbolAddress(const Operand &o, unsigned width);
  bool address(const Operand &o, Space &space);
  bool vectorOperand(const Operand &o, Type type, unsigned count, Role role);
  /// A register of 128 bits is two of 64: this one and `upperHalf`. Appends both to the operand pool.
  bool wideOperand(const Operand &o, Role role, bool mayDiscard = false);
  bool isWide(const Operand &o) const;
  bool moveWide();

  // Opcodes (alu.cpp).
  bool arithmetic();
  bool carryArithmetic();
  bool multiply();
  bool mad24();
  bool shift();
  bool funnelShift();
  bool lop3();
  bool prmt();
  bool bitField();
  bool bitCount();
  bool dotProduct();
  bool setp();
  bool set();
  bool selp();
  bool slct();
  bool testp();
  bool mov();
  bool cvt();
  bool cvtPack();
  bool isByteRegister(const Operand &o) const;
  bool special(std::string_view name, const Operand &o, Type type);
  bool specialVector(Type type);
  std::optional<uint32_t> specialSource(std::string_view name, Type type);
  void emitSpecial(uint32_t id, unsigned width);
  bool takeCompare(uint32_t &mods, Type type);
  uint32_t takeBoolOp();
  // Opcodes (memory.cpp).
  bool load();
  bool store();
  bool atom();
  bool cvta();
  bool isspace();
  bool ldmatrix();
  bool stmatrix();
  bool cpAsync();
  bool prefetch();
  bool createPolicy();
  bool takePriorities();
  bool stack();
  bool discard();
  bool fence();
  /// Takes the name of one of the `allowed` spaces; false and Generic when there is none.
  bool takeSpace(Space &space, std::initializer_list<Space> allowed);
  /// Cache operators (`operators`) and hints change speed, never results.
  void takeCacheHints(std::initializer_list<std::string_view> operators = {});
  /// ModCtaScope when the scope that is named is no more than the CTA (there are no larger clusters), else 0.
  std::optional<uint32_t> takeScope();
  void noteAccess(Space space, uint32_t bytes);
  // Opcodes (warp.cpp).
  bool branch();
  bool indirectBranch();
  bool call();
  bool leave();
  bool plain();
  bool barrier();
  bool shuffle();
  bool vote();
  bool match();
  bool redux();
  bool activemask();
  bool movmatrix();
  bool nanosleep();
  bool elect();
  // Opcodes (matrix.cpp).
  bool mma();
  bool wmma();
  bool wmmaAccess();
  std::string_view takeShape();
  std::string_view takeLayout();
  Type takeMatrixType();
  // Opcodes (mbarrier.cpp).
  bool mbarrier();
  bool asyncArrive();
  bool sharedBarrier(const Operand &o);
  bool video();
  bool scalarVideo();
  bool takeVideoCompare(Compare &compare);
  bool videoSource(Field field, Operand o);

  const ptx::SyntaxModule &syntax;
  Code &code;
  std::vector<Diagnostic> &errors;
  const ptx::Function *function = nullptr;
  CodeFunction *codeFunction = nullptr;
  const Statement *statement = nullptr;
  std::vector<std::string_view> modifiers; ///< not yet taken
  std::vector<Virtual> virtuals;
  std::map<uint32_t, uint32_t> upperHalf; ///< of registers of 128 bits
  std::vector<Reference> references;
  std::map<std::pair<uint64_t, unsigned>, uint32_t> literals;
  uint32_t firstInstruction = 0;
  uint32_t exitLabel = 0; ///< of device functions: pseudo statement index behind the body
  std::vector<uint32_t> sharedOffset;
  std::vector<uint32_t> statementStart;              ///< instruction index of each statement
  std::vector<std::set<uint32_t>> sharedUses, calls; ///< by function
  std::vector<bool> callsUnknown;
  std::map<std::array<uint32_t, 3>, uint32_t> sourceIndex;
  std::map<std::string, uint32_t> formIndex;
};

/// What is wrong with a call of a function that has no body and is none of the system's.
std::string missingFunction(const std::string &name);

} // namespace dlc::vcuda::exec

#endif
