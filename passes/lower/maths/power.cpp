// x^y as e^(y log |x|), the logarithm and its product with y as pairs of floats, and the cube root.
#include "passes/lower/maths/scalars.h"

using namespace mlir;

namespace dlc::lower::maths {

namespace {

// log x for positive finite x, to about 2^-33 (f32) or 2^-65 (f64) of it: the series of exp_log.cpp with its
// first terms as pairs, log m = 2 q + q w (2/3 + w P(w)).
Pair logPair(Scalars &s, Value x) {
  Normalized n = normalize(s, x);
  Value one = s.num(1), f = s.sub(n.m, one), d = s.add(n.m, one), dLow = s.sub(n.m, s.sub(d, one));
  Value inverse = s.div(one, d), q = s.exactPart(f, inverse);
  Value rest = s.fma(s.neg(q), dLow, s.fma(s.neg(q), d, f));
  Value qLow = s.mul(rest, inverse);
  Value w = s.exactPart(q, q), wLow = s.fma(s.add(q, q), qLow, s.fma(q, q, s.neg(w)));
  Value tail = s.exactPart(w, s.polynomial(w, powTail32, powTail64));
  Value third = s.num(s.pick(0x1.555556p-1, 0x1.5555555555555p-1));
  Value k = s.add(third, tail);
  Value kLow =
      s.add(s.sub(tail, s.sub(k, third)), s.num(s.pick(-0x1.5555555555555p-26, 0x1.5555555555555p-55)));
  Value cube = s.exactPart(q, w);
  Value cubeLow = s.fma(qLow, w, s.fma(q, wLow, s.fma(q, w, s.neg(cube))));
  Value t = s.exactPart(cube, k), tLow = s.fma(cubeLow, k, s.fma(cube, kLow, s.fma(cube, k, s.neg(t))));
  Value twice = s.add(q, q), high = s.add(twice, t);
  Value low = s.add(s.sub(t, s.sub(high, twice)), s.fma(qLow, s.num(2), tLow));
  // n ln 2: exact with the first part of it.
  Value base = s.mul(n.exponent, s.pick(0x1.62e4p-1, 0x1.62e42fee00000p-1));
  Value sum = s.add(base, high);
  low = s.add(s.sub(high, s.sub(sum, base)),
              s.fma(n.exponent, s.num(s.pick(0x1.7f7d1cf79abcap-20, 0x1.a39ef35793c76p-33)), low));
  Value total = s.add(sum, low);
  return {total, s.sub(low, s.sub(total, sum))};
}

// |x|^(y + yLow), NaN aside.
Value magnitude(Scalars &s, Value a, Value y, Value yLow = Value()) {
  Pair l = logPair(s, a);
  Value product = s.exactPart(y, l.high);
  Value low = s.fma(y, l.low, s.fma(y, l.high, s.neg(product)));
  if (yLow) low = s.fma(yLow, l.high, low);
  double limit = s.pick(150, 800);
  Value fits = s.less(s.abs(product), limit);
  Value result = expOfPair(s, s.clamp(product, -limit, limit), s.select(fits, low, s.num(0)));
  Value inf = s.inf(), zero = s.num(0), rising = s.greater(y, 0);
  // Bases 0 and inf, infinite exponents.
  Value isZero = s.equal(a, 0), edge = s.either(isZero, s.equal(a, inf));
  result = s.select(edge, s.select(arith::XOrIOp::create(s.b, s.loc, rising, isZero), inf, zero), result);
  Value above = s.greater(a, 1);
  Value same = arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::eq, rising, above);
  result = s.select(s.equal(s.abs(y), inf), s.select(same, inf, zero), result);
  return s.select(s.either(s.equal(a, 1), s.equal(y, 0)), s.num(1), result);
}

// The sign of an odd power.
Value withSign(Scalars &s, Value x, Value result, Value odd) {
  return s.select(odd, s.signed_(result, x), result);
}

} // namespace

// IEEE 754-2019 9.2.1: pow(x, 0) = pow(1, y) = 1 also for NaN; (negative finite)^(no integer) is NaN.
Value pow(Scalars &s, Value x, Value y) {
  Value a = s.abs(x), half = s.mul(y, 0.5);
  Value integral = s.equal(s.floor(y), y);
  Value odd = s.both(integral, s.is(Predicate::UNE, s.floor(half), half));
  Value result = withSign(s, x, magnitude(s, a, y), odd);
  Value invalid = s.both(s.both(s.less(x, 0), s.less(a, s.inf())), s.is(Predicate::UNE, s.floor(y), y));
  invalid = s.either(invalid, s.either(s.isNaN(x), s.isNaN(y)));
  Value one = s.either(s.equal(x, 1), s.equal(y, 0));
  return s.select(one, s.num(1), s.select(invalid, s.nan(), result));
}

// An integer exponent: its parity comes from the integer, since the float may round it; what the rounding
// lost is a second term.
Value powInteger(Scalars &s, Value x, Value n) {
  Value y = s.toFloat(n);
  Type type = n.getType();
  auto number = [&](int64_t v) -> Value {
    return arith::ConstantOp::create(s.b, s.loc, IntegerAttr::get(type, v));
  };
  Value last = arith::AndIOp::create(s.b, s.loc, n, number(1));
  Value odd = arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::eq, last, number(1));
  Value lost = arith::SubIOp::create(s.b, s.loc, n, arith::FPToSIOp::create(s.b, s.loc, type, y));
  lost = arith::SIToFPOp::create(s.b, s.loc, s.f, lost);
  Value result = withSign(s, x, magnitude(s, s.abs(x), y, lost), odd);
  result = s.select(s.isNaN(x), x, result);
  return s.select(s.equal(y, 0), s.num(1), result);
}

// A third of the bits of x, then steps of y + y (x - y^3) / (2 y^3 + x), each cubing the relative error. x is
// moved away from denormals and overflow by a power of 8.
Value cbrt(Scalars &s, Value x) {
  Value a = s.abs(x), isLarge = s.greater(a, 1);
  Value m = s.mul(a, s.select(isLarge, s.num(s.pick(0x1p-24, 0x1p-54)), s.num(s.pick(0x1p24, 0x1p54))));
  Value third = arith::DivUIOp::create(s.b, s.loc, s.bits(m), s.integer(3));
  Value y = s.fromBits(s.addI(third, s.integer(s.isSingle ? 0x2a514067 : 0x2a9f84fe36d22425)));
  for (int step = 0; step < (s.isSingle ? 2 : 4); ++step) {
    Value cube = s.mul(s.mul(y, y), y);
    Value rest = s.fma(s.neg(s.mul(y, y)), y, m);
    y = s.fma(y, s.div(rest, s.fma(cube, s.num(2), m)), y);
  }
  y = s.mul(y, s.select(isLarge, s.num(s.pick(0x1p8, 0x1p18)), s.num(s.pick(0x1p-8, 0x1p-18))));
  Value special = s.either(s.equal(a, 0), s.either(s.equal(a, s.inf()), s.isNaN(x)));
  return s.select(special, x, s.signed_(y, x));
}

} // namespace dlc::lower::maths
