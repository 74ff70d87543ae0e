//===- core.h - how handlers are written -----------------------*- C++ -*-===//
//
// The files of this folder are compiled once per instruction set of the host, each time with another DLC_CORE
// as namespace. A handler executes one warp instruction: a loop over 32 lanes that the compiler turns into
// vector code. No standard library here (state.h says why); the C library's functions are fine.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_CORE_CORE_H
#define DLC_RUNTIME_VCUDA_EXEC_CORE_CORE_H

#include "runtime/vcuda/exec/services.h"
#include "runtime/vcuda/exec/state.h"

#include <math.h>
#include <string.h>

#ifndef DLC_CORE
#define DLC_CORE baseline // for editors: the build defines it
#endif

#ifdef __clang__
#define DLC_LANES                                                                                            \
  _Pragma("clang loop vectorize(assume_safety) interleave(enable)") for (unsigned l = 0; l < 32; ++l)
#else
#define DLC_LANES _Pragma("GCC ivdep") for (unsigned l = 0; l < 32; ++l)
#endif
#define DLC_INLINE __attribute__((always_inline)) inline

namespace dlc::vcuda::exec::DLC_CORE {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;
using f32 = float;
using f64 = double;

/// 16-bit floats as their bits: operators are in half.h.
struct f16 {
  u16 bits;
};
struct bf16 {
  u16 bits;
};

inline constexpr Mask AllLanes = 0xffffffff;

template <class T> DLC_INLINE T *slot(Warp &w, u32 offset) { return reinterpret_cast<T *>(w.r + offset); }
DLC_INLINE Mask &predicate(Warp &w, u32 offset) { return *reinterpret_cast<Mask *>(w.r + offset); }

/// The lanes that execute `i`.
DLC_INLINE Mask lanesOf(Warp &w, const Inst &i) {
  if (i.guard == NoOperand) return w.active;
  Mask p = predicate(w, i.guard & ~1u);
  return w.active & ((i.guard & 1) ? ~p : p);
}

template <class D, class S> DLC_INLINE D bitCast(S s) {
  static_assert(sizeof(D) == sizeof(S));
  D d;
  memcpy(&d, &s, sizeof d);
  return d;
}

// One, two or three sources, lane by lane: d = f(a ...).
template <class D, class A, class F> DLC_INLINE void map(Warp &w, const Inst &i, F f) {
  Mask m = lanesOf(w, i);
  D *d = slot<D>(w, i.dst);
  const A *a = slot<A>(w, i.a);
  if (m == AllLanes) {
    DLC_LANES d[l] = f(a[l]);
  } else if (m) {
    DLC_LANES {
      D v = f(a[l]);
      d[l] = (m >> l & 1) ? v : d[l];
    }
  }
}

template <class D, class A, class B, class F> DLC_INLINE void map2(Warp &w, const Inst &i, F f) {
  Mask m = lanesOf(w, i);
  D *d = slot<D>(w, i.dst);
  const A *a = slot<A>(w, i.a);
  const B *b = slot<B>(w, i.b);
  if (m == AllLanes) {
    DLC_LANES d[l] = f(a[l], b[l]);
  } else if (m) {
    DLC_LANES {
      D v = f(a[l], b[l]);
      d[l] = (m >> l & 1) ? v : d[l];
    }
  }
}

template <class D, class A, class B, class C, class F> DLC_INLINE void map3(Warp &w, const Inst &i, F f) {
  Mask m = lanesOf(w, i);
  D *d = slot<D>(w, i.dst);
  const A *a = slot<A>(w, i.a);
  const B *b = slot<B>(w, i.b);
  const C *c = slot<C>(w, i.c);
  if (m == AllLanes) {
    DLC_LANES d[l] = f(a[l], b[l], c[l]);
  } else if (m) {
    DLC_LANES {
      D v = f(a[l], b[l], c[l]);
      d[l] = (m >> l & 1) ? v : d[l];
    }
  }
}

// The same for what the compiler cannot turn into vectors (library calls, 128-bit products): only the lanes
// of the mask.
template <class D, class A, class F> DLC_INLINE void mapSlow(Warp &w, const Inst &i, F f) {
  D *d = slot<D>(w, i.dst);
  const A *a = slot<A>(w, i.a);
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    d[l] = f(a[l]);
  }
}
template <class D, class A, class B, class F> DLC_INLINE void map2Slow(Warp &w, const Inst &i, F f) {
  D *d = slot<D>(w, i.dst);
  const A *a = slot<A>(w, i.a);
  const B *b = slot<B>(w, i.b);
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    d[l] = f(a[l], b[l]);
  }
}

/// One bit per lane where f holds, over all lanes.
template <class A, class B, class F> DLC_INLINE Mask compareLanes(const A *a, const B *b, F f) {
  Mask bits = 0;
  DLC_LANES bits |= Mask(f(a[l], b[l]) ? 1 : 0) << l;
  return bits;
}

DLC_INLINE void setPredicate(Warp &w, u32 offset, Mask lanes, Mask value) {
  Mask &p = predicate(w, offset);
  p = (p & ~lanes) | (value & lanes);
}

/// .aligned: all lanes of the warp are here, or it is reported. False: the lanes were put aside until the
/// others come.
DLC_INLINE bool requireAligned(Warp &w, const Inst &i, Mask m) {
  if (m == AllLanes) return true;
  if (w.letGo && m != w.live && !gatherMembers(w, i, w.live)) return false;
  reportLanes(w, i, "divergent-aligned", AllLanes & ~m,
              "lanes are missing at an instruction that all lanes must execute together");
  return true;
}

/// Bytes of a register that holds the type; 0 for predicates.
constexpr unsigned typeBytesOf(Type t) {
  switch (t) {
  case Type::B8:
  case Type::U8:
  case Type::S8:
  case Type::E4M3:
  case Type::E5M2:
    return 1;
  case Type::B16:
  case Type::U16:
  case Type::S16:
  case Type::F16:
  case Type::BF16:
  case Type::E4M3x2:
  case Type::E5M2x2:
    return 2;
  case Type::B32:
  case Type::U32:
  case Type::S32:
  case Type::F32:
  case Type::F16x2:
  case Type::BF16x2:
  case Type::U16x2:
  case Type::S16x2:
  case Type::TF32:
    return 4;
  case Type::B64:
  case Type::U64:
  case Type::S64:
  case Type::F64:
    return 8;
  default:
    return 0;
  }
}

/// Runs the warp until `stop`.
void interpret(Warp &w);

// The handler of an instruction, or null when there is none; by group of kinds.
Handler integerHandler(const Inst &i);
Handler floatHandler(const Inst &i);
Handler halfHandler(const Inst &i);
Handler compareHandler(const Inst &i);
Handler convertHandler(const Inst &i);
Handler memoryHandler(const Inst &i);
Handler atomicHandler(const Inst &i);
Handler warpHandler(const Inst &i);
Handler controlHandler(const Inst &i);
Handler mmaHandler(const Inst &i);

} // namespace dlc::vcuda::exec::DLC_CORE

#endif
