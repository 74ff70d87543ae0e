// Coordinate arithmetic of row-major tensors.
#include "passes/schedule/emitter.h"

namespace dlc::schedule {

llvm::SmallVector<Dim> rowMajor(llvm::ArrayRef<Dim> dims) {
  llvm::SmallVector<Dim> strides(dims.size(), Dim(1));
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

llvm::SmallVector<Dim> delinearize(const Dim &position, llvm::ArrayRef<Dim> dims) {
  llvm::SmallVector<Dim> coords(dims.size(), Dim(0));
  Dim rest = position;
  for (size_t i = dims.size(); i-- > 0;) {
    if (dims[i].isConstant(1)) continue;
    bool outermost = llvm::all_of(dims.take_front(i), [](const Dim &d) { return d.isConstant(1); });
    coords[i] = outermost ? rest : mod(rest, dims[i]);
    if (outermost) break;
    rest = floorDiv(rest, dims[i]);
  }
  return coords;
}

} // namespace dlc::schedule
