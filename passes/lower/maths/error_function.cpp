// erf and erfc.
//
// erf below 1: x (1 + E(x^2)). erfc: e^(-x^2) R(t) / (1 + 2x), t = (x - 4) / (x + 4), with R on the whole of
// [0, inf).
#include "passes/lower/maths/scalars.h"

using namespace mlir;

namespace dlc::lower::maths {

namespace {

Value erfSmall(Scalars &s, Value x) { return s.fma(x, s.polynomial(s.mul(x, x), erfTail32, erfTail64), x); }

// erfc(a) for a >= 0. The rounding of a^2 is made good after the exponential.
Value erfcTail(Scalars &s, Value a) {
  a = s.clamp(a, 0, s.pick(11, 28));
  Value t = s.div(s.sub(a, s.num(4)), s.add(a, s.num(4)));
  Value scaled = s.div(s.polynomial(t, erfcScaled32, erfcScaled64), s.fma(a, s.num(2), s.num(1)));
  Value square = s.exactPart(a, a), lost = s.fma(a, a, s.neg(square));
  Value power = expOfPair(s, s.neg(square), s.neg(lost));
  return s.mul(scaled, power);
}

} // namespace

// f32 above 1: 1 - 2^L(|x|), L the logarithm of erfc up to 4, where erf is 1: erfc is below 0.16, and so is
// the share of the polynomial's and of ex2.approx's error.
Value erf(Scalars &s, Value x) {
  Value a = s.abs(x), rest;
  if (s.isSingle)
    rest = math::Exp2Op::create(s.b, s.loc, s.polynomial(s.clamp(a, 1, 4), erfLog32, erfLog32));
  else
    rest = erfcTail(s, a);
  Value large = s.signed_(s.sub(s.num(1), rest), x);
  return s.select(s.greater(a, 1), large, erfSmall(s, x));
}

Value erfc(Scalars &s, Value x) {
  Value a = s.abs(x), tail = erfcTail(s, a);
  Value far = s.select(s.less(x, 0), s.sub(s.num(2), tail), tail);
  return s.select(s.less(a, 0.5), s.sub(s.num(1), erfSmall(s, x)), far);
}

} // namespace dlc::lower::maths
