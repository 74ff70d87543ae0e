#include "compiler/import/table.h"

#include "llvm/ADT/StringMap.h"

namespace dlc::import {
namespace {

using Index = llvm::StringMap<llvm::SmallVector<const OpRow *, 2>>;

const Index &index() {
  static const Index built = [] {
    Index result;
    const llvm::ArrayRef<OpRow> tables[] = {pointwiseOps(),     activationOps(), logicOps(),    shapeOps(),
                                            movementOps(),      gatherOps(),     generateOps(), reduceOps(),
                                            matmulOps(),        einsumOps(),     spectralOps(), convOps(),
                                            convTransposeOps(), poolOps(),       resizeOps(),   sampleOps(),
                                            normOps(),          attentionOps(),  controlOps()};
    for (llvm::ArrayRef<OpRow> table : tables)
      for (const OpRow &row : table) result[std::string(row.domain) + "::" + row.name].push_back(&row);
    return result;
  }();
  return built;
}

std::string key(const std::string &domain, const std::string &name) {
  return (domain == "ai.onnx" ? "" : domain) + "::" + name;
}

} // namespace

const OpRow *findRow(const std::string &domain, const std::string &name, int opset) {
  auto found = index().find(key(domain, name));
  if (found == index().end()) return nullptr;
  for (const OpRow *row : found->second)
    if (opset >= row->since && opset <= row->until) return row;
  return nullptr;
}

bool isKnownOperator(const std::string &domain, const std::string &name) {
  return index().count(key(domain, name)) != 0;
}

} // namespace dlc::import
