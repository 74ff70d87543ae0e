//===- settings.h - what a user chooses -------------------------------------===//
//
// Read from VCUDA_* when the driver is initialised; the options also through vcudaSetOption.
// runtime/vcuda/README.md lists them.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_SETTINGS_H
#define DLC_RUNTIME_VCUDA_DRIVER_SETTINGS_H

#include "runtime/vcuda/driver/records.h"
#include "runtime/vcuda/machine.h"

namespace dlc::vcuda {

struct Settings {
  std::vector<const DeviceRecord *> devices;
  Options options;
  std::string findingsFile, countersFile;
  bool lineCounters = false; ///< list counters by PTX line too
  bool summary = true;       ///< findings on stderr when the process ends
  // Injected faults: the n-th call from now on, counted from 1, fails; 0 = none.
  uint64_t failAllocation = 0;
  uint64_t failLaunch = 0;
  uint64_t failWith = 701; ///< the CUresult of a launch that fails
};

/// Sets one option by name, e.g. ("checks", "full"). Empty, or what is wrong.
std::string setOption(Settings &settings, std::string_view name, std::string_view value);
/// Reads the environment. Empty, or what is wrong with which variable.
std::string readEnvironment(Settings &settings);

} // namespace dlc::vcuda

#endif
