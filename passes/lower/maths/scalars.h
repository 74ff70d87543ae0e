// Short names for the scalar code that maths in f32 and f64 expands to; one text serves both types.
//
// The backend contracts a product and a sum into one fma, also when the product has other uses. Where the
// rounding of a product itself matters (its error is taken by an fma), it is made by exactPart, which is
// never contracted.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

namespace dlc::lower::maths {

#include "passes/lower/maths/coefficients.inc"

using mlir::Value;
using Predicate = mlir::arith::CmpFPredicate;

struct Scalars {
  mlir::OpBuilder b;
  mlir::Location loc;
  bool isSingle;
  mlir::Type f, i; ///< the float and the integer of its width

  explicit Scalars(mlir::Operation *op)
      : Scalars(mlir::OpBuilder(op), op->getLoc(), op->getResult(0).getType().isF32()) {}
  Scalars(mlir::OpBuilder builder, mlir::Location location, bool isSingle)
      : b(builder), loc(location), isSingle(isSingle),
        f(isSingle ? mlir::Type(b.getF32Type()) : mlir::Type(b.getF64Type())),
        i(b.getIntegerType(isSingle ? 32 : 64)) {}

  int mantissa() const { return isSingle ? 23 : 52; }
  int bias() const { return isSingle ? 127 : 1023; }
  double pick(double single, double wide) const { return isSingle ? single : wide; }

  Value num(double v) { return mlir::arith::ConstantOp::create(b, loc, mlir::FloatAttr::get(f, v)); }
  Value inf() { return num(std::numeric_limits<double>::infinity()); }
  Value nan() { return num(std::numeric_limits<double>::quiet_NaN()); }
  Value integer(int64_t v) { return mlir::arith::ConstantOp::create(b, loc, mlir::IntegerAttr::get(i, v)); }
  Value add(Value x, Value y) { return mlir::arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, loc, x, y); }
  Value mul(Value x, double y) { return mul(x, num(y)); }
  Value div(Value x, Value y) { return mlir::arith::DivFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) { return mlir::math::FmaOp::create(b, loc, x, y, z); }
  Value neg(Value x) { return mlir::arith::NegFOp::create(b, loc, x); }
  Value abs(Value x) { return mlir::math::AbsFOp::create(b, loc, x); }
  Value sqrt(Value x) { return mlir::math::SqrtOp::create(b, loc, x); }
  Value round(Value x) { return mlir::math::RoundEvenOp::create(b, loc, x); }
  Value floor(Value x) { return mlir::math::FloorOp::create(b, loc, x); }
  Value signed_(Value magnitude, Value sign) {
    return mlir::math::CopySignOp::create(b, loc, magnitude, sign);
  }
  Value select(Value c, Value x, Value y) { return mlir::arith::SelectOp::create(b, loc, c, x, y); }
  Value is(Predicate p, Value x, Value y) { return mlir::arith::CmpFOp::create(b, loc, p, x, y); }
  Value less(Value x, Value y) { return is(Predicate::OLT, x, y); }
  Value less(Value x, double y) { return less(x, num(y)); }
  Value greater(Value x, double y) { return less(num(y), x); }
  Value equal(Value x, Value y) { return is(Predicate::OEQ, x, y); }
  Value equal(Value x, double y) { return equal(x, num(y)); }
  Value isNaN(Value x) { return is(Predicate::UNO, x, x); }
  Value both(Value x, Value y) { return mlir::arith::AndIOp::create(b, loc, x, y); }
  Value either(Value x, Value y) { return mlir::arith::OrIOp::create(b, loc, x, y); }
  Value bits(Value x) { return mlir::arith::BitcastOp::create(b, loc, i, x); }
  Value fromBits(Value x) { return mlir::arith::BitcastOp::create(b, loc, f, x); }
  Value addI(Value x, Value y) { return mlir::arith::AddIOp::create(b, loc, x, y); }
  Value subI(Value x, Value y) { return mlir::arith::SubIOp::create(b, loc, x, y); }
  Value toInteger(Value x) { return mlir::arith::FPToSIOp::create(b, loc, i, x); }
  Value toFloat(Value x) { return mlir::arith::SIToFPOp::create(b, loc, f, x); }

  /// x within [low, high]; NaN stays.
  Value clamp(Value x, double low, double high) {
    x = select(less(x, low), num(low), x);
    return select(greater(x, high), num(high), x);
  }
  /// c[0] + c[1] x + ...
  template <size_t n, size_t m>
  Value polynomial(Value x, const double (&single)[n], const double (&wide)[m]) {
    const double *c = isSingle ? single : wide;
    size_t degree = (isSingle ? n : m) - 1;
    Value sum = num(c[degree]);
    while (degree-- > 0) sum = fma(sum, x, num(c[degree]));
    return sum;
  }
  /// 2^n, for n whose power is normal.
  Value powerOfTwo(Value n) {
    return fromBits(mlir::arith::ShLIOp::create(b, loc, addI(n, integer(bias())), integer(mantissa())));
  }
  Value call(llvm::StringRef intrinsic, mlir::ValueRange operands) {
    return mlir::LLVM::CallIntrinsicOp::create(b, loc, f, b.getStringAttr(intrinsic), operands).getResult(0);
  }
  /// x y rounded towards zero; fma(x, y, -exactPart(x, y)) is the rest, exact.
  Value exactPart(Value x, Value y) {
    return call(isSingle ? "llvm.nvvm.mul.rz.f" : "llvm.nvvm.mul.rz.d", {x, y});
  }
};

/// A value as the unevaluated sum of two.
struct Pair {
  Value high, low;
};

// Expansions by name; each states its bound in its file.
Value exp(Scalars &s, Value x);
Value exp2(Scalars &s, Value x);
Value expm1(Scalars &s, Value x);
Value log(Scalars &s, Value x);
Value log2(Scalars &s, Value x);
Value log10(Scalars &s, Value x);
Value log1p(Scalars &s, Value x);
/// e^(x + low) for a low below an ulp of x or so; x within +-150 (f32), +-800 (f64) or NaN.
Value expOfPair(Scalars &s, Value x, Value low);
/// x = 2^exponent m with m in [sqrt(1/2), sqrt 2), for positive finite x.
struct Normalized {
  Value m, exponent;
};
Normalized normalize(Scalars &s, Value x);
Value sin(Scalars &s, Value x);
Value cos(Scalars &s, Value x);
Value tan(Scalars &s, Value x);
Value asin(Scalars &s, Value x);
Value acos(Scalars &s, Value x);
Value atan(Scalars &s, Value x);
Value atan2(Scalars &s, Value y, Value x);
Value sinh(Scalars &s, Value x);
Value cosh(Scalars &s, Value x);
Value tanh(Scalars &s, Value x);
Value asinh(Scalars &s, Value x);
Value acosh(Scalars &s, Value x);
Value atanh(Scalars &s, Value x);
Value erf(Scalars &s, Value x);
Value erfc(Scalars &s, Value x);
Value pow(Scalars &s, Value x, Value y);
Value powInteger(Scalars &s, Value x, Value n);
Value cbrt(Scalars &s, Value x);

} // namespace dlc::lower::maths
