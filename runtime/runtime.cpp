// The C interface: arguments are checked, exceptions become statuses.
#include "runtime/context.h"
#include "runtime/failure.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

using namespace dlc::rt;

struct dlc_module {
  dlc_module(std::string_view file, const dlc_load_options &options, const std::string &folder)
      : self(file, options, folder) {}
  Module self;
};
struct dlc_context {
  dlc_context(dlc_module *module, const dlc_context_options &options)
      : self(module->self, options), module(module) {}
  Context self;
  dlc_module *module;
};

namespace {

/// Runs `body` with host memory from `host`; whatever it throws becomes a status.
template <class Body> dlc_status guarded(const dlc_host_allocator &host, Body &&body) noexcept {
  try {
    HostScope scope(host);
    body();
    return DLC_OK;
  } catch (const Failure &failure) {
    setLastError(failure.message, failure.help);
    return failure.status;
  } catch (const std::bad_alloc &) {
    setLastError("no host memory", "free memory on the host");
    return DLC_ERROR_OUT_OF_HOST_MEMORY;
  } catch (const std::length_error &) {
    setLastError("no host memory", "free memory on the host");
    return DLC_ERROR_OUT_OF_HOST_MEMORY;
  } catch (const std::exception &error) {
    setLastError(error.what(), "this is a bug in the dlc runtime: report it");
    return DLC_ERROR_INTERNAL;
  }
}

dlc_status invalid(const char *message) {
  setLastError(message, "");
  return DLC_ERROR_INVALID_ARGUMENT;
}

// The caller's options as far as they reach, over the defaults.
template <class Options, class Init> bool takeOptions(const Options *given, Options &options, Init &&init) {
  init(&options);
  if (!given) return true;
  if (given->size < sizeof(size_t)) return false;
  std::memcpy(&options, given, std::min(given->size, sizeof(Options)));
  return true;
}

dlc_status load(std::string_view data, const char *path, const dlc_load_options *given, dlc_module **module) {
  dlc_load_options options;
  if (!module) return invalid("module is NULL");
  if (!takeOptions(given, options, dlc_load_options_init)) return invalid("options.size is not set");
  if (options.flags & ~uint32_t(DLC_LOAD_EDITED | DLC_LOAD_VERIFY_WEIGHTS | DLC_LOAD_GUARD))
    return invalid("options.flags has a bit that this library does not know");
  if (bool(options.host.allocate) != bool(options.host.deallocate) ||
      bool(options.device.allocate) != bool(options.device.deallocate))
    return invalid("an allocator has only one of its two functions");
  return guarded(options.host, [&] {
    String file;
    std::string folder;
    if (path) {
      file = readFile(path);
      data = file;
      folder = folderOf(path);
    }
    *module = hostNew<dlc_module>(data, options, folder);
  });
}

void release(dlc_module *module) {
  if (--module->self.references == 0) hostDelete(module);
}

dlc_status describeValue(const dlc_module *module, const Vec<Value> &values,
                         const Vec<Module::ValueTexts> &texts, size_t index, dlc_value_info *info) {
  if (!info) return invalid("info is NULL");
  if (index >= values.size()) return invalid("no such input or output");
  const Value &value = values[index];
  int align = std::max(value.align, int(sizeOf(value.dtype)));
  const Buffer &buffer = module->self.plan.buffers[size_t(value.buffer)];
  if (buffer.base == Base::Input || buffer.base == Base::Output) align = std::max(align, buffer.align);
  *info = {value.name.c_str(), value.dtype, int32_t(value.dims.size()), texts[index].pointers.data(), align};
  return DLC_OK;
}

// The slots for dims given by name.
Vec<int64_t> slotsFor(const Module &module, const dlc_dim *dims, size_t count) {
  Vec<int64_t> choices(choiceCount(module.plan));
  orderChoices(module.plan, {dims, count}, choices);
  return evaluateSlots(module.plan, limitsOf(module.plan.target), choices);
}

dlc_status evaluateShape(const dlc_module *module, const Vec<Value> &values, const char *kind, size_t index,
                         const dlc_dim *dims, size_t count, int64_t *shape) {
  if (index >= values.size() || (count && !dims) || !shape)
    return invalid("no such input or output, or a NULL pointer");
  return guarded(module->self.host, [&] {
    Vec<int64_t> extents(values[index].dims.size());
    evaluateDims(values[index], kind, slotsFor(module->self, dims, count), extents);
    std::copy(extents.begin(), extents.end(), shape);
  });
}

const char *const statusNames[] = {"DLC_OK",
                                   "DLC_ERROR_INVALID_ARGUMENT",
                                   "DLC_ERROR_IO",
                                   "DLC_ERROR_FORMAT",
                                   "DLC_ERROR_UNSUPPORTED",
                                   "DLC_ERROR_DIMS",
                                   "DLC_ERROR_NO_DRIVER",
                                   "DLC_ERROR_NO_DEVICE",
                                   "DLC_ERROR_PTX",
                                   "DLC_ERROR_OUT_OF_HOST_MEMORY",
                                   "DLC_ERROR_OUT_OF_DEVICE_MEMORY",
                                   "DLC_ERROR_LAUNCH",
                                   "DLC_ERROR_KERNEL",
                                   "DLC_ERROR_POISONED",
                                   "DLC_ERROR_NOT_PREPARED",
                                   "DLC_ERROR_DRIVER",
                                   "DLC_ERROR_INTERNAL"};

} // namespace

extern "C" {

const char *dlc_status_name(dlc_status status) {
  return size_t(status) < std::size(statusNames) ? statusNames[status] : "unknown status";
}
const char *dlc_last_error(void) { return lastErrorMessage(); }
const char *dlc_last_help(void) { return lastErrorHelp(); }
const char *dlc_version(void) { return DLC_VERSION; }

size_t dlc_dtype_size(dlc_dtype dtype) {
  const DtypeRow *row = findDtype(int(dtype));
  return row ? row->bytes : 0;
}
const char *dlc_dtype_name(dlc_dtype dtype) {
  const DtypeRow *row = findDtype(int(dtype));
  return row ? row->name.data() : "?";
}

void dlc_load_options_init(dlc_load_options *options) {
  if (options) *options = {}, options->size = sizeof(*options);
}
void dlc_context_options_init(dlc_context_options *options) {
  if (options) *options = {}, options->size = sizeof(*options);
}

dlc_status dlc_module_load_file(const char *path, const dlc_load_options *options, dlc_module **module) {
  return path ? load({}, path, options, module) : invalid("path is NULL");
}
dlc_status dlc_module_load_memory(const void *data, size_t bytes, const dlc_load_options *options,
                                  dlc_module **module) {
  if (!data) return invalid("data is NULL");
  return load({static_cast<const char *>(data), bytes}, nullptr, options, module);
}
void dlc_module_release(dlc_module *module) {
  if (module) release(module);
}

const char *dlc_module_hash(const dlc_module *module) { return module ? module->self.hash.c_str() : ""; }
size_t dlc_module_input_count(const dlc_module *module) {
  return module ? module->self.plan.inputs.size() : 0;
}
size_t dlc_module_output_count(const dlc_module *module) {
  return module ? module->self.plan.outputs.size() : 0;
}
size_t dlc_module_symbol_count(const dlc_module *module) {
  return module ? choiceCount(module->self.plan) : 0;
}

dlc_status dlc_module_input(const dlc_module *module, size_t index, dlc_value_info *info) {
  if (!module) return invalid("module is NULL");
  return describeValue(module, module->self.plan.inputs, module->self.inputTexts, index, info);
}
dlc_status dlc_module_output(const dlc_module *module, size_t index, dlc_value_info *info) {
  if (!module) return invalid("module is NULL");
  return describeValue(module, module->self.plan.outputs, module->self.outputTexts, index, info);
}

dlc_status dlc_module_symbol(const dlc_module *module, size_t index, dlc_symbol_info *info) {
  if (!module || !info || index >= choiceCount(module->self.plan)) return invalid("no such symbol");
  const Plan &plan = module->self.plan;
  *info = {};
  info->origins = module->self.choiceOrigins[index].c_str();
  info->multiple = 1;
  if (index < plan.symbols.size()) {
    const Symbol &symbol = plan.symbols[index];
    info->name = symbol.name.c_str();
    info->min = symbol.min, info->max = symbol.max, info->multiple = symbol.multiple;
    return DLC_OK;
  }
  size_t left = index - plan.symbols.size();
  for (const Scalar &scalar : plan.scalars) {
    if (!scalar.fromInput || left-- != 0) continue;
    info->name = scalar.name.c_str();
    info->min = scalar.min, info->max = scalar.max, info->from_data = 1;
  }
  return DLC_OK;
}

dlc_status dlc_module_bind(const dlc_module *module, const dlc_tensor *inputs, size_t input_count,
                           dlc_dim *dims) {
  if (!module || (input_count && !inputs)) return invalid("module or inputs is NULL");
  const Plan &plan = module->self.plan;
  if (input_count != plan.inputs.size()) return invalid("the number of inputs is not the model's");
  if (!dims && choiceCount(plan)) return invalid("dims is NULL");
  for (size_t i = 0; i < input_count; ++i)
    if (inputs[i].rank < 0 || (inputs[i].rank > 0 && !inputs[i].shape))
      return invalid("an input has no shape");
  return guarded(module->self.host, [&] {
    Vec<int64_t> choices(choiceCount(plan));
    choicesFromShapes(
        plan, {inputs, input_count},
        [&](int input, int64_t index) {
          const dlc_tensor &tensor = inputs[input];
          if (tensor.memory != DLC_HOST || !tensor.data || tensor.dtype != plan.inputs[size_t(input)].dtype)
            fail(DLC_ERROR_INVALID_ARGUMENT,
                 concat("the value of input ", inQuotes(plan.inputs[size_t(input)].name),
                        " is needed in host memory"));
          return readInteger(tensor.dtype, tensor.data, index);
        },
        choices);
    evaluateSlots(plan, limitsOf(plan.target), choices); // ranges and guards
    size_t next = 0;
    for (const Symbol &symbol : plan.symbols) dims[next] = {symbol.name.c_str(), choices[next]}, ++next;
    for (const Scalar &scalar : plan.scalars)
      if (scalar.fromInput) dims[next] = {scalar.name.c_str(), choices[next]}, ++next;
  });
}

dlc_status dlc_module_input_shape(const dlc_module *module, size_t index, const dlc_dim *dims,
                                  size_t dim_count, int64_t *shape) {
  if (!module) return invalid("module is NULL");
  return evaluateShape(module, module->self.plan.inputs, "input", index, dims, dim_count, shape);
}
dlc_status dlc_module_output_shape(const dlc_module *module, size_t index, const dlc_dim *dims,
                                   size_t dim_count, int64_t *shape) {
  if (!module) return invalid("module is NULL");
  return evaluateShape(module, module->self.plan.outputs, "output", index, dims, dim_count, shape);
}

dlc_status dlc_module_memory(const dlc_module *module, const dlc_dim *dims, size_t dim_count,
                             dlc_memory_info *info) {
  if (!module || (dim_count && !dims) || !info) return invalid("module, dims or info is NULL");
  return guarded(module->self.host, [&] {
    const Plan &plan = module->self.plan;
    Vec<int64_t> choices(choiceCount(plan));
    orderChoices(plan, {dims, dim_count}, choices);
    BoundPlan bound = bindPlan(plan, limitsOf(plan.target), choices);
    dlc_memory_info sums{};
    sums.weights = plan.weights.isPresent ? module->self.weights.dataBytes() : 0;
    sums.arena = bound.arenaBytes;
    sums.zeroed = bound.zeroedBytes;
    for (uint64_t bytes : bound.inputBytes) sums.inputs += bytes;
    for (uint64_t bytes : bound.outputBytes) sums.outputs += bytes;
    *info = sums;
  });
}

dlc_status dlc_context_create(dlc_module *module, const dlc_context_options *given, dlc_context **context) {
  dlc_context_options options;
  if (!module || !context) return invalid("module or context is NULL");
  if (!takeOptions(given, options, dlc_context_options_init)) return invalid("options.size is not set");
  if (options.flags & ~uint32_t(DLC_CONTEXT_SYNC | DLC_CONTEXT_GRAPH))
    return invalid("options.flags has a bit that this library does not know");
  return guarded(module->self.host, [&] { *context = hostNew<dlc_context>(module, options); });
}

void dlc_context_destroy(dlc_context *context) {
  if (!context) return;
  dlc_module *module = context->module;
  hostDelete(context);
  release(module);
}

dlc_status dlc_context_device(const dlc_context *context, dlc_device_info *info) {
  if (!context || !info) return invalid("context or info is NULL");
  *info = context->self.device.info;
  return DLC_OK;
}

dlc_status dlc_context_prepare(dlc_context *context, const dlc_dim *dims, size_t dim_count) {
  if (!context || (dim_count && !dims)) return invalid("context or dims is NULL");
  return guarded(context->module->self.host, [&] {
    const Plan &plan = context->module->self.plan;
    Vec<int64_t> choices(choiceCount(plan));
    orderChoices(plan, {dims, dim_count}, choices);
    context->self.prepare(choices);
  });
}

dlc_status dlc_context_enqueue(dlc_context *context, void *stream, const dlc_tensor *inputs,
                               size_t input_count, const dlc_tensor *outputs, size_t output_count) {
  if (!context || (input_count && !inputs) || (output_count && !outputs)) return invalid("a pointer is NULL");
  return guarded(context->module->self.host, [&] {
    context->self.enqueue(static_cast<CuStream>(stream), {inputs, input_count}, {outputs, output_count});
  });
}

dlc_status dlc_context_run(dlc_context *context, const dlc_tensor *inputs, size_t input_count,
                           const dlc_tensor *outputs, size_t output_count) {
  if (!context || (input_count && !inputs) || (output_count && !outputs)) return invalid("a pointer is NULL");
  return guarded(context->module->self.host,
                 [&] { context->self.run({inputs, input_count}, {outputs, output_count}); });
}

dlc_status dlc_context_status(const dlc_context *context) {
  if (!context) return invalid("context is NULL");
  return context->self.isPoisoned() ? DLC_ERROR_POISONED : DLC_OK;
}

} // extern "C"
