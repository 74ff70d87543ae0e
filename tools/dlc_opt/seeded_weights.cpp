#include "tools/dlc_opt/seeded_weights.h"

#include "ir/graph/graph.h"
#include "ir/interp/fold.h"
#include "ir/interp/tensor.h"

#include "llvm/Support/xxhash.h"

namespace dlc {

static std::vector<char> seededBytes(llvm::StringRef name, DType dtype, interp::DimsRef dims) {
  interp::Tensor values(isFloat(dtype) ? DType::F64 : DType::I64, dims);
  uint64_t state = llvm::xxh3_64bits(name);
  for (int64_t i = 0; i < values.count(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u; // Knuth, MMIX
    if (isFloat(dtype))
      values.data<double>()[i] = double(state >> 11) * 0x1p-52 - 1;
    else
      values.data<int64_t>()[i] = dtype == DType::I1 ? state >> 63 : state >> 62;
  }
  interp::Tensor stored = values.converted(dtype);
  std::vector<char> bytes(stored.byteCount());
  stored.copyTo(bytes.data());
  return bytes;
}

void seedWeights(mlir::ModuleOp module, WeightsTable &weights) {
  interp::installFoldRunner(weights, module);
  std::vector<std::pair<llvm::StringRef, mlir::RankedTensorType>> named;
  module.walk([&](graph::ConstantOp constant) {
    auto weight = mlir::dyn_cast<graph::WeightAttr>(constant.getValue());
    auto type = mlir::cast<mlir::RankedTensorType>(constant.getType());
    if (weight && type.hasStaticShape() && dtypeOf(type.getElementType()))
      named.emplace_back(weight.getName(), type);
  });
  // A file that is split holds several modules, which may use one name for tensors of several types.
  weights.prune([&](llvm::StringRef name) {
    const WeightsTable::Entry *entry = weights.find(name);
    return llvm::any_of(named, [&](auto &use) {
      return use.first == name && entry->dtype == dtypeOf(use.second.getElementType()) &&
             llvm::ArrayRef<int64_t>(entry->dims) == use.second.getShape();
    });
  });
  for (auto [name, type] : named) {
    if (weights.find(name)) continue;
    DType dtype = *dtypeOf(type.getElementType());
    llvm::cantFail(weights.addBytes(name, dtype, type.getShape(), seededBytes(name, dtype, type.getShape())));
  }
}

} // namespace dlc
