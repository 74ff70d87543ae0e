// Findings and counters: what the checks say about wrong kernels, and counts that were worked out by hand.
#include "fixture.h"
#include "runtime/vcuda/include/vcuda.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

using namespace client;
using Json = nlohmann::json;

namespace {

/// The virtual GPU's own functions, found as a program would find them.
class OutputsTest : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    reset("vcudaResetFindings");
    reset("vcudaResetCounters");
    EXPECT_EQ(setOption("counters", "on"), 1);
    EXPECT_EQ(setOption("checks", "fast"), 1);
  }
  void reset(const char *name) { reinterpret_cast<void (*)()>(symbol(name))(); }
  int setOption(const char *name, const char *value) {
    return reinterpret_cast<int (*)(const char *, const char *)>(symbol("vcudaSetOption"))(name, value);
  }
  Json read(const char *name) {
    auto get = reinterpret_cast<size_t (*)(char *, size_t)>(symbol(name));
    std::vector<char> text(get(nullptr, 0) + 1);
    get(text.data(), text.size());
    return Json::parse(text.data());
  }
  Json counters(const std::string &kernel) {
    Json all = read("vcudaCounters");
    for (const Json &k : all["kernels"])
      if (k["kernel"] == kernel) return k;
    return {};
  }
  Json buffer(const Json &kernel, const std::string &name) {
    for (const Json &b : kernel["buffers"])
      if (b["name"] == name) return b;
    return {};
  }
  Address named(size_t bytes, const char *name) {
    Address p = alloc(bytes);
    EXPECT_EQ(reinterpret_cast<int (*)(uint64_t, const char *)>(symbol("vcudaNameAllocation"))(p, name), 1);
    return p;
  }
  void *symbol(const char *name) {
    void *p = dlsym(cu.library, name);
    EXPECT_NE(p, nullptr) << name;
    return p;
  }
  /// The one finding of a launch, after which the context is replaced if the error ended it.
  Json onlyFinding(int expectedError) {
    EXPECT_EQ(cu.cuCtxSynchronize(), expectedError);
    Json all = read("vcudaFindings");
    EXPECT_EQ(all.size(), 1u) << all.dump(1);
    return all.empty() ? Json() : all[0];
  }
};

/// The line of kernels.cu that holds a text.
int sourceLine(const std::string &text) {
  std::string all = readFile(VCUDA_TEST_SOURCE);
  size_t at = all.find(text);
  EXPECT_NE(at, std::string::npos) << text;
  return 1 + int(std::count(all.begin(), all.begin() + long(at), '\n'));
}

} // namespace

TEST_F(OutputsTest, OutOfBoundsNamesPlaceAndThread) {
  Address p = alloc(64);
  EXPECT_EQ(launch(function("outOfBounds"), 1, 8, 0, nullptr, 12, p), 0);
  Json f = onlyFinding(700);
  EXPECT_EQ(f["check"], "out-of-bounds");
  EXPECT_EQ(f["kernel"], "outOfBounds");
  EXPECT_EQ(f["source_file"], "kernels.cu");
  EXPECT_EQ(f["source_line"], sourceLine("x[threadIdx.x + n] = 1.f"));
  EXPECT_GT(f["ptx_line"], 0);
  EXPECT_EQ(f["cta"], Json({0, 0, 0}));
  EXPECT_EQ(f["thread"], Json({4, 0, 0})); // 12 + 4 = 16: the first one behind 64 bytes
  EXPECT_EQ(f["count"], 4);
}

TEST_F(OutputsTest, InlinedLinesNameTheirCalls) {
  // A store of helper.h inlined into another function of it, and that one into the kernel; then one of the
  // kernel's own line, and the same line of the helper inlined by another call.
  const char *text = R"(.version 7.8
.target sm_80
.address_size 64
.file 1 "kernel.cu"
.file 2 "helper.h"
.visible .entry store(.param .u64 p) {
  .reg .b64 %rd<2>;
  .reg .b32 %r<2>;
  .loc 1 5 1
  ld.param.u64 %rd1, [p];
  mov.u32 %r1, 1;
  .loc 1 7 3
  .loc 2 30 5, function_name $L__info_string1, inlined_at 1 7 3
  .loc 2 10 9, function_name $L__info_string0, inlined_at 2 30 5
  st.global.u32 [%rd1+4096], %r1;
  .loc 1 8 3
  st.global.u32 [%rd1+4100], %r1;
  .loc 2 10 9, function_name $L__info_string0, inlined_at 1 8 3
  st.global.u32 [%rd1+4104], %r1;
  ret;
}
)";
  Handle handle = nullptr, f = nullptr;
  ASSERT_EQ(cu.cuModuleLoadData(&handle, text), 0);
  ASSERT_EQ(cu.cuModuleGetFunction(&f, handle, "store"), 0);
  Address p = alloc(64);
  EXPECT_EQ(launch(f, 1, 1, 0, nullptr, p), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 700);
  Json all = read("vcudaFindings");
  ASSERT_EQ(all.size(), 3u) << all.dump(1);
  std::sort(all.begin(), all.end(),
            [](const Json &a, const Json &b) { return a["ptx_line"] < b["ptx_line"]; });
  EXPECT_EQ(all[0]["source_file"], "helper.h");
  EXPECT_EQ(all[0]["source_line"], 10);
  Json twice = {{{"source_file", "helper.h"}, {"source_line", 30}},
                {{"source_file", "kernel.cu"}, {"source_line", 7}}};
  EXPECT_EQ(all[0]["inlined_at"], twice);
  EXPECT_EQ(all[1]["source_line"], 8);
  EXPECT_FALSE(all[1].contains("inlined_at"));
  EXPECT_EQ(all[2]["source_line"], 10);
  Json once = Json::array({{{"source_file", "kernel.cu"}, {"source_line", 8}}});
  EXPECT_EQ(all[2]["inlined_at"], once);
}

TEST_F(OutputsTest, UseAfterFreeIsFound) {
  Address p = alloc(64);
  EXPECT_EQ(cu.cuMemFree(p), 0);
  EXPECT_EQ(launch(function("outOfBounds"), 1, 1, 0, nullptr, 0, p), 0);
  Json f = onlyFinding(700);
  EXPECT_NE(f["message"].get<std::string>().find("freed"), std::string::npos) << f;
}

TEST_F(OutputsTest, UninitialisedReadsAreFound) {
  Address x = alloc(128), y = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(x, 0, 16), 0);
  EXPECT_EQ(launch(function("readUninitialised"), 1, 32, 0, nullptr, x, y), 0);
  Json f = onlyFinding(0); // a mistake, but no fault: the context lives on
  EXPECT_EQ(f["check"], "uninitialised-read");
  EXPECT_EQ(f["source_line"], sourceLine("readUninitialised"));
  EXPECT_EQ(f["thread"], Json({16, 0, 0}));
  EXPECT_EQ(cu.cuMemsetD32(x, 0, 32), 0);
  reset("vcudaResetFindings");
  EXPECT_EQ(launch(function("readUninitialised"), 1, 32, 0, nullptr, x, y), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(read("vcudaFindings").size(), 0u);
}

TEST_F(OutputsTest, CopiesDoNotHideWhatWasNeverWritten) {
  Address x = alloc(128), copy = alloc(128), y = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(x, 0, 16), 0);
  EXPECT_EQ(cu.cuMemcpyDtoD(copy, x, 128), 0);
  EXPECT_EQ(launch(function("readUninitialised"), 1, 32, 0, nullptr, copy, y), 0);
  EXPECT_EQ(onlyFinding(0)["thread"], Json({16, 0, 0}));
}

TEST_F(OutputsTest, RacesNameBothParties) {
  Address out = alloc(256);
  EXPECT_EQ(launch(function("sharedRace"), 1, 64, 0, nullptr, out), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  Json all = read("vcudaFindings");
  ASSERT_FALSE(all.empty());
  Json race;
  for (const Json &f : all)
    if (f["check"] == "shared-race") race = f;
  ASSERT_TRUE(race.contains("other")) << all.dump(1);
  EXPECT_EQ(race["source_line"], sourceLine("word[63 - threadIdx.x]"));
  EXPECT_EQ(race["other"]["source_line"], sourceLine("word[threadIdx.x] = threadIdx.x"));
}

TEST_F(OutputsTest, FullChecksNameBothThreads) {
  ASSERT_EQ(setOption("checks", "full"), 1);
  EXPECT_EQ(launch(function("sharedRace"), 1, 64, 0, nullptr, alloc(256)), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(setOption("checks", "fast"), 1);
  Json race;
  for (const Json &f : read("vcudaFindings"))
    if (f["check"] == "shared-race") race = f;
  ASSERT_TRUE(race.contains("other"));
  EXPECT_EQ(race["other"]["cta"], Json({0, 0, 0}));
  EXPECT_NE(race["other"]["thread"], race["thread"]);
  EXPECT_NE(race["other"]["text"].get<std::string>().find("thread"), std::string::npos);
}

TEST_F(OutputsTest, FindingsFileHoldsALineEach) {
  Address x = alloc(128), y = alloc(128);
  EXPECT_EQ(launch(function("readUninitialised"), 1, 32, 0, nullptr, x, y), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  std::string text = readFile(getenv("VCUDA_FINDINGS"));
  ASSERT_FALSE(text.empty());
  size_t last = text.rfind('\n', text.size() - 2);
  Json f = Json::parse(text.substr(last == std::string::npos ? 0 : last + 1));
  EXPECT_EQ(f["check"], "uninitialised-read");
  EXPECT_EQ(f["kernel"], "readUninitialised");
  for (const char *field :
       {"ptx_line", "source_file", "source_line", "cta", "thread", "message", "launch", "count"})
    EXPECT_TRUE(f.contains(field)) << field;
}

TEST_F(OutputsTest, ChecksCanBeSwitchedOff) {
  Address x = alloc(128), y = alloc(128);
  EXPECT_EQ(setOption("checks", "off"), 1);
  EXPECT_EQ(launch(function("readUninitialised"), 1, 32, 0, nullptr, x, y), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(read("vcudaFindings").size(), 0u);
  EXPECT_EQ(setOption("checks", "fast"), 1);
  EXPECT_EQ(launch(function("readUninitialised"), 1, 32, 0, nullptr, x, y),
            0); // counts as written since then
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  EXPECT_EQ(read("vcudaFindings").size(), 0u);
}

TEST_F(OutputsTest, OptionsAreChecked) {
  EXPECT_EQ(setOption("checks", "some"), 0);
  EXPECT_EQ(setOption("schedule", "random:"), 0);
  EXPECT_EQ(setOption("schedule", "random:12"), 1);
  EXPECT_EQ(setOption("schedule", "ahead:"), 0);
  EXPECT_EQ(setOption("schedule", "ahead:3"), 1);
  EXPECT_EQ(setOption("schedule", "ahead"), 1);
  EXPECT_EQ(setOption("schedule", "forward"), 1);
  EXPECT_EQ(setOption("mma", "slow"), 0);
  EXPECT_EQ(setOption("mma", "exact"), 1);
  EXPECT_EQ(setOption("mma", "fast"), 1);
  EXPECT_EQ(setOption("approximations", "jitter"), 0);
  EXPECT_EQ(setOption("approximations", "jitter:7"), 1);
  EXPECT_EQ(setOption("approximations", "nearest"), 1);
  EXPECT_EQ(setOption("floats", "ints"), 0);
  EXPECT_EQ(setOption("floats", "payloads"), 1);
  EXPECT_EQ(setOption("floats", "values"), 1);
  EXPECT_EQ(setOption("threads", "-1"), 0);
  EXPECT_EQ(setOption("nothing", "1"), 0);
  EXPECT_EQ(setOption(nullptr, nullptr), 0);
}

TEST_F(OutputsTest, InjectedFaultsHitTheChosenCall) {
  Address p = 0;
  EXPECT_EQ(setOption("fail_allocation", "2"), 1);
  EXPECT_EQ(cu.cuMemAlloc(&p, 4), 0);
  EXPECT_EQ(cu.cuMemAlloc(&p, 4), 2);
  EXPECT_EQ(cu.cuMemAlloc(&p, 4), 0);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, 1), 0);
  EXPECT_EQ(setOption("fail_launch", "1"), 1);
  EXPECT_EQ(launch(function("increment"), 1, 1, 0, nullptr, p), 701);
  EXPECT_EQ(launch(function("increment"), 1, 1, 0, nullptr, p), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  // Errors of running kernels come later, and stay.
  EXPECT_EQ(setOption("fail_with", "715"), 1);
  EXPECT_EQ(setOption("fail_launch", "2"), 1);
  EXPECT_EQ(launch(function("increment"), 1, 1, 0, nullptr, p), 0);
  EXPECT_EQ(launch(function("increment"), 1, 1, 0, nullptr, p), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 715);
  EXPECT_EQ(cu.cuMemAlloc(&p, 4), 715);
  EXPECT_EQ(setOption("fail_with", "701"), 1);
}

//===----------------------------------------------------------------------===//
// Counters
//===----------------------------------------------------------------------===//

TEST_F(OutputsTest, CoalescedCopy) {
  // 4 CTAs x 4 warps; each warp reads and writes 128 bytes in 4 sectors.
  Address x = named(2048, "x"), y = named(2048, "y");
  EXPECT_EQ(cu.cuMemsetD32(x, 0, 512), 0);
  EXPECT_EQ(launch(function("copyStrided"), 4, 128, 0, nullptr, 1, x, y), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  Json c = counters("copyStrided");
  EXPECT_EQ(c["launches"], 1);
  EXPECT_EQ(c["ctas"], 4);
  EXPECT_EQ(c["warps"], 16);
  EXPECT_EQ(c["global_bytes_read"], 2048);
  EXPECT_EQ(c["global_bytes_written"], 2048);
  EXPECT_EQ(c["global_sectors_read"], 64);
  EXPECT_EQ(c["global_sectors_written"], 64);
  EXPECT_EQ(c["instructions"]["global-load"], 16);
  EXPECT_EQ(c["instructions"]["global-store"], 16);
  EXPECT_EQ(buffer(c, "x")["distinct_bytes_read"], 2048);
  EXPECT_EQ(buffer(c, "x")["distinct_bytes_written"], 0);
  EXPECT_EQ(buffer(c, "y")["distinct_bytes_written"], 2048);
}

TEST_F(OutputsTest, StridedCopyTouchesASectorPerLane) {
  Address x = named(2048 * 8, "x"), y = named(2048 * 8, "y");
  EXPECT_EQ(cu.cuMemsetD32(x, 0, 4096), 0);
  EXPECT_EQ(launch(function("copyStrided"), 4, 128, 0, nullptr, 8, x, y), 0);
  EXPECT_EQ(launch(function("copyStrided"), 4, 128, 0, nullptr, 8, x, y), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  Json c = counters("copyStrided");
  EXPECT_EQ(c["launches"], 2);
  EXPECT_EQ(c["global_bytes_read"], 2 * 2048);
  EXPECT_EQ(c["global_sectors_read"], 2 * 512);
  EXPECT_EQ(buffer(c, "x")["distinct_bytes_read"], 2 * 2048); // summed over launches
}

TEST_F(OutputsTest, BankConflictsOfStrides) {
  Address out = alloc(128);
  struct {
    int stride, conflicts; // one store and one load of one warp
  } rows[] = {{1, 0}, {2, 2}, {4, 6}, {32, 62}, {33, 0}};
  for (auto row : rows) {
    reset("vcudaResetCounters");
    EXPECT_EQ(launch(function("sharedStrided"), 1, 32, 0, nullptr, row.stride, out), 0);
    EXPECT_EQ(cu.cuCtxSynchronize(), 0);
    EXPECT_EQ(counters("sharedStrided")["shared_bank_conflicts"], row.conflicts) << row.stride;
  }
}

TEST_F(OutputsTest, ReductionBarriersAndBytes) {
  // 4 CTAs x 8 warps, one barrier before the loop and one in each of its 8 rounds; every element is read
  // once.
  Address x = alloc(4096), sum = alloc(4);
  EXPECT_EQ(cu.cuMemsetD32(x, 0x3f800000, 1024), 0);
  EXPECT_EQ(cu.cuMemsetD32(sum, 0, 1), 0);
  EXPECT_EQ(launch(function("blockSum"), 4, 256, 0, nullptr, 1024, x, sum), 0);
  float total = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&total, sum, 4), 0);
  EXPECT_EQ(total, 1024.f);
  Json c = counters("blockSum");
  EXPECT_EQ(c["barriers"], 4 * 8 * 9);
  EXPECT_EQ(c["instructions"]["atomic"], 4);
  EXPECT_EQ(c["instructions"]["global-load"], 32);
}

TEST_F(OutputsTest, LinesAreListedOnRequest) {
  EXPECT_EQ(setOption("line_counters", "on"), 1);
  Address p = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, 32), 0);
  EXPECT_EQ(launch(function("increment"), 1, 32, 0, nullptr, p), 0);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
  Json c = counters("increment");
  EXPECT_EQ(setOption("line_counters", "off"), 1);
  int sectors = 0, executed = 0;
  for (const Json &line : c["lines"]) {
    sectors += line["sectors"].get<int>();
    executed += line["executed"].get<int>();
  }
  EXPECT_EQ(sectors, 8);
  EXPECT_EQ(executed, c["total_instructions"]);
}
