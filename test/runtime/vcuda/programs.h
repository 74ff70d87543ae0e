//===- programs.h - CUDA programs compiled by nvcc ---------------------------===//
//
// Each program of programs/ runs as nvcc wrote it with and without optimisation, under all schedules, with
// full checks (and some with fast ones): its results are those of a plain computation here, and nothing is
// found.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_TEST_RUNTIME_VCUDA_PROGRAMS_H
#define DLC_TEST_RUNTIME_VCUDA_PROGRAMS_H

#include "test/runtime/vcuda/device.h"

#include <random>

namespace dlc::vcuda::test {

struct Variant {
  const char *optimisation;
  Schedule schedule;
  Checks checks = Checks::Full;
};

class Program : public testing::TestWithParam<Variant> {
protected:
  void SetUp() override {
    device.options.schedule = GetParam().schedule;
    device.options.checks = GetParam().checks;
  }
  ModuleInstance load(const std::string &name) {
    return device.load(readProgram(name + "." + GetParam().optimisation + ".ptx"));
  }
  std::vector<float> floats(size_t n, float from = -1, float to = 1) {
    std::vector<float> v(n);
    for (float &f : v) f = std::uniform_real_distribution<float>(from, to)(generator);
    return v;
  }
  std::vector<double> doubles(size_t n, double from = -1, double to = 1) {
    std::vector<double> v(n);
    for (double &d : v) d = std::uniform_real_distribution<double>(from, to)(generator);
    return v;
  }
  template <class T = unsigned> std::vector<T> numbers(size_t n, long from, long to) {
    std::vector<T> v(n);
    for (T &u : v) u = T(std::uniform_int_distribution<long>(from, to)(generator));
    return v;
  }
  template <class T> uint64_t upload(const std::vector<T> &v) { return device.upload(v); }
  template <class T> uint64_t zeros(size_t n) { return device.upload(std::vector<T>(n)); }
  Device device;
  std::mt19937 generator{7};
};

inline std::string variantName(const testing::TestParamInfo<Variant> &info) {
  static const char *const schedules[] = {"Forward", "Reverse", "Random", "Ahead"};
  return std::string(info.param.optimisation) + (info.param.checks == Checks::Full ? "Full" : "Fast") +
         schedules[info.param.schedule.kind] +
         (info.param.schedule.seed ? std::to_string(info.param.schedule.seed) : "");
}

#define DLC_PROGRAM_VARIANTS(Suite)                                                                          \
  INSTANTIATE_TEST_SUITE_P(                                                                                  \
      All, Suite,                                                                                            \
      testing::Values(Variant{"o3", {Schedule::Forward, 0}, Checks::Fast},                                   \
                      Variant{"o3", {Schedule::Reverse, 0}, Checks::Fast},                                   \
                      Variant{"o3", {Schedule::Forward, 0}}, Variant{"o3", {Schedule::Reverse, 0}},          \
                      Variant{"o3", {Schedule::Random, 1}}, Variant{"o3", {Schedule::Random, 2}},            \
                      Variant{"o3", {Schedule::Ahead, 0}}, Variant{"o3", {Schedule::Ahead, 1}},              \
                      Variant{"o0", {Schedule::Random, 2}, Checks::Fast},                                    \
                      Variant{"o0", {Schedule::Forward, 0}}, Variant{"o0", {Schedule::Reverse, 0}},          \
                      Variant{"o0", {Schedule::Random, 1}}, Variant{"o0", {Schedule::Ahead, 1}}),            \
      variantName)

} // namespace dlc::vcuda::test

#endif
