// Virtual memory management through the public interface: addresses and memory apart, as growing allocators
// use them, and what the checks say about addresses that have no memory or no access.
#include "fixture.h"

#include <cstring>
#include <vector>

using namespace client;

namespace {

using MemoryHandle = unsigned long long;
constexpr size_t granule = 2 << 20;
constexpr int invalidDevice = 101, notSupported = 801;

struct Location {
  int type = 1, id = 0;
};
struct Properties {
  int type = 1, handleTypes = 0;
  Location location;
  void *security = nullptr;
  unsigned char compression = 0, rdma = 0;
  unsigned short usage = 0;
  unsigned char reserved[4] = {};
};
struct Access {
  Location location;
  int flags = 3;
};

class VirtualMemoryTest : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    function("increment"); // loads the module, whose variables take memory
    reinterpret_cast<void (*)()>(dlsym(cu.library, "vcudaResetFindings"))();
  }
  std::string findings() {
    auto get = reinterpret_cast<size_t (*)(char *, size_t)>(dlsym(cu.library, "vcudaFindings"));
    std::vector<char> text(get(nullptr, 0) + 1);
    get(text.data(), text.size());
    return text.data();
  }
  Address reserve(size_t bytes, Address wish = 0) {
    Address p = 0;
    EXPECT_EQ(call("cuMemAddressReserve", &p, bytes, size_t(0), wish, 0ull), 0);
    return p;
  }
  MemoryHandle create(size_t bytes) {
    MemoryHandle h = 0;
    Properties properties;
    EXPECT_EQ(call("cuMemCreate", &h, bytes, &properties, 0ull), 0);
    return h;
  }
  int map(Address p, size_t bytes, MemoryHandle h, size_t offset = 0) {
    return call("cuMemMap", p, bytes, offset, h, 0ull);
  }
  int unmap(Address p, size_t bytes) { return call("cuMemUnmap", p, bytes); }
  int release(MemoryHandle h) { return call("cuMemRelease", h); }
  int access(Address p, size_t bytes, int flags = 3) {
    Access list;
    list.flags = flags;
    return call("cuMemSetAccess", p, bytes, &list, size_t(1));
  }
  int freeAddresses(Address p, size_t bytes) { return call("cuMemAddressFree", p, bytes); }
  size_t freeBytes() {
    size_t free = 0, total = 0;
    EXPECT_EQ(cu.cuMemGetInfo(&free, &total), 0);
    return free;
  }
  /// A kernel that reads and writes one number; what the context says then.
  int touch(Address p) {
    EXPECT_EQ(launch(function("increment"), 1, 1, 0, nullptr, p), 0);
    return cu.cuCtxSynchronize();
  }
  /// Fills are asynchronous, and unmapping does not wait for them.
  void fill(Address p, unsigned value, size_t count) {
    EXPECT_EQ(cu.cuMemsetD32(p, value, count), 0);
    EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  }
  int read(Address p) {
    int value = -1;
    EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
    return value;
  }
};

} // namespace

TEST_F(VirtualMemoryTest, ASegmentGrowsHandleByHandle) {
  int supported = 0;
  EXPECT_EQ(cu.cuDeviceGetAttribute(&supported, 102, 0), 0);
  EXPECT_EQ(supported, 1);
  size_t before = freeBytes();
  Address p = reserve(16 * granule);
  EXPECT_EQ(p % granule, 0u);
  EXPECT_EQ(freeBytes(), before); // addresses cost nothing
  MemoryHandle handles[3];
  for (size_t i = 0; i < 3; ++i) {
    handles[i] = create(granule);
    EXPECT_EQ(map(p + i * granule, granule, handles[i]), 0);
  }
  EXPECT_EQ(access(p, 3 * granule), 0);
  EXPECT_EQ(freeBytes(), before - 3 * granule);
  // Copies and kernels go over the borders of handles.
  std::vector<int> numbers(3 * granule / 4, 7), back(numbers.size());
  EXPECT_EQ(cu.cuMemcpyHtoD(p, numbers.data(), 3 * granule), 0);
  EXPECT_EQ(launch(function("increment"), 1, 1024, 0, nullptr, p + granule - 512 * 4), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(back.data(), p, 3 * granule), 0);
  EXPECT_EQ(back[granule / 4 - 513], 7);
  EXPECT_EQ(back[granule / 4 - 512], 8);
  EXPECT_EQ(back[granule / 4 + 511], 8);
  EXPECT_EQ(back[granule / 4 + 512], 7);
  EXPECT_EQ(cu.cuMemcpyDtoH(back.data(), p + granule, 2 * granule + 1), invalidValue); // past the last handle
  EXPECT_EQ(cu.cuMemsetD32(p + 3 * granule - 4, 0, 2), invalidValue);
  // The middle goes and comes back as fresh memory.
  EXPECT_EQ(unmap(p + granule, granule), 0);
  EXPECT_EQ(release(handles[1]), 0);
  EXPECT_EQ(freeBytes(), before - 2 * granule);
  EXPECT_EQ(cu.cuMemcpyDtoH(back.data(), p, 2 * granule), invalidValue);
  handles[1] = create(granule);
  EXPECT_EQ(map(p + granule, granule, handles[1]), 0);
  EXPECT_EQ(access(p + granule, granule), 0);
  EXPECT_EQ(read(p + granule), 0);
  EXPECT_EQ(read(p), 7);
  EXPECT_EQ(unmap(p, 3 * granule), 0);
  for (MemoryHandle h : handles) EXPECT_EQ(release(h), 0);
  EXPECT_EQ(freeAddresses(p, 16 * granule), 0);
  EXPECT_EQ(freeBytes(), before);
  EXPECT_EQ(findings(), "[]");
}

TEST_F(VirtualMemoryTest, OneHandleAtTwoAddressesIsTheSameMemory) {
  for (size_t bytes : {granule, 48 * granule}) { // with states shared from the start, and later
    Address a = reserve(bytes), b = reserve(bytes);
    MemoryHandle h = create(bytes);
    EXPECT_EQ(map(a, bytes, h), 0);
    EXPECT_EQ(access(a, bytes), 0);
    fill(a, 5, 32);
    EXPECT_EQ(map(b, bytes, h), 0);
    EXPECT_EQ(access(b, bytes), 0);
    EXPECT_EQ(touch(b), 0);
    EXPECT_EQ(read(a), 6);
    EXPECT_EQ(findings(), "[]");
    // What was never written is unwritten at both.
    EXPECT_EQ(touch(b + 4096), 0);
    EXPECT_NE(findings().find("uninitialised-read"), std::string::npos);
    reinterpret_cast<void (*)()>(dlsym(cu.library, "vcudaResetFindings"))();
    EXPECT_EQ(touch(a + 4096), 0); // written through b
    EXPECT_EQ(findings(), "[]");
    // One loses its access, the other has it.
    EXPECT_EQ(access(a, bytes, 0), 0);
    EXPECT_EQ(touch(b), 0);
    EXPECT_EQ(read(b), 7);
    int value = 0;
    EXPECT_EQ(cu.cuMemcpyDtoH(&value, a, 4), invalidValue);
    EXPECT_EQ(unmap(b, bytes), 0);
    EXPECT_EQ(access(a, bytes), 0);
    EXPECT_EQ(touch(a), 0);
    EXPECT_EQ(read(a), 8);
    EXPECT_EQ(findings(), "[]");
    EXPECT_EQ(unmap(a, bytes), 0);
    EXPECT_EQ(release(h), 0);
    EXPECT_EQ(freeAddresses(a, bytes), 0);
    EXPECT_EQ(freeAddresses(b, bytes), 0);
  }
}

TEST_F(VirtualMemoryTest, MemoryKeepsItsBytesAndStatesWhileItHasNoAddress) {
  for (size_t bytes : {granule, 48 * granule}) {
    Address p = reserve(2 * bytes);
    MemoryHandle h = create(bytes);
    EXPECT_EQ(map(p, bytes, h), 0);
    EXPECT_EQ(access(p, bytes), 0);
    fill(p, 5, 1);
    EXPECT_EQ(unmap(p, bytes), 0);
    EXPECT_EQ(map(p + bytes, bytes, h), 0);
    EXPECT_EQ(access(p + bytes, bytes), 0);
    EXPECT_EQ(touch(p + bytes), 0);
    EXPECT_EQ(read(p + bytes), 6);
    EXPECT_EQ(findings(), "[]");
    EXPECT_EQ(touch(p + bytes + 4), 0);
    EXPECT_NE(findings().find("uninitialised-read"), std::string::npos);
    reinterpret_cast<void (*)()>(dlsym(cu.library, "vcudaResetFindings"))();
    EXPECT_EQ(unmap(p + bytes, bytes), 0);
    EXPECT_EQ(release(h), 0);
    EXPECT_EQ(freeAddresses(p, 2 * bytes), 0);
  }
}

TEST_F(VirtualMemoryTest, AnAddressWithoutMemoryIsAFinding) {
  Address p = reserve(granule);
  EXPECT_EQ(touch(p + 4096), illegalAddress);
  EXPECT_NE(findings().find("in a reserved range of 2097152 bytes"), std::string::npos) << findings();
  EXPECT_NE(findings().find("to whose offset 4096 nothing is mapped"), std::string::npos) << findings();
  EXPECT_EQ(freeAddresses(p, granule), 0);
}

TEST_F(VirtualMemoryTest, AMappingWithoutAccessIsAFinding) {
  Address p = reserve(granule);
  MemoryHandle h = create(granule);
  EXPECT_EQ(map(p, granule, h), 0);
  EXPECT_EQ(touch(p + 8), illegalAddress);
  EXPECT_NE(findings().find("in memory that is mapped without access"), std::string::npos) << findings();
  EXPECT_NE(findings().find("offset 8"), std::string::npos) << findings();
  EXPECT_EQ(unmap(p, granule), 0);
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(freeAddresses(p, granule), 0);
}

TEST_F(VirtualMemoryTest, AMappingThatEndedIsAFinding) {
  Address p = reserve(granule);
  MemoryHandle h = create(granule);
  EXPECT_EQ(map(p, granule, h), 0);
  EXPECT_EQ(access(p, granule), 0);
  fill(p, 1, 1);
  EXPECT_EQ(touch(p), 0);
  EXPECT_EQ(unmap(p, granule), 0);
  EXPECT_EQ(touch(p), illegalAddress);
  EXPECT_NE(findings().find("in memory that was unmapped"), std::string::npos) << findings();
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(freeAddresses(p, granule), 0);
}

TEST_F(VirtualMemoryTest, UnmappingDoesNotWaitForWork) {
#if defined(__SANITIZE_THREAD__) || (defined(__has_feature) && __has_feature(thread_sanitizer))
  GTEST_SKIP() << "the sanitizer takes the mmap that unmaps byte states under a kernel for a plain write";
#endif
  Address p = reserve(granule);
  MemoryHandle h = create(granule);
  EXPECT_EQ(map(p, granule, h), 0);
  EXPECT_EQ(access(p, granule), 0);
  fill(p, 0, 1);
  void *memory = nullptr;
  EXPECT_EQ(cu.cuMemHostAlloc(&memory, 4, 2), 0);
  auto *flag = static_cast<volatile int *>(memory);
  *flag = 0;
  Address flagAddress = reinterpret_cast<Address>(memory);
  EXPECT_EQ(launch(function("waitForFlag"), 1, 1, 0, nullptr, flagAddress, p), 0);
  EXPECT_EQ(unmap(p, granule), 0); // the kernel still waits, and then writes to what is gone
  *flag = 1;
  EXPECT_EQ(cu.cuCtxSynchronize(), illegalAddress);
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(freeAddresses(p, granule), 0);
}

TEST_F(VirtualMemoryTest, HandlesAreCounted) {
  size_t before = freeBytes();
  Address p = reserve(granule);
  MemoryHandle h = create(granule), again = 0;
  EXPECT_EQ(map(p, granule, h), 0);
  EXPECT_EQ(call("cuMemRetainAllocationHandle", &again, reinterpret_cast<void *>(p + 100)), 0);
  EXPECT_EQ(again, h);
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(release(h), invalidValue);
  EXPECT_EQ(map(p, granule, h), invalidValue);
  EXPECT_EQ(freeBytes(), before - granule); // the mapping keeps it
  EXPECT_EQ(access(p, granule), 0);
  fill(p, 3, 1);
  EXPECT_EQ(call("cuMemRetainAllocationHandle", &again, reinterpret_cast<void *>(p)), 0);
  EXPECT_EQ(again, h); // known by the same number again
  EXPECT_EQ(unmap(p, granule), 0);
  EXPECT_EQ(freeBytes(), before - granule);
  EXPECT_EQ(call("cuMemRetainAllocationHandle", &again, reinterpret_cast<void *>(p)), invalidValue);
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(freeBytes(), before);
  EXPECT_EQ(map(p, granule, h), invalidValue);
  EXPECT_EQ(freeAddresses(p, granule), 0);
}

TEST_F(VirtualMemoryTest, MappingsAreWholeAndInsideOfReservations) {
  Address p = reserve(4 * granule);
  MemoryHandle h = create(2 * granule), small = create(granule);
  EXPECT_EQ(map(p + 4096, granule, h), invalidValue);
  EXPECT_EQ(map(p, 4096, h), invalidValue);
  EXPECT_EQ(map(p, 0, h), invalidValue);
  EXPECT_EQ(map(p, granule, h, granule), invalidValue); // offsets are not served by the interface
  EXPECT_EQ(map(p, 3 * granule, h), invalidValue);
  EXPECT_EQ(map(p + 3 * granule, 2 * granule, h), invalidValue);
  EXPECT_EQ(map(alloc(2 * granule), granule, h), invalidValue);
  EXPECT_EQ(call("cuMemMap", p, granule, size_t(0), h, 1ull), invalidValue);
  EXPECT_EQ(map(p, 2 * granule, h), 0);
  EXPECT_EQ(map(p + granule, granule, small), invalidValue); // taken
  EXPECT_EQ(map(p + 2 * granule, granule, small), 0);
  EXPECT_EQ(unmap(p, granule), invalidValue); // a part
  EXPECT_EQ(unmap(p + granule, 2 * granule), invalidValue);
  EXPECT_EQ(unmap(p, 4 * granule), invalidValue); // with a hole
  EXPECT_EQ(access(p, granule), invalidValue);
  EXPECT_EQ(access(p, 4 * granule), invalidValue);
  EXPECT_EQ(access(p, 3 * granule), 0);
  EXPECT_EQ(cu.cuMemFree(p), invalidValue);
  EXPECT_EQ(cu.cuMemFreeAsync(p, nullptr), invalidValue);
  EXPECT_EQ(freeAddresses(p, 4 * granule), invalidValue); // in use
  EXPECT_EQ(unmap(p, 3 * granule), 0);
  EXPECT_EQ(freeAddresses(p, 2 * granule), invalidValue);
  EXPECT_EQ(freeAddresses(p + granule, granule), invalidValue);
  EXPECT_EQ(freeAddresses(p, 4 * granule), 0);
  EXPECT_EQ(freeAddresses(p, 4 * granule), invalidValue);
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(release(small), 0);
}

TEST_F(VirtualMemoryTest, PropertiesAreChecked) {
  Properties good, bad[6];
  size_t bytes = 0;
  for (int option : {0, 1}) {
    EXPECT_EQ(call("cuMemGetAllocationGranularity", &bytes, &good, option), 0);
    EXPECT_EQ(bytes, granule);
  }
  EXPECT_EQ(call("cuMemGetAllocationGranularity", &bytes, &good, 2), invalidValue);
  bad[0].type = 0;
  bad[1].type = 2; // managed
  bad[2].location = {2, 0};
  bad[3].location = {1, 99};
  bad[4].handleTypes = 8; // fabric
  bad[5].usage = 1;
  int expected[] = {invalidValue, notSupported, notSupported, invalidDevice, notSupported, notSupported};
  MemoryHandle h = 0;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(call("cuMemCreate", &h, granule, &bad[i], 0ull), expected[i]) << i;
    EXPECT_EQ(call("cuMemGetAllocationGranularity", &bytes, &bad[i], 0), expected[i]) << i;
  }
  EXPECT_EQ(call("cuMemCreate", &h, granule + 4096, &good, 0ull), invalidValue);
  EXPECT_EQ(call("cuMemCreate", &h, size_t(0), &good, 0ull), invalidValue);
  EXPECT_EQ(call("cuMemCreate", &h, granule, &good, 1ull), invalidValue);
  EXPECT_EQ(call("cuMemCreate", &h, size_t(1) << 40, &good, 0ull), outOfMemory);
  good.handleTypes = 1;
  good.compression = 1;
  ASSERT_EQ(call("cuMemCreate", &h, granule, &good, 0ull), 0);
  Properties got;
  EXPECT_EQ(call("cuMemGetAllocationPropertiesFromHandle", &got, h), 0);
  EXPECT_EQ(got.handleTypes, 1);
  EXPECT_EQ(got.compression, 0); // a wish that was not granted
  int file = -1;
  EXPECT_EQ(call("cuMemExportToShareableHandle", &file, h, 1, 0ull), notSupported);
  EXPECT_EQ(call("cuMemExportToShareableHandle", &file, h, 8, 0ull), invalidValue);
  EXPECT_EQ(release(h), 0);
  EXPECT_EQ(call("cuMemGetAllocationPropertiesFromHandle", &got, h), invalidValue);
}

TEST_F(VirtualMemoryTest, ReservationsAndAccessAreChecked) {
  Address p = 0;
  EXPECT_EQ(call("cuMemAddressReserve", &p, size_t(100), size_t(0), Address(0), 0ull), invalidValue);
  EXPECT_EQ(call("cuMemAddressReserve", &p, granule, size_t(3), Address(0), 0ull), invalidValue);
  EXPECT_EQ(call("cuMemAddressReserve", &p, granule, size_t(0), Address(0), 1ull), invalidValue);
  EXPECT_EQ(call("cuMemAddressReserve", &p, size_t(1) << 50, size_t(0), Address(0), 0ull), outOfMemory);
  EXPECT_EQ(call("cuMemAddressReserve", &p, granule, 64 * granule, Address(0), 0ull), 0);
  EXPECT_EQ(p % (64 * granule), 0u);
  Address next = reserve(granule, p + granule); // a wish that can be granted, and one that can't
  EXPECT_EQ(next, p + granule);
  Address other = reserve(granule, p);
  EXPECT_NE(other, p);
  MemoryHandle h = create(granule);
  EXPECT_EQ(map(p, granule, h), 0);
  EXPECT_EQ(access(p, granule, 2), invalidValue);
  EXPECT_EQ(access(p, granule, 1), notSupported); // read only
  Access list;
  list.location = {2, 0};
  EXPECT_EQ(call("cuMemSetAccess", p, granule, &list, size_t(1)), notSupported);
  list.location = {1, 7};
  EXPECT_EQ(call("cuMemSetAccess", p, granule, &list, size_t(1)), invalidDevice);
  EXPECT_EQ(call("cuMemSetAccess", p, granule, &list, size_t(0)), invalidValue);
  unsigned long long flags = 9;
  Location location;
  EXPECT_EQ(call("cuMemGetAccess", &flags, &location, p), 0);
  EXPECT_EQ(flags, 0u);
  EXPECT_EQ(access(p, granule), 0);
  EXPECT_EQ(call("cuMemGetAccess", &flags, &location, p + 5), 0);
  EXPECT_EQ(flags, 3u);
  EXPECT_EQ(call("cuMemGetAccess", &flags, &location, next), invalidValue);
  // What is known of the pointers.
  unsigned isMapped = 9;
  size_t bytes = 0;
  Address begin = 0;
  EXPECT_EQ(cu.cuPointerGetAttribute(&isMapped, 13, p), 0);
  EXPECT_EQ(isMapped, 1u);
  EXPECT_EQ(cu.cuPointerGetAttribute(&isMapped, 13, next + 100), 0);
  EXPECT_EQ(isMapped, 0u);
  EXPECT_EQ(cu.cuPointerGetAttribute(&begin, 11, next + 100), 0);
  EXPECT_EQ(begin, next);
  EXPECT_EQ(cu.cuPointerGetAttribute(&bytes, 12, next), 0);
  EXPECT_EQ(bytes, granule);
  EXPECT_EQ(unmap(p, granule), 0);
  EXPECT_EQ(release(h), 0);
  for (Address a : {p, next, other}) EXPECT_EQ(freeAddresses(a, granule), 0);
}

TEST_F(VirtualMemoryTest, AddressesOfAWholeDeviceCanBeReservedSeveralTimes) {
  size_t total = 0;
  EXPECT_EQ(cu.cuDeviceTotalMem(&total, 0), 0);
  size_t wanted = total + total / 8;
#if defined(__SANITIZE_THREAD__) || (defined(__has_feature) && __has_feature(thread_sanitizer))
  wanted /= 40; // the address space is small there
#endif
  wanted = wanted / granule * granule;
  std::vector<Address> all;
  for (int i = 0; i < 8; ++i) all.push_back(reserve(wanted));
  for (Address p : all) EXPECT_EQ(freeAddresses(p, wanted), 0);
}
