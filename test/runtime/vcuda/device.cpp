#include "test/runtime/vcuda/device.h"

#include <fstream>
#include <sstream>
#include <sys/mman.h>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

static uint8_t *reserve(uint64_t bytes) {
  void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<uint8_t *>(p);
}

TestMemory::TestMemory() {
  size = uint64_t(64) << 20;
  base = uint64_t(1) << 36;
  bytes = reserve(size);
  state = reserve(size);
  writers = reinterpret_cast<uint64_t *>(reserve(2 * size));
}

TestMemory::~TestMemory() {
  munmap(bytes, size);
  munmap(state, size);
  munmap(writers, 2 * size);
}

uint64_t TestMemory::allocate(uint64_t count, std::string name) {
  std::lock_guard lock(mutex);
  uint64_t offset = top;
  top += (count + 255) / 256 * 256 + 512;
  if (top > size) {
    ADD_FAILURE() << "test memory is full";
    return 0;
  }
  std::memset(state + offset, ByteUninitialised, count);
  allocations.push_back({AllocationInfo::Live, base + offset, count, nextId++, std::move(name)});
  return base + offset;
}

void TestMemory::allocateAgain(uint64_t address, uint64_t count) {
  std::lock_guard lock(mutex);
  for (AllocationInfo &a : allocations) {
    if (a.base != address) continue;
    a = {AllocationInfo::Live, address, count, nextId++, a.name};
    std::memset(state + (address - base), ByteUninitialised, count);
  }
}

void TestMemory::release(uint64_t address) {
  std::lock_guard lock(mutex);
  for (AllocationInfo &a : allocations) {
    if (a.base != address) continue;
    a.kind = AllocationInfo::Freed;
    std::memset(state + (address - base), ByteUnmapped, a.bytes);
  }
}

AllocationInfo TestMemory::find(uint64_t address) const {
  std::lock_guard lock(mutex);
  AllocationInfo best;
  for (const AllocationInfo &a : allocations) {
    if (a.base <= address || best.kind == AllocationInfo::None) best = a;
  }
  return best;
}

void TestMemory::write(uint64_t address, const void *data, uint64_t count) {
  std::memcpy(bytes + (address - base), data, count);
  std::memset(state + (address - base), ByteReady, count);
}

void TestMemory::read(uint64_t address, void *data, uint64_t count) const {
  std::memcpy(data, bytes + (address - base), count);
}

uint64_t TestHeap::allocate(uint64_t bytes, uint64_t alignment) {
  std::lock_guard lock(mutex);
  if (bytes > limit - usedBytes || alignment > 256) return 0;
  usedBytes += bytes;
  std::vector<uint64_t> &again = freed[(bytes + 255) / 256];
  uint64_t address = 0;
  if (again.empty()) {
    address = memory.allocate(bytes, "heap block");
  } else {
    address = again.back();
    again.pop_back();
    memory.allocateAgain(address, bytes);
  }
  live[address] = bytes;
  return address;
}

uint64_t TestHeap::free(uint64_t address) {
  std::lock_guard lock(mutex);
  auto block = live.find(address);
  if (block == live.end()) return 0;
  uint64_t bytes = block->second;
  live.erase(block);
  usedBytes -= bytes;
  memory.release(address);
  freed[(bytes + 255) / 256].push_back(address);
  return bytes;
}

uint64_t TestHeap::used() const {
  std::lock_guard lock(mutex);
  return usedBytes;
}

ModuleInstance Device::load(std::string_view text) {
  ParseResult parsed = parseModule(text, "test");
  for (const Diagnostic &d : parsed.errors) ADD_FAILURE() << "line " << d.line << ": " << d.message;
  ModuleInstance instance;
  instance.module = parsed.module;
  if (!parsed.module) return instance;
  if (parsed.module->constantBankBytes)
    instance.constantBank = memory.allocate(parsed.module->constantBankBytes);
  for (const VariableInfo &v : parsed.module->variables) {
    instance.variables.push_back(v.space == VariableInfo::Constant ? instance.constantBank + v.constantOffset
                                                                   : memory.allocate(v.bytes, v.name));
  }
  initialiseModule(instance, memory);
  return instance;
}

LaunchResult Device::run(const ModuleInstance &module, const std::string &kernel, Dim3 grid, Dim3 block,
                         const Arguments &arguments, uint32_t dynamicShared) {
  if (!module.module) return {};
  LaunchConfig config;
  config.kernel = kernel;
  config.grid = grid;
  config.block = block;
  config.dynamicSharedBytes = dynamicShared;
  std::vector<uint8_t> parameters = arguments.bytes;
  const KernelInfo *info = module.module->findKernel(kernel);
  if (info) EXPECT_EQ(info->parameterBytes, parameters.size()) << kernel;
  parameters.resize(std::max<size_t>(parameters.size(), info ? info->parameterBytes : 0));
  config.parameters = parameters.data();
  config.launchNumber = ++launches;
  config.heap = &heap;
  if (cooperative) config.gridWorkspace = upload(std::vector<uint8_t>(GridWorkspaceBytes));
  return launch(module, config, memory, limits, options);
}

void test::expectClean(const LaunchResult &result) {
  EXPECT_EQ(result.status, LaunchResult::Ok) << result.message;
  for (const Finding &f : result.findings) {
    ADD_FAILURE() << f.check << " in " << f.kernel << ", PTX line " << f.ptxLine << ", " << f.sourceFile
                  << ":" << f.sourceLine << ", CTA " << f.cta.x << ", thread " << f.thread.x << ": "
                  << f.message << " [" << f.other << ", line " << f.otherPtxLine << "] x " << f.count;
  }
}

const Finding *test::findingOf(const LaunchResult &result, const std::string &check) {
  for (const Finding &f : result.findings) {
    if (f.check == check) return &f;
  }
  return nullptr;
}

std::string test::readProgram(const std::string &name) {
  std::ifstream file(std::string(DLC_VCUDA_PROGRAMS) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
