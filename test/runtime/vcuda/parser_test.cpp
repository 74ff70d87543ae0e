// What is refused at load, by name and line; the oddities that producers of PTX write; and damaged text.
#include "test/runtime/vcuda/device.h"

#include <algorithm>
#include <cstring>
#include <random>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

const std::string head = ".version 7.8\n.target sm_80\n.address_size 64\n";

std::string inKernel(const std::string &body) {
  return head +
         ".visible .entry k(.param .u64 out)\n{\n.reg .b32 %r<8>; .reg .b64 %rd<8>; .reg .pred %p<4>; .reg "
         ".f32 %f<4>;\n" +
         body + "\nret;\n}\n";
}

struct Refused {
  std::string text, message;
  uint32_t line;
};

TEST(Parser, RefusesByNameAndLine) {
  const Refused cases[] = {
      {inKernel("frobnicate.u32 %r1, %r2;"), "instruction 'frobnicate' is not supported", 7},
      {inKernel("add.wibble.u32 %r1, %r2, %r3;"), "'add.wibble.u32' is not supported", 7},
      {inKernel("ld.shared.L1::wibble.u32 %r1, [%r2];"), "modifier '.L1::wibble' of", 7},
      {inKernel("prefetch.global.L1::nonsense [%rd1];"), "'prefetch.global.L1::nonsense' is not supported",
       7},
      {inKernel("prefetch.local.L2::evict_last [%rd1];"), "'prefetch.local.L2::evict_last' is not supported",
       7},
      {inKernel("prefetchu.L2 [%rd1];"), "'prefetchu.L2' is not supported", 7},
      {inKernel("applypriority.global.L2::evict_last [%rd1], 128;"), "is not supported", 7},
      {inKernel("applypriority.global.L2::evict_normal [%rd1], 64;"), "wrong operands", 7},
      {inKernel("createpolicy.fractional.L2::nonsense.b64 %rd1, 0.5;"), "is not supported", 7},
      {inKernel("createpolicy.fractional.L2::evict_first.L2::evict_last.b64 %rd1, 0.5;"), "is not supported",
       7},
      {inKernel("createpolicy.fractional.L2::evict_first.b64 %rd1, 1.5;"), "wrong operands", 7},
      {inKernel("createpolicy.cvt.L2::evict_last.b64 %rd1, %rd2;"), "wrong operands", 7},
      {inKernel("atom.global.add.L1::evict_last.u32 %r1, [%rd1], %r2;"), "modifier '.L1::evict_last'", 7},
      {inKernel("atom.global.cas.L2::cache_hint.b32 %r1, [%rd1], %r2, %r3, %rd2;"), "is not supported", 7},
      {inKernel("{ .reg .b128 %q; atom.global.and.b128 %q, [%rd1], %q; }"),
       "'atom.global.and.b128' is not supported", 7},
      {inKernel("{ .reg .b128 %q; red.global.exch.b128 [%rd1], %q; }"),
       "'red.global.exch.b128' is not supported", 7},
      {inKernel("mov.u64 %rd1, %tid.x;"), "wrong operands for 'mov.u64'", 7},
      {inKernel("mov.u32 %r1, %is_explicit_cluster;"), "wrong operands for 'mov.u32'", 7},
      {inKernel("mov.u32 %r1, %reserved_smem_offset_0;"), "special register '%reserved_smem_offset_0'", 7},
      {inKernel("mov.v4.u32 {%r1, %r2, %r3, %r4}, %laneid;"), "special register '%laneid.x'", 7},
      {inKernel("max.xorsign.f32 %r1, %r2, %r3;"), "'max.xorsign.f32' is not supported", 7},
      {inKernel("ld.global.L3::x.u32 %r1, [%rd1];"), "modifier '.L3::x'", 7},
      {inKernel("add.u32 %r1, %r2, %rd1;"), "wrong operands for 'add.u32'", 7},
      {inKernel("mov.u32 %r1, %undefined;"), "special register '%undefined'", 7},
      {inKernel("bra NOWHERE;"), "label 'NOWHERE' is not defined", 7},
      {inKernel("L: L: add.u32 %r1, %r2, %r3;"), "label 'L' is defined twice", 7},
      {inKernel("@%r1 bra L; L:"), "is not a predicate", 7},
      {inKernel("wgmma.fence.sync.aligned;"), "instruction 'wgmma'", 7},
      {inKernel("mma.sync.aligned.m16n8k99.row.col.f32.f16.f16.f32 {%r1}, {%r1}, {%r1}, {%r1};"),
       "'mma.sync.aligned.m16n8k99", 7},
      {inKernel("st.const.u32 [%rd1], %r1;"), "constant memory cannot be stored to", 7},
      {inKernel("atom.global.add.b32 %r1, [%rd1], %r2;"), "combination of instruction, type and modifiers",
       7},
      {head + ".frob x;\n", "directive '.frob'", 4},
      {head + ".global .u32 a = {1, 2};\n", "more initial values", 4},
      {head + ".visible .entry k() .reqnctapercluster 2 { ret; }\n", "'.reqnctapercluster' is not supported",
       4},
      {".version 10.0\n.target sm_80\n", "PTX version 10.0", 1},
      {".version 2.3\n.target sm_20\n", "PTX version 2.3", 1},
      {".target sm_80\n", "expected '.version' first", 1},
      {".version 7.8\n.target sm_80x\n", "unknown target", 2},
      {head + "/* no end", "comment without end", 4},
      {head + ".func f(.param .u32 a);\n.visible .entry k() {\n.param .u32 p;\ncall f, (p);\nret; }\n",
       "has no body", 7},
  };
  for (const Refused &c : cases) {
    ParseResult r = parseModule(c.text, "test");
    EXPECT_EQ(r.module, nullptr) << c.message;
    ASSERT_FALSE(r.errors.empty()) << c.text;
    EXPECT_NE(r.errors[0].message.find(c.message), std::string::npos) << r.errors[0].message;
    // inKernel's body starts at line 7.
    EXPECT_EQ(r.errors[0].line, c.line) << c.message;
  }
}

TEST(Parser, ReportsSeveralErrors) {
  ParseResult r = parseModule(inKernel("foo;\nbar.frob 1;\nadd.u32 %r1, %r2, %r3;\nbaz.u32 %r1;"), "test");
  ASSERT_EQ(r.errors.size(), 3u);
  EXPECT_EQ(r.errors[0].line, 7u);
  EXPECT_EQ(r.errors[1].line, 8u);
  EXPECT_EQ(r.errors[2].line, 10u);
}

TEST(Parser, NegativeInitialValues) {
  ParseResult r = parseModule(
      head + ".global .f32 a = -1.5;\n.global .f64 b = -0f3f800000;\n.global .b128 c = -1.0;\n", "test");
  ASSERT_NE(r.module, nullptr);
  auto bits = [&](size_t v) {
    uint64_t value = 0;
    std::memcpy(&value, r.module->variables[v].initial.data(),
                std::min<size_t>(8, r.module->variables[v].bytes));
    return value;
  };
  EXPECT_EQ(bits(0), 0xbfc00000u);
  EXPECT_EQ(bits(1), 0xbff0000000000000u);
  EXPECT_EQ(bits(2), 0xbff0000000000000u);
}

TEST(Parser, OneErrorDoesNotBringOthers) {
  ParseResult two = parseModule(inKernel("elect.sync %rd1|%p1, 5;\nelect.sync %r1|%p1, %rd1;"), "test");
  EXPECT_EQ(two.errors.size(), 2u);
  // The end of a vector is not that of its block.
  ParseResult vectors = parseModule(
      inKernel("{ mov.b64 %rd1, {%r1 %r2}; }\nmov.b64 {{%r1 %r2}, %r3}, %rd1;\nmov.b64 %rd1, {%r1, %r2;\n"
               "mov.b64 %rd1, %rd2 {%r1};\nadd.u32 %r1, %r2, %r3;"),
      "test");
  ASSERT_EQ(vectors.errors.size(), 4u);
  for (uint32_t k = 0; k < 4; ++k) EXPECT_EQ(vectors.errors[k].line, 7 + k) << vectors.errors[k].message;
  // Errors inside of parentheses do not count as nesting.
  std::string many, deep = std::string(120, '(') + "1";
  for (int i = 0; i < 17; ++i) many += "call (%r1 %r2), f;\n";
  for (const Diagnostic &d : parseModule(inKernel(many), "test").errors)
    EXPECT_NE(d.message.find("expected ','"), std::string::npos) << d.message;
  many = "mov.b32 %r1, " + deep + ";\n.local .b8 a[" + deep +
         "];\nmov.b64 {{{{{{{{{{{{{{{{%r1}}}}}}}}}}}}}}}}, %rd1;";
  EXPECT_EQ(parseModule(inKernel(many), "test").errors.size(), 2u);
}

/// Runs one thread that stores %r1.
uint32_t resultOf(const std::string &body, const std::string &moduleScope = {}) {
  Device device;
  ModuleInstance m = device.load(head + moduleScope +
                                 ".visible .entry k(.param .u64 out)\n{\n.reg .b32 %r<9>; .reg .b64 %rd<9>; "
                                 ".reg .pred %p<4>; .reg .b16 %rs<4>;\n" +
                                 body + "\nld.param.u64 %rd8, [out]; st.global.u32 [%rd8], %r1;\nret;\n}\n");
  uint64_t out = device.empty<uint32_t>(1);
  expectClean(device.run(m, "k", {1}, {1}, Arguments().add(out)));
  return device.download<uint32_t>(out, 1)[0];
}

TEST(Parser, AllVersionsFromThreeToNine) {
  for (const char *top : {".version 3.0\n.target sm_20\n", ".version 9.5\n.target sm_80\n"})
    EXPECT_NE(parseModule(std::string(top) + ".address_size 64\n.entry k(.param .u64 p) { exit; }\n", "test")
                  .module,
              nullptr)
        << top;
}

TEST(Traps, LabelsAreLocalToBlocks) {
  EXPECT_EQ(resultOf("mov.u32 %r1, 0;\n{ bra L; add.u32 %r1, %r1, 100; L: add.u32 %r1, %r1, 1; }\n"
                     "{ bra L; add.u32 %r1, %r1, 100; L: add.u32 %r1, %r1, 2; }\nbra L; add.u32 %r1, %r1, "
                     "100;\nL: add.u32 %r1, %r1, 4;"),
            7u);
}

TEST(Traps, SeveralStatementsOnALineAndVectorsOfOne) {
  EXPECT_EQ(resultOf("{ .reg .b32 x, y; mov.u32 x, 9; mov.b32 {y}, {x}; mov.b32 %r1, { y }; }"), 9u);
}

TEST(Traps, SharedAddressInThirtyTwoBits) {
  EXPECT_EQ(resultOf("mov.b32 %r2, smem; st.shared.u32 [ %r2 + 8 ], 17; ld.shared.u32 %r1, [smem+8];",
                     ".shared .align 4 .b8 smem[16];\n"),
            17u);
}

TEST(Traps, CarryOfASubtractionMeansNoBorrow) {
  // 5 - 3 does not borrow: the carry is 1, and an addc that reads it adds it.
  EXPECT_EQ(resultOf("mov.u32 %r2, 5; mov.u32 %r3, 3; sub.cc.u32 %r4, %r2, %r3; addc.u32 %r1, 10, 20;"), 31u);
  EXPECT_EQ(resultOf("mov.u32 %r2, 3; mov.u32 %r3, 5; sub.cc.u32 %r4, %r2, %r3; addc.u32 %r1, 10, 20;"), 30u);
}

TEST(Traps, InitialisersMixNumbersAndAddresses) {
  EXPECT_EQ(resultOf("mov.u64 %rd1, table; ld.global.u64 %rd2, [%rd1+8]; ld.u32 %r1, [%rd2];",
                     ".global .align 4 .u32 numbers[3] = {11, 22, 33};\n.global .align 8 .u64 table[2] = {7, "
                     "generic(numbers)+8};\n"),
            33u);
}

TEST(Traps, IndirectCallsAndBranchTables) {
  EXPECT_EQ(
      resultOf(
          "mov.u32 %r2, 2;\n{ ts: .branchtargets A, B, C; brx.idx %r2, ts; }\nA: mov.u32 %r1, 1; bra END;\n"
          "B: mov.u32 %r1, 2; bra END;\nC: mov.u32 %r1, 3; bra END;\nEND:"),
      3u);
  EXPECT_EQ(
      resultOf(
          "mov.u64 %rd1, twice;\n{ .param .b32 a; .param .b32 r; st.param.b32 [a+0], 21;\n"
          "proto_0 : .callprototype (.param .b32 _) _ (.param .b32 _);\ncall (r), %rd1,\n (a)\n, proto_0;\n"
          "ld.param.b32 %r1, [r + 0]; }",
          ".func (.param .b32 r) twice(.param .b32 a)\n{ .reg .b32 %x; ld.param.b32 %x, [a]; add.u32 %x, %x, "
          "%x; "
          "st.param.b32 [r], %x; ret; }\n"),
      42u);
}

TEST(Traps, RegistersWiderThanTheLoad) {
  EXPECT_EQ(resultOf("ld.global.s8 %r1, [b];", ".global .align 4 .b8 b[4] = {0xfe, 1, 2, 3};\n"),
            0xfffffffeu);
  EXPECT_EQ(resultOf("ld.global.u8 %rd1, [b+1]; cvt.u32.u64 %r1, %rd1;",
                     ".global .align 4 .b8 b[4] = {0xfe, 129, 2, 3};\n"),
            129u);
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

/// Parses; what is accepted is also executed for a moment: any outcome is right that is no crash.
void survive(const std::string &text) {
  ParseResult r = parseModule(text, "damaged");
  EXPECT_EQ(r.module == nullptr, !r.errors.empty());
  EXPECT_LE(r.errors.size(), 20u);
}

TEST(Damage, TruncatedAnywhere) {
  std::string text = readProgram("matmul.o3.ptx");
  for (size_t n = 0; n < text.size(); n += 97) survive(text.substr(0, n));
}

TEST(Damage, MutatedBytes) {
  std::string text = readProgram("basic.o0.ptx").substr(0, 20000) + "\n}\n";
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = text;
    for (unsigned k = 0; k < 1 + random() % 8; ++k) {
      size_t at = random() % damaged.size();
      if (random() % 3 == 0)
        damaged.erase(at, random() % 20);
      else if (random() % 2)
        damaged[at] = char(random());
      else
        damaged.insert(at, damaged.substr(random() % damaged.size(), random() % 40));
    }
    survive(damaged);
  }
}

TEST(Damage, DeepNestingAndHugeNumbers) {
  survive(inKernel(std::string(100000, '{')));
  survive(inKernel("mov.u32 %r1, " + std::string(100000, '(') + ";"));
  survive(inKernel("mov.b64 {" + std::string(1000, '{') + ";"));
  survive(inKernel(".reg .b32 %q<99999999999999999>; mov.u32 %q77777777, 1;"));
  survive(head + ".global .b8 a[99999999999999999999];");
  survive(head + ".global .b8 a[4294967295][4294967295];");
  survive(head + ".shared .b8 a[4294967295];\n.entry k() { .reg .b32 %r; mov.u32 %r, a; ret; }");
  survive(inKernel(".local .b8 a[4000000000];"));
  survive(std::string(1, '\0'));
  survive("");
}

} // namespace
