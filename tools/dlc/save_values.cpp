#include "tools/dlc/save_values.h"
#include "tools/dlc/arrays.h"

#include "llvm/Support/FileSystem.h"

namespace dlc::tool {

namespace {

/// Where the value of a region's operand or result goes: buffer names by plan op.
struct Place {
  size_t op;
  std::string buffer;
};

std::string readInputs(mlir::func::FuncOp main, const std::string &path,
                       std::vector<interp::Tensor> &inputs) {
  npz::Arrays arrays;
  if (std::string error = npz::read(path, arrays); !error.empty()) return error;
  inputs.resize(main.getNumArguments());
  for (unsigned i = 0; i < inputs.size(); ++i) {
    std::string name = argumentName(main, i), error = "is not in the inputs file";
    for (const auto &[key, array] : arrays)
      if (key == name) error = toTensor(array, argumentType(main, i), inputs[i]);
    if (!error.empty()) return "input '" + name + "' " + error;
  }
  return "";
}

} // namespace

bool saveValues(GraphModule &model, const plan::Plan &plan, const std::string &inputs,
                const std::string &folder, interp::FloatMode mode, Diagnostics &diagnostics) {
  auto fail = [&](Code code, const std::string &error) {
    diagnostics.report(code, error);
    return false;
  };
  auto main = model.module->lookupSymbol<mlir::func::FuncOp>("main");
  // The plan's ops are the regions in order.
  llvm::DenseMap<mlir::Value, std::vector<Place>> places;
  std::set<std::string> weights;
  for (const plan::Buffer &buffer : plan.buffers)
    if (buffer.base == plan::Buffer::Base::Weight) weights.insert(buffer.name);
  size_t index = 0;
  for (auto region : main.getOps<graph::RegionOp>()) {
    const plan::Op &op = plan.ops[index];
    for (auto [value, buffer] : llvm::zip(region.getOperands(), op.operands))
      if (!weights.count(buffer)) places[value].push_back({index, buffer});
    for (auto [value, buffer] : llvm::zip(region.getResults(), op.results))
      places[value].push_back({index, buffer});
    ++index;
  }
  std::vector<interp::Tensor> tensors;
  if (std::string error = readInputs(main, inputs, tensors); !error.empty()) return fail(Code::E0601, error);
  std::vector<npz::Arrays> files(plan.ops.size());
  interp::Options options;
  options.mode = mode;
  options.observe = [&](mlir::Value value, const interp::Tensor &tensor) {
    auto found = places.find(value);
    if (found == places.end()) return;
    FileType type{*dtypeOf(mlir::getElementTypeOrSelf(value.getType()))};
    npz::Array array = toArray(interp::exported(tensor, value.getType(), mode), type);
    for (const Place &place : found->second)
      if (llvm::none_of(files[place.op], [&](const auto &entry) { return entry.first == place.buffer; }))
        files[place.op].emplace_back(place.buffer, array);
  };
  interp::Interpreter interpreter(&model.weights, std::move(options));
  if (auto results = interpreter.run(main, tensors); !results)
    return fail(Code::E0602, llvm::toString(results.takeError()));
  if (auto code = llvm::sys::fs::create_directories(folder))
    return fail(Code::E0603, "cannot make '" + folder + "': " + code.message());
  for (size_t i = 0; i < files.size(); ++i)
    if (std::string error = npz::write(folder + "/" + plan.ops[i].name + ".npz", npz::viewsOf(files[i]));
        !error.empty())
      return fail(Code::E0603, error);
  return true;
}

} // namespace dlc::tool
