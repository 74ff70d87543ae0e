// Control flow, barriers and what the lanes of a warp do together (PTX ISA 9.7.12 to 9.7.15).
#include "runtime/vcuda/exec/decode/decoder.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;
using ptx::typeBytes;

const std::unordered_map<std::string_view, Decoder::Method> &Decoder::methods() {
  using D = Decoder;
  static const std::unordered_map<std::string_view, Method> table = {{"add", &D::carryArithmetic},
                                                                     {"sub", &D::carryArithmetic},
                                                                     {"addc", &D::carryArithmetic},
                                                                     {"subc", &D::carryArithmetic},
                                                                     {"mad", &D::carryArithmetic},
                                                                     {"madc", &D::carryArithmetic},
                                                                     {"mul", &D::multiply},
                                                                     {"mul24", &D::mad24},
                                                                     {"mad24", &D::mad24},
                                                                     {"fma", &D::arithmetic},
                                                                     {"min", &D::arithmetic},
                                                                     {"max", &D::arithmetic},
                                                                     {"abs", &D::arithmetic},
                                                                     {"neg", &D::arithmetic},
                                                                     {"div", &D::arithmetic},
                                                                     {"rem", &D::arithmetic},
                                                                     {"sad", &D::arithmetic},
                                                                     {"and", &D::arithmetic},
                                                                     {"or", &D::arithmetic},
                                                                     {"xor", &D::arithmetic},
                                                                     {"not", &D::arithmetic},
                                                                     {"cnot", &D::arithmetic},
                                                                     {"brev", &D::arithmetic},
                                                                     {"rcp", &D::arithmetic},
                                                                     {"sqrt", &D::arithmetic},
                                                                     {"rsqrt", &D::arithmetic},
                                                                     {"sin", &D::arithmetic},
                                                                     {"cos", &D::arithmetic},
                                                                     {"lg2", &D::arithmetic},
                                                                     {"ex2", &D::arithmetic},
                                                                     {"tanh", &D::arithmetic},
                                                                     {"copysign", &D::arithmetic},
                                                                     {"shl", &D::shift},
                                                                     {"shr", &D::shift},
                                                                     {"shf", &D::funnelShift},
                                                                     {"lop3", &D::lop3},
                                                                     {"prmt", &D::prmt},
                                                                     {"bfe", &D::bitField},
                                                                     {"bfi", &D::bitField},
                                                                     {"bmsk", &D::bitField},
                                                                     {"fns", &D::bitField},
                                                                     {"szext", &D::bitField},
                                                                     {"popc", &D::bitCount},
                                                                     {"clz", &D::bitCount},
                                                                     {"bfind", &D::bitCount},
                                                                     {"dp4a", &D::dotProduct},
                                                                     {"dp2a", &D::dotProduct},
                                                                     {"setp", &D::setp},
                                                                     {"set", &D::set},
                                                                     {"selp", &D::selp},
                                                                     {"slct", &D::slct},
                                                                     {"testp", &D::testp},
                                                                     {"mov", &D::mov},
                                                                     {"cvt", &D::cvt},
                                                                     {"ld", &D::load},
                                                                     {"ldu", &D::load},
                                                                     {"st", &D::store},
                                                                     {"atom", &D::atom},
                                                                     {"red", &D::atom},
                                                                     {"cvta", &D::cvta},
                                                                     {"isspacep", &D::isspace},
                                                                     {"ldmatrix", &D::ldmatrix},
                                                                     {"stmatrix", &D::stmatrix},
                                                                     {"cp", &D::cpAsync},
                                                                     {"prefetch", &D::prefetch},
                                                                     {"prefetchu", &D::prefetch},
                                                                     {"createpolicy", &D::createPolicy},
                                                                     {"applypriority", &D::prefetch},
                                                                     {"discard", &D::discard},
                                                                     {"alloca", &D::stack},
                                                                     {"stacksave", &D::stack},
                                                                     {"stackrestore", &D::stack},
                                                                     {"fence", &D::fence},
                                                                     {"membar", &D::fence},
                                                                     {"bra", &D::branch},
                                                                     {"brx", &D::indirectBranch},
                                                                     {"call", &D::call},
                                                                     {"ret", &D::leave},
                                                                     {"exit", &D::leave},
                                                                     {"trap", &D::plain},
                                                                     {"brkpt", &D::plain},
                                                                     {"pmevent", &D::plain},
                                                                     {"bar", &D::barrier},
                                                                     {"barrier", &D::barrier},
                                                                     {"shfl", &D::shuffle},
                                                                     {"vote", &D::vote},
                                                                     {"match", &D::match},
                                                                     {"redux", &D::redux},
                                                                     {"activemask", &D::activemask},
                                                                     {"mma", &D::mma},
                                                                     {"wmma", &D::wmma},
                                                                     {"mbarrier", &D::mbarrier},
                                                                     {"vadd", &D::scalarVideo},
                                                                     {"vsub", &D::scalarVideo},
                                                                     {"vabsdiff", &D::scalarVideo},
                                                                     {"vmin", &D::scalarVideo},
                                                                     {"vmax", &D::scalarVideo},
                                                                     {"vset", &D::scalarVideo},
                                                                     {"vshl", &D::scalarVideo},
                                                                     {"vshr", &D::scalarVideo},
                                                                     {"vmad", &D::scalarVideo},
                                                                     {"vadd2", &D::video},
                                                                     {"vadd4", &D::video},
                                                                     {"vsub2", &D::video},
                                                                     {"vsub4", &D::video},
                                                                     {"vavrg2", &D::video},
                                                                     {"vavrg4", &D::video},
                                                                     {"vabsdiff2", &D::video},
                                                                     {"vabsdiff4", &D::video},
                                                                     {"vmin2", &D::video},
                                                                     {"vmin4", &D::video},
                                                                     {"vmax2", &D::video},
                                                                     {"vmax4", &D::video},
                                                                     {"vset2", &D::video},
                                                                     {"vset4", &D::video},
                                                                     {"movmatrix", &D::movmatrix},
                                                                     {"nanosleep", &D::nanosleep},
                                                                     {"elect", &D::elect}};
  return table;
}

bool Decoder::branch() {
  bool uniform = take("uni");
  if (operandCount() != 1 || operand(0).kind != Operand::Label) return failOperands();
  Inst &inst = emit(Kind::Bra, Type::None);
  inst.mods = uniform ? ModUniform : 0;
  inst.imm = operand(0).index;
  return true;
}

bool Decoder::indirectBranch() {
  if (!take("idx")) return failOperands();
  take("uni");
  if (operandCount() != 2 || operand(1).kind != Operand::Integer ||
      operand(1).bits >= function->branchTables.size())
    return failOperands();
  emit(Kind::Brx, Type::None).imm = int64_t(operand(1).bits);
  return src(Field::A, operand(0), Type::U32);
}

/// call [(result),] function [, (arguments)] [, prototype]
bool Decoder::call() {
  take("uni");
  size_t at = 0;
  CallSite site;
  auto variables = [&](const Operand &list, std::vector<uint32_t> &offsets, std::vector<uint32_t> &bytes) {
    for (const Operand &e : list.elements) {
      if (e.symbol.kind != Symbol::FrameVariable) return fail("arguments of a call must be .param variables");
      const ptx::Variable &variable = function->frame[e.symbol.index];
      offsets.push_back(variable.offset);
      bytes.push_back(uint32_t(variable.bytes));
    }
    return true;
  };
  if (at < operandCount() && operand(at).kind == Operand::List &&
      !variables(operand(at++), site.results, site.resultBytes))
    return false;
  if (at >= operandCount()) return failOperands();
  const Operand &callee = operand(at++);
  if (at < operandCount() && operand(at).kind == Operand::List &&
      !variables(operand(at++), site.arguments, site.argumentBytes))
    return false;
  Inst &inst = emit(Kind::Call, Type::None);
  inst.aux = uint32_t(code.calls.size());
  if (callee.kind == Operand::Reg) {
    if (!src(Field::A, callee, Type::B64)) return false;
  } else {
    if (callee.symbol.kind != Symbol::Function)
      return fail("'" + std::string(callee.text) + "' is not a function");
    uint32_t target = callee.symbol.index;
    if (syntax.functions[target].aliasOf >= 0) target = uint32_t(syntax.functions[target].aliasOf);
    const ptx::Function &f = syntax.functions[target];
    const SystemFunction *system = f.hasBody ? nullptr : findSystemFunction(f.name);
    if (system) site.builtin = system->builtin;
    if (!f.hasBody && !system) return fail(missingFunction(f.name));
    if (f.isKernel) return fail("a kernel cannot be called");
    auto bytesOf = [&](const std::vector<uint32_t> &list) {
      std::vector<uint32_t> bytes;
      for (uint32_t v : list) bytes.push_back(uint32_t(f.frame[v].bytes));
      return bytes;
    };
    if (bytesOf(f.parameters) != site.argumentBytes || bytesOf(f.results) != site.resultBytes)
      return fail("arguments of the call do not match '" + f.name + "'");
    if (system && (site.argumentBytes != system->argumentBytes || site.resultBytes != system->resultBytes))
      return fail("'" + f.name + "' is not declared as the system has it");
    site.function = int32_t(target);
  }
  code.calls.push_back(std::move(site));
  return true;
}

/// ret of a device function goes to its one ending, where diverged lanes meet.
bool Decoder::leave() {
  if (statement->opcode == "ret") take("uni");
  if (operandCount() != 0) return failOperands();
  if (statement->opcode == "exit" || function->isKernel) {
    emit(Kind::Exit, Type::None);
    return true;
  }
  emit(Kind::Bra, Type::None).imm = NoOperand;
  return true;
}

bool Decoder::plain() {
  std::string_view op = statement->opcode;
  emit(op == "trap" ? Kind::Trap : op == "brkpt" ? Kind::Brkpt : Kind::Nop, Type::None);
  if (op == "pmevent") take("mask");
  return op == "pmevent" || operandCount() == 0;
}

/// bar and barrier: mode in bits 16-18 (sync, arrive, popc, and, or), predicate negated in bit 20,
/// bar.warp.sync apart.
bool Decoder::barrier() {
  bool isBar = statement->opcode == "bar";
  if (isBar && take("warp")) {
    if (!take("sync") || operandCount() != 1) return failOperands();
    emit(Kind::WarpSync, Type::None);
    return src(Field::A, operand(0), Type::B32);
  }
  take("cta");
  bool aligned = isBar || take("aligned");
  bool sync = take("sync"), arrive = take("arrive"), red = take("red");
  if (sync + arrive + red != 1) return fail("'" + opcodeText() + "' is not supported");
  uint32_t mode = arrive ? 1 : 0;
  if (red) mode = take("popc") ? 2 : take("and") ? 3 : take("or") ? 4 : 0;
  if (red && (mode == 0 || takeType() != (mode == 2 ? Type::U32 : Type::Pred))) return failOperands();
  size_t at = red ? 1 : 0, last = operandCount() - (red ? 1 : 0);
  if (operandCount() < (red ? 3u : 1u) || last - at > 2 || (arrive && last - at != 2)) return failOperands();
  Inst &inst = emit(red ? Kind::BarRed : Kind::Bar, red && mode == 2 ? Type::U32 : Type::Pred);
  inst.mods = (aligned ? ModAligned : 0) | mode << ModKindShift;
  if (!src(Field::A, operand(at), Type::U32)) return false;
  if (last - at == 2 && !src(Field::B, operand(at + 1), Type::U32)) return false;
  if (!red) return true;
  Operand p = operand(last);
  if (p.negated) this->last().mods |= 1u << 20;
  p.negated = false;
  return dst(operand(0), this->last().type) && src(Field::C, p, Type::Pred);
}

/// shfl.sync.mode.b32 d[|p], a, b, c, membermask: mode in bits 16-17; b, c and the mask in the pool, then p.
bool Decoder::shuffle() {
  if (!take("sync")) return fail("'" + opcodeText() + "' is not supported: only the .sync form is");
  uint32_t mode = take("up") ? 0 : take("down") ? 1 : take("bfly") ? 2 : take("idx") ? 3 : 4;
  if (mode == 4 || takeType() != Type::B32 || operandCount() != 5) return failOperands();
  emit(Kind::Shfl, Type::B32).mods = mode << ModKindShift;
  Operand d = operand(0);
  int32_t second = d.second;
  d.second = -1;
  if (!dst(d, Type::B32) || !src(Field::A, operand(1), Type::B32) || !src(Field::B, operand(2), Type::B32) ||
      !src(Field::C, operand(3), Type::B32) || !poolSrc(operand(4), Type::B32))
    return false;
  if (second < 0) return true;
  Operand p;
  p.kind = Operand::Reg;
  p.reg = uint32_t(second);
  return poolDst(p, Type::Pred);
}

/// vote.sync: mode in bits 16-17, source negated in bit 20; A predicate, B membermask.
bool Decoder::vote() {
  if (!take("sync")) return fail("'" + opcodeText() + "' is not supported: only the .sync form is");
  uint32_t mode = take("all") ? 0 : take("any") ? 1 : take("uni") ? 2 : take("ballot") ? 3 : 4;
  Type type = takeType();
  if (mode == 4 || type != (mode == 3 ? Type::B32 : Type::Pred) || operandCount() != 3) return failOperands();
  emit(Kind::Vote, type).mods = mode << ModKindShift;
  Operand p = operand(1);
  if (p.negated) last().mods |= 1u << 20;
  p.negated = false;
  return dst(operand(0), type) && src(Field::A, p, Type::Pred) && src(Field::B, operand(2), Type::B32);
}

bool Decoder::match() {
  bool all = take("all");
  if (!all && !take("any")) return failOperands();
  if (!take("sync")) return failOperands();
  Type type = takeType();
  if ((type != Type::B32 && type != Type::B64) || operandCount() != 3) return failOperands();
  emit(Kind::Match, type).mods = all ? 1u << ModKindShift : 0;
  Operand d = operand(0);
  int32_t second = d.second;
  d.second = -1;
  if (!dst(d, Type::B32) || !src(Field::A, operand(1), type) || !src(Field::B, operand(2), Type::B32))
    return false;
  if (second < 0) return true;
  if (!all) return failOperands();
  Operand p;
  p.kind = Operand::Reg;
  p.reg = uint32_t(second);
  return poolDst(p, Type::Pred);
}

bool Decoder::redux() {
  static constexpr std::pair<std::string_view, AtomOp> names[] = {{"add", AtomOp::Add}, {"min", AtomOp::Min},
                                                                  {"max", AtomOp::Max}, {"and", AtomOp::And},
                                                                  {"or", AtomOp::Or},   {"xor", AtomOp::Xor}};
  if (!take("sync")) return failOperands();
  std::optional<AtomOp> op;
  for (auto [name, value] : names) {
    if (!op && take(name)) op = value;
  }
  Type type = takeType();
  bool logic = op && (*op == AtomOp::And || *op == AtomOp::Or || *op == AtomOp::Xor);
  if (!op || (logic ? type != Type::B32 : type != Type::U32 && type != Type::S32) || operandCount() != 3)
    return failOperands();
  emit(Kind::Redux, type).mods = uint32_t(*op) << ModKindShift;
  return dst(operand(0), type) && src(Field::A, operand(1), type) && src(Field::B, operand(2), Type::B32);
}

bool Decoder::activemask() {
  if (takeType() != Type::B32 || operandCount() != 1) return failOperands();
  emit(Kind::ActiveMask, Type::B32);
  return dst(operand(0), Type::B32);
}

/// elect.sync d|p, membermask
bool Decoder::elect() {
  if (!take("sync") || operandCount() != 2) return failOperands();
  emit(Kind::Elect, Type::B32);
  Operand d = operand(0);
  int32_t second = d.second;
  d.second = -1;
  if (second < 0) return failOperands();
  if (!dst(d, Type::B32) || !src(Field::B, operand(1), Type::B32)) return false;
  Operand p;
  p.kind = Operand::Reg;
  p.reg = uint32_t(second);
  return poolDst(p, Type::Pred);
}

bool Decoder::movmatrix() {
  if (!take("sync") || !take("aligned") || !take("m8n8") || !take("trans") || takeType() != Type::B16 ||
      operandCount() != 2)
    return failOperands();
  emit(Kind::MovMatrix, Type::B32).mods = ModAligned;
  return dst(operand(0), Type::B32) && src(Field::A, operand(1), Type::B32);
}

bool Decoder::nanosleep() {
  if (takeType() != Type::U32 || operandCount() != 1) return failOperands();
  emit(Kind::NanoSleep, Type::U32);
  return src(Field::A, operand(0), Type::U32);
}
