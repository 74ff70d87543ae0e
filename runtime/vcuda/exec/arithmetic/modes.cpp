#include "runtime/vcuda/exec/arithmetic/modes.h"
#include "runtime/vcuda/exec/levels.h"
#include "runtime/vcuda/exec/mma_shapes.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

Mask exec::executing(const Warp &w, const Inst &i) {
  if (i.guard == NoOperand) return w.active;
  Mask p = *reinterpret_cast<const Mask *>(w.r + (i.guard & ~1u));
  return w.active & ((i.guard & 1) ? ~p : p);
}

/// The handler that multiplies element by element, whatever the shape (matrix.cpp asks for the arithmetic).
static Handler generalMma(const CoreLevel &level) {
  Inst probe;
  probe.kind = Kind::Mma;
  auto general =
      std::find_if(std::begin(mmaShapes), std::end(mmaShapes), [](const MmaShape &s) { return s.general; });
  probe.imm = general - std::begin(mmaShapes);
  return level.selectHandler(probe);
}

std::vector<Inst> exec::adaptCode(const std::vector<Inst> &code, const Arithmetic &arithmetic,
                                  const CoreLevel &level) {
  std::vector<Inst> adapted = code;
  Handler mma = generalMma(level);
  for (Inst &i : adapted) {
    Handler other = nullptr;
    if (i.kind == Kind::Mma && (arithmetic.mma == Arithmetic::Exact || arithmetic.payload))
      other = mma;
    else if (arithmetic.payload)
      other = payloadHandler(i);
    else if (arithmetic.jitter)
      other = jitterHandler(i);
    if (other) i.run = other;
  }
  return adapted;
}
