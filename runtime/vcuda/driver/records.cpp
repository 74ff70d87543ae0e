#include "runtime/vcuda/driver/records.h"

#include <nlohmann/json.hpp>

namespace dlc::vcuda {
namespace {

const char devicesText[] =
#include "runtime/vcuda/driver/devices.inc"
    ;

struct Table {
  std::vector<DeviceRecord> records;
  std::vector<std::pair<std::string, size_t>> names; ///< every name -> index, in the order of the file
};

DeviceRecord parseRecord(const nlohmann::ordered_json &row) {
  DeviceRecord r;
  row.at("name").get_to(r.name);
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
  row.at("shared_per_sm").get_to(r.sharedPerSm);
  row.at("shared_per_block").get_to(r.sharedPerBlock);
  row.at("shared_per_block_optin").get_to(r.sharedPerBlockOptin);
  row.at("shared_reserved_per_block").get_to(r.sharedReservedPerBlock);
  row.at("registers_per_sm").get_to(r.registersPerSm);
  row.at("max_threads_per_sm").get_to(r.maxThreadsPerSm);
  row.at("max_ctas_per_sm").get_to(r.maxCtasPerSm);
  row.at("fp32_tflops").get_to(r.fp32Tflops);
  row.at("fp64_tflops").get_to(r.fp64Tflops);
  return r;
}

const Table &table() {
  static const Table *parsed = [] {
    auto *t = new Table; // lives as long as the process: used from its last exit handler
    auto document = nlohmann::ordered_json::parse(devicesText);
    for (const auto &row : document.at("devices")) {
      t->records.push_back(parseRecord(row));
      t->names.emplace_back(t->records.back().name, t->records.size() - 1);
    }
    for (size_t i = 0; i < t->records.size(); ++i)
      for (const auto &alias : document.at("devices")[i].at("aliases"))
        t->names.emplace_back(alias.get<std::string>(), i);
    for (const auto &[arch, device] : document.at("architectures").items())
      for (size_t i = 0; i < t->records.size(); ++i)
        if (t->records[i].name == device.get<std::string>()) t->names.emplace_back(arch, i);
    return t;
  }();
  return *parsed;
}

} // namespace

const DeviceRecord *findRecord(std::string_view name) {
  for (const auto &[known, index] : table().names)
    if (known == name) return &table().records[index];
  return nullptr;
}

std::string recordNames() {
  std::string all;
  for (const auto &[known, index] : table().names) all += (all.empty() ? "" : ", ") + known;
  return all;
}

} // namespace dlc::vcuda
