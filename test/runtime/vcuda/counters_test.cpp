// Counters against values worked out by hand.
#include "test/runtime/vcuda/device.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

/// Thread t accesses shared memory at `address`, an expression in %t whose result is in %a. The load stands
/// on line 9.
std::string sharedKernel(const std::string &address, const std::string &load) {
  return ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 out)\n{\n"
         ".reg .b32 %t, %a, %r<4>; .reg .b64 %rd; .shared .align 16 .b8 s[16384];\nmov.u32 %t, %tid.x; "
         "mov.u32 %r3, s;\n" +
         address + "\n" + load + "\nret;\n}\n";
}

LineCounters sharedLine(const std::string &address, const std::string &load) {
  Device device;
  device.options.counters = true;
  ModuleInstance m = device.load(sharedKernel(address, load));
  LaunchResult r = device.run(m, "k", {1}, {32}, Arguments().add(uint64_t(0)));
  EXPECT_EQ(r.status, LaunchResult::Ok);
  EXPECT_EQ(r.counters.sharedBankConflicts,
            r.counters.lines[9].wavefronts - r.counters.lines[9].idealWavefronts);
  return r.counters.lines[9];
}

TEST(SharedMemory, ClassicPatterns) {
  struct Pattern {
    const char *name, *address, *load;
    uint64_t wavefronts, ideal;
  };
  const Pattern patterns[] = {
      {"consecutive words", "shl.b32 %a, %t, 2;", "ld.shared.u32 %r0, [%a];", 1, 1},
      {"one word for all", "mov.u32 %a, 64;", "ld.shared.u32 %r0, [%a];", 1, 1},
      {"every second word", "shl.b32 %a, %t, 3;", "ld.shared.u32 %r0, [%a];", 2, 1},
      {"a column of 32 words a row", "shl.b32 %a, %t, 7;", "ld.shared.u32 %r0, [%a];", 32, 1},
      {"the same, padded by a word", "mul.lo.u32 %a, %t, 132;", "ld.shared.u32 %r0, [%a];", 1, 1},
      {"consecutive 8 bytes", "shl.b32 %a, %t, 3;", "ld.shared.v2.u32 {%r0, %r1}, [%a];", 2, 2},
      {"consecutive 16 bytes", "shl.b32 %a, %t, 4;", "ld.shared.v4.u32 {%r0, %r1, %r2, %r3}, [%a];", 4, 4},
      {"16 bytes of rows of 128", "shl.b32 %a, %t, 7;", "ld.shared.v4.u32 {%r0, %r1, %r2, %r3}, [%a];", 32,
       4},
      {"the same, swizzled",
       "and.b32 %r0, %t, 7; shl.b32 %r0, %r0, 4; shl.b32 %a, %t, 7; xor.b32 %a, %a, %r0;",
       "ld.shared.v4.u32 {%r0, %r1, %r2, %r3}, [%a];", 4, 4},
      {"16 bytes, exchanged",
       "shl.b32 %a, %t, 7; .reg .b128 %q<2>; mov.u64 %rd, 5; mov.b128 %q0, {%rd, %rd};",
       "atom.shared.exch.b128 %q1, [%a], %q0;", 32, 4},
      {"bytes", "mov.u32 %a, %t;", "ld.shared.u8 %r0, [%a];", 1, 1},
      {"ldmatrix of rows of 128", "shl.b32 %a, %t, 7;",
       "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%a];", 32, 4},
  };
  for (const Pattern &p : patterns) {
    LineCounters line = sharedLine(p.address, p.load);
    EXPECT_EQ(line.wavefronts, p.wavefronts) << p.name;
    EXPECT_EQ(line.idealWavefronts, p.ideal) << p.name;
    EXPECT_EQ(line.executed, 1u) << p.name;
  }
}

/// 32 threads read 4 bytes at in + t * stride and write 4 bytes at out + 4 * t.
const char *const globalKernel =
    ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out, "
    ".param .u32 stride)\n{\n"
    ".reg .b32 %t, %s, %r; .reg .b64 %rd<4>;\nmov.u32 %t, %tid.x; ld.param.u32 %s, [stride];\n"
    "ld.param.u64 %rd0, [in]; mul.wide.u32 %rd1, %t, %s; add.s64 %rd0, %rd0, %rd1; ld.param.u64 %rd2, "
    "[out];\n"
    "ld.global.u32 %r, [%rd0];\nmul.wide.u32 %rd1, %t, 4; add.s64 %rd2, %rd2, %rd1;\nst.global.u32 [%rd2], "
    "%r;\nret;\n}\n";

TEST(GlobalMemory, SectorsAndDistinctBytes) {
  struct Case {
    uint32_t stride, shift;
    uint64_t sectors, distinct;
  };
  for (Case c : {Case{4, 0, 4, 128}, Case{4, 4, 5, 128}, Case{0, 0, 1, 4}, Case{8, 0, 8, 128},
                 Case{32, 0, 32, 128}, Case{128, 0, 32, 128}}) {
    Device device;
    device.options.counters = true;
    ModuleInstance m = device.load(globalKernel);
    uint64_t in = device.upload(std::vector<uint32_t>(2048)), out = device.empty<uint32_t>(32);
    LaunchResult r = device.run(m, "k", {1}, {32}, Arguments().add(in + c.shift).add(out).add(c.stride));
    expectClean(r);
    EXPECT_EQ(r.counters.globalSectorsRead, c.sectors) << c.stride;
    EXPECT_EQ(r.counters.globalSectorsWritten, 4u);
    EXPECT_EQ(r.counters.globalBytesRead, 128u);
    EXPECT_EQ(r.counters.globalBytesWritten, 128u);
    EXPECT_EQ(r.counters.lines[9].sectors, c.sectors);
    EXPECT_EQ(r.counters.lines[9].bytes, 128u);
    uint64_t inId = device.memory.find(in).id, outId = device.memory.find(out).id;
    EXPECT_EQ(r.counters.buffers[inId].distinctBytesRead, c.distinct);
    EXPECT_EQ(r.counters.buffers[inId].distinctBytesWritten, 0u);
    EXPECT_EQ(r.counters.buffers[outId].distinctBytesWritten, 128u);
  }
}

TEST(Instructions, ByClassAndInTotal) {
  Device device;
  ModuleInstance m = device.load(globalKernel);
  uint64_t in = device.upload(std::vector<uint32_t>(2048)), out = device.empty<uint32_t>(32);
  // Two CTAs of one warp, which write the same values.
  LaunchResult r = device.run(m, "k", {2}, {32}, Arguments().add(in).add(out).add(4));
  expectClean(r);
  auto count = [&](InstructionClass c) { return r.counters.instructions[size_t(c)]; };
  EXPECT_EQ(count(InstructionClass::Move), 2u);          // mov from %tid.x
  EXPECT_EQ(count(InstructionClass::ParameterLoad), 6u); // three a warp
  EXPECT_EQ(count(InstructionClass::Integer), 8u);
  EXPECT_EQ(count(InstructionClass::GlobalLoad), 2u);
  EXPECT_EQ(count(InstructionClass::GlobalStore), 2u);
  EXPECT_EQ(count(InstructionClass::Control), 2u);
  EXPECT_EQ(r.counters.totalInstructions(), 22u);
  EXPECT_EQ(r.counters.ctas, 2u);
  EXPECT_EQ(r.counters.warps, 2u);
}

TEST(Determinism, CountersOfManyThreads) {
  Device device;
  device.options.threads = 4;
  ModuleInstance m = device.load(readProgram("basic.o3.ptx"));
  uint64_t in = device.upload(std::vector<float>(1000)), out = device.empty<float>(5);
  LaunchResult first;
  for (int round = 0; round < 5; ++round) {
    LaunchResult r = device.run(m, "reduce", {5}, {64}, Arguments().add(in).add(out).add(1000));
    expectClean(r);
    if (round) {
      EXPECT_EQ(r.counters.instructions, first.counters.instructions);
      EXPECT_EQ(r.counters.barriers, first.counters.barriers);
    } else {
      first = r;
    }
  }
}

} // namespace
