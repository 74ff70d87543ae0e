//===- memory.h - what loads, stores and atomics share ------------*- C++ -*-===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_CORE_MEMORY_H
#define DLC_RUNTIME_VCUDA_EXEC_CORE_MEMORY_H

#include "runtime/vcuda/exec/core/core.h"
#include "runtime/vcuda/exec/guest.h"

namespace dlc::vcuda::exec::DLC_CORE {

/// The bits of a generic address that say which state space it lies in (machine.h has the windows).
inline constexpr u64 windowMask = 0xff00'0000'0000'0000;

struct Addresses {
  alignas(64) u64 at[32];
};

inline void computeAddresses(Warp &w, const Inst &i, Addresses &out) {
  u64 offset = u64(i.imm);
  if (i.width2 == 8) {
    const u64 *a = slot<u64>(w, i.a);
    DLC_LANES out.at[l] = a[l] + offset;
  } else {
    const u32 *a = slot<u32>(w, i.a);
    DLC_LANES out.at[l] = u32(a[l] + u32(offset));
  }
}

/// True when every active lane's bytes lie in [base, base + size) and are aligned.
DLC_INLINE bool areInside(Mask m, const u64 *at, u64 base, u64 size, u64 bytes) {
  if (size < bytes) return false;
  u64 last = size - bytes, bad = 0;
  DLC_LANES {
    u64 wrong = (at[l] - base > last) | ((at[l] & (bytes - 1)) != 0);
    bad |= (m >> l & 1) ? wrong : 0;
  }
  return bad == 0;
}

/// Sets state and the record of writers for what was written. Record: launch 24 bits, CTA 32, byte mask 4,
/// flags 4 (1 = atomic).
inline void markWritten(Warp &w, Mask m, const u64 *at, unsigned bytes, u64 flags) {
  Cta &c = *w.cta;
  for (; m; m &= m - 1) {
    u64 off = at[__builtin_ctz(m)] - c.globalBase;
    guest::fill(c.globalState + off, ByteReady, bytes);
    u64 mask = bytes >= 4 ? 15 : ((u64(1) << bytes) - 1) << (off & 3);
    for (unsigned k = 0; k < (bytes + 3) / 4; ++k) {
      u64 *record = &c.globalWriters[(off >> 2) + k];
      u64 old = __atomic_load_n(record, __ATOMIC_RELAXED);
      u64 keep = (old ^ c.writerTag) >> 8 == 0 ? old & 0xf0 : 0;
      __atomic_store_n(record, c.writerTag | mask << 4 | keep | flags, __ATOMIC_RELEASE);
    }
  }
}

/// Checks and counts an access to shared memory, and gives the lanes that may go on. An address past 32 bits
/// is outside.
inline Mask sharedLanes(Warp &w, const Inst &i, Mask m, const u64 *at, unsigned bytes, Access access) {
  Cta &c = *w.cta;
  if (!c.checks && !c.counting && areInside(m, at, 0, c.sharedBytes, bytes)) return m;
  alignas(64) u32 offsets[32];
  DLC_LANES offsets[l] = at[l] > 0xffffffffu ? 0xffffffffu : u32(at[l]);
  Mask good = checkShared(w, i, m, offsets, bytes, access);
  if (c.counting) countAccess(w, i, good, at, bytes, Space::Shared, access);
  return good;
}

} // namespace dlc::vcuda::exec::DLC_CORE

#endif
