#include "ir/interp/fold.h"

#include "ir/interp/interpreter.h"
#include "ir/interp/numerics.h"

#include "llvm/Support/xxhash.h"

namespace dlc::interp {
namespace {

/// Writes the tensor's elements to `out` in another type, without a second tensor.
void writeAs(const Tensor &tensor, DType type, char *out) {
  if (tensor.dtype() == type) return tensor.copyTo(out);
  constexpr int64_t piece = 1 << 14;
  std::vector<char> buffer(std::min(piece, tensor.count()) * byteSize(tensor.dtype()));
  for (int64_t begin = 0; begin < tensor.count(); begin += piece) {
    int64_t n = std::min(piece, tensor.count() - begin);
    tensor.copyRange(begin, n, buffer.data());
    convert(buffer.data(), tensor.dtype(), out + begin * byteSize(type), type, n);
  }
}

llvm::Error runFold(mlir::ModuleOp module, const WeightsTable &weights, const WeightsTable::Entry &entry,
                    WeightsTable::MutableBytes out) {
  const auto &recipe = std::get<WeightsTable::Recipe>(entry.source);
  auto function = module.lookupSymbol<mlir::func::FuncOp>(recipe.params);
  if (!function) return llvm::createStringError("the module has no function @" + recipe.params);
  std::vector<WeightsTable::Held> held;
  std::vector<Tensor> inputs;
  for (const std::string &name : recipe.inputs) {
    llvm::Expected<WeightsTable::Held> bytes = weights.bytes(name);
    if (!bytes) return bytes.takeError();
    held.push_back(std::move(*bytes));
    const WeightsTable::Entry *input = weights.find(name);
    inputs.push_back(Tensor::borrow(input->dtype, input->dims, held.back().bytes().data()));
  }
  llvm::Expected<std::vector<Tensor>> results = Interpreter(&weights, {}).run(function, inputs);
  if (!results) return results.takeError();
  if (results->size() != 1 || results->front().dims() != DimsRef(entry.dims))
    return llvm::createStringError("@" + recipe.params + " does not compute weight '" + entry.name + "'");
  writeAs(results->front(), entry.dtype, out.data());
  return llvm::Error::success();
}

} // namespace

void installFoldRunner(WeightsTable &weights, mlir::ModuleOp module) {
  weights.setRunner("fold",
                    [module](const WeightsTable &table, const WeightsTable::Entry &entry,
                             WeightsTable::MutableBytes out) { return runFold(module, table, entry, out); });
}

uint64_t foldMeaning(mlir::func::FuncOp function) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << function.getFunctionType() << '\n';
  for (mlir::Operation &op : function.getBody().front()) {
    op.print(os, mlir::OpPrintingFlags().printGenericOpForm());
    os << '\n';
  }
  return llvm::xxh3_64bits(llvm::StringRef(text));
}

llvm::Error addFold(WeightsTable &weights, llvm::StringRef name, mlir::func::FuncOp function,
                    std::vector<std::string> inputs) {
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(function.getFunctionType().getResult(0));
  std::optional<DType> dtype = type ? dtypeOf(type.getElementType()) : std::nullopt;
  if (!dtype || !type.hasStaticShape())
    return llvm::createStringError("a fold gives one tensor of static dims");
  return weights.addRecipe(name, *dtype, type.getShape(),
                           {"fold", function.getName().str(), std::move(inputs), foldMeaning(function)});
}

} // namespace dlc::interp
