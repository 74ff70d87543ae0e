// Loads and stores in all spaces, and addresses of spaces (PTX ISA 9.7.9).
//
// Each access: addresses of the lanes, a vectorised look at whether anything could be wrong, and only then,
// if so, the slow check in checks.cpp, which writes findings and returns the lanes that may go on.
#include "runtime/vcuda/exec/core/memory.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

template <unsigned Bytes> struct Bits;
template <> struct Bits<1> {
  using type = u8;
};
template <> struct Bits<2> {
  using type = u16;
};
template <> struct Bits<4> {
  using type = u32;
};
template <> struct Bits<8> {
  using type = u64;
};

/// All lanes active and each `bytes` behind the one before.
DLC_INLINE bool isContiguous(Mask m, const u64 *at, u64 bytes) {
  if (m != AllLanes) return false;
  u64 first = at[0], different = 0;
  DLC_LANES different |= at[l] ^ (first + bytes * l);
  return different == 0;
}

template <unsigned Bytes> DLC_INLINE u64 loadSmall(const u8 *p) {
  return guest::load(reinterpret_cast<const typename Bits<Bytes>::type *>(p));
}

/// All state bytes of the active lanes are ByteReady.
template <unsigned Bytes>
DLC_INLINE bool areReady(Mask m, const u64 *at, u64 base, const u8 *state, bool contiguous) {
  u64 bad = 0;
  if (contiguous) {
    const u8 *s = state + (at[0] - base);
    u8 any = 0;
    for (unsigned k = 0; k < 32 * Bytes; ++k) any |= u8(guest::at(s + k) ^ ByteReady);
    return any == 0;
  }
  constexpr u64 pattern = 0x0303030303030303;
  for (; m; m &= m - 1) {
    const u8 *s = state + (at[__builtin_ctz(m)] - base);
    if constexpr (Bytes == 16)
      bad |= (loadSmall<8>(s) ^ pattern) | (loadSmall<8>(s + 8) ^ pattern);
    else
      bad |= loadSmall<Bytes>(s) ^ (pattern & (~u64(0) >> (64 - 8 * Bytes)));
  }
  return bad == 0;
}

/// Something in the record of writers speaks of another CTA of this launch, or of atomics.
template <unsigned Bytes> bool touchedByOthers(Warp &w, Mask m, const u64 *at, u64 base) {
  const Cta &c = *w.cta;
  u64 launch = c.writerTag >> 40, hit = 0;
  for (; m; m &= m - 1) {
    u64 off = at[__builtin_ctz(m)] - base;
    for (unsigned k = 0; k < (Bytes + 3) / 4; ++k) {
      u64 record = __atomic_load_n(&c.globalWriters[(off >> 2) + k], __ATOMIC_ACQUIRE);
      hit |= (record >> 40 == launch) & ((record ^ c.writerTag) >> 8 != 0);
    }
  }
  return hit;
}

//===----------------------------------------------------------------------===//
// Movement between memory and registers
//===----------------------------------------------------------------------===//

/// Register of `width` bytes from a memory element of E bytes: zero- or sign-extended.
template <unsigned E>
DLC_INLINE void putRegister(u8 *reg, unsigned lane, unsigned width, u64 v, bool isSigned) {
  if constexpr (E < 8) {
    if (isSigned && (v >> (E * 8 - 1) & 1)) v |= ~u64(0) << (E * 8 % 64);
  }
  switch (width) {
  case 2:
    reinterpret_cast<u16 *>(reg)[lane] = u16(v);
    break;
  case 4:
    reinterpret_cast<u32 *>(reg)[lane] = u32(v);
    break;
  default:
    reinterpret_cast<u64 *>(reg)[lane] = v;
    break;
  }
}
DLC_INLINE u64 getRegister(const u8 *reg, unsigned lane, unsigned width) {
  switch (width) {
  case 2:
    return reinterpret_cast<const u16 *>(reg)[lane];
  case 4:
    return reinterpret_cast<const u32 *>(reg)[lane];
  default:
    return reinterpret_cast<const u64 *>(reg)[lane];
  }
}

DLC_INLINE bool isSignedElement(Type t) { return t == Type::S8 || t == Type::S16 || t == Type::S32; }

/// Lanes of m load `count` elements of E bytes from base + offset[lane].
template <unsigned E>
DLC_INLINE void gather(Warp &w, const Inst &i, Mask m, const u64 *at, u64 base, const u8 *bytes,
                       bool contiguous) {
  const u32 *dst = w.cta->operands + i.aux;
  bool isSigned = isSignedElement(i.type);
  using T = typename Bits<E>::type;
  if (E >= 2 && i.width == E) {
    if (contiguous) {
      const u8 *p = bytes + (at[0] - base);
      if (i.count == 1) {
        guest::read(slot<T>(w, dst[0]), reinterpret_cast<const T *>(p), 32);
      } else if (i.count == 2) {
        T *d0 = slot<T>(w, dst[0]), *d1 = slot<T>(w, dst[1]);
        const T *s = reinterpret_cast<const T *>(p);
        DLC_LANES {
          d0[l] = guest::at(s + 2 * l);
          d1[l] = guest::at(s + 2 * l + 1);
        }
      } else {
        T *d0 = slot<T>(w, dst[0]), *d1 = slot<T>(w, dst[1]), *d2 = slot<T>(w, dst[2]),
          *d3 = slot<T>(w, dst[3]);
        const T *s = reinterpret_cast<const T *>(p);
        DLC_LANES {
          d0[l] = guest::at(s + 4 * l);
          d1[l] = guest::at(s + 4 * l + 1);
          d2[l] = guest::at(s + 4 * l + 2);
          d3[l] = guest::at(s + 4 * l + 3);
        }
      }
      return;
    }
    for (; m; m &= m - 1) {
      unsigned l = unsigned(__builtin_ctz(m));
      const T *p = reinterpret_cast<const T *>(bytes + (at[l] - base));
      for (unsigned k = 0; k < i.count; ++k) slot<T>(w, dst[k])[l] = guest::load(p + k);
    }
    return;
  }
  for (; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    const u8 *p = bytes + (at[l] - base);
    for (unsigned k = 0; k < i.count; ++k)
      putRegister<E>(slot<u8>(w, dst[k]), l, i.width, loadSmall<E>(p + k * E), isSigned);
  }
}

template <unsigned E>
DLC_INLINE void scatter(Warp &w, const Inst &i, Mask m, const u64 *at, u64 base, u8 *bytes, bool contiguous) {
  const u32 *src = w.cta->operands + i.aux;
  using T = typename Bits<E>::type;
  if (E >= 2 && contiguous && i.width == E && i.count == 1) {
    guest::write(reinterpret_cast<T *>(bytes + (at[0] - base)), slot<T>(w, src[0]), 32);
    return;
  }
  for (; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    T *p = reinterpret_cast<T *>(bytes + (at[l] - base));
    for (unsigned k = 0; k < i.count; ++k)
      guest::store(p + k, T(getRegister(slot<u8>(w, src[k]), l, i.width)));
  }
}

/// What a store would write, lane by lane (for the check of conflicting writes).
void storedData(Warp &w, const Inst &i, Mask m, unsigned element, u8 *out) {
  const u32 *src = w.cta->operands + i.aux;
  for (; m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    for (unsigned k = 0; k < i.count; ++k) {
      u64 v = getRegister(slot<u8>(w, src[k]), l, i.width);
      memcpy(out + l * 16 + k * element, &v, element);
    }
  }
}

void zeroLanes(Warp &w, const Inst &i, Mask m) {
  for (unsigned k = 0; k < i.count; ++k) {
    u8 *reg = slot<u8>(w, w.cta->operands[i.aux + k]);
    for (Mask n = m; n; n &= n - 1) putRegister<8>(reg, unsigned(__builtin_ctz(n)), i.width, 0, false);
  }
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

template <unsigned E, unsigned Bytes> void loadGlobalSized(Warp &w, const Inst &i, Mask m, const u64 *at) {
  Cta &c = *w.cta;
  w.counters.globalBytesRead += u64(__builtin_popcount(m)) * Bytes;
  bool contiguous = isContiguous(m, at, Bytes);
  bool ok = areInside(m, at, c.globalBase, c.globalSize, Bytes);
  if (c.checks)
    ok = ok && !c.full && areReady<Bytes>(m, at, c.globalBase, c.globalState, contiguous) &&
         !touchedByOthers<Bytes>(w, m, at, c.globalBase);
  Mask good = ok ? m : checkGlobal(w, i, m, at, Bytes, Access::Read, nullptr);
  if (c.counting) countAccess(w, i, good, at, Bytes, Space::Global, Access::Read);
  if (good != m) zeroLanes(w, i, m & ~good);
  gather<E>(w, i, good, at, c.globalBase, c.globalBytes, contiguous && good == m);
}

template <unsigned E> void loadGlobal(Warp &w, const Inst &i, Mask m, const u64 *at) {
  switch (E * i.count) {
  case 1:
    return loadGlobalSized<E, 1>(w, i, m, at);
  case 2:
    return loadGlobalSized<E, 2>(w, i, m, at);
  case 4:
    return loadGlobalSized<E, 4>(w, i, m, at);
  case 8:
    return loadGlobalSized<E, 8>(w, i, m, at);
  default:
    return loadGlobalSized<E, 16>(w, i, m, at);
  }
}

template <unsigned E, unsigned Bytes> void storeGlobalSized(Warp &w, const Inst &i, Mask m, const u64 *at) {
  Cta &c = *w.cta;
  w.counters.globalBytesWritten += u64(__builtin_popcount(m)) * Bytes;
  bool contiguous = isContiguous(m, at, Bytes);
  bool ok = areInside(m, at, c.globalBase, c.globalSize, Bytes);
  Mask good = m;
  if (c.checks) {
    // Written bytes need only be allocated: bit 0 of each state.
    ok = ok && !c.full;
    if (ok) {
      u64 lacking = 0;
      for (Mask n = m; n; n &= n - 1) {
        const u8 *s = c.globalState + (at[__builtin_ctz(n)] - c.globalBase);
        if constexpr (Bytes == 16)
          lacking |= ~(loadSmall<8>(s) & loadSmall<8>(s + 8)) & 0x0101010101010101;
        else
          lacking |= ~loadSmall<Bytes>(s) & (0x0101010101010101 >> (64 - 8 * Bytes));
      }
      ok = lacking == 0 && !touchedByOthers<Bytes>(w, m, at, c.globalBase);
    }
    if (!ok) {
      u8 data[32 * 16];
      storedData(w, i, m, E, data);
      good = checkGlobal(w, i, m, at, Bytes, Access::Write, data);
    }
  } else if (!ok) {
    good = checkGlobal(w, i, m, at, Bytes, Access::Write, nullptr);
  }
  if (c.counting) countAccess(w, i, good, at, Bytes, Space::Global, Access::Write);
  scatter<E>(w, i, good, at, c.globalBase, c.globalBytes, contiguous && good == m);
  // Behind the bytes: a CTA on another host thread that meets the record compares its value with them.
  if (c.checks) markWritten(w, good, at, Bytes, (i.mods & ModVolatile) ? 1 : 0);
}

template <unsigned E> void storeGlobal(Warp &w, const Inst &i, Mask m, const u64 *at) {
  ++w.effects;
  switch (E * i.count) {
  case 1:
    return storeGlobalSized<E, 1>(w, i, m, at);
  case 2:
    return storeGlobalSized<E, 2>(w, i, m, at);
  case 4:
    return storeGlobalSized<E, 4>(w, i, m, at);
  case 8:
    return storeGlobalSized<E, 8>(w, i, m, at);
  default:
    return storeGlobalSized<E, 16>(w, i, m, at);
  }
}

//===----------------------------------------------------------------------===//
// Shared, local, parameter memory
//===----------------------------------------------------------------------===//

template <unsigned E> void loadShared(Warp &w, const Inst &i, Mask m, const u64 *at) {
  Mask good = sharedLanes(w, i, m, at, E * i.count, Access::Read);
  if (good != m) zeroLanes(w, i, m & ~good);
  gather<E>(w, i, good, at, 0, w.cta->shared, good == m && isContiguous(m, at, E * i.count));
}
template <unsigned E> void storeShared(Warp &w, const Inst &i, Mask m, const u64 *at) {
  ++w.effects;
  Mask good = sharedLanes(w, i, m, at, E * i.count, Access::Write);
  scatter<E>(w, i, good, at, 0, w.cta->shared, good == m && isContiguous(m, at, E * i.count));
}

/// Lanes' own memory: lane l's byte `o` is at local + l * stride + o.
Mask localLanes(Warp &w, const Inst &i, Mask m, u64 *at, unsigned bytes, Access access) {
  Mask good = m;
  if (w.cta->checks || !areInside(m, at, 0, w.localStride, bytes))
    good = checkLocal(w, i, m, at, bytes, access);
  for (unsigned l = 0; l < 32; ++l) at[l] += u64(l) * w.localStride;
  return good;
}
template <unsigned E> void loadLocal(Warp &w, const Inst &i, Mask m, u64 *at) {
  Mask good = localLanes(w, i, m, at, E * i.count, Access::Read);
  if (good != m) zeroLanes(w, i, m & ~good);
  gather<E>(w, i, good, at, 0, w.local, false);
}
template <unsigned E> void storeLocal(Warp &w, const Inst &i, Mask m, u64 *at) {
  Mask good = localLanes(w, i, m, at, E * i.count, Access::Write);
  scatter<E>(w, i, good, at, 0, w.local, false);
}

template <unsigned E> void loadParam(Warp &w, const Inst &i, Mask m, const u64 *at) {
  Cta &c = *w.cta;
  unsigned bytes = E * i.count;
  Mask good = m;
  if (!areInside(m, at, 0, c.paramBytes, bytes)) {
    for (Mask n = m; n; n &= n - 1) {
      unsigned l = unsigned(__builtin_ctz(n));
      if (at[l] + bytes <= c.paramBytes && at[l] % bytes == 0) continue;
      reportAddress(w, i, at[l] % bytes ? "misaligned" : "out-of-bounds", l, at[l], bytes,
                    "kernel parameters");
      good &= ~(1u << l);
    }
    zeroLanes(w, i, m & ~good);
  }
  gather<E>(w, i, good, at, 0, c.params, false);
}

//===----------------------------------------------------------------------===//
// Any space
//===----------------------------------------------------------------------===//

template <unsigned E, bool Store>
void accessSpace(Warp &w, const Inst &i, Space space, Mask m, Addresses &a) {
  if (!m) return;
  switch (space) {
  case Space::Shared:
    return Store ? storeShared<E>(w, i, m, a.at) : loadShared<E>(w, i, m, a.at);
  case Space::Local:
    return Store ? storeLocal<E>(w, i, m, a.at) : loadLocal<E>(w, i, m, a.at);
  case Space::Param:
    if (!Store)
      loadParam<E>(w, i, m, a.at);
    else
      reportLanes(w, i, "out-of-bounds", m, "store to kernel parameters");
    return;
  case Space::Constant: {
    u64 bank = w.cta->constantBank;
    DLC_LANES a.at[l] = a.at[l] > 0xffffff ? ~u64(0) : a.at[l] + bank;
    return loadGlobal<E>(w, i, m, a.at);
  }
  default:
    return Store ? storeGlobal<E>(w, i, m, a.at) : loadGlobal<E>(w, i, m, a.at);
  }
}

/// Generic addresses: each window's lanes take their turn.
template <unsigned E, bool Store> void access(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  Addresses a;
  computeAddresses(w, i, a);
  if (i.mods & ModVolatile) {
    ++w.spins;
    if (i.space != Space::Shared) w.cta->hasSynchronised = true;
  }
  if (i.space != Space::Generic) return accessSpace<E, Store>(w, i, i.space, m, a);
  Mask shared = 0, local = 0, param = 0;
  for (unsigned l = 0; l < 32; ++l) {
    u64 window = a.at[l] & windowMask;
    shared |= Mask(window == SharedWindow) << l;
    local |= Mask(window == LocalWindow) << l;
    param |= Mask(window == ParamWindow) << l;
  }
  shared &= m, local &= m, param &= m;
  if (!(shared | local | param)) return accessSpace<E, Store>(w, i, Space::Global, m, a);
  Addresses offsets;
  auto turn = [&](Space space, Mask lanes) {
    for (unsigned l = 0; l < 32; ++l)
      offsets.at[l] = space == Space::Global ? a.at[l] : a.at[l] & ~windowMask;
    accessSpace<E, Store>(w, i, space, lanes, offsets);
  };
  turn(Space::Shared, shared);
  turn(Space::Local, local);
  turn(Space::Param, param);
  turn(Space::Global, m & ~(shared | local | param));
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

DLC_INLINE u64 windowOf(const Warp &w, Space space) {
  switch (space) {
  case Space::Shared:
    return SharedWindow;
  case Space::Local:
    return LocalWindow;
  case Space::Param:
    return ParamWindow;
  case Space::Constant:
    return w.cta->constantBank;
  default:
    return 0;
  }
}
void toGeneric(Warp &w, const Inst &i) {
  u64 window = windowOf(w, i.space);
  map<u64, u64>(w, i, [&](u64 a) { return a + window; });
}
void fromGeneric(Warp &w, const Inst &i) {
  u64 window = windowOf(w, i.space);
  map<u64, u64>(w, i, [&](u64 a) { return a - window; });
}
void isSpace(Warp &w, const Inst &i) {
  const u64 *a = slot<u64>(w, i.a);
  Mask bits = 0;
  const Cta &c = *w.cta;
  for (unsigned l = 0; l < 32; ++l) {
    u64 window = a[l] & windowMask;
    bool constant = a[l] - c.constantBank < c.constantBytes;
    bool is = i.space == Space::Global     ? window == 0 && !constant
              : i.space == Space::Constant ? constant
                                           : window == windowOf(w, i.space);
    bits |= Mask(is) << l;
  }
  setPredicate(w, i.dst, lanesOf(w, i), bits);
}

template <bool Store> Handler accessHandler(const Inst &i) {
  switch (typeBytesOf(i.type)) {
  case 1:
    return access<1, Store>;
  case 2:
    return access<2, Store>;
  case 4:
    return access<4, Store>;
  case 8:
    return access<8, Store>;
  default:
    return nullptr;
  }
}

} // namespace

Handler memoryHandler(const Inst &i) {
  switch (i.kind) {
  case Kind::Ld:
    return accessHandler<false>(i);
  case Kind::St:
    return accessHandler<true>(i);
  case Kind::ToGeneric:
    return toGeneric;
  case Kind::FromGeneric:
    return fromGeneric;
  case Kind::IsSpace:
    return isSpace;
  default:
    return nullptr;
  }
}

} // namespace dlc::vcuda::exec::DLC_CORE
