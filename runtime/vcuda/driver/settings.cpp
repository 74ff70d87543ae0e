#include "runtime/vcuda/driver/settings.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace dlc::vcuda {
namespace {

bool parseNumber(std::string_view text, uint64_t &value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string expected(std::string_view value, std::string_view what) {
  return "'" + std::string(value) + "' is not " + std::string(what);
}

std::string setSwitch(bool &target, std::string_view value) {
  if (value != "on" && value != "off") return expected(value, "on or off");
  target = value == "on";
  return {};
}

std::string setChecks(Options &options, std::string_view value) {
  if (value == "off")
    options.checks = Checks::Off;
  else if (value == "fast")
    options.checks = Checks::Fast;
  else if (value == "full")
    options.checks = Checks::Full;
  else
    return expected(value, "off, fast or full");
  return {};
}

std::string setSchedule(Schedule &schedule, std::string_view value) {
  if (value == "forward")
    schedule = {Schedule::Forward, 0};
  else if (value == "reverse")
    schedule = {Schedule::Reverse, 0};
  else if (uint64_t seed = 0; value.starts_with("random:") && parseNumber(value.substr(7), seed))
    schedule = {Schedule::Random, seed};
  else if (value == "ahead")
    schedule = {Schedule::Ahead, 0};
  else if (uint64_t warp = 0; value.starts_with("ahead:") && parseNumber(value.substr(6), warp))
    schedule = {Schedule::Ahead, warp};
  else
    return expected(value, "forward, reverse, random:SEED, ahead or ahead:WARP");
  return {};
}

std::string setMma(Arithmetic &arithmetic, std::string_view value) {
  if (value != "fast" && value != "exact") return expected(value, "fast or exact");
  arithmetic.mma = value == "exact" ? Arithmetic::Exact : Arithmetic::Fast;
  return {};
}

std::string setApproximations(Arithmetic &arithmetic, std::string_view value) {
  bool jitter = value.starts_with("jitter:");
  if (value != "nearest" && !(jitter && parseNumber(value.substr(7), arithmetic.seed)))
    return expected(value, "nearest or jitter:SEED");
  arithmetic.jitter = jitter;
  return {};
}

std::string setFloats(Arithmetic &arithmetic, std::string_view value) {
  if (value != "values" && value != "payloads") return expected(value, "values or payloads");
  arithmetic.payload = value == "payloads";
  return {};
}

std::string setDevices(std::vector<const DeviceRecord *> &devices, std::string_view value) {
  devices.clear();
  while (true) {
    size_t comma = value.find(',');
    std::string_view name = value.substr(0, comma);
    const DeviceRecord *record = findRecord(name);
    if (!record) return expected(name, "a device or an architecture (known: " + recordNames() + ")");
    devices.push_back(record);
    if (comma == std::string_view::npos) return {};
    value.remove_prefix(comma + 1);
  }
}

} // namespace

std::string setOption(Settings &settings, std::string_view name, std::string_view value) {
  uint64_t number = 0;
  auto count = [&](auto &target, uint64_t limit) -> std::string {
    if (!parseNumber(value, number) || number > limit)
      return expected(value, "a number from 0 to " + std::to_string(limit));
    target = static_cast<std::remove_reference_t<decltype(target)>>(number);
    return {};
  };
  if (name == "checks") return setChecks(settings.options, value);
  if (name == "schedule") return setSchedule(settings.options.schedule, value);
  if (name == "mma") return setMma(settings.options.arithmetic, value);
  if (name == "approximations") return setApproximations(settings.options.arithmetic, value);
  if (name == "floats") return setFloats(settings.options.arithmetic, value);
  if (name == "threads") return count(settings.options.threads, 1024);
  if (name == "max_instructions") return count(settings.options.maxInstructions, UINT64_MAX);
  if (name == "counters") return setSwitch(settings.options.counters, value);
  if (name == "line_counters") return setSwitch(settings.lineCounters, value);
  if (name == "summary") return setSwitch(settings.summary, value);
  if (name == "fail_allocation") return count(settings.failAllocation, UINT64_MAX);
  if (name == "fail_launch") return count(settings.failLaunch, UINT64_MAX);
  if (name == "fail_with") return count(settings.failWith, 999);
  return "no such option: " + std::string(name);
}

std::string readEnvironment(Settings &settings) {
  struct Variable {
    const char *name, *option;
  };
  static const Variable variables[] = {
      {"VCUDA_CHECKS", "checks"},
      {"VCUDA_SCHEDULE", "schedule"},
      {"VCUDA_THREADS", "threads"},
      {"VCUDA_MAX_INSTRUCTIONS", "max_instructions"},
      {"VCUDA_SUMMARY", "summary"},
      {"VCUDA_LINE_COUNTERS", "line_counters"},
      {"VCUDA_MMA", "mma"},
      {"VCUDA_APPROXIMATIONS", "approximations"},
      {"VCUDA_FLOATS", "floats"},
      {"VCUDA_FAIL_LAUNCH", "fail_launch"},
      {"VCUDA_FAIL_ALLOCATION", "fail_allocation"},
      {"VCUDA_FAIL_WITH", "fail_with"},
  };
  // A misspelt one would leave a check off that somebody relies on.
  std::string known = "VCUDA_DEVICE, VCUDA_FINDINGS, VCUDA_COUNTERS, VCUDA_COVERAGE";
  for (const Variable &variable : variables) known += std::string(", ") + variable.name;
  for (char **entry = environ; entry && *entry; ++entry) {
    std::string_view name(*entry, std::strcspn(*entry, "="));
    if (name.starts_with("VCUDA_") && (", " + known + ",").find(" " + std::string(name) + ",") == known.npos)
      return std::string(name) + ": there is no such setting (known: " + known + ")";
  }
  for (const Variable &variable : variables)
    if (const char *value = std::getenv(variable.name))
      if (std::string wrong = setOption(settings, variable.option, value); !wrong.empty())
        return std::string(variable.name) + ": " + wrong;
  const char *device = std::getenv("VCUDA_DEVICE");
  if (std::string wrong = setDevices(settings.devices, device ? device : "a100"); !wrong.empty())
    return "VCUDA_DEVICE: " + wrong;
  if (const char *file = std::getenv("VCUDA_FINDINGS")) settings.findingsFile = file;
  if (const char *file = std::getenv("VCUDA_COUNTERS")) {
    settings.countersFile = file;
    settings.options.counters = true;
  }
  return {};
}

} // namespace dlc::vcuda
