#include "tools/dlc_run/compare_kernels.h"

#include "runtime/failure.h"
#include "tools/dlc_run/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>

namespace dlc::run {

using rt::concat;
using rt::fail;
using rt::inQuotes;
using Arrays = std::map<std::string, npz::Array>;

// Saved values of an op; empty when there is no file.
static Arrays readValues(const std::string &folder, const rt::Op &op) {
  std::string path = concat(folder, "/", op.name, ".npz");
  return std::filesystem::exists(path) ? readArrays(path) : Arrays();
}

// Dims from a file of inputs or the command line; else from saved values whose buffers have a symbol as a
// dim.
static std::vector<int64_t> findChoices(Session &session) {
  const Options &options = session.options;
  const rt::Plan &plan = session.plan();
  if (!options.inputs.empty()) {
    std::vector<HostTensor> inputs = readInputs(plan, options.inputs);
    std::vector<dlc_tensor> tensors;
    for (HostTensor &tensor : inputs) tensors.push_back(tensor.get());
    std::vector<int64_t> choices(rt::choiceCount(plan));
    rt::choicesFromShapes(
        plan, tensors,
        [&](int input, int64_t index) {
          return rt::readInteger(tensors[size_t(input)].dtype, tensors[size_t(input)].data, index);
        },
        choices);
    return choices;
  }
  auto dims = options.dims;
  std::set<std::string> known;
  for (const auto &[name, value] : dims) known.insert(name);
  for (const rt::Op &op : plan.ops) {
    if (known.size() == plan.symbols.size()) break;
    Arrays values = readValues(options.compareKernels, op);
    for (const rt::Buffer &buffer : plan.buffers) {
      auto found = values.find(std::string(buffer.name));
      if (found == values.end() || found->second.dims.size() != buffer.dims.size()) continue;
      for (size_t d = 0; d < buffer.dims.size(); ++d) {
        if (!buffer.dims[d].isSlot()) continue;
        size_t slot = size_t(buffer.dims[d].steps[0].value);
        bool isSymbol = slot >= rt::firstSymbolSlot && slot < plan.symbolSlot(plan.symbols.size());
        std::string name(plan.slotNames[slot]);
        if (isSymbol && known.insert(name).second) dims.emplace_back(name, found->second.dims[d]);
      }
    }
  }
  return choicesOf(plan, dims);
}

namespace {

class KernelComparison {
public:
  KernelComparison(Session &session, nlohmann::json &report) : session(session), report(report) {}
  bool run();

private:
  HostTensor take(int buffer, const Arrays &values, std::string_view op) const;
  std::vector<char> image(int buffer, const HostTensor &tensor) const;
  HostTensor fetch(int buffer) const;
  bool compareOp(size_t index, const Arrays &values);
  bool compareResult(const rt::Op &op, int buffer, const HostTensor &ours, const Arrays &values,
                     const Arrays &baseline);

  Session &session;
  nlohmann::json &report;
};

} // namespace

// Calls `visit(dense element, element in memory)` for every element of a view.
template <class Visit>
static void eachElement(const rt::Vec<int64_t> &dims, const std::vector<int64_t> &strides, Visit visit) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  std::vector<int64_t> index(dims.size());
  int64_t at = 0;
  for (int64_t i = 0; i < count; ++i) {
    visit(size_t(i), size_t(at));
    for (size_t d = dims.size(); d-- > 0;) {
      at += strides[d];
      if (++index[d] < dims[d]) break;
      at -= index[d] * strides[d];
      index[d] = 0;
    }
  }
}

static std::vector<int64_t> stridesOf(const rt::Buffer &buffer, const rt::BoundPlan &bound,
                                      const rt::BoundBuffer &view) {
  std::vector<int64_t> strides(view.dims.size(), 1);
  for (size_t d = strides.size(); d-- > 0;)
    strides[d] = buffer.hasStrides ? rt::evaluate(buffer.strides[d], bound.slots, {"buffer", buffer.name, ""})
                 : d + 1 == strides.size() ? 1
                                           : strides[d + 1] * view.dims[d + 1];
  return strides;
}

// What results may differ by beside the baseline, relative to the largest: 16 bits may be rounded to either
// side, whatever luck the baseline had.
static double slack(dlc_dtype dtype) {
  return dtype == DLC_F16 ? 0x1p-10 : dtype == DLC_BF16 ? 0x1p-7 : 1e-5;
}

// The saved value of a buffer in its dtype.
HostTensor KernelComparison::take(int buffer, const Arrays &values, std::string_view op) const {
  const rt::Buffer &view = session.plan().buffers[size_t(buffer)];
  std::string name(view.name);
  auto found = values.find(name);
  if (found == values.end())
    fail(DLC_ERROR_INVALID_ARGUMENT,
         concat("the values of op ", inQuotes(op), " lack buffer ", inQuotes(name)),
         "save them with the dlc that wrote the artifact");
  HostTensor tensor = convertArray(name, found->second, view.dtype);
  const auto &dims = session.context->plan().buffers[size_t(buffer)].dims;
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  if (tensor.elements() != count)
    fail(DLC_ERROR_DIMS,
         concat("buffer ", inQuotes(name), " has ", count, " elements, its saved value in op ", inQuotes(op),
                " has ", tensor.elements()),
         "pass the inputs that the values were saved for (--inputs)");
  return tensor;
}

// The bytes of a view: elements where its strides say, zeros between.
std::vector<char> KernelComparison::image(int buffer, const HostTensor &tensor) const {
  const rt::BoundPlan &bound = session.context->plan();
  const rt::BoundBuffer &view = bound.buffers[size_t(buffer)];
  if (view.isDense && view.bytes == tensor.data.size()) return tensor.data;
  std::vector<char> bytes(view.bytes);
  size_t size = dlc_dtype_size(tensor.dtype);
  eachElement(view.dims, stridesOf(session.plan().buffers[size_t(buffer)], bound, view),
              [&](size_t dense, size_t at) {
                std::memcpy(bytes.data() + at * size, tensor.data.data() + dense * size, size);
              });
  return bytes;
}

HostTensor KernelComparison::fetch(int buffer) const {
  const rt::BoundPlan &bound = session.context->plan();
  const rt::Buffer &described = session.plan().buffers[size_t(buffer)];
  const rt::BoundBuffer &view = bound.buffers[size_t(buffer)];
  std::vector<char> bytes(view.bytes);
  session.context->download(bytes.data(), session.context->addressOf(buffer), view.bytes);
  size_t size = dlc_dtype_size(described.dtype), count = 1;
  for (int64_t dim : view.dims) count *= size_t(dim);
  HostTensor tensor{std::string(described.name),
                    described.dtype,
                    {view.dims.begin(), view.dims.end()},
                    std::vector<char>(count * size)};
  eachElement(view.dims, stridesOf(described, bound, view), [&](size_t dense, size_t at) {
    std::memcpy(tensor.data.data() + dense * size, bytes.data() + at * size, size);
  });
  return tensor;
}

bool KernelComparison::compareResult(const rt::Op &op, int buffer, const HostTensor &ours,
                                     const Arrays &values, const Arrays &baseline) {
  const Options &options = session.options;
  HostTensor theirs = take(buffer, values, op.name);
  Difference difference = compare(ours, theirs, 0, 0);
  double bound = options.atol + options.rtol * difference.largestReference;
  if (!options.baseline.empty()) {
    Difference other = compare(take(buffer, baseline, op.name), theirs, 0, 0);
    bound = 4 * other.largestError + slack(theirs.dtype) * difference.largestReference;
  }
  bool isGood = difference.largestError <= bound;
  const char *name = session.plan().buffers[size_t(buffer)].name.c_str();
  std::printf("%-40s %-24s %10.3g %10.3g %10.3g  %s\n", op.name.c_str(), name, difference.largestError,
              difference.largestReference, bound, isGood ? "ok" : "DIFFERS");
  nlohmann::json row = {{"op", op.name.c_str()},
                        {"buffer", name},
                        {"max_error", difference.largestError},
                        {"max_reference", difference.largestReference},
                        {"bound", bound},
                        {"elements", difference.elements},
                        {"ok", isGood}};
  if (!isGood) row["first_different"] = difference.firstOver;
  report.push_back(std::move(row));
  return isGood;
}

bool KernelComparison::compareOp(size_t index, const Arrays &values) {
  rt::Context &context = *session.context;
  const rt::Op &op = session.plan().ops[index];
  Arrays baseline;
  if (!session.options.baseline.empty()) baseline = readValues(session.options.baseline, op);
  // Nothing that is not written may look right.
  for (int buffer : op.results)
    context.fill(context.addressOf(buffer), 0xff, context.plan().buffers[size_t(buffer)].bytes);
  for (int buffer : op.operands) {
    if (context.plan().buffers[size_t(buffer)].root == rt::Base::Weight) continue; // it is there
    std::vector<char> bytes = image(buffer, take(buffer, values, op.name));
    context.upload(context.addressOf(buffer), bytes.data(), bytes.size());
  }
  context.issueOp(int(index));
  context.synchronize();
  bool isGood = true;
  for (int buffer : op.results) isGood &= compareResult(op, buffer, fetch(buffer), values, baseline);
  return isGood;
}

bool KernelComparison::run() {
  session.context->prepare(findChoices(session));
  session.context->useOwnTensors();
  if (session.isVirtual) session.nameMemory();
  bool isGood = true;
  size_t compared = 0, lacking = 0;
  for (size_t i = 0; i < session.plan().ops.size(); ++i) {
    if (session.plan().ops[i].kind != rt::OpKind::Run) continue;
    Arrays values = readValues(session.options.compareKernels, session.plan().ops[i]);
    if (values.empty()) {
      ++lacking;
      continue;
    }
    if (compared++ == 0)
      std::printf("%-40s %-24s %10s %10s %10s\n", "op", "result", "max error", "max value", "bound");
    isGood &= compareOp(i, values);
  }
  if (compared == 0)
    fail(DLC_ERROR_IO,
         concat("no values of this artifact's ops in ", inQuotes(session.options.compareKernels)),
         "save them with dlc --save-values");
  std::printf("%zu ops compared, %zu without saved values, %s\n", compared, lacking,
              isGood ? "all equal" : "DIFFERENCES");
  return isGood;
}

bool compareKernels(Session &session, nlohmann::json &report) {
  report = nlohmann::json::array();
  return KernelComparison(session, report).run();
}

} // namespace dlc::run
