// Device records: what a schedule and a cost model may know about a GPU.
//
// The records are the rows of devices.json, which also says where each figure comes from; the text is part of
// the binary. A target is named by a device (`h100-sxm`, or an alias such as `h100`) or by an architecture
// (`sm_90a`), which stands for its default device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

struct TargetRecord {
  std::string name;                 ///< "a100"
  std::vector<std::string> aliases; ///< other names that findTarget takes
  std::string marketingName;        ///< what the driver reports: "NVIDIA A100-SXM4-40GB"
  std::string arch;                 ///< "sm_80", without a feature suffix
  int computeMajor = 0;
  int computeMinor = 0;

  int sms = 0;
  int clockMhz = 0; ///< boost clock
  int64_t memoryBytes = 0;
  int memoryClockMhz = 0;
  int memoryBusBits = 0;
  int64_t l2Bytes = 0;
  double dramGbps = 0; ///< 1e9 bytes per second
  double l2Gbps = 0;   ///< 1e9 bytes per second; mostly an estimate

  int64_t sharedPerSm = 0;            ///< bytes
  int64_t sharedPerBlock = 0;         ///< bytes without opting in (48 KB)
  int64_t sharedPerBlockOptin = 0;    ///< bytes, largest dynamic + static size of one CTA
  int64_t sharedReservedPerBlock = 0; ///< bytes of sharedPerSm that the system keeps for each resident CTA
  int registersPerSm = 0;
  int maxThreadsPerSm = 0;
  int maxCtasPerSm = 0;

  // Dense rates in 1e12 operations per second, a multiply-add counted as two; 0 for what the device lacks.
  double fp32Tflops = 0;
  double fp16TensorTflops = 0; ///< fp16 and bf16, accumulated in fp32
  double tf32TensorTflops = 0;
  double int8Tops = 0;
  double fp64Tflops = 0;    ///< without tensor cores
  int sfuPerClockPerSm = 0; ///< ex2, rcp, rsqrt, lg2, sin, cos, tanh results per clock and SM
  double launchUs = 0;      ///< time that one more kernel boundary costs, in microseconds

  double sharedGbps() const { return 128e-3 * sms * clockMhz; } ///< 128 bytes per clock and SM
};

/// The record of a device name, an alias or an architecture; null if there is none. The record lives forever.
const TargetRecord *findTarget(std::string_view name);

/// All names that findTarget takes, without aliases: devices in the order of the file, then architectures.
std::vector<std::string> targetNames();

/// All records in the order of the file.
const std::vector<TargetRecord> &allTargets();

} // namespace dlc
