#include "tools/dlc_run/values.h"

#include "runtime/failure.h"
#include "tools/dlc_run/numbers.h"
#include "tools/dlc_run/output.h"

#include <algorithm>
#include <optional>

namespace dlc::run {

using rt::concat;
using rt::fail;
using rt::inQuotes;

// NumPy's texts for a dtype, the one to write first.
static std::vector<std::string_view> descrsOf(dlc_dtype dtype) {
  switch (dtype) {
  case DLC_F32:
    return {"<f4"};
  case DLC_F16:
    return {"<f2"};
  case DLC_BF16:
    return {"<V2", "|V2"};
  case DLC_F64:
    return {"<f8"};
  case DLC_I8:
    return {"|i1", "<i1"};
  case DLC_U8:
    return {"|u1", "<u1"};
  case DLC_I16:
    return {"<i2"};
  case DLC_U16:
    return {"<u2"};
  case DLC_I32:
    return {"<i4"};
  case DLC_U32:
    return {"<u4"};
  case DLC_I64:
    return {"<i8"};
  case DLC_U64:
    return {"<u8"};
  case DLC_BOOL:
    return {"|b1", "<b1"};
  case DLC_F8E4M3FN:
    return {"<V1", "|V1"};
  case DLC_F8E5M2:
    return {"|V1", "<V1", "<f1", "|f1"};
  }
  return {};
}

static bool isDescrOf(std::string_view descr, dlc_dtype dtype) {
  auto descrs = descrsOf(dtype);
  return std::find(descrs.begin(), descrs.end(), descr) != descrs.end();
}

// The dtype of a plain number's text.
static std::optional<dlc_dtype> plainDtype(std::string_view descr) {
  for (const rt::DtypeRow &row : rt::dtypeRows) {
    bool isRaw = row.dtype == DLC_BF16 || row.dtype == DLC_F8E4M3FN || row.dtype == DLC_F8E5M2;
    if (!isRaw && isDescrOf(descr, row.dtype)) return row.dtype;
  }
  return std::nullopt;
}

std::map<std::string, npz::Array> readArrays(const std::string &path) {
  npz::Arrays arrays;
  if (std::string error = npz::read(path, arrays); !error.empty())
    fail(DLC_ERROR_IO, error, "give an .npz file, as numpy.savez writes it");
  std::map<std::string, npz::Array> result;
  for (auto &[name, array] : arrays) result[name] = std::move(array);
  return result;
}

HostTensor takeArray(const std::string &name, const npz::Array &array, dlc_dtype dtype) {
  if (!isDescrOf(array.descr, dtype))
    fail(DLC_ERROR_INVALID_ARGUMENT,
         concat("array ", inQuotes(name), " is ", inQuotes(array.descr), "; it should be ",
                dlc_dtype_name(dtype)),
         "convert it with numpy's astype");
  return {name, dtype, array.dims, array.bytes};
}

HostTensor convertArray(const std::string &name, const npz::Array &array, dlc_dtype dtype) {
  std::optional<dlc_dtype> from = plainDtype(array.descr);
  if (isDescrOf(array.descr, dtype) || !from) return takeArray(name, array, dtype);
  size_t fromBytes = dlc_dtype_size(*from), toBytes = dlc_dtype_size(dtype),
         count = array.bytes.size() / fromBytes;
  HostTensor result{name, dtype, array.dims, std::vector<char>(count * toBytes)};
  for (size_t i = 0; i < count; ++i)
    fromDouble(dtype, toDouble(*from, array.bytes.data() + i * fromBytes), result.data.data() + i * toBytes);
  return result;
}

std::vector<HostTensor> readInputs(const rt::Plan &plan, const std::string &path) {
  auto arrays = readArrays(path);
  std::vector<HostTensor> inputs;
  for (const rt::Value &value : plan.inputs) {
    auto found = arrays.find(std::string(value.name));
    if (found == arrays.end())
      fail(DLC_ERROR_INVALID_ARGUMENT, concat(inQuotes(path), " has no array ", inQuotes(value.name)),
           "name the arrays like the model's inputs");
    inputs.push_back(takeArray(found->first, found->second, value.dtype));
    arrays.erase(found);
  }
  if (!arrays.empty())
    fail(DLC_ERROR_INVALID_ARGUMENT, concat("the model has no input ", inQuotes(arrays.begin()->first)),
         "name the arrays like the model's inputs");
  return inputs;
}

// splitmix64: the same numbers everywhere.
static uint64_t nextRandom(uint64_t &state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::vector<HostTensor> randomInputs(const rt::Plan &plan, std::span<const int64_t> choices, uint64_t seed) {
  rt::Vec<int64_t> slots = rt::evaluateSlots(plan, rt::limitsOf(plan.target), choices);
  std::vector<HostTensor> inputs;
  for (const rt::Value &value : plan.inputs) {
    HostTensor tensor{std::string(value.name), value.dtype, std::vector<int64_t>(value.dims.size()), {}};
    rt::evaluateDims(value, "input", slots, tensor.shape);
    size_t bytes = dlc_dtype_size(value.dtype), count = 1;
    for (int64_t dim : tensor.shape)
      if (__builtin_mul_overflow(count, size_t(dim), &count) || count > size_t(1) << 40)
        fail(DLC_ERROR_DIMS, concat("input ", inQuotes(value.name), " is too large"), "choose smaller dims");
    tensor.data.resize(count * bytes);
    for (size_t i = 0; i < count; ++i) {
      uint64_t random = nextRandom(seed);
      double number =
          isFloat(value.dtype) ? double(int64_t(random) >> 40) / double(1 << 23) : double(random >> 63);
      fromDouble(value.dtype, number, tensor.data.data() + i * bytes);
    }
    inputs.push_back(std::move(tensor));
  }
  size_t choice = plan.symbols.size();
  for (const rt::Scalar &scalar : plan.scalars) {
    if (!scalar.fromInput) continue;
    HostTensor &tensor = inputs[size_t(scalar.input)];
    size_t bytes = dlc_dtype_size(tensor.dtype);
    if (scalar.index < tensor.elements())
      fromDouble(tensor.dtype, double(choices[choice]), tensor.data.data() + size_t(scalar.index) * bytes);
    ++choice;
  }
  return inputs;
}

std::vector<int64_t> choicesOf(const rt::Plan &plan,
                               const std::vector<std::pair<std::string, int64_t>> &dims) {
  std::vector<dlc_dim> given;
  for (const auto &[name, value] : dims) given.push_back({name.c_str(), value});
  auto addDefault = [&](const rt::String &name, int64_t value) {
    bool isGiven =
        std::any_of(dims.begin(), dims.end(), [&](const auto &dim) { return dim.first == name.c_str(); });
    if (!isGiven) given.push_back({name.c_str(), value});
  };
  for (const rt::Symbol &symbol : plan.symbols)
    addDefault(symbol.name, (symbol.min + symbol.multiple - 1) / symbol.multiple * symbol.multiple);
  for (const rt::Scalar &scalar : plan.scalars)
    if (scalar.fromInput) addDefault(scalar.name, scalar.min);
  std::vector<int64_t> choices(rt::choiceCount(plan));
  rt::orderChoices(plan, given, choices);
  return choices;
}

void saveTensors(const std::string &path, const std::vector<HostTensor> &tensors) {
  std::vector<npz::View> views;
  for (const HostTensor &tensor : tensors)
    views.push_back({tensor.name, std::string(descrsOf(tensor.dtype)[0]), tensor.shape, tensor.data.data(),
                     tensor.data.size()});
  writeWhole(path, [&](const std::string &file) {
    std::string error = npz::write(file, views); // "FILE: reason"
    return error.empty() ? error : error.substr(file.size() + 2);
  });
}

} // namespace dlc::run
