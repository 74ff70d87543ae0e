// Convolutions.
#include "compiler/import/table.h"
#include "compiler/import/window.h"

namespace dlc::import {
namespace {

using namespace mlir;

void conv(Node &n) {
  if (n.type(1) != n.type(0)) n.fail(Code::E0303, "the filter has another type than the input");
  int64_t rank = n.rank(0);
  if (rank < 3 || n.rank(1) != rank)
    n.fail(Code::E0305, "input and filter must have as many dims, three or more");
  Dims in = n.dims(0);
  const Dims &filter = n.dims(1);
  llvm::SmallVector<int64_t> kernel;
  for (const Dim &dim : llvm::ArrayRef<Dim>(filter).drop_front(2)) {
    if (!dim.isConstant() || *dim.constantValue() < 1)
      n.fail(Code::E0305, "the filter's spatial dims must be constant");
    kernel.push_back(*dim.constantValue());
  }
  int64_t groups = n.intAttr("group", 1);
  auto outputs = filter[0].constantValue(), perGroup = filter[1].constantValue();
  if (!outputs || !perGroup) n.fail(Code::E0305, "the filter's channels must be constant");
  if (groups < 1 || *outputs % groups != 0)
    n.fail(Code::E0305, std::to_string(*outputs) + " output channels do not divide into " +
                            std::to_string(groups) + " groups");
  in[1] = n.e.symbols.unify(in[1], Dim(*perGroup) * groups, "input channels differ from the filter's");
  WindowGeometry g = windowGeometry(n, llvm::ArrayRef<Dim>(in).drop_front(2), kernel, false);
  Value x = n.e.rename(n.value(0), in);
  // Sum and bias are rounded together, once.
  Type sum = n.has(2) ? n.e.accumulator(n.e.type(x)) : n.e.type(x);
  Value result =
      graph::conv(n.e.b, n.e.loc, x, n.value(1), g.strides, g.dilations, g.low, g.high, groups, sum);
  if (n.has(2)) {
    if (n.type(2) != n.type(0) || n.rank(2) != 1)
      n.fail(Code::E0305, "the bias must be a vector of the input's type");
    Value bias = n.value(2);
    n.e.symbols.unify(n.dims(2)[0], filter[0], "the bias differs from the output channels");
    bias = n.e.toFloat(bias, sum);
    result = n.e.add(result, graph::broadcast(n.e.b, n.e.loc, bias, n.e.dims(result), {1}));
    result = n.e.toFloat(result, n.e.type(x));
  }
  n.result(result, n.type(0));
}

const OpRow rows[] = {
    {"", "Conv", 1, newestOpset, 2, 3, floatTypes, conv},
};

} // namespace

llvm::ArrayRef<OpRow> convOps() { return rows; }

} // namespace dlc::import
