#include "runtime/failure.h"
#include "runtime/module.h"

#include <algorithm>

namespace dlc::rt {

DeviceBlock::DeviceBlock(const Driver &driver, const dlc_device_allocator &allocator, uint64_t bytes,
                         std::string_view what) {
  if (bytes == 0) return;
  bool isMissing = false;
  if (allocator.allocate) {
    uint64_t address = 0;
    isMissing = allocator.allocate(allocator.user, bytes, 256, &address) != 0;
    start = address;
    if (!isMissing && (start == 0 || start % 256 != 0)) {
      if (start) allocator.deallocate(allocator.user, start, bytes);
      fail(DLC_ERROR_INVALID_ARGUMENT, "the device allocator returned an address that is not aligned to 256");
    }
  } else {
    CuResult result = driver.allocate(&start, bytes);
    isMissing = statusOf(result) == DLC_ERROR_OUT_OF_DEVICE_MEMORY;
    if (!isMissing) expectSuccess(driver, result, concat("can't allocate ", what));
  }
  if (isMissing)
    fail(DLC_ERROR_OUT_OF_DEVICE_MEMORY, concat("no device memory for ", what, " (", bytes, " bytes)"),
         "choose smaller dims, or free memory on the device");
  this->driver = &driver;
  this->allocator = &allocator;
  this->bytes = bytes;
}

DeviceBlock::~DeviceBlock() {
  if (!driver) return;
  if (allocator->allocate)
    allocator->deallocate(allocator->user, start, bytes);
  else
    driver->free(start);
}

DeviceBlock &DeviceBlock::operator=(DeviceBlock &&other) noexcept {
  std::swap(driver, other.driver);
  std::swap(allocator, other.allocator);
  std::swap(start, other.start);
  std::swap(bytes, other.bytes);
  return *this;
}

DeviceState::DeviceState(const Module &module, const Driver &opened, CuContext context, bool isPrimary,
                         CuDevice device, int ordinal)
    : driver(opened), context(context), isPrimary(isPrimary), device(device) {
  try {
    CurrentContext current(driver, context);
    info.ordinal = ordinal;
    info.driver_version = driver.version;
    driver.deviceGetName(info.name, int(sizeof(info.name)), device);
    const std::pair<int, int32_t *> attributes[] = {{cuAttributeMajor, &info.major},
                                                    {cuAttributeMinor, &info.minor},
                                                    {cuAttributeSms, &info.sms},
                                                    {cuAttributeSharedPerBlock, &info.shared_per_block},
                                                    {cuAttributePageable, &readsHostMemory}};
    for (auto [attribute, value] : attributes)
      expectSuccess(driver, driver.deviceGetAttribute(value, attribute, device), "can't query the device");
    limits = {info.sms, info.shared_per_block};
    checkDevice(module);
    loadKernels(module);
    uploadWeights(module);
  } catch (...) {
    tearDown();
    throw;
  }
}

DeviceState::~DeviceState() { tearDown(); }

void DeviceState::tearDown() noexcept {
  bool isCurrent = driver.contextPush(context) == 0;
  weightBlocks.clear();
  if (kernels) driver.moduleUnload(kernels);
  CuContext popped = nullptr;
  if (isCurrent) driver.contextPop(&popped);
  if (isPrimary) driver.primaryRelease(device);
}

void DeviceState::checkDevice(const Module &module) const {
  const Target &target = module.plan.target;
  int have = 10 * info.major + info.minor, want = 10 * target.major + target.minor;
  if (have < want || (target.exactArchitecture && have != want))
    fail(DLC_ERROR_NO_DEVICE,
         concat("the device ", inQuotes(info.name), " is sm_", have, "; the artifact is for ", target.arch),
         target.exactArchitecture ? std::string("compile for this device")
                                  : concat("run it on a device of ", target.arch, " or newer"));
  if (info.major > target.major)
    module.log(DLC_LOG_WARNING, concat("the device '", info.name, "' (sm_", have,
                                       ") is a major generation newer than the artifact's ", target.arch,
                                       ": it runs, but not at the device's full speed"));
}

void DeviceState::loadKernels(const Module &module) {
  char errors[8192] = "";
  int options[] = {cuJitErrorLog, cuJitErrorLogBytes};
  void *values[] = {errors, reinterpret_cast<void *>(sizeof(errors))};
  CuResult result = driver.moduleLoad(&kernels, module.ptx.c_str(), 2, options, values);
  errors[sizeof(errors) - 1] = 0;
  if (result != 0 && statusOf(result) == DLC_ERROR_PTX) {
    std::string help = result == 222 ? "update the NVIDIA driver" : "";
    fail(DLC_ERROR_PTX,
         concat("the driver refuses the PTX: ", driver.describe(result), *errors ? "\n" : "", errors), help);
  }
  expectSuccess(driver, result, "can't load the kernels");
  for (const Kernel &kernel : module.plan.kernels) {
    CuFunction function = nullptr;
    expectSuccess(driver, driver.moduleFunction(&function, kernels, kernel.name.c_str()),
                  concat("can't find kernel ", inQuotes(kernel.name)));
    functions.push_back(function);
  }
  allowedShared.resize(functions.size());
}

void DeviceState::uploadWeights(const Module &module) {
  if (!module.plan.weights.isPresent) return;
  size_t count = module.plan.weights.tensors.size();
  auto upload = [&](uint64_t offset, uint64_t bytes, std::string_view what) {
    weightBlocks.emplace_back(driver, module.deviceAllocator, bytes, what);
    CuAddress address = weightBlocks.back().address();
    if (bytes > 0)
      expectSuccess(driver, driver.copyToDevice(address, module.weights.data() + offset, bytes, nullptr),
                    concat("can't upload ", what));
    return address;
  };
  weightAddresses.resize(count);
  if (module.isGuarded()) {
    for (size_t i = 0; i < count; ++i)
      weightAddresses[i] = upload(module.weights[i].offset, module.weights[i].bytes,
                                  concat("weight ", inQuotes(module.plan.weights.tensors[i].name)));
  } else {
    CuAddress start = upload(0, module.weights.dataBytes(), "the weights");
    for (size_t i = 0; i < count; ++i) weightAddresses[i] = start + module.weights[i].offset;
  }
  expectSuccess(driver, driver.streamSynchronize(nullptr), "can't upload the weights");
}

void DeviceState::allowShared(const Plan &plan, int kernel, uint32_t bytes) {
  constexpr int64_t alwaysAllowed = 48 * 1024; // static and dynamic together, without asking
  size_t index = size_t(kernel);
  if (plan.kernels[index].staticShared + int64_t(bytes) <= alwaysAllowed) return;
  std::lock_guard lock(sharedMutex);
  if (bytes <= allowedShared[index]) return;
  expectSuccess(driver, driver.functionSet(functions[index], cuFunctionDynamicShared, int(bytes)),
                concat("kernel ", inQuotes(plan.kernels[index].name), " can't have ", bytes,
                       " bytes of shared memory"));
  allowedShared[index] = bytes;
}

} // namespace dlc::rt
