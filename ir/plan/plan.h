// The launch plan as data: what runtime/README.md documents as JSON, section by section.
//
// A plan is written once and never rewritten, so it is plain data and no MLIR dialect; its text form is the
// JSON.
#pragma once

#include "ir/dims/dim.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dlc::plan {

/// Taken as true where every expression is >= 0.
using Conditions = std::vector<Dim>;

struct Symbol {
  std::string name;
  int64_t min = 1, max = 1, multiple = 1;
  std::string input; ///< the value is read from this input's dim: scale * value + offset is the extent
  int64_t dim = 0, scale = 1, offset = 0;
  std::vector<std::string> origins;
};

struct Guard {
  Dim lhs, rhs; ///< must be equal
  std::string message;
};

struct Port { ///< an input or output
  std::string name, dtype;
  std::vector<Dim> dims;
  std::string buffer;
};

struct Buffer {
  enum class Base { Input, Output, Weight, Arena, Zeroed };
  std::string name, dtype;
  std::vector<Dim> dims;
  Base base = Base::Arena;
  std::string baseName;    ///< of input, output or weight
  Dim offset;              ///< bytes in arena or zeroed memory
  int first = 0, last = 0; ///< ops between which an arena buffer lives
};

struct Arg {
  enum class Kind { Pointer, Dim, Magic };
  Kind kind;
  std::string buffer; ///< Pointer
  dlc::Dim expr;      ///< Dim: the value; Magic: the divisor
  int bits = 32;      ///< Dim: i32 or i64
};

struct Launch {
  std::string kernel;
  std::vector<Dim> grid; ///< three
  int64_t threads = 128;
  Dim sharedBytes;
  std::vector<Arg> args;
};

struct Variant {
  Conditions when;
  std::string schedule;
  std::vector<Launch> launches;
};

struct Op {
  std::string name;
  std::vector<std::string> nodes; ///< ONNX node paths
  std::vector<int> deps;
  std::vector<std::string> operands, results, scratch;
  std::vector<Variant> variants;
};

struct Kernel {
  int64_t threads = 128, staticShared = 0;
};

struct Weight {
  std::string name, dtype;
  std::vector<int64_t> dims;
};

struct Plan {
  std::vector<Symbol> symbols;
  std::vector<Guard> guards;
  std::vector<Port> inputs, outputs;
  std::vector<Weight> weights;
  Dim arenaBytes, zeroedBytes;
  std::vector<Buffer> buffers;
  std::vector<std::pair<std::string, Kernel>> kernels;
  std::vector<Op> ops;
};

} // namespace dlc::plan
