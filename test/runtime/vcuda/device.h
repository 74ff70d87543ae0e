//===- device.h - a bare device for tests of the machine -------*- C++ -*-===//
//
// Global memory with red zones, module loading and launching, without the Driver API.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_TEST_RUNTIME_VCUDA_DEVICE_H
#define DLC_TEST_RUNTIME_VCUDA_DEVICE_H

#include "runtime/vcuda/machine.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace dlc::vcuda::test {

/// A window of 64 MiB. Allocations are never reused, but at addresses that the caller knows.
class TestMemory : public GlobalMemory {
public:
  TestMemory();
  ~TestMemory() override;
  uint64_t allocate(uint64_t bytes, std::string name = {});
  /// Another allocation where one was released that had as much room.
  void allocateAgain(uint64_t address, uint64_t bytes);
  void release(uint64_t address);
  AllocationInfo find(uint64_t address) const override;
  void write(uint64_t address, const void *data, uint64_t bytes);
  void read(uint64_t address, void *data, uint64_t bytes) const;

private:
  mutable std::mutex mutex;                ///< guards what follows
  std::vector<AllocationInfo> allocations; ///< by address
  uint64_t top = 4096, nextId = 0;
};

/// A heap that gives the block which was freed last to the next one who can use it.
class TestHeap : public DeviceHeap {
public:
  explicit TestHeap(TestMemory &memory) : memory(memory) {}
  uint64_t allocate(uint64_t bytes, uint64_t alignment) override;
  uint64_t free(uint64_t address) override;
  uint64_t limit = 8 << 20;
  uint64_t used() const;

private:
  TestMemory &memory;
  mutable std::mutex mutex; ///< guards what follows
  uint64_t usedBytes = 0;
  std::map<uint64_t, uint64_t> live;               ///< address -> bytes
  std::map<uint64_t, std::vector<uint64_t>> freed; ///< by room, those freed last at the end
};

/// An argument list laid out as the driver does for kernels whose parameters are naturally aligned.
class Arguments {
public:
  template <class T> Arguments &add(T value) {
    bytes.resize((bytes.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T) + sizeof(T));
    std::memcpy(bytes.data() + bytes.size() - sizeof(T), &value, sizeof(T));
    return *this;
  }
  std::vector<uint8_t> bytes;
};

class Device {
public:
  TestMemory memory;
  TestHeap heap{memory};
  Options options;
  DeviceLimits limits;
  bool cooperative = false; ///< launches get a workspace for the grid

  /// Loads PTX; fails the test on errors.
  ModuleInstance load(std::string_view text);
  LaunchResult run(const ModuleInstance &module, const std::string &kernel, Dim3 grid, Dim3 block,
                   const Arguments &arguments, uint32_t dynamicShared = 0);

  template <class T> uint64_t upload(const std::vector<T> &data) {
    uint64_t address = memory.allocate(data.size() * sizeof(T));
    memory.write(address, data.data(), data.size() * sizeof(T));
    return address;
  }
  template <class T> uint64_t empty(size_t count) { return memory.allocate(count * sizeof(T)); }
  template <class T> std::vector<T> download(uint64_t address, size_t count) {
    std::vector<T> data(count);
    memory.read(address, data.data(), count * sizeof(T));
    return data;
  }

private:
  uint64_t launches = 0;
};

/// Ok, and nothing found: prints what was.
void expectClean(const LaunchResult &result);
/// Exactly one kind of finding, at this line.
const Finding *findingOf(const LaunchResult &result, const std::string &check);
std::string readProgram(const std::string &name);

} // namespace dlc::vcuda::test

#endif
