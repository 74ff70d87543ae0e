// Copies into shared memory, and fragments out of it; where elements lie is SharedLayout's to say.
#include "passes/lower/shared.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include <numeric>

using namespace mlir;

namespace dlc::lower {

static int64_t bytesOf(Type element) { return element.getIntOrFloatBitWidth() / 8; }

int64_t stageBytes(tile::SharedType type) { return tile::sharedLayout(type).bytes(); }

Value sharedBuffer(ThreadBuilder &t, func::FuncOp kernel, int64_t offset) {
  auto module = kernel->getParentOfType<ModuleOp>();
  std::string name = (kernel.getName() + "_shared").str();
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(t.b);
    t.b.setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(t.b, t.loc, LLVM::LLVMArrayType::get(t.b.getI8Type(), 0), /*isConstant=*/false,
                           LLVM::Linkage::External, name, Attribute(), /*alignment=*/128, /*addrSpace=*/3);
  }
  auto type = LLVM::LLVMPointerType::get(t.b.getContext(), 3);
  Value base = LLVM::AddressOfOp::create(t.b, t.loc, type, name);
  if (!offset) return base;
  return LLVM::GEPOp::create(t.b, t.loc, type, t.b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{int32_t(offset)});
}

static Value advance(ThreadBuilder &t, Value pointer, Value bytes) {
  return LLVM::GEPOp::create(t.b, t.loc, pointer.getType(), t.b.getI8Type(), pointer, ValueRange{bytes});
}
static Value advance(ThreadBuilder &t, Value pointer, int64_t bytes) {
  if (!bytes) return pointer;
  return LLVM::GEPOp::create(t.b, t.loc, pointer.getType(), t.b.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
}

Value stageAddress(ThreadBuilder &t, tile::SharedType type, Value buffer, Value stage) {
  if (type.getStages() == 1) return buffer;
  Type i32 = t.b.getI32Type();
  if (stage.getType() != i32) stage = arith::TruncIOp::create(t.b, t.loc, i32, stage);
  return advance(t, buffer, arith::MulIOp::create(t.b, t.loc, stage, t.constant(i32, stageBytes(type))));
}

namespace {

/// Addresses of elements of a stage, for rows and columns that are a thread's part plus constants.
class StageAddresses {
public:
  /// `row` and `column` are this thread's part (i32); constants are added per access.
  StageAddresses(ThreadBuilder &t, tile::SharedType type, Value stage, Value row, Value column)
      : t(t), layout(tile::sharedLayout(type)), stage(stage), row(row), column(column),
        size(bytesOf(type.getElementType())) {}

  Value at(int64_t r, int64_t c) {
    Type i32 = t.b.getI32Type();
    int64_t pitch = layout.pitch();
    if (!layout.swizzle().bits) {
      Value offset = plus(times(row, pitch), times(column, size));
      return advance(t, advance(t, stage, offset), r * pitch + c * size);
    }
    // Rows eight apart share the permutation, so their distance is a constant.
    int64_t rowRest = r % 8, rowStep = r - rowRest;
    Value actualRow = plusConstant(row, rowRest), bytes = plusConstant(times(column, size), c * size);
    Value chunk = arith::ShRUIOp::create(t.b, t.loc, bytes, t.constant(i32, 4));
    Value within = arith::AndIOp::create(t.b, t.loc, bytes, t.constant(i32, 15));
    Value permuted = arith::XOrIOp::create(t.b, t.loc, chunk, permutation(actualRow));
    Value offset = plus(times(actualRow, pitch), plus(times(permuted, 16), within));
    return advance(t, advance(t, stage, offset), rowStep * pitch);
  }

private:
  // What the swizzle xors onto the number of a chunk: bits of the address that the row alone decides, as the
  // pitch is a power of two.
  Value permutation(Value r) {
    Type i32 = t.b.getI32Type();
    const Swizzle &swizzle = layout.swizzle();
    int64_t shift = swizzle.base + swizzle.shift - llvm::Log2_64(layout.pitch()),
            mask = (int64_t(1) << swizzle.bits) - 1;
    if (shift) r = arith::ShRUIOp::create(t.b, t.loc, r, t.constant(i32, shift));
    return arith::AndIOp::create(t.b, t.loc, r, t.constant(i32, mask));
  }
  Value times(Value value, int64_t by) {
    return by == 1 ? value
                   : Value(arith::MulIOp::create(t.b, t.loc, value, t.constant(t.b.getI32Type(), by)));
  }
  Value plus(Value a, Value b) { return arith::AddIOp::create(t.b, t.loc, a, b); }
  Value plusConstant(Value a, int64_t k) {
    return k ? Value(arith::AddIOp::create(t.b, t.loc, a, t.constant(t.b.getI32Type(), k))) : a;
  }

  ThreadBuilder &t;
  SharedLayout layout;
  Value stage, row, column;
  int64_t size;
};

Value as32(ThreadBuilder &t, const Dim &part) {
  Value value = t.materialize(part);
  Type i32 = t.b.getI32Type();
  return value.getType() == i32 ? value : Value(arith::TruncIOp::create(t.b, t.loc, i32, value));
}

} // namespace

// `width` elements in one piece per thread, the threads along the rows' columns first.
static Layout copyLayout(tile::SharedType type, int64_t width, int64_t warps) {
  return Layout::blocked({type.getRows(), type.getColumns()}, width, warps);
}

// For elements that are loaded one by one: those of a row that share 16 bytes of the stage in one thread, and
// neighbouring rows in neighbouring lanes. What a row costs (a convolution's position, taken apart into
// image, height and width) is computed once per thread, and memory that runs along the rows is read
// coalesced.
static Layout gatherLayout(tile::SharedType type, int64_t warps) {
  int64_t rows = type.getRows(), columns = type.getColumns();
  int64_t width = std::min(16 / bytesOf(type.getElementType()), columns), chunks = columns / width;
  int64_t lanes = std::gcd<int64_t>(32, rows), laneChunks = std::gcd(32 / lanes, chunks);
  int64_t warpRows = std::gcd(warps, rows / lanes),
          warpChunks = std::gcd(warps / warpRows, chunks / laneChunks);
  Layout::Blocks blocks{{1, width}, {lanes, laneChunks}, {warpRows, warpChunks}, {1, 0}};
  blocks.numWarps = warps;
  return *Layout::blocked({rows, columns}, blocks);
}

void copyStage(ThreadBuilder &t, Access access, tile::SharedType type, Value stage, bool byRows) {
  Type element = type.getElementType();
  int64_t size = bytesOf(element), width = std::min<int64_t>(16 / size, type.getColumns());
  for (; width > 1; width /= 2) {
    access.layout = copyLayout(type, width, t.warps);
    if (accessWidth(t, access, element) >= width) break;
  }
  bool isAsync = width * size >= 4; // what cp.async moves at least
  access.layout = isAsync || !byRows ? copyLayout(type, width, t.warps) : gatherLayout(type, t.warps);
  SmallVector<Dim> part = t.threadPart(access.layout);
  StageAddresses addresses(t, type, stage, as32(t, part[0]), as32(t, part[1]));
  if (!isAsync) {
    Registers values = loadTile(t, access, element, graph::scalarAttr(element, 0), /*constant=*/true);
    fillStage(t, access.layout, values, type, stage);
    return;
  }
  Value owner = t.isOwner(access.layout);
  Type i32 = t.b.getI32Type();
  auto kind = width * size == 16 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
  visitAccess(t, access, element, width, [&](int64_t r, Value pointer, Value predicate) {
    std::vector<int64_t> at = access.layout.coordinates(r, 0, 0);
    Value bytes;
    if (predicate)
      bytes =
          arith::SelectOp::create(t.b, t.loc, predicate, t.constant(i32, width * size), t.constant(i32, 0));
    auto copy = [&] {
      NVVM::CpAsyncOp::create(t.b, t.loc, addresses.at(at[0], at[1]), pointer, width * size, kind, bytes);
    };
    if (!owner) return copy();
    auto guarded = scf::IfOp::create(t.b, t.loc, owner, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(t.b);
    t.b.setInsertionPointToStart(guarded.thenBlock());
    copy();
  });
}

// How many registers of a layout one access within a row of a stage takes: neighbours along `dim`, inside a
// chunk of 16 bytes.
static int64_t pieceWidth(ThreadBuilder &t, const Layout &layout, tile::SharedType type, size_t dim) {
  int64_t size = bytesOf(type.getElementType()),
          width = std::min<int64_t>(layout.vectorWidth(dim), 16 / size);
  while (width & (width - 1)) --width;
  int64_t multiple =
      std::gcd(t.facts.divisor(t.threadPart(layout)[dim]), tile::sharedLayout(type).pitch() / size);
  while (width > 1 && multiple % width) width /= 2;
  return width;
}

void fillStage(ThreadBuilder &t, const Layout &layout, ArrayRef<Value> values, tile::SharedType type,
               Value stage, bool transposed) {
  Type element = type.getElementType();
  SmallVector<Dim> part = t.threadPart(layout);
  size_t rowDim = transposed ? 1 : 0, columnDim = 1 - rowDim;
  StageAddresses addresses(t, type, stage, as32(t, part[rowDim]), as32(t, part[columnDim]));
  int64_t width = pieceWidth(t, layout, type, columnDim);
  for (int64_t r = 0; r < layout.numRegisters(); r += width) {
    std::vector<int64_t> at = layout.coordinates(r, 0, 0);
    Value pointer = addresses.at(at[rowDim], at[columnDim]), value = values[r];
    if (width > 1) {
      value = LLVM::PoisonOp::create(t.b, t.loc, VectorType::get({width}, element));
      for (int64_t k = 0; k < width; ++k)
        value =
            LLVM::InsertElementOp::create(t.b, t.loc, value, values[r + k], t.constant(t.b.getI32Type(), k));
    }
    LLVM::StoreOp::create(t.b, t.loc, value, pointer, width * bytesOf(element));
  }
}

Registers readStage(ThreadBuilder &t, const Layout &layout, tile::SharedType type, Value stage, Value row) {
  Type element = type.getElementType(), i32 = t.b.getI32Type();
  SmallVector<Dim> part = t.threadPart(layout);
  if (row.getType() != i32) row = arith::TruncIOp::create(t.b, t.loc, i32, row);
  StageAddresses addresses(t, type, stage, arith::AddIOp::create(t.b, t.loc, as32(t, part[0]), row),
                           as32(t, part[1]));
  int64_t width = pieceWidth(t, layout, type, 1);
  Type piece = width > 1 ? Type(VectorType::get({width}, element)) : element;
  Registers out;
  for (int64_t r = 0; r < layout.numRegisters(); r += width) {
    std::vector<int64_t> at = layout.coordinates(r, 0, 0);
    Value loaded =
        LLVM::LoadOp::create(t.b, t.loc, piece, addresses.at(at[0], at[1]), width * bytesOf(element));
    for (int64_t k = 0; k < width; ++k)
      out.push_back(width == 1 ? loaded
                               : LLVM::ExtractElementOp::create(t.b, t.loc, loaded, t.constant(i32, k)));
  }
  return out;
}

void waitForCopies(ThreadBuilder &t, int64_t groups) {
  NVVM::CpAsyncWaitGroupOp::create(t.b, t.loc, groups);
  t.barrier();
}

//===- Fragments ---------------------------------------------------------------------===//

namespace {

/// A fragment as 8x8 matrices of 16-bit pairs of columns: what ldmatrix fills.
class FragmentLoader {
public:
  FragmentLoader(ThreadBuilder &t, const Layout &layout, tile::SharedType type, Value stage, int64_t row,
                 int64_t column, bool transposed)
      : t(t), layout(layout), type(type), stage(stage), row(row), column(column), transposed(transposed),
        element(type.getElementType()), pack(4 / bytesOf(element)) {}

  Registers load() {
    // The dim of the tile along which a register's elements (or a quad's lanes) run, and the one along which
    // groups of lanes run.
    int64_t quadDim = layout.lanes()[0].offset[0] ? 0 : 1;
    // ldmatrix reads rows of 16 bytes along the quad's dim; transposed, it reads along the other one (16-bit
    // elements only).
    bool alongColumns = (quadDim == 1) != transposed;
    if (bytesOf(element) == 2 || (bytesOf(element) == 4 && alongColumns))
      return loadMatrices(quadDim, alongColumns);
    return loadElements();
  }

private:
  // The stage's row and column of the element at tile coordinates.
  std::pair<int64_t, int64_t> place(const std::vector<int64_t> &at) const {
    return transposed ? std::pair{row + at[1], column + at[0]} : std::pair{row + at[0], column + at[1]};
  }

  Registers loadMatrices(int64_t quadDim, bool alongColumns) {
    Type i32 = t.b.getI32Type();
    int64_t words = layout.numRegisters() / pack, count = words % 4 == 0 ? 4 : words % 2 == 0 ? 2 : 1;
    // The warp's part of the coordinates; lanes address rows of matrices instead of elements.
    Layout warpPart(layout.shape(), layout.registers(), {{32, {0, 0}}}, layout.warps());
    SmallVector<Dim> part = t.threadPart(warpPart);
    Value lane = t.lane(), inRow = arith::AndIOp::create(t.b, t.loc, lane, t.constant(i32, 7));
    Registers out;
    for (int64_t word = 0; word < words; word += count) {
      auto origin = [&](int64_t k) { return place(layout.coordinates((word + k) * pack, 0, 0)); };
      auto [row0, column0] = origin(0);
      // Lanes 8k .. 8k+7 address the rows of matrix k; the four origins are a sum of two steps.
      Value r = plus(as32(t, part[transposed ? 1 : 0]), inRow), c = as32(t, part[transposed ? 0 : 1]);
      for (int64_t bit = 0; (1 << bit) < count; ++bit) {
        auto [row1, column1] = origin(1 << bit);
        Value digit = arith::ShRUIOp::create(t.b, t.loc, lane, t.constant(i32, 3 + bit));
        digit = arith::AndIOp::create(t.b, t.loc, digit, t.constant(i32, 1));
        r = plusTimes(r, digit, row1 - row0);
        c = plusTimes(c, digit, column1 - column0);
      }
      StageAddresses addresses(t, type, stage, r, c);
      loadWords(addresses.at(row0, column0), count, /*trans=*/!alongColumns, out);
    }
    return out;
  }

  void loadWords(Value pointer, int64_t count, bool trans, Registers &out) {
    Type i32 = t.b.getI32Type();
    std::string name =
        "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) + (trans ? ".trans" : "") + ".b16";
    Type result =
        count == 1 ? i32
                   : Type(LLVM::LLVMStructType::getLiteral(t.b.getContext(), SmallVector<Type>(count, i32)));
    Value loaded =
        LLVM::CallIntrinsicOp::create(t.b, t.loc, result, t.b.getStringAttr(name), ValueRange{pointer})
            .getResult(0);
    for (int64_t k = 0; k < count; ++k) {
      Value word = count == 1 ? loaded : LLVM::ExtractValueOp::create(t.b, t.loc, loaded, k);
      if (pack == 1) {
        out.push_back(LLVM::BitcastOp::create(t.b, t.loc, element, word));
        continue;
      }
      Value pair = LLVM::BitcastOp::create(t.b, t.loc, VectorType::get({pack}, element), word);
      for (int64_t i = 0; i < pack; ++i)
        out.push_back(LLVM::ExtractElementOp::create(t.b, t.loc, pair, t.constant(i32, i)));
    }
  }

  Registers loadElements() {
    SmallVector<Dim> part = t.threadPart(layout);
    Value r = as32(t, part[transposed ? 1 : 0]), c = as32(t, part[transposed ? 0 : 1]);
    StageAddresses addresses(t, type, stage, r, c);
    Registers out;
    for (int64_t i = 0; i < layout.numRegisters(); ++i) {
      auto [atRow, atColumn] = place(layout.coordinates(i, 0, 0));
      out.push_back(
          LLVM::LoadOp::create(t.b, t.loc, element, addresses.at(atRow, atColumn), bytesOf(element)));
    }
    return out;
  }

  Value plus(Value a, Value b) { return arith::AddIOp::create(t.b, t.loc, a, b); }
  Value plusTimes(Value a, Value digit, int64_t step) {
    if (!step) return a;
    return plus(a, arith::MulIOp::create(t.b, t.loc, digit, t.constant(t.b.getI32Type(), step)));
  }

  ThreadBuilder &t;
  const Layout &layout;
  tile::SharedType type;
  Value stage;
  int64_t row, column;
  bool transposed;
  Type element;
  int64_t pack; // elements in 32 bits
};

// `count` elements as the operands of an mma: pairs of halves, or 32-bit words.
void packOperands(ThreadBuilder &t, ArrayRef<Value> values, const tile::DotKind &kind,
                  SmallVectorImpl<Value> &out) {
  Type i32 = t.b.getI32Type();
  int64_t pack = 32 / kind.elementBits;
  for (size_t i = 0; i < values.size(); i += pack) {
    Value word = values[i];
    if (pack > 1) {
      word = LLVM::PoisonOp::create(t.b, t.loc, VectorType::get({pack}, values[i].getType()));
      for (int64_t k = 0; k < pack; ++k)
        word = LLVM::InsertElementOp::create(t.b, t.loc, word, values[i + k], t.constant(i32, k));
    }
    if (!kind.halfOperands) word = LLVM::BitcastOp::create(t.b, t.loc, i32, word);
    out.push_back(word);
  }
}

} // namespace

Registers loadFragment(ThreadBuilder &t, const Layout &layout, tile::SharedType type, Value stage,
                       int64_t row, int64_t column, bool transposed) {
  return FragmentLoader(t, layout, type, stage, row, column, transposed).load();
}

Registers multiply(ThreadBuilder &t, tile::DotOp op, ArrayRef<Value> a, ArrayRef<Value> b,
                   ArrayRef<Value> c) {
  const tile::DotKind &kind = *tile::findDotKind(op.getKind());
  Type f32 = t.b.getF32Type();
  // Registers of one instruction: 16 x k of A, k x 8 of B, 16 x 8 of C, spread over 32 lanes.
  int64_t perA = 16 * kind.k / 32, perB = kind.k * 8 / 32, perC = 4;
  int64_t blocksM = int64_t(a.size()) / perA, blocksN = int64_t(b.size()) / perB;
  auto result = LLVM::LLVMStructType::getLiteral(t.b.getContext(), SmallVector<Type>(4, f32));
  auto name = t.b.getStringAttr(std::string("llvm.nvvm.") + kind.intrinsic);
  Registers out(c.begin(), c.end());
  for (int64_t m = 0; m < blocksM; ++m)
    for (int64_t n = 0; n < blocksN; ++n) {
      SmallVector<Value> operands;
      packOperands(t, a.slice(m * perA, perA), kind, operands);
      packOperands(t, b.slice(n * perB, perB), kind, operands);
      int64_t at = (m * blocksN + n) * perC;
      operands.append(out.begin() + at, out.begin() + at + perC);
      Value d = LLVM::CallIntrinsicOp::create(t.b, t.loc, result, name, operands).getResult(0);
      for (int64_t k = 0; k < perC; ++k) out[at + k] = LLVM::ExtractValueOp::create(t.b, t.loc, d, k);
    }
  return out;
}

} // namespace dlc::lower
