// The virtual driver as this program uses it: one context, one module, one launch. Loaded by name, as by any
// other client; every failure is a Refusal that names the call.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace dlc::vcuda_tool {

using Address = uint64_t;

struct Shape3 {
  unsigned x = 1, y = 1, z = 1;
};

struct LaunchShape {
  Shape3 grid, block;
  unsigned sharedBytes = 0;
  bool cooperative = false;
};

class Driver {
public:
  /// Settings of runtime/vcuda/README.md are environment variables: set them before.
  Driver();
  /// Loads PTX text; a refusal has the driver's log.
  void load(const std::string &text, const std::string &name);
  /// The kernels of the module.
  std::vector<std::string> kernelNames();
  /// Chooses the kernel; returns the bytes of each of its parameters.
  std::vector<size_t> chooseKernel(const std::string &name);
  /// The name stands in findings and counters.
  Address allocate(size_t bytes, const std::string &name);
  void write(Address to, const void *from, size_t bytes);
  void read(void *to, Address from, size_t bytes);
  /// Runs the kernel to its end. Returns what went wrong, empty when nothing did.
  std::string launch(const LaunchShape &shape, const std::vector<std::vector<char>> &parameters);
  /// JSON texts.
  std::string findings();
  std::string counters();
  void setOption(const char *name, const char *value);

private:
  template <class... Arguments> int call(const char *name, Arguments... arguments);
  template <class... Arguments> void require(const char *name, Arguments... arguments);
  std::string errorName(int status);
  std::string textOf(const char *function);
  void *library = nullptr, *module = nullptr, *function = nullptr;
};

} // namespace dlc::vcuda_tool
