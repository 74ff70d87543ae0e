//===- machine.h - the seam between the virtual driver and the PTX machine -===//
//
// The driver (driver/, memory/) imitates the CUDA Driver API; the machine (ptx/, exec/) understands PTX text
// and executes launches. This header is all that they know of each other.
//
// Life of a program: `parseModule` turns text into an immutable `Module`. The driver allocates the module's
// variables and fills a `ModuleInstance` with their addresses (`initialiseModule` writes the initial values).
// `launch` runs one grid to its end on host threads and reports `Finding`s (what a checker has to say) and a
// `LaunchResult` (what a CUDA driver says).
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_MACHINE_H
#define DLC_RUNTIME_VCUDA_MACHINE_H

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dlc::vcuda {

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

/// State of one byte of device memory. The two bits are independent on purpose: `state == Ready` is the only
/// fast test.
enum ByteState : uint8_t {
  ByteUnmapped = 0,      ///< outside every allocation: red zone, freed, never allocated
  ByteUninitialised = 1, ///< allocated, never written
  ByteReady = 3,         ///< allocated and written
};

/// What the driver knows of the surroundings of an address; asked for only when a finding is written and,
/// once per launch, when distinct bytes are summed by allocation.
struct AllocationInfo {
  /// Unmapped: a mapping was there. NoAccess: it is mapped, without access. Reserved: nothing is mapped
  /// there.
  enum Kind { None, Live, Freed, Unmapped, NoAccess, Reserved } kind = None;
  uint64_t base = 0;  ///< device address of the allocation that holds the address, or of the nearest one
  uint64_t bytes = 0; ///< its size as asked for
  uint64_t id = 0;    ///< its number, counted from the first allocation of the process: never reused
  std::string name;   ///< e.g. the variable's name for a module's variable, or empty
};

/// Device memory as the machine sees it: one window of device addresses [base, base + size), reserved by the
/// driver as four parallel anonymous mappings (MAP_NORESERVE), all zero where nothing was allocated. Inside
/// the window every byte of the mappings may be touched at any time; what is allocated is said by `state`
/// alone. `base` is a multiple of 4096, at least 2^20 and base + size is at most 2^56, so that the generic
/// windows (below) never overlap it.
///
/// The driver: sets `state` to ByteUninitialised / ByteUnmapped when it allocates and frees, to ByteReady for
/// what the host writes; keeps red zones of at least 256 bytes around allocations and reuses freed ranges as
/// late as it can. It need not clear `writers`. The machine: reads and writes `bytes`, sets `state` to
/// ByteReady, owns `writers`. With Checks::Off it keeps `state` untouched and checks only the window, so the
/// driver must then treat everything as written.
class GlobalMemory {
public:
  uint64_t base = 0;
  uint64_t size = 0;
  uint8_t *bytes = nullptr;
  uint8_t *state = nullptr; ///< one ByteState per byte
  uint64_t *writers =
      nullptr; ///< one record per aligned 4 bytes: the machine's memory of who wrote in which launch

  virtual ~GlobalMemory() = default;
  virtual AllocationInfo find(uint64_t address) const = 0;
};

/// Where malloc and free of kernels have their memory. Blocks are allocations of the launch's GlobalMemory,
/// so that find() knows them. Several host threads may call at once.
class DeviceHeap {
public:
  virtual ~DeviceHeap() = default;
  /// The address of a new block of `bytes` (not 0) at a multiple of `alignment`, a power of two; 0 where
  /// there is no room.
  virtual uint64_t allocate(uint64_t bytes, uint64_t alignment) = 0;
  /// Ends the block that begins at `address`: its size; 0 where no block of this heap does.
  virtual uint64_t free(uint64_t address) = 0;
};

/// Generic addresses of the other state spaces: window + offset. Shared, local and parameter offsets start at
/// 0.
inline constexpr uint64_t SharedWindow = 0x7000'0000'0000'0000;
inline constexpr uint64_t LocalWindow = 0x7100'0000'0000'0000;
inline constexpr uint64_t ParamWindow = 0x7200'0000'0000'0000;
/// Function `i` of a module has the address FunctionWindow + 16 * (i + 1): usable in calls only.
inline constexpr uint64_t FunctionWindow = 0x7300'0000'0000'0000;

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

/// What is wrong with a PTX text; `line` counts from 1.
struct Diagnostic {
  uint32_t line = 0;
  std::string message;
};

struct ParameterInfo {
  std::string name;
  uint32_t offset =
      0; ///< in the parameter buffer, laid out as cuLaunchKernel does (each at its own alignment)
  uint32_t bytes = 0;
  uint32_t alignment = 1;
};

struct KernelInfo {
  std::string name;
  std::vector<ParameterInfo> parameters;
  uint32_t parameterBytes = 0;
  uint32_t staticSharedBytes = 0;
  uint32_t localBytes = 0;                             ///< per thread, of the kernel's own frame
  uint32_t registers = 0;                              ///< estimate: most 32-bit registers live at one point
  std::array<uint32_t, 3> maxThreads = {0, 0, 0};      ///< .maxntid, 0 = not given
  std::array<uint32_t, 3> requiredThreads = {0, 0, 0}; ///< .reqntid
  uint32_t minCtasPerSm = 0;
  bool usesHeap = false; ///< it may call malloc or free
  uint32_t maxRegisters = 0;
  uint32_t line = 0;
};

/// A place in a variable's initial value that holds an address.
struct Relocation {
  uint32_t offset = 0;
  uint32_t width = 8; ///< bytes: 8 or 4
  bool isFunction = false;
  uint32_t target = 0; ///< index into variables() or functions()
  int64_t addend = 0;
};

struct VariableInfo {
  enum Space { Global, Constant } space = Global;
  std::string name;
  uint64_t bytes = 0;
  uint32_t alignment = 1;
  bool isInternal = false;      ///< neither .visible, .weak nor .common
  std::vector<uint8_t> initial; ///< empty, or the initial value (the rest is zero: PTX initialises to zero)
  std::vector<Relocation> relocations;
  uint32_t constantOffset = 0; ///< Constant only: its place in the module's constant bank
};

struct Program; // exec/program.h: decoded code

/// A PTX module: immutable, shared by threads.
class Module {
public:
  ~Module();
  std::string name;
  uint32_t ptxVersion = 0; ///< 78 for .version 7.8
  std::string target;      ///< "sm_80", "sm_90a"
  uint32_t smVersion = 0;  ///< 80, 90
  std::vector<KernelInfo> kernels;
  std::vector<VariableInfo> variables;
  std::vector<std::string> functions; ///< device functions and kernels, in the order of their addresses
  uint32_t constantBankBytes = 0;
  std::unique_ptr<const Program> program;

  const KernelInfo *findKernel(std::string_view kernel) const;
};

struct ParseResult {
  std::shared_ptr<const Module> module; ///< null exactly when `errors` is not empty
  std::vector<Diagnostic> errors;       ///< at most 20
};

/// Parses and decodes PTX text. Whatever the machine cannot execute exactly as the PTX ISA says (an opcode, a
/// modifier, a directive) is an error here, by name and line; nothing is left to be found at execution. Never
/// throws; any bytes are allowed. `name` is used in messages.
ParseResult parseModule(std::string_view text, std::string_view name);

/// A module loaded into one context: where its variables are. `variables[i]` is the device address of
/// Module::variables[i] of space Global (each its own allocation, so that it has red zones) or constantBank +
/// constantOffset.
struct ModuleInstance {
  std::shared_ptr<const Module> module;
  uint64_t constantBank = 0;
  std::vector<uint64_t> variables;
};

/// Writes the initial values of all variables into memory (bytes and state), relocations applied.
void initialiseModule(const ModuleInstance &instance, GlobalMemory &memory);

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// The limits of the device that execution can see or break; of the same record as ir/target.
struct DeviceLimits {
  uint32_t smVersion = 80;
  uint32_t smCount = 108;
  uint32_t maxThreadsPerCta = 1024;
  uint32_t maxSharedPerCta = 163 * 1024; ///< opt-in limit, static + dynamic
  uint32_t maxResidentCtas = 32;         ///< per SM
  uint32_t maxThreadsPerSm = 2048;
};

/// Full: every race that happens-before can tell (exec/full), on one host thread.
enum class Checks { Off, Fast, Full };

/// In which order warps of a CTA and CTAs of a grid run. Ahead: warp `seed` of each CTA (counted around) runs
/// whenever it can and as far as it can; the others move only while it waits.
struct Schedule {
  enum Kind { Forward, Reverse, Random, Ahead } kind = Forward;
  uint64_t seed = 0;
};

/// The interpreter core's instruction set; Best asks the CPU. Results are the same on all.
enum class HostLevel { Best, Baseline, V3, V4 };

/// How floats are computed; what is said here first is the default.
struct Arithmetic {
  /// Fast: mma by float fma in order of k. Exact: as the device's tensor cores sum.
  enum Mma { Fast, Exact } mma = Fast;
  /// Approximations are correctly rounded, or anything inside their documented error, by `seed`.
  bool jitter = false;
  uint64_t seed = 0;
  /// Floats are floats, or elements of a ring in which all exact algebra holds (exec/arithmetic/payload.cpp).
  bool payload = false;
};

struct Options {
  Checks checks = Checks::Fast;
  Schedule schedule;
  Arithmetic arithmetic;
  bool counters =
      false; ///< sectors, bank conflicts, distinct bytes (slower); instruction counts are always there
  uint32_t threads = 0; ///< host threads; 0 = as many as the process may use
  uint64_t maxInstructions =
      0; ///< per warp, counted in basic blocks, 0 = no limit: past it a launch ends as Timeout
  uint32_t maxFindings = 100; ///< distinct ones per launch; more are counted only
  HostLevel level = HostLevel::Best;
};

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

/// Cooperative groups find what a grid synchronises with through %envreg1 and %envreg2.
inline constexpr uint64_t GridWorkspaceBytes = 256;

struct LaunchConfig {
  std::string_view kernel;
  Dim3 grid, block;
  uint32_t dynamicSharedBytes = 0;
  const void *parameters = nullptr; ///< KernelInfo::parameterBytes bytes
  uint64_t gridWorkspace = 0;       ///< cooperative launches: address of GridWorkspaceBytes bytes of zeros
  DeviceHeap *heap = nullptr;       ///< of malloc and free; null: malloc finds no room
  uint64_t launchNumber = 0; ///< counted by the driver from 1 up, over all launches into one GlobalMemory
};

/// A line of the program that PTX was made from.
struct SourcePlace {
  std::string file;
  uint32_t line = 0;
};

/// One thing that a check found. Findings of one launch are merged by (check, instruction): `count` says how
/// often, the rest describes the first occurrence in the order of CTA and thread. Their order is
/// deterministic.
struct Finding {
  std::string
      check; ///< "out-of-bounds", "misaligned", "uninitialised-read", "shared-race", "global-conflict", ...
  std::string kernel;
  uint32_t ptxLine = 0;
  std::string sourceFile; ///< from .loc, or empty
  uint32_t sourceLine = 0;
  std::vector<SourcePlace> inlinedAt; ///< where the line's function was inlined, the innermost call first
  Dim3 cta = {0, 0, 0};
  Dim3 thread = {0, 0, 0};
  std::string message;
  uint64_t count = 1;
  /// The other party of a race or conflict: line 0 when there is none.
  uint32_t otherPtxLine = 0;
  std::string otherSourceFile;
  uint32_t otherSourceLine = 0;
  std::vector<SourcePlace> otherInlinedAt;
  std::string other; ///< in words: which thread, warp or CTA
  /// Full checks know which thread: `otherIsThread`.
  bool otherIsThread = false;
  Dim3 otherCta = {0, 0, 0};
  Dim3 otherThread = {0, 0, 0};
};

enum class InstructionClass {
  Integer,
  Float,
  Half,
  Double,
  Conversion,
  Special,
  Move,
  Predicate,
  Control,
  Mma,
  MatrixLoad,
  GlobalLoad,
  GlobalStore,
  SharedLoad,
  SharedStore,
  LocalAccess,
  ParameterLoad,
  Atomic,
  AsyncCopy,
  Shuffle,
  Barrier,
  Other,
  Count
};
/// "integer", "float", ...: for tables and JSON.
const char *instructionClassName(InstructionClass c);

/// What one PTX line did.
struct LineCounters {
  uint64_t executed = 0;        ///< warp instructions
  uint64_t accesses = 0;        ///< memory instructions that had a lane left to serve
  uint64_t bytes = 0;           ///< memory instructions: bytes asked for by active lanes
  uint64_t sectors = 0;         ///< global: distinct 32-byte sectors, summed over warp instructions
  uint64_t wavefronts = 0;      ///< shared: passes over the 32 banks
  uint64_t idealWavefronts = 0; ///< the least that the bytes need; conflicts = wavefronts - idealWavefronts
};

struct BufferCounters {
  uint64_t distinctBytesRead = 0, distinctBytesWritten = 0;
  uint64_t distinctSectorsRead = 0, distinctSectorsWritten = 0; ///< of 32 bytes
};

struct Counters {
  uint64_t launches = 0;
  uint64_t ctas = 0;
  uint64_t warps = 0;
  std::array<uint64_t, size_t(InstructionClass::Count)> instructions = {}; ///< warp instructions
  uint64_t mmaFlops = 0;                                                   ///< 2 * M * N * K per executed mma
  uint64_t globalBytesRead = 0, globalBytesWritten = 0;                    ///< asked for by active lanes
  // With Options::counters: warp instructions with a lane left to serve (atomics read and write), and the
  // distinct sectors of each, summed.
  uint64_t globalReads = 0, globalWrites = 0;
  uint64_t globalSectorsRead = 0, globalSectorsWritten = 0;
  /// The least that has to come from and go to DRAM if nothing stays in L2 between launches: distinct
  /// sectors, each once. With Options::counters.
  uint64_t leastDramBytesRead = 0, leastDramBytesWritten = 0;
  uint64_t sharedBankConflicts = 0; ///< with Options::counters
  uint64_t barriers = 0;            ///< warp arrivals
  uint64_t divergentBranches = 0;
  std::map<uint32_t, LineCounters> lines;     ///< by PTX line; with Options::counters
  std::map<uint64_t, BufferCounters> buffers; ///< by AllocationInfo::id; with Options::counters

  void add(const Counters &other);
  uint64_t totalInstructions() const;
};

struct LaunchResult {
  /// As the Driver API names them: InvalidValue before anything ran; the rest are sticky errors of the
  /// context.
  enum Status {
    Ok,
    InvalidValue,
    OutOfResources,
    IllegalAddress,
    MisalignedAddress,
    IllegalInstruction,
    Assert,
    Trap,
    Timeout,
    Deadlock
  } status = Ok;
  std::string message;
  std::vector<Finding> findings;
  uint64_t findingsNotShown = 0;
  Counters counters;
  std::string printed; ///< what printf and assert wrote, CTA by CTA
};

/// Runs a grid to its end. With checks on, an access outside memory is a finding and is left out (a load
/// gives 0) and execution goes on: status stays Ok unless the kernel trapped, asserted, timed out or
/// deadlocked. With checks off the first access outside the window of GlobalMemory, shared or local memory
/// ends the launch as IllegalAddress. Two launches may run at the same time on different threads if the
/// program would be right on a GPU that does so.
LaunchResult launch(const ModuleInstance &instance, const LaunchConfig &config, GlobalMemory &memory,
                    const DeviceLimits &limits, const Options &options);

} // namespace dlc::vcuda

#endif
