//===- handles.h - handles that are looked up, never followed ----------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_HANDLES_H
#define DLC_RUNTIME_VCUDA_DRIVER_HANDLES_H

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace dlc::vcuda {

/// The live objects of one kind. A handle is a number that is never used twice, so a stale or made-up one is
/// found out.
template <typename Handle, typename Object> class HandleTable {
public:
  /// `kind` keeps the handles of different tables apart.
  explicit HandleTable(uint64_t kind) : next(kind << 40 | 0x10) {}

  Handle add(std::shared_ptr<Object> object) {
    std::lock_guard lock(mutex);
    uint64_t id = next;
    next += 0x10;
    objects.emplace(id, std::move(object));
    return reinterpret_cast<Handle>(id);
  }
  /// Null for a handle that is not live.
  std::shared_ptr<Object> find(Handle handle) const {
    std::lock_guard lock(mutex);
    auto it = objects.find(reinterpret_cast<uint64_t>(handle));
    return it == objects.end() ? nullptr : it->second;
  }
  /// The object, now without a handle; null for a handle that is not live.
  std::shared_ptr<Object> remove(Handle handle) {
    std::lock_guard lock(mutex);
    auto it = objects.find(reinterpret_cast<uint64_t>(handle));
    if (it == objects.end()) return nullptr;
    auto object = std::move(it->second);
    objects.erase(it);
    return object;
  }
  std::vector<std::shared_ptr<Object>> all() const {
    std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<Object>> result;
    for (const auto &[id, object] : objects) result.push_back(object);
    return result;
  }

private:
  mutable std::mutex mutex;
  uint64_t next;
  std::unordered_map<uint64_t, std::shared_ptr<Object>> objects;
};

} // namespace dlc::vcuda

#endif
