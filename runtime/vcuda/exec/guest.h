//===- guest.h - memory that several CTAs touch ----------------*- C++ -*-===//
//
// CTAs run on several host threads over one global memory, its byte states and its record of writers. A
// program may race there (that is what findings are about), and one that does not still polls counters while
// others change them. No access of ours may be a data race of the host because of that, so each is atomic, an
// element at a time: acquire and release for single elements (volatile, acquire and release accesses of the
// program mean that, and x86 has nothing weaker), relaxed for runs of them.
//
// Runs are moved with vector instructions, which move aligned elements whole on the hosts there are but which
// C++ cannot spell as atomics; ThreadSanitizer gets the loop of atomics that they stand for.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_GUEST_H
#define DLC_RUNTIME_VCUDA_EXEC_GUEST_H

#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define DLC_VCUDA_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DLC_VCUDA_TSAN 1
#endif
#endif

namespace dlc::vcuda::exec::guest {

// Always inlined: the core is compiled for several instruction sets (state.h).
#define DLC_GUEST __attribute__((always_inline)) inline

template <class T> DLC_GUEST T load(const T *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
template <class T> DLC_GUEST void store(T *p, T value) { __atomic_store_n(p, value, __ATOMIC_RELEASE); }

/// One element of a run that a loop goes over.
template <class T> DLC_GUEST T at(const T *p) {
#ifdef DLC_VCUDA_TSAN
  return __atomic_load_n(p, __ATOMIC_RELAXED);
#else
  return *p;
#endif
}

template <class T> DLC_GUEST void read(T *to, const T *from, unsigned count) {
#ifdef DLC_VCUDA_TSAN
  for (unsigned k = 0; k < count; ++k) to[k] = at(from + k);
#else
  memcpy(to, from, count * sizeof(T));
#endif
}
template <class T> DLC_GUEST void write(T *to, const T *from, unsigned count) {
#ifdef DLC_VCUDA_TSAN
  for (unsigned k = 0; k < count; ++k) __atomic_store_n(to + k, from[k], __ATOMIC_RELAXED);
#else
  memcpy(to, from, count * sizeof(T));
#endif
}
DLC_GUEST void fill(uint8_t *to, uint8_t value, unsigned count) {
#ifdef DLC_VCUDA_TSAN
  for (unsigned k = 0; k < count; ++k) __atomic_store_n(to + k, value, __ATOMIC_RELAXED);
#else
  memset(to, value, count);
#endif
}

#undef DLC_GUEST

} // namespace dlc::vcuda::exec::guest

#endif
