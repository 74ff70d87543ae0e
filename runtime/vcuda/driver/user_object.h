//===- user_object.h - a client's objects that graphs keep alive --------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_USER_OBJECT_H
#define DLC_RUNTIME_VCUDA_DRIVER_USER_OBJECT_H

#include "runtime/vcuda/driver/api.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace dlc::vcuda {

/// Counts references; when the last one goes, the client's function is called on a thread of the driver's
/// own.
struct UserObject {
  void *data = nullptr;
  CUhostFn destroy = nullptr;
  CUuserObject handle = nullptr;
  std::mutex mutex; ///< guards what follows
  uint64_t references = 0;

  void retain(uint64_t count);
  /// False when it has fewer references.
  bool release(uint64_t count);
};

/// The references of a graph or of an instance; a copy has as many of its own.
class UserReferences {
public:
  UserReferences() = default;
  UserReferences(const UserReferences &other) { add(other); }
  UserReferences &operator=(const UserReferences &) = delete;
  ~UserReferences();
  void add(const UserReferences &other);
  /// Takes over references that are counted already.
  void take(const std::shared_ptr<UserObject> &object, uint64_t count) { counts[object] += count; }
  /// Gives references back; false when there are fewer.
  bool release(const std::shared_ptr<UserObject> &object, uint64_t count);

private:
  std::map<std::shared_ptr<UserObject>, uint64_t> counts;
};

} // namespace dlc::vcuda

#endif
