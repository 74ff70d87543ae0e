#include "runtime/context.h"

#include "runtime/failure.h"

#include <algorithm>
#include <cstring>

namespace dlc::rt {

Context::Context(Module &module, const dlc_context_options &options)
    : module(module), device(module.acquireDevice(options)), flags(options.flags) {
  ++module.references;
  try {
    if ((flags & DLC_CONTEXT_GRAPH) && (flags & DLC_CONTEXT_SYNC))
      fail(DLC_ERROR_INVALID_ARGUMENT, "a graph is launched as a whole: DLC_CONTEXT_SYNC can't wait inside",
           "choose DLC_CONTEXT_GRAPH or DLC_CONTEXT_SYNC");
    CurrentContext current(device.driver, device.context);
    expectSuccess(device.driver, device.driver.streamCreate(&ownStream, 0), "can't create a stream");
    CuResult result = device.driver.eventCreate(&done, cuEventNoTiming);
    if (result != 0) device.driver.streamDestroy(ownStream);
    expectSuccess(device.driver, result, "can't create an event");
  } catch (...) {
    module.releaseDevice(device);
    --module.references; // the caller holds one, too
    throw;
  }
}

Context::~Context() {
  bool isCurrent = device.driver.contextPush(device.context) == 0;
  if (hasWork) device.driver.eventSynchronize(done);
  // Blocks need the device's state: they go before it, even if the driver can't take them any more.
  graph = {};
  arena = {}, zeroed = {};
  guarded.clear(), ownInputs.clear(), ownOutputs.clear();
  device.driver.eventDestroy(done);
  device.driver.streamDestroy(ownStream);
  CuContext popped = nullptr;
  if (isCurrent) device.driver.contextPop(&popped);
  module.releaseDevice(device);
}

// ---- Errors of the driver
// -------------------------------------------------------------------------------------

void Context::expectHealthy() const {
  if (isPoisoned())
    fail(DLC_ERROR_POISONED, concat("the context is unusable since: ", poison),
         "the CUDA context is lost: start the process again");
}

void Context::check(CuResult result, std::string_view what) {
  if (result == 0) return;
  if (!isSticky(result)) return expectSuccess(device.driver, result, what);
  // Whichever call hears of it: a kernel failed before. With DLC_CONTEXT_SYNC that is the one waited for.
  std::string cause(what);
  if (isBusy && !(flags & DLC_CONTEXT_SYNC)) cause = launchesFailed();
  std::string text = concat(cause, ": ", device.driver.describe(result)).substr(0, sizeof(poison) - 1);
  std::memcpy(poison, text.c_str(), text.size() + 1);
  isPrepared = false;
  expectSuccess(device.driver, result, cause);
}

// "one of 2 launches ('k0_mul', 'k1_sum') failed; ..."; of one launch nothing more can be learnt.
std::string Context::launchesFailed() const {
  std::string kernels;
  size_t count = 0;
  for (const BoundStep &step : bound.steps) {
    if (step.kind != OpKind::Run || ++count > 4) continue;
    kernels += concat(count > 1 ? ", " : "", inQuotes(module.plan.kernels[size_t(step.launch.kernel)].name));
  }
  if (count == 1) return concat("kernel ", kernels, " failed");
  return concat("one of ", counted(count, "launch", "launches"), " (", kernels, count > 4 ? ", ...)" : ")",
                " failed; create the context with DLC_CONTEXT_SYNC (dlc-run --sync) to learn which");
}

std::string Context::describe(const BoundStep &step) const {
  if (step.op < 0)
    return concat("the copy of output ", inQuotes(module.plan.outputs[size_t(step.output)].name));
  std::string op = rt::describe(module.plan.ops[size_t(step.op)]);
  if (step.kind != OpKind::Run) return op;
  return concat("kernel ", inQuotes(module.plan.kernels[size_t(step.launch.kernel)].name), " of ", op);
}

void Context::checkStep(CuResult result, const BoundStep &step, std::string_view what) {
  if (result != 0) check(result, concat(describe(step), " ", what));
}

// ---- Preparing
// ------------------------------------------------------------------------------------------------

void Context::waitForWork() {
  if (!hasWork) return;
  check(device.driver.eventSynchronize(done), "can't wait for earlier work");
  hasWork = isBusy = false;
}

void Context::prepare(std::span<const int64_t> values) {
  expectHealthy();
  if (isPrepared && std::equal(values.begin(), values.end(), choices.begin(), choices.end())) return;
  CurrentContext current(device.driver, device.context);
  isPrepared = false;
  if (!recall(values)) {
    Prepared fresh{Vec<int64_t>(values.begin(), values.end()), bindPlan(module.plan, device.limits, values)};
    if (!choices.empty() || !bound.slots.empty()) {
      if (earlier.size() + 1 == mostPrepared) earlier.erase(earlier.begin());
      earlier.push_back({std::move(choices), std::move(bound)});
    }
    choices = std::move(fresh.choices), bound = std::move(fresh.bound);
  }
  growMemory();
  resolve();
  for (const BoundStep &step : bound.steps)
    if (step.kind == OpKind::Run) device.allowShared(module.plan, step.launch.kernel, step.launch.shared);
  if ((flags & DLC_CONTEXT_GRAPH) && !graph)
    graph.reset(hostNew<Graph>(module.plan, device, module.deviceAllocator));
  isPrepared = true;
}

// Takes up the plan for these choices if it is known. Whatever it says, memory is looked at again.
bool Context::recall(std::span<const int64_t> values) {
  auto isIt = [&](const Vec<int64_t> &known) {
    return std::equal(values.begin(), values.end(), known.begin(), known.end());
  };
  if (!bound.slots.empty() && isIt(choices)) return true;
  auto at = std::find_if(earlier.begin(), earlier.end(), [&](const Prepared &p) { return isIt(p.choices); });
  if (at == earlier.end()) return false;
  std::swap(at->choices, choices), std::swap(at->bound, bound);
  std::rotate(at, at + 1, earlier.end());
  return true;
}

DeviceBlock &Context::ownBlock(Vec<DeviceBlock> &blocks, size_t index, uint64_t bytes,
                               std::string_view what) {
  if (blocks.size() <= index) blocks.resize(index + 1);
  DeviceBlock &block = blocks[index];
  // In guard mode a block is exactly as large as its tensor.
  if (block.size() == bytes || (block.size() > bytes && !module.isGuarded())) return block;
  waitForWork();
  block = {};
  block = DeviceBlock(device.driver, module.deviceAllocator, bytes, what);
  return block;
}

void Context::growMemory() {
  auto clear = [&](const DeviceBlock &block) {
    if (block.size() == 0) return;
    check(device.driver.fill8(block.address(), 0, block.size(), ownStream), "can't clear memory");
    check(device.driver.streamSynchronize(ownStream), "can't clear memory");
  };
  if (module.isGuarded()) {
    for (size_t i = 0; i < bound.buffers.size(); ++i) {
      const Buffer &buffer = module.plan.buffers[i];
      if (buffer.base != Base::Arena && buffer.base != Base::Zeroed) continue;
      uint64_t before = i < guarded.size() ? guarded[i].size() : 0;
      DeviceBlock &block =
          ownBlock(guarded, i, bound.buffers[i].bytes, concat("buffer ", inQuotes(buffer.name)));
      if (buffer.base == Base::Zeroed && block.size() != before) clear(block);
    }
    return;
  }
  auto grow = [&](DeviceBlock &block, uint64_t bytes, std::string_view what) {
    if (block.size() >= bytes) return false;
    waitForWork();
    block = {};
    block = DeviceBlock(device.driver, module.deviceAllocator, bytes, what);
    return true;
  };
  grow(arena, bound.arenaBytes, "the arena");
  if (grow(zeroed, bound.zeroedBytes, "the zeroed memory")) clear(zeroed);
}

CuAddress Context::addressOf(int index) const {
  const BoundBuffer &buffer = bound.buffers[size_t(index)];
  size_t root = size_t(buffer.index);
  switch (buffer.root) {
  case Base::Input:
    return inputAddresses[root] + buffer.offset;
  case Base::Output:
    return outputAddresses[root] + buffer.offset;
  case Base::Weight:
    return device.weightAddresses[root] + buffer.offset;
  default:
    break;
  }
  if (module.isGuarded()) return guarded[root].address() + (buffer.offset - bound.buffers[root].offset);
  return (buffer.root == Base::Arena ? arena : zeroed).address() + buffer.offset;
}

// Everything that enqueue needs and that does not depend on callers' pointers.
void Context::resolve() {
  inputAddresses.assign(bound.inputBytes.size(), 0);
  outputAddresses.assign(bound.outputBytes.size(), 0);
  knownInputs.resize(bound.inputBytes.size());
  knownOutputs.resize(bound.outputBytes.size());
  parameters.resize(bound.words.size());
  for (size_t i = 0; i < bound.words.size(); ++i) parameters[i] = &bound.words[i];
  callerPointers.clear();
  alignments.clear();
  for (const BoundPointer &pointer : bound.pointers) {
    const BoundBuffer &buffer = bound.buffers[size_t(pointer.buffer)];
    if (buffer.root == Base::Input || buffer.root == Base::Output)
      callerPointers.push_back(
          {pointer.word, buffer.root == Base::Output, buffer.index, buffer.offset + pointer.offset});
    else
      bound.words[pointer.word] = addressOf(pointer.buffer) + pointer.offset;
  }
  for (size_t i = 0; i < bound.buffers.size(); ++i) {
    const BoundBuffer &buffer = bound.buffers[i];
    uint64_t align = uint64_t(module.plan.buffers[i].align);
    if ((buffer.root == Base::Input || buffer.root == Base::Output) && buffer.bytes > 0 && align > 1)
      alignments.push_back({buffer.root == Base::Output, buffer.index, buffer.offset, align});
  }
  for (size_t i = 0; i < module.plan.inputs.size(); ++i)
    alignments.push_back({false, int(i), 0, uint64_t(module.plan.inputs[i].align)});
  for (size_t i = 0; i < module.plan.outputs.size(); ++i)
    alignments.push_back({true, int(i), 0, uint64_t(module.plan.outputs[i].align)});
}

void Context::useOwnTensors() {
  CurrentContext current(device.driver, device.context);
  for (size_t i = 0; i < bound.inputBytes.size(); ++i)
    inputAddresses[i] = ownBlock(ownInputs, i, bound.inputBytes[i], "an input").address();
  for (size_t i = 0; i < bound.outputBytes.size(); ++i)
    outputAddresses[i] = ownBlock(ownOutputs, i, bound.outputBytes[i], "an output").address();
  setTensors();
}

// ---- Checking callers' tensors
// ----------------------------------------------------------------------------------

void Context::expectTensors(std::span<const dlc_tensor> tensors, bool areOutputs) const {
  const Vec<Value> &values = areOutputs ? module.plan.outputs : module.plan.inputs;
  std::string_view kind = areOutputs ? "output" : "input";
  if (tensors.size() != values.size())
    fail(DLC_ERROR_INVALID_ARGUMENT,
         concat(tensors.size(), " ", kind, "s given; the model has ", values.size()));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const dlc_tensor &tensor = tensors[i];
    auto refuse = [&](std::string_view why) {
      fail(DLC_ERROR_INVALID_ARGUMENT, concat(kind, " ", inQuotes(values[i].name), " ", why));
    };
    if (tensor.dtype != values[i].dtype) {
      const DtypeRow *row = findDtype(int(tensor.dtype));
      refuse(concat("is ", row ? row->name : "of no dtype", "; the model has ",
                    dtypeRows[values[i].dtype].name));
    }
    if (tensor.rank < 0 || (tensor.rank > 0 && !tensor.shape)) refuse("has no shape");
    if (tensor.memory != DLC_HOST && tensor.memory != DLC_DEVICE) refuse("is in no known memory");
    int64_t stride = 1;
    for (int32_t d = tensor.rank; d-- > 0;) {
      if (tensor.shape[d] < 0) refuse("has a negative extent");
      if (tensor.strides && tensor.shape[d] > 1 && tensor.strides[d] != stride)
        refuse("is not dense row-major");
      if (__builtin_mul_overflow(stride, std::max<int64_t>(tensor.shape[d], 1), &stride))
        refuse("is too large");
    }
  }
}

static std::string shapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += concat(i ? ", " : "", shape[i]);
  return text + "]";
}

void Context::expectShapes(std::span<const dlc_tensor> tensors, bool areOutputs) const {
  const Vec<Vec<int64_t>> &dims = areOutputs ? bound.outputDims : bound.inputDims;
  const Vec<uint64_t> &bytes = areOutputs ? bound.outputBytes : bound.inputBytes;
  const Vec<Value> &values = areOutputs ? module.plan.outputs : module.plan.inputs;
  for (size_t i = 0; i < tensors.size(); ++i) {
    std::span<const int64_t> shape(tensors[i].shape, size_t(tensors[i].rank));
    std::string_view kind = areOutputs ? "output" : "input";
    if (!std::equal(shape.begin(), shape.end(), dims[i].begin(), dims[i].end()))
      fail(DLC_ERROR_DIMS, concat(kind, " ", inQuotes(values[i].name), " has shape ", shapeText(shape),
                                  "; for these dims it is ", shapeText(dims[i])));
    if (bytes[i] > 0 && !tensors[i].data)
      fail(DLC_ERROR_INVALID_ARGUMENT, concat(kind, " ", inQuotes(values[i].name), " has no data"));
  }
}

// A pointer of the host, taken for one of the device, would cost the CUDA context as soon as a kernel reads
// it. The driver is asked once for a new address of an input or output: the same tensors again cost nothing.
void Context::expectOnDevice(std::span<const dlc_tensor> tensors, bool areOutputs) {
  if (device.readsHostMemory) return;
  const Vec<uint64_t> &bytes = areOutputs ? bound.outputBytes : bound.inputBytes;
  Vec<CuAddress> &known = areOutputs ? knownOutputs : knownInputs;
  for (size_t i = 0; i < tensors.size(); ++i) {
    CuAddress address = CuAddress(reinterpret_cast<uintptr_t>(tensors[i].data));
    if (tensors[i].memory != DLC_DEVICE || bytes[i] == 0 || address == known[i]) continue;
    unsigned kind = 0;
    CuResult result = device.driver.pointerAttribute(&kind, cuPointerMemoryType, address);
    if (result == 0) {
      known[i] = address;
      continue;
    }
    const Vec<Value> &values = areOutputs ? module.plan.outputs : module.plan.inputs;
    std::string name = concat(areOutputs ? "output " : "input ", inQuotes(values[i].name));
    if (result == cuInvalidValue)
      fail(DLC_ERROR_INVALID_ARGUMENT,
           concat(name, " is said to be in device memory; the driver knows none there"),
           "pass an address that the driver gave (cuMemAlloc, managed or registered host memory), or say "
           "DLC_HOST and use dlc_context_run");
    check(result, concat("can't ask about the memory of ", name));
  }
}

// ---- Launching
// ------------------------------------------------------------------------------------------------

void Context::setTensors() {
  for (const Alignment &check : alignments) {
    uint64_t address =
        (check.isOutput ? outputAddresses : inputAddresses)[size_t(check.index)] + check.offset;
    if (address % check.align == 0) continue;
    const Value &value = (check.isOutput ? module.plan.outputs : module.plan.inputs)[size_t(check.index)];
    fail(DLC_ERROR_INVALID_ARGUMENT,
         concat(check.isOutput ? "output " : "input ", inQuotes(value.name), " is not aligned to ",
                check.align, " bytes"),
         "pass memory with the alignment that the module's query names");
  }
  for (const CallerPointer &pointer : callerPointers)
    bound.words[pointer.word] =
        (pointer.isOutput ? outputAddresses : inputAddresses)[size_t(pointer.index)] + pointer.offset;
}

// What a copy or a set is about.
Context::Transfer Context::transferOf(const BoundStep &step) const {
  if (step.kind == OpKind::Set) return {addressOf(step.to), 0, bound.buffers[size_t(step.to)].bytes};
  if (step.output >= 0)
    return {outputAddresses[size_t(step.output)], addressOf(step.from),
            bound.outputBytes[size_t(step.output)]};
  return {addressOf(step.to), addressOf(step.from), bound.buffers[size_t(step.to)].bytes};
}

void Context::issueStep(CuStream stream, BoundStep &step) {
  if (step.kind == OpKind::Run) {
    const BoundLaunch &launch = step.launch;
    CuResult result =
        device.driver.launch(device.functions[size_t(launch.kernel)], launch.grid[0], launch.grid[1],
                             launch.grid[2], launch.block[0], launch.block[1], launch.block[2], launch.shared,
                             stream, parameters.data() + launch.firstWord, nullptr);
    checkStep(result, step, "can't be launched");
  } else if (step.kind == OpKind::Set) {
    const Op &op = module.plan.ops[size_t(step.op)];
    Transfer set = transferOf(step);
    uint64_t count = set.bytes / uint64_t(op.width);
    CuResult result = op.width == 1   ? device.driver.fill8(set.to, uint8_t(op.value), count, stream)
                      : op.width == 2 ? device.driver.fill16(set.to, uint16_t(op.value), count, stream)
                                      : device.driver.fill32(set.to, op.value, count, stream);
    checkStep(result, step, "can't be issued");
  } else {
    Transfer copy = transferOf(step);
    if (copy.from != copy.to)
      checkStep(device.driver.copy(copy.to, copy.from, copy.bytes, stream), step, "can't be issued");
  }
  if (flags & DLC_CONTEXT_SYNC) checkStep(device.driver.streamSynchronize(stream), step, "failed");
}

// Lets the graph do what the bound plan says.
void Context::setGraph() {
  graph->begin();
  for (BoundStep &step : bound.steps) {
    CuResult result = 0;
    if (step.kind == OpKind::Run) {
      const BoundLaunch &launch = step.launch;
      result =
          graph->setKernel(step, bound.words.data() + launch.firstWord, parameters.data() + launch.firstWord);
    } else if (step.kind == OpKind::Set) {
      const Op &op = module.plan.ops[size_t(step.op)];
      Transfer set = transferOf(step);
      result = graph->setFill(step, set.to, op.value, unsigned(op.width), set.bytes / uint64_t(op.width));
    } else if (Transfer copy = transferOf(step); copy.from != copy.to) {
      result = graph->setCopy(step, copy.to, copy.from, copy.bytes);
    }
    checkStep(result, step, "can't be changed in the graph");
  }
  check(graph->end(), "can't disable a node of the graph");
}

void Context::issue(CuStream stream, int onlyOp) {
  if (hasWork && stream != workStream)
    check(device.driver.streamWaitEvent(stream, done, 0), "can't order streams");
  isBusy = true;
  if (graph && onlyOp < 0) {
    setGraph();
    if (CuResult result = graph->launch(stream); result != 0)
      check(result,
            concat("the graph of ", counted(bound.steps.size(), "launch or copy", "launches and copies"),
                   " can't be launched"));
  } else {
    for (BoundStep &step : bound.steps)
      if (onlyOp < 0 || step.op == onlyOp) issueStep(stream, step);
  }
  check(device.driver.eventRecord(done, stream), "can't record an event");
  hasWork = true;
  workStream = stream;
}

void Context::issueOp(int op) {
  expectHealthy();
  CurrentContext current(device.driver, device.context);
  issue(ownStream, op);
}

void Context::enqueue(CuStream stream, std::span<const dlc_tensor> inputs,
                      std::span<const dlc_tensor> outputs) {
  expectHealthy();
  if (!isPrepared)
    fail(DLC_ERROR_NOT_PREPARED, "the context is not prepared", "call dlc_context_prepare first");
  expectTensors(inputs, false), expectTensors(outputs, true);
  expectShapes(inputs, false), expectShapes(outputs, true);
  auto take = [](std::span<const dlc_tensor> tensors, Vec<CuAddress> &addresses) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].memory != DLC_DEVICE)
        fail(DLC_ERROR_INVALID_ARGUMENT, "enqueue takes tensors in device memory", "use dlc_context_run");
      addresses[i] = CuAddress(reinterpret_cast<uintptr_t>(tensors[i].data));
    }
  };
  take(inputs, inputAddresses), take(outputs, outputAddresses);
  CurrentContext current(device.driver, device.context);
  expectOnDevice(inputs, false), expectOnDevice(outputs, true);
  setTensors();
  issue(stream, -1);
}

// ---- Running with host tensors
// ------------------------------------------------------------------------------------

void Context::choose(std::span<const dlc_tensor> inputs, Vec<int64_t> &values) {
  values.resize(choiceCount(module.plan));
  choicesFromShapes(
      module.plan, inputs,
      [&](int input, int64_t index) {
        const dlc_tensor &tensor = inputs[size_t(input)];
        if (!tensor.data) fail(DLC_ERROR_INVALID_ARGUMENT, "an input has no data");
        if (tensor.memory == DLC_HOST) return readInteger(tensor.dtype, tensor.data, index);
        uint64_t element = 0, bytes = sizeOf(tensor.dtype);
        CuAddress from = CuAddress(reinterpret_cast<uintptr_t>(tensor.data)) + uint64_t(index) * bytes;
        download(&element, from, bytes);
        return readInteger(tensor.dtype, &element, 0);
      },
      values);
}

void Context::run(std::span<const dlc_tensor> inputs, std::span<const dlc_tensor> outputs) {
  expectHealthy();
  expectTensors(inputs, false), expectTensors(outputs, true);
  Vec<int64_t> values;
  choose(inputs, values);
  prepare(values);
  expectShapes(inputs, false), expectShapes(outputs, true);
  CurrentContext current(device.driver, device.context);
  expectOnDevice(inputs, false), expectOnDevice(outputs, true);
  auto place = [&](std::span<const dlc_tensor> tensors, const Vec<uint64_t> &bytes, Vec<DeviceBlock> &blocks,
                   Vec<CuAddress> &addresses, std::string_view what) {
    for (size_t i = 0; i < tensors.size(); ++i)
      addresses[i] = tensors[i].memory == DLC_DEVICE ? CuAddress(reinterpret_cast<uintptr_t>(tensors[i].data))
                                                     : ownBlock(blocks, i, bytes[i], what).address();
  };
  place(inputs, bound.inputBytes, ownInputs, inputAddresses, "an input");
  place(outputs, bound.outputBytes, ownOutputs, outputAddresses, "an output");
  setTensors();
  if (hasWork && workStream != ownStream)
    check(device.driver.streamWaitEvent(ownStream, done, 0), "can't order streams");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].memory == DLC_HOST && bound.inputBytes[i] > 0)
      check(device.driver.copyToDevice(inputAddresses[i], inputs[i].data, bound.inputBytes[i], ownStream),
            "can't upload an input");
  issue(ownStream, -1);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].memory == DLC_HOST && bound.outputBytes[i] > 0)
      check(device.driver.copyToHost(outputs[i].data, outputAddresses[i], bound.outputBytes[i], ownStream),
            "can't download an output");
  check(device.driver.streamSynchronize(ownStream), "can't wait for the run");
  hasWork = isBusy = false;
}

void Context::upload(CuAddress to, const void *from, uint64_t bytes) {
  if (bytes == 0) return;
  CurrentContext current(device.driver, device.context);
  check(device.driver.copyToDevice(to, from, bytes, ownStream), "can't upload");
  check(device.driver.streamSynchronize(ownStream), "can't upload");
}
void Context::download(void *to, CuAddress from, uint64_t bytes) {
  if (bytes == 0) return;
  CurrentContext current(device.driver, device.context);
  check(device.driver.copyToHost(to, from, bytes, ownStream), "can't download");
  check(device.driver.streamSynchronize(ownStream), "can't download");
}
void Context::fill(CuAddress to, uint8_t value, uint64_t bytes) {
  if (bytes == 0) return;
  CurrentContext current(device.driver, device.context);
  check(device.driver.fill8(to, value, bytes, ownStream), "can't fill memory");
}
void Context::synchronize() {
  CurrentContext current(device.driver, device.context);
  check(device.driver.streamSynchronize(ownStream), "can't wait for the work");
}

} // namespace dlc::rt
