// Integer powers of integers.
#include "passes/lower/maths/maths.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace dlc::lower {

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

} // namespace dlc::lower
