//===- records.h - device records as the driver reports them ----------------===//
//
// The rows of ir/target/devices.json, the file that the compiler's cost model reads too, embedded at build
// time.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_RECORDS_H
#define DLC_RUNTIME_VCUDA_DRIVER_RECORDS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dlc::vcuda {

struct DeviceRecord {
  std::string name, marketingName, arch;
  int computeMajor = 0, computeMinor = 0;
  int sms = 0, clockMhz = 0;
  uint64_t memoryBytes = 0;
  int memoryClockMhz = 0, memoryBusBits = 0;
  int l2Bytes = 0;
  int sharedPerSm = 0, sharedPerBlock = 0, sharedPerBlockOptin = 0, sharedReservedPerBlock = 0;
  int registersPerSm = 0, maxThreadsPerSm = 0, maxCtasPerSm = 0;
  double fp32Tflops = 0, fp64Tflops = 0;

  int smVersion() const { return computeMajor * 10 + computeMinor; }
};

/// By device name, alias or architecture; null if there is none.
const DeviceRecord *findRecord(std::string_view name);
/// "a100, a100-80gb, ..., sm_80, ...": for messages.
std::string recordNames();

} // namespace dlc::vcuda

#endif
