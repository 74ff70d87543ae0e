// Trigonometric functions and their inverses.
//
// x = n pi/2 + r, |r| <= pi/4. Below 2^15 (f32) or 2^30 (f64) by three parts of pi/2, each an fma; n times
// the first minus x is exact. Above, in a branch, from the bits of 2/pi that matter to n mod 4 and 128 bits
// after them.
#include "passes/lower/maths/scalars.h"

using namespace mlir;

namespace dlc::lower::maths {

namespace {

struct Quadrant {
  Value r, n; ///< n as an integer of the float's width
};

// The 64 bits of 64 zeros and 2/pi after them that start at word `index`.
Value wordAt(OpBuilder &b, Location loc, Value index, int offset) {
  Type i64 = b.getI64Type();
  auto word = [&](int k) -> Value {
    uint64_t bits = 0;
    if (k >= 1 && k <= 20) bits = uint64_t(twoOverPi[2 * k - 2]) << 32 | twoOverPi[2 * k - 1];
    return arith::ConstantOp::create(b, loc, IntegerAttr::get(i64, APInt(64, bits)));
  };
  Value result = word(16 + offset);
  for (int k = 15; k >= 0; --k) {
    Value at = arith::ConstantOp::create(b, loc, IntegerAttr::get(i64, k));
    Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, index, at);
    result = arith::SelectOp::create(b, loc, here, word(k + offset), result);
  }
  return result;
}

// For |x| = M 2^E in f64, M an integer: M 2^E (2/pi) / 4 mod 1 is M W mod 1, W the bits of 2/pi from that of
// weight 2^(1 - E) on; those before it make multiples of 4.
Quadrant reduceLarge(Scalars &d, Value x) {
  auto constant = [&](uint64_t v) -> Value { return d.integer(int64_t(v)); };
  auto andI = [&](Value a, Value c) -> Value { return arith::AndIOp::create(d.b, d.loc, a, c); };
  auto orI = [&](Value a, Value c) -> Value { return arith::OrIOp::create(d.b, d.loc, a, c); };
  auto right = [&](Value a, Value c) -> Value { return arith::ShRUIOp::create(d.b, d.loc, a, c); };
  auto left = [&](Value a, Value c) -> Value { return arith::ShLIOp::create(d.b, d.loc, a, c); };
  Value bits = d.bits(d.abs(x));
  Value m = orI(andI(bits, constant((uint64_t(1) << 52) - 1)), constant(uint64_t(1) << 52));
  Value first = d.addI(right(bits, constant(52)), constant(62 - 1075));
  Value index = right(first, constant(6)), shift = andI(first, constant(63));
  Value back = d.subI(constant(63), shift);
  Value raw[4], w[3];
  for (int k = 0; k < 4; ++k) raw[k] = wordAt(d.b, d.loc, index, k);
  for (int k = 0; k < 3; ++k) w[k] = orI(left(raw[k], shift), right(right(raw[k + 1], constant(1)), back));
  auto middle = arith::MulUIExtendedOp::create(d.b, d.loc, m, w[1]);
  Value under = arith::MulUIExtendedOp::create(d.b, d.loc, m, w[2]).getHigh();
  Value low = d.addI(middle.getLow(), under);
  Value carry = arith::ExtUIOp::create(
      d.b, d.loc, d.i, arith::CmpIOp::create(d.b, d.loc, arith::CmpIPredicate::ult, low, under));
  Value high = d.addI(d.addI(arith::MulIOp::create(d.b, d.loc, m, w[0]), middle.getHigh()), carry);
  Value n = right(d.addI(high, constant(uint64_t(1) << 61)), constant(62));
  Value rest = d.subI(high, left(n, constant(62)));
  // rest 2^64 + low, in units of 2^-126 quadrants, as a pair of floats.
  Value top = d.toFloat(rest);
  Value below = d.toFloat(d.subI(rest, d.toInteger(top)));
  below = d.add(below, d.mul(arith::UIToFPOp::create(d.b, d.loc, d.f, low), 0x1p-64));
  Value halfPi = d.num(0x1.921fb54442d18p+0), product = d.exactPart(top, halfPi);
  Value error = d.fma(top, halfPi, d.neg(product));
  error = d.fma(top, d.num(0x1.1a62633145c07p-54), d.fma(below, halfPi, error));
  Value r = d.mul(d.add(product, error), 0x1p-62);
  Value negative = d.less(x, 0);
  return {d.select(negative, d.neg(r), r), d.select(negative, d.subI(constant(0), n), n)};
}

Quadrant reduce(Scalars &s, Value x) {
  Value magnitude = s.abs(x);
  Value isLarge = s.is(Predicate::OGE, magnitude, s.num(s.pick(0x1p15, 0x1p30)));
  Value near = s.select(isLarge, s.num(0), x);
  Value n = s.round(s.mul(near, 0.6366197723675814)), minusN = s.neg(n);
  Value r = s.fma(minusN, s.num(s.pick(0x1.921fb6p+0, 0x1.921fb54442d18p+0)), near);
  r = s.fma(minusN, s.num(s.pick(-0x1.777a5cp-25, 0x1.1a62633145c07p-54)), r);
  r = s.fma(minusN, s.num(s.pick(-0x1.ee59dap-50, -0x1.f1976b7ed8fbcp-110)), r);
  // n = 0 leaves x as it is, -0 too.
  r = s.select(s.equal(n, 0), near, r);
  auto branch = scf::IfOp::create(s.b, s.loc, TypeRange{s.f, s.i}, isLarge, true);
  {
    OpBuilder b = branch.getThenBodyBuilder();
    Scalars d(b, s.loc, false);
    Value wide = s.isSingle ? Value(arith::ExtFOp::create(d.b, d.loc, d.f, x)) : x;
    Quadrant q = reduceLarge(d, wide);
    if (s.isSingle)
      q = {arith::TruncFOp::create(d.b, d.loc, s.f, q.r), arith::TruncIOp::create(d.b, d.loc, s.i, q.n)};
    scf::YieldOp::create(d.b, d.loc, ValueRange{q.r, q.n});
  }
  OpBuilder b = branch.getElseBodyBuilder();
  scf::YieldOp::create(b, s.loc, ValueRange{r, arith::FPToSIOp::create(b, s.loc, s.i, n)});
  s.b.setInsertionPointAfter(branch);
  Value finite = s.less(magnitude, s.inf());
  return {s.select(finite, branch.getResult(0), s.nan()), branch.getResult(1)};
}

Value hasBit(Scalars &s, Value n, int64_t bit) {
  Value masked = arith::AndIOp::create(s.b, s.loc, n, s.integer(bit));
  return arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::ne, masked, s.integer(0));
}

// The sign of r is that of the result; the sum would lose it at -0.
Value sinSmall(Scalars &s, Value r) {
  Value w = s.mul(r, r);
  return s.signed_(s.fma(s.mul(r, w), s.polynomial(w, sinTail32, sinTail64), r), r);
}

// 1 - w/2 + w^2 C(w); what rounding 1 - w/2 lost comes with the tail.
Value cosSmall(Scalars &s, Value r) {
  Value w = s.mul(r, r), one = s.num(1);
  Value head = s.fma(w, s.num(-0.5), one);
  Value lost = s.fma(w, s.num(-0.5), s.sub(one, head));
  return s.add(head, s.fma(s.mul(w, w), s.polynomial(w, cosTail32, cosTail64), lost));
}

Value sinOfQuadrant(Scalars &s, Value r, Value n) {
  Value result = s.select(hasBit(s, n, 1), cosSmall(s, r), sinSmall(s, r));
  return s.select(hasBit(s, n, 2), s.neg(result), result);
}

// asin(x) - x for |x| <= 1/2, w = x^2.
Value asinRest(Scalars &s, Value x, Value w) {
  return s.mul(s.mul(x, w), s.polynomial(w, asinTail32, asinTail64));
}

constexpr double halfPi = 0x1.921fb54442d18p+0;
Value halfPiLow(Scalars &s) { return s.num(s.pick(-0x1.777a5cp-25, 0x1.1a62633145c07p-54)); }

// atan(x) for 0 <= x <= 1.
Value atanSmall(Scalars &s, Value x) {
  Value w = s.mul(x, x);
  return s.fma(s.mul(x, w), s.polynomial(w, atanTail32, atanTail64), x);
}

} // namespace

Value sin(Scalars &s, Value x) {
  Quadrant q = reduce(s, x);
  return sinOfQuadrant(s, q.r, q.n);
}

Value cos(Scalars &s, Value x) {
  Quadrant q = reduce(s, x);
  return sinOfQuadrant(s, q.r, s.addI(q.n, s.integer(1)));
}

Value tan(Scalars &s, Value x) {
  Quadrant q = reduce(s, x);
  Value sine = sinSmall(s, q.r), cosine = cosSmall(s, q.r), odd = hasBit(s, q.n, 1);
  return s.div(s.select(odd, s.neg(cosine), sine), s.select(odd, sine, cosine));
}

// Above 1/2: pi/2 - 2 asin(sqrt((1 - |x|) / 2)).
Value asin(Scalars &s, Value x) {
  Value a = s.abs(x), isLarge = s.greater(a, 0.5);
  Value half = s.fma(a, s.num(-0.5), s.num(0.5));
  Value t = s.select(isLarge, s.sqrt(half), a), w = s.select(isLarge, half, s.mul(a, a));
  Value rest = asinRest(s, t, w);
  Value direct = s.add(t, rest);
  Value twice = s.fma(rest, s.num(-2), halfPiLow(s));
  Value other = s.fma(t, s.num(-2), s.num(halfPi));
  Value lost = s.fma(t, s.num(-2), s.sub(s.num(halfPi), other));
  return s.signed_(s.select(isLarge, s.add(other, s.add(lost, twice)), direct), x);
}

// Above 1/2: 2 asin(sqrt((1 - x) / 2)); below -1/2: pi minus that of -x; else pi/2 - asin(x).
Value acos(Scalars &s, Value x) {
  Value a = s.abs(x), isLarge = s.greater(a, 0.5);
  Value half = s.fma(a, s.num(-0.5), s.num(0.5));
  Value t = s.select(isLarge, s.sqrt(half), x), w = s.select(isLarge, half, s.mul(x, x));
  Value value = s.add(t, asinRest(s, t, w));
  Value near = s.add(value, value);
  Value far = s.add(s.sub(s.num(2 * halfPi), near), s.mul(halfPiLow(s), 2));
  Value middle = s.add(s.num(halfPi), s.sub(halfPiLow(s), value));
  return s.select(isLarge, s.select(s.less(x, 0), far, near), middle);
}

// Above 1: pi/2 - atan(1 / x).
Value atan(Scalars &s, Value x) {
  Value a = s.abs(x), isLarge = s.greater(a, 1);
  Value t = atanSmall(s, s.select(isLarge, s.div(s.num(1), a), a));
  Value other = s.add(s.num(halfPi), s.sub(halfPiLow(s), t));
  return s.signed_(s.select(isLarge, other, t), x);
}

Value atan2(Scalars &s, Value y, Value x) {
  Value a = s.abs(x), c = s.abs(y), steep = s.less(a, c);
  Value low = s.select(steep, a, c), high = s.select(steep, c, a);
  Value ratio = s.div(low, high);
  ratio = s.select(s.equal(low, s.inf()), s.num(1), ratio);
  ratio = s.select(s.equal(high, 0), s.num(0), ratio);
  Value angle = atanSmall(s, ratio);
  angle = s.select(steep, s.add(s.num(halfPi), s.sub(halfPiLow(s), angle)), angle);
  Value negative = arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::slt, s.bits(x), s.integer(0));
  Value turned = s.add(s.num(2 * halfPi), s.sub(s.mul(halfPiLow(s), 2), angle));
  Value result = s.signed_(s.select(negative, turned, angle), y);
  return s.select(s.either(s.isNaN(x), s.isNaN(y)), s.nan(), result);
}

} // namespace dlc::lower::maths
