//===- state.h - devices, contexts and what lives in them --------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_STATE_H
#define DLC_RUNTIME_VCUDA_DRIVER_STATE_H

#include "runtime/vcuda/driver/api.h"
#include "runtime/vcuda/driver/handles.h"
#include "runtime/vcuda/driver/heap.h"
#include "runtime/vcuda/driver/outputs.h"
#include "runtime/vcuda/driver/queue.h"
#include "runtime/vcuda/driver/settings.h"
#include "runtime/vcuda/memory/device_memory.h"

#include <atomic>
#include <chrono>
#include <set>
#include <unordered_map>

namespace dlc::vcuda {

struct Context;
struct Device;
struct ModuleObject;
struct LibraryObject;
struct Graph;
struct GraphNode;
struct GraphExec;
struct LinkState;
struct StreamCapture;
struct GraphAllocation;
struct UserObject;

/// A memory pool. Its memory is the device's: a pool only counts.
struct Pool {
  uint64_t id = 0;
  int device = 0;
  CUmemoryPool handle = nullptr;
  bool isDefault = false;
  uint64_t maxBytes = 0; ///< 0 = no limit of its own
  std::mutex mutex;      ///< guards what follows
  uint64_t used = 0, usedHigh = 0, reservedHigh = 0;
  uint64_t releaseThreshold = 0;
  int reuseFlags[3] = {1, 1, 1};
};

/// Memory of cuMemCreate.
struct MemoryHandle {
  Device *device = nullptr;
  std::shared_ptr<Physical> physical;
  CUmemAllocationProp properties = {};
};

inline struct CUmemHandle_st *memoryHandleKey(CUmemGenericAllocationHandle handle) {
  return reinterpret_cast<struct CUmemHandle_st *>(handle);
}

struct Device {
  Device(int ordinal, const DeviceRecord &record);
  int ordinal;
  const DeviceRecord &record;
  DeviceMemory memory;
  DeviceLimits limits;
  std::atomic<uint64_t> launches{0};

  std::mutex mutex; ///< guards what follows
  CUcontext primary = nullptr;
  unsigned primaryUsers = 0;
  unsigned primaryFlags = 0;
  std::shared_ptr<Pool> defaultPool, currentPool;
};

struct Stream {
  std::weak_ptr<Context> context;
  std::shared_ptr<StreamState> state;
  unsigned flags = 0;
  int priority = 0;
  CUstream handle = nullptr;
};

/// One capture: the streams that belong to it share it.
struct Capture {
  uint64_t id = 0;
  std::shared_ptr<Graph> graph;
  bool ownsGraph = false; ///< made for it, not the client's
  const StreamState *origin = nullptr;
  bool invalid = false; ///< guarded by its context's mutex
};
/// A stream in a capture: what its next node comes after.
struct StreamCapture {
  std::shared_ptr<Capture> capture;
  std::vector<std::shared_ptr<GraphNode>> last;
};

/// A time at which an event was reached; shared with the command that will reach it.
struct EventMark {
  std::atomic<bool> done{false};
  std::chrono::steady_clock::time_point time;
};

struct Event {
  std::weak_ptr<Context> context;
  unsigned flags = 0;
  CUevent handle = nullptr;
  std::mutex mutex; ///< guards what follows
  Point point;      ///< of the last record; no stream: never recorded
  std::shared_ptr<EventMark> mark;
  std::shared_ptr<StreamCapture> capture; ///< it was last recorded in a capture, there
};

/// Attributes that a client sets on a function or kernel.
struct FunctionAttributes {
  std::atomic<int> maxDynamicShared{0};
  std::atomic<int> carveout{-1};
  std::atomic<int> nonPortableCluster{0};
  std::atomic<int> clusterPolicy{0};
};

struct Function {
  std::weak_ptr<ModuleObject> module;
  const KernelInfo *info = nullptr; ///< lives in the module's image
  FunctionAttributes attributes;
  CUfunction handle = nullptr;
};

/// A module in a context.
struct ModuleObject {
  std::weak_ptr<Context> context;
  ModuleInstance instance;
  std::vector<std::shared_ptr<Function>> functions;
  CUmodule handle = nullptr;
  bool ofLibrary = false;
};

struct Kernel {
  std::weak_ptr<LibraryObject> library;
  const KernelInfo *info = nullptr;
  FunctionAttributes attributes; ///< initial ones of the functions made from it
  CUkernel handle = nullptr;
};

/// A module before it is loaded into contexts.
struct LibraryObject {
  std::shared_ptr<const Module> image;
  std::vector<std::shared_ptr<Kernel>> kernels;
  CUlibrary handle = nullptr;
  std::mutex mutex;                                          ///< guards what follows
  std::map<uint64_t, std::shared_ptr<ModuleObject>> modules; ///< by context number
};

struct Context : std::enable_shared_from_this<Context> {
  Context(Device &device, unsigned flags, const Schedule &schedule);
  ~Context();
  /// Remembers the first error of device work; everything after it fails with it.
  void fail(CUresult error);

  uint64_t id;
  Device &device;
  std::atomic<unsigned> flags;
  std::atomic<int> error{CUDA_SUCCESS};
  CUcontext handle = nullptr;
  bool isPrimary = false;
  std::atomic<int> cacheConfig{0};
  Heap heap;
  std::mutex mutex; ///< guards what follows
  std::map<int, size_t> limits;
  std::map<std::thread::id, std::shared_ptr<StreamState>> threadStreams;
  std::map<const StreamState *, StreamCapture> captures;
  /// What clients set on streams, by the attribute's number; hints all of them.
  std::map<const StreamState *, std::map<int, CUlaunchAttributeValue>> streamAttributes;
  std::atomic<bool> capturing{false}; ///< `captures` is not empty; for a quick look
  Queue queue;                        ///< last, so that it ends before what its commands use
};

/// Pageable memory that the client registered, by its begin.
struct HostRange {
  uint64_t bytes = 0;
  unsigned flags = 0;
  uint64_t context = 0;
};

/// Allocations of graphs, by address, and what they come to per device.
struct GraphMemory {
  struct Totals {
    uint64_t used = 0, usedHigh = 0, reserved = 0, reservedHigh = 0;
  };
  std::mutex mutex; ///< guards what follows, and the allocations' states
  std::map<CUdeviceptr, std::weak_ptr<GraphAllocation>> allocations;
  std::map<CUdevice, Totals> totals;
};

struct Driver {
  std::atomic<bool> initialised{false};
  std::atomic<bool> forked{false}; ///< this process is a child of the one that initialised it
  std::mutex mutex;                ///< guards settings and initialisation
  Settings settings;
  Outputs outputs;
  std::vector<std::unique_ptr<Device>> devices; ///< constant once initialised

  HandleTable<CUcontext, Context> contexts{0x11};
  HandleTable<CUstream, Stream> streams{0x12};
  HandleTable<CUevent, Event> events{0x13};
  HandleTable<CUmodule, ModuleObject> modules{0x14};
  HandleTable<CUfunction, Function> functions{0x15};
  HandleTable<CUlibrary, LibraryObject> libraries{0x16};
  HandleTable<CUkernel, Kernel> kernels{0x17};
  HandleTable<CUmemoryPool, Pool> pools{0x18};
  HandleTable<CUgraph, Graph> graphs{0x19};
  HandleTable<CUgraphNode, GraphNode> graphNodes{0x1a};
  HandleTable<CUgraphExec, GraphExec> graphExecs{0x1b};
  HandleTable<CUlinkState, LinkState> links{0x1c};
  HandleTable<struct CUmemHandle_st *, MemoryHandle> memoryHandles{0x1d};
  HandleTable<CUuserObject, UserObject> userObjects{0x1e};
  GraphMemory graphMemory;

  std::mutex hostMutex; ///< guards hostRanges
  std::map<uint64_t, HostRange> hostRanges;

  CUresult initialise();
  Options options();
  /// The device whose window holds the address, or null.
  Device *deviceOf(uint64_t address);
  Device *device(CUdevice ordinal) {
    return ordinal >= 0 && size_t(ordinal) < devices.size() ? devices[size_t(ordinal)].get() : nullptr;
  }
  /// True when this call is the one that the injected fault hits.
  bool injected(uint64_t Settings::*countdown);
  /// Writes what is asked for at the end of the process.
  void finish();
};

/// The one driver of the process; lives until the process ends.
Driver &driver();

/// Contexts of this thread, the current one last.
std::vector<CUcontext> &contextStack();
/// True while this thread runs a client's host function.
bool &inHostFunction();
/// A number for contexts, pools and the like: never used twice.
uint64_t nextNumber();

/// Makes a context with a handle; ends one with everything in it.
std::shared_ptr<Context> createContext(Device &device, unsigned flags);
void destroyContext(const std::shared_ptr<Context> &context);

/// Runs `call` as an API function that needs no context.
template <typename Call> CUresult api(Call call) {
  if (!driver().initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (inHostFunction()) return CUDA_ERROR_NOT_PERMITTED;
  try {
    return call();
  } catch (const std::bad_alloc &) { return CUDA_ERROR_OUT_OF_MEMORY; } catch (...) {
    return CUDA_ERROR_UNKNOWN;
  }
}

/// The current context of this thread; null with the reason when there is none.
std::shared_ptr<Context> currentContext(CUresult &why);

/// Runs `call(Context &)` as an API function that works in the current context, unless that has failed.
template <typename Call> CUresult inContext(Call call) {
  return api([&]() -> CUresult {
    CUresult why = CUDA_SUCCESS;
    std::shared_ptr<Context> context = currentContext(why);
    if (!context) return why;
    if (int error = context->error) return CUresult(error);
    return call(*context);
  });
}

/// The stream that a handle (or one of the special ones) means in a context; null if none.
std::shared_ptr<StreamState> streamState(Context &context, CUstream handle);
/// Waits for a point and reports the context's state.
CUresult waitFor(Context &context, const Point &point);

} // namespace dlc::vcuda

#endif
