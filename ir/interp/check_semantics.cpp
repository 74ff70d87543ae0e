#include "ir/interp/check_semantics.h"

#include "ir/graph/graph.h"
#include "ir/interp/interpreter.h"
#include "ir/interp/symbols.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

#include <cmath>

namespace dlc::interp {
namespace {

using namespace mlir;

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere, unlike the standard distributions.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [low, high].
  int64_t between(int64_t low, int64_t high) { return low + static_cast<int64_t>(next() % (high - low + 1)); }
  double real() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
  uint64_t state;
};

/// Small values that the declarations allow; a symbol without one is at least 1.
SymbolValues drawSymbols(ModuleOp module, func::FuncOp function, Random &random) {
  SymbolValues values;
  for (auto symbol : module.getOps<graph::SymbolOp>()) {
    int64_t multiple = std::max<int64_t>(symbol.getMultiple(), 1);
    int64_t low = static_cast<int64_t>(symbol.getMin()), high = static_cast<int64_t>(symbol.getMax());
    int64_t first = (low + multiple - 1) / multiple, last = high / multiple;
    values[symbol.getName().str()] =
        multiple * random.between(first, std::max(first, std::min(last, first + 6)));
  }
  for (Type type : function.getArgumentTypes())
    for (const Dim &dim : graph::dimsOf(type))
      for (const std::string &name : dim.symbols())
        if (!values.count(name)) values[name] = random.between(1, 7);
  return values;
}

Tensor drawTensor(DType dtype, DimsRef dims, Random &random) {
  if (dtype == DType::I1 || isInteger(dtype)) {
    Tensor numbers(DType::I64, dims);
    for (int64_t i = 0; i < numbers.count(); ++i)
      numbers.data<int64_t>()[i] = dtype == DType::I1 ? random.between(0, 1) : random.between(-2, 9);
    return numbers.converted(dtype);
  }
  Tensor numbers(DType::F64, dims);
  for (int64_t i = 0; i < numbers.count(); ++i) numbers.data<double>()[i] = 4 * random.real() - 2;
  return numbers.converted(dtype == DType::F64 ? DType::F64 : DType::F32);
}

bool guardsHold(ModuleOp module, const SymbolValues &values) {
  auto guards = module->getAttrOfType<ArrayAttr>("graph.guards");
  return !guards || llvm::all_of(guards.getAsRange<DictionaryAttr>(), [&](DictionaryAttr guard) {
    auto lhs = guard.getAs<graph::DimsAttr>("lhs"), rhs = guard.getAs<graph::DimsAttr>("rhs");
    return lhs && rhs && lhs.getDims()[0].evaluate(values) == rhs.getDims()[0].evaluate(values);
  });
}

/// What is different between two values of one output; empty when they agree.
std::string difference(const Tensor &before, const Tensor &after, double tolerance) {
  if (before.dims() != after.dims())
    return "has dims " + str(after.dims()) + ", before " + str(before.dims());
  if (isFloat(before.dtype()) != isFloat(after.dtype())) return "has another type";
  double largest = 0;
  for (int64_t i = 0; i < before.count(); ++i)
    if (double value = std::fabs(before.floatAt(i)); std::isfinite(value)) largest = std::max(largest, value);
  double bound = isFloat(before.dtype()) ? tolerance * largest : 0;
  for (int64_t i = 0; i < before.count(); ++i) {
    double a = before.floatAt(i), b = after.floatAt(i);
    bool same = isFloat(before.dtype())
                    ? a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= bound
                    : before.intAt(i) == after.intAt(i);
    if (!same)
      return llvm::formatv("differs at element {0}: {1}, before {2} (largest {3})", i, b, a, largest).str();
  }
  return "";
}

bool isOfTensors(func::FuncOp function) {
  auto isTensor = [](Type type) { return isa<RankedTensorType>(type); };
  return llvm::all_of(function.getArgumentTypes(), isTensor) &&
         llvm::all_of(function.getResultTypes(), isTensor);
}

/// One comparison of one function; NotChecked when the function before cannot run on the drawn values.
SemanticsCheck compareOnce(func::FuncOp before, func::FuncOp after, ModuleOp module,
                           const WeightsTable *weights, Random &random, double tolerance) {
  SymbolValues symbols = drawSymbols(module, before, random);
  if (!guardsHold(module, symbols)) return {SemanticsCheck::NotChecked, "guards do not hold"};
  std::vector<Tensor> inputs;
  for (Type type : before.getArgumentTypes()) {
    std::optional<DType> dtype = dtypeOf(getElementTypeOrSelf(type));
    Dims dims;
    for (const Dim &dim : graph::dimsOf(type)) {
      std::optional<int64_t> value = dim.evaluate(symbols);
      if (!value || *value < 0) return {SemanticsCheck::NotChecked, "a dim has no value"};
      dims.push_back(*value);
    }
    if (!dtype) return {SemanticsCheck::NotChecked, "an argument's type is not known"};
    inputs.push_back(drawTensor(*dtype, dims, random));
  }
  Options options{FloatMode::F64, symbols, {}};
  auto want = Interpreter(weights, options).run(before, inputs);
  if (!want) return {SemanticsCheck::NotChecked, llvm::toString(want.takeError())};
  auto have = Interpreter(weights, options).run(after, inputs);
  std::string place = "@" + before.getName().str();
  for (auto &[name, value] : symbols) place += " " + name + "=" + std::to_string(value);
  if (!have) return {SemanticsCheck::Different, place + ": " + llvm::toString(have.takeError())};
  if (want->size() != have->size())
    return {SemanticsCheck::Different, place + " has another number of results"};
  for (size_t i = 0; i < want->size(); ++i)
    if (std::string text = difference((*want)[i], (*have)[i], tolerance); !text.empty())
      return {SemanticsCheck::Different, place + ": result " + std::to_string(i) + " " + text};
  return {SemanticsCheck::Same, ""};
}

class Instrumentation : public PassInstrumentation {
public:
  Instrumentation(const WeightsTable *weights, SemanticsOptions options, int &differences)
      : weights(weights), options(options), differences(differences) {}

  void runBeforePass(Pass *pass, Operation *op) override {
    if (auto module = dyn_cast<ModuleOp>(op)) snapshots.emplace_back(pass, module.clone());
  }
  void runAfterPass(Pass *pass, Operation *op) override {
    auto module = dyn_cast<ModuleOp>(op);
    if (!module || snapshots.empty() || snapshots.back().first != pass) return;
    SemanticsCheck check = checkSemantics(*snapshots.back().second, module, weights, options);
    snapshots.pop_back();
    if (check.outcome == SemanticsCheck::Different) {
      ++differences;
      module.emitError() << "pass '" << pass->getArgument() << "' changes the result: " << check.message;
    } else if (check.outcome == SemanticsCheck::NotChecked) {
      module.emitWarning() << "pass '" << pass->getArgument() << "' could not be checked: " << check.message;
    }
  }
  void runAfterPassFailed(Pass *pass, Operation *op) override {
    if (isa<ModuleOp>(op) && !snapshots.empty() && snapshots.back().first == pass) snapshots.pop_back();
  }

private:
  const WeightsTable *weights;
  SemanticsOptions options;
  int &differences;
  // Passes on modules nest (a pass that runs a pipeline), so this is a stack.
  std::vector<std::pair<Pass *, OwningOpRef<ModuleOp>>> snapshots;
};

} // namespace

SemanticsCheck checkSemantics(ModuleOp before, ModuleOp after, const WeightsTable *weights,
                              const SemanticsOptions &options) {
  SemanticsCheck result{SemanticsCheck::NotChecked, "there is no function to run"};
  Random random(options.seed);
  for (auto function : before.getOps<func::FuncOp>()) {
    if (function.isExternal() || function.isPrivate()) continue;
    auto other = after.lookupSymbol<func::FuncOp>(function.getName());
    if (!other || other.getNumArguments() != function.getNumArguments())
      return {SemanticsCheck::Different,
              "@" + function.getName().str() + " is gone or takes other arguments"};
    if (!isOfTensors(function) || !isOfTensors(other)) {
      if (result.outcome == SemanticsCheck::NotChecked)
        result.message = "@" + function.getName().str() + " takes or gives values that are no tensors";
      continue;
    }
    constexpr int attemptsPerTrial = 8;
    for (int trial = 0, attempt = 0; trial < options.trials && attempt < attemptsPerTrial * options.trials;
         ++attempt) {
      SemanticsCheck check = compareOnce(function, other, before, weights, random, options.tolerance);
      if (check.outcome == SemanticsCheck::Different) return check;
      if (check.outcome == SemanticsCheck::Same) ++trial;
      if (check.outcome == SemanticsCheck::Same || result.outcome == SemanticsCheck::NotChecked)
        result = check;
    }
  }
  return result;
}

std::unique_ptr<PassInstrumentation> semanticsInstrumentation(const WeightsTable *weights,
                                                              SemanticsOptions options, int &differences) {
  return std::make_unique<Instrumentation>(weights, options, differences);
}

} // namespace dlc::interp
