// exp and log in fp64, which NVPTX has no instruction for, and integer powers.
//
// exp: x = n ln 2 + r with |r| <= ln 2 / 2; the Taylor polynomial of degree 13 leaves r^14 / 14! < 5e-18;
// times 2^n in two steps, so that denormal results round once more at most. log: x = 2^e m with m in
// [sqrt(1/2), sqrt 2); log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172, whose series to s^23 leaves
// less than 1e-18 of it.
#include "passes/lower/to_llvm.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace dlc::lower {

namespace {

/// Short names for scalar fp64 code.
struct Doubles {
  OpBuilder b;
  Location loc;
  Type f64, i64;

  explicit Doubles(Operation *op) : b(op), loc(op->getLoc()), f64(b.getF64Type()), i64(b.getI64Type()) {}

  Value num(double v) { return arith::ConstantOp::create(b, loc, FloatAttr::get(f64, v)); }
  Value inf(bool negative) {
    return arith::ConstantOp::create(b, loc,
                                     FloatAttr::get(f64, APFloat::getInf(APFloat::IEEEdouble(), negative)));
  }
  Value nan() {
    return arith::ConstantOp::create(b, loc, FloatAttr::get(f64, APFloat::getQNaN(APFloat::IEEEdouble())));
  }
  Value integer(int64_t v) { return arith::ConstantOp::create(b, loc, IntegerAttr::get(i64, v)); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b, loc, c, x, y); }
  Value less(Value x, Value y) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, y); }
  Value bits(Value x) { return arith::BitcastOp::create(b, loc, i64, x); }
  Value fromBits(Value x) { return arith::BitcastOp::create(b, loc, f64, x); }
  Value shl(Value x, int64_t n) { return arith::ShLIOp::create(b, loc, x, integer(n)); }
  Value addi(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  // 2^n for an integer n whose power is normal.
  Value powerOfTwo(Value n) { return fromBits(shl(addi(n, integer(1023)), 52)); }
};

Value expDouble(Doubles &d, Value x) {
  Value n = math::RoundEvenOp::create(d.b, d.loc, d.mul(x, d.num(1.4426950408889634)));
  Value minusN = arith::NegFOp::create(d.b, d.loc, n);
  // ln 2 in two parts: the first has trailing zeros, so that n times it is exact.
  Value r = d.fma(minusN, d.num(0x1.62e42fee00000p-1), x);
  r = d.fma(minusN, d.num(0x1.a39ef35793c76p-33), r);
  double factorial[14] = {1};
  for (int k = 1; k < 14; ++k) factorial[k] = factorial[k - 1] * k;
  Value sum = d.num(1 / factorial[13]);
  for (int k = 12; k >= 0; --k) sum = d.fma(sum, r, d.num(1 / factorial[k]));
  // Inside the range of finite results n fits; outside it is replaced below.
  Value inRange = d.less(math::AbsFOp::create(d.b, d.loc, x), d.num(800));
  Value whole = arith::FPToSIOp::create(d.b, d.loc, d.i64, d.select(inRange, n, d.num(0)));
  Value half = arith::ShRSIOp::create(d.b, d.loc, whole, d.integer(1));
  Value rest = arith::SubIOp::create(d.b, d.loc, whole, half);
  Value result = d.mul(d.mul(sum, d.powerOfTwo(half)), d.powerOfTwo(rest));
  result = d.select(d.less(d.num(709.79), x), d.inf(false), result);
  result = d.select(d.less(x, d.num(-745.2)), d.num(0), result);
  Value isNaN = arith::CmpFOp::create(d.b, d.loc, arith::CmpFPredicate::UNO, x, x);
  return d.select(isNaN, x, result);
}

Value logDouble(Doubles &d, Value x) {
  Value isSmall = d.less(x, d.num(0x1p-1022));
  Value scaled = d.select(isSmall, d.mul(x, d.num(0x1p54)), x);
  Value word = d.bits(scaled);
  Value exponent = arith::ShRUIOp::create(d.b, d.loc, word, d.integer(52));
  exponent = d.addi(exponent, d.select(isSmall, d.integer(-1023 - 54), d.integer(-1023)));
  Value mantissa = arith::AndIOp::create(d.b, d.loc, word, d.integer((int64_t(1) << 52) - 1));
  Value m = d.fromBits(arith::OrIOp::create(d.b, d.loc, mantissa, d.integer(int64_t(1023) << 52)));
  Value isLarge = d.less(d.num(1.4142135623730951), m);
  m = d.select(isLarge, d.mul(m, d.num(0.5)), m);
  exponent = d.addi(exponent, d.select(isLarge, d.integer(1), d.integer(0)));
  Value s = arith::DivFOp::create(d.b, d.loc, d.sub(m, d.num(1)), d.add(m, d.num(1))), square = d.mul(s, s);
  Value series = d.num(2.0 / 23);
  for (int k = 21; k >= 3; k -= 2) series = d.fma(series, square, d.num(2.0 / k));
  Value logM = d.fma(d.mul(series, square), s, d.mul(s, d.num(2)));
  Value e = arith::SIToFPOp::create(d.b, d.loc, d.f64, exponent);
  Value result = d.fma(e, d.num(0x1.62e42fee00000p-1), d.fma(e, d.num(0x1.a39ef35793c76p-33), logM));
  Value isZero = arith::CmpFOp::create(d.b, d.loc, arith::CmpFPredicate::OEQ, x, d.num(0));
  Value isInf = arith::CmpFOp::create(d.b, d.loc, arith::CmpFPredicate::OEQ, x, d.inf(false));
  result = d.select(isZero, d.inf(true), d.select(isInf, x, result));
  Value isValid = arith::CmpFOp::create(d.b, d.loc, arith::CmpFPredicate::OGE, x, d.num(0));
  return d.select(isValid, result, d.nan());
}

// base ^ exponent by squaring; a negative exponent gives 0 but for the bases 1 and -1, as truncation of the
// real result.
void expandIntegerPower(math::IPowIOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Type type = op.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  auto number = [&](OpBuilder &b, int64_t v) -> Value {
    return arith::ConstantOp::create(b, loc, IntegerAttr::get(type, APInt(width, v, true, true)));
  };
  Type i32 = b.getI32Type();
  auto i32Constant = [&](int64_t v) -> Value {
    return arith::ConstantOp::create(b, loc, IntegerAttr::get(i32, v));
  };
  auto loop = scf::ForOp::create(b, loc, i32Constant(0), i32Constant(width), i32Constant(1),
                                 ValueRange{number(b, 1), op.getLhs(), op.getRhs()});
  {
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    auto values = loop.getRegionIterArgs();
    Value odd = arith::AndIOp::create(body, loc, values[2], number(body, 1));
    Value isOdd = arith::CmpIOp::create(body, loc, arith::CmpIPredicate::ne, odd, number(body, 0));
    Value product = arith::MulIOp::create(body, loc, values[0], values[1]);
    Value power = arith::SelectOp::create(body, loc, isOdd, product, values[0]);
    Value square = arith::MulIOp::create(body, loc, values[1], values[1]);
    Value rest = arith::ShRUIOp::create(body, loc, values[2], number(body, 1));
    scf::YieldOp::create(body, loc, ValueRange{power, square, rest});
  }
  auto is = [&](Value x, int64_t v) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, number(b, v));
  };
  Value odd = is(arith::AndIOp::create(b, loc, op.getRhs(), number(b, 1)), 1);
  Value minusOne = arith::SelectOp::create(b, loc, odd, number(b, -1), number(b, 1));
  Value inverse = arith::SelectOp::create(b, loc, is(op.getLhs(), -1), minusOne, number(b, 0));
  inverse = arith::SelectOp::create(b, loc, is(op.getLhs(), 1), number(b, 1), inverse);
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, op.getRhs(), number(b, 0));
  op.replaceAllUsesWith(Value(arith::SelectOp::create(b, loc, negative, inverse, loop.getResult(0))));
  op.erase();
}

} // namespace

void expandDouble(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<math::ExpOp, math::LogOp, math::IPowIOp>(op)) ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (auto power = dyn_cast<math::IPowIOp>(op)) {
      expandIntegerPower(power);
      continue;
    }
    if (!op->getResult(0).getType().isF64()) continue;
    Doubles d(op);
    Value result = isa<math::ExpOp>(op) ? expDouble(d, op->getOperand(0)) : logDouble(d, op->getOperand(0));
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
}

} // namespace dlc::lower
