// The functions of include/vcuda.h.
#include "runtime/vcuda/driver/state.h"

#include <cstring>

using namespace dlc::vcuda;

namespace {

size_t copyOut(const std::string &text, char *buffer, size_t size) {
  if (buffer && size) {
    size_t count = std::min(size - 1, text.size());
    std::memcpy(buffer, text.data(), count);
    buffer[count] = 0;
  }
  return text.size();
}

bool lineCounters() {
  std::lock_guard lock(driver().mutex);
  return driver().settings.lineCounters;
}

} // namespace

VCUDA_API int vcudaInterfaceVersion() { return 1; }

VCUDA_API size_t vcudaFindings(char *buffer, size_t size) {
  return copyOut(driver().initialised ? driver().outputs.findingsJson() : "", buffer, size);
}
VCUDA_API size_t vcudaFindingCount() { return driver().initialised ? driver().outputs.findingCount() : 0; }
VCUDA_API void vcudaResetFindings() { driver().outputs.resetFindings(); }

VCUDA_API size_t vcudaCounters(char *buffer, size_t size) {
  return copyOut(driver().initialised ? driver().outputs.countersJson(lineCounters()) : "", buffer, size);
}
VCUDA_API void vcudaResetCounters() { driver().outputs.resetCounters(); }

VCUDA_API int vcudaSetOption(const char *name, const char *value) {
  Driver &d = driver();
  if (!name || !value || !d.initialised) return 0;
  bool tracking;
  {
    std::lock_guard lock(d.mutex);
    if (!setOption(d.settings, name, value).empty()) return 0;
    tracking = d.settings.options.checks != Checks::Off;
  }
  for (const auto &device : d.devices) device->memory.setTracking(tracking);
  return 1;
}

VCUDA_API int vcudaNameAllocation(uint64_t address, const char *name) {
  Device *device = name && driver().initialised ? driver().deviceOf(address) : nullptr;
  auto allocation = device ? device->memory.lookup(address) : std::nullopt;
  if (!allocation || allocation->base != address) return 0;
  device->memory.setName(address, name);
  return 1;
}

VCUDA_API void vcudaFlush() {
  if (driver().initialised) driver().outputs.flush(lineCounters());
}
