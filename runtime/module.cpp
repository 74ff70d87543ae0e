#include "runtime/module.h"

#include "runtime/artifact.h"
#include "runtime/failure.h"

namespace dlc::rt {

std::string folderOf(const std::string &path) {
  size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

static Module::ValueTexts textsOf(const Plan &plan, const Value &value) {
  Module::ValueTexts texts;
  for (const Expr &dim : value.dims) texts.dims.emplace_back(textOf(dim, plan.slotNames));
  for (const String &text : texts.dims) texts.pointers.push_back(text.c_str());
  return texts;
}

void Module::makeTexts() {
  for (const Value &value : plan.inputs) inputTexts.push_back(textsOf(plan, value));
  for (const Value &value : plan.outputs) outputTexts.push_back(textsOf(plan, value));
  for (const Symbol &symbol : plan.symbols) {
    String text;
    for (const String &origin : symbol.origins) text += (text.empty() ? "" : ", ") + origin;
    choiceOrigins.push_back(std::move(text));
  }
  for (const Scalar &scalar : plan.scalars)
    if (scalar.fromInput)
      choiceOrigins.emplace_back(concat(plan.inputs[size_t(scalar.input)].name, " element ", scalar.index));
}

Module::Module(std::string_view file, const dlc_load_options &options, const std::string &folder)
    : host(options.host), deviceAllocator(options.device), flags(options.flags), logCallback(options.log),
      logUser(options.log_user) {
  ArtifactText text = readArtifact(file);
  if (!text.isIntact) {
    if (!(flags & DLC_LOAD_EDITED))
      fail(DLC_ERROR_FORMAT, "the artifact's digest does not fit its content: it is damaged or was edited",
           "write it again with dlc, or allow edited artifacts (dlc-run --edited)");
    log(DLC_LOG_WARNING, "the artifact was edited: its digest does not fit its content");
  }
  plan = parsePlan(text.plan);
  matchEntries(text.ptx, plan);
  ptx = std::move(text.ptx);
  hash = hexText(text.digest);
  if (plan.weights.isPresent) {
    bool verify = flags & DLC_LOAD_VERIFY_WEIGHTS;
    if (options.weights_data) {
      auto *start = static_cast<const uint8_t *>(options.weights_data);
      weights = Weights(plan.weights, std::span(start, options.weights_bytes), verify);
    } else if (options.weights_path) {
      weights = Weights(plan.weights, options.weights_path, verify);
    } else if (!folder.empty()) {
      weights = Weights(plan.weights, concat(folder, "/", plan.weights.file), verify);
    } else {
      fail(DLC_ERROR_INVALID_ARGUMENT, "an artifact loaded from memory needs its weights in the options",
           "set weights_data or weights_path");
    }
  }
  makeTexts();
}

void Module::log(dlc_log_level level, const std::string &message) const {
  if (logCallback) logCallback(logUser, level, message.c_str());
}

DeviceState &Module::acquireDevice(const dlc_context_options &options) {
  Driver driver = Driver::open(options.driver);
  std::lock_guard lock(mutex);
  auto context = static_cast<CuContext>(options.cuda_context);
  bool isPrimary = !context;
  CuDevice device = 0;
  int ordinal = -1;
  if (isPrimary) {
    int count = 0;
    expectSuccess(driver, driver.deviceGetCount(&count), "can't count devices");
    ordinal = options.device;
    if (ordinal < 0 || ordinal >= count)
      fail(DLC_ERROR_NO_DEVICE, concat("there is no CUDA device ", ordinal, "; the driver has ", count),
           "choose another device");
    expectSuccess(driver, driver.deviceGet(&device, ordinal), "can't open the device");
    expectSuccess(driver, driver.primaryRetain(&context, device), "can't open the device's primary context");
  } else {
    CurrentContext current(driver, context);
    expectSuccess(driver, driver.contextDevice(&device), "can't find the device of the CUDA context");
  }
  for (const HostPtr<DeviceState> &state : devices) {
    if (state->driver.library != driver.library || state->context != context) continue;
    if (isPrimary) driver.primaryRelease(device);
    ++state->users;
    return *state;
  }
  struct Retained { // until a DeviceState owns the reference
    const Driver &driver;
    CuDevice device;
    bool isHeld;
    ~Retained() {
      if (isHeld) driver.primaryRelease(device);
    }
  } retained{driver, device, isPrimary};
  devices.reserve(devices.size() + 1);
  void *memory = hostAllocate(sizeof(DeviceState));
  retained.isHeld = false;
  HostPtr<DeviceState> state;
  try {
    state.reset(new (memory) DeviceState(*this, driver, context, isPrimary, device, ordinal));
  } catch (...) {
    hostFree(memory);
    throw;
  }
  state->users = 1;
  devices.push_back(std::move(state));
  return *devices.back();
}

void Module::releaseDevice(DeviceState &state) noexcept {
  std::lock_guard lock(mutex);
  if (--state.users > 0) return;
  for (auto it = devices.begin(); it != devices.end(); ++it) {
    if (it->get() != &state) continue;
    devices.erase(it);
    return;
  }
}

} // namespace dlc::rt
