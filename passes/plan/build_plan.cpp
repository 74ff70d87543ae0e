#include "passes/plan/build_plan.h"
#include "passes/plan/pack_memory.h"

using namespace mlir;

namespace dlc::plan {

DimFacts symbolFacts(ModuleOp module) {
  DimFacts facts;
  for (auto &[name, range] : schedule::symbolRanges(module))
    facts.declare(name, {range.min, range.max}, range.multiple);
  return facts;
}

namespace {

/// A plan's dtype name for elements in memory; signedness is the model's, kept on arguments and results.
std::string dtypeName(Type element) {
  if (element.isInteger(1)) return "bool";
  if (auto integer = dyn_cast<IntegerType>(element)) return "i" + std::to_string(integer.getWidth());
  if (element.isF32()) return "f32";
  if (element.isF16()) return "f16";
  if (element.isBF16()) return "bf16";
  if (element.isF64()) return "f64";
  if (isa<Float8E4M3FNType>(element)) return "f8e4m3fn";
  if (isa<Float8E5M2Type>(element)) return "f8e5m2";
  return "";
}

std::vector<Dim> dimList(Value value) {
  auto dims = graph::dimsOf(value);
  return {dims.begin(), dims.end()};
}

void collectNodes(Location loc, std::vector<std::string> &nodes) {
  if (auto name = dyn_cast<NameLoc>(loc)) {
    std::string path = name.getName().str();
    if (llvm::find(nodes, path) == nodes.end()) nodes.push_back(path);
    collectNodes(name.getChildLoc(), nodes);
  } else if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location inner : fused.getLocations()) collectNodes(inner, nodes);
  }
}

class PlanBuilder {
public:
  PlanBuilder(GraphModule &model, ArrayRef<RegionSchedule> regions, std::string &error)
      : model(model), module(*model.module), regions(regions), error(error) {}

  std::optional<Plan> run() {
    main = module.lookupSymbol<func::FuncOp>("main");
    if (!main) return fail("the module has no function main");
    addSymbols();
    addGuards();
    addInputs();
    for (Operation &op : main.getBody().front())
      if (!one(&op)) return std::nullopt;
    if (!placeArena() || !addOutputs()) return std::nullopt;
    return std::move(plan);
  }

private:
  std::nullopt_t fail(const std::string &message) {
    error = message;
    return std::nullopt;
  }

  void addSymbols() {
    for (auto op : module.getOps<graph::SymbolOp>()) {
      Symbol symbol{op.getName().str(), int64_t(op.getMin()), int64_t(op.getMax()),
                    int64_t(op.getMultiple())};
      for (Attribute origin : op.getOrigins())
        symbol.origins.push_back(cast<StringAttr>(origin).getValue().str());
      findSource(symbol);
      if (!symbol.input.empty()) plan.symbols.push_back(std::move(symbol));
    }
  }

  // Dims that the import found must agree at run time.
  void addGuards() {
    auto guards = module->getAttrOfType<ArrayAttr>("graph.guards");
    if (!guards) return;
    for (auto guard : guards.getAsRange<DictionaryAttr>())
      plan.guards.push_back({guard.getAs<graph::DimsAttr>("lhs").getDims()[0],
                             guard.getAs<graph::DimsAttr>("rhs").getDims()[0],
                             guard.getAs<StringAttr>("message").getValue().str()});
  }

  // The first input dim that is scale * symbol + offset gives its value.
  void findSource(Symbol &symbol) {
    for (BlockArgument argument : main.getArguments())
      for (auto [d, dim] : llvm::enumerate(graph::dimsOf(argument))) {
        Dim scale = dim.substitute({{symbol.name, Dim(1)}}) - dim.substitute({{symbol.name, Dim(0)}});
        Dim offset = dim.substitute({{symbol.name, Dim(0)}});
        if (!scale.isConstant() || !offset.isConstant() || *scale.constantValue() < 1) continue;
        if (!(Dim::symbol(symbol.name) * scale + offset == dim)) continue;
        symbol.input = portName(argument);
        symbol.dim = int64_t(d), symbol.scale = *scale.constantValue(),
        symbol.offset = *offset.constantValue();
        return;
      }
  }

  std::string portName(BlockArgument argument) {
    auto name = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "graph.name");
    return name ? name.getValue().str() : "arg" + std::to_string(argument.getArgNumber());
  }

  // Integers are signless in the IR; the model's sign stands on arguments and results.
  static std::string portType(DictionaryAttr attributes, Type element) {
    std::string name = dtypeName(element);
    if (attributes && attributes.contains("graph.unsigned") && name[0] == 'i') name[0] = 'u';
    return name;
  }

  std::string uniqueName(std::string name) {
    std::string base = name;
    for (int k = 1; !names.insert(name).second; ++k) name = base + "." + std::to_string(k);
    return name;
  }

  void addInputs() {
    for (BlockArgument argument : main.getArguments()) {
      Type element = graph::elementTypeOf(argument);
      std::string name = portName(argument), buffer = uniqueName(name);
      std::string type = portType(main.getArgAttrDict(argument.getArgNumber()), element);
      plan.inputs.push_back({name, type, dimList(argument), buffer});
      plan.buffers.push_back({buffer, type, dimList(argument), Buffer::Base::Input, name});
      bufferOf[argument] = int(plan.buffers.size()) - 1;
    }
  }

  bool one(Operation *op) {
    if (auto constant = dyn_cast<graph::ConstantOp>(op)) return addConstant(constant);
    if (auto region = dyn_cast<graph::RegionOp>(op)) return addRegion(region);
    if (isa<func::ReturnOp>(op)) return true;
    fail(("op outside of a region: " + op->getName().getStringRef()).str());
    return false;
  }

  bool addConstant(graph::ConstantOp op) {
    std::string weight;
    if (auto reference = dyn_cast<graph::WeightAttr>(op.getValue())) {
      weight = reference.getName().str();
      if (!model.weights.find(weight)) {
        fail("no weight named '" + weight + "'");
        return false;
      }
    } else {
      weight = addInline(cast<DenseElementsAttr>(op.getValue()));
    }
    auto [at, isNew] = weightBuffers.try_emplace(weight, 0);
    if (isNew) {
      const WeightsTable::Entry &entry = *model.weights.find(weight);
      std::string type = dtypeName(mlirType(entry.dtype, op.getContext()));
      plan.weights.push_back({weight, type, {entry.dims.begin(), entry.dims.end()}});
      plan.buffers.push_back({uniqueName(weight), type, dimList(op), Buffer::Base::Weight, weight});
      at->second = int(plan.buffers.size()) - 1;
    }
    bufferOf[op] = at->second;
    return true;
  }

  // A few elements that stood in the IR, as a weight of their own.
  std::string addInline(DenseElementsAttr dense) {
    Type element = dense.getElementType();
    std::vector<char> bytes;
    auto put = [&](APInt bits) {
      unsigned size = std::max(1u, bits.getBitWidth() / 8);
      uint64_t word = bits.getZExtValue();
      for (unsigned i = 0; i < size; ++i) bytes.push_back(char(word >> (8 * i)));
    };
    if (isa<FloatType>(element))
      for (APFloat value : dense.getValues<APFloat>()) put(value.bitcastToAPInt());
    else
      for (APInt value : dense.getValues<APInt>()) put(value);
    std::string name = model.weights.freeName("constant");
    auto shape = cast<RankedTensorType>(dense.getType()).getShape();
    llvm::cantFail(model.weights.addBytes(name, *dtypeOf(element), shape, std::move(bytes)));
    return name;
  }

  bool addRegion(graph::RegionOp region) {
    const RegionSchedule *entry =
        llvm::find_if(regions, [&](const RegionSchedule &r) { return r.region == region; });
    if (entry == regions.end()) {
      fail("region '" + region.getName().str() + "' has no schedule");
      return false;
    }
    int index = int(plan.ops.size());
    Op op;
    op.name = uniqueOp(region.getName().str());
    collectNodes(region.getLoc(), op.nodes);
    std::set<int> deps;
    for (Value operand : region.getOperands()) {
      int buffer = bufferOf.lookup(operand);
      use(buffer, index, deps);
      op.operands.push_back(plan.buffers[buffer].name);
    }
    for (auto [i, result] : llvm::enumerate(region.getResults())) {
      std::string name = uniqueName(op.name + (region.getNumResults() > 1 ? "." + std::to_string(i) : ""));
      Type element = graph::elementTypeOf(result);
      plan.buffers.push_back({name, dtypeName(element), dimList(result), Buffer::Base::Arena, ""});
      int buffer = int(plan.buffers.size()) - 1;
      bufferOf[result] = buffer;
      writer[buffer] = index;
      plan.buffers[buffer].first = plan.buffers[buffer].last = index;
      op.results.push_back(name);
    }
    op.deps.assign(deps.begin(), deps.end());
    for (const schedule::Workspace &workspace : entry->scheduled->workspaces)
      addScratch(workspace.bytes.substitute(modelNames(*entry)), workspace.zeroed, op, index);
    for (const schedule::Variant &variant : entry->scheduled->variants)
      op.variants.push_back(translate(*entry, variant, op));
    plan.ops.push_back(std::move(op));
    return true;
  }

  // Memory of one op: a part of the arena while it runs, or a part of the zeroed memory for good, as another
  // op may run at the same time.
  void addScratch(const Dim &bytes, bool zeroed, Op &op, int index) {
    std::string name =
        uniqueName(op.name + (zeroed ? ".zeroed" : ".scratch") + std::to_string(op.scratch.size()));
    plan.buffers.push_back(
        {name, "u8", {bytes}, zeroed ? Buffer::Base::Zeroed : Buffer::Base::Arena, "", Dim(0), index, index});
    Buffer &buffer = plan.buffers.back();
    if (zeroed) {
      buffer.offset = plan.zeroedBytes;
      plan.zeroedBytes = plan.zeroedBytes + ceilDiv(bytes, Dim(256)) * 256;
    }
    writer[int(plan.buffers.size()) - 1] = index;
    op.scratch.push_back(name);
  }

  std::string uniqueOp(std::string name) {
    for (char &c : name)
      if (!isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') c = '_';
    std::string base = name;
    for (int k = 1; !opNames.insert(name).second; ++k) name = base + "." + std::to_string(k);
    return name;
  }

  void use(int buffer, int op, std::set<int> &deps) {
    Buffer &b = plan.buffers[buffer];
    if (auto at = writer.find(buffer); at != writer.end()) {
      deps.insert(at->second);
      b.last = std::max(b.last, op);
      readers[buffer].push_back(op);
    }
  }

  // The names that a schedule's D0, D1, ... have in the model.
  static std::map<std::string, Dim> modelNames(const RegionSchedule &entry) {
    std::map<std::string, Dim> names;
    for (auto [k, symbol] : llvm::enumerate(entry.symbols))
      names["D" + std::to_string(k)] = Dim::symbol(symbol);
    return names;
  }

  Variant translate(const RegionSchedule &entry, const schedule::Variant &from, const Op &op) {
    std::map<std::string, Dim> names = modelNames(entry);
    Variant result;
    result.schedule = from.schedule;
    for (const Dim &condition : from.when) result.when.push_back(condition.substitute(names));
    for (const schedule::Launch &launch : from.launches) {
      Launch l;
      l.kernel = launch.kernel;
      for (const Dim &extent : launch.grid) l.grid.push_back(extent.substitute(names));
      l.threads = launch.warps * 32;
      l.sharedBytes = launch.sharedBytes.substitute(names);
      for (const schedule::Param &param : launch.params) {
        switch (param.kind) {
        case schedule::Param::Kind::Operand:
          l.args.push_back({Arg::Kind::Pointer, op.operands[param.index], {}});
          break;
        case schedule::Param::Kind::Result:
          l.args.push_back({Arg::Kind::Pointer, op.results[param.index], {}});
          break;
        case schedule::Param::Kind::Workspace:
          l.args.push_back({Arg::Kind::Pointer, op.scratch[param.index], {}});
          break;
        case schedule::Param::Kind::Dim:
          l.args.push_back({Arg::Kind::Dim, "", param.expr.substitute(names), int(launch.indexBits)});
          break;
        case schedule::Param::Kind::Magic:
          l.args.push_back({Arg::Kind::Magic, "", param.expr.substitute(names)});
          break;
        }
      }
      result.launches.push_back(std::move(l));
    }
    return result;
  }

  bool addOutputs() {
    auto ret = cast<func::ReturnOp>(main.getBody().front().getTerminator());
    for (auto [i, value] : llvm::enumerate(ret.getOperands())) {
      auto attributes = main.getResultAttrDict(i);
      auto given = attributes ? attributes.getAs<StringAttr>("graph.name") : StringAttr();
      std::string name = given ? given.getValue().str() : "result" + std::to_string(i);
      Buffer &buffer = plan.buffers[bufferOf.lookup(value)];
      std::string type = portType(attributes, graph::elementTypeOf(value));
      plan.outputs.push_back({name, type, dimList(value), buffer.name});
      if (buffer.base == Buffer::Base::Output && buffer.baseName.empty()) {
        buffer.baseName = name;
        buffer.dtype = type;
      }
    }
    return true;
  }

  // Results of the model are written where the caller wants them; everything else that an op writes lives in
  // the arena.
  bool placeArena() {
    auto ret = cast<func::ReturnOp>(main.getBody().front().getTerminator());
    for (Value value : ret.getOperands()) {
      Buffer &buffer = plan.buffers[bufferOf.lookup(value)];
      if (buffer.base == Buffer::Base::Arena) buffer.base = Buffer::Base::Output;
    }
    DimFacts facts = symbolFacts(module);
    std::vector<Placed> placed;
    std::vector<int> which;
    for (auto [i, buffer] : llvm::enumerate(plan.buffers)) {
      if (buffer.base != Buffer::Base::Arena) continue;
      placed.push_back({bytesOf(buffer), buffer.first, buffer.last, {}, {}});
      which.push_back(int(i));
    }
    plan.arenaBytes = packMemory(placed, facts);
    for (size_t k = 0; k < placed.size(); ++k) {
      plan.buffers[which[k]].offset = placed[k].offset;
      // Memory is taken over only after its last reader (and writer).
      for (int earlier : placed[k].reuses) {
        int old = which[earlier];
        Op &op = plan.ops[writer[which[k]]];
        std::set<int> deps(op.deps.begin(), op.deps.end());
        deps.insert(readers[old].begin(), readers[old].end());
        deps.insert(writer[old]);
        deps.erase(writer[which[k]]);
        op.deps.assign(deps.begin(), deps.end());
      }
    }
    return true;
  }

  static Dim bytesOf(const Buffer &buffer) {
    int64_t size = buffer.dtype == "bool" ? 1 : 0;
    if (!size) {
      std::string digits;
      for (char c : buffer.dtype)
        if (isdigit(static_cast<unsigned char>(c)) && (digits.size() < 2)) digits += c;
      size = buffer.dtype.rfind("f8", 0) == 0 ? 1 : std::stoll(digits) / 8;
    }
    Dim count(size);
    for (const Dim &dim : buffer.dims) count = count * dim;
    return count;
  }

  GraphModule &model;
  ModuleOp module;
  ArrayRef<RegionSchedule> regions;
  std::string &error;
  func::FuncOp main;
  Plan plan;
  llvm::DenseMap<Value, int> bufferOf;
  std::map<std::string, int> weightBuffers;
  std::map<int, int> writer;
  std::map<int, std::vector<int>> readers;
  std::set<std::string> names, opNames;
};

} // namespace

std::optional<Plan> buildPlan(GraphModule &model, ArrayRef<RegionSchedule> regions, std::string &error) {
  return PlanBuilder(model, regions, error).run();
}

} // namespace dlc::plan
