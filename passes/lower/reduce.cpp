// A reduction along one dim of a tile: registers in order, then lanes by shuffles, then warps through shared
// memory.
#include "passes/lower/thread_builder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace dlc::lower {

SmallVector<int64_t> slicedRegisters(const Layout &layout, int64_t axis) {
  Layout sliced = layout.sliceDim(axis);
  std::map<std::vector<int64_t>, int64_t> place;
  for (int64_t r = 0; r < sliced.numRegisters(); ++r) place[sliced.coordinates(r, 0, 0)] = r;
  SmallVector<int64_t> result;
  for (int64_t r = 0; r < layout.numRegisters(); ++r) {
    std::vector<int64_t> at = layout.coordinates(r, 0, 0);
    at.erase(at.begin() + axis);
    result.push_back(place.at(at));
  }
  return result;
}

namespace {

// A value through a 32-bit shuffle, whatever its type.
Value shuffle(ThreadBuilder &t, Value value, int64_t laneMask) {
  Type type = value.getType(), i32 = t.b.getI32Type();
  auto exchange = [&](Value word) -> Value {
    auto kind = NVVM::ShflKindAttr::get(t.b.getContext(), NVVM::ShflKind::bfly);
    return NVVM::ShflOp::create(t.b, t.loc, i32, t.constant(i32, -1), word, t.constant(i32, laneMask),
                                t.constant(i32, 31), kind, UnitAttr());
  };
  unsigned width = type.getIntOrFloatBitWidth();
  Type bits = t.b.getIntegerType(width);
  Value word = isa<FloatType>(type) ? Value(arith::BitcastOp::create(t.b, t.loc, bits, value)) : value;
  if (width == 64) {
    Type i64 = t.b.getI64Type();
    Value low = exchange(arith::TruncIOp::create(t.b, t.loc, i32, word));
    Value high = arith::ShRUIOp::create(t.b, t.loc, word, t.constant(i64, 32));
    high = exchange(arith::TruncIOp::create(t.b, t.loc, i32, high));
    low = arith::ExtUIOp::create(t.b, t.loc, i64, low);
    high =
        arith::ShLIOp::create(t.b, t.loc, arith::ExtUIOp::create(t.b, t.loc, i64, high), t.constant(i64, 32));
    word = arith::OrIOp::create(t.b, t.loc, low, high);
  } else {
    Value wide = width < 32 ? Value(arith::ExtUIOp::create(t.b, t.loc, i32, word)) : word;
    wide = exchange(wide);
    word = width < 32 ? Value(arith::TruncIOp::create(t.b, t.loc, bits, wide)) : wide;
  }
  return isa<FloatType>(type) ? Value(arith::BitcastOp::create(t.b, t.loc, type, word)) : word;
}

SmallVector<Value> gather(ArrayRef<Registers> tiles, size_t r) {
  SmallVector<Value> values;
  for (const Registers &tile : tiles) values.push_back(tile[r]);
  return values;
}

void put(MutableArrayRef<Registers> tiles, size_t r, ValueRange values) {
  for (auto [tile, value] : llvm::zip(tiles, values)) tile[r] = value;
}

/// The exchange between warps that hold parts of the same element.
class WarpExchange {
public:
  WarpExchange(ThreadBuilder &t, const Layout &layout, int64_t axis) : t(t) {
    int64_t stride = 1;
    for (const LayoutDigit &digit : layout.warps()) {
      if (digit.offset[axis] && digit.count > 1) digits.push_back({stride, digit.count});
      stride *= digit.count;
    }
  }
  bool isNeeded() const { return !digits.empty(); }

  // Each warp writes its partial values to [warp][register][lane]; then every thread combines those of all
  // partners in the order of the warps, so that all get the same bits.
  void run(MutableArrayRef<Registers> tiles, Combine combine) {
    Type i32 = t.b.getI32Type();
    int64_t registers = tiles[0].size(), perWarp = registers * 32, offset = 0;
    SmallVector<int64_t> offsets, sizes;
    for (const Registers &tile : tiles) {
      int64_t size = std::max<int64_t>(1, tile[0].getType().getIntOrFloatBitWidth() / 8);
      offsets.push_back(offset);
      sizes.push_back(size);
      offset += (perWarp * t.warps * size + 15) / 16 * 16;
    }
    Value base = t.scratch(offset);
    // The first warp of this thread's group: its partners' digits set to zero.
    Value group = t.warp();
    for (auto [stride, count] : digits) {
      Value digit = arith::RemUIOp::create(t.b, t.loc, divide(t.warp(), stride), t.constant(i32, count));
      group = arith::SubIOp::create(t.b, t.loc, group,
                                    arith::MulIOp::create(t.b, t.loc, digit, t.constant(i32, stride)));
    }
    t.barrier(); // an earlier exchange is read by now
    for (size_t k = 0; k < tiles.size(); ++k)
      for (int64_t r = 0; r < registers; ++r)
        store(tiles[k][r], address(base, offsets[k], sizes[k], t.warp(), 0, r, perWarp));
    t.barrier();
    for (int64_t r = 0; r < registers; ++r) {
      SmallVector<Value> acc;
      for (int64_t partner : partners()) {
        SmallVector<Value> part;
        for (size_t k = 0; k < tiles.size(); ++k)
          part.push_back(
              load(tiles[k][r].getType(), address(base, offsets[k], sizes[k], group, partner, r, perWarp)));
        acc = acc.empty() ? part : combine(acc, part);
      }
      put(tiles, r, acc);
    }
  }

private:
  Value divide(Value value, int64_t by) {
    return by == 1 ? value
                   : Value(arith::DivUIOp::create(t.b, t.loc, value, t.constant(t.b.getI32Type(), by)));
  }

  SmallVector<int64_t> partners() const {
    SmallVector<int64_t> result{0};
    for (auto [stride, count] : digits) {
      SmallVector<int64_t> grown;
      for (int64_t v = 0; v < count; ++v)
        for (int64_t first : result) grown.push_back(first + v * stride);
      result = grown;
    }
    llvm::sort(result);
    return result;
  }

  Value address(Value base, int64_t offset, int64_t size, Value warp, int64_t partner, int64_t r,
                int64_t perWarp) {
    Type i32 = t.b.getI32Type();
    Value index = arith::MulIOp::create(t.b, t.loc, warp, t.constant(i32, perWarp * size));
    index = arith::AddIOp::create(t.b, t.loc, index,
                                  arith::MulIOp::create(t.b, t.loc, t.lane(), t.constant(i32, size)));
    index = arith::AddIOp::create(t.b, t.loc, index,
                                  t.constant(i32, offset + partner * perWarp * size + r * 32 * size));
    return LLVM::GEPOp::create(t.b, t.loc, base.getType(), t.b.getI8Type(), base, ValueRange{index});
  }

  void store(Value value, Value pointer) {
    if (value.getType().isInteger(1)) value = arith::ExtUIOp::create(t.b, t.loc, t.b.getI8Type(), value);
    LLVM::StoreOp::create(t.b, t.loc, value, pointer);
  }
  Value load(Type type, Value pointer) {
    if (!type.isInteger(1)) return LLVM::LoadOp::create(t.b, t.loc, type, pointer);
    Value byte = LLVM::LoadOp::create(t.b, t.loc, t.b.getI8Type(), pointer);
    return arith::TruncIOp::create(t.b, t.loc, type, byte);
  }

  ThreadBuilder &t;
  SmallVector<std::pair<int64_t, int64_t>> digits; // stride and count of the warp digits along the axis
};

} // namespace

SmallVector<Registers> reduceTiles(ThreadBuilder &t, const Layout &layout, int64_t axis,
                                   ArrayRef<Registers> operands, Combine combine) {
  SmallVector<int64_t> place = slicedRegisters(layout, axis);
  int64_t kept = layout.sliceDim(axis).numRegisters();
  SmallVector<Registers> results(operands.size(), Registers(kept));
  for (size_t r = 0; r < place.size(); ++r) {
    SmallVector<Value> element = gather(operands, r);
    if (results[0][place[r]]) element = combine(gather(results, place[r]), element);
    put(results, place[r], element);
  }
  int64_t stride = 1;
  for (const LayoutDigit &digit : layout.lanes()) {
    if (digit.offset[axis])
      for (int64_t mask = 1; mask < digit.count; mask *= 2)
        for (int64_t r = 0; r < kept; ++r) {
          SmallVector<Value> own = gather(results, r), other;
          for (Value value : own) other.push_back(shuffle(t, value, mask * stride));
          put(results, r, combine(own, other));
        }
    stride *= digit.count;
  }
  WarpExchange exchange(t, layout, axis);
  if (exchange.isNeeded()) exchange.run(results, combine);
  return results;
}

} // namespace dlc::lower
