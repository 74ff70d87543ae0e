#include "ir/target/target.h"

#include <nlohmann/json.hpp>

namespace dlc {
namespace {

const char devicesText[] =
#include "ir/target/devices.inc"
    ;

struct Table {
  std::vector<TargetRecord> records;
  std::vector<std::pair<std::string, std::string>> architectures; // name -> device, in the order of the file
};

TargetRecord parseRecord(const nlohmann::ordered_json &row) {
  TargetRecord r;
  row.at("name").get_to(r.name);
  row.at("aliases").get_to(r.aliases);
  row.at("marketing_name").get_to(r.marketingName);
  row.at("arch").get_to(r.arch);
  row.at("compute_major").get_to(r.computeMajor);
  row.at("compute_minor").get_to(r.computeMinor);
  row.at("sms").get_to(r.sms);
  row.at("clock_mhz").get_to(r.clockMhz);
  row.at("memory_bytes").get_to(r.memoryBytes);
  row.at("memory_clock_mhz").get_to(r.memoryClockMhz);
  row.at("memory_bus_bits").get_to(r.memoryBusBits);
  row.at("l2_bytes").get_to(r.l2Bytes);
  row.at("dram_gbps").get_to(r.dramGbps);
  row.at("l2_gbps").get_to(r.l2Gbps);
  row.at("shared_per_sm").get_to(r.sharedPerSm);
  row.at("shared_per_block").get_to(r.sharedPerBlock);
  row.at("shared_per_block_optin").get_to(r.sharedPerBlockOptin);
  row.at("shared_reserved_per_block").get_to(r.sharedReservedPerBlock);
  row.at("registers_per_sm").get_to(r.registersPerSm);
  row.at("max_threads_per_sm").get_to(r.maxThreadsPerSm);
  row.at("max_ctas_per_sm").get_to(r.maxCtasPerSm);
  row.at("fp32_tflops").get_to(r.fp32Tflops);
  row.at("fp16_tensor_tflops").get_to(r.fp16TensorTflops);
  row.at("tf32_tensor_tflops").get_to(r.tf32TensorTflops);
  row.at("int8_tops").get_to(r.int8Tops);
  row.at("fp64_tflops").get_to(r.fp64Tflops);
  row.at("sfu_per_clock_per_sm").get_to(r.sfuPerClockPerSm);
  row.at("launch_us").get_to(r.launchUs);
  return r;
}

// The text is part of this program and covered by its tests, so a parse error is a broken build and may
// throw.
const Table &table() {
  static const Table parsed = [] {
    Table t;
    auto document = nlohmann::ordered_json::parse(devicesText);
    for (const auto &row : document.at("devices")) t.records.push_back(parseRecord(row));
    for (const auto &[arch, device] : document.at("architectures").items())
      t.architectures.emplace_back(arch, device.get<std::string>());
    return t;
  }();
  return parsed;
}

} // namespace

const TargetRecord *findTarget(std::string_view name) {
  for (const auto &[arch, device] : table().architectures)
    if (arch == name) name = device;
  for (const TargetRecord &r : table().records) {
    if (r.name == name) return &r;
    for (const std::string &alias : r.aliases)
      if (alias == name) return &r;
  }
  return nullptr;
}

std::vector<std::string> targetNames() {
  std::vector<std::string> names;
  for (const TargetRecord &r : table().records) names.push_back(r.name);
  for (const auto &[arch, device] : table().architectures) names.push_back(arch);
  return names;
}

const std::vector<TargetRecord> &allTargets() { return table().records; }

} // namespace dlc
