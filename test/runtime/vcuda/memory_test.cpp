#include "runtime/vcuda/memory/device_memory.h"

#include <cstring>
#include <gtest/gtest.h>
#include <set>

using namespace dlc::vcuda;

namespace {

AllocationRequest request(uint64_t bytes, uint64_t owner = 1) {
  AllocationRequest r;
  r.bytes = bytes;
  r.owner = owner;
  return r;
}

uint8_t stateAt(const DeviceMemory &m, uint64_t address) { return m.state[address - m.base]; }

} // namespace

TEST(DeviceMemory, AllocationsAreAlignedDisjointAndSurroundedByRedZones) {
  DeviceMemory m(1 << 30);
  uint64_t previousEnd = 0;
  for (uint64_t bytes : {1, 255, 256, 257, 4096, 1000000, 1100000, 3000001}) {
    auto a = m.allocate(request(bytes));
    ASSERT_TRUE(a);
    EXPECT_EQ(a->base % (bytes > 1 << 20 ? 2 << 20 : 256), 0u);
    EXPECT_GE(a->base, previousEnd + 256);
    previousEnd = a->base + bytes;
    // An index that is twice too large, or off by a few rows, finds nothing either.
    for (uint64_t past : {uint64_t(0), uint64_t(5000), bytes - 1})
      EXPECT_EQ(stateAt(m, previousEnd + past), ByteUnmapped);
    EXPECT_EQ(stateAt(m, a->base - 1), ByteUnmapped);
    EXPECT_EQ(stateAt(m, a->base), ByteUninitialised);
    EXPECT_EQ(stateAt(m, a->base + bytes - 1), ByteUninitialised);
    EXPECT_EQ(stateAt(m, a->base + bytes), ByteUnmapped);
  }
}

TEST(DeviceMemory, BlocksOfAHeapAreKernelsAlone) {
  DeviceMemory m(1 << 20);
  EXPECT_TRUE(m.setAside(1 << 19, 0));
  EXPECT_FALSE(m.setAside((1 << 20) + 1, 1 << 19));
  EXPECT_EQ(m.used(), 1u << 19);
  AllocationRequest r = request(40);
  r.kind = AllocationRequest::Heap;
  r.alignment = 16;
  auto a = m.allocate(r), b = m.allocate(r);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(m.used(), 1u << 19);
  EXPECT_EQ(a->base % 32, 16u); // what is promised, and no more
  EXPECT_GE(b->base, a->base + 40 + 256);
  EXPECT_EQ(stateAt(m, a->base), ByteUninitialised);
  EXPECT_EQ(stateAt(m, a->base + 39), ByteUninitialised);
  for (uint64_t past : {0, 8, 255}) EXPECT_EQ(stateAt(m, a->base + 40 + past), ByteUnmapped);
  EXPECT_EQ(stateAt(m, a->base - 1), ByteUnmapped);
  EXPECT_FALSE(m.lookup(a->base));
  EXPECT_FALSE(m.covers(a->base, 4));
  EXPECT_FALSE(m.free(a->base));
  EXPECT_FALSE(m.beginFree(a->base));
  EXPECT_EQ(m.find(a->base + 4).id, a->id);
  EXPECT_EQ(m.freeBlock(a->base, 2), 0u); // another context's
  EXPECT_EQ(m.freeBlock(a->base + 16, 1), 0u);
  EXPECT_EQ(m.freeBlock(a->base, 1), 40u);
  EXPECT_EQ(m.freeBlock(a->base, 1), 0u);
  EXPECT_EQ(m.find(a->base).kind, AllocationInfo::Freed);
  r.alignment = 1024;
  EXPECT_EQ(m.allocate(r)->base % 1024, 0u);
  m.freeOwned(1);
  EXPECT_EQ(m.find(b->base).kind, AllocationInfo::Freed);
  EXPECT_TRUE(m.setAside(0, 1 << 19));
  EXPECT_EQ(m.used(), 0u);
}

TEST(DeviceMemory, CapacityIsALimitAndComesBack) {
  DeviceMemory m(1 << 20);
  auto a = m.allocate(request(1 << 19));
  auto b = m.allocate(request(1 << 19));
  ASSERT_TRUE(a && b);
  EXPECT_FALSE(m.allocate(request(1)));
  EXPECT_EQ(m.used(), 1u << 20);
  EXPECT_TRUE(m.free(a->base));
  EXPECT_FALSE(m.free(a->base));
  EXPECT_FALSE(m.free(b->base + 1));
  EXPECT_TRUE(m.allocate(request(1 << 19)));
  EXPECT_FALSE(m.allocate(request(0)));
  EXPECT_FALSE(m.allocate(request(UINT64_MAX)));
}

TEST(DeviceMemory, FreedRangesAreRememberedAndReusedLate) {
  DeviceMemory m(1 << 30);
  auto a = m.allocate(request(1000));
  auto keep = m.allocate(request(1000));
  m.free(a->base);
  EXPECT_EQ(stateAt(m, a->base), ByteUnmapped);
  AllocationInfo info = m.find(a->base + 999);
  EXPECT_EQ(info.kind, AllocationInfo::Freed);
  EXPECT_EQ(info.id, a->id);
  EXPECT_EQ(m.find(keep->base).kind, AllocationInfo::Live);
  info = m.find(keep->base + 1001);
  EXPECT_EQ(info.kind, AllocationInfo::None);
  EXPECT_EQ(info.base, keep->base);
  std::set<uint64_t> seen = {a->base};
  for (int i = 0; i < 10000; ++i) {
    auto b = m.allocate(request(1000));
    ASSERT_TRUE(b);
    ASSERT_TRUE(seen.insert(b->base).second) << "address used again after " << i;
    m.free(b->base);
  }
}

TEST(DeviceMemory, TheWholeWindowIsUsedAgainWhenItIsExhausted) {
  DeviceMemory m(64 << 20);
  uint64_t first = 0, turns = 0;
  for (int i = 0; i < 12; ++i) {
    auto b = m.allocate(request(48 << 20));
    ASSERT_TRUE(b) << i;
    if (b->base == first) ++turns;
    if (!first) first = b->base;
    m.free(b->base);
  }
  EXPECT_GT(turns, 0u);
}

TEST(DeviceMemory, LargeAllocationsCostWhatIsTouched) {
  DeviceMemory m(uint64_t(40) << 30);
  auto a = m.allocate(request(uint64_t(30) << 30));
  ASSERT_TRUE(a);
  EXPECT_EQ(stateAt(m, a->base), ByteUninitialised);
  EXPECT_EQ(stateAt(m, a->base + (uint64_t(29) << 30)), ByteUninitialised);
  EXPECT_EQ(stateAt(m, a->base + (uint64_t(30) << 30)), ByteUnmapped);
  uint32_t value = 42;
  m.write(a->base + (uint64_t(17) << 30), &value, 4);
  EXPECT_EQ(stateAt(m, a->base + (uint64_t(17) << 30)), ByteReady);
  EXPECT_EQ(stateAt(m, a->base + (uint64_t(17) << 30) + 4), ByteUninitialised);
  m.free(a->base);
  EXPECT_EQ(stateAt(m, a->base + (uint64_t(17) << 30)), ByteUnmapped);
  EXPECT_EQ(stateAt(m, a->base + (uint64_t(29) << 30)), ByteUnmapped);
}

TEST(DeviceMemory, CopiesCarryTheirStates) {
  DeviceMemory m(1 << 20);
  auto a = m.allocate(request(64)), b = m.allocate(request(64));
  m.fill(a->base, 0x01020304, 4, 8);
  m.copy(b->base, a->base, 64);
  EXPECT_EQ(stateAt(m, b->base + 31), ByteReady);
  EXPECT_EQ(stateAt(m, b->base + 32), ByteUninitialised);
  uint32_t word = 0;
  m.read(&word, b->base + 28, 4);
  EXPECT_EQ(word, 0x01020304u);
}

TEST(DeviceMemory, PinnedMemoryHasOneAddressForBothSides) {
  DeviceMemory m(1 << 20);
  AllocationRequest r = request(10000);
  r.kind = AllocationRequest::Pinned;
  auto a = m.allocate(r);
  ASSERT_TRUE(a);
  EXPECT_EQ(m.used(), 0u);
  auto *p = reinterpret_cast<char *>(a->base);
  std::strcpy(p + 5000, "written by the host");
  EXPECT_STREQ(reinterpret_cast<char *>(m.host(a->base + 5000)), "written by the host");
  EXPECT_EQ(stateAt(m, a->base), ByteReady);
  m.host(a->base)[0] = 'd';
  EXPECT_EQ(p[0], 'd');
  EXPECT_TRUE(m.free(a->base));
  EXPECT_EQ(m.host(a->base)[0], 0);
}

TEST(DeviceMemory, OwnersTakeTheirAllocationsAlong) {
  DeviceMemory m(1 << 20);
  auto a = m.allocate(request(64, 1)), b = m.allocate(request(64, 2));
  m.freeOwned(1);
  EXPECT_FALSE(m.lookup(a->base));
  EXPECT_TRUE(m.lookup(b->base, 64));
  EXPECT_FALSE(m.lookup(b->base, 65));
  EXPECT_FALSE(m.lookup(b->base + 1, UINT64_MAX));
}

TEST(DeviceMemory, StreamOrderedAllocationsAreInvisibleUntilCommitted) {
  DeviceMemory m(1 << 20);
  AllocationRequest r = request(64);
  r.committed = false;
  auto a = m.allocate(r);
  EXPECT_EQ(stateAt(m, a->base), ByteUnmapped);
  EXPECT_TRUE(m.commit(a->base));
  EXPECT_EQ(stateAt(m, a->base), ByteUninitialised);
  EXPECT_TRUE(m.beginFree(a->base));
  EXPECT_FALSE(m.beginFree(a->base));
}

TEST(DeviceMemory, WithoutTrackingEverythingCountsAsWritten) {
  DeviceMemory m(1 << 20);
  auto a = m.allocate(request(64));
  m.setTracking(false);
  EXPECT_EQ(stateAt(m, a->base), ByteReady);
  auto b = m.allocate(request(64));
  EXPECT_EQ(stateAt(m, b->base), ByteReady);
  m.setTracking(true);
  auto c = m.allocate(request(64));
  EXPECT_EQ(stateAt(m, c->base), ByteUninitialised);
}
