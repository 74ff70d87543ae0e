// Initialisation and queries of devices.
#include "runtime/vcuda/driver/state.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace dlc::vcuda;

namespace {

constexpr int servedVersion = 13000; ///< of the API, as 1000 * major + 10 * minor
constexpr int gridLimitX = 0x7fffffff;

/// The value of a device attribute, by its number in the public interface; -1 for one that does not exist.
int deviceAttribute(const Device &device, int attribute) {
  const DeviceRecord &r = device.record;
  bool hopper = r.computeMajor >= 9;
  switch (attribute) {
  case 1:
    return 1024; // threads per block
  case 2:
  case 3:
    return 1024; // block dim x, y
  case 4:
    return 64; // block dim z
  case 5:
    return gridLimitX; // grid dim x
  case 6:
  case 7:
    return 65535; // grid dim y, z
  case 8:
    return r.sharedPerBlock;
  case 9:
    return 65536; // constant memory
  case 10:
    return 32; // warp size
  case 11:
    return 0x7fffffff; // pitch
  case 12:
    return 65536; // registers per block
  case 13:
    return r.clockMhz * 1000;
  case 14:
    return 512; // texture alignment
  case 15:
    return 1; // copies overlap kernels
  case 16:
    return r.sms;
  case 17:
    return 0; // no run time limit on kernels
  case 18:
    return 0; // not integrated
  case 19:
    return 1; // maps host memory
  case 20:
    return 0; // compute mode: default
  case 30:
    return 512; // surface alignment
  case 31:
    return 1; // concurrent kernels
  case 32:
    return 0; // no ECC
  case 33:
    return 1 + device.ordinal; // PCI bus
  case 34:
    return 0; // PCI device
  case 35:
    return 0; // no TCC driver
  case 36:
    return r.memoryClockMhz * 1000;
  case 37:
    return r.memoryBusBits;
  case 38:
    return r.l2Bytes;
  case 39:
    return r.maxThreadsPerSm;
  case 40:
    return 3; // copy engines
  case 41:
    return 1; // unified addressing
  case 50:
    return 0; // PCI domain
  case 51:
    return 32; // texture pitch alignment
  case 75:
    return r.computeMajor;
  case 76:
    return r.computeMinor;
  case 78:
    return 1; // stream priorities
  case 79:
  case 80:
    return 1; // L1 caches global, local
  case 81:
    return r.sharedPerSm;
  case 82:
    return r.registersPerSm;
  case 83:
    return 1; // managed memory
  case 84:
    return 0; // no multi-GPU board
  case 85:
    return device.ordinal;
  case 86:
    return 0; // no native host atomics
  case 87:
    return std::max(1, int(std::lround(r.fp32Tflops / std::max(r.fp64Tflops, 1e-3))));
  case 88:
    return 0; // no pageable memory access
  case 89:
    return 1; // concurrent managed access
  case 90:
    return 1; // preemption
  case 91:
    return 0; // registered memory has no device address
  case 92:    // stream memory operations: first version, with 64 bits, with NOR
  case 93:
  case 94:
    return 1;
  case 95:
    return 1; // cooperative launch
  case 96:
    return 0;
  case 97:
    return r.sharedPerBlockOptin;
  case 98:
    return 1; // remote writes can be flushed: there are none under way
  case 99:
    return 1; // host register
  case 102:
    return 1; // virtual memory management
  case 106:
    return r.maxCtasPerSm;
  case 108:
    return r.computeMajor >= 8 ? r.l2Bytes * 3 / 4 : 0; // persisting L2
  case 109:
    return r.computeMajor >= 8 ? 128 << 20 : 0; // access policy window
  case 111:
    return r.sharedReservedPerBlock;
  case 115:
    return 1; // memory pools
  case 120:
    return hopper; // cluster launch
  case 122:        // stream memory operations: with 64 bits, with NOR
  case 123:
    return 1;
  case 127:
    return hopper; // tensor maps
  case 129:
    return 1; // unified function pointers
  case 130:
    return 0; // NUMA config: none
  case 131:
  case 134:
    return -1; // NUMA ids
  default:
    // Everything else that exists is a feature or a size of textures, arrays or sharing: not
    // there.
    return attribute >= 1 && attribute <= 147 ? 0 : -2;
  }
}

/// Calls `query(device)` for a valid ordinal.
template <typename Query> CUresult onDevice(CUdevice ordinal, Query query) {
  return api([&]() -> CUresult {
    Device *device = driver().device(ordinal);
    return device ? query(*device) : CUDA_ERROR_INVALID_DEVICE;
  });
}

std::string busId(const Device &device) {
  char text[32];
  std::snprintf(text, sizeof text, "0000:%02X:00.0", 1 + device.ordinal);
  return text;
}

CUresult copyText(char *target, int size, const std::string &text) {
  if (!target || size <= 0) return CUDA_ERROR_INVALID_VALUE;
  size_t count = std::min(size_t(size) - 1, text.size());
  std::memcpy(target, text.data(), count);
  target[count] = 0;
  return CUDA_SUCCESS;
}

} // namespace

VCUDA_API CUresult cuInit(unsigned flags) {
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  try {
    return driver().initialise();
  } catch (const std::bad_alloc &) { return CUDA_ERROR_OUT_OF_MEMORY; }
}

VCUDA_API CUresult cuDriverGetVersion(int *version) {
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  *version = servedVersion;
  return CUDA_SUCCESS;
}

VCUDA_API CUresult cuDeviceGetCount(int *count) {
  return api([&]() -> CUresult {
    if (!count) return CUDA_ERROR_INVALID_VALUE;
    *count = int(driver().devices.size());
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceGet(CUdevice *result, int ordinal) {
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    *result = device.ordinal;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceGetName(char *name, int size, CUdevice ordinal) {
  return onDevice(ordinal, [&](Device &device) { return copyText(name, size, device.record.marketingName); });
}

VCUDA_API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice ordinal) {
  if (!uuid) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    char text[17] = {};
    std::snprintf(text, sizeof text, "vcuda%.8s%03d", device.record.name.c_str(), device.ordinal % 1000);
    std::memcpy(uuid->bytes, text, 16);
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice ordinal) {
  return cuDeviceGetUuid_v2(uuid, ordinal);
}

VCUDA_API CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice ordinal) {
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    int v = deviceAttribute(device, attribute);
    if (v < -1) return CUDA_ERROR_INVALID_VALUE;
    *value = v;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice ordinal) {
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    *bytes = device.record.memoryBytes;
    return CUDA_SUCCESS;
  });
}

/// The attributes of the first days, in one structure.
VCUDA_API CUresult cuDeviceGetProperties(CUdevprop *properties, CUdevice ordinal) {
  if (!properties) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    auto attribute = [&](int number) { return deviceAttribute(device, number); };
    *properties = {attribute(1),
                   {attribute(2), attribute(3), attribute(4)},
                   {attribute(5), attribute(6), attribute(7)},
                   attribute(8),
                   attribute(9),
                   attribute(10),
                   attribute(11),
                   attribute(12),
                   attribute(13),
                   attribute(14)};
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice ordinal) {
  if (!major || !minor) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &device) {
    *major = device.record.computeMajor;
    *minor = device.record.computeMinor;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceGetPCIBusId(char *text, int size, CUdevice ordinal) {
  return onDevice(ordinal, [&](Device &device) { return copyText(text, size, busId(device)); });
}

VCUDA_API CUresult cuDeviceGetByPCIBusId(CUdevice *result, const char *text) {
  return api([&]() -> CUresult {
    if (!result || !text) return CUDA_ERROR_INVALID_VALUE;
    for (const auto &device : driver().devices) {
      std::string id = busId(*device);
      if (text != id && text != id.substr(5) && text != id.substr(0, id.size() - 2)) continue;
      *result = device->ordinal;
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_DEVICE;
  });
}

VCUDA_API CUresult cuDeviceCanAccessPeer(int *can, CUdevice first, CUdevice second) {
  if (!can) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(first, [&](Device &) {
    if (!driver().device(second)) return CUDA_ERROR_INVALID_DEVICE;
    *can = 0; // each device has its own memory; copies between them go through the host
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuDeviceGetP2PAttribute(int *value, int attribute, CUdevice first, CUdevice second) {
  if (!value || attribute < 1 || attribute > 5 || first == second) return CUDA_ERROR_INVALID_VALUE;
  return cuDeviceCanAccessPeer(value, first, second);
}

VCUDA_API CUresult cuDeviceGetExecAffinitySupport(int *value, int type, CUdevice ordinal) {
  if (!value || type != 0) return CUDA_ERROR_INVALID_VALUE;
  return onDevice(ordinal, [&](Device &) {
    *value = 0;
    return CUDA_SUCCESS;
  });
}
