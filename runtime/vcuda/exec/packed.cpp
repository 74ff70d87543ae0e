// Video instructions on two half words or four bytes in a word (PTX ISA 9.7.17).
#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <cstdlib>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

/// Operation in bits 16-18, comparison in 19-23; bit 24: four parts, else two; 25: sum up into c; 26, 27: a,
/// b signed; 28: result signed; ModSat. c gives what is added, or the parts that the write mask in imm leaves
/// out.
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
      int64_t x = part(a, k, aSigned), y = part(b, k, bSigned), v = 0;
      switch (op) {
      case VideoOp::Add:
        v = x + y;
        break;
      case VideoOp::Sub:
        v = x - y;
        break;
      case VideoOp::Average: // away from zero at the half
        v = x + y;
        v = v >= 0 ? (v + 1) >> 1 : -((-v + 1) >> 1);
        break;
      case VideoOp::Distance:
        v = std::abs(x - y);
        break;
      case VideoOp::Min:
        v = std::min(x, y);
        break;
      case VideoOp::Max:
        v = std::max(x, y);
        break;
      case VideoOp::Set:
        switch (Compare(inst.mods >> 19 & 31)) {
        case Compare::Eq:
          v = x == y;
          break;
        case Compare::Ne:
          v = x != y;
          break;
        case Compare::Lt:
          v = x < y;
          break;
        case Compare::Le:
          v = x <= y;
          break;
        case Compare::Gt:
          v = x > y;
          break;
        default:
          v = x >= y;
          break;
        }
        break;
      }
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
