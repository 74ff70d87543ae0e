// What each instruction makes of undefined bits (undefined.h has the rules), and the loop that looks.
#include "runtime/vcuda/exec/arithmetic/modes.h"
#include "runtime/vcuda/exec/run.h"
#include "runtime/vcuda/exec/shuffle.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <span>
#include <utility>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

using Uses = std::span<const OperandUse>;

Uses usesOf(const Code &code, uint32_t inst) {
  if (inst >= code.firstUse.size()) return {};
  uint32_t first = code.firstUse[inst];
  size_t end = inst + 1 < code.firstUse.size() ? code.firstUse[inst + 1] : code.uses.size();
  return Uses(code.uses).subspan(first, end - first);
}

bool isInteger(Type t) {
  return t == Type::U8 || t == Type::S8 || t == Type::U16 || t == Type::S16 || t == Type::U32 ||
         t == Type::S32 || t == Type::U64 || t == Type::S64;
}
bool usesCarry(const Inst &i) {
  return i.kind == Kind::AddCarry || i.kind == Kind::SubCarry || i.kind == Kind::MadCarry;
}
/// Its field A is an address.
bool hasAddress(Kind kind) {
  switch (kind) {
  case Kind::Ld:
  case Kind::St:
  case Kind::Atom:
  case Kind::Red:
  case Kind::LdMatrix:
  case Kind::StMatrix:
  case Kind::CpAsync:
  case Kind::Discard:
  case Kind::WmmaLoad:
  case Kind::WmmaStore:
    return true;
  default:
    return false;
  }
}
/// Bits stay at their places in the register.
bool keepsPlaces(const Inst &i) {
  return i.kind == Kind::Mov || i.kind == Kind::And || i.kind == Kind::Or || i.kind == Kind::Xor ||
         i.kind == Kind::Lop3 || i.kind == Kind::Bfi || i.kind == Kind::Cvt;
}
/// Bits go elsewhere as they are.
bool onlyMoves(const Inst &i) {
  return i.kind == Kind::Mov || i.kind == Kind::Pack || i.kind == Kind::Unpack || i.kind == Kind::Selp ||
         i.kind == Kind::Shfl;
}
uint64_t onesOf(unsigned bytes) {
  return bytes == 0 || bytes >= 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * bytes)) - 1;
}

template <class F> void eachLane(Mask lanes, F f) {
  for (; lanes; lanes &= lanes - 1) f(unsigned(__builtin_ctz(lanes)));
}

/// One instruction with a register that has undefined bits, or a result that had.
class Follower {
public:
  Follower(WarpRun &w, const Inst &inst, RegisterShadow &shadow, Uses uses)
      : w(w), inst(inst), shadow(shadow), uses(uses) {}
  /// Executes the instruction, too.
  void run();

private:
  Mask undefinedLanes(const OperandUse &use) const;
  uint64_t undefinedBits(uint32_t slot, unsigned width, unsigned lane) const {
    return readLane(shadow.bits, slot, width, lane);
  }
  /// Uses that matter.
  void report(const OperandUse &use, Mask bad, const std::string &message);
  void reportSources();
  /// Notes, by lane, where the undefined bits of the sources come from.
  void findOrigins();
  void setResult(const OperandUse &result, unsigned lane, uint64_t undefined);
  void clearResults();
  void execute() { inst.run(w, inst); }

  // Rules.
  void all();
  void upwards();
  template <class F> void bitwise(F f);
  void table();
  void moveBits(std::initializer_list<std::pair<uint32_t, unsigned>> controls);
  void shuffle();
  void store();
  uint64_t addressOf(const Inst &store, unsigned lane) const;
  bool mayBePadding(unsigned lane, uint32_t bytes, uint64_t bits, const UndefinedOrigin &origin) const;
  struct StoredElement {
    uint64_t index; ///< of its first byte in local memory
    uint32_t bytes;
    uint64_t undefined;
    UndefinedOrigin origin;
  };
  void storeLane(unsigned lane, std::vector<StoredElement> &local);

  WarpRun &w;
  const Inst &inst;
  RegisterShadow &shadow;
  Uses uses;
  Mask lanes = 0;     ///< that execute it
  Mask undefined = 0; ///< of them, with undefined bits in a source
  UndefinedOrigin origins[32];
};

Mask Follower::undefinedLanes(const OperandUse &use) const {
  Mask found = 0;
  if (!shadow.marked(use.slot)) return 0;
  for (unsigned l = 0; l < 32; ++l) found |= Mask(undefinedBits(use.slot, use.width, l) != 0) << l;
  return found;
}

void Follower::report(const OperandUse &use, Mask bad, const std::string &message) {
  if (!bad) return;
  eachLane(bad, [&](unsigned l) {
    addFinding(w, inst, "uninitialised-read", l, message, w.cta->code + shadow.origin(use.slot, l).load,
               "loads them from local memory");
    writeLane(shadow.bits, use.slot, use.width, l, 0);
  });
  w.undefined.mark(shadow, use.slot, registerBytes(use.width));
}

void Follower::reportSources() {
  for (const OperandUse &use : uses) {
    if (use.isResult) continue;
    bool isAddress = hasAddress(inst.kind) && use.slot == inst.a;
    report(use, undefinedLanes(use) & lanes,
           isAddress ? "its address has bits that were never written" : "uses bits that were never written");
  }
}

void Follower::findOrigins() {
  for (const OperandUse &use : uses) {
    if (use.isResult) continue;
    Mask found = undefinedLanes(use) & lanes;
    eachLane(found, [&](unsigned l) {
      const UndefinedOrigin &origin = shadow.origin(use.slot, l);
      if (!(undefined >> l & 1))
        origins[l] = origin;
      else if (origins[l].home != origin.home)
        origins[l].home = UndefinedOrigin::nowhere;
    });
    undefined |= found;
  }
  if (usesCarry(inst) && (inst.mods & ModCarryIn)) undefined |= w.undefined.carry & lanes;
  eachLane(undefined, [&](unsigned l) {
    origins[l].isComputed = origins[l].isComputed || !onlyMoves(inst);
    if (!keepsPlaces(inst)) origins[l].home = UndefinedOrigin::nowhere;
  });
}

void Follower::setResult(const OperandUse &result, unsigned lane, uint64_t bits) {
  writeLane(shadow.bits, result.slot, result.width, lane, bits);
  if (bits) shadow.origin(result.slot, lane) = origins[lane];
}

void Follower::clearResults() {
  for (const OperandUse &use : uses) {
    if (!use.isResult || !shadow.marked(use.slot)) continue;
    eachLane(lanes, [&](unsigned l) { writeLane(shadow.bits, use.slot, use.width, l, 0); });
    w.undefined.mark(shadow, use.slot, registerBytes(use.width));
  }
}

//===----------------------------------------------------------------------===//
// Arithmetic and movement
//===----------------------------------------------------------------------===//

/// Results are undefined as a whole.
void Follower::all() {
  findOrigins();
  for (const OperandUse &use : uses) {
    if (!use.isResult) continue;
    eachLane(lanes, [&](unsigned l) { setResult(use, l, (undefined >> l & 1) ? onesOf(use.width) : 0); });
    w.undefined.mark(shadow, use.slot, registerBytes(use.width));
  }
  if (usesCarry(inst) && (inst.mods & ModCarryOut))
    w.undefined.carry = (w.undefined.carry & ~lanes) | undefined;
  execute();
}

/// Sums and products: a bit depends on those below it.
void Follower::upwards() {
  findOrigins();
  const OperandUse result =
      *std::find_if(uses.begin(), uses.end(), [](const OperandUse &u) { return u.isResult; });
  eachLane(lanes, [&](unsigned l) {
    uint64_t bits = 0;
    for (const OperandUse &use : uses) bits |= use.isResult ? 0 : undefinedBits(use.slot, use.width, l);
    setResult(result, l, (bits | (0 - bits)) & onesOf(result.width));
  });
  w.undefined.mark(shadow, result.slot, registerBytes(result.width));
  execute();
}

/// A bit of f(a, b, c) that differs when undefined bits of the operands do. Constants have no undefined bits.
template <class F> void Follower::bitwise(F f) {
  findOrigins();
  const OperandUse result =
      *std::find_if(uses.begin(), uses.end(), [](const OperandUse &u) { return u.isResult; });
  eachLane(lanes, [&](unsigned l) {
    uint64_t value[3] = {}, open[3] = {}, bits = 0;
    unsigned k = 0;
    for (uint32_t slot : {inst.a, inst.b, inst.c}) {
      if (slot != NoOperand) {
        value[k] = readLane(w.r, slot, result.width, l);
        open[k] = undefinedBits(slot, result.width, l);
      }
      ++k;
    }
    for (unsigned flip = 1; flip < 8; ++flip) {
      auto other = [&](unsigned n) { return (flip >> n & 1) ? value[n] ^ open[n] : value[n]; };
      bits |= f(value[0], value[1], value[2]) ^ f(other(0), other(1), other(2));
    }
    setResult(result, l, bits & onesOf(result.width));
  });
  w.undefined.mark(shadow, result.slot, registerBytes(result.width));
  execute();
}

void Follower::table() {
  if (inst.count) return all(); // with a predicate
  bitwise([&](uint64_t a, uint64_t b, uint64_t c) {
    uint64_t result = 0;
    for (unsigned row = 0; row < 8; ++row) {
      if (!(inst.imm >> row & 1)) continue;
      result |= ((row & 4) ? a : ~a) & ((row & 2) ? b : ~b) & ((row & 1) ? c : ~c);
    }
    return result;
  });
}

/// What moves bits of its operands to other places does the same with their shadows: it is executed on them,
/// with the true values of the operands (and widths) that say where to.
void Follower::moveBits(std::initializer_list<std::pair<uint32_t, unsigned>> controls) {
  auto sources = [&](uint32_t slot) {
    return std::count_if(uses.begin(), uses.end(),
                         [slot](const OperandUse &u) { return !u.isResult && u.slot == slot; });
  };
  // A register that says where to and is moved itself cannot be both.
  bool isBoth = inst.guard != NoOperand && sources(inst.guard & ~1u) > 0;
  for (auto [slot, width] : controls) isBoth = isBoth || sources(slot) > 1;
  if (isBoth) return all();
  findOrigins();
  struct Saved {
    uint32_t slot;
    unsigned width;
    uint8_t bits[128];
  } saved[3];
  size_t count = 0;
  Mask unknown = 0;
  auto lend = [&](uint32_t slot, unsigned width) {
    unknown |= undefinedLanes({slot, uint8_t(width), false}) & lanes;
    Saved &s = saved[count++];
    s.slot = slot;
    s.width = width;
    std::memcpy(s.bits, shadow.bits + slot, registerBytes(width));
    std::memcpy(shadow.bits + slot, w.r + slot, registerBytes(width));
  };
  for (auto [slot, width] : controls) lend(slot, width);
  if (inst.guard != NoOperand) lend(inst.guard & ~1u, 0);
  uint8_t *registers = std::exchange(w.r, shadow.bits);
  execute();
  w.r = registers;
  while (count > 0) {
    const Saved &s = saved[--count];
    auto isIt = [&](const OperandUse &u) { return u.isResult && u.slot == s.slot; };
    Mask restored = std::any_of(uses.begin(), uses.end(), isIt) ? ~lanes : ~0u;
    eachLane(restored, [&](unsigned l) {
      writeLane(shadow.bits, s.slot, s.width, l, readLane(s.bits, 0, s.width, l));
    });
  }
  for (const OperandUse &use : uses) {
    if (!use.isResult) continue;
    eachLane(lanes, [&](unsigned l) {
      setResult(use, l, (unknown >> l & 1) ? onesOf(use.width) : undefinedBits(use.slot, use.width, l));
    });
    w.undefined.mark(shadow, use.slot, registerBytes(use.width));
  }
  execute();
}

/// Lanes may have to wait for others first, and come back to it: the bits move when it has been done.
void Follower::shuffle() {
  for (const OperandUse &use : uses)
    if (!use.isResult && use.slot != inst.a)
      report(use, undefinedLanes(use) & lanes, "uses bits that were never written");
  uint64_t data[32];
  UndefinedOrigin from[32];
  ShuffleSource source[32];
  for (unsigned l = 0; l < 32; ++l) {
    data[l] = undefinedBits(inst.a, 4, l);
    from[l] = shadow.origin(inst.a, l);
    from[l].home = UndefinedOrigin::nowhere;
    source[l] = shuffleSource(ShuffleMode(inst.mods >> ModKindShift & 3), l,
                              uint32_t(readLane(w.r, inst.b, 4, l)), uint32_t(readLane(w.r, inst.c, 4, l)));
  }
  const Frame *frame = w.frame;
  execute();
  if (w.pc != &inst + 1 || w.frame != frame || (w.active & lanes) != lanes) return;
  clearResults();
  eachLane(lanes, [&](unsigned l) {
    origins[l] = from[source[l].lane & 31];
    setResult({inst.dst, 4, true}, l, data[source[l].lane & 31]);
  });
  w.undefined.mark(shadow, inst.dst, registerBytes(4));
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

/// Where a store of one lane goes to, as the address is written.
uint64_t Follower::addressOf(const Inst &store, unsigned lane) const {
  if (store.width2 == 8) return readLane(w.r, store.a, 8, lane) + uint64_t(store.imm);
  return uint32_t(readLane(w.r, store.a, 4, lane) + uint64_t(store.imm));
}

/// Whether bits that went from memory to memory may belong to a structure without being its contents. Whole
/// words of padding are upper halves of eight bytes whose lower half the store before or behind moves, in
/// code that nobody has optimised.
bool Follower::mayBePadding(unsigned lane, uint32_t bytes, uint64_t bits,
                            const UndefinedOrigin &origin) const {
  if (bytes == 1 || bits != onesOf(bytes)) return true;
  const Code &code = *w.run->launch->code;
  if (!code.isUnoptimised || !origin.isBesideWritten || bytes != 4 || inst.count != 1) return false;
  uint64_t at = addressOf(inst, lane);
  auto movesLowerHalf = [&](const Inst &other) {
    return other.kind == Kind::St && other.count == 1 && ptx::typeBytes(other.type) == 4 &&
           other.space == inst.space && addressOf(other, lane) == at - 4;
  };
  // A block's first instruction is no store, and its last none but in front of another block.
  return at % 8 == 4 && origin.home % 8 == 4 && (movesLowerHalf((&inst)[-1]) || movesLowerHalf((&inst)[1]));
}

/// Where one lane's data has undefined bits. Local memory takes them over.
void Follower::storeLane(unsigned lane, std::vector<StoredElement> &local) {
  constexpr uint64_t windowMask = 0xff00'0000'0000'0000;
  uint64_t at = addressOf(inst, lane);
  Space space = inst.space;
  if (space == Space::Generic) {
    uint64_t window = at & windowMask;
    space = window == LocalWindow ? Space::Local : window == SharedWindow ? Space::Shared : Space::Global;
    if (space != Space::Global) at &= ~windowMask;
  }
  uint32_t element = ptx::typeBytes(inst.type), bytes = element * inst.count;
  for (uint32_t k = 0; k < inst.count; ++k) {
    uint32_t slot = w.cta->operands[inst.aux + k];
    uint64_t bits = undefinedBits(slot, inst.width, lane) & onesOf(element);
    if (!bits) continue;
    const UndefinedOrigin &origin = shadow.origin(slot, lane);
    if (space == Space::Local) {
      if (at % bytes || w.localStride < bytes || at > w.localStride - bytes)
        continue; // which checkLocal reports
      UndefinedOrigin kept = origin;
      kept.isComputed = origin.isComputed && origin.home != uint32_t(at + k * element);
      local.push_back({uint64_t(lane) * w.localStride + at + k * element, element, bits, kept});
    } else if (origin.isComputed || !mayBePadding(lane, element, bits, origin)) {
      report({slot, inst.width, false}, 1u << lane,
             std::string("stores bits that were never written to ") +
                 (space == Space::Shared ? "shared memory" : "global memory"));
    }
  }
}

void Follower::store() {
  for (const OperandUse &use : uses)
    if (use.slot == inst.a)
      report(use, undefinedLanes(use) & lanes, "its address has bits that were never written");
  std::vector<StoredElement> local;
  eachLane(lanes, [&](unsigned l) { storeLane(l, local); });
  execute();
  for (const StoredElement &e : local) storeUndefined(w, e.index, e.bytes, e.undefined, e.origin);
}

//===----------------------------------------------------------------------===//
// Which rule
//===----------------------------------------------------------------------===//

void Follower::run() {
  if (inst.guard != NoOperand) {
    OperandUse guard = {inst.guard & ~1u, 0, false};
    report(guard, undefinedLanes(guard) & w.active,
           inst.kind == Kind::Bra ? "branches by bits that were never written"
                                  : "is executed or not by bits that were never written");
  }
  lanes = executing(w, inst);
  if (!lanes) return execute();
  switch (inst.kind) {
  case Kind::Mov:
  case Kind::Pack:
  case Kind::Unpack:
  case Kind::Brev:
    return moveBits({});
  case Kind::Cvt:
    if (isInteger(inst.type) && isInteger(inst.type2) && !(inst.mods & ModSat)) return moveBits({});
    return all();
  case Kind::Shl:
  case Kind::Shr:
    return moveBits({{inst.b, 4}});
  case Kind::Funnel:
  case Kind::Prmt:
    return moveBits({{inst.c, 4}});
  case Kind::Bfe:
    return moveBits({{inst.b, 4}, {inst.c, 4}});
  case Kind::Bfi:
    return moveBits({{inst.c, 4}, {w.cta->operands[inst.aux], 4}});
  case Kind::Selp:
    return moveBits({{inst.c, 0}});
  case Kind::And:
    return bitwise([](uint64_t a, uint64_t b, uint64_t) { return a & b; });
  case Kind::Or:
    return bitwise([](uint64_t a, uint64_t b, uint64_t) { return a | b; });
  case Kind::Xor:
    return bitwise([](uint64_t a, uint64_t b, uint64_t) { return a ^ b; });
  case Kind::Not:
    return bitwise([](uint64_t a, uint64_t, uint64_t) { return ~a; });
  case Kind::Lop3:
    return table();
  case Kind::Add:
  case Kind::Sub:
  case Kind::Mul:
  case Kind::Mad:
    if (isInteger(inst.type) && !(inst.mods & ModSat)) return upwards();
    return all();
  case Kind::Shfl:
    return shuffle();
  case Kind::St:
    return store();
  default:
    break;
  }
  if (inst.kind < Kind::Ld || inst.kind == Kind::Video || inst.kind == Kind::VideoScalar) return all();
  reportSources();
  clearResults();
  execute();
}

void executeFollowed(WarpRun &w, const Inst &inst) {
  const Code &code = *w.run->launch->code;
  Uses uses = usesOf(code, uint32_t(&inst - w.cta->code));
  RegisterShadow *shadow = w.frame->shadow;
  if (w.undefined.carry && usesCarry(inst))
    shadow = &w.undefined.shadowOf(*w.frame, code.functions[w.frame->function].windowBytes);
  auto marked = [&] {
    return (inst.guard != NoOperand && shadow->marked(inst.guard & ~1u)) ||
           std::any_of(uses.begin(), uses.end(),
                       [&](const OperandUse &u) { return shadow->marked(u.slot); }) ||
           (w.undefined.carry && usesCarry(inst));
  };
  if (shadow && marked())
    Follower(w, inst, *shadow, uses).run();
  else
    inst.run(w, inst);
}

} // namespace

void exec::runFollowing(WarpRun &w) {
  UndefinedBits &undefined = w.undefined;
  while (!w.stop) {
    if (!undefined.any()) {
      // Ends where the warp stops, or behind a load of undefined bits.
      w.run->launch->level->interpret(w);
      if (undefined.any()) w.stop = false;
      continue;
    }
    undefined.isFollowing = true;
    const Inst &inst = *w.pc++;
    executeFollowed(w, inst);
    undefined.isFollowing = false;
  }
}
