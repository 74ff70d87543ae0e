// heap.cu. The heap of the test device gives freed blocks to the next kernel or thread at once.
#include "test/runtime/vcuda/programs.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using HeapPrograms = test::Program;

TEST_P(HeapPrograms, ListsOutliveTheirKernel) {
  auto m = load("heap");
  const int n = 70;
  auto lengths = numbers<int>(n, 0, 12);
  uint64_t heads = device.empty<uint64_t>(n), sums = device.empty<int64_t>(n);
  for (int round = 0; round < 2; ++round) {
    uint64_t all = uint64_t(std::accumulate(lengths.begin(), lengths.end(), 0)) * 16;
    expectClean(device.run(m, "buildLists", {3}, {32}, Arguments().add(heads).add(upload(lengths)).add(n)));
    EXPECT_EQ(device.heap.used(), all);
    expectClean(device.run(m, "sumLists", {3}, {32}, Arguments().add(heads).add(sums).add(n)));
    auto c = device.download<int64_t>(sums, n);
    for (int t = 0; t < n; ++t) {
      int64_t want = 0;
      for (int k = 0; k < lengths[size_t(t)]; ++k) want += (t * 100 + k) * (lengths[size_t(t)] - k);
      ASSERT_EQ(c[size_t(t)], want) << t;
    }
    expectClean(device.run(m, "freeLists", {3}, {32}, Arguments().add(heads).add(n)));
    EXPECT_EQ(device.heap.used(), 0u);
  }
}

TEST_P(HeapPrograms, ScratchOfThreads) {
  auto m = load("heap");
  const int n = 64, most = 13;
  auto in = numbers<int>(n * most, -50, 50);
  uint64_t out = device.empty<int>(n);
  expectClean(device.run(m, "threadScratch", {1}, {n}, Arguments().add(upload(in)).add(out).add(most)));
  auto c = device.download<int>(out, n);
  for (int t = 0; t < n; ++t) {
    std::vector<int> mine(in.begin() + t * most, in.begin() + t * most + 1 + t % most), sorted = mine;
    std::sort(sorted.begin(), sorted.end());
    unsigned want = 0;
    for (size_t k = 0; k < mine.size(); ++k) {
      auto rank = std::lower_bound(sorted.begin(), sorted.end(), mine[k]) - sorted.begin();
      want = want * 3 + unsigned(rank) + unsigned(sorted[k]);
    }
    ASSERT_EQ(unsigned(c[size_t(t)]), want) << t;
  }
  EXPECT_EQ(device.heap.used(), 0u);
}

TEST_P(HeapPrograms, ScratchOfCtas) {
  auto m = load("heap");
  const size_t ctas = 9, threads = 96;
  auto values = numbers<int>(ctas * threads, -50, 50);
  uint64_t out = device.empty<int>(ctas * threads);
  expectClean(device.run(m, "ctaScratch", {ctas}, {threads}, Arguments().add(upload(values)).add(out)));
  for (int round = 0; round < 3; ++round) {
    auto before = values;
    for (size_t i = 0; i < values.size(); ++i) {
      size_t cta = i / threads * threads, t = i % threads;
      values[i] = before[cta + (t + 1) % threads] * 2 + before[cta + threads - 1 - t];
    }
  }
  EXPECT_EQ(device.download<int>(out, ctas * threads), values);
  EXPECT_EQ(device.heap.used(), 0u);
}

TEST_P(HeapPrograms, VectorThatGrows) {
  auto m = load("heap");
  uint64_t out = device.empty<int64_t>(64);
  expectClean(device.run(m, "growVector", {2}, {32}, Arguments().add(out)));
  auto c = device.download<int64_t>(out, 64);
  for (int64_t t = 0; t < 64; ++t) {
    std::vector<int64_t> steps;
    for (int64_t v = t + 1; v != 1; v = v % 2 ? 3 * v + 1 : v / 2) steps.push_back(v);
    uint64_t sum = 0;
    for (size_t k = steps.size(); k-- > 0;)
      sum = sum * 3 + uint64_t(steps[k]) + uint64_t(steps[steps.size() - 1 - k] % 2);
    ASSERT_EQ(uint64_t(c[size_t(t)]), sum) << t;
  }
  EXPECT_EQ(device.heap.used(), 0u);
}

TEST_P(HeapPrograms, HeapIsUsedUp) {
  auto m = load("heap");
  device.heap.limit = 100 * 1000 + 1;
  for (uint64_t bytes : {1000, 4096, 100001, 100002}) {
    uint64_t count = device.empty<int>(32), total = zeros<int>(1);
    expectClean(device.run(m, "exhaust", {1}, {32}, Arguments().add(bytes).add(count).add(total)));
    EXPECT_EQ(device.download<int>(total, 1)[0], int(device.heap.limit / bytes)) << bytes;
    EXPECT_EQ(device.heap.used(), 0u);
  }
  // There is no room at all.
  device.heap.limit = 0;
  uint64_t count = device.empty<int>(32), total = zeros<int>(1);
  expectClean(device.run(m, "exhaust", {1}, {32}, Arguments().add(uint64_t(1)).add(count).add(total)));
  EXPECT_EQ(device.download<int>(total, 1)[0], 0);
}

TEST_P(HeapPrograms, SizesAndAlignment) {
  auto m = load("heap");
  uint64_t out = zeros<int>(64);
  expectClean(device.run(m, "sizes", {1}, {64}, Arguments().add(out)));
  for (int wrong : device.download<int>(out, 64)) EXPECT_EQ(wrong, 0);
  EXPECT_EQ(device.heap.used(), 0u);
}

TEST_P(HeapPrograms, BlocksGoFromCtaToCta) {
  auto m = load("heap");
  const int slots = 21;
  uint64_t ring = zeros<uint64_t>(slots), sum = zeros<uint64_t>(1), wrong = zeros<int>(1);
  expectClean(device.run(m, "passOn", {6}, {64}, Arguments().add(ring).add(slots).add(sum).add(wrong)));
  EXPECT_EQ(device.heap.used(), slots * 8u);
  expectClean(device.run(m, "drain", {1}, {slots}, Arguments().add(ring).add(sum)));
  EXPECT_EQ(device.heap.used(), 0u);
  EXPECT_EQ(device.download<int>(wrong, 1)[0], 0);
  uint64_t n = 6 * 64 * 4;
  EXPECT_EQ(device.download<uint64_t>(sum, 1)[0], n * (n - 1) / 2);
}

TEST_P(HeapPrograms, TheLastOwnerFrees) {
  auto m = load("heap");
  const int ctas = 7;
  uint64_t objects = device.empty<uint64_t>(32), out = device.empty<int>(32 * ctas), freed = zeros<int>(1);
  expectClean(device.run(m, "makeCounted", {1}, {32}, Arguments().add(objects).add(ctas)));
  auto addresses = device.download<uint64_t>(objects, 32);
  EXPECT_EQ(std::set<uint64_t>(addresses.begin(), addresses.end()).size(), 32u);
  EXPECT_EQ(device.heap.used(), 32 * 128u);
  expectClean(device.run(m, "dropCounted", {ctas}, {32}, Arguments().add(objects).add(out).add(freed)));
  EXPECT_EQ(device.download<int>(freed, 1)[0], 32);
  EXPECT_EQ(device.heap.used(), 0u);
  auto c = device.download<int>(out, 32 * ctas);
  for (int b = 0; b < ctas; ++b)
    for (int t = 0; t < 32; ++t) {
      int want = 0;
      for (int k = 0; k < 31; ++k) want += (t * 31 + k) * (k + b);
      ASSERT_EQ(c[size_t(b * 32 + t)], want) << b << " " << t;
    }
}

DLC_PROGRAM_VARIANTS(HeapPrograms);

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

std::string errorOf(const std::string &declaration, const std::string &call) {
  ParseResult parsed =
      parseModule(".version 7.8\n.target sm_80\n.address_size 64\n" + declaration +
                      "\n.visible .entry k()\n{\n.param .b64 a;\n.param .b64 r;\n" + call + "\nret;\n}\n",
                  "test");
  if (parsed.errors.empty()) return {};
  EXPECT_EQ(parsed.errors[0].line, 9u);
  return parsed.errors[0].message;
}

TEST(SystemFunctions, AreDeclaredAsTheSystemHasThem) {
  EXPECT_EQ(errorOf(".extern .func (.param .b64 r) malloc (.param .b64 n);", "call (r), malloc, (a);"), "");
  EXPECT_EQ(errorOf(".extern .func free (.param .b64 p);", "call free, (a);"), "");
  EXPECT_EQ(errorOf(".extern .func (.param .b64 r) free (.param .b64 p);", "call (r), free, (a);"),
            "'free' is not declared as the system has it");
  EXPECT_EQ(errorOf(".extern .func malloc (.param .b64 n);", "call malloc, (a);"),
            "'malloc' is not declared as the system has it");
  EXPECT_EQ(errorOf(".extern .func nobody (.param .b64 n);", "call nobody, (a);"),
            "function 'nobody' has no body (there is no linker)");
  EXPECT_EQ(
      errorOf(".extern .func (.param .b64 r) __cudaCDP2LaunchDeviceV2 (.param .b64 n);",
              "call (r), __cudaCDP2LaunchDeviceV2, (a);"),
      "'__cudaCDP2LaunchDeviceV2' is of dynamic parallelism, which is not supported: kernels cannot launch "
      "kernels");
}

TEST(SystemFunctions, KernelsThatReachThemAreKnown) {
  Device device;
  ModuleInstance heap = device.load(readProgram("heap.o0.ptx"));
  std::map<std::string, bool> uses;
  for (const KernelInfo &k : heap.module->kernels) uses[k.name] = k.usesHeap;
  EXPECT_TRUE(uses.at("growVector")); // through functions
  EXPECT_TRUE(uses.at("buildLists"));
  EXPECT_TRUE(uses.at("freeLists"));
  EXPECT_FALSE(uses.at("sumLists"));
}

} // namespace
