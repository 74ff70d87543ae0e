// What the lanes of a warp do together: shuffles, votes, matches, matrix loads (PTX
// ISA 9.7.9, 9.7.13, 9.7.15), and copies.
#include "runtime/vcuda/exec/core/core.h"
#include "runtime/vcuda/exec/mma_shapes.h"
#include "runtime/vcuda/exec/shuffle.h"
#include "runtime/vcuda/exec/special.h"

namespace dlc::vcuda::exec::DLC_CORE {
namespace {

/// All lanes that the executing ones name as members. Groups with masks of their own may execute one
/// instruction together: eachGroup tells them apart.
DLC_INLINE Mask membersOf(Warp &w, const Inst &i, Mask m, u32 slotOffset) {
  const u32 *members = slot<u32>(w, slotOffset);
  Mask all = 0, without = 0;
  for (Mask n = m; n; n &= n - 1) {
    unsigned l = unsigned(__builtin_ctz(n));
    all |= members[l];
    if (!(members[l] >> l & 1)) without |= 1u << l;
  }
  if (without) reportLanes(w, i, "bad-membermask", without, "the executing lane is not in the member mask");
  return all;
}

template <class F> DLC_INLINE void eachGroup(Warp &w, Mask m, u32 slotOffset, F f) {
  const u32 *members = slot<u32>(w, slotOffset);
  while (m) {
    Mask wanted = members[__builtin_ctz(m)], group = 0;
    for (unsigned l = 0; l < 32; ++l) group |= Mask(members[l] == wanted) << l;
    group &= m;
    f(group);
    m &= ~group;
  }
}

void shfl(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  const u32 *pool = w.cta->operands + i.aux;
  Mask members = membersOf(w, i, m, pool[0]);
  if (!gatherMembers(w, i, members)) return;
  if (w.cta->full) shareAcquired(w, m);
  u32 a[32], result[32];
  memcpy(a, slot<u32>(w, i.a), sizeof a);
  const u32 *b = slot<u32>(w, i.b), *c = slot<u32>(w, i.c);
  u32 *d = slot<u32>(w, i.dst);
  ShuffleMode mode = ShuffleMode(i.mods >> ModKindShift & 3);
  Mask inRange = 0, bad = 0;
  for (unsigned l = 0; l < 32; ++l) {
    auto [from, ok] = shuffleSource(mode, l, b[l], c[l]);
    inRange |= Mask(ok) << l;
    if ((m >> l & 1) && !(m >> (from & 31) & 1)) bad |= 1u << l;
    result[l] = a[from & 31];
  }
  if (bad) reportLanes(w, i, "inactive-lane", bad, "shuffle reads a lane that does not take part");
  DLC_LANES d[l] = (m >> l & 1) ? result[l] : d[l];
  if (i.count > 1) setPredicate(w, pool[1], m, inRange);
}

void vote(Warp &w, const Inst &i) {
  Mask all = lanesOf(w, i);
  if (!all) return;
  if (!gatherMembers(w, i, membersOf(w, i, all, i.b))) return;
  if (w.cta->full) eachGroup(w, all, i.b, [&](Mask m) { shareAcquired(w, m); });
  Mask predicates = predicate(w, i.a);
  if (i.mods >> 20 & 1) predicates = ~predicates;
  eachGroup(w, all, i.b, [&](Mask m) {
    Mask p = predicates & m;
    switch (VoteMode(i.mods >> ModKindShift & 3)) {
    case VoteMode::All:
      return setPredicate(w, i.dst, m, p == m ? AllLanes : 0);
    case VoteMode::Any:
      return setPredicate(w, i.dst, m, p ? AllLanes : 0);
    case VoteMode::Uni:
      return setPredicate(w, i.dst, m, p == m || p == 0 ? AllLanes : 0);
    default: {
      u32 *d = slot<u32>(w, i.dst);
      DLC_LANES d[l] = (m >> l & 1) ? p : d[l];
    }
    }
  });
}

template <class T> void match(Warp &w, const Inst &i) {
  Mask lanes = lanesOf(w, i);
  if (!lanes) return;
  if (!gatherMembers(w, i, membersOf(w, i, lanes, i.b))) return;
  T a[32];
  memcpy(a, slot<T>(w, i.a), sizeof a);
  u32 *d = slot<u32>(w, i.dst);
  bool all = i.mods >> ModKindShift & 1;
  eachGroup(w, lanes, i.b, [&](Mask m) {
    Mask equalToFirst = 0;
    T first = a[__builtin_ctz(m)];
    for (unsigned l = 0; l < 32; ++l) equalToFirst |= Mask(a[l] == first) << l;
    bool same = (equalToFirst & m) == m;
    for (Mask n = m; n; n &= n - 1) {
      unsigned l = unsigned(__builtin_ctz(n));
      Mask equal = 0;
      for (unsigned k = 0; k < 32; ++k) equal |= Mask(a[k] == a[l]) << k;
      d[l] = all ? (same ? m : 0) : equal & m;
    }
    if (i.count) setPredicate(w, w.cta->operands[i.aux], m, same ? AllLanes : 0);
  });
}

void redux(Warp &w, const Inst &i) {
  Mask all = lanesOf(w, i);
  if (!all) return;
  if (!gatherMembers(w, i, membersOf(w, i, all, i.b))) return;
  u32 a[32];
  memcpy(a, slot<u32>(w, i.a), sizeof a);
  eachGroup(w, all, i.b, [&](Mask m) {
    u32 r = a[__builtin_ctz(m)];
    bool isSigned = i.type == Type::S32;
    for (Mask n = m & (m - 1); n; n &= n - 1) {
      u32 v = a[__builtin_ctz(n)];
      bool less = isSigned ? s32(v) < s32(r) : v < r;
      switch (AtomOp(i.mods >> ModKindShift & 15)) {
      case AtomOp::Add:
        r += v;
        break;
      case AtomOp::Min:
        r = less ? v : r;
        break;
      case AtomOp::Max:
        r = less ? r : v;
        break;
      case AtomOp::And:
        r &= v;
        break;
      case AtomOp::Or:
        r |= v;
        break;
      default:
        r ^= v;
        break;
      }
    }
    u32 *d = slot<u32>(w, i.dst);
    DLC_LANES d[l] = (m >> l & 1) ? r : d[l];
  });
}

void activeMask(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  u32 *d = slot<u32>(w, i.dst);
  DLC_LANES d[l] = (m >> l & 1) ? m : d[l];
}

void elect(Warp &w, const Inst &i) {
  Mask all = lanesOf(w, i);
  if (!all) return;
  if (!gatherMembers(w, i, membersOf(w, i, all, i.b))) return;
  u32 *d = slot<u32>(w, i.dst);
  eachGroup(w, all, i.b, [&](Mask m) {
    u32 leader = u32(__builtin_ctz(m));
    DLC_LANES d[l] = (m >> l & 1) ? leader : d[l];
    setPredicate(w, w.cta->operands[i.aux], m, 1u << leader);
  });
}

void warpSync(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m || !gatherMembers(w, i, membersOf(w, i, m, i.a)) || !w.cta->full) return;
  eachGroup(w, m, i.a, [&](Mask group) { syncLanes(w, group); });
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

DLC_INLINE u32 sharedOffset(const Inst &i, Warp &w, unsigned lane) {
  u64 address =
      (i.width2 == 8 ? slot<u64>(w, i.a)[lane] : u64(u32(slot<u32>(w, i.a)[lane] + u32(u64(i.imm)))));
  if (i.width2 == 8) address += u64(i.imm);
  if (i.space == Space::Generic) address -= SharedWindow;
  return address > 0xffffffffu ? 0xffffffffu : u32(address);
}

/// Lane 8 j + r holds the address of row r of matrix j, 16 bytes.
template <bool Store> DLC_INLINE Mask matrixRows(Warp &w, const Inst &i, unsigned count, u32 *rows) {
  for (unsigned l = 0; l < 32; ++l) rows[l] = sharedOffset(i, w, l);
  Mask wanted = count == 4 ? AllLanes : (1u << (8 * count)) - 1;
  Cta &c = *w.cta;
  Mask good = wanted;
  bool ok = c.sharedBytes >= 16;
  for (unsigned l = 0; l < 8 * count; ++l) ok = ok && rows[l] <= c.sharedBytes - 16 && rows[l] % 16 == 0;
  if (c.checks || !ok) good = checkShared(w, i, wanted, rows, 16, Store ? Access::Write : Access::Read);
  if (c.counting) {
    u64 at[32];
    for (unsigned l = 0; l < 32; ++l) at[l] = rows[l];
    countAccess(w, i, good, at, 16, Space::Shared, Store ? Access::Write : Access::Read);
  }
  return good;
}

template <bool Trans> void ldMatrix(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  if (!requireAligned(w, i, m)) return;
  u32 rows[32];
  Mask good = matrixRows<false>(w, i, i.count, rows);
  const u32 *pool = w.cta->operands + i.aux;
  for (unsigned j = 0; j < i.count; ++j) {
    alignas(64) u16 tile[64];
    for (unsigned r = 0; r < 8; ++r) {
      unsigned lane = 8 * j + r;
      if (good >> lane & 1)
        memcpy(tile + 8 * r, w.cta->shared + rows[lane], 16);
      else
        memset(tile + 8 * r, 0, 16);
    }
    alignas(64) u16 turned[64];
    if (Trans) {
      for (unsigned r = 0; r < 8; ++r) {
        for (unsigned k = 0; k < 8; ++k) turned[k * 8 + r] = tile[r * 8 + k];
      }
    }
    // Register of lane l: elements (row l / 4, columns 2 (l % 4) and the next) = the tile's pairs in order.
    u32 *d = slot<u32>(w, pool[j]);
    const u16 *from = Trans ? turned : tile;
    if (m == AllLanes) {
      memcpy(d, from, 128);
    } else {
      for (unsigned l = 0; l < 32; ++l) {
        if (m >> l & 1) memcpy(d + l, from + 2 * l, 4);
      }
    }
  }
}

template <bool Trans> void stMatrix(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  if (!requireAligned(w, i, m)) return;
  u32 rows[32];
  Mask good = matrixRows<true>(w, i, i.count, rows);
  const u32 *pool = w.cta->operands + i.aux;
  for (unsigned j = 0; j < i.count; ++j) {
    alignas(64) u16 tile[64], turned[64];
    memcpy(tile, slot<u32>(w, pool[j]), 128);
    if (Trans) {
      for (unsigned r = 0; r < 8; ++r) {
        for (unsigned k = 0; k < 8; ++k) turned[k * 8 + r] = tile[r * 8 + k];
      }
    }
    for (unsigned r = 0; r < 8; ++r) {
      unsigned lane = 8 * j + r;
      if (good >> lane & 1) memcpy(w.cta->shared + rows[lane], (Trans ? turned : tile) + 8 * r, 16);
    }
  }
}

/// The register tile transposed in place of a trip through memory.
void movMatrix(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  if (!requireAligned(w, i, m)) return;
  alignas(64) u16 tile[64], turned[64];
  memcpy(tile, slot<u32>(w, i.a), 128);
  for (unsigned r = 0; r < 8; ++r) {
    for (unsigned k = 0; k < 8; ++k) turned[k * 8 + r] = tile[r * 8 + k];
  }
  u32 *d = slot<u32>(w, i.dst);
  for (unsigned l = 0; l < 32; ++l) {
    if (m >> l & 1) memcpy(d + l, turned + 2 * l, 4);
  }
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

void cpAsync(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (!m) return;
  AsyncCopy copy;
  const u32 *pool = w.cta->operands + i.aux;
  u64 offset = u64(pool[1]) << 32 | pool[0];
  const u64 *global = slot<u64>(w, i.b);
  bool ignore = i.mods >> ModKindShift & 1;
  Mask ignored = ignore && i.c != NoOperand ? predicate(w, i.c) : 0;
  for (unsigned l = 0; l < 32; ++l) {
    copy.shared[l] = sharedOffset(i, w, l);
    copy.global[l] = global[l] + offset;
    u32 bytes = i.width;
    if (ignore)
      bytes = (ignored >> l & 1) ? 0 : bytes;
    else if (i.c != NoOperand && slot<u32>(w, i.c)[l] < bytes)
      bytes = slot<u32>(w, i.c)[l];
    copy.sourceBytes[l] = bytes;
  }
  issueCopies(w, i, m, copy);
}
void cpAsyncCommit(Warp &w, const Inst &i) { commitCopies(w, lanesOf(w, i)); }
void cpAsyncWait(Warp &w, const Inst &i) {
  waitForCopies(w, i, lanesOf(w, i), u32(i.imm), i.mods >> ModKindShift & 1);
}

//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

DLC_INLINE u64 specialValue(const Warp &w, unsigned l, SpecialRegister s) {
  const Cta &c = *w.cta;
  using S = SpecialRegister;
  switch (s) {
  case S::TidX:
  case S::TidY:
  case S::TidZ:
    return w.tid[u32(s) - u32(S::TidX)][l];
  case S::NtidX:
  case S::NtidY:
  case S::NtidZ:
    return c.ntid[u32(s) - u32(S::NtidX)];
  case S::CtaidX:
  case S::CtaidY:
  case S::CtaidZ:
    return c.ctaid[u32(s) - u32(S::CtaidX)];
  case S::NctaidX:
  case S::NctaidY:
  case S::NctaidZ:
    return c.nctaid[u32(s) - u32(S::NctaidX)];
  case S::LaneId:
    return l;
  case S::WarpId:
    return w.index;
  case S::NWarpId:
    return c.warpCount;
  case S::SmId:
    return c.smid;
  case S::NSmId:
    return c.nsmid;
  case S::GridId:
    return c.gridId;
  case S::LaneMaskEq:
    return 1u << l;
  case S::LaneMaskLt:
    return (1u << l) - 1;
  case S::LaneMaskLe:
    return l == 31 ? AllLanes : (2u << l) - 1;
  case S::LaneMaskGt:
    return l == 31 ? 0 : u32(~((2u << l) - 1));
  case S::LaneMaskGe:
    return u32(~((1u << l) - 1));
  case S::Clock:
    return u32(clockOf(w));
  case S::ClockHi:
    return clockOf(w) >> 32;
  case S::Clock64:
    return clockOf(w);
  case S::GlobalTimer:
    return globalTimer();
  case S::GlobalTimerLo:
    return u32(globalTimer());
  case S::GlobalTimerHi:
    return globalTimer() >> 32;
  case S::DynamicShared:
    return c.dynamicSharedBytes;
  case S::TotalShared:
    return c.reservedShared;
  case S::AllShared:
  case S::ReservedSharedEnd:
    return c.reservedShared + reservedSharedBytes;
  case S::ReservedShared:
    return c.reservedShared;
  case S::ReservedSharedBytes:
    return reservedSharedBytes;
  case S::One:
    return 1;
  case S::GridWorkspaceHigh:
    return c.gridWorkspace >> 32;
  case S::GridWorkspaceLow:
    return u32(c.gridWorkspace);
  default:
    return 0;
  }
}

void specialRegister(Warp &w, const Inst &i) {
  u8 *d = slot<u8>(w, i.dst);
  for (Mask m = lanesOf(w, i); m; m &= m - 1) {
    unsigned l = unsigned(__builtin_ctz(m));
    u64 v = specialValue(w, l, SpecialRegister(i.aux));
    memcpy(d + size_t(l) * i.width, &v, i.width);
  }
}

/// What is done element by element, outside of the core.
template <void (*Service)(Warp &, const Inst &, Mask)> void forward(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (m) Service(w, i, m);
}
template <void (*Service)(Warp &, const Inst &, Mask)> void forwardAligned(Warp &w, const Inst &i) {
  Mask m = lanesOf(w, i);
  if (m && requireAligned(w, i, m)) Service(w, i, m);
}

} // namespace

Handler warpHandler(const Inst &i) {
  bool trans = i.mods >> ModKindShift & 1;
  switch (i.kind) {
  case Kind::Shfl:
    return shfl;
  case Kind::Vote:
    return vote;
  case Kind::Match:
    return i.type == Type::B64 ? match<u64> : match<u32>;
  case Kind::Redux:
    return redux;
  case Kind::ActiveMask:
    return activeMask;
  case Kind::Elect:
    return elect;
  case Kind::WarpSync:
    return warpSync;
  case Kind::LdMatrix:
    return trans ? ldMatrix<true> : ldMatrix<false>;
  case Kind::StMatrix:
    return trans ? stMatrix<true> : stMatrix<false>;
  case Kind::MovMatrix:
    return movMatrix;
  case Kind::CpAsync:
    return cpAsync;
  case Kind::CpAsyncCommit:
    return cpAsyncCommit;
  case Kind::CpAsyncWait:
    return cpAsyncWait;
  case Kind::SpecialReg:
    return specialRegister;
  case Kind::Mbarrier:
    return forward<mbarrier>;
  case Kind::Video:
    return forward<videoInstruction>;
  case Kind::VideoScalar:
    return forward<scalarVideoInstruction>;
  case Kind::Alloca:
    return forward<allocateLocal>;
  case Kind::StackSave:
    return forward<saveStack>;
  case Kind::StackRestore:
    return forward<restoreStack>;
  case Kind::Discard:
    return forward<discardMemory>;
  case Kind::WmmaLoad:
    return forwardAligned<wmmaLoad>;
  case Kind::WmmaStore:
    return forwardAligned<wmmaStore>;
  case Kind::Wmma:
    return forwardAligned<wmmaMultiply>;
  case Kind::Mma:
    return mmaShapes[i.imm].general ? forwardAligned<multiplyFragments> : Handler(nullptr);
  default:
    return nullptr;
  }
}

} // namespace dlc::vcuda::exec::DLC_CORE
