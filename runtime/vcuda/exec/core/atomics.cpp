// Atomics and reductions on global and shared memory (PTX ISA 9.7.13).
#include "runtime/vcuda/exec/core/half.h"
#include "runtime/vcuda/exec/core/memory.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

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

template <class T> DLC_INLINE u64 atomicOn(T *target, const Inst &i, u64 b, u64 c) {
  AtomOp op = AtomOp(i.mods >> ModKindShift & 15);
  T old = __atomic_load_n(target, __ATOMIC_SEQ_CST);
  for (;;) {
    T value = T(apply(i.type, op, old, b, c));
    if (__atomic_compare_exchange_n(target, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      return old;
  }
}

/// Checks and counts, and gives the lanes that may go on.
Mask admittedLanes(Warp &w, const Inst &i, Space space, Mask m, const u64 *at, unsigned bytes) {
  Cta &c = *w.cta;
  if (space == Space::Shared) return sharedLanes(w, i, m, at, bytes, Access::Atomic);
  Mask good = m;
  bool ok = areInside(m, at, c.globalBase, c.globalSize, bytes);
  if (c.checks || !ok) good = checkGlobal(w, i, m, at, bytes, Access::Atomic, nullptr);
  if (c.checks) markWritten(w, good, at, bytes, 1);
  c.hasSynchronised = true;
  w.counters.globalBytesRead += u64(__builtin_popcount(good)) * bytes;
  w.counters.globalBytesWritten += u64(__builtin_popcount(good)) * bytes;
  if (c.counting) countAccess(w, i, good, at, bytes, Space::Global, Access::Atomic);
  return good;
}

template <class T> void atomLanes(Warp &w, const Inst &i, Space space, Mask m, const u64 *at) {
  Cta &c = *w.cta;
  bool isShared = space == Space::Shared, returns = i.mods & ModReturns;
  // A vector's registers are in the pool: destinations, then sources.
  unsigned elements = i.count == 0 ? 1 : returns ? i.count / 2 : i.count;
  Mask good = admittedLanes(w, i, space, m, at, unsigned(sizeof(T)) * elements);
  u8 *base = isShared ? c.shared : c.globalBytes - c.globalBase;
  bool changes = false;
  for (unsigned k = 0; k < elements; ++k) {
    const u32 *pool = c.operands + i.aux + k;
    u32 source = i.count ? pool[returns ? elements : 0] : i.b, target = i.count && returns ? pool[0] : i.dst;
    const T *b = slot<T>(w, source), *cc = i.c == NoOperand ? b : slot<T>(w, i.c);
    T *d = target == NoOperand ? nullptr : slot<T>(w, target);
    for (Mask n = m; n; n &= n - 1) {
      unsigned l = unsigned(__builtin_ctz(n));
      T *place = reinterpret_cast<T *>(base + at[l] + k * sizeof(T));
      u64 old = (good >> l & 1) ? atomicOn<T>(place, i, b[l], cc[l]) : 0;
      changes |= (good >> l & 1) && __atomic_load_n(place, __ATOMIC_RELAXED) != T(old);
      if (c.full && k == 0 && (good >> l & 1))
        orderAtomic(w, i, l, space, at[l],
                    AtomOp(i.mods >> ModKindShift & 15) != AtomOp::Cas || T(old) == b[l]);
      if (d) d[l] = T(old);
    }
  }
  w.effects += changes;
}

using u128 = unsigned __int128;

/// What was there. Every host of x86-64 that is left has the instruction, but compilers do not count on it:
/// in a caller they would make it a call of a library.
#ifdef __x86_64__
__attribute__((noinline, target("cx16")))
#endif
u128 compareAndSwap(u128 *p, u128 expected, u128 value) {
  return __sync_val_compare_and_swap(p, expected, value);
}

/// 128 bits, which are exchanged and compared only. The pool has halves of registers: destination, b, and c.
void atomWideLanes(Warp &w, const Inst &i, Space space, Mask m, const u64 *at) {
  Cta &c = *w.cta;
  bool isShared = space == Space::Shared, cas = AtomOp(i.mods >> ModKindShift & 15) == AtomOp::Cas;
  Mask good = admittedLanes(w, i, space, m, at, sizeof(u128));
  u8 *base = isShared ? c.shared : c.globalBytes - c.globalBase;
  const u32 *pool = c.operands + i.aux;
  auto value = [&](unsigned at, unsigned l) {
    return u128(slot<u64>(w, pool[at + 1])[l]) << 64 | slot<u64>(w, pool[at])[l];
  };
  bool changes = false;
  for (Mask n = m; n; n &= n - 1) {
    unsigned l = unsigned(__builtin_ctz(n));
    u128 old = 0, b = value(2, l), stored = cas ? value(4, l) : b;
    if (good >> l & 1) {
      u128 *p = reinterpret_cast<u128 *>(base + at[l]);
      if (cas) {
        old = compareAndSwap(p, b, stored);
      } else {
        for (u128 seen = compareAndSwap(p, 0, 0);; seen = old)
          if ((old = compareAndSwap(p, seen, b)) == seen) break;
      }
      bool writes = !cas || old == b;
      changes |= writes && old != stored;
      if (c.full) orderAtomic(w, i, l, space, at[l], writes);
    }
    slot<u64>(w, pool[0])[l] = u64(old);
    slot<u64>(w, pool[1])[l] = u64(old >> 64);
  }
  w.effects += changes;
}

template <void (*Lanes)(Warp &, const Inst &, Space, Mask, const u64 *)> void atom(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  ++w.spins;
  Addresses a;
  computeAddresses(w, i, a);
  if (i.space == Space::Shared || i.space == Space::Global) return Lanes(w, i, i.space, m, a.at);
  Mask shared = 0;
  for (unsigned l = 0; l < 32; ++l) shared |= Mask((a.at[l] & windowMask) == SharedWindow) << l;
  shared &= m;
  if (shared != m) Lanes(w, i, Space::Global, m & ~shared, a.at);
  if (!shared) return;
  for (u64 &address : a.at) address &= ~windowMask;
  Lanes(w, i, Space::Shared, shared, a.at);
}

bool atomSupported(const Inst &i) {
  AtomOp op = AtomOp(i.mods >> ModKindShift & 15);
  bool logic = op == AtomOp::And || op == AtomOp::Or || op == AtomOp::Xor;
  switch (i.type) {
  case Type::B16:
    return op == AtomOp::Cas;
  case Type::B128:
    return op == AtomOp::Exch || op == AtomOp::Cas;
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

} // namespace

Handler atomicHandler(const Inst &i) {
  if ((i.kind != Kind::Atom && i.kind != Kind::Red) || !atomSupported(i)) return nullptr;
  if (i.type == Type::B128) return atom<atomWideLanes>;
  unsigned bytes = typeBytesOf(i.type);
  return bytes == 2 ? atom<atomLanes<u16>> : bytes == 4 ? atom<atomLanes<u32>> : atom<atomLanes<u64>>;
}

} // namespace dlc::vcuda::exec::DLC_CORE
