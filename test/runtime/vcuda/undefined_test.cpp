// Undefined bits of local memory go through registers bit by bit: for each instruction exactly those bits of
// its result are undefined that hang on undefined ones of its operands; and each use that matters is found.
#include "test/runtime/vcuda/device.h"

#include <algorithm>
#include <sstream>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

/// What stands before the instruction in question: of %r1 the lower half was never written, %r2 and %h2 are
/// defined, %p1 is undefined, %p2 true and %p3 false. %rd1 points to 256 bytes of the thread's own.
constexpr const char *prologue = R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry k(.param .u64 out) {
  .local .align 8 .b8 stack[64];
  .reg .b16 %h<8>;
  .reg .b32 %r<10>;
  .reg .b64 %rd<8>;
  .reg .pred %p<6>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r0, %tid.x;
  mad.wide.u32 %rd1, %r0, 256, %rd1;
  mov.u32 %r2, 0x0f0f0f0f;
  mov.u16 %h2, 0x1234;
  st.local.u16 [stack+2], %h2;
  ld.local.u32 %r1, [stack];
  mov.u64 %rd2, %rd1;
  ld.local.u32 %r3, [stack+32];
  setp.eq.u32 %p1, %r3, 7;
  setp.eq.u32 %p2, %r2, %r2;
  not.pred %p3, %p2;
)";

class UndefinedBits : public testing::TestWithParam<Checks> {
protected:
  void SetUp() override { device.options.checks = GetParam(); }
  LaunchResult run(const std::string &body) {
    ModuleInstance module = device.load(std::string(prologue) + body + "  ret;\n}\n");
    return device.run(module, "k", {1}, {32}, Arguments().add(device.upload(std::vector<int>(2048))));
  }
  /// The undefined bits of %r4, which the code makes: one store for each of them.
  uint32_t undefinedBits(const std::string &code) {
    std::string body = code + "\n";
    uint32_t first = uint32_t(std::count(prologue, prologue + std::strlen(prologue), '\n') +
                              std::count(body.begin(), body.end(), '\n'));
    for (unsigned b = 0; b < 32; ++b)
      body += "bfe.u32 %r5, %r4, " + std::to_string(b) + ", 1; st.global.u32 [%rd1+" + std::to_string(4 * b) +
              "], %r5;\n";
    uint32_t bits = 0;
    LaunchResult result = run(body);
    EXPECT_EQ(result.status, LaunchResult::Ok) << result.message;
    for (const Finding &f : result.findings) {
      EXPECT_EQ(f.check, "uninitialised-read");
      EXPECT_GT(f.ptxLine, first) << code << ": " << f.message;
      bits |= 1u << (f.ptxLine - first - 1);
    }
    return bits;
  }
  /// The line that ends with a comment.
  static uint32_t markedLine(const std::string &text, const std::string &mark) {
    std::istringstream in(text);
    std::string line;
    for (uint32_t n = 1; std::getline(in, line); ++n)
      if (line.ends_with("// " + mark)) return n;
    return 0;
  }
  /// One finding, at the line of the code that is marked as "here".
  void expectUse(const std::string &code, const std::string &message) {
    uint32_t marked = markedLine(prologue + code, "here");
    LaunchResult result = run(code + "\n");
    ASSERT_EQ(result.findings.size(), 1u) << code;
    EXPECT_EQ(result.findings[0].check, "uninitialised-read");
    EXPECT_EQ(result.findings[0].ptxLine, marked) << code;
    EXPECT_NE(result.findings[0].message.find(message), std::string::npos) << result.findings[0].message;
    EXPECT_NE(result.findings[0].otherPtxLine, 0u);
  }
  void expectNoUse(const std::string &code) {
    SCOPED_TRACE(code);
    expectClean(run(code + "\n"));
  }
  Device device;
};

TEST_P(UndefinedBits, AreFollowedThroughInstructions) {
  const std::pair<const char *, uint32_t> rows[] = {
      {"mov.b32 %r4, %r1;", 0x0000ffff},
      {"mov.b32 %r4, %r2;", 0},
      {"and.b32 %r4, %r1, 0xff;", 0x000000ff},
      {"and.b32 %r4, %r1, %r3;", 0x1234ffff}, // ones of what is defined
      {"or.b32 %r4, %r1, 0xff;", 0x0000ff00},
      {"or.b32 %r4, %r1, %r3;", 0xedcbffff},
      {"xor.b32 %r4, %r1, 5;", 0x0000ffff},
      {"not.b32 %r4, %r1;", 0x0000ffff},
      {"lop3.b32 %r4, %r1, %r2, 0xffffffff, 0x80;", 0x00000f0f}, // all three
      {"lop3.b32 %r4, %r1, %r2, %r1, 0xaa;", 0x0000ffff},        // the third
      {"lop3.b32 %r4, %r1, %r2, %r2, 0xaa;", 0},
      {"shl.b32 %r4, %r1, 4;", 0x000ffff0},
      {"shr.u32 %r4, %r1, 4;", 0x00000fff},
      {"shl.b32 %r4, %r1, 16; shr.s32 %r4, %r4, 20;", 0xffffffff}, // the sign is undefined
      {"shl.b32 %r4, %r2, %r1;", 0xffffffff},
      {"shl.b32 %r4, %r1, %r1;", 0xffffffff},
      {"shf.l.wrap.b32 %r4, %r2, %r1, 8;", 0x00ffff00},
      {"shf.r.clamp.b32 %r4, %r1, %r2, 8;", 0x000000ff},
      {"bfe.u32 %r4, %r1, 12, 8;", 0x0000000f},
      {"bfe.s32 %r4, %r1, 4, 8;", 0xffffffff},
      {"bfe.s32 %r4, %r1, 12, 8;", 0x0000000f},
      {"bfi.b32 %r4, %r2, %r1, 4, 8;", 0x0000f00f},
      {"bfi.b32 %r4, %r1, %r2, 8, 8;", 0x0000ff00},
      {"bfi.b32 %r4, %r2, %r2, %r3, 8;", 0xffffffff},
      {"prmt.b32 %r4, %r1, %r2, 0x1032;", 0xffff0000},
      {"prmt.b32 %r4, %r1, %r2, 0x2229;", 0x000000ff}, // the sign of byte 1
      {"prmt.b32.b4e %r4, %r1, %r2, 1;", 0x0000ffff},
      {"brev.b32 %r4, %r1;", 0xffff0000},
      {"add.u32 %r4, %r1, 1;", 0xffffffff},
      {"shl.b32 %r4, %r1, 8; add.u32 %r4, %r4, %r2;", 0xffffff00},
      {"shl.b32 %r4, %r1, 8; sub.u32 %r4, %r2, %r4;", 0xffffff00},
      {"shl.b32 %r4, %r1, 8; mul.lo.u32 %r4, %r4, 3;", 0xffffff00},
      {"shl.b32 %r4, %r1, 8; mad.lo.u32 %r4, %r2, 3, %r4;", 0xffffff00},
      {"min.s32 %r4, %r1, %r2;", 0xffffffff},
      {"cvt.rn.f32.u32 %r4, %r1;", 0xffffffff},
      {"add.cc.u32 %r5, %r1, 1; addc.u32 %r4, %r2, 0;", 0xffffffff},
      {"add.cc.u32 %r5, %r1, 1; add.cc.u32 %r5, %r2, 1; addc.u32 %r4, %r2, 0;", 0},
      {"cvt.u16.u32 %h1, %r1; cvt.u32.u16 %r4, %h1;", 0x0000ffff},
      {"cvt.u16.u32 %h1, %r1; cvt.s32.s16 %r4, %h1;", 0xffffffff},
      {"mov.b32 {%h1, %h3}, %r1; mov.b32 %r4, {%h3, %h1};", 0xffff0000},
      {"mov.b64 %rd3, {%r2, %r1}; shr.u64 %rd3, %rd3, 28; cvt.u32.u64 %r4, %rd3;", 0x000ffff0},
      {"selp.b32 %r4, %r1, %r2, %p2;", 0x0000ffff},
      {"selp.b32 %r4, %r1, %r2, %p3;", 0},
      {"selp.b32 %r4, %r2, %r2, %p1;", 0xffffffff},
      {"and.pred %p4, %p1, %p2; selp.b32 %r4, %r2, %r2, %p4;", 0xffffffff},
      {"and.pred %p4, %p1, %p3; selp.b32 %r4, %r2, %r2, %p4;", 0},
      {"or.pred %p4, %p1, %p2; selp.b32 %r4, %r2, %r2, %p4;", 0},
      {"mov.pred %p4, %p1; not.pred %p4, %p4; selp.b32 %r4, %r2, %r2, %p4;", 0xffffffff},
      {"mov.b32 %r4, %r2; @%p3 mov.b32 %r4, %r1;", 0}, // lanes that don't execute it
      {"mov.b32 %r4, %r1; @%p3 mov.b32 %r4, %r2;", 0x0000ffff},
      {"mov.b32 %r4, %r1; mov.b32 %r4, %r2;", 0},
      {"shfl.sync.bfly.b32 %r4, %r1, 1, 31, -1;", 0x0000ffff},
      {"st.local.u32 [stack+8], %r1; ld.local.u32 %r4, [stack+8];", 0x0000ffff},
      {"st.local.u32 [stack+8], %r1; ld.local.u8 %r4, [stack+9];", 0x000000ff},
      {"st.local.u32 [stack+8], %r1; ld.local.s8 %r4, [stack+9];", 0xffffffff},
      {"st.local.u32 [stack+8], %r1; ld.local.u16 %r4, [stack+10];", 0},
      {"and.b32 %r5, %r1, 0xff0; st.local.u32 [stack+8], %r5; ld.local.u32 %r4, [stack+8];", 0x00000ff0},
      {"st.local.v2.u32 [stack+8], {%r2, %r1}; ld.local.v2.u32 {%r5, %r4}, [stack+8];", 0x0000ffff},
      {"st.local.u32 [stack+8], %r1; st.local.u32 [stack+8], %r2; ld.local.u32 %r4, [stack+8];", 0},
      {"cvta.local.u64 %rd3, stack; st.u32 [%rd3+8], %r1; ld.u32 %r4, [%rd3+8];", 0x0000ffff},
  };
  for (auto [code, bits] : rows) EXPECT_EQ(undefinedBits(code), bits) << code;
}

TEST_P(UndefinedBits, OfOtherLanesAreNotMine) {
  // Lane 0 of each pair reads what is undefined in lane 1.
  const char *code = "mov.u32 %r6, %tid.x; and.b32 %r6, %r6, 1; setp.eq.u32 %p4, %r6, 0;\n"
                     "mov.b32 %r4, %r1; @%p4 mov.b32 %r4, %r2;\n"
                     "shfl.sync.bfly.b32 %r4, %r4, 1, 31, -1;\n"
                     "add.u32 %r4, %r4, 1; st.global.u32 [%rd1], %r4;\n";
  LaunchResult result = run(code);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].count, 16u);
  EXPECT_EQ(result.findings[0].thread.x, 0u);
}

TEST_P(UndefinedBits, AreFoundWhereTheyMatter) {
  expectUse("@%p1 bra END; // here\nst.global.u32 [%rd1], %r2;\nEND:", "branches");
  expectUse("@%p1 st.global.u32 [%rd1], %r2; // here", "is executed or not");
  expectUse("and.b32 %r4, %r1, 7; mul.wide.u32 %rd3, %r4, 4; add.u64 %rd3, %rd3, %rd1;\n"
            "st.global.u32 [%rd3], %r2; // here",
            "its address");
  expectUse("and.b32 %r4, %r1, 7; mul.wide.u32 %rd3, %r4, 4; add.u64 %rd3, %rd3, %rd1;\n"
            "ld.global.u32 %r5, [%rd3]; // here\nst.global.u32 [%rd1], %r5;",
            "its address");
  expectUse("st.global.u32 [%rd1], %r3; // here", "to global memory");
  expectUse("add.u32 %r4, %r1, 1;\nst.global.u32 [%rd1], %r4; // here", "to global memory");
  expectUse("st.u32 [%rd1], %r3; // here", "to global memory");
  expectUse("red.global.add.u32 [%rd1], %r1; // here", "uses");
  expectUse("vote.sync.ballot.b32 %r4, %p1, -1; // here", "uses");
  expectUse("shfl.sync.idx.b32 %r4, %r2, %r3, 31, -1; // here", "uses");
  expectUse("redux.sync.add.u32 %r4, %r1, -1; // here", "uses");
  // Once found it counts as defined.
  expectUse("add.u32 %r4, %r1, 1;\nst.global.u32 [%rd1], %r4; // here\nst.global.u32 [%rd1+4], %r4;",
            "stores");
}

TEST_P(UndefinedBits, OfStructuresGoAlong) {
  // A word that is partly written; a byte; a bit field in a word that nobody has written.
  expectNoUse("st.global.u32 [%rd1], %r1;");
  expectNoUse("mov.b32 %r4, %r1; st.global.u32 [%rd1], %r4;");
  expectNoUse("ld.local.u8 %h1, [stack+40]; st.global.u8 [%rd1], %h1;");
  expectNoUse("and.b32 %r4, %r3, -8; or.b32 %r4, %r4, 5; st.local.u32 [stack+32], %r4;\n"
              "ld.local.u32 %r5, [stack+32]; st.global.u32 [%rd1], %r5;");
  expectNoUse("bfi.b32 %r4, %r2, %r3, 3, 5; st.local.u32 [stack+32], %r4;\n"
              "ld.local.u32 %r5, [stack+32]; bfe.u32 %r5, %r5, 3, 5; st.global.u32 [%rd1], %r5;");
  expectNoUse("ld.local.u8 %h1, [stack+40]; and.b16 %h1, %h1, 240; or.b16 %h1, %h1, 3;\n"
              "st.local.u8 [stack+40], %h1; ld.local.u8 %h3, [stack+40]; st.global.u8 [%rd1], %h3;");
  // But not what was computed of them and stored elsewhere.
  expectUse("and.b32 %r4, %r3, 1; st.local.u32 [stack+48], %r4;\n"
            "ld.local.u32 %r5, [stack+48];\nst.global.u32 [%rd1], %r5; // here",
            "to global memory");
  expectUse("ld.local.u8 %h1, [stack+40]; add.u16 %h1, %h1, 1;\nst.global.u8 [%rd1], %h1; // here",
            "to global memory");
}

/// Unoptimised code copies padding by words of its own, too: { double; int; padding }.
TEST_P(UndefinedBits, OfPaddingWordsGoAlongInUnoptimisedCode) {
  const char *copy = "st.local.u64 [stack+16], %rd1; st.local.u32 [stack+24], %r2;\n"
                     "ld.local.u32 %r4, [stack+28]; ld.local.u32 %r5, [stack+24];\n"
                     "st.global.u32 [%rd1+4], %r4; // here\nst.global.u32 [%rd1], %r5;\n";
  expectUse(copy, "to global memory");
  std::string text = prologue;
  text.replace(text.find("sm_80"), 5, "sm_80, debug");
  auto runDebug = [&](const std::string &code) {
    ModuleInstance module = device.load(text + code + "  ret;\n}\n");
    return device.run(module, "k", {1}, {32}, Arguments().add(device.upload(std::vector<int>(2048))));
  };
  expectClean(runDebug(copy));
  expectClean(runDebug("st.local.u32 [stack+24], %r2; ld.local.u32 %r4, [stack+28];\n"
                       "st.global.u32 [%rd1], %r2; st.global.u32 [%rd1+4], %r4;\n"));
  // Not a word by itself, the lower one, or what was computed.
  EXPECT_EQ(runDebug("st.global.u32 [%rd1], %r3;\n").findings.size(), 1u);
  EXPECT_EQ(runDebug("st.local.u32 [stack+24], %r2; ld.local.u32 %r4, [stack+28];\n"
                     "st.global.u32 [%rd1+4], %r4; st.global.u32 [%rd1+8], %r2;\n")
                .findings.size(),
            1u);
  EXPECT_EQ(runDebug("st.local.u32 [stack+28], %r2; ld.local.u32 %r4, [stack+24];\n"
                     "st.global.u32 [%rd1], %r4; st.global.u32 [%rd1+4], %r2;\n")
                .findings.size(),
            1u);
  EXPECT_EQ(runDebug("ld.local.u32 %r4, [stack+4]; add.u32 %r4, %r4, 1; st.global.u32 [%rd1], %r4;\n")
                .findings.size(),
            1u);
}

/// nvcc says which bytes of a word are a structure's.
TEST_P(UndefinedBits, OfBytesThatALoadDoesNotUse) {
  auto code = [](const std::string &pragma) {
    return ".shared .align 4 .b8 s[128];\nmov.u32 %r6, s; mad.lo.u32 %r6, %r0, 4, %r6;\n"
           "st.shared.u8 [%r6], %h2;\n" +
           pragma + "ld.shared.u32 %r4, [%r6];\nst.global.u32 [%rd1], %r4;\n";
  };
  expectClean(run(code(".pragma \"used_bytes_mask 1\";\n")));
  expectClean(run(code(".pragma \"used_bytes_mask 0x1\";\n")));
  for (const char *pragma : {"", ".pragma \"used_bytes_mask 3\";\n", ".pragma \"nounroll\";\n"}) {
    LaunchResult result = run(code(pragma));
    ASSERT_EQ(result.findings.size(), 1u) << pragma;
    EXPECT_EQ(result.findings[0].check, "uninitialised-read");
    EXPECT_EQ(result.findings[0].count, 32u);
  }
}

/// Frames have registers and memory of their own; arguments and results take their bits along.
TEST_P(UndefinedBits, GoThroughCalls) {
  constexpr const char *text = R"(
.version 8.0
.target sm_80
.address_size 64
.func (.param .b32 result) twice(.param .b32 a, .param .b32 b) {
  .reg .b32 %r<4>;
  ld.param.u32 %r1, [a];
  ld.param.u32 %r2, [b];
  add.u32 %r3, %r2, %r2;
  xor.b32 %r1, %r1, %r1;
  st.param.u32 [result], %r3;
  ret;
}
.visible .entry k(.param .u64 out) {
  .local .align 8 .b8 stack[64];
  .reg .b32 %r<10>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [out];
  ld.local.u32 %r1, [stack]; // load
  mov.u32 %r2, 5;
  { .param .b32 p; .param .b32 q; .param .b32 r;
    st.param.u32 [p], %r1; st.param.u32 [q], %r2;
    call (r), twice, (p, q);
    ld.param.u32 %r3, [r]; }
  st.global.u32 [%rd1], %r3;
  { .param .b32 p; .param .b32 q; .param .b32 r;
    st.param.u32 [p], %r2; st.param.u32 [q], %r1;
    call (r), twice, (p, q);
    ld.param.u32 %r3, [r]; }
  st.global.u32 [%rd1], %r3; // use
  ret;
}
)";
  ModuleInstance module = device.load(text);
  LaunchResult result = device.run(module, "k", {1}, {1}, Arguments().add(device.empty<int>(1)));
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].ptxLine, markedLine(text, "use"));
  EXPECT_EQ(result.findings[0].otherPtxLine, markedLine(text, "load"));
}

INSTANTIATE_TEST_SUITE_P(All, UndefinedBits, testing::Values(Checks::Fast, Checks::Full),
                         [](const testing::TestParamInfo<Checks> &info) {
                           return std::string(info.param == Checks::Full ? "Full" : "Fast");
                         });

} // namespace
