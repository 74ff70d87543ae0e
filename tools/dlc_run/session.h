// An artifact on a device, as the command line wants it.
#pragma once

#include "runtime/context.h"
#include "tools/dlc_run/options.h"
#include "tools/dlc_run/values.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace dlc::run {

/// The artifact of the options, loaded. On the virtual GPU every buffer is an allocation of its own. Throws
/// rt::Failure.
std::unique_ptr<rt::Module> loadArtifact(const Options &options, bool isVirtual);

class Session {
public:
  /// Throws rt::Failure. With --device=auto it says on stdout which device it took.
  explicit Session(const Options &options);

  const Options &options;
  bool isVirtual = false;
  std::unique_ptr<rt::Module> module;
  std::unique_ptr<rt::Context> context;

  const rt::Plan &plan() const { return module->plan; }
  std::string deviceText() const; ///< "NVIDIA A2" or "vcuda (a100)"

  /// Runs on these inputs and returns the outputs.
  std::vector<HostTensor> run(std::vector<HostTensor> &inputs);

  /// After prepare: tells the virtual GPU the names of buffers, for its findings and counters.
  void nameMemory();
  /// Has the virtual GPU count; refuses on any other.
  void startCounters();
  std::string counters() const; ///< JSON
  /// Findings so far, as JSON text and as their number.
  size_t findingCount() const;
  std::string findings() const;

private:
  void open(bool onVirtual);
};

} // namespace dlc::run
