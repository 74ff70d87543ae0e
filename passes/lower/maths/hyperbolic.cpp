// Hyperbolic functions and their inverses, from expm1 and log1p.
#include "passes/lower/maths/scalars.h"

using namespace mlir;

namespace dlc::lower::maths {

namespace {

// Halves of e^|x| and e^-|x|, the first without overflow where cosh has none: e^(|x| - ln 2) with ln 2 in two
// parts.
Value halfExp(Scalars &s, Value a) {
  Value ln2High = s.num(s.pick(0x1.62e4p-1, 0x1.62e42fee00000p-1));
  Value ln2Low = s.num(s.pick(-0x1.7f7d1cf79abcap-20, -0x1.a39ef35793c76p-33));
  Value shifted = s.sub(a, ln2High);
  // What the subtraction lost, and the rest of ln 2.
  Value lost = s.sub(s.sub(a, shifted), ln2High);
  Value limited = s.clamp(shifted, -150, s.pick(150, 800));
  return expOfPair(s, limited, s.add(s.select(s.less(a, 1000), lost, s.num(0)), ln2Low));
}

constexpr double ln2 = 0.6931471805599453;

} // namespace

// (e + e / (e + 1)) / 2 with e = expm1 |x|; above 20, e^(|x| - ln 2).
Value sinh(Scalars &s, Value x) {
  Value a = s.abs(x), e = expm1(s, a);
  Value small = s.mul(s.add(e, s.div(e, s.add(e, s.num(1)))), 0.5);
  small = s.select(s.less(a, s.pick(0x1p-13, 0x1p-28)), a, small);
  return s.signed_(s.select(s.greater(a, 20), halfExp(s, a), small), x);
}

Value cosh(Scalars &s, Value x) {
  Value half = halfExp(s, s.abs(x));
  return s.add(half, s.div(s.num(0.25), half));
}

// f32: an odd polynomial below 0.6, 1 - 2 / (e^2|x| + 1) by ex2.approx and rcp.approx above. There the
// fraction is below 0.47 of the result's 0.53: the 4 ulp of the two instructions and the 2 |x| log2(e) 2^-24
// of their argument shrink with it. f64: e / (e + 2) with e = expm1(2 |x|).
Value tanh(Scalars &s, Value x) {
  Value a = s.abs(x);
  if (!s.isSingle) {
    Value e = expm1(s, s.clamp(s.add(a, a), 0, 60));
    return s.signed_(s.div(e, s.add(e, s.num(2))), x);
  }
  Value power = math::Exp2Op::create(s.b, s.loc, s.mul(a, 2.8853900817779268));
  Value inverse = s.call("llvm.nvvm.rcp.approx.ftz.f", {s.add(power, s.num(1))});
  Value large = s.fma(inverse, s.num(-2), s.num(1));
  Value w = s.mul(a, a);
  Value small = s.fma(s.mul(a, w), s.polynomial(w, tanhTail32, tanhTail32), a);
  return s.signed_(s.select(s.less(a, 0.6), small, large), x);
}

// log1p(|x| + x^2 / (1 + sqrt(1 + x^2))); log |x| + ln 2 where x^2 + 1 is x^2.
Value asinh(Scalars &s, Value x) {
  Value a = s.abs(x), isLarge = s.greater(a, s.pick(0x1p13, 0x1p28));
  Value near = s.select(isLarge, s.num(1), a), square = s.mul(near, near);
  Value root = s.sqrt(s.add(square, s.num(1)));
  Value direct = log1p(s, s.add(near, s.div(square, s.add(root, s.num(1)))));
  Value result = s.select(isLarge, s.add(log(s, a), s.num(ln2)), direct);
  result = s.select(s.isNaN(x), x, result);
  return s.signed_(s.select(s.less(a, s.pick(0x1p-13, 0x1p-28)), a, result), x);
}

// log1p(t + sqrt(2 t + t^2)), t = x - 1.
Value acosh(Scalars &s, Value x) {
  Value isLarge = s.greater(x, s.pick(0x1p13, 0x1p28));
  Value t = s.sub(s.select(isLarge, s.num(1), x), s.num(1));
  Value direct = log1p(s, s.add(t, s.sqrt(s.mul(t, s.add(t, s.num(2))))));
  direct = s.select(s.less(x, 1), s.nan(), direct);
  return s.select(isLarge, s.add(log(s, x), s.num(ln2)), direct);
}

// log1p(2 |x| / (1 - |x|)) / 2.
Value atanh(Scalars &s, Value x) {
  Value a = s.abs(x);
  Value result = s.mul(log1p(s, s.div(s.add(a, a), s.sub(s.num(1), a))), 0.5);
  result = s.select(s.greater(a, 1), s.nan(), result);
  return s.signed_(s.select(s.less(a, s.pick(0x1p-13, 0x1p-28)), a, result), x);
}

} // namespace dlc::lower::maths
