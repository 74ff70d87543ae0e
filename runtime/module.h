// A loaded artifact, and what it has on each CUDA context: compiled kernels and weights.
#pragma once

#include "runtime/bind.h"
#include "runtime/driver.h"
#include "runtime/plan.h"
#include "runtime/weights.h"

#include <atomic>
#include <mutex>
#include <string>

namespace dlc::rt {

class Module;

/// The folder of a path, for the weights beside an artifact: "." for a plain name.
std::string folderOf(const std::string &path);

/// A block of device memory; gives itself back. The CUDA context is current whenever one is made or dies.
class DeviceBlock {
public:
  DeviceBlock() = default;
  /// Throws Failure (DLC_ERROR_OUT_OF_DEVICE_MEMORY) naming `what`. 0 bytes: no block, address 0.
  DeviceBlock(const Driver &driver, const dlc_device_allocator &allocator, uint64_t bytes,
              std::string_view what);
  ~DeviceBlock();
  DeviceBlock(DeviceBlock &&other) noexcept { *this = std::move(other); }
  DeviceBlock &operator=(DeviceBlock &&other) noexcept;
  CuAddress address() const { return start; }
  uint64_t size() const { return bytes; }

private:
  const Driver *driver = nullptr;
  const dlc_device_allocator *allocator = nullptr;
  CuAddress start = 0;
  uint64_t bytes = 0;
};

/// What a module has on one CUDA context. Made by the first of its execution contexts there, gone with the
/// last.
class DeviceState {
public:
  /// Takes over one reference on the primary context if `isPrimary`, also when it throws.
  DeviceState(const Module &module, const Driver &driver, CuContext context, bool isPrimary, CuDevice device,
              int ordinal);
  ~DeviceState();
  DeviceState(const DeviceState &) = delete;
  DeviceState &operator=(const DeviceState &) = delete;

  const Driver driver;
  const CuContext context;
  dlc_device_info info{};
  DeviceLimits limits;
  int32_t readsHostMemory = 0;    ///< not 0: kernels may use any memory of the process
  Vec<CuFunction> functions;      ///< by kernel
  Vec<CuAddress> weightAddresses; ///< by tensor of the plan
  int users = 0;                  ///< under the module's mutex

  /// Lets kernel `kernel` take `bytes` of dynamic shared memory. Callable by several threads.
  void allowShared(const Plan &plan, int kernel, uint32_t bytes);

private:
  friend class Module;
  void checkDevice(const Module &module) const;
  void loadKernels(const Module &module);
  void uploadWeights(const Module &module);
  void tearDown() noexcept;

  const bool isPrimary;
  const CuDevice device;
  CuModule kernels = nullptr;
  Vec<DeviceBlock> weightBlocks;
  std::mutex sharedMutex;
  Vec<uint32_t> allowedShared; ///< by kernel, dynamic bytes
};

class Module {
public:
  /// Reads the artifact. `folder` is where its weights are looked for; empty: it came from memory. Throws
  /// Failure.
  Module(std::string_view file, const dlc_load_options &options, const std::string &folder);

  const dlc_host_allocator host;
  const dlc_device_allocator deviceAllocator;
  const uint32_t flags;
  String ptx;
  String hash;
  Plan plan;
  Weights weights;

  bool isGuarded() const { return flags & DLC_LOAD_GUARD; }
  void log(dlc_log_level level, const std::string &message) const;

  // Texts that the C interface hands out.
  struct ValueTexts {
    Vec<String> dims;
    Vec<const char *> pointers;
  };
  Vec<ValueTexts> inputTexts, outputTexts;
  Vec<String> choiceOrigins;

  /// The state on the CUDA context that the options name, one user more. Throws Failure.
  DeviceState &acquireDevice(const dlc_context_options &options);
  void releaseDevice(DeviceState &state) noexcept;

  std::atomic<int> references{1};

private:
  void makeTexts();
  dlc_log_callback logCallback;
  void *logUser;
  std::mutex mutex;
  Vec<HostPtr<DeviceState>> devices;
};

} // namespace dlc::rt
