// The plan for given dims: every expression evaluated, every bound checked. Knows no device but by two
// numbers.
#pragma once

#include "runtime/plan.h"
#include "runtime/weights.h"

#include <functional>
#include <span>

namespace dlc::rt {

/// Values of the two device slots.
struct DeviceLimits {
  int64_t sms = 0, sharedPerBlock = 0;
};
DeviceLimits limitsOf(const Target &target);

/// What a caller chooses, in the order symbols, then scalars that come from data.
size_t choiceCount(const Plan &plan);
std::string_view choiceName(const Plan &plan, size_t choice);

/// Choices by name -> in order. Throws Failure: a name is unknown, missing or given twice.
void orderChoices(const Plan &plan, std::span<const dlc_dim> dims, std::span<int64_t> choices);

/// Reads element `index` of input `input` as an integer. Used for scalars that come from data.
using ReadElement = std::function<int64_t(int input, int64_t index)>;

/// Choices from the inputs' shapes: symbols are solved for, ranges and all dims checked. Throws Failure
/// (DLC_ERROR_DIMS) with messages that name the ONNX dim.
void choicesFromShapes(const Plan &plan, std::span<const dlc_tensor> inputs, const ReadElement &read,
                       std::span<int64_t> choices);

/// All slots: device, symbols, scalars. Checks ranges and guards.
Vec<int64_t> evaluateSlots(const Plan &plan, const DeviceLimits &limits, std::span<const int64_t> choices);

/// Extents of an input or output. `kind` is "input" or "output".
void evaluateDims(const Value &value, std::string_view kind, std::span<const int64_t> slots,
                  std::span<int64_t> dims);

/// The element of an integer tensor in host memory.
int64_t readInteger(dlc_dtype dtype, const void *data, int64_t index);

/// A view resolved to one of the blocks of memory.
struct BoundBuffer {
  Base root = Base::Arena; ///< never Base::Buffer
  int index = 0;       ///< of the input, output or weight; of the root buffer if its root is arena or zeroed
  uint64_t offset = 0; ///< bytes from the start of the block (weights: of the tensor)
  uint64_t bytes = 0;
  Vec<int64_t> dims;
  bool isDense = true;
};

struct BoundPointer {
  uint32_t word; ///< which argument word it fills
  int buffer;
  uint64_t offset; ///< bytes behind the buffer's start
};

struct BoundLaunch {
  int op = 0, kernel = 0;
  uint32_t grid[3] = {}, block[3] = {};
  uint32_t shared = 0;
  uint32_t firstWord = 0, wordCount = 0; ///< its arguments in BoundPlan::words
  uint32_t firstPointer = 0, pointerCount = 0;
};

/// One thing to issue, in order.
struct BoundStep {
  OpKind kind = OpKind::Run;
  int op = 0;           ///< -1: bringing an output to the caller's tensor
  uint32_t number = 0;  ///< among the launches of the op's variant
  BoundLaunch launch;   ///< Run
  int from = 0, to = 0; ///< Copy, Set: buffers
  int output = -1;      ///< Copy to this output's tensor
};

struct BoundPlan {
  Vec<int64_t> slots;
  uint64_t arenaBytes = 0, zeroedBytes = 0;
  Vec<BoundBuffer> buffers;
  Vec<uint64_t> inputBytes, outputBytes;
  Vec<Vec<int64_t>> inputDims, outputDims;
  Vec<BoundStep> steps;
  Vec<uint64_t> words; ///< arguments of all launches; pointers are still zero
  Vec<BoundPointer> pointers;
};

/// Throws Failure: a range, guard or bound does not hold, no variant fits, a limit of the device is exceeded.
BoundPlan bindPlan(const Plan &plan, const DeviceLimits &limits, std::span<const int64_t> choices);

} // namespace dlc::rt
