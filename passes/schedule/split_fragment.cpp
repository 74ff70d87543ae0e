#include "passes/schedule/split_fragment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

/// Pointwise arithmetic on tiles of one shape.
class Tiles {
public:
  Tiles(OpBuilder &b, Location location, RankedTensorType type)
      : b(b), location(location), type(type), bits(type.clone(b.getI32Type())) {}

  Value splat(const APFloat &value) {
    return arith::ConstantOp::create(b, location,
                                     DenseElementsAttr::get(type, b.getFloatAttr(b.getF32Type(), value)));
  }
  Value splat(int32_t value) {
    return arith::ConstantOp::create(b, location, DenseElementsAttr::get(bits, b.getI32IntegerAttr(value)));
  }
  Value absolute(Value x) { return math::AbsFOp::create(b, location, x); }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, location, predicate, x, y);
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(b, location, condition, yes, no);
  }
  /// The nearest tf32 (ties away from zero), by adding half a unit to the word and cutting its last 13 bits.
  Value rounded(Value x) {
    // The largest that rounding up leaves finite: beyond it, and for infinities and NaN, truncation serves.
    Value largest = splat(APFloat(0x1.ffep127f));
    Value rounds = compare(arith::CmpFPredicate::OLT, absolute(x), largest);
    Value word = arith::BitcastOp::create(b, location, bits, x);
    word = arith::AddIOp::create(b, location, word, select(rounds, splat(0x1000), splat(0)));
    word = arith::AndIOp::create(b, location, word, splat(static_cast<int32_t>(0xffffe000)));
    return arith::BitcastOp::create(b, location, type, word);
  }

private:
  OpBuilder &b;
  Location location;
  RankedTensorType type, bits;
};

} // namespace

// Truncation instead of rounding would leave 2^-20 in the product that is left out, always of one sign, and
// that adds up over deep networks. An infinity equals its truncation and so leaves no rest (inf - inf).
SplitFragment splitFragment(OpBuilder &b, Location location, Value x) {
  Tiles tiles(b, location, cast<RankedTensorType>(x.getType()));
  Value high = tiles.rounded(x);
  Value exact = tiles.compare(arith::CmpFPredicate::OEQ, x, high), zero = tiles.splat(APFloat(0.0f));
  return {high, tiles.select(exact, zero, arith::SubFOp::create(b, location, x, high))};
}

Value finiteFragment(OpBuilder &b, Location location, Value x) {
  Tiles tiles(b, location, cast<RankedTensorType>(x.getType()));
  Value infinity = tiles.splat(APFloat::getInf(APFloat::IEEEsingle()));
  Value isFinite = tiles.compare(arith::CmpFPredicate::ONE, tiles.absolute(x), infinity);
  return tiles.select(isFinite, x, tiles.splat(APFloat(0.0f)));
}

} // namespace dlc::schedule
