// Each check finds the bug that was planted for it, at the right line, and says nothing about the rest of the
// kernel: with fast and with full checks, under every schedule. Where a bug has two parties both are named.
#include "test/runtime/vcuda/device.h"

#include <algorithm>
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

class PlantedBugs : public testing::TestWithParam<std::tuple<Schedule::Kind, Checks>> {
protected:
  void SetUp() override {
    device.options.schedule = {std::get<0>(GetParam()), 5};
    device.options.checks = std::get<1>(GetParam());
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
  /// A finding of one of two accesses that nothing orders; the lines of both, in either order: which of them
  /// is the finding's own depends on the order of the warps. Full checks know the threads, too.
  void expectParties(const LaunchResult &result, const std::string &check, uint32_t one, uint32_t two) {
    EXPECT_EQ(result.status, LaunchResult::Ok) << result.message;
    const Finding *f = findingOf(result, check);
    if (!f) {
      ADD_FAILURE() << "no finding of " << check;
      expectClean(result);
      return;
    }
    EXPECT_NE(f->other, "");
    if (f->otherPtxLine) {
      EXPECT_EQ(std::minmax(f->sourceLine, f->otherSourceLine), std::minmax(one, two));
      EXPECT_EQ(f->otherSourceFile, "bugs.cu");
    } else { // between CTAs fast checks know the other CTA only
      EXPECT_FALSE(isFull());
      EXPECT_TRUE(check.starts_with("global")) << check;
      EXPECT_NE(f->other.find("CTA " + std::to_string(1 - f->cta.x)), std::string::npos) << f->other;
    }
    EXPECT_EQ(f->otherIsThread, isFull());
    if (isFull()) { EXPECT_NE(std::pair(f->cta.x, f->thread.x), std::pair(f->otherCta.x, f->otherThread.x)); }
    for (const Finding &any : result.findings)
      EXPECT_TRUE(any.sourceLine == one || any.sourceLine == two) << any.check << " " << any.sourceLine;
  }
  /// Where kernels leave the addresses of their blocks.
  uint64_t blocks(size_t n) { return device.empty<uint64_t>(n); }
  bool isFull() const { return device.options.checks == Checks::Full; }
  uint64_t ints(size_t n) {
    std::vector<int> v(n);
    for (size_t i = 0; i < n; ++i) v[i] = int(i);
    return device.upload(v);
  }
  Device device;
  ModuleInstance module;
};

TEST_P(PlantedBugs, MissingBarrier) {
  uint32_t read = markedLine("missingBarrier");
  expectParties(device.run(module, "missingBarrier", {1}, {64}, Arguments().add(device.empty<int>(64))),
                "shared-race", read - 1, read);
}

TEST_P(PlantedBugs, MissingSecondBarrier) {
  uint32_t write = markedLine("missingSecondBarrier");
  expectParties(device.run(module, "missingSecondBarrier", {1}, {64}, Arguments().add(device.empty<int>(64))),
                "shared-race", write, write + 2);
}

TEST_P(PlantedBugs, MissingWaitForCopies) {
  expectFinding(
      device.run(module, "missingWait", {1}, {32}, Arguments().add(ints(128)).add(device.empty<int>(128))),
      "async-pending", "missingWait");
}

TEST_P(PlantedBugs, MissingCommit) {
  expectFinding(
      device.run(module, "missingCommit", {1}, {32}, Arguments().add(ints(128)).add(device.empty<int>(128))),
      "async-pending", "missingCommit");
}

TEST_P(PlantedBugs, StageOfACopyUnderWay) {
  expectFinding(device.run(module, "wrongStage", {1}, {32},
                           Arguments().add(ints(512)).add(device.upload(std::vector<int>(512)))),
                "async-pending", "wrongStage");
}

TEST_P(PlantedBugs, CopyWithoutBarrier) {
  uint32_t read = markedLine("waitWithoutBarrier");
  expectParties(device.run(module, "waitWithoutBarrier", {1}, {64},
                           Arguments().add(ints(256)).add(device.empty<int>(256))),
                "shared-race", read - 2, read);
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

/// The use of undefined bits of local memory is what is found; the load, some lines above, is the other
/// party.
TEST_P(PlantedBugs, UninitialisedLocal) {
  for (const char *kernel :
       {"uninitialisedLocal", "uninitialisedBranch", "uninitialisedAddress", "uninitialisedAtomic",
        "uninitialisedInShared", "uninitialisedPrint", "heapUndefinedSize"}) {
    Arguments arguments = Arguments().add(ints(8));
    if (kernel != std::string("uninitialisedPrint")) arguments.add(device.upload(std::vector<int>(16)));
    Finding f = expectFinding(device.run(module, kernel, {1}, {8}, arguments), "uninitialised-read", kernel);
    EXPECT_EQ(f.thread.x, 7u) << kernel;
    EXPECT_EQ(f.count, 1u) << kernel;
    EXPECT_EQ(f.otherSourceLine, markedLine(kernel) - 1) << kernel;
    EXPECT_NE(f.otherPtxLine, 0u) << kernel;
    EXPECT_LT(f.otherPtxLine, f.ptxLine) << kernel;
    EXPECT_NE(f.other, "") << kernel;
  }
}

/// Of a word that is partly written the other part. nvcc writes all of the first one.
TEST_P(PlantedBugs, UninitialisedField) {
  Finding f = expectFinding(device.run(module, "uninitialisedField", {1}, {8},
                                       Arguments().add(ints(8)).add(device.upload(std::vector<int>(8)))),
                            "uninitialised-read", "uninitialisedField");
  EXPECT_EQ(f.count, 7u);
  EXPECT_EQ(f.thread.x, 1u);
  EXPECT_NE(f.otherPtxLine, 0u);
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
  uint32_t line = markedLine("conflict");
  LaunchResult r = device.run(module, "conflict", {2}, {32}, Arguments().add(device.empty<int>(32)));
  expectParties(r, "global-conflict", line, line);
  EXPECT_EQ(r.findings.size(), 1u);
}

TEST_P(PlantedBugs, ReadOfAnotherCtasBytes) {
  device.options.threads = 1;
  uint64_t data = device.upload(std::vector<int>(64)), out = device.empty<int>(64);
  uint32_t read = markedLine("readOther");
  expectParties(device.run(module, "readOther", {2}, {32}, Arguments().add(data).add(out)), "global-race",
                read - 2, read);
}

TEST_P(PlantedBugs, ShuffleFromInactiveLane) {
  expectFinding(
      device.run(module, "inactiveLane", {1}, {32}, Arguments().add(ints(32)).add(device.empty<int>(32))),
      "inactive-lane", "inactiveLane");
}

TEST_P(PlantedBugs, AtomicAgainstPlainWrite) {
  uint32_t atomic = markedLine("atomicRace");
  expectParties(device.run(module, "atomicRace", {1}, {64}, Arguments().add(device.empty<int>(64))),
                "shared-race", atomic - 1, atomic);
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

TEST_P(PlantedBugs, BarrierInMemoryThatIsNone) {
  uint64_t out = device.empty<int>(64);
  expectFinding(device.run(module, "mbarrierNotInitialised", {1}, {64}, Arguments().add(out)),
                "mbarrier-init", "mbarrierNotInitialised");
  expectFinding(device.run(module, "mbarrierTwice", {1}, {64}, Arguments().add(out)), "mbarrier-init",
                "mbarrierTwice");
}

TEST_P(PlantedBugs, CountsOfABarrierInMemory) {
  uint64_t out = device.empty<int>(64);
  for (unsigned count : {0u, 1u << 20})
    expectFinding(device.run(module, "mbarrierNoCount", {1}, {64}, Arguments().add(out).add(count)),
                  "mbarrier-count", "mbarrierNoCount");
  expectClean(device.run(module, "mbarrierNoCount", {1}, {64}, Arguments().add(out).add((1u << 20) - 1)));
  expectFinding(device.run(module, "mbarrierTooMany", {1}, {64}, Arguments().add(out)), "mbarrier-count",
                "mbarrierTooMany");
  expectFinding(device.run(module, "mbarrierLeave", {1}, {64}, Arguments().add(out)), "mbarrier-count",
                "mbarrierLeave");
}

TEST_P(PlantedBugs, BarrierInMemoryUsedBeforeOthersKnowIt) {
  LaunchResult r = device.run(module, "mbarrierUnseen", {1}, {64}, Arguments().add(device.empty<int>(64)));
  uint32_t arrival = markedLine("mbarrierUnseen");
  ASSERT_FALSE(r.findings.empty());
  for (const Finding &f : r.findings) {
    EXPECT_TRUE(f.check == "shared-race" || f.check == "mbarrier-init") << f.check;
    EXPECT_TRUE(f.sourceLine == arrival || f.otherSourceLine == arrival);
  }
  if (isFull() || findingOf(r, "shared-race")) expectParties(r, "shared-race", arrival - 1, arrival);
}

TEST_P(PlantedBugs, CopiesThatABarrierDoesNotKnow) {
  expectFinding(device.run(module, "mbarrierWithoutCopies", {1}, {32},
                           Arguments().add(ints(128)).add(device.empty<int>(128))),
                "async-pending", "mbarrierWithoutCopies");
}

TEST_P(PlantedBugs, CountsOfANamedBarrier) {
  LaunchResult r = device.run(module, "barrierCounts", {1}, {96}, Arguments().add(device.empty<int>(96)));
  const Finding *f = findingOf(r, "barrier-count");
  ASSERT_NE(f, nullptr) << r.message;
  EXPECT_NEAR(f->sourceLine, markedLine("barrierCounts"), 1);
}

TEST_P(PlantedBugs, HalfAWarpLoadsAMatrix) {
  expectFinding(
      device.run(module, "halfMatrix", {1}, {32}, Arguments().add(device.upload(std::vector<int>(32)))),
      "divergent-aligned", "halfMatrix");
}

TEST_P(PlantedBugs, LanesThatNeverCome) {
  expectFinding(device.run(module, "loneSync", {1}, {32}, Arguments().add(device.empty<int>(32))),
                "divergent-sync", "loneSync");
}

TEST_P(PlantedBugs, MaskWithoutTheLane) {
  Finding f =
      expectFinding(device.run(module, "wrongMask", {1}, {32}, Arguments().add(device.empty<int>(32))),
                    "bad-membermask", "wrongMask");
  EXPECT_EQ(f.thread.x, 16u);
}

TEST_P(PlantedBugs, StringsThatAreNowhere) {
  uint64_t format = device.upload(std::vector<char>{'<', '%', 's', '>', 0});
  LaunchResult fine = device.run(module, "wildPrintf", {1}, {1}, Arguments().add(format).add(format));
  expectClean(fine);
  EXPECT_EQ(fine.printed, "<<%s>>");
  expectFinding(device.run(module, "wildPrintf", {1}, {1}, Arguments().add(uint64_t(8)).add(format)),
                "bad-printf", "wildPrintf");
  expectFinding(device.run(module, "wildPrintf", {1}, {1}, Arguments().add(format).add(uint64_t(8))),
                "bad-printf", "wildPrintf");
}

//===----------------------------------------------------------------------===//
// The heap of kernels
//===----------------------------------------------------------------------===//

TEST_P(PlantedBugs, PastTheEndOfABlock) {
  Finding f =
      expectFinding(device.run(module, "heapOverflow", {1}, {32}, Arguments().add(blocks(32)).add(10)),
                    "out-of-bounds", "heapOverflow");
  EXPECT_EQ(f.thread.x, 5u);
  EXPECT_EQ(f.count, 1u);
  EXPECT_NE(f.message.find("'heap block' of 40 bytes"), std::string::npos) << f.message;
  EXPECT_NE(f.message.find("offset 40"), std::string::npos) << f.message;
}

TEST_P(PlantedBugs, BlockThatNobodyWrote) {
  // The second time blocks lie where others were, which were written.
  for (int k = 0; k < 2; ++k) {
    Finding f = expectFinding(device.run(module, "heapUninitialised", {1}, {32},
                                         Arguments().add(blocks(32)).add(device.empty<int>(32))),
                              "uninitialised-read", "heapUninitialised");
    EXPECT_EQ(f.thread.x, 7u);
    EXPECT_EQ(f.count, 1u);
  }
}

TEST_P(PlantedBugs, BlockThatWasFreed) {
  Finding f = expectFinding(device.run(module, "heapUseAfterFree", {1}, {32},
                                       Arguments().add(blocks(32)).add(device.empty<int>(32))),
                            "out-of-bounds", "heapUseAfterFree");
  EXPECT_EQ(f.thread.x, 3u);
  EXPECT_NE(f.message.find("in freed memory"), std::string::npos) << f.message;
}

TEST_P(PlantedBugs, BlockThatIsFreedTwice) {
  Finding f = expectFinding(device.run(module, "heapDoubleFree", {1}, {32}, Arguments().add(blocks(32))),
                            "bad-free", "heapDoubleFree");
  EXPECT_EQ(f.thread.x, 9u);
  EXPECT_NE(f.message.find("memory that was freed before"), std::string::npos) << f.message;
  EXPECT_EQ(device.heap.used(), 0u);
}

TEST_P(PlantedBugs, WhatCannotBeFreed) {
  uint64_t kept = blocks(1), other = device.empty<int>(16);
  expectClean(device.run(module, "heapKeep", {1}, {1}, Arguments().add(kept).add(8)));
  uint64_t block = device.download<uint64_t>(kept, 1)[0];
  auto expectBad = [&](uint64_t address, const char *why) {
    Finding f = expectFinding(device.run(module, "heapBadFree", {1}, {1}, Arguments().add(address)),
                              "bad-free", "heapBadFree");
    EXPECT_NE(f.message.find(why), std::string::npos) << f.message;
  };
  expectBad(block + 4, "which is offset 4 of allocation");
  expectBad(other, "which malloc did not give");
  expectBad(uint64_t(64), "no address of global memory");
  expectBad(SharedWindow + 16, "no address of global memory");
  EXPECT_EQ(device.heap.used(), 32u);
  // Nothing, and the block itself.
  expectClean(device.run(module, "heapBadFree", {1}, {1}, Arguments().add(uint64_t(0))));
  expectClean(device.run(module, "heapBadFree", {1}, {1}, Arguments().add(block)));
  expectBad(block, "memory that was freed before");
  expectBad(block + 8, "which is offset 8 of memory that was freed before");
  EXPECT_EQ(device.heap.used(), 0u);
  // Without checks such a launch fails.
  device.options.checks = Checks::Off;
  LaunchResult r = device.run(module, "heapBadFree", {1}, {1}, Arguments().add(block));
  EXPECT_EQ(r.status, LaunchResult::Trap);
  EXPECT_NE(r.message.find("freed before"), std::string::npos) << r.message;
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

std::string bugName(const testing::TestParamInfo<std::tuple<Schedule::Kind, Checks>> &info) {
  static const char *const names[] = {"Forward", "Reverse", "Random", "Ahead"};
  return std::string(names[std::get<0>(info.param)]) +
         (std::get<1>(info.param) == Checks::Full ? "Full" : "Fast");
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugs,
                         testing::Combine(testing::Values(Schedule::Forward, Schedule::Reverse,
                                                          Schedule::Random, Schedule::Ahead),
                                          testing::Values(Checks::Fast, Checks::Full)),
                         bugName);

} // namespace
