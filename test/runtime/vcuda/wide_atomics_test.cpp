// Atomics of 128 bits: what they do among host threads, what they order, and what the checks say of them.
#include "test/runtime/vcuda/device.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

std::string kernel(const std::string &body) {
  return ".version 8.4\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 data, .param .u64 "
         "flag)\n{\n"
         ".reg .b64 %a, %f, %d<8>; .reg .b128 %q<4>; .reg .b32 %r<4>; .reg .pred %p<3>;\n"
         "ld.param.u64 %a, [data]; ld.param.u64 %f, [flag]; mov.u64 %d0, 0; mov.b128 %q0, {%d0, %d0};\n" +
         body + "\nret;\n}\n";
}

class WideAtomics : public testing::TestWithParam<Checks> {
protected:
  void SetUp() override { device.options.checks = GetParam(); }
  LaunchResult run(const std::string &body, Dim3 grid, Dim3 block) {
    return device.run(device.load(kernel(body)), "k", grid, block, Arguments().add(data).add(flag));
  }
  Device device;
  uint64_t data = device.upload(std::vector<uint64_t>(512)), flag = device.upload(std::vector<uint64_t>(512));
};

/// Both halves go up by different steps, and no CTA loses one.
TEST_P(WideAtomics, NoUpdateIsLost) {
  device.options.threads = 4;
  expectClean(run("mov.b128 %q1, %q0;\nL: mov.b128 {%d1, %d2}, %q1; add.u64 %d3, %d1, 1; add.u64 %d4, %d2, "
                  "0x100000001; mov.b128 %q2, {%d3, %d4};\natom.relaxed.gpu.global.cas.b128 %q1, [%a], %q1, "
                  "%q2;\nmov.b128 {%d5, %d6}, %q1; setp.ne.u64 %p0, %d5, %d1; setp.ne.or.u64 %p0, %d6, %d2, "
                  "%p0; @%p0 bra L;\n",
                  {64}, {96}));
  const uint64_t n = 64 * 96;
  EXPECT_EQ(device.download<uint64_t>(data, 2), (std::vector<uint64_t>{n, n * 0x100000001}));
}

/// What is exchanged is whole: each thread leaves its number in both halves and takes that of another one.
TEST_P(WideAtomics, ExchangedWhole) {
  device.options.threads = 4;
  expectClean(
      run("mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.x; mov.u32 %r2, %tid.x; mad.lo.u32 %r0, %r0, %r1, "
          "%r2; add.u32 %r0, %r0, 1; cvt.u64.u32 %d1, %r0; mov.b128 %q1, {%d1, %d1};\n"
          "atom.global.exch.b128 %q2, [%a], %q1;\nmov.b128 {%d2, %d3}, %q2; setp.ne.u64 %p0, %d2, %d3;\n"
          "@%p0 red.global.add.u64 [%f], 1; red.global.add.u64 [%f+8], %d2;\n",
          {64}, {96}));
  const uint64_t n = 64 * 96;
  std::vector<uint64_t> left = device.download<uint64_t>(data, 2), found = device.download<uint64_t>(flag, 2);
  EXPECT_EQ(left[0], left[1]);
  EXPECT_EQ(found[0], 0u) << "halves of two threads";
  EXPECT_EQ(found[1] + left[0], n * (n + 1) / 2);
}

/// CTA 0 hands data over with a flag of 128 bits.
const char *const handOver = "mov.u32 %r0, %ctaid.x; setp.ne.u32 %p0, %r0, 0; @%p0 bra READ;\n"
                             "st.global.u64 [%a], 42;\nmov.u64 %d1, 1; mov.b128 %q1, {%d1, %d1};\n"
                             "atom.RELEASE.gpu.global.exch.b128 %q2, [%f], %q1;\nbra DONE;\n"
                             "READ: atom.ACQUIRE.gpu.global.cas.b128 %q1, [%f], %q0, %q0;\nmov.b128 {%d2, "
                             "%d3}, %q1; setp.eq.u64 %p1, %d3, 0; "
                             "@%p1 bra READ;\nld.global.u64 %d4, [%a]; st.global.u64 [%a+64], %d4;\nDONE:";

std::string ordered(const std::string &release, const std::string &acquire) {
  std::string text = handOver;
  text.replace(text.find("RELEASE"), 7, release);
  return text.replace(text.find("ACQUIRE"), 7, acquire);
}

TEST_P(WideAtomics, ReleaseAndAcquire) {
  expectClean(run(ordered("release", "acquire"), {2}, {1}));
  EXPECT_EQ(device.download<uint64_t>(data, 9)[8], 42u);
  if (GetParam() != Checks::Full) return;
  for (const std::string &text : {ordered("relaxed", "acquire"), ordered("release", "relaxed")}) {
    LaunchResult r = run(text, {2}, {1});
    const Finding *f = findingOf(r, "global-race");
    ASSERT_NE(f, nullptr) << text;
    EXPECT_EQ(f->ptxLine + f->otherPtxLine, 9u + 15u);
  }
}

TEST_P(WideAtomics, AddressesAndFirstValues) {
  LaunchResult half = run("atom.global.exch.b128 %q1, [%a+8], %q0;", {1}, {1});
  EXPECT_NE(findingOf(half, "misaligned"), nullptr);
  LaunchResult wild = run("atom.global.cas.b128 %q1, [%a+4096], %q0, %q0;", {1}, {1});
  EXPECT_NE(findingOf(wild, "out-of-bounds"), nullptr);
  LaunchResult outside = run(".shared .align 16 .b8 s[24]; mov.u32 %r0, s; st.shared.u64 [%r0], 1;\n"
                             "atom.shared.exch.b128 %q1, [%r0+16], %q0;",
                             {1}, {1});
  EXPECT_NE(findingOf(outside, "out-of-bounds"), nullptr);
  LaunchResult shared = run(".shared .align 16 .b8 s[16]; mov.u32 %r0, s; st.shared.u64 [%r0], 1;\n"
                            "atom.shared.cas.b128 %q1, [%r0], %q0, %q0;",
                            {1}, {1});
  ASSERT_NE(findingOf(shared, "uninitialised-read"), nullptr);
  EXPECT_EQ(shared.findings[0].ptxLine, 9u);
  data = device.empty<uint64_t>(2);
  LaunchResult unset = run("atom.global.exch.b128 %q1, [%a], %q0;", {1}, {1});
  EXPECT_NE(findingOf(unset, "uninitialised-read"), nullptr);
}

TEST_P(WideAtomics, BytesAndSectors) {
  device.options.counters = true;
  LaunchResult r = run("mov.u32 %r0, %tid.x; mul.wide.u32 %d1, %r0, 16; add.s64 %a, %a, %d1;\n"
                       "atom.global.exch.b128 %q1, [%a], %q0;",
                       {1}, {32});
  expectClean(r);
  EXPECT_EQ(r.counters.globalBytesRead, 512u);
  EXPECT_EQ(r.counters.globalBytesWritten, 512u);
  EXPECT_EQ(r.counters.globalSectorsRead, 16u);
  EXPECT_EQ(r.counters.globalSectorsWritten, 16u);
  EXPECT_EQ(r.counters.instructions[size_t(InstructionClass::Atomic)], 1u);
  EXPECT_EQ(r.counters.lines[9].bytes, 512u);
}

INSTANTIATE_TEST_SUITE_P(All, WideAtomics, testing::Values(Checks::Fast, Checks::Full),
                         [](const auto &info) { return info.param == Checks::Full ? "Full" : "Fast"; });

} // namespace
