#include "tools/dlc_run/session.h"

#include "runtime/failure.h"
#include "runtime/file.h"
#include "tools/virtual_driver.h"

#include <cstdio>
#include <dlfcn.h>

namespace dlc::run {

using rt::concat;
using rt::fail;
using rt::inQuotes;

static void logMessage(void *, dlc_log_level level, const char *message) {
  std::fprintf(stderr, "dlc-run: %s: %s\n", level == DLC_LOG_WARNING ? "warning" : "note", message);
}

std::unique_ptr<rt::Module> loadArtifact(const Options &options, bool isVirtual) {
  dlc_load_options load;
  dlc_load_options_init(&load);
  load.log = logMessage;
  if (options.edited) load.flags |= DLC_LOAD_EDITED;
  if (options.verify) load.flags |= DLC_LOAD_VERIFY_WEIGHTS;
  if (isVirtual) load.flags |= DLC_LOAD_GUARD;
  if (!options.weights.empty()) load.weights_path = options.weights.c_str();
  rt::String file = rt::readFile(options.artifact);
  return std::make_unique<rt::Module>(file, load, rt::folderOf(options.artifact));
}

void Session::open(bool onVirtual) {
  isVirtual = onVirtual;
  module = loadArtifact(options, onVirtual);
  dlc_context_options contextOptions;
  dlc_context_options_init(&contextOptions);
  contextOptions.device = options.ordinal;
  std::string driver = onVirtual ? virtualDriverPath() : "";
  if (onVirtual) contextOptions.driver = driver.c_str();
  if (options.sync) contextOptions.flags |= DLC_CONTEXT_SYNC;
  if (options.graph) contextOptions.flags |= DLC_CONTEXT_GRAPH;
  context = std::make_unique<rt::Context>(*module, contextOptions);
}

Session::Session(const Options &options) : options(options) {
  if (options.device != "auto") {
    open(options.device == "vcuda");
    return;
  }
  try {
    open(false);
  } catch (const rt::Failure &failure) {
    if (failure.status != DLC_ERROR_NO_DRIVER && failure.status != DLC_ERROR_NO_DEVICE) throw;
    std::printf("no GPU (%s)\n", failure.message.c_str());
    open(true);
  }
  std::printf("device: %s\n", deviceText().c_str());
}

std::string Session::deviceText() const {
  const char *name = context->device.info.name;
  return isVirtual ? concat("vcuda (", name, ")") : name;
}

std::vector<HostTensor> Session::run(std::vector<HostTensor> &inputs) {
  std::vector<dlc_tensor> in, out;
  for (HostTensor &tensor : inputs) in.push_back(tensor.get());
  std::vector<int64_t> choices(rt::choiceCount(plan()));
  rt::choicesFromShapes(
      plan(), in,
      [&](int input, int64_t index) {
        return rt::readInteger(in[size_t(input)].dtype, in[size_t(input)].data, index);
      },
      choices);
  context->prepare(choices);
  if (isVirtual) context->useOwnTensors(), nameMemory();
  std::vector<HostTensor> outputs;
  for (size_t i = 0; i < plan().outputs.size(); ++i) {
    const rt::Value &value = plan().outputs[i];
    const auto &dims = context->plan().outputDims[i];
    outputs.push_back({std::string(value.name),
                       value.dtype,
                       {dims.begin(), dims.end()},
                       std::vector<char>(context->plan().outputBytes[i])});
  }
  for (HostTensor &tensor : outputs) out.push_back(tensor.get());
  context->run(in, out);
  return outputs;
}

// ---- The virtual GPU's own functions; no other driver has them (runtime/vcuda/include/vcuda.h) ----

template <class Function> static Function findExtra(const rt::Context &context, const char *name) {
  return reinterpret_cast<Function>(::dlsym(context.device.driver.library, name));
}

void Session::nameMemory() {
  auto name = findExtra<int (*)(uint64_t, const char *)>(*context, "vcudaNameAllocation");
  if (!name) return;
  auto give = [&](uint64_t address, std::string_view text) {
    if (address) name(address, std::string(text).c_str());
  };
  for (size_t i = 0; i < plan().weights.tensors.size(); ++i)
    give(context->device.weightAddresses[i], concat("weight:", plan().weights.tensors[i].name));
  for (size_t i = 0; i < plan().buffers.size(); ++i)
    if (plan().buffers[i].base != rt::Base::Buffer && plan().buffers[i].base != rt::Base::Weight)
      give(context->addressOf(int(i)), plan().buffers[i].name);
}

void Session::startCounters() {
  auto set = findExtra<int (*)(const char *, const char *)>(*context, "vcudaSetOption");
  if (!set || set("counters", "on") != 1)
    fail(DLC_ERROR_INVALID_ARGUMENT, "only the virtual GPU has counters", "add --device=vcuda");
}

static std::string readText(size_t (*function)(char *, size_t)) {
  if (!function) return "";
  std::string text(function(nullptr, 0) + 1, '\0');
  text.resize(std::min(function(text.data(), text.size()), text.size() - 1));
  return text;
}
std::string Session::counters() const {
  return readText(findExtra<size_t (*)(char *, size_t)>(*context, "vcudaCounters"));
}
std::string Session::findings() const {
  return readText(findExtra<size_t (*)(char *, size_t)>(*context, "vcudaFindings"));
}
size_t Session::findingCount() const {
  auto count = findExtra<size_t (*)()>(*context, "vcudaFindingCount");
  return count ? count() : 0;
}

} // namespace dlc::run
