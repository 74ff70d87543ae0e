// Division and remainder of indices.
//
//   x floordiv 12                x >= 0        ->  mulhi(x, m) >> s            m, s: magic.h
//   x floordiv 8                               ->  x >> 3
//   x floordiv S    tile.divisor %p of <S>     ->  (mulhi(x, %m) + x) >> %s    %m, %s: the halves of %p
//   x floordiv S                 S > 0         ->  arith.divui
//   x floordiv S                 otherwise     ->  arith.floordivsi
//   x floordiv d                 any sign      ->  ~(~x / d) where x is negative: two xors around the above
//   x mod d                                    ->  x - (x floordiv d) * d
//   x ceildiv d                                ->  -(-x floordiv d)
//
// A division of the GPU by what is known at run time only is a subroutine of some twenty instructions; one by
// a constant that may be dividing 32-bit values is up to five: LLVM would not know that the sign bit is zero.
#include "passes/lower/magic.h"
#include "passes/lower/thread_builder.h"

using namespace mlir;

namespace dlc::lower {

void ThreadBuilder::declareDivisor(const Dim &divisor, Value magic) {
  Type i32 = b.getI32Type();
  Value high = arith::ShRUIOp::create(b, loc, magic, constant(b.getI64Type(), 32));
  divisors.push_back(
      {divisor, arith::TruncIOp::create(b, loc, i32, magic), arith::TruncIOp::create(b, loc, i32, high)});
}

// Divisors that differ by 2^k have the same multiplier, and shifts that differ by k: expressions that are
// multiples of a power of two have lost it on both sides of a division.
std::optional<ThreadBuilder::Divisor> ThreadBuilder::findDivisor(const Dim &dim) {
  constexpr int64_t largest = 1 << 8;
  auto moved = [&](const Divisor &known, int64_t places) -> Divisor {
    if (!places) return known;
    return {dim, known.multiplier,
            arith::AddIOp::create(b, loc, known.shift, constant(known.shift.getType(), places))};
  };
  for (const Divisor &known : divisors) {
    auto ratio = exactDivide(dim, known.dim);
    auto factor = ratio ? ratio->constantValue() : std::nullopt;
    if (factor && *factor > 0 && llvm::isPowerOf2_64(*factor)) return moved(known, llvm::Log2_64(*factor));
  }
  for (int64_t factor = 2; factor <= largest; factor *= 2) {
    Dim whole = facts.simplify(dim * factor);
    for (const Divisor &known : divisors)
      if (known.dim == whole) return moved(known, -int64_t(llvm::Log2_64(factor)));
  }
  return std::nullopt;
}

// As an intrinsic: LLVM would mix a product of 64 bits into the multiplications around it.
Value ThreadBuilder::highHalf(Value x, Value y) {
  return LLVM::CallIntrinsicOp::create(b, loc, b.getI32Type(), b.getStringAttr("llvm.nvvm.mulhi.ui"),
                                       ValueRange{x, y})
      .getResult(0);
}

// floor(value / d) from a quotient that is right for values that are not negative.
Value ThreadBuilder::floorOf(Value value, bool isNonNegative, function_ref<Value(Value)> quotient) {
  if (isNonNegative) return quotient(value);
  Value last = constant(value.getType(), value.getType().getIntOrFloatBitWidth() - 1);
  Value sign = arith::ShRSIOp::create(b, loc, value, last);
  return arith::XOrIOp::create(b, loc, quotient(arith::XOrIOp::create(b, loc, value, sign)), sign);
}

Value ThreadBuilder::divideByConstant(Dim::Kind kind, Value lhs, int64_t divisor, bool isNonNegative) {
  bool isMod = kind == Dim::Kind::Mod;
  Value d = constant(divisor);
  if (llvm::isPowerOf2_64(divisor)) {
    if (isMod) return arith::AndIOp::create(b, loc, lhs, constant(divisor - 1));
    Value places = constant(llvm::Log2_64(divisor));
    return isNonNegative ? Value(arith::ShRUIOp::create(b, loc, lhs, places))
                         : arith::ShRSIOp::create(b, loc, lhs, places);
  }
  Value floor = floorOf(lhs, isNonNegative, [&](Value value) -> Value {
    if (!indexType.isInteger(32)) return arith::DivUIOp::create(b, loc, value, d);
    Magic magic = magicOf(uint32_t(divisor));
    return arith::ShRUIOp::create(b, loc, highHalf(value, constant(int32_t(magic.multiplier))),
                                  constant(magic.shift));
  });
  return isMod ? arith::SubIOp::create(b, loc, lhs, arith::MulIOp::create(b, loc, floor, d)) : floor;
}

Value ThreadBuilder::divide(Dim::Kind kind, const Dim &lhs, const Dim &rhs) {
  if (kind == Dim::Kind::CeilDiv)
    return arith::SubIOp::create(b, loc, constant(0), divide(Dim::Kind::FloorDiv, -lhs, rhs));
  bool isMod = kind == Dim::Kind::Mod, isNonNegative = facts.proveNonNegative(lhs);
  Value n = materialize(lhs);
  auto constantDivisor = rhs.constantValue();
  if (constantDivisor && *constantDivisor > 0 && *constantDivisor <= INT32_MAX)
    return divideByConstant(kind, n, *constantDivisor, isNonNegative);
  Value d = materialize(rhs), floor;
  auto known = findDivisor(rhs);
  if (!known && !facts.provePositive(rhs)) {
    floor = arith::FloorDivSIOp::create(b, loc, n, d);
  } else {
    floor = floorOf(n, isNonNegative, [&](Value value) -> Value {
      if (!known) {
        auto quotient = arith::DivUIOp::create(b, loc, value, d);
        quotient->setAttr("tile.positive_divisor", b.getUnitAttr());
        return quotient;
      }
      Value sum = arith::AddIOp::create(b, loc, highHalf(value, known->multiplier), value);
      return LLVM::LShrOp::create(b, loc, sum, known->shift);
    });
  }
  return isMod ? arith::SubIOp::create(b, loc, n, arith::MulIOp::create(b, loc, floor, d)) : floor;
}

} // namespace dlc::lower
