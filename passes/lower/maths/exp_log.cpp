// Exponentials and logarithms.
//
// e^x: x = n ln 2 + r, |r| <= ln 2 / 2, ln 2 in two parts whose first times n is exact; e^r = 1 + r + r^2
// T(r). log x: x = 2^e m, m in [sqrt(1/2), sqrt 2); log m = 2 atanh(s) = 2 s + s w T(w), s = (m - 1) / (m +
// 1), w = s^2. The bounds that test/passes/lower/maths_test.py holds them to are in its table.
#include "passes/lower/maths/scalars.h"

using namespace mlir;

namespace dlc::lower::maths {

namespace {

struct Reduced {
  Value r, n; ///< n as a float
};

Value ln2High(Scalars &s) { return s.num(s.pick(0x1.62e4p-1, 0x1.62e42fee00000p-1)); }
Value ln2Low(Scalars &s) { return s.num(s.pick(0x1.7f7d1cf79abcap-20, 0x1.a39ef35793c76p-33)); }

Reduced reduce(Scalars &s, Value x) {
  Value n = s.round(s.mul(x, 1.4426950408889634));
  Value minusN = s.neg(n);
  Value r = s.fma(minusN, ln2High(s), x);
  return {s.fma(minusN, ln2Low(s), r), n};
}

// e^r - 1.
Value expSmall(Scalars &s, Value r) { return s.fma(s.mul(r, r), s.polynomial(r, expTail32, expTail64), r); }

// p 2^n in two steps, so that a denormal result rounds once more at most and 2^n may overflow.
Value scale(Scalars &s, Value p, Value n) {
  Value whole = s.toInteger(n);
  Value half = arith::ShRSIOp::create(s.b, s.loc, whole, s.integer(1));
  return s.mul(s.mul(p, s.powerOfTwo(half)), s.powerOfTwo(s.subI(whole, half)));
}

// log m for m in [sqrt(1/2), sqrt 2], given m - 1.
Value logNearOne(Scalars &s, Value f) {
  Value q = s.div(f, s.add(f, s.num(2))), w = s.mul(q, q);
  return s.fma(s.mul(q, w), s.polynomial(w, logTail32, logTail64), s.add(q, q));
}

// What a logarithm is outside the positive finite numbers.
Value logSpecial(Scalars &s, Value x, Value result) {
  result = s.select(s.equal(x, s.inf()), x, result);
  result = s.select(s.equal(x, 0), s.neg(s.inf()), result);
  return s.select(s.is(Predicate::OGE, x, s.num(0)), result, s.nan());
}

} // namespace

Value expOfPair(Scalars &s, Value x, Value low) {
  Reduced d = reduce(s, x);
  Value r = low ? s.add(d.r, low) : d.r;
  return scale(s, s.add(expSmall(s, r), s.num(1)), d.n);
}

// f32 by ex2.approx (2 ulp, PTX ISA 9.7.3.22): 2^t (1 + lost ln 2), t = x log2(e) rounded, lost the rest of
// it.
static Value expSingle(Scalars &s, Value x) {
  Value log2e = s.num(1.4426950408889634), t = s.mul(x, log2e);
  Value lost = s.fma(x, log2e, s.neg(t));
  lost = s.fma(x, s.num(1.925963033500e-8), lost); // log2(e) minus its rounding to f32
  Value power = math::Exp2Op::create(s.b, s.loc, t);
  Value corrected = s.fma(power, s.mul(lost, 0.6931471805599453), power);
  // A power of 0, inf or NaN is right as it is, and `lost` may be NaN there.
  Value word = s.subI(s.bits(power), s.integer(1));
  Value normal = arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::ult, word, s.integer(0x7f7fffff));
  return s.select(normal, corrected, power);
}

Value exp(Scalars &s, Value x) {
  return s.isSingle ? expSingle(s, x) : expOfPair(s, s.clamp(x, -800, 800), Value());
}

// The backend has f32.
Value exp2(Scalars &s, Value x) {
  if (s.isSingle) return math::Exp2Op::create(s.b, s.loc, x);
  x = s.clamp(x, -1100, 1100);
  Value n = s.round(x), r = s.mul(s.sub(x, n), 0.6931471805599453);
  return scale(s, s.add(expSmall(s, r), s.num(1)), n);
}

// 2 (2^(n-1) (e^r - 1) + 2^(n-1) - 1/2); below, -1 to the last bit.
Value expm1(Scalars &s, Value x) {
  Reduced d = reduce(s, s.clamp(x, -50, s.pick(88.9, 710)));
  Value power = s.powerOfTwo(s.subI(s.toInteger(d.n), s.integer(1)));
  Value half = s.fma(power, expSmall(s, d.r), s.sub(power, s.num(0.5)));
  return s.select(s.less(s.abs(x), s.pick(0x1p-25, 0x1p-54)), x, s.add(half, half));
}

Normalized normalize(Scalars &s, Value x) {
  Value isSmall = s.less(x, s.pick(0x1p-126, 0x1p-1022));
  Value word = s.bits(s.select(isSmall, s.mul(x, s.pick(0x1p24, 0x1p54)), x));
  // The exponent steps at sqrt(1/2): that much is subtracted from the bits first.
  int64_t root = s.isSingle ? 0x3f3504f3 : 0x3fe6a09e667f3bcd;
  Value from = s.subI(word, s.integer(root));
  Value exponent = arith::ShRSIOp::create(s.b, s.loc, from, s.integer(s.mantissa()));
  Value shifted = arith::ShLIOp::create(s.b, s.loc, exponent, s.integer(s.mantissa()));
  Value m = s.fromBits(s.subI(word, shifted));
  Value e = s.addI(exponent, s.select(isSmall, s.integer(s.isSingle ? -24 : -54), s.integer(0)));
  return {m, s.toFloat(e)};
}

Value log(Scalars &s, Value x) {
  Normalized n = normalize(s, x);
  Value logM = logNearOne(s, s.sub(n.m, s.num(1)));
  return logSpecial(s, x, s.fma(n.exponent, ln2High(s), s.fma(n.exponent, ln2Low(s), logM)));
}

Value log2(Scalars &s, Value x) {
  Normalized n = normalize(s, x);
  Value logM = logNearOne(s, s.sub(n.m, s.num(1)));
  return logSpecial(s, x, s.fma(logM, s.num(1.4426950408889634), n.exponent));
}

// log10(2) in two parts, the first short.
Value log10(Scalars &s, Value x) {
  Normalized n = normalize(s, x);
  Value logM = logNearOne(s, s.sub(n.m, s.num(1)));
  Value low = s.fma(n.exponent, s.num(s.pick(0x1.3509f79fef312p-18, 0x1.3fde623e2566bp-43)),
                    s.mul(logM, 0.4342944819032518));
  return logSpecial(s, x, s.fma(n.exponent, s.num(s.pick(0x1.344p-2, 0x1.34413509f7000p-2)), low));
}

// log(u) + (x - (u - 1)) / u, u = 1 + x rounded.
Value log1p(Scalars &s, Value x) {
  Value one = s.num(1), u = s.add(x, one);
  Value large = s.greater(s.abs(x), 1);
  Value lost = s.select(large, s.sub(one, s.sub(u, x)), s.sub(x, s.sub(u, one)));
  Normalized n = normalize(s, u);
  Value logM = logNearOne(s, s.sub(n.m, one));
  Value low = s.fma(n.exponent, ln2Low(s), s.div(lost, u));
  Value result = s.fma(n.exponent, ln2High(s), s.add(logM, low));
  result = logSpecial(s, u, result);
  return s.select(s.less(s.abs(x), s.pick(0x1p-25, 0x1p-54)), x, result);
}

} // namespace dlc::lower::maths
