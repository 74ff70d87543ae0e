// Loads, stores, atomics, addresses, matrix loads and asynchronous copies (PTX ISA 9.7.9).
#include "runtime/vcuda/exec/decode/decoder.h"

#include <algorithm>
#include <bit>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;
using ptx::typeBytes;

bool Decoder::takeSpace(Space &space, std::initializer_list<Space> allowed) {
  static constexpr std::pair<std::string_view, Space> names[] = {
      {"global", Space::Global},      {"shared", Space::Shared},    {"shared::cta", Space::Shared},
      {"local", Space::Local},        {"const", Space::Constant},   {"param", Space::Param},
      {"param::entry", Space::Param}, {"param::func", Space::Param}};
  for (auto [name, value] : names) {
    if (statement->opcode == "st" && name == "param::entry") continue; // nobody stores there
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end() && take(name)) {
      space = value;
      return true;
    }
  }
  space = Space::Generic;
  return false;
}

void Decoder::takeCacheHints(std::initializer_list<std::string_view> operators) {
  static constexpr std::string_view hints[] = {
      "L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last",
      "L1::no_allocate",  "L2::cache_hint",      "L2::64B",         "L2::128B",
      "L2::256B"};
  for (std::string_view name : operators) take(name);
  for (std::string_view hint : hints) std::erase(modifiers, hint);
}

std::optional<uint32_t> Decoder::takeScope() {
  for (std::string_view narrow : {"cta", "cluster"})
    if (take(narrow)) return uint32_t(ModCtaScope);
  for (std::string_view wide : {"gpu", "sys"})
    if (take(wide)) return 0u;
  return std::nullopt;
}

/// The checks keep records for pieces of memory that no access covers in part.
void Decoder::noteAccess(Space space, uint32_t bytes) {
  if (space == Space::Shared || space == Space::Generic)
    code.smallestSharedAccess = std::min(code.smallestSharedAccess, bytes);
  if (space == Space::Global || space == Space::Generic)
    code.smallestGlobalAccess = std::min(code.smallestGlobalAccess, bytes);
}

/// Binds field A and Inst::imm. Parameters of device functions and of calls live in the frame, in local
/// memory.
bool Decoder::address(const Operand &o, Space &space) {
  if (o.kind != Operand::Address) return failOperands();
  bool frame = o.symbol.kind == Symbol::FrameVariable || (o.hasReg && !function->isKernel);
  if (space == Space::Param && frame) space = Space::Local;
  last().space = space;
  last().width2 = 8;
  if (o.hasReg) {
    unsigned width = upperHalf.count(o.reg) ? 16 : virtuals[o.reg].width;
    bool narrowOk = space != Space::Generic && space != Space::Global;
    if (width != 8 && !(width == 4 && narrowOk))
      return fail("address register of '" + opcodeText() + "' has the wrong width");
    last().width2 = uint8_t(width);
    last().imm = o.offset;
    return bind(Field::A, o.reg, Role::Use);
  }
  if (o.symbol.kind == Symbol::None) return bind(Field::A, constant(uint64_t(o.offset), 8), Role::Use);
  bool matches = false;
  switch (o.symbol.kind) {
  case Symbol::ModuleVariable: {
    bool isConstant = syntax.variables[o.symbol.index].space == VariableInfo::Constant;
    matches = isConstant ? space == Space::Constant : space == Space::Global || space == Space::Generic;
    break;
  }
  case Symbol::SharedVariable:
    matches = space == Space::Shared;
    break;
  case Symbol::FrameVariable:
    matches = space == Space::Local;
    break;
  case Symbol::KernelParameter:
    matches = space == Space::Param;
    break;
  default:
    break;
  }
  if (!matches)
    return fail("'" + std::string(o.text) + "' is not in the state space of '" + opcodeText() + "'");
  return bind(Field::A, *symbolAddress(o, 8), Role::Use);
}

namespace {

/// The memory model's words on a load or store; `strong` ones may be waited for by a loop.
struct Semantics {
  bool strong = false, valid = true;
};

bool dataType(Type type) {
  return type != Type::None && type != Type::Pred && type != Type::B128 && type != Type::F16x2 &&
         type != Type::BF16x2 && type < Type::TF32;
}

/// Vectors of atomics are for small floats in global memory, and only they have a minimum and maximum of
/// halves. 128 bits are exchanged and compared. What another scalar may be, its handler knows.
bool atomTypes(AtomOp op, Type type, unsigned count, Space space) {
  bool extremum = op == AtomOp::Min || op == AtomOp::Max;
  bool half = type == Type::F16 || type == Type::BF16, pair = type == Type::F16x2 || type == Type::BF16x2;
  if (type == Type::B128) return count == 1 && (op == AtomOp::Exch || op == AtomOp::Cas);
  if (count == 1) return !(extremum && (half || pair));
  if (space == Space::Shared) return false;
  bool fits = half || (count < 8 && (pair || type == Type::F32));
  return fits && (op == AtomOp::Add || (extremum && type != Type::F32));
}

} // namespace

/// B is no slot but the bytes that the program uses of what it loads, one bit each; NoOperand is all of them.
bool Decoder::load() {
  bool strong = false, acquire = false, nc = true;
  uint32_t scope = 0;
  Space space;
  if (statement->opcode == "ldu") {
    takeSpace(space, {Space::Global});
  } else {
    for (std::string_view word : {"volatile", "mmio", "relaxed"}) strong = take(word) || strong;
    if (take("acquire")) strong = acquire = true;
    take("weak");
    scope = takeScope().value_or(0);
    takeSpace(space, {Space::Global, Space::Shared, Space::Local, Space::Constant, Space::Param});
    nc = take("nc");
    takeCacheHints({"ca", "cg", "cs", "lu", "cv"});
  }
  unsigned count = take("v2") ? 2 : take("v4") ? 4 : 1;
  Type type = takeType();
  bool wide = type == Type::B128 && count == 1;
  if (wide) type = Type::B64, count = 2;
  if (!dataType(type) || typeBytes(type) * count > 16) return fail("'" + opcodeText() + "' is not supported");
  if (operandCount() != 2 && operandCount() != 3) return failOperands();
  Inst &inst = emit(Kind::Ld, type);
  inst.mods = (strong ? ModVolatile : 0) | (acquire ? ModAcquire : 0) | (nc ? ModNonCoherent : 0) | scope;
  inst.b = statement->usedBytes;
  if (!address(operand(1), space)) return false;
  if (wide) {
    last().width = 8;
    noteAccess(space, 16);
    return wideOperand(operand(0), Role::Def);
  }
  if (!vectorOperand(operand(0), type, count, Role::Def)) return false;
  const Operand &first = operand(0).kind == Operand::Vector ? operand(0).elements[0] : operand(0);
  unsigned width = std::max(2u, typeBytes(type));
  auto widen = [&](const Operand &o) { width = std::max(width, widthOf(o)); };
  widen(first);
  if (operand(0).kind == Operand::Vector) {
    for (const Operand &e : operand(0).elements) widen(e);
    for (const Operand &e : operand(0).elements) {
      if (e.kind == Operand::Reg && widthOf(e) != width) return failOperands();
    }
  }
  last().width = uint8_t(width);
  noteAccess(space, typeBytes(type) * count);
  return true;
}

bool Decoder::store() {
  bool release = take("release"), strong = release;
  for (std::string_view word : {"volatile", "mmio", "relaxed"}) strong = take(word) || strong;
  take("weak");
  uint32_t scope = takeScope().value_or(0);
  Space space;
  takeSpace(space, {Space::Global, Space::Shared, Space::Local, Space::Param});
  if (std::find(modifiers.begin(), modifiers.end(), "const") != modifiers.end())
    return fail("constant memory cannot be stored to");
  takeCacheHints({"wb", "cg", "cs", "wt"});
  unsigned count = take("v2") ? 2 : take("v4") ? 4 : 1;
  Type type = takeType();
  bool wide = type == Type::B128 && count == 1;
  if (wide) type = Type::B64, count = 2;
  if (!dataType(type) || typeBytes(type) * count > 16) return fail("'" + opcodeText() + "' is not supported");
  if (operandCount() != 2 && operandCount() != 3) return failOperands();
  emit(Kind::St, type).mods = (strong ? ModVolatile : 0) | (release ? ModRelease : 0) | scope;
  if (!address(operand(0), space)) return false;
  if (space == Space::Param) return fail("kernel parameters cannot be stored to");
  if (wide) {
    last().width = 8;
    noteAccess(space, 16);
    return wideOperand(operand(1), Role::Use);
  }
  if (!vectorOperand(operand(1), type, count, Role::Use)) return false;
  unsigned width = 0;
  auto check = [&](const Operand &e) {
    unsigned w = e.kind == Operand::Reg ? widthOf(e) : std::max(2u, typeBytes(type));
    if (width != 0 && w != width) return false;
    width = w;
    return true;
  };
  bool ok = true;
  if (operand(1).kind == Operand::Vector) {
    for (const Operand &e : operand(1).elements) ok = check(e) && ok;
  } else {
    ok = check(operand(1));
  }
  last().width = uint8_t(width);
  noteAccess(space, typeBytes(type) * count);
  return ok || failOperands();
}

/// atom and red: operation in bits 16-19. Vectors have their registers in the pool.
bool Decoder::atom() {
  static constexpr std::pair<std::string_view, AtomOp> names[] = {
      {"exch", AtomOp::Exch}, {"cas", AtomOp::Cas}, {"add", AtomOp::Add}, {"inc", AtomOp::Inc},
      {"dec", AtomOp::Dec},   {"min", AtomOp::Min}, {"max", AtomOp::Max}, {"and", AtomOp::And},
      {"or", AtomOp::Or},     {"xor", AtomOp::Xor}};
  bool returns = statement->opcode == "atom";
  uint32_t order = 0;
  if (take("acquire")) order = ModAcquire;
  if (take("release")) order = ModRelease;
  if (take("acq_rel")) order = ModAcquire | ModRelease;
  take("relaxed");
  order |= takeScope().value_or(0);
  Space space;
  takeSpace(space, {Space::Global, Space::Shared});
  bool hinted = space != Space::Shared && take("L2::cache_hint");
  take("noftz");
  std::optional<AtomOp> op;
  for (auto [name, value] : names) {
    bool reduces = value != AtomOp::Exch && value != AtomOp::Cas;
    if (!op && (returns || reduces) && take(name)) op = value;
  }
  unsigned count = take("v2") ? 2 : take("v4") ? 4 : take("v8") ? 8 : 1;
  Type type = takeType();
  if (!op || !atomTypes(*op, type, count, space)) return fail("'" + opcodeText() + "' is not supported");
  bool cas = *op == AtomOp::Cas;
  if (cas && hinted) return fail("'" + opcodeText() + "' is not supported");
  size_t sources = cas ? 2 : 1, shift = returns ? 1 : 0;
  if (operandCount() != 1 + sources + shift + hinted) return failOperands();
  Inst &inst = emit(returns ? Kind::Atom : Kind::Red, type);
  inst.mods = uint32_t(*op) << ModKindShift | order | (returns ? ModReturns : 0);
  inst.width = uint8_t(typeBytes(type));
  if (!address(operand(shift), space)) return false;
  noteAccess(space, typeBytes(type));
  if (type == Type::B128) // the pool: halves of the destination, then of the sources
    return wideOperand(operand(0), Role::Def, true) && wideOperand(operand(2), Role::Use) &&
           (!cas || wideOperand(operand(3), Role::Use));
  if (count > 1) // the pool: destinations, then sources
    return (!returns || vectorOperand(operand(0), type, count, Role::Def)) &&
           vectorOperand(operand(shift + 1), type, count, Role::Use);
  return (!returns || dst(operand(0), type)) && src(Field::B, operand(shift + 1), type) &&
         (!cas || src(Field::C, operand(shift + 2), type));
}

bool Decoder::cvta() {
  bool to = take("to");
  Space space;
  if (!takeSpace(space, {Space::Global, Space::Shared, Space::Local, Space::Constant, Space::Param}))
    return failOperands();
  Type type = takeType();
  if (type != Type::U64 || operandCount() != 2) return fail("'" + opcodeText() + "' is not supported");
  const Operand &from = operand(1);
  if (space == Space::Param && (!function->isKernel || from.symbol.kind == Symbol::FrameVariable))
    space = Space::Local;
  emit(to ? Kind::FromGeneric : Kind::ToGeneric, type).space = space;
  return dst(operand(0), type) && src(Field::A, from, type);
}

bool Decoder::isspace() {
  Space space;
  if (!takeSpace(space, {Space::Global, Space::Shared, Space::Local, Space::Constant, Space::Param}) ||
      operandCount() != 2)
    return failOperands();
  emit(Kind::IsSpace, Type::Pred).space = space;
  return dst(operand(0), Type::Pred) && src(Field::A, operand(1), Type::U64);
}

bool Decoder::ldmatrix() {
  if (!take("sync") || !take("aligned") || !take("m8n8"))
    return fail("'" + opcodeText() + "' is not supported");
  unsigned count = take("x4") ? 4 : take("x2") ? 2 : take("x1") ? 1 : 0;
  bool trans = take("trans");
  Space space;
  takeSpace(space, {Space::Shared});
  if (count == 0 || takeType() != Type::B16 || operandCount() != 2) return failOperands();
  Inst &inst = emit(Kind::LdMatrix, Type::B32);
  inst.mods = ModAligned | (trans ? 1u << ModKindShift : 0);
  return address(operand(1), space) && vectorOperand(operand(0), Type::B32, count, Role::Def);
}

bool Decoder::stmatrix() {
  if (!take("sync") || !take("aligned") || !take("m8n8"))
    return fail("'" + opcodeText() + "' is not supported");
  unsigned count = take("x4") ? 4 : take("x2") ? 2 : take("x1") ? 1 : 0;
  bool trans = take("trans");
  Space space;
  takeSpace(space, {Space::Shared});
  if (count == 0 || takeType() != Type::B16 || operandCount() != 2) return failOperands();
  Inst &inst = emit(Kind::StMatrix, Type::B32);
  inst.mods = ModAligned | (trans ? 1u << ModKindShift : 0);
  noteAccess(Space::Shared, trans ? 2u : 4u);
  return address(operand(0), space) && vectorOperand(operand(1), Type::B32, count, Role::Use);
}

/// cp.async: A = shared address, B = global address (offset in Inst::aux's first pool entries), bytes in
/// count of Inst::width, C = source bytes. The offsets stand in the pool: [0] shared, [1] global low, [2]
/// global high.
bool Decoder::cpAsync() {
  take("async");
  if (take("mbarrier")) return asyncArrive();
  if (take("commit_group")) {
    emit(Kind::CpAsyncCommit, Type::None);
    return operandCount() == 0 || failOperands();
  }
  bool all = take("wait_all");
  if (all || take("wait_group")) {
    if (operandCount() != (all ? 0u : 1u) || (!all && operand(0).kind != Operand::Integer))
      return failOperands();
    Inst &inst = emit(Kind::CpAsyncWait, Type::None);
    inst.mods = all ? 1u << ModKindShift : 0;
    inst.imm = all ? 0 : int64_t(std::min<uint64_t>(operand(0).bits, 1u << 20));
    return true;
  }
  bool ca = take("ca");
  if (!ca && !take("cg")) return fail("'" + opcodeText() + "' is not supported");
  if ((!take("shared") && !take("shared::cta")) || !take("global")) return failOperands();
  takeCacheHints();
  if (operandCount() < 3 || operandCount() > 5 || operand(2).kind != Operand::Integer) return failOperands();
  uint64_t bytes = operand(2).bits;
  if (bytes != 16 && !(ca && (bytes == 4 || bytes == 8)))
    return fail("'" + opcodeText() + "' cannot copy " + std::to_string(bytes) + " bytes");
  emit(Kind::CpAsync, Type::None);
  const Operand &to = operand(0), &from = operand(1);
  Space shared = Space::Shared, global = Space::Global;
  if (!address(from, global)) return false;
  // The first address moves to field B.
  references.back().field = Field::B;
  int64_t offset = last().imm;
  last().imm = 0;
  if (!address(to, shared)) return false;
  last().width = uint8_t(bytes);
  poolRaw(uint32_t(uint64_t(offset)));
  poolRaw(uint32_t(uint64_t(offset) >> 32));
  noteAccess(Space::Shared, uint32_t(bytes)); // its reads of global memory may cover cells in part
  if (operandCount() == 3) return true;
  const Operand &size = operand(3);
  bool predicate = size.kind == Operand::Reg && function->registers[size.reg].type == Type::Pred;
  bool policy = size.kind == Operand::Reg && widthOf(size) == 8;
  if (policy) return operandCount() == 4 || failOperands();
  if (predicate) last().mods |= 1u << ModKindShift;
  return src(Field::C, size, predicate ? Type::Pred : Type::U32);
}

/// Prefetches and cache hints have no effect on results; their addresses need not be valid.
bool Decoder::prefetch() {
  std::string_view op = statement->opcode;
  bool global = op != "prefetchu" && take("global"), local = !global && op == "prefetch" && take("local");
  bool known = op == "prefetchu" ? take("L1") : op == "prefetch" && (take("L1") || take("L2"));
  if (!known && op == "prefetch") known = !local && (take("L2::evict_last") || take("L2::evict_normal"));
  if (op == "applypriority") known = take("L2::evict_normal");
  if (!known) return fail("'" + opcodeText() + "' is not supported");
  emit(Kind::Nop, Type::None);
  bool sized = op == "applypriority";
  if (operandCount() != (sized ? 2u : 1u) || operand(0).kind != Operand::Address) return failOperands();
  return !sized || (operand(1).kind == Operand::Integer && operand(1).bits == 128) || failOperands();
}

/// Of a policy: how long what it is meant for stays, and then the rest.
bool Decoder::takePriorities() {
  std::vector<std::string_view> named;
  std::copy_if(modifiers.begin(), modifiers.end(), std::back_inserter(named),
               [](std::string_view m) { return m.starts_with("L2::evict_"); });
  for (std::string_view name :
       {"L2::evict_last", "L2::evict_normal", "L2::evict_first", "L2::evict_unchanged"}) {
    while (take(name)) {}
  }
  bool restOk = named.size() == 1 ||
                (named.size() == 2 && (named[1] == "L2::evict_first" || named[1] == "L2::evict_unchanged"));
  return restOk || fail("'" + opcodeText() + "' is not supported");
}

/// createpolicy.fractional d [, share]; .range d, [a], bytes, all bytes; .cvt.L2 d, number. A policy is
/// opaque.
bool Decoder::createPolicy() {
  bool fractional = take("fractional"), range = !fractional && take("range");
  bool converts = !fractional && !range && take("cvt") && take("L2");
  if (!fractional && !range && !converts) return failOperands();
  if (range) take("global");
  if (!converts && !takePriorities()) return false;
  size_t n = operandCount();
  if (takeType() != Type::B64 || n < 1) return failOperands();
  bool ok = converts ? n == 2 : range ? n == 4 && operand(1).kind == Operand::Address : n <= 2;
  auto isNumber = [&](const Operand &o, unsigned width) {
    return o.kind == Operand::Integer || (o.kind == Operand::Reg && widthOf(o) == width);
  };
  if (converts) ok = ok && isNumber(operand(1), 8);
  if (range) ok = ok && isNumber(operand(2), 4) && isNumber(operand(3), 4);
  if (fractional && n == 2) { // in (0, 1]
    const Operand &share = operand(1);
    double value = share.kind == Operand::Single ? std::bit_cast<float>(uint32_t(share.bits))
                                                 : std::bit_cast<double>(share.bits);
    bool literal = share.kind == Operand::Single || share.kind == Operand::Double;
    ok = literal ? value > 0 && value <= 1 : share.kind == Operand::Reg && widthOf(share) == 4;
  }
  if (!ok) return failOperands();
  emit(Kind::Mov, Type::B64);
  return dst(operand(0), Type::B64) && bind(Field::A, constant(0, 8), Role::Use);
}

/// alloca.type d, size [, alignment]; stacksave.type d; stackrestore.type a
bool Decoder::stack() {
  std::string_view op = statement->opcode;
  Type type = takeType();
  if (type != Type::U32 && type != Type::U64) return failOperands();
  Inst &inst = emit(op == "alloca"      ? Kind::Alloca
                    : op == "stacksave" ? Kind::StackSave
                                        : Kind::StackRestore,
                    type);
  inst.width = uint8_t(typeBytes(type));
  if (op == "stacksave") return operandCount() == 1 && dst(operand(0), type);
  if (op == "stackrestore") return operandCount() == 1 && src(Field::A, operand(0), type);
  if (operandCount() != 2 && operandCount() != 3) return failOperands();
  inst.imm = 16;
  if (operandCount() == 3) {
    uint64_t alignment = operand(2).bits;
    if (operand(2).kind != Operand::Integer || !std::has_single_bit(alignment) || alignment > 64)
      return failOperands();
    inst.imm = int64_t(std::max<uint64_t>(alignment, 16));
  }
  code.functions[size_t(function - syntax.functions.data())].allocates = true;
  return dst(operand(0), type) && src(Field::A, operand(1), type);
}

/// discard[.global].L2 [a], 128: the bytes are written, and nobody knows with what.
bool Decoder::discard() {
  Space space;
  takeSpace(space, {Space::Global});
  if (!take("L2") || operandCount() != 2 || operand(1).kind != Operand::Integer || operand(1).bits != 128)
    return failOperands();
  emit(Kind::Discard, Type::None);
  noteAccess(Space::Global, 16);
  return address(operand(0), space);
}

/// fence.sem.scope and its older name membar.level.
bool Decoder::fence() {
  uint32_t scope = 0;
  if (statement->opcode == "membar") {
    scope = take("cta") ? ModCtaScope : 0;
    bool alias = take("proxy") && take("alias");
    if (!scope && !alias && !take("gl") && !take("sys")) return failOperands();
  } else if (take("proxy")) { // one address is one place here, whatever it is called
    if (!take("alias")) return fail("'" + opcodeText() + "' is not supported");
  } else {
    if (!take("sc") && !take("acq_rel") && !take("acquire") && !take("release")) return failOperands();
    std::optional<uint32_t> named = takeScope();
    if (!named) return failOperands();
    scope = *named;
  }
  emit(Kind::Fence, Type::None).mods = scope;
  return operandCount() == 0 || failOperands();
}
