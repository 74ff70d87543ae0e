#include "runtime/bind.h"

#include "runtime/failure.h"

#include <algorithm>

namespace dlc::rt {

static const char *const planHelp = "the plan contradicts itself for these dims: report it";

namespace {

class Binder {
public:
  Binder(const Plan &plan, const DeviceLimits &limits) : plan(plan), limits(limits) {}
  BoundPlan bind(std::span<const int64_t> choices);

private:
  uint64_t size(const Expr &expr, const Place &place) const;
  uint64_t tensorBytes(const Value &value, std::string_view kind, Vec<int64_t> &dims) const;
  uint64_t span(const Buffer &buffer, BoundBuffer &bound) const;
  void bindBuffer(size_t index);
  void checkAlias(const Value &value, std::string_view kind, const Vec<int64_t> &dims) const;
  void bindOp(size_t index);
  const Variant &chooseVariant(const Op &op) const;
  void bindLaunch(const Op &op, int opIndex, const Launch &launch, size_t number);
  void bindArg(const Op &op, const Launch &launch, size_t index);
  void expectDense(const Op &op, int buffer) const;
  void bindOutput(size_t output);

  const Plan &plan;
  const DeviceLimits &limits;
  BoundPlan result;
};

} // namespace

[[noreturn]] static void contradict(std::string message) {
  fail(DLC_ERROR_FORMAT, std::move(message), planHelp);
}

uint64_t Binder::size(const Expr &expr, const Place &place) const {
  int64_t value = evaluate(expr, result.slots, place);
  if (value < 0) contradict(concat(describe(place), " becomes ", value));
  return uint64_t(value);
}

static uint64_t multiply(uint64_t a, uint64_t b, const Place &place) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product > uint64_t(INT64_MAX))
    fail(DLC_ERROR_DIMS, concat(describe(place), " exceeds 64 bits"), "choose smaller dims");
  return product;
}

uint64_t Binder::tensorBytes(const Value &value, std::string_view kind, Vec<int64_t> &dims) const {
  dims.resize(value.dims.size());
  evaluateDims(value, kind, result.slots, dims);
  uint64_t bytes = sizeOf(value.dtype);
  for (int64_t dim : dims) bytes = multiply(bytes, uint64_t(dim), {kind, value.name, "size"});
  return bytes;
}

// Bytes from the first to behind the last element; finds out whether the view is dense row-major.
uint64_t Binder::span(const Buffer &buffer, BoundBuffer &bound) const {
  Place place{"buffer", buffer.name, "size"};
  uint64_t elements = 1, denseStride = 1, last = 0;
  bool isEmpty = false;
  for (size_t d = buffer.dims.size(); d-- > 0;) {
    uint64_t extent = size(buffer.dims[d], {"buffer", buffer.name, "dims"});
    bound.dims[d] = int64_t(extent);
    uint64_t stride =
        buffer.hasStrides ? size(buffer.strides[d], {"buffer", buffer.name, "strides"}) : denseStride;
    isEmpty |= extent == 0;
    if (extent > 1 && stride != denseStride) bound.isDense = false;
    if (extent > 1) last = std::min(last + multiply(extent - 1, stride, place), uint64_t(INT64_MAX));
    if (extent > 0) elements = multiply(elements, extent, place), denseStride = elements;
  }
  if (isEmpty) bound.isDense = true;
  return isEmpty ? 0 : multiply(last + 1, sizeOf(buffer.dtype), place);
}

void Binder::bindBuffer(size_t index) {
  const Buffer &buffer = plan.buffers[index];
  BoundBuffer bound;
  bound.dims.resize(buffer.dims.size());
  uint64_t spanned = span(buffer, bound);
  bound.bytes = buffer.hasBytes ? size(buffer.bytes, {"buffer", buffer.name, "bytes"}) : spanned;
  if (bound.bytes < spanned)
    contradict(
        concat("buffer ", inQuotes(buffer.name), " has ", bound.bytes, " bytes; its view spans ", spanned));
  uint64_t offset = size(buffer.offset, {"buffer", buffer.name, "offset"}), room = 0, start = 0;
  bound.root = buffer.base;
  bound.index = buffer.index;
  switch (buffer.base) {
  case Base::Input:
    room = result.inputBytes[size_t(buffer.index)];
    break;
  case Base::Output:
    room = result.outputBytes[size_t(buffer.index)];
    break;
  case Base::Weight: {
    const WeightTensor &tensor = plan.weights.tensors[size_t(buffer.index)];
    room = sizeOf(tensor.dtype);
    for (int64_t dim : tensor.dims) room = multiply(room, uint64_t(dim), {"weight", tensor.name, "size"});
    break;
  }
  case Base::Arena:
    room = result.arenaBytes, bound.index = int(index);
    break;
  case Base::Zeroed:
    room = result.zeroedBytes, bound.index = int(index);
    break;
  case Base::Buffer: {
    const BoundBuffer &parent = result.buffers[size_t(buffer.index)];
    bound.root = parent.root, bound.index = parent.index;
    start = parent.offset, room = parent.bytes;
    break;
  }
  }
  if (offset > room || bound.bytes > room - offset)
    contradict(concat("buffer ", inQuotes(buffer.name), " reaches to byte ", offset, " + ", bound.bytes,
                      " of ", room));
  bound.offset = start + offset;
  if (bound.offset % uint64_t(buffer.align) != 0)
    contradict(concat("buffer ", inQuotes(buffer.name), " at byte ", bound.offset, " is not aligned to ",
                      buffer.align));
  result.buffers.push_back(std::move(bound));
}

static uint64_t elementsOf(const Vec<int64_t> &dims) {
  uint64_t count = 1;
  for (int64_t dim : dims) count *= uint64_t(dim); // products were checked when the bytes were computed
  return count;
}

// A value and its buffer have the same elements, one after the other.
void Binder::checkAlias(const Value &value, std::string_view kind, const Vec<int64_t> &dims) const {
  const BoundBuffer &bound = result.buffers[size_t(value.buffer)];
  if (!bound.isDense || elementsOf(bound.dims) != elementsOf(dims))
    contradict(concat(kind, " ", inQuotes(value.name), " and its buffer differ in size or order"));
}

const Variant &Binder::chooseVariant(const Op &op) const {
  for (const Variant &variant : op.variants) {
    bool fits = true;
    for (const Condition &condition : variant.when)
      fits = fits && holds(condition, result.slots, {"op", op.name, "variant"});
    if (fits) return variant;
  }
  fail(DLC_ERROR_DIMS, concat(describe(op), " has no variant for these dims on this device"),
       "compile for this device and these dims");
}

void Binder::bindArg(const Op &op, const Launch &launch, size_t index) {
  const Arg &arg = launch.args[index];
  Place place{"op", op.name, "argument"};
  uint64_t word = 0;
  switch (arg.kind) {
  case ArgKind::Pointer: {
    uint64_t offset = size(arg.expr, place);
    const BoundBuffer &bound = result.buffers[size_t(arg.buffer)];
    if (offset > bound.bytes)
      contradict(concat(describe(op), ": argument ", index, " points behind its buffer"));
    result.pointers.push_back({uint32_t(result.words.size()), arg.buffer, offset});
    break;
  }
  case ArgKind::Dim: {
    int64_t value = evaluate(arg.expr, result.slots, place);
    if (arg.bytes == 4 && value != int32_t(value))
      fail(DLC_ERROR_DIMS,
           concat(describe(op), ": argument ", index, " is ", value, ", more than 32 bits hold"),
           "choose smaller dims");
    word = arg.bytes == 4 ? uint32_t(value) : uint64_t(value);
    break;
  }
  case ArgKind::Magic: {
    int64_t divisor = evaluate(arg.expr, result.slots, place);
    // Nothing divides by it when the launch is empty, and empty launches are not bound.
    if (divisor < 1 || divisor > INT32_MAX)
      contradict(concat(describe(op), ": argument ", index, " divides by ", divisor));
    word = magicOf(uint32_t(divisor));
    break;
  }
  case ArgKind::Scalar:
    word = arg.bits;
    break;
  }
  result.words.push_back(word);
}

void Binder::bindLaunch(const Op &op, int opIndex, const Launch &launch, size_t number) {
  static constexpr uint64_t gridLimits[3] = {INT32_MAX, 65535, 65535};
  BoundStep step;
  step.kind = OpKind::Run;
  step.op = opIndex;
  step.number = uint32_t(number);
  BoundLaunch &bound = step.launch;
  bound.op = opIndex;
  bound.kernel = launch.kernel;
  bool isEmpty = false, isTooLarge = false;
  for (size_t i = 0; i < 3; ++i) {
    uint64_t blocks = size(launch.grid[i], {"op", op.name, "grid"});
    isEmpty |= blocks == 0;
    isTooLarge |= blocks > gridLimits[i];
    bound.grid[i] = uint32_t(blocks);
    bound.block[i] = launch.block[i];
  }
  if (isEmpty) return;
  if (isTooLarge)
    fail(DLC_ERROR_DIMS, concat(describe(op), ": its grid exceeds the device's limits"),
         "choose smaller dims");
  const Kernel &kernel = plan.kernels[size_t(launch.kernel)];
  uint64_t shared = size(launch.shared, {"op", op.name, "shared"});
  if (shared > uint64_t(limits.sharedPerBlock) ||
      shared + uint64_t(kernel.staticShared) > uint64_t(limits.sharedPerBlock))
    fail(DLC_ERROR_NO_DEVICE,
         concat(describe(op), ": kernel ", inQuotes(kernel.name), " needs ",
                shared + uint64_t(kernel.staticShared), " bytes of shared memory; the device has ",
                limits.sharedPerBlock),
         "compile for this device");
  bound.shared = uint32_t(shared);
  bound.firstWord = uint32_t(result.words.size());
  bound.firstPointer = uint32_t(result.pointers.size());
  for (size_t i = 0; i < launch.args.size(); ++i) bindArg(op, launch, i);
  bound.wordCount = uint32_t(result.words.size()) - bound.firstWord;
  bound.pointerCount = uint32_t(result.pointers.size()) - bound.firstPointer;
  result.steps.push_back(std::move(step));
}

void Binder::expectDense(const Op &op, int buffer) const {
  if (!result.buffers[size_t(buffer)].isDense)
    contradict(
        concat(describe(op), ": buffer ", inQuotes(plan.buffers[size_t(buffer)].name), " is not dense"));
}

void Binder::bindOp(size_t index) {
  const Op &op = plan.ops[index];
  if (op.kind == OpKind::Run) {
    const Vec<Launch> &launches = chooseVariant(op).launches;
    for (size_t i = 0; i < launches.size(); ++i) bindLaunch(op, int(index), launches[i], i);
    return;
  }
  BoundStep step;
  step.kind = op.kind;
  step.op = int(index);
  step.from = op.from, step.to = op.to;
  uint64_t bytes = result.buffers[size_t(op.to)].bytes;
  expectDense(op, op.to);
  if (op.kind == OpKind::Copy) {
    expectDense(op, op.from);
    if (result.buffers[size_t(op.from)].bytes != bytes) contradict(concat(describe(op), ": sizes differ"));
  } else if (bytes % uint64_t(op.width) != 0 ||
             result.buffers[size_t(op.to)].offset % uint64_t(op.width) != 0) {
    contradict(concat(describe(op), ": ", bytes, " bytes are no whole number of patterns"));
  }
  if (bytes > 0) result.steps.push_back(std::move(step));
}

// An output that lies elsewhere is copied at the end.
void Binder::bindOutput(size_t output) {
  const Value &value = plan.outputs[output];
  checkAlias(value, "output", result.outputDims[output]);
  const BoundBuffer &bound = result.buffers[size_t(value.buffer)];
  bool isOwn = bound.root == Base::Output && size_t(bound.index) == output && bound.offset == 0;
  if (isOwn || result.outputBytes[output] == 0) return;
  BoundStep step;
  step.kind = OpKind::Copy;
  step.op = -1;
  step.from = value.buffer;
  step.output = int(output);
  result.steps.push_back(std::move(step));
}

BoundPlan Binder::bind(std::span<const int64_t> choices) {
  result.slots = evaluateSlots(plan, limits, choices);
  result.inputDims.resize(plan.inputs.size());
  result.outputDims.resize(plan.outputs.size());
  for (size_t i = 0; i < plan.inputs.size(); ++i)
    result.inputBytes.push_back(tensorBytes(plan.inputs[i], "input", result.inputDims[i]));
  for (size_t i = 0; i < plan.outputs.size(); ++i)
    result.outputBytes.push_back(tensorBytes(plan.outputs[i], "output", result.outputDims[i]));
  result.arenaBytes = size(plan.arena, {"memory", "", "arena"});
  result.zeroedBytes = size(plan.zeroed, {"memory", "", "zeroed"});
  result.buffers.reserve(plan.buffers.size());
  for (size_t i = 0; i < plan.buffers.size(); ++i) bindBuffer(i);
  for (size_t i = 0; i < plan.inputs.size(); ++i) checkAlias(plan.inputs[i], "input", result.inputDims[i]);
  for (size_t i = 0; i < plan.ops.size(); ++i) bindOp(i);
  for (size_t i = 0; i < plan.outputs.size(); ++i) bindOutput(i);
  return std::move(result);
}

BoundPlan bindPlan(const Plan &plan, const DeviceLimits &limits, std::span<const int64_t> choices) {
  return Binder(plan, limits).bind(choices);
}

} // namespace dlc::rt
