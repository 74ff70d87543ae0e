//===- program.h - decoded modules -----------------------------*- C++ -*-===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_PROGRAM_H
#define DLC_RUNTIME_VCUDA_EXEC_PROGRAM_H

#include "runtime/vcuda/exec/services.h"
#include "runtime/vcuda/exec/state.h"

#include <mutex>

namespace dlc::vcuda::exec {

/// A slot that is filled when a window is made.
struct ConstantSlot {
  enum Kind : uint8_t {
    Literal,       ///< value
    GlobalAddress, ///< of module variable `index`
    FrameAddress,  ///< frame's base + value
    DynamicShared, ///< first byte behind the kernel's static shared memory, aligned to `index`
  } kind = Literal;
  uint8_t width = 4; ///< 2, 4 or 8; 0 = a predicate
  uint32_t index = 0;
  uint64_t value = 0; ///< literal or addend
  uint32_t slot = 0;
};

/// A straight run of instructions; instruction counts are kept by block.
struct BlockInfo {
  uint32_t first = 0, end = 0;
};

struct CodeFunction {
  std::string name;
  uint32_t entry = 0; ///< index of the first instruction
  uint32_t windowBytes = 0;
  uint32_t frameBytes = 0;
  std::vector<ConstantSlot> constants;
  std::vector<uint32_t> parameters, results; ///< offsets of frame variables
  std::vector<uint32_t> parameterBytes, resultBytes;
  bool isKernel = false;
  bool hasBody = false;
  bool allocates = false;  ///< has an alloca
  uint32_t localBytes = 0; ///< per thread, with what it calls (recursion adds a fixed allowance)
  int32_t kernelIndex = -1;
};

/// A register that an instruction reads or writes: its guard and constants apart.
struct OperandUse {
  uint32_t slot = 0;
  uint8_t width = 4; ///< 2, 4 or 8; 0 = a predicate
  bool isResult = false;
};

struct SourceLine {
  uint32_t file = 0, line = 0;
  uint32_t inlinedBy = 0; ///< index into Code::inlinedCalls, 0 = none; of one of those, the call around it
};

/// Functions that PTX declares and the system has.
enum class Builtin : uint8_t { None, Print, AssertFail, Malloc, AlignedMalloc, Free };

/// One of them: its parameters and results as it must be declared.
struct SystemFunction {
  const char *name;
  Builtin builtin;
  std::vector<uint32_t> argumentBytes, resultBytes;
};
/// Null where the system has no function of this name.
const SystemFunction *findSystemFunction(std::string_view name);

/// What a call passes: frame variables of caller and callee are copied by lane.
struct CallSite {
  int32_t function = -1;                    ///< or the register in Inst::a holds its address
  std::vector<uint32_t> arguments, results; ///< offsets of the caller's frame variables
  std::vector<uint32_t> argumentBytes, resultBytes;
  Builtin builtin = Builtin::None;
};

struct Code {
  std::vector<Inst> instructions;
  std::vector<uint32_t> operands;
  std::vector<OperandUse> uses;   ///< of all instructions, in their order
  std::vector<uint32_t> firstUse; ///< of each; nothing for those behind the last that has some
  std::vector<CodeFunction> functions;
  std::vector<BlockInfo> blocks;
  std::vector<SourceLine> sources;
  std::vector<SourceLine> inlinedCalls; ///< the first stands for none
  std::vector<CallSite> calls;
  std::vector<VideoForm> videoForms;
  std::vector<std::vector<uint32_t>> branchTables; ///< instruction indices
  std::vector<std::string> files;
  /// With coverage asked for: the text of every form, and which one each instruction has (0 = none).
  std::vector<std::string> forms;
  std::vector<uint32_t> formOf;
  uint32_t smallestSharedAccess = 16, smallestGlobalAccess = 16;
  bool isUnoptimised = false;
  bool usesReservedShared = false; ///< a kernel asks where the system's part is
};

} // namespace dlc::vcuda::exec

namespace dlc::vcuda {

/// The decoded form behind Module::program. `code` is bound to handlers of one host level on first use.
struct Program {
  exec::Code code;
  mutable std::mutex mutex;
  mutable std::vector<exec::Inst> bound[4]; ///< by HostLevel
  const exec::Inst *instructionsFor(HostLevel level) const;
};

} // namespace dlc::vcuda

#endif
