// Events: a place in a stream, with the time at which it was reached.
#include "runtime/vcuda/driver/graph.h"

using namespace dlc::vcuda;

namespace {

template <typename Work> CUresult onEvent(CUevent handle, Work work) {
  return inContext([&](Context &context) -> CUresult {
    auto event = driver().events.find(handle);
    return event ? work(context, *event) : CUDA_ERROR_INVALID_HANDLE;
  });
}

CUresult record(CUevent handle, CUstream stream) {
  return onEvent(handle, [&](Context &context, Event &event) -> CUresult {
    auto state = streamState(context, stream);
    if (!state || event.context.lock().get() != &context) return CUDA_ERROR_INVALID_HANDLE;
    if (captureRecord(context, state, event)) return CUDA_SUCCESS;
    auto mark = std::make_shared<EventMark>();
    std::lock_guard lock(event.mutex);
    event.mark = mark;
    event.point = context.queue.submit(state, [mark] {
      mark->time = std::chrono::steady_clock::now();
      mark->done = true;
    });
    return CUDA_SUCCESS;
  });
}

bool isCaptured(Event &event) {
  std::lock_guard lock(event.mutex);
  return event.capture != nullptr;
}

/// The queue that the event was recorded in, with the place; null when it was never recorded.
std::shared_ptr<Context> recordedIn(Event &event, Point &point) {
  std::lock_guard lock(event.mutex);
  point = event.point;
  return point.stream ? event.context.lock() : nullptr;
}

} // namespace

VCUDA_API CUresult cuEventCreate(CUevent *result, unsigned flags) {
  return inContext([&](Context &context) -> CUresult {
    if (!result || (flags & ~7u)) return CUDA_ERROR_INVALID_VALUE;
    if (flags & CU_EVENT_INTERPROCESS) return CUDA_ERROR_NOT_SUPPORTED;
    auto event = std::make_shared<Event>();
    event->context = context.weak_from_this();
    event->flags = flags;
    event->handle = *result = driver().events.add(event);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuEventDestroy_v2(CUevent handle) {
  return api([&]() -> CUresult {
    return driver().events.remove(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  });
}
VCUDA_API CUresult cuEventDestroy(CUevent handle) { return cuEventDestroy_v2(handle); }

VCUDA_API CUresult cuEventRecord(CUevent handle, CUstream stream) { return record(handle, stream); }
VCUDA_API CUresult cuEventRecordWithFlags(CUevent handle, CUstream stream, unsigned flags) {
  if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
  return record(handle, stream);
}

VCUDA_API CUresult cuEventQuery(CUevent handle) {
  return onEvent(handle, [](Context &, Event &event) -> CUresult {
    if (isCaptured(event)) return CUDA_ERROR_CAPTURED_EVENT;
    Point point;
    auto context = recordedIn(event, point);
    if (!context) return CUDA_SUCCESS;
    if (!context->queue.reached(point)) return CUDA_ERROR_NOT_READY;
    return CUresult(context->error.load());
  });
}

VCUDA_API CUresult cuEventSynchronize(CUevent handle) {
  return onEvent(handle, [](Context &, Event &event) -> CUresult {
    if (isCaptured(event)) return CUDA_ERROR_CAPTURED_EVENT;
    Point point;
    auto context = recordedIn(event, point);
    return context ? waitFor(*context, point) : CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent first, CUevent second) {
  return inContext([&](Context &) -> CUresult {
    if (!milliseconds) return CUDA_ERROR_INVALID_VALUE;
    std::shared_ptr<EventMark> marks[2];
    for (int i = 0; i < 2; ++i) {
      auto event = driver().events.find(i ? second : first);
      if (!event || (event->flags & CU_EVENT_DISABLE_TIMING)) return CUDA_ERROR_INVALID_HANDLE;
      std::lock_guard lock(event->mutex);
      if (!(marks[i] = event->mark)) return CUDA_ERROR_INVALID_HANDLE;
    }
    if (!marks[0]->done || !marks[1]->done) return CUDA_ERROR_NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(marks[1]->time - marks[0]->time).count();
    return CUDA_SUCCESS;
  });
}
VCUDA_API CUresult cuEventElapsedTime(float *milliseconds, CUevent first, CUevent second) {
  return cuEventElapsedTime_v2(milliseconds, first, second);
}

VCUDA_API CUresult cuStreamWaitEvent(CUstream stream, CUevent handle, unsigned flags) {
  return onEvent(handle, [&](Context &context, Event &event) -> CUresult {
    if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
    auto state = streamState(context, stream);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    CUresult captured = CUDA_SUCCESS;
    if (captureWait(context, state, event, captured)) return captured;
    Point point;
    auto other = recordedIn(event, point);
    if (!other) return CUDA_SUCCESS;
    if (other.get() == &context)
      context.queue.submit(state, [] {}, {point});
    else
      context.queue.submit(state, [other = std::weak_ptr<Context>(other), point] {
        if (auto alive = other.lock()) alive->queue.wait(point);
      });
    return CUDA_SUCCESS;
  });
}
