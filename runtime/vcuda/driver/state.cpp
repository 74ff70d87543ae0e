#include "runtime/vcuda/driver/state.h"

#include <cstdlib>
#include <pthread.h>

namespace dlc::vcuda {

Device::Device(int ordinal, const DeviceRecord &record)
    : ordinal(ordinal), record(record), memory(record.memoryBytes) {
  limits.smVersion = uint32_t(record.smVersion());
  limits.smCount = uint32_t(record.sms);
  limits.maxSharedPerCta = uint32_t(record.sharedPerBlockOptin);
  limits.maxResidentCtas = uint32_t(record.maxCtasPerSm);
  limits.maxThreadsPerSm = uint32_t(record.maxThreadsPerSm);
}

Context::Context(Device &device, unsigned flags, const Schedule &schedule)
    : id(nextNumber()), device(device), flags(flags), heap(device.memory, id), queue(schedule) {}

Context::~Context() {
  queue.waitAll();
  device.memory.freeOwned(id);
}

void Context::fail(CUresult reason) {
  int none = CUDA_SUCCESS;
  error.compare_exchange_strong(none, reason);
}

Driver &driver() {
  static Driver *instance = new Driver; // its last user is the exit handler of the process
  return *instance;
}

std::vector<CUcontext> &contextStack() {
  thread_local std::vector<CUcontext> stack;
  return stack;
}

bool &inHostFunction() {
  thread_local bool inside = false;
  return inside;
}

uint64_t nextNumber() {
  static std::atomic<uint64_t> number{1};
  return number++;
}

static std::unique_ptr<Device> makeDevice(int ordinal, const DeviceRecord &record, bool tracking) {
  auto device = std::make_unique<Device>(ordinal, record);
  device->memory.setTracking(tracking);
  auto pool = std::make_shared<Pool>();
  pool->id = nextNumber();
  pool->device = ordinal;
  pool->isDefault = true;
  pool->handle = driver().pools.add(pool);
  device->defaultPool = device->currentPool = pool;
  return device;
}

CUresult Driver::initialise() {
  if (forked) return CUDA_ERROR_NOT_INITIALIZED;
  std::lock_guard lock(mutex);
  if (initialised) return CUDA_SUCCESS;
  auto refuse = [](const std::string &why) {
    std::fprintf(stderr, "vcuda: %s\n", why.c_str());
    return CUDA_ERROR_INVALID_VALUE;
  };
  Settings fresh;
  if (std::string wrong = readEnvironment(fresh); !wrong.empty()) return refuse(wrong);
  std::vector<std::unique_ptr<Device>> made;
  for (const DeviceRecord *record : fresh.devices)
    made.push_back(makeDevice(int(made.size()), *record, fresh.options.checks != Checks::Off));
  if (std::string wrong = outputs.open(fresh.findingsFile, fresh.countersFile); !wrong.empty())
    return refuse(wrong);
  settings = fresh;
  devices = std::move(made);
  std::atexit([] { driver().finish(); });
  // A child of fork has none of the threads: as with CUDA, the driver is unusable there.
  pthread_atfork(nullptr, nullptr, [] {
    driver().forked = true;
    driver().initialised = false;
  });
  initialised = true;
  return CUDA_SUCCESS;
}

void Driver::finish() {
  if (!initialised) return;
  for (const auto &context : contexts.all()) context->queue.stop(2000);
  bool lines, summary;
  {
    std::lock_guard lock(mutex);
    lines = settings.lineCounters;
    summary = settings.summary;
  }
  outputs.flush(lines);
  if (summary) std::fputs(outputs.summary().c_str(), stderr);
}

Options Driver::options() {
  std::lock_guard lock(mutex);
  return settings.options;
}

Device *Driver::deviceOf(uint64_t address) {
  for (const auto &device : devices)
    if (device->memory.contains(address)) return device.get();
  return nullptr;
}

bool Driver::injected(uint64_t Settings::*countdown) {
  std::lock_guard lock(mutex);
  return settings.*countdown && --(settings.*countdown) == 0;
}

std::shared_ptr<Context> currentContext(CUresult &why) {
  auto &stack = contextStack();
  if (stack.empty() || !stack.back()) {
    why = CUDA_ERROR_INVALID_CONTEXT;
    return nullptr;
  }
  auto context = driver().contexts.find(stack.back());
  if (!context) why = CUDA_ERROR_CONTEXT_IS_DESTROYED;
  return context;
}

std::shared_ptr<Context> createContext(Device &device, unsigned flags) {
  auto context = std::make_shared<Context>(device, flags, driver().options().schedule);
  context->handle = driver().contexts.add(context);
  return context;
}

void destroyContext(const std::shared_ptr<Context> &context) {
  Driver &d = driver();
  d.contexts.remove(context->handle);
  context->queue.waitAll();
  auto belongs = [&](const auto &object) { return object->context.lock() == context; };
  for (const auto &stream : d.streams.all())
    if (belongs(stream)) d.streams.remove(stream->handle);
  for (const auto &event : d.events.all())
    if (belongs(event)) d.events.remove(event->handle);
  for (const auto &module : d.modules.all()) {
    if (!belongs(module)) continue;
    d.modules.remove(module->handle);
    for (const auto &function : module->functions) d.functions.remove(function->handle);
  }
  for (const auto &library : d.libraries.all()) {
    std::lock_guard lock(library->mutex);
    library->modules.erase(context->id);
  }
  context->device.memory.freeOwned(context->id);
  context->heap.close();
  std::lock_guard lock(d.hostMutex);
  std::erase_if(d.hostRanges, [&](const auto &range) { return range.second.context == context->id; });
}

std::shared_ptr<StreamState> streamState(Context &context, CUstream handle) {
  if (!handle || handle == CU_STREAM_LEGACY) return context.queue.legacy();
  if (handle == CU_STREAM_PER_THREAD) {
    std::lock_guard lock(context.mutex);
    auto &state = context.threadStreams[std::this_thread::get_id()];
    if (!state) state = context.queue.create(/*blocking=*/true, /*priority=*/0);
    return state;
  }
  auto stream = driver().streams.find(handle);
  if (!stream || stream->context.lock().get() != &context) return nullptr;
  return stream->state;
}

CUresult waitFor(Context &context, const Point &point) {
  context.queue.wait(point);
  return CUresult(context.error.load());
}

} // namespace dlc::vcuda
