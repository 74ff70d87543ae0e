// The launch plan as data: one struct per object of runtime/README.md, section 3, with names resolved to
// indices.
#pragma once

#include "runtime/dtype.h"
#include "runtime/expr.h"
#include "runtime/memory.h"
#include "runtime/sha256.h"

#include <cstdint>
#include <string_view>

namespace dlc::rt {

/// Slots of the device's values; symbols follow, then scalars.
enum : size_t { slotSms = 0, slotSharedPerBlock = 1, firstSymbolSlot = 2 };

struct Target {
  String name, arch;
  int64_t sms = 0, sharedPerBlock = 0;
  int major = 0, minor = 0;       ///< of `arch`
  bool exactArchitecture = false; ///< sm_90a: runs on no other compute capability
};

struct Symbol {
  String name;
  int64_t min = 0, max = 0, multiple = 1;
  int input = 0, dim = 0;
  int64_t scale = 1, offset = 0;
  Vec<String> origins;
};

struct Scalar {
  String name;
  bool fromInput = false; ///< an input's element; else `expr`
  Expr expr;
  int input = 0;
  int64_t index = 0, min = 0, max = 0;
};

struct Guard {
  Condition require;
  String message;
};

/// An input or output.
struct Value {
  String name;
  dlc_dtype dtype = DLC_F32;
  Vec<Expr> dims;
  int buffer = 0;
  int align = 1;
  bool isUpdated = false; ///< inputs: ops may write it
};

struct WeightTensor {
  String name;
  dlc_dtype dtype = DLC_F32;
  Vec<int64_t> dims;
};

struct WeightsTable {
  bool isPresent = false;
  String file;
  uint64_t bytes = 0;
  Digest headerHash{}, hash{};
  Vec<WeightTensor> tensors;
};

enum class Base : uint8_t { Input, Output, Weight, Arena, Zeroed, Buffer };

struct Buffer {
  String name;
  dlc_dtype dtype = DLC_F32;
  Vec<Expr> dims;
  Base base = Base::Arena;
  int index = 0; ///< of the input, output, weight or earlier buffer
  Expr offset;
  bool hasStrides = false, hasBytes = false;
  Vec<Expr> strides;
  Expr bytes;
  int align = 1;
  int firstOp = -1, lastOp = -1; ///< lifetime; -1: not said
};

struct Kernel {
  String name;
  int64_t threads = 0, staticShared = 0, registers = 0;
  Vec<uint32_t> parameterBytes; ///< from the PTX
};

enum class ArgKind : uint8_t { Pointer, Dim, Magic, Scalar };

struct Arg {
  ArgKind kind = ArgKind::Pointer;
  int buffer = 0;     ///< Pointer
  Expr expr;          ///< Pointer: offset; Dim: value; Magic: divisor
  uint32_t bytes = 8; ///< size of the parameter
  uint64_t bits = 0;  ///< Scalar
};

struct Launch {
  int kernel = 0;
  Expr grid[3];
  uint32_t block[3] = {1, 1, 1};
  Expr shared;
  Vec<Arg> args;
};

struct Variant {
  Vec<Condition> when;
  String schedule;
  Vec<Launch> launches;
};

enum class OpKind : uint8_t { Run, Copy, Set };

struct Op {
  OpKind kind = OpKind::Run;
  String name;
  Vec<String> nodes;
  Vec<int> deps;
  Vec<int> operands, results, scratch; ///< Run: buffers
  Vec<Variant> variants;               ///< Run
  int from = 0, to = 0;                ///< Copy: from -> to; Set: to
  int width = 1;                       ///< Set: bytes of the pattern
  uint32_t value = 0;                  ///< Set
};

struct Plan {
  String compiler, llvm;
  String options; ///< the object, as JSON text
  Target target;
  Vec<Symbol> symbols;
  Vec<Scalar> scalars;
  Vec<String> slotNames;
  Vec<Guard> guards;
  Vec<Value> inputs, outputs;
  WeightsTable weights;
  Expr arena, zeroed;
  Vec<Buffer> buffers;
  Vec<Kernel> kernels;
  Vec<Op> ops;

  size_t slotCount() const { return slotNames.size(); }
  size_t symbolSlot(size_t symbol) const { return firstSymbolSlot + symbol; }
  size_t scalarSlot(size_t scalar) const { return firstSymbolSlot + symbols.size() + scalar; }
};

/// Reads and checks the plan's JSON text. Throws Failure: DLC_ERROR_UNSUPPORTED for a newer format or an
/// unknown kind, key or operator, by name; DLC_ERROR_FORMAT for anything else that section 3 does not allow.
/// What is left to evaluation are values that depend on dims.
Plan parsePlan(std::string_view json);

/// An op as messages name it: "op 'r0_mul_add' (nodes '/scale/Mul', '/scale/Add')".
std::string describe(const Op &op);

} // namespace dlc::rt
