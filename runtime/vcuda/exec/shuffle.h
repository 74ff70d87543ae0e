//===- shuffle.h - which lane a shuffle reads (PTX ISA 9.7.9.6) -----*- C++ -*-===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_SHUFFLE_H
#define DLC_RUNTIME_VCUDA_EXEC_SHUFFLE_H

#include "runtime/vcuda/exec/state.h"

namespace dlc::vcuda::exec {

struct ShuffleSource {
  uint32_t lane;
  bool isInRange;
};

/// Of operands b and c of lane l; out of range it is the lane itself. Always inlined: the core is compiled
/// for several instruction sets (state.h).
__attribute__((always_inline)) inline ShuffleSource shuffleSource(ShuffleMode mode, uint32_t l, uint32_t b,
                                                                  uint32_t c) {
  uint32_t segment = c >> 8 & 31, clamp = c & 31, offset = b & 31;
  uint32_t maxLane = (l & segment) | (clamp & ~segment), minLane = l & segment;
  uint32_t from;
  bool ok;
  switch (mode) {
  case ShuffleMode::Up:
    from = l - offset;
    ok = int32_t(from) >= int32_t(maxLane);
    break;
  case ShuffleMode::Down:
    from = l + offset;
    ok = from <= maxLane;
    break;
  case ShuffleMode::Bfly:
    from = l ^ offset;
    ok = from <= maxLane;
    break;
  default:
    from = minLane | (offset & ~segment);
    ok = from <= maxLane;
    break;
  }
  return {ok ? from : l, ok};
}

} // namespace dlc::vcuda::exec

#endif
