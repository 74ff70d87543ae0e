// Loads, stores and atomics in all spaces (PTX ISA 9.7.9, 9.7.13).
//
// Each access: addresses of the lanes, a vectorised look at whether anything could be wrong, and only then,
// if so, the slow check in checks.cpp, which writes findings and returns the lanes that may go on.
#include "runtime/vcuda/exec/core/half.h"
#include "runtime/vcuda/exec/guest.h"

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

struct alignas(16) Sixteen {
  u64 lo, hi;
};

struct Addresses {
  alignas(64) u64 at[32];
};

void computeAddresses(Warp &w, const Inst &i, Addresses &out) {
  u64 offset = u64(i.imm);
  if (i.width2 == 8) {
    const u64 *a = slot<u64>(w, i.a);
    DLC_LANES out.at[l] = a[l] + offset;
  } else {
    const u32 *a = slot<u32>(w, i.a);
    DLC_LANES out.at[l] = u32(a[l] + u32(offset));
  }
}

/// All lanes active and each `bytes` behind the one before.
DLC_INLINE bool isContiguous(Mask m, const u64 *at, u64 bytes) {
  if (m != AllLanes) return false;
  u64 first = at[0], different = 0;
  DLC_LANES different |= at[l] ^ (first + bytes * l);
  return different == 0;
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

/// Sets state and the record of writers for what was written. Record: launch 24 bits, CTA 32, byte mask 4,
/// flags 4 (1 = atomic).
void markWritten(Warp &w, Mask m, const u64 *at, unsigned bytes, u64 flags) {
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

Mask sharedLanes(Warp &w, const Inst &i, Mask m, const u64 *at, unsigned bytes, Access access) {
  Cta &c = *w.cta;
  if (!c.checks && !c.counting && areInside(m, at, 0, c.sharedBytes, bytes)) return m;
  alignas(64) u32 offsets[32];
  DLC_LANES offsets[l] = at[l] > 0xffffffffu ? 0xffffffffu : u32(at[l]);
  Mask good = checkShared(w, i, m, offsets, bytes, access);
  if (c.counting) countAccess(w, i, good, at, bytes, Space::Shared, access);
  return good;
}

template <unsigned E> void loadShared(Warp &w, const Inst &i, Mask m, const u64 *at) {
  Mask good = sharedLanes(w, i, m, at, E * i.count, Access::Read);
  if (good != m) zeroLanes(w, i, m & ~good);
  gather<E>(w, i, good, at, 0, w.cta->shared, good == m && isContiguous(m, at, E * i.count));
}
template <unsigned E> void storeShared(Warp &w, const Inst &i, Mask m, const u64 *at) {
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

constexpr u64 windowMask = 0xff00'0000'0000'0000;

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
// Atomics
//===----------------------------------------------------------------------===//

template <class T> DLC_INLINE T applyInteger(AtomOp op, T old, T b, T c) {
  switch (op) {
  case AtomOp::Exch:
    return b;
  case AtomOp::Cas:
    return old == b ? c : old;
  case AtomOp::Inc:
    return old >= b ? T(0) : T(old + 1);
  case AtomOp::Dec:
    return old == 0 || old > b ? b : T(old - 1);
  case AtomOp::Min:
    return old < b ? old : b;
  case AtomOp::Max:
    return old > b ? old : b;
  case AtomOp::And:
    return T(old & b);
  case AtomOp::Or:
    return T(old | b);
  case AtomOp::Xor:
    return T(old ^ b);
  default:
    return T(u64(old) + u64(b));
  }
}
template <class H> DLC_INLINE u16 applyHalf(AtomOp op, u16 a, u16 b) {
  f32 x = toFloat(H{a}), y = toFloat(H{b});
  if (op == AtomOp::Add) return narrow<H>(x + y).bits;
  if (x != x || y != y) return x == x ? a : y == y ? b : u16(0x7fff);
  bool less = x < y || (x == y && (a >> 15) > (b >> 15));
  return less == (op == AtomOp::Min) ? a : b;
}
template <class H> DLC_INLINE u32 applyPair(AtomOp op, u32 a, u32 b) {
  return u32(applyHalf<H>(op, u16(a >> 16), u16(b >> 16))) << 16 | applyHalf<H>(op, u16(a), u16(b));
}

/// The new value of an atomic operation on `old`, as raw bits.
DLC_INLINE u64 apply(Type type, AtomOp op, u64 old, u64 b, u64 c) {
  switch (type) {
  case Type::S32:
    return u32(applyInteger(op, s32(old), s32(b), s32(c)));
  case Type::S64:
    return u64(applyInteger(op, s64(old), s64(b), s64(c)));
  case Type::U64:
  case Type::B64:
    return applyInteger(op, old, b, c);
  case Type::F32:
    return bitCast<u32>(bitCast<f32>(u32(old)) + bitCast<f32>(u32(b)));
  case Type::F64:
    return bitCast<u64>(bitCast<f64>(old) + bitCast<f64>(b));
  case Type::F16:
    return applyHalf<f16>(op, u16(old), u16(b));
  case Type::BF16:
    return applyHalf<bf16>(op, u16(old), u16(b));
  case Type::F16x2:
    return applyPair<f16>(op, u32(old), u32(b));
  case Type::BF16x2:
    return applyPair<bf16>(op, u32(old), u32(b));
  case Type::B16:
    return applyInteger(op, u16(old), u16(b), u16(c));
  default:
    return applyInteger(op, u32(old), u32(b), u32(c));
  }
}

template <class T> DLC_INLINE u64 atomicOn(u8 *p, const Inst &i, u64 b, u64 c) {
  T *target = reinterpret_cast<T *>(p);
  AtomOp op = AtomOp(i.mods >> ModKindShift & 15);
  T old = __atomic_load_n(target, __ATOMIC_SEQ_CST);
  for (;;) {
    T value = T(apply(i.type, op, old, b, c));
    if (__atomic_compare_exchange_n(target, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      return old;
  }
}

template <class T> void atomLanes(Warp &w, const Inst &i, Space space, Mask m, const u64 *at) {
  Cta &c = *w.cta;
  Mask good = m;
  bool isShared = space == Space::Shared, returns = i.mods & ModReturns;
  // A vector's registers are in the pool: destinations, then sources.
  unsigned elements = i.count == 0 ? 1 : returns ? i.count / 2 : i.count;
  unsigned bytes = unsigned(sizeof(T)) * elements;
  if (isShared) {
    good = sharedLanes(w, i, m, at, bytes, Access::Atomic);
  } else {
    bool ok = areInside(m, at, c.globalBase, c.globalSize, bytes);
    if (c.checks || !ok) good = checkGlobal(w, i, m, at, bytes, Access::Atomic, nullptr);
    if (c.checks) markWritten(w, good, at, bytes, 1);
    c.hasSynchronised = true;
    w.counters.globalBytesRead += u64(__builtin_popcount(good)) * bytes;
    w.counters.globalBytesWritten += u64(__builtin_popcount(good)) * bytes;
    if (c.counting) countAccess(w, i, good, at, bytes, Space::Global, Access::Atomic);
  }
  u8 *base = isShared ? c.shared : c.globalBytes - c.globalBase;
  for (unsigned k = 0; k < elements; ++k) {
    const u32 *pool = c.operands + i.aux + k;
    u32 source = i.count ? pool[returns ? elements : 0] : i.b, target = i.count && returns ? pool[0] : i.dst;
    const T *b = slot<T>(w, source), *cc = i.c == NoOperand ? b : slot<T>(w, i.c);
    T *d = target == NoOperand ? nullptr : slot<T>(w, target);
    for (Mask n = m; n; n &= n - 1) {
      unsigned l = unsigned(__builtin_ctz(n));
      u64 old = (good >> l & 1) ? atomicOn<T>(base + at[l] + k * sizeof(T), i, b[l], cc[l]) : 0;
      if (c.full && k == 0 && (good >> l & 1))
        orderAtomic(w, i, l, space, at[l],
                    AtomOp(i.mods >> ModKindShift & 15) != AtomOp::Cas || T(old) == b[l]);
      if (d) d[l] = T(old);
    }
  }
}

template <class T> void atom(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  ++w.spins;
  Addresses a;
  computeAddresses(w, i, a);
  if (i.space == Space::Shared || i.space == Space::Global) return atomLanes<T>(w, i, i.space, m, a.at);
  Mask shared = 0;
  for (unsigned l = 0; l < 32; ++l) shared |= Mask((a.at[l] & windowMask) == SharedWindow) << l;
  shared &= m;
  if (shared != m) atomLanes<T>(w, i, Space::Global, m & ~shared, a.at);
  if (!shared) return;
  for (u64 &address : a.at) address &= ~windowMask;
  atomLanes<T>(w, i, Space::Shared, shared, a.at);
}

bool atomSupported(const Inst &i) {
  AtomOp op = AtomOp(i.mods >> ModKindShift & 15);
  bool logic = op == AtomOp::And || op == AtomOp::Or || op == AtomOp::Xor;
  switch (i.type) {
  case Type::B16:
    return op == AtomOp::Cas;
  case Type::B32:
  case Type::B64:
    return logic || op == AtomOp::Exch || op == AtomOp::Cas;
  case Type::U32:
    return op == AtomOp::Add || op == AtomOp::Inc || op == AtomOp::Dec || op == AtomOp::Min ||
           op == AtomOp::Max || op == AtomOp::Exch || op == AtomOp::Cas;
  case Type::S32:
  case Type::U64:
  case Type::S64:
    return op == AtomOp::Add || op == AtomOp::Min || op == AtomOp::Max;
  case Type::F32:
  case Type::F64:
    return op == AtomOp::Add;
  case Type::F16:
  case Type::BF16:
  case Type::F16x2:
  case Type::BF16x2:
    return op == AtomOp::Add || op == AtomOp::Min || op == AtomOp::Max;
  default:
    return false;
  }
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
  case Kind::Atom:
  case Kind::Red:
    if (!atomSupported(i)) return nullptr;
    return typeBytesOf(i.type) == 2 ? atom<u16> : typeBytesOf(i.type) == 4 ? atom<u32> : atom<u64>;
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
