// alloca, stacksave and stackrestore (PTX ISA 9.7.14): each lane takes memory behind its frame, which the
// return gives back. discard: memory whose content nobody wants any more.
#include "runtime/vcuda/exec/guest.h"
#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

uint32_t exec::localTopOf(const Frame &frame, Mask lanes) {
  uint32_t top = frame.localTop;
  for (Mask m = lanes; m; m &= m - 1) top = std::max(top, frame.dynamicTop[__builtin_ctz(m)]);
  return top;
}

/// A size, imm alignment; type says how wide both registers are.
void exec::allocateLocal(Warp &w, const Inst &inst, Mask mask) {
  for (Mask m = mask; m; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    uint64_t size = readLane(w.r, inst.a, inst.width, lane), align = uint64_t(inst.imm);
    uint64_t base = (localTopOf(*w.frame, 1u << lane) + align - 1) / align * align;
    if (base > w.localStride || size > w.localStride - base)
      return stopLaunch(w, inst, LaunchResult::IllegalAddress,
                        "local memory stack overflow: alloca takes more than is left");
    w.frame->dynamicTop[lane] = uint32_t(base + size);
    if (w.localState)
      std::memset(w.localState + size_t(lane) * w.localStride + base, ByteUninitialised, size);
    std::memcpy(w.r + inst.dst + size_t(lane) * inst.width, &base, inst.width);
  }
}

void exec::saveStack(Warp &w, const Inst &inst, Mask mask) {
  for (Mask m = mask; m; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    uint64_t top = localTopOf(*w.frame, 1u << lane);
    std::memcpy(w.r + inst.dst + size_t(lane) * inst.width, &top, inst.width);
  }
}

void exec::restoreStack(Warp &w, const Inst &inst, Mask mask) {
  for (Mask m = mask; m; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    uint64_t top = readLane(w.r, inst.a, inst.width, lane);
    if (top < w.frame->localTop || top > localTopOf(*w.frame, 1u << lane))
      return stopLaunch(w, inst, LaunchResult::IllegalAddress,
                        "stackrestore of what no stacksave of this call gave");
    w.frame->dynamicTop[lane] = uint32_t(top);
  }
}

/// Counts as a write of other values than those that are there, after which nobody has written the bytes.
void exec::discardMemory(Warp &w, const Inst &inst, Mask mask) {
  constexpr uint32_t bytes = 128, piece = 16;
  const uint64_t *base = reinterpret_cast<const uint64_t *>(w.r + inst.a);
  for (uint32_t part = 0; part < bytes; part += piece) {
    uint64_t addresses[32] = {};
    uint8_t data[32 * piece] = {};
    for (Mask m = mask; m; m &= m - 1) {
      unsigned lane = unsigned(__builtin_ctz(m));
      uint64_t at = base[lane] + uint64_t(inst.imm);
      addresses[lane] = at + part;
      if (part == 0 && at % bytes) {
        reportAddress(w, inst, "misaligned", lane, at, bytes, "global memory");
        mask &= ~(1u << lane);
        continue;
      }
      uint64_t offset = addresses[lane] - w.cta->globalBase;
      if (offset > w.cta->globalSize - piece) continue; // which is found below
      for (uint32_t k = 0; k < piece; ++k)
        data[lane * piece + k] = uint8_t(~guest::at(w.cta->globalBytes + offset + k));
    }
    mask = checkGlobal(w, inst, mask, addresses, piece, Access::Write, data);
    for (Mask m = mask; m && w.cta->checks; m &= m - 1) {
      uint64_t offset = addresses[__builtin_ctz(m)] - w.cta->globalBase;
      guest::fill(w.cta->globalState + offset, ByteUninitialised, piece);
    }
  }
}
