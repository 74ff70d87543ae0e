#include "tools/dlc_vcuda/driver.h"

#include "tools/dlc_vcuda/refusal.h"
#include "tools/virtual_driver.h"

#include <algorithm>
#include <climits>
#include <dlfcn.h>

namespace dlc::vcuda_tool {

template <class... Arguments> int Driver::call(const char *name, Arguments... arguments) {
  auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
  if (!function) throw Refusal(std::string("the virtual driver lacks ") + name);
  return function(arguments...);
}

std::string Driver::errorName(int status) {
  const char *name = nullptr;
  call("cuGetErrorName", status, &name);
  return name ? name : "error " + std::to_string(status);
}

template <class... Arguments> void Driver::require(const char *name, Arguments... arguments) {
  if (int status = call(name, arguments...)) throw Refusal(std::string(name) + ": " + errorName(status));
}

Driver::Driver() {
  std::string path = virtualDriverPath();
  library = dlopen(path.c_str(), RTLD_NOW);
  if (!library)
    throw Refusal(std::string("cannot load the virtual GPU: ") + dlerror(), "say in DLC_VCUDA where it is");
  if (int status = call("cuInit", 0u)) // says itself which setting is wrong
    throw Refusal("the virtual GPU does not start: " + errorName(status), "its line above names the setting");
  void *context = nullptr;
  require("cuCtxCreate_v2", &context, 0u, 0);
}

void Driver::load(const std::string &text, const std::string &name) {
  std::string log(size_t(1) << 16, '\0');
  int options[] = {5, 6}; // CU_JIT_ERROR_LOG_BUFFER and its size
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  int status = call("cuModuleLoadDataEx", &module, static_cast<const void *>(text.c_str()), 2u,
                    static_cast<int *>(options), static_cast<void **>(values));
  if (!status) return;
  log.resize(log.find('\0'));
  while (!log.empty() && log.back() == '\n') log.pop_back();
  throw Refusal(name + ": " + errorName(status) + (log.empty() ? "" : "\n" + log));
}

std::vector<std::string> Driver::kernelNames() {
  unsigned count = 0;
  require("cuModuleGetFunctionCount", &count, module);
  std::vector<void *> handles(count);
  require("cuModuleEnumerateFunctions", handles.data(), count, module);
  std::vector<std::string> names;
  for (void *handle : handles) {
    const char *name = nullptr;
    require("cuFuncGetName", &name, handle);
    names.push_back(name);
  }
  return names;
}

std::vector<size_t> Driver::chooseKernel(const std::string &name) {
  require("cuModuleGetFunction", &function, module, name.c_str());
  std::vector<size_t> sizes;
  size_t offset = 0, bytes = 0;
  while (call("cuFuncGetParamInfo", function, sizes.size(), &offset, &bytes) == 0) sizes.push_back(bytes);
  return sizes;
}

Address Driver::allocate(size_t bytes, const std::string &name) {
  Address address = 0;
  require("cuMemAlloc_v2", &address, bytes);
  call("vcudaNameAllocation", address, name.c_str());
  return address;
}

void Driver::write(Address to, const void *from, size_t bytes) {
  require("cuMemcpyHtoD_v2", to, from, bytes);
}

void Driver::read(void *to, Address from, size_t bytes) { require("cuMemcpyDtoH_v2", to, from, bytes); }

std::string Driver::launch(const LaunchShape &shape, const std::vector<std::vector<char>> &parameters) {
  std::vector<void *> pointers;
  for (const std::vector<char> &p : parameters) pointers.push_back(const_cast<char *>(p.data()));
  void *stream = nullptr;
  int status = 0;
  std::string way = "the virtual GPU's line above names the limit and what to do";
  if (shape.sharedBytes) // the function's own limit, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    status = call("cuFuncSetAttribute", function, 8, int(std::min(shape.sharedBytes, unsigned(INT_MAX))));
  if (status) throw Refusal("the launch was refused: " + errorName(status), way);
  if (shape.cooperative) {
    status = call("cuLaunchCooperativeKernel", function, shape.grid.x, shape.grid.y, shape.grid.z,
                  shape.block.x, shape.block.y, shape.block.z, shape.sharedBytes, stream, pointers.data());
  } else {
    void **extra = nullptr;
    status = call("cuLaunchKernel", function, shape.grid.x, shape.grid.y, shape.grid.z, shape.block.x,
                  shape.block.y, shape.block.z, shape.sharedBytes, stream, pointers.data(), extra);
  }
  if (status) throw Refusal("the launch was refused: " + errorName(status), way);
  status = call("cuCtxSynchronize");
  return status ? errorName(status) : "";
}

std::string Driver::textOf(const char *name) {
  auto get = reinterpret_cast<size_t (*)(char *, size_t)>(dlsym(library, name));
  if (!get) throw Refusal("the library that DLC_VCUDA names is not the virtual GPU");
  std::string text(get(nullptr, 0) + 1, '\0');
  get(text.data(), text.size());
  text.pop_back();
  return text;
}

std::string Driver::findings() { return textOf("vcudaFindings"); }
std::string Driver::counters() { return textOf("vcudaCounters"); }

void Driver::setOption(const char *name, const char *value) {
  auto set = reinterpret_cast<int (*)(const char *, const char *)>(dlsym(library, "vcudaSetOption"));
  if (!set) throw Refusal("the library that DLC_VCUDA names is not the virtual GPU");
  if (!set(name, value)) throw Refusal(std::string("bad value for ") + name + ": '" + value + "'");
}

} // namespace dlc::vcuda_tool
