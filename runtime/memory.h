// Host memory of modules and contexts comes from the caller's allocator.
//
// Containers take it through a stateless allocator that asks the calling thread's current HostScope, so
// nested containers need no plumbing. Every block remembers who made it, therefore it can be given back from
// any thread and scope.
#pragma once

#include "dlc/runtime.h"

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace dlc::rt {

/// Makes `allocator` the source of this thread's host allocations until the scope ends. One without an
/// allocate function stands for malloc.
class HostScope {
public:
  explicit HostScope(const dlc_host_allocator &allocator);
  ~HostScope();
  HostScope(const HostScope &) = delete;
  HostScope &operator=(const HostScope &) = delete;

private:
  const dlc_host_allocator *before;
};

/// Memory from the current scope, aligned for any type. Throws std::bad_alloc.
void *hostAllocate(size_t bytes);
void hostFree(void *memory) noexcept;

template <class T> struct HostAllocator {
  using value_type = T;
  HostAllocator() = default;
  template <class U> HostAllocator(const HostAllocator<U> &) {}
  T *allocate(size_t count) {
    if (count > size_t(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    return static_cast<T *>(hostAllocate(count * sizeof(T)));
  }
  void deallocate(T *memory, size_t) noexcept { hostFree(memory); }
  template <class U> bool operator==(const HostAllocator<U> &) const { return true; }
};

template <class T> using Vec = std::vector<T, HostAllocator<T>>;
using String = std::basic_string<char, std::char_traits<char>, HostAllocator<char>>;

/// An object in host memory of the current scope.
template <class T, class... Args> T *hostNew(Args &&...args) {
  void *memory = hostAllocate(sizeof(T));
  try {
    return new (memory) T(std::forward<Args>(args)...);
  } catch (...) {
    hostFree(memory);
    throw;
  }
}
template <class T> void hostDelete(T *object) noexcept {
  if (!object) return;
  object->~T();
  hostFree(object);
}
struct HostDeleter {
  template <class T> void operator()(T *object) const noexcept { hostDelete(object); }
};
template <class T> using HostPtr = std::unique_ptr<T, HostDeleter>;

} // namespace dlc::rt
