//===- modes.h - floats computed in other ways -----------------*- C++ -*-===//
//
// By default approximations are correctly rounded, and mma accumulates by float fma in order of k. A launch
// may ask for other arithmetic (Arithmetic in machine.h); it then runs a copy of the code in which the
// instructions concerned have other handlers, so that nobody else pays for it.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_ARITHMETIC_MODES_H
#define DLC_RUNTIME_VCUDA_EXEC_ARITHMETIC_MODES_H

#include "runtime/vcuda/exec/state.h"
#include "runtime/vcuda/machine.h"

#include <vector>

namespace dlc::vcuda::exec {

struct CoreLevel;

/// The code for this arithmetic; an instruction that cannot be computed so ends the launch when it is
/// executed.
std::vector<Inst> adaptCode(const std::vector<Inst> &code, const Arithmetic &arithmetic,
                            const CoreLevel &level);

/// A seeded value inside the documented error of an approximation; null for other instructions.
Handler jitterHandler(const Inst &inst);
/// Floats as elements of a ring; null for instructions that do the same to bits of any meaning.
Handler payloadHandler(const Inst &inst);

/// Payloads of floats and back, and their sum of products for mma: see payload.cpp.
uint32_t payloadOf(Type type, uint64_t bits);
uint64_t bitsOfPayload(Type type, uint32_t payload);

/// What a tensor core makes of k products and c (PTX leaves it open; measured on hardware by several):
/// products are exact; they and c are aligned to the largest exponent, cut off `fraction` bits below it, and
/// summed exactly. The result is cut off to f32, or rounded to nearest even f16. `step` products go into one
/// such sum.
struct TensorCore {
  unsigned fraction = 24, step = 8;
  /// For operands of this type on a device of this compute capability.
  static TensorCore of(Type ab, unsigned smVersion);
};
/// Element of D, as bits. Elements of a row of A, and of a column of B with a stride, as numbers.
uint64_t tensorCoreElement(const TensorCore &core, Type a, Type b, Type d, unsigned k, const double *row,
                           const double *column, unsigned stride, double c);

/// The lanes that execute an instruction.
Mask executing(const Warp &warp, const Inst &inst);

} // namespace dlc::vcuda::exec

#endif
