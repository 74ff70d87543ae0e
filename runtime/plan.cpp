#include "runtime/plan.h"

#include "runtime/failure.h"
#include "runtime/plan_json.h"

#include <algorithm>

namespace dlc::rt {

static constexpr int64_t maxExtent = int64_t(1) << 62;
static constexpr size_t maxRank = 32;

namespace {

/// Fills a Plan object by object; later objects refer to earlier ones by name.
class PlanReader {
public:
  explicit PlanReader(const Node &root) : root(root) {}
  Plan read();

private:
  void readTarget(const Node &node);
  void readSymbols(const Node &node);
  void readScalars(const Node &node);
  void readGuards(const Node &node);
  void nameInputs(const Node &node);
  void finishInputs(const Node &node);
  void readOutputs(const Node &node);
  void readWeights(const Node &node);
  void readMemory(const Node &node);
  void readBuffers(const Node &node);
  void readBase(const Node &node, Buffer &buffer);
  void readKernels(const Node &node);
  void readOps(const Node &node);
  void readRun(const Node &node, Op &op);
  Variant readVariant(const Node &node, const Op &op);
  Launch readLaunch(const Node &node, const Op &op);
  Arg readArg(const Node &node, const Op &op);
  Vec<int> readBufferNames(const Node &node);
  Vec<Expr> readDims(const Node &node);
  void addSlot(const Node &node, std::string_view name);
  bool isWritable(int buffer) const;

  const Node &root;
  Plan plan;
  NameTable slots{"symbol or scalar"}, inputs{"input"}, outputs{"output"}, weights{"weight"},
      buffers{"buffer"}, kernels{"kernel"}, ops{"op"};
};

} // namespace

void PlanReader::addSlot(const Node &node, std::string_view name) {
  slots.add(node, name, int(plan.slotNames.size()));
  plan.slotNames.emplace_back(name);
}

// "sm_90a" -> 9, 0, exact.
void PlanReader::readTarget(const Node &node) {
  node.expectObject({"name", "arch", "sms", "shared_per_block"});
  Target &target = plan.target;
  target.name = node.at("name").nonEmptyText();
  target.arch = node.at("arch").text();
  target.sms = node.at("sms").integer(1, 1 << 20);
  target.sharedPerBlock = node.at("shared_per_block").integer(0, 1 << 30);
  std::string_view arch = target.arch, digits = arch.substr(std::min<size_t>(3, arch.size()));
  if (!digits.empty() && (digits.back() == 'a' || digits.back() == 'f')) {
    target.exactArchitecture = true;
    digits.remove_suffix(1);
  }
  bool isNumber = digits.size() >= 2 && digits.size() <= 3 &&
                  std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!arch.starts_with("sm_") || !isNumber) node.at("arch").malformed("should be like sm_80 or sm_90a");
  for (char c : digits.substr(0, digits.size() - 1)) target.major = 10 * target.major + (c - '0');
  target.minor = digits.back() - '0';
}

void PlanReader::readSymbols(const Node &node) {
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) {
    Node item = node[i];
    item.expectObject({"name", "min", "max", "multiple", "from", "origins"});
    Symbol symbol;
    symbol.name = item.at("name").nonEmptyText();
    if (symbol.name[0] == '@') item.at("name").malformed("names with @ are the device's");
    symbol.min = item.at("min").integer(0, maxExtent);
    symbol.max = item.at("max").integer(symbol.min, maxExtent);
    symbol.multiple = item.at("multiple").integer(1, maxExtent);
    Node from = item.at("from");
    from.expectObject({"input", "dim", "scale", "offset"});
    symbol.input = inputs.find(from.at("input"));
    symbol.dim = int(from.at("dim").integer(0, maxRank - 1));
    if (auto scale = from.find("scale")) symbol.scale = scale->integer(1, maxExtent);
    if (auto offset = from.find("offset")) symbol.offset = offset->integer(-maxExtent, maxExtent);
    symbol.origins = item.at("origins").texts();
    addSlot(item, symbol.name);
    plan.symbols.push_back(std::move(symbol));
  }
}

void PlanReader::readScalars(const Node &node) {
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) {
    Node item = node[i];
    item.expectObject({"name", "from"});
    Scalar scalar;
    scalar.name = item.at("name").nonEmptyText();
    if (scalar.name[0] == '@') item.at("name").malformed("names with @ are the device's");
    Node from = item.at("from"), kind = from.at("kind");
    if (kind.text() == "expr") {
      from.expectObject({"kind", "expr"});
      scalar.expr = readExpr(from.at("expr"), slots);
    } else if (kind.text() == "input_element") {
      from.expectObject({"kind", "input", "index", "min", "max"});
      scalar.fromInput = true;
      scalar.input = inputs.find(from.at("input"));
      scalar.index = from.at("index").integer(0, maxExtent);
      scalar.min = from.at("min").integer(INT64_MIN, INT64_MAX);
      scalar.max = from.at("max").integer(scalar.min, INT64_MAX);
      if (!dtypeRows[plan.inputs[size_t(scalar.input)].dtype].isInteger)
        from.malformed("the input is not of an integer dtype");
    } else {
      kind.unsupported(concat("unknown kind of scalar ", inQuotes(kind.text())));
    }
    addSlot(item, scalar.name);
    plan.scalars.push_back(std::move(scalar));
  }
}

void PlanReader::readGuards(const Node &node) {
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) {
    Node item = node[i];
    item.expectObject({"require", "message"});
    plan.guards.push_back(
        {readCondition(item.at("require"), slots), String(item.at("message").nonEmptyText())});
  }
}

// Inputs come in two steps: symbols name them, their dims name symbols.
void PlanReader::nameInputs(const Node &node) {
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) {
    Node item = node[i];
    item.expectObject({"name", "dtype", "dims", "buffer", "align", "updated"});
    Value value;
    value.name = item.at("name").text();
    value.dtype = item.at("dtype").dtype();
    if (auto align = item.find("align")) value.align = align->powerOfTwo(256);
    if (auto updated = item.find("updated")) value.isUpdated = updated->boolean();
    inputs.add(item, value.name, int(i));
    plan.inputs.push_back(std::move(value));
  }
}

Vec<Expr> PlanReader::readDims(const Node &node) {
  if (node.arraySize() > maxRank) node.malformed(concat("more than ", maxRank, " dims"));
  return readExprs(node, slots);
}

void PlanReader::finishInputs(const Node &node) {
  for (size_t i = 0; i < plan.inputs.size(); ++i) plan.inputs[i].dims = readDims(node[i].at("dims"));
  Node symbols = root.at("symbols");
  for (size_t i = 0; i < plan.symbols.size(); ++i)
    if (size_t(plan.symbols[i].dim) >= plan.inputs[size_t(plan.symbols[i].input)].dims.size())
      symbols[i].malformed("'from' names a dim that the input does not have");
}

void PlanReader::readOutputs(const Node &node) {
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) {
    Node item = node[i];
    item.expectObject({"name", "dtype", "dims", "buffer", "align"});
    Value value;
    value.name = item.at("name").text();
    value.dtype = item.at("dtype").dtype();
    value.dims = readDims(item.at("dims"));
    if (auto align = item.find("align")) value.align = align->powerOfTwo(256);
    outputs.add(item, value.name, int(i));
    plan.outputs.push_back(std::move(value));
  }
}

void PlanReader::readWeights(const Node &node) {
  node.expectObject({"file", "bytes", "header_hash", "hash", "tensors"});
  WeightsTable &table = plan.weights;
  table.isPresent = true;
  Node file = node.at("file");
  table.file = file.nonEmptyText();
  if (table.file.find('/') != String::npos || table.file == "." || table.file == "..")
    file.malformed("should be a plain file name");
  table.bytes = uint64_t(node.at("bytes").integer(8, maxExtent));
  if (!parseHex(node.at("header_hash").text(), table.headerHash))
    node.at("header_hash").malformed("should be 64 lower-case hex digits");
  if (!parseHex(node.at("hash").text(), table.hash))
    node.at("hash").malformed("should be 64 lower-case hex digits");
  Node tensors = node.at("tensors");
  for (size_t i = 0, size = tensors.arraySize(); i < size; ++i) {
    Node item = tensors[i];
    item.expectObject({"name", "dtype", "dims"});
    WeightTensor tensor;
    tensor.name = item.at("name").nonEmptyText();
    tensor.dtype = item.at("dtype").dtype();
    Node dims = item.at("dims");
    if (dims.arraySize() > maxRank) dims.malformed(concat("more than ", maxRank, " dims"));
    for (size_t d = 0; d < dims.arraySize(); ++d) tensor.dims.push_back(dims[d].integer(0, maxExtent));
    weights.add(item, tensor.name, int(i));
    table.tensors.push_back(std::move(tensor));
  }
}

void PlanReader::readMemory(const Node &node) {
  node.expectObject({"arena", "zeroed"});
  plan.arena = readExpr(node.at("arena"), slots);
  plan.zeroed = readExpr(node.at("zeroed"), slots);
}

void PlanReader::readBase(const Node &node, Buffer &buffer) {
  node.expectObject({"kind", "name"});
  std::string_view kind = node.at("kind").text();
  if (kind == "arena" || kind == "zeroed") {
    buffer.base = kind == "arena" ? Base::Arena : Base::Zeroed;
    if (node.find("name")) node.malformed(concat("'", kind, "' takes no name"));
    return;
  }
  const NameTable *table = nullptr;
  if (kind == "input") buffer.base = Base::Input, table = &inputs;
  if (kind == "output") buffer.base = Base::Output, table = &outputs;
  if (kind == "weight") buffer.base = Base::Weight, table = &weights;
  if (kind == "buffer") buffer.base = Base::Buffer, table = &buffers;
  if (!table) node.unsupported(concat("unknown kind of base ", inQuotes(kind)));
  buffer.index = table->find(node.at("name"));
}

void PlanReader::readBuffers(const Node &node) {
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) {
    Node item = node[i];
    item.expectObject({"name", "dtype", "dims", "base", "offset", "strides", "bytes", "align", "lifetime"});
    Buffer buffer;
    buffer.name = item.at("name").nonEmptyText();
    buffer.dtype = item.at("dtype").dtype();
    buffer.dims = readDims(item.at("dims"));
    readBase(item.at("base"), buffer);
    auto offset = item.find("offset");
    buffer.offset = offset ? readExpr(*offset, slots) : constantExpr(0);
    if (auto strides = item.find("strides")) {
      buffer.hasStrides = true;
      buffer.strides = readDims(*strides);
      if (buffer.strides.size() != buffer.dims.size()) strides->malformed("not one stride per dim");
    }
    if (auto bytes = item.find("bytes")) {
      buffer.hasBytes = true;
      buffer.bytes = readExpr(*bytes, slots);
    }
    auto align = item.find("align");
    buffer.align = align ? align->powerOfTwo(256) : int(sizeOf(buffer.dtype));
    if (auto lifetime = item.find("lifetime")) {
      if (lifetime->arraySize() != 2) lifetime->malformed("should be [first, last]");
      int64_t lastOp = int64_t(root.at("ops").arraySize()) - 1;
      buffer.firstOp = int((*lifetime)[0].integer(0, lastOp));
      buffer.lastOp = int((*lifetime)[1].integer(buffer.firstOp, lastOp));
    }
    buffers.add(item, buffer.name, int(i));
    plan.buffers.push_back(std::move(buffer));
  }
}

void PlanReader::readKernels(const Node &node) {
  if (!node.json().is_object()) node.malformed("should be an object");
  for (const auto &[name, ignored] : node.json().items()) {
    Node item = node.at(name);
    item.expectObject({"threads", "static_shared", "registers"});
    Kernel kernel;
    kernel.name = name;
    kernel.threads = item.at("threads").integer(1, 1024);
    kernel.staticShared = item.at("static_shared").integer(0, 1 << 30);
    if (auto registers = item.find("registers")) kernel.registers = registers->integer(0, 255);
    kernels.add(item, name, int(plan.kernels.size()));
    plan.kernels.push_back(std::move(kernel));
  }
}

Vec<int> PlanReader::readBufferNames(const Node &node) {
  Vec<int> result;
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) result.push_back(buffers.find(node[i]));
  return result;
}

Arg PlanReader::readArg(const Node &node, const Op &op) {
  Arg arg;
  std::string_view kind = node.at("kind").text();
  if (kind == "pointer") {
    node.expectObject({"kind", "buffer", "offset"});
    arg.kind = ArgKind::Pointer;
    arg.buffer = buffers.find(node.at("buffer"));
    auto offset = node.find("offset");
    arg.expr = offset ? readExpr(*offset, slots) : constantExpr(0);
    bool isListed = false;
    for (const Vec<int> *list : {&op.operands, &op.results, &op.scratch})
      isListed |= std::find(list->begin(), list->end(), arg.buffer) != list->end();
    if (!isListed) node.malformed("the buffer is not among the op's operands, results and scratch");
  } else if (kind == "dim") {
    node.expectObject({"kind", "expr", "type"});
    arg.kind = ArgKind::Dim;
    arg.expr = readExpr(node.at("expr"), slots);
    Node type = node.at("type");
    if (type.text() != "i32" && type.text() != "i64") type.malformed("should be i32 or i64");
    arg.bytes = type.text() == "i32" ? 4 : 8;
  } else if (kind == "magic") {
    node.expectObject({"kind", "divisor"});
    arg.kind = ArgKind::Magic;
    arg.expr = readExpr(node.at("divisor"), slots);
  } else if (kind == "scalar") {
    node.expectObject({"kind", "type", "bits"});
    arg.kind = ArgKind::Scalar;
    arg.bytes = sizeOf(node.at("type").dtype());
    arg.bits = node.at("bits").bits(arg.bytes);
  } else {
    node.unsupported(concat("unknown kind of argument ", inQuotes(kind)));
  }
  return arg;
}

Launch PlanReader::readLaunch(const Node &node, const Op &op) {
  node.expectObject({"kernel", "grid", "block", "shared", "args"});
  Launch launch;
  launch.kernel = kernels.find(node.at("kernel"));
  Node grid = node.at("grid"), block = node.at("block"), args = node.at("args");
  if (grid.arraySize() != 3) grid.malformed("should have three parts");
  if (block.arraySize() != 3) block.malformed("should have three parts");
  for (size_t i = 0; i < 3; ++i) {
    launch.grid[i] = readExpr(grid[i], slots);
    launch.block[i] = uint32_t(block[i].integer(1, 1024));
  }
  int64_t threads = int64_t(launch.block[0]) * launch.block[1] * launch.block[2];
  int64_t allowed = plan.kernels[size_t(launch.kernel)].threads;
  if (threads > allowed) block.malformed(concat(threads, " threads, but the kernel is for ", allowed));
  launch.shared = readExpr(node.at("shared"), slots);
  for (size_t i = 0, size = args.arraySize(); i < size; ++i) launch.args.push_back(readArg(args[i], op));
  return launch;
}

Variant PlanReader::readVariant(const Node &node, const Op &op) {
  node.expectObject({"when", "launches", "schedule"});
  Variant variant;
  Node when = node.at("when"), launches = node.at("launches");
  for (size_t i = 0, size = when.arraySize(); i < size; ++i)
    variant.when.push_back(readCondition(when[i], slots));
  if (auto schedule = node.find("schedule")) variant.schedule = schedule->text();
  for (size_t i = 0, size = launches.arraySize(); i < size; ++i)
    variant.launches.push_back(readLaunch(launches[i], op));
  return variant;
}

// Weights, and inputs that do not say they are updated, are read-only.
bool PlanReader::isWritable(int buffer) const {
  const Buffer *view = &plan.buffers[size_t(buffer)];
  while (view->base == Base::Buffer) view = &plan.buffers[size_t(view->index)];
  if (view->base == Base::Input) return plan.inputs[size_t(view->index)].isUpdated;
  return view->base != Base::Weight;
}

void PlanReader::readRun(const Node &node, Op &op) {
  node.expectObject({"kind", "name", "nodes", "deps", "operands", "results", "scratch", "variants"});
  op.operands = readBufferNames(node.at("operands"));
  op.results = readBufferNames(node.at("results"));
  if (auto scratch = node.find("scratch")) op.scratch = readBufferNames(*scratch);
  for (const Vec<int> *list : {&op.results, &op.scratch})
    for (int buffer : *list)
      if (!isWritable(buffer))
        node.malformed(
            concat("writes buffer ", inQuotes(plan.buffers[size_t(buffer)].name), ", which is read-only"));
  Node variants = node.at("variants");
  if (variants.arraySize() == 0) variants.malformed("should not be empty");
  for (size_t i = 0, size = variants.arraySize(); i < size; ++i)
    op.variants.push_back(readVariant(variants[i], op));
}

static bool isFileName(std::string_view name) {
  bool isPlain = !name.empty() && name.size() <= 200 && name[0] != '.';
  for (char c : name)
    isPlain &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '.' || c == '-';
  return isPlain;
}

void PlanReader::readOps(const Node &node) {
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) {
    Node item = node[i];
    Op op;
    Node kind = item.at("kind"), name = item.at("name"), deps = item.at("deps");
    op.name = name.text();
    if (!isFileName(op.name)) name.malformed("should consist of letters, digits, '_', '.' and '-'");
    op.nodes = item.at("nodes").texts();
    for (size_t d = 0; d < deps.arraySize(); ++d) {
      if (i == 0) deps.malformed("the first op depends on nothing");
      op.deps.push_back(int(deps[d].integer(0, int64_t(i) - 1)));
    }
    if (kind.text() == "run") {
      op.kind = OpKind::Run;
      readRun(item, op);
    } else if (kind.text() == "copy") {
      item.expectObject({"kind", "name", "nodes", "deps", "from", "to"});
      op.kind = OpKind::Copy;
      op.from = buffers.find(item.at("from"));
      op.to = buffers.find(item.at("to"));
    } else if (kind.text() == "set") {
      item.expectObject({"kind", "name", "nodes", "deps", "buffer", "width", "value"});
      op.kind = OpKind::Set;
      op.to = buffers.find(item.at("buffer"));
      op.width = item.at("width").powerOfTwo(4);
      op.value = uint32_t(item.at("value").bits(uint32_t(op.width)));
    } else {
      kind.unsupported(concat("unknown kind of op ", inQuotes(kind.text())));
    }
    if (op.kind != OpKind::Run && !isWritable(op.to)) item.malformed("writes a read-only buffer");
    ops.add(item, op.name, int(i));
    plan.ops.push_back(std::move(op));
  }
}

Plan PlanReader::read() {
  int64_t format = root.at("format").integer(0, INT64_MAX);
  if (format != 1)
    root.at("format").unsupported(concat("plan format ", format, "; this runtime reads format 1"));
  root.expectObject({"format", "compiler", "llvm", "target", "options", "symbols", "scalars", "guards",
                     "inputs", "outputs", "weights", "memory", "buffers", "kernels", "ops"});
  plan.compiler = root.at("compiler").text();
  plan.llvm = root.at("llvm").text();
  Node options = root.at("options");
  if (!options.json().is_object()) options.malformed("should be an object");
  plan.options = options.json().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  addSlot(root, "@sms");
  addSlot(root, "@shared_per_block");
  readTarget(root.at("target"));
  Node inputNodes = root.at("inputs"), outputNodes = root.at("outputs");
  nameInputs(inputNodes);
  readSymbols(root.at("symbols"));
  if (auto scalars = root.find("scalars")) readScalars(*scalars);
  if (auto guards = root.find("guards")) readGuards(*guards);
  finishInputs(inputNodes);
  readOutputs(outputNodes);
  if (auto table = root.find("weights")) readWeights(*table);
  readMemory(root.at("memory"));
  readBuffers(root.at("buffers"));
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    plan.inputs[i].buffer = buffers.find(inputNodes[i].at("buffer"));
    const Buffer &buffer = plan.buffers[size_t(plan.inputs[i].buffer)];
    if (buffer.base != Base::Input || size_t(buffer.index) != i || buffer.dtype != plan.inputs[i].dtype)
      inputNodes[i].malformed("its buffer is not that input's memory");
  }
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    plan.outputs[i].buffer = buffers.find(outputNodes[i].at("buffer"));
    if (plan.buffers[size_t(plan.outputs[i].buffer)].dtype != plan.outputs[i].dtype)
      outputNodes[i].malformed("its buffer has another dtype");
  }
  readKernels(root.at("kernels"));
  readOps(root.at("ops"));
  return std::move(plan);
}

Plan parsePlan(std::string_view json) {
  nlohmann::json document = parseJson(json, "plan");
  Node root(document, "plan");
  return PlanReader(root).read();
}

std::string describe(const Op &op) {
  std::string text = concat("op ", inQuotes(op.name));
  if (op.nodes.empty()) return text;
  text += op.nodes.size() == 1 ? " (node " : " (nodes ";
  for (size_t i = 0; i < op.nodes.size() && i < 6; ++i) text += concat(i ? ", " : "", inQuotes(op.nodes[i]));
  if (op.nodes.size() > 6) text += concat(" and ", op.nodes.size() - 6, " more");
  return text + ")";
}

} // namespace dlc::rt
