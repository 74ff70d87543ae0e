// Tensors in host memory: from and to .npz files, or random.
#pragma once

#include "runtime/bind.h"
#include "tools/npz/npz.h"

#include <map>
#include <string>
#include <vector>

namespace dlc::run {

struct HostTensor {
  std::string name;
  dlc_dtype dtype = DLC_F32;
  std::vector<int64_t> shape;
  std::vector<char> data; ///< dense row-major

  int64_t elements() const { return int64_t(data.size() / dlc_dtype_size(dtype)); }
  dlc_tensor get() { return {data.data(), dtype, DLC_HOST, int32_t(shape.size()), shape.data(), nullptr}; }
};

/// Arrays of a file by name. Throws rt::Failure (DLC_ERROR_IO).
std::map<std::string, npz::Array> readArrays(const std::string &path);

/// The array as a tensor of exactly this dtype. bf16 and fp8 are told from raw bytes by the dtype that is
/// wanted. Throws rt::Failure when the array is of another dtype.
HostTensor takeArray(const std::string &name, const npz::Array &array, dlc_dtype dtype);

/// As takeArray, but other numbers are converted, as fromDouble does.
HostTensor convertArray(const std::string &name, const npz::Array &array, dlc_dtype dtype);

/// The model's inputs from a file. Throws rt::Failure when one is missing or unknown.
std::vector<HostTensor> readInputs(const rt::Plan &plan, const std::string &path);

/// Inputs for the given choices: floats in [-1, 1), integers and bools 0 or 1 (valid as indices and masks);
/// elements that scalars are read from have the chosen value. The same seed gives the same inputs on any
/// machine.
std::vector<HostTensor> randomInputs(const rt::Plan &plan, std::span<const int64_t> choices, uint64_t seed);

/// The dims of a command line in the plan's order; those not given are the smallest allowed. Throws
/// rt::Failure.
std::vector<int64_t> choicesOf(const rt::Plan &plan,
                               const std::vector<std::pair<std::string, int64_t>> &dims);

/// Writes them, bf16 and f8e4m3fn as ml_dtypes' raw bytes, f8e5m2 as "|V1" (what ml_dtypes calls it, NumPy
/// can't read). Throws rt::Failure.
void saveTensors(const std::string &path, const std::vector<HostTensor> &tensors);

} // namespace dlc::run
