//===- outputs.h - findings and counters of the whole process ----------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_OUTPUTS_H
#define DLC_RUNTIME_VCUDA_DRIVER_OUTPUTS_H

#include "runtime/vcuda/memory/device_memory.h"

#include <cstdio>
#include <mutex>
#include <tuple>

namespace dlc::vcuda {

/// Collects what launches report. Thread-safe.
class Outputs {
public:
  /// Opens the files, where a path is not empty; empty, or which setting is wrong and why.
  std::string open(const std::string &findingsFile, const std::string &countersFile);

  /// `module` tells kernels of the same name apart.
  void record(const std::string &module, const std::string &kernel, uint64_t launch,
              const LaunchResult &result, const DeviceMemory &memory);

  std::string findingsJson();
  std::string countersJson(bool lines);
  size_t findingCount();
  void resetFindings();
  void resetCounters();
  /// Writes the counters file, if there is one.
  void flush(bool lines);
  /// One line per finding, or nothing.
  std::string summary();

private:
  struct KernelCounters {
    Counters counters;
    std::map<uint64_t, AllocationInfo>
        buffers; ///< what is known of the buffers that the counters name by number
  };
  using FindingKey =
      std::tuple<std::string, std::string, uint32_t, uint32_t>; ///< check, kernel, line, other line

  std::mutex mutex;
  std::FILE *findingsStream = nullptr;
  std::FILE *countersStream = nullptr; ///< opened with the other: what cannot be written is known at once
  std::vector<Finding> findings;       ///< merged over launches, in the order of their first occurrence
  std::vector<uint64_t> firstLaunch;
  std::map<FindingKey, size_t> findingIndex;
  uint64_t notShown = 0;
  std::map<std::pair<std::string, std::string>, KernelCounters> kernels;
};

} // namespace dlc::vcuda

#endif
