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

llvm::SmallVector<Dim> reshapeCoords(llvm::ArrayRef<Dim> coords, llvm::ArrayRef<Dim> to,
                                     llvm::ArrayRef<Dim> from) {
  llvm::SmallVector<Dim> result(from.size(), Dim(0));
  size_t t = 0, f = 0;
  while (t < to.size() || f < from.size()) {
    // The smallest groups to[t, tEnd) and from[f, fEnd) with equal products; the rest forms one group when
    // none is found.
    size_t tEnd = to.size(), fEnd = from.size();
    Dim tProduct(1);
    bool found = false;
    for (size_t i = t; i < to.size() && !found; ++i) {
      tProduct = tProduct * to[i];
      Dim fProduct(1);
      for (size_t k = f; k < from.size(); ++k) {
        fProduct = fProduct * from[k];
        if (!(fProduct == tProduct)) continue;
        tEnd = i + 1, fEnd = k + 1, found = true;
        break;
      }
    }
    auto toGroup = to.slice(t, tEnd - t), fromGroup = from.slice(f, fEnd - f);
    auto strides = rowMajor(toGroup);
    Dim position(0);
    for (size_t i = 0; i < toGroup.size(); ++i) position = position + coords[t + i] * strides[i];
    auto part = delinearize(position, fromGroup);
    for (size_t k = 0; k < part.size(); ++k) result[f + k] = part[k];
    t = tEnd, f = fEnd;
  }
  return result;
}

} // namespace dlc::schedule
