#include "runtime/vcuda/exec/decode/decoder.h"

#include "runtime/vcuda/exec/coverage.h"

#include <algorithm>
#include <bit>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;
using ptx::typeBytes;

//===----------------------------------------------------------------------===//
// Errors and modifiers
//===----------------------------------------------------------------------===//

bool Decoder::fail(std::string message) {
  if (errors.size() < 20) errors.push_back({statement ? statement->line : 0, std::move(message)});
  return false;
}

std::string Decoder::opcodeText() const {
  std::string text(statement->opcode);
  for (std::string_view m : statement->modifiers) text += "." + std::string(m);
  return text;
}

bool Decoder::take(std::string_view modifier) {
  if (Coverage *coverage = Coverage::get()) coverage->addKnown(statement->opcode, modifier);
  auto found = std::find(modifiers.begin(), modifiers.end(), modifier);
  if (found == modifiers.end()) return false;
  modifiers.erase(found);
  return true;
}

Type Decoder::takeType() {
  for (auto it = modifiers.begin(); it != modifiers.end(); ++it) {
    if (std::optional<Type> type = ptx::parseType(*it)) {
      modifiers.erase(it);
      return *type;
    }
  }
  return Type::None;
}

bool Decoder::modifiersDone() {
  if (modifiers.empty()) return true;
  return fail("modifier '." + std::string(modifiers.front()) + "' of '" + opcodeText() +
              "' is not supported");
}

uint32_t Decoder::takeMods(uint32_t allowed) {
  static constexpr std::pair<std::string_view, uint32_t> names[] = {
      {"ftz", ModFtz}, {"sat", ModSat}, {"approx", ModApprox}, {"NaN", ModNan}, {"relu", ModRelu}};
  uint32_t mods = 0;
  for (auto [name, bit] : names) {
    if ((allowed & bit) && take(name)) mods |= bit;
  }
  bool sizes = std::find(modifiers.begin(), modifiers.end(), "abs") != modifiers.end();
  if ((allowed & ModXorSign) && sizes && take("xorsign") && take("abs")) mods |= ModXorSign;
  if (allowed & ModRoundMask) {
    if (take("rz"))
      mods |= ModRz;
    else if (take("rm"))
      mods |= ModRm;
    else if (take("rp"))
      mods |= ModRp;
    else
      take("rn");
  }
  return mods;
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

Inst &Decoder::emit(Kind kind, Type type) {
  Inst &inst = code.instructions.emplace_back();
  inst.kind = kind;
  inst.type = type;
  inst.aux = uint32_t(code.operands.size());
  if (!statement) return inst;
  inst.line = statement->line;
  SourceLine source = {statement->file, statement->sourceLine, statement->inlinedBy};
  auto [found, inserted] =
      sourceIndex.try_emplace({source.file, source.line, source.inlinedBy}, uint32_t(code.sources.size()));
  if (inserted) code.sources.push_back(source);
  inst.source = found->second;
  if (statement->guard >= 0) {
    inst.guard = statement->guardNegated;
    bind(Field::Guard, uint32_t(statement->guard), Role::Use);
  }
  return inst;
}

bool Decoder::bind(Field field, uint32_t id, Role role) {
  references.push_back({uint32_t(code.instructions.size() - 1), 0, id, field, role});
  return true;
}

void Decoder::poolRaw(uint32_t value) {
  code.operands.push_back(value);
  ++last().count;
}

uint32_t Decoder::constantSlot(ConstantSlot slot) {
  codeFunction->constants.push_back(slot);
  Virtual v;
  v.width = slot.width;
  v.constant = int32_t(codeFunction->constants.size() - 1);
  virtuals.push_back(v);
  return uint32_t(virtuals.size() - 1);
}

uint32_t Decoder::constant(uint64_t value, unsigned width) {
  if (width == 0)
    value = value ? ~uint64_t(0) : 0; // a predicate
  else if (width < 8)
    value &= (uint64_t(1) << (width * 8)) - 1;
  auto [found, inserted] = literals.try_emplace({value, width}, 0);
  if (inserted) found->second = constantSlot({ConstantSlot::Literal, uint8_t(width), 0, value, 0});
  return found->second;
}

uint32_t Decoder::temporary(unsigned width) {
  Virtual v;
  v.width = uint8_t(width);
  virtuals.push_back(v);
  return uint32_t(virtuals.size() - 1);
}

unsigned Decoder::widthOf(const Operand &o) const {
  return o.kind == Operand::Reg ? virtuals[o.reg].width : 0;
}

std::optional<uint32_t> Decoder::symbolAddress(const Operand &o, unsigned width) {
  ConstantSlot slot;
  slot.width = uint8_t(width);
  slot.value = uint64_t(o.offset);
  switch (o.symbol.kind) {
  case Symbol::ModuleVariable: {
    const VariableInfo &variable = syntax.variables[o.symbol.index];
    if (variable.space == VariableInfo::Constant) {
      slot.value += variable.constantOffset;
    } else {
      slot.kind = ConstantSlot::GlobalAddress;
      slot.index = o.symbol.index;
    }
    break;
  }
  case Symbol::SharedVariable: {
    const ptx::Variable &variable = syntax.shared[o.symbol.index];
    if (variable.isExtern) {
      slot.kind = ConstantSlot::DynamicShared;
      slot.index = variable.alignment;
    } else {
      slot.value += sharedOffset[o.symbol.index];
    }
    break;
  }
  case Symbol::FrameVariable:
    slot.kind = ConstantSlot::FrameAddress;
    slot.value += function->frame[o.symbol.index].offset;
    break;
  case Symbol::KernelParameter:
    slot.value += syntax.kernels[size_t(function->kernelIndex)].parameters[o.symbol.index].offset;
    break;
  case Symbol::Function:
    slot.value += FunctionWindow + 16 * (uint64_t(o.symbol.index) + 1);
    break;
  case Symbol::None:
    return std::nullopt;
  }
  if (width < 4) return std::nullopt;
  if (slot.kind == ConstantSlot::Literal) return constant(slot.value, width);
  return constantSlot(slot);
}

static uint64_t floatLiteral(const Operand &o, Type type) {
  if (type == Type::F64)
    return o.kind == Operand::Single ? std::bit_cast<uint64_t>(double(std::bit_cast<float>(uint32_t(o.bits))))
                                     : o.bits;
  if (type == Type::F32 && o.kind == Operand::Double)
    return std::bit_cast<uint32_t>(float(std::bit_cast<double>(o.bits)));
  return o.bits;
}

std::optional<uint32_t> Decoder::virtualFor(const Operand &o, Type type, Role role, bool wider) {
  unsigned bytes = typeBytes(type);
  switch (o.kind) {
  case Operand::Reg: {
    if (o.second != -1 || (o.negated && role == Role::Def) || isWide(o) || o.minus || !o.part.empty())
      return std::nullopt;
    unsigned width = virtuals[o.reg].width;
    bool isPredicate = function->registers[o.reg].type == Type::Pred;
    if (isPredicate != (type == Type::Pred)) return std::nullopt;
    if (!isPredicate && width != bytes && !(wider && width > bytes) && !(bytes == 1 && width == 2))
      return std::nullopt;
    return o.reg;
  }
  case Operand::Sink:
    if (o.second != -1) return std::nullopt;
    return role == Role::Def ? std::optional(temporary(type == Type::Pred ? 0 : std::max(bytes, 2u)))
                             : std::nullopt;
  case Operand::Integer:
    if (role == Role::Def) return std::nullopt;
    if (type == Type::Pred) return constant(o.bits, 0);
    if (type == Type::F32) return constant(std::bit_cast<uint32_t>(float(int64_t(o.bits))), 4);
    if (type == Type::F64) return constant(std::bit_cast<uint64_t>(double(int64_t(o.bits))), 8);
    return constant(o.bits, std::max(bytes, 2u));
  case Operand::Single:
  case Operand::Double:
    if (role == Role::Def || bytes < 4) return std::nullopt;
    return constant(floatLiteral(o, type), bytes);
  case Operand::Special: // the one that is a constant
    if (role == Role::Def || o.text != "WARP_SZ" || type == Type::Pred) return std::nullopt;
    return constant(32, std::max(bytes, 2u));
  case Operand::Sym:
    return role == Role::Def ? std::nullopt : symbolAddress(o, bytes);
  default:
    return std::nullopt;
  }
}

bool Decoder::dst(const Operand &o, Type type) {
  std::optional<uint32_t> id = virtualFor(o, type, Role::Def, false);
  return id ? bind(Field::Dst, *id, Role::Def) : failOperands();
}

bool Decoder::src(Field field, const Operand &o, Type type) {
  if (o.kind == Operand::Reg && o.negated) return failOperands();
  std::optional<uint32_t> id = virtualFor(o, type, Role::Use, false);
  return id ? bind(field, *id, Role::Use) : failOperands();
}

bool Decoder::poolDst(const Operand &o, Type type, bool wider) {
  std::optional<uint32_t> id = virtualFor(o, type, Role::Def, wider);
  if (!id) return failOperands();
  references.push_back(
      {uint32_t(code.instructions.size() - 1), uint32_t(code.operands.size()), *id, Field::Pool, Role::Def});
  poolRaw(0);
  return true;
}

bool Decoder::poolSrc(const Operand &o, Type type, bool wider) {
  std::optional<uint32_t> id = virtualFor(o, type, Role::Use, wider);
  if (!id || o.negated) return failOperands();
  references.push_back(
      {uint32_t(code.instructions.size() - 1), uint32_t(code.operands.size()), *id, Field::Pool, Role::Use});
  poolRaw(0);
  return true;
}

/// `{a, b}` or, with count 1, also a lone operand.
bool Decoder::vectorOperand(const Operand &o, Type type, unsigned count, Role role) {
  auto add = [&](const Operand &e) {
    return role == Role::Def ? poolDst(e, type, true) : poolSrc(e, type, true);
  };
  if (o.kind != Operand::Vector) return count == 1 ? add(o) : failOperands();
  if (o.elements.size() != count) return failOperands();
  for (const Operand &e : o.elements) {
    if (!add(e)) return false;
  }
  return true;
}

bool Decoder::isWide(const Operand &o) const { return o.kind == Operand::Reg && upperHalf.count(o.reg); }

bool Decoder::wideOperand(const Operand &o, Role role, bool mayDiscard) {
  bool discards = mayDiscard && o.kind == Operand::Sink && o.second == -1;
  if (!discards && (!isWide(o) || o.negated)) return failOperands();
  for (bool upper : {false, true}) {
    uint32_t id = discards ? temporary(8) : upper ? upperHalf.at(o.reg) : o.reg;
    references.push_back(
        {uint32_t(code.instructions.size() - 1), uint32_t(code.operands.size()), id, Field::Pool, role});
    poolRaw(0);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void Decoder::startBlock() {
  const Statement *keep = statement;
  statement = nullptr;
  Inst &inst = emit(Kind::Block, Type::None);
  inst.line = keep ? keep->line : 0;
  inst.aux = uint32_t(code.blocks.size());
  code.blocks.push_back({uint32_t(code.instructions.size() - 1), 0});
  statement = keep;
}

/// For coverage: the instructions that a statement became have its form.
void Decoder::noteForm(size_t firstInstruction) {
  if (!Coverage::get()) return;
  if (code.forms.empty()) code.forms.push_back("");
  auto [found, inserted] = formIndex.try_emplace(opcodeText(), uint32_t(code.forms.size()));
  if (inserted) code.forms.push_back(found->first);
  code.formOf.resize(firstInstruction, 0);
  code.formOf.resize(code.instructions.size(), found->second);
}

void Decoder::decodeStatement(const Statement &s) {
  statement = &s;
  modifiers.assign(s.modifiers.begin(), s.modifiers.end());
  auto method = methods().find(s.opcode);
  if (method == methods().end()) {
    fail("instruction '" + std::string(s.opcode) + "' is not supported");
    return;
  }
  size_t before = errors.size(), first = code.instructions.size();
  if ((this->*method->second)())
    modifiersDone() && (noteForm(first), true);
  else if (errors.size() == before)
    failOperands();
}

static bool endsBlock(Kind kind) {
  return kind == Kind::Bra || kind == Kind::Brx || kind == Kind::Exit || kind == Kind::Ret ||
         kind == Kind::Trap;
}

void Decoder::decodeFunction(uint32_t index) {
  function = &syntax.functions[index];
  codeFunction = &code.functions[index];
  virtuals.clear();
  references.clear();
  literals.clear();
  for (const ptx::Register &reg : function->registers) {
    Virtual v;
    v.width = reg.type == Type::Pred ? 0 : uint8_t(std::clamp(typeBytes(reg.type), 2u, 8u));
    virtuals.push_back(v);
  }
  upperHalf.clear();
  for (uint32_t r = 0; r < function->registers.size(); ++r)
    if (function->registers[r].type == Type::B128) upperHalf[r] = temporary(8);
  firstInstruction = uint32_t(code.instructions.size());
  exitLabel = uint32_t(function->body.size());
  std::vector<bool> leader(function->body.size() + 1, false);
  leader[0] = true;
  for (int32_t label : function->labels) leader[size_t(label)] = true;
  statementStart.assign(function->body.size() + 1, 0);
  bool ended = true;
  for (size_t i = 0; i < function->body.size(); ++i) {
    statement = &function->body[i];
    statementStart[i] = uint32_t(code.instructions.size());
    if (leader[i] || ended) startBlock();
    size_t emitted = code.instructions.size();
    decodeStatement(function->body[i]);
    ended = code.instructions.size() > emitted && endsBlock(code.instructions.back().kind);
    if (errors.size() >= 20) return;
  }
  statementStart.back() = uint32_t(code.instructions.size());
  startBlock();
  statement = nullptr;
  emit(function->isKernel ? Kind::Exit : Kind::Ret, Type::None).line = function->line;
  if (!errors.empty()) return;
  resolveBranches(*function);
  setJoins(buildFlow());
  allocateSlots(*codeFunction);
  codeFunction->entry = firstInstruction;
}

void Decoder::resolveBranches(const ptx::Function &f) {
  auto target = [&](uint32_t label) {
    uint32_t s = label == NoOperand ? exitLabel : uint32_t(f.labels[label]);
    return statementStart[s];
  };
  for (uint32_t i = firstInstruction; i < code.instructions.size(); ++i) {
    Inst &inst = code.instructions[i];
    if (inst.kind == Kind::Bra) inst.imm = target(uint32_t(inst.imm));
    if (inst.kind != Kind::Brx) continue;
    std::vector<uint32_t> table;
    for (uint32_t label : f.branchTables[size_t(inst.imm)]) table.push_back(target(label));
    inst.imm = int64_t(code.branchTables.size());
    code.branchTables.push_back(std::move(table));
  }
}

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

/// Functions that `root` reaches, itself included. An indirect call may reach every device function.
static std::set<uint32_t> reachable(uint32_t root, const std::vector<std::set<uint32_t>> &calls,
                                    const std::vector<bool> &unknown) {
  std::set<uint32_t> seen = {root};
  std::vector<uint32_t> work = {root};
  auto add = [&](uint32_t f) {
    if (seen.insert(f).second) work.push_back(f);
  };
  while (!work.empty()) {
    uint32_t f = work.back();
    work.pop_back();
    for (uint32_t callee : calls[f]) add(callee);
    if (!unknown[f]) continue;
    for (uint32_t callee = 0; callee < calls.size(); ++callee) add(callee);
  }
  return seen;
}

/// A shared variable has one offset in all kernels that reach it; kernels with no variable in common use the
/// same bytes.
void Decoder::placeShared(std::vector<KernelInfo> &kernels) {
  sharedOffset.assign(syntax.shared.size(), 0);
  std::vector<std::vector<uint32_t>> usedBy(syntax.shared.size());
  auto visit = [&](const Operand &o, std::set<uint32_t> &shared, std::set<uint32_t> &callees,
                   auto &self) -> void {
    if (o.symbol.kind == Symbol::SharedVariable) shared.insert(o.symbol.index);
    if (o.symbol.kind == Symbol::Function) callees.insert(o.symbol.index);
    for (const Operand &e : o.elements) self(e, shared, callees, self);
  };
  size_t n = syntax.functions.size();
  sharedUses.assign(n, {});
  calls.assign(n, {});
  callsUnknown.assign(n, false);
  for (size_t f = 0; f < n; ++f) {
    for (const Statement &s : syntax.functions[f].body) {
      for (const Operand &o : s.operands) visit(o, sharedUses[f], calls[f], visit);
      if (s.opcode == "call") {
        callsUnknown[f] = callsUnknown[f] ||
                          std::none_of(s.operands.begin(), s.operands.end(),
                                       [](const Operand &o) { return o.symbol.kind == Symbol::Function; });
      }
    }
  }
  std::vector<uint64_t> bytes(kernels.size(), 0);
  for (size_t f = 0; f < n; ++f) {
    if (!syntax.functions[f].isKernel || !syntax.functions[f].hasBody) continue;
    for (uint32_t g : reachable(uint32_t(f), calls, callsUnknown)) {
      for (uint32_t v : sharedUses[g]) {
        auto &list = usedBy[v];
        uint32_t kernel = uint32_t(syntax.functions[f].kernelIndex);
        if (std::find(list.begin(), list.end(), kernel) == list.end()) list.push_back(kernel);
      }
    }
  }
  for (size_t v = 0; v < usedBy.size(); ++v) {
    const ptx::Variable &variable = syntax.shared[v];
    if (variable.isExtern) continue;
    uint64_t offset = 0;
    for (uint32_t kernel : usedBy[v]) offset = std::max(offset, bytes[kernel]);
    offset = (offset + variable.alignment - 1) / variable.alignment * variable.alignment;
    if (offset + variable.bytes > (1u << 24)) {
      statement = nullptr;
      fail("shared variable '" + variable.name + "' does not fit");
      return;
    }
    sharedOffset[v] = uint32_t(offset);
    for (uint32_t kernel : usedBy[v]) bytes[kernel] = offset + variable.bytes;
  }
  for (size_t k = 0; k < kernels.size(); ++k) kernels[k].staticSharedBytes = uint32_t(bytes[k]);
}

/// Local memory per thread: the longest chain of frames; a recursion gets 16 times the sum of all frames, and
/// alloca 16 KiB.
void Decoder::measureLocal(std::vector<KernelInfo> &kernels) {
  size_t n = code.functions.size();
  std::vector<int64_t> depth(n, -1);
  std::vector<bool> onPath(n, false);
  uint64_t all = 0;
  for (const CodeFunction &f : code.functions) all += f.frameBytes + 64;
  auto allocates = [&](uint32_t f) { return code.functions[f].allocates; };
  auto isOfHeap = [&](uint32_t f) {
    const SystemFunction *system =
        code.functions[f].hasBody ? nullptr : findSystemFunction(code.functions[f].name);
    return system && (system->builtin == Builtin::Malloc || system->builtin == Builtin::AlignedMalloc ||
                      system->builtin == Builtin::Free);
  };
  bool recursive = false;
  auto measure = [&](uint32_t f, unsigned level, auto &self) -> int64_t {
    if (depth[f] >= 0) return depth[f];
    if (onPath[f] || level > 1000) {
      recursive = true;
      return 0;
    }
    onPath[f] = true;
    int64_t below = 0;
    recursive = recursive || callsUnknown[f];
    for (uint32_t callee : calls[f]) below = std::max(below, self(callee, level + 1, self));
    onPath[f] = false;
    return depth[f] = below + code.functions[f].frameBytes + 64;
  };
  for (uint32_t f = 0; f < n; ++f) {
    if (!code.functions[f].isKernel) continue;
    recursive = false;
    std::fill(depth.begin(), depth.end(), -1);
    bool leaf = calls[f].empty() && !callsUnknown[f];
    uint64_t bytes = leaf ? code.functions[f].frameBytes : uint64_t(measure(f, 0, measure));
    if (recursive) bytes = std::min<uint64_t>(all * 16, 512 * 1024);
    std::set<uint32_t> reached = reachable(f, calls, callsUnknown);
    if (std::any_of(reached.begin(), reached.end(), allocates)) bytes += 16 * 1024;
    bool usesHeap = std::any_of(reached.begin(), reached.end(), isOfHeap);
    code.functions[f].localBytes = uint32_t(std::min<uint64_t>((bytes + 15) / 16 * 16, 512 * 1024));
    if (code.functions[f].kernelIndex < 0) continue;
    kernels[size_t(code.functions[f].kernelIndex)].localBytes = code.functions[f].localBytes;
    kernels[size_t(code.functions[f].kernelIndex)].usesHeap = usesHeap;
  }
}

void Decoder::run(std::vector<KernelInfo> &kernels) {
  code.files = syntax.files;
  code.isUnoptimised = syntax.isDebug;
  for (const auto &call : syntax.inlinedCalls)
    code.inlinedCalls.push_back({call.file, call.line, call.outer});
  if (Coverage *coverage = Coverage::get()) {
    for (const auto &[opcode, method] : methods()) coverage->addOpcode(opcode);
  }
  placeShared(kernels);
  code.functions.resize(syntax.functions.size());
  for (size_t f = 0; f < syntax.functions.size(); ++f) {
    const ptx::Function &from = syntax.functions[f];
    CodeFunction &to = code.functions[f];
    to.name = from.name;
    to.isKernel = from.isKernel;
    to.hasBody = from.hasBody;
    to.kernelIndex = from.kernelIndex;
    to.frameBytes = from.frameBytes;
    for (uint32_t v : from.parameters) {
      to.parameters.push_back(from.frame[v].offset);
      to.parameterBytes.push_back(uint32_t(from.frame[v].bytes));
    }
    for (uint32_t v : from.results) {
      to.results.push_back(from.frame[v].offset);
      to.resultBytes.push_back(uint32_t(from.frame[v].bytes));
    }
  }
  for (uint32_t f = 0; f < syntax.functions.size() && errors.size() < 20; ++f) {
    if (syntax.functions[f].hasBody) decodeFunction(f);
  }
  if (!errors.empty()) return;
  for (size_t b = 0; b < code.blocks.size(); ++b) {
    code.blocks[b].end =
        b + 1 < code.blocks.size() ? code.blocks[b + 1].first : uint32_t(code.instructions.size());
  }
  measureLocal(kernels);
}
