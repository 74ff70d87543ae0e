#include "runtime/driver.h"

#include <cstdint>
#include <dlfcn.h>

namespace dlc::rt {

static const char *const driverHelp =
    "install the NVIDIA driver, or choose the virtual GPU explicitly (dlc-run --device=vcuda)";
// The interface whose signatures Driver declares; drivers from 12.0 on are asked for it by number.
static constexpr int interfaceVersion = 12000;

// Why cuInit fails is another matter on the virtual GPU, which has just said on stderr what it can't take.
static const char *startHelp(void *library) {
  return ::dlsym(library, "vcudaSetOption") ? "this is the virtual GPU: correct its environment variables "
                                              "(VCUDA_DEVICE and the like), or unset them"
                                            : driverHelp;
}

using GetProcAddress = CuResult (*)(const char *, void **, int, uint64_t, void *);

static void *findFunction(void *library, GetProcAddress getProcAddress, const char *name,
                          const char *symbol) {
  void *function = nullptr;
  int queryResult = 0;
  if (getProcAddress && getProcAddress(name, &function, interfaceVersion, 0, &queryResult) == 0 && function)
    return function;
  return ::dlsym(library, symbol);
}

Driver Driver::open(const char *path) {
  const char *file = path ? path : "libcuda.so.1";
  Driver driver;
  driver.library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!driver.library) {
    const char *why = ::dlerror();
    fail(DLC_ERROR_NO_DRIVER,
         concat("can't open the CUDA driver ", inQuotes(file), ": ", why ? why : "unknown reason"),
         path ? "check the path of this library (dlc-run takes the virtual GPU's from DLC_VCUDA)"
              : driverHelp);
  }
  auto getVersion = reinterpret_cast<CuResult (*)(int *)>(::dlsym(driver.library, "cuDriverGetVersion"));
  if (getVersion) getVersion(&driver.version);
  // The function's own ABI changed with 12.0: the older one has no last parameter.
  auto getProcAddress = reinterpret_cast<GetProcAddress>(::dlsym(driver.library, "cuGetProcAddress_v2"));
  if (driver.version < interfaceVersion) getProcAddress = nullptr;
#define DLC_FIND(member, name, symbol, parameters)                                                           \
  driver.member =                                                                                            \
      reinterpret_cast<CuResult(*) parameters>(findFunction(driver.library, getProcAddress, name, symbol));  \
  if (!driver.member)                                                                                        \
    fail(DLC_ERROR_NO_DRIVER, concat("the CUDA driver ", inQuotes(file), " has no function ", name),         \
         driver.init ? "update the NVIDIA driver" : "give the path of a CUDA driver (libcuda.so.1)");
  DLC_DRIVER_FUNCTIONS(DLC_FIND)
#undef DLC_FIND
#define DLC_FIND(member, name, symbol, parameters)                                                           \
  driver.member =                                                                                            \
      reinterpret_cast<CuResult(*) parameters>(findFunction(driver.library, getProcAddress, name, symbol));
  DLC_GRAPH_FUNCTIONS(DLC_FIND)
#undef DLC_FIND
  if (CuResult result = driver.init(0); result != 0) {
    dlc_status status = statusOf(result) == DLC_ERROR_NO_DEVICE ? DLC_ERROR_NO_DEVICE : DLC_ERROR_NO_DRIVER;
    fail(status, concat("the CUDA driver does not start: ", driver.describe(result)),
         startHelp(driver.library));
  }
  return driver;
}

bool Driver::hasGraphs() const {
#define DLC_IS_THERE(member, name, symbol, parameters) &&member
  return true DLC_GRAPH_FUNCTIONS(DLC_IS_THERE);
#undef DLC_IS_THERE
}

std::string Driver::describe(CuResult result) const {
  const char *name = nullptr, *text = nullptr;
  if (errorName(result, &name) != 0 || !name) return concat("error ", result);
  if (errorString(result, &text) != 0 || !text) return name;
  return concat(text, " (", name, ")");
}

bool isSticky(CuResult result) {
  switch (result) {
  case 214: // ECC_UNCORRECTABLE
  case 220: // NVLINK_UNCORRECTABLE
  case 226: // CONTAINED
  case 700: // ILLEGAL_ADDRESS
  case 702: // LAUNCH_TIMEOUT
  case 709: // CONTEXT_IS_DESTROYED
  case 710: // ASSERT
  case 714: // HARDWARE_STACK_ERROR
  case 715: // ILLEGAL_INSTRUCTION
  case 716: // MISALIGNED_ADDRESS
  case 717: // INVALID_ADDRESS_SPACE
  case 718: // INVALID_PC
  case 719: // LAUNCH_FAILED
    return true;
  default:
    return false;
  }
}

dlc_status statusOf(CuResult result) {
  if (isSticky(result)) return DLC_ERROR_KERNEL;
  switch (result) {
  case 2:
    return DLC_ERROR_OUT_OF_DEVICE_MEMORY;
  case 46:  // DEVICE_UNAVAILABLE
  case 100: // NO_DEVICE
  case 101: // INVALID_DEVICE
    return DLC_ERROR_NO_DEVICE;
  case 200: // INVALID_IMAGE
  case 209: // NO_BINARY_FOR_GPU
  case 218: // INVALID_PTX
  case 221: // JIT_COMPILER_NOT_FOUND
  case 222: // UNSUPPORTED_PTX_VERSION
  case 223: // JIT_COMPILATION_DISABLED
    return DLC_ERROR_PTX;
  case 701: // LAUNCH_OUT_OF_RESOURCES
    return DLC_ERROR_LAUNCH;
  case 803: // SYSTEM_DRIVER_MISMATCH
  case 804: // COMPAT_NOT_SUPPORTED_ON_DEVICE
    return DLC_ERROR_NO_DRIVER;
  default:
    return DLC_ERROR_DRIVER;
  }
}

void expectSuccess(const Driver &driver, CuResult result, std::string_view what) {
  if (result == 0) return;
  dlc_status status = statusOf(result);
  std::string help;
  if (status == DLC_ERROR_OUT_OF_DEVICE_MEMORY) help = "choose smaller dims, or free memory on the device";
  if (status == DLC_ERROR_KERNEL) help = "the CUDA context is lost: start the process again";
  fail(status, concat(what, ": ", driver.describe(result)), help);
}

CurrentContext::CurrentContext(const Driver &driver, CuContext context) : driver(driver) {
  expectSuccess(driver, driver.contextPush(context), "can't use the CUDA context");
}
CurrentContext::~CurrentContext() {
  CuContext popped = nullptr;
  driver.contextPop(&popped);
}

} // namespace dlc::rt
