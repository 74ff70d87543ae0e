// Each check finds the bug that was planted for it, at the right line, and says nothing about the rest of the
// kernel.
#include "test/runtime/vcuda/device.h"

#include <sstream>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

/// The line of bugs.cu that is marked for this kernel.
uint32_t markedLine(const std::string &kernel) {
  std::istringstream text(readProgram("bugs.cu"));
  std::string line;
  for (uint32_t n = 1; std::getline(text, line); ++n) {
    if (line.ends_with("bug: " + kernel)) return n;
  }
  return 0;
}

class PlantedBugs : public testing::TestWithParam<Schedule::Kind> {
protected:
  void SetUp() override {
    device.options.schedule = {GetParam(), 5};
    module = device.load(readProgram("bugs.o3.ptx"));
  }
  /// The one finding that the kernel must lead to.
  Finding expectFinding(const LaunchResult &result, const std::string &check, const std::string &kernel) {
    EXPECT_EQ(result.status, LaunchResult::Ok) << result.message;
    const Finding *f = findingOf(result, check);
    if (!f) {
      ADD_FAILURE() << "no finding of " << check;
      expectClean(result);
      return {};
    }
    EXPECT_EQ(result.findings.size(), 1u);
    if (result.findings.size() != 1) expectClean(result);
    EXPECT_EQ(f->kernel, kernel);
    EXPECT_EQ(f->sourceFile, "bugs.cu");
    EXPECT_EQ(f->sourceLine, markedLine(kernel));
    EXPECT_NE(f->ptxLine, 0u);
    return *f;
  }
  uint64_t ints(size_t n) {
    std::vector<int> v(n);
    for (size_t i = 0; i < n; ++i) v[i] = int(i);
    return device.upload(v);
  }
  Device device;
  ModuleInstance module;
};

/// A race has two parties: which of them is the finding's own line depends on the order of the warps.
TEST_P(PlantedBugs, MissingBarrier) {
  LaunchResult r = device.run(module, "missingBarrier", {1}, {64}, Arguments().add(device.empty<int>(64)));
  const Finding *f = findingOf(r, "shared-race");
  ASSERT_NE(f, nullptr);
  uint32_t read = markedLine("missingBarrier");
  EXPECT_EQ(f->sourceLine + f->otherSourceLine, read + read - 1);
  EXPECT_EQ(f->otherSourceFile, "bugs.cu");
  EXPECT_NE(f->other.find("warp"), std::string::npos);
  for (const Finding &any : r.findings) EXPECT_TRUE(any.sourceLine == read || any.sourceLine == read - 1);
}

TEST_P(PlantedBugs, MissingSecondBarrier) {
  LaunchResult r =
      device.run(module, "missingSecondBarrier", {1}, {64}, Arguments().add(device.empty<int>(64)));
  const Finding *f = findingOf(r, "shared-race");
  ASSERT_NE(f, nullptr);
  uint32_t write = markedLine("missingSecondBarrier");
  EXPECT_TRUE(f->sourceLine == write || f->otherSourceLine == write);
}

TEST_P(PlantedBugs, MissingWaitForCopies) {
  expectFinding(
      device.run(module, "missingWait", {1}, {32}, Arguments().add(ints(128)).add(device.empty<int>(128))),
      "async-pending", "missingWait");
}

TEST_P(PlantedBugs, CopyWithoutBarrier) {
  LaunchResult r = device.run(module, "waitWithoutBarrier", {1}, {64},
                              Arguments().add(ints(256)).add(device.empty<int>(256)));
  const Finding *f = findingOf(r, "shared-race");
  ASSERT_NE(f, nullptr);
}

TEST_P(PlantedBugs, OutOfBoundsWrite) {
  Finding f = expectFinding(device.run(module, "outOfBounds", {4}, {32},
                                       Arguments().add(ints(100)).add(device.empty<float>(100)).add(100)),
                            "out-of-bounds", "outOfBounds");
  EXPECT_EQ(f.cta.x, 3u);
  EXPECT_EQ(f.thread.x, 4u);
  EXPECT_EQ(f.count, 1u);
  EXPECT_NE(f.message.find("400 bytes"), std::string::npos) << f.message;
}

TEST_P(PlantedBugs, OutOfBoundsRead) {
  expectFinding(device.run(module, "outOfBoundsRead", {1}, {32},
                           Arguments().add(ints(31)).add(device.empty<float>(32))),
                "out-of-bounds", "outOfBoundsRead");
}

TEST_P(PlantedBugs, UseAfterFree) {
  uint64_t in = ints(31);
  device.memory.release(in);
  Finding f = expectFinding(
      device.run(module, "outOfBoundsRead", {1}, {32}, Arguments().add(in + 4).add(device.empty<float>(32))),
      "out-of-bounds", "outOfBoundsRead");
  EXPECT_NE(f.message.find("freed"), std::string::npos) << f.message;
  EXPECT_EQ(f.count, 32u);
}

TEST_P(PlantedBugs, SharedOutOfBounds) {
  expectFinding(
      device.run(module, "sharedOutOfBounds", {1}, {32}, Arguments().add(device.empty<int>(32)).add(2), 128),
      "out-of-bounds", "sharedOutOfBounds");
}

TEST_P(PlantedBugs, UninitialisedShared) {
  Finding f = expectFinding(
      device.run(module, "uninitialisedShared", {1}, {64}, Arguments().add(device.empty<int>(64))),
      "uninitialised-read", "uninitialisedShared");
  EXPECT_EQ(f.thread.x, 32u);
}

TEST_P(PlantedBugs, UninitialisedGlobal) {
  expectFinding(device.run(module, "uninitialisedGlobal", {1}, {32},
                           Arguments().add(device.empty<int>(32)).add(device.empty<int>(32))),
                "uninitialised-read", "uninitialisedGlobal");
}

TEST_P(PlantedBugs, UninitialisedLocal) {
  Finding f = expectFinding(
      device.run(module, "uninitialisedLocal", {1}, {8}, Arguments().add(ints(8)).add(device.empty<int>(8))),
      "uninitialised-read", "uninitialisedLocal");
  EXPECT_EQ(f.thread.x, 7u);
}

TEST_P(PlantedBugs, MisalignedVector) {
  expectFinding(
      device.run(module, "misaligned", {1}, {8}, Arguments().add(ints(64)).add(device.empty<float>(32))),
      "misaligned", "misaligned");
}

TEST_P(PlantedBugs, DivergentBarrier) {
  LaunchResult r = device.run(module, "divergentBarrier", {1}, {64}, Arguments().add(device.empty<int>(64)));
  const Finding *f = findingOf(r, "divergent-barrier");
  ASSERT_NE(f, nullptr) << r.message;
}

TEST_P(PlantedBugs, ConflictAcrossCtas) {
  device.options.threads = 1; // at the same moment on two host threads neither write would see the other
  Finding f = expectFinding(device.run(module, "conflict", {2}, {32}, Arguments().add(device.empty<int>(32))),
                            "global-conflict", "conflict");
  EXPECT_NE(f.other.find("CTA"), std::string::npos);
}

TEST_P(PlantedBugs, ReadOfAnotherCtasBytes) {
  device.options.threads = 1;
  uint64_t data = device.upload(std::vector<int>(64)), out = device.empty<int>(64);
  expectFinding(device.run(module, "readOther", {2}, {32}, Arguments().add(data).add(out)), "global-race",
                "readOther");
}

TEST_P(PlantedBugs, ShuffleFromInactiveLane) {
  expectFinding(
      device.run(module, "inactiveLane", {1}, {32}, Arguments().add(ints(32)).add(device.empty<int>(32))),
      "inactive-lane", "inactiveLane");
}

TEST_P(PlantedBugs, AtomicAgainstPlainWrite) {
  LaunchResult r = device.run(module, "atomicRace", {1}, {64}, Arguments().add(device.empty<int>(64)));
  EXPECT_NE(findingOf(r, "shared-race"), nullptr);
}

TEST_P(PlantedBugs, DeadlockNamesTheWaiting) {
  LaunchResult r =
      device.run(module, "barrierNobodyJoins", {1}, {64}, Arguments().add(device.empty<int>(64)));
  EXPECT_EQ(r.status, LaunchResult::Deadlock);
  EXPECT_NE(r.message.find("barrier 1 (32 of 64 threads are there)"), std::string::npos) << r.message;
}

TEST_P(PlantedBugs, TrapStopsTheLaunch) {
  EXPECT_EQ(device.run(module, "trapped", {1}, {32}, Arguments().add(ints(32))).status, LaunchResult::Trap);
  EXPECT_EQ(device.run(module, "trapped", {1}, {4}, Arguments().add(ints(32))).status, LaunchResult::Ok);
}

TEST_P(PlantedBugs, OffMeansAnErrorForWildAddressesOnly) {
  device.options.checks = Checks::Off;
  LaunchResult fine = device.run(module, "conflict", {2}, {32}, Arguments().add(device.empty<int>(32)));
  EXPECT_EQ(fine.status, LaunchResult::Ok);
  EXPECT_TRUE(fine.findings.empty());
  LaunchResult wild = device.run(module, "conflict", {1}, {32}, Arguments().add(uint64_t(64)));
  EXPECT_EQ(wild.status, LaunchResult::IllegalAddress);
}

std::string scheduleName(const testing::TestParamInfo<Schedule::Kind> &info) {
  static const char *const names[] = {"Forward", "Reverse", "Random", "Ahead"};
  return names[info.param];
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugs,
                         testing::Values(Schedule::Forward, Schedule::Reverse, Schedule::Random,
                                         Schedule::Ahead),
                         scheduleName);

} // namespace
