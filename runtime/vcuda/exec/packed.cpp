// Video instructions (PTX ISA 9.7.17): two half words or four bytes in a word, or one part of it.
#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <cstdlib>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

static bool holds(Compare compare, int64_t x, int64_t y) {
  switch (compare) {
  case Compare::Eq:
    return x == y;
  case Compare::Ne:
    return x != y;
  case Compare::Lt:
    return x < y;
  case Compare::Le:
    return x <= y;
  case Compare::Gt:
    return x > y;
  default:
    return x >= y;
  }
}

/// Of the operations that both kinds have.
static int64_t combine(VideoOp op, Compare compare, int64_t x, int64_t y) {
  switch (op) {
  case VideoOp::Sub:
    return x - y;
  case VideoOp::Average: // away from zero at the half
    return x + y >= 0 ? (x + y + 1) >> 1 : -((-(x + y) + 1) >> 1);
  case VideoOp::Distance:
    return std::abs(x - y);
  case VideoOp::Min:
    return std::min(x, y);
  case VideoOp::Max:
    return std::max(x, y);
  case VideoOp::Set:
    return holds(compare, x, y);
  default:
    return x + y;
  }
}

/// Operation in bits 16-18, comparison in 19-23; bit 24: four parts, else two; 25: sum up into c; 26, 27: a,
/// b signed; 28: result signed; ModSat. c gives what is added, or the parts that the write mask leaves out.
/// imm: the mask, from bit 8 on which of the parts of a and b (those of b behind those of a) each part of the
/// first operand is, 3 bits each, from bit 20 on the same of the second one.
void exec::videoInstruction(Warp &warp, const Inst &inst, Mask mask) {
  unsigned parts = inst.mods >> 24 & 1 ? 4 : 2, bits = 32 / parts;
  uint32_t keep = (1u << bits) - 1;
  bool sumsUp = inst.mods >> 25 & 1, aSigned = inst.mods >> 26 & 1, bSigned = inst.mods >> 27 & 1;
  bool dSigned = inst.mods >> 28 & 1;
  VideoOp op = VideoOp(inst.mods >> ModKindShift & 7);
  auto part = [&](uint32_t word, unsigned k, bool isSigned) {
    int64_t v = word >> (k * bits) & keep;
    return isSigned && v >> (bits - 1) ? v - (int64_t(1) << bits) : v;
  };
  int64_t least = dSigned ? -(int64_t(1) << (bits - 1)) : 0, most = least + int64_t(keep);
  for (Mask m = mask; m; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    auto word = [&](uint32_t slot) { return reinterpret_cast<const uint32_t *>(warp.r + slot)[lane]; };
    uint32_t a = word(inst.a), b = word(inst.b), c = word(inst.c), result = c, sum = c;
    for (unsigned k = 0; k < parts; ++k) {
      auto chosen = [&](unsigned from, bool isSigned) {
        unsigned at = unsigned(inst.imm >> (from + 3 * k) & 7);
        return part(at < parts ? a : b, at % parts, isSigned);
      };
      int64_t v = combine(op, Compare(inst.mods >> 19 & 31), chosen(8, aSigned), chosen(20, bSigned));
      if (inst.mods & ModSat) v = std::clamp(v, least, most);
      if (!(inst.imm >> k & 1)) continue;
      if (sumsUp)
        sum += uint32_t(uint64_t(part(uint32_t(uint64_t(v)) & keep, 0, dSigned)));
      else
        result = (result & ~(keep << (k * bits))) | (uint32_t(uint64_t(v)) & keep) << (k * bits);
    }
    reinterpret_cast<uint32_t *>(warp.r + inst.dst)[lane] = sumsUp ? sum : result;
  }
}

//===----------------------------------------------------------------------===//
// Single parts
//===----------------------------------------------------------------------===//

namespace {

unsigned bitsOf(VideoPart p) { return p == VideoPart::Word ? 32 : p < VideoPart::Half0 ? 8 : 16; }
unsigned shiftOf(VideoPart p) {
  return p == VideoPart::Word   ? 0
         : p < VideoPart::Half0 ? 8 * (unsigned(p) - unsigned(VideoPart::Byte0))
                                : 16 * (unsigned(p) - unsigned(VideoPart::Half0));
}

using Wide = __int128; ///< a word that was shifted by 32 bits, or a product of words and what is added

Wide clampTo(Wide v, unsigned bits, bool isSigned) {
  Wide least = isSigned ? -(Wide(1) << (bits - 1)) : 0;
  return std::clamp(v, least, least + (Wide(1) << bits) - 1);
}

int64_t extended(uint32_t word, VideoPart p, bool isSigned) {
  unsigned bits = bitsOf(p);
  uint64_t v = word >> shiftOf(p) & ((uint64_t(1) << bits) - 1);
  return isSigned && v >> (bits - 1) ? int64_t(v) - (int64_t(1) << bits) : int64_t(v);
}

/// a * b + c, before it is cut off or saturated.
uint32_t multiplyAdd(const VideoForm &f, int64_t x, int64_t y, uint32_t c) {
  bool isSigned = f.aSigned || f.bSigned || f.negatesProduct || f.negatesC;
  Wide product = Wide(x) * y, addend = isSigned ? Wide(int32_t(c)) : Wide(c);
  if (f.negatesProduct) product = -product;
  if (f.negatesC) addend = -addend;
  Wide result = (product + addend + f.plusOne) >> f.scale;
  return uint32_t(uint64_t(f.saturates ? clampTo(result, 32, isSigned) : result));
}

uint32_t scalarResult(const VideoForm &f, uint32_t a, uint32_t b, uint32_t c) {
  int64_t x = extended(a, f.a, f.aSigned), y = extended(b, f.b, f.bSigned);
  Wide v;
  if (f.op == VideoOp::Mad) return multiplyAdd(f, x, y, c);
  if (f.op == VideoOp::ShiftLeft || f.op == VideoOp::ShiftRight) {
    y = f.wraps ? y & 31 : std::min<int64_t>(y, 32);
    v = f.op == VideoOp::ShiftLeft ? Wide(x) * (Wide(1) << y) : Wide(x >> y);
  } else {
    v = combine(f.op, f.compare, x, y);
  }
  if (f.saturates) v = clampTo(v, bitsOf(f.d), f.dSigned);
  Wide other = extended(c, VideoPart::Word, f.dSigned);
  switch (f.second) {
  case VideoSecond::Add:
    return uint32_t(uint64_t(v) + c);
  case VideoSecond::Min:
    return uint32_t(uint64_t(std::min(v, other)));
  case VideoSecond::Max:
    return uint32_t(uint64_t(std::max(v, other)));
  default:
    break;
  }
  if (f.d == VideoPart::Word) return uint32_t(uint64_t(v));
  uint32_t keep = ((1u << bitsOf(f.d)) - 1) << shiftOf(f.d);
  return (c & ~keep) | (uint32_t(uint64_t(v)) << shiftOf(f.d) & keep);
}

} // namespace

void exec::scalarVideoInstruction(Warp &warp, const Inst &inst, Mask mask) {
  WarpRun &w = static_cast<WarpRun &>(warp);
  const VideoForm &form = w.run->launch->code->videoForms[size_t(inst.imm)];
  for (Mask m = mask; m; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    auto word = [&](uint32_t slot) { return reinterpret_cast<uint32_t *>(w.r + slot)[lane]; };
    uint32_t c = inst.c == NoOperand ? 0 : word(inst.c);
    reinterpret_cast<uint32_t *>(w.r + inst.dst)[lane] = scalarResult(form, word(inst.a), word(inst.b), c);
  }
}
