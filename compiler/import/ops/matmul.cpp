// Matrix products.
#include "compiler/import/node.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

using namespace mlir;

/// Both operands' dim `what` made equal, by renaming.
void agree(Node &n, Value &a, int64_t dimA, Value &b, int64_t dimB, const char *what) {
  Dims x = n.e.dims(a), y = n.e.dims(b);
  x[dimA] = y[dimB] = n.e.symbols.unify(x[dimA], y[dimB], what);
  a = n.e.rename(a, x);
  b = n.e.rename(b, y);
}

/// numpy.matmul of operands with two dims or more.
Value product(Node &n, Value a, Value b) {
  Emit &e = n.e;
  Type type = e.type(a);
  // Leading dims of 1 of the right operand are no batch: then the left one's are rows.
  Dims right = e.dims(b);
  while (right.size() > 2 && right[0].isConstant(1) && graph::rankOf(a) >= int64_t(right.size()))
    right.erase(right.begin());
  b = e.reshape(b, right);
  int64_t rankA = graph::rankOf(a), rankB = graph::rankOf(b);
  agree(n, a, rankA - 1, b, rankB - 2, "inner dims of the product differ");
  if (rankB == 2) return graph::dot(e.b, e.loc, a, b, {}, {}, {rankA - 1}, {0}, type);
  Dims x = e.dims(a), y = e.dims(b);
  Dims batch = e.symbols.broadcast({Dims(x.begin(), x.end() - 2), Dims(y.begin(), y.end() - 2)});
  Dims fullA = batch, fullB = batch;
  fullA.append(x.end() - 2, x.end());
  fullB.append(y.end() - 2, y.end());
  int64_t rank = static_cast<int64_t>(fullA.size());
  llvm::SmallVector<int64_t> batches;
  for (int64_t i = 0; i < rank - 2; ++i) batches.push_back(i);
  return graph::dot(e.b, e.loc, e.to(a, fullA), e.to(b, fullB), batches, batches, {rank - 1}, {rank - 2},
                    type);
}

void matMul(Node &n) {
  if (n.type(0) != n.type(1))
    n.fail(Code::E0303, "operands have types " + typeName(n.type(0)) + " and " + typeName(n.type(1)));
  Value a = n.value(0), b = n.value(1);
  bool vectorA = n.rank(0) == 1, vectorB = n.rank(1) == 1;
  if (n.rank(0) == 0 || n.rank(1) == 0) n.fail(Code::E0305, "operands must have one dim or more");
  if (vectorA) a = n.e.unsqueeze(a, {0});
  if (vectorB) b = n.e.unsqueeze(b, {1});
  Value result = product(n, a, b);
  Dims dims = n.e.dims(result);
  if (vectorB) dims.pop_back();
  if (vectorA) dims.erase(dims.end() - (vectorB ? 1 : 2));
  n.result(n.e.reshape(result, dims), n.type(0));
}

// alpha * A' * B' + beta * C; transposed operands are contracted along their other dim.
void gemm(Node &n) {
  if (n.type(0) != n.type(1))
    n.fail(Code::E0303, "operands have types " + typeName(n.type(0)) + " and " + typeName(n.type(1)));
  if (n.rank(0) != 2 || n.rank(1) != 2) n.fail(Code::E0305, "operands must have two dims");
  int64_t inA = n.intAttr("transA", 0) ? 0 : 1, inB = n.intAttr("transB", 0) ? 1 : 0;
  double alpha = n.floatAttr("alpha", 1), beta = n.floatAttr("beta", 1);
  Value a = n.value(0), b = n.value(1);
  agree(n, a, inA, b, inB, "inner dims of the product differ");
  // Product, scales and C are rounded together, once.
  Type type = n.e.type(a), sum = n.e.accumulator(type);
  Value result = graph::dot(n.e.b, n.e.loc, a, b, {}, {}, {inA}, {inB}, sum);
  auto scaled = [&](Value v, double by) {
    if (by == 1) return v;
    if (n.e.isFloat(v)) return n.e.mul(v, by);
    Value wide = n.e.mul(n.e.cast(v, n.type(0), DataType::F64), by);
    return n.e.cast(wide, DataType::F64, n.type(0));
  };
  result = scaled(result, alpha);
  if (n.has(2)) {
    if (n.type(2) != n.type(0)) n.fail(Code::E0303, "C has another type than A and B");
    Value c = scaled(n.e.toFloat(n.value(2), sum), beta);
    result = n.e.add(result, n.e.to(c, n.e.dims(result)));
  }
  result = n.e.toFloat(result, type);
  n.result(result, n.type(0));
}

constexpr int newest = newestOpset;
constexpr TypeSet types = floatTypes | typeBit(DataType::I32) | typeBit(DataType::I64) |
                          typeBit(DataType::U32) | typeBit(DataType::U64);
const OpRow rows[] = {
    {"", "MatMul", 1, newest, 2, 2, types, matMul},
    {"", "Gemm", 7, newest, 2, 3, types, gemm},
};

} // namespace

llvm::ArrayRef<OpRow> matmulOps() { return rows; }

} // namespace dlc::import
