#include "runtime/vcuda/driver/user_object.h"

#include "runtime/vcuda/driver/graph.h"

#include <climits>

namespace dlc::vcuda {
namespace {

/// Calls the clients' functions one after the other; lives until the process ends.
class Finaliser {
public:
  void post(CUhostFn destroy, void *data) {
    std::lock_guard lock(mutex);
    waiting.emplace_back(destroy, data);
    if (!hasThread) std::thread([this] { work(); }).detach();
    hasThread = true;
    wake.notify_one();
  }

private:
  void work() {
    inHostFunction() = true; // calls of the API are not allowed
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return !waiting.empty(); });
      auto [destroy, data] = waiting.front();
      waiting.pop_front();
      lock.unlock();
      destroy(data);
      lock.lock();
    }
  }
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::pair<CUhostFn, void *>> waiting;
  bool hasThread = false;
};

Finaliser &finaliser() {
  static Finaliser *instance = new Finaliser;
  return *instance;
}

bool isCount(unsigned count) { return count && count <= INT_MAX; }

/// Calls `work(object)` for a live object and a count that makes sense.
template <typename Work> CUresult onObject(CUuserObject handle, unsigned count, Work work) {
  return api([&]() -> CUresult {
    auto object = driver().userObjects.find(handle);
    return object && isCount(count) ? work(object) : CUDA_ERROR_INVALID_VALUE;
  });
}

} // namespace

void UserObject::retain(uint64_t count) {
  std::lock_guard lock(mutex);
  references += count;
}

bool UserObject::release(uint64_t count) {
  {
    std::lock_guard lock(mutex);
    if (count > references) return false;
    references -= count;
    if (references) return true;
  }
  driver().userObjects.remove(handle);
  finaliser().post(destroy, data);
  return true;
}

UserReferences::~UserReferences() {
  for (const auto &[object, count] : counts) object->release(count);
}

void UserReferences::add(const UserReferences &other) {
  for (const auto &[object, count] : other.counts) {
    object->retain(count);
    take(object, count);
  }
}

bool UserReferences::release(const std::shared_ptr<UserObject> &object, uint64_t count) {
  auto it = counts.find(object);
  if (it == counts.end() || it->second < count) return false;
  it->second -= count;
  if (!it->second) counts.erase(it);
  return object->release(count);
}

} // namespace dlc::vcuda

using namespace dlc::vcuda;

VCUDA_API CUresult cuUserObjectCreate(CUuserObject *result, void *data, CUhostFn destroy, unsigned count,
                                      unsigned flags) {
  return api([&]() -> CUresult {
    if (!result || !destroy || !isCount(count) || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC)
      return CUDA_ERROR_INVALID_VALUE;
    auto object = std::make_shared<UserObject>();
    object->data = data;
    object->destroy = destroy;
    object->references = count;
    object->handle = *result = driver().userObjects.add(object);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuUserObjectRetain(CUuserObject handle, unsigned count) {
  return onObject(handle, count, [&](const auto &object) {
    object->retain(count);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuUserObjectRelease(CUuserObject handle, unsigned count) {
  return onObject(handle, count, [&](const auto &object) {
    return object->release(count) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

VCUDA_API CUresult cuGraphRetainUserObject(CUgraph graphHandle, CUuserObject handle, unsigned count,
                                           unsigned flags) {
  return onObject(handle, count, [&](const auto &object) -> CUresult {
    auto graph = driver().graphs.find(graphHandle);
    if (!graph || (flags & ~unsigned(CU_GRAPH_USER_OBJECT_MOVE))) return CUDA_ERROR_INVALID_VALUE;
    if (!(flags & CU_GRAPH_USER_OBJECT_MOVE)) object->retain(count);
    std::lock_guard lock(graph->mutex);
    graph->objects.take(object, count);
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuGraphReleaseUserObject(CUgraph graphHandle, CUuserObject handle, unsigned count) {
  return onObject(handle, count, [&](const auto &object) -> CUresult {
    auto graph = driver().graphs.find(graphHandle);
    if (!graph) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(graph->mutex);
    return graph->objects.release(object, count) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}
