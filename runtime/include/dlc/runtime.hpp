// The dlc runtime for C++: owners, spans and exceptions over dlc/runtime.h, whose contracts hold here as
// well.
//
//   dlc::Module module("model.ptx");
//   dlc::Context context(module);
//   context.run({dlc::hostTensor(x, {8, 16})}, {dlc::hostTensor(y, {8})});  // float *x, *y
#pragma once

#include "dlc/runtime.h"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dlc {

/// A failed call: what() is the message, help() a way out.
class Error : public std::runtime_error {
public:
  explicit Error(dlc_status status)
      : std::runtime_error(dlc_last_error()), code(status), way(dlc_last_help()) {}
  dlc_status status() const { return code; }
  const std::string &help() const { return way; }

private:
  dlc_status code;
  std::string way;
};

inline void expectOk(dlc_status status) {
  if (status != DLC_OK) throw Error(status);
}

template <class T> struct DtypeOf;
template <> struct DtypeOf<float> {
  static constexpr dlc_dtype value = DLC_F32;
};
template <> struct DtypeOf<double> {
  static constexpr dlc_dtype value = DLC_F64;
};
template <> struct DtypeOf<int8_t> {
  static constexpr dlc_dtype value = DLC_I8;
};
template <> struct DtypeOf<uint8_t> {
  static constexpr dlc_dtype value = DLC_U8;
};
template <> struct DtypeOf<int16_t> {
  static constexpr dlc_dtype value = DLC_I16;
};
template <> struct DtypeOf<uint16_t> {
  static constexpr dlc_dtype value = DLC_U16;
};
template <> struct DtypeOf<int32_t> {
  static constexpr dlc_dtype value = DLC_I32;
};
template <> struct DtypeOf<uint32_t> {
  static constexpr dlc_dtype value = DLC_U32;
};
template <> struct DtypeOf<int64_t> {
  static constexpr dlc_dtype value = DLC_I64;
};
template <> struct DtypeOf<uint64_t> {
  static constexpr dlc_dtype value = DLC_U64;
};
template <> struct DtypeOf<bool> {
  static constexpr dlc_dtype value = DLC_BOOL;
};

/// A dense tensor in the caller's memory; owns its shape, not its data.
class Tensor {
public:
  Tensor(void *data, dlc_dtype dtype, dlc_memory_kind memory, std::vector<int64_t> shape)
      : data(data), dtype(dtype), memory(memory), extents(std::move(shape)) {}
  const std::vector<int64_t> &shape() const { return extents; }
  /// Valid while this tensor lives.
  dlc_tensor get() const { return {data, dtype, memory, int32_t(extents.size()), extents.data(), nullptr}; }

private:
  void *data;
  dlc_dtype dtype;
  dlc_memory_kind memory;
  std::vector<int64_t> extents;
};

template <class T> Tensor hostTensor(T *data, std::vector<int64_t> shape) {
  using Element = std::remove_const_t<T>;
  return {const_cast<Element *>(data), DtypeOf<Element>::value, DLC_HOST, std::move(shape)};
}
/// `address` is a CUdeviceptr.
inline Tensor deviceTensor(uint64_t address, dlc_dtype dtype, std::vector<int64_t> shape) {
  return {reinterpret_cast<void *>(uintptr_t(address)), dtype, DLC_DEVICE, std::move(shape)};
}

using Dims = std::vector<std::pair<std::string, int64_t>>;

namespace detail {
inline std::vector<dlc_tensor> raw(const std::vector<Tensor> &tensors) {
  std::vector<dlc_tensor> result;
  for (const Tensor &tensor : tensors) result.push_back(tensor.get());
  return result;
}
inline std::vector<dlc_dim> raw(const Dims &dims) {
  std::vector<dlc_dim> result;
  for (const auto &[name, value] : dims) result.push_back({name.c_str(), value});
  return result;
}
} // namespace detail

/// An immutable artifact; copies share it, and threads may.
class Module {
public:
  explicit Module(const std::string &path, const dlc_load_options *options = nullptr) {
    dlc_module *module = nullptr;
    expectOk(dlc_module_load_file(path.c_str(), options, &module));
    handle.reset(module, dlc_module_release);
  }
  Module(const void *data, size_t bytes, const dlc_load_options *options = nullptr) {
    dlc_module *module = nullptr;
    expectOk(dlc_module_load_memory(data, bytes, options, &module));
    handle.reset(module, dlc_module_release);
  }
  dlc_module *get() const { return handle.get(); }

  std::string hash() const { return dlc_module_hash(get()); }
  std::vector<dlc_value_info> inputs() const { return list(dlc_module_input_count, dlc_module_input); }
  std::vector<dlc_value_info> outputs() const { return list(dlc_module_output_count, dlc_module_output); }
  std::vector<dlc_symbol_info> symbols() const {
    std::vector<dlc_symbol_info> infos(dlc_module_symbol_count(get()));
    for (size_t i = 0; i < infos.size(); ++i) expectOk(dlc_module_symbol(get(), i, &infos[i]));
    return infos;
  }
  Dims bind(const std::vector<Tensor> &inputs) const {
    std::vector<dlc_dim> dims(dlc_module_symbol_count(get()));
    std::vector<dlc_tensor> tensors = detail::raw(inputs);
    expectOk(dlc_module_bind(get(), tensors.data(), tensors.size(), dims.data()));
    Dims result;
    for (const dlc_dim &dim : dims) result.emplace_back(dim.name, dim.value);
    return result;
  }
  std::vector<int64_t> inputShape(size_t index, const Dims &dims) const {
    return shape(dlc_module_input, dlc_module_input_shape, index, dims);
  }
  std::vector<int64_t> outputShape(size_t index, const Dims &dims) const {
    return shape(dlc_module_output, dlc_module_output_shape, index, dims);
  }
  dlc_memory_info memory(const Dims &dims) const {
    dlc_memory_info info{};
    std::vector<dlc_dim> values = detail::raw(dims);
    expectOk(dlc_module_memory(get(), values.data(), values.size(), &info));
    return info;
  }

private:
  template <class Count, class Get> std::vector<dlc_value_info> list(Count count, Get getInfo) const {
    std::vector<dlc_value_info> infos(count(get()));
    for (size_t i = 0; i < infos.size(); ++i) expectOk(getInfo(get(), i, &infos[i]));
    return infos;
  }
  template <class Get, class Shape>
  std::vector<int64_t> shape(Get getInfo, Shape getShape, size_t index, const Dims &dims) const {
    dlc_value_info info{};
    expectOk(getInfo(get(), index, &info));
    std::vector<int64_t> extents(size_t(info.rank) + 1); // room for a scalar's, too
    std::vector<dlc_dim> values = detail::raw(dims);
    expectOk(getShape(get(), index, values.data(), values.size(), extents.data()));
    extents.pop_back();
    return extents;
  }
  std::shared_ptr<dlc_module> handle;
};

/// One thread's way to run a module.
class Context {
public:
  explicit Context(const Module &module, const dlc_context_options *options = nullptr) {
    dlc_context *context = nullptr;
    expectOk(dlc_context_create(module.get(), options, &context));
    handle.reset(context);
  }
  dlc_context *get() const { return handle.get(); }

  dlc_device_info device() const {
    dlc_device_info info{};
    expectOk(dlc_context_device(get(), &info));
    return info;
  }
  void prepare(const Dims &dims) {
    std::vector<dlc_dim> values = detail::raw(dims);
    expectOk(dlc_context_prepare(get(), values.data(), values.size()));
  }
  void enqueue(void *stream, const std::vector<Tensor> &inputs, const std::vector<Tensor> &outputs) {
    std::vector<dlc_tensor> in = detail::raw(inputs), out = detail::raw(outputs);
    expectOk(dlc_context_enqueue(get(), stream, in.data(), in.size(), out.data(), out.size()));
  }
  void run(const std::vector<Tensor> &inputs, const std::vector<Tensor> &outputs) {
    std::vector<dlc_tensor> in = detail::raw(inputs), out = detail::raw(outputs);
    expectOk(dlc_context_run(get(), in.data(), in.size(), out.data(), out.size()));
  }
  dlc_status status() const { return dlc_context_status(get()); }

private:
  struct Destroy {
    void operator()(dlc_context *context) const { dlc_context_destroy(context); }
  };
  std::unique_ptr<dlc_context, Destroy> handle;
};

} // namespace dlc
