//===- state.h - decoded instructions and the state that they change -*- C++ -*-===//
//
// What the interpreter core (core/, compiled once per instruction set of the host) shares with the rest of
// the machine. Only plain data here: a template or inline function of the standard library used in the core
// could be emitted with AVX-512 code and then be chosen by the linker for the whole program.
//
// Registers: a warp holds a window of slots; a slot is an array of 32 values, one per lane, at a byte offset
// that is a multiple of 64. 16-bit registers have slots of 64 bytes, 32-bit ones 128, 64-bit ones 256. A
// predicate is one 32-bit mask. Immediates and addresses of symbols are slots too, filled when a window is
// made, so that operands are offsets and no more.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_STATE_H
#define DLC_RUNTIME_VCUDA_EXEC_STATE_H

#include "runtime/vcuda/ptx/syntax.h"

#include <cstdint>

namespace dlc::vcuda::exec {

using Mask = uint32_t;
using ptx::Space;
using ptx::Type;

struct Warp;
struct Inst;
using Handler = void (*)(Warp &, const Inst &);

enum class Kind : uint8_t {
  // Integer and logic.
  Mov,
  Add,
  Sub,
  AddCarry,
  SubCarry,
  Mul,
  MulHi,
  MulWide,
  Mad,
  MadHi,
  MadWide,
  MadCarry,
  Mul24,
  Mad24,
  Sad,
  Div,
  Rem,
  Abs,
  Neg,
  Min,
  Max,
  And,
  Or,
  Xor,
  Not,
  Cnot,
  Lop3,
  Shl,
  Shr,
  Funnel,
  Prmt,
  Bfe,
  Bfi,
  Brev,
  Popc,
  Clz,
  Bfind,
  Bmsk,
  Fns,
  Dp4a,
  Dp2a,
  Szext,
  // Floating point.
  Fma,
  Rcp,
  Sqrt,
  Rsqrt,
  Sin,
  Cos,
  Lg2,
  Ex2,
  Tanh,
  Testp,
  Copysign,
  // Comparison and selection.
  Setp,
  Set,
  Selp,
  Slct,
  // Conversion and movement.
  Cvt,
  CvtPack,
  Pack,
  Unpack,
  SpecialReg,
  ToGeneric,
  FromGeneric,
  IsSpace,
  // Memory.
  Ld,
  St,
  Atom,
  Red,
  LdMatrix,
  StMatrix,
  CpAsync,
  CpAsyncCommit,
  CpAsyncWait,
  Prefetch,
  Fence,
  Discard,
  Alloca,
  StackSave,
  StackRestore,
  // Warp.
  Shfl,
  Vote,
  Match,
  Redux,
  ActiveMask,
  MovMatrix,
  Mma,
  WarpSync,
  Elect,
  // Control.
  Block,
  Bra,
  Brx,
  Call,
  Ret,
  Exit,
  Trap,
  Brkpt,
  Nop,
  NanoSleep,
  Bar,
  BarRed,
  Mbarrier,
  WmmaLoad,
  WmmaStore,
  Wmma,
  Video,
  VideoScalar,
};

/// Bits of Inst::mods. Bits 16 and up belong to the kind (comparison, shuffle mode, atomic operation ...).
enum Mod : uint32_t {
  ModFtz = 1,
  ModSat = 2,
  ModRoundMask = 3 << 2,
  ModRn = 0,
  ModRz = 1 << 2,
  ModRm = 2 << 2,
  ModRp = 3 << 2,
  ModApprox = 1 << 4,
  ModNan = 1 << 5,
  ModXorSign = 1 << 6,
  ModCarryOut = 1 << 7,
  ModCarryIn = 1 << 8,
  ModRelu = 1 << 9,
  ModVolatile =
      1 << 10, ///< loads and stores that other threads may wait for: volatile, relaxed, acquire, release
  ModUniform = 1 << 11, ///< branch that the program promises to be uniform
  ModAligned = 1 << 12,
  ModInteger = 1 << 13, ///< cvt: round to an integral value
  ModNonCoherent = 1 << 14,
  ModReturns = 1 << 15, ///< atom: has a destination
  ModAcquire = 1 << 21, ///< of memory instructions, where they say so themselves
  ModRelease = 1 << 22,
  ModCtaScope = 1 << 23, ///< of memory instructions: no thread outside the CTA is meant
  ModKindShift = 16,
  ModAway = 1 << 16,      ///< cvt.rna: halves go away from zero
  ModSatFinite = 1 << 17, ///< cvt: too large values become the largest finite one
};

enum class Compare : uint8_t {
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  Lo,
  Ls,
  Hi,
  Hs,
  Equ,
  Neu,
  Ltu,
  Leu,
  Gtu,
  Geu,
  Num,
  Nan
};
enum class BoolOp : uint8_t { None, And, Or, Xor };
enum class ShuffleMode : uint8_t { Up, Down, Bfly, Idx };
enum class VoteMode : uint8_t { All, Any, Uni, Ballot };
enum class AtomOp : uint8_t { Exch, Cas, Add, Inc, Dec, Min, Max, And, Or, Xor };

inline constexpr uint32_t NoOperand = 0xffffffff;

struct Inst {
  Handler run = nullptr;
  Kind kind = Kind::Nop;
  Type type = Type::None;
  Type type2 = Type::None; ///< source type of conversions, shape of mma
  Space space = Space::Generic;
  uint32_t mods = 0;
  uint32_t guard = NoOperand; ///< slot of the predicate, its lowest bit set when negated
  uint32_t dst = NoOperand, a = NoOperand, b = NoOperand, c = NoOperand;
  uint32_t aux = 0;              ///< first entry in Code::operands; target block of a branch; called function
  uint16_t count = 0;            ///< number of entries in Code::operands; vector length
  uint8_t width = 0, width2 = 0; ///< bytes of the destination's and the source's register
  int64_t imm = 0;               ///< offset of an address; immediate of the kind
  uint32_t line = 0;             ///< PTX line
  uint32_t source = 0;           ///< index into Code::sources
};

//===----------------------------------------------------------------------===//
// Running state
//===----------------------------------------------------------------------===//

/// Bits of registers that nobody has written: see undefined.h.
struct RegisterShadow;

/// One activation of a function by some lanes of a warp.
struct Frame {
  Frame *parent = nullptr;
  uint8_t *registers = nullptr;
  const Inst *returnTo = nullptr;
  uint32_t function = 0;
  uint32_t localBase = 0; ///< of the function's frame variables, in each lane's local memory
  uint32_t localTop = 0;
  Mask lanes = 0;               ///< that have not returned
  uint32_t dynamicTop[32] = {}; ///< behind what each lane took with alloca; 0 = nothing
  RegisterShadow *shadow = nullptr;
};

struct WarpCounters {
  uint64_t globalBytesRead = 0, globalBytesWritten = 0;
  uint64_t barriers = 0, divergentBranches = 0;
};

struct Cta;

struct Warp {
  uint8_t *r = nullptr; ///< register window of the current frame
  const Inst *pc = nullptr;
  Mask active = 0;
  bool stop = false;  ///< leave the interpreter loop
  int32_t budget = 0; ///< blocks until the warp gives way
  uint64_t *blockCounts = nullptr;
  Frame *frame = nullptr;
  int32_t entry = -1;           ///< the reconvergence entry of the running lanes
  const Inst *joinAt = nullptr; ///< its instruction
  Mask live = 0;                ///< lanes that have not exited
  Mask carry = 0;               ///< condition code register CC.CF
  uint32_t index = 0;           ///< in its CTA
  uint32_t spins = 0;           ///< atomics and volatile accesses, ever
  uint32_t effects = 0;         ///< stores and atomics that changed global or shared memory, ever
  uint32_t idleSpins = 0;       ///< of them, waits for an mbarrier in vain and sleeps
  bool letGo = false; ///< lanes once left a join without the others: aligned instructions gather them again
  Cta *cta = nullptr;
  uint8_t *local = nullptr; ///< 32 * localStride bytes
  uint8_t *localState = nullptr;
  uint32_t localStride = 0;
  uint32_t threads = 32; ///< of the warp at its start
  uint16_t tid[3][32] = {};
  WarpCounters counters;
};

/// Shared-memory race detection: see checks.h.
struct SharedShadow;
/// The full checks: see full/full.h.
struct FullCta;

struct Cta {
  // Memory windows.
  uint64_t globalBase = 0, globalSize = 0;
  uint8_t *globalBytes = nullptr;
  uint8_t *globalState = nullptr;
  uint64_t *globalWriters = nullptr;
  uint8_t *shared = nullptr;
  uint8_t *sharedState = nullptr; ///< one ByteState per byte; SharedPending while a cp.async is under way
  uint32_t sharedBytes = 0;
  const uint8_t *params = nullptr;
  uint32_t paramBytes = 0;
  uint64_t constantBank = 0;
  uint32_t constantBytes = 0;
  bool checks = false;
  bool counting = false;
  uint64_t writerTag = 0; ///< launch and CTA, as they stand in a record of globalWriters
  bool hasSynchronised =
      false; ///< an atomic or acquiring load was executed: other CTAs' writes may be visible
  SharedShadow *shadow = nullptr;
  FullCta *full = nullptr; ///< with full checks, which make shadow and globalWriters superfluous
  // Special registers.
  uint32_t ctaid[3] = {0, 0, 0}, nctaid[3] = {1, 1, 1}, ntid[3] = {1, 1, 1};
  uint32_t smid = 0, nsmid = 1;
  uint32_t dynamicSharedBytes = 0, warpCount = 0;
  uint64_t gridId = 0;
  uint64_t gridWorkspace = 0;         ///< of cooperative launches
  uint32_t reservedShared = 0;        ///< where the system's part of shared memory begins
  const uint32_t *operands = nullptr; ///< Code::operands
  const Inst *code = nullptr;
  void *run = nullptr; ///< the CtaRun that holds all this
};

/// State of a shared byte that a cp.async in flight will write.
inline constexpr uint8_t SharedPending = 5;

} // namespace dlc::vcuda::exec

#endif
