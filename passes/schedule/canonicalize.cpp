// A region's canonical form: symbols renamed in order of appearance, the body as a function.
#include "passes/schedule/schedule.h"

#include "mlir/IR/AttrTypeSubElements.h"

using namespace mlir;

namespace dlc::schedule {

func::FuncOp CanonicalRegion::function() const {
  ModuleOp held = module.get();
  return *held.getOps<func::FuncOp>().begin();
}

int64_t CanonicalRegion::mostShared(int64_t fill, int64_t sums) const {
  return byHand.split ? std::max<int64_t>(1, INT32_MAX / (*byHand.split * sums)) : fill;
}

namespace {

class Renamer {
public:
  std::vector<std::string> symbols;

  Dim rename(const Dim &dim) {
    std::map<std::string, Dim> values;
    for (const std::string &symbol : dim.symbols()) {
      auto at = llvm::find(symbols, symbol);
      size_t index = at - symbols.begin();
      if (at == symbols.end()) symbols.push_back(symbol);
      values[symbol] = Dim::symbol("D" + std::to_string(index));
    }
    return dim.substitute(values);
  }
};

} // namespace

CanonicalRegion canonicalize(graph::RegionOp region, const std::map<std::string, SymbolRange> &ranges,
                             const ByHand &byHand) {
  MLIRContext *context = region.getContext();
  CanonicalRegion result;
  result.module = ModuleOp::create(UnknownLoc::get(context));
  OpBuilder b(context);
  b.setInsertionPointToStart(result.module->getBody());
  auto type = b.getFunctionType(region.getOperandTypes(), region.getResultTypes());
  auto function = func::FuncOp::create(b, region.getLoc(), "region", type);
  IRMapping map;
  region.getBody().cloneInto(&function.getBody(), map);
  Operation *yield = function.getBody().front().getTerminator();
  b.setInsertionPoint(yield);
  func::ReturnOp::create(b, yield->getLoc(), yield->getOperands());
  yield->erase();

  Renamer renamer;
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](graph::DimsAttr dims) -> std::optional<Attribute> {
    SmallVector<Dim> renamed;
    for (const Dim &dim : dims.getDims()) renamed.push_back(renamer.rename(dim));
    return graph::DimsAttr::get(context, renamed);
  });
  replacer.recursivelyReplaceElementsIn(function, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
  result.symbols = renamer.symbols;

  result.byHand = byHand;
  llvm::raw_string_ostream key(result.key);
  if (std::string decided = byHand.str(); !decided.empty()) key << decided << "\n";
  for (auto [k, symbol] : llvm::enumerate(result.symbols)) {
    auto at = ranges.find(symbol);
    SymbolRange range = at == ranges.end() ? SymbolRange() : at->second;
    result.facts.declare("D" + std::to_string(k), {range.min, range.max}, range.multiple);
    key << "D" << k << " " << range.min << ".." << range.max << ":" << range.multiple << "\n";
  }
  function.print(key, OpPrintingFlags().enableDebugInfo(false));
  return result;
}

} // namespace dlc::schedule
