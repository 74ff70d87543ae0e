// Streams and what runs in them on the host.
#include "runtime/vcuda/driver/graph.h"

#include <algorithm>

using namespace dlc::vcuda;

namespace {

constexpr int greatestPriority = -5;

/// Calls `work(context, state)` for a stream of the current context.
template <typename Work> CUresult onStream(CUstream handle, Work work) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, handle);
    return state ? work(context, state) : CUDA_ERROR_INVALID_HANDLE;
  });
}

/// Attributes of streams are some of those of launches.
bool isStreamAttribute(int attribute) {
  return attribute == CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW ||
         attribute == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY ||
         attribute == CU_LAUNCH_ATTRIBUTE_PRIORITY || attribute == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP ||
         attribute == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN;
}

/// What an attribute is before anybody sets it.
CUlaunchAttributeValue defaultValue(int attribute, const StreamState &state) {
  CUlaunchAttributeValue value = {};
  if (attribute == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY) value.syncPolicy = 1; // automatic
  if (attribute == CU_LAUNCH_ATTRIBUTE_PRIORITY) value.priority = state.priority;
  if (attribute == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP) value.pad[1] = 1; // default and remote domain
  return value;
}

} // namespace

VCUDA_API CUresult cuStreamCreateWithPriority(CUstream *result, unsigned flags, int priority) {
  return inContext([&](Context &context) -> CUresult {
    if (!result || (flags & ~CU_STREAM_NON_BLOCKING)) return CUDA_ERROR_INVALID_VALUE;
    auto stream = std::make_shared<Stream>();
    stream->context = context.weak_from_this();
    stream->flags = flags;
    stream->priority = std::clamp(priority, greatestPriority, 0);
    stream->state = context.queue.create(!(flags & CU_STREAM_NON_BLOCKING), stream->priority);
    stream->handle = *result = driver().streams.add(stream);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamCreate(CUstream *result, unsigned flags) {
  return cuStreamCreateWithPriority(result, flags, 0);
}

VCUDA_API CUresult cuStreamDestroy_v2(CUstream handle) {
  return api([&]() -> CUresult {
    auto stream = driver().streams.remove(handle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    auto context = stream->context.lock();
    if (!context) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    context->queue.destroy(stream->state);
    {
      std::lock_guard lock(context->mutex);
      context->streamAttributes.erase(stream->state.get());
    }
    return CUresult(context->error.load());
  });
}
VCUDA_API CUresult cuStreamDestroy(CUstream handle) { return cuStreamDestroy_v2(handle); }

VCUDA_API CUresult cuStreamSynchronize(CUstream handle) {
  return onStream(handle, [](Context &context, auto &state) -> CUresult {
    if (CUresult wrong = forbidInCapture(context, *state)) return wrong;
    // The legacy stream is where the blocking streams meet: an empty command in it waits for them.
    return waitFor(context, state->legacy ? context.queue.submit(state, [] {}) : context.queue.last(state));
  });
}

VCUDA_API CUresult cuStreamQuery(CUstream handle) {
  return onStream(handle, [](Context &context, auto &state) -> CUresult {
    if (CUresult wrong = forbidInCapture(context, *state)) return wrong;
    if (!context.queue.drained(state)) return CUDA_ERROR_NOT_READY;
    return CUresult(context.error.load());
  });
}

VCUDA_API CUresult cuStreamGetPriority(CUstream handle, int *priority) {
  return onStream(handle, [&](Context &, auto &state) -> CUresult {
    if (!priority) return CUDA_ERROR_INVALID_VALUE;
    *priority = state->priority;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamGetFlags(CUstream handle, unsigned *flags) {
  return onStream(handle, [&](Context &, auto &state) -> CUresult {
    if (!flags) return CUDA_ERROR_INVALID_VALUE;
    *flags = state->blocking ? 0 : unsigned(CU_STREAM_NON_BLOCKING);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamGetId(CUstream handle, unsigned long long *id) {
  return onStream(handle, [&](Context &context, auto &state) -> CUresult {
    if (!id) return CUDA_ERROR_INVALID_VALUE;
    *id = context.id << 32 | state->id;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamGetDevice(CUstream handle, CUdevice *device) {
  return onStream(handle, [&](Context &context, auto &) -> CUresult {
    if (!device) return CUDA_ERROR_INVALID_VALUE;
    *device = context.device.ordinal;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamGetCtx(CUstream handle, CUcontext *result) {
  return api([&]() -> CUresult {
    if (!result) return CUDA_ERROR_INVALID_VALUE;
    CUresult why = CUDA_SUCCESS;
    std::shared_ptr<Context> context;
    if (auto stream = driver().streams.find(handle))
      context = stream->context.lock();
    else if (reinterpret_cast<uint64_t>(handle) <= 2)
      context = currentContext(why);
    else
      return CUDA_ERROR_INVALID_HANDLE;
    if (!context) return why ? why : CUDA_ERROR_CONTEXT_IS_DESTROYED;
    *result = context->handle;
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuStreamGetCtx_v2(CUstream handle, CUcontext *context, void **greenContext) {
  if (greenContext) *greenContext = nullptr;
  return cuStreamGetCtx(handle, context);
}

VCUDA_API CUresult cuStreamGetAttribute(CUstream handle, int attribute, CUlaunchAttributeValue *value) {
  return onStream(handle, [&](Context &context, auto &state) -> CUresult {
    if (!value || !isStreamAttribute(attribute)) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(context.mutex);
    const auto &set = context.streamAttributes[state.get()];
    auto it = set.find(attribute);
    *value = it == set.end() ? defaultValue(attribute, *state) : it->second;
    return CUDA_SUCCESS;
  });
}

/// A priority is one from the start: setting it later changes what is told, not the order.
VCUDA_API CUresult cuStreamSetAttribute(CUstream handle, int attribute, const CUlaunchAttributeValue *value) {
  return onStream(handle, [&](Context &context, auto &state) -> CUresult {
    if (!value || !isStreamAttribute(attribute)) return CUDA_ERROR_INVALID_VALUE;
    bool isPolicy = attribute == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY;
    if (isPolicy && (value->syncPolicy < 1 || value->syncPolicy > 4)) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(context.mutex);
    context.streamAttributes[state.get()][attribute] = *value;
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamCopyAttributes(CUstream targetHandle, CUstream sourceHandle) {
  return onStream(sourceHandle, [&](Context &context, auto &source) -> CUresult {
    auto target = streamState(context, targetHandle);
    if (!target) return CUDA_ERROR_INVALID_HANDLE;
    std::lock_guard lock(context.mutex);
    auto copy = context.streamAttributes[source.get()];
    context.streamAttributes[target.get()] = std::move(copy);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void *data,
                                       unsigned flags) {
  return onStream(handle, [&](Context &context, auto &state) -> CUresult {
    if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
    if (CUresult wrong = forbidInCapture(context, *state)) return wrong;
    // Unlike a host function it runs after an error, too, and is told of it.
    context.queue.submit(state, [&context, handle, callback, data] {
      inHostFunction() = true;
      callback(handle, CUresult(context.error.load()), data);
      inHostFunction() = false;
    });
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void *data) {
  return onStream(handle, [&](Context &context, auto &state) -> CUresult {
    if (!function) return CUDA_ERROR_INVALID_VALUE;
    return enqueue(context, state, HostCall{function, data});
  });
}

VCUDA_API CUresult cuStreamAttachMemAsync(CUstream handle, CUdeviceptr address, size_t, unsigned flags) {
  return onStream(handle, [&](Context &context, auto &) -> CUresult {
    auto allocation = context.device.memory.lookup(address);
    bool known = flags == 1 || flags == 2 || flags == 4;
    return known && allocation && allocation->kind == AllocationRequest::Managed ? CUDA_SUCCESS
                                                                                 : CUDA_ERROR_INVALID_VALUE;
  });
}
